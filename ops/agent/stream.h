/*
 * stream: frames in on one descriptor, frames out on another.
 *
 * Both directions are buffered in memory of fixed size and neither waits,
 * except stream_room: who makes output faster than it is taken away waits
 * there.
 *
 *	while (stream_next(s, &h, &body) > 0) {
 *		p = stream_room(s, WIRE_HEADER + n);
 *		...
 *		stream_commit(s, WIRE_HEADER + n);
 *	}
 *	stream_flush(s);
 */
#ifndef ORBFS_OPS_AGENT_STREAM_H
#define ORBFS_OPS_AGENT_STREAM_H

#include <sys/types.h>

#include "ops/wire.h"

enum {
	STREAM_FRAME_MAX = WIRE_HEADER + WIRE_BODY_MAX,
	STREAM_READ = 1 << 16,  /* asked for at once, unless a frame is long */
	STREAM_FULL = 1 << 18,  /* output beyond this is sent without delay */
	STREAM_STUCK = 1 << 19, /* beyond this no request is taken up */
	STREAM_IN_SIZE = STREAM_FRAME_MAX + STREAM_READ,
	STREAM_PASS_MIN = 1 << 16, /* of a file, to be worth passing it on */
	STREAM_OUT_SIZE = 2 * STREAM_FRAME_MAX,
};

struct stream {
	int in;
	int out;
	bool broken;       /* nobody takes the output any more */
	unsigned char *ib; /* STREAM_IN_SIZE: [ipos, iend) is to be read */
	size_t ipos;
	size_t iend;
	unsigned char *ob; /* STREAM_OUT_SIZE: [opos, oend) is to be sent */
	size_t opos;
	size_t oend;
	int spare[2]; /* a pipe of our own, empty between requests; or -1 */
};

/* Takes the descriptors over: they no longer block, pipes grow. */
int stream_open(struct stream *s, int in, int out);
void stream_close(struct stream *s);

/* Read once. 0: something came; -EAGAIN: nothing is there; -EPIPE: the end. */
int stream_fill(struct stream *s);
/*
 * The next frame that is there in full: 1; its body lies in the buffer until
 * the next stream_fill. 0: not here yet. -EBADMSG: there will be none.
 */
int stream_next(struct stream *s, struct wire_header *h, struct wire_in *body);

/* How much is to be sent. */
size_t stream_pending(const struct stream *s);
/* Room for n bytes, at most STREAM_FRAME_MAX, at the end of the output. Waits
 * for the output to be taken when there is none. A broken stream has room. */
unsigned char *stream_room(struct stream *s, size_t n);
/* The first n bytes of the room belong to the output now. */
void stream_commit(struct stream *s, size_t n);
/*
 * Parts of files on their way to the output without passing through our memory:
 *
 *	n = stream_take(s, fd, offset, size);
 *	if (n >= 0) {
 *		commit a header that announces n bytes
 *		stream_pass(s, n);
 *	}
 *
 * stream_take says how many bytes it has: less than asked for only at the end
 * of the file. A negative errno means nothing but that it is to be read.
 */
ssize_t stream_take(struct stream *s, int fd, uint64_t offset, size_t size);
void stream_pass(struct stream *s, size_t n);
/* Send what is taken without waiting. */
void stream_flush(struct stream *s);

#endif
