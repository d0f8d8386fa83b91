/*
 * toy: a tiny file system that holds answers back, and real mounts of it.
 *
 * The root has one file, "file" ("hello\n"). A lookup of a name that begins
 * with "later", and every mkdir, is held until toy_answer. For tests of the
 * session, which must not care what it carries.
 */
#ifndef ORBFS_TESTS_TOY_H
#define ORBFS_TESTS_TOY_H

#include <stdbool.h>

#include <fuse_lowlevel.h>
#include <uv.h>

#include "mount/session.h"

enum {
	TOY_HELD_MAX = 2048,
	TOY_FILE = 2,
	TOY_MS = 30000, /* for all that waits */
};

struct toy {
	fuse_req_t held[TOY_HELD_MAX];
	unsigned n_held;
	unsigned n_lookups;
	unsigned n_interrupted;
	unsigned n_destroyed;
	size_t n_written; /* bytes, of any write */
};

extern const struct fuse_lowlevel_ops toy_ops;

/* Answer what is held with ENOENT. */
void toy_answer(struct toy *toy);

/* ---- real mounts: the test's own thread must never touch them ------------ */

struct toy_mount {
	uv_loop_t *loop;
	char dir[64]; /* made for it */
	struct toy toy;
	struct session *session;
	unsigned n_ended;
	bool ended;
	bool closed;
};

/* Is there FUSE here, and may we use it? Else the test fails and says so. */
void toy_need_mounts(void);
/* An empty directory; toy_rmdir fails the test unless it still is one. */
void toy_mkdir(char dir[64]);
void toy_rmdir(const char *dir);
/* Mount on a directory of its own. options may be NULL. Nothing may be done
 * with the mount before the loop has run. */
void toy_mount(struct toy_mount *m, uv_loop_t *loop, const char *options);
/* Close the session, wait for it, and remove the directory. */
void toy_close(struct toy_mount *m);
/* Cut the connection, as echo 1 >/sys/fs/fuse/connections/N/abort. False:
 * that cannot be done here. */
bool toy_abort(const char *dir);

struct toy_child {
	uv_process_t process;
	bool ended; /* and its handle is closed */
	int status; /* 128 + signal when it was killed */
};

/* Start sh -c with $1 set to dir, its errors going to ours. */
void toy_spawn(struct toy_child *child, uv_loop_t *loop, const char *script,
               const char *dir);
/* The same, waiting for the end: its status. */
int toy_run(uv_loop_t *loop, const char *script, const char *dir);
/* Run an argv (of session_unmount_argv) to its end. */
int toy_exec(uv_loop_t *loop, const char *const argv[]);

#endif
