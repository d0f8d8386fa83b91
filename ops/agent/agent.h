/*
 * agent: what the parts of the guest agent share.
 *
 * The agent is one process with one thread for nearly everything. A handler
 * carries out one request: it reads rq->in to its end, does the work and puts
 * the answer into rq->out, which lies in the output buffer and has room for
 * WIRE_BODY_MAX bytes. It returns 0, a negative errno (whatever it has put is
 * forgotten then), or REQUEST_LATER when the answer comes another time or not
 * at all.
 *
 * Paths are decoded into agent->path, which a handler owns while it runs.
 */
#ifndef ORBFS_OPS_AGENT_AGENT_H
#define ORBFS_OPS_AGENT_AGENT_H

#include "ops/agent/handles.h"
#include "ops/agent/identity.h"
#include "ops/agent/kinds.h"
#include "ops/agent/locks.h"
#include "ops/agent/slow.h"
#include "ops/agent/stream.h"
#include "ops/agent/watches.h"
#include "ops/wire.h"

struct agent {
	struct stream stream;
	struct handles handles;
	struct identity identity;
	struct kinds kinds;
	struct watches watches;
	struct locks locks;
	struct slow slow;
	int root;         /* "/", O_PATH */
	int mounts;       /* says when any comes or goes; -1: there is none */
	bool has_openat2; /* the kernel knows it */
	bool held_back;   /* requests have come and wait to be taken up */
	unsigned n_taken; /* requests, the last time that any came */
	int64_t heard_ns; /* when that was */
	bool close;       /* upon the time before */
	char path[2][WIRE_PATH_MAX];
	/* Names and values on their way: directory entries, xattrs. */
	_Alignas(8) char scratch[WIRE_XATTR_MAX];
};

struct request {
	uint32_t id;
	uint16_t op;
	struct wire_in in;
	struct wire_out out;
};

enum { REQUEST_LATER = 1 };

typedef int request_fn(struct agent *agent, struct request *rq);

/* Everything but the streams; 0 or a negative errno. In init.c. */
int agent_init(struct agent *agent);

/* Decode the request's body, carry it out, answer. false: no message that may
 * be sent to an agent. */
bool request_carry_out(struct agent *agent, const struct wire_header *h,
                       const struct wire_in *body);
/* Send what rq->out holds as a part of the answer and begin the next part. */
void request_more(struct agent *agent, struct request *rq);
/* Answer with n bytes of a file that stream_take has, as data, now. */
void request_pass(struct agent *agent, const struct request *rq, size_t n);
/* The answer of one that was REQUEST_LATER: empty, or with a number. Not while
 * an answer is being built. */
void request_answer(struct agent *agent, uint32_t id, uint16_t op, int err,
                    const uint64_t *number);

/* The handlers, by the file they are in. */
request_fn files_stat, files_readlink, files_getattr, files_setattr,
	files_mkdir, files_mknod, files_symlink, files_link, files_unlink,
	files_rmdir, files_rename, files_statfs;
request_fn list_directory;
request_fn open_existing, open_create, open_close, open_read, open_write,
	open_seek;
request_fn xattrs_get, xattrs_set, xattrs_list, xattrs_remove;
request_fn slow_fsync, slow_fallocate, slow_copy;
request_fn locks_set, locks_get, locks_flock, locks_unlock_owner, locks_cancel;
request_fn watch_stop;

#endif
