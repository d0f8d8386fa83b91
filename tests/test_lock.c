/*
 * What lock.h promises: locks are the guest's, one that is waited for can be
 * given up, and nothing is read from before it was there.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/files_world.h"

static void lock_that_is_interrupted_is_given_up(void **state)
{
	struct files_world f;
	uint64_t node;
	uint64_t fh;
	uint64_t id;

	(void)state;
	files_begin_small(&f);
	node = look(&f, "d/small");
	fh = open_it(&f, "d/small", O_RDWR);
	id = send_lock(&f, node, fh, FUSE_SETLK, F_WRLCK);
	assert_int_equal(kernel_wait(f.k, id, NULL, NULL, KERNEL_MS), 0);
	f.g->locked = true;
	id = send_lock(&f, node, fh, FUSE_SETLKW, F_WRLCK);
	wait_seen(&f, WIRE_SETLK, 2);
	/* It may take as long as it likes. */
	hands_turn(f.w.hands, 3600000);
	files_settle(&f);
	assert_false(kernel_answered(f.k, id));
	kernel_send_interrupt(f.k, id);
	assert_int_equal(kernel_wait(f.k, id, NULL, NULL, KERNEL_MS), -EINTR);
	wait_seen(&f, WIRE_CANCEL, 1);
	files_settle(&f);
	assert_int_equal(fake_guest_n_waiting(f.g), 0);
	f.g->locked = false;
	assert_int_equal(kernel_flush(f.k, node, fh), 0);
	assert_int_equal(f.g->n_seen[WIRE_UNLOCK_OWNER], 1);
	kernel_release(f.k, node, fh, O_RDWR);
	files_end_world(&f);
}

static void lock_that_waits_for_nobody_goes_on(void **state)
{
	struct files_world f;
	uint64_t node;
	uint64_t fh;
	uint64_t ids[2];

	(void)state;
	files_begin_small(&f);
	node = look(&f, "d/small");
	fh = open_it(&f, "d/small", O_RDWR);
	f.g->hold = WIRE_SETLK;
	ids[0] = send_lock(&f, node, fh, FUSE_SETLK, F_WRLCK);
	ids[1] = send_lock(&f, node, fh, FUSE_SETLKW, F_UNLCK);
	wait_seen(&f, WIRE_SETLK, 2);
	for (int i = 0; i < 2; i++)
		kernel_send_interrupt(f.k, ids[i]);
	files_settle(&f);
	for (int i = 0; i < 2; i++)
		assert_false(kernel_answered(f.k, ids[i]));
	fake_guest_answer_all(f.g);
	for (int i = 0; i < 2; i++)
		assert_int_equal(
			kernel_wait(f.k, ids[i], NULL, NULL, KERNEL_MS), 0);
	assert_int_equal(f.g->n_seen[WIRE_CANCEL], 0);
	f.g->hold = 0;
	kernel_release(f.k, node, fh, O_RDWR);
	files_end_world(&f);
}

/* Others may have written until now, whatever is remembered of before. */
static void lock_has_the_kernel_read_anew(void **state)
{
	struct files_world f;
	uint64_t node;
	uint64_t fh;
	uint64_t id;

	(void)state;
	files_begin_small(&f);
	node = look(&f, "d/small");
	fh = open_it(&f, "d/small", O_RDWR);
	f.hold_first = true;
	id = send_lock(&f, node, fh, FUSE_SETLK, F_WRLCK);
	wait_seen(&f, WIRE_SETLK, 1);
	files_settle(&f);
	assert_int_equal(f.n_firsts, 1);
	assert_false(kernel_answered(f.k, id));
	/* It is as good as answered. */
	kernel_send_interrupt(f.k, id);
	files_settle(&f);
	f.told(f.told_arg, 0);
	assert_int_equal(kernel_wait(f.k, id, NULL, NULL, KERNEL_MS), 0);
	reads(&f, node, fh, 0, "content");
	assert_int_equal(f.g->n_seen[WIRE_READ], 1);
	f.hold_first = false;
	id = send_lock(&f, node, fh, FUSE_SETLK, F_UNLCK);
	assert_int_equal(kernel_wait(f.k, id, NULL, NULL, KERNEL_MS), 0);
	assert_int_equal(f.n_firsts, 1);
	id = send_lock(&f, node, fh, FUSE_SETLKW, F_RDLCK);
	assert_int_equal(kernel_wait(f.k, id, NULL, NULL, KERNEL_MS), 0);
	assert_int_equal(f.n_firsts, 2);
	f.g->err[WIRE_SETLK] = EAGAIN;
	id = send_lock(&f, node, fh, FUSE_SETLK, F_WRLCK);
	assert_int_equal(kernel_wait(f.k, id, NULL, NULL, KERNEL_MS), -EAGAIN);
	assert_int_equal(f.n_firsts, 2);
	kernel_release(f.k, node, fh, O_RDWR);
	files_end_world(&f);
}

static void lock_tells_who_has_it(void **state)
{
	struct files_world f;
	const struct fuse_lk_out *out;
	const void *data;
	size_t len;
	uint64_t node;
	uint64_t fh;
	uint64_t id;

	(void)state;
	files_begin_small(&f);
	node = look(&f, "d/small");
	fh = open_it(&f, "d/small", O_RDWR);
	id = send_lock(&f, node, fh, FUSE_GETLK, F_WRLCK);
	assert_int_equal(kernel_wait(f.k, id, &data, &len, KERNEL_MS), 0);
	out = data;
	assert_int_equal(out->lk.type, F_UNLCK);
	f.g->lock.type = 1;
	f.g->lock.start = 5;
	f.g->lock.end = 8;
	f.g->lock.pid = 42;
	id = send_lock(&f, node, fh, FUSE_GETLK, F_RDLCK);
	assert_int_equal(kernel_wait(f.k, id, &data, &len, KERNEL_MS), 0);
	out = data;
	assert_int_equal(out->lk.type, F_WRLCK);
	assert_int_equal(out->lk.start, 5);
	assert_int_equal(out->lk.end, 8);
	assert_int_equal(out->lk.pid, 42);
	f.g->lock.end = INT64_MAX;
	id = send_lock(&f, node, fh, FUSE_GETLK, F_RDLCK);
	assert_int_equal(kernel_wait(f.k, id, &data, &len, KERNEL_MS), 0);
	out = data;
	assert_int_equal(out->lk.end, INT64_MAX);
	f.g->lock.type = 3;
	id = send_lock(&f, node, fh, FUSE_GETLK, F_RDLCK);
	assert_int_equal(kernel_wait(f.k, id, NULL, NULL, KERNEL_MS), -EIO);
	/* Asking takes none. */
	assert_int_equal(f.n_firsts, 0);
	kernel_release(f.k, node, fh, O_RDWR);
	files_end_world(&f);
}

static void lock_is_of_whole_files(void **state)
{
	struct files_world f;
	struct fuse_lk_in in = { .owner = 5, .lk_flags = FUSE_LK_FLOCK };
	static const struct {
		uint32_t type;
		unsigned n_firsts;
	} rows[] = { { F_RDLCK, 1 }, { F_WRLCK, 2 }, { F_UNLCK, 2 } };
	uint64_t node;
	uint64_t id;

	(void)state;
	files_begin_small(&f);
	node = look(&f, "d/small");
	in.fh = open_it(&f, "d/small", O_RDWR);
	for (unsigned i = 0; i < 3; i++) {
		in.lk.type = rows[i].type;
		id = kernel_send(f.k, FUSE_SETLKW, node, &in, sizeof(in));
		assert_int_equal(kernel_wait(f.k, id, NULL, NULL, KERNEL_MS),
		                 0);
		assert_int_equal(f.g->n_seen[WIRE_FLOCK], i + 1);
		assert_int_equal(f.n_firsts, rows[i].n_firsts);
	}
	kernel_release(f.k, node, in.fh, O_RDWR);
	files_end_world(&f);
}

static void lock_is_not_taken_for_who_was_interrupted_before(void **state)
{
	struct files_world f;
	struct fuse_open_out open;
	uint64_t node;
	uint64_t id;

	(void)state;
	files_begin_small(&f);
	list_dir(&f, "d");
	node = look(&f, "d/small");
	f.g->hold = WIRE_OPEN;
	assert_int_equal(kernel_open(f.k, node, O_RDONLY, &open), 0);
	id = send_lock(&f, node, open.fh, FUSE_SETLKW, F_RDLCK);
	files_settle(&f);
	kernel_send_interrupt(f.k, id);
	hands_turn(f.w.hands, 1000);
	assert_int_equal(kernel_wait(f.k, id, NULL, NULL, KERNEL_MS), -EINTR);
	f.g->hold = 0;
	fake_guest_answer_all(f.g);
	files_settle(&f);
	assert_int_equal(f.g->n_seen[WIRE_SETLK], 0);
	kernel_release(f.k, node, open.fh, O_RDONLY);
	files_end_world(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lock_that_is_interrupted_is_given_up),
		cmocka_unit_test(lock_that_waits_for_nobody_goes_on),
		cmocka_unit_test(lock_has_the_kernel_read_anew),
		cmocka_unit_test(lock_tells_who_has_it),
		cmocka_unit_test(lock_is_of_whole_files),
		cmocka_unit_test(
			lock_is_not_taken_for_who_was_interrupted_before),
	};

	signal(SIGPIPE, SIG_IGN); /* as in the daemon */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
