/*
 * handles: the files that are open, by numbers that are never given twice.
 */
#ifndef ORBFS_OPS_AGENT_HANDLES_H
#define ORBFS_OPS_AGENT_HANDLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	HANDLES_INDEX_BITS = 16,
	HANDLES_MAX = 1 << HANDLES_INDEX_BITS,
};

struct handle {
	uint64_t id; /* 0: the slot is free, or closed and still referred to */
	int fd;
	unsigned refs;
	uint32_t flags;     /* WIRE_O_* it was opened with */
	bool volatile_file; /* as WIRE_ATTR_VOLATILE */
	uint32_t next_free;
	uint64_t size; /* when it was opened */
	uint64_t dev;
	uint64_t ino;
	/* Where it was opened for writing: the directory, a hash of the name. */
	uint64_t dir_dev;
	uint64_t dir_ino;
	uint64_t name;
};

struct handles {
	struct handle *slots;
	size_t n;
	size_t max;          /* as many as there may be descriptors */
	uint32_t first_free; /* n: none */
	uint64_t serial;
};

/* At most `max` will be open. */
void handles_init(struct handles *handles, size_t max);
/* Closes all of them. */
void handles_free(struct handles *handles);

/* Takes the descriptor over. NULL (ENFILE): there are too many. The pointer is
 * good until the next handle is added. */
struct handle *handles_add(struct handles *handles, int fd, uint32_t flags);
/* NULL: no such file is open. */
struct handle *handles_find(const struct handles *handles, uint64_t id);
/* The number is forgotten now, the file closed with the last reference. */
void handles_close(struct handles *handles, struct handle *h);
/* A reference of somebody who works on the descriptor; index says whose. */
uint32_t handles_ref(struct handles *handles, struct handle *h);
void handles_unref(struct handles *handles, uint32_t index);

#endif
