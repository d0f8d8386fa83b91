/*
 * What background.h promises: the command waits for the daemon's word, and
 * says by its exit status whether it came. The daemons are shell scripts.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
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

#include "mount/background.h"
#include "tests/fail_alloc.h"

static char dir[64];

static int set_up(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/orbfs-test.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	int status = -1;
	pid_t pid;

	(void)state;
	pid = fork();
	if (pid == 0) {
		execl("/bin/rm", "rm", "-rf", dir, (char *)NULL);
		_exit(127);
	}
	return waitpid(pid, &status, 0) == pid ? status : -1;
}

/* A daemon of those lines, started with two words. Returns its exit status
 * for the command. */
static int start(const char *lines)
{
	char *const argv[] = { "orbfs", "-o", "a b", NULL };
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/daemon", dir);
	file = fopen(path, "we");
	assert_non_null(file);
	fprintf(file, "#!/bin/sh\nD=%s\nfd=${2#--ready-fd=}\n%s\n", dir, lines);
	fclose(file);
	assert_int_equal(chmod(path, 0700), 0);
	return background_start(path, 3, argv);
}

static void assert_file(const char *name, const char *expected)
{
	char path[128];
	char text[256];
	size_t len;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "re");
	assert_non_null(file);
	len = fread(text, 1, sizeof(text) - 1, file);
	text[len] = '\0';
	fclose(file);
	assert_string_equal(text, expected);
}

static void make_file(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static void wait_for_file(const char *name)
{
	const struct timespec step = { .tv_nsec = 5000000 };
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	for (int i = 0; i < 6000 && access(path, F_OK) != 0; i++)
		nanosleep(&step, NULL);
}

static void background_knows_its_own_path(void **state)
{
	char path[PATH_MAX];
	char real[PATH_MAX];

	(void)state;
	assert_int_equal(background_self(path), 0);
	assert_int_equal(path[0], '/');
	assert_non_null(realpath(path, real));
	assert_string_equal(path, real);
	assert_non_null(strstr(path, "test_background"));
}

static void background_command_ends_well_at_the_word(void **state)
{
	(void)state;
	/* It goes on after that, with its words as they were. */
	assert_int_equal(start("[ \"$1\" = -f ] || exit 9\n"
	                       "shift 2\n"
	                       "for a; do echo \"$a\" >>$D/args; done\n"
	                       "eval \"printf . >&$fd; exec $fd>&-\"\n"
	                       "until [ -e $D/go ]; do sleep 0.01; done\n"
	                       "echo on >$D/went; : >$D/done"),
	                 0);
	assert_file("args", "-o\na b\n");
	make_file("go");
	wait_for_file("done");
	assert_file("went", "on\n");
	while (wait(NULL) > 0)
		;
}

static void background_command_fails_when_the_daemon_gives_up(void **state)
{
	(void)state;
	assert_int_equal(start("exit 0"), 1);
	assert_int_equal(start("exit 1"), 1);
	assert_int_equal(start("exit 3"), 1);
	assert_int_equal(start("kill -9 $$"), 1);
	assert_int_equal(start("eval \"exec $fd>&-\"; exit 5"), 1);
}

static void background_command_fails_without_its_program(void **state)
{
	char *const argv[] = { "orbfs", "/mnt", NULL };
	int saved = dup(STDERR_FILENO);
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int status;

	(void)state;
	dup2(null, STDERR_FILENO);
	status = background_start("/nonexistent/orbfs", 2, argv);
	fail_alloc_at(1);
	assert_int_equal(background_start("/bin/true", 2, argv), 1);
	fail_alloc_off();
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(null);
	assert_int_equal(status, 1);
}

static void background_leaves_no_descriptor_open(void **state)
{
	int before = dup(STDERR_FILENO);
	int after;

	(void)state;
	close(before);
	assert_int_equal(start("exit 1"), 1);
	assert_int_equal(start("eval \"printf . >&$fd\""), 0);
	while (wait(NULL) > 0)
		;
	after = dup(STDERR_FILENO);
	close(after);
	assert_int_equal(after, before);
}

static void background_daemon_has_its_streams_when_we_have_none(void **state)
{
	int status = 0;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		close(STDIN_FILENO);
		close(STDOUT_FILENO);
		close(STDERR_FILENO);
		_exit(start("[ $fd -gt 2 ] || exit 1\n"
		            "for i in 0 1 2; do\n"
		            "	[ -e /proc/$$/fd/$i ] || exit 1\n"
		            "done\n"
		            "exec </dev/null >/dev/null 2>&1\n"
		            "eval \"printf . >&$fd\""));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* In the daemon: the word, and the terminal let go. */
static void background_ready_sends_the_word_and_lets_go(void **state)
{
	int fds[2];
	char word[4];
	int status = 0;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct stat null, st;
		int bad = 0;

		close(fds[0]);
		background_ready(fds[1]);
		bad |= fcntl(fds[1], F_GETFD) != -1;
		bad |= stat("/dev/null", &null) != 0;
		for (int fd = 0; fd < 3; fd++)
			bad |= fstat(fd, &st) != 0 ||
			       st.st_rdev != null.st_rdev;
		_exit(bad);
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], word, sizeof(word)), 1);
	assert_int_equal(read(fds[0], word, sizeof(word)), 0);
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void background_ready_does_not_mind_that_nobody_waits(void **state)
{
	int fds[2];
	int status = 0;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	close(fds[0]);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		signal(SIGPIPE, SIG_IGN); /* as the daemon does */
		background_ready(fds[1]);
		_exit(7);
	}
	close(fds[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(background_knows_its_own_path),
		TEST(background_command_ends_well_at_the_word),
		TEST(background_command_fails_when_the_daemon_gives_up),
		TEST(background_command_fails_without_its_program),
		TEST(background_leaves_no_descriptor_open),
		TEST(background_daemon_has_its_streams_when_we_have_none),
		TEST(background_ready_sends_the_word_and_lets_go),
		TEST(background_ready_does_not_mind_that_nobody_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
