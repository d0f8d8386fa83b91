/*
 * machines: handlers for the root: look up, create, delete, rename machines.
 *
 * The kernel holds the root's lock while a mkdir, rmdir or rename is with us,
 * and with it every other look at the root. So these check, start the work and
 * wait for LIFECYCLE_PATIENCE_MS at the most.
 */
#ifndef ORBFS_FS_MACHINES_H
#define ORBFS_FS_MACHINES_H

#include "fs/dir.h"

/* See struct dir_kind. */
void machines_lookup(struct request *rq);
void machines_ready(struct request *rq, slot_fn *done);
bool machines_next(struct fs *fs, const struct node *dir,
                   struct dir_name *name);
void machines_mkdir(struct request *rq);
void machines_rmdir(struct request *rq);
void machines_unlink(struct request *rq);
void machines_rename(struct request *rq, const char *new_name, unsigned flags);

#endif
