/*
 * view: what the kernel is shown of a node.
 *
 * The attributes of machines' directories, control files and all else that is
 * ours; a guest's files have theirs in fs/attr.h, and come through here, too.
 */
#ifndef ORBFS_FS_VIEW_H
#define ORBFS_FS_VIEW_H

#include <sys/stat.h>

#include "fs/entry.h"

struct fs;
struct node;

/* What the node's text is made from. Borrows all of it. */
struct view view_of(struct fs *fs, const struct node *node);
/* What stat shows, as far as it is known without asking. */
void view_attr(struct fs *fs, const struct node *node, struct stat *st);
/* How long the kernel may keep a node's name and attributes, in seconds. */
void view_timeouts(struct fs *fs, const struct node *node, double *entry_s,
                   double *attr_s);

#endif
