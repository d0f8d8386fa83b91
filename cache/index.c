/*
 * index: tsearch behind names of our own.
 *
 * POSIX promises that what tsearch and tfind return, and what the root points
 * to, begins with the pointer to the element; that is all that is used here.
 */
#include "cache/index.h"

#include <errno.h>
#include <search.h>
#include <stddef.h>

int index_add(struct index *index, const void *thing)
{
	return tsearch(thing, &index->root, index->compare) ? 0 : -ENOMEM;
}

void index_remove(struct index *index, const void *thing)
{
	tdelete(thing, &index->root, index->compare);
}

void *index_find(const struct index *index, const void *like)
{
	void *const *found = tfind(like, &index->root, index->compare);

	return found ? *found : NULL;
}

void *index_any(const struct index *index)
{
	void *const *root = index->root;

	return root ? *root : NULL;
}
