/*
 * lifecycle: what users do to machines: create, copy, import, delete, rename,
 * restore, start, stop, set.
 *
 * Calls on one machine happen one after another, in the order they were asked
 * for; on different machines side by side. Each shows in the fleet at once. A
 * failure leaves one line in the machine's error (in the fleet's, when there
 * is no machine), a success leaves it empty.
 *
 * A call with patience reports success when that has passed and it is still
 * under way; what becomes of it then is told by the machine: a creation that
 * fails leaves a machine in state failed, a deletion or a rename that fails
 * brings the machine or its name back.
 *
 * Snapshots (cache/snapshots.h) are members: what is done to them is what is
 * done to machines.
 */
#ifndef ORBFS_CACHE_LIFECYCLE_H
#define ORBFS_CACHE_LIFECYCLE_H

#include "cache/fleet.h"

/* m is borrowed; NULL when there is none (a creation that failed). */
typedef void lifecycle_fn(void *arg, int err, struct member *m);

/* How long a mkdir, rmdir or mv waits, or several that stood in line for one
 * another: the kernel holds the root's lock as long, and every other look at
 * the root with it. */
enum { LIFECYCLE_PATIENCE_MS = 800 };

/* All done callbacks are called exactly once, maybe before the call returns.
 * -EINVAL, -ENAMETOOLONG the name; -EEXIST it is taken; -EBUSY a machine of
 * that name is being deleted; else the engine's errors. */

/* All but the name may be NULL: the fleet's default (fleet_set_defaults), or
 * the engine's. Their forms are those of struct create. */
struct lifecycle_new {
	const char *name;
	const char *image;
	const char *arch;
	const char *user;
	const char *cpus;
	const char *memory;
	const char *disk;
	const char *isolated;
	const char *isolate_network;
	const char *user_data;
};

/* With patience. */
void lifecycle_create(struct fleet *fleet, const struct lifecycle_new *spec,
                      lifecycle_fn *done, void *arg);
/* Copy a machine, or a snapshot, as a new one, which is stopped then. With
 * patience. Copies of one machine are made one after another; m can be
 * neither deleted nor renamed meanwhile. */
void lifecycle_clone(struct member *m, const char *name, lifecycle_fn *done,
                     void *arg);
/* Take a snapshot called so, as a clone. done gets the snapshot. What fails
 * is said in the error of m, too. */
void lifecycle_snapshot(struct member *m, const char *word, lifecycle_fn *done,
                        void *arg);
struct lifecycle_archive {
	const char *name; /* of the machine to be */
	const char *path; /* absolute; the file stays until done is called */
};

/* Make a machine of an archive, without patience: done is called at the end.
 * A failure leaves nothing. Until then *handle is what lifecycle_import_cancel
 * takes, and done gets -ECANCELED unless it was too late for that; it is NULL
 * again before done is called. */
void lifecycle_import(struct fleet *fleet, const struct lifecycle_archive *spec,
                      struct act **handle, lifecycle_fn *done, void *arg);
/* NULL is allowed. */
void lifecycle_import_cancel(struct act *import);
/*
 * Keep a machine as it is while somebody reads it as a whole (an export): acts
 * that follow wait for the end of that, and it can be neither deleted nor
 * renamed. lent is called when its turn has come, with 0; or -ENOENT, and then
 * there is nothing to give back. Maybe before the call returns. *loan is what
 * lifecycle_return takes, who ends it at any time: before its turn lent gets
 * -ECANCELED. It is NULL when lent was called with an error.
 */
void lifecycle_lend(struct member *m, struct act **loan, lifecycle_fn *lent,
                    void *arg);
/* NULL is allowed. */
void lifecycle_return(struct act *loan);

/* -EBUSY: it is not stopped, has snapshots, or something is under way. With
 * patience. */
void lifecycle_delete(struct member *m, lifecycle_fn *done, void *arg);
/*
 * -EEXIST, -EINVAL, -ENAMETOOLONG, -EBUSY as above. With patience. Its
 * snapshots are renamed after it, and one for which that fails becomes a
 * machine of its own, which m's error tells. A snapshot becomes a machine.
 */
void lifecycle_rename(struct member *m, const char *name, lifecycle_fn *done,
                      void *arg);
/* Make a stopped machine, or another snapshot, the snapshot of `of` called so:
 * a rename. -EBUSY: it is not stopped, or has snapshots itself. */
void lifecycle_file(struct member *m, struct member *of, const char *word,
                    lifecycle_fn *done, void *arg);
/*
 * Have m be again what it was when that snapshot of it was taken. Without
 * patience. -EBUSY: one of both is not stopped, or busy, or an earlier try has
 * left something. What fails is undone, and where that is not to be had, m's
 * error says what is where. m stays the same member, with another id.
 */
void lifecycle_restore(struct member *m, struct member *snapshot,
                       lifecycle_fn *done, void *arg);
/* ENGINE_START, _STOP, _KILL, _RESTART. done when the state is reached. */
void lifecycle_turn(struct member *m, enum engine_op op, lifecycle_fn *done,
                    void *arg);
/* Apply a write to config (machine_parse_changes), setting by setting. -EINVAL,
 * -EPERM: nothing was applied. What was not applied after another failure is
 * said in the machine's error. text is copied. */
void lifecycle_configure(struct member *m, const char *text, size_t len,
                         lifecycle_fn *done, void *arg);
/*
 * Wait until nothing is under way and the machine is not on its way up. 0 when
 * it runs then, -EHOSTDOWN when it does not, -ENOENT when it is gone,
 * -ETIMEDOUT when it has been starting for too long.
 */
void lifecycle_wait(struct member *m, lifecycle_fn *done, void *arg);

/* For fleet_end. */
void lifecycle_end(struct fleet *fleet);

#endif
