/*
 * What files.h promises: an agent is started when one is needed, and goes when
 * the machine does; and all that is below files/ without memory.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/fail_alloc.h"
#include "tests/files_world.h"

static void files_starts_an_agent_when_one_is_needed_and_no_sooner(void **state)
{
	struct files_world f;
	struct fuse_entry_out e;
	struct fuse_attr attr;

	(void)state;
	files_begin_stocked(&f);
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

static void files_of_a_machine_that_is_removed_go(void **state)
{
	struct files_world f;
	struct fuse_attr attr;
	uint64_t hosts;

	(void)state;
	files_begin_stocked(&f);
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

		files_begin_stocked(&f);
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
		cmocka_unit_test(
			files_starts_an_agent_when_one_is_needed_and_no_sooner),
		cmocka_unit_test(files_of_a_machine_that_is_removed_go),
		cmocka_unit_test(files_without_memory_answer_all_the_same),
	};

	signal(SIGPIPE, SIG_IGN); /* as in the daemon */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
