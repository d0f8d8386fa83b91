/*
 * What statfs.h promises: the guest's numbers below files/, and elsewhere some
 * at once.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/files_world.h"

static void statfs_tells_what_the_guest_says(void **state)
{
	struct files_world f;
	struct fuse_kstatfs st;

	(void)state;
	files_begin_stocked(&f);
	assert_int_equal(kernel_statfs(f.k, look(&f, "etc"), &st), 0);
	assert_int_equal(st.blocks, 1000);
	assert_int_equal(st.bsize, 4096);
	assert_int_equal(st.namelen, 255);
	/* That of files/ itself as well, since its agent is there. */
	assert_int_equal(kernel_statfs(f.k, look(&f, ""), &st), 0);
	assert_int_equal(st.blocks, 1000);
	f.g->err[WIRE_STATFS] = EACCES;
	assert_int_equal(kernel_statfs(f.k, look(&f, "etc"), &st), -EACCES);
	files_end_world(&f);
}

static void statfs_starts_no_agent(void **state)
{
	struct files_world f;
	struct fuse_kstatfs st;

	(void)state;
	files_begin_stocked(&f);
	assert_int_equal(kernel_statfs(f.k, look(&f, ""), &st), 0);
	assert_true(st.bavail > 1000);
	assert_int_equal(kernel_statfs(f.k, KERNEL_ROOT, &st), 0);
	assert_true(st.bavail > 1000);
	assert_int_equal(puppet_asked(f.engine, ENGINE_AGENT), 0);
	files_end_world(&f);
}

static void statfs_of_what_is_ours_is_believable(void **state)
{
	struct fuse_kstatfs st;
	struct files_world f;

	(void)state;
	files_begin_stocked(&f);
	assert_int_equal(kernel_statfs(f.k, KERNEL_ROOT, &st), 0);
	assert_true(st.bavail > 0 && st.bavail <= st.bfree);
	assert_true(st.bfree <= st.blocks && st.blocks <= UINT32_MAX);
	assert_true(st.ffree > 0 && st.ffree <= st.files);
	assert_int_equal(st.namelen, 255);
	assert_int_equal(puppet_asked(f.engine, ENGINE_LIST), 0);
	files_end_world(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(statfs_tells_what_the_guest_says),
		cmocka_unit_test(statfs_starts_no_agent),
		cmocka_unit_test(statfs_of_what_is_ours_is_believable),
	};

	signal(SIGPIPE, SIG_IGN); /* as in the daemon */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
