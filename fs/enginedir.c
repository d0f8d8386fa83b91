/*
 * enginedir: .orbfs/engine, the settings of the engine itself, one value a file.
 *
 * Owns nothing; cache/settings has them. The label of a node is the key.
 */
#include "fs/enginedir.h"

#include <errno.h>
#include <sys/stat.h>

#include "cache/settings.h"
#include "fs/fs.h"

static void on_looked(void *arg, int err)
{
	struct request *rq = arg;
	struct label *label;

	if (!settings_find(rq->fs->settings, rq->text)) {
		if (err)
			fleet_set_error(rq->fs->spec.fleet, "%s",
			                settings_error(rq->fs->settings));
		request_fail(rq, err ? err : -ENOENT);
		return;
	}
	label = label_new(rq->text);
	if (label)
		dir_reply(rq, S_IFREG, NULL, label);
	else
		request_fail(rq, -ENOMEM);
	label_unref(label);
}

void enginedir_lookup(struct request *rq)
{
	settings_get(rq->fs->settings, on_looked, rq);
}

void enginedir_ready(struct request *rq, slot_fn *done)
{
	settings_get(rq->fs->settings, done, rq);
}

bool enginedir_next(struct fs *fs, const struct node *dir,
                    struct dir_name *name)
{
	const struct setting *s = settings_next(fs->settings, name->cookie);

	(void)dir;
	if (!s)
		return false;
	name->cookie = s->cookie;
	name->name = s->key;
	name->entry = entry_any(DIR_ENGINE, S_IFREG);
	name->made.name = s->key;
	name->label = &name->made;
	return true;
}

static void on_set(void *arg, int err, const char *text)
{
	struct request *rq = arg;

	/* A success may have something to say as well. */
	fleet_set_error(rq->fs->spec.fleet, "%s", text);
	if (err)
		request_fail(rq, err);
	else
		request_reply_write(rq, rq->size);
}

void enginedir_set(struct request *rq, const char *value)
{
	settings_set(rq->fs->settings, rq->node->label->name, value, on_set,
	             rq);
}
