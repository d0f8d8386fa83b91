/*
 * snapshots: the rule for their names, and who belongs to whom.
 *
 * All listed members whose names have the form are in one list of the fleet,
 * whether their machine is there or not; it is short. A member's `of` is its
 * machine, and is set and cleared as machines and names come and go.
 */
#include "cache/snapshots.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char mark[SNAPSHOT_MARK_LEN + 1] = "--snap--";

bool snapshot_marked(const char *name)
{
	return strstr(name, mark) != NULL;
}

/* With two marks, be it overlapping ones, nobody could tell which one is
 * meant. */
size_t snapshot_split(const char *name)
{
	const char *at = strstr(name, mark);

	if (!at || at == name || strstr(at + 1, mark) ||
	    machine_name_check(at + SNAPSHOT_MARK_LEN) != 0)
		return 0;
	return (size_t)(at - name);
}

int snapshot_join(char name[SNAPSHOT_NAME_MAX], const char *machine,
                  const char *word)
{
	size_t len = strlen(machine);
	int err = machine_name_check(word);

	if (err)
		return err;
	if (len + SNAPSHOT_MARK_LEN + strlen(word) > MACHINE_NAME_MAX)
		return -ENAMETOOLONG;
	snprintf(name, SNAPSHOT_NAME_MAX, "%s%s%s", machine, mark, word);
	return snapshot_split(name) == len ? machine_name_check(name) : -EINVAL;
}

const char *snapshot_word(const struct member *s)
{
	return s->name + snapshot_split(s->name) + SNAPSHOT_MARK_LEN;
}

struct member *snapshot_next(const struct member *m, uint64_t cookie)
{
	struct member *next = NULL;

	for (struct member *s = *fleet_snapshots(m->fleet); s; s = s->next_snap)
		if (s->of == m && !s->hidden && s->cookie > cookie &&
		    (!next || s->cookie < next->cookie))
			next = s;
	return next;
}

struct member *snapshot_find(const struct member *m, const char *word)
{
	for (struct member *s = *fleet_snapshots(m->fleet); s; s = s->next_snap)
		if (s->of == m && !s->hidden &&
		    strcmp(snapshot_word(s), word) == 0)
			return s;
	return NULL;
}

size_t snapshot_count(const struct member *m)
{
	size_t n = 0;

	for (struct member *s = *fleet_snapshots(m->fleet); s; s = s->next_snap)
		n += s->of == m && !s->hidden;
	return n;
}

struct member *snapshots_add(struct member *s)
{
	struct member **list = fleet_snapshots(s->fleet);
	size_t len = snapshot_split(s->name);
	char name[MACHINE_LISTED_MAX + 1];

	if (!len)
		return NULL;
	s->next_snap = *list;
	*list = s;
	snprintf(name, sizeof(name), "%.*s", (int)len, s->name);
	return fleet_holder(s->fleet, name);
}

void snapshots_remove(struct member *s)
{
	struct member **at = fleet_snapshots(s->fleet);

	while (*at && *at != s)
		at = &(*at)->next_snap;
	if (*at)
		*at = s->next_snap;
	s->next_snap = NULL;
}

void snapshots_adopt(struct member *m)
{
	size_t len = strlen(m->name);

	for (struct member *s = *fleet_snapshots(m->fleet); s; s = s->next_snap)
		if (strncmp(s->name, m->name, len) == 0 &&
		    snapshot_split(s->name) == len)
			fleet_belong(s, m);
}

void snapshots_release(struct member *m)
{
	for (struct member *s = *fleet_snapshots(m->fleet); s; s = s->next_snap)
		if (s->of == m)
			fleet_belong(s, NULL);
}
