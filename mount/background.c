/*
 * background: from the command typed to the daemon that outlives it.
 *
 * Owns the pipe between the two: one byte means "mounted", its end without a
 * byte means that the daemon has given up (and has said why on stderr).
 */
#include "mount/background.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __APPLE__
#include <mach-o/dyld.h>
#endif

extern char **environ;

int background_self(char path[PATH_MAX])
{
#ifdef __APPLE__
	char raw[PATH_MAX];
	uint32_t size = sizeof(raw);

	if (_NSGetExecutablePath(raw, &size) != 0)
		return -ENAMETOOLONG;
	return realpath(raw, path) ? 0 : -errno;
#else
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);

	if (n < 0)
		return -errno;
	path[n] = '\0';
	return 0;
#endif
}

/* Wait for the byte or for the end of the daemon. */
static int wait_for_word(int fd, pid_t pid)
{
	char word;
	ssize_t n;
	int status;

	do
		n = read(fd, &word, 1);
	while (n < 0 && errno == EINTR);
	if (n == 1)
		return 0;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 1;
	return WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status)
	                                                : 1;
}

/* Who closed our standard streams would have the pipe, or what the daemon
 * mounts through, in their place, to be let go with the terminal. */
static void fill_standard_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int background_start(const char *self, int argc, char *const argv[])
{
	char ready[32];
	char **args = calloc((size_t)argc + 3, sizeof(args[0]));
	int fds[2];
	pid_t pid;
	int err;
	int n = 0;

	fill_standard_streams();
	if (!args || pipe(fds) != 0) {
		perror("orbfs");
		free(args);
		return 1;
	}
	/* The daemon's end is inherited, ours is not. */
	(void)fcntl(fds[0], F_SETFD, FD_CLOEXEC);
	snprintf(ready, sizeof(ready), "--ready-fd=%d", fds[1]);
	args[n++] = argv[0];
	args[n++] = "-f";
	args[n++] = ready;
	for (int i = 1; i < argc; i++)
		args[n++] = argv[i];
	err = posix_spawn(&pid, self, NULL, NULL, args, environ);
	free(args);
	close(fds[1]);
	if (err)
		fprintf(stderr, "orbfs: %s: %s\n", self, strerror(err));
	else
		err = wait_for_word(fds[0], pid);
	close(fds[0]);
	return err ? 1 : 0;
}

void background_ready(int ready_fd)
{
	int null;

	/* Before the word: who waits for our terminal may be gone after it. */
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		close(null);
	}
	/* Nobody may be there to read it any more; the mount stands. */
	if (write(ready_fd, ".", 1) != 1)
		errno = 0;
	close(ready_fd);
}
