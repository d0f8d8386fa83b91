/*
 * What node.h promises: how long a node lives, which are shared, and numbers
 * that are never used twice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cache/fleet.h"
#include "fs/node.h"
#include "tests/fail_alloc.h"
#include "tests/hands.h"
#include "tests/puppet.h"

struct fixture {
	struct hands *hands;
	struct engine *engine;
	struct fleet *fleet;
	struct nodes *nodes;
	struct member *m;
};

static void on_list(void *arg, int err)
{
	(void)arg;
	assert_int_equal(err, 0);
}

static void begin(struct fixture *f)
{
	struct fleet_spec spec = { .ttl_ms = 1000 };

	*f = (struct fixture){ .hands = hands_new(), .engine = puppet_new() };
	spec.engine = f->engine;
	spec.clock = hands_clock(f->hands);
	f->fleet = fleet_new(&spec);
	assert_non_null(f->fleet);
	puppet_add(f->engine, "web", "1", MACHINE_RUNNING);
	puppet_at_once(f->engine, true);
	fleet_get(f->fleet, on_list, NULL);
	f->m = fleet_find(f->fleet, "web");
	f->nodes = nodes_new();
	assert_non_null(f->nodes);
}

static void end(struct fixture *f)
{
	nodes_free(f->nodes);
	fleet_free(f->fleet);
	puppet_free(f->engine);
	hands_free(f->hands);
}

static const struct entry *entry(const char *name)
{
	const struct entry *e = entry_find(DIR_MACHINE, name);

	assert_non_null(e);
	return e;
}

static void node_root_is_there_from_the_beginning(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	assert_int_equal(nodes_root(f.nodes)->ino, 1);
	assert_ptr_equal(nodes_find(f.nodes, 1), nodes_root(f.nodes));
	assert_int_equal(node_dir(nodes_root(f.nodes)), DIR_ROOT);
	assert_int_equal(node_stat_ino(nodes_root(f.nodes)), 1);
	assert_null(nodes_find(f.nodes, 2));
	assert_null(nodes_find(f.nodes, 0));
	assert_null(nodes_find(f.nodes, UINT64_MAX));
	end(&f);
}

static void node_of_one_file_is_one_for_all(void **state)
{
	struct fixture f;
	struct node *a, *b;

	(void)state;
	begin(&f);
	a = nodes_get(f.nodes, f.m, entry("ip"));
	b = nodes_get(f.nodes, f.m, entry("ip"));
	assert_ptr_equal(a, b);
	assert_int_equal(a->refs, 2);
	assert_ptr_equal(nodes_find(f.nodes, a->ino), a);
	node_unref(a);
	assert_ptr_equal(nodes_find(f.nodes, b->ino), b);
	node_unref(b);
	assert_int_equal(nodes_count(f.nodes), 1);
	end(&f);
}

static void node_of_a_file_whose_writes_wait_is_new_each_time(void **state)
{
	static const char *const names[] = { "state", "config", "exec" };
	struct fixture f;

	(void)state;
	begin(&f);
	for (int i = 0; i < 3; i++) {
		struct node *a = nodes_get(f.nodes, f.m, entry(names[i]));
		struct node *b = nodes_get(f.nodes, f.m, entry(names[i]));

		assert_ptr_not_equal(a, b);
		assert_int_not_equal(a->ino, b->ino);
		/* And ls -i does not see it. */
		assert_int_equal(node_stat_ino(a), node_stat_ino(b));
		node_unref(a);
		assert_ptr_equal(nodes_find(f.nodes, b->ino), b);
		node_unref(b);
	}
	assert_int_equal(nodes_count(f.nodes), 1);
	end(&f);
}

static void node_lives_while_it_is_referred_to_or_looked_up(void **state)
{
	struct fixture f;
	struct node *node;
	uint64_t ino;

	(void)state;
	begin(&f);
	node = nodes_get(f.nodes, f.m, NULL);
	ino = node->ino;
	node_looked_up(node);
	node_looked_up(node);
	node_unref(node);
	assert_ptr_equal(nodes_find(f.nodes, ino), node);
	assert_ptr_equal(nodes_peek(f.nodes, f.m, NULL), node);
	node_forget(node, 1);
	assert_ptr_equal(nodes_find(f.nodes, ino), node);
	node_ref(node);
	node_forget(node, 1);
	assert_ptr_equal(nodes_find(f.nodes, ino), node);
	node_unref(node);
	assert_null(nodes_find(f.nodes, ino));
	assert_null(nodes_peek(f.nodes, f.m, NULL));
	end(&f);
}

static void node_forgets_no_more_than_there_is(void **state)
{
	struct fixture f;
	struct node *node;

	(void)state;
	begin(&f);
	node = nodes_get(f.nodes, f.m, NULL);
	node_looked_up(node);
	node_forget(node, UINT64_MAX);
	assert_int_equal(node->lookups, 0);
	node_looked_up(node);
	assert_int_equal(node->lookups, 1);
	node_unref(node);
	node_forget(node, 1);
	assert_int_equal(nodes_count(f.nodes), 1);
	end(&f);
}

static void node_numbers_never_stand_for_two_things(void **state)
{
	struct fixture f;
	struct node *node;
	uint64_t ip, last = 0;

	(void)state;
	begin(&f);
	node = nodes_get(f.nodes, f.m, entry("ip"));
	ip = node->ino;
	node_unref(node);
	for (int i = 0; i < 100; i++) {
		struct node *state_file =
			nodes_get(f.nodes, f.m, entry("state"));

		assert_true(state_file->ino > last);
		last = state_file->ino;
		node_unref(state_file);
	}
	assert_true(ip != last);
	assert_null(nodes_find(f.nodes, ip));
	/* The same thing may have the same number. */
	node = nodes_get(f.nodes, f.m, entry("ip"));
	assert_int_equal(node->ino, ip);
	node_unref(node);
	end(&f);
}

static void node_holds_its_machine(void **state)
{
	struct fixture f;
	struct node *node;

	(void)state;
	begin(&f);
	node = nodes_get(f.nodes, f.m, NULL);
	puppet_remove(f.engine, "web");
	fleet_spoil(f.fleet);
	fleet_get(f.fleet, on_list, NULL);
	assert_null(fleet_find(f.fleet, "web"));
	assert_string_equal(node->m->name, "web");
	node_unref(node);
	end(&f);
}

static void node_numbers_that_stat_shows_are_different(void **state)
{
	struct fixture f;
	uint64_t seen[64];
	size_t n = 0;

	(void)state;
	begin(&f);
	seen[n++] = node_ino_of(NULL, NULL, NULL);
	seen[n++] = node_ino_of(f.m, NULL, NULL);
	for (int dir = DIR_ROOT; dir < DIR_N_KINDS; dir++)
		for (const struct entry *e = NULL;
		     (e = entry_next((enum entry_dir)dir, e));)
			seen[n++] = node_ino_of(dir <= DIR_DAEMON ? NULL : f.m,
			                        e, NULL);
	assert_true(n <= sizeof(seen) / sizeof(seen[0]));
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < i; j++)
			assert_true(seen[i] != seen[j]);
	assert_true(n > 15);
	end(&f);
}

static void nodes_free_frees_what_the_kernel_never_forgot(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	for (int i = 0; i < 10; i++) {
		struct node *node = nodes_get(f.nodes, f.m, entry("state"));

		node_looked_up(node);
		node_unref(node);
	}
	assert_int_equal(nodes_count(f.nodes), 11);
	end(&f);
}

static void nodes_survive_any_allocation_that_fails(void **state)
{
	struct fixture f;
	unsigned n = 0;

	(void)state;
	begin(&f);
	while (fail_alloc_next(&n)) {
		struct nodes *nodes = nodes_new();
		struct node *a, *b;

		if (!nodes)
			continue;
		a = nodes_get(nodes, f.m, entry("ip"));
		b = nodes_get(nodes, f.m, entry("state"));
		node_unref(a);
		node_unref(b);
		assert_int_equal(nodes_count(nodes), 1);
		nodes_free(nodes);
	}
	nodes_free(NULL);
	assert_true(n > 3);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(node_root_is_there_from_the_beginning),
		cmocka_unit_test(node_of_one_file_is_one_for_all),
		cmocka_unit_test(
			node_of_a_file_whose_writes_wait_is_new_each_time),
		cmocka_unit_test(
			node_lives_while_it_is_referred_to_or_looked_up),
		cmocka_unit_test(node_forgets_no_more_than_there_is),
		cmocka_unit_test(node_numbers_never_stand_for_two_things),
		cmocka_unit_test(node_holds_its_machine),
		cmocka_unit_test(node_numbers_that_stat_shows_are_different),
		cmocka_unit_test(nodes_free_frees_what_the_kernel_never_forgot),
		cmocka_unit_test(nodes_survive_any_allocation_that_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
