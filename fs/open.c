/*
 * open: what is open in a guest, and what is under way to it.
 *
 * Owns open files. One is opening (requests for it wait in line), open, or
 * dead: its open failed, or the agent that had it has ended. Messages to an
 * agent are carried out in their order, so a read behind a write sees what was
 * written, and nothing but a close or an fsync has to wait for writes.
 *
 * An open for reading of a file that the guest watches is answered before the
 * guest has opened it, unless names in its directory have changed just now: what
 * the kernel asks next waits here instead, and the beginning of the file comes
 * with the open. The guest may have given the name to another file all the same,
 * and that is not what was opened: it is asked for again where it is by then, or
 * the first read says that it went.
 */
#include "fs/open.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/attr.h"
#include "fs/call.h"
#include "fs/copy.h"
#include "fs/fs.h"
#include "fs/names.h"
#include "fs/tell.h"

enum { AGAIN_MOST = 10 };

enum open_state { OPEN_OPENING, OPEN_OPEN, OPEN_DEAD };

struct open_file {
	unsigned refs;
	struct node *node; /* referred to */
	enum open_state state;
	int err; /* why it is dead */
	bool writes;
	bool sync;
	uint64_t handle; /* the agent's */
	uint64_t epoch;  /* and which agent */
	/* Of an open that was answered before. */
	struct guest_call call;
	uint64_t moves; /* of the tree when it was asked for */
	unsigned n_again;
	/* The file's beginning, as it came with the open. */
	char *data;
	size_t len;
	uint64_t changes; /* of the file when it came */
	/* Writes under way. */
	size_t unacked;
	int write_err;           /* of one that was answered already */
	struct request *waiting; /* for the open, or for the writes */
	struct open_file *next;  /* in fs->opens */
	struct open_file **at;
	struct open_file *next_same; /* of the same file */
};

/* A write under way. */
struct write {
	struct open_file *of; /* referred to */
	size_t len;
	struct request *rq; /* who waits for it, or NULL */
};

/* ---- life ---- */

static struct open_file *open_file_new(struct node *node, int flags)
{
	struct open_file *of = calloc(1, sizeof(*of));
	struct fs *fs = files_of(node)->fs;

	if (!of)
		return NULL;
	of->refs = 1;
	of->node = node_ref(node);
	of->writes = (flags & O_ACCMODE) != O_RDONLY;
	of->sync = (flags & (O_SYNC | O_DSYNC)) != 0;
	of->at = &fs->opens;
	of->next = fs->opens;
	if (of->next)
		of->next->at = &of->next;
	fs->opens = of;
	of->next_same = node->file->opens;
	node->file->opens = of;
	return of;
}

static void leave_file(struct open_file *of)
{
	struct file *file = of->node->file;
	struct open_file *same = file->opens;

	if (same == of) {
		file->opens = of->next_same;
		file_let_go(file);
		return;
	}
	while (same->next_same != of)
		same = same->next_same;
	same->next_same = of->next_same;
}

struct open_file *open_file_ref(struct open_file *of)
{
	of->refs++;
	return of;
}

void open_file_unref(struct open_file *of)
{
	struct guest *guest;

	if (!of || --of->refs > 0)
		return;
	guest = files_of(of->node)->guest;
	if (of->state == OPEN_OPEN) {
		if (of->epoch == guest_epoch(guest))
			guest_tell(guest, &(struct guest_call){
						  .op = WIRE_CLOSE,
						  .handle = of->handle });
		guest_let_go(guest);
	}
	*of->at = of->next;
	if (of->next)
		of->next->at = of->at;
	leave_file(of);
	free(of->data);
	node_unref(of->node);
	free(of);
}

bool open_is_lost(const struct open_file *of)
{
	const struct guest *guest = files_of(of->node)->guest;

	return of->state == OPEN_OPEN &&
	       (of->epoch != guest_epoch(guest) || !guest_is_up(guest));
}

/* 0, or why nothing can be asked of it. */
static int check(const struct open_file *of)
{
	if (of->state == OPEN_DEAD)
		return of->err;
	return open_is_lost(of) ? -EIO : 0;
}

int open_handle(const struct open_file *of, uint64_t *handle)
{
	*handle = of->handle;
	return check(of);
}

static bool has_handle(const struct open_file *of)
{
	return of->state == OPEN_OPEN && !check(of);
}

uint64_t open_any_handle(const struct file *file)
{
	for (const struct open_file *of = file->opens; of; of = of->next_same)
		if (has_handle(of))
			return of->handle;
	return 0;
}

uint64_t open_writable_handle(const struct file *file)
{
	for (const struct open_file *of = file->opens; of; of = of->next_same)
		if (of->writes && has_handle(of))
			return of->handle;
	return 0;
}

bool open_is_open(const struct file *file)
{
	return file->opens != NULL;
}

/* ---- waiting in line ---- */

static void wait_in_line(struct request *rq, void (*go)(struct request *rq))
{
	struct request **at = &rq->open->waiting;

	while (*at)
		at = &(*at)->next_waiting;
	rq->go = go;
	rq->next_waiting = NULL;
	*at = rq;
}

/* Let everybody look again; who still has to wait goes back into the line. */
static void wake_line(struct open_file *of)
{
	struct request *line = of->waiting;

	of->waiting = NULL;
	open_file_ref(of);
	while (line) {
		struct request *rq = line;

		line = rq->next_waiting;
		rq->go(rq);
	}
	open_file_unref(of);
}

void open_begin(struct request *rq, void (*go)(struct request *rq))
{
	int err = check(rq->open);

	if (err)
		call_fail(rq, err);
	else if (rq->open->state == OPEN_OPENING)
		wait_in_line(rq, go);
	else
		go(rq);
}

void open_ask(struct request *rq, enum wire_op op, guest_fn *done)
{
	int err = check(rq->open); /* it may have waited for the open */

	if (err) {
		call_fail(rq, err);
		return;
	}
	rq->call.op = op;
	rq->call.handle = rq->open->handle;
	call_send(rq, done);
}

/* The answer of an operation that has none. */
static void on_done(void *arg, int err, const struct guest_reply *reply,
                    bool more)
{
	struct request *rq = arg;

	(void)reply;
	(void)more;
	if (err)
		call_fail(rq, err);
	else
		request_reply_done(rq);
}

/* ---- open and create ---- */

static uint32_t wire_flags(const struct request *rq)
{
	static const struct {
		int host;
		uint32_t wire;
	} rows[] = {
		{ O_APPEND, WIRE_O_APPEND },
		{ O_TRUNC, WIRE_O_TRUNC },
		{ O_EXCL, WIRE_O_EXCL },
		{ O_SYNC, WIRE_O_SYNC },
	};
	int flags = rq->fi.flags;
	uint32_t wire = 0;

	if ((flags & O_ACCMODE) != O_WRONLY)
		wire |= WIRE_O_READ;
	if ((flags & O_ACCMODE) != O_RDONLY)
		wire |= WIRE_O_WRITE;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if ((flags & rows[i].host) == rows[i].host)
			wire |= rows[i].wire;
	/* In the guest it is root that cuts the file. */
	if (wire & WIRE_O_TRUNC && fuse_req_ctx(rq->fuse)->uid != 0)
		wire |= WIRE_O_KILL_SUID;
	return wire;
}

static bool same_data(const struct wire_attr *a, const struct wire_attr *b)
{
	return a->size == b->size && a->mtime.sec == b->mtime.sec &&
	       a->mtime.nsec == b->mtime.nsec && a->ctime.sec == b->ctime.sec &&
	       a->ctime.nsec == b->ctime.nsec;
}

/* The guest has opened it. */
static void opened(struct open_file *of, const struct guest_reply *reply)
{
	struct guest *guest = files_of(of->node)->guest;
	struct file *file = of->node->file;

	of->state = OPEN_OPEN;
	of->handle = reply->handle;
	of->epoch = guest_epoch(guest);
	guest_hold(guest);
	/* What is written to /proc or /sys is an order, which may fail. */
	if (reply->attr.flags & WIRE_ATTR_VOLATILE)
		of->sync = true;
	file_set_attr(file, &reply->attr);
	if (reply->len && (of->data = malloc(reply->len))) {
		memcpy(of->data, reply->data, reply->len);
		of->len = reply->len;
		of->changes = file->changes;
	}
}

/* What the kernel may do with the pages it has. */
static void set_cache_flags(struct request *rq, const struct wire_attr *attr)
{
	const struct file *file = rq->node->file;

	rq->fi.keep_cache = same_data(&file->attr, attr);
	/* /proc and the like have content that their size says nothing of. And
	 * where nobody tells of it, the name may be another file's by now: what
	 * is read of that one is not to be mixed with the pages of this one. */
	rq->fi.direct_io = (attr->flags & WIRE_ATTR_VOLATILE) != 0 ||
	                   attr->dev != file->dev || attr->ino != file->ino;
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 11)
	rq->fi.noflush = !rq->open->writes && !file->locked;
#endif
	rq->fi.fh = (uintptr_t)rq->open;
}

static void reply_open(struct request *rq)
{
	struct open_file *of = open_file_ref(rq->open);

	/* The kernel's reference, unless it did not get the answer. */
	if (!request_reply_fi(rq))
		open_file_unref(of);
}

/* Did the guest open another file, that has got the name? Then not for us. */
static bool opened_other(const struct open_file *of,
                         const struct guest_reply *reply)
{
	if (!attr_is_of_other(of->node->file, &reply->attr))
		return false;
	guest_tell(files_of(of->node)->guest,
	           &(struct guest_call){ .op = WIRE_CLOSE,
	                                 .handle = reply->handle });
	return true;
}

static void on_opened(void *arg, int err, const struct guest_reply *reply,
                      bool more)
{
	struct request *rq = arg;
	bool stale;

	(void)more;
	if (!err && opened_other(rq->open, reply))
		err = -ESTALE;
	if (call_again(rq, err))
		return;
	if (err) {
		rq->open->state = OPEN_DEAD;
		rq->open->err = err;
		call_fail_node(rq, err);
		return;
	}
	set_cache_flags(rq, &reply->attr);
	stale = !rq->fi.keep_cache;
	opened(rq->open, reply);
	if (rq->fi.flags & O_TRUNC)
		file_spoil(rq->node->file);
	/* The kernel may still believe in another size. */
	if (stale)
		tell_file(rq->fs, rq->node->file);
	reply_open(rq);
}

static void on_opened_behind(void *arg, int err,
                             const struct guest_reply *reply, bool more);

/* Ask for the file where it is by now; false: it is nowhere to be found. What
 * tells of a move comes behind the answers that were built before it, so the
 * way may be the old one once more. */
static bool open_elsewhere(struct open_file *of)
{
	const struct file *file = of->node->file;
	struct buf path = BUF_INIT(WIRE_PATH_MAX - 1);
	bool found = of->n_again++ < AGAIN_MOST;

	of->call.handle = file->names ? 0 : open_any_handle(file);
	if (found && !of->call.handle)
		found = tree_path(file, &path) == 0;
	if (found) {
		of->moves = tree_moves(file->tree);
		of->call.path = path.data ? path.data : "";
		guest_ask(files_of(of->node)->guest, &of->call,
		          on_opened_behind, of);
	}
	buf_free(&path);
	return found;
}

/* The open was answered before. */
static void on_opened_behind(void *arg, int err,
                             const struct guest_reply *reply, bool more)
{
	struct open_file *of = arg;
	bool other = !err && opened_other(of, reply);
	bool moved = err == -ENOENT &&
	             of->moves != tree_moves(of->node->file->tree);

	(void)more;
	if ((other || moved) && open_elsewhere(of))
		return;
	if (other)
		err = -ESTALE;
	if (err) {
		of->state = OPEN_DEAD;
		of->err = err;
	} else {
		if (!same_data(&of->node->file->attr, &reply->attr))
			tell_file(files_of(of->node)->fs, of->node->file);
		opened(of, reply);
	}
	wake_line(of);
	open_file_unref(of);
}

static void ask_open(struct request *rq)
{
	struct files *files = files_of(rq->node);
	struct file *file = rq->node->file;
	bool changes = rq->open->writes || (rq->fi.flags & O_TRUNC);
	bool behind = !changes && file_is_watched(file) &&
	              file_is_at_rest(file) && file->attr.nlink == 1 &&
	              file_sure_ms(file) > 0 &&
	              !(file->attr.flags & WIRE_ATTR_VOLATILE);

	rq->call.op = WIRE_OPEN;
	/* The kernel has asked for the name just now. */
	rq->call.flags &= ~(uint32_t)WIRE_O_EXCL;
	rq->call.size = (rq->call.flags & WIRE_O_READ) &&
	                                !(rq->call.flags & WIRE_O_TRUNC) &&
	                                file->attr.size <= OPEN_AHEAD
	                        ? OPEN_AHEAD
	                        : 0;
	if (!call_node_path(rq))
		return;
	if (!behind) {
		call_send(rq, on_opened);
		return;
	}
	set_cache_flags(rq, &file->attr);
	rq->open->call = rq->call;
	rq->open->moves = tree_moves(file->tree);
	guest_ask(files->guest, &rq->call, on_opened_behind,
	          open_file_ref(rq->open));
	reply_open(rq);
}

void open_open(struct request *rq)
{
	rq->call.flags = wire_flags(rq);
	rq->open = open_file_new(rq->node, rq->fi.flags);
	if (!rq->open)
		request_fail(rq, -ENOMEM);
	else
		call_begin(rq, ask_open);
}

static void on_created(void *arg, int err, const struct guest_reply *reply,
                       bool more)
{
	struct request *rq = arg;
	struct open_file *of;
	struct node *node;

	(void)more;
	if (call_again(rq, err))
		return;
	if (err) {
		call_fail(rq, err);
		return;
	}
	node = names_made(rq, &reply->attr, NULL);
	if (!node)
		return; /* the agent closes it when it ends */
	of = open_file_new(node, rq->fi.flags);
	if (!of) {
		node_unref(node);
		request_fail(rq, -ENOMEM);
		return;
	}
	opened(of, reply);
	rq->fi.fh = (uintptr_t)of;
	rq->fi.keep_cache = 1;
	if (!request_reply_create(rq, node))
		open_file_unref(of);
}

static void send_create(struct request *rq)
{
	if (call_path(rq, rq->text))
		call_send(rq, on_created);
}

static void ask_create(struct request *rq)
{
	rq->call.op = WIRE_CREATE;
	names_map_owner(rq);
	rq->go = send_create;
	send_create(rq);
}

void open_create(struct request *rq)
{
	rq->call.flags = wire_flags(rq);
	names_set_owner(rq);
	call_begin(rq, ask_create);
}

void open_release(struct open_file *of)
{
	open_file_unref(of);
}

size_t opens_count(const struct fs *fs)
{
	size_t n = 0;

	for (const struct open_file *of = fs->opens; of; of = of->next)
		n++;
	return n;
}

void opens_free(struct fs *fs)
{
	while (fs->opens)
		open_file_unref(fs->opens);
}

/* ---- read ---- */

static void on_read(void *arg, int err, const struct guest_reply *reply,
                    bool more)
{
	struct request *rq = arg;

	(void)more;
	if (err)
		call_fail(rq, err);
	else if (reply->len > rq->size)
		call_fail(rq, -EPROTO);
	else
		request_reply_data(rq, reply->data, reply->len);
}

/* Answer from what came with the open; false: it does not tell. */
static bool read_ahead(struct request *rq)
{
	struct open_file *of = rq->open;
	const struct file *file = of->node->file;
	size_t n;

	if (!of->data)
		return false;
	/* It serves a reader that reads on; not one that comes back later. */
	if (of->changes != file->changes || !file_sure_ms(file) ||
	    rq->offset >= of->len ||
	    (rq->offset + rq->size > of->len && of->len < file->attr.size)) {
		free(of->data);
		of->data = NULL;
		return false;
	}
	n = of->len - (size_t)rq->offset;
	request_reply_data(rq, of->data + rq->offset,
	                   n < rq->size ? n : rq->size);
	return true;
}

static void read_now(struct request *rq)
{
	if (check(rq->open)) {
		call_fail(rq, check(rq->open));
		return;
	}
	if (read_ahead(rq))
		return;
	rq->call.offset = rq->offset;
	rq->call.size =
		(uint32_t)(rq->size < WIRE_DATA_MAX ? rq->size : WIRE_DATA_MAX);
	open_ask(rq, WIRE_READ, on_read);
}

void open_read(struct request *rq)
{
	open_begin(rq, read_now);
}

/* ---- write ---- */

/* Nobody waits for it: the name is in the machine's error, and whoever writes,
 * syncs or closes next is told. */
static void note_write_err(struct open_file *of, int err)
{
	const char *why = guest_why(files_of(of->node)->guest);
	struct buf path = BUF_INIT(WIRE_PATH_MAX);

	if (of->write_err)
		return;
	of->write_err = err;
	if (tree_path(of->node->file, &path))
		buf_reset(&path); /* it has no name any more */
	member_set_error(of->node->m, "files: %s: write: %s",
	                 path.len ? path.data : "a removed file",
	                 err == -EIO && *why ? why : strerror(-err));
	buf_free(&path);
}

static void on_written(void *arg, int err, const struct guest_reply *reply,
                       bool more)
{
	struct write *w = arg;
	struct open_file *of = w->of;
	struct request *rq = w->rq;

	(void)more;
	/* The agent writes all or tells why not. */
	if (!err && reply->number != w->len)
		err = -ENOSPC;
	of->unacked -= w->len;
	file_wrote(of->node->file);
	if (err && !rq)
		note_write_err(of, err);
	free(w);
	if (rq && err)
		call_fail(rq, err);
	else if (rq)
		request_reply_write(rq, rq->size);
	if (of->waiting && of->unacked == 0)
		wake_line(of);
	open_file_unref(of);
}

/* Tell a failure that nobody has heard of yet, once. */
static int take_write_err(struct open_file *of)
{
	int err = of->write_err;

	of->write_err = 0;
	return err;
}

void open_write(struct request *rq, const void *data, size_t len, bool exact)
{
	struct open_file *of = rq->open;
	struct write *w = NULL;
	int err = take_write_err(of);
	bool wait;

	if (err) {
		request_fail(rq, err); /* the error has its words */
		return;
	}
	err = check(of);
	if (!err)
		w = calloc(1, sizeof(*w));
	if (!w) {
		call_fail(rq, err ? err : -ENOMEM);
		return;
	}
	wait = of->sync || of->unacked + len > OPEN_BEHIND_MAX;
	w->of = open_file_ref(of);
	w->len = len;
	w->rq = wait ? rq : NULL;
	of->unacked += len;
	file_writes(of->node->file);
	rq->size = len;
	rq->call.op = WIRE_WRITE;
	rq->call.flag = exact;
	rq->call.handle = of->handle;
	rq->call.offset = rq->offset;
	rq->call.data = data;
	rq->call.len = len;
	guest_ask(files_of(rq->node)->guest, &rq->call, on_written, w);
	if (!wait)
		request_reply_write(rq, len);
}

/* ---- flush and fsync ---- */

static void flush_now(struct request *rq)
{
	struct open_file *of = rq->open;
	int err;

	if ((of->unacked || of->state == OPEN_OPENING) && !check(of)) {
		wait_in_line(rq, flush_now);
		return;
	}
	err = take_write_err(of);
	if (err || !of->node->file->locked || check(of)) {
		request_fail(rq, err);
		return;
	}
	/* As POSIX says, any close lets go of all of the owner's locks. */
	open_ask(rq, WIRE_UNLOCK_OWNER, on_done);
}

void open_flush(struct request *rq, uint64_t owner)
{
	rq->call.owner = owner;
	flush_now(rq);
}

static void on_synced(void *arg, int err, const struct guest_reply *reply,
                      bool more)
{
	struct request *rq = arg;
	int earlier = take_write_err(rq->open);

	if (earlier)
		request_fail(rq, earlier);
	else
		on_done(rq, err, reply, more);
}

static void fsync_now(struct request *rq)
{
	open_ask(rq, WIRE_FSYNC, on_synced);
}

void open_fsync(struct request *rq, bool data_only)
{
	rq->call.flag = data_only;
	open_begin(rq, fsync_now);
}

/* ---- the rest ---- */

static void on_resized(void *arg, int err, const struct guest_reply *reply,
                       bool more)
{
	struct request *rq = arg;

	file_spoil(rq->node->file);
	on_done(rq, err, reply, more);
}

static void fallocate_now(struct request *rq)
{
	open_ask(rq, WIRE_FALLOCATE, on_resized);
}

void open_fallocate(struct request *rq)
{
	open_begin(rq, fallocate_now);
}

static void on_sought(void *arg, int err, const struct guest_reply *reply,
                      bool more)
{
	struct request *rq = arg;

	(void)more;
	if (err)
		call_fail(rq, err);
	else
		request_reply_seek(rq, (off_t)reply->number);
}

static void seek_now(struct request *rq)
{
	open_ask(rq, WIRE_SEEK, on_sought);
}

void open_seek(struct request *rq)
{
	open_begin(rq, seek_now);
}

static void on_copied(void *arg, int err, const struct guest_reply *reply,
                      bool more)
{
	struct request *rq = arg;

	(void)more;
	file_spoil(rq->other->file);
	tell_file(rq->fs, rq->other->file);
	if (!err && reply->number > rq->call.length)
		err = -EPROTO;
	if (err)
		call_fail(rq, err);
	else
		request_reply_write(rq, (size_t)reply->number);
}

static void copy_now(struct request *rq)
{
	int err = open_handle(rq->to, &rq->call.other);

	if (err)
		copy_fail_target(rq, err);
	else if (files_of(rq->other) == files_of(rq->node))
		open_ask(rq, WIRE_COPY, on_copied);
	else
		copy_between(rq);
}

void open_copy(struct request *rq)
{
	open_begin(rq, copy_now);
}
