/*
 * below: the kernel's operations on what lies below files/.
 *
 * fs.c has made the request and found that its node is a guest's file; here
 * the kernel's arguments become what fs/attr.c, fs/names.c, fs/xattr.c,
 * fs/open.c and fs/lock.c work with. Flags and numbers of the host are turned
 * into those of the wire, by name, since systems differ in them.
 */
#ifndef ORBFS_FS_BELOW_H
#define ORBFS_FS_BELOW_H

#include "fs/request.h"

/* Is this inode below files/, or files/ itself? */
bool below_is(const struct fs *fs, fuse_ino_t ino);
/* Hold what is open. */
void below_hold_file(struct request *rq, const struct fuse_file_info *fi);

void below_setattr(struct request *rq, const struct stat *attr, int to_set,
                   const struct fuse_file_info *fi);
/* rq->text is the name in all of these. */
void below_mkdir(struct request *rq, mode_t mode);
void below_mknod(struct request *rq, mode_t mode, dev_t dev);
void below_symlink(struct request *rq, const char *target);
void below_link(struct request *rq, fuse_ino_t ino);
void below_rename(struct request *rq, fuse_ino_t new_parent,
                  const char *new_name, unsigned flags);
void below_create(struct request *rq, mode_t mode);

/* The operations that only exist below files/. */
void below_fsync(fuse_req_t fuse, fuse_ino_t ino, int data_only,
                 struct fuse_file_info *fi);
void below_fsyncdir(fuse_req_t fuse, fuse_ino_t ino, int data_only,
                    struct fuse_file_info *fi);
void below_setxattr(fuse_req_t fuse, fuse_ino_t ino, const char *name,
                    const char *value, size_t size, int flags);
void below_getxattr(fuse_req_t fuse, fuse_ino_t ino, const char *name,
                    size_t size);
void below_listxattr(fuse_req_t fuse, fuse_ino_t ino, size_t size);
void below_removexattr(fuse_req_t fuse, fuse_ino_t ino, const char *name);
void below_getlk(fuse_req_t fuse, fuse_ino_t ino, struct fuse_file_info *fi,
                 struct flock *lock);
void below_setlk(fuse_req_t fuse, fuse_ino_t ino, struct fuse_file_info *fi,
                 struct flock *lock, int wait);
void below_flock(fuse_req_t fuse, fuse_ino_t ino, struct fuse_file_info *fi,
                 int op);
void below_fallocate(fuse_req_t fuse, fuse_ino_t ino, int mode, off_t offset,
                     off_t length, struct fuse_file_info *fi);
void below_lseek(fuse_req_t fuse, fuse_ino_t ino, off_t offset, int whence,
                 struct fuse_file_info *fi);
void below_copy_file_range(fuse_req_t fuse, fuse_ino_t ino_in, off_t off_in,
                           struct fuse_file_info *fi_in, fuse_ino_t ino_out,
                           off_t off_out, struct fuse_file_info *fi_out,
                           size_t len, int flags);

#endif
