/*
 * world: the parts of the daemon in the order in which main builds them and
 * takes them down, without a mount, without children, without time.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mount/session.h"
#include "tests/loop.h"
#include "tests/world.h"

enum { SPOOL_MAX = 1 << 20 };

void world_begin(struct world *w, const struct world_spec *spec)
{
	struct fleet_spec fleet = { .ttl_ms = WORLD_TTL_MS };
	struct fs_spec fs = {
		.version = "1.2.3",
		.config = "ttl 1\nengine puppet\n",
		.timeout = 1,
		.spool_max = SPOOL_MAX,
		.patience_ms = spec->patience_ms,
		.shared_opens = spec->shared_opens,
		.uid = WORLD_UID,
		.gid = WORLD_GID,
		.drafts = spec->drafts,
		.finder = spec->finder,
		.map_user = spec->map_user,
	};

	*w = (struct world){ .loop = loop_start(), .hands = hands_new() };
	w->engine = spec->engine;
	fs.loop = w->loop;
	w->log = log_new(LOG_LEVEL_ERROR, false);
	fleet.engine = fs.engine = w->engine;
	fleet.clock = fs.clock = hands_clock(w->hands);
	fleet.log = fs.log = w->log;
	w->fleet = fs.fleet = fleet_new(&fleet);
	assert_non_null(w->fleet);
	w->fs = fs_new(&fs);
	assert_non_null(w->fs);
	if (spec->notify)
		fs_set_notify(w->fs, spec->notify, spec->notify_arg);
	w->kernel = kernel_start(w->loop, &fs_ops, w->fs);
}

void world_settle(struct world *w)
{
	/* Requests are served in the order in which they were sent. */
	assert_int_equal(kernel_statfs(w->kernel, KERNEL_ROOT, NULL), 0);
}

static bool has_ended(void *arg)
{
	const struct world *w = arg;

	return kernel_ended(w->kernel);
}

static void take_down(struct world *w, void (*stop)(struct engine *engine))
{
	fs_set_notify(w->fs, &(struct fs_notify){ 0 }, NULL);
	fs_fail_all(w->fs, -ENODEV);
	fs_end(w->fs);
	fleet_end(w->fleet);
	stop(w->engine);
	assert_null(w->fs->requests);
	kernel_finish(w->kernel);
	fs_free(w->fs);
	fleet_free(w->fleet);
	log_free(w->log);
	hands_free(w->hands);
	loop_finish(w->loop);
}

void world_abort(struct world *w, void (*stop)(struct engine *engine))
{
	kernel_hang_up(w->kernel);
	loop_run_until_true(w->loop, has_ended, w, KERNEL_MS);
	take_down(w, stop);
}

void world_end(struct world *w, void (*stop)(struct engine *engine))
{
	world_settle(w);
	if (kernel_n_unanswered(w->kernel))
		fail_msg("%u requests have no answer",
		         kernel_n_unanswered(w->kernel));
	take_down(w, stop);
}

/* ---- what programs do ---- */

uint64_t world_node(struct world *w, const char *path)
{
	struct fuse_entry_out e;

	assert_int_equal(kernel_walk(w->kernel, path, &e), 0);
	return e.nodeid;
}

void world_assert_lists(struct world *w, const char *path, const char *names)
{
	char *text;

	assert_int_equal(kernel_ls(w->kernel, world_node(w, path), &text), 0);
	assert_int_equal(strncmp(text, ".\n..\n", 5), 0);
	for (char *c = text; *c; c++)
		if (*c == '\n')
			*c = ' ';
	assert_string_equal(text + 5, names);
	free(text);
}

void world_assert_reads(struct world *w, const char *path, const char *text)
{
	char *got;

	assert_int_equal(kernel_cat(w->kernel, world_node(w, path), &got), 0);
	assert_string_equal(got, text);
	free(got);
}

void world_assert_tells(struct world *w, const char *path, const char *text)
{
	char *got;

	assert_int_equal(kernel_cat(w->kernel, world_node(w, path), &got), 0);
	if (strncmp(got, text, strlen(text)) != 0)
		assert_string_equal(got, text);
	free(got);
}

int world_echo(struct world *w, const char *path, const char *text)
{
	return kernel_echo(w->kernel, world_node(w, path), text);
}

/* The node of the directory a path is in, and the name in it. */
static uint64_t parent_of(struct world *w, const char *path, const char **name)
{
	const char *slash = strrchr(path, '/');
	char dir[256];

	*name = slash ? slash + 1 : path;
	if (!slash)
		return KERNEL_ROOT;
	assert_true((size_t)(slash - path) < sizeof(dir));
	memcpy(dir, path, (size_t)(slash - path));
	dir[slash - path] = '\0';
	return world_node(w, dir);
}

int world_mkdir(struct world *w, const char *path)
{
	const char *name;
	uint64_t parent = parent_of(w, path, &name);

	return kernel_mkdir(w->kernel, parent, name, NULL);
}

int world_rmdir(struct world *w, const char *path)
{
	const char *name;
	uint64_t parent = parent_of(w, path, &name);

	return kernel_rmdir(w->kernel, parent, name);
}

int world_mv(struct world *w, const char *from, const char *to)
{
	const char *name, *new_name;
	uint64_t parent = parent_of(w, from, &name);
	uint64_t new_parent = parent_of(w, to, &new_name);

	return kernel_rename(w->kernel, parent, name, new_parent, new_name, 0);
}
