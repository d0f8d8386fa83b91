/*
 * poll: wake who waits in poll(2) for a control file to change.
 *
 *	fd = open("web/state", O_RDONLY); read(fd, ...);
 *	poll(&(struct pollfd){ fd, POLLPRI }, 1, -1);	until it changes
 *	pread(fd, ..., 0);				what it is now
 *
 * As for the attributes in sysfs: POLLPRI and POLLERR say that the file has
 * changed since this open file was read from its beginning; reading and writing
 * never block for want of data, so POLLIN and POLLOUT are always there. The
 * files that can be waited for are those whose text is at hand with a list:
 * state and error.
 */
#ifndef ORBFS_FS_POLL_H
#define ORBFS_FS_POLL_H

#include "fs/control.h"

/* Answer a poll. Takes ph, which is told of the next change; NULL: the caller
 * does not wait. */
void poll_ask(struct request *rq, struct fuse_pollhandle *ph);
/* A text of a machine has changed. */
void poll_tell(struct fs *fs, const struct member *m, enum member_text text);
/* Nobody waits at this handle any more. */
void poll_end(struct handle *handle);
/* Has it changed since it was read from its beginning? Only who polls wants to
 * know: for others a text is of the moment of the open. */
bool poll_is_news(const struct handle *handle);

#endif
