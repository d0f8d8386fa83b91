/*
 * What xattr.h promises: attributes of a guest's files, asked for only where
 * there may be any.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/files_world.h"

static void xattr_is_not_asked_for_where_there_is_none(void **state)
{
	struct files_world f;
	uint64_t hosts;
	char value[100];

	(void)state;
	files_begin_stocked(&f);
	list_dir(&f, "etc");
	hosts = look(&f, "etc/hosts");
	assert_int_equal(get_xattr(&f, hosts, "user.a", value, sizeof(value)),
	                 -ENODATA);
	assert_int_equal(get_xattr(&f, hosts, NULL, NULL, 0), 0);
	assert_int_equal(f.g->n_seen[WIRE_GETXATTR], 0);
	assert_int_equal(f.g->n_seen[WIRE_LISTXATTR], 0);
	assert_int_equal(set_xattr(&f, hosts, "user.a", "val", 3, 0), 0);
	assert_int_equal(f.g->n_seen[WIRE_SETXATTR], 1);
	assert_int_equal(get_xattr(&f, hosts, "user.a", value, sizeof(value)),
	                 3);
	assert_memory_equal(value, "val", 3);
	assert_int_equal(f.g->n_seen[WIRE_GETXATTR], 1);
	files_end_world(&f);
}

static void xattr_tells_how_much_room_it_needs(void **state)
{
	struct files_world f;
	uint64_t hosts;
	char text[100];

	(void)state;
	files_begin_stocked(&f);
	hosts = look(&f, "etc/hosts");
	assert_int_equal(set_xattr(&f, hosts, "user.a", "val", 3, 0), 0);
	assert_int_equal(get_xattr(&f, hosts, "user.a", NULL, 0), 3);
	assert_int_equal(get_xattr(&f, hosts, "user.a", text, 1), -ERANGE);
	assert_int_equal(get_xattr(&f, hosts, NULL, NULL, 0), 7);
	assert_int_equal(get_xattr(&f, hosts, NULL, text, 6), -ERANGE);
	assert_int_equal(get_xattr(&f, hosts, NULL, text, sizeof(text)), 7);
	assert_string_equal(text, "user.a");
	assert_int_equal(remove_xattr(&f, hosts, "user.a"), 0);
	assert_int_equal(get_xattr(&f, hosts, "user.a", NULL, 0), -ENODATA);
	files_end_world(&f);
}

static void xattr_of_files_itself_starts_no_agent(void **state)
{
	struct files_world f;
	uint64_t root;

	(void)state;
	files_begin_stocked(&f);
	root = look(&f, "");
	assert_int_equal(get_xattr(&f, root, "user.a", NULL, 0), -ENODATA);
	assert_int_equal(get_xattr(&f, root, NULL, NULL, 0), 0);
	assert_int_equal(puppet_asked(f.engine, ENGINE_AGENT), 0);
	assert_int_equal(set_xattr(&f, root, "user.a", "val", 3, 0), 0);
	assert_int_equal(puppet_asked(f.engine, ENGINE_AGENT), 1);
	assert_int_equal(get_xattr(&f, root, "user.a", NULL, 0), 3);
	files_end_world(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(xattr_is_not_asked_for_where_there_is_none),
		cmocka_unit_test(xattr_tells_how_much_room_it_needs),
		cmocka_unit_test(xattr_of_files_itself_starts_no_agent),
	};

	signal(SIGPIPE, SIG_IGN); /* as in the daemon */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
