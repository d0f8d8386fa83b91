/*
 * readdir: directories below files/: read once, whole, with all attributes.
 *
 * What was read answers the readdirs and look-ups after it, for as long as the
 * guest tells of no change. Nothing is kept of an open directory: an entry's
 * offset is the hash of its name, so a listing goes on rightly from any offset
 * whatever came and went since.
 */
#ifndef ORBFS_FS_READDIR_H
#define ORBFS_FS_READDIR_H

#include "fs/request.h"

struct files;

/* In struct files: who reads directories, and does it want more than names? All
 * zero at first. */
struct walk {
	pid_t caller;
	unsigned n;    /* directories that it has read */
	unsigned most; /* so many come with attributes */
};

/* Read rq->node's directory into the tree, if it has at most `most` entries
 * (else -EFBIG), then done(rq, err). The guest is up. */
void readdir_fetch(struct request *rq, uint32_t most,
                   void (*done)(struct request *rq, int err));

/* rq->size and rq->offset say which part. plus: with attributes. */
void readdir_readdir(struct request *rq, bool plus);
/* Somebody looked up a file that is in a listing. */
void readdir_was_short(struct files *files);

#endif
