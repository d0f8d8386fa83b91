/*
 * fuzz_path: whatever path the daemon asks for, the agent finds the same with
 * openat2 and without it, and never what is behind a link.
 *
 * The input is a path, in which "D" stands for a name as long as names may be.
 * It is looked for in a tree with links of all kinds, in which enough of such
 * directories are in each other for a path that no system call takes. Only
 * O_PATH is asked for, so nothing happens to what is found.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ops/agent/path.h"

enum { MOST_NODES = 64, N_DEEP = 20, PATH_MOST = 256 };

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

enum what { IS_NOTHING, IS_DIR, IS_FILE, IS_LINK };

/* What is in the tree, in the order in which it is made. */
static struct node_of {
	char path[PATH_MOST]; /* with "D" */
	enum what what;
} nodes[MOST_NODES];
static size_t n_nodes;

static char top[] = "/tmp/orbfs-fuzz-path-XXXXXX";
static struct agent agent;

static void must(bool ok, const char *of)
{
	if (ok)
		return;
	perror(of);
	_exit(1);
}

/* A path with the long names in place of "D"; good until the next call. */
static char *expand(const char *path, size_t len)
{
	static char to[WIRE_PATH_MAX];
	size_t n = 0;

	for (size_t i = 0; i < len && path[i]; i++) {
		size_t more = path[i] == 'D' ? WIRE_NAME_MAX : 1;

		if (n + more >= sizeof(to))
			break;
		memset(to + n, path[i], more);
		n += more;
	}
	to[n] = '\0';
	return to;
}

/* Open the directory that a node is in, and find its own name. */
static int above(const char *path, const char **name)
{
	int at = open(top, O_PATH | O_DIRECTORY);
	const char *slash;

	for (; (slash = strchr(path, '/')); path = slash + 1) {
		int next = openat(at, expand(path, (size_t)(slash - path)),
		                  O_PATH | O_DIRECTORY | O_NOFOLLOW);

		must(next >= 0, path);
		close(at);
		at = next;
	}
	*name = expand(path, strlen(path));
	return at;
}

static void make(const char *path, enum what what, const char *target)
{
	struct node_of *node = &nodes[n_nodes++];
	const char *name;
	int at = above(path, &name);

	assert(n_nodes <= MOST_NODES);
	(void)snprintf(node->path, sizeof(node->path), "%s", path);
	node->what = what;
	if (what == IS_DIR)
		must(mkdirat(at, name, 0755) == 0, path);
	else if (what == IS_LINK)
		must(symlinkat(target, at, name) == 0, path);
	else
		must(mknodat(at, name, S_IFREG | 0644, 0) == 0, path);
	close(at);
}

static void remove_all(void)
{
	while (n_nodes > 0) {
		const struct node_of *node = &nodes[--n_nodes];
		const char *name;
		int at = above(node->path, &name);

		(void)unlinkat(at, name,
		               node->what == IS_DIR ? AT_REMOVEDIR : 0);
		close(at);
	}
	(void)rmdir(top);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char deep[PATH_MOST] = "D";

	(void)argc;
	(void)argv;
	must(mkdtemp(top) != NULL, top);
	atexit(remove_all);
	make("a", IS_DIR, NULL);
	make("a/b", IS_DIR, NULL);
	make("a/b/f", IS_FILE, NULL);
	make("a/b/l", IS_LINK, ".");
	make("a/b/m", IS_LINK, "/");
	make("a/f", IS_FILE, NULL);
	make("a/l", IS_LINK, "b");
	make("a/m", IS_LINK, "f");
	make("l", IS_LINK, "a");
	make("m", IS_LINK, "../..");
	make("n", IS_LINK, "nowhere");
	make("o", IS_LINK, "o");
	for (int i = 0; i < N_DEEP; i++) {
		make(deep, IS_DIR, NULL);
		strcat(deep, "/D");
	}
	make(deep, IS_DIR, NULL);
	make(strcat(deep, "/f"), IS_FILE, NULL);
	deep[strlen(deep) - 1] = 'l';
	make(deep, IS_LINK, ".");
	agent.root = open(top, O_PATH | O_DIRECTORY);
	must(agent.root >= 0 && path_has_openat2(), "root");
	return 0;
}

static enum what what_is(const char *path, size_t len)
{
	for (size_t i = 0; i < n_nodes; i++)
		if (strlen(nodes[i].path) == len &&
		    memcmp(nodes[i].path, path, len) == 0)
			return nodes[i].what;
	return IS_NOTHING;
}

/* What comes of a path. */
static int expected(const char *path, bool as_dir)
{
	for (const char *end = path; *path; end++) {
		bool last = !*end;
		enum what what;

		if (*end && *end != '/')
			continue;
		what = what_is(path, (size_t)(end - path));
		if (what == IS_NOTHING)
			return -ENOENT;
		if (last && !as_dir)
			break;
		if (what != IS_DIR)
			return what == IS_LINK ? -ELOOP : -ENOTDIR;
		if (last)
			break;
	}
	return 0;
}

/* Is what was found the node of that path? */
static void check_found(int fd, const char *path)
{
	struct stat st;
	struct stat node;
	const char *name = "";
	int at = *path ? above(path, &name) : open(top, O_PATH);

	assert(fstat(fd, &st) == 0);
	assert(fstatat(at, name, &node, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) ==
	       0);
	assert(st.st_dev == node.st_dev && st.st_ino == node.st_ino);
	close(at);
}

static void try_path(const char *path, bool as_dir)
{
	static char whole[WIRE_PATH_MAX];
	static char before[WIRE_PATH_MAX];

	strcpy(before, expand(path, strlen(path)));
	strcpy(whole, before);
	if (!wire_path_ok(whole))
		return;
	for (int way = 0; way < 2; way++) {
		int fd;

		agent.has_openat2 = way == 0;
		fd = path_open(&agent, whole,
		               O_PATH | (as_dir ? O_DIRECTORY : 0));
		assert(strcmp(whole, before) == 0);
		assert(fd >= 0 ? expected(path, as_dir) == 0
		               : expected(path, as_dir) == fd);
		if (fd >= 0)
			check_found(fd, path);
		close(fd);
	}
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	char *path = strndup((const char *)data, size);

	assert(path);
	/* What no message has room for has been cut. */
	if (strlen(expand(path, size)) < WIRE_PATH_MAX - WIRE_NAME_MAX) {
		try_path(path, false);
		try_path(path, true);
	}
	free(path);
	return 0;
}
