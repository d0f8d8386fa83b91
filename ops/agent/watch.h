/*
 * watch: what changes in the directories the daemon has asked about.
 *
 * A directory is watched under a number of the daemon's; asked again with
 * another number, the newest holds. Changes are sent as events, behind the
 * answers of what was carried out before they were seen.
 *
 * What the agent itself does is not reported. A handler names beforehand what
 * it is about to change, with own_*; when it has succeeded, the events that
 * say the same are swallowed:
 *
 *	watch_drain(agent, false);	nothing older is left
 *	handler: own_name(agent, dir, name); unlinkat(dir, name, 0);
 *	watch_drain(agent, true);
 *
 * So a change of somebody else's to the same name is lost only if it falls
 * between the two, which lie as far apart as one request takes. inotify does
 * not tell who made a change, and joins equal ones, so that window is as small
 * as it can be had; a second change of the name itself, as opposed to what it
 * names, is reported. A directory that was moved or removed is reported as
 * gone even if we did it, since its watch is.
 */
#ifndef ORBFS_OPS_AGENT_WATCH_H
#define ORBFS_OPS_AGENT_WATCH_H

#include "ops/agent/path.h"

/* Opens what tells of changes; without it nothing will be watched. */
void watch_init(struct watches *watches);
void watch_free(struct watches *watches);

/* Report what changes in the directory that is open as dir and is the working
 * directory, under this number. false: that cannot be had. */
bool watch_here(struct agent *agent, int dir, uint64_t id);
/* Send what has changed. With swallow, what is our own is left out and is
 * forgotten; without, it is forgotten. */
void watch_drain(struct agent *agent, bool swallow);

/* Nothing that is watched is sure any more: say so, and watch nothing. */
void watch_lose(struct agent *agent);

/* We are about to change this name in this directory: once, or often. */
void own_name(struct agent *agent, int dir, const char *name);
void own_names(struct agent *agent, int dir, const char *name, unsigned n);
/* We are about to change attributes of what is there. */
void own_attrs(struct agent *agent, const struct place *place);
/* We are about to change the open file. */
void own_file(struct agent *agent, const struct handle *h);
/* Remember where the file was opened, for own_file. */
void own_opened(struct agent *agent, struct handle *h,
                const struct place *place);

#endif
