/*
 * readdir: from the guest's LIST to the parts that the kernel reads.
 *
 * Owns a LIST under way. A part of a readdir refers to the listing it is made
 * from, so that it does not change under it. The next part is made from the
 * directory's listing as it is then, or from the one that was read from before:
 * what came and went meanwhile may be in it or not, as POSIX allows, and a
 * large directory that changes all the time is not read anew for every part.
 */
#include "fs/readdir.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/attr.h"
#include "fs/call.h"
#include "fs/files.h"
#include "fs/fs.h"
#include "fs/lookup.h"

enum {
	MOST_EVER = 1000000,
	PART_MAX = 256 << 10,
	AGAIN_MOST = 10,
	AHEAD_MOST = 2048,
	WALK_TRIAL = 8,   /* directories, until one comes without attributes */
	WALK_SURE = 1024, /* the same when they were missed in one */
};

/* A LIST under way: what came so far, and who waits. */
struct fetch {
	struct file *dir; /* referred to */
	struct listing *listing;
	uint32_t most;
	uint64_t changes; /* of the directory, when it was asked */
	uint64_t watch;   /* as what it is to be watched */
	uint64_t moves;   /* of directories, when it was asked */
	unsigned n_again; /* how often they made its path another one */
	int err;
	struct request *waiting; /* each goes on with rq->listed */
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

/* Tell those who wait; each refers to the listing. */
static void end_fetch(struct fetch *f)
{
	struct request *waiting = f->waiting;
	struct listing *listing = f->listing;
	int err = f->err;

	if (f->dir->fetch == f)
		f->dir->fetch = NULL;
	file_unref(f->dir);
	free(f);
	while (waiting) {
		struct request *rq = waiting;

		waiting = rq->next_waiting;
		if (!err)
			rq->listing = listing_ref(listing);
		rq->listed(rq, err);
	}
	listing_unref(listing);
}

/* A watch that was forgotten while it was asked for stands for nothing here. */
static void note_watch(const struct fetch *f, bool watched)
{
	struct files *files = tree_arg(f->dir->tree);

	if (f->watch == f->dir->watch)
		tree_set_watched(f->dir, watched);
	else if (watched)
		guest_tell(files->guest,
		           &(struct guest_call){ .op = WIRE_UNWATCH,
		                                 .watch = f->watch });
}

static int send_list(struct fetch *f);

/* We moved it, or what it is in, while the guest was asked. */
static bool list_again(struct fetch *f, int err)
{
	bool moved = err == -ENOENT && f->moves != tree_moves(f->dir->tree);

	return moved && !f->listing->n && f->n_again++ < AGAIN_MOST &&
	       !send_list(f);
}

static void on_list(void *arg, int err, const struct guest_reply *reply,
                    bool more)
{
	struct fetch *f = arg;

	if (list_again(f, err))
		return;
	if (!err && !f->err)
		take_entries(f, reply);
	if (more)
		return;
	if (err)
		f->err = err;
	if (!f->err && !reply->complete)
		f->err = -EFBIG;
	if (!err)
		note_watch(f, reply->watched);
	listing_sort(f->listing);
	/* One that a change has overtaken is of use to who asked, and to
	 * nobody else. */
	if (!f->err && f->dir->changes == f->changes) {
		file_set_attr(f->dir, &reply->attr);
		tree_set_listing(f->dir, f->listing);
	}
	end_fetch(f);
}

/* 0, or why it cannot be asked for. */
static int send_list(struct fetch *f)
{
	struct files *files = tree_arg(f->dir->tree);
	struct buf path = BUF_INIT(WIRE_PATH_MAX - 1);
	int err = tree_path(f->dir, &path);

	f->moves = tree_moves(f->dir->tree);
	if (!err)
		guest_ask(files->guest,
		          &(struct guest_call){ .op = WIRE_LIST,
		                                .path = path.data ? path.data
		                                                  : "",
		                                .watch = f->watch,
		                                .size = f->most },
		          on_list, f);
	buf_free(&path);
	return err;
}

/* Ask for a directory; rq (NULL: nobody) waits for it. The guest is up. */
static void fetch(struct file *dir, uint32_t most, struct request *rq)
{
	struct fetch *f = calloc(1, sizeof(*f));
	int err;

	if (f)
		f->listing = listing_new();
	if (!f || !f->listing) {
		free(f);
		if (rq)
			rq->listed(rq, -ENOMEM);
		return;
	}
	f->dir = file_ref(dir);
	f->most = most;
	f->changes = dir->changes;
	f->watch = tree_watch(dir);
	f->waiting = rq;
	if (!dir->fetch)
		dir->fetch = f;
	err = send_list(f);
	if (err) {
		f->err = err;
		end_fetch(f);
	}
}

void readdir_fetch(struct request *rq, uint32_t most,
                   void (*done)(struct request *rq, int err))
{
	struct file *dir = rq->node->file;
	struct fetch *f = dir->fetch;

	listing_unref(rq->listing);
	rq->listing = NULL;
	rq->listed = done;
	rq->next_waiting = NULL;
	/* One that is under way will do, unless a change has overtaken it. */
	if (f && f->most >= most && f->changes == dir->changes) {
		rq->next_waiting = f->waiting;
		f->waiting = rq;
		return;
	}
	fetch(dir, most, rq);
}

/* ---- ahead of a walk ---- */

static void fetch_ahead(void *arg, struct file *dir)
{
	(void)arg;
	if (!dir->fetch && !tree_is_listed(dir) &&
	    !(dir->attr.flags & WIRE_ATTR_VOLATILE))
		fetch(dir, AHEAD_MOST, NULL);
}

/* Who reads a directory after its parent goes through the tree: what it comes
 * to next is asked for while it is busy with this one. */
static void look_ahead(struct request *rq)
{
	struct file *dir = rq->node->file;
	struct files *files = files_of(rq->node);
	bool walks = tree_is_walked(dir);

	dir->walked = true;
	if (walks && guest_is_up(files->guest))
		tree_ahead(dir, fetch_ahead, NULL);
}

/* ---- attributes ---- */

/*
 * The kernel makes an inode of each entry that comes with attributes, which
 * costs more than all else. A walk like find's looks at none but directories
 * and asks for no other; one that does look asks for what it was not given, and
 * is told of it without the guest. So each who walks is tried once in a while.
 */
static void note_walk(struct request *rq)
{
	struct walk *walk = &files_of(rq->node)->walk;

	if (walk->caller != rq->caller)
		*walk = (struct walk){ .caller = rq->caller,
			               .most = WALK_TRIAL };
	walk->n++;
}

static bool wants_names_only(const struct request *rq)
{
	const struct walk *walk = &files_of(rq->node)->walk;

	return walk->caller == rq->caller && walk->n > walk->most;
}

void readdir_was_short(struct files *files)
{
	struct walk *walk = &files->walk;

	if (walk->n <= walk->most)
		return;
	walk->n = 0;
	walk->most = WALK_SURE;
}

/* ---- reading ---- */

struct part {
	struct request *rq;
	bool plus;
	bool names_only;
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

	e.attr.st_ino = attr_ino(files_of(rq->node), l->attr.dev, l->attr.ino);
	e.attr.st_mode = l->attr.mode;
	/* What may have changed since is left to a lookup. */
	if (part->plus && (!part->names_only || S_ISDIR(l->attr.mode)) &&
	    tree_listed_is_sure(dir, listing, l)) {
		file = lookup_enter(dir, l->name, &l->attr, l->target);
		if (file)
			node = nodes_get_file(rq->fs->nodes, rq->node->m, file);
		file_unref(file);
	}
	if (node) {
		e.ino = node->ino;
		e.generation = 1;
		attr_stat(node, &e.attr);
		attr_timeouts(node, &e.entry_timeout, &e.attr_timeout);
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
	const struct listing *listing = rq->listing;
	struct fuse_entry_param e = { .attr.st_mode = S_IFDIR };
	uint64_t offset = rq->offset;

	e.attr.st_ino = node_stat_ino(rq->node);
	if (offset < 1 && !add(part, ".", &e, 1))
		return;
	if (offset < 2 && !add(part, "..", &e, 2))
		return;
	for (size_t i = listing_behind(listing, offset); i < listing->n; i++)
		if (!add_listed(part, listing, &listing->v[i],
		                listing->v[i].hash))
			return;
}

static void read_listed(struct request *rq, int err)
{
	struct part part = { .rq = rq, .plus = rq->plus };

	if (err || request_is_answered(rq)) {
		call_fail(rq, err ? err : -EINTR);
		return;
	}
	part.size = rq->size < PART_MAX ? rq->size : PART_MAX;
	part.data = malloc(part.size ? part.size : 1);
	if (!part.data) {
		request_fail(rq, -ENOMEM);
		return;
	}
	if (rq->offset == 0)
		note_walk(rq);
	part.names_only = wants_names_only(rq);
	fill(&part);
	tree_set_reading(rq->node->file, part.len ? rq->listing : NULL);
	if (rq->offset == 0)
		look_ahead(rq);
	request_reply_data(rq, part.data, part.len);
	free(part.data);
}

static void read_now(struct request *rq)
{
	struct listing *listing = tree_reading(rq->node->file, rq->offset > 0);

	if (!listing) {
		readdir_fetch(rq, UINT32_MAX, read_listed);
		return;
	}
	rq->listing = listing_ref(listing);
	read_listed(rq, 0);
}

void readdir_readdir(struct request *rq, bool plus)
{
	rq->plus = plus;
	if (!guard_allows_list(rq->fs->guard, rq->node->m, rq->caller))
		request_fail(rq, -EPERM);
	else if (tree_reading(rq->node->file, rq->offset > 0))
		read_now(rq);
	else
		call_begin(rq, read_now);
}
