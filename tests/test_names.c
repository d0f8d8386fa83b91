/*
 * What names.h promises: making, linking, removing and moving, in the guest and
 * in what is known of it.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tests/files_world.h"

static void names_are_made_and_removed(void **state)
{
	struct files_world f;
	struct fuse_entry_out e;
	uint64_t home;

	(void)state;
	files_begin_stocked(&f);
	home = look(&f, "home/me");
	assert_int_equal(kernel_mkdir(f.k, home, "d", &e), 0);
	assert_true(S_ISDIR(e.attr.mode));
	assert_int_equal(kernel_mkdir(f.k, home, "d", &e), -EEXIST);
	assert_int_equal(kernel_mknod(f.k, home, "p", S_IFIFO | 0600, &e), 0);
	assert_true(S_ISFIFO(e.attr.mode));
	assert_int_equal(kernel_symlink(f.k, home, "l", "../x", &e), 0);
	assert_string_equal(read_link(&f, e.nodeid), "../x");
	assert_int_equal(look_at(&f, "home/me/l", &e), 0);
	assert_int_equal(link_it(&f, look(&f, "etc/hosts"), home, "h"), 0);
	assert_int_equal(look(&f, "home/me/h"), look(&f, "etc/hosts"));
	assert_int_equal(link_it(&f, look(&f, "etc/hosts"), home, "h"),
	                 -EEXIST);
	assert_int_equal(kernel_unlink(f.k, home, "h"), 0);
	assert_int_equal(look_at(&f, "home/me/h", &e), -ENOENT);
	assert_int_equal(kernel_unlink(f.k, home, "d"), -EISDIR);
	assert_int_equal(kernel_rmdir(f.k, home, "p"), -ENOTDIR);
	assert_int_equal(kernel_rmdir(f.k, home, "d"), 0);
	assert_int_equal(kernel_rmdir(f.k, look(&f, "home"), "me"), -ENOTEMPTY);
	files_end_world(&f);
}

static void names_keep_a_listing_right_by_our_own_changes(void **state)
{
	struct files_world f;
	struct fuse_entry_out e;
	uint64_t etc;
	unsigned n;

	(void)state;
	files_begin_stocked(&f);
	list_dir(&f, "etc");
	etc = look(&f, "etc");
	n = f.g->n_seen[WIRE_STAT] + f.g->n_seen[WIRE_LIST];
	assert_int_equal(kernel_mkdir(f.k, etc, "d", &e), 0);
	assert_int_equal(kernel_unlink(f.k, etc, "fstab"), 0);
	assert_int_equal(kernel_lookup(f.k, etc, "d", &e), 0);
	assert_int_equal(kernel_lookup(f.k, etc, "fstab", &e), -ENOENT);
	assert_int_equal(f.g->n_seen[WIRE_STAT] + f.g->n_seen[WIRE_LIST], n);
	files_end_world(&f);
}

static void names_are_moved(void **state)
{
	struct files_world f;
	struct fuse_entry_out e;
	uint64_t etc;
	uint64_t home;
	uint64_t hosts;

	(void)state;
	files_begin_stocked(&f);
	etc = look(&f, "etc");
	home = look(&f, "home/me");
	hosts = look(&f, "etc/hosts");
	assert_int_equal(kernel_rename(f.k, etc, "hosts", home, "h", 0), 0);
	assert_int_equal(look(&f, "home/me/h"), hosts);
	assert_int_equal(look_at(&f, "etc/hosts", &e), -ENOENT);
	assert_int_equal(kernel_rename(f.k, home, "h", etc, "fstab",
	                               RENAME_NOREPLACE),
	                 -EEXIST);
	assert_int_equal(kernel_rename(f.k, home, "h", etc, "fstab",
	                               RENAME_EXCHANGE),
	                 0);
	assert_int_equal(look(&f, "etc/fstab"), hosts);
	assert_int_equal(kernel_rename(f.k, home, "h", etc, "fstab", 0), 0);
	assert_int_not_equal(look(&f, "etc/fstab"), hosts);
	assert_int_equal(kernel_rename(f.k, home, "h", etc, "x", 8), -EINVAL);
	/* A directory with what is known below it. */
	assert_int_equal(kernel_rename(f.k, look(&f, ""), "etc",
	                               look(&f, "home"), "etc", 0),
	                 0);
	assert_int_equal(look(&f, "home/etc"), etc);
	look(&f, "home/etc/localtime");
	files_end_world(&f);
}

static void names_do_not_reach_into_another_machine(void **state)
{
	struct files_world f;
	struct fuse_entry_out e;
	uint64_t etc;
	uint64_t hosts;

	(void)state;
	files_begin_stocked(&f);
	etc = look(&f, "etc");
	hosts = look(&f, "etc/hosts");
	assert_int_equal(kernel_walk(f.k, "two/files", &e), 0);
	assert_int_equal(kernel_rename(f.k, etc, "hosts", e.nodeid, "h", 0),
	                 -EXDEV);
	assert_int_equal(kernel_rename(f.k, e.nodeid, "h", etc, "hosts", 0),
	                 -EXDEV);
	assert_int_equal(link_it(&f, hosts, e.nodeid, "h"), -EXDEV);
	assert_int_equal(kernel_walk(f.k, "web", &e), 0);
	assert_int_equal(kernel_rename(f.k, etc, "hosts", e.nodeid, "h", 0),
	                 -EXDEV);
	assert_int_equal(f.g->n_seen[WIRE_RENAME] + f.g->n_seen[WIRE_LINK], 0);
	files_end_world(&f);
}

/* The kernel learns the count of the old name from the answer, and looks the
 * new one up by itself. */
static void names_of_a_symbolic_link_are_counted_at_once(void **state)
{
	struct fuse_link_in in = { 0 };
	char text[sizeof(in) + 2] = "";
	struct files_world f;
	struct fuse_entry_out e;
	const void *data;
	size_t len;

	(void)state;
	files_begin_stocked(&f);
	assert_int_equal(look_at(&f, "etc/localtime", &e), 0);
	assert_int_equal(e.attr.nlink, 1);
	in.oldnodeid = e.nodeid;
	memcpy(text, &in, sizeof(in));
	text[sizeof(in)] = 'l';
	assert_int_equal(kernel_wait(f.k,
	                             kernel_send(f.k, FUSE_LINK,
	                                         look(&f, "home"), text,
	                                         sizeof(text)),
	                             &data, &len, KERNEL_MS),
	                 0);
	assert_true(len >= sizeof(e));
	memcpy(&e, data, sizeof(e));
	assert_int_equal(e.nodeid, in.oldnodeid);
	assert_int_equal(e.attr.nlink, 2);
	assert_int_equal(e.entry_valid, 0);
	assert_int_equal(e.entry_valid_nsec, 0);
	assert_int_equal(look_at(&f, "home/l", &e), 0);
	assert_int_not_equal(e.nodeid, in.oldnodeid);
	assert_int_equal(e.attr.nlink, 2);
	assert_string_equal(read_link(&f, e.nodeid), "../usr/share/zone");
	files_end_world(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_made_and_removed),
		cmocka_unit_test(names_keep_a_listing_right_by_our_own_changes),
		cmocka_unit_test(names_are_moved),
		cmocka_unit_test(names_do_not_reach_into_another_machine),
		cmocka_unit_test(names_of_a_symbolic_link_are_counted_at_once),
	};

	signal(SIGPIPE, SIG_IGN); /* as in the daemon */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
