/*
 * What fs/by.h promises: groups of machines as directories of links, which
 * follow what the engine says.
 */
#include <errno.h>
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
	puppet_add(w->engine, "third", "3", MACHINE_STOPPED);
	for (size_t i = 0; i < 3; i++)
		puppet_word(&w->engine->machines[i]->distro,
		            i ? "debian" : "ubuntu");
	puppet_at_once(w->engine, true);
}

static void end(struct world *w)
{
	world_end(w, puppet_stop);
	puppet_free(w->engine);
}

static void assert_lists(struct world *w, const char *path, const char *names)
{
	struct fuse_entry_out e;
	char *text;

	assert_int_equal(kernel_walk(w->kernel, path, &e), 0);
	assert_int_equal(kernel_ls(w->kernel, e.nodeid, &text), 0);
	assert_string_equal(text, names);
	free(text);
}

static void assert_leads(struct world *w, const char *path, const char *target)
{
	struct fuse_entry_out e;
	const void *data;
	size_t len;

	assert_int_equal(kernel_walk(w->kernel, path, &e), 0);
	assert_true(S_ISLNK(e.attr.mode));
	assert_int_equal(e.attr.size, strlen(target));
	assert_int_equal(e.entry_valid, 0);
	assert_int_equal(kernel_wait(w->kernel,
	                             kernel_send_readlink(w->kernel, e.nodeid),
	                             &data, &len, KERNEL_MS),
	                 0);
	assert_int_equal(len, strlen(target));
	assert_memory_equal(data, target, len);
}

static void groups_hold_links_to_their_machines(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	assert_lists(&w, ".by", ".\n..\nstate\ndistro\narch\n");
	assert_lists(&w, ".by/state/stopped", ".\n..\noff\nthird\n");
	assert_lists(&w, ".by/state/running", ".\n..\nup\n");
	assert_lists(&w, ".by/distro/debian", ".\n..\noff\nthird\n");
	assert_leads(&w, ".by/state/stopped/third", "../../../third");
	assert_leads(&w, ".by/distro/ubuntu/up", "../../../up");
	end(&w);
}

static void every_state_is_a_group_and_of_others_those_with_machines(
	void **state)
{
	struct world w;
	struct fuse_entry_out e;

	(void)state;
	begin(&w);
	assert_lists(&w, ".by/state",
	             ".\n..\nunknown\ncreating\nstarting\nrunning\npausing\n"
	             "paused\nstopping\nstopped\ndeleting\nfailed\n");
	assert_lists(&w, ".by/state/paused", ".\n..\n");
	assert_lists(&w, ".by/distro", ".\n..\nubuntu\ndebian\n");
	assert_lists(&w, ".by/arch", ".\n..\n");
	assert_int_equal(kernel_walk(w.kernel, ".by/state/swimming", &e),
	                 -ENOENT);
	assert_int_equal(kernel_walk(w.kernel, ".by/distro/alpine", &e),
	                 -ENOENT);
	assert_int_equal(kernel_walk(w.kernel, ".by/size", &e), -ENOENT);
	end(&w);
}

static void a_machine_is_in_the_group_of_its_state_only(void **state)
{
	struct world w;
	struct fuse_entry_out e;

	(void)state;
	begin(&w);
	assert_int_equal(kernel_walk(w.kernel, ".by/state/running/off", &e),
	                 -ENOENT);
	assert_int_equal(kernel_walk(w.kernel, "off/state", &e), 0);
	assert_int_equal(kernel_echo(w.kernel, e.nodeid, "start\n"), 0);
	assert_lists(&w, ".by/state/running", ".\n..\nup\noff\n");
	assert_leads(&w, ".by/state/running/off", "../../../off");
	assert_int_equal(kernel_walk(w.kernel, ".by/state/stopped/off", &e),
	                 -ENOENT);
	end(&w);
}

static void a_value_that_is_no_name_makes_no_group(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	puppet_word(&w.engine->machines[0]->distro, "../../etc");
	puppet_word(&w.engine->machines[1]->distro, ".hidden");
	puppet_word(&w.engine->machines[2]->distro, "");
	assert_lists(&w, ".by/distro", ".\n..\n");
	end(&w);
}

static void nothing_can_be_made_or_removed_among_groups(void **state)
{
	struct world w;
	struct fuse_entry_out by;
	struct fuse_entry_out group;

	(void)state;
	begin(&w);
	assert_int_equal(kernel_walk(w.kernel, ".by", &by), 0);
	assert_int_equal(kernel_walk(w.kernel, ".by/state/stopped", &group), 0);
	assert_int_equal(kernel_mkdir(w.kernel, by.nodeid, "x", NULL), -EPERM);
	assert_int_equal(kernel_mkdir(w.kernel, group.nodeid, "x", NULL),
	                 -EPERM);
	assert_int_equal(kernel_rmdir(w.kernel, by.nodeid, "state"), -EPERM);
	assert_int_equal(kernel_unlink(w.kernel, group.nodeid, "off"), -EPERM);
	assert_int_equal(kernel_rename(w.kernel, group.nodeid, "off",
	                               KERNEL_ROOT, "on", 0),
	                 -EPERM);
	assert_int_equal(kernel_rename(w.kernel, KERNEL_ROOT, "off",
	                               group.nodeid, "on", 0),
	                 -EPERM);
	end(&w);
}

static uint64_t mtime_of(struct world *w, uint64_t node)
{
	struct fuse_attr attr;

	assert_int_equal(kernel_getattr(w->kernel, node, &attr), 0);
	return attr.mtime;
}

/* The kernel keeps a listing for as long as its directory's time stays. */
static void the_time_of_a_group_moves_when_machines_come_go_or_change(
	void **state)
{
	struct world w;
	uint64_t group;
	uint64_t sources;
	uint64_t before;

	(void)state;
	begin(&w);
	group = world_node(&w, ".by/state/running");
	sources = world_node(&w, ".images/machines");
	before = mtime_of(&w, group);
	hands_turn(w.hands, 5000);
	assert_int_equal(mtime_of(&w, group), before);
	/* Elsewhere: only a fresh list tells. */
	puppet_state(w.engine, "up", MACHINE_STOPPED);
	hands_turn(w.hands, 5000);
	assert_int_equal(mtime_of(&w, group), before + 10);
	assert_int_equal(mtime_of(&w, sources), before);
	puppet_remove(w.engine, "off");
	hands_turn(w.hands, 5000);
	assert_int_equal(mtime_of(&w, group), before + 15);
	assert_int_equal(mtime_of(&w, sources), before + 15);
	/* Here. */
	hands_turn(w.hands, 5000);
	assert_int_equal(world_mkdir(&w, ".images/machines/up/copy"), 0);
	assert_int_equal(mtime_of(&w, sources), before + 20);
	end(&w);
}

static void a_group_without_an_engine_says_so(void **state)
{
	struct world w;
	struct fuse_entry_out e;

	(void)state;
	begin(&w);
	puppet_refuse(w.engine, -ENODEV);
	assert_int_equal(kernel_walk(w.kernel, ".by/state/running", &e),
	                 -ENODEV);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(groups_hold_links_to_their_machines),
		cmocka_unit_test(
			every_state_is_a_group_and_of_others_those_with_machines),
		cmocka_unit_test(a_machine_is_in_the_group_of_its_state_only),
		cmocka_unit_test(a_value_that_is_no_name_makes_no_group),
		cmocka_unit_test(nothing_can_be_made_or_removed_among_groups),
		cmocka_unit_test(
			the_time_of_a_group_moves_when_machines_come_go_or_change),
		cmocka_unit_test(a_group_without_an_engine_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
