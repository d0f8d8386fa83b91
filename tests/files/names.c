/*
 * names: making, finding, moving and removing names.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/files/told.h"

static void open_close(const char *what, const char *path, int flags)
{
	int fd = told_fd(what, open(path, flags | O_CLOEXEC, 0640));

	if (fd < 0)
		return;
	told_fstat(what, fd);
	close(fd);
}

static void open_flags(void)
{
	make_file("file", "content");
	make_dir("dir");
	told("symlink", symlink("file", "link"));
	told("symlink", symlink("nowhere", "dangling"));
	open_close("not there", "none", O_RDONLY);
	open_close("there", "file", O_RDONLY);
	open_close("there, to write", "file", O_WRONLY);
	open_close("exclusively", "file", O_CREAT | O_EXCL | O_RDWR);
	open_close("exclusively, new", "new", O_CREAT | O_EXCL | O_RDWR);
	open_close("exclusively, a link", "link", O_CREAT | O_EXCL | O_RDWR);
	open_close("exclusively, a dangling link", "dangling",
	           O_CREAT | O_EXCL | O_RDWR);
	open_close("through a dangling link", "dangling", O_CREAT | O_RDWR);
	told_stat("what it made", "nowhere");
	open_close("not a link", "link", O_RDONLY | O_NOFOLLOW);
	open_close("a link itself", "link", O_PATH | O_NOFOLLOW);
	open_close("only a directory", "file", O_RDONLY | O_DIRECTORY);
	open_close("a directory", "dir", O_RDONLY | O_DIRECTORY);
	open_close("a directory to write", "dir", O_WRONLY);
	open_close("a directory to make", "dir", O_RDONLY | O_CREAT);
	open_close("a path", "file", O_PATH);
	open_close("a directory's path", "dir", O_PATH | O_DIRECTORY);
	open_close("to cut", "file", O_WRONLY | O_TRUNC);
	told_stat("cut", "file");
	open_close("to cut, read only", "new", O_RDONLY | O_TRUNC);
	open_close("with a slash", "file/", O_RDONLY);
	open_close("below a file", "file/x", O_RDONLY);
	open_close("below nothing", "none/x", O_RDONLY);
	open_close("make below nothing", "none/x", O_CREAT | O_RDWR);
	open_close("make with a slash", "more/", O_CREAT | O_RDWR);
	open_close("synchronous", "file", O_RDWR | O_SYNC);
	open_close("data synchronous", "file", O_RDWR | O_DSYNC);
	open_close("without atime", "file", O_RDONLY | O_NOATIME);
	open_close("direct", "file", O_RDWR | O_DIRECT);
	open_close("empty name", "", O_RDONLY);
	told_dir("all", ".");
}

static void temporary(void)
{
	int fd = open(".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	/* A file system may lack it, as FUSE does here; then it says so. */
	if (fd < 0 && errno != EOPNOTSUPP)
		told("a file without a name", -1);
	if (fd >= 0)
		close(fd);
	told_dir("nothing is left", ".");
}

static void path_only(void)
{
	int dir;
	int fd;
	char byte;

	make_dir("dir");
	make_file("dir/file", "abc");
	dir = told_fd("the directory", open("dir", O_PATH | O_CLOEXEC));
	fd = told_fd("a file in it", openat(dir, "file", O_RDONLY | O_CLOEXEC));
	told("read", read(fd, &byte, 1));
	close(fd);
	told("mkdir in it", mkdirat(dir, "sub", 0700));
	told("rename the directory", rename("dir", "moved"));
	fd = told_fd("still", openat(dir, "file", O_RDWR | O_CLOEXEC));
	close(fd);
	told("unlink in it", unlinkat(dir, "file", 0));
	told("rmdir in it", unlinkat(dir, "sub", AT_REMOVEDIR));
	told("rmdir", rmdir("moved"));
	told_fd("in what is gone",
	        openat(dir, "file", O_CREAT | O_RDWR | O_CLOEXEC, 0600));
	told("mkdir in what is gone", mkdirat(dir, "x", 0700));
	close(dir);
}

/* Make two things, move one onto the other, and look at both. */
static void move(const char *what, const char *a, const char *b, unsigned flags)
{
	char text[200];

	snprintf(text, sizeof(text), "%s: %s to %s", what, a, b);
	told(text,
	     flags ? renameat2(AT_FDCWD, a, AT_FDCWD, b, flags) : rename(a, b));
	told_stat(a, a);
	told_stat(b, b);
	told_dir("all", ".");
}

static void make_some(void)
{
	remove_all();
	make_file("file", "file");
	make_file("other", "other file");
	make_dir("empty");
	make_dir("vacant");
	make_dir("full");
	make_dir("full/sub");
	make_file("full/file", "below");
	told("symlink", symlink("file", "link"));
	told("link", link("file", "hard"));
	told("mkfifo", mkfifo("fifo", 0600));
}

static void rename_all(const char *what, unsigned flags)
{
	static const char *const names[] = {
		"file", "other",  "hard",   "empty",     "vacant",
		"full", "link",   "fifo",   "full/file", "full/sub",
		"none", "none/x", "file/x", "full/sub/x"
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		for (size_t j = 0; j < sizeof(names) / sizeof(names[0]); j++) {
			make_some();
			move(what, names[i], names[j], flags);
			told_content("file", "file");
			told_content("other", "other");
			told_dir("full", "full");
		}
}

static void rename_over(void)
{
	rename_all("rename", 0);
}

static void rename_noreplace(void)
{
	rename_all("noreplace", RENAME_NOREPLACE);
}

static void rename_exchange(void)
{
	rename_all("exchange", RENAME_EXCHANGE);
}

static void rename_more(void)
{
	struct stat before;
	int fd;

	make_some();
	told("with flags nobody has",
	     renameat2(AT_FDCWD, "file", AT_FDCWD, "x", 1u << 20));
	told("both flags", renameat2(AT_FDCWD, "file", AT_FDCWD, "other",
	                             RENAME_NOREPLACE | RENAME_EXCHANGE));
	told("into itself", rename("full", "full/sub/full"));
	told("into its child", rename("full", "full/sub"));
	told("a child over its parent", rename("full/sub", "full"));
	told("dot", rename("full/.", "x"));
	told("dot dot", rename("full/..", "x"));
	told("a file, with a slash", rename("file/", "x"));
	told("to a name with a slash", rename("file", "x/"));
	told("a directory, with slashes", rename("empty/", "renamed/"));
	told_dir("all", ".");
	/* What is below follows. */
	told("a tree", rename("full", "tree"));
	told_stat("the old name", "full/file");
	told_content("the new name", "tree/file");
	told("back", rename("tree", "full"));
	told_content("the first name", "full/file");
	told_stat("the second name", "tree/file");
	/* Over an open one, that stays readable. */
	fd = open("other", O_RDWR | O_CLOEXEC);
	told("over an open file", rename("file", "other"));
	told_fstat("what is open", fd);
	told("write to it", write(fd, "more", 4));
	close(fd);
	told_content("what is there now", "other");
	lstat("other", &before);
	let_time_pass();
	told("onto its own second name", rename("other", "hard"));
	told_dir("all", ".");
	lstat(".", &before);
	let_time_pass();
	told("within a directory", rename("other", "another"));
	told_times("the directory", ".", &before);
}

static void rename_open(void)
{
	char buf[16] = "";
	int fd;

	make_file("a", "before");
	fd = told_fd("open", open("a", O_RDWR | O_CLOEXEC));
	told("rename", rename("a", "b"));
	told("write", pwrite(fd, "AFTER!", 6, 0));
	told("read", pread(fd, buf, sizeof(buf), 0));
	told_bytes("bytes", buf, sizeof(buf));
	told_fstat("open", fd);
	told("chmod", fchmod(fd, 0600));
	told_stat("new name", "b");
	told_stat("old name", "a");
	make_file("a", "another");
	told("cut", ftruncate(fd, 3));
	told_content("a", "a");
	told_content("b", "b");
	told("close", close(fd));
	told_content("b", "b");
	make_dir("dir");
	make_file("dir/x", "x");
	fd = told_fd("open", open("dir/x", O_RDWR | O_APPEND | O_CLOEXEC));
	told("rename the directory", rename("dir", "moved"));
	told("append", write(fd, "yz", 2));
	told("close", close(fd));
	told_content("moved/x", "moved/x");
}

static void links(void)
{
	struct stat before;

	make_file("file", "content");
	make_dir("dir");
	lstat("file", &before);
	let_time_pass();
	told("link", link("file", "second"));
	told_times("its times", "file", &before);
	told("in a directory", link("file", "dir/third"));
	told_stat("file", "file");
	told_stat("second", "second");
	told_stat("dir/third", "dir/third");
	told_same("first and third", "file", "dir/third");
	told("over another", link("file", "second"));
	told("of a directory", link("dir", "linked"));
	told("of nothing", link("none", "linked"));
	told("into nothing", link("file", "none/x"));
	told("below a file", link("file", "file/x"));
	make_file("second", "changed through the second name");
	told_content("seen through the first", "file");
	told("chmod of one", chmod("second", 0600));
	told_stat("seen in another", "dir/third");
	told("unlink", unlink("file"));
	told_stat("second", "second");
	told_content("second", "second");
	told("rename", rename("second", "dir/third"));
	told_dir("rename of one onto another does nothing", ".");
	told("symlink", symlink("second", "sym"));
	told("link of a link", link("sym", "sym2"));
	told_stat("it is a link, too", "sym2");
	told("link of what it leads to",
	     linkat(AT_FDCWD, "sym", AT_FDCWD, "real", AT_SYMLINK_FOLLOW));
	told_stat("it is a file", "real");
	told("unlink", unlink("dir/third"));
	told_stat("second", "second");
}

static void told_link(const char *path)
{
	char buf[PATH_MAX];
	ssize_t n = told(path, readlink(path, buf, sizeof(buf)));

	if (n > 0)
		told_bytes("target", buf, (size_t)n);
}

static void symlinks(void)
{
	char target[PATH_MAX];

	make_dir("dir");
	make_file("dir/file", "content");
	told("to a file", symlink("dir/file", "file"));
	told("to a directory", symlink("dir", "sub"));
	told("to itself", symlink("loop", "loop"));
	told("to each other", symlink("b", "a"));
	told("to each other", symlink("a", "b"));
	told("up", symlink("../symlinks/dir", "up"));
	told("to nothing", symlink("", "empty"));
	told("over another", symlink("x", "file"));
	told("in nothing", symlink("x", "none/x"));
	told("in a file", symlink("x", "dir/file/x"));
	told_link("file");
	told_link("sub");
	told_link("up");
	told_link("dir");
	told_link("dir/file");
	told_link("none");
	told_stat("a link", "file");
	told_content("through it", "file");
	told_content("through a directory", "sub/file");
	told_content("up and down", "up/file");
	told_content("in a circle", "loop");
	told_content("in a larger one", "a");
	told("unlink through", unlink("sub/file"));
	told("rmdir of a link", rmdir("sub"));
	told("unlink of a link", unlink("sub"));
	told_dir("all", ".");
	/* As long as may be; FUSE hands out at most 4095. */
	memset(target, 'x', sizeof(target));
	target[4000] = '\0';
	told("a long target", symlink(target, "long"));
	told_link("long");
	told_stat("its size", "long");
	memset(target, 'y', sizeof(target));
	target[PATH_MAX - 1] = '\0';
	told("the longest", symlink(target, "longest"));
	told_link("longest");
	told("remove", unlink("longest"));
}

/* Each name shows at once what was done by way of another. */
static void linked_links(void)
{
	for (int i = 0; i < 200; i++) {
		told("symlink", symlink("target", "a"));
		told_stat("one", "a");
		told("link", link("a", "b"));
		told_stat("two", "a");
		told("unlink", unlink("a"));
		told_stat("one", "b");
		told("link", link("b", "a"));
		told_stat("two", "b");
		told("lchown", lchown("a", getuid(), getgid()));
		told("rename", rename("b", "c"));
		told_stat("two", "a");
		told("unlink", unlink("c"));
		told_stat("one", "a");
		told("unlink", unlink("a"));
	}
}

static void chains(void)
{
	char name[20];
	char target[20];

	make_file("0", "found");
	for (int i = 1; i <= 41; i++) {
		snprintf(name, sizeof(name), "%d", i);
		snprintf(target, sizeof(target), "%d", i - 1);
		told(name, symlink(target, name));
	}
	told_content("39 links", "39");
	told_content("40 links", "40");
	told_content("41 links", "41");
}

static void directories(void)
{
	struct stat before;

	told("mkdir", mkdir("dir", 0751));
	told_stat("dir", "dir");
	told_stat("its parent", ".");
	told("again", mkdir("dir", 0751));
	make_file("file", "");
	told("over a file", mkdir("file", 0700));
	told("in a file", mkdir("file/x", 0700));
	told("in nothing", mkdir("none/x", 0700));
	told("with a slash", mkdir("slash/", 0700));
	told("dot", mkdir(".", 0700));
	told("below", mkdir("dir/sub", 0700));
	told_stat("links count directories", "dir");
	told("rmdir of a full one", rmdir("dir"));
	told("rmdir of a file", rmdir("file"));
	told("rmdir of nothing", rmdir("none"));
	told("rmdir of dot", rmdir("dir/."));
	told("rmdir of dot dot", rmdir("dir/sub/.."));
	told("unlink of a directory", unlink("dir"));
	told("unlink of nothing", unlink("none"));
	told("unlink below a file", unlink("file/x"));
	told("unlink with a slash", unlink("file/"));
	lstat("dir", &before);
	let_time_pass();
	told("rmdir", rmdir("dir/sub"));
	told_times("the parent's times", "dir", &before);
	told_stat("dir", "dir");
	let_time_pass();
	make_file("dir/file", "");
	told_times("a file comes", "dir", &before);
	let_time_pass();
	told("unlink", unlink("dir/file"));
	told_times("a file goes", "dir", &before);
	told("rmdir", rmdir("dir"));
	told_dir("all", ".");
}

static void current_directory(void)
{
	char buf[PATH_MAX];

	make_dir("dir");
	told("chdir", chdir("dir"));
	told("rmdir of where we are", rmdir("../dir"));
	told_text("getcwd: %s", getcwd(buf, sizeof(buf)) ? "there" : "gone");
	told_fd("make in it", open("x", O_CREAT | O_RDWR | O_CLOEXEC, 0600));
	told("up", chdir(".."));
	told_dir("all", ".");
}

static void unlinked(void)
{
	char buf[32] = "";
	int fd;
	int again;

	fd = told_fd("open", open("file", O_CREAT | O_RDWR | O_CLOEXEC, 0644));
	told("write", write(fd, "0123456789", 10));
	told("unlink", unlink("file"));
	told_stat("gone", "file");
	told_dir("all", ".");
	told_fstat("open", fd);
	told("read", pread(fd, buf, sizeof(buf), 0));
	told_bytes("bytes", buf, sizeof(buf));
	told("write", pwrite(fd, "abc", 3, 20));
	told_fstat("grown", fd);
	told("ftruncate", ftruncate(fd, 5));
	told_fstat("cut", fd);
	told("fchmod", fchmod(fd, 0600));
	told("futimens", futimens(fd, NULL));
	told("fsync", fsync(fd));
	told_fstat("as told", fd);
	make_file("file", "another");
	again = told_fd("the name again", open("file", O_RDWR | O_CLOEXEC));
	told("read", read(again, buf, sizeof(buf)));
	told_fstat("the new one", again);
	told_fstat("the old one", fd);
	told("seek", lseek(fd, 0, SEEK_END));
	told("write", write(fd, "end", 3));
	told_fstat("the old one", fd);
	told("close", close(again));
	told("close", close(fd));
	told_content("the new one", "file");
}

static void unlinked_of_two(void)
{
	int fd;

	make_file("a", "content");
	told("link", link("a", "b"));
	fd = told_fd("open", open("a", O_RDWR | O_CLOEXEC));
	told("unlink", unlink("a"));
	told_fstat("one name is left", fd);
	told("write", pwrite(fd, "X", 1, 0));
	told_content("the other name", "b");
	told("unlink", unlink("b"));
	told_fstat("none is left", fd);
	told("write", pwrite(fd, "Y", 1, 1));
	told("close", close(fd));
}

/* What is set by a descriptor of what has no name any more. */
static void told_set(int fd)
{
	const struct timespec then[2] = { { 5, 6 }, { 7, 8 } };
	struct stat st;

	told("fchmod", fchmod(fd, 0751));
	told_fstat("its mode", fd);
	told("fchown", fchown(fd, getuid(), getgid()));
	told("futimens", futimens(fd, then));
	told("fstat", fstat(fd, &st));
	told_text("modified %lld.%ld", (long long)st.st_mtim.tv_sec,
	          st.st_mtim.tv_nsec);
	told_fstat("still", fd);
	told("close", close(fd));
}

static void unlinked_others(void)
{
	int fd;

	make_dir("dir");
	fd = told_fd("a directory", open("dir", O_RDONLY | O_CLOEXEC));
	told("rmdir", rmdir("dir"));
	told_set(fd);
	told("mkfifo", mkfifo("fifo", 0600));
	fd = told_fd("a fifo", open("fifo", O_RDWR | O_CLOEXEC));
	told("unlink", unlink("fifo"));
	told_set(fd);
	make_dir("dir");
	make_dir("over");
	fd = told_fd("a directory", open("over", O_RDONLY | O_CLOEXEC));
	told("rename", rename("dir", "over"));
	told_set(fd);
	told_stat("over", "over");
}

static void fifos(void)
{
	char buf[16] = "";
	int status = -1;
	pid_t child;
	int fd;

	told("mkfifo", mkfifo("fifo", 0622));
	told_stat("fifo", "fifo");
	told_fd("nobody reads",
	        open("fifo", O_WRONLY | O_NONBLOCK | O_CLOEXEC));
	fflush(stdout);
	child = fork();
	if (child == 0) {
		fd = open("fifo", O_WRONLY | O_CLOEXEC);
		_exit(fd < 0 || write(fd, "hello", 5) != 5);
	}
	fd = told_fd("open", open("fifo", O_RDONLY | O_CLOEXEC));
	told("read", read(fd, buf, sizeof(buf)));
	told_bytes("bytes", buf, sizeof(buf));
	told("the end", read(fd, buf, sizeof(buf)));
	waitpid(child, &status, 0);
	told("the writer's status", status);
	close(fd);
	told("rename", rename("fifo", "moved"));
	told("link", link("moved", "second"));
	told_stat("moved", "moved");
	told("truncate", truncate("moved", 0));
	told("unlink", unlink("moved"));
}

static void sockets(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "sock" };
	int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	told("bind", bind(server, (void *)&name, sizeof(name)));
	told("listen", listen(server, 1));
	told_stat("socket", "sock");
	told_fd("open", open("sock", O_RDONLY | O_CLOEXEC));
	told("connect", connect(client, (void *)&name, sizeof(name)));
	told("bind again", bind(client, (void *)&name, sizeof(name)));
	close(server);
	close(client);
	told("unlink", unlink("sock"));
}

static void nodes(void)
{
	told("a file", mknod("file", S_IFREG | 0600, 0));
	told("a character device",
	     mknod("null", S_IFCHR | 0666, makedev(1, 3)));
	told("a block device",
	     mknod("block", S_IFBLK | 0600, makedev(4095, 1048575)));
	told("a fifo", mknod("fifo", S_IFIFO | 0600, 0));
	told("a socket", mknod("sock", S_IFSOCK | 0600, 0));
	told("a directory", mknod("dir", S_IFDIR | 0600, 0));
	told("over another", mknod("file", S_IFREG | 0600, 0));
	told_stat("file", "file");
	told_stat("null", "null");
	told_stat("block", "block");
	told_stat("fifo", "fifo");
	told_stat("sock", "sock");
	told_dir("all", ".");
}

static void name_bytes(void)
{
	char name[3] = "";
	char text[40];

	for (int i = 1; i < 256; i++) {
		name[0] = (char)i;
		name[1] = 'x';
		if (i == '/')
			continue;
		snprintf(text, sizeof(text), "byte %d", i);
		told_fd(text,
		        open(name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC,
		             0600));
		told_stat(text, name);
	}
	told_dir("all", ".");
	for (int i = 1; i < 256; i++) {
		name[0] = (char)i;
		if (i != '/')
			told("unlink", unlink(name));
	}
	told_dir("none", ".");
	make_file(" ", "a blank");
	make_file("...", "dots");
	make_file("-rf", "flags");
	make_file("*", "star");
	make_file("new\nline", "line");
	told_dir("all", ".");
}

static void name_lengths(void)
{
	char name[NAME_MAX + 2];
	char below[NAME_MAX + 10];

	memset(name, 'n', sizeof(name));
	name[NAME_MAX] = '\0';
	make_file(name, "255");
	told_stat("255 bytes", name);
	told_content("255 bytes", name);
	told("rename", rename(name, "short"));
	told("and back", rename("short", name));
	told("link", link("none", name));
	told("unlink", unlink(name));
	told("mkdir", mkdir(name, 0755));
	snprintf(below, sizeof(below), "%s/file", name);
	make_file(below, "below");
	told_content("below", below);
	told_dir("all", ".");
	name[NAME_MAX] = 'n';
	name[NAME_MAX + 1] = '\0';
	told_fd("256 bytes", open(name, O_CREAT | O_RDWR | O_CLOEXEC, 0600));
	told_stat("256 bytes", name);
	told("mkdir", mkdir(name, 0755));
	told("rmdir", rmdir(name));
	told("unlink", unlink(name));
	told("symlink", symlink("x", name));
	told("rename from", rename(name, "x"));
	make_file("file", "");
	told("rename to", rename("file", name));
	told("link to", link("file", name));
	told("mkfifo", mkfifo(name, 0600));
}

/* Deeper than one path can say. */
static void deep(void)
{
	char name[101];
	int levels = 0;
	struct stat st;

	memset(name, 'd', 100);
	name[100] = '\0';
	for (; levels < 60; levels++) {
		if (told("mkdir", mkdir(name, 0755)) ||
		    told("chdir", chdir(name)))
			break;
	}
	make_file("file", "deep down");
	told_content("deep down", "file");
	told_stat("deep down", "file");
	told("rename", rename("file", "moved"));
	told("symlink", symlink("moved", "link"));
	told_content("through a link", "link");
	told_dir("all", ".");
	told("unlink", unlink("moved"));
	told("unlink", unlink("link"));
	for (; levels > 0; levels--) {
		if (told("up", chdir("..")))
			break;
		told("rmdir", rmdir(name));
	}
	told("here", lstat("deep", &st));
	told_dir("all", ".");
}

/* As many directories as fit into one path. */
static void long_path(void)
{
	char path[PATH_MAX + 8];
	size_t len = 0;

	while (len + 2 < PATH_MAX) {
		size_t n = PATH_MAX - len - 2;

		n = n < 200 ? n : 200;
		memset(path + len, 'p', n);
		len += n;
		path[len] = '\0';
		if (mkdir(path, 0755) < 0 && told("mkdir", -1))
			break;
		path[len++] = '/';
	}
	path[len] = '\0';
	told_text("%zu bytes of path", len);
	told_stat("the longest path", path);
	strcpy(path + len, "file");
	told_fd("beyond", open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600));
}

const struct scenario name_scenarios[] = {
	{ "open_flags", open_flags, ANYONE },
	{ "temporary", temporary, ANYONE },
	{ "path_only", path_only, ANYONE },
	{ "rename_over", rename_over, ANYONE },
	{ "rename_noreplace", rename_noreplace, ANYONE },
	{ "rename_exchange", rename_exchange, ANYONE },
	{ "rename_more", rename_more, ANYONE },
	{ "rename_open", rename_open, ANYONE },
	{ "links", links, ANYONE },
	{ "symlinks", symlinks, ANYONE },
	{ "linked_links", linked_links, ANYONE },
	{ "chains", chains, ANYONE },
	{ "directories", directories, ANYONE },
	{ "current_directory", current_directory, ANYONE },
	{ "unlinked", unlinked, ANYONE },
	{ "unlinked_of_two", unlinked_of_two, ANYONE },
	{ "unlinked_others", unlinked_others, ANYONE },
	{ "fifos", fifos, ANYONE },
	{ "sockets", sockets, ANYONE },
	{ "nodes", nodes, ROOT },
	{ "name_bytes", name_bytes, ANYONE },
	{ "name_lengths", name_lengths, ANYONE },
	{ "deep", deep, ANYONE },
	{ "long_path", long_path, ANYONE },
	{ 0 },
};
