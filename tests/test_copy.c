/*
 * What copy.h promises: copy_file_range from one machine into another one, and
 * what becomes of it when one of the two fails in the middle.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fs/copy.h"
#include "tests/fail_alloc.h"
#include "tests/files_world.h"

enum { MIB = 1 << 20, SIZE = 3 * MIB + 12345 };

struct copying {
	struct files_world f;
	struct fuse_copy_file_range_in in;
	uint64_t from; /* inode */
	char *text;
};

static uint64_t open_at(struct files_world *f, const char *path, int flags,
                        uint64_t *node)
{
	struct fuse_entry_out e;
	struct fuse_open_out open;

	assert_int_equal(kernel_walk(f->k, path, &e), 0);
	assert_int_equal(kernel_open(f->k, e.nodeid, flags, &open), 0);
	*node = e.nodeid;
	return open.fh;
}

/* A file of SIZE bytes in the one machine, an empty one in the other. */
static void begin(struct copying *c)
{
	memset(c, 0, sizeof(*c));
	files_begin_world(&c->f);
	files_second(&c->f);
	c->text = malloc(SIZE + 1);
	assert_non_null(c->text);
	for (size_t i = 0; i < SIZE; i++)
		c->text[i] = (char)('a' + i / 1000 % 26);
	c->text[SIZE] = '\0';
	fake_guest_file(c->f.g, "from", c->text);
	fake_guest_file(c->f.two, "to", "");
	c->in.fh_in = open_at(&c->f, "web/files/from", O_RDONLY, &c->from);
	c->in.fh_out =
		open_at(&c->f, "two/files/to", O_RDWR, &c->in.nodeid_out);
	c->in.len = SIZE;
}

static void end(struct copying *c)
{
	kernel_release(c->f.k, c->from, c->in.fh_in, O_RDONLY);
	kernel_release(c->f.k, c->in.nodeid_out, c->in.fh_out, O_RDWR);
	files_end_world(&c->f);
	free(c->text);
}

static uint64_t ask(struct copying *c)
{
	return kernel_send(c->f.k, FUSE_COPY_FILE_RANGE, c->from, &c->in,
	                   sizeof(c->in));
}

/* The bytes that were copied, or a negative errno. */
static long answer(struct copying *c, uint64_t id)
{
	const void *data;
	int err = kernel_wait(c->f.k, id, &data, NULL, KERNEL_MS);

	return err ? err : (long)((const struct fuse_write_out *)data)->size;
}

static long copy(struct copying *c)
{
	return answer(c, ask(c));
}

static void assert_target(struct copying *c, uint64_t at, const char *text,
                          size_t len)
{
	const struct fake_node *n =
		&c->f.two->nodes[fake_guest_find(c->f.two, "to")];

	assert_true(n->size >= at + len);
	assert_memory_equal(n->data + at, text, len);
}

static void a_file_is_copied_and_ends(void **state)
{
	struct copying c;

	(void)state;
	begin(&c);
	c.in.len = 1 << 30;
	assert_int_equal(copy(&c), SIZE);
	assert_target(&c, 0, c.text, SIZE);
	c.in.off_in = SIZE;
	c.in.off_out = SIZE;
	assert_int_equal(copy(&c), 0);
	end(&c);
}

static void a_part_is_copied_to_another_place(void **state)
{
	struct copying c;

	(void)state;
	begin(&c);
	c.in.off_in = 1000;
	c.in.off_out = 77;
	c.in.len = 2 * MIB + 5;
	assert_int_equal(copy(&c), 2 * MIB + 5);
	assert_target(&c, 77, c.text + 1000, 2 * MIB + 5);
	c.in.len = 0;
	assert_int_equal(copy(&c), 0);
	end(&c);
}

static void a_small_file_is_left_to_the_kernel(void **state)
{
	struct copying c;

	(void)state;
	begin(&c);
	kernel_release(c.f.k, c.from, c.in.fh_in, O_RDONLY);
	fake_guest_file(c.f.g, "small", "content");
	c.in.fh_in = open_at(&c.f, "web/files/small", O_RDONLY, &c.from);
	assert_int_equal(copy(&c), -EXDEV);
	end(&c);
}

static void what_the_source_fails_with_is_told_when_nothing_came(void **state)
{
	struct copying c;

	(void)state;
	begin(&c);
	c.f.g->err[WIRE_READ] = EACCES;
	assert_int_equal(copy(&c), -EACCES);
	c.f.g->err[WIRE_READ] = 0;
	c.f.two->err[WIRE_WRITE] = ENOSPC;
	assert_int_equal(copy(&c), -ENOSPC);
	c.f.two->err[WIRE_WRITE] = 0;
	assert_int_equal(copy(&c), SIZE);
	end(&c);
}

/* What came before counts, though pieces behind it went well. */
static void a_copy_ends_where_a_write_was_short(void **state)
{
	struct copying c;

	(void)state;
	begin(&c);
	c.f.two->most_written = 1000;
	assert_int_equal(copy(&c), 1000);
	end(&c);
}

static bool waits(void *arg)
{
	return fake_guest_n_waiting(arg) > 0;
}

static void an_agent_that_dies_ends_the_copy(void **state)
{
	struct copying c;
	uint64_t id;

	(void)state;
	begin(&c);
	c.f.two->hold = WIRE_WRITE;
	id = ask(&c);
	loop_run_until_true(c.f.w.loop, waits, c.f.two, KERNEL_MS);
	fake_guest_die(c.f.two);
	assert_int_equal(answer(&c, id), -EIO);
	end(&c);
	begin(&c);
	c.f.g->hold = WIRE_READ;
	id = ask(&c);
	loop_run_until_true(c.f.w.loop, waits, c.f.g, KERNEL_MS);
	fake_guest_die(c.f.g);
	assert_int_equal(answer(&c, id), -EIO);
	end(&c);
}

static void an_interrupted_copy_asks_for_no_more(void **state)
{
	struct copying c;
	uint64_t id;

	(void)state;
	begin(&c);
	c.f.two->hold = WIRE_WRITE;
	id = ask(&c);
	loop_run_until_true(c.f.w.loop, waits, c.f.two, KERNEL_MS);
	kernel_send_interrupt(c.f.k, id);
	loop_run_for(c.f.w.loop, 20);
	hands_turn(c.f.w.hands, 1000);
	assert_int_equal(answer(&c, id), -EINTR);
	/* What is under way ends behind it. */
	c.f.two->hold = 0;
	fake_guest_answer_all(c.f.two);
	world_settle(&c.f.w);
	assert_target(&c, 0, c.text, MIB);
	end(&c);
}

static void a_copy_survives_any_failing_allocation(void **state)
{
	struct copying c;
	unsigned n = 0;

	(void)state;
	begin(&c);
	while (fail_alloc_next(&n)) {
		long got = copy(&c);

		if (!fail_alloc_reached())
			assert_int_equal(got, SIZE);
		else
			assert_true(got == -ENOMEM || got == -EINTR ||
			            (got > 0 && got <= SIZE));
	}
	assert_target(&c, 0, c.text, SIZE);
	end(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_copied_and_ends),
		cmocka_unit_test(a_part_is_copied_to_another_place),
		cmocka_unit_test(a_small_file_is_left_to_the_kernel),
		cmocka_unit_test(
			what_the_source_fails_with_is_told_when_nothing_came),
		cmocka_unit_test(a_copy_ends_where_a_write_was_short),
		cmocka_unit_test(an_agent_that_dies_ends_the_copy),
		cmocka_unit_test(an_interrupted_copy_asks_for_no_more),
		cmocka_unit_test(a_copy_survives_any_failing_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
