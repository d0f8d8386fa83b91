/*
 * path: from a path of the protocol to something a system call can be asked
 * about.
 *
 * No symbolic link is followed, neither on the way nor at the end: the daemon
 * asks for paths without any, so one that is met was put there meanwhile, and
 * is answered with ELOOP.
 */
#ifndef ORBFS_OPS_AGENT_PATH_H
#define ORBFS_OPS_AGENT_PATH_H

#include "ops/agent/agent.h"

/* A name in a directory. The root of the guest has the name "". */
struct place {
	int dir; /* O_PATH; the agent's own root when in_root */
	bool in_root;
	const char *name; /* points into the path it was found by */
};

/* What a request is about: the open file if there is one, else the path, which
 * lies in agent->path[0]. */
struct node {
	char *path;
	struct handle *handle;
};

/* Is path_open's openat2 there? To be asked once. */
bool path_has_openat2(void);

/* Take the next path from the body into to, checked. 0 or -EINVAL. */
int path_get(struct wire_in *in, char to[WIRE_PATH_MAX]);
/* Take the next node. -EBADF: no such file is open. */
int node_get(struct agent *agent, struct wire_in *in, struct node *node);
/* Open what the path leads to. The path is written to and left as it was.
 * Returns a descriptor or a negative errno. */
int path_open(struct agent *agent, char *path, int flags);
/* Find the directory a path's last name is in. The path is cut there. */
int place_find(struct agent *agent, char *path, struct place *place);
void place_leave(struct place *place);
/* Open the place if it is a regular file; -ELOOP, -EISDIR, -ENXIO if not. */
int place_open(const struct place *place, int flags);

#endif
