/*
 * resolve: where a symbolic link leads, as the guest sees it.
 *
 * The walk the kernel would do, done here, so that each step's name is known
 * and the answer needs no /proc. It starts at the directory the link is in;
 * ".." at the root stays there; links that lead round in a circle, or whose
 * text outgrows a path, lead nowhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ops/agent/path.h"

enum { RESOLVE_LINKS_MAX = 40 };

/* A walk: `done` is where it has come to, `at` is that directory or file, and
 * `left` what is still to be walked. */
struct walk {
	struct agent *agent;
	int at;
	unsigned links;
	char *done;
	char *left; /* of WIRE_PATH_MAX bytes */
};

static int step_to(struct walk *w, int fd)
{
	if (fd < 0)
		return -errno;
	close(w->at);
	w->at = fd;
	return 0;
}

static int to_root(struct walk *w)
{
	w->done[0] = '\0';
	return step_to(w, openat(w->agent->root, ".", O_PATH | O_CLOEXEC));
}

static int up(struct walk *w)
{
	char *slash = strrchr(w->done, '/');

	if (!slash)
		return to_root(w);
	*slash = '\0';
	return step_to(w, openat(w->at, "..", O_PATH | O_CLOEXEC));
}

/* Put a link's text before what is left. */
static int into_link(struct walk *w, int fd, size_t skip)
{
	char target[WIRE_LINK_MAX];
	ssize_t len = readlinkat(fd, "", target, sizeof(target));
	size_t left = strlen(w->left + skip) + 1;

	if (len < 0)
		return -errno;
	if (++w->links > RESOLVE_LINKS_MAX)
		return -ELOOP;
	if (len == 0 || (size_t)len + 1 + left > WIRE_PATH_MAX)
		return -ENOENT;
	memmove(w->left + len + 1, w->left + skip, left);
	memcpy(w->left, target, (size_t)len);
	w->left[len] = '/';
	return target[0] == '/' ? to_root(w) : 0;
}

static int into_name(struct walk *w, const char *name, size_t skip)
{
	size_t have = strlen(w->done);
	size_t len = strlen(name);
	struct stat st;
	int fd = openat(w->at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		err = -errno;
	else if (S_ISLNK(st.st_mode))
		err = into_link(w, fd, skip);
	else if (have + len + 2 > WIRE_PATH_MAX)
		err = -ENAMETOOLONG;
	else {
		if (have)
			w->done[have++] = '/';
		memcpy(w->done + have, name, len + 1);
		memmove(w->left, w->left + skip, strlen(w->left + skip) + 1);
		return step_to(w, fd);
	}
	close(fd);
	return err;
}

/* One name of what is left. */
static int step(struct walk *w)
{
	char name[WIRE_NAME_MAX + 1];
	size_t len = strcspn(w->left, "/");
	size_t skip = len + strspn(w->left + len, "/");

	if (len > WIRE_NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(name, w->left, len);
	name[len] = '\0';
	if (len > 0 && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
		return into_name(w, name, skip);
	memmove(w->left, w->left + skip, strlen(w->left + skip) + 1);
	return strcmp(name, "..") == 0 ? up(w) : 0;
}

/* Resolve `left` from the directory named `done`; that it leads nowhere is no
 * error, but an empty answer. */
static void resolve(struct agent *agent, int dir, char *done, char *left)
{
	struct walk w = { .agent = agent, .done = done, .left = left };
	int err = 0;

	w.at = openat(dir, ".", O_PATH | O_CLOEXEC);
	if (w.at < 0)
		err = -errno;
	while (!err && *w.left)
		err = step(&w);
	if (err)
		done[0] = '\0';
	if (w.at >= 0)
		close(w.at);
}

int files_readlink(struct agent *agent, struct request *rq)
{
	char target[WIRE_LINK_MAX];
	struct place place;
	ssize_t len = 0;
	int err = path_get(&rq->in, agent->path[0]);

	if (!wire_end(&rq->in))
		return -EBADMSG;
	if (!err)
		err = place_find(agent, agent->path[0], &place);
	if (err)
		return err;
	if (*place.name)
		len = readlinkat(place.dir, place.name, target,
		                 sizeof(target) - 1);
	else
		errno = EINVAL;
	if (len <= 0) {
		err = -errno;
		place_leave(&place);
		return err;
	}
	/* place has cut the path where the link's directory ends. */
	if (place.in_root)
		agent->path[0][0] = '\0';
	target[len] = '\0';
	memcpy(agent->path[1], target, (size_t)len + 1);
	if (target[0] == '/')
		agent->path[0][0] = '\0';
	resolve(agent, target[0] == '/' ? agent->root : place.dir,
	        agent->path[0], agent->path[1]);
	place_leave(&place);
	wire_put_data(&rq->out, target, (size_t)len);
	wire_put_text(&rq->out, agent->path[0]);
	return 0;
}
