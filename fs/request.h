/*
 * request: one question of the kernel, answered exactly once.
 *
 *	rq = request_new(fs, fuse, node);
 *	if (!rq)
 *		return;			it is answered already
 *	fleet_get(fs->fleet, on_list, rq);	the tail
 *
 * Every request_reply_* and request_fail takes the request: it is answered and
 * gone. One that was interrupted is answered with EINTR at once and stays, so
 * that whoever holds it can end it by the same call, which answers nothing
 * then. The strings of a handler's arguments die with the handler; what must
 * outlive it is copied here.
 */
#ifndef ORBFS_FS_REQUEST_H
#define ORBFS_FS_REQUEST_H

#ifndef FUSE_USE_VERSION
#define FUSE_USE_VERSION 312
#endif
#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stddef.h>

#include "fs/node.h"
#include "ops/guest.h"
#include "ops/run.h"

struct fs;
struct handle;
struct open_file;
struct request;

typedef void request_interrupt_fn(struct request *rq);

struct request {
	struct fs *fs;
	struct node *node;     /* referred to; may be NULL */
	struct handle *handle; /* referred to; may be NULL */
	char *text;            /* a name or what was written; owned */
	size_t len;
	size_t size; /* wanted by a read, or written */
	uint64_t offset;
	struct fuse_file_info fi; /* of an open */
	bool stream; /* of an open: reads and writes have no position */
	/* Below files/: */
	struct node *other;      /* of a link or rename; referred to */
	struct open_file *open;  /* referred to */
	struct open_file *to;    /* of a copy; referred to */
	struct listing *listing; /* for a readdir; referred to */
	struct guest_call call;  /* what the guest is asked */
	char *path;              /* in call; owned */
	uint64_t moves;          /* of directories, when it was put together */
	unsigned n_again;        /* how often they made it another one */
	uint32_t asked;          /* a lock, for guest_cancel */
	bool changes_names;      /* in node, and in other: see fs/tell.h */
	bool has_second;         /* name, behind text */
	int err;                 /* that it was answered with, or 0 */
	bool plus;               /* a readdir with attributes */
	void (*listed)(struct request *rq, int err);
	/* Go on with this when what it waits for is there. */
	void (*go)(struct request *rq);
	struct request *next_waiting;
	/* For a read or write that waits for a script. */
	struct run *run; /* referred to; may be NULL */
	struct run_watch watch;

	/* Private. */
	fuse_req_t fuse; /* NULL: answered */
	uint64_t born_ms;
	request_interrupt_fn *on_interrupt;
	request_interrupt_fn *on_timeout;
	pid_t caller;
	struct alarm *doubt; /* interrupted, but not asked to stop: look again */
	struct request *next;
	struct request **at;
};

/* NULL: it was interrupted or there is no memory, and is answered so. */
struct request *request_new(struct fs *fs, fuse_req_t fuse, struct node *node);
/* Copy a name, or the bytes of a write, into rq->text. false: no memory; the
 * request is gone. */
bool request_keep(struct request *rq, const void *text, size_t len);
/* The same for a second name, behind the first; NULL when there is none. */
bool request_keep_second(struct request *rq, const char *name);
const char *request_second(const struct request *rq);
/* Hold a handle for as long as the request. */
void request_hold(struct request *rq, struct handle *handle);
/* Interrupted: nobody waits for the answer any more. */
bool request_is_answered(const struct request *rq);
/* Call fn when it is interrupted, after it was answered. The request must not
 * be ended in there unless nobody else will. */
void request_on_interrupt(struct request *rq, request_interrupt_fn *fn);
/* The same when it was answered with ETIMEDOUT, since the kernel's patience is
 * at its end (fs_spec.patience_ms). Without it, that is an interrupt. */
void request_on_timeout(struct request *rq, request_interrupt_fn *fn);

/* err is a negative errno. */
void request_fail(struct request *rq, int err);
/* The same with a line for the machine's error, or for .orbfs/error where there
 * is no machine. */
void request_refuse(struct request *rq, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void request_reply_done(struct request *rq);
/* The same, as soon as the kernel has forgotten what it knows of rq->node. */
void request_reply_told(struct request *rq);
/* A lookup's answer; takes the caller's reference to the node. */
void request_reply_entry(struct request *rq, struct node *node);
void request_reply_attr(struct request *rq);
/* Takes handle, which the kernel then holds until release. */
void request_reply_open(struct request *rq, struct handle *handle);
/* The same with rq->fi as it is, and as the answer to a create, taking the
 * reference to the node. false: nobody has got it. */
bool request_reply_fi(struct request *rq);
bool request_reply_create(struct request *rq, struct node *node);
/* There is no such name, and the kernel may remember that. */
void request_reply_no_entry(struct request *rq, double timeout_s);
void request_reply_readlink(struct request *rq, const char *target);
void request_reply_statfs(struct request *rq, const struct statvfs *st);
void request_reply_xattr_size(struct request *rq, size_t size);
void request_reply_seek(struct request *rq, off_t offset);
void request_reply_lock(struct request *rq, const struct flock *lock);
void request_reply_data(struct request *rq, const void *data, size_t len);
void request_reply_poll(struct request *rq, unsigned events);
void request_reply_write(struct request *rq, size_t len);

/* Answer all that wait, without ending them; for the end of everything. */
void requests_fail_all(struct fs *fs, int err);
/* Let go of the clock. */
void requests_end(struct fs *fs);

#endif
