/*
 * import: archives that are copied into the root become machines.
 *
 *	cp ~/backup/web.tar.zst ~/vms/
 *
 * The file NAME.tar.zst takes writes as any file does, outside of everybody's
 * sight, until its writer closes it: then it is handed to the engine, the close
 * waits for the machine NAME and says how that went, and the file is gone. What
 * is no whole archive then is refused, and gone with its last close.
 */
#ifndef ORBFS_FS_IMPORT_H
#define ORBFS_FS_IMPORT_H

#include "fs/control.h"
#include "fs/dir.h"

struct upload;

/* See struct dir_kind. */
void import_create(struct request *rq);
/* The archive being written under that name, or NULL. Borrowed. */
struct label *import_find(struct fs *fs, const char *name);
/* Give it up. */
void import_unlink(struct request *rq, struct label *upload);
/* rq->text at rq->offset. */
void import_write(struct request *rq);
void import_setattr(struct request *rq, const struct stat *attr, int to_set);
void import_flush(struct request *rq);
/* There is an open file of it, and it is closed. */
void import_opened(struct label *upload);
void import_close(struct handle *handle);
uint64_t import_size(const struct label *upload);
/* Whatever is still written is gone. */
void import_drop_all(struct fs *fs);

#endif
