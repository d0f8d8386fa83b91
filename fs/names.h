/*
 * names: make, link, remove and move names below files/.
 *
 * rq->node is the directory, rq->text the name. What we change is entered into
 * the tree when the guest has done it, also when nobody waits for the answer
 * any more; the guest does not tell us of our own changes.
 */
#ifndef ORBFS_FS_NAMES_H
#define ORBFS_FS_NAMES_H

#include "fs/request.h"

/* rq->call has mode and rdev. -EEXIST */
void names_mkdir(struct request *rq);
void names_mknod(struct request *rq);
/* Behind the name's NUL is the target. */
void names_symlink(struct request *rq);
/* rq->other is the file. -EXDEV: it is not of this machine. */
void names_link(struct request *rq);
/* pid is who asks, for fs/guard.h. */
void names_remove(struct request *rq, bool directory, pid_t pid);
/* rq->other is the new directory, and behind the name's NUL is the new name;
 * rq->call.flags are WIRE_RENAME_*. -EXDEV: not of this machine. */
void names_rename(struct request *rq);

/* ---- for a file that is made by opening it ---- */

/* Say in rq->call who will own what is made; and, when the guest can be asked,
 * say it in the guest's numbers. */
void names_set_owner(struct request *rq);
void names_map_owner(struct request *rq);
/* The guest has made rq->text: enter it, and return its node, referred to.
 * NULL: the request has failed. */
struct node *names_made(struct request *rq, const struct wire_attr *attr,
                        const char *target);

#endif
