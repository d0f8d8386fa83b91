/*
 * export: archive.tar.zst of a machine, made while somebody reads it.
 *
 * The first read of an open file starts the export, its last close ends it,
 * whoever has read how much. Where the engine writes an archive from its
 * beginning to its end it is read as it grows, else when it is whole. The
 * machine can be neither deleted nor renamed meanwhile, and other acts on it
 * wait. Its length is not known before, so stat shows 0.
 */
#ifndef ORBFS_FS_EXPORT_H
#define ORBFS_FS_EXPORT_H

#include "fs/control.h"

struct export;

/* Answer a read of rq->handle, starting its export if it has none. */
void export_read(struct request *rq);
/* The open file is closed: what is under way ends. NULL is allowed. */
void export_close(struct export *export);

#endif
