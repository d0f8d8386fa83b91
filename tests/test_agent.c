/*
 * What the guest agent promises: whatever is asked of it by path or handle has
 * the result, the errno and the attributes that the file system itself gives.
 *
 * The agent is a process of its own that works in a temporary directory; the
 * test looks at the same directory with its own system calls.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#ifdef __linux__
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/agent_peer.h"

#define PARENT WIRE_OWNER_PARENT, 0, 022

/* ---- helpers ---- */

static void touch(struct peer *p, const char *name, const char *text)
{
	int fd = open(peer_path(p, name), O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static struct stat look(struct peer *p, const char *name)
{
	struct stat st;

	assert_int_equal(lstat(peer_path(p, name), &st), 0);
	return st;
}

static void assert_same_time(const struct wire_time *t,
                             const struct timespec *ts)
{
	assert_true(t->sec == ts->tv_sec);
	assert_int_equal(t->nsec, ts->tv_nsec);
}

/* The body goes on with the attributes of what is there. */
static struct wire_attr assert_attr(struct peer *p, const char *name)
{
	struct stat st = look(p, name);
	struct wire_attr a;

	wire_get_attr(&p->body, &a);
	assert_false(p->body.bad);
	assert_true(a.dev == st.st_dev && a.ino == st.st_ino);
	assert_int_equal(a.size, st.st_size);
	assert_int_equal(a.blocks, st.st_blocks);
	assert_int_equal(a.mode, st.st_mode);
	assert_int_equal(a.nlink, st.st_nlink);
	assert_int_equal(a.uid, st.st_uid);
	assert_int_equal(a.gid, st.st_gid);
	assert_int_equal(a.blksize, st.st_blksize);
	assert_int_equal(a.rdev, major(st.st_rdev) << 20 | minor(st.st_rdev));
	/* Looking at it may have counted as reading it. */
	assert_true(a.atime.sec <= st.st_atim.tv_sec);
	assert_same_time(&a.mtime, &st.st_mtim);
	assert_same_time(&a.ctime, &st.st_ctim);
	return a;
}

static void assert_data(struct peer *p, const void *data, size_t len)
{
	size_t n;
	const void *got = wire_get_data(&p->body, WIRE_DATA_MAX, &n);

	assert_int_equal(n, len);
	if (len)
		assert_memory_equal(got, data, len);
}

static void assert_text(struct peer *p, const char *text)
{
	assert_data(p, text, strlen(text));
}

static void need_root(void)
{
	if (geteuid() != 0)
		fail_msg("the agent is root's: use sudo");
}

static int read_at(struct peer *p, uint64_t handle, uint64_t offset,
                   unsigned size)
{
	return peer_ask(p, WIRE_READ, "884", handle, offset, size);
}

static int write_at(struct peer *p, uint64_t handle, uint64_t offset,
                    const char *text)
{
	return peer_ask(p, WIRE_WRITE, "881d", handle, offset, 0, text,
	                strlen(text));
}

/* ---- life ---- */

static void it_says_hello(void **state)
{
	struct peer *p = peer_start();
	char expected[64] = "";
	char boot[64];
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "r");

	(void)state;
	assert_non_null(f);
	assert_non_null(fgets(expected, sizeof(expected), f));
	(void)fclose(f);
	expected[strcspn(expected, "\n")] = '\0';
	assert_int_equal(p->h.id, 0);
	assert_int_equal(wire_get_u32(&p->body), WIRE_VERSION);
	assert_int_equal(wire_get_u32(&p->body), 0);
	wire_get_text(&p->body, boot, sizeof(boot));
	assert_true(wire_end(&p->body));
	assert_string_equal(boot, expected);
	assert_int_equal(peer_ask(p, WIRE_PING, ""), 0);
	peer_end(p);
}

static void it_removes_its_own_executable(void **state)
{
	char name[] = "/tmp/orbfs-agent-self-XXXXXX";
	int fd = mkstemp(name);
	struct peer *p;

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	p = peer_start_with(name);
	assert_int_equal(access(name, F_OK), -1);
	peer_end(p);
}

static void ends_at(const void *bytes, size_t len, bool complains)
{
	struct peer *p = peer_start();
	char text[256];
	ssize_t n;

	assert_int_equal(write(p->to, bytes, len), len);
	assert_false(peer_receive(p));
	n = pread(p->errors, text, sizeof(text) - 1, 0);
	assert_true(complains ? n > 0 : n == 0);
	if (n > 0) {
		text[n] = '\0';
		assert_ptr_equal(strchr(text, '\n'), text + n - 1);
	}
	peer_end_with(p, complains);
}

static void it_ends_with_a_line_at_what_is_no_message(void **state)
{
	static const struct wire_header bad[] = {
		{ 0, 1, WIRE_HELLO, 0, 0 },
		{ 0, 1, WIRE_N_OPS - 1, WIRE_REPLY, 0 },
		{ 0, 0, WIRE_PING, 0, 0 },
		{ 0, 1, WIRE_PING, WIRE_MORE, 0 },
		{ 0, 1, WIRE_PING, 0, 5 },
		{ UINT32_MAX, 1, WIRE_PING, 0, 0 },
		{ 0, 1, 9999, 0, 0 },
	};
	unsigned char data[WIRE_HEADER];

	(void)state;
	ends_at("GET / HTTP/1.1\r\n\r\n", 18, true);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		wire_put_header(&bad[i], data);
		ends_at(data, sizeof(data), true);
	}
}

static void it_ends_in_the_middle_of_a_message(void **state)
{
	struct peer *p = peer_start();
	struct wire_header h = { 1000, 1, WIRE_STAT, 0, 0 };
	unsigned char data[WIRE_HEADER];

	(void)state;
	wire_put_header(&h, data);
	assert_int_equal(write(p->to, data, sizeof(data)), sizeof(data));
	peer_end(p);
}

static void it_ends_when_nobody_listens(void **state)
{
	struct peer *p = peer_start();
	int status;

	(void)state;
	close(p->from);
	p->from = open("/dev/null", O_RDONLY);
	/* Its input is still open, and says nothing. */
	for (int i = 0; i < 1000 && waitpid(p->pid, &status, WNOHANG) == 0; i++)
		(void)poll(NULL, 0, 5);
	assert_int_equal(kill(p->pid, 0), -1);
	p->pid = fork();
	if (p->pid == 0)
		_exit(0);
	peer_end(p);
}

static void a_body_that_makes_no_sense_is_answered(void **state)
{
	struct peer *p = peer_start();

	(void)state;
	for (enum wire_op op = WIRE_STAT; op < WIRE_N_OPS; op++) {
		struct wire_header h = { 3, 1, (uint16_t)op, 0, 0 };
		unsigned char data[WIRE_HEADER + 3] = { 0 };

		if (op == WIRE_CLOSE || op == WIRE_CANCEL || op == WIRE_UNWATCH)
			continue;
		wire_put_header(&h, data);
		assert_int_equal(write(p->to, data, sizeof(data)),
		                 sizeof(data));
		assert_true(peer_receive(p));
		assert_int_equal(p->h.op, op);
		assert_int_equal(p->h.err, EBADMSG);
	}
	peer_end(p);
}

/* ---- looking ---- */

static void every_kind_of_file_looks_as_it_is(void **state)
{
	static const char *const names[] = { "",     "file", "dir", "link",
		                             "fifo", "dev",  "sock" };
	struct peer *p = peer_start();

	(void)state;
	touch(p, "file", "hello");
	assert_int_equal(mkdir(peer_path(p, "dir"), 01777), 0);
	assert_int_equal(symlink("to/nowhere", peer_path(p, "link")), 0);
	assert_int_equal(mkfifo(peer_path(p, "fifo"), 0600), 0);
	assert_int_equal(mknod(peer_path(p, "sock"), S_IFSOCK | 0600, 0), 0);
	if (mknod(peer_path(p, "dev"), S_IFCHR | 0600, makedev(1, 300)) < 0)
		touch(p, "dev", "");
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		assert_int_equal(peer_ask(p, WIRE_STAT, "p", names[i]), 0);
		assert_attr(p, names[i]);
		assert_text(p, strcmp(names[i], "link") ? "" : "to/nowhere");
		assert_true(wire_end(&p->body));
		assert_int_equal(peer_ask(p, WIRE_GETATTR, "n", names[i],
		                          UINT64_C(0)),
		                 0);
		assert_attr(p, names[i]);
	}
	assert_int_equal(peer_ask(p, WIRE_STAT, "a", ""), 0);
	peer_end(p);
}

static void paths_that_may_not_be_asked_for(void **state)
{
	static const char *const bad[] = { "/etc", "etc/", "a//b",      ".",
		                           "..",   "a/..", "etc/../etc" };
	struct peer *p = peer_start();

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(peer_ask(p, WIRE_STAT, "a", bad[i]), EINVAL);
	peer_end(p);
}

static void the_error_is_the_systems_own(void **state)
{
	struct peer *p = peer_start();
	char long_name[400];

	(void)state;
	touch(p, "file", "x");
	assert_int_equal(mkdir(peer_path(p, "dir"), 0755), 0);
	touch(p, "dir/in", "x");
	memset(long_name, 'n', 300);
	long_name[300] = '\0';
	assert_int_equal(peer_ask(p, WIRE_STAT, "p", "no"), ENOENT);
	assert_int_equal(peer_ask(p, WIRE_STAT, "p", "no/no"), ENOENT);
	assert_int_equal(peer_ask(p, WIRE_STAT, "p", "file/no"), ENOTDIR);
	assert_int_equal(peer_ask(p, WIRE_STAT, "p", long_name), EINVAL);
	assert_int_equal(peer_ask(p, WIRE_LIST, "p84", "file", UINT64_C(0), 9),
	                 ENOTDIR);
	assert_int_equal(peer_ask(p, WIRE_LIST, "p84", "no", UINT64_C(0), 9),
	                 ENOENT);
	assert_int_equal(peer_ask(p, WIRE_MKDIR, "p4o", "dir", 0755, PARENT),
	                 EEXIST);
	assert_int_equal(peer_ask(p, WIRE_MKDIR, "a4o", "", 0755, PARENT),
	                 EEXIST);
	assert_int_equal(peer_ask(p, WIRE_RMDIR, "p", "dir"), ENOTEMPTY);
	assert_int_equal(peer_ask(p, WIRE_RMDIR, "p", "file"), ENOTDIR);
	assert_int_equal(peer_ask(p, WIRE_RMDIR, "a", ""), EBUSY);
	assert_int_equal(peer_ask(p, WIRE_UNLINK, "p", "dir"), EISDIR);
	assert_int_equal(peer_ask(p, WIRE_UNLINK, "p", "no"), ENOENT);
	assert_int_equal(peer_ask(p, WIRE_RENAME, "pp4", "dir", "dir/in/x", 0),
	                 ENOTDIR);
	assert_int_equal(peer_ask(p, WIRE_RENAME, "pp4", "dir", "dir/x", 0),
	                 EINVAL);
	assert_int_equal(peer_ask(p, WIRE_RENAME, "pp4", "file", "dir", 0),
	                 EISDIR);
	assert_int_equal(peer_ask(p, WIRE_RENAME, "pp4", "dir", "file", 0),
	                 ENOTDIR);
	assert_int_equal(peer_ask(p, WIRE_LINK, "n", "dir", UINT64_C(0)),
	                 EBADMSG);
	assert_int_equal(peer_ask(p, WIRE_LINK, "np", "dir", UINT64_C(0), "l"),
	                 EPERM);
	assert_int_equal(peer_ask(p, WIRE_LINK, "np", "no", UINT64_C(0), "l"),
	                 ENOENT);
	assert_int_equal(peer_ask(p, WIRE_LINK, "np", "file", UINT64_C(0),
	                          "dir/in"),
	                 EEXIST);
	assert_int_equal(peer_ask(p, WIRE_READLINK, "p", "file"), EINVAL);
	assert_int_equal(peer_ask(p, WIRE_OPEN, "n44", "dir", UINT64_C(0), 1,
	                          0),
	                 EISDIR);
	assert_int_equal(peer_ask(p, WIRE_OPEN, "n44", "file", UINT64_C(0), 0,
	                          0),
	                 EINVAL);
	assert_int_equal(peer_ask(p, WIRE_CREATE, "p44o", "dir", 1, 0644,
	                          PARENT),
	                 EISDIR);
	assert_int_equal(peer_ask(p, WIRE_READ, "884", UINT64_C(12345),
	                          UINT64_C(0), 1),
	                 EBADF);
	assert_int_equal(peer_ask(p, WIRE_GETATTR, "n", "file", UINT64_C(7)),
	                 EBADF);
	assert_int_equal(peer_ask(p, WIRE_STATFS, "n", "no", UINT64_C(0)),
	                 ENOENT);
	peer_end(p);
}

static void statfs_is_that_of_the_file_system(void **state)
{
	struct peer *p = peer_start();
	struct statvfs fs;

	(void)state;
	assert_int_equal(statvfs(p->dir, &fs), 0);
	assert_int_equal(peer_ask(p, WIRE_STATFS, "n", "", UINT64_C(0)), 0);
	assert_int_equal(wire_get_u64(&p->body), fs.f_blocks);
	/* What is free changes under our hands. */
	assert_true(wire_get_u64(&p->body) <= fs.f_blocks);
	assert_true(wire_get_u64(&p->body) <= fs.f_blocks);
	assert_int_equal(wire_get_u64(&p->body), fs.f_files);
	assert_true(wire_get_u64(&p->body) <= fs.f_files);
	assert_int_equal(wire_get_u32(&p->body), fs.f_frsize);
	assert_int_equal(wire_get_u32(&p->body), fs.f_namemax);
	assert_true(wire_end(&p->body));
	peer_end(p);
}

static void links_are_resolved_as_the_guest_would(void **state)
{
	struct peer *p = peer_start();
	char here[300];
	char text[300];
	struct {
		const char *link;
		const char *leads; /* below the directory; NULL: nowhere */
	} table[] = {
		{ "file", "file" },
		{ "./d//.././file", "file" },
		{ "d/../../../../../../../../..", NULL },
		{ "no", NULL },
		{ "no/../file", NULL },
		{ "file/../file", NULL },
		{ "to-d/in", "d/in" },
		{ "to-d/../file", "file" },
		{ "loop", NULL },
		{ text, "d/in" },
	};

	(void)state;
	touch(p, "file", "x");
	assert_int_equal(mkdir(peer_path(p, "d"), 0755), 0);
	touch(p, "d/in", "x");
	assert_int_equal(symlink("d", peer_path(p, "to-d")), 0);
	assert_int_equal(symlink("loop", peer_path(p, "loop")), 0);
	(void)snprintf(text, sizeof(text), "/../..%s/to-d/in", p->dir);
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		assert_int_equal(symlink(table[i].link, peer_path(p, "link")),
		                 0);
		assert_int_equal(peer_ask(p, WIRE_READLINK, "p", "link"), 0);
		assert_text(p, table[i].link);
		(void)snprintf(here, sizeof(here), "%s/%s", p->dir + 1,
		               table[i].leads ? table[i].leads : "");
		assert_text(p, table[i].leads ? here : "");
		assert_true(wire_end(&p->body));
		assert_int_equal(unlink(peer_path(p, "link")), 0);
	}
	peer_end(p);
}

static void expect_that_no_link_is_followed(struct peer *p)
{
	struct stat before;

	assert_int_equal(mkdir(peer_path(p, "d"), 0755), 0);
	touch(p, "d/in", "x");
	assert_int_equal(symlink("d", peer_path(p, "to-d")), 0);
	assert_int_equal(symlink("d/in", peer_path(p, "to-in")), 0);
	assert_int_equal(mkfifo(peer_path(p, "fifo"), 0644), 0);
	before = look(p, "d/in");
	assert_int_equal(peer_ask(p, WIRE_STAT, "p", "to-d/in"), ELOOP);
	assert_int_equal(peer_ask(p, WIRE_OPEN, "n44", "to-d/in", UINT64_C(0),
	                          1, 0),
	                 ELOOP);
	assert_int_equal(peer_ask(p, WIRE_OPEN, "n44", "to-in", UINT64_C(0), 1,
	                          0),
	                 ELOOP);
	assert_int_equal(peer_ask(p, WIRE_OPEN, "n44", "fifo", UINT64_C(0), 1,
	                          0),
	                 ENXIO);
	assert_int_equal(peer_ask(p, WIRE_OPEN, "n44", "fifo", UINT64_C(0), 2,
	                          0),
	                 ENXIO);
	assert_int_equal(peer_ask(p, WIRE_LIST, "p84", "to-d", UINT64_C(0), 9),
	                 ELOOP);
	assert_int_equal(peer_ask(p, WIRE_CREATE, "p44o", "to-in", 3, 0600,
	                          PARENT),
	                 ELOOP);
	assert_int_equal(peer_ask(p, WIRE_SETATTR, "n444488484", "to-in",
	                          UINT64_C(0), WIRE_SET_MODE, 0600, 0, 0,
	                          UINT64_C(0), UINT64_C(0), 0, UINT64_C(0), 0),
	                 EOPNOTSUPP);
	assert_int_equal(peer_ask(p, WIRE_SETATTR, "n444488484", "to-in",
	                          UINT64_C(0), WIRE_SET_SIZE, 0, 0, 0,
	                          UINT64_C(0), UINT64_C(0), 0, UINT64_C(0), 0),
	                 EINVAL);
	assert_int_equal(look(p, "d/in").st_mode, before.st_mode);
	assert_int_equal(look(p, "d/in").st_size, 1);
	assert_int_equal(peer_ask(p, WIRE_UNLINK, "p", "to-in"), 0);
	assert_int_equal(look(p, "d/in").st_size, 1);
	assert_int_equal(mkdir(peer_path(p, "d/e"), 0755), 0);
	touch(p, "d/e/f", "xy");
	assert_int_equal(symlink("e", peer_path(p, "d/to-e")), 0);
	assert_int_equal(peer_ask(p, WIRE_STAT, "p", "d/to-e/f"), ELOOP);
	assert_int_equal(peer_ask(p, WIRE_STAT, "p", "to-d/e/f"), ELOOP);
	assert_int_equal(peer_ask(p, WIRE_STAT, "p", "d/in/f"), ENOTDIR);
	assert_int_equal(peer_ask(p, WIRE_STAT, "p", "d/no/f"), ENOENT);
	assert_int_equal(peer_ask(p, WIRE_UNLINK, "p", "d/to-e/f"), ELOOP);
	assert_int_equal(peer_ask(p, WIRE_RENAME, "pp4", "d/to-e/f", "out", 0),
	                 ELOOP);
	assert_int_equal(
		peer_ask(p, WIRE_RENAME, "pp4", "d/in", "d/to-e/in", 0), ELOOP);
	assert_int_equal(peer_ask(p, WIRE_MKDIR, "p4o", "d/to-e/new", 0755,
	                          PARENT),
	                 ELOOP);
	peer_send(p, WIRE_CLOSE, "8", peer_open(p, "d/e/f", 1));
	peer_end(p);
}

static void no_link_is_followed(void **state)
{
	(void)state;
	expect_that_no_link_is_followed(peer_start());
}

static void no_link_is_followed_on_an_old_kernel(void **state)
{
	(void)state;
	expect_that_no_link_is_followed(peer_start_old());
}

/* ---- listing ---- */

struct seen {
	unsigned n;
	unsigned parts;
	bool complete;
	bool watched;
	unsigned char *have; /* by the number in names "f%u", or NULL */
	unsigned max;
};

static void see_entry(struct peer *p, struct seen *s)
{
	char name[WIRE_NAME_MAX + 1];
	char target[WIRE_LINK_MAX + 1];
	struct wire_attr a;
	unsigned i;

	wire_get_text(&p->body, name, sizeof(name));
	wire_get_attr(&p->body, &a);
	wire_get_text(&p->body, target, sizeof(target));
	assert_false(p->body.bad);
	assert_true(wire_name_ok(name, strlen(name)));
	s->n++;
	if (s->have && sscanf(name, "f%u", &i) == 1 && i < s->max) {
		assert_int_equal(s->have[i], 0);
		s->have[i] = 1;
	}
}

static struct seen list(struct peer *p, const char *name, uint64_t watch,
                        unsigned most, struct seen s)
{
	uint32_t id = peer_send(p, WIRE_LIST, "p84", name, watch, most);
	bool more = true;
	struct wire_attr a;

	while (more) {
		assert_true(peer_receive(p));
		assert_int_equal(p->h.id, id);
		assert_int_equal(p->h.err, 0);
		more = p->h.flags & WIRE_MORE;
		s.parts++;
		for (uint32_t n = wire_get_u32(&p->body); n > 0; n--)
			see_entry(p, &s);
	}
	wire_get_attr(&p->body, &a);
	assert_true(S_ISDIR(a.mode));
	s.complete = wire_get_u8(&p->body);
	s.watched = wire_get_u8(&p->body);
	assert_true(wire_end(&p->body));
	return s;
}

static void a_listing_has_everything_and_its_attributes(void **state)
{
	struct peer *p = peer_start();
	struct seen s;

	(void)state;
	touch(p, "only", "one");
	s = list(p, "", 0, UINT32_MAX, (struct seen){ 0 });
	assert_true(s.complete && !s.watched);
	assert_int_equal(s.n, 1);
	assert_int_equal(peer_ask(p, WIRE_LIST, "p84", "", UINT64_C(0), 10), 0);
	assert_int_equal(wire_get_u32(&p->body), 1);
	assert_text(p, "only");
	assert_attr(p, "only");
	assert_text(p, "");
	assert_attr(p, "");
	assert_int_equal(unlink(peer_path(p, "only")), 0);
	assert_int_equal(symlink("a target", peer_path(p, "l")), 0);
	assert_int_equal(peer_ask(p, WIRE_LIST, "p84", "", UINT64_C(0), 10), 0);
	assert_int_equal(wire_get_u32(&p->body), 1);
	assert_text(p, "l");
	assert_attr(p, "l");
	assert_text(p, "a target");
	peer_end(p);
}

static void a_listing_gives_up_after_so_many(void **state)
{
	struct peer *p = peer_start();
	char name[32];
	struct seen s;

	(void)state;
	for (int i = 0; i < 10; i++) {
		(void)snprintf(name, sizeof(name), "f%d", i);
		touch(p, name, "");
	}
	s = list(p, "", 0, 9, (struct seen){ 0 });
	assert_true(s.n == 9 && !s.complete);
	s = list(p, "", 0, 10, (struct seen){ 0 });
	assert_true(s.n == 10 && s.complete);
	s = list(p, "", 0, 0, (struct seen){ 0 });
	assert_true(s.n == 0 && !s.complete);
	peer_end(p);
}

/* A process that makes and removes other names until it is killed. */
static pid_t churn(int dir)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	while (pid == 0) {
		for (int i = 0; i < 500; i++) {
			char name[32];

			(void)snprintf(name, sizeof(name), "churn-%d", i);
			close(openat(dir, name, O_CREAT | O_WRONLY, 0644));
			(void)unlinkat(dir, name, 0);
		}
		if (getppid() == 1)
			_exit(0);
	}
	return pid;
}

static void a_huge_directory_lists_once_while_it_changes(void **state)
{
	enum { N = 100000 };
	struct peer *p = peer_start();
	struct seen s = { .have = calloc(N, 1), .max = N };
	int dir = open(p->dir, O_RDONLY | O_DIRECTORY);
	int first = openat(dir, "f0", O_CREAT | O_WRONLY, 0644);
	char name[32];
	char of[32] = "f0";
	pid_t pid;

	(void)state;
	assert_non_null(s.have);
	assert_true(first >= 0);
	close(first);
	/* Hard links are quicker to make; each inode has its limit. */
	for (int i = 1; i < N; i++) {
		(void)snprintf(name, sizeof(name), "f%d", i);
		if (i % 20000 == 0) {
			close(openat(dir, name, O_CREAT | O_WRONLY, 0644));
			memcpy(of, name, sizeof(of));
		} else {
			assert_int_equal(linkat(dir, of, dir, name, 0), 0);
		}
	}
	pid = churn(dir);
	s = list(p, "", 0, UINT32_MAX, s);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(s.complete);
	assert_true(s.parts > 100);
	for (int i = 0; i < N; i++)
		assert_int_equal(s.have[i], 1);
	free(s.have);
	close(dir);
	peer_end(p);
}

static void names_are_bytes(void **state)
{
	struct peer *p = peer_start();
	char name[WIRE_NAME_MAX + 1];
	struct seen s;

	(void)state;
	for (int c = 1; c < 256; c++) {
		name[0] = 'x';
		name[1] = (char)c;
		name[2] = '\0';
		if (c == '/')
			continue;
		assert_int_equal(
			peer_ask(p, WIRE_MKDIR, "p4o", name, 0755, PARENT), 0);
		assert_attr(p, name);
	}
	memset(name, 0xff, WIRE_NAME_MAX);
	name[WIRE_NAME_MAX] = '\0';
	assert_int_equal(peer_ask(p, WIRE_MKDIR, "p4o", name, 0755, PARENT), 0);
	assert_attr(p, name);
	s = list(p, "", 0, UINT32_MAX, (struct seen){ 0 });
	assert_int_equal(s.n, 255);
	peer_end(p);
}

static void a_tree_may_be_deeper_than_one_call_can_name(void **state)
{
	struct peer *p = peer_start();
	static char path[WIRE_PATH_MAX];
	static char other[WIRE_PATH_MAX];
	size_t len = 0;
	uint64_t h;

	(void)state;
	for (int i = 0; len < 30000; i++) {
		if (i)
			path[len++] = '/';
		memset(path + len, 'a' + i % 26, 200);
		len += 200;
		path[len] = '\0';
		assert_int_equal(
			peer_ask(p, WIRE_MKDIR, "p4o", path, 0755, PARENT), 0);
	}
	memcpy(other, path, len);
	memcpy(other + len, "/b", 3);
	memcpy(path + len, "/a", 3);
	h = peer_create(p, path, WIRE_O_READ | WIRE_O_WRITE);
	assert_int_equal(write_at(p, h, 0, "deep"), 0);
	assert_int_equal(peer_ask(p, WIRE_RENAME, "pp4", path, other, 0), 0);
	assert_int_equal(peer_ask(p, WIRE_STAT, "p", path), ENOENT);
	assert_int_equal(
		peer_ask(p, WIRE_OPEN, "n44", other, UINT64_C(0), 1, 100), 0);
	(void)wire_get_u64(&p->body);
	wire_get_attr(&p->body, &(struct wire_attr){ 0 });
	assert_text(p, "deep");
	path[len] = '\0';
	assert_int_equal(list(p, path, 0, 99, (struct seen){ 0 }).n, 1);
	assert_int_equal(peer_ask(p, WIRE_UNLINK, "p", other), 0);
	assert_int_equal(peer_ask(p, WIRE_RMDIR, "p", path), 0);
	peer_end(p);
}

/* ---- making ---- */

static void new_files_belong_to_whom_they_should(void **state)
{
	static const struct {
		mode_t dir;
		unsigned uid, gid, umask;
		unsigned want_uid, want_gid;
		mode_t mode, want_mode, want_dir_mode;
	} t[] = {
		{ 0755, 5, 6, 022, 5, 6, 0666, 0644, 0644 },
		{ 0755, 5, 6, 0, 5, 6, 06777, 06777, 06777 },
		{ 0755, 0, 0, 077, 0, 0, 0777, 0700, 0700 },
		{ 0755, WIRE_OWNER_PARENT, 0, 022, 70, 71, 0777, 0755, 0755 },
		{ 02755, WIRE_OWNER_PARENT, 0, 0, 70, 71, 04755, 04755, 06755 },
		{ 02777, 5, 6, 022, 5, 71, 0644, 0644, 02644 },
	};
	struct peer *p = peer_start();
	struct stat st;

	(void)state;
	need_root();
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		assert_int_equal(mkdir(peer_path(p, "d"), 0755), 0);
		assert_int_equal(chown(peer_path(p, "d"), 70, 71), 0);
		assert_int_equal(chmod(peer_path(p, "d"), t[i].dir), 0);
		assert_int_equal(peer_ask(p, WIRE_CREATE, "p44o", "d/f", 3,
		                          t[i].mode, t[i].uid, t[i].gid,
		                          t[i].umask),
		                 0);
		st = look(p, "d/f");
		assert_int_equal(st.st_uid, t[i].want_uid);
		assert_int_equal(st.st_gid, t[i].want_gid);
		assert_int_equal(st.st_mode & 07777, t[i].want_mode);
		assert_int_equal(peer_ask(p, WIRE_MKDIR, "p4o", "d/d",
		                          t[i].mode, t[i].uid, t[i].gid,
		                          t[i].umask),
		                 0);
		st = look(p, "d/d");
		assert_int_equal(st.st_uid, t[i].want_uid);
		assert_int_equal(st.st_gid, t[i].want_gid);
		assert_int_equal(st.st_mode & 0777, t[i].want_mode & 0777);
		assert_int_equal(st.st_mode & S_ISGID,
		                 t[i].dir & S_ISGID ? S_ISGID : 0);
		assert_int_equal(peer_ask(p, WIRE_SYMLINK, "pto", "d/l", "t",
		                          t[i].uid, t[i].gid, t[i].umask),
		                 0);
		assert_int_equal(look(p, "d/l").st_uid, t[i].want_uid);
		assert_int_equal(look(p, "d/l").st_gid, t[i].want_gid);
		assert_int_equal(unlink(peer_path(p, "d/f")), 0);
		assert_int_equal(unlink(peer_path(p, "d/l")), 0);
		assert_int_equal(rmdir(peer_path(p, "d/d")), 0);
		assert_int_equal(rmdir(peer_path(p, "d")), 0);
	}
	peer_end(p);
}

static void making_for_others_leaves_the_agent_root(void **state)
{
	struct peer *p = peer_start();

	(void)state;
	need_root();
	assert_int_equal(chmod(p->dir, 0700), 0);
	assert_int_equal(chown(p->dir, 0, 0), 0);
	/* Somebody who could not even look into the directory. */
	assert_int_equal(peer_ask(p, WIRE_MKDIR, "p4o", "d", 0700, 5, 5, 0), 0);
	assert_int_equal(peer_ask(p, WIRE_CREATE, "p44o", "d/f", 3, 0, 6, 6, 0),
	                 0);
	assert_int_equal(look(p, "d/f").st_uid, 6);
	assert_int_equal(
		peer_ask(p, WIRE_OPEN, "n44", "d/f", UINT64_C(0), 3, 0), 0);
	assert_int_equal(
		peer_ask(p, WIRE_CREATE, "p44o", "own", 3, 0600, 0, 0, 0), 0);
	assert_int_equal(look(p, "own").st_uid, 0);
	peer_end(p);
}

static void a_default_acl_counts_and_not_the_umask(void **state)
{
	/* user::rwx, group::rwx, other::---, as the kernel lays it out. */
	static const unsigned char acl[] = {
		2, 0, 0,   0,   1,   0,   7,  0, 255, 255, 255, 255, 4,   0,
		7, 0, 255, 255, 255, 255, 32, 0, 0,   0,   255, 255, 255, 255,
	};
	struct peer *p = peer_start();

	(void)state;
	if (setxattr(p->dir, "system.posix_acl_default", acl, sizeof(acl), 0))
		fail_msg("%s has no ACLs", p->dir);
	assert_int_equal(peer_ask(p, WIRE_CREATE, "p44o", "f", 3, 0666, PARENT),
	                 0);
	assert_int_equal(look(p, "f").st_mode & 0777, 0660);
	peer_end(p);
}

static void nodes_of_every_kind_are_made(void **state)
{
	static const struct {
		unsigned mode;
		unsigned rdev;
	} t[] = {
		{ S_IFIFO | 0640, 0 },
		{ S_IFREG | 0600, 0 },
		{ S_IFSOCK | 0600, 0 },
		{ S_IFCHR | 0600, 1u << 20 | 3 },
		{ S_IFBLK | 0600, 259u << 20 | 70000 },
	};
	struct peer *p = peer_start();

	(void)state;
	need_root();
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		assert_int_equal(peer_ask(p, WIRE_MKNOD, "p44o", "n", t[i].mode,
		                          t[i].rdev, 0, 0, 0),
		                 0);
		assert_int_equal(assert_attr(p, "n").rdev, t[i].rdev);
		assert_int_equal(look(p, "n").st_mode, t[i].mode);
		assert_int_equal(unlink(peer_path(p, "n")), 0);
	}
	peer_end(p);
}

static void names_are_linked_renamed_and_exchanged(void **state)
{
	struct peer *p = peer_start();
	uint64_t h;
	ino_t a;
	ino_t b;

	(void)state;
	touch(p, "a", "a");
	touch(p, "b", "bb");
	a = look(p, "a").st_ino;
	b = look(p, "b").st_ino;
	assert_int_equal(peer_ask(p, WIRE_LINK, "np", "a", UINT64_C(0), "a2"),
	                 0);
	assert_int_equal(assert_attr(p, "a2").nlink, 2);
	assert_int_equal(look(p, "a2").st_ino, a);
	h = peer_open(p, "b", WIRE_O_READ);
	assert_int_equal(peer_ask(p, WIRE_LINK, "np", "gone", h, "b2"), 0);
	assert_int_equal(look(p, "b2").st_ino, b);
	assert_int_equal(peer_ask(p, WIRE_RENAME, "pp4", "a", "b",
	                          WIRE_RENAME_NOREPLACE),
	                 EEXIST);
	assert_int_equal(peer_ask(p, WIRE_RENAME, "pp4", "a", "b",
	                          WIRE_RENAME_EXCHANGE),
	                 0);
	assert_int_equal(look(p, "a").st_ino, b);
	assert_int_equal(peer_ask(p, WIRE_RENAME, "pp4", "a", "b", 4), EINVAL);
	assert_int_equal(peer_ask(p, WIRE_RENAME, "pp4", "a", "b", 0), 0);
	assert_int_equal(look(p, "b").st_ino, b);
	assert_int_equal(access(peer_path(p, "a"), F_OK), -1);
	peer_end(p);
}

/* ---- open files ---- */

static void open_brings_the_beginning_of_a_file(void **state)
{
	static const struct {
		unsigned want;
		const char *data;
	} t[] = { { 0, "" }, { 3, "hel" }, { 5, "hello" }, { 100, "hello" } };
	struct peer *p = peer_start();

	(void)state;
	touch(p, "f", "hello");
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		assert_int_equal(peer_ask(p, WIRE_OPEN, "n44", "f", UINT64_C(0),
		                          WIRE_O_READ, t[i].want),
		                 0);
		assert_true(wire_get_u64(&p->body) != 0);
		assert_attr(p, "f");
		assert_text(p, t[i].data);
		assert_true(wire_end(&p->body));
	}
	assert_int_equal(peer_ask(p, WIRE_OPEN, "n44", "f", UINT64_C(0),
	                          WIRE_O_WRITE, 9),
	                 0);
	(void)wire_get_u64(&p->body);
	assert_attr(p, "f");
	assert_text(p, "");
	peer_end(p);
}

static void open_flags_mean_what_they_say(void **state)
{
	struct peer *p = peer_start();
	uint64_t h;

	(void)state;
	touch(p, "f", "hello");
	h = peer_open(p, "f", WIRE_O_READ);
	assert_int_equal(write_at(p, h, 0, "x"), EBADF);
	h = peer_open(p, "f", WIRE_O_WRITE | WIRE_O_APPEND);
	assert_int_equal(read_at(p, h, 0, 1), EBADF);
	assert_int_equal(write_at(p, h, 0, " you"), 0);
	assert_int_equal(look(p, "f").st_size, 9);
	assert_int_equal(peer_ask(p, WIRE_CREATE, "p44o", "f",
	                          WIRE_O_READ | WIRE_O_EXCL, 0644, PARENT),
	                 EEXIST);
	assert_int_equal(peer_ask(p, WIRE_CREATE, "p44o", "f", WIRE_O_READ,
	                          0644, PARENT),
	                 0);
	assert_int_equal(look(p, "f").st_size, 9);
	(void)peer_open(p, "f", WIRE_O_WRITE | WIRE_O_TRUNC);
	assert_int_equal(look(p, "f").st_size, 0);
	h = peer_open(p, "f",
	              WIRE_O_READ | WIRE_O_WRITE | WIRE_O_DIRECT | WIRE_O_SYNC |
	                      WIRE_O_NOATIME);
	assert_int_equal(write_at(p, h, 1, "odd"), 0);
	assert_int_equal(read_at(p, h, 1, 3), 0);
	assert_text(p, "odd");
	assert_int_equal(peer_ask(p, WIRE_OPEN, "n44", "f", UINT64_C(0),
	                          1u << 20, 0),
	                 EINVAL);
	peer_end(p);
}

/* What the file system says to a write there. */
static int local_errno(struct peer *p, off_t offset)
{
	int fd = open(peer_path(p, "f"), O_WRONLY);
	ssize_t n = pwrite(fd, "x", 1, offset);
	int err = errno;

	assert_int_equal(n, -1);
	close(fd);
	return err;
}

static void an_exact_write_has_its_place_though_the_handle_appends(void **state)
{
	struct peer *p = peer_start();
	uint64_t h =
		peer_create(p, "f", WIRE_O_READ | WIRE_O_WRITE | WIRE_O_APPEND);

	(void)state;
	assert_int_equal(write_at(p, h, 0, "0123456789"), 0);
	assert_int_equal(write_at(p, h, 0, "end"), 0);
	assert_int_equal(peer_ask(p, WIRE_WRITE, "881d", h, (uint64_t)2, 1, "X",
	                          (size_t)1),
	                 0);
	assert_int_equal(wire_get_u32(&p->body), 1);
	assert_int_equal(write_at(p, h, 0, "!"), 0);
	assert_int_equal(read_at(p, h, 0, 100), 0);
	assert_text(p, "01X3456789end!");
	peer_end(p);
}

static void what_is_written_is_read(void **state)
{
	static const uint64_t at[] = { 0, 1, 4095, 1 << 20, UINT64_C(5) << 30 };
	struct peer *p = peer_start();
	uint64_t h = peer_create(p, "f", WIRE_O_READ | WIRE_O_WRITE);
	char *big = malloc(WIRE_DATA_MAX);

	(void)state;
	assert_non_null(big);
	for (size_t i = 0; i < WIRE_DATA_MAX; i++)
		big[i] = (char)(i * 7 + i / 255);
	for (size_t i = 0; i < sizeof(at) / sizeof(*at); i++) {
		assert_int_equal(peer_ask(p, WIRE_WRITE, "881d", h, at[i], 0,
		                          big, (size_t)WIRE_DATA_MAX),
		                 0);
		assert_int_equal(wire_get_u32(&p->body), WIRE_DATA_MAX);
		assert_int_equal(read_at(p, h, at[i], WIRE_DATA_MAX), 0);
		assert_data(p, big, WIRE_DATA_MAX);
		assert_int_equal(read_at(p, h, at[i] + 10, 20), 0);
		assert_data(p, big + 10, 20);
	}
	assert_int_equal(look(p, "f").st_size, at[4] + WIRE_DATA_MAX);
	assert_int_equal(read_at(p, h, at[4] + WIRE_DATA_MAX - 5, 100), 0);
	assert_data(p, big + WIRE_DATA_MAX - 5, 5);
	assert_int_equal(read_at(p, h, UINT64_C(1) << 40, 100), 0);
	assert_data(p, "", 0);
	assert_int_equal(read_at(p, h, UINT64_MAX, 1), EINVAL);
	assert_int_equal(write_at(p, h, UINT64_MAX, "x"), EINVAL);
	assert_int_equal(write_at(p, h, INT64_MAX - 9, "x"),
	                 local_errno(p, INT64_MAX - 9));
	assert_int_equal(read_at(p, h, 0, UINT32_MAX), 0);
	assert_int_equal(wire_get_u32(&p->body), WIRE_DATA_MAX);
	free(big);
	peer_end(p);
}

static void an_open_file_outlives_its_name(void **state)
{
	struct peer *p = peer_start();
	uint64_t h = peer_create(p, "f", WIRE_O_READ | WIRE_O_WRITE);
	struct wire_attr a;

	(void)state;
	assert_int_equal(write_at(p, h, 0, "kept"), 0);
	assert_int_equal(peer_ask(p, WIRE_RENAME, "pp4", "f", "g", 0), 0);
	assert_int_equal(peer_ask(p, WIRE_UNLINK, "p", "g"), 0);
	assert_int_equal(read_at(p, h, 0, 10), 0);
	assert_text(p, "kept");
	assert_int_equal(peer_ask(p, WIRE_GETATTR, "n", "f", h), 0);
	wire_get_attr(&p->body, &a);
	assert_int_equal(a.nlink, 0);
	assert_int_equal(a.size, 4);
	assert_int_equal(peer_ask(p, WIRE_LINK, "np", "f", h, "back"), ENOENT);
	peer_end(p);
}

static void a_handle_is_never_given_twice(void **state)
{
	struct peer *p = peer_start();
	uint64_t last = 0;

	(void)state;
	touch(p, "f", "x");
	for (int i = 0; i < 1000; i++) {
		uint64_t h = peer_open(p, "f", WIRE_O_READ);

		assert_true(h > last);
		last = h;
		(void)peer_send(p, WIRE_CLOSE, "8", h);
		assert_int_equal(read_at(p, h, 0, 1), EBADF);
	}
	peer_end(p);
}

static void too_many_open_files_are_refused_and_harmless(void **state)
{
	struct peer *p = peer_start();
	uint64_t first = 0;
	int err = 0;
	unsigned n = 0;

	(void)state;
	touch(p, "f", "x");
	while (!err && n < 100000) {
		err = peer_ask(p, WIRE_OPEN, "n44", "f", UINT64_C(0),
		               WIRE_O_READ, 0);
		if (!err && n++ == 0)
			first = wire_get_u64(&p->body);
	}
	assert_int_equal(err, ENFILE);
	assert_true(n > 100);
	assert_int_equal(peer_ask(p, WIRE_STAT, "p", "f"), 0);
	(void)peer_send(p, WIRE_CLOSE, "8", first);
	assert_int_equal(peer_ask(p, WIRE_OPEN, "n44", "f", UINT64_C(0),
	                          WIRE_O_READ, 0),
	                 0);
	peer_end(p);
}

static void a_file_without_a_name_is_opened_again_by_its_handle(void **state)
{
	struct peer *p = peer_start();
	uint64_t h;
	size_t len;

	(void)state;
	touch(p, "f", "text");
	h = peer_open(p, "f", WIRE_O_READ);
	assert_int_equal(peer_ask(p, WIRE_UNLINK, "p", "f"), 0);
	assert_int_equal(peer_ask(p, WIRE_OPEN, "t844", "", h, WIRE_O_WRITE, 0),
	                 0);
	assert_int_equal(write_at(p, wire_get_u64(&p->body), 0, "n"), 0);
	assert_int_equal(peer_ask(p, WIRE_OPEN, "t844", "", h, WIRE_O_READ, 9),
	                 0);
	(void)peer_send(p, WIRE_CLOSE, "8", h);
	h = wire_get_u64(&p->body);
	assert_int_equal(peer_ask(p, WIRE_READ, "884", h, UINT64_C(0), 9), 0);
	assert_memory_equal(wire_get_data(&p->body, 9, &len), "next", 4);
	assert_int_equal(peer_ask(p, WIRE_STATFS, "t8", "", h), 0);
	assert_int_equal(peer_ask(p, WIRE_OPEN, "t844", "", h + 99, WIRE_O_READ,
	                          0),
	                 EBADF);
	assert_int_equal(peer_ask(p, WIRE_STATFS, "t8", "", h + 99), EBADF);
	peer_end(p);
}

static void files_made_up_while_read_are_read_to_their_end(void **state)
{
	struct peer *p = peer_start();
	static char expected[WIRE_DATA_MAX];
	struct wire_attr a;
	uint64_t h;
	size_t len = 0;
	ssize_t n;
	int fd = open("/proc/kallsyms", O_RDONLY);

	(void)state;
	if (fd < 0)
		fail_msg("/proc/kallsyms cannot be read");
	while (len < 300000 && (n = read(fd, expected + len, 300000 - len)) > 0)
		len += (size_t)n;
	close(fd);
	assert_true(len > 10000);
	assert_int_equal(peer_ask(p, WIRE_OPEN, "a844", "proc/kallsyms",
	                          UINT64_C(0), WIRE_O_READ, (unsigned)len),
	                 0);
	h = wire_get_u64(&p->body);
	wire_get_attr(&p->body, &a);
	assert_true(a.flags & WIRE_ATTR_VOLATILE);
	assert_data(p, "", 0);
	assert_int_equal(peer_ask(p, WIRE_READ, "884", h, UINT64_C(0),
	                          (unsigned)len),
	                 0);
	assert_data(p, expected, len);
	assert_int_equal(peer_ask(p, WIRE_STAT, "a", "sys/kernel"), 0);
	wire_get_attr(&p->body, &a);
	assert_true(a.flags & WIRE_ATTR_VOLATILE);
	/* To read it is left to who wants to: that may do something. */
	assert_int_equal(peer_ask(p, WIRE_OPEN, "a844",
	                          "sys/kernel/uevent_seqnum", UINT64_C(0),
	                          WIRE_O_READ, 4096),
	                 0);
	(void)wire_get_u64(&p->body);
	wire_get_attr(&p->body, &a);
	assert_true(a.size > 0);
	assert_data(p, "", 0);
	peer_end(p);
}

/* ---- attributes ---- */

struct set {
	uint64_t handle;
	unsigned set, mode, uid, gid;
	uint64_t size;
	int64_t asec;
	unsigned ansec;
	int64_t msec;
	unsigned mnsec;
};

static int setattr(struct peer *p, const char *name, const struct set *s)
{
	return peer_ask(p, WIRE_SETATTR, "n444488484", name, s->handle, s->set,
	                s->mode, s->uid, s->gid, s->size, (uint64_t)s->asec,
	                s->ansec, (uint64_t)s->msec, s->mnsec);
}

static void attributes_are_set_by_path_and_by_handle(void **state)
{
	struct peer *p = peer_start();
	struct set s = { .set = WIRE_SET_MODE | WIRE_SET_SIZE | WIRE_SET_ATIME |
		                WIRE_SET_MTIME,
		         .mode = 0640,
		         .size = UINT64_C(5000000000),
		         .asec = 1,
		         .ansec = 123456789,
		         .msec = -5,
		         .mnsec = 1 };

	(void)state;
	for (int by_handle = 0; by_handle < 2; by_handle++) {
		uint64_t h = peer_create(p, "f", WIRE_O_READ | WIRE_O_WRITE);
		struct stat st;

		s.handle = by_handle ? h : 0;
		assert_int_equal(setattr(p, by_handle ? "no" : "f", &s), 0);
		assert_attr(p, "f");
		st = look(p, "f");
		assert_int_equal(st.st_mode, S_IFREG | 0640);
		assert_true(st.st_size == 5000000000);
		assert_true(st.st_atim.tv_sec == 1 &&
		            st.st_atim.tv_nsec == 123456789);
		assert_true(st.st_mtim.tv_sec == -5 && st.st_mtim.tv_nsec == 1);
		assert_int_equal(unlink(peer_path(p, "f")), 0);
	}
	peer_end(p);
}

static void times_may_be_now_or_left_alone(void **state)
{
	struct peer *p = peer_start();
	struct set s = { .set = WIRE_SET_ATIME | WIRE_SET_MTIME,
		         .asec = 1,
		         .msec = 2 };
	struct stat st;

	(void)state;
	touch(p, "f", "");
	assert_int_equal(symlink("f", peer_path(p, "l")), 0);
	assert_int_equal(setattr(p, "l", &s), 0);
	assert_int_equal(look(p, "l").st_mtim.tv_sec, 2);
	assert_true(look(p, "f").st_mtim.tv_sec > 2);
	assert_int_equal(setattr(p, "f", &s), 0);
	s = (struct set){ .set = WIRE_SET_MTIME_NOW };
	assert_int_equal(setattr(p, "f", &s), 0);
	st = look(p, "f");
	assert_int_equal(st.st_atim.tv_sec, 1);
	assert_true(st.st_mtim.tv_sec > 1000000);
	peer_end(p);
}

static void set_id_bits_go_as_posix_says(void **state)
{
	static const struct {
		mode_t before;
		unsigned set;
		mode_t mode, after;
	} t[] = {
		{ 06755, WIRE_SET_KILL_SUID, 0, 0755 },
		{ 06745, WIRE_SET_KILL_SUID, 0, 02745 },
		{ 06755, WIRE_SET_SIZE, 0, 06755 },
		{ 06755, WIRE_SET_SIZE | WIRE_SET_KILL_SUID, 0, 0755 },
		{ 06755, WIRE_SET_UID, 0, 0755 },
		{ 0755, WIRE_SET_UID | WIRE_SET_MODE, 06711, 06711 },
		{ 0755, WIRE_SET_KILL_SUID | WIRE_SET_MODE, 06711, 06711 },
	};
	struct peer *p = peer_start();

	(void)state;
	need_root();
	touch(p, "f", "x");
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct set s = { .set = t[i].set, .mode = t[i].mode, .uid = 5 };

		assert_int_equal(chmod(peer_path(p, "f"), t[i].before), 0);
		assert_int_equal(setattr(p, "f", &s), 0);
		assert_int_equal(look(p, "f").st_mode & 07777, t[i].after);
	}
	peer_end(p);
}

static void set_id_bits_go_when_somebody_else_cuts_the_file(void **state)
{
	static const struct {
		unsigned flags;
		mode_t after;
	} t[] = {
		{ WIRE_O_WRITE | WIRE_O_TRUNC, 06755 },
		{ WIRE_O_WRITE | WIRE_O_TRUNC | WIRE_O_KILL_SUID, 0755 },
	};
	struct peer *p = peer_start();

	(void)state;
	need_root();
	touch(p, "f", "x");
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		assert_int_equal(chmod(peer_path(p, "f"), 06755), 0);
		(void)peer_open(p, "f", t[i].flags);
		assert_int_equal(look(p, "f").st_mode & 07777, t[i].after);
	}
	peer_end(p);
}

static void xattrs_by_path_and_by_handle(void **state)
{
	struct peer *p = peer_start();
	uint64_t h[2] = { 0, peer_create(p, "f", WIRE_O_READ | WIRE_O_WRITE) };
	struct wire_attr a;

	(void)state;
	if (setxattr(peer_path(p, "f"), "user.try", "", 0, 0))
		fail_msg("%s has no extended attributes", p->dir);
	assert_int_equal(removexattr(peer_path(p, "f"), "user.try"), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(peer_ask(p, WIRE_STAT, "p", "f"), 0);
		assert_int_equal(assert_attr(p, "f").flags, 0);
		assert_int_equal(peer_ask(p, WIRE_SETXATTR, "ntd4", "f", h[i],
		                          "user.a", "v\0w", (size_t)3, 2),
		                 ENODATA);
		assert_int_equal(peer_ask(p, WIRE_SETXATTR, "ntd4", "f", h[i],
		                          "user.a", "v\0w", (size_t)3, 1),
		                 0);
		assert_int_equal(peer_ask(p, WIRE_SETXATTR, "ntd4", "f", h[i],
		                          "user.a", "v\0w", (size_t)3, 1),
		                 EEXIST);
		assert_int_equal(peer_ask(p, WIRE_GETXATTR, "nt4", "f", h[i],
		                          "user.a", 0),
		                 0);
		assert_int_equal(wire_get_u32(&p->body), 3);
		assert_int_equal(peer_ask(p, WIRE_GETXATTR, "nt4", "f", h[i],
		                          "user.a", 2),
		                 ERANGE);
		assert_int_equal(peer_ask(p, WIRE_GETXATTR, "nt4", "f", h[i],
		                          "user.a", UINT32_MAX),
		                 0);
		assert_data(p, "v\0w", 3);
		assert_int_equal(
			peer_ask(p, WIRE_LISTXATTR, "n4", "f", h[i], 0), 0);
		assert_int_equal(wire_get_u32(&p->body), 7);
		assert_int_equal(
			peer_ask(p, WIRE_LISTXATTR, "n4", "f", h[i], 100), 0);
		assert_data(p, "user.a", 7);
		assert_int_equal(
			peer_ask(p, WIRE_LIST, "p84", "", UINT64_C(0), 9), 0);
		(void)wire_get_u32(&p->body);
		assert_text(p, "f");
		wire_get_attr(&p->body, &a);
		assert_int_equal(a.flags, WIRE_ATTR_XATTRS);
		assert_int_equal(peer_ask(p, WIRE_REMOVEXATTR, "nt", "f", h[i],
		                          "user.a"),
		                 0);
		assert_int_equal(peer_ask(p, WIRE_REMOVEXATTR, "nt", "f", h[i],
		                          "user.a"),
		                 ENODATA);
	}
	peer_end(p);
}

/* ---- slow ones ---- */

static void space_is_made_and_holes_are_found(void **state)
{
	struct peer *p = peer_start();
	uint64_t h = peer_create(p, "f", WIRE_O_READ | WIRE_O_WRITE);
	int fd = open(peer_path(p, "f"), O_RDWR);

	(void)state;
	assert_int_equal(write_at(p, h, 1 << 20, "data"), 0);
	assert_int_equal(peer_ask(p, WIRE_SEEK, "884", h, UINT64_C(0), 3), 0);
	assert_int_equal(wire_get_u64(&p->body), lseek(fd, 0, SEEK_DATA));
	assert_int_equal(peer_ask(p, WIRE_SEEK, "884", h, UINT64_C(0), 4), 0);
	assert_int_equal(wire_get_u64(&p->body), 0);
	assert_int_equal(peer_ask(p, WIRE_SEEK, "884", h, UINT64_C(9999999), 3),
	                 ENXIO);
	assert_int_equal(peer_ask(p, WIRE_SEEK, "884", h, UINT64_C(0), 0),
	                 EINVAL);
	if (fallocate(fd, 0, 0, 2 << 20) == 0) {
		assert_int_equal(peer_ask(p, WIRE_FALLOCATE, "8488", h, 0,
		                          UINT64_C(0), UINT64_C(4) << 20),
		                 0);
		assert_int_equal(look(p, "f").st_size, 4 << 20);
	}
	assert_int_equal(peer_ask(p, WIRE_FALLOCATE, "8488", h, 0, UINT64_C(0),
	                          UINT64_C(0)),
	                 EINVAL);
	assert_int_equal(peer_ask(p, WIRE_FALLOCATE, "8488", h, UINT32_MAX,
	                          UINT64_C(0), UINT64_C(1)),
	                 EINVAL);
	close(fd);
	peer_end(p);
}

static void the_guest_copies_by_itself(void **state)
{
	struct peer *p = peer_start();
	uint64_t from = peer_create(p, "a", WIRE_O_READ | WIRE_O_WRITE);
	uint64_t to = peer_create(p, "b", WIRE_O_READ | WIRE_O_WRITE);
	uint64_t proc;

	(void)state;
	assert_int_equal(write_at(p, from, 0, "0123456789"), 0);
	assert_int_equal(peer_ask(p, WIRE_COPY, "88888", from, UINT64_C(2), to,
	                          UINT64_C(5), UINT64_C(100)),
	                 0);
	assert_int_equal(wire_get_u64(&p->body), 8);
	assert_int_equal(read_at(p, to, 0, 100), 0);
	assert_data(p, "\0\0\0\0\00023456789", 13);
	assert_int_equal(peer_ask(p, WIRE_COPY, "88888", from, UINT64_C(0),
	                          from, UINT64_C(1), UINT64_C(5)),
	                 EINVAL);
	assert_int_equal(peer_ask(p, WIRE_COPY, "88888", from, UINT64_C(0),
	                          UINT64_C(3), UINT64_C(1), UINT64_C(5)),
	                 EBADF);
	/* From one file system to another, of no size. */
	assert_int_equal(peer_ask(p, WIRE_OPEN, "a844", "proc/version",
	                          UINT64_C(0), 1, 0),
	                 0);
	proc = wire_get_u64(&p->body);
	assert_int_equal(peer_ask(p, WIRE_COPY, "88888", proc, UINT64_C(0), to,
	                          UINT64_C(0), UINT64_C(5)),
	                 0);
	assert_int_equal(wire_get_u64(&p->body), 5);
	assert_int_equal(read_at(p, to, 0, 5), 0);
	assert_text(p, "Linux");
	peer_end(p);
}

static void syncs_are_answered_whatever_comes_behind_them(void **state)
{
	enum { N = 300 };
	struct peer *p = peer_start();
	uint64_t h[4];
	uint32_t first = 0;
	unsigned char have[N + 1] = { 0 };
	uint32_t ping;

	(void)state;
	for (int i = 0; i < 4; i++) {
		char name[2] = { (char)('a' + i), '\0' };

		h[i] = peer_create(p, name, WIRE_O_WRITE);
	}
	for (int i = 0; i < N; i++) {
		uint32_t id = peer_send(p, WIRE_FSYNC, "81", h[i % 4], i % 2);

		first = first ? first : id;
	}
	/* The handles go while they are in use. */
	for (int i = 0; i < 4; i++)
		(void)peer_send(p, WIRE_CLOSE, "8", h[i]);
	ping = peer_send(p, WIRE_PING, "");
	for (int i = 0; i < N + 1; i++) {
		uint32_t id;

		assert_true(peer_receive(p));
		assert_int_equal(p->h.err, 0);
		id = p->h.id == ping ? N : p->h.id - first;
		assert_in_range(id, 0, N);
		assert_int_equal(have[id]++, 0);
	}
	assert_int_equal(peer_ask(p, WIRE_FSYNC, "81", h[0], 0), EBADF);
	peer_end(p);
}

/* ---- locks ---- */

/* A process that holds a lock on the file until it is told to let go. */
struct holder {
	pid_t pid;
	int to;
};

static struct holder hold(struct peer *p, const char *name, int type,
                          bool whole)
{
	struct holder holder;
	int to[2];
	int from[2];
	char c;

	assert_int_equal(pipe2(to, O_CLOEXEC), 0);
	assert_int_equal(pipe2(from, O_CLOEXEC), 0);
	holder.pid = fork();
	assert_true(holder.pid >= 0);
	if (holder.pid == 0) {
		struct flock range = { .l_type = (short)type,
			               .l_whence = SEEK_SET,
			               .l_start = 10,
			               .l_len = 10 };
		int fd = open(peer_path(p, name), O_RDWR);

		close(to[1]);
		if (whole ? flock(fd, LOCK_EX) : fcntl(fd, F_SETLK, &range))
			_exit(1);
		if (write(from[1], "x", 1) != 1 || read(to[0], &c, 1) < 0)
			_exit(1);
		_exit(0);
	}
	close(to[0]);
	close(from[1]);
	holder.to = to[1];
	assert_int_equal(read(from[0], &c, 1), 1);
	close(from[0]);
	return holder;
}

static void let_go(struct holder holder)
{
	int status;

	close(holder.to);
	assert_int_equal(waitpid(holder.pid, &status, 0), holder.pid);
	assert_int_equal(status, 0);
}

enum { RD, WR, UN };
static int lock(struct peer *p, uint64_t h, uint64_t owner, unsigned type,
                uint64_t start, uint64_t end)
{
	return peer_ask(p, WIRE_SETLK, "884881", h, owner, type, start, end, 0);
}

static void locks_of_the_guests_processes_count(void **state)
{
	struct peer *p = peer_start();
	uint64_t h = peer_create(p, "f", WIRE_O_READ | WIRE_O_WRITE);
	struct holder holder = hold(p, "f", F_WRLCK, false);
	uint32_t id;

	(void)state;
	assert_int_equal(lock(p, h, 1, WR, 0, 9), 0);
	assert_int_equal(lock(p, h, 1, RD, 0, INT64_MAX), EAGAIN);
	assert_int_equal(peer_ask(p, WIRE_GETLK, "88488", h, UINT64_C(1), WR,
	                          UINT64_C(0), (uint64_t)INT64_MAX),
	                 0);
	assert_int_equal(wire_get_u32(&p->body), WR);
	assert_int_equal(wire_get_u64(&p->body), 10);
	assert_int_equal(wire_get_u64(&p->body), 19);
	assert_int_equal(wire_get_u32(&p->body), holder.pid);
	assert_true(wire_end(&p->body));
	id = peer_send(p, WIRE_SETLK, "884881", h, UINT64_C(1), WR,
	               UINT64_C(15), UINT64_C(15), 1);
	/* The others do not wait. */
	assert_int_equal(peer_ask(p, WIRE_PING, ""), 0);
	let_go(holder);
	assert_true(peer_receive(p));
	assert_int_equal(p->h.id, id);
	assert_int_equal(p->h.err, 0);
	peer_end(p);
}

/* Does another process get the lock? */
static bool others_get(struct peer *p, const char *name)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		struct flock all = { .l_type = F_WRLCK };
		int fd = open(peer_path(p, name), O_RDWR);

		_exit(fcntl(fd, F_SETLK, &all) < 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status == 0;
}

static void owners_are_told_apart(void **state)
{
	struct peer *p = peer_start();
	uint64_t h = peer_create(p, "f", WIRE_O_READ | WIRE_O_WRITE);
	uint64_t r = peer_open(p, "f", WIRE_O_READ);

	(void)state;
	assert_int_equal(lock(p, h, 1, WR, 5, 5), 0);
	assert_false(others_get(p, "f"));
	assert_int_equal(lock(p, h, 2, RD, 5, 5), EAGAIN);
	assert_int_equal(lock(p, h, 2, RD, 6, 6), 0);
	/* The same owner through another handle. */
	assert_int_equal(lock(p, r, 1, RD, 5, 5), 0);
	assert_int_equal(lock(p, h, 2, RD, 5, 5), 0);
	assert_int_equal(lock(p, r, 1, WR, 5, 5), EBADF);
	assert_int_equal(lock(p, h, 3, UN, 0, INT64_MAX), 0);
	assert_int_equal(lock(p, h, 1, 7, 0, 1), EINVAL);
	assert_int_equal(lock(p, h, 1, RD, 2, 1), EINVAL);
	assert_int_equal(lock(p, UINT64_C(99), 1, RD, 1, 1), EBADF);
	assert_int_equal(peer_ask(p, WIRE_UNLOCK_OWNER, "88", h, UINT64_C(1)),
	                 0);
	assert_int_equal(peer_ask(p, WIRE_UNLOCK_OWNER, "88", h, UINT64_C(1)),
	                 0);
	assert_int_equal(lock(p, h, 3, WR, 5, 5), EAGAIN);
	assert_int_equal(lock(p, h, 2, UN, 0, INT64_MAX), 0);
	assert_true(others_get(p, "f"));
	peer_end(p);
}

static void who_waits_gets_it_in_time_or_is_cancelled(void **state)
{
	struct peer *p = peer_start();
	uint64_t h = peer_create(p, "f", WIRE_O_READ | WIRE_O_WRITE);
	uint64_t g = peer_open(p, "f", WIRE_O_READ | WIRE_O_WRITE);
	uint32_t id[3];

	(void)state;
	assert_int_equal(lock(p, h, 1, WR, 0, 0), 0);
	for (uint64_t i = 0; i < 3; i++)
		id[i] = peer_send(p, WIRE_SETLK, "884881", i == 2 ? g : h,
		                  i + 2, WR, UINT64_C(0), UINT64_C(0), 1);
	(void)peer_send(p, WIRE_CANCEL, "4", id[0]);
	assert_true(peer_receive(p));
	assert_int_equal(p->h.id, id[0]);
	assert_int_equal(p->h.err, EINTR);
	(void)peer_send(p, WIRE_CANCEL, "4", id[0]);
	(void)peer_send(p, WIRE_CLOSE, "8", g);
	assert_true(peer_receive(p));
	assert_int_equal(p->h.id, id[2]);
	assert_int_equal(p->h.err, EBADF);
	assert_int_equal(lock(p, h, 1, UN, 0, 0), 0);
	assert_true(peer_receive(p));
	assert_int_equal(p->h.id, id[1]);
	assert_int_equal(p->h.err, 0);
	peer_end(p);
}

static uint32_t send_wait(struct peer *p, uint64_t h, uint64_t owner,
                          uint64_t at)
{
	return peer_send(p, WIRE_SETLK, "884881", h, owner, WR, at, at, 1);
}

static void expect_answer(struct peer *p, uint32_t id, unsigned err)
{
	assert_true(peer_receive(p));
	assert_int_equal(p->h.id, id);
	assert_int_equal(p->h.err, err);
}

/* Linux says EDEADLK to who would close the ring. */
static void who_wait_for_each_other_are_told(void **state)
{
	struct peer *p = peer_start();
	uint64_t f = peer_create(p, "f", WIRE_O_READ | WIRE_O_WRITE);
	uint64_t g = peer_create(p, "g", WIRE_O_READ | WIRE_O_WRITE);
	uint32_t id[2];

	(void)state;
	assert_int_equal(lock(p, f, 1, WR, 0, 0), 0);
	assert_int_equal(lock(p, f, 2, WR, 1, 1), 0);
	assert_int_equal(lock(p, g, 3, WR, 0, 0), 0);
	assert_int_equal(lock(p, g, 2, RD, 5, 5), 0);
	assert_int_equal(lock(p, f, 3, RD, 5, 5), 0);
	id[0] = send_wait(p, f, 3, 0);
	id[1] = send_wait(p, g, 2, 0);
	expect_answer(p, send_wait(p, f, 1, 1), EDEADLK);
	/* Without waiting it is an everyday answer. */
	assert_int_equal(lock(p, f, 1, WR, 1, 1), EAGAIN);
	assert_int_equal(lock(p, f, 1, UN, 0, 0), 0);
	expect_answer(p, id[0], 0);
	assert_int_equal(lock(p, g, 3, UN, 0, 0), 0);
	expect_answer(p, id[1], 0);
	/* Now 1 waits for 2, which waits for nobody. */
	id[0] = send_wait(p, f, 1, 1);
	assert_int_equal(lock(p, f, 2, UN, 1, 1), 0);
	expect_answer(p, id[0], 0);
	peer_end(p);
}

static void flock_belongs_to_the_handle(void **state)
{
	struct peer *p = peer_start();
	uint64_t h = peer_create(p, "f", WIRE_O_READ);
	uint64_t g = peer_open(p, "f", WIRE_O_READ);
	struct holder holder;
	uint32_t id;

	(void)state;
	assert_int_equal(peer_ask(p, WIRE_FLOCK, "841", h, WR, 0), 0);
	assert_int_equal(peer_ask(p, WIRE_FLOCK, "841", g, RD, 0), EAGAIN);
	id = peer_send(p, WIRE_FLOCK, "841", g, RD, 1);
	(void)peer_send(p, WIRE_CLOSE, "8", h);
	assert_true(peer_receive(p));
	assert_int_equal(p->h.id, id);
	assert_int_equal(p->h.err, 0);
	assert_int_equal(peer_ask(p, WIRE_FLOCK, "841", g, UN, 0), 0);
	holder = hold(p, "f", 0, true);
	assert_int_equal(peer_ask(p, WIRE_FLOCK, "841", g, RD, 0), EAGAIN);
	let_go(holder);
	assert_int_equal(peer_ask(p, WIRE_FLOCK, "841", g, WR, 1), 0);
	peer_end(p);
}

/* ---- watches ---- */

static void changes_by_others_are_told(void **state)
{
	struct peer *p = peer_start();
	int fd;

	(void)state;
	assert_int_equal(mkdir(peer_path(p, "d"), 0755), 0);
	touch(p, "d/old", "x");
	assert_true(list(p, "d", 7, 99, (struct seen){ 0 }).watched);
	peer_expect_silence(p);
	touch(p, "d/new", "x");
	peer_expect_event(p, 7, WIRE_CHANGED_NAME, "new");
	peer_expect_event(p, 7, WIRE_CHANGED_FILE, "new");
	assert_int_equal(chmod(peer_path(p, "d/old"), 0600), 0);
	peer_expect_event(p, 7, WIRE_CHANGED_FILE, "old");
	fd = open(peer_path(p, "d/old"), O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, "x", 1), 1);
	peer_expect_event(p, 7, WIRE_CHANGED_FILE, "old");
	close(fd);
	assert_int_equal(rename(peer_path(p, "d/old"), peer_path(p, "d/o2")),
	                 0);
	peer_expect_moved(p, 7, "old", 7, "o2");
	assert_int_equal(unlink(peer_path(p, "d/o2")), 0);
	peer_expect_event(p, 7, WIRE_CHANGED_NAME, "o2");
	assert_int_equal(chmod(peer_path(p, "d"), 0700), 0);
	peer_expect_event(p, 7, WIRE_CHANGED_SELF, "");
	assert_int_equal(rename(peer_path(p, "d"), peer_path(p, "e")), 0);
	peer_expect_event(p, 7, WIRE_CHANGED_PLACE, "");
	touch(p, "e/more", "x");
	peer_expect_event(p, 7, WIRE_CHANGED_NAME, "more");
	peer_end(p);
}

static void move(struct peer *p, const char *name, const char *new_name)
{
	char from[PATH_MAX];

	snprintf(from, sizeof(from), "%s", peer_path(p, name));
	assert_int_equal(rename(from, peer_path(p, new_name)), 0);
}

static void exchange(struct peer *p, const char *name, const char *other)
{
	char from[PATH_MAX];

	snprintf(from, sizeof(from), "%s", peer_path(p, name));
	assert_int_equal(syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD,
	                         peer_path(p, other), RENAME_EXCHANGE),
	                 0);
}

static void a_move_by_others_is_told_with_both_names(void **state)
{
	struct peer *p = peer_start();

	(void)state;
	assert_int_equal(mkdir(peer_path(p, "d"), 0755), 0);
	assert_int_equal(mkdir(peer_path(p, "e"), 0755), 0);
	assert_int_equal(mkdir(peer_path(p, "far"), 0755), 0);
	assert_int_equal(mkdir(peer_path(p, "d/sub"), 0755), 0);
	assert_true(list(p, "d", 1, 99, (struct seen){ 0 }).watched);
	assert_true(list(p, "e", 2, 99, (struct seen){ 0 }).watched);
	move(p, "d/sub", "e/bus");
	peer_expect_moved(p, 1, "sub", 2, "bus");
	move(p, "e/bus", "e/usb");
	peer_expect_moved(p, 2, "bus", 2, "usb");
	/* To where nobody looks, and back. */
	move(p, "e/usb", "far/usb");
	peer_expect_event(p, 2, WIRE_CHANGED_NAME, "usb");
	move(p, "far/usb", "d/sub");
	peer_expect_event(p, 1, WIRE_CHANGED_NAME, "sub");
	/* Many at once, with others between them. */
	assert_int_equal(kill(p->pid, SIGSTOP), 0);
	for (int i = 0; i < 100; i++) {
		move(p, "d/sub", "far/sub");
		touch(p, "d/x", "");
		move(p, "far/sub", "d/sub");
		move(p, "d/sub", "e/sub");
		move(p, "d/x", "e/x");
		move(p, "e/sub", "d/sub");
		assert_int_equal(unlink(peer_path(p, "e/x")), 0);
	}
	assert_int_equal(kill(p->pid, SIGCONT), 0);
	peer_expect_moved(p, 1, "sub", 2, "sub");
	peer_expect_moved(p, 2, "sub", 1, "sub");
	peer_expect_moved(p, 1, "x", 2, "x");
	peer_expect_event(p, 2, WIRE_CHANGED_NAME, "x");
	peer_expect_event(p, 1, WIRE_CHANGED_NAME, "sub");
	peer_expect_event(p, 1, WIRE_CHANGED_NAME, "x");
	peer_expect_event(p, 1, WIRE_CHANGED_FILE, "x");
	peer_expect_silence(p);
	peer_end(p);
}

static void an_exchange_by_others_is_told_as_two_moves(void **state)
{
	struct peer *p = peer_start();

	(void)state;
	assert_int_equal(mkdir(peer_path(p, "d"), 0755), 0);
	assert_int_equal(mkdir(peer_path(p, "d/a"), 0755), 0);
	assert_int_equal(mkdir(peer_path(p, "d/b"), 0755), 0);
	assert_true(list(p, "d", 1, 99, (struct seen){ 0 }).watched);
	for (uint64_t watched = 0; watched < 2; watched++) {
		if (watched) {
			assert_true(list(p, "d/a", 2, 99, (struct seen){ 0 })
			                    .watched);
			assert_true(list(p, "d/b", 3, 99, (struct seen){ 0 })
			                    .watched);
		}
		exchange(p, "d/a", "d/b");
		peer_expect_moved(p, 1, "a", 1, "b");
		peer_expect_moved(p, 1, "b", 1, "a");
		if (watched) {
			peer_expect_event(p, 2, WIRE_CHANGED_PLACE, "");
			peer_expect_event(p, 3, WIRE_CHANGED_PLACE, "");
		}
		peer_expect_silence(p);
	}
	peer_end(p);
}

static void what_was_asked_for_is_not_told(void **state)
{
	struct peer *p = peer_start();
	struct set s = { .set = WIRE_SET_MODE | WIRE_SET_MTIME | WIRE_SET_SIZE,
		         .mode = 0600,
		         .size = 100 };
	uint64_t h;

	(void)state;
	assert_int_equal(mkdir(peer_path(p, "d"), 0755), 0);
	touch(p, "d/old", "x");
	assert_true(list(p, "", 1, 99, (struct seen){ 0 }).watched);
	assert_true(list(p, "d", 2, 99, (struct seen){ 0 }).watched);
	h = peer_create(p, "d/f", WIRE_O_READ | WIRE_O_WRITE);
	assert_int_equal(write_at(p, h, 0, "text"), 0);
	assert_int_equal(setattr(p, "d/f", &s), 0);
	s.handle = h;
	s.mode = 0640;
	assert_int_equal(setattr(p, "d/f", &s), 0);
	assert_int_equal(lock(p, h, 1, WR, 0, 1), 0);
	assert_int_equal(peer_ask(p, WIRE_UNLOCK_OWNER, "88", h, UINT64_C(1)),
	                 0);
	(void)peer_send(p, WIRE_CLOSE, "8", h);
	assert_int_equal(
		peer_ask(p, WIRE_LINK, "np", "d/f", UINT64_C(0), "d/g"), 0);
	assert_int_equal(peer_ask(p, WIRE_RENAME, "pp4", "d/f", "d/x", 0), 0);
	assert_int_equal(peer_ask(p, WIRE_RENAME, "pp4", "d/old", "d/x",
	                          WIRE_RENAME_EXCHANGE),
	                 0);
	assert_int_equal(peer_ask(p, WIRE_RENAME, "pp4", "d/x", "x", 0), 0);
	assert_int_equal(peer_ask(p, WIRE_UNLINK, "p", "x"), 0);
	assert_int_equal(peer_ask(p, WIRE_SYMLINK, "pto", "d/l", "t", PARENT),
	                 0);
	assert_int_equal(peer_ask(p, WIRE_MKDIR, "p4o", "d/d", 0755, PARENT),
	                 0);
	assert_int_equal(peer_ask(p, WIRE_RMDIR, "p", "d/d"), 0);
	assert_int_equal(peer_ask(p, WIRE_OPEN, "n44", "d/g", UINT64_C(0),
	                          WIRE_O_WRITE | WIRE_O_TRUNC, 0),
	                 0);
	(void)peer_send(p, WIRE_CLOSE, "8", wire_get_u64(&p->body));
	s = (struct set){ .set = WIRE_SET_MODE, .mode = 0700 };
	assert_int_equal(setattr(p, "d", &s), 0);
	assert_int_equal(peer_ask(p, WIRE_RENAME, "pp4", "d", "e", 0), 0);
	assert_int_equal(peer_ask(p, WIRE_MKDIR, "p4o", "d", 0755, PARENT), 0);
	assert_int_equal(peer_ask(p, WIRE_RENAME, "pp4", "d", "e",
	                          WIRE_RENAME_EXCHANGE),
	                 0);
	if (setxattr(p->dir, "user.try", "", 0, 0) == 0) {
		peer_expect_event(p, 1, WIRE_CHANGED_SELF, "");
		assert_int_equal(peer_ask(p, WIRE_SETXATTR, "ntd4", "d",
		                          UINT64_C(0), "user.a", "v", (size_t)1,
		                          0),
		                 0);
	}
	peer_expect_silence(p);
	/* And others' are still told. */
	touch(p, "d/mine", "");
	peer_expect_event(p, 2, WIRE_CHANGED_NAME, "mine");
	peer_end(p);
}

static void what_failed_hides_nothing(void **state)
{
	struct peer *p = peer_start();

	(void)state;
	assert_true(list(p, "", 3, 99, (struct seen){ 0 }).watched);
	touch(p, "f", "");
	assert_int_equal(peer_ask(p, WIRE_MKDIR, "p4o", "f", 0755, PARENT),
	                 EEXIST);
	peer_expect_event(p, 3, WIRE_CHANGED_NAME, "f");
	peer_end(p);
}

static void the_newest_number_holds_and_may_be_given_up(void **state)
{
	struct peer *p = peer_start();

	(void)state;
	assert_int_equal(mkdir(peer_path(p, "d"), 0755), 0);
	assert_int_equal(mkdir(peer_path(p, "e"), 0755), 0);
	assert_true(list(p, "d", 1, 99, (struct seen){ 0 }).watched);
	assert_true(list(p, "d", 2, 99, (struct seen){ 0 }).watched);
	touch(p, "d/a", "");
	peer_expect_event(p, 2, WIRE_CHANGED_NAME, "a");
	peer_expect_event(p, 2, WIRE_CHANGED_FILE, "a");
	peer_expect_silence(p);
	/* A number that moves to another directory. */
	assert_true(list(p, "e", 2, 99, (struct seen){ 0 }).watched);
	touch(p, "d/b", "");
	peer_expect_silence(p);
	touch(p, "e/b", "");
	peer_expect_event(p, 2, WIRE_CHANGED_NAME, "b");
	peer_expect_event(p, 2, WIRE_CHANGED_FILE, "b");
	(void)peer_send(p, WIRE_UNWATCH, "8", UINT64_C(2));
	(void)peer_send(p, WIRE_UNWATCH, "8", UINT64_C(1));
	assert_int_equal(peer_ask(p, WIRE_PING, ""), 0);
	touch(p, "e/c", "");
	peer_expect_silence(p);
	assert_false(list(p, "e", 0, 99, (struct seen){ 0 }).watched);
	peer_end(p);
}

static void a_directory_that_goes_takes_its_watch_along(void **state)
{
	struct peer *p = peer_start();

	(void)state;
	for (unsigned i = 1; i < 300; i++) {
		assert_int_equal(
			peer_ask(p, WIRE_MKDIR, "p4o", "d", 0755, PARENT), 0);
		assert_true(list(p, "d", i, 9, (struct seen){ 0 }).watched);
		assert_int_equal(peer_ask(p, WIRE_RMDIR, "p", "d"), 0);
		peer_expect_event(p, i, WIRE_CHANGED_GONE, "");
	}
	peer_expect_silence(p);
	peer_end(p);
}

/* More happens than the kernel keeps; the agent stands still meanwhile. */
static void events_that_are_lost_are_told_and_end_all_watches(void **state)
{
	struct peer *p = peer_start();
	unsigned most = 16384;
	FILE *file = fopen("/proc/sys/fs/inotify/max_queued_events", "re");

	(void)state;
	assert_true(file && fscanf(file, "%u", &most) == 1);
	fclose(file);
	assert_int_equal(mkdir(peer_path(p, "d"), 0755), 0);
	assert_int_equal(mkdir(peer_path(p, "e"), 0755), 0);
	assert_true(list(p, "d", 1, 99, (struct seen){ 0 }).watched);
	assert_true(list(p, "e", 2, 99, (struct seen){ 0 }).watched);
	assert_int_equal(kill(p->pid, SIGSTOP), 0);
	for (unsigned i = 0; i < most / 2 + 1; i++) {
		assert_int_equal(mkdir(peer_path(p, "d/x"), 0755), 0);
		assert_int_equal(rmdir(peer_path(p, "d/x")), 0);
	}
	p->drop_changes = true;
	assert_int_equal(kill(p->pid, SIGCONT), 0);
	peer_expect_lost(p);
	p->drop_changes = false;
	p->n_events = 0;
	touch(p, "e/a", "");
	peer_expect_silence(p);
	assert_true(list(p, "e", 3, 99, (struct seen){ 0 }).watched);
	touch(p, "e/b", "");
	peer_expect_event(p, 3, WIRE_CHANGED_NAME, "b");
	peer_expect_event(p, 3, WIRE_CHANGED_FILE, "b");
	peer_end(p);
}

static void what_is_made_up_is_not_watched(void **state)
{
	struct peer *p = peer_start();
	uint32_t id =
		peer_send(p, WIRE_LIST, "a84", "proc/sys", UINT64_C(5), 100);

	(void)state;
	assert_true(peer_receive(p));
	assert_int_equal(p->h.id, id);
	assert_int_equal(p->h.err, 0);
	/* The last byte. */
	assert_int_equal(p->frame[WIRE_HEADER + p->h.size - 1], 0);
	peer_end(p);
}

/* ---- floods ---- */

static unsigned memory_kib(pid_t pid)
{
	char name[64];
	char line[256];
	unsigned kib = 0;
	FILE *f;

	(void)snprintf(name, sizeof(name), "/proc/%d/status", (int)pid);
	f = fopen(name, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		(void)sscanf(line, "VmHWM: %u", &kib);
	(void)fclose(f);
	return kib;
}

/* More answers than anything holds are asked for before one is taken. */
static void a_flood_is_held_back_and_answered_in_order(void **state)
{
	enum { N = 2000 };
	struct peer *p = peer_start();
	uint64_t h = peer_create(p, "f", WIRE_O_READ | WIRE_O_WRITE);
	uint32_t first = 0;
	pid_t pid;

	(void)state;
	assert_int_equal(write_at(p, h, WIRE_DATA_MAX - 1, "x"), 0);
	pid = fork();
	assert_true(pid >= 0);
	first = p->last_id + 1;
	if (pid == 0) {
		for (int i = 0; i < N; i++)
			(void)peer_send(p, WIRE_READ, "884", h, UINT64_C(0),
			                WIRE_DATA_MAX);
		_exit(0);
	}
	for (uint32_t i = 0; i < N; i++) {
		assert_true(peer_receive(p));
		assert_int_equal(p->h.id, first + i);
		assert_int_equal(p->h.err, 0);
		assert_int_equal(p->h.size, WIRE_DATA_MAX + 4);
		if (i == 0)
			(void)poll(NULL, 0, 50); /* let it pile up */
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	if (peer_is_shipped())
		assert_in_range(memory_kib(p->pid), 1, 16 * 1024);
	peer_end(p);
}

static void small_requests_come_many_at_a_time(void **state)
{
	enum { N = 50000 };
	struct peer *p = peer_start();
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		for (int i = 0; i < N; i++)
			(void)peer_send(p, WIRE_STAT, "p", "");
		_exit(0);
	}
	for (uint32_t i = 0; i < N; i++) {
		assert_true(peer_receive(p));
		assert_int_equal(p->h.id, i + 1);
		assert_int_equal(p->h.err, 0);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	peer_end(p);
}

/* Unmount one orbfs from our own namespace. False: there is none (left). */
static bool let_go_of_one(void)
{
	FILE *mounts = setmntent("/proc/self/mounts", "r");
	const struct mntent *m;
	bool gone = false;

	assert_non_null(mounts);
	while (!gone && (m = getmntent(mounts)))
		gone = strcmp(m->mnt_type, "fuse.orbfs") == 0 &&
		       umount2(m->mnt_dir, MNT_DETACH) == 0;
	endmntent(mounts);
	return gone;
}

/* What others mount is an event for the agent: it takes all that was known of
 * paths. So the tests are in a namespace of mounts of their own, where they may
 * have one. */
static int apart(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNS) != 0)
		return geteuid() == 0 ? -1 : 0;
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return -1;
	/* A daemon does not end as long as its mount is here, too. */
	while (let_go_of_one())
		;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_says_hello),
		cmocka_unit_test(it_removes_its_own_executable),
		cmocka_unit_test(it_ends_with_a_line_at_what_is_no_message),
		cmocka_unit_test(it_ends_in_the_middle_of_a_message),
		cmocka_unit_test(it_ends_when_nobody_listens),
		cmocka_unit_test(a_body_that_makes_no_sense_is_answered),
		cmocka_unit_test(every_kind_of_file_looks_as_it_is),
		cmocka_unit_test(paths_that_may_not_be_asked_for),
		cmocka_unit_test(the_error_is_the_systems_own),
		cmocka_unit_test(statfs_is_that_of_the_file_system),
		cmocka_unit_test(links_are_resolved_as_the_guest_would),
		cmocka_unit_test(no_link_is_followed),
		cmocka_unit_test(no_link_is_followed_on_an_old_kernel),
		cmocka_unit_test(a_listing_has_everything_and_its_attributes),
		cmocka_unit_test(a_listing_gives_up_after_so_many),
		cmocka_unit_test(a_huge_directory_lists_once_while_it_changes),
		cmocka_unit_test(names_are_bytes),
		cmocka_unit_test(a_tree_may_be_deeper_than_one_call_can_name),
		cmocka_unit_test(new_files_belong_to_whom_they_should),
		cmocka_unit_test(making_for_others_leaves_the_agent_root),
		cmocka_unit_test(a_default_acl_counts_and_not_the_umask),
		cmocka_unit_test(nodes_of_every_kind_are_made),
		cmocka_unit_test(names_are_linked_renamed_and_exchanged),
		cmocka_unit_test(open_brings_the_beginning_of_a_file),
		cmocka_unit_test(open_flags_mean_what_they_say),
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(
			an_exact_write_has_its_place_though_the_handle_appends),
		cmocka_unit_test(an_open_file_outlives_its_name),
		cmocka_unit_test(a_handle_is_never_given_twice),
		cmocka_unit_test(too_many_open_files_are_refused_and_harmless),
		cmocka_unit_test(
			a_file_without_a_name_is_opened_again_by_its_handle),
		cmocka_unit_test(
			files_made_up_while_read_are_read_to_their_end),
		cmocka_unit_test(attributes_are_set_by_path_and_by_handle),
		cmocka_unit_test(times_may_be_now_or_left_alone),
		cmocka_unit_test(set_id_bits_go_as_posix_says),
		cmocka_unit_test(
			set_id_bits_go_when_somebody_else_cuts_the_file),
		cmocka_unit_test(xattrs_by_path_and_by_handle),
		cmocka_unit_test(space_is_made_and_holes_are_found),
		cmocka_unit_test(the_guest_copies_by_itself),
		cmocka_unit_test(syncs_are_answered_whatever_comes_behind_them),
		cmocka_unit_test(locks_of_the_guests_processes_count),
		cmocka_unit_test(owners_are_told_apart),
		cmocka_unit_test(who_waits_gets_it_in_time_or_is_cancelled),
		cmocka_unit_test(who_wait_for_each_other_are_told),
		cmocka_unit_test(flock_belongs_to_the_handle),
		cmocka_unit_test(changes_by_others_are_told),
		cmocka_unit_test(a_move_by_others_is_told_with_both_names),
		cmocka_unit_test(an_exchange_by_others_is_told_as_two_moves),
		cmocka_unit_test(what_was_asked_for_is_not_told),
		cmocka_unit_test(what_failed_hides_nothing),
		cmocka_unit_test(the_newest_number_holds_and_may_be_given_up),
		cmocka_unit_test(a_directory_that_goes_takes_its_watch_along),
		cmocka_unit_test(
			events_that_are_lost_are_told_and_end_all_watches),
		cmocka_unit_test(what_is_made_up_is_not_watched),
		cmocka_unit_test(a_flood_is_held_back_and_answered_in_order),
		cmocka_unit_test(small_requests_come_many_at_a_time),
	};

	return cmocka_run_group_tests(tests, apart, NULL);
}

#else

/* The agent is a program for Linux. */
static void there_is_no_agent_here(void **state)
{
	(void)state;
	skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_is_no_agent_here),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
