/*
 * doctor: look at everything that orbfs needs, and say how to mend it.
 *
 * First what can be seen at once, a table of functions; then the engine is
 * asked for its version, its status and its machines, one after another, as
 * far as it answers.
 */
#include "mount/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <unistd.h>

#include "ops/agent.h"

enum { FILES_ENOUGH = 1024 };

struct look {
	const struct doctor_spec *spec;
	unsigned n_bad;
	doctor_fn *done;
	void *arg;
};

static void say(struct look *look, const char *how, const char *what,
                const char *fmt, va_list ap)
{
	fprintf(look->spec->out, "%-4s %s: ", how, what);
	vfprintf(look->spec->out, fmt, ap);
	fputc('\n', look->spec->out);
}

static void good(struct look *look, const char *what, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void good(struct look *look, const char *what, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(look, "ok", what, fmt, ap);
	va_end(ap);
}

static void bad(struct look *look, const char *what, const char *advice,
                const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static void bad(struct look *look, const char *what, const char *advice,
                const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(look, "bad", what, fmt, ap);
	va_end(ap);
	fprintf(look->spec->out, "     %s\n", advice);
	look->n_bad++;
}

/* ---- this computer ---- */

#ifdef __APPLE__
static void look_at_fuse(struct look *look)
{
	if (access(look->spec->fuse_device, F_OK) == 0)
		good(look, "FUSE", "macFUSE, libfuse %s", fuse_pkgversion());
	else
		bad(look, "FUSE",
		    "brew install --cask macfuse, then allow its system "
		    "extension in System Settings, Privacy & Security",
		    "%s is not there", look->spec->fuse_device);
}
#else
static void look_at_fuse(struct look *look)
{
	const char *device = look->spec->fuse_device;
	int fd = open(device, O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		good(look, "FUSE", "%s, libfuse %s", device, fuse_pkgversion());
	else if (errno == EACCES || errno == EPERM)
		bad(look, "FUSE",
		    "let this user read and write it: chmod 666 "
		    "/dev/fuse, or in a container: --device /dev/fuse",
		    "%s: %s", device, strerror(errno));
	else
		bad(look, "FUSE",
		    "load the kernel's module: modprobe fuse; in a "
		    "container: --device /dev/fuse --cap-add SYS_ADMIN",
		    "%s: %s", device, strerror(errno));
	if (fd >= 0)
		close(fd);
}
#endif

static bool is_program(const char *path)
{
	return access(path, X_OK) == 0;
}

/* Who is not root mounts and unmounts by a program that is. */
static void look_at_unmounter(struct look *look)
{
	const char *const *path = look->spec->unmounter;

	if (!path)
		return;
	while (*path && !is_program(*path))
		path++;
	if (*path)
		good(look, "mounting as a user", "%s", *path);
	else
		bad(look, "mounting as a user",
		    "install it: apt-get install fuse3 (or dnf, pacman, apk)",
		    "fusermount3 is not there");
}

static void look_at_agent(struct look *look)
{
	char list[256] = "";

	for (const struct agent_image *a = agent_images; a->arch; a++)
		if (strlen(list) + strlen(a->arch) + 2 < sizeof(list)) {
			strcat(list, " ");
			strcat(list, a->arch);
		}
	if (*list)
		good(look, "agent", "for machines with%s", list);
	else
		bad(look, "agent",
		    "build orbfs where a compiler makes static Linux "
		    "programs: make deps && make",
		    "none is carried, so files/ does not work");
}

static void look_at_files(struct look *look)
{
	struct rlimit files = { 0 };

	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		return;
	if (files.rlim_max >= FILES_ENOUGH)
		good(look, "open files", "up to %llu",
		     (unsigned long long)files.rlim_max);
	else
		bad(look, "open files", "raise the limit: ulimit -Hn 4096",
		    "only %llu", (unsigned long long)files.rlim_max);
}

static void (*const looks[])(struct look *look) = {
	look_at_fuse,
	look_at_unmounter,
	look_at_agent,
	look_at_files,
};

/* ---- the engine ---- */

static void finish(struct look *look)
{
	doctor_fn *done = look->done;
	void *arg = look->arg;
	unsigned n_bad = look->n_bad;

	free(look);
	done(arg, n_bad);
}

static void on_list(void *arg, int err, struct machine_list *list,
                    const char *why)
{
	struct look *look = arg;
	size_t running = 0;

	if (err) {
		bad(look, "machines", strerror(-err), "%s", why);
		finish(look);
		return;
	}
	for (size_t i = 0; i < list->n; i++)
		running += list->v[i]->state == MACHINE_RUNNING;
	good(look, "machines", "%zu, %zu of them running", list->n, running);
	finish(look);
}

static void on_status(void *arg, int err, const char *text, size_t len,
                      const char *why)
{
	struct look *look = arg;
	struct engine *engine = look->spec->engine;

	if (!err && len >= 7 && strncasecmp(text, "running", 7) == 0) {
		good(look, "engine", "%s is running", engine_name(engine));
		engine_list(engine, on_list, look);
		return;
	}
	bad(look, "engine",
	    "start it: open -a OrbStack, or: orbctl start; orbfs may be "
	    "mounted before, and finds it when it is there",
	    "%s does not run%s%s", engine_name(engine), *why ? ": " : "", why);
	finish(look);
}

static void on_version(void *arg, int err, const char *text, size_t len,
                       const char *why)
{
	struct look *look = arg;
	struct engine *engine = look->spec->engine;
	struct engine_call status = { .op = ENGINE_STATUS };

	if (!err) {
		good(look, "engine", "%s, %.*s", engine_program(engine),
		     (int)strcspn(text, "\n"), len ? text : "");
		engine_text(engine, &status, on_status, look);
		return;
	}
	bad(look, "engine",
	    "install OrbStack (brew install orbstack), or name another "
	    "program: --orbctl PATH; on Linux: --engine local",
	    "%s: %s", engine_name(engine), *why ? why : strerror(-err));
	finish(look);
}

/* ---- all of it ---- */

struct doctor_spec doctor_usual(void)
{
#ifdef __APPLE__
	return (struct doctor_spec){
		.fuse_device = "/Library/Filesystems/macfuse.fs",
	};
#else
	static const char *const unmounters[] = {
		"/usr/bin/fusermount3",
		"/bin/fusermount3",
		"/usr/local/bin/fusermount3",
		NULL,
	};

	return (struct doctor_spec){
		.fuse_device = "/dev/fuse",
		.unmounter = geteuid() == 0 ? NULL : unmounters,
	};
#endif
}

void doctor_look(const struct doctor_spec *spec, doctor_fn *done, void *arg)
{
	struct engine_call version = { .op = ENGINE_VERSION };
	struct look *look = calloc(1, sizeof(*look));

	if (!look) {
		fprintf(spec->out, "bad  memory: there is none\n");
		done(arg, 1);
		return;
	}
	*look = (struct look){ .spec = spec, .done = done, .arg = arg };
	for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++)
		looks[i](look);
	engine_text(spec->engine, &version, on_version, look);
}
