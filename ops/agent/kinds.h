/*
 * kinds: what sort of file system a device number stands for.
 *
 * Asked for every entry of a listing, so the answers are remembered, for a
 * short while since a device number passes from one mount to another.
 */
#ifndef ORBFS_OPS_AGENT_KINDS_H
#define ORBFS_OPS_AGENT_KINDS_H

#include <stdint.h>
#include <sys/types.h>

enum kind {
	KIND_VOLATILE = 1, /* made up while read, as in /proc: sizes and
	                      changes are not told, xattrs do not matter */
	KIND_REMOTE = 2,   /* changed by others than this kernel as well */
};

enum { KINDS_N = 64 };

struct kinds {
	struct {
		dev_t dev;
		unsigned kind;
		int64_t until_ms; /* 0: empty */
	} known[KINDS_N];
	int64_t now_ms; /* told from time to time by the main loop */
};

/* KIND_* of the file system with this number, which `name` in dir is on; with
 * the name "", dir itself. */
unsigned kinds_get(struct kinds *kinds, dev_t dev, int dir, const char *name);

#endif
