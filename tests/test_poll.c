/*
 * What fs/poll.h and fs/watch.h promise: who polls a control file is woken by
 * a change, wherever it was made, reads on from the beginning, and costs no
 * call of the engine once nobody waits.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/puppet.h"
#include "tests/world.h"

enum { KH = 77, QUIET = POLLIN | POLLOUT, NEWS = QUIET | POLLPRI | POLLERR };

struct polled {
	struct world w;
	uint64_t node;
	uint64_t fh;
};

static void open_file(struct polled *p, const char *path)
{
	struct fuse_entry_out e;
	struct fuse_open_out open;

	assert_int_equal(kernel_walk(p->w.kernel, path, &e), 0);
	assert_int_equal(kernel_open(p->w.kernel, e.nodeid, O_RDONLY, &open),
	                 0);
	p->node = e.nodeid;
	p->fh = open.fh;
}

static void begin(struct polled *p, const char *path)
{
	world_begin(&p->w, &(struct world_spec){ .engine = puppet_new() });
	puppet_add(p->w.engine, "up", "1", MACHINE_RUNNING);
	puppet_add(p->w.engine, "off", "2", MACHINE_STOPPED);
	puppet_at_once(p->w.engine, true);
	open_file(p, path);
}

static void end(struct polled *p)
{
	assert_int_equal(kernel_release(p->w.kernel, p->node, p->fh, O_RDONLY),
	                 0);
	world_end(&p->w, puppet_stop);
	puppet_free(p->w.engine);
}

static void assert_polls(struct polled *p, uint32_t events)
{
	uint32_t revents;

	assert_int_equal(kernel_poll(p->w.kernel, p->node, p->fh, POLLPRI, KH,
	                             &revents),
	                 0);
	assert_int_equal(revents, events);
}

static void assert_reads(struct polled *p, const char *text)
{
	char got[64];
	ssize_t n = kernel_read(p->w.kernel, p->node, p->fh, 0, got,
	                        sizeof(got) - 1);

	assert_true(n >= 0);
	got[n] = '\0';
	assert_string_equal(got, text);
}

static size_t n_wakes(struct kernel *k)
{
	size_t n = 0;

	for (size_t i = 0; i < kernel_n_notices(k); i++)
		if (kernel_notice(k, i)->code == FUSE_NOTIFY_POLL) {
			assert_int_equal(kernel_notice(k, i)->kh, KH);
			n++;
		}
	return n;
}

static void echo(struct polled *p, const char *path, const char *text)
{
	struct fuse_entry_out e;

	assert_int_equal(kernel_walk(p->w.kernel, path, &e), 0);
	assert_int_equal(kernel_echo(p->w.kernel, e.nodeid, text), 0);
}

static void poll_wakes_who_waits_for_a_state(void **state)
{
	struct polled p;

	(void)state;
	begin(&p, "off/state");
	assert_polls(&p, QUIET);
	assert_int_equal(n_wakes(p.w.kernel), 0);
	echo(&p, "off/state", "start\n");
	assert_true(n_wakes(p.w.kernel) > 0);
	assert_polls(&p, NEWS);
	assert_reads(&p, "running\n");
	/* Read from the beginning, it is no news any more. */
	assert_polls(&p, QUIET);
	end(&p);
}

static void poll_between_changes_misses_none(void **state)
{
	struct polled p;

	(void)state;
	begin(&p, "off/state");
	echo(&p, "off/state", "start\n");
	/* Nobody waited. */
	assert_int_equal(n_wakes(p.w.kernel), 0);
	assert_polls(&p, NEWS);
	end(&p);
}

static void poll_hears_of_what_happens_elsewhere(void **state)
{
	struct polled p;
	unsigned asked;

	(void)state;
	begin(&p, "off/state");
	assert_polls(&p, QUIET);
	asked = puppet_asked(p.w.engine, ENGINE_LIST);
	for (int i = 0; i < 3; i++)
		hands_turn(p.w.hands, WORLD_TTL_MS);
	assert_int_equal(puppet_asked(p.w.engine, ENGINE_LIST), asked + 3);
	puppet_state(p.w.engine, "off", MACHINE_RUNNING);
	hands_turn(p.w.hands, WORLD_TTL_MS);
	world_settle(&p.w);
	assert_int_equal(n_wakes(p.w.kernel), 1);
	assert_reads(&p, "running\n");
	end(&p);
}

static void poll_costs_nothing_when_nobody_waits(void **state)
{
	struct polled p;
	unsigned asked;

	(void)state;
	begin(&p, "off/state");
	assert_polls(&p, QUIET);
	assert_int_equal(kernel_release(p.w.kernel, p.node, p.fh, O_RDONLY), 0);
	asked = puppet_asked(p.w.engine, ENGINE_LIST);
	for (int i = 0; i < 5; i++)
		hands_turn(p.w.hands, WORLD_TTL_MS);
	assert_int_equal(puppet_asked(p.w.engine, ENGINE_LIST), asked);
	open_file(&p, "off/state");
	end(&p);
}

static void poll_goes_on_over_an_engine_that_is_away(void **state)
{
	struct polled p;

	(void)state;
	begin(&p, "off/state");
	assert_polls(&p, QUIET);
	puppet_refuse(p.w.engine, -ENODEV);
	for (int i = 0; i < 3; i++)
		hands_turn(p.w.hands, WORLD_TTL_MS);
	puppet_refuse(p.w.engine, 0);
	puppet_state(p.w.engine, "off", MACHINE_RUNNING);
	for (int i = 0; i < 3; i++)
		hands_turn(p.w.hands, WORLD_TTL_MS);
	world_settle(&p.w);
	assert_int_equal(n_wakes(p.w.kernel), 1);
	end(&p);
}

static void poll_wakes_when_the_machine_goes(void **state)
{
	struct polled p;

	(void)state;
	begin(&p, "off/state");
	assert_polls(&p, QUIET);
	puppet_remove(p.w.engine, "off");
	hands_turn(p.w.hands, WORLD_TTL_MS);
	world_settle(&p.w);
	assert_int_equal(n_wakes(p.w.kernel), 1);
	assert_polls(&p, NEWS);
	end(&p);
}

static void poll_of_what_never_changes_is_always_ready(void **state)
{
	struct polled p;

	(void)state;
	begin(&p, ".orbfs/version");
	assert_polls(&p, QUIET);
	hands_turn(p.w.hands, 10 * WORLD_TTL_MS);
	assert_polls(&p, QUIET);
	end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(poll_wakes_who_waits_for_a_state),
		cmocka_unit_test(poll_between_changes_misses_none),
		cmocka_unit_test(poll_hears_of_what_happens_elsewhere),
		cmocka_unit_test(poll_costs_nothing_when_nobody_waits),
		cmocka_unit_test(poll_goes_on_over_an_engine_that_is_away),
		cmocka_unit_test(poll_wakes_when_the_machine_goes),
		cmocka_unit_test(poll_of_what_never_changes_is_always_ready),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
