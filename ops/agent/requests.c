/*
 * requests: the table of what may be asked, and how it is answered.
 *
 * An answer is built where it will be sent from: behind room for its header at
 * the end of the output. So carrying out a request allocates nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "ops/agent/path.h"

static int ping(struct agent *agent, struct request *rq)
{
	(void)agent;
	return wire_end(&rq->in) ? 0 : -EBADMSG;
}

static const struct {
	request_fn *carry_out;
} table[WIRE_N_OPS] = {
	[WIRE_STAT] = { files_stat },
	[WIRE_LIST] = { list_directory },
	[WIRE_READLINK] = { files_readlink },
	[WIRE_OPEN] = { open_existing },
	[WIRE_CREATE] = { open_create },
	[WIRE_CLOSE] = { open_close },
	[WIRE_READ] = { open_read },
	[WIRE_WRITE] = { open_write },
	[WIRE_FSYNC] = { open_fsync },
	[WIRE_SETATTR] = { files_setattr },
	[WIRE_GETATTR] = { files_getattr },
	[WIRE_MKDIR] = { files_mkdir },
	[WIRE_MKNOD] = { files_mknod },
	[WIRE_SYMLINK] = { files_symlink },
	[WIRE_LINK] = { files_link },
	[WIRE_UNLINK] = { files_unlink },
	[WIRE_RMDIR] = { files_rmdir },
	[WIRE_RENAME] = { files_rename },
	[WIRE_STATFS] = { files_statfs },
	[WIRE_PING] = { ping },
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

bool request_carry_out(struct agent *agent, const struct wire_header *h,
                       const struct wire_in *body)
{
	struct request rq = { .id = h->id, .op = h->op, .in = *body };
	int err;

	if (!table[h->op].carry_out || h->flags || h->err || h->id == 0)
		return false;
	begin(agent, &rq);
	err = table[h->op].carry_out(agent, &rq);
	if (err != REQUEST_LATER)
		finish(agent, &rq, err, 0);
	return true;
}
