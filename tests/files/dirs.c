/*
 * dirs: reading directories, also while they change.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/files/told.h"

enum { MANY = 5000 };

static void make_many(int n)
{
	char name[40];

	for (int i = 0; i < n; i++) {
		int fd;

		snprintf(name, sizeof(name), "entry-%05d", i);
		fd = open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
		if (fd < 0)
			told(name, -1);
		else
			close(fd);
	}
}

/* Count the entries that have our names, and see that none comes twice. */
static void count(const char *what, DIR *dir, bool *seen)
{
	int n = 0;
	int twice = 0;
	int dots = 0;
	struct dirent *e;

	memset(seen, 0, MANY * sizeof(seen[0]));
	while (errno = 0, (e = readdir(dir))) {
		int i = -1;

		dots += e->d_name[0] == '.';
		if (sscanf(e->d_name, "entry-%5d", &i) != 1 || i < 0 ||
		    i >= MANY)
			continue;
		n++;
		twice += seen[i];
		seen[i] = true;
	}
	if (errno)
		told(what, -1);
	told_text("%s: %d entries, %d twice, %d dots", what, n, twice, dots);
}

static void many(void)
{
	static bool seen[MANY];
	DIR *dir;

	make_many(3000);
	dir = opendir(".");
	count("all", dir, seen);
	rewinddir(dir);
	count("again", dir, seen);
	told("unlink", unlink("entry-00005"));
	rewinddir(dir);
	count("after a removal", dir, seen);
	make_many(6);
	rewinddir(dir);
	count("after it came back", dir, seen);
	closedir(dir);
}

/* As rm -r does: what was read so far goes while the rest is read. */
static void removed_while_read(void)
{
	int n = 0;
	int failed = 0;
	struct dirent *e;
	DIR *dir;

	make_many(MANY);
	dir = opendir(".");
	while ((e = readdir(dir))) {
		if (e->d_name[0] == '.')
			continue;
		failed += unlink(e->d_name) != 0;
		n++;
	}
	closedir(dir);
	told_text("%d removed, %d failures", n, failed);
	told_dir("nothing is left", ".");
}

/* Entries that stay have to be told of exactly once, whatever else changes. */
static void changed_while_read(void)
{
	static bool seen[MANY];
	int n = 0;
	int twice = 0;
	char name[40];
	struct dirent *e;
	DIR *dir;

	make_many(2000);
	dir = opendir(".");
	for (int k = 0; (e = readdir(dir)); k++) {
		int i = -1;

		snprintf(name, sizeof(name), "new-%d", k);
		if (k < 500)
			make_file(name, "");
		snprintf(name, sizeof(name), "new-%d", k - 5);
		if (k >= 5 && k < 300)
			unlink(name);
		if (sscanf(e->d_name, "entry-%5d", &i) == 1) {
			n++;
			twice += seen[i];
			seen[i] = true;
		}
	}
	closedir(dir);
	told_text("%d entries, %d twice", n, twice);
}

static void positions(void)
{
	char at_ten[256] = "";
	long place = 0;
	int same = 0;
	int total = 0;
	struct dirent *e;
	DIR *dir;

	make_many(300);
	dir = opendir(".");
	for (int i = 0; (e = readdir(dir)); i++) {
		if (i == 9)
			place = telldir(dir);
		if (i == 10)
			snprintf(at_ten, sizeof(at_ten), "%s", e->d_name);
		total++;
	}
	told_text("%d entries", total);
	for (int i = 0; i < 3; i++) {
		seekdir(dir, place);
		e = readdir(dir);
		same += e && !strcmp(e->d_name, at_ten);
	}
	told_text("%d times the same entry", same);
	seekdir(dir, place);
	for (total = 0; readdir(dir); total++)
		;
	told_text("%d from there", total);
	rewinddir(dir);
	for (total = 0; readdir(dir); total++)
		;
	told_text("%d from the start", total);
	closedir(dir);
}

static void seen_at_once(void)
{
	DIR *dir = opendir(".");
	struct stat before;
	int n = 0;

	told_dir("empty", ".");
	make_file("a", "");
	told_dir("one", ".");
	make_file("b", "");
	make_dir("c");
	told("symlink", symlink("x", "d"));
	told("link", link("a", "e"));
	told("mkfifo", mkfifo("f", 0600));
	told_dir("six", ".");
	told("rename", rename("a", "g"));
	told("unlink", unlink("b"));
	told_dir("five", ".");
	/* One that was opened before all this has read nothing yet. */
	rewinddir(dir);
	while (readdir(dir))
		n++;
	told_text("the first one reads %d", n);
	closedir(dir);
	lstat(".", &before);
	let_time_pass();
	make_file("h", "");
	told_times("the directory", ".", &before);
	let_time_pass();
	make_file("h", "no new name");
	told_times("the directory", ".", &before);
}

static void gone_while_open(void)
{
	DIR *dir;
	int n = 0;

	make_dir("dir");
	make_file("dir/file", "");
	dir = opendir("dir");
	told("unlink", unlink("dir/file"));
	told("rmdir", rmdir("dir"));
	rewinddir(dir);
	while (errno = 0, readdir(dir))
		n++;
	told_text("%s", errno ? strerrorname_np(errno) : "no error");
	told_fstat("dir", dirfd(dir));
	told_fd("in it",
	        openat(dirfd(dir), "x", O_CREAT | O_RDWR | O_CLOEXEC, 0600));
	closedir(dir);
	make_dir("dir");
	told_dir("a new one", "dir");
}

static void not_directories(void)
{
	make_file("file", "");
	told("symlink", symlink("dir", "link"));
	told_dir("a file", "file");
	told_dir("nothing", "none");
	told_dir("a dangling link", "link");
	make_dir("dir");
	told_dir("a link", "link");
	make_file("dir/x", "");
	told_dir("a link", "link");
	told_dir("below a file", "file/x");
}

/* What is not there is remembered; it has to be forgotten in time. */
static void absent(void)
{
	told_stat("none", "a");
	told_stat("none", "a");
	make_file("a", "x");
	told_stat("there", "a");
	told("unlink", unlink("a"));
	told_stat("none", "a");
	make_dir("a");
	told_stat("a directory now", "a");
	told("rmdir", rmdir("a"));
	told("symlink", symlink("b", "a"));
	told_stat("a link now", "a");
	told_stat("none", "b");
	make_file("c", "x");
	told("rename", rename("c", "b"));
	told_content("through the link", "a");
	told_stat("none", "c");
	told("link", link("b", "c"));
	told_stat("two links", "b");
	told_stat("two links", "c");
}

const struct scenario dir_scenarios[] = {
	{ "many", many, ANYONE },
	{ "removed_while_read", removed_while_read, ANYONE },
	{ "changed_while_read", changed_while_read, ANYONE },
	{ "positions", positions, ANYONE },
	{ "seen_at_once", seen_at_once, ANYONE },
	{ "gone_while_open", gone_while_open, ANYONE },
	{ "not_directories", not_directories, ANYONE },
	{ "absent", absent, ANYONE },
	{ 0 },
};
