/*
 * dir: what a directory holds, part by part.
 *
 * Owns the table of the kinds of directory. Nothing is kept between the parts
 * of a listing: an offset says all. Offsets 1 and 2 are behind "." and "..", the
 * next ENTRIES_END - 3 behind the entries of the table, and those above are a
 * name's cookie plus ENTRIES_END.
 */
#include "fs/dir.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cache/images.h"
#include "cache/settings.h"
#include "fs/by.h"
#include "fs/enginedir.h"
#include "fs/fs.h"
#include "fs/imagedir.h"
#include "fs/import.h"
#include "fs/jobs.h"
#include "fs/machines.h"
#include "fs/snapdir.h"
#include "fs/view.h"

static struct timespec when_listed(struct fs *fs)
{
	return fleet_changed(fs->spec.fleet);
}

static struct timespec when_stirred(struct fs *fs)
{
	return fleet_stirred(fs->spec.fleet);
}

static struct timespec when_images(struct fs *fs)
{
	return images_changed(fs->images);
}

/* A distribution holds versions, or is an image itself. */
static struct timespec when_images_or_stirred(struct fs *fs)
{
	struct timespec a = when_images(fs);
	struct timespec b = when_stirred(fs);
	bool later = a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec
	                                  : a.tv_nsec > b.tv_nsec;

	return later ? a : b;
}

static struct timespec when_set(struct fs *fs)
{
	return settings_changed(fs->settings);
}

static const struct dir_kind kinds[DIR_N_KINDS] = {
	[DIR_ROOT] = { .lookup = machines_lookup,
	               .ready = machines_ready,
	               .changed = when_listed,
	               .next = machines_next,
	               .mkdir = machines_mkdir,
	               .rmdir = machines_rmdir,
	               .unlink = machines_unlink,
	               .rename = machines_rename,
	               .create = import_create },
	[DIR_RUN] = { .lookup = jobs_lookup,
	              .next = jobs_next,
	              .mkdir = jobs_mkdir,
	              .rmdir = jobs_rmdir },
	[DIR_JOB] = { .unlink = jobs_unlink },
	[DIR_SNAPSHOTS] = { .lookup = snapdir_lookup,
	                    .ready = snapdir_ready,
	                    .next = snapdir_next,
	                    .mkdir = snapdir_mkdir,
	                    .rmdir = snapdir_rmdir,
	                    .rename = snapdir_rename },
	[DIR_IMAGES] = { .lookup = imagedir_lookup_distro,
	                 .ready = imagedir_ready,
	                 .changed = when_images,
	                 .next = imagedir_next_distro },
	[DIR_DISTRO] = { .lookup = imagedir_lookup_version,
	                 .ready = imagedir_ready,
	                 .changed = when_images_or_stirred,
	                 .next = imagedir_next_version,
	                 .mkdir = imagedir_mkdir },
	[DIR_IMAGE] = { .lookup = imagedir_lookup_machine,
	                .ready = machines_ready,
	                .changed = when_stirred,
	                .next = imagedir_next_machine,
	                .mkdir = imagedir_mkdir },
	[DIR_SOURCES] = { .lookup = imagedir_lookup_source,
	                  .ready = machines_ready,
	                  .changed = when_listed,
	                  .next = imagedir_next_source },
	[DIR_SOURCE] = { .mkdir = imagedir_clone },
	[DIR_ENGINE] = { .lookup = enginedir_lookup,
	                 .ready = enginedir_ready,
	                 .changed = when_set,
	                 .next = enginedir_next },
	[DIR_GROUPS] = { .lookup = by_lookup_group,
	                 .ready = machines_ready,
	                 .changed = when_stirred,
	                 .next = by_next_group },
	[DIR_GROUP] = { .lookup = by_lookup,
	                .ready = machines_ready,
	                .changed = when_stirred,
	                .next = by_next },
};

const struct dir_kind *dir_kind(const struct node *dir)
{
	return &kinds[node_dir(dir)];
}

/* ---- listings ---- */

enum { ENTRIES_END = 1024, PART_MAX = 256 << 10 };

/* One part of a listing under construction. */
struct part {
	struct request *rq;
	bool plus;
	char *data;
	size_t len;
	size_t size;
};

/* Add one name. false: no room. For plus, node is what the name leads to, and
 * counts as looked up; NULL leaves that to a later lookup. */
static bool add(struct part *part, const char *name, uint64_t ino, mode_t mode,
                struct node *node, uint64_t next)
{
	struct fs *fs = part->rq->fs;
	fuse_req_t fuse = part->rq->fuse;
	struct fuse_entry_param e = { 0 };
	char *to = part->data + part->len;
	size_t left = part->size - part->len;
	size_t n;

	e.attr.st_ino = ino;
	e.attr.st_mode = mode;
	if (!part->plus) {
		n = fuse_add_direntry(fuse, to, left, name, &e.attr,
		                      (off_t)next);
	} else {
		if (node) {
			e.ino = node->ino;
			e.generation = 1;
			view_attr(fs, node, &e.attr);
			view_timeouts(fs, node, &e.entry_timeout,
			              &e.attr_timeout);
		}
		n = fuse_add_direntry_plus(fuse, to, left, name, &e,
		                           (off_t)next);
	}
	if (n > left)
		return false;
	part->len += n;
	return true;
}

/* Add a name that leads to a node. Files that get an inode at every lookup, and
 * what comes and goes, are left to that lookup. */
static bool add_node(struct part *part, const struct dir_name *name,
                     uint64_t next)
{
	const struct entry *entry = name->entry;
	bool own = entry && ((entry->flags & ENTRY_OWN_INODE) ||
	                     entry->dir == DIR_FILES || !entry->name);
	mode_t mode = entry ? entry->mode : S_IFDIR | 0700;
	uint64_t ino = node_ino_of(name->m, entry, name->label);
	struct node *node = NULL;
	bool added;

	/* Without memory for a node the name is shown all the same. */
	if (part->plus && !own)
		node = nodes_get_labelled(part->rq->fs->nodes, name->m, entry,
		                          (struct label *)name->label);
	added = add(part, name->name, ino, mode, node, next);
	if (added && node)
		node_looked_up(node);
	node_unref(node);
	return added;
}

static bool add_dots(struct part *part, uint64_t offset)
{
	const struct node *node = part->rq->node;
	uint64_t ino = node_stat_ino(node);
	uint64_t up = node->entry
	                      ? node_ino_of(node->m, NULL, NULL)
	                      : node_stat_ino(nodes_root(part->rq->fs->nodes));

	return (offset >= 1 || add(part, ".", ino, S_IFDIR, NULL, 1)) &&
	       (offset >= 2 || add(part, "..", up, S_IFDIR, NULL, 2));
}

static bool add_entries(struct part *part, uint64_t offset)
{
	const struct node *node = part->rq->node;
	struct dir_name name = { .m = node->m, .label = node->label };
	uint64_t place = 2;

	while ((name.entry = entry_next(node_dir(node), name.entry))) {
		name.name = name.entry->name;
		if (++place > offset && name.name &&
		    !add_node(part, &name, place))
			return false;
	}
	return true;
}

static bool add_names(struct part *part, uint64_t offset)
{
	const struct node *dir = part->rq->node;
	const struct dir_kind *kind = dir_kind(dir);
	struct dir_name name = { 0 };

	if (offset > ENTRIES_END)
		name.cookie = offset - ENTRIES_END;
	while (kind->next && kind->next(part->rq->fs, dir, &name))
		if (!add_node(part, &name, name.cookie + ENTRIES_END))
			return false;
	return true;
}

static void read_now(struct request *rq)
{
	struct part part = { .rq = rq, .plus = rq->plus };
	uint64_t offset = rq->offset;

	part.size = rq->size < PART_MAX ? rq->size : PART_MAX;
	part.data = malloc(part.size ? part.size : 1);
	if (!part.data) {
		request_fail(rq, -ENOMEM);
		return;
	}
	if (add_dots(&part, offset) && add_entries(&part, offset))
		(void)add_names(&part, offset);
	request_reply_data(rq, part.data, part.len);
	free(part.data);
}

static void on_listed_read(void *arg, int err)
{
	struct request *rq = arg;

	if (err || request_is_answered(rq))
		request_fail(rq, err ? err : -EINTR);
	else
		read_now(rq);
}

void dir_read(struct request *rq, bool plus)
{
	const struct dir_kind *kind = dir_kind(rq->node);

	rq->plus = plus;
	/* The first part is of what is there now, the others go on with it. */
	if (kind->ready && rq->offset == 0)
		kind->ready(rq, on_listed_read);
	else
		read_now(rq);
}

static void on_listed(void *arg, int err)
{
	struct request *rq = arg;

	if (err)
		request_fail(rq, err);
	else
		request_reply_open(rq, NULL);
}

void dir_open(struct request *rq)
{
	const struct dir_kind *kind = dir_kind(rq->node);

	if (kind->ready)
		kind->ready(rq, on_listed);
	else
		request_reply_open(rq, NULL);
}

/* Has anybody asked for what is listed there? Nobody waits for the very first
 * answer only to see the directory. */
static bool is_known(const struct fs *fs, enum entry_dir dir)
{
	switch (dir) {
	case DIR_ENGINE:
		return settings_count(fs->settings) > 0;
	case DIR_IMAGES:
	case DIR_DISTRO:
		return images_distro(fs->images, 0) != NULL;
	default:
		return fleet_is_known(fs->spec.fleet);
	}
}

/* It is there whatever became of what it lists. */
static void on_ready(void *arg, int err)
{
	(void)err;
	request_reply_attr(arg);
}

void dir_getattr(struct request *rq)
{
	const struct dir_kind *kind = dir_kind(rq->node);

	if (kind->ready && is_known(rq->fs, node_dir(rq->node)))
		kind->ready(rq, on_ready);
	else
		request_reply_attr(rq);
}

void dir_reply(struct request *rq, mode_t type, struct member *m,
               struct label *label)
{
	const struct entry *entry = entry_any(node_dir(rq->node), type);
	struct node *node = nodes_get_labelled(rq->fs->nodes, m, entry, label);

	if (node)
		request_reply_entry(rq, node);
	else
		request_fail(rq, -ENOMEM);
}
