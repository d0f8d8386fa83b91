/*
 * machines: handlers for the root: look up, create, delete, rename machines.
 *
 * The kernel holds the root's lock while a mkdir, rmdir or rename is with us,
 * and with it every other look at the root. So these check, start the work and
 * wait for LIFECYCLE_PATIENCE_MS at the most.
 */
#ifndef ORBFS_FS_MACHINES_H
#define ORBFS_FS_MACHINES_H

#include "fs/request.h"

/* rq->text is the name. */
void machines_lookup(struct request *rq);
void machines_mkdir(struct request *rq);
/* pid: who asks. */
void machines_rmdir(struct request *rq, pid_t pid);
/* rq->text is the old name, new_name is copied. */
void machines_rename(struct request *rq, const char *new_name);

#endif
