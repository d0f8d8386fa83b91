/*
 * act: the queues.
 *
 * Owns the acts that are in a queue, and how long their callers wait. What an
 * act does is its kind's; what it has done to the fleet stands when it ends.
 */
#include "cache/act.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FREE_COUNTS = 2 /* times what the root was free comes back */ };

static struct clock *clock_of(const struct member *m)
{
	return fleet_spec(m->fleet)->clock;
}

struct engine *act_engine(const struct act *act)
{
	return fleet_spec(act->member->fleet)->engine;
}

const char *act_id(const struct member *m)
{
	return m->known ? m->machine->id : NULL;
}

bool act_is_stillborn(const struct member *m)
{
	return !m->known && m->machine->state == MACHINE_FAILED;
}

const char *act_word(const struct member *m)
{
	return m->changing ? machine_state_word(member_state(m))
	                   : "being copied or exported";
}

void *act_new(size_t size, const struct act_kind *kind, struct member *m,
              lifecycle_fn *done, void *arg)
{
	struct act *act = calloc(1, size);

	if (!act)
		return NULL;
	act->kind = kind;
	act->member = member_ref(m);
	act->done = done;
	act->arg = arg;
	return act;
}

void act_free(struct act *act)
{
	if (!act)
		return;
	if (act->kind->clear)
		act->kind->clear(act);
	member_unref(act->member);
	free(act);
}

void act_answer(struct act *act, int err, struct member *m)
{
	struct clock *clock = clock_of(act->member);
	struct root_lock *lock = fleet_root_lock(act->member->fleet);
	lifecycle_fn *done = act->done;

	act->done = NULL;
	if (act->is_patient && done) {
		lock->until_ms = clock->now_ms(clock);
		lock->used_ms += lock->until_ms - lock->since_ms;
	}
	clock->cancel(clock, act->patience);
	act->patience = NULL;
	if (done)
		done(act->arg, err, m);
}

static void on_impatient(void *arg)
{
	struct act *act = arg;

	act->patience = NULL; /* it fired */
	act_answer(act, 0, act->member);
}

/*
 * The kernel has the root locked while one of these acts is waited for, and
 * then gives the lock to whoever stands in line: it may be the next of them,
 * with a look at the root behind it. So those that follow one another share
 * the patience of one, or that look would wait for all of them; while the root
 * is free it soon comes back.
 *
 * Without memory for an alarm the caller just waits to the end.
 */
void act_be_patient(struct act *act)
{
	struct clock *clock = clock_of(act->member);
	struct root_lock *lock = fleet_root_lock(act->member->fleet);
	uint64_t now = clock->now_ms(clock);
	uint64_t back = (now - lock->until_ms) * FREE_COUNTS;
	uint64_t left = LIFECYCLE_PATIENCE_MS;

	lock->since_ms = now;
	lock->used_ms -= back < lock->used_ms ? back : lock->used_ms;
	left -= lock->used_ms < left ? lock->used_ms : left;
	act->is_patient = true;
	act->patience = clock->set(clock, (unsigned)left, on_impatient, act);
}

static void begin(struct act *act)
{
	if (!act->member->listed)
		act_end(act, -ENOENT, act->member);
	else if (act->kind->begin)
		act->kind->begin(act);
}

void act_enqueue(struct act *act)
{
	struct act **at = &act->member->acts;

	while (*at)
		at = &(*at)->next;
	*at = act;
	act->member->changing += !act->kind->reads;
	if (act->member->acts == act)
		begin(act);
}

void act_show(struct member *m, enum machine_state passing)
{
	if (m->passing == passing)
		return;
	m->passing = passing;
	member_touch(m, MEMBER_STATE);
}

void act_set_state(struct member *m, enum machine_state state)
{
	if (m->machine->state == state)
		return;
	m->machine->state = state;
	member_touch(m, MEMBER_STATE);
	fleet_reboot(m);
}

void act_end(struct act *act, int err, struct member *told)
{
	struct member *m = member_ref(act->member);
	struct act *next = act->next;
	bool reads = act->kind->reads;

	m->acts = next;
	m->changing -= !reads;
	if (!reads) {
		act_show(m, MACHINE_UNKNOWN);
		fleet_overtake(m);
	}
	act_answer(act, err, told);
	act_free(act);
	/* Who was answered may have asked for another act. When nothing was in
	 * the queue, that one has begun already. */
	if (next)
		begin(next);
	if (!m->changing)
		lifecycle_wake(m);
	member_unref(m);
}

void act_withdraw(struct act *act, int err)
{
	struct act **at = &act->member->acts;

	while (*at != act)
		at = &(*at)->next;
	*at = act->next;
	act->member->changing -= !act->kind->reads;
	act_answer(act, err, act->member);
	act_free(act);
}
