/*
 * notify: tell the kernel to forget what it remembers.
 *
 * A notification sent from the loop thread can deadlock with a pending mkdir
 * (the kernel wants a directory's lock that the mkdir holds until the loop
 * answers it), so they go through a queue to the one thread that sends them.
 * The queue is bounded: an entry that is in it already is not added again,
 * and when it is full the oldest is dropped, which costs staleness for the
 * kernel's own timeout and nothing else. Failures are harmless and ignored:
 * -ENOENT only says that the kernel did not remember.
 */
#ifndef ORBFS_MOUNT_NOTIFY_H
#define ORBFS_MOUNT_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

struct fuse_session;
struct notify;

/* Start the thread. NULL: no memory or no thread. */
struct notify *notify_new(struct fuse_session *session);
/*
 * Drop what is queued, end the thread and wait for it. After on_end of the
 * session, when no send can block, and before session_close, which frees what
 * the thread sends on. NULL is allowed.
 */
void notify_free(struct notify *notify);
/*
 * For a session that is given up alive: drop what is queued, take nothing
 * more, and let the thread go. True when it has gone, so that notify_free
 * does not wait; else ask again while the loop serves, since a request that
 * waits for us may hold the lock that the thread waits for.
 */
bool notify_stop(struct notify *notify);

/* Attributes of an inode (and the pages of a file) are out of date. */
void notify_inode(struct notify *notify, uint64_t ino);
/* The name in that directory is out of date. name is copied. */
void notify_entry(struct notify *notify, uint64_t parent, const char *name);
/* The same, and what it named is gone: watchers hear of a deletion. */
void notify_delete(struct notify *notify, uint64_t parent, uint64_t child,
                   const char *name);

/* Called once: when it was sent, from the thread that sends; or, with -ENOMEM
 * or when nothing is sent any more, from the caller's. It asks nothing here. */
typedef void notify_told_fn(void *arg, int err);
/* The same as notify_inode, before all that waits, and not to be dropped. */
void notify_inode_first(struct notify *notify, uint64_t ino,
                        notify_told_fn *told, void *arg);

/* Wait until all queued so far was sent; for tests. Not from the loop while
 * the kernel waits for us. */
void notify_flush(struct notify *notify);

#endif
