/*
 * guest: typed calls to the agent in a machine.
 *
 *	struct guest_call call = { .op = WIRE_STAT, .path = "etc/hosts" };
 *	guest_ask(guest, &call, on_stat, rq);
 *
 * One table (guest.c) says which members of struct guest_call an operation of
 * ops/wire.h sends, and which of struct guest_reply its answer fills; that
 * answer is checked and bounded before anybody sees it.
 *
 * The agent is started by the first call and ended after GUEST_IDLE_MS without
 * one, unless something is held open in it. When it dies, calls fail with -EIO
 * and the next one starts another: whoever holds handles of the old one learns
 * it from guest_epoch, which counts agents.
 */
#ifndef ORBFS_OPS_GUEST_H
#define ORBFS_OPS_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ops/clock.h"
#include "ops/engine.h"
#include "ops/log.h"
#include "ops/wire.h"

struct uv_loop_s;
struct guest;

enum { GUEST_IDLE_MS = 60000 };

/* Members that an operation does not send are ignored. Strings and data are
 * borrowed until guest_ask returns. */
struct guest_call {
	enum wire_op op;
	const char *path;     /* relative to the guest's root */
	const char *new_path; /* LINK, RENAME */
	uint64_t handle;
	uint64_t other;  /* COPY: the handle to write to */
	uint64_t offset; /* READ WRITE FALLOCATE SEEK COPY, start of a lock */
	uint64_t length; /* FALLOCATE COPY, the last byte of a lock */
	uint64_t to_offset; /* COPY */
	uint64_t owner;     /* of a lock */
	uint64_t watch;
	uint32_t flags; /* WIRE_O_*, WIRE_RENAME_*, of xattrs, whence */
	uint32_t size;  /* READ, want of OPEN, most of LIST, of xattrs */
	uint32_t mode;
	uint32_t rdev;
	uint32_t type; /* of a lock */
	bool flag;     /* FSYNC: data only; WRITE: exact; locks: wait */
	uint32_t uid;  /* of what is made, or WIRE_OWNER_PARENT */
	uint32_t gid;
	uint32_t umask;
	const char *text; /* target of SYMLINK, name of an xattr */
	const void *data; /* WRITE, SETXATTR */
	size_t len;
	uint32_t set; /* SETATTR: WIRE_SET_*, with the values: */
	uint32_t set_uid;
	uint32_t set_gid;
	uint64_t set_size;
	struct wire_time atime;
	struct wire_time mtime;
};

struct guest_entry {
	char name[WIRE_NAME_MAX + 1];
	struct wire_attr attr;
	char target[WIRE_LINK_MAX + 1];
};

struct guest_statfs {
	uint64_t blocks;
	uint64_t bfree;
	uint64_t bavail;
	uint64_t files;
	uint64_t ffree;
	uint32_t bsize;
	uint32_t namelen;
};

struct guest_reply {
	struct wire_attr attr;
	uint64_t handle;
	uint64_t number;  /* written, copied, offset, size of an xattr */
	const void *data; /* READ, OPEN, xattrs */
	size_t len;
	char text[WIRE_LINK_MAX + 1];     /* target of a link */
	char resolved[WIRE_PATH_MAX + 1]; /* READLINK */
	struct guest_statfs fs;
	uint32_t lock_type;
	uint64_t lock_start;
	uint64_t lock_end;
	uint32_t lock_pid;
	/* LIST: n entries to be fetched by guest_next_entry; the last reply
	 * has attr (of the directory), and: */
	uint32_t n_entries;
	bool complete;
	bool watched;
	struct wire_in entries;
};

/* reply is valid during the call; NULL when err is not 0. more: LIST only, the
 * call goes on. -EPROTO: the answer made no sense. */
typedef void guest_fn(void *arg, int err, const struct guest_reply *reply,
                      bool more);

/* Fetch the next entry of a LIST's reply; false: it makes no sense. */
bool guest_next_entry(struct guest_reply *reply, struct guest_entry *entry);

/* What the agent tells unasked. */
struct guest_events {
	/* name is valid during the call. */
	void (*changed)(void *arg, uint64_t watch, uint32_t change,
	                const char *name);
	/* What had that name has another one now, which is a good name. */
	void (*moved)(void *arg, uint64_t watch, const char *name,
	              uint64_t new_watch, const char *new_name);
	/* Nothing that was watched is sure any more: events were lost, or the
	 * agent has ended. */
	void (*lost)(void *arg);
};

struct guest_spec {
	struct uv_loop_s *loop;
	struct engine *engine;
	struct clock *clock;
	struct log *log;
	struct guest_events events;
	void *arg;
	unsigned *n_agents; /* counts those that run; NULL: nobody does */
};

/* Nothing is started yet. NULL: no memory. */
struct guest *guest_new(const struct guest_spec *spec);
/* Ends the agent; what is asked fails with -EIO. NULL is allowed. */
void guest_free(struct guest *guest);
/* End the agent now, as before a stop of the machine; the next call starts
 * another. What is asked fails with -EIO. */
void guest_hang_up(struct guest *guest);
/* Is there an agent, or one on its way? Else the next call starts one. */
bool guest_is_up(const struct guest *guest);
/* Grows whenever an agent is started: handles of another are dead. */
uint64_t guest_epoch(const struct guest *guest);
/* Where and as what the next agent is started: the machine's name and
 * architecture ("amd64", "arm64", NULL: as this computer). Copied; -ENOMEM. */
int guest_set_machine(struct guest *guest, const char *name, const char *arch);
/* The machine has another name, so that the next agent needs a new
 * guest_set_machine. One that serves it goes on; one that is on its way was
 * sent for by the old name, and ends as by guest_hang_up. */
void guest_forget_machine(struct guest *guest);
/* Something is held open in it: it does not end for idleness. */
void guest_hold(struct guest *guest);
void guest_let_go(struct guest *guest);

/* done is called once without `more`, maybe before this returns. Returns an id
 * for guest_cancel, or 0. */
uint32_t guest_ask(struct guest *guest, const struct guest_call *call,
                   guest_fn *done, void *arg);
/* The same for operations without a reply. Nothing when there is no agent. */
void guest_tell(struct guest *guest, const struct guest_call *call);
/* Ask a waiting lock to give up; its answer still comes. */
void guest_cancel(struct guest *guest, uint32_t id);
/* Why there is no agent, or why the one there is breaks; else "". */
const char *guest_why(const struct guest *guest);

#endif
