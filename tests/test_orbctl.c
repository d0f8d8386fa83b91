/*
 * orbctl's words, row by row: what is asked of it, what its complaints mean,
 * and the two scripts that it is given for machines, run in real shells.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "ops/engine.h"
#include "ops/vitals.h"

#define TOKEN "0123456789abcdef"

enum { WAIT_MS = 60000, MIB = 1 << 20, STEP_NS = 5000000 };

static const struct engine_table *const tables[] = { &engine_orbctl,
	                                             &engine_local };

enum { N_TABLES = sizeof(tables) / sizeof(tables[0]) };

/* ---- argument lists ------------------------------------------------------ */

/* Join the words of a call by "|". Returns what args returned. */
static int words_of(const struct engine_table *table,
                    const struct engine_call *call, char text[8192])
{
	struct engine_args args;
	int err;

	memset(&args, 0xa5, sizeof(args));
	err = table->args(call, &args);
	text[0] = '\0';
	if (err)
		return err;
	assert_in_range(args.n, 1, ENGINE_MAX_ARGS);
	assert_null(args.v[args.n]);
	for (size_t i = 0; i < args.n; i++) {
		assert_string_not_equal(args.v[i], "--");
		assert_true(strlen(text) + strlen(args.v[i]) + 2 < 8192);
		if (i)
			strcat(text, "|");
		strcat(text, args.v[i]);
	}
	return 0;
}

/* A call of that kind with every member said. */
static struct engine_call whole_call(enum engine_op op)
{
	return (struct engine_call){
		.op = op,
		.name = "web",
		.new_name = "shop",
		.image = "debian:bookworm",
		.key = MACHINE_KEY_CPUS,
		.path = "/spool/web.tar.zst",
		.setting = "network.https",
		.value = "2",
		.token = TOKEN,
		.signal = SIGTERM,
	};
}

static void orbctl_is_asked_in_exactly_these_words(void **state)
{
	static const struct {
		struct engine_call call;
		const char *words;
	} rows[] = {
		{ { .op = ENGINE_LIST }, "list|-f|json" },
		{ { .op = ENGINE_LIST, .name = "web" }, "list|-f|json" },
		{ { .op = ENGINE_INFO, .name = "web" }, "info|web|-f|json" },
		{ { .op = ENGINE_CREATE, .name = "web", .image = "alpine" },
		  "create|alpine|web" },
		{ { .op = ENGINE_CREATE,
		    .name = "web",
		    .image = "debian:bookworm",
		    .arch = "arm64",
		    .user = "dev" },
		  "create|-a|arm64|-u|dev|debian:bookworm|web" },
		{ { .op = ENGINE_START, .name = "web" }, "start|web" },
		{ { .op = ENGINE_STOP, .name = "web" }, "stop|web" },
		{ { .op = ENGINE_KILL, .name = "web" }, "stop|-f|web" },
		{ { .op = ENGINE_RESTART, .name = "web" }, "restart|web" },
		{ { .op = ENGINE_DELETE, .name = "web" }, "delete|-f|web" },
		{ { .op = ENGINE_RENAME, .name = "web", .new_name = "shop" },
		  "rename|web|shop" },
		{ { .op = ENGINE_LOGS, .name = "web" }, "logs|web" },
		{ { .op = ENGINE_INFO, .name = "Big Machine" },
		  "info|Big Machine|-f|json" },
		{ { .op = ENGINE_CREATE,
		    .name = "web",
		    .image = "alpine",
		    .arch = "amd64",
		    .user = "dev",
		    .user_data = "/tmp/init.yaml",
		    .cpus = 1.5,
		    .memory = (INT64_C(4) << 30) + 1,
		    .disk = INT64_C(20) << 30,
		    .isolated = true,
		    .isolate_network = true },
		  "create|-a|amd64|-u|dev|-c|/tmp/init.yaml|--cpus|1.5|"
		  "--memory|4097|--disk|20G|--isolated|--isolate-network|"
		  "alpine|web" },
		{ { .op = ENGINE_CREATE,
		    .name = "web",
		    .image = "alpine",
		    .cpus = 100,
		    .memory = 1,
		    .disk = 1 },
		  "create|--cpus|100|--memory|1|--disk|1M|alpine|web" },
		{ { .op = ENGINE_CREATE,
		    .name = "web",
		    .image = "alpine",
		    .cpus = 0.125,
		    .disk = (INT64_C(3) << 29) },
		  "create|--cpus|0.125|--disk|1536M|alpine|web" },
		{ { .op = ENGINE_CLONE, .name = "Old.1", .new_name = "shop" },
		  "clone|Old.1|shop" },
		{ { .op = ENGINE_EXPORT, .name = "Old.1", .path = "/a b" },
		  "export|Old.1|/a b" },
		{ { .op = ENGINE_IMPORT, .name = "web", .path = "/a b" },
		  "import|-n|web|/a b" },
		{ { .op = ENGINE_CONFIG_SHOW }, "config|show" },
		{ { .op = ENGINE_CONFIG_SET,
		    .setting = "network.subnet4",
		    .value = "192.168.140.0/23" },
		  "config|set|network.subnet4|192.168.140.0/23" },
		{ { .op = ENGINE_CONFIG_SET,
		    .setting = "memory_mib",
		    .value = "" },
		  "config|set|memory_mib|" },
		{ { .op = ENGINE_VERSION }, "version" },
		{ { .op = ENGINE_STATUS }, "status" },
		{ { .op = ENGINE_IMAGES }, "images" },
		{ { .op = ENGINE_SET,
		    .name = "a.b",
		    .key = MACHINE_KEY_USER,
		    .value = "dev" },
		  "config|set|machine.a.b.username|dev" },
		{ { .op = ENGINE_SET,
		    .name = "web",
		    .key = MACHINE_KEY_CPUS,
		    .value = "1.5" },
		  "config|set|machine.web.cpu|1.5" },
		{ { .op = ENGINE_SET,
		    .name = "web",
		    .key = MACHINE_KEY_MEMORY,
		    .value = "2147483648" },
		  "config|set|machine.web.memory_mib|2048" },
		{ { .op = ENGINE_SET,
		    .name = "web",
		    .key = MACHINE_KEY_MEMORY,
		    .value = "1" },
		  "config|set|machine.web.memory_mib|1" },
		{ { .op = ENGINE_SET,
		    .name = "web",
		    .key = MACHINE_KEY_MEMORY,
		    .value = "0" },
		  "config|set|machine.web.memory_mib|0" },
		{ { .op = ENGINE_SET,
		    .name = "web",
		    .key = MACHINE_KEY_DISK,
		    .value = "68719476737" },
		  "config|set|machine.web.disk_bytes|68719476737" },
		{ { .op = ENGINE_SET,
		    .name = "web",
		    .key = MACHINE_KEY_ISOLATED,
		    .value = "true" },
		  "config|set|machine.web.isolated|true" },
		{ { .op = ENGINE_SET,
		    .name = "web",
		    .key = MACHINE_KEY_ISOLATE_NETWORK,
		    .value = "false" },
		  "config|set|machine.web.isolate_network|false" },
		{ { .op = ENGINE_SET,
		    .name = "web",
		    .key = MACHINE_KEY_FORWARD_SSH_AGENT,
		    .value = "false" },
		  "config|set|machine.web.forward_ssh_agent|false" },
	};
	char text[8192];

	(void)state;
	for (int t = 0; t < N_TABLES; t++)
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			assert_int_equal(
				words_of(tables[t], &rows[i].call, text), 0);
			assert_string_equal(text, rows[i].words);
		}
}

/* Cut the script, which is the word between "|sh|-c|" and "|sh|", out of a
 * text of words and return it, to be freed. */
static char *take_script(char *text)
{
	char *start = strstr(text, "|sh|-c|");
	char *end;
	char *script;

	assert_non_null(start);
	start += strlen("|sh|-c|");
	end = strstr(start, "|sh|" TOKEN);
	assert_non_null(end);
	script = strndup(start, (size_t)(end - start));
	assert_non_null(script);
	memmove(start, end, strlen(end) + 1);
	return script;
}

/* The script of RUN or SIGNAL, to be freed. */
static char *script_of(enum engine_op op, bool line)
{
	struct engine_call call = whole_call(op);
	char text[8192];

	call.line = line;
	assert_int_equal(words_of(&engine_orbctl, &call, text), 0);
	return take_script(text);
}

static void orbctl_runs_a_script_by_its_token(void **state)
{
	struct engine_call call = whole_call(ENGINE_RUN);
	char text[8192];
	char *script;

	(void)state;
	assert_int_equal(words_of(&engine_orbctl, &call, text), 0);
	script = take_script(text);
	assert_string_equal(text, "run|-m|web|-w|/|sh|-c||sh|" TOKEN);
	assert_non_null(strstr(script, "</dev/null"));
	/* The signal script reads one line of /proc/PID/cmdline. */
	assert_null(strchr(script, '\n'));
	free(script);
	call.input = true;
	call.len = 12;
	assert_int_equal(words_of(&engine_orbctl, &call, text), 0);
	script = take_script(text);
	assert_string_equal(text, "run|-m|web|-w|/|sh|-c||sh|" TOKEN "|12");
	assert_null(strchr(script, '\n'));
	assert_null(strstr(script, "</dev/null"));
	free(script);
	call = whole_call(ENGINE_SIGNAL);
	call.signal = SIGKILL;
	assert_int_equal(words_of(&engine_orbctl, &call, text), 0);
	script = take_script(text);
	assert_string_equal(text,
	                    "run|-m|web|-u|root|-w|/|sh|-c||sh|" TOKEN "|9");
	assert_null(strchr(script, '\n'));
	free(script);
	call = whole_call(ENGINE_AGENT);
	call.len = 4096;
	assert_int_equal(words_of(&engine_orbctl, &call, text), 0);
	free(take_script(text));
	assert_string_equal(text,
	                    "run|-m|web|-u|root|-w|/|sh|-c||sh|" TOKEN "|4096");
}

static void orbctl_asks_for_vitals_as_root(void **state)
{
	struct engine_call call = whole_call(ENGINE_VITALS);
	char expected[8192];
	char text[8192];

	(void)state;
	assert_int_equal(words_of(&engine_orbctl, &call, text), 0);
	snprintf(expected, sizeof(expected), "run|-m|web|-u|root|-w|/|sh|-c|%s",
	         vitals_script);
	assert_string_equal(text, expected);
}

/* How many lines of images have that distro, and no more than a version? */
static unsigned images_of(const char *distro)
{
	unsigned n = 0;

	for (const char *p = engine_orbctl.images; *p;
	     p = strchr(p, '\n') + 1) {
		size_t len = strcspn(p, "\n");
		size_t word = strcspn(p, " \n");

		assert_true(p[len] == '\n' && word > 0);
		assert_true(word == len ||
		            strcspn(p + word + 1, " \n") == len - word - 1);
		n += word == strlen(distro) && memcmp(p, distro, word) == 0;
	}
	return n;
}

static void orbctl_images_are_lines_of_distro_and_version(void **state)
{
	(void)state;
	assert_int_equal(images_of("debian"), 3);
	assert_int_equal(images_of("ubuntu"), 5);
	assert_int_equal(images_of("arch"), 1);
	assert_int_equal(images_of("windows"), 0);
	assert_null(engine_local.images);
	assert_true(engine_local.streams_exports);
	assert_false(engine_orbctl.streams_exports);
}

/* What is about the engine itself and not about a machine. */
static bool is_general(int op)
{
	return op == ENGINE_LIST || op == ENGINE_CONFIG_SHOW ||
	       op == ENGINE_CONFIG_SET || op == ENGINE_VERSION ||
	       op == ENGINE_STATUS || op == ENGINE_IMAGES;
}

static void orbctl_is_never_asked_about_a_machine_without_a_good_name(
	void **state)
{
	char longer[MACHINE_LISTED_MAX + 2];
	const char *const bad[] = {
		NULL, "",    "-x",  "--all", "-a",   "-",  "--",   ".",
		"..", ".ro", "a/b", "/",     "a\nb", "\n", "\x7f", longer,
	};
	char text[8192];

	(void)state;
	memset(longer, 'n', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	for (int t = 0; t < N_TABLES; t++)
		for (int op = 0; op < ENGINE_N_OPS; op++)
			for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]);
			     i++) {
				struct engine_call call =
					whole_call((enum engine_op)op);

				if (is_general(op))
					continue;
				assert_int_equal(
					words_of(tables[t], &call, text), 0);
				call.name = bad[i];
				assert_int_equal(words_of(tables[t], &call,
				                          text),
				                 -EINVAL);
			}
}

static void orbctl_refuses_words_that_it_could_mistake(void **state)
{
	struct engine_call call = whole_call(ENGINE_CREATE);
	char text[8192];
	char longer[257];

	(void)state;
	memset(longer, 'n', 256);
	longer[256] = '\0';
#define REFUSED(op_, member, value_)                                           \
	do {                                                                   \
		call = whole_call(op_);                                        \
		call.member = (value_);                                        \
		assert_int_equal(words_of(&engine_orbctl, &call, text),        \
		                 -EINVAL);                                     \
	} while (0)
	/* What is made gets a strict name. */
	REFUSED(ENGINE_CREATE, name, "Web");
	REFUSED(ENGINE_CREATE, name, "a.b");
	REFUSED(ENGINE_CREATE, name, "docker");
	REFUSED(ENGINE_CREATE, image, NULL);
	REFUSED(ENGINE_CREATE, image, "");
	REFUSED(ENGINE_CREATE, image, "--isolated");
	REFUSED(ENGINE_CREATE, image, longer);
	REFUSED(ENGINE_CREATE, arch, "");
	REFUSED(ENGINE_CREATE, arch, "-c");
	REFUSED(ENGINE_CREATE, user, "");
	REFUSED(ENGINE_CREATE, user, "-p");
	REFUSED(ENGINE_RENAME, new_name, NULL);
	REFUSED(ENGINE_RENAME, new_name, "");
	REFUSED(ENGINE_RENAME, new_name, "-x");
	REFUSED(ENGINE_RENAME, new_name, "--all");
	REFUSED(ENGINE_RENAME, new_name, "Shop");
	REFUSED(ENGINE_RENAME, new_name, "all");
	REFUSED(ENGINE_SET, value, NULL);
	REFUSED(ENGINE_SET, value, "-1");
	REFUSED(ENGINE_SET, value, "--help");
	REFUSED(ENGINE_CREATE, user_data, "");
	REFUSED(ENGINE_CREATE, user_data, "init.yaml");
	REFUSED(ENGINE_CREATE, user_data, "-p");
	REFUSED(ENGINE_CREATE, cpus, -1);
	REFUSED(ENGINE_CREATE, cpus, 10000);
	REFUSED(ENGINE_CREATE, cpus, NAN);
	REFUSED(ENGINE_CREATE, memory, -1);
	REFUSED(ENGINE_CREATE, disk, -1);
	REFUSED(ENGINE_CLONE, new_name, NULL);
	REFUSED(ENGINE_CLONE, new_name, "-x");
	REFUSED(ENGINE_CLONE, new_name, "Shop");
	REFUSED(ENGINE_EXPORT, path, NULL);
	REFUSED(ENGINE_EXPORT, path, "");
	REFUSED(ENGINE_EXPORT, path, "web.tar.zst");
	REFUSED(ENGINE_EXPORT, path, "-x");
	REFUSED(ENGINE_IMPORT, path, NULL);
	REFUSED(ENGINE_IMPORT, path, "--name=x");
	REFUSED(ENGINE_IMPORT, name, "Web");
	REFUSED(ENGINE_CONFIG_SET, setting, NULL);
	REFUSED(ENGINE_CONFIG_SET, setting, "");
	REFUSED(ENGINE_CONFIG_SET, setting, "-x");
	REFUSED(ENGINE_CONFIG_SET, setting, "Cpu");
	REFUSED(ENGINE_CONFIG_SET, setting, "a b");
	REFUSED(ENGINE_CONFIG_SET, setting, "a=b");
	REFUSED(ENGINE_CONFIG_SET, setting, "machine.web.cpu");
	REFUSED(ENGINE_CONFIG_SET, value, NULL);
	REFUSED(ENGINE_CONFIG_SET, value, "-1");
	REFUSED(ENGINE_CONFIG_SET, value, "a\nb");
	REFUSED(ENGINE_CONFIG_SET, value, "\x1b[2J");
	REFUSED(ENGINE_RUN, token, NULL);
	REFUSED(ENGINE_SIGNAL, token, NULL);
	REFUSED(ENGINE_AGENT, token, NULL);
#undef REFUSED
	call.op = ENGINE_N_OPS;
	assert_int_equal(words_of(&engine_orbctl, &call, text), -EOPNOTSUPP);
}

static void orbctl_takes_the_longest_name_whole(void **state)
{
	char name[MACHINE_LISTED_MAX + 1];
	struct engine_call call = whole_call(ENGINE_SET);
	char text[8192];
	char expected[400];

	(void)state;
	memset(name, 'n', sizeof(name));
	name[MACHINE_LISTED_MAX] = '\0';
	call.name = name;
	for (int k = 0; k < MACHINE_N_KEYS; k++) {
		call.key = (enum machine_key)k;
		assert_int_equal(words_of(&engine_orbctl, &call, text), 0);
		snprintf(expected, sizeof(expected), "config|set|machine.%s.",
		         name);
		assert_memory_equal(text, expected, strlen(expected));
	}
}

static void orbctl_gives_every_operation_a_deadline_and_a_bound(void **state)
{
	(void)state;
	for (int t = 0; t < N_TABLES; t++) {
		assert_non_null(tables[t]->name);
		for (int op = 0; op < ENGINE_N_OPS; op++) {
			const struct engine_row *row = &tables[t]->row[op];

			/* What is opened as a job ends as it likes. */
			if (row->class == JOB_RUN && op != ENGINE_SIGNAL)
				continue;
			assert_true(row->deadline_ms > 0);
			assert_true(row->out_max > 0);
		}
	}
}

/* ---- complaints ---------------------------------------------------------- */

static struct job_result result_of(const char *text, int status)
{
	return (struct job_result){
		.status = status,
		.out = "",
		.err = text,
		.err_len = strlen(text),
	};
}

static char *reason_of(const struct job_result *res)
{
	struct buf why = BUF_INIT(4096);
	char *text;

	engine_orbctl.reason(res, &why);
	text = buf_detach(&why, NULL);
	assert_non_null(text);
	for (const char *p = text; *p; p++)
		assert_true((unsigned char)*p >= ' ' && *p != 0x7f);
	return text;
}

#define BOX                                                                                                              \
	"\n    ╭────────────────────────────────╮\n" \
	"    │   OrbStack update available!   │\n"                                                                   \
	"    │  Run \"orb update\" to update.   │\n"                                                                 \
	"    ╰────────────────────────────────╯\n\n"
#define CREATE "[-32098] create 'web': "
#define URL "https://example.org/streams/v1/images.json"

static const struct {
	const char *text;
	int err;
	enum engine_retry retry;
	const char *reason; /* NULL: the text itself */
} complaints[] = {
	{ "[-32098] machine not found: 'web'\n", -ENOENT, ENGINE_FINAL,
	  "machine not found: 'web'" },
	{ "machine not found: web", -ENOENT, ENGINE_FINAL, NULL },
	{ "[-32602] no machine found: 'web'", -ENOENT, ENGINE_FINAL,
	  "no machine found: 'web'" },
	{ "No Such Machine", -ENOENT, ENGINE_FINAL, NULL },
	{ "machine does not exist", -ENOENT, ENGINE_FINAL, NULL },
	{ CREATE "machine already exists: 'web'", -EEXIST, ENGINE_FINAL,
	  "create 'web': machine already exists: 'web'" },
	{ "[-32098] machine already exists", -EEXIST, ENGINE_FINAL,
	  "machine already exists" },
	{ CREATE "setup: machine didn't start in 30s (missing IP address)",
	  -ENOSPC, ENGINE_NO_IP,
	  "create 'web': setup: machine didn't start in 30s (missing IP "
	  "address)" },
	{ "create 'web': setup: timed out waiting for network", -ENOSPC,
	  ENGINE_NO_IP, NULL },
	{ "create 'web': setup: machine didn't start in 30s", -ETIMEDOUT,
	  ENGINE_NO_IP, NULL },
	{ CREATE "make rootfs: fetch index: get index: Get \"" URL
	         "\": dial tcp: i/o timeout",
	  -EIO, ENGINE_IMAGE,
	  "create 'web': make rootfs: fetch index: get index: Get \"" URL
	  "\": dial tcp: i/o timeout" },
	{ "create 'web': make rootfs: fetch index: decode index: jsontext: "
	  "read error: context deadline exceeded",
	  -EIO, ENGINE_IMAGE, NULL },
	{ "create 'web': make rootfs: download rootfs: stream to file: "
	  "unexpected EOF",
	  -EIO, ENGINE_IMAGE, NULL },
	{ "create 'web': setup: do initial setup: run command 'useradd': "
	  "exit status 9",
	  -EIO, ENGINE_FINAL, NULL },
	{ "create 'web': setup: do initial setup: canceled by machine "
	  "shutdown",
	  -EIO, ENGINE_FINAL, NULL },
	{ "create 'web': setup: do initial setup: open /mnt/mac/Users/me/.ssh: "
	  "operation not permitted",
	  -EPERM, ENGINE_FINAL, NULL },
	{ "[-32098] delete rootfs: remove all x2: unlinkat a: operation not "
	  "permitted",
	  -EPERM, ENGINE_FINAL,
	  "delete rootfs: remove all x2: unlinkat a: operation not permitted" },
	{ "[-32098] delete web data: delete directory: run command 'rm': exit "
	  "status 1; output: x",
	  -EIO, ENGINE_FINAL,
	  "delete web data: delete directory: run command 'rm': exit status 1; "
	  "output: x" },
	{ "rename 'web': write data.json: no space left on device", -ENOSPC,
	  ENGINE_FINAL, NULL },
	{ "[-32098] key not found", -EIO, ENGINE_FINAL, "key not found" },
	{ "create 'web': make rootfs: unknown image: 'beos'", -EINVAL,
	  ENGINE_FINAL, NULL },
	{ "[-32098] create 'web': unknown version '3' for 'debian'", -EINVAL,
	  ENGINE_FINAL, "create 'web': unknown version '3' for 'debian'" },
	{ "create 'web': make rootfs: no image of 'void' can be made here: use "
	  "local, debian or ubuntu",
	  -EOPNOTSUPP, ENGINE_FINAL, NULL },
	{ "create 'web': make rootfs: debootstrap is not installed (apt-get "
	  "install debootstrap)",
	  -EOPNOTSUPP, ENGINE_FINAL, NULL },
	{ "create 'web': there is no cloud-init here, so user data has no "
	  "effect",
	  -EOPNOTSUPP, ENGINE_FINAL, NULL },
	{ "create 'web': setup: no address is free, or the bridge cannot be "
	  "made",
	  -ENOSPC, ENGINE_NO_IP, NULL },
	{ "create 'web': setup: limits: the kernel offers no cgroup for it",
	  -EOPNOTSUPP, ENGINE_FINAL, NULL },
	{ "config set cpu: invalid value 'x'", -EINVAL, ENGINE_FINAL, NULL },
	{ "unknown key: cpus", -EOPNOTSUPP, ENGINE_FINAL, NULL },
	{ "import: read archive: unexpected EOF", -EINVAL, ENGINE_FINAL, NULL },
	{ "import 'x': not an export of a machine", -EINVAL, ENGINE_FINAL,
	  NULL },
	{ "user: unknown user dev", -EINVAL, ENGINE_FINAL, NULL },
	{ "agent not running", -EHOSTDOWN, ENGINE_FINAL, NULL },
	{ "[-32098] machine is not running", -EHOSTDOWN, ENGINE_FINAL,
	  "machine is not running" },
	{ "timed out waiting for services to start", -ENODEV, ENGINE_TRANSIENT,
	  NULL },
	{ "[-32098] start 'web': boom", -EIO, ENGINE_FINAL,
	  "start 'web': boom" },
	{ "Error: unknown flag --\nUsage:\n  orbctl run [flags]\n", -EOPNOTSUPP,
	  ENGINE_FINAL, "Error: unknown flag --" },
	{ "Error: unknown command \"x\" for \"orbctl\"\n", -EOPNOTSUPP,
	  ENGINE_FINAL, "Error: unknown command \"x\" for \"orbctl\"" },
	{ "unknown config key: machine.web.cpu", -EOPNOTSUPP, ENGINE_FINAL,
	  NULL },
	{ "dial unix /opt/orbstack-guest/run/hcontrol.sock: connect: "
	  "permission denied",
	  -EPERM, ENGINE_FINAL, NULL },
	{ "panic: $HOME is not defined\n\ngoroutine 1 [running]:\n", -EIO,
	  ENGINE_FINAL, "panic: $HOME is not defined" },
	{ "panic: runtime error: invalid memory address or nil pointer "
	  "dereference\n\nmachine not found",
	  -EIO, ENGINE_FINAL,
	  "panic: runtime error: invalid memory address or nil pointer "
	  "dereference" },
	{ "create 'web': invalid memory size '1X'", -EINVAL, ENGINE_FINAL,
	  NULL },
	{ "create 'web': setup: run command 'x': invalid option", -EIO,
	  ENGINE_FINAL, NULL },
	{ "something that nobody has seen", -EIO, ENGINE_FINAL, NULL },
};

static void orbctl_complaints_mean_what_the_table_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(complaints) / sizeof(complaints[0]);
	     i++) {
		struct job_result res = result_of(complaints[i].text, 1);
		const char *reason = complaints[i].reason;
		char *why = reason_of(&res);
		struct engine_failure failure;

		failure = engine_orbctl.failure(ENGINE_CREATE, &res);
		if (failure.err != complaints[i].err ||
		    failure.retry != complaints[i].retry)
			fail_msg("%s: %d", complaints[i].text, failure.err);
		assert_string_equal(why, reason ? reason : complaints[i].text);
		free(why);
	}
}

static void orbctl_says_what_to_do_about_a_complaint(void **state)
{
	static const struct {
		enum engine_op op;
		const char *text;
		const char *advice; /* a part of it; NULL: there is none */
	} rows[] = {
		{ ENGINE_CREATE, "unknown flag: --cpus\nUsage: --isolated",
		  "OrbStack 2.2 or newer" },
		{ ENGINE_CREATE, "unknown flag: --memory", "OrbStack 2.2" },
		{ ENGINE_CREATE, "unknown flag: --disk", "OrbStack 2.2" },
		{ ENGINE_CREATE, "unknown flag: --isolated\nUsage: --cpus",
		  "OrbStack 2.1 or newer" },
		{ ENGINE_CREATE, "unknown flag: --isolate-network",
		  "OrbStack 2.1" },
		{ ENGINE_CREATE, "unknown flag: -x\nUsage: --cpus",
		  "this version lacks it" },
		{ ENGINE_SET, "unknown key: machine.web.cpu", "OrbStack 2.2" },
		{ ENGINE_SET, "unknown config key: machine.web.disk_bytes",
		  "OrbStack 2.2" },
		{ ENGINE_SET, "unknown key: machine.web.isolated",
		  "OrbStack 2.1" },
		{ ENGINE_CLONE, "unknown command \"clone\" for \"orbctl\"",
		  "OrbStack 2.0 or newer" },
		{ ENGINE_EXPORT, "unknown command \"export\"",
		  "OrbStack 2.0 or newer" },
		{ ENGINE_IMPORT, "unknown command \"import\"",
		  "OrbStack 2.0 or newer" },
		{ ENGINE_LIST, "unknown command \"clone\"",
		  "this version lacks it" },
		{ ENGINE_CREATE, "setup: missing IP address",
		  "network.subnet4" },
		{ ENGINE_DELETE, "no space left on device", "disk 0" },
		{ ENGINE_EXPORT, "no space left on device", "make room" },
		{ ENGINE_CREATE, "unknown distro 'beos'", "ls .images" },
		{ ENGINE_LIST, "timed out waiting for services to start",
		  "open the app" },
		{ ENGINE_START, "boom", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct job_result res = result_of(rows[i].text, 1);
		const char *advice =
			engine_orbctl.failure(rows[i].op, &res).advice;

		if (!rows[i].advice) {
			assert_null(advice);
			continue;
		}
		assert_non_null(advice);
		assert_null(strchr(advice, '\n'));
		if (!strstr(advice, rows[i].advice))
			fail_msg("%s: %s", rows[i].text, advice);
	}
}

static void orbctl_complaint_is_read_behind_the_update_box(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(complaints) / sizeof(complaints[0]);
	     i++) {
		struct job_result res;
		struct job_result plain = result_of(complaints[i].text, 1);
		char *expected = reason_of(&plain);
		char *text = NULL;
		char *why;

		assert_true(asprintf(&text, BOX "%s", complaints[i].text) > 0);
		res = result_of(text, 1);
		why = reason_of(&res);
		assert_string_equal(why, expected);
		assert_int_equal(engine_orbctl.failure(ENGINE_CREATE, &res).err,
		                 complaints[i].err);
		free(why);
		free(expected);
		free(text);
	}
}

static void orbctl_failure_of_a_look_may_pass(void **state)
{
	struct job_result unknown = result_of("rpc: connection closed", 1);
	struct job_result gone = result_of("machine not found: web", 1);

	(void)state;
	for (int op = 0; op < ENGINE_N_OPS; op++) {
		bool look = op == ENGINE_LIST || op == ENGINE_INFO;

		assert_int_equal(engine_orbctl
		                         .failure((enum engine_op)op, &unknown)
		                         .retry,
		                 look ? ENGINE_TRANSIENT : ENGINE_FINAL);
		assert_int_equal(
			engine_orbctl.failure((enum engine_op)op, &gone).retry,
			ENGINE_FINAL);
	}
}

static void orbctl_reason_without_words_is_the_status(void **state)
{
	static const char *const silent[] = { "", "\n", " \n\t\r\n", BOX };
	struct job_result res;
	char *why;

	(void)state;
	for (size_t i = 0; i < sizeof(silent) / sizeof(silent[0]); i++) {
		res = result_of(silent[i], 7);
		why = reason_of(&res);
		assert_string_equal(why, "exit status 7");
		free(why);
		res.signal = SIGKILL;
		why = reason_of(&res);
		assert_string_equal(why, "ended by signal 9");
		free(why);
	}
}

static void orbctl_reason_is_one_readable_line(void **state)
{
	static const struct {
		const char *text;
		const char *why;
	} rows[] = {
		{ "\x1b[31mred\x1b[0m\x07 tab\there\r\nnext", "?[31mred?[0m? "
		                                              "tab?here?" },
		{ "[-32098] ", "[-32098] " },
		{ "[-1", "[-1" },
		{ "[-1] ", "[-1] " },
		{ "[-1]x", "x" },
		{ "[1] x", "[1] x" },
		{ "[-32098] [-32098] x", "[-32098] x" },
		{ "[-5] \n[-6] second", "[-5] " },
		{ "\xe2\x94", "exit status 1" },
		{ "\xe2x", "\xe2x" },
		{ "gr\xc3\xb6\xc3\x9f"
		  "er",
		  "gr\xc3\xb6\xc3\x9f"
		  "er" },
	};
	struct job_result nul = { .status = 1, .err = "a\0b", .err_len = 3 };
	struct job_result res;
	char *text = malloc(MIB + 1);
	char *why;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		res = result_of(rows[i].text, 1);
		why = reason_of(&res);
		assert_string_equal(why, rows[i].why);
		free(why);
	}
	why = reason_of(&nul);
	assert_string_equal(why, "a?b");
	free(why);
	assert_non_null(text);
	memset(text, 'x', MIB);
	text[MIB] = '\0';
	res = result_of(text, 1);
	why = reason_of(&res);
	assert_int_equal(strlen(why), ENGINE_TEXT_MAX);
	free(why);
	free(text);
}

/* ---- the scripts, really run --------------------------------------------- */

/* Shells that guests have; one that is not on this computer is left out. */
static const char *const shells[][3] = {
	{ "/bin/sh", NULL },
	{ "/bin/dash", NULL },
	{ "/bin/bash", NULL },
	{ "/bin/bash", "--posix", NULL },
	{ "/bin/busybox", "sh", NULL },
};

enum { N_SHELLS = sizeof(shells) / sizeof(shells[0]) };

struct ran {
	int status; /* of wait */
	char *out;
	size_t out_len;
	char *err;
	size_t err_len;
};

static int temporary(const void *data, size_t len)
{
	FILE *file = tmpfile();
	int fd;

	assert_non_null(file);
	fd = dup(fileno(file));
	fclose(file);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static char *contents(int fd, size_t *len)
{
	struct stat st;
	char *data;

	assert_int_equal(fstat(fd, &st), 0);
	*len = (size_t)st.st_size;
	data = malloc(*len + 1);
	assert_non_null(data);
	assert_int_equal(pread(fd, data, *len, 0), *len);
	data[*len] = '\0';
	close(fd);
	return data;
}

/* Wait for a child until the deadline. Returns its status. */
static int wait_for(pid_t pid)
{
	const struct timespec step = { .tv_nsec = STEP_NS };
	int status = 0;

	for (int64_t ns = 0; ns < WAIT_MS * INT64_C(1000000); ns += STEP_NS) {
		pid_t got = waitpid(pid, &status, WNOHANG);

		if (got == pid)
			return status;
		assert_int_equal(got, 0);
		nanosleep(&step, NULL);
	}
	kill(-pid, SIGKILL);
	waitpid(pid, &status, 0);
	fail_msg("it does not end");
	return 0;
}

/* Run argv in a session of its own, with that HOME, and wait for its end. */
static struct ran run(const char *const *argv, const char *home, const void *in,
                      size_t in_len)
{
	int fds[3] = { temporary(in, in_len), temporary("", 0),
		       temporary("", 0) };
	struct ran ran;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		setsid();
		for (int i = 0; i < 3; i++)
			dup2(fds[i], i);
		if (home)
			setenv("HOME", home, 1);
		else
			unsetenv("HOME");
		if (chdir("/usr") == 0)
			execv(argv[0], (char *const *)argv);
		_exit(99);
	}
	ran.status = wait_for(pid);
	close(fds[0]);
	ran.out = contents(fds[1], &ran.out_len);
	ran.err = contents(fds[2], &ran.err_len);
	return ran;
}

static void ran_free(struct ran *ran)
{
	free(ran->out);
	free(ran->err);
}

/* Give RUN's script to a shell, with a script of a user on its stdin. */
static struct ran run_script_as(bool line, int shell, const char *home,
                                const void *script, size_t len)
{
	char *text = script_of(ENGINE_RUN, line);
	const char *argv[8] = { 0 };
	size_t n = 0;
	struct ran ran;

	for (const char *const *word = shells[shell]; *word; word++)
		argv[n++] = *word;
	argv[n++] = "-c";
	argv[n++] = text;
	argv[n++] = "sh";
	argv[n++] = TOKEN;
	ran = run(argv, home, script, len);
	free(text);
	return ran;
}

static struct ran run_script(int shell, const char *home, const void *script,
                             size_t len)
{
	return run_script_as(false, shell, home, script, len);
}

static bool has_shell(int shell)
{
	return access(shells[shell][0], X_OK) == 0;
}

/* Take the trailer off stderr and return the status it tells; -1: none. */
static int take_trailer(struct ran *ran)
{
	size_t at = 0;
	int status = -1;
	size_t n = engine_trailer(TOKEN, ran->err, ran->err_len, &at, &status);

	if (!n)
		return -1;
	assert_in_range(n, 1, ENGINE_TRAILER_MAX);
	assert_int_equal(at + n, ran->err_len);
	ran->err_len = at;
	ran->err[at] = '\0';
	/* The shell ends in the same way. */
	assert_true(WIFEXITED(ran->status));
	assert_int_equal(WEXITSTATUS(ran->status), status);
	return status;
}

static const struct {
	const char *script;
	int status;
	const char *out;
	const char *err; /* NULL: whatever it is */
} scripts[] = {
	{ "", 0, "", "" },
	{ "\n", 0, "", "" },
	{ "echo hello\n", 0, "hello\n", "" },
	{ "echo hello", 0, "hello\n", "" },
	{ "echo a; echo b >&2", 0, "a\n", "b\n" },
	{ "printf a; printf b >&2; false", 1, "a", "b" },
	{ "exit 3", 3, "", "" },
	{ "exit 255", 255, "", "" },
	{ "set -e\nfalse\necho no\n", 1, "", "" },
	{ "exec echo replaced", 0, "replaced\n", "" },
	{ "true; return_of_nothing_known", 127, "", NULL },
	{ "echo 'a  \"b\"' \"c '$((1 + 1))'\" \\$HOME\n", 0,
	  "a  \"b\" c '2' $HOME\n", "" },
	{ "for i in 1 2\ndo\n\techo $i\ndone\n\n\n", 0, "1\n2\n", "" },
	{ "cat <<E\nhere $((2 * 3))\nE\n", 0, "here 6\n", "" },
	{ "cat <<'E'\n$x `y` \\\nE", 0, "$x `y` \\\n", NULL },
	{ "#!/bin/sh\n# a comment\necho x # y", 0, "x\n", "" },
	{ "echo a\\\nb", 0, "ab\n", "" },
	{ "cat; echo end of input", 0, "end of input\n", "" },
	{ "read -r x; echo $?", 0, "1\n", "" },
	{ "echo $#; for a; do echo \"$a\"; done", 0, "0\n", "" },
	{ "echo ${s-unset} ${r-unset}", 0, "unset unset\n", "" },
	{ "set -u; echo ${1-none}", 0, "none\n", "" },
	{ "trap 'echo bye' EXIT; exit 4", 4, "bye\n", "" },
	{ "(exit 5)", 5, "", "" },
	{ "sh -c 'kill -9 $$'", 137, "", NULL },
	{ "printf '\\037" TOKEN "x 0\\037' >&2; exit 6", 6, "", NULL },
	{ "cd /; pwd; cd /usr; pwd", 0, "/\n/usr\n", "" },
};

/* Try all scripts, or those of one line in the way that is for these. */
static void try_scripts(bool line)
{
	for (int shell = 0; shell < N_SHELLS; shell++)
		for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]);
		     i++) {
			const char *script = scripts[i].script;
			size_t first = strcspn(script, "\n");
			struct ran ran;
			int status;

			if (!has_shell(shell) ||
			    (line && script[first] && script[first + 1]))
				continue;
			ran = run_script_as(line, shell, "/", script,
			                    strlen(script));
			status = take_trailer(&ran);
			if (status != scripts[i].status ||
			    strcmp(ran.out, scripts[i].out) != 0 ||
			    (scripts[i].err &&
			     strcmp(ran.err, scripts[i].err) != 0))
				fail_msg("%s: %s: %d '%s' '%s'",
				         shells[shell][0], scripts[i].script,
				         status, ran.out, ran.err);
			ran_free(&ran);
		}
}

static void run_script_does_what_the_script_says_in_each_shell(void **state)
{
	(void)state;
	try_scripts(false);
}

static void run_script_reads_a_line_without_help(void **state)
{
	(void)state;
	try_scripts(true);
}

static void run_script_tells_of_a_syntax_error(void **state)
{
	static const char *const wrong[] = { "if", "echo 'a", "fi", "( true",
		                             "done\necho x" };

	(void)state;
	for (int shell = 0; shell < N_SHELLS; shell++)
		for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
			struct ran ran;

			if (!has_shell(shell))
				continue;
			ran = run_script(shell, "/", wrong[i],
			                 strlen(wrong[i]));
			assert_in_range(take_trailer(&ran), 1, 2);
			assert_true(ran.err_len > 0);
			assert_int_equal(ran.out_len, 0);
			ran_free(&ran);
		}
}

static void run_script_takes_a_script_of_a_mebibyte(void **state)
{
	static const char head[] = "x='";
	static const char tail[] = "'\necho ${#x}";
	size_t len = strlen(head) + MIB + strlen(tail);
	char *script = malloc(len + 1);

	(void)state;
	assert_non_null(script);
	memset(script, 'x', len);
	memcpy(script, head, strlen(head));
	memcpy(script + len - strlen(tail), tail, sizeof(tail));
	for (int shell = 0; shell < N_SHELLS; shell++) {
		struct ran ran;

		if (!has_shell(shell))
			continue;
		ran = run_script(shell, "/", script, len);
		assert_int_equal(take_trailer(&ran), 0);
		assert_string_equal(ran.out, "1048576\n");
		assert_string_equal(ran.err, "");
		ran_free(&ran);
	}
	free(script);
}

static void run_script_loses_nuls_and_nothing_else(void **state)
{
	static const char script[] = "echo a\0b\0\0; echo c\n";

	(void)state;
	for (int shell = 0; shell < N_SHELLS; shell++) {
		struct ran ran;

		if (!has_shell(shell))
			continue;
		ran = run_script(shell, "/", script, sizeof(script) - 1);
		assert_int_equal(take_trailer(&ran), 0);
		assert_string_equal(ran.out, "ab\nc\n");
		ran_free(&ran);
	}
}

static void run_script_that_kills_its_shell_is_told_of(void **state)
{
	static const char script[] = "kill -9 $$";

	(void)state;
	for (int shell = 0; shell < N_SHELLS; shell++) {
		struct ran ran;

		if (!has_shell(shell))
			continue;
		ran = run_script(shell, "/", script, strlen(script));
		assert_int_equal(take_trailer(&ran), 128 + SIGKILL);
		ran_free(&ran);
	}
}

static void run_script_does_not_wait_for_what_it_leaves_behind(void **state)
{
	static const char script[] = "sleep 300 & echo $!; exit 2";

	(void)state;
	for (int shell = 0; shell < N_SHELLS; shell++) {
		struct ran ran;
		pid_t left;

		if (!has_shell(shell))
			continue;
		ran = run_script(shell, "/", script, strlen(script));
		left = (pid_t)atoi(ran.out);
		assert_true(left > 1);
		assert_int_equal(kill(left, SIGKILL), 0);
		assert_int_equal(take_trailer(&ran), 2);
		ran_free(&ran);
	}
}

static void run_script_starts_in_the_home_or_at_the_root(void **state)
{
	static const char script[] = "pwd";
	static const struct {
		const char *home;
		const char *out;
	} rows[] = {
		{ "/etc", "/etc\n" },
		{ "/nonexistent", "/\n" },
	};

	(void)state;
	for (int shell = 0; shell < N_SHELLS; shell++)
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			struct ran ran;

			if (!has_shell(shell))
				continue;
			ran = run_script(shell, rows[i].home, script,
			                 strlen(script));
			assert_int_equal(take_trailer(&ran), 0);
			assert_string_equal(ran.out, rows[i].out);
			assert_string_equal(ran.err, "");
			ran_free(&ran);
		}
}

/* Write a shell's lines into a new file that can be run. */
static void write_program(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0700), 0);
}

/*
 * Starts two scripts under RUN, signals the first by SIGNAL and says what
 * became of whose processes: their pids are in the files first and second. In
 * its environment: T, a directory of ours; RUN, SIGNAL; SETSID, which starts
 * each script in a session of its own, or is empty; WRAP, a program that
 * starts the signal script, or is empty. Its arguments are the shell.
 */
static const char signal_driver[] =
	"#!/bin/sh\n"
	"die() { echo \"$*\"; exit 1; }\n"
	"begin() {\n"
	"	what=$1 token=$2; shift 2\n"
	"	cat >\"$T/$what.script\" <<-END\n"
	"		sleep 301 & echo \\$! >>$T/$what\n"
	"		\"$T/a ) b (c) 1 2 3\" 302 & echo \\$! >>$T/$what\n"
	"		sh -c 'sleep 303 & echo \\$! >>$T/$what; wait' &\n"
	"		echo \\$! >>$T/$what\n"
	"		sleep 304\n"
	"		echo went on\n"
	"	END\n"
	"	$SETSID \"$@\" -c \"$RUN\" sh \"$token\" <\"$T/$what.script\" &\n"
	"	pid=$!\n"
	"	n=0\n"
	"	until [ \"$(wc -l <\"$T/$what\")\" -ge 4 ]; do\n"
	"		n=$((n + 1))\n"
	"		[ $n -lt 500 ] || die \"$what does not begin\"\n"
	"		sleep 0.02\n"
	"	done 2>/dev/null\n"
	"	echo $pid >>\"$T/$what\"\n"
	"}\n"
	"lives() {\n"
	"	[ -e \"/proc/$1\" ] || return\n"
	"	! grep -q '^State:.Z' \"/proc/$1/status\" 2>/dev/null\n"
	"}\n"
	"cp /bin/sleep \"$T/a ) b (c) 1 2 3\" || exit 1\n"
	"begin first aaaaaaaaaaaaaaaa \"$@\"\n"
	"begin second bbbbbbbbbbbbbbbb \"$@\"\n"
	"read -r pid <\"$T/first\"\n"
	"read -r line <\"/proc/$pid/stat\"\n"
	"set -f; line=\"${line##*) }\"\n"
	"sid() { echo \"$4\"; }\n"
	"sid=$(sid $line)\n"
	"[ \"$sid\" = 0 ] || sid=some\n"
	"echo \"session $sid\"\n"
	"$WRAP \"$@\" -c \"$SIGNAL\" sh aaaaaaaaaaaaaaaa 15\n"
	"echo \"signal $?\"\n"
	"n=0\n"
	"for pid in $(cat \"$T/first\"); do\n"
	"	while lives $pid; do\n"
	"		n=$((n + 1))\n"
	"		[ $n -lt 250 ] || die \"$pid of the first lives\"\n"
	"		sleep 0.02\n"
	"	done\n"
	"done\n"
	"for pid in $(cat \"$T/second\"); do\n"
	"	lives $pid || die \"$pid of the second is dead\"\n"
	"done\n"
	"\"$@\" -c \"$SIGNAL\" sh bbbbbbbbbbbbbbbb 9\n"
	"for pid in $(cat \"$T/second\"); do\n"
	"	while lives $pid; do\n"
	"		n=$((n + 1))\n"
	"		[ $n -lt 500 ] || die \"$pid of the second lives\"\n"
	"		sleep 0.02\n"
	"	done\n"
	"done\n"
	"\"$@\" -c \"$SIGNAL\" sh cccccccccccccccc 9\n"
	"echo \"nobody $?\"\n";

/* The path of a new directory, to be removed with remove_directory. */
static void make_directory(char path[32])
{
	snprintf(path, 32, "/tmp/orbfs-test.XXXXXX");
	assert_non_null(mkdtemp(path));
}

static void remove_directory(const char *path)
{
	const char *const argv[] = { "/bin/rm", "-rf", path, NULL };
	struct ran ran = run(argv, "/", "", 0);

	assert_int_equal(ran.status, 0);
	ran_free(&ran);
}

/* The driver under the words of prefix, for one shell. */
static void drive(int shell, const char *const *prefix, const char *setsid_word,
                  const char *wrap, const char *session)
{
	char *run_text = script_of(ENGINE_RUN, false);
	char *signal_text = script_of(ENGINE_SIGNAL, false);
	const char *argv[16] = { 0 };
	char dir[32], path[64], wrapper[64], expected[64];
	size_t n = 0;
	struct ran ran;

	make_directory(dir);
	snprintf(path, sizeof(path), "%s/driver", dir);
	snprintf(wrapper, sizeof(wrapper), "%s/wrapper", dir);
	write_program(path, signal_driver);
	write_program(wrapper, wrap ? wrap : "");
	setenv("T", dir, 1);
	setenv("RUN", run_text, 1);
	setenv("SIGNAL", signal_text, 1);
	setenv("SETSID", setsid_word, 1);
	setenv("WRAP", wrap ? wrapper : "", 1);
	while (*prefix)
		argv[n++] = *prefix++;
	argv[n++] = path;
	for (const char *const *word = shells[shell]; *word; word++)
		argv[n++] = *word;
	ran = run(argv, "/", "", 0);
	snprintf(expected, sizeof(expected), "session %s\nsignal 0\nnobody 0\n",
	         session);
	if (ran.status != 0 || strcmp(ran.out, expected) != 0)
		fail_msg("%s: status %x: '%s' '%s'", shells[shell][0],
		         (unsigned)ran.status, ran.out, ran.err);
	ran_free(&ran);
	remove_directory(dir);
	free(run_text);
	free(signal_text);
}

static void signal_script_ends_the_session_of_its_token_alone(void **state)
{
	static const char *const prefix[] = { "/bin/sh", NULL };

	(void)state;
	for (int shell = 0; shell < N_SHELLS; shell++)
		if (has_shell(shell))
			drive(shell, prefix, "setsid", NULL, "some");
}

static void signal_script_spares_what_it_was_started_by(void **state)
{
	static const char *const prefix[] = { "/bin/sh", NULL };
	/* It stays and has the token among its arguments. */
	static const char wrap[] = "#!/bin/sh\nsetsid -w \"$@\"\nexit $?\n";

	(void)state;
	for (int shell = 0; shell < N_SHELLS; shell++)
		if (has_shell(shell))
			drive(shell, prefix, "setsid", wrap, "some");
}

static void signal_script_finds_all_where_sessions_read_as_0(void **state)
{
	/* A namespace of pids that was entered from outside: the sessions of
	 * all that is in it were made there. */
	static const char *const prefix[] = {
		"/usr/bin/unshare",
		"--user",
		"--map-root-user",
		"--pid",
		"--fork",
		"--kill-child",
		"--mount-proc",
		"/bin/sh",
		NULL,
	};
	static const char *const probe[] = {
		"/usr/bin/unshare",
		"--user",
		"--map-root-user",
		"--pid",
		"--fork",
		"--kill-child",
		"--mount-proc",
		"/bin/true",
		NULL,
	};
	struct ran ran = run(probe, "/", "", 0);
	bool can = ran.status == 0;

	(void)state;
	ran_free(&ran);
	if (!can)
		fail_msg("a PID namespace cannot be made here: use sudo");
	for (int shell = 0; shell < N_SHELLS; shell++)
		if (has_shell(shell))
			drive(shell, prefix, "", NULL, "0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(orbctl_is_asked_in_exactly_these_words),
		cmocka_unit_test(orbctl_runs_a_script_by_its_token),
		cmocka_unit_test(orbctl_images_are_lines_of_distro_and_version),
		cmocka_unit_test(orbctl_asks_for_vitals_as_root),
		cmocka_unit_test(
			orbctl_is_never_asked_about_a_machine_without_a_good_name),
		cmocka_unit_test(orbctl_refuses_words_that_it_could_mistake),
		cmocka_unit_test(orbctl_takes_the_longest_name_whole),
		cmocka_unit_test(
			orbctl_gives_every_operation_a_deadline_and_a_bound),
		cmocka_unit_test(orbctl_complaints_mean_what_the_table_says),
		cmocka_unit_test(orbctl_says_what_to_do_about_a_complaint),
		cmocka_unit_test(
			orbctl_complaint_is_read_behind_the_update_box),
		cmocka_unit_test(orbctl_failure_of_a_look_may_pass),
		cmocka_unit_test(orbctl_reason_without_words_is_the_status),
		cmocka_unit_test(orbctl_reason_is_one_readable_line),
		cmocka_unit_test(
			run_script_does_what_the_script_says_in_each_shell),
		cmocka_unit_test(run_script_reads_a_line_without_help),
		cmocka_unit_test(run_script_tells_of_a_syntax_error),
		cmocka_unit_test(run_script_takes_a_script_of_a_mebibyte),
		cmocka_unit_test(run_script_loses_nuls_and_nothing_else),
		cmocka_unit_test(run_script_that_kills_its_shell_is_told_of),
		cmocka_unit_test(
			run_script_does_not_wait_for_what_it_leaves_behind),
		cmocka_unit_test(run_script_starts_in_the_home_or_at_the_root),
		cmocka_unit_test(
			signal_script_ends_the_session_of_its_token_alone),
		cmocka_unit_test(signal_script_spares_what_it_was_started_by),
		cmocka_unit_test(
			signal_script_finds_all_where_sessions_read_as_0),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
