/*
 * lock: advisory locks below files/, which the guest's own processes see, too.
 *
 * All need rq->open. rq->call has the type, the owner, and of a part of a file
 * the offset and, as its length, the last byte; and flag: wait for it. One that
 * waits and is interrupted gives up.
 */
#ifndef ORBFS_FS_LOCK_H
#define ORBFS_FS_LOCK_H

#include "fs/request.h"

/* As the wire counts them. */
enum lock_type { LOCK_SHARED, LOCK_EXCLUSIVE, LOCK_NONE };

/* -EAGAIN: another has it. -EINTR: nobody waits for it any more. */
void lock_setlk(struct request *rq);
/* The same of the whole file. */
void lock_flock(struct request *rq);
/* Who has one that is in the way of that? */
void lock_getlk(struct request *rq);

#endif
