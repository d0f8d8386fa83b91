/*
 * What listing.h promises: names in the order of their offsets, found and
 * changed one by one, and never changed under somebody else.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cache/listing.h"
#include "tests/fail_alloc.h"

enum { N = 300 };

static const struct wire_attr plain = { .mode = 0100644, .nlink = 1 };

static struct listing *begin(unsigned n)
{
	struct listing *l = listing_new();
	char name[16];

	assert_non_null(l);
	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		assert_int_equal(listing_add(l, name, &plain, ""), 0);
	}
	listing_sort(l);
	return l;
}

static void check(const struct listing *l)
{
	for (size_t i = 0; i < l->n; i++) {
		bool found;

		assert_true(l->v[i].hash > 2 && l->v[i].hash <= INT64_MAX);
		assert_true(i == 0 || l->v[i - 1].hash <= l->v[i].hash);
		assert_int_equal(listing_place(l, l->v[i].name, &found), i);
		assert_true(found);
	}
}

static bool has(const struct listing *l, const char *name)
{
	bool found;

	(void)listing_place(l, name, &found);
	return found;
}

static void listing_finds_each_name(void **state)
{
	struct listing *l = begin(N);

	(void)state;
	assert_int_equal(l->n, N);
	check(l);
	assert_true(has(l, "f0"));
	assert_false(has(l, "f"));
	listing_unref(l);
	l = begin(0);
	assert_false(has(l, ""));
	assert_int_equal(listing_behind(l, 0), 0);
	listing_unref(l);
	listing_unref(NULL);
}

static void listing_goes_on_from_any_offset(void **state)
{
	struct listing *l = begin(N);

	(void)state;
	assert_int_equal(listing_behind(l, 0), 0);
	assert_int_equal(listing_behind(l, 2), 0);
	for (size_t i = 0; i < l->n; i++) {
		assert_int_equal(listing_behind(l, l->v[i].hash), i + 1);
		assert_int_equal(listing_behind(l, l->v[i].hash - 1), i);
	}
	assert_int_equal(listing_behind(l, INT64_MAX), l->n);
	listing_unref(l);
}

static void listing_is_changed_name_by_name(void **state)
{
	struct wire_attr attr = { .mode = 0120777, .size = 7 };
	struct listing *l = begin(N);
	const struct listed *link;
	char name[16];
	bool found;

	(void)state;
	for (unsigned i = 0; i < N; i += 2) {
		snprintf(name, sizeof(name), "f%u", i);
		assert_int_equal(listing_change(l, name, NULL, NULL), 0);
		snprintf(name, sizeof(name), "g%u", i);
		assert_int_equal(listing_change(l, name, &plain, NULL), 0);
		check(l);
	}
	assert_int_equal(l->n, N);
	assert_false(has(l, "f0"));
	assert_true(has(l, "f1") && has(l, "g0"));
	/* One that is there is another file now. */
	l->v[listing_place(l, "f1", &found)].stale = true;
	assert_int_equal(listing_change(l, "f1", &attr, "../to"), 0);
	link = &l->v[listing_place(l, "f1", &found)];
	assert_int_equal(link->attr.size, 7);
	assert_string_equal(link->target, "../to");
	assert_false(link->stale);
	/* One that is not there goes all the same. */
	assert_int_equal(listing_change(l, "f0", NULL, NULL), 0);
	assert_int_equal(l->n, N);
	check(l);
	listing_unref(l);
}

static void listing_that_somebody_reads_is_not_changed(void **state)
{
	struct listing *l = begin(3);

	(void)state;
	listing_ref(l);
	assert_int_equal(listing_change(l, "new", &plain, NULL), -EBUSY);
	assert_int_equal(listing_change(l, "f0", NULL, NULL), -EBUSY);
	listing_unref(l);
	assert_int_equal(listing_change(l, "f0", NULL, NULL), 0);
	assert_int_equal(l->n, 2);
	listing_unref(l);
}

static void listing_without_memory_stays_as_it_was(void **state)
{
	unsigned n = 0;

	(void)state;
	for (;;) {
		struct listing *l = begin(16);
		bool more = fail_alloc_next(&n);
		int err = listing_change(l, "new", &plain, "/to");

		more = more && fail_alloc_reached();
		fail_alloc_off();
		assert_int_equal(err, more ? -ENOMEM : 0);
		assert_int_equal(l->n, more ? 16 : 17);
		check(l);
		listing_unref(l);
		if (!more)
			break;
	}
	assert_true(n > 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(listing_finds_each_name),
		cmocka_unit_test(listing_goes_on_from_any_offset),
		cmocka_unit_test(listing_is_changed_name_by_name),
		cmocka_unit_test(listing_that_somebody_reads_is_not_changed),
		cmocka_unit_test(listing_without_memory_stays_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
