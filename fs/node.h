/*
 * node: what the kernel refers to by inode number.
 *
 * A node stands for the root, a machine's directory, an entry of the table in
 * fs/entry.c, of a machine or of the daemon, or a file of a guest. An entry
 * whose names come and go is told from others of its row by a label. The kernel
 * gets a node by a lookup and keeps it until it has forgotten every lookup;
 * requests and open files hold it, too. A number never stands for two things.
 *
 * Entries whose writes wait (ENTRY_OWN_INODE) get a new node at every lookup:
 * the kernel holds an inode's lock for as long as a write to it takes, so
 * with one node the second writer would wait for the first, and could not be
 * interrupted.
 */
#ifndef ORBFS_FS_NODE_H
#define ORBFS_FS_NODE_H

#include <stdint.h>

#include "cache/fleet.h"
#include "cache/tree.h"
#include "fs/entry.h"

struct nodes;

/*
 * What tells a node from others of its machine and entry: a name that is in no
 * table, "debian/bookworm" say. Whoever has more to say of such a name makes
 * this the first member of a struct of their own. Counted.
 */
struct label {
	unsigned refs;
	/* Tells two of one name apart, where a name may go and come again; 0:
	 * the name is all there is to it. */
	uint64_t serial;
	const char *name;
	void (*free)(struct label *label);
};

struct node {
	uint64_t ino;              /* what the kernel calls it */
	struct member *m;          /* NULL: the root, or the daemon's own */
	struct file *file;         /* below files/: referred to; else NULL */
	const struct entry *entry; /* NULL: the root, or a machine's directory */
	struct label *label;       /* referred to; NULL where there is none */
	uint64_t lookups;          /* that the kernel has not forgotten */
	unsigned refs;             /* that we hold */
	bool shared;               /* found by what it stands for */
	struct nodes *nodes;
};

/* NULL: no memory. There is a root from the beginning to the end. */
struct nodes *nodes_new(void);
/* The kernel does not forget at an unmount: what is left goes. */
void nodes_free(struct nodes *nodes);
size_t nodes_count(const struct nodes *nodes);
struct node *nodes_root(struct nodes *nodes);
/* The node of that number, or NULL: the kernel never makes one up. Borrowed. */
struct node *nodes_find(struct nodes *nodes, uint64_t ino);
/* The node that stands for an entry of a machine, referred to once more. The
 * kernel may know it already. NULL: no memory. */
struct node *nodes_get(struct nodes *nodes, struct member *m,
                       const struct entry *entry);
/* The same for one of those that labels tell apart; the label is borrowed. */
struct node *nodes_get_labelled(struct nodes *nodes, struct member *m,
                                const struct entry *entry, struct label *label);
/* The node of that label, if the kernel knows it, stands for a machine's
 * directory from now on, unless another one does. */
void nodes_become(struct nodes *nodes, const struct entry *entry,
                  struct label *label, struct member *m);
/* The node of a machine's directory, if the kernel knows it; borrowed. */
struct node *nodes_peek(struct nodes *nodes, const struct member *m,
                        const struct entry *entry);

/* The node of a guest's file, referred to once more. NULL: no memory. */
struct node *nodes_get_file(struct nodes *nodes, struct member *m,
                            struct file *file);

struct node *node_ref(struct node *node);
void node_unref(struct node *node);
/* The kernel was told of it once more. */
void node_looked_up(struct node *node);
void node_forget(struct node *node, uint64_t n);
/* What the node holds when it is a directory; DIR_NONE when it is a file. */
enum entry_dir node_dir(const struct node *node);
/* The number that stat shows: the same for every node of one file. */
uint64_t node_stat_ino(const struct node *node);
uint64_t node_ino_of(const struct member *m, const struct entry *entry,
                     const struct label *label);

/* A label that is no more than a name, referred to once. NULL: no memory. */
struct label *label_new(const char *name);
struct label *label_ref(struct label *label);
/* NULL is allowed. */
void label_unref(struct label *label);

#endif
