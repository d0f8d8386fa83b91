/*
 * What index.h promises: things are found by what they are equal to, and by
 * nothing else, in whatever order they came and go.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cache/index.h"

struct thing {
	int key;
	bool in;
};

enum { N_THINGS = 200, N_STEPS = 20000 };

static int compare(const void *a, const void *b)
{
	const struct thing *x = a;
	const struct thing *y = b;

	return (x->key > y->key) - (x->key < y->key);
}

static void index_that_is_empty_has_nothing(void **state)
{
	struct index index = { .compare = compare };
	struct thing thing = { .key = 1 };

	(void)state;
	assert_null(index_find(&index, &thing));
	assert_null(index_any(&index));
	index_remove(&index, &thing);
	assert_null(index_any(&index));
}

static void index_finds_the_very_thing_by_one_that_is_like_it(void **state)
{
	struct index index = { .compare = compare };
	struct thing things[] = { { .key = 3 }, { .key = 1 }, { .key = 2 } };
	struct thing like = { .key = 1 };
	struct thing other = { .key = 4 };

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(index_add(&index, &things[i]), 0);
	assert_ptr_equal(index_find(&index, &like), &things[1]);
	assert_null(index_find(&index, &other));
	index_remove(&index, &like);
	assert_null(index_find(&index, &like));
	assert_ptr_equal(index_find(&index, &things[0]), &things[0]);
	for (int i = 0; i < 3; i++)
		index_remove(&index, &things[i]);
	assert_null(index_any(&index));
}

static void index_can_be_emptied_one_by_one(void **state)
{
	struct index index = { .compare = compare };
	struct thing things[N_THINGS];
	unsigned n = 0;

	(void)state;
	for (int i = 0; i < N_THINGS; i++) {
		things[i].key = i;
		assert_int_equal(index_add(&index, &things[i]), 0);
	}
	for (struct thing *thing; (thing = index_any(&index)); n++)
		index_remove(&index, thing);
	assert_int_equal(n, N_THINGS);
}

static void index_agrees_with_a_table_after_each_of_many_acts(void **state)
{
	struct index index = { .compare = compare };
	struct thing things[N_THINGS] = { 0 };

	(void)state;
	srand(1);
	for (int i = 0; i < N_THINGS; i++)
		things[i].key = i;
	for (int step = 0; step < N_STEPS; step++) {
		struct thing *thing = &things[rand() % N_THINGS];
		struct thing like = { .key = rand() % N_THINGS };

		if (thing->in)
			index_remove(&index, thing);
		else
			assert_int_equal(index_add(&index, thing), 0);
		thing->in = !thing->in;
		assert_ptr_equal(index_find(&index, &like),
		                 things[like.key].in ? &things[like.key]
		                                     : NULL);
	}
	for (int i = 0; i < N_THINGS; i++)
		index_remove(&index, &things[i]);
	assert_null(index_any(&index));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(index_that_is_empty_has_nothing),
		cmocka_unit_test(
			index_finds_the_very_thing_by_one_that_is_like_it),
		cmocka_unit_test(index_can_be_emptied_one_by_one),
		cmocka_unit_test(
			index_agrees_with_a_table_after_each_of_many_acts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
