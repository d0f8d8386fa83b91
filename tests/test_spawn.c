/*
 * What spawn.h promises, tried with real children, each of which ends by itself
 * at once.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "ops/spawn.h"

enum { SAID_MAX = 4096 };

static char *const ENVIRONMENT[] = { "PATH=/usr/bin:/bin", "A=b", NULL };

/* Run it to its end; what it says on stdout goes to said. Returns its exit
 * status. */
static int run(const char *script, char said[SAID_MAX])
{
	char *const argv[] = { "/bin/sh", "-c", (char *)script, NULL };
	struct spawn_spec spec = { .argv = argv,
		                   .env = ENVIRONMENT,
		                   .fds = { -1, -1, -1 } };
	size_t len = 0;
	ssize_t n;
	int ends[2];
	int status;
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	spec.fds[STDOUT_FILENO] = ends[1];
	assert_int_equal(spawn(&spec, &pid), 0);
	assert_int_equal(close(ends[1]), 0);
	while ((n = read(ends[0], said + len, SAID_MAX - 1 - len)) > 0)
		len += (size_t)n;
	said[len] = '\0';
	assert_int_equal(close(ends[0]), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void spawn_gives_what_it_was_given(void **state)
{
	char said[SAID_MAX];

	(void)state;
	assert_int_equal(run("echo \"$A $(pwd)\"; exit 7", said), 7);
	assert_string_equal(said, "b /\n");
}

static void spawn_gives_dev_null_for_what_is_not_given(void **state)
{
	char said[SAID_MAX];

	(void)state;
	assert_int_equal(run("cat; for fd in 0 2; do "
	                     "[ /proc/self/fd/$fd -ef /dev/null ] || "
	                     "exit 1; done; echo lost >&2; echo ok",
	                     said),
	                 0);
	assert_string_equal(said, "ok\n");
}

static void spawn_makes_a_session(void **state)
{
	char said[SAID_MAX];

	(void)state;
	/* Its fields: number, name, state, parent, group, session, terminal. */
	assert_int_equal(run("read -r me x x x group session tty x "
	                     "</proc/$$/stat; [ $me = $$ ] && "
	                     "[ $group = $$ ] && [ $session = $$ ] && "
	                     "echo $tty",
	                     said),
	                 0);
	assert_string_equal(said, "0\n");
}

/* The C library keeps the two above 31 for itself. */
static void spawn_sets_all_signals_to_their_defaults(void **state)
{
	unsigned long long blocked, ignored;
	char said[SAID_MAX];
	sigset_t some, before;

	(void)state;
	sigemptyset(&some);
	sigaddset(&some, SIGTERM);
	assert_int_equal(sigprocmask(SIG_BLOCK, &some, &before), 0);
	assert_ptr_not_equal(signal(SIGPIPE, SIG_IGN), SIG_ERR);
	assert_int_equal(run("cat /proc/self/status", said), 0);
	assert_ptr_not_equal(signal(SIGPIPE, SIG_DFL), SIG_ERR);
	assert_int_equal(sigprocmask(SIG_SETMASK, &before, NULL), 0);
	assert_int_equal(sscanf(strstr(said, "SigBlk:"),
	                        "SigBlk: %llx SigIgn: %llx", &blocked,
	                        &ignored),
	                 2);
	assert_int_equal(blocked, 0);
	assert_int_equal(ignored & 0x7fffffff, 0);
}

/* No child is left of those that could not become the program. */
static void spawn_says_why_not(void **state)
{
	static const struct {
		char *path;
		int err;
	} rows[] = {
		{ "/nothing/there", -ENOENT },
		{ "/etc/passwd/x", -ENOTDIR },
		{ "/etc/passwd", -EACCES },
		{ "/", -EACCES },
	};
	pid_t pid;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char *const argv[] = { rows[i].path, NULL };
		const struct spawn_spec spec = { .argv = argv,
			                         .env = ENVIRONMENT,
			                         .fds = { -1, -1, -1 } };

		assert_int_equal(spawn(&spec, &pid), rows[i].err);
	}
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spawn_gives_what_it_was_given),
		cmocka_unit_test(spawn_gives_dev_null_for_what_is_not_given),
		cmocka_unit_test(spawn_makes_a_session),
		cmocka_unit_test(spawn_sets_all_signals_to_their_defaults),
		cmocka_unit_test(spawn_says_why_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
