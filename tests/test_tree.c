/*
 * What tree.h promises: files with their names, however they are moved about,
 * and listings that say what is true or nothing.
 *
 * check() looks at all that holds between acts: each name finds its file, a
 * directory has one name and is not below itself, a path leads back to its
 * file, listings are sorted, watches are found.
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

#include "cache/shelf.h"
#include "cache/tree.h"
#include "tests/fail_alloc.h"
#include "tests/hands.h"

enum { TTL_MS = 1000, MOST = 64, N_ACTS = 20000, N_MANY = 50000 };

struct fixture {
	struct hands *hands;
	struct tree *tree;
	struct file *root;
	uint64_t unwatched[MOST];
	unsigned n_unwatched;
	unsigned n_unused;
	struct file *held[MOST]; /* by the test */
	size_t n_held;
};

static void on_unwatch(void *arg, uint64_t watch)
{
	struct fixture *f = arg;

	f->unwatched[f->n_unwatched++ % MOST] = watch;
}

static void on_unused(void *arg)
{
	((struct fixture *)arg)->n_unused++;
}

static void begin(struct fixture *f)
{
	*f = (struct fixture){ .hands = hands_new() };
	f->tree = tree_new(&(struct tree_spec){
		.clock = hands_clock(f->hands),
		.ttl_ms = TTL_MS,
		.unwatch = on_unwatch,
		.unused = on_unused,
		.arg = f,
	});
	if (f->tree)
		f->root = tree_root(f->tree);
}

/* ---- the checker --------------------------------------------------------- */

static struct file *walk(struct fixture *f, const char *path)
{
	struct file *file = f->root;
	char name[256];

	while (file && *path) {
		size_t len = strcspn(path, "/");

		snprintf(name, sizeof(name), "%.*s", (int)len, path);
		file = tree_find(file, name);
		path += len;
		path += *path == '/';
	}
	return file;
}

struct names {
	struct file *file;
	unsigned n;
};

static void check_name(void *arg, struct file *dir, const char *name)
{
	struct names *names = arg;

	assert_ptr_equal(tree_find(dir, name), names->file);
	names->n++;
}

static void check_file(struct fixture *f, struct file *file)
{
	struct names names = { .file = file };
	struct buf b = BUF_INIT(WIRE_PATH_MAX);
	int depth = -1;

	file_each_name(file, check_name, &names);
	if (file_is_dir(file))
		assert_true(names.n <= 1);
	if (file->watch)
		assert_ptr_equal(tree_watched(f->tree, file->watch), file);
	assert_true(!file->watched || file->watch);
	for (size_t i = 1; file->listing && i < file->listing->n; i++)
		assert_true(file->listing->v[i - 1].hash <=
		            file->listing->v[i].hash);
	if (tree_path(file, &b) == 0) {
		assert_ptr_equal(walk(f, b.data ? b.data : ""), file);
		for (const char *p = b.data; p && *p; p++)
			depth += *p == '/';
		if (file != f->root)
			assert_int_equal(tree_depth(file), depth + 1);
	} else {
		assert_int_equal(tree_depth(file), -ESTALE);
	}
	buf_free(&b);
}

static void check(struct fixture *f)
{
	size_t n_listed = 0;

	for (size_t i = 0; i < f->n_held; i++) {
		check_file(f, f->held[i]);
		if (f->held[i]->listing)
			n_listed += f->held[i]->listing->n;
	}
	assert_true(n_listed <= SHELF_MAX || f->n_held == 1);
	assert_true(tree_count(f->tree) >= 1);
}

static void end(struct fixture *f)
{
	check(f);
	while (f->n_held)
		file_unref(f->held[--f->n_held]);
	assert_int_equal(tree_count(f->tree), 1);
	assert_int_equal(f->n_unused, 0);
	tree_free(f->tree);
	assert_int_equal(f->n_unused, 1);
	hands_free(f->hands);
}

/* ---- acts ---------------------------------------------------------------- */

static struct wire_attr attr_of(uint64_t ino, uint32_t type)
{
	return (struct wire_attr){
		.dev = 1, .ino = ino, .mode = type | 0644, .nlink = 1
	};
}

/* Enter a name and hold its file until the end. */
static struct file *enter(struct fixture *f, struct file *dir, const char *name,
                          uint64_t ino, uint32_t type)
{
	struct wire_attr attr = attr_of(ino, type);
	struct file *file = tree_enter(dir, name, &attr);

	assert_non_null(file);
	assert_true(f->n_held < MOST);
	f->held[f->n_held++] = file;
	check(f);
	return file;
}

static void expect_path(const struct file *file, const char *path)
{
	struct buf b = BUF_INIT(WIRE_PATH_MAX);

	assert_int_equal(tree_path(file, &b), 0);
	assert_string_equal(b.data ? b.data : "", path);
	buf_free(&b);
}

static void expect_stale(const struct file *file)
{
	struct buf b = BUF_INIT(WIRE_PATH_MAX);

	assert_int_equal(tree_path(file, &b), -ESTALE);
	assert_int_equal(tree_depth(file), -ESTALE);
	buf_free(&b);
}

static struct listing *list(struct fixture *f, struct file *dir, unsigned n)
{
	struct listing *listing = listing_new();
	char name[32];

	(void)f;
	assert_non_null(listing);
	for (unsigned i = 0; i < n; i++) {
		struct wire_attr attr = attr_of(1000 + i, S_IFREG);

		snprintf(name, sizeof(name), "f%u", i);
		assert_int_equal(listing_add(listing, name, &attr, ""), 0);
	}
	listing_sort(listing);
	tree_set_listing(dir, listing);
	return listing;
}

static void set_list(struct fixture *f, struct file *dir, unsigned n)
{
	listing_unref(list(f, dir, n));
}

/* ---- files and names ----------------------------------------------------- */

static void tree_knows_files_by_their_names(void **state)
{
	struct fixture f;
	struct file *dir;
	struct file *file;
	struct buf b = BUF_INIT(WIRE_PATH_MAX);

	(void)state;
	begin(&f);
	dir = enter(&f, f.root, "etc", 10, S_IFDIR);
	file = enter(&f, dir, "hosts", 11, S_IFREG);
	expect_path(f.root, "");
	expect_path(dir, "etc");
	expect_path(file, "etc/hosts");
	assert_int_equal(tree_depth(f.root), 0);
	assert_int_equal(tree_depth(dir), 0);
	assert_int_equal(tree_depth(file), 1);
	assert_int_equal(tree_path_of(dir, "new", &b), 0);
	assert_string_equal(b.data, "etc/new");
	buf_reset(&b);
	assert_int_equal(tree_path_of(f.root, "new", &b), 0);
	assert_string_equal(b.data, "new");
	buf_free(&b);
	/* Again: the same. */
	assert_ptr_equal(enter(&f, dir, "hosts", 11, S_IFREG), file);
	assert_ptr_equal(tree_find(dir, "hosts"), file);
	assert_null(tree_find(dir, "host"));
	assert_null(tree_find(f.root, "hosts"));
	assert_ptr_equal(tree_arg(f.tree), &f);
	end(&f);
}

static void tree_gives_hard_links_one_file(void **state)
{
	struct fixture f;
	struct file *dir;
	struct file *file;

	(void)state;
	begin(&f);
	dir = enter(&f, f.root, "d", 10, S_IFDIR);
	file = enter(&f, f.root, "one", 11, S_IFREG);
	assert_ptr_equal(enter(&f, dir, "two", 11, S_IFREG), file);
	tree_leave(f.root, "one");
	check(&f);
	expect_path(file, "d/two");
	tree_leave(dir, "two");
	check(&f);
	expect_stale(file);
	/* The number may be another's now, the file is still held. */
	assert_ptr_not_equal(enter(&f, dir, "two", 11, S_IFREG), file);
	end(&f);
}

/* Others may have gone without a word. */
static void tree_goes_by_the_name_that_was_said_last(void **state)
{
	struct fixture f;
	struct file *dir;
	struct file *file;

	(void)state;
	begin(&f);
	dir = enter(&f, f.root, "d", 10, S_IFDIR);
	file = enter(&f, f.root, "one", 11, S_IFREG);
	enter(&f, f.root, "three", 11, S_IFREG);
	enter(&f, dir, "two", 11, S_IFREG);
	expect_path(file, "d/two");
	enter(&f, f.root, "one", 11, S_IFREG);
	expect_path(file, "one");
	enter(&f, f.root, "one", 11, S_IFREG);
	expect_path(file, "one");
	tree_leave(f.root, "d");
	tree_leave(f.root, "one");
	enter(&f, f.root, "three", 11, S_IFREG);
	expect_path(file, "three");
	end(&f);
}

static void tree_tells_kinds_apart_that_have_one_number(void **state)
{
	struct fixture f;
	struct file *file;
	struct file *dir;

	(void)state;
	begin(&f);
	file = enter(&f, f.root, "a", 11, S_IFREG);
	dir = enter(&f, f.root, "b", 11, S_IFDIR);
	assert_ptr_not_equal(dir, file);
	assert_ptr_not_equal(enter(&f, f.root, "a", 11, S_IFDIR), file);
	expect_stale(file);
	expect_path(dir, "a"); /* a directory has one name */
	end(&f);
}

static void tree_gives_each_name_of_a_link_its_own_depth(void **state)
{
	struct fixture f;
	struct file *dir;
	struct file *deep;
	struct file *high;

	(void)state;
	begin(&f);
	dir = enter(&f, f.root, "d", 10, S_IFDIR);
	high = enter(&f, f.root, "l", 11, S_IFLNK);
	deep = enter(&f, dir, "l", 11, S_IFLNK);
	assert_ptr_not_equal(high, deep);
	assert_int_equal(tree_depth(high), 0);
	assert_int_equal(tree_depth(deep), 1);
	tree_leave(f.root, "l");
	expect_stale(high);
	tree_rename(dir, "l", f.root, "m", false);
	check(&f);
	assert_int_equal(tree_depth(deep), 0);
	end(&f);
}

static void tree_moves_all_that_is_below_a_directory(void **state)
{
	struct fixture f;
	struct file *a;
	struct file *b;
	struct file *file;

	(void)state;
	begin(&f);
	a = enter(&f, f.root, "a", 10, S_IFDIR);
	b = enter(&f, a, "b", 11, S_IFDIR);
	file = enter(&f, b, "file", 12, S_IFREG);
	tree_rename(a, "b", f.root, "c", false);
	check(&f);
	expect_path(file, "c/file");
	assert_int_equal(tree_depth(file), 1);
	tree_rename(f.root, "a", b, "a", false);
	check(&f);
	expect_path(a, "c/a");
	/* Over an existing one, which loses its name. */
	tree_rename(b, "file", f.root, "c2", false);
	enter(&f, f.root, "other", 13, S_IFREG);
	tree_rename(f.root, "c2", f.root, "other", false);
	check(&f);
	expect_path(file, "other");
	expect_stale(f.held[3]);
	end(&f);
}

/* Others tell of it as of a move there and one back, which it is not. */
static void tree_takes_no_exchange_by_others_for_two_moves(void **state)
{
	struct fixture f;
	struct file *one;
	struct file *two;

	(void)state;
	begin(&f);
	one = enter(&f, f.root, "one", 10, S_IFDIR);
	two = enter(&f, f.root, "two", 11, S_IFDIR);
	tree_moved(f.root, "one", f.root, "two");
	check(&f);
	expect_path(one, "two");
	expect_stale(two);
	tree_moved(f.root, "two", f.root, "one");
	check(&f);
	expect_stale(one);
	expect_stale(two);
	/* On and on is no exchange. */
	one = enter(&f, f.root, "two", 10, S_IFDIR);
	two = enter(&f, f.root, "one", 11, S_IFDIR);
	tree_moved(f.root, "two", two, "there");
	tree_moved(two, "there", f.root, "two");
	expect_stale(one);
	one = enter(&f, f.root, "two", 10, S_IFDIR);
	tree_moved(f.root, "two", two, "there");
	tree_moved(two, "there", two, "two");
	tree_moved(two, "two", f.root, "there");
	check(&f);
	expect_path(one, "there");
	tree_moved(f.root, "nobody", f.root, "there");
	check(&f);
	expect_stale(one);
	end(&f);
}

static void tree_exchanges_names(void **state)
{
	struct fixture f;
	struct file *dir;
	struct file *file;
	struct file *below;

	(void)state;
	begin(&f);
	dir = enter(&f, f.root, "dir", 10, S_IFDIR);
	below = enter(&f, dir, "x", 11, S_IFREG);
	file = enter(&f, f.root, "file", 12, S_IFREG);
	tree_rename(f.root, "dir", f.root, "file", true);
	check(&f);
	expect_path(dir, "file");
	expect_path(file, "dir");
	expect_path(below, "file/x");
	/* Found by their numbers, as before. */
	assert_ptr_equal(enter(&f, f.root, "again", 12, S_IFREG), file);
	/* One is not known. */
	tree_rename(f.root, "dir", f.root, "nobody", true);
	check(&f);
	assert_null(tree_find(f.root, "dir"));
	assert_ptr_equal(tree_find(f.root, "nobody"), file);
	tree_rename(f.root, "never", f.root, "seen", false);
	end(&f);
}

static void tree_leaves_two_names_of_one_file_alone(void **state)
{
	struct fixture f;
	struct file *file;

	(void)state;
	begin(&f);
	file = enter(&f, f.root, "a", 11, S_IFREG);
	enter(&f, f.root, "b", 11, S_IFREG);
	tree_rename(f.root, "a", f.root, "b", false);
	check(&f);
	assert_ptr_equal(tree_find(f.root, "a"), file);
	assert_ptr_equal(tree_find(f.root, "b"), file);
	end(&f);
}

static void tree_follows_directories_that_the_guest_moved(void **state)
{
	struct fixture f;
	struct file *a;
	struct file *b;

	(void)state;
	begin(&f);
	a = enter(&f, f.root, "a", 10, S_IFDIR);
	b = enter(&f, a, "b", 11, S_IFDIR);
	/* b came up, then a went below it. */
	assert_ptr_equal(enter(&f, f.root, "b", 11, S_IFDIR), b);
	assert_null(tree_find(a, "b"));
	assert_ptr_equal(enter(&f, b, "a", 10, S_IFDIR), a);
	expect_path(a, "b/a");
	expect_path(b, "b");
	end(&f);
}

static void tree_has_no_directory_below_itself(void **state)
{
	struct fixture f;
	struct file *mnt;
	struct file *bind;
	struct file *below;

	(void)state;
	begin(&f);
	/* mount --bind / /mnt/bind */
	mnt = enter(&f, f.root, "mnt", 10, S_IFDIR);
	bind = enter(&f, mnt, "bind", 2, S_IFDIR);
	below = enter(&f, bind, "mnt", 10, S_IFDIR);
	assert_ptr_not_equal(below, mnt);
	expect_path(mnt, "mnt");
	expect_path(below, "mnt/bind/mnt");
	enter(&f, below, "bind", 2, S_IFDIR);
	enter(&f, mnt, "self", 10, S_IFDIR);
	expect_path(mnt, "mnt");
	/* What no guest can have done. */
	tree_rename(f.root, "mnt", bind, "x", false);
	check(&f);
	end(&f);
}

static void tree_keeps_what_is_above_a_file_that_is_held(void **state)
{
	struct fixture f;
	struct wire_attr attr = attr_of(10, S_IFDIR);
	struct file *dir;

	(void)state;
	begin(&f);
	dir = tree_enter(f.root, "d", &attr);
	enter(&f, dir, "x", 11, S_IFREG);
	file_unref(dir);
	assert_int_equal(tree_count(f.tree), 3);
	expect_path(f.held[0], "d/x");
	assert_ptr_equal(tree_find(f.root, "d"), dir);
	end(&f);
}

/* A directory that passed for a file would get a second name, and could come to
 * be below itself by one. */
static void tree_keeps_what_kind_a_file_is(void **state)
{
	struct fixture f;
	struct wire_attr attr = attr_of(10, S_IFREG);
	struct file *dir;
	struct file *other;

	(void)state;
	begin(&f);
	dir = enter(&f, f.root, "d", 10, S_IFDIR);
	other = enter(&f, f.root, "e", 11, S_IFDIR);
	file_set_attr(dir, &attr);
	assert_true(file_is_dir(dir));
	assert_int_equal(file_sure_ms(dir), 0);
	assert_ptr_not_equal(enter(&f, other, "n", 10, S_IFREG), dir);
	assert_ptr_not_equal(enter(&f, f.root, "x", 10, S_IFREG), dir);
	tree_rename(f.root, "e", dir, "e", false);
	expect_path(other, "d/e");
	end(&f);
}

static void tree_lives_until_the_last_file_goes(void **state)
{
	struct fixture f;
	struct wire_attr attr = attr_of(10, S_IFDIR);
	struct file *dir;
	struct file *file;

	(void)state;
	begin(&f);
	dir = tree_enter(f.root, "d", &attr);
	attr = attr_of(11, S_IFREG);
	file = tree_enter(dir, "x", &attr);
	file_unref(dir);
	tree_free(f.tree);
	assert_int_equal(f.n_unused, 0);
	expect_path(file, "d/x");
	file_unref(file);
	assert_int_equal(f.n_unused, 1);
	hands_free(f.hands);
}

/* ---- attributes ---------------------------------------------------------- */

static void tree_relies_on_attributes_as_long_as_it_may(void **state)
{
	struct fixture f;
	struct file *file;
	struct wire_attr attr;

	(void)state;
	begin(&f);
	file = enter(&f, f.root, "x", 11, S_IFREG);
	assert_int_equal(file_sure_ms(file), TTL_MS);
	hands_turn(f.hands, TTL_MS);
	assert_int_equal(file_sure_ms(file), 0);
	assert_true(tree_watch(f.root) > 0);
	attr = attr_of(11, S_IFREG);
	file_set_attr(file, &attr);
	assert_int_equal(file_sure_ms(file), TTL_MS); /* nobody said so yet */
	tree_set_watched(f.root, true);
	file_set_attr(file, &attr);
	assert_int_equal(file_sure_ms(file), TREE_SURE_MS);
	assert_true(file_is_watched(file));
	attr.nlink = 2; /* changes through the other name */
	file_set_attr(file, &attr);
	assert_int_equal(file_sure_ms(file), TTL_MS);
	attr.nlink = 1;
	attr.flags = WIRE_ATTR_VOLATILE;
	file_set_attr(file, &attr);
	assert_int_equal(file_sure_ms(file), 0);
	attr.flags = 0;
	file_set_attr(file, &attr);
	file_spoil(file);
	assert_int_equal(file_sure_ms(file), 0);
	tree_forget_listing(f.root);
	assert_false(file_is_watched(file));
	end(&f);
}

static void tree_knows_who_has_no_extended_attributes(void **state)
{
	struct fixture f;
	struct file *file;
	struct wire_attr attr = attr_of(11, S_IFREG);

	(void)state;
	begin(&f);
	file = enter(&f, f.root, "x", 11, S_IFREG);
	assert_true(file_has_no_xattrs(file));
	file_writes(file);
	assert_true(file_has_no_xattrs(file));
	file_wrote(file);
	assert_true(file_has_no_xattrs(file));
	assert_int_equal(file_sure_ms(file), 0);
	file_spoil(file);
	assert_false(file_has_no_xattrs(file));
	attr.flags = WIRE_ATTR_XATTRS;
	file_set_attr(file, &attr);
	assert_false(file_has_no_xattrs(file));
	end(&f);
}

/* ---- listings ------------------------------------------------------------ */

static void tree_answers_from_a_listing(void **state)
{
	struct fixture f;
	const struct listed *listed;

	(void)state;
	begin(&f);
	assert_false(tree_listed(f.root, "f1", &listed));
	set_list(&f, f.root, 100);
	check(&f);
	for (int i = 0; i < 100; i++) {
		char name[32];

		snprintf(name, sizeof(name), "f%d", i);
		assert_true(tree_listed(f.root, name, &listed));
		assert_string_equal(listed->name, name);
		assert_int_equal(listed->attr.ino, 1000 + i);
		assert_true(
			tree_listed_is_sure(f.root, f.root->listing, listed));
	}
	assert_true(tree_listed(f.root, "g", &listed));
	assert_null(listed);
	hands_turn(f.hands, TTL_MS);
	assert_false(tree_listed(f.root, "f1", &listed));
	assert_false(tree_is_listed(f.root));
	tree_watch(f.root);
	tree_set_watched(f.root, true);
	set_list(&f, f.root, 0);
	hands_turn(f.hands, TREE_SURE_MS - 1);
	assert_true(tree_listed(f.root, "f1", &listed));
	hands_turn(f.hands, 1);
	assert_false(tree_is_listed(f.root));
	end(&f);
}

static void tree_is_not_sure_of_what_we_write_to(void **state)
{
	struct fixture f;
	const struct listed *listed;
	const struct wire_attr attr = attr_of(1001, S_IFREG);
	struct file *file;

	(void)state;
	begin(&f);
	set_list(&f, f.root, 100);
	file = enter(&f, f.root, "f1", 1001, S_IFREG);
	assert_true(file_sure_ms(file) > 0);
	file_writes(file);
	file_writes(file);
	file_wrote(file);
	assert_int_equal(file_sure_ms(file), 0);
	/* What comes now was asked for before, perhaps. */
	file_set_attr(file, &attr);
	assert_int_equal(file_sure_ms(file), 0);
	assert_true(file_has_no_xattrs(file));
	set_list(&f, f.root, 100);
	assert_true(tree_listed(f.root, "f1", &listed));
	assert_false(tree_listed_is_sure(f.root, f.root->listing, listed));
	assert_true(tree_listed(f.root, "f2", &listed));
	assert_true(tree_listed_is_sure(f.root, f.root->listing, listed));
	file_wrote(file);
	assert_int_equal(file_sure_ms(file), 0);
	assert_true(tree_listed(f.root, "f1", &listed));
	assert_false(tree_listed_is_sure(f.root, f.root->listing, listed));
	set_list(&f, f.root, 100);
	assert_true(tree_listed(f.root, "f1", &listed));
	assert_true(tree_listed_is_sure(f.root, f.root->listing, listed));
	file_set_attr(file, &attr);
	assert_true(file_sure_ms(file) > 0);
	end(&f);
}

static void tree_changes_a_listing_as_we_change_the_directory(void **state)
{
	struct fixture f;
	const struct listed *listed;
	struct wire_attr attr = attr_of(7, S_IFLNK);

	(void)state;
	begin(&f);
	set_list(&f, f.root, 20);
	tree_list_change(f.root, "new", &attr, "target");
	check(&f);
	assert_true(tree_listed(f.root, "new", &listed));
	assert_string_equal(listed->target, "target");
	assert_int_equal(f.root->listing->n, 21);
	attr.ino = 8;
	tree_list_change(f.root, "f3", &attr, NULL);
	assert_true(tree_listed(f.root, "f3", &listed));
	assert_int_equal(listed->attr.ino, 8);
	assert_null(listed->target);
	tree_list_change(f.root, "f4", NULL, NULL);
	tree_list_change(f.root, "nobody", NULL, NULL);
	check(&f);
	assert_true(tree_listed(f.root, "f4", &listed));
	assert_null(listed);
	assert_int_equal(f.root->listing->n, 20);
	for (int i = 0; i < 20; i++) {
		char name[32];

		snprintf(name, sizeof(name), "f%d", i);
		tree_list_change(f.root, name, NULL, NULL);
		check(&f);
	}
	assert_int_equal(f.root->listing->n, 1);
	/* A directory without one is none with an empty one. */
	tree_drop_listing(f.root);
	tree_list_change(f.root, "new", &attr, NULL);
	assert_null(f.root->listing);
	end(&f);
}

static void tree_leaves_a_listing_alone_that_somebody_reads(void **state)
{
	struct fixture f;
	struct wire_attr attr = attr_of(7, S_IFREG);
	struct listing *listing;

	(void)state;
	begin(&f);
	listing = list(&f, f.root, 3);
	tree_list_change(f.root, "new", &attr, NULL);
	check(&f);
	assert_null(f.root->listing);
	assert_int_equal(listing->n, 3);
	/* And nothing in it is sure any more, since nobody watches it. */
	for (size_t i = 0; i < listing->n; i++)
		assert_false(
			tree_listed_is_sure(f.root, listing, &listing->v[i]));
	listing_unref(listing);
	end(&f);
}

static void tree_says_what_in_a_listing_is_stale(void **state)
{
	struct fixture f;
	struct listing *listing = listing_new();
	struct wire_attr attr = attr_of(1, S_IFDIR);
	const struct listed *listed;
	uint64_t changes;

	(void)state;
	begin(&f);
	assert_int_equal(listing_add(listing, "dir", &attr, NULL), 0);
	attr = attr_of(2, S_IFREG);
	attr.nlink = 2;
	assert_int_equal(listing_add(listing, "linked", &attr, NULL), 0);
	attr.nlink = 1;
	assert_int_equal(listing_add(listing, "plain", &attr, NULL), 0);
	attr.flags = WIRE_ATTR_VOLATILE;
	assert_int_equal(listing_add(listing, "proc", &attr, NULL), 0);
	listing_sort(listing);
	tree_watch(f.root);
	tree_set_watched(f.root, true);
	tree_set_listing(f.root, listing);
	for (int late = 0; late < 2; late++) {
		tree_listed(f.root, "dir", &listed);
		assert_int_equal(tree_listed_is_sure(f.root, listing, listed),
		                 !late);
		tree_listed(f.root, "linked", &listed);
		assert_int_equal(tree_listed_is_sure(f.root, listing, listed),
		                 !late);
		tree_listed(f.root, "plain", &listed);
		assert_true(tree_listed_is_sure(f.root, listing, listed));
		tree_listed(f.root, "proc", &listed);
		assert_false(tree_listed_is_sure(f.root, listing, listed));
		hands_turn(f.hands, TTL_MS);
	}
	changes = f.root->changes;
	tree_spoil_name(f.root, "plain");
	tree_listed(f.root, "plain", &listed);
	assert_false(tree_listed_is_sure(f.root, listing, listed));
	/* Whoever lists the directory meanwhile has it from before. */
	assert_true(f.root->changes > changes);
	listing_unref(listing);
	end(&f);
}

static void tree_spoils_what_a_listing_says_of_a_file_s_names(void **state)
{
	struct fixture f;
	struct file *dir;
	struct file *file;
	const struct listed *listed;

	(void)state;
	begin(&f);
	dir = enter(&f, f.root, "d", 10, S_IFDIR);
	set_list(&f, f.root, 3);
	set_list(&f, dir, 3);
	file = enter(&f, f.root, "f1", 1001, S_IFREG);
	enter(&f, dir, "f2", 1001, S_IFREG);
	file_spoil(file);
	tree_listed(f.root, "f1", &listed);
	assert_true(listed->stale);
	tree_listed(dir, "f2", &listed);
	assert_true(listed->stale);
	tree_listed(dir, "f1", &listed);
	assert_false(listed->stale);
	end(&f);
}

static void tree_drops_the_oldest_listings(void **state)
{
	enum { PART = SHELF_MAX / 4 };
	struct fixture f;
	struct file *dirs[6];
	const struct listed *listed;
	char name[8];

	(void)state;
	begin(&f);
	for (unsigned i = 0; i < 6; i++) {
		snprintf(name, sizeof(name), "d%u", i);
		dirs[i] = enter(&f, f.root, name, 10 + i, S_IFDIR);
	}
	for (unsigned i = 0; i < 4; i++)
		set_list(&f, dirs[i], PART);
	for (unsigned i = 0; i < 4; i++)
		assert_true(tree_is_listed(dirs[i]));
	/* The first is used, so the second is the oldest. */
	assert_true(tree_listed(dirs[0], "f1", &listed));
	set_list(&f, dirs[4], PART);
	check(&f);
	assert_true(tree_is_listed(dirs[0]));
	assert_false(tree_is_listed(dirs[1]));
	assert_true(tree_is_listed(dirs[2]));
	/* One that is larger than all together stays, alone. */
	set_list(&f, dirs[5], SHELF_MAX + 1);
	for (unsigned i = 0; i < 5; i++)
		assert_false(tree_is_listed(dirs[i]));
	assert_true(tree_is_listed(dirs[5]));
	set_list(&f, dirs[0], 1);
	assert_false(tree_is_listed(dirs[5]));
	assert_true(tree_is_listed(dirs[0]));
	end(&f);
}

/* ---- watches ------------------------------------------------------------- */

static void tree_watches_directories_as_long_as_they_are_known(void **state)
{
	struct fixture f;
	struct wire_attr attr = attr_of(10, S_IFDIR);
	struct file *dir;
	uint64_t watch;

	(void)state;
	begin(&f);
	dir = tree_enter(f.root, "d", &attr);
	watch = tree_watch(dir);
	assert_true(watch > 0);
	assert_int_equal(tree_watch(dir), watch);
	assert_ptr_equal(tree_watched(f.tree, watch), dir);
	assert_null(tree_watched(f.tree, watch + 1));
	assert_null(tree_watched(f.tree, 0));
	tree_set_watched(dir, false);
	assert_null(tree_watched(f.tree, watch));
	tree_set_watched(dir, true); /* of what nobody asked for */
	assert_false(dir->watched);
	watch = tree_watch(dir);
	tree_set_watched(dir, true);
	assert_int_equal(f.n_unwatched, 0);
	file_unref(dir);
	assert_int_equal(f.n_unwatched, 1);
	assert_int_equal(f.unwatched[0], watch);
	assert_null(tree_watched(f.tree, watch));
	end(&f);
}

static void count_each(void *arg, struct file *file)
{
	(void)file;
	++*(unsigned *)arg;
}

static void tree_forgets_all_that_it_was_told(void **state)
{
	struct fixture f;
	struct file *dir;
	struct file *link;
	unsigned n = 0;

	(void)state;
	begin(&f);
	dir = enter(&f, f.root, "d", 10, S_IFDIR);
	enter(&f, dir, "x", 11, S_IFREG);
	link = enter(&f, dir, "l", 12, S_IFLNK);
	tree_watch(dir);
	tree_set_watched(dir, true);
	set_list(&f, dir, 3);
	tree_spoil_all(f.tree, count_each, &n);
	check(&f);
	assert_int_equal(n, 4);
	assert_false(tree_is_listed(dir));
	assert_int_equal(dir->watch, 0);
	for (size_t i = 0; i < f.n_held; i++)
		assert_int_equal(file_sure_ms(f.held[i]), 0);
	assert_int_equal(file_sure_ms(link), 0);
	expect_path(link, "d/l");
	end(&f);
}

/* ---- anything, and much of it -------------------------------------------- */

struct random_act {
	struct fixture *f;
	unsigned seed;
	struct file *dirs[8];
};

static struct file *any_dir(struct random_act *r)
{
	for (;;) {
		size_t i = (size_t)rand_r(&r->seed) % (r->f->n_held + 1);

		if (i == r->f->n_held)
			return r->f->root;
		if (file_is_dir(r->f->held[i]))
			return r->f->held[i];
	}
}

static const char *any_name(struct random_act *r)
{
	static const char *const names[] = { "a", "b", "c", "d", "e" };

	return names[rand_r(&r->seed) % 5];
}

static void let_one_go(struct random_act *r)
{
	struct fixture *f = r->f;
	size_t i = f->n_held ? (size_t)rand_r(&r->seed) % f->n_held : 0;

	if (!f->n_held)
		return;
	file_unref(f->held[i]);
	f->held[i] = f->held[--f->n_held];
}

static void any_act(struct random_act *r)
{
	static const uint32_t types[] = { S_IFDIR, S_IFDIR, S_IFREG, S_IFLNK };
	struct file *dir = any_dir(r);
	const char *name = any_name(r);
	struct wire_attr attr =
		attr_of(10 + (unsigned)rand_r(&r->seed) % 12, S_IFREG);
	struct fixture *f = r->f;
	unsigned n = 0;

	switch (rand_r(&r->seed) % 12) {
	case 0:
	case 1:
	case 2:
	case 3:
		if (f->n_held == MOST / 2)
			let_one_go(r);
		else
			enter(f, dir, name, attr.ino,
			      types[rand_r(&r->seed) % 4]);
		break;
	case 4:
		tree_leave(dir, name);
		break;
	case 5:
	case 6:
		tree_rename(dir, name, any_dir(r), any_name(r),
		            rand_r(&r->seed) % 2);
		break;
	case 7:
		set_list(f, dir, (unsigned)rand_r(&r->seed) % 9);
		break;
	case 8:
		tree_list_change(dir, name, rand_r(&r->seed) % 2 ? &attr : NULL,
		                 "t");
		break;
	case 9:
		tree_watch(dir);
		tree_set_watched(dir, rand_r(&r->seed) % 2);
		break;
	case 10:
		if (rand_r(&r->seed) % 20 == 0)
			tree_spoil_all(f->tree, count_each, &n);
		hands_turn(f->hands, TTL_MS / 3);
		break;
	default:
		let_one_go(r);
	}
}

static void tree_stays_right_whatever_is_done(void **state)
{
	struct fixture f;
	struct random_act r = { .f = &f, .seed = 42 };

	(void)state;
	begin(&f);
	for (int i = 0; i < N_ACTS; i++) {
		any_act(&r);
		check(&f);
	}
	end(&f);
}

static void tree_knows_many_files(void **state)
{
	struct fixture f;
	struct file **files = malloc(N_MANY * sizeof(files[0]));
	struct file *dir = NULL;
	unsigned n = 0;
	char name[16];

	(void)state;
	assert_non_null(files);
	begin(&f);
	for (unsigned i = 0; i < N_MANY; i++) {
		bool is_dir = i % 50 == 0;
		struct wire_attr attr =
			attr_of(1 + i, is_dir ? S_IFDIR : S_IFREG);

		snprintf(name, sizeof(name), "n%u", i);
		files[i] = tree_enter(is_dir ? f.root : dir, name, &attr);
		assert_non_null(files[i]);
		if (is_dir)
			dir = files[i];
	}
	assert_int_equal(tree_count(f.tree), N_MANY + 1);
	expect_path(files[51], "n50/n51");
	tree_spoil_all(f.tree, count_each, &n);
	assert_int_equal(n, N_MANY + 1);
	for (unsigned i = 0; i < N_MANY; i++)
		file_unref(files[i]);
	free(files);
	end(&f);
}

static void use_all(struct fixture *f)
{
	struct wire_attr attr = attr_of(10, S_IFDIR);
	struct file *dir = tree_enter(f->root, "d", &attr);
	struct listing *listing = listing_new();
	struct file *file;
	unsigned n = 0;

	attr = attr_of(11, S_IFLNK);
	if (listing && listing_add(listing, "x", &attr, "target") == 0 && dir)
		tree_set_listing(dir, listing);
	listing_unref(listing);
	if (!dir)
		return;
	tree_watch(dir);
	tree_list_change(dir, "y", &attr, "target");
	file = tree_enter(dir, "x", &attr);
	tree_rename(f->root, "d", f->root, "e", false);
	tree_spoil_all(f->tree, count_each, &n);
	if (file)
		file_unref(file);
	file_unref(dir);
}

static void tree_does_without_memory(void **state)
{
	unsigned n = 0;

	(void)state;
	while (fail_alloc_next(&n)) {
		struct fixture f;

		begin(&f);
		if (f.tree) {
			use_all(&f);
			end(&f);
		} else {
			hands_free(f.hands);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tree_knows_files_by_their_names),
		cmocka_unit_test(tree_gives_hard_links_one_file),
		cmocka_unit_test(tree_goes_by_the_name_that_was_said_last),
		cmocka_unit_test(tree_tells_kinds_apart_that_have_one_number),
		cmocka_unit_test(tree_gives_each_name_of_a_link_its_own_depth),
		cmocka_unit_test(tree_moves_all_that_is_below_a_directory),
		cmocka_unit_test(
			tree_takes_no_exchange_by_others_for_two_moves),
		cmocka_unit_test(tree_exchanges_names),
		cmocka_unit_test(tree_leaves_two_names_of_one_file_alone),
		cmocka_unit_test(tree_follows_directories_that_the_guest_moved),
		cmocka_unit_test(tree_has_no_directory_below_itself),
		cmocka_unit_test(tree_keeps_what_is_above_a_file_that_is_held),
		cmocka_unit_test(tree_keeps_what_kind_a_file_is),
		cmocka_unit_test(tree_lives_until_the_last_file_goes),
		cmocka_unit_test(tree_relies_on_attributes_as_long_as_it_may),
		cmocka_unit_test(tree_knows_who_has_no_extended_attributes),
		cmocka_unit_test(tree_answers_from_a_listing),
		cmocka_unit_test(tree_is_not_sure_of_what_we_write_to),
		cmocka_unit_test(
			tree_changes_a_listing_as_we_change_the_directory),
		cmocka_unit_test(
			tree_leaves_a_listing_alone_that_somebody_reads),
		cmocka_unit_test(tree_says_what_in_a_listing_is_stale),
		cmocka_unit_test(
			tree_spoils_what_a_listing_says_of_a_file_s_names),
		cmocka_unit_test(tree_drops_the_oldest_listings),
		cmocka_unit_test(
			tree_watches_directories_as_long_as_they_are_known),
		cmocka_unit_test(tree_forgets_all_that_it_was_told),
		cmocka_unit_test(tree_stays_right_whatever_is_done),
		cmocka_unit_test(tree_knows_many_files),
		cmocka_unit_test(tree_does_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
