/*
 * files: begin and end what stands between a machine and the kernel.
 *
 * Owns struct files, one for each machine whose files/ was looked at, found by
 * the machine. Its guest ends the agent when the machine stops or goes; itself
 * it stays until no file of the tree is referred to, since nodes and what is
 * open may live longer than the machine.
 */
#include "fs/files.h"

#include <errno.h>
#include <stdlib.h>

#include "fs/changes.h"
#include "fs/fs.h"

static void on_unwatch(void *arg, uint64_t watch)
{
	struct files *files = arg;
	struct guest_call call = { .op = WIRE_UNWATCH, .watch = watch };

	if (files->guest)
		guest_tell(files->guest, &call);
}

/* The last node has gone, and the machine before it. */
static void on_unused(void *arg)
{
	struct files *files = arg;

	guest_free(files->guest);
	member_unref(files->m);
	free(files);
}

static int compare_files(const void *a, const void *b)
{
	const struct files *x = a;
	const struct files *y = b;

	return (x->m > y->m) - (x->m < y->m);
}

void files_index_init(struct index *index)
{
	index->compare = compare_files;
}

static struct files *find_files(const struct fs *fs, const struct member *m)
{
	struct files like = { .m = (struct member *)m };

	return index_find(&fs->files, &like);
}

/* Inode numbers of two machines made from one image would be the same. */
static uint64_t salt_of(const char *id)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (; *id; id++)
		hash = (hash ^ (unsigned char)*id) * UINT64_C(1099511628211);
	return hash;
}

/* NULL: no memory. */
static struct files *files_new(struct fs *fs, struct member *m)
{
	struct files *files = calloc(1, sizeof(*files));
	struct guest_spec guest = {
		.loop = fs->spec.loop,
		.engine = fs->spec.engine,
		.clock = fs->spec.clock,
		.log = fs->spec.log,
		.events = changes_events,
		.arg = files,
		.n_agents = &fs->n_agents,
	};
	struct tree_spec tree = {
		.clock = fs->spec.clock,
		.ttl_ms = (unsigned)(fs->spec.timeout * 1000),
		.unwatch = on_unwatch,
		.unused = on_unused,
		.arg = files,
	};

	if (!files)
		return NULL;
	files->fs = fs;
	files->m = m;
	files->salt = salt_of(m->machine->id);
	files->guest = guest_new(&guest);
	if (!files->guest || index_add(&fs->files, files)) {
		guest_free(files->guest);
		free(files);
		return NULL;
	}
	member_ref(m);
	files->tree = tree_new(&tree);
	if (files->tree)
		return files;
	index_remove(&fs->files, files);
	on_unused(files);
	return NULL;
}

int files_attach(struct fs *fs, struct node *node)
{
	struct files *files;

	if (node->file)
		return 0;
	files = find_files(fs, node->m);
	if (!files)
		files = files_new(fs, node->m);
	if (!files)
		return -ENOMEM;
	node->file = file_ref(tree_root(files->tree));
	node->file->node = node;
	return 0;
}

struct files *files_of(const struct node *node)
{
	return tree_arg(node->file->tree);
}

void files_hang_up(struct fs *fs, const struct member *m)
{
	struct files *files = find_files(fs, m);

	if (files)
		guest_hang_up(files->guest);
}

void files_renamed(struct fs *fs, const struct member *m)
{
	struct files *files = find_files(fs, m);

	if (files)
		guest_forget_machine(files->guest);
}

static void drop(struct files *files)
{
	struct guest *guest = files->guest;

	index_remove(&files->fs->files, files);
	guest_hang_up(guest);
	tree_free(files->tree);
}

void files_drop(struct fs *fs, const struct member *m)
{
	struct files *files = find_files(fs, m);

	if (files)
		drop(files);
}

void files_drop_all(struct fs *fs)
{
	struct files *files;

	while ((files = index_any(&fs->files)))
		drop(files);
}
