/*
 * guard: who tried to remove a control file of which machine, and when last.
 *
 * A small table; when it is full the oldest is replaced, which a process that
 * goes through all machines of a fleet brings about by itself: it is refused
 * at each machine's first control file again. The kernel tells the thread that
 * asks; threads of one process count as one.
 */
#include "fs/guard.h"

#include <stdio.h>
#include <stdlib.h>

enum { GUARD_SLOTS = 256 };

struct guard {
	struct clock *clock;
	struct {
		const struct member *m;
		pid_t pid;
		uint64_t last_ms;
	} slots[GUARD_SLOTS];
};

struct guard *guard_new(struct clock *clock)
{
	struct guard *guard = calloc(1, sizeof(*guard));

	if (guard)
		guard->clock = clock;
	return guard;
}

void guard_free(struct guard *guard)
{
	free(guard);
}

/* The process of a thread, as far as the system tells. */
static pid_t process_of(pid_t thread)
{
	char path[40];
	char line[80];
	int pid = thread;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)thread);
	file = fopen(path, "re");
	if (!file)
		return thread;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "Tgid: %d", &pid) == 1)
			break;
	fclose(file);
	return pid;
}

void guard_trip(struct guard *guard, const struct member *m, pid_t pid)
{
	pid_t process = process_of(pid);
	int place = 0;

	for (int i = 0; i < GUARD_SLOTS; i++) {
		if (guard->slots[i].m == m && guard->slots[i].pid == process) {
			place = i;
			break;
		}
		if (guard->slots[i].last_ms < guard->slots[place].last_ms)
			place = i;
	}
	guard->slots[place].m = m;
	guard->slots[place].pid = process;
	guard->slots[place].last_ms = guard->clock->now_ms(guard->clock);
}

bool guard_allows(struct guard *guard, const struct member *m, pid_t pid)
{
	uint64_t now = guard->clock->now_ms(guard->clock);
	pid_t process = 0;

	for (int i = 0; i < GUARD_SLOTS; i++) {
		if (guard->slots[i].m != m ||
		    now - guard->slots[i].last_ms >= GUARD_MS)
			continue;
		/* Looked up only now: most removals meet an empty table. */
		if (!process)
			process = process_of(pid);
		if (guard->slots[i].pid == process ||
		    guard->slots[i].pid == 0 || process == 0) {
			guard->slots[i].last_ms = now;
			return false;
		}
	}
	return true;
}

bool guard_allows_list(const struct guard *guard, const struct member *m,
                       pid_t pid)
{
	uint64_t now = guard->clock->now_ms(guard->clock);

	for (int i = 0; i < GUARD_SLOTS; i++)
		if (guard->slots[i].m == m && guard->slots[i].pid &&
		    now - guard->slots[i].last_ms < GUARD_LIST_MS &&
		    guard->slots[i].pid == process_of(pid))
			return false;
	return true;
}

void guard_forget(struct guard *guard, const struct member *m)
{
	for (int i = 0; i < GUARD_SLOTS; i++)
		if (guard->slots[i].m == m)
			guard->slots[i].m = NULL;
}
