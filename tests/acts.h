/*
 * acts: a fleet on a puppet, and those who ask things of it.
 *
 *	#include "tests/acts.h"	in one .c of a program, as tests/puppet.h
 *
 * There is "up", which runs (id 1), "off", which is stopped (id 2), and
 * "off--snap--before" (id 3), a snapshot of the latter.
 */
#ifndef ORBFS_TESTS_ACTS_H
#define ORBFS_TESTS_ACTS_H

#include "cache/fleet.h"
#include "cache/lifecycle.h"
#include "cache/snapshots.h"
#include "tests/fail_alloc.h"
#include "tests/hands.h"
#include "tests/puppet.h"

struct acts {
	struct hands *hands;
	struct engine *engine;
	struct fleet *fleet;
};

/* Somebody who asked, and what was heard. */
struct asker {
	unsigned n;
	int err;
	struct member *m;
	/* From its callback it does this, once. */
	void (*then)(struct asker *asker, struct member *m);
};

static inline void on_done(void *arg, int err, struct member *m)
{
	struct asker *a = arg;
	void (*then)(struct asker *, struct member *) = a->then;

	a->n++;
	a->err = err;
	a->m = m;
	a->then = NULL;
	if (then)
		then(a, m);
}

static inline void on_list(void *arg, int err)
{
	(void)arg;
	(void)err;
}

/* Have the engine's table taken over now. */
static inline void look(struct acts *f)
{
	fleet_spoil(f->fleet);
	fleet_get(f->fleet, on_list, NULL);
	while (puppet_pending(f->engine, ENGINE_LIST))
		puppet_answer(f->engine, ENGINE_LIST, 0);
}

static inline void begin(struct acts *f)
{
	struct fleet_spec spec = { .ttl_ms = 1000, .image = "debian:bookworm" };

	*f = (struct acts){ .hands = hands_new(), .engine = puppet_new() };
	spec.engine = f->engine;
	spec.clock = hands_clock(f->hands);
	f->fleet = fleet_new(&spec);
	assert_non_null(f->fleet);
	puppet_add(f->engine, "up", "1", MACHINE_RUNNING);
	puppet_add(f->engine, "off", "2", MACHINE_STOPPED);
	puppet_add(f->engine, "off--snap--before", "3", MACHINE_STOPPED);
	look(f);
}

static inline void end(struct acts *f)
{
	fleet_end(f->fleet);
	puppet_refuse(f->engine, -ECANCELED);
	fleet_free(f->fleet);
	puppet_free(f->engine);
	hands_free(f->hands);
}

static inline struct member *member(struct acts *f, const char *name)
{
	struct member *m = fleet_find(f->fleet, name);

	if (!m)
		fail_msg("%s is not shown", name);
	return m;
}

static inline struct member *snapshot(struct acts *f, const char *name,
                                      const char *word)
{
	struct member *s = snapshot_find(member(f, name), word);

	if (!s)
		fail_msg("%s has no snapshot %s", name, word);
	return s;
}

/* The id behind a name of the engine's, "" when there is none. */
static inline const char *id_of(struct acts *f, const char *name)
{
	struct machine **at = puppet_find(f->engine, name);

	return at ? (*at)->id : "";
}

#define assert_heard(asker, times, error)                                      \
	do {                                                                   \
		assert_int_equal((asker)->n, times);                           \
		assert_int_equal((asker)->err, error);                         \
	} while (0)

#define assert_says(text, part)                                                \
	do {                                                                   \
		if (!strstr(text, part))                                       \
			fail_msg("'%s' does not say '%s'", text, part);        \
	} while (0)

#endif
