/*
 * What lookup.h promises: a name leads to what the guest has there, a listing
 * answers without the guest, and no link that is shown leads out.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tests/files_world.h"

static void lookup_finds_what_the_guest_has(void **state)
{
	struct files_world f;
	struct fuse_entry_out e;
	uint64_t hosts;

	(void)state;
	files_begin_stocked(&f);
	assert_int_equal(look_at(&f, "etc/hosts", &e), 0);
	assert_int_equal(e.attr.mode, S_IFREG | 0644);
	assert_int_equal(e.attr.size, 20);
	assert_int_equal(e.attr.uid, FAKE_UID);
	hosts = e.nodeid;
	assert_int_equal(look_at(&f, "etc/hosts", &e), 0);
	assert_int_equal(e.nodeid, hosts);
	assert_int_equal(look_at(&f, "etc/none", &e), -ENOENT);
	assert_int_equal(look_at(&f, "none/none", &e), -ENOENT);
	assert_int_equal(look_at(&f, "etc/hosts/x", &e), -ENOENT);
	assert_string_equal(read_link(&f, look(&f, "etc/localtime")),
	                    "../usr/share/zone");
	files_end_world(&f);
}

static void lookup_lists_a_directory_after_the_second_miss(void **state)
{
	struct files_world f;
	struct fuse_entry_out e;
	unsigned n;

	(void)state;
	files_begin_stocked(&f);
	for (int i = 0; i < 20; i++) {
		char name[32];

		snprintf(name, sizeof(name), "d/f%d", i);
		fake_guest_file(f.g, name, "");
	}
	look(&f, "d/f0");
	n = f.g->n_seen[WIRE_STAT];
	look(&f, "d/f1");
	assert_true(f.g->n_seen[WIRE_LIST] >= 1);
	for (int i = 2; i < 20; i++) {
		char name[32];

		snprintf(name, sizeof(name), "d/f%d", i);
		look(&f, name);
	}
	assert_int_equal(look_at(&f, "d/none", &e), -ENOENT);
	assert_int_equal(f.g->n_seen[WIRE_STAT], n);
	files_end_world(&f);
}

static void lookup_says_nothing_is_there_as_long_as_the_guest_watches(
	void **state)
{
	struct files_world f;
	struct fuse_entry_out *e;
	const void *data;
	uint64_t dir;

	(void)state;
	files_begin_stocked(&f);
	list_dir(&f, "etc");
	dir = look(&f, "etc");
	assert_int_equal(kernel_wait(f.k, kernel_send_lookup(f.k, dir, "none"),
	                             &data, NULL, KERNEL_MS),
	                 0);
	e = (struct fuse_entry_out *)data;
	assert_int_equal(e->nodeid, 0);
	assert_true(e->entry_valid > 1);
	/* And when it comes, the kernel is told. */
	f.n_entries = 0;
	fake_guest_write(f.g, "etc/none", "here");
	loop_run_for(f.w.loop, 20);
	assert_true(f.n_entries > 0);
	assert_string_equal(f.last_entry, "none");
	look(&f, "etc/none");
	files_end_world(&f);
}

/* The kernel cannot be told to forget those when the agent is lost. */
static void lookup_of_what_is_not_in_the_root_is_not_kept(void **state)
{
	struct files_world f;
	uint64_t root;

	(void)state;
	files_begin_stocked(&f);
	list_dir(&f, "");
	root = look(&f, "");
	assert_int_equal(kernel_wait(f.k, kernel_send_lookup(f.k, root, "none"),
	                             NULL, NULL, KERNEL_MS),
	                 -ENOENT);
	files_end_world(&f);
}

static void readlink_shows_nothing_that_leads_out(void **state)
{
	struct files_world f;

	(void)state;
	files_begin_stocked(&f);
	fake_guest_symlink(f.g, "a/b/c/deep", "../../../../../etc/passwd");
	fake_guest_symlink(f.g, "a/mid", "b/../../../x");
	/* One inode, high up and deep down. */
	fake_guest_hard_link(f.g, "high", "a/b/c/deep");
	assert_string_equal(read_link(&f, look(&f, "high")), "etc/passwd");
	assert_string_equal(read_link(&f, look(&f, "a/b/c/deep")),
	                    "../../../etc/passwd");
	assert_string_equal(read_link(&f, look(&f, "high")), "etc/passwd");
	assert_string_equal(read_link(&f, look(&f, "a/mid")), "../x");
	f.g->resolved = "b/real";
	assert_string_equal(read_link(&f, look(&f, "a/mid")), "../b/real");
	files_end_world(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lookup_finds_what_the_guest_has),
		cmocka_unit_test(
			lookup_lists_a_directory_after_the_second_miss),
		cmocka_unit_test(
			lookup_says_nothing_is_there_as_long_as_the_guest_watches),
		cmocka_unit_test(lookup_of_what_is_not_in_the_root_is_not_kept),
		cmocka_unit_test(readlink_shows_nothing_that_leads_out),
	};

	signal(SIGPIPE, SIG_IGN); /* as in the daemon */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
