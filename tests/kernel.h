/*
 * kernel: a pretend kernel for tests of everything above the session.
 *
 *	struct kernel *k = kernel_start(loop, &ops, userdata);
 *	assert_int_equal(kernel_lookup(k, 1, "web", &entry), 0);
 *	u = kernel_send_read(k, entry.nodeid, fh, 0, 4096);	no waiting
 *	kernel_send_interrupt(k, u);
 *	assert_int_equal(kernel_wait(k, u, &data, &len, 1000), -EINTR);
 *	kernel_finish(k);	each request answered once, session closed
 *
 * It speaks the protocol of <linux/fuse.h> over a pair of sockets, so that
 * neither a mount nor privileges are needed. Everything runs on the test's own
 * thread: whoever waits runs the loop meanwhile, so nothing here may be called
 * from a callback of the loop, but for the kernel_send functions.
 *
 * Results are 0 or a negative errno, as the reply has it. Whatever else goes
 * wrong (no reply in time, a second reply, one of the wrong size, a reply to a
 * FORGET) fails the test through cmocka.
 */
#ifndef ORBFS_TESTS_KERNEL_H
#define ORBFS_TESTS_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <linux/fuse.h>
#include <uv.h>

struct fuse_lowlevel_ops;
struct kernel;
struct session;

enum {
	KERNEL_MS = 30000, /* for each of the functions that wait */
	KERNEL_ROOT = 1,
};

/* ---- from start to finish ------------------------------------------------ */

/* A kernel whose other end is served by a session for these handlers, INIT
 * done. libfuse prints each request when the environment has KERNEL_TRACE. */
struct kernel *kernel_start(uv_loop_t *loop,
                            const struct fuse_lowlevel_ops *ops,
                            void *userdata);
/* Only the kernel: the caller opens a session on kernel_fd, which is taken,
 * and then has the handshake done. */
struct kernel *kernel_new(uv_loop_t *loop);
int kernel_fd(struct kernel *k);
void kernel_init(struct kernel *k);

/* The session of kernel_start, for notify_new. */
struct session *kernel_session(struct kernel *k);
/* Close the kernel's end as an abort does: what is unanswered stays so. */
void kernel_hang_up(struct kernel *k);
/* Has the session of kernel_start called on_end? */
bool kernel_ended(const struct kernel *k);
/* Wait for the session of kernel_start to end, and close it. For tests that
 * do something between the end and kernel_finish. */
void kernel_end(struct kernel *k);
/* Assert that every request is answered (unless hung up), send DESTROY, hang
 * up, end the session of kernel_start, and free it all. */
void kernel_finish(struct kernel *k);

/* ---- requests and replies ------------------------------------------------ */

/* Who sends what is sent from now on. At first this process. */
void kernel_as(struct kernel *k, uid_t uid, gid_t gid, pid_t pid);

/* Any request, with the bytes that follow its header. Returns its id. */
uint64_t kernel_send(struct kernel *k, uint32_t opcode, uint64_t node,
                     const void *body, size_t len);
/* Any bytes at all, for the fuzzers. No reply is expected, and whatever comes
 * with an id that is not known is dropped from then on. */
void kernel_send_raw(struct kernel *k, const void *bytes, size_t len);

/* Has the reply come? Looks, and does not run the loop. */
bool kernel_answered(struct kernel *k, uint64_t id);
/* How many requests have no reply so far. */
unsigned kernel_n_unanswered(struct kernel *k);
/* Run the loop until the reply is there, and take it. data (may be NULL) is
 * valid until the next reply is taken; it is followed by a NUL. */
int kernel_wait(struct kernel *k, uint64_t id, const void **data, size_t *len,
                unsigned ms);
/* The same where a reply without content, or an error, is expected. */
int kernel_wait_done(struct kernel *k, uint64_t id);

uint64_t kernel_send_lookup(struct kernel *k, uint64_t parent,
                            const char *name);
void kernel_send_forget(struct kernel *k, uint64_t node, uint64_t n);
void kernel_send_batch_forget(struct kernel *k,
                              const struct fuse_forget_one *forgets,
                              uint32_t n);
uint64_t kernel_send_getattr(struct kernel *k, uint64_t node);
uint64_t kernel_send_setattr(struct kernel *k, uint64_t node,
                             const struct fuse_setattr_in *in);
uint64_t kernel_send_open(struct kernel *k, uint64_t node, int flags);
uint64_t kernel_send_read(struct kernel *k, uint64_t node, uint64_t fh,
                          uint64_t off, uint32_t size);
uint64_t kernel_send_write(struct kernel *k, uint64_t node, uint64_t fh,
                           uint64_t off, const void *data, size_t len);
uint64_t kernel_send_flush(struct kernel *k, uint64_t node, uint64_t fh);
uint64_t kernel_send_release(struct kernel *k, uint64_t node, uint64_t fh,
                             int flags);
uint64_t kernel_send_fsync(struct kernel *k, uint64_t node, uint64_t fh);
uint64_t kernel_send_opendir(struct kernel *k, uint64_t node);
uint64_t kernel_send_readdir(struct kernel *k, uint64_t node, uint64_t fh,
                             uint64_t off, uint32_t size);
uint64_t kernel_send_readdirplus(struct kernel *k, uint64_t node, uint64_t fh,
                                 uint64_t off, uint32_t size);
uint64_t kernel_send_releasedir(struct kernel *k, uint64_t node, uint64_t fh);
uint64_t kernel_send_mkdir(struct kernel *k, uint64_t parent, const char *name,
                           mode_t mode);
uint64_t kernel_send_rmdir(struct kernel *k, uint64_t parent, const char *name);
uint64_t kernel_send_unlink(struct kernel *k, uint64_t parent,
                            const char *name);
uint64_t kernel_send_rename(struct kernel *k, uint64_t parent, const char *name,
                            uint64_t new_parent, const char *new_name,
                            uint32_t flags);
uint64_t kernel_send_create(struct kernel *k, uint64_t parent, const char *name,
                            mode_t mode, int flags);
uint64_t kernel_send_mknod(struct kernel *k, uint64_t parent, const char *name,
                           mode_t mode, uint32_t rdev);
uint64_t kernel_send_symlink(struct kernel *k, uint64_t parent,
                             const char *name, const char *target);
uint64_t kernel_send_readlink(struct kernel *k, uint64_t node);
uint64_t kernel_send_statfs(struct kernel *k, uint64_t node);
uint64_t kernel_send_access(struct kernel *k, uint64_t node, uint32_t mask);
uint64_t kernel_send_poll(struct kernel *k, uint64_t node, uint64_t fh,
                          uint32_t events, uint64_t kh);
uint64_t kernel_send_destroy(struct kernel *k);
/* Interrupt a request. As with the real kernel nothing happens when its reply
 * is there, and the interrupt is sent anew when it is told to (EAGAIN). */
void kernel_send_interrupt(struct kernel *k, uint64_t id);

/* ---- the same, and wait for it ------------------------------------------- */

/* A reply "there is none, remember that" (node 0) is -ENOENT as well. */
int kernel_lookup(struct kernel *k, uint64_t parent, const char *name,
                  struct fuse_entry_out *entry);
/* Lookups down a path ("web/run/last") from the root. */
int kernel_walk(struct kernel *k, const char *path,
                struct fuse_entry_out *entry);
int kernel_getattr(struct kernel *k, uint64_t node, struct fuse_attr *attr);
/* attr may be NULL. */
int kernel_setattr(struct kernel *k, uint64_t node,
                   const struct fuse_setattr_in *in, struct fuse_attr *attr);
int kernel_open(struct kernel *k, uint64_t node, int flags,
                struct fuse_open_out *open);
/* Bytes read or written, or a negative errno. */
ssize_t kernel_read(struct kernel *k, uint64_t node, uint64_t fh, uint64_t off,
                    void *data, size_t size);
ssize_t kernel_write(struct kernel *k, uint64_t node, uint64_t fh, uint64_t off,
                     const void *data, size_t len);
int kernel_flush(struct kernel *k, uint64_t node, uint64_t fh);
int kernel_release(struct kernel *k, uint64_t node, uint64_t fh, int flags);
int kernel_fsync(struct kernel *k, uint64_t node, uint64_t fh);
int kernel_opendir(struct kernel *k, uint64_t node, struct fuse_open_out *open);
int kernel_releasedir(struct kernel *k, uint64_t node, uint64_t fh);
int kernel_mkdir(struct kernel *k, uint64_t parent, const char *name,
                 struct fuse_entry_out *entry);
int kernel_rmdir(struct kernel *k, uint64_t parent, const char *name);
int kernel_unlink(struct kernel *k, uint64_t parent, const char *name);
int kernel_rename(struct kernel *k, uint64_t parent, const char *name,
                  uint64_t new_parent, const char *new_name, uint32_t flags);
int kernel_create(struct kernel *k, uint64_t parent, const char *name,
                  mode_t mode, int flags, struct fuse_entry_out *entry,
                  struct fuse_open_out *open);
int kernel_mknod(struct kernel *k, uint64_t parent, const char *name,
                 mode_t mode, struct fuse_entry_out *entry);
int kernel_symlink(struct kernel *k, uint64_t parent, const char *name,
                   const char *target, struct fuse_entry_out *entry);
int kernel_statfs(struct kernel *k, uint64_t node, struct fuse_kstatfs *st);
int kernel_access(struct kernel *k, uint64_t node, uint32_t mask);
/* revents: what is ready now. */
int kernel_poll(struct kernel *k, uint64_t node, uint64_t fh, uint32_t events,
                uint64_t kh, uint32_t *revents);

/* What cat prints: open, read to the end, release. *text is the caller's to
 * free (NULL on failure). */
int kernel_cat(struct kernel *k, uint64_t node, char **text);
/* What echo does to a file: open truncating, flush, one write, flush, release.
 * The first failure. */
int kernel_echo(struct kernel *k, uint64_t node, const char *text);
/* What ls -a prints, one name a line, in the order of the listing. */
int kernel_ls(struct kernel *k, uint64_t node, char **text);

/* ---- notifications ------------------------------------------------------- */

struct kernel_notice {
	int code;        /* FUSE_NOTIFY_... */
	uint64_t ino;    /* INVAL_INODE; the parent with the others */
	uint64_t child;  /* DELETE */
	uint64_t kh;     /* POLL */
	char name[1025]; /* INVAL_ENTRY, DELETE */
};

/* So many have come since the last clear. Looks, and does not run the loop. */
size_t kernel_n_notices(struct kernel *k);
/* The i-th of them, valid until the next call of any function here. */
const struct kernel_notice *kernel_notice(struct kernel *k, size_t i);
/* Run the loop until there are n. */
void kernel_wait_notices(struct kernel *k, size_t n);
void kernel_clear_notices(struct kernel *k);

#endif
