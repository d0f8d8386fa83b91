/*
 * What fleet.h promises, and after each act the invariants that fleet.c
 * numbers: the source is taken in whole, to see its tables.
 *
 * The engine is a puppet: its lists are those of the moment in which they were
 * asked for, and come when the test says so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tests/hands.h"
#include "tests/puppet.h"

/* From here on allocations are the daemon's. */
#ifndef FAIL_ALLOC
#define FAIL_ALLOC
#endif
#include "tests/fail_alloc.h"

#include "cache/fleet.c"

enum { TTL_MS = 1000, EVENTS_MAX = 4096 };

struct fixture {
	struct hands *hands;
	struct engine *engine;
	struct fleet *fleet;
	char events[EVENTS_MAX]; /* "+name -name ~name:text " */
	struct member *kept[8];
	struct act *loan;
};

/* Somebody who asked, and what was heard. */
struct asker {
	unsigned n;
	int err;
};

static void on_answer(void *arg, int err)
{
	struct asker *a = arg;

	a->n++;
	a->err = err;
}

static void on_act(void *arg, int err, struct member *m)
{
	(void)m;
	on_answer(arg, err);
}

static void note(struct fixture *f, const char *kind, const char *name,
                 const char *rest)
{
	size_t len = strlen(f->events);

	snprintf(f->events + len, EVENTS_MAX - len, "%s%s%s ", kind, name,
	         rest);
}

static void on_came(void *arg, struct member *m)
{
	assert_true(m->listed);
	note(arg, "+", m->name, "");
}

static void on_gone(void *arg, struct member *m, const char *name)
{
	(void)m;
	note(arg, "-", name, "");
}

static void on_changed(void *arg, struct member *m, enum member_text text)
{
	static const char *const words[MEMBER_N_TEXTS] = {
		[MEMBER_STATE] = ":state",   [MEMBER_IP] = ":ip",
		[MEMBER_CONFIG] = ":config", [MEMBER_EXEC] = ":exec",
		[MEMBER_ERROR] = ":error",   [MEMBER_LOG] = ":log",
	};

	assert_true(m->listed);
	note(arg, "~", m->name, words[text]);
}

/* ---- the invariants ------------------------------------------------------ */

/* How many things are in: takes all out and puts them back. */
static size_t count(struct index *index, struct member_key **keys, size_t max)
{
	size_t n = 0;

	for (struct member_key *key; (key = index_any(index));) {
		assert_true(n < max);
		keys[n++] = key;
		index_remove(index, key);
	}
	for (size_t i = 0; i < n; i++)
		assert_int_equal(index_add(index, keys[i]), 0);
	return n;
}

static void check_tables(struct fleet *fleet, size_t n_known)
{
	struct member_key *keys[64];

	if (fleet->n >= 64)
		return;
	assert_int_equal(count(&fleet->by_name, keys, 64), fleet->n);
	assert_int_equal(count(&fleet->by_id, keys, 64), n_known);
}

static struct member *machine_of_snapshot(const struct member *m)
{
	char name[MACHINE_LISTED_MAX + 1];

	snprintf(name, sizeof(name), "%.*s", (int)snapshot_split(m->name),
	         m->name);
	return fleet_holder(m->fleet, name);
}

/* Each comment names the invariant of fleet.c that is looked at. */
static void check(struct fleet *fleet)
{
	uint64_t last = 0;
	size_t n_known = 0;
	size_t n_unseen = 0;
	size_t n_shown = 0;

	for (size_t i = 0; i < fleet->n; i++) {
		struct member *m = fleet->order[i];

		assert_true(m->listed && m->refs > 0 && m->fleet == fleet);
		/* 3: cookies grow along the order. */
		assert_true(m->cookie > last);
		last = m->cookie;
		/* 1 and 2: whoever has the name is this very one. */
		assert_ptr_equal(find_key(&fleet->by_name, m->name), m);
		assert_ptr_equal(m->by_name.text, m->name);
		if (m->known) {
			n_known++;
			assert_ptr_equal(
				find_key(&fleet->by_id, m->machine->id), m);
			assert_ptr_equal(m->by_id.text, m->machine->id);
		}
		n_unseen += m->hidden || m->of;
		/* 5: a snapshot is with its machine, as long as that is there. */
		assert_ptr_equal(m->of, machine_of_snapshot(m));
		/* 4: what passes belongs to an act. */
		assert_true(m->acts || m->passing == MACHINE_UNKNOWN);
		assert_true(m->acts || !m->hidden);
		assert_true(m->touched <= fleet->generation);
	}
	assert_true(last <= fleet->last_cookie);
	assert_int_equal(n_unseen, fleet->n_unseen);
	/* 1: nobody else is in the tables. */
	check_tables(fleet, n_known);
	for (struct member *m = NULL;
	     (m = fleet_next(fleet, m ? m->cookie : 0));)
		n_shown++;
	assert_int_equal(n_shown, fleet_count(fleet));
}

/* ---- help ---------------------------------------------------------------- */

static bool begin_with(struct fixture *f, const struct fleet_events *events)
{
	struct fleet_spec spec = { .ttl_ms = TTL_MS };

	*f = (struct fixture){ .hands = hands_new(), .engine = puppet_new() };
	spec.engine = f->engine;
	spec.clock = hands_clock(f->hands);
	f->fleet = fleet_new(&spec);
	if (f->fleet)
		fleet_set_events(f->fleet, events, f);
	return f->fleet;
}

static void begin(struct fixture *f)
{
	static const struct fleet_events events = {
		.came = on_came,
		.gone = on_gone,
		.changed = on_changed,
	};

	assert_true(begin_with(f, &events));
}

static void end(struct fixture *f)
{
	if (f->fleet) {
		check(f->fleet);
		fleet_end(f->fleet);
	}
	puppet_refuse(f->engine, -ECANCELED);
	for (int i = 0; i < 8; i++)
		member_unref(f->kept[i]);
	fleet_free(f->fleet);
	puppet_free(f->engine);
	hands_free(f->hands);
}

/* Have the engine's table taken over now. */
static void look(struct fixture *f)
{
	struct asker a = { 0 };

	fleet_spoil(f->fleet);
	fleet_get(f->fleet, on_answer, &a);
	while (puppet_pending(f->engine, ENGINE_LIST))
		puppet_answer(f->engine, ENGINE_LIST, 0);
	assert_int_equal(a.n, 1);
	check(f->fleet);
}

/* The names that are shown, in the order of the directory. */
static void assert_shows(struct fixture *f, const char *names)
{
	char text[1024] = "";

	for (struct member *m = NULL;
	     (m = fleet_next(f->fleet, m ? m->cookie : 0));)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
		         "%s%s", *text ? " " : "", m->name);
	assert_string_equal(text, names);
}

static void assert_events(struct fixture *f, const char *events)
{
	assert_string_equal(f->events, events);
	*f->events = '\0';
}

/* The machine of that name, which there must be. */
static struct member *member(struct fixture *f, const char *name)
{
	struct member *m = fleet_find(f->fleet, name);

	if (!m)
		fail_msg("%s is not shown", name);
	return m;
}

static void three(struct fixture *f)
{
	begin(f);
	puppet_add(f->engine, "a", "1", MACHINE_RUNNING);
	puppet_add(f->engine, "b", "2", MACHINE_STOPPED);
	puppet_add(f->engine, "c", "3", MACHINE_RUNNING);
	look(f);
	assert_events(f, "+a +b +c ");
}

/* ---- lists --------------------------------------------------------------- */

static void fleet_shows_machines_in_the_order_of_their_coming(void **state)
{
	struct fixture f;

	(void)state;
	three(&f);
	assert_shows(&f, "a b c");
	puppet_remove(f.engine, "a");
	puppet_add(f.engine, "d", "4", MACHINE_STOPPED);
	puppet_add(f.engine, "a", "5", MACHINE_STOPPED);
	look(&f);
	assert_shows(&f, "b c d a");
	assert_int_equal(fleet_count(f.fleet), 4);
	end(&f);
}

static void fleet_tells_who_came_went_and_changed(void **state)
{
	struct fixture f;
	struct timespec before;

	(void)state;
	three(&f);
	before = fleet_changed(f.fleet);
	hands_turn(f.hands, 5000);
	puppet_remove(f.engine, "b");
	puppet_state(f.engine, "c", MACHINE_STOPPED);
	puppet_add(f.engine, "d", "4", MACHINE_RUNNING);
	look(&f);
	assert_events(&f, "~c:state ~c:ip +d -b ");
	assert_int_equal(fleet_changed(f.fleet).tv_sec, before.tv_sec + 5);
	look(&f);
	assert_events(&f, "");
	end(&f);
}

static void fleet_list_without_news_moves_no_time(void **state)
{
	struct fixture f;
	struct timespec before;

	(void)state;
	three(&f);
	before = fleet_changed(f.fleet);
	hands_turn(f.hands, 5000);
	look(&f);
	assert_int_equal(fleet_changed(f.fleet).tv_sec, before.tv_sec);
	assert_int_equal(member(&f, "a")->changed.tv_sec, before.tv_sec);
	end(&f);
}

static void fleet_tells_that_a_setting_changed(void **state)
{
	struct fixture f;

	(void)state;
	three(&f);
	(*puppet_find(f.engine, "a"))->memory = 1 << 30;
	look(&f);
	assert_events(&f, "~a:config ");
	end(&f);
}

static void fleet_rename_elsewhere_keeps_the_member(void **state)
{
	struct fixture f;
	struct member *m;

	(void)state;
	three(&f);
	m = member(&f, "b");
	puppet_word(&(*puppet_find(f.engine, "b"))->name, "shop");
	look(&f);
	assert_ptr_equal(member(&f, "shop"), m);
	assert_null(fleet_find(f.fleet, "b"));
	assert_shows(&f, "a shop c");
	assert_events(&f, "-b +shop ");
	end(&f);
}

static void fleet_name_used_again_by_another_id_is_another_machine(void **state)
{
	struct fixture f;
	struct member *old;

	(void)state;
	three(&f);
	old = f.kept[0] = member_ref(member(&f, "b"));
	member_set_error(old, "of the old one");
	puppet_remove(f.engine, "b");
	puppet_add(f.engine, "b", "9", MACHINE_RUNNING);
	look(&f);
	assert_ptr_not_equal(member(&f, "b"), old);
	assert_false(old->listed);
	assert_string_equal(member_error(member(&f, "b")), "");
	assert_string_equal(member_error(old), "of the old one");
	assert_shows(&f, "a c b");
	end(&f);
}

static void fleet_names_swapped_elsewhere_come_out_right(void **state)
{
	struct fixture f;

	(void)state;
	three(&f);
	puppet_word(&(*puppet_find(f.engine, "a"))->name, "x");
	puppet_word(&(*puppet_find(f.engine, "b"))->name, "a");
	puppet_word(&(*puppet_find(f.engine, "x"))->name, "b");
	look(&f);
	assert_int_equal(fleet_count(f.fleet), 3);
	assert_string_equal(member(&f, "a")->machine->id, "2");
	assert_string_equal(member(&f, "b")->machine->id, "1");
	assert_string_equal(member(&f, "c")->machine->id, "3");
	end(&f);
}

static void fleet_names_moved_round_elsewhere_come_out_right(void **state)
{
	static const char *const names[] = { "b", "c", "a" };
	struct fixture f;

	(void)state;
	three(&f);
	for (int i = 0; i < 3; i++)
		puppet_word(&f.engine->machines[i]->name, names[i]);
	look(&f);
	assert_int_equal(fleet_count(f.fleet), 3);
	assert_string_equal(member(&f, "b")->machine->id, "1");
	assert_string_equal(member(&f, "c")->machine->id, "2");
	assert_string_equal(member(&f, "a")->machine->id, "3");
	end(&f);
}

static void fleet_of_two_records_of_one_name_the_first_holds(void **state)
{
	struct fixture f;
	struct member *m;

	(void)state;
	three(&f);
	m = member(&f, "a");
	puppet_add(f.engine, "a", "9", MACHINE_STOPPED);
	look(&f);
	look(&f);
	assert_ptr_equal(member(&f, "a"), m);
	assert_string_equal(m->machine->id, "1");
	assert_shows(&f, "a b c");
	/* A known machine that takes the name of one listed before it. */
	puppet_word(&(*puppet_find(f.engine, "b"))->name, "a");
	look(&f);
	assert_ptr_equal(member(&f, "a"), m);
	assert_string_equal(m->machine->id, "1");
	look(&f);
	assert_ptr_equal(member(&f, "a"), m);
	assert_shows(&f, "a c");
	end(&f);
}

static void fleet_of_two_records_of_one_id_the_first_holds(void **state)
{
	struct fixture f;

	(void)state;
	three(&f);
	puppet_add(f.engine, "z", "1", MACHINE_STOPPED);
	look(&f);
	look(&f);
	assert_shows(&f, "a b c");
	assert_int_equal(member(&f, "a")->machine->state, MACHINE_RUNNING);
	end(&f);
}

static void fleet_list_that_fails_changes_nothing(void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	three(&f);
	puppet_remove(f.engine, "a");
	hands_turn(f.hands, TTL_MS);
	fleet_get(f.fleet, on_answer, &a);
	puppet_answer(f.engine, ENGINE_LIST, -ENODEV);
	assert_int_equal(a.n, 1);
	assert_int_equal(a.err, 0);
	assert_shows(&f, "a b c");
	assert_non_null(strstr(fleet_error(f.fleet), "list: "));
	end(&f);
}

static void fleet_without_any_list_tells_why(void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	fleet_get(f.fleet, on_answer, &a);
	puppet_answer(f.engine, ENGINE_LIST, -ENODEV);
	assert_int_equal(a.err, -ENODEV);
	fleet_get(f.fleet, on_answer, &a);
	hands_turn(f.hands, FLEET_FIRST_PATIENCE_MS - 1);
	assert_int_equal(a.n, 1);
	hands_turn(f.hands, 1);
	assert_int_equal(a.n, 2);
	assert_int_equal(a.err, -ETIMEDOUT);
	puppet_answer(f.engine, ENGINE_LIST, 0);
	end(&f);
}

static void fleet_waits_for_a_sick_engine_only_a_moment(void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	three(&f);
	puppet_remove(f.engine, "a");
	hands_turn(f.hands, TTL_MS);
	fleet_get(f.fleet, on_answer, &a);
	hands_turn(f.hands, FLEET_PATIENCE_MS);
	assert_int_equal(a.n, 1);
	assert_int_equal(a.err, 0);
	assert_shows(&f, "a b c");
	/* The answer shows at the next look. */
	puppet_answer(f.engine, ENGINE_LIST, 0);
	assert_shows(&f, "b c");
	end(&f);
}

static void fleet_serves_everybody_with_one_list(void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	for (int i = 0; i < 50; i++)
		fleet_get(f.fleet, on_answer, &a);
	assert_int_equal(puppet_asked(f.engine, ENGINE_LIST), 1);
	puppet_answer(f.engine, ENGINE_LIST, 0);
	for (int i = 0; i < 50; i++)
		fleet_get(f.fleet, on_answer, &a);
	assert_int_equal(a.n, 100);
	assert_int_equal(puppet_asked(f.engine, ENGINE_LIST), 1);
	end(&f);
}

/* ---- lists and our own changes ------------------------------------------- */

static void fleet_list_asked_for_before_a_change_does_not_undo_it(void **state)
{
	struct fixture f;
	struct asker list = { 0 }, act = { 0 };

	(void)state;
	three(&f);
	hands_turn(f.hands, TTL_MS);
	/* This list says that b is stopped and that there is no d. */
	fleet_get(f.fleet, on_answer, &list);
	lifecycle_turn(member(&f, "b"), ENGINE_START, on_act, &act);
	lifecycle_create(f.fleet, &(struct lifecycle_new){ .name = "d" },
	                 on_act, &act);
	puppet_answer(f.engine, ENGINE_START, 0);
	puppet_answer(f.engine, ENGINE_CREATE, 0);
	puppet_answer(f.engine, ENGINE_INFO, 0);
	assert_int_equal(act.n, 2);
	puppet_answer(f.engine, ENGINE_LIST, 0);
	check(f.fleet);
	assert_int_equal(list.n, 1);
	assert_int_equal(member_state(member(&f, "b")), MACHINE_RUNNING);
	assert_int_equal(member_state(member(&f, "d")), MACHINE_RUNNING);
	/* The next one may say something else again. */
	puppet_state(f.engine, "b", MACHINE_STOPPED);
	look(&f);
	assert_int_equal(member_state(member(&f, "b")), MACHINE_STOPPED);
	end(&f);
}

static void fleet_list_does_not_touch_what_an_act_runs_on(void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	three(&f);
	lifecycle_delete(member(&f, "b"), on_act, &a);
	lifecycle_rename(member(&f, "a"), "shop", on_act, &a);
	lifecycle_create(f.fleet, &(struct lifecycle_new){ .name = "d" },
	                 on_act, &a);
	look(&f);
	look(&f);
	assert_shows(&f, "shop c d");
	assert_int_equal(member_state(member(&f, "d")), MACHINE_CREATING);
	puppet_answer(f.engine, ENGINE_DELETE, 0);
	puppet_answer(f.engine, ENGINE_RENAME, 0);
	puppet_answer(f.engine, ENGINE_CREATE, 0);
	puppet_answer(f.engine, ENGINE_INFO, 0);
	look(&f);
	assert_shows(&f, "shop c d");
	assert_int_equal(a.n, 3);
	end(&f);
}

static void fleet_keeps_a_creation_that_failed_until_it_is_removed(void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	three(&f);
	lifecycle_create(f.fleet, &(struct lifecycle_new){ .name = "d" },
	                 on_act, &a);
	hands_turn(f.hands, LIFECYCLE_PATIENCE_MS);
	assert_int_equal(a.n, 1);
	puppet_answer(f.engine, ENGINE_CREATE, -EIO);
	look(&f);
	look(&f);
	assert_int_equal(member_state(member(&f, "d")), MACHINE_FAILED);
	lifecycle_delete(member(&f, "d"), on_act, &a);
	look(&f);
	assert_shows(&f, "a b c");
	end(&f);
}

static void fleet_info_with_the_id_of_another_does_not_displace_it(void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	three(&f);
	lifecycle_create(f.fleet, &(struct lifecycle_new){ .name = "d" },
	                 on_act, &a);
	puppet_answer(f.engine, ENGINE_CREATE, 0);
	/* What an engine may say that mixes names up. */
	puppet_word(&puppet_pending(f.engine, ENGINE_INFO)->list[0]->id, "1");
	puppet_answer(f.engine, ENGINE_INFO, 0);
	check(f.fleet);
	assert_string_equal(find_key(&f.fleet->by_id, "1")->name, "a");
	look(&f);
	assert_shows(&f, "a b c d");
	assert_string_equal(member(&f, "d")->machine->id, "made1");
	end(&f);
}

/* ---- the directory ------------------------------------------------------- */

static void fleet_is_read_on_from_any_cookie_while_machines_come_and_go(
	void **state)
{
	struct fixture f;
	struct member *m;
	uint64_t at_b;

	(void)state;
	three(&f);
	at_b = member(&f, "b")->cookie;
	puppet_remove(f.engine, "a");
	puppet_remove(f.engine, "b");
	puppet_add(f.engine, "d", "4", MACHINE_RUNNING);
	look(&f);
	/* Who had read to b goes on with c and d. */
	m = fleet_next(f.fleet, at_b);
	assert_string_equal(m->name, "c");
	m = fleet_next(f.fleet, m->cookie);
	assert_string_equal(m->name, "d");
	assert_null(fleet_next(f.fleet, m->cookie));
	assert_null(fleet_next(f.fleet, UINT64_MAX));
	end(&f);
}

static void fleet_never_gives_a_cookie_twice(void **state)
{
	struct fixture f;
	uint64_t last;

	(void)state;
	three(&f);
	last = member(&f, "c")->cookie;
	puppet_remove(f.engine, "c");
	look(&f);
	puppet_add(f.engine, "c", "3", MACHINE_RUNNING);
	look(&f);
	assert_true(member(&f, "c")->cookie > last);
	end(&f);
}

static void fleet_does_not_show_what_is_hidden(void **state)
{
	struct fixture f;

	(void)state;
	three(&f);
	f.kept[0] = member_ref(member(&f, "b"));
	fleet_hide(f.kept[0], true);
	assert_shows(&f, "a c");
	assert_null(fleet_find(f.fleet, "b"));
	assert_ptr_equal(fleet_holder(f.fleet, "b"), f.kept[0]);
	assert_int_equal(fleet_count(f.fleet), 2);
	fleet_hide(f.kept[0], true);
	assert_int_equal(fleet_count(f.fleet), 2);
	fleet_hide(f.kept[0], false);
	assert_shows(&f, "a b c");
	assert_events(&f, "-b +b ");
	end(&f);
}

/* Seconds of processor time that n machines cost: to come, to be listed once
 * more, to be read, and to go. */
static double cost(int n)
{
	struct fixture f;
	struct timespec start, stop;
	char word[32];

	assert_true(begin_with(&f, &(struct fleet_events){ 0 }));
	for (int i = 0; i < n; i++) {
		snprintf(word, sizeof(word), "machine-%d", i);
		puppet_add(f.engine, word, word, MACHINE_STOPPED);
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
	look(&f);
	assert_int_equal(fleet_count(f.fleet), n);
	look(&f);
	while (f.engine->n)
		machine_free(f.engine->machines[--f.engine->n]);
	look(&f);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &stop);
	assert_int_equal(fleet_count(f.fleet), 0);
	end(&f);
	return (double)(stop.tv_sec - start.tv_sec) +
	       (double)(stop.tv_nsec - start.tv_nsec) / 1e9;
}

static void fleet_of_ten_thousand_costs_what_its_number_says(void **state)
{
	double few = cost(1250);
	double many = cost(10000);

	(void)state;
	/* Eight times as many; if each cost more with their number, it were
	 * sixty-four times as much. */
	for (int tries = 0; many > 24 * few && tries < 3; tries++) {
		few = cost(1250);
		many = cost(10000);
	}
	if (many > 24 * few)
		fail_msg("1250: %.4f s, 10000: %.4f s", few, many);
}

/* ---- details ------------------------------------------------------------- */

static void member_get_asks_for_the_address_once_while_it_runs(void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	three(&f);
	puppet_address(f.engine, "a", "10.0.0.1");
	member_get(member(&f, "a"), MEMBER_ADDRESS, on_answer, &a);
	member_get(member(&f, "a"), MEMBER_ADDRESS, on_answer, &a);
	assert_int_equal(puppet_n(f.engine, ENGINE_INFO), 1);
	puppet_answer(f.engine, ENGINE_INFO, 0);
	assert_int_equal(a.n, 2);
	assert_string_equal(member(&f, "a")->info->ip4, "10.0.0.1");
	hands_turn(f.hands, 3600000);
	look(&f);
	member_get(member(&f, "a"), MEMBER_ADDRESS, on_answer, &a);
	assert_int_equal(a.n, 3);
	assert_int_equal(puppet_asked(f.engine, ENGINE_INFO), 1);
	end(&f);
}

static void member_get_asks_again_for_an_address_that_was_not_there(void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	three(&f);
	member_get(member(&f, "a"), MEMBER_ADDRESS, on_answer, &a);
	puppet_answer(f.engine, ENGINE_INFO, 0);
	assert_null(member(&f, "a")->info->ip4);
	hands_turn(f.hands, TTL_MS);
	look(&f);
	member_get(member(&f, "a"), MEMBER_ADDRESS, on_answer, &a);
	assert_int_equal(puppet_n(f.engine, ENGINE_INFO), 1);
	puppet_answer(f.engine, ENGINE_INFO, 0);
	assert_int_equal(a.n, 2);
	end(&f);
}

static void member_get_asks_no_address_of_what_does_not_run(void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	three(&f);
	member_get(member(&f, "b"), MEMBER_ADDRESS, on_answer, &a);
	assert_int_equal(a.n, 1);
	assert_int_equal(a.err, 0);
	assert_int_equal(puppet_asked(f.engine, ENGINE_INFO), 0);
	end(&f);
}

static void member_forgets_the_address_of_another_boot(void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	three(&f);
	puppet_address(f.engine, "a", "10.0.0.1");
	member_get(member(&f, "a"), MEMBER_ADDRESS, on_answer, &a);
	puppet_answer(f.engine, ENGINE_INFO, 0);
	/* Stopped and started elsewhere; and then info does not answer. */
	puppet_state(f.engine, "a", MACHINE_STOPPED);
	look(&f);
	puppet_state(f.engine, "a", MACHINE_RUNNING);
	look(&f);
	member_get(member(&f, "a"), MEMBER_ADDRESS, on_answer, &a);
	puppet_answer(f.engine, ENGINE_INFO, -EIO);
	assert_int_equal(a.n, 2);
	assert_null(member(&f, "a")->info->ip4);
	/* The same of a restart of ours. */
	puppet_address(f.engine, "a", "10.0.0.2");
	hands_turn(f.hands, TTL_MS);
	look(&f);
	member_get(member(&f, "a"), MEMBER_ADDRESS, on_answer, &a);
	puppet_answer(f.engine, ENGINE_INFO, 0);
	assert_string_equal(member(&f, "a")->info->ip4, "10.0.0.2");
	lifecycle_turn(member(&f, "a"), ENGINE_RESTART, on_act, &a);
	puppet_answer(f.engine, ENGINE_RESTART, 0);
	look(&f);
	member_get(member(&f, "a"), MEMBER_ADDRESS, on_answer, &a);
	puppet_answer(f.engine, ENGINE_INFO, -EIO);
	assert_null(member(&f, "a")->info->ip4);
	end(&f);
}

static void member_get_details_are_fresh_and_shared(void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	three(&f);
	for (int i = 0; i < 5; i++)
		member_get(member(&f, "b"), MEMBER_DETAILS, on_answer, &a);
	assert_int_equal(puppet_n(f.engine, ENGINE_INFO), 1);
	puppet_answer(f.engine, ENGINE_INFO, 0);
	assert_int_equal(a.n, 5);
	hands_turn(f.hands, TTL_MS);
	member_get(member(&f, "b"), MEMBER_DETAILS, on_answer, &a);
	puppet_answer(f.engine, ENGINE_LIST, 0);
	assert_int_equal(puppet_n(f.engine, ENGINE_INFO), 1);
	puppet_answer(f.engine, ENGINE_INFO, 0);
	assert_int_equal(a.n, 6);
	end(&f);
}

static void member_get_of_one_that_is_gone_is_told_so(void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	three(&f);
	f.kept[0] = member_ref(member(&f, "b"));
	puppet_remove(f.engine, "b");
	hands_turn(f.hands, TTL_MS);
	member_get(f.kept[0], MEMBER_DETAILS, on_answer, &a);
	puppet_answer(f.engine, ENGINE_LIST, 0);
	assert_int_equal(a.err, -ENOENT);
	assert_int_equal(puppet_asked(f.engine, ENGINE_INFO), 0);
	end(&f);
}

static void member_get_tells_why_info_failed(void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	three(&f);
	member_get(member(&f, "b"), MEMBER_DETAILS, on_answer, &a);
	puppet_answer(f.engine, ENGINE_INFO, -EIO);
	assert_int_equal(a.err, -EIO);
	assert_non_null(strstr(member_error(member(&f, "b")), "info: "));
	end(&f);
}

static void member_get_does_not_take_the_info_of_another_id(void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	three(&f);
	/* Made anew elsewhere since the list. */
	puppet_remove(f.engine, "b");
	puppet_add(f.engine, "b", "9", MACHINE_RUNNING);
	member_get(member(&f, "b"), MEMBER_DETAILS, on_answer, &a);
	puppet_answer(f.engine, ENGINE_INFO, 0);
	assert_int_equal(a.err, -ENOENT);
	assert_null(member(&f, "b")->info);
	/* The next look finds the other one. */
	fleet_get(f.fleet, on_answer, &a);
	puppet_answer(f.engine, ENGINE_LIST, 0);
	check(f.fleet);
	assert_string_equal(member(&f, "b")->machine->id, "9");
	end(&f);
}

/* ---- texts, errors, runs ------------------------------------------------- */

static void member_error_is_one_line_and_is_cleared(void **state)
{
	struct fixture f;
	char long_text[5000];

	(void)state;
	three(&f);
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	member_set_error(member(&f, "a"), "%s: %d", "why", 7);
	assert_string_equal(member_error(member(&f, "a")), "why: 7");
	assert_events(&f, "~a:error ");
	member_set_error(member(&f, "a"), "%s", "");
	assert_string_equal(member_error(member(&f, "a")), "");
	assert_events(&f, "~a:error ");
	/* There was none: nothing has changed. */
	member_set_error(member(&f, "a"), "%s", "");
	assert_events(&f, "");
	member_set_error(member(&f, "a"), "%s", long_text);
	assert_in_range(strlen(member_error(member(&f, "a"))), 1, ERROR_MAX);
	fleet_set_error(f.fleet, "%s", long_text);
	assert_in_range(strlen(fleet_error(f.fleet)), 1, ERROR_MAX);
	end(&f);
}

static void member_that_is_gone_tells_nobody(void **state)
{
	struct fixture f;

	(void)state;
	three(&f);
	f.kept[0] = member_ref(member(&f, "b"));
	puppet_remove(f.engine, "b");
	look(&f);
	assert_events(&f, "-b ");
	member_set_error(f.kept[0], "late");
	assert_events(&f, "");
	assert_string_equal(member_error(f.kept[0]), "late");
	end(&f);
}

static void member_forget_asks_for_details_again(void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	three(&f);
	member_get(member(&f, "a"), MEMBER_DETAILS, on_answer, &a);
	puppet_answer(f.engine, ENGINE_INFO, 0);
	member_set_error(member(&f, "a"), "old");
	member_forget(member(&f, "a"));
	assert_string_equal(member_error(member(&f, "a")), "");
	member_get(member(&f, "a"), MEMBER_DETAILS, on_answer, &a);
	assert_int_equal(puppet_n(f.engine, ENGINE_INFO), 1);
	puppet_answer(f.engine, ENGINE_INFO, 0);
	end(&f);
}

/* ---- the end ------------------------------------------------------------- */

static void fleet_end_tells_all_who_wait(void **state)
{
	struct fixture f;
	struct asker list = { 0 }, info = { 0 }, both = { 0 }, late = { 0 };

	(void)state;
	three(&f);
	member_get(member(&f, "a"), MEMBER_DETAILS, on_answer, &info);
	member_get(member(&f, "b"), MEMBER_DETAILS, on_answer, &info);
	hands_turn(f.hands, TTL_MS);
	fleet_get(f.fleet, on_answer, &list);
	member_get(member(&f, "c"), MEMBER_DETAILS, on_answer, &both);
	assert_int_equal(info.n, 0);
	fleet_end(f.fleet);
	assert_int_equal(info.n, 2);
	assert_int_equal(info.err, -ECANCELED);
	assert_int_equal(list.err, -ECANCELED);
	assert_int_equal(both.err, -ECANCELED);
	fleet_get(f.fleet, on_answer, &late);
	assert_int_equal(late.err, -ECANCELED);
	member_get(member(&f, "a"), MEMBER_DETAILS, on_answer, &late);
	assert_int_equal(late.n, 2);
	assert_int_equal(late.err, -ECANCELED);
	/* What was asked is answered yet, to nobody. */
	while (puppet_pending(f.engine, ENGINE_INFO))
		puppet_answer(f.engine, ENGINE_INFO, 0);
	puppet_answer(f.engine, ENGINE_LIST, 0);
	assert_int_equal(info.n, 2);
	assert_int_equal(list.n, 1);
	end(&f);
}

/* ---- at random ----------------------------------------------------------- */

static const char *any_name(void)
{
	static const char *const names[] = {
		"a",          "b",          "c",          "d",
		"a--snap--x", "b--snap--x", "a--snap--y", "c--snap--restoring"
	};

	return names[rand() % 8];
}

/* A machine that is shown, or a snapshot of it. */
static struct member *any_member(struct fixture *f)
{
	struct member *m = fleet_find(f->fleet, any_name());

	return m && rand() % 3 == 0 && snapshot_count(m) ? snapshot_next(m, 0)
	                                                 : m;
}

/* Something happens elsewhere. */
static void elsewhere(struct fixture *f)
{
	const char *name = any_name();
	struct machine **at = puppet_find(f->engine, name);
	char id[16];

	snprintf(id, sizeof(id), "x%u", ++f->engine->n_ids);
	switch (rand() % 4) {
	case 0:
		if (!at)
			puppet_add(f->engine, name, id, MACHINE_STOPPED);
		return;
	case 1:
		puppet_remove(f->engine, name);
		return;
	case 2:
		puppet_state(f->engine, name,
		             rand() % 2 ? MACHINE_RUNNING : MACHINE_STOPPED);
		return;
	default:
		name = any_name();
		if (at && !puppet_find(f->engine, name))
			puppet_word(&(*at)->name, name);
	}
}

/* We make copies, and machines of them. */
static void act_on_snapshots(struct fixture *f, struct member *m,
                             struct asker *a)
{
	static const char *const words[] = { "x", "y", "z" };
	struct member *of = any_member(f);

	switch (rand() % 5) {
	case 0:
		lifecycle_clone(m, any_name(), on_act, a);
		return;
	case 1:
		lifecycle_snapshot(m, words[rand() % 3], on_act, a);
		return;
	case 2:
		if (of)
			lifecycle_file(m, of, words[rand() % 3], on_act, a);
		return;
	case 3:
		if (snapshot_next(m, 0))
			lifecycle_restore(m, snapshot_next(m, 0), on_act, a);
		return;
	default:
		if (!f->loan)
			lifecycle_lend(m, &f->loan, on_act, a);
	}
}

/* We do something. */
static void act(struct fixture *f, struct asker *a)
{
	struct lifecycle_new spec = { .name = any_name() };
	struct member *m = any_member(f);
	enum engine_op op = (enum engine_op)(ENGINE_START + rand() % 4);

	if (m && rand() % 3 == 0) {
		act_on_snapshots(f, m, a);
		return;
	}
	switch (rand() % 6) {
	case 0:
		lifecycle_create(f->fleet, &spec, on_act, a);
		return;
	case 1:
		if (m)
			lifecycle_delete(m, on_act, a);
		return;
	case 2:
		if (m)
			lifecycle_rename(m, any_name(), on_act, a);
		return;
	case 3:
		if (m)
			lifecycle_turn(m, op, on_act, a);
		return;
	case 4:
		if (m)
			lifecycle_wait(m, on_act, a);
		return;
	default:
		if (m)
			member_get(m,
			           rand() % 2 ? MEMBER_ADDRESS : MEMBER_DETAILS,
			           on_answer, a);
	}
}

/* Some question is answered, not always the oldest, not always well. */
static void answer_some(struct fixture *f)
{
	static const int errors[] = { 0, 0, 0, 0, -EIO, -EBUSY };
	struct puppet_ask *ask = f->engine->asks;

	for (int i = rand() % 4; ask && ask->next && i > 0; i--)
		ask = ask->next;
	if (ask)
		puppet_give(f->engine, ask, errors[rand() % 6]);
}

/* All is over and the list is fresh: it shows what there is, and beside that
 * only creations that failed. */
static void check_against_engine(struct fixture *f)
{
	size_t n_failed = 0;
	size_t n_snapshots = 0;

	lifecycle_return(f->loan);
	f->loan = NULL;
	while (f->engine->asks || hands_n_alarms(f->hands)) {
		while (f->engine->asks)
			puppet_give(f->engine, f->engine->asks, 0);
		hands_turn_to_next(f->hands);
	}
	look(f);
	for (size_t i = 0; i < f->engine->n; i++) {
		const struct machine *machine = f->engine->machines[i];
		const struct member *m = fleet_holder(f->fleet, machine->name);

		assert_non_null(m);
		n_snapshots += m->of != NULL;
		assert_string_equal(m->machine->id, machine->id);
		assert_int_equal(member_state(m), machine->state);
		assert_true(m->known);
	}
	for (struct member *m = NULL;
	     (m = fleet_next(f->fleet, m ? m->cookie : 0));)
		n_failed += !m->known;
	assert_int_equal(fleet_count(f->fleet),
	                 f->engine->n - n_snapshots + n_failed);
}

static void fleet_holds_its_invariants_whatever_happens(void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	assert_true(begin_with(&f, &(struct fleet_events){ 0 }));
	srand(2);
	for (int step = 0; step < 20000; step++) {
		switch (rand() % 8) {
		case 0:
		case 1:
			elsewhere(&f);
			break;
		case 2:
			fleet_get(f.fleet, on_answer, &a);
			break;
		case 3:
		case 4:
			act(&f, &a);
			break;
		case 5:
			hands_turn(f.hands, (unsigned)rand() % 700);
			lifecycle_return(f.loan);
			f.loan = NULL;
			break;
		default:
			answer_some(&f);
		}
		check(f.fleet);
		if (step % 500 == 499)
			check_against_engine(&f);
	}
	end(&f);
}

static void fleet_survives_any_allocation_that_fails(void **state)
{
	unsigned n = 0;

	(void)state;
	while (fail_alloc_next(&n)) {
		struct fixture f;
		struct asker a = { 0 };
		unsigned asked = 0;

		if (!begin_with(&f, &(struct fleet_events){ 0 })) {
			end(&f);
			continue;
		}
		puppet_add(f.engine, "a", "1", MACHINE_RUNNING);
		puppet_add(f.engine, "b", "2", MACHINE_STOPPED);
		puppet_at_once(f.engine, true);
		fleet_get(f.fleet, on_answer, &a), asked++;
		check(f.fleet);
		puppet_word(&f.engine->machines[1]->name, "shop");
		puppet_add(f.engine, "b", "3", MACHINE_STOPPED);
		fleet_spoil(f.fleet);
		fleet_get(f.fleet, on_answer, &a), asked++;
		check(f.fleet);
		for (struct member *m = NULL;
		     (m = fleet_next(f.fleet, m ? m->cookie : 0));) {
			member_get(m, MEMBER_DETAILS, on_answer, &a), asked++;
			member_set_error(m, "some error");
		}
		assert_int_equal(a.n, asked);
		/* The next list puts everything right. */
		if (fail_alloc_reached())
			check_against_engine(&f);
		end(&f);
	}
	assert_true(n > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			fleet_shows_machines_in_the_order_of_their_coming),
		cmocka_unit_test(fleet_tells_who_came_went_and_changed),
		cmocka_unit_test(fleet_list_without_news_moves_no_time),
		cmocka_unit_test(fleet_tells_that_a_setting_changed),
		cmocka_unit_test(fleet_rename_elsewhere_keeps_the_member),
		cmocka_unit_test(
			fleet_name_used_again_by_another_id_is_another_machine),
		cmocka_unit_test(fleet_names_swapped_elsewhere_come_out_right),
		cmocka_unit_test(
			fleet_names_moved_round_elsewhere_come_out_right),
		cmocka_unit_test(
			fleet_of_two_records_of_one_name_the_first_holds),
		cmocka_unit_test(
			fleet_of_two_records_of_one_id_the_first_holds),
		cmocka_unit_test(fleet_list_that_fails_changes_nothing),
		cmocka_unit_test(fleet_without_any_list_tells_why),
		cmocka_unit_test(fleet_waits_for_a_sick_engine_only_a_moment),
		cmocka_unit_test(fleet_serves_everybody_with_one_list),
		cmocka_unit_test(
			fleet_list_asked_for_before_a_change_does_not_undo_it),
		cmocka_unit_test(fleet_list_does_not_touch_what_an_act_runs_on),
		cmocka_unit_test(
			fleet_keeps_a_creation_that_failed_until_it_is_removed),
		cmocka_unit_test(
			fleet_info_with_the_id_of_another_does_not_displace_it),
		cmocka_unit_test(
			fleet_is_read_on_from_any_cookie_while_machines_come_and_go),
		cmocka_unit_test(fleet_never_gives_a_cookie_twice),
		cmocka_unit_test(fleet_does_not_show_what_is_hidden),
		cmocka_unit_test(
			fleet_of_ten_thousand_costs_what_its_number_says),
		cmocka_unit_test(
			member_get_asks_for_the_address_once_while_it_runs),
		cmocka_unit_test(
			member_get_asks_again_for_an_address_that_was_not_there),
		cmocka_unit_test(
			member_get_asks_no_address_of_what_does_not_run),
		cmocka_unit_test(member_forgets_the_address_of_another_boot),
		cmocka_unit_test(member_get_details_are_fresh_and_shared),
		cmocka_unit_test(member_get_of_one_that_is_gone_is_told_so),
		cmocka_unit_test(member_get_tells_why_info_failed),
		cmocka_unit_test(
			member_get_does_not_take_the_info_of_another_id),
		cmocka_unit_test(member_error_is_one_line_and_is_cleared),
		cmocka_unit_test(member_that_is_gone_tells_nobody),
		cmocka_unit_test(member_forget_asks_for_details_again),
		cmocka_unit_test(fleet_end_tells_all_who_wait),
		cmocka_unit_test(fleet_holds_its_invariants_whatever_happens),
		cmocka_unit_test(fleet_survives_any_allocation_that_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
