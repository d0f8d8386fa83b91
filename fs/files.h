/*
 * files: a machine's own file system, below its files/.
 *
 * struct files stands between one machine and the kernel: the guest (its
 * agent), the tree (what is known of its files), and what is open. It is made
 * when somebody looks at files/ for the first time and goes with the last node
 * after the machine has gone.
 *
 * What the kernel asks has a file for each kind: fs/lookup.c, fs/attr.c,
 * fs/xattr.c, fs/names.c, fs/readdir.c, fs/open.c, fs/lock.c, fs/statfs.c. A
 * handler there begins with call_begin (fs/call.h), which waits for the machine
 * if there is no agent yet, and goes on in a function that asks the guest. That
 * is all the waiting there is. What the guest tells unasked is in fs/changes.c.
 */
#ifndef ORBFS_FS_FILES_H
#define ORBFS_FS_FILES_H

#include "cache/index.h"
#include "cache/tree.h"
#include "fs/attr.h"
#include "fs/idmap.h"
#include "fs/readdir.h"
#include "fs/request.h"
#include "ops/guest.h"

struct files {
	struct fs *fs;
	struct member *m; /* referred to */
	struct guest *guest;
	struct tree *tree;
	uint64_t salt; /* makes inode numbers of machines differ */
	struct walk walk;
	struct idmap idmap;
	struct attr_root root;
};

/* Set up fs->files, empty. */
void files_index_init(struct index *index);
/* For a lookup of files/: the node becomes the root of the guest. 0, -ENOMEM
 */
int files_attach(struct fs *fs, struct node *node);
/* What the node of a guest's file belongs to. Borrowed. */
struct files *files_of(const struct node *node);
/* The machine is about to stop or to go. */
void files_hang_up(struct fs *fs, const struct member *m);
/* It has another name. What is open stays so. */
void files_renamed(struct fs *fs, const struct member *m);
/* It has gone. */
void files_drop(struct fs *fs, const struct member *m);
/* At the end of everything. */
void files_drop_all(struct fs *fs);

#endif
