/*
 * background: start the daemon behind the shell's back, and wait for its word.
 *
 * The daemon is this same program, started anew before anything is mounted
 * (macFUSE refuses a fork after), with -f and the write end of a pipe. It has
 * our standard error until it is ready, so what goes wrong is seen where
 * orbfs was typed.
 */
#ifndef ORBFS_MOUNT_BACKGROUND_H
#define ORBFS_MOUNT_BACKGROUND_H

#include <limits.h>
#include <stddef.h>

/* The absolute path of this executable. 0 or a negative errno. */
int background_self(char path[PATH_MAX]);

/*
 * Start `self` with argv and wait until it is mounted or has given up. The
 * exit status for the command: 0 when it is mounted. Blocks, without a bound
 * of its own: the daemon's start has them.
 */
int background_start(const char *self, int argc, char *const argv[]);

/* In the daemon: tell the one who waits that we are ready, and let go of the
 * terminal. */
void background_ready(int ready_fd);

#endif
