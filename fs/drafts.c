/*
 * drafts: the few there are, and what may be done to them.
 *
 * Owns the drafts. Each is the label of its node; the name that shows is kept
 * beside, so that a rename leaves the node as it is. Nothing runs when one has
 * had its time: whoever looks at the drafts drops those first.
 *
 * When a draft becomes a machine, its node becomes the machine's: whoever has
 * the new folder open goes on in what it was made for.
 */
#include "fs/drafts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cache/lifecycle.h"
#include "fs/finder.h"
#include "fs/fs.h"
#include "fs/platform.h"
#include "ops/machine.h"

/* Their cookies are above those of all machines. */
#define DRAFTS_COOKIE (UINT64_C(1) << 60)

struct draft {
	struct label label; /* the first; its serial is never used twice */
	char *name;
	struct timespec born;
	uint64_t used_ms;
};

struct drafts {
	struct clock *clock;
	struct draft *all[DRAFTS_MAX]; /* in the order in which they came */
	size_t n;
	uint64_t last_serial;
	struct timespec changed;
};

/* ---- the few ---- */

struct drafts *drafts_new(struct clock *clock)
{
	struct drafts *drafts = calloc(1, sizeof(*drafts));

	if (drafts)
		drafts->clock = clock;
	return drafts;
}

static void free_draft(struct label *label)
{
	struct draft *draft = (struct draft *)label;

	free(draft->name);
	free(draft);
}

static void changed(struct drafts *drafts)
{
	drafts->changed = drafts->clock->wall(drafts->clock);
}

static void drop(struct drafts *drafts, size_t i)
{
	struct draft *draft = drafts->all[i];

	drafts->n--;
	memmove(drafts->all + i, drafts->all + i + 1,
	        (drafts->n - i) * sizeof(drafts->all[0]));
	changed(drafts);
	label_unref(&draft->label);
}

void drafts_free(struct drafts *drafts)
{
	while (drafts && drafts->n)
		drop(drafts, 0);
	free(drafts);
}

static void drop_old(struct drafts *drafts)
{
	uint64_t now_ms = drafts->clock->now_ms(drafts->clock);

	for (size_t i = drafts->n; i-- > 0;)
		if (now_ms - drafts->all[i]->used_ms >= DRAFTS_MS)
			drop(drafts, i);
}

size_t drafts_count(struct drafts *drafts)
{
	drop_old(drafts);
	return drafts->n;
}

struct timespec drafts_changed(struct drafts *drafts)
{
	drop_old(drafts);
	return drafts->changed;
}

struct timespec drafts_born(const struct label *label)
{
	return ((const struct draft *)label)->born;
}

/* The place of that name; drafts->n: there is none. */
static size_t place_of(const struct drafts *drafts, const char *name)
{
	size_t i = 0;

	while (i < drafts->n && strcmp(drafts->all[i]->name, name) != 0)
		i++;
	return i;
}

/* NULL: there is none of that name, or none at all. */
static struct draft *find(struct drafts *drafts, const char *name)
{
	size_t i;

	if (!drafts)
		return NULL;
	drop_old(drafts);
	i = place_of(drafts, name);
	if (i == drafts->n)
		return NULL;
	drafts->all[i]->used_ms = drafts->clock->now_ms(drafts->clock);
	return drafts->all[i];
}

/* NULL: no memory. */
static struct draft *add(struct drafts *drafts, const char *name)
{
	struct draft *draft = calloc(1, sizeof(*draft));

	if (!draft)
		return NULL;
	draft->name = strdup(name);
	if (!draft->name) {
		free(draft);
		return NULL;
	}
	draft->label.refs = 1;
	draft->label.serial = ++drafts->last_serial;
	draft->label.name = "draft";
	draft->label.free = free_draft;
	draft->born = drafts->clock->wall(drafts->clock);
	draft->used_ms = drafts->clock->now_ms(drafts->clock);
	drafts->all[drafts->n++] = draft;
	changed(drafts);
	return draft;
}

/* May a draft be called so? 0 or a negative errno: what can be a machine's name
 * is none, and neither is what programs mean to hide. */
static int check_name(struct fs *fs, const char *name)
{
	if (finder_is_noise(name))
		return -EPERM;
	if (machine_name_check(name) != -EINVAL || !machine_name_listed(name))
		return -EINVAL;
	if (fleet_find(fs->spec.fleet, name) ||
	    place_of(fs->drafts, name) < fs->drafts->n)
		return -EEXIST;
	return 0;
}

static void fail(struct request *rq, int err, const char *name)
{
	fleet_set_error(rq->fs->spec.fleet,
	                err == -ENOSPC   ? "draft: '%.80s': there are enough"
	                : err == -EEXIST ? "draft: '%.80s' is there already"
	                                 : "draft: '%.80s': not a name",
	                name);
	request_fail(rq, err);
}

/* ---- what the root does ---- */

bool drafts_lookup(struct request *rq)
{
	struct draft *draft = find(rq->fs->drafts, rq->text);

	if (draft)
		dir_reply(rq, S_IFDIR, NULL, &draft->label);
	return draft != NULL;
}

bool drafts_next(struct fs *fs, struct dir_name *name)
{
	struct drafts *drafts = fs->drafts;
	uint64_t last =
		name->cookie > DRAFTS_COOKIE ? name->cookie - DRAFTS_COOKIE : 0;

	for (size_t i = 0; drafts && i < drafts->n; i++) {
		struct draft *draft = drafts->all[i];

		if (draft->label.serial <= last)
			continue;
		name->cookie = DRAFTS_COOKIE + draft->label.serial;
		name->name = draft->name;
		name->entry = entry_any(DIR_ROOT, S_IFDIR);
		name->m = NULL;
		name->label = &draft->label;
		return true;
	}
	return false;
}

bool drafts_mkdir(struct request *rq)
{
	struct drafts *drafts = rq->fs->drafts;
	struct draft *draft = NULL;
	int err;

	if (!drafts || machine_name_check(rq->text) != -EINVAL)
		return false;
	drop_old(drafts);
	err = check_name(rq->fs, rq->text);
	if (!err && drafts->n == DRAFTS_MAX)
		err = -ENOSPC;
	if (!err) {
		draft = add(drafts, rq->text);
		err = draft ? 0 : -ENOMEM;
	}
	if (err)
		fail(rq, err, rq->text);
	else
		dir_reply(rq, S_IFDIR, NULL, &draft->label);
	return true;
}

bool drafts_rmdir(struct request *rq)
{
	struct drafts *drafts = rq->fs->drafts;

	if (!find(drafts, rq->text))
		return false;
	drop(drafts, place_of(drafts, rq->text));
	request_reply_done(rq);
	return true;
}

static void call(struct request *rq, struct draft *draft, const char *name)
{
	int err = check_name(rq->fs, name);
	char *copy = err ? NULL : strdup(name);

	if (!copy) {
		fail(rq, err ? err : -ENOMEM, name);
		return;
	}
	free(draft->name);
	draft->name = copy;
	changed(rq->fs->drafts);
	request_reply_done(rq);
}

/* rq->text is the draft's name. It may have had its time meanwhile. */
static void on_created(void *arg, int err, struct member *m)
{
	struct request *rq = arg;
	struct drafts *drafts = rq->fs->drafts;
	struct draft *draft = find(drafts, rq->text);

	if (!err && draft) {
		nodes_become(rq->fs->nodes, entry_any(DIR_ROOT, S_IFDIR),
		             &draft->label, m);
		drop(drafts, place_of(drafts, rq->text));
	}
	request_fail(rq, err);
}

static void on_listed(void *arg, int err)
{
	struct request *rq = arg;
	struct lifecycle_new spec = { .name = request_second(rq) };

	/* Without a list the name may be taken; the engine will say so. */
	if (err == -ECANCELED)
		request_fail(rq, err);
	else
		lifecycle_create(rq->fs->spec.fleet, &spec, on_created, rq);
}

bool drafts_rename(struct request *rq, const char *new_name, unsigned flags)
{
	struct draft *draft = find(rq->fs->drafts, rq->text);

	if (!draft)
		return false;
	if (rq->other != rq->node)
		request_fail(rq, -EPERM);
	else if (flags & ~(unsigned)RENAME_NOREPLACE)
		request_fail(rq, -EINVAL);
	else if (machine_name_check(new_name) == -EINVAL)
		call(rq, draft, new_name);
	else if (request_keep_second(rq, new_name))
		fleet_get(rq->fs->spec.fleet, on_listed, rq);
	return true;
}
