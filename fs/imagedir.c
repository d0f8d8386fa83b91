/*
 * imagedir: .images, what machines can be made of.
 *
 * Owns nothing: cache/images knows what there is, cache/lifecycle makes the
 * machines. The label of a node is the image, "debian/bookworm", or as much of
 * it as the directory says.
 */
#include "fs/imagedir.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cache/images.h"
#include "cache/lifecycle.h"
#include "fs/fs.h"
#include "fs/machines.h"

enum { IMAGE_MAX = 2 * (NAME_MAX + 1) };

void imagedir_ready(struct request *rq, slot_fn *done)
{
	images_get(rq->fs->images, done, rq);
}

/* Why there are none is in the error of the daemon. */
static void fail(struct request *rq, int err)
{
	if (err)
		fleet_set_error(rq->fs->spec.fleet, "%s",
		                images_error(rq->fs->images));
	request_fail(rq, err ? err : -ENOENT);
}

static void reply_dir(struct request *rq, const char *image)
{
	struct label *label = label_new(image);

	if (label)
		dir_reply(rq, S_IFDIR, NULL, label);
	else
		request_fail(rq, -ENOMEM);
	label_unref(label);
}

/* A directory whose label is that text. */
static void name_dir(struct dir_name *name, enum entry_dir in,
                     const char *distro, const char *version)
{
	snprintf(name->text, sizeof(name->text), "%s%s%s", distro,
	         version ? "/" : "", version ? version : "");
	name->made.name = name->text;
	name->label = &name->made;
	name->entry = entry_any(in, S_IFDIR);
	name->name = version ? version : distro;
}

/* ---- distributions ---- */

static void on_distro(void *arg, int err)
{
	struct request *rq = arg;

	if (images_have(rq->fs->images, rq->text, NULL))
		reply_dir(rq, rq->text);
	else
		fail(rq, err);
}

void imagedir_lookup_distro(struct request *rq)
{
	images_get(rq->fs->images, on_distro, rq);
}

bool imagedir_next_distro(struct fs *fs, const struct node *dir,
                          struct dir_name *name)
{
	const char *distro = images_distro(fs->images, name->cookie);

	(void)dir;
	if (!distro)
		return false;
	name->cookie++;
	name_dir(name, DIR_IMAGES, distro, NULL);
	return true;
}

/* ---- their versions ---- */

/* A distribution without versions is an image. */
static bool has_versions(struct fs *fs, const struct node *distro)
{
	return images_version(fs->images, distro->label->name, 0) != NULL;
}

static void on_version(void *arg, int err)
{
	struct request *rq = arg;
	const char *distro = rq->node->label->name;
	char image[IMAGE_MAX];

	if (!has_versions(rq->fs, rq->node)) {
		imagedir_lookup_machine(rq);
		return;
	}
	if (!images_have(rq->fs->images, distro, rq->text)) {
		fail(rq, err);
		return;
	}
	snprintf(image, sizeof(image), "%s/%s", distro, rq->text);
	reply_dir(rq, image);
}

void imagedir_lookup_version(struct request *rq)
{
	images_get(rq->fs->images, on_version, rq);
}

bool imagedir_next_version(struct fs *fs, const struct node *dir,
                           struct dir_name *name)
{
	const char *distro = dir->label->name;
	const char *version;

	if (!has_versions(fs, dir))
		return imagedir_next_machine(fs, dir, name);
	version = images_version(fs->images, distro, name->cookie);
	if (!version)
		return false;
	name->cookie++;
	name_dir(name, DIR_DISTRO, distro, version);
	return true;
}

/* ---- machines of an image ---- */

static bool is_of(const struct member *m, const struct node *image)
{
	const struct machine *machine = m->machine;
	char its[IMAGE_MAX];

	if (!machine->distro)
		return false;
	snprintf(its, sizeof(its), "%s/%s", machine->distro,
	         machine->version ? machine->version : "");
	return strcmp(its, image->label->name) == 0 ||
	       strcmp(machine->distro, image->label->name) == 0;
}

static void on_listed(void *arg, int err)
{
	struct request *rq = arg;
	struct member *m = fleet_find(rq->fs->spec.fleet, rq->text);

	if (m && is_of(m, rq->node))
		dir_reply(rq, S_IFLNK, m, rq->node->label);
	else
		request_fail(rq, err ? err : -ENOENT);
}

void imagedir_lookup_machine(struct request *rq)
{
	fleet_get(rq->fs->spec.fleet, on_listed, rq);
}

bool imagedir_next_machine(struct fs *fs, const struct node *dir,
                           struct dir_name *name)
{
	struct member *m;

	while ((m = fleet_next(fs->spec.fleet, name->cookie))) {
		name->cookie = m->cookie;
		if (!is_of(m, dir))
			continue;
		name->name = m->name;
		name->entry = entry_any(node_dir(dir), S_IFLNK);
		name->m = m;
		name->label = dir->label;
		return true;
	}
	return false;
}

/* The kernel wants a directory for its mkdir; the next lookup gives the link. */
static void on_made(void *arg, int err, struct member *m)
{
	struct request *rq = arg;

	if (err)
		request_fail(rq, err);
	else
		dir_reply(rq, S_IFDIR, m, rq->node->label);
}

static void on_listed_mkdir(void *arg, int err)
{
	struct request *rq = arg;
	char image[IMAGE_MAX];
	struct lifecycle_new spec = { .name = rq->text, .image = image };
	char *slash;

	/* Without a list the name may be taken; the engine will say so. */
	if (err == -ECANCELED) {
		request_fail(rq, err);
		return;
	}
	snprintf(image, sizeof(image), "%s", rq->node->label->name);
	slash = strchr(image, '/');
	if (slash)
		*slash = ':';
	lifecycle_create(rq->fs->spec.fleet, &spec, on_made, rq);
}

void imagedir_mkdir(struct request *rq)
{
	if (node_dir(rq->node) == DIR_DISTRO &&
	    has_versions(rq->fs, rq->node)) {
		fleet_set_error(rq->fs->spec.fleet,
		                "create: which version of %s? mkdir in one of "
		                "the directories there",
		                rq->node->label->name);
		request_fail(rq, -EPERM);
		return;
	}
	if (machine_name_check(rq->text))
		on_listed_mkdir(rq, 0); /* refused, whatever a list says */
	else
		fleet_get(rq->fs->spec.fleet, on_listed_mkdir, rq);
}

/* ---- clones ---- */

static void on_source(void *arg, int err)
{
	struct request *rq = arg;
	struct member *m = fleet_find(rq->fs->spec.fleet, rq->text);

	if (m)
		dir_reply(rq, S_IFDIR, m, NULL);
	else
		request_fail(rq, err ? err : -ENOENT);
}

void imagedir_lookup_source(struct request *rq)
{
	fleet_get(rq->fs->spec.fleet, on_source, rq);
}

bool imagedir_next_source(struct fs *fs, const struct node *dir,
                          struct dir_name *name)
{
	if (!machines_next(fs, dir, name))
		return false;
	name->entry = entry_any(DIR_SOURCES, S_IFDIR);
	return true;
}

void imagedir_clone(struct request *rq)
{
	lifecycle_clone(rq->node->m, rq->text, on_made, rq);
}
