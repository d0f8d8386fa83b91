/*
 * What log.h promises, seen from where the lines arrive: a pipe in the place of
 * standard error, and functions of our own in the place of the C library's
 * syslog, which the linker prefers.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include <cmocka.h>

#include "ops/log.h"
#include "tests/fail_alloc.h"

/* ---- what syslog was told ------------------------------------------------ */

static struct {
	char ident[32];
	int facility;
	int priority;
	char line[4096];
	unsigned n_lines;
	bool closed;
} told;

void openlog(const char *ident, int option, int facility)
{
	(void)option;
	snprintf(told.ident, sizeof(told.ident), "%s", ident);
	told.facility = facility;
}

void closelog(void)
{
	told.closed = true;
}

__attribute__((format(printf, 2, 0))) static void tell(int priority,
                                                       const char *fmt,
                                                       va_list ap)
{
	told.priority = priority;
	told.n_lines++;
	vsnprintf(told.line, sizeof(told.line), fmt, ap);
}

void syslog(int priority, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell(priority, fmt, ap);
	va_end(ap);
}

/* What syslog is called in fortified builds. */
void __syslog_chk(int priority, int flag, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void __syslog_chk(int priority, int flag, const char *fmt, ...)
{
	va_list ap;

	(void)flag;
	va_start(ap, fmt);
	tell(priority, fmt, ap);
	va_end(ap);
}

/* ---- what standard error was told ---------------------------------------- */

static int real_stderr = -1;
static int from_stderr = -1;

static void stderr_begin(void)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	real_stderr = dup(STDERR_FILENO);
	assert_true(real_stderr >= 0);
	assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
	close(ends[1]);
	from_stderr = ends[0];
}

/* Put it back. Returns what was written, as a string. */
static const char *stderr_end(void)
{
	static char text[65536];
	size_t len = 0;
	ssize_t n;

	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	do {
		n = read(from_stderr, text + len, sizeof(text) - 1 - len);
		len += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	close(from_stderr);
	text[len] = '\0';
	return text;
}

/* What one log_info gives on standard error. */
static const char *logged(const char *text)
{
	struct log *log = log_new(LOG_LEVEL_INFO, false);

	assert_non_null(log);
	stderr_begin();
	log_info(log, "%s", text);
	log_free(log);
	return stderr_end();
}

/* ---- tests --------------------------------------------------------------- */

static void log_writes_one_line_with_the_program_first(void **state)
{
	(void)state;
	assert_string_equal(logged("machine web: gone"),
	                    "orbfs: machine web: gone\n");
}

static void log_formats_its_arguments(void **state)
{
	struct log *log = log_new(LOG_LEVEL_ERROR, false);

	(void)state;
	stderr_begin();
	log_error(log, "machine %s: exit %d", "web", 3);
	log_free(log);
	assert_string_equal(stderr_end(), "orbfs: machine web: exit 3\n");
}

static void log_drops_lines_above_its_level(void **state)
{
	static const char *const expected[] = {
		"orbfs: e\n",
		"orbfs: e\norbfs: w\n",
		"orbfs: e\norbfs: w\norbfs: i\n",
		"orbfs: e\norbfs: w\norbfs: i\norbfs: d\n",
	};
	struct log *log = log_new(LOG_LEVEL_ERROR, false);

	(void)state;
	for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
		log_set_level(log, (enum log_level)level);
		assert_int_equal(log_get_level(log), level);
		stderr_begin();
		log_error(log, "e");
		log_warn(log, "w");
		log_info(log, "i");
		log_debug(log, "d");
		assert_string_equal(stderr_end(), expected[level]);
	}
	log_free(log);
}

static void log_replaces_what_a_terminal_would_obey(void **state)
{
	(void)state;
	assert_string_equal(logged("a\033[2Jb\007c\177d"),
	                    "orbfs: a?[2Jb?c?d\n");
	/* The same command by its UTF-8 name: C2 9B is CSI. */
	assert_string_equal(logged("a\xc2\x9b"
	                           "2Jb"),
	                    "orbfs: a??2Jb\n");
}

static void log_makes_one_line_of_many(void **state)
{
	(void)state;
	assert_string_equal(logged("first\nsecond\tx\r\n\n"),
	                    "orbfs: first second x \n");
}

static void log_leaves_text_of_other_languages_alone(void **state)
{
	(void)state;
	assert_string_equal(logged("Gerät \xe6\x97\xa5 \xc2\xa7"),
	                    "orbfs: Gerät \xe6\x97\xa5 \xc2\xa7\n");
}

static void log_cuts_a_line_that_is_too_long_and_says_so(void **state)
{
	static char text[10000];
	const char *line;
	size_t len;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	line = logged(text);
	len = strlen(line);
	assert_in_range(len, 1000, 2100);
	assert_string_equal(line + len - 5, "x...\n");
	assert_int_equal(strspn(line + 7, "x"), len - 7 - 4);
}

static void log_cuts_between_characters(void **state)
{
	static const char day[3] = { '\xe6', '\x97', '\xa5' };
	static char text[9001];
	const char *line, *cut;

	(void)state;
	/* Three bytes each; some shift puts every phase at the cut. */
	for (int shift = 0; shift < 3; shift++) {
		memset(text, 0, sizeof(text));
		memset(text, 'x', (size_t)shift);
		for (size_t i = (size_t)shift; i + 3 < sizeof(text); i += 3)
			memcpy(text + i, day, sizeof(day));
		line = logged(text);
		cut = strstr(line, "...");
		assert_non_null(cut);
		assert_memory_equal(cut - 3, day, sizeof(day));
	}
}

static void log_writes_a_line_in_one_piece(void **state)
{
	struct log *log = log_new(LOG_LEVEL_INFO, false);
	int ends[2];
	char text[64];
	ssize_t n;

	(void)state;
	/* A packet pipe keeps the writes apart. */
	assert_int_equal(pipe2(ends, O_DIRECT), 0);
	real_stderr = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	log_info(log, "one %s", "line");
	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	n = read(ends[0], text, sizeof(text));
	assert_int_equal(n, 16);
	assert_memory_equal(text, "orbfs: one line\n", 16);
	close(ends[0]);
	close(ends[1]);
	log_free(log);
}

static void log_keeps_errno(void **state)
{
	struct log *log = log_new(LOG_LEVEL_INFO, false);
	int saved = dup(STDERR_FILENO);

	(void)state;
	close(STDERR_FILENO);
	errno = ENOTDIR;
	log_info(log, "nobody reads this");
	assert_int_equal(errno, ENOTDIR);
	dup2(saved, STDERR_FILENO);
	close(saved);
	log_free(log);
}

static void log_null_drops_everything(void **state)
{
	(void)state;
	stderr_begin();
	log_error(NULL, "x");
	log_debug(NULL, "x");
	log_set_level(NULL, LOG_LEVEL_DEBUG);
	assert_int_equal(log_get_level(NULL), LOG_LEVEL_ERROR);
	log_free(NULL);
	assert_string_equal(stderr_end(), "");
}

static void log_tells_syslog_when_asked(void **state)
{
	struct log *log = log_new(LOG_LEVEL_DEBUG, true);

	(void)state;
	memset(&told.line, 0, sizeof(told.line));
	assert_string_equal(told.ident, "orbfs");
	assert_int_equal(told.facility, LOG_DAEMON);
	stderr_begin();
	log_error(log, "a %%s \n%s", "b");
	assert_int_equal(told.priority, LOG_ERR);
	assert_string_equal(told.line, "a %s  b");
	log_warn(log, "w");
	assert_int_equal(told.priority, LOG_WARNING);
	log_info(log, "i");
	assert_int_equal(told.priority, LOG_INFO);
	log_debug(log, "d");
	assert_int_equal(told.priority, LOG_DEBUG);
	assert_int_equal(told.n_lines, 4);
	assert_string_equal(stderr_end(), "");
	assert_false(told.closed);
	log_free(log);
	assert_true(told.closed);
}

static void log_new_says_when_memory_is_out(void **state)
{
	(void)state;
	fail_alloc_at(1);
	assert_null(log_new(LOG_LEVEL_INFO, false));
	assert_true(fail_alloc_reached());
	fail_alloc_off();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(log_writes_one_line_with_the_program_first),
		cmocka_unit_test(log_formats_its_arguments),
		cmocka_unit_test(log_drops_lines_above_its_level),
		cmocka_unit_test(log_replaces_what_a_terminal_would_obey),
		cmocka_unit_test(log_makes_one_line_of_many),
		cmocka_unit_test(log_leaves_text_of_other_languages_alone),
		cmocka_unit_test(log_cuts_a_line_that_is_too_long_and_says_so),
		cmocka_unit_test(log_cuts_between_characters),
		cmocka_unit_test(log_writes_a_line_in_one_piece),
		cmocka_unit_test(log_keeps_errno),
		cmocka_unit_test(log_null_drops_everything),
		cmocka_unit_test(log_tells_syslog_when_asked),
		cmocka_unit_test(log_new_says_when_memory_is_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
