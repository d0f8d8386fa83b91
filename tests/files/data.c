/*
 * data: what is in a file, and how it gets there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/files/told.h"

static int open_new(const char *path, int flags)
{
	return told_fd(path,
	               open(path, O_CREAT | O_RDWR | O_CLOEXEC | flags, 0644));
}

static void put_pattern(char *to, size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++)
		to[i] = (char)(i * 31 + seed + (i >> 8));
}

static void read_at(int fd, off_t offset, size_t len)
{
	char *buf = calloc(1, len + 1);
	char what[60];
	ssize_t n;

	if (!buf)
		abort();
	snprintf(what, sizeof(what), "%zu bytes at %lld", len,
	         (long long)offset);
	n = told(what, pread(fd, buf, len, offset));
	if (n > 0)
		told_bytes(what, buf, (size_t)n);
	free(buf);
}

static void write_at(int fd, off_t offset, size_t len)
{
	char *buf = malloc(len + 1);
	char what[60];

	if (!buf)
		abort();
	put_pattern(buf, len, (unsigned)offset);
	snprintf(what, sizeof(what), "write %zu bytes at %lld", len,
	         (long long)offset);
	told(what, pwrite(fd, buf, len, offset));
	free(buf);
}

static void offsets(void)
{
	static const off_t at[] = { 0,     1,      4095,   4096,   4097,   8191,
		                    65535, 131071, 131072, 200000, 1048577 };
	static const size_t sizes[] = { 0,    1,     511,    4096,
		                        4097, 65536, 131073, 1048576 };
	int fd = open_new("file", 0);

	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		for (size_t j = 0; j < sizeof(sizes) / sizeof(sizes[0]); j++) {
			write_at(fd, at[i], sizes[j]);
			read_at(fd, at[i] / 2, sizes[j]);
			told_fstat("size", fd);
		}
	read_at(fd, 2097153, 1);
	read_at(fd, 5000000, 100);
	read_at(fd, 2097000, 4096);
	told("negative", pread(fd, &(char){ 0 }, 1, -1));
	told("negative", pwrite(fd, "x", 1, -1));
	told("close", close(fd));
	told_content("file", "file");
}

static void holes(void)
{
	int fd = open_new("file", 0);

	write_at(fd, 1000000, 10);
	read_at(fd, 0, 4096);
	read_at(fd, 999990, 20);
	write_at(fd, 500000, 1);
	read_at(fd, 499999, 3);
	told("close", close(fd));
	told_content("file", "file");
}

static void beyond_4g(void)
{
	const off_t g = (off_t)1 << 30;
	int fd = open_new("file", 0);

	write_at(fd, 4 * g - 2, 4);
	told_fstat("size", fd);
	write_at(fd, 5 * g, 100);
	told_fstat("size", fd);
	read_at(fd, 4 * g - 4, 10);
	read_at(fd, 5 * g - 10, 200);
	read_at(fd, 0, 10);
	told("ftruncate", ftruncate(fd, 100 * g));
	told_fstat("size", fd);
	read_at(fd, 100 * g - 10, 100);
	told("seek data", lseek(fd, 0, SEEK_DATA) > 0);
	told("seek end", lseek(fd, 0, SEEK_END));
	told("ftruncate", ftruncate(fd, 4 * g + 1));
	read_at(fd, 4 * g - 2, 10);
	told("close", close(fd));
	told_stat("size", "file");
	told("too large", truncate("file", ((off_t)1 << 62) + 1));
	told("unlink", unlink("file"));
}

static void sequence(void)
{
	char buf[100];
	int fd = open_new("file", 0);

	for (int i = 0; i < 1000; i++) {
		int n = snprintf(buf, sizeof(buf), "line %d\n", i);

		if (write(fd, buf, (size_t)n) != n)
			told("write", -1);
	}
	told("where", lseek(fd, 0, SEEK_CUR));
	told("rewind", lseek(fd, 0, SEEK_SET));
	for (int i = 0; i < 200; i++)
		if (read(fd, buf, 37) != 37)
			told("read", -1);
	told("where", lseek(fd, 0, SEEK_CUR));
	told("end", lseek(fd, -5, SEEK_END));
	told("read", read(fd, buf, sizeof(buf)));
	told("at the end", read(fd, buf, sizeof(buf)));
	told("before the start", lseek(fd, -1, SEEK_SET));
	told("close", close(fd));
	told_content("file", "file");
}

static void vectors(void)
{
	char a[10];
	char b[5000];
	char c[3];
	struct iovec v[] = { { a, sizeof(a) }, { b, sizeof(b) }, { c, 3 } };
	int fd = open_new("file", 0);

	put_pattern(a, sizeof(a), 1);
	put_pattern(b, sizeof(b), 2);
	put_pattern(c, sizeof(c), 3);
	told("writev", writev(fd, v, 3));
	told("pwritev", pwritev(fd, v, 3, 100));
	memset(b, 0, sizeof(b));
	told("preadv", preadv(fd, v, 3, 50));
	told_bytes("bytes", b, sizeof(b));
	told("close", close(fd));
	told_content("file", "file");
}

static void truncating(void)
{
	static const off_t sizes[] = { 0,    1,    4096,    10000, 9999,
		                       4097, 4095, 1 << 20, 3,     0 };
	struct stat before;
	int fd = open_new("file", 0);

	write_at(fd, 0, 5000);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		told("ftruncate", ftruncate(fd, sizes[i]));
		told_fstat("size", fd);
		read_at(fd, 0, 20000);
		write_at(fd, sizes[i] / 2, 100);
		read_at(fd, 0, 20000);
	}
	told("negative", ftruncate(fd, -1));
	told("close", close(fd));
	told("truncate", truncate("file", 7));
	told_content("file", "file");
	told("truncate", truncate("file", 70000));
	told_content("file", "file");
	lstat("file", &before);
	let_time_pass();
	told("to the same", truncate("file", 70000));
	told_times("times", "file", &before);
	told("negative", truncate("file", -1));
	told("nothing", truncate("none", 0));
	make_dir("dir");
	told("a directory", truncate("dir", 0));
	told("symlink", symlink("file", "link"));
	told("through a link", truncate("link", 3));
	told_content("file", "file");
	fd = open("file", O_RDONLY | O_CLOEXEC);
	told("open to read", ftruncate(fd, 1));
	close(fd);
}

static void wrong_way(void)
{
	char buf[4];
	int fd;

	make_file("file", "content");
	fd = open("file", O_RDONLY | O_CLOEXEC);
	told("write to what is read", write(fd, "x", 1));
	close(fd);
	fd = open("file", O_WRONLY | O_CLOEXEC);
	told("read from what is written", read(fd, buf, 4));
	told("write", write(fd, "x", 1));
	close(fd);
	make_dir("dir");
	fd = open("dir", O_RDONLY | O_CLOEXEC);
	told("read a directory", read(fd, buf, 4));
	told("fsync a directory", fsync(fd));
	told("ftruncate a directory", ftruncate(fd, 0));
	close(fd);
}

static void appending(void)
{
	int a = open_new("file", O_APPEND);
	int b = open_new("file", O_APPEND);

	for (int i = 0; i < 100; i++) {
		if (write(a, "aaa", 3) != 3 || write(b, "bb", 2) != 2)
			told("write", -1);
	}
	told_fstat("size", a);
	told_fstat("size", b);
	/* On Linux it goes to the end all the same. */
	told("pwrite", pwrite(a, "X", 1, 0));
	told_fstat("size", a);
	told("ftruncate", ftruncate(a, 10));
	told("write", write(b, "end", 3));
	told("close", close(a));
	told("close", close(b));
	told_content("file", "file");
}

static void append_child(int id)
{
	char line[32];
	int len = snprintf(line, sizeof(line), "writer %d was here\n", id);
	int fd = open("file", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	int failed = fd < 0;

	for (int i = 0; i < 500 && !failed; i++)
		failed = write(fd, line, (size_t)len) != len;
	_exit(failed || close(fd));
}

static void two_appenders(void)
{
	char line[64] = "";
	int counts[2] = { 0 };
	int other = 0;
	FILE *f;

	fflush(stdout);
	for (int i = 0; i < 2; i++)
		if (fork() == 0)
			append_child(i);
	for (int i = 0; i < 2; i++) {
		int status = -1;

		wait(&status);
		told("a writer's status", status);
	}
	f = fopen("file", "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (!strcmp(line, "writer 0 was here\n"))
			counts[0]++;
		else if (!strcmp(line, "writer 1 was here\n"))
			counts[1]++;
		else
			other++;
	}
	told_text("lines: %d, %d, others: %d", counts[0], counts[1], other);
	if (f)
		fclose(f);
}

static void two_handles(void)
{
	int a = open_new("file", 0);
	int b = told_fd("again", open("file", O_RDONLY | O_CLOEXEC));

	write_at(a, 0, 5000);
	read_at(b, 0, 6000);
	write_at(a, 2500, 5000);
	read_at(b, 0, 10000);
	told_fstat("size", b);
	told("ftruncate", ftruncate(a, 100));
	read_at(b, 0, 10000);
	told("cut by a third", truncate("file", 50));
	read_at(b, 0, 10000);
	told("close", close(a));
	make_file("file", "quite another content");
	read_at(b, 0, 10000);
	told("close", close(b));
}

static void syncing(void)
{
	int fd = open_new("file", 0);

	write_at(fd, 0, 100000);
	told("fsync", fsync(fd));
	write_at(fd, 100, 1000);
	told("fdatasync", fdatasync(fd));
	told("sync_file_range",
	     sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE));
	told("syncfs", syncfs(fd));
	told("close", close(fd));
	fd = open_new("sync", O_SYNC);
	write_at(fd, 0, 10000);
	told("close", close(fd));
	told_content("sync", "sync");
	told_content("file", "file");
}

/* To collapse and to insert is not passed on by FUSE. */
static void allocating(void)
{
	static const struct {
		const char *what;
		int mode;
		off_t offset;
		off_t length;
	} rows[] = {
		{ "grow", 0, 0, 100000 },
		{ "keep size", FALLOC_FL_KEEP_SIZE, 100000, 100000 },
		{ "punch", FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096,
		  8192 },
		{ "punch over the end",
		  FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 50000, 1000000 },
		{ "zero", FALLOC_FL_ZERO_RANGE, 1000, 2000 },
		{ "zero, keep size", FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
		  150000, 2000 },
		{ "punch, no keep", FALLOC_FL_PUNCH_HOLE, 0, 10 },
		{ "nothing", 0, 0, 0 },
		{ "negative", 0, -1, 10 },
		{ "too far", 0, ((off_t)1 << 62), (off_t)1 << 62 },
		{ "no such mode", 0x4000, 0, 10 },
	};
	int fd = open_new("file", 0);

	write_at(fd, 0, 60000);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		told(rows[i].what, fallocate(fd, rows[i].mode, rows[i].offset,
		                             rows[i].length));
		told_fstat(rows[i].what, fd);
		read_at(fd, 0, 300000);
	}
	told("posix_fallocate", posix_fallocate(fd, 0, 400000));
	told_fstat("size", fd);
	told("close", close(fd));
	told_content("file", "file");
	fd = open("file", O_RDONLY | O_CLOEXEC);
	told("read only", fallocate(fd, 0, 0, 1));
	close(fd);
}

static void seeking(void)
{
	int fd = open_new("file", 0);

	told("empty, data", lseek(fd, 0, SEEK_DATA));
	told("empty, hole", lseek(fd, 0, SEEK_HOLE));
	write_at(fd, 1 << 20, 4096);
	write_at(fd, 3 << 20, 4096);
	told("fsync", fsync(fd));
	told("ftruncate", ftruncate(fd, 4 << 20));
	told("data", lseek(fd, 0, SEEK_DATA));
	told("hole", lseek(fd, 0, SEEK_HOLE));
	told("hole", lseek(fd, 1 << 20, SEEK_HOLE));
	told("data", lseek(fd, 2 << 20, SEEK_DATA));
	told("data", lseek(fd, (3 << 20) + 5000, SEEK_DATA));
	told("hole", lseek(fd, (3 << 20) + 10, SEEK_HOLE));
	told("beyond", lseek(fd, 5 << 20, SEEK_HOLE));
	told("negative", lseek(fd, -1, SEEK_DATA));
	told("close", close(fd));
}

static void copying(void)
{
	loff_t from = 0;
	loff_t to = 0;
	int a = open_new("a", 0);
	int b = open_new("b", 0);

	write_at(a, 0, 300000);
	told("all", copy_file_range(a, &from, b, &to, 300000, 0));
	told_text("now at %lld and %lld", (long long)from, (long long)to);
	told("at the end", copy_file_range(a, &from, b, &to, 10, 0));
	from = 1000;
	to = 500000;
	told("elsewhere", copy_file_range(a, &from, b, &to, 5000, 0));
	told_fstat("b", b);
	read_at(b, 499990, 6000);
	from = 0;
	to = 100000;
	told("within", copy_file_range(a, &from, a, &to, 1000, 0));
	from = 0;
	to = 500;
	told("over itself", copy_file_range(a, &from, a, &to, 1000, 0));
	told("flags", copy_file_range(a, NULL, b, NULL, 1, 1));
	told("rewind", lseek(a, 0, SEEK_SET));
	told("by position", copy_file_range(a, NULL, b, NULL, 100, 0));
	told("where", lseek(a, 0, SEEK_CUR));
	told("close", close(a));
	told("close", close(b));
	told_content("a", "a");
	told_content("b", "b");
}

static void mapped(void)
{
	char *map;
	int fd = open_new("file", 0);

	write_at(fd, 0, 20000);
	map = mmap(NULL, 20000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		told("mmap", -1);
		return;
	}
	told_bytes("mapped", map, 20000);
	memcpy(map + 10000, "through memory", 14);
	told("msync", msync(map, 20000, MS_SYNC));
	read_at(fd, 9990, 40);
	write_at(fd, 5, 5);
	told_bytes("mapped", map, 100);
	memcpy(map + 15000, "without a sync", 14);
	told("close", close(fd));
	told("munmap", munmap(map, 20000));
	told_content("file", "file");
	fd = open("file", O_RDONLY | O_CLOEXEC);
	map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	told_text("private: %s", map == MAP_FAILED ? "no" : "yes");
	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	told_text("shared to write, read only: %s",
	          map == MAP_FAILED ? strerrorname_np(errno) : "yes");
	close(fd);
}

static void map_survives_unlink(void)
{
	char *map;
	int fd = open_new("file", 0);

	write_at(fd, 0, 8192);
	map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		told("mmap", -1);
		return;
	}
	told("unlink", unlink("file"));
	memcpy(map + 4000, "still here", 10);
	told("msync", msync(map, 8192, MS_SYNC));
	read_at(fd, 3990, 30);
	told("munmap", munmap(map, 8192));
	told("close", close(fd));
}

static void direct(void)
{
	void *buf = NULL;
	int fd = open_new("file", O_DIRECT);

	if (fd < 0 || posix_memalign(&buf, 4096, 8192))
		return;
	put_pattern(buf, 8192, 3);
	told("write", pwrite(fd, buf, 8192, 4096));
	memset(buf, 0, 8192);
	told("read", pread(fd, buf, 8192, 4096));
	told_bytes("bytes", buf, 8192);
	told("close", close(fd));
	told_content("file", "file");
	free(buf);
}

/* Many small files, as an archive brings them. */
static void small_files(void)
{
	char name[20];
	char content[40];

	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		snprintf(content, sizeof(content), "content of %d", i);
		make_file(name, content);
	}
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		told_stat(name, name);
		told_content(name, name);
	}
	for (int i = 0; i < 200; i += 2) {
		snprintf(name, sizeof(name), "f%d", i);
		make_file(name, "again, with another length");
		told_stat(name, name);
		told_content(name, name);
	}
}

const struct scenario data_scenarios[] = {
	{ "offsets", offsets, ANYONE },
	{ "holes", holes, ANYONE },
	{ "beyond_4g", beyond_4g, ANYONE },
	{ "sequence", sequence, ANYONE },
	{ "vectors", vectors, ANYONE },
	{ "truncating", truncating, ANYONE },
	{ "wrong_way", wrong_way, ANYONE },
	{ "appending", appending, ANYONE },
	{ "two_appenders", two_appenders, ANYONE },
	{ "two_handles", two_handles, ANYONE },
	{ "syncing", syncing, ANYONE },
	{ "allocating", allocating, ANYONE },
	{ "seeking", seeking, ANYONE },
	{ "copying", copying, ANYONE },
	{ "mapped", mapped, ANYONE },
	{ "map_survives_unlink", map_survives_unlink, ANYONE },
	{ "direct", direct, ANYONE },
	{ "small_files", small_files, ANYONE },
	{ 0 },
};
