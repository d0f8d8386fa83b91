/*
 * What wire.h promises: whatever is put is got back, and whatever is got from
 * bytes of somebody else's is bounded.
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

#include "ops/wire.h"

static const struct wire_attr attr = {
	.dev = 0x0102030405060708,
	.ino = UINT64_MAX,
	.size = 5000000000,
	.blocks = 9,
	.mode = 0100644,
	.nlink = 3,
	.uid = 1000,
	.gid = UINT32_MAX - 1,
	.rdev = 8u << 20 | 1,
	.blksize = 4096,
	.flags = WIRE_ATTR_XATTRS,
	.atime = { -1, 999999999 },
	.mtime = { INT64_MAX, 0 },
	.ctime = { INT64_MIN, 1 },
};

/* A body with one of everything. */
static size_t put_everything(unsigned char *data, size_t size)
{
	struct wire_out out = { .data = data, .size = size };

	wire_put_u8(&out, 200);
	wire_put_u32(&out, 4000000000);
	wire_put_u64(&out, UINT64_MAX - 1);
	wire_put_text(&out, "a name");
	wire_put_data(&out, "\0\1\2", 3);
	wire_put_attr(&out, &attr);
	return out.over ? 0 : out.len;
}

/* Take it as it was put; what it is matters only when it is whole. */
static bool get_everything(const unsigned char *data, size_t len, bool check)
{
	struct wire_in in = { .data = data, .len = len };
	struct wire_attr a;
	char text[16];
	const char *bytes;
	uint32_t n32;
	uint64_t n64;
	size_t n;
	uint8_t n8;

	n8 = wire_get_u8(&in);
	n32 = wire_get_u32(&in);
	n64 = wire_get_u64(&in);
	assert_true(wire_get_text(&in, text, sizeof(text)) < sizeof(text));
	assert_non_null(memchr(text, '\0', sizeof(text)));
	bytes = wire_get_data(&in, 8, &n);
	assert_true(n <= 8);
	assert_true(n == 0 || (bytes >= (const char *)data &&
	                       bytes + n <= (const char *)data + len));
	wire_get_attr(&in, &a);
	assert_true(in.len <= len);
	if (!check)
		return wire_end(&in);
	assert_int_equal(n8, 200);
	assert_int_equal(n32, 4000000000);
	assert_true(n64 == UINT64_MAX - 1);
	assert_string_equal(text, "a name");
	assert_int_equal(n, 3);
	assert_memory_equal(bytes, "\0\1\2", 3);
	assert_memory_equal(&a.dev, &attr.dev,
	                    offsetof(struct wire_attr, atime));
	assert_true(a.atime.sec == -1 && a.atime.nsec == 999999999);
	assert_true(a.mtime.sec == INT64_MAX && a.mtime.nsec == 0);
	assert_true(a.ctime.sec == INT64_MIN && a.ctime.nsec == 1);
	return wire_end(&in);
}

static void what_is_put_is_got(void **state)
{
	unsigned char data[256];
	size_t len = put_everything(data, sizeof(data));

	(void)state;
	assert_true(len > 0);
	assert_true(get_everything(data, len, true));
}

static void an_attr_has_the_size_it_says(void **state)
{
	unsigned char data[256];
	struct wire_out out = { .data = data, .size = sizeof(data) };

	(void)state;
	wire_put_attr(&out, &attr);
	assert_int_equal(out.len, WIRE_ATTR);
}

static void every_truncation_is_bad(void **state)
{
	unsigned char data[256];
	size_t len = put_everything(data, sizeof(data));

	(void)state;
	for (size_t n = 0; n < len; n++) {
		/* In memory of exactly that size, for the sanitizer. */
		unsigned char *part = malloc(n ? n : 1);

		assert_non_null(part);
		memcpy(part, data, n);
		assert_false(get_everything(part, n, false));
		free(part);
	}
}

static void something_left_over_is_bad(void **state)
{
	unsigned char data[256] = { 0 };
	size_t len = put_everything(data, sizeof(data));

	(void)state;
	assert_false(get_everything(data, len + 1, false));
}

static void any_flip_stays_within_bounds(void **state)
{
	unsigned char data[256];
	size_t len = put_everything(data, sizeof(data));
	unsigned good = 0;

	(void)state;
	for (size_t i = 0; i < 8 * len; i++) {
		unsigned char *copy = malloc(len);

		assert_non_null(copy);
		memcpy(copy, data, len);
		copy[i / 8] ^= (unsigned char)(1 << i % 8);
		good += get_everything(copy, len, false);
		free(copy);
	}
	/* Most flips are of numbers, and a number is a number. */
	assert_true(good > 0 && good < 8 * len);
}

static void what_does_not_fit_runs_over_and_writes_nothing(void **state)
{
	unsigned char data[256];
	size_t len = put_everything(data, sizeof(data));

	(void)state;
	for (size_t n = 0; n < len; n++) {
		unsigned char *small = malloc(n ? n : 1);

		assert_non_null(small);
		assert_int_equal(put_everything(small, n), 0);
		free(small);
	}
}

static void once_bad_everything_reads_as_nothing(void **state)
{
	struct wire_in in = { .data = (const unsigned char *)"\1\0\0\0\7",
		              .len = 5 };
	char text[4] = "xyz";
	size_t len = 9;

	(void)state;
	assert_int_equal(wire_get_u64(&in), 0);
	assert_true(in.bad);
	assert_int_equal(wire_get_u8(&in), 0);
	assert_int_equal(wire_get_text(&in, text, sizeof(text)), 0);
	assert_string_equal(text, "");
	assert_null(wire_get_data(&in, 10, &len));
	assert_int_equal(len, 0);
	assert_false(wire_end(&in));
}

static void a_text_with_a_nul_or_too_long_is_bad(void **state)
{
	static const unsigned char nul[] = "\3\0\0\0a\0b";
	static const unsigned char abc[] = "\3\0\0\0abc";
	struct wire_in in = { .data = nul, .len = 7 };
	char text[4];

	(void)state;
	assert_int_equal(wire_get_text(&in, text, sizeof(text)), 0);
	assert_true(in.bad);
	in = (struct wire_in){ .data = abc, .len = 7 };
	assert_int_equal(wire_get_text(&in, text, 3), 0);
	assert_true(in.bad);
	assert_string_equal(text, "");
	in = (struct wire_in){ .data = abc, .len = 7 };
	assert_int_equal(wire_get_text(&in, text, 4), 3);
	assert_true(wire_end(&in));
}

static void a_second_has_a_thousand_million_nanoseconds(void **state)
{
	unsigned char data[12];
	struct wire_out out = { .data = data, .size = sizeof(data) };
	struct wire_in in = { .data = data, .len = sizeof(data) };
	struct wire_time t = { 1, 1000000000 };

	(void)state;
	wire_put_time(&out, &t);
	wire_get_time(&in, &t);
	assert_true(in.bad);
	assert_int_equal(t.nsec, 0);
}

static void a_header_comes_back(void **state)
{
	struct wire_header h = { WIRE_BODY_MAX, 77, WIRE_READ,
		                 WIRE_REPLY | WIRE_MORE, 4095 };
	unsigned char data[WIRE_HEADER];
	struct wire_header back;

	(void)state;
	wire_put_header(&h, data);
	assert_true(wire_get_header(data, &back));
	assert_memory_equal(&h, &back, sizeof(h));
}

static void a_header_out_of_bounds_is_none(void **state)
{
	static const struct wire_header bad[] = {
		{ WIRE_BODY_MAX + 1, 1, WIRE_READ, 0, 0 },
		{ UINT32_MAX, 1, WIRE_READ, 0, 0 },
		{ 0, 1, 0, 0, 0 },
		{ 0, 1, WIRE_N_OPS, 0, 0 },
		{ 0, 1, UINT16_MAX, 0, 0 },
		{ 0, 1, WIRE_READ, 4, 0 },
		{ 0, 1, WIRE_READ, WIRE_REPLY, 4096 },
	};
	unsigned char data[WIRE_HEADER];
	struct wire_header back;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		wire_put_header(&bad[i], data);
		assert_false(wire_get_header(data, &back));
	}
}

static void names_and_paths(void **state)
{
	static const struct {
		const char *path;
		bool ok;
	} table[] = {
		{ "", true },         { "a", true },      { "a/b", true },
		{ "/", false },       { "/a", false },    { "a/", false },
		{ "a//b", false },    { ".", false },     { "..", false },
		{ "a/../b", false },  { "a/./b", false }, { "a/..", false },
		{ "...", true },      { "..a/.b", true }, { "a/ /b", true },
		{ "\n\xff/x", true },
	};
	char name[WIRE_NAME_MAX + 2];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		assert_int_equal(wire_path_ok(table[i].path), table[i].ok);
	memset(name, 'n', sizeof(name));
	assert_true(wire_name_ok(name, WIRE_NAME_MAX));
	assert_false(wire_name_ok(name, WIRE_NAME_MAX + 1));
	assert_false(wire_name_ok("", 0));
	assert_false(wire_name_ok("a\0b", 3));
	assert_false(wire_name_ok("a/b", 3));
	name[WIRE_NAME_MAX] = '\0';
	assert_true(wire_path_ok(name));
	name[WIRE_NAME_MAX] = 'n';
	name[WIRE_NAME_MAX + 1] = '\0';
	assert_false(wire_path_ok(name));
}

/* On Linux every number means itself, so each row of the table is checked. */
static void an_errno_of_linux_is_this_systems(void **state)
{
	(void)state;
	assert_int_equal(wire_errno(0), 0);
	assert_int_equal(wire_errno(11), EAGAIN);
	assert_int_equal(wire_errno(39), ENOTEMPTY);
#ifdef __linux__
	for (uint32_t err = 0; err < 4096; err++)
		assert_int_equal(wire_errno(err), err);
#else
	assert_int_equal(wire_errno(41), EIO);
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_put_is_got),
		cmocka_unit_test(an_attr_has_the_size_it_says),
		cmocka_unit_test(every_truncation_is_bad),
		cmocka_unit_test(something_left_over_is_bad),
		cmocka_unit_test(any_flip_stays_within_bounds),
		cmocka_unit_test(
			what_does_not_fit_runs_over_and_writes_nothing),
		cmocka_unit_test(once_bad_everything_reads_as_nothing),
		cmocka_unit_test(a_text_with_a_nul_or_too_long_is_bad),
		cmocka_unit_test(a_second_has_a_thousand_million_nanoseconds),
		cmocka_unit_test(a_header_comes_back),
		cmocka_unit_test(a_header_out_of_bounds_is_none),
		cmocka_unit_test(names_and_paths),
		cmocka_unit_test(an_errno_of_linux_is_this_systems),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
