/*
 * toy: a tiny file system that holds answers back, and real mounts of it.
 *
 * The loop runs in this process, so everything that touches a mount is done by
 * children while the loop serves. Mounts are found in /proc/self/mountinfo,
 * which asks no file system.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/loop.h"
#include "tests/toy.h"

static const char text[] = "hello\n";

/* ---- handlers ------------------------------------------------------------ */

static struct stat attributes(fuse_ino_t ino)
{
	struct stat st = { .st_ino = ino,
		           .st_mode = S_IFDIR | 0755,
		           .st_nlink = 2 };

	if (ino != FUSE_ROOT_ID) {
		st.st_mode = S_IFREG | 0644;
		st.st_nlink = 1;
		st.st_size = sizeof(text) - 1;
	}
	return st;
}

static void on_interrupt(fuse_req_t req, void *arg)
{
	struct toy *toy = arg;
	unsigned i;

	for (i = 0; i < toy->n_held; i++) {
		if (toy->held[i] != req)
			continue;
		toy->held[i] = toy->held[--toy->n_held];
		toy->n_interrupted++;
		fuse_reply_err(req, EINTR);
		return;
	}
	fail_msg("an interrupt of a request that is not held");
}

static void hold(fuse_req_t req)
{
	struct toy *toy = fuse_req_userdata(req);

	assert_true(toy->n_held < TOY_HELD_MAX);
	toy->held[toy->n_held++] = req;
	fuse_req_interrupt_func(req, on_interrupt, toy);
}

void toy_answer(struct toy *toy)
{
	while (toy->n_held)
		fuse_reply_err(toy->held[--toy->n_held], ENOENT);
}

static void toy_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct toy *toy = fuse_req_userdata(req);
	struct fuse_entry_param entry = { .ino = TOY_FILE,
		                          .entry_timeout = 1000,
		                          .attr_timeout = 1000 };

	(void)parent;
	toy->n_lookups++;
	if (!strncmp(name, "later", 5)) {
		hold(req);
	} else if (strcmp(name, "file") != 0) {
		fuse_reply_err(req, ENOENT);
	} else {
		entry.attr = attributes(entry.ino);
		fuse_reply_entry(req, &entry);
	}
}

static void toy_getattr(fuse_req_t req, fuse_ino_t ino,
                        struct fuse_file_info *fi)
{
	struct stat st = attributes(ino);

	(void)fi;
	fuse_reply_attr(req, &st, 0);
}

static void toy_make_dir(fuse_req_t req, fuse_ino_t parent, const char *name,
                         mode_t mode)
{
	(void)parent;
	(void)name;
	(void)mode;
	hold(req);
}

static void toy_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	fi->direct_io = 1;
	fuse_reply_open(req, fi);
}

static void toy_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
                     struct fuse_file_info *fi)
{
	size_t left = off < (off_t)sizeof(text) - 1
	                      ? sizeof(text) - 1 - (size_t)off
	                      : 0;

	(void)ino;
	(void)fi;
	fuse_reply_buf(req, text + sizeof(text) - 1 - left,
	               left < size ? left : size);
}

/* Taking it as a buffer makes libfuse splice large ones where it can. */
static void toy_write_buf(fuse_req_t req, fuse_ino_t ino,
                          struct fuse_bufvec *from, off_t off,
                          struct fuse_file_info *fi)
{
	struct toy *toy = fuse_req_userdata(req);
	size_t len = fuse_buf_size(from), i;
	struct fuse_bufvec to = FUSE_BUFVEC_INIT(len);
	unsigned char *data = malloc(len);

	(void)ino;
	(void)fi;
	assert_non_null(data);
	to.buf[0].mem = data;
	assert_int_equal(fuse_buf_copy(&to, from, 0), len);
	/* The writers of our tests fill a block with one byte. */
	for (i = 1; i < len; i++)
		if (data[i] != data[0])
			fail_msg("byte %zu of a write at %lld is damaged", i,
			         (long long)off);
	free(data);
	toy->n_written += len;
	fuse_reply_write(req, len);
}

static void toy_destroy(void *userdata)
{
	struct toy *toy = userdata;

	toy->n_destroyed++;
}

const struct fuse_lowlevel_ops toy_ops = {
	.lookup = toy_lookup,
	.getattr = toy_getattr,
	.mkdir = toy_make_dir,
	.open = toy_open,
	.read = toy_read,
	.write_buf = toy_write_buf,
	.destroy = toy_destroy,
};

/* ---- children ------------------------------------------------------------ */

static void on_child_closed(uv_handle_t *handle)
{
	struct toy_child *child = handle->data;

	child->ended = true;
}

static void on_exit_status(uv_process_t *process, int64_t status, int signal)
{
	struct toy_child *child = process->data;

	child->status = signal ? 128 + signal : (int)status;
	uv_close((uv_handle_t *)process, on_child_closed);
}

static void spawn(struct toy_child *child, uv_loop_t *loop,
                  const char *const argv[])
{
	uv_stdio_container_t stdio[3] = {
		{ .flags = UV_IGNORE },
		{ .flags = UV_IGNORE },
		{ .flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO },
	};
	uv_process_options_t options = {
		.file = argv[0],
		.args = (char **)argv,
		.cwd = "/",
		.stdio = stdio,
		.stdio_count = 3,
		.exit_cb = on_exit_status,
	};

	memset(child, 0, sizeof(*child));
	child->process.data = child;
	assert_int_equal(uv_spawn(loop, &child->process, &options), 0);
}

void toy_spawn(struct toy_child *child, uv_loop_t *loop, const char *script,
               const char *dir)
{
	const char *argv[] = { "/bin/sh", "-c", script, "sh", dir, NULL };

	spawn(child, loop, argv);
}

int toy_run(uv_loop_t *loop, const char *script, const char *dir)
{
	struct toy_child child;

	toy_spawn(&child, loop, script, dir);
	loop_run_until(loop, &child.ended, TOY_MS);
	return child.status;
}

int toy_exec(uv_loop_t *loop, const char *const argv[])
{
	struct toy_child child;

	spawn(&child, loop, argv);
	loop_run_until(loop, &child.ended, TOY_MS);
	return child.status;
}

/* ---- mounts -------------------------------------------------------------- */

void toy_need_mounts(void)
{
	/* Who is not root needs more than can be told without trying. */
	if (geteuid() || access("/dev/fuse", R_OK | W_OK))
		fail_msg("real mounts need root and /dev/fuse: use sudo");
}

void toy_mkdir(char dir[64])
{
	strcpy(dir, "/tmp/orbfs-test-XXXXXX");
	assert_non_null(mkdtemp(dir));
}

void toy_rmdir(const char *dir)
{
	if (rmdir(dir))
		fail_msg("rmdir %s: %s", dir, strerror(errno));
}

static void on_end(void *arg)
{
	struct toy_mount *m = arg;

	m->n_ended++;
	m->ended = true;
	assert_int_equal(m->n_ended, 1);
}

static void on_closed(void *arg)
{
	struct toy_mount *m = arg;

	m->closed = true;
}

void toy_mount(struct toy_mount *m, uv_loop_t *loop, const char *options)
{
	struct fuse_args args = { 0 };
	struct session_spec spec = {
		.loop = loop,
		.args = &args,
		.ops = &toy_ops,
		.userdata = &m->toy,
		.mountpoint = m->dir,
		.fd = -1,
		.on_end = on_end,
		.arg = m,
	};

	memset(m, 0, sizeof(*m));
	m->loop = loop;
	toy_mkdir(m->dir);
	assert_int_equal(fuse_opt_add_arg(&args, "orbfs"), 0);
	assert_int_equal(
		fuse_opt_add_arg(&args, "-ofsname=orbfs,subtype=orbfs"), 0);
	if (options)
		assert_int_equal(fuse_opt_add_arg(&args, options), 0);
	assert_int_equal(session_open(&m->session, &spec), 0);
	fuse_opt_free_args(&args);
}

void toy_close(struct toy_mount *m)
{
	session_close(m->session, on_closed, m);
	toy_answer(&m->toy);
	loop_run_until(m->loop, &m->closed, TOY_MS);
	toy_rmdir(m->dir);
}

/* The number of the connection that is mounted there, or 0. */
static unsigned connection(const char *dir)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char line[4096], path[1024];
	unsigned minor, found = 0;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "%*u %*u 0:%u %*s %1023s", &minor, path) ==
		            2 &&
		    !strcmp(path, dir))
			found = minor;
	fclose(file);
	return found;
}

static bool write_one(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, "1", 1) == 1;

	if (fd >= 0)
		close(fd);
	return ok;
}

bool toy_abort(const char *dir)
{
	char path[128], ctl[64];
	unsigned n = connection(dir);
	bool ok;

	assert_true(n > 0);
	snprintf(path, sizeof(path), "/sys/fs/fuse/connections/%u/abort", n);
	if (write_one(path))
		return true;
	toy_mkdir(ctl);
	ok = !mount("fusectl", ctl, "fusectl", 0, NULL);
	if (ok) {
		snprintf(path, sizeof(path), "%s/%u/abort", ctl, n);
		ok = write_one(path);
		umount2(ctl, MNT_DETACH);
	}
	toy_rmdir(ctl);
	return ok;
}
