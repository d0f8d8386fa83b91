/*
 * buf: growable bytes with a ceiling.
 *
 *	struct buf b = BUF_INIT(1 << 20);
 *	buf_printf(&b, "%s\n", name);
 *	buf_add(&b, data, len);
 *	if (b.err) ...
 *	buf_free(&b);
 *
 * A buf is valid from its initialiser on. The first failure (-ENOMEM, or
 * -EFBIG when max would be exceeded) is kept in err and every later call that
 * adds does nothing, so a rendering is checked once, at its end. data is
 * always followed by a NUL that len does not count, and is never NULL once
 * something was added successfully.
 */
#ifndef ORBFS_OPS_BUF_H
#define ORBFS_OPS_BUF_H

#include <stdarg.h>
#include <stddef.h>

struct buf {
	char *data;
	size_t len;
	size_t cap;
	size_t max; /* bytes that len never exceeds */
	int err;    /* 0 or the first failure */
};

#define BUF_INIT(ceiling)                                                      \
	{                                                                      \
		.max = (ceiling)                                               \
	}

/* Append len bytes. Returns b->err. */
int buf_add(struct buf *b, const void *data, size_t len);
/* Append a string without its NUL. Returns b->err. */
int buf_adds(struct buf *b, const char *s);
int buf_printf(struct buf *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Make room for len more bytes and return where they go; NULL on failure. The
 * caller adds to b->len what it really wrote there. */
char *buf_room(struct buf *b, size_t len);
/* Drop the first len bytes (len <= b->len). */
void buf_drop(struct buf *b, size_t len);
/* Empty it, keep the memory, clear err. */
void buf_reset(struct buf *b);
/* The bytes become the caller's, to be freed; the buf is as new. An empty buf
 * gives an empty string; NULL when b->err is set or memory is out. */
char *buf_detach(struct buf *b, size_t *len);
/* Free the bytes; the buf is as new, its ceiling kept. */
void buf_free(struct buf *b);

#endif
