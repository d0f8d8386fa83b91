/*
 * requests: the table of what may be asked, and how it is answered.
 *
 * An answer is built where it will be sent from: behind room for its header at
 * the end of the output. So carrying out a request allocates nothing.
 */
#include <errno.h>

#include "ops/agent/watch.h"

static int ping(struct agent *agent, struct request *rq)
{
	(void)agent;
	return wire_end(&rq->in) ? 0 : -EBADMSG;
}

/* Changes are those whose events would come back from a watched directory. */
enum { CHANGES = 1 };

static const struct {
	request_fn *carry_out;
	unsigned what;
} table[WIRE_N_OPS] = {
	[WIRE_STAT] = { files_stat, 0 },
	[WIRE_LIST] = { list_directory, 0 },
	[WIRE_READLINK] = { files_readlink, 0 },
	[WIRE_OPEN] = { open_existing, CHANGES },
	[WIRE_CREATE] = { open_create, CHANGES },
	[WIRE_CLOSE] = { open_close, CHANGES },
	[WIRE_READ] = { open_read, 0 },
	[WIRE_WRITE] = { open_write, CHANGES },
	[WIRE_FSYNC] = { slow_fsync, 0 },
	[WIRE_SETATTR] = { files_setattr, CHANGES },
	[WIRE_GETATTR] = { files_getattr, 0 },
	[WIRE_MKDIR] = { files_mkdir, CHANGES },
	[WIRE_MKNOD] = { files_mknod, CHANGES },
	[WIRE_SYMLINK] = { files_symlink, CHANGES },
	[WIRE_LINK] = { files_link, CHANGES },
	[WIRE_UNLINK] = { files_unlink, CHANGES },
	[WIRE_RMDIR] = { files_rmdir, CHANGES },
	[WIRE_RENAME] = { files_rename, CHANGES },
	[WIRE_STATFS] = { files_statfs, 0 },
	[WIRE_GETXATTR] = { xattrs_get, 0 },
	[WIRE_SETXATTR] = { xattrs_set, CHANGES },
	[WIRE_LISTXATTR] = { xattrs_list, 0 },
	[WIRE_REMOVEXATTR] = { xattrs_remove, CHANGES },
	[WIRE_FALLOCATE] = { slow_fallocate, 0 },
	[WIRE_SEEK] = { open_seek, 0 },
	[WIRE_COPY] = { slow_copy, 0 },
	[WIRE_SETLK] = { locks_set, 0 },
	[WIRE_GETLK] = { locks_get, 0 },
	[WIRE_FLOCK] = { locks_flock, 0 },
	[WIRE_UNLOCK_OWNER] = { locks_unlock_owner, CHANGES },
	[WIRE_CANCEL] = { locks_cancel, 0 },
	[WIRE_UNWATCH] = { watch_stop, 0 },
	[WIRE_PING] = { ping, 0 },
};

static void begin(struct agent *agent, struct request *rq)
{
	unsigned char *room = stream_room(&agent->stream, STREAM_FRAME_MAX);

	rq->out = (struct wire_out){ .data = room + WIRE_HEADER,
		                     .size = WIRE_BODY_MAX };
}

static void finish(struct agent *agent, struct request *rq, int err,
                   uint16_t flags)
{
	struct wire_header h;

	if (!err && rq->out.over)
		err = -EOVERFLOW;
	h = (struct wire_header){
		.size = err ? 0 : (uint32_t)rq->out.len,
		.id = rq->id,
		.op = rq->op,
		.flags = WIRE_REPLY | flags,
		.err = (uint32_t)-err,
	};

	wire_put_header(&h, rq->out.data - WIRE_HEADER);
	stream_commit(&agent->stream, WIRE_HEADER + h.size);
}

void request_more(struct agent *agent, struct request *rq)
{
	finish(agent, rq, 0, WIRE_MORE);
	begin(agent, rq);
}

void request_pass(struct agent *agent, const struct request *rq, size_t n)
{
	struct wire_header h = { .size = (uint32_t)n + 4,
		                 .id = rq->id,
		                 .op = rq->op,
		                 .flags = WIRE_REPLY };
	unsigned char *room = stream_room(&agent->stream, WIRE_HEADER + 4);
	struct wire_out len = { .data = room + WIRE_HEADER, .size = 4 };

	wire_put_header(&h, room);
	wire_put_u32(&len, (uint32_t)n);
	stream_commit(&agent->stream, WIRE_HEADER + 4);
	stream_pass(&agent->stream, n);
}

void request_answer(struct agent *agent, uint32_t id, uint16_t op, int err,
                    const uint64_t *number)
{
	struct request rq = { .id = id, .op = op };

	begin(agent, &rq);
	if (number)
		wire_put_u64(&rq.out, *number);
	finish(agent, &rq, err, 0);
}

bool request_carry_out(struct agent *agent, const struct wire_header *h,
                       const struct wire_in *body)
{
	struct request rq = { .id = h->id, .op = h->op, .in = *body };
	bool watched;
	int err;

	if (!table[h->op].carry_out || h->flags || h->err || h->id == 0)
		return false;
	watched = table[h->op].what & CHANGES && agent->watches.count > 0;
	if (watched)
		watch_drain(agent, false);
	begin(agent, &rq);
	err = table[h->op].carry_out(agent, &rq);
	if (err != REQUEST_LATER)
		finish(agent, &rq, err, 0);
	/* What failed has changed nothing of what it named. */
	if (watched && agent->watches.n_own > 0)
		watch_drain(agent, err >= 0);
	return true;
}
