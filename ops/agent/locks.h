/*
 * locks: advisory locks in the guest, seen by the processes there.
 *
 * A lock that has to be waited for is tried again: when one of ours goes, and
 * from time to time, since nothing tells when somebody else's does.
 */
#ifndef ORBFS_OPS_AGENT_LOCKS_H
#define ORBFS_OPS_AGENT_LOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct agent;

enum {
	LOCKS_OWNERS = 1024,
	LOCKS_WAITING = 256,
	LOCKS_CHAIN = 10, /* who wait for each other, in a row */
	LOCKS_SOON_MS = 20,
	LOCKS_LATE_MS = 200,
};

struct lock {
	uint64_t handle;
	uint64_t owner;
	uint32_t type; /* as on the wire */
	uint64_t start;
	uint64_t end;
};

struct locks {
	/* Those who hold locks on ranges, each with a descriptor of its own. */
	struct lock_owner {
		uint64_t owner;
		uint64_t dev;
		uint64_t ino;
		uint64_t handle; /* the last it came through */
		int fd;
	} owners[LOCKS_OWNERS];
	size_t n_owners;
	struct lock_wait {
		uint32_t id; /* of the request */
		uint16_t op;
		struct lock lock;
	} waiting[LOCKS_WAITING];
	size_t n_waiting;
	int64_t next_ms; /* when they are tried again */
	unsigned delay_ms;
};

/* How long until locks_retry has something to do; -1: forever. */
int locks_timeout_ms(const struct agent *agent, int64_t now_ms);
/* Try what waits, if it is time. */
void locks_retry(struct agent *agent, int64_t now_ms);
/* The handle is about to be closed: what came through it goes. */
void locks_close(struct agent *agent, uint64_t handle);

#endif
