/*
 * view: sizes, times, links and owners of what is ours.
 *
 * Owns nothing. All of it is the mounting user's; a directory's times tell how
 * old it is or when it changed, and a file's size is that of its last
 * rendering unless it is known without asking.
 */
#include "fs/view.h"

#include <string.h>

#include "fs/attr.h"
#include "fs/dir.h"
#include "fs/drafts.h"
#include "fs/events.h"
#include "fs/finder.h"
#include "fs/fs.h"
#include "fs/import.h"
#include "fs/platform.h"
#include "fs/task.h"

enum { SCRIPT_BLOCK = 1 << 20 };

/* Is it a job's directory, or a file in there? */
static bool is_of_job(const struct node *node)
{
	return node_dir(node) == DIR_JOB ||
	       (node->entry && node->entry->in == DIR_JOB);
}

struct view view_of(struct fs *fs, const struct node *node)
{
	return (struct view){
		.m = node->m,
		.label = node->label,
		.run = is_of_job(node) ? task_run(node->label)
		       : node->m       ? node->m->last
		                       : NULL,
		.fleet = fs->spec.fleet,
		.settings = fs->settings,
		.daemon = &fs->daemon,
		.text = "",
	};
}

/* As everywhere: 2, and one for each directory in it; 1 says that nobody has
 * counted them. */
static nlink_t dir_links(struct fs *fs, const struct node *node)
{
	enum entry_dir in = node_dir(node);
	nlink_t n = 2;

	if (in == DIR_ROOT)
		n += fleet_count(fs->spec.fleet) +
		     (fs->drafts ? drafts_count(fs->drafts) : 0);
	else if (dir_kind(node)->next)
		return 1;
	for (const struct entry *e = NULL; (e = entry_next(in, e));)
		n += e->name && e->dir != DIR_NONE && e->dir != DIR_FILES;
	return n;
}

static void dir_attr(struct fs *fs, const struct node *node, struct stat *st)
{
	/* Who may use the mount gets as far as files/; what is beside it is
	 * for its owner. */
	st->st_mode = node->entry       ? node->entry->mode
	              : fs->spec.shared ? S_IFDIR | 0755
	                                : S_IFDIR | 0700;
	st->st_nlink = dir_links(fs, node);
	/* What a machine's directory holds never changes, so its times can tell
	 * how old the machine is: find ~/vms -maxdepth 1 -mmin +120. */
	if (dir_kind(node)->changed)
		st->st_mtim = dir_kind(node)->changed(fs);
	else if (node_dir(node) == DIR_MACHINE ||
	         node_dir(node) == DIR_SNAPSHOT)
		st->st_mtim = member_born(node->m);
	else if (node->m)
		st->st_mtim = node->m->texts[node->entry->text].changed;
	else
		st->st_mtim = fs->born;
}

/* Drafts come and go in the root, too, and have a time of their own. */
static void date_by_drafts(struct fs *fs, const struct node *node,
                           struct stat *st)
{
	struct timespec changed;

	if (node_dir(node) == DIR_DRAFT)
		st->st_mtim = drafts_born(node->label);
	if (node_dir(node) != DIR_ROOT || !fs->drafts)
		return;
	changed = drafts_changed(fs->drafts);
	if (changed.tv_sec > st->st_mtim.tv_sec ||
	    (changed.tv_sec == st->st_mtim.tv_sec &&
	     changed.tv_nsec > st->st_mtim.tv_nsec))
		st->st_mtim = changed;
}

static void file_attr(struct fs *fs, const struct node *node, struct stat *st)
{
	const struct entry *entry = node->entry;
	struct view view = view_of(fs, node);

	st->st_mode = entry->mode;
	st->st_nlink = 1;
	if (entry->accept == ACCEPT_LITTER) {
		finder_attr(node, st);
		return;
	}
	st->st_size = entry->need == NEED_EVENTS
	                      ? (off_t)events_size(fs->events)
	              : entry->accept == ACCEPT_ARCHIVE
	                      ? (off_t)import_size(node->label)
	                      : (off_t)entry_len(entry, &view);
	st->st_blocks = (st->st_size + 511) / 512;
	st->st_mtim = node->m ? node->m->texts[entry->text].changed : fs->born;
	/* Programs write in blocks: let a script come in one piece. */
	if (entry->accept == ACCEPT_EXEC)
		st->st_blksize = SCRIPT_BLOCK;
}

void view_attr(struct fs *fs, const struct node *node, struct stat *st)
{
	if (node->file) {
		attr_stat(node, st);
		return;
	}
	memset(st, 0, sizeof(*st));
	st->st_ino = node_stat_ino(node);
	st->st_uid = fs->spec.uid;
	st->st_gid = fs->spec.gid;
	if (node_dir(node) != DIR_NONE)
		dir_attr(fs, node, st);
	else
		file_attr(fs, node, st);
	date_by_drafts(fs, node, st);
	if (is_of_job(node))
		st->st_mtim = task_changed(node->label);
	st->st_ctim = st->st_mtim;
	st->st_atim = st->st_mtim;
}

void view_timeouts(struct fs *fs, const struct node *node, double *entry_s,
                   double *attr_s)
{
	const struct entry *entry = node->entry;
	bool own = entry && (entry->flags & ENTRY_OWN_INODE);

	if (node->file) {
		attr_timeouts(node, entry_s, attr_s);
		return;
	}
	/* What comes and goes is looked up whenever it is used. */
	if (entry && !entry->name) {
		*entry_s = 0;
		*attr_s = 0;
		return;
	}
	*entry_s = own ? 0 : fs->spec.timeout;
	/* They tell how old a listing is: what it is made of has a time of its
	 * own, and the two would add up. */
	if (dir_kind(node)->ready) {
		*attr_s = 0;
		return;
	}
	/* The next lookup of an own inode brings its attributes, unless opening
	 * it makes the text; a shared file's length may change at any time. */
	if (node_dir(node) != DIR_NONE ||
	    (own && !fs->spec.finder &&
	     (entry->need <= NEED_LIST || entry->need == NEED_RUN)))
		*attr_s = fs->spec.timeout;
	else
		*attr_s = 0;
}
