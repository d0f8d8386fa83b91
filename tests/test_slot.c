/*
 * What slot.h promises: one fetch for all who wait, patience, freshness, and
 * answers that a change has overtaken. The fetches are ended by the tests.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cache/slot.h"
#include "tests/fail_alloc.h"
#include "tests/hands.h"

enum { TTL_MS = 1000, N_MANY = 80 };

struct fixture {
	struct hands *hands;
	struct slot slot;
	unsigned n_fetches;
	bool at_once; /* fetches end before they return, with err */
	int err;
};

/* Somebody who asks, and what was heard. */
struct asker {
	struct fixture *f;
	unsigned n_answers;
	int err;
	unsigned n_again; /* how often it asks again from its callback */
	bool ends;        /* it ends the slot from its callback */
	bool spoils;
	unsigned *order; /* counts the answered, if it is there */
	unsigned place;
};

static void fetch(void *arg)
{
	struct fixture *f = arg;

	f->n_fetches++;
	if (f->at_once)
		slot_fill(&f->slot, f->err);
}

static void begin(struct fixture *f)
{
	*f = (struct fixture){ .hands = hands_new() };
	slot_init(&f->slot, hands_clock(f->hands), fetch, f);
}

static void end(struct fixture *f)
{
	assert_null(f->slot.waiters);
	hands_free(f->hands);
}

static void ask(struct asker *a, unsigned patience_ms);

static void on_answer(void *arg, int err)
{
	struct asker *a = arg;

	a->n_answers++;
	a->err = err;
	if (a->order)
		a->place = ++*a->order;
	if (a->spoils)
		slot_spoil(&a->f->slot);
	if (a->ends)
		slot_end(&a->f->slot);
	if (a->n_again) {
		a->n_again--;
		ask(a, 0);
	}
}

static void ask(struct asker *a, unsigned patience_ms)
{
	slot_get(&a->f->slot, TTL_MS, patience_ms, on_answer, a);
}

/* Make the value known and fresh. */
static void know(struct fixture *f)
{
	slot_put(&f->slot);
	assert_true(slot_is_fresh(&f->slot, TTL_MS));
}

#define assert_heard(asker, n, error)                                          \
	do {                                                                   \
		assert_int_equal((asker).n_answers, n);                        \
		assert_int_equal((asker).err, error);                          \
	} while (0)

static void slot_counts_what_it_answers_at_once(void **state)
{
	struct fixture f;
	struct asker a = { .f = &f };
	uint64_t n_hits = 0;

	(void)state;
	begin(&f);
	f.slot.n_hits = &n_hits;
	ask(&a, 0);
	slot_fill(&f.slot, 0);
	assert_int_equal(n_hits, 0);
	ask(&a, 0);
	ask(&a, 250);
	assert_int_equal(n_hits, 2);
	end(&f);
}

static void slot_shares_one_fetch_between_waiters(void **state)
{
	struct fixture f;
	struct asker many[N_MANY];
	unsigned order = 0;

	(void)state;
	begin(&f);
	for (unsigned i = 0; i < N_MANY; i++) {
		many[i] = (struct asker){ .f = &f, .order = &order };
		ask(&many[i], i % 2 ? 250 : 0);
	}
	assert_int_equal(f.n_fetches, 1);
	slot_fill(&f.slot, 0);
	for (unsigned i = 0; i < N_MANY; i++) {
		assert_heard(many[i], 1, 0);
		assert_int_equal(many[i].place, i + 1);
	}
	assert_int_equal(f.n_fetches, 1);
	end(&f);
}

static void slot_answers_at_once_while_fresh_and_fetches_after(void **state)
{
	struct fixture f;
	struct asker a;

	(void)state;
	begin(&f);
	a = (struct asker){ .f = &f };
	assert_false(slot_is_fresh(&f.slot, TTL_MS));
	ask(&a, 0);
	slot_fill(&f.slot, 0);
	hands_turn(f.hands, TTL_MS - 1);
	ask(&a, 0);
	assert_heard(a, 2, 0);
	assert_int_equal(f.n_fetches, 1);
	hands_turn(f.hands, 1);
	ask(&a, 0);
	assert_heard(a, 2, 0);
	assert_int_equal(f.n_fetches, 2);
	slot_fill(&f.slot, 0);
	assert_heard(a, 3, 0);
	end(&f);
}

static void slot_without_a_lifetime_is_fetched_every_time(void **state)
{
	struct fixture f;
	struct asker a;

	(void)state;
	begin(&f);
	f.at_once = true;
	a = (struct asker){ .f = &f };
	for (unsigned i = 1; i <= 3; i++) {
		slot_get(&f.slot, 0, 0, on_answer, &a);
		assert_heard(a, i, 0);
		assert_int_equal(f.n_fetches, i);
	}
	end(&f);
}

static void slot_gives_the_impatient_what_is_known(void **state)
{
	struct fixture f;
	struct asker hasty, calm;

	(void)state;
	begin(&f);
	know(&f);
	hands_turn(f.hands, TTL_MS);
	hasty = calm = (struct asker){ .f = &f };
	ask(&hasty, 250);
	ask(&calm, 0);
	hands_turn(f.hands, 249);
	assert_heard(hasty, 0, 0);
	hands_turn(f.hands, 1);
	assert_heard(hasty, 1, 0);
	assert_heard(calm, 0, 0);
	slot_fill(&f.slot, 0);
	assert_heard(hasty, 1, 0);
	assert_heard(calm, 1, 0);
	assert_int_equal(f.n_fetches, 1);
	end(&f);
}

static void slot_tells_the_impatient_that_nothing_is_known(void **state)
{
	struct fixture f;
	struct asker a;

	(void)state;
	begin(&f);
	a = (struct asker){ .f = &f };
	ask(&a, 250);
	hands_turn(f.hands, 250);
	assert_heard(a, 1, -ETIMEDOUT);
	/* The fetch goes on, and serves who comes after. */
	ask(&a, 250);
	assert_int_equal(f.n_fetches, 1);
	slot_fill(&f.slot, 0);
	assert_heard(a, 2, 0);
	end(&f);
}

static void slot_tells_a_failure_and_does_not_remember_it(void **state)
{
	struct fixture f;
	struct asker a;

	(void)state;
	begin(&f);
	a = (struct asker){ .f = &f };
	ask(&a, 0);
	slot_fill(&f.slot, -EIO);
	assert_heard(a, 1, -EIO);
	ask(&a, 0);
	assert_int_equal(f.n_fetches, 2);
	slot_fill(&f.slot, 0);
	assert_heard(a, 2, 0);
	end(&f);
}

static void slot_gives_the_stale_value_when_a_fetch_fails(void **state)
{
	struct fixture f;
	struct asker a;

	(void)state;
	begin(&f);
	know(&f);
	hands_turn(f.hands, TTL_MS);
	a = (struct asker){ .f = &f };
	ask(&a, 0);
	slot_fill(&f.slot, -EIO);
	assert_heard(a, 1, 0);
	assert_false(slot_is_fresh(&f.slot, TTL_MS));
	end(&f);
}

static void slot_spoiled_during_a_fetch_fetches_again(void **state)
{
	struct fixture f;
	struct asker before, after;

	(void)state;
	begin(&f);
	before = after = (struct asker){ .f = &f };
	ask(&before, 0);
	slot_spoil(&f.slot);
	ask(&after, 0);
	assert_int_equal(f.n_fetches, 1);
	/* The first answer is good enough for who asked before the change. */
	slot_fill(&f.slot, 0);
	assert_heard(before, 1, 0);
	assert_heard(after, 0, 0);
	assert_int_equal(f.n_fetches, 2);
	assert_false(slot_is_fresh(&f.slot, TTL_MS));
	slot_fill(&f.slot, 0);
	assert_heard(after, 1, 0);
	assert_true(slot_is_fresh(&f.slot, TTL_MS));
	assert_int_equal(f.n_fetches, 2);
	end(&f);
}

static void slot_spoiled_and_failing_tells_only_those_of_that_fetch(void **state)
{
	struct fixture f;
	struct asker before, after;

	(void)state;
	begin(&f);
	before = after = (struct asker){ .f = &f };
	ask(&before, 0);
	slot_spoil(&f.slot);
	ask(&after, 0);
	slot_fill(&f.slot, -EIO);
	assert_heard(before, 1, -EIO);
	assert_heard(after, 0, 0);
	slot_fill(&f.slot, -EBUSY);
	assert_heard(after, 1, -EBUSY);
	end(&f);
}

static void slot_spoiled_is_not_fresh(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	know(&f);
	slot_spoil(&f.slot);
	assert_false(slot_is_fresh(&f.slot, TTL_MS));
	end(&f);
}

static void slot_put_serves_all_who_wait(void **state)
{
	struct fixture f;
	struct asker a, b;

	(void)state;
	begin(&f);
	a = b = (struct asker){ .f = &f };
	ask(&a, 250);
	slot_spoil(&f.slot);
	ask(&b, 0);
	slot_put(&f.slot);
	assert_heard(a, 1, 0);
	assert_heard(b, 1, 0);
	assert_true(slot_is_fresh(&f.slot, TTL_MS));
	/* What was being fetched is older news than what was put. */
	slot_fill(&f.slot, 0);
	assert_false(slot_is_fresh(&f.slot, TTL_MS));
	end(&f);
}

static void slot_end_tells_all_who_wait(void **state)
{
	struct fixture f;
	struct asker a, b;

	(void)state;
	begin(&f);
	a = b = (struct asker){ .f = &f };
	ask(&a, 250);
	ask(&b, 0);
	slot_end(&f.slot);
	assert_heard(a, 1, -ECANCELED);
	assert_heard(b, 1, -ECANCELED);
	/* The fetch under way ends all the same. */
	slot_fill(&f.slot, -ECANCELED);
	assert_heard(a, 1, -ECANCELED);
	end(&f);
}

static void slot_can_be_asked_again_from_a_callback(void **state)
{
	struct fixture f;
	struct asker a;

	(void)state;
	begin(&f);
	a = (struct asker){ .f = &f, .n_again = 3 };
	ask(&a, 0);
	slot_fill(&f.slot, 0);
	/* It was fresh each time. */
	assert_heard(a, 4, 0);
	assert_int_equal(f.n_fetches, 1);
	end(&f);
}

static void slot_asked_again_upon_a_failure_waits_for_another_fetch(void **state)
{
	struct fixture f;
	struct asker stubborn, other;

	(void)state;
	begin(&f);
	stubborn = (struct asker){ .f = &f, .n_again = 1000 };
	other = (struct asker){ .f = &f };
	ask(&stubborn, 0);
	ask(&other, 0);
	for (unsigned i = 1; i <= 5; i++) {
		slot_fill(&f.slot, -EIO);
		assert_heard(stubborn, i, -EIO);
		assert_heard(other, 1, -EIO);
		assert_int_equal(f.n_fetches, i + 1);
	}
	slot_end(&f.slot);
	/* From that callback it has asked once more. */
	assert_int_equal(stubborn.n_answers, 1001);
	slot_fill(&f.slot, -EIO);
	end(&f);
}

static void slot_whose_fetch_ends_at_once_answers_each_asker_once(void **state)
{
	struct fixture f;
	struct asker a;

	(void)state;
	begin(&f);
	f.at_once = true;
	f.err = -ENODEV;
	a = (struct asker){ .f = &f, .n_again = 20 };
	ask(&a, 250);
	assert_heard(a, 21, -ENODEV);
	assert_int_equal(f.n_fetches, 21);
	f.err = 0;
	ask(&a, 250);
	assert_heard(a, 22, 0);
	assert_int_equal(f.n_fetches, 22);
	end(&f);
}

static void slot_can_be_ended_from_a_callback(void **state)
{
	struct fixture f;
	struct asker first, second;

	(void)state;
	begin(&f);
	first = (struct asker){ .f = &f, .ends = true };
	second = (struct asker){ .f = &f };
	ask(&first, 250);
	ask(&second, 250);
	slot_fill(&f.slot, 0);
	assert_heard(first, 1, 0);
	assert_heard(second, 1, -ECANCELED);
	end(&f);
}

static void slot_can_be_spoiled_from_a_callback(void **state)
{
	struct fixture f;
	struct asker a, b;

	(void)state;
	begin(&f);
	a = (struct asker){ .f = &f, .spoils = true, .n_again = 1 };
	b = (struct asker){ .f = &f };
	ask(&a, 0);
	ask(&b, 0);
	slot_fill(&f.slot, 0);
	assert_heard(a, 1, 0);
	assert_heard(b, 1, 0);
	assert_int_equal(f.n_fetches, 2);
	slot_fill(&f.slot, 0);
	assert_heard(a, 2, 0);
	end(&f);
}

static void slot_ask_again_when_impatient_is_served_by_the_same_fetch(
	void **state)
{
	struct fixture f;
	struct asker a;

	(void)state;
	begin(&f);
	a = (struct asker){ .f = &f, .n_again = 1 };
	ask(&a, 250);
	hands_turn(f.hands, 250);
	assert_heard(a, 1, -ETIMEDOUT);
	assert_int_equal(f.n_fetches, 1);
	slot_fill(&f.slot, 0);
	assert_heard(a, 2, 0);
	end(&f);
}

static void slot_answers_whichever_allocation_fails(void **state)
{
	unsigned n = 0;
	struct fixture f;

	(void)state;
	while (fail_alloc_next(&n)) {
		struct asker a, b;

		begin(&f);
		a = b = (struct asker){ .f = &f };
		ask(&a, 250);
		ask(&b, 0);
		if (f.slot.fetching)
			slot_fill(&f.slot, 0);
		assert_int_equal(a.n_answers, 1);
		assert_int_equal(b.n_answers, 1);
		assert_true(a.err == 0 || a.err == -ENOMEM);
		assert_true(b.err == 0 || b.err == -ENOMEM);
		/* A stale value is better than none. */
		hands_turn(f.hands, TTL_MS);
		if (f.slot.known) {
			ask(&a, 250);
			if (f.slot.fetching)
				slot_fill(&f.slot, 0);
			assert_heard(a, 2, 0);
		}
		slot_end(&f.slot);
		end(&f);
	}
	assert_true(n > 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slot_counts_what_it_answers_at_once),
		cmocka_unit_test(slot_shares_one_fetch_between_waiters),
		cmocka_unit_test(
			slot_answers_at_once_while_fresh_and_fetches_after),
		cmocka_unit_test(slot_without_a_lifetime_is_fetched_every_time),
		cmocka_unit_test(slot_gives_the_impatient_what_is_known),
		cmocka_unit_test(
			slot_tells_the_impatient_that_nothing_is_known),
		cmocka_unit_test(slot_tells_a_failure_and_does_not_remember_it),
		cmocka_unit_test(slot_gives_the_stale_value_when_a_fetch_fails),
		cmocka_unit_test(slot_spoiled_during_a_fetch_fetches_again),
		cmocka_unit_test(
			slot_spoiled_and_failing_tells_only_those_of_that_fetch),
		cmocka_unit_test(slot_spoiled_is_not_fresh),
		cmocka_unit_test(slot_put_serves_all_who_wait),
		cmocka_unit_test(slot_end_tells_all_who_wait),
		cmocka_unit_test(slot_can_be_asked_again_from_a_callback),
		cmocka_unit_test(
			slot_asked_again_upon_a_failure_waits_for_another_fetch),
		cmocka_unit_test(
			slot_whose_fetch_ends_at_once_answers_each_asker_once),
		cmocka_unit_test(slot_can_be_ended_from_a_callback),
		cmocka_unit_test(slot_can_be_spoiled_from_a_callback),
		cmocka_unit_test(
			slot_ask_again_when_impatient_is_served_by_the_same_fetch),
		cmocka_unit_test(slot_answers_whichever_allocation_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
