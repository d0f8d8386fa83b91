/*
 * import: archives that are copied into the root become machines.
 *
 * Owns the uploads of fs: each is a label, so that it lives as long as a node,
 * and in the list as long as it can be found by its name. What was written goes
 * as soon as nobody can want it: the kernel may remember the node for long. Closing comes in two
 * parts: a flush for each close(2), which can fail, and the release, which
 * cannot. A shell sends a flush before its first write, and a child of the
 * writer may close early, so a flush imports only what is whole.
 */
#include "fs/import.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cache/lifecycle.h"
#include "fs/fs.h"
#include "ops/stash.h"
#include "ops/zstd.h"

#define SUFFIX ".tar.zst"

enum { SUFFIX_LEN = sizeof(SUFFIX) - 1 };

struct upload {
	struct label label; /* the file's name */
	struct fs *fs;
	struct upload *next;
	bool listed;
	char file[NAME_MAX + 1];
	char machine[NAME_MAX + 1];
	struct stash *stash; /* NULL once nobody wants it any more */
	unsigned n_open;
	int err;               /* of a write; it is not whole then */
	struct act *import;    /* while it runs */
	struct request *flush; /* who waits for it */
	bool done;             /* imported, or failed to */
};

static struct upload *upload_of(const struct label *label)
{
	return (struct upload *)label;
}

static struct upload *upload_of_request(const struct request *rq)
{
	return upload_of(rq->node->label);
}

static void unlist(struct upload *up)
{
	struct upload **at = &up->fs->uploads;

	if (!up->listed)
		return;
	while (*at != up)
		at = &(*at)->next;
	*at = up->next;
	up->listed = false;
	label_unref(&up->label);
}

static void drop_unwanted(struct upload *up)
{
	if (up->listed || up->n_open || up->import)
		return;
	stash_free(up->stash);
	up->stash = NULL;
}

static void free_upload(struct label *label)
{
	struct upload *up = upload_of(label);

	stash_free(up->stash);
	free(up);
}

struct label *import_find(struct fs *fs, const char *name)
{
	for (struct upload *up = fs->uploads; up; up = up->next)
		if (strcmp(up->file, name) == 0)
			return &up->label;
	return NULL;
}

void import_drop_all(struct fs *fs)
{
	while (fs->uploads)
		unlist(fs->uploads);
}

/* ---- making one ---- */

static int refuse(struct fs *fs, int err, const char *why, const char *name)
{
	fleet_set_error(fs->spec.fleet, "import: %.80s: %s", name, why);
	return err;
}

/* May a machine be imported from a file of that name? */
static int check(struct fs *fs, const char *file, char machine[NAME_MAX + 1])
{
	size_t len = strlen(file);
	int err;

	if (len <= SUFFIX_LEN || len > NAME_MAX ||
	    strcmp(file + len - SUFFIX_LEN, SUFFIX) != 0)
		return refuse(fs, -EPERM,
		              "only machines (mkdir) and archives of machines "
		              "(NAME.tar.zst) can be put here",
		              file);
	memcpy(machine, file, len - SUFFIX_LEN);
	machine[len - SUFFIX_LEN] = '\0';
	err = machine_name_check(machine);
	if (err)
		return refuse(fs, err, "this cannot be a machine's name", file);
	if (fleet_find(fs->spec.fleet, machine))
		return refuse(fs, -EEXIST, "there is such a machine", file);
	if (import_find(fs, file))
		return refuse(fs, -EEXIST, "it is being written", file);
	return 0;
}

static struct upload *upload_new(struct fs *fs, const char *file, int *err)
{
	struct upload *up = calloc(1, sizeof(*up));

	*err = -ENOMEM;
	if (!up)
		return NULL;
	up->label = (struct label){ .refs = 1,
		                    .serial = ++fs->last_serial,
		                    .name = up->file,
		                    .free = free_upload };
	up->fs = fs;
	*err = check(fs, file, up->machine);
	if (!*err) {
		strcpy(up->file, file);
		up->stash = stash_new(file, err);
	}
	if (!*err)
		return up;
	label_unref(&up->label);
	return NULL;
}

/* Answer with a node and an open file of it. */
static int reply_created(struct request *rq, struct upload *up)
{
	const struct entry *entry = entry_any(DIR_ROOT, S_IFREG);
	struct node *node =
		nodes_get_labelled(rq->fs->nodes, NULL, entry, &up->label);
	struct handle *handle = node ? handle_new(rq->fs, node) : NULL;

	if (!handle) {
		node_unref(node);
		return -ENOMEM;
	}
	rq->fi.fh = (uintptr_t)handle;
	rq->fi.direct_io = 1;
	if (!request_reply_create(rq, node))
		handle_unref(handle);
	return 0;
}

static void on_listed(void *arg, int err)
{
	struct request *rq = arg;
	struct fs *fs = rq->fs;
	struct upload *up;

	/* Without a list the name may be taken; the engine will say so. */
	(void)err;
	up = upload_new(fs, rq->text, &err);
	if (!up) {
		request_fail(rq, err);
		return;
	}
	up->next = fs->uploads;
	fs->uploads = up;
	up->listed = true;
	err = reply_created(rq, up);
	if (err) {
		unlist(up);
		request_fail(rq, err);
	}
}

void import_create(struct request *rq)
{
	fleet_get(rq->fs->spec.fleet, on_listed, rq);
}

/* ---- writing it ---- */

static bool is_taken(struct request *rq)
{
	struct upload *up = upload_of_request(rq);

	if (up->stash && !up->import && !up->done)
		return false;
	request_fail(rq, up->stash ? -EBUSY : -ENOENT);
	return true;
}

void import_write(struct request *rq)
{
	struct upload *up = upload_of_request(rq);
	int err;

	if (is_taken(rq))
		return;
	err = stash_write(up->stash, rq->offset, rq->text, rq->len);
	if (err)
		up->err = err;
	if (err)
		request_fail(rq, refuse(up->fs, err, strerror(-err), up->file));
	else
		request_reply_write(rq, rq->len);
}

/* Modes, owners and times are taken and forgotten: who copies with them is no
 * worse off. */
void import_setattr(struct request *rq, const struct stat *attr, int to_set)
{
	struct upload *up = upload_of_request(rq);
	int err = 0;

	if ((to_set & FUSE_SET_ATTR_SIZE) && is_taken(rq))
		return;
	if (to_set & FUSE_SET_ATTR_SIZE)
		err = stash_truncate(up->stash, (uint64_t)attr->st_size);
	if (err)
		request_fail(rq, err);
	else
		request_reply_attr(rq);
}

uint64_t import_size(const struct label *upload)
{
	struct stash *stash = upload_of(upload)->stash;

	return stash ? stash_size(stash) : 0;
}

/* ---- closing it ---- */

static void on_imported(void *arg, int err, struct member *m)
{
	struct upload *up = arg;
	struct request *rq = up->flush;

	(void)m;
	up->flush = NULL;
	up->done = true;
	unlist(up);
	drop_unwanted(up);
	label_unref(&up->label);
	if (rq)
		request_fail(rq, err);
}

static void on_interrupt(struct request *rq)
{
	lifecycle_import_cancel(upload_of_request(rq)->import);
}

static ssize_t read_stash(void *arg, uint64_t offset, void *data, size_t len)
{
	return stash_read(arg, offset, data, len);
}

/* Is it whole? Else the errno, and why is in the error. */
static int check_whole(struct upload *up)
{
	int err;

	/* The error says so already. */
	if (up->err)
		return up->err;
	err = zstd_check(read_stash, up->stash, stash_size(up->stash));
	if (err == -ENODATA)
		return refuse(up->fs, -EINVAL,
		              "the archive breaks off; nothing was imported",
		              up->file);
	if (err == -EINVAL)
		return refuse(up->fs, -EINVAL, "this is no zstd archive",
		              up->file);
	return err;
}

void import_flush(struct request *rq)
{
	struct upload *up = upload_of_request(rq);
	struct lifecycle_archive spec = {
		.name = up->machine,
	};
	int err;

	if (up->done || up->import || !up->listed ||
	    stash_size(up->stash) == 0) {
		request_reply_done(rq);
		return;
	}
	spec.path = stash_path(up->stash);
	err = check_whole(up);
	if (err) {
		request_fail(rq, err);
		return;
	}
	label_ref(&up->label);
	up->flush = rq;
	request_on_interrupt(rq, on_interrupt);
	lifecycle_import(up->fs->spec.fleet, &spec, &up->import, on_imported,
	                 up);
}

void import_opened(struct label *upload)
{
	upload_of(upload)->n_open++;
}

/* Nobody will write the rest of it. */
static void give_up(struct upload *up)
{
	if (up->listed)
		(void)check_whole(up);
	unlist(up);
}

void import_close(struct handle *handle)
{
	struct upload *up = upload_of(handle->node->label);

	if (--up->n_open == 0 && !up->import && !up->done)
		give_up(up);
	drop_unwanted(up);
}

void import_unlink(struct request *rq, struct label *upload)
{
	struct upload *up = upload_of(upload);

	label_ref(upload);
	unlist(up);
	lifecycle_import_cancel(up->import);
	drop_unwanted(up);
	label_unref(upload);
	request_reply_done(rq);
}
