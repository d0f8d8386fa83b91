/*
 * slot: how fresh a remembered value is, and who waits for a fresher one.
 *
 * The value itself lies with its owner. The first who wants it fresher than it
 * is starts a fetch; all who come meanwhile wait for that one. Each waits at
 * most as long as it is patient, and then takes what is known.
 *
 *	slot_init(&slot, clock, start_fetch, owner);
 *	slot_get(&slot, ttl_ms, patience_ms, done, arg);
 *	... owner stores the value, then slot_fill(&slot, 0);
 *
 * A change of ours that overtakes a fetch spoils its answer: slot_spoil makes
 * the next slot_get fetch anew, even while an older fetch is under way.
 */
#ifndef ORBFS_CACHE_SLOT_H
#define ORBFS_CACHE_SLOT_H

#include <stdbool.h>
#include <stdint.h>

#include "ops/clock.h"

/* err is 0 when there is a value, be it stale; else why there is none. */
typedef void slot_fn(void *arg, int err);
struct slot_waiter;

struct slot {
	struct clock *clock;
	/* Start one fetch; it ends in slot_fill, maybe before it returns. */
	void (*fetch)(void *arg);
	void *arg;
	struct slot_waiter *waiters;
	bool known; /* filled with success at least once */
	bool fetching;
	uint64_t filled_ms;   /* when, if known */
	uint64_t generation;  /* counts slot_spoil */
	uint64_t fresh_of;    /* the generation that the value is of */
	uint64_t fetching_of; /* the generation that the fetch is of */
	uint64_t fetch_ms;    /* when it was started */
	uint64_t next_serial; /* counts the waiters */
	uint64_t *n_hits; /* counts what was answered at once; NULL: nobody */
};

void slot_init(struct slot *slot, struct clock *clock, void (*fetch)(void *),
               void *arg);
/* Is there a value no older than ttl_ms? */
bool slot_is_fresh(const struct slot *slot, unsigned ttl_ms);
/*
 * Call done once: now, when the value is fresh; else when a fetch ends, or
 * after patience_ms (0: as long as the fetch takes) with what is known:
 * -ETIMEDOUT when that is nothing.
 */
void slot_get(struct slot *slot, unsigned ttl_ms, unsigned patience_ms,
              slot_fn *done, void *arg);
/* For how long a fetch whose value will be fresh has been under way; 0: there
 * is none. */
uint64_t slot_fetching_ms(const struct slot *slot);
/* The fetch has ended: with the value in place, or with why there is none.
 * Such a failure is told to those who wait and not remembered. */
void slot_fill(struct slot *slot, int err);
/* The value has come by another way than a fetch, and is fresh now. */
void slot_put(struct slot *slot);
/* What is known, and what is being fetched, is out of date. */
void slot_spoil(struct slot *slot);
/* Give up: everybody who waits is told -ECANCELED. A fetch under way still
 * ends in slot_fill. */
void slot_end(struct slot *slot);

#endif
