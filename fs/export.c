/*
 * export: archive.tar.zst of a machine, made while somebody reads it.
 *
 * An export belongs to one open file (handle->export). It first borrows the
 * machine from cache/lifecycle, then has the engine write to a stash, which
 * reads are served from. A read of what is not there yet waits in the list, and
 * is looked at again whenever the archive may have grown, which nothing tells:
 * so from time to time.
 *
 * When the file is closed before the end, the export outlives it until the
 * engine's program has ended; nobody waits for it then.
 */
#include "fs/export.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/lifecycle.h"
#include "fs/fs.h"
#include "ops/archive.h"
#include "ops/stash.h"

enum { LOOK_MS = 25, READ_MAX = 1 << 20 };

struct export
{
	struct fs *fs;
	struct member *m;        /* referred to */
	struct stash *stash;     /* NULL before its turn */
	struct act *loan;        /* of the machine; NULL: not lent */
	struct archive *archive; /* while the engine writes */
	struct alarm *look;
	struct request *waiting; /* reads, by next_waiting */
	bool ended;
	bool closed;
	int err; /* after the end */
};

/* It is over, and nobody reads it. */
static void free_if_done(struct export *ex)
{
	if (!ex->closed || ex->archive || ex->loan)
		return;
	stash_free(ex->stash);
	member_unref(ex->m);
	free(ex);
}

/* ---- reading ---- */

/* Give what there is at the request's offset. */
static void give(struct export *ex, struct request *rq)
{
	size_t size = rq->size < READ_MAX ? rq->size : READ_MAX;
	char *data = malloc(size ? size : 1);
	ssize_t n = data ? stash_read(ex->stash, rq->offset, data, size)
	                 : -ENOMEM;

	if (n < 0)
		request_fail(rq, (int)n);
	else
		request_reply_data(rq, data, (size_t)n);
	free(data);
}

/* How much of it may be read by now. */
static uint64_t readable(struct export *ex)
{
	bool grows = engine_streams_exports(ex->fs->spec.engine);

	if (!ex->stash || (!ex->ended && !grows))
		return 0;
	return stash_size(ex->stash);
}

/* Answer the request if it can be. */
static bool answer(struct export *ex, struct request *rq)
{
	if (ex->ended && ex->err)
		request_fail(rq, ex->err);
	else if (ex->ended || rq->offset < readable(ex))
		give(ex, rq);
	else
		return false;
	return true;
}

static void on_look(void *arg);

static void look_later(struct export *ex)
{
	struct clock *clock = ex->fs->spec.clock;

	if (ex->waiting && ex->stash && !ex->ended && !ex->look)
		ex->look = clock->set(clock, LOOK_MS, on_look, ex);
}

/* Answer who can be answered; the others wait on. */
static void serve(struct export *ex)
{
	struct request *rq = ex->waiting;

	ex->waiting = NULL;
	while (rq) {
		struct request *next = rq->next_waiting;

		if (!answer(ex, rq)) {
			rq->next_waiting = ex->waiting;
			ex->waiting = rq;
		}
		rq = next;
	}
	look_later(ex);
}

static void on_look(void *arg)
{
	struct export *ex = arg;

	ex->look = NULL;
	serve(ex);
}

static void on_interrupt(struct request *rq)
{
	struct export *ex = rq->handle->export;
	struct request **at = &ex->waiting;

	while (*at != rq)
		at = &(*at)->next_waiting;
	*at = rq->next_waiting;
	request_fail(rq, -EINTR);
}

/* ---- exporting ---- */

static void end(struct export *ex, int err)
{
	struct clock *clock = ex->fs->spec.clock;
	struct act *loan = ex->loan;

	ex->ended = true;
	ex->err = err;
	clock->cancel(clock, ex->look);
	ex->look = NULL;
	ex->loan = NULL;
	serve(ex);
	lifecycle_return(loan);
	free_if_done(ex);
}

static void on_exported(void *arg, int err, const char *why)
{
	struct export *ex = arg;

	if (!ex->closed)
		member_set_error(ex->m, "%s", why);
	end(ex, err);
}

static int make_stash(struct export *ex)
{
	char name[300];
	int err;

	if (snprintf(name, sizeof(name), "%s.tar.zst", ex->m->name) >=
	    (int)sizeof(name))
		return -ENAMETOOLONG;
	ex->stash = stash_new(name, &err);
	return err;
}

static void on_lent(void *arg, int err, struct member *m)
{
	struct export *ex = arg;
	struct archive_spec spec = {
		.engine = ex->fs->spec.engine,
		.clock = ex->fs->spec.clock,
		.name = m ? m->name : NULL,
	};

	if (!err && !ex->closed)
		err = make_stash(ex);
	if (err || ex->closed) {
		if (err && !ex->closed)
			member_set_error(ex->m, "export: %s", strerror(-err));
		end(ex, err);
		return;
	}
	spec.path = stash_path(ex->stash);
	look_later(ex);
	archive_export(&spec, &ex->archive, on_exported, ex);
}

static struct export *export_new(struct handle *handle)
{
	struct export *ex = calloc(1, sizeof(*ex));

	if (!ex)
		return NULL;
	ex->fs = handle->fs;
	ex->m = member_ref(handle->node->m);
	handle->export = ex;
	return ex;
}

static void wait_for_more(struct export *ex, struct request *rq)
{
	rq->next_waiting = ex->waiting;
	ex->waiting = rq;
	request_on_interrupt(rq, on_interrupt);
}

void export_read(struct request *rq)
{
	struct export *ex = rq->handle->export;
	bool is_new = !ex;

	if (is_new)
		ex = export_new(rq->handle);
	if (!ex) {
		request_fail(rq, -ENOMEM);
		return;
	}
	if (!is_new && answer(ex, rq))
		return;
	wait_for_more(ex, rq);
	if (is_new)
		lifecycle_lend(ex->m, &ex->loan, on_lent, ex);
	else
		look_later(ex);
}

void export_close(struct export *ex)
{
	if (!ex)
		return;
	ex->closed = true;
	if (ex->archive)
		archive_cancel(ex->archive);
	else if (ex->loan)
		lifecycle_return(ex->loan);
	else
		free_if_done(ex);
}
