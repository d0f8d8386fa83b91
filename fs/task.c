/*
 * task: a script that runs by itself, and its files.
 *
 * Owns one job. It is in three hands: the list's, until it is removed or its
 * machine goes; that of the nodes that lead to it, whose label it is; and that
 * of its run, until the run has ended. So files that are open outlive a
 * removal, and a new job of the same name is another one.
 *
 * Who waits is in two places: readers of `wait` in the task, since there may be
 * no run yet, and writers of `in` among those who watch the run.
 */
#include "fs/task.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cache/lifecycle.h"
#include "fs/fs.h"

enum { READ_MAX = 1 << 20, WHY_MAX = 400, LAST_SIGNAL = 64 };

static struct task *task_of(const struct label *label)
{
	return (struct task *)label;
}

static void task_free(struct label *label)
{
	struct task *task = task_of(label);

	run_unref(task->run);
	spool_unref(task->in);
	script_free(&task->script);
	member_unref(task->m);
	free(task);
}

struct task *task_new(struct fs *fs, struct member *m, const char *name)
{
	struct task *task = calloc(1, sizeof(*task));

	if (!task)
		return NULL;
	task->in = spool_new(fs->spec.spool_max);
	if (!task->in) {
		free(task);
		return NULL;
	}
	snprintf(task->name, sizeof(task->name), "%s", name);
	task->label = (struct label){ .refs = 1,
		                      .serial = ++fs->last_serial,
		                      .name = task->name,
		                      .free = task_free };
	task->fs = fs;
	task->m = member_ref(m);
	script_init(&task->script);
	task->born = fs->spec.clock->wall(fs->spec.clock);
	return task;
}

/* The job that a request is about, which is in it, or about the job. */
static struct task *task_in(const struct request *rq)
{
	return task_of(rq->node->label);
}

bool task_is_running(const struct task *task)
{
	return task->run && !run_ended(task->run);
}

/* The request fails, and the machine's error says why. */
__attribute__((format(printf, 3, 4))) static void refuse(struct request *rq,
                                                         int err,
                                                         const char *fmt, ...)
{
	char why[WHY_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	request_refuse(rq, err, "run/%s/%s: %s", rq->node->label->name,
	               rq->node->entry->name, why);
}

/* A write, or a close when rq->size is 0, has done what it was to do. */
static void succeed(struct request *rq)
{
	member_set_error(rq->node->m, "%s", "");
	if (rq->size)
		request_reply_write(rq, rq->size);
	else
		request_reply_done(rq);
}

/* ---- who waits ---- */

static void give_status(struct request *rq);

/* The run has ended, or there will be none. */
void task_tell_waiters(struct task *task)
{
	struct request *rq = task->waiters;

	task->waiters = NULL;
	while (rq) {
		struct request *next = rq->next_waiting;

		if (task->run)
			give_status(rq);
		else
			request_fail(rq, -ENOENT);
		rq = next;
	}
}

static void on_wait_interrupt(struct request *rq)
{
	struct request **at = &task_in(rq)->waiters;

	while (*at != rq)
		at = &(*at)->next_waiting;
	*at = rq->next_waiting;
	request_fail(rq, -EINTR);
}

static void wait_for_end(struct request *rq)
{
	struct task *task = task_in(rq);

	rq->next_waiting = task->waiters;
	task->waiters = rq;
	request_on_interrupt(rq, on_wait_interrupt);
}

/* ---- the end ---- */

/* A signal to a machine that does not run would start it; scripts end with
 * their machine. */
static bool may_be_signalled(const struct member *m)
{
	enum machine_state state = member_state(m);

	return m->listed && state != MACHINE_STOPPED &&
	       state != MACHINE_STOPPING && state != MACHINE_DELETING;
}

void task_remove(struct task *task)
{
	task->removed = true;
	if (!task_is_running(task))
		task_tell_waiters(task);
	else if (may_be_signalled(task->m))
		run_interrupt(task->run);
	label_unref(&task->label);
}

void task_renamed(struct task *task)
{
	if (task_is_running(task))
		run_rename(task->run, task->m->name);
}

/* ---- texts ---- */

struct run *task_run(const struct label *label)
{
	return task_of(label)->run;
}

bool task_is_gone(const struct label *label)
{
	return task_of(label)->removed;
}

struct timespec task_changed(const struct label *label)
{
	const struct task *task = task_of(label);

	return task->run ? run_changed(task->run) : task->born;
}

static void render(const struct buf *text, struct buf *b)
{
	if (text->len)
		buf_add(b, text->data, text->len);
}

void task_render_cmd(const struct view *view, struct buf *b)
{
	render(&task_of(view->label)->script.text, b);
}

void task_render_env(const struct view *view, struct buf *b)
{
	render(&task_of(view->label)->script.env, b);
}

void task_render_dir(const struct view *view, struct buf *b)
{
	render(&task_of(view->label)->script.dir, b);
	if (b->len)
		buf_adds(b, "\n");
}

void task_render_status(const struct view *view, struct buf *b)
{
	buf_printf(b, "%s\n", view->run ? run_status(view->run) : "new");
}

/* ---- reading ---- */

/* The answer to a read of `wait` after the end. */
static void give_status(struct request *rq)
{
	char text[64];
	size_t len;

	snprintf(text, sizeof(text), "%s\n", run_status(task_in(rq)->run));
	len = strlen(text);
	if (rq->offset >= len) {
		request_reply_data(rq, NULL, 0);
		return;
	}
	len -= (size_t)rq->offset;
	request_reply_data(rq, text + rq->offset,
	                   rq->size < len ? rq->size : len);
}

/* What is there now; 0 bytes are the end of that. handle->cursor is how much
 * was skipped, since it was dropped before it was read. */
static void give_output(struct request *rq, struct spool *spool)
{
	size_t size = rq->size < READ_MAX ? rq->size : READ_MAX;
	uint64_t offset = rq->offset + rq->handle->cursor;
	char *data = malloc(size ? size : 1);
	ssize_t n;

	if (offset < spool_start(spool)) {
		rq->handle->cursor += spool_start(spool) - offset;
		offset = spool_start(spool);
	}
	n = data ? spool_read(spool, offset, data, size) : -ENOMEM;
	if (n < 0)
		request_fail(rq, (int)n);
	else
		request_reply_data(rq, data, (size_t)n);
	free(data);
}

void task_read(struct request *rq)
{
	struct task *task = task_in(rq);
	enum run_stream stream = rq->node->entry->stream;

	if (stream == RUN_ALL && task->run && run_ended(task->run))
		give_status(rq);
	else if (stream == RUN_ALL && task->removed && !task->run)
		request_fail(rq, -ENOENT);
	else if (stream == RUN_ALL)
		wait_for_end(rq);
	else if (task->run)
		give_output(rq, run_spool(task->run, stream));
	else
		request_reply_data(rq, NULL, 0);
}

/* ---- stdin ---- */

void task_input_opened(struct label *label)
{
	struct task *task = task_of(label);

	task->n_writers++;
	task->had_writer = true;
}

void task_input_closed(struct label *label)
{
	struct task *task = task_of(label);

	if (--task->n_writers == 0 && task->run)
		run_feed(task->run, true);
}

static void write_input(struct request *rq);

static void on_room(void *arg)
{
	write_input(arg);
}

static void on_input_interrupt(struct request *rq)
{
	run_unwatch(rq->run, &rq->watch);
	request_fail(rq, -EINTR);
}

static void wait_for_room(struct request *rq, struct run *run)
{
	if (!rq->run)
		rq->run = run_ref(run);
	rq->watch.fn = on_room;
	rq->watch.arg = rq;
	request_on_interrupt(rq, on_input_interrupt);
	run_watch(run, &rq->watch);
}

/* Put in what there is room for, which is all or the beginning. */
static void add_input(struct request *rq, uint64_t room)
{
	struct task *task = task_in(rq);
	uint64_t end = spool_end(task->in);
	int err = spool_add(task->in, rq->text,
	                    rq->len < room ? rq->len : (size_t)room);

	rq->size = (size_t)(spool_end(task->in) - end);
	if (err && !rq->size) {
		refuse(rq, err, "%s", strerror(-err));
		return;
	}
	if (task->run)
		run_feed(task->run, false);
	request_reply_write(rq, rq->size);
}

static void write_input(struct request *rq)
{
	struct task *task = task_in(rq);
	uint64_t max = rq->fs->spec.spool_max;
	uint64_t held;

	if (request_is_answered(rq)) {
		request_fail(rq, -EINTR);
		return;
	}
	if (task->run && !run_listens(task->run)) {
		refuse(rq, -EPIPE, "%s",
		       run_ended(task->run)
		               ? "the job has ended"
		               : "it is closed: by its first writer's end, or "
		                 "by the script");
		return;
	}
	held = spool_end(task->in) - (task->run ? run_fed(task->run) : 0);
	if (held < max)
		add_input(rq, max - held);
	else if (task->run)
		wait_for_room(rq, task->run);
	else
		refuse(rq, -ENOSPC,
		       "%" PRIu64 " MiB are held at most before the start; "
		       "write to cmd first",
		       max >> 20);
}

/* ---- cmd ---- */

/* What is lost of an output is told at the end. */
static void tell_losses(struct task *task, const char *word,
                        struct spool *spool)
{
	uint64_t n = spool_start(spool) + spool_lost(spool);

	if (n)
		member_set_error(task->m,
		                 "run/%s/%s: %" PRIu64 " bytes of it were "
		                 "dropped: the %s",
		                 task->name, word, n,
		                 spool_lost(spool)
		                         ? "disk for temporary files is full"
		                         : "first ones, as -o spool says");
}

static void on_run_end(void *arg, struct run *run)
{
	struct task *task = arg;

	if (!task->removed && strcmp(run_status(run), "lost") == 0)
		member_set_error(task->m, "run/%s: lost: %s", task->name,
		                 run_why(run));
	if (!task->removed) {
		tell_losses(task, "out", run_spool(run, RUN_OUT));
		tell_losses(task, "err", run_spool(run, RUN_ERR));
	}
	spool_unref(task->in);
	task->in = NULL;
	task_tell_waiters(task);
	label_unref(&task->label);
}

/* rq->text is the script. */
static int start(struct task *task, const struct request *rq)
{
	struct fs *fs = task->fs;
	struct buf text = BUF_INIT(4 * (SCRIPT_MAX + SCRIPT_ENV_MAX));
	struct run_spec spec = {
		.engine = fs->spec.engine,
		.clock = fs->spec.clock,
		.machine = task->m->name,
		.spool_max = fs->spec.spool_max,
		.input = task->in,
		.apart = true,
		.on_end = on_run_end,
		.arg = task,
	};
	int err;

	buf_reset(&task->script.text);
	err = buf_add(&task->script.text, rq->text, rq->len);
	if (!err)
		err = script_make(&task->script, &text);
	spec.script = text.data;
	spec.len = text.len;
	if (!err)
		task->run = run_open(&spec, &err);
	buf_free(&text);
	if (!task->run) {
		buf_reset(&task->script.text);
		return err;
	}
	label_ref(&task->label);
	run_feed(task->run, task->had_writer && !task->n_writers);
	return 0;
}

static void on_ready(void *arg, int err, struct member *m)
{
	struct request *rq = arg;
	struct task *task = task_in(rq);

	(void)m;
	task->starting = false;
	if (!err && request_is_answered(rq))
		err = -EINTR;
	if (!err && task->removed)
		err = -ENOENT;
	if (err) {
		request_fail(rq, err);
		return;
	}
	err = start(task, rq);
	if (err)
		refuse(rq, err, "%s", strerror(-err));
	else
		succeed(rq);
}

void task_cmd_read(const struct request *rq)
{
	task_in(rq)->reader = rq->caller;
}

/* Has this process just read that script from a job? */
static bool is_copy(const struct request *rq)
{
	const struct task *task = rq->fs->tasks;

	while (task && (task->reader != rq->caller ||
	                task->script.text.len != rq->len ||
	                memcmp(task->script.text.data, rq->text, rq->len) != 0))
		task = task->next;
	return task != NULL;
}

/* What is held is a script now. */
static void run_held(struct request *rq)
{
	struct task *task = task_in(rq);

	free(rq->text);
	rq->text = buf_detach(&rq->handle->held, &rq->len);
	if (!rq->text) {
		request_fail(rq, -ENOMEM);
	} else if (rq->text[strspn(rq->text, " \t\n")] == '\0') {
		/* A newline by itself ends what was written before. */
		succeed(rq);
	} else if (task->run || task->starting) {
		refuse(rq, -EBUSY,
		       "the job %s; a job runs one script: mkdir another",
		       task->starting          ? "is being started"
		       : task_is_running(task) ? "is running"
		                               : "has run");
	} else if (is_copy(rq)) {
		refuse(rq, -EINVAL,
		       "this is a copy of another job's cmd, by the same "
		       "process; cat OTHER/cmd >cmd runs it");
	} else {
		task->starting = true;
		lifecycle_wait(task->m, on_ready, rq);
	}
}

/* ---- env, dir, signal ---- */

static void set_env(struct request *rq)
{
	char bad[SCRIPT_BAD_MAX] = "";
	int err = script_set_env(&task_in(rq)->script, &rq->handle->held, bad);

	buf_reset(&rq->handle->held);
	if (!err)
		succeed(rq);
	else if (err == -EINVAL)
		refuse(rq, err, "'%s' is no NAME=value", bad);
	else
		refuse(rq, err, "%s", strerror(-err));
}

/* Blanks and newlines at the end do not count. */
static void trim(struct request *rq)
{
	while (rq->len && strchr(" \t\r\n", rq->text[rq->len - 1]))
		rq->text[--rq->len] = '\0';
}

static void set_dir(struct request *rq)
{
	int err;

	trim(rq);
	err = script_set_dir(&task_in(rq)->script, rq->text, rq->len);
	if (!err)
		succeed(rq);
	else if (err == -EINVAL)
		refuse(rq, err, "one path is meant, from / on");
	else if (err == -EFBIG)
		refuse(rq, -ENAMETOOLONG, "a path has at most %d bytes",
		       SCRIPT_DIR_MAX);
	else
		refuse(rq, err, "%s", strerror(-err));
}

/* As Linux has them, which is what runs in a machine. */
static const struct {
	const char *word;
	int number;
} signals[] = {
	{ "HUP", 1 },   { "INT", 2 },   { "QUIT", 3 },   { "ILL", 4 },
	{ "TRAP", 5 },  { "ABRT", 6 },  { "BUS", 7 },    { "FPE", 8 },
	{ "KILL", 9 },  { "USR1", 10 }, { "SEGV", 11 },  { "USR2", 12 },
	{ "PIPE", 13 }, { "ALRM", 14 }, { "TERM", 15 },  { "CHLD", 17 },
	{ "CONT", 18 }, { "STOP", 19 }, { "TSTP", 20 },  { "TTIN", 21 },
	{ "TTOU", 22 }, { "URG", 23 },  { "WINCH", 28 }, { "SYS", 31 },
};

/* 0: there is no such signal. */
static int signal_of(const char *word)
{
	char *end;
	long number = strtol(word, &end, 10);

	if (isdigit((unsigned char)word[0]) && !*end)
		return number <= LAST_SIGNAL ? (int)number : 0;
	if (strncasecmp(word, "SIG", 3) == 0)
		word += 3;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (strcasecmp(word, signals[i].word) == 0)
			return signals[i].number;
	return 0;
}

static void on_signalled(void *arg, int err, const char *why)
{
	struct request *rq = arg;

	if (err)
		refuse(rq, err, "%s", why);
	else
		succeed(rq);
}

static void send_signal(struct request *rq)
{
	struct task *task = task_in(rq);
	int sig;

	trim(rq);
	sig = strlen(rq->text) == rq->len ? signal_of(rq->text) : 0;
	if (!rq->len)
		succeed(rq);
	else if (!sig)
		refuse(rq, -EINVAL, "'%.40s' is no signal; TERM and 15 are",
		       rq->text);
	else if (!task_is_running(task))
		refuse(rq, -EHOSTDOWN, "the job %s",
		       task->run ? "has ended" : "was not started yet");
	else if (!may_be_signalled(task->m))
		refuse(rq, -EHOSTDOWN, "%s is %s", task->m->name,
		       machine_state_word(member_state(task->m)));
	else
		run_signal(task->run, sig, on_signalled, rq);
}

/* ---- writes ---- */

static bool is_for_the_start(enum entry_accept accept)
{
	return accept == ACCEPT_JOB_ENV || accept == ACCEPT_JOB_DIR;
}

/* What is held is complete. */
static void use_held(struct request *rq)
{
	if (rq->node->entry->accept == ACCEPT_JOB_CMD)
		run_held(rq);
	else
		set_env(rq);
}

/* cmd and env: up to a newline at the end of a write. */
static void hold(struct request *rq)
{
	struct buf *held = &rq->handle->held;

	if (buf_add(held, rq->text, rq->len) || held->len > SCRIPT_MAX) {
		buf_reset(held);
		refuse(rq, -EFBIG, "at most %d bytes are taken", SCRIPT_MAX);
	} else if (rq->len == 0 || rq->text[rq->len - 1] != '\n') {
		request_reply_write(rq, rq->size);
	} else {
		use_held(rq);
	}
}

void task_write(struct request *rq)
{
	struct task *task = task_in(rq);
	enum entry_accept accept = rq->node->entry->accept;

	if (task->removed)
		request_fail(rq, -ENOENT);
	else if (is_for_the_start(accept) && (task->run || task->starting))
		refuse(rq, -EBUSY, "it counts at the start, which is over");
	else if (accept == ACCEPT_JOB_IN)
		write_input(rq);
	else if (accept == ACCEPT_JOB_SIGNAL)
		send_signal(rq);
	else if (accept == ACCEPT_JOB_DIR)
		set_dir(rq);
	else
		hold(rq);
}

void task_flush(struct request *rq)
{
	rq->size = 0;
	if (task_in(rq)->removed)
		request_fail(rq, -ENOENT);
	else
		use_held(rq);
}
