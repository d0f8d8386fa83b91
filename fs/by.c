/*
 * by: groups of machines, made from the list whenever somebody looks.
 *
 * Owns nothing. What a group is called is the label of its node: the kind, a
 * slash, and the value that its machines share.
 */
#include "fs/by.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/fs.h"
#include "ops/machine.h"

static const char *state_of(const struct member *m)
{
	return machine_state_word(member_state(m));
}

static const char *distro_of(const struct member *m)
{
	return m->machine->distro;
}

static const char *arch_of(const struct member *m)
{
	return m->machine->arch;
}

/* By what machines are grouped: the names of the directories in .by. The value
 * of a machine may be NULL, unknown. */
static const struct kind {
	const char *name;
	const char *(*of)(const struct member *m);
} kinds[] = {
	{ "state", state_of },
	{ "distro", distro_of },
	{ "arch", arch_of },
};

/* The kind whose name begins this text, up to a slash or the end. */
static const struct kind *kind_of(const char *text)
{
	size_t len = strcspn(text, "/");

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strlen(kinds[i].name) == len &&
		    strncmp(text, kinds[i].name, len) == 0)
			return &kinds[i];
	return NULL;
}

/* A value that can be a name in a directory. */
static bool has_value(const struct kind *kind, const struct member *m)
{
	const char *value = kind->of(m);

	return value && *value && *value != '.' && !strchr(value, '/');
}

static bool is_in(const struct kind *kind, const struct member *m,
                  const char *value)
{
	return has_value(kind, m) && strcmp(kind->of(m), value) == 0;
}

/* The first machine of a group, or NULL. */
static struct member *first_in(struct fleet *fleet, const struct kind *kind,
                               const char *value)
{
	struct member *m = NULL;

	while ((m = fleet_next(fleet, m ? m->cookie : 0)))
		if (is_in(kind, m, value))
			break;
	return m;
}

/* ---- .by/state and the like ---- */

/* What a group is called in that kind of groups. */
static void make_label(char *text, size_t size, const char *kind,
                       const char *value)
{
	snprintf(text, size, "%s/%s", kind, value);
}

static bool is_group(struct fleet *fleet, const struct kind *kind,
                     const char *value)
{
	if (kind->of != state_of)
		return first_in(fleet, kind, value) != NULL;
	for (int state = 0; state < MACHINE_N_STATES; state++)
		if (strcmp(machine_state_word((enum machine_state)state),
		           value) == 0)
			return true;
	return false;
}

static void on_listed_group(void *arg, int err)
{
	struct request *rq = arg;
	const char *kind = rq->node->entry->name;
	char name[NAME_MAX + 32];
	struct label *label;

	if (err || !is_group(rq->fs->spec.fleet, kind_of(kind), rq->text)) {
		request_fail(rq, err ? err : -ENOENT);
		return;
	}
	make_label(name, sizeof(name), kind, rq->text);
	label = label_new(name);
	if (label)
		dir_reply(rq, S_IFDIR, NULL, label);
	else
		request_fail(rq, -ENOMEM);
	label_unref(label);
}

void by_lookup_group(struct request *rq)
{
	fleet_get(rq->fs->spec.fleet, on_listed_group, rq);
}

/* The cookie of a state is its number, of another value the cookie of the first
 * machine that has it. */
static bool next_state(struct dir_name *name)
{
	if (name->cookie >= MACHINE_N_STATES)
		return false;
	name->name = machine_state_word((enum machine_state)name->cookie++);
	return true;
}

static bool next_value(struct fleet *fleet, const struct kind *kind,
                       struct dir_name *name)
{
	struct member *m;

	while ((m = fleet_next(fleet, name->cookie))) {
		name->cookie = m->cookie;
		name->name = kind->of(m);
		if (has_value(kind, m) &&
		    first_in(fleet, kind, name->name) == m)
			return true;
	}
	return false;
}

bool by_next_group(struct fs *fs, const struct node *dir, struct dir_name *name)
{
	const struct kind *kind = kind_of(dir->entry->name);

	if (kind->of == state_of ? !next_state(name)
	                         : !next_value(fs->spec.fleet, kind, name))
		return false;
	name->entry = entry_any(DIR_GROUPS, S_IFDIR);
	make_label(name->text, sizeof(name->text), kind->name, name->name);
	name->made.name = name->text;
	name->label = &name->made;
	return true;
}

/* ---- a group ---- */

static bool belongs(const struct node *group, const struct member *m)
{
	const char *label = group->label->name;

	return is_in(kind_of(label), m, strchr(label, '/') + 1);
}

static void on_listed(void *arg, int err)
{
	struct request *rq = arg;
	struct member *m = fleet_find(rq->fs->spec.fleet, rq->text);

	if (m && belongs(rq->node, m))
		dir_reply(rq, S_IFLNK, m, rq->node->label);
	else
		request_fail(rq, err ? err : -ENOENT);
}

void by_lookup(struct request *rq)
{
	fleet_get(rq->fs->spec.fleet, on_listed, rq);
}

bool by_next(struct fs *fs, const struct node *dir, struct dir_name *name)
{
	struct member *m;

	while ((m = fleet_next(fs->spec.fleet, name->cookie))) {
		name->cookie = m->cookie;
		if (!belongs(dir, m))
			continue;
		name->name = m->name;
		name->entry = entry_any(DIR_GROUP, S_IFLNK);
		name->m = m;
		name->label = dir->label;
		return true;
	}
	return false;
}
