/*
 * told: print results so that two runs can be compared line by line.
 *
 * Everything goes to stdout, which the parent has made a file. An errno is
 * printed by its name, since it is read by people.
 */
#include "tests/files/told.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

enum { NAMES_MAX = 4096 };

long told(const char *what, long result)
{
	int err = errno;

	if (result == -1)
		printf("%s: %s\n", what, strerrorname_np(err));
	else
		printf("%s: %ld\n", what, result);
	errno = err;
	return result;
}

int told_fd(const char *what, int fd)
{
	int err = errno;

	printf("%s: %s\n", what, fd < 0 ? strerrorname_np(err) : "open");
	errno = err;
	return fd;
}

void told_text(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

static void put_stat(const char *what, const struct stat *st)
{
	static const char types[] = "?pc?d?b?-?l?s???";
	bool dir = S_ISDIR(st->st_mode);

	printf("%s: %c%04o links %lu owner %u:%u", what,
	       types[st->st_mode >> 12 & 15], st->st_mode & 07777u,
	       (unsigned long)st->st_nlink, st->st_uid, st->st_gid);
	/* The size of a directory is its file system's affair. */
	if (!dir)
		printf(" size %lld", (long long)st->st_size);
	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode))
		printf(" device %u:%u", major(st->st_rdev), minor(st->st_rdev));
	putchar('\n');
}

void told_stat(const char *what, const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		told(what, -1);
	else
		put_stat(what, &st);
}

void told_fstat(const char *what, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		told(what, -1);
	else
		put_stat(what, &st);
}

static bool differ(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec || a->tv_nsec != b->tv_nsec;
}

void told_times(const char *what, const char *path, struct stat *before)
{
	struct stat st;

	if (lstat(path, &st) < 0) {
		told(what, -1);
		return;
	}
	printf("%s:%s%s\n", what,
	       differ(&st.st_mtim, &before->st_mtim) ? " modified" : "",
	       differ(&st.st_ctim, &before->st_ctim) ? " changed" : "");
	*before = st;
}

void told_exact_times(const char *what, const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0) {
		told(what, -1);
		return;
	}
	printf("%s: %lld.%09ld %lld.%09ld\n", what,
	       (long long)st.st_atim.tv_sec, st.st_atim.tv_nsec,
	       (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

void told_same(const char *what, const char *a, const char *b)
{
	struct stat x;
	struct stat y;

	if (lstat(a, &x) < 0 || lstat(b, &y) < 0)
		told(what, -1);
	else
		printf("%s: %s\n", what,
		       x.st_ino == y.st_ino && x.st_dev == y.st_dev
		               ? "the same"
		               : "not the same");
}

/* FNV-1a. */
static uint64_t sum(uint64_t h, const unsigned char *p, size_t len)
{
	while (len--)
		h = (h ^ *p++) * UINT64_C(1099511628211);
	return h;
}

void told_bytes(const char *what, const void *data, size_t len)
{
	printf("%s: %zu bytes, sum %016llx\n", what, len,
	       (unsigned long long)sum(UINT64_C(14695981039346656037), data,
	                               len));
}

void told_content(const char *what, const char *path)
{
	static unsigned char block[65536];
	uint64_t h = UINT64_C(14695981039346656037);
	unsigned long long len = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = -1;

	while (fd >= 0 && (n = read(fd, block, sizeof(block))) > 0) {
		h = sum(h, block, (size_t)n);
		len += (size_t)n;
	}
	if (n < 0)
		told(what, -1);
	else
		printf("%s: %llu bytes, sum %016llx\n", what, len,
		       (unsigned long long)h);
	if (fd >= 0)
		close(fd);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *describe(DIR *dir, const struct dirent *e)
{
	struct stat st;
	bool dots = !strcmp(e->d_name, ".") || !strcmp(e->d_name, "..");
	const char *inode = "";
	char *text = NULL;

	if (fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		inode = " (cannot be looked at)";
	else if (!dots && st.st_ino != e->d_ino)
		inode = " (has another inode)";
	else if (e->d_type != DT_UNKNOWN && e->d_type != st.st_mode >> 12)
		inode = " (is of another type)";
	if (asprintf(&text, "%s%s", e->d_name, inode) < 0)
		abort();
	return text;
}

void told_dir(const char *what, const char *path)
{
	char *names[NAMES_MAX];
	size_t n = 0;
	DIR *dir = opendir(path);
	struct dirent *e;

	if (!dir) {
		told(what, -1);
		return;
	}
	while (errno = 0, n < NAMES_MAX && (e = readdir(dir)))
		names[n++] = describe(dir, e);
	if (errno)
		told(what, -1);
	closedir(dir);
	qsort(names, n, sizeof(names[0]), compare_names);
	printf("%s: %zu names:", what, n);
	for (size_t i = 0; i < n; i++) {
		printf(" %s", names[i]);
		free(names[i]);
	}
	putchar('\n');
}

void make_file(const char *path, const char *content)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 ||
	    write(fd, content, strlen(content)) != (ssize_t)strlen(content))
		told(path, -1);
	if (fd >= 0 && close(fd) < 0)
		told(path, -1);
}

void make_dir(const char *path)
{
	if (mkdir(path, 0755) < 0)
		told(path, -1);
}

static bool is_later(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec > b->tv_sec ||
	       (a->tv_sec == b->tv_sec && a->tv_nsec > b->tv_nsec);
}

void let_time_pass(void)
{
	struct timespec start;
	struct timespec now;

	/* What the kernel stamps a file with is the time of its last tick, or
	 * of a stamp that it gave after that: it is behind the clock, and by
	 * more than a tick where ticks come late. */
	clock_gettime(CLOCK_REALTIME, &start);
	do {
		nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
		clock_gettime(CLOCK_REALTIME_COARSE, &now);
	} while (!is_later(&now, &start));
}

static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *place)
{
	(void)st;
	(void)type;
	if (place->level > 0 && remove(path) < 0)
		told(path, -1);
	return 0;
}

void remove_all(void)
{
	(void)nftw(".", remove_one, 8, FTW_DEPTH | FTW_PHYS);
}
