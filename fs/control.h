/*
 * control: handlers for control files: open, read, write, flush, release.
 *
 * A text is rendered once, at open; reads are slices of it, so they never wait
 * and one reader always sees one moment. The exceptions are outputs of scripts
 * (fs/exec.h), which may be long and may still grow.
 */
#ifndef ORBFS_FS_CONTROL_H
#define ORBFS_FS_CONTROL_H

#include "fs/request.h"
#include "ops/buf.h"

struct export;
struct fs;

enum { HANDLE_RUNS = 16, HANDLE_HELD_MAX = 16 << 20 };

/* An open control file. Requests hold it as well as the kernel does, since an
 * interrupted one may outlive the kernel's release. */
struct handle {
	struct fs *fs;
	unsigned refs;
	struct handle *next; /* among all of the file system */
	struct handle **at;
	struct node *node; /* referred to */
	char *text;        /* rendered at open, or NULL */
	size_t len;
	struct buf held;   /* written, but not complete yet */
	struct run *shown; /* NEED_RUN: whose output is read; may be NULL */
	/* exec: what was run through this very handle and is not read to its
	 * end yet, in order. */
	struct run *runs[HANDLE_RUNS];
	unsigned n_runs;
	uint64_t cursor;       /* in the first of them, or in shown */
	bool has_run;          /* reads are of these, and not of shown */
	bool stream;           /* the kernel keeps no position: cursor is it */
	bool polled;           /* at least once; see fs/poll.h */
	bool changed;          /* text is old; see fs/poll.h */
	struct export *export; /* NEED_ARCHIVE: after the first read */
	struct fuse_pollhandle *poll; /* who wait for that; may be NULL */
};

/* One for a node, with one reference. NULL: no memory. */
struct handle *handle_new(struct fs *fs, struct node *node);
struct handle *handle_ref(struct handle *handle);
/* NULL is allowed. */
void handle_unref(struct handle *handle);
/* The kernel does not release at the end of a connection: what is left goes. */
void handles_free(struct fs *fs);

void control_open(struct request *rq, const struct fuse_file_info *fi);
void control_read(struct request *rq);
/* rq->text and rq->len are what was written. */
void control_write(struct request *rq);
/* A close: what is held is complete now. */
void control_flush(struct request *rq);

#endif
