/*
 * zstd: walk over the frames and blocks of a file by their sizes.
 *
 * Pure. Every step goes forward by at least three bytes, so the walk ends.
 */
#include "ops/zstd.h"

#include <errno.h>
#include <stdbool.h>

enum { MAGIC_LEN = 4, BLOCK_HEADER_LEN = 3, CHECKSUM_LEN = 4 };
enum { BLOCK_RLE = 1, BLOCK_RESERVED = 3 };

#define MAGIC UINT32_C(0xfd2fb528)
#define SKIPPABLE UINT32_C(0x184d2a50) /* to ...5f */

struct walk {
	zstd_read_fn *read;
	void *arg;
	uint64_t at;
	uint64_t size;
};

/* Take a number of n bytes, the lowest first. */
static int take(struct walk *w, size_t n, uint32_t *value)
{
	unsigned char data[4];
	ssize_t got;

	if (w->size - w->at < n)
		return -ENODATA;
	got = w->read(w->arg, w->at, data, n);
	if (got < 0)
		return (int)got;
	if ((size_t)got < n)
		return -ENODATA;
	*value = 0;
	for (size_t i = n; i-- > 0;)
		*value = *value << 8 | data[i];
	w->at += n;
	return 0;
}

static int skip(struct walk *w, uint64_t n)
{
	if (w->size - w->at < n)
		return -ENODATA;
	w->at += n;
	return 0;
}

/* The blocks of a frame, up to the one that says it is the last. */
static int skip_blocks(struct walk *w)
{
	uint32_t header = 0;
	int err = 0;

	while (!err && !(header & 1)) {
		err = take(w, BLOCK_HEADER_LEN, &header);
		if (!err && (header >> 1 & 3) == BLOCK_RESERVED)
			err = -EINVAL;
		if (!err)
			err = skip(w, (header >> 1 & 3) == BLOCK_RLE
			                      ? 1
			                      : header >> 3);
	}
	return err;
}

static int skip_frame(struct walk *w)
{
	/* Bytes, by the bits of the descriptor. */
	static const unsigned char dictionary[] = { 0, 1, 2, 4 };
	static const unsigned char content[] = { 0, 2, 4, 8 };
	uint32_t descriptor = 0;
	int err = take(w, 1, &descriptor);
	bool single;
	unsigned n;

	if (err)
		return err;
	if (descriptor & 1 << 3)
		return -EINVAL;
	single = descriptor >> 5 & 1;
	n = content[descriptor >> 6];
	if (single && n == 0)
		n = 1;
	err = skip(w, !single + dictionary[descriptor & 3] + n);
	if (!err)
		err = skip_blocks(w);
	if (!err && descriptor & 1 << 2)
		err = skip(w, CHECKSUM_LEN);
	return err;
}

static int skip_skippable(struct walk *w)
{
	uint32_t len = 0;
	int err = take(w, 4, &len);

	return err ? err : skip(w, len);
}

int zstd_check(zstd_read_fn *read, void *arg, uint64_t size)
{
	struct walk w = { .read = read, .arg = arg, .size = size };
	uint32_t magic = 0;
	int err = 0;

	if (size == 0)
		return -ENODATA;
	while (!err && w.at < size) {
		err = take(&w, MAGIC_LEN, &magic);
		if (err)
			break;
		if (magic == MAGIC)
			err = skip_frame(&w);
		else if ((magic & ~UINT32_C(15)) == SKIPPABLE)
			err = skip_skippable(&w);
		else
			err = -EINVAL;
	}
	return err;
}
