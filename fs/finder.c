/*
 * finder: names and attributes that never leave memory.
 *
 * Owns nothing; the pieces are fs->litter's, which is NULL where nobody wants
 * any of this. Finder must not be told that attributes are not supported: the
 * system then writes ._ files beside everything. And what it wrote it expects
 * to read, or a copy fails with nothing to show for it.
 */
#include "fs/finder.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "fs/below.h"
#include "fs/dir.h"
#include "fs/files.h"
#include "fs/fs.h"
#include "fs/litter.h"
#include "fs/platform.h"
#include "fs/view.h"

/* ---- names ---- */

bool finder_is_noise(const char *name)
{
	static const char *const names[] = {
		"Icon\r",
		"autorun.inf",
		"desktop.ini",
		"ehthumbs.db",
		"mach_kernel",
		"Temporary Items",
		"Network Trash Folder",
		"Thumbs.db",
	};

	/* Nothing of ours is hidden but what the tables have. */
	if (name[0] == '.')
		return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcasecmp(name, names[i]) == 0)
			return true;
	return false;
}

static bool is_litter(const struct fs *fs, const char *name)
{
	return fs->litter &&
	       (strcmp(name, ".DS_Store") == 0 || strncmp(name, "._", 2) == 0);
}

/* Those that Linux knows are the guest's to keep. */
static bool keeps_xattr(const struct fs *fs, const char *name)
{
	static const char *const linux_s[] = { "user.", "trusted.", "system.",
		                               "security." };

	for (size_t i = 0; i < sizeof(linux_s) / sizeof(linux_s[0]); i++)
		if (strncmp(name, linux_s[i], strlen(linux_s[i])) == 0)
			return false;
	return fs->litter != NULL;
}

static uint64_t ino_of(struct fs *fs, const struct node *node)
{
	struct stat st;

	view_attr(fs, node, &st);
	return st.st_ino;
}

static struct piece *find(struct request *rq, const char *name)
{
	return litter_find(rq->fs->litter, LITTER_FILE,
	                   ino_of(rq->fs, rq->node), name);
}

/* Has the guest one, as far as is known without asking? */
static bool guest_has(const struct request *rq)
{
	struct file *dir = rq->node->file;
	const struct listed *listed;

	return dir && ((tree_listed(dir, rq->text, &listed) && listed) ||
	               tree_find(dir, rq->text));
}

/* ---- in a directory ---- */

static struct node *node_of(struct request *rq, struct piece *piece)
{
	return nodes_get_labelled(rq->fs->nodes, rq->node->m,
	                          entry_any(DIR_NONE, S_IFREG), &piece->label);
}

bool finder_lookup(struct request *rq)
{
	struct piece *piece;
	struct node *node;

	if (!is_litter(rq->fs, rq->text))
		return false;
	piece = find(rq, rq->text);
	if (!piece && guest_has(rq))
		return false;
	node = piece ? node_of(rq, piece) : NULL;
	if (node)
		request_reply_entry(rq, node);
	else
		request_fail(rq, piece ? -ENOMEM : -ENOENT);
	return true;
}

static void create(struct request *rq)
{
	struct piece *piece = litter_add(rq->fs->litter, LITTER_FILE,
	                                 ino_of(rq->fs, rq->node), rq->text);
	struct node *node = piece ? node_of(rq, piece) : NULL;
	struct handle *handle = node ? handle_new(rq->fs, node) : NULL;

	if (!handle) {
		if (piece)
			litter_remove(piece);
		node_unref(node);
		request_fail(rq, -ENOMEM);
		return;
	}
	rq->fi.fh = (uintptr_t)handle;
	if (!request_reply_create(rq, node))
		handle_unref(handle);
}

bool finder_create(struct request *rq)
{
	if (!is_litter(rq->fs, rq->text) || guest_has(rq))
		return false;
	if (find(rq, rq->text))
		request_fail(rq, -EEXIST);
	else
		create(rq);
	return true;
}

bool finder_unlink(struct request *rq)
{
	struct piece *piece;

	if (!is_litter(rq->fs, rq->text))
		return false;
	piece = find(rq, rq->text);
	if (!piece && guest_has(rq))
		return false;
	if (piece)
		litter_remove(piece);
	request_fail(rq, piece ? 0 : -ENOENT);
	return true;
}

bool finder_refuse(struct request *rq)
{
	if (!is_litter(rq->fs, rq->text))
		return false;
	request_fail(rq, -EPERM);
	return true;
}

/* A copy under the new name; who has the old one open keeps that. */
static int move(struct request *rq, struct piece *piece, const struct node *to,
                const char *new_name)
{
	struct litter *litter = rq->fs->litter;
	uint64_t of = ino_of(rq->fs, to);
	struct piece *old = litter_find(litter, LITTER_FILE, of, new_name);
	struct piece *copy;
	int err;

	if (old == piece)
		return 0;
	if (old)
		litter_remove(old);
	copy = litter_add(litter, LITTER_FILE, of, new_name);
	if (!copy)
		return -ENOMEM;
	err = litter_write(copy, piece->data.data, piece->data.len, 0);
	litter_remove(err ? copy : piece);
	return err;
}

bool finder_rename(struct request *rq, uint64_t new_parent,
                   const char *new_name)
{
	const struct node *to = nodes_find(rq->fs->nodes, new_parent);
	bool from_litter = is_litter(rq->fs, rq->text);
	bool to_litter = is_litter(rq->fs, new_name);
	struct piece *piece;

	if (!from_litter && !to_litter)
		return false;
	if (guest_has(rq) && !find(rq, rq->text))
		return false;
	piece = from_litter ? find(rq, rq->text) : NULL;
	if (!to)
		request_fail(rq, -ESTALE);
	else if (from_litter && !piece)
		request_fail(rq, -ENOENT);
	else if (!from_litter || !to_litter)
		request_fail(rq, -EXDEV); /* to be copied, and removed */
	else
		request_fail(rq, move(rq, piece, to, new_name));
	return true;
}

/* ---- a file ---- */

static struct piece *piece_of(const struct node *node)
{
	return (struct piece *)node->label;
}

void finder_open(struct request *rq)
{
	struct handle *handle = handle_new(rq->fs, rq->node);

	if (!handle) {
		request_fail(rq, -ENOMEM);
		return;
	}
	if (rq->fi.flags & O_TRUNC)
		(void)litter_resize(piece_of(rq->node), 0); /* that works */
	request_reply_open(rq, handle);
}

void finder_read(struct request *rq)
{
	const struct buf *data = &piece_of(rq->node)->data;
	size_t left;

	if (rq->offset >= data->len) {
		request_reply_data(rq, NULL, 0);
		return;
	}
	left = data->len - (size_t)rq->offset;
	request_reply_data(rq, data->data + rq->offset,
	                   rq->size < left ? rq->size : left);
}

void finder_write(struct request *rq)
{
	int err =
		litter_write(piece_of(rq->node), rq->text, rq->len, rq->offset);

	if (err)
		request_fail(rq, err);
	else
		request_reply_write(rq, rq->len);
}

/* Owners, modes and times are taken and forgotten. */
void finder_setattr(struct request *rq, const struct stat *attr, int to_set)
{
	int err = 0;

	if (to_set & FUSE_SET_ATTR_SIZE)
		err = litter_resize(piece_of(rq->node),
		                    (uint64_t)attr->st_size);
	if (err)
		request_fail(rq, err);
	else
		request_reply_attr(rq);
}

void finder_attr(const struct node *node, struct stat *st)
{
	const struct piece *piece = piece_of(node);

	st->st_size = (off_t)piece->data.len;
	st->st_mtim = piece->changed;
	st->st_nlink = piece->litter ? 1 : 0;
}

/* ---- extended attributes ---- */

void finder_forget(struct fs *fs, uint64_t ino)
{
	if (fs->litter)
		litter_forget(fs->litter, ino);
}

void finder_list_xattrs(const struct request *rq, struct buf *names)
{
	if (rq->fs->litter)
		litter_list(rq->fs->litter, ino_of(rq->fs, rq->node), names);
}

/* The inode whose attribute it is; 0: it is not kept here. */
static uint64_t kept_of(fuse_req_t fuse, fuse_ino_t ino, const char *name)
{
	struct fs *fs = fuse_req_userdata(fuse);
	const struct node *node = nodes_find(fs->nodes, ino);

	return node && keeps_xattr(fs, name) ? ino_of(fs, node) : 0;
}

static int set(struct litter *litter, uint64_t of, const char *name,
               const char *value, size_t size, int flags)
{
	struct piece *piece = litter_find(litter, LITTER_XATTR, of, name);
	int err;

	/* Other bits are some system's own. */
	if (piece && (flags & XATTR_CREATE))
		return -EEXIST;
	if (!piece && (flags & XATTR_REPLACE))
		return -ENOATTR;
	if (size > LITTER_XATTR_MAX)
		return -E2BIG;
	if (!piece)
		piece = litter_add(litter, LITTER_XATTR, of, name);
	if (!piece)
		return -ENOMEM;
	err = litter_resize(piece, 0);
	return err ? err : litter_write(piece, value, size, 0);
}

void finder_setxattr(fuse_req_t fuse, fuse_ino_t ino, const char *name,
                     const char *value, size_t size, int flags)
{
	struct fs *fs = fuse_req_userdata(fuse);
	uint64_t of = kept_of(fuse, ino, name);

	if (!of)
		below_setxattr(fuse, ino, name, value, size, flags);
	else
		fuse_reply_err(fuse,
		               -set(fs->litter, of, name, value, size, flags));
}

static void reply_bytes(fuse_req_t fuse, const struct buf *b, size_t size)
{
	if (size == 0)
		fuse_reply_xattr(fuse, b->len);
	else if (b->len > size)
		fuse_reply_err(fuse, ERANGE);
	else
		fuse_reply_buf(fuse, b->data, b->len);
}

void finder_getxattr(fuse_req_t fuse, fuse_ino_t ino, const char *name,
                     size_t size)
{
	struct fs *fs = fuse_req_userdata(fuse);
	uint64_t of = kept_of(fuse, ino, name);
	const struct piece *piece;

	if (!of) {
		below_getxattr(fuse, ino, name, size);
		return;
	}
	piece = litter_find(fs->litter, LITTER_XATTR, of, name);
	if (piece)
		reply_bytes(fuse, &piece->data, size);
	else
		fuse_reply_err(fuse, ENOATTR);
}

/* Those of a guest's file are joined with what is here by fs/xattr.c. */
void finder_listxattr(fuse_req_t fuse, fuse_ino_t ino, size_t size)
{
	struct fs *fs = fuse_req_userdata(fuse);
	const struct node *node = nodes_find(fs->nodes, ino);
	struct buf names = BUF_INIT(LITTER_MAX);

	if (!node || node->file || !fs->litter) {
		below_listxattr(fuse, ino, size);
		return;
	}
	litter_list(fs->litter, ino_of(fs, node), &names);
	if (names.err)
		fuse_reply_err(fuse, -names.err);
	else
		reply_bytes(fuse, &names, size);
	buf_free(&names);
}

void finder_removexattr(fuse_req_t fuse, fuse_ino_t ino, const char *name)
{
	struct fs *fs = fuse_req_userdata(fuse);
	uint64_t of = kept_of(fuse, ino, name);
	struct piece *piece;

	if (!of) {
		below_removexattr(fuse, ino, name);
		return;
	}
	piece = litter_find(fs->litter, LITTER_XATTR, of, name);
	if (piece)
		litter_remove(piece);
	fuse_reply_err(fuse, piece ? 0 : ENOATTR);
}
