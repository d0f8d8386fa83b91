/*
 * snapshots: which machines are snapshots of which.
 *
 * A snapshot is a stopped clone, a machine like any other for the engine, and
 * known by its name: "web--snap--before" is the snapshot before of web. As
 * long as web is there it is found in web alone; when web is gone it is an
 * ordinary machine again, so nothing is ever out of reach. What is said of
 * members in fleet.h holds for it, and so do all calls of lifecycle.h.
 */
#ifndef ORBFS_CACHE_SNAPSHOTS_H
#define ORBFS_CACHE_SNAPSHOTS_H

#include "cache/fleet.h"

/* Those that a restoration makes on its way. Nobody may take one of that name,
 * but they can be dropped and moved when a failure has left them. */
#define SNAPSHOT_RESTORING "restoring"
#define SNAPSHOT_REPLACED "replaced"

/* The first snapshot of m behind that cookie (0: of all), or NULL. Borrowed. */
struct member *snapshot_next(const struct member *m, uint64_t cookie);
/* The one of that word ("before"), or NULL. Borrowed. */
struct member *snapshot_find(const struct member *m, const char *word);
size_t snapshot_count(const struct member *m);
/* "before"; s is one (s->of is not NULL). */
const char *snapshot_word(const struct member *s);

/* ---- for cache/ ---- */

enum {
	SNAPSHOT_NAME_MAX = MACHINE_NAME_MAX + 1,
	SNAPSHOT_MARK_LEN = 8, /* between the two names */
};

/* Is it the name of a snapshot? Then how long that of its machine is; else 0.
 */
size_t snapshot_split(const char *name);
/* Does it hold what only the names of snapshots may? */
bool snapshot_marked(const char *name);
/* The name of a snapshot of the machine called so. 0; -EINVAL the word cannot
 * be one, -ENAMETOOLONG. */
int snapshot_join(char name[SNAPSHOT_NAME_MAX], const char *machine,
                  const char *word);

/* Keep account of a member that has come under its name, if that has the form,
 * and give its machine, if that is there; and of one that leaves its name. */
struct member *snapshots_add(struct member *s);
void snapshots_remove(struct member *s);
/* A machine has come: those that are named after it are its snapshots. */
void snapshots_adopt(struct member *m);
/* It goes, or goes by another name: they are machines of their own. */
void snapshots_release(struct member *m);

#endif
