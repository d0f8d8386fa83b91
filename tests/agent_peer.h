/*
 * agent_peer: the daemon's side of a guest agent, by hand.
 *
 *	struct peer *p = peer_start();
 *	assert_int_equal(peer_ask(p, WIRE_MKDIR, "p4o", "d", 0755, 0, 0, 022), 0);
 *	wire_get_attr(&p->body, &attr);
 *	peer_end(p);
 *
 * The agent is a process of its own: what ORBFS_AGENT says (words divided by
 * blanks, for a qemu before it), else the program `agent` beside the test's.
 * It works in a temporary directory, which is removed at the end.
 *
 * Every wait ends after PEER_MS and fails the test.
 */
#ifndef ORBFS_TESTS_AGENT_PEER_H
#define ORBFS_TESTS_AGENT_PEER_H

#include <stdbool.h>
#include <sys/types.h>

#include "ops/wire.h"

enum { PEER_MS = 20000, PEER_EVENTS = 4096 };

struct peer_event {
	uint16_t op;
	uint64_t watch;
	uint32_t change; /* of WIRE_CHANGED */
	char name[WIRE_NAME_MAX + 1];
	uint64_t new_watch; /* of WIRE_MOVED, as the next one */
	char new_name[WIRE_NAME_MAX + 1];
};

struct peer {
	pid_t pid;
	int to;
	int from;
	int errors; /* its standard error, a file */
	char dir[64];
	uint32_t last_id;
	/* The frame received last. */
	struct wire_header h;
	struct wire_in body;
	struct peer_event events[PEER_EVENTS];
	unsigned n_events;
	bool drop_changes; /* do not keep them: there are too many */
	unsigned char frame[WIRE_HEADER + WIRE_BODY_MAX];
};

/* Start it, with an argument or NULL, and take its HELLO. */
struct peer *peer_start(void);
struct peer *peer_start_with(const char *arg);
/* On a kernel that has no openat2. */
struct peer *peer_start_old(void);
/* Is the agent the one that is shipped, without instruments or emulation? */
bool peer_is_shipped(void);
/* End its input; it ends with this status. Removes all. */
void peer_end(struct peer *p);
void peer_end_with(struct peer *p, int status);

/* A path in the temporary directory, good until the fourth call after. */
const char *peer_path(struct peer *p, const char *name);

/*
 * Send a request and return its id. The format has a letter for each part:
 *	p  const char *: a path in the temporary directory
 *	a  const char *: a path from the root
 *	t  const char *: a text
 *	d  const void *, size_t: data
 *	1 4  unsigned: a number of that many bytes
 *	8  uint64_t: likewise
 *	o  unsigned uid, gid, umask: an owner
 *	n  const char *, uint64_t: a node
 */
uint32_t peer_send(struct peer *p, enum wire_op op, const char *format, ...);
/* Take the next frame that is no event; events are kept. false: the end. */
bool peer_receive(struct peer *p);
/* Send, take its answer, return its errno (0: none). Other answers fail. */
int peer_ask(struct peer *p, enum wire_op op, const char *format, ...);

/* Open a file and return its handle; fails the test when it cannot. */
uint64_t peer_open(struct peer *p, const char *name, unsigned flags);
uint64_t peer_create(struct peer *p, const char *name, unsigned flags);

/* Wait until this event has come, and forget it. */
void peer_expect_event(struct peer *p, uint64_t watch, uint32_t change,
                       const char *name);
void peer_expect_moved(struct peer *p, uint64_t watch, const char *name,
                       uint64_t new_watch, const char *new_name);
/* Wait until the agent has said that events were lost. */
void peer_expect_lost(struct peer *p);
/* What was done so far has made no event that was not expected. */
void peer_expect_silence(struct peer *p);

#endif
