/*
 * kinds: what sort of file system a device number stands for.
 *
 * A file system that cannot be asked counts as ordinary.
 */
#include "ops/agent/kinds.h"

#include <fcntl.h>
#include <stddef.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { KINDS_TTL_MS = 2000 };

/* The magic numbers of <linux/magic.h> and of file systems outside of it. */
static const struct {
	uint32_t magic;
	unsigned kind;
} table[] = {
	{ 0x9fa0, KIND_VOLATILE },     /* proc */
	{ 0x62656572, KIND_VOLATILE }, /* sysfs */
	{ 0x27e0eb, KIND_VOLATILE },   /* cgroup */
	{ 0x63677270, KIND_VOLATILE }, /* cgroup2 */
	{ 0x64626720, KIND_VOLATILE }, /* debugfs */
	{ 0x74726163, KIND_VOLATILE }, /* tracefs */
	{ 0x73636673, KIND_VOLATILE }, /* securityfs */
	{ 0xcafe4a11, KIND_VOLATILE }, /* bpf */
	{ 0x62656570, KIND_VOLATILE }, /* configfs */
	{ 0x65735543, KIND_VOLATILE }, /* fusectl */
	{ 0xf97cff8c, KIND_VOLATILE }, /* selinuxfs */
	{ 0x43415d53, KIND_VOLATILE }, /* smackfs */
	{ 0xde5e81e4, KIND_VOLATILE }, /* efivarfs */
	{ 0x6165676c, KIND_VOLATILE }, /* pstore */
	{ 0x42494e4d, KIND_VOLATILE }, /* binfmt_misc */
	{ 0x6e736673, KIND_VOLATILE }, /* nsfs */
	{ 0x7655821, KIND_VOLATILE },  /* resctrl */
	{ 0x6969, KIND_REMOTE },       /* nfs */
	{ 0xff534d42, KIND_REMOTE },   /* cifs */
	{ 0xfe534d42, KIND_REMOTE },   /* smb2 */
	{ 0x517b, KIND_REMOTE },       /* smb */
	{ 0x1021997, KIND_REMOTE },    /* 9p */
	{ 0x65735546, KIND_REMOTE },   /* fuse, virtiofs */
	{ 0xc36400, KIND_REMOTE },     /* ceph */
	{ 0x5346414f, KIND_REMOTE },   /* afs */
	{ 0x786f4256, KIND_REMOTE },   /* vboxsf */
	{ 0xbacbacbc, KIND_REMOTE },   /* vmhgfs */
	{ 0x1161970, KIND_REMOTE },    /* gfs2 */
	{ 0x7461636f, KIND_REMOTE },   /* ocfs2 */
	{ 0xbd00bd0, KIND_REMOTE },    /* lustre */
};

static unsigned ask(int dir, const char *name)
{
	struct statfs fs;
	int fd = dir;
	int err;

	if (*name)
		fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return 0;
	err = fstatfs(fd, &fs);
	if (fd != dir)
		close(fd);
	for (size_t i = 0; !err && i < sizeof(table) / sizeof(*table); i++)
		if (table[i].magic == (uint32_t)fs.f_type)
			return table[i].kind;
	return 0;
}

unsigned kinds_get(struct kinds *kinds, dev_t dev, int dir, const char *name)
{
	size_t i = (size_t)(dev ^ (dev >> 8)) % KINDS_N;

	if (kinds->known[i].dev == dev &&
	    kinds->known[i].until_ms > kinds->now_ms)
		return kinds->known[i].kind;
	kinds->known[i].dev = dev;
	kinds->known[i].kind = ask(dir, name);
	kinds->known[i].until_ms = kinds->now_ms + KINDS_TTL_MS;
	return kinds->known[i].kind;
}
