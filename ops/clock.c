/*
 * clock: the clock of an event loop.
 *
 * Each alarm owns its timer handle and is freed in the close callback of that
 * handle, one turn of the loop after it fired or was cancelled. The clock
 * only counts the alarms that are still to come, so that it can be freed in
 * the same breath in which the last one was cancelled.
 */
#include "ops/clock.h"

#include <assert.h>
#include <stdlib.h>
#include <uv.h>

struct loop_clock {
	struct clock clock; /* first: the public pointer is this one */
	uv_loop_t *loop;
	unsigned n_alarms; /* neither fired nor cancelled */
};

struct alarm {
	uv_timer_t timer;
	struct loop_clock *clock;
	alarm_fn *fn;
	void *arg;
};

static uint64_t loop_clock_now_ms(struct clock *clock)
{
	(void)clock;
	return uv_hrtime() / 1000000;
}

static struct timespec loop_clock_wall(struct clock *clock)
{
	struct timespec now = { 0 };

	(void)clock;
	clock_gettime(CLOCK_REALTIME, &now);
	return now;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void alarm_end(struct alarm *alarm)
{
	alarm->clock->n_alarms--;
	uv_close((uv_handle_t *)&alarm->timer, on_closed);
}

static void on_timer(uv_timer_t *timer)
{
	struct alarm *alarm = timer->data;

	alarm_end(alarm);
	alarm->fn(alarm->arg);
}

static struct alarm *loop_clock_set(struct clock *clock, unsigned ms,
                                    alarm_fn *fn, void *arg)
{
	struct loop_clock *lc = (struct loop_clock *)clock;
	struct alarm *alarm = calloc(1, sizeof(*alarm));

	if (!alarm)
		return NULL;
	alarm->clock = lc;
	alarm->fn = fn;
	alarm->arg = arg;
	uv_timer_init(lc->loop, &alarm->timer);
	alarm->timer.data = alarm;
	/* The loop's idea of now is as old as its last look at the time. */
	uv_update_time(lc->loop);
	uv_timer_start(&alarm->timer, on_timer, ms, 0);
	lc->n_alarms++;
	return alarm;
}

static void loop_clock_cancel(struct clock *clock, struct alarm *alarm)
{
	(void)clock;
	/* Closing already: it is cancelled from inside its own call. */
	if (!alarm || uv_is_closing((uv_handle_t *)&alarm->timer))
		return;
	alarm_end(alarm);
}

struct clock *clock_new(struct uv_loop_s *loop)
{
	struct loop_clock *lc = calloc(1, sizeof(*lc));

	if (!lc)
		return NULL;
	lc->loop = loop;
	lc->clock.now_ms = loop_clock_now_ms;
	lc->clock.wall = loop_clock_wall;
	lc->clock.set = loop_clock_set;
	lc->clock.cancel = loop_clock_cancel;
	return &lc->clock;
}

void clock_free(struct clock *clock)
{
	struct loop_clock *lc = (struct loop_clock *)clock;

	assert(!lc || lc->n_alarms == 0);
	free(lc);
}
