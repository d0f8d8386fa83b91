/*
 * orbctl: the words of OrbStack's command line tool, as an engine's table.
 *
 * The only file that knows how orbctl is asked and how it complains. Pure: it
 * builds argument lists and reads failures; ops/engine spawns. Three rules
 * keep the user's machines safe, whatever the caller does:
 *  1. No call about a machine is built without a name, since `orbctl stop`
 *     alone stops everything, and none with a name that begins with '-'.
 *  2. Never `--`: some versions refuse it.
 *  3. A machine is deleted by name, never by id (versions up to 2.2.3 panic),
 *     and always with -f, since a prompt would wait for ever.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/engine.h"
#include "ops/vitals.h"

/*
 * Runs the script that comes on stdin. It is read whole first, so that the
 * script's own stdin can be empty; a variable has no limit of length, an
 * argument has. The script sees neither that variable nor the token. The
 * trailer tells the script's status apart from failures of orbctl, which exits
 * with 1 as well. One line, so that the text of /proc/PID/cmdline, in which the
 * signal script looks for the token, is one line, too. TERM is for the script:
 * were it the end of the shell around it, one that ignores TERM would be left
 * behind, and nobody there to say when it has ended. What the shell itself says
 * of a script that a signal ended is no output of the script.
 *
 * A script that says $$ gets a shell of its own, so that $$ means the script;
 * all others go without, since its start takes a millisecond, and so does one
 * that is too long for an argument (128 KiB on Linux; a character may have four
 * bytes).
 *
 * Most scripts are one short line, which a shell reads by itself, a byte at a
 * time; the start of cat takes longer than all the rest of it.
 *
 * A script with an input of its own finds that behind it on stdin. So not a
 * byte too many is read: dd reads one at a time, too ($2 of them), where head
 * may read ahead. Any signal may be sent to it, so the shell around it outlives
 * all that can be outlived.
 */
#define RUN_SCRIPT_READ_BY(read, traps, input)                                 \
	"cd 2>/dev/null || cd /; " read "trap : " traps                        \
	"; { (case $s in *\\$\\$*) "                                           \
	"[ ${#s} -lt 30000 ] && exec sh -c -- \"$s\";; esac; "                 \
	"set --; eval \"unset s; $s\") " input "2>&3 3>&-; "                   \
	"r=$?; } 3>&2 2>/dev/null; "                                           \
	"printf '\\037%s %d\\037' \"$1\" \"$r\" >&2; exit \"$r\""
#define READ_ALL "s=$(cat; echo x); s=${s%x}; "
#define READ_LEN "s=$(dd bs=1 count=\"$2\" 2>/dev/null; echo x); s=${s%x}; "
#define READ_LINE "IFS= read -r s; "
#define ALL_TRAPS "HUP INT QUIT USR1 USR2 PIPE ALRM TERM"
#define RUN_SCRIPT RUN_SCRIPT_READ_BY(READ_ALL, "TERM", "</dev/null ")
#define RUN_LINE RUN_SCRIPT_READ_BY(READ_LINE, "TERM", "</dev/null ")
#define RUN_SCRIPT_INPUT RUN_SCRIPT_READ_BY(READ_LEN, ALL_TRAPS, "")
#define RUN_LINE_INPUT RUN_SCRIPT_READ_BY(READ_LINE, ALL_TRAPS, "")

/*
 * Signals the shells that run a script, found by their token ($1), all that is
 * of their sessions, and all that descends from either; $2 is the signal.
 * Nothing but the shell's own commands, since it must work in any guest, and
 * fast. Who is meant is known before anybody is signalled, since a process
 * whose parent dies gets another. Fields 4 and 6 of /proc/PID/stat are parent
 * and session; the name before them may hold blanks and brackets. A session
 * that reads as 0 was made outside of the guest and says nothing. What this
 * script itself was started by has the token in its arguments, too.
 */
#define SIGNAL_SCRIPT                                                          \
	"of() { p=0 s=0; IFS= read -r l <\"/proc/$1/stat\" || return; "        \
	"l=${l##*) }; set -- $l; p=$2 s=$4; }; "                               \
	"exec 2>/dev/null; of $$; m=$s; n=$$ me=' ' t= q=' '; "                \
	"while [ \"$n\" -gt 0 ]; do me=\"$me$n \"; of \"$n\"; n=$p; done; "    \
	"for d in /proc/[0-9]*; do n=${d#/proc/}; "                            \
	"case $me in *\" $n \"*) continue;; esac; "                            \
	"l=; { IFS= read -r l <\"$d/cmdline\"; }; "                            \
	"case $l in *\"$1\"*) of \"$n\"; "                                     \
	"[ \"$s\" -gt 1 ] && [ \"$s\" = \"$m\" ] && continue; "                \
	"t=\"$t $s \" q=\"$q$n \";; esac; done; o=; "                          \
	"[ -n \"$t\" ] && while [ \"$o\" != \"$q\" ]; do o=$q; "               \
	"for d in /proc/[0-9]*; do n=${d#/proc/}; "                            \
	"case $me$q in *\" $n \"*) continue;; esac; of \"$n\"; "               \
	"case $q in *\" $p \"*) q=\"$q$n \"; continue;; esac; "                \
	"case $t in *\" $s \"*) [ \"$s\" -gt 1 ] && q=\"$q$n \";; esac; "      \
	"done; done; for n in $q; do kill -\"$2\" \"$n\"; done; exit 0"

/*
 * Becomes the agent: takes $2 bytes from stdin, makes them a program where one
 * may be run, and runs it; it removes itself, and its stdin goes on. Nothing
 * is sent behind those bytes until it has said hello, so that it does no harm
 * when head reads ahead. Needs sh, head and chmod. Where /dev/shm, /run and
 * /tmp are mounted noexec or read-only, other places are tried.
 */
#define AGENT_SCRIPT                                                           \
	"umask 077; f=; for d in /dev/shm /run /tmp /var/tmp /root /; do "     \
	"p=$d/.orbfs-agent-$1; "                                               \
	"(printf '#!/bin/sh\n' >\"$p\") 2>/dev/null || continue; "             \
	"chmod 700 \"$p\" && \"$p\" 2>/dev/null && f=$p && break; "            \
	"rm -f \"$p\"; done; "                                                 \
	"[ -n \"$f\" ] || { echo 'no place to run a program' >&2; exit 1; }; " \
	"head -c \"$2\" >\"$f\" && exec \"$f\" \"$f\"; "                       \
	"r=$?; rm -f \"$f\"; exit \"$r\""

static const struct {
	const char *word;
	int64_t unit; /* our bytes are divided by this, rounded up */
} set_keys[MACHINE_N_KEYS] = {
	[MACHINE_KEY_USER] = { "username", 0 },
	[MACHINE_KEY_CPUS] = { "cpu", 0 },
	[MACHINE_KEY_MEMORY] = { "memory_mib", 1 << 20 },
	[MACHINE_KEY_DISK] = { "disk_bytes", 1 },
	[MACHINE_KEY_ISOLATED] = { "isolated", 0 },
	[MACHINE_KEY_ISOLATE_NETWORK] = { "isolate_network", 0 },
	[MACHINE_KEY_FORWARD_SSH_AGENT] = { "forward_ssh_agent", 0 },
};

static void add(struct engine_args *args, const char *word)
{
	if (word && args->n < ENGINE_MAX_ARGS)
		args->v[args->n++] = word;
}

static void add_all(struct engine_args *args, const char *a, const char *b,
                    const char *c, const char *d)
{
	add(args, a);
	add(args, b);
	add(args, c);
	add(args, d);
}

/* Add a flag and its value, when there is a value. */
static void add_flag(struct engine_args *args, const char *flag,
                     const char *value)
{
	if (!value)
		return;
	add(args, flag);
	add(args, value);
}

static int64_t rounded_up(int64_t bytes, int64_t unit)
{
	return bytes / unit + (bytes % unit ? 1 : 0);
}

static int set_args(const struct engine_call *call, struct engine_args *args)
{
	const char *value = call->value;
	int64_t unit = set_keys[call->key].unit;
	int n = snprintf(args->text[0], ENGINE_TEXT_MAX, "machine.%s.%s",
	                 call->name, set_keys[call->key].word);

	if (n < 0 || n >= ENGINE_TEXT_MAX || !value || value[0] == '-')
		return -EINVAL;
	if (unit) {
		int64_t bytes = strtoll(value, NULL, 10);

		snprintf(args->text[1], ENGINE_TEXT_MAX, "%" PRId64,
		         rounded_up(bytes, unit));
		value = args->text[1];
	}
	add_all(args, "config", "set", args->text[0], value);
	return 0;
}

/* Is that the name of a setting of the engine itself? Those of machines have
 * checks of their own, in set_args and before. */
static bool is_setting(const char *key)
{
	return key && key[0] && strlen(key) < ENGINE_TEXT_MAX &&
	       key[strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789_.")] ==
	               '\0' &&
	       strncmp(key, "machine.", strlen("machine.")) != 0;
}

static bool is_line(const char *s)
{
	for (; *s; s++)
		if (iscntrl((unsigned char)*s))
			return false;
	return true;
}

static int config_set_args(const struct engine_call *call,
                           struct engine_args *args)
{
	const char *value = call->value;

	if (!is_setting(call->setting) || !value || value[0] == '-' ||
	    strlen(value) >= ENGINE_TEXT_MAX || !is_line(value))
		return -EINVAL;
	add_all(args, "config", "set", call->setting, value);
	return 0;
}

/* Words that come from options, not from a machine's name. */
static bool is_word(const char *s)
{
	return !s || (s[0] && s[0] != '-' && strlen(s) <= 255);
}

static const char *run_script_of(const struct engine_call *call)
{
	if (call->input)
		return call->line ? RUN_LINE_INPUT : RUN_SCRIPT_INPUT;
	return call->line ? RUN_LINE : RUN_SCRIPT;
}

static int run_args(const struct engine_call *call, struct engine_args *args)
{
	static const char *const scripts[ENGINE_N_OPS] = {
		[ENGINE_SIGNAL] = SIGNAL_SCRIPT,
		[ENGINE_AGENT] = AGENT_SCRIPT,
	};

	if (!call->token)
		return -EINVAL;
	add(args, "run");
	add_flag(args, "-m", call->name);
	if (call->op != ENGINE_RUN)
		add_flag(args, "-u", "root");
	add_flag(args, "-w", "/");
	add(args, "sh");
	add_flag(args, "-c",
	         call->op == ENGINE_RUN ? run_script_of(call)
	                                : scripts[call->op]);
	add(args, "sh");
	add(args, call->token);
	if (call->op == ENGINE_SIGNAL)
		snprintf(args->text[0], ENGINE_TEXT_MAX, "%d", call->signal);
	else
		snprintf(args->text[0], ENGINE_TEXT_MAX, "%zu", call->len);
	if (call->op != ENGINE_RUN || call->input)
		add(args, args->text[0]);
	return 0;
}

/* Absolute, so that it cannot be taken for a flag. */
static bool is_path(const char *s)
{
	return s && s[0] == '/' && strlen(s) < PATH_MAX;
}

/* "1.500" is "1.5", and "2.000" is "2". */
static void strip_zeros(char *number)
{
	size_t len = strlen(number);

	while (number[len - 1] == '0')
		len--;
	if (number[len - 1] == '.')
		len--;
	number[len] = '\0';
}

/*
 * The limits of a new machine. Not more than three digits behind the point of
 * cpus. A bare number is MiB for the memory; of the disk nothing is known but
 * that it takes units.
 */
static int limit_args(const struct engine_call *call, struct engine_args *args)
{
	int64_t mib = 1 << 20;
	int64_t gib = 1 << 30;
	bool even = call->disk % gib == 0;

	if (!(call->cpus >= 0 && call->cpus < 10000) || call->memory < 0 ||
	    call->disk < 0)
		return -EINVAL;
	if (call->cpus > 0) {
		snprintf(args->text[0], ENGINE_TEXT_MAX, "%.3f", call->cpus);
		strip_zeros(args->text[0]);
		add_flag(args, "--cpus", args->text[0]);
	}
	if (call->memory) {
		snprintf(args->text[1], ENGINE_TEXT_MAX, "%" PRId64,
		         rounded_up(call->memory, mib));
		add_flag(args, "--memory", args->text[1]);
	}
	if (call->disk) {
		snprintf(args->text[2], ENGINE_TEXT_MAX, "%" PRId64 "%c",
		         rounded_up(call->disk, even ? gib : mib),
		         even ? 'G' : 'M');
		add_flag(args, "--disk", args->text[2]);
	}
	return 0;
}

static int create_args(const struct engine_call *call, struct engine_args *args)
{
	if (machine_name_check(call->name) || !call->image ||
	    !is_word(call->image) || !is_word(call->arch) ||
	    !is_word(call->user) ||
	    (call->user_data && !is_path(call->user_data)))
		return -EINVAL;
	add(args, "create");
	add_flag(args, "-a", call->arch);
	add_flag(args, "-u", call->user);
	add_flag(args, "-c", call->user_data);
	if (limit_args(call, args))
		return -EINVAL;
	add(args, call->isolated ? "--isolated" : NULL);
	add(args, call->isolate_network ? "--isolate-network" : NULL);
	add(args, call->image);
	add(args, call->name);
	return 0;
}

/* RENAME and CLONE: to a name that a machine may be given. */
static int to_args(const struct engine_call *call, struct engine_args *args,
                   const char *word)
{
	if (!call->new_name || machine_name_check(call->new_name))
		return -EINVAL;
	add_all(args, word, call->name, call->new_name, NULL);
	return 0;
}

static int archive_args(const struct engine_call *call,
                        struct engine_args *args)
{
	if (!is_path(call->path))
		return -EINVAL;
	if (call->op == ENGINE_EXPORT) {
		add_all(args, "export", call->name, call->path, NULL);
		return 0;
	}
	if (machine_name_check(call->name))
		return -EINVAL;
	add_all(args, "import", "-n", call->name, call->path);
	return 0;
}

/* What is about no machine. -EOPNOTSUPP: the call is about one. */
static int general_args(const struct engine_call *call,
                        struct engine_args *args)
{
	switch (call->op) {
	case ENGINE_LIST:
		add_all(args, "list", "-f", "json", NULL);
		return 0;
	case ENGINE_CONFIG_SHOW:
		add_all(args, "config", "show", NULL, NULL);
		return 0;
	case ENGINE_CONFIG_SET:
		return config_set_args(call, args);
	case ENGINE_VERSION:
		add(args, "version");
		return 0;
	case ENGINE_STATUS:
		add(args, "status");
		return 0;
	case ENGINE_IMAGES: /* of ours alone: orbctl has no word for it */
		add(args, "images");
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

static int orbctl_args(const struct engine_call *call, struct engine_args *args)
{
	const char *name = call->name;
	int err;

	args->n = 0;
	memset(args->v, 0, sizeof(args->v));
	err = general_args(call, args);
	if (err != -EOPNOTSUPP)
		return err;
	if (!name || !machine_name_listed(name))
		return -EINVAL;
	switch (call->op) {
	case ENGINE_INFO:
		add_all(args, "info", name, "-f", "json");
		return 0;
	case ENGINE_CREATE:
		return create_args(call, args);
	case ENGINE_START:
		add_all(args, "start", name, NULL, NULL);
		return 0;
	case ENGINE_STOP:
		add_all(args, "stop", name, NULL, NULL);
		return 0;
	case ENGINE_KILL:
		add_all(args, "stop", "-f", name, NULL);
		return 0;
	case ENGINE_RESTART:
		add_all(args, "restart", name, NULL, NULL);
		return 0;
	case ENGINE_DELETE:
		add_all(args, "delete", "-f", name, NULL);
		return 0;
	case ENGINE_RENAME:
		return to_args(call, args, "rename");
	case ENGINE_CLONE:
		return to_args(call, args, "clone");
	case ENGINE_EXPORT:
	case ENGINE_IMPORT:
		return archive_args(call, args);
	case ENGINE_SET:
		return set_args(call, args);
	case ENGINE_LOGS:
		add_all(args, "logs", name, NULL, NULL);
		return 0;
	case ENGINE_RUN:
	case ENGINE_SIGNAL:
	case ENGINE_AGENT:
		return run_args(call, args);
	case ENGINE_VITALS:
		add_all(args, "run", "-m", name, NULL);
		add_all(args, "-u", "root", "-w", "/");
		add_all(args, "sh", "-c", vitals_script, NULL);
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

/* What helps. The switch of the network is what people do who make and delete
 * many machines: it gives them a fresh pool. */
#define POOL_ADVICE                                                            \
	"the pool of addresses may be used up: delete machines that are not "  \
	"needed, or switch the network away and back (echo "                   \
	"192.168.140.0/23 > .orbfs/engine/network.subnet4, wait 5 seconds, "   \
	"then the old value again), or restart OrbStack"
#define IMAGE_ADVICE "what there is: ls .images"
#define BROKEN_ADVICE "the archive is damaged, or of another program"
#define LACKING "this version lacks it"
#define ISOLATION_ADVICE "isolated machines need OrbStack 2.1 or newer"
#define LIMITS_ADVICE "limits of a machine need OrbStack 2.2 or newer"

/*
 * What orbctl's complaints mean: the first row whose text is found, in any
 * case of letters, decides. Public reports only have parts of the lines, and
 * they differ between versions, so parts are all that is compared.
 */
static const struct {
	const char *text;
	struct engine_failure failure;
} complaints[] = {
	/* Its text may hold any other. */
	{ "panic:", { -EIO, ENGINE_FINAL, NULL } },
	{ "machine not found", { -ENOENT, ENGINE_FINAL, NULL } },
	{ "no machine found", { -ENOENT, ENGINE_FINAL, NULL } },
	{ "no such machine", { -ENOENT, ENGINE_FINAL, NULL } },
	{ "machine does not exist", { -ENOENT, ENGINE_FINAL, NULL } },
	{ "already exists", { -EEXIST, ENGINE_FINAL, NULL } },
	{ "missing ip address", { -ENOSPC, ENGINE_NO_IP, POOL_ADVICE } },
	{ "timed out waiting for network",
	  { -ENOSPC, ENGINE_NO_IP, POOL_ADVICE } },
	{ "no address is free", { -ENOSPC, ENGINE_NO_IP, NULL } },
	{ "didn't start in", { -ETIMEDOUT, ENGINE_NO_IP, NULL } },
	{ "fetch index",
	  { -EIO, ENGINE_IMAGE, "the image server was not reached" } },
	{ "download rootfs",
	  { -EIO, ENGINE_IMAGE, "the download of the image broke off" } },
	{ "unknown image", { -EINVAL, ENGINE_FINAL, IMAGE_ADVICE } },
	{ "unknown distro", { -EINVAL, ENGINE_FINAL, IMAGE_ADVICE } },
	{ "unknown version", { -EINVAL, ENGINE_FINAL, IMAGE_ADVICE } },
	{ "no image of", { -EOPNOTSUPP, ENGINE_FINAL, IMAGE_ADVICE } },
	{ "debootstrap is not installed",
	  { -EOPNOTSUPP, ENGINE_FINAL, IMAGE_ADVICE } },
	{ "debootstrap needs root",
	  { -EOPNOTSUPP, ENGINE_FINAL, IMAGE_ADVICE } },
	{ "make rootfs", { -EIO, ENGINE_IMAGE, NULL } },
	{ "timed out waiting for services",
	  { -ENODEV, ENGINE_TRANSIENT,
	    "OrbStack does not run, or not for this user: open the app as the "
	    "user who is logged in at the screen" } },
	{ "agent not running",
	  { -EHOSTDOWN, ENGINE_FINAL, "try: echo restart > state" } },
	{ "machine is not running", { -EHOSTDOWN, ENGINE_FINAL, NULL } },
	{ "unknown user",
	  { -EINVAL, ENGINE_FINAL,
	    "set the user of the machine in its config" } },
	{ "no space left",
	  { -ENOSPC, ENGINE_FINAL,
	    "lift the limit first: echo 'disk 0' > config" } },
	{ "permission denied", { -EPERM, ENGINE_FINAL, NULL } },
	{ "operation not permitted", { -EPERM, ENGINE_FINAL, NULL } },
	{ "cannot be enforced", { -EOPNOTSUPP, ENGINE_FINAL, NULL } },
	{ "no cgroup for it", { -EOPNOTSUPP, ENGINE_FINAL, NULL } },
	{ "no cloud-init here", { -EOPNOTSUPP, ENGINE_FINAL, NULL } },
	{ "zstd is not installed",
	  { -EOPNOTSUPP, ENGINE_FINAL, "install the package zstd" } },
	{ "unknown flag", { -EOPNOTSUPP, ENGINE_FINAL, LACKING } },
	{ "unknown command", { -EOPNOTSUPP, ENGINE_FINAL, LACKING } },
	{ "unknown key", { -EOPNOTSUPP, ENGINE_FINAL, LACKING } },
	{ "unknown config key", { -EOPNOTSUPP, ENGINE_FINAL, LACKING } },
	{ "unknown configuration key", { -EOPNOTSUPP, ENGINE_FINAL, LACKING } },
	{ "unknown architecture", { -EINVAL, ENGINE_FINAL, NULL } },
	{ "does not run on this", { -EINVAL, ENGINE_FINAL, NULL } },
	{ "invalid value", { -EINVAL, ENGINE_FINAL, NULL } },
	{ "invalid memory size", { -EINVAL, ENGINE_FINAL, NULL } },
	{ "invalid disk size", { -EINVAL, ENGINE_FINAL, NULL } },
	{ "invalid number of", { -EINVAL, ENGINE_FINAL, NULL } },
	{ "invalid name", { -EINVAL, ENGINE_FINAL, NULL } },
	{ "invalid machine name", { -EINVAL, ENGINE_FINAL, NULL } },
	{ "invalid user name", { -EINVAL, ENGINE_FINAL, NULL } },
	{ "limit too low", { -EINVAL, ENGINE_FINAL, NULL } },
	{ "is too small", { -EINVAL, ENGINE_FINAL, NULL } },
	{ "read archive", { -EINVAL, ENGINE_FINAL, BROKEN_ADVICE } },
	{ "look like a tar archive", { -EINVAL, ENGINE_FINAL, BROKEN_ADVICE } },
	{ "not an export", { -EINVAL, ENGINE_FINAL, BROKEN_ADVICE } },
	{ "record is damaged", { -EINVAL, ENGINE_FINAL, BROKEN_ADVICE } },
};

/* What came with which version, by a word of the line that complains. */
static const struct {
	enum engine_op op;
	const char *word;
	const char *advice;
} newer[] = {
	{ ENGINE_CLONE, "clone", "clones need OrbStack 2.0 or newer" },
	{ ENGINE_EXPORT, "export", "archives need OrbStack 2.0 or newer" },
	{ ENGINE_IMPORT, "import", "archives need OrbStack 2.0 or newer" },
	{ ENGINE_CREATE, "--isolate", ISOLATION_ADVICE },
	{ ENGINE_SET, ".isolate", ISOLATION_ADVICE },
	{ ENGINE_SET, ".forward_ssh_agent", ISOLATION_ADVICE },
	{ ENGINE_CREATE, "--cpus", LIMITS_ADVICE },
	{ ENGINE_CREATE, "--memory", LIMITS_ADVICE },
	{ ENGINE_CREATE, "--disk", LIMITS_ADVICE },
	{ ENGINE_SET, ".cpu", LIMITS_ADVICE },
	{ ENGINE_SET, ".memory_mib", LIMITS_ADVICE },
	{ ENGINE_SET, ".disk_bytes", LIMITS_ADVICE },
};

/* Advice that depends on what was asked, or the one of the table. complaint is
 * where the complaint begins. */
static const char *advice_for(enum engine_op op, const char *complaint,
                              const struct engine_failure *failure)
{
	size_t len = strcspn(complaint, "\n");

	if (failure->err == -ENOSPC &&
	    (op == ENGINE_EXPORT || op == ENGINE_IMPORT))
		return "make room where the archive is and where the "
		       "machines are";
	if (failure->err != -EOPNOTSUPP)
		return failure->advice;
	for (size_t i = 0; i < sizeof(newer) / sizeof(newer[0]); i++) {
		const char *at = newer[i].op == op
		                         ? strstr(complaint, newer[i].word)
		                         : NULL;

		if (at && (size_t)(at - complaint) < len)
			return newer[i].advice;
	}
	return failure->advice;
}

static struct engine_failure orbctl_failure(enum engine_op op,
                                            const struct job_result *res)
{
	struct engine_failure failure = { -EIO, ENGINE_FINAL, NULL };

	for (size_t i = 0; i < sizeof(complaints) / sizeof(complaints[0]);
	     i++) {
		const char *at = strcasestr(res->err, complaints[i].text);

		if (!at)
			continue;
		failure = complaints[i].failure;
		failure.advice = advice_for(op, at, &failure);
		return failure;
	}
	if (op == ENGINE_LIST || op == ENGINE_INFO)
		failure.retry = ENGINE_TRANSIENT;
	return failure;
}

/* Lines of the box that tells of an update: blanks and U+2500 to U+257F, which
 * are E2 94 xx and E2 95 xx in UTF-8. */
static bool is_notice(const char *line, size_t len)
{
	size_t i = 0;

	while (i < len &&
	       (line[i] == ' ' || line[i] == '\t' || line[i] == '\r'))
		i++;
	if (i == len)
		return true;
	return i + 1 < len && (unsigned char)line[i] == 0xe2 &&
	       ((unsigned char)line[i + 1] == 0x94 ||
	        (unsigned char)line[i + 1] == 0x95);
}

static void orbctl_reason(const struct job_result *res, struct buf *why)
{
	const char *end = res->err + res->err_len;

	for (const char *p = res->err; p < end;) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((newline ? newline : end) - p);
		const char *text = p;
		int code = 0;

		p = newline ? newline + 1 : end;
		if (is_notice(text, len))
			continue;
		/* "[-32098] " tells a reader nothing. */
		if (sscanf(text, "[-%*d] %n", &code) != EOF &&
		    (size_t)code < len) {
			text += code;
			len -= (size_t)code;
		}
		if (len > ENGINE_TEXT_MAX)
			len = ENGINE_TEXT_MAX;
		for (size_t i = 0; i < len; i++)
			buf_add(why,
			        iscntrl((unsigned char)text[i]) ? "?"
			                                        : &text[i],
			        1);
		return;
	}
	if (res->signal)
		buf_printf(why, "ended by signal %d", res->signal);
	else
		buf_printf(why, "exit status %d", res->status);
}

enum { LOOK_MAX = 1 << 20, ACT_MAX = 1 << 20, LOGS_MAX = 8 << 20 };

/* Deadlines: people report up to 25 s for a creation, minutes with a download,
 * and up to 10 s for a deletion; these are about three times the worst. */
/* clang-format off */
#define ORBCTL_ROWS                                                            \
	.row = {                                                               \
		[ENGINE_LIST] = { JOB_LOOK, 10000, MACHINE_LIST_MAX, MACHINE_UNKNOWN }, \
		[ENGINE_INFO] = { JOB_LOOK, 10000, LOOK_MAX, MACHINE_UNKNOWN }, \
		[ENGINE_CREATE] = { JOB_ACT, 240000, ACT_MAX, MACHINE_RUNNING }, \
		[ENGINE_START] = { JOB_ACT, 60000, ACT_MAX, MACHINE_RUNNING }, \
		[ENGINE_STOP] = { JOB_ACT, 60000, ACT_MAX, MACHINE_STOPPED },  \
		[ENGINE_KILL] = { JOB_ACT, 60000, ACT_MAX, MACHINE_STOPPED },  \
		[ENGINE_RESTART] = { JOB_ACT, 60000, ACT_MAX, MACHINE_UNKNOWN }, \
		[ENGINE_DELETE] = { JOB_ACT, 60000, ACT_MAX, MACHINE_UNKNOWN }, \
		[ENGINE_RENAME] = { JOB_ACT, 60000, ACT_MAX, MACHINE_UNKNOWN }, \
		[ENGINE_SET] = { JOB_ACT, 30000, ACT_MAX, MACHINE_UNKNOWN }, \
		[ENGINE_LOGS] = { JOB_LOOK, 10000, LOGS_MAX, MACHINE_UNKNOWN }, \
		[ENGINE_RUN] = { JOB_RUN, 0, 0, MACHINE_UNKNOWN },     \
		[ENGINE_SIGNAL] = { JOB_RUN, 10000, ACT_MAX, MACHINE_UNKNOWN }, \
		[ENGINE_AGENT] = { JOB_RUN, 0, 0, MACHINE_UNKNOWN },   \
		[ENGINE_CLONE] = { JOB_ACT, 180000, ACT_MAX, MACHINE_UNKNOWN }, \
		[ENGINE_EXPORT] = { JOB_RUN, 0, 0, MACHINE_UNKNOWN },  \
		[ENGINE_IMPORT] = { JOB_RUN, 0, 0, MACHINE_UNKNOWN },  \
		[ENGINE_CONFIG_SHOW] = { JOB_LOOK, 10000, LOOK_MAX, MACHINE_UNKNOWN }, \
		[ENGINE_CONFIG_SET] = { JOB_ACT, 30000, ACT_MAX, MACHINE_UNKNOWN }, \
		[ENGINE_VERSION] = { JOB_LOOK, 10000, LOOK_MAX, MACHINE_UNKNOWN }, \
		[ENGINE_STATUS] = { JOB_LOOK, 10000, LOOK_MAX, MACHINE_UNKNOWN }, \
		[ENGINE_IMAGES] = { JOB_LOOK, 10000, LOOK_MAX, MACHINE_UNKNOWN }, \
		[ENGINE_VITALS] = { JOB_RUN, 10000, VITALS_MAX, MACHINE_UNKNOWN }, \
	}
/* clang-format on */

/* OrbStack has no command that tells; these are known to have been made, by
 * the names that its image server gives them. */
static const char images[] = "alma 8\nalma 9\nalma 10\n"
			     "alpine edge\nalpine 3.20\nalpine 3.22\n"
			     "arch\n"
			     "centos 9-Stream\n"
			     "debian bullseye\ndebian bookworm\ndebian trixie\n"
			     "devuan\n"
			     "fedora 42\nfedora 43\nfedora 44\n"
			     "gentoo\n"
			     "kali current\n"
			     "nixos 25.11\n"
			     "openeuler 22.03\n"
			     "opensuse tumbleweed\n"
			     "oracle 8\noracle 9\noracle 10\n"
			     "rocky 8\nrocky 9\nrocky 10\n"
			     "ubuntu jammy\nubuntu noble\nubuntu plucky\n"
			     "ubuntu questing\nubuntu resolute\n"
			     "void current\n";

const struct engine_table engine_orbctl = {
	.name = "orbctl",
	.default_image = "debian:bookworm",
	.images = images,
	ORBCTL_ROWS,
	.args = orbctl_args,
	.failure = orbctl_failure,
	.reason = orbctl_reason,
};

const struct engine_table engine_local = {
	.name = "local",
	.default_image = "local",
	.streams_exports = true,
	ORBCTL_ROWS,
	.args = orbctl_args,
	.failure = orbctl_failure,
	.reason = orbctl_reason,
};
