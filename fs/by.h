/*
 * by: .by, the machines in groups: by state, distribution and architecture.
 *
 *	ls ~/vms/.by/state/running
 *
 * A group holds a symbolic link to each of its machines. Those by state are all
 * there, be they empty; the others come and go with the machines.
 */
#ifndef ORBFS_FS_BY_H
#define ORBFS_FS_BY_H

#include "fs/dir.h"

/* See struct dir_kind. In .by/state and the like: */
void by_lookup_group(struct request *rq);
bool by_next_group(struct fs *fs, const struct node *dir,
                   struct dir_name *name);
/* In a group: */
void by_lookup(struct request *rq);
bool by_next(struct fs *fs, const struct node *dir, struct dir_name *name);

#endif
