/*
 * lookup: what a name below files/ leads to.
 *
 * A valid listing of the directory answers without the guest. Who misses one
 * for the second time has the directory listed: who asks for one name in there
 * may ask for all of them.
 */
#ifndef ORBFS_FS_LOOKUP_H
#define ORBFS_FS_LOOKUP_H

#include "fs/request.h"

/* tree_enter, with the target of what is a symbolic link. */
struct file *lookup_enter(struct file *dir, const char *name,
                          const struct wire_attr *attr, const char *target);

/* rq->node is the directory, rq->text the name. */
void lookup_lookup(struct request *rq);
/* rq->node is a symbolic link: where it leads, as fs/link.h shows it. */
void lookup_readlink(struct request *rq);

#endif
