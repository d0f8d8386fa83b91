/*
 * finder: what file managers ask for and nobody else has.
 *
 * With fs_spec.finder, .DS_Store and ._NAME are files in memory wherever they
 * are made, a guest's directories included, and so are extended attributes
 * that a guest could not keep; see fs/litter.h. Neither is ever listed or sent
 * to a guest. One that a guest has by itself, and that was seen in a listing,
 * is a file like any other.
 */
#ifndef ORBFS_FS_FINDER_H
#define ORBFS_FS_FINDER_H

#include "fs/control.h"
#include "fs/request.h"
#include "ops/buf.h"

/* Names that file managers and indexers ask for beside what is there, though
 * nobody made them. */
bool finder_is_noise(const char *name);

/* rq->node is the directory, rq->text the name. false: it is not ours, and
 * nothing was done. */
bool finder_lookup(struct request *rq);
bool finder_create(struct request *rq);
bool finder_unlink(struct request *rq);
bool finder_rename(struct request *rq, uint64_t new_parent,
                   const char *new_name);
/* It is to be made as something that is not kept in memory. */
bool finder_refuse(struct request *rq);

/* Of a file in memory: rq->node is it. */
void finder_open(struct request *rq);
void finder_read(struct request *rq);
void finder_write(struct request *rq);
void finder_setattr(struct request *rq, const struct stat *attr, int to_set);
void finder_attr(const struct node *node, struct stat *st);

/* A guest's file is gone for good. */
void finder_forget(struct fs *fs, uint64_t ino);
/* Append the names of the attributes in memory. */
void finder_list_xattrs(const struct request *rq, struct buf *names);

/* The operations; what is not kept in memory goes on to fs/below.h. */
void finder_setxattr(fuse_req_t fuse, fuse_ino_t ino, const char *name,
                     const char *value, size_t size, int flags);
void finder_getxattr(fuse_req_t fuse, fuse_ino_t ino, const char *name,
                     size_t size);
void finder_listxattr(fuse_req_t fuse, fuse_ino_t ino, size_t size);
void finder_removexattr(fuse_req_t fuse, fuse_ino_t ino, const char *name);

#endif
