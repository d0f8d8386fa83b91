/*
 * What ops/stash.h promises: a file in a directory of its own, nobody else's,
 * that leaves nothing behind, not even after a kill.
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
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "ops/stash.h"
#include "tests/fail_alloc.h"

static char tmp[] = "/tmp/test_stash.XXXXXX";
static char base[64];

static int set_up(void **state)
{
	(void)state;
	strcpy(tmp + strlen(tmp) - 6, "XXXXXX");
	assert_non_null(mkdtemp(tmp));
	snprintf(base, sizeof(base), "%s/orbfs-%u", tmp, (unsigned)geteuid());
	return setenv("TMPDIR", tmp, 1);
}

static int tear_down(void **state)
{
	(void)state;
	(void)rmdir(base);
	/* Fails if anything was left. */
	return rmdir(tmp);
}

static void a_stash_holds_what_is_written(void **state)
{
	int err = -1;
	struct stash *stash = stash_new("web.tar.zst", &err);
	char data[16];

	(void)state;
	assert_non_null(stash);
	assert_int_equal(err, 0);
	assert_string_equal(strrchr(stash_path(stash), '/'), "/web.tar.zst");
	assert_int_equal(stash_size(stash), 0);
	assert_int_equal(stash_read(stash, 0, data, sizeof(data)), 0);
	assert_int_equal(stash_write(stash, 3, "defg", 4), 0);
	assert_int_equal(stash_write(stash, 0, "abc", 3), 0);
	assert_int_equal(stash_size(stash), 7);
	assert_int_equal(stash_read(stash, 1, data, sizeof(data)), 6);
	assert_memory_equal(data, "bcdefg", 6);
	assert_int_equal(stash_truncate(stash, 2), 0);
	assert_int_equal(stash_read(stash, 0, data, sizeof(data)), 2);
	assert_int_equal(stash_read(stash, 2, data, sizeof(data)), 0);
	stash_free(stash);
}

static void a_stash_shows_what_another_program_writes(void **state)
{
	int err;
	struct stash *stash = stash_new("x", &err);
	FILE *other = fopen(stash_path(stash), "w");
	char data[16];

	(void)state;
	assert_non_null(other);
	fputs("one", other);
	fflush(other);
	assert_int_equal(stash_size(stash), 3);
	fputs("two", other);
	fclose(other);
	assert_int_equal(stash_read(stash, 0, data, sizeof(data)), 6);
	stash_free(stash);
}

static void a_stash_is_for_nobody_else(void **state)
{
	int err;
	struct stash *stash = stash_new("x", &err);
	struct stat st;

	(void)state;
	assert_int_equal(stash_write(stash, 0, "x", 1), 0);
	assert_int_equal(stat(base, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(stat(stash_path(stash), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	stash_free(stash);
}

static void a_directory_that_others_can_enter_is_refused(void **state)
{
	int err = 0;

	(void)state;
	(void)rmdir(base);
	assert_int_equal(mkdir(base, 0700), 0);
	assert_int_equal(chmod(base, 0755), 0);
	assert_null(stash_new("x", &err));
	assert_int_equal(err, -EPERM);
	assert_int_equal(rmdir(base), 0);
	assert_int_equal(symlink("/", base), 0);
	assert_null(stash_new("x", &err));
	assert_int_equal(err, -EPERM);
	assert_int_equal(unlink(base), 0);
}

static void a_link_in_the_place_of_the_file_is_not_followed(void **state)
{
	int err;
	struct stash *stash = stash_new("x", &err);
	char data[4];

	(void)state;
	assert_int_equal(symlink("/etc/hostname", stash_path(stash)), 0);
	assert_true(stash_read(stash, 0, data, sizeof(data)) < 0);
	assert_int_equal(stash_size(stash), 0);
	assert_true(stash_write(stash, 0, "x", 1) < 0);
	stash_free(stash);
}

static void a_name_is_no_path(void **state)
{
	int err = 0;

	(void)state;
	assert_null(stash_new("a/b", &err));
	assert_int_equal(err, -EINVAL);
}

/* A child makes a stash and is killed. */
static void leave_a_stash(char path[256])
{
	int pipe_fd[2];
	pid_t pid;
	int status;

	assert_int_equal(pipe(pipe_fd), 0);
	pid = fork();
	if (pid == 0) {
		int err;
		struct stash *stash = stash_new("left", &err);

		if (!stash || stash_write(stash, 0, "x", 1) != 0)
			_exit(1);
		(void)!write(pipe_fd[1], stash_path(stash),
		             strlen(stash_path(stash)) + 1);
		raise(SIGKILL);
	}
	assert_true(read(pipe_fd[0], path, 256) > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(pipe_fd[0]);
	close(pipe_fd[1]);
}

static void what_a_killed_daemon_left_is_removed(void **state)
{
	char path[256];
	int err;
	struct stash *mine;
	struct stash *stash;

	(void)state;
	mine = stash_new("mine", &err);
	assert_int_equal(stash_write(mine, 0, "x", 1), 0);
	leave_a_stash(path);
	assert_int_equal(access(path, F_OK), 0);
	stash = stash_new("x", &err);
	assert_int_equal(access(path, F_OK), -1);
	/* That of a process that lives stays. */
	assert_int_equal(access(stash_path(mine), F_OK), 0);
	stash_free(stash);
	stash_free(mine);
}

static void a_stash_survives_any_failing_allocation(void **state)
{
	unsigned n = 0;

	(void)state;
	while (fail_alloc_next(&n)) {
		int err = 0;
		struct stash *stash = stash_new("x", &err);

		assert_true(stash || err == -ENOMEM);
		stash_free(stash);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stash_holds_what_is_written),
		cmocka_unit_test(a_stash_shows_what_another_program_writes),
		cmocka_unit_test(a_stash_is_for_nobody_else),
		cmocka_unit_test(a_directory_that_others_can_enter_is_refused),
		cmocka_unit_test(
			a_link_in_the_place_of_the_file_is_not_followed),
		cmocka_unit_test(a_name_is_no_path),
		cmocka_unit_test(what_a_killed_daemon_left_is_removed),
		cmocka_unit_test(a_stash_survives_any_failing_allocation),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
