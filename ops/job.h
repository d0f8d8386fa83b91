/*
 * job: run child processes, each to its end.
 *
 * A child runs in a session of its own without a terminal, in the directory
 * "/", with the environment given to jobs_new and nothing else, its standard
 * input /dev/null or a pipe of ours, and both outputs read by us. No other
 * descriptor of ours reaches it.
 *
 * There are two ways to run one:
 *
 * job_run    collects the output in memory and calls done once.
 * job_open   hands out the output as it comes and calls on_end once.
 *
 * Both end when the child has exited *and* both its outputs are at their end.
 * A process that the child left behind and that holds an output open delays
 * that by at most JOB_LINGER_MS; then the pipe is closed on our side.
 *
 * The end is reported exactly once, with err
 *	0		it ran; status and signal say how it ended. A status
 *			other than zero is not an error here.
 *	-ETIMEDOUT	the deadline passed and it was killed: TERM to its
 *			process group, after JOB_GRACE_MS KILL.
 *	-EFBIG		it wrote more than out_max (job_run only) and was killed
 *	-ECANCELED	job_cancel was called, or jobs_stop
 *	-ENOMEM, -ENOENT, -EACCES, -EAGAIN, -EMFILE, ...
 *			it could not be started
 *
 * The deadline counts from the call and includes the time spent waiting for a
 * free place: only so many children of one class run at once.
 */
#ifndef ORBFS_OPS_JOB_H
#define ORBFS_OPS_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ops/log.h"

struct uv_loop_s;
struct jobs;
struct job;

enum {
	JOB_GRACE_MS = 2000,  /* between TERM and KILL */
	JOB_LINGER_MS = 1000, /* from exit to giving up on open outputs */
};

/* Places are counted per class, so that a slow kind never starves another. */
enum job_class {
	JOB_LOOK, /* list, info, logs: short */
	JOB_ACT,  /* create, start, delete, ...: life-cycle calls */
	JOB_RUN,  /* scripts of users, guest agents: as many as asked for */
	JOB_N_CLASSES
};

struct job_spec {
	enum job_class class;
	/* argv[0] is an absolute path. Borrowed until the call returns. */
	const char *const *argv;
	const void *in; /* sent to stdin, then EOF; copied */
	size_t in_len;  /* 0: stdin is /dev/null */
	/* Only job_open, and with `in`: no EOF behind it before job_shut. */
	bool in_open;
	/* Only job_open: descriptors of the caller's that become stdin and
	 * stdout, 0 for none. The child gets copies of them; the caller talks
	 * over the other ends, and only stderr comes as output. */
	int in_fd;
	int out_fd;
	size_t out_max;       /* bytes, for each of stdout and stderr */
	unsigned deadline_ms; /* 0 only for job_open: no deadline */
};

struct job_result {
	int status; /* exit status; meaningless when signal is not 0 */
	int signal; /* that ended it, or 0 */
	/* NUL-terminated for convenience; may contain NULs of their own. */
	const char *out;
	size_t out_len;
	const char *err;
	size_t err_len;
};

/* res is NULL when err is not 0 and nothing was read; valid during the call
 * only. On -ETIMEDOUT, -EFBIG and -ECANCELED it has what came until then. */
typedef void job_done_fn(void *arg, int err, const struct job_result *res);

struct job_events {
	/* More output; data is valid during the call only. The job does not
	 * read on until the call has returned. */
	void (*on_output)(void *arg, bool is_stderr, const char *data,
	                  size_t len);
	/* in_open: `in` was written, or what job_write was given last; or the
	 * child reads no more (-EPIPE), and only job_shut makes sense then. */
	void (*on_written)(void *arg, int err);
	/* Both outputs are at their end, and the child is still there; on_end
	 * follows. May be NULL. */
	void (*on_eof)(void *arg);
	/* The end; the job is gone when this returns. res has no output. */
	job_done_fn *on_end;
};

/* What jobs_stats counts; see .orbfs/stats. */
struct job_stats {
	uint64_t started;
	uint64_t timed_out;
	unsigned running;
	unsigned queued;
};

/* env is copied: NULL-terminated "NAME=value" strings. limits: places for each
 * class, 0 for no limit. NULL: no memory. */
struct jobs *jobs_new(struct uv_loop_s *loop, struct log *log,
                      const char *const *env,
                      const unsigned limits[JOB_N_CLASSES]);
/* Cancel all jobs (each is still reported) and refuse new ones (-ECANCELED).
 * done(arg) is called when the last has ended and all its handles are closed;
 * before this returns if there is none. To be called once. */
void jobs_stop(struct jobs *jobs, void (*done)(void *arg), void *arg);
/* Nothing may be running: after jobs_stop has called back. NULL is allowed. */
void jobs_free(struct jobs *jobs);
void jobs_stats(const struct jobs *jobs, struct job_stats *stats);

/* Run one child and collect its output. done may be called before this
 * returns (-ENOMEM, -ECANCELED). Returns nothing to cancel: the deadline bounds
 * it. */
void job_run(struct jobs *jobs, const struct job_spec *spec, job_done_fn *done,
             void *arg);

/* Start one child whose output is wanted as it comes. NULL: no memory, and
 * then on_end is not called. Otherwise no event before this returns, and
 * on_end exactly once, also when the child cannot be started. */
struct job *job_open(struct jobs *jobs, const struct job_spec *spec,
                     const struct job_events *events, void *arg);
/* Ask for its end: TERM to the group, KILL after the grace. What it still
 * writes is handed out, then on_end follows with -ECANCELED, unless the job was
 * being ended for another reason already. May be called from inside on_output.
 * Calling it again changes nothing. */
void job_cancel(struct job *job);
/* in_open: send more to stdin. Only after on_written, which is called again,
 * after this has returned. data is borrowed until then or until on_end. */
void job_write(struct job *job, const void *data, size_t len);
/* in_open: the EOF. Only after on_written; nothing is written any more. */
void job_shut(struct job *job);

#endif
