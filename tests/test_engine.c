/*
 * What engine.h promises, over a real loop and real children: a scripted
 * orbctl in a directory. The pauses between two tries are turned by hand; the
 * deadlines, where they are to pass, are made short.
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
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "ops/engine.h"
#include "tests/fail_alloc.h"
#include "tests/fake.h"
#include "tests/hands.h"
#include "tests/loop.h"

enum { WAIT_MS = 60000, SHORT_MS = 1500, MAX_PAUSES = 8 };

static const char *const ENVIRONMENT[] = { "PATH=/usr/bin:/bin", "HOME=/",
	                                   NULL };

/* ---- an engine and the answer to a question ------------------------------ */

struct fixture {
	uv_loop_t *loop;
	struct hands *hands;
	struct jobs *jobs;
	struct fake *fake;
	struct engine_table table; /* a copy, to be changed before begin */
	struct engine *engine;
	unsigned n_finds;
	bool hidden; /* the program is not to be found */
	bool stopped;
	/* The last answer. */
	bool done;
	unsigned n_done;
	int err;
	char why[1100];
	char text[4096]; /* the names of a list, or a log */
	size_t text_len;
	struct machine *m;
	/* The pauses that were turned over. */
	unsigned pauses[MAX_PAUSES];
	unsigned n_pauses;
	unsigned again; /* questions still to be asked from inside answers */
	enum engine_op again_op;
};

static char *on_find(void *arg)
{
	struct fixture *f = arg;

	f->n_finds++;
	return f->hidden ? NULL : strdup(fake_program(f->fake));
}

static void begin_engine(struct fixture *f)
{
	static const unsigned limits[JOB_N_CLASSES] = { 4, 4, 0 };
	struct engine_spec spec = {
		.table = &f->table,
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
	*f = (struct fixture){ .table = engine_orbctl };
	f->loop = loop_start();
	f->hands = hands_new();
	f->fake = fake_new();
	begin_engine(f);
	assert_non_null(f->engine);
}

static void on_stopped(void *arg)
{
	struct fixture *f = arg;

	f->stopped = true;
}

static void end_engine(struct fixture *f)
{
	if (f->engine)
		engine_stop(f->engine);
	if (f->jobs && !f->stopped) {
		jobs_stop(f->jobs, on_stopped, f);
		if (!f->stopped)
			loop_run_until(f->loop, &f->stopped, WAIT_MS);
	}
	engine_free(f->engine);
	jobs_free(f->jobs);
	f->engine = NULL;
	f->jobs = NULL;
}

static void end(struct fixture *f)
{
	end_engine(f);
	machine_free(f->m);
	fake_free(f->fake);
	hands_free(f->hands);
	loop_finish(f->loop);
}

/* Clear the last answer. */
static void ask(struct fixture *f)
{
	f->done = false;
	f->n_done = 0;
	f->err = 1;
	f->why[0] = f->text[0] = '\0';
	f->n_pauses = 0;
	machine_free(f->m);
	f->m = NULL;
}

static bool is_over_or_pauses(void *arg)
{
	const struct fixture *f = arg;

	return f->done || hands_n_alarms(f->hands) > 0;
}

/* Wait for the answer, turning over every pause. Returns its err. */
static int wait(struct fixture *f)
{
	for (;;) {
		if (!is_over_or_pauses(f))
			loop_run_until_true(f->loop, is_over_or_pauses, f,
			                    WAIT_MS);
		if (f->done)
			break;
		assert_true(f->n_pauses < MAX_PAUSES);
		f->pauses[f->n_pauses++] = (unsigned)hands_next_ms(f->hands);
		hands_turn_to_next(f->hands);
	}
	assert_int_equal(f->n_done, 1);
	assert_null(strchr(f->why, '\n'));
	if (f->err)
		assert_true(f->why[0] != '\0');
	else
		assert_string_equal(f->why, "");
	return f->err;
}

static void ask_again(struct fixture *f);

/* What all answers have in common. */
static void answered(struct fixture *f, int err, const char *why)
{
	assert_non_null(why);
	f->err = err;
	snprintf(f->why, sizeof(f->why), "%s", why);
	if (f->again > 0) {
		f->again--;
		ask_again(f);
		return;
	}
	f->n_done++;
	f->done = true;
}

static void on_list(void *arg, int err, struct machine_list *list,
                    const char *why)
{
	struct fixture *f = arg;

	assert_true(!err == !!list);
	f->text[0] = '\0';
	for (size_t i = 0; list && i < list->n && i < 20; i++) {
		strcat(f->text, list->v[i]->name);
		strcat(f->text, " ");
	}
	answered(f, err, why);
}

static void on_info(void *arg, int err, struct machine *m, const char *why)
{
	struct fixture *f = arg;

	assert_true(!err == !!m);
	machine_free(f->m);
	f->m = m;
	answered(f, err, why);
}

static void on_text(void *arg, int err, const char *text, size_t len,
                    const char *why)
{
	struct fixture *f = arg;

	assert_non_null(text);
	assert_true(!err || len == 0);
	snprintf(f->text, sizeof(f->text), "%.*s", (int)len, text);
	f->text_len = len;
	answered(f, err, why);
}

static void on_act(void *arg, int err, const char *why)
{
	answered(arg, err, why);
}

static int list(struct fixture *f)
{
	ask(f);
	engine_list(f->engine, on_list, f);
	return wait(f);
}

static int info(struct fixture *f, const char *name)
{
	ask(f);
	engine_info(f->engine, name, on_info, f);
	return wait(f);
}

static int logs(struct fixture *f, const char *name)
{
	ask(f);
	engine_logs(f->engine, name, on_text, f);
	return wait(f);
}

static int act_call(struct fixture *f, const struct engine_call *call,
                    const char *id)
{
	ask(f);
	engine_act(f->engine, call, id, on_act, f);
	return wait(f);
}

static int act(struct fixture *f, enum engine_op op, const char *name)
{
	struct engine_call call = { .op = op, .name = name };

	return act_call(f, &call, NULL);
}

static int create(struct fixture *f, const char *name)
{
	return act(f, ENGINE_CREATE, name);
}

/* With the id that the machine has now. */
static int act_by_id(struct fixture *f, enum engine_op op, const char *name,
                     const char *new_name)
{
	struct engine_call call = { .op = op,
		                    .name = name,
		                    .new_name = new_name };
	char id[64];

	snprintf(id, sizeof(id), "%s", fake_get(f->fake, name, "id"));
	return act_call(f, &call, id);
}

/* Ask once more, from inside an answer. */
static void ask_again(struct fixture *f)
{
	struct engine_call call = { .op = f->again_op, .name = "vm1" };

	switch (f->again_op) {
	case ENGINE_LIST:
		engine_list(f->engine, on_list, f);
		return;
	case ENGINE_INFO:
		engine_info(f->engine, "vm1", on_info, f);
		return;
	case ENGINE_LOGS:
		engine_logs(f->engine, "vm1", on_text, f);
		return;
	default:
		engine_act(f->engine, &call, NULL, on_act, f);
	}
}

static void assert_why(const struct fixture *f, const char *part)
{
	if (!strstr(f->why, part))
		fail_msg("'%s' does not say '%s'", f->why, part);
}

static void assert_pauses(const struct fixture *f, unsigned n, unsigned first,
                          unsigned second)
{
	assert_int_equal(f->n_pauses, n);
	if (n > 0)
		assert_int_equal(f->pauses[0], first);
	if (n > 1)
		assert_int_equal(f->pauses[1], second);
}

/* The program did no harm that nobody asked for. */
static void assert_no_harm(struct fixture *f)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/STOPPED-EVERYTHING",
	         fake_dir(f->fake));
	assert_int_not_equal(access(path, F_OK), 0);
	snprintf(path, sizeof(path), "%s/DELETED-EVERYTHING",
	         fake_dir(f->fake));
	assert_int_not_equal(access(path, F_OK), 0);
}

/* ---- looks --------------------------------------------------------------- */

static void engine_lists_the_machines_in_one_call(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	assert_int_equal(list(&f), 0);
	assert_string_equal(f.text, "");
	fake_do(f.fake, "seed", "3", NULL);
	assert_int_equal(list(&f), 0);
	assert_string_equal(f.text, "vm1 vm2 vm3 ");
	assert_int_equal(fake_calls(f.fake, ""), 2);
	assert_int_equal(fake_calls(f.fake, "list -f json"), 2);
	assert_int_equal(engine_stats(f.engine)->calls[ENGINE_LIST], 2);
	assert_int_equal(engine_stats(f.engine)->failed[ENGINE_LIST], 0);
	assert_string_equal(engine_name(f.engine), "orbctl");
	assert_string_equal(engine_program(f.engine), fake_program(f.fake));
	end(&f);
}

static void on_list_take(void *arg, int err, struct machine_list *list_,
                         const char *why)
{
	struct fixture *f = arg;

	assert_int_equal(err, 0);
	assert_int_equal(list_->n, 3);
	f->m = list_->v[1];
	list_->v[1] = NULL;
	answered(f, err, why);
}

static void engine_list_may_be_robbed_of_machines(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	fake_do(f.fake, "seed", "3", NULL);
	ask(&f);
	engine_list(f.engine, on_list_take, &f);
	assert_int_equal(wait(&f), 0);
	assert_string_equal(f.m->name, "vm2");
	end(&f);
}

static void engine_repeats_a_look_that_fails_for_a_moment(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	fake_do(f.fake, "seed", "1", NULL);
	fake_do(f.fake, "on", "fail.list", "2", "1", "[-32098] rpc: closed",
	        NULL);
	assert_int_equal(list(&f), 0);
	assert_string_equal(f.text, "vm1 ");
	assert_pauses(&f, 2, 200, 200);
	assert_int_equal(fake_calls(f.fake, "list"), 3);
	fake_do(f.fake, "on", "list-mode", "junk", "1", NULL);
	assert_int_equal(list(&f), 0);
	assert_pauses(&f, 1, 200, 0);
	fake_do(f.fake, "on", "list-mode", "truncated", "2", NULL);
	assert_int_equal(list(&f), 0);
	assert_pauses(&f, 2, 200, 200);
	fake_do(f.fake, "on", "info-mode", "truncated", "1", NULL);
	assert_int_equal(info(&f, "vm1"), 0);
	assert_pauses(&f, 1, 200, 0);
	fake_do(f.fake, "on", "fail.info", "2", "1", "closed", NULL);
	assert_int_equal(info(&f, "vm1"), 0);
	assert_pauses(&f, 2, 200, 200);
	end(&f);
}

static void engine_gives_up_a_look_after_three_tries(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	fake_do(f.fake, "on", "fail.list", "always", "1",
	        "[-32098] rpc: closed", NULL);
	assert_int_equal(list(&f), -EIO);
	assert_string_equal(f.why, "list: rpc: closed");
	assert_pauses(&f, 2, 200, 200);
	assert_int_equal(fake_calls(f.fake, "list"), 3);
	assert_int_equal(engine_stats(f.engine)->calls[ENGINE_LIST], 3);
	assert_int_equal(engine_stats(f.engine)->failed[ENGINE_LIST], 1);
	fake_do(f.fake, "off", NULL);
	fake_do(f.fake, "on", "list-mode", "junk", NULL);
	assert_int_equal(list(&f), -EPROTO);
	assert_string_equal(f.why, "list: orbctl: not a list of machines");
	fake_do(f.fake, "seed", "1", NULL);
	fake_do(f.fake, "on", "info-mode", "null", NULL);
	assert_int_equal(info(&f, "vm1"), -EPROTO);
	assert_string_equal(f.why, "info: orbctl: not a machine's record");
	end(&f);
}

static void engine_does_not_repeat_what_will_not_change(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	fake_do(f.fake, "on", "fail.list", "always", "1",
	        "Error: unknown flag --", NULL);
	assert_int_equal(list(&f), -EOPNOTSUPP);
	assert_pauses(&f, 0, 0, 0);
	assert_why(&f, "list: Error: unknown flag --; this version lacks it");
	assert_int_equal(info(&f, "nobody"), -ENOENT);
	assert_string_equal(f.why, "info: machine not found: 'nobody'");
	assert_pauses(&f, 0, 0, 0);
	assert_int_equal(fake_calls(f.fake, ""), 2);
	end(&f);
}

static void engine_that_does_not_run_is_said_to_be_away(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	fake_do(f.fake, "on", "fail.list", "always", "1",
	        "timed out waiting for services to start", NULL);
	assert_int_equal(list(&f), -ENODEV);
	assert_why(&f, "OrbStack does not run");
	end(&f);
}

static void engine_look_ends_at_its_deadline(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	f.table.row[ENGINE_LIST].deadline_ms = SHORT_MS;
	f.table.row[ENGINE_INFO].deadline_ms = SHORT_MS;
	f.table.row[ENGINE_LOGS].deadline_ms = SHORT_MS;
	fake_do(f.fake, "seed", "1", NULL);
	fake_do(f.fake, "on", "hang.any", NULL);
	assert_int_equal(list(&f), -ETIMEDOUT);
	assert_why(&f, "list: no answer from orbctl within");
	assert_int_equal(info(&f, "vm1"), -ETIMEDOUT);
	assert_int_equal(logs(&f, "vm1"), -ETIMEDOUT);
	assert_pauses(&f, 0, 0, 0);
	end(&f);
}

static void engine_bounds_what_it_reads(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	fake_do(f.fake, "seed", "30", NULL);
	f.table.row[ENGINE_LIST].out_max = 1000;
	assert_int_equal(list(&f), -EPROTO);
	assert_string_equal(f.why, "list: orbctl answers without end");
	f.table.row[ENGINE_INFO].out_max = 20;
	assert_int_equal(info(&f, "vm1"), -EPROTO);
	/* The beginning of a log is better than none. */
	f.table.row[ENGINE_LOGS].out_max = 7;
	assert_int_equal(logs(&f, "vm1"), 0);
	assert_string_equal(f.text, "systemd");
	end(&f);
}

static void engine_info_tells_of_one_machine(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	fake_do(f.fake, "seed", "2", "vm", "running", NULL);
	assert_int_equal(info(&f, "vm2"), 0);
	assert_string_equal(f.m->name, "vm2");
	assert_string_equal(f.m->id, fake_get(f.fake, "vm2", "id"));
	assert_int_equal(f.m->state, MACHINE_RUNNING);
	assert_string_equal(f.m->ip4, fake_get(f.fake, "vm2", "ip4"));
	assert_true(f.m->disk_used > 0);
	assert_int_equal(fake_calls(f.fake, "info vm2 -f json"), 1);
	fake_do(f.fake, "on", "shape", "2.0", NULL);
	assert_int_equal(info(&f, "vm2"), 0);
	end(&f);
}

static void engine_reads_past_the_update_box(void **state)
{
	static const char *const whens[] = { "before", "after" };
	struct fixture f;

	(void)state;
	begin(&f);
	fake_do(f.fake, "seed", "1", NULL);
	for (int i = 0; i < 2; i++) {
		fake_do(f.fake, "on", "banner", "both", whens[i], NULL);
		assert_int_equal(list(&f), 0);
		assert_string_equal(f.text, "vm1 ");
		assert_int_equal(info(&f, "vm1"), 0);
		assert_int_equal(info(&f, "nobody"), -ENOENT);
		assert_string_equal(f.why, "info: machine not found: 'nobody'");
	}
	assert_pauses(&f, 0, 0, 0);
	end(&f);
}

static void engine_logs_gives_the_console(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	fake_do(f.fake, "seed", "1", NULL);
	assert_int_equal(logs(&f, "vm1"), 0);
	assert_non_null(strstr(f.text, "Hostname set to <vm1>."));
	assert_int_equal(f.text_len, strlen(f.text));
	assert_int_equal(logs(&f, "nobody"), -ENOENT);
	assert_int_equal(fake_calls(f.fake, "logs vm1"), 1);
	end(&f);
}

static int text_of(struct fixture *f, const struct engine_call *call)
{
	ask(f);
	engine_text(f->engine, call, on_text, f);
	return wait(f);
}

static int text(struct fixture *f, enum engine_op op)
{
	struct engine_call call = { .op = op };

	return text_of(f, &call);
}

static void engine_tells_its_version_and_its_settings(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	fake_do(f.fake, "seed", "1", NULL);
	assert_int_equal(text(&f, ENGINE_VERSION), 0);
	assert_non_null(strstr(f.text, "Version: 2.2.3"));
	assert_int_equal(text(&f, ENGINE_CONFIG_SHOW), 0);
	assert_non_null(strstr(f.text, "memory_mib: 8192\n"));
	assert_non_null(strstr(f.text, "machine.vm1.cpu: 0\n"));
	assert_int_equal(fake_calls(f.fake, "version"), 1);
	assert_int_equal(fake_calls(f.fake, "config show"), 1);
	fake_do(f.fake, "on", "fail.config", "1", "1", "[-32098] boom", NULL);
	assert_int_equal(text(&f, ENGINE_CONFIG_SHOW), -EIO);
	assert_string_equal(f.why, "config_show: boom");
	f.table.row[ENGINE_VERSION].deadline_ms = SHORT_MS;
	fake_do(f.fake, "on", "hang.version", NULL);
	assert_int_equal(text(&f, ENGINE_VERSION), -ETIMEDOUT);
	f.table.row[ENGINE_CONFIG_SHOW].out_max = 7;
	assert_int_equal(text(&f, ENGINE_CONFIG_SHOW), -EPROTO);
	end(&f);
}

static void engine_status_is_its_word_whatever_its_exit(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	assert_int_equal(text(&f, ENGINE_STATUS), 0);
	assert_string_equal(f.text, "Running\n");
	fake_do(f.fake, "on", "status", "Stopped", "1", NULL);
	assert_int_equal(text(&f, ENGINE_STATUS), 0);
	assert_string_equal(f.text, "Stopped\n");
	assert_int_equal(fake_calls(f.fake, "status"), 2);
	fake_script(f.fake, "#!/bin/sh\necho no service >&2\nexit 1\n");
	assert_int_equal(text(&f, ENGINE_STATUS), -EIO);
	assert_string_equal(f.why, "status: no service");
	end(&f);
}

static void engine_setting_says_when_a_restart_is_needed(void **state)
{
	static const char hint[] =
		"Restart OrbStack with \"orb stop\" to apply changes.";
	struct engine_call call = {
		.op = ENGINE_CONFIG_SET,
		.setting = "network.https",
		.value = "false",
	};
	struct fixture f;

	(void)state;
	begin(&f);
	assert_int_equal(text_of(&f, &call), 0);
	assert_string_equal(f.text, hint);
	assert_int_equal(fake_calls(f.fake, "config set network.https false"),
	                 1);
	assert_int_equal(text(&f, ENGINE_CONFIG_SHOW), 0);
	assert_non_null(strstr(f.text, "network.https: false\n"));
	call.setting = "no.such.key";
	assert_int_equal(text_of(&f, &call), -EOPNOTSUPP);
	assert_why(&f, "config_set: unknown key: no.such.key");
	call.setting = "machine.vm1.cpu";
	assert_int_equal(text_of(&f, &call), -EINVAL);
	call.setting = "cpu";
	fake_script(f.fake, "#!/bin/sh\necho done\n");
	assert_int_equal(text_of(&f, &call), 0);
	assert_string_equal(f.text, "");
	fake_script(f.fake, "#!/bin/sh\necho fine\n"
	                    "printf 'x\\n  please restart\\ny\\n' >&2\n");
	assert_int_equal(text_of(&f, &call), 0);
	assert_string_equal(f.text, "  please restart");
	end(&f);
}

static void engine_images_are_asked_for_where_that_can_be(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	assert_int_equal(text(&f, ENGINE_IMAGES), 0);
	assert_non_null(strstr(f.text, "debian bookworm\n"));
	assert_int_equal(fake_calls(f.fake, ""), 0);
	f.table.images = NULL;
	fake_script(f.fake, "#!/bin/sh\necho \"$1\" 1\n");
	assert_int_equal(text(&f, ENGINE_IMAGES), 0);
	assert_string_equal(f.text, "images 1\n");
	end(&f);
}

static void engine_vitals_are_what_the_script_prints(void **state)
{
	struct engine_call call = { .op = ENGINE_VITALS, .name = "vm1" };
	struct fixture f;

	(void)state;
	begin(&f);
	fake_script(f.fake, "#!/bin/sh\necho \"$1 $2 $3 $4 $5 $6 $7 $8 $9\"\n");
	assert_int_equal(text_of(&f, &call), 0);
	assert_string_equal(f.text, "run -m vm1 -u root -w / sh -c\n");
	call.name = "-x";
	assert_int_equal(text_of(&f, &call), -EINVAL);
	end(&f);
}

static void engine_spawns_nothing_for_a_bad_name(void **state)
{
	static const char *const bad[] = { "", "-x", "--all", "a/b", ".x" };
	struct fixture f;

	(void)state;
	begin(&f);
	fake_do(f.fake, "seed", "1", NULL);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(info(&f, bad[i]), -EINVAL);
		assert_int_equal(logs(&f, bad[i]), -EINVAL);
		for (int op = ENGINE_CREATE; op <= ENGINE_SET; op++)
			assert_int_equal(act(&f, (enum engine_op)op, bad[i]),
			                 -EINVAL);
	}
	assert_int_equal(act(&f, ENGINE_STOP, NULL), -EINVAL);
	assert_int_equal(act(&f, ENGINE_DELETE, NULL), -EINVAL);
	assert_int_equal(fake_calls(f.fake, ""), 0);
	assert_no_harm(&f);
	end(&f);
}

/* ---- creations ----------------------------------------------------------- */

static void engine_creates_from_the_image_that_is_said(void **state)
{
	struct engine_call call = {
		.op = ENGINE_CREATE,
		.name = "shop",
		.image = "alpine:3.20",
		.user = "root",
	};
	struct fixture f;

	(void)state;
	begin(&f);
	assert_int_equal(create(&f, "web"), 0);
	assert_string_equal(fake_get(f.fake, "web", "distro"), "debian");
	assert_string_equal(fake_get(f.fake, "web", "state"), "running");
	assert_int_equal(fake_calls(f.fake, "create debian:bookworm web"), 1);
	assert_int_equal(act_call(&f, &call, NULL), 0);
	assert_string_equal(fake_get(f.fake, "shop", "version"), "3.20");
	assert_string_equal(fake_get(f.fake, "shop", "user"), "root");
	assert_int_equal(fake_calls(f.fake, ""), 2);
	assert_int_equal(create(&f, "web"), -EEXIST);
	assert_string_equal(f.why, "create: create 'web': machine already "
	                           "exists: 'web'");
	assert_int_equal(fake_calls(f.fake, ""), 3);
	end(&f);
}

static void engine_creates_within_limits(void **state)
{
	struct engine_call call = {
		.op = ENGINE_CREATE,
		.name = "web",
		.cpus = 2,
		.memory = INT64_C(4) << 30,
		.disk = INT64_C(64) << 30,
		.isolated = true,
		.isolate_network = true,
	};
	struct fixture f;

	(void)state;
	begin(&f);
	assert_int_equal(act_call(&f, &call, NULL), 0);
	assert_string_equal(fake_get(f.fake, "web", "cpu"), "2");
	assert_string_equal(fake_get(f.fake, "web", "memory_mib"), "4096");
	assert_string_equal(fake_get(f.fake, "web", "disk_bytes"),
	                    "68719476736");
	assert_string_equal(fake_get(f.fake, "web", "isolated"), "1");
	assert_string_equal(fake_get(f.fake, "web", "isolate_network"), "1");
	call.name = "shop";
	call.user_data = "/no/such/file";
	assert_int_equal(act_call(&f, &call, NULL), -EIO);
	call.user_data = fake_program(f.fake);
	assert_int_equal(act_call(&f, &call, NULL), 0);
	assert_string_equal(fake_get(f.fake, "shop", "variant"), "cloud");
	end(&f);
}

static void engine_of_an_old_version_says_what_is_needed(void **state)
{
	struct engine_call call = {
		.op = ENGINE_CREATE,
		.name = "web",
		.cpus = 2,
	};
	struct fixture f;

	(void)state;
	begin(&f);
	fake_do(f.fake, "on", "version", "1.9.0", NULL);
	assert_int_equal(act_call(&f, &call, NULL), -EOPNOTSUPP);
	assert_why(&f, "limits of a machine need OrbStack 2.2 or newer");
	call.cpus = 0;
	call.isolated = true;
	assert_int_equal(act_call(&f, &call, NULL), -EOPNOTSUPP);
	assert_why(&f, "isolated machines need OrbStack 2.1 or newer");
	fake_do(f.fake, "seed", "1", NULL);
	assert_int_equal(act_by_id(&f, ENGINE_CLONE, "vm1", "vm2"),
	                 -EOPNOTSUPP);
	assert_why(&f, "clones need OrbStack 2.0 or newer");
	assert_pauses(&f, 0, 0, 0);
	end(&f);
}

static void engine_creates_once_more_without_an_address(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	fake_do(f.fake, "on", "create-mode", "no-ip", "1", NULL);
	assert_int_equal(create(&f, "web"), 0);
	assert_pauses(&f, 1, 1000, 0);
	assert_int_equal(fake_calls(f.fake, "create"), 2);
	/* A look between the two says that nothing was left. */
	assert_int_equal(fake_calls(f.fake, "info web"), 1);
	fake_do(f.fake, "on", "create-mode", "no-ip", NULL);
	assert_int_equal(create(&f, "shop"), -ENOSPC);
	assert_pauses(&f, 1, 1000, 0);
	assert_int_equal(fake_calls(f.fake, "create debian:bookworm shop"), 2);
	assert_why(&f, "create: create 'shop': setup: machine didn't start in "
	               "30s (missing IP address); the pool of addresses");
	assert_string_equal(fake_get(f.fake, "shop", "name"), "");
	end(&f);
}

static void engine_does_not_create_over_what_was_left(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	fake_do(f.fake, "on", "create-mode", "no-ip", "leftover", NULL);
	assert_int_equal(create(&f, "web"), -ENOSPC);
	assert_pauses(&f, 0, 0, 0);
	assert_int_equal(fake_calls(f.fake, "create"), 1);
	assert_string_equal(fake_get(f.fake, "web", "state"), "stopped");
	end(&f);
}

static void engine_downloads_an_image_three_times(void **state)
{
	static const char *const modes[] = { "download-cut",
		                             "image-unreachable",
		                             "image-slow" };
	struct fixture f;

	(void)state;
	begin(&f);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		fake_do(f.fake, "on", "create-mode", modes[i], "2", NULL);
		assert_int_equal(create(&f, "web"), 0);
		assert_pauses(&f, 2, 5000, 20000);
		assert_int_equal(fake_calls(f.fake, "create"), 3);
		fake_do(f.fake, "on", "create-mode", modes[i], NULL);
		assert_int_equal(create(&f, "shop"), -EIO);
		assert_pauses(&f, 2, 5000, 20000);
		assert_int_equal(fake_calls(f.fake, "create"), 6);
		assert_why(&f, "create 'shop': make rootfs: ");
		assert_why(&f, "; the ");
		fake_do(f.fake, "reset", NULL);
	}
	end(&f);
}

static void engine_creation_that_fails_otherwise_is_not_repeated(void **state)
{
	static const struct {
		const char *mode;
		int err;
	} rows[] = {
		{ "setup-failed", -EIO },
		{ "shutdown", -EIO },
		{ "permission", -EPERM },
		{ "exit-1", -EIO },
	};
	struct fixture f;

	(void)state;
	begin(&f);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fake_do(f.fake, "on", "create-mode", rows[i].mode, NULL);
		assert_int_equal(create(&f, "web"), rows[i].err);
		assert_pauses(&f, 0, 0, 0);
		assert_int_equal(fake_calls(f.fake, "create"), 1);
		fake_do(f.fake, "reset", NULL);
	}
	end(&f);
}

static void engine_creation_without_an_answer_is_looked_at(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	f.table.row[ENGINE_CREATE].deadline_ms = SHORT_MS;
	fake_do(f.fake, "on", "create-mode", "hang", NULL);
	assert_int_equal(create(&f, "web"), 0);
	assert_string_equal(fake_get(f.fake, "web", "state"), "running");
	fake_do(f.fake, "off", NULL);
	fake_do(f.fake, "on", "hang.create", NULL);
	assert_int_equal(create(&f, "shop"), -ETIMEDOUT);
	assert_int_equal(fake_calls(f.fake, "info shop"), 1);
	assert_int_equal(fake_calls(f.fake, "create"), 2);
	end(&f);
}

/* ---- the life of a machine ----------------------------------------------- */

static void engine_starts_stops_and_restarts(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	fake_do(f.fake, "seed", "2", NULL);
	assert_int_equal(act(&f, ENGINE_START, "vm1"), 0);
	assert_string_equal(fake_get(f.fake, "vm1", "now"), "running");
	assert_int_equal(act(&f, ENGINE_RESTART, "vm1"), 0);
	assert_string_equal(fake_get(f.fake, "vm1", "now"), "running");
	assert_int_equal(act(&f, ENGINE_STOP, "vm1"), 0);
	assert_string_equal(fake_get(f.fake, "vm1", "now"), "stopped");
	assert_int_equal(act(&f, ENGINE_START, "vm1"), 0);
	assert_int_equal(act(&f, ENGINE_KILL, "vm1"), 0);
	assert_string_equal(fake_get(f.fake, "vm1", "now"), "stopped");
	assert_int_equal(fake_calls(f.fake, "stop -f vm1"), 1);
	assert_int_equal(act(&f, ENGINE_START, "nobody"), -ENOENT);
	assert_int_equal(act(&f, ENGINE_STOP, "nobody"), -ENOENT);
	assert_int_equal(fake_calls(f.fake, "info"), 0);
	assert_no_harm(&f);
	end(&f);
}

static void engine_failure_of_what_is_so_already_is_success(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	fake_do(f.fake, "seed", "1", "on", "running", NULL);
	fake_do(f.fake, "seed", "1", "off", "stopped", NULL);
	fake_do(f.fake, "on", "start-running-fails", NULL);
	fake_do(f.fake, "on", "stop-stopped-fails", NULL);
	assert_int_equal(act(&f, ENGINE_START, "on1"), 0);
	assert_int_equal(act(&f, ENGINE_STOP, "off1"), 0);
	assert_int_equal(act(&f, ENGINE_KILL, "off1"), 0);
	assert_int_equal(fake_calls(f.fake, "info"), 3);
	fake_do(f.fake, "on", "fail.start", "always", "1", "[-32098] boom",
	        NULL);
	assert_int_equal(act(&f, ENGINE_START, "off1"), -EIO);
	assert_string_equal(f.why, "start: boom");
	/* A restart has no state that proves it. */
	fake_do(f.fake, "on", "fail.restart", "always", "1", "boom", NULL);
	assert_int_equal(act(&f, ENGINE_RESTART, "on1"), -EIO);
	end(&f);
}

static void engine_act_without_an_answer_is_looked_at(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	for (int op = 0; op < ENGINE_N_OPS; op++)
		if (op != ENGINE_INFO)
			f.table.row[op].deadline_ms = SHORT_MS;
	fake_do(f.fake, "seed", "3", NULL);
	fake_do(f.fake, "on", "late.start", "forever", NULL);
	fake_do(f.fake, "on", "hang.stop", NULL);
	fake_do(f.fake, "on", "late.delete", "forever", NULL);
	fake_do(f.fake, "on", "late.rename", "forever", NULL);
	assert_int_equal(act(&f, ENGINE_START, "vm1"), 0);
	assert_int_equal(act(&f, ENGINE_STOP, "vm1"), -ETIMEDOUT);
	assert_why(&f, "stop: no answer from orbctl within");
	assert_int_equal(act_by_id(&f, ENGINE_DELETE, "vm2", NULL), 0);
	assert_string_equal(fake_get(f.fake, "vm2", "name"), "");
	assert_int_equal(act_by_id(&f, ENGINE_RENAME, "vm3", "shop"), 0);
	assert_string_equal(fake_get(f.fake, "shop", "name"), "shop");
	end(&f);
}

static void engine_deletes_what_is_stopped(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	fake_do(f.fake, "seed", "2", NULL);
	assert_int_equal(act_by_id(&f, ENGINE_DELETE, "vm1", NULL), 0);
	assert_string_equal(fake_get(f.fake, "vm1", "name"), "");
	assert_string_equal(fake_get(f.fake, "vm2", "name"), "vm2");
	assert_int_equal(fake_calls(f.fake, "delete -f vm1"), 1);
	assert_int_equal(fake_calls(f.fake, "delete"), 1);
	end(&f);
}

static void engine_never_deletes_another_machine_of_that_name(void **state)
{
	struct engine_call call = { .op = ENGINE_DELETE, .name = "vm1" };
	char id[64];
	struct fixture f;

	(void)state;
	begin(&f);
	fake_do(f.fake, "seed", "1", NULL);
	snprintf(id, sizeof(id), "%s", fake_get(f.fake, "vm1", "id"));
	fake_do(f.fake, "reid", "vm1", NULL);
	assert_int_equal(act_call(&f, &call, id), -ESTALE);
	assert_string_equal(f.why,
	                    "delete: the name belongs to another machine now");
	assert_int_equal(act_call(&f, &call, NULL), -ESTALE);
	assert_int_equal(act_call(&f, &call, "?"), -ESTALE);
	assert_int_equal(act_call(&f, &call, ""), -ESTALE);
	assert_int_equal(fake_calls(f.fake, "delete"), 0);
	end(&f);
}

static void engine_never_deletes_what_is_not_stopped(void **state)
{
	static const char *const words[] = { "running", "starting", "stopping",
		                             "creating", "hibernating" };
	struct fixture f;

	(void)state;
	begin(&f);
	fake_do(f.fake, "seed", "1", NULL);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		fake_do(f.fake, "on", "stuck.vm1", words[i], NULL);
		assert_int_equal(act_by_id(&f, ENGINE_DELETE, "vm1", NULL),
		                 -EBUSY);
		assert_why(&f, "delete: it is not stopped");
	}
	assert_int_equal(fake_calls(f.fake, "delete"), 0);
	end(&f);
}

static void engine_delete_of_what_has_vanished_is_success(void **state)
{
	struct engine_call call = { .op = ENGINE_DELETE, .name = "vm1" };
	struct fixture f;

	(void)state;
	begin(&f);
	assert_int_equal(act_call(&f, &call, "01K2G8TY5GM9C3CN95KCB4ZG8B"), 0);
	assert_int_equal(fake_calls(f.fake, "delete"), 0);
	end(&f);
}

static void engine_delete_needs_a_look_before(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	fake_do(f.fake, "seed", "1", NULL);
	fake_do(f.fake, "on", "fail.info", "always", "1", "closed", NULL);
	assert_int_equal(act_by_id(&f, ENGINE_DELETE, "vm1", NULL), -EIO);
	assert_string_equal(f.why, "delete: info: closed");
	assert_int_equal(fake_calls(f.fake, "info"), 3);
	assert_int_equal(fake_calls(f.fake, "delete"), 0);
	end(&f);
}

static void engine_delete_that_fails_says_why(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	fake_do(f.fake, "seed", "1", NULL);
	fake_do(f.fake, "on", "disk-full.vm1", NULL);
	assert_int_equal(act_by_id(&f, ENGINE_DELETE, "vm1", NULL), -ENOSPC);
	assert_why(&f, "delete: delete 'vm1': ");
	assert_why(&f, "; lift the limit first");
	assert_string_equal(fake_get(f.fake, "vm1", "name"), "vm1");
	/* A look after the failure, beside the one before. */
	assert_int_equal(fake_calls(f.fake, "info"), 2);
	end(&f);
}

static void engine_renames_and_keeps_the_id(void **state)
{
	char id[64];
	struct fixture f;

	(void)state;
	begin(&f);
	fake_do(f.fake, "seed", "2", NULL);
	snprintf(id, sizeof(id), "%s", fake_get(f.fake, "vm1", "id"));
	assert_int_equal(act_by_id(&f, ENGINE_RENAME, "vm1", "shop"), 0);
	assert_string_equal(fake_get(f.fake, "shop", "id"), id);
	assert_int_equal(act_by_id(&f, ENGINE_RENAME, "shop", "vm2"), -EEXIST);
	assert_string_equal(fake_get(f.fake, "shop", "id"), id);
	assert_int_equal(act_by_id(&f, ENGINE_RENAME, "nobody", "vm3"),
	                 -ENOENT);
	end(&f);
}

static void engine_clones_to_a_stopped_machine(void **state)
{
	char id[64];
	struct fixture f;

	(void)state;
	begin(&f);
	fake_do(f.fake, "seed", "1", "vm", "running", NULL);
	snprintf(id, sizeof(id), "%s", fake_get(f.fake, "vm1", "id"));
	assert_int_equal(act_by_id(&f, ENGINE_CLONE, "vm1", "copy"), 0);
	assert_string_equal(fake_get(f.fake, "copy", "now"), "stopped");
	assert_string_not_equal(fake_get(f.fake, "copy", "id"), id);
	assert_string_equal(fake_get(f.fake, "vm1", "now"), "running");
	assert_int_equal(fake_calls(f.fake, "clone vm1 copy"), 1);
	assert_int_equal(fake_calls(f.fake, "info"), 0);
	assert_int_equal(act_by_id(&f, ENGINE_CLONE, "vm1", "copy"), -EEXIST);
	assert_int_equal(act_by_id(&f, ENGINE_CLONE, "nobody", "x"), -ENOENT);
	assert_int_equal(act_by_id(&f, ENGINE_CLONE, "vm1", "-x"), -EINVAL);
	assert_int_equal(fake_calls(f.fake, "info"), 0);
	end(&f);
}

static void engine_clone_without_a_clear_end_is_looked_at(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	fake_do(f.fake, "seed", "1", NULL);
	f.table.row[ENGINE_CLONE].deadline_ms = SHORT_MS;
	fake_do(f.fake, "on", "late.clone", "forever", NULL);
	assert_int_equal(act_by_id(&f, ENGINE_CLONE, "vm1", "copy"), 0);
	assert_int_equal(fake_calls(f.fake, "info copy"), 1);
	fake_do(f.fake, "off", NULL);
	fake_do(f.fake, "on", "hang.clone", NULL);
	assert_int_equal(act_by_id(&f, ENGINE_CLONE, "vm1", "gone"),
	                 -ETIMEDOUT);
	fake_do(f.fake, "off", NULL);
	fake_do(f.fake, "on", "fail.clone", "always", "1", "[-32098] boom",
	        NULL);
	assert_int_equal(act_by_id(&f, ENGINE_CLONE, "vm1", "gone"), -EIO);
	assert_string_equal(f.why, "clone: boom");
	/* What is still being made is no clone yet. */
	fake_do(f.fake, "off", NULL);
	fake_do(f.fake, "on", "late.clone", "forever", NULL);
	fake_do(f.fake, "on", "stuck.half", "creating", NULL);
	assert_int_equal(act_by_id(&f, ENGINE_CLONE, "vm1", "half"),
	                 -ETIMEDOUT);
	/* A cause that has a name is believed. */
	fake_do(f.fake, "off", NULL);
	fake_do(f.fake, "on", "fail.clone", "1", "1", "no space left", NULL);
	assert_int_equal(act_by_id(&f, ENGINE_CLONE, "vm1", "full"), -ENOSPC);
	assert_no_harm(&f);
	end(&f);
}

static void engine_sets_one_setting(void **state)
{
	struct engine_call call = {
		.op = ENGINE_SET,
		.name = "vm1",
		.key = MACHINE_KEY_MEMORY,
		.value = "2147483648",
	};
	struct fixture f;

	(void)state;
	begin(&f);
	fake_do(f.fake, "seed", "1", NULL);
	assert_int_equal(act_call(&f, &call, NULL), 0);
	assert_string_equal(fake_get(f.fake, "vm1", "memory_mib"), "2048");
	fake_do(f.fake, "on", "fail.config", "1", "1", "boom", NULL);
	assert_int_equal(act_call(&f, &call, NULL), -EIO);
	assert_string_equal(f.why, "set: boom");
	assert_int_equal(fake_calls(f.fake, "info"), 0);
	end(&f);
}

/* ---- the program itself -------------------------------------------------- */

static void engine_looks_for_its_program_until_it_is_there(void **state)
{
	struct fixture f;
	char path[128];

	(void)state;
	begin(&f);
	f.hidden = true;
	assert_int_equal(list(&f), -ENODEV);
	assert_why(&f, "list: orbctl is not installed or not to be found");
	assert_string_equal(engine_program(f.engine), "");
	assert_int_equal(info(&f, "vm1"), -ENODEV);
	assert_int_equal(logs(&f, "vm1"), -ENODEV);
	assert_int_equal(create(&f, "vm1"), -ENODEV);
	assert_int_equal(f.n_finds, 4);
	f.hidden = false;
	assert_int_equal(list(&f), 0);
	assert_int_equal(list(&f), 0);
	assert_int_equal(f.n_finds, 5);
	/* It goes, and comes back. */
	snprintf(path, sizeof(path), "%s/away", fake_dir(f.fake));
	assert_int_equal(rename(fake_program(f.fake), path), 0);
	assert_int_equal(list(&f), -ENODEV);
	assert_int_equal(f.n_finds, 5);
	assert_int_equal(list(&f), -ENODEV);
	assert_int_equal(f.n_finds, 6);
	assert_int_equal(rename(path, fake_program(f.fake)), 0);
	assert_int_equal(list(&f), 0);
	assert_int_equal(f.n_finds, 7);
	/* A file that may not be run is no program either. */
	fake_script(f.fake, "#!/bin/sh\necho '[]'\n");
	assert_int_equal(chmod(fake_program(f.fake), 0600), 0);
	assert_int_equal(list(&f), -ENODEV);
	end(&f);
}

static void engine_stop_ends_a_pause(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	fake_do(f.fake, "on", "fail.list", "always", "1", "boom", NULL);
	ask(&f);
	engine_list(f.engine, on_list, &f);
	loop_run_until_true(f.loop, is_over_or_pauses, &f, WAIT_MS);
	assert_false(f.done);
	engine_stop(f.engine);
	assert_true(f.done);
	assert_int_equal(wait(&f), -ECANCELED);
	assert_int_equal(hands_n_alarms(f.hands), 0);
	assert_int_equal(fake_calls(f.fake, "list"), 1);
	/* From then on nothing is tried twice. */
	assert_int_equal(list(&f), -EIO);
	assert_int_equal(fake_calls(f.fake, "list"), 2);
	end(&f);
}

static void engine_stop_ends_every_pause(void **state)
{
	struct engine_call call = { .op = ENGINE_CREATE, .name = "web" };
	struct fixture f;

	(void)state;
	begin(&f);
	fake_do(f.fake, "on", "create-mode", "download-cut", NULL);
	fake_do(f.fake, "on", "fail.list", "always", "1", "boom", NULL);
	ask(&f);
	engine_list(f.engine, on_list, &f);
	loop_run_until_true(f.loop, is_over_or_pauses, &f, WAIT_MS);
	engine_act(f.engine, &call, NULL, on_act, &f);
	/* One of them asks once more from inside its answer. */
	f.again = 1;
	f.again_op = ENGINE_LIST;
	while (hands_n_alarms(f.hands) < 2)
		loop_run_for(f.loop, 5);
	engine_stop(f.engine);
	assert_int_equal(f.n_done, 1);
	assert_int_equal(f.err, -ECANCELED);
	assert_int_equal(hands_n_alarms(f.hands), 0);
	f.done = false;
	loop_run_until(f.loop, &f.done, WAIT_MS);
	assert_int_equal(f.n_done, 2);
	assert_int_equal(f.err, -EIO);
	end(&f);
}

static void engine_may_be_asked_from_inside_its_answers(void **state)
{
	static const enum engine_op ops[] = { ENGINE_LIST, ENGINE_INFO,
		                              ENGINE_LOGS, ENGINE_START,
		                              ENGINE_DELETE };
	struct fixture f;

	(void)state;
	begin(&f);
	fake_do(f.fake, "seed", "1", NULL);
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		f.again_op = ops[i];
		f.again = 2;
		list(&f);
		f.again = 2;
		info(&f, "vm1");
		f.again = 2;
		logs(&f, "vm1");
		f.again = 2;
		act(&f, ENGINE_STOP, "vm1");
		/* Without a child in between, too. */
		f.again = 2;
		info(&f, "-x");
		f.hidden = true;
		f.again = 2;
		act(&f, ENGINE_STOP, "-x");
		f.hidden = false;
		assert_int_equal(f.again, 0);
	}
	assert_no_harm(&f);
	end(&f);
}

static void engine_answers_many_questions_at_once(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	fake_do(f.fake, "seed", "1", NULL);
	ask(&f);
	for (int i = 0; i < 10; i++)
		engine_list(f.engine, on_list, &f);
	while (f.n_done < 10) {
		f.done = false;
		loop_run_until(f.loop, &f.done, WAIT_MS);
		assert_int_equal(f.err, 0);
	}
	assert_int_equal(fake_calls(f.fake, "list"), 10);
	end(&f);
}

static void engine_ends_what_runs_when_the_jobs_are_stopped(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	fake_do(f.fake, "on", "hang.list", NULL);
	ask(&f);
	engine_list(f.engine, on_list, &f);
	while (fake_calls(f.fake, "list") == 0)
		loop_run_for(f.loop, 5);
	engine_stop(f.engine);
	assert_false(f.done);
	jobs_stop(f.jobs, on_stopped, &f);
	loop_run_until(f.loop, &f.stopped, WAIT_MS);
	assert_true(f.done);
	assert_int_equal(f.err, -ECANCELED);
	end(&f);
}

/* ---- memory -------------------------------------------------------------- */

#define RECORD "{\"name\": \"web\", \"id\": \"x\", \"state\": \"stopped\"}"

/* An orbctl that answers fast and fails to create. */
static const char quick[] =
	"#!/bin/sh\n"
	"case $1 in\n"
	"list) echo '[" RECORD "]' ;;\n"
	"info) case $2 in\n"
	"	web) echo '{\"record\": " RECORD "}' ;;\n"
	"	*) echo 'machine not found' >&2; exit 1 ;;\n"
	"	esac ;;\n"
	"create) echo '(missing IP address)' >&2; exit 1 ;;\n"
	"clone) echo closed >&2; exit 1 ;;\n"
	"config) echo 'please restart' ;;\n"
	"esac\n";

static void sweep(struct fixture *f, int (*scenario)(struct fixture *f),
                  int expected)
{
	unsigned n = 0;
	int err = 1;

	fake_script(f->fake, quick);
	end_engine(f);
	while (fail_alloc_next(&n)) {
		begin_engine(f);
		if (f->engine)
			err = scenario(f);
		else
			err = -ENOMEM;
		fail_alloc_off();
		end_engine(f);
		/* A lack of memory may count as a failure like others. */
		assert_true(err <= 0);
	}
	assert_true(n > 5);
	assert_int_equal(err, expected);
}

static int ask_list(struct fixture *f)
{
	return list(f);
}

static int ask_info(struct fixture *f)
{
	return info(f, "web");
}

static int ask_logs(struct fixture *f)
{
	return logs(f, "web");
}

static int ask_delete(struct fixture *f)
{
	struct engine_call call = { .op = ENGINE_DELETE, .name = "web" };

	return act_call(f, &call, "x");
}

static int ask_create(struct fixture *f)
{
	return create(f, "shop");
}

static int ask_clone(struct fixture *f)
{
	struct engine_call call = { .op = ENGINE_CLONE,
		                    .name = "web",
		                    .new_name = "web" };

	return act_call(f, &call, "x");
}

static int ask_config_set(struct fixture *f)
{
	struct engine_call call = { .op = ENGINE_CONFIG_SET,
		                    .setting = "cpu",
		                    .value = "2" };

	return text_of(f, &call);
}

static void engine_survives_any_failing_allocation(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	sweep(&f, ask_list, 0);
	sweep(&f, ask_info, 0);
	sweep(&f, ask_logs, 0);
	sweep(&f, ask_delete, 0);
	sweep(&f, ask_create, -ENOSPC);
	sweep(&f, ask_clone, 0); /* the copy is there after all */
	sweep(&f, ask_config_set, 0);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(engine_lists_the_machines_in_one_call),
		cmocka_unit_test(engine_list_may_be_robbed_of_machines),
		cmocka_unit_test(engine_repeats_a_look_that_fails_for_a_moment),
		cmocka_unit_test(engine_gives_up_a_look_after_three_tries),
		cmocka_unit_test(engine_does_not_repeat_what_will_not_change),
		cmocka_unit_test(engine_that_does_not_run_is_said_to_be_away),
		cmocka_unit_test(engine_look_ends_at_its_deadline),
		cmocka_unit_test(engine_bounds_what_it_reads),
		cmocka_unit_test(engine_info_tells_of_one_machine),
		cmocka_unit_test(engine_reads_past_the_update_box),
		cmocka_unit_test(engine_logs_gives_the_console),
		cmocka_unit_test(engine_tells_its_version_and_its_settings),
		cmocka_unit_test(engine_status_is_its_word_whatever_its_exit),
		cmocka_unit_test(engine_setting_says_when_a_restart_is_needed),
		cmocka_unit_test(engine_images_are_asked_for_where_that_can_be),
		cmocka_unit_test(engine_vitals_are_what_the_script_prints),
		cmocka_unit_test(engine_spawns_nothing_for_a_bad_name),
		cmocka_unit_test(engine_creates_from_the_image_that_is_said),
		cmocka_unit_test(engine_creates_within_limits),
		cmocka_unit_test(engine_of_an_old_version_says_what_is_needed),
		cmocka_unit_test(engine_creates_once_more_without_an_address),
		cmocka_unit_test(engine_does_not_create_over_what_was_left),
		cmocka_unit_test(engine_downloads_an_image_three_times),
		cmocka_unit_test(
			engine_creation_that_fails_otherwise_is_not_repeated),
		cmocka_unit_test(
			engine_creation_without_an_answer_is_looked_at),
		cmocka_unit_test(engine_starts_stops_and_restarts),
		cmocka_unit_test(
			engine_failure_of_what_is_so_already_is_success),
		cmocka_unit_test(engine_act_without_an_answer_is_looked_at),
		cmocka_unit_test(engine_deletes_what_is_stopped),
		cmocka_unit_test(
			engine_never_deletes_another_machine_of_that_name),
		cmocka_unit_test(engine_never_deletes_what_is_not_stopped),
		cmocka_unit_test(engine_delete_of_what_has_vanished_is_success),
		cmocka_unit_test(engine_delete_needs_a_look_before),
		cmocka_unit_test(engine_delete_that_fails_says_why),
		cmocka_unit_test(engine_renames_and_keeps_the_id),
		cmocka_unit_test(engine_clones_to_a_stopped_machine),
		cmocka_unit_test(engine_clone_without_a_clear_end_is_looked_at),
		cmocka_unit_test(engine_sets_one_setting),
		cmocka_unit_test(
			engine_looks_for_its_program_until_it_is_there),
		cmocka_unit_test(engine_stop_ends_a_pause),
		cmocka_unit_test(engine_stop_ends_every_pause),
		cmocka_unit_test(engine_may_be_asked_from_inside_its_answers),
		cmocka_unit_test(engine_answers_many_questions_at_once),
		cmocka_unit_test(
			engine_ends_what_runs_when_the_jobs_are_stopped),
		cmocka_unit_test(engine_survives_any_failing_allocation),
	};

	signal(SIGPIPE, SIG_IGN); /* as the daemon does */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
