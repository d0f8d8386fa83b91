/*
 * What clock.h promises of the clock of an event loop.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ops/clock.h"
#include "tests/fail_alloc.h"
#include "tests/loop.h"

struct fixture {
	uv_loop_t *loop;
	struct clock *clock;
	struct alarm *alarm;
	unsigned n_calls;
	bool called;
	uint64_t at_ms;
};

static void begin(struct fixture *f)
{
	*f = (struct fixture){ .loop = loop_start() };
	f->clock = clock_new(f->loop);
	assert_non_null(f->clock);
}

static void end(struct fixture *f)
{
	clock_free(f->clock);
	loop_finish(f->loop);
}

static void on_alarm(void *arg)
{
	struct fixture *f = arg;

	f->alarm = NULL;
	f->called = true;
	f->n_calls++;
	f->at_ms = f->clock->now_ms(f->clock);
}

static void clock_alarm_comes_once_and_not_early(void **state)
{
	struct fixture f;
	uint64_t start;

	(void)state;
	begin(&f);
	start = f.clock->now_ms(f.clock);
	assert_non_null(f.clock->set(f.clock, 30, on_alarm, &f));
	assert_false(f.called);
	loop_run_until(f.loop, &f.called, 5000);
	/* Both clocks cut off the part of a millisecond. */
	assert_true(f.at_ms - start >= 29);
	loop_run_for(f.loop, 60);
	assert_int_equal(f.n_calls, 1);
	end(&f);
}

static void clock_alarm_of_no_time_comes_after_set_has_returned(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	assert_non_null(f.clock->set(f.clock, 0, on_alarm, &f));
	assert_false(f.called);
	loop_run_until(f.loop, &f.called, 5000);
	end(&f);
}

static void clock_alarm_counts_from_the_call(void **state)
{
	struct fixture f;
	uint64_t start;

	(void)state;
	begin(&f);
	/* The loop has last looked at the time before these 50 ms. */
	start = f.clock->now_ms(f.clock);
	while (f.clock->now_ms(f.clock) < start + 50)
		;
	start = f.clock->now_ms(f.clock);
	assert_non_null(f.clock->set(f.clock, 30, on_alarm, &f));
	loop_run_until(f.loop, &f.called, 5000);
	assert_true(f.at_ms - start >= 29);
	end(&f);
}

static void clock_alarm_that_is_cancelled_never_comes(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	f.alarm = f.clock->set(f.clock, 10, on_alarm, &f);
	assert_non_null(f.alarm);
	f.clock->cancel(f.clock, f.alarm);
	f.clock->cancel(f.clock, NULL);
	loop_run_for(f.loop, 50);
	assert_false(f.called);
	end(&f);
}

static void clock_can_be_freed_right_after_the_last_cancel(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	f.clock->cancel(f.clock, f.clock->set(f.clock, 10, on_alarm, &f));
	clock_free(f.clock);
	loop_finish(f.loop);
	assert_false(f.called);
}

/* Sets the next alarm from inside the last, until there were three. */
static void on_alarm_again(void *arg)
{
	struct fixture *f = arg;

	if (++f->n_calls < 3)
		assert_non_null(f->clock->set(f->clock, 1, on_alarm_again, f));
	else
		f->called = true;
}

static void clock_alarm_can_be_set_from_inside_an_alarm(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	assert_non_null(f.clock->set(f.clock, 1, on_alarm_again, &f));
	loop_run_until(f.loop, &f.called, 5000);
	assert_int_equal(f.n_calls, 3);
	end(&f);
}

static void on_alarm_cancel_other(void *arg)
{
	struct fixture *f = arg;

	f->called = true;
	f->clock->cancel(f->clock, f->alarm);
}

static void clock_alarm_can_cancel_another_that_is_due(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	assert_non_null(f.clock->set(f.clock, 1, on_alarm_cancel_other, &f));
	f.alarm = f.clock->set(f.clock, 1, on_alarm, &f);
	loop_run_until(f.loop, &f.called, 5000);
	loop_run_for(f.loop, 20);
	assert_int_equal(f.n_calls, 0);
	end(&f);
}

static void clock_alarm_may_cancel_itself(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	f.alarm = f.clock->set(f.clock, 1, on_alarm_cancel_other, &f);
	assert_non_null(f.alarm);
	loop_run_until(f.loop, &f.called, 5000);
	end(&f);
}

static void clock_now_never_goes_back(void **state)
{
	struct fixture f;
	uint64_t last, now;

	(void)state;
	begin(&f);
	last = f.clock->now_ms(f.clock);
	for (int i = 0; i < 10000; i++) {
		now = f.clock->now_ms(f.clock);
		assert_true(now >= last);
		last = now;
	}
	end(&f);
}

static void clock_wall_is_the_time_of_day(void **state)
{
	struct fixture f;
	time_t before, after;
	struct timespec wall;

	(void)state;
	begin(&f);
	/* time() may lag behind by a tick, so it is allowed a second. */
	before = time(NULL) - 1;
	wall = f.clock->wall(f.clock);
	after = time(NULL) + 1;
	assert_in_range(wall.tv_sec, before, after);
	assert_in_range(wall.tv_nsec, 0, 999999999);
	end(&f);
}

static void clock_says_when_memory_is_out(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	fail_alloc_at(1);
	assert_null(f.clock->set(f.clock, 1, on_alarm, &f));
	assert_true(fail_alloc_reached());
	fail_alloc_at(1);
	assert_null(clock_new(f.loop));
	assert_true(fail_alloc_reached());
	fail_alloc_off();
	loop_run_for(f.loop, 20);
	assert_false(f.called);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clock_alarm_comes_once_and_not_early),
		cmocka_unit_test(
			clock_alarm_of_no_time_comes_after_set_has_returned),
		cmocka_unit_test(clock_alarm_counts_from_the_call),
		cmocka_unit_test(clock_alarm_that_is_cancelled_never_comes),
		cmocka_unit_test(
			clock_can_be_freed_right_after_the_last_cancel),
		cmocka_unit_test(clock_alarm_can_be_set_from_inside_an_alarm),
		cmocka_unit_test(clock_alarm_can_cancel_another_that_is_due),
		cmocka_unit_test(clock_alarm_may_cancel_itself),
		cmocka_unit_test(clock_now_never_goes_back),
		cmocka_unit_test(clock_wall_is_the_time_of_day),
		cmocka_unit_test(clock_says_when_memory_is_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
