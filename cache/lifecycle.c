/*
 * lifecycle: one queue of acts per machine, and what each does to the fleet.
 *
 * An act shows in the fleet when it begins (a state like "stopping", a name, a
 * machine that is hidden), and is settled when the engine has answered. Its
 * caller is answered once: at the end, or when its patience is over; `done` is
 * NULL from then on. The queue's head is the act that runs.
 *
 * Waits (lifecycle_wait) stand outside of the queue: they are for those who
 * need the machine but change nothing. They are woken when the queue is empty,
 * and then look at the list until the machine is up or clearly is not.
 */
#include "cache/lifecycle.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	WAIT_PAUSE_MS = 500,
	WAIT_MAX_MS = 60000,
	WHY_MAX = 1200,
	FREE_COUNTS = 2, /* times what the root was free comes back */
};

enum act_kind { ACT_CREATE, ACT_DELETE, ACT_RENAME, ACT_TURN, ACT_SET };

struct act {
	enum act_kind kind;
	enum engine_op op;
	struct member *member;
	struct act *next;
	lifecycle_fn *done; /* NULL: answered */
	void *arg;
	struct alarm *patience;
	bool is_patient; /* it was, to begin with */
	char *image;     /* CREATE */
	char *old_name;  /* RENAME */
	char *text;      /* SET: what was written */
	size_t text_len;
	struct machine_changes changes; /* SET: what it comes to */
	int key;                        /* SET: the one under way */
	struct buf applied;             /* SET: words, for a failure */
};

struct waiter {
	struct member *member;
	struct waiter *next; /* in member->waits, or among the sleepers */
	struct alarm *alarm;
	uint64_t until_ms;
	lifecycle_fn *done;
	void *arg;
};

/* What an operation shows while it runs, and leads to. */
static const struct {
	enum machine_state passing;
	enum machine_state goal;
} turns[ENGINE_N_OPS] = {
	[ENGINE_CREATE] = { MACHINE_CREATING, MACHINE_RUNNING },
	[ENGINE_START] = { MACHINE_STARTING, MACHINE_RUNNING },
	[ENGINE_STOP] = { MACHINE_STOPPING, MACHINE_STOPPED },
	[ENGINE_KILL] = { MACHINE_STOPPING, MACHINE_STOPPED },
	[ENGINE_RESTART] = { MACHINE_STARTING, MACHINE_RUNNING },
	[ENGINE_DELETE] = { MACHINE_DELETING, MACHINE_UNKNOWN },
};

static void begin(struct act *act);
static void wake_waits(struct member *m);

/* ---- acts ---- */

static struct clock *clock_of(const struct member *m)
{
	return fleet_spec(m->fleet)->clock;
}

static void act_free(struct act *act)
{
	member_unref(act->member);
	free(act->image);
	free(act->old_name);
	free(act->text);
	machine_changes_free(&act->changes);
	buf_free(&act->applied);
	free(act);
}

/* NULL: no memory. */
static struct act *act_new(struct member *m, enum act_kind kind,
                           enum engine_op op, lifecycle_fn *done, void *arg)
{
	struct act *act = calloc(1, sizeof(*act));

	if (!act)
		return NULL;
	act->kind = kind;
	act->op = op;
	act->member = member_ref(m);
	act->done = done;
	act->arg = arg;
	act->applied = (struct buf)BUF_INIT(WHY_MAX);
	return act;
}

static void answer(struct act *act, int err, struct member *m)
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
	answer(act, 0, act->member);
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
static void be_patient(struct act *act)
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

/* Put an act at the end of its machine's queue; a first one begins. */
static void enqueue(struct act *act)
{
	struct act **at = &act->member->acts;

	while (*at)
		at = &(*at)->next;
	*at = act;
	if (act->member->acts == act)
		begin(act);
}

static void set_passing(struct member *m, enum machine_state passing)
{
	if (m->passing == passing)
		return;
	m->passing = passing;
	member_touch(m, MEMBER_STATE);
}

/* The engine's record, but in that state: it says so itself soon. */
static void set_state(struct member *m, enum machine_state state)
{
	if (m->machine->state == state)
		return;
	m->machine->state = state;
	member_touch(m, MEMBER_STATE);
	fleet_reboot(m);
}

/* The head of the queue is over: whatever it did to the fleet stands. */
static void end(struct act *act, int err, struct member *told)
{
	struct member *m = member_ref(act->member);
	struct act *next = act->next;

	m->acts = next;
	set_passing(m, MACHINE_UNKNOWN);
	fleet_overtake(m);
	answer(act, err, told);
	act_free(act);
	/* Who was answered may have asked for another act. When nothing was in
	 * the queue, that one has begun already. */
	if (next)
		begin(next);
	else if (!m->acts)
		wake_waits(m);
	member_unref(m);
}

/* ---- create ---- */

static void on_created_info(void *arg, int err, struct machine *machine,
                            const char *why)
{
	struct act *act = arg;
	struct member *m = act->member;

	/* It was created all the same; the next list tells the rest. */
	(void)err;
	(void)why;
	if (machine) {
		struct machine *copy = machine_copy(machine);

		if (copy)
			fleet_take(m, copy);
		machine_free(m->info);
		m->info = machine;
		slot_put(&m->info_slot);
	} else {
		set_state(m, MACHINE_RUNNING);
	}
	end(act, 0, m);
}

static void on_created(void *arg, int err, const char *why)
{
	struct act *act = arg;
	struct member *m = act->member;

	if (!err) {
		fleet_set_error(m->fleet, "%s", "");
		/* Its id and address are wanted at once. */
		engine_info(fleet_spec(m->fleet)->engine, m->name,
		            on_created_info, act);
		return;
	}
	fleet_set_error(m->fleet, "%s: %s", m->name, why);
	if (act->done) {
		/* The one who asked hears of it; nothing stays behind. */
		fleet_drop(m);
		end(act, err, NULL);
		return;
	}
	member_set_error(m, "%s", why);
	set_state(m, MACHINE_FAILED);
	end(act, err, m);
}

static int check_new_name(struct fleet *fleet, const char *name)
{
	struct member *holder = fleet_holder(fleet, name);
	int err = machine_name_check(name);

	if (err == -ENAMETOOLONG)
		fleet_set_error(fleet,
		                "%.80s...: a name has at most %d "
		                "characters",
		                name, MACHINE_NAME_MAX);
	else if (err)
		fleet_set_error(fleet,
		                "'%.80s' cannot be a machine's name: "
		                "lower case letters, digits and hyphens can, "
		                "and no command of orbctl",
		                name);
	else if (holder && holder->hidden)
		fleet_set_error(fleet,
		                "%s: a machine of that name is being "
		                "deleted",
		                name);
	else if (holder)
		fleet_set_error(fleet, "%s: the name is taken", name);
	if (err || !holder)
		return err;
	return holder->hidden ? -EBUSY : -EEXIST;
}

void lifecycle_create(struct fleet *fleet, const struct lifecycle_new *spec,
                      lifecycle_fn *done, void *arg)
{
	int err = check_new_name(fleet, spec->name);
	struct member *m;
	struct act *act;

	if (err) {
		done(arg, err, NULL);
		return;
	}
	m = fleet_add(fleet, spec->name, &err);
	if (!m) {
		done(arg, err, NULL);
		return;
	}
	act = act_new(m, ACT_CREATE, ENGINE_CREATE, done, arg);
	if (act && spec->image)
		act->image = strdup(spec->image);
	if (!act || (spec->image && !act->image)) {
		if (act)
			act_free(act);
		fleet_drop(m);
		done(arg, -ENOMEM, NULL);
		return;
	}
	be_patient(act);
	enqueue(act);
}

/* ---- delete ---- */

static void on_deleted(void *arg, int err, const char *why)
{
	struct act *act = arg;
	struct member *m = act->member;

	if (!err) {
		if (m->listed)
			fleet_drop(m);
		end(act, 0, NULL);
		return;
	}
	fleet_hide(m, false);
	member_set_error(m, "%s", why);
	if (err == -ESTALE) {
		/* The next list puts the name's new owner in its place. Linux
		 * takes ESTALE for an order to look again and to go on: the
		 * second rmdir would delete that one. */
		fleet_set_error(m->fleet, "%s: %s", m->name, why);
		err = -EIO;
	}
	end(act, err, m);
}

/* May it be deleted now? Else its error says why not. */
static int check_deletable(struct member *m)
{
	enum machine_state state = member_state(m);

	if (m->acts) {
		member_set_error(m,
		                 "delete: %s is %s; wait for the end of "
		                 "that",
		                 m->name, machine_state_word(state));
		return -EBUSY;
	}
	if (!m->known && state != MACHINE_FAILED) {
		member_set_error(m,
		                 "delete: the engine has not told the id of "
		                 "%s yet; try again",
		                 m->name);
		return -EBUSY;
	}
	if (state == MACHINE_STOPPED || state == MACHINE_FAILED)
		return 0;
	member_set_error(m, "delete: %s is %s; first: echo %s > state", m->name,
	                 machine_state_word(state),
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
	if (!m->known && m->machine->state == MACHINE_FAILED) {
		/* It never came into being. */
		fleet_drop(m);
		done(arg, 0, NULL);
		return;
	}
	act = act_new(m, ACT_DELETE, ENGINE_DELETE, done, arg);
	if (!act) {
		done(arg, -ENOMEM, m);
		return;
	}
	be_patient(act);
	enqueue(act);
}

/* ---- rename ---- */

static void on_renamed(void *arg, int err, const char *why)
{
	struct act *act = arg;
	struct member *m = act->member;

	if (err) {
		/* The old name is free: nobody could take it meanwhile without
		 * the engine's refusal. */
		if (!fleet_holder(m->fleet, act->old_name))
			(void)fleet_rename(m, act->old_name);
		member_set_error(m, "%s", why);
	} else {
		member_set_error(m, "%s", "");
	}
	slot_spoil(&m->info_slot);
	end(act, err, m);
}

void lifecycle_rename(struct member *m, const char *name, lifecycle_fn *done,
                      void *arg)
{
	int err = check_new_name(m->fleet, name);
	struct act *act = NULL;

	if (err) {
		member_set_error(m, "rename: %s", fleet_error(m->fleet));
	} else if (m->acts) {
		member_set_error(m,
		                 "rename: %s is %s; wait for the end of "
		                 "that",
		                 m->name, machine_state_word(member_state(m)));
		err = -EBUSY;
	} else {
		act = act_new(m, ACT_RENAME, ENGINE_RENAME, done, arg);
		if (act)
			act->old_name = strdup(m->name);
		if (!act || !act->old_name)
			err = -ENOMEM;
	}
	if (!err)
		err = fleet_rename(m, name);
	if (err) {
		if (act)
			act_free(act);
		done(arg, err, m);
		return;
	}
	be_patient(act);
	enqueue(act);
}

/* ---- start, stop, kill, restart ---- */

static void on_turned(void *arg, int err, const char *why)
{
	struct act *act = arg;
	struct member *m = act->member;

	if (!err) {
		/* A restart is not seen from the state alone. */
		fleet_reboot(m);
		set_state(m, turns[act->op].goal);
	}
	member_set_error(m, "%s", err ? why : "");
	end(act, err, m);
}

void lifecycle_turn(struct member *m, enum engine_op op, lifecycle_fn *done,
                    void *arg)
{
	struct act *act = act_new(m, ACT_TURN, op, done, arg);

	if (!act) {
		done(arg, -ENOMEM, m);
		return;
	}
	enqueue(act);
}

/* ---- set ---- */

static void set_next(struct act *act);

static void say_unapplied(struct act *act, const char *why)
{
	struct buf text = BUF_INIT(WHY_MAX);

	buf_printf(&text, "config: %s: %s",
	           machine_key_word((enum machine_key)act->key), why);
	if (act->applied.len)
		buf_printf(&text, "; applied:%s", act->applied.data);
	for (int i = act->key + 1, first = 1; i < MACHINE_N_KEYS; i++)
		if (act->changes.value[i]) {
			buf_printf(&text, "%s %s",
			           first ? "; not applied:" : "",
			           machine_key_word((enum machine_key)i));
			first = 0;
		}
	member_set_error(act->member, "%s", text.data ? text.data : why);
	buf_free(&text);
}

static void on_set(void *arg, int err, const char *why)
{
	struct act *act = arg;

	slot_spoil(&act->member->info_slot);
	if (err) {
		say_unapplied(act, why);
		member_touch(act->member, MEMBER_CONFIG);
		end(act, err, act->member);
		return;
	}
	buf_printf(&act->applied, " %s",
	           machine_key_word((enum machine_key)act->key));
	act->key++;
	set_next(act);
}

/* Apply the next setting that changes; at the end, end. */
static void set_next(struct act *act)
{
	struct member *m = act->member;
	struct engine_call call = { .op = ENGINE_SET, .name = m->name };

	while (act->key < MACHINE_N_KEYS && !act->changes.value[act->key])
		act->key++;
	if (act->key == MACHINE_N_KEYS) {
		member_set_error(m, "%s", "");
		member_touch(m, MEMBER_CONFIG);
		end(act, 0, m);
		return;
	}
	call.key = (enum machine_key)act->key;
	call.value = act->changes.value[act->key];
	engine_act(fleet_spec(m->fleet)->engine, &call, NULL, on_set, act);
}

/* What the engine says now is here: what does the write change of it? */
static void on_current(void *arg, int err, struct machine *current,
                       const char *why)
{
	struct act *act = arg;
	struct member *m = act->member;
	struct buf reason = BUF_INIT(WHY_MAX);

	if (!err && m->known && strcmp(current->id, m->machine->id) != 0) {
		/* Those settings are not what the user has looked at. */
		machine_free(current);
		why = "the name belongs to another machine now";
		err = -ENOENT;
	}
	if (err) {
		member_set_error(m, "config: %s", why);
		end(act, err, m);
		return;
	}
	err = machine_parse_changes(current, act->text, act->text_len,
	                            &act->changes, &reason);
	machine_free(current);
	if (err) {
		member_set_error(m, "%s",
		                 reason.data ? reason.data : strerror(-err));
		buf_free(&reason);
		end(act, err, m);
		return;
	}
	buf_free(&reason);
	set_next(act);
}

void lifecycle_configure(struct member *m, const char *text, size_t len,
                         lifecycle_fn *done, void *arg)
{
	struct act *act = act_new(m, ACT_SET, ENGINE_SET, done, arg);

	if (act)
		act->text = malloc(len + 1);
	if (!act || !act->text) {
		if (act)
			act_free(act);
		done(arg, -ENOMEM, m);
		return;
	}
	memcpy(act->text, text, len);
	act->text[len] = '\0';
	act->text_len = len;
	enqueue(act);
}

/* ---- running the head of the queue ---- */

static void begin(struct act *act)
{
	static engine_act_fn *const ended[] = {
		[ACT_CREATE] = on_created,
		[ACT_DELETE] = on_deleted,
		[ACT_RENAME] = on_renamed,
		[ACT_TURN] = on_turned,
	};
	struct member *m = act->member;
	const struct fleet_spec *spec = fleet_spec(m->fleet);
	struct engine_call call = { .op = act->op, .name = m->name };

	if (!m->listed) {
		/* The machine went while this waited its turn. */
		end(act, -ENOENT, m);
		return;
	}
	set_passing(m, turns[act->op].passing);
	if (act->kind != ACT_CREATE && act->kind != ACT_SET &&
	    act->op != ENGINE_START)
		fleet_tell_before(m);
	switch (act->kind) {
	case ACT_CREATE:
		call.image = act->image ? act->image : spec->image;
		call.arch = spec->arch;
		call.user = spec->user;
		break;
	case ACT_DELETE:
		fleet_hide(m, true);
		break;
	case ACT_RENAME:
		call.name = act->old_name;
		call.new_name = m->name;
		break;
	case ACT_TURN:
		break;
	case ACT_SET:
		engine_info(spec->engine, m->name, on_current, act);
		return;
	}
	engine_act(spec->engine, &call, m->known ? m->machine->id : NULL,
	           ended[act->kind], act);
}

/* ---- waiting for a machine ---- */

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

static void wake_waits(struct member *m)
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
	struct clock *clock = clock_of(wait->member);
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
	if (m->acts) {
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

	if (m->acts) {
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
	struct clock *clock = clock_of(m);

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
		struct clock *clock = clock_of(wait->member);

		clock->cancel(clock, wait->alarm);
		unlink_sleeper(wait);
		wait_done(wait, -ECANCELED);
	}
}
