/*
 * passthrough: a plain libfuse file system to compare with.
 *
 *	passthrough DIRECTORY MOUNTPOINT
 *
 * It shows what is below one local directory, to be read. It is as fast as one
 * can be that is written with libfuse's low-level API in the usual way: a
 * single thread that blocks in receive, names and attributes that the kernel
 * keeps for a second, data from the page cache, directories without
 * attributes, and no flush (an operation that is not there is asked for once
 * only). It stays in the foreground until it is unmounted.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fuse_lowlevel.h>

enum { READ_SIZE = 1 << 20 };

static const double timeout = 1.0; /* s, of names and attributes */

/* A file the kernel knows; the number of its inode is its address. */
struct file {
	struct file *next;
	ino_t ino; /* in the directory below */
	int fd;    /* O_PATH */
	uint64_t lookups;
};

struct tree {
	struct file root;
	struct file *files;
};

static struct tree *tree_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static struct file *file_of(fuse_req_t req, fuse_ino_t ino)
{
	if (ino == FUSE_ROOT_ID)
		return &tree_of(req)->root;
	return (struct file *)(uintptr_t)ino;
}

/* The file behind fd, which is taken; a directory has one name, so it is not
 * known yet. NULL: no memory. */
static struct file *find_file(struct tree *tree, const struct stat *st, int fd)
{
	struct file *file = S_ISDIR(st->st_mode) ? NULL : tree->files;
	ino_t ino = st->st_ino;

	while (file && file->ino != ino)
		file = file->next;
	if (file) {
		close(fd);
	} else {
		file = calloc(1, sizeof(*file));
		if (!file) {
			close(fd);
			return NULL;
		}
		file->ino = ino;
		file->fd = fd;
		file->next = tree->files;
		tree->files = file;
	}
	file->lookups++;
	return file;
}

static void drop_file(struct tree *tree, struct file *file)
{
	struct file **at = &tree->files;

	while (*at != file)
		at = &(*at)->next;
	*at = file->next;
	close(file->fd);
	free(file);
}

static void pass_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e = { .attr_timeout = timeout,
		                      .entry_timeout = timeout };
	int fd = openat(file_of(req, parent)->fd, name,
	                O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct file *file;

	if (fd < 0) {
		fuse_reply_err(req, errno);
		return;
	}
	if (fstat(fd, &e.attr)) {
		fuse_reply_err(req, errno);
		close(fd);
		return;
	}
	file = find_file(tree_of(req), &e.attr, fd);
	if (!file) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	e.ino = (uintptr_t)file;
	fuse_reply_entry(req, &e);
}

static void pass_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n)
{
	struct file *file = file_of(req, ino);

	file->lookups -= n;
	if (file->lookups == 0)
		drop_file(tree_of(req), file);
	fuse_reply_none(req);
}

static void pass_getattr(fuse_req_t req, fuse_ino_t ino,
                         struct fuse_file_info *fi)
{
	struct stat st;

	(void)fi;
	if (fstat(file_of(req, ino)->fd, &st))
		fuse_reply_err(req, errno);
	else
		fuse_reply_attr(req, &st, timeout);
}

static void pass_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", file_of(req, ino)->fd);
	fd = open(path, fi->flags & ~O_NOFOLLOW);
	if (fd < 0) {
		fuse_reply_err(req, errno);
		return;
	}
	fi->fh = (uint64_t)fd;
	fuse_reply_open(req, fi);
}

static void pass_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
                      struct fuse_file_info *fi)
{
	static char data[READ_SIZE];
	ssize_t n = pread((int)fi->fh, data,
	                  size < READ_SIZE ? size : READ_SIZE, offset);

	(void)ino;
	if (n < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_buf(req, data, (size_t)n);
}

static void pass_release(fuse_req_t req, fuse_ino_t ino,
                         struct fuse_file_info *fi)
{
	(void)ino;
	close((int)fi->fh);
	fuse_reply_err(req, 0);
}

/* ---- directories --------------------------------------------------------- */

static void pass_opendir(fuse_req_t req, fuse_ino_t ino,
                         struct fuse_file_info *fi)
{
	int fd = openat(file_of(req, ino)->fd, ".", O_RDONLY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir) {
		fuse_reply_err(req, errno);
		return;
	}
	fi->fh = (uintptr_t)dir;
	fuse_reply_open(req, fi);
}

static void pass_readdir(fuse_req_t req, fuse_ino_t ino, size_t size,
                         off_t offset, struct fuse_file_info *fi)
{
	static char data[READ_SIZE];
	DIR *dir = (DIR *)(uintptr_t)fi->fh;
	struct dirent *d;
	size_t len = 0;

	(void)ino;
	if (offset != telldir(dir))
		seekdir(dir, offset);
	size = size < READ_SIZE ? size : READ_SIZE;
	while ((d = readdir(dir))) {
		struct stat st = { .st_ino = d->d_ino,
			           .st_mode = DTTOIF(d->d_type) };
		size_t n = fuse_add_direntry(req, data + len, size - len,
		                             d->d_name, &st, telldir(dir));

		if (n > size - len)
			break;
		len += n;
	}
	fuse_reply_buf(req, data, len);
}

static void pass_releasedir(fuse_req_t req, fuse_ino_t ino,
                            struct fuse_file_info *fi)
{
	(void)ino;
	closedir((DIR *)(uintptr_t)fi->fh);
	fuse_reply_err(req, 0);
}

static const struct fuse_lowlevel_ops pass_ops = {
	.lookup = pass_lookup,
	.forget = pass_forget,
	.getattr = pass_getattr,
	.open = pass_open,
	.read = pass_read,
	.release = pass_release,
	.opendir = pass_opendir,
	.readdir = pass_readdir,
	.releasedir = pass_releasedir,
};

/* Each file that the kernel knows is an open one here. */
static void have_many_files(void)
{
	struct rlimit most;

	if (getrlimit(RLIMIT_NOFILE, &most) == 0) {
		most.rlim_cur = most.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &most);
	}
}

int main(int argc, char *argv[])
{
	struct tree tree = { 0 };
	char *no_options[] = { argv[0], NULL };
	struct fuse_args args = FUSE_ARGS_INIT(1, no_options);
	struct fuse_session *session;
	int status = 1;

	if (argc != 3) {
		fprintf(stderr, "usage: passthrough DIRECTORY MOUNTPOINT\n");
		return 2;
	}
	have_many_files();
	tree.root.fd = open(argv[1], O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (tree.root.fd < 0) {
		perror(argv[1]);
		return 1;
	}
	session = fuse_session_new(&args, &pass_ops, sizeof(pass_ops), &tree);
	if (!session)
		return 1;
	if (fuse_session_mount(session, argv[2]) == 0) {
		status = fuse_session_loop(session) < 0;
		fuse_session_unmount(session);
	}
	fuse_session_destroy(session);
	fuse_opt_free_args(&args);
	return status;
}
