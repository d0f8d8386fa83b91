/*
 * What archive.h promises, over a real loop and real children: the scripted
 * orbctl, or a script of the test's own. The clock that says whether a file
 * still grows is turned by hand.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "ops/archive.h"
#include "tests/fail_alloc.h"
#include "tests/fake.h"
#include "tests/hands.h"
#include "tests/loop.h"

enum { WAIT_MS = 60000, LOOK_MS = 5000 };

static const char *const ENVIRONMENT[] = { "PATH=/usr/bin:/bin", "HOME=/",
	                                   NULL };

struct fixture {
	uv_loop_t *loop;
	struct hands *hands;
	struct jobs *jobs;
	struct fake *fake;
	struct engine *engine;
	char path[256]; /* of the archive */
	struct archive *archive;
	bool stopped;
	/* The answer. */
	bool done;
	unsigned n_done;
	int err;
	char why[1100];
	unsigned again; /* exports still to be made from inside answers */
};

static char *on_find(void *arg)
{
	struct fixture *f = arg;

	return strdup(fake_program(f->fake));
}

static void begin_engine(struct fixture *f)
{
	static const unsigned limits[JOB_N_CLASSES] = { 4, 4, 0 };
	struct engine_spec spec = {
		.table = &engine_orbctl,
		.find = on_find,
		.find_arg = f,
		.clock = hands_clock(f->hands),
	};

	f->stopped = false;
	f->jobs = jobs_new(f->loop, NULL, ENVIRONMENT, limits);
	spec.jobs = f->jobs;
	f->engine = f->jobs ? engine_new(&spec) : NULL;
}

static void begin(struct fixture *f)
{
	*f = (struct fixture){ 0 };
	f->loop = loop_start();
	f->hands = hands_new();
	f->fake = fake_new();
	snprintf(f->path, sizeof(f->path), "%s/a.tar.zst", fake_dir(f->fake));
	begin_engine(f);
	assert_non_null(f->engine);
}

static void on_stopped(void *arg)
{
	struct fixture *f = arg;

	f->stopped = true;
}

static void stop_jobs(struct fixture *f)
{
	engine_stop(f->engine);
	jobs_stop(f->jobs, on_stopped, f);
	if (!f->stopped)
		loop_run_until(f->loop, &f->stopped, WAIT_MS);
}

static void end_engine(struct fixture *f)
{
	if (f->engine && !f->stopped)
		stop_jobs(f);
	engine_free(f->engine);
	jobs_free(f->jobs);
	f->engine = NULL;
	f->jobs = NULL;
}

static void end(struct fixture *f)
{
	assert_null(f->archive);
	end_engine(f);
	fake_free(f->fake);
	hands_free(f->hands);
	loop_finish(f->loop);
}

static void start(struct fixture *f, enum engine_op op, const char *name);

static void on_done(void *arg, int err, const char *why)
{
	struct fixture *f = arg;

	assert_null(f->archive);
	assert_true(err ? why[0] != '\0' : why[0] == '\0');
	assert_null(strchr(why, '\n'));
	f->err = err;
	snprintf(f->why, sizeof(f->why), "%s", why);
	if (f->again > 0) {
		f->again--;
		start(f, ENGINE_EXPORT, "vm1");
		return;
	}
	f->done = true;
	f->n_done++;
}

static void start(struct fixture *f, enum engine_op op, const char *name)
{
	struct archive_spec spec = {
		.engine = f->engine,
		.clock = hands_clock(f->hands),
		.name = name,
		.path = f->path,
	};

	f->done = false;
	f->n_done = 0;
	if (op == ENGINE_EXPORT)
		archive_export(&spec, &f->archive, on_done, f);
	else
		archive_import(&spec, &f->archive, on_done, f);
}

static bool is_over_or_pauses(void *arg)
{
	const struct fixture *f = arg;

	/* A look that is to be repeated; an export looks less often. */
	return f->done || (hands_n_alarms(f->hands) > 0 &&
	                   hands_next_ms(f->hands) < LOOK_MS);
}

static int wait(struct fixture *f)
{
	for (;;) {
		if (!is_over_or_pauses(f))
			loop_run_until_true(f->loop, is_over_or_pauses, f,
			                    WAIT_MS);
		if (f->done)
			break;
		hands_turn_to_next(f->hands);
	}
	assert_int_equal(f->n_done, 1);
	assert_int_equal(hands_n_alarms(f->hands), 0);
	return f->err;
}

static int run(struct fixture *f, enum engine_op op, const char *name)
{
	start(f, op, name);
	return wait(f);
}

static void assert_why(const struct fixture *f, const char *part)
{
	if (!strstr(f->why, part))
		fail_msg("'%s' does not say '%s'", f->why, part);
}

/* Turn the hands in steps in which nothing but a look at the file happens. */
static void turn(struct fixture *f, unsigned ms)
{
	for (unsigned i = 0; i < ms; i += LOOK_MS)
		hands_turn(f->hands, LOOK_MS);
}

struct calls {
	struct fixture *f;
	const char *words;
};

static bool is_called(void *arg)
{
	const struct calls *calls = arg;

	return fake_calls(calls->f->fake, calls->words) > 0;
}

static void until_called(struct fixture *f, const char *words)
{
	struct calls calls = { f, words };

	loop_run_until_true(f->loop, is_called, &calls, WAIT_MS);
}

/* ---- exports ------------------------------------------------------------- */

static void archive_is_written_and_makes_a_machine_again(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	fake_do(f.fake, "seed", "1", "vm", "running", NULL);
	assert_int_equal(run(&f, ENGINE_EXPORT, "vm1"), 0);
	assert_int_equal(access(f.path, R_OK), 0);
	assert_int_equal(fake_calls(f.fake, ""), 1);
	assert_int_equal(run(&f, ENGINE_IMPORT, "copy"), 0);
	assert_string_equal(fake_get(f.fake, "copy", "now"), "stopped");
	assert_int_equal(fake_calls(f.fake, "import -n copy"), 1);
	end(&f);
}

static void archive_export_says_why_it_fails(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	assert_int_equal(run(&f, ENGINE_EXPORT, "nobody"), -ENOENT);
	assert_string_equal(f.why, "export: machine not found: 'nobody'");
	assert_int_equal(run(&f, ENGINE_EXPORT, "-x"), -EINVAL);
	fake_do(f.fake, "seed", "1", NULL);
	fake_do(f.fake, "on", "fail.export", "1", "1",
	        "cp: write: No space left on device", NULL);
	assert_int_equal(run(&f, ENGINE_EXPORT, "vm1"), -ENOSPC);
	assert_why(&f, "; make room");
	fake_do(f.fake, "on", "version", "1.9.0", NULL);
	assert_int_equal(run(&f, ENGINE_EXPORT, "vm1"), -EOPNOTSUPP);
	assert_why(&f, "OrbStack 2.0 or newer");
	assert_int_equal(engine_stats(f.engine)->failed[ENGINE_EXPORT], 4);
	end(&f);
}

static void archive_export_that_is_cancelled_ends_its_child(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	fake_do(f.fake, "seed", "1", NULL);
	fake_do(f.fake, "on", "hang.export", NULL);
	start(&f, ENGINE_EXPORT, "vm1");
	until_called(&f, "export");
	archive_cancel(f.archive);
	archive_cancel(f.archive);
	assert_int_equal(wait(&f), -ECANCELED);
	assert_string_equal(f.why, "export: cancelled");
	archive_cancel(f.archive); /* NULL by now */
	end(&f);
}

static void archive_export_may_take_hours_while_its_file_grows(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	fake_do(f.fake, "seed", "1", NULL);
	fake_do(f.fake, "on", "hang.export", NULL);
	start(&f, ENGINE_EXPORT, "vm1");
	for (int i = 0; i < 100; i++) {
		FILE *file = fopen(f.path, "a");

		assert_non_null(file);
		fputs("more", file);
		assert_int_equal(fclose(file), 0);
		turn(&f, ARCHIVE_STILL_MS - LOOK_MS);
	}
	assert_int_equal(hands_n_alarms(f.hands), 1);
	turn(&f, ARCHIVE_STILL_MS);
	assert_int_equal(wait(&f), -ETIMEDOUT);
	assert_string_equal(f.why,
	                    "export: the file has not grown for two minutes");
	end(&f);
}

static void archive_export_that_never_begins_is_ended(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	fake_do(f.fake, "seed", "1", NULL);
	fake_do(f.fake, "on", "hang.export", NULL);
	start(&f, ENGINE_EXPORT, "vm1");
	turn(&f, ARCHIVE_STILL_MS);
	assert_int_equal(wait(&f), -ETIMEDOUT);
	end(&f);
}

static void archive_may_be_asked_for_from_inside_an_answer(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	fake_do(f.fake, "seed", "1", NULL);
	f.again = 2;
	assert_int_equal(run(&f, ENGINE_EXPORT, "vm1"), 0);
	assert_int_equal(fake_calls(f.fake, "export"), 3);
	end(&f);
}

/* ---- imports ------------------------------------------------------------- */

static void archive_import_never_touches_a_machine_of_that_name(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	fake_do(f.fake, "seed", "1", NULL);
	assert_int_equal(run(&f, ENGINE_EXPORT, "vm1"), 0);
	assert_int_equal(run(&f, ENGINE_IMPORT, "vm1"), -EEXIST);
	assert_string_equal(f.why, "import: there is a machine of that name");
	/* One that comes between the look and the import. */
	fake_do(f.fake, "on", "fail.import", "1", "1",
	        "[-32098] machine already exists: 'vm2'", NULL);
	assert_int_equal(run(&f, ENGINE_IMPORT, "vm2"), -EEXIST);
	assert_int_equal(fake_calls(f.fake, "import"), 1);
	assert_int_equal(fake_calls(f.fake, "delete"), 0);
	assert_string_equal(fake_get(f.fake, "vm1", "name"), "vm1");
	end(&f);
}

static void archive_import_that_fails_leaves_nothing(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	fake_do(f.fake, "seed", "1", NULL);
	/* There is no such file. */
	assert_int_equal(run(&f, ENGINE_IMPORT, "copy"), -EIO);
	assert_why(&f, "import: open ");
	assert_int_equal(run(&f, ENGINE_EXPORT, "vm1"), 0);
	assert_int_equal(truncate(f.path, 30), 0);
	assert_int_equal(run(&f, ENGINE_IMPORT, "copy"), -EINVAL);
	assert_why(&f, "; the archive is damaged");
	assert_int_equal(fake_calls(f.fake, "delete"), 0);
	assert_int_equal(run(&f, ENGINE_IMPORT, "-x"), -EINVAL);
	assert_int_equal(run(&f, ENGINE_IMPORT, "Upper"), -EINVAL);
	assert_string_equal(fake_get(f.fake, "copy", "name"), "");
	end(&f);
}

static bool is_there(void *arg)
{
	struct fixture *f = arg;

	return strcmp(fake_get(f->fake, "copy", "name"), "copy") == 0;
}

static void archive_import_that_is_cancelled_takes_back_what_it_made(
	void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	fake_do(f.fake, "seed", "1", NULL);
	assert_int_equal(run(&f, ENGINE_EXPORT, "vm1"), 0);
	fake_do(f.fake, "on", "late.import", "forever", NULL);
	start(&f, ENGINE_IMPORT, "copy");
	loop_run_until_true(f.loop, is_there, &f, WAIT_MS);
	archive_cancel(f.archive);
	assert_int_equal(wait(&f), -ECANCELED);
	assert_string_equal(f.why, "import: cancelled");
	assert_string_equal(fake_get(f.fake, "copy", "name"), "");
	assert_int_equal(fake_calls(f.fake, "delete -f copy"), 1);
	assert_string_equal(fake_get(f.fake, "vm1", "name"), "vm1");
	end(&f);
}

static void archive_import_says_what_it_had_to_leave(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	fake_do(f.fake, "seed", "1", NULL);
	assert_int_equal(run(&f, ENGINE_EXPORT, "vm1"), 0);
	fake_do(f.fake, "on", "late.import", "forever", NULL);
	fake_do(f.fake, "on", "stuck.copy", "running", NULL);
	start(&f, ENGINE_IMPORT, "copy");
	loop_run_until_true(f.loop, is_there, &f, WAIT_MS);
	archive_cancel(f.archive);
	assert_int_equal(wait(&f), -ECANCELED);
	assert_why(&f, "; machine copy is left of it: delete: it is not ");
	assert_int_equal(fake_calls(f.fake, "delete"), 0);
	end(&f);
}

static void archive_import_may_be_cancelled_before_it_begins(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	start(&f, ENGINE_IMPORT, "copy");
	archive_cancel(f.archive);
	assert_int_equal(wait(&f), -ECANCELED);
	assert_int_equal(fake_calls(f.fake, "import"), 0);
	end(&f);
}

static void archive_import_needs_a_look_before(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	fake_do(f.fake, "on", "fail.info", "always", "1", "closed", NULL);
	assert_int_equal(run(&f, ENGINE_IMPORT, "copy"), -EIO);
	assert_string_equal(f.why, "import: info: closed");
	assert_int_equal(fake_calls(f.fake, "import"), 0);
	end(&f);
}

/* ---- the end of the world ------------------------------------------------- */

static void archive_ends_when_the_jobs_are_stopped(void **state)
{
	static const enum engine_op ops[] = { ENGINE_EXPORT, ENGINE_IMPORT };
	struct fixture f;

	(void)state;
	for (int i = 0; i < 2; i++) {
		begin(&f);
		fake_do(f.fake, "seed", "1", NULL);
		fake_do(f.fake, "on", "hang.export", NULL);
		fake_do(f.fake, "on", "hang.import", NULL);
		start(&f, ops[i], i ? "copy" : "vm1");
		until_called(&f, i ? "import" : "export");
		stop_jobs(&f);
		assert_int_equal(wait(&f), -ECANCELED);
		start(&f, ops[i], "vm1");
		assert_int_equal(wait(&f), -ECANCELED);
		end(&f);
	}
}

#define RECORD "{\"name\": \"copy\", \"id\": \"x\", \"state\": \"stopped\"}"

/* An orbctl that makes a machine, and fails all the same. */
static const char quick[] =
	"#!/bin/sh\n"
	"d=${0%/*}\n"
	"case $1 in\n"
	"export) echo x >\"$3\"; echo much >&2 ;;\n"
	"import) : >\"$d/made\"; echo boom >&2; exit 1 ;;\n"
	"delete) rm \"$d/made\" ;;\n"
	"info) if [ -e \"$d/made\" ]; then echo '{\"record\": " RECORD "}'\n"
	"	else echo 'machine not found' >&2; exit 1; fi ;;\n"
	"esac\n";

static void sweep(struct fixture *f, enum engine_op op, int expected)
{
	char made[256];
	unsigned n = 0;
	int err = 1;

	snprintf(made, sizeof(made), "%s/made", fake_dir(f->fake));
	fake_script(f->fake, quick);
	end_engine(f);
	while (fail_alloc_next(&n)) {
		unlink(made);
		begin_engine(f);
		err = f->engine ? run(f, op, "copy") : -ENOMEM;
		fail_alloc_off();
		end_engine(f);
		/* A lack of memory may count as a failure like others. */
		assert_true(err <= 0);
	}
	assert_true(n > 5);
	assert_int_equal(err, expected);
	assert_int_not_equal(access(made, F_OK), 0);
}

static void archive_survives_any_failing_allocation(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	sweep(&f, ENGINE_EXPORT, 0);
	sweep(&f, ENGINE_IMPORT, -EIO);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(archive_is_written_and_makes_a_machine_again),
		cmocka_unit_test(archive_export_says_why_it_fails),
		cmocka_unit_test(
			archive_export_that_is_cancelled_ends_its_child),
		cmocka_unit_test(
			archive_export_may_take_hours_while_its_file_grows),
		cmocka_unit_test(archive_export_that_never_begins_is_ended),
		cmocka_unit_test(
			archive_may_be_asked_for_from_inside_an_answer),
		cmocka_unit_test(
			archive_import_never_touches_a_machine_of_that_name),
		cmocka_unit_test(archive_import_that_fails_leaves_nothing),
		cmocka_unit_test(
			archive_import_that_is_cancelled_takes_back_what_it_made),
		cmocka_unit_test(archive_import_says_what_it_had_to_leave),
		cmocka_unit_test(
			archive_import_may_be_cancelled_before_it_begins),
		cmocka_unit_test(archive_import_needs_a_look_before),
		cmocka_unit_test(archive_ends_when_the_jobs_are_stopped),
		cmocka_unit_test(archive_survives_any_failing_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
