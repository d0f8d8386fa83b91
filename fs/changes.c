/*
 * changes: from an event of the guest's to what is forgotten, here and there.
 *
 * Owns nothing. An event names a directory by its watch, and mostly a name in
 * it; what it says of one that is not known any more is for nobody. When events
 * were lost, all that was watched is unsure.
 */
#include "fs/changes.h"

#include "fs/files.h"
#include "fs/fs.h"
#include "fs/open.h"
#include "fs/tell.h"

static void tell_name(void *arg, struct file *dir, const char *name)
{
	const struct files *files = arg;
	const struct node *node = dir->node;

	if (node)
		tell_entry(files->fs, node->ino, name);
}

/* A name in it came or went, or its own attributes are others. */
static void spoil_dir(struct files *files, struct file *dir)
{
	file_spoil(dir);
	tell_file(files->fs, dir);
}

/* What had that name changes or loses it: who has it open shall see. */
static void tell_named(struct files *files, struct file *dir, const char *name)
{
	const struct file *file = tree_find(dir, name);

	if (file)
		tell_file(files->fs, file);
}

static void on_changed(void *arg, uint64_t watch, uint32_t change,
                       const char *name)
{
	struct files *files = arg;
	struct file *dir = tree_watched(files->tree, watch);

	if (!dir)
		return;
	file_ref(dir); /* it may go with the last name that is known in it */
	if (change & (WIRE_CHANGED_SELF | WIRE_CHANGED_NAME))
		spoil_dir(files, dir);
	if ((change & WIRE_CHANGED_FILE) && *name) {
		tree_spoil_name(dir, name);
		tell_named(files, dir, name);
	}
	if ((change & WIRE_CHANGED_NAME) && *name) {
		tree_disturb(dir);
		tree_drop_listing(dir);
		tell_named(files, dir, name);
		tree_leave(dir, name);
		tell_name(files, dir, name);
	}
	if (change & WIRE_CHANGED_GONE)
		tree_forget_listing(dir);
	if (change & (WIRE_CHANGED_GONE | WIRE_CHANGED_PLACE)) {
		spoil_dir(files, dir);
		file_each_name(dir, tell_name, files);
	}
	file_unref(dir);
}

/* It is the same file under another name, so who is in it stays there. */
static void rename_in_tree(struct files *files, struct file *dir,
                           const char *name, struct file *new_dir,
                           const char *new_name)
{
	file_ref(dir);
	file_ref(new_dir);
	spoil_dir(files, dir);
	spoil_dir(files, new_dir);
	tree_disturb(dir);
	tree_disturb(new_dir);
	tree_drop_listing(dir);
	tree_drop_listing(new_dir);
	tell_named(files, dir, name);
	tell_named(files, new_dir, new_name);
	tree_moved(dir, name, new_dir, new_name);
	tell_name(files, dir, name);
	tell_name(files, new_dir, new_name);
	file_unref(new_dir);
	file_unref(dir);
}

static void on_moved(void *arg, uint64_t watch, const char *name,
                     uint64_t new_watch, const char *new_name)
{
	struct files *files = arg;
	struct file *dir = tree_watched(files->tree, watch);
	struct file *new_dir = tree_watched(files->tree, new_watch);

	if (dir && new_dir) {
		rename_in_tree(files, dir, name, new_dir, new_name);
		return;
	}
	/* One of them is not known any more. */
	on_changed(arg, watch, WIRE_CHANGED_NAME, name);
	on_changed(arg, new_watch, WIRE_CHANGED_NAME, new_name);
}

static void tell_root_name(void *arg, struct file *dir, const char *name)
{
	if (file_is_root(dir))
		tell_name(arg, dir, name);
}

/* Nothing is sure any more. A name that the kernel forgets takes all that is
 * below it along, so those in the root are enough, and what is in use. */
static void on_each_lost(void *arg, struct file *file)
{
	const struct files *files = arg;

	file_each_name(file, tell_root_name, arg);
	if (open_is_open(file) || file_is_root(file))
		tell_file(files->fs, file);
}

static void on_lost(void *arg)
{
	struct files *files = arg;

	tree_spoil_all(files->tree, on_each_lost, files);
}

const struct guest_events changes_events = {
	.changed = on_changed,
	.moved = on_moved,
	.lost = on_lost,
};
