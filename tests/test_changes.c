/*
 * What changes.h promises: what the guest watches is kept for long, and is
 * forgotten, here and by the kernel, when it tells of a change.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/files_world.h"

static void changes_let_attributes_be_kept_until_they_come(void **state)
{
	struct files_world f;
	struct fuse_entry_out e;
	struct fuse_attr attr;
	unsigned n;

	(void)state;
	files_begin_stocked(&f);
	assert_int_equal(look_at(&f, "home/me", &e), 0);
	assert_true(e.attr_valid <= 1);
	list_dir(&f, "etc");
	assert_int_equal(look_at(&f, "etc/hosts", &e), 0);
	assert_true(e.attr_valid >= 50 && e.entry_valid >= 50);
	n = f.g->n_seen[WIRE_GETATTR];
	hands_turn(f.w.hands, 50000);
	assert_int_equal(kernel_getattr(f.k, e.nodeid, &attr), 0);
	assert_int_equal(f.g->n_seen[WIRE_GETATTR], n);
	fake_guest_write(f.g, "etc/hosts", "longer than it was before\n");
	f.n_inodes = 0;
	loop_run_for(f.w.loop, 20);
	assert_true(f.n_inodes > 0);
	assert_int_equal(kernel_getattr(f.k, e.nodeid, &attr), 0);
	assert_int_equal(attr.size, 26);
	files_end_world(&f);
}

static void changes_while_a_directory_is_listed_count(void **state)
{
	struct files_world f;
	struct fuse_entry_out e;
	uint64_t dir;
	uint64_t id;

	(void)state;
	files_begin_stocked(&f);
	list_dir(&f, "etc");
	dir = look(&f, "etc");
	fake_guest_write(f.g, "etc/new", "a");
	loop_run_for(f.w.loop, 20);
	/* The listing is asked for; then, before it has come, a change. */
	f.g->hold = WIRE_LIST;
	id = kernel_send_readdirplus(f.k, dir, 0, 0, 4096);
	wait_seen(&f, WIRE_LIST, f.g->n_seen[WIRE_LIST] + 1);
	f.g->hold = 0;
	fake_guest_changed(f.g, f.g->nodes[fake_guest_find(f.g, "etc")].watch,
	                   WIRE_CHANGED_FILE, "hosts");
	fake_guest_answer_all(f.g);
	assert_int_equal(kernel_wait(f.k, id, NULL, NULL, KERNEL_MS), 0);
	assert_int_equal(look_at(&f, "etc/hosts", &e), 0);
	files_end_world(&f);
}

static void changes_of_what_nobody_knows_do_no_harm(void **state)
{
	struct files_world f;
	uint64_t watch;

	(void)state;
	files_begin_stocked(&f);
	list_dir(&f, "etc");
	look(&f, "etc/hosts");
	watch = f.g->nodes[fake_guest_find(f.g, "etc")].watch;
	for (uint32_t change = 0; change < 32; change++) {
		fake_guest_changed(f.g, watch, change, "hosts");
		fake_guest_changed(f.g, watch, change, "");
		fake_guest_changed(f.g, watch, change, "nobody");
		fake_guest_changed(f.g, watch + 77, change, "hosts");
		list_dir(&f, "etc");
		watch = f.g->nodes[fake_guest_find(f.g, "etc")].watch;
	}
	fake_guest_say(f.g, &(struct wire_header){ .op = WIRE_LOST }, NULL);
	f.g->fault = FAKE_BAD_EVENT;
	f.g->fault_once = true;
	look(&f, "etc/fstab");
	files_end_world(&f);
}

/* The last name that is known in a directory goes by an event. */
static void changes_may_end_the_directory_they_are_in(void **state)
{
	struct files_world f;
	struct fuse_entry_out e;
	uint64_t dir;
	uint64_t file;

	(void)state;
	files_begin_stocked(&f);
	fake_guest_file(f.g, "a/one", "x");
	fake_guest_dir(f.g, "b");
	fake_guest_hard_link(f.g, "b/two", "a/one");
	file = look(&f, "a/one");
	list_dir(&f, "b");
	assert_int_equal(look_at(&f, "b/two", &e), 0);
	assert_int_equal(e.nodeid, file);
	dir = look(&f, "b");
	kernel_send_forget(f.k, dir, 1000);
	world_settle(&f.w);
	fake_guest_remove(f.g, "b/two");
	loop_run_for(f.w.loop, 20);
	look(&f, "a/one");
	files_end_world(&f);
}

/* Who is in a directory stays in it, wherever somebody else moves it. */
static void changes_of_a_name_take_along_what_is_below(void **state)
{
	struct files_world f;
	struct fuse_entry_out e;
	struct fuse_attr attr;
	uint64_t dir;
	uint64_t file;

	(void)state;
	files_begin_stocked(&f);
	fake_guest_dir(f.g, "a");
	fake_guest_dir(f.g, "b");
	fake_guest_file(f.g, "a/dir/file", "text");
	list_dir(&f, "a");
	list_dir(&f, "b");
	dir = look(&f, "a/dir");
	file = look(&f, "a/dir/file");
	fake_guest_move(f.g, "a/dir", "b/other");
	loop_run_for(f.w.loop, 20);
	hands_turn(f.w.hands, 2000);
	assert_int_equal(kernel_getattr(f.k, dir, &attr), 0);
	assert_int_equal(kernel_getattr(f.k, file, &attr), 0);
	assert_int_equal(attr.size, 4);
	assert_int_equal(look_at(&f, "a/dir", &e), -ENOENT);
	assert_int_equal(look(&f, "b/other"), dir);
	assert_int_equal(look(&f, "b/other/file"), file);
	/* In the place of another, and a thing nobody has looked at. */
	fake_guest_write(f.g, "b/there", "there");
	fake_guest_write(f.g, "a/new", "newer");
	loop_run_for(f.w.loop, 20);
	file = look(&f, "b/there");
	fake_guest_move(f.g, "a/new", "b/there");
	loop_run_for(f.w.loop, 20);
	assert_int_equal(kernel_getattr(f.k, file, &attr), 0);
	assert_int_equal(attr.nlink, 0);
	assert_int_not_equal(look(&f, "b/there"), file);
	files_end_world(&f);
}

/* The question reaches the guest when the name is another file's already. */
static void changes_of_a_name_turn_a_question_to_its_new_place(void **state)
{
	static const enum wire_op ops[] = { WIRE_GETATTR, WIRE_OPEN };
	struct files_world f;
	uint64_t file;
	uint64_t id;

	(void)state;
	for (int i = 0; i < 2; i++) {
		files_begin_stocked(&f);
		fake_guest_dir(f.g, "b");
		fake_guest_file(f.g, "a/dir/file", "text");
		list_dir(&f, "a");
		list_dir(&f, "b");
		list_dir(&f, "a/dir");
		file = look(&f, "a/dir/file");
		fake_guest_write(f.g, "a/dir/file", "other text");
		loop_run_for(f.w.loop, 20);
		f.g->hold = (int)ops[i];
		id = ops[i] == WIRE_OPEN ? kernel_send_open(f.k, file, O_RDONLY)
		                         : kernel_send_getattr(f.k, file);
		wait_seen(&f, ops[i], f.g->n_seen[ops[i]] + 1);
		f.g->hold = 0;
		fake_guest_move(f.g, "a/dir", "b/other");
		fake_guest_file(f.g, "a/dir/file", "another");
		fake_guest_answer_all(f.g);
		assert_int_equal(kernel_wait(f.k, id, NULL, NULL, KERNEL_MS),
		                 0);
		assert_int_equal(look(&f, "b/other/file"), file);
		files_end_world(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			changes_let_attributes_be_kept_until_they_come),
		cmocka_unit_test(changes_while_a_directory_is_listed_count),
		cmocka_unit_test(changes_of_what_nobody_knows_do_no_harm),
		cmocka_unit_test(changes_may_end_the_directory_they_are_in),
		cmocka_unit_test(changes_of_a_name_take_along_what_is_below),
		cmocka_unit_test(
			changes_of_a_name_turn_a_question_to_its_new_place),
	};

	signal(SIGPIPE, SIG_IGN); /* as in the daemon */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
