/*
 * exec: from a write to a run, and from a run's spools to reads.
 *
 * Owns the memory of what exec files gave last: copying a machine's directory
 * onto another must not run old output as a script, so a write of just the
 * bytes that some exec gave in its last read is refused.
 *
 * A script's run is in three hands: the machine's (its record), the open
 * file's (which may read its output) and the writer's, who is answered at its
 * end. An interrupted writer ends the script; one that only ran out of time
 * (fs_spec.patience_ms) leaves it running.
 */
#include "fs/exec.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cache/lifecycle.h"
#include "fs/fs.h"

enum { GIVEN_SLOTS = 64, READ_MAX = 1 << 20 };

struct exec {
	/* What was read last from a machine's exec. */
	struct {
		const struct member *m;
		size_t len;
		uint64_t hash;
	} given[GIVEN_SLOTS];
	unsigned next;
};

/* A script that runs, and who waits for it. */
struct script {
	struct fs *fs;
	struct member *m;
	struct request *rq;
	bool is_flush;
};

struct exec *exec_new(void)
{
	return calloc(1, sizeof(struct exec));
}

void exec_free(struct exec *exec)
{
	free(exec);
}

/* ---- what was given ---- */

/* FNV-1a; the lengths are compared as well. */
static uint64_t hash_of(const char *data, size_t len)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)data[i]) *
		       UINT64_C(1099511628211);
	return hash;
}

static void remember_given(struct exec *exec, const struct member *m,
                           const char *data, size_t len)
{
	unsigned place = exec->next;

	for (unsigned i = 0; i < GIVEN_SLOTS; i++)
		if (exec->given[i].m == m)
			place = i;
	if (place == exec->next)
		exec->next = (exec->next + 1) % GIVEN_SLOTS;
	exec->given[place].m = m;
	exec->given[place].len = len;
	exec->given[place].hash = hash_of(data, len);
}

static void forget_given(struct exec *exec, const struct member *m)
{
	for (unsigned i = 0; i < GIVEN_SLOTS; i++)
		if (exec->given[i].m == m)
			exec->given[i].len = 0;
}

static bool was_given(const struct exec *exec, const char *data, size_t len)
{
	uint64_t hash = 0;

	for (unsigned i = 0; i < GIVEN_SLOTS; i++) {
		if (len == 0 || exec->given[i].len != len)
			continue;
		if (!hash)
			hash = hash_of(data, len);
		if (exec->given[i].hash == hash)
			return true;
	}
	return false;
}

/* ---- reading ---- */

static void on_more(void *arg)
{
	exec_read(arg);
}

/* A read that waited for output was interrupted. */
static void on_read_interrupt(struct request *rq)
{
	run_unwatch(rq->run, &rq->watch);
	request_fail(rq, -EINTR);
}

/* Wait for more output of a run that goes on. */
static void read_later(struct request *rq, struct run *run)
{
	if (request_is_answered(rq)) {
		request_fail(rq, -EINTR);
		return;
	}
	/* It may have waited for another one before, which has ended. */
	run_ref(run);
	run_unref(rq->run);
	rq->run = run;
	rq->watch.fn = on_more;
	rq->watch.arg = rq;
	request_on_interrupt(rq, on_read_interrupt);
	run_watch(run, &rq->watch);
}

/* Answer a read from a spool; 0 bytes are the end. */
static void give(struct request *rq, struct spool *spool, uint64_t offset,
                 uint64_t *cursor)
{
	struct member *m = rq->node->m;
	size_t size = rq->size < READ_MAX ? rq->size : READ_MAX;
	char *data = malloc(size ? size : 1);
	ssize_t n = data ? spool_read(spool, offset, data, size) : -ENOMEM;

	if (n < 0) {
		free(data);
		request_fail(rq, (int)n);
		return;
	}
	if (cursor)
		*cursor = offset + (uint64_t)n;
	if (n > 0 && rq->node->entry->accept == ACCEPT_EXEC)
		remember_given(rq->fs->exec, m, data, (size_t)n);
	request_reply_data(rq, data, (size_t)n);
	free(data);
}

static void drop_first_run(struct handle *handle)
{
	run_unref(handle->runs[0]);
	handle->n_runs--;
	memmove(handle->runs, handle->runs + 1,
	        handle->n_runs * sizeof(handle->runs[0]));
	handle->cursor = 0;
}

static uint64_t at_least(uint64_t n, uint64_t least)
{
	return n < least ? least : n;
}

/* Read what this very open file ran, in order. */
static void read_own(struct request *rq)
{
	struct handle *handle = rq->handle;

	while (handle->n_runs) {
		struct run *run = handle->runs[0];
		struct spool *spool = run_spool(run, RUN_ALL);

		handle->cursor = at_least(handle->cursor, spool_start(spool));
		if (handle->cursor < spool_end(spool)) {
			give(rq, spool, handle->cursor, &handle->cursor);
			return;
		}
		if (!run_ended(run)) {
			read_later(rq, run);
			return;
		}
		drop_first_run(handle);
	}
	request_reply_data(rq, NULL, 0);
}

void exec_read(struct request *rq)
{
	struct handle *handle = rq->handle;
	struct spool *spool;

	if (handle->has_run) {
		read_own(rq);
		return;
	}
	if (!handle->shown) {
		request_reply_data(rq, NULL, 0);
		return;
	}
	spool = run_spool(handle->shown, rq->node->entry->stream);
	if (!handle->stream)
		give(rq, spool, spool_start(spool) + rq->offset, NULL);
	else
		give(rq, spool, at_least(handle->cursor, spool_start(spool)),
		     &handle->cursor);
}

/* ---- running ---- */

/* Answer the writer, or only let go of it if it waits no more. */
static void answer(struct script *script, int err)
{
	struct request *rq = script->rq;

	if (err)
		request_fail(rq, err);
	else if (script->is_flush)
		request_reply_done(rq);
	else
		request_reply_write(rq, rq->size);
}

static void on_run_end(void *arg, struct run *run)
{
	struct script *script = arg;
	struct member *m = script->m;

	/* The answer goes first, or it would compete with the notifications
	 * that the others cause. No request is served in between. */
	answer(script, run_error(run));
	member_set_finished(m, run);
	if (!run_error(run) && run_lost(run))
		member_set_error(m,
		                 "exec: %" PRIu64 " bytes of its output could "
		                 "not be kept: no room for temporary files",
		                 run_lost(run));
	else
		member_set_error(m, "%s", run_why(run));
	member_unref(m);
	free(script);
}

static void on_write_timeout(struct request *rq)
{
	member_set_error(rq->node->m, "exec: the script goes on; "
	                              "run/last/status follows it");
}

/* The writer is gone (it was answered EINTR): so goes the script. */
static void on_write_interrupt(struct request *rq)
{
	if (rq->run)
		run_interrupt(rq->run);
}

static void keep_for_reading(struct handle *handle, struct run *run)
{
	if (!handle->has_run)
		handle->cursor = 0; /* it was in shown */
	handle->has_run = true;
	if (handle->n_runs == HANDLE_RUNS)
		drop_first_run(handle);
	handle->runs[handle->n_runs++] = run_ref(run);
}

static void start_script(struct script *script, struct request *rq)
{
	struct fs *fs = script->fs;
	struct member *m = script->m;
	struct run_spec spec = {
		.engine = fs->spec.engine,
		.clock = fs->spec.clock,
		.machine = m->name,
		.script = rq->text,
		.len = rq->len,
		.spool_max = fs->spec.spool_max,
		.on_end = on_run_end,
		.arg = script,
	};
	int err;
	struct run *run = run_open(&spec, &err);

	if (!run) {
		member_set_error(m, "exec: %s", strerror(-err));
		member_unref(m);
		free(script);
		request_fail(rq, err);
		return;
	}
	forget_given(fs->exec, m);
	member_set_last(m, run);
	keep_for_reading(rq->handle, run);
	script->rq = rq;
	rq->run = run; /* our reference */
	request_on_interrupt(rq, on_write_interrupt);
	request_on_timeout(rq, on_write_timeout);
}

static void on_ready(void *arg, int err, struct member *m)
{
	struct request *rq = arg;
	struct script *script;

	if (err || request_is_answered(rq)) {
		request_fail(rq, err ? err : -EINTR);
		return;
	}
	script = calloc(1, sizeof(*script));
	if (!script) {
		request_fail(rq, -ENOMEM);
		return;
	}
	script->fs = rq->fs;
	script->m = member_ref(m);
	script->is_flush = rq->size == 0;
	start_script(script, rq);
}

/* Nothing is to be run: a write or a close has succeeded. */
static void reply_unrun(struct request *rq)
{
	if (rq->size)
		request_reply_write(rq, rq->size);
	else
		request_reply_done(rq);
}

/* What is held is a script now: run it, and answer rq at its end. */
static void run_held(struct request *rq)
{
	free(rq->text);
	rq->text = buf_detach(&rq->handle->held, &rq->len);
	if (!rq->text)
		request_fail(rq, -ENOMEM);
	else if (rq->text[strspn(rq->text, " \t\n")] == '\0' &&
	         strlen(rq->text) == rq->len)
		/* A newline by itself ends what was written before. */
		reply_unrun(rq);
	else
		lifecycle_wait(rq->node->m, on_ready, rq);
}

void exec_write(struct request *rq)
{
	struct buf *held = &rq->handle->held;
	struct member *m = rq->node->m;

	if (was_given(rq->fs->exec, rq->text, rq->len)) {
		member_set_error(m, "exec: these are the bytes that an exec "
		                    "gave last; output is not run as a script");
		request_fail(rq, -EINVAL);
		return;
	}
	if (buf_add(held, rq->text, rq->len)) {
		int err = held->err;

		buf_reset(held);
		member_set_error(m, "exec: a script has at most %d bytes",
		                 HANDLE_HELD_MAX);
		request_fail(rq, err);
		return;
	}
	if (rq->size == 0 || rq->text[rq->len - 1] != '\n')
		request_reply_write(rq, rq->size);
	else
		run_held(rq);
}

void exec_flush(struct request *rq)
{
	rq->size = 0;
	run_held(rq);
}
