/*
 * index: things found by a key, in a balanced tree.
 *
 * The tree is the C library's (tsearch); this header keeps its names, which
 * collide with ours, in one file. The things are borrowed and must not change
 * their keys while they are in.
 */
#ifndef ORBFS_CACHE_INDEX_H
#define ORBFS_CACHE_INDEX_H

struct index {
	/* Like strcmp, of two things. */
	int (*compare)(const void *a, const void *b);
	void *root;
};

/* Put a thing in that is not equal to one that is in. 0 or -ENOMEM. */
int index_add(struct index *index, const void *thing);
/* Take out what is equal to it, if it is in. */
void index_remove(struct index *index, const void *thing);
/* What is equal to it, or NULL. */
void *index_find(const struct index *index, const void *like);
/* Any thing that is in, or NULL when it is empty. */
void *index_any(const struct index *index);

#endif
