/*
 * spawn: start a child.
 *
 * It runs in a session of its own without a terminal, in the directory "/",
 * with every signal at its default and none blocked. Our memory is not copied
 * for it, as a fork would: it costs the same however much we hold.
 */
#ifndef ORBFS_OPS_SPAWN_H
#define ORBFS_OPS_SPAWN_H

#include <sys/types.h>

struct spawn_spec {
	char *const *argv; /* argv[0] is the program's path */
	char *const *env;
	/* Of ours, each above 2, for its stdin, stdout and stderr; or -1 for
	 * /dev/null. They stay open here. What else is open and not marked
	 * close-on-exec gets there, too, but on macOS, which needs no mark. */
	int fds[3];
};

/* 0 and the child's number, once its program has been loaded; or why not:
 * -ENOENT, -EACCES, -ENOEXEC, -EAGAIN, -ENOMEM, ... */
int spawn(const struct spawn_spec *spec, pid_t *pid);

#endif
