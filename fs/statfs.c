/*
 * statfs: ask a guest how much room it has, or make an answer up.
 *
 * Owns nothing. What is made up is believable: file managers ask before each
 * copy, and some refuse to write to a volume without room.
 */
#include "fs/statfs.h"

#include <errno.h>
#include <limits.h>

#include "fs/call.h"
#include "fs/files.h"
#include "fs/fs.h"

/* As many as can be counted: on macOS, in 32 bits. */
static fsfilcnt_t inodes(uint64_t n)
{
	uint64_t most = (fsfilcnt_t)-1;

	return (fsfilcnt_t)(n < most ? n : most);
}

static void on_statfs(void *arg, int err, const struct guest_reply *reply,
                      bool more)
{
	struct request *rq = arg;
	struct statvfs st = { 0 };
	unsigned shift = 0;

	(void)more;
	if (err) {
		call_fail(rq, err);
		return;
	}
	/* Those of a disk that is too large to be counted are larger. */
	while (reply->fs.blocks >> shift > (fsblkcnt_t)-1)
		shift++;
	st.f_bsize = reply->fs.bsize;
	st.f_frsize = (unsigned long)reply->fs.bsize << shift;
	st.f_blocks = (fsblkcnt_t)(reply->fs.blocks >> shift);
	st.f_bfree = (fsblkcnt_t)(reply->fs.bfree >> shift);
	st.f_bavail = (fsblkcnt_t)(reply->fs.bavail >> shift);
	st.f_files = inodes(reply->fs.files);
	st.f_ffree = inodes(reply->fs.ffree);
	st.f_favail = st.f_ffree;
	st.f_namemax = reply->fs.namelen;
	request_reply_statfs(rq, &st);
}

static void ask_statfs(struct request *rq)
{
	rq->call.op = WIRE_STATFS;
	if (call_node_path(rq))
		call_send(rq, on_statfs);
}

/* Has nobody looked into this files/ for a while, so that no guest serves it?
 */
static bool is_asleep(const struct node *node)
{
	return file_is_root(node->file) && !guest_is_up(files_of(node)->guest);
}

/* An eject asks, too, and must not wait for a machine. Windows ask for each
 * directory that they show, which is no reason to start a guest. */
static bool may_wait(const struct fs *fs, const struct node *node)
{
	return !fs->spec.finder && node && node->file && !is_asleep(node);
}

void statfs_statfs(fuse_req_t fuse, fuse_ino_t ino)
{
	/* 32-bit counts everywhere. */
	static const struct statvfs believable = {
		.f_bsize = 4096,
		.f_frsize = 4096,
		.f_blocks = 1u << 28,
		.f_bfree = 1u << 27,
		.f_bavail = 1u << 27,
		.f_files = 1u << 20,
		.f_ffree = 1u << 19,
		.f_favail = 1u << 19,
		.f_namemax = NAME_MAX,
	};
	struct fs *fs = fuse_req_userdata(fuse);
	struct node *node = nodes_find(fs->nodes, ino);
	struct request *rq;

	if (!may_wait(fs, node)) {
		fuse_reply_statfs(fuse, &believable);
		return;
	}
	rq = request_new(fs, fuse, node);
	if (rq)
		call_begin(rq, ask_statfs);
}
