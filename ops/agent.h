/*
 * agent: the guest agents this executable carries, one for each architecture.
 *
 * They are made from ops/agent/ when orbfs is built: the machine's own always,
 * others when there was a compiler for them. An image is a static Linux
 * program; its manual is ops/agent/PROTOCOL.
 */
#ifndef ORBFS_OPS_AGENT_H
#define ORBFS_OPS_AGENT_H

#include <stddef.h>

struct agent_image {
	const char *arch; /* "amd64", "arm64": as the engines say */
	const unsigned char *data;
	size_t len;
};

/* All that are carried; the last has no arch. */
extern const struct agent_image agent_images[];

/* The one for this architecture, or NULL. */
const struct agent_image *agent_image_find(const char *arch);

#endif
