/*
 * identity: as whom new files are made.
 *
 * The kernel has a user and a group of their own for file systems, per thread:
 * setfsuid and setfsgid. Leaving user 0 that way takes the capabilities away
 * that let root pass every permission, so they are put back at once; what is
 * left of the change is the owner of new files.
 */
#include "ops/agent/identity.h"

#include <errno.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* <linux/capability.h> is not there with every libc. */
struct caps_header {
	uint32_t version;
	int pid;
};
enum { CAPS_VERSION_3 = 0x20080522 };

void identity_init(struct identity *who)
{
	struct caps_header header = { .version = CAPS_VERSION_3 };

	memset(who, 0, sizeof(*who));
	who->uid = who->now_uid = geteuid();
	who->gid = who->now_gid = getegid();
	who->umask = 022;
	umask(022);
	(void)syscall(SYS_capget, &header, who->caps);
}

void identity_get(struct wire_in *in, struct owner *owner)
{
	owner->uid = wire_get_u32(in);
	owner->gid = wire_get_u32(in);
	owner->umask = wire_get_u32(in) & 0777;
}

/* Both calls return what was; an impossible id changes nothing and tells. */
static int become(struct identity *who, uid_t uid, gid_t gid)
{
	struct caps_header header = { .version = CAPS_VERSION_3 };

	setfsgid(gid);
	setfsuid(uid);
	who->now_uid = (uid_t)setfsuid((uid_t)-1);
	who->now_gid = (gid_t)setfsgid((gid_t)-1);
	if (uid != who->uid)
		(void)syscall(SYS_capset, &header, who->caps);
	return who->now_uid == uid && who->now_gid == gid ? 0 : -EINVAL;
}

int identity_take(struct identity *who, const struct owner *owner, int dir)
{
	uid_t uid = owner->uid;
	gid_t gid = owner->gid;
	struct stat st;
	int err;

	if (owner->uid == WIRE_OWNER_PARENT) {
		if (fstat(dir, &st) < 0)
			return -errno;
		uid = st.st_uid;
		gid = st.st_gid;
	}
	if (owner->umask != who->umask)
		umask(owner->umask);
	who->umask = owner->umask;
	if (uid == who->uid && gid == who->gid)
		return 0;
	err = become(who, uid, gid);
	if (err)
		identity_drop(who);
	return err;
}

void identity_drop(struct identity *who)
{
	int err = errno;

	if (who->now_uid != who->uid || who->now_gid != who->gid)
		(void)become(who, who->uid, who->gid);
	errno = err;
}
