/*
 * Open files below files/: reading, writing behind, and what becomes of them
 * when the guest says no, or nothing any more.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fail_alloc.h"
#include "tests/files_world.h"

enum { PART = 64 << 10, BEHIND = 8 << 20 };

/* ---- reading ------------------------------------------------------------- */

static void open_brings_the_beginning_of_a_small_file(void **state)
{
	struct files_world f;
	uint64_t node;
	uint64_t fh;

	(void)state;
	files_begin_small(&f);
	node = look(&f, "d/small");
	fh = open_it(&f, "d/small", O_RDONLY);
	reads(&f, node, fh, 0, "content");
	assert_int_equal(f.g->n_seen[WIRE_READ], 0);
	reads(&f, node, fh, 3, "tent");
	reads(&f, node, fh, 7, "");
	assert_int_equal(kernel_release(f.k, node, fh, O_RDONLY), 0);
	files_settle(&f);
	assert_int_equal(f.g->n_seen[WIRE_CLOSE], 1);
	files_end_world(&f);
}

static void open_reads_again_what_may_have_changed(void **state)
{
	struct files_world f;
	uint64_t node;
	uint64_t fh;

	(void)state;
	files_begin_small(&f);
	/* Nobody watches: it holds for as long as attributes do. */
	node = look(&f, "d/small");
	fh = open_it(&f, "d/small", O_RDONLY);
	fake_guest_write(f.g, "d/small", "changed");
	hands_turn(f.w.hands, 1000);
	reads(&f, node, fh, 0, "changed");
	kernel_release(f.k, node, fh, O_RDONLY);
	/* Somebody watches, and tells. */
	list_dir(&f, "d");
	fh = open_it(&f, "d/small", O_RDONLY);
	files_settle(&f);
	fake_guest_write(f.g, "d/small", "again");
	files_settle(&f);
	reads(&f, node, fh, 0, "again");
	kernel_release(f.k, node, fh, O_RDONLY);
	/* /proc never holds. */
	f.g->nodes[fake_guest_find(f.g, "d/other")].flags = WIRE_ATTR_VOLATILE;
	node = look(&f, "d/other");
	fh = open_it(&f, "d/other", O_RDONLY);
	fake_guest_write(f.g, "d/other", "now");
	reads(&f, node, fh, 0, "now");
	kernel_release(f.k, node, fh, O_RDONLY);
	files_end_world(&f);
}

static void open_is_answered_before_the_guest_where_it_watches(void **state)
{
	struct files_world f;
	struct fuse_open_out open;
	uint64_t node;
	uint64_t id;
	const void *data;
	size_t len;

	(void)state;
	files_begin_small(&f);
	list_dir(&f, "d");
	node = look(&f, "d/small");
	f.g->hold = WIRE_OPEN;
	assert_int_equal(kernel_open(f.k, node, O_RDONLY, &open), 0);
	id = kernel_send_read(f.k, node, open.fh, 0, 4096);
	files_settle(&f);
	assert_false(kernel_answered(f.k, id));
	fake_guest_answer_all(f.g);
	assert_int_equal(kernel_wait(f.k, id, &data, &len, KERNEL_MS), 0);
	assert_int_equal(len, 7);
	kernel_release(f.k, node, open.fh, O_RDONLY);
	f.g->hold = 0;
	files_end_world(&f);
}

static void open_that_fails_behind_is_told_by_what_follows(void **state)
{
	struct files_world f;
	struct fuse_open_out open;
	struct fuse_lseek_in seek = { .whence = SEEK_DATA };
	uint64_t node;
	uint64_t ids[3];

	(void)state;
	files_begin_small(&f);
	list_dir(&f, "d");
	node = look(&f, "d/small");
	f.g->hold = WIRE_OPEN;
	f.g->err[WIRE_OPEN] = ENOENT;
	assert_int_equal(kernel_open(f.k, node, O_RDONLY, &open), 0);
	seek.fh = open.fh;
	ids[0] = kernel_send_read(f.k, node, open.fh, 0, 4096);
	ids[1] = kernel_send_fsync(f.k, node, open.fh);
	ids[2] = kernel_send(f.k, FUSE_LSEEK, node, &seek, sizeof(seek));
	files_settle(&f);
	fake_guest_answer_all(f.g);
	for (int i = 0; i < 3; i++)
		assert_int_equal(kernel_wait(f.k, ids[i], NULL, NULL,
		                             KERNEL_MS),
		                 -ENOENT);
	assert_int_equal(kernel_release(f.k, node, open.fh, O_RDONLY), 0);
	assert_int_equal(f.g->n_seen[WIRE_CLOSE], 0);
	f.g->hold = 0;
	/* Where it is not behind, the open says so itself. */
	assert_int_equal(kernel_open(f.k, node, O_RDWR, &open), -ESTALE);
	files_end_world(&f);
}

static void open_files_survive_their_names(void **state)
{
	struct files_world f;
	struct fuse_setattr_in in = { .valid = FATTR_SIZE, .size = 2 };
	struct fuse_attr attr;
	uint64_t node;
	uint64_t fh;
	uint64_t fh2;

	(void)state;
	files_begin_small(&f);
	node = look(&f, "d/small");
	fh = open_it(&f, "d/small", O_RDWR);
	fh2 = open_it(&f, "d/small", O_RDONLY);
	assert_int_equal(kernel_unlink(f.k, look(&f, "d"), "small"), 0);
	assert_int_equal(kernel_getattr(f.k, node, &attr), 0);
	assert_int_equal(attr.nlink, 0);
	assert_int_equal(kernel_setattr(f.k, node, &in, &attr), 0);
	assert_int_equal(attr.size, 2);
	assert_int_equal(kernel_write(f.k, node, fh, 2, "xyz", 3), 3);
	assert_int_equal(kernel_flush(f.k, node, fh), 0);
	reads(&f, node, fh2, 0, "coxyz");
	kernel_release(f.k, node, fh, O_RDWR);
	kernel_release(f.k, node, fh2, O_RDONLY);
	files_settle(&f);
	/* The guest cannot be asked any more; what is left is known. */
	assert_int_equal(kernel_getattr(f.k, node, &attr), 0);
	assert_int_equal(attr.nlink, 0);
	files_end_world(&f);
}

/* Its name goes elsewhere while nobody is told. */
static void open_files_are_asked_by_what_is_open(void **state)
{
	struct files_world f;
	struct fuse_setattr_in in = { .valid = FATTR_MODE, .mode = 0600 };
	struct fuse_attr attr;
	struct fuse_open_out open;
	uint64_t node;

	(void)state;
	files_begin_small(&f);
	node = look(&f, "d/small");
	assert_int_equal(kernel_open(f.k, node, O_RDONLY, &open), 0);
	fake_guest_move(f.g, "d/other", "d/small");
	hands_turn(f.w.hands, 1000);
	assert_int_equal(kernel_getattr(f.k, node, &attr), 0);
	assert_int_equal(attr.size, 7);
	assert_int_equal(kernel_setattr(f.k, node, &in, &attr), 0);
	assert_int_equal(attr.mode & 07777, 0600);
	assert_int_not_equal(
		f.g->nodes[fake_guest_find(f.g, "d/small")].mode & 07777, 0600);
	kernel_release(f.k, node, open.fh, O_RDONLY);
	files_end_world(&f);
}

static void open_opens_no_other_file_that_has_got_the_name(void **state)
{
	struct files_world f;
	struct fuse_open_out open;
	uint64_t node;

	(void)state;
	files_begin_small(&f);
	list_dir(&f, "d");
	node = look(&f, "d/small");
	/* What tells of it is on its way. */
	f.g->nodes[fake_guest_find(f.g, "d/small")].ino += 1000;
	assert_int_equal(kernel_open(f.k, node, O_RDWR, &open), -ESTALE);
	files_settle(&f);
	assert_int_equal(f.g->n_seen[WIRE_CLOSE], 1);
	files_end_world(&f);
}

/* Opened before the guest had done so, while two files change places: each is
 * read as itself, wherever it is. */
static void open_behind_reads_no_other_file(void **state)
{
	struct files_world f;
	struct fuse_open_out open;
	uint64_t node;
	uint64_t watch;
	uint64_t id;
	const void *data;
	size_t len;

	(void)state;
	files_begin_small(&f);
	list_dir(&f, "d");
	node = look(&f, "d/small");
	watch = f.g->nodes[fake_guest_find(f.g, "d")].watch;
	assert_int_not_equal(watch, 0);
	f.g->nodes[fake_guest_find(f.g, "d")].watch = 0;
	fake_guest_move(f.g, "d/small", "d/moved");
	fake_guest_move(f.g, "d/other", "d/small");
	f.g->nodes[fake_guest_find(f.g, "d")].watch = watch;
	f.g->hold = WIRE_OPEN;
	assert_int_equal(kernel_open(f.k, node, O_RDONLY, &open), 0);
	id = kernel_send_read(f.k, node, open.fh, 0, 4096);
	files_settle(&f);
	fake_guest_answer_all(f.g);
	files_settle(&f);
	/* What tells of it comes behind the answer. */
	fake_guest_moved(f.g, watch, "small", watch, "moved");
	files_settle(&f);
	f.g->hold = 0;
	fake_guest_answer_all(f.g);
	assert_int_equal(kernel_wait(f.k, id, &data, &len, KERNEL_MS), 0);
	assert_int_equal(len, 7);
	assert_memory_equal(data, "content", 7);
	assert_int_equal(kernel_release(f.k, node, open.fh, O_RDONLY), 0);
	files_settle(&f);
	assert_int_equal(f.g->n_seen[WIRE_CLOSE], f.g->n_seen[WIRE_OPEN]);
	/* One that is gone is not the one that has its name. */
	hands_turn(f.w.hands, TREE_REST_MS);
	node = look(&f, "d/moved");
	f.g->hold = WIRE_OPEN;
	assert_int_equal(kernel_open(f.k, node, O_RDONLY, &open), 0);
	id = kernel_send_read(f.k, node, open.fh, 0, 4096);
	files_settle(&f);
	f.g->nodes[fake_guest_find(f.g, "d/moved")].ino += 1000;
	fake_guest_changed(f.g, watch, WIRE_CHANGED_NAME, "moved");
	files_settle(&f);
	f.g->hold = 0;
	fake_guest_answer_all(f.g);
	assert_int_equal(kernel_wait(f.k, id, NULL, NULL, KERNEL_MS), -ESTALE);
	assert_int_equal(kernel_release(f.k, node, open.fh, O_RDONLY), 0);
	files_settle(&f);
	assert_int_equal(f.g->n_seen[WIRE_CLOSE], f.g->n_seen[WIRE_OPEN]);
	files_end_world(&f);
}

/* Names that the guest gives away are not relied on: who has the file looked up
 * anew is the kernel, and that it does for an open that failed. */
static void open_waits_for_the_guest_where_names_change(void **state)
{
	struct files_world f;
	struct fuse_open_out open;
	uint64_t node;
	uint64_t id;

	(void)state;
	files_begin_small(&f);
	list_dir(&f, "d");
	node = look(&f, "d/small");
	fake_guest_write(f.g, "d/new", "x");
	files_settle(&f);
	f.g->hold = WIRE_OPEN;
	id = kernel_send_open(f.k, node, O_RDONLY);
	files_settle(&f);
	assert_false(kernel_answered(f.k, id));
	f.g->hold = 0;
	fake_guest_answer_all(f.g);
	assert_int_equal(kernel_wait(f.k, id, NULL, NULL, KERNEL_MS), 0);
	/* After a while they have come to rest. */
	hands_turn(f.w.hands, TREE_REST_MS);
	f.g->hold = WIRE_OPEN;
	assert_int_equal(kernel_open(f.k, node, O_RDONLY, &open), 0);
	f.g->hold = 0;
	fake_guest_answer_all(f.g);
	files_end_world(&f);
}

/* Nobody watches, and the name is taken for what it was for a second: what is
 * read then is not kept as the first file's, which somebody may have open. */
static void open_keeps_no_pages_of_what_has_got_the_name(void **state)
{
	struct files_world f;
	struct fuse_open_out first;
	struct fuse_open_out second;
	uint64_t node;

	(void)state;
	files_begin_small(&f);
	node = look(&f, "d/small");
	assert_int_equal(kernel_open(f.k, node, O_RDONLY, &first), 0);
	assert_int_equal(first.open_flags & FOPEN_DIRECT_IO, 0);
	fake_guest_move(f.g, "d/other", "d/small");
	assert_int_equal(kernel_open(f.k, node, O_RDONLY, &second), 0);
	assert_int_not_equal(second.open_flags & FOPEN_DIRECT_IO, 0);
	reads(&f, node, second.fh, 0, "other");
	reads(&f, node, first.fh, 0, "content");
	kernel_release(f.k, node, first.fh, O_RDONLY);
	kernel_release(f.k, node, second.fh, O_RDONLY);
	files_end_world(&f);
}

/* ---- writing ------------------------------------------------------------- */

static void open_answers_writes_before_the_guest_has_them(void **state)
{
	struct files_world f;
	uint64_t node;
	uint64_t fh;
	uint64_t id;

	(void)state;
	files_begin_small(&f);
	node = look(&f, "d/small");
	fh = open_it(&f, "d/small", O_RDWR);
	f.g->hold = WIRE_WRITE;
	assert_int_equal(kernel_write(f.k, node, fh, 0, "C", 1), 1);
	assert_int_equal(kernel_write(f.k, node, fh, 7, "!", 1), 1);
	/* Closing waits for them. */
	id = kernel_send_flush(f.k, node, fh);
	files_settle(&f);
	assert_false(kernel_answered(f.k, id));
	fake_guest_answer(f.g, 0);
	files_settle(&f);
	assert_false(kernel_answered(f.k, id));
	fake_guest_answer_all(f.g);
	assert_int_equal(kernel_wait_done(f.k, id), 0);
	f.g->hold = 0;
	reads(&f, node, fh, 0, "Content!");
	kernel_release(f.k, node, fh, O_RDWR);
	files_end_world(&f);
}

/* The guest may have said it before the write came there. */
static void open_keeps_no_size_that_a_write_may_overtake(void **state)
{
	struct files_world f;
	struct fuse_attr attr;
	uint64_t node;
	uint64_t fh;

	(void)state;
	files_begin_small(&f);
	list_dir(&f, "d");
	node = look(&f, "d/small");
	fh = open_it(&f, "d/small", O_RDWR);
	f.g->hold = WIRE_WRITE;
	assert_int_equal(kernel_write(f.k, node, fh, 7, "!", 1), 1);
	assert_int_equal(kernel_getattr(f.k, node, &attr), 0);
	assert_int_equal(f.g->n_seen[WIRE_GETATTR], 1);
	assert_int_equal(kernel_getattr(f.k, node, &attr), 0);
	assert_int_equal(f.g->n_seen[WIRE_GETATTR], 2);
	fake_guest_answer_all(f.g);
	f.g->hold = 0;
	files_settle(&f);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(kernel_getattr(f.k, node, &attr), 0);
		assert_int_equal(attr.size, 8);
		assert_int_equal(f.g->n_seen[WIRE_GETATTR], 3);
	}
	kernel_release(f.k, node, fh, O_RDWR);
	files_end_world(&f);
}

/* What the machine's error begins with. */
static void expect_error(struct files_world *f, const char *text)
{
	struct fuse_entry_out e;
	struct fuse_open_out open;
	char said[256] = "";

	assert_int_equal(kernel_walk(f->k, "web/error", &e), 0);
	assert_int_equal(kernel_open(f->k, e.nodeid, O_RDONLY, &open), 0);
	assert_true(kernel_read(f->k, e.nodeid, open.fh, 0, said,
	                        sizeof(said) - 1) > 0);
	kernel_release(f->k, e.nodeid, open.fh, O_RDONLY);
	said[strlen(text)] = '\0';
	assert_string_equal(said, text);
}

static void open_tells_a_failed_write_once(void **state)
{
	struct files_world f;
	uint64_t node;
	uint64_t fh;

	(void)state;
	files_begin_small(&f);
	node = look(&f, "d/small");
	fh = open_it(&f, "d/small", O_RDWR);
	for (int who = 0; who < 3; who++) {
		f.g->err[WIRE_WRITE] = ENOSPC;
		assert_int_equal(kernel_write(f.k, node, fh, 0, "x", 1), 1);
		files_settle(&f);
		f.g->err[WIRE_WRITE] = 0;
		expect_error(&f, "files: d/small: write: No space left");
		if (who == 0)
			assert_int_equal(kernel_write(f.k, node, fh, 0, "y", 1),
			                 -ENOSPC);
		else if (who == 1)
			assert_int_equal(kernel_fsync(f.k, node, fh), -ENOSPC);
		else
			assert_int_equal(kernel_flush(f.k, node, fh), -ENOSPC);
		assert_int_equal(kernel_write(f.k, node, fh, 0, "y", 1), 1);
		assert_int_equal(kernel_fsync(f.k, node, fh), 0);
		assert_int_equal(kernel_flush(f.k, node, fh), 0);
	}
	/* Half of a write is a failure, too. */
	f.g->most_written = 1;
	assert_int_equal(kernel_write(f.k, node, fh, 0, "xyz", 3), 3);
	assert_int_equal(kernel_fsync(f.k, node, fh), -ENOSPC);
	f.g->most_written = 0;
	kernel_release(f.k, node, fh, O_RDWR);
	files_end_world(&f);
}

static void open_waits_when_much_is_under_way(void **state)
{
	struct files_world f;
	static char data[PART];
	uint64_t node;
	uint64_t fh;
	uint64_t id = 0;
	unsigned n = 0;

	(void)state;
	files_begin_small(&f);
	node = look(&f, "d/small");
	fh = open_it(&f, "d/small", O_RDWR);
	f.g->hold = WIRE_WRITE;
	for (; n < BEHIND / PART + 10; n++) {
		id = kernel_send_write(f.k, node, fh, n * PART, data, PART);
		world_settle(&f.w);
		if (!kernel_answered(f.k, id))
			break;
		assert_int_equal(kernel_wait(f.k, id, NULL, NULL, KERNEL_MS),
		                 0);
	}
	assert_int_equal(n, BEHIND / PART);
	wait_seen(&f, WIRE_WRITE, n + 1);
	f.g->hold = 0;
	fake_guest_answer_all(f.g);
	assert_int_equal(kernel_wait(f.k, id, NULL, NULL, KERNEL_MS), 0);
	assert_int_equal(kernel_flush(f.k, node, fh), 0);
	kernel_release(f.k, node, fh, O_RDWR);
	files_end_world(&f);
}

static void open_with_o_sync_waits_for_each_write(void **state)
{
	struct files_world f;
	uint64_t node;
	uint64_t fh;

	(void)state;
	files_begin_small(&f);
	node = look(&f, "d/small");
	fh = open_it(&f, "d/small", O_WRONLY | O_SYNC);
	f.g->err[WIRE_WRITE] = EDQUOT;
	assert_int_equal(kernel_write(f.k, node, fh, 0, "x", 1), -EDQUOT);
	assert_int_equal(kernel_flush(f.k, node, fh), 0);
	kernel_release(f.k, node, fh, O_WRONLY);
	files_end_world(&f);
}

static void open_waits_for_each_write_to_what_is_made_up(void **state)
{
	struct files_world f;
	uint64_t node;
	uint64_t fh;

	(void)state;
	files_begin_small(&f);
	f.g->nodes[fake_guest_find(f.g, "d/small")].flags = WIRE_ATTR_VOLATILE;
	node = look(&f, "d/small");
	fh = open_it(&f, "d/small", O_WRONLY);
	f.g->err[WIRE_WRITE] = EINVAL;
	assert_int_equal(kernel_write(f.k, node, fh, 0, "x", 1), -EINVAL);
	assert_int_equal(kernel_flush(f.k, node, fh), 0);
	kernel_release(f.k, node, fh, O_WRONLY);
	files_end_world(&f);
}

static void open_files_stay_so_when_the_machine_is_renamed(void **state)
{
	struct files_world f;
	struct fuse_entry_out e;
	uint64_t node;
	uint64_t fh;

	(void)state;
	files_begin_small(&f);
	node = look(&f, "d/small");
	fh = open_it(&f, "d/small", O_RDWR);
	assert_int_equal(kernel_rename(f.k, FUSE_ROOT_ID, "web", FUSE_ROOT_ID,
	                               "shop", 0),
	                 0);
	assert_int_equal(kernel_write(f.k, node, fh, 0, "C", 1), 1);
	assert_int_equal(kernel_fsync(f.k, node, fh), 0);
	reads(&f, node, fh, 0, "Content");
	kernel_release(f.k, node, fh, O_RDWR);
	/* The next agent is sent for by the new name. */
	fake_guest_die(f.g);
	files_settle(&f);
	assert_int_equal(kernel_walk(f.k, "shop/files/d/other", &e), 0);
	files_end_world(&f);
}

static void open_creates(void **state)
{
	struct files_world f;
	struct fuse_entry_out e;
	struct fuse_open_out open;
	uint64_t dir;

	(void)state;
	files_begin_small(&f);
	dir = look(&f, "d");
	assert_int_equal(kernel_create(f.k, dir, "new", 0640, O_RDWR | O_EXCL,
	                               &e, &open),
	                 0);
	assert_int_equal(e.attr.mode, S_IFREG | 0640);
	assert_int_equal(kernel_write(f.k, e.nodeid, open.fh, 0, "abc", 3), 3);
	reads(&f, e.nodeid, open.fh, 0, "abc");
	kernel_release(f.k, e.nodeid, open.fh, O_RDWR);
	assert_int_equal(look(&f, "d/new"), e.nodeid);
	assert_int_equal(kernel_create(f.k, dir, "new", 0640, O_RDWR | O_EXCL,
	                               &e, &open),
	                 -EEXIST);
	files_end_world(&f);
}

/* Of two inodes in the kernel the one would not see what the other writes. */
static void open_keeps_a_file_one_that_loses_the_name_it_had(void **state)
{
	struct files_world f;
	struct fuse_entry_out e;
	struct fuse_open_out open;
	uint64_t dir, node;
	uint64_t fh;

	(void)state;
	files_begin_small(&f);
	fake_guest_hard_link(f.g, "d/second", "d/small");
	dir = look(&f, "d");
	node = look(&f, "d/small");
	fh = open_it(&f, "d/small", O_RDWR);
	assert_int_equal(kernel_unlink(f.k, dir, "small"), 0);
	assert_int_equal(look(&f, "d/second"), node);
	/* But a number that is free is another file's. */
	kernel_release(f.k, node, fh, O_RDWR);
	f.g->reuse_ino = f.g->nodes[fake_guest_find(f.g, "d/second")].ino;
	assert_int_equal(kernel_unlink(f.k, dir, "second"), 0);
	assert_int_equal(
		kernel_create(f.k, dir, "third", 0644, O_RDWR, &e, &open), 0);
	assert_int_not_equal(e.nodeid, node);
	kernel_release(f.k, e.nodeid, open.fh, O_RDWR);
	files_end_world(&f);
}

static void open_copies_within_a_machine_and_not_between(void **state)
{
	struct files_world f;
	struct fuse_copy_file_range_in in = { .len = 100 };
	uint64_t node;
	const void *data;
	uint64_t id;

	(void)state;
	files_begin_small(&f);
	node = look(&f, "d/small");
	in.fh_in = open_it(&f, "d/small", O_RDONLY);
	in.fh_out = open_it(&f, "d/other", O_RDWR);
	in.nodeid_out = look(&f, "d/other");
	id = kernel_send(f.k, FUSE_COPY_FILE_RANGE, node, &in, sizeof(in));
	assert_int_equal(kernel_wait(f.k, id, &data, NULL, KERNEL_MS), 0);
	assert_int_equal(((const struct fuse_write_out *)data)->size, 7);
	reads(&f, in.nodeid_out, in.fh_out, 0, "content");
	in.nodeid_out = KERNEL_ROOT;
	id = kernel_send(f.k, FUSE_COPY_FILE_RANGE, node, &in, sizeof(in));
	assert_int_equal(kernel_wait(f.k, id, NULL, NULL, KERNEL_MS), -EXDEV);
	kernel_release(f.k, node, in.fh_in, O_RDONLY);
	kernel_release(f.k, look(&f, "d/other"), in.fh_out, O_RDWR);
	files_end_world(&f);
}

static void open_asks_anew_after_a_fallocate(void **state)
{
	struct files_world f;
	struct fuse_fallocate_in in = { .length = 100 };
	struct fuse_attr attr;
	uint64_t node;
	uint64_t id;

	(void)state;
	files_begin_small(&f);
	list_dir(&f, "d");
	node = look(&f, "d/small");
	in.fh = open_it(&f, "d/small", O_RDWR);
	assert_int_equal(kernel_getattr(f.k, node, &attr), 0);
	assert_int_equal(f.g->n_seen[WIRE_GETATTR], 0);
	id = kernel_send(f.k, FUSE_FALLOCATE, node, &in, sizeof(in));
	assert_int_equal(kernel_wait(f.k, id, NULL, NULL, KERNEL_MS), 0);
	assert_int_equal(f.g->n_seen[WIRE_FALLOCATE], 1);
	assert_int_equal(kernel_getattr(f.k, node, &attr), 0);
	assert_int_equal(f.g->n_seen[WIRE_GETATTR], 1);
	f.g->err[WIRE_FALLOCATE] = ENOSPC;
	id = kernel_send(f.k, FUSE_FALLOCATE, node, &in, sizeof(in));
	assert_int_equal(kernel_wait(f.k, id, NULL, NULL, KERNEL_MS), -ENOSPC);
	kernel_release(f.k, node, in.fh, O_RDWR);
	files_end_world(&f);
}

/* Set-id bits go when somebody else than root cuts the file. */
static void open_tells_the_guest_who_cuts_a_file(void **state)
{
	struct files_world f;
	uint64_t node;
	uint64_t fh;

	(void)state;
	files_begin_small(&f);
	node = look(&f, "d/small");
	for (uid_t uid = 0; uid < 2; uid++) {
		kernel_as(f.k, uid, 0, getpid());
		fh = open_it(&f, "d/small", O_RDWR | O_TRUNC);
		assert_int_equal(f.g->last_flags,
		                 WIRE_O_READ | WIRE_O_WRITE | WIRE_O_TRUNC |
		                         (uid ? WIRE_O_KILL_SUID : 0));
		kernel_release(f.k, node, fh, O_RDWR);
		/* Who only writes cuts nothing. */
		fh = open_it(&f, "d/small", O_RDWR);
		assert_int_equal(f.g->last_flags, WIRE_O_READ | WIRE_O_WRITE);
		kernel_release(f.k, node, fh, O_RDWR);
	}
	files_end_world(&f);
}

/* ---- the end of an agent ------------------------------------------------- */

static void open_files_of_an_agent_that_died_are_dead(void **state)
{
	struct files_world f;
	uint64_t node;
	uint64_t fh;
	uint64_t id;
	char data[10];

	(void)state;
	files_begin_small(&f);
	node = look(&f, "d/small");
	fh = open_it(&f, "d/small", O_RDWR);
	f.g->hold = WIRE_WRITE;
	assert_int_equal(kernel_write(f.k, node, fh, 0, "x", 1), 1);
	id = kernel_send_flush(f.k, node, fh);
	files_settle(&f);
	fake_guest_die(f.g);
	/* What was answered is told to have failed. */
	assert_int_equal(kernel_wait(f.k, id, NULL, NULL, KERNEL_MS), -EIO);
	f.g->hold = 0;
	assert_int_equal(kernel_read(f.k, node, fh, 0, data, 10), -EIO);
	look(&f, "d/other");
	assert_int_equal(kernel_read(f.k, node, fh, 0, data, 10), -EIO);
	expect_error(&f, "files: d/small: opened before");
	assert_int_equal(kernel_write(f.k, node, fh, 0, "x", 1), -EIO);
	assert_int_equal(kernel_fsync(f.k, node, fh), -EIO);
	id = send_lock(&f, node, fh, FUSE_SETLK, F_WRLCK);
	assert_int_equal(kernel_wait(f.k, id, NULL, NULL, KERNEL_MS), -EIO);
	assert_int_equal(kernel_release(f.k, node, fh, O_RDWR), 0);
	files_settle(&f);
	assert_int_equal(f.g->n_seen[WIRE_CLOSE], 0);
	fh = open_it(&f, "d/small", O_RDONLY);
	reads(&f, node, fh, 0, "content");
	kernel_release(f.k, node, fh, O_RDONLY);
	files_end_world(&f);
}

static void open_files_keep_their_agent(void **state)
{
	struct files_world f;
	uint64_t node;
	uint64_t fh;

	(void)state;
	files_begin_small(&f);
	node = look(&f, "d/small");
	fh = open_it(&f, "d/small", O_RDWR);
	hands_turn(f.w.hands, 10 * GUEST_IDLE_MS);
	files_settle(&f);
	assert_non_null(f.agent.job);
	assert_int_equal(kernel_write(f.k, node, fh, 0, "C", 1), 1);
	assert_int_equal(kernel_flush(f.k, node, fh), 0);
	kernel_release(f.k, node, fh, O_RDWR);
	files_settle(&f);
	hands_turn(f.w.hands, GUEST_IDLE_MS);
	files_settle(&f);
	assert_null(f.agent.job);
	files_end_world(&f);
}

static void open_files_that_nobody_releases_go_at_the_end(void **state)
{
	struct files_world f;

	(void)state;
	files_begin_small(&f);
	open_it(&f, "d/small", O_RDWR);
	open_it(&f, "d/other", O_RDONLY);
	files_end_world(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open_brings_the_beginning_of_a_small_file),
		cmocka_unit_test(open_reads_again_what_may_have_changed),
		cmocka_unit_test(
			open_is_answered_before_the_guest_where_it_watches),
		cmocka_unit_test(
			open_that_fails_behind_is_told_by_what_follows),
		cmocka_unit_test(open_files_survive_their_names),
		cmocka_unit_test(open_files_are_asked_by_what_is_open),
		cmocka_unit_test(
			open_opens_no_other_file_that_has_got_the_name),
		cmocka_unit_test(open_behind_reads_no_other_file),
		cmocka_unit_test(open_keeps_no_pages_of_what_has_got_the_name),
		cmocka_unit_test(open_waits_for_the_guest_where_names_change),
		cmocka_unit_test(open_answers_writes_before_the_guest_has_them),
		cmocka_unit_test(open_keeps_no_size_that_a_write_may_overtake),
		cmocka_unit_test(open_tells_a_failed_write_once),
		cmocka_unit_test(open_waits_when_much_is_under_way),
		cmocka_unit_test(open_with_o_sync_waits_for_each_write),
		cmocka_unit_test(open_waits_for_each_write_to_what_is_made_up),
		cmocka_unit_test(
			open_files_stay_so_when_the_machine_is_renamed),
		cmocka_unit_test(open_creates),
		cmocka_unit_test(
			open_keeps_a_file_one_that_loses_the_name_it_had),
		cmocka_unit_test(open_copies_within_a_machine_and_not_between),
		cmocka_unit_test(open_asks_anew_after_a_fallocate),
		cmocka_unit_test(open_tells_the_guest_who_cuts_a_file),
		cmocka_unit_test(open_files_of_an_agent_that_died_are_dead),
		cmocka_unit_test(open_files_keep_their_agent),
		cmocka_unit_test(open_files_that_nobody_releases_go_at_the_end),
	};

	signal(SIGPIPE, SIG_IGN); /* as in the daemon */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
