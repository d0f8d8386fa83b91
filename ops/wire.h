/*
 * wire: the protocol between the daemon and the agent in a machine.
 *
 * Pure: it lays out and reads messages, for both ends, and does no I/O. It
 * depends on nothing but the C library, since the agent is made from it, too.
 * ops/agent/PROTOCOL says the same in prose.
 *
 * A message is a header of 16 bytes and a body:
 *
 *	u32 size	bytes of the body, at most WIRE_BODY_MAX
 *	u32 id		of the request; 0 for events
 *	u16 op		enum wire_op
 *	u16 flags	WIRE_REPLY, WIRE_MORE
 *	u32 err		of a reply: 0 or an errno of Linux
 *
 * Numbers are little-endian. Text and data are a u32 length and that many
 * bytes; names and paths have no NUL. A path is relative to the guest's root,
 * "" being the root itself.
 *
 * The daemon asks, the agent answers each request once, except those that say
 * "no reply". Requests are carried out in the order they come; slow ones may
 * be answered later than those behind them. A reply with WIRE_MORE is followed
 * by further replies with the same id.
 */
#ifndef ORBFS_OPS_WIRE_H
#define ORBFS_OPS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	WIRE_VERSION = 3,
	WIRE_HEADER = 16,
	WIRE_DATA_MAX = 1 << 20,               /* of one read or write */
	WIRE_BODY_MAX = WIRE_DATA_MAX + 65536, /* of any message */
	WIRE_NAME_MAX = 255,
	WIRE_PATH_MAX = 32768, /* deeper trees than one system call may name */
	WIRE_LINK_MAX = 4096,
	WIRE_XATTR_MAX = 65536,
	WIRE_ATTR = 100, /* bytes of an attr on the wire */
};

enum wire_flags { WIRE_REPLY = 1, WIRE_MORE = 2 };

/*
 * What is asked, and what is answered. "node" is a path and a handle: with a
 * handle other than 0 the open file is meant, whatever its path has become.
 * "owner" is u32 uid, u32 gid, u32 umask: a new file belongs to them, or for
 * WIRE_OWNER_PARENT to its directory's owner.
 */
enum wire_op {
	/* Events of the agent. */
	WIRE_HELLO = 1, /* u32 version, u32 features, text boot id */
	WIRE_CHANGED,   /* u64 watch, u32 change (WIRE_CHANGED_*), text name */
	WIRE_LOST,      /* events were lost: nothing that is watched is sure */
	/* u64 watch, text name, u64 new watch, text new name: a name became
	 * another one, in the place of what had that; or they were exchanged,
	 * and the same comes back at once. */
	WIRE_MOVED,

	/* path -> attr, text target (of a symbolic link, else "") */
	WIRE_STAT = 16,
	/* path, u64 watch, u32 most -> any number of replies, all but the last
	 * with WIRE_MORE: u32 n, n times (text name, attr, text target). The
	 * last reply: u32 n as above, attr of the directory, u8 complete, u8
	 * watched. watch 0: do not watch; most: entries after which it gives
	 * up (complete is 0 then). "." and ".." are left out. */
	WIRE_LIST,
	/* path -> text target, text resolved: where it leads as a path from the
	 * root without links in it, or "" when it leads nowhere */
	WIRE_READLINK,
	/* node, u32 flags (WIRE_O_*), u32 want -> u64 handle, attr, data: the
	 * file's beginning, up to want bytes, all of it if it is no longer;
	 * none of a file that is WIRE_ATTR_VOLATILE */
	WIRE_OPEN,
	/* path, u32 flags, u32 mode, owner -> u64 handle, attr */
	WIRE_CREATE,
	/* u64 handle; no reply */
	WIRE_CLOSE,
	/* u64 handle, u64 offset, u32 size -> data (shorter: the end) */
	WIRE_READ,
	/* u64 handle, u64 offset, u8 exact, data -> u32 written; exact: at
	 * the offset even if the handle appends */
	WIRE_WRITE,
	/* u64 handle, u8 data only -> */
	WIRE_FSYNC,
	/* node, u32 set (WIRE_SET_*), u32 mode, u32 uid, u32 gid, u64 size,
	 * time access, time modification -> attr */
	WIRE_SETATTR,
	/* node -> attr */
	WIRE_GETATTR,
	/* path, u32 mode, owner -> attr */
	WIRE_MKDIR,
	/* path, u32 mode, u32 rdev, owner -> attr */
	WIRE_MKNOD,
	/* path, text target, owner -> attr */
	WIRE_SYMLINK,
	/* node, path new -> attr */
	WIRE_LINK,
	/* path -> */
	WIRE_UNLINK,
	/* path -> */
	WIRE_RMDIR,
	/* path old, path new, u32 flags (WIRE_RENAME_*) -> */
	WIRE_RENAME,
	/* node -> u64 blocks, bfree, bavail, files, ffree, u32 bsize, namelen */
	WIRE_STATFS,
	/* node, text name, u32 size -> data; size 0: u32 size only */
	WIRE_GETXATTR,
	/* node, text name, data value, u32 flags (1 create, 2 replace) -> */
	WIRE_SETXATTR,
	/* node, u32 size -> data: names, each with a NUL; size 0: u32 size */
	WIRE_LISTXATTR,
	/* node, text name -> */
	WIRE_REMOVEXATTR,
	/* u64 handle, u32 mode, u64 offset, u64 length -> */
	WIRE_FALLOCATE,
	/* u64 handle, u64 offset, u32 whence (3 data, 4 hole) -> u64 offset */
	WIRE_SEEK,
	/* u64 from, u64 offset, u64 to, u64 offset, u64 length -> u64 copied */
	WIRE_COPY,
	/* u64 handle, u64 owner, u32 type (0 read, 1 write, 2 unlock), u64
	 * start, u64 end (inclusive), u8 wait -> ; a waiting one is answered
	 * when it has the lock, or with EINTR after a WIRE_CANCEL */
	WIRE_SETLK,
	/* the same without wait -> u32 type, u64 start, u64 end, u32 pid */
	WIRE_GETLK,
	/* u64 handle, u32 type (as above), u8 wait -> */
	WIRE_FLOCK,
	/* u64 handle, u64 owner: all its locks go; -> */
	WIRE_UNLOCK_OWNER,
	/* u32 id of a request that waits; no reply of its own */
	WIRE_CANCEL,
	/* u64 watch: stop watching; no reply */
	WIRE_UNWATCH,
	/* -> ; for the deadline of a silent agent */
	WIRE_PING,
	WIRE_N_OPS
};

/* As in Linux's <fcntl.h>, <sys/stat.h>, <linux/fs.h>, but fixed. */
enum wire_open {
	WIRE_O_READ = 1,
	WIRE_O_WRITE = 2,
	WIRE_O_APPEND = 4,
	WIRE_O_TRUNC = 8,
	WIRE_O_EXCL = 16,
	WIRE_O_SYNC = 32,
	WIRE_O_DIRECT = 64,
	WIRE_O_NOATIME = 128,
	/* With TRUNC: clear the set-id bits as a write by somebody else would. */
	WIRE_O_KILL_SUID = 256,
};
enum wire_set {
	WIRE_SET_MODE = 1,
	WIRE_SET_UID = 2,
	WIRE_SET_GID = 4,
	WIRE_SET_SIZE = 8,
	WIRE_SET_ATIME = 16,
	WIRE_SET_MTIME = 32,
	WIRE_SET_ATIME_NOW = 64,
	WIRE_SET_MTIME_NOW = 128,
	/* Clear the set-id bits as a write by somebody else would. */
	WIRE_SET_KILL_SUID = 256,
};
enum wire_rename { WIRE_RENAME_NOREPLACE = 1, WIRE_RENAME_EXCHANGE = 2 };
enum wire_changed {
	WIRE_CHANGED_NAME = 1,   /* the name came, went or is another file's */
	WIRE_CHANGED_FILE = 2,   /* data or attributes of what it names */
	WIRE_CHANGED_SELF = 4,   /* attributes of the directory itself */
	WIRE_CHANGED_GONE = 8,   /* the directory is gone, the watch as well */
	WIRE_CHANGED_PLACE = 16, /* the directory has another name */
};

#define WIRE_OWNER_PARENT UINT32_MAX

enum wire_attr_flags {
	WIRE_ATTR_XATTRS = 1, /* it has some, or nobody knows */
	WIRE_ATTR_VOLATILE =
		2, /* /proc and the like: size and data say little */
};

struct wire_time {
	int64_t sec;
	uint32_t nsec;
};

struct wire_attr {
	uint64_t dev;
	uint64_t ino;
	uint64_t size;
	uint64_t blocks; /* of 512 bytes */
	uint32_t mode;   /* as Linux has it, type included */
	uint32_t nlink;
	uint32_t uid;
	uint32_t gid;
	uint32_t rdev; /* major << 20 | minor */
	uint32_t blksize;
	uint32_t flags; /* WIRE_ATTR_* */
	uint32_t reserved;
	struct wire_time atime;
	struct wire_time mtime;
	struct wire_time ctime;
};

struct wire_header {
	uint32_t size;
	uint32_t id;
	uint16_t op;
	uint16_t flags;
	uint32_t err;
};

void wire_put_header(const struct wire_header *h, void *to);
/* false: no message has such a header, and the stream is of no use any more. */
bool wire_get_header(const void *from, struct wire_header *h);

/* A body under construction, in memory of the caller's. Once it has run over,
 * nothing more is put and `over` stays true. */
struct wire_out {
	unsigned char *data;
	size_t len;
	size_t size;
	bool over;
};

void wire_put_u8(struct wire_out *out, uint8_t n);
void wire_put_u32(struct wire_out *out, uint32_t n);
void wire_put_u64(struct wire_out *out, uint64_t n);
void wire_put_data(struct wire_out *out, const void *data, size_t len);
void wire_put_text(struct wire_out *out, const char *text);
void wire_put_time(struct wire_out *out, const struct wire_time *t);
void wire_put_attr(struct wire_out *out, const struct wire_attr *attr);

/* A body being read. Once something did not fit, everything reads as 0 or ""
 * and `bad` stays true, so that it is asked once, at the end. */
struct wire_in {
	const unsigned char *data;
	size_t len; /* what is left */
	bool bad;
};

uint8_t wire_get_u8(struct wire_in *in);
uint32_t wire_get_u32(struct wire_in *in);
uint64_t wire_get_u64(struct wire_in *in);
/* The bytes lie in the body. At most max of them, else bad. */
const void *wire_get_data(struct wire_in *in, size_t max, size_t *len);
/* Copies a text of less than `size` bytes and adds a NUL; one with a NUL in it
 * is bad. Returns its length. */
size_t wire_get_text(struct wire_in *in, char *to, size_t size);
void wire_get_time(struct wire_in *in, struct wire_time *t);
/* A nanosecond count beyond a second is bad. */
void wire_get_attr(struct wire_in *in, struct wire_attr *attr);
/* Was everything there, and nothing more? */
bool wire_end(const struct wire_in *in);

/* The err of a reply, a number of Linux, as an errno of this system. EIO stands
 * for what it has no name for. */
int wire_errno(uint32_t err);

/* A path that may be asked for: "" or names divided by single slashes, none of
 * them empty, "." or "..". */
bool wire_path_ok(const char *path);
/* A name that may be in a directory. */
bool wire_name_ok(const char *name, size_t len);

#endif
