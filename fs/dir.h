/*
 * dir: listings of the root, of machines and of the directories in them.
 *
 * The order is that of the entries' table, then of the machines' coming; the
 * offset of a machine is its cookie, so a listing goes on rightly whatever came
 * and went since the part before.
 */
#ifndef ORBFS_FS_DIR_H
#define ORBFS_FS_DIR_H

#include "fs/request.h"

/* The root's listing waits for the list, as long as fleet_get does. */
void dir_open(struct request *rq, const struct fuse_file_info *fi);
/* rq->size and rq->offset say which part. plus: with attributes. */
void dir_read(struct request *rq, bool plus);

#endif
