/*
 * buf: growable bytes with a ceiling.
 *
 * Owns one block of memory that doubles as it fills. Promises that the block
 * is never larger than the ceiling and a NUL, that there is a NUL behind the
 * bytes, and that the first failure sticks, so that a long rendering is checked
 * once, at its end. What the bytes mean is left to others.
 */
#include "ops/buf.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUF_FIRST = 64 };

char *buf_room(struct buf *b, size_t len)
{
	size_t need, cap;
	char *data;

	if (b->err)
		return NULL;
	/* The last condition keeps the sum below and the doubling from
	 * overflowing, whatever the ceiling. */
	if (b->len > b->max || len > b->max - b->len ||
	    len >= SIZE_MAX / 4 - b->len) {
		b->err = -EFBIG;
		return NULL;
	}
	need = b->len + len + 1;
	if (need > b->cap) {
		cap = b->cap ? b->cap : BUF_FIRST;
		while (cap < need)
			cap *= 2;
		if (cap > b->max)
			cap = b->max + 1;
		data = realloc(b->data, cap);
		if (!data) {
			b->err = -ENOMEM;
			return NULL;
		}
		b->data = data;
		b->cap = cap;
	}
	/* Whatever the caller writes, there is a NUL behind all of it. */
	b->data[b->len] = '\0';
	b->data[need - 1] = '\0';
	return b->data + b->len;
}

int buf_add(struct buf *b, const void *data, size_t len)
{
	char *room = buf_room(b, len);

	if (!room)
		return b->err;
	if (len > 0)
		memcpy(room, data, len);
	b->len += len;
	return 0;
}

int buf_adds(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s));
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	char *room;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 && !b->err)
		b->err = -EINVAL;
	room = n < 0 ? NULL : buf_room(b, (size_t)n);
	if (!room)
		return b->err;
	va_start(ap, fmt);
	vsnprintf(room, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
	return 0;
}

void buf_drop(struct buf *b, size_t len)
{
	assert(len <= b->len);
	if (len == 0)
		return;
	b->len -= len;
	memmove(b->data, b->data + len, b->len);
	b->data[b->len] = '\0';
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->err = 0;
	if (b->data)
		b->data[0] = '\0';
}

char *buf_detach(struct buf *b, size_t *len)
{
	char *data = NULL;

	/* An empty buf may have no memory yet, and still is a string. */
	if (buf_room(b, 0)) {
		data = b->data;
		if (len)
			*len = b->len;
		b->data = NULL;
	}
	buf_free(b);
	return data;
}

void buf_free(struct buf *b)
{
	free(b->data);
	*b = (struct buf)BUF_INIT(b->max);
}
