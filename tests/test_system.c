/*
 * What system.h promises: the words of each system, and the user's before them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mount/system.h"
#include "tests/fail_alloc.h"

static void assert_options(const struct system *system, const char *said,
                           bool shared, const char *want)
{
	char *got = system_options(system, said, shared);

	assert_non_null(got);
	assert_string_equal(got, want);
	free(got);
}

static void linux_mounts_without_suid_and_devices(void **state)
{
	(void)state;
	assert_options(&system_linux, "", false,
	               "fsname=orbfs,subtype=orbfs,nosuid,nodev");
	assert_options(&system_linux, "allow_other", true,
	               "fsname=orbfs,subtype=orbfs,nosuid,nodev,"
	               "default_permissions,allow_other");
}

static void macos_mounts_a_volume_with_a_name_and_patience(void **state)
{
	(void)state;
	assert_options(&system_macos, "", false,
	               "volname=VMs,fsname=orbfs,defer_permissions,"
	               "native_xattr,auto_cache,excl_create,"
	               "daemon_timeout=600");
	assert_options(&system_macos, "allow_other", true,
	               "volname=VMs,fsname=orbfs,default_permissions,"
	               "native_xattr,auto_cache,excl_create,"
	               "daemon_timeout=600,allow_other");
}

static void what_the_user_says_is_not_said_before(void **state)
{
	(void)state;
	assert_options(&system_linux, "nodev,fsname=mine", false,
	               "subtype=orbfs,nosuid,nodev,fsname=mine");
	assert_options(&system_macos,
	               "volname=a b,native_xattr,auto_cache,excl_create", false,
	               "fsname=orbfs,defer_permissions,daemon_timeout=600,"
	               "volname=a b,native_xattr,auto_cache,excl_create");
	/* A word that only begins like ours is another. */
	assert_options(&system_linux, "nodevices,nosui", false,
	               "fsname=orbfs,subtype=orbfs,nosuid,nodev,"
	               "nodevices,nosui");
}

static void fskit_is_told_the_name_alone(void **state)
{
	(void)state;
	assert_options(&system_macos, "backend=fskit", false,
	               "volname=VMs,backend=fskit");
	assert_options(&system_macos, "ro,backend=fskit", false,
	               "volname=VMs,ro,backend=fskit");
}

static void macos_answers_before_the_volume_is_given_up(void **state)
{
	(void)state;
	assert_int_equal(system_patience_ms(&system_macos, ""), 540000);
	assert_int_equal(system_patience_ms(&system_macos,
	                                    "ro,daemon_timeout=100"),
	                 90000);
	assert_int_equal(
		system_patience_ms(&system_macos, "daemon_timeout=1,ro"), 900);
	assert_int_equal(system_patience_ms(&system_macos, "backend=fskit"),
	                 54000);
}

static void a_timeout_that_makes_no_sense_is_taken_for_the_usual(void **state)
{
	static const char *const said[] = {
		"daemon_timeout=0",  "daemon_timeout=",
		"daemon_timeout=-1", "daemon_timeout=99999999999999999999",
		"daemon_timeout=x",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++)
		assert_int_equal(system_patience_ms(&system_macos, said[i]),
		                 54000);
}

static void linux_waits_for_ever(void **state)
{
	(void)state;
	assert_int_equal(system_patience_ms(&system_linux, ""), 0);
	assert_int_equal(
		system_patience_ms(&system_linux, "daemon_timeout=100"), 0);
}

static void macos_has_a_place_for_mounts_and_no_machines_of_its_own(void **state)
{
	(void)state;
	assert_true(system_linux.has_local && !system_macos.has_local);
	assert_null(system_linux.mountpoint);
	assert_string_equal(system_macos.mountpoint, "/Volumes/vms");
}

static void macos_makes_mount_points_in_volumes(void **state)
{
	(void)state;
	assert_true(system_makes(&system_macos, "/Volumes/vms"));
	assert_false(system_makes(&system_macos, "/Volumes/"));
	assert_false(system_makes(&system_macos, "/Volumes/a/b"));
	assert_false(system_makes(&system_macos, "/Users/me/vms"));
	assert_false(system_makes(&system_linux, "/Volumes/vms"));
}

static void options_are_whole_or_not_there(void **state)
{
	unsigned n = 0;
	char *got = NULL;

	(void)state;
	while (fail_alloc_next(&n)) {
		free(got);
		got = system_options(&system_macos, "ro", false);
		assert_true(!got || strstr(got, "daemon_timeout=600,ro"));
	}
	assert_non_null(got);
	free(got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(linux_mounts_without_suid_and_devices),
		cmocka_unit_test(
			macos_mounts_a_volume_with_a_name_and_patience),
		cmocka_unit_test(what_the_user_says_is_not_said_before),
		cmocka_unit_test(fskit_is_told_the_name_alone),
		cmocka_unit_test(macos_answers_before_the_volume_is_given_up),
		cmocka_unit_test(
			a_timeout_that_makes_no_sense_is_taken_for_the_usual),
		cmocka_unit_test(linux_waits_for_ever),
		cmocka_unit_test(
			macos_has_a_place_for_mounts_and_no_machines_of_its_own),
		cmocka_unit_test(macos_makes_mount_points_in_volumes),
		cmocka_unit_test(options_are_whole_or_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
