/*
 * open: open files below files/: read, write behind, close. Their locks are in
 * fs/lock.h.
 *
 * A write is answered when it was sent, as long as not too much of the file is
 * under way; that it failed is told by the next write, fsync or close. fsync
 * and close wait for all that is under way.
 */
#ifndef ORBFS_FS_OPEN_H
#define ORBFS_FS_OPEN_H

#include "fs/files.h"

enum {
	OPEN_BEHIND_MAX = 8 << 20, /* bytes of one file under way */
	OPEN_AHEAD = 128 << 10,    /* bytes that come with an open */
};

struct open_file *open_file_ref(struct open_file *of);
/* NULL is allowed. */
void open_file_unref(struct open_file *of);

/* rq->fi has the flags. */
void open_open(struct request *rq);
/* The same for a new file: rq->text is the name, rq->call has mode and owner. */
void open_create(struct request *rq);
/* The rest need rq->open. rq->size and rq->offset. */
void open_read(struct request *rq);
/* data is valid during the call. exact: not at the end, though the file was
 * opened to append; the kernel's own write of what memory holds. */
void open_write(struct request *rq, const void *data, size_t len, bool exact);
/* A close by that owner of locks. */
void open_flush(struct request *rq, uint64_t owner);
void open_fsync(struct request *rq, bool data_only);
/* It was open in an agent that is no more. */
bool open_is_lost(const struct open_file *of);
/* The kernel lets go of it. */
void open_release(struct open_file *of);
/* rq->call has mode, offset and length. */
void open_fallocate(struct request *rq);
void open_seek(struct request *rq);
/* From it to rq->to, which is of rq->other: rq->call has both offsets and the
 * length. Between machines see fs/copy.h. */
void open_copy(struct request *rq);

/* ---- for what else is done with an open file ---- */

/* Go on when rq->open is open; fail the request if it cannot be. */
void open_begin(struct request *rq, void (*go)(struct request *rq));
/* Ask the guest for rq->call about rq->open, unless that is lost meanwhile. */
void open_ask(struct request *rq, enum wire_op op, guest_fn *done);
/* The agent's handle of what is open now. 0, or why nothing can be asked of it.
 */
int open_handle(const struct open_file *of, uint64_t *handle);

size_t opens_count(const struct fs *fs);
/* All that the kernel never released; at the end. */
void opens_free(struct fs *fs);
/* A handle of a file that somebody has open, or 0. */
uint64_t open_any_handle(const struct file *file);
uint64_t open_writable_handle(const struct file *file);
bool open_is_open(const struct file *file);

#endif
