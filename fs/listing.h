/*
 * listing: directories below files/: read once, whole, with all attributes.
 *
 * An opendir asks for the listing at once and is answered meanwhile; the first
 * readdir waits for it. What was read answers the look-ups after it as well,
 * for as long as the guest tells of no change.
 */
#ifndef ORBFS_FS_LISTING_H
#define ORBFS_FS_LISTING_H

#include "fs/files.h"

struct open_dir;

/* Read rq->node's directory into the tree, if it has at most `most` entries
 * (else -EFBIG), then done(rq, err). The guest is up. */
void listing_fetch(struct request *rq, uint32_t most,
                   void (*done)(struct request *rq, int err));

void listing_opendir(struct request *rq);
/* rq->dir, rq->size, rq->offset. */
void listing_readdir(struct request *rq, bool plus);
struct open_dir *open_dir_ref(struct open_dir *dir);
/* NULL is allowed. */
void open_dir_unref(struct open_dir *dir);
/* All that the kernel never released; at the end. */
void open_dirs_free(struct fs *fs);

#endif
