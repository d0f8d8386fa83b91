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

static void on_changed(void *arg, uint64_t watch, uint32_t change,
                       const char *name)
{
	struct files *files = arg;
	struct file *dir = tree_watched(files->tree, watch);
	struct file *file = dir && *name ? tree_find(dir, name) : NULL;

	if (!dir)
		return;
	file_ref(dir); /* it may go with the last name that is known in it */
	if (change & (WIRE_CHANGED_SELF | WIRE_CHANGED_NAME)) {
		file_spoil(dir);
		tell_file(files->fs, dir);
	}
	if ((change & WIRE_CHANGED_FILE) && *name) {
		tree_spoil_name(dir, name);
		if (file)
			tell_file(files->fs, file);
	}
	if ((change & WIRE_CHANGED_NAME) && *name) {
		tree_drop_listing(dir);
		if (file)
			tell_file(files->fs, file);
		tree_leave(dir, name);
		tell_name(files, dir, name);
	}
	if (change & WIRE_CHANGED_GONE) {
		tree_forget_listing(dir);
		file_spoil(dir);
		tell_file(files->fs, dir);
		file_each_name(dir, tell_name, files);
	}
	file_unref(dir);
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
	.lost = on_lost,
};
