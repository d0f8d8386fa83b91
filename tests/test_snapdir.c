/*
 * What fs/snapdir.h promises: snapshots as directories, taken, dropped, moved,
 * gone back to, and safe from a recursive removal.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

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

static void a_snapshot_is_made_listed_and_dropped(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	world_assert_lists(&w, "off/snapshots", "");
	assert_int_equal(world_mkdir(&w, "off/snapshots/before"), 0);
	assert_non_null(puppet_find(w.engine, "off--snap--before"));
	world_assert_lists(&w, "off/snapshots", "before ");
	world_assert_lists(&w, "off/snapshots/before", "");
	world_assert_lists(&w, "up/snapshots", "");
	/* It is no machine. */
	assert_int_equal(kernel_lookup(w.kernel, KERNEL_ROOT,
	                               "off--snap--before", NULL),
	                 -ENOENT);
	assert_int_equal(world_rmdir(&w, "off/snapshots/before"), 0);
	world_assert_lists(&w, "off/snapshots", "");
	assert_int_equal(world_rmdir(&w, "off/snapshots/before"), -ENOENT);
	end(&w);
}

static void a_machine_with_snapshots_is_not_deleted(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	assert_int_equal(world_mkdir(&w, "off/snapshots/a"), 0);
	assert_int_equal(world_rmdir(&w, "off"), -EBUSY);
	world_assert_reads(&w, "off/error",
	                   "delete: it has 1 snapshot; first: rmdir "
	                   "off/snapshots/*\n");
	assert_int_equal(world_rmdir(&w, "off/snapshots/a"), 0);
	assert_int_equal(world_rmdir(&w, "off"), 0);
	end(&w);
}

static void a_snapshot_moved_to_the_root_is_a_machine(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	assert_int_equal(world_mkdir(&w, "off/snapshots/a"), 0);
	assert_int_equal(world_mv(&w, "off/snapshots/a", "up"), -EEXIST);
	assert_int_equal(world_mv(&w, "off/snapshots/a", "copy"), 0);
	world_assert_lists(&w, "off/snapshots", "");
	world_assert_reads(&w, "copy/state", "stopped\n");
	/* And back, as another's; a running one cannot be. */
	assert_int_equal(world_mv(&w, "copy", "up/snapshots/b"), 0);
	world_assert_lists(&w, "up/snapshots", "b ");
	assert_int_equal(world_mv(&w, "up", "off/snapshots/c"), -EBUSY);
	assert_int_equal(world_mv(&w, "up/snapshots/b", "up/snapshots/d"), 0);
	world_assert_lists(&w, "up/snapshots", "d ");
	assert_int_equal(world_mv(&w, "up/snapshots/d", "up/run/d"), -EPERM);
	world_assert_tells(&w, "up/error",
	                   "rename: d: a machine or a snapshot");
	end(&w);
}

static void a_machine_goes_back_to_a_snapshot(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	assert_int_equal(world_mkdir(&w, "off/snapshots/a"), 0);
	assert_int_equal(world_echo(&w, "off/state", "restore b\n"), -ENOENT);
	world_assert_tells(&w, "off/error", "restore: there is no snapshot");
	assert_int_equal(world_echo(&w, "off/state", "restore\n"), -EINVAL);
	assert_int_equal(world_echo(&w, "off/state", "restore a\n"), 0);
	world_assert_lists(&w, "off/snapshots", "a ");
	world_assert_reads(&w, "off/error", "");
	world_assert_reads(&w, "off/state", "stopped\n");
	end(&w);
}

static void names_that_no_snapshot_can_have_are_refused(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	assert_int_equal(world_mkdir(&w, "off/snapshots/Not Good"), -EINVAL);
	assert_int_equal(world_mkdir(&w, "off/snapshots/-a"), -EINVAL);
	assert_int_equal(
		world_mkdir(&w, "off/snapshots/"
	                        "a123456789012345678901234567890123456789012345"
	                        "6789012345678901234"),
		-ENAMETOOLONG);
	assert_int_equal(puppet_asked(w.engine, ENGINE_CLONE), 0);
	end(&w);
}

static void who_removes_a_whole_machine_drops_no_snapshot(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	assert_int_equal(world_mkdir(&w, "off/snapshots/a"), 0);
	kernel_as(w.kernel, WORLD_UID, WORLD_GID, 777);
	assert_int_equal(kernel_unlink(w.kernel, world_node(&w, "off"),
	                               "state"),
	                 -EPERM);
	assert_int_equal(world_rmdir(&w, "off/snapshots/a"), -EPERM);
	world_assert_tells(&w, "off/error", "snapshots: this process tried");
	kernel_as(w.kernel, WORLD_UID, WORLD_GID, 778);
	assert_int_equal(world_rmdir(&w, "off/snapshots/a"), 0);
	end(&w);
}

static void a_machines_directory_is_as_old_as_the_machine(void **state)
{
	struct world w;
	struct fuse_attr attr;

	(void)state;
	begin(&w);
	/* The ULID of a moment in 2016. */
	puppet_add(w.engine, "old", "01ARYZ6S41TSV4RRFFQ69G5FAV",
	           MACHINE_STOPPED);
	assert_int_equal(kernel_getattr(w.kernel, world_node(&w, "old"), &attr),
	                 0);
	assert_int_equal(attr.mtime, 1469918176);
	hands_turn(w.hands, 60000);
	assert_int_equal(world_echo(&w, "old/state", "start\n"), 0);
	assert_int_equal(kernel_getattr(w.kernel, world_node(&w, "old"), &attr),
	                 0);
	assert_int_equal(attr.mtime, 1469918176);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_snapshot_is_made_listed_and_dropped),
		cmocka_unit_test(a_machine_with_snapshots_is_not_deleted),
		cmocka_unit_test(a_snapshot_moved_to_the_root_is_a_machine),
		cmocka_unit_test(a_machine_goes_back_to_a_snapshot),
		cmocka_unit_test(names_that_no_snapshot_can_have_are_refused),
		cmocka_unit_test(who_removes_a_whole_machine_drops_no_snapshot),
		cmocka_unit_test(a_machines_directory_is_as_old_as_the_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
