/*
 * watches: the table of watched directories.
 *
 * Slots in one array, chained by each of three keys. The array grows as it is
 * needed and keeps the order in which slots were freed for those that follow.
 */
#include "ops/agent/watches.h"

#include <stdlib.h>

static uint32_t *chain_of(struct watches *w, enum watches_key key,
                          const struct watch *like)
{
	uint64_t n = key == WATCHES_ID   ? like->id
	             : key == WATCHES_WD ? (uint64_t)like->wd
	                                 : like->ino * 31 + like->dev;

	n *= 0x9e3779b97f4a7c15u;
	return &w->chain[key][(n >> 40) % WATCHES_BUCKETS];
}

static bool same(enum watches_key key, const struct watch *a,
                 const struct watch *b)
{
	switch (key) {
	case WATCHES_ID:
		return a->id == b->id;
	case WATCHES_WD:
		return a->wd == b->wd;
	case WATCHES_INODE:
	case WATCHES_KEYS:
		break;
	}
	return a->dev == b->dev && a->ino == b->ino;
}

static struct watch *find(const struct watches *w, enum watches_key key,
                          const struct watch *like)
{
	/* The chain is only looked at. */
	uint32_t i = *chain_of((struct watches *)w, key, like);

	while (i && !same(key, &w->all[i], like))
		i = w->all[i].next[key];
	return i ? &w->all[i] : NULL;
}

struct watch *watches_by_id(const struct watches *w, uint64_t id)
{
	return find(w, WATCHES_ID, &(struct watch){ .id = id });
}

struct watch *watches_by_wd(const struct watches *w, int wd)
{
	return find(w, WATCHES_WD, &(struct watch){ .wd = wd });
}

struct watch *watches_by_inode(const struct watches *w, uint64_t dev,
                               uint64_t ino)
{
	return find(w, WATCHES_INODE,
	            &(struct watch){ .dev = dev, .ino = ino });
}

/* A slot that is not used, or 0. */
static uint32_t free_slot(struct watches *w)
{
	uint32_t i = w->first_free;

	if (i) {
		w->first_free = w->all[i].next[0];
		return i;
	}
	if (w->n == w->size) {
		uint32_t size = w->size ? 2 * w->size : 64;
		struct watch *all;

		if (size > WATCHES_MAX)
			return 0;
		all = realloc(w->all, size * sizeof(*all));
		if (!all)
			return 0;
		w->all = all;
		w->size = size;
	}
	if (w->n == 0)
		w->n = 1;
	return w->n++;
}

bool watches_add(struct watches *w, const struct watch *watch)
{
	uint32_t i = free_slot(w);

	if (!i)
		return false;
	w->all[i] = *watch;
	for (enum watches_key key = 0; key < WATCHES_KEYS; key++) {
		uint32_t *chain = chain_of(w, key, watch);

		w->all[i].next[key] = *chain;
		*chain = i;
	}
	w->count++;
	return true;
}

void watches_remove(struct watches *w, struct watch *watch)
{
	uint32_t i = (uint32_t)(watch - w->all);

	for (enum watches_key key = 0; key < WATCHES_KEYS; key++) {
		uint32_t *at = chain_of(w, key, watch);

		while (*at != i)
			at = &w->all[*at].next[key];
		*at = watch->next[key];
	}
	watch->next[0] = w->first_free;
	w->first_free = i;
	w->count--;
}
