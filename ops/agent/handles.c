/*
 * handles: the files that are open, by numbers that are never given twice.
 *
 * A number is a slot's index and a serial number that grows with every file
 * opened, so a late request for a closed file never meets another one. A slot
 * is free when its id and its references are 0.
 */
#include "ops/agent/handles.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void handles_init(struct handles *handles, size_t max)
{
	memset(handles, 0, sizeof(*handles));
	handles->max = max < HANDLES_MAX ? max : HANDLES_MAX;
}

void handles_free(struct handles *handles)
{
	for (size_t i = 0; i < handles->n; i++)
		if (handles->slots[i].refs)
			close(handles->slots[i].fd);
	free(handles->slots);
	memset(handles, 0, sizeof(*handles));
}

/* Twice as many slots, all the new ones free. */
static bool grow(struct handles *handles)
{
	size_t n = handles->n ? 2 * handles->n : 64;
	struct handle *slots;

	if (n > handles->max)
		n = handles->max;
	if (n <= handles->n)
		return false;
	slots = realloc(handles->slots, n * sizeof(*slots));
	if (!slots)
		return false;
	memset(slots + handles->n, 0, (n - handles->n) * sizeof(*slots));
	for (size_t i = handles->n; i < n; i++)
		slots[i].next_free = (uint32_t)i + 1;
	handles->slots = slots;
	handles->first_free = (uint32_t)handles->n;
	handles->n = n;
	return true;
}

struct handle *handles_add(struct handles *handles, int fd, uint32_t flags)
{
	struct handle *h;
	uint32_t index;

	if (handles->first_free == handles->n && !grow(handles))
		return NULL;
	index = handles->first_free;
	h = &handles->slots[index];
	handles->first_free = h->next_free;
	handles->serial++;
	*h = (struct handle){
		.id = handles->serial << HANDLES_INDEX_BITS | index,
		.fd = fd,
		.refs = 1,
		.flags = flags,
	};
	return h;
}

struct handle *handles_find(const struct handles *handles, uint64_t id)
{
	size_t index = id & (HANDLES_MAX - 1);

	if (id == 0 || index >= handles->n || handles->slots[index].id != id)
		return NULL;
	return &handles->slots[index];
}

void handles_close(struct handles *handles, struct handle *h)
{
	h->id = 0;
	handles_unref(handles, (uint32_t)(h - handles->slots));
}

uint32_t handles_ref(struct handles *handles, struct handle *h)
{
	h->refs++;
	return (uint32_t)(h - handles->slots);
}

void handles_unref(struct handles *handles, uint32_t index)
{
	struct handle *h = &handles->slots[index];

	if (--h->refs > 0)
		return;
	close(h->fd);
	h->next_free = handles->first_free;
	handles->first_free = index;
}
