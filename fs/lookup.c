/*
 * lookup: from a name to a node, by a listing or by the guest.
 *
 * Owns nothing. That a name is not there is remembered by the kernel as well,
 * where the guest tells of it when it comes.
 */
#include "fs/lookup.h"

#include <errno.h>
#include <sys/stat.h>

#include "fs/attr.h"
#include "fs/call.h"
#include "fs/files.h"
#include "fs/fs.h"
#include "fs/link.h"
#include "fs/readdir.h"

enum { LIST_MOST = 4096, MISSES = 2 };

struct file *lookup_enter(struct file *dir, const char *name,
                          const struct wire_attr *attr, const char *target)
{
	struct file *file = tree_enter(dir, name, attr);

	if (file)
		file_set_target(file, target);
	return file;
}

/* Answer a lookup with a file; its reference is taken. */
static void reply_file(struct request *rq, struct file *file)
{
	struct node *node = NULL;

	if (file)
		node = nodes_get_file(rq->fs->nodes, rq->node->m, file);
	file_unref(file);
	if (node)
		request_reply_entry(rq, node);
	else
		request_fail(rq, -ENOMEM);
}

/* There is no such name; the kernel may remember that as long as it is told of
 * a change. When the guest is lost it forgets what is in the root with all that
 * is below, but names that are not there cannot be told to it: so it does not
 * keep those of the root itself. */
static void reply_nothing(struct request *rq)
{
	if (rq->node->file->watched && !file_is_root(rq->node->file))
		request_reply_no_entry(rq, ATTR_SURE_S);
	else
		request_fail(rq, -ENOENT);
}

static void on_looked(void *arg, int err, const struct guest_reply *reply,
                      bool more)
{
	struct request *rq = arg;
	struct file *dir = rq->node->file;

	(void)more;
	if (call_again(rq, err))
		return;
	if (err == -ENOENT)
		tree_leave(dir, rq->text);
	if (err)
		call_fail(rq, err);
	else
		reply_file(rq, lookup_enter(dir, rq->text, &reply->attr,
		                            reply->text));
}

static void ask_stat(struct request *rq)
{
	rq->call.op = WIRE_STAT;
	if (call_path(rq, rq->text))
		call_send(rq, on_looked);
}

/* Answer from a listing; false: there is none that tells. */
static bool look_in_listing(struct request *rq)
{
	struct file *dir = rq->node->file;
	const struct listed *listed;

	if (!tree_listed(dir, rq->text, &listed))
		return false;
	if (!listed) {
		tree_leave(dir, rq->text);
		reply_nothing(rq);
		return true;
	}
	if (!S_ISDIR(listed->attr.mode))
		readdir_was_short(files_of(rq->node));
	if (!tree_listed_is_sure(dir, dir->listing, listed))
		return false;
	reply_file(rq,
	           lookup_enter(dir, rq->text, &listed->attr, listed->target));
	return true;
}

static void on_dir_listed(struct request *rq, int err)
{
	/* Too large, or gone; the guest tells of the one name. */
	if (err || !look_in_listing(rq))
		ask_stat(rq);
}

/* Who asks for one name in a directory may ask for all of them. */
static void look(struct request *rq)
{
	struct file *dir = rq->node->file;

	if (look_in_listing(rq))
		return;
	if (++dir->n_missed < MISSES || dir->n_missed > LIST_MOST)
		ask_stat(rq);
	else
		readdir_fetch(rq, LIST_MOST, on_dir_listed);
}

void lookup_lookup(struct request *rq)
{
	if (!wire_name_ok(rq->text, rq->len))
		request_fail(rq,
		             rq->len > WIRE_NAME_MAX ? -ENAMETOOLONG : -EINVAL);
	else if (!look_in_listing(rq))
		call_begin(rq, look);
}

/* ---- symbolic links ---- */

static void on_link_read(void *arg, int err, const struct guest_reply *reply,
                         bool more)
{
	struct request *rq = arg;
	struct buf b = BUF_INIT(WIRE_LINK_MAX);
	int depth = tree_depth(rq->node->file);

	(void)more;
	if (call_again(rq, err))
		return;
	if (!err && depth < 0)
		err = depth;
	if (!err && rq->fs->spec.raw_links)
		err = buf_adds(&b, reply->text);
	else if (!err)
		err = link_show(reply->text, reply->resolved, depth, &b);
	if (err == -EFBIG)
		err = -ENAMETOOLONG;
	if (err)
		call_fail_node(rq, err);
	else
		request_reply_readlink(rq, b.data ? b.data : "");
	buf_free(&b);
}

static void ask_readlink(struct request *rq)
{
	rq->call.op = WIRE_READLINK;
	if (call_path(rq, NULL))
		call_send(rq, on_link_read);
}

void lookup_readlink(struct request *rq)
{
	call_begin(rq, ask_readlink);
}
