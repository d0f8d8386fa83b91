/*
 * watches: the table of watched directories, by number, by the kernel's watch
 * descriptor and by inode.
 */
#ifndef ORBFS_OPS_AGENT_WATCHES_H
#define ORBFS_OPS_AGENT_WATCHES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	WATCHES_MAX = 65536,
	WATCHES_BUCKETS = 8192,
	WATCHES_OWN = 6, /* names one request changes, at most */
};

enum watches_key { WATCHES_ID, WATCHES_WD, WATCHES_INODE, WATCHES_KEYS };

struct watch {
	uint64_t id;
	uint64_t dev;
	uint64_t ino;
	int wd;
	uint32_t next[WATCHES_KEYS]; /* in the chain; 0: the last */
};

struct watches {
	int fd;            /* inotify; -1: there is none */
	struct watch *all; /* all[0] is no watch */
	uint32_t n;        /* slots in use or free */
	uint32_t size;
	uint32_t count; /* watches there are */
	uint32_t first_free;
	uint32_t chain[WATCHES_KEYS][WATCHES_BUCKETS];
	struct own {
		int wd;
		uint64_t name;  /* its hash; the directory itself: of "" */
		unsigned names; /* changes of the name that are ours */
	} own[WATCHES_OWN];
	unsigned n_own;
};

/* NULL: there is none. The pointers are good until the next is added. */
struct watch *watches_by_id(const struct watches *w, uint64_t id);
struct watch *watches_by_wd(const struct watches *w, int wd);
struct watch *watches_by_inode(const struct watches *w, uint64_t dev,
                               uint64_t ino);
/* false: there are too many. */
bool watches_add(struct watches *w, const struct watch *watch);
void watches_remove(struct watches *w, struct watch *watch);

#endif
