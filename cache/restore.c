/*
 * restore: a machine becomes again what a snapshot of it is.
 *
 * The engine has no such operation, so it is made of four, in an order in
 * which a machine of the old or of the new content exists at any moment:
 *
 *	1. clone the snapshot		web--snap--before -> web--snap--restoring
 *	2. move the machine away	web -> web--snap--replaced
 *	3. move the copy to its place	web--snap--restoring -> web
 *	4. delete what was		web--snap--replaced, by its old id
 *
 * When one fails, those before it are undone: the machine is moved back, the
 * copy deleted. What fails then, too, stays where it is, under a name by which
 * the next list finds it, and the error tells. The member is the same all the
 * while; lists do not touch it, nor the one that stands for the copy.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/act.h"

enum { WHY_MAX = 1200 };

struct restoring {
	struct act act;
	struct act *loan; /* of the snapshot, until it is cloned */
	struct act *hold; /* of the member that stands for the copy */
	char copy_name[SNAPSHOT_NAME_MAX];
	char old_name[SNAPSHOT_NAME_MAX]; /* of what was, once moved away */
	struct machine *copy;             /* what the engine says of it */
	int err;                          /* the first failure */
	struct buf why;
};

static void begin(struct act *act);
static void clear(struct act *act);

static const struct act_kind kind = { .begin = begin, .clear = clear };
static const struct act_kind hold_kind = { .begin = NULL };

static void clear(struct act *act)
{
	struct restoring *r = (struct restoring *)act;

	machine_free(r->copy);
	buf_free(&r->why);
}

static void act_on(struct restoring *r, const struct engine_call *call,
                   const char *id, engine_act_fn *done)
{
	engine_act(act_engine(&r->act), call, id, done, r);
}

static void rename_machine(struct restoring *r, const char *from,
                           const char *to, const char *id, engine_act_fn *done)
{
	struct engine_call call = {
		.op = ENGINE_RENAME,
		.name = from,
		.new_name = to,
	};

	act_on(r, &call, id, done);
}

static void delete_machine(struct restoring *r, const char *name,
                           const char *id, engine_act_fn *done)
{
	struct engine_call call = { .op = ENGINE_DELETE, .name = name };

	act_on(r, &call, id, done);
}

/* ---- the end ---- */

/* The copy has another name by now, or is gone, or is for the next list. */
static void let_copy_go(struct restoring *r)
{
	struct act *hold = r->hold;

	fleet_drop(hold->member);
	act_end(hold, 0, NULL);
}

static void finish(struct restoring *r)
{
	struct member *m = r->act.member;
	int err = r->err;

	let_copy_go(r);
	member_set_error(m, "%s%s", err ? "restore: " : "",
	                 r->why.data ? r->why.data : "");
	if (err)
		fleet_set_error(m->fleet, "%s: %s", m->name, member_error(m));
	slot_spoil(&m->info_slot);
	act_end(&r->act, err, m);
}

/* Say why; only the first reason counts. */
static void note(struct restoring *r, int err, const char *why)
{
	if (r->err)
		return;
	r->err = err;
	buf_adds(&r->why, why);
}

/* ---- back ---- */

static void on_copy_deleted(void *arg, int err, const char *why)
{
	struct restoring *r = arg;

	if (err)
		buf_printf(&r->why,
		           "; the copy of the snapshot is still there, as "
		           "snapshots/%s: %s",
		           SNAPSHOT_RESTORING, why);
	else
		fleet_bury(r->act.member->fleet, r->copy->id);
	finish(r);
}

static void delete_copy(struct restoring *r)
{
	delete_machine(r, r->copy_name, r->copy->id, on_copy_deleted);
}

static void on_moved_back(void *arg, int err, const char *why)
{
	struct restoring *r = arg;

	if (!err) {
		delete_copy(r);
		return;
	}
	buf_printf(&r->why,
	           "; the machine is called %s now, and the copy of the "
	           "snapshot %s: %s",
	           r->old_name, r->copy_name, why);
	finish(r);
}

/* ---- forth ---- */

/* The machine is the copy from now on. Without memory for its record the next
 * list greets it as another machine, which it is. */
static void become_copy(struct restoring *r)
{
	struct member *m = r->act.member;
	struct machine *machine = machine_copy(r->copy);
	char *name = strdup(m->name);

	if (!machine || !name) {
		machine_free(machine);
		free(name);
		return;
	}
	free(machine->name);
	machine->name = name;
	fleet_take(m, machine);
	fleet_reboot(m);
	machine_free(m->info);
	m->info = NULL;
	member_forget(m);
	member_touch(m, MEMBER_CONFIG);
}

static void on_old_deleted(void *arg, int err, const char *why)
{
	struct restoring *r = arg;
	struct member *m = r->act.member;

	if (!err)
		fleet_bury(m->fleet, m->machine->id);
	become_copy(r);
	if (err) {
		note(r, err,
		     "it is as it was then; what it was before is "
		     "still there, as snapshots/" SNAPSHOT_REPLACED ": ");
		buf_adds(&r->why, why);
	}
	finish(r);
}

static void on_put_in_place(void *arg, int err, const char *why)
{
	struct restoring *r = arg;
	struct member *m = r->act.member;

	if (!err) {
		delete_machine(r, r->old_name, m->machine->id, on_old_deleted);
		return;
	}
	note(r, err, why);
	rename_machine(r, r->old_name, m->name, m->machine->id, on_moved_back);
}

static void on_moved_away(void *arg, int err, const char *why)
{
	struct restoring *r = arg;
	struct member *m = r->act.member;

	if (!err) {
		rename_machine(r, r->copy_name, m->name, r->copy->id,
		               on_put_in_place);
		return;
	}
	note(r, err, why);
	delete_copy(r);
}

static void move_away(struct restoring *r)
{
	struct member *m = r->act.member;

	rename_machine(r, m->name, r->old_name, m->machine->id, on_moved_away);
}

static void on_copy_stopped(void *arg, int err, const char *why)
{
	struct restoring *r = arg;

	if (err) {
		note(r, err, why);
		delete_copy(r);
		return;
	}
	r->copy->state = MACHINE_STOPPED;
	move_away(r);
}

static void on_copy_info(void *arg, int err, struct machine *machine,
                         const char *why)
{
	struct restoring *r = arg;
	struct engine_call call = { .op = ENGINE_STOP, .name = r->copy_name };

	r->copy = machine;
	if (err) {
		/* Nothing is deleted whose id is not known. */
		note(r, err, why);
		buf_printf(&r->why,
		           "; the copy of the snapshot is snapshots/%s",
		           SNAPSHOT_RESTORING);
		finish(r);
	} else if (machine->state == MACHINE_RUNNING) {
		act_on(r, &call, machine->id, on_copy_stopped);
	} else {
		move_away(r);
	}
}

static void on_cloned(void *arg, int err, const char *why)
{
	struct restoring *r = arg;
	struct act *loan = r->loan;

	r->loan = NULL;
	act_end(loan, 0, NULL);
	if (err) {
		note(r, err, why);
		finish(r);
		return;
	}
	engine_info(act_engine(&r->act), r->copy_name, on_copy_info, r);
}

static void on_lent(void *arg, int err, struct member *snapshot)
{
	struct restoring *r = arg;
	struct engine_call call = {
		.op = ENGINE_CLONE,
		.name = snapshot->name,
		.new_name = r->copy_name,
	};

	if (err) {
		r->loan = NULL;
		note(r, err, "the snapshot is gone");
		finish(r);
		return;
	}
	act_on(r, &call, act_id(snapshot), on_cloned);
}

static void begin(struct act *act)
{
	struct restoring *r = (struct restoring *)act;

	act_show(act->member, MACHINE_CREATING);
	fleet_tell_before(act->member);
	act_enqueue(r->loan);
}

/* ---- the call ---- */

/* What an earlier try has left is for the user to look at. */
static int check_leftovers(struct member *m)
{
	static const char *const words[] = { SNAPSHOT_RESTORING,
		                             SNAPSHOT_REPLACED };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (snapshot_find(m, words[i])) {
			member_set_error(m,
			                 "restore: snapshots/%s is left of an "
			                 "earlier try; first remove or move it",
			                 words[i]);
			return -EBUSY;
		}
	return 0;
}

static int check(struct member *m, struct member *snapshot)
{
	struct member *busy = m->acts              ? m
	                      : snapshot->changing ? snapshot
	                                           : NULL;
	enum machine_state state = member_state(m);

	if (!m->listed || !snapshot->listed || snapshot->of != m) {
		member_set_error(m, "restore: no such snapshot");
		return -ENOENT;
	}
	if (busy)
		member_set_error(m,
		                 "restore: %s is %s; wait for the end of that",
		                 busy->name, act_word(busy));
	else if (state != MACHINE_STOPPED)
		member_set_error(m,
		                 "restore: %s is %s; first: echo stop > state",
		                 m->name, machine_state_word(state));
	else if (member_state(snapshot) != MACHINE_STOPPED || !m->known)
		member_set_error(m, "restore: the snapshot is %s",
		                 machine_state_word(member_state(snapshot)));
	else
		return check_leftovers(m);
	return -EBUSY;
}

/* The member that stands for the copy while it has no place. 0 or an errno. */
static int add_copy(struct restoring *r, struct fleet *fleet)
{
	int err = fleet_check_name(fleet, r->copy_name, true);
	struct member *copy = NULL;

	if (!err)
		copy = fleet_add(fleet, r->copy_name, &err);
	if (!copy)
		return err;
	r->hold = act_new(sizeof(*r->hold), &hold_kind, copy, NULL, NULL);
	if (!r->hold) {
		fleet_drop(copy);
		return -ENOMEM;
	}
	act_enqueue(r->hold);
	return 0;
}

void lifecycle_restore(struct member *m, struct member *snapshot,
                       lifecycle_fn *done, void *arg)
{
	int err = check(m, snapshot);
	struct restoring *r = NULL;

	if (!err) {
		r = act_new(sizeof(*r), &kind, m, done, arg);
		err = r ? 0 : -ENOMEM;
	}
	if (!err) {
		r->why = (struct buf)BUF_INIT(WHY_MAX);
		err = snapshot_join(r->copy_name, m->name, SNAPSHOT_RESTORING);
	}
	if (!err)
		err = snapshot_join(r->old_name, m->name, SNAPSHOT_REPLACED);
	if (err == -ENAMETOOLONG)
		member_set_error(m,
		                 "restore: the name of %s is too long for "
		                 "--snap--" SNAPSHOT_RESTORING " behind it",
		                 m->name);
	if (!err) {
		r->loan = act_loan(snapshot, on_lent, r);
		err = r->loan ? add_copy(r, m->fleet) : -ENOMEM;
	}
	if (err) {
		if (r) {
			act_free(r->loan);
			act_free(&r->act);
		}
		done(arg, err, m);
		return;
	}
	act_enqueue(&r->act);
}
