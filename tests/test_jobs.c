/*
 * What fs/jobs.h promises, as the kernel sees it: a job's life from mkdir to
 * rmdir, what its files take and give, who waits and how that ends. Scripts are
 * a puppet's: they read, print and end when the test says so.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "fs/jobs.h"
#include "tests/fail_alloc.h"
#include "tests/puppet.h"
#include "tests/world.h"

enum { MIB = 1 << 20, PIECE = 65536 };

static const char FILES[] = "in cmd out err status wait signal env dir ";

static void begin_with(struct world *w, unsigned patience_ms)
{
	world_begin(w, &(struct world_spec){ .engine = puppet_new(),
	                                     .patience_ms = patience_ms });
	puppet_add(w->engine, "up", "1", MACHINE_RUNNING);
	puppet_add(w->engine, "off", "2", MACHINE_STOPPED);
	puppet_at_once(w->engine, true);
}

static void begin(struct world *w)
{
	begin_with(w, 0);
}

static void end(struct world *w)
{
	world_end(w, puppet_stop);
	puppet_free(w->engine);
}

/* Make a job and start it. */
static struct job *start(struct world *w, const char *path, const char *script)
{
	char cmd[300];

	assert_int_equal(world_mkdir(w, path), 0);
	snprintf(cmd, sizeof(cmd), "%s/cmd", path);
	assert_int_equal(world_echo(w, cmd, script), 0);
	return puppet_script(w->engine, puppet_n_scripts(w->engine) - 1);
}

/* An open file. */
struct opened {
	struct world *w;
	uint64_t node;
	uint64_t fh;
};

static void file_open(struct opened *f, struct world *w, const char *path,
                      int flags)
{
	struct fuse_open_out open;

	f->w = w;
	f->node = world_node(w, path);
	assert_int_equal(kernel_open(w->kernel, f->node, flags, &open), 0);
	f->fh = open.fh;
}

static void file_close(struct opened *f)
{
	assert_int_equal(kernel_flush(f->w->kernel, f->node, f->fh), 0);
	assert_int_equal(kernel_release(f->w->kernel, f->node, f->fh, 0), 0);
}

static uint64_t file_recv(struct opened *f, uint64_t offset, uint32_t size)
{
	uint64_t id =
		kernel_send_read(f->w->kernel, f->node, f->fh, offset, size);

	world_settle(f->w);
	return id;
}

static uint64_t file_send(struct opened *f, const void *data, size_t len)
{
	uint64_t id =
		kernel_send_write(f->w->kernel, f->node, f->fh, 0, data, len);

	world_settle(f->w);
	return id;
}

static void assert_got(struct world *w, uint64_t id, const char *text)
{
	const void *data;
	size_t len;

	assert_true(kernel_answered(w->kernel, id));
	assert_int_equal(kernel_wait(w->kernel, id, &data, &len, KERNEL_MS), 0);
	assert_int_equal(len, strlen(text));
	assert_memory_equal(data, text, len);
}

static void assert_fails(struct world *w, uint64_t id, int err)
{
	assert_true(kernel_answered(w->kernel, id));
	assert_int_equal(kernel_wait(w->kernel, id, NULL, NULL, KERNEL_MS),
	                 err);
}

static void assert_written(struct world *w, uint64_t id, size_t len)
{
	const struct fuse_write_out *out;
	const void *data;

	assert_true(kernel_answered(w->kernel, id));
	assert_int_equal(kernel_wait(w->kernel, id, &data, NULL, KERNEL_MS), 0);
	out = data;
	assert_int_equal(out->size, len);
}

/* ---- the directory ------------------------------------------------------- */

static void jobs_are_made_listed_and_removed(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	assert_int_equal(world_mkdir(&w, "up/run/build"), 0);
	assert_int_equal(world_mkdir(&w, "up/run/a b"), 0);
	assert_int_equal(world_mkdir(&w, "off/run/build"), 0);
	world_assert_lists(&w, "up/run", "last build a b ");
	world_assert_lists(&w, "off/run", "last build ");
	world_assert_lists(&w, "up/run/build", FILES);
	world_assert_reads(&w, "up/run/build/status", "new\n");
	assert_int_equal(world_mkdir(&w, "up/run/build"), -EEXIST);
	assert_int_equal(world_mkdir(&w, "up/run/last"), -EEXIST);
	assert_int_equal(world_rmdir(&w, "up/run/build"), 0);
	world_assert_lists(&w, "up/run", "last a b ");
	assert_int_equal(world_rmdir(&w, "up/run/build"), -ENOENT);
	assert_int_equal(world_rmdir(&w, "up/run/last"), -EPERM);
	end(&w);
}

static void a_name_of_a_job_is_checked(void **state)
{
	static const struct {
		const char *name;
		int err;
	} rows[] = {
		{ ".hidden", -EINVAL },
		{ "a\nb", -EINVAL },
		{ "\177", -EINVAL },
		{ "1234567890123456789012345678901234567890"
		  "1234567890123456789012345",
		  -ENAMETOOLONG },
	};
	struct world w;

	(void)state;
	begin(&w);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(kernel_mkdir(w.kernel,
		                              world_node(&w, "up/run"),
		                              rows[i].name, NULL),
		                 rows[i].err);
		world_assert_tells(&w, "up/error", "run/");
	}
	world_assert_lists(&w, "up/run", "last ");
	end(&w);
}

static void a_machine_has_so_many_jobs_and_no_more(void **state)
{
	struct world w;
	uint64_t dir;
	char name[20];

	(void)state;
	begin(&w);
	dir = world_node(&w, "up/run");
	for (int i = 0; i < JOBS_MAX; i++) {
		snprintf(name, sizeof(name), "j%d", i);
		assert_int_equal(kernel_mkdir(w.kernel, dir, name, NULL), 0);
	}
	assert_int_equal(kernel_mkdir(w.kernel, dir, "more", NULL), -ENOSPC);
	world_assert_tells(&w, "up/error", "run/more: 1024 jobs are there");
	assert_int_equal(world_mkdir(&w, "off/run/more"), 0);
	assert_int_equal(kernel_rmdir(w.kernel, dir, "j7"), 0);
	assert_int_equal(kernel_mkdir(w.kernel, dir, "more", NULL), 0);
	end(&w);
}

static void unlinking_the_files_of_a_job_does_nothing(void **state)
{
	struct world w;
	uint64_t dir;

	(void)state;
	begin(&w);
	start(&w, "up/run/build", "make\n");
	dir = world_node(&w, "up/run/build");
	assert_int_equal(kernel_unlink(w.kernel, dir, "out"), 0);
	assert_int_equal(kernel_unlink(w.kernel, dir, "other"), -ENOENT);
	world_assert_lists(&w, "up/run/build", FILES);
	assert_false(puppet_script(w.engine, 0)->cancelled);
	assert_int_equal(puppet_asked(w.engine, ENGINE_SIGNAL), 0);
	puppet_end_script(puppet_script(w.engine, 0), 0, 0);
	end(&w);
}

static void removing_the_whole_machine_spares_its_jobs(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	start(&w, "up/run/build", "make\n");
	kernel_as(w.kernel, 0, 0, 77);
	assert_int_equal(kernel_unlink(w.kernel, world_node(&w, "up"), "state"),
	                 -EPERM);
	assert_int_equal(kernel_unlink(w.kernel, world_node(&w, "up/run/build"),
	                               "out"),
	                 -EPERM);
	assert_int_equal(world_rmdir(&w, "up/run/build"), -EPERM);
	world_assert_tells(&w, "up/error", "run: this process tried to remove");
	kernel_as(w.kernel, 0, 0, 78);
	assert_int_equal(puppet_asked(w.engine, ENGINE_SIGNAL), 0);
	assert_int_equal(world_rmdir(&w, "up/run/build"), 0);
	assert_int_equal(puppet_asked(w.engine, ENGINE_SIGNAL), 1);
	puppet_end_script(puppet_script(w.engine, 0), 0, 0);
	end(&w);
}

/* ---- cmd ----------------------------------------------------------------- */

static void a_script_is_started_and_the_write_returns(void **state)
{
	struct world w;
	struct job *job;

	(void)state;
	begin(&w);
	job = start(&w, "up/run/build", "make\n");
	assert_string_equal(job->script, "make\n");
	assert_string_equal(job->name, "up");
	world_assert_reads(&w, "up/run/build/status", "running\n");
	world_assert_reads(&w, "up/run/build/cmd", "make\n");
	world_assert_reads(&w, "up/run/build/out", "");
	puppet_print(job, false, "cc a.c\n");
	puppet_print(job, true, "a.c:1: no\n");
	world_assert_reads(&w, "up/run/build/out", "cc a.c\n");
	world_assert_reads(&w, "up/run/build/err", "a.c:1: no\n");
	puppet_end_script(job, 2, 0);
	world_assert_reads(&w, "up/run/build/status", "exited 2\n");
	world_assert_reads(&w, "up/run/build/wait", "exited 2\n");
	world_assert_reads(&w, "up/run/build/out", "cc a.c\n");
	world_assert_reads(&w, "up/error", "");
	world_assert_reads(&w, "up/run/last/status", "");
	end(&w);
}

static void pieces_of_a_script_are_completed_by_a_newline_or_a_close(
	void **state)
{
	struct world w;
	struct opened f;

	(void)state;
	begin(&w);
	assert_int_equal(world_mkdir(&w, "up/run/a"), 0);
	file_open(&f, &w, "up/run/a/cmd", O_WRONLY);
	assert_written(&w, file_send(&f, "echo ", 5), 5);
	assert_int_equal(puppet_n_scripts(w.engine), 0);
	assert_written(&w, file_send(&f, "a\n", 2), 2);
	assert_string_equal(puppet_script(w.engine, 0)->script, "echo a\n");
	file_close(&f);
	assert_int_equal(world_mkdir(&w, "up/run/b"), 0);
	file_open(&f, &w, "up/run/b/cmd", O_WRONLY);
	assert_written(&w, file_send(&f, "echo b", 6), 6);
	file_close(&f);
	assert_string_equal(puppet_script(w.engine, 1)->script, "echo b\n");
	assert_int_equal(world_mkdir(&w, "up/run/c"), 0);
	assert_int_equal(world_echo(&w, "up/run/c/cmd", "\n"), 0);
	world_assert_reads(&w, "up/run/c/status", "new\n");
	puppet_end_script(puppet_script(w.engine, 0), 0, 0);
	puppet_end_script(puppet_script(w.engine, 0), 0, 0);
	end(&w);
}

static void a_job_runs_one_script(void **state)
{
	struct world w;
	struct job *job;

	(void)state;
	begin(&w);
	job = start(&w, "up/run/a", "true\n");
	assert_int_equal(world_echo(&w, "up/run/a/cmd", "more\n"), -EBUSY);
	world_assert_tells(&w, "up/error", "run/a/cmd: the job is running");
	puppet_end_script(job, 0, 0);
	assert_int_equal(world_echo(&w, "up/run/a/cmd", "more\n"), -EBUSY);
	world_assert_tells(&w, "up/error", "run/a/cmd: the job has run");
	assert_int_equal(puppet_asked(w.engine, ENGINE_RUN), 1);
	end(&w);
}

static void a_start_that_fails_can_be_tried_again(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	assert_int_equal(world_mkdir(&w, "off/run/a"), 0);
	assert_int_equal(world_echo(&w, "off/run/a/cmd", "true\n"), -EHOSTDOWN);
	world_assert_tells(&w, "off/error", "off is stopped");
	world_assert_reads(&w, "off/run/a/status", "new\n");
	assert_int_equal(world_echo(&w, "off/state", "start\n"), 0);
	assert_int_equal(world_echo(&w, "off/run/a/cmd", "true\n"), 0);
	world_assert_reads(&w, "off/run/a/status", "running\n");
	puppet_end_script(puppet_script(w.engine, 0), 0, 0);
	end(&w);
}

static void a_machine_that_starts_is_waited_for(void **state)
{
	struct world w;
	struct opened cmd, start_file;
	uint64_t turn, id, wait;
	struct opened waiter;

	(void)state;
	begin(&w);
	assert_int_equal(world_mkdir(&w, "off/run/a"), 0);
	file_open(&start_file, &w, "off/state", O_WRONLY);
	file_open(&cmd, &w, "off/run/a/cmd", O_WRONLY);
	file_open(&waiter, &w, "off/run/a/wait", O_RDONLY);
	wait = file_recv(&waiter, 0, 100);
	puppet_at_once(w.engine, false);
	turn = file_send(&start_file, "start\n", 6);
	id = file_send(&cmd, "true\n", 5);
	assert_false(kernel_answered(w.kernel, id));
	assert_false(kernel_answered(w.kernel, wait));
	puppet_at_once(w.engine, true);
	while (w.engine->asks)
		puppet_give(w.engine, w.engine->asks, 0);
	assert_written(&w, turn, 6);
	assert_written(&w, id, 5);
	puppet_end_script(puppet_script(w.engine, 0), 0, 0);
	assert_got(&w, wait, "exited 0\n");
	file_close(&cmd);
	file_close(&start_file);
	file_close(&waiter);
	end(&w);
}

static void a_start_that_waits_can_be_interrupted_or_removed(void **state)
{
	struct world w;
	struct opened turn, cmd[2];
	uint64_t ids[3];

	(void)state;
	begin(&w);
	assert_int_equal(world_mkdir(&w, "off/run/a"), 0);
	assert_int_equal(world_mkdir(&w, "off/run/b"), 0);
	file_open(&turn, &w, "off/state", O_WRONLY);
	file_open(&cmd[0], &w, "off/run/a/cmd", O_WRONLY);
	file_open(&cmd[1], &w, "off/run/b/cmd", O_WRONLY);
	puppet_at_once(w.engine, false);
	ids[2] = file_send(&turn, "start\n", 6);
	ids[0] = file_send(&cmd[0], "true\n", 5);
	ids[1] = file_send(&cmd[1], "true\n", 5);
	kernel_send_interrupt(w.kernel, ids[0]);
	assert_int_equal(kernel_wait(w.kernel, ids[0], NULL, NULL, KERNEL_MS),
	                 -EINTR);
	assert_int_equal(world_rmdir(&w, "off/run/b"), 0);
	puppet_at_once(w.engine, true);
	while (w.engine->asks)
		puppet_give(w.engine, w.engine->asks, 0);
	assert_fails(&w, ids[1], -ENOENT);
	assert_written(&w, ids[2], 6);
	assert_int_equal(puppet_asked(w.engine, ENGINE_RUN), 0);
	world_assert_reads(&w, "off/run/a/status", "new\n");
	for (int i = 0; i < 2; i++)
		kernel_release(w.kernel, cmd[i].node, cmd[i].fh, 0);
	file_close(&turn);
	end(&w);
}

static void a_copy_of_a_job_runs_nothing(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	puppet_end_script(start(&w, "up/run/a", "make all\n"), 0, 0);
	assert_int_equal(world_mkdir(&w, "off/run/a"), 0);
	assert_int_equal(world_mkdir(&w, "up/run/b"), 0);
	kernel_as(w.kernel, 0, 0, 77);
	world_assert_reads(&w, "up/run/a/cmd", "make all\n");
	assert_int_equal(world_echo(&w, "up/run/b/cmd", "make all\n"), -EINVAL);
	world_assert_tells(&w, "up/error", "run/b/cmd: this is a copy");
	kernel_as(w.kernel, 0, 0, 78);
	assert_int_equal(world_echo(&w, "up/run/b/cmd", "make all\n"), 0);
	puppet_end_script(puppet_script(w.engine, 0), 0, 0);
	end(&w);
}

/* ---- env and dir --------------------------------------------------------- */

static void env_and_dir_go_before_the_script(void **state)
{
	struct world w;
	struct job *job;

	(void)state;
	begin(&w);
	assert_int_equal(world_mkdir(&w, "up/run/a"), 0);
	assert_int_equal(world_echo(&w, "up/run/a/env", "A=1\nB=it's\n"), 0);
	assert_int_equal(world_echo(&w, "up/run/a/env", "A=2\n\n_c9=a=b"), 0);
	world_assert_reads(&w, "up/run/a/env", "B=it's\nA=2\n_c9=a=b\n");
	assert_int_equal(world_echo(&w, "up/run/a/dir", "/srv/my dir\n"), 0);
	world_assert_reads(&w, "up/run/a/dir", "/srv/my dir\n");
	assert_int_equal(world_echo(&w, "up/run/a/cmd", "env\npwd"), 0);
	job = puppet_script(w.engine, 0);
	assert_string_equal(job->script,
	                    "cd '/srv/my dir' || exit; export B='it'\\''s'; "
	                    "export A='2'; export _c9='a=b'; env\npwd\n");
	world_assert_reads(&w, "up/run/a/cmd", "env\npwd");
	assert_int_equal(world_echo(&w, "up/run/a/env", "A=3\n"), -EBUSY);
	assert_int_equal(world_echo(&w, "up/run/a/dir", "/\n"), -EBUSY);
	world_assert_tells(&w, "up/error", "run/a/dir: it counts at the start");
	puppet_end_script(job, 0, 0);
	end(&w);
}

static void env_and_dir_are_checked_when_written(void **state)
{
	static const struct {
		const char *path, *text;
	} rows[] = {
		{ "up/run/a/env", "A\n" },     { "up/run/a/env", "=a\n" },
		{ "up/run/a/env", "9A=1\n" },  { "up/run/a/env", "A B=1\n" },
		{ "up/run/a/env", "a-b=1\n" }, { "up/run/a/env", "B=1\nC\n" },
		{ "up/run/a/dir", "srv\n" },   { "up/run/a/dir", "/a\n/b\n" },
	};
	struct world w;

	(void)state;
	begin(&w);
	assert_int_equal(world_mkdir(&w, "up/run/a"), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(world_echo(&w, rows[i].path, rows[i].text),
		                 -EINVAL);
		world_assert_tells(&w, "up/error", rows[i].path + 3);
	}
	world_assert_reads(&w, "up/run/a/env", "");
	world_assert_reads(&w, "up/run/a/dir", "");
	end(&w);
}

/* ---- in ------------------------------------------------------------------ */

static void input_from_before_the_start_is_passed_on_then(void **state)
{
	struct world w;
	struct job *job;

	(void)state;
	begin(&w);
	assert_int_equal(world_mkdir(&w, "up/run/a"), 0);
	assert_int_equal(world_echo(&w, "up/run/a/in", "one\n"), 0);
	assert_int_equal(world_echo(&w, "up/run/a/in", "two"), 0);
	assert_int_equal(world_echo(&w, "up/run/a/cmd", "cat\n"), 0);
	job = puppet_script(w.engine, 0);
	assert_null(job->in); /* the script goes first */
	puppet_take(job, 0);
	assert_string_equal(job->in, "one\ntwo");
	assert_false(job->in_shut);
	puppet_take(job, 0);
	assert_true(job->in_shut);
	assert_int_equal(world_echo(&w, "up/run/a/in", "three\n"), -EPIPE);
	world_assert_tells(&w, "up/error", "run/a/in: it is closed");
	puppet_end_script(job, 0, 0);
	assert_int_equal(world_echo(&w, "up/run/a/in", "three\n"), -EPIPE);
	world_assert_tells(&w, "up/error", "run/a/in: the job has ended");
	end(&w);
}

static void input_waits_for_a_writer_and_ends_with_the_last(void **state)
{
	struct world w;
	struct opened a, b;
	struct job *job;

	(void)state;
	begin(&w);
	job = start(&w, "up/run/a", "cat\n");
	puppet_take(job, 0);
	assert_false(job->in_shut);
	file_open(&a, &w, "up/run/a/in", O_WRONLY);
	file_open(&b, &w, "up/run/a/in", O_WRONLY);
	assert_written(&w, file_send(&a, "a\0b", 3), 3);
	puppet_take(job, 0);
	file_close(&a);
	assert_false(job->in_shut);
	assert_written(&w, file_send(&b, "c", 1), 1);
	assert_int_equal(job->in_len, 4);
	assert_memory_equal(job->in, "a\0bc", 4);
	file_close(&b);
	assert_false(job->in_shut);
	puppet_take(job, 0);
	assert_true(job->in_shut);
	puppet_end_script(job, 0, 0);
	end(&w);
}

static void an_empty_input_is_one_that_was_opened_and_closed(void **state)
{
	struct world w;
	struct opened f;
	struct job *job;

	(void)state;
	begin(&w);
	assert_int_equal(world_mkdir(&w, "up/run/a"), 0);
	file_open(&f, &w, "up/run/a/in", O_WRONLY | O_TRUNC);
	file_close(&f);
	assert_int_equal(world_echo(&w, "up/run/a/cmd", "cat\n"), 0);
	job = puppet_script(w.engine, 0);
	puppet_take(job, 0);
	assert_true(job->in_shut);
	puppet_end_script(job, 0, 0);
	end(&w);
}

static void input_is_bounded_and_later_a_write_waits(void **state)
{
	static char data[PIECE];
	struct world w;
	struct opened f, g;
	struct job *job;
	uint64_t id, other;

	(void)state;
	begin(&w);
	assert_int_equal(world_mkdir(&w, "up/run/a"), 0);
	file_open(&f, &w, "up/run/a/in", O_WRONLY);
	file_open(&g, &w, "up/run/a/in", O_WRONLY);
	for (size_t n = 0; n < MIB - 5; n += PIECE)
		assert_written(&w, file_send(&f, data, n ? PIECE : PIECE - 5),
		               n ? PIECE : PIECE - 5);
	assert_written(&w, file_send(&f, data, PIECE), 5);
	assert_fails(&w, file_send(&f, data, PIECE), -ENOSPC);
	world_assert_tells(&w, "up/error", "run/a/in: 1 MiB are held at most");
	assert_int_equal(world_echo(&w, "up/run/a/cmd", "cat\n"), 0);
	job = puppet_script(w.engine, 0);
	id = file_send(&f, data, PIECE);
	other = file_send(&g, data, 10);
	assert_false(kernel_answered(w.kernel, id));
	puppet_take(job, 0); /* the script */
	assert_false(kernel_answered(w.kernel, id));
	kernel_send_interrupt(w.kernel, other);
	assert_int_equal(kernel_wait(w.kernel, other, NULL, NULL, KERNEL_MS),
	                 -EINTR);
	puppet_take(job, 0);
	world_settle(&w);
	assert_written(&w, id, 32768);
	id = file_send(&f, data, PIECE);
	assert_false(kernel_answered(w.kernel, id));
	puppet_take(job, -EPIPE);
	world_settle(&w);
	assert_fails(&w, id, -EPIPE);
	assert_true(job->in_shut);
	file_close(&f);
	file_close(&g);
	puppet_end_script(job, 0, 0);
	end(&w);
}

static void a_write_that_waits_ends_with_the_job(void **state)
{
	static char data[MIB / 2];
	struct world w;
	struct opened f;
	struct job *job;
	uint64_t id;

	(void)state;
	begin(&w);
	job = start(&w, "up/run/a", "cat\n");
	file_open(&f, &w, "up/run/a/in", O_WRONLY);
	assert_written(&w, file_send(&f, data, MIB / 2), MIB / 2);
	assert_written(&w, file_send(&f, data, MIB / 2), MIB / 2);
	id = file_send(&f, data, 1);
	assert_false(kernel_answered(w.kernel, id));
	puppet_end_script(job, 0, 0);
	world_settle(&w);
	assert_fails(&w, id, -EPIPE);
	file_close(&f);
	end(&w);
}

/* ---- out, status, wait --------------------------------------------------- */

static void outputs_grow_and_can_be_followed(void **state)
{
	struct world w;
	struct opened f;
	struct job *job;
	struct fuse_attr attr;

	(void)state;
	begin(&w);
	job = start(&w, "up/run/a", "make\n");
	file_open(&f, &w, "up/run/a/out", O_RDONLY);
	assert_got(&w, file_recv(&f, 0, 100), "");
	puppet_print(job, false, "one\n");
	assert_int_equal(kernel_getattr(w.kernel, f.node, &attr), 0);
	assert_int_equal(attr.size, 4);
	assert_got(&w, file_recv(&f, 0, 100), "one\n");
	assert_got(&w, file_recv(&f, 4, 100), "");
	puppet_print(job, false, "two\n");
	assert_int_equal(kernel_getattr(w.kernel, f.node, &attr), 0);
	assert_int_equal(attr.size, 8);
	assert_got(&w, file_recv(&f, 4, 2), "tw");
	puppet_end_script(job, 0, 0);
	assert_got(&w, file_recv(&f, 6, 100), "o\n");
	file_close(&f);
	end(&w);
}

static void the_oldest_output_is_dropped_and_that_is_said(void **state)
{
	static char data[MIB + 1];
	struct world w;
	struct opened f;
	struct job *job;
	struct fuse_attr attr;

	(void)state;
	begin(&w);
	memset(data, 'x', MIB);
	job = start(&w, "up/run/a", "make\n");
	puppet_print(job, false, "first\n");
	file_open(&f, &w, "up/run/a/out", O_RDONLY);
	assert_got(&w, file_recv(&f, 0, 3), "fir");
	puppet_print(job, false, data);
	puppet_print(job, false, "end\n");
	assert_int_equal(kernel_getattr(w.kernel, f.node, &attr), 0);
	assert_int_equal(attr.size, MIB + 10);
	/* What is gone is skipped, and then it goes on. */
	assert_got(&w, file_recv(&f, 3, 2), "xx");
	assert_got(&w, file_recv(&f, 5, 2), "xx");
	file_close(&f);
	file_open(&f, &w, "up/run/a/out", O_RDONLY);
	assert_got(&w, file_recv(&f, MIB + 6, 100), "end\n");
	file_close(&f);
	puppet_end_script(job, 0, 0);
	world_assert_tells(&w, "up/error",
	                   "run/a/out: 10 bytes of it were dropped: the first");
	end(&w);
}

static void wait_blocks_many_readers_until_the_end(void **state)
{
	struct world w;
	struct opened f[3];
	struct job *job;
	uint64_t ids[3];

	(void)state;
	begin(&w);
	assert_int_equal(world_mkdir(&w, "up/run/a"), 0);
	for (int i = 0; i < 3; i++) {
		file_open(&f[i], &w, "up/run/a/wait", O_RDONLY);
		ids[i] = file_recv(&f[i], 0, 100);
	}
	assert_int_equal(world_echo(&w, "up/run/a/cmd", "exit 7\n"), 0);
	job = puppet_script(w.engine, 0);
	puppet_print(job, false, "x");
	world_settle(&w);
	kernel_send_interrupt(w.kernel, ids[1]);
	assert_int_equal(kernel_wait(w.kernel, ids[1], NULL, NULL, KERNEL_MS),
	                 -EINTR);
	assert_false(kernel_answered(w.kernel, ids[0]));
	puppet_end_script(job, 7, 0);
	world_settle(&w);
	assert_got(&w, ids[0], "exited 7\n");
	assert_got(&w, ids[2], "exited 7\n");
	assert_got(&w, file_recv(&f[1], 7, 100), "7\n");
	assert_got(&w, file_recv(&f[1], 9, 100), "");
	for (int i = 0; i < 3; i++)
		file_close(&f[i]);
	end(&w);
}

static void wait_times_out_where_the_kernel_has_no_patience(void **state)
{
	struct world w;
	struct opened f;
	struct job *job;
	uint64_t id;

	(void)state;
	begin_with(&w, 45000);
	job = start(&w, "up/run/a", "make\n");
	file_open(&f, &w, "up/run/a/wait", O_RDONLY);
	id = file_recv(&f, 0, 100);
	hands_turn(w.hands, 45000);
	world_settle(&w);
	assert_fails(&w, id, -ETIMEDOUT);
	puppet_end_script(job, 0, 0);
	assert_got(&w, file_recv(&f, 0, 100), "exited 0\n");
	file_close(&f);
	end(&w);
}

static void a_lost_connection_is_told(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	puppet_end_script(start(&w, "up/run/a", "make\n"), 0, -EIO);
	world_assert_reads(&w, "up/run/a/wait", "lost\n");
	world_assert_tells(&w, "up/error", "run/a: lost: ");
	end(&w);
}

/* ---- signal -------------------------------------------------------------- */

static void signals_have_names_and_numbers(void **state)
{
	static const struct {
		const char *text;
		int number;
	} rows[] = {
		{ "TERM\n", 15 }, { "SIGUSR1\n", 10 }, { "sigkill", 9 },
		{ "hup\n", 1 },   { "17\n", 17 },      { "64", 64 },
	};
	static const char *const bad[] = { "65\n",   "0\n",   "-9\n",
		                           "NONE\n", "SIG\n", "9 9\n" };
	struct world w;
	struct job *job;

	(void)state;
	begin(&w);
	job = start(&w, "up/run/a", "make\n");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(
			world_echo(&w, "up/run/a/signal", rows[i].text), 0);
		assert_int_equal(w.engine->last.op, ENGINE_SIGNAL);
		assert_int_equal(w.engine->last.signal, rows[i].number);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(world_echo(&w, "up/run/a/signal", bad[i]),
		                 -EINVAL);
		world_assert_tells(&w, "up/error", "run/a/signal: '");
	}
	assert_int_equal(puppet_asked(w.engine, ENGINE_SIGNAL), 6);
	puppet_end_script(job, 1, 0);
	world_assert_reads(&w, "up/run/a/status", "signaled 9\n");
	end(&w);
}

static void a_signal_is_answered_when_it_was_delivered(void **state)
{
	struct world w;
	struct opened f;
	struct job *job;
	uint64_t id;

	(void)state;
	begin(&w);
	job = start(&w, "up/run/a", "make\n");
	file_open(&f, &w, "up/run/a/signal", O_WRONLY);
	puppet_at_once(w.engine, false);
	id = file_send(&f, "TERM\n", 5);
	assert_false(kernel_answered(w.kernel, id));
	puppet_answer(w.engine, ENGINE_SIGNAL, 0);
	assert_written(&w, id, 5);
	id = file_send(&f, "TERM\n", 5);
	puppet_answer(w.engine, ENGINE_SIGNAL, -ETIMEDOUT);
	assert_fails(&w, id, -ETIMEDOUT);
	id = file_send(&f, "TERM\n", 5);
	kernel_send_interrupt(w.kernel, id);
	assert_int_equal(kernel_wait(w.kernel, id, NULL, NULL, KERNEL_MS),
	                 -EINTR);
	puppet_end_script(job, 0, 0);
	puppet_answer(w.engine, ENGINE_SIGNAL, 0);
	puppet_at_once(w.engine, true);
	file_close(&f);
	end(&w);
}

static void what_does_not_run_takes_no_signal(void **state)
{
	struct world w;
	struct job *job;

	(void)state;
	begin(&w);
	assert_int_equal(world_mkdir(&w, "up/run/new"), 0);
	assert_int_equal(world_echo(&w, "up/run/new/signal", "TERM\n"),
	                 -EHOSTDOWN);
	world_assert_tells(&w, "up/error", "run/new/signal: the job was not");
	job = start(&w, "up/run/a", "true\n");
	/* A signal would start a stopped machine. */
	assert_int_equal(world_echo(&w, "up/state", "stop\n"), 0);
	assert_int_equal(world_echo(&w, "up/run/a/signal", "TERM\n"),
	                 -EHOSTDOWN);
	world_assert_tells(&w, "up/error", "run/a/signal: up is stopped");
	assert_int_equal(world_rmdir(&w, "up/run/a"), 0);
	assert_int_equal(puppet_asked(w.engine, ENGINE_SIGNAL), 0);
	puppet_end_script(job, 0, -EIO);
	end(&w);
}

/* ---- the end ------------------------------------------------------------- */

static void rmdir_ends_the_script_and_tells_who_waits(void **state)
{
	struct world w;
	struct opened wait, out, lost;
	struct job *job;
	uint64_t id, gone;

	(void)state;
	begin(&w);
	job = start(&w, "up/run/a", "make\n");
	assert_int_equal(world_mkdir(&w, "up/run/new"), 0);
	file_open(&wait, &w, "up/run/a/wait", O_RDONLY);
	file_open(&out, &w, "up/run/a/out", O_RDONLY);
	file_open(&lost, &w, "up/run/new/wait", O_RDONLY);
	id = file_recv(&wait, 0, 100);
	gone = file_recv(&lost, 0, 100);
	puppet_print(job, false, "text");
	assert_int_equal(world_rmdir(&w, "up/run/a"), 0);
	assert_int_equal(w.engine->last.op, ENGINE_SIGNAL);
	assert_int_equal(w.engine->last.signal, 15);
	assert_int_equal(world_rmdir(&w, "up/run/new"), 0);
	world_settle(&w);
	assert_fails(&w, gone, -ENOENT);
	assert_false(kernel_answered(w.kernel, id));
	hands_turn(w.hands, 2000);
	assert_int_equal(w.engine->last.signal, 9);
	puppet_end_script(job, 0, -EIO);
	world_settle(&w);
	assert_got(&w, id, "signaled 15\n");
	assert_got(&w, file_recv(&out, 0, 100), "text");
	file_close(&wait);
	file_close(&out);
	file_close(&lost);
	end(&w);
}

static void a_new_job_of_the_same_name_is_another_one(void **state)
{
	struct world w;
	struct opened out, cmd;
	struct job *job;
	uint64_t old;

	(void)state;
	begin(&w);
	job = start(&w, "up/run/a", "old\n");
	puppet_print(job, false, "old text");
	old = world_node(&w, "up/run/a");
	file_open(&out, &w, "up/run/a/out", O_RDONLY);
	file_open(&cmd, &w, "up/run/a/cmd", O_WRONLY);
	puppet_end_script(job, 0, 0);
	assert_int_equal(world_rmdir(&w, "up/run/a"), 0);
	job = start(&w, "up/run/a", "new\n");
	puppet_print(job, false, "new text");
	assert_int_not_equal(world_node(&w, "up/run/a"), old);
	assert_got(&w, file_recv(&out, 0, 100), "old text");
	world_assert_reads(&w, "up/run/a/out", "new text");
	assert_fails(&w, file_send(&cmd, "x\n", 2), -ENOENT);
	file_close(&out);
	file_close(&cmd);
	puppet_end_script(job, 0, 0);
	end(&w);
}

static void jobs_follow_their_machine(void **state)
{
	struct world w;
	struct opened f;
	struct job *job;
	uint64_t id;

	(void)state;
	begin(&w);
	job = start(&w, "up/run/a", "make\n");
	assert_int_equal(world_mv(&w, "up", "shop"), 0);
	world_assert_reads(&w, "shop/run/a/status", "running\n");
	assert_int_equal(world_echo(&w, "shop/run/a/signal", "TERM\n"), 0);
	assert_string_equal(w.engine->last.name, "shop");
	puppet_end_script(job, 0, 0);
	assert_int_equal(world_mkdir(&w, "off/run/b"), 0);
	file_open(&f, &w, "off/run/b/wait", O_RDONLY);
	id = file_recv(&f, 0, 100);
	assert_int_equal(world_rmdir(&w, "off"), 0);
	world_settle(&w);
	assert_fails(&w, id, -ENOENT);
	file_close(&f);
	end(&w);
}

static void a_broken_connection_leaves_nothing(void **state)
{
	static char data[MIB];
	struct world w;
	struct opened f;

	(void)state;
	begin(&w);
	start(&w, "up/run/a", "make\n");
	assert_int_equal(world_mkdir(&w, "up/run/new"), 0);
	file_open(&f, &w, "up/run/a/in", O_WRONLY);
	for (int i = 0; i < 3; i++)
		(void)file_send(&f, data, MIB / 2);
	file_open(&f, &w, "up/run/a/wait", O_RDONLY);
	(void)file_recv(&f, 0, 100);
	file_open(&f, &w, "up/run/new/wait", O_RDONLY);
	(void)file_recv(&f, 0, 100);
	world_abort(&w, puppet_stop);
	puppet_free(w.engine);
}

/* All that is to be done with a job; each step may fail. */
static void a_life(struct world *w)
{
	static const char *const writes[][2] = {
		{ "up/run/a/env", "A=1\nB=2\nA=3\n" },
		{ "up/run/a/dir", "/srv\n" },
		{ "up/run/a/in", "input" },
		{ "up/run/a/cmd", "cat\n" },
		{ "up/run/a/signal", "USR1\n" },
	};
	static const char *const reads[] = {
		"up/run/a/cmd",    "up/run/a/out",  "up/run/a/err",
		"up/run/a/status", "up/run/a/wait", "up/run/a/env",
	};
	struct fuse_entry_out e;
	char *text;

	if (kernel_walk(w->kernel, "up/run", &e) == 0)
		(void)kernel_mkdir(w->kernel, e.nodeid, "a", NULL);
	for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++)
		if (kernel_walk(w->kernel, writes[i][0], &e) == 0)
			(void)kernel_echo(w->kernel, e.nodeid, writes[i][1]);
	if (w->engine->jobs) {
		puppet_take(w->engine->jobs, 0);
		puppet_print(w->engine->jobs, false, "text");
		puppet_print(w->engine->jobs, true, "more");
		puppet_end_script(w->engine->jobs, 0, 0);
	}
	/* Without a run there is no end to wait for. */
	if (puppet_asked(w->engine, ENGINE_RUN) == 0)
		return;
	for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++)
		if (kernel_walk(w->kernel, reads[i], &e) == 0 &&
		    kernel_cat(w->kernel, e.nodeid, &text) == 0)
			free(text);
	if (kernel_walk(w->kernel, "up/run", &e) == 0)
		(void)kernel_rmdir(w->kernel, e.nodeid, "a");
}

static void jobs_survive_any_failing_allocation(void **state)
{
	unsigned n = 0;

	(void)state;
	while (fail_alloc_next(&n)) {
		struct world w;

		fail_alloc_off();
		begin(&w);
		fail_alloc_at(n);
		a_life(&w);
		assert_null(w.fs->requests);
		end(&w);
	}
	assert_true(n > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(jobs_are_made_listed_and_removed),
		cmocka_unit_test(a_name_of_a_job_is_checked),
		cmocka_unit_test(a_machine_has_so_many_jobs_and_no_more),
		cmocka_unit_test(unlinking_the_files_of_a_job_does_nothing),
		cmocka_unit_test(removing_the_whole_machine_spares_its_jobs),
		cmocka_unit_test(a_script_is_started_and_the_write_returns),
		cmocka_unit_test(
			pieces_of_a_script_are_completed_by_a_newline_or_a_close),
		cmocka_unit_test(a_job_runs_one_script),
		cmocka_unit_test(a_start_that_fails_can_be_tried_again),
		cmocka_unit_test(a_machine_that_starts_is_waited_for),
		cmocka_unit_test(
			a_start_that_waits_can_be_interrupted_or_removed),
		cmocka_unit_test(a_copy_of_a_job_runs_nothing),
		cmocka_unit_test(env_and_dir_go_before_the_script),
		cmocka_unit_test(env_and_dir_are_checked_when_written),
		cmocka_unit_test(input_from_before_the_start_is_passed_on_then),
		cmocka_unit_test(
			input_waits_for_a_writer_and_ends_with_the_last),
		cmocka_unit_test(
			an_empty_input_is_one_that_was_opened_and_closed),
		cmocka_unit_test(input_is_bounded_and_later_a_write_waits),
		cmocka_unit_test(a_write_that_waits_ends_with_the_job),
		cmocka_unit_test(outputs_grow_and_can_be_followed),
		cmocka_unit_test(the_oldest_output_is_dropped_and_that_is_said),
		cmocka_unit_test(wait_blocks_many_readers_until_the_end),
		cmocka_unit_test(
			wait_times_out_where_the_kernel_has_no_patience),
		cmocka_unit_test(a_lost_connection_is_told),
		cmocka_unit_test(signals_have_names_and_numbers),
		cmocka_unit_test(a_signal_is_answered_when_it_was_delivered),
		cmocka_unit_test(what_does_not_run_takes_no_signal),
		cmocka_unit_test(rmdir_ends_the_script_and_tells_who_waits),
		cmocka_unit_test(a_new_job_of_the_same_name_is_another_one),
		cmocka_unit_test(jobs_follow_their_machine),
		cmocka_unit_test(a_broken_connection_leaves_nothing),
		cmocka_unit_test(jobs_survive_any_failing_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
