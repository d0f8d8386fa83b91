/*
 * stream: frames in on one descriptor, frames out on another.
 *
 * Owns the two buffers. Small frames are read many at a time; of a long one
 * the rest is read exactly, so that it ends where the buffer does and nothing
 * behind it has to be moved. Output collects until the input is drained or
 * STREAM_FULL is reached and is then written in one piece.
 *
 * Invariants: ipos <= iend <= STREAM_IN_SIZE, opos <= oend <= STREAM_OUT_SIZE.
 */
#include "ops/agent/stream.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Files are read, then. */
static void no_spare(struct stream *s)
{
	for (int i = 0; i < 2; i++)
		if (s->spare[i] >= 0)
			close(s->spare[i]);
	s->spare[0] = s->spare[1] = -1;
}

int stream_open(struct stream *s, int in, int out)
{
	*s = (struct stream){ .in = in, .out = out, .spare = { -1, -1 } };
	s->ib = malloc(STREAM_IN_SIZE);
	s->ob = malloc(STREAM_OUT_SIZE);
	if (!s->ib || !s->ob) {
		stream_close(s);
		return -ENOMEM;
	}
	/* Neither is needed to work: what is no pipe has no size of one. */
	(void)fcntl(in, F_SETPIPE_SZ, 1 << 20);
	(void)fcntl(out, F_SETPIPE_SZ, 1 << 20);
	if (pipe2(s->spare, O_NONBLOCK | O_CLOEXEC) < 0 ||
	    fcntl(s->spare[1], F_SETPIPE_SZ, WIRE_DATA_MAX) < WIRE_DATA_MAX)
		no_spare(s);
	if (fcntl(in, F_SETFL, fcntl(in, F_GETFL) | O_NONBLOCK) < 0 ||
	    fcntl(out, F_SETFL, fcntl(out, F_GETFL) | O_NONBLOCK) < 0) {
		stream_close(s);
		return -EBADF;
	}
	return 0;
}

void stream_close(struct stream *s)
{
	no_spare(s);
	free(s->ib);
	free(s->ob);
	s->ib = s->ob = NULL;
}

/* The size of the frame that begins at ipos, or 0 while its header is not
 * complete. A broken one counts as a header; stream_next will say so. */
static size_t frame_size(const struct stream *s)
{
	struct wire_header h;

	if (s->iend - s->ipos < WIRE_HEADER)
		return 0;
	if (!wire_get_header(s->ib + s->ipos, &h))
		return WIRE_HEADER;
	return WIRE_HEADER + (size_t)h.size;
}

int stream_fill(struct stream *s)
{
	size_t have = s->iend - s->ipos;
	size_t frame = frame_size(s);
	size_t want = STREAM_READ;
	ssize_t n;

	if (frame > have + STREAM_READ)
		want = frame - have;
	if (have == 0 || STREAM_IN_SIZE - s->iend < want) {
		memmove(s->ib, s->ib + s->ipos, have);
		s->ipos = 0;
		s->iend = have;
	}
	do
		n = read(s->in, s->ib + s->iend, want);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -EAGAIN : -EPIPE;
	if (n == 0)
		return -EPIPE;
	s->iend += (size_t)n;
	return 0;
}

int stream_next(struct stream *s, struct wire_header *h, struct wire_in *body)
{
	size_t have = s->iend - s->ipos;

	if (have < WIRE_HEADER)
		return 0;
	if (!wire_get_header(s->ib + s->ipos, h))
		return -EBADMSG;
	if (have - WIRE_HEADER < h->size)
		return 0;
	*body = (struct wire_in){ .data = s->ib + s->ipos + WIRE_HEADER,
		                  .len = h->size };
	s->ipos += WIRE_HEADER + h->size;
	return 1;
}

size_t stream_pending(const struct stream *s)
{
	return s->oend - s->opos;
}

void stream_flush(struct stream *s)
{
	while (!s->broken && s->opos < s->oend) {
		ssize_t n = write(s->out, s->ob + s->opos, s->oend - s->opos);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			s->broken = true;
		else
			s->opos += (size_t)n;
	}
	s->opos = s->oend = 0;
}

unsigned char *stream_room(struct stream *s, size_t n)
{
	struct pollfd out = { .fd = s->out, .events = POLLOUT };

	while (STREAM_OUT_SIZE - s->oend < n) {
		size_t pending;

		stream_flush(s);
		pending = stream_pending(s);
		memmove(s->ob, s->ob + s->opos, pending);
		s->opos = 0;
		s->oend = pending;
		if (STREAM_OUT_SIZE - s->oend < n)
			(void)poll(&out, 1, -1);
	}
	return s->ob + s->oend;
}

void stream_commit(struct stream *s, size_t n)
{
	s->oend += n;
	if (stream_pending(s) >= STREAM_FULL)
		stream_flush(s);
}

/* ---- passing on ---- */

/* Empty the pipe of our own into memory: to where it will be sent from, or
 * away. There are n bytes in it. */
static void drain_spare(struct stream *s, size_t n, bool keep)
{
	while (n > 0) {
		size_t part = n < STREAM_READ ? n : STREAM_READ;
		unsigned char *to = stream_room(s, part);
		ssize_t got = read(s->spare[0], to, part);

		assert(got > 0); /* it is ours, and they are there */
		if (keep)
			stream_commit(s, (size_t)got);
		n -= (size_t)got;
	}
}

/*
 * The pages of the file are put into a pipe first, not at once into the output,
 * since how many there are, and whether the disk can read them, has to be known
 * before the header goes out. From one pipe to the other they are only moved.
 * A page for each slot of the pipe is what has room, so a part has to begin
 * where a page does.
 */
ssize_t stream_take(struct stream *s, int fd, uint64_t offset, size_t size)
{
	off_t at = (off_t)offset;
	size_t have = 0;

	if (s->spare[0] < 0 || size < STREAM_PASS_MIN || offset % 4096 != 0 ||
	    size > WIRE_DATA_MAX || offset > INT64_MAX - WIRE_DATA_MAX)
		return -EINVAL;
	while (have < size) {
		ssize_t n = splice(fd, &at, s->spare[1], NULL, size - have,
		                   SPLICE_F_NONBLOCK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int err = -errno;

			drain_spare(s, have, false);
			return err;
		}
		if (n == 0)
			break;
		have += (size_t)n;
	}
	return (ssize_t)have;
}

void stream_pass(struct stream *s, size_t n)
{
	stream_flush(s);
	while (n > 0 && stream_pending(s) == 0 && !s->broken) {
		ssize_t moved = splice(s->spare[0], NULL, s->out, NULL, n,
		                       SPLICE_F_NONBLOCK | SPLICE_F_MOVE);

		if (moved < 0 && errno == EINTR)
			continue;
		if (moved <= 0)
			break; /* full, or no pipe: by hand */
		n -= (size_t)moved;
	}
	drain_spare(s, n, true);
}
