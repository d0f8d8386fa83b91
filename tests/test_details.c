/*
 * What member_get promises of vitals: asked once a second however many want to
 * know, never of a machine that does not run, and never stale. (Addresses and
 * details are looked at in tests/test_fleet.c.) The engine is a puppet.
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

struct wanter {
	unsigned n;
	int err;
	struct member *again; /* from its callback it asks so, once */
};

static void on_vitals(void *arg, int err)
{
	struct wanter *w = arg;
	struct member *again = w->again;

	w->n++;
	w->err = err;
	w->again = NULL;
	if (again)
		member_get(again, MEMBER_VITALS, on_vitals, w);
}

/* What the script prints of a machine with a load of 0.50. */
static const char answer[] = "=load\n0.50 0.25 0.10 1/2 3\n=end\n";

static void begin_measured(struct acts *f)
{
	begin(f);
	f->engine->texts[ENGINE_VITALS] = answer;
}

static void want(struct acts *f, struct wanter *w, const char *name)
{
	member_get(member(f, name), MEMBER_VITALS, on_vitals, w);
	while (puppet_pending(f->engine, ENGINE_LIST))
		puppet_answer(f->engine, ENGINE_LIST, 0);
}

static void one_question_serves_all_for_a_second(void **state)
{
	struct acts f;
	struct wanter w = { 0 };

	(void)state;
	begin_measured(&f);
	for (int i = 0; i < 80; i++)
		want(&f, &w, "up");
	assert_int_equal(puppet_asked(f.engine, ENGINE_VITALS), 1);
	puppet_answer(f.engine, ENGINE_VITALS, 0);
	assert_int_equal(w.n, 80);
	assert_int_equal(w.err, 0);
	assert_non_null(member(&f, "up")->vitals);
	hands_turn(f.hands, 999);
	want(&f, &w, "up");
	assert_int_equal(puppet_asked(f.engine, ENGINE_VITALS), 1);
	hands_turn(f.hands, 1);
	want(&f, &w, "up");
	assert_int_equal(puppet_asked(f.engine, ENGINE_VITALS), 2);
	end(&f);
	assert_int_equal(w.n, 82);
}

static void machine_that_does_not_run_is_not_asked(void **state)
{
	struct acts f;
	struct wanter w = { 0 };

	(void)state;
	begin_measured(&f);
	want(&f, &w, "off");
	assert_int_equal(w.n, 1);
	assert_int_equal(w.err, 0);
	assert_null(member(&f, "off")->vitals);
	assert_int_equal(puppet_asked(f.engine, ENGINE_VITALS), 0);
	end(&f);
}

static void machine_that_is_about_to_stop_is_not_asked(void **state)
{
	struct acts f;
	struct asker a = { 0 };
	struct wanter w = { 0 };

	(void)state;
	begin_measured(&f);
	lifecycle_turn(member(&f, "up"), ENGINE_STOP, on_done, &a);
	want(&f, &w, "up");
	assert_int_equal(w.err, 0);
	puppet_answer(f.engine, ENGINE_STOP, 0);
	want(&f, &w, "up");
	assert_int_equal(w.n, 2);
	assert_int_equal(puppet_asked(f.engine, ENGINE_VITALS), 0);
	end(&f);
}

static void measures_go_when_the_machine_stops(void **state)
{
	struct acts f;
	struct wanter w = { 0 };

	(void)state;
	begin_measured(&f);
	puppet_at_once(f.engine, true);
	want(&f, &w, "up");
	assert_non_null(member(&f, "up")->vitals);
	puppet_state(f.engine, "up", MACHINE_STOPPED);
	look(&f);
	assert_null(member(&f, "up")->vitals);
	/* And anew when it is up again, be it within the second. */
	puppet_state(f.engine, "up", MACHINE_RUNNING);
	look(&f);
	want(&f, &w, "up");
	assert_int_equal(puppet_asked(f.engine, ENGINE_VITALS), 2);
	end(&f);
}

static void failure_is_told_and_leaves_nothing_stale(void **state)
{
	struct acts f;
	struct wanter w = { 0 };

	(void)state;
	begin_measured(&f);
	want(&f, &w, "up");
	puppet_answer(f.engine, ENGINE_VITALS, 0);
	hands_turn(f.hands, 1000);
	want(&f, &w, "up");
	puppet_answer(f.engine, ENGINE_VITALS, -ETIMEDOUT);
	assert_int_equal(w.n, 2);
	assert_int_equal(w.err, -ETIMEDOUT);
	assert_null(member(&f, "up")->vitals);
	assert_says(member_error(member(&f, "up")), "stats: vitals:");
	f.engine->texts[ENGINE_VITALS] = "what?";
	want(&f, &w, "up");
	puppet_answer(f.engine, ENGINE_VITALS, 0);
	assert_int_equal(w.err, -EPROTO);
	assert_says(member_error(member(&f, "up")), "no sense");
	end(&f);
}

static void machine_may_go_meanwhile(void **state)
{
	struct acts f;
	struct wanter w = { 0 };

	(void)state;
	begin_measured(&f);
	want(&f, &w, "up");
	puppet_remove(f.engine, "up");
	look(&f);
	assert_null(fleet_find(f.fleet, "up"));
	puppet_answer(f.engine, ENGINE_VITALS, -ENOENT);
	assert_int_equal(w.n, 1);
	assert_int_equal(w.err, -ENOENT);
	end(&f);
}

static void callback_may_ask_again(void **state)
{
	struct acts f;
	struct wanter w = { 0 };

	(void)state;
	begin_measured(&f);
	w.again = member(&f, "up");
	want(&f, &w, "up");
	puppet_answer(f.engine, ENGINE_VITALS, 0);
	assert_int_equal(w.n, 2);
	assert_int_equal(puppet_asked(f.engine, ENGINE_VITALS), 1);
	end(&f);
}

static void all_are_answered_whichever_allocation_fails(void **state)
{
	unsigned n = 0;

	(void)state;
	while (fail_alloc_next(&n)) {
		struct acts f;
		struct wanter w = { 0 };

		fail_alloc_off();
		begin_measured(&f);
		puppet_at_once(f.engine, true);
		fail_alloc_at(n);
		want(&f, &w, "up");
		assert_int_equal(w.n, 1);
		assert_true(w.err == 0 || w.err == -ENOMEM);
		end(&f);
	}
	assert_true(n > 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_question_serves_all_for_a_second),
		cmocka_unit_test(machine_that_does_not_run_is_not_asked),
		cmocka_unit_test(machine_that_is_about_to_stop_is_not_asked),
		cmocka_unit_test(measures_go_when_the_machine_stops),
		cmocka_unit_test(failure_is_told_and_leaves_nothing_stale),
		cmocka_unit_test(machine_may_go_meanwhile),
		cmocka_unit_test(callback_may_ask_again),
		cmocka_unit_test(all_are_answered_whichever_allocation_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
