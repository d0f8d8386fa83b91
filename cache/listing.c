/*
 * listing: a sorted array of names, searched by hash.
 *
 * Owns the names. An offset has to be a positive number that grows along the
 * listing and stays when names come and go: the hash does that. Two names of
 * one hash would have one offset, and a reader that stops between them would
 * miss the second; there are 62 bits against that.
 */
#include "cache/listing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct listing *listing_new(void)
{
	struct listing *listing = calloc(1, sizeof(*listing));

	if (listing)
		listing->refs = 1;
	return listing;
}

struct listing *listing_ref(struct listing *listing)
{
	listing->refs++;
	return listing;
}

static void listed_free(struct listed *l)
{
	free(l->name);
	free(l->target);
}

void listing_unref(struct listing *listing)
{
	if (!listing || --listing->refs > 0)
		return;
	for (size_t i = 0; i < listing->n; i++)
		listed_free(&listing->v[i]);
	free(listing->v);
	free(listing);
}

static int make_room(struct listing *listing)
{
	size_t cap = listing->cap ? listing->cap * 2 : 16;
	struct listed *v;

	if (listing->n < listing->cap)
		return 0;
	v = realloc(listing->v, cap * sizeof(v[0]));
	if (!v)
		return -ENOMEM;
	listing->v = v;
	listing->cap = cap;
	return 0;
}

/* FNV-1a, kept out of the offsets of "." and ".." and of negative numbers. */
uint64_t listing_hash(const char *name)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * UINT64_C(1099511628211);
	return hash >> 1 | 4;
}

static int make_listed(struct listed *l, const char *name,
                       const struct wire_attr *attr, const char *target)
{
	bool has_target = target && *target;

	l->attr = *attr;
	l->stale = false;
	l->hash = listing_hash(name);
	l->name = strdup(name);
	l->target = has_target ? strdup(target) : NULL;
	if (l->name && (l->target || !has_target))
		return 0;
	listed_free(l);
	return -ENOMEM;
}

int listing_add(struct listing *listing, const char *name,
                const struct wire_attr *attr, const char *target)
{
	int err = make_room(listing);

	if (!err)
		err = make_listed(&listing->v[listing->n], name, attr, target);
	if (!err)
		listing->n++;
	return err;
}

static int compare_listed(const void *a, const void *b)
{
	const struct listed *x = a;
	const struct listed *y = b;

	if (x->hash != y->hash)
		return x->hash > y->hash ? 1 : -1;
	return strcmp(x->name, y->name);
}

void listing_sort(struct listing *listing)
{
	if (listing->n)
		qsort(listing->v, listing->n, sizeof(listing->v[0]),
		      compare_listed);
}

size_t listing_place(const struct listing *listing, const char *name,
                     bool *found)
{
	struct listed like = { .hash = listing_hash(name),
		               .name = (char *)name };
	size_t low = 0;
	size_t high = listing->n;

	*found = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare_listed(&listing->v[middle], &like);

		if (order == 0) {
			*found = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

size_t listing_behind(const struct listing *listing, uint64_t offset)
{
	size_t low = 0;
	size_t high = listing->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (listing->v[middle].hash <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* In place of what was there, if it was found. */
static void put(struct listing *listing, size_t i, bool found,
                const struct listed *fresh)
{
	struct listed *l = &listing->v[i];

	if (found) {
		listed_free(l);
	} else {
		memmove(l + 1, l, (listing->n - i) * sizeof(*l));
		listing->n++;
	}
	*l = *fresh;
}

static void remove_at(struct listing *listing, size_t i)
{
	struct listed *l = &listing->v[i];

	listed_free(l);
	listing->n--;
	memmove(l, l + 1, (listing->n - i) * sizeof(*l));
}

int listing_change(struct listing *listing, const char *name,
                   const struct wire_attr *attr, const char *target)
{
	struct listed fresh;
	bool found;
	size_t i;

	if (listing->refs > 1)
		return -EBUSY;
	if (attr &&
	    (make_room(listing) || make_listed(&fresh, name, attr, target)))
		return -ENOMEM;
	i = listing_place(listing, name, &found);
	if (attr)
		put(listing, i, found, &fresh);
	else if (found)
		remove_at(listing, i);
	return 0;
}
