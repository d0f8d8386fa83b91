/*
 * names: from a mkdir, link, unlink or rename to the guest, and into the tree.
 *
 * Owns nothing. The tree follows the guest's answer, whoever still waits for
 * it: the file that is made, the listing that has a name more or less, and the
 * directory's attributes, which are old.
 */
#include "fs/names.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/attr.h"
#include "fs/call.h"
#include "fs/files.h"
#include "fs/finder.h"
#include "fs/fs.h"
#include "fs/lookup.h"
#include "fs/open.h"

/* What is behind the name: a target, or another name. */
static const char *second(const struct request *rq)
{
	return rq->text + strlen(rq->text) + 1;
}

/* Never into another machine; the kernel tells that apart only by us. */
static bool is_of_one_machine(const struct request *rq)
{
	const struct file *other = rq->other->file;

	return other && other->tree == rq->node->file->tree;
}

/* ---- making ---- */

void names_set_owner(struct request *rq)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(rq->fuse);

	rq->call.uid = WIRE_OWNER_PARENT;
	rq->call.gid = WIRE_OWNER_PARENT;
	rq->call.umask = ctx->umask;
	if (rq->fs->spec.shared) {
		rq->call.uid = ctx->uid;
		rq->call.gid = ctx->gid;
	}
}

void names_map_owner(struct request *rq)
{
	const struct files *files = files_of(rq->node);

	if (rq->call.uid == WIRE_OWNER_PARENT)
		return;
	rq->call.uid = idmap_uid(files, rq->call.uid);
	rq->call.gid = idmap_gid(files, rq->call.gid);
}

struct node *names_made(struct request *rq, const struct wire_attr *attr,
                        const char *target)
{
	struct file *dir = rq->node->file;
	struct file *file = lookup_enter(dir, rq->text, attr, target);
	struct node *node = NULL;

	file_spoil(dir);
	tree_list_change(dir, rq->text, attr, target);
	if (file)
		node = nodes_get_file(rq->fs->nodes, rq->node->m, file);
	file_unref(file);
	if (!node)
		request_fail(rq, -ENOMEM);
	return node;
}

static void on_made(void *arg, int err, const struct guest_reply *reply,
                    bool more)
{
	struct request *rq = arg;
	struct node *node;

	(void)more;
	if (call_again(rq, err))
		return;
	if (err) {
		call_fail(rq, err);
		return;
	}
	node = names_made(rq, &reply->attr,
	                  rq->call.op == WIRE_LINK ? rq->other->file->target
	                                           : rq->call.text);
	if (node)
		request_reply_entry(rq, node);
}

static void send_make(struct request *rq)
{
	if (call_path(rq, rq->text))
		call_send(rq, on_made);
}

static void ask_make(struct request *rq)
{
	names_map_owner(rq);
	rq->go = send_make;
	send_make(rq);
}

static void make(struct request *rq, enum wire_op op)
{
	rq->call.op = op;
	names_set_owner(rq);
	call_begin(rq, ask_make);
}

void names_mkdir(struct request *rq)
{
	make(rq, WIRE_MKDIR);
}

void names_mknod(struct request *rq)
{
	make(rq, WIRE_MKNOD);
}

void names_symlink(struct request *rq)
{
	rq->call.text = second(rq);
	make(rq, WIRE_SYMLINK);
}

/* ---- linking ---- */

static void on_linked(void *arg, int err, const struct guest_reply *reply,
                      bool more)
{
	struct request *rq = arg;
	struct file *file = rq->other->file;
	struct node *node;

	if (!err)
		file_spoil(file);
	if (err || !S_ISLNK(file->attr.mode) || reply->attr.nlink < 2) {
		on_made(rq, err, reply, more);
		return;
	}
	/* Each name of a symbolic link is another node, and the kernel has to
	 * learn the old one's count from this answer. So the new name is given
	 * the old node for now: it is looked up as soon as it is used. */
	node = names_made(rq, &reply->attr, file->target);
	if (!node)
		return;
	node_unref(node);
	file_set_attr(file, &reply->attr);
	request_reply_entry(rq, node_ref(rq->other));
}

static void ask_link(struct request *rq)
{
	struct file *file = rq->other->file;
	struct buf b = BUF_INIT(WIRE_PATH_MAX - 1);
	int err = 0;

	rq->call.op = WIRE_LINK;
	if (!call_path(rq, rq->text))
		return;
	rq->call.new_path = rq->path;
	rq->call.path = "";
	if (file->names)
		err = tree_path(file, &b);
	else
		rq->call.handle = open_any_handle(file);
	if (!err && file->names)
		rq->call.path = b.data;
	else if (!err && !rq->call.handle)
		err = -ENOENT;
	if (err)
		request_fail(rq, err == -EFBIG ? -ENAMETOOLONG : err);
	else
		call_send(rq, on_linked);
	buf_free(&b);
}

void names_link(struct request *rq)
{
	if (is_of_one_machine(rq))
		call_begin(rq, ask_link);
	else
		request_fail(rq, -EXDEV);
}

/* ---- removing and moving ---- */

/* A name goes by what we do: who has just found it there, and comes too late,
 * may change what nobody sees any more. */
static void note_removed(struct file *dir, const char *name,
                         const struct file *by)
{
	struct file *file = tree_find(dir, name);

	if (file && file != by && !file->opens && file_has_one_name(file))
		file->removed = true;
}

static void on_removed(void *arg, int err, const struct guest_reply *reply,
                       bool more)
{
	struct request *rq = arg;
	struct file *dir = rq->node->file;
	const struct file *file = err ? NULL : tree_find(dir, rq->text);

	(void)reply;
	(void)more;
	if (call_again(rq, err))
		return;
	if (file && file_has_one_name(file))
		finder_forget(rq->fs, attr_ino(files_of(rq->node), file->dev,
		                               file->ino));
	if (!err || err == -ENOENT) {
		if (!err)
			note_removed(dir, rq->text, NULL);
		tree_leave(dir, rq->text);
		tree_list_change(dir, rq->text, NULL, NULL);
		file_spoil(dir);
	}
	if (err)
		call_fail(rq, err);
	else
		request_reply_done(rq);
}

static void ask_remove(struct request *rq)
{
	if (call_path(rq, rq->text))
		call_send(rq, on_removed);
}

void names_remove(struct request *rq, bool directory, pid_t pid)
{
	rq->call.op = directory ? WIRE_RMDIR : WIRE_UNLINK;
	if (call_may_destroy(rq, pid))
		call_begin(rq, ask_remove);
}

static void on_renamed(void *arg, int err, const struct guest_reply *reply,
                       bool more)
{
	struct request *rq = arg;
	struct file *dir = rq->node->file;
	struct file *new_dir = rq->other->file;
	bool exchange = rq->call.flags & WIRE_RENAME_EXCHANGE;

	(void)reply;
	(void)more;
	if (call_again(rq, err))
		return;
	if (err) {
		call_fail(rq, err);
		return;
	}
	if (!exchange)
		note_removed(new_dir, second(rq), tree_find(dir, rq->text));
	tree_rename(dir, rq->text, new_dir, second(rq), exchange);
	/* What moved keeps its attributes, but for the time of its change. */
	tree_drop_listing(dir);
	tree_drop_listing(new_dir);
	tree_spoil_name(dir, rq->text);
	tree_spoil_name(new_dir, second(rq));
	file_spoil(dir);
	file_spoil(new_dir);
	request_reply_done(rq);
}

static void ask_rename(struct request *rq)
{
	struct buf b = BUF_INIT(WIRE_PATH_MAX - 1);
	int err = tree_path_of(rq->other->file, second(rq), &b);

	rq->call.op = WIRE_RENAME;
	if (err) {
		request_fail(rq, err == -EFBIG ? -ENAMETOOLONG : err);
	} else if (call_path(rq, rq->text)) {
		rq->call.new_path = b.data;
		call_send(rq, on_renamed);
	}
	buf_free(&b);
}

void names_rename(struct request *rq)
{
	if (is_of_one_machine(rq))
		call_begin(rq, ask_rename);
	else
		request_fail(rq, -EXDEV);
}
