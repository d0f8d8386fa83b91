/*
 * attr: between what a guest says of a file and what the kernel is told.
 *
 * Owns the wait for the attributes of files/ itself. Looking at a machine's
 * directory starts no guest, and does not wait for one that hangs: it asks for
 * files/, too.
 */
#include "fs/attr.h"

#include <errno.h>
#include <string.h>

#include "fs/call.h"
#include "fs/files.h"
#include "fs/fs.h"
#include "fs/link.h"
#include "fs/open.h"
#include "fs/platform.h"

enum { ROOT_WAIT_MS = 250 }; /* for a guest, by who looks at its machine */

/* ---- what the kernel is told ---- */

uint64_t attr_ino(const struct files *files, uint64_t dev, uint64_t ino)
{
	uint64_t x = ino ^ (dev * UINT64_C(0x9e3779b97f4a7c15)) ^ files->salt;

	x ^= x >> 31;
	x *= UINT64_C(0x7fb5d329728ea185);
	x ^= x >> 27;
	return x | UINT64_C(1) << 62;
}

static struct timespec time_of(const struct wire_time *t)
{
	return (struct timespec){ .tv_sec = t->sec, .tv_nsec = t->nsec };
}

static off_t shown_size(const struct file *file)
{
	int depth = tree_depth(file);

	return (off_t)(depth < 0 ? file->attr.size
	                         : link_shown_len(file->target, depth));
}

void attr_stat(const struct node *node, struct stat *st)
{
	const struct file *file = node->file;
	const struct wire_attr *a = &file->attr;
	const struct files *files = files_of(node);
	const struct fs *fs = files->fs;

	memset(st, 0, sizeof(*st));
	if (file_is_root(file))
		st->st_ino = node_ino_of(node->m, node->entry, NULL);
	else
		st->st_ino = attr_ino(files, file->dev, file->ino);
	st->st_mode = a->mode;
	st->st_nlink = a->nlink;
	st->st_uid = idmap_uid(files, a->uid);
	st->st_gid = idmap_gid(files, a->gid);
	st->st_rdev = makedev(a->rdev >> 20, a->rdev & 0xfffff);
	st->st_size = (off_t)a->size;
	/* Who makes room for a link by its size gets all of it. */
	if (file->target && !fs->spec.raw_links)
		st->st_size = shown_size(file);
	st->st_blocks = (blkcnt_t)a->blocks;
	st->st_blksize = (blksize_t)a->blksize;
	st->st_atim = time_of(&a->atime);
	st->st_mtim = time_of(&a->mtime);
	st->st_ctim = time_of(&a->ctime);
	/* A directory like /proc does not tell of its changes by its time; this
	 * keeps the kernel from keeping a listing of it. */
	if ((a->flags & WIRE_ATTR_VOLATILE) && file_is_dir(file))
		st->st_mtim = fs->spec.clock->wall(fs->spec.clock);
	if (a->nlink == 0 && file_is_root(file)) {
		/* Nobody has asked the guest yet. */
		st->st_nlink = 2;
		st->st_uid = fs->spec.uid;
		st->st_gid = fs->spec.gid;
		st->st_mtim = node->m->changed;
		st->st_ctim = st->st_mtim;
	}
}

/* In seconds. */
static double kernel_sure(uint64_t ms)
{
	return ms < 1000 * ATTR_SURE_S ? (double)ms / 1000 : ATTR_SURE_S;
}

void attr_timeouts(const struct node *node, double *entry_s, double *attr_s)
{
	const struct files *files = files_of(node);
	const struct file *file = node->file;

	*attr_s = kernel_sure(file_sure_ms(file));
	*entry_s = files->fs->spec.timeout;
	if (file_is_watched(file))
		*entry_s = ATTR_SURE_S;
	/* A name that was linked just now may have another one's node. */
	if (S_ISLNK(file->attr.mode) && file->attr.nlink > 1)
		*entry_s = 0;
}

bool attr_is_of_other(const struct file *file, const struct wire_attr *attr)
{
	bool is_told = file->names ? file_is_watched(file)
	                           : !file_is_root(file);

	if ((attr->mode ^ file->attr.mode) & S_IFMT)
		return true;
	/* Without a name it lost the one that was asked for. */
	return is_told && (attr->dev != file->dev || attr->ino != file->ino);
}

/* ---- files/ itself ---- */

bool attr_root_answers(const struct files *files)
{
	return guest_is_up(files->guest) && !files->root.late;
}

static void wake_root(struct files *files)
{
	struct request *waiting = files->root.waiting;

	files->root.waiting = NULL;
	while (waiting) {
		struct request *rq = waiting;

		waiting = rq->next_waiting;
		rq->go(rq);
	}
}

static void on_root_late(void *arg)
{
	struct files *files = arg;

	files->root.alarm = NULL; /* it fired */
	files->root.late = true;
	wake_root(files);
}

/* That of a guest which fails is as it was known before. */
static void on_root_attr(void *arg, int err, const struct guest_reply *reply,
                         bool more)
{
	struct files *files = arg;
	struct file *root = tree_root(files->tree);
	struct clock *clock = files->fs->spec.clock;

	(void)more;
	clock->cancel(clock, files->root.alarm);
	files->root.alarm = NULL;
	files->root.asked = false;
	files->root.late = false;
	if (!err)
		file_set_attr(root, &reply->attr);
	wake_root(files);
	file_unref(root);
}

void attr_ask_root(struct request *rq, void (*go)(struct request *rq))
{
	struct files *files = files_of(rq->node);
	struct clock *clock = files->fs->spec.clock;

	if (!attr_root_answers(files)) {
		go(rq);
		return;
	}
	rq->go = go;
	rq->next_waiting = files->root.waiting;
	files->root.waiting = rq;
	if (files->root.asked)
		return;
	files->root.asked = true;
	file_ref(rq->node->file);
	files->root.alarm =
		clock->set(clock, ROOT_WAIT_MS, on_root_late, files);
	guest_ask(files->guest,
	          &(struct guest_call){ .op = WIRE_GETATTR, .path = "" },
	          on_root_attr, files);
}

/* ---- getattr ---- */

static void on_attr(void *arg, int err, const struct guest_reply *reply,
                    bool more)
{
	struct request *rq = arg;

	(void)more;
	if (!err && attr_is_of_other(rq->node->file, &reply->attr))
		err = -ESTALE;
	if (call_again(rq, err))
		return;
	if (err) {
		call_fail_node(rq, err);
		return;
	}
	file_set_attr(rq->node->file, &reply->attr);
	request_reply_attr(rq);
}

static void ask_attr(struct request *rq)
{
	struct file *file = rq->node->file;

	rq->call.op = WIRE_GETATTR;
	if (call_cannot_reach(file)) {
		file->attr.nlink = 0;
		request_reply_attr(rq);
	} else if (call_node(rq)) {
		call_send(rq, on_attr);
	}
}

void attr_getattr(struct request *rq)
{
	if (file_sure_ms(rq->node->file))
		request_reply_attr(rq);
	else if (file_is_root(rq->node->file))
		attr_ask_root(rq, request_reply_attr);
	else
		call_begin(rq, ask_attr);
}

/* ---- setattr ---- */

static void on_set(void *arg, int err, const struct guest_reply *reply,
                   bool more)
{
	struct request *rq = arg;

	file_spoil(rq->node->file);
	on_attr(rq, err, reply, more);
}

/* Nobody but who has it open sees it any more: what is set is kept here. */
static void set_removed(const struct fs *fs, struct file *file,
                        const struct guest_call *call)
{
	struct timespec wall = fs->spec.clock->wall(fs->spec.clock);
	struct wire_time now = { wall.tv_sec, (uint32_t)wall.tv_nsec };
	struct wire_attr *a = &file->attr;

	a->nlink = 0;
	a->ctime = now;
	if (call->set & WIRE_SET_MODE)
		a->mode = (a->mode & S_IFMT) | (call->mode & 07777);
	if (call->set & WIRE_SET_UID)
		a->uid = call->set_uid;
	if (call->set & WIRE_SET_GID)
		a->gid = call->set_gid;
	if (call->set & (WIRE_SET_ATIME | WIRE_SET_ATIME_NOW))
		a->atime = call->set & WIRE_SET_ATIME_NOW ? now : call->atime;
	if (call->set & (WIRE_SET_MTIME | WIRE_SET_MTIME_NOW))
		a->mtime = call->set & WIRE_SET_MTIME_NOW ? now : call->mtime;
}

static void send_set(struct request *rq)
{
	struct file *file = rq->node->file;
	bool resize = rq->call.set & WIRE_SET_SIZE;
	bool found;

	if (file->removed && call_cannot_reach(file)) {
		set_removed(rq->fs, file, &rq->call);
		request_reply_attr(rq);
		return;
	}
	rq->call.op = WIRE_SETATTR;
	if (resize)
		rq->call.handle = open_writable_handle(file);
	found = resize ? call_node_path(rq) : call_node(rq);
	if (found)
		call_send(rq, on_set);
}

static void ask_set(struct request *rq)
{
	const struct files *files = files_of(rq->node);

	rq->call.set_uid = idmap_uid(files, rq->call.set_uid);
	rq->call.set_gid = idmap_gid(files, rq->call.set_gid);
	rq->go = send_set;
	send_set(rq);
}

void attr_setattr(struct request *rq, pid_t pid)
{
	if (!rq->call.set)
		attr_getattr(rq);
	else if (!(rq->call.set & WIRE_SET_SIZE) || call_may_destroy(rq, pid))
		call_begin(rq, ask_set);
}
