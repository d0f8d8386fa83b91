/*
 * listing: what a directory held when it was read.
 *
 *	l = listing_new();
 *	listing_add(l, "hosts", &attr, NULL);	for each name
 *	listing_sort(l);			from now on it can be searched
 *	listing_unref(l);
 *
 * Counted. Entries do not change while more than one refers to it. Each has an
 * offset, made from its name alone, so that a reader goes on rightly from any
 * offset in any other listing of the directory. Pure.
 */
#ifndef ORBFS_CACHE_LISTING_H
#define ORBFS_CACHE_LISTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ops/wire.h"

/* Of a name: never 0, 1 or 2, and below 2^63. */
uint64_t listing_hash(const char *name);

/* One name. Its hash is its offset in a readdir. */
struct listed {
	uint64_t hash;
	char *name;
	struct wire_attr attr;
	char *target; /* of a symbolic link, or NULL */
	bool stale;   /* attr does not hold any more */
};

/* Sorted by hash, then by name. */
struct listing {
	unsigned refs;
	struct listed *v;
	size_t n;
	size_t cap;
	uint64_t born_ms; /* when it was read; for cache/tree.c */
	uint64_t until_ms;
};

/* An empty one, to be filled. NULL: no memory. */
struct listing *listing_new(void);
struct listing *listing_ref(struct listing *listing);
/* NULL is allowed. */
void listing_unref(struct listing *listing);

/* Add a name; all is copied, and target may be NULL. 0 or -ENOMEM. */
int listing_add(struct listing *listing, const char *name,
                const struct wire_attr *attr, const char *target);
/* It is complete; so far it is in the order in which names were added. */
void listing_sort(struct listing *listing);

/* The place of a name, or where it would be. Sorted. */
size_t listing_place(const struct listing *listing, const char *name,
                     bool *found);
/* The first place in it behind that offset. Sorted. */
size_t listing_behind(const struct listing *listing, uint64_t offset);
/* The directory has got that name, with another file it may be, or lost it
 * (attr NULL). Sorted, and so it stays. 0; -EBUSY: somebody else refers to it;
 * -ENOMEM. */
int listing_change(struct listing *listing, const char *name,
                   const struct wire_attr *attr, const char *target);

#endif
