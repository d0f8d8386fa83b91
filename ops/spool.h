/*
 * spool: the output of a run, kept outside of our memory, newest bytes win.
 *
 * The bytes live in an unlinked temporary file used as a ring, since a daemon
 * that spawns children should stay small. Offsets count from the first byte
 * ever added; when more than max were added, those below spool_start are gone.
 * Reference counted: a reader may outlive the run.
 */
#ifndef ORBFS_OPS_SPOOL_H
#define ORBFS_OPS_SPOOL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct spool;

/* An empty spool of at most max bytes, with one reference. The file is made at
 * the first byte. NULL: no memory. */
struct spool *spool_new(uint64_t max);
struct spool *spool_ref(struct spool *spool);
void spool_unref(struct spool *spool);

/* Append. 0, or why the file cannot hold it (-ENOSPC, -EMFILE, ...): then the
 * bytes are lost and counted in spool_lost. */
int spool_add(struct spool *spool, const void *data, size_t len);
/* Bytes below this offset were dropped to make room. */
uint64_t spool_start(const struct spool *spool);
/* One past the last byte. */
uint64_t spool_end(const struct spool *spool);
/* Bytes that could not be stored at all. */
uint64_t spool_lost(const struct spool *spool);
/* Copy up to len bytes from offset on; an offset below spool_start reads from
 * there. Returns the number of bytes (0 at the end) or a negative errno. */
ssize_t spool_read(struct spool *spool, uint64_t offset, void *data,
                   size_t len);

#endif
