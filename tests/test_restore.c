/*
 * What lifecycle_restore promises: the four steps in their order, and for each
 * of them what a failure leaves: the machine as it was, or a sentence that
 * tells what is where. Nothing is ever lost. The engine is a puppet.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/acts.h"

static void restore(struct acts *f, struct asker *a)
{
	lifecycle_restore(member(f, "off"), snapshot(f, "off", "before"),
	                  on_done, a);
}

/* Answer the steps, each once it has been asked; the one called `failing`
 * fails with err. */
static void answer_steps(struct acts *f, int failing, int err)
{
	static const enum engine_op steps[] = {
		ENGINE_CLONE,  ENGINE_INFO,   ENGINE_RENAME,
		ENGINE_RENAME, ENGINE_DELETE,
	};

	for (int i = 0; i <= failing && i < 5; i++)
		puppet_answer(f->engine, steps[i], i == failing ? err : 0);
}

enum { STEP_CLONE, STEP_INFO, STEP_AWAY, STEP_PLACE, STEP_DELETE, NO_STEP };

/* The machine is what it was, and nothing else is there. */
static void assert_as_before(struct acts *f)
{
	look(f);
	assert_string_equal(id_of(f, "off"), "2");
	assert_string_equal(member(f, "off")->machine->id, "2");
	assert_int_equal(f->engine->n, 3);
	assert_int_equal(snapshot_count(member(f, "off")), 1);
	assert_int_equal(member_state(member(f, "off")), MACHINE_STOPPED);
}

static void restore_makes_the_machine_a_copy_of_the_snapshot(void **state)
{
	struct acts f;
	struct asker a = { 0 };
	struct member *m;

	(void)state;
	begin(&f);
	m = member(&f, "off");
	restore(&f, &a);
	answer_steps(&f, NO_STEP, 0);
	assert_heard(&a, 1, 0);
	/* The same member, another machine. */
	assert_ptr_equal(a.m, m);
	assert_ptr_equal(member(&f, "off"), m);
	assert_string_equal(m->machine->id, "made1");
	assert_string_equal(m->machine->name, "off");
	assert_string_equal(id_of(&f, "off"), "made1");
	assert_string_equal(member_error(m), "");
	assert_int_equal(member_state(m), MACHINE_STOPPED);
	/* The old one is gone, the snapshot is not. */
	assert_int_equal(f.engine->n, 3);
	assert_string_equal(id_of(&f, "off--snap--before"), "3");
	look(&f);
	assert_ptr_equal(member(&f, "off"), m);
	assert_int_equal(fleet_count(f.fleet), 2);
	assert_int_equal(snapshot_count(m), 1);
	end(&f);
}

static void restore_deletes_by_the_old_id_and_renames_by_the_right_ones(
	void **state)
{
	struct acts f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	restore(&f, &a);
	assert_string_equal(f.engine->last.id, "3");
	answer_steps(&f, STEP_CLONE, 0);
	answer_steps(&f, -1, 0);
	puppet_answer(f.engine, ENGINE_INFO, 0);
	assert_string_equal(f.engine->last.name, "off");
	assert_string_equal(f.engine->last.new_name, "off--snap--replaced");
	assert_string_equal(f.engine->last.id, "2");
	puppet_answer(f.engine, ENGINE_RENAME, 0);
	assert_string_equal(f.engine->last.name, "off--snap--restoring");
	assert_string_equal(f.engine->last.new_name, "off");
	assert_string_equal(f.engine->last.id, "made1");
	puppet_answer(f.engine, ENGINE_RENAME, 0);
	assert_string_equal(f.engine->last.name, "off--snap--replaced");
	assert_string_equal(f.engine->last.id, "2");
	puppet_answer(f.engine, ENGINE_DELETE, 0);
	assert_heard(&a, 1, 0);
	end(&f);
}

static void restore_stops_a_copy_that_the_engine_leaves_running(void **state)
{
	struct acts f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	f.engine->clones_run = true;
	restore(&f, &a);
	answer_steps(&f, STEP_INFO, 0);
	assert_string_equal(f.engine->last.name, "off--snap--restoring");
	puppet_answer(f.engine, ENGINE_STOP, 0);
	puppet_answer(f.engine, ENGINE_RENAME, 0);
	puppet_answer(f.engine, ENGINE_RENAME, 0);
	puppet_answer(f.engine, ENGINE_DELETE, 0);
	assert_heard(&a, 1, 0);
	look(&f);
	assert_int_equal(member_state(member(&f, "off")), MACHINE_STOPPED);
	end(&f);
}

static void restore_whose_copy_cannot_be_stopped_is_undone(void **state)
{
	struct acts f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	f.engine->clones_run = true;
	restore(&f, &a);
	answer_steps(&f, STEP_INFO, 0);
	puppet_answer(f.engine, ENGINE_STOP, -EIO);
	puppet_answer(f.engine, ENGINE_DELETE, 0);
	assert_heard(&a, 1, -EIO);
	assert_as_before(&f);
	end(&f);
}

static void restore_that_cannot_clone_changes_nothing(void **state)
{
	struct acts f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	restore(&f, &a);
	answer_steps(&f, STEP_CLONE, -ENOSPC);
	assert_heard(&a, 1, -ENOSPC);
	assert_says(member_error(a.m), "restore: clone:");
	assert_says(fleet_error(f.fleet), "off: restore: clone:");
	assert_as_before(&f);
	end(&f);
}

static void restore_that_cannot_look_at_the_copy_leaves_and_names_it(
	void **state)
{
	struct acts f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	restore(&f, &a);
	answer_steps(&f, STEP_INFO, -EPROTO);
	assert_heard(&a, 1, -EPROTO);
	assert_int_equal(puppet_n(f.engine, ENGINE_DELETE), 0);
	assert_says(member_error(a.m), "snapshots/restoring");
	look(&f);
	snapshot(&f, "off", "restoring");
	assert_string_equal(id_of(&f, "off"), "2");
	end(&f);
}

static void restore_that_cannot_move_the_machine_deletes_the_copy(void **state)
{
	struct acts f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	restore(&f, &a);
	answer_steps(&f, STEP_AWAY, -EIO);
	assert_string_equal(f.engine->last.name, "off--snap--restoring");
	assert_string_equal(f.engine->last.id, "made1");
	puppet_answer(f.engine, ENGINE_DELETE, 0);
	assert_heard(&a, 1, -EIO);
	assert_says(member_error(a.m), "restore: rename:");
	assert_as_before(&f);
	end(&f);
}

static void restore_that_cannot_place_the_copy_moves_the_machine_back(
	void **state)
{
	struct acts f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	restore(&f, &a);
	answer_steps(&f, STEP_PLACE, -EIO);
	assert_string_equal(f.engine->last.name, "off--snap--replaced");
	assert_string_equal(f.engine->last.new_name, "off");
	assert_string_equal(f.engine->last.id, "2");
	puppet_answer(f.engine, ENGINE_RENAME, 0);
	puppet_answer(f.engine, ENGINE_DELETE, 0);
	assert_heard(&a, 1, -EIO);
	assert_as_before(&f);
	end(&f);
}

static void restore_that_cannot_go_back_tells_what_is_where(void **state)
{
	struct acts f;
	struct asker a = { 0 };
	struct member *m;

	(void)state;
	begin(&f);
	m = member(&f, "off");
	restore(&f, &a);
	answer_steps(&f, STEP_PLACE, -EIO);
	puppet_answer(f.engine, ENGINE_RENAME, -EBUSY);
	assert_heard(&a, 1, -EIO);
	assert_says(member_error(m), "called off--snap--replaced now");
	assert_says(member_error(m), "off--snap--restoring");
	assert_int_equal(f.engine->n, 4);
	/* All of it is in the root, since there is no "off". */
	look(&f);
	assert_ptr_equal(member(&f, "off--snap--replaced"), m);
	member(&f, "off--snap--restoring");
	member(&f, "off--snap--before");
	assert_says(member_error(m), "called off--snap--replaced now");
	end(&f);
}

static void restore_that_cannot_delete_the_copy_says_that_too(void **state)
{
	struct acts f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	restore(&f, &a);
	answer_steps(&f, STEP_AWAY, -EIO);
	puppet_answer(f.engine, ENGINE_DELETE, -EBUSY);
	assert_heard(&a, 1, -EIO);
	assert_says(member_error(a.m), "still there, as snapshots/restoring");
	look(&f);
	snapshot(&f, "off", "restoring");
	assert_string_equal(id_of(&f, "off"), "2");
	end(&f);
}

static void restore_that_cannot_delete_what_was_keeps_it_as_a_snapshot(
	void **state)
{
	struct acts f;
	struct asker a = { 0 };
	struct member *m;

	(void)state;
	begin(&f);
	m = member(&f, "off");
	restore(&f, &a);
	answer_steps(&f, STEP_DELETE, -EBUSY);
	assert_heard(&a, 1, -EBUSY);
	assert_says(member_error(m), "snapshots/replaced");
	assert_string_equal(m->machine->id, "made1");
	look(&f);
	assert_ptr_equal(member(&f, "off"), m);
	assert_string_equal(snapshot(&f, "off", "replaced")->machine->id, "2");
	/* And that has to be looked after before the next try. */
	restore(&f, &a);
	assert_heard(&a, 2, -EBUSY);
	assert_says(member_error(m), "snapshots/replaced is left");
	end(&f);
}

static void restore_is_not_disturbed_by_lists_between_its_steps(void **state)
{
	static const enum engine_op steps[] = {
		ENGINE_CLONE,  ENGINE_INFO,   ENGINE_RENAME,
		ENGINE_RENAME, ENGINE_DELETE,
	};
	struct acts f;
	struct asker a = { 0 };
	struct member *m;

	(void)state;
	begin(&f);
	m = member(&f, "off");
	restore(&f, &a);
	for (int i = 0; i < 5; i++) {
		look(&f);
		assert_ptr_equal(member(&f, "off"), m);
		assert_int_equal(fleet_count(f.fleet), 2);
		assert_int_equal(snapshot_count(m), 2);
		puppet_answer(f.engine, steps[i], 0);
	}
	assert_heard(&a, 1, 0);
	look(&f);
	assert_ptr_equal(member(&f, "off"), m);
	assert_string_equal(m->machine->id, "made1");
	assert_int_equal(snapshot_count(m), 1);
	assert_int_equal(fleet_count(f.fleet), 2);
	end(&f);
}

/* A list asked for while both names were there comes when it is over. */
static void restore_does_not_come_back_with_an_old_list(void **state)
{
	struct acts f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	restore(&f, &a);
	answer_steps(&f, STEP_AWAY, 0);
	fleet_spoil(f.fleet);
	fleet_get(f.fleet, on_list, NULL);
	puppet_answer(f.engine, ENGINE_RENAME, 0);
	puppet_answer(f.engine, ENGINE_DELETE, 0);
	assert_heard(&a, 1, 0);
	puppet_answer(f.engine, ENGINE_LIST, 0);
	assert_string_equal(member(&f, "off")->machine->id, "made1");
	assert_int_equal(fleet_count(f.fleet), 2);
	assert_int_equal(snapshot_count(member(&f, "off")), 1);
	look(&f);
	assert_int_equal(fleet_count(f.fleet), 2);
	end(&f);
}

static void restore_refuses_what_runs_or_is_busy(void **state)
{
	struct acts f;
	struct asker a = { 0 }, b = { 0 };
	struct member *m;

	(void)state;
	begin(&f);
	m = member(&f, "off");
	lifecycle_turn(m, ENGINE_START, on_done, &b);
	restore(&f, &a);
	assert_heard(&a, 1, -EBUSY);
	assert_says(member_error(m), "off is starting");
	puppet_answer(f.engine, ENGINE_START, 0);
	restore(&f, &a);
	assert_heard(&a, 2, -EBUSY);
	assert_says(member_error(m), "echo stop > state");
	assert_int_equal(puppet_asked(f.engine, ENGINE_CLONE), 0);
	/* Of another machine's. */
	lifecycle_restore(member(&f, "up"), snapshot(&f, "off", "before"),
	                  on_done, &a);
	assert_heard(&a, 3, -ENOENT);
	end(&f);
}

static void restore_refuses_a_name_that_leaves_no_room(void **state)
{
	static const char longest[] =
		"a23456789012345678901234567890123456789012345678901";
	char name[80];
	struct acts f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	puppet_add(f.engine, longest, "l", MACHINE_STOPPED);
	snprintf(name, sizeof(name), "%s--snap--b", longest);
	puppet_add(f.engine, name, "m", MACHINE_STOPPED);
	look(&f);
	lifecycle_restore(member(&f, longest), snapshot(&f, longest, "b"),
	                  on_done, &a);
	assert_heard(&a, 1, -ENAMETOOLONG);
	assert_says(member_error(a.m), "too long");
	end(&f);
}

static void restore_keeps_the_machine_and_the_snapshot_from_being_touched(
	void **state)
{
	struct acts f;
	struct asker a = { 0 }, b = { 0 };

	(void)state;
	begin(&f);
	restore(&f, &a);
	lifecycle_delete(member(&f, "off"), on_done, &b);
	assert_heard(&b, 1, -EBUSY);
	lifecycle_delete(snapshot(&f, "off", "before"), on_done, &b);
	assert_heard(&b, 2, -EBUSY);
	lifecycle_delete(snapshot(&f, "off", "restoring"), on_done, &b);
	assert_heard(&b, 3, -EBUSY);
	lifecycle_rename(member(&f, "off"), "else", on_done, &b);
	assert_heard(&b, 4, -EBUSY);
	/* What is asked of it meanwhile comes after. */
	lifecycle_turn(member(&f, "off"), ENGINE_START, on_done, &b);
	answer_steps(&f, NO_STEP, 0);
	assert_heard(&a, 1, 0);
	assert_string_equal(f.engine->last.id, "made1");
	puppet_answer(f.engine, ENGINE_START, 0);
	assert_heard(&b, 5, 0);
	end(&f);
}

static void restore_again(struct asker *a, struct member *m)
{
	lifecycle_restore(m, snapshot_find(m, "before"), on_done, a);
}

static void restore_may_be_asked_for_from_its_own_answer(void **state)
{
	struct acts f;
	struct asker a = { .then = restore_again };

	(void)state;
	begin(&f);
	restore(&f, &a);
	answer_steps(&f, NO_STEP, 0);
	assert_heard(&a, 1, 0);
	answer_steps(&f, NO_STEP, 0);
	assert_heard(&a, 2, 0);
	assert_string_equal(id_of(&f, "off"), "made2");
	end(&f);
}

static void restore_ends_with_the_fleet_at_each_step(void **state)
{
	(void)state;
	for (int step = 0; step <= STEP_DELETE; step++) {
		struct acts f;
		struct asker a = { 0 };

		begin(&f);
		restore(&f, &a);
		answer_steps(&f, step - 1, 0);
		end(&f);
		assert_int_equal(a.n, 1);
		assert_true(a.err == -ECANCELED);
	}
}

static void restore_is_answered_whichever_allocation_fails(void **state)
{
	unsigned n = 0;

	(void)state;
	while (fail_alloc_next(&n)) {
		struct acts f;
		struct asker a = { 0 };

		fail_alloc_off();
		begin(&f);
		puppet_at_once(f.engine, true);
		fail_alloc_at(n);
		restore(&f, &a);
		fail_alloc_off();
		assert_int_equal(a.n, 1);
		/* There is an "off", and nothing of the way to it. */
		look(&f);
		member(&f, "off");
		assert_int_equal(f.engine->n, 3);
		assert_int_equal(fleet_count(f.fleet), 2);
		end(&f);
	}
	assert_true(n > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			restore_makes_the_machine_a_copy_of_the_snapshot),
		cmocka_unit_test(
			restore_deletes_by_the_old_id_and_renames_by_the_right_ones),
		cmocka_unit_test(
			restore_stops_a_copy_that_the_engine_leaves_running),
		cmocka_unit_test(
			restore_whose_copy_cannot_be_stopped_is_undone),
		cmocka_unit_test(restore_that_cannot_clone_changes_nothing),
		cmocka_unit_test(
			restore_that_cannot_look_at_the_copy_leaves_and_names_it),
		cmocka_unit_test(
			restore_that_cannot_move_the_machine_deletes_the_copy),
		cmocka_unit_test(
			restore_that_cannot_place_the_copy_moves_the_machine_back),
		cmocka_unit_test(
			restore_that_cannot_go_back_tells_what_is_where),
		cmocka_unit_test(
			restore_that_cannot_delete_the_copy_says_that_too),
		cmocka_unit_test(
			restore_that_cannot_delete_what_was_keeps_it_as_a_snapshot),
		cmocka_unit_test(
			restore_is_not_disturbed_by_lists_between_its_steps),
		cmocka_unit_test(restore_does_not_come_back_with_an_old_list),
		cmocka_unit_test(restore_refuses_what_runs_or_is_busy),
		cmocka_unit_test(restore_refuses_a_name_that_leaves_no_room),
		cmocka_unit_test(
			restore_keeps_the_machine_and_the_snapshot_from_being_touched),
		cmocka_unit_test(restore_may_be_asked_for_from_its_own_answer),
		cmocka_unit_test(restore_ends_with_the_fleet_at_each_step),
		cmocka_unit_test(
			restore_is_answered_whichever_allocation_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
