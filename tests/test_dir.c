/*
 * What listings give: each name once, in order, in parts of any size, while
 * machines come and go; and what readdirplus makes the kernel remember.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tests/puppet.h"
#include "tests/world.h"

enum { NAMES_MAX = 1 << 20 };

/* A listing being read, part by part. */
struct reading {
	struct world *w;
	uint64_t node;
	uint64_t offset;
	uint32_t size; /* of a part */
	bool plus;
	char *names; /* "a b c " */
	uint64_t looked_up[64];
	size_t n_looked_up;
};

static void begin(struct world *w)
{
	world_begin(w, &(struct world_spec){ .engine = puppet_new() });
	puppet_add(w->engine, "up", "1", MACHINE_RUNNING);
	puppet_add(w->engine, "off", "2", MACHINE_STOPPED);
	puppet_add(w->engine, "third", "3", MACHINE_STOPPED);
	puppet_at_once(w->engine, true);
}

static void end(struct world *w)
{
	world_end(w, puppet_stop);
	puppet_free(w->engine);
}

static void listing_begin(struct reading *l, struct world *w, const char *path,
                          uint32_t size, bool plus)
{
	struct fuse_entry_out e;
	struct fuse_open_out open;

	assert_int_equal(kernel_walk(w->kernel, path, &e), 0);
	*l = (struct reading){
		.w = w, .node = e.nodeid, .size = size, .plus = plus
	};
	l->names = calloc(1, NAMES_MAX);
	assert_non_null(l->names);
	assert_int_equal(kernel_opendir(w->kernel, l->node, &open), 0);
}

static void listing_end(struct reading *l)
{
	assert_int_equal(kernel_releasedir(l->w->kernel, l->node, 0), 0);
	free(l->names);
}

static void take_name(struct reading *l, const struct fuse_dirent *d)
{
	size_t len = strlen(l->names);

	assert_true(len + d->namelen + 2 < NAMES_MAX);
	assert_true(d->off > l->offset);
	l->offset = d->off;
	memcpy(l->names + len, d->name, d->namelen);
	l->names[len + d->namelen] = ' ';
}

/* Read one part; false: it was the end. */
static bool listing_read(struct reading *l)
{
	struct kernel *k = l->w->kernel;
	uint64_t id = l->plus ? kernel_send_readdirplus(k, l->node, 0,
	                                                l->offset, l->size)
	                      : kernel_send_readdir(k, l->node, 0, l->offset,
	                                            l->size);
	const char *data;
	size_t len, step;

	assert_int_equal(
		kernel_wait(k, id, (const void **)&data, &len, KERNEL_MS), 0);
	assert_true(len <= l->size);
	for (size_t at = 0; at < len; at += step) {
		const struct fuse_direntplus *plus = (const void *)(data + at);
		const struct fuse_dirent *d = (const void *)(data + at);

		if (l->plus) {
			d = &plus->dirent;
			step = FUSE_DIRENTPLUS_SIZE(plus);
			assert_int_equal(d->type,
			                 (plus->entry_out.attr.mode & S_IFMT) >>
			                         12);
			if (plus->entry_out.nodeid && l->n_looked_up < 64)
				l->looked_up[l->n_looked_up++] =
					plus->entry_out.nodeid;
		} else {
			step = FUSE_DIRENT_SIZE(d);
		}
		assert_true(at + step <= len);
		take_name(l, d);
	}
	return len > 0;
}

static void listing_read_all(struct reading *l)
{
	while (listing_read(l))
		;
}

static void assert_lists(struct world *w, const char *path, uint32_t size,
                         bool plus, const char *names)
{
	struct reading l;

	listing_begin(&l, w, path, size, plus);
	listing_read_all(&l);
	assert_string_equal(l.names, names);
	listing_end(&l);
}

static void dir_lists_are_the_same_in_parts_of_any_size(void **state)
{
	static const struct {
		const char *path;
		const char *names;
	} rows[] = {
		{ "", ". .. .by .images .orbfs up off third " },
		{ ".orbfs",
		  ". .. version stats error config ctl create events engine " },
		{ "off",
		  ". .. state ip config exec error log stats archive.tar.zst run snapshots files " },
		{ "off/run", ". .. last " },
		{ "off/run/last", ". .. cmd out err status " },
	};
	static const uint32_t sizes[] = { 200, 256, 1000, 4096, 1 << 20 };
	struct world w;

	(void)state;
	begin(&w);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (int j = 0; j < 5; j++) {
			assert_lists(&w, rows[i].path, sizes[j], false,
			             rows[i].names);
			assert_lists(&w, rows[i].path, sizes[j], true,
			             rows[i].names);
		}
	/* One name at a time. */
	assert_lists(&w, "off", 48, false, rows[2].names);
	assert_int_equal(puppet_asked(w.engine, ENGINE_LIST), 1);
	end(&w);
}

static void dir_part_without_room_for_a_name_is_empty(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	assert_lists(&w, "off", 8, false, "");
	assert_lists(&w, "off", 0, false, "");
	end(&w);
}

static void dir_list_goes_on_while_machines_come_and_go(void **state)
{
	struct world w;
	struct reading l;

	(void)state;
	begin(&w);
	/* Room for a name or two at a time. */
	listing_begin(&l, &w, "", 64, false);
	while (!strstr(l.names, "up"))
		assert_true(listing_read(&l));
	/* The one just read goes, one that was not yet read too, one comes. */
	puppet_remove(w.engine, "up");
	puppet_remove(w.engine, "off");
	puppet_add(w.engine, "fourth", "4", MACHINE_STOPPED);
	hands_turn(w.hands, WORLD_TTL_MS);
	assert_int_equal(kernel_lookup(w.kernel, KERNEL_ROOT, "fourth", NULL),
	                 0);
	listing_read_all(&l);
	listing_end(&l);
	end(&w);
}

static void dir_list_shows_who_stays_exactly_once(void **state)
{
	struct world w;
	struct reading l;
	char name[32];

	(void)state;
	begin(&w);
	for (int i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "stay%d", i);
		puppet_add(w.engine, name, name, MACHINE_STOPPED);
		snprintf(name, sizeof(name), "go%d", i);
		puppet_add(w.engine, name, name, MACHINE_STOPPED);
	}
	listing_begin(&l, &w, "", 200, true);
	for (int i = 0; listing_read(&l); i++) {
		snprintf(name, sizeof(name), "go%d", i);
		puppet_remove(w.engine, name);
		snprintf(name, sizeof(name), "come%d", i);
		puppet_add(w.engine, name, name, MACHINE_STOPPED);
		hands_turn(w.hands, WORLD_TTL_MS);
		if (i < 50)
			assert_int_equal(kernel_lookup(w.kernel, KERNEL_ROOT,
			                               name, NULL),
			                 0);
		assert_true(i < 1000);
		if (i >= 60)
			l.size = 1 << 16;
	}
	for (int i = 0; i < 50; i++) {
		const char *first;

		snprintf(name, sizeof(name), " stay%d ", i);
		first = strstr(l.names, name);
		assert_non_null(first);
		assert_null(strstr(first + 1, name));
	}
	listing_end(&l);
	end(&w);
}

static void dir_opening_asks_for_a_fresh_list(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	assert_lists(&w, "", 4096, false,
	             ". .. .by .images .orbfs up off third ");
	puppet_remove(w.engine, "off");
	hands_turn(w.hands, WORLD_TTL_MS);
	assert_lists(&w, "", 4096, false, ". .. .by .images .orbfs up third ");
	end(&w);
}

static void dir_opening_without_an_engine_fails(void **state)
{
	struct world w;
	struct fuse_open_out open;

	(void)state;
	begin(&w);
	puppet_refuse(w.engine, -ENODEV);
	assert_int_equal(kernel_opendir(w.kernel, KERNEL_ROOT, &open), -ENODEV);
	/* What is ours needs no engine. */
	assert_lists(
		&w, ".orbfs", 4096, false,
		". .. version stats error config ctl create events engine ");
	end(&w);
}

static void dir_of_ten_thousand_is_complete_and_costs_one_list(void **state)
{
	struct world w;
	struct reading l;
	char name[32];
	size_t n = 0;

	(void)state;
	begin(&w);
	for (int i = 0; i < 10000; i++) {
		snprintf(name, sizeof(name), "machine-%d", i);
		puppet_add(w.engine, name, name, MACHINE_STOPPED);
	}
	listing_begin(&l, &w, "", 4096, false);
	listing_read_all(&l);
	for (const char *c = l.names; *c; c++)
		n += *c == ' ';
	assert_int_equal(n, 10000 + 4 + 4);
	assert_int_equal(puppet_asked(w.engine, ENGINE_LIST), 1);
	listing_end(&l);
	end(&w);
}

/* ---- readdirplus --------------------------------------------------------- */

static void dir_plus_counts_as_lookups(void **state)
{
	struct world w;
	struct reading l;
	size_t n;

	(void)state;
	begin(&w);
	n = nodes_count(w.fs->nodes);
	listing_begin(&l, &w, "", 4096, true);
	listing_read_all(&l);
	/* Three machines, .by, .images and .orbfs. */
	assert_int_equal(l.n_looked_up, 6);
	assert_int_equal(nodes_count(w.fs->nodes), n + 6);
	for (size_t i = 0; i < 6; i++) {
		struct node *node = nodes_find(w.fs->nodes, l.looked_up[i]);

		assert_int_equal(node->lookups, 1);
		kernel_send_forget(w.kernel, l.looked_up[i], 1);
	}
	world_settle(&w);
	assert_int_equal(nodes_count(w.fs->nodes), n);
	listing_end(&l);
	end(&w);
}

static void dir_plus_makes_no_nodes_for_names_that_had_no_room(void **state)
{
	struct world w;
	struct reading l;

	(void)state;
	begin(&w);
	listing_begin(&l, &w, "", 400, true);
	while (listing_read(&l)) {
		size_t n = 1; /* the root */

		/* Exactly what was told is known. */
		n += l.n_looked_up;
		assert_int_equal(nodes_count(w.fs->nodes), n);
	}
	listing_end(&l);
	end(&w);
}

static void dir_plus_leaves_own_inodes_to_a_lookup(void **state)
{
	struct world w;
	struct reading l;

	(void)state;
	begin(&w);
	listing_begin(&l, &w, "off", 8192, true);
	listing_read_all(&l);
	/* ip, error, log, stats, archive.tar.zst, run, snapshots; not state,
	 * config, exec, files. */
	assert_int_equal(l.n_looked_up, 7);
	for (size_t i = 0; i < l.n_looked_up; i++)
		assert_int_equal(
			nodes_find(w.fs->nodes, l.looked_up[i])->entry->flags &
				ENTRY_OWN_INODE,
			0);
	listing_end(&l);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dir_lists_are_the_same_in_parts_of_any_size),
		cmocka_unit_test(dir_part_without_room_for_a_name_is_empty),
		cmocka_unit_test(dir_list_goes_on_while_machines_come_and_go),
		cmocka_unit_test(dir_list_shows_who_stays_exactly_once),
		cmocka_unit_test(dir_opening_asks_for_a_fresh_list),
		cmocka_unit_test(dir_opening_without_an_engine_fails),
		cmocka_unit_test(
			dir_of_ten_thousand_is_complete_and_costs_one_list),
		cmocka_unit_test(dir_plus_counts_as_lookups),
		cmocka_unit_test(
			dir_plus_makes_no_nodes_for_names_that_had_no_room),
		cmocka_unit_test(dir_plus_leaves_own_inodes_to_a_lookup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
