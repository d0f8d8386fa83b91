/*
 * loop: an event loop for one test.
 *
 * One timer of our own lives as long as the loop. It is not counted as work
 * (uv_unref), so it never keeps a loop alive; it only wakes it up, which makes
 * every deadline here hold whatever the loop waits for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/loop.h"

enum {
	TICK_MS = 10,
	CLOSE_MS = 2000, /* for handles that are closing to be closed */
};

struct test_loop {
	uv_loop_t loop; /* first: the tests hold a pointer to it */
	uv_timer_t tick;
};

static void on_tick(uv_timer_t *timer)
{
	(void)timer; /* being woken up is all it is for */
}

uv_loop_t *loop_start(void)
{
	struct test_loop *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	assert_int_equal(uv_loop_init(&t->loop), 0);
	assert_int_equal(uv_timer_init(&t->loop, &t->tick), 0);
	uv_unref((uv_handle_t *)&t->tick);
	return &t->loop;
}

/* Run until is(arg), the deadline, or (if alive) the end of all work. */
static bool run(uv_loop_t *loop, bool (*is)(void *arg), void *arg, unsigned ms,
                bool alive)
{
	struct test_loop *t = (struct test_loop *)loop;
	uint64_t end = uv_hrtime() + (uint64_t)ms * 1000000;
	bool yes;

	uv_update_time(loop);
	uv_timer_start(&t->tick, on_tick, TICK_MS, TICK_MS);
	if (!alive)
		uv_ref((uv_handle_t *)&t->tick);
	while (!(yes = is(arg)) && uv_hrtime() < end) {
		if (!uv_loop_alive(loop))
			break;
		uv_run(loop, UV_RUN_ONCE);
	}
	uv_unref((uv_handle_t *)&t->tick);
	uv_timer_stop(&t->tick);
	return yes;
}

void loop_run_until_true(uv_loop_t *loop, bool (*is)(void *arg), void *arg,
                         unsigned ms)
{
	if (run(loop, is, arg, ms, true))
		return;
	if (!uv_loop_alive(loop))
		fail_msg("the loop has nothing left to wait for");
	uv_print_all_handles(loop, stderr);
	fail_msg("waited %u ms in vain", ms);
}

static bool is_set(void *arg)
{
	const volatile bool *flag = arg;

	return *flag;
}

void loop_run_until(uv_loop_t *loop, const bool *flag, unsigned ms)
{
	loop_run_until_true(loop, is_set, (void *)flag, ms);
}

static bool is_never(void *arg)
{
	(void)arg;
	return false;
}

void loop_run_for(uv_loop_t *loop, unsigned ms)
{
	run(loop, is_never, NULL, ms, false);
}

static void on_left(uv_handle_t *handle, void *arg)
{
	unsigned *n = arg;

	if (handle == (uv_handle_t *)&((struct test_loop *)handle->loop)->tick)
		return;
	print_error("left on the loop: %s%s%s\n",
	            uv_handle_type_name(uv_handle_get_type(handle)),
	            uv_is_active(handle) ? ", active" : "",
	            uv_is_closing(handle) ? ", closing" : "");
	++*n;
}

void loop_finish(uv_loop_t *loop)
{
	struct test_loop *t = (struct test_loop *)loop;
	unsigned n = 0;

	run(loop, is_never, NULL, CLOSE_MS, true);
	uv_walk(loop, on_left, &n);
	if (n)
		fail_msg("%u handles are left on the loop", n);
	if (uv_loop_alive(loop))
		fail_msg("a request is left on the loop");
	uv_close((uv_handle_t *)&t->tick, NULL);
	uv_run(loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(loop), 0);
	free(t);
}
