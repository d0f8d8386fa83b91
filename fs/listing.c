/*
 * listing: from LIST to readdir.
 *
 * Owns open directories. Each reads one listing, which does not change while it
 * is read, so an entry is given once whatever comes and goes meanwhile; the
 * offset of an entry is its place in it. A rewind reads anew when the listing
 * does not hold any more.
 */
#include "fs/listing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/fs.h"

enum { MOST_EVER = 1000000, PART_MAX = 256 << 10, DOTS = 2 };

/* A LIST under way: what came so far, and who waits. */
struct fetch {
	struct files *files;
	struct file *dir; /* referred to */
	struct listing *listing;
	uint64_t watch;
	uint64_t changes; /* of the directory, when it was asked */
	int err;
	void (*done)(void *arg, int err, struct listing *listing);
	void *arg;
};

struct open_dir {
	unsigned refs;
	struct node *node;       /* referred to */
	struct listing *listing; /* NULL: on its way */
	int err;                 /* why there is none */
	bool fetching;
	struct request *waiting; /* readdirs */
	struct open_dir *next;   /* in fs->dirs */
	struct open_dir **at;
};

/* ---- fetching ---- */

static void take_entries(struct fetch *f, const struct guest_reply *reply)
{
	struct guest_entry entry;
	struct guest_reply r;

	/* The reply is large; what is needed to walk the entries is not. */
	r.entries = reply->entries;
	for (uint32_t i = 0; i < reply->n_entries && !f->err; i++) {
		if (!guest_next_entry(&r, &entry))
			f->err = -EPROTO;
		else if (f->listing->n >= MOST_EVER)
			f->err = -EFBIG;
		else
			f->err = listing_add(f->listing, entry.name,
			                     &entry.attr, entry.target);
	}
}

static void on_list(void *arg, int err, const struct guest_reply *reply,
                    bool more)
{
	struct fetch *f = arg;

	if (!err && !f->err)
		take_entries(f, reply);
	if (more)
		return;
	if (err)
		f->err = err;
	if (!f->err && !reply->complete)
		f->err = -EFBIG;
	if (!err)
		tree_set_watched(f->dir, reply->watched);
	/* One that a change has overtaken is of use to who asked, and to
	 * nobody else. */
	if (!f->err && f->dir->changes == f->changes) {
		file_set_attr(f->dir, &reply->attr);
		tree_set_listing(f->dir, f->listing);
	}
	f->done(f->arg, f->err, f->err ? NULL : f->listing);
	listing_unref(f->listing);
	file_unref(f->dir);
	free(f);
}

/* Ask for a directory. done gets a listing that it may refer to. */
static void fetch(struct request *rq, struct file *dir, uint32_t most,
                  void (*done)(void *arg, int err, struct listing *listing),
                  void *arg)
{
	struct files *files = tree_arg(dir->tree);
	struct fetch *f = calloc(1, sizeof(*f));
	struct buf path = BUF_INIT(WIRE_PATH_MAX - 1);
	int err = f ? tree_path(dir, &path) : -ENOMEM;

	(void)rq;
	if (!err)
		f->listing = listing_new();
	if (err || !f->listing) {
		buf_free(&path);
		free(f);
		done(arg, err ? err : -ENOMEM, NULL);
		return;
	}
	f->files = files;
	f->dir = file_ref(dir);
	f->watch = tree_watch(dir);
	f->changes = dir->changes;
	f->done = done;
	f->arg = arg;
	guest_ask(files->guest,
	          &(struct guest_call){ .op = WIRE_LIST,
	                                .path = path.data ? path.data : "",
	                                .watch = f->watch,
	                                .size = most },
	          on_list, f);
	buf_free(&path);
}

/* For listing_fetch. */
static void on_fetched(void *arg, int err, struct listing *listing)
{
	struct request *rq = arg;
	void (*done)(struct request * rq, int err) = rq->listed;

	(void)listing;
	rq->listed = NULL;
	if (err)
		rq->node->file->n_missed = UINT16_MAX; /* not again */
	done(rq, err);
}

void listing_fetch(struct request *rq, uint32_t most,
                   void (*done)(struct request *rq, int err))
{
	rq->listed = done;
	fetch(rq, rq->node->file, most, on_fetched, rq);
}

/* ---- open directories ---- */

static struct open_dir *open_dir_new(struct node *node)
{
	struct open_dir *dir = calloc(1, sizeof(*dir));
	struct fs *fs = files_of(node)->fs;

	if (!dir)
		return NULL;
	dir->refs = 1;
	dir->node = node_ref(node);
	dir->at = &fs->dirs;
	dir->next = fs->dirs;
	if (dir->next)
		dir->next->at = &dir->next;
	fs->dirs = dir;
	return dir;
}

struct open_dir *open_dir_ref(struct open_dir *dir)
{
	dir->refs++;
	return dir;
}

void open_dir_unref(struct open_dir *dir)
{
	if (!dir || --dir->refs > 0)
		return;
	*dir->at = dir->next;
	if (dir->next)
		dir->next->at = dir->at;
	listing_unref(dir->listing);
	node_unref(dir->node);
	free(dir);
}

void open_dirs_free(struct fs *fs)
{
	while (fs->dirs)
		open_dir_unref(fs->dirs);
}

static void on_dir_fetched(void *arg, int err, struct listing *listing)
{
	struct open_dir *dir = arg;
	struct request *waiting = dir->waiting;

	dir->fetching = false;
	dir->err = err;
	dir->waiting = NULL;
	if (listing)
		dir->listing = listing_ref(listing);
	while (waiting) {
		struct request *rq = waiting;

		waiting = rq->next_waiting;
		rq->go(rq);
	}
	open_dir_unref(dir);
}

/* Read it now, unless what is known of it holds. */
static void dir_fetch(struct request *rq, struct open_dir *dir)
{
	struct file *file = dir->node->file;
	const struct listed *none;

	if (tree_listed(file, "", &none)) {
		dir->listing = listing_ref(file->listing);
		return;
	}
	dir->fetching = true;
	dir->err = 0;
	fetch(rq, file, UINT32_MAX, on_dir_fetched, open_dir_ref(dir));
}

static void opendir_now(struct request *rq)
{
	struct open_dir *dir = open_dir_new(rq->node);

	if (!dir) {
		request_fail(rq, -ENOMEM);
		return;
	}
	rq->fi.fh = (uintptr_t)dir;
	/* The request is answered first: the kernel comes back meanwhile. */
	open_dir_ref(dir);
	dir_fetch(rq, dir);
	if (!request_reply_fi(rq))
		open_dir_unref(dir);
	open_dir_unref(dir);
}

void listing_opendir(struct request *rq)
{
	files_begin(rq, opendir_now);
}

/* ---- reading ---- */

struct part {
	struct request *rq;
	bool plus;
	char *data;
	size_t len;
	size_t size;
};

static bool add(struct part *part, const char *name,
                const struct fuse_entry_param *e, uint64_t next)
{
	fuse_req_t fuse = part->rq->fuse;
	char *to = part->data + part->len;
	size_t left = part->size - part->len;
	size_t n = part->plus ? fuse_add_direntry_plus(fuse, to, left, name, e,
	                                               (off_t)next)
	                      : fuse_add_direntry(fuse, to, left, name,
	                                          &e->attr, (off_t)next);

	if (n > left)
		return false;
	part->len += n;
	return true;
}

static bool add_listed(struct part *part, const struct listing *listing,
                       const struct listed *l, uint64_t next)
{
	struct request *rq = part->rq;
	struct file *dir = rq->node->file;
	struct fuse_entry_param e = { 0 };
	struct node *node = NULL;
	struct file *file;
	bool added;

	e.attr.st_ino = l->attr.ino;
	e.attr.st_mode = l->attr.mode;
	/* What may have changed since is left to a lookup. */
	if (part->plus && tree_listed_is_sure(dir->tree, listing, l)) {
		file = tree_enter(dir, l->name, &l->attr);
		if (file)
			node = files_node(rq->fs, rq->node->m, file);
		file_unref(file);
	}
	if (node) {
		e.ino = node->ino;
		e.generation = 1;
		files_attr(node, &e.attr);
		files_timeouts(node, &e.entry_timeout, &e.attr_timeout);
	}
	added = add(part, l->name, &e, next);
	if (added && node)
		node_looked_up(node);
	node_unref(node);
	return added;
}

static void fill(struct part *part)
{
	const struct request *rq = part->rq;
	const struct listing *listing = rq->dir->listing;
	struct fuse_entry_param e = { .attr.st_mode = S_IFDIR };
	uint64_t offset = rq->offset;

	e.attr.st_ino = node_stat_ino(rq->node);
	if (offset < 1 && !add(part, ".", &e, 1))
		return;
	if (offset < 2 && !add(part, "..", &e, 2))
		return;
	for (uint64_t i = offset > DOTS ? offset - DOTS : 0; i < listing->n;
	     i++)
		if (!add_listed(part, listing, &listing->v[i], i + DOTS + 1))
			return;
}

static void read_now(struct request *rq)
{
	struct part part = { .rq = rq, .plus = rq->plus };

	if (request_is_answered(rq) || rq->dir->err) {
		files_fail(rq, rq->dir->err ? rq->dir->err : -EINTR);
		return;
	}
	part.size = rq->size < PART_MAX ? rq->size : PART_MAX;
	part.data = malloc(part.size ? part.size : 1);
	if (!part.data) {
		request_fail(rq, -ENOMEM);
		return;
	}
	fill(&part);
	request_reply_data(rq, part.data, part.len);
	free(part.data);
}

static void wait_and_read(struct request *rq)
{
	struct open_dir *dir = rq->dir;
	struct request **at = &dir->waiting;

	/* From the start again: what was read then may not hold any more. */
	if (rq->offset == 0 && dir->listing && !dir->fetching &&
	    dir->listing != dir->node->file->listing) {
		listing_unref(dir->listing);
		dir->listing = NULL;
	}
	if (!dir->listing && !dir->fetching && !dir->err)
		dir_fetch(rq, dir);
	if (!dir->fetching) {
		read_now(rq);
		return;
	}
	rq->go = read_now;
	rq->next_waiting = NULL;
	while (*at)
		at = &(*at)->next_waiting;
	*at = rq;
}

void listing_readdir(struct request *rq, bool plus)
{
	rq->plus = plus;
	files_begin(rq, wait_and_read);
}
