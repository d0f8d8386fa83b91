/*
 * What fs/export.h promises: archive.tar.zst of a machine is made while it is
 * read, belongs to one open file, and ends with it.
 */
#include <dirent.h>
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
#include <unistd.h>

#include <cmocka.h>

#include "tests/fail_alloc.h"
#include "tests/puppet.h"
#include "tests/world.h"

enum { PART = 4096, LOOK_MS = 100 /* by when growth is seen */ };

static char tmp[] = "/tmp/orbfs-test-export-XXXXXX";

/* Who reads the archive of a machine, as cp does. */
struct reader {
	struct world *w;
	uint64_t node;
	uint64_t fh;
};

static void begin(struct world *w, bool streams)
{
	world_begin(w, &(struct world_spec){ .engine = puppet_new() });
	puppet_add(w->engine, "up", "1", MACHINE_RUNNING);
	puppet_add(w->engine, "off", "2", MACHINE_STOPPED);
	w->engine->streams = streams;
	puppet_at_once(w->engine, true);
	world_assert_lists(w, "", ".by .images .orbfs up off ");
	puppet_at_once(w->engine, false);
}

static void end(struct world *w)
{
	world_end(w, puppet_stop);
	puppet_free(w->engine);
}

static void open_reader(struct reader *r, struct world *w, const char *path)
{
	struct fuse_open_out open;

	*r = (struct reader){ .w = w, .node = world_node(w, path) };
	assert_int_equal(kernel_open(w->kernel, r->node, O_RDONLY, &open), 0);
	r->fh = open.fh;
}

static void close_reader(struct reader *r)
{
	assert_int_equal(kernel_release(r->w->kernel, r->node, r->fh, 0), 0);
	world_settle(r->w);
}

/* Ask, and see to it that the daemon has heard. */
static uint64_t send_read(struct reader *r, uint64_t offset)
{
	uint64_t id =
		kernel_send_read(r->w->kernel, r->node, r->fh, offset, PART);

	world_settle(r->w);
	return id;
}

static void assert_gets(struct reader *r, uint64_t id, const char *text)
{
	const void *data;
	size_t len;

	assert_int_equal(kernel_wait(r->w->kernel, id, &data, &len, 5000), 0);
	assert_int_equal(len, strlen(text));
	assert_memory_equal(data, text, len);
}

/* The engine writes more of the export that was asked for last. */
static void grow(struct world *w, const char *text)
{
	FILE *f = fopen(w->engine->last.path, "a");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
	hands_turn(w->hands, LOOK_MS);
	world_settle(w);
}

static unsigned n_stashes(void)
{
	char path[100];
	struct dirent *e;
	unsigned n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/orbfs-%u", tmp, (unsigned)geteuid());
	dir = opendir(path);
	if (!dir)
		return 0;
	while ((e = readdir(dir)))
		n += e->d_name[0] != '.';
	closedir(dir);
	return n;
}

static void an_archive_is_read_while_it_grows(void **state)
{
	struct world w;
	struct reader r;
	uint64_t id;

	(void)state;
	begin(&w, true);
	open_reader(&r, &w, "up/archive.tar.zst");
	assert_int_equal(puppet_asked(w.engine, ENGINE_EXPORT), 0);
	id = send_read(&r, 0);
	assert_int_equal(puppet_n(w.engine, ENGINE_EXPORT), 1);
	assert_string_equal(w.engine->last.name, "up");
	assert_false(kernel_answered(w.kernel, id));
	grow(&w, "one");
	assert_gets(&r, id, "one");
	id = send_read(&r, 3);
	assert_false(kernel_answered(w.kernel, id));
	grow(&w, "two");
	assert_gets(&r, id, "two");
	id = send_read(&r, 6);
	puppet_answer(w.engine, ENGINE_EXPORT, 0);
	assert_gets(&r, id, "");
	assert_gets(&r, send_read(&r, 2), "etwo");
	assert_int_equal(n_stashes(), 1);
	close_reader(&r);
	assert_int_equal(n_stashes(), 0);
	puppet_at_once(w.engine, true);
	world_assert_reads(&w, "up/error", "");
	end(&w);
}

static void what_is_written_out_of_order_is_read_when_it_is_whole(void **state)
{
	struct world w;
	struct reader r;
	uint64_t id;

	(void)state;
	begin(&w, false);
	open_reader(&r, &w, "off/archive.tar.zst");
	id = send_read(&r, 0);
	grow(&w, "archive");
	assert_false(kernel_answered(w.kernel, id));
	puppet_answer(w.engine, ENGINE_EXPORT, 0);
	assert_gets(&r, id, "archive");
	close_reader(&r);
	end(&w);
}

static void a_failed_export_tells_every_read_and_the_error(void **state)
{
	struct world w;
	struct reader r;
	uint64_t id;

	(void)state;
	begin(&w, true);
	open_reader(&r, &w, "up/archive.tar.zst");
	id = send_read(&r, 0);
	grow(&w, "one");
	assert_gets(&r, id, "one");
	id = send_read(&r, 3);
	puppet_answer(w.engine, ENGINE_EXPORT, -ENOSPC);
	assert_int_equal(kernel_wait_done(w.kernel, id), -ENOSPC);
	/* What has come is no archive, and is given no more. */
	assert_int_equal(kernel_wait_done(w.kernel, send_read(&r, 0)), -ENOSPC);
	close_reader(&r);
	assert_int_equal(n_stashes(), 0);
	puppet_at_once(w.engine, true);
	world_assert_tells(&w, "up/error", "export: ");
	end(&w);
}

static void a_close_ends_the_export(void **state)
{
	struct world w;
	struct reader r;

	(void)state;
	begin(&w, true);
	open_reader(&r, &w, "up/archive.tar.zst");
	assert_int_equal(kernel_n_unanswered(w.kernel), 0);
	close_reader(&r);
	assert_int_equal(puppet_asked(w.engine, ENGINE_EXPORT), 0);

	open_reader(&r, &w, "up/archive.tar.zst");
	(void)send_read(&r, 0);
	grow(&w, "one");
	close_reader(&r);
	assert_int_equal(puppet_n(w.engine, ENGINE_EXPORT), 0);
	assert_int_equal(n_stashes(), 0);
	/* Nobody wanted it any more: that is no error. */
	puppet_at_once(w.engine, true);
	world_assert_reads(&w, "up/error", "");
	end(&w);
}

static void an_interrupt_frees_who_waits_and_the_export_goes_on(void **state)
{
	struct world w;
	struct reader r;
	uint64_t id;

	(void)state;
	begin(&w, true);
	open_reader(&r, &w, "up/archive.tar.zst");
	id = send_read(&r, 0);
	kernel_send_interrupt(w.kernel, id);
	assert_int_equal(kernel_wait_done(w.kernel, id), -EINTR);
	assert_int_equal(puppet_n(w.engine, ENGINE_EXPORT), 1);
	grow(&w, "one");
	assert_gets(&r, send_read(&r, 0), "one");
	close_reader(&r);
	end(&w);
}

static void two_open_files_have_an_export_each(void **state)
{
	struct world w;
	struct reader a;
	struct reader b;
	uint64_t id_a;
	uint64_t id_b;

	(void)state;
	begin(&w, true);
	open_reader(&a, &w, "up/archive.tar.zst");
	open_reader(&b, &w, "up/archive.tar.zst");
	id_a = send_read(&a, 0);
	id_b = send_read(&b, 0);
	/* The second is not lent the machine before the first gives it back,
	 * or at once: either way each gets its own. */
	grow(&w, "first");
	puppet_answer(w.engine, ENGINE_EXPORT, 0);
	world_settle(&w);
	if (puppet_n(w.engine, ENGINE_EXPORT)) {
		grow(&w, "second");
		puppet_answer(w.engine, ENGINE_EXPORT, 0);
	}
	assert_int_equal(kernel_wait(w.kernel, id_a, NULL, NULL, 5000), 0);
	assert_int_equal(kernel_wait(w.kernel, id_b, NULL, NULL, 5000), 0);
	assert_int_equal(puppet_asked(w.engine, ENGINE_EXPORT), 2);
	close_reader(&a);
	close_reader(&b);
	assert_int_equal(n_stashes(), 0);
	end(&w);
}

static void the_machine_stays_as_long_as_it_is_exported(void **state)
{
	struct world w;
	struct reader r;
	uint64_t id;

	(void)state;
	begin(&w, true);
	open_reader(&r, &w, "off/archive.tar.zst");
	id = send_read(&r, 0);
	assert_int_equal(world_rmdir(&w, "off"), -EBUSY);
	assert_int_equal(world_mv(&w, "off", "shop"), -EBUSY);
	puppet_answer(w.engine, ENGINE_EXPORT, 0);
	assert_gets(&r, id, "");
	puppet_at_once(w.engine, true);
	assert_int_equal(world_mv(&w, "off", "shop"), 0);
	close_reader(&r);
	end(&w);
}

static void a_machine_that_goes_elsewhere_ends_the_export(void **state)
{
	struct world w;
	struct reader r;
	uint64_t id;

	(void)state;
	begin(&w, true);
	open_reader(&r, &w, "off/archive.tar.zst");
	id = send_read(&r, 0);
	puppet_remove(w.engine, "off");
	puppet_at_once(w.engine, true);
	hands_turn(w.hands, 2 * WORLD_TTL_MS);
	world_assert_lists(&w, "", ".by .images .orbfs up ");
	/* Another of that name is another's: this one is not read from it. */
	puppet_add(w.engine, "off", "3", MACHINE_STOPPED);
	hands_turn(w.hands, 2 * WORLD_TTL_MS);
	puppet_answer(w.engine, ENGINE_EXPORT, -ENOENT);
	assert_int_equal(kernel_wait_done(w.kernel, id), -ENOENT);
	world_assert_reads(&w, "off/error", "");
	close_reader(&r);
	end(&w);
}

static void the_connection_may_end_in_the_middle(void **state)
{
	struct world w;
	struct reader r;

	(void)state;
	begin(&w, true);
	open_reader(&r, &w, "up/archive.tar.zst");
	(void)send_read(&r, 0);
	grow(&w, "one");
	(void)send_read(&r, 3);
	world_abort(&w, puppet_stop);
	puppet_free(w.engine);
	assert_int_equal(n_stashes(), 0);
}

/* Any allocation may fail: there is an error, or an archive. */
static void without_memory_nothing_is_left_either(void **state)
{
	unsigned n = 0;

	(void)state;
	for (;;) {
		struct world w;
		struct reader r;
		bool more;
		uint64_t id;

		begin(&w, true);
		open_reader(&r, &w, "up/archive.tar.zst");
		more = fail_alloc_next(&n);
		id = send_read(&r, 0);
		if (puppet_n(w.engine, ENGINE_EXPORT))
			puppet_answer(w.engine, ENGINE_EXPORT, 0);
		(void)kernel_wait(w.kernel, id, NULL, NULL, 5000);
		more = more && fail_alloc_reached();
		fail_alloc_off();
		close_reader(&r);
		end(&w);
		assert_int_equal(n_stashes(), 0);
		if (!more)
			break;
	}
	assert_true(n > 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_archive_is_read_while_it_grows),
		cmocka_unit_test(
			what_is_written_out_of_order_is_read_when_it_is_whole),
		cmocka_unit_test(
			a_failed_export_tells_every_read_and_the_error),
		cmocka_unit_test(a_close_ends_the_export),
		cmocka_unit_test(
			an_interrupt_frees_who_waits_and_the_export_goes_on),
		cmocka_unit_test(two_open_files_have_an_export_each),
		cmocka_unit_test(the_machine_stays_as_long_as_it_is_exported),
		cmocka_unit_test(a_machine_that_goes_elsewhere_ends_the_export),
		cmocka_unit_test(the_connection_may_end_in_the_middle),
		cmocka_unit_test(without_memory_nothing_is_left_either),
	};
	char path[100];
	int failed;

	if (!mkdtemp(tmp))
		return 1;
	setenv("TMPDIR", tmp, 1);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(path, sizeof(path), "%s/orbfs-%u", tmp, (unsigned)geteuid());
	rmdir(path);
	rmdir(tmp);
	return failed;
}
