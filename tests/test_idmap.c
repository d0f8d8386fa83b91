/*
 * What idmap.h promises: the default user of a machine and who mounted change
 * places, in what is shown and in what is set.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fs/idmap.h"

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
			     "#me:x:1:1::/:/bin/sh\n"
			     "men:x:1001:1001::/home/men:/bin/sh\n"
			     "me::1000:100:Me,,:/home/me:/bin/sh\n"
			     "odd:x:abc:1::/:/bin/sh\n"
			     "large:x:4294967294:7::/:/bin/sh\n"
			     "last:x:5:6";

static void idmap_finds_a_user_in_a_passwd_file(void **state)
{
	static const struct {
		const char *user;
		bool found;
		uint32_t uid, gid;
	} rows[] = {
		{ "root", true, 0, 0 },      { "me", true, 1000, 100 },
		{ "men", true, 1001, 1001 }, { "large", true, 4294967294, 7 },
		{ "m", false, 0, 0 },        { "odd", false, 0, 0 },
		{ "nobody", false, 0, 0 },   { "last", false, 0, 0 },
		{ "", false, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t uid = 0;
		uint32_t gid = 0;

		assert_int_equal(idmap_find(passwd, sizeof(passwd) - 1,
		                            rows[i].user, &uid, &gid),
		                 rows[i].found);
		assert_int_equal(uid, rows[i].uid);
		assert_int_equal(gid, rows[i].gid);
	}
}

/* Whatever the guest says, in memory that ends with it. */
static void idmap_reads_no_further_than_the_text(void **state)
{
	uint32_t uid;
	uint32_t gid;

	(void)state;
	for (size_t len = 0; len < sizeof(passwd); len++) {
		char *copy = malloc(len ? len : 1);

		assert_non_null(copy);
		memcpy(copy, passwd, len);
		(void)idmap_find(copy, len, "large", &uid, &gid);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(idmap_finds_a_user_in_a_passwd_file),
		cmocka_unit_test(idmap_reads_no_further_than_the_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
