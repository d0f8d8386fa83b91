/*
 * What guard.h promises: who tried to remove a control file is refused for a
 * minute after its last try, and nobody else is.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "cache/fleet.h"
#include "fs/guard.h"
#include "tests/fail_alloc.h"
#include "tests/hands.h"

/* Larger than any process of this system. */
enum { NOBODY = 0x7ffffff0, SLOTS = 256 };

struct fixture {
	struct hands *hands;
	struct guard *guard;
	struct member a, b;
};

static void begin(struct fixture *f)
{
	*f = (struct fixture){ .hands = hands_new() };
	f->guard = guard_new(hands_clock(f->hands));
	assert_non_null(f->guard);
}

static void end(struct fixture *f)
{
	guard_free(f->guard);
	hands_free(f->hands);
}

static void guard_refuses_who_tripped_it_at_that_machine_alone(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	assert_true(guard_allows(f.guard, &f.a, NOBODY));
	guard_trip(f.guard, &f.a, NOBODY);
	assert_false(guard_allows(f.guard, &f.a, NOBODY));
	assert_true(guard_allows(f.guard, &f.b, NOBODY));
	assert_true(guard_allows(f.guard, &f.a, NOBODY - 1));
	end(&f);
}

static void guard_forgives_a_minute_after_the_last_try(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	guard_trip(f.guard, &f.a, NOBODY);
	for (int i = 0; i < 5; i++) {
		hands_turn(f.hands, GUARD_MS - 1);
		/* Asking counts as trying. */
		assert_false(guard_allows(f.guard, &f.a, NOBODY));
	}
	hands_turn(f.hands, GUARD_MS);
	assert_true(guard_allows(f.guard, &f.a, NOBODY));
	end(&f);
}

static void *thread_id(void *arg)
{
	*(pid_t *)arg = (pid_t)syscall(SYS_gettid);
	/* It lives until it was asked about. */
	pthread_barrier_wait((pthread_barrier_t *)((pid_t *)arg + 2));
	pthread_barrier_wait((pthread_barrier_t *)((pid_t *)arg + 2));
	return NULL;
}

static void guard_takes_threads_of_one_process_for_one(void **state)
{
	struct {
		pid_t id[2];
		pthread_barrier_t barrier;
	} t;
	struct fixture f;
	pthread_t thread;

	(void)state;
	begin(&f);
	assert_int_equal(pthread_barrier_init(&t.barrier, NULL, 2), 0);
	assert_int_equal(pthread_create(&thread, NULL, thread_id, &t), 0);
	pthread_barrier_wait(&t.barrier);
	assert_int_not_equal(t.id[0], getpid());
	guard_trip(f.guard, &f.a, t.id[0]);
	assert_false(guard_allows(f.guard, &f.a, getpid()));
	assert_false(guard_allows(f.guard, &f.a, t.id[0]));
	pthread_barrier_wait(&t.barrier);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&t.barrier);
	end(&f);
}

static void guard_refuses_lists_for_a_moment_after_a_try(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	assert_true(guard_allows_list(f.guard, &f.a, NOBODY));
	guard_trip(f.guard, &f.a, NOBODY);
	assert_false(guard_allows_list(f.guard, &f.a, NOBODY));
	assert_true(guard_allows_list(f.guard, &f.a, NOBODY - 1));
	assert_true(guard_allows_list(f.guard, &f.b, NOBODY));
	/* Listing is no try; a refused removal is. */
	hands_turn(f.hands, GUARD_LIST_MS - 1);
	assert_false(guard_allows_list(f.guard, &f.a, NOBODY));
	hands_turn(f.hands, 1);
	assert_true(guard_allows_list(f.guard, &f.a, NOBODY));
	assert_false(guard_allows(f.guard, &f.a, NOBODY));
	assert_false(guard_allows_list(f.guard, &f.a, NOBODY));
	/* Who is not known browses on. */
	guard_trip(f.guard, &f.b, 0);
	assert_true(guard_allows_list(f.guard, &f.b, 0));
	assert_true(guard_allows_list(f.guard, &f.b, NOBODY));
	end(&f);
}

static void guard_refuses_all_when_nobody_says_who_asks(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	guard_trip(f.guard, &f.a, 0);
	assert_false(guard_allows(f.guard, &f.a, NOBODY));
	assert_false(guard_allows(f.guard, &f.a, 0));
	guard_trip(f.guard, &f.b, NOBODY);
	assert_false(guard_allows(f.guard, &f.b, 0));
	end(&f);
}

static void guard_forgets_a_machine_that_is_gone(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	guard_trip(f.guard, &f.a, NOBODY);
	guard_trip(f.guard, &f.b, NOBODY);
	guard_forget(f.guard, &f.a);
	assert_true(guard_allows(f.guard, &f.a, NOBODY));
	assert_false(guard_allows(f.guard, &f.b, NOBODY));
	end(&f);
}

static void guard_that_is_full_forgets_the_oldest(void **state)
{
	static struct member many[SLOTS + 1];
	struct fixture f;

	(void)state;
	begin(&f);
	for (int i = 0; i < SLOTS + 1; i++) {
		guard_trip(f.guard, &many[i], NOBODY);
		/* Twice is one entry. */
		guard_trip(f.guard, &many[i], NOBODY);
		hands_turn(f.hands, 1);
	}
	assert_true(guard_allows(f.guard, &many[0], NOBODY));
	for (int i = 1; i < SLOTS + 1; i++)
		assert_false(guard_allows(f.guard, &many[i], NOBODY));
	end(&f);
}

static void guard_new_without_memory_is_null(void **state)
{
	struct hands *hands = hands_new();

	(void)state;
	fail_alloc_at(1);
	assert_null(guard_new(hands_clock(hands)));
	fail_alloc_off();
	guard_free(NULL);
	hands_free(hands);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			guard_refuses_who_tripped_it_at_that_machine_alone),
		cmocka_unit_test(guard_forgives_a_minute_after_the_last_try),
		cmocka_unit_test(guard_takes_threads_of_one_process_for_one),
		cmocka_unit_test(guard_refuses_lists_for_a_moment_after_a_try),
		cmocka_unit_test(guard_refuses_all_when_nobody_says_who_asks),
		cmocka_unit_test(guard_forgets_a_machine_that_is_gone),
		cmocka_unit_test(guard_that_is_full_forgets_the_oldest),
		cmocka_unit_test(guard_new_without_memory_is_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
