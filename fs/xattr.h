/*
 * xattr: extended attributes of a guest's files.
 *
 * rq->text is the attribute's name, rq->size what fits into the answer: 0 asks
 * how long it is, and -ERANGE says that it is longer. Attributes in memory are
 * fs/finder.h's; a list has their names, too.
 */
#ifndef ORBFS_FS_XATTR_H
#define ORBFS_FS_XATTR_H

#include "fs/request.h"

/* -ENOATTR: there is none of that name. */
void xattr_getxattr(struct request *rq);
void xattr_listxattr(struct request *rq);
/* Behind the name's NUL are rq->size bytes of value; rq->call.flags says
 * whether it may, or has to, be there already. -E2BIG */
void xattr_setxattr(struct request *rq);
void xattr_removexattr(struct request *rq);

#endif
