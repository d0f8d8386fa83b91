/*
 * caller: why does the kernel say that a request is interrupted?
 *
 * It says so for any signal that the caller handles, and not for which: a shell
 * whose background job has just ended, or whose window has changed, is not
 * asking for the end of the script that it waits for.
 */
#ifndef ORBFS_FS_CALLER_H
#define ORBFS_FS_CALLER_H

#include <stdbool.h>
#include <sys/types.h>

/* How often to look again at a caller that was interrupted by nothing more than
 * that: the kernel does not tell of a second signal. */
enum { CALLER_LOOK_MS = 50 };

/* Does the thread have a signal pending that asks it to stop? True as well when
 * the system does not tell. */
bool caller_wants_out(pid_t thread);
/* The same of the text of /proc/PID/status. */
bool caller_status_wants_out(const char *status);

/* Will it die of what is pending? No answer matters to it then. True as well
 * when the system does not tell. */
bool caller_is_dying(pid_t thread);
bool caller_status_is_dying(const char *status);

#endif
