/*
 * kernel: a pretend kernel for tests of everything above the session.
 *
 * Owns one end of a pair of sockets and a record of every request ever sent.
 * Ids are even numbers in a row, as the kernel's are, so that the record is an
 * array. Replies are fetched whenever somebody asks for one: after each round
 * of the loop, which serves a bounded number of requests, so that the socket
 * never has to hold more than that.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>
#include <fuse_lowlevel.h>

#include "mount/session.h"
#include "tests/kernel.h"
#include "tests/loop.h"

enum {
	SOCKET_BYTES = 32 << 20,
	BIG_BYTES = 4 << 20, /* enough for messages of 1 MiB */
	REPLY_MAX = 2 << 20,
	PAGE_BYTES = 4096, /* of a directory listing */
	READ_BYTES = 128 << 10,
	/* The protocol of Linux 5.18, before flags had a second half; without
	 * FUSE_NO_OPENDIR_SUPPORT, so that opens of directories are asked for. */
	MINOR = 35,
	INIT_FLAGS = FUSE_ASYNC_READ | FUSE_POSIX_LOCKS | FUSE_ATOMIC_O_TRUNC |
	             FUSE_EXPORT_SUPPORT | FUSE_BIG_WRITES | FUSE_DONT_MASK |
	             FUSE_FLOCK_LOCKS | FUSE_HAS_IOCTL_DIR |
	             FUSE_AUTO_INVAL_DATA | FUSE_DO_READDIRPLUS |
	             FUSE_READDIRPLUS_AUTO | FUSE_ASYNC_DIO |
	             FUSE_WRITEBACK_CACHE | FUSE_PARALLEL_DIROPS |
	             FUSE_HANDLE_KILLPRIV | FUSE_ABORT_ERROR |
	             FUSE_CACHE_SYMLINKS | FUSE_EXPLICIT_INVAL_DATA,
};

enum state {
	STATE_SENT,     /* no reply so far */
	STATE_ANSWERED, /* the reply is here */
	STATE_TAKEN,    /* and was given away */
	STATE_SILENT,   /* there must be none */
};

struct record {
	uint32_t opcode;
	enum state state;
	int err;
	void *data; /* owned */
	size_t len;
};

struct kernel {
	uv_loop_t *loop;
	int fd;       /* ours, or -1 */
	int other_fd; /* the session's, until it is taken, or -1 */
	uid_t uid;
	gid_t gid;
	pid_t pid;
	bool raw; /* kernel_send_raw was used */
	bool big; /* the sockets take messages of 1 MiB */
	bool hung_up;
	struct record *records;
	size_t n_records;
	unsigned n_interrupts; /* of which nothing was heard */
	void *taken;           /* the data that kernel_wait gave last */
	char *buf;             /* REPLY_MAX */
	struct kernel_notice *notices;
	size_t n_notices;

	/* Of kernel_start. */
	struct fuse_args args;
	struct session *session;
	bool ended;
	bool closed;
};

/* ---- replies ------------------------------------------------------------- */

static struct record *record_of(struct kernel *k, uint64_t id)
{
	if (id % 2 || !id || id / 2 > k->n_records)
		return NULL;
	return &k->records[id / 2 - 1];
}

static void on_notice(struct kernel *k, int code, const char *body, size_t len)
{
	struct kernel_notice *n;
	const struct fuse_notify_inval_inode_out *inode = (const void *)body;
	const struct fuse_notify_inval_entry_out *entry = (const void *)body;
	const struct fuse_notify_delete_out *gone = (const void *)body;
	const struct fuse_notify_poll_wakeup_out *wake = (const void *)body;

	k->notices =
		realloc(k->notices, (k->n_notices + 1) * sizeof(*k->notices));
	assert_non_null(k->notices);
	n = &k->notices[k->n_notices++];
	memset(n, 0, sizeof(*n));
	n->code = code;
	switch (code) {
	case FUSE_NOTIFY_INVAL_INODE:
		assert_int_equal(len, sizeof(*inode));
		n->ino = inode->ino;
		return;
	case FUSE_NOTIFY_INVAL_ENTRY:
		assert_true(len > sizeof(*entry));
		assert_int_equal(len, sizeof(*entry) + entry->namelen + 1);
		assert_true(entry->namelen < sizeof(n->name));
		n->ino = entry->parent;
		memcpy(n->name, entry + 1, entry->namelen);
		return;
	case FUSE_NOTIFY_DELETE:
		assert_true(len > sizeof(*gone));
		assert_int_equal(len, sizeof(*gone) + gone->namelen + 1);
		assert_true(gone->namelen < sizeof(n->name));
		n->ino = gone->parent;
		n->child = gone->child;
		memcpy(n->name, gone + 1, gone->namelen);
		return;
	case FUSE_NOTIFY_POLL:
		assert_int_equal(len, sizeof(*wake));
		n->kh = wake->kh;
		return;
	default:
		fail_msg("a notification of kind %d", code);
	}
}

/* The only answer that an interrupt gets is "I know no such request yet". */
static void on_interrupt_reply(struct kernel *k, uint64_t id, int err)
{
	assert_int_equal(err, -EAGAIN);
	if (k->n_interrupts)
		k->n_interrupts--;
	kernel_send_interrupt(k, id);
}

static void on_reply(struct kernel *k, const struct fuse_out_header *out,
                     size_t len)
{
	const char *body = (const char *)(out + 1);
	struct record *r = record_of(k, out->unique);

	if (k->raw && (!r || r->state != STATE_SENT))
		return;
	if (!out->unique) {
		on_notice(k, out->error, body, len);
		return;
	}
	if (out->unique % 2 && record_of(k, out->unique - 1)) {
		on_interrupt_reply(k, out->unique - 1, out->error);
		return;
	}
	if (!r)
		fail_msg("a reply to %llu, which was never sent",
		         (unsigned long long)out->unique);
	if (r->state != STATE_SENT)
		fail_msg("%s reply to request %llu, opcode %u",
		         r->state == STATE_SILENT ? "a" : "a second",
		         (unsigned long long)out->unique, r->opcode);
	assert_true(out->error <= 0 && out->error > -1000);
	if (out->error)
		assert_int_equal(len, 0);
	r->data = malloc(len + 1);
	assert_non_null(r->data);
	memcpy(r->data, body, len);
	((char *)r->data)[len] = '\0';
	r->len = len;
	r->err = out->error;
	r->state = STATE_ANSWERED;
}

/* Fetch what has come. */
static void drain(struct kernel *k)
{
	struct fuse_out_header *out = (void *)k->buf;
	ssize_t n;

	while (k->fd >= 0) {
		n = recv(k->fd, k->buf, REPLY_MAX, MSG_DONTWAIT | MSG_TRUNC);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		assert_true(n <= REPLY_MAX);
		assert_true((size_t)n >= sizeof(*out));
		assert_int_equal(out->len, n);
		on_reply(k, out, (size_t)n - sizeof(*out));
	}
}

bool kernel_answered(struct kernel *k, uint64_t id)
{
	struct record *r = record_of(k, id);

	assert_non_null(r);
	if (r->state == STATE_SENT) {
		drain(k);
		r = record_of(k, id);
	}
	return r->state != STATE_SENT;
}

unsigned kernel_n_unanswered(struct kernel *k)
{
	unsigned n = 0;
	size_t i;

	drain(k);
	for (i = 0; i < k->n_records; i++)
		n += k->records[i].state == STATE_SENT;
	return n;
}

struct wanted {
	struct kernel *k;
	uint64_t id;
	size_t n;
	uint64_t end; /* in the loop's nanoseconds */
};

static bool is_answered(void *arg)
{
	struct wanted *w = arg;

	return kernel_answered(w->k, w->id);
}

int kernel_wait(struct kernel *k, uint64_t id, const void **data, size_t *len,
                unsigned ms)
{
	struct wanted w = { .k = k, .id = id };
	struct record *r;

	loop_run_until_true(k->loop, is_answered, &w, ms);
	r = record_of(k, id);
	if (r->state != STATE_ANSWERED)
		fail_msg("the reply to %llu was taken already",
		         (unsigned long long)id);
	r->state = STATE_TAKEN;
	free(k->taken);
	k->taken = r->data;
	r->data = NULL;
	if (data)
		*data = k->taken;
	if (len)
		*len = r->len;
	return r->err;
}

int kernel_wait_done(struct kernel *k, uint64_t id)
{
	size_t len;
	int err = kernel_wait(k, id, NULL, &len, KERNEL_MS);

	assert_int_equal(len, 0);
	return err;
}

/* A reply that has one struct, which goes to out (may be NULL). */
static int wait_for(struct kernel *k, uint64_t id, void *out, size_t size)
{
	const void *data;
	size_t len;
	int err = kernel_wait(k, id, &data, &len, KERNEL_MS);

	if (err)
		return err;
	assert_int_equal(len, size);
	if (out)
		memcpy(out, data, size);
	return 0;
}

/* ---- requests ------------------------------------------------------------ */

void kernel_as(struct kernel *k, uid_t uid, gid_t gid, pid_t pid)
{
	k->uid = uid;
	k->gid = gid;
	k->pid = pid;
}

static bool is_writable(void *arg)
{
	struct kernel *k = arg;
	struct pollfd p = { .fd = k->fd, .events = POLLOUT };

	drain(k);
	return poll(&p, 1, 0) > 0;
}

static void send_message(struct kernel *k, struct iovec *iov, size_t n)
{
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = n };

	assert_true(k->fd >= 0);
	while (sendmsg(k->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return; /* the session has ended, as it may */
		loop_run_until_true(k->loop, is_writable, k, KERNEL_MS);
	}
}

void kernel_send_raw(struct kernel *k, const void *bytes, size_t len)
{
	struct iovec iov = { .iov_base = (void *)bytes, .iov_len = len };

	k->raw = true;
	send_message(k, &iov, 1);
}

static struct record *record_new(struct kernel *k)
{
	/* Grown by doubling, at each power of two. */
	if (!(k->n_records & (k->n_records - 1))) {
		size_t n = k->n_records ? 2 * k->n_records : 1;

		k->records = realloc(k->records, n * sizeof(*k->records));
		assert_non_null(k->records);
	}
	return memset(&k->records[k->n_records++], 0, sizeof(*k->records));
}

/* A request whose body is in up to three pieces. */
static uint64_t send_pieces(struct kernel *k, uint32_t opcode, uint64_t node,
                            const struct iovec pieces[3])
{
	struct fuse_in_header in = {
		.opcode = opcode,
		.nodeid = node,
		.uid = k->uid,
		.gid = k->gid,
		.pid = (uint32_t)k->pid,
		.len = sizeof(in),
	};
	struct iovec iov[4] = { { .iov_base = &in, .iov_len = sizeof(in) } };
	size_t i;

	for (i = 0; i < 3; i++) {
		iov[i + 1] = pieces[i];
		in.len += (uint32_t)pieces[i].iov_len;
	}
	record_new(k)->opcode = opcode;
	in.unique = 2 * k->n_records;
	send_message(k, iov, 4);
	return in.unique;
}

uint64_t kernel_send(struct kernel *k, uint32_t opcode, uint64_t node,
                     const void *body, size_t len)
{
	struct iovec pieces[3] = {
		{ .iov_base = (void *)body, .iov_len = len },
	};

	return send_pieces(k, opcode, node, pieces);
}

/* A request with a struct (len may be 0) and one or two names. */
static uint64_t send_names(struct kernel *k, uint32_t opcode, uint64_t node,
                           const struct iovec *in, const char *name,
                           const char *other)
{
	struct iovec pieces[3] = {
		*in,
		{ .iov_base = (void *)name, .iov_len = strlen(name) + 1 },
	};

	if (other) {
		pieces[2].iov_base = (void *)other;
		pieces[2].iov_len = strlen(other) + 1;
	}
	return send_pieces(k, opcode, node, pieces);
}

#define PIECE(object)                                                          \
	(&(struct iovec){ .iov_base = &(object), .iov_len = sizeof(object) })
#define NO_PIECE (&(struct iovec){ .iov_len = 0 })

uint64_t kernel_send_lookup(struct kernel *k, uint64_t parent, const char *name)
{
	return send_names(k, FUSE_LOOKUP, parent, NO_PIECE, name, NULL);
}

void kernel_send_forget(struct kernel *k, uint64_t node, uint64_t n)
{
	struct fuse_forget_in in = { .nlookup = n };
	uint64_t id = kernel_send(k, FUSE_FORGET, node, &in, sizeof(in));

	record_of(k, id)->state = STATE_SILENT;
}

void kernel_send_batch_forget(struct kernel *k,
                              const struct fuse_forget_one *forgets, uint32_t n)
{
	struct fuse_batch_forget_in in = { .count = n };
	struct iovec pieces[3] = {
		{ .iov_base = &in, .iov_len = sizeof(in) },
		{ .iov_base = (void *)forgets,
		  .iov_len = n * sizeof(*forgets) },
	};
	uint64_t id = send_pieces(k, FUSE_BATCH_FORGET, 0, pieces);

	record_of(k, id)->state = STATE_SILENT;
}

uint64_t kernel_send_getattr(struct kernel *k, uint64_t node)
{
	struct fuse_getattr_in in = { 0 };

	return kernel_send(k, FUSE_GETATTR, node, &in, sizeof(in));
}

uint64_t kernel_send_setattr(struct kernel *k, uint64_t node,
                             const struct fuse_setattr_in *in)
{
	return kernel_send(k, FUSE_SETATTR, node, in, sizeof(*in));
}

uint64_t kernel_send_open(struct kernel *k, uint64_t node, int flags)
{
	struct fuse_open_in in = { .flags = (uint32_t)flags };

	return kernel_send(k, FUSE_OPEN, node, &in, sizeof(in));
}

static uint64_t send_read(struct kernel *k, uint32_t opcode, uint64_t node,
                          struct fuse_read_in in)
{
	return kernel_send(k, opcode, node, &in, sizeof(in));
}

uint64_t kernel_send_read(struct kernel *k, uint64_t node, uint64_t fh,
                          uint64_t off, uint32_t size)
{
	struct fuse_read_in in = { .fh = fh, .offset = off, .size = size };

	return send_read(k, FUSE_READ, node, in);
}

uint64_t kernel_send_readdir(struct kernel *k, uint64_t node, uint64_t fh,
                             uint64_t off, uint32_t size)
{
	struct fuse_read_in in = { .fh = fh, .offset = off, .size = size };

	return send_read(k, FUSE_READDIR, node, in);
}

uint64_t kernel_send_readdirplus(struct kernel *k, uint64_t node, uint64_t fh,
                                 uint64_t off, uint32_t size)
{
	struct fuse_read_in in = { .fh = fh, .offset = off, .size = size };

	return send_read(k, FUSE_READDIRPLUS, node, in);
}

uint64_t kernel_send_write(struct kernel *k, uint64_t node, uint64_t fh,
                           uint64_t off, const void *data, size_t len)
{
	struct fuse_write_in in = { .fh = fh,
		                    .offset = off,
		                    .size = (uint32_t)len };
	struct iovec pieces[3] = {
		{ .iov_base = &in, .iov_len = sizeof(in) },
		{ .iov_base = (void *)data, .iov_len = len },
	};

	return send_pieces(k, FUSE_WRITE, node, pieces);
}

uint64_t kernel_send_flush(struct kernel *k, uint64_t node, uint64_t fh)
{
	struct fuse_flush_in in = { .fh = fh };

	return kernel_send(k, FUSE_FLUSH, node, &in, sizeof(in));
}

uint64_t kernel_send_fsync(struct kernel *k, uint64_t node, uint64_t fh)
{
	struct fuse_fsync_in in = { .fh = fh };

	return kernel_send(k, FUSE_FSYNC, node, &in, sizeof(in));
}

uint64_t kernel_send_release(struct kernel *k, uint64_t node, uint64_t fh,
                             int flags)
{
	struct fuse_release_in in = { .fh = fh, .flags = (uint32_t)flags };

	return kernel_send(k, FUSE_RELEASE, node, &in, sizeof(in));
}

uint64_t kernel_send_opendir(struct kernel *k, uint64_t node)
{
	struct fuse_open_in in = { .flags = O_RDONLY | O_DIRECTORY };

	return kernel_send(k, FUSE_OPENDIR, node, &in, sizeof(in));
}

uint64_t kernel_send_releasedir(struct kernel *k, uint64_t node, uint64_t fh)
{
	struct fuse_release_in in = { .fh = fh,
		                      .flags = O_RDONLY | O_DIRECTORY };

	return kernel_send(k, FUSE_RELEASEDIR, node, &in, sizeof(in));
}

uint64_t kernel_send_mkdir(struct kernel *k, uint64_t parent, const char *name,
                           mode_t mode)
{
	struct fuse_mkdir_in in = { .mode = mode, .umask = 022 };

	return send_names(k, FUSE_MKDIR, parent, PIECE(in), name, NULL);
}

uint64_t kernel_send_rmdir(struct kernel *k, uint64_t parent, const char *name)
{
	return send_names(k, FUSE_RMDIR, parent, NO_PIECE, name, NULL);
}

uint64_t kernel_send_unlink(struct kernel *k, uint64_t parent, const char *name)
{
	return send_names(k, FUSE_UNLINK, parent, NO_PIECE, name, NULL);
}

uint64_t kernel_send_rename(struct kernel *k, uint64_t parent, const char *name,
                            uint64_t new_parent, const char *new_name,
                            uint32_t flags)
{
	struct fuse_rename2_in in = { .newdir = new_parent, .flags = flags };

	return send_names(k, FUSE_RENAME2, parent, PIECE(in), name, new_name);
}

uint64_t kernel_send_create(struct kernel *k, uint64_t parent, const char *name,
                            mode_t mode, int flags)
{
	struct fuse_create_in in = { .flags = (uint32_t)flags | O_CREAT,
		                     .mode = mode | S_IFREG,
		                     .umask = 022 };

	return send_names(k, FUSE_CREATE, parent, PIECE(in), name, NULL);
}

uint64_t kernel_send_mknod(struct kernel *k, uint64_t parent, const char *name,
                           mode_t mode, uint32_t rdev)
{
	struct fuse_mknod_in in = { .mode = mode, .rdev = rdev, .umask = 022 };

	return send_names(k, FUSE_MKNOD, parent, PIECE(in), name, NULL);
}

uint64_t kernel_send_symlink(struct kernel *k, uint64_t parent,
                             const char *name, const char *target)
{
	return send_names(k, FUSE_SYMLINK, parent, NO_PIECE, name, target);
}

uint64_t kernel_send_readlink(struct kernel *k, uint64_t node)
{
	return kernel_send(k, FUSE_READLINK, node, NULL, 0);
}

uint64_t kernel_send_statfs(struct kernel *k, uint64_t node)
{
	return kernel_send(k, FUSE_STATFS, node, NULL, 0);
}

uint64_t kernel_send_access(struct kernel *k, uint64_t node, uint32_t mask)
{
	struct fuse_access_in in = { .mask = mask };

	return kernel_send(k, FUSE_ACCESS, node, &in, sizeof(in));
}

uint64_t kernel_send_poll(struct kernel *k, uint64_t node, uint64_t fh,
                          uint32_t events, uint64_t kh)
{
	struct fuse_poll_in in = { .fh = fh,
		                   .kh = kh,
		                   .flags = FUSE_POLL_SCHEDULE_NOTIFY,
		                   .events = events };

	return kernel_send(k, FUSE_POLL, node, &in, sizeof(in));
}

uint64_t kernel_send_destroy(struct kernel *k)
{
	return kernel_send(k, FUSE_DESTROY, 0, NULL, 0);
}

void kernel_send_interrupt(struct kernel *k, uint64_t id)
{
	struct fuse_interrupt_in body = { .unique = id };
	struct fuse_in_header in = { .opcode = FUSE_INTERRUPT,
		                     .unique = id | 1,
		                     .len = sizeof(in) + sizeof(body) };
	struct iovec iov[2] = {
		{ .iov_base = &in, .iov_len = sizeof(in) },
		{ .iov_base = &body, .iov_len = sizeof(body) },
	};

	if (kernel_answered(k, id))
		return;
	k->n_interrupts++;
	send_message(k, iov, 2);
}

/* ---- requests with their replies ----------------------------------------- */

static int wait_entry(struct kernel *k, uint64_t id,
                      struct fuse_entry_out *entry)
{
	struct fuse_entry_out out;
	int err = wait_for(k, id, &out, sizeof(out));

	if (!err && entry)
		*entry = out;
	return !err && !out.nodeid ? -ENOENT : err;
}

int kernel_lookup(struct kernel *k, uint64_t parent, const char *name,
                  struct fuse_entry_out *entry)
{
	return wait_entry(k, kernel_send_lookup(k, parent, name), entry);
}

int kernel_walk(struct kernel *k, const char *path,
                struct fuse_entry_out *entry)
{
	char *copy = strdup(path), *rest = NULL, *name;
	struct fuse_entry_out at = { .nodeid = KERNEL_ROOT };
	int err = 0;

	assert_non_null(copy);
	for (name = strtok_r(copy, "/", &rest); name && !err;
	     name = strtok_r(NULL, "/", &rest))
		err = kernel_lookup(k, at.nodeid, name, &at);
	free(copy);
	*entry = at;
	return err;
}

int kernel_getattr(struct kernel *k, uint64_t node, struct fuse_attr *attr)
{
	struct fuse_attr_out out;
	int err = wait_for(k, kernel_send_getattr(k, node), &out, sizeof(out));

	if (!err && attr)
		*attr = out.attr;
	return err;
}

int kernel_setattr(struct kernel *k, uint64_t node,
                   const struct fuse_setattr_in *in, struct fuse_attr *attr)
{
	uint64_t id = kernel_send_setattr(k, node, in);
	struct fuse_attr_out out;
	int err = wait_for(k, id, &out, sizeof(out));

	if (!err && attr)
		*attr = out.attr;
	return err;
}

int kernel_open(struct kernel *k, uint64_t node, int flags,
                struct fuse_open_out *open)
{
	return wait_for(k, kernel_send_open(k, node, flags), open,
	                sizeof(*open));
}

ssize_t kernel_read(struct kernel *k, uint64_t node, uint64_t fh, uint64_t off,
                    void *data, size_t size)
{
	uint64_t id = kernel_send_read(k, node, fh, off, (uint32_t)size);
	const void *bytes;
	size_t len;
	int err = kernel_wait(k, id, &bytes, &len, KERNEL_MS);

	if (err)
		return err;
	assert_true(len <= size);
	memcpy(data, bytes, len);
	return (ssize_t)len;
}

ssize_t kernel_write(struct kernel *k, uint64_t node, uint64_t fh, uint64_t off,
                     const void *data, size_t len)
{
	uint64_t id = kernel_send_write(k, node, fh, off, data, len);
	struct fuse_write_out out;
	int err = wait_for(k, id, &out, sizeof(out));

	if (err)
		return err;
	assert_true(out.size <= len);
	return (ssize_t)out.size;
}

int kernel_flush(struct kernel *k, uint64_t node, uint64_t fh)
{
	return kernel_wait_done(k, kernel_send_flush(k, node, fh));
}

int kernel_fsync(struct kernel *k, uint64_t node, uint64_t fh)
{
	return kernel_wait_done(k, kernel_send_fsync(k, node, fh));
}

int kernel_release(struct kernel *k, uint64_t node, uint64_t fh, int flags)
{
	return kernel_wait_done(k, kernel_send_release(k, node, fh, flags));
}

int kernel_opendir(struct kernel *k, uint64_t node, struct fuse_open_out *open)
{
	return wait_for(k, kernel_send_opendir(k, node), open, sizeof(*open));
}

int kernel_releasedir(struct kernel *k, uint64_t node, uint64_t fh)
{
	return kernel_wait_done(k, kernel_send_releasedir(k, node, fh));
}

int kernel_mkdir(struct kernel *k, uint64_t parent, const char *name,
                 struct fuse_entry_out *entry)
{
	return wait_entry(k, kernel_send_mkdir(k, parent, name, 0755), entry);
}

int kernel_rmdir(struct kernel *k, uint64_t parent, const char *name)
{
	return kernel_wait_done(k, kernel_send_rmdir(k, parent, name));
}

int kernel_unlink(struct kernel *k, uint64_t parent, const char *name)
{
	return kernel_wait_done(k, kernel_send_unlink(k, parent, name));
}

int kernel_rename(struct kernel *k, uint64_t parent, const char *name,
                  uint64_t new_parent, const char *new_name, uint32_t flags)
{
	return kernel_wait_done(k,
	                        kernel_send_rename(k, parent, name, new_parent,
	                                           new_name, flags));
}

int kernel_create(struct kernel *k, uint64_t parent, const char *name,
                  mode_t mode, int flags, struct fuse_entry_out *entry,
                  struct fuse_open_out *open)
{
	uint64_t id = kernel_send_create(k, parent, name, mode, flags);
	struct {
		struct fuse_entry_out entry;
		struct fuse_open_out open;
	} out;
	int err = wait_for(k, id, &out, sizeof(out));

	if (err)
		return err;
	*entry = out.entry;
	*open = out.open;
	return 0;
}

int kernel_mknod(struct kernel *k, uint64_t parent, const char *name,
                 mode_t mode, struct fuse_entry_out *entry)
{
	return wait_entry(k, kernel_send_mknod(k, parent, name, mode, 0),
	                  entry);
}

int kernel_symlink(struct kernel *k, uint64_t parent, const char *name,
                   const char *target, struct fuse_entry_out *entry)
{
	return wait_entry(k, kernel_send_symlink(k, parent, name, target),
	                  entry);
}

int kernel_statfs(struct kernel *k, uint64_t node, struct fuse_kstatfs *st)
{
	struct fuse_statfs_out out;
	int err = wait_for(k, kernel_send_statfs(k, node), &out, sizeof(out));

	if (!err && st)
		*st = out.st;
	return err;
}

int kernel_access(struct kernel *k, uint64_t node, uint32_t mask)
{
	return kernel_wait_done(k, kernel_send_access(k, node, mask));
}

int kernel_poll(struct kernel *k, uint64_t node, uint64_t fh, uint32_t events,
                uint64_t kh, uint32_t *revents)
{
	uint64_t id = kernel_send_poll(k, node, fh, events, kh);
	struct fuse_poll_out out;
	int err = wait_for(k, id, &out, sizeof(out));

	if (!err)
		*revents = out.revents;
	return err;
}

/* ---- what programs do ---------------------------------------------------- */

int kernel_cat(struct kernel *k, uint64_t node, char **text)
{
	struct fuse_open_out open;
	size_t len = 0;
	ssize_t n;
	int err = kernel_open(k, node, O_RDONLY, &open);

	*text = NULL;
	if (err)
		return err;
	do {
		*text = realloc(*text, len + READ_BYTES + 1);
		assert_non_null(*text);
		n = kernel_read(k, node, open.fh, len, *text + len, READ_BYTES);
		if (n > 0)
			len += (size_t)n;
	} while (n > 0);
	(*text)[len] = '\0';
	kernel_flush(k, node, open.fh);
	kernel_release(k, node, open.fh, O_RDONLY);
	if (n < 0) {
		free(*text);
		*text = NULL;
	}
	return (int)n;
}

int kernel_echo(struct kernel *k, uint64_t node, const char *text)
{
	const int flags = O_WRONLY | O_TRUNC;
	struct fuse_open_out open;
	ssize_t n;
	int err = kernel_open(k, node, flags, &open);

	if (err)
		return err;
	/* A shell's redirection closes a copy before anything is written. */
	err = kernel_flush(k, node, open.fh);
	n = kernel_write(k, node, open.fh, 0, text, strlen(text));
	if (n >= 0)
		assert_int_equal(n, strlen(text));
	else if (!err || err == -ENOSYS)
		err = (int)n;
	n = kernel_flush(k, node, open.fh);
	if (!err || err == -ENOSYS)
		err = (int)n;
	kernel_release(k, node, open.fh, flags);
	return err == -ENOSYS ? 0 : err;
}

/* Append the names of one page; returns where the next begins. */
static uint64_t add_names(const char *page, size_t len, char **text)
{
	const struct fuse_dirent *entry;
	uint64_t off = 0;
	size_t at, used;

	for (at = 0; at < len; at += FUSE_DIRENT_SIZE(entry)) {
		assert_true(len - at >= FUSE_NAME_OFFSET);
		entry = (const void *)(page + at);
		assert_true(len - at >= FUSE_DIRENT_SIZE(entry));
		used = strlen(*text);
		*text = realloc(*text, used + entry->namelen + 2);
		assert_non_null(*text);
		memcpy(*text + used, entry->name, entry->namelen);
		memcpy(*text + used + entry->namelen, "\n", 2);
		off = entry->off;
	}
	return off;
}

int kernel_ls(struct kernel *k, uint64_t node, char **text)
{
	struct fuse_open_out open;
	uint64_t off = 0;
	char page[PAGE_BYTES];
	const void *data;
	size_t len;
	int err = kernel_opendir(k, node, &open);

	*text = NULL;
	if (err)
		return err;
	*text = strdup("");
	assert_non_null(*text);
	do {
		err = kernel_wait(k,
		                  kernel_send_readdir(k, node, open.fh, off,
		                                      sizeof(page)),
		                  &data, &len, KERNEL_MS);
		assert_true(len <= sizeof(page));
		memcpy(page, data, len);
		if (!err && len)
			off = add_names(page, len, text);
	} while (!err && len);
	kernel_releasedir(k, node, open.fh);
	if (err) {
		free(*text);
		*text = NULL;
	}
	return err;
}

/* ---- notifications ------------------------------------------------------- */

size_t kernel_n_notices(struct kernel *k)
{
	drain(k);
	return k->n_notices;
}

const struct kernel_notice *kernel_notice(struct kernel *k, size_t i)
{
	drain(k);
	assert_true(i < k->n_notices);
	return &k->notices[i];
}

static bool has_notices(void *arg)
{
	struct wanted *w = arg;

	return kernel_n_notices(w->k) >= w->n;
}

void kernel_wait_notices(struct kernel *k, size_t n)
{
	struct wanted w = { .k = k, .n = n };

	loop_run_until_true(k->loop, has_notices, &w, KERNEL_MS);
}

void kernel_clear_notices(struct kernel *k)
{
	drain(k);
	k->n_notices = 0;
}

/* ---- from start to finish ------------------------------------------------ */

/* As large as we are allowed to make it. Returns how large that is. */
static int set_buffers(int fd)
{
	int size = SOCKET_BYTES;
	socklen_t len = sizeof(size);

	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)))
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, &len), 0);
	return size;
}

struct kernel *kernel_new(uv_loop_t *loop)
{
	struct kernel *k = calloc(1, sizeof(*k));
	int fds[2];

	assert_non_null(k);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	k->loop = loop;
	k->fd = fds[0];
	k->other_fd = fds[1];
	k->big = set_buffers(fds[0]) >= BIG_BYTES &&
	         set_buffers(fds[1]) >= BIG_BYTES;
	k->uid = getuid();
	k->gid = getgid();
	k->pid = getpid();
	k->buf = malloc(REPLY_MAX);
	assert_non_null(k->buf);
	return k;
}

int kernel_fd(struct kernel *k)
{
	int fd = k->other_fd;

	assert_true(fd >= 0);
	k->other_fd = -1;
	return fd;
}

void kernel_init(struct kernel *k)
{
	struct fuse_init_in in = {
		.major = FUSE_KERNEL_VERSION,
		.minor = MINOR,
		.max_readahead = 128 << 10,
		.flags = INIT_FLAGS | (k->big ? FUSE_MAX_PAGES : 0),
	};
	struct fuse_init_out out;
	uint64_t id = kernel_send(k, FUSE_INIT, 0, &in, sizeof(in));

	assert_int_equal(wait_for(k, id, &out, sizeof(out)), 0);
	assert_int_equal(out.major, FUSE_KERNEL_VERSION);
	assert_true(out.max_write >= 4096);
	assert_int_equal(out.flags & ~in.flags, 0);
}

static void on_end(void *arg)
{
	struct kernel *k = arg;

	assert_false(k->ended);
	k->ended = true;
}

static void on_closed(void *arg)
{
	struct kernel *k = arg;

	k->closed = true;
}

struct kernel *kernel_start(uv_loop_t *loop,
                            const struct fuse_lowlevel_ops *ops, void *userdata)
{
	struct kernel *k = kernel_new(loop);
	struct session_spec spec = {
		.loop = loop,
		.args = &k->args,
		.ops = ops,
		.userdata = userdata,
		.mountpoint = "/pretended",
		.fd = kernel_fd(k),
		.on_end = on_end,
		.arg = k,
	};

	assert_int_equal(fuse_opt_add_arg(&k->args, "orbfs"), 0);
	if (getenv("KERNEL_TRACE"))
		assert_int_equal(fuse_opt_add_arg(&k->args, "-d"), 0);
	assert_int_equal(session_open(&k->session, &spec), 0);
	kernel_init(k);
	return k;
}

struct session *kernel_session(struct kernel *k)
{
	return k->session;
}

bool kernel_ended(const struct kernel *k)
{
	return k->ended;
}

void kernel_hang_up(struct kernel *k)
{
	drain(k);
	if (k->fd >= 0)
		close(k->fd);
	k->fd = -1;
	k->hung_up = true;
}

void kernel_end(struct kernel *k)
{
	struct session *session = k->session;

	if (!session)
		return;
	k->session = NULL;
	loop_run_until(k->loop, &k->ended, KERNEL_MS);
	session_close(session, on_closed, k);
	loop_run_until(k->loop, &k->closed, KERNEL_MS);
}

static bool is_over(void *arg)
{
	struct wanted *w = arg;

	return w->k->ended || !kernel_n_unanswered(w->k) ||
	       uv_hrtime() > w->end;
}

/* What has no reply in time is named. */
static void wait_for_all(struct kernel *k)
{
	struct wanted w = { .k = k };
	size_t i;

	w.end = uv_hrtime() + (uint64_t)KERNEL_MS * 1000000;
	loop_run_until_true(k->loop, is_over, &w, 2 * KERNEL_MS);
	for (i = 0; i < k->n_records && !k->raw; i++)
		if (k->records[i].state == STATE_SENT)
			fail_msg("request %zu, opcode %u, has no reply",
			         2 * (i + 1), k->records[i].opcode);
}

static void end_politely(struct kernel *k)
{
	wait_for_all(k);
	/* libfuse keeps an interrupt that came too late until some other
	 * request shows it so. */
	while (!k->ended && k->n_interrupts) {
		k->n_interrupts--;
		kernel_wait(k, kernel_send_statfs(k, KERNEL_ROOT), NULL, NULL,
		            KERNEL_MS);
	}
	if (!k->ended)
		kernel_send_destroy(k);
	wait_for_all(k);
	kernel_hang_up(k);
}

void kernel_finish(struct kernel *k)
{
	size_t i;

	if (!k->hung_up && k->n_records)
		end_politely(k);
	else
		kernel_hang_up(k);
	kernel_end(k);
	if (k->other_fd >= 0)
		close(k->other_fd);
	for (i = 0; i < k->n_records; i++)
		free(k->records[i].data);
	fuse_opt_free_args(&k->args);
	free(k->records);
	free(k->notices);
	free(k->taken);
	free(k->buf);
	free(k);
}
