/*
 * attrs: modes, owners, times, extended attributes, access control lists.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/files/told.h"

static void modes(void)
{
	struct stat before;
	int fd;

	make_file("file", "x");
	make_dir("dir");
	told("symlink", symlink("file", "link"));
	for (mode_t m = 0; m < 010000; m += 0411) {
		told("chmod", chmod("file", m));
		told_stat("file", "file");
		told("chmod", chmod("dir", m | 0700));
		told_stat("dir", "dir");
	}
	told("chmod", chmod("file", 0644));
	lstat("file", &before);
	let_time_pass();
	told("chmod", chmod("file", 0600));
	told_times("its times", "file", &before);
	told("through a link", chmod("link", 0640));
	told_stat("link", "link");
	told_stat("file", "file");
	told("of nothing", chmod("none", 0640));
	told("of a link itself",
	     fchmodat(AT_FDCWD, "link", 0600, AT_SYMLINK_NOFOLLOW));
	fd = open("file", O_RDWR | O_CLOEXEC);
	told("fchmod", fchmod(fd, 04711));
	told_fstat("file", fd);
	told("close", close(fd));
}

static void masks(void)
{
	static const mode_t all[] = { 0, 022, 027, 077, 0777, 0111 };
	char name[20];
	int fd;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		umask(all[i]);
		snprintf(name, sizeof(name), "f%zu", i);
		fd = open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
		if (fd >= 0)
			close(fd);
		told_stat(name, name);
		snprintf(name, sizeof(name), "d%zu", i);
		told("mkdir", mkdir(name, 0777));
		told_stat(name, name);
		snprintf(name, sizeof(name), "p%zu", i);
		told("mkfifo", mkfifo(name, 0666));
		told_stat(name, name);
		snprintf(name, sizeof(name), "l%zu", i);
		told("symlink", symlink("x", name));
		told_stat(name, name);
		snprintf(name, sizeof(name), "s%zu", i);
		told("mkdir with more", mkdir(name, 07777));
		told_stat(name, name);
	}
}

static void no_rights(void)
{
	int fd;

	fd = told_fd("made without rights",
	             open("file", O_CREAT | O_RDWR | O_CLOEXEC, 0));
	told("write", write(fd, "x", 1));
	told("close", close(fd));
	told_stat("file", "file");
	told_fd("opened again", open("file", O_RDONLY | O_CLOEXEC));
	told("access", access("file", R_OK));
	told("access", access("file", F_OK));
	make_dir("dir");
	make_file("dir/file", "x");
	told("chmod", chmod("dir", 0));
	told_content("in it", "dir/file");
	told("chmod", chmod("dir", 0700));
	told_content("in it", "dir/file");
}

static void owners(void)
{
	struct stat before;
	int fd;

	make_file("file", "x");
	make_dir("dir");
	told("symlink", symlink("file", "link"));
	lstat("file", &before);
	let_time_pass();
	told("chown", chown("file", 1234, 5678));
	told_times("its times", "file", &before);
	told_stat("file", "file");
	told("only the user", chown("file", 7, (gid_t)-1));
	told("only the group", chown("file", (uid_t)-1, 8));
	told("nobody", chown("file", (uid_t)-1, (gid_t)-1));
	told_stat("file", "file");
	told("of a link", lchown("link", 11, 12));
	told_stat("link", "link");
	told("through a link", chown("link", 13, 14));
	told_stat("link", "link");
	told_stat("file", "file");
	told("large ids", chown("file", 4000000000u, 4000000001u));
	told_stat("file", "file");
	told("chmod", chmod("file", 06777));
	told("chown clears set-id", chown("file", 1, 1));
	told_stat("file", "file");
	told("chmod", chmod("file", 02644));
	told("without x for the group", chown("file", 2, 2));
	told_stat("file", "file");
	told("chmod", chmod("dir", 06777));
	told("of a directory", chown("dir", 2, 2));
	told_stat("dir", "dir");
	fd = open("file", O_RDWR | O_CLOEXEC);
	told("fchown", fchown(fd, 21, 22));
	told_fstat("file", fd);
	told("close", close(fd));
}

static void set_group(void)
{
	int fd;

	told("mkdir", mkdir("dir", 0755));
	told("chown", chown("dir", 0, 77));
	told("chmod", chmod("dir", 02775));
	fd = open("dir/file", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	if (fd >= 0)
		close(fd);
	told_stat("a file", "dir/file");
	told("mkdir", mkdir("dir/sub", 0755));
	told_stat("a directory", "dir/sub");
	told("symlink", symlink("x", "dir/link"));
	told_stat("a link", "dir/link");
	told("mkfifo", mkfifo("dir/fifo", 0644));
	told_stat("a fifo", "dir/fifo");
	told("sticky", chmod("dir", 03777));
	told_stat("dir", "dir");
	told("mkdir", mkdir("dir/sub2", 01777));
	told_stat("a sticky one", "dir/sub2");
}

static void written_set_id(void)
{
	int fd;

	make_file("file", "x");
	told("chmod", chmod("file", 06755));
	fd = open("file", O_WRONLY | O_CLOEXEC);
	told("write", write(fd, "yy", 2));
	told("close", close(fd));
	told_stat("written", "file");
	told("chmod", chmod("file", 06755));
	told("truncate", truncate("file", 0));
	told_stat("cut", "file");
}

static void told_utimens(const char *what, const char *path, long a_ns,
                         long m_ns, int flags)
{
	struct timespec times[2] = {
		{ .tv_sec = 1000000000, .tv_nsec = a_ns },
		{ .tv_sec = 1500000000, .tv_nsec = m_ns },
	};

	told(what, utimensat(AT_FDCWD, path, times, flags));
}

static void times(void)
{
	static const struct {
		long long sec;
		long nsec;
	} odd[] = { { 0, 0 },           { -1, 999999999 },
		    { -2000000000, 5 }, { 4294967296, 123456789 },
		    { 2147483648, 1 },  { 10000000000, 0 } };
	struct stat before;

	make_file("file", "x");
	make_dir("dir");
	told("symlink", symlink("file", "link"));
	told_utimens("both", "file", 123456789, 987654321, 0);
	told_exact_times("file", "file");
	told_utimens("of a link", "link", 1, 2, AT_SYMLINK_NOFOLLOW);
	told_exact_times("link", "link");
	told_exact_times("file", "file");
	told_utimens("of a directory", "dir", 3, 4, 0);
	told_exact_times("dir", "dir");
	told_utimens("access only", "file", 77, UTIME_OMIT, 0);
	told_exact_times("file", "file");
	told_utimens("modification only", "file", UTIME_OMIT, 88, 0);
	told_exact_times("file", "file");
	told_utimens("neither", "file", UTIME_OMIT, UTIME_OMIT, 0);
	told_exact_times("file", "file");
	told_utimens("bad", "file", 1000000000, 0, 0);
	told_utimens("of nothing", "none", 0, 0, 0);
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct timespec t[2] = { { odd[i].sec, odd[i].nsec },
			                 { odd[i].sec, odd[i].nsec } };

		told("odd", utimensat(AT_FDCWD, "file", t, 0));
		told_exact_times("file", "file");
	}
	lstat("file", &before);
	let_time_pass();
	told_utimens("now", "file", UTIME_NOW, UTIME_NOW, 0);
	told_times("now", "file", &before);
	let_time_pass();
	told_utimens("modification now", "file", UTIME_OMIT, UTIME_NOW, 0);
	told_times("modification now", "file", &before);
	let_time_pass();
	told("both now", utimensat(AT_FDCWD, "file", NULL, 0));
	told_times("both now", "file", &before);
}

static void write_times(void)
{
	struct stat before;
	int fd;

	make_file("file", "x");
	told_utimens("set", "file", 1, 2, 0);
	lstat("file", &before);
	let_time_pass();
	fd = open("file", O_RDWR | O_CLOEXEC);
	told_times("opened", "file", &before);
	told("write", write(fd, "abc", 3));
	told_times("written", "file", &before);
	let_time_pass();
	told("ftruncate", ftruncate(fd, 1));
	told_times("cut", "file", &before);
	let_time_pass();
	told("futimens",
	     futimens(fd, (struct timespec[2]){ { 5, 6 }, { 7, 8 } }));
	told_exact_times("set while open", "file");
	told("write", write(fd, "abc", 3));
	told("futimens",
	     futimens(fd, (struct timespec[2]){ { 5, 6 }, { 7, 9 } }));
	told("close", close(fd));
	told_exact_times("set last counts", "file");
	lstat("file", &before);
	let_time_pass();
	fd = open("file", O_RDONLY | O_CLOEXEC);
	told("read", read(fd, &(char){ 0 }, 1));
	told("close", close(fd));
	told_times("read", "file", &before);
	fd = open("file", O_WRONLY | O_TRUNC | O_CLOEXEC);
	told_times("cut by open", "file", &before);
	told("close", close(fd));
}

static void get_x(const char *path, const char *name, size_t size)
{
	char value[70000];
	ssize_t n = told(name, lgetxattr(path, name, value, size));

	if (n > 0 && size)
		told_bytes(name, value, (size_t)n);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list_x(const char *path, size_t size)
{
	char names[70000];
	char *sorted[200];
	size_t count = 0;
	ssize_t n = told("list", llistxattr(path, names, size));

	if (!size)
		return;
	for (ssize_t i = 0; i < n && count < 200;
	     i += (ssize_t)strlen(names + i) + 1)
		sorted[count++] = names + i;
	qsort(sorted, count, sizeof(sorted[0]), compare_names);
	for (size_t i = 0; i < count; i++)
		told_text("  %s", sorted[i]);
}

static void xattrs_of(const char *path)
{
	char large[3000];

	memset(large, 'v', sizeof(large));
	list_x(path, sizeof(large));
	get_x(path, "user.none", 100);
	told("remove nothing", lremovexattr(path, "user.none"));
	told("set", lsetxattr(path, "user.one", "value", 5, 0));
	get_x(path, "user.one", 100);
	get_x(path, "user.one", 5);
	get_x(path, "user.one", 4);
	get_x(path, "user.one", 0);
	told("create again", lsetxattr(path, "user.one", "x", 1, XATTR_CREATE));
	told("replace", lsetxattr(path, "user.one", "yz", 2, XATTR_REPLACE));
	told("replace nothing",
	     lsetxattr(path, "user.two", "x", 1, XATTR_REPLACE));
	told("create", lsetxattr(path, "user.two", "x", 1, XATTR_CREATE));
	told("empty", lsetxattr(path, "user.empty", "", 0, 0));
	get_x(path, "user.empty", 10);
	get_x(path, "user.empty", 0);
	told("with zeros", lsetxattr(path, "user.zeros", "a\0b\0", 4, 0));
	get_x(path, "user.zeros", 10);
	told("large", lsetxattr(path, "user.large", large, sizeof(large), 0));
	get_x(path, "user.large", 70000);
	list_x(path, 70000);
	list_x(path, 0);
	list_x(path, 3);
	told("remove", lremovexattr(path, "user.one"));
	get_x(path, "user.one", 100);
	told("no such kind", lsetxattr(path, "nothing.x", "x", 1, 0));
	told("no name", lsetxattr(path, "user.", "x", 1, 0));
	told("flags", lsetxattr(path, "user.f", "x", 1, 8));
	list_x(path, 70000);
	told_stat(path, path);
}

static void xattrs(void)
{
	struct stat before;
	int fd;

	make_file("file", "x");
	make_dir("dir");
	xattrs_of("file");
	xattrs_of("dir");
	told("symlink", symlink("file", "link"));
	told("user. of a link", lsetxattr("link", "user.x", "x", 1, 0));
	list_x("link", 100);
	told("through a link", setxattr("link", "user.l", "x", 1, 0));
	get_x("file", "user.l", 10);
	told("mkfifo", mkfifo("fifo", 0600));
	told("user. of a fifo", lsetxattr("fifo", "user.x", "x", 1, 0));
	lstat("file", &before);
	let_time_pass();
	told("set", lsetxattr("file", "user.t", "x", 1, 0));
	told_times("its times", "file", &before);
	fd = open("file", O_RDWR | O_CLOEXEC);
	told("fsetxattr", fsetxattr(fd, "user.f", "by fd", 5, 0));
	told("unlink", unlink("file"));
	told("of an unlinked file", fsetxattr(fd, "user.g", "by fd", 5, 0));
	told("its length", fgetxattr(fd, "user.g", NULL, 0));
	told("remove", fremovexattr(fd, "user.f"));
	told("gone", fgetxattr(fd, "user.f", NULL, 0));
	told("close", close(fd));
}

static void root_xattrs(void)
{
	/* A capability, as setcap writes it: CAP_NET_BIND_SERVICE, effective. */
	static const char cap[] = "\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0";

	make_file("file", "x");
	told("symlink", symlink("file", "link"));
	told("trusted", lsetxattr("file", "trusted.x", "t", 1, 0));
	get_x("file", "trusted.x", 10);
	told("trusted, of a link", lsetxattr("link", "trusted.x", "t", 1, 0));
	get_x("link", "trusted.x", 10);
	list_x("file", 1000);
	list_x("link", 1000);
	told("capability",
	     lsetxattr("file", "security.capability", cap, 20, 0));
	get_x("file", "security.capability", 100);
	told("write", truncate("file", 0));
	get_x("file", "security.capability", 100);
}

/* An access control list as the kernel keeps it: a version, then entries. */
struct acl {
	unsigned version;
	struct {
		unsigned short tag;
		unsigned short perm;
		unsigned id;
	} e[8];
};

enum {
	USER_OBJ = 1,
	USER = 2,
	GROUP_OBJ = 4,
	GROUP = 8,
	MASK = 16,
	OTHER = 32
};
#define ACL_LEN(n) (4 + 8 * (size_t)(n))

static void acls(void)
{
	const struct acl named = { 2,
		                   { { USER_OBJ, 6, ~0u },
		                     { USER, 7, 1000 },
		                     { GROUP_OBJ, 4, ~0u },
		                     { MASK, 7, ~0u },
		                     { OTHER, 0, ~0u } } };
	const struct acl plain = { 2,
		                   { { USER_OBJ, 6, ~0u },
		                     { GROUP_OBJ, 4, ~0u },
		                     { OTHER, 4, ~0u } } };
	const char *access = "system.posix_acl_access";
	const char *inherit = "system.posix_acl_default";

	make_file("file", "x");
	get_x("file", access, 1000);
	told("set", setxattr("file", access, &named, ACL_LEN(5), 0));
	get_x("file", access, 1000);
	told_stat("its mode is of the mask", "file");
	told("chmod", chmod("file", 0640));
	get_x("file", access, 1000);
	told_stat("file", "file");
	told("one that is a mode",
	     setxattr("file", access, &plain, ACL_LEN(3), 0));
	get_x("file", access, 1000);
	told_stat("file", "file");
	told("bad", setxattr("file", access, &named, ACL_LEN(4), 0));
	told("short", setxattr("file", access, &named, 5, 0));
	told("default of a file",
	     setxattr("file", inherit, &named, ACL_LEN(5), 0));
	make_dir("dir");
	told("default", setxattr("dir", inherit, &named, ACL_LEN(5), 0));
	get_x("dir", inherit, 1000);
	told_stat("dir", "dir");
	umask(077);
	make_file("dir/file", "x");
	told_stat("made in it", "dir/file");
	get_x("dir/file", access, 1000);
	told("mkdir", mkdir("dir/sub", 0777));
	told_stat("made in it", "dir/sub");
	get_x("dir/sub", access, 1000);
	get_x("dir/sub", inherit, 1000);
	told("mkfifo", mkfifo("dir/fifo", 0666));
	told_stat("made in it", "dir/fifo");
	told("symlink", symlink("x", "dir/link"));
	told_stat("made in it", "dir/link");
	list_x("dir/sub", 1000);
	told("remove", removexattr("dir", inherit));
	get_x("dir", inherit, 1000);
	make_file("dir/plain", "x");
	told_stat("made in it then", "dir/plain");
}

static void space(void)
{
	struct statvfs st;

	make_file("file", "x");
	told("statvfs", statvfs("file", &st));
	told_text("block %lu, names of %lu, %s", st.f_bsize, st.f_namemax,
	          st.f_bavail > 0 && st.f_bavail <= st.f_blocks ? "space"
	                                                        : "none");
	told_text("%s files", st.f_ffree > 0 ? "free" : "no");
	told("statvfs", statvfs("none", &st));
	told("pathconf", pathconf("file", _PC_NAME_MAX));
}

static void blocks(void)
{
	struct stat st;
	int fd = open("file", O_CREAT | O_RDWR | O_CLOEXEC, 0644);

	told("ftruncate", ftruncate(fd, 1 << 20));
	fstat(fd, &st);
	told_text("a hole has %lld blocks", (long long)st.st_blocks);
	told("write", pwrite(fd, "x", 1, 1 << 19));
	told("fsync", fsync(fd));
	fstat(fd, &st);
	told_text("with data in it %lld", (long long)st.st_blocks);
	told_text("block size %ld", (long)st.st_blksize);
	told("close", close(fd));
}

const struct scenario attr_scenarios[] = {
	{ "modes", modes, ROOT },
	{ "masks", masks, ANYONE },
	{ "no_rights", no_rights, ANYONE },
	{ "owners", owners, ROOT },
	{ "set_group", set_group, ROOT },
	{ "written_set_id", written_set_id, ANYONE },
	{ "times", times, ANYONE },
	{ "write_times", write_times, ANYONE },
	{ "xattrs", xattrs, ANYONE },
	{ "root_xattrs", root_xattrs, ROOT },
	{ "acls", acls, ANYONE },
	{ "space", space, ANYONE },
	{ "blocks", blocks, ANYONE },
	{ 0 },
};
