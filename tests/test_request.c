/*
 * What request.h promises: each question of the kernel is answered exactly
 * once, whoever interrupts it, wherever it waits, and also at the end. The
 * pretend kernel fails a test at a second answer.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fail_alloc.h"
#include "tests/puppet.h"
#include "tests/world.h"

/* A world with one open file of each kind that is written to. */
struct fixture {
	struct world w;
	uint64_t state, config, exec; /* nodes */
	uint64_t state_fh, config_fh, exec_fh;
	uint64_t dir, ip, log;
};

static uint64_t node_of(struct fixture *f, const char *path)
{
	struct fuse_entry_out e;

	assert_int_equal(kernel_walk(f->w.kernel, path, &e), 0);
	return e.nodeid;
}

static uint64_t open_of(struct fixture *f, uint64_t node)
{
	struct fuse_open_out open;

	assert_int_equal(kernel_open(f->w.kernel, node, O_RDWR, &open), 0);
	return open.fh;
}

static void begin(struct fixture *f)
{
	world_begin(&f->w, &(struct world_spec){ .engine = puppet_new() });
	puppet_add(f->w.engine, "up", "1", MACHINE_RUNNING);
	puppet_add(f->w.engine, "off", "2", MACHINE_STOPPED);
	puppet_at_once(f->w.engine, true);
	f->dir = node_of(f, "up");
	f->ip = node_of(f, "up/ip");
	f->log = node_of(f, "up/log");
	f->state = node_of(f, "up/state");
	f->config = node_of(f, "up/config");
	f->exec = node_of(f, "up/exec");
	f->state_fh = open_of(f, f->state);
	f->config_fh = open_of(f, f->config);
	f->exec_fh = open_of(f, f->exec);
	hands_turn(f->w.hands, WORLD_TTL_MS);
	puppet_at_once(f->w.engine, false);
}

static void answer_all(struct fixture *f)
{
	struct engine *engine = f->w.engine;

	puppet_at_once(engine, true);
	while (engine->asks)
		puppet_give(engine, engine->asks, 0);
	while (engine->jobs)
		puppet_end_script(engine->jobs, 0, 0);
}

static void end(struct fixture *f)
{
	answer_all(f);
	kernel_release(f->w.kernel, f->state, f->state_fh, O_RDWR);
	kernel_release(f->w.kernel, f->config, f->config_fh, O_RDWR);
	kernel_release(f->w.kernel, f->exec, f->exec_fh, O_RDWR);
	world_end(&f->w, puppet_stop);
	puppet_free(f->w.engine);
}

/* ---- all the requests that wait for something ---------------------------- */

static uint64_t send_lookup(struct fixture *f)
{
	return kernel_send_lookup(f->w.kernel, KERNEL_ROOT, "off");
}

static uint64_t send_opendir(struct fixture *f)
{
	return kernel_send_opendir(f->w.kernel, KERNEL_ROOT);
}

static uint64_t send_mkdir(struct fixture *f)
{
	return kernel_send_mkdir(f->w.kernel, KERNEL_ROOT, "web", 0755);
}

static uint64_t send_rmdir(struct fixture *f)
{
	return kernel_send_rmdir(f->w.kernel, KERNEL_ROOT, "off");
}

static uint64_t send_rename(struct fixture *f)
{
	return kernel_send_rename(f->w.kernel, KERNEL_ROOT, "off", KERNEL_ROOT,
	                          "shop", 0);
}

static uint64_t send_open_state(struct fixture *f)
{
	return kernel_send_open(f->w.kernel, f->state, O_RDONLY);
}

static uint64_t send_open_ip(struct fixture *f)
{
	return kernel_send_open(f->w.kernel, f->ip, O_RDONLY);
}

static uint64_t send_open_config(struct fixture *f)
{
	return kernel_send_open(f->w.kernel, f->config, O_RDWR);
}

static uint64_t send_open_log(struct fixture *f)
{
	return kernel_send_open(f->w.kernel, f->log, O_RDONLY);
}

static uint64_t send_write_state(struct fixture *f)
{
	return kernel_send_write(f->w.kernel, f->state, f->state_fh, 0, "stop",
	                         4);
}

static uint64_t send_write_config(struct fixture *f)
{
	return kernel_send_write(f->w.kernel, f->config, f->config_fh, 0,
	                         "cpus 2\nuser joe\n", 16);
}

static uint64_t send_write_exec(struct fixture *f)
{
	return kernel_send_write(f->w.kernel, f->exec, f->exec_fh, 0, "true\n",
	                         5);
}

static uint64_t send_flush_exec(struct fixture *f)
{
	kernel_send_write(f->w.kernel, f->exec, f->exec_fh, 0, "true", 4);
	return kernel_send_flush(f->w.kernel, f->exec, f->exec_fh);
}

static uint64_t send_read_exec(struct fixture *f)
{
	uint64_t id = send_write_exec(f);

	world_settle(&f->w);
	while (puppet_pending(f->w.engine, ENGINE_LIST))
		puppet_answer(f->w.engine, ENGINE_LIST, 0);
	assert_true(!kernel_answered(f->w.kernel, id) || fail_alloc_reached());
	return kernel_send_read(f->w.kernel, f->exec, f->exec_fh, 0, 100);
}

static uint64_t (*const senders[])(struct fixture *f) = {
	send_lookup,     send_opendir,     send_mkdir,        send_rmdir,
	send_rename,     send_open_state,  send_open_ip,      send_open_config,
	send_open_log,   send_write_state, send_write_config, send_write_exec,
	send_flush_exec, send_read_exec,
};

enum { N_SENDERS = sizeof(senders) / sizeof(senders[0]) };

/* Answer the engine's oldest question, or end its oldest script, or turn the
 * clock; false: there is nothing left. */
static bool step(struct fixture *f)
{
	struct engine *engine = f->w.engine;

	if (engine->asks)
		puppet_give(engine, engine->asks, 0);
	else if (engine->jobs)
		puppet_end_script(engine->jobs, 0, 0);
	else if (!hands_turn_to_next(f->w.hands))
		return false;
	world_settle(&f->w);
	return true;
}

/* Let n steps happen first, then interrupt. false: it was answered before. */
static bool interrupt_after(int sender, int n)
{
	struct fixture f;
	uint64_t id;
	bool waits;

	begin(&f);
	id = senders[sender](&f);
	world_settle(&f.w);
	while (n-- > 0 && step(&f))
		;
	waits = !kernel_answered(f.w.kernel, id);
	if (waits) {
		kernel_send_interrupt(f.w.kernel, id);
		world_settle(&f.w);
		/* At once, whatever it waits for goes on. */
		assert_true(kernel_answered(f.w.kernel, id));
		assert_int_equal(kernel_wait(f.w.kernel, id, NULL, NULL,
		                             KERNEL_MS),
		                 -EINTR);
	}
	while (step(&f))
		;
	assert_null(f.w.fs->requests);
	end(&f);
	return waits;
}

static void request_interrupted_anywhere_is_answered_at_once(void **state)
{
	(void)state;
	for (int i = 0; i < N_SENDERS; i++) {
		int n = 0;

		while (interrupt_after(i, n))
			n++;
		/* Each of them waits at least once. */
		if (n == 0)
			fail_msg("sender %d never waits", i);
	}
}

static void request_that_waits_at_the_end_is_answered_and_freed(void **state)
{
	(void)state;
	for (int i = 0; i < N_SENDERS; i++)
		for (int n = 0; n < 3; n++) {
			struct fixture f;

			begin(&f);
			senders[i](&f);
			world_settle(&f.w);
			for (int j = 0; j < n; j++)
				step(&f);
			world_abort(&f.w, puppet_stop);
			puppet_free(f.w.engine);
		}
}

static void requests_of_all_kinds_at_once_are_each_answered_once(void **state)
{
	struct fixture f;
	uint64_t ids[N_SENDERS];

	(void)state;
	begin(&f);
	for (int i = 0; i < N_SENDERS - 1; i++)
		ids[i] = senders[i](&f);
	world_settle(&f.w);
	while (step(&f))
		;
	for (int i = 0; i < N_SENDERS - 1; i++)
		assert_true(kernel_answered(f.w.kernel, ids[i]));
	end(&f);
}

static void request_interrupted_twice_is_answered_once(void **state)
{
	struct fixture f;
	uint64_t id;

	(void)state;
	begin(&f);
	id = send_write_exec(&f);
	kernel_send_interrupt(f.w.kernel, id);
	kernel_send_interrupt(f.w.kernel, id);
	world_settle(&f.w);
	assert_int_equal(kernel_wait_done(f.w.kernel, id), -EINTR);
	end(&f);
}

/* A signal may come so early that the kernel sends the interrupt first. */
static void request_interrupted_before_it_came_is_answered(void **state)
{
	struct fixture f;
	struct {
		struct fuse_in_header head;
		struct fuse_interrupt_in body;
	} in = { .head = { .opcode = FUSE_INTERRUPT, .len = sizeof(in) } };
	uint64_t id;

	(void)state;
	begin(&f);
	id = kernel_send_statfs(f.w.kernel, KERNEL_ROOT);
	assert_int_equal(kernel_wait(f.w.kernel, id, NULL, NULL, KERNEL_MS), 0);
	in.head.unique = (id + 2) | 1;
	in.body.unique = id + 2;
	kernel_send_raw(f.w.kernel, &in, sizeof(in));
	assert_int_equal(send_mkdir(&f), id + 2);
	assert_int_equal(kernel_wait_done(f.w.kernel, id + 2), -EINTR);
	assert_int_equal(puppet_asked(f.w.engine, ENGINE_CREATE), 0);
	end(&f);
}

static void request_fail_all_answers_who_waits_and_not_who_comes(void **state)
{
	struct fixture f;
	uint64_t a, b;

	(void)state;
	begin(&f);
	b = send_read_exec(&f);
	a = send_write_state(&f);
	world_settle(&f.w);
	/* The second signal that asks us to go. */
	fs_fail_all(f.w.fs, -EIO);
	assert_int_equal(kernel_wait_done(f.w.kernel, a), -EIO);
	assert_int_equal(kernel_wait_done(f.w.kernel, b), -EIO);
	/* What they waited for comes and answers nothing. */
	puppet_print(puppet_script(f.w.engine, 0), false, "x");
	answer_all(&f);
	world_settle(&f.w);
	assert_int_equal(kernel_getattr(f.w.kernel, f.dir, NULL), 0);
	end(&f);
}

static void request_is_answered_whichever_allocation_fails(void **state)
{
	(void)state;
	for (int i = 0; i < N_SENDERS; i++) {
		unsigned n = 0;

		while (fail_alloc_next(&n)) {
			struct fixture f;

			fail_alloc_off();
			begin(&f);
			fail_alloc_at(n);
			(void)senders[i](&f);
			world_settle(&f.w);
			while (step(&f))
				;
			assert_null(f.w.fs->requests);
			assert_int_equal(kernel_n_unanswered(f.w.kernel), 0);
			end(&f);
		}
		assert_true(n > 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			request_interrupted_anywhere_is_answered_at_once),
		cmocka_unit_test(
			request_that_waits_at_the_end_is_answered_and_freed),
		cmocka_unit_test(
			requests_of_all_kinds_at_once_are_each_answered_once),
		cmocka_unit_test(request_interrupted_twice_is_answered_once),
		cmocka_unit_test(
			request_interrupted_before_it_came_is_answered),
		cmocka_unit_test(
			request_fail_all_answers_who_waits_and_not_who_comes),
		cmocka_unit_test(
			request_is_answered_whichever_allocation_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
