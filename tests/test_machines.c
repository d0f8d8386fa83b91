/*
 * What the root answers: lookups, creations, deletions, renames, and the guard
 * that a recursive removal meets; as the kernel sees it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cache/lifecycle.h"
#include "tests/puppet.h"
#include "tests/world.h"

static void begin(struct world *w)
{
	world_begin(w, &(struct world_spec){ .engine = puppet_new() });
	puppet_add(w->engine, "up", "1", MACHINE_RUNNING);
	puppet_add(w->engine, "off", "2", MACHINE_STOPPED);
	puppet_at_once(w->engine, true);
}

static void end(struct world *w)
{
	world_end(w, puppet_stop);
	puppet_free(w->engine);
}

static int lookup(struct world *w, const char *name)
{
	return kernel_lookup(w->kernel, KERNEL_ROOT, name, NULL);
}

static uint64_t node_of(struct world *w, const char *path)
{
	struct fuse_entry_out e;

	assert_int_equal(kernel_walk(w->kernel, path, &e), 0);
	return e.nodeid;
}

static void assert_file(struct world *w, const char *path, const char *part)
{
	char *text;

	assert_int_equal(kernel_cat(w->kernel, node_of(w, path), &text), 0);
	if (!strstr(text, part))
		fail_msg("%s: '%s' has no '%s'", path, text, part);
	free(text);
}

/* ---- lookup -------------------------------------------------------------- */

static void lookup_finds_a_machine_with_its_attributes(void **state)
{
	struct world w;
	struct fuse_entry_out e;

	(void)state;
	begin(&w);
	assert_int_equal(kernel_lookup(w.kernel, KERNEL_ROOT, "up", &e), 0);
	assert_int_equal(e.attr.mode, S_IFDIR | 0700);
	assert_int_equal(e.attr.uid, WORLD_UID);
	assert_int_equal(e.attr.gid, WORLD_GID);
	assert_int_equal(e.attr.nlink, 4);
	assert_int_equal(e.entry_valid, 1);
	assert_int_equal(e.attr.mtime, HANDS_START_WALL);
	assert_int_equal(lookup(&w, "nobody"), -ENOENT);
	end(&w);
}

static void lookup_of_noise_never_asks_the_engine(void **state)
{
	static const char *const names[] = {
		".DS_Store",   "._up",        ".Trashes",    ".Spotlight-V100",
		".hidden",     "Icon\r",      ".git",        ".localized",
		"-f",          "--all",       ".Trash-1000", "..namedfork",
		"desktop.ini", "autorun.inf",
	};
	struct world w;

	(void)state;
	begin(&w);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(lookup(&w, names[i]), -ENOENT);
	assert_int_equal(puppet_asked(w.engine, ENGINE_LIST), 0);
	end(&w);
}

static void lookup_of_a_name_too_long_is_refused(void **state)
{
	struct world w;
	char name[1024];

	(void)state;
	begin(&w);
	memset(name, 'x', sizeof(name));
	name[255] = '\0';
	assert_int_equal(lookup(&w, name), -ENOENT);
	name[255] = 'x';
	name[256] = '\0';
	assert_int_equal(lookup(&w, name), -ENAMETOOLONG);
	name[256] = 'x';
	name[1023] = '\0';
	assert_int_equal(lookup(&w, name), -ENAMETOOLONG);
	end(&w);
}

static void lookups_share_one_list(void **state)
{
	struct world w;
	uint64_t ids[20];

	(void)state;
	begin(&w);
	puppet_at_once(w.engine, false);
	for (int i = 0; i < 20; i++)
		ids[i] = kernel_send_lookup(w.kernel, KERNEL_ROOT,
		                            i % 2 ? "up" : "nobody");
	world_settle(&w);
	assert_int_equal(puppet_n(w.engine, ENGINE_LIST), 1);
	puppet_answer(w.engine, ENGINE_LIST, 0);
	for (int i = 0; i < 20; i++)
		assert_int_equal(kernel_wait(w.kernel, ids[i], NULL, NULL,
		                             KERNEL_MS),
		                 i % 2 ? 0 : -ENOENT);
	assert_int_equal(puppet_asked(w.engine, ENGINE_LIST), 1);
	end(&w);
}

static void lookup_waits_for_a_sick_engine_only_a_moment(void **state)
{
	struct world w;
	uint64_t id;

	(void)state;
	begin(&w);
	puppet_at_once(w.engine, false);
	/* The very first time two seconds. */
	id = kernel_send_lookup(w.kernel, KERNEL_ROOT, "up");
	world_settle(&w);
	hands_turn(w.hands, FLEET_FIRST_PATIENCE_MS - 1);
	world_settle(&w);
	assert_false(kernel_answered(w.kernel, id));
	hands_turn(w.hands, 1);
	assert_int_equal(kernel_wait_done(w.kernel, id), -ETIMEDOUT);
	puppet_answer(w.engine, ENGINE_LIST, 0);
	/* From then on what is known, after a quarter of a second. */
	hands_turn(w.hands, WORLD_TTL_MS);
	id = kernel_send_lookup(w.kernel, KERNEL_ROOT, "up");
	world_settle(&w);
	assert_false(kernel_answered(w.kernel, id));
	hands_turn(w.hands, FLEET_PATIENCE_MS);
	assert_int_equal(kernel_wait(w.kernel, id, NULL, NULL, KERNEL_MS), 0);
	end(&w);
}

static void lookup_without_an_engine_says_so(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	puppet_refuse(w.engine, -ENODEV);
	assert_int_equal(lookup(&w, "up"), -ENODEV);
	assert_file(&w, ".orbfs/error", "list: ");
	/* It comes, and goes: the last list stays. */
	puppet_refuse(w.engine, 0);
	assert_int_equal(lookup(&w, "up"), 0);
	puppet_refuse(w.engine, -ENODEV);
	hands_turn(w.hands, 10 * WORLD_TTL_MS);
	assert_int_equal(lookup(&w, "up"), 0);
	assert_int_equal(lookup(&w, "nobody"), -ENOENT);
	end(&w);
}

/* ---- mkdir --------------------------------------------------------------- */

static void mkdir_makes_a_machine(void **state)
{
	struct world w;
	struct fuse_entry_out e;

	(void)state;
	begin(&w);
	assert_int_equal(kernel_mkdir(w.kernel, KERNEL_ROOT, "web", &e), 0);
	assert_int_equal(e.attr.mode, S_IFDIR | 0700);
	assert_int_equal(node_of(&w, "web"), e.nodeid);
	assert_file(&w, "web/state", "running\n");
	end(&w);
}

static void mkdir_returns_within_a_second(void **state)
{
	struct world w;
	uint64_t id;

	(void)state;
	begin(&w);
	assert_int_equal(lookup(&w, "web"), -ENOENT);
	puppet_at_once(w.engine, false);
	id = kernel_send_mkdir(w.kernel, KERNEL_ROOT, "web", 0755);
	world_settle(&w);
	assert_false(kernel_answered(w.kernel, id));
	hands_turn(w.hands, LIFECYCLE_PATIENCE_MS);
	assert_int_equal(kernel_wait(w.kernel, id, NULL, NULL, KERNEL_MS), 0);
	puppet_at_once(w.engine, true);
	assert_file(&w, "web/state", "creating\n");
	puppet_answer(w.engine, ENGINE_CREATE, -EIO);
	assert_file(&w, "web/state", "failed\n");
	assert_file(&w, "web/error", "create: ");
	assert_int_equal(kernel_rmdir(w.kernel, KERNEL_ROOT, "web"), 0);
	assert_int_equal(lookup(&w, "web"), -ENOENT);
	assert_int_equal(puppet_asked(w.engine, ENGINE_DELETE), 0);
	end(&w);
}

static void mkdir_that_fails_leaves_nothing_but_a_reason(void **state)
{
	struct world w;
	uint64_t id;

	(void)state;
	begin(&w);
	assert_int_equal(lookup(&w, "web"), -ENOENT);
	puppet_at_once(w.engine, false);
	id = kernel_send_mkdir(w.kernel, KERNEL_ROOT, "web", 0755);
	world_settle(&w);
	puppet_at_once(w.engine, true);
	puppet_answer(w.engine, ENGINE_CREATE, -ENOSPC);
	assert_int_equal(kernel_wait_done(w.kernel, id), -ENOSPC);
	assert_int_equal(lookup(&w, "web"), -ENOENT);
	assert_file(&w, ".orbfs/error", "web: create: ");
	end(&w);
}

static void mkdir_checks_the_name_before_anything_is_asked(void **state)
{
	struct world w;
	char name[256];

	(void)state;
	begin(&w);
	memset(name, 'x', sizeof(name));
	name[255] = '\0';
	assert_int_equal(kernel_mkdir(w.kernel, KERNEL_ROOT, name, NULL),
	                 -ENAMETOOLONG);
	assert_int_equal(kernel_mkdir(w.kernel, KERNEL_ROOT, "untitled folder",
	                              NULL),
	                 -EINVAL);
	assert_int_equal(kernel_mkdir(w.kernel, KERNEL_ROOT, "-f", NULL),
	                 -EINVAL);
	assert_int_equal(kernel_mkdir(w.kernel, KERNEL_ROOT, ".Trashes", NULL),
	                 -EINVAL);
	assert_file(&w, ".orbfs/error",
	            "'.Trashes' cannot be a machine's name");
	assert_int_equal(kernel_mkdir(w.kernel, KERNEL_ROOT, ".orbfs", NULL),
	                 -EEXIST);
	for (int op = 0; op < ENGINE_N_OPS; op++)
		assert_int_equal(puppet_asked(w.engine, (enum engine_op)op), 0);
	end(&w);
}

static void mkdir_of_what_is_there_is_refused(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	assert_int_equal(kernel_mkdir(w.kernel, KERNEL_ROOT, "up", NULL),
	                 -EEXIST);
	assert_int_equal(puppet_asked(w.engine, ENGINE_CREATE), 0);
	end(&w);
}

static void mkdir_below_the_root_is_refused(void **state)
{
	static const char *const paths[] = { "up", ".orbfs", ".by",
		                             "up/run/last" };
	struct world w;

	(void)state;
	begin(&w);
	for (int i = 0; i < 4; i++)
		assert_int_equal(kernel_mkdir(w.kernel, node_of(&w, paths[i]),
		                              "x", NULL),
		                 -EPERM);
	end(&w);
}

/* ---- rmdir --------------------------------------------------------------- */

static void rmdir_deletes_what_is_stopped_and_nothing_else(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	assert_int_equal(kernel_rmdir(w.kernel, KERNEL_ROOT, "off"), 0);
	assert_string_equal(w.engine->last.id, "2");
	assert_int_equal(lookup(&w, "off"), -ENOENT);
	assert_int_equal(kernel_rmdir(w.kernel, KERNEL_ROOT, "off"), -ENOENT);
	assert_int_equal(kernel_rmdir(w.kernel, KERNEL_ROOT, "up"), -EBUSY);
	assert_file(&w, "up/error", "first: echo stop > state");
	assert_int_equal(kernel_rmdir(w.kernel, KERNEL_ROOT, ".orbfs"), -EPERM);
	assert_int_equal(kernel_rmdir(w.kernel, KERNEL_ROOT, ".x"), -ENOENT);
	assert_int_equal(puppet_asked(w.engine, ENGINE_DELETE), 1);
	end(&w);
}

static void rmdir_that_fails_late_brings_the_machine_back(void **state)
{
	struct world w;
	uint64_t id;

	(void)state;
	begin(&w);
	assert_int_equal(lookup(&w, "off"), 0);
	puppet_at_once(w.engine, false);
	id = kernel_send_rmdir(w.kernel, KERNEL_ROOT, "off");
	world_settle(&w);
	puppet_at_once(w.engine, true);
	hands_turn(w.hands, LIFECYCLE_PATIENCE_MS);
	assert_int_equal(kernel_wait_done(w.kernel, id), 0);
	assert_int_equal(lookup(&w, "off"), -ENOENT);
	assert_int_equal(kernel_mkdir(w.kernel, KERNEL_ROOT, "off", NULL),
	                 -EBUSY);
	puppet_answer(w.engine, ENGINE_DELETE, -EIO);
	assert_int_equal(lookup(&w, "off"), 0);
	assert_file(&w, "off/error", "delete: ");
	end(&w);
}

static void rmdir_of_a_machine_that_runs_is_decided_by_a_fresh_list(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	assert_int_equal(lookup(&w, "off"), 0);
	puppet_state(w.engine, "off", MACHINE_RUNNING);
	hands_turn(w.hands, WORLD_TTL_MS);
	assert_int_equal(kernel_rmdir(w.kernel, KERNEL_ROOT, "off"), -EBUSY);
	end(&w);
}

/* ---- rename -------------------------------------------------------------- */

static int rename_to(struct world *w, const char *name, const char *new_name)
{
	return kernel_rename(w->kernel, KERNEL_ROOT, name, KERNEL_ROOT,
	                     new_name, 0);
}

static void rename_renames(void **state)
{
	struct world w;
	uint64_t node;

	(void)state;
	begin(&w);
	node = node_of(&w, "off");
	assert_int_equal(rename_to(&w, "off", "shop"), 0);
	assert_int_equal(lookup(&w, "off"), -ENOENT);
	assert_int_equal(node_of(&w, "shop"), node);
	assert_int_equal(kernel_rename(w.kernel, KERNEL_ROOT, "shop",
	                               KERNEL_ROOT, "store", 1 /* NOREPLACE */),
	                 0);
	assert_file(&w, "store/config", "\"store\"");
	end(&w);
}

static void rename_refuses_what_cannot_be(void **state)
{
	struct world w;
	char name[256];
	uint64_t up;

	(void)state;
	begin(&w);
	up = node_of(&w, "up");
	memset(name, 'x', sizeof(name));
	name[255] = '\0';
	assert_int_equal(rename_to(&w, "off", "up"), -EEXIST);
	assert_int_equal(rename_to(&w, "off", "No Name"), -EINVAL);
	assert_int_equal(rename_to(&w, "off", name), -ENAMETOOLONG);
	assert_int_equal(rename_to(&w, "nobody", "shop"), -ENOENT);
	assert_int_equal(rename_to(&w, ".orbfs", "shop"), -EPERM);
	assert_int_equal(rename_to(&w, "off", ".orbfs"), -EPERM);
	/* Into another machine, out of one, and within one: never EXDEV. */
	assert_int_equal(kernel_rename(w.kernel, KERNEL_ROOT, "off", up, "off",
	                               0),
	                 -EPERM);
	assert_int_equal(kernel_rename(w.kernel, up, "state", KERNEL_ROOT, "x",
	                               0),
	                 -EPERM);
	assert_int_equal(kernel_rename(w.kernel, up, "state", up, "x", 0),
	                 -EPERM);
	/* RENAME_EXCHANGE, RENAME_WHITEOUT. */
	assert_int_equal(kernel_rename(w.kernel, KERNEL_ROOT, "off",
	                               KERNEL_ROOT, "up", 2),
	                 -EINVAL);
	assert_int_equal(kernel_rename(w.kernel, KERNEL_ROOT, "off",
	                               KERNEL_ROOT, "shop", 4),
	                 -EINVAL);
	assert_int_equal(puppet_asked(w.engine, ENGINE_RENAME), 0);
	end(&w);
}

static void rename_that_fails_brings_the_name_back(void **state)
{
	struct world w;
	uint64_t id;

	(void)state;
	begin(&w);
	assert_int_equal(lookup(&w, "off"), 0);
	puppet_at_once(w.engine, false);
	id = kernel_send_rename(w.kernel, KERNEL_ROOT, "off", KERNEL_ROOT,
	                        "shop", 0);
	world_settle(&w);
	puppet_at_once(w.engine, true);
	assert_int_equal(lookup(&w, "shop"), 0);
	puppet_answer(w.engine, ENGINE_RENAME, -EIO);
	assert_int_equal(kernel_wait_done(w.kernel, id), -EIO);
	assert_int_equal(lookup(&w, "shop"), -ENOENT);
	assert_file(&w, "off/error", "rename: ");
	end(&w);
}

/* ---- the guard ----------------------------------------------------------- */

static void rm_r_of_a_machine_harms_nothing(void **state)
{
	struct world w;
	uint64_t off;

	(void)state;
	begin(&w);
	off = node_of(&w, "off");
	/* rm -rf goes through the listing, and then tries the directory. */
	assert_int_equal(kernel_unlink(w.kernel, off, "state"), -EPERM);
	assert_int_equal(kernel_rmdir(w.kernel, off, "run"), -EPERM);
	assert_int_equal(kernel_rmdir(w.kernel, KERNEL_ROOT, "off"), -EPERM);
	assert_file(&w, "off/error", "a plain rmdir deletes a stopped machine");
	assert_int_equal(puppet_asked(w.engine, ENGINE_DELETE), 0);
	/* Another process may, and so may this one after a minute. */
	hands_turn(w.hands, GUARD_MS);
	assert_int_equal(kernel_unlink(w.kernel, off, "ip"), -EPERM);
	kernel_as(w.kernel, getuid(), getgid(), 0x7ffffff0);
	assert_int_equal(kernel_rmdir(w.kernel, KERNEL_ROOT, "off"), 0);
	end(&w);
}

static void rm_r_is_forgiven_after_a_minute(void **state)
{
	struct world w;
	uint64_t off;

	(void)state;
	begin(&w);
	off = node_of(&w, "off");
	assert_int_equal(kernel_unlink(w.kernel, off, "state"), -EPERM);
	hands_turn(w.hands, GUARD_MS - 1);
	assert_int_equal(kernel_rmdir(w.kernel, KERNEL_ROOT, "off"), -EPERM);
	hands_turn(w.hands, GUARD_MS);
	assert_int_equal(kernel_rmdir(w.kernel, KERNEL_ROOT, "off"), 0);
	end(&w);
}

static void unlink_of_what_is_not_there_trips_nothing(void **state)
{
	struct world w;
	uint64_t off;

	(void)state;
	begin(&w);
	off = node_of(&w, "off");
	assert_int_equal(kernel_unlink(w.kernel, off, "nothing"), -ENOENT);
	assert_int_equal(kernel_unlink(w.kernel, KERNEL_ROOT, "off"), -EISDIR);
	assert_int_equal(kernel_unlink(w.kernel, KERNEL_ROOT, "nothing"),
	                 -ENOENT);
	assert_int_equal(kernel_rmdir(w.kernel, KERNEL_ROOT, "off"), 0);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lookup_finds_a_machine_with_its_attributes),
		cmocka_unit_test(lookup_of_noise_never_asks_the_engine),
		cmocka_unit_test(lookup_of_a_name_too_long_is_refused),
		cmocka_unit_test(lookups_share_one_list),
		cmocka_unit_test(lookup_waits_for_a_sick_engine_only_a_moment),
		cmocka_unit_test(lookup_without_an_engine_says_so),
		cmocka_unit_test(mkdir_makes_a_machine),
		cmocka_unit_test(mkdir_returns_within_a_second),
		cmocka_unit_test(mkdir_that_fails_leaves_nothing_but_a_reason),
		cmocka_unit_test(
			mkdir_checks_the_name_before_anything_is_asked),
		cmocka_unit_test(mkdir_of_what_is_there_is_refused),
		cmocka_unit_test(mkdir_below_the_root_is_refused),
		cmocka_unit_test(
			rmdir_deletes_what_is_stopped_and_nothing_else),
		cmocka_unit_test(rmdir_that_fails_late_brings_the_machine_back),
		cmocka_unit_test(
			rmdir_of_a_machine_that_runs_is_decided_by_a_fresh_list),
		cmocka_unit_test(rename_renames),
		cmocka_unit_test(rename_refuses_what_cannot_be),
		cmocka_unit_test(rename_that_fails_brings_the_name_back),
		cmocka_unit_test(rm_r_of_a_machine_harms_nothing),
		cmocka_unit_test(rm_r_is_forgiven_after_a_minute),
		cmocka_unit_test(unlink_of_what_is_not_there_trips_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
