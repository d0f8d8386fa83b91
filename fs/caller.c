/*
 * caller: the pending signals of whoever waits for us.
 *
 * While a request is waited for, a signal that has interrupted the wait stays
 * pending, so it can be read. Where it cannot (no /proc, another namespace), or
 * where none is pending any more, an interrupt is what it says.
 */
#include "fs/caller.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { STATUS_MAX = 4096 };

/* News, not orders: their handlers can wait until the request is answered. */
static const int harmless[] = { SIGCHLD, SIGWINCH, SIGCONT, SIGURG };

static unsigned long long mask_of(const char *status, const char *field)
{
	const char *at = strstr(status, field);
	unsigned long long mask = 0;

	if (at)
		(void)sscanf(at + strlen(field), " %llx", &mask);
	return mask;
}

/* Signals that have interrupted the wait: of the thread, and of its process. */
static unsigned long long pending_of(const char *status)
{
	unsigned long long pending = mask_of(status, "\nSigPnd:") |
	                             mask_of(status, "\nShdPnd:");

	return pending & ~mask_of(status, "\nSigBlk:") &
	       ~mask_of(status, "\nSigIgn:");
}

bool caller_status_wants_out(const char *status)
{
	unsigned long long rest = pending_of(status);

	if (!rest)
		return true;
	for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
		rest &= ~(1ULL << (harmless[i] - 1));
	return rest != 0;
}

/* The kernel adds SIGKILL to a signal that ends the process. */
bool caller_status_is_dying(const char *status)
{
	return !*status || (pending_of(status) & 1ULL << (SIGKILL - 1));
}

/* "" when the system does not tell. */
static void read_status(pid_t thread, char status[STATUS_MAX])
{
	char path[40];
	FILE *file;
	size_t n = 0;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)thread);
	file = fopen(path, "re");
	if (file) {
		n = fread(status, 1, STATUS_MAX - 1, file);
		fclose(file);
	}
	status[n] = '\0';
}

bool caller_wants_out(pid_t thread)
{
	char status[STATUS_MAX];

	read_status(thread, status);
	return caller_status_wants_out(status);
}

bool caller_is_dying(pid_t thread)
{
	char status[STATUS_MAX];

	read_status(thread, status);
	return caller_status_is_dying(status);
}
