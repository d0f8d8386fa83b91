/*
 * What Finder sends, in its order, and that each answer is one it can live
 * with: copying in, new folders, deleting, looking at things, its own files
 * and attributes. None of its noise reaches the engine or a guest.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "fs/guard.h"
#include "fs/litter.h"
#include "fs/measure.h"
#include "fs/platform.h"
#include "tests/fail_alloc.h"
#include "tests/files_world.h"

/* A flag of setxattr on macOS that means nothing here. */
enum { XATTR_NOSECURITY = 8 };

static const char *const noise[] = {
	"._.",
	"._web",
	".DS_Store",
	".localized",
	".hidden",
	"Icon\r",
	".VolumeIcon.icns",
	".Trashes",
	".Trash",
	".Trash-1000",
	".TemporaryItems",
	".DocumentRevisions-V100",
	".Spotlight-V100",
	".metadata_never_index",
	".metadata_never_index_unless_rootfs",
	".fseventsd",
	".com.apple.timemachine.donotpresent",
	".com.apple.timemachine.supported",
	".apdisk",
	".nofollow",
	".resolve",
	".AppleDB",
	".AppleDesktop",
	".directory",
	".xdg-volume-info",
	"mach_kernel",
	"Network Trash Folder",
	"Temporary Items",
	"autorun.inf",
	"AUTORUN.INF",
	"desktop.ini",
	"Thumbs.db",
};

static void begin(struct files_world *f)
{
	files_begin_world_as(f, true);
	fake_guest_file(f->g, "home/me/notes.txt", "mine\n");
}

static unsigned n_asked(const struct files_world *f)
{
	unsigned n = 0;

	for (int op = 0; op < ENGINE_N_OPS; op++)
		n += f->engine->n_asked[op];
	return n;
}

static unsigned n_guest(const struct files_world *f)
{
	unsigned n = 0;

	for (int op = 0; op < WIRE_N_OPS; op++)
		n += f->g->n_seen[op];
	return n;
}

static uint64_t walk(struct files_world *f, const char *path)
{
	struct fuse_entry_out e;

	assert_int_equal(kernel_walk(f->k, path, &e), 0);
	return e.nodeid;
}

/* ---- extended attributes -------------------------------------------------- */

static void assert_keeps_xattrs(struct files_world *f, uint64_t node)
{
	char info[32] = "\1\2";
	char got[64];

	assert_int_equal(get_xattr(f, node, "com.apple.FinderInfo", got, 32),
	                 -ENOATTR);
	assert_int_equal(set_xattr(f, node, "com.apple.FinderInfo", info, 32,
	                           XATTR_REPLACE),
	                 -ENOATTR);
	assert_int_equal(set_xattr(f, node, "com.apple.FinderInfo", info, 32,
	                           XATTR_NOSECURITY),
	                 0);
	assert_int_equal(set_xattr(f, node, "com.apple.FinderInfo", info, 32,
	                           XATTR_CREATE),
	                 -EEXIST);
	assert_int_equal(set_xattr(f, node, "com.apple.quarantine", "q", 1, 0),
	                 0);
	assert_int_equal(get_xattr(f, node, "com.apple.FinderInfo", NULL, 0),
	                 32);
	assert_int_equal(get_xattr(f, node, "com.apple.FinderInfo", got, 31),
	                 -ERANGE);
	assert_int_equal(get_xattr(f, node, "com.apple.FinderInfo", got, 64),
	                 32);
	assert_memory_equal(got, info, 32);
	assert_int_equal(get_xattr(f, node, NULL, NULL, 0), 21 + 21);
	assert_int_equal(get_xattr(f, node, NULL, got, 64), 42);
	assert_int_equal(remove_xattr(f, node, "com.apple.quarantine"), 0);
	assert_int_equal(remove_xattr(f, node, "com.apple.quarantine"),
	                 -ENOATTR);
	assert_int_equal(get_xattr(f, node, NULL, got, 64), 21);
	assert_string_equal(got, "com.apple.FinderInfo");
	assert_int_equal(remove_xattr(f, node, "com.apple.FinderInfo"), 0);
	assert_int_equal(get_xattr(f, node, NULL, NULL, 0), 0);
}

static void attributes_of_finder_are_kept_everywhere_without_a_word(void **state)
{
	struct files_world f;
	unsigned asked;

	(void)state;
	begin(&f);
	(void)walk(&f, "web");
	asked = n_asked(&f);
	assert_keeps_xattrs(&f, KERNEL_ROOT);
	assert_keeps_xattrs(&f, walk(&f, "web"));
	assert_keeps_xattrs(&f, walk(&f, "web/state"));
	assert_keeps_xattrs(&f, walk(&f, ".orbfs/version"));
	assert_int_equal(n_asked(&f), asked);
	assert_keeps_xattrs(&f, look(&f, "home/me"));
	assert_keeps_xattrs(&f, look(&f, "home/me/notes.txt"));
	assert_int_equal(f.g->n_seen[WIRE_SETXATTR], 0);
	assert_int_equal(f.g->n_seen[WIRE_GETXATTR], 0);
	assert_int_equal(f.g->n_seen[WIRE_REMOVEXATTR], 0);
	files_end_world(&f);
}

static void an_attribute_of_a_file_that_is_looked_up_anew_is_there(void **state)
{
	struct files_world f;
	char got[8];

	(void)state;
	begin(&f);
	/* Each lookup of it is an inode of its own to the kernel. */
	assert_int_equal(set_xattr(&f, walk(&f, "web/exec"), "com.apple.x", "1",
	                           1, 0),
	                 0);
	assert_int_equal(
		get_xattr(&f, walk(&f, "web/exec"), "com.apple.x", got, 8), 1);
	assert_int_equal(get_xattr(&f, walk(&f, "two/exec"), "com.apple.x", got,
	                           8),
	                 -ENOATTR);
	files_end_world(&f);
}

static void attributes_that_a_guest_can_keep_are_its_own(void **state)
{
	struct files_world f;
	uint64_t notes;
	char got[64];

	(void)state;
	begin(&f);
	notes = look(&f, "home/me/notes.txt");
	assert_int_equal(set_xattr(&f, notes, "user.a", "1", 1, 0), 0);
	assert_int_equal(f.g->n_seen[WIRE_SETXATTR], 1);
	assert_int_equal(set_xattr(&f, notes, "com.apple.x", "1", 1, 0), 0);
	assert_int_equal(get_xattr(&f, notes, NULL, NULL, 0), 19);
	assert_int_equal(get_xattr(&f, notes, NULL, got, 18), -ERANGE);
	assert_int_equal(get_xattr(&f, notes, NULL, got, 64), 19);
	assert_memory_equal(got, "user.a\0com.apple.x", 19);
	assert_int_equal(set_xattr(&f, walk(&f, "web"), "user.a", "1", 1, 0),
	                 -EOPNOTSUPP);
	files_end_world(&f);
}

static void an_attribute_has_a_bound(void **state)
{
	struct files_world f;
	char *large = calloc(1, LITTER_XATTR_MAX + 1);

	(void)state;
	begin(&f);
	assert_non_null(large);
	assert_int_equal(set_xattr(&f, KERNEL_ROOT, "com.apple.ResourceFork",
	                           large, LITTER_XATTR_MAX, 0),
	                 0);
	assert_int_equal(set_xattr(&f, KERNEL_ROOT, "com.apple.ResourceFork",
	                           large, LITTER_XATTR_MAX + 1, 0),
	                 -E2BIG);
	free(large);
	files_end_world(&f);
}

static void attributes_of_a_removed_file_are_not_another_ones(void **state)
{
	struct files_world f;
	struct fuse_entry_out e;
	struct fuse_open_out open;
	uint64_t me;

	(void)state;
	begin(&f);
	me = look(&f, "home/me");
	assert_int_equal(kernel_create(f.k, me, "a", 0644, O_RDWR, &e, &open),
	                 0);
	assert_int_equal(set_xattr(&f, e.nodeid, "com.apple.x", "1", 1, 0), 0);
	kernel_release(f.k, e.nodeid, open.fh, O_RDWR);
	assert_int_equal(kernel_unlink(f.k, me, "a"), 0);
	f.g->reuse_ino = f.g->last_ino;
	assert_int_equal(kernel_create(f.k, me, "b", 0644, O_RDWR, &e, &open),
	                 0);
	assert_int_equal(get_xattr(&f, e.nodeid, NULL, NULL, 0), 0);
	kernel_release(f.k, e.nodeid, open.fh, O_RDWR);
	files_end_world(&f);
}

/* ---- noise ---------------------------------------------------------------- */

static void noise_is_answered_from_memory(void **state)
{
	static const char *const dirs[] = { "",       "web",       "web/run",
		                            ".orbfs", ".by/state", ".by" };
	struct fuse_entry_out e;
	struct files_world f;
	unsigned asked;

	(void)state;
	begin(&f);
	(void)walk(&f, "web");
	/* Whatever asks the engine from now on asks anew. */
	hands_turn(f.w.hands, 60000);
	asked = n_asked(&f);
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		uint64_t dir = *dirs[i] ? 0 : KERNEL_ROOT;

		if (!dir) {
			dir = walk(&f, dirs[i]);
			asked = n_asked(&f);
			hands_turn(f.w.hands, 60000);
		}
		for (size_t j = 0; j < sizeof(noise) / sizeof(noise[0]); j++)
			assert_int_equal(kernel_lookup(f.k, dir, noise[j], &e),
			                 -ENOENT);
		assert_int_equal(n_asked(&f), asked);
	}
	files_end_world(&f);
}

static void noise_cannot_be_made_beside_machines(void **state)
{
	struct fuse_entry_out e;
	struct fuse_open_out open;
	struct files_world f;
	unsigned asked;

	(void)state;
	begin(&f);
	(void)walk(&f, "web");
	asked = n_asked(&f);
	for (size_t i = 0; i < sizeof(noise) / sizeof(noise[0]); i++) {
		int err = kernel_mkdir(f.k, KERNEL_ROOT, noise[i], NULL);

		if (err != -EPERM && err != -EINVAL)
			fail_msg("mkdir %s: %d", noise[i], err);
		if (strcmp(noise[i], ".DS_Store") == 0 ||
		    strncmp(noise[i], "._", 2) == 0)
			continue;
		assert_int_equal(kernel_create(f.k, KERNEL_ROOT, noise[i], 0644,
		                               O_RDWR, &e, &open),
		                 -EPERM);
	}
	assert_int_equal(n_asked(&f), asked);
	files_end_world(&f);
}

/* ---- its own files -------------------------------------------------------- */

static void assert_keeps_file(struct files_world *f, uint64_t dir,
                              const char *name)
{
	struct fuse_setattr_in cut = { .valid = FATTR_SIZE, .size = 4 };
	struct fuse_setattr_in mode = {
		.valid = FATTR_MODE | FATTR_UID | FATTR_MTIME, .mode = 0600
	};
	struct fuse_entry_out e;
	struct fuse_open_out open;
	struct fuse_attr attr;
	char got[16];

	assert_int_equal(kernel_lookup(f->k, dir, name, &e), -ENOENT);
	assert_int_equal(
		kernel_create(f->k, dir, name, 0644, O_RDWR, &e, &open), 0);
	assert_int_equal(kernel_write(f->k, e.nodeid, open.fh, 4, "Bud1", 4),
	                 4);
	assert_int_equal(
		kernel_write(f->k, e.nodeid, open.fh, 0, "\0\0\0\1", 4), 4);
	assert_int_equal(kernel_setattr(f->k, e.nodeid, &mode, NULL), 0);
	assert_int_equal(kernel_flush(f->k, e.nodeid, open.fh), 0);
	assert_int_equal(kernel_fsync(f->k, e.nodeid, open.fh), 0);
	kernel_release(f->k, e.nodeid, open.fh, O_RDWR);
	assert_int_equal(kernel_lookup(f->k, dir, name, &e), 0);
	assert_int_equal(e.attr.size, 8);
	assert_true(S_ISREG(e.attr.mode));
	assert_int_equal(kernel_open(f->k, e.nodeid, O_RDONLY, &open), 0);
	assert_false(open.open_flags & FOPEN_DIRECT_IO);
	assert_int_equal(kernel_read(f->k, e.nodeid, open.fh, 0, got, 16), 8);
	assert_memory_equal(got, "\0\0\0\1Bud1", 8);
	assert_int_equal(kernel_read(f->k, e.nodeid, open.fh, 6, got, 1), 1);
	kernel_release(f->k, e.nodeid, open.fh, O_RDONLY);
	assert_int_equal(kernel_setattr(f->k, e.nodeid, &cut, &attr), 0);
	assert_int_equal(attr.size, 4);
	assert_int_equal(kernel_open(f->k, e.nodeid, O_WRONLY | O_TRUNC, &open),
	                 0);
	kernel_release(f->k, e.nodeid, open.fh, O_WRONLY);
	assert_int_equal(kernel_getattr(f->k, e.nodeid, &attr), 0);
	assert_int_equal(attr.size, 0);
}

static void assert_unlisted(struct files_world *f, uint64_t dir)
{
	char *text;

	assert_int_equal(kernel_ls(f->k, dir, &text), 0);
	assert_null(strstr(text, ".DS_Store"));
	assert_null(strstr(text, "._"));
	free(text);
}

static void files_of_finder_are_kept_and_never_listed(void **state)
{
	static const char *const dirs[] = {
		"web", "web/run", ".orbfs", "web/files", "web/files/home/me",
	};
	struct files_world f;
	struct fuse_entry_out e;

	(void)state;
	begin(&f);
	assert_keeps_file(&f, KERNEL_ROOT, ".DS_Store");
	assert_unlisted(&f, KERNEL_ROOT);
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		uint64_t dir = walk(&f, dirs[i]);

		assert_keeps_file(&f, dir, ".DS_Store");
		assert_keeps_file(&f, dir, "._notes.txt");
		assert_unlisted(&f, dir);
		assert_int_equal(kernel_lookup(f.k, dir, ".DS_Store", &e), 0);
		assert_int_equal(kernel_unlink(f.k, dir, ".DS_Store"), 0);
		assert_int_equal(kernel_unlink(f.k, dir, ".DS_Store"), -ENOENT);
	}
	assert_int_equal(fake_guest_find(f.g, "home/me/.DS_Store"), -1);
	assert_int_equal(fake_guest_find(f.g, "home/me/._notes.txt"), -1);
	assert_int_equal(f.g->n_seen[WIRE_CREATE], 0);
	assert_int_equal(f.g->n_seen[WIRE_UNLINK], 0);
	files_end_world(&f);
}

static void a_file_of_finder_moves_in_memory_only(void **state)
{
	struct files_world f;
	struct fuse_entry_out e;
	uint64_t me;
	uint64_t home;

	(void)state;
	begin(&f);
	me = look(&f, "home/me");
	home = look(&f, "home");
	assert_keeps_file(&f, me, "._a");
	assert_keeps_file(&f, me, "._b");
	assert_int_equal(kernel_rename(f.k, me, "._a", me, "._b", 0), 0);
	assert_int_equal(kernel_lookup(f.k, me, "._a", &e), -ENOENT);
	assert_int_equal(kernel_rename(f.k, me, "._b", home, "._c", 0), 0);
	assert_int_equal(kernel_lookup(f.k, home, "._c", &e), 0);
	assert_int_equal(kernel_rename(f.k, home, "._c", home, "c", 0), -EXDEV);
	assert_int_equal(kernel_rename(f.k, me, "notes.txt", me, "._notes.txt",
	                               0),
	                 -EXDEV);
	assert_int_equal(kernel_rename(f.k, me, "._x", me, "._y", 0), -ENOENT);
	assert_int_equal(f.g->n_seen[WIRE_RENAME], 0);
	files_end_world(&f);
}

static void what_a_guest_has_itself_is_a_file_like_any_other(void **state)
{
	struct files_world f;
	struct fuse_entry_out e;
	char *text;
	uint64_t me;

	(void)state;
	begin(&f);
	fake_guest_file(f.g, "home/me/._own", "the guest's\n");
	me = look(&f, "home/me");
	assert_int_equal(kernel_lookup(f.k, me, "._own", &e), -ENOENT);
	list_dir(&f, "home/me");
	assert_int_equal(kernel_lookup(f.k, me, "._own", &e), 0);
	assert_int_equal(kernel_cat(f.k, e.nodeid, &text), 0);
	assert_string_equal(text, "the guest's\n");
	free(text);
	assert_int_equal(kernel_unlink(f.k, me, "._own"), 0);
	assert_int_equal(fake_guest_find(f.g, "home/me/._own"), -1);
	files_end_world(&f);
}

static void an_open_file_of_finder_outlives_its_removal(void **state)
{
	struct files_world f;
	struct fuse_entry_out e;
	struct fuse_open_out open;
	char got[8];

	(void)state;
	begin(&f);
	assert_int_equal(kernel_create(f.k, KERNEL_ROOT, "._x", 0644, O_RDWR,
	                               &e, &open),
	                 0);
	assert_int_equal(kernel_unlink(f.k, KERNEL_ROOT, "._x"), 0);
	assert_int_equal(kernel_write(f.k, e.nodeid, open.fh, 0, "abc", 3), 3);
	assert_int_equal(kernel_read(f.k, e.nodeid, open.fh, 0, got, 8), 3);
	kernel_release(f.k, e.nodeid, open.fh, O_RDWR);
	files_end_world(&f);
}

static void nothing_else_can_be_made_under_such_a_name(void **state)
{
	struct files_world f;
	uint64_t me;

	(void)state;
	begin(&f);
	me = look(&f, "home/me");
	assert_int_equal(kernel_mkdir(f.k, me, ".DS_Store", NULL), -EPERM);
	assert_int_equal(kernel_mknod(f.k, me, "._x", S_IFIFO | 0600, NULL),
	                 -EPERM);
	assert_int_equal(kernel_symlink(f.k, me, "._x", "notes.txt", NULL),
	                 -EPERM);
	files_end_world(&f);
}

static void without_finder_such_files_are_the_guests(void **state)
{
	struct files_world f;
	struct fuse_entry_out e;
	struct fuse_open_out open;
	uint64_t me;

	(void)state;
	files_begin_world(&f);
	fake_guest_dir(f.g, "home/me");
	me = look(&f, "home/me");
	assert_int_equal(kernel_create(f.k, me, ".DS_Store", 0644, O_RDWR, &e,
	                               &open),
	                 0);
	kernel_release(f.k, e.nodeid, open.fh, O_RDWR);
	assert_int_not_equal(fake_guest_find(f.g, "home/me/.DS_Store"), -1);
	assert_int_equal(kernel_create(f.k, KERNEL_ROOT, ".DS_Store", 0644,
	                               O_RDWR, &e, &open),
	                 -EPERM);
	files_end_world(&f);
}

/* ---- its sequences -------------------------------------------------------- */

/* Copy one file in, byte for byte what Finder and copyfile(3) ask for. */
static void copy_in(struct files_world *f, uint64_t dir, const char *name,
                    const char *text)
{
	struct fuse_setattr_in stat = {
		.valid = FATTR_MODE | FATTR_UID | FATTR_GID | FATTR_ATIME |
		         FATTR_MTIME | 1u << 31,
		.mode = 0644,
		.uid = WORLD_UID,
		.gid = WORLD_GID,
		.mtime = 1234567890,
	};
	struct fuse_kstatfs st;
	struct fuse_entry_out e;
	struct fuse_open_out open;
	struct fuse_attr attr;
	char beside[80];

	snprintf(beside, sizeof(beside), "._%s", name);
	assert_int_equal(kernel_statfs(f->k, KERNEL_ROOT, &st), 0);
	assert_true(st.bavail > 0);
	assert_int_equal(kernel_lookup(f->k, dir, name, &e), -ENOENT);
	assert_int_equal(kernel_access(f->k, dir, W_OK), -ENOSYS);
	assert_int_equal(kernel_getattr(f->k, dir, &attr), 0);
	assert_int_equal(kernel_create(f->k, dir, name, 0600,
	                               O_CREAT | O_EXCL | O_RDWR, &e, &open),
	                 0);
	{
		struct fuse_entry_out none;

		assert_int_equal(kernel_lookup(f->k, dir, beside, &none),
		                 -ENOENT);
	}
	assert_int_equal(kernel_getattr(f->k, e.nodeid, &attr), 0);
	assert_int_equal(set_xattr(f, e.nodeid, "com.apple.quarantine", "0081",
	                           4, XATTR_NOSECURITY),
	                 0);
	assert_int_equal(set_xattr(f, e.nodeid, "com.apple.FinderInfo",
	                           "brokMACS", 8, XATTR_NOSECURITY),
	                 0);
	assert_int_equal(
		set_xattr(f, e.nodeid, "com.apple.provenance", "\1", 1, 0), 0);
	assert_int_equal(set_xattr(f, e.nodeid, "com.apple.lastuseddate#PS",
	                           "\2", 1, 0),
	                 0);
	assert_true(get_xattr(f, e.nodeid, NULL, NULL, 0) > 0);
	assert_int_equal(kernel_write(f->k, e.nodeid, open.fh, 0, text,
	                              strlen(text)),
	                 strlen(text));
	assert_int_equal(kernel_flush(f->k, e.nodeid, open.fh), 0);
	assert_int_equal(kernel_setattr(f->k, e.nodeid, &stat, &attr), 0);
	assert_int_equal(attr.mode & 07777, 0644);
	assert_int_equal(kernel_release(f->k, e.nodeid, open.fh, O_RDWR), 0);
	assert_int_equal(remove_xattr(f, e.nodeid, "com.apple.FinderInfo"), 0);
	assert_int_equal(kernel_statfs(f->k, KERNEL_ROOT, &st), 0);
}

static void a_file_is_copied_in(void **state)
{
	struct files_world f;
	char *text;
	int node;

	(void)state;
	begin(&f);
	copy_in(&f, look(&f, "home/me"), "report.txt", "quarterly\n");
	node = fake_guest_find(f.g, "home/me/report.txt");
	assert_int_not_equal(node, -1);
	/* It belongs to whom the directory belongs, not to a number of the
	 * host's. */
	assert_int_equal(f.g->nodes[node].uid,
	                 f.g->nodes[fake_guest_find(f.g, "home/me")].uid);
	assert_int_equal(kernel_cat(f.k, look(&f, "home/me/report.txt"), &text),
	                 0);
	assert_string_equal(text, "quarterly\n");
	free(text);
	assert_int_equal(f.g->n_seen[WIRE_SETXATTR], 0);
	files_end_world(&f);
}

static void a_folder_is_copied_in(void **state)
{
	struct files_world f;
	struct fuse_setattr_in times = { .valid = FATTR_MTIME | FATTR_MODE,
		                         .mode = 0755,
		                         .mtime = 77 };
	struct fuse_entry_out e;
	struct fuse_open_out open;
	uint64_t me;
	uint64_t dir;
	char *text;

	(void)state;
	begin(&f);
	me = look(&f, "home/me");
	assert_int_equal(kernel_lookup(f.k, me, "Project", &e), -ENOENT);
	assert_int_equal(kernel_mkdir(f.k, me, "Project", &e), 0);
	dir = e.nodeid;
	assert_int_equal(set_xattr(&f, dir, "com.apple.FinderInfo", "x", 1, 8),
	                 0);
	/* A folder that holds one is where blocking them breaks copies. */
	assert_int_equal(kernel_create(f.k, dir, ".DS_Store", 0644,
	                               O_CREAT | O_EXCL | O_RDWR, &e, &open),
	                 0);
	assert_int_equal(kernel_write(f.k, e.nodeid, open.fh, 0, "Bud1", 4), 4);
	kernel_release(f.k, e.nodeid, open.fh, O_RDWR);
	copy_in(&f, dir, "a.txt", "a\n");
	copy_in(&f, dir, "b.txt", "b\n");
	assert_int_equal(kernel_setattr(f.k, dir, &times, NULL), 0);
	assert_int_equal(kernel_ls(f.k, dir, &text), 0);
	assert_null(strstr(text, "DS_Store"));
	assert_non_null(strstr(text, "a.txt\n"));
	free(text);
	assert_int_equal(fake_guest_find(f.g, "home/me/Project/.DS_Store"), -1);
	/* And away again: Finder removes what it sees, then the folder. */
	assert_int_equal(kernel_unlink(f.k, dir, "a.txt"), 0);
	assert_int_equal(kernel_unlink(f.k, dir, "b.txt"), 0);
	assert_int_equal(kernel_rmdir(f.k, me, "Project"), 0);
	assert_int_equal(kernel_lookup(f.k, me, "Project", &e), -ENOENT);
	files_end_world(&f);
}

static void a_file_copied_beside_machines_is_refused_clearly(void **state)
{
	struct files_world f;
	struct fuse_entry_out e;
	struct fuse_open_out open;
	unsigned asked;

	(void)state;
	begin(&f);
	(void)walk(&f, "web");
	asked = n_asked(&f);
	assert_int_equal(kernel_create(f.k, walk(&f, "web"), "report.txt", 0600,
	                               O_CREAT | O_EXCL | O_RDWR, &e, &open),
	                 -EPERM);
	assert_int_equal(n_asked(&f), asked);
	files_end_world(&f);
}

static void a_new_folder_that_is_renamed_is_a_machine(void **state)
{
	struct files_world f;
	struct fuse_entry_out e;
	uint64_t draft;
	unsigned asked;

	(void)state;
	begin(&f);
	(void)walk(&f, "web");
	asked = n_asked(&f);
	assert_int_equal(kernel_lookup(f.k, KERNEL_ROOT, "untitled folder", &e),
	                 -ENOENT);
	asked = n_asked(&f);
	assert_int_equal(kernel_mkdir(f.k, KERNEL_ROOT, "untitled folder", &e),
	                 0);
	draft = e.nodeid;
	assert_int_equal(kernel_lookup(f.k, KERNEL_ROOT, "untitled folder", &e),
	                 0);
	assert_int_equal(set_xattr(&f, draft, "com.apple.FinderInfo", "x", 1,
	                           XATTR_NOSECURITY),
	                 0);
	assert_int_equal(kernel_lookup(f.k, draft, ".DS_Store", &e), -ENOENT);
	assert_int_equal(kernel_lookup(f.k, draft, "._.", &e), -ENOENT);
	assert_int_equal(kernel_lookup(f.k, draft, "Icon\r", &e), -ENOENT);
	assert_int_equal(n_asked(&f), asked);
	assert_int_equal(kernel_lookup(f.k, KERNEL_ROOT, "shop", &e), -ENOENT);
	assert_int_equal(kernel_rename(f.k, KERNEL_ROOT, "untitled folder",
	                               KERNEL_ROOT, "shop", RENAME_NOREPLACE),
	                 0);
	assert_int_equal(kernel_lookup(f.k, KERNEL_ROOT, "untitled folder", &e),
	                 -ENOENT);
	assert_int_equal(kernel_lookup(f.k, KERNEL_ROOT, "shop", &e), 0);
	assert_int_equal(e.nodeid, draft);
	assert_int_equal(f.engine->n_asked[ENGINE_CREATE], 1);
	files_end_world(&f);
}

static void a_machine_is_renamed_and_never_exchanged(void **state)
{
	struct files_world f;
	struct fuse_entry_out e;

	(void)state;
	begin(&f);
	(void)walk(&f, "web");
	assert_int_equal(kernel_rename(f.k, KERNEL_ROOT, "web", KERNEL_ROOT,
	                               "off", RENAME_EXCHANGE),
	                 -EINVAL);
	assert_int_equal(kernel_rename(f.k, KERNEL_ROOT, "off", KERNEL_ROOT,
	                               "old", RENAME_NOREPLACE),
	                 0);
	assert_int_equal(kernel_lookup(f.k, KERNEL_ROOT, "old", &e), 0);
	files_end_world(&f);
}

static void deleting_a_machine_in_finder_harms_nothing(void **state)
{
	struct files_world f;
	uint64_t web;
	uint64_t me;

	(void)state;
	begin(&f);
	web = walk(&f, "web");
	me = look(&f, "home/me");
	/* A helper of Finder's, another one, and one without a number. */
	kernel_as(f.k, WORLD_UID, WORLD_GID, 111);
	assert_int_equal(kernel_unlink(f.k, web, "state"), -EPERM);
	kernel_as(f.k, WORLD_UID, WORLD_GID, 222);
	assert_int_equal(kernel_unlink(f.k, me, "notes.txt"), -EPERM);
	kernel_as(f.k, WORLD_UID, WORLD_GID, 0);
	assert_int_equal(kernel_rmdir(f.k, KERNEL_ROOT, "web"), -EPERM);
	assert_int_not_equal(fake_guest_find(f.g, "home/me/notes.txt"), -1);
	assert_int_equal(f.engine->n_asked[ENGINE_DELETE], 0);
	/* Other machines are none of its business. */
	assert_int_equal(kernel_rmdir(f.k, KERNEL_ROOT, "off"), 0);
	/* A file that is really meant goes when nobody tries any more. */
	hands_turn(f.w.hands, GUARD_MS);
	assert_int_equal(kernel_unlink(f.k, me, "notes.txt"), 0);
	files_end_world(&f);
}

static void modes_and_owners_of_control_files_are_taken_and_forgotten(
	void **state)
{
	struct fuse_setattr_in in = { .valid = FATTR_MODE | FATTR_UID |
		                               FATTR_GID | FATTR_MTIME,
		                      .mode = 0777,
		                      .uid = 501 };
	struct files_world f;
	struct fuse_attr attr;

	(void)state;
	begin(&f);
	assert_int_equal(kernel_setattr(f.k, walk(&f, "web"), &in, &attr), 0);
	assert_int_equal(attr.uid, WORLD_UID);
	assert_int_equal(kernel_setattr(f.k, walk(&f, "web/state"), &in, &attr),
	                 0);
	assert_int_equal(attr.mode & 07777, 0600);
	files_end_world(&f);
}

/* ---- get info, quick look ------------------------------------------------- */

/* The size is told before anybody opens it, and the text has just that. */
static void assert_exact(struct files_world *f, const char *path)
{
	struct fuse_entry_out e;
	struct fuse_open_out open;
	struct fuse_attr attr;
	char text[4096];
	ssize_t n;

	assert_int_equal(kernel_walk(f->k, path, &e), 0);
	assert_int_equal(kernel_getattr(f->k, e.nodeid, &attr), 0);
	assert_int_equal(attr.size, e.attr.size);
	assert_int_equal(kernel_open(f->k, e.nodeid, O_RDONLY, &open), 0);
	assert_false(open.open_flags & FOPEN_DIRECT_IO);
	n = kernel_read(f->k, e.nodeid, open.fh, 0, text, sizeof(text));
	assert_int_equal(n, e.attr.size);
	assert_true(n > 0);
	kernel_release(f->k, e.nodeid, open.fh, O_RDONLY);
}

static void sizes_are_exact_before_anything_is_opened(void **state)
{
	struct files_world f;

	(void)state;
	begin(&f);
	puppet_address(f.engine, "web", "198.19.249.7");
	f.engine->texts[ENGINE_LOGS] = "one line\nand another\n";
	assert_exact(&f, "web/state");
	assert_exact(&f, "web/ip");
	assert_exact(&f, "web/config");
	assert_exact(&f, "web/log");
	assert_exact(&f, ".orbfs/version");
	assert_exact(&f, ".orbfs/config");
	files_end_world(&f);
}

static void what_is_written_comes_as_it_is(void **state)
{
	struct fuse_open_out open;
	struct files_world f;
	uint64_t node;

	(void)state;
	begin(&f);
	node = walk(&f, "web/state");
	assert_int_equal(kernel_open(f.k, node, O_WRONLY, &open), 0);
	assert_true(open.open_flags & FOPEN_DIRECT_IO);
	kernel_release(f.k, node, open.fh, O_WRONLY);
	node = walk(&f, "web/exec");
	assert_int_equal(kernel_open(f.k, node, O_RDONLY, &open), 0);
	assert_true(open.open_flags & FOPEN_DIRECT_IO);
	kernel_release(f.k, node, open.fh, O_RDONLY);
	files_end_world(&f);
}

static void a_size_without_an_engine_is_the_last_one(void **state)
{
	struct fuse_entry_out e;
	struct files_world f;
	uint64_t size;

	(void)state;
	begin(&f);
	assert_int_equal(kernel_walk(f.k, "web/config", &e), 0);
	size = e.attr.size;
	assert_true(size > 0);
	hands_turn(f.w.hands, 5000);
	puppet_refuse(f.engine, -ENODEV);
	assert_int_equal(kernel_walk(f.k, "web/config", &e), 0);
	assert_int_equal(e.attr.size, size);
	assert_int_equal(kernel_walk(f.k, "web/log", &e), 0);
	assert_int_equal(e.attr.size, 0);
	puppet_refuse(f.engine, 0);
	files_end_world(&f);
}

static void a_machine_that_hangs_is_shown_with_its_last_size(void **state)
{
	struct files_world f;
	struct fuse_attr attr;
	uint64_t id;
	uint64_t size;
	uint64_t node;

	(void)state;
	begin(&f);
	node = walk(&f, "web/config");
	assert_int_equal(kernel_getattr(f.k, node, &attr), 0);
	size = attr.size;
	assert_true(size > 0);
	hands_turn(f.w.hands, 5000);
	puppet_at_once(f.engine, false);
	id = kernel_send_getattr(f.k, node);
	world_settle(&f.w);
	if (puppet_n(f.engine, ENGINE_LIST))
		puppet_answer(f.engine, ENGINE_LIST, 0);
	assert_false(kernel_answered(f.k, id));
	hands_turn(f.w.hands, MEASURE_MS);
	assert_int_equal(kernel_wait(f.k, id, NULL, NULL, KERNEL_MS), 0);
	/* The answer that comes after all is the next one's. */
	puppet_at_once(f.engine, true);
	puppet_answer(f.engine, ENGINE_INFO, 0);
	assert_int_equal(kernel_getattr(f.k, node, &attr), 0);
	assert_int_equal(attr.size, size);
	files_end_world(&f);
}

static void a_change_is_told_of_an_open_file(void **state)
{
	struct fuse_open_out open;
	struct files_world f;
	uint64_t state_node;
	unsigned before;

	(void)state;
	begin(&f);
	state_node = walk(&f, "off/state");
	assert_int_equal(kernel_open(f.k, state_node, O_RDONLY, &open), 0);
	before = f.n_inodes;
	assert_int_equal(kernel_echo(f.k, walk(&f, "off/state"), "start\n"), 0);
	assert_true(f.n_inodes > before + 1);
	kernel_release(f.k, state_node, open.fh, O_RDONLY);
	files_end_world(&f);
}

static void a_window_of_machines_touches_no_guest(void **state)
{
	struct files_world f;
	struct fuse_entry_out e;
	struct fuse_kstatfs st;
	char name[16];
	char *text;

	(void)state;
	begin(&f);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "m%d", i);
		puppet_add(f.engine, name, name, MACHINE_RUNNING);
	}
	assert_int_equal(kernel_statfs(f.k, KERNEL_ROOT, &st), 0);
	assert_int_equal(kernel_ls(f.k, KERNEL_ROOT, &text), 0);
	free(text);
	for (int i = 0; i < 100; i++) {
		struct fuse_attr attr;

		snprintf(name, sizeof(name), "m%d", i);
		assert_int_equal(kernel_lookup(f.k, KERNEL_ROOT, name, &e), 0);
		assert_int_equal(kernel_getattr(f.k, e.nodeid, &attr), 0);
		assert_int_equal(get_xattr(&f, e.nodeid, NULL, NULL, 0), 0);
		assert_int_equal(get_xattr(&f, e.nodeid, "com.apple.FinderInfo",
		                           NULL, 0),
		                 -ENOATTR);
		snprintf(name, sizeof(name), "._m%d", i);
		assert_int_equal(kernel_lookup(f.k, KERNEL_ROOT, name, &e),
		                 -ENOENT);
	}
	assert_int_equal(f.engine->n_asked[ENGINE_LIST], 1);
	assert_int_equal(n_asked(&f), 1);
	assert_int_equal(n_guest(&f), 0);
	files_end_world(&f);
}

static void statfs_of_a_machine_starts_no_guest(void **state)
{
	struct files_world f;
	struct fuse_kstatfs st;
	uint64_t files;

	(void)state;
	files_begin_world(&f);
	files = walk(&f, "web/files");
	assert_int_equal(kernel_statfs(f.k, files, &st), 0);
	assert_true(st.bavail > 0);
	assert_int_equal(n_guest(&f), 0);
	/* Who has looked into it is told what the guest says. */
	list_dir(&f, "");
	assert_int_equal(kernel_statfs(f.k, files, &st), 0);
	assert_int_equal(f.g->n_seen[WIRE_STATFS], 1);
	files_end_world(&f);
}

static void statfs_below_files_waits_for_no_guest(void **state)
{
	struct files_world f;
	struct fuse_kstatfs st;
	uint64_t me;

	(void)state;
	begin(&f);
	me = look(&f, "home/me");
	f.g->hold = -1;
	assert_int_equal(kernel_statfs(f.k, me, &st), 0);
	assert_true(st.bavail > 0);
	assert_true(st.blocks < UINT32_MAX);
	f.g->hold = 0;
	files_end_world(&f);
}

/* ---- memory --------------------------------------------------------------- */

static void use_all(struct files_world *f)
{
	struct fuse_entry_out e;
	struct fuse_open_out open;
	struct fuse_attr attr;
	char *text;

	kernel_mkdir(f->k, KERNEL_ROOT, "untitled folder", &e);
	kernel_rename(f->k, KERNEL_ROOT, "untitled folder", KERNEL_ROOT,
	              "other folder", 0);
	kernel_rename(f->k, KERNEL_ROOT, "other folder", KERNEL_ROOT, "shop",
	              0);
	kernel_mkdir(f->k, KERNEL_ROOT, "untitled folder", &e);
	kernel_rmdir(f->k, KERNEL_ROOT, "untitled folder");
	if (kernel_walk(f->k, "web/config", &e) == 0)
		kernel_getattr(f->k, e.nodeid, &attr);
	if (kernel_walk(f->k, "web/log", &e) == 0 &&
	    kernel_cat(f->k, e.nodeid, &text) == 0)
		free(text);
	set_xattr(f, KERNEL_ROOT, "com.apple.x", "value", 5, 0);
	get_xattr(f, KERNEL_ROOT, NULL, NULL, 0);
	if (kernel_create(f->k, KERNEL_ROOT, "._a", 0644, O_RDWR, &e, &open) ==
	    0) {
		kernel_write(f->k, e.nodeid, open.fh, 0, "text", 4);
		kernel_release(f->k, e.nodeid, open.fh, O_RDWR);
	}
	kernel_rename(f->k, KERNEL_ROOT, "._a", KERNEL_ROOT, "._b", 0);
	if (kernel_lookup(f->k, KERNEL_ROOT, "._b", &e) == 0 &&
	    kernel_cat(f->k, e.nodeid, &text) == 0)
		free(text);
}

static void finder_without_memory_is_answered_all_the_same(void **state)
{
	unsigned n = 0;

	(void)state;
	for (;;) {
		struct files_world f;
		bool more;

		begin(&f);
		more = fail_alloc_next(&n);
		use_all(&f);
		more = more && fail_alloc_reached();
		fail_alloc_off();
		files_end_world(&f);
		if (!more)
			break;
	}
	assert_true(n > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			attributes_of_finder_are_kept_everywhere_without_a_word),
		cmocka_unit_test(
			an_attribute_of_a_file_that_is_looked_up_anew_is_there),
		cmocka_unit_test(attributes_that_a_guest_can_keep_are_its_own),
		cmocka_unit_test(an_attribute_has_a_bound),
		cmocka_unit_test(
			attributes_of_a_removed_file_are_not_another_ones),
		cmocka_unit_test(noise_is_answered_from_memory),
		cmocka_unit_test(noise_cannot_be_made_beside_machines),
		cmocka_unit_test(files_of_finder_are_kept_and_never_listed),
		cmocka_unit_test(a_file_of_finder_moves_in_memory_only),
		cmocka_unit_test(
			what_a_guest_has_itself_is_a_file_like_any_other),
		cmocka_unit_test(an_open_file_of_finder_outlives_its_removal),
		cmocka_unit_test(nothing_else_can_be_made_under_such_a_name),
		cmocka_unit_test(without_finder_such_files_are_the_guests),
		cmocka_unit_test(a_file_is_copied_in),
		cmocka_unit_test(a_folder_is_copied_in),
		cmocka_unit_test(
			a_file_copied_beside_machines_is_refused_clearly),
		cmocka_unit_test(a_new_folder_that_is_renamed_is_a_machine),
		cmocka_unit_test(a_machine_is_renamed_and_never_exchanged),
		cmocka_unit_test(deleting_a_machine_in_finder_harms_nothing),
		cmocka_unit_test(
			modes_and_owners_of_control_files_are_taken_and_forgotten),
		cmocka_unit_test(sizes_are_exact_before_anything_is_opened),
		cmocka_unit_test(what_is_written_comes_as_it_is),
		cmocka_unit_test(a_size_without_an_engine_is_the_last_one),
		cmocka_unit_test(
			a_machine_that_hangs_is_shown_with_its_last_size),
		cmocka_unit_test(a_change_is_told_of_an_open_file),
		cmocka_unit_test(a_window_of_machines_touches_no_guest),
		cmocka_unit_test(statfs_of_a_machine_starts_no_guest),
		cmocka_unit_test(statfs_below_files_waits_for_no_guest),
		cmocka_unit_test(
			finder_without_memory_is_answered_all_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
