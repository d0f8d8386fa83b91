/*
 * litter: what file managers leave behind, kept in memory.
 *
 * Two kinds of pieces: extended attributes of an inode, and files in a
 * directory. Inodes are those that stat shows, so nothing is held because of a
 * piece, and one of an inode that is gone does no harm. There is a bound on
 * everything: what was not used for longest goes first. Pure but for its clock.
 */
#ifndef ORBFS_FS_LITTER_H
#define ORBFS_FS_LITTER_H

#include <stdint.h>
#include <sys/types.h>

#include "fs/node.h"
#include "ops/buf.h"
#include "ops/clock.h"

struct litter;

enum litter_kind { LITTER_XATTR, LITTER_FILE };

enum {
	LITTER_XATTR_MAX = 64 << 10, /* bytes of one */
	LITTER_FILE_MAX = 1 << 20,
	LITTER_MAX = 4 << 20, /* bytes of all */
	LITTER_N_MAX = 4096,
};

/* To be read; changed by the functions below only. */
struct piece {
	struct label label; /* the first: whoever refers to it has its bytes */
	enum litter_kind kind;
	uint64_t of; /* what it is an attribute of, or the directory it is in */
	struct buf data;
	struct timespec changed;
	struct litter *litter; /* NULL: it is gone */
	struct piece *older;
	struct piece *newer;
};

/* NULL: no memory. */
struct litter *litter_new(struct clock *clock);
/* NULL is allowed. Pieces that are referred to live on. */
void litter_free(struct litter *litter);
/* Borrowed, as are all here; NULL: there is none. */
struct piece *litter_find(struct litter *litter, enum litter_kind kind,
                          uint64_t of, const char *name);
/* There must be none; NULL: no memory. */
struct piece *litter_add(struct litter *litter, enum litter_kind kind,
                         uint64_t of, const char *name);
/* Write into it; where it ended before, zeros come. 0, -EFBIG, -ENOMEM */
int litter_write(struct piece *piece, const void *data, size_t len,
                 uint64_t offset);
/* Cut it off, or lengthen it with zeros. Likewise. */
int litter_resize(struct piece *piece, uint64_t size);
void litter_remove(struct piece *piece);
/* All that is known of an inode, and all that is in it. */
void litter_forget(struct litter *litter, uint64_t of);
/* Append the names of its attributes, each with its NUL. */
void litter_list(struct litter *litter, uint64_t of, struct buf *names);

#endif
