/*
 * configure: a write to a machine's config, setting by setting.
 *
 * What a write changes is known only when the engine has said what is. So a
 * whole object that was read a while ago changes no more than what differs.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache/act.h"

enum { WHY_MAX = 1200 };

struct configuring {
	struct act act;
	char *text; /* what was written */
	size_t text_len;
	struct machine_changes changes; /* what it comes to */
	int key;                        /* the one under way */
	struct buf applied;             /* words, for a failure */
};

static void begin(struct act *act);
static void clear(struct act *act);
static void set_next(struct configuring *c);

static const struct act_kind kind = { .begin = begin, .clear = clear };

static void clear(struct act *act)
{
	struct configuring *c = (struct configuring *)act;

	free(c->text);
	machine_changes_free(&c->changes);
	buf_free(&c->applied);
}

static void say_unapplied(struct configuring *c, const char *why)
{
	struct buf text = BUF_INIT(WHY_MAX);

	buf_printf(&text, "config: %s: %s",
	           machine_key_word((enum machine_key)c->key), why);
	if (c->applied.len)
		buf_printf(&text, "; applied:%s", c->applied.data);
	for (int i = c->key + 1, first = 1; i < MACHINE_N_KEYS; i++)
		if (c->changes.value[i]) {
			buf_printf(&text, "%s %s",
			           first ? "; not applied:" : "",
			           machine_key_word((enum machine_key)i));
			first = 0;
		}
	member_set_error(c->act.member, "%s", text.data ? text.data : why);
	buf_free(&text);
}

static void on_set(void *arg, int err, const char *why)
{
	struct configuring *c = arg;
	struct member *m = c->act.member;

	slot_spoil(&m->info_slot);
	if (err) {
		say_unapplied(c, why);
		member_touch(m, MEMBER_CONFIG);
		act_end(&c->act, err, m);
		return;
	}
	buf_printf(&c->applied, " %s",
	           machine_key_word((enum machine_key)c->key));
	c->key++;
	set_next(c);
}

/* Apply the next setting that changes; at the end, end. */
static void set_next(struct configuring *c)
{
	struct member *m = c->act.member;
	struct engine_call call = { .op = ENGINE_SET, .name = m->name };

	while (c->key < MACHINE_N_KEYS && !c->changes.value[c->key])
		c->key++;
	if (c->key == MACHINE_N_KEYS) {
		member_set_error(m, "%s", "");
		member_touch(m, MEMBER_CONFIG);
		act_end(&c->act, 0, m);
		return;
	}
	call.key = (enum machine_key)c->key;
	call.value = c->changes.value[c->key];
	engine_act(act_engine(&c->act), &call, NULL, on_set, c);
}

/* What the engine says now is here: what does the write change of it? */
static void on_current(void *arg, int err, struct machine *current,
                       const char *why)
{
	struct configuring *c = arg;
	struct member *m = c->act.member;
	struct buf reason = BUF_INIT(WHY_MAX);

	if (!err && m->known && strcmp(current->id, m->machine->id) != 0) {
		/* Those settings are not what the user has looked at. */
		machine_free(current);
		why = "the name belongs to another machine now";
		err = -ENOENT;
	}
	if (err) {
		member_set_error(m, "config: %s", why);
		act_end(&c->act, err, m);
		return;
	}
	err = machine_parse_changes(current, c->text, c->text_len, &c->changes,
	                            &reason);
	machine_free(current);
	if (err) {
		member_set_error(m, "%s",
		                 reason.data ? reason.data : strerror(-err));
		buf_free(&reason);
		act_end(&c->act, err, m);
		return;
	}
	buf_free(&reason);
	set_next(c);
}

static void begin(struct act *act)
{
	if (act_is_stillborn(act->member))
		act_end(act, -ENOENT, act->member);
	else
		engine_info(act_engine(act), act->member->name, on_current,
		            act);
}

void lifecycle_configure(struct member *m, const char *text, size_t len,
                         lifecycle_fn *done, void *arg)
{
	struct configuring *c = act_new(sizeof(*c), &kind, m, done, arg);

	if (c)
		c->text = malloc(len + 1);
	if (!c || !c->text) {
		if (c)
			act_free(&c->act);
		done(arg, -ENOMEM, m);
		return;
	}
	c->applied = (struct buf)BUF_INIT(WHY_MAX);
	memcpy(c->text, text, len);
	c->text[len] = '\0';
	c->text_len = len;
	act_enqueue(&c->act);
}
