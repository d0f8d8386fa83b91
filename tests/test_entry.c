/*
 * What entry.h promises: the rows of the table, and the texts that they
 * render from what is at hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "cache/fleet.h"
#include "fs/entry.h"
#include "tests/hands.h"
#include "tests/puppet.h"

struct fixture {
	struct hands *hands;
	struct engine *engine;
	struct fleet *fleet;
	struct member *m;
	struct view view;
};

static void put_stats(void *arg, struct buf *b)
{
	buf_printf(b, "figures %d\n", *(int *)arg);
}

static int figures = 42;
static const struct entry_daemon self = {
	.version = "9.8.7",
	.config = "ttl 1\n",
	.stats = put_stats,
	.arg = &figures,
};

static void on_answer(void *arg, int err)
{
	(void)arg;
	assert_int_equal(err, 0);
}

static void begin(struct fixture *f)
{
	struct fleet_spec spec = { .ttl_ms = 1000 };

	*f = (struct fixture){ .hands = hands_new(), .engine = puppet_new() };
	spec.engine = f->engine;
	spec.clock = hands_clock(f->hands);
	f->fleet = fleet_new(&spec);
	assert_non_null(f->fleet);
	puppet_add(f->engine, "web", "1", MACHINE_RUNNING);
	puppet_address(f->engine, "web", "10.0.0.1");
	puppet_word(&f->engine->machines[0]->ip6, "fd00::1");
	puppet_at_once(f->engine, true);
	fleet_get(f->fleet, on_answer, NULL);
	f->m = fleet_find(f->fleet, "web");
	f->view = (struct view){ .m = f->m,
		                 .run = f->m->last,
		                 .fleet = f->fleet,
		                 .daemon = &self,
		                 .text = "" };
}

static void end(struct fixture *f)
{
	fleet_free(f->fleet);
	puppet_free(f->engine);
	hands_free(f->hands);
}

/* What that file holds now. */
static void assert_text(struct fixture *f, enum entry_dir in, const char *name,
                        const char *text)
{
	const struct entry *e = entry_find(in, name);
	struct buf b = BUF_INIT(ENTRY_TEXT_MAX);

	assert_non_null(e);
	e->render(&f->view, &b);
	assert_int_equal(b.err, 0);
	assert_string_equal(b.data ? b.data : "", text);
	buf_free(&b);
}

static void entry_table_lists_control_files_before_what_leads_deeper(
	void **state)
{
	bool deeper = false;

	(void)state;
	for (const struct entry *e = NULL; (e = entry_next(DIR_MACHINE, e));) {
		if (S_ISDIR(e->mode))
			deeper = true;
		else
			assert_false(deeper);
	}
	assert_true(deeper);
}

static void entry_table_has_consistent_rows(void **state)
{
	(void)state;
	for (int in = DIR_ROOT; in < DIR_N_KINDS; in++)
		for (const struct entry *e = NULL;
		     (e = entry_next((enum entry_dir)in, e));) {
			bool writes = e->accept != ACCEPT_NOTHING;

			assert_int_equal(e->in, in);
			if (e->name)
				assert_ptr_equal(entry_find(e->in, e->name), e);
			else
				assert_ptr_equal(
					entry_any(e->in, e->mode & S_IFMT), e);
			assert_true(entry_index(e) > 0);
			assert_int_equal(S_ISDIR(e->mode), e->dir != DIR_NONE);
			/* Nobody but the owner; the guest's own modes decide
			 * below files/. */
			if (e->dir != DIR_FILES && !S_ISLNK(e->mode))
				assert_int_equal(e->mode & 0077, 0);
			if (!S_ISREG(e->mode))
				continue;
			assert_int_equal(!!(e->mode & 0200), writes);
			/* A text, or a run's output, or nothing to read. */
			assert_true(e->render || e->need == NEED_RUN ||
			            e->need == NEED_ARCHIVE ||
			            e->need == NEED_EVENTS ||
			            e->need == NEED_JOB || !(e->mode & 0400) ||
			            e->accept == ACCEPT_LITTER ||
			            e->accept == ACCEPT_CTL);
			/* Writes that wait would hold a shared inode. */
			if (writes && e->accept != ACCEPT_CTL &&
			    e->accept != ACCEPT_CREATE &&
			    e->accept != ACCEPT_LITTER &&
			    e->accept != ACCEPT_ARCHIVE)
				assert_true(e->flags & ENTRY_OWN_INODE);
		}
	assert_int_equal(entry_index(NULL), 0);
}

static void entry_find_knows_no_other_names(void **state)
{
	(void)state;
	assert_null(entry_find(DIR_MACHINE, "stat"));
	assert_null(entry_find(DIR_MACHINE, "state "));
	assert_null(entry_find(DIR_MACHINE, ""));
	assert_null(entry_find(DIR_ROOT, "state"));
	assert_null(entry_find(DIR_NONE, "state"));
	assert_non_null(entry_find(DIR_ROOT, ".orbfs"));
}

static void entry_state_is_the_word_of_what_passes(void **state)
{
	static const char *const words[MACHINE_N_STATES] = {
		[MACHINE_UNKNOWN] = "unknown\n",
		[MACHINE_CREATING] = "creating\n",
		[MACHINE_STARTING] = "starting\n",
		[MACHINE_RUNNING] = "running\n",
		[MACHINE_PAUSING] = "pausing\n",
		[MACHINE_PAUSED] = "paused\n",
		[MACHINE_STOPPING] = "stopping\n",
		[MACHINE_STOPPED] = "stopped\n",
		[MACHINE_DELETING] = "deleting\n",
		[MACHINE_FAILED] = "failed\n",
	};
	struct fixture f;

	(void)state;
	begin(&f);
	for (int i = 0; i < MACHINE_N_STATES; i++) {
		f.m->machine->state = (enum machine_state)i;
		assert_text(&f, DIR_MACHINE, "state", words[i]);
		assert_int_equal(entry_len(entry_find(DIR_MACHINE, "state"),
		                           &f.view),
		                 strlen(words[i]));
	}
	f.m->passing = MACHINE_STOPPING;
	assert_text(&f, DIR_MACHINE, "state", "stopping\n");
	f.m->passing = MACHINE_UNKNOWN;
	end(&f);
}

static void entry_ip_is_empty_unless_it_runs(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	assert_text(&f, DIR_MACHINE, "ip", "");
	member_get(f.m, MEMBER_ADDRESS, on_answer, NULL);
	assert_text(&f, DIR_MACHINE, "ip", "10.0.0.1\nfd00::1\n");
	f.m->passing = MACHINE_STOPPING;
	assert_text(&f, DIR_MACHINE, "ip", "");
	f.m->passing = MACHINE_UNKNOWN;
	f.m->machine->state = MACHINE_STOPPED;
	assert_text(&f, DIR_MACHINE, "ip", "");
	end(&f);
}

static void entry_config_has_the_name_that_is_shown(void **state)
{
	struct fixture f;
	struct buf b = BUF_INIT(ENTRY_TEXT_MAX);

	(void)state;
	begin(&f);
	assert_int_equal(fleet_rename(f.m, "shop"), 0);
	entry_find(DIR_MACHINE, "config")->render(&f.view, &b);
	assert_non_null(strstr(b.data, "\"shop\""));
	assert_null(strstr(b.data, "\"web\""));
	buf_free(&b);
	end(&f);
}

static void entry_error_is_a_line_or_nothing(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	assert_text(&f, DIR_MACHINE, "error", "");
	member_set_error(f.m, "it is so");
	fleet_set_error(f.fleet, "all is lost");
	assert_text(&f, DIR_MACHINE, "error", "it is so\n");
	f.view.m = NULL;
	assert_text(&f, DIR_DAEMON, "error", "all is lost\n");
	end(&f);
}

static void entry_texts_of_the_daemon(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	f.view.m = NULL;
	assert_text(&f, DIR_DAEMON, "version", "orbfs 9.8.7\n");
	assert_text(&f, DIR_DAEMON, "config", "ttl 1\n");
	assert_text(&f, DIR_DAEMON, "stats", "figures 42\n");
	assert_int_equal(entry_len(entry_find(DIR_DAEMON, "stats"), &f.view),
	                 strlen("figures 42\n"));
	end(&f);
}

static void entry_texts_of_a_machine_without_any_run_are_empty(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	assert_text(&f, DIR_LAST, "cmd", "");
	assert_text(&f, DIR_LAST, "status", "");
	assert_int_equal(entry_len(entry_find(DIR_LAST, "out"), &f.view), 0);
	assert_int_equal(entry_len(entry_find(DIR_MACHINE, "exec"), &f.view),
	                 0);
	end(&f);
}

static void entry_len_of_what_must_be_asked_for_is_that_of_the_last_text(
	void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	assert_int_equal(entry_len(entry_find(DIR_MACHINE, "log"), &f.view), 0);
	f.m->texts[MEMBER_LOG].len = 77;
	assert_int_equal(entry_len(entry_find(DIR_MACHINE, "log"), &f.view),
	                 77);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			entry_table_lists_control_files_before_what_leads_deeper),
		cmocka_unit_test(entry_table_has_consistent_rows),
		cmocka_unit_test(entry_find_knows_no_other_names),
		cmocka_unit_test(entry_state_is_the_word_of_what_passes),
		cmocka_unit_test(entry_ip_is_empty_unless_it_runs),
		cmocka_unit_test(entry_config_has_the_name_that_is_shown),
		cmocka_unit_test(entry_error_is_a_line_or_nothing),
		cmocka_unit_test(entry_texts_of_the_daemon),
		cmocka_unit_test(
			entry_texts_of_a_machine_without_any_run_are_empty),
		cmocka_unit_test(
			entry_len_of_what_must_be_asked_for_is_that_of_the_last_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
