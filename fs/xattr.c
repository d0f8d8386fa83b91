/*
 * xattr: ask a guest for extended attributes, unless it is known to have none.
 *
 * Owns nothing. `ls -l` asks for some of every file, so a listing says which
 * files have any, and the others' are not asked for.
 */
#include "fs/xattr.h"

#include <errno.h>
#include <string.h>

#include "fs/attr.h"
#include "fs/call.h"
#include "fs/files.h"
#include "fs/finder.h"
#include "fs/fs.h"
#include "fs/litter.h"
#include "fs/platform.h"

/* ---- get and list ---- */

/* err 0: it is done. */
static void finish(struct request *rq, int err)
{
	if (call_again(rq, err))
		return;
	/* Most files have none: that is no error of the machine's. */
	if (err == -ENOENT)
		call_fail_node(rq, err);
	else
		request_fail(rq, err);
}

static void on_got(void *arg, int err, const struct guest_reply *reply,
                   bool more)
{
	struct request *rq = arg;

	(void)more;
	if (err)
		finish(rq, err);
	else if (rq->size == 0)
		request_reply_xattr_size(rq, (size_t)reply->number);
	else if (reply->len > rq->size)
		request_fail(rq, -ERANGE);
	else
		request_reply_data(rq, reply->data, reply->len);
}

/* The guest's, and those that it never hears of. */
static void reply_list(struct request *rq, const void *guests, size_t len)
{
	struct buf all = BUF_INIT(2 * WIRE_XATTR_MAX + LITTER_MAX);

	if (rq->size > 0)
		buf_add(&all, guests, len);
	finder_list_xattrs(rq, &all);
	if (all.err)
		request_fail(rq, all.err);
	else if (rq->size == 0)
		request_reply_xattr_size(rq, len + all.len);
	else if (all.len > rq->size)
		request_fail(rq, -ERANGE);
	else
		request_reply_data(rq, all.data, all.len);
	buf_free(&all);
}

static void on_listed(void *arg, int err, const struct guest_reply *reply,
                      bool more)
{
	struct request *rq = arg;

	(void)more;
	if (err)
		finish(rq, err);
	else
		reply_list(rq, reply->data,
		           rq->size ? reply->len : (size_t)reply->number);
}

static void ask_get(struct request *rq)
{
	guest_fn *done = rq->call.op == WIRE_LISTXATTR ? on_listed : on_got;

	rq->call.text = rq->text;
	rq->call.size = (uint32_t)(rq->size < WIRE_XATTR_MAX ? rq->size
	                                                     : WIRE_XATTR_MAX);
	if (call_node(rq))
		call_send(rq, done);
}

static void reply_none(struct request *rq)
{
	if (rq->call.op == WIRE_GETXATTR)
		request_fail(rq, -ENOATTR);
	else
		reply_list(rq, NULL, 0);
}

/* Of a machine's files/ that nobody has looked into, or whose guest hangs, none
 * is shown: `ls -l` asks for some. */
static void get_of_root(struct request *rq)
{
	if (!attr_root_answers(files_of(rq->node)) ||
	    file_has_no_xattrs(rq->node->file))
		reply_none(rq);
	else
		ask_get(rq);
}

static void get(struct request *rq, enum wire_op op)
{
	rq->call.op = op;
	if (file_has_no_xattrs(rq->node->file))
		reply_none(rq);
	else if (file_is_root(rq->node->file))
		attr_ask_root(rq, get_of_root);
	else
		call_begin(rq, ask_get);
}

void xattr_getxattr(struct request *rq)
{
	get(rq, WIRE_GETXATTR);
}

void xattr_listxattr(struct request *rq)
{
	get(rq, WIRE_LISTXATTR);
}

/* ---- set and remove ---- */

static void on_set(void *arg, int err, const struct guest_reply *reply,
                   bool more)
{
	struct request *rq = arg;

	(void)reply;
	(void)more;
	file_spoil(rq->node->file);
	finish(rq, err);
}

static void ask_set(struct request *rq)
{
	rq->call.text = rq->text;
	rq->call.data = rq->text + strlen(rq->text) + 1;
	rq->call.len = rq->size;
	if (rq->node->file->removed && call_cannot_reach(rq->node->file))
		request_reply_done(rq);
	else if (call_node(rq))
		call_send(rq, on_set);
}

void xattr_setxattr(struct request *rq)
{
	rq->call.op = WIRE_SETXATTR;
	if (rq->size > WIRE_XATTR_MAX)
		request_fail(rq, -E2BIG);
	else
		call_begin(rq, ask_set);
}

void xattr_removexattr(struct request *rq)
{
	rq->call.op = WIRE_REMOVEXATTR;
	call_begin(rq, ask_set);
}
