/*
 * What fs/events.h promises: a line for each thing that happens, for whoever
 * reads, from where they are; reads at the end wait.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fs/events.h"
#include "tests/puppet.h"
#include "tests/world.h"

enum { PART = 4096 };

/* A reader of .orbfs/events, as cat is one. */
struct reader {
	struct world *w;
	uint64_t node;
	uint64_t fh;
	uint64_t offset;
};

static void begin(struct world *w)
{
	world_begin(w, &(struct world_spec){ .engine = puppet_new() });
	puppet_add(w->engine, "up", "1", MACHINE_RUNNING);
	puppet_at_once(w->engine, true);
	world_assert_lists(w, "", ".by .images .orbfs up ");
}

static void end(struct world *w)
{
	world_end(w, puppet_stop);
	puppet_free(w->engine);
}

static void open_reader(struct reader *r, struct world *w)
{
	struct fuse_open_out open;

	*r = (struct reader){ .w = w, .node = world_node(w, ".orbfs/events") };
	assert_int_equal(kernel_open(w->kernel, r->node, O_RDONLY, &open), 0);
	r->fh = open.fh;
}

static void close_reader(struct reader *r)
{
	assert_int_equal(kernel_release(r->w->kernel, r->node, r->fh, 0), 0);
}

static uint64_t send_read(struct reader *r)
{
	return kernel_send_read(r->w->kernel, r->node, r->fh, r->offset, PART);
}

/* The read's answer begins with a line that holds this. */
static void assert_gets(struct reader *r, uint64_t id, const char *part)
{
	const void *data;
	size_t len;

	assert_int_equal(kernel_wait(r->w->kernel, id, &data, &len, 5000), 0);
	r->offset += len;
	if (!strstr(data, part))
		fail_msg("'%s' is not in: %s", part, (const char *)data);
}

static void assert_at_end(struct reader *r, uint64_t id)
{
	const void *data;
	size_t len;

	assert_int_equal(kernel_wait(r->w->kernel, id, &data, &len, 5000), 0);
	assert_int_equal(len, 0);
}

static void events_begin_with_the_mount_and_go_on_as_things_happen(void **state)
{
	struct world w;
	struct reader r;
	uint64_t id;

	(void)state;
	begin(&w);
	open_reader(&r, &w);
	assert_gets(&r, send_read(&r), "\"event\":\"mounted\"}\n");
	id = send_read(&r);
	world_settle(&w);
	assert_false(kernel_answered(w.kernel, id));
	assert_int_equal(world_echo(&w, "up/state", "stop\n"), 0);
	assert_gets(&r, id, "\"event\":\"state\",\"machine\":\"up\"");
	assert_int_equal(world_mv(&w, "up", "shop"), 0);
	assert_gets(&r, send_read(&r), "\"old\":\"up\"}\n");
	close_reader(&r);
	end(&w);
}

static void each_reader_has_a_place_of_its_own(void **state)
{
	struct world w;
	struct reader a;
	struct reader b;
	uint64_t id_a;
	uint64_t id_b;

	(void)state;
	begin(&w);
	open_reader(&a, &w);
	open_reader(&b, &w);
	assert_gets(&a, send_read(&a), "mounted");
	id_a = send_read(&a);
	assert_int_equal(world_mkdir(&w, "web"), 0);
	assert_gets(&a, id_a, "\"event\":\"created\",\"machine\":\"web\"");
	/* The other has all of it still before it. */
	assert_gets(&b, send_read(&b), "mounted");
	id_a = send_read(&a);
	id_b = send_read(&b);
	assert_int_equal(world_echo(&w, "web/state", "stop\n"), 0);
	assert_gets(&a, id_a, "\"machine\":\"web\"");
	assert_gets(&b, id_b, "\"machine\":\"web\"");
	close_reader(&a);
	close_reader(&b);
	end(&w);
}

static void what_happens_elsewhere_is_told_while_somebody_reads(void **state)
{
	struct world w;
	struct reader r;
	uint64_t id;
	unsigned lists;

	(void)state;
	begin(&w);
	open_reader(&r, &w);
	assert_gets(&r, send_read(&r), "mounted");
	id = send_read(&r);
	world_settle(&w);
	puppet_remove(w.engine, "up");
	hands_turn(w.hands, 2 * WORLD_TTL_MS);
	assert_gets(&r, id, "\"event\":\"deleted\",\"machine\":\"up\"");
	close_reader(&r);
	world_settle(&w);
	/* And nobody is asked when nobody does. */
	hands_turn(w.hands, 2 * WORLD_TTL_MS);
	lists = puppet_asked(w.engine, ENGINE_LIST);
	hands_turn(w.hands, 60000);
	assert_int_equal(puppet_asked(w.engine, ENGINE_LIST), lists);
	end(&w);
}

static void an_interrupt_ends_the_wait_of_that_reader_alone(void **state)
{
	struct world w;
	struct reader a;
	struct reader b;
	uint64_t id_a;
	uint64_t id_b;

	(void)state;
	begin(&w);
	open_reader(&a, &w);
	open_reader(&b, &w);
	assert_gets(&a, send_read(&a), "mounted");
	assert_gets(&b, send_read(&b), "mounted");
	id_a = send_read(&a);
	id_b = send_read(&b);
	world_settle(&w);
	kernel_send_interrupt(w.kernel, id_a);
	assert_int_equal(kernel_wait_done(w.kernel, id_a), -EINTR);
	assert_false(kernel_answered(w.kernel, id_b));
	assert_int_equal(world_rmdir(&w, "up"), -EBUSY);
	assert_gets(&b, id_b, "\"event\":\"failed\",\"machine\":\"up\"");
	/* It may read on where it was. */
	assert_gets(&a, send_read(&a), "\"event\":\"failed\"");
	close_reader(&a);
	close_reader(&b);
	end(&w);
}

static void who_waits_is_let_go_and_may_wait_again(void **state)
{
	struct world w;
	struct reader r;
	uint64_t id;

	(void)state;
	begin(&w);
	fs_let_readers_go(w.fs);
	open_reader(&r, &w);
	assert_gets(&r, send_read(&r), "mounted");
	id = send_read(&r);
	world_settle(&w);
	fs_let_readers_go(w.fs);
	assert_at_end(&r, id);
	id = send_read(&r);
	world_settle(&w);
	assert_false(kernel_answered(w.kernel, id));
	assert_int_equal(world_mkdir(&w, "web"), 0);
	assert_gets(&r, id, "created");
	close_reader(&r);
	end(&w);
}

static void at_the_end_readers_get_the_end_of_the_file(void **state)
{
	struct world w;
	struct reader r;
	uint64_t id;

	(void)state;
	begin(&w);
	open_reader(&r, &w);
	assert_gets(&r, send_read(&r), "mounted");
	id = send_read(&r);
	world_settle(&w);
	fs_fail_all(w.fs, -EIO);
	assert_at_end(&r, id);
	assert_at_end(&r, send_read(&r));
	close_reader(&r);
	end(&w);
}

/* All there is for a reader, up to the first read that waits. */
static char *read_all(struct reader *r)
{
	struct buf all = BUF_INIT(4 * EVENTS_MAX);
	size_t size;

	for (;;) {
		uint64_t id = send_read(r);
		const void *data;
		size_t len;

		world_settle(r->w);
		if (!kernel_answered(r->w->kernel, id)) {
			kernel_send_interrupt(r->w->kernel, id);
			(void)kernel_wait_done(r->w->kernel, id);
			break;
		}
		assert_int_equal(
			kernel_wait(r->w->kernel, id, &data, &len, 5000), 0);
		buf_add(&all, data, len);
		r->offset += len;
	}
	assert_int_equal(all.err, 0);
	return buf_detach(&all, &size);
}

/* The number in a line that tells of a failure. */
static int number_in(const char *line)
{
	const char *reason = strstr(line, "\"reason\":\"");

	assert_non_null(reason);
	return atoi(reason + strlen("\"reason\":\""));
}

static void a_reader_who_is_too_slow_goes_on_with_the_oldest_line(void **state)
{
	struct world w;
	struct reader r;
	char *text;
	char *line;
	int first;
	int n = 0;

	(void)state;
	begin(&w);
	open_reader(&r, &w);
	for (int i = 0; events_size(w.fs->events) < 2 * EVENTS_MAX; i++)
		member_set_error(fleet_find(w.fleet, "up"), "%0500d", i);
	text = read_all(&r);
	line = strchr(text, '\n') + 1; /* the first may be the rest of one */
	first = number_in(line);
	assert_true(first > 100);
	for (; *line; line = strchr(line, '\n') + 1)
		assert_int_equal(number_in(line), first + n++);
	assert_true(n > 1000);
	free(text);
	close_reader(&r);
	end(&w);
}

static void the_connection_may_end_while_somebody_waits(void **state)
{
	struct world w;
	struct reader r;

	(void)state;
	begin(&w);
	open_reader(&r, &w);
	assert_gets(&r, send_read(&r), "mounted");
	(void)send_read(&r);
	world_settle(&w);
	world_abort(&w, puppet_stop);
	puppet_free(w.engine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			events_begin_with_the_mount_and_go_on_as_things_happen),
		cmocka_unit_test(each_reader_has_a_place_of_its_own),
		cmocka_unit_test(
			what_happens_elsewhere_is_told_while_somebody_reads),
		cmocka_unit_test(
			an_interrupt_ends_the_wait_of_that_reader_alone),
		cmocka_unit_test(who_waits_is_let_go_and_may_wait_again),
		cmocka_unit_test(at_the_end_readers_get_the_end_of_the_file),
		cmocka_unit_test(
			a_reader_who_is_too_slow_goes_on_with_the_oldest_line),
		cmocka_unit_test(the_connection_may_end_while_somebody_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
