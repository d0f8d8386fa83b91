/*
 * Tests of caller: which pending signals ask for an end.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "fs/caller.h"

static bool wants_out(unsigned long long thread, unsigned long long process,
                      unsigned long long blocked, unsigned long long ignored)
{
	char status[400];

	snprintf(status, sizeof(status),
	         "Name:\tsh\nTgid:\t7\nSigQ:\t0/95\nSigPnd:\t%016llx\n"
	         "ShdPnd:\t%016llx\nSigBlk:\t%016llx\nSigIgn:\t%016llx\n"
	         "SigCgt:\t0000000000000000\n",
	         thread, process, blocked, ignored);
	return caller_status_wants_out(status);
}

static unsigned long long bit(int sig)
{
	return 1ULL << (sig - 1);
}

static void caller_news_are_no_orders(void **state)
{
	(void)state;
	assert_false(wants_out(0, bit(SIGCHLD), 0, 0));
	assert_false(wants_out(bit(SIGWINCH), 0, 0, 0));
	assert_false(wants_out(bit(SIGCONT), bit(SIGURG), 0, 0));
}

static void caller_orders_count_beside_news(void **state)
{
	(void)state;
	assert_true(wants_out(0, bit(SIGINT), 0, 0));
	assert_true(wants_out(0, bit(SIGCHLD) | bit(SIGINT), 0, 0));
	assert_true(wants_out(bit(SIGTERM), bit(SIGCHLD), 0, 0));
	assert_true(wants_out(bit(SIGKILL), 0, 0, 0));
	assert_true(wants_out(0, bit(SIGALRM), 0, 0));
	assert_true(wants_out(0, bit(SIGHUP), 0, 0));
}

static void caller_does_not_hear_what_it_blocks_or_ignores(void **state)
{
	(void)state;
	assert_false(wants_out(0, bit(SIGINT) | bit(SIGCHLD), bit(SIGINT), 0));
	assert_false(wants_out(0, bit(SIGINT) | bit(SIGCHLD), 0, bit(SIGINT)));
}

static void caller_that_cannot_be_read_is_taken_at_its_word(void **state)
{
	(void)state;
	assert_true(wants_out(0, 0, 0, 0));
	assert_true(caller_status_wants_out(""));
	assert_true(caller_status_wants_out("SigPnd: x\n\nSigPnd:\tzz\n"));
	assert_true(caller_wants_out(0));
	assert_true(caller_wants_out(INT32_MAX));
	/* Nothing is pending here. */
	assert_true(caller_wants_out(getpid()));
}

static bool is_dying(unsigned long long thread, unsigned long long process)
{
	char status[200];

	snprintf(status, sizeof(status),
	         "Name:\tsh\nSigPnd:\t%016llx\nShdPnd:\t%016llx\n", thread,
	         process);
	return caller_status_is_dying(status);
}

static void caller_dies_of_what_it_does_not_handle(void **state)
{
	(void)state;
	assert_false(is_dying(0, bit(SIGALRM)));
	assert_false(is_dying(bit(SIGINT), 0));
	assert_true(is_dying(bit(SIGKILL), bit(SIGINT)));
	assert_false(is_dying(0, 0));
	assert_true(caller_is_dying(INT32_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(caller_news_are_no_orders),
		cmocka_unit_test(caller_dies_of_what_it_does_not_handle),
		cmocka_unit_test(caller_orders_count_beside_news),
		cmocka_unit_test(
			caller_does_not_hear_what_it_blocks_or_ignores),
		cmocka_unit_test(
			caller_that_cannot_be_read_is_taken_at_its_word),
	};

	return cmocka_run_group_tests_name("caller", tests, NULL, NULL);
}
