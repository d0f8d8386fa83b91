/*
 * What lifecycle.h promises: what each act shows, in which order acts happen,
 * who is answered when, and what a failure leaves behind. The engine is a
 * puppet and the clock is turned by hand.
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

#include "cache/fleet.h"
#include "cache/lifecycle.h"
#include "tests/fail_alloc.h"
#include "tests/hands.h"
#include "tests/puppet.h"

enum { TTL_MS = 1000 };

struct fixture {
	struct hands *hands;
	struct engine *engine;
	struct fleet *fleet;
	unsigned n_came;
	unsigned n_gone;
};

/* Somebody who asked, and what was heard. */
struct asker {
	unsigned n;
	int err;
	struct member *m;
	unsigned *order;
	unsigned place;
	/* From its callback it turns its machine so, once. */
	bool turns;
	enum engine_op op;
	struct asker *next;
};

static void on_done(void *arg, int err, struct member *m)
{
	struct asker *a = arg;

	a->n++;
	a->err = err;
	a->m = m;
	if (a->order)
		a->place = ++*a->order;
	if (a->turns) {
		a->turns = false;
		lifecycle_turn(m, a->op, on_done, a->next);
	}
}

static void on_list(void *arg, int err)
{
	(void)arg;
	(void)err;
}

static void on_came(void *arg, struct member *m)
{
	struct fixture *f = arg;

	(void)m;
	f->n_came++;
}

static void on_gone(void *arg, struct member *m, const char *name)
{
	struct fixture *f = arg;

	(void)m;
	(void)name;
	f->n_gone++;
}

/* Have the engine's table taken over now. */
static void look(struct fixture *f)
{
	fleet_spoil(f->fleet);
	fleet_get(f->fleet, on_list, NULL);
	while (puppet_pending(f->engine, ENGINE_LIST))
		puppet_answer(f->engine, ENGINE_LIST, 0);
}

static void begin(struct fixture *f)
{
	static const struct fleet_events events = {
		.came = on_came,
		.gone = on_gone,
	};
	struct fleet_spec spec = {
		.ttl_ms = TTL_MS,
		.image = "debian:bookworm",
	};

	*f = (struct fixture){ .hands = hands_new(), .engine = puppet_new() };
	spec.engine = f->engine;
	spec.clock = hands_clock(f->hands);
	f->fleet = fleet_new(&spec);
	assert_non_null(f->fleet);
	fleet_set_events(f->fleet, &events, f);
	puppet_add(f->engine, "up", "1", MACHINE_RUNNING);
	puppet_add(f->engine, "off", "2", MACHINE_STOPPED);
	look(f);
}

static void end(struct fixture *f)
{
	fleet_end(f->fleet);
	puppet_refuse(f->engine, -ECANCELED);
	fleet_free(f->fleet);
	puppet_free(f->engine);
	hands_free(f->hands);
}

static struct member *member(struct fixture *f, const char *name)
{
	struct member *m = fleet_find(f->fleet, name);

	if (!m)
		fail_msg("%s is not shown", name);
	return m;
}

static void create(struct fixture *f, const char *name, struct asker *a)
{
	lifecycle_create(f->fleet, &(struct lifecycle_new){ .name = name },
	                 on_done, a);
}

#define assert_heard(asker, times, error)                                      \
	do {                                                                   \
		assert_int_equal((asker).n, times);                            \
		assert_int_equal((asker).err, error);                          \
	} while (0)

#define assert_error(f, name, text)                                            \
	assert_non_null(strstr(member_error(member(f, name)), text))
#define assert_fleet_error(f, text)                                            \
	assert_non_null(strstr(fleet_error((f)->fleet), text))

/* ---- create -------------------------------------------------------------- */

static void create_shows_at_once_and_is_answered_when_it_runs(void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	create(&f, "web", &a);
	assert_int_equal(member_state(member(&f, "web")), MACHINE_CREATING);
	assert_string_equal(f.engine->last.image, "debian:bookworm");
	assert_string_equal(f.engine->last.id, "");
	puppet_answer(f.engine, ENGINE_CREATE, 0);
	puppet_address(f.engine, "web", "10.0.0.9");
	assert_heard(a, 0, 0);
	puppet_answer(f.engine, ENGINE_INFO, 0);
	assert_heard(a, 1, 0);
	assert_ptr_equal(a.m, member(&f, "web"));
	assert_int_equal(member_state(a.m), MACHINE_RUNNING);
	assert_true(a.m->known);
	assert_string_equal(a.m->machine->id, "made1");
	assert_string_equal(member_error(a.m), "");
	end(&f);
}

static void create_brings_the_address_along(void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	create(&f, "web", &a);
	puppet_answer(f.engine, ENGINE_CREATE, 0);
	puppet_word(&puppet_pending(f.engine, ENGINE_INFO)->list[0]->ip4,
	            "10.0.0.9");
	puppet_answer(f.engine, ENGINE_INFO, 0);
	assert_string_equal(a.m->info->ip4, "10.0.0.9");
	member_get(a.m, MEMBER_ADDRESS, on_list, NULL);
	look(&f);
	assert_int_equal(puppet_asked(f.engine, ENGINE_INFO), 1);
	end(&f);
}

static void create_from_another_image_says_so(void **state)
{
	struct fixture f;
	struct asker a = { 0 };
	struct lifecycle_new spec = { .name = "web", .image = "alpine:3.20" };

	(void)state;
	begin(&f);
	lifecycle_create(f.fleet, &spec, on_done, &a);
	assert_string_equal(f.engine->last.image, "alpine:3.20");
	puppet_answer(f.engine, ENGINE_CREATE, 0);
	puppet_answer(f.engine, ENGINE_INFO, 0);
	assert_heard(a, 1, 0);
	end(&f);
}

static void create_that_is_slow_is_answered_while_it_goes_on(void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	create(&f, "web", &a);
	hands_turn(f.hands, LIFECYCLE_PATIENCE_MS - 1);
	assert_heard(a, 0, 0);
	hands_turn(f.hands, 1);
	assert_heard(a, 1, 0);
	assert_int_equal(member_state(a.m), MACHINE_CREATING);
	puppet_answer(f.engine, ENGINE_CREATE, 0);
	puppet_answer(f.engine, ENGINE_INFO, 0);
	assert_heard(a, 1, 0);
	assert_int_equal(member_state(a.m), MACHINE_RUNNING);
	end(&f);
}

/* The kernel gives the root's lock from one to the next of those in line. */
static void creates_in_line_share_the_patience_of_one(void **state)
{
	struct fixture f;
	struct asker a = { 0 }, b = { 0 }, c = { 0 };

	(void)state;
	begin(&f);
	create(&f, "one", &a);
	hands_turn(f.hands, LIFECYCLE_PATIENCE_MS);
	assert_heard(a, 1, 0);
	create(&f, "two", &b);
	assert_heard(b, 0, 0);
	hands_turn(f.hands, 1);
	assert_heard(b, 1, 0);
	/* While the root is free it comes back. */
	hands_turn(f.hands, 60000);
	create(&f, "three", &c);
	hands_turn(f.hands, LIFECYCLE_PATIENCE_MS - 1);
	assert_heard(c, 0, 0);
	hands_turn(f.hands, 1);
	assert_heard(c, 1, 0);
	assert_int_equal(member_state(member(&f, "one")), MACHINE_CREATING);
	end(&f);
}

static void create_without_an_info_afterwards_has_succeeded(void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	create(&f, "web", &a);
	puppet_answer(f.engine, ENGINE_CREATE, 0);
	puppet_answer(f.engine, ENGINE_INFO, -EIO);
	assert_heard(a, 1, 0);
	assert_int_equal(member_state(a.m), MACHINE_RUNNING);
	assert_false(a.m->known);
	/* Without its id it is not deleted; the next list has the id. */
	lifecycle_delete(a.m, on_done, &a);
	assert_heard(a, 2, -EBUSY);
	look(&f);
	assert_true(member(&f, "web")->known);
	end(&f);
}

static void create_that_fails_soon_leaves_nothing(void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	create(&f, "web", &a);
	puppet_answer(f.engine, ENGINE_CREATE, -ENOSPC);
	assert_heard(a, 1, -ENOSPC);
	assert_null(a.m);
	assert_null(fleet_find(f.fleet, "web"));
	assert_fleet_error(&f, "web: create: ");
	assert_int_equal(f.n_came, 3);
	assert_int_equal(f.n_gone, 1);
	/* The name is free. */
	create(&f, "web", &a);
	puppet_answer(f.engine, ENGINE_CREATE, 0);
	puppet_answer(f.engine, ENGINE_INFO, 0);
	assert_heard(a, 2, 0);
	end(&f);
}

static void create_that_fails_late_leaves_its_reason(void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	create(&f, "web", &a);
	hands_turn(f.hands, LIFECYCLE_PATIENCE_MS);
	puppet_answer(f.engine, ENGINE_CREATE, -EIO);
	assert_heard(a, 1, 0);
	assert_int_equal(member_state(member(&f, "web")), MACHINE_FAILED);
	assert_error(&f, "web", "create: ");
	assert_fleet_error(&f, "web: create: ");
	/* rmdir removes it, and the engine hears nothing of that. */
	lifecycle_delete(member(&f, "web"), on_done, &a);
	assert_heard(a, 2, 0);
	assert_null(fleet_find(f.fleet, "web"));
	assert_int_equal(puppet_asked(f.engine, ENGINE_DELETE), 0);
	assert_int_equal(puppet_asked(f.engine, ENGINE_INFO), 0);
	end(&f);
}

static void what_never_came_into_being_keeps_the_reason(void **state)
{
	struct fixture f;
	struct asker a = { 0 };
	struct member *m;

	(void)state;
	begin(&f);
	create(&f, "web", &a);
	hands_turn(f.hands, LIFECYCLE_PATIENCE_MS);
	/* One of these waits in the queue when the creation fails. */
	m = member(&f, "web");
	lifecycle_turn(m, ENGINE_STOP, on_done, &a);
	puppet_answer(f.engine, ENGINE_CREATE, -EIO);
	assert_heard(a, 2, -ENOENT);
	lifecycle_turn(m, ENGINE_START, on_done, &a);
	assert_heard(a, 3, -ENOENT);
	lifecycle_configure(m, "cpus 2\n", 7, on_done, &a);
	assert_heard(a, 4, -ENOENT);
	assert_error(&f, "web", "create: ");
	assert_int_equal(puppet_asked(f.engine, ENGINE_STOP), 0);
	assert_int_equal(puppet_asked(f.engine, ENGINE_START), 0);
	end(&f);
}

static void create_that_fails_late_may_have_left_a_machine(void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	create(&f, "web", &a);
	hands_turn(f.hands, LIFECYCLE_PATIENCE_MS);
	puppet_add(f.engine, "web", "left", MACHINE_STOPPED);
	puppet_answer(f.engine, ENGINE_CREATE, -EIO);
	look(&f);
	assert_int_equal(member_state(member(&f, "web")), MACHINE_STOPPED);
	assert_error(&f, "web", "create: ");
	/* Then it is the engine that has to delete it. */
	lifecycle_delete(member(&f, "web"), on_done, &a);
	assert_string_equal(f.engine->last.id, "left");
	puppet_answer(f.engine, ENGINE_DELETE, 0);
	assert_heard(a, 2, 0);
	end(&f);
}

static void create_refuses_bad_names_before_anything_is_asked(void **state)
{
	static const struct {
		const char *name;
		int err;
	} rows[] = {
		{ "", -EINVAL },        { "-web", -EINVAL },
		{ "web-", -EINVAL },    { "Web", -EINVAL },
		{ "w b", -EINVAL },     { "web.local", -EINVAL },
		{ ".hidden", -EINVAL }, { "--all", -EINVAL },
		{ "a/b", -EINVAL },     { "w\nb", -EINVAL },
		{ "default", -EINVAL }, { "w\303\266b", -EINVAL },
	};
	struct fixture f;
	char name[300];
	unsigned asked;

	(void)state;
	begin(&f);
	asked = f.engine->n_asked[ENGINE_CREATE];
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct asker a = { 0 };

		create(&f, rows[i].name, &a);
		if (a.n != 1 || a.err != rows[i].err)
			fail_msg("'%s': %d", rows[i].name, a.err);
		assert_null(a.m);
		assert_fleet_error(&f, "cannot be a machine's name");
	}
	memset(name, 'x', sizeof(name));
	for (size_t len = MACHINE_NAME_MAX + 1; len < sizeof(name); len += 59) {
		struct asker a = { 0 };

		name[len] = '\0';
		create(&f, name, &a);
		name[len] = 'x';
		assert_heard(a, 1, -ENAMETOOLONG);
		assert_fleet_error(&f, "at most 63 characters");
	}
	assert_int_equal(f.engine->n_asked[ENGINE_CREATE], asked);
	assert_int_equal(fleet_count(f.fleet), 2);
	end(&f);
}

static void create_takes_the_longest_good_name(void **state)
{
	struct fixture f;
	struct asker a = { 0 };
	char name[MACHINE_NAME_MAX + 1];

	(void)state;
	begin(&f);
	memset(name, 'x', sizeof(name));
	name[MACHINE_NAME_MAX] = '\0';
	create(&f, name, &a);
	puppet_answer(f.engine, ENGINE_CREATE, 0);
	puppet_answer(f.engine, ENGINE_INFO, 0);
	assert_heard(a, 1, 0);
	end(&f);
}

static void create_refuses_a_name_that_is_taken(void **state)
{
	struct fixture f;
	struct asker a = { 0 }, making = { 0 };

	(void)state;
	begin(&f);
	create(&f, "up", &a);
	assert_heard(a, 1, -EEXIST);
	assert_fleet_error(&f, "up: the name is taken");
	create(&f, "web", &making);
	create(&f, "web", &a);
	assert_heard(a, 2, -EEXIST);
	lifecycle_delete(member(&f, "off"), on_done, &making);
	create(&f, "off", &a);
	assert_heard(a, 3, -EBUSY);
	assert_fleet_error(&f, "off: a machine of that name is being deleted");
	assert_int_equal(puppet_asked(f.engine, ENGINE_CREATE), 1);
	end(&f);
}

/* ---- delete -------------------------------------------------------------- */

static void delete_gives_the_engine_the_id(void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	lifecycle_delete(member(&f, "off"), on_done, &a);
	assert_null(fleet_find(f.fleet, "off"));
	assert_string_equal(f.engine->last.name, "off");
	assert_string_equal(f.engine->last.id, "2");
	assert_heard(a, 0, 0);
	puppet_answer(f.engine, ENGINE_DELETE, 0);
	assert_heard(a, 1, 0);
	assert_null(a.m);
	assert_null(fleet_holder(f.fleet, "off"));
	end(&f);
}

static void delete_of_what_runs_says_how_to_stop_it(void **state)
{
	static const struct {
		enum machine_state state;
		const char *way;
	} rows[] = {
		{ MACHINE_RUNNING, "first: echo stop > state" },
		{ MACHINE_STARTING, "first: echo kill > state" },
		{ MACHINE_STOPPING, "first: echo kill > state" },
		{ MACHINE_PAUSED, "first: echo kill > state" },
		{ MACHINE_UNKNOWN, "first: echo kill > state" },
	};
	struct fixture f;

	(void)state;
	begin(&f);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct asker a = { 0 };

		puppet_state(f.engine, "up", rows[i].state);
		look(&f);
		lifecycle_delete(member(&f, "up"), on_done, &a);
		assert_heard(a, 1, -EBUSY);
		assert_error(&f, "up", rows[i].way);
	}
	assert_int_equal(puppet_asked(f.engine, ENGINE_DELETE), 0);
	end(&f);
}

static void delete_while_something_is_under_way_is_refused(void **state)
{
	struct fixture f;
	struct asker a = { 0 }, b = { 0 };

	(void)state;
	begin(&f);
	lifecycle_turn(member(&f, "off"), ENGINE_START, on_done, &a);
	lifecycle_delete(member(&f, "off"), on_done, &b);
	assert_heard(b, 1, -EBUSY);
	assert_error(&f, "off", "off is starting; wait for the end of that");
	end(&f);
}

static void delete_that_is_slow_is_answered_and_stays_hidden(void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	lifecycle_delete(member(&f, "off"), on_done, &a);
	hands_turn(f.hands, LIFECYCLE_PATIENCE_MS);
	assert_heard(a, 1, 0);
	look(&f);
	assert_null(fleet_find(f.fleet, "off"));
	puppet_answer(f.engine, ENGINE_DELETE, 0);
	look(&f);
	assert_null(fleet_find(f.fleet, "off"));
	end(&f);
}

static void delete_that_fails_brings_the_machine_back(void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	/* Late. */
	lifecycle_delete(member(&f, "off"), on_done, &a);
	hands_turn(f.hands, LIFECYCLE_PATIENCE_MS);
	puppet_answer(f.engine, ENGINE_DELETE, -EIO);
	assert_heard(a, 1, 0);
	assert_int_equal(member_state(member(&f, "off")), MACHINE_STOPPED);
	assert_error(&f, "off", "delete: ");
	/* Soon. */
	lifecycle_delete(member(&f, "off"), on_done, &a);
	puppet_answer(f.engine, ENGINE_DELETE, -ENOSPC);
	assert_heard(a, 2, -ENOSPC);
	assert_ptr_equal(a.m, member(&f, "off"));
	end(&f);
}

/* ---- rename -------------------------------------------------------------- */

static void rename_shows_at_once_and_keeps_the_member(void **state)
{
	struct fixture f;
	struct asker a = { 0 };
	struct member *m;

	(void)state;
	begin(&f);
	m = member(&f, "off");
	member_set_error(m, "old");
	lifecycle_rename(m, "shop", on_done, &a);
	assert_ptr_equal(member(&f, "shop"), m);
	assert_null(fleet_find(f.fleet, "off"));
	assert_string_equal(f.engine->last.name, "off");
	assert_string_equal(f.engine->last.new_name, "shop");
	assert_string_equal(f.engine->last.id, "2");
	puppet_answer(f.engine, ENGINE_RENAME, 0);
	assert_heard(a, 1, 0);
	assert_string_equal(member_error(m), "");
	look(&f);
	assert_ptr_equal(member(&f, "shop"), m);
	end(&f);
}

static void rename_that_fails_brings_the_name_back(void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	lifecycle_rename(member(&f, "off"), "shop", on_done, &a);
	puppet_answer(f.engine, ENGINE_RENAME, -EIO);
	assert_heard(a, 1, -EIO);
	assert_null(fleet_find(f.fleet, "shop"));
	assert_error(&f, "off", "rename: ");
	/* Late. */
	lifecycle_rename(member(&f, "off"), "shop", on_done, &a);
	hands_turn(f.hands, LIFECYCLE_PATIENCE_MS);
	assert_heard(a, 2, 0);
	puppet_answer(f.engine, ENGINE_RENAME, -EIO);
	assert_null(fleet_find(f.fleet, "shop"));
	assert_error(&f, "off", "rename: ");
	end(&f);
}

static void rename_that_fails_finds_its_old_name_taken(void **state)
{
	struct fixture f;
	struct asker a = { 0 }, b = { 0 };

	(void)state;
	begin(&f);
	lifecycle_rename(member(&f, "off"), "shop", on_done, &a);
	create(&f, "off", &b);
	puppet_answer(f.engine, ENGINE_RENAME, -EIO);
	assert_heard(a, 1, -EIO);
	assert_error(&f, "shop", "rename: ");
	puppet_answer(f.engine, ENGINE_CREATE, 0);
	assert_heard(b, 1, -EEXIST);
	/* The engine's own word sets it right. */
	look(&f);
	assert_string_equal(member(&f, "off")->machine->id, "2");
	assert_null(fleet_find(f.fleet, "shop"));
	end(&f);
}

static void rename_refuses_what_cannot_be(void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	lifecycle_rename(member(&f, "off"), "up", on_done, &a);
	assert_heard(a, 1, -EEXIST);
	assert_error(&f, "off", "rename: up: the name is taken");
	lifecycle_rename(member(&f, "off"), "No Name", on_done, &a);
	assert_heard(a, 2, -EINVAL);
	lifecycle_turn(member(&f, "off"), ENGINE_START, on_done,
	               &(struct asker){ 0 });
	lifecycle_rename(member(&f, "off"), "shop", on_done, &a);
	assert_heard(a, 3, -EBUSY);
	assert_int_equal(puppet_asked(f.engine, ENGINE_RENAME), 0);
	puppet_answer(f.engine, ENGINE_START, 0);
	end(&f);
}

/* ---- turn ---------------------------------------------------------------- */

static void turn_shows_what_passes_and_where_it_leads(void **state)
{
	static const struct {
		enum engine_op op;
		enum machine_state passing;
		enum machine_state goal;
	} rows[] = {
		{ ENGINE_STOP, MACHINE_STOPPING, MACHINE_STOPPED },
		{ ENGINE_START, MACHINE_STARTING, MACHINE_RUNNING },
		{ ENGINE_RESTART, MACHINE_STARTING, MACHINE_RUNNING },
		{ ENGINE_KILL, MACHINE_STOPPING, MACHINE_STOPPED },
	};
	struct fixture f;

	(void)state;
	begin(&f);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct asker a = { 0 };

		lifecycle_turn(member(&f, "up"), rows[i].op, on_done, &a);
		assert_int_equal(member_state(member(&f, "up")),
		                 rows[i].passing);
		hands_turn(f.hands, 10000);
		assert_heard(a, 0, 0);
		puppet_answer(f.engine, rows[i].op, 0);
		assert_heard(a, 1, 0);
		assert_int_equal(member_state(member(&f, "up")), rows[i].goal);
	}
	end(&f);
}

static void turn_that_fails_leaves_the_state_and_a_reason(void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	lifecycle_turn(member(&f, "up"), ENGINE_STOP, on_done, &a);
	puppet_answer(f.engine, ENGINE_STOP, -ETIMEDOUT);
	assert_heard(a, 1, -ETIMEDOUT);
	assert_int_equal(member_state(member(&f, "up")), MACHINE_RUNNING);
	assert_error(&f, "up", "stop: ");
	lifecycle_turn(member(&f, "up"), ENGINE_STOP, on_done, &a);
	puppet_answer(f.engine, ENGINE_STOP, 0);
	assert_string_equal(member_error(member(&f, "up")), "");
	end(&f);
}

static void turns_of_one_machine_happen_one_after_another(void **state)
{
	static const enum engine_op ops[] = { ENGINE_STOP, ENGINE_START,
		                              ENGINE_RESTART, ENGINE_KILL };
	struct fixture f;
	struct asker many[4];
	unsigned order = 0;

	(void)state;
	begin(&f);
	for (int i = 0; i < 4; i++) {
		many[i] = (struct asker){ .order = &order };
		lifecycle_turn(member(&f, "up"), ops[i], on_done, &many[i]);
	}
	for (int i = 0; i < 4; i++) {
		assert_ptr_equal(f.engine->asks,
		                 puppet_pending(f.engine, ops[i]));
		assert_null(f.engine->asks->next);
		/* A failure does not stop those behind it. */
		puppet_answer(f.engine, ops[i], i == 1 ? -EIO : 0);
		assert_int_equal(many[i].place, i + 1);
	}
	end(&f);
}

static void turns_of_two_machines_happen_side_by_side(void **state)
{
	struct fixture f;
	struct asker a = { 0 }, b = { 0 };

	(void)state;
	begin(&f);
	lifecycle_turn(member(&f, "up"), ENGINE_STOP, on_done, &a);
	lifecycle_turn(member(&f, "off"), ENGINE_START, on_done, &b);
	assert_int_equal(puppet_n(f.engine, ENGINE_STOP), 1);
	puppet_answer(f.engine, ENGINE_START, 0);
	assert_heard(b, 1, 0);
	assert_heard(a, 0, 0);
	puppet_answer(f.engine, ENGINE_STOP, 0);
	end(&f);
}

static void turn_asked_for_from_an_answer_begins_once(void **state)
{
	struct fixture f;
	struct asker then = { 0 };
	struct asker a = { .turns = true, .op = ENGINE_STOP, .next = &then };

	(void)state;
	begin(&f);
	lifecycle_turn(member(&f, "off"), ENGINE_START, on_done, &a);
	puppet_answer(f.engine, ENGINE_START, 0);
	assert_heard(a, 1, 0);
	assert_int_equal(puppet_asked(f.engine, ENGINE_STOP), 1);
	puppet_answer(f.engine, ENGINE_STOP, 0);
	assert_heard(then, 1, 0);
	end(&f);
}

static void turn_asked_for_from_an_answer_comes_behind_the_queue(void **state)
{
	struct fixture f;
	struct asker then = { 0 }, queued = { 0 };
	struct asker a = { .turns = true, .op = ENGINE_STOP, .next = &then };

	(void)state;
	begin(&f);
	lifecycle_turn(member(&f, "off"), ENGINE_START, on_done, &a);
	lifecycle_turn(member(&f, "off"), ENGINE_RESTART, on_done, &queued);
	puppet_answer(f.engine, ENGINE_START, 0);
	assert_int_equal(puppet_n(f.engine, ENGINE_STOP), 0);
	puppet_answer(f.engine, ENGINE_RESTART, 0);
	assert_heard(queued, 1, 0);
	puppet_answer(f.engine, ENGINE_STOP, 0);
	assert_heard(then, 1, 0);
	end(&f);
}

static void turn_of_a_machine_being_made_waits_for_it(void **state)
{
	struct fixture f;
	struct asker a = { 0 }, b = { 0 };

	(void)state;
	begin(&f);
	create(&f, "web", &a);
	lifecycle_turn(member(&f, "web"), ENGINE_STOP, on_done, &b);
	assert_int_equal(puppet_n(f.engine, ENGINE_STOP), 0);
	puppet_answer(f.engine, ENGINE_CREATE, 0);
	puppet_answer(f.engine, ENGINE_INFO, 0);
	puppet_answer(f.engine, ENGINE_STOP, 0);
	assert_heard(a, 1, 0);
	assert_heard(b, 1, 0);
	end(&f);
}

static void turn_of_a_machine_that_was_not_made_after_all_fails(void **state)
{
	struct fixture f;
	struct asker a = { 0 }, b = { 0 }, c = { 0 };

	(void)state;
	begin(&f);
	create(&f, "web", &a);
	lifecycle_turn(member(&f, "web"), ENGINE_STOP, on_done, &b);
	lifecycle_wait(member(&f, "web"), on_done, &c);
	puppet_answer(f.engine, ENGINE_CREATE, -EIO);
	assert_heard(a, 1, -EIO);
	assert_heard(b, 1, -ENOENT);
	look(&f);
	assert_heard(c, 1, -ENOENT);
	assert_int_equal(puppet_asked(f.engine, ENGINE_STOP), 0);
	end(&f);
}

/* ---- configure ----------------------------------------------------------- */

static void configure(struct fixture *f, const char *text, struct asker *a)
{
	lifecycle_configure(member(f, "off"), text, strlen(text), on_done, a);
}

static void configure_sets_what_differs_and_nothing_else(void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	(*puppet_find(f.engine, "off"))->cpus = 2;
	configure(&f, "cpus 2\nmemory 2G\nuser joe\n", &a);
	puppet_answer(f.engine, ENGINE_INFO, 0);
	assert_int_equal(f.engine->last.key, MACHINE_KEY_USER);
	assert_string_equal(f.engine->last.value, "joe");
	puppet_answer(f.engine, ENGINE_SET, 0);
	assert_int_equal(f.engine->last.key, MACHINE_KEY_MEMORY);
	assert_heard(a, 0, 0);
	puppet_answer(f.engine, ENGINE_SET, 0);
	assert_heard(a, 1, 0);
	assert_int_equal(puppet_asked(f.engine, ENGINE_SET), 2);
	assert_string_equal(member_error(member(&f, "off")), "");
	end(&f);
}

static void configure_applies_nothing_of_a_bad_write(void **state)
{
	static const struct {
		const char *text;
		int err;
		const char *key;
	} rows[] = {
		{ "user joe\ncolour red\n", -EINVAL, "colour" },
		{ "user joe\ncpus many\n", -EINVAL, "cpus" },
		{ "user joe\nid 77\n", -EPERM, "id" },
		{ "{\"user\": \"joe\", \"memory\": []}", -EINVAL, "memory" },
		{ "{\"user\": \"joe\"", -EINVAL, "" },
	};
	struct fixture f;

	(void)state;
	begin(&f);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct asker a = { 0 };

		configure(&f, rows[i].text, &a);
		puppet_answer(f.engine, ENGINE_INFO, 0);
		if (a.n != 1 || a.err != rows[i].err)
			fail_msg("%s: %d", rows[i].text, a.err);
		assert_error(&f, "off", rows[i].key);
		assert_true(*member_error(member(&f, "off")));
	}
	assert_int_equal(puppet_asked(f.engine, ENGINE_SET), 0);
	end(&f);
}

static void configure_that_fails_on_the_way_says_what_was_not_applied(
	void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	configure(&f, "isolated true\nuser joe\ncpus 2\nmemory 2G\n", &a);
	puppet_answer(f.engine, ENGINE_INFO, 0);
	puppet_answer(f.engine, ENGINE_SET, 0);
	puppet_answer(f.engine, ENGINE_SET, -EIO);
	assert_heard(a, 1, -EIO);
	assert_error(&f, "off",
	             "config: cpus: set: Input/output error; applied: user; "
	             "not applied: memory isolated");
	assert_int_equal(puppet_n(f.engine, ENGINE_SET), 0);
	end(&f);
}

static void configure_does_not_touch_another_machine_of_that_name(void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	/* Made anew elsewhere since the last list. */
	puppet_remove(f.engine, "off");
	puppet_add(f.engine, "off", "9", MACHINE_STOPPED);
	configure(&f, "cpus 2\n", &a);
	puppet_answer(f.engine, ENGINE_INFO, 0);
	assert_heard(a, 1, -ENOENT);
	assert_error(&f, "off", "the name belongs to another machine now");
	assert_int_equal(puppet_asked(f.engine, ENGINE_SET), 0);
	end(&f);
}

static void configure_without_an_info_fails(void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	configure(&f, "cpus 2\n", &a);
	puppet_answer(f.engine, ENGINE_INFO, -ENODEV);
	assert_heard(a, 1, -ENODEV);
	assert_error(&f, "off", "config: info: ");
	end(&f);
}

static void configure_of_what_is_already_so_changes_nothing(void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	(*puppet_find(f.engine, "off"))->cpus = 2;
	configure(&f, "cpus 2\n", &a);
	puppet_answer(f.engine, ENGINE_INFO, 0);
	assert_heard(a, 1, 0);
	configure(&f, "\n\n", &a);
	puppet_answer(f.engine, ENGINE_INFO, 0);
	assert_heard(a, 2, 0);
	assert_int_equal(puppet_asked(f.engine, ENGINE_SET), 0);
	end(&f);
}

/* ---- wait ---------------------------------------------------------------- */

static void wait_for_what_runs_is_over_at_once(void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	lifecycle_wait(member(&f, "up"), on_done, &a);
	assert_heard(a, 1, 0);
	end(&f);
}

static void wait_for_what_does_not_run_says_how_to_start_it(void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	lifecycle_wait(member(&f, "off"), on_done, &a);
	assert_heard(a, 1, -EHOSTDOWN);
	assert_error(&f, "off", "off is stopped; first: echo start > state");
	/* Looking never starts a machine. */
	assert_int_equal(puppet_asked(f.engine, ENGINE_START), 0);
	end(&f);
}

static void wait_for_what_is_being_made_ends_when_it_runs(void **state)
{
	struct fixture f;
	struct asker a = { 0 }, b = { 0 }, c = { 0 };

	(void)state;
	begin(&f);
	create(&f, "web", &a);
	lifecycle_wait(member(&f, "web"), on_done, &b);
	lifecycle_wait(member(&f, "web"), on_done, &c);
	hands_turn(f.hands, 50000);
	assert_heard(a, 1, 0);
	assert_heard(b, 0, 0);
	puppet_answer(f.engine, ENGINE_CREATE, 0);
	puppet_answer(f.engine, ENGINE_INFO, 0);
	look(&f);
	assert_heard(b, 1, 0);
	assert_heard(c, 1, 0);
	end(&f);
}

static void waits_end_in_the_order_in_which_they_began(void **state)
{
	struct fixture f;
	struct asker many[5];
	unsigned order = 0;

	(void)state;
	begin(&f);
	create(&f, "web", &(struct asker){ 0 });
	for (int i = 0; i < 5; i++) {
		many[i] = (struct asker){ .order = &order };
		lifecycle_wait(member(&f, "web"), on_done, &many[i]);
	}
	hands_turn(f.hands, LIFECYCLE_PATIENCE_MS);
	puppet_answer(f.engine, ENGINE_CREATE, 0);
	puppet_answer(f.engine, ENGINE_INFO, 0);
	look(&f);
	for (int i = 0; i < 5; i++)
		assert_int_equal(many[i].place, i + 1);
	end(&f);
}

static void wait_for_a_creation_that_fails_keeps_its_reason(void **state)
{
	struct fixture f;
	struct asker a = { 0 }, b = { 0 };

	(void)state;
	begin(&f);
	create(&f, "web", &a);
	hands_turn(f.hands, LIFECYCLE_PATIENCE_MS);
	lifecycle_wait(member(&f, "web"), on_done, &b);
	puppet_answer(f.engine, ENGINE_CREATE, -ENOSPC);
	look(&f);
	assert_heard(b, 1, -EHOSTDOWN);
	assert_error(&f, "web", "create: ");
	end(&f);
}

static void wait_for_what_somebody_else_starts_looks_again_and_again(
	void **state)
{
	struct fixture f;
	struct asker a = { 0 };
	unsigned lists;

	(void)state;
	begin(&f);
	puppet_state(f.engine, "off", MACHINE_STARTING);
	look(&f);
	lists = puppet_asked(f.engine, ENGINE_LIST);
	puppet_at_once(f.engine, true);
	lifecycle_wait(member(&f, "off"), on_done, &a);
	hands_turn(f.hands, 5000);
	assert_heard(a, 0, 0);
	assert_in_range(puppet_asked(f.engine, ENGINE_LIST) - lists, 5, 12);
	puppet_state(f.engine, "off", MACHINE_RUNNING);
	hands_turn(f.hands, 1000);
	assert_heard(a, 1, 0);
	/* Nobody looks any more. */
	lists = puppet_asked(f.engine, ENGINE_LIST);
	hands_turn(f.hands, 60000);
	assert_int_equal(puppet_asked(f.engine, ENGINE_LIST), lists);
	end(&f);
}

static void wait_for_what_never_comes_up_ends(void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	puppet_state(f.engine, "off", MACHINE_STARTING);
	look(&f);
	puppet_at_once(f.engine, true);
	lifecycle_wait(member(&f, "off"), on_done, &a);
	hands_turn(f.hands, 59000);
	assert_heard(a, 0, 0);
	hands_turn(f.hands, 3000);
	assert_heard(a, 1, -ETIMEDOUT);
	assert_error(&f, "off", "off has been starting for too long");
	end(&f);
}

static void wait_for_what_vanishes_ends(void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	puppet_state(f.engine, "off", MACHINE_STARTING);
	look(&f);
	puppet_at_once(f.engine, true);
	lifecycle_wait(member(&f, "off"), on_done, &a);
	puppet_remove(f.engine, "off");
	hands_turn(f.hands, 1000);
	assert_heard(a, 1, -ENOENT);
	end(&f);
}

static void wait_goes_on_behind_an_act_that_begins_meanwhile(void **state)
{
	struct fixture f;
	struct asker a = { 0 }, b = { 0 };

	(void)state;
	begin(&f);
	puppet_state(f.engine, "off", MACHINE_STARTING);
	look(&f);
	lifecycle_wait(member(&f, "off"), on_done, &a);
	lifecycle_turn(member(&f, "off"), ENGINE_RESTART, on_done, &b);
	hands_turn(f.hands, 30000);
	assert_heard(a, 0, 0);
	puppet_answer(f.engine, ENGINE_RESTART, 0);
	look(&f);
	assert_heard(a, 1, 0);
	end(&f);
}

/* ---- the end ------------------------------------------------------------- */

static void fleet_end_ends_every_wait_and_every_act(void **state)
{
	struct fixture f;
	struct asker act = { 0 }, queued = { 0 }, waits = { 0 };
	struct asker sleeps = { 0 }, late = { 0 };

	(void)state;
	begin(&f);
	puppet_state(f.engine, "off", MACHINE_STARTING);
	look(&f);
	lifecycle_turn(member(&f, "up"), ENGINE_STOP, on_done, &act);
	lifecycle_turn(member(&f, "up"), ENGINE_START, on_done, &queued);
	lifecycle_wait(member(&f, "up"), on_done, &waits);
	lifecycle_wait(member(&f, "off"), on_done, &sleeps);
	assert_int_equal(hands_n_alarms(f.hands), 1);
	fleet_end(f.fleet);
	assert_heard(sleeps, 1, -ECANCELED);
	assert_int_equal(hands_n_alarms(f.hands), 0);
	/* The engine is stopped after the fleet. */
	puppet_refuse(f.engine, -ECANCELED);
	assert_heard(act, 1, -ECANCELED);
	assert_heard(queued, 1, -ECANCELED);
	assert_heard(waits, 1, -ECANCELED);
	/* Whoever comes now is told at once. */
	lifecycle_wait(member(&f, "off"), on_done, &late);
	lifecycle_turn(member(&f, "off"), ENGINE_START, on_done, &late);
	lifecycle_configure(member(&f, "off"), "cpus 2\n", 7, on_done, &late);
	lifecycle_create(f.fleet, &(struct lifecycle_new){ .name = "web" },
	                 on_done, &late);
	assert_heard(late, 4, -ECANCELED);
	assert_int_equal(hands_n_alarms(f.hands), 0);
	end(&f);
}

static void fleet_end_meets_acts_of_all_kinds(void **state)
{
	static const enum engine_op ops[] = { ENGINE_CREATE, ENGINE_DELETE,
		                              ENGINE_RENAME, ENGINE_INFO };
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	puppet_add(f.engine, "third", "3", MACHINE_STOPPED);
	look(&f);
	create(&f, "web", &a);
	lifecycle_delete(member(&f, "off"), on_done, &a);
	lifecycle_rename(member(&f, "third"), "shop", on_done, &a);
	lifecycle_configure(member(&f, "up"), "cpus 2\n", 7, on_done, &a);
	for (int i = 0; i < 4; i++)
		assert_int_equal(puppet_n(f.engine, ops[i]), 1);
	fleet_end(f.fleet);
	puppet_refuse(f.engine, -ECANCELED);
	assert_heard(a, 4, -ECANCELED);
	assert_int_equal(hands_n_alarms(f.hands), 0);
	end(&f);
}

/* ---- without memory ------------------------------------------------------ */

/* Everything once, answered at once; how many answers there must be. */
static unsigned do_all(struct fixture *f, struct asker *a)
{
	unsigned n = 1;
	struct member *m;

	create(f, "web", a);
	m = fleet_find(f->fleet, "web");
	if (!m)
		return n;
	lifecycle_turn(m, ENGINE_STOP, on_done, a), n++;
	lifecycle_configure(m, "cpus 2\nmemory 1G\n", 17, on_done, a), n++;
	lifecycle_rename(m, "shop", on_done, a), n++;
	lifecycle_wait(m, on_done, a), n++;
	lifecycle_turn(m, ENGINE_STOP, on_done, a), n++;
	lifecycle_delete(m, on_done, a), n++;
	return n;
}

static void acts_are_answered_whichever_allocation_fails(void **state)
{
	unsigned n = 0;

	(void)state;
	while (fail_alloc_next(&n)) {
		struct fixture f;
		struct asker a = { 0 };
		unsigned asked;

		fail_alloc_off();
		begin(&f);
		fail_alloc_at(n);
		puppet_at_once(f.engine, true);
		asked = do_all(&f, &a);
		/* Some acts wait for alarms. */
		while (hands_turn_to_next(f.hands))
			;
		assert_int_equal(a.n, asked);
		end(&f);
	}
	assert_true(n > 20);
}

static void waits_are_answered_whichever_allocation_fails(void **state)
{
	unsigned n = 0;

	(void)state;
	while (fail_alloc_next(&n)) {
		struct fixture f;
		struct asker a = { 0 }, b = { 0 };

		fail_alloc_off();
		begin(&f);
		puppet_state(f.engine, "off", MACHINE_STARTING);
		look(&f);
		puppet_at_once(f.engine, true);
		fail_alloc_at(n);
		lifecycle_wait(member(&f, "off"), on_done, &a);
		hands_turn(f.hands, 2000);
		puppet_state(f.engine, "off", MACHINE_RUNNING);
		hands_turn(f.hands, 2000);
		lifecycle_wait(member(&f, "up"), on_done, &b);
		assert_int_equal(a.n, 1);
		assert_int_equal(b.n, 1);
		assert_true(a.err == 0 || a.err == -ENOMEM);
		end(&f);
	}
	assert_true(n > 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			create_shows_at_once_and_is_answered_when_it_runs),
		cmocka_unit_test(create_brings_the_address_along),
		cmocka_unit_test(create_from_another_image_says_so),
		cmocka_unit_test(
			create_that_is_slow_is_answered_while_it_goes_on),
		cmocka_unit_test(creates_in_line_share_the_patience_of_one),
		cmocka_unit_test(
			create_without_an_info_afterwards_has_succeeded),
		cmocka_unit_test(create_that_fails_soon_leaves_nothing),
		cmocka_unit_test(create_that_fails_late_leaves_its_reason),
		cmocka_unit_test(what_never_came_into_being_keeps_the_reason),
		cmocka_unit_test(
			create_that_fails_late_may_have_left_a_machine),
		cmocka_unit_test(
			create_refuses_bad_names_before_anything_is_asked),
		cmocka_unit_test(create_takes_the_longest_good_name),
		cmocka_unit_test(create_refuses_a_name_that_is_taken),
		cmocka_unit_test(delete_gives_the_engine_the_id),
		cmocka_unit_test(delete_of_what_runs_says_how_to_stop_it),
		cmocka_unit_test(
			delete_while_something_is_under_way_is_refused),
		cmocka_unit_test(
			delete_that_is_slow_is_answered_and_stays_hidden),
		cmocka_unit_test(delete_that_fails_brings_the_machine_back),
		cmocka_unit_test(rename_shows_at_once_and_keeps_the_member),
		cmocka_unit_test(rename_that_fails_brings_the_name_back),
		cmocka_unit_test(rename_that_fails_finds_its_old_name_taken),
		cmocka_unit_test(rename_refuses_what_cannot_be),
		cmocka_unit_test(turn_shows_what_passes_and_where_it_leads),
		cmocka_unit_test(turn_that_fails_leaves_the_state_and_a_reason),
		cmocka_unit_test(turns_of_one_machine_happen_one_after_another),
		cmocka_unit_test(turns_of_two_machines_happen_side_by_side),
		cmocka_unit_test(turn_asked_for_from_an_answer_begins_once),
		cmocka_unit_test(
			turn_asked_for_from_an_answer_comes_behind_the_queue),
		cmocka_unit_test(turn_of_a_machine_being_made_waits_for_it),
		cmocka_unit_test(
			turn_of_a_machine_that_was_not_made_after_all_fails),
		cmocka_unit_test(configure_sets_what_differs_and_nothing_else),
		cmocka_unit_test(configure_applies_nothing_of_a_bad_write),
		cmocka_unit_test(
			configure_that_fails_on_the_way_says_what_was_not_applied),
		cmocka_unit_test(
			configure_does_not_touch_another_machine_of_that_name),
		cmocka_unit_test(configure_without_an_info_fails),
		cmocka_unit_test(
			configure_of_what_is_already_so_changes_nothing),
		cmocka_unit_test(wait_for_what_runs_is_over_at_once),
		cmocka_unit_test(
			wait_for_what_does_not_run_says_how_to_start_it),
		cmocka_unit_test(wait_for_what_is_being_made_ends_when_it_runs),
		cmocka_unit_test(waits_end_in_the_order_in_which_they_began),
		cmocka_unit_test(
			wait_for_a_creation_that_fails_keeps_its_reason),
		cmocka_unit_test(
			wait_for_what_somebody_else_starts_looks_again_and_again),
		cmocka_unit_test(wait_for_what_never_comes_up_ends),
		cmocka_unit_test(wait_for_what_vanishes_ends),
		cmocka_unit_test(
			wait_goes_on_behind_an_act_that_begins_meanwhile),
		cmocka_unit_test(fleet_end_ends_every_wait_and_every_act),
		cmocka_unit_test(fleet_end_meets_acts_of_all_kinds),
		cmocka_unit_test(acts_are_answered_whichever_allocation_fails),
		cmocka_unit_test(waits_are_answered_whichever_allocation_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
