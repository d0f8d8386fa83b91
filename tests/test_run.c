/*
 * What run.h promises: the output of a script in order and whole, its status,
 * its end when it is interrupted, and who is told. The scripts run under a
 * scripted orbctl; where the bytes matter that orbctl itself sends, one made of
 * a few lines stands in for it.
 */
#include <errno.h>
#include <fcntl.h>
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

#include "ops/run.h"
#include "tests/fail_alloc.h"
#include "tests/fake.h"
#include "tests/hands.h"
#include "tests/loop.h"

enum {
	WAIT_MS = 60000,
	SHORT_MS = 400,
	MIB = 1 << 20,
	GRACE_MS = 2000,
	LINGER_MS = 5000
};

static const char *const ENVIRONMENT[] = { "PATH=/usr/bin:/bin", "HOME=/",
	                                   NULL };

/* ---- one run ------------------------------------------------------------- */

struct fixture {
	uv_loop_t *loop;
	struct hands *hands;
	struct jobs *jobs;
	struct fake *fake;
	struct engine_table table; /* a copy, to be changed before a run */
	struct engine *engine;
	bool stopped;
	uint64_t spool_max;
	struct spool *input; /* of the next run, or NULL */
	bool apart;
	struct run *run; /* ours, or NULL */
	bool ended;
	unsigned n_ends;
	unsigned again; /* runs still to be opened from inside on_end */
	struct run_watch watch;
	unsigned n_told;
	bool starved; /* of memory: there may be none for a reason */
};

static char *on_find(void *arg)
{
	struct fixture *f = arg;

	return strdup(fake_program(f->fake));
}

static void begin_engine(struct fixture *f)
{
	static const unsigned limits[JOB_N_CLASSES] = { 0 };
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
	*f = (struct fixture){ .table = engine_orbctl, .spool_max = 64 * MIB };
	f->loop = loop_start();
	f->hands = hands_new();
	f->fake = fake_new();
	fake_do(f->fake, "seed", "1", "vm", "running", NULL);
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
	run_unref(f->run);
	fake_free(f->fake);
	hands_free(f->hands);
	loop_finish(f->loop);
}

static int open_run(struct fixture *f, const char *machine, const char *script);

static void on_end(void *arg, struct run *run)
{
	struct fixture *f = arg;

	f->n_ends++;
	assert_true(run_ended(run));
	assert_string_not_equal(run_status(run), "running");
	if (!f->starved)
		assert_int_equal(!run_error(run), run_why(run)[0] == '\0');
	assert_null(strchr(run_why(run), '\n'));
	if (f->again > 0) {
		f->again--;
		run_unref(f->run);
		f->run = NULL;
		assert_int_equal(open_run(f, "vm1", "echo again"), 0);
		return;
	}
	f->ended = true;
}

static int open_bytes(struct fixture *f, const char *machine,
                      const char *script, size_t len)
{
	struct run_spec spec = {
		.engine = f->engine,
		.clock = hands_clock(f->hands),
		.machine = machine,
		.script = script,
		.len = len,
		.spool_max = f->spool_max,
		.on_end = on_end,
		.arg = f,
	};
	int err = 1;

	spec.input = f->input;
	spec.apart = f->apart;
	run_unref(f->run);
	f->ended = false;
	f->run = run_open(&spec, &err);
	assert_int_equal(!f->run, err != 0);
	if (f->run) {
		assert_false(run_ended(f->run));
		assert_string_equal(run_status(f->run), "running");
	}
	return err;
}

static int open_run(struct fixture *f, const char *machine, const char *script)
{
	return open_bytes(f, machine, script, strlen(script));
}

/* The engine's child may go a moment after its run, which looks after it. */
static bool is_quiet(void *arg)
{
	const struct fixture *f = arg;

	return hands_n_alarms(f->hands) == 0;
}

static void wait_for_end(struct fixture *f)
{
	if (!f->ended)
		loop_run_until(f->loop, &f->ended, WAIT_MS);
	assert_true(run_ended(f->run));
	loop_run_until_true(f->loop, is_quiet, f, WAIT_MS);
}

/* Run a script in vm1 to its end. Returns run_error. */
static int run(struct fixture *f, const char *script)
{
	assert_int_equal(open_run(f, "vm1", script), 0);
	wait_for_end(f);
	return run_error(f->run);
}

/* What a stream has kept, NUL-terminated, to be freed. */
static char *kept(struct fixture *f, enum run_stream stream)
{
	struct spool *spool = run_spool(f->run, stream);
	size_t len = (size_t)(spool_end(spool) - spool_start(spool));
	char *text = malloc(len + 1);

	assert_non_null(text);
	assert_int_equal(spool_read(spool, spool_start(spool), text, len), len);
	text[len] = '\0';
	assert_int_equal(strlen(text), len);
	return text;
}

static void assert_kept(struct fixture *f, enum run_stream stream,
                        const char *expected)
{
	char *text = kept(f, stream);

	assert_string_equal(text, expected);
	free(text);
}

static void assert_end(struct fixture *f, int err, const char *status,
                       const char *why)
{
	assert_int_equal(run_error(f->run), err);
	assert_string_equal(run_status(f->run), status);
	assert_string_equal(run_why(f->run), why);
}

/* Let a script that waits for the file NAME in our directory go on. */
static void touch(struct fixture *f, const char *name)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", fake_dir(f->fake), name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
}

static bool is_there(struct fixture *f, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", fake_dir(f->fake), name);
	return access(path, F_OK) == 0;
}

struct amount {
	struct fixture *f;
	uint64_t bytes;
};

static bool has_amount(void *arg)
{
	const struct amount *amount = arg;

	return spool_end(run_spool(amount->f->run, RUN_ALL)) >= amount->bytes;
}

/* Wait until that many bytes have come in all. */
static void wait_for_bytes(struct fixture *f, uint64_t bytes)
{
	struct amount amount = { f, bytes };

	loop_run_until_true(f->loop, has_amount, &amount, WAIT_MS);
}

/* Open a script that is told by $D where our directory is. */
static void open_with_dir(struct fixture *f, const char *script)
{
	char *text = NULL;

	assert_true(asprintf(&text, "D=%s\n%s", fake_dir(f->fake), script) > 0);
	assert_int_equal(open_run(f, "vm1", text), 0);
	free(text);
}

#define UNTIL(name) "until [ -e $D/" name " ]; do sleep 0.01; done\n"

/* ---- statuses ------------------------------------------------------------ */

static void run_tells_how_a_script_ended(void **state)
{
	static const struct {
		const char *script;
		int err;
		const char *status;
	} rows[] = {
		{ "true", 0, "exited 0" },
		{ "", 0, "exited 0" },
		{ "exit 1", -EIO, "exited 1" },
		{ "exit 7", -EIO, "exited 7" },
		{ "exit 200", -EIO, "exited 200" },
		{ "exit 255", -EIO, "exited 255" },
		{ "nothing_of_that_name 2>/dev/null", -EIO, "exited 127" },
		{ "if", -EIO, "exited 2" },
		{ "sh -c 'kill -9 $$'", -EIO, "signaled 9" },
		{ "kill -9 $$", -EIO, "signaled 9" },
		{ "sh -c 'kill $$'", -EIO, "signaled 15" },
		{ "# two lines\nsh -c 'kill $$'\n", -EIO, "signaled 15" },
	};
	struct fixture f;
	char why[64];

	(void)state;
	begin(&f);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		run(&f, rows[i].script);
		snprintf(why, sizeof(why), "exec: the script %s",
		         rows[i].status);
		assert_end(&f, rows[i].err, rows[i].status,
		           rows[i].err ? why : "");
		assert_int_equal(f.n_ends, i + 1);
	}
	end(&f);
}

static void run_keeps_its_script(void **state)
{
	static const char script[] = "echo a\0b\n";
	struct fixture f;
	size_t len = 0;

	(void)state;
	begin(&f);
	assert_int_equal(open_bytes(&f, "vm1", script, sizeof(script) - 1), 0);
	assert_memory_equal(run_script(f.run, &len), script, sizeof(script));
	assert_int_equal(len, sizeof(script) - 1);
	wait_for_end(&f);
	assert_kept(&f, RUN_OUT, "ab\n");
	end(&f);
}

static void run_that_cannot_start_says_why_at_once(void **state)
{
	static const char *const bad[] = { "", "-x", "--all", "a/b" };
	struct fixture f;

	(void)state;
	begin(&f);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(open_run(&f, bad[i], "true"), -EINVAL);
	assert_int_equal(fake_calls(f.fake, ""), 0);
	assert_int_equal(f.n_ends, 0);
	end(&f);
}

static void run_that_orbctl_refuses_is_lost(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	assert_int_equal(open_run(&f, "nobody", "true"), 0);
	wait_for_end(&f);
	assert_end(&f, -ENOENT, "lost", "run: machine not found: 'nobody'");
	fake_do(f.fake, "on", "banner", "stderr", "before", NULL);
	assert_int_equal(open_run(&f, "nobody", "true"), 0);
	wait_for_end(&f);
	assert_end(&f, -ENOENT, "lost", "run: machine not found: 'nobody'");
	fake_do(f.fake, "off", NULL);
	fake_do(f.fake, "set", "vm1", "user", "nosuchuser", NULL);
	assert_int_equal(run(&f, "true"), -EINVAL);
	assert_string_equal(run_status(f.run), "lost");
	assert_non_null(
		strstr(run_why(f.run), "run: user: unknown user nosuchuser; "));
	fake_do(f.fake, "on", "fail.run", "always", "1", "agent not running",
	        NULL);
	assert_int_equal(run(&f, "true"), -EHOSTDOWN);
	fake_do(f.fake, "on", "fail.run", "always", "0", NULL);
	assert_int_equal(run(&f, "true"), -EIO);
	assert_end(&f, -EIO, "lost", "run: exit status 0");
	end(&f);
}

static void run_whose_connection_breaks_keeps_what_came(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	fake_script(f.fake, "#!/bin/sh\necho partial\n"
	                    "echo '[-32098] rpc: connection closed' >&2\n"
	                    "exit 1\n");
	assert_int_equal(run(&f, "true"), -EIO);
	assert_end(&f, -EIO, "lost", "run: rpc: connection closed");
	assert_kept(&f, RUN_OUT, "partial\n");
	fake_script(f.fake, "#!/bin/sh\necho partial\nkill -9 $$\n");
	assert_int_equal(run(&f, "true"), -EIO);
	assert_end(&f, -EIO, "lost", "run: ended by signal 9");
	assert_kept(&f, RUN_ALL, "partial\n");
	assert_int_equal(unlink(fake_program(f.fake)), 0);
	assert_int_equal(run(&f, "true"), -ENOENT);
	assert_string_equal(run_status(f.run), "lost");
	end(&f);
}

/* ---- output -------------------------------------------------------------- */

static void run_keeps_the_order_of_its_output(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	open_with_dir(&f, "echo one\n" UNTIL("go1") "echo two >&2\n" UNTIL(
				  "go2") "echo three\n" UNTIL("go3") "echo "
	                                                             "four "
	                                                             ">&2\n");
	wait_for_bytes(&f, 4);
	touch(&f, "go1");
	wait_for_bytes(&f, 8);
	touch(&f, "go2");
	wait_for_bytes(&f, 14);
	assert_false(run_ended(f.run));
	assert_kept(&f, RUN_ALL, "one\ntwo\nthree\n");
	touch(&f, "go3");
	wait_for_end(&f);
	assert_kept(&f, RUN_ALL, "one\ntwo\nthree\nfour\n");
	assert_kept(&f, RUN_OUT, "one\nthree\n");
	assert_kept(&f, RUN_ERR, "two\nfour\n");
	assert_int_equal(run_error(f.run), 0);
	end(&f);
}

static void run_keeps_a_lot_or_the_newest_of_it(void **state)
{
	static const char script[] =
		"head -c 10485757 /dev/zero | tr '\\0' x; printf end";
	struct fixture f;
	char *text;

	(void)state;
	begin(&f);
	assert_int_equal(run(&f, script), 0);
	assert_int_equal(spool_end(run_spool(f.run, RUN_OUT)), 10 * MIB);
	assert_int_equal(spool_start(run_spool(f.run, RUN_OUT)), 0);
	assert_int_equal(spool_end(run_spool(f.run, RUN_ALL)), 10 * MIB);
	f.spool_max = MIB;
	assert_int_equal(run(&f, script), 0);
	text = kept(&f, RUN_OUT);
	assert_int_equal(strlen(text), MIB);
	assert_string_equal(text + MIB - 4, "xend");
	assert_int_equal(spool_start(run_spool(f.run, RUN_OUT)), 9 * MIB);
	free(text);
	end(&f);
}

/* Stands in for orbctl: writes what comes before the byte SPLIT of a stderr
 * with a trailer in it, waits to be let go, and writes the rest. */
static const char splitter[] =
	"#!/bin/sh\n"
	"for token; do :; done\n"
	"D=${0%/*}\n"
	"cat >/dev/null\n"
	"read -r split <\"$D/split\"\n"
	"printf 'pre\\037x\\n\\037%s 7\\037post' \"$token\" >\"$D/bytes\"\n"
	"head -c \"$split\" \"$D/bytes\" >&2\n" UNTIL(
		"go") "rm \"$D/go\"\n"
		      "tail -c +$((split + 1)) \"$D/bytes\" >&2\n"
		      "exit 7\n";

static void on_first_output(void *arg)
{
	struct fixture *f = arg;

	touch(f, "go");
}

/* Says how the script ended, and does not go before it is told to. */
static const char lingerer[] = "#!/bin/sh\n"
			       "for token; do :; done\n"
			       "D=${0%/*}\n"
			       "cat >/dev/null\n"
			       "echo out\n"
			       "printf '\\037%s 3\\037' \"$token\" >&2\n"
			       "exec >/dev/null 2>&1\n" UNTIL("go") "exit 9\n";

static void run_ends_with_its_script_and_not_with_the_engines_child(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	fake_script(f.fake, lingerer);
	assert_int_equal(open_run(&f, "vm1", "anything\n"), 0);
	loop_run_until(f.loop, &f.ended, WAIT_MS);
	assert_false(is_quiet(&f));
	assert_end(&f, -EIO, "exited 3", "exec: the script exited 3");
	assert_kept(&f, RUN_OUT, "out\n");
	/* It is too late for an interrupt. */
	run_interrupt(f.run);
	touch(&f, "go");
	wait_for_end(&f);
	assert_int_equal(f.n_ends, 1);
	end(&f);
}

static void run_ends_the_engines_child_that_lingers(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	fake_script(f.fake, lingerer);
	assert_int_equal(open_run(&f, "vm1", "anything\n"), 0);
	loop_run_until(f.loop, &f.ended, WAIT_MS);
	assert_int_equal(hands_n_alarms(f.hands), 1);
	hands_turn(f.hands, LINGER_MS);
	wait_for_end(&f);
	assert_int_equal(f.n_ends, 1);
	end(&f);
}

static void run_may_be_forgotten_before_the_engines_child_is_gone(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	fake_script(f.fake, lingerer);
	assert_int_equal(open_run(&f, "vm1", "anything\n"), 0);
	loop_run_until(f.loop, &f.ended, WAIT_MS);
	run_unref(f.run);
	f.run = NULL;
	end_engine(&f);
	assert_int_equal(hands_n_alarms(f.hands), 0);
	end(&f);
}

static void run_finds_its_trailer_wherever_it_is_cut(void **state)
{
	/* "pre\037x\n", "\037TOKEN 7\037", "post" */
	enum { LENGTH = 6 + 20 + 4 };
	struct fixture f;
	char path[128];
	FILE *file;

	(void)state;
	begin(&f);
	fake_script(f.fake, splitter);
	snprintf(path, sizeof(path), "%s/split", fake_dir(f.fake));
	f.watch = (struct run_watch){ .fn = on_first_output, .arg = &f };
	for (int split = 1; split < LENGTH; split++) {
		file = fopen(path, "w");
		assert_non_null(file);
		fprintf(file, "%d\n", split);
		fclose(file);
		assert_int_equal(open_run(&f, "vm1", "x"), 0);
		run_watch(f.run, &f.watch);
		wait_for_end(&f);
		assert_false(is_there(&f, "go"));
		assert_end(&f, -EIO, "exited 7", "exec: the script exited 7");
		assert_kept(&f, RUN_ERR, "pre\037x\npost");
		assert_kept(&f, RUN_ALL, "pre\037x\npost");
	}
	end(&f);
}

static void run_believes_no_trailer_but_its_own(void **state)
{
	static const char script[] =
		"printf '\\037feedfeedfeedfeed 0\\037' >&2\n"
		"printf '\\037feedfeedfeedfeed 0\\037'\n"
		"exit 9\n";
	struct fixture f;

	(void)state;
	begin(&f);
	assert_int_equal(run(&f, script), -EIO);
	assert_end(&f, -EIO, "exited 9", "exec: the script exited 9");
	assert_kept(&f, RUN_ERR, "\037feedfeedfeedfeed 0\037");
	assert_kept(&f, RUN_OUT, "\037feedfeedfeedfeed 0\037");
	end(&f);
}

static void run_passes_on_what_only_looks_like_a_trailer(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	fake_script(f.fake, "#!/bin/sh\n"
	                    "for token; do :; done\n"
	                    "printf '\\037%s 1' \"$token\" >&2\nexit 3\n");
	assert_int_equal(run(&f, "x"), -EIO);
	assert_string_equal(run_status(f.run), "lost");
	assert_int_equal(spool_end(run_spool(f.run, RUN_ERR)), 19);
	fake_script(f.fake,
	            "#!/bin/sh\n"
	            "for token; do :; done\n"
	            "printf '\\037%s 4\\037\\037%s 5\\037' $token $token >&2\n"
	            "exit 4\n");
	assert_int_equal(run(&f, "x"), -EIO);
	assert_string_equal(run_status(f.run), "exited 4");
	assert_int_equal(spool_end(run_spool(f.run, RUN_ERR)), 20);
	end(&f);
}

static void run_hears_what_a_script_leaves_behind(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	fake_script(f.fake,
	            "#!/bin/sh\n"
	            "for token; do :; done\n"
	            "D=${0%/*}\n"
	            "{ " UNTIL("go") "echo late >&2; echo late; } &\n"
	                             "printf 'x\\037%s 5\\037' \"$token\" >&2\n"
	                             "exit 5\n");
	assert_int_equal(open_run(&f, "vm1", "x"), 0);
	wait_for_bytes(&f, 1);
	touch(&f, "go");
	wait_for_end(&f);
	assert_end(&f, -EIO, "exited 5", "exec: the script exited 5");
	assert_kept(&f, RUN_ERR, "xlate\n");
	assert_kept(&f, RUN_OUT, "late\n");
	end(&f);
}

static void run_goes_on_without_a_place_for_its_output(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	setenv("TMPDIR", "/nonexistent", 1);
	assert_int_equal(run(&f, "echo a; echo b >&2; exit 3"), -EIO);
	unsetenv("TMPDIR");
	assert_string_equal(run_status(f.run), "exited 3");
	assert_int_equal(spool_lost(run_spool(f.run, RUN_ALL)), 4);
	assert_int_equal(spool_lost(run_spool(f.run, RUN_OUT)), 2);
	end(&f);
}

/* ---- watchers ------------------------------------------------------------ */

static void on_told(void *arg)
{
	struct fixture *f = arg;

	f->n_told++;
}

static void on_told_again(void *arg)
{
	struct fixture *f = arg;

	f->n_told++;
	if (!run_ended(f->run))
		run_watch(f->run, &f->watch);
}

static void run_tells_a_watcher_once(void **state)
{
	struct run_watch other = { .fn = on_told };
	struct fixture f;

	(void)state;
	begin(&f);
	other.arg = &f;
	f.watch = (struct run_watch){ .fn = on_told, .arg = &f };
	open_with_dir(&f, "echo a\n" UNTIL("go") "echo b\n");
	run_watch(f.run, &other);
	run_watch(f.run, &f.watch);
	run_unwatch(f.run, &other);
	run_unwatch(f.run, &other);
	wait_for_bytes(&f, 2);
	assert_int_equal(f.n_told, 1);
	/* Who has been told is in no list. */
	run_unwatch(f.run, &f.watch);
	touch(&f, "go");
	wait_for_end(&f);
	assert_int_equal(f.n_told, 1);
	end(&f);
}

static void run_tells_of_its_end(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	f.watch = (struct run_watch){ .fn = on_told, .arg = &f };
	assert_int_equal(open_run(&f, "vm1", "true"), 0);
	run_watch(f.run, &f.watch);
	wait_for_end(&f);
	assert_int_equal(f.n_told, 1);
	end(&f);
}

static void run_watcher_may_watch_again(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	f.watch = (struct run_watch){ .fn = on_told_again, .arg = &f };
	open_with_dir(&f, "echo a\n" UNTIL("go") "echo b\n");
	run_watch(f.run, &f.watch);
	wait_for_bytes(&f, 2);
	assert_int_equal(f.n_told, 1);
	touch(&f, "go");
	wait_for_bytes(&f, 4);
	/* The trailer is told of, too, before or after. */
	wait_for_end(&f);
	assert_in_range(f.n_told, 3, 4);
	end(&f);
}

static void on_told_unwatch(void *arg)
{
	struct fixture *f = arg;

	run_unwatch(f->run, &f->watch);
}

static void on_told_leave(void *arg)
{
	struct fixture *f = arg;

	run_unref(f->run);
	f->run = NULL;
}

static void run_watcher_may_unwatch_another(void **state)
{
	struct run_watch first = { .fn = on_told_unwatch };
	struct fixture f;

	(void)state;
	begin(&f);
	first.arg = &f;
	f.watch = (struct run_watch){ .fn = on_told, .arg = &f };
	assert_int_equal(open_run(&f, "vm1", "echo a"), 0);
	run_watch(f.run, &first);
	run_watch(f.run, &f.watch);
	wait_for_end(&f);
	assert_int_equal(f.n_told, 0);
	end(&f);
}

static void run_watcher_may_let_go_of_the_run(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	f.watch = (struct run_watch){ .fn = on_told_leave, .arg = &f };
	assert_int_equal(open_run(&f, "vm1", "echo a"), 0);
	run_watch(f.run, &f.watch);
	loop_run_until(f.loop, &f.ended, WAIT_MS);
	assert_null(f.run);
	/* At the end, too. */
	assert_int_equal(open_run(&f, "vm1", "true >/dev/null"), 0);
	f.watch = (struct run_watch){ .fn = on_told_leave, .arg = &f };
	run_watch(f.run, &f.watch);
	loop_run_until(f.loop, &f.ended, WAIT_MS);
	assert_null(f.run);
	end(&f);
}

static void run_goes_on_when_nobody_holds_it(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	open_with_dir(&f, UNTIL("go") "echo x >$D/proof");
	run_unref(f.run);
	f.run = NULL;
	touch(&f, "go");
	loop_run_until(f.loop, &f.ended, WAIT_MS);
	assert_true(is_there(&f, "proof"));
	run_unref(NULL);
	end(&f);
}

static void run_outlives_its_end_while_it_is_held(void **state)
{
	struct spool *spool;
	struct fixture f;
	char text[8];

	(void)state;
	begin(&f);
	assert_int_equal(run(&f, "echo x"), 0);
	assert_ptr_equal(run_ref(f.run), f.run);
	run_unref(f.run);
	spool = spool_ref(run_spool(f.run, RUN_OUT));
	run_unref(f.run);
	f.run = NULL;
	assert_int_equal(spool_read(spool, 0, text, sizeof(text)), 2);
	spool_unref(spool);
	end(&f);
}

static void run_may_be_opened_from_inside_an_end(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	f.again = 2;
	assert_int_equal(open_run(&f, "vm1", "echo first"), 0);
	loop_run_until(f.loop, &f.ended, WAIT_MS);
	assert_int_equal(f.n_ends, 3);
	assert_kept(&f, RUN_OUT, "again\n");
	end(&f);
}

static void run_two_side_by_side(void **state)
{
	struct run *first;
	struct fixture f;

	(void)state;
	begin(&f);
	open_with_dir(&f, "echo a\n" UNTIL("go") "exit 1\n");
	first = f.run;
	f.run = NULL;
	assert_int_equal(run(&f, "exit 2"), -EIO);
	assert_string_equal(run_status(f.run), "exited 2");
	assert_false(run_ended(first));
	run_unref(f.run);
	f.run = first;
	f.ended = false;
	touch(&f, "go");
	wait_for_end(&f);
	assert_string_equal(run_status(f.run), "exited 1");
	end(&f);
}

/* ---- interruption -------------------------------------------------------- */

static bool is_signalled(void *arg)
{
	struct fixture *f = arg;

	return fake_calls(f->fake, "run -m vm1 -u root") > 0;
}

static void run_interrupted_ends_by_term(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	/* In a machine nobody signals orbctl itself. */
	fake_do(f.fake, "on", "ignore-term", "run", NULL);
	open_with_dir(&f, "echo a; sleep 300; echo >$D/went-on");
	wait_for_bytes(&f, 2);
	run_interrupt(f.run);
	run_interrupt(f.run);
	assert_int_equal(hands_next_ms(f.hands), GRACE_MS);
	assert_int_equal(hands_n_alarms(f.hands), 1);
	wait_for_end(&f);
	assert_end(&f, -EIO, "signaled 15", "exec: the script signaled 15");
	assert_int_equal(fake_calls(f.fake, "run -m vm1 -u root"), 1);
	assert_kept(&f, RUN_OUT, "a\n");
	assert_false(is_there(&f, "went-on"));
	run_interrupt(f.run);
	assert_int_equal(hands_n_alarms(f.hands), 0);
	end(&f);
}

static void run_interrupted_leaves_others_alone(void **state)
{
	struct run *first;
	struct fixture f;

	(void)state;
	begin(&f);
	open_with_dir(&f, "echo a\n" UNTIL("go") "exit 3\n");
	first = f.run;
	f.run = NULL;
	assert_int_equal(open_run(&f, "vm1", "echo b; sleep 300"), 0);
	wait_for_bytes(&f, 2);
	run_interrupt(f.run);
	wait_for_end(&f);
	assert_false(run_ended(first));
	run_unref(f.run);
	f.run = first;
	f.ended = false;
	touch(&f, "go");
	wait_for_end(&f);
	assert_string_equal(run_status(f.run), "exited 3");
	end(&f);
}

static void run_interrupted_in_vain_is_killed_after_the_grace(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	fake_do(f.fake, "on", "ignore-term", "run", NULL);
	assert_int_equal(open_run(&f, "vm1", "echo a; sleep 300"), 0);
	wait_for_bytes(&f, 2);
	/* The first signal does not arrive. */
	fake_do(f.fake, "on", "fail.run.root", "1", "1", "boom", NULL);
	run_interrupt(f.run);
	loop_run_until_true(f.loop, is_signalled, &f, WAIT_MS);
	assert_false(run_ended(f.run));
	hands_turn(f.hands, GRACE_MS - 1);
	assert_int_equal(hands_n_alarms(f.hands), 1);
	hands_turn(f.hands, 1);
	wait_for_end(&f);
	assert_int_equal(fake_calls(f.fake, "run -m vm1 -u root"), 2);
	assert_int_not_equal(run_error(f.run), 0);
	assert_memory_equal(run_status(f.run), "signaled ", 9);
	end(&f);
}

static void run_that_no_signal_reaches_loses_its_connection(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	f.table.row[ENGINE_SIGNAL].deadline_ms = SHORT_MS;
	assert_int_equal(open_run(&f, "vm1", "echo a; sleep 300"), 0);
	wait_for_bytes(&f, 2);
	fake_do(f.fake, "on", "hang.run.root", NULL);
	run_interrupt(f.run);
	hands_turn(f.hands, GRACE_MS);
	wait_for_end(&f);
	assert_end(&f, -EINTR, "signaled 15", "exec: Interrupted system call");
	end(&f);
}

static void run_interrupted_without_memory_still_ends(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	for (unsigned n = 1; n < 4; n++) {
		assert_int_equal(open_run(&f, "vm1", "echo a; sleep 300"), 0);
		wait_for_bytes(&f, 2);
		fail_alloc_at(n);
		run_interrupt(f.run);
		assert_true(fail_alloc_reached());
		fail_alloc_off();
		/* It is the alarm, or the signal, that there is not. */
		if (n > 1)
			hands_turn(f.hands, GRACE_MS);
		wait_for_end(&f);
		assert_int_not_equal(run_error(f.run), 0);
	}
	end(&f);
}

static void run_ends_when_the_jobs_are_stopped(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	assert_int_equal(open_run(&f, "vm1", "echo a; sleep 300"), 0);
	wait_for_bytes(&f, 2);
	end_engine(&f);
	assert_true(f.ended);
	assert_end(&f, -EINTR, "lost", "exec: Interrupted system call");
	end(&f);
}

/* ---- memory -------------------------------------------------------------- */

static void run_survives_any_failing_allocation(void **state)
{
	struct fixture f;
	unsigned n = 0;

	(void)state;
	begin(&f);
	fake_script(f.fake,
	            "#!/bin/sh\n"
	            "for token; do :; done\n"
	            "echo out\n"
	            "printf 'err\\037%s 3\\037' \"$token\" >&2\nexit 3\n");
	end_engine(&f);
	f.starved = true;
	while (fail_alloc_next(&n)) {
		int err = -ENOMEM;

		begin_engine(&f);
		if (f.engine)
			err = open_run(&f, "vm1", "exit 3");
		if (!err)
			wait_for_end(&f);
		fail_alloc_off();
		end_engine(&f);
		assert_true(err == 0 || err == -ENOMEM || err == -ENODEV);
		if (!err)
			assert_int_not_equal(run_error(f.run), 0);
	}
	assert_true(n > 10);
	assert_string_equal(run_status(f.run), "exited 3");
	end(&f);
}

/* ---- input ---------------------------------------------------------------- */

enum { INPUT_LEN = 300000 };

static void begin_input(struct fixture *f)
{
	begin(f);
	f->input = spool_new(64 * MIB);
	assert_non_null(f->input);
	f->apart = true;
}

static void end_input(struct fixture *f)
{
	spool_unref(f->input);
	end(f);
}

/* Any byte there is, in no order. */
static void add_bytes(struct fixture *f)
{
	static unsigned char data[INPUT_LEN];

	for (unsigned i = 0; i < INPUT_LEN; i++)
		data[i] = (unsigned char)(i * i / 7 + i / 256);
	assert_int_equal(spool_add(f->input, data, INPUT_LEN), 0);
}

/* Is the output the same as the input? */
static void assert_same(struct fixture *f)
{
	struct spool *out = run_spool(f->run, RUN_OUT);
	static char a[2 * INPUT_LEN], b[2 * INPUT_LEN];
	ssize_t n = spool_read(f->input, 0, a, sizeof(a));

	assert_int_equal(spool_read(out, 0, b, sizeof(b)), n);
	assert_memory_equal(a, b, (size_t)n);
}

static void run_passes_its_input_on_byte_by_byte(void **state)
{
	static const char *const scripts[] = { "cat\n", "# of two lines\ncat\n",
		                               "# $$\ncat\n",
		                               "cat # without an end" };
	struct fixture f;

	(void)state;
	begin_input(&f);
	add_bytes(&f);
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		assert_int_equal(open_run(&f, "vm1", scripts[i]), 0);
		assert_null(run_spool(f.run, RUN_ALL));
		run_feed(f.run, true);
		assert_false(run_listens(f.run));
		wait_for_end(&f);
		assert_end(&f, 0, "exited 0", "");
		assert_int_equal(run_fed(f.run), INPUT_LEN);
		assert_same(&f);
	}
	end_input(&f);
}

struct fed {
	struct fixture *f;
	uint64_t bytes;
};

static bool is_fed(void *arg)
{
	const struct fed *fed = arg;

	return run_fed(fed->f->run) >= fed->bytes;
}

static void run_takes_input_while_it_runs(void **state)
{
	struct fixture f;
	struct fed fed = { &f, INPUT_LEN };

	(void)state;
	begin_input(&f);
	assert_int_equal(open_run(&f, "vm1", "cat\n"), 0);
	add_bytes(&f);
	run_feed(f.run, false);
	loop_run_until_true(f.loop, is_fed, &fed, WAIT_MS);
	assert_true(run_listens(f.run));
	assert_false(run_ended(f.run));
	add_bytes(&f);
	run_feed(f.run, false);
	run_feed(f.run, true);
	wait_for_end(&f);
	assert_same(&f);
	end_input(&f);
}

static bool is_deaf(void *arg)
{
	const struct fixture *f = arg;

	return !run_listens(f->run);
}

static void run_whose_input_nobody_reads_listens_no_more(void **state)
{
	struct fixture f;

	(void)state;
	begin_input(&f);
	open_with_dir(&f, "exec <&-; " UNTIL("go"));
	for (int i = 0; i < 4; i++)
		add_bytes(&f);
	run_feed(f.run, false);
	touch(&f, "go");
	loop_run_until_true(f.loop, is_deaf, &f, WAIT_MS);
	run_feed(f.run, true);
	wait_for_end(&f);
	assert_end(&f, 0, "exited 0", "");
	assert_true(run_fed(f.run) < 4 * INPUT_LEN);
	end_input(&f);
}

static void on_signalled(void *arg, int err, const char *why)
{
	(void)why;
	assert_int_equal(err, 0);
	*(bool *)arg = true;
}

static void run_is_sent_any_signal(void **state)
{
	static const struct {
		int sig;
		const char *status;
	} rows[] = {
		{ SIGHUP, "exited 3" },    { SIGINT, "exited 3" },
		{ SIGUSR1, "exited 3" },   { SIGTERM, "exited 3" },
		{ SIGKILL, "signaled 9" },
	};
	struct fixture f;

	(void)state;
	begin_input(&f);
	/* The fake itself gets the signal, too. */
	fake_do(f.fake, "on", "outlive", NULL);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool told = false;

		assert_int_equal(
			open_run(&f, "vm1",
		                 "trap 'exit 3' HUP INT USR1 TERM; echo .; "
		                 "while :; do sleep 0.01; done\n"),
			0);
		while (spool_end(run_spool(f.run, RUN_OUT)) == 0)
			loop_run_for(f.loop, 10);
		run_rename(f.run, "vm1");
		run_signal(f.run, rows[i].sig, on_signalled, &told);
		wait_for_end(&f);
		assert_string_equal(run_status(f.run), rows[i].status);
		if (!told)
			loop_run_until(f.loop, &told, WAIT_MS);
	}
	end_input(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(run_tells_how_a_script_ended),
		cmocka_unit_test(run_keeps_its_script),
		cmocka_unit_test(run_that_cannot_start_says_why_at_once),
		cmocka_unit_test(run_that_orbctl_refuses_is_lost),
		cmocka_unit_test(run_whose_connection_breaks_keeps_what_came),
		cmocka_unit_test(run_keeps_the_order_of_its_output),
		cmocka_unit_test(run_keeps_a_lot_or_the_newest_of_it),
		cmocka_unit_test(
			run_ends_with_its_script_and_not_with_the_engines_child),
		cmocka_unit_test(run_ends_the_engines_child_that_lingers),
		cmocka_unit_test(
			run_may_be_forgotten_before_the_engines_child_is_gone),
		cmocka_unit_test(run_finds_its_trailer_wherever_it_is_cut),
		cmocka_unit_test(run_believes_no_trailer_but_its_own),
		cmocka_unit_test(run_passes_on_what_only_looks_like_a_trailer),
		cmocka_unit_test(run_hears_what_a_script_leaves_behind),
		cmocka_unit_test(run_goes_on_without_a_place_for_its_output),
		cmocka_unit_test(run_tells_a_watcher_once),
		cmocka_unit_test(run_tells_of_its_end),
		cmocka_unit_test(run_watcher_may_watch_again),
		cmocka_unit_test(run_watcher_may_unwatch_another),
		cmocka_unit_test(run_watcher_may_let_go_of_the_run),
		cmocka_unit_test(run_goes_on_when_nobody_holds_it),
		cmocka_unit_test(run_outlives_its_end_while_it_is_held),
		cmocka_unit_test(run_may_be_opened_from_inside_an_end),
		cmocka_unit_test(run_two_side_by_side),
		cmocka_unit_test(run_interrupted_ends_by_term),
		cmocka_unit_test(run_interrupted_leaves_others_alone),
		cmocka_unit_test(
			run_interrupted_in_vain_is_killed_after_the_grace),
		cmocka_unit_test(
			run_that_no_signal_reaches_loses_its_connection),
		cmocka_unit_test(run_interrupted_without_memory_still_ends),
		cmocka_unit_test(run_ends_when_the_jobs_are_stopped),
		cmocka_unit_test(run_survives_any_failing_allocation),
		cmocka_unit_test(run_passes_its_input_on_byte_by_byte),
		cmocka_unit_test(run_takes_input_while_it_runs),
		cmocka_unit_test(run_whose_input_nobody_reads_listens_no_more),
		cmocka_unit_test(run_is_sent_any_signal),
	};

	signal(SIGPIPE, SIG_IGN); /* as the daemon does */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
