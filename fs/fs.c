/*
 * fs: the operations that the kernel may ask of us, and to whom each goes.
 *
 * Owns the nodes, the guard and the list of living requests. A handler here
 * finds the node, makes the request, and passes it on according to the node's
 * kind; what the kernel may not do to a control file is refused right here.
 *
 * The kernel never names an inode that it did not get from us; a number that
 * is unknown all the same is answered ESTALE.
 */
#include "fs/fs.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cache/images.h"
#include "cache/settings.h"
#include "fs/attr.h"
#include "fs/below.h"
#include "fs/control.h"
#include "fs/dir.h"
#include "fs/drafts.h"
#include "fs/events.h"
#include "fs/files.h"
#include "fs/finder.h"
#include "fs/import.h"
#include "fs/jobs.h"
#include "fs/litter.h"
#include "fs/lookup.h"
#include "fs/measure.h"
#include "fs/names.h"
#include "fs/open.h"
#include "fs/poll.h"
#include "fs/readdir.h"
#include "fs/statfs.h"
#include "fs/stats.h"
#include "fs/tell.h"
#include "fs/view.h"

/* ---- life ---- */

static void on_came(void *arg, struct member *m)
{
	struct fs *fs = arg;
	uint64_t root = nodes_root(fs->nodes)->ino;

	files_renamed(fs, m);
	jobs_renamed(fs, m);
	tell_entry(fs, root, m->name);
	tell_inode(fs, root);
}

static void on_gone(void *arg, struct member *m, const char *name)
{
	struct fs *fs = arg;
	const struct node *node = nodes_peek(fs->nodes, m, NULL);
	uint64_t root = nodes_root(fs->nodes)->ino;

	if (!m->listed) {
		guard_forget(fs->guard, m);
		files_drop(fs, m);
		jobs_gone(fs, m);
		poll_tell(fs, m, MEMBER_STATE);
	}
	tell_gone(fs, root, node && !m->listed ? node->ino : 0, name);
	tell_inode(fs, root);
}

/* What the kernel keeps of a file that is open is old. */
static void tell_open(struct fs *fs, const struct member *m,
                      enum member_text text)
{
	for (const struct handle *h = fs->handles; h; h = h->next)
		if (h->node->m == m && h->node->entry->text == text && h->text)
			tell_inode(fs, h->node->ino);
}

static void on_changed(void *arg, struct member *m, enum member_text text)
{
	struct fs *fs = arg;
	const struct node *node = nodes_peek(fs->nodes, m, NULL);

	poll_tell(fs, m, text);
	if (fs->spec.finder)
		tell_open(fs, m, text);
	if (node)
		tell_inode(fs, node->ino);
}

/* What the guest's agent must not see happen. */
static void on_before(void *arg, struct member *m)
{
	files_hang_up(arg, m);
}

static void put_stats(void *arg, struct buf *b)
{
	stats_render(arg, b);
}

struct fs *fs_new(const struct fs_spec *spec)
{
	static const struct fleet_events events = {
		.came = on_came,
		.gone = on_gone,
		.changed = on_changed,
		.before = on_before,
	};
	struct fs *fs = calloc(1, sizeof(*fs));

	if (!fs)
		return NULL;
	fs->spec = *spec;
	files_index_init(&fs->files);
	fs->nodes = nodes_new();
	fs->guard = guard_new(spec->clock);
	fs->exec = exec_new();
	fs->images = images_new(spec->engine, spec->clock);
	fs->settings = settings_new(spec->engine, spec->clock);
	fs->events = events_new(fs);
	if (spec->drafts || spec->finder)
		fs->drafts = drafts_new(spec->clock);
	if (spec->finder)
		fs->litter = litter_new(spec->clock);
	if (!fs->nodes || !fs->guard || !fs->exec ||
	    (spec->finder && !fs->litter) || !fs->images || !fs->settings ||
	    !fs->events || (!fs->drafts && (spec->drafts || spec->finder))) {
		fs_free(fs);
		return NULL;
	}
	fs->born = spec->clock->wall(spec->clock);
	fs->daemon.version = spec->version;
	fs->daemon.config = spec->config;
	fs->daemon.stats = put_stats;
	fs->daemon.arg = fs;
	fleet_set_events(spec->fleet, &events, fs);
	return fs;
}

void fs_set_notify(struct fs *fs, const struct fs_notify *notify, void *arg)
{
	fs->notify = *notify;
	fs->notify_arg = arg;
	tell_nothing(fs);
}

void fs_end(struct fs *fs)
{
	watch_stop(fs);
	events_end(fs->events);
	images_end(fs->images);
	settings_end(fs->settings);
}

void fs_let_readers_go(struct fs *fs)
{
	events_let_go(fs->events);
}

void fs_fail_all(struct fs *fs, int err)
{
	events_end(fs->events);
	requests_fail_all(fs, err);
	jobs_end(fs);
	requests_end(fs);
}

void fs_free(struct fs *fs)
{
	if (!fs)
		return;
	fleet_set_events(fs->spec.fleet, &(struct fleet_events){ 0 }, NULL);
	handles_free(fs);
	import_drop_all(fs);
	jobs_forget(fs);
	watch_stop(fs);
	opens_free(fs);
	files_drop_all(fs);
	nodes_free(fs->nodes);
	drafts_free(fs->drafts);
	litter_free(fs->litter);
	guard_free(fs->guard);
	exec_free(fs->exec);
	events_free(fs->events);
	settings_free(fs->settings);
	images_free(fs->images);
	free(fs);
}

/* ---- the operations ---- */

static struct fs *fs_of(fuse_req_t fuse)
{
	return fuse_req_userdata(fuse);
}

/* A request about an inode; NULL: it is answered already. */
static struct request *request_about(fuse_req_t fuse, fuse_ino_t ino)
{
	struct node *node = nodes_find(fs_of(fuse)->nodes, ino);

	if (node)
		return request_new(fs_of(fuse), fuse, node);
	fuse_reply_err(fuse, ESTALE);
	return NULL;
}

/* A request about a name in a directory; NULL: it is answered already. */
static struct request *request_named(fuse_req_t fuse, fuse_ino_t parent,
                                     const char *name)
{
	struct request *rq = request_about(fuse, parent);

	if (!rq)
		return NULL;
	if (strlen(name) > NAME_MAX) {
		request_fail(rq, -ENAMETOOLONG);
		return NULL;
	}
	return request_keep(rq, name, strlen(name)) ? rq : NULL;
}

/* The same for a name that is to be made, moved or removed. */
static struct request *request_to_change(fuse_req_t fuse, fuse_ino_t parent,
                                         const char *name)
{
	struct request *rq = request_named(fuse, parent, name);

	if (rq)
		rq->changes_names = true;
	return rq;
}

/* A request about an open file; NULL: it is answered already. */
static struct request *request_open(fuse_req_t fuse, fuse_ino_t ino,
                                    const struct fuse_file_info *fi)
{
	struct request *rq = request_about(fuse, ino);

	if (rq && rq->node->file)
		below_hold_file(rq, fi);
	else if (rq)
		request_hold(rq, (struct handle *)(uintptr_t)fi->fh);
	return rq;
}

static void fs_init(void *userdata, struct fuse_conn_info *conn)
{
	struct fs *fs = userdata;

	if (fs->spec.on_hello)
		fs->spec.on_hello(fs->spec.arg);
	/* Control writes must arrive at once, in order, with their errors. */
	conn->want &= ~(unsigned)FUSE_CAP_WRITEBACK_CACHE;
	/* A umask counts where the file is made: a default ACL overrules it. */
	conn->want |= conn->capable & FUSE_CAP_DONT_MASK;
#ifdef __linux__
	/* macFUSE says that it can and cannot. */
	fs->no_opendir = (conn->capable & FUSE_CAP_NO_OPENDIR_SUPPORT) != 0;
#endif
}

static void on_measured(struct request *rq)
{
	struct node *node = rq->other;

	rq->other = NULL;
	request_reply_entry(rq, node);
}

/* Answer a lookup; where sizes have to be exact, once that is known. */
static void reply_measured(struct request *rq, struct node *node)
{
	rq->other = node;
	if (rq->fs->spec.finder && node_dir(node) == DIR_NONE && !node->file)
		measure_node(rq, node, on_measured);
	else
		on_measured(rq);
}

static void fs_lookup(fuse_req_t fuse, fuse_ino_t parent, const char *name)
{
	struct request *rq = request_named(fuse, parent, name);
	const struct entry *entry;
	struct node *node;

	if (!rq)
		return;
	if (finder_lookup(rq))
		return;
	if (rq->node->file) {
		lookup_lookup(rq);
		return;
	}
	entry = entry_find(node_dir(rq->node), name);
	/* The root has machines, and they may be called anything. */
	if (!entry && node_dir(rq->node) != DIR_ROOT && finder_is_noise(name)) {
		request_fail(rq, -ENOENT);
		return;
	}
	if (!entry && dir_kind(rq->node)->lookup) {
		dir_kind(rq->node)->lookup(rq);
		return;
	}
	if (!entry || (rq->node->m && !rq->node->m->listed)) {
		request_fail(rq, -ENOENT);
		return;
	}
	node = nodes_get_labelled(rq->fs->nodes, rq->node->m, entry,
	                          rq->node->label);
	if (node && entry->dir == DIR_FILES && files_attach(rq->fs, node)) {
		node_unref(node);
		node = NULL;
	}
	if (node)
		reply_measured(rq, node);
	else
		request_fail(rq, -ENOMEM);
}

static void forget(struct fs *fs, uint64_t ino, uint64_t n)
{
	struct node *node = nodes_find(fs->nodes, ino);

	if (node && node != nodes_root(fs->nodes))
		node_forget(node, n);
}

static void fs_forget(fuse_req_t fuse, fuse_ino_t ino, uint64_t n)
{
	forget(fs_of(fuse), ino, n);
	fuse_reply_none(fuse);
}

static void fs_forget_multi(fuse_req_t fuse, size_t count,
                            struct fuse_forget_data *forgets)
{
	for (size_t i = 0; i < count; i++)
		forget(fs_of(fuse), forgets[i].ino, forgets[i].nlookup);
	fuse_reply_none(fuse);
}

static void fs_getattr(fuse_req_t fuse, fuse_ino_t ino,
                       struct fuse_file_info *fi)
{
	struct request *rq = request_about(fuse, ino);

	(void)fi;
	if (!rq)
		return;
	if (rq->node->file)
		attr_getattr(rq);
	else if (rq->fs->spec.finder && node_dir(rq->node) == DIR_NONE)
		measure_node(rq, rq->node, request_reply_attr);
	else
		dir_getattr(rq);
}

/* As a message calls it. */
static const char *node_name(const struct node *node)
{
	if (node->entry && node->entry->name)
		return node->entry->name;
	return node->m && !node->entry ? node->m->name : "what is here";
}

/* Truncation and times are accepted where writing is, and change nothing: a
 * shell's `>` and `touch` ask for them. Owners and modes are ours. */
static void fs_setattr(fuse_req_t fuse, fuse_ino_t ino, struct stat *attr,
                       int to_set, struct fuse_file_info *fi)
{
	struct request *rq = request_about(fuse, ino);

	if (!rq)
		return;
	if (rq->node->file)
		below_setattr(rq, attr, to_set, fi);
	else if (rq->node->entry && rq->node->entry->accept == ACCEPT_ARCHIVE)
		import_setattr(rq, attr, to_set);
	else if (rq->node->entry && rq->node->entry->accept == ACCEPT_LITTER)
		finder_setattr(rq, attr, to_set);
	/* Finder sets what it copied with, and takes no for an answer badly. */
	else if (!rq->fs->spec.finder &&
	         (to_set &
	          (FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)))
		request_refuse(rq, -EPERM, "%s: its owner and mode are fixed",
		               node_name(rq->node));
	else if ((to_set & FUSE_SET_ATTR_SIZE) &&
	         (!rq->node->entry ||
	          rq->node->entry->accept == ACCEPT_NOTHING))
		request_refuse(rq, -EACCES, "%s: it is only to be read",
		               node_name(rq->node));
	else
		request_reply_attr(rq);
}

static void fs_open(fuse_req_t fuse, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct request *rq = request_about(fuse, ino);

	if (!rq)
		return;
	rq->fi = *fi;
	if (rq->node->file)
		open_open(rq);
	else if (node_dir(rq->node) != DIR_NONE)
		request_fail(rq, -EISDIR);
	else
		control_open(rq, fi);
}

static void fs_read(fuse_req_t fuse, fuse_ino_t ino, size_t size, off_t offset,
                    struct fuse_file_info *fi)
{
	struct request *rq = request_open(fuse, ino, fi);

	if (!rq)
		return;
	rq->size = size;
	rq->offset = (uint64_t)offset;
	if (rq->open)
		open_read(rq);
	else
		control_read(rq);
}

static void fs_write(fuse_req_t fuse, fuse_ino_t ino, const char *data,
                     size_t size, off_t offset, struct fuse_file_info *fi)
{
	struct request *rq = request_open(fuse, ino, fi);

	if (!rq)
		return;
	/* A control file is written to, not at. */
	rq->offset = (uint64_t)offset;
	if (rq->open)
		open_write(rq, data, size, fi->writepage);
	else if (request_keep(rq, data, size))
		control_write(rq);
}

static void fs_poll(fuse_req_t fuse, fuse_ino_t ino, struct fuse_file_info *fi,
                    struct fuse_pollhandle *ph)
{
	struct request *rq = request_open(fuse, ino, fi);

	if (rq && rq->handle) {
		poll_ask(rq, ph);
		return;
	}
	/* Guests' files are files: always ready. */
	if (rq)
		request_reply_poll(rq, POLLIN | POLLOUT);
	if (ph)
		fuse_pollhandle_destroy(ph);
}

static void fs_flush(fuse_req_t fuse, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct request *rq = request_open(fuse, ino, fi);

	if (rq && rq->open)
		open_flush(rq, fi->lock_owner);
	else if (rq)
		control_flush(rq);
}

static void fs_release(fuse_req_t fuse, fuse_ino_t ino,
                       struct fuse_file_info *fi)
{
	if (below_is(fs_of(fuse), ino))
		open_release((struct open_file *)(uintptr_t)fi->fh);
	else
		handle_unref((struct handle *)(uintptr_t)fi->fh);
	fuse_reply_err(fuse, 0);
}

static void fs_opendir(fuse_req_t fuse, fuse_ino_t ino,
                       struct fuse_file_info *fi)
{
	struct request *rq = request_about(fuse, ino);

	if (!rq)
		return;
	rq->fi = *fi;
	/* Nothing is kept of an open directory. Told so once, the kernel saves
	 * us all further opens and closes of any. */
	if (rq->fs->no_opendir)
		request_fail(rq, -ENOSYS);
	else if (rq->node->file)
		request_reply_open(rq, NULL);
	else
		dir_open(rq);
}

static void read_dir(fuse_req_t fuse, fuse_ino_t ino, size_t size, off_t offset,
                     bool plus)
{
	struct request *rq = request_about(fuse, ino);

	if (!rq)
		return;
	rq->size = size;
	rq->offset = (uint64_t)offset;
	if (rq->node->file)
		readdir_readdir(rq, plus);
	else
		dir_read(rq, plus);
}

static void fs_readdir(fuse_req_t fuse, fuse_ino_t ino, size_t size,
                       off_t offset, struct fuse_file_info *fi)
{
	(void)fi;
	read_dir(fuse, ino, size, offset, false);
}

static void fs_readdirplus(fuse_req_t fuse, fuse_ino_t ino, size_t size,
                           off_t offset, struct fuse_file_info *fi)
{
	(void)fi;
	read_dir(fuse, ino, size, offset, true);
}

static void fs_releasedir(fuse_req_t fuse, fuse_ino_t ino,
                          struct fuse_file_info *fi)
{
	(void)ino;
	(void)fi;
	fuse_reply_err(fuse, 0);
}

static void refuse_to_make(struct request *rq)
{
	request_refuse(rq, -EPERM,
	               "%.80s: nothing of that kind can be made here",
	               rq->text);
}

static void fs_mkdir(fuse_req_t fuse, fuse_ino_t parent, const char *name,
                     mode_t mode)
{
	struct request *rq = request_to_change(fuse, parent, name);

	if (!rq || finder_refuse(rq))
		return;
	if (rq->node->file)
		below_mkdir(rq, mode);
	else if (entry_find(node_dir(rq->node), name))
		request_fail(rq, -EEXIST);
	else if (dir_kind(rq->node)->mkdir)
		dir_kind(rq->node)->mkdir(rq);
	else
		refuse_to_make(rq);
}

/* A control file does not go. Who tries that in a machine may be about to
 * remove all of it: see fs/guard.h. */
static void refuse_removal(struct request *rq)
{
	const struct node *node = rq->node;
	bool is_entry = entry_find(node_dir(node), rq->text) != NULL;

	if (is_entry && node->m)
		guard_trip(rq->fs->guard, node->m, (pid_t)rq->size);
	if (is_entry || dir_kind(node)->next)
		request_refuse(rq, -EPERM,
		               "%.80s: it cannot be removed from here",
		               rq->text);
	else
		request_fail(rq, -ENOENT);
}

/* Finder has helpers: all who ask are one, which is no process. */
static pid_t asker(fuse_req_t fuse)
{
	return fs_of(fuse)->spec.finder ? 0 : fuse_req_ctx(fuse)->pid;
}

static void remove_name(fuse_req_t fuse, fuse_ino_t parent, const char *name,
                        bool is_dir)
{
	pid_t pid = asker(fuse);
	struct request *rq = request_to_change(fuse, parent, name);
	const struct dir_kind *kind;
	void (*remove)(struct request *);
	const struct entry *entry;

	if (!rq || (!is_dir && finder_unlink(rq)))
		return;
	if (rq->node->file) {
		names_remove(rq, is_dir, pid);
		return;
	}
	entry = entry_find(node_dir(rq->node), name);
	kind = dir_kind(rq->node);
	remove = is_dir ? kind->rmdir : kind->unlink;
	rq->size = (size_t)pid;
	if (remove && (!entry || (entry->flags & ENTRY_MAY_GO)))
		remove(rq);
	else
		refuse_removal(rq);
}

static void fs_unlink(fuse_req_t fuse, fuse_ino_t parent, const char *name)
{
	remove_name(fuse, parent, name, false);
}

static void fs_rmdir(fuse_req_t fuse, fuse_ino_t parent, const char *name)
{
	remove_name(fuse, parent, name, true);
}

/* Move a name that comes and goes; those of the table stay. */
static void rename_name(struct request *rq, fuse_ino_t new_parent,
                        const char *new_name, unsigned flags)
{
	struct node *to = nodes_find(rq->fs->nodes, new_parent);
	void (*rename)(struct request *, const char *, unsigned) =
		dir_kind(rq->node)->rename;

	if (!to) {
		request_fail(rq, -ESTALE);
		return;
	}
	if (to->file || !rename || entry_find(node_dir(rq->node), rq->text) ||
	    entry_find(node_dir(to), new_name)) {
		request_refuse(rq, -EPERM, "%.80s: it cannot be moved to there",
		               rq->text);
		return;
	}
	rq->other = node_ref(to);
	rename(rq, new_name, flags);
}

static void fs_rename(fuse_req_t fuse, fuse_ino_t parent, const char *name,
                      fuse_ino_t new_parent, const char *new_name,
                      unsigned flags)
{
	struct request *rq = request_to_change(fuse, parent, name);

	if (!rq || finder_rename(rq, new_parent, new_name))
		return;
	if (rq->node->file)
		below_rename(rq, new_parent, new_name, flags);
	else
		rename_name(rq, new_parent, new_name, flags);
}

/* A request to make a name; NULL: answered, since nothing of that type can be
 * made beside what is there but below files/. */
static struct request *request_to_make(fuse_req_t fuse, fuse_ino_t parent,
                                       const char *name)
{
	struct request *rq = request_to_change(fuse, parent, name);

	if (!rq || finder_refuse(rq))
		return NULL;
	if (rq->node->file)
		return rq;
	refuse_to_make(rq);
	return NULL;
}

static void fs_create(fuse_req_t fuse, fuse_ino_t parent, const char *name,
                      mode_t mode, struct fuse_file_info *fi)
{
	struct request *rq = request_to_change(fuse, parent, name);

	if (!rq)
		return;
	rq->fi = *fi;
	if (finder_create(rq))
		return;
	if (rq->node->file)
		below_create(rq, mode);
	else if (dir_kind(rq->node)->create)
		dir_kind(rq->node)->create(rq);
	else
		refuse_to_make(rq);
}

static void fs_mknod(fuse_req_t fuse, fuse_ino_t parent, const char *name,
                     mode_t mode, dev_t dev)
{
	struct request *rq = request_to_make(fuse, parent, name);

	if (rq)
		below_mknod(rq, mode, dev);
}

static void fs_symlink(fuse_req_t fuse, const char *target, fuse_ino_t parent,
                       const char *name)
{
	struct request *rq = request_to_make(fuse, parent, name);

	if (rq)
		below_symlink(rq, target);
}

static void fs_link(fuse_req_t fuse, fuse_ino_t ino, fuse_ino_t new_parent,
                    const char *new_name)
{
	struct request *rq = request_to_make(fuse, new_parent, new_name);

	if (rq)
		below_link(rq, ino);
}

/* The text of a link's row is where it leads. */
static void fs_readlink(fuse_req_t fuse, fuse_ino_t ino)
{
	struct request *rq = request_about(fuse, ino);
	struct buf target = BUF_INIT(PATH_MAX);
	struct view view;

	if (!rq)
		return;
	if (rq->node->file) {
		lookup_readlink(rq);
		return;
	}
	if (!rq->node->entry || !S_ISLNK(rq->node->entry->mode)) {
		request_fail(rq, -EINVAL);
		return;
	}
	view = view_of(rq->fs, rq->node);
	rq->node->entry->render(&view, &target);
	if (target.err)
		request_fail(rq, target.err);
	else
		request_reply_readlink(rq, target.data);
	buf_free(&target);
}

const struct fuse_lowlevel_ops fs_ops = {
	.init = fs_init,
	.lookup = fs_lookup,
	.forget = fs_forget,
	.forget_multi = fs_forget_multi,
	.getattr = fs_getattr,
	.setattr = fs_setattr,
	.open = fs_open,
	.read = fs_read,
	.write = fs_write,
	.poll = fs_poll,
	.flush = fs_flush,
	.release = fs_release,
	.opendir = fs_opendir,
	.readdir = fs_readdir,
	.readdirplus = fs_readdirplus,
	.releasedir = fs_releasedir,
	.mkdir = fs_mkdir,
	.unlink = fs_unlink,
	.rmdir = fs_rmdir,
	.rename = fs_rename,
	.create = fs_create,
	.mknod = fs_mknod,
	.symlink = fs_symlink,
	.link = fs_link,
	.statfs = statfs_statfs,
	.readlink = fs_readlink,
	.fsync = below_fsync,
	.fsyncdir = below_fsyncdir,
	.setxattr = finder_setxattr,
	.getxattr = finder_getxattr,
	.listxattr = finder_listxattr,
	.removexattr = finder_removexattr,
	.getlk = below_getlk,
	.setlk = below_setlk,
	.flock = below_flock,
	.fallocate = below_fallocate,
	.lseek = below_lseek,
	.copy_file_range = below_copy_file_range,
};
