/*
 * statfs: how much room there is.
 *
 * Below files/ it is that of the guest's file system; elsewhere, and for who
 * must not wait for a guest, a believable one.
 */
#ifndef ORBFS_FS_STATFS_H
#define ORBFS_FS_STATFS_H

#ifndef FUSE_USE_VERSION
#define FUSE_USE_VERSION 312
#endif
#include <fuse_lowlevel.h>

/* The operation. */
void statfs_statfs(fuse_req_t fuse, fuse_ino_t ino);

#endif
