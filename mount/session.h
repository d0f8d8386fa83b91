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
 * unmounted from anywhere, or aborted. No request arrives after it; requests
 * that are still unanswered may be answered into the void until session_free.
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
	 * is mounted or unmounted, and its other end plays the kernel. Taken. */
	int fd;
	void (*on_end)(void *arg);
	void *arg;
};

/* Mount and start receiving. 0, or a negative errno after one logged line:
 * -ENOENT, -ENOTDIR, -EACCES (the mount point), -ENODEV (no FUSE here),
 * -EINVAL (an option that libfuse does not know), -EIO (any other refusal). */
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
/* After on_end, or to give up a session at once (it is unmounted lazily and
 * on_end is not called). done(arg) is called when its memory and its handles
 * are gone. */
void session_close(struct session *session, void (*done)(void *arg), void *arg);

/*
 * Make a mount point usable: when a daemon died there and left it dead
 * (ENOTCONN), detach what is left of it. 0 when it is a directory now, else a
 * negative errno. Blocks; called once, before anything else runs.
 */
int session_clear(const char *mountpoint, struct log *log);

#endif
