/*
 * job: run child processes, each to its end.
 *
 * Owns the children, their pipes and timers. Promises that every job is
 * reported exactly once, from the loop, whatever happens to it, and that its
 * end does not depend on the child's good will.
 *
 * A job has three parts to wait for: the exit and the ends of both outputs,
 * which come in any order. Whoever brings parts_left to 0 closes the handles
 * that are still open, and the close callback of the last one reports the end.
 * A child that cannot be started, or is not wanted any more before it was,
 * goes the same way with no parts to wait for.
 *
 * The one timer of a job means something else in each state; see on_timer().
 *
 * The ends that the child gets are real pipes, not the socket pairs that
 * libuv would make: /dev/stdout can be opened on a pipe only.
 */
#include "ops/job.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uv.h>

#include "ops/buf.h"
#include "ops/spawn.h"

enum {
	JOB_READ_MAX = 65536, /* bytes read at once: a full pipe */
	JOB_N_PARTS = 3,      /* exit, end of stdout, end of stderr */
};

enum job_state {
	JOB_QUEUED,  /* waits for a place; nothing but the timer is open */
	JOB_RUNNING, /* the child runs */
	JOB_ASKED,   /* it runs and was sent TERM */
	JOB_KILLED,  /* it runs and was sent KILL */
	JOB_EXITED,  /* it has been reaped; outputs may be open */
	JOB_OVER,    /* nothing to wait for but the close callbacks */
};

TAILQ_HEAD(job_list, job);

struct jobs {
	uv_loop_t *loop;
	struct log *log;
	char **env;
	unsigned limits[JOB_N_CLASSES];
	unsigned running[JOB_N_CLASSES]; /* places taken */
	struct job_list queues[JOB_N_CLASSES];
	struct job_list begun; /* left the queue, not reported yet */
	unsigned n_jobs;       /* in all lists, and in its callback */
	unsigned n_children;   /* whose exit is waited for */
	uv_signal_t child;     /* data is NULL before the first of them */
	uint64_t n_started;
	uint64_t n_timed_out;
	bool stopping;
	void (*stopped)(void *arg);
	void *stopped_arg;
	/* One for all: what was read is handed on before anything else is
	 * read. */
	char read_buf[JOB_READ_MAX];
};

/* One of the child's outputs. */
struct job_output {
	uv_pipe_t pipe;
	struct buf buf;
};

struct job {
	struct jobs *jobs;
	TAILQ_ENTRY(job) link; /* in its class's queue, or in begun */
	enum job_class class;
	enum job_state state;
	bool has_place;
	int err; /* what on_end is told; the first reason stays */
	unsigned parts_left;
	unsigned n_handles; /* initialised and not yet closed */
	uint64_t since;     /* uv_hrtime of the call */
	pid_t pid;
	struct job_result result;
	/* A handle whose data is NULL was never initialised. */
	uv_timer_t timer;
	uv_pipe_t input;
	struct job_output outputs[2]; /* stdout, stderr */
	uv_write_t write;
	bool in_open; /* what follows `in` comes by job_write */
	bool lingers; /* half of the time to linger is over */
	char *in;     /* until it is written */
	size_t in_len;
	int fds[2]; /* the caller's for stdin and stdout until the start, or 0 */
	void (*on_output)(void *arg, bool is_stderr, const char *data,
	                  size_t len); /* NULL: collect */
	void (*on_written)(void *arg, int err);
	void (*on_eof)(void *arg);
	job_done_fn *on_end;
	void *arg;
	char *argv[]; /* the strings follow the pointers */
};

static void jobs_settle(struct jobs *jobs);

/* ---- whose exit is waited for -------------------------------------------- */

static void on_child(uv_signal_t *signal, int number);

/* Before it is started, so that the end of none is missed. */
static int jobs_expect_child(struct jobs *jobs)
{
	int err;

	if (!jobs->child.data) {
		err = uv_signal_init(jobs->loop, &jobs->child);
		if (err)
			return err;
		jobs->child.data = jobs;
	}
	if (jobs->n_children == 0) {
		err = uv_signal_start(&jobs->child, on_child, SIGCHLD);
		if (err)
			return err;
	}
	jobs->n_children++;
	return 0;
}

static void jobs_forget_child(struct jobs *jobs)
{
	if (--jobs->n_children == 0)
		uv_signal_stop(&jobs->child);
}

/* ---- the end of a job ---------------------------------------------------- */

/* Fill in what was collected. NULL when there is nothing to show. */
static const struct job_result *job_result(struct job *job)
{
	const struct buf *out = &job->outputs[0].buf;
	const struct buf *err = &job->outputs[1].buf;

	if (job->err && out->len == 0 && err->len == 0)
		return NULL;
	job->result.out = out->data ? out->data : "";
	job->result.out_len = out->len;
	job->result.err = err->data ? err->data : "";
	job->result.err_len = err->len;
	return &job->result;
}

static void job_free(struct job *job)
{
	for (int i = 0; i < 2; i++)
		if (job->fds[i] > 0)
			close(job->fds[i]);
	buf_free(&job->outputs[0].buf);
	buf_free(&job->outputs[1].buf);
	free(job->in);
	free(job);
}

/* All handles are closed: tell the caller, and forget the job. */
static void job_report(struct job *job)
{
	struct jobs *jobs = job->jobs;

	TAILQ_REMOVE(&jobs->begun, job, link);
	if (job->has_place)
		jobs->running[job->class]--;
	if (job->err == -ETIMEDOUT)
		jobs->n_timed_out++;
	log_debug(jobs->log, "job %s %s: error %d, exit %d, signal %d, %u ms",
	          job->argv[0], job->argv[1] ? job->argv[1] : "", job->err,
	          job->result.status, job->result.signal,
	          (unsigned)((uv_hrtime() - job->since) / 1000000));
	job->on_end(job->arg, job->err, job_result(job));
	job_free(job);
	jobs->n_jobs--;
	jobs_settle(jobs);
}

static void on_closed(uv_handle_t *handle)
{
	struct job *job = handle->data;

	if (--job->n_handles == 0)
		job_report(job);
}

static void job_close(void *handle)
{
	uv_handle_t *h = handle;

	if (h->data && !uv_is_closing(h))
		uv_close(h, on_closed);
}

/* There is nothing more to wait for. */
static void job_over(struct job *job)
{
	job->state = JOB_OVER;
	job->parts_left = 0;
	job_close(&job->input);
	job_close(&job->outputs[0].pipe);
	job_close(&job->outputs[1].pipe);
	/* Open until here, so that the others never bring n_handles to 0. */
	job_close(&job->timer);
}

static void job_part_ended(struct job *job)
{
	assert(job->parts_left > 0);
	if (--job->parts_left == 0)
		job_over(job);
}

/* ---- making it end ------------------------------------------------------- */

static void on_timer(uv_timer_t *timer);

static void job_set_timer(struct job *job, unsigned ms)
{
	/* A child takes its time to start, and the loop's now is from before. */
	uv_update_time(job->jobs->loop);
	uv_timer_start(&job->timer, on_timer, ms, 0);
}

/* To all of the child's group, since the child may be a script whose own
 * children do the work. */
static void job_kill(struct job *job, int sig)
{
	/* The only failure that can be expected is that they are all gone. */
	(void)kill(-job->pid, sig);
}

/* Make it end with err. Its first reason to end stays. */
static void job_stop(struct job *job, int err)
{
	if (job->err)
		return;
	job->err = err;
	switch (job->state) {
	case JOB_QUEUED:
		TAILQ_REMOVE(&job->jobs->queues[job->class], job, link);
		TAILQ_INSERT_TAIL(&job->jobs->begun, job, link);
		job_over(job);
		break;
	case JOB_RUNNING:
		job->state = JOB_ASKED;
		job_kill(job, SIGTERM);
		job_set_timer(job, JOB_GRACE_MS);
		break;
	case JOB_EXITED:
		/* What it left behind holds an output open, and the timer to
		 * linger runs. The number of a group stays taken while one of
		 * its processes lives. Should none live, it would have to be
		 * given out anew within this second to hit somebody else. */
		job_kill(job, SIGTERM);
		break;
	case JOB_ASKED:
	case JOB_KILLED:
	case JOB_OVER:
		break;
	}
}

static void on_timer(uv_timer_t *timer)
{
	struct job *job = timer->data;

	switch (job->state) {
	case JOB_QUEUED: /* the deadline */
	case JOB_RUNNING:
		job_stop(job, -ETIMEDOUT);
		break;
	case JOB_ASKED: /* the grace */
		job->state = JOB_KILLED;
		job_kill(job, SIGKILL);
		job_set_timer(job, JOB_GRACE_MS);
		break;
	case JOB_KILLED:
		/* It cannot be killed (it hangs in the kernel), or somebody
		 * else has reaped it. Nobody shall wait for that. */
		log_error(job->jobs->log, "job %s: process %ld does not end",
		          job->argv[0], (long)job->pid);
		jobs_forget_child(job->jobs);
		job_over(job);
		break;
	case JOB_EXITED:
		/* In two halves, so that the loop has looked at the pipes at
		 * least once in between even when it was held up. */
		if (!job->lingers) {
			job->lingers = true;
			job_set_timer(job, JOB_LINGER_MS / 2);
			break;
		}
		if (job->err)
			job_kill(job, SIGKILL);
		job_over(job);
		break;
	case JOB_OVER:
		break;
	}
}

void job_cancel(struct job *job)
{
	job_stop(job, -ECANCELED);
}

/* ---- while it runs ------------------------------------------------------- */

static bool job_has_child(const struct job *job)
{
	return job->state == JOB_RUNNING || job->state == JOB_ASKED ||
	       job->state == JOB_KILLED;
}

static void job_exited(struct job *job, int status)
{
	job->state = JOB_EXITED;
	if (WIFSIGNALED(status))
		job->result.signal = WTERMSIG(status);
	else
		job->result.status = WEXITSTATUS(status);
	jobs_forget_child(job->jobs);
	job_set_timer(job, JOB_LINGER_MS / 2);
	job_part_ended(job);
}

/* One signal may stand for the exits of several. Only our own are asked for:
 * others in this process may have children, too. */
static void on_child(uv_signal_t *signal, int number)
{
	struct jobs *jobs = signal->data;
	struct job *job;
	int status;

	(void)number;
	TAILQ_FOREACH(job, &jobs->begun, link)
	if (job_has_child(job) &&
	    waitpid(job->pid, &status, WNOHANG) == job->pid)
		job_exited(job, status);
}

/* Keep output of a job_run. What is beyond the limit is read and dropped, so
 * that the child can write its last words and die. */
static void job_collect(struct job *job, struct buf *buf, const char *data,
                        size_t len)
{
	size_t room = buf->max - buf->len;

	if (buf_add(buf, data, len < room ? len : room) < 0)
		job_stop(job, buf->err);
	else if (len > room)
		job_stop(job, -EFBIG);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct job *job = handle->data;

	(void)suggested;
	*buf = uv_buf_init(job->jobs->read_buf, JOB_READ_MAX);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct job *job = stream->data;
	bool is_stderr = stream == (uv_stream_t *)&job->outputs[1].pipe;

	if (n < 0) {
		/* The end of the output. An error would be one as well. */
		job_close(stream);
		job_part_ended(job);
		if (job->parts_left == 1 && job->state == JOB_RUNNING &&
		    job->on_eof)
			job->on_eof(job->arg);
	} else if (n > 0 && job->on_output) {
		job->on_output(job->arg, is_stderr, buf->base, (size_t)n);
	} else if (n > 0) {
		job_collect(job, &job->outputs[is_stderr].buf, buf->base,
		            (size_t)n);
	}
}

static void on_written(uv_write_t *write, int status)
{
	struct job *job = write->data;

	free(job->in);
	job->in = NULL;
	if (job->in_open && job->state != JOB_OVER) {
		job->on_written(job->arg, status < 0 ? -EPIPE : 0);
		return;
	}
	/* A child need not read all of its input: EPIPE is no error. */
	job_shut(job);
}

/* Hand bytes that last to the pipe. */
static void job_send(struct job *job, const void *data, size_t len)
{
	uv_buf_t in = uv_buf_init((char *)data, 0);

	in.len = len;
	job->write.data = job;
	if (uv_write(&job->write, (uv_stream_t *)&job->input, &in, 1,
	             on_written) < 0)
		assert(!"an open pipe can be written");
}

void job_write(struct job *job, const void *data, size_t len)
{
	if (job->state != JOB_OVER)
		job_send(job, data, len);
}

void job_shut(struct job *job)
{
	/* On a pipe, closing is what shutting down is on a socket. */
	job_close(&job->input);
}

/* ---- the start of a job -------------------------------------------------- */

/* Make one pipe: our end in *pipe, the child's as its descriptor fd. */
static int job_pipe(struct job *job, uv_pipe_t *pipe, int fd, int fds[3])
{
	bool in = fd == STDIN_FILENO;
	uv_file ends[2]; /* to read from, to write to; both close-on-exec */
	int err;

	err = uv_pipe(ends, in ? 0 : UV_NONBLOCK_PIPE,
	              in ? UV_NONBLOCK_PIPE : 0);
	if (err)
		return err;
	fds[fd] = ends[in ? 0 : 1];
	uv_pipe_init(job->jobs->loop, pipe, 0);
	pipe->data = job;
	job->n_handles++;
	err = uv_pipe_open(pipe, ends[in ? 1 : 0]);
	if (err)
		close(ends[in ? 1 : 0]);
	return err;
}

/* libuv and libfuse set close-on-exec on nearly all they open, and what we
 * inherited from our own parent has it seldom. */
static void close_on_exec(void)
{
#ifdef CLOSE_RANGE_CLOEXEC
	if (close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
		return;
#endif
	uv_disable_stdio_inheritance();
}

/* An environment of its own, not ours. */
static int job_spawn(struct job *job, const int fds[3])
{
	const struct spawn_spec spec = {
		.argv = job->argv,
		.env = job->jobs->env,
		.fds = { fds[0], fds[1], fds[2] },
	};
	int err = jobs_expect_child(job->jobs);

	if (err)
		return err;
	close_on_exec();
	err = spawn(&spec, &job->pid);
	if (err)
		jobs_forget_child(job->jobs);
	return err;
}

/* The child runs: read what it says, tell it what it is to hear. */
static void job_talk(struct job *job)
{
	uv_stream_t *stream;

	for (int i = 0; i < 2; i++) {
		if (!job->outputs[i].pipe.data)
			continue; /* the caller reads it */
		stream = (uv_stream_t *)&job->outputs[i].pipe;
		/* Fails for a stream that is closing or cannot be read. */
		if (uv_read_start(stream, on_alloc, on_read) < 0)
			assert(!"a fresh pipe can be read");
	}
	if (job->in_len > 0)
		job_send(job, job->in, job->in_len);
}

static void job_start(struct job *job)
{
	int fds[3] = { -1, -1, -1 }; /* the child's, for as long as we spawn */
	int err = 0;

	job->parts_left = JOB_N_PARTS;
	for (int i = 0; i < 2; i++)
		if (job->fds[i] > 0) {
			fds[i] = job->fds[i];
			job->fds[i] = 0;
		}
	if (job->in_len > 0)
		err = job_pipe(job, &job->input, STDIN_FILENO, fds);
	if (fds[STDOUT_FILENO] >= 0)
		job->parts_left--;
	else if (!err)
		err = job_pipe(job, &job->outputs[0].pipe, STDOUT_FILENO, fds);
	if (!err)
		err = job_pipe(job, &job->outputs[1].pipe, STDERR_FILENO, fds);
	if (!err)
		err = job_spawn(job, fds);
	/* As long as we held them open there would be no end of output. */
	for (int i = 0; i < 3; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (err) {
		job->err = err;
		job_over(job);
		return;
	}
	job->state = JOB_RUNNING;
	job->jobs->n_started++;
	job_talk(job);
}

/* Start what waits, as far as there are places. */
static void jobs_admit(struct jobs *jobs, enum job_class class)
{
	struct job_list *queue = &jobs->queues[class];
	struct job *job;

	while ((job = TAILQ_FIRST(queue)) &&
	       (jobs->limits[class] == 0 ||
	        jobs->running[class] < jobs->limits[class])) {
		TAILQ_REMOVE(queue, job, link);
		TAILQ_INSERT_TAIL(&jobs->begun, job, link);
		job->has_place = true;
		jobs->running[class]++;
		job_start(job);
	}
}

/* Copy argv, the pointers first and the strings behind them. */
static struct job *job_alloc(const char *const *argv)
{
	struct job *job;
	size_t n, len, size = 0;
	char *p;

	for (n = 0; argv[n]; n++)
		size += strlen(argv[n]) + 1;
	job = calloc(1, sizeof(*job) + (n + 1) * sizeof(char *) + size);
	if (!job)
		return NULL;
	p = (char *)&job->argv[n + 1];
	for (size_t i = 0; i < n; i++) {
		len = strlen(argv[i]) + 1;
		job->argv[i] = memcpy(p, argv[i], len);
		p += len;
	}
	return job;
}

/* Copy the caller's descriptors; false: there are no more to be had. */
static bool job_take_fds(struct job *job, const struct job_spec *spec)
{
	const int fds[2] = { spec->in_fd, spec->out_fd };

	for (int i = 0; i < 2; i++) {
		if (fds[i] <= 0)
			continue;
		job->fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
		if (job->fds[i] < 0)
			return false;
	}
	return true;
}

/* A job at the end of its queue, with its deadline running. NULL: no memory.
 * The caller says who is told, and then calls jobs_admit. */
static struct job *job_new(struct jobs *jobs, const struct job_spec *spec)
{
	struct job *job;

	assert(spec->argv[0] && spec->argv[0][0] == '/');
	assert((unsigned)spec->class < JOB_N_CLASSES);
	job = job_alloc(spec->argv);
	if (!job)
		return NULL;
	job->jobs = jobs;
	job->class = spec->class;
	job->since = uv_hrtime();
	job->outputs[0].buf = (struct buf)BUF_INIT(spec->out_max);
	job->outputs[1].buf = (struct buf)BUF_INIT(spec->out_max);
	job->in_len = spec->in_len;
	job->in_open = spec->in_open;
	if (spec->in_len > 0)
		job->in = malloc(spec->in_len);
	if ((spec->in_len > 0 && !job->in) || !job_take_fds(job, spec)) {
		job_free(job);
		return NULL;
	}
	if (spec->in_len > 0)
		memcpy(job->in, spec->in, spec->in_len);
	uv_timer_init(jobs->loop, &job->timer);
	job->timer.data = job;
	job->n_handles = 1;
	if (spec->deadline_ms > 0)
		job_set_timer(job, spec->deadline_ms);
	TAILQ_INSERT_TAIL(&jobs->queues[job->class], job, link);
	jobs->n_jobs++;
	return job;
}

void job_run(struct jobs *jobs, const struct job_spec *spec, job_done_fn *done,
             void *arg)
{
	struct job *job;

	assert(spec->deadline_ms > 0);
	if (jobs->stopping) {
		done(arg, -ECANCELED, NULL);
		return;
	}
	job = job_new(jobs, spec);
	if (!job) {
		done(arg, -ENOMEM, NULL);
		return;
	}
	job->on_end = done;
	job->arg = arg;
	jobs_admit(jobs, job->class);
}

struct job *job_open(struct jobs *jobs, const struct job_spec *spec,
                     const struct job_events *events, void *arg)
{
	struct job *job = job_new(jobs, spec);

	if (!job)
		return NULL;
	job->on_output = events->on_output;
	job->on_written = events->on_written;
	job->on_eof = events->on_eof;
	job->on_end = events->on_end;
	job->arg = arg;
	if (jobs->stopping)
		job_cancel(job);
	else
		jobs_admit(jobs, job->class);
	return job;
}

/* ---- all of them --------------------------------------------------------- */

/* Copy the environment into one block, as job_alloc does with argv. */
static char **env_copy(const char *const *env)
{
	size_t n, len, size = 0;
	char **copy, *p;

	for (n = 0; env[n]; n++)
		size += strlen(env[n]) + 1;
	copy = malloc((n + 1) * sizeof(char *) + size);
	if (!copy)
		return NULL;
	p = (char *)&copy[n + 1];
	for (size_t i = 0; i < n; i++) {
		len = strlen(env[i]) + 1;
		copy[i] = memcpy(p, env[i], len);
		p += len;
	}
	copy[n] = NULL;
	return copy;
}

struct jobs *jobs_new(struct uv_loop_s *loop, struct log *log,
                      const char *const *env,
                      const unsigned limits[JOB_N_CLASSES])
{
	struct jobs *jobs = calloc(1, sizeof(*jobs));

	if (!jobs)
		return NULL;
	jobs->loop = loop;
	jobs->log = log;
	memcpy(jobs->limits, limits, sizeof(jobs->limits));
	TAILQ_INIT(&jobs->begun);
	for (int i = 0; i < JOB_N_CLASSES; i++)
		TAILQ_INIT(&jobs->queues[i]);
	jobs->env = env_copy(env);
	if (!jobs->env) {
		jobs_free(jobs);
		return NULL;
	}
	return jobs;
}

/* The caller may free them. */
static void jobs_stopped(struct jobs *jobs)
{
	void (*stopped)(void *arg) = jobs->stopped;

	jobs->stopped = NULL;
	if (stopped)
		stopped(jobs->stopped_arg);
}

static void on_child_closed(uv_handle_t *handle)
{
	struct jobs *jobs = handle->data;

	handle->data = NULL;
	jobs_settle(jobs);
}

/* A job has gone: fill its place, or see that it was the last. */
static void jobs_settle(struct jobs *jobs)
{
	for (int i = 0; i < JOB_N_CLASSES; i++)
		jobs_admit(jobs, (enum job_class)i);
	if (jobs->n_jobs > 0 || !jobs->stopping)
		return;
	if (!jobs->child.data)
		jobs_stopped(jobs);
	else if (!uv_is_closing((uv_handle_t *)&jobs->child))
		uv_close((uv_handle_t *)&jobs->child, on_child_closed);
}

void jobs_stop(struct jobs *jobs, void (*done)(void *arg), void *arg)
{
	struct job *job;

	assert(!jobs->stopping);
	jobs->stopping = true;
	jobs->stopped = done;
	jobs->stopped_arg = arg;
	/* Cancelling takes a job out of its queue and reports nothing yet. */
	for (int i = 0; i < JOB_N_CLASSES; i++)
		while ((job = TAILQ_FIRST(&jobs->queues[i])))
			job_cancel(job);
	TAILQ_FOREACH(job, &jobs->begun, link)
	job_cancel(job);
	jobs_settle(jobs);
}

void jobs_free(struct jobs *jobs)
{
	if (!jobs)
		return;
	assert(jobs->n_jobs == 0);
	free(jobs->env);
	free(jobs);
}

void jobs_stats(const struct jobs *jobs, struct job_stats *stats)
{
	const struct job *job;

	*stats = (struct job_stats){ .started = jobs->n_started,
		                     .timed_out = jobs->n_timed_out };
	for (int i = 0; i < JOB_N_CLASSES; i++) {
		stats->running += jobs->running[i];
		TAILQ_FOREACH(job, &jobs->queues[i], link)
		stats->queued++;
	}
}
