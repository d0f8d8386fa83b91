/*
 * attr: the attributes of a file, as the protocol has them.
 */
#ifndef ORBFS_OPS_AGENT_ATTR_H
#define ORBFS_OPS_AGENT_ATTR_H

#include <sys/stat.h>

#include "ops/agent/path.h"

/* What the name is, itself and not what it may link to. */
int attr_of(struct agent *agent, const struct place *place,
            struct wire_attr *to);
/* The same when the working directory is place's already, as in a listing. */
int attr_here(struct agent *agent, const struct place *place,
              struct wire_attr *to);
/* Of an open file: no O_PATH. */
int attr_of_open(struct agent *agent, int fd, struct wire_attr *to);

/* The set-id bits that go when somebody without rights over the file writes to
 * it: set-user-id, and set-group-id where it means that. */
mode_t attr_set_ids(const struct stat *st);

/* Make a place's directory the working directory, which the calls that know
 * no descriptor need, and the root again: else nobody could unmount it. */
int attr_enter(const struct place *place);
void attr_leave(struct agent *agent);

#endif
