/*
 * Whatever is asked of it, the guest agent survives.
 *
 * The input is a row of requests: an op, two bytes of length, that much body.
 * They go through the agent's own table of handlers, in this process.
 *
 * The handlers really carry them out, as root perhaps, so the process first
 * leaves the file system it was started in: it makes a mount namespace of its
 * own (and a user namespace, if it is not root), and an empty root of memory
 * for itself, without devices, set-id or executables, in which nothing of the
 * outside is left but its working directory, where the corpus is. The agent's
 * own root is another such file system below it, thrown away every so often.
 * /proc is not there either, since its links lead out; LeakSanitizer cannot do
 * without it and is off. Nothing is asked of the agent before all that has
 * succeeded.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ops/agent/watch.h"

enum {
	FUZZ_ARENA_INPUTS = 500, /* in one arena */
	FUZZ_SLOW_MS = 5000,
	FUZZ_HANDLES = 100,
};

const char *__asan_default_options(void);
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static struct agent agent;

const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	_exit(1); /* nothing has been asked of the agent */
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	must(fd >= 0 && write(fd, text, strlen(text)) > 0, path);
	close(fd);
}

/* Be root in namespaces of our own. */
static void leave_namespaces(void)
{
	char map[64];
	unsigned uid = geteuid();
	unsigned gid = getegid();

	if (uid == 0) {
		must(unshare(CLONE_NEWNS) == 0, "unshare");
	} else {
		must(unshare(CLONE_NEWNS | CLONE_NEWUSER) == 0, "unshare");
		write_file("/proc/self/setgroups", "deny");
		(void)snprintf(map, sizeof(map), "0 %u 1", uid);
		write_file("/proc/self/uid_map", map);
		(void)snprintf(map, sizeof(map), "0 %u 1", gid);
		write_file("/proc/self/gid_map", map);
	}
	must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "private");
}

static void mount_memory(const char *at)
{
	must(mount("tmpfs", at, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
	           "size=64m,nr_inodes=20000") == 0,
	     at);
}

/* Make a directory and those above it. */
static void make_path(char *path)
{
	for (char *slash = strchr(path + 1, '/');;
	     slash = strchr(slash + 1, '/')) {
		if (slash)
			*slash = '\0';
		must(mkdir(path, 0755) == 0 || errno == EEXIST, path);
		if (!slash)
			return;
		*slash = '/';
	}
}

/* A root of memory with our working directory, under its own name, in it. */
static void leave_root(void)
{
	char root[] = "/tmp/orbfs-fuzz-XXXXXX";
	char cwd[PATH_MAX];
	char bound[PATH_MAX + 64];
	char old[64];

	must(getcwd(cwd, sizeof(cwd)) && mkdtemp(root), "directories");
	mount_memory(root);
	(void)snprintf(bound, sizeof(bound), "%s%s", root, cwd);
	make_path(bound);
	must(mount(cwd, bound, NULL, MS_BIND, NULL) == 0, "bind");
	(void)snprintf(old, sizeof(old), "%s/old", root);
	must(mkdir(old, 0700) == 0, "old");
	must(syscall(SYS_pivot_root, root, old) == 0, "pivot_root");
	must(rmdir(strcat(strcpy(bound, "/old"), root)) == 0, "rmdir");
	must(umount2("/old", MNT_DETACH) == 0 && rmdir("/old") == 0, "umount");
	must(chdir(cwd) == 0, "chdir");
	must(mkdir("/arena", 0755) == 0, "arena");
}

static void renew_arena(void)
{
	if (agent.root >= 0)
		close(agent.root);
	(void)umount2("/arena", MNT_DETACH);
	mount_memory("/arena");
	agent.root = open("/arena", O_PATH | O_DIRECTORY | O_CLOEXEC);
	must(agent.root >= 0, "arena");
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	int in = open("/dev/null", O_RDWR);
	int out = open("/dev/null", O_RDWR);
	char cwd[PATH_MAX];

	(void)argc;
	(void)argv;
	leave_namespaces();
	leave_root();
	must(getcwd(cwd, sizeof(cwd)) && agent_init(&agent) == 0, "agent");
	must(chdir(cwd) == 0, "chdir");
	must(stream_open(&agent.stream, in, out) == 0, "streams");
	return 0;
}

/* One request of the input; how much of it that was. */
static size_t carry_out(const unsigned char *data, size_t size)
{
	struct wire_header h = { .id = 1 };
	struct wire_in body = { .data = data + 3 };

	h.op = (uint16_t)(WIRE_STAT + data[0] % (WIRE_N_OPS - WIRE_STAT));
	body.len = (size_t)(data[1] | data[2] << 8);
	if (body.len > size - 3)
		body.len = size - 3;
	h.size = (uint32_t)body.len;
	(void)request_carry_out(&agent, &h, &body);
	return 3 + body.len;
}

static void wait_for_slow(void)
{
	struct pollfd done = { .fd = agent.slow.event, .events = POLLIN };

	while (agent.slow.in_flight > 0) {
		assert(poll(&done, 1, FUZZ_SLOW_MS) == 1);
		slow_finish(&agent);
	}
}

/* Nothing of an input is left for the next but names in the arena. */
static void forget(void)
{
	wait_for_slow();
	for (size_t i = 0; i < agent.handles.n; i++)
		if (agent.handles.slots[i].id)
			locks_close(&agent, agent.handles.slots[i].id);
	/* Inputs name handles by number, so numbers begin anew. */
	handles_free(&agent.handles);
	handles_init(&agent.handles, FUZZ_HANDLES);
	assert(agent.locks.n_owners == 0 && agent.locks.n_waiting == 0);
	watch_drain(&agent, false);
	agent.kinds.now_ms += 10;
	stream_flush(&agent.stream);
	assert(stream_pending(&agent.stream) == 0);
	assert(agent.identity.now_uid == agent.identity.uid);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	static unsigned inputs;
	char cwd[PATH_MAX];

	if (inputs++ % FUZZ_ARENA_INPUTS == 0)
		renew_arena();
	must(getcwd(cwd, sizeof(cwd)) != NULL, "getcwd");
	while (size > 3 && !slow_full(&agent.slow)) {
		size_t n = carry_out(data, size);

		data += n;
		size -= n;
	}
	forget();
	/* Handlers leave the working directory in the agent's root. */
	must(chdir(cwd) == 0, "chdir");
	return 0;
}
