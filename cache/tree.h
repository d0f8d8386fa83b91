/*
 * tree: what is known of the files of one guest.
 *
 * A file is an inode of the guest; it may have several names, which are
 * dentries. A file is known for as long as somebody refers to it (the kernel,
 * by a node; an open file; a file below it), and its path is put together from
 * the names it is known by, so a rename of a directory moves all that is below.
 *
 * A listing is what a directory held when it was read. It answers look-ups
 * without the guest while it is valid: until something tells that it changed,
 * or, where the guest could not watch the directory, for a short time. What we
 * change ourselves is changed in the listing as well. Which listings are kept
 * is in cache/shelf.h.
 *
 * Pure: nothing here asks the guest, or waits.
 */
#ifndef ORBFS_CACHE_TREE_H
#define ORBFS_CACHE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/index.h"
#include "cache/listing.h"
#include "ops/buf.h"
#include "ops/clock.h"
#include "ops/wire.h"

struct dentry;
struct tree;

enum {
	/* What the guest watches is known for so long. */
	TREE_REST_MS = 1000,
	TREE_SURE_MS = 3600000,
	/* Names looked at by tree_ahead, for each of the two. */
	TREE_AHEAD = 32,
};

/* An inode of the guest; of a symbolic link, one name of it. */
struct file {
	struct tree *tree;
	unsigned refs;
	uint64_t dev;
	uint64_t ino;
	struct wire_attr attr;
	uint64_t attr_until_ms; /* until when attr holds; 0: it does not */
	uint64_t xattrs_until_ms; /* the same for having none; 0: it may have some */
	uint64_t changes;     /* counts changes of its data that we know of */
	unsigned n_writes;    /* of ours that are under way */
	struct dentry *names; /* where it is; NULL: nowhere, or the root */
	bool locked;          /* a lock was asked for; for fs/ */
	char *target; /* of a symbolic link that leads up, if it is known */
	/* Of a directory: */
	struct listing *listing; /* valid, or NULL */
	uint64_t watch;          /* as what the guest tells of changes, or 0 */
	bool watched;            /* it has said that it does */
	uint64_t rest_ms;        /* from when on its names are at rest */
	unsigned n_missed;       /* look-ups that no listing answered */
	bool walked;             /* it was read by a readdir */
	bool reading;            /* somebody is in the middle of that */
	void *fetch;             /* a LIST of it that is under way; for fs/ */
	struct file *older;      /* in the order of use, if it has a listing */
	struct file *newer;
	void *node;   /* the kernel's, borrowed; for fs/ */
	void *opens;  /* the first that is open of it, borrowed; for fs/ */
	bool removed; /* we removed its last name */
};

struct tree_spec {
	struct clock *clock;
	unsigned ttl_ms; /* for what the guest does not watch */
	/* A directory that the guest watches is not known any more. */
	void (*unwatch)(void *arg, uint64_t watch);
	/* tree_free was called and no file is referred to; the tree is gone. */
	void (*unused)(void *arg);
	void *arg;
};

/* NULL: no memory. */
struct tree *tree_new(const struct tree_spec *spec);
void tree_free(struct tree *tree);
/* What spec.arg was. */
void *tree_arg(const struct tree *tree);
/* The guest's root; borrowed, there from the beginning to the end. */
struct file *tree_root(struct tree *tree);
size_t tree_count(const struct tree *tree);

struct file *file_ref(struct file *file);
void file_unref(struct file *file);
bool file_is_dir(const struct file *file);
bool file_is_root(const struct file *file);
/* Has the guest no other name of it than one? */
bool file_has_one_name(const struct file *file);
/* attr is what the guest says now. It holds as long as what watches it says,
 * or for the ttl; not at all when it is of another kind of file. */
void file_set_attr(struct file *file, const struct wire_attr *attr);
/* Keep where a symbolic link leads if that is absolute or goes up, so that it
 * may be shown otherwise; NULL or without memory: it is not known. */
void file_set_target(struct file *file, const char *target);
/* Nothing is known of its attributes any more, here or in a listing. */
void file_spoil(struct file *file);
/* The same for a file that we write to, which gives it no extended attributes:
 * when a write is on its way, and when it is done. What the guest says in
 * between may be older than the write, and holds for nobody else. */
void file_writes(struct file *file);
void file_wrote(struct file *file);
/* `opens` is NULL now. While it is not the guest keeps the file, so that one
 * without a name that we know is found by its number: it may have others. */
void file_let_go(struct file *file);
/* Is it known that it has no extended attributes? */
bool file_has_no_xattrs(const struct file *file);
/* For how many ms attr may be relied on. */
uint64_t file_sure_ms(const struct file *file);
/* Is there a directory that is watched and has it under a name, so that the
 * guest tells of changes to it? */
bool file_is_watched(const struct file *file);

/* Has nobody in the guest changed a name in its directory within the last
 * TREE_REST_MS? Then its name is hardly another file's at this very moment. */
bool file_is_at_rest(const struct file *file);
/* Somebody changes names in a directory. */
void tree_disturb(struct file *dir);

/* The file of that name, if it is known, or NULL. Borrowed. */
struct file *tree_find(const struct file *dir, const char *name);
/* The guest says that this name is a file with these attributes: the file,
 * referred to once more, whose path goes by this name until another is said. A
 * directory loses the name that it had before. NULL: no memory. */
struct file *tree_enter(struct file *dir, const char *name,
                        const struct wire_attr *attr);
/* The name is gone. */
void tree_leave(struct file *dir, const char *name);
/* A file has another name now; what had that name has lost it, or has got the
 * old one (exchange). */
void tree_rename(struct file *dir, const char *name, struct file *new_dir,
                 const char *new_name, bool exchange);
/* The same, done by others: told of an exchange, they speak of two moves, there
 * and back. So who was moved is not known to be back where it was. */
void tree_moved(struct file *dir, const char *name, struct file *new_dir,
                const char *new_name);
/* How often that may have moved a directory, and all paths that lead through
 * it. */
uint64_t tree_moves(const struct tree *tree);

/* Append the path of a file, or of a name in a directory. 0; -ESTALE: it has
 * no name any more; or b->err. */
int tree_path(const struct file *file, struct buf *b);
int tree_path_of(const struct file *dir, const char *name, struct buf *b);
/* How many directories are above a file: 0 for what is in the root. -ESTALE. */
int tree_depth(const struct file *file);

/* ---- listings ---- */

/* It is a directory's from now on, referred to once more. Sorted. */
void tree_set_listing(struct file *dir, struct listing *listing);
/* Is the directory's listing valid? */
bool tree_is_listed(const struct file *dir);
/* Somebody is in the middle of reading that listing, the directory's or one
 * that a change has overtaken; NULL: nobody is any more. */
void tree_set_reading(struct file *dir, struct listing *listing);
/* What to read from: the valid listing; or, to go on in the middle, the one
 * that was read from last, as far as it is still there. Borrowed. */
struct listing *tree_reading(const struct file *dir, bool go_on);
/* Is there a valid one? Then *listed is what it has of that name, or NULL. */
bool tree_listed(struct file *dir, const char *name,
                 const struct listed **listed);
/* Do the attributes in a listing hold? Not when it is another one than the
 * directory's. Those of a file with several names, or of a directory, change
 * without a word about this name. */
bool tree_listed_is_sure(const struct file *dir, const struct listing *listing,
                         const struct listed *listed);
/* The guest says that what this name stands for has changed. */
void tree_spoil_name(struct file *dir, const char *name);
/* We changed the directory ourselves: so goes its listing. attr NULL: the name
 * is gone. */
void tree_list_change(struct file *dir, const char *name,
                      const struct wire_attr *attr, const char *target);
/* It says nothing any more; the guest goes on watching. */
void tree_drop_listing(struct file *dir);
/* Nor does the guest watch it. */
void tree_forget_listing(struct file *dir);

/* Was the directory above it read? */
bool tree_is_walked(const struct file *dir);
/* Call each for known directories that a walk through the tree comes to next:
 * those in `dir`, and those behind it in its parent's listing; a few. */
void tree_ahead(struct file *dir, void (*each)(void *arg, struct file *ahead),
                void *arg);

/* The directory that the guest watches as that, or NULL. Borrowed. */
struct file *tree_watched(struct tree *tree, uint64_t watch);
/* As what the guest is to watch a directory: known here before it is asked, so
 * that no change is missed. 0: no memory. */
uint64_t tree_watch(struct file *dir);
/* What the guest said: it watches, or cannot. */
void tree_set_watched(struct file *dir, bool watched);
/* The guest watches nothing any more: forget attributes and listings, and call
 * each for every file that is known. */
void tree_spoil_all(struct tree *tree,
                    void (*each)(void *arg, struct file *file), void *arg);
/* Call each for every name that a file is known by. */
void file_each_name(struct file *file,
                    void (*each)(void *arg, struct file *dir, const char *name),
                    void *arg);

#endif
