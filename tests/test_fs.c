/*
 * What fs.h promises: inode numbers and how long they live, what is refused,
 * what the kernel is told of changes; and a whole day of a user, in which any
 * allocation may fail.
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

#include <cmocka.h>

#include "tests/fail_alloc.h"
#include "tests/puppet.h"
#include "tests/world.h"

static void begin(struct world *w)
{
	world_begin(w, &(struct world_spec){ .engine = puppet_new() });
	puppet_add(w->engine, "up", "1", MACHINE_RUNNING);
	puppet_add(w->engine, "off", "2", MACHINE_STOPPED);
	puppet_at_once(w->engine, true);
}

static void end(struct world *w)
{
	world_end(w, puppet_stop);
	puppet_free(w->engine);
}

static void walk(struct world *w, const char *path, struct fuse_entry_out *e)
{
	int err = kernel_walk(w->kernel, path, e);

	if (err)
		fail_msg("%s: %d", path, err);
}

static uint64_t node_of(struct world *w, const char *path)
{
	struct fuse_entry_out e;

	walk(w, path, &e);
	return e.nodeid;
}

/* ---- inodes -------------------------------------------------------------- */

static void fs_gives_one_inode_to_one_file(void **state)
{
	static const char *const shared[] = {
		"up",     "up/ip",      "up/log",         "up/run",
		".orbfs", ".orbfs/ctl", "up/run/last/out"
	};
	static const char *const own[] = { "up/state", "up/config", "up/exec" };
	struct world w;
	struct fuse_entry_out a, b;

	(void)state;
	begin(&w);
	for (int i = 0; i < 7; i++) {
		walk(&w, shared[i], &a);
		walk(&w, shared[i], &b);
		assert_int_equal(a.nodeid, b.nodeid);
		assert_int_equal(a.attr.ino, b.attr.ino);
		assert_int_equal(a.entry_valid, 1);
	}
	/* Those whose writes wait get one for each lookup, and are never
	 * taken from the kernel's memory. */
	for (int i = 0; i < 3; i++) {
		walk(&w, own[i], &a);
		walk(&w, own[i], &b);
		assert_int_not_equal(a.nodeid, b.nodeid);
		assert_int_equal(a.attr.ino, b.attr.ino);
		assert_int_equal(a.entry_valid, 0);
		assert_int_equal(a.entry_valid_nsec, 0);
	}
	end(&w);
}

static void fs_forgets_an_inode_with_its_last_lookup(void **state)
{
	struct world w;
	uint64_t node;
	size_t n;

	(void)state;
	begin(&w);
	n = nodes_count(w.fs->nodes);
	node = node_of(&w, "up");
	for (int i = 0; i < 9; i++)
		assert_int_equal(node_of(&w, "up"), node);
	kernel_send_forget(w.kernel, node, 9);
	assert_int_equal(kernel_getattr(w.kernel, node, NULL), 0);
	kernel_send_forget(w.kernel, node, 1);
	assert_int_equal(kernel_getattr(w.kernel, node, NULL), -ESTALE);
	assert_int_equal(nodes_count(w.fs->nodes), n);
	node = node_of(&w, "up");
	assert_int_equal(kernel_getattr(w.kernel, node, NULL), 0);
	end(&w);
}

static void fs_forgets_many_at_once(void **state)
{
	struct fuse_forget_one forgets[12];
	struct world w;
	size_t n;

	(void)state;
	begin(&w);
	node_of(&w, "up");
	n = nodes_count(w.fs->nodes);
	for (int i = 0; i < 10; i++) {
		struct fuse_entry_out e;

		assert_int_equal(kernel_lookup(w.kernel, node_of(&w, "up"),
		                               "state", &e),
		                 0);
		forgets[i] = (struct fuse_forget_one){ .nodeid = e.nodeid,
			                               .nlookup = 1 };
	}
	assert_int_equal(nodes_count(w.fs->nodes), n + 10);
	/* The root and a number that is nobody's are left alone. */
	forgets[10] = (struct fuse_forget_one){ .nodeid = 1, .nlookup = 5 };
	forgets[11] = (struct fuse_forget_one){ .nodeid = 999, .nlookup = 1 };
	kernel_send_batch_forget(w.kernel, forgets, 12);
	world_settle(&w);
	assert_int_equal(nodes_count(w.fs->nodes), n);
	assert_int_equal(kernel_getattr(w.kernel, KERNEL_ROOT, NULL), 0);
	end(&w);
}

static void fs_open_file_outlives_the_last_lookup(void **state)
{
	struct world w;
	struct fuse_open_out open;
	uint64_t node;
	char text[16];

	(void)state;
	begin(&w);
	node = node_of(&w, "up/state");
	assert_int_equal(kernel_open(w.kernel, node, O_RDONLY, &open), 0);
	kernel_send_forget(w.kernel, node, 1);
	assert_int_equal(kernel_read(w.kernel, node, open.fh, 0, text, 16), 8);
	assert_int_equal(kernel_release(w.kernel, node, open.fh, O_RDONLY), 0);
	assert_int_equal(kernel_getattr(w.kernel, node, NULL), -ESTALE);
	end(&w);
}

static void fs_answers_unknown_inodes(void **state)
{
	static const uint64_t nodes[] = { 0, 2, 77, UINT64_MAX };
	struct world w;
	struct fuse_setattr_in set = { .valid = FATTR_SIZE };
	struct fuse_open_out open;

	(void)state;
	begin(&w);
	for (int i = 0; i < 4; i++) {
		uint64_t n = nodes[i];
		struct kernel *k = w.kernel;

		assert_int_equal(kernel_lookup(k, n, "up", NULL), -ESTALE);
		assert_int_equal(kernel_getattr(k, n, NULL), -ESTALE);
		assert_int_equal(kernel_setattr(k, n, &set, NULL), -ESTALE);
		assert_int_equal(kernel_open(k, n, O_RDONLY, &open), -ESTALE);
		assert_int_equal(kernel_opendir(k, n, &open), -ESTALE);
		assert_int_equal(kernel_mkdir(k, n, "a", NULL), -ESTALE);
		assert_int_equal(kernel_rmdir(k, n, "a"), -ESTALE);
		assert_int_equal(kernel_unlink(k, n, "a"), -ESTALE);
		assert_int_equal(kernel_rename(k, n, "a", n, "b", 0), -ESTALE);
		assert_int_equal(kernel_mknod(k, n, "a", S_IFREG, NULL),
		                 -ESTALE);
		kernel_send_forget(k, n, 1);
	}
	end(&w);
}

/* ---- refusals ------------------------------------------------------------ */

static uint64_t send_link(struct world *w, uint64_t node, uint64_t parent)
{
	struct {
		struct fuse_link_in in;
		char name[8];
	} body = { .in = { .oldnodeid = node }, .name = "new" };

	return kernel_send(w->kernel, FUSE_LINK, parent, &body,
	                   sizeof(body.in) + 4);
}

static void fs_refuses_to_make_files(void **state)
{
	static const char *const dirs[] = { "", ".orbfs", "up", "up/run",
		                            "up/run/last" };
	struct world w;
	struct fuse_entry_out e;
	struct fuse_open_out open;

	(void)state;
	begin(&w);
	for (int i = 0; i < 5; i++) {
		uint64_t dir = i ? node_of(&w, dirs[i]) : KERNEL_ROOT;
		struct kernel *k = w.kernel;

		assert_int_equal(kernel_create(k, dir, "new", 0644, O_WRONLY,
		                               &e, &open),
		                 -EPERM);
		assert_int_equal(kernel_mknod(k, dir, "new", S_IFIFO, NULL),
		                 -EPERM);
		assert_int_equal(kernel_symlink(k, dir, "new", "/etc", NULL),
		                 -EPERM);
		assert_int_equal(
			kernel_wait_done(k, send_link(&w, node_of(&w, "up/ip"),
		                                      dir)),
			-EPERM);
	}
	end(&w);
}

static void fs_refuses_to_remove_control_files(void **state)
{
	static const char *const dirs[] = { "up", "up/run/last", ".orbfs" };
	static const char *const names[] = { "state", "out", "ctl" };
	struct world w;

	(void)state;
	begin(&w);
	for (int i = 0; i < 3; i++) {
		uint64_t dir = node_of(&w, dirs[i]);

		assert_int_equal(kernel_unlink(w.kernel, dir, names[i]),
		                 -EPERM);
		assert_int_equal(kernel_unlink(w.kernel, dir, "nothing"),
		                 -ENOENT);
		assert_int_equal(kernel_rename(w.kernel, dir, names[i], dir,
		                               "other", 0),
		                 -EPERM);
	}
	assert_int_equal(kernel_rmdir(w.kernel, node_of(&w, "up"), "run"),
	                 -EPERM);
	assert_int_equal(kernel_rmdir(w.kernel, node_of(&w, "up/run"), "last"),
	                 -EPERM);
	end(&w);
}

/* In the machine's error, or in the daemon's own where there is none. */
static void assert_told(struct world *w, const char *of, const char *why)
{
	const char *error = of ? member_error(fleet_find(w->fleet, of))
	                       : fleet_error(w->fleet);

	if (!strstr(error, why))
		fail_msg("no '%s' in '%s'", why, error);
}

static void fs_tells_what_it_refuses(void **state)
{
	struct fuse_entry_out e;
	struct fuse_open_out open;
	struct fuse_setattr_in mode = { .valid = FATTR_MODE, .mode = 0777 };
	struct fuse_setattr_in size = { .valid = FATTR_SIZE };
	struct world w;
	uint64_t up;

	(void)state;
	begin(&w);
	up = node_of(&w, "up");
	(void)kernel_mkdir(w.kernel, up, "new", NULL);
	assert_told(&w, "up", "new: nothing of that kind");
	(void)kernel_create(w.kernel, up, "file", 0644, O_WRONLY, &e, &open);
	assert_told(&w, "up", "file: nothing of that kind");
	(void)kernel_symlink(w.kernel, KERNEL_ROOT, "link", "/etc", NULL);
	assert_told(&w, NULL, "link: nothing of that kind");
	(void)kernel_mkdir(w.kernel, node_of(&w, ".orbfs"), "new", NULL);
	assert_told(&w, NULL, "new: nothing of that kind");
	(void)kernel_unlink(w.kernel, up, "ip");
	assert_told(&w, "up", "ip: it cannot be removed");
	(void)kernel_rename(w.kernel, up, "state", up, "other", 0);
	assert_told(&w, "up", "state: it cannot be moved");
	(void)kernel_setattr(w.kernel, node_of(&w, "up/ip"), &mode, NULL);
	assert_told(&w, "up", "ip: its owner and mode");
	(void)kernel_setattr(w.kernel, node_of(&w, "up/log"), &size, NULL);
	assert_told(&w, "up", "log: it is only to be read");
	end(&w);
}

static void fs_answers_what_it_does_not_have(void **state)
{
	struct world w;
	uint64_t node;

	(void)state;
	begin(&w);
	node = node_of(&w, "up/ip");
	assert_int_equal(kernel_wait(w.kernel,
	                             kernel_send_readlink(w.kernel, node), NULL,
	                             NULL, KERNEL_MS),
	                 -EINVAL);
	/* An operation that no kernel has. */
	assert_int_equal(kernel_wait_done(w.kernel, kernel_send(w.kernel, 4000,
	                                                        node, NULL, 0)),
	                 -ENOSYS);
	end(&w);
}

static void fs_names_too_long_are_refused_everywhere(void **state)
{
	struct world w;
	uint64_t dir;
	char name[300];

	(void)state;
	begin(&w);
	memset(name, 'n', sizeof(name));
	dir = node_of(&w, "up");
	name[256] = '\0';
	for (int i = 0; i < 2; i++) {
		uint64_t at = i ? dir : KERNEL_ROOT;

		assert_int_equal(kernel_lookup(w.kernel, at, name, NULL),
		                 -ENAMETOOLONG);
		assert_int_equal(kernel_mkdir(w.kernel, at, name, NULL),
		                 -ENAMETOOLONG);
		assert_int_equal(kernel_rmdir(w.kernel, at, name),
		                 -ENAMETOOLONG);
		assert_int_equal(kernel_unlink(w.kernel, at, name),
		                 -ENAMETOOLONG);
		assert_int_equal(kernel_rename(w.kernel, at, name, at, "x", 0),
		                 -ENAMETOOLONG);
	}
	name[255] = '\0';
	assert_int_equal(kernel_lookup(w.kernel, dir, name, NULL), -ENOENT);
	end(&w);
}

/* ---- what the kernel is told --------------------------------------------- */

struct notes {
	char text[2000];
};

static void note(struct notes *n, const char *fmt, unsigned long a,
                 const char *name)
{
	size_t len = strlen(n->text);

	snprintf(n->text + len, sizeof(n->text) - len, fmt, a, name);
}

static void on_inode(void *arg, uint64_t ino)
{
	note(arg, "inode %lu%s ", (unsigned long)ino, "");
}

static void on_entry(void *arg, uint64_t parent, const char *name)
{
	note(arg, "entry %lu/%s ", (unsigned long)parent, name);
}

static void on_gone(void *arg, uint64_t parent, uint64_t child,
                    const char *name)
{
	(void)child;
	note(arg, "gone %lu/%s ", (unsigned long)parent, name);
}

static void fs_tells_the_kernel_who_came_and_went(void **state)
{
	static const struct fs_notify notify = {
		.inode = on_inode,
		.entry = on_entry,
		.gone = on_gone,
	};
	struct notes notes = { "" };
	struct world w;
	char text[64];

	(void)state;
	world_begin(&w, &(struct world_spec){ .engine = puppet_new(),
	                                      .notify = &notify,
	                                      .notify_arg = &notes });
	puppet_add(w.engine, "up", "1", MACHINE_RUNNING);
	puppet_add(w.engine, "off", "2", MACHINE_STOPPED);
	puppet_at_once(w.engine, true);
	node_of(&w, "up");
	assert_string_equal(notes.text,
	                    "entry 1/up inode 1 entry 1/off inode 1 ");
	/* The kernel knows up, and not off. */
	*notes.text = '\0';
	puppet_remove(w.engine, "off");
	puppet_remove(w.engine, "up");
	hands_turn(w.hands, WORLD_TTL_MS);
	assert_int_equal(kernel_lookup(w.kernel, 1, "up", NULL), -ENOENT);
	assert_non_null(strstr(notes.text, "gone 1/up inode 1 "));
	assert_non_null(strstr(notes.text, "entry 1/off inode 1 "));
	/* A change shows at the directory that the kernel knows. */
	puppet_add(w.engine, "new", "3", MACHINE_STOPPED);
	hands_turn(w.hands, WORLD_TTL_MS);
	snprintf(text, sizeof(text), "inode %lu ",
	         (unsigned long)node_of(&w, "new"));
	*notes.text = '\0';
	puppet_state(w.engine, "new", MACHINE_RUNNING);
	hands_turn(w.hands, WORLD_TTL_MS);
	node_of(&w, "new");
	assert_non_null(strstr(notes.text, text));
	end(&w);
}

/* The kernel has the root locked until it is answered. */
static void fs_tells_of_names_when_no_request_has_their_directory_locked(
	void **state)
{
	static const struct fs_notify notify = {
		.inode = on_inode,
		.entry = on_entry,
		.gone = on_gone,
	};
	struct notes notes = { "" };
	struct world w;
	uint64_t id;
	uint64_t look;

	(void)state;
	world_begin(&w, &(struct world_spec){ .engine = puppet_new(),
	                                      .notify = &notify,
	                                      .notify_arg = &notes });
	puppet_add(w.engine, "off", "2", MACHINE_STOPPED);
	puppet_add(w.engine, "other", "3", MACHINE_STOPPED);
	puppet_at_once(w.engine, true);
	node_of(&w, "off");
	node_of(&w, "other");
	hands_turn(w.hands, WORLD_TTL_MS - 100);
	*notes.text = '\0';
	puppet_at_once(w.engine, false);
	id = kernel_send_rmdir(w.kernel, KERNEL_ROOT, "off");
	world_settle(&w);
	assert_int_equal(puppet_n(w.engine, ENGINE_DELETE), 1);
	/* Something else goes there meanwhile, and comes to be known. */
	puppet_remove(w.engine, "other");
	hands_turn(w.hands, 200);
	look = kernel_send_lookup(w.kernel, KERNEL_ROOT, "other");
	world_settle(&w);
	puppet_answer(w.engine, ENGINE_LIST, 0);
	assert_int_equal(kernel_wait(w.kernel, look, NULL, NULL, KERNEL_MS),
	                 -ENOENT);
	assert_false(kernel_answered(w.kernel, id));
	assert_null(strstr(notes.text, "1/other"));
	puppet_answer(w.engine, ENGINE_DELETE, 0);
	assert_int_equal(kernel_wait(w.kernel, id, NULL, NULL, KERNEL_MS), 0);
	assert_non_null(strstr(notes.text, "gone 1/other"));
	/* That one the kernel knows from the answer. */
	assert_null(strstr(notes.text, "1/off"));
	assert_null(w.fs->notes);
	puppet_at_once(w.engine, true);
	end(&w);
}

/* ---- the end ------------------------------------------------------------- */

static void fs_frees_what_the_kernel_never_releases(void **state)
{
	static const char *const paths[] = { "up/state",  "up/ip",
		                             "up/config", "up/exec",
		                             "up/log",    ".orbfs/stats" };
	struct world w;
	struct fuse_open_out open;

	(void)state;
	begin(&w);
	for (int i = 0; i < 6; i++)
		assert_int_equal(kernel_open(w.kernel, node_of(&w, paths[i]),
		                             O_RDONLY, &open),
		                 0);
	assert_int_equal(kernel_opendir(w.kernel, KERNEL_ROOT, &open), 0);
	assert_non_null(w.fs->handles);
	/* LeakSanitizer has the last word. */
	world_abort(&w, puppet_stop);
	puppet_free(w.engine);
}

/* ---- without memory ------------------------------------------------------ */

/* Have the scripts that run end, until that is answered. */
static void finish(struct world *w, uint64_t id)
{
	for (int i = 0; i < 10 && !kernel_answered(w->kernel, id); i++) {
		world_settle(w);
		while (w->engine->jobs) {
			puppet_print(w->engine->jobs, i % 2, "some output\n");
			puppet_end_script(w->engine->jobs, 0, 0);
		}
	}
	(void)kernel_wait(w->kernel, id, NULL, NULL, KERNEL_MS);
}

static void exec_script(struct world *w, const char *path, const char *text)
{
	struct fuse_entry_out e;
	struct fuse_open_out open;
	char got[100];

	if (kernel_walk(w->kernel, path, &e) ||
	    kernel_open(w->kernel, e.nodeid, O_RDWR, &open))
		return;
	finish(w, kernel_send_write(w->kernel, e.nodeid, open.fh, 0, text,
	                            strlen(text)));
	finish(w, kernel_send_flush(w->kernel, e.nodeid, open.fh));
	(void)kernel_read(w->kernel, e.nodeid, open.fh, 0, got, sizeof(got));
	(void)kernel_release(w->kernel, e.nodeid, open.fh, O_RDWR);
}

/* What somebody does in a day. Everything may fail, and is answered. */
static void a_day(struct world *w)
{
	static const char *const reads[] = {
		"up/state", "up/ip",           "up/config", "up/log",
		"up/error", ".orbfs/stats",    "off/ip",    "web/state",
		"up/exec",  "up/run/last/out",
	};
	static const struct {
		const char *path;
		const char *text;
	} writes[] = {
		{ "off/state", "start\n" },
		{ "up/state", "nonsense\n" },
		{ "up/config", "{\"cpus\": 2}" },
		{ ".orbfs/ctl", "forget up\n" },
	};
	struct fuse_entry_out e;
	char *text;

	if (kernel_ls(w->kernel, KERNEL_ROOT, &text) == 0)
		free(text);
	(void)kernel_mkdir(w->kernel, KERNEL_ROOT, "web", NULL);
	for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++)
		if (kernel_walk(w->kernel, writes[i].path, &e) == 0)
			(void)kernel_echo(w->kernel, e.nodeid, writes[i].text);
	exec_script(w, "up/exec", "echo a\n");
	exec_script(w, "off/exec", "echo b");
	for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++)
		if (kernel_walk(w->kernel, reads[i], &e) == 0 &&
		    kernel_cat(w->kernel, e.nodeid, &text) == 0)
			free(text);
	if (kernel_walk(w->kernel, "web", &e) == 0)
		(void)kernel_unlink(w->kernel, e.nodeid, "state");
	(void)kernel_wait(w->kernel,
	                  kernel_send_readdirplus(w->kernel, KERNEL_ROOT, 0, 0,
	                                          4096),
	                  NULL, NULL, KERNEL_MS);
	(void)kernel_rename(w->kernel, KERNEL_ROOT, "web", KERNEL_ROOT, "shop",
	                    0);
	(void)kernel_rmdir(w->kernel, KERNEL_ROOT, "shop");
}

static void fs_new_without_memory_is_null(void **state)
{
	struct hands *hands = hands_new();
	struct engine *engine = puppet_new();
	struct fleet_spec fleet = { .engine = engine,
		                    .clock = hands_clock(hands) };
	struct fs_spec spec = { .engine = engine, .clock = hands_clock(hands) };
	unsigned n = 0;

	(void)state;
	spec.fleet = fleet_new(&fleet);
	assert_non_null(spec.fleet);
	while (fail_alloc_next(&n)) {
		struct fs *fs = fs_new(&spec);

		assert_int_equal(!fs, fail_alloc_reached());
		fs_free(fs);
	}
	assert_true(n > 3);
	fleet_free(spec.fleet);
	puppet_free(engine);
	hands_free(hands);
}

static void fs_answers_whichever_allocation_fails(void **state)
{
	unsigned n = 0;

	(void)state;
	while (fail_alloc_next(&n)) {
		struct world w;

		fail_alloc_off();
		begin(&w);
		fail_alloc_at(n);
		a_day(&w);
		assert_null(w.fs->requests);
		end(&w);
	}
	assert_true(n > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fs_gives_one_inode_to_one_file),
		cmocka_unit_test(fs_forgets_an_inode_with_its_last_lookup),
		cmocka_unit_test(fs_forgets_many_at_once),
		cmocka_unit_test(fs_open_file_outlives_the_last_lookup),
		cmocka_unit_test(fs_answers_unknown_inodes),
		cmocka_unit_test(fs_refuses_to_make_files),
		cmocka_unit_test(fs_refuses_to_remove_control_files),
		cmocka_unit_test(fs_tells_what_it_refuses),
		cmocka_unit_test(fs_answers_what_it_does_not_have),
		cmocka_unit_test(fs_names_too_long_are_refused_everywhere),
		cmocka_unit_test(fs_tells_the_kernel_who_came_and_went),
		cmocka_unit_test(
			fs_tells_of_names_when_no_request_has_their_directory_locked),
		cmocka_unit_test(fs_frees_what_the_kernel_never_releases),
		cmocka_unit_test(fs_new_without_memory_is_null),
		cmocka_unit_test(fs_answers_whichever_allocation_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
