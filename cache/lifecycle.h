/*
 * lifecycle: what users do to machines: create, delete, rename, start, stop,
 * set.
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

struct lifecycle_new {
	const char *name;
	const char *image; /* NULL: the default; so for arch and user */
};

/* All done callbacks are called exactly once, maybe before the call returns.
 * -EINVAL, -ENAMETOOLONG the name; -EEXIST it is taken; -EBUSY a machine of
 * that name is being deleted; else the engine's errors. */
void lifecycle_create(struct fleet *fleet, const struct lifecycle_new *spec,
                      lifecycle_fn *done, void *arg);
/* -EBUSY: it is not stopped, or something else is under way. */
void lifecycle_delete(struct member *m, lifecycle_fn *done, void *arg);
/* -EEXIST, -EINVAL, -ENAMETOOLONG, -EBUSY as above. */
void lifecycle_rename(struct member *m, const char *name, lifecycle_fn *done,
                      void *arg);
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
