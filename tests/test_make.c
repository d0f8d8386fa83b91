/*
 * What lifecycle.h promises of machines that come into being as copies or from
 * archives, and of loans: their turn in the queue of their source, what shows
 * meanwhile, and what a failure leaves. The engine is a puppet. Creations are
 * looked at in tests/test_lifecycle.c.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/acts.h"

/* ---- clones -------------------------------------------------------------- */

static void clone_shows_at_once_and_is_stopped_then(void **state)
{
	struct acts f;
	struct asker a = { 0 };
	struct member *m;

	(void)state;
	begin(&f);
	lifecycle_clone(member(&f, "up"), "copy", on_done, &a);
	m = member(&f, "copy");
	assert_int_equal(member_state(m), MACHINE_CREATING);
	assert_string_equal(f.engine->last.name, "up");
	assert_string_equal(f.engine->last.new_name, "copy");
	assert_string_equal(f.engine->last.id, "1");
	assert_heard(&a, 0, 0);
	puppet_answer(f.engine, ENGINE_CLONE, 0);
	puppet_answer(f.engine, ENGINE_INFO, 0);
	assert_heard(&a, 1, 0);
	assert_ptr_equal(a.m, m);
	assert_int_equal(member_state(m), MACHINE_STOPPED);
	assert_string_equal(m->machine->id, "made1");
	assert_int_equal(member_state(member(&f, "up")), MACHINE_RUNNING);
	end(&f);
}

static void clone_without_an_info_afterwards_has_succeeded(void **state)
{
	struct acts f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	lifecycle_clone(member(&f, "up"), "copy", on_done, &a);
	puppet_answer(f.engine, ENGINE_CLONE, 0);
	puppet_answer(f.engine, ENGINE_INFO, -EPROTO);
	assert_heard(&a, 1, 0);
	assert_int_equal(member_state(member(&f, "copy")), MACHINE_STOPPED);
	end(&f);
}

static void clone_that_is_slow_is_answered_while_it_goes_on(void **state)
{
	struct acts f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	lifecycle_clone(member(&f, "up"), "copy", on_done, &a);
	hands_turn(f.hands, LIFECYCLE_PATIENCE_MS);
	assert_heard(&a, 1, 0);
	look(&f);
	assert_int_equal(member_state(member(&f, "copy")), MACHINE_CREATING);
	puppet_answer(f.engine, ENGINE_CLONE, -ENOSPC);
	assert_heard(&a, 1, 0);
	assert_int_equal(member_state(member(&f, "copy")), MACHINE_FAILED);
	assert_string_equal(member_error(member(&f, "copy")),
	                    "clone: No space left on device");
	/* Nothing came into being, so it goes without the engine. */
	lifecycle_delete(member(&f, "copy"), on_done, &a);
	assert_heard(&a, 2, 0);
	assert_int_equal(puppet_asked(f.engine, ENGINE_DELETE), 0);
	end(&f);
}

static void clone_that_fails_soon_leaves_nothing(void **state)
{
	struct acts f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	lifecycle_clone(member(&f, "up"), "copy", on_done, &a);
	puppet_answer(f.engine, ENGINE_CLONE, -ENOSPC);
	assert_heard(&a, 1, -ENOSPC);
	assert_null(a.m);
	assert_null(fleet_find(f.fleet, "copy"));
	assert_says(fleet_error(f.fleet), "copy: clone:");
	end(&f);
}

static void clone_refuses_bad_names_and_those_of_snapshots(void **state)
{
	static const struct {
		const char *name;
		int err;
	} names[] = {
		{ "Copy", -EINVAL },
		{ "off", -EEXIST },
		{ "x--snap--y", -EINVAL },
		{ "off--snap--more", -EINVAL },
		{ "stop", -EINVAL },
		{ "", -EINVAL },
		{ "off--snap--before", -EINVAL },
	};
	struct acts f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		lifecycle_clone(member(&f, "up"), names[i].name, on_done, &a);
		assert_heard(&a, i + 1, names[i].err);
		assert_true(*fleet_error(f.fleet));
	}
	assert_int_equal(puppet_asked(f.engine, ENGINE_CLONE), 0);
	lifecycle_create(f.fleet,
	                 &(struct lifecycle_new){ .name = "off--snap--x" },
	                 on_done, &a);
	assert_int_equal(a.err, -EINVAL);
	assert_says(fleet_error(f.fleet), "made in snapshots/");
	end(&f);
}

static void clones_of_one_machine_happen_one_after_another(void **state)
{
	enum { N = 20 };
	struct acts f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	for (int i = 0; i < N; i++) {
		char name[16];

		snprintf(name, sizeof(name), "copy%d", i);
		lifecycle_clone(member(&f, i % 2 ? "up" : "off"), name, on_done,
		                &a);
		assert_non_null(fleet_find(f.fleet, name));
	}
	assert_int_equal(fleet_count(f.fleet), N + 2);
	/* Two sources: two at a time. */
	while (a.n < N) {
		assert_true(puppet_n(f.engine, ENGINE_CLONE) <= 2);
		if (puppet_pending(f.engine, ENGINE_CLONE))
			puppet_answer(f.engine, ENGINE_CLONE, 0);
		while (puppet_pending(f.engine, ENGINE_INFO))
			puppet_answer(f.engine, ENGINE_INFO, 0);
	}
	assert_int_equal(a.err, 0);
	look(&f);
	assert_int_equal(fleet_count(f.fleet), N + 2);
	assert_null(member(&f, "up")->acts);
	end(&f);
}

static void clone_of_what_is_being_made_waits_for_it(void **state)
{
	struct acts f;
	struct asker a = { 0 }, b = { 0 };

	(void)state;
	begin(&f);
	lifecycle_create(f.fleet, &(struct lifecycle_new){ .name = "fresh" },
	                 on_done, &a);
	lifecycle_clone(member(&f, "fresh"), "copy", on_done, &b);
	assert_int_equal(puppet_asked(f.engine, ENGINE_CLONE), 0);
	puppet_answer(f.engine, ENGINE_CREATE, -EIO);
	assert_heard(&a, 1, -EIO);
	assert_heard(&b, 1, -ENOENT);
	assert_null(fleet_find(f.fleet, "copy"));
	end(&f);
}

static void clone_keeps_its_source_from_being_deleted_or_renamed(void **state)
{
	struct acts f;
	struct asker a = { 0 }, b = { 0 };
	struct member *up;

	(void)state;
	begin(&f);
	up = member(&f, "up");
	lifecycle_clone(up, "copy", on_done, &a);
	lifecycle_delete(up, on_done, &b);
	assert_heard(&b, 1, -EBUSY);
	assert_says(member_error(up), "being copied");
	lifecycle_rename(up, "else", on_done, &b);
	assert_heard(&b, 2, -EBUSY);
	/* But it is as before for who uses it. */
	puppet_at_once(f.engine, true);
	lifecycle_wait(up, on_done, &b);
	assert_heard(&b, 3, 0);
	puppet_at_once(f.engine, false);
	/* And lists go on to tell of it. */
	puppet_state(f.engine, "up", MACHINE_STOPPED);
	look(&f);
	assert_int_equal(member_state(up), MACHINE_STOPPED);
	end(&f);
	assert_int_equal(a.n, 1);
}

static void clone_goes_on_when_its_source_is_deleted_elsewhere(void **state)
{
	struct acts f;
	struct asker a = { 0 }, b = { 0 };

	(void)state;
	begin(&f);
	lifecycle_clone(member(&f, "up"), "one", on_done, &a);
	lifecycle_clone(member(&f, "up"), "two", on_done, &b);
	puppet_remove(f.engine, "up");
	look(&f);
	assert_null(fleet_find(f.fleet, "up"));
	puppet_answer(f.engine, ENGINE_CLONE, -ENOENT);
	assert_heard(&a, 1, -ENOENT);
	assert_heard(&b, 1, -ENOENT);
	assert_null(fleet_find(f.fleet, "two"));
	end(&f);
}

static void start_it(struct asker *a, struct member *m)
{
	lifecycle_turn(m, ENGINE_START, on_done, a);
}

static void clone_may_be_started_from_its_answer(void **state)
{
	struct acts f;
	struct asker a = { .then = start_it };

	(void)state;
	begin(&f);
	lifecycle_clone(member(&f, "up"), "copy", on_done, &a);
	puppet_answer(f.engine, ENGINE_CLONE, 0);
	puppet_answer(f.engine, ENGINE_INFO, 0);
	puppet_answer(f.engine, ENGINE_START, 0);
	assert_heard(&a, 2, 0);
	assert_int_equal(member_state(member(&f, "copy")), MACHINE_RUNNING);
	end(&f);
}

/* ---- snapshots ----------------------------------------------------------- */

static void snapshot_is_a_clone_that_only_its_machine_shows(void **state)
{
	struct acts f;
	struct asker a = { 0 };
	struct member *up;
	struct member *s;

	(void)state;
	begin(&f);
	up = member(&f, "up");
	lifecycle_snapshot(up, "now", on_done, &a);
	s = snapshot(&f, "up", "now");
	assert_string_equal(s->name, "up--snap--now");
	assert_int_equal(member_state(s), MACHINE_CREATING);
	puppet_answer(f.engine, ENGINE_CLONE, 0);
	puppet_answer(f.engine, ENGINE_INFO, 0);
	assert_heard(&a, 1, 0);
	assert_ptr_equal(a.m, s);
	assert_int_equal(fleet_count(f.fleet), 2);
	assert_null(fleet_find(f.fleet, "up--snap--now"));
	assert_int_equal(member_state(s), MACHINE_STOPPED);
	look(&f);
	assert_ptr_equal(snapshot(&f, "up", "now"), s);
	end(&f);
}

static void snapshot_that_the_engine_leaves_running_is_stopped(void **state)
{
	struct acts f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	f.engine->clones_run = true;
	lifecycle_snapshot(member(&f, "up"), "now", on_done, &a);
	puppet_answer(f.engine, ENGINE_CLONE, 0);
	puppet_answer(f.engine, ENGINE_INFO, 0);
	assert_string_equal(f.engine->last.name, "up--snap--now");
	assert_heard(&a, 0, 0);
	puppet_answer(f.engine, ENGINE_STOP, 0);
	assert_heard(&a, 1, 0);
	assert_int_equal(member_state(a.m), MACHINE_STOPPED);
	end(&f);
}

static void snapshot_that_cannot_be_stopped_says_so_in_its_machine(void **state)
{
	struct acts f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	f.engine->clones_run = true;
	lifecycle_snapshot(member(&f, "up"), "now", on_done, &a);
	puppet_answer(f.engine, ENGINE_CLONE, 0);
	puppet_answer(f.engine, ENGINE_INFO, 0);
	puppet_answer(f.engine, ENGINE_STOP, -EIO);
	assert_heard(&a, 1, 0);
	assert_int_equal(member_state(a.m), MACHINE_RUNNING);
	assert_says(member_error(member(&f, "up")), "snapshot: stop:");
	end(&f);
}

static void snapshot_that_fails_says_so_in_its_machine(void **state)
{
	struct acts f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	lifecycle_snapshot(member(&f, "up"), "now", on_done, &a);
	puppet_answer(f.engine, ENGINE_CLONE, -ENOSPC);
	assert_heard(&a, 1, -ENOSPC);
	assert_says(member_error(member(&f, "up")), "snapshot now: clone:");
	assert_null(snapshot_find(member(&f, "up"), "now"));
	end(&f);
}

static void snapshot_refuses_words_that_cannot_be(void **state)
{
	static const struct {
		const char *word;
		int err;
	} words[] = {
		{ "before", -EEXIST },
		{ "Now", -EINVAL },
		{ "a--snap--b", -EINVAL },
		{ "restoring", -EINVAL },
		{ "replaced", -EINVAL },
		{ "", -EINVAL },
		{ "a-", -EINVAL },
		{ "-a", -EINVAL },
		{ "snap--x", -EINVAL },
		{ "../x", -EINVAL },
		{ "a2345678901234567890123456789012345678901234567890123",
		  -ENAMETOOLONG },
	};
	struct acts f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		lifecycle_snapshot(member(&f, "off"), words[i].word, on_done,
		                   &a);
		assert_heard(&a, i + 1, words[i].err);
		assert_true(*member_error(member(&f, "off")));
	}
	assert_int_equal(puppet_asked(f.engine, ENGINE_CLONE), 0);
	end(&f);
}

/* ---- imports ------------------------------------------------------------- */

static void import(struct acts *f, struct act **handle, struct asker *a)
{
	lifecycle_import(f->fleet,
	                 &(struct lifecycle_archive){ "fresh", "/x/new.tar" },
	                 handle, on_done, a);
}

static void import_shows_at_once_and_is_answered_at_the_end(void **state)
{
	struct acts f;
	struct asker a = { 0 };
	struct act *handle;

	(void)state;
	begin(&f);
	import(&f, &handle, &a);
	assert_non_null(handle);
	assert_int_equal(member_state(member(&f, "fresh")), MACHINE_CREATING);
	assert_string_equal(f.engine->last.path, "/x/new.tar");
	hands_turn(f.hands, 600000);
	assert_heard(&a, 0, 0);
	puppet_answer(f.engine, ENGINE_IMPORT, 0);
	assert_null(handle);
	puppet_answer(f.engine, ENGINE_INFO, 0);
	assert_heard(&a, 1, 0);
	assert_string_equal(member(&f, "fresh")->machine->id, "made1");
	end(&f);
}

static void import_without_an_info_afterwards_has_succeeded(void **state)
{
	struct acts f;
	struct asker a = { 0 };
	struct act *handle;

	(void)state;
	begin(&f);
	import(&f, &handle, &a);
	puppet_answer(f.engine, ENGINE_IMPORT, 0);
	puppet_answer(f.engine, ENGINE_INFO, -EPROTO);
	assert_heard(&a, 1, 0);
	assert_int_equal(member_state(member(&f, "fresh")), MACHINE_STOPPED);
	end(&f);
}

static void import_that_fails_leaves_nothing(void **state)
{
	struct acts f;
	struct asker a = { 0 };
	struct act *handle;

	(void)state;
	begin(&f);
	import(&f, &handle, &a);
	hands_turn(f.hands, 60000);
	puppet_answer(f.engine, ENGINE_IMPORT, -EIO);
	assert_heard(&a, 1, -EIO);
	assert_null(handle);
	assert_null(fleet_find(f.fleet, "fresh"));
	assert_says(fleet_error(f.fleet), "fresh: import:");
	end(&f);
}

static void import_that_is_given_up_leaves_nothing(void **state)
{
	struct acts f;
	struct asker a = { 0 };
	struct act *handle;

	(void)state;
	begin(&f);
	import(&f, &handle, &a);
	lifecycle_import_cancel(handle);
	assert_heard(&a, 1, -ECANCELED);
	assert_null(handle);
	assert_null(fleet_find(f.fleet, "fresh"));
	lifecycle_import_cancel(handle);
	end(&f);
}

static void import_refuses_a_name_that_is_taken(void **state)
{
	struct acts f;
	struct asker a = { 0 };
	struct act *handle;

	(void)state;
	begin(&f);
	lifecycle_import(f.fleet, &(struct lifecycle_archive){ "up", "/x" },
	                 &handle, on_done, &a);
	assert_heard(&a, 1, -EEXIST);
	assert_null(handle);
	assert_int_equal(puppet_asked(f.engine, ENGINE_IMPORT), 0);
	end(&f);
}

/* ---- loans --------------------------------------------------------------- */

static void loan_keeps_what_follows_waiting_until_it_is_returned(void **state)
{
	struct acts f;
	struct asker a = { 0 }, b = { 0 };
	struct act *loan;

	(void)state;
	begin(&f);
	lifecycle_lend(member(&f, "off"), &loan, on_done, &a);
	assert_heard(&a, 1, 0);
	lifecycle_delete(member(&f, "off"), on_done, &b);
	assert_heard(&b, 1, -EBUSY);
	lifecycle_turn(member(&f, "off"), ENGINE_START, on_done, &b);
	assert_int_equal(puppet_asked(f.engine, ENGINE_START), 0);
	lifecycle_return(loan);
	assert_heard(&a, 1, 0);
	puppet_answer(f.engine, ENGINE_START, 0);
	assert_heard(&b, 2, 0);
	end(&f);
}

static void loan_waits_its_turn_and_may_be_given_back_before(void **state)
{
	struct acts f;
	struct asker a = { 0 }, b = { 0 }, c = { 0 };
	struct act *one;
	struct act *two;

	(void)state;
	begin(&f);
	lifecycle_turn(member(&f, "off"), ENGINE_START, on_done, &c);
	lifecycle_lend(member(&f, "off"), &one, on_done, &a);
	lifecycle_lend(member(&f, "off"), &two, on_done, &b);
	assert_heard(&a, 0, 0);
	lifecycle_return(one);
	assert_heard(&a, 1, -ECANCELED);
	assert_heard(&b, 0, 0);
	puppet_answer(f.engine, ENGINE_START, 0);
	assert_heard(&b, 1, 0);
	lifecycle_return(two);
	assert_null(member(&f, "off")->acts);
	end(&f);
}

static void loan_of_what_is_gone_when_its_turn_comes_fails(void **state)
{
	struct acts f;
	struct asker a = { 0 }, b = { 0 };
	struct act *one;
	struct act *two;
	struct member *m;

	(void)state;
	begin(&f);
	m = member_ref(member(&f, "off"));
	lifecycle_lend(m, &one, on_done, &a);
	lifecycle_lend(m, &two, on_done, &b);
	puppet_remove(f.engine, "off");
	look(&f);
	lifecycle_return(one);
	assert_heard(&b, 1, -ENOENT);
	assert_null(two);
	lifecycle_lend(m, &two, on_done, &b);
	assert_heard(&b, 2, -ENOENT);
	assert_null(two);
	member_unref(m);
	end(&f);
}

/* ---- what a machine is to be like ---------------------------------------- */

static void creation_takes_the_defaults_and_what_is_given_before_them(
	void **state)
{
	static const char text[] =
		"{\"cpus\":2,\"memory\":\"1G\",\"isolated\":true,"
		"\"image\":\"alpine:edge\",\"user\":\"me\"}";
	struct acts f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	assert_int_equal(fleet_set_defaults(f.fleet, text, strlen(text)), 0);
	lifecycle_create(f.fleet,
	                 &(struct lifecycle_new){ .name = "fresh",
	                                          .cpus = "3" },
	                 on_done, &a);
	assert_string_equal(f.engine->last.image, "alpine:edge");
	assert_true(f.engine->last.call.cpus > 2.9);
	assert_int_equal(f.engine->last.call.memory, 1 << 30);
	assert_int_equal(f.engine->last.call.disk, 0);
	assert_true(f.engine->last.call.isolated);
	assert_false(f.engine->last.call.isolate_network);
	/* Taken back, the daemon's own count. */
	assert_int_equal(fleet_set_defaults(f.fleet, "{}", 2), 0);
	lifecycle_create(f.fleet, &(struct lifecycle_new){ .name = "newer" },
	                 on_done, &a);
	assert_string_equal(f.engine->last.image, "debian:bookworm");
	assert_true(f.engine->last.call.cpus < 0.1);
	end(&f);
}

static void defaults_that_make_no_sense_change_nothing(void **state)
{
	static const char good[] = "{\"cpus\":2}";
	static const char bad[] = "{\"user\":\"me\",\"disc\":\"20G\"}";
	struct acts f;

	(void)state;
	begin(&f);
	assert_int_equal(fleet_set_defaults(f.fleet, good, strlen(good)), 0);
	assert_int_equal(fleet_set_defaults(f.fleet, bad, strlen(bad)),
	                 -EINVAL);
	assert_says(fleet_error(f.fleet), "unknown key 'disc'");
	assert_string_equal(fleet_defaults(f.fleet)->value[CREATE_CPUS], "2");
	assert_null(fleet_defaults(f.fleet)->value[CREATE_USER]);
	end(&f);
}

static void creation_lends_the_engine_a_file_of_user_data(void **state)
{
	struct acts f;
	struct asker a = { 0 };
	char path[PUPPET_WORD_MAX];
	char text[32] = "";
	FILE *file;

	(void)state;
	begin(&f);
	lifecycle_create(f.fleet,
	                 &(struct lifecycle_new){ .name = "fresh",
	                                          .user_data = "#cloud\n" },
	                 on_done, &a);
	strcpy(path, f.engine->last.user_data);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(fgets(text, sizeof(text), file));
	fclose(file);
	assert_string_equal(text, "#cloud\n");
	puppet_answer(f.engine, ENGINE_CREATE, 0);
	puppet_answer(f.engine, ENGINE_INFO, 0);
	assert_heard(&a, 1, 0);
	assert_int_not_equal(access(path, F_OK), 0);
	end(&f);
}

/* ---- all of it ----------------------------------------------------------- */

static void all_end_with_the_fleet(void **state)
{
	struct acts f;
	struct asker a = { 0 };
	struct act *loan;
	struct act *handle;

	(void)state;
	begin(&f);
	lifecycle_clone(member(&f, "up"), "one", on_done, &a);
	lifecycle_clone(member(&f, "up"), "two", on_done, &a);
	lifecycle_snapshot(member(&f, "up"), "now", on_done, &a);
	import(&f, &handle, &a);
	lifecycle_lend(member(&f, "off"), &loan, on_done, &a);
	assert_heard(&a, 1, 0);
	fleet_end(f.fleet);
	puppet_refuse(f.engine, -ECANCELED);
	assert_heard(&a, 5, -ECANCELED);
	lifecycle_return(loan);
	end(&f);
}

static void all_are_answered_whichever_allocation_fails(void **state)
{
	unsigned n = 0;

	(void)state;
	while (fail_alloc_next(&n)) {
		struct acts f;
		struct asker a = { 0 };
		struct act *loan;
		struct act *handle;

		fail_alloc_off();
		begin(&f);
		puppet_at_once(f.engine, true);
		fail_alloc_at(n);
		lifecycle_clone(member(&f, "up"), "one", on_done, &a);
		lifecycle_snapshot(member(&f, "up"), "now", on_done, &a);
		import(&f, &handle, &a);
		assert_null(handle);
		lifecycle_create(f.fleet,
		                 &(struct lifecycle_new){ .name = "b",
		                                          .user_data = "c" },
		                 on_done, &a);
		assert_int_equal(a.n, 4);
		lifecycle_lend(member(&f, "off"), &loan, on_done, &a);
		assert_int_equal(a.n, 5);
		lifecycle_return(loan);
		end(&f);
	}
	assert_true(n > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clone_shows_at_once_and_is_stopped_then),
		cmocka_unit_test(
			clone_without_an_info_afterwards_has_succeeded),
		cmocka_unit_test(
			clone_that_is_slow_is_answered_while_it_goes_on),
		cmocka_unit_test(clone_that_fails_soon_leaves_nothing),
		cmocka_unit_test(
			clone_refuses_bad_names_and_those_of_snapshots),
		cmocka_unit_test(
			clones_of_one_machine_happen_one_after_another),
		cmocka_unit_test(clone_of_what_is_being_made_waits_for_it),
		cmocka_unit_test(
			clone_keeps_its_source_from_being_deleted_or_renamed),
		cmocka_unit_test(
			clone_goes_on_when_its_source_is_deleted_elsewhere),
		cmocka_unit_test(clone_may_be_started_from_its_answer),
		cmocka_unit_test(
			snapshot_is_a_clone_that_only_its_machine_shows),
		cmocka_unit_test(
			snapshot_that_the_engine_leaves_running_is_stopped),
		cmocka_unit_test(
			snapshot_that_cannot_be_stopped_says_so_in_its_machine),
		cmocka_unit_test(snapshot_that_fails_says_so_in_its_machine),
		cmocka_unit_test(snapshot_refuses_words_that_cannot_be),
		cmocka_unit_test(
			import_shows_at_once_and_is_answered_at_the_end),
		cmocka_unit_test(
			import_without_an_info_afterwards_has_succeeded),
		cmocka_unit_test(import_that_fails_leaves_nothing),
		cmocka_unit_test(import_that_is_given_up_leaves_nothing),
		cmocka_unit_test(import_refuses_a_name_that_is_taken),
		cmocka_unit_test(
			loan_keeps_what_follows_waiting_until_it_is_returned),
		cmocka_unit_test(
			loan_waits_its_turn_and_may_be_given_back_before),
		cmocka_unit_test(
			loan_of_what_is_gone_when_its_turn_comes_fails),
		cmocka_unit_test(
			creation_takes_the_defaults_and_what_is_given_before_them),
		cmocka_unit_test(defaults_that_make_no_sense_change_nothing),
		cmocka_unit_test(creation_lends_the_engine_a_file_of_user_data),
		cmocka_unit_test(all_end_with_the_fleet),
		cmocka_unit_test(all_are_answered_whichever_allocation_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
