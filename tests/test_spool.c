/*
 * What spool.h promises: the newest bytes, whatever the order of adding and
 * reading, and honest figures when the file cannot hold them.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "ops/spool.h"
#include "tests/fail_alloc.h"

#ifdef __linux__
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

/* ---- helpers ------------------------------------------------------------- */

/* The number of entries in a directory, or of our descriptors. */
static unsigned count_entries(const char *path)
{
	DIR *dir = opendir(path);
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2;
}

static unsigned count_descriptors(void)
{
	return count_entries("/dev/fd");
}

/* What is still there, read from offset 0 on, is this. */
static void assert_holds(struct spool *spool, const char *expected)
{
	char text[256];
	ssize_t n = spool_read(spool, 0, text, sizeof(text));

	assert_int_equal(n, strlen(expected));
	assert_memory_equal(text, expected, (size_t)n);
	assert_int_equal(spool_end(spool) - spool_start(spool), n);
}

/* Files end after this many bytes. */
static void limit_file_size(rlim_t size)
{
	struct rlimit limit;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = size;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* ---- tests --------------------------------------------------------------- */

static void spool_that_is_empty_reads_nothing(void **state)
{
	struct spool *spool = spool_new(10);
	char byte;

	(void)state;
	assert_int_equal(spool_start(spool), 0);
	assert_int_equal(spool_end(spool), 0);
	assert_int_equal(spool_lost(spool), 0);
	assert_int_equal(spool_read(spool, 0, &byte, 1), 0);
	assert_int_equal(spool_read(spool, 7, &byte, 1), 0);
	spool_unref(spool);
}

static void spool_makes_its_file_at_the_first_byte(void **state)
{
	unsigned before = count_descriptors();
	struct spool *spool = spool_new(10);

	(void)state;
	assert_int_equal(spool_add(spool, "", 0), 0);
	assert_int_equal(count_descriptors(), before);
	assert_int_equal(spool_add(spool, "x", 1), 0);
	assert_int_equal(count_descriptors(), before + 1);
	spool_unref(spool);
	assert_int_equal(count_descriptors(), before);
}

static void spool_reads_back_what_was_added(void **state)
{
	struct spool *spool = spool_new(100);
	char text[3];

	(void)state;
	assert_int_equal(spool_add(spool, "hello ", 6), 0);
	assert_int_equal(spool_add(spool, "world", 5), 0);
	assert_holds(spool, "hello world");
	assert_int_equal(spool_read(spool, 4, text, 3), 3);
	assert_memory_equal(text, "o w", 3);
	assert_int_equal(spool_read(spool, 9, text, 3), 2);
	assert_memory_equal(text, "ld", 2);
	assert_int_equal(spool_read(spool, 11, text, 3), 0);
	assert_int_equal(spool_read(spool, UINT64_MAX, text, 3), 0);
	assert_int_equal(spool_read(spool, 0, text, 0), 0);
	spool_unref(spool);
}

static void spool_holds_exactly_its_maximum(void **state)
{
	struct spool *spool = spool_new(10);

	(void)state;
	assert_int_equal(spool_add(spool, "0123456789", 10), 0);
	assert_holds(spool, "0123456789");
	assert_int_equal(spool_start(spool), 0);
	spool_unref(spool);
}

static void spool_drops_the_oldest_when_it_is_full(void **state)
{
	struct spool *spool = spool_new(10);

	(void)state;
	spool_add(spool, "0123456789", 10);
	assert_int_equal(spool_add(spool, "abcd", 4), 0);
	assert_holds(spool, "456789abcd");
	assert_int_equal(spool_start(spool), 4);
	assert_int_equal(spool_end(spool), 14);
	assert_int_equal(spool_add(spool, "efghijklm", 9), 0);
	assert_holds(spool, "defghijklm");
	assert_int_equal(spool_lost(spool), 0);
	spool_unref(spool);
}

static void spool_keeps_the_tail_of_more_than_its_maximum(void **state)
{
	struct spool *spool = spool_new(10);

	(void)state;
	spool_add(spool, "xyz", 3);
	assert_int_equal(spool_add(spool, "0123456789abcdefghijklmno", 25), 0);
	assert_holds(spool, "fghijklmno");
	assert_int_equal(spool_start(spool), 18);
	assert_int_equal(spool_end(spool), 28);
	spool_unref(spool);
}

static void spool_gives_a_late_reader_the_oldest_there_is(void **state)
{
	struct spool *spool = spool_new(4);
	char text[4];

	(void)state;
	spool_add(spool, "abcdef", 6);
	assert_int_equal(spool_read(spool, 0, text, 2), 2);
	assert_memory_equal(text, "cd", 2);
	assert_int_equal(spool_read(spool, 3, text, 4), 3);
	assert_memory_equal(text, "def", 3);
	spool_unref(spool);
}

/* Compare with the plain idea of it: everything ever added, in memory. */
static void spool_agrees_with_a_model_in_any_order(void **state)
{
	enum { MAX = 97, ALL = 60000, CHUNK = 250 };
	static char all[ALL + CHUNK];
	struct spool *spool = spool_new(MAX);
	char text[CHUNK];
	uint64_t end = 0, start, from;
	size_t len, expected;

	(void)state;
	srand(1);
	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (char)rand();
	while (end < ALL) {
		len = (size_t)(rand() % (rand() % 8 ? 40 : CHUNK));
		assert_int_equal(spool_add(spool, all + end, len), 0);
		end += len;
		start = end > MAX ? end - MAX : 0;
		assert_int_equal(spool_end(spool), end);
		assert_int_equal(spool_start(spool), start);
		from = start + (uint64_t)(rand() % (MAX + 2));
		len = (size_t)(rand() % CHUNK);
		expected = from < end ? (size_t)(end - from) : 0;
		expected = expected < len ? expected : len;
		assert_int_equal(spool_read(spool, from, text, len), expected);
		assert_memory_equal(text, all + from, expected);
	}
	spool_unref(spool);
}

static void spool_lives_until_the_last_reference_is_gone(void **state)
{
	unsigned before = count_descriptors();
	struct spool *spool = spool_new(10);
	struct spool *reader = spool_ref(spool);

	(void)state;
	assert_ptr_equal(reader, spool);
	spool_add(spool, "abc", 3);
	spool_unref(spool);
	assert_holds(reader, "abc");
	spool_unref(reader);
	spool_unref(NULL);
	assert_int_equal(count_descriptors(), before);
}

/* Use a spool in a directory of its own and see what is left there. Returns
 * how many bytes it held; runs in children too, so it asserts nothing. */
static ssize_t spool_in_directory(const char *dir, unsigned *n_files)
{
	struct spool *spool;
	char text[8];
	ssize_t n = -1;

	setenv("TMPDIR", dir, 1);
	spool = spool_new(10);
	if (spool && spool_add(spool, "abc", 3) == 0)
		n = spool_read(spool, 0, text, sizeof(text));
	*n_files = count_entries(dir);
	spool_unref(spool);
	unsetenv("TMPDIR");
	return n;
}

static void spool_file_has_no_name(void **state)
{
	char dir[] = "/tmp/test_spool.XXXXXX";
	unsigned n_files;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(spool_in_directory(dir, &n_files), 3);
	assert_int_equal(n_files, 0);
	assert_int_equal(rmdir(dir), 0);
}

#ifdef __linux__
/* From now on openat() knows no O_TMPFILE, as on many file systems. */
static int forbid_tmpfile(void)
{
	enum { OPENAT_FLAGS = 2, TMPFILE_BIT = O_TMPFILE & ~O_DIRECTORY };
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		         offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		         offsetof(struct seccomp_data, args[OPENAT_FLAGS])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, TMPFILE_BIT, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOPNOTSUPP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {
		.len = sizeof(filter) / sizeof(filter[0]),
		.filter = filter,
	};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		return -errno;
	return open("/tmp", O_TMPFILE | O_RDWR, 0600) < 0 ? 0 : -EINVAL;
}

static void spool_does_without_files_that_are_born_nameless(void **state)
{
	char dir[] = "/tmp/test_spool.XXXXXX";
	unsigned n_files = 1;
	int status;
	pid_t pid;

	(void)state;
	assert_non_null(mkdtemp(dir));
	pid = fork();
	if (pid == 0) {
		if (forbid_tmpfile() < 0)
			_exit(2);
		if (spool_in_directory(dir, &n_files) != 3 || n_files != 0)
			_exit(1);
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(rmdir(dir), 0);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 2)
		fail_msg("no seccomp filter can be set here");
	assert_int_equal(WEXITSTATUS(status), 0);
}
#endif

/* A spool that holds "abc", and the descriptor of its file. */
static struct spool *spool_with_fd(int *fd)
{
	struct spool *spool = spool_new(10);

	/* The lowest free descriptor is the one that the file will get. */
	*fd = dup(STDERR_FILENO);
	close(*fd);
	assert_int_equal(spool_add(spool, "abc", 3), 0);
	assert_true(fcntl(*fd, F_GETFD) >= 0);
	return spool;
}

static void spool_file_does_not_reach_children(void **state)
{
	struct spool *spool;
	int fd;

	(void)state;
	spool = spool_with_fd(&fd);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	spool_unref(spool);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

/* Put another file in the place of the spool's. */
static void replace_file(int fd, const char *path, int flags)
{
	int other = open(path, flags | O_CLOEXEC);

	assert_true(other >= 0);
	assert_int_equal(dup2(other, fd), fd);
	close(other);
}

static void spool_says_when_the_file_system_is_full(void **state)
{
	struct spool *spool;
	int fd;

	(void)state;
	spool = spool_with_fd(&fd);
	replace_file(fd, "/dev/full", O_RDWR);
	assert_int_equal(spool_add(spool, "defg", 4), -ENOSPC);
	assert_int_equal(spool_end(spool), 3);
	assert_int_equal(spool_lost(spool), 4);
	spool_unref(spool);
}

static void spool_says_when_its_file_cannot_be_read(void **state)
{
	struct spool *spool;
	char text[10];
	int fd;

	(void)state;
	spool = spool_with_fd(&fd);
	/* Somebody cut it short, which gives no bytes. */
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(spool_read(spool, 0, text, sizeof(text)), -EIO);
	replace_file(fd, "/dev/null", O_WRONLY);
	assert_int_equal(spool_read(spool, 0, text, sizeof(text)), -EBADF);
	spool_unref(spool);
}

static void spool_ignores_a_relative_directory(void **state)
{
	struct spool *spool = spool_new(10);

	(void)state;
	setenv("TMPDIR", "no/such/directory", 1);
	assert_int_equal(spool_add(spool, "abc", 3), 0);
	unsetenv("TMPDIR");
	assert_holds(spool, "abc");
	spool_unref(spool);
}

static void spool_counts_what_it_cannot_store(void **state)
{
	struct spool *spool = spool_new(10);
	char byte;

	(void)state;
	setenv("TMPDIR", "/no/such/directory", 1);
	assert_int_equal(spool_add(spool, "abc", 3), -ENOENT);
	assert_int_equal(spool_add(spool, "0123456789abcdef", 16), -ENOENT);
	unsetenv("TMPDIR");
	assert_int_equal(spool_lost(spool), 19);
	assert_int_equal(spool_end(spool), 0);
	assert_int_equal(spool_read(spool, 0, &byte, 1), 0);
	/* It is tried anew each time. */
	assert_int_equal(spool_add(spool, "later", 5), 0);
	assert_holds(spool, "later");
	spool_unref(spool);
}

static void spool_refuses_a_directory_with_too_long_a_name(void **state)
{
	static char dir[5000];
	struct spool *spool = spool_new(10);

	(void)state;
	memset(dir, '/', sizeof(dir) - 1);
	setenv("TMPDIR", dir, 1);
	assert_int_equal(spool_add(spool, "abc", 3), -ENAMETOOLONG);
	unsetenv("TMPDIR");
	spool_unref(spool);
}

static void spool_keeps_what_went_in_before_the_file_was_full(void **state)
{
	struct spool *spool = spool_new(100);

	(void)state;
	limit_file_size(10);
	assert_int_equal(spool_add(spool, "abcdef", 6), 0);
	assert_int_equal(spool_add(spool, "ghijklmno", 9), -EFBIG);
	limit_file_size(RLIM_INFINITY);
	assert_holds(spool, "abcdefghij");
	assert_int_equal(spool_lost(spool), 5);
	assert_int_equal(spool_add(spool, "xyz", 3), 0);
	assert_holds(spool, "abcdefghijxyz");
	assert_int_equal(spool_lost(spool), 5);
	spool_unref(spool);
}

static void spool_never_shows_bytes_that_were_not_written(void **state)
{
	struct spool *spool = spool_new(10);
	char text[10];

	(void)state;
	/* More than it holds, of which nothing can be written: what it held
	 * is given up and nothing comes in its place. */
	limit_file_size(0);
	assert_int_equal(spool_add(spool, "0123456789abcde", 15), -EFBIG);
	assert_int_equal(spool_start(spool), spool_end(spool));
	assert_int_equal(spool_read(spool, 0, text, sizeof(text)), 0);
	assert_int_equal(spool_lost(spool), 10);
	limit_file_size(RLIM_INFINITY);
	assert_int_equal(spool_add(spool, "xyz", 3), 0);
	assert_holds(spool, "xyz");
	/* Less than it holds: what it held stays. */
	limit_file_size(0);
	assert_int_equal(spool_add(spool, "01234567", 8), -EFBIG);
	limit_file_size(RLIM_INFINITY);
	assert_holds(spool, "xyz");
	assert_int_equal(spool_lost(spool), 18);
	spool_unref(spool);
}

static void spool_new_says_when_memory_is_out(void **state)
{
	(void)state;
	fail_alloc_at(1);
	assert_null(spool_new(10));
	assert_true(fail_alloc_reached());
	fail_alloc_off();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spool_that_is_empty_reads_nothing),
		cmocka_unit_test(spool_makes_its_file_at_the_first_byte),
		cmocka_unit_test(spool_reads_back_what_was_added),
		cmocka_unit_test(spool_holds_exactly_its_maximum),
		cmocka_unit_test(spool_drops_the_oldest_when_it_is_full),
		cmocka_unit_test(spool_keeps_the_tail_of_more_than_its_maximum),
		cmocka_unit_test(spool_gives_a_late_reader_the_oldest_there_is),
		cmocka_unit_test(spool_agrees_with_a_model_in_any_order),
		cmocka_unit_test(spool_lives_until_the_last_reference_is_gone),
		cmocka_unit_test(spool_file_has_no_name),
#ifdef __linux__
		cmocka_unit_test(
			spool_does_without_files_that_are_born_nameless),
#endif
		cmocka_unit_test(spool_file_does_not_reach_children),
		cmocka_unit_test(spool_says_when_the_file_system_is_full),
		cmocka_unit_test(spool_says_when_its_file_cannot_be_read),
		cmocka_unit_test(spool_ignores_a_relative_directory),
		cmocka_unit_test(spool_counts_what_it_cannot_store),
		cmocka_unit_test(
			spool_refuses_a_directory_with_too_long_a_name),
		cmocka_unit_test(
			spool_keeps_what_went_in_before_the_file_was_full),
		cmocka_unit_test(spool_never_shows_bytes_that_were_not_written),
		cmocka_unit_test(spool_new_says_when_memory_is_out),
	};

	unsetenv("TMPDIR");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
