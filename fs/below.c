/*
 * below: from the kernel's arguments to what a guest is asked.
 *
 * Owns nothing. Each function fills rq->call and hands over; what the kernel
 * asks about a control file here is answered as Unix does for a file of the
 * simplest kind: no attributes, no locks, nothing to sync.
 */
#include "fs/below.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "fs/attr.h"
#include "fs/files.h"
#include "fs/fs.h"
#include "fs/lock.h"
#include "fs/names.h"
#include "fs/open.h"
#include "fs/platform.h"
#include "fs/xattr.h"

bool below_is(const struct fs *fs, fuse_ino_t ino)
{
	const struct node *node = nodes_find(fs->nodes, ino);

	return node && node->file;
}

void below_hold_file(struct request *rq, const struct fuse_file_info *fi)
{
	rq->open = open_file_ref((struct open_file *)(uintptr_t)fi->fh);
}

/* A request about a node that must be below files/. NULL: answered, with err
 * when it is not. */
static struct request *request_below(fuse_req_t fuse, fuse_ino_t ino, int err)
{
	struct fs *fs = fuse_req_userdata(fuse);
	struct node *node = nodes_find(fs->nodes, ino);
	struct request *rq;

	if (!node) {
		fuse_reply_err(fuse, ESTALE);
		return NULL;
	}
	rq = request_new(fs, fuse, node);
	if (!rq || node->file)
		return rq;
	request_fail(rq, err);
	return NULL;
}

/* The same about what is open of it. */
static struct request *request_open_below(fuse_req_t fuse, fuse_ino_t ino,
                                          const struct fuse_file_info *fi,
                                          int err)
{
	struct request *rq = request_below(fuse, ino, err);

	if (rq)
		below_hold_file(rq, fi);
	return rq;
}

/* Keep two texts: a name, and after its NUL some bytes. */
static bool keep_both(struct request *rq, const char *name, const void *data,
                      size_t len)
{
	size_t name_len = strlen(name);
	char *text = malloc(name_len + len + 2);

	if (!text) {
		request_fail(rq, -ENOMEM);
		return false;
	}
	memcpy(text, name, name_len + 1);
	if (len)
		memcpy(text + name_len + 1, data, len);
	text[name_len + 1 + len] = '\0';
	free(rq->text);
	rq->text = text;
	rq->len = name_len;
	return true;
}

/* ---- attributes ---- */

static struct wire_time wire_time(const struct timespec *t)
{
	return (struct wire_time){ .sec = t->tv_sec,
		                   .nsec = (uint32_t)t->tv_nsec };
}

void below_setattr(struct request *rq, const struct stat *attr, int to_set,
                   const struct fuse_file_info *fi)
{
	static const struct {
		int host;
		uint32_t wire;
	} bits[] = {
		{ FUSE_SET_ATTR_MODE, WIRE_SET_MODE },
		{ FUSE_SET_ATTR_UID, WIRE_SET_UID },
		{ FUSE_SET_ATTR_GID, WIRE_SET_GID },
		{ FUSE_SET_ATTR_SIZE, WIRE_SET_SIZE },
		{ FUSE_SET_ATTR_ATIME, WIRE_SET_ATIME },
		{ FUSE_SET_ATTR_MTIME, WIRE_SET_MTIME },
		{ FUSE_SET_ATTR_ATIME_NOW, WIRE_SET_ATIME_NOW },
		{ FUSE_SET_ATTR_MTIME_NOW, WIRE_SET_MTIME_NOW },
	};

	bool finder = rq->fs->spec.finder;

	/* What it copies is to be its user's: here that is who has the
	 * directory. */
	if (finder && attr->st_uid == rq->fs->spec.uid)
		to_set &= ~FUSE_SET_ATTR_UID;
	if (finder && attr->st_gid == rq->fs->spec.gid)
		to_set &= ~FUSE_SET_ATTR_GID;
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		if (to_set & bits[i].host)
			rq->call.set |= bits[i].wire;
	rq->call.mode = attr->st_mode & 07777;
	rq->call.set_uid = attr->st_uid;
	rq->call.set_gid = attr->st_gid;
	rq->call.set_size = (uint64_t)attr->st_size;
	rq->call.atime = wire_time(&attr->st_atim);
	rq->call.mtime = wire_time(&attr->st_mtim);
	/* A chown to nobody changes nothing but the time of change. */
	if (!to_set && !finder) {
		rq->call.set = WIRE_SET_UID | WIRE_SET_GID;
		rq->call.set_uid = (uid_t)-1;
		rq->call.set_gid = (gid_t)-1;
	}
	if (fi)
		below_hold_file(rq, fi);
	attr_setattr(rq, finder ? 0 : fuse_req_ctx(rq->fuse)->pid);
}

/* ---- names ---- */

void below_mkdir(struct request *rq, mode_t mode)
{
	rq->call.mode = mode & 07777;
	names_mkdir(rq);
}

void below_mknod(struct request *rq, mode_t mode, dev_t dev)
{
	rq->call.mode = mode;
	rq->call.rdev = (uint32_t)(major(dev) << 20 | (minor(dev) & 0xfffff));
	names_mknod(rq);
}

void below_symlink(struct request *rq, const char *target)
{
	char *name = rq->text;
	bool kept;

	rq->text = NULL;
	kept = keep_both(rq, name, target, strlen(target));
	free(name);
	if (kept)
		names_symlink(rq);
}

void below_link(struct request *rq, fuse_ino_t ino)
{
	struct node *file = nodes_find(rq->fs->nodes, ino);

	if (!file) {
		request_fail(rq, -ESTALE);
		return;
	}
	rq->other = node_ref(file);
	names_link(rq);
}

void below_rename(struct request *rq, fuse_ino_t new_parent,
                  const char *new_name, unsigned flags)
{
	struct node *dir = nodes_find(rq->fs->nodes, new_parent);
	char *name = rq->text;
	bool kept;

	if (!dir || (flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE))) {
		request_fail(rq, dir ? -EINVAL : -ESTALE);
		return;
	}
	if (strlen(new_name) > WIRE_NAME_MAX) {
		request_fail(rq, -ENAMETOOLONG);
		return;
	}
	if (flags & RENAME_NOREPLACE)
		rq->call.flags |= WIRE_RENAME_NOREPLACE;
	if (flags & RENAME_EXCHANGE)
		rq->call.flags |= WIRE_RENAME_EXCHANGE;
	rq->other = node_ref(dir);
	rq->text = NULL;
	kept = keep_both(rq, name, new_name, strlen(new_name));
	free(name);
	if (kept)
		names_rename(rq);
}

void below_create(struct request *rq, mode_t mode)
{
	rq->call.mode = mode & 07777;
	open_create(rq);
}

/* ---- extended attributes ---- */

void below_setxattr(fuse_req_t fuse, fuse_ino_t ino, const char *name,
                    const char *value, size_t size, int flags)
{
	struct request *rq = request_below(fuse, ino, -EOPNOTSUPP);

	if (!rq || !keep_both(rq, name, value, size))
		return;
	rq->size = size;
	/* Other bits are some system's own. */
	rq->call.flags = (flags & XATTR_CREATE ? 1 : 0) |
	                 (flags & XATTR_REPLACE ? 2 : 0);
	xattr_setxattr(rq);
}

void below_getxattr(fuse_req_t fuse, fuse_ino_t ino, const char *name,
                    size_t size)
{
	struct request *rq = request_below(fuse, ino, -ENOATTR);

	if (!rq || !keep_both(rq, name, NULL, 0))
		return;
	rq->size = size;
	xattr_getxattr(rq);
}

void below_listxattr(fuse_req_t fuse, fuse_ino_t ino, size_t size)
{
	struct fs *fs = fuse_req_userdata(fuse);
	struct request *rq;

	if (!below_is(fs, ino)) {
		if (size)
			fuse_reply_buf(fuse, NULL, 0);
		else
			fuse_reply_xattr(fuse, 0);
		return;
	}
	rq = request_below(fuse, ino, 0);
	if (!rq)
		return;
	rq->size = size;
	xattr_listxattr(rq);
}

void below_removexattr(fuse_req_t fuse, fuse_ino_t ino, const char *name)
{
	struct request *rq = request_below(fuse, ino, -EOPNOTSUPP);

	if (rq && keep_both(rq, name, NULL, 0))
		xattr_removexattr(rq);
}

/* ---- open files ---- */

void below_fsync(fuse_req_t fuse, fuse_ino_t ino, int data_only,
                 struct fuse_file_info *fi)
{
	struct request *rq = request_open_below(fuse, ino, fi, 0);

	if (rq)
		open_fsync(rq, data_only != 0);
}

/* A directory's changes were made when they were answered; that they are on
 * the guest's disk is the guest's to see to, as with `sync`. */
void below_fsyncdir(fuse_req_t fuse, fuse_ino_t ino, int data_only,
                    struct fuse_file_info *fi)
{
	(void)ino;
	(void)data_only;
	(void)fi;
	fuse_reply_err(fuse, 0);
}

void below_fallocate(fuse_req_t fuse, fuse_ino_t ino, int mode, off_t offset,
                     off_t length, struct fuse_file_info *fi)
{
	struct request *rq = request_open_below(fuse, ino, fi, -EOPNOTSUPP);

	if (!rq)
		return;
	rq->call.mode = (uint32_t)mode;
	rq->call.offset = (uint64_t)offset;
	rq->call.length = (uint64_t)length;
#ifdef __APPLE__
	/* The bits are others: what asks for one piece would punch a hole. */
	request_fail(rq, -EOPNOTSUPP);
#else
	open_fallocate(rq);
#endif
}

void below_lseek(fuse_req_t fuse, fuse_ino_t ino, off_t offset, int whence,
                 struct fuse_file_info *fi)
{
	struct request *rq = request_open_below(fuse, ino, fi, -EINVAL);

	if (!rq)
		return;
	rq->call.offset = (uint64_t)offset;
	rq->call.flags = whence == SEEK_DATA ? 3 : 4;
	if (whence == SEEK_DATA || whence == SEEK_HOLE)
		open_seek(rq);
	else
		request_fail(rq, -EINVAL);
}

void below_copy_file_range(fuse_req_t fuse, fuse_ino_t ino_in, off_t off_in,
                           struct fuse_file_info *fi_in, fuse_ino_t ino_out,
                           off_t off_out, struct fuse_file_info *fi_out,
                           size_t len, int flags)
{
	struct fs *fs = fuse_req_userdata(fuse);
	struct node *to = nodes_find(fs->nodes, ino_out);
	struct request *rq;

	(void)flags;
	rq = request_below(fuse, ino_in, -EXDEV);
	if (!rq)
		return;
	if (!to || !to->file) {
		request_fail(rq, -EXDEV);
		return;
	}
	below_hold_file(rq, fi_in);
	rq->other = node_ref(to);
	rq->call.offset = (uint64_t)off_in;
	rq->call.to_offset = (uint64_t)off_out;
	rq->call.length = len;
	rq->to = open_file_ref((struct open_file *)(uintptr_t)fi_out->fh);
	open_copy(rq);
}

/* ---- locks ---- */

/* false: no lock that can be asked for; the request has failed. */
static bool set_lock(struct request *rq, const struct flock *lock,
                     uint64_t owner)
{
	rq->call.type = lock->l_type == F_RDLCK   ? LOCK_SHARED
	                : lock->l_type == F_WRLCK ? LOCK_EXCLUSIVE
	                                          : LOCK_NONE;
	rq->call.owner = owner;
	rq->call.offset = (uint64_t)lock->l_start;
	rq->call.length = lock->l_len
	                          ? (uint64_t)(lock->l_start + lock->l_len - 1)
	                          : INT64_MAX;
	if (lock->l_start >= 0 && lock->l_len >= 0)
		return true;
	request_fail(rq, -EINVAL);
	return false;
}

void below_getlk(fuse_req_t fuse, fuse_ino_t ino, struct fuse_file_info *fi,
                 struct flock *lock)
{
	struct request *rq = request_open_below(fuse, ino, fi, -ENOLCK);

	if (rq && set_lock(rq, lock, fi->lock_owner))
		lock_getlk(rq);
}

void below_setlk(fuse_req_t fuse, fuse_ino_t ino, struct fuse_file_info *fi,
                 struct flock *lock, int wait)
{
	struct request *rq = request_open_below(fuse, ino, fi, -ENOLCK);

	if (!rq || !set_lock(rq, lock, fi->lock_owner))
		return;
	rq->call.flag = wait != 0;
	lock_setlk(rq);
}

void below_flock(fuse_req_t fuse, fuse_ino_t ino, struct fuse_file_info *fi,
                 int op)
{
	struct request *rq = request_open_below(fuse, ino, fi, -ENOLCK);

	if (!rq)
		return;
	rq->call.type = (op & LOCK_SH)   ? LOCK_SHARED
	                : (op & LOCK_EX) ? LOCK_EXCLUSIVE
	                                 : LOCK_NONE;
	rq->call.flag = !(op & LOCK_NB);
	lock_flock(rq);
}
