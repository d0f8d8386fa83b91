/*
 * slot: freshness and waiters of one remembered value.
 *
 * Owns the waiters, nothing else. A waiter leaves the list before it is called,
 * so that it may ask again, or end the slot. The generation closes the race
 * between a fetch and our own changes: a fetch begun before slot_spoil never
 * makes the value fresh, and those who asked after it get another fetch.
 */
#include "cache/slot.h"

#include <errno.h>
#include <stdlib.h>

struct slot_waiter {
	struct slot *slot;
	struct slot_waiter *next;
	struct alarm *patience; /* NULL: without bound, or over */
	uint64_t generation;    /* the oldest that will do */
	uint64_t serial;        /* when it came */
	slot_fn *done;
	void *arg;
};

void slot_init(struct slot *slot, struct clock *clock, void (*fetch)(void *),
               void *arg)
{
	*slot = (struct slot){ .clock = clock, .fetch = fetch, .arg = arg };
}

bool slot_is_fresh(const struct slot *slot, unsigned ttl_ms)
{
	return slot->known && slot->fresh_of == slot->generation &&
	       slot->clock->now_ms(slot->clock) - slot->filled_ms < ttl_ms;
}

/* Take a waiter out of the list and answer it. */
static void answer(struct slot_waiter **at, int err)
{
	struct slot_waiter *w = *at;
	slot_fn *done = w->done;
	void *arg = w->arg;

	*at = w->next;
	w->slot->clock->cancel(w->slot->clock, w->patience);
	free(w);
	done(arg, err);
}

static void on_impatient(void *arg)
{
	struct slot_waiter *w = arg;
	struct slot *slot = w->slot;
	struct slot_waiter **at = &slot->waiters;

	w->patience = NULL; /* it fired */
	while (*at != w)
		at = &(*at)->next;
	answer(at, slot->known ? 0 : -ETIMEDOUT);
}

static void start_fetch(struct slot *slot)
{
	if (slot->fetching)
		return;
	slot->fetching = true;
	slot->fetching_of = slot->generation;
	slot->fetch_ms = slot->clock->now_ms(slot->clock);
	slot->fetch(slot->arg);
}

uint64_t slot_fetching_ms(const struct slot *slot)
{
	if (!slot->fetching || slot->fetching_of != slot->generation)
		return 0;
	return slot->clock->now_ms(slot->clock) - slot->fetch_ms;
}

void slot_get(struct slot *slot, unsigned ttl_ms, unsigned patience_ms,
              slot_fn *done, void *arg)
{
	struct slot_waiter **at = &slot->waiters;
	struct slot_waiter *w;

	if (slot_is_fresh(slot, ttl_ms)) {
		if (slot->n_hits)
			++*slot->n_hits;
		done(arg, 0);
		return;
	}
	w = calloc(1, sizeof(*w));
	if (w && patience_ms)
		w->patience = slot->clock->set(slot->clock, patience_ms,
		                               on_impatient, w);
	if (!w || (patience_ms && !w->patience)) {
		free(w);
		done(arg, slot->known ? 0 : -ENOMEM);
		return;
	}
	w->slot = slot;
	w->generation = slot->generation;
	w->serial = slot->next_serial++;
	w->done = done;
	w->arg = arg;
	while (*at)
		at = &(*at)->next;
	*at = w;
	start_fetch(slot);
}

/* The first who came before `serial` and is content with what was fetched. */
static struct slot_waiter **first_content(struct slot *slot, uint64_t of,
                                          uint64_t serial)
{
	for (struct slot_waiter **at = &slot->waiters; *at; at = &(*at)->next)
		if ((*at)->generation <= of && (*at)->serial < serial)
			return at;
	return NULL;
}

void slot_fill(struct slot *slot, int err)
{
	uint64_t of = slot->fetching_of;
	/* Who asks again from its callback waits for the next fetch: else a
	 * failure would be told to it at once, for ever. */
	uint64_t serial = slot->next_serial;
	struct slot_waiter **at;

	slot->fetching = false;
	if (!err) {
		slot->known = true;
		slot->fresh_of = of;
		slot->filled_ms = slot->clock->now_ms(slot->clock);
	}
	while ((at = first_content(slot, of, serial)))
		answer(at, slot->known ? 0 : err);
	if (slot->waiters)
		start_fetch(slot);
}

void slot_put(struct slot *slot)
{
	uint64_t serial = slot->next_serial;
	struct slot_waiter **at;

	slot->generation++; /* a fetch under way is older news */
	slot->known = true;
	slot->fresh_of = slot->generation;
	slot->filled_ms = slot->clock->now_ms(slot->clock);
	while ((at = first_content(slot, slot->generation, serial)))
		answer(at, 0);
}

void slot_spoil(struct slot *slot)
{
	slot->generation++;
}

void slot_end(struct slot *slot)
{
	while (slot->waiters)
		answer(&slot->waiters, -ECANCELED);
}
