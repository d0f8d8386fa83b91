/*
 * doctor: what orbfs needs on this computer, whether it is there, and how to
 * mend what is not.
 *
 * A line for each thing looked at: "ok" or "bad", what it is, what was found,
 * and below a bad one what to do about it. Nothing is changed, no machine is
 * touched, and nothing is started: an engine that does not run stays so.
 */
#ifndef ORBFS_MOUNT_DOCTOR_H
#define ORBFS_MOUNT_DOCTOR_H

#include <stdio.h>

#include "ops/engine.h"

struct doctor_spec {
	struct engine *engine;
	FILE *out;
	const char *fuse_device;      /* "/dev/fuse" */
	const char *const *unmounter; /* programs, any of which will do; NULL
	                                 at the end; NULL: none is needed */
};

/* n_bad: so many lines were bad. */
typedef void doctor_fn(void *arg, unsigned n_bad);

/* The right spec for this system and user, but for engine and out. */
struct doctor_spec doctor_usual(void);
/* Look at everything, printing as it goes, and call done once. spec is borrowed
 * until then. Ends by the deadlines of the engine's calls. */
void doctor_look(const struct doctor_spec *spec, doctor_fn *done, void *arg);

#endif
