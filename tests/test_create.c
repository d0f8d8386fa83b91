/*
 * What ops/create.h promises: the object of defaults is checked as a whole,
 * and what is rendered is read again as the same.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "ops/create.h"
#include "tests/fail_alloc.h"

static const char all[] =
	"{\"image\":\"debian:bookworm\",\"arch\":\"arm64\",\"user\":\"me\","
	"\"cpus\":1.5,\"memory\":\"4G\",\"disk\":\"20GiB\",\"isolated\":true,"
	"\"isolate_network\":false,\"user_data\":\"#cloud-config\\nx: y\\n\"}";

static int parse(const char *text, struct create *create, char why[200])
{
	struct buf b = BUF_INIT(1000);
	int err = create_parse(text, strlen(text), create, &b);

	snprintf(why, 200, "%s", b.data ? b.data : "");
	buf_free(&b);
	return err;
}

static void all_keys_are_read(void **state)
{
	static const char *const values[CREATE_N_KEYS] = {
		"debian:bookworm",
		"arm64",
		"me",
		"1.5",
		"4294967296",
		"21474836480",
		"true",
		"false",
		"#cloud-config\nx: y\n",
	};
	struct create create;
	char why[200];

	(void)state;
	assert_int_equal(parse(all, &create, why), 0);
	for (int i = 0; i < CREATE_N_KEYS; i++)
		assert_string_equal(create.value[i], values[i]);
	create_free(&create);
}

static void nothing_says_nothing(void **state)
{
	static const char *const texts[] = { "",   "\n",   " \t",
		                             "{}", "{}\n", "{\"cpus\":null}" };
	struct create create;
	char why[200];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(parse(texts[i], &create, why), 0);
		for (int k = 0; k < CREATE_N_KEYS; k++)
			assert_null(create.value[k]);
	}
}

static void what_makes_no_sense_is_refused_by_its_key(void **state)
{
	static const struct {
		const char *text;
		const char *why;
	} bad[] = {
		{ "{\"user\":\"me\",\"disc\":1}", "unknown key 'disc'" },
		{ "{\"di\\nsc\":1}", "unknown key 'di?sc'" },
		{ "{\"image\":\"-f\"}", "image: bad value" },
		{ "{\"image\":\"a:b:c\"}", "image: bad value" },
		{ "{\"image\":\"a:\"}", "image: bad value" },
		{ "{\"image\":\":b\"}", "image: bad value" },
		{ "{\"image\":\"\"}", "image: bad value" },
		{ "{\"image\":\"a b\"}", "image: bad value" },
		{ "{\"image\":1}", "image: bad value" },
		{ "{\"arch\":\"mips\"}", "arch: bad value" },
		{ "{\"user\":\"Me\"}", "user: bad value" },
		{ "{\"user\":\"-me\"}", "user: bad value" },
		{ "{\"cpus\":-1}", "cpus: bad value" },
		{ "{\"cpus\":\"many\"}", "cpus: bad value" },
		{ "{\"memory\":\"4X\"}", "memory: bad value" },
		{ "{\"disk\":[1]}", "disk: bad value" },
		{ "{\"isolated\":\"yes\"}", "isolated: bad value" },
		{ "{\"isolated\":1}", "isolated: bad value" },
		{ "{\"user_data\":{}}", "user_data: bad value" },
		{ "[]", "not a JSON object" },
		{ "{\"cpus\":2", "not a JSON object" },
		{ "{} x", "not a JSON object" },
		{ "cpus 2", "not a JSON object" },
	};
	struct create create;
	char why[200];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int err = parse(bad[i].text, &create, why);

		assert_int_equal(err, -EINVAL);
		if (!strstr(why, bad[i].why))
			fail_msg("'%s' does not say '%s'", why, bad[i].why);
		assert_null(create.value[CREATE_USER]);
	}
}

static void last_of_two_counts(void **state)
{
	struct create create;
	char why[200];

	(void)state;
	assert_int_equal(parse("{\"cpus\":1,\"cpus\":2}", &create, why), 0);
	assert_string_equal(create.value[CREATE_CPUS], "2");
	create_free(&create);
}

static void bytes_that_are_no_text_are_refused(void **state)
{
	static char big[CREATE_TEXT_MAX + 10];
	struct buf why = BUF_INIT(1000);
	struct create create;

	(void)state;
	assert_int_equal(create_parse("{\0}", 3, &create, &why), -EINVAL);
	memset(big, ' ', sizeof(big));
	memcpy(big, "{}", 2);
	assert_int_equal(create_parse(big, sizeof(big), &create, &why),
	                 -EINVAL);
	buf_free(&why);
}

static void what_is_rendered_is_read_as_the_same(void **state)
{
	struct create one;
	struct create two;
	struct buf b = BUF_INIT(10000);
	char why[200];

	(void)state;
	assert_int_equal(parse(all, &one, why), 0);
	assert_int_equal(create_render(&one, &b), 0);
	assert_non_null(strstr(b.data, "\"4G\""));
	assert_non_null(strstr(b.data, "1.5"));
	assert_int_equal(parse(b.data, &two, why), 0);
	for (int i = 0; i < CREATE_N_KEYS; i++)
		assert_string_equal(one.value[i], two.value[i]);
	create_free(&one);
	create_free(&two);
	buf_free(&b);
}

static void nothing_is_rendered_as_an_empty_object(void **state)
{
	struct create create = { 0 };
	struct buf b = BUF_INIT(100);
	char why[200];

	(void)state;
	assert_int_equal(create_render(&create, &b), 0);
	assert_int_equal(parse(b.data, &create, why), 0);
	assert_int_equal(b.data[b.len - 1], '\n');
	buf_free(&b);
}

/* All sizes that a file can have come through. */
static void sizes_keep_their_value(void **state)
{
	static const char *const sizes[] = { "0",     "1",    "1023",
		                             "1024",  "1536", "1M",
		                             "1025M", "3T",   "512T" };
	struct create one;
	struct create two;
	char why[200];
	char text[100];

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct buf b = BUF_INIT(1000);

		snprintf(text, sizeof(text), "{\"memory\":\"%s\"}", sizes[i]);
		assert_int_equal(parse(text, &one, why), 0);
		assert_int_equal(create_render(&one, &b), 0);
		assert_int_equal(parse(b.data, &two, why), 0);
		assert_string_equal(one.value[CREATE_MEMORY],
		                    two.value[CREATE_MEMORY]);
		create_free(&one);
		create_free(&two);
		buf_free(&b);
	}
}

static void no_allocation_is_taken_for_granted(void **state)
{
	cJSON_Hooks hooks = { fail_alloc_malloc, free };
	unsigned n = 0;

	(void)state;
	cJSON_InitHooks(&hooks);
	while (fail_alloc_next(&n)) {
		struct create create;
		struct buf b = BUF_INIT(10000);
		struct buf why = BUF_INIT(1000);
		int err = create_parse(all, strlen(all), &create, &why);

		/* cJSON does not tell bad text from no memory. */
		assert_true(!err || err == -ENOMEM || err == -EINVAL);
		if (!err && create_render(&create, &b))
			assert_int_equal(b.err, -ENOMEM);
		create_free(&create);
		buf_free(&b);
		buf_free(&why);
	}
	cJSON_InitHooks(NULL);
	assert_true(n > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_keys_are_read),
		cmocka_unit_test(nothing_says_nothing),
		cmocka_unit_test(what_makes_no_sense_is_refused_by_its_key),
		cmocka_unit_test(last_of_two_counts),
		cmocka_unit_test(bytes_that_are_no_text_are_refused),
		cmocka_unit_test(what_is_rendered_is_read_as_the_same),
		cmocka_unit_test(nothing_is_rendered_as_an_empty_object),
		cmocka_unit_test(sizes_keep_their_value),
		cmocka_unit_test(no_allocation_is_taken_for_granted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
