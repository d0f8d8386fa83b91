/*
 * guard: a recursive removal does no harm.
 *
 * `rm -rf ~/vms/web` meets a control file first, which cannot be removed. From
 * then on the same process is refused everything that would destroy something
 * in that machine, and the machine's own removal, until it has not tried for a
 * minute. Where the system does not say who asks (pid 0), all are refused.
 *
 * Nor does it walk through all of a guest only to be refused every file: right
 * after a try it may not list what is below that machine's files/. That ends
 * soon, and listing is no try, since such a process may live on and browse.
 */
#ifndef ORBFS_FS_GUARD_H
#define ORBFS_FS_GUARD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "ops/clock.h"

struct guard;
struct member;

enum { GUARD_MS = 60000, GUARD_LIST_MS = 2000 };

/* NULL: no memory. */
struct guard *guard_new(struct clock *clock);
void guard_free(struct guard *guard);
/* A process tried to remove a control file of that machine. */
void guard_trip(struct guard *guard, const struct member *m, pid_t pid);
/* May it destroy something of that machine? Asking counts as trying. */
bool guard_allows(struct guard *guard, const struct member *m, pid_t pid);
/* May it list a directory of its files? Always, if nobody says who asks. */
bool guard_allows_list(const struct guard *guard, const struct member *m,
                       pid_t pid);
/* The machine is gone: its address may be another's soon. */
void guard_forget(struct guard *guard, const struct member *m);

#endif
