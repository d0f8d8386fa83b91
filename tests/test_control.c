/*
 * Control files but exec, as the kernel sees them: what reading gives, what
 * writing does, and the errno and the line of every refusal.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tests/puppet.h"
#include "tests/world.h"

static void begin_with(struct world *w, bool shared_opens)
{
	world_begin(w, &(struct world_spec){ .engine = puppet_new(),
	                                     .shared_opens = shared_opens });
	puppet_add(w->engine, "up", "1", MACHINE_RUNNING);
	puppet_add(w->engine, "off", "2", MACHINE_STOPPED);
	puppet_address(w->engine, "up", "10.0.0.1");
	puppet_at_once(w->engine, true);
}

static void begin(struct world *w)
{
	begin_with(w, false);
}

static void end(struct world *w)
{
	world_end(w, puppet_stop);
	puppet_free(w->engine);
}

static uint64_t node_of(struct world *w, const char *path)
{
	struct fuse_entry_out e;
	int err = kernel_walk(w->kernel, path, &e);

	if (err)
		fail_msg("%s: %d", path, err);
	return e.nodeid;
}

static void assert_reads(struct world *w, const char *path, const char *text)
{
	char *got;

	assert_int_equal(kernel_cat(w->kernel, node_of(w, path), &got), 0);
	assert_string_equal(got, text);
	free(got);
}

static void assert_tells(struct world *w, const char *path, const char *part)
{
	char *got;

	assert_int_equal(kernel_cat(w->kernel, node_of(w, path), &got), 0);
	if (!strstr(got, part))
		fail_msg("%s: '%s' has no '%s'", path, got, part);
	/* One line. */
	assert_ptr_equal(strchr(got, '\n'), got + strlen(got) - 1);
	free(got);
}

static int echo(struct world *w, const char *path, const char *text)
{
	return kernel_echo(w->kernel, node_of(w, path), text);
}

static int open_flags(struct world *w, const char *path, int flags,
                      struct fuse_open_out *out)
{
	return kernel_open(w->kernel, node_of(w, path), flags, out);
}

/* ---- reading ------------------------------------------------------------- */

static void control_files_read_as_the_table_says(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	assert_reads(&w, "up/state", "running\n");
	assert_reads(&w, "off/state", "stopped\n");
	assert_reads(&w, "up/ip", "10.0.0.1\n");
	assert_reads(&w, "off/ip", "");
	assert_reads(&w, "up/error", "");
	assert_reads(&w, "up/log", "booted\n");
	assert_reads(&w, "up/exec", "");
	assert_reads(&w, "up/run/last/cmd", "");
	assert_reads(&w, "up/run/last/out", "");
	assert_reads(&w, ".orbfs/version", "orbfs 1.2.3\n");
	assert_reads(&w, ".orbfs/config", "ttl 1\nengine puppet\n");
	assert_reads(&w, ".orbfs/error", "");
	end(&w);
}

static void control_stats_counts_what_was_asked(void **state)
{
	struct world w;
	char *text;

	(void)state;
	begin(&w);
	assert_reads(&w, "up/ip", "10.0.0.1\n");
	hands_turn(w.hands, 7000);
	assert_int_equal(
		kernel_cat(w.kernel, node_of(&w, ".orbfs/stats"), &text), 0);
	assert_non_null(strstr(text, "uptime 7\n"));
	assert_non_null(strstr(text, "machines 2\n"));
	assert_non_null(strstr(text, "engine_list 1\nengine_list_failed 0\n"));
	assert_non_null(strstr(text, "engine_info 1\nengine_info_failed 0\n"));
	free(text);
	end(&w);
}

static void control_text_is_of_the_moment_of_the_open(void **state)
{
	struct world w;
	struct fuse_open_out open;
	uint64_t node;
	char text[32];

	(void)state;
	begin(&w);
	node = node_of(&w, "up/state");
	assert_int_equal(kernel_open(w.kernel, node, O_RDONLY, &open), 0);
	assert_true(open.open_flags & FOPEN_DIRECT_IO);
	puppet_state(w.engine, "up", MACHINE_STOPPED);
	hands_turn(w.hands, WORLD_TTL_MS);
	assert_reads(&w, "up/state", "stopped\n");
	assert_int_equal(kernel_read(w.kernel, node, open.fh, 0, text, 3), 3);
	assert_int_equal(kernel_read(w.kernel, node, open.fh, 3, text + 3, 20),
	                 5);
	assert_memory_equal(text, "running\n", 8);
	assert_int_equal(kernel_read(w.kernel, node, open.fh, 8, text, 20), 0);
	assert_int_equal(kernel_read(w.kernel, node, open.fh, 1 << 30, text, 1),
	                 0);
	assert_int_equal(kernel_release(w.kernel, node, open.fh, O_RDONLY), 0);
	end(&w);
}

static void control_text_of_a_shared_open_is_of_the_moment_of_the_read(
	void **state)
{
	static const char *const paths[] = { "up/state", "up/ip", "up/error",
		                             "up/config", "up/exec" };
	struct fuse_open_out open[5];
	uint64_t node[5];
	struct world w;
	char text[512];
	int n;

	(void)state;
	begin_with(&w, true);
	for (size_t i = 0; i < 5; i++) {
		node[i] = node_of(&w, paths[i]);
		assert_int_equal(
			kernel_open(w.kernel, node[i], O_RDONLY, &open[i]), 0);
	}
	assert_int_equal(echo(&w, "up/state", "stop\n"), 0);
	assert_int_not_equal(echo(&w, "up/state", "nonsense\n"), 0);
	assert_int_equal(kernel_read(w.kernel, node[0], open[0].fh, 0, text, 3),
	                 3);
	assert_memory_equal(text, "sto", 3);
	/* One reader sees one moment. */
	assert_int_equal(echo(&w, "up/state", "start\n"), 0);
	assert_int_equal(kernel_read(w.kernel, node[0], open[0].fh, 3, text, 9),
	                 5);
	assert_memory_equal(text, "pped\n", 5);
	assert_int_equal(kernel_read(w.kernel, node[1], open[1].fh, 0, text, 9),
	                 9);
	assert_memory_equal(text, "10.0.0.1\n", 9);
	assert_int_equal(echo(&w, "up/state", "nonsense\n"), -EINVAL);
	n = kernel_read(w.kernel, node[2], open[2].fh, 0, text, 500);
	assert_true(n > 10 && memmem(text, (size_t)n, "nonsense", 8));
	n = kernel_read(w.kernel, node[3], open[3].fh, 0, text, 500);
	assert_true(n > 10 && memmem(text, (size_t)n, "running", 7) == NULL &&
	            text[0] == '{');
	assert_int_equal(kernel_read(w.kernel, node[4], open[4].fh, 0, text, 9),
	                 0);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(kernel_release(w.kernel, node[i], open[i].fh,
		                                O_RDONLY),
		                 0);
	end(&w);
}

static void control_files_share_the_engine_s_answers(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	for (int i = 0; i < 5; i++) {
		assert_reads(&w, "up/ip", "10.0.0.1\n");
		assert_reads(&w, "up/state", "running\n");
	}
	assert_int_equal(puppet_asked(w.engine, ENGINE_LIST), 1);
	assert_int_equal(puppet_asked(w.engine, ENGINE_INFO), 1);
	end(&w);
}

static void control_open_tells_why_the_engine_failed(void **state)
{
	struct world w;
	struct fuse_open_out open;

	(void)state;
	begin(&w);
	node_of(&w, "up");
	puppet_refuse(w.engine, -EBUSY);
	assert_int_equal(open_flags(&w, "up/config", O_RDONLY, &open), -EBUSY);
	assert_tells(&w, "up/error", "info: ");
	assert_int_equal(open_flags(&w, "up/log", O_RDONLY, &open), -EBUSY);
	assert_tells(&w, "up/error", "logs: ");
	/* What a stale list is good enough for. */
	hands_turn(w.hands, WORLD_TTL_MS);
	assert_reads(&w, "up/state", "running\n");
	end(&w);
}

static void control_open_is_refused_against_the_mode(void **state)
{
	static const struct {
		const char *path;
		int flags;
		int err;
	} rows[] = {
		{ "up/ip", O_WRONLY, -EACCES },
		{ "up/ip", O_RDWR, -EACCES },
		{ "up/error", O_WRONLY | O_TRUNC, -EACCES },
		{ "up/log", O_RDWR, -EACCES },
		{ "up/run/last/out", O_WRONLY, -EACCES },
		{ ".orbfs/stats", O_WRONLY, -EACCES },
		{ "up", O_RDONLY, -EISDIR },
		{ "up/run", O_WRONLY, -EISDIR },
		{ "", O_RDONLY, -EISDIR },
	};
	struct world w;
	struct fuse_open_out open;

	(void)state;
	begin(&w);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (open_flags(&w, rows[i].path, rows[i].flags, &open) !=
		    rows[i].err)
			fail_msg("%s", rows[i].path);
	end(&w);
}

static void control_files_of_a_machine_that_is_gone_are_not_there(void **state)
{
	static const char *const names[] = { "state", "ip",    "config",
		                             "log",   "error", "exec" };
	struct world w;
	struct fuse_open_out open;
	uint64_t nodes[6], dir;

	(void)state;
	begin(&w);
	dir = node_of(&w, "off");
	for (int i = 0; i < 6; i++)
		assert_int_equal(kernel_lookup(w.kernel, dir, names[i],
		                               &(struct fuse_entry_out){ 0 }),
		                 0);
	for (int i = 0; i < 6; i++) {
		struct fuse_entry_out e;

		assert_int_equal(kernel_lookup(w.kernel, dir, names[i], &e), 0);
		nodes[i] = e.nodeid;
	}
	puppet_remove(w.engine, "off");
	hands_turn(w.hands, WORLD_TTL_MS);
	/* The open itself may be what finds out. */
	assert_int_equal(kernel_open(w.kernel, nodes[0], O_RDONLY, &open),
	                 -ENOENT);
	for (int i = 0; i < 6; i++) {
		assert_int_equal(kernel_open(w.kernel, nodes[i], O_RDONLY,
		                             &open),
		                 -ENOENT);
		assert_int_equal(kernel_lookup(w.kernel, dir, names[i], NULL),
		                 -ENOENT);
	}
	assert_int_equal(kernel_open(w.kernel, nodes[0], O_WRONLY, &open),
	                 -ENOENT);
	/* What is known of it can still be shown. */
	assert_int_equal(kernel_getattr(w.kernel, dir, NULL), 0);
	end(&w);
}

/* ---- sizes and times ----------------------------------------------------- */

static void control_sizes_are_exact_where_they_are_known(void **state)
{
	struct world w;
	struct fuse_attr attr;
	uint64_t node;

	(void)state;
	begin(&w);
	assert_int_equal(
		kernel_getattr(w.kernel, node_of(&w, "up/state"), &attr), 0);
	assert_int_equal(attr.size, 8);
	assert_int_equal(attr.mode, S_IFREG | 0600);
	assert_int_equal(attr.uid, WORLD_UID);
	assert_int_equal(attr.nlink, 1);
	node = node_of(&w, "up/ip");
	assert_int_equal(kernel_getattr(w.kernel, node, &attr), 0);
	assert_int_equal(attr.size, 0);
	assert_int_equal(attr.mode, S_IFREG | 0400);
	assert_reads(&w, "up/ip", "10.0.0.1\n");
	assert_int_equal(kernel_getattr(w.kernel, node, &attr), 0);
	assert_int_equal(attr.size, 9);
	end(&w);
}

static void control_times_move_when_the_content_does(void **state)
{
	struct world w;
	struct fuse_attr attr;
	uint64_t before;

	(void)state;
	begin(&w);
	assert_int_equal(
		kernel_getattr(w.kernel, node_of(&w, "off/state"), &attr), 0);
	before = attr.mtime;
	hands_turn(w.hands, 10000);
	assert_reads(&w, "off/state", "stopped\n");
	assert_int_equal(
		kernel_getattr(w.kernel, node_of(&w, "off/state"), &attr), 0);
	assert_int_equal(attr.mtime, before);
	assert_int_equal(echo(&w, "off/state", "start\n"), 0);
	assert_int_equal(
		kernel_getattr(w.kernel, node_of(&w, "off/state"), &attr), 0);
	assert_int_equal(attr.mtime, before + 10);
	assert_int_equal(
		kernel_getattr(w.kernel, node_of(&w, "off/config"), &attr), 0);
	assert_int_equal(attr.mtime, before);
	end(&w);
}

/* ---- state --------------------------------------------------------------- */

static void state_takes_verbs_and_words(void **state)
{
	static const struct {
		const char *text;
		enum engine_op op;
		const char *after;
	} rows[] = {
		{ "start\n", ENGINE_START, "running\n" },
		{ "stop", ENGINE_STOP, "stopped\n" },
		{ "running\n", ENGINE_START, "running\n" },
		{ " restart \n", ENGINE_RESTART, "running\n" },
		{ "kill\r\n", ENGINE_KILL, "stopped\n" },
		{ "start\n", ENGINE_START, "running\n" },
		{ "\tstopped\n\n", ENGINE_STOP, "stopped\n" },
	};
	struct world w;

	(void)state;
	begin(&w);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned asked = puppet_asked(w.engine, rows[i].op);

		assert_int_equal(echo(&w, "off/state", rows[i].text), 0);
		assert_int_equal(puppet_asked(w.engine, rows[i].op), asked + 1);
		assert_reads(&w, "off/state", rows[i].after);
	}
	end(&w);
}

static void state_refuses_what_is_no_verb(void **state)
{
	static const struct {
		const char *text;
		int err;
		const char *line;
	} rows[] = {
		{ "go\n", -EINVAL, "'go' is no verb" },
		{ "start stop\n", -EINVAL, "is no verb" },
		{ "Start\n", -EINVAL, "is no verb" },
		{ "pause\n", -EOPNOTSUPP, "puppet cannot pause machines" },
		{ "resume\n", -EOPNOTSUPP, "puppet cannot resume machines" },
		{ "a\nb\n", -EINVAL, "is no verb" },
	};
	struct world w;

	(void)state;
	begin(&w);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(echo(&w, "off/state", rows[i].text),
		                 rows[i].err);
		assert_tells(&w, "off/error", rows[i].line);
	}
	/* Nothing is no verb either, and asks for nothing. */
	assert_int_equal(echo(&w, "off/state", "\n"), 0);
	assert_int_equal(echo(&w, "off/state", ""), 0);
	assert_int_equal(puppet_asked(w.engine, ENGINE_START), 0);
	end(&w);
}

static void state_write_returns_when_the_state_is_reached(void **state)
{
	struct world w;
	struct fuse_open_out open;
	uint64_t node, id;

	(void)state;
	begin(&w);
	node = node_of(&w, "off/state");
	assert_int_equal(kernel_open(w.kernel, node, O_WRONLY, &open), 0);
	puppet_at_once(w.engine, false);
	id = kernel_send_write(w.kernel, node, open.fh, 0, "start\n", 6);
	world_settle(&w);
	assert_false(kernel_answered(w.kernel, id));
	puppet_at_once(w.engine, true);
	assert_reads(&w, "off/state", "starting\n");
	puppet_answer(w.engine, ENGINE_START, -ETIMEDOUT);
	assert_int_equal(kernel_wait_done(w.kernel, id), -ETIMEDOUT);
	assert_tells(&w, "off/error", "start: ");
	assert_int_equal(kernel_release(w.kernel, node, open.fh, O_WRONLY), 0);
	end(&w);
}

static void state_write_gives_the_engine_s_errno(void **state)
{
	static const int errors[] = { ENOENT,    EEXIST,     EINVAL, EBUSY,
		                      EHOSTDOWN, EPERM,      ENOSPC, ETIMEDOUT,
		                      ENODEV,    EOPNOTSUPP, EIO };
	struct world w;
	struct fuse_open_out open;
	uint64_t node, id;

	(void)state;
	begin(&w);
	node = node_of(&w, "off/state");
	assert_int_equal(kernel_open(w.kernel, node, O_WRONLY, &open), 0);
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		puppet_at_once(w.engine, false);
		id = kernel_send_write(w.kernel, node, open.fh, 0, "start", 5);
		world_settle(&w);
		puppet_at_once(w.engine, true);
		puppet_answer(w.engine, ENGINE_START, -errors[i]);
		assert_int_equal(kernel_wait_done(w.kernel, id), -errors[i]);
		assert_tells(&w, "off/error", strerror(errors[i]));
	}
	assert_int_equal(kernel_release(w.kernel, node, open.fh, O_WRONLY), 0);
	end(&w);
}

/* ---- config -------------------------------------------------------------- */

static void config_round_trips(void **state)
{
	struct world w;
	char *text;

	(void)state;
	begin(&w);
	assert_int_equal(kernel_cat(w.kernel, node_of(&w, "off/config"), &text),
	                 0);
	assert_int_equal(echo(&w, "off/config", text), 0);
	assert_int_equal(puppet_asked(w.engine, ENGINE_SET), 0);
	assert_reads(&w, "off/error", "");
	free(text);
	end(&w);
}

static void config_takes_lines(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	assert_int_equal(echo(&w, "off/config", "cpus 3\nuser joe\n"), 0);
	assert_int_equal(puppet_asked(w.engine, ENGINE_SET), 2);
	assert_int_equal(echo(&w, "off/config", "cpus three\n"), -EINVAL);
	assert_tells(&w, "off/error", "cpus");
	assert_int_equal(echo(&w, "off/config", "id 3\n"), -EPERM);
	assert_tells(&w, "off/error", "id");
	end(&w);
}

static void config_object_may_come_in_pieces(void **state)
{
	struct world w;
	struct fuse_open_out open;
	const char *text = "{ \"cpus\": 3,\n  \"user\": \"a}b\"\n}\n";
	uint64_t node;

	(void)state;
	begin(&w);
	for (size_t piece = 1; piece < 10; piece++) {
		unsigned asked = puppet_asked(w.engine, ENGINE_INFO);

		node = node_of(&w, "off/config");
		assert_int_equal(kernel_open(w.kernel, node, O_WRONLY, &open),
		                 0);
		for (size_t at = 0; at < strlen(text) - 1; at += piece) {
			size_t n = strlen(text) - 1 - at;
			ssize_t got;

			n = n < piece ? n : piece;
			got = kernel_write(w.kernel, node, open.fh, at,
			                   text + at, n);
			/* All is one write: the last piece has the verdict. */
			if (at + n < strlen(text) - 1)
				assert_int_equal(got, n);
			else
				assert_int_equal(got, -EINVAL);
		}
		assert_int_equal(puppet_asked(w.engine, ENGINE_INFO),
		                 asked + 1);
		assert_int_equal(kernel_flush(w.kernel, node, open.fh), 0);
		kernel_release(w.kernel, node, open.fh, O_WRONLY);
	}
	assert_int_equal(puppet_asked(w.engine, ENGINE_SET), 0);
	assert_tells(&w, "off/error", "user");
	end(&w);
}

static void config_object_that_breaks_off_is_refused_at_the_close(void **state)
{
	struct world w;
	struct fuse_open_out open;
	uint64_t node;

	(void)state;
	begin(&w);
	node = node_of(&w, "off/config");
	assert_int_equal(kernel_open(w.kernel, node, O_WRONLY, &open), 0);
	assert_int_equal(
		kernel_write(w.kernel, node, open.fh, 0, "{\"cpus\":", 8), 8);
	assert_int_equal(kernel_flush(w.kernel, node, open.fh), -EINVAL);
	assert_tells(&w, "off/error", "breaks off; nothing was applied");
	/* What was held is gone. */
	assert_int_equal(kernel_flush(w.kernel, node, open.fh), 0);
	kernel_release(w.kernel, node, open.fh, O_WRONLY);
	end(&w);
}

static void config_without_end_is_refused(void **state)
{
	struct world w;
	struct fuse_open_out open;
	uint64_t node;
	char *text = malloc(MACHINE_CONFIG_MAX + 1);

	(void)state;
	assert_non_null(text);
	memset(text, ' ', MACHINE_CONFIG_MAX + 1);
	text[0] = '{';
	begin(&w);
	node = node_of(&w, "off/config");
	assert_int_equal(kernel_open(w.kernel, node, O_WRONLY, &open), 0);
	assert_int_equal(kernel_write(w.kernel, node, open.fh, 0, text,
	                              MACHINE_CONFIG_MAX + 1),
	                 -EFBIG);
	assert_tells(&w, "off/error", "more than 65536 bytes");
	assert_int_equal(kernel_write(w.kernel, node, open.fh, 0, text,
	                              MACHINE_CONFIG_MAX),
	                 MACHINE_CONFIG_MAX);
	assert_int_equal(kernel_write(w.kernel, node, open.fh, 0, text, 1),
	                 -EFBIG);
	assert_int_equal(kernel_flush(w.kernel, node, open.fh), 0);
	kernel_release(w.kernel, node, open.fh, O_WRONLY);
	free(text);
	end(&w);
}

/* ---- .orbfs/ctl ---------------------------------------------------------- */

static void ctl_takes_its_commands(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	assert_reads(&w, "up/state", "running\n");
	puppet_state(w.engine, "up", MACHINE_STOPPED);
	assert_reads(&w, "up/state", "running\n");
	assert_int_equal(echo(&w, ".orbfs/ctl", "refresh\n"), 0);
	assert_reads(&w, "up/state", "stopped\n");
	assert_int_equal(echo(&w, "up/state", "nonsense\n"), -EINVAL);
	assert_int_equal(echo(&w, ".orbfs/ctl", "forget up\n"), 0);
	assert_reads(&w, "up/error", "");
	assert_int_equal(echo(&w, ".orbfs/ctl", "log-level  3\n"), 0);
	assert_int_equal(log_get_level(w.log), LOG_LEVEL_DEBUG);
	assert_int_equal(echo(&w, ".orbfs/ctl", "log-level 0"), 0);
	assert_int_equal(echo(&w, ".orbfs/ctl", "\n"), 0);
	end(&w);
}

static void ctl_refuses_what_is_no_command(void **state)
{
	static const struct {
		const char *text;
		int err;
		const char *line;
	} rows[] = {
		{ "fresh\n", -EINVAL, "'fresh' is no command" },
		{ "refresh now\n", -EINVAL, "is no command" },
		{ "forget\n", -EINVAL, "is no command" },
		{ "forget nobody\n", -ENOENT, "no machine 'nobody'" },
		{ "log-level 9\n", -EINVAL, "not '9'" },
		{ "log-level 11\n", -EINVAL, "not '11'" },
		{ "log-level x\n", -EINVAL, "not 'x'" },
	};
	struct world w;

	(void)state;
	begin(&w);
	node_of(&w, "up");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(echo(&w, ".orbfs/ctl", rows[i].text),
		                 rows[i].err);
		assert_tells(&w, ".orbfs/error", rows[i].line);
	}
	assert_int_equal(echo(&w, ".orbfs/ctl", "refresh\n"), 0);
	assert_reads(&w, ".orbfs/error", "");
	end(&w);
}

/* ---- truncating and touching --------------------------------------------- */

static void setattr_is_accepted_where_writing_is(void **state)
{
	struct fuse_setattr_in size = { .valid = FATTR_SIZE };
	struct fuse_setattr_in mtime = { .valid = FATTR_MTIME |
		                                  FATTR_MTIME_NOW };
	struct fuse_setattr_in mode = { .valid = FATTR_MODE, .mode = 0777 };
	struct fuse_setattr_in owner = { .valid = FATTR_UID };
	struct fuse_setattr_in group = { .valid = FATTR_GID };
	static const char *const writable[] = { "up/state", "up/config",
		                                "up/exec", ".orbfs/ctl" };
	static const char *const others[] = {
		"up/ip", "up/log", "up", "", ".orbfs/stats", "up/run"
	};
	struct world w;

	(void)state;
	begin(&w);
	for (int i = 0; i < 4; i++) {
		uint64_t node = node_of(&w, writable[i]);

		assert_int_equal(kernel_setattr(w.kernel, node, &size, NULL),
		                 0);
		assert_int_equal(kernel_setattr(w.kernel, node, &mtime, NULL),
		                 0);
		assert_int_equal(kernel_setattr(w.kernel, node, &mode, NULL),
		                 -EPERM);
	}
	for (int i = 0; i < 6; i++) {
		uint64_t node = node_of(&w, others[i]);

		assert_int_equal(kernel_setattr(w.kernel, node, &size, NULL),
		                 -EACCES);
		assert_int_equal(kernel_setattr(w.kernel, node, &owner, NULL),
		                 -EPERM);
		assert_int_equal(kernel_setattr(w.kernel, node, &group, NULL),
		                 -EPERM);
	}
	/* None of it did anything. */
	assert_reads(&w, "up/state", "running\n");
	for (int op = ENGINE_CREATE; op <= ENGINE_SET; op++)
		assert_int_equal(puppet_asked(w.engine, (enum engine_op)op), 0);
	end(&w);
}

static void opening_and_closing_does_nothing(void **state)
{
	static const char *const paths[] = { "off/state", "off/config",
		                             "off/exec", ".orbfs/ctl" };
	struct world w;

	(void)state;
	begin(&w);
	for (int i = 0; i < 4; i++)
		assert_int_equal(echo(&w, paths[i], ""), 0);
	for (int op = ENGINE_CREATE; op < ENGINE_N_OPS; op++)
		assert_int_equal(puppet_asked(w.engine, (enum engine_op)op), 0);
	assert_reads(&w, "off/error", "");
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(control_files_read_as_the_table_says),
		cmocka_unit_test(control_stats_counts_what_was_asked),
		cmocka_unit_test(control_text_is_of_the_moment_of_the_open),
		cmocka_unit_test(
			control_text_of_a_shared_open_is_of_the_moment_of_the_read),
		cmocka_unit_test(control_files_share_the_engine_s_answers),
		cmocka_unit_test(control_open_tells_why_the_engine_failed),
		cmocka_unit_test(control_open_is_refused_against_the_mode),
		cmocka_unit_test(
			control_files_of_a_machine_that_is_gone_are_not_there),
		cmocka_unit_test(control_sizes_are_exact_where_they_are_known),
		cmocka_unit_test(control_times_move_when_the_content_does),
		cmocka_unit_test(state_takes_verbs_and_words),
		cmocka_unit_test(state_refuses_what_is_no_verb),
		cmocka_unit_test(state_write_returns_when_the_state_is_reached),
		cmocka_unit_test(state_write_gives_the_engine_s_errno),
		cmocka_unit_test(config_round_trips),
		cmocka_unit_test(config_takes_lines),
		cmocka_unit_test(config_object_may_come_in_pieces),
		cmocka_unit_test(
			config_object_that_breaks_off_is_refused_at_the_close),
		cmocka_unit_test(config_without_end_is_refused),
		cmocka_unit_test(ctl_takes_its_commands),
		cmocka_unit_test(ctl_refuses_what_is_no_command),
		cmocka_unit_test(setattr_is_accepted_where_writing_is),
		cmocka_unit_test(opening_and_closing_does_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
