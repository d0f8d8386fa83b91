/*
 * What session.h promises, of whichever implementation this is linked with:
 * requests and their ends over a pretend kernel, then mounts, unmounts and
 * dead mounts with the real one.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "mount/session.h"
#include "tests/fail_alloc.h"
#include "tests/kernel.h"
#include "tests/loop.h"
#include "tests/toy.h"

enum {
	MANY = 1000,
	MIB = 1 << 20,
};

/* ---- over a pretend kernel ----------------------------------------------- */

static void session_answers(void **state)
{
	uv_loop_t *loop = loop_start();
	struct toy toy = { 0 };
	struct kernel *k = kernel_start(loop, &toy_ops, &toy);
	struct fuse_entry_out entry;
	struct fuse_attr attr;
	char *text;

	(void)state;
	assert_int_equal(kernel_lookup(k, KERNEL_ROOT, "file", &entry), 0);
	assert_int_equal(entry.nodeid, TOY_FILE);
	assert_int_equal(kernel_lookup(k, KERNEL_ROOT, "none", &entry),
	                 -ENOENT);
	assert_int_equal(kernel_getattr(k, KERNEL_ROOT, &attr), 0);
	assert_true(S_ISDIR(attr.mode));
	assert_int_equal(kernel_cat(k, TOY_FILE, &text), 0);
	assert_string_equal(text, "hello\n");
	free(text);
	assert_int_equal(toy.n_destroyed, 0);
	kernel_finish(k);
	assert_int_equal(toy.n_destroyed, 1);
	loop_finish(loop);
}

static bool is_held(void *arg)
{
	struct toy *toy = arg;

	return toy->n_held > 0;
}

static void session_carries_answers_that_come_later(void **state)
{
	uv_loop_t *loop = loop_start();
	struct toy toy = { 0 };
	struct kernel *k = kernel_start(loop, &toy_ops, &toy);
	struct fuse_entry_out entry;
	uint64_t id = kernel_send_lookup(k, KERNEL_ROOT, "later");

	(void)state;
	loop_run_until_true(loop, is_held, &toy, KERNEL_MS);
	/* It does not stand in anybody's way. */
	assert_int_equal(kernel_lookup(k, KERNEL_ROOT, "file", &entry), 0);
	assert_false(kernel_answered(k, id));
	assert_int_equal(kernel_n_unanswered(k), 1);
	toy_answer(&toy);
	assert_true(kernel_answered(k, id));
	assert_int_equal(kernel_wait_done(k, id), -ENOENT);
	kernel_finish(k);
	loop_finish(loop);
}

struct held {
	struct toy *toy;
	unsigned n;
};

static bool are_held(void *arg)
{
	struct held *held = arg;

	return held->toy->n_held == held->n;
}

struct idles {
	unsigned n;
	unsigned n_active;
};

static void count_idle(uv_handle_t *handle, void *arg)
{
	struct idles *idles = arg;

	if (handle->type != UV_IDLE)
		return;
	idles->n++;
	idles->n_active += uv_is_active(handle) != 0;
}

static bool sleeps(void *arg)
{
	struct idles idles = { 0 };

	uv_walk(arg, count_idle, &idles);
	return idles.n_active == 0;
}

static void session_sleeps_between_requests_that_are_not_close(void **state)
{
	uv_loop_t *loop = loop_start();
	struct toy toy = { 0 };
	struct held two = { .toy = &toy, .n = 2 };
	struct kernel *k = kernel_start(loop, &toy_ops, &toy);
	struct idles idles = { 0 };

	(void)state;
	loop_run_until_true(loop, sleeps, loop, KERNEL_MS);
	/* Both are there when the loop looks. */
	kernel_send_lookup(k, KERNEL_ROOT, "later");
	kernel_send_lookup(k, KERNEL_ROOT, "later");
	loop_run_until_true(loop, are_held, &two, KERNEL_MS);
	uv_walk(loop, count_idle, &idles);
	assert_int_equal(idles.n_active, idles.n); /* none, with a thread */
	/* Nobody asks any more, though there are answers to come. */
	loop_run_until_true(loop, sleeps, loop, KERNEL_MS);
	toy_answer(&toy);
	kernel_finish(k);
	loop_finish(loop);
}

static void session_carries_interrupts(void **state)
{
	uv_loop_t *loop = loop_start();
	struct toy toy = { 0 };
	struct kernel *k = kernel_start(loop, &toy_ops, &toy);
	uint64_t one = kernel_send_lookup(k, KERNEL_ROOT, "later1");
	uint64_t two = kernel_send_lookup(k, KERNEL_ROOT, "later2");

	(void)state;
	kernel_send_interrupt(k, one);
	assert_int_equal(kernel_wait_done(k, one), -EINTR);
	assert_false(kernel_answered(k, two));
	assert_int_equal(toy.n_interrupted, 1);
	/* One that the answer has overtaken on its way. */
	kernel_send_interrupt(k, two);
	toy_answer(&toy);
	assert_int_equal(kernel_wait_done(k, two), -ENOENT);
	kernel_finish(k);
	assert_int_equal(toy.n_interrupted, 1);
	loop_finish(loop);
}

static void session_serves_a_thousand_at_once(void **state)
{
	uv_loop_t *loop = loop_start();
	struct toy toy = { 0 };
	struct held all = { .toy = &toy, .n = MANY };
	struct kernel *k = kernel_start(loop, &toy_ops, &toy);
	uint64_t ids[MANY];
	unsigned i;

	(void)state;
	for (i = 0; i < MANY; i++)
		ids[i] = kernel_send_lookup(k, KERNEL_ROOT, "later");
	loop_run_until_true(loop, are_held, &all, KERNEL_MS);
	assert_int_equal(kernel_n_unanswered(k), MANY);
	toy_answer(&toy);
	for (i = 0; i < MANY; i++)
		assert_int_equal(kernel_wait_done(k, ids[i]), -ENOENT);
	kernel_finish(k);
	loop_finish(loop);
}

static void session_carries_large_writes_whole(void **state)
{
	uv_loop_t *loop = loop_start();
	struct toy toy = { 0 };
	struct kernel *k = kernel_start(loop, &toy_ops, &toy);
	size_t len = geteuid() ? MIB / 16 : MIB;
	char *data = malloc(len);
	uint64_t ids[16];
	unsigned i;

	(void)state;
	assert_non_null(data);
	for (i = 0; i < 16; i++) {
		memset(data, 'a' + (int)i, len);
		ids[i] = kernel_send_write(k, TOY_FILE, 0, i * len, data, len);
	}
	for (i = 0; i < 16; i++)
		assert_int_equal(kernel_wait(k, ids[i], NULL, NULL, KERNEL_MS),
		                 0);
	assert_int_equal(toy.n_written, 16 * len);
	free(data);
	kernel_finish(k);
	loop_finish(loop);
}

static void session_lets_timers_run_between_requests(void **state)
{
	uv_loop_t *loop = loop_start();
	struct toy toy = { 0 };
	struct kernel *k = kernel_start(loop, &toy_ops, &toy);
	unsigned i;

	(void)state;
	for (i = 0; i < MANY; i++)
		kernel_send_lookup(k, KERNEL_ROOT, "none");
	/* A single round of the loop takes a bounded number of them. */
	while (!toy.n_lookups)
		uv_run(loop, UV_RUN_ONCE);
	assert_true(toy.n_lookups <= 64);
	kernel_finish(k);
	assert_int_equal(toy.n_lookups, MANY);
	loop_finish(loop);
}

static void session_ends_when_the_kernel_does(void **state)
{
	uv_loop_t *loop = loop_start();
	struct toy toy = { 0 };
	struct kernel *k = kernel_start(loop, &toy_ops, &toy);

	(void)state;
	kernel_send_lookup(k, KERNEL_ROOT, "later");
	loop_run_until_true(loop, is_held, &toy, KERNEL_MS);
	assert_false(kernel_ended(k));
	kernel_hang_up(k);
	while (!kernel_ended(k))
		uv_run(loop, UV_RUN_ONCE);
	/* Into the void. */
	toy_answer(&toy);
	kernel_finish(k);
	loop_finish(loop);
}

static void session_ends_at_a_message_that_is_none(void **state)
{
	uv_loop_t *loop = loop_start();
	struct toy toy = { 0 };
	struct kernel *k = kernel_start(loop, &toy_ops, &toy);

	(void)state;
	kernel_send_raw(k, "junk", 4);
	kernel_end(k);
	assert_true(kernel_ended(k));
	kernel_finish(k);
	loop_finish(loop);
}

/* A session of our own on a kernel that was not started. */
struct fixture {
	uv_loop_t *loop;
	struct kernel *kernel;
	struct session *session;
	struct fuse_args args;
	struct toy toy;
	unsigned n_ended;
	bool closed;
	bool close_in_end;
	bool again; /* open another one in done */
};

static void fixture_open(struct fixture *f);

static void on_closed(void *arg)
{
	struct fixture *f = arg;

	if (!f->again) {
		f->closed = true;
		return;
	}
	f->again = false;
	fixture_open(f);
	session_close(f->session, on_closed, f);
}

static void on_end(void *arg)
{
	struct fixture *f = arg;

	f->n_ended++;
	if (f->close_in_end)
		session_close(f->session, on_closed, f);
}

static int fixture_try(struct fixture *f, int fd, const char *mountpoint)
{
	struct session_spec spec = {
		.loop = f->loop,
		.args = &f->args,
		.ops = &toy_ops,
		.userdata = &f->toy,
		.mountpoint = mountpoint,
		.fd = fd,
		.on_end = on_end,
		.arg = f,
	};

	fuse_opt_free_args(&f->args);
	assert_int_equal(fuse_opt_add_arg(&f->args, "orbfs"), 0);
	return session_open(&f->session, &spec);
}

static void fixture_open(struct fixture *f)
{
	if (f->kernel)
		kernel_finish(f->kernel);
	f->kernel = kernel_new(f->loop);
	assert_int_equal(fixture_try(f, kernel_fd(f->kernel), "/pretended"), 0);
}

static void fixture_finish(struct fixture *f)
{
	kernel_hang_up(f->kernel);
	kernel_finish(f->kernel);
	fuse_opt_free_args(&f->args);
	loop_finish(f->loop);
}

static void session_closes_alive(void **state)
{
	struct fixture f = { .loop = loop_start() };

	(void)state;
	fixture_open(&f);
	session_close(f.session, on_closed, &f);
	assert_false(f.closed);
	loop_run_until(f.loop, &f.closed, KERNEL_MS);
	assert_int_equal(f.n_ended, 0);
	fixture_finish(&f);
}

static void session_closes_with_requests_held_and_unread(void **state)
{
	struct fixture f = { .loop = loop_start() };
	unsigned i;

	(void)state;
	fixture_open(&f);
	kernel_init(f.kernel);
	for (i = 0; i < MANY; i++)
		kernel_send_lookup(f.kernel, KERNEL_ROOT, "later");
	loop_run_until_true(f.loop, is_held, &f.toy, KERNEL_MS);
	session_close(f.session, on_closed, &f);
	toy_answer(&f.toy);
	loop_run_until(f.loop, &f.closed, KERNEL_MS);
	/* No request reaches a session that was closed. */
	assert_int_equal(f.toy.n_held, 0);
	assert_int_equal(f.n_ended, 0);
	fixture_finish(&f);
}

static void session_closes_inside_on_end(void **state)
{
	struct fixture f = { .loop = loop_start(), .close_in_end = true };

	(void)state;
	fixture_open(&f);
	kernel_init(f.kernel);
	kernel_hang_up(f.kernel);
	loop_run_until(f.loop, &f.closed, KERNEL_MS);
	assert_int_equal(f.n_ended, 1);
	fixture_finish(&f);
}

static void session_opens_another_inside_done(void **state)
{
	struct fixture f = { .loop = loop_start(), .again = true };

	(void)state;
	fixture_open(&f);
	session_close(f.session, on_closed, &f);
	loop_run_until(f.loop, &f.closed, KERNEL_MS);
	assert_int_equal(f.n_ended, 0);
	fixture_finish(&f);
}

static void session_open_survives_any_failed_allocation(void **state)
{
	struct fixture f = { .loop = loop_start() };
	int fds[2], err;
	unsigned n = 0;

	(void)state;
	while (fail_alloc_next(&n)) {
		assert_int_equal(socketpair(AF_UNIX,
		                            SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
		                            fds),
		                 0);
		err = fixture_try(&f, fds[1], "/pretended");
		close(fds[0]);
		if (err) {
			assert_int_equal(err, -ENOMEM);
			/* The descriptor is closed in any case. */
			assert_int_equal(fcntl(fds[1], F_GETFD), -1);
			continue;
		}
		f.closed = false;
		session_close(f.session, on_closed, &f);
		loop_run_until(f.loop, &f.closed, KERNEL_MS);
	}
	fuse_opt_free_args(&f.args);
	loop_finish(f.loop);
}

/* ---- what is refused ----------------------------------------------------- */

static void session_open_says_what_is_wrong(void **state)
{
	struct fixture f = { .loop = loop_start() };
	struct session_spec spec = { .loop = f.loop,
		                     .args = &f.args,
		                     .ops = &toy_ops,
		                     .mountpoint = "/tmp",
		                     .fd = -1 };

	(void)state;
	assert_int_equal(fixture_try(&f, -1, "/tmp/orbfs-no-such"), -ENOENT);
	assert_int_equal(fixture_try(&f, -1, "/dev/null"), -ENOTDIR);
	fuse_opt_free_args(&f.args);
	assert_int_equal(fuse_opt_add_arg(&f.args, "orbfs"), 0);
	assert_int_equal(fuse_opt_add_arg(&f.args, "-onosuchoption"), 0);
	assert_int_equal(session_open(&f.session, &spec), -EINVAL);
	fuse_opt_free_args(&f.args);
	loop_finish(f.loop);
}

static void session_clear_judges_a_directory(void **state)
{
	char dir[64], sub[80];

	(void)state;
	toy_mkdir(dir);
	snprintf(sub, sizeof(sub), "%s/sub", dir);
	assert_int_equal(session_clear(dir, NULL), 0);
	assert_int_equal(session_clear(sub, NULL), -ENOENT);
	assert_int_equal(mkdir(sub, 0755), 0);
	assert_int_equal(session_clear(dir, NULL), -ENOTEMPTY);
	assert_int_equal(session_clear("/dev/null", NULL), -ENOTDIR);
	toy_rmdir(sub);
	toy_rmdir(dir);
}

/* ---- real mounts --------------------------------------------------------- */

static void session_mounts_and_is_unmounted_from_outside(void **state)
{
	uv_loop_t *loop;
	struct toy_mount m;
	const char *argv[5];

	(void)state;
	toy_need_mounts();
	loop = loop_start();
	toy_mount(&m, loop, NULL);
	assert_int_equal(toy_run(loop,
	                         "test hello = \"$(cat \"$1\"/file)\" && "
	                         "! test -e \"$1\"/none",
	                         m.dir),
	                 0);
	session_unmount_argv(m.session, false, argv);
	assert_int_equal(argv[0][0], '/');
	assert_int_equal(toy_exec(loop, argv), 0);
	loop_run_until(loop, &m.ended, TOY_MS);
	toy_close(&m);
	assert_int_equal(m.toy.n_destroyed, 1);
	loop_finish(loop);
}

static void session_carries_spliced_writes_whole(void **state)
{
	uv_loop_t *loop;
	struct toy_mount m;

	(void)state;
	toy_need_mounts();
	loop = loop_start();
	toy_mount(&m, loop, NULL);
	/* Two writers at once, whose requests follow one another closely. */
	assert_int_equal(toy_run(loop,
	                         "head -c 8M /dev/zero | tr '\\0' a "
	                         ">\"$1\"/file & "
	                         "dd if=/dev/zero of=\"$1\"/file bs=1M count=8 "
	                         "conv=notrunc 2>/dev/null; wait",
	                         m.dir),
	                 0);
	assert_int_equal(m.toy.n_written, 16 * MIB);
	toy_close(&m);
	loop_finish(loop);
}

static bool has_opened(void *arg)
{
	return !access(arg, F_OK);
}

/* A child that has the file open until its signal file is removed. */
static void start_holder(struct toy_child *child, struct toy_mount *m,
                         const char *script, char mark[128])
{
	snprintf(mark, 128, "%s.open", m->dir);
	toy_spawn(child, m->loop, script, m->dir);
	loop_run_until_true(m->loop, has_opened, mark, TOY_MS);
}

static const char hold_open[] =
	"exec 3<\"$1\"/file && : >\"$1.open\" && "
	"n=0; while test -e \"$1.open\" && test $n -lt 1000; "
	"do read x </dev/null; n=$((n+1)); sleep 0.01; done; "
	"read line <&3; test \"$line\" = ";

static void session_serves_on_after_a_lazy_unmount(void **state)
{
	uv_loop_t *loop;
	struct toy_mount m;
	struct toy_child child;
	const char *argv[5];
	char mark[128], script[512];

	(void)state;
	toy_need_mounts();
	loop = loop_start();
	toy_mount(&m, loop, NULL);
	snprintf(script, sizeof(script), "%shello", hold_open);
	start_holder(&child, &m, script, mark);
	session_unmount_argv(m.session, false, argv);
	assert_int_not_equal(toy_exec(loop, argv), 0);
	session_unmount_argv(m.session, true, argv);
	assert_int_equal(toy_exec(loop, argv), 0);
	assert_false(m.ended);
	/* Who has a file open reads on; the end comes when it is closed. */
	assert_int_equal(unlink(mark), 0);
	loop_run_until(loop, &child.ended, TOY_MS);
	assert_int_equal(child.status, 0);
	loop_run_until(loop, &m.ended, TOY_MS);
	toy_close(&m);
	loop_finish(loop);
}

static void session_closes_alive_though_a_file_is_open(void **state)
{
	uv_loop_t *loop;
	struct toy_mount m;
	struct toy_child child;
	char mark[128], script[512];

	(void)state;
	toy_need_mounts();
	loop = loop_start();
	toy_mount(&m, loop, NULL);
	snprintf(script, sizeof(script), "%s'' 2>/dev/null", hold_open);
	start_holder(&child, &m, script, mark);
	toy_close(&m);
	assert_int_equal(m.n_ended, 0);
	assert_int_equal(unlink(mark), 0);
	loop_run_until(loop, &child.ended, TOY_MS);
	assert_int_equal(child.status, 0);
	loop_finish(loop);
}

static void session_closes_alive_with_a_client_waiting(void **state)
{
	uv_loop_t *loop;
	struct toy_mount m;
	struct toy_child child;

	(void)state;
	toy_need_mounts();
	loop = loop_start();
	toy_mount(&m, loop, NULL);
	toy_spawn(&child, loop, "! test -e \"$1\"/later", m.dir);
	loop_run_until_true(loop, is_held, &m.toy, TOY_MS);
	toy_close(&m);
	loop_run_until(loop, &child.ended, TOY_MS);
	assert_int_equal(child.status, 0);
	loop_finish(loop);
}

static void session_removes_the_mount_of_an_aborted_connection(void **state)
{
	uv_loop_t *loop;
	struct toy_mount m;
	bool aborted;

	(void)state;
	toy_need_mounts();
	loop = loop_start();
	toy_mount(&m, loop, NULL);
	assert_int_equal(toy_run(loop, "test -f \"$1\"/file", m.dir), 0);
	aborted = toy_abort(m.dir);
	if (aborted)
		loop_run_until(loop, &m.ended, TOY_MS);
	toy_close(&m); /* which removes the directory */
	loop_finish(loop);
	if (!aborted)
		fail_msg("fusectl cannot be mounted here");
}

static void session_leaves_children_nothing_to_inherit(void **state)
{
	uv_loop_t *loop;
	struct toy_mount m;
	int fd, flags;

	(void)state;
	toy_need_mounts();
	if (access("/usr/bin/fusermount3", X_OK))
		fail_msg("there is no fusermount3: make deps");
	loop = loop_start();
	toy_mount(&m, loop, "-oauto_unmount");
	assert_null(getenv("_FUSE_COMMFD"));
	for (fd = 3; fd < 256; fd++) {
		flags = fcntl(fd, F_GETFD);
		if (flags >= 0 && !(flags & FD_CLOEXEC))
			fail_msg("descriptor %d would be inherited", fd);
	}
	assert_int_equal(toy_run(loop, "test -f \"$1\"/file", m.dir), 0);
	toy_close(&m);
	loop_finish(loop);
}

/* A daemon in a process of its own: it says on a pipe that it serves. */
static pid_t start_daemon(const char *dir)
{
	char byte;
	int fds[2];
	pid_t pid;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct fixture f = { 0 };
		struct session_spec spec = { .args = &f.args,
			                     .ops = &toy_ops,
			                     .userdata = &f.toy,
			                     .mountpoint = dir,
			                     .fd = -1 };
		uv_loop_t loop;

		spec.loop = &loop;
		if (uv_loop_init(&loop) || fuse_opt_add_arg(&f.args, "orbfs") ||
		    fuse_opt_add_arg(&f.args, "-osubtype=orbfs") ||
		    session_open(&f.session, &spec) || write(fds[1], "", 1) < 1)
			_exit(1);
		uv_run(&loop, UV_RUN_DEFAULT);
		_exit(0);
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &byte, 1), 1);
	close(fds[0]);
	return pid;
}

static void session_clear_tells_living_from_dead(void **state)
{
	struct stat st;
	char dir[64];
	pid_t pid;
	int fd;

	(void)state;
	toy_need_mounts();
	toy_mkdir(dir);
	pid = start_daemon(dir);
	assert_int_equal(session_clear(dir, NULL), -EBUSY);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(stat(dir, &st), -1);
	assert_int_equal(errno, ENOTCONN);
	/* Also though somebody is still in there. */
	assert_int_equal(session_clear(dir, NULL), 0);
	assert_int_equal(stat(dir, &st), 0);
	if (fd >= 0)
		close(fd);
	toy_rmdir(dir);
}

static void session_clear_digs_through_several_dead_mounts(void **state)
{
	char dir[64];
	pid_t pid[2];
	int i;

	(void)state;
	toy_need_mounts();
	toy_mkdir(dir);
	for (i = 0; i < 2; i++)
		pid[i] = start_daemon(dir);
	for (i = 0; i < 2; i++) {
		kill(pid[i], SIGKILL);
		assert_int_equal(waitpid(pid[i], NULL, 0), pid[i]);
	}
	assert_int_equal(session_clear(dir, NULL), 0);
	toy_rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(session_answers),
		cmocka_unit_test(session_carries_answers_that_come_later),
		cmocka_unit_test(
			session_sleeps_between_requests_that_are_not_close),
		cmocka_unit_test(session_carries_interrupts),
		cmocka_unit_test(session_serves_a_thousand_at_once),
		cmocka_unit_test(session_carries_large_writes_whole),
		cmocka_unit_test(session_lets_timers_run_between_requests),
		cmocka_unit_test(session_ends_when_the_kernel_does),
		cmocka_unit_test(session_ends_at_a_message_that_is_none),
		cmocka_unit_test(session_closes_alive),
		cmocka_unit_test(session_closes_with_requests_held_and_unread),
		cmocka_unit_test(session_closes_inside_on_end),
		cmocka_unit_test(session_opens_another_inside_done),
		cmocka_unit_test(session_open_survives_any_failed_allocation),
		cmocka_unit_test(session_open_says_what_is_wrong),
		cmocka_unit_test(session_clear_judges_a_directory),
		cmocka_unit_test(session_mounts_and_is_unmounted_from_outside),
		cmocka_unit_test(session_carries_spliced_writes_whole),
		cmocka_unit_test(session_serves_on_after_a_lazy_unmount),
		cmocka_unit_test(session_closes_alive_though_a_file_is_open),
		cmocka_unit_test(session_closes_alive_with_a_client_waiting),
		cmocka_unit_test(
			session_removes_the_mount_of_an_aborted_connection),
		cmocka_unit_test(session_leaves_children_nothing_to_inherit),
		cmocka_unit_test(session_clear_tells_living_from_dead),
		cmocka_unit_test(
			session_clear_digs_through_several_dead_mounts),
	};

	alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
