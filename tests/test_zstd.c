/*
 * What ops/zstd.h promises: whole frames are told from those that break off and
 * from what is no archive at all, whatever the bytes.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ops/zstd.h"

/* Made by `printf 'a%.0s' $(seq 100) | zstd` (a packed block, a checksum), by
 * `printf hello | zstd --no-check` (a raw block), and a skippable frame of two
 * bytes. */
static const unsigned char packed[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x58,
	                                0x45, 0x00, 0x00, 0x10, 0x61, 0x61,
	                                0x01, 0x00, 0x3f, 0x01, 0x2c, 0xb3,
	                                0xcf, 0xde, 0xb1 };
static const unsigned char raw[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58, 0x29,
	                             0x00, 0x00, 'h',  'e',  'l',  'l',  'o' };
static const unsigned char rle[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x20,
	                             0x64, 0x23, 0x03, 0x00, 'a' };
static const unsigned char skippable[] = { 0x5f, 0x2a, 0x4d, 0x18, 0x02,
	                                   0x00, 0x00, 0x00, 0xff, 0xff };

struct bytes {
	const unsigned char *data;
	size_t len;
	size_t reads;
	int err;
};

static ssize_t read_bytes(void *arg, uint64_t offset, void *data, size_t len)
{
	struct bytes *b = arg;

	b->reads++;
	if (b->err)
		return b->err;
	if (offset >= b->len)
		return 0;
	if (len > b->len - offset)
		len = b->len - (size_t)offset;
	memcpy(data, b->data + offset, len);
	return (ssize_t)len;
}

static int check(const unsigned char *data, size_t len)
{
	struct bytes b = { .data = data, .len = len };

	return zstd_check(read_bytes, &b, len);
}

static void whole_frames_are_whole(void **state)
{
	unsigned char all[sizeof(packed) + sizeof(raw) + sizeof(rle) +
	                  sizeof(skippable)];
	size_t len = 0;

	(void)state;
	assert_int_equal(check(packed, sizeof(packed)), 0);
	assert_int_equal(check(raw, sizeof(raw)), 0);
	assert_int_equal(check(rle, sizeof(rle)), 0);
	assert_int_equal(check(skippable, sizeof(skippable)), 0);
	memcpy(all, packed, sizeof(packed));
	len += sizeof(packed);
	memcpy(all + len, skippable, sizeof(skippable));
	len += sizeof(skippable);
	memcpy(all + len, rle, sizeof(rle));
	len += sizeof(rle);
	memcpy(all + len, raw, sizeof(raw));
	assert_int_equal(check(all, sizeof(all)), 0);
}

static void every_frame_that_breaks_off_is_noticed(void **state)
{
	(void)state;
	for (size_t len = 0; len < sizeof(packed); len++)
		assert_int_equal(check(packed, len), -ENODATA);
	for (size_t len = 0; len < sizeof(raw); len++)
		assert_int_equal(check(raw, len), -ENODATA);
	for (size_t len = 0; len < sizeof(skippable); len++)
		assert_int_equal(check(skippable, len), -ENODATA);
}

static void what_is_no_archive_is_refused(void **state)
{
	unsigned char odd[sizeof(raw)];

	(void)state;
	assert_int_equal(check((const unsigned char *)"plain text", 10),
	                 -EINVAL);
	assert_int_equal(check((const unsigned char *)"\x1f\x8b\x08\x00", 4),
	                 -EINVAL);
	/* Something follows a whole frame. */
	memcpy(odd, rle, sizeof(rle));
	memcpy(odd + sizeof(rle), "tail", 4);
	assert_int_equal(check(odd, sizeof(rle) + 4), -EINVAL);
	/* A block of the reserved type, and the reserved bit of a frame. */
	memcpy(odd, raw, sizeof(raw));
	odd[6] |= 3 << 1;
	assert_int_equal(check(odd, sizeof(raw)), -EINVAL);
	memcpy(odd, raw, sizeof(raw));
	odd[4] |= 1 << 3;
	assert_int_equal(check(odd, sizeof(raw)), -EINVAL);
}

static void any_flipped_byte_ends_in_an_answer(void **state)
{
	unsigned char odd[sizeof(packed)];

	(void)state;
	for (size_t i = 0; i < sizeof(packed); i++)
		for (int bit = 0; bit < 8; bit++) {
			int err;

			memcpy(odd, packed, sizeof(packed));
			odd[i] ^= (unsigned char)(1 << bit);
			err = check(odd, sizeof(odd));
			assert_true(err == 0 || err == -EINVAL ||
			            err == -ENODATA);
		}
}

static void an_error_of_reading_is_passed_on(void **state)
{
	struct bytes b = { .data = packed, .len = sizeof(packed), .err = -EIO };

	(void)state;
	assert_int_equal(zstd_check(read_bytes, &b, sizeof(packed)), -EIO);
	assert_int_equal(b.reads, 1);
}

static void a_file_that_shrinks_meanwhile_breaks_off(void **state)
{
	struct bytes b = { .data = raw, .len = 6 };

	(void)state;
	assert_int_equal(zstd_check(read_bytes, &b, sizeof(raw)), -ENODATA);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_frames_are_whole),
		cmocka_unit_test(every_frame_that_breaks_off_is_noticed),
		cmocka_unit_test(what_is_no_archive_is_refused),
		cmocka_unit_test(any_flipped_byte_ends_in_an_answer),
		cmocka_unit_test(an_error_of_reading_is_passed_on),
		cmocka_unit_test(a_file_that_shrinks_meanwhile_breaks_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
