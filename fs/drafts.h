/*
 * drafts: directories that are no machine yet.
 *
 * A file manager makes "untitled folder", and has it renamed by whoever asked
 * for a new one. A name that no machine can have therefore makes a draft: an
 * empty directory in memory, of which the engine hears nothing. Renaming it to
 * a name that a machine can have makes the machine. There are few of them, and
 * one that nobody looks up for a while is gone.
 */
#ifndef ORBFS_FS_DRAFTS_H
#define ORBFS_FS_DRAFTS_H

#include "fs/dir.h"
#include "ops/clock.h"

struct drafts;

enum { DRAFTS_MAX = 16, DRAFTS_MS = 15 * 60000 };

/* NULL: no memory. */
struct drafts *drafts_new(struct clock *clock);
/* NULL is allowed. No node may have one of its labels. */
void drafts_free(struct drafts *drafts);
size_t drafts_count(struct drafts *drafts);
/* When one came or went last. */
struct timespec drafts_changed(struct drafts *drafts);
/* When the one of that label was made. */
struct timespec drafts_born(const struct label *label);

/* For the root's own functions: see struct dir_kind. All may be called where
 * there are none to be; false: the name is none of a draft's, and nothing was
 * done. */
bool drafts_lookup(struct request *rq);
bool drafts_next(struct fs *fs, struct dir_name *name);
bool drafts_mkdir(struct request *rq);
bool drafts_rmdir(struct request *rq);
bool drafts_rename(struct request *rq, const char *new_name, unsigned flags);

#endif
