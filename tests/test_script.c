/*
 * What script.h promises: variables that are set all together or not at all, and
 * a text that a shell reads as it was meant.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "fs/script.h"
#include "tests/fail_alloc.h"

static int set_env(struct script *s, const char *lines, char *bad)
{
	struct buf b = BUF_INIT(SCRIPT_MAX);
	int err;

	assert_int_equal(buf_adds(&b, lines), 0);
	err = script_set_env(s, &b, bad);
	buf_free(&b);
	return err;
}

static void assert_env(const struct script *s, const char *want)
{
	assert_string_equal(s->env.len ? s->env.data : "", want);
}

static void variables_are_set_and_replaced(void **state)
{
	struct script s;
	char bad[SCRIPT_BAD_MAX];

	(void)state;
	script_init(&s);
	assert_int_equal(set_env(&s, "A=1\n\nBB=x y\n_c3=", bad), 0);
	assert_env(&s, "A=1\nBB=x y\n_c3=\n");
	/* A name that only begins like another one is another one. */
	assert_int_equal(set_env(&s, "B=2\nA=it's=new\n", bad), 0);
	assert_env(&s, "BB=x y\n_c3=\nB=2\nA=it's=new\n");
	script_free(&s);
}

static void a_bad_line_leaves_all_as_it_was(void **state)
{
	static const char *const bads[] = { "x",    "=x",   "1A=x",   "A B=x",
		                            "A-=x", " A=x", "$(id)=x" };
	struct script s;
	char lines[80], bad[SCRIPT_BAD_MAX];

	(void)state;
	script_init(&s);
	assert_int_equal(set_env(&s, "A=1\n", bad), 0);
	for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
		snprintf(lines, sizeof(lines), "A=2\n%s\nB=3\n", bads[i]);
		assert_int_equal(set_env(&s, lines, bad), -EINVAL);
		assert_string_equal(bad, bads[i]);
		assert_env(&s, "A=1\n");
	}
	script_free(&s);
}

static void an_environment_has_an_end(void **state)
{
	static char line[SCRIPT_ENV_MAX + 1];
	struct script s;
	char bad[SCRIPT_BAD_MAX];

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	line[1] = '=';
	script_init(&s);
	assert_int_equal(set_env(&s, line, bad), -EFBIG);
	assert_env(&s, "");
	line[SCRIPT_ENV_MAX - 1] = '\0'; /* room for a newline */
	assert_int_equal(set_env(&s, line, bad), 0);
	assert_int_equal(s.env.len, SCRIPT_ENV_MAX);
	assert_int_equal(set_env(&s, "y=", bad), -EFBIG);
	/* But one may take another's place. */
	assert_int_equal(set_env(&s, "x=", bad), 0);
	assert_env(&s, "x=\n");
	script_free(&s);
}

static void a_directory_is_one_path(void **state)
{
	static char path[SCRIPT_DIR_MAX + 1];
	struct script s;

	(void)state;
	memset(path, '/', sizeof(path));
	script_init(&s);
	assert_int_equal(script_set_dir(&s, "/srv", 4), 0);
	assert_int_equal(script_set_dir(&s, "srv", 3), -EINVAL);
	assert_int_equal(script_set_dir(&s, "/a\nb", 4), -EINVAL);
	assert_int_equal(script_set_dir(&s, "/a\0b", 4), -EINVAL);
	assert_int_equal(script_set_dir(&s, path, sizeof(path)), -EFBIG);
	assert_string_equal(s.dir.data, "/srv");
	assert_int_equal(script_set_dir(&s, path, sizeof(path) - 1), 0);
	assert_int_equal(script_set_dir(&s, "", 0), 0);
	assert_int_equal(s.dir.len, 0);
	script_free(&s);
}

/* Run a shell with that input; what it prints, on both streams. */
static void run_shell(const struct buf *input, char *got, size_t size)
{
	FILE *in = tmpfile();
	FILE *out = tmpfile();
	pid_t child;
	size_t n;

	assert_non_null(in);
	assert_non_null(out);
	assert_int_equal(fwrite(input->data, 1, input->len, in), input->len);
	rewind(in);
	child = fork();
	if (child == 0) {
		dup2(fileno(in), STDIN_FILENO);
		dup2(fileno(out), STDOUT_FILENO);
		dup2(fileno(out), STDERR_FILENO);
		execlp("sh", "sh", "-s", (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(child, NULL, 0), child);
	rewind(out);
	n = fread(got, 1, size - 1, out);
	got[n] = '\0';
	fclose(in);
	fclose(out);
}

/* It is in what a shell prints that runs it. */
static void assert_says(const struct script *s, const char *want)
{
	struct buf b = BUF_INIT(SCRIPT_MAX);
	char got[200];

	assert_int_equal(script_make(s, &b), 0);
	run_shell(&b, got, sizeof(got));
	buf_free(&b);
	if (!strstr(got, want))
		fail_msg("no '%s' in '%s'", want, got);
}

static void a_shell_reads_it_as_it_was_meant(void **state)
{
	struct script s;
	char bad[SCRIPT_BAD_MAX];

	(void)state;
	script_init(&s);
	buf_adds(&s.text, "pwd");
	assert_int_equal(script_set_dir(&s, "/", 1), 0);
	assert_says(&s, "/\n");
	buf_reset(&s.text);
	buf_adds(&s.text, "echo \"<$A>\"\nnone-such");
	assert_int_equal(set_env(&s, "A='; exit 3; $(id) \"`id`\"\n", bad), 0);
	assert_says(&s, "<'; exit 3; $(id) \"`id`\">\n");
	/* The shell's name of the line that fails is that of the text's. */
	assert_says(&s, "2: none-such");
	assert_int_equal(script_set_dir(&s, "/none'such", 10), 0);
	assert_says(&s, "/none'such");
	script_free(&s);
}

static void scripts_survive_any_failing_allocation(void **state)
{
	unsigned n = 0;

	(void)state;
	while (fail_alloc_next(&n)) {
		struct buf lines = BUF_INIT(100);
		struct buf b = BUF_INIT(1000);
		char bad[SCRIPT_BAD_MAX];
		struct script s;
		int err;

		script_init(&s);
		err = buf_adds(&lines, "A=1\nB=2\n");
		if (!err)
			err = script_set_env(&s, &lines, bad);
		if (!err)
			err = script_set_dir(&s, "/srv", 4);
		if (!err)
			err = buf_adds(&s.text, "true");
		if (!err)
			err = script_make(&s, &b);
		assert_int_equal(err, fail_alloc_reached() ? -ENOMEM : 0);
		buf_free(&lines);
		buf_free(&b);
		script_free(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(variables_are_set_and_replaced),
		cmocka_unit_test(a_bad_line_leaves_all_as_it_was),
		cmocka_unit_test(an_environment_has_an_end),
		cmocka_unit_test(a_directory_is_one_path),
		cmocka_unit_test(a_shell_reads_it_as_it_was_meant),
		cmocka_unit_test(scripts_survive_any_failing_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
