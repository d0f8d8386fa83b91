/*
 * What vitals.h promises: numbers from the files of /proc and /sys as guests of
 * several kinds have them, nothing from what makes no sense, and a script that
 * runs in the shells that are here, whatever is missing beside them.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "ops/vitals.h"

/* What every guest has. */
#define COMMON                                                                 \
	"=uptime\n5000.50 100.00\n"                                            \
	"=load\n0.10 1.25 2.50 2/345 6789\n"                                   \
	"=meminfo\nMemTotal:        1000 kB\nMemFree: 1 kB\n"                  \
	"MemAvailable:     600 kB\n"                                           \
	"=net\nInter-|   Receive  |  Transmit\n"                               \
	" face |bytes packets errs drop fifo frame compressed multicast|"      \
	"bytes packets\n"                                                      \
	"    lo:  77 1 0 0 0 0 0 0 77 1 0 0 0 0 0 0\n"                         \
	"  eth0: 100 2 0 0 0 0 0 0 30 4 0 0 0 0 0 0\n"                         \
	"wlan0:7 2 0 0 0 0 0 0 5 4 0 0 0 0 0 0\n"
#define STAT(pid, name, session, time, start)                                  \
	pid " (" name ") S 0 1 " session " 0 -1 4 0 0 0 0 " time               \
	    " 1 20 0 1 0 " start " 99 99 1 2 3\n"
/* Two processes of the machine, two of the question. */
#define PROCESSES                                                                \
	"=page\n5580-5590 r-xp 0 00:00 0 /bin/sh\nKernelPageSize:        4 kB\n" \
	"MMUPageSize: 4 kB\nKernelPageSize: 64 kB\n"                             \
	"=self\n" STAT("33", "sh", "33", "5 5 0", "499000") "=stat\n" STAT(      \
		"1", "init", "1", "100 50 20",                                   \
		"400050") STAT("12", "a) S (b", "12", "10 10 0",                 \
	                       "400100") STAT("33", "sh", "33", "5 5 0",         \
	                                      "499000")                          \
		STAT("34", "cat", "33", "0 0 0",                                 \
	             "499000") "=statm\n500 300 200 1 0 9 0\n100 50 50 1 0 9 0\n"
#define DISK                                                                   \
	"=df\nFilesystem 1024-blocks Used Available Capacity Mounted on\n"     \
	"over lay  2000 500 1500  25% /\n"
#define END "=end\n"

static struct vitals parsed(const char *text)
{
	struct vitals v;

	assert_int_equal(vitals_parse(text, strlen(text), &v), 0);
	return v;
}

static bool is_near(double a, double b)
{
	return a - b < 0.001 && b - a < 0.001;
}

static void vitals_of_a_container_without_books_are_sums(void **state)
{
	struct vitals v = parsed(COMMON PROCESSES DISK END);

	(void)state;
	assert_true(is_near(v.uptime, 1000));
	assert_true(is_near(v.load[0], 0.1));
	assert_true(is_near(v.load[1], 1.25));
	assert_true(is_near(v.load[2], 2.5));
	assert_true(is_near(v.cpu_time, 2.04));
	assert_int_equal(v.memory_used, 100 * 4096);
	assert_int_equal(v.memory_total, 1000 * 1024);
	assert_int_equal(v.memory_limit, -1);
	assert_int_equal(v.disk_total, 2000 * 1024);
	assert_int_equal(v.disk_used, 500 * 1024);
	assert_int_equal(v.net_received, 107);
	assert_int_equal(v.net_sent, 35);
	assert_int_equal(v.processes, 2);
}

static void vitals_are_those_of_the_control_group(void **state)
{
	struct vitals v = parsed(
		COMMON "=unified\n1\n=used\n500000\n=limit\n800000\n"
		       "=cache\nanon 1\ninactive_file 100000\n"
		       "=cpu\nusage_usec 7500000\nuser_usec 1\n" PROCESSES END);

	(void)state;
	assert_int_equal(v.memory_used, 400000);
	assert_int_equal(v.memory_limit, 800000);
	assert_true(is_near(v.cpu_time, 7.5));
	assert_int_equal(v.disk_used, -1);
}

static void vitals_know_control_groups_of_version_1(void **state)
{
	struct vitals v = parsed(
		COMMON "=used\n500000\n=limit\n9223372036854771712\n"
		       "=cache\ninactive_file 1\ntotal_inactive_file 200000\n"
		       "=cpuacct\n2500000000\n" PROCESSES END);

	(void)state;
	assert_int_equal(v.memory_used, 300000);
	assert_int_equal(v.memory_limit, -1);
	assert_true(is_near(v.cpu_time, 2.5));
}

static void vitals_limit_is_unknown_where_there_is_none(void **state)
{
	(void)state;
	assert_int_equal(parsed("=limit\nmax\n" END).memory_limit, -1);
	assert_int_equal(parsed("=limit\n\n" END).memory_limit, -1);
	assert_int_equal(parsed(COMMON "=limit\n5000000\n" END).memory_limit,
	                 -1);
	assert_int_equal(parsed("=limit\n5000000\n" END).memory_limit, 5000000);
}

static void vitals_of_a_whole_computer_are_those_of_its_kernel(void **state)
{
	struct vitals v = parsed(
		COMMON "=unified\n1\n=cpu\nusage_usec 1000000\n" PROCESSES END);

	(void)state;
	assert_int_equal(v.memory_used, 400 * 1024);
	assert_true(is_near(v.cpu_time, 1));
}

static void vitals_without_a_session_count_all_but_the_shell(void **state)
{
	struct vitals v = parsed(
		"=self\n" STAT("33", "sh", "0", "5 5 0", "0") "=stat\n" STAT(
			"1", "init", "0", "0 0 0", "0")
			STAT("33", "sh", "0", "5 5 0", "0") END);

	(void)state;
	assert_int_equal(v.processes, 1);
	assert_true(v.uptime < 0);
}

static void vitals_not_to_be_had_are_left_out(void **state)
{
	struct buf b = BUF_INIT(4096);
	struct vitals v = parsed(END);

	(void)state;
	assert_int_equal(vitals_render(&v, &b), 0);
	assert_int_equal(b.len, 0);
	v = parsed("=load\n0.5\n=net\n eth0: 1 2\n" END);
	assert_int_equal(vitals_render(&v, &b), 0);
	assert_string_equal(b.data, "load1 0.50\nnet_received 1\n");
	buf_free(&b);
}

static void vitals_are_flat_lines(void **state)
{
	struct vitals v =
		parsed(COMMON "=used\n5\n=limit\n6\n" PROCESSES DISK END);
	struct buf b = BUF_INIT(4096);

	(void)state;
	assert_int_equal(vitals_render(&v, &b), 0);
	assert_string_equal(b.data, "uptime 1000.00\n"
	                            "load1 0.10\nload5 1.25\nload15 2.50\n"
	                            "cpu_time 2.04\n"
	                            "memory_used 5\nmemory_total 1024000\n"
	                            "memory_limit 6\n"
	                            "disk_used 512000\ndisk_total 2048000\n"
	                            "net_received 107\nnet_sent 35\n"
	                            "processes 2\n");
	buf_free(&b);
}

static void vitals_that_make_no_sense_are_unknown(void **state)
{
	static const char *const bad[] = {
		"=uptime\n-1\n=load\n-1 nan inf\n",
		"=uptime\n\n=load\n\n=meminfo\n\n=net\n\n=self\n\n=stat\n\n",
		"=uptime\n1e300\n=used\n99999999999999999999999\n=limit\n-5\n",
		"=meminfo\nMemTotal: 9223372036854775807 kB\n",
		"=meminfo\nMemTotalx 5\nMemTotal\n",
		"=stat\n1 (x\n1 )\n1 (x) S 1 2\n) 1\n",
		"=statm\n5\n5 1\n5 1 2\n=page\nKernelPageSize: 0 kB\n",
		"=df\n/dev/a 1 2 3 4%\n/dev/a 1 2 3 4% /x\n1 2 3 4 /\n",
		"=nonsense\n5\n5\n",
		"5\n=\n5\n==end\n",
	};
	struct buf b = BUF_INIT(4096);

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char *text = NULL;
		struct vitals v;

		assert_true(asprintf(&text, "%s" END, bad[i]) > 0);
		v = parsed(text);
		assert_int_equal(vitals_render(&v, &b), 0);
		if (b.len)
			fail_msg("%s: %s", bad[i], b.data);
		free(text);
	}
	buf_free(&b);
}

static void vitals_that_break_off_are_an_error(void **state)
{
	static const char text[] = COMMON PROCESSES DISK END;
	struct buf b = BUF_INIT(4096);
	struct vitals v;

	(void)state;
	/* Whole without the last newline. */
	for (size_t len = 0; len < sizeof(text) - 2; len++) {
		assert_int_equal(vitals_parse(text, len, &v), -EPROTO);
		vitals_render(&v, &b);
		assert_int_equal(b.len, 0);
	}
	assert_int_equal(vitals_parse("sh: not found\n", 14, &v), -EPROTO);
	buf_free(&b);
}

static void vitals_survive_every_flip(void **state)
{
	static const char text[] = COMMON
		"=used\n5\n=limit\n6\n" PROCESSES DISK END;
	static const char flips[] = { 0,   '\n', ' ', ')',
		                      '=', '-',  '9', (char)0x80 };
	char *copy = malloc(sizeof(text) - 1);
	struct vitals v;

	(void)state;
	assert_non_null(copy);
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		for (size_t j = 0; j < sizeof(flips); j++) {
			memcpy(copy, text, sizeof(text) - 1);
			copy[i] = flips[j];
			vitals_parse(copy, sizeof(text) - 1, &v);
			assert_true(v.uptime >= -1 && v.cpu_time >= -1);
			assert_true(v.memory_used >= -1 && v.disk_used >= -1);
		}
	free(copy);
}

static void vitals_of_long_lines_are_bounded(void **state)
{
	enum { LEN = 100000 };
	char *text = malloc(LEN + 64);
	struct vitals v;

	(void)state;
	assert_non_null(text);
	strcpy(text, "=load\n");
	memset(text + 6, '1', LEN);
	strcpy(text + 6 + LEN, "\n=df\n");
	memset(text + 11 + LEN, ' ', 1);
	strcpy(text + 12 + LEN, "a\n" END);
	v = parsed(text);
	assert_true(v.load[0] < 0);
	free(text);
}

/* The script's answer in that shell, or NULL: there is no such shell. */
static char *answer_of(const char *shell, const char *path, const char *more,
                       size_t *len)
{
	char *command = NULL;
	char *text = malloc(VITALS_MAX);
	FILE *pipe;

	assert_non_null(text);
	if (access(shell, X_OK) != 0) {
		free(text);
		return NULL;
	}
	/* It has quotes of its own: given in a variable. */
	assert_int_equal(setenv("VITALS", vitals_script, 1), 0);
	assert_true(asprintf(&command, "exec env %s %s %s -c \"$VITALS\"", path,
	                     shell, more) > 0);
	pipe = popen(command, "r"); // NOLINT(cert-env33-c)
	assert_non_null(pipe);
	*len = fread(text, 1, VITALS_MAX, pipe);
	assert_int_equal(pclose(pipe), 0);
	free(command);
	return text;
}

static void vitals_script_runs_in_the_shells_that_are_here(void **state)
{
	static const char *const shells[] = { "/bin/sh", "/bin/dash",
		                              "/bin/bash", "/bin/ash" };
	static const char *const paths[] = { "", "PATH=/nowhere" };

	(void)state;
	for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++)
		for (size_t j = 0; j < 2; j++) {
			size_t len;
			char *text = answer_of(shells[i], paths[j], "", &len);
			struct vitals v;

			if (!text)
				continue;
			assert_int_equal(vitals_parse(text, len, &v), 0);
			free(text);
			assert_true(v.uptime >= 0 && v.load[2] >= 0);
			assert_true(v.cpu_time > 0 && v.processes > 0);
			assert_true(v.memory_used > 0 &&
			            v.memory_used < v.memory_total);
			/* Without df there is no disk. */
			assert_true(j ? v.disk_total < 0
			              : v.disk_used <= v.disk_total);
		}
}

/* As in a machine that is a container: another process 1, other processes. */
static void vitals_of_a_namespace_are_its_own(void **state)
{
	static const char shell[] = "/usr/bin/unshare";
	static const char how[] = "--pid --fork --mount-proc setsid sh";
	struct vitals v;
	char *text;
	size_t len;

	(void)state;
	// NOLINTNEXTLINE(cert-env33-c)
	if (system("unshare --pid --fork --mount-proc true 2>/dev/null") != 0)
		skip();
	text = answer_of(shell, "", how, &len);
	assert_non_null(text);
	assert_int_equal(vitals_parse(text, len, &v), 0);
	free(text);
	assert_true(v.uptime >= 0 && v.uptime < 60);
	assert_int_equal(v.processes, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(vitals_of_a_container_without_books_are_sums),
		cmocka_unit_test(vitals_are_those_of_the_control_group),
		cmocka_unit_test(vitals_know_control_groups_of_version_1),
		cmocka_unit_test(vitals_limit_is_unknown_where_there_is_none),
		cmocka_unit_test(
			vitals_of_a_whole_computer_are_those_of_its_kernel),
		cmocka_unit_test(
			vitals_without_a_session_count_all_but_the_shell),
		cmocka_unit_test(vitals_not_to_be_had_are_left_out),
		cmocka_unit_test(vitals_are_flat_lines),
		cmocka_unit_test(vitals_that_make_no_sense_are_unknown),
		cmocka_unit_test(vitals_that_break_off_are_an_error),
		cmocka_unit_test(vitals_survive_every_flip),
		cmocka_unit_test(vitals_of_long_lines_are_bounded),
		cmocka_unit_test(
			vitals_script_runs_in_the_shells_that_are_here),
		cmocka_unit_test(vitals_of_a_namespace_are_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
