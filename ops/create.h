/*
 * create: what a new machine is to be like, from and to JSON.
 *
 *	{ "image": "debian:bookworm", "cpus": 2, "memory": "4G" }
 *
 * Pure; beside ops/machine.h, whose settings have the same form here.
 */
#ifndef ORBFS_OPS_CREATE_H
#define ORBFS_OPS_CREATE_H

#include <stddef.h>

#include "ops/buf.h"

enum create_key {
	CREATE_IMAGE, /* "debian:bookworm" */
	CREATE_ARCH,
	CREATE_USER,
	CREATE_CPUS,
	CREATE_MEMORY,   /* bytes */
	CREATE_DISK,     /* bytes */
	CREATE_ISOLATED, /* "true", "false" */
	CREATE_ISOLATE_NETWORK,
	CREATE_USER_DATA, /* the text of a cloud-init file */
	CREATE_N_KEYS
};

enum { CREATE_TEXT_MAX = 65536 /* bytes, of all */ };

/* NULL: the engine's default. */
struct create {
	char *value[CREATE_N_KEYS];
};

void create_free(struct create *create);
/*
 * Read an object of such keys; "" and {} say nothing. All is checked before
 * anything is returned. 0; -EINVAL: an unknown key, a bad value or no object,
 * and why says it in one line that names the key; -ENOMEM.
 */
int create_parse(const char *text, size_t len, struct create *create,
                 struct buf *why);
/* Append the object, pretty-printed. Returns b->err. */
int create_render(const struct create *create, struct buf *b);

#endif
