/*
 * wire: numbers, texts and attributes to bytes and back.
 *
 * No memory of its own, no I/O, no assumption about the other end: whatever
 * comes is bounded and checked, and a body that does not fit what is read from
 * it is bad as a whole.
 */
#include "ops/wire.h"

#include <errno.h>
#include <string.h>

static void store(unsigned char *to, uint64_t n, int bytes)
{
	for (int i = 0; i < bytes; i++)
		to[i] = (unsigned char)(n >> (8 * i));
}

static uint64_t load(const unsigned char *from, int bytes)
{
	uint64_t n = 0;

	for (int i = 0; i < bytes; i++)
		n |= (uint64_t)from[i] << (8 * i);
	return n;
}

void wire_put_header(const struct wire_header *h, void *to)
{
	unsigned char *p = to;

	store(p, h->size, 4);
	store(p + 4, h->id, 4);
	store(p + 8, h->op, 2);
	store(p + 10, h->flags, 2);
	store(p + 12, h->err, 4);
}

bool wire_get_header(const void *from, struct wire_header *h)
{
	const unsigned char *p = from;

	h->size = (uint32_t)load(p, 4);
	h->id = (uint32_t)load(p + 4, 4);
	h->op = (uint16_t)load(p + 8, 2);
	h->flags = (uint16_t)load(p + 10, 2);
	h->err = (uint32_t)load(p + 12, 4);
	return h->size <= WIRE_BODY_MAX && h->op > 0 && h->op < WIRE_N_OPS &&
	       !(h->flags & ~(WIRE_REPLY | WIRE_MORE)) && h->err < 4096;
}

/* ---- writing ---- */

/* Room for n bytes, or NULL when it has run over. */
static unsigned char *room(struct wire_out *out, size_t n)
{
	unsigned char *p = out->data + out->len;

	if (out->over || out->size - out->len < n) {
		out->over = true;
		return NULL;
	}
	out->len += n;
	return p;
}

static void put(struct wire_out *out, uint64_t n, int bytes)
{
	unsigned char *p = room(out, (size_t)bytes);

	if (p)
		store(p, n, bytes);
}

void wire_put_u8(struct wire_out *out, uint8_t n)
{
	put(out, n, 1);
}

void wire_put_u32(struct wire_out *out, uint32_t n)
{
	put(out, n, 4);
}

void wire_put_u64(struct wire_out *out, uint64_t n)
{
	put(out, n, 8);
}

void wire_put_data(struct wire_out *out, const void *data, size_t len)
{
	unsigned char *p;

	if (len > WIRE_BODY_MAX) {
		out->over = true;
		return;
	}
	put(out, len, 4);
	p = room(out, len);
	if (p && len)
		memcpy(p, data, len);
}

void wire_put_text(struct wire_out *out, const char *text)
{
	wire_put_data(out, text, strlen(text));
}

void wire_put_time(struct wire_out *out, const struct wire_time *t)
{
	put(out, (uint64_t)t->sec, 8);
	put(out, t->nsec, 4);
}

void wire_put_attr(struct wire_out *out, const struct wire_attr *attr)
{
	put(out, attr->dev, 8);
	put(out, attr->ino, 8);
	put(out, attr->size, 8);
	put(out, attr->blocks, 8);
	put(out, attr->mode, 4);
	put(out, attr->nlink, 4);
	put(out, attr->uid, 4);
	put(out, attr->gid, 4);
	put(out, attr->rdev, 4);
	put(out, attr->blksize, 4);
	put(out, attr->flags, 4);
	put(out, attr->reserved, 4);
	wire_put_time(out, &attr->atime);
	wire_put_time(out, &attr->mtime);
	wire_put_time(out, &attr->ctime);
}

/* ---- reading ---- */

/* The next n bytes, or NULL when they are not there. */
static const unsigned char *take(struct wire_in *in, size_t n)
{
	const unsigned char *p = in->data;

	if (in->bad || in->len < n) {
		in->bad = true;
		return NULL;
	}
	in->data += n;
	in->len -= n;
	return p;
}

static uint64_t get(struct wire_in *in, int bytes)
{
	const unsigned char *p = take(in, (size_t)bytes);

	return p ? load(p, bytes) : 0;
}

uint8_t wire_get_u8(struct wire_in *in)
{
	return (uint8_t)get(in, 1);
}

uint32_t wire_get_u32(struct wire_in *in)
{
	return (uint32_t)get(in, 4);
}

uint64_t wire_get_u64(struct wire_in *in)
{
	return get(in, 8);
}

const void *wire_get_data(struct wire_in *in, size_t max, size_t *len)
{
	size_t n = wire_get_u32(in);
	const void *p;

	*len = 0;
	if (n > max)
		in->bad = true;
	p = take(in, n);
	if (p)
		*len = n;
	return p;
}

size_t wire_get_text(struct wire_in *in, char *to, size_t size)
{
	size_t len;
	const char *text = wire_get_data(in, size - 1, &len);

	if (len && memchr(text, '\0', len)) {
		in->bad = true;
		len = 0;
	}
	if (len)
		memcpy(to, text, len);
	to[len] = '\0';
	return len;
}

void wire_get_time(struct wire_in *in, struct wire_time *t)
{
	t->sec = (int64_t)get(in, 8);
	t->nsec = (uint32_t)get(in, 4);
	if (t->nsec > 999999999) {
		in->bad = true;
		t->nsec = 0;
	}
}

void wire_get_attr(struct wire_in *in, struct wire_attr *attr)
{
	attr->dev = get(in, 8);
	attr->ino = get(in, 8);
	attr->size = get(in, 8);
	attr->blocks = get(in, 8);
	attr->mode = (uint32_t)get(in, 4);
	attr->nlink = (uint32_t)get(in, 4);
	attr->uid = (uint32_t)get(in, 4);
	attr->gid = (uint32_t)get(in, 4);
	attr->rdev = (uint32_t)get(in, 4);
	attr->blksize = (uint32_t)get(in, 4);
	attr->flags = (uint32_t)get(in, 4);
	attr->reserved = (uint32_t)get(in, 4);
	wire_get_time(in, &attr->atime);
	wire_get_time(in, &attr->mtime);
	wire_get_time(in, &attr->ctime);
}

bool wire_end(const struct wire_in *in)
{
	return !in->bad && in->len == 0;
}

/* ---- errors ---- */

/* Where macOS has another number, and a guest's file system has a use for it.
 * Up to 34 the two agree, but for 11. */
static const struct {
	uint32_t linux_errno;
	int here;
} errors[] = {
	{ 11, EAGAIN },        { 35, EDEADLK },       { 36, ENAMETOOLONG },
	{ 37, ENOLCK },        { 38, ENOSYS },        { 39, ENOTEMPTY },
	{ 40, ELOOP },
#ifdef ENOATTR
	{ 61, ENOATTR },
#else
	{ 61, ENODATA },
#endif
	{ 71, EPROTO },        { 74, EBADMSG },       { 75, EOVERFLOW },
	{ 84, EILSEQ },        { 88, ENOTSOCK },      { 95, EOPNOTSUPP },
	{ 104, ECONNRESET },   { 105, ENOBUFS },      { 107, ENOTCONN },
	{ 110, ETIMEDOUT },    { 111, ECONNREFUSED }, { 112, EHOSTDOWN },
	{ 113, EHOSTUNREACH }, { 116, ESTALE },       { 122, EDQUOT },
	{ 125, ECANCELED },
};

int wire_errno(uint32_t err)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (errors[i].linux_errno == err)
			return errors[i].here;
#ifdef __linux__
	return (int)err;
#else
	return err <= 34 ? (int)err : EIO;
#endif
}

/* ---- names ---- */

bool wire_name_ok(const char *name, size_t len)
{
	if (len == 0 || len > WIRE_NAME_MAX || memchr(name, '/', len) ||
	    memchr(name, '\0', len))
		return false;
	return !(name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')));
}

bool wire_path_ok(const char *path)
{
	if (!*path)
		return true;
	for (;;) {
		size_t len = strcspn(path, "/");

		if (!wire_name_ok(path, len))
			return false;
		path += len;
		if (!*path)
			return true;
		path++;
	}
}
