/*
 * files: handlers below files/: a machine's own file system, one guest call
 * each.
 *
 * struct files stands between one machine and the kernel: the guest (its
 * agent), the tree (what is known of its files), and what is open. It is made
 * when somebody looks at files/ for the first time and goes with the last node
 * after the machine has gone.
 *
 * A handler begins with call_begin (fs/call.h), which waits for the machine if
 * there is no agent yet, and goes on in a function that asks the guest. That is
 * all the waiting there is.
 */
#ifndef ORBFS_FS_FILES_H
#define ORBFS_FS_FILES_H

#include "cache/index.h"
#include "cache/tree.h"
#include "fs/attr.h"
#include "fs/idmap.h"
#include "fs/request.h"
#include "ops/guest.h"

struct files;
struct open_file;

/* Who reads directories, and does it want more than names? For listing.c. */
struct walk {
	pid_t caller;
	unsigned n;    /* directories that it has read */
	unsigned most; /* so many come with attributes */
};

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

void files_index_init(struct index *index);
/* For a lookup of files/: the node becomes the root of the guest. 0, -ENOMEM */
int files_attach(struct fs *fs, struct node *node);
/* The machine is about to stop or to go. */
void files_hang_up(struct fs *fs, const struct member *m);
/* It has another name. What is open stays so. */
void files_renamed(struct fs *fs, const struct member *m);
/* It has gone. */
void files_drop(struct fs *fs, const struct member *m);
/* At the end of everything. */
void files_drop_all(struct fs *fs);

/* ---- handlers; rq->node has a file ---- */

/* rq->text is the name, rq->call has mode, rdev and owner. */
void files_mkdir(struct request *rq);
void files_mknod(struct request *rq);
/* rq->text is the name, and behind its NUL the target. */
void files_symlink(struct request *rq);
/* rq->node is the new directory, rq->other the file. */
void files_link(struct request *rq);
void files_remove(struct request *rq, bool directory, pid_t pid);
/* rq->other is the new directory, and behind the name's NUL is the new name;
 * rq->call.flags are WIRE_RENAME_*. */
void files_rename(struct request *rq);

/* ---- for the folder ---- */

/* Those that the node of a file belongs to. */
struct files *files_of(const struct node *node);
/* Who will own what the request makes. */
void files_set_owner(struct request *rq);
/* In the guest's numbers; when the guest is known. */
void files_map_owner(struct request *rq);
/* The guest has made rq->text in rq->node: answer with its node. NULL: the
 * request has failed. */
struct node *files_made(struct request *rq, const struct wire_attr *attr,
                        const char *target);

#endif
