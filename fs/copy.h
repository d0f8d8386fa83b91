/*
 * copy: from a file of one machine into a file of another one.
 *
 * What copy_file_range(2) asks for between two machines. The kernel would do it
 * by itself, with one small piece under way at a time; here the reads from the
 * one and the writes to the other go on side by side, at the speed of the slower
 * machine. A small file is left to the kernel, which finds all of it in what
 * came with the open, and need not wait for its write. Within one machine its
 * agent copies, see open_copy.
 */
#ifndef ORBFS_FS_COPY_H
#define ORBFS_FS_COPY_H

struct request;

enum {
	COPY_PIECE = 1 << 20, /* bytes of one read and one write */
	COPY_PIECES = 8,      /* under way at once */
	COPY_MOST = 64 << 20, /* bytes of one request */
};

/*
 * From rq->open to rq->to, both open: offset, to_offset and length are those of
 * rq->call. Answers with the number of bytes from the start that were copied,
 * which is less than was asked for where the file ends, where something failed
 * later, or beyond COPY_MOST; with an error where nothing was copied, -EXDEV if
 * it is the kernel's. Behind that number further pieces may have been written
 * already.
 */
void copy_between(struct request *rq);
/* The request fails because of rq->to, so that is what is told of. */
void copy_fail_target(struct request *rq, int err);

#endif
