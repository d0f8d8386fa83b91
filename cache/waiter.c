/*
 * waiter: those who need a machine to run, but change nothing.
 *
 * They stand outside of the queue of acts. They are woken when nothing in it
 * changes the machine any more, and then look at the list until the machine is
 * up or clearly is not.
 */
#include <errno.h>
#include <stdlib.h>

#include "cache/act.h"

enum { WAIT_PAUSE_MS = 500, WAIT_MAX_MS = 60000 };

struct waiter {
	struct member *member;
	struct waiter *next; /* in member->waits, or among the sleepers */
	struct alarm *alarm;
	uint64_t until_ms;
	lifecycle_fn *done;
	void *arg;
};

static void wait_on(struct waiter *wait);

static void wait_done(struct waiter *wait, int err)
{
	struct member *m = wait->member;
	lifecycle_fn *done = wait->done;
	void *arg = wait->arg;

	free(wait);
	done(arg, err, m);
	member_unref(m);
}

void lifecycle_wake(struct member *m)
{
	struct waiter *list = m->waits;

	m->waits = NULL;
	while (list) {
		struct waiter *wait = list;

		list = wait->next;
		wait_on(wait);
	}
}

static void unlink_sleeper(struct waiter *wait)
{
	struct waiter **at = fleet_sleepers(wait->member->fleet);

	while (*at != wait)
		at = &(*at)->next;
	*at = wait->next;
	wait->alarm = NULL;
}

static void on_slept(void *arg)
{
	struct waiter *wait = arg;

	unlink_sleeper(wait);
	wait_on(wait);
}

/* The machine is on its way up by somebody else's doing: look again soon. */
static void sleep_on(struct waiter *wait)
{
	struct clock *clock = fleet_spec(wait->member->fleet)->clock;
	struct waiter **sleepers = fleet_sleepers(wait->member->fleet);

	if (clock->now_ms(clock) >= wait->until_ms) {
		member_set_error(
			wait->member, "%s has been %s for too long",
			wait->member->name,
			machine_state_word(member_state(wait->member)));
		wait_done(wait, -ETIMEDOUT);
		return;
	}
	wait->alarm = clock->set(clock, WAIT_PAUSE_MS, on_slept, wait);
	if (!wait->alarm) {
		wait_done(wait, -ENOMEM);
		return;
	}
	wait->next = *sleepers;
	*sleepers = wait;
	fleet_spoil(wait->member->fleet);
}

static void on_looked(void *arg, int err)
{
	struct waiter *wait = arg;
	struct member *m = wait->member;

	if (err) {
		wait_done(wait, err);
		return;
	}
	if (!m->listed || m->hidden) {
		wait_done(wait, -ENOENT);
		return;
	}
	if (m->changing) {
		wait_on(wait);
		return;
	}
	switch (member_state(m)) {
	case MACHINE_RUNNING:
		wait_done(wait, 0);
		return;
	case MACHINE_CREATING:
	case MACHINE_STARTING:
		sleep_on(wait);
		return;
	default:
		/* A failed creation has left a better reason. */
		if (member_state(m) != MACHINE_FAILED || m->known)
			member_set_error(m,
			                 "%s is %s; first: echo start > "
			                 "state",
			                 m->name,
			                 machine_state_word(member_state(m)));
		wait_done(wait, -EHOSTDOWN);
	}
}

static void wait_on(struct waiter *wait)
{
	struct member *m = wait->member;
	struct waiter **at = &m->waits;

	if (m->changing) {
		/* First come, first served. */
		while (*at)
			at = &(*at)->next;
		wait->next = NULL;
		*at = wait;
		return;
	}
	fleet_get(m->fleet, on_looked, wait);
}

void lifecycle_wait(struct member *m, lifecycle_fn *done, void *arg)
{
	struct waiter *wait = calloc(1, sizeof(*wait));
	struct clock *clock = fleet_spec(m->fleet)->clock;

	if (!wait) {
		done(arg, -ENOMEM, m);
		return;
	}
	wait->member = member_ref(m);
	wait->until_ms = clock->now_ms(clock) + WAIT_MAX_MS;
	wait->done = done;
	wait->arg = arg;
	wait_on(wait);
}

void lifecycle_end(struct fleet *fleet)
{
	struct waiter **sleepers = fleet_sleepers(fleet);

	while (*sleepers) {
		struct waiter *wait = *sleepers;
		struct clock *clock = fleet_spec(wait->member->fleet)->clock;

		clock->cancel(clock, wait->alarm);
		unlink_sleeper(wait);
		wait_done(wait, -ECANCELED);
	}
}
