/*
 * What link.h promises: no link that is shown leads above files/, and what a
 * link means inside of the guest is kept.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fs/link.h"
#include "ops/wire.h"

enum { N_RANDOM = 200000 };

static void shows(const char *target, const char *resolved, int depth,
                  const char *shown)
{
	struct buf b = BUF_INIT(WIRE_LINK_MAX);

	assert_int_equal(link_show(target, resolved, depth, &b), 0);
	assert_string_equal(b.data ? b.data : "", shown);
	buf_free(&b);
}

static void link_shows_what_stays_inside_as_it_is(void **state)
{
	static const char *const targets[] = {
		"hosts", "a/b/c", "./a", "a/.",      "a/", "a//b", ".",
		"",      "..x",   "...", "a..b/..c", " ",  "a\nb",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
		for (int depth = 0; depth <= 5; depth++)
			shows(targets[i], "", depth, targets[i]);
	shows("../x", "", 1, "../x");
	shows("..", "", 1, "..");
	shows("../../x", "", 2, "../../x");
	shows(".././../x/", "", 2, ".././../x/");
}

static void link_shows_absolute_ones_from_files(void **state)
{
	(void)state;
	shows("/", "", 0, ".");
	shows("/", "", 1, "..");
	shows("/", "", 3, "../../..");
	shows("//", "", 0, ".");
	shows("/etc/hosts", "", 0, "etc/hosts");
	shows("/etc/hosts", "", 2, "../../etc/hosts");
	shows("/etc//hosts/", "", 1, "../etc/hosts");
	shows("/./etc/./hosts", "", 1, "../etc/hosts");
	shows("/..", "", 1, "..");
	shows("/../../etc", "", 5, "../../../../../etc");
}

static void link_does_not_climb_above_files(void **state)
{
	(void)state;
	shows("..", "", 0, ".");
	shows("../..", "", 1, "..");
	shows("../../../etc/passwd", "", 1, "../etc/passwd");
	shows("../../../etc/passwd", "", 0, "etc/passwd");
	shows("./../../x", "", 1, "../x");
}

static void link_follows_the_guest_where_names_come_before_a_climb(void **state)
{
	(void)state;
	shows("a/../b", "c/d", 0, "c/d");
	shows("a/../b", "c/d", 2, "../../c/d");
	shows("/a/../b", "c/d", 1, "../c/d");
	shows("../a/../b", "c", 1, "../c");
	/* What cannot be true of a guest does no harm. */
	shows("a/../b", "../../c", 1, "../c");
	shows("a/../b", "/../c", 0, "c");
}

static void link_comes_to_the_same_where_the_guest_says_nothing(void **state)
{
	(void)state;
	shows("a/../b", "", 0, "b");
	shows("a/..", "", 0, ".");
	shows("a/b/..", "", 0, "a");
	shows("/a/b/../", "", 1, "../a");
	shows("a/b/../../c", "", 2, "c");
	shows("../a/../b", "", 1, "../b");
	shows("/a/../b", "", 1, "../b");
	shows("/a/../../b", "", 1, "../b");
	/* It climbs further than its names go down. */
	shows("a/../../b", "", 2, "../b");
	shows("a/../../b", "", 0, "b");
	shows("../a/../../b", "", 2, "../../b");
	shows("a/../../../../b", "", 1, "../b");
}

static void link_that_is_too_long_is_refused(void **state)
{
	struct buf b = BUF_INIT(WIRE_LINK_MAX);
	char target[WIRE_LINK_MAX + 2];

	(void)state;
	memset(target, 'a', sizeof(target));
	target[0] = '/';
	target[WIRE_LINK_MAX] = '\0';
	assert_int_equal(link_show(target, "", 3, &b), -EFBIG);
	buf_free(&b);
	b = (struct buf)BUF_INIT(WIRE_LINK_MAX);
	assert_int_equal(link_show(target, "", 0, &b), 0);
	assert_int_equal(b.len, WIRE_LINK_MAX - 1);
	buf_free(&b);
	target[0] = 'a';
	b = (struct buf)BUF_INIT(WIRE_LINK_MAX);
	assert_int_equal(link_show(target, "", 3, &b), 0);
	assert_string_equal(b.data, target);
	buf_free(&b);
}

/* Follow it name by name. How high does it come, and is there a ".." behind a
 * name? */
static void check_shown(const char *shown, int depth)
{
	bool named = false;
	int level = depth;

	assert_int_not_equal(shown[0], '/');
	while (*shown) {
		size_t len = strcspn(shown, "/");

		if (len == 2 && memcmp(shown, "..", 2) == 0) {
			assert_false(named);
			assert_true(--level >= 0);
		} else if (len && !(len == 1 && *shown == '.')) {
			named = true;
		}
		shown += len;
		shown += strspn(shown, "/");
	}
}

static void random_path(unsigned *seed, char *to, size_t size)
{
	static const char *const words[] = { "..", ".",  "/", "a",   "b",
		                             "..", "..", "/", "...", "" };
	size_t n = (size_t)rand_r(seed) % 12;

	*to = '\0';
	while (n-- > 0) {
		strncat(to, words[rand_r(seed) % 10], size - strlen(to) - 1);
		if (rand_r(seed) % 4)
			strncat(to, "/", size - strlen(to) - 1);
	}
}

static void link_never_leads_out_whatever_the_guest_says(void **state)
{
	unsigned seed = 4711;
	char target[64];
	char resolved[64];

	(void)state;
	for (int i = 0; i < N_RANDOM; i++) {
		struct buf b = BUF_INIT(WIRE_LINK_MAX);
		int depth = rand_r(&seed) % 6;

		random_path(&seed, target, sizeof(target));
		random_path(&seed, resolved, sizeof(resolved));
		assert_int_equal(link_show(target, resolved, depth, &b), 0);
		check_shown(b.data ? b.data : "", depth);
		assert_in_range(link_shown_len(target, depth), b.len,
		                WIRE_LINK_MAX);
		buf_free(&b);
	}
}

static void link_has_the_length_of_what_is_shown(void **state)
{
	(void)state;
	assert_int_equal(link_shown_len("x", 2), 1);
	assert_int_equal(link_shown_len("../x", 2), 4);
	assert_int_equal(link_shown_len("/etc/x", 2), strlen("../../etc/x"));
	assert_int_equal(link_shown_len("/", 0), strlen("."));
	assert_int_equal(link_shown_len("../../../x", 1), strlen("../x"));
	/* The guest says where that leads. */
	assert_int_equal(link_shown_len("a/../x", 2), WIRE_LINK_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(link_shows_what_stays_inside_as_it_is),
		cmocka_unit_test(link_shows_absolute_ones_from_files),
		cmocka_unit_test(link_does_not_climb_above_files),
		cmocka_unit_test(
			link_follows_the_guest_where_names_come_before_a_climb),
		cmocka_unit_test(
			link_comes_to_the_same_where_the_guest_says_nothing),
		cmocka_unit_test(link_that_is_too_long_is_refused),
		cmocka_unit_test(link_never_leads_out_whatever_the_guest_says),
		cmocka_unit_test(link_has_the_length_of_what_is_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
