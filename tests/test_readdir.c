/*
 * Directories below files/: each name once, in parts of any size, whatever
 * comes and goes meanwhile, and whatever it costs the guest.
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

#include <cmocka.h>

#include "cache/shelf.h"
#include "tests/fail_alloc.h"
#include "tests/files_world.h"

enum { N = 300 };

/* A listing being read. */
struct reading {
	struct files_world *f;
	uint64_t node;
	uint64_t offset;
	uint32_t size;
	bool plus;
	unsigned seen[N]; /* how often each of f0... was */
	unsigned n_others;
	unsigned n_parts;
	unsigned n_known; /* came with their attributes */
	int err;
};

static void begin(struct files_world *f)
{
	char name[32];

	files_begin_world(f);
	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "d/f%d", i);
		fake_guest_file(f->g, name, "x");
	}
}

static void take_name(struct reading *r, const struct fuse_dirent *d)
{
	char name[256];
	unsigned i;

	snprintf(name, sizeof(name), "%.*s", (int)d->namelen, d->name);
	assert_true(d->off > r->offset);
	r->offset = d->off;
	if (sscanf(name, "f%u", &i) == 1 && i < N)
		r->seen[i]++;
	else
		r->n_others++;
}

/* Read one part; false: the end, or an error. */
static bool read_part(struct reading *r)
{
	struct kernel *k = r->f->k;
	uint64_t id = r->plus ? kernel_send_readdirplus(k, r->node, 0,
	                                                r->offset, r->size)
	                      : kernel_send_readdir(k, r->node, 0, r->offset,
	                                            r->size);
	const void *data;
	char page[65536];
	size_t len;

	r->err = kernel_wait(k, id, &data, &len, KERNEL_MS);
	if (r->err || !len)
		return false;
	assert_true(len <= r->size);
	memcpy(page, data, len);
	for (size_t at = 0; at < len;) {
		const struct fuse_direntplus *p = (void *)(page + at);
		const struct fuse_dirent *d = r->plus ? &p->dirent
		                                      : (void *)(page + at);

		if (r->plus && p->entry_out.nodeid) {
			r->n_known++;
			kernel_send_forget(k, p->entry_out.nodeid, 1);
		}
		take_name(r, d);
		at += r->plus ? FUSE_DIRENTPLUS_SIZE(p) : FUSE_DIRENT_SIZE(d);
	}
	r->n_parts++;
	return true;
}

static void readdir_gives_each_name_once(void **state)
{
	static const uint32_t sizes[] = { 200, 512, 4096, 65536 };

	(void)state;
	for (int i = 0; i < 8; i++) {
		struct files_world f;
		struct reading r = { .f = &f,
			             .size = sizes[i / 2],
			             .plus = i % 2 };

		begin(&f);
		r.node = look(&f, "d");
		while (read_part(&r))
			;
		assert_int_equal(r.err, 0);
		for (int j = 0; j < N; j++)
			assert_int_equal(r.seen[j], 1);
		assert_int_equal(r.n_others, 2);
		assert_int_equal(r.n_known, r.plus ? N : 0);
		assert_int_equal(f.g->n_seen[WIRE_LIST], 1);
		files_end_world(&f);
	}
}

static void readdir_gives_what_stays_once_while_others_come_and_go(void **state)
{
	struct files_world f;
	struct reading r = { .f = &f, .size = 1024, .plus = true };
	char name[32];
	int n = 0;

	(void)state;
	begin(&f);
	r.node = look(&f, "d");
	while (read_part(&r)) {
		/* The even ones go, new ones come. */
		snprintf(name, sizeof(name), "d/f%d", 2 * n);
		if (2 * n < N && fake_guest_find(f.g, name) >= 0)
			fake_guest_remove(f.g, name);
		snprintf(name, sizeof(name), "d/new%d", n++);
		fake_guest_write(f.g, name, "x");
		loop_run_for(f.w.loop, 2);
	}
	assert_int_equal(r.err, 0);
	for (int j = 1; j < N; j += 2)
		assert_int_equal(r.seen[j], 1);
	for (int j = 0; j < N; j += 2)
		assert_true(r.seen[j] <= 1);
	assert_true(n > 10);
	files_end_world(&f);
}

/* Read to the end; a change overtakes every part. */
static void read_while_it_changes(struct reading *r)
{
	struct files_world *f = r->f;

	while (read_part(r)) {
		fake_guest_write(f->g, "d/other", "x");
		fake_guest_remove(f->g, "d/other");
		loop_run_for(f->w.loop, 2);
	}
	assert_int_equal(r->err, 0);
}

static void readdir_that_changes_all_the_time_is_asked_for_once(void **state)
{
	struct files_world f;
	struct reading r = { .f = &f, .size = 512 };

	(void)state;
	begin(&f);
	r.node = look(&f, "d");
	read_while_it_changes(&r);
	for (int j = 0; j < N; j++)
		assert_int_equal(r.seen[j], 1);
	assert_true(r.n_parts > 10);
	assert_int_equal(f.g->n_seen[WIRE_LIST], 1);
	/* Who begins anew sees what is new. */
	fake_guest_write(f.g, "d/new", "x");
	loop_run_for(f.w.loop, 2);
	r.offset = 0;
	r.n_others = 0;
	read_while_it_changes(&r);
	assert_int_equal(r.n_others, 3);
	assert_int_equal(f.g->n_seen[WIRE_LIST], 2);
	files_end_world(&f);
}

/* A change overtakes the listing itself, before it has come. */
static void readdir_that_is_overtaken_is_read_on(void **state)
{
	struct files_world f;
	struct reading r = { .f = &f, .size = 1024 };
	uint64_t watch;
	uint64_t id;

	(void)state;
	begin(&f);
	f.g->list_part = 10;
	list_dir(&f, "d");
	r.node = look(&f, "d");
	watch = f.g->nodes[fake_guest_find(f.g, "d")].watch;
	fake_guest_changed(f.g, watch, WIRE_CHANGED_NAME, "gone");
	loop_run_for(f.w.loop, 2);
	f.g->hold = WIRE_LIST;
	id = kernel_send_readdir(f.k, r.node, 0, 0, r.size);
	wait_seen(&f, WIRE_LIST, f.g->n_seen[WIRE_LIST] + 1);
	f.g->hold = 0;
	fake_guest_changed(f.g, watch, WIRE_CHANGED_NAME, "gone");
	fake_guest_answer_all(f.g);
	assert_int_equal(kernel_wait(f.k, id, NULL, NULL, KERNEL_MS), 0);
	f.g->n_seen[WIRE_LIST] = 0;
	r.offset = 2; /* behind the two dots */
	read_while_it_changes(&r);
	for (int j = 0; j < N; j++)
		assert_int_equal(r.seen[j], 1);
	assert_int_equal(f.g->n_seen[WIRE_LIST], 0);
	files_end_world(&f);
}

/* More than are kept: some are asked for again, and all are right. */
static void readdir_that_many_read_are_right(void **state)
{
	struct files_world f;
	struct reading r[SHELF_ASIDE + 2];
	char name[32];
	bool more = true;

	(void)state;
	begin(&f);
	for (int i = 0; i < SHELF_ASIDE + 2; i++) {
		for (int j = 0; j < 50; j++) {
			snprintf(name, sizeof(name), "e%d/f%d", i, j);
			fake_guest_file(f.g, name, "x");
		}
	}
	for (int i = 0; i < SHELF_ASIDE + 2; i++) {
		snprintf(name, sizeof(name), "e%d", i);
		r[i] = (struct reading){ .f = &f, .size = 512 };
		r[i].node = look(&f, name);
	}
	while (more) {
		more = false;
		for (int i = 0; i < SHELF_ASIDE + 2; i++) {
			more |= read_part(&r[i]);
			snprintf(name, sizeof(name), "e%d/new", i);
			fake_guest_write(f.g, name, "x");
			fake_guest_remove(f.g, name);
			loop_run_for(f.w.loop, 2);
		}
	}
	for (int i = 0; i < SHELF_ASIDE + 2; i++)
		for (int j = 0; j < 50; j++)
			assert_int_equal(r[i].seen[j], 1);
	files_end_world(&f);
}

/* The agent forgets its watches when it has lost events; a listing that it was
 * asked for before is still one of a directory that it watches. */
static void readdir_that_is_overtaken_by_a_loss_is_watched_anew(void **state)
{
	struct files_world f;
	uint64_t dir;
	uint64_t id;

	(void)state;
	begin(&f);
	dir = look(&f, "d");
	f.g->hold = WIRE_LIST;
	id = kernel_send_readdir(f.k, dir, 0, 0, 4096);
	wait_seen(&f, WIRE_LIST, 1);
	f.g->hold = 0;
	fake_guest_say(f.g, &(struct wire_header){ .op = WIRE_LOST }, NULL);
	fake_guest_answer_all(f.g);
	assert_int_equal(kernel_wait(f.k, id, NULL, NULL, KERNEL_MS), 0);
	wait_seen(&f, WIRE_UNWATCH, 1);
	list_dir(&f, "d");
	f.n_entries = 0;
	fake_guest_write(f.g, "d/new", "x");
	loop_run_for(f.w.loop, 20);
	assert_true(f.n_entries > 0);
	files_end_world(&f);
}

/* ---- attributes ---------------------------------------------------------- */

enum { DIRS = 12, TRIAL = 8 };

static void make_dirs(struct files_world *f)
{
	char name[32];

	files_begin_world(f);
	for (int i = 0; i < DIRS; i++) {
		snprintf(name, sizeof(name), "d%d/f0", i);
		fake_guest_file(f->g, name, "x");
		snprintf(name, sizeof(name), "d%d/sub", i);
		fake_guest_dir(f->g, name);
	}
}

/* Read one of the directories whole; how many entries came with attributes. */
static unsigned read_dir(struct files_world *f, int i)
{
	struct reading r = { .f = f, .size = 4096, .plus = true };
	char name[32];

	snprintf(name, sizeof(name), "d%d", i);
	r.node = look(f, name);
	while (read_part(&r))
		;
	assert_int_equal(r.err, 0);
	assert_int_equal(r.seen[0], 1);
	assert_int_equal(r.n_others, 3);
	return r.n_known;
}

static void readdir_gives_who_wants_names_no_more_than_directories(void **state)
{
	struct files_world f;

	(void)state;
	make_dirs(&f);
	for (int i = 0; i < DIRS; i++)
		assert_int_equal(read_dir(&f, i), i < TRIAL ? 2 : 1);
	files_end_world(&f);
}

static void readdir_gives_all_again_when_it_was_missed(void **state)
{
	struct files_world f;
	unsigned n;

	(void)state;
	make_dirs(&f);
	for (int i = 0; i < TRIAL + 1; i++)
		read_dir(&f, i);
	n = f.g->n_seen[WIRE_STAT];
	look(&f, "d8/f0");
	assert_int_equal(f.g->n_seen[WIRE_STAT], n); /* the listing tells */
	for (int i = 0; i < DIRS; i++)
		assert_int_equal(read_dir(&f, i), 2);
	files_end_world(&f);
}

static void readdir_tries_each_caller_anew(void **state)
{
	struct files_world f;

	(void)state;
	make_dirs(&f);
	for (int i = 0; i < TRIAL + 1; i++)
		read_dir(&f, i);
	kernel_as(f.k, 0, 0, 1);
	assert_int_equal(read_dir(&f, 0), 2);
	files_end_world(&f);
}

static void readdir_shows_the_numbers_that_stat_shows(void **state)
{
	struct files_world f;
	struct fuse_entry_out e;
	const struct fuse_dirent *d;
	const void *data;
	char page[8192];
	size_t len;
	uint64_t id;

	(void)state;
	files_begin_world(&f);
	fake_guest_file(f.g, "d/one", "x");
	fake_guest_dir(f.g, "d/two");
	id = kernel_send_readdir(f.k, look(&f, "d"), 0, 2, sizeof(page));
	assert_int_equal(kernel_wait(f.k, id, &data, &len, KERNEL_MS), 0);
	memcpy(page, data, len);
	for (size_t at = 0; at < len; at += FUSE_DIRENT_SIZE(d)) {
		char path[300];

		d = (void *)(page + at);
		snprintf(path, sizeof(path), "d/%.*s", (int)d->namelen,
		         d->name);
		assert_int_equal(look_at(&f, path, &e), 0);
		assert_int_equal(e.attr.ino, d->ino);
		assert_int_equal(e.attr.mode >> 12, d->type);
	}
	files_end_world(&f);
}

static void readdir_that_two_read_is_asked_for_once(void **state)
{
	struct files_world f;
	uint64_t node;
	uint64_t ids[5];

	(void)state;
	begin(&f);
	node = look(&f, "d");
	f.g->hold = WIRE_LIST;
	for (int i = 0; i < 5; i++)
		ids[i] = kernel_send_readdir(f.k, node, 0, 0, 4096);
	wait_seen(&f, WIRE_LIST, 1);
	world_settle(&f.w);
	hands_turn(f.w.hands, 1000);
	kernel_send_interrupt(f.k, ids[2]);
	assert_int_equal(kernel_wait(f.k, ids[2], NULL, NULL, KERNEL_MS),
	                 -EINTR);
	f.g->hold = 0;
	fake_guest_answer_all(f.g);
	for (int i = 0; i < 5; i++)
		if (i != 2)
			assert_int_equal(kernel_wait(f.k, ids[i], NULL, NULL,
			                             KERNEL_MS),
			                 0);
	assert_int_equal(f.g->n_seen[WIRE_LIST], 1);
	files_end_world(&f);
}

static void readdir_that_fails_says_why(void **state)
{
	struct files_world f;
	struct reading r = { .f = &f, .size = 4096 };

	(void)state;
	begin(&f);
	r.node = look(&f, "d");
	f.g->err[WIRE_LIST] = EACCES;
	assert_false(read_part(&r));
	assert_int_equal(r.err, -EACCES);
	f.g->err[WIRE_LIST] = 0;
	/* A part in the middle makes no sense. */
	f.g->list_part = 50;
	f.g->fault = FAKE_CUT;
	f.g->fault_after = 2;
	f.g->fault_once = true;
	assert_false(read_part(&r));
	assert_int_equal(r.err, -EIO);
	/* The agent dies in the middle. */
	f.g->fault = FAKE_DIE;
	f.g->fault_after = 2;
	assert_false(read_part(&r));
	assert_int_equal(r.err, -EIO);
	f.g->fault = FAKE_NONE;
	while (read_part(&r))
		;
	assert_int_equal(r.err, 0);
	for (int j = 0; j < N; j++)
		assert_int_equal(r.seen[j], 1);
	files_end_world(&f);
}

static void readdir_of_nothing_has_two_names(void **state)
{
	struct files_world f;
	struct reading r = { .f = &f, .size = 4096, .plus = true };

	(void)state;
	files_begin_world(&f);
	fake_guest_dir(f.g, "empty");
	r.node = look(&f, "empty");
	while (read_part(&r))
		;
	assert_int_equal(r.n_others, 2);
	/* A part that not even one name fits into is the end. */
	r.offset = 0;
	r.size = 10;
	assert_false(read_part(&r));
	files_end_world(&f);
}

static void readdir_without_memory_is_answered(void **state)
{
	unsigned n = 0;

	(void)state;
	for (;;) {
		struct files_world f;
		struct reading r = { .f = &f, .size = 65536, .plus = true };
		bool more;

		files_begin_world(&f);
		for (int i = 0; i < 5; i++) {
			char name[16];

			snprintf(name, sizeof(name), "d/f%d", i);
			fake_guest_file(f.g, name, "x");
		}
		r.node = look(&f, "d");
		more = fail_alloc_next(&n);
		while (read_part(&r))
			;
		more = more && fail_alloc_reached();
		fail_alloc_off();
		if (!r.err)
			for (int j = 0; j < 5; j++)
				assert_int_equal(r.seen[j], 1);
		files_end_world(&f);
		if (!more)
			break;
	}
	assert_true(n > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readdir_gives_each_name_once),
		cmocka_unit_test(
			readdir_gives_what_stays_once_while_others_come_and_go),
		cmocka_unit_test(
			readdir_that_changes_all_the_time_is_asked_for_once),
		cmocka_unit_test(readdir_that_is_overtaken_is_read_on),
		cmocka_unit_test(readdir_that_many_read_are_right),
		cmocka_unit_test(
			readdir_that_is_overtaken_by_a_loss_is_watched_anew),
		cmocka_unit_test(
			readdir_gives_who_wants_names_no_more_than_directories),
		cmocka_unit_test(readdir_gives_all_again_when_it_was_missed),
		cmocka_unit_test(readdir_tries_each_caller_anew),
		cmocka_unit_test(readdir_shows_the_numbers_that_stat_shows),
		cmocka_unit_test(readdir_that_two_read_is_asked_for_once),
		cmocka_unit_test(readdir_that_fails_says_why),
		cmocka_unit_test(readdir_of_nothing_has_two_names),
		cmocka_unit_test(readdir_without_memory_is_answered),
	};

	signal(SIGPIPE, SIG_IGN); /* as in the daemon */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
