/*
 * fake_guest: the guest end of a channel, with a small tree and with faults.
 *
 *	struct fake_guest *g = fake_guest_new();
 *	fake_guest_file(g, "etc/hosts", "127.0.0.1 localhost\n");
 *	fake_guest_serve(g, loop, in_fd, out_fd, image_len, on_end, arg);
 *	g->hold = WIRE_STAT;	STATs wait until fake_guest_answer
 *	g->fault = FAKE_CUT;	the next replies are cut short
 *	fake_guest_free(g);
 *
 * It is made from ops/wire.c and does nothing outside of its own memory, so
 * whatever is done to its files, the computer's are safe. It runs on the
 * test's loop, over copies of the descriptors, or as a process of its own:
 * fake_guest_main is what a scripted orbctl starts.
 *
 * Members of struct fake_guest may be read and set at any time.
 */
#ifndef ORBFS_TESTS_FAKE_GUEST_H
#define ORBFS_TESTS_FAKE_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "ops/wire.h"

enum {
	FAKE_NODES = 8192,
	FAKE_HANDLES = 256,
	FAKE_UID = 1000, /* of all that nobody else was named for */
	FAKE_ROOT = 0,   /* the place of the root in nodes */
};

/* What is wrong with a reply. */
enum fake_fault {
	FAKE_NONE,
	FAKE_LATE,       /* it waits for fake_guest_release */
	FAKE_REORDER,    /* it comes behind the next one */
	FAKE_DUPLICATE,  /* it comes twice */
	FAKE_UNKNOWN_ID, /* one with an id that nobody asked for comes first */
	FAKE_WRONG_OP,   /* it names another operation */
	FAKE_GARBAGE,    /* bytes that are no header instead */
	FAKE_OVERSIZE,   /* a header of a body that may not be instead */
	FAKE_CUT,        /* the body's last byte is missing */
	FAKE_LONG,       /* the body has a byte too much */
	FAKE_MORE,       /* it says that more follows; nothing does */
	FAKE_EVENT,      /* an event of an unknown watch comes first */
	FAKE_FLOOD,      /* ten thousand of them */
	FAKE_BAD_EVENT,  /* one that makes no sense */
	FAKE_REQUEST,    /* a message that only a daemon may send */
	FAKE_DIE,        /* it ends instead */
	FAKE_DIE_HALF,   /* it ends in the middle */
	FAKE_HANG,       /* it says nothing from now on */
	FAKE_NO_HELLO,
	FAKE_OLD_HELLO, /* of another version */
	FAKE_TWO_HELLOS,
	FAKE_N_FAULTS
};

struct fake_node {
	uint64_t ino; /* 0: free */
	uint32_t mode;
	uint32_t nlink;
	uint32_t uid;
	uint32_t gid;
	uint32_t rdev;
	uint32_t flags; /* of its attributes */
	uint64_t changed;
	char *data; /* or the target of a link */
	size_t size;
	char xattr[256]; /* its one extended attribute, as text */
	uint64_t watch;
};

struct fake_name {
	int dir;
	int node;
	char *name;
};

/* A request that waits to be answered. */
struct fake_request {
	struct fake_request *next;
	struct wire_header h;
	unsigned char *body;
};

struct fake_guest {
	/* What it is told to do. */
	enum fake_fault fault;
	unsigned fault_after; /* so many replies are good before */
	bool fault_once;
	int hold;              /* an operation that waits; -1: every one */
	int err[WIRE_N_OPS];   /* errno of Linux: fails with that */
	unsigned most_written; /* 0: all; else so much of a write */
	unsigned list_part;    /* entries in one reply of a listing */
	bool not_watched;      /* it says that it cannot watch */
	bool locked;           /* locks that wait do so until cancelled */
	struct {
		uint32_t type; /* 0: for reading, 1: for writing, 2: none */
		uint64_t start;
		uint64_t end;
		uint32_t pid;
	} lock;               /* in the way of who asks */
	const char *resolved; /* of every link; "" when NULL */
	bool deaf;            /* it does not read */

	/* What it has seen. */
	uint32_t last_flags; /* of an OPEN */
	unsigned n_seen[WIRE_N_OPS];
	unsigned n_replies;
	unsigned n_cancelled;
	size_t image_left; /* bytes of the executable that have not come */
	struct fake_request *waiting;

	/* Its files. */
	struct fake_node nodes[FAKE_NODES];
	struct fake_name *names;
	size_t n_names;
	uint64_t last_ino;
	uint64_t reuse_ino; /* not 0: of the next node that is made */
	uint64_t now;
	struct {
		uint64_t handle;
		int node;
	} handles[FAKE_HANDLES];
	uint64_t last_handle;

	/* Private. */
	unsigned char *in;
	size_t in_len;
	unsigned char *out;
	size_t out_len;
	size_t out_cap;
	unsigned char *kept; /* a reply that comes later */
	size_t kept_len;
	bool kept_for_next;
	bool hung;
	bool dead;
	int in_fd;
	int out_fd;
	uv_poll_t *polls[2];
	void (*on_end)(void *arg);
	void *arg;
	unsigned char *body;
};

/* A root, and in it nothing. */
struct fake_guest *fake_guest_new(void);
/* Ends as well. */
void fake_guest_free(struct fake_guest *g);

/* Make files; directories above are made as well. The place in nodes. */
int fake_guest_dir(struct fake_guest *g, const char *path);
int fake_guest_file(struct fake_guest *g, const char *path, const char *text);
int fake_guest_symlink(struct fake_guest *g, const char *path,
                       const char *target);
int fake_guest_hard_link(struct fake_guest *g, const char *path,
                         const char *other);
/* -1: there is none. */
int fake_guest_find(const struct fake_guest *g, const char *path);
/* Somebody in the guest does this; what watches it is told. */
void fake_guest_write(struct fake_guest *g, const char *path, const char *text);
void fake_guest_remove(struct fake_guest *g, const char *path);
void fake_guest_move(struct fake_guest *g, const char *path, const char *other);

/* Serve over copies of these descriptors. on_end: it has ended, by itself or
 * because its input did; it may be served anew, with the same files. */
void fake_guest_serve(struct fake_guest *g, uv_loop_t *loop, int in_fd,
                      int out_fd, size_t image_len, void (*on_end)(void *arg),
                      void *arg);
/* End now. */
void fake_guest_die(struct fake_guest *g);

/* How many requests wait; answer the i-th of them, the oldest being 0. */
unsigned fake_guest_n_waiting(const struct fake_guest *g);
void fake_guest_answer(struct fake_guest *g, unsigned i);
void fake_guest_answer_all(struct fake_guest *g);
/* Send what was late. */
void fake_guest_release(struct fake_guest *g);
/* Read again after having been deaf. */
void fake_guest_listen(struct fake_guest *g, uv_loop_t *loop);

/* Send any message. */
void fake_guest_say(struct fake_guest *g, const struct wire_header *h,
                    const void *body);
/* Send any bytes. */
void fake_guest_spit(struct fake_guest *g, const void *bytes, size_t len);
void fake_guest_changed(struct fake_guest *g, uint64_t watch, uint32_t change,
                        const char *name);
void fake_guest_moved(struct fake_guest *g, uint64_t watch, const char *name,
                      uint64_t new_watch, const char *new_name);

/* Serve standard input and output, with one fault, and the files that the
 * tests of guest know. The words: LEN FAULT [AFTER]. */
int fake_guest_main(int argc, char **argv);

#endif
