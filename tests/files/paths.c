/*
 * paths: every operation on every path that is wrong in some way, and what each
 * one leaves in the times of what it has to do with.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/files/told.h"

#define N(table) (sizeof(table) / sizeof((table)[0]))

/* ---- wrong paths ---- */

static int closed(int fd)
{
	return fd < 0 ? -1 : close(fd);
}

static long do_open(const char *path)
{
	return closed(open(path, O_RDONLY | O_CLOEXEC));
}

static long do_create(const char *path)
{
	return closed(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644));
}

static long do_create_new(const char *path)
{
	return closed(open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
}

static long do_open_dir(const char *path)
{
	return closed(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static long do_open_nofollow(const char *path)
{
	return closed(open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
}

static long do_mkdir(const char *path)
{
	return mkdir(path, 0755);
}

static long do_mkfifo(const char *path)
{
	return mkfifo(path, 0644);
}

static long do_symlink(const char *path)
{
	return symlink("target", path);
}

static long do_link_to(const char *path)
{
	return link("whole", path);
}

static long do_link_from(const char *path)
{
	return link(path, "whole");
}

static long do_rename_to(const char *path)
{
	return rename("whole", path);
}

static long do_rename_from(const char *path)
{
	return rename(path, "moved");
}

static long do_unlink(const char *path)
{
	return unlink(path);
}

static long do_rmdir(const char *path)
{
	return rmdir(path);
}

static long do_stat(const char *path)
{
	struct stat st;

	return stat(path, &st);
}

static long do_lstat(const char *path)
{
	struct stat st;

	return lstat(path, &st);
}

static long do_statvfs(const char *path)
{
	struct statvfs st;

	return statvfs(path, &st);
}

static long do_readlink(const char *path)
{
	char buf[PATH_MAX];

	return readlink(path, buf, sizeof(buf));
}

static long do_access(const char *path)
{
	return access(path, F_OK);
}

static long do_chmod(const char *path)
{
	return chmod(path, 0755);
}

static long do_lchown(const char *path)
{
	return lchown(path, getuid(), getgid());
}

static long do_truncate(const char *path)
{
	return truncate(path, 3);
}

static long do_touch(const char *path)
{
	return utimensat(AT_FDCWD, path, NULL, 0);
}

static long do_touch_link(const char *path)
{
	return utimensat(AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW);
}

static long do_chdir(const char *path)
{
	long result = chdir(path);

	/* Back to where the scenario runs. */
	return result == 0 && fchdir(3) < 0 ? -2 : result;
}

static long do_setxattr(const char *path)
{
	return setxattr(path, "user.x", "x", 1, 0);
}

static long do_listxattr(const char *path)
{
	return listxattr(path, NULL, 0);
}

static const struct {
	const char *name;
	long (*run)(const char *path);
} operations[] = {
	{ "open", do_open },
	{ "create", do_create },
	{ "create anew", do_create_new },
	{ "open a directory", do_open_dir },
	{ "open no link", do_open_nofollow },
	{ "mkdir", do_mkdir },
	{ "mkfifo", do_mkfifo },
	{ "symlink", do_symlink },
	{ "link to", do_link_to },
	{ "link from", do_link_from },
	{ "rename to", do_rename_to },
	{ "rename from", do_rename_from },
	{ "unlink", do_unlink },
	{ "rmdir", do_rmdir },
	{ "stat", do_stat },
	{ "lstat", do_lstat },
	{ "statvfs", do_statvfs },
	{ "readlink", do_readlink },
	{ "access", do_access },
	{ "chmod", do_chmod },
	{ "lchown", do_lchown },
	{ "truncate", do_truncate },
	{ "touch", do_touch },
	{ "touch a link", do_touch_link },
	{ "chdir", do_chdir },
	{ "setxattr", do_setxattr },
	{ "listxattr", do_listxattr },
};

/* Names of 255, 256 and more bytes; paths around the longest. */
static void fill(char *to, size_t len, bool deep)
{
	for (size_t i = 0; i < len; i++)
		to[i] = deep && i % 2 ? '/' : deep ? '.' : 'n';
	to[len] = '\0';
}

static const char *wrong_path(size_t i)
{
	static const char *const paths[] = {
		"",
		"/",
		".",
		"..",
		"./.",
		"none/x",
		"file/x",
		"file/",
		"file/.",
		"file/..",
		"fifo/x",
		"full",
		"full/",
		"full/.",
		"full/..",
		"empty",
		"empty/",
		"empty/.",
		"loop",
		"loop/x",
		"loop/",
		"to_file",
		"to_file/",
		"to_file/x",
		"to_empty",
		"to_empty/",
		"to_empty/.",
		"to_none",
		"to_none/",
		"to_none/x",
		"socket",
		"fifo",
		"file",
		"none",
		"none/",
		"none/.",
		"none/..",
		"full/below",
		"//full//below",
		"full/sub/../below",
		"full/none/../below",
	};
	static char made[PATH_MAX + 16];

	if (i < N(paths))
		return paths[i];
	switch (i - N(paths)) {
	case 0:
		fill(made, NAME_MAX, false);
		return made;
	case 1:
		fill(made, NAME_MAX + 1, false);
		return made;
	case 2:
		fill(made, NAME_MAX + 1, false);
		memcpy(made + NAME_MAX + 1, "/x", 3);
		return made;
	case 3:
		fill(made, PATH_MAX - 1, true);
		return made;
	case 4:
		fill(made, PATH_MAX, true);
		return made;
	}
	return NULL;
}

static int fd_of_socket(const char *path)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&name, sizeof(name)) < 0)
		told(path, -1);
	return fd;
}

static void make_things(void)
{
	remove_all();
	make_file("whole", "whole");
	make_file("file", "content");
	make_dir("empty");
	make_dir("full");
	make_dir("full/sub");
	make_file("full/below", "below");
	if (symlink("loop", "loop") || symlink("file", "to_file") ||
	    symlink("empty", "to_empty") || symlink("nothing", "to_none") ||
	    mkfifo("fifo", 0644) || closed(fd_of_socket("socket")))
		told("*** make", -1);
}

/* A fifo that nobody writes to and the root of all are not opened. */
static bool is_left_out(size_t op, const char *path)
{
	bool opens = op < 5;

	return (opens && !strcmp(path, "fifo")) || !strcmp(path, "/");
}

static void wrong_paths(void)
{
	int here = open(".", O_RDONLY | O_DIRECTORY);
	const char *path;

	if (here != 3)
		(void)dup2(here, 3);
	make_things();
	for (size_t i = 0; (path = wrong_path(i)); i++)
		for (size_t op = 0; op < N(operations); op++) {
			if (is_left_out(op, path))
				continue;
			told_text("%s %zu: %.40s", operations[op].name, i,
			          path);
			if (told("result", operations[op].run(path)) < 0)
				continue;
			told_dir("all", ".");
			make_things();
		}
	remove_all();
}

/* ---- times ---- */

/* What an operation may touch, each with the times it had before. */
static const char *const watched[] = { "dir", "dir/file", "dir/sub", "to",
	                               "other" };

static void told_all_times(const char *what, struct stat *before)
{
	for (size_t i = 0; i < N(watched); i++) {
		char text[100];

		snprintf(text, sizeof(text), "%s, %s", what, watched[i]);
		told_times(text, watched[i], &before[i]);
	}
}

static long cut_to_same(void)
{
	return truncate("dir/file", 7);
}

static long cut_by_open(void)
{
	return closed(open("dir/file", O_WRONLY | O_TRUNC | O_CLOEXEC));
}

static long write_nothing(void)
{
	int fd = open("dir/file", O_WRONLY | O_CLOEXEC);
	long n = write(fd, "", 0);

	return closed(fd) ? -1 : n;
}

static long write_same(void)
{
	int fd = open("dir/file", O_WRONLY | O_CLOEXEC);
	long n = write(fd, "content", 7);

	return closed(fd) ? -1 : n;
}

static long make_new(void)
{
	return do_create_new("dir/new");
}

static long make_old(void)
{
	return do_create_new("dir/file");
}

static long make_directory(void)
{
	return do_mkdir("dir/new");
}

static long make_fifo(void)
{
	return do_mkfifo("dir/new");
}

static long make_link(void)
{
	return symlink("x", "dir/new");
}

static long link_in(void)
{
	return link("dir/file", "to/new");
}

static long link_over(void)
{
	return link("dir/file", "other");
}

static long remove_file(void)
{
	return unlink("dir/file");
}

static long remove_second(void)
{
	return link("dir/file", "dir/second") || unlink("dir/second");
}

static long remove_dir(void)
{
	return rmdir("dir/sub");
}

static long remove_full(void)
{
	return rmdir("dir");
}

static long move_in(void)
{
	return rename("dir/file", "dir/new");
}

static long move_out(void)
{
	return rename("dir/file", "to/new");
}

static long move_over(void)
{
	return rename("dir/file", "other");
}

static long move_onto_itself(void)
{
	return rename("dir/file", "dir/file");
}

static long move_dir(void)
{
	return rename("dir/sub", "to/new");
}

static long move_over_dir(void)
{
	return rename("dir/file", "dir/sub");
}

static long change_mode(void)
{
	return chmod("dir/file", 0604);
}

static long same_mode(void)
{
	return chmod("dir/file", 0644);
}

static long no_owner(void)
{
	return chown("dir/file", (uid_t)-1, (gid_t)-1);
}

static long same_owner(void)
{
	return chown("dir/file", getuid(), getgid());
}

static long note(void)
{
	return setxattr("dir/file", "user.x", "x", 1, 0);
}

static long note_twice(void)
{
	return setxattr("dir/file", "user.x", "x", 1, XATTR_REPLACE);
}

static long touch_one(void)
{
	const struct timespec times[2] = { { 0, UTIME_NOW },
		                           { 0, UTIME_OMIT } };

	return utimensat(AT_FDCWD, "dir/file", times, 0);
}

static long touch_none(void)
{
	const struct timespec times[2] = { { 0, UTIME_OMIT },
		                           { 0, UTIME_OMIT } };

	return utimensat(AT_FDCWD, "dir/file", times, 0);
}

static const struct {
	const char *name;
	long (*run)(void);
} changes[] = {
	{ "cut to the same size", cut_to_same },
	{ "cut by an open", cut_by_open },
	{ "write nothing", write_nothing },
	{ "write the same", write_same },
	{ "create", make_new },
	{ "create what is there", make_old },
	{ "mkdir", make_directory },
	{ "mkfifo", make_fifo },
	{ "symlink", make_link },
	{ "link elsewhere", link_in },
	{ "link over another", link_over },
	{ "unlink", remove_file },
	{ "unlink of a second name", remove_second },
	{ "rmdir", remove_dir },
	{ "rmdir of a full one", remove_full },
	{ "rename", move_in },
	{ "rename elsewhere", move_out },
	{ "rename over another", move_over },
	{ "rename onto itself", move_onto_itself },
	{ "rename of a directory", move_dir },
	{ "rename over a directory", move_over_dir },
	{ "chmod", change_mode },
	{ "chmod to the same", same_mode },
	{ "chown to nobody", no_owner },
	{ "chown to the same", same_owner },
	{ "setxattr", note },
	{ "setxattr of none", note_twice },
	{ "touch one time", touch_one },
	{ "touch none", touch_none },
};

static void times_of_all(void)
{
	static const struct timespec then[2] = { { 1000, 0 }, { 1000, 0 } };
	struct stat before[N(watched)];

	for (size_t i = 0; i < N(changes); i++) {
		remove_all();
		make_dir("dir");
		make_dir("dir/sub");
		make_dir("to");
		make_file("dir/file", "content");
		make_file("other", "another");
		for (size_t w = 0; w < N(watched); w++) {
			/* The same for all: one may take another's place. */
			utimensat(AT_FDCWD, watched[w], then, 0);
			lstat(watched[w], &before[w]);
		}
		let_time_pass();
		told(changes[i].name, changes[i].run());
		told_all_times(changes[i].name, before);
	}
	remove_all();
}

/* ---- what runs, and what is no file ---- */

static void copy_cat(void)
{
	pid_t child;
	int status = -1;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		execlp("cp", "cp", "/bin/cat", "cat", (char *)NULL);
		_exit(1);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0 || status)
		told_text("*** not copied");
}

/* Start ./cat, which copies its input, and come back when it runs. Returns its
 * process; *in is its input, to be closed. */
static pid_t run_cat(int *in)
{
	int input[2], ran[2];
	char byte;
	pid_t child;

	if (pipe2(input, O_CLOEXEC) || pipe2(ran, O_CLOEXEC))
		return -1;
	fflush(stdout);
	child = fork();
	if (child == 0) {
		(void)dup2(input[0], STDIN_FILENO);
		execl("./cat", "cat", (char *)NULL);
		_exit(errno);
	}
	close(input[0]);
	close(ran[1]);
	/* Its end closes when the program takes the child's place. */
	if (read(ran[0], &byte, 1) != 0)
		told_text("*** more than an end");
	close(ran[0]);
	*in = input[1];
	return child;
}

static void running(void)
{
	int status = -1;
	int in = -1;
	pid_t child;
	int fd;

	copy_cat();
	child = run_cat(&in);
	told_fd("write to what runs", open("cat", O_WRONLY | O_CLOEXEC));
	told("cut what runs", truncate("cat", 0));
	told_fd("read what runs", open("cat", O_RDONLY | O_CLOEXEC));
	told("chmod", chmod("cat", 0700));
	told("rename", rename("cat", "dog"));
	told("unlink", unlink("dog"));
	close(in);
	told("it ends", waitpid(child, &status, 0) < 0 ? -1 : status);
	copy_cat();
	fd = told_fd("open", open("cat", O_WRONLY | O_CLOEXEC));
	child = run_cat(&in);
	close(in);
	waitpid(child, &status, 0);
	told_text("run what is written: %s",
	          strerrorname_np(WEXITSTATUS(status)));
	close(fd);
}

const struct scenario path_scenarios[] = {
	{ "wrong_paths", wrong_paths, ANYONE },
	{ "times_of_all", times_of_all, ANYONE },
	{ "running", running, ANYONE },
	{ 0 },
};
