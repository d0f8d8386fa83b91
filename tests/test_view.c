/*
 * What view.h promises: the attributes of what is ours, the same whoever asks.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
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

static void view_of_the_root_counts_what_is_in_it(void **state)
{
	struct world w;
	struct fuse_attr attr;
	uint64_t before;

	(void)state;
	begin(&w);
	assert_int_equal(kernel_lookup(w.kernel, 1, "up", NULL), 0);
	assert_int_equal(kernel_getattr(w.kernel, KERNEL_ROOT, &attr), 0);
	assert_int_equal(attr.ino, 1);
	assert_int_equal(attr.mode, S_IFDIR | 0700);
	assert_int_equal(attr.uid, WORLD_UID);
	/* ".", "..", .by, .images, .orbfs and two machines. */
	assert_int_equal(attr.nlink, 7);
	before = attr.mtime;
	hands_turn(w.hands, 9000);
	puppet_remove(w.engine, "off");
	assert_int_equal(kernel_lookup(w.kernel, 1, "off", NULL), -ENOENT);
	assert_int_equal(kernel_getattr(w.kernel, KERNEL_ROOT, &attr), 0);
	assert_int_equal(attr.nlink, 6);
	assert_int_equal(attr.mtime, before + 9);
	end(&w);
}

static void view_is_the_same_by_lookup_and_stat(void **state)
{
	static const char *const paths[] = {
		".orbfs",
		".orbfs/version",
		".orbfs/config",
		".orbfs/ctl",
		"up",
		"up/state",
		"up/ip",
		"up/config",
		"up/exec",
		"up/error",
		"up/log",
		"up/run",
		"up/run/last",
		"up/run/last/cmd",
		"up/run/last/status",
	};
	struct world w;
	struct fuse_entry_out e;
	struct fuse_attr attr;

	(void)state;
	begin(&w);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		assert_int_equal(kernel_walk(w.kernel, paths[i], &e), 0);
		assert_int_equal(kernel_getattr(w.kernel, e.nodeid, &attr), 0);
		assert_memory_equal(&attr, &e.attr, sizeof(attr));
		assert_int_equal(attr.uid, WORLD_UID);
		assert_int_equal(attr.gid, WORLD_GID);
		assert_int_equal(attr.mode & 0077, 0);
	}
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(view_of_the_root_counts_what_is_in_it),
		cmocka_unit_test(view_is_the_same_by_lookup_and_stat),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
