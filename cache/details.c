/*
 * details: one question to the engine for all who want to know the same of one
 * machine.
 *
 * A list comes first, always: it tells whether the machine is there and runs.
 * That matters most for the vitals: asking a stopped machine for them would
 * start it.
 */
#include "cache/details.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { VITALS_TTL_MS = 1000 };

/* ---- info ---- */

static void on_info(void *arg, int err, struct machine *machine,
                    const char *why)
{
	struct member *m = arg;

	if (err) {
		member_set_error(m, "%s", why);
	} else if (m->known && strcmp(machine->id, m->machine->id) != 0) {
		/* The name is another machine's by now; the list will tell. */
		fleet_spoil(m->fleet);
		machine_free(machine);
		err = -ENOENT;
	} else {
		machine_free(m->info);
		m->info = machine;
	}
	if (fleet_is_ending(m->fleet) && !err)
		err = -ECANCELED;
	slot_fill(&m->info_slot, err);
	member_unref(m);
}

static void fetch_info(void *arg)
{
	struct member *m = arg;

	engine_info(fleet_spec(m->fleet)->engine, m->name, on_info,
	            member_ref(m));
}

/* ---- vitals ---- */

static void drop_vitals(struct member *m)
{
	free(m->vitals);
	m->vitals = NULL;
	/* A stale measure would be a wrong one. */
	m->vitals_slot.known = false;
}

static void on_vitals(void *arg, int err, const char *text, size_t len,
                      const char *why)
{
	struct member *m = arg;
	struct vitals vitals;

	drop_vitals(m);
	if (!err)
		err = vitals_parse(text, len, &vitals);
	if (err)
		member_set_error(m, "stats: %s",
		                 *why ? why
		                      : "the machine's answer makes no "
		                        "sense");
	else
		m->vitals = malloc(sizeof(vitals));
	if (m->vitals)
		*m->vitals = vitals;
	else if (!err)
		err = -ENOMEM;
	if (!err)
		member_touch(m, MEMBER_STATS);
	slot_fill(&m->vitals_slot, err);
	member_unref(m);
}

static void fetch_vitals(void *arg)
{
	struct member *m = arg;
	struct engine_call call = { .op = ENGINE_VITALS, .name = m->name };

	engine_text(fleet_spec(m->fleet)->engine, &call, on_vitals,
	            member_ref(m));
}

/* ---- both ---- */

void details_init(struct member *m)
{
	struct clock *clock = fleet_spec(m->fleet)->clock;

	slot_init(&m->info_slot, clock, fetch_info, m);
	slot_init(&m->vitals_slot, clock, fetch_vitals, m);
	m->info_slot.n_hits = fleet_hits(m->fleet);
	m->vitals_slot.n_hits = fleet_hits(m->fleet);
}

void details_spoil(struct member *m)
{
	slot_spoil(&m->info_slot);
	slot_spoil(&m->vitals_slot);
	drop_vitals(m);
	if (!m->info)
		return;
	free(m->info->ip4);
	free(m->info->ip6);
	m->info->ip4 = NULL;
	m->info->ip6 = NULL;
}

bool details_end(struct member *m)
{
	if (!m->info_slot.waiters && !m->vitals_slot.waiters)
		return false;
	member_ref(m);
	slot_end(&m->info_slot);
	slot_end(&m->vitals_slot);
	member_unref(m);
	return true;
}

/* Somebody who waits for the list, to ask for details then. */
struct wanting {
	struct member *m;
	enum member_detail detail;
	slot_fn *done;
	void *arg;
};

static void wanting_done(struct wanting *w, int err)
{
	slot_fn *done = w->done;
	void *arg = w->arg;

	member_unref(w->m);
	free(w);
	done(arg, err);
}

static void on_detail(void *arg, int err)
{
	wanting_done(arg, err);
}

/* An address that was told stays for as long as the machine runs; until then,
 * and for all else, an answer serves as long as a list. */
static void get_info(struct wanting *w)
{
	struct member *m = w->m;
	bool has_address = m->info && (m->info->ip4 || m->info->ip6);

	slot_get(&m->info_slot,
	         w->detail == MEMBER_ADDRESS && has_address
	                 ? UINT_MAX
	                 : fleet_spec(m->fleet)->ttl_ms,
	         0, on_detail, w);
}

static void on_listed(void *arg, int err)
{
	struct wanting *w = arg;
	struct member *m = w->m;
	bool runs = member_state(m) == MACHINE_RUNNING;

	if (!err && (!m->listed || m->hidden))
		err = -ENOENT;
	if (err || m->changing || (w->detail != MEMBER_DETAILS && !runs) ||
	    (w->detail == MEMBER_DETAILS && !m->known)) {
		wanting_done(w, err);
		return;
	}
	if (w->detail == MEMBER_VITALS)
		slot_get(&m->vitals_slot, VITALS_TTL_MS, 0, on_detail, w);
	else
		get_info(w);
}

void member_get(struct member *m, enum member_detail detail, slot_fn *done,
                void *arg)
{
	struct wanting *w = calloc(1, sizeof(*w));

	if (!w) {
		done(arg, -ENOMEM);
		return;
	}
	w->m = member_ref(m);
	w->detail = detail;
	w->done = done;
	w->arg = arg;
	fleet_get(m->fleet, on_listed, w);
}
