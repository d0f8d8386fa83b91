/*
 * What shelf.h promises: as many listings as there is room for, the oldest goes
 * first; and one that is being read is read on after it was taken away.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "cache/shelf.h"
#include "cache/tree.h"

enum { DIRS = SHELF_ASIDE + 2 };

struct fixture {
	struct shelf shelf;
	struct file dirs[DIRS];
};

/* That dir has a listing of n names. Borrowed. */
static struct listing *put(struct fixture *f, int dir, unsigned n)
{
	static const struct wire_attr attr = { .mode = 0100644 };
	struct listing *l = listing_new();
	char name[16];

	assert_non_null(l);
	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		assert_int_equal(listing_add(l, name, &attr, NULL), 0);
	}
	shelf_put(&f->shelf, &f->dirs[dir], l);
	listing_unref(l);
	return l;
}

/* The invariants of cache/shelf.c. */
static void check(const struct fixture *f)
{
	const struct file *last = NULL;
	size_t n = 0;

	for (const struct file *d = f->shelf.oldest; d; d = d->newer) {
		assert_ptr_equal(d->older, last);
		n += d->listing->n;
		last = d;
	}
	assert_ptr_equal(f->shelf.newest, last);
	assert_int_equal(f->shelf.n, n);
	for (int i = 0; i < SHELF_ASIDE; i++) {
		const struct file *dir = f->shelf.aside[i].dir;

		if (!dir)
			continue;
		assert_true(dir->reading);
		assert_ptr_not_equal(f->shelf.aside[i].listing, dir->listing);
	}
}

static void end(struct fixture *f)
{
	for (int i = 0; i < DIRS; i++) {
		shelf_set_reading(&f->shelf, &f->dirs[i], NULL);
		shelf_take(&f->shelf, &f->dirs[i]);
		check(f);
	}
	assert_int_equal(f->shelf.n, 0);
}

static void shelf_has_room_for_the_newest(void **state)
{
	struct fixture f = { 0 };

	(void)state;
	for (int i = 0; i < 4; i++)
		put(&f, i, SHELF_MAX / 4);
	check(&f);
	assert_non_null(f.dirs[0].listing);
	/* The first is used, so the second is the oldest. */
	shelf_use(&f.shelf, &f.dirs[0]);
	put(&f, 4, 1);
	check(&f);
	assert_non_null(f.dirs[0].listing);
	assert_null(f.dirs[1].listing);
	assert_non_null(f.dirs[2].listing);
	/* One that is larger than all together stays, alone. */
	put(&f, 5, SHELF_MAX + 1);
	check(&f);
	assert_ptr_equal(f.shelf.oldest, &f.dirs[5]);
	assert_ptr_equal(f.shelf.newest, &f.dirs[5]);
	end(&f);
}

static void shelf_puts_one_in_place_of_another(void **state)
{
	struct fixture f = { 0 };

	(void)state;
	put(&f, 0, 3);
	put(&f, 0, 5);
	check(&f);
	assert_int_equal(f.shelf.n, 5);
	shelf_take(&f.shelf, &f.dirs[0]);
	shelf_take(&f.shelf, &f.dirs[0]);
	check(&f);
	end(&f);
}

static void shelf_keeps_aside_what_is_being_read(void **state)
{
	struct fixture f = { 0 };
	struct listing *l = put(&f, 0, 3);

	(void)state;
	shelf_set_reading(&f.shelf, &f.dirs[0], l);
	assert_null(shelf_aside(&f.shelf, &f.dirs[0]));
	shelf_take(&f.shelf, &f.dirs[0]);
	check(&f);
	assert_ptr_equal(shelf_aside(&f.shelf, &f.dirs[0]), l);
	/* To its end, or until the reader goes on with a newer one. */
	shelf_set_reading(&f.shelf, &f.dirs[0], l);
	assert_ptr_equal(shelf_aside(&f.shelf, &f.dirs[0]), l);
	l = put(&f, 0, 4);
	check(&f);
	shelf_set_reading(&f.shelf, &f.dirs[0], l);
	assert_null(shelf_aside(&f.shelf, &f.dirs[0]));
	shelf_take(&f.shelf, &f.dirs[0]);
	shelf_set_reading(&f.shelf, &f.dirs[0], NULL);
	assert_null(shelf_aside(&f.shelf, &f.dirs[0]));
	/* What nobody reads is not kept. */
	put(&f, 1, 1);
	shelf_take(&f.shelf, &f.dirs[1]);
	assert_null(shelf_aside(&f.shelf, &f.dirs[1]));
	end(&f);
}

static void shelf_keeps_a_few_aside(void **state)
{
	struct fixture f = { 0 };
	int n = 0;

	(void)state;
	for (int i = 0; i < DIRS; i++) {
		shelf_set_reading(&f.shelf, &f.dirs[i], put(&f, i, 1));
		shelf_take(&f.shelf, &f.dirs[i]);
		check(&f);
	}
	for (int i = 0; i < DIRS; i++)
		n += shelf_aside(&f.shelf, &f.dirs[i]) != NULL;
	assert_int_equal(n, SHELF_ASIDE);
	assert_null(shelf_aside(&f.shelf, &f.dirs[0]));
	assert_non_null(shelf_aside(&f.shelf, &f.dirs[DIRS - 1]));
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shelf_has_room_for_the_newest),
		cmocka_unit_test(shelf_puts_one_in_place_of_another),
		cmocka_unit_test(shelf_keeps_aside_what_is_being_read),
		cmocka_unit_test(shelf_keeps_a_few_aside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
