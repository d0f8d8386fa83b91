/*
 * mountpoint: the directory a session is mounted on.
 *
 * Owns the libfuse session from its making to its end, and with it what a
 * mount needs around it: a verdict on the directory before, the descriptors
 * and the environment put right after, and the cure of a mount that a killed
 * daemon has left dead. How requests are received is no business of this
 * file.
 *
 * Three places here wait for a child: session_unhang and session_clear, before
 * there is a loop, and mountpoint_close when the connection was aborted, after
 * the loop has stopped serving it. All wait a bounded time.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef __APPLE__
#include <sys/mount.h>
#include <sys/param.h>
#else
#include <sys/mount.h>
#include <sys/sysmacros.h>
#endif

#include <fuse_lowlevel.h>
#include <poll.h>

#include "mount/mountpoint.h"
#include "mount/session.h"
#include "mount/system.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

enum {
	CLOEXEC_MAX = 1024,   /* descriptors looked at; few are open so early */
	DETACH_MS = 5000,     /* for the child that detaches a dead mount */
	DETACH_STEP_MS = 5,   /* between two looks at it */
	DETACH_TIMES = 8,     /* dead mounts that lie on one another */
	AWAIT_MS = 5000,      /* for a mount that is still being made */
	AWAIT_STEP_MS = 20,   /* between two looks at it */
	WRITE_MS = 1000,      /* for a pretend kernel to take a reply */
	MOUNTINFO_MAX = 4096, /* bytes of a line that are looked at */
};

extern char **environ;

/* ---- unmounting ---------------------------------------------------------- */

#ifdef __APPLE__
static const char *const umounts[] = { "/sbin/umount", NULL };
#else
static const char *const umounts[] = {
	"/usr/bin/umount",
	"/bin/umount",
	"/usr/sbin/umount",
	"/sbin/umount",
	"/run/wrappers/bin/umount",
	"/run/current-system/sw/bin/umount",
	NULL,
};
static const char *const fusermounts[] = {
	"/usr/bin/fusermount3",          "/bin/fusermount3",
	"/usr/local/bin/fusermount3",    "/sbin/fusermount3",
	"/run/wrappers/bin/fusermount3", NULL,
};
#endif

/* The first that is there. If none is, starting the usual one says so. */
static const char *program(const char *const *paths)
{
	size_t i;

	for (i = 0; paths[i]; i++)
		if (!access(paths[i], X_OK))
			return paths[i];
	return paths[0];
}

void mountpoint_argv(const char *path, bool lazy, const char *argv[5])
{
	size_t n = 0;

#ifdef __APPLE__
	argv[n++] = program(umounts);
	if (lazy)
		argv[n++] = "-f";
#else
	if (!geteuid()) {
		argv[n++] = program(umounts);
		if (lazy)
			argv[n++] = "-l";
	} else {
		argv[n++] = program(fusermounts);
		argv[n++] = "-u";
		if (lazy)
			argv[n++] = "-z";
	}
#endif
	argv[n++] = path;
	argv[n] = NULL;
}

static void pause_ms(long ms)
{
	struct timespec t = { .tv_sec = ms / 1000,
		              .tv_nsec = ms % 1000 * 1000000 };

	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

/* Wait for a child of ours; one that takes too long is killed. */
static int reap(pid_t pid)
{
	pid_t ended;
	int ms;

	for (ms = 0; ms < DETACH_MS; ms += DETACH_STEP_MS) {
		ended = waitpid(pid, NULL, WNOHANG);
		if (ended == pid)
			return 0;
		if (ended < 0 && errno != EINTR)
			return -errno;
		pause_ms(DETACH_STEP_MS);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return -ETIMEDOUT;
}

/* Start detaching. That it failed is seen at the mount point. */
static int detach(const char *path, struct log *log, pid_t *pid)
{
	const char *argv[5];
	int err;

	mountpoint_argv(path, true, argv);
	err = posix_spawn(pid, argv[0], NULL, NULL, (char *const *)argv,
	                  environ);
	if (err)
		log_error(log, "mount point %s: %s: %s", path, argv[0],
		          strerror(err));
	return -err;
}

void mountpoint_detach(struct mountpoint *m)
{
	if (detach(m->path, m->log, &m->detacher))
		m->detacher = 0;
}

#ifdef __APPLE__
/* The kernel itself gives up a volume that nobody answers for. */
void session_unhang(const char *path)
{
	(void)path;
}
#else
/* Does a look at path come back? Asked by a child, which can be left alone. */
static bool answers(const char *path)
{
	struct stat st;
	pid_t pid = fork();

	if (pid == 0)
		_exit(stat(path, &st) ? 1 : 0);
	return pid < 0 || reap(pid) == 0;
}

/* mountinfo writes blanks and backslashes as three octal digits. */
static void unescape(char *s)
{
	char *to = s;
	unsigned int c;
	int len;

	for (; *s; s++) {
		len = 0;
		if (sscanf(s, "\\%3o%n", &c, &len) == 1 && len == 4) {
			*to++ = (char)c;
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

/* Is an orbfs mounted right there? Asks the system alone. */
static bool is_mounted(const char *path)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char line[MOUNTINFO_MAX], where[MOUNTINFO_MAX];
	bool is = false;

	if (!file)
		return false;
	while (!is && fgets(line, sizeof(line), file)) {
		if (!strstr(line, " - fuse.orbfs ") ||
		    sscanf(line, "%*s %*s %*s %*s %4095s", where) != 1)
			continue;
		unescape(where);
		is = !strcmp(where, path);
	}
	fclose(file);
	return is;
}

void session_unhang(const char *path)
{
	pid_t pid;

	if (!is_mounted(path) || answers(path))
		return;
	if (geteuid())
		(void)(detach(path, NULL, &pid) || reap(pid));
	else
		(void)umount2(path, MNT_FORCE | MNT_DETACH | UMOUNT_NOFOLLOW);
}
#endif

/* What a look at a mount without a daemon gives; macFUSE says ENXIO. */
static bool is_dead(int err)
{
	return err == -ENOTCONN || err == -ENXIO;
}

/* Detach what a daemon that is gone has left mounted. 0: st is filled. */
static int revive(const char *path, struct stat *st, struct log *log)
{
	int tries, err;
	pid_t pid;

	for (tries = 0; stat(path, st); tries++) {
		err = -errno;
		if (!is_dead(err) || tries == DETACH_TIMES)
			return err;
		log_info(log, "mount point %s: detaching a dead mount", path);
		if (detach(path, log, &pid) || reap(pid))
			return -ENOTCONN;
	}
	return 0;
}

/* ---- what a directory has to be ------------------------------------------ */

/* Is st inside a mounted orbfs? Asks the system alone and not the mount. */
#ifdef __APPLE__
static bool is_orbfs(const char *path, const struct stat *st)
{
	struct statfs fs;

	(void)st;
	return !statfs(path, &fs) && strstr(fs.f_fstypename, "fuse") &&
	       !strncmp(fs.f_mntfromname, "orbfs", 5);
}
#else
static bool is_orbfs(const char *path, const struct stat *st)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char line[MOUNTINFO_MAX], *type;
	unsigned int hi, lo;
	bool is = false;

	(void)path;
	if (!file)
		return false;
	while (!is && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%*u %*u %u:%u", &hi, &lo) != 2 ||
		    makedev(hi, lo) != st->st_dev)
			continue;
		type = strstr(line, " - ");
		is = type && !strncmp(type + 3, "fuse.orbfs ", 11);
	}
	fclose(file);
	return is;
}
#endif

/* macFUSE mounts while the first requests are being answered already. */
#ifdef __APPLE__
void session_await(const char *path)
{
	struct stat st;
	int ms;

	for (ms = 0; ms < AWAIT_MS; ms += AWAIT_STEP_MS) {
		if (!stat(path, &st) && is_orbfs(path, &st))
			return;
		pause_ms(AWAIT_STEP_MS);
	}
}
#else
void session_await(const char *path)
{
	(void)path;
}
#endif

/* 0, -ENOTEMPTY, or why it cannot be read. */
static int check_empty(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int err = 0;

	if (!dir)
		return -errno;
	while (!err && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			err = -ENOTEMPTY;
	closedir(dir);
	return err;
}

int session_clear(const char *mountpoint, struct log *log)
{
	const char *why = NULL;
	struct stat st;
	int err;

	err = revive(mountpoint, &st, log);
	if (err == -ENOENT && system_makes(system_here, mountpoint))
		return 0;
	if (!err && !S_ISDIR(st.st_mode)) {
		err = -ENOTDIR;
	} else if (!err && is_orbfs(mountpoint, &st)) {
		err = -EBUSY;
		why = "orbfs is mounted there already";
	} else if (!err) {
		/* libfuse 3 would mount over what is in there. */
		err = check_empty(mountpoint);
	}
	if (err)
		log_error(log, "mount point %s: %s", mountpoint,
		          why ? why : strerror(-err));
	return err;
}

/* ---- the libfuse session ------------------------------------------------- */

/* The end of a pretend kernel looks like the end of the real one. */
static ssize_t fd_read(int fd, void *data, size_t len, void *userdata)
{
	ssize_t n = read(fd, data, len);

	(void)userdata;
	if (n > 0 || (n < 0 && errno != ECONNRESET))
		return n;
	errno = ENODEV;
	return -1;
}

/* The real device never makes a reply wait; a socket does, for a reader that
 * may be this very thread. */
static ssize_t fd_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	struct msghdr msg = { .msg_iov = iov };
	struct pollfd wait = { .fd = fd, .events = POLLOUT };
	ssize_t n;

	(void)userdata;
	msg.msg_iovlen = (size_t)count;
	do {
		n = sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && (errno == EINTR ||
	                   (errno == EAGAIN && poll(&wait, 1, WRITE_MS) > 0)));
	return n;
}

static int use_fd(struct mountpoint *m, int fd)
{
	static const struct fuse_custom_io io = {
		.writev = fd_writev,
		.read = fd_read,
	};
	int err = fuse_session_custom_io(m->fuse, &io, fd);

	if (err) {
		log_error(m->log, "session: %s", strerror(-err));
		close(fd);
		return err;
	}
	m->fd = fd;
	return 0;
}

/* libfuse's socket to fusermount3, which outlives the mounting with
 * auto_unmount, would be inherited by every child and so keep the mount. */
static void set_cloexec(void)
{
	int fd, flags;

	for (fd = STDERR_FILENO + 1; fd < CLOEXEC_MAX; fd++) {
		flags = fcntl(fd, F_GETFD);
		if (flags >= 0 && !(flags & FD_CLOEXEC))
			fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
	}
}

/* What is wrong with a directory, told apart from what libfuse refuses. */
static int check_directory(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return errno == ENOENT || errno == EACCES ? -errno : -EIO;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	return access(path, W_OK) && errno == EACCES ? -EACCES : 0;
}

static bool has_fuse(void)
{
#ifdef __APPLE__
	return true; /* macFUSE loads what it needs */
#else
	return !access("/dev/fuse", F_OK);
#endif
}

static int mount_there(struct mountpoint *m)
{
	int err = check_directory(m->path);

	if (err && !(err == -ENOENT && system_makes(system_here, m->path))) {
		log_error(m->log, "mount point %s: %s", m->path,
		          strerror(-err));
		return err;
	}
	if (!has_fuse()) {
		log_error(m->log,
		          "mount point %s: this system has no FUSE "
		          "(no /dev/fuse)",
		          m->path);
		return -ENODEV;
	}
	if (fuse_session_mount(m->fuse, m->path)) {
		log_error(m->log, "mount point %s: libfuse refuses to mount",
		          m->path);
		return -EIO;
	}
	set_cloexec();
	unsetenv("_FUSE_COMMFD");
	return 0;
}

int mountpoint_open(struct mountpoint *m, const struct session_spec *spec)
{
	struct mountpoint new = { .log = spec->log, .fd = -1 };
	int err;

	new.path = strdup(spec->mountpoint);
	if (!new.path) {
		err = -ENOMEM;
		log_error(spec->log, "session: %s", strerror(-err));
		goto fail;
	}
	new.fuse = fuse_session_new(spec->args, spec->ops, sizeof(*spec->ops),
	                            spec->userdata);
	if (!new.fuse) {
		err = -EINVAL; /* libfuse has said which option */
		goto fail;
	}
	if (spec->fd < 0) {
		err = mount_there(&new);
	} else {
		err = use_fd(&new, spec->fd);
	}
	if (!err) {
		*m = new;
		return 0;
	}
	fuse_session_destroy(new.fuse);
	free(new.path);
	return err;
fail:
	if (spec->fd >= 0)
		close(spec->fd);
	free(new.path);
	return err;
}

void mountpoint_close(struct mountpoint *m)
{
	struct stat st;

	if (m->detacher)
		reap(m->detacher);
	fuse_session_unmount(m->fuse);
	fuse_session_destroy(m->fuse);
	/* An aborted connection leaves its mount behind, and libfuse with it.
	 * Whatever else is wrong with the directory is not ours. */
	if (m->fd < 0)
		revive(m->path, &st, m->log);
	free(m->path);
	m->fuse = NULL;
	m->path = NULL;
}
