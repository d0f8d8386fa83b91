/*
 * What buf.h promises: growth up to the ceiling and not beyond it, the NUL
 * behind the bytes, the failure that sticks, and who owns what was detached.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ops/buf.h"
#include "tests/fail_alloc.h"

/* What holds after every call. */
static void buf_check(const struct buf *b)
{
	assert_true(b->len <= b->max);
	assert_true(!b->data || b->len < b->cap);
	if (b->data)
		assert_int_equal(b->data[b->len], '\0');
}

static void buf_appends_in_order(void **state)
{
	struct buf b = BUF_INIT(100);

	(void)state;
	assert_int_equal(buf_adds(&b, "one "), 0);
	assert_int_equal(buf_add(&b, "two ", 4), 0);
	assert_int_equal(buf_printf(&b, "%s %d", "three", 4), 0);
	buf_check(&b);
	assert_string_equal(b.data, "one two three 4");
	assert_int_equal(b.len, 15);
	buf_free(&b);
}

static void buf_keeps_nuls_that_are_added(void **state)
{
	struct buf b = BUF_INIT(100);

	(void)state;
	assert_int_equal(buf_add(&b, "a\0b", 3), 0);
	buf_check(&b);
	assert_int_equal(b.len, 3);
	assert_memory_equal(b.data, "a\0b", 4);
	buf_free(&b);
}

static void buf_grows_to_its_ceiling_and_not_beyond(void **state)
{
	struct buf b = BUF_INIT(1000);

	(void)state;
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(buf_add(&b, "x", 1), 0);
		buf_check(&b);
	}
	assert_true(b.cap <= b.max + 1);
	assert_int_equal(buf_add(&b, "x", 1), -EFBIG);
	assert_int_equal(b.len, 1000);
	buf_check(&b);
	buf_free(&b);
}

static void buf_printf_fills_it_to_the_last_byte(void **state)
{
	struct buf b = BUF_INIT(5);

	(void)state;
	assert_int_equal(buf_printf(&b, "%s", "12345"), 0);
	assert_string_equal(b.data, "12345");
	assert_int_equal(buf_printf(&b, "%s", ""), 0);
	assert_int_equal(buf_printf(&b, "%c", '6'), -EFBIG);
	buf_check(&b);
	buf_free(&b);
}

static void buf_adds_nothing_after_a_failure(void **state)
{
	struct buf b = BUF_INIT(4);

	(void)state;
	assert_int_equal(buf_adds(&b, "abc"), 0);
	assert_int_equal(buf_adds(&b, "too long"), -EFBIG);
	assert_int_equal(buf_adds(&b, "d"), -EFBIG);
	assert_int_equal(buf_printf(&b, "d"), -EFBIG);
	assert_null(buf_room(&b, 1));
	assert_string_equal(b.data, "abc");
	buf_free(&b);
}

static void buf_keeps_the_first_of_two_failures(void **state)
{
	struct buf b = BUF_INIT(4);

	(void)state;
	fail_alloc_at(1);
	assert_int_equal(buf_adds(&b, "abc"), -ENOMEM);
	fail_alloc_off();
	assert_int_equal(buf_adds(&b, "too long"), -ENOMEM);
	buf_free(&b);
}

static void buf_survives_sizes_that_overflow(void **state)
{
	struct buf b = BUF_INIT(SIZE_MAX);

	(void)state;
	assert_int_equal(buf_adds(&b, "abc"), 0);
	assert_null(buf_room(&b, SIZE_MAX));
	assert_int_equal(b.err, -EFBIG);
	buf_reset(&b);
	assert_null(buf_room(&b, SIZE_MAX - 3));
	assert_int_equal(b.err, -EFBIG);
	buf_free(&b);
}

static void buf_with_no_room_takes_nothing(void **state)
{
	struct buf b = BUF_INIT(0);

	(void)state;
	assert_int_equal(buf_adds(&b, ""), 0);
	buf_check(&b);
	assert_int_equal(buf_adds(&b, "x"), -EFBIG);
	buf_free(&b);
}

static void buf_room_is_writable_as_a_whole(void **state)
{
	struct buf b = BUF_INIT(300);
	char *room;

	(void)state;
	buf_adds(&b, "head");
	room = buf_room(&b, 200);
	assert_non_null(room);
	assert_ptr_equal(room, b.data + 4);
	memset(room, 'x', 200);
	b.len += 200;
	buf_check(&b);
	assert_int_equal(strlen(b.data), 204);
	buf_free(&b);
}

static void buf_drop_moves_the_rest_to_the_front(void **state)
{
	struct buf b = BUF_INIT(10);

	(void)state;
	buf_drop(&b, 0);
	buf_adds(&b, "0123456789");
	buf_drop(&b, 4);
	buf_check(&b);
	assert_string_equal(b.data, "456789");
	assert_int_equal(buf_adds(&b, "abcd"), 0);
	assert_string_equal(b.data, "456789abcd");
	buf_drop(&b, 10);
	buf_check(&b);
	assert_int_equal(b.len, 0);
	buf_free(&b);
}

static void buf_reset_forgets_the_failure_and_keeps_the_memory(void **state)
{
	struct buf b = BUF_INIT(4);
	char *data;

	(void)state;
	buf_reset(&b);
	buf_adds(&b, "abc");
	data = b.data;
	buf_adds(&b, "abc");
	assert_int_equal(b.err, -EFBIG);
	buf_reset(&b);
	buf_check(&b);
	assert_ptr_equal(b.data, data);
	assert_int_equal(b.len, 0);
	assert_int_equal(buf_adds(&b, "abcd"), 0);
	buf_free(&b);
}

static void buf_detach_gives_the_bytes_away(void **state)
{
	struct buf b = BUF_INIT(10);
	size_t len = 0;
	char *data;

	(void)state;
	buf_adds(&b, "mine");
	data = buf_detach(&b, &len);
	assert_string_equal(data, "mine");
	assert_int_equal(len, 4);
	assert_null(b.data);
	assert_int_equal(b.len, 0);
	assert_int_equal(b.max, 10);
	assert_int_equal(buf_adds(&b, "new"), 0);
	assert_string_equal(data, "mine");
	free(data);
	buf_free(&b);
}

static void buf_detach_of_an_empty_one_is_an_empty_string(void **state)
{
	struct buf b = BUF_INIT(10);
	size_t len = 1;
	char *data = buf_detach(&b, &len);

	(void)state;
	assert_string_equal(data, "");
	assert_int_equal(len, 0);
	free(data);
}

static void buf_detach_after_a_failure_is_null_and_leaks_nothing(void **state)
{
	struct buf b = BUF_INIT(4);

	(void)state;
	buf_adds(&b, "abc");
	buf_adds(&b, "def");
	assert_null(buf_detach(&b, NULL));
	assert_int_equal(b.err, 0);
	assert_null(b.data);
	fail_alloc_at(1);
	assert_null(buf_detach(&b, NULL));
	fail_alloc_off();
}

static void buf_free_leaves_a_usable_one(void **state)
{
	struct buf b = BUF_INIT(4);

	(void)state;
	buf_adds(&b, "abc");
	buf_free(&b);
	buf_free(&b);
	assert_int_equal(buf_adds(&b, "abcd"), 0);
	assert_int_equal(buf_adds(&b, "e"), -EFBIG);
	buf_free(&b);
}

static void buf_survives_the_loss_of_any_allocation(void **state)
{
	unsigned n = 0;
	char *data;

	(void)state;
	while (fail_alloc_next(&n)) {
		struct buf b = BUF_INIT(10000);

		for (int i = 0; i < 100; i++) {
			buf_printf(&b, "line %d of a longer text\n", i);
			buf_check(&b);
		}
		assert_int_equal(b.err, fail_alloc_reached() ? -ENOMEM : 0);
		data = buf_detach(&b, NULL);
		assert_true(!data == fail_alloc_reached());
		free(data);
	}
	assert_true(n > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buf_appends_in_order),
		cmocka_unit_test(buf_keeps_nuls_that_are_added),
		cmocka_unit_test(buf_grows_to_its_ceiling_and_not_beyond),
		cmocka_unit_test(buf_printf_fills_it_to_the_last_byte),
		cmocka_unit_test(buf_adds_nothing_after_a_failure),
		cmocka_unit_test(buf_keeps_the_first_of_two_failures),
		cmocka_unit_test(buf_survives_sizes_that_overflow),
		cmocka_unit_test(buf_with_no_room_takes_nothing),
		cmocka_unit_test(buf_room_is_writable_as_a_whole),
		cmocka_unit_test(buf_drop_moves_the_rest_to_the_front),
		cmocka_unit_test(
			buf_reset_forgets_the_failure_and_keeps_the_memory),
		cmocka_unit_test(buf_detach_gives_the_bytes_away),
		cmocka_unit_test(buf_detach_of_an_empty_one_is_an_empty_string),
		cmocka_unit_test(
			buf_detach_after_a_failure_is_null_and_leaks_nothing),
		cmocka_unit_test(buf_free_leaves_a_usable_one),
		cmocka_unit_test(buf_survives_the_loss_of_any_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
