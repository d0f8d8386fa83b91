/*
 * clock: what time it is, and "call me in a while".
 *
 * A table of functions, so that the modules which must not know the event
 * loop (cache/, fs/) can still be patient for a bounded time, and so that
 * tests turn the hands themselves. The real one is made by clock_new().
 */
#ifndef ORBFS_OPS_CLOCK_H
#define ORBFS_OPS_CLOCK_H

#include <stdint.h>
#include <time.h>

struct uv_loop_s;
struct alarm; /* one pending "call me" */

typedef void alarm_fn(void *arg);

struct clock {
	/* Milliseconds that never go back; their zero means nothing. */
	uint64_t (*now_ms)(struct clock *clock);
	/* The time of day. */
	struct timespec (*wall)(struct clock *clock);
	/* Call fn(arg) once, ms from now, never from inside this call. NULL:
	 * no memory. The alarm ends by itself when fn is called. */
	struct alarm *(*set)(struct clock *clock, unsigned ms, alarm_fn *fn,
	                     void *arg);
	/* End an alarm that has not fired. NULL is allowed. */
	void (*cancel)(struct clock *clock, struct alarm *alarm);
};

/* The clock of an event loop. Its alarms hold the loop open, so who sets one
 * also cancels it at the end. NULL: no memory. */
struct clock *clock_new(struct uv_loop_s *loop);
/* No alarm may be pending. */
void clock_free(struct clock *clock);

#endif
