/*
 * hands: a clock that stands still until it is turned.
 *
 * Pending alarms are a list in the order in which they are due, those of one
 * moment in the order in which they were set. An alarm leaves the list before
 * it is called, so that it may set others and cancel any, itself too: one that
 * is being called is freed after its call and is left alone by cancel.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/fail_alloc.h"
#include "tests/hands.h"

/* Another than that of ops/clock.c; the two never meet. */
struct alarm {
	struct alarm *next;
	uint64_t due_ms;
	alarm_fn *fn;
	void *arg;
};

struct hands {
	struct clock clock; /* first: the public pointer is this one */
	uint64_t now_ms;
	struct timespec wall;
	struct alarm *first;
	struct alarm *ringing; /* out of the list, in its call */
};

static uint64_t hands_now_ms(struct clock *clock)
{
	return ((struct hands *)clock)->now_ms;
}

static struct timespec hands_wall(struct clock *clock)
{
	return ((struct hands *)clock)->wall;
}

static struct alarm *hands_set(struct clock *clock, unsigned ms, alarm_fn *fn,
                               void *arg)
{
	struct hands *hands = (struct hands *)clock;
	struct alarm **at = &hands->first;
	struct alarm *alarm = fail_alloc_calloc(1, sizeof(*alarm));

	if (!alarm)
		return NULL;
	alarm->due_ms = hands->now_ms + ms;
	alarm->fn = fn;
	alarm->arg = arg;
	while (*at && (*at)->due_ms <= alarm->due_ms)
		at = &(*at)->next;
	alarm->next = *at;
	*at = alarm;
	return alarm;
}

static void hands_cancel(struct clock *clock, struct alarm *alarm)
{
	struct hands *hands = (struct hands *)clock;
	struct alarm **at = &hands->first;

	if (!alarm || alarm == hands->ringing)
		return;
	while (*at && *at != alarm)
		at = &(*at)->next;
	if (!*at)
		fail_msg("an alarm was cancelled that was not pending");
	*at = alarm->next;
	free(alarm);
}

struct hands *hands_new(void)
{
	struct hands *hands = calloc(1, sizeof(*hands));

	assert_non_null(hands);
	hands->clock = (struct clock){
		.now_ms = hands_now_ms,
		.wall = hands_wall,
		.set = hands_set,
		.cancel = hands_cancel,
	};
	hands->now_ms = HANDS_START_MS;
	hands->wall.tv_sec = HANDS_START_WALL;
	return hands;
}

void hands_free(struct hands *hands)
{
	if (hands && hands->first)
		fail_msg("%zu alarms are pending", hands_n_alarms(hands));
	free(hands);
}

struct clock *hands_clock(struct hands *hands)
{
	return &hands->clock;
}

static void pass(struct hands *hands, uint64_t until_ms)
{
	uint64_t ms = until_ms - hands->now_ms;

	hands->now_ms = until_ms;
	hands->wall.tv_sec += (time_t)(ms / 1000);
	hands->wall.tv_nsec += (long)(ms % 1000) * 1000000;
	if (hands->wall.tv_nsec >= 1000000000) {
		hands->wall.tv_nsec -= 1000000000;
		hands->wall.tv_sec++;
	}
}

bool hands_turn_to_next(struct hands *hands)
{
	struct alarm *outer = hands->ringing;
	struct alarm *alarm = hands->first;

	if (!alarm)
		return false;
	pass(hands, alarm->due_ms);
	hands->first = alarm->next;
	hands->ringing = alarm;
	alarm->fn(alarm->arg);
	hands->ringing = outer;
	free(alarm);
	return true;
}

void hands_turn(struct hands *hands, unsigned ms)
{
	uint64_t end_ms = hands->now_ms + ms;

	while (hands->first && hands->first->due_ms <= end_ms)
		hands_turn_to_next(hands);
	/* A call that turned the hands itself may have gone further. */
	if (hands->now_ms < end_ms)
		pass(hands, end_ms);
}

size_t hands_n_alarms(const struct hands *hands)
{
	size_t n = 0;

	for (const struct alarm *a = hands->first; a; a = a->next)
		n++;
	return n;
}

int64_t hands_next_ms(const struct hands *hands)
{
	if (!hands->first)
		return -1;
	return (int64_t)(hands->first->due_ms - hands->now_ms);
}

void hands_set_wall(struct hands *hands, struct timespec wall)
{
	hands->wall = wall;
}
