/*
 * run: one script in a machine: its job, its spools, its end.
 *
 * Owns the job of ops/job and, until that ends, one reference to itself. The
 * exit status comes in a trailer on stderr (ops/engine.h): it is taken out of
 * the stream wherever it stands, since a process that the script left behind
 * may write after it. What might be the beginning of a trailer is held back
 * until more comes.
 *
 * The end of an interrupted script is forced in three steps, each bounded:
 * TERM in the machine, after a grace KILL in the machine, then the end of the
 * engine's child. The last alone would not do: nobody knows what an engine's
 * child does to the script when it is killed.
 *
 * Its input goes from the spool to the child a chunk at a time. The first that
 * is written is the script itself.
 *
 * The script has ended when its trailer has come and both outputs are at their
 * end. The engine's child goes a moment later, and nobody waits for that.
 *
 * A daemon that is killed interrupts nothing: the engine's child and the script
 * go on to their own end, or to the first output that nobody takes.
 */
#include "ops/run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
	TOKEN_LEN = 16,
	STATUS_LEN = 24,
	WHY_MAX = 600,
	CHUNK = 32768, /* of the input */
	TERM_GRACE_MS = 2000,
	LINGER_MS = 5000,   /* of the engine's child */
	GUEST_SIGNALS = 64, /* the guest is Linux, whatever we are */
	GUEST_SIGKILL = 9,
};

struct run {
	unsigned refs;
	struct engine *engine;
	struct clock *clock;
	void (*on_end)(void *arg, struct run *run);
	void *arg;
	char *machine;
	char *script;
	size_t script_len;
	char token[TOKEN_LEN + 1];
	struct job *job;     /* NULL: ended */
	struct job *leaving; /* ended, but its child is still there */
	struct spool *spools[RUN_N_STREAMS];
	struct spool *input; /* NULL: empty, or passed on to its end */
	char *chunk;         /* of it, being written */
	size_t chunk_len;
	uint64_t fed;    /* how much of it was written */
	bool writing;    /* the script, or a chunk */
	bool last;       /* nothing will be added to it */
	struct buf tail; /* of stderr, may begin a trailer */
	bool has_status; /* the trailer came */
	int exit_status;
	bool interrupted;
	bool killed; /* by run_signal */
	struct alarm *grace;
	int err;
	struct buf why;
	char status[STATUS_LEN];
	struct timespec changed;
	struct run_watch *watchers;
};

static void run_free(struct run *run)
{
	for (int i = 0; i < RUN_N_STREAMS; i++)
		spool_unref(run->spools[i]);
	spool_unref(run->input);
	free(run->chunk);
	buf_free(&run->tail);
	buf_free(&run->why);
	free(run->machine);
	free(run->script);
	free(run);
}

struct run *run_ref(struct run *run)
{
	run->refs++;
	return run;
}

void run_unref(struct run *run)
{
	if (run && --run->refs == 0)
		run_free(run);
}

bool run_ended(const struct run *run)
{
	return !run->job;
}

int run_error(const struct run *run)
{
	return run->err;
}

const char *run_why(const struct run *run)
{
	return run->why.data ? run->why.data : "";
}

const char *run_status(const struct run *run)
{
	return run->status;
}

const char *run_script(const struct run *run, size_t *len)
{
	*len = run->script_len;
	return run->script;
}

struct spool *run_spool(struct run *run, enum run_stream stream)
{
	return run->spools[stream];
}

uint64_t run_lost(const struct run *run)
{
	return spool_lost(run->spools[RUN_OUT]) +
	       spool_lost(run->spools[RUN_ERR]);
}

struct timespec run_changed(const struct run *run)
{
	return run->changed;
}

/* ---- watchers ---- */

void run_watch(struct run *run, struct run_watch *watch)
{
	struct run_watch **at = &run->watchers;

	while (*at)
		at = &(*at)->next;
	watch->next = NULL;
	*at = watch;
}

void run_unwatch(struct run *run, struct run_watch *watch)
{
	for (struct run_watch **at = &run->watchers; *at; at = &(*at)->next)
		if (*at == watch) {
			*at = watch->next;
			return;
		}
}

/* Tell those who watch now, first come first. Each is taken out before it is
 * called; who watches again goes to the end of the list, behind the count. */
static void tell_watchers(struct run *run)
{
	unsigned n = 0;

	for (struct run_watch *w = run->watchers; w; w = w->next)
		n++;
	run_ref(run);
	while (n-- > 0 && run->watchers) {
		struct run_watch *watch = run->watchers;

		run->watchers = watch->next;
		watch->fn(watch->arg);
	}
	run_unref(run);
}

/* ---- input ---- */

/* Nothing more goes in. */
static void end_input(struct run *run)
{
	spool_unref(run->input);
	run->input = NULL;
	free(run->chunk);
	run->chunk = NULL;
	if (run->job)
		job_shut(run->job);
}

/* Write what there is, if nothing is being written. */
static void pass_input(struct run *run)
{
	ssize_t n;

	if (run->writing || !run->input)
		return;
	n = spool_read(run->input, run->fed, run->chunk, CHUNK);
	if (n > 0) {
		run->writing = true;
		run->chunk_len = (size_t)n;
		job_write(run->job, run->chunk, run->chunk_len);
	} else if (n < 0 || run->last) {
		end_input(run);
	}
}

static void on_written(void *arg, int err)
{
	struct run *run = arg;

	run->writing = false;
	run->fed += run->chunk_len;
	run->chunk_len = 0;
	if (err)
		end_input(run);
	else
		pass_input(run);
	tell_watchers(run);
}

void run_feed(struct run *run, bool at_end)
{
	run->last = run->last || at_end;
	pass_input(run);
}

uint64_t run_fed(const struct run *run)
{
	return run->fed;
}

bool run_listens(const struct run *run)
{
	return run->input && !run->last;
}

/* ---- output ---- */

static void keep(struct run *run, enum run_stream stream, const char *data,
                 size_t len)
{
	if (len == 0)
		return;
	/* What a full disk loses is counted by the spool. */
	if (run->spools[RUN_ALL])
		(void)spool_add(run->spools[RUN_ALL], data, len);
	(void)spool_add(run->spools[stream], data, len);
}

/* How much at the end of the tail may be the beginning of a trailer. */
static size_t held_back(const struct run *run)
{
	const struct buf *tail = &run->tail;
	size_t n = 1;

	if (run->has_status)
		return 0;
	for (; n <= tail->len && n < ENGINE_TRAILER_MAX; n++)
		if (tail->data[tail->len - n] == '\037')
			return n;
	return 0;
}

/* Pass on what of the tail cannot belong to a trailer, and take out one that
 * is complete. At the end, all of it is passed on. */
static void pass_tail(struct run *run, bool at_end)
{
	struct buf *tail = &run->tail;
	size_t at = 0;
	size_t n = engine_trailer(run->token, tail->data, tail->len, &at,
	                          &run->exit_status);
	size_t pass;

	if (n) {
		run->has_status = true;
		keep(run, RUN_ERR, tail->data, at);
		buf_drop(tail, at + n);
	}
	pass = tail->len - (at_end ? 0 : held_back(run));
	keep(run, RUN_ERR, tail->data, pass);
	buf_drop(tail, pass);
}

static void on_output(void *arg, bool is_stderr, const char *data, size_t len)
{
	struct run *run = arg;

	if (!is_stderr)
		keep(run, RUN_OUT, data, len);
	else if (run->has_status || buf_add(&run->tail, data, len))
		keep(run, RUN_ERR, data, len);
	else
		pass_tail(run, false);
	run->changed = run->clock->wall(run->clock);
	tell_watchers(run);
}

/* ---- the end ---- */

static void set_status(struct run *run, int status, int sig)
{
	/* A shell tells of a child that a signal ended by 128 and its number;
	 * it cannot tell that from an exit with the same number. */
	if (!sig && status > 128 && status <= 128 + GUEST_SIGNALS)
		sig = status - 128;
	if (sig)
		snprintf(run->status, STATUS_LEN, "signaled %d", sig);
	else
		snprintf(run->status, STATUS_LEN, "exited %d", status);
	if (sig || status) {
		run->err = -EIO;
		buf_printf(&run->why, "exec: the script %s", run->status);
	}
}

/* How did it end? Sets err, why and status. */
static void judge(struct run *run, int err, const struct job_result *res)
{
	struct job_result seen = { 0 };
	char text[1024];
	ssize_t n;

	if (run->has_status) {
		set_status(run, run->exit_status, 0);
		return;
	}
	/* The shell around it is gone as well, and engines tell of that in many
	 * ways. */
	if (run->killed) {
		set_status(run, 0, GUEST_SIGKILL);
		return;
	}
	if (!err) {
		/* Without a trailer the engine's own words are on stderr. */
		seen = *res;
		n = spool_read(run->spools[RUN_ERR],
		               spool_start(run->spools[RUN_ERR]), text,
		               sizeof(text) - 1);
		seen.err_len = n > 0 ? (size_t)n : 0;
		text[seen.err_len] = '\0';
		seen.err = text;
		err = engine_run_failure(run->engine, &seen, &run->why);
		if (!err) {
			set_status(run, res->status, res->signal);
			return;
		}
	}
	run->err = err == -ECANCELED ? -EINTR : err;
	snprintf(run->status, STATUS_LEN, "%s",
	         run->interrupted ? "signaled 15" : "lost");
	if (run->why.len == 0)
		buf_printf(&run->why, "exec: %s", strerror(-run->err));
}

static void on_termed(void *arg, int err, const char *why)
{
	(void)err; /* the grace runs all the same */
	(void)why;
	run_unref(arg);
}

/* Send a signal into the machine; done gets a reference of its own. */
static void send_signal(struct run *run, int sig, engine_act_fn *done)
{
	run_signal(run, sig, done, run_ref(run));
}

static void finish(struct run *run, int err, const struct job_result *res)
{
	run->job = NULL;
	end_input(run);
	run->changed = run->clock->wall(run->clock);
	/* The engine's child is gone; the script need not be. */
	if (run->grace && !run->has_status)
		send_signal(run, SIGKILL, on_termed);
	if (!run->leaving) {
		run->clock->cancel(run->clock, run->grace);
		run->grace = NULL;
	}
	if (run->tail.len)
		pass_tail(run, true);
	buf_free(&run->tail);
	judge(run, err, res);
	tell_watchers(run);
	run->on_end(run->arg, run);
}

static void on_lingers(void *arg)
{
	struct run *run = arg;

	run->grace = NULL;
	job_cancel(run->leaving);
}

static void on_eof(void *arg)
{
	struct run *run = arg;
	struct job *job = run->job;

	if (!run->has_status)
		return;
	run->clock->cancel(run->clock, run->grace);
	run->grace = run->clock->set(run->clock, LINGER_MS, on_lingers, run);
	/* Without memory the end is waited for. */
	if (!run->grace)
		return;
	run->leaving = job;
	finish(run, 0, NULL);
}

static void on_end(void *arg, int err, const struct job_result *res)
{
	struct run *run = arg;

	if (!run->leaving) {
		finish(run, err, res);
	} else {
		run->clock->cancel(run->clock, run->grace);
		run->grace = NULL;
		run->leaving = NULL;
	}
	run_unref(run);
}

/* ---- interruption ---- */

static void on_killed(void *arg, int err, const char *why)
{
	struct run *run = arg;

	(void)err; /* whatever it was, the engine's child goes now */
	(void)why;
	if (run->job)
		job_cancel(run->job);
	run_unref(run);
}

static void on_grace_over(void *arg)
{
	struct run *run = arg;

	run->grace = NULL;
	send_signal(run, SIGKILL, on_killed);
}

void run_interrupt(struct run *run)
{
	if (!run->job || run->interrupted)
		return;
	run->interrupted = true;
	run->grace =
		run->clock->set(run->clock, TERM_GRACE_MS, on_grace_over, run);
	if (!run->grace)
		job_cancel(run->job);
	send_signal(run, SIGTERM, on_termed);
}

void run_signal(struct run *run, int sig, engine_act_fn *done, void *arg)
{
	struct engine_call call = {
		.op = ENGINE_SIGNAL,
		.name = run->machine,
		.token = run->token,
		.signal = sig,
	};

	if (sig == GUEST_SIGKILL && !run->interrupted)
		run->killed = true;
	engine_signal(run->engine, &call, done, arg);
}

void run_rename(struct run *run, const char *machine)
{
	char *copy = strdup(machine);

	if (!copy)
		return;
	free(run->machine);
	run->machine = copy;
}

/* ---- the beginning ---- */

static int make_token(char token[TOKEN_LEN + 1])
{
	unsigned char random[TOKEN_LEN / 2];

	if (getentropy(random, sizeof(random)) != 0)
		return -errno;
	for (size_t i = 0; i < sizeof(random); i++)
		snprintf(token + 2 * i, 3, "%02x", random[i]);
	return 0;
}

static struct run *run_new(const struct run_spec *spec, int *err)
{
	struct run *run = calloc(1, sizeof(*run));

	*err = -ENOMEM;
	if (!run)
		return NULL;
	run->refs = 1;
	run->engine = spec->engine;
	run->clock = spec->clock;
	run->on_end = spec->on_end;
	run->arg = spec->arg;
	run->tail = (struct buf)BUF_INIT(1 << 20);
	run->why = (struct buf)BUF_INIT(WHY_MAX);
	snprintf(run->status, STATUS_LEN, "running");
	run->machine = strdup(spec->machine);
	run->script = malloc(spec->len + 1);
	for (int i = 0; i < RUN_N_STREAMS; i++)
		if (i != RUN_ALL || !spec->apart)
			run->spools[i] = spool_new(spec->spool_max);
	if (spec->input) {
		run->input = spool_ref(spec->input);
		run->chunk = malloc(CHUNK);
	}
	if (!run->machine || !run->script || !run->chunk != !run->input ||
	    !run->spools[RUN_ALL] != spec->apart || !run->spools[RUN_OUT] ||
	    !run->spools[RUN_ERR])
		goto fail;
	memcpy(run->script, spec->script, spec->len);
	run->script[spec->len] = '\0';
	run->script_len = spec->len;
	*err = make_token(run->token);
	if (!*err)
		return run;
fail:
	run_free(run);
	return NULL;
}

struct run *run_open(const struct run_spec *spec, int *err)
{
	static const struct job_events events = {
		.on_output = on_output,
		.on_written = on_written,
		.on_eof = on_eof,
		.on_end = on_end,
	};
	struct run *run = run_new(spec, err);
	struct engine_call call = { .op = ENGINE_RUN, .name = spec->machine };

	if (!run)
		return NULL;
	call.token = run->token;
	call.input = run->input != NULL;
	run->writing = true; /* the script */
	run->changed = run->clock->wall(run->clock);
	run->job = engine_run(spec->engine, &call, run->script, run->script_len,
	                      &events, run, err);
	if (!run->job) {
		run_free(run);
		return NULL;
	}
	return run_ref(run);
}
