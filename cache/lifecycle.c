/*
 * lifecycle: machines are deleted, renamed, started, stopped.
 *
 * An act shows in the fleet when it begins (a state like "stopping", a name, a
 * machine that is hidden), and is settled when the engine has answered. How
 * machines come into being is in cache/make.c, what a restoration does in
 * cache/restore.c, settings in cache/configure.c, waits in cache/waiter.c.
 */
#include "cache/lifecycle.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/act.h"
#include "cache/snapshots.h"

enum { WHY_MAX = 1200 };

void act_complain(struct member *m, const char *fmt, ...)
{
	char text[WHY_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	member_set_error(m, "%s", text);
	if (m->of)
		member_set_error(m->of, "%s", text);
}

/* ---- delete ---- */

static void begin_deletion(struct act *act);

static const struct act_kind deletion_kind = { .begin = begin_deletion };

static void on_deleted(void *arg, int err, const char *why)
{
	struct act *act = arg;
	struct member *m = act->member;

	if (!err) {
		if (m->known)
			fleet_bury(m->fleet, m->machine->id);
		if (m->listed)
			fleet_drop(m);
		act_end(act, 0, NULL);
		return;
	}
	fleet_hide(m, false);
	act_complain(m, "%s", why);
	if (err == -ESTALE) {
		/* The next list puts the name's new owner in its place. Linux
		 * takes ESTALE for an order to look again and to go on: the
		 * second rmdir would delete that one. */
		fleet_set_error(m->fleet, "%s: %s", m->name, why);
		err = -EIO;
	}
	act_end(act, err, m);
}

static void begin_deletion(struct act *act)
{
	struct member *m = act->member;
	struct engine_call call = { .op = ENGINE_DELETE, .name = m->name };

	act_show(m, MACHINE_DELETING);
	fleet_tell_before(m);
	fleet_hide(m, true);
	engine_act(act_engine(act), &call, act_id(m), on_deleted, act);
}

/* May it be deleted now? Else its error says why not. */
static int check_deletable(struct member *m)
{
	enum machine_state state = member_state(m);
	size_t n = snapshot_count(m);

	if (m->acts)
		act_complain(m, "delete: %s is %s; wait for the end of that",
		             m->name, act_word(m));
	else if (!m->known && state != MACHINE_FAILED)
		act_complain(m,
		             "delete: the engine has not told the id of %s "
		             "yet; try again",
		             m->name);
	else if (n)
		act_complain(m,
		             "delete: it has %zu snapshot%s; first: rmdir "
		             "%s/snapshots/*",
		             n, n == 1 ? "" : "s", m->name);
	else if (state == MACHINE_STOPPED || state == MACHINE_FAILED)
		return 0;
	else if (m->of)
		act_complain(m,
		             "delete: snapshot %s is %s; first move it to a "
		             "machine of its own and stop that",
		             snapshot_word(m), machine_state_word(state));
	else
		act_complain(m, "delete: %s is %s; first: echo %s > state",
		             m->name, machine_state_word(state),
		             state == MACHINE_RUNNING ? "stop" : "kill");
	return -EBUSY;
}

void lifecycle_delete(struct member *m, lifecycle_fn *done, void *arg)
{
	int err = check_deletable(m);
	struct act *act;

	if (err) {
		done(arg, err, m);
		return;
	}
	if (act_is_stillborn(m)) {
		fleet_drop(m);
		done(arg, 0, NULL);
		return;
	}
	act = act_new(sizeof(*act), &deletion_kind, m, done, arg);
	if (!act) {
		done(arg, -ENOMEM, m);
		return;
	}
	act_be_patient(act);
	act_enqueue(act);
}

/* ---- rename ---- */

/*
 * The snapshots of a machine bear its name, so they follow it: each has an act
 * of its own, at the head of its own queue from the beginning, which the
 * leader begins when its time has come.
 */
struct renaming {
	struct act act;
	char *old_name;
	struct renaming *leader;
	struct renaming *followers; /* of a leader: those still to come */
	struct renaming *next;      /* of a follower */
};

static void begin_renaming(struct act *act);
static void clear_renaming(struct act *act);
static void follow(struct renaming *leader);

static const struct act_kind renaming_kind = {
	.begin = begin_renaming,
	.clear = clear_renaming,
};
static const struct act_kind following_kind = { .clear = clear_renaming };

static void clear_renaming(struct act *act)
{
	free(((struct renaming *)act)->old_name);
}

/* The old name is free: nobody could take it meanwhile without the engine's
 * refusal. Without memory the next list brings it back. */
static void restore_name(struct renaming *r)
{
	struct member *m = r->act.member;

	if (!fleet_holder(m->fleet, r->old_name))
		(void)fleet_rename(m, r->old_name);
}

static struct renaming *take_follower(struct renaming *leader)
{
	struct renaming *f = leader->followers;

	if (f)
		leader->followers = f->next;
	return f;
}

static void on_followed(void *arg, int err, const char *why)
{
	struct renaming *f = arg;
	struct renaming *leader = f->leader;
	struct member *s = f->act.member;

	if (err) {
		restore_name(f);
		member_set_error(leader->act.member,
		                 "rename: its snapshot is a machine of its own "
		                 "now, %s: %s",
		                 s->name, why);
	}
	act_end(&f->act, err, s);
	follow(leader);
}

/* The machine has its name: now its snapshots, one after another. */
static void follow(struct renaming *leader)
{
	struct renaming *f = take_follower(leader);
	struct engine_call call = { .op = ENGINE_RENAME };
	struct member *s;

	if (!f) {
		act_end(&leader->act, 0, leader->act.member);
		return;
	}
	s = f->act.member;
	call.name = f->old_name;
	call.new_name = s->name;
	engine_act(act_engine(&f->act), &call, act_id(s), on_followed, f);
}

static void on_renamed(void *arg, int err, const char *why)
{
	struct renaming *r = arg;
	struct member *m = r->act.member;
	struct renaming *f;

	slot_spoil(&m->info_slot);
	act_complain(m, "%s", err ? why : "");
	if (!err) {
		follow(r);
		return;
	}
	restore_name(r);
	while ((f = take_follower(r))) {
		restore_name(f);
		act_end(&f->act, err, f->act.member);
	}
	act_end(&r->act, err, m);
}

static void begin_renaming(struct act *act)
{
	struct renaming *r = (struct renaming *)act;
	struct member *m = act->member;
	struct engine_call call = {
		.op = ENGINE_RENAME,
		.name = r->old_name,
		.new_name = m->name,
	};

	engine_act(act_engine(act), &call, act_id(m), on_renamed, r);
}

static struct renaming *renaming_new(struct member *m,
                                     const struct act_kind *kind,
                                     lifecycle_fn *done, void *arg)
{
	struct renaming *r = act_new(sizeof(*r), kind, m, done, arg);

	if (r)
		r->old_name = strdup(m->name);
	if (r && !r->old_name) {
		act_free(&r->act);
		r = NULL;
	}
	return r;
}

/* May a snapshot follow its machine to that name? name is its own then. */
static int check_follower(struct member *s, const char *to,
                          char name[SNAPSHOT_NAME_MAX])
{
	int err = snapshot_join(name, to, snapshot_word(s));

	if (!err && s->acts)
		err = -EBUSY;
	if (!err && fleet_holder(s->fleet, name))
		err = -EEXIST;
	if (err)
		member_set_error(s->of,
		                 "rename: its snapshot %s cannot follow: %s",
		                 snapshot_word(s),
		                 s->acts ? act_word(s) : strerror(-err));
	return err;
}

/* Make the followers of a machine that is to be called so. */
static int recruit(struct renaming *leader, const char *to)
{
	struct member *m = leader->act.member;
	struct renaming **at = &leader->followers;
	char name[SNAPSHOT_NAME_MAX];
	struct member *s = NULL;
	int err;

	while ((s = snapshot_next(m, s ? s->cookie : 0))) {
		err = check_follower(s, to, name);
		if (err)
			return err;
		*at = renaming_new(s, &following_kind, NULL, NULL);
		if (!*at)
			return -ENOMEM;
		(*at)->leader = leader;
		at = &(*at)->next;
	}
	return 0;
}

/* Show all new names; on failure the old ones. */
static int show_names(struct renaming *leader, const char *to)
{
	char name[SNAPSHOT_NAME_MAX];
	int err = fleet_rename(leader->act.member, to);

	for (struct renaming *f = leader->followers; f && !err; f = f->next) {
		err = snapshot_join(name, to,
		                    f->old_name + strlen(leader->old_name) +
		                            SNAPSHOT_MARK_LEN);
		if (!err)
			err = fleet_rename(f->act.member, name);
	}
	if (!err)
		return 0;
	restore_name(leader);
	for (struct renaming *f = leader->followers; f; f = f->next)
		restore_name(f);
	return err;
}

/* To a name that was checked. */
static void rename_to(struct member *m, const char *name, lifecycle_fn *done,
                      void *arg)
{
	struct renaming *r = NULL;
	struct renaming *f;
	int err = m->acts ? -EBUSY : 0;

	if (err)
		act_complain(m, "rename: %s is %s; wait for the end of that",
		             m->name, act_word(m));
	else
		r = renaming_new(m, &renaming_kind, done, arg);
	if (!err)
		err = r ? recruit(r, name) : -ENOMEM;
	if (!err)
		err = show_names(r, name);
	if (err) {
		while (r && (f = take_follower(r)))
			act_free(&f->act);
		if (r)
			act_free(&r->act);
		done(arg, err, m);
		return;
	}
	for (f = r->followers; f; f = f->next)
		act_enqueue(&f->act);
	act_be_patient(&r->act);
	act_enqueue(&r->act);
}

void lifecycle_rename(struct member *m, const char *name, lifecycle_fn *done,
                      void *arg)
{
	int err = fleet_check_name(m->fleet, name, false);

	if (err) {
		act_complain(m, "rename: %s", fleet_error(m->fleet));
		done(arg, err, m);
		return;
	}
	rename_to(m, name, done, arg);
}

void lifecycle_file(struct member *m, struct member *of, const char *word,
                    lifecycle_fn *done, void *arg)
{
	char name[SNAPSHOT_NAME_MAX];
	int err = act_check_snapshot(of, word, name);

	if (!err && (member_state(m) != MACHINE_STOPPED || snapshot_count(m) ||
	             m == of)) {
		act_complain(m, "rename: %s cannot be a snapshot: it is %s",
		             m->name,
		             snapshot_count(m) ? "one that has snapshots"
		             : m == of         ? "the machine itself"
		                       : machine_state_word(member_state(m)));
		member_set_error(of, "%s", member_error(m));
		err = -EBUSY;
	}
	if (err)
		done(arg, err, m);
	else
		rename_to(m, name, done, arg);
}

/* ---- start, stop, kill, restart ---- */

struct turning {
	struct act act;
	enum engine_op op;
};

static void begin_turn(struct act *act);

static const struct act_kind turn_kind = { .begin = begin_turn };

/* What an operation shows while it runs, and leads to. */
static const struct {
	enum machine_state passing;
	enum machine_state goal;
} turns[ENGINE_N_OPS] = {
	[ENGINE_START] = { MACHINE_STARTING, MACHINE_RUNNING },
	[ENGINE_STOP] = { MACHINE_STOPPING, MACHINE_STOPPED },
	[ENGINE_KILL] = { MACHINE_STOPPING, MACHINE_STOPPED },
	[ENGINE_RESTART] = { MACHINE_STARTING, MACHINE_RUNNING },
};

static void on_turned(void *arg, int err, const char *why)
{
	struct turning *t = arg;
	struct member *m = t->act.member;

	if (!err) {
		/* A restart is not seen from the state alone. */
		fleet_reboot(m);
		act_set_state(m, turns[t->op].goal);
	}
	member_set_error(m, "%s", err ? why : "");
	act_end(&t->act, err, m);
}

static void begin_turn(struct act *act)
{
	struct turning *t = (struct turning *)act;
	struct member *m = act->member;
	struct engine_call call = { .op = t->op, .name = m->name };

	if (act_is_stillborn(m)) {
		act_end(act, -ENOENT, m);
		return;
	}
	act_show(m, turns[t->op].passing);
	if (t->op != ENGINE_START)
		fleet_tell_before(m);
	engine_act(act_engine(act), &call, act_id(m), on_turned, t);
}

void lifecycle_turn(struct member *m, enum engine_op op, lifecycle_fn *done,
                    void *arg)
{
	struct turning *t = act_new(sizeof(*t), &turn_kind, m, done, arg);

	if (!t) {
		done(arg, -ENOMEM, m);
		return;
	}
	t->op = op;
	act_enqueue(&t->act);
}
