/*
 * stash: a file of ours with a name, on its way to or from another program.
 *
 *	struct stash *stash = stash_new("web.tar.zst", &err);
 *	archive_export(... .path = stash_path(stash) ...);
 *	n = stash_read(stash, offset, data, len);	as far as it has grown
 *	stash_free(stash);				gone with its directory
 *
 * It lies in a directory of its own that nobody else may enter, below
 * $TMPDIR/orbfs-UID (/var/tmp without TMPDIR: it may be large). What a daemon
 * left behind that was killed is removed by the next stash_new of that user.
 */
#ifndef ORBFS_OPS_STASH_H
#define ORBFS_OPS_STASH_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct stash;

/* Room for a file of that name, which is not there yet. NULL, and *err:
 * -ENOMEM, -EPERM (the directory above is somebody else's), -ENOSPC, ... */
struct stash *stash_new(const char *name, int *err);
/* Remove the file and its directory. NULL is allowed. */
void stash_free(struct stash *stash);
/* Absolute; valid as long as the stash. */
const char *stash_path(const struct stash *stash);
/* Bytes; 0 as long as it is not there. */
uint64_t stash_size(struct stash *stash);
/* Bytes read, 0 at the end or before it is there, or a negative errno. */
ssize_t stash_read(struct stash *stash, uint64_t offset, void *data,
                   size_t len);
/* Write all of it, making the file. 0 or a negative errno. */
int stash_write(struct stash *stash, uint64_t offset, const void *data,
                size_t len);
/* 0 or a negative errno. */
int stash_truncate(struct stash *stash, uint64_t size);

#endif
