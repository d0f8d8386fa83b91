/*
 * What idmap.h promises: the default user of a machine and who mounted change
 * places, in what is shown and in what is set, and nothing is shown or set
 * before that is known.
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
#include "tests/files_world.h"

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

/* ---- in use -------------------------------------------------------------- */

static void begin(struct files_world *f)
{
	files_begin_world_with(f, (struct world_spec){ .map_user = true });
	puppet_word(&(*puppet_find(f->engine, "web"))->user, "me");
	fake_guest_file(f->g, "etc/passwd",
	                "root:x:0:0::/root:/bin/sh\n"
	                "me:x:1000:1000::/:/bin/sh\n");
	fake_guest_file(f->g, "home/file", "content");
}

static uint64_t send_lookup(struct files_world *f, const char *name)
{
	return kernel_send_lookup(f->k, look(f, ""), name);
}

/* It is found, and the default user's: who mounted, as is shown. */
static void expect_ours(struct files_world *f, uint64_t id)
{
	const struct fuse_entry_out *e;
	const void *data;
	size_t len;

	assert_int_equal(kernel_wait(f->k, id, &data, &len, KERNEL_MS), 0);
	e = data;
	assert_int_equal(e->attr.uid, WORLD_UID);
	assert_int_equal(e->attr.gid, WORLD_GID);
}

static void idmap_asks_once_for_all_who_wait(void **state)
{
	struct files_world f;
	uint64_t first;
	uint64_t second;

	(void)state;
	begin(&f);
	f.g->hold = WIRE_OPEN;
	first = send_lookup(&f, "etc");
	wait_seen(&f, WIRE_OPEN, 1);
	second = send_lookup(&f, "home");
	world_settle(&f.w);
	assert_false(kernel_answered(f.k, first));
	assert_false(kernel_answered(f.k, second));
	f.g->hold = 0;
	fake_guest_answer_all(f.g);
	expect_ours(&f, first);
	expect_ours(&f, second);
	look(&f, "home/file");
	assert_int_equal(f.g->n_seen[WIRE_OPEN], 1);
	wait_seen(&f, WIRE_CLOSE, 1);
	assert_int_equal(f.engine->n_asked[ENGINE_INFO], 1);
	files_end_world(&f);
}

static void idmap_sets_the_machines_numbers(void **state)
{
	struct files_world f;
	struct fuse_setattr_in in = { .valid = FATTR_UID | FATTR_GID };
	struct fuse_attr attr;
	const struct fake_node *n;
	uint64_t file;

	(void)state;
	begin(&f);
	file = look(&f, "home/file");
	n = &f.g->nodes[fake_guest_find(f.g, "home/file")];
	assert_int_equal(kernel_setattr(f.k, file, &in, &attr), 0);
	assert_int_equal(n->uid, 0);
	assert_int_equal(attr.uid, 0);
	in.uid = WORLD_UID;
	in.gid = WORLD_GID;
	assert_int_equal(kernel_setattr(f.k, file, &in, &attr), 0);
	assert_int_equal(n->uid, FAKE_UID);
	assert_int_equal(n->gid, FAKE_UID);
	/* And who has our number in there is shown by the user's. */
	in.uid = FAKE_UID;
	in.gid = FAKE_UID;
	assert_int_equal(kernel_setattr(f.k, file, &in, &attr), 0);
	assert_int_equal(n->uid, WORLD_UID);
	assert_int_equal(n->gid, WORLD_GID);
	assert_int_equal(attr.uid, FAKE_UID);
	files_end_world(&f);
}

static void idmap_refuses_all_until_the_user_is_known(void **state)
{
	struct files_world f;
	struct fuse_entry_out e;

	(void)state;
	begin(&f);
	fake_guest_write(f.g, "etc/passwd", "root:x:0:0::/root:/bin/sh\n");
	assert_int_equal(look_at(&f, "home", &e), -EOPNOTSUPP);
	world_assert_tells(&f.w, "web/error", "files: idmap=user: ");
	assert_int_equal(f.g->n_seen[WIRE_STAT], 0);
	fake_guest_write(f.g, "etc/passwd", "me:x:1000:1000::/:/bin/sh\n");
	expect_ours(&f, send_lookup(&f, "home"));
	files_end_world(&f);
}

static void idmap_refuses_all_without_the_users_name(void **state)
{
	struct files_world f;
	uint64_t first;
	uint64_t second;

	(void)state;
	begin(&f);
	(void)look(&f, "");
	puppet_at_once(f.engine, false);
	first = send_lookup(&f, "etc");
	second = send_lookup(&f, "home");
	world_settle(&f.w);
	puppet_answer(f.engine, ENGINE_INFO, -EBUSY);
	assert_int_equal(kernel_wait(f.k, first, NULL, NULL, KERNEL_MS),
	                 -EBUSY);
	assert_int_equal(kernel_wait(f.k, second, NULL, NULL, KERNEL_MS),
	                 -EBUSY);
	assert_int_equal(f.g->n_seen[WIRE_STAT], 0);
	puppet_at_once(f.engine, true);
	expect_ours(&f, send_lookup(&f, "home"));
	files_end_world(&f);
}

static void idmap_lets_go_of_who_does_not_wait(void **state)
{
	struct files_world f;
	uint64_t first;
	uint64_t second;

	(void)state;
	begin(&f);
	f.g->hold = WIRE_OPEN;
	first = send_lookup(&f, "etc");
	second = send_lookup(&f, "home");
	wait_seen(&f, WIRE_OPEN, 1);
	kernel_send_interrupt(f.k, first);
	world_settle(&f.w);
	hands_turn(f.w.hands, 1000);
	assert_int_equal(kernel_wait(f.k, first, NULL, NULL, KERNEL_MS),
	                 -EINTR);
	f.g->hold = 0;
	fake_guest_answer_all(f.g);
	expect_ours(&f, second);
	world_settle(&f.w);
	loop_run_for(f.w.loop, 20);
	assert_int_equal(f.g->n_seen[WIRE_STAT] + f.g->n_seen[WIRE_LIST], 1);
	files_end_world(&f);
}

static void idmap_ends_its_wait_with_the_agent(void **state)
{
	struct files_world f;
	uint64_t id;

	(void)state;
	begin(&f);
	f.g->hold = WIRE_OPEN;
	id = send_lookup(&f, "etc");
	wait_seen(&f, WIRE_OPEN, 1);
	fake_guest_die(f.g);
	assert_int_equal(kernel_wait(f.k, id, NULL, NULL, KERNEL_MS), -EIO);
	f.g->hold = 0;
	expect_ours(&f, send_lookup(&f, "home"));
	files_end_world(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(idmap_finds_a_user_in_a_passwd_file),
		cmocka_unit_test(idmap_reads_no_further_than_the_text),
		cmocka_unit_test(idmap_asks_once_for_all_who_wait),
		cmocka_unit_test(idmap_sets_the_machines_numbers),
		cmocka_unit_test(idmap_refuses_all_until_the_user_is_known),
		cmocka_unit_test(idmap_refuses_all_without_the_users_name),
		cmocka_unit_test(idmap_lets_go_of_who_does_not_wait),
		cmocka_unit_test(idmap_ends_its_wait_with_the_agent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
