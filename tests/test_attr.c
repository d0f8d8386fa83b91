/*
 * What attr.h promises: what the kernel is told of a guest's file, and how it is
 * set; files/ itself never waits long; and what was removed keeps what is set.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tests/files_world.h"

static void attr_is_set(void **state)
{
	struct files_world f;
	struct fuse_setattr_in in = { .valid = FATTR_MODE | FATTR_UID |
		                               FATTR_SIZE,
		                      .mode = S_IFREG | 0600,
		                      .uid = 7,
		                      .size = 3 };
	struct fuse_attr attr;
	uint64_t hosts;

	(void)state;
	files_begin_stocked(&f);
	hosts = look(&f, "etc/hosts");
	assert_int_equal(kernel_setattr(f.k, hosts, &in, &attr), 0);
	assert_int_equal(attr.mode, S_IFREG | 0600);
	assert_int_equal(attr.uid, 7);
	assert_int_equal(attr.gid, FAKE_UID);
	assert_int_equal(attr.size, 3);
	/* A chown to nobody: the guest is asked for the time of change. */
	in = (struct fuse_setattr_in){ .valid = 0 };
	assert_int_equal(kernel_setattr(f.k, hosts, &in, &attr), 0);
	assert_int_equal(f.g->n_seen[WIRE_SETATTR], 2);
	assert_int_equal(attr.uid, 7);
	assert_int_equal(attr.gid, FAKE_UID);
	f.g->err[WIRE_SETATTR] = EPERM;
	in.valid = FATTR_MODE;
	assert_int_equal(kernel_setattr(f.k, hosts, &in, &attr), -EPERM);
	files_end_world(&f);
}

/* Is a link as long as it says, as lstat and readlink see it? */
static void expect_length(struct files_world *f, const char *path)
{
	struct fuse_entry_out e;

	assert_int_equal(look_at(f, path, &e), 0);
	assert_int_equal(e.attr.size, strlen(read_link(f, e.nodeid)));
}

static void attr_of_a_link_has_the_length_of_what_it_shows(void **state)
{
	struct files_world f;
	struct fuse_entry_out e;

	(void)state;
	files_begin_stocked(&f);
	fake_guest_symlink(f.g, "a/b/c/deep", "../../../../../etc/passwd");
	fake_guest_symlink(f.g, "a/b/plain", "c");
	expect_length(&f, "a/b/c/deep");
	expect_length(&f, "a/b/plain");
	expect_length(&f, "etc/localtime");
	list_dir(&f, "etc");
	expect_length(&f, "etc/localtime");
	assert_int_equal(kernel_symlink(f.k, look(&f, "a/b"), "l", "/x", &e),
	                 0);
	assert_int_equal(e.attr.size, strlen("../../x"));
	assert_int_equal(link_it(&f, e.nodeid, look(&f, "a"), "l"), 0);
	expect_length(&f, "a/l");
	files_end_world(&f);
}

/* `ls -l` of a machine's directory asks for files/ itself, too. */
static void attr_of_files_itself_is_shown_whatever_its_agent_does(void **state)
{
	struct files_world f;
	struct fuse_attr attr;
	uint64_t root;
	uint64_t ids[2];
	unsigned n;

	(void)state;
	files_begin_stocked(&f);
	root = look(&f, "");
	look(&f, "etc");
	assert_int_equal(kernel_getattr(f.k, root, &attr), 0);
	hands_turn(f.w.hands, 2000);
	f.g->hold = -1;
	n = f.g->n_seen[WIRE_GETATTR];
	for (int i = 0; i < 2; i++)
		ids[i] = kernel_send_getattr(f.k, root);
	wait_seen(&f, WIRE_GETATTR, n + 1);
	hands_turn(f.w.hands, 249);
	assert_false(kernel_answered(f.k, ids[0]));
	hands_turn(f.w.hands, 1);
	for (int i = 0; i < 2; i++)
		assert_int_equal(
			kernel_wait(f.k, ids[i], NULL, NULL, KERNEL_MS), 0);
	/* Who comes next does not wait at all, until there is an answer. */
	assert_int_equal(kernel_getattr(f.k, root, &attr), 0);
	assert_int_equal(f.g->n_seen[WIRE_GETATTR], n + 1);
	f.g->hold = 0;
	fake_guest_answer_all(f.g);
	loop_run_for(f.w.loop, 20);
	hands_turn(f.w.hands, 2000);
	assert_int_equal(kernel_getattr(f.k, root, &attr), 0);
	assert_int_equal(f.g->n_seen[WIRE_GETATTR], n + 2);
	/* Its death is an answer, too. */
	hands_turn(f.w.hands, 2000);
	f.g->hold = -1;
	ids[0] = kernel_send_getattr(f.k, root);
	wait_seen(&f, WIRE_GETATTR, n + 3);
	fake_guest_die(f.g);
	assert_int_equal(kernel_wait(f.k, ids[0], NULL, NULL, KERNEL_MS), 0);
	f.g->hold = 0;
	files_end_world(&f);
}

/* The kernel has found the name, and waits for who removes it. */
static void attr_may_be_set_after_we_removed_the_file(void **state)
{
	struct files_world f;
	struct fuse_setattr_in in = {
		.valid = FATTR_MODE | FATTR_UID | FATTR_ATIME | FATTR_MTIME |
		         FATTR_MTIME_NOW,
		.mode = 0600,
		.uid = 7,
		.atime = 11,
	};
	struct fuse_attr attr;
	uint64_t nodes[2];
	uint64_t dir;

	(void)state;
	files_begin_stocked(&f);
	dir = look(&f, "etc");
	nodes[0] = look(&f, "etc/hosts");
	nodes[1] = look(&f, "etc/fstab");
	assert_int_equal(kernel_rename(f.k, dir, "fstab", dir, "hosts", 0), 0);
	assert_int_equal(kernel_setattr(f.k, nodes[1], &in, &attr), 0);
	assert_int_equal(f.g->n_seen[WIRE_SETATTR], 1);
	assert_int_equal(kernel_unlink(f.k, dir, "hosts"), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(kernel_setattr(f.k, nodes[i], &in, &attr), 0);
		assert_int_equal(attr.nlink, 0);
		assert_int_equal(attr.mode, S_IFREG | 0600);
		assert_int_equal(attr.uid, 7);
		assert_int_equal(attr.atime, 11);
		assert_true(attr.mtime >= HANDS_START_WALL);
		assert_int_equal(set_xattr(&f, nodes[i], "user.a", "b", 1, 0),
		                 0);
	}
	assert_int_equal(f.g->n_seen[WIRE_SETATTR], 1);
	assert_int_equal(f.g->n_seen[WIRE_SETXATTR], 0);
	files_end_world(&f);
}

/* The kernel would give up an inode that becomes another kind of file. */
static void attr_of_another_kind_is_another_files(void **state)
{
	struct files_world f;
	struct fuse_attr attr;
	uint64_t node;

	(void)state;
	files_begin_stocked(&f);
	node = look(&f, "etc/fstab");
	f.g->nodes[fake_guest_find(f.g, "etc/fstab")].mode = S_IFDIR | 0755;
	hands_turn(f.w.hands, 2000);
	assert_int_equal(kernel_getattr(f.k, node, &attr), -ESTALE);
	assert_int_not_equal(look(&f, "etc/fstab"), node);
	files_end_world(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attr_is_set),
		cmocka_unit_test(
			attr_of_a_link_has_the_length_of_what_it_shows),
		cmocka_unit_test(
			attr_of_files_itself_is_shown_whatever_its_agent_does),
		cmocka_unit_test(attr_may_be_set_after_we_removed_the_file),
		cmocka_unit_test(attr_of_another_kind_is_another_files),
	};

	signal(SIGPIPE, SIG_IGN); /* as in the daemon */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
