/*
 * engine: ask the machines' program, with care.
 *
 * Owns every call to the engine's program: one struct ask each, from the
 * caller's question to its one answer. The table (ops/orbctl.c) says which
 * words to use and what complaints mean; this file adds what holds for any
 * engine:
 *  - an id is checked before a deletion, and nothing is deleted by id;
 *  - after a failure whose outcome is open, a look at the machine decides;
 *  - looks are repeated when they fail for a moment, creations only for the
 *    two causes that are known to pass and only when nothing was left behind.
 * The waiting itself is in ops/job, whose deadlines end every ask; between two
 * tries it is an alarm of the clock, which engine_stop ends.
 */
#include "ops/engine.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	LOOK_TRIES = 3,
	LOOK_PAUSE_MS = 200,
	NO_IP_TRIES = 2,
	NO_IP_PAUSE_MS = 1000,
	IMAGE_TRIES = 3,
	WHY_MAX = 1024,
	LINE_MAX_LEN = 1024,
};

static const unsigned image_pause_ms[IMAGE_TRIES] = { 0, 5000, 20000 };

static const char *const op_words[ENGINE_N_OPS] = {
	[ENGINE_LIST] = "list",       [ENGINE_INFO] = "info",
	[ENGINE_CREATE] = "create",   [ENGINE_START] = "start",
	[ENGINE_STOP] = "stop",       [ENGINE_KILL] = "kill",
	[ENGINE_RESTART] = "restart", [ENGINE_DELETE] = "delete",
	[ENGINE_RENAME] = "rename",   [ENGINE_SET] = "set",
	[ENGINE_LOGS] = "logs",       [ENGINE_RUN] = "run",
	[ENGINE_SIGNAL] = "signal",   [ENGINE_AGENT] = "agent",
	[ENGINE_CLONE] = "clone",     [ENGINE_EXPORT] = "export",
	[ENGINE_IMPORT] = "import",   [ENGINE_CONFIG_SHOW] = "config_show",
	[ENGINE_STATUS] = "status",   [ENGINE_CONFIG_SET] = "config_set",
	[ENGINE_IMAGES] = "images",   [ENGINE_VERSION] = "version",
	[ENGINE_VITALS] = "vitals",
};

/* The members of a call that are strings, which an ask has copies of. */
#define WORD(member) offsetof(struct engine_call, member)
static const size_t words[] = {
	WORD(name),  WORD(new_name),  WORD(image), WORD(arch),
	WORD(user),  WORD(user_data), WORD(path),  WORD(setting),
	WORD(value), WORD(token),
};

enum { N_WORDS = sizeof(words) / sizeof(words[0]) };

struct engine {
	struct engine_spec spec;
	char *program; /* NULL until it was found */
	bool stopped;
	struct ask *pausing; /* those that wait for their next try */
	struct engine_stats stats;
};

/* One question, from the caller's call to its one answer. */
struct ask {
	struct engine *engine;
	struct engine_call call; /* its strings are ours */
	char *id;
	unsigned tries;
	enum engine_op spawned; /* what its child does: its own, or a look */
	uint64_t since_ms;
	struct alarm *pause; /* until the next try, or NULL */
	struct ask *next;    /* in engine->pausing */
	int err;             /* of the try whose outcome a look decides */
	enum engine_retry retry;
	struct buf why;
	union {
		engine_list_fn *list;
		engine_info_fn *info;
		engine_text_fn *text;
		engine_act_fn *act;
	} done;
	void *arg;
};

const char *engine_op_word(enum engine_op op)
{
	return op_words[op];
}

struct engine *engine_new(const struct engine_spec *spec)
{
	struct engine *engine = calloc(1, sizeof(*engine));

	if (!engine)
		return NULL;
	engine->spec = *spec;
	return engine;
}

void engine_free(struct engine *engine)
{
	if (!engine)
		return;
	free(engine->program);
	free(engine);
}

const char *engine_name(const struct engine *engine)
{
	return engine->spec.table->name;
}

const char *engine_program(const struct engine *engine)
{
	return engine->program ? engine->program : "";
}

bool engine_streams_exports(const struct engine *engine)
{
	return engine->spec.table->streams_exports;
}

const struct engine_stats *engine_stats(const struct engine *engine)
{
	return &engine->stats;
}

/* ---- asks ---- */

static char **ask_word(struct ask *ask, size_t i)
{
	return (char **)(void *)((char *)&ask->call + words[i]);
}

static void ask_free(struct ask *ask)
{
	for (size_t i = 0; i < N_WORDS; i++)
		free(*ask_word(ask, i));
	free(ask->id);
	buf_free(&ask->why);
	free(ask);
}

/* Put copies where the call has the caller's strings. */
static bool copy_words(struct ask *ask)
{
	const char *from[N_WORDS];

	for (size_t i = 0; i < N_WORDS; i++) {
		from[i] = *ask_word(ask, i);
		*ask_word(ask, i) = NULL;
	}
	for (size_t i = 0; i < N_WORDS; i++) {
		if (!from[i])
			continue;
		*ask_word(ask, i) = strdup(from[i]);
		if (!*ask_word(ask, i))
			return false;
	}
	return true;
}

/* NULL: no memory. */
static struct ask *ask_new(struct engine *engine,
                           const struct engine_call *call, const char *id,
                           void *arg)
{
	struct ask *ask = calloc(1, sizeof(*ask));

	if (!ask)
		return NULL;
	ask->engine = engine;
	ask->arg = arg;
	ask->why = (struct buf)BUF_INIT(WHY_MAX);
	ask->call = *call;
	if (copy_words(ask)) {
		ask->id = id ? strdup(id) : NULL;
		if (ask->id || !id)
			return ask;
	}
	ask_free(ask);
	return NULL;
}

/* Start the reason over, with the operation as its subject. */
static void ask_why(struct ask *ask)
{
	buf_reset(&ask->why);
	buf_printf(&ask->why, "%s: ", op_words[ask->call.op]);
}

static const char *ask_why_text(const struct ask *ask)
{
	return ask->why.data ? ask->why.data : "";
}

static void ask_log(const struct ask *ask, int err)
{
	struct log *log = ask->engine->spec.log;
	const char *name = ask->call.name;

	ask->engine->stats.failed[ask->call.op]++;
	/* A question about a machine that is gone is no news. */
	if (err == -ENOENT || err == -ECANCELED)
		log_debug(log, "machine %s: %s", name ? name : "*",
		          ask_why_text(ask));
	else
		log_warn(log, "machine %s: %s", name ? name : "*",
		         ask_why_text(ask));
}

/* The path of the program, looked for if need be; NULL: it is not there. */
static const char *find_program(struct engine *engine)
{
	if (!engine->program)
		engine->program = engine->spec.find(engine->spec.find_arg);
	return engine->program;
}

/* Start the child that a call needs. 0, or why it cannot be: then done has not
 * been called and will not be. */
static int ask_argv(struct engine *engine, const struct engine_call *call,
                    struct engine_args *args,
                    const char *argv[ENGINE_MAX_ARGS + 2])
{
	int err = engine->spec.table->args(call, args);

	if (err)
		return err;
	argv[0] = find_program(engine);
	if (!argv[0])
		return -ENODEV;
	memcpy(argv + 1, args->v, (args->n + 1) * sizeof(argv[0]));
	engine->stats.calls[call->op]++;
	return 0;
}

static void ask_spawn(struct ask *ask, const struct engine_call *call,
                      job_done_fn *done)
{
	struct engine *engine = ask->engine;
	const struct engine_row *row = &engine->spec.table->row[call->op];
	const char *argv[ENGINE_MAX_ARGS + 2];
	struct engine_args args;
	struct job_spec spec = {
		.class = row->class,
		.argv = argv,
		.out_max = row->out_max,
		.deadline_ms = row->deadline_ms,
	};
	int err = ask_argv(engine, call, &args, argv);

	ask->spawned = call->op;
	ask->since_ms = engine->spec.clock->now_ms(engine->spec.clock);
	if (err) {
		done(ask, err, NULL);
		return;
	}
	job_run(engine->spec.jobs, &spec, done, ask);
}

/* The program is gone; perhaps it comes back elsewhere. */
static int program_gone(struct engine *engine, struct buf *why)
{
	free(engine->program);
	engine->program = NULL;
	buf_printf(why, "%s is not installed or not to be found",
	           engine_name(engine));
	return -ENODEV;
}

/* What the end of a child means, when it was not a good one. */
static struct engine_failure judge_failure(struct engine *engine,
                                           enum engine_op op, int err,
                                           const struct job_result *res,
                                           struct buf *why)
{
	const struct engine_table *table = engine->spec.table;
	struct engine_failure failure = { err, ENGINE_FINAL, NULL };

	buf_printf(why, "%s: ", op_words[op]);
	switch (err) {
	case 0:
		failure = table->failure(op, res);
		table->reason(res, why);
		break;
	case -ENOENT:
	case -EACCES:
	case -ENODEV:
		failure.err = program_gone(engine, why);
		break;
	case -ETIMEDOUT:
		buf_printf(why, "no answer from %s within %u s", table->name,
		           table->row[op].deadline_ms / 1000);
		break;
	case -EFBIG:
		failure.err = -EPROTO;
		buf_printf(why, "%s answers without end", table->name);
		break;
	default:
		buf_adds(why, strerror(-err));
	}
	if (failure.advice)
		buf_printf(why, "; %s", failure.advice);
	return failure;
}

/*
 * What a finished child means: 0, or an errno with the reason in ask->why and
 * what may be tried in ask->retry.
 */
static int judge(struct ask *ask, int err, const struct job_result *res)
{
	struct engine *engine = ask->engine;
	struct engine_failure failure;

	engine->stats.ms[ask->spawned] +=
		engine->spec.clock->now_ms(engine->spec.clock) - ask->since_ms;
	ask->retry = ENGINE_FINAL;
	buf_reset(&ask->why);
	if (!err && res->status == 0 && res->signal == 0)
		return 0;
	failure = judge_failure(engine, ask->call.op, err, res, &ask->why);
	if (!failure.err)
		buf_reset(&ask->why);
	ask->retry = failure.retry;
	return failure.err;
}

int engine_judge(struct engine *engine, enum engine_op op, int err,
                 const struct job_result *res, struct buf *why)
{
	struct engine_failure failure;

	if (!err && res->status == 0 && res->signal == 0)
		return 0;
	failure = judge_failure(engine, op, err, res, why);
	engine->stats.failed[op]++;
	return failure.err;
}

/* ---- further tries ---- */

static void try_again(struct ask *ask, int err);

static void unlink_pausing(struct ask *ask)
{
	struct ask **at = &ask->engine->pausing;

	while (*at != ask)
		at = &(*at)->next;
	*at = ask->next;
	ask->next = NULL;
	ask->pause = NULL;
}

static void on_pause_over(void *arg)
{
	struct ask *ask = arg;

	unlink_pausing(ask);
	try_again(ask, 0);
}

/* Wait, then try again; false: it cannot be. */
static bool ask_pause(struct ask *ask, unsigned ms)
{
	struct engine *engine = ask->engine;

	if (engine->stopped)
		return false;
	ask->pause = engine->spec.clock->set(engine->spec.clock, ms,
	                                     on_pause_over, ask);
	if (!ask->pause)
		return false;
	ask->next = engine->pausing;
	engine->pausing = ask;
	return true;
}

void engine_stop(struct engine *engine)
{
	engine->stopped = true;
	while (engine->pausing) {
		struct ask *ask = engine->pausing;

		engine->spec.clock->cancel(engine->spec.clock, ask->pause);
		unlink_pausing(ask);
		try_again(ask, -ECANCELED);
	}
}

/* A failed look: is it worth another try? Then that is under way. */
static bool look_again(struct ask *ask)
{
	return ask->retry == ENGINE_TRANSIENT && ++ask->tries < LOOK_TRIES &&
	       ask_pause(ask, LOOK_PAUSE_MS);
}

/* ---- list ---- */

static void end_list(struct ask *ask, int err, struct machine_list *list)
{
	if (err)
		ask_log(ask, err);
	ask->done.list(ask->arg, err, err ? NULL : list, ask_why_text(ask));
	if (!err)
		machine_list_free(list);
	ask_free(ask);
}

static void on_list(void *arg, int err, const struct job_result *res)
{
	struct ask *ask = arg;
	struct machine_list list = { 0 };

	err = judge(ask, err, res);
	if (!err) {
		err = machine_parse_list(res->out, res->out_len, &list);
		if (err) {
			ask_why(ask);
			buf_printf(&ask->why, "%s: not a list of machines",
			           engine_name(ask->engine));
			ask->retry = ENGINE_TRANSIENT;
		}
	}
	if (err && err != -ENOMEM && look_again(ask))
		return;
	end_list(ask, err, &list);
}

void engine_list(struct engine *engine, engine_list_fn *done, void *arg)
{
	struct engine_call call = { .op = ENGINE_LIST };
	struct ask *ask = ask_new(engine, &call, NULL, arg);

	if (!ask) {
		done(arg, -ENOMEM, NULL, "list: no memory");
		return;
	}
	ask->done.list = done;
	ask_spawn(ask, &ask->call, on_list);
}

/* ---- info ---- */

static void end_info(struct ask *ask, int err, struct machine *m)
{
	if (err)
		ask_log(ask, err);
	ask->done.info(ask->arg, err, m, ask_why_text(ask));
	ask_free(ask);
}

static void on_info(void *arg, int err, const struct job_result *res)
{
	struct ask *ask = arg;
	struct machine *m = NULL;

	err = judge(ask, err, res);
	if (!err) {
		err = machine_parse_info(res->out, res->out_len, &m);
		if (err) {
			ask_why(ask);
			buf_printf(&ask->why, "%s: not a machine's record",
			           engine_name(ask->engine));
			ask->retry = ENGINE_TRANSIENT;
		}
	}
	if (err && err != -ENOMEM && look_again(ask))
		return;
	end_info(ask, err, m);
}

void engine_info(struct engine *engine, const char *name, engine_info_fn *done,
                 void *arg)
{
	struct engine_call call = { .op = ENGINE_INFO, .name = name };
	struct ask *ask = ask_new(engine, &call, NULL, arg);

	if (!ask) {
		done(arg, -ENOMEM, NULL, "info: no memory");
		return;
	}
	ask->done.info = done;
	ask_spawn(ask, &ask->call, on_info);
}

/* ---- texts ---- */

static void end_text(struct ask *ask, int err, const char *text, size_t len)
{
	if (err)
		ask_log(ask, err);
	ask->done.text(ask->arg, err, err ? "" : text, err ? 0 : len,
	               ask_why_text(ask));
	ask_free(ask);
}

/* The line that says that a restart is needed: on which of its streams is not
 * known of every version. */
static const char *restart_line(const struct job_result *res, size_t *len)
{
	const char *streams[] = { res->out, res->err };

	for (int i = 0; i < 2; i++) {
		const char *at = strcasestr(streams[i], "restart");

		while (at && at > streams[i] && at[-1] != '\n')
			at--;
		*len = at ? strcspn(at, "\n") : 0;
		if (at)
			return at;
	}
	return "";
}

/* Is that an answer, though it does not look like one? */
static bool text_is_good(enum engine_op op, int err,
                         const struct job_result *res)
{
	/* A log beyond our bound is cut: its beginning was read. */
	if (op == ENGINE_LOGS)
		return err == -EFBIG;
	/* An engine that does not run says so and exits with 1. */
	return op == ENGINE_STATUS && !err && res->out_len > 0;
}

static void on_text(void *arg, int err, const struct job_result *res)
{
	struct ask *ask = arg;
	const char *text = res ? res->out : "";
	size_t len = res ? res->out_len : 0;

	if (!text_is_good(ask->call.op, err, res))
		err = judge(ask, err, res);
	else
		err = 0;
	if (!err && ask->call.op == ENGINE_CONFIG_SET)
		text = restart_line(res, &len);
	end_text(ask, err, text, len);
}

void engine_text(struct engine *engine, const struct engine_call *call,
                 engine_text_fn *done, void *arg)
{
	const char *images = engine->spec.table->images;
	struct ask *ask;

	if (call->op == ENGINE_IMAGES && images) {
		done(arg, 0, images, strlen(images), "");
		return;
	}
	ask = ask_new(engine, call, NULL, arg);
	if (!ask) {
		done(arg, -ENOMEM, "", 0, "no memory");
		return;
	}
	ask->done.text = done;
	ask_spawn(ask, &ask->call, on_text);
}

void engine_logs(struct engine *engine, const char *name, engine_text_fn *done,
                 void *arg)
{
	struct engine_call call = { .op = ENGINE_LOGS, .name = name };

	engine_text(engine, &call, done, arg);
}

/* ---- act ---- */

static void end_act(struct ask *ask, int err)
{
	if (err)
		ask_log(ask, err);
	else
		buf_reset(&ask->why);
	ask->done.act(ask->arg, err, ask_why_text(ask));
	ask_free(ask);
}

/* May a creation be tried once more, now that nothing is left of it? Then
 * that is under way. */
static bool create_again(struct ask *ask)
{
	if (ask->call.op != ENGINE_CREATE)
		return false;
	if (ask->retry == ENGINE_NO_IP && ask->tries + 1 < NO_IP_TRIES) {
		ask->tries++;
		return ask_pause(ask, NO_IP_PAUSE_MS);
	}
	if (ask->retry == ENGINE_IMAGE && ask->tries + 1 < IMAGE_TRIES) {
		ask->tries++;
		return ask_pause(ask, image_pause_ms[ask->tries]);
	}
	return false;
}

/* A failure that nobody has named a cause of: it may have been none. */
static bool is_unclear(int err)
{
	return err == -ETIMEDOUT || err == -EIO;
}

/* What a look says about a failed call: 0, it has succeeded all the same. */
static int verdict(const struct ask *ask, int look, const struct machine *m)
{
	const struct engine_row *row =
		&ask->engine->spec.table->row[ask->call.op];
	bool same = m && ask->id && strcmp(m->id, ask->id) == 0;

	switch (ask->call.op) {
	case ENGINE_DELETE:
		return look == -ENOENT || (m && !same) ? 0 : ask->err;
	case ENGINE_RENAME:
		return same ? 0 : ask->err;
	case ENGINE_CLONE:
		return is_unclear(ask->err) && m &&
		                       (m->state == MACHINE_STOPPED ||
		                        m->state == MACHINE_RUNNING)
		               ? 0
		               : ask->err;
	case ENGINE_CREATE:
		/* Only one whose end we did not see can have succeeded. */
		return ask->err == -ETIMEDOUT && m &&
		                       m->state == MACHINE_RUNNING
		               ? 0
		               : ask->err;
	default:
		return m && row->goal != MACHINE_UNKNOWN &&
		                       m->state == row->goal
		               ? 0
		               : ask->err;
	}
}

static void on_look_after(void *arg, int err, struct machine *m,
                          const char *why)
{
	struct ask *ask = arg;
	bool nothing_left = err == -ENOENT;
	int end = verdict(ask, err, m);

	(void)why; /* the first failure is what the user wants to know */
	machine_free(m);
	if (end && nothing_left && create_again(ask))
		return;
	end_act(ask, end);
}

/* Failures that a look cannot turn into a success. */
static bool is_settled(const struct ask *ask, int err)
{
	switch (err) {
	case 0:
	case -EINVAL:
	case -ENODEV:
	case -ENOMEM:
	case -ECANCELED:
	case -EOPNOTSUPP:
		return true;
	case -EEXIST:
		return ask->call.op == ENGINE_CREATE ||
		       ask->call.op == ENGINE_CLONE;
	case -ENOENT:
		return ask->call.op != ENGINE_DELETE;
	default:
		return ask->call.op == ENGINE_SET ||
		       ask->call.op == ENGINE_SIGNAL;
	}
}

static void on_act(void *arg, int err, const struct job_result *res)
{
	struct ask *ask = arg;
	const struct engine_call *call = &ask->call;
	bool renames = call->op == ENGINE_RENAME || call->op == ENGINE_CLONE;

	err = judge(ask, err, res);
	if (is_settled(ask, err)) {
		end_act(ask, err);
		return;
	}
	ask->err = err;
	engine_info(ask->engine, renames ? call->new_name : call->name,
	            on_look_after, ask);
}

static void on_look_before(void *arg, int err, struct machine *m,
                           const char *why)
{
	struct ask *ask = arg;
	bool same = m && ask->id && strcmp(m->id, ask->id) == 0;
	bool idle = m &&
	            (m->state == MACHINE_STOPPED || m->state == MACHINE_FAILED);

	machine_free(m);
	if (err == -ENOENT) {
		end_act(ask, 0); /* what should go is gone */
		return;
	}
	if (err) {
		ask_why(ask);
		buf_adds(&ask->why, why);
		end_act(ask, err);
		return;
	}
	if (!same || !idle) {
		ask_why(ask);
		buf_adds(&ask->why,
		         same ? "it is not stopped; first: echo stop > state"
		              : "the name belongs to another machine now");
		end_act(ask, same ? -EBUSY : -ESTALE);
		return;
	}
	ask_spawn(ask, &ask->call, on_act);
}

/* The first try, or the next one after a pause that ended with err. */
static void try_again(struct ask *ask, int err)
{
	if (err) {
		ask->retry = ENGINE_FINAL;
		ask_why(ask);
		buf_adds(&ask->why, strerror(-err));
	}
	switch (ask->call.op) {
	case ENGINE_LIST:
		if (err)
			end_list(ask, err, NULL);
		else
			ask_spawn(ask, &ask->call, on_list);
		return;
	case ENGINE_INFO:
		if (err)
			end_info(ask, err, NULL);
		else
			ask_spawn(ask, &ask->call, on_info);
		return;
	case ENGINE_DELETE:
		if (err)
			end_act(ask, err);
		else
			engine_info(ask->engine, ask->call.name, on_look_before,
			            ask);
		return;
	default:
		if (err)
			end_act(ask, err);
		else
			ask_spawn(ask, &ask->call, on_act);
	}
}

void engine_act(struct engine *engine, const struct engine_call *call,
                const char *id, engine_act_fn *done, void *arg)
{
	struct engine_call c = *call;
	struct ask *ask;

	if (c.op == ENGINE_CREATE && !c.image)
		c.image = engine->spec.table->default_image;
	ask = ask_new(engine, &c, id, arg);
	if (!ask) {
		done(arg, -ENOMEM, "no memory");
		return;
	}
	ask->done.act = done;
	try_again(ask, 0);
}

/* ---- jobs that the caller watches ---- */

/* A job that the caller watches. spec has all but what the table knows. */
static struct job *open_job(struct engine *engine,
                            const struct engine_call *call,
                            struct job_spec *spec,
                            const struct job_events *events, void *arg,
                            int *err)
{
	const char *argv[ENGINE_MAX_ARGS + 2];
	struct engine_args args;
	struct job *job;

	spec->class = engine->spec.table->row[call->op].class;
	spec->argv = argv;
	*err = ask_argv(engine, call, &args, argv);
	if (*err)
		return NULL;
	job = job_open(engine->spec.jobs, spec, events, arg);
	if (!job)
		*err = -ENOMEM;
	return job;
}

/* Is it a single line that any shell reads as it stands, and soon? */
static bool is_line(const char *script, size_t len)
{
	if (len > 0 && script[len - 1] == '\n')
		len--;
	for (size_t i = 0; i < len; i++)
		if (script[i] < ' ' || script[i] > '~')
			return false;
	return len <= LINE_MAX_LEN;
}

struct job *engine_run(struct engine *engine, const struct engine_call *call,
                       const void *script, size_t len,
                       const struct job_events *events, void *arg, int *err)
{
	struct job_spec spec = {
		.in = script,
		.in_len = len,
		.in_open = call->input,
	};
	struct engine_call c = *call;

	/* Without the end of the input, it takes a newline to end a line. */
	c.line = is_line(script, len) &&
	         (!c.input || ((const char *)script)[len - 1] == '\n');
	c.len = len;
	return open_job(engine, &c, &spec, events, arg, err);
}

struct job *engine_agent(struct engine *engine, const struct engine_call *call,
                         int in_fd, int out_fd, const struct job_events *events,
                         void *arg, int *err)
{
	struct job_spec spec = { .in_fd = in_fd, .out_fd = out_fd };

	return open_job(engine, call, &spec, events, arg, err);
}

struct job *engine_job(struct engine *engine, const struct engine_call *call,
                       unsigned deadline_ms, const struct job_events *events,
                       void *arg, int *err)
{
	struct job_spec spec = { .deadline_ms = deadline_ms };

	return open_job(engine, call, &spec, events, arg, err);
}

/* Is there a trailer of that token at the start of data? Its length, or 0. */
static size_t trailer_at(const char *token, const char *data, size_t len,
                         int *status)
{
	size_t n = strlen(token);
	int value = 0;

	if (len < n + 4 || data[0] != '\037' || data[n + 1] != ' ' ||
	    memcmp(data + 1, token, n) != 0)
		return 0;
	for (size_t i = n + 2; i < len && i < n + 6; i++) {
		if (data[i] == '\037' && i > n + 2) {
			*status = value;
			return i + 1;
		}
		if (!isdigit((unsigned char)data[i]))
			return 0;
		value = value * 10 + (data[i] - '0');
	}
	return 0;
}

size_t engine_trailer(const char *token, const char *data, size_t len,
                      size_t *at, int *status)
{
	const char *p = data;

	while ((p = memchr(p, '\037', len - (size_t)(p - data)))) {
		size_t n =
			trailer_at(token, p, len - (size_t)(p - data), status);

		*at = (size_t)(p - data);
		if (n)
			return n;
		p++;
	}
	*at = len;
	return 0;
}

int engine_run_failure(struct engine *engine, const struct job_result *res,
                       struct buf *why)
{
	const struct engine_table *table = engine->spec.table;
	struct engine_failure failure;

	/* A shell that a signal ended: its caller reports 128 and the signal. */
	if (res->signal == 0 && res->status > 128)
		return 0;
	failure = table->failure(ENGINE_RUN, res);
	buf_adds(why, "run: ");
	table->reason(res, why);
	if (failure.advice)
		buf_printf(why, "; %s", failure.advice);
	return failure.err;
}

void engine_signal(struct engine *engine, const struct engine_call *call,
                   engine_act_fn *done, void *arg)
{
	struct engine_call c = *call;

	c.op = ENGINE_SIGNAL;
	engine_act(engine, &c, NULL, done, arg);
}
