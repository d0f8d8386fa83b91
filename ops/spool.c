/*
 * spool: the newest bytes of an output, in an unlinked temporary file.
 *
 * Owns the file. The byte with offset o lies at position o % max of the file,
 * so a full spool overwrites its oldest bytes in place and the file never
 * grows beyond max. Invariants:
 *
 * 1. start <= end and end - start <= max: what lies between can be read.
 * 2. A byte counts (end) only once it was written, so a file system that is
 *    full loses new bytes and never shows wrong ones.
 *
 * The file has no name from the start where the platform can do that, else it
 * loses it at once. Reads and writes go to the page cache and are not counted
 * as waiting.
 */
#include "ops/spool.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SPOOL_PATH_MAX = 4096 };

struct spool {
	unsigned refs;
	int fd; /* -1 until the first byte */
	uint64_t max;
	uint64_t start;
	uint64_t end;
	uint64_t lost;
};

struct spool *spool_new(uint64_t max)
{
	struct spool *spool = calloc(1, sizeof(*spool));

	assert(max > 0);
	if (!spool)
		return NULL;
	spool->refs = 1;
	spool->fd = -1;
	spool->max = max;
	return spool;
}

struct spool *spool_ref(struct spool *spool)
{
	spool->refs++;
	return spool;
}

void spool_unref(struct spool *spool)
{
	if (!spool || --spool->refs > 0)
		return;
	if (spool->fd >= 0)
		close(spool->fd);
	free(spool);
}

/* A new file without a name, in dir. Returns its descriptor or a negative
 * errno. */
static int spool_file(const char *dir)
{
	char path[SPOOL_PATH_MAX];
	int n, fd;

#ifdef O_TMPFILE
	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
		/* Not every file system can. If it is for another reason, the next
	 * attempt fails with that reason. */
#endif
	n = snprintf(path, sizeof(path), "%s/orbfs.XXXXXX", dir);
	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	unlink(path);
	return fd;
}

static int spool_open(struct spool *spool)
{
	const char *dir = getenv("TMPDIR");
	int fd;

	if (spool->fd >= 0)
		return 0;
	/* A relative one would depend on where we are. */
	fd = spool_file(dir && dir[0] == '/' ? dir : "/tmp");
	if (fd < 0)
		return fd;
	spool->fd = fd;
	return 0;
}

/* How many of len bytes at this offset lie side by side in the file. */
static size_t spool_span(const struct spool *spool, uint64_t offset,
                         uint64_t len)
{
	uint64_t to_wrap = spool->max - offset % spool->max;

	return (size_t)(len < to_wrap ? len : to_wrap);
}

/* Write one span and count what was written. Returns that, or a negative
 * errno. */
static ssize_t spool_write(struct spool *spool, const char *p, size_t len)
{
	ssize_t n;

	do
		n = pwrite(spool->fd, p, spool_span(spool, spool->end, len),
		           (off_t)(spool->end % spool->max));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (n == 0)
		return -EIO;
	spool->end += (uint64_t)n;
	if (spool->end - spool->start > spool->max)
		spool->start = spool->end - spool->max;
	return n;
}

int spool_add(struct spool *spool, const void *data, size_t len)
{
	const char *p = data;
	ssize_t n;

	if (len == 0)
		return 0;
	n = spool_open(spool);
	if (n == 0 && len > spool->max) {
		/* All that is there and the head of this would be overwritten
		 * before anyone could read it. */
		p += len - spool->max;
		spool->end += len - spool->max;
		spool->start = spool->end;
		len = (size_t)spool->max;
	}
	while (n >= 0 && len > 0) {
		n = spool_write(spool, p, len);
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
	spool->lost += len;
	return n < 0 ? (int)n : 0;
}

uint64_t spool_start(const struct spool *spool)
{
	return spool->start;
}

uint64_t spool_end(const struct spool *spool)
{
	return spool->end;
}

uint64_t spool_lost(const struct spool *spool)
{
	return spool->lost;
}

ssize_t spool_read(struct spool *spool, uint64_t offset, void *data, size_t len)
{
	char *p = data;
	size_t done = 0;
	ssize_t n;

	if (offset < spool->start)
		offset = spool->start;
	if (offset >= spool->end)
		return 0;
	if (len > spool->end - offset)
		len = (size_t)(spool->end - offset);
	while (done < len) {
		n = pread(spool->fd, p + done,
		          spool_span(spool, offset + done, len - done),
		          (off_t)((offset + done) % spool->max));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0) /* shorter than what we wrote */
			return -EIO;
		done += (size_t)n;
	}
	return (ssize_t)done;
}
