/*
 * world: everything between a pretend kernel and an engine.
 *
 *	struct world w;
 *	world_begin(&w, &(struct world_spec){ .engine = puppet_new() });
 *	assert_int_equal(kernel_walk(w.kernel, "web/state", &e), 0);
 *	world_end(&w, stop_engine);	each request was answered once
 *
 * A loop, a clock turned by hand, the fleet, the file system and a session
 * that a kernel of tests/kernel.h talks to. The engine is the test's own (as
 * tests/puppet.h).
 */
#ifndef ORBFS_TESTS_WORLD_H
#define ORBFS_TESTS_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "cache/fleet.h"
#include "fs/fs.h"
#include "ops/log.h"
#include "tests/hands.h"
#include "tests/kernel.h"

enum { WORLD_TTL_MS = 1000, WORLD_UID = 1234, WORLD_GID = 4321 };

struct world {
	uv_loop_t *loop;
	struct hands *hands;
	struct log *log;
	struct engine *engine;
	struct fleet *fleet;
	struct fs *fs;
	struct kernel *kernel;
};

/* How a world differs from the usual one. */
struct world_spec {
	struct engine *engine;
	unsigned patience_ms;
	bool shared_opens;
	const struct fs_notify *notify;
	void *notify_arg;
	bool drafts;
	bool finder;
	bool map_user;
};

void world_begin(struct world *w, const struct world_spec *spec);
/* ---- what programs do, by paths from the root ("web/run/last") ---- */

/* The node there, which has to be. */
uint64_t world_node(struct world *w, const char *path);
/* What `ls` prints, without "." and "..": "a b c ". */
void world_assert_lists(struct world *w, const char *path, const char *names);
void world_assert_reads(struct world *w, const char *path, const char *text);
/* It begins with this. */
void world_assert_tells(struct world *w, const char *path, const char *text);
/* 0 or a negative errno, as of all below. */
int world_echo(struct world *w, const char *path, const char *text);
int world_mkdir(struct world *w, const char *path);
int world_rmdir(struct world *w, const char *path);
int world_mv(struct world *w, const char *from, const char *to);

/* ---- */

/* Wait until the daemon has seen all that was sent. */
void world_settle(struct world *w);
/* Have the kernel abort the connection, and everything end as main does it;
 * stop ends the engine: whatever waits for it is answered when it returns. */
void world_abort(struct world *w, void (*stop)(struct engine *engine));
/* The same after everything was answered. */
void world_end(struct world *w, void (*stop)(struct engine *engine));

#endif
