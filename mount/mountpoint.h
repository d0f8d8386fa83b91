/*
 * mountpoint: the directory a session is mounted on.
 *
 * What both implementations of session.h share: making the libfuse session
 * and mounting it, the command that unmounts, and the end of both. Neither
 * function waits for the file system itself, which nobody serves meanwhile.
 */
#ifndef ORBFS_MOUNT_MOUNTPOINT_H
#define ORBFS_MOUNT_MOUNTPOINT_H

#include <stdbool.h>
#include <sys/types.h>

#include "ops/log.h"

struct fuse_session;
struct session_spec;

struct mountpoint {
	struct fuse_session *fuse; /* owned */
	char *path;                /* owned */
	struct log *log;           /* borrowed */
	pid_t detacher;            /* of mountpoint_detach, or 0 */
	int fd; /* that spec gave, or -1; libfuse closes it */
};

/* Make the libfuse session and mount it, or give it the descriptor of spec.
 * The errors are those of session_open, each after one logged line. m is
 * filled on success only; on failure nothing is left, and spec->fd closed. */
int mountpoint_open(struct mountpoint *m, const struct session_spec *spec);
/* Detach what is still mounted and free everything. Nobody may receive. */
void mountpoint_close(struct mountpoint *m);
/* Have it detached by a child, while somebody serves it. */
void mountpoint_detach(struct mountpoint *m);
/* See session_unmount_argv. */
void mountpoint_argv(const char *path, bool lazy, const char *argv[5]);

#endif
