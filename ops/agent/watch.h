/*
 * watch: what changes in the directories the daemon has asked about.
 *
 * What the agent itself does is not reported: a handler names it beforehand
 * with own_name or own_file, and the events that say the same are swallowed.
 */
#ifndef ORBFS_OPS_AGENT_WATCH_H
#define ORBFS_OPS_AGENT_WATCH_H

#include "ops/agent/path.h"

/* Report what changes in the directory that is open as dir and is the working
 * directory, under this number. false: that cannot be had. */
bool watch_here(struct agent *agent, int dir, uint64_t id);

/* We are about to change this name in this directory. */
void own_name(struct agent *agent, int dir, const char *name);
/* We are about to change the open file. */
void own_file(struct agent *agent, const struct handle *h);
/* Remember where the file was opened, for own_file. */
void own_opened(struct agent *agent, struct handle *h,
                const struct place *place);

#endif
