/*
 * What fs/imagedir.h and fs/enginedir.h promise: directories made of what the
 * engine says that it can make, and of its settings.
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
	w->engine->texts[ENGINE_IMAGES] = "debian bookworm\ndebian trixie\n"
					  "arch\n";
	w->engine->texts[ENGINE_CONFIG_SHOW] = "cpu: 4\nmemory_mib: 8192\n"
					       "machine.up.cpu: 2\n";
	puppet_at_once(w->engine, true);
}

static void end(struct world *w)
{
	world_end(w, puppet_stop);
	puppet_free(w->engine);
}

static void images_are_directories_by_distribution_and_version(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	world_assert_lists(&w, ".images", "machines debian arch ");
	world_assert_lists(&w, ".images/debian", "bookworm trixie ");
	world_assert_lists(&w, ".images/debian/trixie", "");
	world_assert_lists(&w, ".images/arch", "");
	assert_int_equal(puppet_asked(w.engine, ENGINE_IMAGES), 1);
	end(&w);
}

static void mkdir_in_an_image_creates_a_machine_of_it(void **state)
{
	struct world w;
	struct machine **made;

	(void)state;
	begin(&w);
	assert_int_equal(world_mkdir(&w, ".images/debian/trixie/web"), 0);
	world_assert_reads(&w, "web/state", "running\n");
	made = puppet_find(w.engine, "web");
	assert_non_null(made);
	puppet_word(&(*made)->distro, "debian");
	puppet_word(&(*made)->version, "trixie");
	hands_turn(w.hands, WORLD_TTL_MS);
	world_assert_lists(&w, ".images/debian/trixie", "web ");
	world_assert_lists(&w, ".images/debian/bookworm", "");
	end(&w);
}

static void the_engine_is_told_the_image(void **state)
{
	static const struct {
		const char *path;
		const char *image;
	} rows[] = {
		{ ".images/debian/trixie/a", "debian:trixie" },
		{ ".images/arch/b", "arch" },
	};
	struct world w;

	(void)state;
	begin(&w);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(world_mkdir(&w, rows[i].path), 0);
		assert_string_equal(w.engine->created, rows[i].image);
	}
	end(&w);
}

static void the_time_of_images_moves_when_there_are_others(void **state)
{
	struct world w;
	struct fuse_attr attr;
	uint64_t node;
	uint64_t before;

	(void)state;
	begin(&w);
	node = world_node(&w, ".images");
	/* Only to be seen it asks nobody. */
	assert_int_equal(kernel_getattr(w.kernel, node, &attr), 0);
	assert_int_equal(puppet_asked(w.engine, ENGINE_IMAGES), 0);
	world_assert_lists(&w, ".images", "machines debian arch ");
	assert_int_equal(kernel_getattr(w.kernel, node, &attr), 0);
	before = attr.mtime;
	hands_turn(w.hands, 100000);
	assert_int_equal(kernel_getattr(w.kernel, node, &attr), 0);
	assert_int_equal(attr.mtime, before);
	w.engine->texts[ENGINE_IMAGES] = "debian bookworm\nfedora 40\n";
	hands_turn(w.hands, 100000);
	assert_int_equal(kernel_getattr(w.kernel, node, &attr), 0);
	assert_int_equal(attr.mtime, before + 200);
	world_assert_lists(&w, ".images", "machines debian fedora ");
	assert_int_equal(puppet_asked(w.engine, ENGINE_IMAGES), 3);
	end(&w);
}

static void mkdir_in_a_distribution_asks_which_version(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	assert_int_equal(world_mkdir(&w, ".images/debian/web"), -EPERM);
	world_assert_tells(&w, ".orbfs/error",
	                   "create: which version of debian?");
	assert_int_equal(world_mkdir(&w, ".images/web"), -EPERM);
	assert_int_equal(world_mkdir(&w, ".images/debian/trixie/Bad Name"),
	                 -EINVAL);
	assert_int_equal(world_mkdir(&w, ".images/debian/trixie/up"), -EEXIST);
	assert_int_equal(puppet_asked(w.engine, ENGINE_CREATE), 0);
	end(&w);
}

static void mkdir_in_a_machine_there_clones_it(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	world_assert_lists(&w, ".images/machines", "up off ");
	world_assert_lists(&w, ".images/machines/up", "");
	assert_int_equal(world_mkdir(&w, ".images/machines/up/copy"), 0);
	assert_int_equal(puppet_asked(w.engine, ENGINE_CLONE), 1);
	world_assert_reads(&w, "copy/state", "stopped\n");
	assert_int_equal(world_mkdir(&w, ".images/machines/up/off"), -EEXIST);
	assert_int_equal(world_mkdir(&w, ".images/machines/new"), -EPERM);
	end(&w);
}

static void images_without_an_engine_say_why(void **state)
{
	struct world w;
	struct fuse_entry_out e;

	(void)state;
	begin(&w);
	puppet_refuse(w.engine, -ENODEV);
	assert_int_equal(kernel_walk(w.kernel, ".images/debian", &e), -ENODEV);
	puppet_refuse(w.engine, 0);
	assert_int_equal(kernel_walk(w.kernel, ".images/debian", &e), 0);
	end(&w);
}

static void settings_are_files_that_can_be_written(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	world_assert_lists(&w, ".orbfs/engine", "cpu memory_mib ");
	world_assert_reads(&w, ".orbfs/engine/cpu", "4\n");
	assert_int_equal(world_echo(&w, ".orbfs/engine/cpu", "6\n"), 0);
	assert_int_equal(puppet_asked(w.engine, ENGINE_CONFIG_SET), 1);
	assert_int_equal(world_echo(&w, ".orbfs/engine/cpu", "a\nb\n"),
	                 -EINVAL);
	assert_int_equal(puppet_asked(w.engine, ENGINE_CONFIG_SET), 1);
	end(&w);
}

static void a_setting_that_is_gone_is_gone(void **state)
{
	struct world w;
	struct fuse_entry_out e;

	(void)state;
	begin(&w);
	world_assert_lists(&w, ".orbfs/engine", "cpu memory_mib ");
	w.engine->texts[ENGINE_CONFIG_SHOW] = "cpu: 4\n";
	hands_turn(w.hands, 2000);
	assert_int_equal(kernel_walk(w.kernel, ".orbfs/engine/memory_mib", &e),
	                 -ENOENT);
	end(&w);
}

static void defaults_of_creation_are_checked_and_used(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	world_assert_reads(&w, ".orbfs/create", "{\n}\n");
	assert_int_equal(world_echo(&w, ".orbfs/create",
	                            "{\"image\": \"debian:trixie\"}\n"),
	                 0);
	assert_int_equal(world_mkdir(&w, "web"), 0);
	assert_string_equal(w.engine->created, "debian:trixie");
	assert_int_equal(world_echo(&w, ".orbfs/create", "{\"cpu\": 2}\n"),
	                 -EINVAL);
	world_assert_tells(&w, ".orbfs/error", "create: unknown key 'cpu'");
	/* What was refused has changed nothing. */
	world_assert_reads(&w, ".orbfs/create",
	                   "{\n\t\"image\":\t\"debian:trixie\"\n}\n");
	assert_int_equal(world_echo(&w, ".orbfs/create", "{}\n"), 0);
	world_assert_reads(&w, ".orbfs/create", "{\n}\n");
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			images_are_directories_by_distribution_and_version),
		cmocka_unit_test(mkdir_in_an_image_creates_a_machine_of_it),
		cmocka_unit_test(the_engine_is_told_the_image),
		cmocka_unit_test(
			the_time_of_images_moves_when_there_are_others),
		cmocka_unit_test(mkdir_in_a_distribution_asks_which_version),
		cmocka_unit_test(mkdir_in_a_machine_there_clones_it),
		cmocka_unit_test(images_without_an_engine_say_why),
		cmocka_unit_test(settings_are_files_that_can_be_written),
		cmocka_unit_test(a_setting_that_is_gone_is_gone),
		cmocka_unit_test(defaults_of_creation_are_checked_and_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
