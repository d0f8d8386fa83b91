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

bool caller_status_wants_out(const char *status)
{
	/* Of the thread, and of its process. */
	unsigned long long pending = mask_of(status, "\nSigPnd:") |
	                             mask_of(status, "\nShdPnd:");
	unsigned long long rest = pending & ~mask_of(status, "\nSigBlk:") &
	                          ~mask_of(status, "\nSigIgn:");

	if (!rest)
		return true;
	for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
		rest &= ~(1ULL << (harmless[i] - 1));
	return rest != 0;
}

bool caller_wants_out(pid_t thread)
{
	char path[40];
	char status[STATUS_MAX];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)thread);
	file = fopen(path, "re");
	if (!file)
		return true;
	n = fread(status, 1, sizeof(status) - 1, file);
	fclose(file);
	status[n] = '\0';
	return caller_status_wants_out(status);
}
