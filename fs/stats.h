/*
 * stats: .orbfs/stats, what the daemon has done and what it holds.
 *
 * Lines `key value`: how long it runs (seconds), its memory (bytes), machines,
 * guests whose files/ are connected, requests of the kernel, answers that were
 * at hand (cache_hits), nodes and open files that the kernel knows, children,
 * and for each kind of call of the engine how many there were, how many failed,
 * and the milliseconds they took.
 */
#ifndef ORBFS_FS_STATS_H
#define ORBFS_FS_STATS_H

#include "fs/fs.h"
#include "ops/buf.h"

void stats_render(const struct fs *fs, struct buf *b);

#endif
