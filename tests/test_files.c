/*
 * What is below files/, as the kernel sees it: looking up, attributes, making,
 * moving and removing; and what becomes of it when the machine or its agent
 * goes. The guest is tests/fake_guest.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tests/fail_alloc.h"
#include "tests/files_world.h"

static void begin(struct files_world *f)
{
	files_begin_world(f);
	fake_guest_file(f->g, "etc/hosts", "127.0.0.1 localhost\n");
	fake_guest_file(f->g, "etc/fstab", "none\n");
	fake_guest_symlink(f->g, "etc/localtime", "/usr/share/zone");
	fake_guest_dir(f->g, "home/me");
}

/* A request with a name or two behind its body; its errno. */
static int ask_text(struct files_world *f, uint32_t opcode, uint64_t node,
                    const void *body, size_t len, const char *text)
{
	char all[1024];

	memcpy(all, body, len);
	snprintf(all + len, sizeof(all) - len, "%s", text);
	return kernel_wait(f->k,
	                   kernel_send(f->k, opcode, node, all,
	                               len + strlen(text) + 1),
	                   NULL, NULL, KERNEL_MS);
}

static int link_it(struct files_world *f, uint64_t old, uint64_t dir,
                   const char *name)
{
	struct fuse_link_in in = { .oldnodeid = old };

	return ask_text(f, FUSE_LINK, dir, &in, sizeof(in), name);
}

static char *read_link(struct files_world *f, uint64_t node)
{
	static char text[8192];
	const void *data;
	size_t len;

	assert_int_equal(kernel_wait(f->k, kernel_send_readlink(f->k, node),
	                             &data, &len, KERNEL_MS),
	                 0);
	snprintf(text, sizeof(text), "%.*s", (int)len, (const char *)data);
	return text;
}

/* ---- looking up ---------------------------------------------------------- */

static void files_shows_what_the_guest_has(void **state)
{
	struct files_world f;
	struct fuse_entry_out e;
	uint64_t hosts;

	(void)state;
	begin(&f);
	assert_int_equal(look_at(&f, "etc/hosts", &e), 0);
	assert_int_equal(e.attr.mode, S_IFREG | 0644);
	assert_int_equal(e.attr.size, 20);
	assert_int_equal(e.attr.uid, FAKE_UID);
	hosts = e.nodeid;
	assert_int_equal(look_at(&f, "etc/hosts", &e), 0);
	assert_int_equal(e.nodeid, hosts);
	assert_int_equal(look_at(&f, "etc/none", &e), -ENOENT);
	assert_int_equal(look_at(&f, "none/none", &e), -ENOENT);
	assert_int_equal(look_at(&f, "etc/hosts/x", &e), -ENOENT);
	assert_string_equal(read_link(&f, look(&f, "etc/localtime")),
	                    "../usr/share/zone");
	files_end_world(&f);
}

static void files_lists_a_directory_after_the_second_miss(void **state)
{
	struct files_world f;
	struct fuse_entry_out e;
	unsigned n;

	(void)state;
	begin(&f);
	for (int i = 0; i < 20; i++) {
		char name[32];

		snprintf(name, sizeof(name), "d/f%d", i);
		fake_guest_file(f.g, name, "");
	}
	look(&f, "d/f0");
	n = f.g->n_seen[WIRE_STAT];
	look(&f, "d/f1");
	assert_true(f.g->n_seen[WIRE_LIST] >= 1);
	for (int i = 2; i < 20; i++) {
		char name[32];

		snprintf(name, sizeof(name), "d/f%d", i);
		look(&f, name);
	}
	assert_int_equal(look_at(&f, "d/none", &e), -ENOENT);
	assert_int_equal(f.g->n_seen[WIRE_STAT], n);
	files_end_world(&f);
}

static void files_says_nothing_is_there_as_long_as_the_guest_watches(
	void **state)
{
	struct files_world f;
	struct fuse_entry_out *e;
	const void *data;
	uint64_t dir;

	(void)state;
	begin(&f);
	list_dir(&f, "etc");
	dir = look(&f, "etc");
	assert_int_equal(kernel_wait(f.k, kernel_send_lookup(f.k, dir, "none"),
	                             &data, NULL, KERNEL_MS),
	                 0);
	e = (struct fuse_entry_out *)data;
	assert_int_equal(e->nodeid, 0);
	assert_true(e->entry_valid > 1);
	/* And when it comes, the kernel is told. */
	f.n_entries = 0;
	fake_guest_write(f.g, "etc/none", "here");
	loop_run_for(f.w.loop, 20);
	assert_true(f.n_entries > 0);
	assert_string_equal(f.last_entry, "none");
	look(&f, "etc/none");
	files_end_world(&f);
}

static void files_keeps_attributes_for_long_where_the_guest_watches(void **state)
{
	struct files_world f;
	struct fuse_entry_out e;
	struct fuse_attr attr;
	unsigned n;

	(void)state;
	begin(&f);
	assert_int_equal(look_at(&f, "home/me", &e), 0);
	assert_true(e.attr_valid <= 1);
	list_dir(&f, "etc");
	assert_int_equal(look_at(&f, "etc/hosts", &e), 0);
	assert_true(e.attr_valid >= 50 && e.entry_valid >= 50);
	n = f.g->n_seen[WIRE_GETATTR];
	hands_turn(f.w.hands, 50000);
	assert_int_equal(kernel_getattr(f.k, e.nodeid, &attr), 0);
	assert_int_equal(f.g->n_seen[WIRE_GETATTR], n);
	fake_guest_write(f.g, "etc/hosts", "longer than it was before\n");
	f.n_inodes = 0;
	loop_run_for(f.w.loop, 20);
	assert_true(f.n_inodes > 0);
	assert_int_equal(kernel_getattr(f.k, e.nodeid, &attr), 0);
	assert_int_equal(attr.size, 26);
	files_end_world(&f);
}

static void files_does_not_keep_what_changes_while_it_is_listed(void **state)
{
	struct files_world f;
	struct fuse_entry_out e;
	uint64_t dir;
	uint64_t id;

	(void)state;
	begin(&f);
	list_dir(&f, "etc");
	dir = look(&f, "etc");
	fake_guest_write(f.g, "etc/new", "a");
	loop_run_for(f.w.loop, 20);
	/* The listing is asked for; then, before it has come, a change. */
	f.g->hold = WIRE_LIST;
	id = kernel_send_readdirplus(f.k, dir, 0, 0, 4096);
	wait_seen(&f, WIRE_LIST, f.g->n_seen[WIRE_LIST] + 1);
	f.g->hold = 0;
	fake_guest_changed(f.g, f.g->nodes[fake_guest_find(f.g, "etc")].watch,
	                   WIRE_CHANGED_FILE, "hosts");
	fake_guest_answer_all(f.g);
	assert_int_equal(kernel_wait(f.k, id, NULL, NULL, KERNEL_MS), 0);
	assert_int_equal(look_at(&f, "etc/hosts", &e), 0);
	files_end_world(&f);
}

static void files_survives_events_of_what_nobody_knows(void **state)
{
	struct files_world f;
	uint64_t watch;

	(void)state;
	begin(&f);
	list_dir(&f, "etc");
	look(&f, "etc/hosts");
	watch = f.g->nodes[fake_guest_find(f.g, "etc")].watch;
	for (uint32_t change = 0; change < 16; change++) {
		fake_guest_changed(f.g, watch, change, "hosts");
		fake_guest_changed(f.g, watch, change, "");
		fake_guest_changed(f.g, watch, change, "nobody");
		fake_guest_changed(f.g, watch + 77, change, "hosts");
		list_dir(&f, "etc");
		watch = f.g->nodes[fake_guest_find(f.g, "etc")].watch;
	}
	fake_guest_say(f.g, &(struct wire_header){ .op = WIRE_LOST }, NULL);
	f.g->fault = FAKE_BAD_EVENT;
	f.g->fault_once = true;
	look(&f, "etc/fstab");
	files_end_world(&f);
}

/* The last name that is known in a directory goes by an event. */
static void files_survives_the_end_of_a_directory_in_an_event(void **state)
{
	struct files_world f;
	struct fuse_entry_out e;
	uint64_t dir;
	uint64_t file;

	(void)state;
	begin(&f);
	fake_guest_file(f.g, "a/one", "x");
	fake_guest_dir(f.g, "b");
	fake_guest_hard_link(f.g, "b/two", "a/one");
	file = look(&f, "a/one");
	list_dir(&f, "b");
	assert_int_equal(look_at(&f, "b/two", &e), 0);
	assert_int_equal(e.nodeid, file);
	dir = look(&f, "b");
	kernel_send_forget(f.k, dir, 1000);
	world_settle(&f.w);
	fake_guest_remove(f.g, "b/two");
	loop_run_for(f.w.loop, 20);
	look(&f, "a/one");
	files_end_world(&f);
}

/* ---- changes ------------------------------------------------------------- */

static void files_makes_and_removes(void **state)
{
	struct files_world f;
	struct fuse_entry_out e;
	uint64_t home;

	(void)state;
	begin(&f);
	home = look(&f, "home/me");
	assert_int_equal(kernel_mkdir(f.k, home, "d", &e), 0);
	assert_true(S_ISDIR(e.attr.mode));
	assert_int_equal(kernel_mkdir(f.k, home, "d", &e), -EEXIST);
	assert_int_equal(kernel_mknod(f.k, home, "p", S_IFIFO | 0600, &e), 0);
	assert_true(S_ISFIFO(e.attr.mode));
	assert_int_equal(kernel_symlink(f.k, home, "l", "../x", &e), 0);
	assert_string_equal(read_link(&f, e.nodeid), "../x");
	assert_int_equal(look_at(&f, "home/me/l", &e), 0);
	assert_int_equal(link_it(&f, look(&f, "etc/hosts"), home, "h"), 0);
	assert_int_equal(look(&f, "home/me/h"), look(&f, "etc/hosts"));
	assert_int_equal(link_it(&f, look(&f, "etc/hosts"), home, "h"),
	                 -EEXIST);
	assert_int_equal(kernel_unlink(f.k, home, "h"), 0);
	assert_int_equal(look_at(&f, "home/me/h", &e), -ENOENT);
	assert_int_equal(kernel_unlink(f.k, home, "d"), -EISDIR);
	assert_int_equal(kernel_rmdir(f.k, home, "p"), -ENOTDIR);
	assert_int_equal(kernel_rmdir(f.k, home, "d"), 0);
	assert_int_equal(kernel_rmdir(f.k, look(&f, "home"), "me"), -ENOTEMPTY);
	files_end_world(&f);
}

static void files_keeps_a_listing_right_by_its_own_changes(void **state)
{
	struct files_world f;
	struct fuse_entry_out e;
	uint64_t etc;
	unsigned n;

	(void)state;
	begin(&f);
	list_dir(&f, "etc");
	etc = look(&f, "etc");
	n = f.g->n_seen[WIRE_STAT] + f.g->n_seen[WIRE_LIST];
	assert_int_equal(kernel_mkdir(f.k, etc, "d", &e), 0);
	assert_int_equal(kernel_unlink(f.k, etc, "fstab"), 0);
	assert_int_equal(kernel_lookup(f.k, etc, "d", &e), 0);
	assert_int_equal(kernel_lookup(f.k, etc, "fstab", &e), -ENOENT);
	assert_int_equal(f.g->n_seen[WIRE_STAT] + f.g->n_seen[WIRE_LIST], n);
	files_end_world(&f);
}

static void files_renames(void **state)
{
	struct files_world f;
	struct fuse_entry_out e;
	uint64_t etc;
	uint64_t home;
	uint64_t hosts;

	(void)state;
	begin(&f);
	etc = look(&f, "etc");
	home = look(&f, "home/me");
	hosts = look(&f, "etc/hosts");
	assert_int_equal(kernel_rename(f.k, etc, "hosts", home, "h", 0), 0);
	assert_int_equal(look(&f, "home/me/h"), hosts);
	assert_int_equal(look_at(&f, "etc/hosts", &e), -ENOENT);
	assert_int_equal(kernel_rename(f.k, home, "h", etc, "fstab",
	                               RENAME_NOREPLACE),
	                 -EEXIST);
	assert_int_equal(kernel_rename(f.k, home, "h", etc, "fstab",
	                               RENAME_EXCHANGE),
	                 0);
	assert_int_equal(look(&f, "etc/fstab"), hosts);
	assert_int_equal(kernel_rename(f.k, home, "h", etc, "fstab", 0), 0);
	assert_int_not_equal(look(&f, "etc/fstab"), hosts);
	assert_int_equal(kernel_rename(f.k, home, "h", etc, "x", 8), -EINVAL);
	/* A directory with what is known below it. */
	assert_int_equal(kernel_rename(f.k, look(&f, ""), "etc",
	                               look(&f, "home"), "etc", 0),
	                 0);
	assert_int_equal(look(&f, "home/etc"), etc);
	look(&f, "home/etc/localtime");
	files_end_world(&f);
}

static void files_does_not_reach_from_one_machine_into_another(void **state)
{
	struct files_world f;
	struct fuse_entry_out e;
	uint64_t etc;
	uint64_t hosts;

	(void)state;
	begin(&f);
	etc = look(&f, "etc");
	hosts = look(&f, "etc/hosts");
	assert_int_equal(kernel_walk(f.k, "two/files", &e), 0);
	assert_int_equal(kernel_rename(f.k, etc, "hosts", e.nodeid, "h", 0),
	                 -EXDEV);
	assert_int_equal(kernel_rename(f.k, e.nodeid, "h", etc, "hosts", 0),
	                 -EXDEV);
	assert_int_equal(link_it(&f, hosts, e.nodeid, "h"), -EXDEV);
	assert_int_equal(kernel_walk(f.k, "web", &e), 0);
	assert_int_equal(kernel_rename(f.k, etc, "hosts", e.nodeid, "h", 0),
	                 -EXDEV);
	assert_int_equal(f.g->n_seen[WIRE_RENAME] + f.g->n_seen[WIRE_LINK], 0);
	files_end_world(&f);
}

static void files_sets_attributes(void **state)
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
	begin(&f);
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

static void files_does_not_ask_for_attributes_that_are_not_there(void **state)
{
	struct files_world f;
	struct fuse_getxattr_in get = { .size = 100 };
	struct fuse_setxattr_in set = { .size = 3 };
	uint64_t hosts;
	char text[64] = "user.a\0val";

	(void)state;
	begin(&f);
	list_dir(&f, "etc");
	hosts = look(&f, "etc/hosts");
	assert_int_equal(ask_text(&f, FUSE_GETXATTR, hosts, &get, sizeof(get),
	                          "user.a"),
	                 -ENODATA);
	assert_int_equal(f.g->n_seen[WIRE_GETXATTR], 0);
	{
		char all[64];

		memcpy(all, &set, FUSE_COMPAT_SETXATTR_IN_SIZE);
		memcpy(all + FUSE_COMPAT_SETXATTR_IN_SIZE, text, 10);
		assert_int_equal(
			kernel_wait(
				f.k,
				kernel_send(f.k, FUSE_SETXATTR, hosts, all,
		                            FUSE_COMPAT_SETXATTR_IN_SIZE + 10),
				NULL, NULL, KERNEL_MS),
			0);
	}
	assert_int_equal(f.g->n_seen[WIRE_SETXATTR], 1);
	assert_int_equal(ask_text(&f, FUSE_GETXATTR, hosts, &get, sizeof(get),
	                          "user.a"),
	                 0);
	assert_int_equal(f.g->n_seen[WIRE_GETXATTR], 1);
	get.size = 1;
	assert_int_equal(ask_text(&f, FUSE_GETXATTR, hosts, &get, sizeof(get),
	                          "user.a"),
	                 -ERANGE);
	assert_int_equal(ask_text(&f, FUSE_REMOVEXATTR, hosts, "", 0, "user.a"),
	                 0);
	files_end_world(&f);
}

/* ---- links --------------------------------------------------------------- */

static void files_shows_no_link_that_leads_out(void **state)
{
	struct files_world f;

	(void)state;
	begin(&f);
	fake_guest_symlink(f.g, "a/b/c/deep", "../../../../../etc/passwd");
	fake_guest_symlink(f.g, "a/mid", "b/../../../x");
	/* One inode, high up and deep down. */
	fake_guest_hard_link(f.g, "high", "a/b/c/deep");
	assert_string_equal(read_link(&f, look(&f, "high")), "etc/passwd");
	assert_string_equal(read_link(&f, look(&f, "a/b/c/deep")),
	                    "../../../etc/passwd");
	assert_string_equal(read_link(&f, look(&f, "high")), "etc/passwd");
	assert_string_equal(read_link(&f, look(&f, "a/mid")), "../x");
	f.g->resolved = "b/real";
	assert_string_equal(read_link(&f, look(&f, "a/mid")), "../b/real");
	files_end_world(&f);
}

/* Is a link as long as it says, as lstat and readlink see it? */
static void expect_length(struct files_world *f, const char *path)
{
	struct fuse_entry_out e;

	assert_int_equal(look_at(f, path, &e), 0);
	assert_int_equal(e.attr.size, strlen(read_link(f, e.nodeid)));
}

static void files_gives_a_link_the_length_of_what_it_shows(void **state)
{
	struct files_world f;
	struct fuse_entry_out e;

	(void)state;
	begin(&f);
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

/* The kernel learns the count of the old name from the answer, and looks the
 * new one up by itself. */
static void files_tells_the_count_of_a_linked_link_at_once(void **state)
{
	struct fuse_link_in in = { 0 };
	char text[sizeof(in) + 2] = "";
	struct files_world f;
	struct fuse_entry_out e;
	const void *data;
	size_t len;

	(void)state;
	begin(&f);
	assert_int_equal(look_at(&f, "etc/localtime", &e), 0);
	assert_int_equal(e.attr.nlink, 1);
	in.oldnodeid = e.nodeid;
	memcpy(text, &in, sizeof(in));
	text[sizeof(in)] = 'l';
	assert_int_equal(kernel_wait(f.k,
	                             kernel_send(f.k, FUSE_LINK,
	                                         look(&f, "home"), text,
	                                         sizeof(text)),
	                             &data, &len, KERNEL_MS),
	                 0);
	assert_true(len >= sizeof(e));
	memcpy(&e, data, sizeof(e));
	assert_int_equal(e.nodeid, in.oldnodeid);
	assert_int_equal(e.attr.nlink, 2);
	assert_int_equal(e.entry_valid, 0);
	assert_int_equal(e.entry_valid_nsec, 0);
	assert_int_equal(look_at(&f, "home/l", &e), 0);
	assert_int_not_equal(e.nodeid, in.oldnodeid);
	assert_int_equal(e.attr.nlink, 2);
	assert_string_equal(read_link(&f, e.nodeid), "../usr/share/zone");
	files_end_world(&f);
}

/* ---- life ---------------------------------------------------------------- */

static void files_of_a_stopped_machine_are_not_reached(void **state)
{
	struct files_world f;
	struct fuse_entry_out e;

	(void)state;
	begin(&f);
	assert_int_equal(kernel_walk(f.k, "off/files", &e), 0);
	assert_int_equal(kernel_walk(f.k, "off/files/etc", &e), -EHOSTDOWN);
	assert_int_equal(puppet_asked(f.engine, ENGINE_AGENT), 0);
	assert_int_equal(puppet_asked(f.engine, ENGINE_START), 0);
	files_end_world(&f);
}

static void files_starts_an_agent_when_one_is_needed_and_no_sooner(void **state)
{
	struct files_world f;
	struct fuse_entry_out e;
	struct fuse_attr attr;

	(void)state;
	begin(&f);
	assert_int_equal(look_at(&f, "", &e), 0);
	assert_int_equal(kernel_getattr(f.k, e.nodeid, &attr), 0);
	assert_int_equal(puppet_asked(f.engine, ENGINE_AGENT), 0);
	look(&f, "etc/hosts");
	assert_int_equal(puppet_asked(f.engine, ENGINE_AGENT), 1);
	hands_turn(f.w.hands, GUEST_IDLE_MS);
	loop_run_for(f.w.loop, 20);
	assert_null(f.agent.job);
	hands_turn(f.w.hands, 1000);
	look(&f, "etc/hosts");
	assert_int_equal(puppet_asked(f.engine, ENGINE_AGENT), 2);
	/* It dies: the next look has another. */
	fake_guest_die(f.g);
	loop_run_for(f.w.loop, 20);
	look(&f, "etc/hosts");
	assert_int_equal(puppet_asked(f.engine, ENGINE_AGENT), 3);
	files_end_world(&f);
}

static void files_of_an_agent_that_dies_fail_at_once(void **state)
{
	struct files_world f;
	uint64_t dir;
	uint64_t ids[3];
	struct fuse_attr attr;

	(void)state;
	begin(&f);
	dir = look(&f, "etc");
	f.g->hold = -1;
	ids[0] = kernel_send_lookup(f.k, dir, "hosts");
	ids[1] = kernel_send_mkdir(f.k, dir, "d", 0755);
	ids[2] = kernel_send_readdir(f.k, dir, 0, 0, 4096);
	wait_seen(&f, WIRE_MKDIR, 1);
	world_settle(&f.w);
	fake_guest_die(f.g);
	for (int i = 0; i < 3; i++)
		assert_int_equal(
			kernel_wait(f.k, ids[i], NULL, NULL, KERNEL_MS), -EIO);
	f.g->hold = 0;
	assert_int_equal(kernel_getattr(f.k, dir, &attr), 0);
	files_end_world(&f);
}

static void files_of_an_agent_that_is_silent_time_out(void **state)
{
	struct files_world f;
	uint64_t dir;
	uint64_t id;

	(void)state;
	begin(&f);
	dir = look(&f, "etc");
	f.g->fault = FAKE_HANG;
	id = kernel_send_lookup(f.k, dir, "hosts");
	wait_seen(&f, WIRE_STAT, f.g->n_seen[WIRE_STAT] + 1);
	hands_turn(f.w.hands, 30000);
	assert_int_equal(kernel_wait(f.k, id, NULL, NULL, KERNEL_MS),
	                 -ETIMEDOUT);
	f.g->fault = FAKE_NONE;
	look(&f, "etc/hosts");
	files_end_world(&f);
}

/* `ls -l` of a machine's directory asks for files/ itself, too. */
static void files_itself_is_shown_whatever_its_agent_does(void **state)
{
	struct files_world f;
	struct fuse_attr attr;
	uint64_t root;
	uint64_t ids[2];
	unsigned n;

	(void)state;
	begin(&f);
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

/* The kernel cannot be told to forget those when the agent is lost. */
static void files_that_are_not_in_the_root_are_not_kept(void **state)
{
	struct files_world f;
	uint64_t root;

	(void)state;
	begin(&f);
	list_dir(&f, "");
	root = look(&f, "");
	assert_int_equal(kernel_wait(f.k, kernel_send_lookup(f.k, root, "none"),
	                             NULL, NULL, KERNEL_MS),
	                 -ENOENT);
	files_end_world(&f);
}

static void files_goes_on_after_whatever_the_guest_says(void **state)
{
	(void)state;
	for (int fault = FAKE_DUPLICATE; fault < FAKE_HANG; fault++) {
		struct files_world f;
		struct fuse_entry_out e;
		int err;

		if (fault == FAKE_MORE)
			continue; /* see above: silence */
		begin(&f);
		look(&f, "etc");
		f.g->fault = (enum fake_fault)fault;
		f.g->fault_once = true;
		err = look_at(&f, "etc/fstab", &e);
		if (err != 0 && err != -EIO)
			fail_msg("fault %d: %s", fault, strerror(-err));
		f.g->fault = FAKE_NONE;
		look(&f, "etc/hosts");
		files_end_world(&f);
	}
}

static void files_are_interrupted_when_it_takes_long(void **state)
{
	struct files_world f;
	uint64_t dir;
	uint64_t id;

	(void)state;
	begin(&f);
	dir = look(&f, "etc");
	f.g->hold = -1;
	id = kernel_send_mkdir(f.k, dir, "d", 0755);
	wait_seen(&f, WIRE_MKDIR, 1);
	kernel_send_interrupt(f.k, id);
	loop_run_for(f.w.loop, 20);
	assert_false(kernel_answered(f.k, id));
	hands_turn(f.w.hands, 1000);
	assert_int_equal(kernel_wait(f.k, id, NULL, NULL, KERNEL_MS), -EINTR);
	f.g->hold = 0;
	fake_guest_answer_all(f.g);
	/* It was made all the same. */
	look(&f, "etc/d");
	files_end_world(&f);
}

static int set_xattr(struct files_world *f, uint64_t node)
{
	static const char names[] = "user.a\0b";
	struct fuse_setxattr_in in = { .size = 1 };
	char all[sizeof(in) + sizeof(names)];

	/* Without flags of its own, as older kernels send it. */
	memcpy(all, &in, FUSE_COMPAT_SETXATTR_IN_SIZE);
	memcpy(all + FUSE_COMPAT_SETXATTR_IN_SIZE, names, sizeof(names));
	return kernel_wait_done(
		f->k,
		kernel_send(f->k, FUSE_SETXATTR, node, all,
	                    FUSE_COMPAT_SETXATTR_IN_SIZE + sizeof(names)));
}

/* The kernel has found the name, and waits for who removes it. */
static void files_may_be_changed_after_we_removed_them(void **state)
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
	begin(&f);
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
		assert_int_equal(set_xattr(&f, nodes[i]), 0);
	}
	assert_int_equal(f.g->n_seen[WIRE_SETATTR], 1);
	assert_int_equal(f.g->n_seen[WIRE_SETXATTR], 0);
	files_end_world(&f);
}

enum { N_IN_DIRECTORY = 10 };

/* Something that is asked about a directory, or a file or link in it. */
static uint64_t send_in_directory(struct files_world *f, int i, uint64_t dir)
{
	struct fuse_setattr_in mode = { .valid = FATTR_MODE, .mode = 0600 };
	uint64_t in[2] = { look(f, "var/d/file"), look(f, "var/d/link") };
	struct fuse_open_out open;

	assert_int_equal(kernel_opendir(f->k, dir, &open), 0);
	hands_turn(f->w.hands, 1000);
	f->g->hold = -1;
	switch (i) {
	case 0:
		return kernel_send_create(f->k, dir, "new", 0644, O_RDWR);
	case 1:
		return kernel_send_mkdir(f->k, dir, "made", 0755);
	case 2:
		return kernel_send_unlink(f->k, dir, "file");
	case 3:
		return kernel_send_rename(f->k, dir, "file", dir, "moved", 0);
	case 4:
		return kernel_send_lookup(f->k, dir, "other");
	case 5:
		return kernel_send_getattr(f->k, in[0]);
	case 6:
		return kernel_send_setattr(f->k, in[0], &mode);
	case 7:
		return kernel_send_readlink(f->k, in[1]);
	case 8:
		return kernel_send_open(f->k, in[0], O_RDWR);
	default:
		return kernel_send_readdir(f->k, dir, open.fh, 0, 4096);
	}
}

/* It was asked behind the rename, as the guest sees it. */
static void files_are_found_in_a_directory_that_we_move(void **state)
{
	struct files_world f;
	uint64_t id;
	uint64_t move;
	uint64_t var;

	(void)state;
	for (int i = 0; i < N_IN_DIRECTORY; i++) {
		begin(&f);
		fake_guest_file(f.g, "var/d/file", "text");
		fake_guest_file(f.g, "var/d/other", "text");
		fake_guest_symlink(f.g, "var/d/link", "file");
		f.g->not_watched = true;
		var = look(&f, "var");
		id = send_in_directory(&f, i, look(&f, "var/d"));
		move = kernel_send_rename(f.k, var, "d", var, "e", 0);
		loop_run_for(f.w.loop, 20);
		assert_int_equal(fake_guest_n_waiting(f.g), 2);
		fake_guest_answer(f.g, 1);
		assert_int_equal(kernel_wait_done(f.k, move), 0);
		f.g->hold = 0;
		fake_guest_answer_all(f.g);
		assert_int_equal(kernel_wait(f.k, id, NULL, NULL, KERNEL_MS),
		                 0);
		files_end_world(&f);
	}
}

/* For then it looks the name up anew, and tries once more. */
static void files_tell_the_kernel_that_a_name_is_another_files(void **state)
{
	struct files_world f;
	struct fuse_setattr_in in = { .valid = FATTR_MODE, .mode = 0600 };
	struct fuse_open_out open;
	struct fuse_attr attr;
	uint64_t node;
	uint64_t link;

	(void)state;
	begin(&f);
	/* The guest answers that it is not there. */
	fake_guest_symlink(f.g, "var/link", "to");
	node = look(&f, "etc/hosts");
	link = look(&f, "var/link");
	fake_guest_remove(f.g, "etc/hosts");
	fake_guest_remove(f.g, "var/link");
	hands_turn(f.w.hands, 1000);
	assert_int_equal(kernel_getattr(f.k, node, &attr), -ESTALE);
	assert_int_equal(kernel_setattr(f.k, node, &in, &attr), -ESTALE);
	assert_int_equal(kernel_open(f.k, node, O_RDONLY, &open), -ESTALE);
	assert_int_equal(set_xattr(&f, node), -ESTALE);
	assert_int_equal(kernel_wait_done(f.k, kernel_send_readlink(f.k, link)),
	                 -ESTALE);
	/* It has told so. */
	list_dir(&f, "etc");
	node = look(&f, "etc/fstab");
	fake_guest_remove(f.g, "etc/fstab");
	loop_run_for(f.w.loop, 20);
	assert_int_equal(kernel_setattr(f.k, node, &in, &attr), -ESTALE);
	assert_int_equal(kernel_open(f.k, node, O_RDONLY, &open), -ESTALE);
	files_end_world(&f);
}

static void files_of_a_machine_that_is_removed_go(void **state)
{
	struct files_world f;
	struct fuse_attr attr;
	uint64_t hosts;

	(void)state;
	begin(&f);
	hosts = look(&f, "etc/hosts");
	puppet_remove(f.engine, "web");
	hands_turn(f.w.hands, 2000);
	kernel_wait(f.k, kernel_send_lookup(f.k, KERNEL_ROOT, "web"), NULL,
	            NULL, KERNEL_MS);
	loop_run_for(f.w.loop, 20);
	assert_null(f.agent.job);
	assert_int_not_equal(kernel_getattr(f.k, hosts, &attr), 0);
	kernel_send_forget(f.k, hosts, 1);
	files_end_world(&f);
}

/* ---- without memory ------------------------------------------------------ */

static void use_files(struct files_world *f)
{
	struct fuse_entry_out e;
	struct fuse_open_out open;
	char *text = NULL;
	char bytes[64];

	if (look_at(f, "etc/hosts", &e) == 0 &&
	    kernel_open(f->k, e.nodeid, O_RDWR, &open) == 0) {
		kernel_write(f->k, e.nodeid, open.fh, 0, "abc", 3);
		kernel_read(f->k, e.nodeid, open.fh, 0, bytes, sizeof(bytes));
		kernel_flush(f->k, e.nodeid, open.fh);
		kernel_release(f->k, e.nodeid, open.fh, O_RDWR);
	}
	if (look_at(f, "etc", &e))
		return;
	if (kernel_ls(f->k, e.nodeid, &text) == 0)
		free(text);
	kernel_mkdir(f->k, e.nodeid, "d", &e);
	kernel_rename(f->k, e.nodeid, "fstab", e.nodeid, "tab", 0);
	kernel_unlink(f->k, e.nodeid, "hosts");
	if (look_at(f, "etc/localtime", &e) == 0)
		kernel_wait(f->k, kernel_send_readlink(f->k, e.nodeid), NULL,
		            NULL, KERNEL_MS);
}

static void files_without_memory_answer_all_the_same(void **state)
{
	unsigned n = 0;

	(void)state;
	for (;;) {
		struct files_world f;
		bool more;

		begin(&f);
		more = fail_alloc_next(&n);
		use_files(&f);
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
		cmocka_unit_test(files_shows_what_the_guest_has),
		cmocka_unit_test(files_lists_a_directory_after_the_second_miss),
		cmocka_unit_test(
			files_says_nothing_is_there_as_long_as_the_guest_watches),
		cmocka_unit_test(
			files_keeps_attributes_for_long_where_the_guest_watches),
		cmocka_unit_test(
			files_does_not_keep_what_changes_while_it_is_listed),
		cmocka_unit_test(files_survives_events_of_what_nobody_knows),
		cmocka_unit_test(
			files_survives_the_end_of_a_directory_in_an_event),
		cmocka_unit_test(files_makes_and_removes),
		cmocka_unit_test(
			files_keeps_a_listing_right_by_its_own_changes),
		cmocka_unit_test(files_renames),
		cmocka_unit_test(
			files_does_not_reach_from_one_machine_into_another),
		cmocka_unit_test(files_sets_attributes),
		cmocka_unit_test(
			files_does_not_ask_for_attributes_that_are_not_there),
		cmocka_unit_test(files_shows_no_link_that_leads_out),
		cmocka_unit_test(
			files_gives_a_link_the_length_of_what_it_shows),
		cmocka_unit_test(
			files_tells_the_count_of_a_linked_link_at_once),
		cmocka_unit_test(files_of_a_stopped_machine_are_not_reached),
		cmocka_unit_test(
			files_starts_an_agent_when_one_is_needed_and_no_sooner),
		cmocka_unit_test(files_of_an_agent_that_dies_fail_at_once),
		cmocka_unit_test(files_of_an_agent_that_is_silent_time_out),
		cmocka_unit_test(files_itself_is_shown_whatever_its_agent_does),
		cmocka_unit_test(files_that_are_not_in_the_root_are_not_kept),
		cmocka_unit_test(files_goes_on_after_whatever_the_guest_says),
		cmocka_unit_test(files_are_interrupted_when_it_takes_long),
		cmocka_unit_test(files_may_be_changed_after_we_removed_them),
		cmocka_unit_test(files_are_found_in_a_directory_that_we_move),
		cmocka_unit_test(
			files_tell_the_kernel_that_a_name_is_another_files),
		cmocka_unit_test(files_of_a_machine_that_is_removed_go),
		cmocka_unit_test(files_without_memory_answer_all_the_same),
	};

	signal(SIGPIPE, SIG_IGN); /* as in the daemon */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
