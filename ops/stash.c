/*
 * stash: a file of ours with a name, on its way to or from another program.
 *
 * The directory is $TMPDIR/orbfs-UID/PID-XXXXXX: the first part is made once
 * and has to be ours alone, since others may write to $TMPDIR; the process id
 * tells whose is left over. The file is opened when it is there, by whoever made
 * it, and kept open. Reads and writes go to the page cache and are not counted
 * as waiting.
 */
#include "ops/stash.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct stash {
	int fd; /* -1 until the file is there */
	char dir[PATH_MAX];
	char path[PATH_MAX];
};

/* ---- where ---- */

/* The directory above all of ours. 0 or a negative errno. */
static int base_dir(char path[PATH_MAX])
{
	const char *tmp = getenv("TMPDIR");
	struct stat st;
	int n = snprintf(path, PATH_MAX, "%s/orbfs-%u",
	                 tmp && *tmp == '/' ? tmp : "/var/tmp",
	                 (unsigned)geteuid());

	if (n >= PATH_MAX)
		return -ENAMETOOLONG;
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return -errno;
	if (lstat(path, &st) != 0)
		return -errno;
	return S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
	                       (st.st_mode & 0077) == 0
	               ? 0
	               : -EPERM;
}

/* Remove a directory with the files in it; nobody else can make any there. */
static void remove_dir(int base, const char *name)
{
	int fd = openat(base, name,
	                O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	for (struct dirent *e; dir && (e = readdir(dir));)
		(void)unlinkat(fd, e->d_name, 0);
	if (dir)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
	(void)unlinkat(base, name, AT_REMOVEDIR);
}

/* Does the process live whose id begins this name? */
static bool is_in_use(const char *name)
{
	char *end;
	long pid = strtol(name, &end, 10);

	return end == name || *end != '-' || pid <= 0 || pid > INT_MAX ||
	       kill((pid_t)pid, 0) == 0 || errno != ESRCH;
}

static void remove_left_over(const char *path)
{
	DIR *base = opendir(path);

	for (struct dirent *e; base && (e = readdir(base));)
		if (e->d_name[0] != '.' && !is_in_use(e->d_name))
			remove_dir(dirfd(base), e->d_name);
	if (base)
		closedir(base);
}

/* ---- life ---- */

static int make_dir(struct stash *stash, const char *name)
{
	char base[PATH_MAX];
	int err = base_dir(base);
	int n;

	if (err)
		return err;
	remove_left_over(base);
	n = snprintf(stash->dir, PATH_MAX, "%s/%ld-XXXXXX", base,
	             (long)getpid());
	if (n >= PATH_MAX)
		return -ENAMETOOLONG;
	if (!mkdtemp(stash->dir)) {
		err = -errno;
		stash->dir[0] = '\0';
		return err;
	}
	n = snprintf(stash->path, PATH_MAX, "%s/%s", stash->dir, name);
	return n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

struct stash *stash_new(const char *name, int *err)
{
	struct stash *stash = calloc(1, sizeof(*stash));

	*err = -ENOMEM;
	if (!stash)
		return NULL;
	stash->fd = -1;
	*err = strchr(name, '/') ? -EINVAL : make_dir(stash, name);
	if (!*err)
		return stash;
	stash_free(stash);
	return NULL;
}

void stash_free(struct stash *stash)
{
	if (!stash)
		return;
	if (stash->fd >= 0)
		close(stash->fd);
	/* Where the engine was killed there may be another file than ours. */
	if (stash->dir[0])
		remove_dir(AT_FDCWD, stash->dir);
	free(stash);
}

const char *stash_path(const struct stash *stash)
{
	return stash->path;
}

/* ---- the file ---- */

static bool is_there(struct stash *stash)
{
	if (stash->fd < 0)
		stash->fd = open(stash->path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	return stash->fd >= 0;
}

uint64_t stash_size(struct stash *stash)
{
	struct stat st;

	if (!is_there(stash) || fstat(stash->fd, &st) != 0)
		return 0;
	return (uint64_t)st.st_size;
}

ssize_t stash_read(struct stash *stash, uint64_t offset, void *data, size_t len)
{
	ssize_t n;

	if (!is_there(stash))
		return errno == ENOENT ? 0 : -errno;
	do
		n = pread(stash->fd, data, len, (off_t)offset);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static int make_file(struct stash *stash)
{
	if (is_there(stash))
		return 0;
	stash->fd =
		open(stash->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return stash->fd < 0 ? -errno : 0;
}

int stash_write(struct stash *stash, uint64_t offset, const void *data,
                size_t len)
{
	const char *from = data;
	int err = make_file(stash);

	while (!err && len > 0) {
		ssize_t n = pwrite(stash->fd, from, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		from += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return err;
}

int stash_truncate(struct stash *stash, uint64_t size)
{
	int err = make_file(stash);

	if (!err && ftruncate(stash->fd, (off_t)size) != 0)
		err = -errno;
	return err;
}
