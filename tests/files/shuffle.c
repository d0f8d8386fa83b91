/*
 * shuffle: random operations, the same in two directories, compared each time.
 *
 *	shuffle [-s SEED] [-n OPERATIONS] [-p PROCESSES] [-e EVERY]
 *		DIRECTORY DIRECTORY
 *
 * Processes run side by side, each with a subtree of its own; with more than
 * two of them the last two share one and take turns. After each operation its
 * result, errno and data have to be the same on both sides, and after every
 * EVERY operations all of both subtrees. The first difference ends it: the
 * seed, the number of the process and its last operations are printed, and the
 * same seed and number of processes do the same again.
 *
 * Names are few, so that operations meet. Everything happens far below the
 * directory that was given, since links may lead some levels up.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

enum {
	SIDES = 2,
	SLOTS = 4,
	LEVELS = 16, /* above where it happens */
	PATH = 128,
	DATA = 150000, /* most bytes of one read or write */
	SIZE = 400000, /* most bytes of a file */
	LAST = 30,     /* operations that are shown, of those that succeeded */
	TEXT = 200,
};

/* What one operation came to, on one side. */
struct result {
	long value;
	int err;
	uint64_t sum; /* of what it has read */
	char text[TEXT];
};

/* What it is done with, drawn once for both sides. */
struct args {
	char a[PATH];
	char b[PATH];
	unsigned slot;
	unsigned other;
	off_t offset;
	size_t len;
	unsigned flags;
	mode_t mode;
	unsigned number;
};

struct side {
	int base;
	int slots[SLOTS];
};

struct world {
	uint64_t random;
	struct side sides[SIDES];
	char *data;
	char *buf;
	unsigned long n;
	unsigned long n_last;
	char last[LAST][2 * PATH + 80];
	uint64_t seed;
	int id;
	int turn; /* a lock that gives it, or -1 */
};

/* ---- chance ---- */

/* splitmix64 */
static uint64_t next_random(struct world *w)
{
	uint64_t x = w->random += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static unsigned below(struct world *w, unsigned n)
{
	return (unsigned)(next_random(w) % n);
}

static void draw_path(struct world *w, char *to)
{
	static const char *const dirs[] = { "d", "e" };
	static const char *const names[] = { "f", "h", "i", "j", "d", "e" };
	static const unsigned depths[] = { 0, 0, 0, 1, 1, 1, 2, 3 };
	unsigned depth = depths[below(w, 8)];
	size_t len = 0;

	for (unsigned i = 0; i < depth; i++)
		len += (size_t)snprintf(to + len, PATH - len, "%s/",
		                        dirs[below(w, 2)]);
	snprintf(to + len, PATH - len, "%s", names[below(w, 6)]);
}

static void draw(struct world *w, struct args *a)
{
	static const mode_t modes[] = { 0644, 0755, 0600,  0777,
		                        0,    0444, 04755, 02755 };

	draw_path(w, a->a);
	draw_path(w, a->b);
	a->slot = below(w, SLOTS);
	a->other = below(w, SLOTS);
	a->offset = below(w, 4) ? below(w, SIZE / 4) : below(w, SIZE);
	a->len = below(w, 3) ? below(w, 5000) : below(w, DATA);
	a->flags = (unsigned)next_random(w);
	a->mode = modes[below(w, 8)];
	a->number = below(w, 1000000);
}

/* ---- results ---- */

static uint64_t sum_of(const void *data, size_t len)
{
	const unsigned char *p = data;
	uint64_t h = UINT64_C(14695981039346656037);

	while (len--)
		h = (h ^ *p++) * UINT64_C(1099511628211);
	return h;
}

static void done(struct result *r, long value)
{
	r->value = value;
	r->err = value < 0 ? errno : 0;
}

static void done_data(struct result *r, ssize_t n, const void *data)
{
	done(r, n);
	if (n > 0)
		r->sum = sum_of(data, (size_t)n);
}

static void say(struct result *r, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(r->text, sizeof(r->text), format, args);
	va_end(args);
}

/* A moment that somebody has set is the same on both sides. */
static void say_time(char *to, size_t size, const struct stat *st)
{
	const struct timespec *t = &st->st_mtim;

	/* What goes through a FIFO does not concern its file system. */
	if (t->tv_sec < 1000000000 && !S_ISFIFO(st->st_mode))
		snprintf(to, size, "%lld.%09ld", (long long)t->tv_sec,
		         t->tv_nsec);
	else
		snprintf(to, size, "now");
}

static void done_stat(struct result *r, int status, const struct stat *st)
{
	char modified[40];
	bool dir = S_ISDIR(st->st_mode);

	done(r, status);
	if (status < 0)
		return;
	say_time(modified, sizeof(modified), st);
	say(r, "mode %o links %lu owner %u:%u size %lld at %s", st->st_mode,
	    (unsigned long)st->st_nlink, st->st_uid, st->st_gid,
	    dir ? 0LL : (long long)st->st_size, modified);
}

/* ---- operations on names ---- */

static void do_stat(struct world *w, struct side *s, const struct args *a,
                    struct result *r)
{
	struct stat st;
	int status = fstatat(s->base, a->a, &st,
	                     a->flags & 1 ? AT_SYMLINK_NOFOLLOW : 0);

	(void)w;
	done_stat(r, status, &st);
}

static void do_open(struct world *w, struct side *s, const struct args *a,
                    struct result *r)
{
	static const int ways[] = { O_RDONLY, O_WRONLY, O_RDWR, O_RDWR };
	int flags = ways[a->flags & 3];
	int fd;

	(void)w;
	flags |= a->flags & 4 ? O_CREAT : 0;
	flags |= a->flags & 8 ? O_CREAT : 0;
	flags |= (a->flags & 0x30) == 0x30 ? O_EXCL & -!!(flags & O_CREAT) : 0;
	flags |= (a->flags & 0xc0) == 0xc0 ? O_TRUNC : 0;
	flags |= (a->flags & 0x300) == 0x300 ? O_APPEND : 0;
	flags |= (a->flags & 0x1c00) == 0x1c00 ? O_NOFOLLOW : 0;
	flags |= (a->flags & 0x1e000) == 0x1e000 ? O_SYNC : 0;
	/* A FIFO must not be waited for. */
	fd = openat(s->base, a->a, flags | O_NONBLOCK | O_CLOEXEC, a->mode);
	done(r, fd < 0 ? -1 : 0);
	if (fd < 0)
		return;
	if (s->slots[a->slot] >= 0)
		close(s->slots[a->slot]);
	s->slots[a->slot] = fd;
}

static void do_mkdir(struct world *w, struct side *s, const struct args *a,
                     struct result *r)
{
	(void)w;
	done(r, mkdirat(s->base, a->a, a->mode | 0700));
}

static void do_rmdir(struct world *w, struct side *s, const struct args *a,
                     struct result *r)
{
	(void)w;
	done(r, unlinkat(s->base, a->a, AT_REMOVEDIR));
}

static void do_unlink(struct world *w, struct side *s, const struct args *a,
                      struct result *r)
{
	(void)w;
	done(r, unlinkat(s->base, a->a, 0));
}

static void do_rename(struct world *w, struct side *s, const struct args *a,
                      struct result *r)
{
	static const unsigned flags[] = { 0,
		                          0,
		                          0,
		                          0,
		                          0,
		                          RENAME_NOREPLACE,
		                          RENAME_EXCHANGE,
		                          RENAME_EXCHANGE };

	(void)w;
	done(r, renameat2(s->base, a->a, s->base, a->b, flags[a->flags & 7]));
}

static void do_link(struct world *w, struct side *s, const struct args *a,
                    struct result *r)
{
	(void)w;
	done(r, linkat(s->base, a->a, s->base, a->b, 0));
}

static void do_symlink(struct world *w, struct side *s, const struct args *a,
                       struct result *r)
{
	char target[PATH + 4];

	(void)w;
	snprintf(target, sizeof(target), "%s%s", a->flags & 1 ? "../" : "",
	         a->b);
	done(r, symlinkat(target, s->base, a->a));
}

static void do_readlink(struct world *w, struct side *s, const struct args *a,
                        struct result *r)
{
	done_data(r, readlinkat(s->base, a->a, w->buf, PATH), w->buf);
}

static void do_mknod(struct world *w, struct side *s, const struct args *a,
                     struct result *r)
{
	(void)w;
	done(r, mknodat(s->base, a->a,
	                (a->flags & 1 ? S_IFIFO : S_IFREG) | a->mode, 0));
}

static void do_chmod(struct world *w, struct side *s, const struct args *a,
                     struct result *r)
{
	(void)w;
	done(r, fchmodat(s->base, a->a, a->mode, 0));
}

static void do_chown(struct world *w, struct side *s, const struct args *a,
                     struct result *r)
{
	(void)w;
	done(r, fchownat(s->base, a->a, a->number % 5, a->number % 3,
	                 a->flags & 1 ? AT_SYMLINK_NOFOLLOW : 0));
}

static void do_times(struct world *w, struct side *s, const struct args *a,
                     struct result *r)
{
	struct timespec t[2] = {
		{ .tv_sec = a->number, .tv_nsec = (long)a->len },
		{ .tv_sec = a->number + 1, .tv_nsec = (long)a->offset },
	};

	(void)w;
	if ((a->flags & 6) == 6)
		t[a->flags >> 3 & 1].tv_nsec = UTIME_OMIT;
	done(r, utimensat(s->base, a->a, t,
	                  a->flags & 1 ? AT_SYMLINK_NOFOLLOW : 0));
}

/* There is no truncateat. */
static void do_cut(struct world *w, struct side *s, const struct args *a,
                   struct result *r)
{
	char path[PATH + 40];

	(void)w;
	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", s->base, a->a);
	done(r, truncate(path, a->offset));
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names of a directory in order, or -1. The caller frees them. */
static int names_of(int dir_fd, char *names[], int most)
{
	DIR *dir = fdopendir(dir_fd);
	const struct dirent *e;
	int n = 0;

	if (!dir)
		return -1;
	while (n < most && (e = readdir(dir)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			names[n++] = strdup(e->d_name);
	closedir(dir);
	qsort(names, (size_t)n, sizeof(names[0]), compare_names);
	return n;
}

static void do_list(struct world *w, struct side *s, const struct args *a,
                    struct result *r)
{
	char *names[64];
	size_t len = 0;
	int fd = openat(s->base, a->a, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int n = fd < 0 ? -1 : names_of(fd, names, 64);

	(void)w;
	done(r, n);
	for (int i = 0; i < n; i++) {
		if (len < TEXT)
			len += (size_t)snprintf(r->text + len, TEXT - len,
			                        "%s ", names[i]);
		free(names[i]);
	}
}

static void x_path(const struct side *s, const struct args *a, char *to,
                   size_t size)
{
	snprintf(to, size, "/proc/self/fd/%d/%s", s->base, a->a);
}

static void do_set_x(struct world *w, struct side *s, const struct args *a,
                     struct result *r)
{
	char path[PATH + 40];
	char name[20];

	x_path(s, a, path, sizeof(path));
	snprintf(name, sizeof(name), "user.x%u", a->number % 4);
	if (a->flags & 8)
		done(r, setxattr(path, name, w->data, a->len % 500,
		                 (int)(a->flags % 3)));
	else
		done(r, removexattr(path, name));
}

static void do_get_x(struct world *w, struct side *s, const struct args *a,
                     struct result *r)
{
	char path[PATH + 40];
	char name[20];

	x_path(s, a, path, sizeof(path));
	snprintf(name, sizeof(name), "user.x%u", a->number % 4);
	if (a->flags & 1)
		done(r, getxattr(path, name, NULL, 0));
	else
		done_data(r, getxattr(path, name, w->buf, 300), w->buf);
}

/* ---- operations on open files ---- */

static void do_close(struct world *w, struct side *s, const struct args *a,
                     struct result *r)
{
	(void)w;
	done(r, close(s->slots[a->slot]));
	s->slots[a->slot] = -1;
}

static void do_pread(struct world *w, struct side *s, const struct args *a,
                     struct result *r)
{
	done_data(r, pread(s->slots[a->slot], w->buf, a->len, a->offset),
	          w->buf);
}

static void do_read(struct world *w, struct side *s, const struct args *a,
                    struct result *r)
{
	done_data(r, read(s->slots[a->slot], w->buf, a->len), w->buf);
}

static void do_pwrite(struct world *w, struct side *s, const struct args *a,
                      struct result *r)
{
	done(r, pwrite(s->slots[a->slot], w->data + a->number % 1000, a->len,
	               a->offset));
}

static void do_write(struct world *w, struct side *s, const struct args *a,
                     struct result *r)
{
	done(r, write(s->slots[a->slot], w->data + a->number % 1000, a->len));
}

static void do_seek(struct world *w, struct side *s, const struct args *a,
                    struct result *r)
{
	static const int whence[] = { SEEK_SET, SEEK_SET, SEEK_END, SEEK_CUR };
	off_t offset = a->offset;
	struct stat st;

	(void)w;
	/* Where a directory ends is its file system's affair. */
	if (fstat(s->slots[a->slot], &st) == 0 && S_ISDIR(st.st_mode)) {
		done(r, 0);
		return;
	}
	/* Nobody is led far beyond the end. */
	if (a->flags & 2)
		offset = -(off_t)(a->len % 100);
	done(r, lseek(s->slots[a->slot], offset, whence[a->flags & 3]));
}

static void do_fstat(struct world *w, struct side *s, const struct args *a,
                     struct result *r)
{
	struct stat st;

	(void)w;
	done_stat(r, fstat(s->slots[a->slot], &st), &st);
}

static void do_ftruncate(struct world *w, struct side *s, const struct args *a,
                         struct result *r)
{
	(void)w;
	done(r, ftruncate(s->slots[a->slot], a->offset));
}

static void do_fchmod(struct world *w, struct side *s, const struct args *a,
                      struct result *r)
{
	struct stat st;

	(void)w;
	/* Only what is open in the guest is reached without a name, and that
	 * is neither a directory nor a FIFO. */
	if (fstat(s->slots[a->slot], &st) == 0 && !S_ISREG(st.st_mode) &&
	    st.st_nlink == 0)
		done(r, 0);
	else
		done(r, fchmod(s->slots[a->slot], a->mode));
}

static void do_fsync(struct world *w, struct side *s, const struct args *a,
                     struct result *r)
{
	(void)w;
	done(r, a->flags & 1 ? fsync(s->slots[a->slot])
	                     : fdatasync(s->slots[a->slot]));
}

static void do_fallocate(struct world *w, struct side *s, const struct args *a,
                         struct result *r)
{
	static const int modes[] = {
		0,
		FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_ZERO_RANGE,
	};

	(void)w;
	done(r, fallocate(s->slots[a->slot], modes[a->flags & 3], a->offset,
	                  (off_t)a->len));
}

static void do_copy(struct world *w, struct side *s, const struct args *a,
                    struct result *r)
{
	loff_t from = a->offset / 2;
	loff_t to = a->offset;

	(void)w;
	done(r, copy_file_range(s->slots[a->slot], &from, s->slots[a->other],
	                        &to, a->len, 0));
}

static void do_map(struct world *w, struct side *s, const struct args *a,
                   struct result *r)
{
	int fd = s->slots[a->slot];
	struct stat st;
	size_t at;
	size_t len;
	char *map;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0) {
		done(r, 0);
		return;
	}
	at = (size_t)a->offset % (size_t)st.st_size;
	len = (size_t)st.st_size - at;
	len = len < a->len ? len : a->len;
	map = mmap(NULL, (size_t)st.st_size,
	           a->flags & 1 ? PROT_READ | PROT_WRITE : PROT_READ,
	           MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		done(r, -1);
		return;
	}
	if (a->flags & 1)
		memcpy(map + at, w->data, len);
	done_data(r, (ssize_t)len, map + at);
	if (a->flags & 2)
		(void)msync(map, (size_t)st.st_size, MS_SYNC);
	munmap(map, (size_t)st.st_size);
}

/* ---- the table ---- */

enum uses { ONE_PATH = 1, TWO_PATHS = 2, A_SLOT = 4 };

static const struct op {
	const char *name;
	unsigned weight;
	unsigned uses;
	void (*run)(struct world *w, struct side *s, const struct args *a,
	            struct result *r);
} ops[] = {
	{ "stat", 12, ONE_PATH, do_stat },
	{ "open", 20, ONE_PATH | A_SLOT, do_open },
	{ "close", 5, A_SLOT, do_close },
	{ "mkdir", 8, ONE_PATH, do_mkdir },
	{ "rmdir", 3, ONE_PATH, do_rmdir },
	{ "unlink", 6, ONE_PATH, do_unlink },
	{ "rename", 8, TWO_PATHS, do_rename },
	{ "link", 5, TWO_PATHS, do_link },
	{ "symlink", 3, TWO_PATHS, do_symlink },
	{ "readlink", 2, ONE_PATH, do_readlink },
	{ "mknod", 2, ONE_PATH, do_mknod },
	{ "chmod", 3, ONE_PATH, do_chmod },
	{ "chown", 3, ONE_PATH, do_chown },
	{ "utimens", 3, ONE_PATH, do_times },
	{ "truncate", 4, ONE_PATH, do_cut },
	{ "list", 6, ONE_PATH, do_list },
	{ "setxattr", 3, ONE_PATH, do_set_x },
	{ "getxattr", 3, ONE_PATH, do_get_x },
	{ "pread", 12, A_SLOT, do_pread },
	{ "read", 8, A_SLOT, do_read },
	{ "pwrite", 12, A_SLOT, do_pwrite },
	{ "write", 8, A_SLOT, do_write },
	{ "lseek", 5, A_SLOT, do_seek },
	{ "fstat", 6, A_SLOT, do_fstat },
	{ "ftruncate", 4, A_SLOT, do_ftruncate },
	{ "fchmod", 2, A_SLOT, do_fchmod },
	{ "fsync", 1, A_SLOT, do_fsync },
	{ "fallocate", 2, A_SLOT, do_fallocate },
	{ "copy", 2, A_SLOT, do_copy },
	{ "mmap", 4, A_SLOT, do_map },
};

static const struct op *draw_op(struct world *w)
{
	const size_t n = sizeof(ops) / sizeof(ops[0]);
	unsigned all = 0;
	unsigned chosen;

	for (size_t i = 0; i < n; i++)
		all += ops[i].weight;
	chosen = below(w, all);
	for (size_t i = 0; i < n; i++) {
		if (chosen < ops[i].weight)
			return &ops[i];
		chosen -= ops[i].weight;
	}
	return ops;
}

/* ---- differences ---- */

static void fail(const struct world *w, const char *what)
{
	unsigned long from = w->n_last >= LAST ? w->n_last - LAST + 1 : 0;

	flockfile(stdout);
	printf("*** process %d, seed %llu, operation %lu: %s\n", w->id,
	       (unsigned long long)w->seed, w->n, what);
	for (unsigned long i = from; i <= w->n_last; i++)
		printf("    %s\n", w->last[i % LAST]);
	funlockfile(stdout);
	fflush(stdout);
	_exit(1);
}

static void describe(unsigned long number, const struct op *op,
                     const struct args *a, char *to, size_t size)
{
	int n = snprintf(to, size, "%lu %s", number, op->name);

	if (op->uses & (ONE_PATH | TWO_PATHS))
		n += snprintf(to + n, size - (size_t)n, " %s", a->a);
	if (op->uses & TWO_PATHS)
		n += snprintf(to + n, size - (size_t)n, " %s", a->b);
	if (op->uses & A_SLOT)
		n += snprintf(to + n, size - (size_t)n,
		              " slot %u (%u) offset %lld len %zu", a->slot,
		              a->other, (long long)a->offset, a->len);
	snprintf(to + n, size - (size_t)n, " flags %x mode %o", a->flags,
	         a->mode);
}

static void put_result(char *to, size_t size, const struct result *r)
{
	snprintf(to, size, "%ld %s sum %llx %s", r->value,
	         r->err ? strerrorname_np(r->err) : "",
	         (unsigned long long)r->sum, r->text);
}

static bool same(const struct result *a, const struct result *b)
{
	return a->value == b->value && a->err == b->err && a->sum == b->sum &&
	       !strcmp(a->text, b->text);
}

static void step(struct world *w)
{
	struct args a;
	const struct op *op = draw_op(w);
	struct result r[SIDES];
	char *line = w->last[w->n_last % LAST];
	char text[2][TEXT + 100];
	char both[2 * sizeof(text[0]) + 20];

	draw(w, &a);
	describe(w->n, op, &a, line, sizeof(w->last[0]));
	for (int i = 0; i < SIDES; i++) {
		r[i] = (struct result){ 0 };
		op->run(w, &w->sides[i], &a, &r[i]);
	}
	if (!same(&r[0], &r[1])) {
		for (int i = 0; i < SIDES; i++)
			put_result(text[i], sizeof(text[i]), &r[i]);
		snprintf(both, sizeof(both), "%s; but %s", text[0], text[1]);
		fail(w, both);
	}
	/* What failed has changed nothing, and would fill the list. */
	if (r[0].value < 0)
		return;
	snprintf(line + strlen(line), sizeof(w->last[0]) - strlen(line),
	         " -> %ld", r[0].value);
	w->last[++w->n_last % LAST][0] = '\0';
}

/* ---- whole trees ---- */

struct story {
	FILE *to;
	char *text;
	size_t len;
	ino_t inodes[4096]; /* in the order they are met */
	size_t n;
};

/* Files with several names: which was met before? */
static size_t number_of(struct story *s, ino_t ino)
{
	size_t i = 0;

	while (i < s->n && s->inodes[i] != ino)
		i++;
	if (i == s->n && s->n < 4096)
		s->inodes[s->n++] = ino;
	return i;
}

static void tell_content(struct story *s, struct world *w, int dir,
                         const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	uint64_t h = 0;
	ssize_t n = -1;

	while (fd >= 0 && (n = read(fd, w->buf, DATA)) > 0)
		h = h * 31 + sum_of(w->buf, (size_t)n);
	fprintf(s->to, " content %llx%s", (unsigned long long)h,
	        n < 0 ? " cannot be read" : "");
	if (fd >= 0)
		close(fd);
}

static void tell_xattrs(struct story *s, struct world *w, int dir,
                        const char *name)
{
	char path[300];

	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dir, name);
	for (int i = 0; i < 4; i++) {
		char x[20];
		ssize_t n;

		snprintf(x, sizeof(x), "user.x%d", i);
		n = lgetxattr(path, x, w->buf, 1000);
		if (n >= 0)
			fprintf(s->to, " %s %llx", x,
			        (unsigned long long)sum_of(w->buf, (size_t)n));
		else if (errno != ENODATA && errno != EOPNOTSUPP)
			fprintf(s->to, " %s: %s", x, strerrorname_np(errno));
	}
}

static void tell_file(struct story *s, struct world *w, int dir,
                      const char *name)
{
	struct result r = { 0 };
	struct stat st;
	ssize_t n;

	done_stat(&r, fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW), &st);
	fprintf(s->to, "%s: %s", name, r.err ? strerrorname_np(r.err) : r.text);
	if (r.err) {
		fprintf(s->to, "\n");
		return;
	}
	fprintf(s->to, " file %zu", number_of(s, st.st_ino));
	if (S_ISREG(st.st_mode))
		tell_content(s, w, dir, name);
	if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
		tell_xattrs(s, w, dir, name);
	n = S_ISLNK(st.st_mode) ? readlinkat(dir, name, w->buf, PATH) : -1;
	if (n >= 0)
		fprintf(s->to, " to %.*s", (int)n, w->buf);
	fprintf(s->to, "\n");
}

static void tell_dir(struct story *s, struct world *w, int dir)
{
	char *names[64];
	int n = names_of(dup(dir), names, 64);

	for (int i = 0; i < n; i++) {
		int sub;

		tell_file(s, w, dir, names[i]);
		sub = openat(dir, names[i],
		             O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub >= 0) {
			fprintf(s->to, "in %s:\n", names[i]);
			tell_dir(s, w, sub);
			fprintf(s->to, "out\n");
			close(sub);
		}
		free(names[i]);
	}
}

static void compare_trees(struct world *w)
{
	struct story *s = calloc(SIDES, sizeof(*s));
	char text[1200];

	if (!s)
		abort();
	for (int i = 0; i < SIDES; i++) {
		int top = openat(w->sides[i].base, ".",
		                 O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		s[i].to = open_memstream(&s[i].text, &s[i].len);
		tell_dir(&s[i], w, top);
		fclose(s[i].to);
		close(top);
	}
	if (strcmp(s[0].text, s[1].text) != 0) {
		size_t at = 0;

		while (s[0].text[at] == s[1].text[at])
			at++;
		while (at > 0 && s[0].text[at - 1] != '\n')
			at--;
		snprintf(text, sizeof(text),
		         "the trees differ:\n< %.*s\n> %.*s",
		         (int)strcspn(s[0].text + at, "\n"), s[0].text + at,
		         (int)strcspn(s[1].text + at, "\n"), s[1].text + at);
		fail(w, text);
	}
	for (int i = 0; i < SIDES; i++)
		free(s[i].text);
	free(s);
}

/* ---- processes ---- */

struct options {
	uint64_t seed;
	unsigned long n;
	unsigned long every;
	int processes;
	const char *dirs[SIDES];
};

/* The directory where it happens, made if it is not there. */
static int open_base(const char *dir, const char *name)
{
	int at = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	for (int i = 0; i < LEVELS && at >= 0; i++) {
		int next;

		if (mkdirat(at, i ? "x" : name, 0755) < 0 && errno != EEXIST)
			break;
		next = openat(at, i ? "x" : name,
		              O_PATH | O_DIRECTORY | O_CLOEXEC);
		close(at);
		at = next;
	}
	return at;
}

static void world_init(struct world *w, const struct options *o, int id,
                       int turn)
{
	bool shares = o->processes > 2 && id >= o->processes - 2;
	char name[20];

	*w = (struct world){ .seed = o->seed, .id = id, .turn = -1 };
	w->random = o->seed * 1000003 + (uint64_t)id;
	w->turn = shares ? turn : -1;
	w->data = malloc(DATA + 1000);
	w->buf = malloc(DATA);
	if (!w->data || !w->buf)
		abort();
	for (size_t i = 0; i < DATA + 1000; i++)
		w->data[i] = (char)next_random(w);
	snprintf(name, sizeof(name), shares ? "shared" : "p%d", id);
	for (int i = 0; i < SIDES; i++) {
		w->sides[i].base = open_base(o->dirs[i], name);
		if (w->sides[i].base < 0)
			fail(w, strerror(errno));
		for (int j = 0; j < SLOTS; j++)
			w->sides[i].slots[j] = -1;
	}
}

static void run(const struct options *o, int id, int turn)
{
	static struct world w;

	/* Of a FIFO whose reader has gone. */
	signal(SIGPIPE, SIG_IGN);
	world_init(&w, o, id, turn);
	for (w.n = 0; w.n < o->n; w.n++) {
		if (w.turn >= 0)
			(void)flock(w.turn, LOCK_EX);
		step(&w);
		if ((w.n + 1) % o->every == 0)
			compare_trees(&w);
		if (w.turn >= 0)
			(void)flock(w.turn, LOCK_UN);
	}
	printf("process %d: %lu of %lu operations succeeded\n", id, w.n_last,
	       w.n);
	fflush(stdout);
	_exit(0);
}

/* Each its own description, so that they are kept apart. */
static int open_turn(const char *path)
{
	return open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

static int run_all(const struct options *o)
{
	char turn[] = "/tmp/shuffle.XXXXXX";
	int made = mkostemp(turn, O_CLOEXEC);
	int failed = 0;

	fflush(stdout);
	for (int i = 0; i < o->processes; i++) {
		pid_t child = fork();

		if (child == 0)
			run(o, i, open_turn(turn));
		failed += child < 0;
	}
	for (int i = 0; i < o->processes; i++) {
		int status = -1;

		if (wait(&status) > 0 && status == 0)
			continue;
		failed++;
		if (WIFSIGNALED(status))
			printf("*** a process was ended by signal %d\n",
			       WTERMSIG(status));
	}
	close(made);
	unlink(turn);
	return failed;
}

int main(int argc, char **argv)
{
	struct options o = { .n = 20000, .every = 500, .processes = 4 };
	int option;

	o.seed = (uint64_t)time(NULL);
	while ((option = getopt(argc, argv, "s:n:p:e:")) != -1) {
		if (option == 's')
			o.seed = strtoull(optarg, NULL, 10);
		else if (option == 'n')
			o.n = strtoul(optarg, NULL, 10);
		else if (option == 'p')
			o.processes = (int)strtol(optarg, NULL, 10);
		else if (option == 'e')
			o.every = strtoul(optarg, NULL, 10);
		else
			return 2;
	}
	if (argc - optind != SIDES || o.processes < 1 || o.every < 1) {
		fprintf(stderr, "usage: shuffle [-s SEED] [-n OPERATIONS] "
		                "[-p PROCESSES] [-e EVERY] "
		                "DIRECTORY DIRECTORY\n");
		return 2;
	}
	o.dirs[0] = argv[optind];
	o.dirs[1] = argv[optind + 1];
	printf("seed %llu, %d processes of %lu operations\n",
	       (unsigned long long)o.seed, o.processes, o.n / o.processes);
	o.n /= (unsigned long)o.processes;
	return run_all(&o) ? 1 : 0;
}
