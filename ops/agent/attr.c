/*
 * attr: the attributes of a file, as the protocol has them.
 *
 * Whether a file has extended attributes costs a system call more, and saves
 * the daemon a round trip for each of them. The calls for xattrs take a path
 * and no directory, and a path through /proc would need it mounted; so the
 * working directory is made the file's for as long as it takes. The threads
 * that carry out slow requests never use it.
 */
#include "ops/agent/attr.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static struct wire_time time_from(const struct timespec *ts)
{
	return (struct wire_time){ .sec = ts->tv_sec,
		                   .nsec = (uint32_t)ts->tv_nsec };
}

static void attr_from(const struct stat *st, unsigned kind,
                      struct wire_attr *to)
{
	*to = (struct wire_attr){
		.dev = st->st_dev,
		.ino = st->st_ino,
		.size = (uint64_t)st->st_size,
		.blocks = (uint64_t)st->st_blocks,
		.mode = st->st_mode,
		.nlink = (uint32_t)st->st_nlink,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.rdev = major(st->st_rdev) << 20 |
		        (minor(st->st_rdev) & 0xfffff),
		.blksize = (uint32_t)st->st_blksize,
		.flags = kind & KIND_VOLATILE ? WIRE_ATTR_VOLATILE : 0,
		.atime = time_from(&st->st_atim),
		.mtime = time_from(&st->st_mtim),
		.ctime = time_from(&st->st_ctim),
	};
}

/* What listing the xattrs said: none, not known here, or some. */
static uint32_t xattr_flag(ssize_t listed)
{
	if (listed == 0 || (listed < 0 && errno == EOPNOTSUPP))
		return 0;
	return WIRE_ATTR_XATTRS;
}

int attr_enter(const struct place *place)
{
	return fchdir(place->dir) < 0 ? -errno : 0;
}

void attr_leave(struct agent *agent)
{
	/* The root was there when we opened it, and root may enter it. */
	(void)fchdir(agent->root);
}

static int stat_place(struct agent *agent, const struct place *place,
                      struct wire_attr *to)
{
	struct stat st;

	if (fstatat(place->dir, place->name, &st,
	            AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) < 0)
		return -errno;
	attr_from(&st,
	          kinds_get(&agent->kinds, st.st_dev, place->dir, place->name),
	          to);
	return 0;
}

int attr_here(struct agent *agent, const struct place *place,
              struct wire_attr *to)
{
	int err = stat_place(agent, place, to);

	if (!err && !(to->flags & WIRE_ATTR_VOLATILE))
		to->flags |= xattr_flag(
			llistxattr(*place->name ? place->name : ".", NULL, 0));
	return err;
}

int attr_of(struct agent *agent, const struct place *place,
            struct wire_attr *to)
{
	int err = stat_place(agent, place, to);

	if (err || to->flags & WIRE_ATTR_VOLATILE)
		return err;
	if (attr_enter(place)) {
		to->flags |= WIRE_ATTR_XATTRS;
		return 0;
	}
	to->flags |= xattr_flag(
		llistxattr(*place->name ? place->name : ".", NULL, 0));
	attr_leave(agent);
	return 0;
}

int attr_of_open(struct agent *agent, int fd, struct wire_attr *to)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	attr_from(&st, kinds_get(&agent->kinds, st.st_dev, fd, ""), to);
	if (!(to->flags & WIRE_ATTR_VOLATILE))
		to->flags |= xattr_flag(flistxattr(fd, NULL, 0));
	return 0;
}

mode_t attr_set_ids(const struct stat *st)
{
	mode_t drop = S_ISUID;

	if (!S_ISREG(st->st_mode))
		return 0;
	if (st->st_mode & S_IXGRP)
		drop |= S_ISGID;
	return st->st_mode & drop;
}
