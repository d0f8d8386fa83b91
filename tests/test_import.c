/*
 * What fs/import.h promises: an archive that is copied into the root becomes a
 * machine at its close, and what is no whole one leaves nothing.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fail_alloc.h"
#include "tests/puppet.h"
#include "tests/world.h"

/* An archive of nothing: a frame with one empty block, which is the last. */
static const char archive[] = { 0x28, '\xb5', 0x2f, '\xfd', 0x20,
	                        0x00, 0x01,   0x00, 0x00 };

static char tmp[] = "/tmp/orbfs-test-import-XXXXXX";

/* A writer of ~/vms/NAME.tar.zst, as cp is one. */
struct writer {
	struct world *w;
	uint64_t node;
	uint64_t fh;
};

static void begin(struct world *w)
{
	world_begin(w, &(struct world_spec){ .engine = puppet_new() });
	puppet_add(w->engine, "up", "1", MACHINE_RUNNING);
	puppet_at_once(w->engine, true);
}

static void end(struct world *w)
{
	world_end(w, puppet_stop);
	puppet_free(w->engine);
}

static int try_create(struct writer *wr, struct world *w, const char *name)
{
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	int err = kernel_create(w->kernel, KERNEL_ROOT, name, 0644, O_WRONLY,
	                        &entry, &open);

	*wr = (struct writer){ .w = w, .node = entry.nodeid, .fh = open.fh };
	return err;
}

static void create(struct writer *wr, struct world *w, const char *name)
{
	assert_int_equal(try_create(wr, w, name), 0);
}

static void add(struct writer *wr, const void *data, size_t len)
{
	assert_int_equal(kernel_write(wr->w->kernel, wr->node, wr->fh, 0, data,
	                              len),
	                 len);
}

static int flush(struct writer *wr)
{
	return kernel_flush(wr->w->kernel, wr->node, wr->fh);
}

static void release(struct writer *wr)
{
	assert_int_equal(kernel_release(wr->w->kernel, wr->node, wr->fh, 0), 0);
	world_settle(wr->w);
}

/* How many archives lie about; each has a directory of its own. */
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

static void assert_nothing_is_left(struct world *w, const char *name)
{
	struct fuse_entry_out entry;

	assert_int_equal(kernel_lookup(w->kernel, KERNEL_ROOT, name, &entry),
	                 -ENOENT);
	assert_int_equal(n_stashes(), 0);
}

static void an_archive_becomes_a_machine_at_its_close(void **state)
{
	struct world w;
	struct writer wr;

	(void)state;
	begin(&w);
	create(&wr, &w, "web.tar.zst");
	/* A shell closes once before it writes. */
	assert_int_equal(flush(&wr), 0);
	add(&wr, archive, sizeof(archive));
	assert_int_equal(puppet_asked(w.engine, ENGINE_IMPORT), 0);
	assert_int_equal(flush(&wr), 0);
	assert_int_equal(puppet_asked(w.engine, ENGINE_IMPORT), 1);
	assert_string_equal(w.engine->last.name, "web");
	release(&wr);
	world_assert_reads(&w, "web/state", "stopped\n");
	assert_nothing_is_left(&w, "web.tar.zst");
	end(&w);
}

static void the_close_waits_for_the_machine(void **state)
{
	struct world w;
	struct writer wr;
	uint64_t id;

	(void)state;
	begin(&w);
	create(&wr, &w, "web.tar.zst");
	add(&wr, archive, sizeof(archive));
	puppet_at_once(w.engine, false);
	id = kernel_send_flush(w.kernel, wr.node, wr.fh);
	world_settle(&w);
	hands_turn(w.hands, 5000);
	assert_false(kernel_answered(w.kernel, id));
	/* Meanwhile it takes no more, and another close knows nothing. */
	assert_int_equal(kernel_write(w.kernel, wr.node, wr.fh, 0, "x", 1),
	                 -EBUSY);
	assert_int_equal(flush(&wr), 0);
	puppet_at_once(w.engine, true);
	puppet_answer(w.engine, ENGINE_IMPORT, 0);
	assert_int_equal(kernel_wait_done(w.kernel, id), 0);
	release(&wr);
	assert_nothing_is_left(&w, "web.tar.zst");
	end(&w);
}

static void what_was_never_written_is_told(void **state)
{
	struct world w;
	struct writer wr;

	(void)state;
	begin(&w);
	create(&wr, &w, "web.tar.zst");
	assert_int_equal(flush(&wr), 0);
	release(&wr);
	world_assert_tells(&w, ".orbfs/error",
	                   "import: web.tar.zst: the archive breaks off");
	assert_nothing_is_left(&w, "web.tar.zst");
	end(&w);
}

static void a_write_that_failed_makes_the_close_fail_alike(void **state)
{
	struct rlimit old;
	struct rlimit small = { 4096, RLIM_INFINITY };
	struct world w;
	struct writer wr;

	(void)state;
	begin(&w);
	create(&wr, &w, "web.tar.zst");
	add(&wr, archive, sizeof(archive));
	signal(SIGXFSZ, SIG_IGN); /* as the daemon does */
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small.rlim_max = old.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(kernel_write(w.kernel, wr.node, wr.fh, 8192, "x", 1),
	                 -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(flush(&wr), -EFBIG);
	release(&wr);
	world_assert_tells(&w, ".orbfs/error",
	                   "import: web.tar.zst: File too large");
	assert_int_equal(puppet_asked(w.engine, ENGINE_IMPORT), 0);
	assert_nothing_is_left(&w, "web.tar.zst");
	end(&w);
}

static void a_failed_import_tells_the_close_and_leaves_nothing(void **state)
{
	struct world w;
	struct writer wr;
	uint64_t id;

	(void)state;
	begin(&w);
	create(&wr, &w, "web.tar.zst");
	add(&wr, archive, sizeof(archive));
	puppet_at_once(w.engine, false);
	id = kernel_send_flush(w.kernel, wr.node, wr.fh);
	world_settle(&w);
	puppet_at_once(w.engine, true);
	puppet_answer(w.engine, ENGINE_IMPORT, -ENOSPC);
	assert_int_equal(kernel_wait_done(w.kernel, id), -ENOSPC);
	release(&wr);
	assert_nothing_is_left(&w, "web.tar.zst");
	assert_int_equal(kernel_lookup(w.kernel, KERNEL_ROOT, "web", NULL),
	                 -ENOENT);
	world_assert_tells(&w, ".orbfs/error", "web: import: ");
	/* The name can be used again. */
	create(&wr, &w, "web.tar.zst");
	add(&wr, archive, sizeof(archive));
	assert_int_equal(flush(&wr), 0);
	release(&wr);
	world_assert_reads(&w, "web/state", "stopped\n");
	end(&w);
}

static void an_interrupted_close_cancels_the_import(void **state)
{
	struct world w;
	struct writer wr;
	uint64_t id;

	(void)state;
	begin(&w);
	create(&wr, &w, "web.tar.zst");
	add(&wr, archive, sizeof(archive));
	puppet_at_once(w.engine, false);
	id = kernel_send_flush(w.kernel, wr.node, wr.fh);
	world_settle(&w);
	puppet_at_once(w.engine, true);
	kernel_send_interrupt(w.kernel, id);
	assert_true(kernel_wait_done(w.kernel, id) < 0);
	release(&wr);
	assert_nothing_is_left(&w, "web.tar.zst");
	end(&w);
}

static void what_is_no_whole_archive_is_refused(void **state)
{
	struct world w;
	struct writer wr;

	(void)state;
	begin(&w);
	for (size_t len = 1; len < sizeof(archive); len++) {
		create(&wr, &w, "web.tar.zst");
		add(&wr, archive, len);
		assert_int_equal(flush(&wr), -EINVAL);
		release(&wr);
		assert_nothing_is_left(&w, "web.tar.zst");
	}
	world_assert_tells(&w, ".orbfs/error",
	                   "import: web.tar.zst: the archive breaks off");
	create(&wr, &w, "web.tar.zst");
	add(&wr, "something else", 14);
	assert_int_equal(flush(&wr), -EINVAL);
	release(&wr);
	world_assert_tells(&w, ".orbfs/error",
	                   "import: web.tar.zst: this is no zstd archive");
	assert_int_equal(puppet_asked(w.engine, ENGINE_IMPORT), 0);
	end(&w);
}

static void a_writer_who_goes_away_leaves_nothing(void **state)
{
	struct world w;
	struct writer wr;

	(void)state;
	begin(&w);
	create(&wr, &w, "web.tar.zst");
	add(&wr, archive, 5);
	assert_int_equal(n_stashes(), 1);
	release(&wr);
	assert_nothing_is_left(&w, "web.tar.zst");
	/* Nor one who wrote nothing. */
	create(&wr, &w, "web.tar.zst");
	assert_int_equal(flush(&wr), 0);
	release(&wr);
	assert_nothing_is_left(&w, "web.tar.zst");
	assert_int_equal(puppet_asked(w.engine, ENGINE_IMPORT), 0);
	end(&w);
}

static void names_are_checked_before_anything_is_written(void **state)
{
	static const struct {
		const char *name;
		int err;
	} rows[] = {
		{ "web.tar", -EPERM },        { ".tar.zst", -EPERM },
		{ "up.tar.zst", -EEXIST },    { "-a.tar.zst", -EINVAL },
		{ "Not A.tar.zst", -EINVAL }, { "delete.tar.zst", -EINVAL },
	};
	struct world w;
	struct writer wr;
	struct writer other;

	(void)state;
	begin(&w);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(try_create(&wr, &w, rows[i].name),
		                 rows[i].err);
	create(&wr, &w, "web.tar.zst");
	assert_int_equal(try_create(&other, &w, "web.tar.zst"), -EEXIST);
	release(&wr);
	assert_nothing_is_left(&w, "web.tar.zst");
	end(&w);
}

static void it_is_a_file_with_a_length_while_it_is_written(void **state)
{
	struct world w;
	struct writer wr;
	struct fuse_attr attr;
	struct fuse_setattr_in cut = { .valid = FATTR_SIZE, .size = 3 };

	(void)state;
	begin(&w);
	create(&wr, &w, "web.tar.zst");
	add(&wr, archive, sizeof(archive));
	assert_int_equal(kernel_getattr(w.kernel, wr.node, &attr), 0);
	assert_int_equal(attr.size, sizeof(archive));
	assert_int_equal(kernel_setattr(w.kernel, wr.node, &cut, &attr), 0);
	assert_int_equal(attr.size, 3);
	assert_int_equal(flush(&wr), -EINVAL);
	/* The rest may still come. */
	add(&wr, archive, sizeof(archive));
	assert_int_equal(flush(&wr), 0);
	release(&wr);
	/* What the kernel still knows of it is empty, and takes nothing. */
	assert_int_equal(kernel_getattr(w.kernel, wr.node, &attr), 0);
	assert_int_equal(attr.size, 0);
	assert_int_equal(kernel_setattr(w.kernel, wr.node, &cut, &attr),
	                 -ENOENT);
	end(&w);
}

static void two_who_write_it_are_waited_for(void **state)
{
	struct world w;
	struct writer a;
	struct writer b;
	struct fuse_open_out open;

	(void)state;
	begin(&w);
	create(&a, &w, "web.tar.zst");
	b = a;
	assert_int_equal(kernel_open(w.kernel, a.node, O_WRONLY, &open), 0);
	b.fh = open.fh;
	add(&a, archive, 4);
	release(&a);
	assert_int_equal(n_stashes(), 1);
	add(&b, archive, sizeof(archive));
	assert_int_equal(flush(&b), 0);
	release(&b);
	world_assert_reads(&w, "web/state", "stopped\n");
	assert_nothing_is_left(&w, "web.tar.zst");
	end(&w);
}

static void it_may_be_removed_while_it_is_written_and_imported(void **state)
{
	struct world w;
	struct writer wr;
	uint64_t id;

	(void)state;
	begin(&w);
	create(&wr, &w, "web.tar.zst");
	assert_int_equal(kernel_unlink(w.kernel, KERNEL_ROOT, "web.tar.zst"),
	                 0);
	add(&wr, archive, sizeof(archive));
	assert_int_equal(flush(&wr), 0);
	release(&wr);
	assert_nothing_is_left(&w, "web.tar.zst");
	assert_int_equal(puppet_asked(w.engine, ENGINE_IMPORT), 0);

	create(&wr, &w, "web.tar.zst");
	add(&wr, archive, sizeof(archive));
	puppet_at_once(w.engine, false);
	id = kernel_send_flush(w.kernel, wr.node, wr.fh);
	world_settle(&w);
	puppet_at_once(w.engine, true);
	assert_int_equal(kernel_unlink(w.kernel, KERNEL_ROOT, "web.tar.zst"),
	                 0);
	assert_true(kernel_wait_done(w.kernel, id) < 0);
	release(&wr);
	assert_nothing_is_left(&w, "web.tar.zst");
	end(&w);
}

static void the_connection_may_end_in_the_middle(void **state)
{
	struct world w;
	struct writer wr;

	(void)state;
	begin(&w);
	create(&wr, &w, "one.tar.zst");
	add(&wr, archive, 5);
	create(&wr, &w, "web.tar.zst");
	add(&wr, archive, sizeof(archive));
	puppet_at_once(w.engine, false);
	(void)kernel_send_flush(w.kernel, wr.node, wr.fh);
	world_settle(&w);
	world_abort(&w, puppet_stop);
	puppet_free(w.engine);
	assert_int_equal(n_stashes(), 0);
}

/* Any allocation may fail: there is an error, or a machine. */
static void without_memory_nothing_is_left_either(void **state)
{
	struct world w;
	struct writer wr;
	unsigned n = 0;

	(void)state;
	for (;;) {
		bool more;

		begin(&w);
		world_assert_lists(&w, "", ".by .images .orbfs up ");
		more = fail_alloc_next(&n);
		if (try_create(&wr, &w, "web.tar.zst") == 0) {
			(void)kernel_write(w.kernel, wr.node, wr.fh, 0, archive,
			                   sizeof(archive));
			(void)flush(&wr);
			(void)kernel_release(w.kernel, wr.node, wr.fh, 0);
		}
		more = more && fail_alloc_reached();
		fail_alloc_off();
		world_settle(&w);
		end(&w);
		assert_int_equal(n_stashes(), 0);
		if (!more)
			break;
	}
	assert_true(n > 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_archive_becomes_a_machine_at_its_close),
		cmocka_unit_test(the_close_waits_for_the_machine),
		cmocka_unit_test(
			a_failed_import_tells_the_close_and_leaves_nothing),
		cmocka_unit_test(what_was_never_written_is_told),
		cmocka_unit_test(
			a_write_that_failed_makes_the_close_fail_alike),
		cmocka_unit_test(an_interrupted_close_cancels_the_import),
		cmocka_unit_test(what_is_no_whole_archive_is_refused),
		cmocka_unit_test(a_writer_who_goes_away_leaves_nothing),
		cmocka_unit_test(names_are_checked_before_anything_is_written),
		cmocka_unit_test(
			it_is_a_file_with_a_length_while_it_is_written),
		cmocka_unit_test(two_who_write_it_are_waited_for),
		cmocka_unit_test(
			it_may_be_removed_while_it_is_written_and_imported),
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
