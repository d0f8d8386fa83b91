/*
 * What cache/snapshots.h promises: which names are those of snapshots, who
 * shows them, and that they follow their machine; and what lifecycle.h does to
 * machines that have some. The engine is a puppet.
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

/* A second snapshot of "off". */
static void begin_with_two(struct acts *f)
{
	begin(f);
	puppet_add(f->engine, "off--snap--later", "4", MACHINE_STOPPED);
	look(f);
}

static void names_are_taken_apart_only_in_one_way(void **state)
{
	static const struct {
		const char *name;
		size_t len;
	} names[] = {
		{ "web--snap--before", 3 },
		{ "web-1--snap--a-b", 5 },
		{ "web", 0 },
		{ "--snap--before", 0 },
		{ "web--snap--", 0 },
		{ "web--snap--stop", 0 },
		{ "web--snap--Before", 0 },
		{ "web--snap---x", 0 },
		{ "web--snap--a--snap--b", 0 },
		{ "web--snap--snap--b", 0 },
		{ "web---snap--b", 4 },
		{ "", 0 },
	};
	char name[SNAPSHOT_NAME_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(snapshot_split(names[i].name), names[i].len);
	assert_int_equal(snapshot_join(name, "web", "before"), 0);
	assert_string_equal(name, "web--snap--before");
	/* Put together they would be taken for others. */
	assert_int_equal(snapshot_join(name, "web--snap", "a"), -EINVAL);
	assert_int_equal(snapshot_join(name, "web", "snap--a"), -EINVAL);
	assert_int_equal(snapshot_join(name, "web", "a--snap--b"), -EINVAL);
	assert_int_equal(snapshot_join(name, "Web", "a"), -EINVAL);
}

static void longest_name_has_room_for_63_characters(void **state)
{
	static const char word[] = "abcdefghijklmnopqrstuvwxyz0123456789-abcde"
				   "fghijklmnop";
	char name[SNAPSHOT_NAME_MAX];

	(void)state;
	assert_int_equal(strlen(word), 53);
	assert_int_equal(snapshot_join(name, "ab", word), 0);
	assert_int_equal(strlen(name), 63);
	assert_int_equal(snapshot_join(name, "abc", word), -ENAMETOOLONG);
}

static void snapshots_are_shown_by_their_machine_alone(void **state)
{
	struct acts f;
	struct member *off;
	struct member *s;

	(void)state;
	begin_with_two(&f);
	off = member(&f, "off");
	assert_int_equal(fleet_count(f.fleet), 2);
	assert_null(fleet_find(f.fleet, "off--snap--before"));
	for (struct member *m = NULL;
	     (m = fleet_next(f.fleet, m ? m->cookie : 0));)
		assert_null(m->of);
	assert_int_equal(snapshot_count(off), 2);
	s = snapshot_next(off, 0);
	assert_string_equal(snapshot_word(s), "before");
	s = snapshot_next(off, s->cookie);
	assert_string_equal(snapshot_word(s), "later");
	assert_null(snapshot_next(off, s->cookie));
	assert_null(snapshot_next(member(&f, "up"), 0));
	assert_null(snapshot_find(off, "none"));
	end(&f);
}

static void snapshots_of_nobody_are_machines(void **state)
{
	struct acts f;

	(void)state;
	begin_with_two(&f);
	puppet_remove(f.engine, "off");
	look(&f);
	assert_int_equal(fleet_count(f.fleet), 3);
	assert_null(member(&f, "off--snap--before")->of);
	/* And are its again, when it is back. */
	puppet_add(f.engine, "off", "5", MACHINE_STOPPED);
	look(&f);
	assert_int_equal(fleet_count(f.fleet), 2);
	assert_int_equal(snapshot_count(member(&f, "off")), 2);
	end(&f);
}

static void snapshots_may_be_listed_before_their_machine(void **state)
{
	struct acts f;

	(void)state;
	begin(&f);
	puppet_add(f.engine, "z--snap--a", "6", MACHINE_STOPPED);
	puppet_add(f.engine, "z", "7", MACHINE_STOPPED);
	look(&f);
	snapshot(&f, "z", "a");
	assert_int_equal(fleet_count(f.fleet), 3);
	end(&f);
}

struct heard {
	unsigned n_came;
	unsigned n_gone;
	unsigned n_changed;
};

static void on_came(void *arg, struct member *m)
{
	(void)m;
	((struct heard *)arg)->n_came++;
}

static void on_gone(void *arg, struct member *m, const char *name)
{
	(void)m;
	(void)name;
	((struct heard *)arg)->n_gone++;
}

static void on_changed(void *arg, struct member *m, enum member_text text)
{
	(void)m;
	((struct heard *)arg)->n_changed += text == MEMBER_SNAPSHOTS;
}

static void snapshots_come_and_go_as_changes_of_their_machine(void **state)
{
	struct acts f;
	struct heard h = { 0 };

	(void)state;
	begin(&f);
	fleet_set_events(f.fleet,
	                 &(struct fleet_events){ .came = on_came,
	                                         .gone = on_gone,
	                                         .changed = on_changed },
	                 &h);
	puppet_add(f.engine, "off--snap--later", "4", MACHINE_STOPPED);
	look(&f);
	assert_int_equal(h.n_changed, 1);
	puppet_remove(f.engine, "off--snap--later");
	look(&f);
	assert_int_equal(h.n_changed, 2);
	assert_int_equal(h.n_came + h.n_gone, 0);
	/* Without it they are machines. */
	puppet_remove(f.engine, "off");
	look(&f);
	assert_int_equal(h.n_came, 1);
	assert_int_equal(h.n_gone, 1);
	end(&f);
}

/* ---- what is done to them ------------------------------------------------ */

static void snapshot_is_dropped_by_its_id(void **state)
{
	struct acts f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	lifecycle_delete(snapshot(&f, "off", "before"), on_done, &a);
	assert_null(snapshot_find(member(&f, "off"), "before"));
	assert_string_equal(f.engine->last.id, "3");
	puppet_answer(f.engine, ENGINE_DELETE, 0);
	assert_heard(&a, 1, 0);
	assert_int_equal(fleet_count(f.fleet), 2);
	end(&f);
}

static void snapshot_that_is_not_dropped_is_back_and_its_machine_says_why(
	void **state)
{
	struct acts f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	lifecycle_delete(snapshot(&f, "off", "before"), on_done, &a);
	puppet_answer(f.engine, ENGINE_DELETE, -EIO);
	assert_heard(&a, 1, -EIO);
	snapshot(&f, "off", "before");
	assert_says(member_error(member(&f, "off")), "delete:");
	end(&f);
}

/* A list that was asked for before the deletion comes after it. */
static void what_was_deleted_does_not_come_back_with_an_old_list(void **state)
{
	struct acts f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	lifecycle_delete(snapshot(&f, "off", "before"), on_done, &a);
	fleet_spoil(f.fleet);
	fleet_get(f.fleet, on_list, NULL);
	puppet_answer(f.engine, ENGINE_DELETE, 0);
	puppet_answer(f.engine, ENGINE_LIST, 0);
	assert_int_equal(snapshot_count(member(&f, "off")), 0);
	/* Whoever makes one of that name anew has another id. */
	puppet_add(f.engine, "off--snap--before", "33", MACHINE_STOPPED);
	look(&f);
	assert_int_equal(snapshot_count(member(&f, "off")), 1);
	end(&f);
}

static void machine_with_snapshots_is_not_deleted(void **state)
{
	struct acts f;
	struct asker a = { 0 };

	(void)state;
	begin_with_two(&f);
	lifecycle_delete(member(&f, "off"), on_done, &a);
	assert_heard(&a, 1, -EBUSY);
	assert_string_equal(member_error(member(&f, "off")),
	                    "delete: it has 2 snapshots; first: rmdir "
	                    "off/snapshots/*");
	assert_int_equal(puppet_asked(f.engine, ENGINE_DELETE), 0);
	end(&f);
}

static void snapshots_follow_their_machine_to_its_new_name(void **state)
{
	struct acts f;
	struct asker a = { 0 };
	struct member *m;
	struct member *s;

	(void)state;
	begin_with_two(&f);
	m = member(&f, "off");
	s = snapshot(&f, "off", "before");
	lifecycle_rename(m, "out", on_done, &a);
	/* At once, and whatever lists say meanwhile. */
	assert_ptr_equal(snapshot(&f, "out", "before"), s);
	look(&f);
	assert_int_equal(fleet_count(f.fleet), 2);
	assert_int_equal(snapshot_count(m), 2);
	/* One after another. */
	assert_int_equal(puppet_n(f.engine, ENGINE_RENAME), 1);
	puppet_answer(f.engine, ENGINE_RENAME, 0);
	assert_int_equal(puppet_n(f.engine, ENGINE_RENAME), 1);
	assert_string_equal(f.engine->last.name, "off--snap--before");
	assert_string_equal(f.engine->last.new_name, "out--snap--before");
	assert_string_equal(f.engine->last.id, "3");
	puppet_answer(f.engine, ENGINE_RENAME, 0);
	assert_heard(&a, 0, 0);
	puppet_answer(f.engine, ENGINE_RENAME, 0);
	assert_heard(&a, 1, 0);
	look(&f);
	assert_ptr_equal(member(&f, "out"), m);
	assert_ptr_equal(snapshot(&f, "out", "before"), s);
	assert_int_equal(fleet_count(f.fleet), 2);
	assert_int_equal(snapshot_count(m), 2);
	assert_null(s->acts);
	end(&f);
}

static void snapshots_go_back_with_a_machine_that_is_not_renamed(void **state)
{
	struct acts f;
	struct asker a = { 0 };

	(void)state;
	begin_with_two(&f);
	lifecycle_rename(member(&f, "off"), "out", on_done, &a);
	puppet_answer(f.engine, ENGINE_RENAME, -EIO);
	assert_heard(&a, 1, -EIO);
	assert_int_equal(puppet_asked(f.engine, ENGINE_RENAME), 1);
	assert_int_equal(snapshot_count(member(&f, "off")), 2);
	assert_int_equal(fleet_count(f.fleet), 2);
	assert_null(snapshot(&f, "off", "later")->acts);
	look(&f);
	assert_int_equal(snapshot_count(member(&f, "off")), 2);
	end(&f);
}

static void snapshot_that_cannot_follow_becomes_a_machine(void **state)
{
	struct acts f;
	struct asker a = { 0 };
	struct member *s;

	(void)state;
	begin_with_two(&f);
	s = snapshot(&f, "off", "before");
	lifecycle_rename(member(&f, "off"), "out", on_done, &a);
	puppet_answer(f.engine, ENGINE_RENAME, 0);
	puppet_answer(f.engine, ENGINE_RENAME, -EIO);
	puppet_answer(f.engine, ENGINE_RENAME, 0);
	assert_heard(&a, 1, 0);
	assert_ptr_equal(member(&f, "off--snap--before"), s);
	assert_int_equal(snapshot_count(member(&f, "out")), 1);
	assert_says(member_error(member(&f, "out")),
	            "a machine of its own now, off--snap--before: rename:");
	look(&f);
	assert_ptr_equal(member(&f, "off--snap--before"), s);
	end(&f);
}

static void rename_refuses_when_a_snapshot_has_no_place(void **state)
{
	static const char longest[] =
		"a2345678901234567890123456789012345678901234567890";
	struct acts f;
	struct asker a = { 0 }, b = { 0 };

	(void)state;
	begin(&f);
	lifecycle_rename(member(&f, "off"), longest, on_done, &a);
	assert_heard(&a, 1, -ENAMETOOLONG);
	assert_says(member_error(member(&f, "off")), "snapshot before");
	puppet_add(f.engine, "out--snap--before", "9", MACHINE_STOPPED);
	look(&f);
	lifecycle_rename(member(&f, "off"), "out", on_done, &a);
	assert_heard(&a, 2, -EEXIST);
	lifecycle_rename(member(&f, "off"), "off--snap--x", on_done, &a);
	assert_heard(&a, 3, -EINVAL);
	/* One that is under way. */
	lifecycle_clone(snapshot(&f, "off", "before"), "copy", on_done, &b);
	lifecycle_rename(member(&f, "off"), "else", on_done, &a);
	assert_heard(&a, 4, -EBUSY);
	assert_says(member_error(member(&f, "off")), "being copied");
	assert_int_equal(puppet_asked(f.engine, ENGINE_RENAME), 0);
	assert_int_equal(snapshot_count(member(&f, "off")), 1);
	end(&f);
}

static void snapshot_moves_out_to_be_a_machine(void **state)
{
	struct acts f;
	struct asker a = { 0 };
	struct member *s;

	(void)state;
	begin(&f);
	s = snapshot(&f, "off", "before");
	lifecycle_rename(s, "up", on_done, &a);
	assert_heard(&a, 1, -EEXIST);
	assert_says(member_error(member(&f, "off")), "taken");
	lifecycle_rename(s, "copy", on_done, &a);
	assert_ptr_equal(member(&f, "copy"), s);
	assert_string_equal(f.engine->last.name, "off--snap--before");
	assert_string_equal(f.engine->last.id, "3");
	puppet_answer(f.engine, ENGINE_RENAME, 0);
	assert_heard(&a, 2, 0);
	assert_int_equal(snapshot_count(member(&f, "off")), 0);
	assert_int_equal(fleet_count(f.fleet), 3);
	end(&f);
}

static void machine_moves_in_to_be_a_snapshot(void **state)
{
	struct acts f;
	struct asker a = { 0 };
	struct member *s;

	(void)state;
	begin(&f);
	puppet_add(f.engine, "spare", "8", MACHINE_STOPPED);
	look(&f);
	s = member(&f, "spare");
	lifecycle_file(s, member(&f, "up"), "kept", on_done, &a);
	assert_ptr_equal(snapshot(&f, "up", "kept"), s);
	puppet_answer(f.engine, ENGINE_RENAME, 0);
	assert_heard(&a, 1, 0);
	/* A snapshot changes its word, and its machine, in the same way. */
	lifecycle_file(s, member(&f, "off"), "else", on_done, &a);
	puppet_answer(f.engine, ENGINE_RENAME, 0);
	assert_heard(&a, 2, 0);
	assert_ptr_equal(snapshot(&f, "off", "else"), s);
	end(&f);
}

static void machine_that_runs_or_has_snapshots_does_not_move_in(void **state)
{
	struct acts f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	lifecycle_file(member(&f, "up"), member(&f, "off"), "x", on_done, &a);
	assert_heard(&a, 1, -EBUSY);
	assert_says(member_error(member(&f, "up")), "running");
	lifecycle_file(member(&f, "off"), member(&f, "up"), "x", on_done, &a);
	assert_heard(&a, 2, -EBUSY);
	assert_says(member_error(member(&f, "off")), "has snapshots");
	lifecycle_file(snapshot(&f, "off", "before"), member(&f, "off"),
	               "restoring", on_done, &a);
	assert_heard(&a, 3, -EINVAL);
	assert_int_equal(puppet_asked(f.engine, ENGINE_RENAME), 0);
	end(&f);
}

static void rename_again(struct asker *a, struct member *m)
{
	lifecycle_rename(m, "back", on_done, a);
}

static void rename_may_be_asked_for_from_its_own_answer(void **state)
{
	struct acts f;
	struct asker a = { .then = rename_again };

	(void)state;
	begin(&f);
	lifecycle_rename(member(&f, "off"), "out", on_done, &a);
	for (int i = 0; i < 4; i++)
		puppet_answer(f.engine, ENGINE_RENAME, 0);
	assert_heard(&a, 2, 0);
	look(&f);
	snapshot(&f, "back", "before");
	end(&f);
}

static void rename_ends_with_the_fleet_at_each_step(void **state)
{
	(void)state;
	for (int step = 0; step < 3; step++) {
		struct acts f;
		struct asker a = { 0 };

		begin_with_two(&f);
		lifecycle_rename(member(&f, "off"), "out", on_done, &a);
		for (int i = 0; i < step; i++)
			puppet_answer(f.engine, ENGINE_RENAME, 0);
		end(&f);
		assert_int_equal(a.n, 1);
	}
}

static void rename_is_answered_whichever_allocation_fails(void **state)
{
	unsigned n = 0;

	(void)state;
	while (fail_alloc_next(&n)) {
		struct acts f;
		struct asker a = { 0 };
		const char *now;

		fail_alloc_off();
		begin_with_two(&f);
		puppet_at_once(f.engine, true);
		fail_alloc_at(n);
		lifecycle_rename(member(&f, "off"), "out", on_done, &a);
		fail_alloc_off();
		assert_int_equal(a.n, 1);
		assert_true(a.err == 0 || a.err == -ENOMEM);
		look(&f);
		now = a.err ? "off" : "out";
		assert_int_equal(snapshot_count(member(&f, now)), 2);
		assert_int_equal(fleet_count(f.fleet), 2);
		end(&f);
	}
	assert_true(n > 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_taken_apart_only_in_one_way),
		cmocka_unit_test(longest_name_has_room_for_63_characters),
		cmocka_unit_test(snapshots_are_shown_by_their_machine_alone),
		cmocka_unit_test(snapshots_of_nobody_are_machines),
		cmocka_unit_test(snapshots_may_be_listed_before_their_machine),
		cmocka_unit_test(
			snapshots_come_and_go_as_changes_of_their_machine),
		cmocka_unit_test(snapshot_is_dropped_by_its_id),
		cmocka_unit_test(
			snapshot_that_is_not_dropped_is_back_and_its_machine_says_why),
		cmocka_unit_test(
			what_was_deleted_does_not_come_back_with_an_old_list),
		cmocka_unit_test(machine_with_snapshots_is_not_deleted),
		cmocka_unit_test(
			snapshots_follow_their_machine_to_its_new_name),
		cmocka_unit_test(
			snapshots_go_back_with_a_machine_that_is_not_renamed),
		cmocka_unit_test(snapshot_that_cannot_follow_becomes_a_machine),
		cmocka_unit_test(rename_refuses_when_a_snapshot_has_no_place),
		cmocka_unit_test(snapshot_moves_out_to_be_a_machine),
		cmocka_unit_test(machine_moves_in_to_be_a_snapshot),
		cmocka_unit_test(
			machine_that_runs_or_has_snapshots_does_not_move_in),
		cmocka_unit_test(rename_may_be_asked_for_from_its_own_answer),
		cmocka_unit_test(rename_ends_with_the_fleet_at_each_step),
		cmocka_unit_test(rename_is_answered_whichever_allocation_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
