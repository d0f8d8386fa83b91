/*
 * Notifications: what is sent, what is not sent twice, what is dropped, and
 * that nobody waits for a thread that waits for the kernel.
 *
 * The three functions of libfuse that send are replaced here: each call passes
 * a gate, which a test can hold shut, is counted, and goes on to the real one
 * when there is a session.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <fuse_lowlevel.h>
#include <uv.h>

#include "mount/notify.h"
#include "tests/fail_alloc.h"
#include "tests/kernel.h"
#include "tests/loop.h"
#include "tests/toy.h"

enum {
	QUEUE_MAX = 1024, /* of notify.c */
	WATCHDOG_MS = 20000,
};

/* ---- the gate ------------------------------------------------------------ */

static struct gate {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool shut;
	bool held;      /* a call stands before it */
	unsigned n;     /* calls that have passed */
	uint64_t first; /* inode of the first and of the last of them */
	uint64_t last;
	bool signals; /* one of them could have been interrupted by SIGTERM */
} gate = { .lock = PTHREAD_MUTEX_INITIALIZER,
	   .changed = PTHREAD_COND_INITIALIZER };

/* Who waits for an inode to be told of. */
static struct waiter {
	unsigned n; /* it was told so often */
	int err;
	unsigned n_sent; /* by then */
} waiters[4];

static void gate_set(bool shut)
{
	pthread_mutex_lock(&gate.lock);
	gate.shut = shut;
	pthread_cond_broadcast(&gate.changed);
	pthread_mutex_unlock(&gate.lock);
}

static void gate_reset(void)
{
	pthread_mutex_lock(&gate.lock);
	gate.shut = gate.held = gate.signals = false;
	gate.n = 0;
	gate.first = gate.last = 0;
	memset(waiters, 0, sizeof(waiters));
	pthread_mutex_unlock(&gate.lock);
}

static unsigned gate_count(void)
{
	unsigned n;

	pthread_mutex_lock(&gate.lock);
	n = gate.n;
	pthread_mutex_unlock(&gate.lock);
	return n;
}

/* Until the notifier stands before the gate. */
static void gate_wait_held(void)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += TOY_MS / 1000;
	pthread_mutex_lock(&gate.lock);
	while (!gate.held)
		if (pthread_cond_timedwait(&gate.changed, &gate.lock, &end))
			fail_msg("nothing was sent");
	pthread_mutex_unlock(&gate.lock);
}

static void gate_pass(uint64_t ino)
{
	sigset_t blocked;

	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	pthread_mutex_lock(&gate.lock);
	gate.signals |= !sigismember(&blocked, SIGTERM) ||
	                !sigismember(&blocked, SIGCHLD);
	gate.held = true;
	pthread_cond_broadcast(&gate.changed);
	while (gate.shut)
		pthread_cond_wait(&gate.changed, &gate.lock);
	gate.held = false;
	if (!gate.n++)
		gate.first = ino;
	gate.last = ino;
	pthread_mutex_unlock(&gate.lock);
}

/* The function of libfuse that one of ours stands before. */
static void *real(const char *name)
{
	void *symbol = dlsym(RTLD_NEXT, name);

	if (!symbol)
		abort();
	return symbol;
}

int fuse_lowlevel_notify_inval_inode(struct fuse_session *session,
                                     fuse_ino_t ino, off_t off, off_t len)
{
	int (*send)(struct fuse_session *, fuse_ino_t, off_t, off_t);

	gate_pass(ino);
	*(void **)&send = real(__func__);
	return session ? send(session, ino, off, len) : -ENOENT;
}

int fuse_lowlevel_notify_inval_entry(struct fuse_session *session,
                                     fuse_ino_t parent, const char *name,
                                     size_t len)
{
	int (*send)(struct fuse_session *, fuse_ino_t, const char *, size_t);

	gate_pass(parent);
	*(void **)&send = real(__func__);
	return session ? send(session, parent, name, len) : -ENOENT;
}

int fuse_lowlevel_notify_delete(struct fuse_session *session, fuse_ino_t parent,
                                fuse_ino_t child, const char *name, size_t len)
{
	int (*send)(struct fuse_session *, fuse_ino_t, fuse_ino_t, const char *,
	            size_t);

	gate_pass(parent);
	*(void **)&send = real(__func__);
	return session ? send(session, parent, child, name, len) : -ENOENT;
}

static void on_told(void *arg, int err)
{
	struct waiter *waiter = arg;

	pthread_mutex_lock(&gate.lock);
	waiter->n++;
	waiter->err = err;
	waiter->n_sent = gate.n;
	pthread_mutex_unlock(&gate.lock);
}

static void expect_told(unsigned i, unsigned n, int err, unsigned n_sent)
{
	pthread_mutex_lock(&gate.lock);
	assert_int_equal(waiters[i].n, n);
	assert_int_equal(waiters[i].err, err);
	assert_int_equal(waiters[i].n_sent, n_sent);
	pthread_mutex_unlock(&gate.lock);
}

/* ---- the queue ----------------------------------------------------------- */

static struct notify *start(void)
{
	struct notify *notify;

	gate_reset();
	notify = notify_new(NULL);
	assert_non_null(notify);
	return notify;
}

/* With the thread held at the gate by an entry of its own. */
static struct notify *start_held(void)
{
	struct notify *notify = start();

	gate_set(true);
	notify_inode(notify, 1);
	gate_wait_held();
	return notify;
}

static void notify_sends_in_order(void **state)
{
	struct notify *notify = start();
	uint64_t ino;

	(void)state;
	for (ino = 1; ino <= 100; ino++)
		notify_inode(notify, ino);
	notify_flush(notify);
	assert_int_equal(gate_count(), 100);
	assert_int_equal(gate.first, 1);
	assert_int_equal(gate.last, 100);
	assert_false(gate.signals);
	notify_free(notify);
}

static void notify_flush_waits_for_nothing_when_nothing_is_there(void **state)
{
	struct notify *notify = start();

	(void)state;
	notify_flush(notify);
	notify_free(notify);
	notify_free(NULL);
}

static void notify_does_not_say_the_same_twice(void **state)
{
	struct notify *notify = start_held();
	unsigned i;

	(void)state;
	for (i = 0; i < 10; i++) {
		notify_inode(notify, 7);
		notify_entry(notify, 7, "web");
		notify_entry(notify, 7, "we");
		notify_entry(notify, 8, "web");
		notify_delete(notify, 7, 9, "web");
		notify_delete(notify, 7, 10, "web");
	}
	gate_set(false);
	notify_flush(notify);
	assert_int_equal(gate_count(), 1 + 6);
	notify_free(notify);
}

static void notify_says_again_what_changes_meanwhile(void **state)
{
	struct notify *notify = start_held();

	(void)state;
	/* The first of them is on its way, and may have been too early. */
	notify_inode(notify, 1);
	notify_inode(notify, 1);
	gate_set(false);
	notify_flush(notify);
	assert_int_equal(gate_count(), 2);
	notify_inode(notify, 1);
	notify_flush(notify);
	assert_int_equal(gate_count(), 3);
	notify_free(notify);
}

static void notify_drops_the_oldest_when_it_is_full(void **state)
{
	struct notify *notify = start_held();
	uint64_t ino;

	(void)state;
	for (ino = 2; ino < 2 + QUEUE_MAX + 10; ino++)
		notify_inode(notify, ino);
	/* What was dropped is not thought to be there. */
	notify_inode(notify, 2);
	gate_set(false);
	notify_flush(notify);
	assert_int_equal(gate_count(), 1 + QUEUE_MAX);
	assert_int_equal(gate.last, 2);
	notify_free(notify);
}

static void notify_refuses_a_name_that_no_kernel_takes(void **state)
{
	struct notify *notify = start();
	char name[2000];

	(void)state;
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	notify_entry(notify, 1, name);
	notify_flush(notify);
	assert_int_equal(gate_count(), 0);
	notify_free(notify);
}

static void notify_stop_never_waits(void **state)
{
	struct notify *notify = start_held();

	(void)state;
	notify_inode(notify, 2);
	assert_false(notify_stop(notify));
	assert_false(notify_stop(notify));
	notify_inode(notify, 3);
	gate_set(false);
	while (!notify_stop(notify))
		sched_yield(); /* alarm() bounds it */
	/* What was queued is dropped, and nothing is taken any more. */
	assert_int_equal(gate_count(), 1);
	notify_flush(notify);
	notify_free(notify);
}

static void notify_tells_who_waits_for_an_inode_when_it_was_sent(void **state)
{
	struct notify *notify = start_held();

	(void)state;
	/* Of the others some are dropped. */
	for (uint64_t ino = 2; ino < QUEUE_MAX + 10; ino++)
		notify_inode(notify, ino);
	notify_inode_first(notify, 5000, on_told, &waiters[0]);
	notify_inode_first(notify, 5000, on_told, &waiters[1]);
	expect_told(0, 0, 0, 0);
	gate_set(false);
	notify_flush(notify);
	expect_told(0, 1, 0, 2);
	expect_told(1, 1, 0, 3);
	assert_int_equal(gate_count(), 3 + QUEUE_MAX);
	notify_free(notify);
}

static void notify_tells_who_waits_when_it_stops(void **state)
{
	struct notify *notify = start();

	(void)state;
	gate_set(true);
	notify_inode_first(notify, 1, on_told, &waiters[0]);
	gate_wait_held();
	notify_inode_first(notify, 2, on_told, &waiters[1]);
	assert_false(notify_stop(notify));
	expect_told(0, 0, 0, 0);
	expect_told(1, 1, 0, 0);
	notify_inode_first(notify, 3, on_told, &waiters[2]);
	expect_told(2, 1, 0, 0);
	gate_set(false);
	notify_free(notify);
	expect_told(0, 1, 0, 1);
}

static void notify_survives_any_failed_allocation(void **state)
{
	struct notify *notify;
	unsigned n = 0;

	(void)state;
	while (fail_alloc_next(&n)) {
		gate_reset();
		notify = notify_new(NULL);
		if (!notify)
			continue;
		notify_inode(notify, 1);
		notify_entry(notify, 1, "web");
		notify_delete(notify, 1, 2, "shop");
		notify_inode_first(notify, 2, on_told, &waiters[0]);
		notify_flush(notify);
		assert_int_equal(gate_count(), fail_alloc_reached() ? 3 : 4);
		assert_int_equal(waiters[0].n, 1);
		assert_true(waiters[0].err == 0 || waiters[0].err == -ENOMEM);
		notify_free(notify);
	}
}

/* ---- through libfuse ----------------------------------------------------- */

static void notify_reaches_the_kernel(void **state)
{
	uv_loop_t *loop = loop_start();
	struct toy toy = { 0 };
	struct kernel *k = kernel_start(loop, &toy_ops, &toy);
	struct notify *notify;
	const struct kernel_notice *notice;

	(void)state;
	gate_reset();
	notify = notify_new(session_fuse(kernel_session(k)));
	assert_non_null(notify);
	notify_inode(notify, 5);
	notify_entry(notify, 6, "web");
	notify_delete(notify, 7, 8, "shop");
	kernel_wait_notices(k, 3);
	notice = kernel_notice(k, 0);
	assert_int_equal(notice->code, FUSE_NOTIFY_INVAL_INODE);
	assert_int_equal(notice->ino, 5);
	notice = kernel_notice(k, 1);
	assert_int_equal(notice->code, FUSE_NOTIFY_INVAL_ENTRY);
	assert_int_equal(notice->ino, 6);
	assert_string_equal(notice->name, "web");
	notice = kernel_notice(k, 2);
	assert_int_equal(notice->code, FUSE_NOTIFY_DELETE);
	assert_int_equal(notice->ino, 7);
	assert_int_equal(notice->child, 8);
	assert_string_equal(notice->name, "shop");
	notify_free(notify);
	kernel_finish(k);
	loop_finish(loop);
}

/* ---- with a directory that a mkdir holds --------------------------------- */

/* A process that cuts the connection when the test takes too long, since one
 * that is stuck in the kernel cannot help itself. */
struct watchdog {
	pid_t pid;
	int fd; /* closing it calls the dog off */
};

static void watchdog_start(struct watchdog *dog, const char *dir)
{
	struct pollfd p;
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	dog->pid = fork();
	assert_true(dog->pid >= 0);
	if (!dog->pid) {
		close(fds[1]);
		p = (struct pollfd){ .fd = fds[0], .events = POLLIN };
		if (poll(&p, 1, WATCHDOG_MS))
			_exit(0);
		toy_abort(dir);
		_exit(1);
	}
	close(fds[0]);
	dog->fd = fds[1];
}

static void watchdog_stop(struct watchdog *dog)
{
	int status;

	close(dog->fd);
	assert_int_equal(waitpid(dog->pid, &status, 0), dog->pid);
	if (status)
		fail_msg("it hung, and the connection had to be cut");
}

/* A mount whose root is locked by a mkdir that waits for its answer, and a
 * notifier that wants the same lock. */
struct locked {
	struct toy_mount m;
	struct toy_child mkdir;
	struct watchdog dog;
	struct notify *notify;
};

static bool is_held(void *arg)
{
	struct toy *toy = arg;

	return toy->n_held > 0;
}

static void lock_root(struct locked *l, uv_loop_t *loop)
{
	gate_reset();
	toy_mount(&l->m, loop, NULL);
	watchdog_start(&l->dog, l->m.dir);
	l->notify = notify_new(session_fuse(l->m.session));
	assert_non_null(l->notify);
	/* Let the kernel know the name. */
	assert_int_equal(toy_run(loop, "cat \"$1\"/file", l->m.dir), 0);
	assert_int_equal(toy_run(loop, "cat \"$1\"/file", l->m.dir), 0);
	assert_int_equal(l->m.toy.n_lookups, 1);
	toy_spawn(&l->mkdir, loop, "mkdir \"$1\"/new 2>/dev/null", l->m.dir);
	loop_run_until_true(loop, is_held, &l->m.toy, TOY_MS);
	notify_entry(l->notify, FUSE_ROOT_ID, "file");
	notify_inode(l->notify, FUSE_ROOT_ID);
	notify_inode(l->notify, TOY_FILE);
}

static bool has_passed(void *arg)
{
	(void)arg;
	return gate_count() > 0;
}

static bool has_passed_all(void *arg)
{
	(void)arg;
	return gate_count() == 3;
}

static bool has_stopped(void *arg)
{
	return notify_stop(arg);
}

static void unlock_root(struct locked *l, uv_loop_t *loop)
{
	watchdog_stop(&l->dog);
	loop_run_until(loop, &l->mkdir.ended, TOY_MS);
	assert_int_equal(l->mkdir.status, 1);
	toy_close(&l->m);
	loop_finish(loop);
}

static void notify_waits_for_a_mkdir_and_the_loop_does_not(void **state)
{
	uv_loop_t *loop;
	struct locked l;

	(void)state;
	toy_need_mounts();
	loop = loop_start();
	lock_root(&l, loop);
	/* The first is in the kernel now and stays there, while we serve. */
	loop_run_until_true(loop, has_passed, NULL, TOY_MS);
	assert_int_equal(toy_run(loop, "stat \"$1\"", l.m.dir), 0);
	assert_int_equal(gate_count(), 1);
	toy_answer(&l.m.toy);
	loop_run_until_true(loop, has_passed_all, NULL, TOY_MS);
	/* The kernel has forgotten the name: it asks. */
	notify_flush(l.notify);
	assert_int_equal(toy_run(loop, "cat \"$1\"/file", l.m.dir), 0);
	assert_int_equal(l.m.toy.n_lookups, 3); /* file, new, file */
	notify_free(l.notify);
	unlock_root(&l, loop);
}

static void notify_stops_while_the_loop_serves(void **state)
{
	uv_loop_t *loop;
	struct locked l;

	(void)state;
	toy_need_mounts();
	loop = loop_start();
	lock_root(&l, loop);
	loop_run_until_true(loop, has_passed, NULL, TOY_MS);
	assert_int_equal(toy_run(loop, "stat \"$1\"", l.m.dir), 0);
	assert_false(notify_stop(l.notify));
	toy_answer(&l.m.toy);
	loop_run_until_true(loop, has_stopped, l.notify, TOY_MS);
	notify_free(l.notify);
	unlock_root(&l, loop);
}

static void notify_free_returns_when_the_connection_is_gone(void **state)
{
	uv_loop_t *loop;
	struct locked l;
	bool aborted;

	(void)state;
	toy_need_mounts();
	loop = loop_start();
	lock_root(&l, loop);
	loop_run_until_true(loop, has_passed, NULL, TOY_MS);
	aborted = toy_abort(l.m.dir);
	if (aborted)
		loop_run_until(loop, &l.m.ended, TOY_MS);
	else
		toy_answer(&l.m.toy);
	/* The mkdir is still unanswered, and so are we stuck in the kernel
	 * unless the end of the connection has freed both. */
	notify_free(l.notify);
	unlock_root(&l, loop);
	if (!aborted)
		fail_msg("fusectl cannot be mounted here");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(notify_sends_in_order),
		cmocka_unit_test(
			notify_flush_waits_for_nothing_when_nothing_is_there),
		cmocka_unit_test(notify_does_not_say_the_same_twice),
		cmocka_unit_test(notify_says_again_what_changes_meanwhile),
		cmocka_unit_test(notify_drops_the_oldest_when_it_is_full),
		cmocka_unit_test(notify_refuses_a_name_that_no_kernel_takes),
		cmocka_unit_test(notify_stop_never_waits),
		cmocka_unit_test(
			notify_tells_who_waits_for_an_inode_when_it_was_sent),
		cmocka_unit_test(notify_tells_who_waits_when_it_stops),
		cmocka_unit_test(notify_survives_any_failed_allocation),
		cmocka_unit_test(notify_reaches_the_kernel),
		cmocka_unit_test(
			notify_waits_for_a_mkdir_and_the_loop_does_not),
		cmocka_unit_test(notify_stops_while_the_loop_serves),
		cmocka_unit_test(
			notify_free_returns_when_the_connection_is_gone),
	};

	alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
