/*
 * machines: the root's own operations.
 *
 * Owns nothing: names are checked by cache/lifecycle, which also bounds how
 * long each of these waits. What cannot be a machine's name is answered from
 * memory: file managers ask for dozens of such names.
 */
#include "fs/machines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache/lifecycle.h"
#include "fs/drafts.h"
#include "fs/finder.h"
#include "fs/fs.h"
#include "fs/import.h"
#include "fs/platform.h"
#include "fs/snapdir.h"

/* ---- lookup ---- */

static void reply_machine(struct request *rq, struct member *m)
{
	struct node *node = nodes_get(rq->fs->nodes, m, NULL);

	if (node)
		request_reply_entry(rq, node);
	else
		request_fail(rq, -ENOMEM);
}

static void on_looked(void *arg, int err)
{
	struct request *rq = arg;
	struct member *m = fleet_find(rq->fs->spec.fleet, rq->text);

	/* A machine of ours is known without any list. */
	if (m)
		reply_machine(rq, m);
	else
		request_fail(rq, err ? err : -ENOENT);
}

void machines_lookup(struct request *rq)
{
	struct label *upload = import_find(rq->fs, rq->text);

	if (drafts_lookup(rq))
		return;
	if (upload)
		dir_reply(rq, S_IFREG, NULL, upload);
	else if (!machine_name_listed(rq->text))
		request_fail(rq, -ENOENT);
	else if (finder_is_noise(rq->text))
		on_looked(rq, 0);
	else
		fleet_get(rq->fs->spec.fleet, on_looked, rq);
}

/* ---- listing ---- */

void machines_ready(struct request *rq, slot_fn *done)
{
	fleet_get(rq->fs->spec.fleet, done, rq);
}

bool machines_next(struct fs *fs, const struct node *dir, struct dir_name *name)
{
	struct member *m = fleet_next(fs->spec.fleet, name->cookie);

	(void)dir;
	if (!m)
		return drafts_next(fs, name);
	name->cookie = m->cookie;
	name->name = m->name;
	name->m = m;
	return true;
}

/* ---- mkdir ---- */

static void on_created(void *arg, int err, struct member *m)
{
	struct request *rq = arg;

	if (err)
		request_fail(rq, err);
	else
		reply_machine(rq, m);
}

static void on_listed_mkdir(void *arg, int err)
{
	struct request *rq = arg;
	struct lifecycle_new spec = { .name = rq->text };

	/* Without a list the name may be taken; the engine will say so. */
	if (err == -ECANCELED) {
		request_fail(rq, err);
		return;
	}
	lifecycle_create(rq->fs->spec.fleet, &spec, on_created, rq);
}

void machines_mkdir(struct request *rq)
{
	if (drafts_mkdir(rq))
		return;
	if (machine_name_check(rq->text))
		on_listed_mkdir(rq, 0); /* refused, whatever a list says */
	else
		fleet_get(rq->fs->spec.fleet, on_listed_mkdir, rq);
}

/* ---- rmdir ---- */

static void on_done(void *arg, int err, struct member *m)
{
	struct request *rq = arg;

	(void)m;
	request_fail(rq, err);
}

static void on_listed_rmdir(void *arg, int err)
{
	struct request *rq = arg;
	struct fs *fs = rq->fs;
	struct member *m = fleet_find(fs->spec.fleet, rq->text);

	if (!m) {
		request_fail(rq, err ? err : -ENOENT);
		return;
	}
	/* rq->size carries who asks. */
	if (!guard_allows(fs->guard, m, (pid_t)rq->size)) {
		member_set_error(
			m,
			"delete: this process tried to remove %s "
			"with all that is in it; a plain rmdir deletes "
			"a stopped machine",
			m->name);
		request_fail(rq, -EPERM);
		return;
	}
	lifecycle_delete(m, on_done, rq);
}

void machines_rmdir(struct request *rq)
{
	if (drafts_rmdir(rq))
		return;
	if (!machine_name_listed(rq->text))
		request_fail(rq, -ENOENT);
	else
		fleet_get(rq->fs->spec.fleet, on_listed_rmdir, rq);
}

/* The only files here are archives on their way in. */
void machines_unlink(struct request *rq)
{
	struct label *upload = import_find(rq->fs, rq->text);

	if (upload)
		import_unlink(rq, upload);
	else if (fleet_find(rq->fs->spec.fleet, rq->text))
		request_fail(rq, -EISDIR);
	else
		request_fail(rq, -ENOENT);
}

/* ---- rename ---- */

static void on_listed_rename(void *arg, int err)
{
	struct request *rq = arg;
	struct fleet *fleet = rq->fs->spec.fleet;
	struct member *m = fleet_find(fleet, rq->text);

	if (m)
		snapdir_move(rq, m, request_second(rq));
	else
		request_fail(rq, err ? err : -ENOENT);
}

void machines_rename(struct request *rq, const char *new_name, unsigned flags)
{
	if (drafts_rename(rq, new_name, flags))
		return;
	if (flags & ~(unsigned)RENAME_NOREPLACE)
		request_fail(rq, -EINVAL);
	else if (!request_keep_second(rq, new_name))
		return;
	else if (machine_name_check(new_name) && rq->other == rq->node)
		on_listed_rename(rq, 0); /* refused, whatever a list says */
	else
		fleet_get(rq->fs->spec.fleet, on_listed_rename, rq);
}
