/*
 * files: what is asked about a file by its path, or an open one by its handle.
 *
 * A place is looked at and changed through the descriptor of its directory
 * with calls that do not follow a link at the end, so nothing that somebody
 * puts there in between is changed in its stead. Every answer's errno is the
 * guest's kernel's own.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "ops/agent/attr.h"
#include "ops/agent/watch.h"

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

static int result(int returned)
{
	return returned < 0 ? -errno : 0;
}

/* The path that is all of a body, and the place it names. */
static int get_place(struct agent *agent, struct request *rq,
                     struct place *place)
{
	int err = path_get(&rq->in, agent->path[0]);

	if (!wire_end(&rq->in))
		return -EBADMSG;
	return err ? err : place_find(agent, agent->path[0], place);
}

static int put_attr_of(struct agent *agent, struct request *rq,
                       const struct place *place)
{
	struct wire_attr attr;
	int err = attr_of(agent, place, &attr);

	if (!err)
		wire_put_attr(&rq->out, &attr);
	return err;
}

/* ---- looking ---- */

static int stat_place(struct agent *agent, struct request *rq,
                      const struct place *place)
{
	char target[WIRE_LINK_MAX];
	struct wire_attr attr;
	ssize_t len = 0;
	int err = attr_of(agent, place, &attr);

	if (err)
		return err;
	if (S_ISLNK(attr.mode))
		len = readlinkat(place->dir, place->name, target,
		                 sizeof(target));
	if (len < 0)
		return -errno;
	wire_put_attr(&rq->out, &attr);
	wire_put_data(&rq->out, target, (size_t)len);
	return 0;
}

int files_stat(struct agent *agent, struct request *rq)
{
	struct place place;
	int err = get_place(agent, rq, &place);

	if (err)
		return err;
	err = stat_place(agent, rq, &place);
	place_leave(&place);
	return err;
}

int files_getattr(struct agent *agent, struct request *rq)
{
	struct wire_attr attr;
	struct place place;
	struct node node;
	int err = node_get(agent, &rq->in, &node);

	if (!wire_end(&rq->in))
		return -EBADMSG;
	if (err)
		return err;
	if (!node.handle) {
		err = place_find(agent, node.path, &place);
		if (err)
			return err;
		err = put_attr_of(agent, rq, &place);
		place_leave(&place);
		return err;
	}
	err = attr_of_open(agent, node.handle->fd, &attr);
	if (!err)
		wire_put_attr(&rq->out, &attr);
	return err;
}

int files_statfs(struct agent *agent, struct request *rq)
{
	struct statfs fs;
	struct node node;
	int err = node_get(agent, &rq->in, &node);
	int fd;

	if (!wire_end(&rq->in))
		return -EBADMSG;
	if (err)
		return err;
	fd = node.handle ? node.handle->fd
	                 : path_open(agent, node.path, O_PATH);
	if (fd < 0)
		return fd;
	err = result(fstatfs(fd, &fs));
	if (!node.handle)
		close(fd);
	if (err)
		return err;
	wire_put_u64(&rq->out, fs.f_blocks);
	wire_put_u64(&rq->out, fs.f_bfree);
	wire_put_u64(&rq->out, fs.f_bavail);
	wire_put_u64(&rq->out, fs.f_files);
	wire_put_u64(&rq->out, fs.f_ffree);
	/* What the blocks are counted in, where it is told. */
	wire_put_u32(&rq->out,
	             (uint32_t)(fs.f_frsize ? fs.f_frsize : fs.f_bsize));
	wire_put_u32(&rq->out, (uint32_t)fs.f_namelen);
	return 0;
}

/* ---- making ---- */

struct making {
	uint32_t mode;
	uint32_t rdev;
	const char *target;
};

typedef int make_fn(const struct place *place, const struct making *m);

static int make_directory(const struct place *place, const struct making *m)
{
	return mkdirat(place->dir, place->name, m->mode & 07777);
}

static int make_node(const struct place *place, const struct making *m)
{
	return mknodat(place->dir, place->name, m->mode,
	               makedev(m->rdev >> 20, m->rdev & 0xfffff));
}

static int make_link(const struct place *place, const struct making *m)
{
	return symlinkat(m->target, place->dir, place->name);
}

static int make_at(struct agent *agent, struct request *rq,
                   const struct owner *owner, make_fn *make,
                   const struct making *m)
{
	struct place place;
	int err = place_find(agent, agent->path[0], &place);

	if (err)
		return err;
	err = *place.name ? identity_take(&agent->identity, owner, place.dir)
	                  : -EEXIST;
	if (!err) {
		own_name(agent, place.dir, place.name);
		err = result(make(&place, m));
		identity_drop(&agent->identity);
	}
	if (!err)
		err = put_attr_of(agent, rq, &place);
	place_leave(&place);
	return err;
}

int files_mkdir(struct agent *agent, struct request *rq)
{
	struct making m = { 0 };
	struct owner owner;
	int err = path_get(&rq->in, agent->path[0]);

	m.mode = wire_get_u32(&rq->in);
	identity_get(&rq->in, &owner);
	if (!wire_end(&rq->in))
		return -EBADMSG;
	return err ? err : make_at(agent, rq, &owner, make_directory, &m);
}

int files_mknod(struct agent *agent, struct request *rq)
{
	struct making m = { 0 };
	struct owner owner;
	int err = path_get(&rq->in, agent->path[0]);

	m.mode = wire_get_u32(&rq->in);
	m.rdev = wire_get_u32(&rq->in);
	identity_get(&rq->in, &owner);
	if (!wire_end(&rq->in))
		return -EBADMSG;
	return err ? err : make_at(agent, rq, &owner, make_node, &m);
}

int files_symlink(struct agent *agent, struct request *rq)
{
	char target[WIRE_LINK_MAX];
	struct making m = { .target = target };
	struct owner owner;
	int err = path_get(&rq->in, agent->path[0]);

	wire_get_text(&rq->in, target, sizeof(target));
	identity_get(&rq->in, &owner);
	if (!wire_end(&rq->in))
		return -EBADMSG;
	return err ? err : make_at(agent, rq, &owner, make_link, &m);
}

/* ---- names ---- */

static int link_to(struct agent *agent, const struct node *node,
                   const struct place *to)
{
	struct place from;
	int err;

	if (!*to->name)
		return -EEXIST;
	own_name(agent, to->dir, to->name);
	if (node->handle)
		return result(linkat(node->handle->fd, "", to->dir, to->name,
		                     AT_EMPTY_PATH));
	err = place_find(agent, node->path, &from);
	if (err)
		return err;
	err = *from.name ? result(linkat(from.dir, from.name, to->dir, to->name,
	                                 0))
	                 : -EPERM;
	place_leave(&from);
	return err;
}

int files_link(struct agent *agent, struct request *rq)
{
	struct place to;
	struct node node;
	int err = node_get(agent, &rq->in, &node);
	int bad = path_get(&rq->in, agent->path[1]);

	if (!wire_end(&rq->in))
		return -EBADMSG;
	if (err || bad)
		return err ? err : bad;
	err = place_find(agent, agent->path[1], &to);
	if (err)
		return err;
	err = link_to(agent, &node, &to);
	if (!err)
		err = put_attr_of(agent, rq, &to);
	place_leave(&to);
	return err;
}

static int remove_name(struct agent *agent, struct request *rq, int flags)
{
	struct place place;
	int err = get_place(agent, rq, &place);

	if (err)
		return err;
	if (!*place.name)
		err = flags ? -EBUSY : -EISDIR;
	if (!err) {
		own_name(agent, place.dir, place.name);
		err = result(unlinkat(place.dir, place.name, flags));
	}
	place_leave(&place);
	return err;
}

int files_unlink(struct agent *agent, struct request *rq)
{
	return remove_name(agent, rq, 0);
}

int files_rmdir(struct agent *agent, struct request *rq)
{
	return remove_name(agent, rq, AT_REMOVEDIR);
}

/* Not every libc has renameat2; not every kernel's file system takes flags. */
static int rename_to(const struct place *from, const struct place *to,
                     uint32_t flags)
{
	if (!*from->name || !*to->name)
		return -EBUSY;
	if (flags == 0)
		return result(
			renameat(from->dir, from->name, to->dir, to->name));
	return result((int)syscall(SYS_renameat2, from->dir, from->name,
	                           to->dir, to->name, flags));
}

int files_rename(struct agent *agent, struct request *rq)
{
	struct place from;
	struct place to;
	int err = path_get(&rq->in, agent->path[0]);
	int bad = path_get(&rq->in, agent->path[1]);
	uint32_t flags = wire_get_u32(&rq->in);
	unsigned n = flags & WIRE_RENAME_EXCHANGE ? 2 : 1;

	if (!wire_end(&rq->in))
		return -EBADMSG;
	if (flags & ~(WIRE_RENAME_NOREPLACE | WIRE_RENAME_EXCHANGE))
		return -EINVAL;
	if (err || bad)
		return err ? err : bad;
	err = place_find(agent, agent->path[0], &from);
	if (err)
		return err;
	err = place_find(agent, agent->path[1], &to);
	if (!err) {
		own_names(agent, from.dir, from.name, n);
		own_names(agent, to.dir, to.name, n);
		own_attrs(agent, &from);
		if (flags & WIRE_RENAME_EXCHANGE)
			own_attrs(agent, &to);
		err = rename_to(&from, &to, flags);
		place_leave(&to);
	}
	place_leave(&from);
	return err;
}

/* ---- attributes ---- */

struct setting {
	uint32_t set;
	uint32_t mode;
	uint32_t uid;
	uint32_t gid;
	uint64_t size;
	struct timespec times[2];
};

static struct timespec time_to_set(struct wire_in *in, bool set, bool now)
{
	struct wire_time t;

	wire_get_time(in, &t);
	return (struct timespec){
		.tv_sec = (time_t)t.sec,
		.tv_nsec = now   ? UTIME_NOW
		           : set ? (long)t.nsec
		                 : UTIME_OMIT,
	};
}

static void get_setting(struct wire_in *in, struct setting *s)
{
	s->set = wire_get_u32(in);
	s->mode = wire_get_u32(in) & 07777;
	s->uid = wire_get_u32(in);
	s->gid = wire_get_u32(in);
	s->size = wire_get_u64(in);
	s->times[0] = time_to_set(in, s->set & WIRE_SET_ATIME,
	                          s->set & WIRE_SET_ATIME_NOW);
	s->times[1] = time_to_set(in, s->set & WIRE_SET_MTIME,
	                          s->set & WIRE_SET_MTIME_NOW);
	if (!(s->set & WIRE_SET_UID))
		s->uid = UINT32_MAX; /* chown's "leave it" */
	if (!(s->set & WIRE_SET_GID))
		s->gid = UINT32_MAX;
}

static int set_size(const struct place *place, const struct handle *h,
                    uint64_t size)
{
	int fd;
	int err;

	if (size > INT64_MAX)
		return -EFBIG;
	if (h)
		return result(ftruncate(h->fd, (off_t)size));
	fd = place_open(place, O_WRONLY);
	if (fd < 0)
		return fd == -ENXIO || fd == -ELOOP ? -EINVAL : fd;
	err = result(ftruncate(fd, (off_t)size));
	close(fd);
	return err;
}

/* Without fchmodat2 there is no call that changes a mode and follows no link,
 * so the file is held by a descriptor and named through /proc. */
static int set_mode_by_proc(const struct place *place, mode_t mode)
{
	char name[32];
	struct stat st;
	int fd = openat(place->dir, *place->name ? place->name : ".",
	                O_PATH | O_NOFOLLOW | O_CLOEXEC);
	int err;

	if (fd < 0)
		return -errno;
	err = result(fstat(fd, &st));
	if (!err && S_ISLNK(st.st_mode))
		err = -EOPNOTSUPP;
	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	if (!err)
		err = result(chmod(name, mode));
	close(fd);
	return err;
}

static int set_mode(const struct place *place, const struct handle *h,
                    mode_t mode)
{
	if (h)
		return result(fchmod(h->fd, mode));
	if (syscall(SYS_fchmodat2, place->dir, place->name, mode,
	            AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) == 0)
		return 0;
	/* EPERM is what an old filter says to a new call. */
	if (errno != ENOSYS && errno != EPERM)
		return -errno;
	return set_mode_by_proc(place, mode);
}

static int set_owner(const struct place *place, const struct handle *h,
                     const struct setting *s)
{
	if (h)
		return result(fchown(h->fd, s->uid, s->gid));
	return result(fchownat(place->dir, place->name, s->uid, s->gid,
	                       AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH));
}

static int set_times(const struct place *place, const struct handle *h,
                     const struct setting *s)
{
	if (h)
		return result(futimens(h->fd, s->times));
	return result(utimensat(place->dir, *place->name ? place->name : ".",
	                        s->times, AT_SYMLINK_NOFOLLOW));
}

static int look(const struct place *place, const struct handle *h,
                struct stat *st)
{
	if (h)
		return result(fstat(h->fd, st));
	return result(fstatat(place->dir, place->name, st,
	                      AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH));
}

static int kill_suid(const struct place *place, const struct handle *h)
{
	struct stat st;
	int err = look(place, h, &st);

	if (err || !attr_set_ids(&st))
		return err;
	return set_mode(place, h, st.st_mode & 07777 & ~attr_set_ids(&st));
}

/* A mode that is asked for outlasts what clears set-id bits, so it comes after
 * it; the times come last since all the others change them. */
static int apply(const struct place *place, const struct handle *h,
                 const struct setting *s)
{
	int err = 0;

	if (s->set & WIRE_SET_SIZE)
		err = set_size(place, h, s->size);
	if (!err && s->set & (WIRE_SET_UID | WIRE_SET_GID))
		err = set_owner(place, h, s);
	if (!err && s->set & WIRE_SET_KILL_SUID)
		err = kill_suid(place, h);
	if (!err && s->set & WIRE_SET_MODE)
		err = set_mode(place, h, s->mode);
	if (!err && (s->times[0].tv_nsec != UTIME_OMIT ||
	             s->times[1].tv_nsec != UTIME_OMIT))
		err = set_times(place, h, s);
	return err;
}

static int set_open(struct agent *agent, struct request *rq,
                    const struct handle *h, const struct setting *s)
{
	struct wire_attr attr;
	int err;

	own_file(agent, h);
	err = apply(NULL, h, s);
	if (!err)
		err = attr_of_open(agent, h->fd, &attr);
	if (!err)
		wire_put_attr(&rq->out, &attr);
	return err;
}

int files_setattr(struct agent *agent, struct request *rq)
{
	struct setting s;
	struct place place;
	struct node node;
	int err = node_get(agent, &rq->in, &node);

	get_setting(&rq->in, &s);
	if (!wire_end(&rq->in))
		return -EBADMSG;
	if (err)
		return err;
	if (node.handle)
		return set_open(agent, rq, node.handle, &s);
	err = place_find(agent, node.path, &place);
	if (err)
		return err;
	own_attrs(agent, &place);
	err = apply(&place, NULL, &s);
	if (!err)
		err = put_attr_of(agent, rq, &place);
	place_leave(&place);
	return err;
}
