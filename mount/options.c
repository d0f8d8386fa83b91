/*
 * options: from argv to struct options.
 *
 * Owns the two tables of what may be said: words of the command line, and keys
 * after -o. libfuse's own parser is not used, since it also mounts on "-h" of
 * other programs' meaning, prints, and cannot be asked twice.
 */
#include "mount/options.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mount/system.h"
#include "ops/buf.h"

enum { FUSE_OPTIONS_MAX = 4096 };

/* A parse under way. */
struct parse {
	struct options *to;
	struct buf fuse;
	char *why;
	unsigned long why_len;
};

static int refuse(struct parse *p, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static int refuse(struct parse *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p->why, p->why_len, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static int set_word(char **to, const char *value)
{
	char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	free(*to);
	*to = copy;
	return 0;
}

/* ---- values ---- */

static int take_foreground(struct parse *p, const char *value)
{
	(void)value;
	p->to->foreground = true;
	return 0;
}

static int take_trace(struct parse *p, const char *value)
{
	(void)value;
	p->to->trace = true;
	p->to->foreground = true;
	return 0;
}

static int take_help(struct parse *p, const char *value)
{
	(void)value;
	p->to->act = OPTIONS_HELP;
	return 0;
}

static int take_version(struct parse *p, const char *value)
{
	(void)value;
	p->to->act = OPTIONS_VERSION;
	return 0;
}

static int take_engine(struct parse *p, const char *value)
{
	static const char *const words[] = {
		[OPTIONS_AUTO] = "auto",
		[OPTIONS_ORBCTL] = "orbctl",
		[OPTIONS_LOCAL] = "local",
	};

	if (strcmp(value, "local") == 0 && !system_here->has_local)
		return refuse(p, "engine local: its machines are Linux's own, "
		                 "and this is not Linux");
	for (int i = 0; i <= OPTIONS_LOCAL; i++)
		if (strcmp(value, words[i]) == 0) {
			p->to->engine = (enum options_engine)i;
			return 0;
		}
	return refuse(p, "unknown engine '%s': orbctl, local or auto", value);
}

static int take_orbctl(struct parse *p, const char *value)
{
	if (!*value || *value == '-')
		return refuse(p, "--orbctl wants a path, not '%s'", value);
	return set_word(&p->to->orbctl, value);
}

static int take_ready_fd(struct parse *p, const char *value)
{
	char *end;
	long fd = strtol(value, &end, 10);

	if (end == value || *end || fd <= STDERR_FILENO || fd > INT_MAX)
		return refuse(p, "--ready-fd=%s: not a descriptor", value);
	p->to->ready_fd = (int)fd;
	return 0;
}

static int take_ttl(struct parse *p, const char *value)
{
	char *end;
	double seconds = strtod(value, &end);

	if (end == value || *end || !(seconds >= 0 && seconds <= 3600))
		return refuse(p, "ttl=%s: seconds, 0 to 3600", value);
	p->to->ttl_ms = (unsigned)(seconds * 1000 + 0.5);
	return 0;
}

static int take_spool(struct parse *p, const char *value)
{
	char *end;
	unsigned long mib = strtoul(value, &end, 10);

	if (strchr(value, '-') || end == value || *end || mib < 1 ||
	    mib > 65536)
		return refuse(p, "spool=%s: MiB, 1 to 65536", value);
	p->to->spool = (uint64_t)mib << 20;
	return 0;
}

/* A word that ends up in an argument list. */
static int take_word(struct parse *p, const char *key, char **to,
                     const char *value)
{
	if (!*value || *value == '-' || strlen(value) > 128)
		return refuse(p, "%s=%s: not a name", key, value);
	return set_word(to, value);
}

static int take_image(struct parse *p, const char *value)
{
	return take_word(p, "image", &p->to->image, value);
}

static int take_arch(struct parse *p, const char *value)
{
	return take_word(p, "arch", &p->to->arch, value);
}

static int take_symlinks(struct parse *p, const char *value)
{
	if (strcmp(value, "raw") != 0 && strcmp(value, "inside") != 0)
		return refuse(p, "symlinks=%s: raw or inside", value);
	p->to->raw_links = strcmp(value, "raw") == 0;
	return 0;
}

static int take_idmap(struct parse *p, const char *value)
{
	if (strcmp(value, "none") != 0 && strcmp(value, "user") != 0)
		return refuse(p, "idmap=%s: user or none", value);
	p->to->map_user = strcmp(value, "user") == 0;
	return 0;
}

static int take_drafts(struct parse *p, const char *value)
{
	(void)value;
	p->to->drafts = true;
	return 0;
}

static int take_finder(struct parse *p, const char *value)
{
	(void)value;
	p->to->finder = true;
	return 0;
}

static int take_user(struct parse *p, const char *value)
{
	return take_word(p, "user", &p->to->user, value);
}

/* ---- the tables ---- */

struct word {
	const char *name;
	bool has_value;
	int (*take)(struct parse *p, const char *value);
};

static const struct word flags[] = {
	{ "-f", false, take_foreground },
	{ "-d", false, take_trace },
	{ "-h", false, take_help },
	{ "--help", false, take_help },
	{ "-V", false, take_version },
	{ "--version", false, take_version },
	{ "--engine", true, take_engine },
	{ "--orbctl", true, take_orbctl },
	{ "--ready-fd", true,
	  take_ready_fd }, /* of a start in the background */
	{ 0 },
};

static const struct word keys[] = {
	{ "engine", true, take_engine },  { "orbctl", true, take_orbctl },
	{ "ttl", true, take_ttl },        { "symlinks", true, take_symlinks },
	{ "idmap", true, take_idmap },    { "drafts", false, take_drafts },
	{ "finder", false, take_finder }, { "spool", true, take_spool },
	{ "image", true, take_image },    { "arch", true, take_arch },
	{ "user", true, take_user },      { 0 },
};

/* The row of a word that is `name` or begins with "name=". */
static const struct word *find_word(const struct word *words, const char *text)
{
	size_t len = strcspn(text, "=");

	for (const struct word *w = words; w->name; w++)
		if (strlen(w->name) == len && strncmp(w->name, text, len) == 0)
			return w;
	return NULL;
}

/* One of the options between the commas of -o. */
static int take_option(struct parse *p, const char *option)
{
	const struct word *w = find_word(keys, option);
	const char *value = strchr(option, '=');

	if (!*option)
		return 0;
	if (w && w->has_value != (value != NULL))
		return refuse(p, "%s wants %s value", w->name,
		              w->has_value ? "a" : "no");
	if (w)
		return w->take(p, value ? value + 1 : NULL);
	if (strcmp(option, "allow_other") == 0)
		p->to->shared = true;
	buf_printf(&p->fuse, "%s%s", p->fuse.len ? "," : "", option);
	if (p->fuse.err == -EFBIG)
		return refuse(p, "too many options");
	return p->fuse.err;
}

static int take_options(struct parse *p, const char *list)
{
	char *copy = strdup(list);
	char *rest = copy;
	char *option;
	int err = copy ? 0 : -ENOMEM;

	while (!err && (option = strsep(&rest, ",")))
		err = take_option(p, option);
	free(copy);
	return err;
}

/* One word of argv, and the next if it is its value: *i moves. */
static int take_argument(struct parse *p, int argc, char *const argv[], int *i)
{
	const char *word = argv[*i];
	const struct word *w = find_word(flags, word);
	const char *value = strchr(word, '=');

	if (strncmp(word, "-o", 2) == 0) {
		value = word[2] ? word + 2 : argv[++*i];
		if (!value)
			return refuse(p, "-o wants options");
		return take_options(p, value);
	}
	if (w && w->has_value) {
		value = value ? value + 1 : *i + 1 < argc ? argv[++*i] : NULL;
		if (!value)
			return refuse(p, "%s wants a value", w->name);
		return w->take(p, value);
	}
	if (w && !value)
		return w->take(p, NULL);
	if (word[0] == '-')
		return refuse(p, "unknown option '%s'; see orbfs --help", word);
	if (strcmp(word, "doctor") == 0 && !p->to->mountpoint) {
		p->to->act = OPTIONS_DOCTOR;
		return 0;
	}
	/* mount(8) calls us as `orbfs SOURCE MOUNTPOINT`: the last counts. */
	return set_word(&p->to->mountpoint, word);
}

int options_parse(struct options *options, int argc, char *const argv[],
                  const char *orbctl_env, char *why, unsigned long why_len)
{
	struct parse p = {
		.to = options,
		.fuse = BUF_INIT(FUSE_OPTIONS_MAX),
		.why = why,
		.why_len = why_len,
	};
	int err = 0;

	*options = (struct options){
		.ttl_ms = 1000,
		.spool = UINT64_C(64) << 20,
		.finder = system_here->finder,
		.ready_fd = -1,
	};
	if (orbctl_env && *orbctl_env)
		err = take_orbctl(&p, orbctl_env);
	for (int i = 1; i < argc && !err; i++)
		err = take_argument(&p, argc, argv, &i);
	if (!err && options->act == OPTIONS_DOCTOR && options->mountpoint)
		err = refuse(&p, "doctor mounts nothing; a directory of that "
		                 "name is ./doctor");
	if (!err && options->act == OPTIONS_MOUNT && !options->mountpoint &&
	    system_here->mountpoint)
		err = set_word(&options->mountpoint, system_here->mountpoint);
	if (!err && options->act == OPTIONS_MOUNT && !options->mountpoint)
		err = refuse(&p, "where to? orbfs MOUNTPOINT");
	if (!err)
		options->fuse = buf_detach(&p.fuse, NULL);
	if (!err && !options->fuse)
		err = -ENOMEM;
	if (err == -ENOMEM)
		(void)refuse(&p, "no memory");
	buf_free(&p.fuse);
	return err;
}

void options_free(struct options *options)
{
	free(options->mountpoint);
	free(options->orbctl);
	free(options->image);
	free(options->arch);
	free(options->user);
	free(options->fuse);
	*options = (struct options){ 0 };
}

const char *options_help(void)
{
	return "usage: orbfs [options] MOUNTPOINT\n"
	       "       orbfs [--engine ...] [--orbctl PATH] doctor\n"
	       "Show virtual machines as directories below MOUNTPOINT; or look "
	       "at what this\n"
	       "computer lacks for that, and say how to get it.\n"
	       "On macOS MOUNTPOINT may be left out: it is /Volumes/vms then.\n"
	       "\n"
	       "  -f                   stay in the foreground\n"
	       "  -d                   the same, and log every request\n"
	       "  --engine orbctl|local\n"
	       "                       default: orbctl where it is found, else "
	       "local on Linux\n"
	       "  --orbctl PATH        another orbctl (also: ORBFS_ORBCTL)\n"
	       "  -o ttl=SECONDS       how long a list of machines is kept "
	       "(default 1)\n"
	       "  -o image=DISTRO:VERSION,arch=ARCH,user=NAME\n"
	       "                       what mkdir creates\n"
	       "  -o spool=MIB         output kept of each script (default "
	       "64)\n"
	       "  -o symlinks=raw      show a guest's links as they are: they "
	       "may lead to the host\n"
	       "  -o idmap=user        show a machine's default user as who "
	       "mounted\n"
	       "  -o drafts            a new folder of any name; renamed, it is "
	       "a machine\n"
	       "  -o finder            all that Finder expects (on macOS "
	       "always)\n"
	       "  -o allow_other,ro,...\n"
	       "                       what libfuse knows\n"
	       "  --version, --help\n"
	       "\n"
	       "  umount MOUNTPOINT    ends it (as a user: fusermount3 -u)\n";
}
