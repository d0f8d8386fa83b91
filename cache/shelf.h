/*
 * shelf: which directories' listings are kept.
 *
 * When all together have more than SHELF_MAX entries, those that were used the
 * longest ago go; the newest stays, however large. One that is taken away while
 * somebody is in the middle of reading it is kept aside, so that a large
 * directory that changes all the time is not read anew for every part.
 */
#ifndef ORBFS_CACHE_SHELF_H
#define ORBFS_CACHE_SHELF_H

#include <stddef.h>

struct file;
struct listing;
struct wire_attr;

enum {
	SHELF_MAX = 65536, /* entries */
	SHELF_ASIDE = 4,   /* listings, each of another directory */
};

/* In a tree; all zero at first. Directories are borrowed: each is taken off and
 * away before it goes. */
struct shelf {
	size_t n; /* entries of all listings */
	struct file *oldest;
	struct file *newest;
	struct {
		struct file *dir; /* NULL: free */
		struct listing *listing;
	} aside[SHELF_ASIDE];
	unsigned next_aside;
};

/* It is the directory's from now on, in place of another; referred to once
 * more. */
void shelf_put(struct shelf *shelf, struct file *dir, struct listing *listing);
/* The directory has none any more. */
void shelf_take(struct shelf *shelf, struct file *dir);
/* The directory has got a name, or lost it (attr NULL): so has its listing. One
 * that somebody reads, or that there is no memory to change, is taken away. */
void shelf_change(struct shelf *shelf, struct file *dir, const char *name,
                  const struct wire_attr *attr, const char *target);
/* The directory, which has one, is the newest. */
void shelf_use(struct shelf *shelf, struct file *dir);

/* Somebody is in the middle of reading that listing of the directory's, be it
 * the one it has or not; NULL: nobody is any more. */
void shelf_set_reading(struct shelf *shelf, struct file *dir,
                       struct listing *listing);
/* What is kept aside of it, or NULL. Borrowed. */
struct listing *shelf_aside(const struct shelf *shelf, const struct file *dir);

#endif
