/*
 * identity: as whom new files are made.
 *
 *	err = identity_take(&agent->identity, &owner, dir);
 *	if (!err) {
 *		made = mkdirat(dir, name, mode);
 *		identity_drop(&agent->identity);
 *	}
 *
 * Between the two the kernel makes files as if the owner did, with all rights
 * of root. So the file is never there with another owner, and the group of a
 * set-gid directory, quotas and default ACLs are the kernel's own doing.
 */
#ifndef ORBFS_OPS_AGENT_IDENTITY_H
#define ORBFS_OPS_AGENT_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "ops/wire.h"

struct owner {
	uint32_t uid; /* WIRE_OWNER_PARENT: the directory's owner and group */
	uint32_t gid;
	uint32_t umask;
};

struct identity {
	uid_t uid; /* who we are between requests */
	gid_t gid;
	uid_t now_uid; /* who makes files at this moment */
	gid_t now_gid;
	uint32_t umask;   /* as it is set */
	uint32_t caps[6]; /* what we may do, as capget says it */
};

void identity_init(struct identity *who);
void identity_get(struct wire_in *in, struct owner *owner);
/* -EINVAL: the guest knows no such ids. Otherwise to be dropped. */
int identity_take(struct identity *who, const struct owner *owner, int dir);
/* Keeps errno. */
void identity_drop(struct identity *who);

#endif
