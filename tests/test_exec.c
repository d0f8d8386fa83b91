/*
 * exec and run/last as the kernel sees them: what is one script, who is
 * answered when, what reading gives, and how an interrupt ends it. Scripts
 * are a puppet's: they print and end when the test says so.
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

#include <cmocka.h>

#include "cache/lifecycle.h"
#include "fs/control.h"
#include "tests/puppet.h"
#include "tests/world.h"

/* An open exec. */
struct exec_file {
	struct world *w;
	uint64_t node;
	uint64_t fh;
};

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

static uint64_t node_of(struct world *w, const char *path)
{
	struct fuse_entry_out e;

	assert_int_equal(kernel_walk(w->kernel, path, &e), 0);
	return e.nodeid;
}

static void assert_reads(struct world *w, const char *path, const char *text)
{
	char *got;

	assert_int_equal(kernel_cat(w->kernel, node_of(w, path), &got), 0);
	assert_string_equal(got, text);
	free(got);
}

static void assert_tells(struct world *w, const char *path, const char *part)
{
	char *got;

	assert_int_equal(kernel_cat(w->kernel, node_of(w, path), &got), 0);
	if (!strstr(got, part))
		fail_msg("%s: '%s' has no '%s'", path, got, part);
	free(got);
}

static void exec_open(struct exec_file *f, struct world *w, const char *path,
                      int flags)
{
	struct fuse_open_out open;

	f->w = w;
	f->node = node_of(w, path);
	assert_int_equal(kernel_open(w->kernel, f->node, flags, &open), 0);
	f->fh = open.fh;
}

static void exec_close(struct exec_file *f)
{
	assert_int_equal(kernel_flush(f->w->kernel, f->node, f->fh), 0);
	assert_int_equal(kernel_release(f->w->kernel, f->node, f->fh, 0), 0);
}

/* Send a write and have it seen. */
static uint64_t exec_send(struct exec_file *f, const char *text)
{
	uint64_t id = kernel_send_write(f->w->kernel, f->node, f->fh, 0, text,
	                                strlen(text));

	world_settle(f->w);
	return id;
}

static uint64_t exec_recv(struct exec_file *f, uint64_t offset, uint32_t size)
{
	uint64_t id =
		kernel_send_read(f->w->kernel, f->node, f->fh, offset, size);

	world_settle(f->w);
	return id;
}

/* The write is answered now: all of it was taken, or err. */
static void assert_written(struct exec_file *f, uint64_t id, int err)
{
	assert_true(kernel_answered(f->w->kernel, id));
	assert_int_equal(kernel_wait(f->w->kernel, id, NULL, NULL, KERNEL_MS),
	                 err);
}

/* The read is answered now, with this text. */
static void assert_got(struct exec_file *f, uint64_t id, const char *text)
{
	const void *data;
	size_t len;

	assert_true(kernel_answered(f->w->kernel, id));
	assert_int_equal(kernel_wait(f->w->kernel, id, &data, &len, KERNEL_MS),
	                 0);
	assert_int_equal(len, strlen(text));
	assert_memory_equal(data, text, len);
}

/* Run a script to its end with that output. */
static void run(struct world *w, const char *text, const char *output)
{
	struct exec_file f;
	uint64_t id;

	exec_open(&f, w, "up/exec", O_WRONLY);
	id = exec_send(&f, text);
	puppet_print(puppet_script(w->engine, 0), false, output);
	puppet_end_script(puppet_script(w->engine, 0), 0, 0);
	assert_written(&f, id, 0);
	exec_close(&f);
}

/* ---- what is a script ---------------------------------------------------- */

static void exec_write_of_a_line_is_a_script_and_returns_at_its_end(void **state)
{
	struct world w;
	struct exec_file f;
	uint64_t id;

	(void)state;
	begin(&w);
	exec_open(&f, &w, "up/exec", O_WRONLY | O_TRUNC);
	/* Shells close a copy before they write. */
	assert_int_equal(kernel_flush(w.kernel, f.node, f.fh), 0);
	id = exec_send(&f, "uname -a\n");
	assert_false(kernel_answered(w.kernel, id));
	assert_int_equal(puppet_n_scripts(w.engine), 1);
	assert_string_equal(puppet_script(w.engine, 0)->script, "uname -a\n");
	assert_string_equal(puppet_script(w.engine, 0)->name, "up");
	assert_reads(&w, "up/run/last/status", "running\n");
	assert_reads(&w, "up/run/last/cmd", "uname -a\n");
	puppet_print(puppet_script(w.engine, 0), false, "Linux\n");
	puppet_end_script(puppet_script(w.engine, 0), 0, 0);
	assert_written(&f, id, 0);
	exec_close(&f);
	assert_int_equal(puppet_asked(w.engine, ENGINE_RUN), 1);
	assert_reads(&w, "up/exec", "Linux\n");
	assert_reads(&w, "up/run/last/status", "exited 0\n");
	assert_reads(&w, "up/error", "");
	end(&w);
}

static void exec_script_may_have_many_lines(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	run(&w, "if true\nthen\n\techo a\nfi\n\n", "a\n");
	assert_int_equal(puppet_asked(w.engine, ENGINE_RUN), 1);
	assert_reads(&w, "up/run/last/cmd", "if true\nthen\n\techo a\nfi\n\n");
	end(&w);
}

static void exec_piece_is_completed_by_the_next_write(void **state)
{
	struct world w;
	struct exec_file f;
	uint64_t id;

	(void)state;
	begin(&w);
	exec_open(&f, &w, "up/exec", O_WRONLY);
	assert_written(&f, exec_send(&f, "echo "), 0);
	assert_written(&f, exec_send(&f, "a; ec"), 0);
	assert_int_equal(puppet_asked(w.engine, ENGINE_RUN), 0);
	id = exec_send(&f, "ho b\n");
	assert_string_equal(puppet_script(w.engine, 0)->script,
	                    "echo a; echo b\n");
	puppet_end_script(puppet_script(w.engine, 0), 0, 0);
	assert_written(&f, id, 0);
	exec_close(&f);
	end(&w);
}

static void exec_piece_is_completed_by_the_close(void **state)
{
	struct world w;
	struct exec_file f;
	uint64_t id;

	(void)state;
	begin(&w);
	exec_open(&f, &w, "up/exec", O_WRONLY);
	assert_written(&f, exec_send(&f, "exit 3"), 0);
	id = kernel_send_flush(w.kernel, f.node, f.fh);
	world_settle(&w);
	assert_false(kernel_answered(w.kernel, id));
	assert_string_equal(puppet_script(w.engine, 0)->script, "exit 3");
	puppet_end_script(puppet_script(w.engine, 0), 3, 0);
	assert_int_equal(kernel_wait_done(w.kernel, id), -EIO);
	exec_close(&f);
	assert_int_equal(puppet_asked(w.engine, ENGINE_RUN), 1);
	end(&w);
}

static void exec_writes_of_one_open_file_are_one_script_each(void **state)
{
	struct world w;
	struct exec_file f;
	uint64_t a, b;

	(void)state;
	begin(&w);
	exec_open(&f, &w, "up/exec", O_WRONLY);
	a = exec_send(&f, "first\n");
	b = exec_send(&f, "second\n");
	assert_int_equal(puppet_n_scripts(w.engine), 2);
	puppet_end_script(puppet_script(w.engine, 1), 0, 0);
	assert_written(&f, b, 0);
	assert_false(kernel_answered(w.kernel, a));
	puppet_end_script(puppet_script(w.engine, 0), 0, 0);
	assert_written(&f, a, 0);
	exec_close(&f);
	end(&w);
}

static void exec_two_writers_run_side_by_side(void **state)
{
	struct world w;
	struct exec_file a, b;
	uint64_t first, second;

	(void)state;
	begin(&w);
	exec_open(&a, &w, "up/exec", O_WRONLY);
	exec_open(&b, &w, "up/exec", O_WRONLY);
	/* Not one inode, whose lock the kernel would hold. */
	assert_int_not_equal(a.node, b.node);
	first = exec_send(&a, "sleep 100\n");
	second = exec_send(&b, "true\n");
	puppet_end_script(puppet_script(w.engine, 1), 0, 0);
	assert_written(&b, second, 0);
	assert_false(kernel_answered(w.kernel, first));
	puppet_end_script(puppet_script(w.engine, 0), 0, 0);
	assert_written(&a, first, 0);
	exec_close(&a);
	exec_close(&b);
	end(&w);
}

static void exec_script_of_a_megabyte_is_one_script(void **state)
{
	struct world w;
	struct exec_file f;
	size_t len = 1 << 20;
	size_t at, n;
	char *text = malloc(len + 1);
	uint64_t id = 0;

	(void)state;
	assert_non_null(text);
	memset(text, '#', len);
	text[len - 1] = '\n';
	text[len] = '\0';
	begin(&w);
	exec_open(&f, &w, "up/exec", O_WRONLY);
	for (at = 0; at < len; at += n) {
		n = len - at < 128 << 10 ? len - at : 128 << 10;
		if (id)
			assert_written(&f, id, 0);
		id = kernel_send_write(w.kernel, f.node, f.fh, at, text + at,
		                       n);
		world_settle(&w);
	}
	assert_int_equal(strlen(puppet_script(w.engine, 0)->script), len);
	puppet_end_script(puppet_script(w.engine, 0), 0, 0);
	assert_written(&f, id, 0);
	exec_close(&f);
	free(text);
	end(&w);
}

static void exec_script_without_end_is_refused(void **state)
{
	struct world w;
	struct exec_file f;
	size_t n = 128 << 10;
	char *text = malloc(n);
	size_t sent = 0;
	int err = 0;

	(void)state;
	assert_non_null(text);
	memset(text, '#', n);
	begin(&w);
	exec_open(&f, &w, "up/exec", O_WRONLY);
	while (!err && sent <= HANDLE_HELD_MAX) {
		ssize_t got =
			kernel_write(w.kernel, f.node, f.fh, sent, text, n);

		err = got < 0 ? (int)got : 0;
		sent += n;
	}
	assert_int_equal(err, -EFBIG);
	assert_true(sent > HANDLE_HELD_MAX);
	assert_tells(&w, "up/error", "at most 16777216 bytes");
	exec_close(&f);
	assert_int_equal(puppet_asked(w.engine, ENGINE_RUN), 0);
	free(text);
	end(&w);
}

/* ---- errors -------------------------------------------------------------- */

static void exec_write_fails_as_the_script_does(void **state)
{
	struct world w;
	struct exec_file f;
	uint64_t id;

	(void)state;
	begin(&w);
	exec_open(&f, &w, "up/exec", O_WRONLY);
	id = exec_send(&f, "exit 7\n");
	puppet_end_script(puppet_script(w.engine, 0), 7, 0);
	assert_written(&f, id, -EIO);
	assert_reads(&w, "up/error", "exec: the script exited 7\n");
	assert_reads(&w, "up/run/last/status", "exited 7\n");
	id = exec_send(&f, "true\n");
	puppet_end_script(puppet_script(w.engine, 0), 0, 0);
	assert_written(&f, id, 0);
	assert_reads(&w, "up/error", "");
	id = exec_send(&f, "lost\n");
	puppet_end_script(puppet_script(w.engine, 0), 0, -ENODEV);
	assert_written(&f, id, -ENODEV);
	assert_reads(&w, "up/run/last/status", "lost\n");
	assert_tells(&w, "up/error", "exec: ");
	exec_close(&f);
	end(&w);
}

static void exec_of_a_machine_that_does_not_run_says_so(void **state)
{
	struct world w;
	struct exec_file f;

	(void)state;
	begin(&w);
	exec_open(&f, &w, "off/exec", O_WRONLY);
	assert_written(&f, exec_send(&f, "true\n"), -EHOSTDOWN);
	assert_tells(&w, "off/error", "first: echo start > state");
	assert_int_equal(puppet_asked(w.engine, ENGINE_RUN), 0);
	assert_int_equal(puppet_asked(w.engine, ENGINE_START), 0);
	exec_close(&f);
	end(&w);
}

static void exec_of_a_machine_being_made_waits_for_it(void **state)
{
	struct world w;
	struct exec_file f;
	uint64_t made, id;

	(void)state;
	begin(&w);
	node_of(&w, "up");
	puppet_at_once(w.engine, false);
	made = kernel_send_mkdir(w.kernel, KERNEL_ROOT, "web", 0755);
	world_settle(&w);
	hands_turn(w.hands, LIFECYCLE_PATIENCE_MS);
	assert_int_equal(kernel_wait(w.kernel, made, NULL, NULL, KERNEL_MS), 0);
	puppet_at_once(w.engine, true);
	exec_open(&f, &w, "web/exec", O_WRONLY);
	id = exec_send(&f, "uname -a\n");
	assert_int_equal(puppet_n_scripts(w.engine), 0);
	puppet_answer(w.engine, ENGINE_CREATE, 0);
	assert_string_equal(puppet_script(w.engine, 0)->name, "web");
	puppet_end_script(puppet_script(w.engine, 0), 0, 0);
	assert_written(&f, id, 0);
	exec_close(&f);
	end(&w);
}

static void exec_that_cannot_be_started_says_why(void **state)
{
	struct world w;
	struct exec_file f;
	uint64_t id;

	(void)state;
	begin(&w);
	exec_open(&f, &w, "up/exec", O_RDWR);
	puppet_refuse(w.engine, -ENODEV);
	id = exec_send(&f, "true\n");
	assert_written(&f, id, -ENODEV);
	assert_tells(&w, "up/error", "exec: ");
	/* Nothing was run, so there is nothing to wait for. */
	assert_got(&f, exec_recv(&f, 0, 100), "");
	exec_close(&f);
	end(&w);
}

static void exec_refuses_output_as_a_script(void **state)
{
	struct world w;
	struct exec_file f;

	(void)state;
	begin(&w);
	run(&w, "echo rm -rf /\n", "rm -rf /\n");
	assert_reads(&w, "up/exec", "rm -rf /\n");
	exec_open(&f, &w, "up/exec", O_WRONLY);
	assert_written(&f, exec_send(&f, "rm -rf /\n"), -EINVAL);
	assert_tells(&w, "up/error", "output is not run as a script");
	exec_close(&f);
	/* Neither on another machine: cp -r up off. */
	exec_open(&f, &w, "off/exec", O_WRONLY);
	assert_written(&f, exec_send(&f, "rm -rf /\n"), -EINVAL);
	exec_close(&f);
	assert_int_equal(puppet_asked(w.engine, ENGINE_RUN), 1);
	/* Once something else was run it is a script like any. */
	run(&w, "true\n", "");
	run(&w, "rm -rf /\n", "");
	end(&w);
}

/* ---- reading ------------------------------------------------------------- */

static void exec_read_of_ones_own_comes_as_it_is_printed(void **state)
{
	struct world w;
	struct exec_file f;
	uint64_t written, got;

	(void)state;
	begin(&w);
	run(&w, "old\n", "old output\n");
	exec_open(&f, &w, "up/exec", O_RDWR);
	/* Before anything was run through it there is nothing to read. */
	assert_got(&f, exec_recv(&f, 0, 4), "");
	written = exec_send(&f, "new\n");
	got = exec_recv(&f, 4, 100);
	assert_false(kernel_answered(w.kernel, got));
	puppet_print(puppet_script(w.engine, 0), false, "one\n");
	assert_got(&f, got, "one\n");
	puppet_print(puppet_script(w.engine, 0), true, "two\n");
	assert_got(&f, exec_recv(&f, 8, 2), "tw");
	assert_got(&f, exec_recv(&f, 10, 100), "o\n");
	got = exec_recv(&f, 12, 100);
	assert_false(kernel_answered(w.kernel, got));
	puppet_end_script(puppet_script(w.engine, 0), 0, 0);
	/* The end. */
	assert_got(&f, got, "");
	assert_got(&f, exec_recv(&f, 12, 100), "");
	assert_written(&f, written, 0);
	exec_close(&f);
	assert_reads(&w, "up/exec", "one\ntwo\n");
	assert_reads(&w, "up/run/last/out", "one\n");
	assert_reads(&w, "up/run/last/err", "two\n");
	end(&w);
}

static void exec_read_of_another_open_file_is_the_last_finished(void **state)
{
	struct world w;
	struct exec_file f;
	uint64_t id;

	(void)state;
	begin(&w);
	run(&w, "one\n", "first\n");
	exec_open(&f, &w, "up/exec", O_WRONLY);
	id = exec_send(&f, "two\n");
	puppet_print(puppet_script(w.engine, 0), false, "half");
	assert_reads(&w, "up/exec", "first\n");
	/* But the record of the last is of the one that runs. */
	assert_reads(&w, "up/run/last/out", "half");
	puppet_end_script(puppet_script(w.engine, 0), 0, 0);
	assert_written(&f, id, 0);
	assert_reads(&w, "up/exec", "half");
	exec_close(&f);
	end(&w);
}

static void exec_read_of_a_shared_open_is_the_last_finished(void **state)
{
	struct world w;
	struct exec_file f;

	(void)state;
	world_begin(&w, &(struct world_spec){ .engine = puppet_new(),
	                                      .shared_opens = true });
	puppet_add(w.engine, "up", "1", MACHINE_RUNNING);
	puppet_at_once(w.engine, true);
	exec_open(&f, &w, "up/exec", O_RDONLY);
	assert_got(&f, exec_recv(&f, 0, 100), "");
	run(&w, "one\n", "first\n");
	assert_got(&f, exec_recv(&f, 0, 3), "fir");
	run(&w, "two\n", "second\n");
	/* One reader sees one run. */
	assert_got(&f, exec_recv(&f, 3, 100), "st\n");
	assert_got(&f, exec_recv(&f, 0, 100), "second\n");
	exec_close(&f);
	end(&w);
}

static void exec_reads_what_was_run_through_it_in_order(void **state)
{
	struct world w;
	struct exec_file f;
	uint64_t a, b, got;

	(void)state;
	begin(&w);
	exec_open(&f, &w, "up/exec", O_RDWR);
	a = exec_send(&f, "a\n");
	b = exec_send(&f, "b\n");
	puppet_print(puppet_script(w.engine, 1), false, "of b");
	got = exec_recv(&f, 0, 100);
	assert_false(kernel_answered(w.kernel, got));
	puppet_print(puppet_script(w.engine, 0), false, "of a");
	assert_got(&f, got, "of a");
	puppet_end_script(puppet_script(w.engine, 0), 0, 0);
	assert_got(&f, exec_recv(&f, 4, 100), "of b");
	puppet_end_script(puppet_script(w.engine, 0), 0, 0);
	assert_got(&f, exec_recv(&f, 8, 100), "");
	assert_written(&f, a, 0);
	assert_written(&f, b, 0);
	exec_close(&f);
	end(&w);
}

static void exec_keeps_the_newest_of_many_runs_of_an_open_file(void **state)
{
	struct world w;
	struct exec_file f;
	char text[16];

	(void)state;
	begin(&w);
	exec_open(&f, &w, "up/exec", O_RDWR);
	for (int i = 0; i < HANDLE_RUNS + 2; i++) {
		uint64_t id = exec_send(&f, "some\n");

		snprintf(text, sizeof(text), "%d\n", i);
		puppet_print(puppet_script(w.engine, 0), false, text);
		puppet_end_script(puppet_script(w.engine, 0), 0, 0);
		assert_written(&f, id, 0);
	}
	for (int i = 2; i < HANDLE_RUNS + 2; i++) {
		snprintf(text, sizeof(text), "%d\n", i);
		assert_got(&f, exec_recv(&f, 0, 100), text);
	}
	assert_got(&f, exec_recv(&f, 0, 100), "");
	exec_close(&f);
	end(&w);
}

static void exec_read_in_pieces_of_a_finished_run_is_by_offset(void **state)
{
	struct world w;
	struct exec_file f;
	struct fuse_attr attr;

	(void)state;
	begin(&w);
	run(&w, "x\n", "0123456789");
	exec_open(&f, &w, "up/exec", O_RDONLY);
	assert_int_equal(kernel_getattr(w.kernel, f.node, &attr), 0);
	assert_int_equal(attr.size, 10);
	assert_got(&f, exec_recv(&f, 8, 4), "89");
	assert_got(&f, exec_recv(&f, 2, 4), "2345");
	assert_got(&f, exec_recv(&f, 10, 4), "");
	exec_close(&f);
	end(&w);
}

/* ---- interrupts ---------------------------------------------------------- */

static void exec_interrupt_frees_the_writer_and_ends_the_script(void **state)
{
	struct world w;
	struct exec_file f;
	uint64_t id;

	(void)state;
	begin(&w);
	puppet_at_once(w.engine, true);
	exec_open(&f, &w, "up/exec", O_WRONLY);
	id = exec_send(&f, "sleep 100\n");
	kernel_send_interrupt(w.kernel, id);
	world_settle(&w);
	assert_written(&f, id, -EINTR);
	/* TERM in the machine; it does not end, so KILL follows. */
	assert_int_equal(puppet_asked(w.engine, ENGINE_SIGNAL), 1);
	assert_int_equal(w.engine->last.signal, 15);
	assert_reads(&w, "up/run/last/status", "running\n");
	hands_turn(w.hands, 2000);
	assert_int_equal(puppet_asked(w.engine, ENGINE_SIGNAL), 2);
	assert_int_equal(w.engine->last.signal, 9);
	assert_true(puppet_script(w.engine, 0)->cancelled);
	puppet_end_script(puppet_script(w.engine, 0), 0, 0);
	assert_reads(&w, "up/run/last/status", "signaled 15\n");
	exec_close(&f);
	end(&w);
}

static void exec_interrupt_of_one_writer_leaves_the_other(void **state)
{
	struct world w;
	struct exec_file a, b;
	uint64_t first, second;

	(void)state;
	begin(&w);
	exec_open(&a, &w, "up/exec", O_WRONLY);
	exec_open(&b, &w, "up/exec", O_WRONLY);
	first = exec_send(&a, "one\n");
	second = exec_send(&b, "two\n");
	kernel_send_interrupt(w.kernel, second);
	world_settle(&w);
	assert_written(&b, second, -EINTR);
	puppet_end_script(puppet_script(w.engine, 1), 143, 0);
	assert_false(kernel_answered(w.kernel, first));
	puppet_end_script(puppet_script(w.engine, 0), 0, 0);
	assert_written(&a, first, 0);
	exec_close(&a);
	exec_close(&b);
	end(&w);
}

static void exec_interrupt_while_it_waits_for_the_machine_runs_nothing(
	void **state)
{
	struct world w;
	struct exec_file f;
	uint64_t id;

	(void)state;
	begin(&w);
	exec_open(&f, &w, "off/exec", O_WRONLY);
	puppet_at_once(w.engine, false);
	hands_turn(w.hands, WORLD_TTL_MS);
	id = exec_send(&f, "one\n");
	kernel_send_interrupt(w.kernel, id);
	world_settle(&w);
	assert_written(&f, id, -EINTR);
	puppet_state(w.engine, "off", MACHINE_RUNNING);
	puppet_at_once(w.engine, true);
	puppet_answer(w.engine, ENGINE_LIST, 0);
	assert_int_equal(puppet_asked(w.engine, ENGINE_RUN), 0);
	exec_close(&f);
	end(&w);
}

static void exec_interrupt_of_a_read_leaves_the_script(void **state)
{
	struct world w;
	struct exec_file f;
	uint64_t written, got;

	(void)state;
	begin(&w);
	exec_open(&f, &w, "up/exec", O_RDWR);
	written = exec_send(&f, "one\n");
	got = exec_recv(&f, 0, 100);
	kernel_send_interrupt(w.kernel, got);
	world_settle(&w);
	assert_int_equal(kernel_wait_done(w.kernel, got), -EINTR);
	assert_int_equal(puppet_asked(w.engine, ENGINE_SIGNAL), 0);
	puppet_print(puppet_script(w.engine, 0), false, "x");
	assert_got(&f, exec_recv(&f, 0, 100), "x");
	puppet_end_script(puppet_script(w.engine, 0), 0, 0);
	assert_written(&f, written, 0);
	exec_close(&f);
	end(&w);
}

static void exec_interrupt_of_a_read_that_went_on_to_a_second_script(
	void **state)
{
	struct world w;
	struct exec_file f;
	uint64_t a, b, got;

	(void)state;
	begin(&w);
	exec_open(&f, &w, "up/exec", O_RDWR);
	a = exec_send(&f, "a\n");
	b = exec_send(&f, "b\n");
	got = exec_recv(&f, 0, 100);
	puppet_end_script(puppet_script(w.engine, 0), 0, 0);
	world_settle(&w);
	assert_false(kernel_answered(w.kernel, got));
	kernel_send_interrupt(w.kernel, got);
	world_settle(&w);
	assert_int_equal(kernel_wait_done(w.kernel, got), -EINTR);
	puppet_print(puppet_script(w.engine, 0), false, "of b");
	assert_got(&f, exec_recv(&f, 0, 100), "of b");
	puppet_end_script(puppet_script(w.engine, 0), 0, 0);
	assert_written(&f, a, 0);
	assert_written(&f, b, 0);
	exec_close(&f);
	end(&w);
}

static void exec_interrupt_of_a_close_ends_the_script(void **state)
{
	struct world w;
	struct exec_file f;
	uint64_t id;

	(void)state;
	begin(&w);
	exec_open(&f, &w, "up/exec", O_WRONLY);
	assert_written(&f, exec_send(&f, "sleep 9"), 0);
	id = kernel_send_flush(w.kernel, f.node, f.fh);
	world_settle(&w);
	kernel_send_interrupt(w.kernel, id);
	world_settle(&w);
	assert_int_equal(kernel_wait_done(w.kernel, id), -EINTR);
	assert_int_equal(puppet_asked(w.engine, ENGINE_SIGNAL), 1);
	/* The kernel's release does not wait for the script. */
	assert_int_equal(kernel_release(w.kernel, f.node, f.fh, 0), 0);
	puppet_end_script(puppet_script(w.engine, 0), 143, 0);
	end(&w);
}

/* ---- limits of time ------------------------------------------------------ */

static void exec_write_that_may_not_wait_leaves_the_script_running(void **state)
{
	struct world w;
	struct exec_file f;
	uint64_t id;

	(void)state;
	begin_with(&w, 45000);
	exec_open(&f, &w, "up/exec", O_WRONLY);
	id = exec_send(&f, "sleep 100\n");
	hands_turn(w.hands, 44999);
	world_settle(&w);
	assert_false(kernel_answered(w.kernel, id));
	hands_turn(w.hands, 1);
	assert_written(&f, id, -ETIMEDOUT);
	assert_tells(&w, "up/error", "run/last/status follows it");
	assert_int_equal(puppet_asked(w.engine, ENGINE_SIGNAL), 0);
	exec_close(&f);
	puppet_print(puppet_script(w.engine, 0), false, "late\n");
	puppet_end_script(puppet_script(w.engine, 0), 0, 0);
	assert_reads(&w, "up/exec", "late\n");
	assert_reads(&w, "up/run/last/status", "exited 0\n");
	end(&w);
}

static void exec_patience_ends_with_the_script(void **state)
{
	struct world w;
	struct exec_file f;
	uint64_t id;

	(void)state;
	begin_with(&w, 45000);
	exec_open(&f, &w, "up/exec", O_WRONLY);
	id = exec_send(&f, "true\n");
	puppet_end_script(puppet_script(w.engine, 0), 0, 0);
	assert_written(&f, id, 0);
	assert_int_equal(hands_n_alarms(w.hands), 0);
	exec_close(&f);
	end(&w);
}

static void exec_read_that_may_not_wait_leaves_the_script(void **state)
{
	struct world w;
	struct exec_file f, g;
	uint64_t id, early, late;

	(void)state;
	begin_with(&w, 45000);
	exec_open(&f, &w, "up/exec", O_RDWR);
	id = exec_send(&f, "sleep 40\n");
	hands_turn(w.hands, 1000);
	early = exec_recv(&f, 0, 100);
	hands_turn(w.hands, 1000);
	/* Patience counts from each question. */
	exec_open(&g, &w, "up/exec", O_RDWR);
	late = exec_send(&g, "sleep 42\n");
	hands_turn(w.hands, 43000);
	assert_written(&f, id, -ETIMEDOUT);
	assert_false(kernel_answered(w.kernel, early));
	hands_turn(w.hands, 1000);
	world_settle(&w);
	assert_written(&f, early, -ETIMEDOUT);
	assert_false(kernel_answered(w.kernel, late));
	puppet_end_script(puppet_script(w.engine, 1), 0, 0);
	assert_written(&g, late, 0);
	puppet_print(puppet_script(w.engine, 0), false, "late\n");
	assert_got(&f, exec_recv(&f, 0, 100), "late\n");
	puppet_end_script(puppet_script(w.engine, 0), 0, 0);
	exec_close(&f);
	exec_close(&g);
	end(&w);
}

/* ---- the end ------------------------------------------------------------- */

static void exec_at_the_end_of_the_connection_lets_everything_go(void **state)
{
	struct world w;
	struct exec_file f, g;

	(void)state;
	begin(&w);
	exec_open(&f, &w, "up/exec", O_RDWR);
	exec_open(&g, &w, "up/exec", O_RDWR);
	exec_send(&f, "one\n");
	exec_recv(&f, 0, 100);
	exec_send(&g, "two");
	kernel_send_flush(w.kernel, g.node, g.fh);
	exec_recv(&g, 0, 100);
	assert_int_equal(puppet_n_scripts(w.engine), 2);
	/* Nothing is released, nothing is forgotten. */
	world_abort(&w, puppet_stop);
	puppet_free(w.engine);
}

static void exec_of_a_machine_that_vanishes_ends_as_it_ends(void **state)
{
	struct world w;
	struct exec_file f;
	uint64_t id;

	(void)state;
	begin(&w);
	exec_open(&f, &w, "up/exec", O_RDWR);
	id = exec_send(&f, "one\n");
	puppet_remove(w.engine, "up");
	hands_turn(w.hands, WORLD_TTL_MS);
	assert_int_equal(kernel_lookup(w.kernel, KERNEL_ROOT, "up", NULL),
	                 -ENOENT);
	puppet_print(puppet_script(w.engine, 0), false, "x");
	assert_got(&f, exec_recv(&f, 0, 100), "x");
	puppet_end_script(puppet_script(w.engine, 0), 0, -EIO);
	assert_written(&f, id, -EIO);
	assert_written(&f, exec_send(&f, "two\n"), -ENOENT);
	exec_close(&f);
	end(&w);
}

static void exec_says_how_much_of_an_output_was_lost(void **state)
{
	struct rlimit old;
	struct rlimit small = { 8, RLIM_INFINITY };
	struct world w;
	struct exec_file f;
	uint64_t id;

	(void)state;
	begin(&w);
	exec_open(&f, &w, "up/exec", O_WRONLY);
	id = exec_send(&f, "seq 9\n");
	signal(SIGXFSZ, SIG_IGN); /* as the daemon does */
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small.rlim_max = old.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	puppet_print(puppet_script(w.engine, 0), false, "12345678");
	puppet_print(puppet_script(w.engine, 0), false, "90");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	puppet_end_script(puppet_script(w.engine, 0), 0, 0);
	assert_written(&f, id, 0);
	exec_close(&f);
	assert_reads(&w, "up/exec", "12345678");
	assert_tells(&w, "up/error",
	             "exec: 2 bytes of its output could not be kept");
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exec_says_how_much_of_an_output_was_lost),
		cmocka_unit_test(
			exec_write_of_a_line_is_a_script_and_returns_at_its_end),
		cmocka_unit_test(exec_script_may_have_many_lines),
		cmocka_unit_test(exec_piece_is_completed_by_the_next_write),
		cmocka_unit_test(exec_piece_is_completed_by_the_close),
		cmocka_unit_test(
			exec_writes_of_one_open_file_are_one_script_each),
		cmocka_unit_test(exec_two_writers_run_side_by_side),
		cmocka_unit_test(exec_script_of_a_megabyte_is_one_script),
		cmocka_unit_test(exec_script_without_end_is_refused),
		cmocka_unit_test(exec_write_fails_as_the_script_does),
		cmocka_unit_test(exec_of_a_machine_that_does_not_run_says_so),
		cmocka_unit_test(exec_of_a_machine_being_made_waits_for_it),
		cmocka_unit_test(exec_that_cannot_be_started_says_why),
		cmocka_unit_test(exec_refuses_output_as_a_script),
		cmocka_unit_test(exec_read_of_ones_own_comes_as_it_is_printed),
		cmocka_unit_test(
			exec_read_of_another_open_file_is_the_last_finished),
		cmocka_unit_test(
			exec_read_of_a_shared_open_is_the_last_finished),
		cmocka_unit_test(exec_reads_what_was_run_through_it_in_order),
		cmocka_unit_test(
			exec_keeps_the_newest_of_many_runs_of_an_open_file),
		cmocka_unit_test(
			exec_read_in_pieces_of_a_finished_run_is_by_offset),
		cmocka_unit_test(
			exec_interrupt_frees_the_writer_and_ends_the_script),
		cmocka_unit_test(exec_interrupt_of_one_writer_leaves_the_other),
		cmocka_unit_test(
			exec_interrupt_while_it_waits_for_the_machine_runs_nothing),
		cmocka_unit_test(exec_interrupt_of_a_read_leaves_the_script),
		cmocka_unit_test(
			exec_interrupt_of_a_read_that_went_on_to_a_second_script),
		cmocka_unit_test(exec_interrupt_of_a_close_ends_the_script),
		cmocka_unit_test(
			exec_write_that_may_not_wait_leaves_the_script_running),
		cmocka_unit_test(exec_patience_ends_with_the_script),
		cmocka_unit_test(exec_read_that_may_not_wait_leaves_the_script),
		cmocka_unit_test(
			exec_at_the_end_of_the_connection_lets_everything_go),
		cmocka_unit_test(
			exec_of_a_machine_that_vanishes_ends_as_it_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
