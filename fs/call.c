/*
 * call: reach a guest's file, by its path or by what is open of it.
 *
 * Owns nothing but the words of a failure. A path is put together when it is
 * sent: a directory above may have been moved since. One that is moved while the
 * question is under way makes the guest say that there is nothing, or speak of
 * another file; then it is asked again, but not for ever.
 */
#include "fs/call.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache/lifecycle.h"
#include "fs/files.h"
#include "fs/fs.h"
#include "fs/open.h"

enum { AGAIN_MOST = 10 };

/* ---- beginning ---- */

bool call_may_destroy(struct request *rq, pid_t pid)
{
	const struct member *m = rq->node->m;

	if (guard_allows(rq->fs->guard, m, pid))
		return true;
	request_refuse(rq, -EPERM,
	               "files: this process tried to remove %s with all that "
	               "is in it",
	               m->name);
	return false;
}

static void on_machine_ready(void *arg, int err, struct member *m)
{
	struct request *rq = arg;
	struct files *files = files_of(rq->node);

	if (!err && !request_is_answered(rq))
		err = guest_set_machine(files->guest, m->name,
		                        m->machine->arch);
	if (err || request_is_answered(rq))
		request_fail(rq, err ? err : -EINTR);
	else if (!idmap_is_ready(files))
		idmap_begin(files, rq);
	else
		rq->go(rq);
}

void call_begin(struct request *rq, void (*go)(struct request *rq))
{
	struct files *files = files_of(rq->node);

	rq->go = go;
	if (guest_is_up(files->guest) && idmap_is_ready(files)) {
		go(rq);
		return;
	}
	lifecycle_wait(rq->node->m, on_machine_ready, rq);
}

/* ---- asking ---- */

bool call_path(struct request *rq, const char *name)
{
	struct buf b = BUF_INIT(WIRE_PATH_MAX - 1);
	int err = name ? tree_path_of(rq->node->file, name, &b)
	               : tree_path(rq->node->file, &b);

	rq->moves = tree_moves(rq->node->file->tree);
	free(rq->path);
	rq->path = NULL;
	if (!err)
		rq->path = buf_detach(&b, NULL);
	buf_free(&b);
	if (rq->path) {
		rq->call.path = rq->path;
		return true;
	}
	if (!err)
		err = -ENOMEM;
	request_fail(rq, err == -EFBIG ? -ENAMETOOLONG : err);
	return false;
}

bool call_node_path(struct request *rq)
{
	const struct file *file = rq->node->file;

	if (file->names || file_is_root(file))
		return call_path(rq, NULL);
	if (!rq->call.handle)
		rq->call.handle = open_any_handle(file);
	rq->call.path = "";
	if (rq->call.handle)
		return true;
	request_fail(rq, -ESTALE);
	return false;
}

bool call_node(struct request *rq)
{
	rq->call.handle = open_any_handle(rq->node->file);
	rq->call.path = "";
	return rq->call.handle || call_node_path(rq);
}

bool call_cannot_reach(const struct file *file)
{
	return !file->names && !file_is_root(file) && file_has_one_name(file) &&
	       !open_any_handle(file);
}

void call_send(struct request *rq, guest_fn *done)
{
	guest_ask(files_of(rq->node)->guest, &rq->call, done, rq);
}

/* ---- answers ---- */

bool call_again(struct request *rq, int err)
{
	if ((err != -ENOENT && err != -ESTALE) || rq->call.handle ||
	    request_is_answered(rq) ||
	    rq->moves == tree_moves(rq->node->file->tree) ||
	    rq->n_again++ == AGAIN_MOST)
		return false;
	rq->go(rq);
	return true;
}

/* Why there is no answer; or what the answer was, and about what. */
static void complain(struct request *rq, int err)
{
	const char *why = guest_why(files_of(rq->node)->guest);
	struct buf path = BUF_INIT(WIRE_PATH_MAX);

	if (!*why && rq->open && open_is_lost(rq->open))
		why = "opened before the machine, or its agent, was started "
		      "anew";
	else if (!*why)
		why = strerror(-err);
	if (rq->path && *rq->path)
		(void)buf_adds(&path, rq->path);
	else if (tree_path(rq->node->file, &path))
		buf_reset(&path); /* it has no name any more */
	if (path.len)
		member_set_error(rq->node->m, "files: %s: %s", path.data, why);
	else
		member_set_error(rq->node->m, "files: %s", why);
	buf_free(&path);
}

void call_fail(struct request *rq, int err)
{
	if (err == -EIO || err == -ETIMEDOUT || err == -EPROTO ||
	    err == -EOPNOTSUPP)
		complain(rq, err);
	request_fail(rq, err);
}

void call_fail_node(struct request *rq, int err)
{
	bool by_name = !rq->call.handle &&
	               !(rq->node->file->attr.flags & WIRE_ATTR_VOLATILE);

	call_fail(rq, err == -ENOENT && by_name ? -ESTALE : err);
}
