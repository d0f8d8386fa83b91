/*
 * puppet: an engine that answers when the test says so, and what it says.
 *
 *	#include "tests/puppet.h"	in one .c of a program, and in no other
 *
 *	struct engine *engine = puppet_new();
 *	puppet_add(engine, "web", "id1", MACHINE_RUNNING);
 *	fleet_get(fleet, on_list, &got);
 *	assert_int_equal(puppet_n(engine, ENGINE_LIST), 1);
 *	puppet_answer(engine, ENGINE_LIST, 0);	on_list is called
 *	puppet_free(engine);			nothing may be pending
 *
 * This header defines the functions of ops/engine.h and those of ops/job.h
 * that scripts need. A program that has them does not draw the true ones from
 * the archive, which is why they are not in a .c of their own: every program
 * would get them then.
 *
 * Behind the answers is a table of machines. Lists and infos are taken from it
 * when they are asked for, so that an answer given later is old news; what was
 * asked to be changed is changed in it when that is answered with 0. With
 * puppet_at_once everything is answered before the asking call returns.
 */
#ifndef ORBFS_TESTS_PUPPET_H
#define ORBFS_TESTS_PUPPET_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ops/archive.h"
#include "ops/engine.h"
#include "ops/job.h"
#include "ops/machine.h"

enum { PUPPET_WORD_MAX = 300 };

/* One question that has no answer yet. */
struct puppet_ask {
	struct puppet_ask *next;
	enum engine_op op;
	struct engine_call call; /* but its strings, which are below */
	char name[PUPPET_WORD_MAX];
	char new_name[PUPPET_WORD_MAX];
	char image[PUPPET_WORD_MAX];
	char user_data[PUPPET_WORD_MAX];
	char setting[PUPPET_WORD_MAX];
	char value[PUPPET_WORD_MAX];
	char id[PUPPET_WORD_MAX]; /* "" when none was given */
	enum machine_key key;
	int signal;
	bool is_text;
	struct archive **handle; /* EXPORT, IMPORT: to be cancelled by */
	struct engine *engine;
	char path[PUPPET_WORD_MAX];
	struct machine **list; /* LIST, INFO: what was when it was asked */
	size_t n;
	union {
		engine_list_fn *list;
		engine_info_fn *info;
		engine_text_fn *text;
		engine_act_fn *act;
	} done;
	void *arg;
};

/* A script that runs. */
struct job {
	struct engine *engine;
	struct job *next;
	char name[PUPPET_WORD_MAX];
	char *script;
	const struct job_events *events;
	void *arg;
	bool cancelled;
	char *in; /* what job_write gave, NUL-terminated; or NULL */
	size_t in_len;
	bool in_shut;
	bool writing; /* on_written is to come: puppet_take */
};

struct engine {
	struct machine **machines;
	size_t n;
	struct puppet_ask *asks; /* in the order in which they were asked */
	struct job *jobs;        /* likewise */
	char created[PUPPET_WORD_MAX]; /* the image of the last CREATE */
	bool streams;                  /* exports can be read while they grow */
	const char *texts[ENGINE_N_OPS]; /* the answers to engine_text */
	unsigned n_asked[ENGINE_N_OPS];
	unsigned n_ids;
	bool at_once;
	bool clones_run; /* what is cloned runs */
	int refusing;    /* a negative errno: every question is answered so */
	/* Becomes the agent of a machine (see tests/files_world.h). */
	void (*agent)(void *arg, struct job *job, int in_fd, int out_fd,
	              size_t len);
	void *agent_arg;
	struct puppet_ask last; /* a copy of what was asked last */
	struct engine_stats stats;
};

/* ---- the table of machines ----------------------------------------------- */

static inline struct machine **puppet_find(struct engine *engine,
                                           const char *name)
{
	for (size_t i = 0; i < engine->n; i++)
		if (strcmp(engine->machines[i]->name, name) == 0)
			return &engine->machines[i];
	return NULL;
}

static inline void puppet_word(char **place, const char *word)
{
	free(*place);
	*place = strdup(word);
	assert_non_null(*place);
}

/* Add a machine at the end of the list, whatever is there already. */
static inline struct machine *puppet_add(struct engine *engine,
                                         const char *name, const char *id,
                                         enum machine_state state)
{
	struct machine *m = machine_new(name, state);

	/* Grown by doubling, at each power of two. */
	if (!(engine->n & (engine->n - 1)))
		engine->machines = realloc(engine->machines,
		                           (engine->n ? 2 * engine->n : 1) *
		                                   sizeof(engine->machines[0]));
	assert_non_null(engine->machines);
	while (!m) /* the allocation that was to fail */
		m = machine_new(name, state);
	puppet_word(&m->id, id);
	engine->machines[engine->n++] = m;
	return m;
}

static inline void puppet_remove(struct engine *engine, const char *name)
{
	struct machine **at = puppet_find(engine, name);

	if (!at)
		return;
	machine_free(*at);
	engine->n--;
	memmove(at, at + 1,
	        (size_t)(engine->machines + engine->n - at) * sizeof(*at));
}

static inline void puppet_state(struct engine *engine, const char *name,
                                enum machine_state state)
{
	struct machine **at = puppet_find(engine, name);

	if (at)
		(*at)->state = state;
}

static inline void puppet_address(struct engine *engine, const char *name,
                                  const char *ip4)
{
	struct machine **at = puppet_find(engine, name);

	if (at)
		puppet_word(&(*at)->ip4, ip4);
}

/* A copy that the failing allocation does not hit. */
static inline struct machine *puppet_copy(const struct machine *m)
{
	struct machine *copy = machine_copy(m);

	return copy ? copy : machine_copy(m);
}

/* ---- questions ----------------------------------------------------------- */

static inline void puppet_keep(char to[PUPPET_WORD_MAX], const char *word)
{
	snprintf(to, PUPPET_WORD_MAX, "%s", word ? word : "");
}

static inline void puppet_give(struct engine *engine, struct puppet_ask *ask,
                               int err);

static inline void puppet_ask(struct engine *engine,
                              const struct engine_call *call, const char *id,
                              struct puppet_ask like)
{
	struct puppet_ask *ask = malloc(sizeof(*ask));
	struct puppet_ask **at = &engine->asks;

	assert_non_null(ask);
	*ask = like;
	ask->op = call->op;
	ask->engine = engine;
	if (ask->handle)
		*ask->handle = (struct archive *)ask;
	puppet_keep(ask->name, call->name);
	puppet_keep(ask->new_name, call->new_name);
	puppet_keep(ask->image, call->image);
	puppet_keep(ask->user_data, call->user_data);
	ask->call = *call;
	puppet_keep(ask->setting, call->setting);
	puppet_keep(ask->path, call->path);
	puppet_keep(ask->value, call->value);
	puppet_keep(ask->id, id);
	ask->key = call->key;
	ask->signal = call->signal;
	for (size_t i = 0; i < engine->n; i++) {
		const struct machine *m = engine->machines[i];

		if (ask->op == ENGINE_LIST ||
		    (ask->op == ENGINE_INFO && !strcmp(m->name, ask->name))) {
			ask->list =
				realloc(ask->list, (ask->n + 1) * sizeof(m));
			assert_non_null(ask->list);
			ask->list[ask->n++] = puppet_copy(m);
		}
	}
	engine->n_asked[ask->op]++;
	engine->stats.calls[ask->op]++;
	engine->last = *ask;
	if (ask->op == ENGINE_CREATE)
		puppet_keep(engine->created, call->image);
	while (*at)
		at = &(*at)->next;
	ask->next = NULL;
	*at = ask;
	if (engine->refusing)
		puppet_give(engine, ask, engine->refusing);
	else if (engine->at_once)
		puppet_give(engine, ask, 0);
}

/* How often has that been asked, ever? */
static inline unsigned puppet_asked(const struct engine *engine,
                                    enum engine_op op)
{
	return engine->n_asked[op];
}

/* The oldest question of that kind without an answer, or NULL. */
static inline struct puppet_ask *puppet_pending(struct engine *engine,
                                                enum engine_op op)
{
	struct puppet_ask *ask = engine->asks;

	while (ask && ask->op != op)
		ask = ask->next;
	return ask;
}

/* How many of that kind have no answer? */
static inline unsigned puppet_n(struct engine *engine, enum engine_op op)
{
	unsigned n = 0;

	for (struct puppet_ask *ask = engine->asks; ask; ask = ask->next)
		n += ask->op == op;
	return n;
}

/* ---- answers ------------------------------------------------------------- */

/* What is made of the table when an operation succeeds. 0, or the errno of a
 * machine that is not there or is there already. */
static inline int puppet_apply(struct engine *engine,
                               const struct puppet_ask *ask)
{
	struct machine **at = puppet_find(engine, ask->name);
	char id[PUPPET_WORD_MAX];

	if (ask->op == ENGINE_CREATE || ask->op == ENGINE_IMPORT) {
		if (at)
			return -EEXIST;
		snprintf(id, sizeof(id), "made%u", ++engine->n_ids);
		puppet_add(engine, ask->name, id,
		           ask->op == ENGINE_CREATE ? MACHINE_RUNNING
		                                    : MACHINE_STOPPED);
		return 0;
	}
	if (!at)
		return -ENOENT;
	switch (ask->op) {
	case ENGINE_START:
	case ENGINE_RESTART:
		(*at)->state = MACHINE_RUNNING;
		return 0;
	case ENGINE_STOP:
	case ENGINE_KILL:
		(*at)->state = MACHINE_STOPPED;
		return 0;
	case ENGINE_DELETE:
		if (*ask->id && strcmp((*at)->id, ask->id) != 0)
			return -ESTALE;
		puppet_remove(engine, ask->name);
		return 0;
	case ENGINE_RENAME:
		if (puppet_find(engine, ask->new_name))
			return -EEXIST;
		puppet_word(&(*at)->name, ask->new_name);
		return 0;
	case ENGINE_CLONE:
		if (puppet_find(engine, ask->new_name))
			return -EEXIST;
		snprintf(id, sizeof(id), "made%u", ++engine->n_ids);
		puppet_add(engine, ask->new_name, id,
		           engine->clones_run ? MACHINE_RUNNING
		                              : MACHINE_STOPPED);
		return 0;
	default:
		return 0;
	}
}

static inline void puppet_give_info(struct puppet_ask *ask, int err,
                                    const char *why)
{
	struct machine *m = NULL;

	if (!err && !ask->n) {
		err = -ENOENT;
		why = "info: no such machine";
	}
	if (!err)
		m = puppet_copy(ask->list[0]);
	ask->done.info(ask->arg, err, m, err ? why : "");
}

static inline void puppet_give_list(struct puppet_ask *ask, int err,
                                    const char *why)
{
	struct machine_list list = { .v = ask->list, .n = ask->n };

	ask->done.list(ask->arg, err, err ? NULL : &list, err ? why : "");
}

/* Answer that question, which is taken. */
static inline void puppet_give(struct engine *engine, struct puppet_ask *ask,
                               int err)
{
	struct puppet_ask **at = &engine->asks;
	const char *text = engine->texts[ask->op] ? engine->texts[ask->op] : "";
	char why[64];

	while (*at != ask)
		at = &(*at)->next;
	*at = ask->next;
	if (ask->handle)
		*ask->handle = NULL;
	if (!err && ask->op != ENGINE_LIST && ask->op != ENGINE_INFO &&
	    !ask->is_text)
		err = puppet_apply(engine, ask);
	snprintf(why, sizeof(why), "%s: %s", engine_op_word(ask->op),
	         err ? strerror(-err) : "");
	if (err)
		engine->stats.failed[ask->op]++;
	if (ask->op == ENGINE_LIST)
		puppet_give_list(ask, err, why);
	else if (ask->op == ENGINE_INFO)
		puppet_give_info(ask, err, why);
	else if (ask->is_text)
		ask->done.text(ask->arg, err, err ? "" : text,
		               err ? 0 : strlen(text), err ? why : "");
	else
		ask->done.act(ask->arg, err, err ? why : "");
	for (size_t i = 0; i < ask->n; i++)
		machine_free(ask->list[i]);
	free(ask->list);
	free(ask);
}

/* Answer the oldest question of that kind, which there must be. */
static inline void puppet_answer(struct engine *engine, enum engine_op op,
                                 int err)
{
	struct puppet_ask *ask = puppet_pending(engine, op);

	if (!ask)
		fail_msg("nobody has asked to %s", engine_op_word(op));
	puppet_give(engine, ask, err);
}

/* ---- scripts ------------------------------------------------------------- */

/* How many scripts run? */
static inline unsigned puppet_n_scripts(const struct engine *engine)
{
	unsigned n = 0;

	for (struct job *job = engine->jobs; job; job = job->next)
		n++;
	return n;
}

/* The i-th of the scripts that run, the oldest first. */
static inline struct job *puppet_script(struct engine *engine, unsigned i)
{
	struct job *job = engine->jobs;

	while (job && i-- > 0)
		job = job->next;
	if (!job)
		fail_msg("no script runs");
	return job;
}

static inline void puppet_print(struct job *job, bool is_stderr,
                                const char *text)
{
	job->events->on_output(job->arg, is_stderr, text, strlen(text));
}

/* The script has taken what it was given, or reads no more (-EPIPE). */
static inline void puppet_take(struct job *job, int err)
{
	assert_true(job->writing);
	job->writing = false;
	job->events->on_written(job->arg, err);
}

/* The script has ended; the job is taken. err: how the job failed, or 0. */
static inline void puppet_end_script(struct job *job, int status, int err)
{
	struct job_result res = { .status = status, .out = "", .err = "" };
	struct job **at = &job->engine->jobs;

	while (*at != job)
		at = &(*at)->next;
	*at = job->next;
	if (job->cancelled && !err)
		err = -ECANCELED;
	job->events->on_end(job->arg, err, &res);
	free(job->script);
	free(job->in);
	free(job);
}

/* ---- life ---------------------------------------------------------------- */

static inline struct engine *puppet_new(void)
{
	struct engine *engine = calloc(1, sizeof(*engine));

	assert_non_null(engine);
	engine->texts[ENGINE_LOGS] = "booted\n";
	return engine;
}

/* Answer from now on before the asking call returns, or not. */
static inline void puppet_at_once(struct engine *engine, bool at_once)
{
	engine->at_once = at_once;
}

/* The engine is no more: everything is answered with that errno, now and from
 * now on, and scripts end. 0: it is back. */
static inline void puppet_refuse(struct engine *engine, int err)
{
	engine->refusing = err;
	while (err && engine->asks)
		puppet_give(engine, engine->asks, err);
	while (err && engine->jobs)
		puppet_end_script(engine->jobs, 0, err);
}

/* For world_end. */
static inline void puppet_stop(struct engine *engine)
{
	puppet_refuse(engine, -ECANCELED);
}

static inline void puppet_free(struct engine *engine)
{
	if (engine->asks)
		fail_msg("%s has no answer", engine_op_word(engine->asks->op));
	if (engine->jobs)
		fail_msg("a script runs: %s", engine->jobs->script);
	while (engine->n)
		machine_free(engine->machines[--engine->n]);
	free(engine->machines);
	free(engine);
}

/* ---- what ops/engine.h and ops/job.h declare ------------------------------ */

bool engine_streams_exports(const struct engine *engine)
{
	return engine->streams;
}

const char *engine_name(const struct engine *engine)
{
	(void)engine;
	return "puppet";
}

const char *engine_op_word(enum engine_op op)
{
	static const char *const words[ENGINE_N_OPS] = {
		[ENGINE_LIST] = "list",       [ENGINE_INFO] = "info",
		[ENGINE_CREATE] = "create",   [ENGINE_START] = "start",
		[ENGINE_STOP] = "stop",       [ENGINE_KILL] = "kill",
		[ENGINE_RESTART] = "restart", [ENGINE_DELETE] = "delete",
		[ENGINE_RENAME] = "rename",   [ENGINE_SET] = "set",
		[ENGINE_LOGS] = "logs",       [ENGINE_RUN] = "run",
		[ENGINE_SIGNAL] = "signal",   [ENGINE_AGENT] = "agent",
		[ENGINE_CLONE] = "clone",     [ENGINE_EXPORT] = "export",
		[ENGINE_IMPORT] = "import",   [ENGINE_VITALS] = "vitals",
		[ENGINE_STATUS] = "status",   [ENGINE_CONFIG_SHOW] = "show",
		[ENGINE_VERSION] = "version", [ENGINE_CONFIG_SET] = "config",
		[ENGINE_IMAGES] = "images",
	};

	return words[op];
}

const struct engine_stats *engine_stats(const struct engine *engine)
{
	return &engine->stats;
}

void engine_list(struct engine *engine, engine_list_fn *done, void *arg)
{
	puppet_ask(engine, &(struct engine_call){ .op = ENGINE_LIST }, NULL,
	           (struct puppet_ask){ .done.list = done, .arg = arg });
}

void engine_info(struct engine *engine, const char *name, engine_info_fn *done,
                 void *arg)
{
	puppet_ask(engine,
	           &(struct engine_call){ .op = ENGINE_INFO, .name = name },
	           NULL, (struct puppet_ask){ .done.info = done, .arg = arg });
}

void engine_text(struct engine *engine, const struct engine_call *call,
                 engine_text_fn *done, void *arg)
{
	puppet_ask(engine, call, NULL,
	           (struct puppet_ask){
			   .done.text = done, .arg = arg, .is_text = true });
}

void engine_logs(struct engine *engine, const char *name, engine_text_fn *done,
                 void *arg)
{
	engine_text(engine,
	            &(struct engine_call){ .op = ENGINE_LOGS, .name = name },
	            done, arg);
}

void engine_act(struct engine *engine, const struct engine_call *call,
                const char *id, engine_act_fn *done, void *arg)
{
	puppet_ask(engine, call, id,
	           (struct puppet_ask){ .done.act = done, .arg = arg });
}

/* An archive under way is the question itself. */
static inline void puppet_archive(const struct archive_spec *spec,
                                  enum engine_op op, struct archive **handle,
                                  engine_act_fn *done, void *arg)
{
	struct engine_call call = {
		.op = op,
		.name = spec->name,
		.path = spec->path,
	};

	puppet_ask(spec->engine, &call, NULL,
	           (struct puppet_ask){
			   .done.act = done, .arg = arg, .handle = handle });
}

void archive_export(const struct archive_spec *spec, struct archive **handle,
                    engine_act_fn *done, void *arg)
{
	puppet_archive(spec, ENGINE_EXPORT, handle, done, arg);
}

void archive_import(const struct archive_spec *spec, struct archive **handle,
                    engine_act_fn *done, void *arg)
{
	puppet_archive(spec, ENGINE_IMPORT, handle, done, arg);
}

void archive_cancel(struct archive *archive)
{
	struct puppet_ask *ask = (struct puppet_ask *)archive;

	if (ask)
		puppet_give(ask->engine, ask, -ECANCELED);
}

void engine_signal(struct engine *engine, const struct engine_call *call,
                   engine_act_fn *done, void *arg)
{
	struct engine_call c = *call;

	c.op = ENGINE_SIGNAL;
	engine_act(engine, &c, NULL, done, arg);
}

/* What runs in a machine, be it a script or an agent. */
static inline struct job *puppet_job(struct engine *engine,
                                     const struct engine_call *call,
                                     const void *script, size_t len,
                                     const struct job_events *events, void *arg)
{
	struct job *job = calloc(1, sizeof(*job));
	struct job **at = &engine->jobs;

	assert_non_null(job);
	job->engine = engine;
	puppet_keep(job->name, call->name);
	job->script = malloc(len + 1);
	assert_non_null(job->script);
	memcpy(job->script, script, len);
	job->script[len] = '\0';
	job->events = events;
	job->arg = arg;
	while (*at)
		at = &(*at)->next;
	*at = job;
	return job;
}

struct job *engine_run(struct engine *engine, const struct engine_call *call,
                       const void *script, size_t len,
                       const struct job_events *events, void *arg, int *err)
{
	struct job *job;

	engine->n_asked[ENGINE_RUN]++;
	*err = engine->refusing;
	if (*err)
		return NULL;
	job = puppet_job(engine, call, script, len, events, arg);
	job->writing = call->input;
	return job;
}

/* Without engine->agent there is nothing below files/. */
struct job *engine_agent(struct engine *engine, const struct engine_call *call,
                         int in_fd, int out_fd, const struct job_events *events,
                         void *arg, int *err)
{
	struct job *job;

	engine->n_asked[ENGINE_AGENT]++;
	*err = engine->refusing;
	if (!*err && !engine->agent)
		*err = -EOPNOTSUPP;
	if (*err)
		return NULL;
	job = puppet_job(engine, call, "", 0, events, arg);
	engine->agent(engine->agent_arg, job, in_fd, out_fd, call->len);
	return job;
}

/* The exit status of the job is that of the script. */
size_t engine_trailer(const char *token, const char *data, size_t len,
                      size_t *at, int *status)
{
	(void)token;
	(void)data;
	(void)status;
	*at = len;
	return 0;
}

int engine_run_failure(struct engine *engine, const struct job_result *res,
                       struct buf *why)
{
	(void)engine;
	(void)res;
	(void)why;
	return 0;
}

void job_write(struct job *job, const void *data, size_t len)
{
	job->in = realloc(job->in, job->in_len + len + 1);
	assert_non_null(job->in);
	memcpy(job->in + job->in_len, data, len);
	job->in_len += len;
	job->in[job->in_len] = '\0';
	assert_false(job->writing);
	job->writing = true;
}

void job_shut(struct job *job)
{
	job->in_shut = true;
}

void job_cancel(struct job *job)
{
	job->cancelled = true;
}

void jobs_stats(const struct jobs *jobs, struct job_stats *stats)
{
	(void)jobs;
	*stats = (struct job_stats){ 0 };
}

#endif
