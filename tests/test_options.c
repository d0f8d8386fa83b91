/*
 * What options.h promises: every word of the command line, and one line about
 * the first that makes no sense.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mount/options.h"
#include "mount/system.h"
#include "tests/fail_alloc.h"

enum { MAX_WORDS = 16, WHY_LEN = 200 };

static char why[WHY_LEN];

/* Read a command line, given as words between blanks; "\1" stands for an empty
 * word. */
static int parse_env(struct options *o, const char *line, const char *orbctl)
{
	char *words = strdup(line);
	char *argv[MAX_WORDS + 1] = { "orbfs" };
	char *rest = words;
	char *word;
	int argc = 1;
	int err;

	assert_non_null(words);
	while ((word = strsep(&rest, " "))) {
		if (!*word)
			continue;
		assert_true(argc < MAX_WORDS);
		argv[argc++] = *word == '\1' ? "" : word;
	}
	memset(o, 0xa5, sizeof(*o));
	why[0] = '\0';
	err = options_parse(o, argc, argv, orbctl, why, sizeof(why));
	assert_null(strchr(why, '\n'));
	assert_true(err != -EINVAL || why[0]);
	/* Whatever is kept is a copy. */
	memset(words, 'x', strlen(line));
	free(words);
	return err;
}

static int parse(struct options *o, const char *line)
{
	return parse_env(o, line, NULL);
}

static struct options good(const char *line)
{
	struct options o;

	if (parse(&o, line) != 0)
		fail_msg("%s: %s", line, why);
	assert_string_equal(why, "");
	return o;
}

static void options_have_defaults(void **state)
{
	struct options o = good("/mnt");

	(void)state;
	assert_int_equal(o.act, OPTIONS_MOUNT);
	assert_string_equal(o.mountpoint, "/mnt");
	assert_false(o.foreground);
	assert_false(o.trace);
	assert_int_equal(o.engine, OPTIONS_AUTO);
	assert_null(o.orbctl);
	assert_int_equal(o.ttl_ms, 1000);
	assert_int_equal(o.spool, UINT64_C(64) << 20);
	assert_null(o.image);
	assert_null(o.arch);
	assert_null(o.user);
	assert_string_equal(o.fuse, "");
	assert_int_equal(o.ready_fd, -1);
	options_free(&o);
	assert_null(o.mountpoint);
	options_free(&o);
}

static void options_take_every_word(void **state)
{
	struct options o = good("-f --engine local --orbctl /opt/orbctl "
	                        "--ready-fd 7 -o ttl=2.5,spool=128 "
	                        "-oimage=alpine:3.20,arch=arm64 -o user=root "
	                        "~/vms");

	(void)state;
	assert_true(o.foreground);
	assert_false(o.trace);
	assert_int_equal(o.engine, OPTIONS_LOCAL);
	assert_string_equal(o.orbctl, "/opt/orbctl");
	assert_int_equal(o.ready_fd, 7);
	assert_int_equal(o.ttl_ms, 2500);
	assert_int_equal(o.spool, UINT64_C(128) << 20);
	assert_string_equal(o.image, "alpine:3.20");
	assert_string_equal(o.arch, "arm64");
	assert_string_equal(o.user, "root");
	assert_string_equal(o.mountpoint, "~/vms");
	assert_string_equal(o.fuse, "");
	options_free(&o);
	o = good("/mnt --engine=orbctl --orbctl=other --ready-fd=3 -d");
	assert_true(o.foreground);
	assert_true(o.trace);
	assert_int_equal(o.engine, OPTIONS_ORBCTL);
	assert_string_equal(o.orbctl, "other");
	assert_int_equal(o.ready_fd, 3);
	options_free(&o);
	o = good("/mnt -o engine=auto,orbctl=/x -o engine=local");
	assert_int_equal(o.engine, OPTIONS_LOCAL);
	assert_string_equal(o.orbctl, "/x");
	options_free(&o);
}

static void options_that_ask_need_no_mount_point(void **state)
{
	static const struct {
		const char *line;
		enum options_act act;
	} rows[] = {
		{ "-h", OPTIONS_HELP },
		{ "--help", OPTIONS_HELP },
		{ "-V", OPTIONS_VERSION },
		{ "--version", OPTIONS_VERSION },
		{ "/mnt -h", OPTIONS_HELP },
		{ "-f --help", OPTIONS_HELP },
		{ "-o ro -V", OPTIONS_VERSION },
		{ "doctor", OPTIONS_DOCTOR },
		{ "--engine local doctor", OPTIONS_DOCTOR },
		{ "./doctor", OPTIONS_MOUNT },
		{ "source doctor", OPTIONS_MOUNT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct options o = good(rows[i].line);

		assert_int_equal(o.act, rows[i].act);
		options_free(&o);
	}
}

static void options_leave_to_libfuse_what_is_not_theirs(void **state)
{
	static const struct {
		const char *line;
		const char *fuse;
	} rows[] = {
		{ "/mnt -o ro", "ro" },
		{ "/mnt -oro", "ro" },
		{ "/mnt -o ro,ttl=1,allow_other -o max_read=65536",
		  "ro,allow_other,max_read=65536" },
		{ "/mnt -o ,,ro,,", "ro" },
		{ "/mnt -o \1", "" },
		{ "/mnt -o fsname=a=b", "fsname=a=b" },
		{ "/mnt -o ttls=1,xttl=2", "ttls=1,xttl=2" },
		{ "/mnt -o default_permissions -f -o rw",
		  "default_permissions,rw" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct options o = good(rows[i].line);

		assert_string_equal(o.fuse, rows[i].fuse);
		assert_string_equal(o.mountpoint, "/mnt");
		options_free(&o);
	}
}

static void options_are_called_as_mount_8_calls_them(void **state)
{
	struct options o = good("web /mnt -o rw,nosuid,nodev,ttl=5,dev");

	(void)state;
	assert_string_equal(o.mountpoint, "/mnt");
	assert_string_equal(o.fuse, "rw,nosuid,nodev,dev");
	assert_int_equal(o.ttl_ms, 5000);
	options_free(&o);
	o = good("orbfs#web /mnt -o rw");
	assert_string_equal(o.mountpoint, "/mnt");
	options_free(&o);
}

static void options_round_times_and_bound_them(void **state)
{
	static const struct {
		const char *line;
		unsigned ttl_ms;
	} rows[] = {
		{ "/mnt -o ttl=0", 0 },          { "/mnt -o ttl=0.0004", 0 },
		{ "/mnt -o ttl=0.001", 1 },      { "/mnt -o ttl=1e1", 10000 },
		{ "/mnt -o ttl=3600", 3600000 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct options o = good(rows[i].line);

		assert_int_equal(o.ttl_ms, rows[i].ttl_ms);
		options_free(&o);
	}
}

static void options_of_file_managers_take_no_value(void **state)
{
	struct options o = good("/m -o drafts,ro");

	(void)state;
	assert_true(o.drafts);
	assert_int_equal(o.finder, system_here->finder);
	assert_string_equal(o.fuse, "ro");
	options_free(&o);
	o = good("/m -o finder");
	assert_true(o.finder);
	assert_string_equal(o.fuse, "");
	options_free(&o);
	assert_int_equal(parse(&o, "/m -o drafts=yes"), -EINVAL);
	assert_non_null(strstr(why, "drafts wants no value"));
	options_free(&o);
}

static void options_refuse_nonsense_and_name_it(void **state)
{
	static const struct {
		const char *line;
		const char *word; /* that the reason has */
	} rows[] = {
		{ "", "MOUNTPOINT" },
		{ "-f", "MOUNTPOINT" },
		{ "-x /mnt", "'-x'" },
		{ "--colour /mnt", "'--colour'" },
		{ "-- /mnt", "'--'" },
		{ "-foo /mnt", "'-foo'" },
		{ "-f=1 /mnt", "'-f=1'" },
		{ "--help=x", "'--help=x'" },
		{ "--orbctlx /a /mnt", "'--orbctlx'" },
		{ "/mnt -o", "-o" },
		{ "/mnt --engine", "--engine" },
		{ "/mnt --orbctl", "--orbctl" },
		{ "/mnt --ready-fd", "--ready-fd" },
		{ "/mnt --engine docker", "'docker'" },
		{ "/mnt --engine=", "engine" },
		{ "/mnt -o engine=x", "'x'" },
		{ "/mnt --orbctl=", "--orbctl" },
		{ "/mnt --orbctl -x", "'-x'" },
		{ "/mnt --ready-fd=x", "--ready-fd" },
		{ "/mnt --ready-fd=-1", "--ready-fd" },
		{ "/mnt --ready-fd=1", "--ready-fd" },
		{ "/mnt --ready-fd=7x", "--ready-fd" },
		{ "/mnt --ready-fd=99999999999", "--ready-fd" },
		{ "/mnt -o ttl=", "ttl" },
		{ "/mnt -o ttl=x", "ttl" },
		{ "/mnt -o ttl=1x", "ttl" },
		{ "/mnt -o ttl=-1", "ttl" },
		{ "/mnt -o ttl=3601", "ttl" },
		{ "/mnt -o ttl=nan", "ttl" },
		{ "/mnt -o ttl=inf", "ttl" },
		{ "/mnt -o ttl", "ttl" },
		{ "/mnt -o ro,image", "image" },
		{ "/mnt -o spool=0", "spool" },
		{ "/mnt -o spool=-1", "spool" },
		{ "/mnt -o spool=-18446744073709551615", "spool" },
		{ "/mnt -o spool=65537", "spool" },
		{ "/mnt -o spool=1M", "spool" },
		{ "/mnt -o spool=", "spool" },
		{ "/mnt -o image=", "image" },
		{ "/mnt -o image=-x", "image" },
		{ "/mnt -o arch=--", "arch" },
		{ "/mnt -o user=-", "user" },
		{ "/mnt -o user=", "user" },
	};
	struct options o;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int err = parse(&o, rows[i].line);

		if (err != -EINVAL || !strstr(why, rows[i].word))
			fail_msg("'%s': %d, '%s'", rows[i].line, err, why);
		options_free(&o);
	}
}

static void options_bound_what_they_keep(void **state)
{
	char line[8192] = "/mnt -o ";
	size_t len = strlen(line);
	struct options o;

	(void)state;
	memset(line + len, 'x', sizeof(line) - len - 1);
	assert_int_equal(parse(&o, line), -EINVAL);
	options_free(&o);
	memcpy(line + len, "image=", 6);
	line[len + 6 + 129] = '\0';
	assert_int_equal(parse(&o, line), -EINVAL);
	options_free(&o);
	line[len + 6 + 128] = '\0';
	assert_int_equal(parse(&o, line), 0);
	options_free(&o);
}

static void options_take_orbctl_from_the_environment(void **state)
{
	struct options o;

	(void)state;
	assert_int_equal(parse_env(&o, "/mnt", "/env/orbctl"), 0);
	assert_string_equal(o.orbctl, "/env/orbctl");
	options_free(&o);
	assert_int_equal(parse_env(&o, "/mnt --orbctl /x", "/env/orbctl"), 0);
	assert_string_equal(o.orbctl, "/x");
	options_free(&o);
	assert_int_equal(parse_env(&o, "/mnt", ""), 0);
	assert_null(o.orbctl);
	options_free(&o);
	assert_int_equal(parse_env(&o, "/mnt", "-x"), -EINVAL);
	options_free(&o);
}

static void options_help_names_what_there_is(void **state)
{
	static const char *const words[] = {
		"-f",        "-d",     "--engine", "--orbctl", "ORBFS_ORBCTL",
		"ttl=",      "image=", "arch=",    "user=",    "spool=",
		"--version", "--help", "umount"
	};

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		assert_non_null(strstr(options_help(), words[i]));
}

static void options_survive_any_failing_allocation(void **state)
{
	unsigned n = 0;
	struct options o = { 0 };
	int err = -ENOMEM;

	(void)state;
	while (fail_alloc_next(&n)) {
		options_free(&o);
		err = parse_env(&o, "/mnt -o ro,image=a,image=b,user=x -o rw",
		                "/orbctl");
		assert_true(err == 0 || err == -ENOMEM);
		assert_true(err == 0 || why[0]);
	}
	assert_true(n > 6);
	assert_int_equal(err, 0);
	assert_string_equal(o.image, "b");
	options_free(&o);
}

static void options_map_users(void **state)
{
	struct options o;

	(void)state;
	o = good("/mnt");
	assert_false(o.map_user);
	options_free(&o);
	o = good("-o idmap=user /mnt");
	assert_true(o.map_user);
	options_free(&o);
	o = good("-o idmap=user,idmap=none /mnt");
	assert_false(o.map_user);
	options_free(&o);
	assert_int_equal(parse(&o, "-o idmap=all /mnt"), -EINVAL);
	assert_string_equal(why, "idmap=all: user or none");
	options_free(&o);
	assert_int_equal(parse(&o, "-o idmap /mnt"), -EINVAL);
	options_free(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_map_users),
		cmocka_unit_test(options_have_defaults),
		cmocka_unit_test(options_take_every_word),
		cmocka_unit_test(options_that_ask_need_no_mount_point),
		cmocka_unit_test(options_leave_to_libfuse_what_is_not_theirs),
		cmocka_unit_test(options_are_called_as_mount_8_calls_them),
		cmocka_unit_test(options_round_times_and_bound_them),
		cmocka_unit_test(options_of_file_managers_take_no_value),
		cmocka_unit_test(options_refuse_nonsense_and_name_it),
		cmocka_unit_test(options_bound_what_they_keep),
		cmocka_unit_test(options_take_orbctl_from_the_environment),
		cmocka_unit_test(options_help_names_what_there_is),
		cmocka_unit_test(options_survive_any_failing_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
