/*
 * spawn: start a child by posix_spawn. Owns nothing.
 */
#include "ops/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>

/* What it has as its first three descriptors, and where it begins. */
static int set_files(posix_spawn_file_actions_t *files, const int fds[3])
{
	int err = posix_spawn_file_actions_addchdir_np(files, "/");

	for (int fd = 0; fd < 3 && !err; fd++)
		err = fds[fd] < 0
		              ? posix_spawn_file_actions_addopen(
					files, fd, "/dev/null",
					fd ? O_WRONLY : O_RDONLY, 0)
		              : posix_spawn_file_actions_adddup2(files, fds[fd],
		                                                 fd);
	return err;
}

static int set_attr(posix_spawnattr_t *attr)
{
	short flags = POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF |
	              POSIX_SPAWN_SETSIGMASK;
	sigset_t all, none;
	int err;

#ifdef POSIX_SPAWN_CLOEXEC_DEFAULT
	flags |= POSIX_SPAWN_CLOEXEC_DEFAULT;
#endif

	sigfillset(&all);
	sigemptyset(&none);
	err = posix_spawnattr_setflags(attr, flags);
	if (!err)
		err = posix_spawnattr_setsigdefault(attr, &all);
	if (!err)
		err = posix_spawnattr_setsigmask(attr, &none);
	return err;
}

int spawn(const struct spawn_spec *spec, pid_t *pid)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	int err = posix_spawn_file_actions_init(&files);

	if (err)
		return -err;
	err = posix_spawnattr_init(&attr);
	if (!err) {
		err = set_files(&files, spec->fds);
		if (!err)
			err = set_attr(&attr);
		if (!err)
			err = posix_spawn(pid, spec->argv[0], &files, &attr,
			                  spec->argv, spec->env);
		posix_spawnattr_destroy(&attr);
	}
	posix_spawn_file_actions_destroy(&files);
	return -err;
}
