/*
 * events: .orbfs/events, a line of JSON for each thing that happens.
 *
 *	tail -f ~/vms/.orbfs/events
 *
 * The file holds what has happened since the mount, the newest EVENTS_MAX bytes
 * of it, and a read at its end waits for more; so `cat` and `tail -f` follow it.
 * While anybody has it open, the list is kept fresh (fs/watch.h), since most of
 * what happens is only seen there. What a line says is in cache/news.h; the
 * first one only says that orbfs was mounted.
 */
#ifndef ORBFS_FS_EVENTS_H
#define ORBFS_FS_EVENTS_H

#include "fs/control.h"

struct events;

enum { EVENTS_MAX = 1 << 20 };

/* NULL: no memory. */
struct events *events_new(struct fs *fs);
/* Readers that wait get the end of the file; who reads on waits again. */
void events_let_go(struct events *events);
/* Nothing happens any more: readers get the end of the file. */
void events_end(struct events *events);
/* Nobody may read. NULL is allowed. */
void events_free(struct events *events);

uint64_t events_size(const struct events *events);
void events_read(struct request *rq);

#endif
