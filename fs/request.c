/*
 * request: the life of one question from its handler to its one answer.
 *
 * Owns what a waiting request holds (node, handle, copied text, a place in the
 * list of the living) and lets it go after the answer. An interrupt answers
 * EINTR and leaves the rest in place: the callback that the request waits for
 * still has it, and ends it by calling any of the answers below, which then
 * only clean up. With one thread there is no gap between the look whether a
 * request is interrupted already and asking to be told: answering from within
 * fuse_req_interrupt_func would free a lock that libfuse still holds.
 */
#include "fs/request.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/caller.h"
#include "fs/control.h"
#include "fs/fs.h"
#include "fs/open.h"
#include "fs/tell.h"
#include "fs/view.h"

enum { WHY_MAX = 600 };

enum { FILES_GRACE_MS = 1000 };

static void request_free(struct request *rq)
{
	*rq->at = rq->next;
	if (rq->next)
		rq->next->at = rq->at;
	if (rq->changes_names)
		tell_answered(rq, rq->err);
	if (!rq->fs->requests)
		requests_end(rq->fs);
	node_unref(rq->node);
	handle_unref(rq->handle);
	node_unref(rq->other);
	open_file_unref(rq->open);
	open_file_unref(rq->to);
	listing_unref(rq->listing);
	run_unref(rq->run);
	free(rq->path);
	free(rq->text);
	free(rq);
}

/* The libfuse request, to be answered now; NULL: it was interrupted. */
static fuse_req_t take_fuse(struct request *rq)
{
	fuse_req_t fuse = rq->fuse;
	struct clock *clock = rq->fs->spec.clock;

	clock->cancel(clock, rq->doubt);
	rq->doubt = NULL;
	rq->fuse = NULL;
	return fuse;
}

/* A file system is not interrupted by signals that somebody handles: programs
 * with a timer do not expect it. A guest's is when it takes long. */
static bool goes_on(const struct request *rq)
{
	uint64_t now = rq->fs->spec.clock->now_ms(rq->fs->spec.clock);

	if (!caller_wants_out(rq->caller))
		return true;
	return rq->node && rq->node->file && !rq->on_interrupt &&
	       now - rq->born_ms < FILES_GRACE_MS &&
	       !caller_is_dying(rq->caller);
}

/* Answer it now; its callback frees it. */
static void end_early(struct request *rq, int err)
{
	fuse_reply_err(take_fuse(rq), err);
	rq->err = -err;
	if (rq->changes_names)
		tell_answered(rq, rq->err);
}

/* It is interrupted; by what, the caller's signals tell. The kernel speaks of
 * the first only, so one that waits on is looked at until it is answered. */
static void consider_interrupt(void *arg)
{
	struct request *rq = arg;
	struct clock *clock = rq->fs->spec.clock;

	rq->doubt = NULL; /* it fired */
	if (goes_on(rq))
		rq->doubt = clock->set(clock, CALLER_LOOK_MS,
		                       consider_interrupt, rq);
	if (rq->doubt)
		return;
	end_early(rq, EINTR);
	if (rq->on_interrupt)
		rq->on_interrupt(rq);
}

static void on_fuse_interrupt(fuse_req_t fuse, void *data)
{
	struct request *rq = data;

	if (rq->fuse == fuse && !rq->doubt)
		consider_interrupt(rq);
}

/* ---- patience ---- */

static void await_oldest(struct fs *fs);

static bool is_overdue(const struct request *rq, uint64_t now_ms)
{
	return rq->fuse && now_ms - rq->born_ms >= rq->fs->spec.patience_ms;
}

static void expire(struct request *rq)
{
	request_interrupt_fn *fn = rq->on_timeout ? rq->on_timeout
	                                          : rq->on_interrupt;

	end_early(rq, ETIMEDOUT);
	if (fn)
		fn(rq);
}

static void on_patience_end(void *arg)
{
	struct fs *fs = arg;
	uint64_t now_ms = fs->spec.clock->now_ms(fs->spec.clock);
	struct request *rq = fs->requests;

	fs->patience = NULL; /* it fired */
	while (rq) {
		if (is_overdue(rq, now_ms)) {
			expire(rq);
			rq = fs->requests; /* who knows what has gone with it */
		} else {
			rq = rq->next;
		}
	}
	await_oldest(fs);
}

/* Wait until the patience with the oldest request is at its end. */
static void await_oldest(struct fs *fs)
{
	struct clock *clock = fs->spec.clock;
	const struct request *oldest = NULL;
	unsigned limit = fs->spec.patience_ms;
	uint64_t age;

	if (!limit || fs->patience)
		return;
	for (const struct request *rq = fs->requests; rq; rq = rq->next)
		if (rq->fuse)
			oldest = rq;
	if (!oldest)
		return;
	age = clock->now_ms(clock) - oldest->born_ms;
	fs->patience = clock->set(clock,
	                          age < limit ? limit - (unsigned)age : 0,
	                          on_patience_end, fs);
}

void requests_end(struct fs *fs)
{
	fs->spec.clock->cancel(fs->spec.clock, fs->patience);
	fs->patience = NULL;
}

/* ---- life ---- */

struct request *request_new(struct fs *fs, fuse_req_t fuse, struct node *node)
{
	struct request *rq;

	fs->n_requests++;
	if (fuse_req_interrupted(fuse)) {
		fuse_reply_err(fuse, EINTR);
		return NULL;
	}
	rq = calloc(1, sizeof(*rq));
	if (!rq) {
		fuse_reply_err(fuse, ENOMEM);
		return NULL;
	}
	rq->fs = fs;
	rq->fuse = fuse;
	rq->caller = fuse_req_ctx(fuse)->pid;
	rq->node = node ? node_ref(node) : NULL;
	rq->at = &fs->requests;
	rq->next = fs->requests;
	if (rq->next)
		rq->next->at = &rq->next;
	fs->requests = rq;
	rq->born_ms = fs->spec.clock->now_ms(fs->spec.clock);
	await_oldest(fs);
	fuse_req_interrupt_func(fuse, on_fuse_interrupt, rq);
	return rq;
}

bool request_keep(struct request *rq, const void *text, size_t len)
{
	rq->text = malloc(len + 1);
	if (!rq->text) {
		request_fail(rq, -ENOMEM);
		return false;
	}
	memcpy(rq->text, text, len);
	rq->text[len] = '\0';
	rq->len = len;
	return true;
}

bool request_keep_second(struct request *rq, const char *name)
{
	size_t len = strlen(name) + 1;
	char *both = realloc(rq->text, rq->len + 1 + len);

	if (!both) {
		request_fail(rq, -ENOMEM);
		return false;
	}
	memcpy(both + rq->len + 1, name, len);
	rq->text = both;
	rq->has_second = true;
	return true;
}

const char *request_second(const struct request *rq)
{
	return rq->has_second ? rq->text + rq->len + 1 : NULL;
}

void request_hold(struct request *rq, struct handle *handle)
{
	rq->handle = handle_ref(handle);
}

bool request_is_answered(const struct request *rq)
{
	return !rq->fuse;
}

void request_on_interrupt(struct request *rq, request_interrupt_fn *fn)
{
	rq->on_interrupt = fn;
}

void request_on_timeout(struct request *rq, request_interrupt_fn *fn)
{
	rq->on_timeout = fn;
}

void request_fail(struct request *rq, int err)
{
	fuse_req_t fuse = take_fuse(rq);

	/* What is being taken down is as good as not there. */
	if (err == -ECANCELED)
		err = -ENODEV;
	/* An answer that makes no sense; the error has its words. */
	if (err == -EPROTO)
		err = -EIO;
	if (fuse) {
		fuse_reply_err(fuse, -err);
		rq->err = err;
	}
	request_free(rq);
}

void request_refuse(struct request *rq, int err, const char *fmt, ...)
{
	char why[WHY_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	if (rq->node->m)
		member_set_error(rq->node->m, "%s", why);
	else
		fleet_set_error(rq->fs->spec.fleet, "%s", why);
	request_fail(rq, err);
}

void request_reply_done(struct request *rq)
{
	request_fail(rq, 0);
}

/* From any thread. */
static void on_told(void *arg, int err)
{
	fuse_reply_err(arg, -err);
}

void request_reply_told(struct request *rq)
{
	const struct fs *fs = rq->fs;
	fuse_req_t fuse;

	if (!fs->notify.inode_first) {
		request_reply_done(rq);
		return;
	}
	fuse = take_fuse(rq);
	if (fuse) {
		/* It outlives the request. */
		fuse_req_interrupt_func(fuse, NULL, NULL);
		fs->notify.inode_first(fs->notify_arg, rq->node->ino, on_told,
		                       fuse);
	}
	request_free(rq);
}

static void make_entry(struct fs *fs, struct node *node,
                       struct fuse_entry_param *e)
{
	e->ino = node->ino;
	e->generation = 1;
	view_attr(fs, node, &e->attr);
	view_timeouts(fs, node, &e->entry_timeout, &e->attr_timeout);
}

void request_reply_entry(struct request *rq, struct node *node)
{
	fuse_req_t fuse = take_fuse(rq);
	struct fuse_entry_param e = { 0 };

	if (fuse) {
		make_entry(rq->fs, node, &e);
		/* What the kernel did not get, it will not forget. */
		if (fuse_reply_entry(fuse, &e) == 0)
			node_looked_up(node);
	}
	node_unref(node);
	request_free(rq);
}

void request_reply_attr(struct request *rq)
{
	fuse_req_t fuse = take_fuse(rq);
	double entry_timeout;
	double attr_timeout;
	struct stat st;

	if (fuse) {
		view_attr(rq->fs, rq->node, &st);
		view_timeouts(rq->fs, rq->node, &entry_timeout, &attr_timeout);
		fuse_reply_attr(fuse, &st, attr_timeout);
	}
	request_free(rq);
}

#ifdef __linux__
/* Answer an open with FOPEN_STREAM, which libfuse has no word for; this is the
 * kernel's struct fuse_open_out. Kernels before 5.2 ignore that flag. */
static int reply_stream(fuse_req_t fuse, uint64_t fh)
{
	enum { FLAG_DIRECT_IO = 1 << 0, FLAG_STREAM = 1 << 4 };
	struct {
		uint64_t fh;
		uint32_t flags;
		uint32_t unused;
	} out = { .fh = fh, .flags = FLAG_DIRECT_IO | FLAG_STREAM };

	return fuse_reply_buf(fuse, (const char *)&out, sizeof(out));
}
#endif

static int reply_open(fuse_req_t fuse, const struct request *rq)
{
#ifdef __linux__
	if (rq->stream)
		return reply_stream(fuse, rq->fi.fh);
#endif
	return fuse_reply_open(fuse, &rq->fi);
}

void request_reply_open(struct request *rq, struct handle *handle)
{
	fuse_req_t fuse = take_fuse(rq);

	rq->fi.fh = (uintptr_t)handle;
	/* Without an answer that arrives there is no release. */
	if (!fuse || reply_open(fuse, rq) != 0)
		handle_unref(handle);
	request_free(rq);
}

bool request_reply_fi(struct request *rq)
{
	fuse_req_t fuse = take_fuse(rq);
	bool got = fuse && fuse_reply_open(fuse, &rq->fi) == 0;

	request_free(rq);
	return got;
}

bool request_reply_create(struct request *rq, struct node *node)
{
	fuse_req_t fuse = take_fuse(rq);
	struct fuse_entry_param e = { 0 };
	bool got;

	make_entry(rq->fs, node, &e);
	got = fuse && fuse_reply_create(fuse, &e, &rq->fi) == 0;
	if (got)
		node_looked_up(node);
	node_unref(node);
	request_free(rq);
	return got;
}

void request_reply_no_entry(struct request *rq, double timeout_s)
{
	struct fuse_entry_param e = { .entry_timeout = timeout_s };
	fuse_req_t fuse = take_fuse(rq);

	if (fuse)
		fuse_reply_entry(fuse, &e);
	request_free(rq);
}

void request_reply_readlink(struct request *rq, const char *target)
{
	fuse_req_t fuse = take_fuse(rq);

	if (fuse)
		fuse_reply_readlink(fuse, target);
	request_free(rq);
}

void request_reply_statfs(struct request *rq, const struct statvfs *st)
{
	fuse_req_t fuse = take_fuse(rq);

	if (fuse)
		fuse_reply_statfs(fuse, st);
	request_free(rq);
}

void request_reply_xattr_size(struct request *rq, size_t size)
{
	fuse_req_t fuse = take_fuse(rq);

	if (fuse)
		fuse_reply_xattr(fuse, size);
	request_free(rq);
}

void request_reply_seek(struct request *rq, off_t offset)
{
	fuse_req_t fuse = take_fuse(rq);

	if (fuse)
		fuse_reply_lseek(fuse, offset);
	request_free(rq);
}

void request_reply_lock(struct request *rq, const struct flock *lock)
{
	fuse_req_t fuse = take_fuse(rq);

	if (fuse)
		fuse_reply_lock(fuse, lock);
	request_free(rq);
}

void request_reply_data(struct request *rq, const void *data, size_t len)
{
	fuse_req_t fuse = take_fuse(rq);

	if (fuse)
		fuse_reply_buf(fuse, data, len);
	request_free(rq);
}

void request_reply_poll(struct request *rq, unsigned events)
{
	fuse_req_t fuse = take_fuse(rq);

	if (fuse)
		fuse_reply_poll(fuse, events);
	request_free(rq);
}

void request_reply_write(struct request *rq, size_t len)
{
	fuse_req_t fuse = take_fuse(rq);

	if (fuse)
		fuse_reply_write(fuse, len);
	request_free(rq);
}

void requests_fail_all(struct fs *fs, int err)
{
	for (struct request *rq = fs->requests; rq; rq = rq->next) {
		fuse_req_t fuse = take_fuse(rq);

		if (fuse)
			fuse_reply_err(fuse, -err);
	}
}
