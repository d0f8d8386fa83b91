/*
 * shelf: listings in the order of use, and those that were taken away too soon.
 *
 * Owns a reference to each listing; the directory has the pointer. Invariants:
 *  1. Directories with a listing are in the list of use, the oldest first; n is
 *     the sum of their entries.
 *  2. A listing that is aside is none that its directory has, and is one that
 *     is being read.
 */
#include "cache/shelf.h"

#include "cache/listing.h"
#include "cache/tree.h"

/* ---- the order of use ---- */

static void add_newest(struct shelf *shelf, struct file *dir)
{
	dir->older = shelf->newest;
	dir->newer = NULL;
	if (shelf->newest)
		shelf->newest->newer = dir;
	else
		shelf->oldest = dir;
	shelf->newest = dir;
}

static void remove_dir(struct shelf *shelf, struct file *dir)
{
	if (dir->older)
		dir->older->newer = dir->newer;
	else
		shelf->oldest = dir->newer;
	if (dir->newer)
		dir->newer->older = dir->older;
	else
		shelf->newest = dir->older;
	dir->older = dir->newer = NULL;
}

void shelf_use(struct shelf *shelf, struct file *dir)
{
	remove_dir(shelf, dir);
	add_newest(shelf, dir);
}

/* ---- aside ---- */

static void forget_aside(struct shelf *shelf, const struct file *dir)
{
	for (unsigned i = 0; i < SHELF_ASIDE; i++)
		if (shelf->aside[i].dir == dir) {
			listing_unref(shelf->aside[i].listing);
			shelf->aside[i].dir = NULL;
			shelf->aside[i].listing = NULL;
		}
}

/* In place of the one that was kept the longest ago: who reads that starts anew
 * from the next part on. */
static void keep_aside(struct shelf *shelf, struct file *dir,
                       struct listing *listing)
{
	unsigned i = shelf->next_aside++ % SHELF_ASIDE;

	forget_aside(shelf, dir);
	listing_unref(shelf->aside[i].listing);
	shelf->aside[i].dir = dir;
	shelf->aside[i].listing = listing_ref(listing);
}

struct listing *shelf_aside(const struct shelf *shelf, const struct file *dir)
{
	for (unsigned i = 0; i < SHELF_ASIDE; i++)
		if (shelf->aside[i].dir == dir)
			return shelf->aside[i].listing;
	return NULL;
}

void shelf_set_reading(struct shelf *shelf, struct file *dir,
                       struct listing *listing)
{
	dir->reading = listing != NULL;
	if (!listing || listing == dir->listing)
		forget_aside(shelf, dir);
	else if (listing != shelf_aside(shelf, dir))
		keep_aside(shelf, dir, listing);
}

/* ---- putting and taking ---- */

void shelf_take(struct shelf *shelf, struct file *dir)
{
	struct listing *listing = dir->listing;

	if (!listing)
		return;
	if (dir->reading)
		keep_aside(shelf, dir, listing);
	remove_dir(shelf, dir);
	shelf->n -= listing->n;
	dir->listing = NULL;
	listing_unref(listing);
}

void shelf_put(struct shelf *shelf, struct file *dir, struct listing *listing)
{
	shelf_take(shelf, dir);
	dir->listing = listing_ref(listing);
	shelf->n += listing->n;
	add_newest(shelf, dir);
	/* The newest stays, however large: somebody reads it in parts. */
	while (shelf->n > SHELF_MAX && shelf->oldest != dir)
		shelf_take(shelf, shelf->oldest);
}

void shelf_change(struct shelf *shelf, struct file *dir, const char *name,
                  const struct wire_attr *attr, const char *target)
{
	struct listing *listing = dir->listing;
	size_t n;

	if (!listing)
		return;
	n = listing->n;
	if (listing_change(listing, name, attr, target))
		shelf_take(shelf, dir);
	else
		shelf->n += listing->n - n;
}
