/*
 * What job.h promises, tried with real children. Those that wait do it in
 * /bin/sleep and are ended by the test long before they would end themselves.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "ops/buf.h"
#include "ops/job.h"
#include "tests/fail_alloc.h"
#include "tests/loop.h"

enum {
	WAIT_MS = 30000,    /* for what takes no time on an idle machine */
	DEADLINE_MS = 3000, /* by when a script says its first word, and more */
	MIB = 1 << 20,
};

/* ---- a set of jobs and what became of one -------------------------------- */

struct fixture {
	uv_loop_t *loop;
	struct jobs *jobs;
	bool stopped;
	int first_fd; /* the lowest free descriptor, before and after */
};

struct outcome {
	struct fixture *f;
	struct job *job;
	bool ended;
	bool spoke; /* output has come */
	unsigned n_ends;
	unsigned n_eofs;
	int err;
	bool has_result;
	int status;
	int signal;
	struct buf out;
	struct buf err_out;
	size_t n_streamed;
	uint64_t since;
	uint64_t took_ms;
	/* What the callbacks do besides. */
	bool cancels; /* from inside on_output */
	bool quiet;   /* count what is streamed and do not keep it */
	int again;    /* run as many more, each from inside the last */
	bool stops;   /* stop all from inside the end */
	bool returned;
};

static const char *const ENVIRONMENT[] = { "PATH=/usr/bin:/bin", "LANG=C",
	                                   NULL };

static void begin_limits(struct fixture *f, unsigned limit)
{
	const unsigned limits[JOB_N_CLASSES] = { limit, limit, limit };

	f->stopped = false;
	f->first_fd = dup(STDERR_FILENO);
	close(f->first_fd);
	f->loop = loop_start();
	f->jobs = jobs_new(f->loop, NULL, ENVIRONMENT, limits);
}

static void begin(struct fixture *f)
{
	begin_limits(f, 4);
	assert_non_null(f->jobs);
}

static void on_stopped(void *arg)
{
	struct fixture *f = arg;

	assert_false(f->stopped);
	f->stopped = true;
}

/* No handle and no descriptor may be left. */
static void end(struct fixture *f)
{
	int fd;

	if (f->jobs && !f->stopped) {
		jobs_stop(f->jobs, on_stopped, f);
		if (!f->stopped)
			loop_run_until(f->loop, &f->stopped, WAIT_MS);
	}
	jobs_free(f->jobs);
	loop_finish(f->loop);
	fd = dup(STDERR_FILENO);
	close(fd);
	assert_int_equal(fd, f->first_fd);
}

static struct outcome outcome_of(struct fixture *f)
{
	return (struct outcome){ .f = f,
		                 .out = BUF_INIT(16 * MIB),
		                 .err_out = BUF_INIT(16 * MIB),
		                 .since = uv_hrtime() };
}

static void outcome_free(struct outcome *o)
{
	buf_free(&o->out);
	buf_free(&o->err_out);
}

static void run(struct outcome *o, const char *script, unsigned deadline_ms);

static void on_end(void *arg, int err, const struct job_result *res)
{
	struct outcome *o = arg;

	o->n_ends++;
	o->err = err;
	o->has_result = res != NULL;
	o->took_ms = (uv_hrtime() - o->since) / 1000000;
	if (res) {
		assert_int_equal(res->out[res->out_len], '\0');
		assert_int_equal(res->err[res->err_len], '\0');
		o->status = res->status;
		o->signal = res->signal;
		if (res->out_len > 0)
			buf_add(&o->out, res->out, res->out_len);
		if (res->err_len > 0)
			buf_add(&o->err_out, res->err, res->err_len);
	}
	if (o->again > 0) {
		o->again--;
		run(o, "echo again", WAIT_MS);
		return;
	}
	if (o->job)
		job_cancel(o->job); /* too late, and harmless */
	o->ended = true;
	if (o->stops)
		jobs_stop(o->f->jobs, on_stopped, o->f);
}

static void on_output(void *arg, bool is_stderr, const char *data, size_t len)
{
	struct outcome *o = arg;

	assert_true(o->returned);
	assert_false(o->ended);
	assert_true(len > 0);
	o->spoke = true;
	o->n_streamed += len;
	if (!o->quiet)
		buf_add(is_stderr ? &o->err_out : &o->out, data, len);
	if (o->cancels)
		job_cancel(o->job);
}

static void on_stream_end(void *arg, int err, const struct job_result *res)
{
	struct outcome *o = arg;

	assert_true(o->returned);
	on_end(arg, err, res);
}

static void on_eof(void *arg)
{
	struct outcome *o = arg;

	assert_false(o->ended);
	o->n_eofs++;
}

static const struct job_events EVENTS = { .on_output = on_output,
	                                  .on_eof = on_eof,
	                                  .on_end = on_stream_end };

static void run(struct outcome *o, const char *script, unsigned deadline_ms)
{
	const char *const argv[] = { "/bin/sh", "-c", script, NULL };
	const struct job_spec spec = { .class = JOB_LOOK,
		                       .argv = argv,
		                       .out_max = 16 * MIB,
		                       .deadline_ms = deadline_ms };

	job_run(o->f->jobs, &spec, on_end, o);
}

/* Start a script whose output streams. */
static void stream(struct outcome *o, const char *script, unsigned deadline_ms)
{
	const char *const argv[] = { "/bin/sh", "-c", script, NULL };
	const struct job_spec spec = { .class = JOB_LOOK,
		                       .argv = argv,
		                       .deadline_ms = deadline_ms };

	o->returned = false;
	o->job = job_open(o->f->jobs, &spec, &EVENTS, o);
	assert_non_null(o->job);
	o->returned = true;
}

static void wait_end(struct outcome *o)
{
	loop_run_until(o->f->loop, &o->ended, WAIT_MS);
	assert_int_equal(o->n_ends, 1);
}

/* The whole of a simple test: what a script prints to standard output. */
static void assert_prints(const char *script, const char *expected)
{
	struct fixture f;
	struct outcome o;

	begin(&f);
	o = outcome_of(&f);
	run(&o, script, WAIT_MS);
	wait_end(&o);
	assert_int_equal(o.err, 0);
	assert_int_equal(o.status, 0);
	assert_int_equal(o.err_out.len, 0);
	assert_string_equal(o.out.data ? o.out.data : "", expected);
	outcome_free(&o);
	end(&f);
}

/* Whether a process is gone, or is dead and only waits for its parent. */
static bool process_is_dead(pid_t pid)
{
	char path[64], line[512], *p;
	FILE *file;
	bool dead = true;

	if (kill(pid, 0) < 0 && errno == ESRCH)
		return true;
	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	file = fopen(path, "r");
	if (!file)
		return errno == ENOENT;
	if (fgets(line, sizeof(line), file)) {
		p = strrchr(line, ')');
		dead = p && p[1] && p[2] == 'Z';
	}
	fclose(file);
	return dead;
}

/* Whether our child has been seen to end, by libuv. */
static bool process_is_reaped(void *arg)
{
	const pid_t *pid = arg;

	return kill(*pid, 0) < 0 && errno == ESRCH;
}

/* Dying takes a moment after the signal was sent. */
static void assert_dies(struct fixture *f, pid_t pid)
{
	uint64_t until = uv_hrtime() + WAIT_MS * 1000000ULL;

	while (!process_is_dead(pid) && uv_hrtime() < until)
		loop_run_for(f->loop, 5);
	assert_true(process_is_dead(pid));
}

/* The n-th number of what was printed. */
static pid_t printed_pid(const struct outcome *o, int n)
{
	char *p = o->out.data;
	long pid = 0;

	assert_non_null(p);
	while (n-- >= 0)
		pid = strtol(p, &p, 10);
	assert_true(pid > 1);
	return (pid_t)pid;
}

/* ---- how a child ends ---------------------------------------------------- */

static void job_reports_both_outputs_and_the_status(void **state)
{
	struct fixture f;
	struct outcome o;

	(void)state;
	begin(&f);
	o = outcome_of(&f);
	run(&o, "echo out; echo err >&2; exit 3", WAIT_MS);
	wait_end(&o);
	assert_int_equal(o.err, 0);
	assert_true(o.has_result);
	assert_int_equal(o.status, 3);
	assert_int_equal(o.signal, 0);
	assert_string_equal(o.out.data, "out\n");
	assert_string_equal(o.err_out.data, "err\n");
	outcome_free(&o);
	end(&f);
}

static void job_without_output_has_empty_strings(void **state)
{
	(void)state;
	assert_prints("exit 0", "");
}

static void job_reports_the_signal_that_ended_it(void **state)
{
	struct fixture f;
	struct outcome o;

	(void)state;
	begin(&f);
	o = outcome_of(&f);
	run(&o, "kill -9 $$", WAIT_MS);
	wait_end(&o);
	assert_int_equal(o.err, 0);
	assert_int_equal(o.signal, SIGKILL);
	outcome_free(&o);
	end(&f);
}

static void assert_cannot_start(const char *program, int err)
{
	struct fixture f;
	const char *const argv[] = { program, NULL };
	const struct job_spec spec = { .class = JOB_ACT,
		                       .argv = argv,
		                       .in = "text",
		                       .in_len = 4,
		                       .out_max = 100,
		                       .deadline_ms = WAIT_MS };
	struct outcome run_one, open_one;
	struct job_stats stats;

	begin(&f);
	run_one = outcome_of(&f);
	open_one = outcome_of(&f);
	job_run(f.jobs, &spec, on_end, &run_one);
	open_one.job = job_open(f.jobs, &spec, &EVENTS, &open_one);
	assert_non_null(open_one.job);
	open_one.returned = true;
	wait_end(&run_one);
	wait_end(&open_one);
	assert_int_equal(run_one.err, err);
	assert_false(run_one.has_result);
	assert_int_equal(open_one.err, err);
	jobs_stats(f.jobs, &stats);
	assert_int_equal(stats.started, 0);
	assert_int_equal(stats.running, 0);
	end(&f);
}

static void job_says_why_it_cannot_be_started(void **state)
{
	(void)state;
	assert_cannot_start("/no/such/program", -ENOENT);
	assert_cannot_start("/etc", -EACCES);
	assert_cannot_start("/etc/passwd/program", -ENOTDIR);
}

static void job_says_when_descriptors_are_out(void **state)
{
	struct rlimit limit, low;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low = limit;
	/* More than the loop needs, and room for none, some and nearly all of
	 * the pipes that a job needs. */
	for (rlim_t room = 0; room < 6; room += 2) {
		struct fixture f;
		struct outcome o;
		int fd;

		begin(&f);
		o = outcome_of(&f);
		fd = dup(STDERR_FILENO);
		close(fd);
		low.rlim_cur = (rlim_t)fd + room;
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
		run(&o, "exit 0", WAIT_MS);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
		wait_end(&o);
		assert_int_equal(o.err, -EMFILE);
		end(&f);
	}
}

static void job_waits_for_output_that_comes_after_the_exit(void **state)
{
	(void)state;
	assert_prints("(sleep 0.2; echo late) & exit 0", "late\n");
}

static void job_waits_for_an_exit_that_comes_after_the_output(void **state)
{
	struct fixture f;
	struct outcome o;

	(void)state;
	begin(&f);
	o = outcome_of(&f);
	run(&o, "echo x; exec >&- 2>&-; sleep 0.2; exit 7", WAIT_MS);
	wait_end(&o);
	assert_int_equal(o.err, 0);
	assert_int_equal(o.status, 7);
	assert_string_equal(o.out.data, "x\n");
	outcome_free(&o);
	end(&f);
}

static void job_does_not_wait_for_who_was_left_behind(void **state)
{
	struct fixture f;
	struct outcome o;
	pid_t left;

	(void)state;
	begin(&f);
	o = outcome_of(&f);
	run(&o, "sleep 60 & echo $!; exit 4", WAIT_MS);
	wait_end(&o);
	assert_int_equal(o.err, 0);
	assert_int_equal(o.status, 4);
	assert_true(o.took_ms >= JOB_LINGER_MS - 10);
	assert_true(o.took_ms < WAIT_MS / 2);
	/* It was not ours to end. */
	left = printed_pid(&o, 0);
	assert_false(process_is_dead(left));
	kill(left, SIGKILL);
	outcome_free(&o);
	end(&f);
}

static void on_stall(uv_timer_t *timer)
{
	uint64_t until = uv_hrtime() + 1200 * 1000000ULL;

	while (uv_hrtime() < until)
		;
	uv_close((uv_handle_t *)timer, NULL);
}

static void job_loses_no_output_when_the_loop_was_held_up(void **state)
{
	struct fixture f;
	struct outcome o;
	uv_timer_t stall;

	(void)state;
	begin(&f);
	o = outcome_of(&f);
	run(&o, "(sleep 0.3; echo late) & exit 0", WAIT_MS);
	/* Longer than outputs may linger, beginning after the exit. */
	uv_timer_init(f.loop, &stall);
	uv_timer_start(&stall, on_stall, 200, 0);
	wait_end(&o);
	assert_string_equal(o.out.data, "late\n");
	outcome_free(&o);
	end(&f);
}

/* ---- what a child finds -------------------------------------------------- */

static void job_has_the_given_environment_and_no_other(void **state)
{
	struct fixture f;
	struct outcome o;
	const char *const argv[] = { "/usr/bin/env", NULL };
	const struct job_spec spec = { .argv = argv,
		                       .out_max = 1000,
		                       .deadline_ms = WAIT_MS };

	(void)state;
	setenv("ORBFS_TEST_SECRET", "yes", 1);
	begin(&f);
	o = outcome_of(&f);
	job_run(f.jobs, &spec, on_end, &o);
	wait_end(&o);
	assert_string_equal(o.out.data, "PATH=/usr/bin:/bin\nLANG=C\n");
	outcome_free(&o);
	end(&f);
}

static void job_has_no_descriptors_but_its_own(void **state)
{
	struct fixture f;
	struct outcome o;
	const char *const argv[] = { "/bin/ls", "/proc/self/fd", NULL };
	const struct job_spec spec = { .argv = argv,
		                       .in = "x",
		                       .in_len = 1,
		                       .out_max = 1000,
		                       .deadline_ms = WAIT_MS };
	int inherited;

	(void)state;
	begin(&f);
	/* As a careless parent of ours would leave one to us. */
	inherited = fcntl(STDERR_FILENO, F_DUPFD, 150);
	assert_true(inherited >= 150);
	o = outcome_of(&f);
	job_run(f.jobs, &spec, on_end, &o);
	wait_end(&o);
	/* The last one is how ls reads that folder. */
	assert_string_equal(o.out.data, "0\n1\n2\n3\n");
	outcome_free(&o);
	close(inherited);
	end(&f);
}

static void job_has_a_session_of_its_own_and_no_terminal(void **state)
{
	struct fixture f;
	struct outcome o;
	long pid, parent, group, session, terminal;

	(void)state;
	begin(&f);
	o = outcome_of(&f);
	run(&o, "cat /proc/$$/stat", WAIT_MS);
	wait_end(&o);
	assert_int_equal(sscanf(o.out.data, "%ld (sh) %*c %ld %ld %ld %ld",
	                        &pid, &parent, &group, &session, &terminal),
	                 5);
	assert_int_equal(parent, getpid());
	assert_int_equal(group, pid);
	assert_int_equal(session, pid);
	assert_int_equal(terminal, 0);
	outcome_free(&o);
	end(&f);
}

static void job_is_in_the_root_directory(void **state)
{
	(void)state;
	assert_prints("readlink /proc/$$/cwd", "/\n");
}

static void job_without_input_reads_dev_null(void **state)
{
	(void)state;
	assert_prints("readlink /proc/$$/fd/0; cat", "/dev/null\n");
}

static void job_can_open_its_outputs_by_name(void **state)
{
	struct fixture f;
	struct outcome o;

	(void)state;
	begin(&f);
	o = outcome_of(&f);
	run(&o, "echo a >/dev/stdout; echo b >/dev/stderr", WAIT_MS);
	wait_end(&o);
	assert_int_equal(o.status, 0);
	assert_string_equal(o.out.data, "a\n");
	assert_string_equal(o.err_out.data, "b\n");
	outcome_free(&o);
	end(&f);
}

static void job_starts_with_signals_as_a_shell_would_give_them(void **state)
{
	struct fixture f;
	struct outcome o;
	const char *const argv[] = { "/bin/grep", "-E", "^Sig(Blk|Ign)",
		                     "/proc/self/status", NULL };
	const struct job_spec spec = { .argv = argv,
		                       .out_max = 1000,
		                       .deadline_ms = WAIT_MS };
	unsigned long long blocked, ignored;
	sigset_t block, old;

	(void)state;
	begin(&f);
	/* SIGPIPE is ignored in all of these tests, as in the daemon. */
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	sigaddset(&block, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &block, &old);
	o = outcome_of(&f);
	job_run(f.jobs, &spec, on_end, &o);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	signal(SIGHUP, SIG_DFL);
	wait_end(&o);
	assert_int_equal(sscanf(o.out.data, "SigBlk: %llx SigIgn: %llx",
	                        &blocked, &ignored),
	                 2);
	assert_int_equal(blocked, 0);
	/* 32 and 33 are the C library's own, and nobody can reset them: who was
	 * started by make has them ignored. */
	assert_int_equal(ignored & ~0x180000000ULL, 0);
	outcome_free(&o);
	end(&f);
}

/* ---- input and output ---------------------------------------------------- */

/* Run a script with len bytes of input of every value. */
static void run_with_input(struct outcome *o, const char *script, char *in,
                           size_t len)
{
	const char *const argv[] = { "/bin/sh", "-c", script, NULL };
	const struct job_spec spec = { .argv = argv,
		                       .in = in,
		                       .in_len = len,
		                       .out_max = len + 100,
		                       .deadline_ms = WAIT_MS };

	for (size_t i = 0; i < len; i++)
		in[i] = (char)(i * 7 + i / 251);
	job_run(o->f->jobs, &spec, on_end, o);
}

static void job_passes_a_mebibyte_in_and_out_unchanged(void **state)
{
	struct fixture f;
	struct outcome o;
	char *in = malloc(MIB), *copy = malloc(MIB);

	(void)state;
	assert_non_null(in);
	assert_non_null(copy);
	begin(&f);
	o = outcome_of(&f);
	run_with_input(&o, "exec cat", in, MIB);
	memcpy(copy, in, MIB);
	memset(in, 0, MIB); /* it was copied */
	wait_end(&o);
	assert_int_equal(o.err, 0);
	assert_int_equal(o.out.len, MIB);
	assert_memory_equal(o.out.data, copy, MIB);
	outcome_free(&o);
	end(&f);
	free(in);
	free(copy);
}

static void job_can_open_its_input_by_name(void **state)
{
	struct fixture f;
	struct outcome o;
	char in[1000];

	(void)state;
	begin(&f);
	o = outcome_of(&f);
	run_with_input(&o, "exec cat /dev/stdin", in, sizeof(in));
	wait_end(&o);
	assert_int_equal(o.out.len, sizeof(in));
	assert_memory_equal(o.out.data, in, sizeof(in));
	outcome_free(&o);
	end(&f);
}

static void job_need_not_read_its_input(void **state)
{
	struct fixture f;
	struct outcome o;
	char *in = malloc(MIB);

	(void)state;
	assert_non_null(in);
	begin(&f);
	o = outcome_of(&f);
	run_with_input(&o, "exec <&-; sleep 0.1; echo done; exit 5", in, MIB);
	wait_end(&o);
	assert_int_equal(o.err, 0);
	assert_int_equal(o.status, 5);
	assert_string_equal(o.out.data, "done\n");
	outcome_free(&o);
	/* Nor need what it leaves behind, which may hold it open. */
	o = outcome_of(&f);
	run_with_input(&o, "exec 3<&0; sleep 60 >/dev/null 2>&1 <&3 & echo $!",
	               in, MIB);
	wait_end(&o);
	assert_int_equal(o.err, 0);
	kill(printed_pid(&o, 0), SIGKILL);
	outcome_free(&o);
	end(&f);
	free(in);
}

/* A child that writes n bytes to one output, where max are allowed. */
static void run_limited(struct outcome *o, const char *script, size_t max)
{
	const char *const argv[] = { "/bin/sh", "-c", script, NULL };
	const struct job_spec spec = { .argv = argv,
		                       .out_max = max,
		                       .deadline_ms = WAIT_MS };

	job_run(o->f->jobs, &spec, on_end, o);
}

static void job_may_write_as_much_as_it_was_allowed(void **state)
{
	struct fixture f;
	struct outcome o;

	(void)state;
	begin(&f);
	o = outcome_of(&f);
	run_limited(&o, "head -c 70000 /dev/zero; head -c 70000 /dev/zero >&2",
	            70000);
	wait_end(&o);
	assert_int_equal(o.err, 0);
	assert_int_equal(o.out.len, 70000);
	assert_int_equal(o.err_out.len, 70000);
	outcome_free(&o);
	end(&f);
}

static void job_that_writes_too_much_is_killed(void **state)
{
	static const char *const scripts[] = { "exec yes", "exec yes >&2" };
	struct fixture f;
	struct outcome o;

	(void)state;
	begin(&f);
	for (int i = 0; i < 2; i++) {
		o = outcome_of(&f);
		run_limited(&o, scripts[i], 70000);
		wait_end(&o);
		assert_int_equal(o.err, -EFBIG);
		assert_true(o.has_result);
		assert_int_equal(o.out.len, i == 0 ? 70000 : 0);
		assert_int_equal(o.err_out.len, i == 0 ? 0 : 70000);
		assert_true(o.took_ms < JOB_GRACE_MS);
		outcome_free(&o);
	}
	end(&f);
}

static void job_tells_of_the_end_of_its_outputs_before_its_own(void **state)
{
	static const struct {
		const char *script;
		unsigned n_eofs;
	} rows[] = {
		{ "echo x; exec >&- 2>&-; sleep 0.2", 1 },
		{ "exec >&-; sleep 0.1; exec 2>&-; sleep 0.1", 1 },
		{ "sleep 0.2 & exit", 0 },
	};
	struct fixture f;

	(void)state;
	begin(&f);
	for (size_t i = 0; i < 3; i++) {
		struct outcome o = outcome_of(&f);

		stream(&o, rows[i].script, 0);
		wait_end(&o);
		assert_int_equal(o.n_eofs, rows[i].n_eofs);
		outcome_free(&o);
	}
	end(&f);
}

static void job_streams_everything_in_order(void **state)
{
	struct fixture f;
	struct outcome o;
	char line[16], *p;

	(void)state;
	begin(&f);
	o = outcome_of(&f);
	stream(&o, "seq 100000; echo oops >&2; exit 9", 0);
	wait_end(&o);
	assert_int_equal(o.err, 0);
	assert_true(o.has_result);
	assert_int_equal(o.status, 9);
	assert_string_equal(o.err_out.data, "oops\n");
	p = o.out.data;
	for (int i = 1; i <= 100000; i++) {
		int n = snprintf(line, sizeof(line), "%d\n", i);

		assert_memory_equal(p, line, (size_t)n);
		p += n;
	}
	assert_int_equal(*p, '\0');
	outcome_free(&o);
	end(&f);
}

static void job_streams_more_than_fits_into_memory_it_takes(void **state)
{
	struct fixture f;
	struct outcome o;

	(void)state;
	begin(&f);
	o = outcome_of(&f);
	o.quiet = true;
	stream(&o, "exec head -c 100000000 /dev/zero", WAIT_MS);
	wait_end(&o);
	assert_int_equal(o.err, 0);
	assert_int_equal(o.n_streamed, 100000000);
	end(&f);
}

/* ---- deadlines ----------------------------------------------------------- */

static void job_is_ended_at_its_deadline(void **state)
{
	struct fixture f;
	struct outcome o;
	struct job_stats stats;

	(void)state;
	begin(&f);
	o = outcome_of(&f);
	run(&o, "echo partial; exec sleep 60", DEADLINE_MS);
	wait_end(&o);
	assert_int_equal(o.err, -ETIMEDOUT);
	assert_true(o.has_result);
	assert_string_equal(o.out.data, "partial\n");
	assert_true(o.took_ms >= DEADLINE_MS - 10);
	assert_true(o.took_ms < DEADLINE_MS + JOB_GRACE_MS);
	jobs_stats(f.jobs, &stats);
	assert_int_equal(stats.timed_out, 1);
	assert_int_equal(stats.started, 1);
	outcome_free(&o);
	end(&f);
}

static void job_that_ends_in_silence_at_its_deadline_has_no_result(void **state)
{
	struct fixture f;
	struct outcome o;

	(void)state;
	begin(&f);
	o = outcome_of(&f);
	run(&o, "exec sleep 60", 50);
	wait_end(&o);
	assert_int_equal(o.err, -ETIMEDOUT);
	assert_false(o.has_result);
	end(&f);
}

static void job_that_ignores_term_is_killed_after_the_grace(void **state)
{
	struct fixture f;
	struct outcome o;
	pid_t self, child;

	(void)state;
	begin(&f);
	o = outcome_of(&f);
	run(&o, "trap '' TERM; sleep 60 & echo $$ $!; wait", DEADLINE_MS);
	wait_end(&o);
	assert_int_equal(o.err, -ETIMEDOUT);
	assert_int_equal(o.signal, SIGKILL);
	assert_true(o.took_ms >= DEADLINE_MS - 10 + JOB_GRACE_MS);
	assert_true(o.took_ms < WAIT_MS / 2);
	self = printed_pid(&o, 0);
	child = printed_pid(&o, 1);
	assert_true(process_is_dead(self));
	assert_dies(&f, child);
	outcome_free(&o);
	end(&f);
}

static void job_is_ended_with_its_whole_group(void **state)
{
	struct fixture f;
	struct outcome o;
	pid_t child;

	(void)state;
	begin(&f);
	o = outcome_of(&f);
	run(&o, "sleep 60 & echo $!; wait", DEADLINE_MS);
	wait_end(&o);
	assert_int_equal(o.err, -ETIMEDOUT);
	assert_true(o.took_ms < DEADLINE_MS + JOB_GRACE_MS);
	child = printed_pid(&o, 0);
	assert_dies(&f, child);
	outcome_free(&o);
	end(&f);
}

static void job_deadline_counts_from_the_call(void **state)
{
	struct fixture f;
	struct outcome o;
	uint64_t until = uv_hrtime();

	(void)state;
	begin(&f);
	/* The loop has last looked at the time before these 1.5 s. */
	until += 1500 * 1000000ULL;
	while (uv_hrtime() < until)
		;
	o = outcome_of(&f);
	run(&o, "exit 0", 1400);
	wait_end(&o);
	assert_int_equal(o.err, 0);
	end(&f);
}

static void job_last_words_after_the_deadline_are_kept(void **state)
{
	struct fixture f;
	struct outcome o;

	(void)state;
	begin(&f);
	o = outcome_of(&f);
	run(&o, "trap 'echo bye; exit 1' TERM; sleep 60 & wait", DEADLINE_MS);
	wait_end(&o);
	assert_int_equal(o.err, -ETIMEDOUT);
	assert_string_equal(o.out.data, "bye\n");
	outcome_free(&o);
	end(&f);
}

static void job_whose_exit_nobody_tells_us_is_given_up(void **state)
{
	struct fixture f;
	struct outcome o;

	(void)state;
	begin(&f);
	o = outcome_of(&f);
	run(&o, "exit 0", 100);
	/* Somebody else takes the exit status before the loop can. */
	assert_true(waitpid(-1, NULL, 0) > 0);
	wait_end(&o);
	assert_int_equal(o.err, -ETIMEDOUT);
	assert_true(o.took_ms >= 2 * JOB_GRACE_MS);
	end(&f);
}

static void job_leaves_the_children_of_others_alone(void **state)
{
	struct fixture f;
	struct outcome o;
	int status;
	pid_t other;

	(void)state;
	begin(&f);
	o = outcome_of(&f);
	other = fork();
	if (other == 0)
		_exit(5);
	assert_true(other > 0);
	/* It has ended before this one has, and is still to be had. */
	assert_int_equal(waitid(P_PID, (id_t)other, NULL, WEXITED | WNOWAIT),
	                 0);
	run(&o, "exit 3", 1000);
	wait_end(&o);
	assert_int_equal(o.status, 3);
	assert_int_equal(waitpid(other, &status, 0), other);
	assert_int_equal(WEXITSTATUS(status), 5);
	end(&f);
}

/* ---- places -------------------------------------------------------------- */

struct many {
	struct fixture *f;
	unsigned n_ended;
	unsigned n_wanted;
	unsigned n_good;
	unsigned max_running;
	bool ended;
	char order[256];
};

static void on_one_of_many(void *arg, int err, const struct job_result *res)
{
	struct many *many = arg;
	struct job_stats stats;

	jobs_stats(many->f->jobs, &stats);
	/* The place of this one is free already, and not filled yet. */
	if (stats.running + 1 > many->max_running)
		many->max_running = stats.running + 1;
	if (err == 0 && res->status == 0 && res->out_len > 0) {
		many->order[many->n_ended] = res->out[0];
		many->n_good++;
	}
	many->ended = ++many->n_ended == many->n_wanted;
}

static void many_run(struct many *many, const char *script)
{
	const char *const argv[] = { "/bin/sh", "-c", script, NULL };
	const struct job_spec spec = { .class = JOB_RUN,
		                       .argv = argv,
		                       .out_max = 100,
		                       .deadline_ms = 4 * WAIT_MS };

	many->n_wanted++;
	job_run(many->f->jobs, &spec, on_one_of_many, many);
}

static void job_places_are_never_exceeded_by_two_hundred(void **state)
{
	struct fixture f;
	struct many many = { .f = &f };
	struct job_stats stats;

	(void)state;
	begin(&f);
	for (int i = 0; i < 200; i++)
		many_run(&many, "echo x");
	jobs_stats(f.jobs, &stats);
	assert_int_equal(stats.running, 4);
	assert_int_equal(stats.queued, 196);
	loop_run_until(f.loop, &many.ended, 3 * WAIT_MS);
	assert_int_equal(many.n_good, 200);
	assert_int_equal(many.max_running, 4);
	jobs_stats(f.jobs, &stats);
	assert_int_equal(stats.started, 200);
	assert_int_equal(stats.running, 0);
	assert_int_equal(stats.queued, 0);
	end(&f);
}

static void job_places_are_filled_in_the_order_of_the_calls(void **state)
{
	struct fixture f;
	struct many many = { .f = &f };
	char script[] = "echo ?";

	(void)state;
	begin_limits(&f, 1);
	for (int i = 0; i < 10; i++) {
		script[5] = "abcdefghij"[i];
		many_run(&many, script);
	}
	loop_run_until(f.loop, &many.ended, WAIT_MS);
	assert_string_equal(many.order, "abcdefghij");
	end(&f);
}

static void job_places_of_one_class_leave_another_alone(void **state)
{
	struct fixture f;
	struct many many = { .f = &f };
	struct outcome slow;

	(void)state;
	begin_limits(&f, 1);
	slow = outcome_of(&f);
	stream(&slow, "exec sleep 60", 0);
	many_run(&many, "echo x");
	loop_run_until(f.loop, &many.ended, WAIT_MS);
	assert_int_equal(many.n_good, 1);
	assert_false(slow.ended);
	end(&f);
	assert_int_equal(slow.err, -ECANCELED);
}

static void job_places_without_limit_are_all_taken(void **state)
{
	struct fixture f;
	struct outcome all[12];
	struct job_stats stats;

	(void)state;
	begin_limits(&f, 0);
	for (int i = 0; i < 12; i++) {
		all[i] = outcome_of(&f);
		stream(&all[i], "exec sleep 60", 0);
	}
	jobs_stats(f.jobs, &stats);
	assert_int_equal(stats.running, 12);
	assert_int_equal(stats.queued, 0);
	end(&f);
	for (int i = 0; i < 12; i++)
		assert_int_equal(all[i].n_ends, 1);
}

static void job_deadline_passes_in_the_queue_too(void **state)
{
	struct fixture f;
	struct outcome first, second;
	struct job_stats stats;

	(void)state;
	begin_limits(&f, 1);
	first = outcome_of(&f);
	second = outcome_of(&f);
	stream(&first, "exec sleep 60", 0);
	run(&second, "echo started", 50);
	wait_end(&second);
	assert_int_equal(second.err, -ETIMEDOUT);
	assert_false(second.has_result);
	job_cancel(first.job);
	wait_end(&first);
	jobs_stats(f.jobs, &stats);
	assert_int_equal(stats.started, 1);
	assert_int_equal(stats.timed_out, 1);
	end(&f);
}

static void job_that_cannot_start_leaves_its_place_to_the_next(void **state)
{
	struct fixture f;
	struct outcome o;
	struct many many = { .f = &f };
	const char *const argv[] = { "/no/such/program", NULL };
	const struct job_spec spec = { .class = JOB_RUN,
		                       .argv = argv,
		                       .deadline_ms = WAIT_MS };

	(void)state;
	begin_limits(&f, 1);
	o = outcome_of(&f);
	job_run(f.jobs, &spec, on_end, &o);
	many_run(&many, "echo x");
	loop_run_until(f.loop, &many.ended, WAIT_MS);
	assert_int_equal(many.n_good, 1);
	assert_int_equal(o.err, -ENOENT);
	end(&f);
}

/* ---- cancelling ---------------------------------------------------------- */

static void job_that_is_cancelled_while_it_runs_ends_so(void **state)
{
	struct fixture f;
	struct outcome o;

	(void)state;
	begin(&f);
	o = outcome_of(&f);
	stream(&o, "echo x; exec sleep 60", 0);
	loop_run_until(f.loop, &o.spoke, WAIT_MS);
	job_cancel(o.job);
	job_cancel(o.job);
	assert_false(o.ended);
	wait_end(&o);
	assert_int_equal(o.err, -ECANCELED);
	assert_false(o.has_result);
	outcome_free(&o);
	end(&f);
}

static void job_that_is_cancelled_in_the_queue_never_starts(void **state)
{
	struct fixture f;
	struct outcome first, second, third;
	struct job_stats stats;

	(void)state;
	begin_limits(&f, 1);
	first = outcome_of(&f);
	second = outcome_of(&f);
	third = outcome_of(&f);
	stream(&first, "exec sleep 60", 0);
	stream(&second, "echo started", 0);
	stream(&third, "echo third", 0);
	job_cancel(second.job);
	assert_false(second.ended);
	wait_end(&second);
	assert_int_equal(second.err, -ECANCELED);
	assert_false(second.spoke);
	job_cancel(first.job);
	wait_end(&third);
	assert_int_equal(third.err, 0);
	jobs_stats(f.jobs, &stats);
	assert_int_equal(stats.started, 2);
	assert_int_equal(stats.queued, 0);
	outcome_free(&third);
	end(&f);
}

static void job_can_be_cancelled_from_inside_its_output(void **state)
{
	struct fixture f;
	struct outcome o;

	(void)state;
	begin(&f);
	o = outcome_of(&f);
	o.cancels = true;
	o.quiet = true;
	stream(&o, "exec yes", 0);
	wait_end(&o);
	assert_int_equal(o.err, -ECANCELED);
	assert_true(o.took_ms < JOB_GRACE_MS);
	end(&f);
}

static void job_can_be_cancelled_right_after_it_was_opened(void **state)
{
	struct fixture f;
	struct outcome o;

	(void)state;
	begin(&f);
	o = outcome_of(&f);
	stream(&o, "exec sleep 60", 0);
	job_cancel(o.job);
	wait_end(&o);
	assert_int_equal(o.err, -ECANCELED);
	end(&f);
}

static void job_that_ended_by_itself_can_still_be_cancelled(void **state)
{
	struct fixture f;
	struct outcome o;
	pid_t self, left;

	(void)state;
	begin(&f);
	o = outcome_of(&f);
	stream(&o, "trap '' TERM; sleep 60 & echo $$ $!; exit 0", 0);
	loop_run_until(f.loop, &o.spoke, WAIT_MS);
	self = printed_pid(&o, 0);
	left = printed_pid(&o, 1);
	loop_run_until_true(f.loop, process_is_reaped, &self, WAIT_MS);
	job_cancel(o.job);
	wait_end(&o);
	assert_int_equal(o.err, -ECANCELED);
	/* It ignored TERM, so KILL has to have ended it. */
	assert_dies(&f, left);
	outcome_free(&o);
	end(&f);
}

static void job_keeps_its_first_reason_to_end(void **state)
{
	struct fixture f;
	struct outcome o;

	(void)state;
	begin(&f);
	o = outcome_of(&f);
	/* Cancelled while it is being ended for its deadline: by end(). */
	run(&o, "trap '' TERM; echo x; exec sleep 60", DEADLINE_MS);
	loop_run_for(f.loop, DEADLINE_MS + 100);
	assert_false(o.ended);
	end(&f);
	assert_true(o.ended);
	assert_int_equal(o.err, -ETIMEDOUT);
	outcome_free(&o);
}

/* ---- from inside callbacks ----------------------------------------------- */

static void job_can_be_run_from_inside_the_end_of_another(void **state)
{
	struct fixture f;
	struct outcome o;

	(void)state;
	begin_limits(&f, 1);
	o = outcome_of(&f);
	o.again = 5;
	run(&o, "echo first", WAIT_MS);
	loop_run_until(f.loop, &o.ended, WAIT_MS);
	assert_int_equal(o.n_ends, 6);
	assert_string_equal(o.out.data,
	                    "first\nagain\nagain\nagain\nagain\nagain\n");
	outcome_free(&o);
	end(&f);
}

/* Starts another at the first output and cancels both. */
static void on_output_start_another(void *arg, bool is_stderr, const char *data,
                                    size_t len)
{
	struct outcome *o = arg;

	(void)is_stderr;
	(void)data;
	(void)len;
	if (o[1].job)
		return;
	stream(&o[1], "exec sleep 60", 0);
	job_cancel(o[1].job);
	job_cancel(o[0].job);
}

static void job_can_be_opened_and_cancelled_inside_output(void **state)
{
	static const struct job_events events = {
		.on_output = on_output_start_another,
		.on_end = on_stream_end,
	};
	const char *const argv[] = { "/usr/bin/yes", NULL };
	const struct job_spec spec = { .class = JOB_LOOK, .argv = argv };
	struct fixture f;
	struct outcome o[2];

	(void)state;
	begin_limits(&f, 1);
	o[0] = outcome_of(&f);
	o[1] = outcome_of(&f);
	o[0].job = job_open(f.jobs, &spec, &events, &o[0]);
	o[0].returned = true;
	wait_end(&o[0]);
	wait_end(&o[1]);
	assert_int_equal(o[0].err, -ECANCELED);
	assert_int_equal(o[1].err, -ECANCELED);
	end(&f);
}

/* ---- stopping ------------------------------------------------------------ */

static void jobs_stop_ends_those_that_run_and_those_that_wait(void **state)
{
	struct fixture f;
	struct outcome all[4];
	struct job_stats stats;

	(void)state;
	begin_limits(&f, 2);
	for (int i = 0; i < 4; i++) {
		all[i] = outcome_of(&f);
		if (i % 2)
			run(&all[i], "exec sleep 60", WAIT_MS);
		else
			stream(&all[i], "exec sleep 60", 0);
	}
	jobs_stop(f.jobs, on_stopped, &f);
	assert_false(f.stopped);
	loop_run_until(f.loop, &f.stopped, WAIT_MS);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(all[i].n_ends, 1);
		assert_int_equal(all[i].err, -ECANCELED);
	}
	jobs_stats(f.jobs, &stats);
	assert_int_equal(stats.started, 2);
	/* All handles are closed by now. */
	assert_false(uv_loop_alive(f.loop));
	end(&f);
}

static void jobs_stop_refuses_new_ones(void **state)
{
	struct fixture f;
	struct outcome old, ran, opened;

	(void)state;
	begin(&f);
	old = outcome_of(&f);
	ran = outcome_of(&f);
	opened = outcome_of(&f);
	stream(&old, "exec sleep 60", 0);
	jobs_stop(f.jobs, on_stopped, &f);
	run(&ran, "echo started", WAIT_MS);
	stream(&opened, "echo started", WAIT_MS);
	assert_false(opened.ended);
	loop_run_until(f.loop, &f.stopped, WAIT_MS);
	assert_int_equal(old.err, -ECANCELED);
	assert_int_equal(ran.n_ends, 1);
	assert_int_equal(ran.err, -ECANCELED);
	assert_int_equal(opened.n_ends, 1);
	assert_int_equal(opened.err, -ECANCELED);
	/* job_run may come as late as this. */
	run(&ran, "echo started", WAIT_MS);
	assert_int_equal(ran.n_ends, 2);
	end(&f);
}

static void jobs_stop_of_none_is_done_at_once(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	jobs_stop(f.jobs, on_stopped, &f);
	assert_true(f.stopped);
	end(&f);
	jobs_free(NULL);
}

static void on_stopped_free(void *arg)
{
	struct fixture *f = arg;

	f->stopped = true;
	jobs_free(f->jobs);
	f->jobs = NULL;
}

static void jobs_can_be_freed_when_the_last_has_ended(void **state)
{
	struct fixture f;
	struct outcome o;

	(void)state;
	begin(&f);
	o = outcome_of(&f);
	stream(&o, "exec sleep 60", 0);
	jobs_stop(f.jobs, on_stopped_free, &f);
	loop_run_until(f.loop, &f.stopped, WAIT_MS);
	assert_int_equal(o.n_ends, 1);
	assert_int_equal(uv_loop_alive(f.loop), 0);
	end(&f);
}

static void jobs_can_be_stopped_from_inside_the_end_of_one(void **state)
{
	struct fixture f;
	struct outcome o, other;

	(void)state;
	begin_limits(&f, 1);
	o = outcome_of(&f);
	other = outcome_of(&f);
	o.stops = true;
	run(&o, "exit 0", WAIT_MS);
	run(&other, "echo started", WAIT_MS);
	loop_run_until(f.loop, &f.stopped, WAIT_MS);
	assert_int_equal(o.err, 0);
	assert_int_equal(other.n_ends, 1);
	assert_int_equal(other.err, -ECANCELED);
	end(&f);
}

static void jobs_stop_kills_those_that_ignore_term(void **state)
{
	struct fixture f;
	struct outcome o;

	(void)state;
	begin(&f);
	o = outcome_of(&f);
	stream(&o, "trap '' TERM; echo x; exec sleep 60", 0);
	loop_run_until(f.loop, &o.spoke, WAIT_MS);
	o.since = uv_hrtime();
	end(&f);
	assert_int_equal(o.err, -ECANCELED);
	assert_true(o.took_ms >= JOB_GRACE_MS - 10);
	outcome_free(&o);
}

/* ---- memory, log --------------------------------------------------------- */

static void job_run_survives_the_loss_of_any_allocation(void **state)
{
	unsigned n = 0;
	struct fixture f;
	struct outcome o;
	char in[3000];

	(void)state;
	while (fail_alloc_next(&n)) {
		begin_limits(&f, 1);
		if (f.jobs) {
			o = outcome_of(&f);
			run_with_input(&o, "cat; echo x >&2; sleep 0.01; seq 9",
			               in, sizeof(in));
			if (!o.ended)
				loop_run_until(f.loop, &o.ended, WAIT_MS);
			assert_int_equal(o.n_ends, 1);
			if (!fail_alloc_reached()) {
				assert_int_equal(o.err, 0);
				assert_int_equal(o.out.len, sizeof(in) + 18);
			} else if (o.err) {
				assert_int_equal(o.err, -ENOMEM);
			}
			buf_free(&o.out);
			buf_free(&o.err_out);
		}
		end(&f);
	}
	assert_true(n > 5);
}

static void job_open_survives_the_loss_of_any_allocation(void **state)
{
	unsigned n = 0;

	(void)state;
	while (fail_alloc_next(&n)) {
		const char *const argv[] = { "/bin/cat", NULL };
		const struct job_spec spec = { .argv = argv,
			                       .in = "text",
			                       .in_len = 4 };
		struct fixture f;
		struct outcome o;

		begin_limits(&f, 1);
		o = outcome_of(&f);
		o.quiet = true;
		if (f.jobs)
			o.job = job_open(f.jobs, &spec, &EVENTS, &o);
		o.returned = true;
		if (o.job) {
			wait_end(&o);
			assert_int_equal(o.err, 0);
			assert_int_equal(o.n_streamed, 4);
		} else {
			assert_true(fail_alloc_reached());
			assert_int_equal(o.n_ends, 0);
		}
		end(&f);
	}
	assert_true(n > 3);
}

static void job_tells_the_log_how_it_ended(void **state)
{
	const unsigned limits[JOB_N_CLASSES] = { 1, 1, 1 };
	struct fixture f;
	struct outcome o;
	struct log *log = log_new(LOG_LEVEL_DEBUG, false);
	int ends[2], saved;
	char line[500];
	ssize_t n;

	(void)state;
	begin(&f);
	jobs_free(f.jobs);
	f.jobs = jobs_new(f.loop, log, ENVIRONMENT, limits);
	o = outcome_of(&f);
	assert_int_equal(pipe(ends), 0);
	saved = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	run(&o, "exit 3", WAIT_MS);
	wait_end(&o);
	dup2(saved, STDERR_FILENO);
	n = read(ends[0], line, sizeof(line) - 1);
	line[n > 0 ? n : 0] = '\0';
	close(saved);
	close(ends[0]);
	close(ends[1]);
	assert_non_null(strstr(line, "job /bin/sh -c: error 0, exit 3, "));
	end(&f);
	log_free(log);
}

/* ---- main ---------------------------------------------------------------- */

/* libuv opens some descriptors with its first loop and keeps them. */
static int warm_up(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN); /* as the daemon does */
	loop_finish(loop_start());
	return 0;
}

#define T(name) cmocka_unit_test(name)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(job_reports_both_outputs_and_the_status),
		T(job_without_output_has_empty_strings),
		T(job_reports_the_signal_that_ended_it),
		T(job_says_why_it_cannot_be_started),
		T(job_says_when_descriptors_are_out),
		T(job_waits_for_output_that_comes_after_the_exit),
		T(job_waits_for_an_exit_that_comes_after_the_output),
		T(job_does_not_wait_for_who_was_left_behind),
		T(job_loses_no_output_when_the_loop_was_held_up),
		T(job_has_the_given_environment_and_no_other),
		T(job_has_no_descriptors_but_its_own),
		T(job_has_a_session_of_its_own_and_no_terminal),
		T(job_is_in_the_root_directory),
		T(job_without_input_reads_dev_null),
		T(job_can_open_its_outputs_by_name),
		T(job_starts_with_signals_as_a_shell_would_give_them),
		T(job_passes_a_mebibyte_in_and_out_unchanged),
		T(job_can_open_its_input_by_name),
		T(job_need_not_read_its_input),
		T(job_may_write_as_much_as_it_was_allowed),
		T(job_that_writes_too_much_is_killed),
		T(job_tells_of_the_end_of_its_outputs_before_its_own),
		T(job_streams_everything_in_order),
		T(job_streams_more_than_fits_into_memory_it_takes),
		T(job_is_ended_at_its_deadline),
		T(job_that_ends_in_silence_at_its_deadline_has_no_result),
		T(job_that_ignores_term_is_killed_after_the_grace),
		T(job_is_ended_with_its_whole_group),
		T(job_deadline_counts_from_the_call),
		T(job_last_words_after_the_deadline_are_kept),
		T(job_whose_exit_nobody_tells_us_is_given_up),
		T(job_leaves_the_children_of_others_alone),
		T(job_places_are_never_exceeded_by_two_hundred),
		T(job_places_are_filled_in_the_order_of_the_calls),
		T(job_places_of_one_class_leave_another_alone),
		T(job_places_without_limit_are_all_taken),
		T(job_deadline_passes_in_the_queue_too),
		T(job_that_cannot_start_leaves_its_place_to_the_next),
		T(job_that_is_cancelled_while_it_runs_ends_so),
		T(job_that_is_cancelled_in_the_queue_never_starts),
		T(job_can_be_cancelled_from_inside_its_output),
		T(job_can_be_cancelled_right_after_it_was_opened),
		T(job_that_ended_by_itself_can_still_be_cancelled),
		T(job_keeps_its_first_reason_to_end),
		T(job_can_be_run_from_inside_the_end_of_another),
		T(job_can_be_opened_and_cancelled_inside_output),
		T(jobs_stop_ends_those_that_run_and_those_that_wait),
		T(jobs_stop_refuses_new_ones),
		T(jobs_stop_of_none_is_done_at_once),
		T(jobs_can_be_freed_when_the_last_has_ended),
		T(jobs_can_be_stopped_from_inside_the_end_of_one),
		T(jobs_stop_kills_those_that_ignore_term),
		T(job_run_survives_the_loss_of_any_allocation),
		T(job_open_survives_the_loss_of_any_allocation),
		T(job_tells_the_log_how_it_ended),
	};

	return cmocka_run_group_tests(tests, warm_up, NULL);
}
