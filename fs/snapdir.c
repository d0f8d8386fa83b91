/*
 * snapdir: snapshots/, the snapshots of a machine as directories.
 *
 * Owns nothing: names are checked and the work is done by cache/lifecycle. A
 * process that tried to remove the whole machine may drop none of them.
 */
#include "fs/snapdir.h"

#include <errno.h>
#include <sys/stat.h>

#include "cache/lifecycle.h"
#include "cache/snapshots.h"
#include "fs/fs.h"
#include "fs/platform.h"
#include "fs/tell.h"

/* ---- looking ---- */

static void on_looked(void *arg, int err)
{
	struct request *rq = arg;
	struct member *s = snapshot_find(rq->node->m, rq->text);

	if (s)
		dir_reply(rq, S_IFDIR, s, NULL);
	else
		request_fail(rq, err ? err : -ENOENT);
}

void snapdir_lookup(struct request *rq)
{
	fleet_get(rq->fs->spec.fleet, on_looked, rq);
}

void snapdir_ready(struct request *rq, slot_fn *done)
{
	fleet_get(rq->fs->spec.fleet, done, rq);
}

bool snapdir_next(struct fs *fs, const struct node *dir, struct dir_name *name)
{
	struct member *s = snapshot_next(dir->m, name->cookie);

	(void)fs;
	if (!s)
		return false;
	name->cookie = s->cookie;
	name->name = snapshot_word(s);
	name->entry = entry_any(DIR_SNAPSHOTS, S_IFDIR);
	name->m = s;
	return true;
}

/* ---- taking and dropping ---- */

static void on_taken(void *arg, int err, struct member *s)
{
	struct request *rq = arg;

	if (err)
		request_fail(rq, err);
	else
		dir_reply(rq, S_IFDIR, s, NULL);
}

void snapdir_mkdir(struct request *rq)
{
	lifecycle_snapshot(rq->node->m, rq->text, on_taken, rq);
}

static void on_done(void *arg, int err, struct member *s)
{
	struct request *rq = arg;

	(void)s;
	request_fail(rq, err);
}

static void on_listed_rmdir(void *arg, int err)
{
	struct request *rq = arg;
	struct member *m = rq->node->m;
	struct member *s = snapshot_find(m, rq->text);

	if (!s) {
		request_fail(rq, err ? err : -ENOENT);
		return;
	}
	/* rq->size carries who asks. */
	if (!guard_allows(rq->fs->guard, m, (pid_t)rq->size)) {
		member_set_error(m,
		                 "snapshots: this process tried to remove %s "
		                 "with all that is in it; a plain rmdir drops "
		                 "a snapshot",
		                 m->name);
		request_fail(rq, -EPERM);
		return;
	}
	lifecycle_delete(s, on_done, rq);
}

void snapdir_rmdir(struct request *rq)
{
	fleet_get(rq->fs->spec.fleet, on_listed_rmdir, rq);
}

/* ---- moving ---- */

/* The kernel now has the old node under the new name, where it stands for
 * something else. */
static void on_moved(void *arg, int err, struct member *m)
{
	struct request *rq = arg;

	(void)m;
	if (!err && rq->other != rq->node)
		tell_entry(rq->fs, rq->other->ino, request_second(rq));
	request_fail(rq, err);
}

void snapdir_move(struct request *rq, struct member *m, const char *new_name)
{
	if (node_dir(rq->other) == DIR_SNAPSHOTS)
		lifecycle_file(m, rq->other->m, new_name, on_moved, rq);
	else if (node_dir(rq->other) == DIR_ROOT)
		lifecycle_rename(m, new_name, on_moved, rq);
	else
		request_refuse(rq, -EPERM,
		               "rename: %.80s: a machine or a snapshot goes "
		               "into the root or into snapshots/ of a machine",
		               rq->text);
}

static void on_listed_rename(void *arg, int err)
{
	struct request *rq = arg;
	struct member *s = snapshot_find(rq->node->m, rq->text);

	if (s)
		snapdir_move(rq, s, request_second(rq));
	else
		request_fail(rq, err ? err : -ENOENT);
}

void snapdir_rename(struct request *rq, const char *new_name, unsigned flags)
{
	if (flags & ~(unsigned)RENAME_NOREPLACE)
		request_fail(rq, -EINVAL);
	else if (request_keep_second(rq, new_name))
		fleet_get(rq->fs->spec.fleet, on_listed_rename, rq);
}
