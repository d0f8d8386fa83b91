/*
 * copy: pieces on their way from one machine to another one.
 *
 * Owns a copy, until no piece of it is under way. A piece is asked for, read,
 * and written as soon as it is there; pieces end in any order. Where the first
 * one that fails or is short begins or ends, the copy ends: what was meant to
 * come behind it is not told.
 */
#include "fs/copy.h"

#include <errno.h>
#include <stdlib.h>

#include "fs/call.h"
#include "fs/fs.h"
#include "fs/open.h"
#include "fs/tell.h"

struct copy {
	struct request *rq;
	uint64_t next;  /* the piece that is asked for next, from the start */
	uint64_t end;   /* what was copied, when all pieces have ended */
	int err;        /* why it ends there, or 0 */
	bool at_target; /* that failed there */
	unsigned n_pieces;
};

struct piece {
	struct copy *copy;
	uint64_t at; /* from the start */
	size_t len;
};

void copy_fail_target(struct request *rq, int err)
{
	struct node *from = rq->node;
	struct open_file *open = rq->open;

	rq->node = rq->other;
	rq->other = from;
	rq->open = rq->to;
	rq->to = open;
	call_fail(rq, err);
}

static void end(struct copy *c)
{
	struct request *rq = c->rq;
	struct node *to = rq->other;

	file_wrote(to->file);
	tell_file(rq->fs, to->file);
	if (c->end > 0 || !c->err)
		request_reply_write(rq, (size_t)c->end);
	else if (c->at_target)
		copy_fail_target(rq, c->err);
	else
		call_fail(rq, c->err);
	free(c);
}

/* It goes no further than that. */
static void cut(struct copy *c, uint64_t at, int err, bool at_target)
{
	if (at >= c->end)
		return;
	c->end = at;
	c->err = err;
	c->at_target = at_target;
}

static void ask_pieces(struct copy *c);

/* New ones are asked for while this one still counts, so that c stays. */
static void piece_end(struct piece *p)
{
	struct copy *c = p->copy;

	free(p);
	ask_pieces(c);
	if (--c->n_pieces == 0)
		end(c);
}

static void on_written(void *arg, int err, const struct guest_reply *reply,
                       bool more)
{
	struct piece *p = arg;

	(void)more;
	if (err)
		cut(p->copy, p->at, err, true);
	else if (reply->number < p->len)
		cut(p->copy, p->at + reply->number, -ENOSPC, true);
	piece_end(p);
}

static void write_piece(struct piece *p, const void *data)
{
	struct request *rq = p->copy->rq;
	struct guest_call call = { .op = WIRE_WRITE,
		                   .offset = rq->call.to_offset + p->at,
		                   .data = data,
		                   .len = p->len };
	int err = open_handle(rq->to, &call.handle);

	if (err) {
		cut(p->copy, p->at, err, true);
		piece_end(p);
		return;
	}
	guest_ask(files_of(rq->other)->guest, &call, on_written, p);
}

static void on_read(void *arg, int err, const struct guest_reply *reply,
                    bool more)
{
	struct piece *p = arg;

	(void)more;
	if (!err && reply->len > p->len)
		err = -EPROTO;
	if (err)
		cut(p->copy, p->at, err, false);
	else if (reply->len < p->len) /* the end of the file */
		cut(p->copy, p->at + reply->len, 0, false);
	if (err || !reply->len) {
		piece_end(p);
		return;
	}
	p->len = reply->len;
	write_piece(p, reply->data);
}

static void ask_piece(struct copy *c)
{
	struct request *rq = c->rq;
	struct guest_call call = { .op = WIRE_READ,
		                   .offset = rq->call.offset + c->next };
	struct piece *p = malloc(sizeof(*p));
	int err = p ? open_handle(rq->open, &call.handle) : -ENOMEM;

	if (err) {
		cut(c, c->next, err, false);
		free(p);
		return;
	}
	*p = (struct piece){ .copy = c, .at = c->next, .len = COPY_PIECE };
	if (p->len > c->end - c->next)
		p->len = (size_t)(c->end - c->next);
	call.size = (uint32_t)p->len;
	c->next += p->len;
	c->n_pieces++;
	guest_ask(files_of(rq->node)->guest, &call, on_read, p);
}

static void ask_pieces(struct copy *c)
{
	/* One more may be under way than counts: the one that calls this. */
	while (c->n_pieces <= COPY_PIECES && c->next < c->end &&
	       !request_is_answered(c->rq))
		ask_piece(c);
}

void copy_between(struct request *rq)
{
	bool small = rq->node->file->attr.size <= COPY_PIECE;
	struct copy *c = small ? NULL : calloc(1, sizeof(*c));

	if (!c) {
		request_fail(rq, small ? -EXDEV : -ENOMEM);
		return;
	}
	c->rq = rq;
	c->end = rq->call.length < COPY_MOST ? rq->call.length : COPY_MOST;
	c->n_pieces = 1; /* until all that may be are asked for */
	file_writes(rq->other->file);
	ask_pieces(c);
	if (--c->n_pieces == 0)
		end(c);
}
