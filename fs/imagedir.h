/*
 * imagedir: .images, what machines can be made of.
 *
 *	mkdir ~/vms/.images/debian/bookworm/web		a machine of that image
 *	mkdir ~/vms/.images/machines/web/copy		a clone of a machine
 *
 * An image's directory holds a symbolic link to each of its machines. Below
 * machines/ there is a directory for each machine, which stays empty.
 */
#ifndef ORBFS_FS_IMAGEDIR_H
#define ORBFS_FS_IMAGEDIR_H

#include "fs/dir.h"

/* See struct dir_kind. In .images, and in a distribution: */
void imagedir_ready(struct request *rq, slot_fn *done);
void imagedir_lookup_distro(struct request *rq);
bool imagedir_next_distro(struct fs *fs, const struct node *dir,
                          struct dir_name *name);
void imagedir_lookup_version(struct request *rq);
bool imagedir_next_version(struct fs *fs, const struct node *dir,
                           struct dir_name *name);
/* In an image, which is a distribution where that has no versions: */
void imagedir_lookup_machine(struct request *rq);
bool imagedir_next_machine(struct fs *fs, const struct node *dir,
                           struct dir_name *name);
void imagedir_mkdir(struct request *rq);
/* In .images/machines: */
void imagedir_lookup_source(struct request *rq);
bool imagedir_next_source(struct fs *fs, const struct node *dir,
                          struct dir_name *name);
/* In .images/machines/web: */
void imagedir_clone(struct request *rq);

#endif
