/*
 * session: the FUSE connection: mount, receive, unmount.
 *
 * Two implementations of this header:
 *	session.c		the loop polls the descriptor (Linux)
 *	session_thread.c	a thread receives and hands over (macOS, where
 *				the descriptor cannot be polled; also built and
 *				tested on Linux)
 *
 *	err = session_open(&s, &spec);	nothing is mounted if this fails
 *	uv_run(loop);
 *	... somebody unmounts: on_end
 *	session_close(s, done, arg);
 *
 * All handlers of the operation table run on the loop thread. on_end is called
 * once, on the loop thread, when the kernel has ended the connection: it was
 * unmounted from anywhere, or aborted. No request arrives after it. Requests
 * that are still unanswered can be answered into the void until session_close
 * calls back, and have to be: libfuse frees a request when it is answered and
 * never otherwise.
 */
#ifndef ORBFS_MOUNT_SESSION_H
#define ORBFS_MOUNT_SESSION_H

#include <stdbool.h>

#include "ops/log.h"

struct fuse_args;
struct fuse_lowlevel_ops;
struct fuse_session;
struct uv_loop_s;
struct session;

struct session_spec {
	struct uv_loop_s *loop;
	struct log *log;
	struct fuse_args *args; /* mount options, program name first */
	const struct fuse_lowlevel_ops *ops;
	void *userdata;         /* for fuse_req_userdata; borrowed */
	const char *mountpoint; /* absolute; copied */
	/* -1, or a descriptor that speaks the kernel's protocol: then nothing
	 * is mounted or unmounted, and its other end plays the kernel. Keeps
	 * messages apart (SOCK_SEQPACKET). Taken, also on failure. */
	int fd;
	void (*on_end)(void *arg);
	void *arg;
};

/* Mount and start receiving. 0, or a negative errno after one logged line:
 * -ENOENT, -ENOTDIR, -EACCES (the mount point), -ENODEV (no FUSE here),
 * -EINVAL (an option that libfuse does not know), -EIO (any other refusal).
 * Call it before anything is spawned: it makes sure that no descriptor is
 * inherited by children. On macOS the mount itself may fail later; then
 * on_end comes at once, after the logged line. */
int session_open(struct session **session, const struct session_spec *spec);
/* The libfuse session, for kernel notifications. Owned by the session. */
struct fuse_session *session_fuse(struct session *session);
/*
 * Fill argv (room for 4 and a NULL) with the command that unmounts: the
 * session cannot do it itself, since unmounting asks the file system, which
 * the loop must answer meanwhile. lazy: also when it is busy. The strings
 * belong to the session; argv[0] is an absolute path.
 */
void session_unmount_argv(const struct session *session, bool lazy,
                          const char *argv[5]);
/*
 * After on_end (also from inside it), or to give up a session at once: it is
 * unmounted lazily and on_end is not called. Not from inside a handler.
 * done(arg) is called from the loop when its memory and its handles are gone.
 * Until then the handler destroy may run, and on macOS, where a live mount
 * goes only while it is served, any other too.
 */
void session_close(struct session *session, void (*done)(void *arg), void *arg);

/*
 * See to it that a look at path (absolute) comes back. A daemon that is killed
 * while a request holds a directory's lock, and its own notification waits for
 * that lock, leaves a mount that hangs instead of one that says ENOTCONN: the
 * kernel ends neither. What hangs so is detached; for root the connection is
 * aborted as well, which frees whoever waits. Blocks for seconds in that case
 * only; called before anything else runs.
 */
void session_unhang(const char *path);
/*
 * Make a mount point usable: when a daemon died there and left it dead
 * (ENOTCONN), detach what is left of it. 0 when it is an empty directory now,
 * else a negative errno after one logged line: -ENOENT, -ENOTDIR, -ENOTEMPTY,
 * -EBUSY (a living orbfs is mounted there), -ENOTCONN (it stays dead), or what
 * the system said. Blocks; called once, before anything else runs.
 */
int session_clear(const char *mountpoint, struct log *log);
/*
 * After a daemon elsewhere has been greeted by the kernel: wait until its mount
 * can be seen, where that takes longer (macOS). Blocks, for seconds at most.
 */
void session_await(const char *mountpoint);

#endif
