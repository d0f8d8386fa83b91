/*
 * path: from a path of the protocol to something a system call can be asked
 * about.
 *
 * A path may be longer than PATH_MAX; then it is walked in pieces, each ending
 * in a directory. openat2 refuses links on the way by itself. Kernels before
 * 5.6, and filters that do not know it, have the walk done name by name with
 * O_NOFOLLOW, which no swapped link gets past either.
 */
#include "ops/agent/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* <linux/openat2.h> is not there with every libc. */
#ifndef SYS_openat2
#define SYS_openat2 437
#endif
struct path_how {
	uint64_t flags;
	uint64_t mode;
	uint64_t resolve;
};
enum { PATH_NO_SYMLINKS = 4 };

static int open_at_once(int dir, const char *path, int flags)
{
	struct path_how how = { .flags = (unsigned)flags,
		                .resolve = PATH_NO_SYMLINKS };
	long fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

bool path_has_openat2(void)
{
	int fd = open_at_once(AT_FDCWD, "/", O_PATH | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* The kernel calls a link that is not to be followed no directory. */
static int open_name(int dir, const char *name, int flags)
{
	struct stat st;
	int fd = openat(dir, name, flags | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	if (errno != ENOTDIR)
		return -errno;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISLNK(st.st_mode))
		return -ELOOP;
	return -ENOTDIR;
}

static int open_by_names(int dir, char *path, int flags)
{
	int at = dir;

	for (;;) {
		char *slash = strchr(path, '/');
		int next;

		if (slash)
			*slash = '\0';
		next = open_name(at, path,
		                 slash ? O_PATH | O_DIRECTORY : flags);
		if (slash)
			*slash = '/';
		if (at != dir)
			close(at);
		if (next < 0 || !slash)
			return next;
		at = next;
		path = slash + 1;
	}
}

static int open_piece(struct agent *agent, int dir, char *path, int flags)
{
	/* A directory that is a link is one too many, not no directory. */
	if (agent->has_openat2)
		return open_at_once(dir, path,
		                    flags | O_CLOEXEC |
		                            (flags & O_DIRECTORY ? 0
		                                                 : O_NOFOLLOW));
	return open_by_names(dir, path, flags);
}

int path_open(struct agent *agent, char *path, int flags)
{
	int at = agent->root;

	if (!*path)
		return open_name(at, ".", flags);
	for (;;) {
		char *cut = NULL;
		int next;

		if (strlen(path) >= PATH_MAX) {
			cut = memrchr(path, '/', PATH_MAX);
			*cut = '\0';
		}
		next = open_piece(agent, at, path,
		                  cut ? O_PATH | O_DIRECTORY : flags);
		if (cut)
			*cut = '/';
		if (at != agent->root)
			close(at);
		if (next < 0 || !cut)
			return next;
		at = next;
		path = cut + 1;
	}
}

int path_get(struct wire_in *in, char to[WIRE_PATH_MAX])
{
	wire_get_text(in, to, WIRE_PATH_MAX);
	return wire_path_ok(to) ? 0 : -EINVAL;
}

int node_get(struct agent *agent, struct wire_in *in, struct node *node)
{
	int err = path_get(in, agent->path[0]);
	uint64_t id = wire_get_u64(in);

	node->path = agent->path[0];
	node->handle = handles_find(&agent->handles, id);
	return id && !node->handle ? -EBADF : err;
}

int place_find(struct agent *agent, char *path, struct place *place)
{
	char *slash = strrchr(path, '/');

	*place = (struct place){ .dir = agent->root,
		                 .in_root = true,
		                 .name = path };
	if (!slash)
		return 0;
	*slash = '\0';
	place->dir = path_open(agent, path, O_PATH | O_DIRECTORY);
	place->in_root = false;
	place->name = slash + 1;
	return place->dir < 0 ? place->dir : 0;
}

void place_leave(struct place *place)
{
	if (!place->in_root)
		close(place->dir);
}

/* A name that is a regular file, opened; what it was before it was opened is
 * looked at first since opening a device may do something. */
int place_open(const struct place *place, int flags)
{
	struct stat st;
	int fd;

	if (fstatat(place->dir, place->name, &st,
	            AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode))
		return -ELOOP;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -ENXIO;
	/* O_NONBLOCK: should it be a FIFO by now, nobody waits for it. */
	fd = openat(place->dir, place->name,
	            flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	return -ENXIO;
}
