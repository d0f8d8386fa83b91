/*
 * archive: exports and imports, each a child that may take long.
 *
 * Owns one struct archive for each, from the call to its one answer. An export
 * is a job whose file is looked at every now and then; an import is three steps:
 *  1. look whether the name is free;
 *  2. the job;
 *  3. if it failed: look again, and delete what is there now.
 * Step 3 deletes by id and name, and only a machine that was not there in step
 * 1, after a failure that was not "the name is taken". The waiting is in
 * ops/job and ops/engine; the alarm between two looks at the file of an export
 * exists only while its job does, so whoever stops the jobs stops all of it.
 */
#include "ops/archive.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
	LOOK_MS = 5000,      /* between two looks at the file */
	SAID_MAX = 64 << 10, /* bytes of stderr that are kept: the first */
	WHY_MAX = 1024,
};

struct archive {
	struct archive_spec spec; /* its strings are ours */
	struct archive **handle;
	enum engine_op op;
	struct job *job; /* or NULL: it does not run (any more) */
	bool cancelled;
	/* Of an export. */
	struct alarm *alarm; /* the next look at the file, while it runs */
	off_t size;          /* of the file at the last look; -1: none */
	uint64_t grown_ms;   /* when it was last seen to grow */
	bool still;          /* it has not grown for too long */
	struct buf said;     /* stderr */
	struct buf why;
	int err; /* of an import that failed, while what is left is looked for */
	engine_act_fn *done;
	void *arg;
};

static void archive_free(struct archive *a)
{
	free((char *)a->spec.name);
	free((char *)a->spec.path);
	buf_free(&a->said);
	buf_free(&a->why);
	free(a);
}

static void archive_end(struct archive *a, int err)
{
	const char *why = "";

	if (err) /* without memory for a reason there is still the errno */
		why = a->why.len ? a->why.data : strerror(-err);
	*a->handle = NULL;
	a->done(a->arg, err, why);
	archive_free(a);
}

/* Start the reason over. */
static void archive_why(struct archive *a, const char *text)
{
	buf_reset(&a->why);
	buf_printf(&a->why, "%s: %s", engine_op_word(a->op), text);
}

/* NULL: no memory, and done has been told. */
static struct archive *archive_new(const struct archive_spec *spec,
                                   enum engine_op op, struct archive **handle,
                                   engine_act_fn *done, void *arg)
{
	struct archive *a = calloc(1, sizeof(*a));

	*handle = NULL;
	if (a) {
		a->spec = *spec;
		a->spec.name = strdup(spec->name);
		a->spec.path = strdup(spec->path);
		a->said = (struct buf)BUF_INIT(SAID_MAX);
		a->why = (struct buf)BUF_INIT(WHY_MAX);
		a->handle = handle;
		a->op = op;
		a->size = -1;
		a->done = done;
		a->arg = arg;
		if (a->spec.name && a->spec.path) {
			*handle = a;
			return a;
		}
		archive_free(a);
	}
	done(arg, -ENOMEM, "no memory");
	return NULL;
}

void archive_cancel(struct archive *a)
{
	if (!a)
		return;
	a->cancelled = true;
	if (a->job)
		job_cancel(a->job);
}

/* ---- the job ------------------------------------------------------------- */

/* What is said at great length is not needed whole. */
static void on_output(void *arg, bool is_stderr, const char *data, size_t len)
{
	struct archive *a = arg;

	if (is_stderr && len <= SAID_MAX - a->said.len)
		buf_add(&a->said, data, len);
}

/* The end of the job, as an errno with its reason. */
static int judge(struct archive *a, int err, const struct job_result *res)
{
	struct job_result said = { .out = "", .err = "" };

	a->job = NULL;
	a->spec.clock->cancel(a->spec.clock, a->alarm);
	a->alarm = NULL;
	if (res) {
		said.status = res->status;
		said.signal = res->signal;
	}
	if (a->said.data) {
		said.err = a->said.data;
		said.err_len = a->said.len;
	}
	if (a->still) {
		archive_why(a, "the file has not grown for two minutes");
		return -ETIMEDOUT;
	}
	if (a->cancelled) {
		archive_why(a, "cancelled");
		return -ECANCELED;
	}
	if (err == -ETIMEDOUT) {
		archive_why(a, "it takes too long");
		return err;
	}
	buf_reset(&a->why);
	return engine_judge(a->spec.engine, a->op, err, &said, &a->why);
}

/* 0, or why there is no job. */
static int start_job(struct archive *a, unsigned deadline_ms,
                     const struct job_events *events)
{
	struct engine_call call = {
		.op = a->op,
		.name = a->spec.name,
		.path = a->spec.path,
	};
	int err = 0;

	a->job =
		engine_job(a->spec.engine, &call, deadline_ms, events, a, &err);
	if (err)
		engine_judge(a->spec.engine, a->op, err, NULL, &a->why);
	return err;
}

/* ---- export -------------------------------------------------------------- */

static void look_at_file(struct archive *a);

static void on_alarm(void *arg)
{
	struct archive *a = arg;
	struct stat st;

	a->alarm = NULL;
	if (stat(a->spec.path, &st) == 0 && st.st_size != a->size) {
		a->size = st.st_size;
		a->grown_ms = a->spec.clock->now_ms(a->spec.clock);
	}
	look_at_file(a);
}

/* End the job when its file is still for too long, else look later. */
static void look_at_file(struct archive *a)
{
	struct clock *clock = a->spec.clock;

	a->still = clock->now_ms(clock) - a->grown_ms >= ARCHIVE_STILL_MS;
	if (!a->still)
		a->alarm = clock->set(clock, LOOK_MS, on_alarm, a);
	/* Without an alarm nobody would ever end it. */
	if (!a->alarm)
		job_cancel(a->job);
}

static void on_export_end(void *arg, int err, const struct job_result *res)
{
	struct archive *a = arg;

	archive_end(a, judge(a, err, res));
}

void archive_export(const struct archive_spec *spec, struct archive **handle,
                    engine_act_fn *done, void *arg)
{
	static const struct job_events events = {
		.on_output = on_output,
		.on_end = on_export_end,
	};
	struct archive *a = archive_new(spec, ENGINE_EXPORT, handle, done, arg);
	int err;

	if (!a)
		return;
	err = start_job(a, 0, &events);
	if (err) {
		archive_end(a, err);
		return;
	}
	a->grown_ms = spec->clock->now_ms(spec->clock);
	look_at_file(a);
}

/* ---- import -------------------------------------------------------------- */

static void on_left_deleted(void *arg, int err, const char *why)
{
	struct archive *a = arg;

	if (err)
		buf_printf(&a->why, "; machine %s is left of it: %s",
		           a->spec.name, why);
	archive_end(a, a->err);
}

static void on_look_after(void *arg, int err, struct machine *m,
                          const char *why)
{
	struct archive *a = arg;
	struct engine_call call = {
		.op = ENGINE_DELETE,
		.name = a->spec.name,
	};
	char id[MACHINE_LISTED_MAX + 1];

	(void)why; /* the first failure is what the user wants to know */
	if (!m || strlen(m->id) >= sizeof(id)) {
		machine_free(m);
		if (err != -ENOENT)
			buf_printf(&a->why, "; machine %s may be left of it",
			           a->spec.name);
		archive_end(a, a->err);
		return;
	}
	memcpy(id, m->id, strlen(m->id) + 1);
	machine_free(m);
	engine_act(a->spec.engine, &call, id, on_left_deleted, a);
}

static void on_import_end(void *arg, int err, const struct job_result *res)
{
	struct archive *a = arg;

	a->err = judge(a, err, res);
	if (!a->err || a->err == -EEXIST) {
		archive_end(a, a->err);
		return;
	}
	engine_info(a->spec.engine, a->spec.name, on_look_after, a);
}

/* How long may it take? */
static unsigned import_ms(const char *path)
{
	struct stat st;
	off_t seconds = 0;

	if (stat(path, &st) == 0)
		seconds = st.st_size / ARCHIVE_IMPORT_RATE;
	if (seconds > 30 * 24 * 3600) /* milliseconds fit an unsigned */
		seconds = 30 * 24 * 3600;
	return ARCHIVE_IMPORT_MS + (unsigned)seconds * 1000;
}

static void on_look_before(void *arg, int err, struct machine *m,
                           const char *why)
{
	static const struct job_events events = {
		.on_output = on_output,
		.on_end = on_import_end,
	};
	struct archive *a = arg;

	if (a->cancelled) {
		archive_why(a, "cancelled");
		err = -ECANCELED;
	} else if (m) {
		archive_why(a, "there is a machine of that name");
		err = -EEXIST;
	} else if (err == -ENOENT) {
		err = start_job(a, import_ms(a->spec.path), &events);
	} else {
		archive_why(a, why);
	}
	machine_free(m);
	if (err)
		archive_end(a, err);
}

void archive_import(const struct archive_spec *spec, struct archive **handle,
                    engine_act_fn *done, void *arg)
{
	struct archive *a = archive_new(spec, ENGINE_IMPORT, handle, done, arg);

	if (!a)
		return;
	engine_info(spec->engine, a->spec.name, on_look_before, a);
}
