/*
 * rights: what each of several users may do with what belongs to whom, and what
 * becomes of the bits that give rights away. Needs a mount that lets other
 * users in and leaves the decision to the kernel.
 *
 * Each attempt is made in a child that has become the user, on things that were
 * made anew for it, so that no attempt depends on the one before.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/files/told.h"

/* Ids that nobody has here. */
enum { ANNA = 41001, BERT = 41002, CARL = 41003, CREW = 41010 };

struct user {
	const char *name;
	uid_t uid; /* and the first group */
	gid_t also;
};

static const struct user users[] = {
	{ "root", 0, 0 },
	{ "anna", ANNA, ANNA },
	{ "bert of the crew", BERT, CREW },
	{ "carl", CARL, CARL },
};

enum { N_USERS = sizeof(users) / sizeof(users[0]) };

/* One attempt, on "dir/it", "dir/sub" and what else make_things has made. */
struct attempt {
	const char *name;
	void (*make)(const char *name);
};

/* Everything that is told goes into one file, in order. */
static void as(const struct user *who, const struct attempt *attempt)
{
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		if (setgroups(1, &who->also) ||
		    setresgid(who->uid, who->uid, who->uid) ||
		    setresuid(who->uid, who->uid, who->uid))
			_exit(1);
		attempt->make(attempt->name);
		fflush(stdout);
		_exit(0);
	}
	if (child < 0 || waitpid(child, NULL, 0) < 0)
		told("*** a child", -1);
}

static void own(const char *path, uid_t uid, gid_t gid, mode_t mode)
{
	if (lchown(path, uid, gid) < 0 || chmod(path, mode) < 0)
		told(path, -1);
}

static void remove_things(void)
{
	static const char *const names[] = { "dir/it",   "dir/sub/x", "dir/sub",
		                             "dir/made", "dir/link",  "dir",
		                             "it",       "open/it",   "open" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (remove(names[i]) < 0 && errno != ENOENT && errno != ENOTDIR)
			told(names[i], -1);
}

/* A directory with a file and a directory, and one that everybody may use. */
static void make_things(uid_t dir_uid, mode_t dir_mode, uid_t uid, gid_t gid,
                        mode_t mode)
{
	remove_things();
	own(".", 0, 0, 0755);
	make_dir("dir");
	make_file("dir/it", "content");
	own("dir/it", uid, gid, mode);
	make_dir("dir/sub");
	own("dir/sub", uid, gid, 0755);
	make_dir("open");
	own("open", 0, 0, 0777);
	own("dir", dir_uid, CREW, dir_mode);
}

/* ---- attempts ---- */

static void open_as(const char *name, const char *path, int flags)
{
	int fd = told_fd(name, open(path, flags | O_CLOEXEC, 0666));

	if (fd >= 0)
		close(fd);
}

static void try_read(const char *name)
{
	open_as(name, "dir/it", O_RDONLY);
}

static void try_write(const char *name)
{
	open_as(name, "dir/it", O_WRONLY);
}

static void try_both(const char *name)
{
	open_as(name, "dir/it", O_RDWR);
}

static void try_append(const char *name)
{
	open_as(name, "dir/it", O_WRONLY | O_APPEND);
}

static void try_cut_open(const char *name)
{
	open_as(name, "dir/it", O_WRONLY | O_TRUNC);
}

static void try_open_create(const char *name)
{
	open_as(name, "dir/it", O_RDWR | O_CREAT);
}

static void try_open_path(const char *name)
{
	open_as(name, "dir/it", O_PATH);
}

static void try_noatime(const char *name)
{
	open_as(name, "dir/it", O_RDONLY | O_NOATIME);
}

static void try_access(const char *name)
{
	told(name, access("dir/it", R_OK));
	told(name, access("dir/it", W_OK));
	told(name, access("dir/it", X_OK));
	told(name, access("dir/it", F_OK));
	told(name, access("dir", W_OK));
}

static void try_truncate(const char *name)
{
	told(name, truncate("dir/it", 3));
}

static void try_chmod(const char *name)
{
	told(name, chmod("dir/it", 0640));
}

static void try_set_id(const char *name)
{
	told(name, chmod("dir/it", 06755));
}

static void try_sticky(const char *name)
{
	told(name, chmod("dir/it", 01644));
}

static void try_take(const char *name)
{
	told(name, chown("dir/it", getuid(), (gid_t)-1));
}

static void try_give(const char *name)
{
	told(name, chown("dir/it", CARL, (gid_t)-1));
}

static void try_group(const char *name)
{
	told(name, chown("dir/it", (uid_t)-1, getgid()));
}

static void try_crew(const char *name)
{
	told(name, chown("dir/it", (uid_t)-1, CREW));
}

static void try_same_owner(const char *name)
{
	told(name, chown("dir/it", (uid_t)-1, (gid_t)-1));
}

static void try_touch(const char *name)
{
	told(name, utimensat(AT_FDCWD, "dir/it", NULL, 0));
}

static void try_times(const char *name)
{
	const struct timespec then[2] = { { 1000, 5 }, { 2000, 6 } };

	told(name, utimensat(AT_FDCWD, "dir/it", then, 0));
}

static void try_one_time(const char *name)
{
	const struct timespec then[2] = { { 0, UTIME_OMIT }, { 0, UTIME_NOW } };

	told(name, utimensat(AT_FDCWD, "dir/it", then, 0));
}

static void try_no_time(const char *name)
{
	const struct timespec then[2] = { { 0, UTIME_OMIT },
		                          { 0, UTIME_OMIT } };

	told(name, utimensat(AT_FDCWD, "dir/it", then, 0));
}

static void try_xattr(const char *name)
{
	char value[8];

	told(name, setxattr("dir/it", "user.note", "x", 1, 0));
	told(name, getxattr("dir/it", "user.note", value, sizeof(value)));
	told(name, removexattr("dir/it", "user.note"));
	told(name, setxattr("dir/it", "trusted.note", "x", 1, 0));
	told(name, getxattr("dir/it", "trusted.note", value, sizeof(value)));
	told(name, setxattr("dir", "user.note", "x", 1, 0));
}

static void try_unlink(const char *name)
{
	told(name, unlink("dir/it"));
}

static void try_rmdir(const char *name)
{
	told(name, rmdir("dir/sub"));
}

static void try_rename(const char *name)
{
	told(name, rename("dir/it", "dir/made"));
}

static void try_rename_out(const char *name)
{
	told(name, rename("dir/it", "open/it"));
}

static void try_rename_dir_out(const char *name)
{
	told(name, rename("dir/sub", "open/it"));
}

static void try_rename_in(const char *name)
{
	make_file("open/it", "mine");
	told(name, rename("open/it", "dir/made"));
}

static void try_rename_over(const char *name)
{
	make_file("open/it", "mine");
	told(name, rename("open/it", "dir/it"));
}

static void try_exchange(const char *name)
{
	make_file("open/it", "mine");
	told(name, renameat2(AT_FDCWD, "open/it", AT_FDCWD, "dir/it",
	                     RENAME_EXCHANGE));
}

static void try_move(const char *name)
{
	told(name, rename("dir/it", "open/it"));
	told(name, rename("open/it", "dir/made"));
}

static void try_link_in(const char *name)
{
	make_file("open/it", "mine");
	told(name, link("open/it", "dir/made"));
}

static void try_create(const char *name)
{
	open_as(name, "dir/made", O_WRONLY | O_CREAT | O_EXCL);
	told_stat(name, "dir/made");
}

static void try_create_set_id(const char *name)
{
	int fd = told_fd(name, open("dir/made", O_WRONLY | O_CREAT | O_CLOEXEC,
	                            06775));

	if (fd >= 0)
		close(fd);
	told_stat(name, "dir/made");
}

static void try_mkdir(const char *name)
{
	told(name, mkdir("dir/made", 02775));
	told_stat(name, "dir/made");
}

static void try_mkfifo(const char *name)
{
	told(name, mkfifo("dir/made", 0666));
	told_stat(name, "dir/made");
}

static void try_mknod(const char *name)
{
	told(name, mknod("dir/made", S_IFCHR | 0666, 0x103));
	told_stat(name, "dir/made");
}

static void try_symlink(const char *name)
{
	told(name, symlink("it", "dir/link"));
	told_stat(name, "dir/link");
}

static void try_stat(const char *name)
{
	told_stat(name, "dir/it");
	told_stat(name, "dir/none");
}

static void try_list(const char *name)
{
	told_dir(name, "dir");
}

static void try_enter(const char *name)
{
	told(name, chdir("dir"));
}

static void try_dir_mode(const char *name)
{
	told(name, chmod("dir", 0700));
	told(name, chmod("dir", 03777));
	told_stat(name, "dir");
}

static void try_written(const char *name)
{
	int fd = open("dir/it", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	told(name, pwrite(fd, "y", 1, 0));
	told_fstat(name, fd);
	told(name, close(fd));
	told_stat(name, "dir/it");
}

static void try_fchmod(const char *name)
{
	int fd = open("dir/it", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	told(name, fchmod(fd, 0604));
	told(name, fchown(fd, getuid(), (gid_t)-1));
	told(name, ftruncate(fd, 1));
	told(name, futimens(fd, NULL));
	told(name, close(fd));
}

#define ATTEMPT(name)                                                          \
	{                                                                      \
#name, try_##name                                              \
	}

static const struct attempt of_files[] = {
	ATTEMPT(read),      ATTEMPT(write),    ATTEMPT(both),
	ATTEMPT(append),    ATTEMPT(cut_open), ATTEMPT(open_create),
	ATTEMPT(open_path), ATTEMPT(noatime),  ATTEMPT(access),
	ATTEMPT(truncate),  ATTEMPT(chmod),    ATTEMPT(set_id),
	ATTEMPT(sticky),    ATTEMPT(take),     ATTEMPT(give),
	ATTEMPT(group),     ATTEMPT(crew),     ATTEMPT(same_owner),
	ATTEMPT(touch),     ATTEMPT(times),    ATTEMPT(one_time),
	ATTEMPT(no_time),   ATTEMPT(xattr),    ATTEMPT(written),
	ATTEMPT(fchmod),
};

static const struct attempt of_dirs[] = {
	ATTEMPT(stat),        ATTEMPT(list),           ATTEMPT(enter),
	ATTEMPT(unlink),      ATTEMPT(rmdir),          ATTEMPT(rename),
	ATTEMPT(rename_out),  ATTEMPT(rename_dir_out), ATTEMPT(rename_in),
	ATTEMPT(rename_over), ATTEMPT(exchange),       ATTEMPT(link_in),
	ATTEMPT(create),      ATTEMPT(create_set_id),  ATTEMPT(mkdir),
	ATTEMPT(mkfifo),      ATTEMPT(mknod),          ATTEMPT(symlink),
	ATTEMPT(dir_mode),
};

#define N(table) (sizeof(table) / sizeof((table)[0]))

static const uid_t owners[] = { 0, ANNA };

/* What each user may do with a file of these rights, in an open directory. */
static void with_files(const mode_t *modes, size_t n)
{
	for (size_t m = 0; m < n * N(owners); m++)
		for (size_t i = 0; i < N(of_files) * N_USERS; i++) {
			const struct user *who = &users[i % N_USERS];

			told_text("file %04o of %u, %s", modes[m / 2],
			          owners[m % 2], who->name);
			make_things(0, 0755, owners[m % 2], CREW, modes[m / 2]);
			as(who, &of_files[i / N_USERS]);
			told_stat("it", "dir/it");
		}
	remove_things();
}

static void rights_of_files(void)
{
	static const mode_t modes[] = { 0000, 0400, 0620, 0646, 0770, 0007 };

	with_files(modes, N(modes));
}

static void rights_given_away(void)
{
	static const mode_t modes[] = { 06777, 02777, 01666 };

	with_files(modes, N(modes));
}

/* What each user may do in a directory of these rights. */
static void in_directories(const mode_t *modes, size_t n)
{
	for (size_t m = 0; m < n * 4; m++)
		for (size_t i = 0; i < N(of_dirs) * N_USERS; i++) {
			const struct user *who = &users[i % N_USERS];
			uid_t dir_uid = owners[m % 2];
			uid_t uid = owners[m / 2 % 2] ? BERT : 0;

			told_text("%04o of %u, in it %u's, %s", modes[m / 4],
			          dir_uid, uid, who->name);
			make_things(dir_uid, modes[m / 4], uid, uid, 0644);
			as(who, &of_dirs[i / N_USERS]);
			told_dir("dir", "dir");
			told_dir("open", "open");
		}
	remove_things();
}

static void rights_in_directories(void)
{
	static const mode_t modes[] = { 0000, 0444, 0111, 0222, 0755, 0775 };

	in_directories(modes, N(modes));
}

static void rights_in_shared_directories(void)
{
	static const mode_t modes[] = { 0777, 01777, 01775, 02777, 03777 };

	in_directories(modes, N(modes));
}

static void make_it(const char *path, bool is_dir, uid_t uid)
{
	if (is_dir)
		make_dir(path);
	else
		make_file(path, path);
	own(path, uid, CREW, is_dir ? 0755 : 0644);
}

/* Anna moves what is whose, from whose directory, over what is whose in whose
 * directory; one of them or both are sticky. */
static void rights_to_move(void)
{
	static const uid_t whose[] = { 0, ANNA, BERT };
	static const struct attempt move = { "move", try_move };

	for (size_t i = 0; i < 4 * 81; i++) {
		uid_t uids[] = { whose[i % 3], whose[i / 3 % 3],
			         whose[i / 9 % 3], whose[i / 27 % 3] };
		size_t kind = i / 81; /* 3: both sticky, and directories */
		bool is_dir = kind == 3;

		told_text("%zu: %u's in %u's, over %u's in %u's", kind, uids[0],
		          uids[1], uids[2], uids[3]);
		remove_things();
		make_dir("dir");
		make_it("dir/it", is_dir, uids[0]);
		own("dir", uids[1], CREW, kind != 1 ? 01777 : 0777);
		make_dir("open");
		make_it("open/it", is_dir, uids[2]);
		own("open", uids[3], CREW, kind != 0 ? 01777 : 0777);
		as(&users[1], &move);
		told_dir("dir", "dir");
		told_dir("open", "open");
		told_stat("dir/made", "dir/made");
		told_stat("open/it", "open/it");
		told_stat("dir", "dir");
		told_stat("open", "open");
	}
	remove_things();
}

const struct scenario rights_scenarios[] = {
	{ "rights_of_files", rights_of_files, USERS },
	{ "rights_given_away", rights_given_away, USERS },
	{ "rights_in_directories", rights_in_directories, USERS },
	{ "rights_in_shared_directories", rights_in_shared_directories, USERS },
	{ "rights_to_move", rights_to_move, USERS },
	{ 0 },
};
