/*
 * snapdir: snapshots/, the snapshots of a machine as directories.
 *
 *	mkdir web/snapshots/before		takes one
 *	rmdir web/snapshots/before		drops it
 *	mv web/snapshots/before ~/vms/copy	makes a machine of it
 *
 * What a snapshot is says cache/snapshots.h.
 */
#ifndef ORBFS_FS_SNAPDIR_H
#define ORBFS_FS_SNAPDIR_H

#include "fs/dir.h"

/* See struct dir_kind. */
void snapdir_lookup(struct request *rq);
void snapdir_ready(struct request *rq, slot_fn *done);
bool snapdir_next(struct fs *fs, const struct node *dir, struct dir_name *name);
void snapdir_mkdir(struct request *rq);
void snapdir_rmdir(struct request *rq);
void snapdir_rename(struct request *rq, const char *new_name, unsigned flags);

/* Rename m, a machine or a snapshot, to new_name in rq->other, which is the
 * root or another snapshots/. */
void snapdir_move(struct request *rq, struct member *m, const char *new_name);

#endif
