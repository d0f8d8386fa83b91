/*
 * fleet: the members, by name, by id and in the order of their coming; and the
 * one list that serves everybody.
 *
 * Invariants:
 *  1. A listed member is in by_name and in order; it is in by_id when it is
 *     known. One that is not listed is in none of them.
 *  2. Names are unique among listed members, hidden ones included; ids are
 *     unique among known ones.
 *  3. Cookies only grow along order, so a directory read to any place goes on
 *     from there whatever came and went meanwhile.
 *  4. A list never changes a member that an act of ours runs on, nor one that
 *     we changed after that list was asked for (touched against list_of).
 *  5. A listed member with the name of a snapshot is `of` the listed member
 *     that it is named after, if there is one.
 *
 * A name that comes back with another id is another machine: the old member
 * goes, and whatever hangs on it (errors, outputs, open files) with it. An id
 * that comes back under another name is a rename done elsewhere.
 */
#include "cache/fleet.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/details.h"
#include "cache/index.h"
#include "cache/lifecycle.h"
#include "cache/news.h"
#include "cache/snapshots.h"

enum { ERROR_MAX = 1200 };

/* A machine that we deleted after a list was asked for. */
struct grave {
	struct grave *next;
	uint64_t generation;
	char id[];
};

struct fleet {
	struct fleet_spec spec;
	struct fleet_events events;
	void *events_arg;
	struct slot list;
	uint64_t generation; /* counts our own changes */
	uint64_t list_of;    /* its value when the list was asked for */
	uint64_t list_number;
	struct member **order;
	size_t n;
	size_t cap;
	size_t n_unseen; /* hidden ones and snapshots */
	struct member *snapshots;
	struct audience audience;
	struct grave *graves;
	uint64_t last_cookie;
	struct index by_name; /* of struct member_key */
	struct index by_id;
	struct timespec changed;
	uint64_t n_hits;         /* of its list, and of what its members know */
	struct timespec stirred; /* the state or the image of one is another */
	struct create defaults;
	struct buf error;
	bool error_is_lists; /* and goes when a list succeeds */
	struct waiter *sleepers;
	struct root_lock root_lock;
	bool ending;
};

static void fetch_list(void *arg);

static int compare_keys(const void *a, const void *b)
{
	const struct member_key *x = a;
	const struct member_key *y = b;

	return strcmp(x->text, y->text);
}

static struct member *find_key(const struct index *index, const char *text)
{
	struct member_key like = { .text = text };
	struct member_key *found = index_find(index, &like);

	return found ? found->member : NULL;
}

static struct timespec now(const struct fleet *fleet)
{
	return fleet->spec.clock->wall(fleet->spec.clock);
}

static void forget_graves(struct fleet *fleet, uint64_t until)
{
	struct grave **at = &fleet->graves;

	while (*at) {
		struct grave *grave = *at;

		if (grave->generation > until) {
			at = &grave->next;
			continue;
		}
		*at = grave->next;
		free(grave);
	}
}

/* ---- the fleet ---- */

struct fleet *fleet_new(const struct fleet_spec *spec)
{
	struct fleet *fleet = calloc(1, sizeof(*fleet));

	if (!fleet)
		return NULL;
	fleet->spec = *spec;
	fleet->by_name.compare = compare_keys;
	fleet->by_id.compare = compare_keys;
	fleet->error = (struct buf)BUF_INIT(ERROR_MAX);
	fleet->changed = now(fleet);
	slot_init(&fleet->list, spec->clock, fetch_list, fleet);
	fleet->list.n_hits = &fleet->n_hits;
	return fleet;
}

void fleet_set_events(struct fleet *fleet, const struct fleet_events *events,
                      void *arg)
{
	fleet->events = *events;
	fleet->events_arg = arg;
}

void fleet_end(struct fleet *fleet)
{
	fleet->ending = true;
	fleet->audience = (struct audience){ 0 };
	fleet->events = (struct fleet_events){ 0 };
	slot_end(&fleet->list);
	/* Those who are told may let members go; look again from the front. */
	for (size_t i = 0; i < fleet->n; i++)
		if (details_end(fleet->order[i]))
			i = (size_t)-1;
	lifecycle_end(fleet);
}

void fleet_free(struct fleet *fleet)
{
	if (!fleet)
		return;
	fleet->audience = (struct audience){ 0 };
	while (fleet->n)
		fleet_drop(fleet->order[fleet->n - 1]);
	forget_graves(fleet, UINT64_MAX);
	free(fleet->order);
	create_free(&fleet->defaults);
	buf_free(&fleet->error);
	free(fleet);
}

const struct fleet_spec *fleet_spec(const struct fleet *fleet)
{
	return &fleet->spec;
}

bool fleet_is_ending(const struct fleet *fleet)
{
	return fleet->ending;
}

struct root_lock *fleet_root_lock(struct fleet *fleet)
{
	return &fleet->root_lock;
}

struct audience *fleet_audience(struct fleet *fleet)
{
	return &fleet->audience;
}

struct member **fleet_snapshots(struct fleet *fleet)
{
	return &fleet->snapshots;
}

struct waiter **fleet_sleepers(struct fleet *fleet)
{
	return &fleet->sleepers;
}

size_t fleet_count(const struct fleet *fleet)
{
	return fleet->n - fleet->n_unseen;
}

struct timespec fleet_changed(const struct fleet *fleet)
{
	return fleet->changed;
}

uint64_t *fleet_hits(struct fleet *fleet)
{
	return &fleet->n_hits;
}

struct timespec fleet_stirred(const struct fleet *fleet)
{
	const struct timespec *a = &fleet->changed;
	const struct timespec *b = &fleet->stirred;

	if (a->tv_sec != b->tv_sec)
		return a->tv_sec > b->tv_sec ? *a : *b;
	return a->tv_nsec > b->tv_nsec ? *a : *b;
}

const char *fleet_error(const struct fleet *fleet)
{
	return fleet->error.data ? fleet->error.data : "";
}

/* Replace a line of reason, which stays one line whatever name or answer is
 * quoted in it. A lack of memory leaves it empty. */
static void set_line(struct buf *line, const char *fmt, va_list ap)
{
	char text[ERROR_MAX];

	vsnprintf(text, sizeof(text), fmt, ap);
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	buf_reset(line);
	buf_adds(line, text);
}

void fleet_set_error(struct fleet *fleet, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set_line(&fleet->error, fmt, ap);
	va_end(ap);
	fleet->error_is_lists = false;
}

int fleet_set_defaults(struct fleet *fleet, const char *text, size_t len)
{
	struct buf why = BUF_INIT(ERROR_MAX);
	struct create create;
	int err = create_parse(text, len, &create, &why);

	fleet_set_error(fleet, "%s",
	                !err       ? ""
	                : why.data ? why.data
	                           : strerror(-err));
	buf_free(&why);
	if (err)
		return err;
	create_free(&fleet->defaults);
	fleet->defaults = create;
	return 0;
}

const struct create *fleet_defaults(const struct fleet *fleet)
{
	return &fleet->defaults;
}

/* ---- members ---- */

struct member *member_ref(struct member *m)
{
	m->refs++;
	return m;
}

void member_unref(struct member *m)
{
	if (!m || --m->refs > 0)
		return;
	machine_free(m->machine);
	machine_free(m->info);
	free(m->vitals);
	run_unref(m->last);
	run_unref(m->finished);
	buf_free(&m->error);
	free(m->name);
	free(m);
}

enum machine_state member_state(const struct member *m)
{
	return m->passing != MACHINE_UNKNOWN ? m->passing : m->machine->state;
}

struct timespec member_born(const struct member *m)
{
	int64_t ms = machine_born_ms(m->machine->id);

	if (ms < 0)
		return m->seen_at;
	return (struct timespec){
		.tv_sec = (time_t)(ms / 1000),
		.tv_nsec = (long)(ms % 1000) * 1000000,
	};
}

void member_touch(struct member *m, enum member_text text)
{
	struct fleet *fleet = m->fleet;

	m->texts[text].changed = now(fleet);
	m->changed = m->texts[text].changed;
	if (text == MEMBER_STATE || text == MEMBER_CONFIG)
		fleet->stirred = m->changed;
	if (text == MEMBER_STATE)
		news_state(m);
	if (fleet->events.changed && m->listed)
		fleet->events.changed(fleet->events_arg, m, text);
}

void member_set_error(struct member *m, const char *fmt, ...)
{
	bool was_empty = m->error.len == 0;
	va_list ap;

	va_start(ap, fmt);
	set_line(&m->error, fmt, ap);
	va_end(ap);
	if (!was_empty || m->error.len)
		member_touch(m, MEMBER_ERROR);
	if (m->error.len)
		news_failed(m, m->error.data);
}

const char *member_error(const struct member *m)
{
	return m->error.data ? m->error.data : "";
}

static void set_run(struct run **place, struct run *run)
{
	run_unref(*place);
	*place = run ? run_ref(run) : NULL;
}

void member_set_last(struct member *m, struct run *run)
{
	set_run(&m->last, run);
	member_touch(m, MEMBER_EXEC);
}

void member_set_finished(struct member *m, struct run *run)
{
	set_run(&m->finished, run);
	member_touch(m, MEMBER_EXEC);
}

void member_forget(struct member *m)
{
	set_run(&m->finished, NULL);
	if (m->last && run_ended(m->last))
		set_run(&m->last, NULL);
	slot_spoil(&m->info_slot);
	member_set_error(m, "%s", "");
	member_touch(m, MEMBER_EXEC);
}

static struct member *member_new(struct fleet *fleet, const char *name,
                                 struct machine *machine)
{
	struct member *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->name = strdup(name);
	if (!m->name) {
		free(m);
		return NULL;
	}
	m->fleet = fleet;
	m->refs = 1;
	m->machine = machine;
	m->passing = MACHINE_UNKNOWN;
	m->error = (struct buf)BUF_INIT(ERROR_MAX);
	m->by_name.member = m;
	m->by_id.member = m;
	m->changed = now(fleet);
	m->seen_at = m->changed;
	for (int i = 0; i < MEMBER_N_TEXTS; i++)
		m->texts[i].changed = m->changed;
	details_init(m);
	return m;
}

/* ---- the tables ---- */

static int enter_name(struct member *m)
{
	m->by_name.text = m->name;
	return index_add(&m->fleet->by_name, &m->by_name);
}

static void leave_name(struct member *m)
{
	index_remove(&m->fleet->by_name, &m->by_name);
}

static bool is_shown(const struct member *m)
{
	return m->listed && !m->hidden && !m->of;
}

/* It is there now, under its name, for all who look. */
static void tell_came(struct member *m)
{
	struct fleet *fleet = m->fleet;

	if (m->of && !m->hidden)
		member_touch(m->of, MEMBER_SNAPSHOTS);
	if (is_shown(m) && fleet->events.came)
		fleet->events.came(fleet->events_arg, m);
}

/* It was there under that name, as a snapshot or as a machine. */
static void tell_gone(struct member *m, struct member *of, const char *name)
{
	struct fleet *fleet = m->fleet;

	if (of)
		member_touch(of, MEMBER_SNAPSHOTS);
	else if (fleet->events.gone)
		fleet->events.gone(fleet->events_arg, m, name);
}

/* Hide or show it, as a snapshot or as a machine. */
static void place(struct member *m, bool hidden, struct member *of)
{
	struct fleet *fleet = m->fleet;
	struct member *was_of = m->of;
	bool was_hidden = m->hidden;

	if (hidden == was_hidden && of == was_of)
		return;
	fleet->n_unseen -= was_hidden || was_of;
	fleet->n_unseen += hidden || of;
	m->hidden = hidden;
	m->of = of;
	fleet->changed = now(fleet);
	if (!was_hidden)
		tell_gone(m, was_of, m->name);
	tell_came(m);
}

void fleet_belong(struct member *m, struct member *of)
{
	place(m, m->hidden, of);
}

static void leave_id(struct member *m)
{
	if (m->known)
		index_remove(&m->fleet->by_id, &m->by_id);
	m->known = false;
}

/* Its record tells an id. One that is another's already is not believed. */
static void enter_id(struct member *m)
{
	m->by_id.text = m->machine->id;
	m->known = strcmp(m->machine->id, "?") != 0 &&
	           !find_key(&m->fleet->by_id, m->machine->id) &&
	           index_add(&m->fleet->by_id, &m->by_id) == 0;
}

/* Put a new member into the tables; its list reference is that of its birth. */
static int enter(struct member *m)
{
	struct fleet *fleet = m->fleet;

	if (fleet->n == fleet->cap) {
		size_t cap = fleet->cap ? fleet->cap * 2 : 16;
		struct member **order =
			realloc(fleet->order, cap * sizeof(order[0]));

		if (!order)
			return -ENOMEM;
		fleet->order = order;
		fleet->cap = cap;
	}
	if (enter_name(m))
		return -ENOMEM;
	m->cookie = ++fleet->last_cookie;
	fleet->order[fleet->n++] = m;
	m->listed = true;
	m->of = snapshots_add(m);
	fleet->n_unseen += m->of != NULL;
	fleet->changed = now(fleet);
	return 0;
}

/* It is in all tables: tell of it. */
static void welcome(struct member *m)
{
	tell_came(m);
	snapshots_adopt(m);
}

/* The index of the first member behind that cookie. */
static size_t behind(const struct fleet *fleet, uint64_t cookie)
{
	size_t low = 0;
	size_t high = fleet->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (fleet->order[middle]->cookie <= cookie)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct member *fleet_add(struct fleet *fleet, const char *name, int *err)
{
	struct machine *machine = machine_new(name, MACHINE_CREATING);
	struct member *m = NULL;

	*err = -ENOMEM;
	if (machine)
		m = member_new(fleet, name, machine);
	if (!m) {
		machine_free(machine);
		return NULL;
	}
	*err = enter(m);
	if (*err) {
		member_unref(m);
		return NULL;
	}
	fleet_overtake(m);
	welcome(m);
	news_created(m);
	return m;
}

void fleet_drop(struct member *m)
{
	struct fleet *fleet = m->fleet;
	struct member *of = m->of;
	size_t i = behind(fleet, m->cookie - 1);

	leave_name(m);
	leave_id(m);
	memmove(&fleet->order[i], &fleet->order[i + 1],
	        (fleet->n - i - 1) * sizeof(fleet->order[0]));
	fleet->n--;
	fleet->n_unseen -= m->hidden || of;
	m->listed = false;
	m->of = NULL;
	snapshots_remove(m);
	fleet->changed = now(fleet);
	tell_gone(m, of, m->name);
	snapshots_release(m);
	if (!of)
		news_deleted(m);
	member_unref(m);
}

int fleet_rename(struct member *m, const char *name)
{
	struct fleet *fleet = m->fleet;
	char *copy = strdup(name);
	char *old = m->name;
	struct member *of = m->of;

	if (!copy)
		return -ENOMEM;
	leave_name(m);
	m->name = copy;
	if (enter_name(m)) {
		/* The place just left is not lost: index_remove has freed it. */
		m->name = old;
		(void)enter_name(m);
		free(copy);
		return -ENOMEM;
	}
	fleet->n_unseen -= m->hidden || of;
	snapshots_remove(m);
	m->of = snapshots_add(m);
	fleet->n_unseen += m->hidden || m->of;
	fleet->changed = now(fleet);
	m->changed = fleet->changed;
	tell_gone(m, of, old);
	snapshots_release(m);
	welcome(m);
	news_renamed(m, old);
	free(old);
	return 0;
}

void fleet_tell_before(struct member *m)
{
	if (m->fleet->events.before)
		m->fleet->events.before(m->fleet->events_arg, m);
}

void fleet_hide(struct member *m, bool hidden)
{
	place(m, hidden, m->of);
}

struct member *fleet_holder(struct fleet *fleet, const char *name)
{
	return find_key(&fleet->by_name, name);
}

struct member *fleet_find(struct fleet *fleet, const char *name)
{
	struct member *m = fleet_holder(fleet, name);

	return m && is_shown(m) ? m : NULL;
}

struct member *fleet_next(struct fleet *fleet, uint64_t cookie)
{
	for (size_t i = behind(fleet, cookie); i < fleet->n; i++)
		if (is_shown(fleet->order[i]))
			return fleet->order[i];
	return NULL;
}

void fleet_overtake(struct member *m)
{
	m->touched = ++m->fleet->generation;
	slot_spoil(&m->fleet->list);
}

/* Say why a name cannot be; err is what is wrong with it. */
static void complain(struct fleet *fleet, const char *name, int err)
{
	if (err == -ENAMETOOLONG)
		fleet_set_error(fleet,
		                "%.80s...: a name has at most %d "
		                "characters",
		                name, MACHINE_NAME_MAX);
	else
		fleet_set_error(fleet,
		                "'%.80s' cannot be a machine's name: "
		                "lower case letters, digits and hyphens can, "
		                "and no command of orbctl",
		                name);
}

int fleet_check_name(struct fleet *fleet, const char *name, bool is_snapshot)
{
	struct member *holder = fleet_holder(fleet, name);
	int err = machine_name_check(name);

	if (err) {
		complain(fleet, name, err);
		return err;
	}
	if (!is_snapshot && snapshot_marked(name)) {
		fleet_set_error(fleet,
		                "'%s' is how snapshots are called; "
		                "one is made in snapshots/",
		                name);
		return -EINVAL;
	}
	if (!holder)
		return 0;
	fleet_set_error(fleet, "%s: %s", name,
	                holder->hidden
	                        ? "a machine of that name is being deleted"
	                        : "the name is taken");
	return holder->hidden ? -EBUSY : -EEXIST;
}

/* ---- lists ---- */

static bool same_word(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* Does the file config show the same of both? */
static bool same_config(const struct machine *a, const struct machine *b)
{
	return same_word(a->id, b->id) && same_word(a->user, b->user) &&
	       same_word(a->distro, b->distro) &&
	       same_word(a->version, b->version) && a->cpus == b->cpus &&
	       a->memory == b->memory && a->disk == b->disk &&
	       a->isolated == b->isolated &&
	       a->isolate_network == b->isolate_network &&
	       a->forward_ssh_agent == b->forward_ssh_agent;
}

void fleet_reboot(struct member *m)
{
	details_spoil(m);
	member_touch(m, MEMBER_IP);
}

void fleet_take(struct member *m, struct machine *machine)
{
	struct machine *old = m->machine;
	bool other_state = old->state != machine->state;
	bool other_config = !same_config(old, machine);
	bool other_id = strcmp(old->id, machine->id) != 0;

	if (other_id)
		leave_id(m);
	m->machine = machine;
	if (other_id)
		enter_id(m);
	else
		m->by_id.text = machine->id;
	machine_free(old);
	if (other_state) {
		member_touch(m, MEMBER_STATE);
		fleet_reboot(m);
	}
	if (other_config)
		member_touch(m, MEMBER_CONFIG);
}

/* May the list just received say something about this member? */
static bool is_overtaken(const struct member *m)
{
	return m->changing || m->touched > m->fleet->list_of;
}

void fleet_bury(struct fleet *fleet, const char *id)
{
	struct grave *grave = malloc(sizeof(*grave) + strlen(id) + 1);

	slot_spoil(&fleet->list);
	/* Without memory it may show once more, until the next list. */
	if (!grave)
		return;
	grave->generation = ++fleet->generation;
	strcpy(grave->id, id);
	grave->next = fleet->graves;
	fleet->graves = grave;
}

/* Is what the list just received says of it old news? */
static bool is_buried(const struct fleet *fleet, const char *id)
{
	for (struct grave *g = fleet->graves; g; g = g->next)
		if (g->generation > fleet->list_of && strcmp(g->id, id) == 0)
			return true;
	return false;
}

/* A machine that no member stands for: takes it. */
static int greet(struct fleet *fleet, struct machine *machine)
{
	struct member *m = member_new(fleet, machine->name, machine);

	if (!m) {
		machine_free(machine);
		return -ENOMEM;
	}
	if (enter(m)) {
		member_unref(m);
		return -ENOMEM;
	}
	enter_id(m);
	m->seen = fleet->list_number;
	welcome(m);
	/* What the first list says is no news. */
	if (fleet->list.known)
		news_created(m);
	else
		m->told = member_state(m);
	return 0;
}

/* One record of a list; takes the machine. */
static int merge(struct fleet *fleet, struct machine *machine)
{
	struct member *m = find_key(&fleet->by_id, machine->id);
	struct member *holder = find_key(&fleet->by_name, machine->name);
	int err;

	if (is_buried(fleet, machine->id)) {
		machine_free(machine);
		return 0;
	}
	if (!m)
		m = holder;
	if (m && (m->seen == fleet->list_number || is_overtaken(m))) {
		/* A second record of the same name or id, or old news. */
		m->seen = fleet->list_number;
		machine_free(machine);
		return 0;
	}
	if (m && m == holder && m->known &&
	    strcmp(m->machine->id, machine->id) != 0) {
		fleet_drop(m);
		return greet(fleet, machine);
	}
	if (!m)
		return greet(fleet, machine);
	if (m != holder) {
		/* Renamed elsewhere; whoever had the name is older news, unless
		 * this very list has named it. */
		if (holder && (holder->seen == fleet->list_number ||
		               is_overtaken(holder))) {
			machine_free(machine);
			return 0;
		}
		if (holder)
			fleet_drop(holder);
		err = fleet_rename(m, machine->name);
		if (err) {
			machine_free(machine);
			return err;
		}
	}
	m->seen = fleet->list_number;
	fleet_take(m, machine);
	return 0;
}

/* Members that the list did not name are gone, unless we know better: one
 * whose creation failed stays until it is removed. */
static void drop_unseen(struct fleet *fleet)
{
	for (size_t i = fleet->n; i-- > 0;) {
		struct member *m = fleet->order[i];

		if (m->seen != fleet->list_number && !is_overtaken(m) &&
		    (m->known || m->machine->state != MACHINE_FAILED))
			fleet_drop(m);
	}
}

static void on_list(void *arg, int err, struct machine_list *list,
                    const char *why)
{
	struct fleet *fleet = arg;

	if (err) {
		fleet_set_error(fleet, "%s", why);
		fleet->error_is_lists = true;
		slot_fill(&fleet->list, err);
		return;
	}
	if (fleet->error_is_lists)
		fleet_set_error(fleet, "%s", "");
	fleet->list_number++;
	for (size_t i = 0; i < list->n && !err; i++) {
		struct machine *machine = list->v[i];

		list->v[i] = NULL;
		err = merge(fleet, machine);
	}
	if (!err)
		drop_unseen(fleet);
	forget_graves(fleet, fleet->list_of);
	if (!err && !fleet->list.known)
		log_info(fleet->spec.log, "%s: %zu machines",
		         engine_name(fleet->spec.engine), fleet->n);
	slot_fill(&fleet->list, err);
}

static void fetch_list(void *arg)
{
	struct fleet *fleet = arg;

	fleet->list_of = fleet->generation;
	/* Who loses patience with the very first one finds this. */
	if (!fleet->list.known && !fleet->error.len) {
		fleet_set_error(fleet, "list: no answer from %s yet",
		                engine_name(fleet->spec.engine));
		fleet->error_is_lists = true;
	}
	engine_list(fleet->spec.engine, on_list, fleet);
}

/* One `ls` is many requests: with a patience for each they would add up, so
 * that for a stale list is counted from the question to the engine. */
void fleet_get(struct fleet *fleet, slot_fn *done, void *arg)
{
	uint64_t waited = slot_fetching_ms(&fleet->list);
	unsigned patience = FLEET_FIRST_PATIENCE_MS;

	if (fleet->ending) {
		done(arg, -ECANCELED);
		return;
	}
	if (fleet->list.known && waited >= FLEET_PATIENCE_MS) {
		done(arg, 0);
		return;
	}
	if (fleet->list.known)
		patience = FLEET_PATIENCE_MS - (unsigned)waited;
	slot_get(&fleet->list, fleet->spec.ttl_ms, patience, done, arg);
}

bool fleet_is_known(const struct fleet *fleet)
{
	return fleet->list.known;
}

void fleet_spoil(struct fleet *fleet)
{
	slot_spoil(&fleet->list);
}
