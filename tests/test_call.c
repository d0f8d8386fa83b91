/*
 * What call.h promises: a guest that is down, dies, is silent or talks nonsense
 * ends every request, and a file is found though its name is another by now.
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

static void call_to_a_stopped_machine_fails(void **state)
{
	struct files_world f;
	struct fuse_entry_out e;

	(void)state;
	files_begin_stocked(&f);
	assert_int_equal(kernel_walk(f.k, "off/files", &e), 0);
	assert_int_equal(kernel_walk(f.k, "off/files/etc", &e), -EHOSTDOWN);
	assert_int_equal(puppet_asked(f.engine, ENGINE_AGENT), 0);
	assert_int_equal(puppet_asked(f.engine, ENGINE_START), 0);
	files_end_world(&f);
}

static void calls_to_an_agent_that_dies_fail_at_once(void **state)
{
	struct files_world f;
	uint64_t dir;
	uint64_t ids[3];
	struct fuse_attr attr;

	(void)state;
	files_begin_stocked(&f);
	dir = look(&f, "etc");
	f.g->hold = -1;
	ids[0] = kernel_send_lookup(f.k, dir, "hosts");
	ids[1] = kernel_send_mkdir(f.k, dir, "d", 0755);
	ids[2] = kernel_send_readdir(f.k, dir, 0, 0, 4096);
	wait_seen(&f, WIRE_MKDIR, 1);
	world_settle(&f.w);
	fake_guest_die(f.g);
	for (int i = 0; i < 3; i++)
		assert_int_equal(
			kernel_wait(f.k, ids[i], NULL, NULL, KERNEL_MS), -EIO);
	f.g->hold = 0;
	assert_int_equal(kernel_getattr(f.k, dir, &attr), 0);
	files_end_world(&f);
}

static void call_to_an_agent_that_is_silent_times_out(void **state)
{
	struct files_world f;
	uint64_t dir;
	uint64_t id;

	(void)state;
	files_begin_stocked(&f);
	dir = look(&f, "etc");
	f.g->fault = FAKE_HANG;
	id = kernel_send_lookup(f.k, dir, "hosts");
	wait_seen(&f, WIRE_STAT, f.g->n_seen[WIRE_STAT] + 1);
	hands_turn(f.w.hands, 30000);
	assert_int_equal(kernel_wait(f.k, id, NULL, NULL, KERNEL_MS),
	                 -ETIMEDOUT);
	f.g->fault = FAKE_NONE;
	look(&f, "etc/hosts");
	files_end_world(&f);
}

static void calls_go_on_after_whatever_the_guest_says(void **state)
{
	(void)state;
	for (int fault = FAKE_DUPLICATE; fault < FAKE_HANG; fault++) {
		struct files_world f;
		struct fuse_entry_out e;
		int err;

		if (fault == FAKE_MORE)
			continue; /* see above: silence */
		files_begin_stocked(&f);
		look(&f, "etc");
		f.g->fault = (enum fake_fault)fault;
		f.g->fault_once = true;
		err = look_at(&f, "etc/fstab", &e);
		if (err != 0 && err != -EIO)
			fail_msg("fault %d: %s", fault, strerror(-err));
		f.g->fault = FAKE_NONE;
		look(&f, "etc/hosts");
		files_end_world(&f);
	}
}

static void call_is_interrupted_when_it_takes_long(void **state)
{
	struct files_world f;
	uint64_t dir;
	uint64_t id;

	(void)state;
	files_begin_stocked(&f);
	dir = look(&f, "etc");
	f.g->hold = -1;
	id = kernel_send_mkdir(f.k, dir, "d", 0755);
	wait_seen(&f, WIRE_MKDIR, 1);
	kernel_send_interrupt(f.k, id);
	loop_run_for(f.w.loop, 20);
	assert_false(kernel_answered(f.k, id));
	hands_turn(f.w.hands, 1000);
	assert_int_equal(kernel_wait(f.k, id, NULL, NULL, KERNEL_MS), -EINTR);
	f.g->hold = 0;
	fake_guest_answer_all(f.g);
	/* It was made all the same. */
	look(&f, "etc/d");
	files_end_world(&f);
}

enum { N_IN_DIRECTORY = 10 };

/* Something that is asked about a directory, or a file or link in it. */
static uint64_t send_in_directory(struct files_world *f, int i, uint64_t dir)
{
	struct fuse_setattr_in mode = { .valid = FATTR_MODE, .mode = 0600 };
	uint64_t in[2] = { look(f, "var/d/file"), look(f, "var/d/link") };
	struct fuse_open_out open;

	assert_int_equal(kernel_opendir(f->k, dir, &open), 0);
	hands_turn(f->w.hands, 1000);
	f->g->hold = -1;
	switch (i) {
	case 0:
		return kernel_send_create(f->k, dir, "new", 0644, O_RDWR);
	case 1:
		return kernel_send_mkdir(f->k, dir, "made", 0755);
	case 2:
		return kernel_send_unlink(f->k, dir, "file");
	case 3:
		return kernel_send_rename(f->k, dir, "file", dir, "moved", 0);
	case 4:
		return kernel_send_lookup(f->k, dir, "other");
	case 5:
		return kernel_send_getattr(f->k, in[0]);
	case 6:
		return kernel_send_setattr(f->k, in[0], &mode);
	case 7:
		return kernel_send_readlink(f->k, in[1]);
	case 8:
		return kernel_send_open(f->k, in[0], O_RDWR);
	default:
		return kernel_send_readdir(f->k, dir, open.fh, 0, 4096);
	}
}

/* It was asked behind the rename, as the guest sees it. */
static void calls_find_what_is_in_a_directory_that_we_move(void **state)
{
	struct files_world f;
	uint64_t id;
	uint64_t move;
	uint64_t var;

	(void)state;
	for (int i = 0; i < N_IN_DIRECTORY; i++) {
		files_begin_stocked(&f);
		fake_guest_file(f.g, "var/d/file", "text");
		fake_guest_file(f.g, "var/d/other", "text");
		fake_guest_symlink(f.g, "var/d/link", "file");
		f.g->not_watched = true;
		var = look(&f, "var");
		id = send_in_directory(&f, i, look(&f, "var/d"));
		move = kernel_send_rename(f.k, var, "d", var, "e", 0);
		loop_run_for(f.w.loop, 20);
		assert_int_equal(fake_guest_n_waiting(f.g), 2);
		fake_guest_answer(f.g, 1);
		assert_int_equal(kernel_wait_done(f.k, move), 0);
		f.g->hold = 0;
		fake_guest_answer_all(f.g);
		assert_int_equal(kernel_wait(f.k, id, NULL, NULL, KERNEL_MS),
		                 0);
		files_end_world(&f);
	}
}

/* For then it looks the name up anew, and tries once more. */
static void calls_tell_the_kernel_that_a_name_is_another_files(void **state)
{
	struct files_world f;
	struct fuse_setattr_in in = { .valid = FATTR_MODE, .mode = 0600 };
	struct fuse_open_out open;
	struct fuse_attr attr;
	uint64_t node;
	uint64_t link;

	(void)state;
	files_begin_stocked(&f);
	/* The guest answers that it is not there. */
	fake_guest_symlink(f.g, "var/link", "to");
	node = look(&f, "etc/hosts");
	link = look(&f, "var/link");
	fake_guest_remove(f.g, "etc/hosts");
	fake_guest_remove(f.g, "var/link");
	hands_turn(f.w.hands, 1000);
	assert_int_equal(kernel_getattr(f.k, node, &attr), -ESTALE);
	assert_int_equal(kernel_setattr(f.k, node, &in, &attr), -ESTALE);
	assert_int_equal(kernel_open(f.k, node, O_RDONLY, &open), -ESTALE);
	assert_int_equal(set_xattr(&f, node, "user.a", "b", 1, 0), -ESTALE);
	assert_int_equal(kernel_wait_done(f.k, kernel_send_readlink(f.k, link)),
	                 -ESTALE);
	/* It has told so. */
	list_dir(&f, "etc");
	node = look(&f, "etc/fstab");
	fake_guest_remove(f.g, "etc/fstab");
	loop_run_for(f.w.loop, 20);
	assert_int_equal(kernel_setattr(f.k, node, &in, &attr), -ESTALE);
	assert_int_equal(kernel_open(f.k, node, O_RDONLY, &open), -ESTALE);
	files_end_world(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(call_to_a_stopped_machine_fails),
		cmocka_unit_test(calls_to_an_agent_that_dies_fail_at_once),
		cmocka_unit_test(call_to_an_agent_that_is_silent_times_out),
		cmocka_unit_test(calls_go_on_after_whatever_the_guest_says),
		cmocka_unit_test(call_is_interrupted_when_it_takes_long),
		cmocka_unit_test(
			calls_find_what_is_in_a_directory_that_we_move),
		cmocka_unit_test(
			calls_tell_the_kernel_that_a_name_is_another_files),
	};

	signal(SIGPIPE, SIG_IGN); /* as in the daemon */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
