/*
 * enginedir: .orbfs/engine, the settings of the engine itself, one value a file.
 *
 *	cat .orbfs/engine/memory_mib
 *	echo 8192 > .orbfs/engine/memory_mib
 *
 * Which there are is up to the engine; the settings of a machine are in its
 * config. Where the engine wants a restart for a change to take effect,
 * .orbfs/error says so.
 */
#ifndef ORBFS_FS_ENGINEDIR_H
#define ORBFS_FS_ENGINEDIR_H

#include "fs/dir.h"

/* See struct dir_kind. */
void enginedir_lookup(struct request *rq);
void enginedir_ready(struct request *rq, slot_fn *done);
bool enginedir_next(struct fs *fs, const struct node *dir,
                    struct dir_name *name);
/* value is what was written to rq->node. */
void enginedir_set(struct request *rq, const char *value);

#endif
