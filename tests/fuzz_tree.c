/*
 * fuzz_tree: whatever the guest says of its files, and in whatever order the
 * kernel forgets them, the tree knows the names that it was told of, and
 * nothing is left of it at the end.
 *
 * The input is a row of acts of four bytes. Each is done to the tree and to a
 * model, which is no more than a list of files and one of names; then they are
 * compared. In the model a file is there for as long as it is held, or has a
 * name in it, and what a name stands for is what was said last.
 */
#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/tree.h"
#include "tests/hands.h"

enum {
	TYPE_MASK = 0170000,
	TYPE_DIR = 0040000,
	TYPE_REG = 0100000,
	TYPE_LINK = 0120000,
	MOST_FILES = 64,
	MOST_NAMES = 512,
	N_LETTERS = 6, /* names are single letters */
	N_INOS = 12,
	N_READERS = 3,
	MOST_ACTS = 200,
	TTL_MS = 1000,
	PATH_MOST = 4 * MOST_FILES,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A file of the model; the first is the root. */
struct known {
	struct file *file; /* NULL: free */
	unsigned held;     /* so often by us */
	uint64_t ino;
	uint32_t type;
	uint64_t watch; /* that the guest was asked for, or 0 */
	bool listed;
	unsigned letters; /* in the listing, one bit for each */
};

struct named {
	int dir;
	char letter;
	int file;
};

/* Somebody who is in the middle of a listing, which must not change. */
struct reader {
	struct listing *listing; /* referred to; NULL: nobody */
	unsigned letters;
};

struct model {
	struct hands *hands;
	struct tree *tree;
	struct known files[MOST_FILES];
	struct named names[MOST_NAMES];
	size_t n_names;
	/* That inode was once two files: below itself, or of another kind. */
	bool twice[N_INOS];
	uint64_t unwatched; /* the sum of what was told to be watched no more */
	uint64_t to_unwatch;
	unsigned n_unused;
	struct reader readers[N_READERS];
};

static void on_unwatch(void *arg, uint64_t watch)
{
	((struct model *)arg)->unwatched += watch;
}

static void on_unused(void *arg)
{
	((struct model *)arg)->n_unused++;
}

/* ---- the model ----------------------------------------------------------- */

static bool is_dir(const struct model *m, int i)
{
	return m->files[i].type == TYPE_DIR;
}

static int index_of(const struct model *m, const struct file *file)
{
	for (int i = 0; i < MOST_FILES; i++)
		if (m->files[i].file == file)
			return i;
	return -1;
}

/* The place of a name in the list, or -1. */
static int place_of(const struct model *m, int dir, char letter)
{
	for (size_t i = 0; i < m->n_names; i++)
		if (m->names[i].dir == dir && m->names[i].letter == letter)
			return (int)i;
	return -1;
}

static int named(const struct model *m, int dir, char letter)
{
	int i = place_of(m, dir, letter);

	return i < 0 ? -1 : m->names[i].file;
}

static void drop_place(struct model *m, int i)
{
	m->names[i] = m->names[--m->n_names];
}

static void drop_name(struct model *m, int dir, char letter)
{
	int i = place_of(m, dir, letter);

	if (i >= 0)
		drop_place(m, i);
}

static void add_name(struct model *m, int dir, char letter, int file)
{
	assert(m->n_names < MOST_NAMES && place_of(m, dir, letter) < 0);
	m->names[m->n_names++] = (struct named){ dir, letter, file };
}

static unsigned count_names(const struct model *m, int file)
{
	unsigned n = 0;

	for (size_t i = 0; i < m->n_names; i++)
		n += m->names[i].file == file;
	return n;
}

/* The directory that a directory is in, or -1. */
static int above(const struct model *m, int dir)
{
	for (size_t i = 0; i < m->n_names; i++)
		if (m->names[i].file == dir)
			return m->names[i].dir;
	return -1;
}

static bool is_below(const struct model *m, int dir, int file)
{
	while (dir >= 0 && dir != file)
		dir = above(m, dir);
	return dir == file;
}

static bool is_needed(const struct model *m, int file)
{
	for (size_t i = 0; i < m->n_names; i++)
		if (m->names[i].dir == file)
			return true;
	return m->files[file].held > 0;
}

/* Forget a file that nobody needs, with its names. */
static bool forget_one(struct model *m)
{
	for (int i = 0; i < MOST_FILES; i++) {
		if (!m->files[i].file || is_needed(m, i))
			continue;
		for (size_t k = m->n_names; k-- > 0;)
			if (m->names[k].file == i)
				drop_place(m, (int)k);
		m->to_unwatch += m->files[i].watch;
		m->files[i] = (struct known){ 0 };
		return true;
	}
	return false;
}

/* ---- comparing ----------------------------------------------------------- */

/* The path of a name in the model; false: what it is in has lost its name. */
static bool path_of(const struct model *m, const struct named *name, char *to)
{
	char path[PATH_MOST];
	size_t at = sizeof(path) - 1;
	int dir = name->dir;

	path[at] = '\0';
	path[--at] = name->letter;
	while (dir != 0) {
		const struct named *up = NULL;

		for (size_t i = 0; i < m->n_names; i++)
			if (m->names[i].file == dir)
				up = &m->names[i];
		if (!up)
			return false;
		path[--at] = '/';
		path[--at] = up->letter;
		dir = up->dir;
	}
	strcpy(to, path + at);
	return true;
}

/* The tree's path is one that the model has, too. */
static void check_path(const struct model *m, int file)
{
	struct buf b = BUF_INIT(WIRE_PATH_MAX);
	int err = tree_path(m->files[file].file, &b);
	int depth = tree_depth(m->files[file].file);
	bool some_stale = false;
	bool same = false;
	int slashes = 0;

	for (size_t i = 0; i < m->n_names; i++) {
		char path[PATH_MOST];

		if (m->names[i].file != file)
			continue;
		if (!path_of(m, &m->names[i], path))
			some_stale = true;
		else if (!err && strcmp(path, b.data) == 0)
			same = true;
	}
	for (const char *p = b.data; p && *p; p++)
		slashes += *p == '/';
	if (file == 0)
		assert(err == 0 && b.len == 0 && depth == 0);
	else if (err == -ESTALE)
		assert(depth == -ESTALE &&
		       (some_stale || count_names(m, file) == 0));
	else
		assert(err == 0 && same && depth == slashes);
	buf_free(&b);
}

struct seen {
	const struct model *m;
	int file;
	unsigned n;
};

static void check_name(void *arg, struct file *dir, const char *name)
{
	struct seen *seen = arg;

	assert(strlen(name) == 1);
	assert(named(seen->m, index_of(seen->m, dir), *name) == seen->file);
	seen->n++;
}

static void check_listing(const struct listing *l, unsigned letters)
{
	for (size_t i = 0; i < l->n; i++) {
		unsigned bit = 1u << (l->v[i].name[0] - 'a');

		assert(i == 0 || l->v[i - 1].hash < l->v[i].hash);
		assert(letters & bit);
		letters &= ~bit;
	}
	assert(letters == 0);
}

static void check_file(const struct model *m, int i)
{
	const struct known *k = &m->files[i];
	struct seen seen = { .m = m, .file = i };

	assert(k->file->ino == k->ino || i == 0);
	assert((k->file->attr.mode & TYPE_MASK) == k->type);
	file_each_name(k->file, check_name, &seen);
	assert(seen.n == count_names(m, i));
	assert(!is_dir(m, i) || seen.n <= 1);
	check_path(m, i);
	assert(!k->file->listing == !k->listed);
	if (k->listed)
		check_listing(k->file->listing, k->letters);
	assert(k->file->watch == k->watch);
	assert(!k->watch || tree_watched(m->tree, k->watch) == k->file);
	assert(!k->file->watched || k->watch);
	for (int l = 0; l < N_LETTERS; l++) {
		char name[] = { (char)('a' + l), '\0' };
		int file = named(m, i, *name);

		assert(tree_find(k->file, name) ==
		       (file < 0 ? NULL : m->files[file].file));
	}
}

static void check(struct model *m)
{
	size_t n = 0;

	while (forget_one(m))
		;
	for (int i = 0; i < MOST_FILES; i++)
		n += m->files[i].file != NULL;
	assert(tree_count(m->tree) == n);
	assert(m->unwatched == m->to_unwatch);
	for (int i = 0; i < MOST_FILES; i++)
		if (m->files[i].file)
			check_file(m, i);
	for (int i = 0; i < N_READERS; i++)
		if (m->readers[i].listing)
			check_listing(m->readers[i].listing,
			              m->readers[i].letters);
}

/* ---- acts ---------------------------------------------------------------- */

/* The what-th of the files that are held (the directories among them only), or
 * -1: who acts on a file holds it. */
static int pick(const struct model *m, unsigned what, bool dirs_only)
{
	int found[MOST_FILES];
	unsigned n = 0;

	for (int i = 0; i < MOST_FILES; i++)
		if (m->files[i].held && (is_dir(m, i) || !dirs_only))
			found[n++] = i;
	return n ? found[what % n] : -1;
}

static uint32_t type_of(uint64_t ino, bool other)
{
	static const uint32_t types[] = { TYPE_DIR, TYPE_REG, TYPE_DIR,
		                          TYPE_LINK };

	return types[(ino + other) % 4];
}

/* That this is a new file, where there was none of that inode. */
static void check_new(struct model *m, int dir, uint64_t ino, uint32_t type)
{
	for (int i = 0; i < MOST_FILES; i++) {
		const struct known *k = &m->files[i];

		if (!k->file || k->ino != ino || k->type != type ||
		    type == TYPE_LINK || count_names(m, i) == 0)
			continue;
		if (is_dir(m, i) && is_below(m, dir, i))
			m->twice[ino] = true;
		assert(m->twice[ino]);
	}
}

/* What it is in the model that tree_enter has given. */
static int take(struct model *m, int dir, struct file *file,
                const struct wire_attr *attr)
{
	uint32_t type = attr->mode & TYPE_MASK;
	int i = index_of(m, file);

	if (i < 0) {
		check_new(m, dir, attr->ino, type);
		i = index_of(m, NULL);
		m->files[i] = (struct known){ .file = file,
			                      .ino = attr->ino,
			                      .type = type };
		return i;
	}
	assert(m->files[i].ino == attr->ino && m->files[i].type == type);
	/* A name of a link is a file of its own; a number without a name may be
	 * another's by now; and no directory is below itself. */
	assert(type != TYPE_LINK && count_names(m, i) > 0);
	assert(type != TYPE_DIR || !is_below(m, dir, i));
	return i;
}

/* It goes by the name that was said last. */
static void check_said(const struct model *m, struct named said)
{
	struct buf b = BUF_INIT(WIRE_PATH_MAX);
	char path[PATH_MOST];

	if (path_of(m, &said, path)) {
		assert(tree_path(m->files[said.file].file, &b) == 0);
		assert(strcmp(b.data, path) == 0);
	}
	buf_free(&b);
}

static void enter(struct model *m, int dir, char letter, const uint8_t *act)
{
	struct wire_attr attr = { .dev = 1,
		                  .ino = 1 + act[3] % (N_INOS - 1),
		                  .nlink = 1 + act[3] / 128 };
	char name[] = { letter, '\0' };
	int old = named(m, dir, letter);
	bool other = act[3] % 64 == 63;
	struct file *file;
	int i;

	if (index_of(m, NULL) < 0 || m->n_names == MOST_NAMES)
		return;
	attr.mode = type_of(attr.ino, other);
	m->twice[attr.ino] = m->twice[attr.ino] || other;
	file = tree_enter(m->files[dir].file, name, &attr);
	assert(file);
	if (old >= 0 && m->files[old].ino == attr.ino &&
	    m->files[old].type == attr.mode) {
		assert(file == m->files[old].file);
		m->files[old].held++;
		check_said(m, (struct named){ dir, letter, old });
		return;
	}
	drop_name(m, dir, letter);
	i = take(m, dir, file, &attr);
	for (size_t k = m->n_names; is_dir(m, i) && k-- > 0;)
		if (m->names[k].file == i)
			drop_place(m, (int)k);
	add_name(m, dir, letter, i);
	m->files[i].held++;
	check_said(m, (struct named){ dir, letter, i });
}

static void forget(struct model *m, int i)
{
	if (i <= 0)
		return; /* the root is the tree's */
	m->files[i].held--;
	file_unref(m->files[i].file);
}

static void move(struct model *m, const struct named *from,
                 const struct named *to, bool exchange)
{
	char name[] = { from->letter, '\0' };
	char new_name[] = { to->letter, '\0' };
	int file = named(m, from->dir, from->letter);
	int other = named(m, to->dir, to->letter);

	tree_rename(m->files[from->dir].file, name, m->files[to->dir].file,
	            new_name, exchange);
	if (file == other)
		return;
	drop_name(m, from->dir, from->letter);
	drop_name(m, to->dir, to->letter);
	if (file >= 0 && !is_below(m, to->dir, file))
		add_name(m, to->dir, to->letter, file);
	if (other >= 0 && exchange && !is_below(m, from->dir, other))
		add_name(m, from->dir, from->letter, other);
}

static void list(struct model *m, int dir, unsigned letters)
{
	struct listing *l = listing_new();

	assert(l);
	for (int i = 0; i < N_LETTERS; i++) {
		struct wire_attr attr = { .ino = (uint64_t)i + 1,
			                  .mode = type_of((uint64_t)i, false) };
		char name[] = { (char)('a' + i), '\0' };

		if (letters & 1u << i)
			assert(listing_add(l, name, &attr, "") == 0);
	}
	listing_sort(l);
	tree_set_listing(m->files[dir].file, l);
	listing_unref(l);
	m->files[dir].listed = true;
	m->files[dir].letters = letters;
}

static void change_listing(struct model *m, int dir, char letter, bool there)
{
	struct known *k = &m->files[dir];
	const struct wire_attr attr = { .ino = 99, .mode = TYPE_LINK };
	char name[] = { letter, '\0' };
	unsigned bit = 1u << (letter - 'a');

	/* Who reads it goes on with what it was. */
	if (k->listed && k->file->listing->refs > 1)
		k->listed = false;
	k->letters = there ? k->letters | bit : k->letters & ~bit;
	tree_list_change(k->file, name, there ? &attr : NULL, "target");
}

static void stop_reading(struct reader *r)
{
	listing_unref(r->listing);
	r->listing = NULL;
}

/* Read on in what there is, and be in the middle of it, or done. */
static void go_on_reading(struct model *m, int dir, struct reader *r, bool more)
{
	struct known *k = &m->files[dir];
	struct listing *l = tree_reading(k->file, more);

	stop_reading(r);
	if (l) {
		r->listing = listing_ref(l);
		for (size_t i = r->letters = 0; i < l->n; i++)
			r->letters |= 1u << (l->v[i].name[0] - 'a');
	}
	tree_set_reading(k->file, more ? l : NULL);
}

static void set_watch(struct model *m, int dir, unsigned how)
{
	struct known *k = &m->files[dir];
	uint64_t watch;

	if (how == 0) {
		watch = tree_watch(k->file);
		assert(watch && (!k->watch || watch == k->watch));
		k->watch = watch;
		return;
	}
	tree_set_watched(k->file, how == 1);
	if (how != 1)
		k->watch = 0;
}

static void drop_listing(struct model *m, int dir, bool watch_too)
{
	struct known *k = &m->files[dir];

	k->listed = false;
	if (watch_too) {
		k->watch = 0;
		tree_forget_listing(k->file);
	} else {
		tree_drop_listing(k->file);
	}
}

static void on_each(void *arg, struct file *file)
{
	assert(index_of(arg, file) >= 0);
}

static void spoil_all(struct model *m)
{
	tree_spoil_all(m->tree, on_each, m);
	for (int i = 0; i < MOST_FILES; i++) {
		if (i && count_names(m, i) == 0)
			continue;
		m->files[i].listed = false;
		m->files[i].watch = 0;
	}
}

/* What, where, which name, and what else. */
static void act_on(struct model *m, const uint8_t act[4])
{
	int dir = pick(m, act[1], true);
	struct named at = { dir, (char)('a' + act[2] % N_LETTERS), 0 };
	struct named to = { pick(m, act[3], true),
		            (char)('a' + act[2] / N_LETTERS % N_LETTERS), 0 };
	char name[] = { at.letter, '\0' };
	struct file *file = m->files[dir].file;

	switch (act[0] % 16) {
	case 0:
		forget(m, pick(m, act[1], false));
		break;
	case 1:
		tree_leave(file, name);
		drop_name(m, dir, at.letter);
		break;
	case 2:
	case 3:
		move(m, &at, &to, act[0] % 16 == 3);
		break;
	case 4:
		list(m, dir, act[3] % (1 << N_LETTERS));
		break;
	case 5:
		change_listing(m, dir, at.letter, act[3] % 2);
		break;
	case 6:
		go_on_reading(m, dir, &m->readers[act[2] % N_READERS],
		              act[3] % 2);
		break;
	case 7:
		stop_reading(&m->readers[act[2] % N_READERS]);
		break;
	case 8:
		set_watch(m, dir, act[3] % 3);
		break;
	case 9:
		drop_listing(m, dir, act[3] % 2);
		break;
	case 10:
		hands_turn(m->hands, act[3] * 10);
		tree_spoil_name(file, name);
		tree_ahead(file, on_each, m);
		break;
	case 11:
		if (act[3] % 4 == 0)
			spoil_all(m);
		break;
	default:
		enter(m, dir, at.letter, act);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct model m = { .hands = hands_new() };
	struct tree_spec spec = { .clock = hands_clock(m.hands),
		                  .ttl_ms = TTL_MS,
		                  .unwatch = on_unwatch,
		                  .unused = on_unused,
		                  .arg = &m };

	m.tree = tree_new(&spec);
	assert(m.tree);
	m.files[0] = (struct known){ .file = tree_root(m.tree),
		                     .held = 1,
		                     .type = TYPE_DIR };
	for (size_t n = 0; size >= 4 && n < MOST_ACTS; n++) {
		act_on(&m, data);
		check(&m);
		data += 4;
		size -= 4;
	}
	for (int i = 0; i < N_READERS; i++)
		stop_reading(&m.readers[i]);
	/* What is left of the input says whether the tree goes before what is
	 * known of it. */
	if (size % 2)
		tree_free(m.tree);
	for (int i = 1; i < MOST_FILES; i++)
		while (m.files[i].held)
			forget(&m, i);
	if (size % 2 == 0) {
		check(&m);
		assert(tree_count(m.tree) == 1 && m.n_unused == 0);
		tree_free(m.tree);
	}
	assert(m.n_unused == 1);
	hands_free(m.hands);
	return 0;
}
