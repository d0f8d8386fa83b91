/*
 * run: one script run in a machine, and the record of it.
 *
 * A run goes on whoever watches it, and its record lives as long as somebody
 * holds a reference. Its output is kept in three spools: all in the order it
 * came (as far as two pipes tell), and the two streams apart.
 *
 * Its stdin is empty, or what the caller puts into a spool while it runs.
 */
#ifndef ORBFS_OPS_RUN_H
#define ORBFS_OPS_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ops/clock.h"
#include "ops/engine.h"
#include "ops/spool.h"

struct run;

enum run_stream { RUN_ALL, RUN_OUT, RUN_ERR, RUN_N_STREAMS };

struct run_spec {
	struct engine *engine;
	struct clock *clock;
	const char *machine; /* its name; copied */
	const char *script;  /* copied; NULs do not get through to the shell */
	size_t len;
	uint64_t spool_max; /* bytes kept of each stream */
	/* What becomes its stdin, see run_feed; NULL: empty. A reference is
	 * taken. */
	struct spool *input;
	bool apart; /* keep no RUN_ALL */
	/* Called once, at the end; never before run_open has returned. */
	void (*on_end)(void *arg, struct run *run);
	void *arg;
};

/* Start a script. The caller gets a reference. NULL and *err: it could not be
 * started, and on_end is not called. */
struct run *run_open(const struct run_spec *spec, int *err);
struct run *run_ref(struct run *run);
/* The last reference may go while the script runs: it is not ended by that. */
void run_unref(struct run *run);

/* End the script: TERM to all of its session in the machine, KILL to what is
 * left after a grace, and at last the end of the engine's own child. */
void run_interrupt(struct run *run);
/* Send a signal of Linux to all of its session; done as in ops/engine.h. Not
 * for a run that has ended. */
void run_signal(struct run *run, int sig, engine_act_fn *done, void *arg);
/* Its machine is called so now. Without memory, signals get lost. */
void run_rename(struct run *run, const char *machine);

/* There is more in spec.input, or, at_end, there will be no more. */
void run_feed(struct run *run, bool at_end);
/* How much of spec.input has been passed on. Watchers are told. */
uint64_t run_fed(const struct run *run);
/* Can more be passed on? Not after the end, be it ours or the script's. */
bool run_listens(const struct run *run);

bool run_ended(const struct run *run);
/* After the end: 0 when the script's exit status was 0, -EIO when it was not,
 * else why it could not be run to its end. */
int run_error(const struct run *run);
/* After the end: one line that says why run_error is not 0, or "". */
const char *run_why(const struct run *run);
/* "running", "exited 0", "signaled 9", or "lost" when the connection broke. */
const char *run_status(const struct run *run);
const char *run_script(const struct run *run, size_t *len);
/* NULL for RUN_ALL of a run that keeps the two apart. */
/* Bytes of its output that could not be kept, since the disk was full. */
uint64_t run_lost(const struct run *run);
struct spool *run_spool(struct run *run, enum run_stream stream);
/* When it began, printed something, or ended, whatever was last. */
struct timespec run_changed(const struct run *run);

/* Somebody who waits for more output or the end. The struct is the watcher's
 * and is in no list any more when fn is called. */
struct run_watch {
	void (*fn)(void *arg);
	void *arg;
	struct run_watch *next;
};

/* Call watch->fn once, at the next output or at the end. Not for a run that
 * has ended. */
void run_watch(struct run *run, struct run_watch *watch);
/* Do not call it after all. */
void run_unwatch(struct run *run, struct run_watch *watch);

#endif
