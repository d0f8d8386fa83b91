/*
 * locks: advisory locks between processes, each a child of the scenario.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/files/told.h"

static int set(int fd, int command, short type, off_t start, off_t len)
{
	struct flock lock = { .l_type = type,
		              .l_whence = SEEK_SET,
		              .l_start = start,
		              .l_len = len };

	return fcntl(fd, command, &lock);
}

/* What somebody else would meet: the child's answer is an exit status. */
static void told_other(const char *what, short type, off_t start, off_t len)
{
	int status = -1;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		int fd = open("file", O_RDWR | O_CLOEXEC);
		struct flock lock = { .l_type = type,
			              .l_whence = SEEK_SET,
			              .l_start = start,
			              .l_len = len };

		if (fcntl(fd, F_GETLK, &lock) < 0)
			_exit(100);
		if (lock.l_type == F_UNLCK)
			_exit(set(fd, F_SETLK, type, start, len) == 0 ? 0
			                                              : 101);
		_exit(lock.l_start == start ? 1 : 2);
	}
	waitpid(child, &status, 0);
	told(what, WEXITSTATUS(status));
}

static void ranges(void)
{
	int fd;
	int second;

	make_file("file", "0123456789");
	fd = open("file", O_RDWR | O_CLOEXEC);
	told("write lock", set(fd, F_SETLK, F_WRLCK, 10, 10));
	told_other("the same range", F_WRLCK, 10, 10);
	told_other("to read", F_RDLCK, 15, 1);
	told_other("before", F_WRLCK, 0, 10);
	told_other("behind", F_WRLCK, 20, 0);
	told_other("over it", F_WRLCK, 0, 0);
	told("shorter", set(fd, F_SETLK, F_UNLCK, 10, 5));
	told_other("what was freed", F_WRLCK, 10, 5);
	told_other("what was not", F_WRLCK, 15, 5);
	told("read lock", set(fd, F_SETLK, F_RDLCK, 0, 0));
	told_other("to read as well", F_RDLCK, 0, 0);
	told_other("to write", F_WRLCK, 5, 1);
	second = open("file", O_RDONLY | O_CLOEXEC);
	told("to write, open to read", set(second, F_SETLK, F_WRLCK, 50, 1));
	told("closing another handle frees all", close(second));
	told_other("to write", F_WRLCK, 5, 1);
	told("far", set(fd, F_SETLK, F_WRLCK, (off_t)1 << 40, 1 << 20));
	told_other("far", F_WRLCK, ((off_t)1 << 40) + 5, 1);
	told("close", close(fd));
	told_other("far", F_WRLCK, ((off_t)1 << 40) + 5, 1);
}

static void whole_files(void)
{
	int a;
	int b;

	make_file("file", "x");
	a = open("file", O_RDWR | O_CLOEXEC);
	b = open("file", O_RDONLY | O_CLOEXEC);
	told("shared", flock(a, LOCK_SH | LOCK_NB));
	told("shared, too", flock(b, LOCK_SH | LOCK_NB));
	told("exclusive", flock(a, LOCK_EX | LOCK_NB));
	told("unlock", flock(b, LOCK_UN));
	told("exclusive", flock(a, LOCK_EX | LOCK_NB));
	told("shared", flock(b, LOCK_SH | LOCK_NB));
	told_other("they do not meet the others", F_WRLCK, 0, 0);
	told("close", close(a));
	told("exclusive", flock(b, LOCK_EX | LOCK_NB));
	told("close", close(b));
}

/* A child holds a lock until it is told to let go. */
static pid_t holder(int use_flock, int go[2], int ready[2])
{
	pid_t child;

	if (pipe(go) < 0 || pipe(ready) < 0)
		abort();
	fflush(stdout);
	child = fork();
	if (child == 0) {
		char c;
		int fd = open("file", O_RDWR | O_CLOEXEC);

		if (use_flock ? flock(fd, LOCK_EX)
		              : set(fd, F_SETLKW, F_WRLCK, 0, 0))
			_exit(1);
		if (write(ready[1], "r", 1) != 1 || read(go[0], &c, 1) != 1)
			_exit(2);
		_exit(close(fd) < 0);
	}
	return child;
}

static void on_alarm(int number)
{
	(void)number;
}

static void wait_for(int use_flock)
{
	int go[2];
	int ready[2];
	int status = -1;
	char c;
	int fd = open("file", O_RDWR | O_CLOEXEC);
	pid_t child = holder(use_flock, go, ready);

	told("the other has it", read(ready[0], &c, 1));
	told("we do not get it", use_flock ? flock(fd, LOCK_EX | LOCK_NB)
	                                   : set(fd, F_SETLK, F_WRLCK, 0, 0));
	sigaction(SIGALRM, &(struct sigaction){ .sa_handler = on_alarm }, NULL);
	/* Again and again: the first may come before we wait. */
	ualarm(200000, 200000);
	told("nor when we wait, and a signal comes",
	     use_flock ? flock(fd, LOCK_EX) : set(fd, F_SETLKW, F_WRLCK, 0, 0));
	alarm(30);
	told("let go", write(go[1], "g", 1));
	told("then we get it",
	     use_flock ? flock(fd, LOCK_EX) : set(fd, F_SETLKW, F_WRLCK, 0, 0));
	waitpid(child, &status, 0);
	told("the other", status);
	told("close", close(fd));
	for (int i = 0; i < 2; i++) {
		close(go[i]);
		close(ready[i]);
	}
}

static void waiting(void)
{
	make_file("file", "x");
	wait_for(0);
	wait_for(1);
}

/* One of the two is told, whoever comes last. */
static void deadlock(void)
{
	int ready[2];
	int status = -1;
	int err;
	int fd;
	char c;
	pid_t child;

	make_file("file", "xy");
	if (pipe(ready) < 0)
		abort();
	fd = open("file", O_RDWR | O_CLOEXEC);
	told("we have one", set(fd, F_SETLK, F_WRLCK, 0, 1));
	fflush(stdout);
	alarm(30);
	child = fork();
	if (child == 0) {
		alarm(30);
		if (set(fd, F_SETLK, F_WRLCK, 1, 1) ||
		    write(ready[1], "r", 1) != 1)
			_exit(2);
		_exit(set(fd, F_SETLKW, F_WRLCK, 0, 1) ? errno == EDEADLK : 0);
	}
	told("the child has the other", read(ready[0], &c, 1));
	err = set(fd, F_SETLKW, F_WRLCK, 1, 1) ? errno : 0;
	told("close", close(fd));
	waitpid(child, &status, 0);
	told("told so", (err == EDEADLK) + (status == 1 << 8));
	alarm(0);
	close(ready[0]);
	close(ready[1]);
}

static void killed_holder(void)
{
	int go[2];
	int ready[2];
	char c;
	int fd;
	pid_t child;

	make_file("file", "x");
	for (int i = 0; i < 2; i++) {
		child = holder(i, go, ready);
		told("the other has it", read(ready[0], &c, 1));
		kill(child, SIGKILL);
		fd = open("file", O_RDWR | O_CLOEXEC);
		told("its death frees it",
		     i ? flock(fd, LOCK_EX) : set(fd, F_SETLKW, F_WRLCK, 0, 0));
		waitpid(child, NULL, 0);
		close(fd);
	}
}

static void inherited(void)
{
	int status = -1;
	int fd;
	pid_t child;

	make_file("file", "x");
	fd = open("file", O_RDWR | O_CLOEXEC);
	told("lock", set(fd, F_SETLK, F_WRLCK, 0, 0));
	told("flock", flock(fd, LOCK_EX));
	fflush(stdout);
	child = fork();
	/* A range is the parent's, a whole file the description's. */
	if (child == 0)
		_exit((set(fd, F_SETLK, F_WRLCK, 0, 0) == 0) |
		      (flock(fd, LOCK_EX | LOCK_NB) == 0) << 1);
	waitpid(child, &status, 0);
	told("the child gets", WEXITSTATUS(status));
	told_other("the range is held still", F_WRLCK, 0, 0);
	told("close", close(fd));
}

static void descriptions(void)
{
	int a;
	int b;

	make_file("file", "x");
	a = open("file", O_RDWR | O_CLOEXEC);
	b = open("file", O_RDWR | O_CLOEXEC);
	told("one has it", set(a, F_OFD_SETLK, F_WRLCK, 0, 0));
	told("another does not", set(b, F_OFD_SETLK, F_WRLCK, 0, 0));
	told("close", close(a));
	told("now it does", set(b, F_OFD_SETLK, F_WRLCK, 0, 0));
	told("close", close(b));
}

const struct scenario lock_scenarios[] = {
	{ "ranges", ranges, ANYONE },
	{ "whole_files", whole_files, ANYONE },
	{ "waiting", waiting, ANYONE },
	{ "deadlock", deadlock, ANYONE },
	{ "killed_holder", killed_holder, ANYONE },
	{ "inherited", inherited, ANYONE },
	{ "descriptions", descriptions, ANYONE },
	{ 0 },
};
