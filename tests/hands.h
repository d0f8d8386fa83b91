/*
 * hands: a clock whose hands a test turns.
 *
 *	struct hands *hands = hands_new();
 *	thing = thing_new(hands_clock(hands));
 *	hands_turn(hands, 20000);		twenty seconds have passed
 *	hands_free(hands);
 *
 * No time passes by itself, so a pause of minutes costs a test nothing, and
 * one that must not come to its end never does. Alarms are allocations of the
 * daemon as far as tests/fail_alloc.h is concerned.
 */
#ifndef ORBFS_TESTS_HANDS_H
#define ORBFS_TESTS_HANDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "ops/clock.h"

struct hands;

/* A clock at HANDS_START_MS, which is not 0, and HANDS_START_WALL. */
enum { HANDS_START_MS = 1000000, HANDS_START_WALL = 1700000000 };

/* Never NULL: without memory the test fails. */
struct hands *hands_new(void);
/* The test fails if an alarm is pending. NULL is allowed. */
void hands_free(struct hands *hands);
/* Valid until hands_free. */
struct clock *hands_clock(struct hands *hands);

/* Let ms pass. The alarms that become due are called in the order of their
 * times, each at its own time, those set meanwhile among them. */
void hands_turn(struct hands *hands, unsigned ms);
/* Turn to the next alarm and call it alone. false: none is pending. */
bool hands_turn_to_next(struct hands *hands);
/* How many alarms are pending. */
size_t hands_n_alarms(const struct hands *hands);
/* How long until the next alarm; -1: none is pending. */
int64_t hands_next_ms(const struct hands *hands);

/* Put the time of day somewhere else, as an administrator may. */
void hands_set_wall(struct hands *hands, struct timespec wall);

#endif
