/*
 * system: the two tables, and the options that they come to.
 *
 * macOS gives up a volume when a request is not answered in time, be it only
 * a read that waits for a script. So the time is the longest that there is, and
 * ours is shorter. What is not said there on purpose: "local" (Finder then
 * keeps a Trash on it and believes that nobody else changes anything),
 * "noappledouble" and "noapplexattr" (copies fail), "auto_xattr" (writes ._
 * files into guests), "negative_vncache" (machines appear by themselves).
 * nosuid and nodev are what it does anyway. Its other backend (backend=fskit)
 * knows next to none of these words.
 */
#include "mount/system.h"

#include <stdlib.h>
#include <string.h>

#include "ops/buf.h"

enum { OPTIONS_MAX = 8192 };

static const struct system_option linux_options[] = {
	{ "fsname=orbfs", SYSTEM_ALWAYS, true },
	{ "subtype=orbfs", SYSTEM_ALWAYS, true },
	{ "nosuid", SYSTEM_ALWAYS, true },
	{ "nodev", SYSTEM_ALWAYS, true },
	/* Below files/ the mounting user is root. Where others may come in, the
	 * kernel checks what each may do. */
	{ "default_permissions", SYSTEM_SHARED, true },
	{ 0 },
};

static const struct system_option macos_options[] = {
	{ "volname=VMs", SYSTEM_ALWAYS, true },
	{ "fsname=orbfs", SYSTEM_ALWAYS, false },
	{ "default_permissions", SYSTEM_SHARED, false },
	{ "defer_permissions", SYSTEM_OWN, false },
	{ "native_xattr", SYSTEM_ALWAYS, false },
	{ "auto_cache", SYSTEM_ALWAYS, false },
	{ "excl_create", SYSTEM_ALWAYS, false },
	{ "daemon_timeout=600", SYSTEM_ALWAYS, false },
	{ 0 },
};

const struct system system_linux = {
	.has_local = true,
	.options = linux_options,
};
const struct system system_macos = {
	.mountpoint = "/Volumes/vms",
	.makes_in = "/Volumes/",
	.shared_opens = true,
	.options = macos_options,
	.timeout_s = 600,
	.finder = true,
};
#ifdef __APPLE__
const struct system *const system_here = &system_macos;
#else
const struct system *const system_here = &system_linux;
#endif

/* The user's option with that word, or NULL. */
static const char *find(const char *said, const char *word, size_t len)
{
	for (; *said; said += strcspn(said, ","), said += *said == ',')
		if (strncmp(said, word, len) == 0 &&
		    (said[len] == '\0' || strchr(",=", said[len])))
			return said;
	return NULL;
}

/* Is it the backend of macOS that is no kernel extension? */
static bool is_fskit(const struct system *system, const char *said)
{
	const char *backend = find(said, "backend", strlen("backend"));

	return system->timeout_s && backend &&
	       strncmp(backend, "backend=fskit", strlen("backend=fskit")) == 0;
}

char *system_options(const struct system *system, const char *said, bool shared)
{
	struct buf text = BUF_INIT(OPTIONS_MAX);
	bool fskit = is_fskit(system, said);
	const struct system_option *o = system->options;

	for (; o->text; o++) {
		if ((fskit && !o->anywhere) ||
		    (o->when == SYSTEM_SHARED && !shared) ||
		    (o->when == SYSTEM_OWN && shared) ||
		    find(said, o->text, strcspn(o->text, "=")))
			continue;
		buf_printf(&text, "%s%s", text.len ? "," : "", o->text);
	}
	if (*said)
		buf_printf(&text, "%s%s", text.len ? "," : "", said);
	return buf_detach(&text, NULL);
}

bool system_makes(const struct system *system, const char *mountpoint)
{
	size_t len = system->makes_in ? strlen(system->makes_in) : 0;

	return len && strncmp(mountpoint, system->makes_in, len) == 0 &&
	       mountpoint[len] && !strchr(mountpoint + len, '/');
}

unsigned system_patience_ms(const struct system *system, const char *said)
{
	enum { USUAL_S = 60, MOST_S = 600 };
	const char *word = "daemon_timeout";
	const char *own = find(said, word, strlen(word));
	unsigned long timeout_s = system->timeout_s;

	if (!timeout_s)
		return 0;
	if (is_fskit(system, said))
		timeout_s = USUAL_S;
	if (own && own[strlen(word)] == '=')
		timeout_s = strtoul(own + strlen(word) + 1, NULL, 10);
	/* It takes no other. */
	if (timeout_s < 1 || timeout_s > MOST_S)
		timeout_s = USUAL_S;
	return (unsigned)timeout_s * 900;
}
