/*
 * tree: files, their names, and listings of directories.
 *
 * Ownership goes upwards: a dentry belongs to its file and refers to its
 * directory, so a directory is known for as long as anything below it is. A
 * file that nobody refers to goes, and its names with it; what a listing says
 * of it stays with the listing.
 *
 * Invariants:
 *  1. A (device, inode) pair is one file, and a (directory, name) pair one
 *     dentry. A file that lost its last name, and that nobody has open, is out
 *     of the first index: its number may be given to another one by the guest.
 *     A symbolic link is one file for each of its names, since what it may
 *     lead to depends on where it is, and none of them is in the first index.
 *  2. A directory has one name, and is not below itself. One that the guest
 *     shows below itself (a bind mount does) is another file there, which is
 *     not in the first index either.
 *  3. A directory that has a watch is in by_watch.
 *
 * Which listings are kept is the shelf's to say.
 */
#include "cache/tree.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cache/shelf.h"

enum {
	TYPE_MASK = 0170000,
	TYPE_DIR = 0040000,
	TYPE_LINK = 0120000,
	MOST_LEVELS = 4096,
};

struct dentry {
	struct file *dir; /* referred to */
	char *name;
	struct file *file;
	struct dentry *next; /* of the same file */
	uint64_t from;       /* the place it was moved from, if by others */
};

struct tree {
	struct tree_spec spec;
	bool freed; /* by its owner; files may be left */
	struct file *root;
	size_t n;
	size_t n_names;
	size_t n_writes;
	uint64_t n_moves;
	uint64_t linked_ms; /* when a file with several names changed last */
	uint64_t last_watch;
	struct shelf shelf;
	struct index by_inode; /* of struct file */
	struct index by_name;  /* of struct dentry */
	struct index by_watch; /* of struct file */
};

static int compare_numbers(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int compare_inodes(const void *a, const void *b)
{
	const struct file *x = a;
	const struct file *y = b;

	if (x->dev != y->dev)
		return compare_numbers(x->dev, y->dev);
	return compare_numbers(x->ino, y->ino);
}

static int compare_dentries(const void *a, const void *b)
{
	const struct dentry *x = a;
	const struct dentry *y = b;

	if (x->dir != y->dir)
		return compare_numbers((uintptr_t)x->dir, (uintptr_t)y->dir);
	return strcmp(x->name, y->name);
}

static int compare_watches(const void *a, const void *b)
{
	return compare_numbers(((const struct file *)a)->watch,
	                       ((const struct file *)b)->watch);
}

static uint64_t now_ms(const struct tree *tree)
{
	return tree->spec.clock->now_ms(tree->spec.clock);
}

/* ---- files ---- */

static void tree_done(struct tree *tree)
{
	struct tree_spec spec = tree->spec;

	free(tree);
	spec.unused(spec.arg);
}

static void leave_index(struct file *file)
{
	if (index_find(&file->tree->by_inode, file) == file)
		index_remove(&file->tree->by_inode, file);
}

void file_let_go(struct file *file)
{
	if (!file->names && !file->opens)
		leave_index(file);
}

static void drop_dentry(struct dentry *d)
{
	struct dentry **at = &d->file->names;

	index_remove(&d->dir->tree->by_name, d);
	d->dir->tree->n_names--;
	while (*at != d)
		at = &(*at)->next;
	*at = d->next;
	file_let_go(d->file);
	file_unref(d->dir);
	free(d->name);
	free(d);
}

static void drop_watch(struct file *dir)
{
	if (dir->watch)
		index_remove(&dir->tree->by_watch, dir);
	dir->watch = 0;
	dir->watched = false;
}

struct file *file_ref(struct file *file)
{
	file->refs++;
	return file;
}

void file_unref(struct file *file)
{
	struct tree *tree;

	if (!file || --file->refs > 0)
		return;
	tree = file->tree;
	if (file->watch)
		tree->spec.unwatch(tree->spec.arg, file->watch);
	tree_set_reading(file, NULL);
	tree_forget_listing(file);
	while (file->names)
		drop_dentry(file->names);
	leave_index(file);
	free(file->target);
	free(file);
	tree->n--;
	if (tree->freed && tree->n == 0)
		tree_done(tree);
}

/* A file with one reference, in no index. */
static struct file *file_new(struct tree *tree, const struct wire_attr *attr)
{
	struct file *file = calloc(1, sizeof(*file));

	if (!file)
		return NULL;
	file->tree = tree;
	file->refs = 1;
	file->dev = attr->dev;
	file->ino = attr->ino;
	file->attr = *attr;
	tree->n++;
	return file;
}

bool file_is_dir(const struct file *file)
{
	return (file->attr.mode & TYPE_MASK) == TYPE_DIR;
}

bool file_is_root(const struct file *file)
{
	return file == file->tree->root;
}

bool file_has_one_name(const struct file *file)
{
	return file_is_dir(file) || file->attr.nlink <= 1;
}

bool file_is_watched(const struct file *file)
{
	for (const struct dentry *d = file->names; d; d = d->next)
		if (d->dir->watched)
			return true;
	return false;
}

bool file_is_at_rest(const struct file *file)
{
	uint64_t now = now_ms(file->tree);

	for (const struct dentry *d = file->names; d; d = d->next)
		if (now < d->dir->rest_ms)
			return false;
	return true;
}

void tree_disturb(struct file *dir)
{
	dir->rest_ms = now_ms(dir->tree) + TREE_REST_MS;
}

/* A symbolic link with several names is as many files here, none of which
 * hears of what is done to another. */
static bool is_many_links(const struct wire_attr *attr)
{
	return (attr->mode & TYPE_MASK) == TYPE_LINK && attr->nlink > 1;
}

void file_set_attr(struct file *file, const struct wire_attr *attr)
{
	struct tree *tree = file->tree;
	bool sure = file_is_dir(file)
	                    ? file->watched
	                    : file_is_watched(file) && attr->nlink == 1;
	uint64_t until_ms =
		now_ms(tree) + (sure ? TREE_SURE_MS : tree->spec.ttl_ms);

	/* No file becomes one of another kind: these are another one's. */
	if ((file->attr.mode ^ attr->mode) & TYPE_MASK) {
		file_spoil(file);
		return;
	}
	if ((attr->flags & WIRE_ATTR_VOLATILE) || is_many_links(attr))
		until_ms = 0;
	file->attr = *attr;
	file->attr_until_ms = file->n_writes ? 0 : until_ms;
	file->xattrs_until_ms = attr->flags & WIRE_ATTR_XATTRS ? 0 : until_ms;
}

bool file_has_no_xattrs(const struct file *file)
{
	return file->xattrs_until_ms > now_ms(file->tree);
}

static void spoil_listed(struct file *dir, const char *name);

static void changed(struct file *file)
{
	file->attr_until_ms = 0;
	file->changes++;
	/* Not all of its names are known here. */
	if (!file_has_one_name(file))
		file->tree->linked_ms = now_ms(file->tree);
	for (struct dentry *d = file->names; d; d = d->next)
		spoil_listed(d->dir, d->name);
}

void file_spoil(struct file *file)
{
	file->xattrs_until_ms = 0;
	changed(file);
}

void file_writes(struct file *file)
{
	file->n_writes++;
	file->tree->n_writes++;
	changed(file);
}

void file_wrote(struct file *file)
{
	file->n_writes--;
	file->tree->n_writes--;
	changed(file);
}

uint64_t file_sure_ms(const struct file *file)
{
	uint64_t now = now_ms(file->tree);

	return file->attr_until_ms > now ? file->attr_until_ms - now : 0;
}

/* ---- the tree ---- */

struct tree *tree_new(const struct tree_spec *spec)
{
	const struct wire_attr root = { .mode = TYPE_DIR | 0755 };
	struct tree *tree = calloc(1, sizeof(*tree));

	if (!tree)
		return NULL;
	tree->spec = *spec;
	tree->by_inode.compare = compare_inodes;
	tree->by_name.compare = compare_dentries;
	tree->by_watch.compare = compare_watches;
	tree->root = file_new(tree, &root);
	if (tree->root)
		return tree;
	free(tree);
	return NULL;
}

void tree_free(struct tree *tree)
{
	tree->freed = true;
	file_unref(tree->root);
}

void *tree_arg(const struct tree *tree)
{
	return tree->spec.arg;
}

struct file *tree_root(struct tree *tree)
{
	return tree->root;
}

size_t tree_count(const struct tree *tree)
{
	return tree->n;
}

/* ---- names ---- */

static struct dentry *find_dentry(const struct file *dir, const char *name)
{
	struct dentry like = { .dir = (struct file *)dir,
		               .name = (char *)name };

	return index_find(&dir->tree->by_name, &like);
}

struct file *tree_find(const struct file *dir, const char *name)
{
	struct dentry *d = find_dentry(dir, name);

	return d ? d->file : NULL;
}

/* Give a file one more name. 0 or -ENOMEM. */
static int add_dentry(struct file *dir, const char *name, struct file *file)
{
	struct dentry *d = calloc(1, sizeof(*d));

	if (d)
		d->name = strdup(name);
	if (!d || !d->name) {
		free(d);
		return -ENOMEM;
	}
	d->dir = dir;
	d->file = file;
	if (index_add(&dir->tree->by_name, d)) {
		free(d->name);
		free(d);
		return -ENOMEM;
	}
	file_ref(dir);
	dir->tree->n_names++;
	d->next = file->names;
	file->names = d;
	return 0;
}

/* The guest says that it is there; of the others it may have lost some. */
static void put_first(struct dentry *d)
{
	struct dentry **at = &d->file->names;

	while (*at != d)
		at = &(*at)->next;
	*at = d->next;
	d->next = d->file->names;
	d->file->names = d;
}

static bool is_link(const struct file *file)
{
	return (file->attr.mode & TYPE_MASK) == TYPE_LINK;
}

/* Is the directory that file, or below it? */
static bool is_below(const struct file *dir, const struct file *file)
{
	while (dir != file && dir->names)
		dir = dir->names->dir;
	return dir == file;
}

/* Make it known as its inode, unless another is. 0 or -ENOMEM. */
static int enter_index(struct file *file)
{
	struct index *index = &file->tree->by_inode;

	if (is_link(file) || index_find(index, file))
		return 0;
	return index_add(index, file);
}

/* The file of that inode, referred to, for a name in dir; a new one if it is
 * not known, or if the number is another kind of file's by now. NULL: no
 * memory. */
static struct file *get_file(struct file *dir, const struct wire_attr *attr)
{
	struct tree *tree = dir->tree;
	struct file like = { .dev = attr->dev, .ino = attr->ino };
	struct file *file = index_find(&tree->by_inode, &like);

	if (file && ((file->attr.mode ^ attr->mode) & TYPE_MASK)) {
		index_remove(&tree->by_inode, file);
		file = NULL;
	}
	if (file && !is_below(dir, file))
		return file_ref(file);
	file = file_new(tree, attr);
	if (file && enter_index(file)) {
		file_unref(file);
		return NULL;
	}
	return file;
}

void file_set_target(struct file *file, const char *target)
{
	bool keeps = target && is_link(file) &&
	             (*target == '/' || strstr(target, ".."));

	if (keeps && file->target && strcmp(file->target, target) == 0)
		return;
	free(file->target);
	file->target = keeps ? strdup(target) : NULL;
}

struct file *tree_enter(struct file *dir, const char *name,
                        const struct wire_attr *attr)
{
	struct dentry *d = find_dentry(dir, name);
	struct file *file;

	if (d && d->file->dev == attr->dev && d->file->ino == attr->ino &&
	    !((d->file->attr.mode ^ attr->mode) & TYPE_MASK)) {
		put_first(d);
		file_set_attr(d->file, attr);
		return file_ref(d->file);
	}
	if (d)
		drop_dentry(d);
	file = get_file(dir, attr);
	/* It was moved, or is mounted at both places. */
	while (file && file_is_dir(file) && file->names)
		drop_dentry(file->names);
	if (file && (enter_index(file) || add_dentry(dir, name, file))) {
		file_unref(file);
		return NULL;
	}
	if (file)
		file_set_attr(file, attr);
	return file;
}

void tree_leave(struct file *dir, const char *name)
{
	struct dentry *d = find_dentry(dir, name);

	if (!d)
		return;
	file_spoil(d->file); /* its link count, for one */
	drop_dentry(d);
}

void tree_rename(struct file *dir, const char *name, struct file *new_dir,
                 const char *new_name, bool exchange)
{
	struct file *file = tree_find(dir, name);
	struct file *other = tree_find(new_dir, new_name);

	if (!file || file_is_dir(file) || exchange)
		dir->tree->n_moves++;
	if (file == other)
		return; /* two names of one file, or neither is known */
	/* Held over the time without a name. */
	if (file)
		file_ref(file);
	if (other)
		file_ref(other);
	tree_leave(dir, name);
	tree_leave(new_dir, new_name);
	/* Without memory a name is unknown, and is looked up again. */
	if (file && !is_below(new_dir, file) &&
	    add_dentry(new_dir, new_name, file) == 0)
		(void)enter_index(file);
	if (other && exchange && !is_below(dir, other) &&
	    add_dentry(dir, name, other) == 0)
		(void)enter_index(other);
	file_unref(file);
	file_unref(other);
}

/* A place, in short. */
static uint64_t place_of(const struct file *dir, const char *name)
{
	return listing_hash(name) ^ (dir->ino << 16) ^ dir->dev;
}

void tree_moved(struct file *dir, const char *name, struct file *new_dir,
                const char *new_name)
{
	struct dentry *d = find_dentry(dir, name);

	if (d && d->from == place_of(new_dir, new_name)) {
		tree_leave(dir, name);
		tree_leave(new_dir, new_name);
		return;
	}
	tree_rename(dir, name, new_dir, new_name, false);
	d = find_dentry(new_dir, new_name);
	if (d)
		d->from = place_of(dir, name);
}

uint64_t tree_moves(const struct tree *tree)
{
	return tree->n_moves;
}

void file_each_name(struct file *file,
                    void (*each)(void *arg, struct file *dir, const char *name),
                    void *arg)
{
	for (struct dentry *d = file->names; d; d = d->next)
		each(arg, d->dir, d->name);
}

/* ---- paths ---- */

int tree_depth(const struct file *file)
{
	int depth = -1;

	for (; !file_is_root(file); file = file->names->dir) {
		if (!file->names || depth > MOST_LEVELS)
			return -ESTALE;
		depth++;
	}
	return depth < 0 ? 0 : depth;
}

int tree_path(const struct file *file, struct buf *b)
{
	const struct dentry *names[MOST_LEVELS];
	int n = 0;

	for (; !file_is_root(file); file = file->names->dir) {
		if (!file->names || n == MOST_LEVELS)
			return -ESTALE;
		names[n++] = file->names;
	}
	while (n-- > 0) {
		buf_adds(b, names[n]->name);
		if (n)
			buf_add(b, "/", 1);
	}
	return b->err;
}

int tree_path_of(const struct file *dir, const char *name, struct buf *b)
{
	int err = tree_path(dir, b);

	if (err)
		return err;
	if (!file_is_root(dir))
		buf_add(b, "/", 1);
	return buf_adds(b, name);
}

/* ---- listings ---- */

void tree_set_reading(struct file *dir, struct listing *listing)
{
	shelf_set_reading(&dir->tree->shelf, dir, listing);
}

struct listing *tree_reading(const struct file *dir, bool go_on)
{
	if (tree_is_listed(dir))
		return dir->listing;
	if (!go_on)
		return NULL;
	return dir->listing ? dir->listing
	                    : shelf_aside(&dir->tree->shelf, dir);
}

void tree_drop_listing(struct file *dir)
{
	shelf_take(&dir->tree->shelf, dir);
}

void tree_forget_listing(struct file *dir)
{
	tree_drop_listing(dir);
	drop_watch(dir);
}

void tree_set_listing(struct file *dir, struct listing *listing)
{
	struct tree *tree = dir->tree;

	listing->born_ms = now_ms(tree);
	listing->until_ms = now_ms(tree) +
	                    (dir->watched ? TREE_SURE_MS : tree->spec.ttl_ms);
	dir->n_missed = 0;
	shelf_put(&tree->shelf, dir, listing);
}

bool tree_is_listed(const struct file *dir)
{
	return dir->listing && dir->listing->until_ms > now_ms(dir->tree);
}

bool tree_listed(struct file *dir, const char *name,
                 const struct listed **listed)
{
	bool found;
	size_t i;

	*listed = NULL;
	if (!tree_is_listed(dir))
		return false;
	i = listing_place(dir->listing, name, &found);
	if (found)
		*listed = &dir->listing->v[i];
	shelf_use(&dir->tree->shelf, dir);
	return true;
}

static bool is_written_to(const struct tree *tree, const struct wire_attr *attr)
{
	struct file like = { .dev = attr->dev, .ino = attr->ino };
	const struct file *file =
		tree->n_writes ? index_find(&tree->by_inode, &like) : NULL;

	return file && file->n_writes;
}

bool tree_listed_is_sure(const struct file *dir, const struct listing *listing,
                         const struct listed *listed)
{
	bool is_dir = (listed->attr.mode & TYPE_MASK) == TYPE_DIR;
	uint64_t now = now_ms(dir->tree);

	/* Nobody marks what is stale in one that is not the directory's. */
	if (listing != dir->listing || listing->until_ms <= now)
		return false;
	if (listed->stale || (listed->attr.flags & WIRE_ATTR_VOLATILE) ||
	    is_many_links(&listed->attr) ||
	    is_written_to(dir->tree, &listed->attr))
		return false;
	if (!is_dir && listed->attr.nlink == 1)
		return true;
	return now - listing->born_ms < dir->tree->spec.ttl_ms &&
	       (is_dir || listing->born_ms > dir->tree->linked_ms);
}

static void spoil_listed(struct file *dir, const char *name)
{
	bool found;
	size_t i;

	if (!dir->listing)
		return;
	i = listing_place(dir->listing, name, &found);
	if (found)
		dir->listing->v[i].stale = true;
}

void tree_spoil_name(struct file *dir, const char *name)
{
	struct file *file = tree_find(dir, name);

	spoil_listed(dir, name);
	/* A listing that is on its way may have had it before. */
	dir->changes++;
	if (file)
		file_spoil(file);
}

void tree_list_change(struct file *dir, const char *name,
                      const struct wire_attr *attr, const char *target)
{
	shelf_change(&dir->tree->shelf, dir, name, attr, target);
}

bool tree_is_walked(const struct file *dir)
{
	return dir->names && dir->names->dir->walked;
}

static void ahead_from(struct file *dir, size_t from,
                       void (*each)(void *arg, struct file *ahead), void *arg)
{
	const struct listing *listing = dir->listing;

	for (size_t i = from;
	     listing && i < listing->n && i < from + TREE_AHEAD; i++) {
		struct file *file;

		if ((listing->v[i].attr.mode & TYPE_MASK) != TYPE_DIR)
			continue;
		file = tree_find(dir, listing->v[i].name);
		if (file && file_is_dir(file))
			each(arg, file);
		/* It may have asked, and been answered. */
		if (dir->listing != listing)
			return;
	}
}

void tree_ahead(struct file *dir, void (*each)(void *arg, struct file *ahead),
                void *arg)
{
	const struct dentry *d = dir->names;
	bool found;

	file_ref(dir);
	ahead_from(dir, 0, each, arg);
	if (d && d->dir->listing)
		ahead_from(d->dir,
		           listing_place(d->dir->listing, d->name, &found) + 1,
		           each, arg);
	file_unref(dir);
}

/* ---- watches ---- */

struct file *tree_watched(struct tree *tree, uint64_t watch)
{
	struct file like = { .watch = watch };

	return index_find(&tree->by_watch, &like);
}

uint64_t tree_watch(struct file *dir)
{
	if (dir->watch)
		return dir->watch;
	dir->watch = ++dir->tree->last_watch;
	if (index_add(&dir->tree->by_watch, dir))
		dir->watch = 0;
	return dir->watch;
}

void tree_set_watched(struct file *dir, bool watched)
{
	if (watched && dir->watch)
		dir->watched = true;
	else
		drop_watch(dir);
}

/* Walk the files by their names: from each to the next one would need an order
 * that tsearch does not give, so all are taken out and put back. A file with
 * several names is met as often, which does no harm. */
void tree_spoil_all(struct tree *tree,
                    void (*each)(void *arg, struct file *file), void *arg)
{
	size_t n = 0;
	size_t cap = tree->n_names;
	struct dentry **names = malloc((cap ? cap : 1) * sizeof(names[0]));
	struct file **all = malloc((cap ? cap : 1) * sizeof(all[0]));

	if (!all || !names) {
		free(names);
		free(all);
		return; /* TREE_SURE_MS bounds what is stale then */
	}
	for (; n < cap; n++) {
		names[n] = index_any(&tree->by_name);
		index_remove(&tree->by_name, names[n]);
		all[n] = file_ref(names[n]->file);
	}
	for (size_t i = 0; i < n; i++)
		(void)index_add(&tree->by_name, names[i]);
	free(names);
	tree_forget_listing(tree->root);
	file_spoil(tree->root);
	for (size_t i = 0; i < n; i++) {
		tree_forget_listing(all[i]);
		file_spoil(all[i]);
	}
	each(arg, tree->root);
	for (size_t i = 0; i < n; i++)
		each(arg, all[i]);
	for (size_t i = 0; i < n; i++)
		file_unref(all[i]);
	free(all);
}
