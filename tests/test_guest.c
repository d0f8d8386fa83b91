/*
 * What guest.h promises: each call is the message that wire.h describes, each
 * answer is checked before anybody sees it, and there is an agent when one is
 * needed and no longer.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ops/guest.h"
#include "tests/fail_alloc.h"
#include "tests/files_world.h"

enum { WAIT_MS = 30000 };

struct fixture {
	uv_loop_t *loop;
	struct hands *hands;
	struct log *log;
	struct engine *engine;
	struct fake_guest *g;
	struct agent_of agent;
	struct guest *guest;
	unsigned n_changed;
	unsigned n_moved;
	unsigned n_lost;
};

static void on_changed(void *arg, uint64_t watch, uint32_t change,
                       const char *name)
{
	(void)watch;
	(void)change;
	(void)name;
	((struct fixture *)arg)->n_changed++;
}

static void on_moved(void *arg, uint64_t watch, const char *name,
                     uint64_t new_watch, const char *new_name)
{
	assert_int_equal(watch, 1);
	assert_string_equal(name, "x");
	assert_int_equal(new_watch, 2);
	assert_string_equal(new_name, "y");
	((struct fixture *)arg)->n_moved++;
}

static void on_lost(void *arg)
{
	((struct fixture *)arg)->n_lost++;
}

static void begin(struct fixture *f)
{
	struct guest_spec spec = {
		.events = { .changed = on_changed,
		            .moved = on_moved,
		            .lost = on_lost },
		.arg = f,
	};

	*f = (struct fixture){ .loop = loop_start(), .hands = hands_new() };
	spec.loop = f->loop;
	spec.clock = hands_clock(f->hands);
	spec.log = f->log = log_new(LOG_LEVEL_ERROR, false);
	spec.engine = f->engine = puppet_new();
	f->g = fake_guest_new();
	fake_guest_file(f->g, "f", "text");
	f->agent = (struct agent_of){ .g = f->g, .loop = f->loop };
	f->engine->agent = agent_starts;
	f->engine->agent_arg = &f->agent;
	f->guest = guest_new(&spec);
	if (f->guest)
		(void)guest_set_machine(f->guest, "web", NULL);
}

static void end(struct fixture *f)
{
	guest_free(f->guest);
	stop_all(f->engine);
	loop_finish(f->loop);
	fake_guest_free(f->g);
	puppet_free(f->engine);
	log_free(f->log);
	hands_free(f->hands);
}

struct asker {
	struct fixture *f;
	unsigned n_done;
	unsigned n_entries;
	unsigned n_parts;
	int err;
	uint32_t id;
	struct wire_attr attr;
	uint64_t handle;
	uint64_t number;
	char data[64];
	size_t len;
	bool had_why; /* guest_why in its callback */
	bool frees;   /* the guest, from its callback */
	bool hangs_up;
	bool lists; /* its answer has entries */
};

static void on_answer(void *arg, int err, const struct guest_reply *reply,
                      bool more)
{
	struct asker *a = arg;
	struct guest_entry entry;
	struct guest_reply r;

	assert_int_equal(a->n_done, 0);
	assert_int_equal(!reply, err != 0);
	a->n_parts++;
	if (reply && a->lists) {
		r.entries = reply->entries;
		for (uint32_t i = 0; i < reply->n_entries; i++)
			a->n_entries += guest_next_entry(&r, &entry);
	}
	if (more)
		return;
	a->n_done++;
	a->err = err;
	a->had_why = a->f->guest && *guest_why(a->f->guest);
	if (reply) {
		a->attr = reply->attr;
		a->handle = reply->handle;
		a->number = reply->number;
		a->len = reply->len < sizeof(a->data) ? reply->len
		                                      : sizeof(a->data);
		if (reply->data)
			memcpy(a->data, reply->data, a->len);
	}
	if (a->hangs_up)
		guest_hang_up(a->f->guest);
	if (a->frees) {
		struct guest *guest = a->f->guest;

		a->f->guest = NULL;
		guest_free(guest);
	}
}

static void ask(struct asker *a, const struct guest_call *call)
{
	a->lists = call->op == WIRE_LIST;
	a->id = guest_ask(a->f->guest, call, on_answer, a);
}

static bool is_done(void *arg)
{
	return ((const struct asker *)arg)->n_done > 0;
}

static int wait_for(struct asker *a)
{
	loop_run_until_true(a->f->loop, is_done, a, WAIT_MS);
	return a->err;
}

static int call_it(struct fixture *f, const struct guest_call *call)
{
	struct asker a = { .f = f };

	ask(&a, call);
	return wait_for(&a);
}

static const struct guest_call stat_f = { .op = WIRE_STAT, .path = "f" };

/* ---- messages ------------------------------------------------------------ */

/* What wire.h says of each request: p path, P the other path, 1 4 8 numbers,
 * t text, d data, O an owner, T a time. The numbers count up from 1. */
static const struct {
	enum wire_op op;
	const char *asked;
	const char *answered; /* the same; a attr, s statfs */
} shapes[] = {
	{ WIRE_STAT, "p", "at" },           { WIRE_LIST, "p84", "4a11" },
	{ WIRE_READLINK, "p", "tt" },       { WIRE_OPEN, "p844", "8ad" },
	{ WIRE_CREATE, "p44O", "8a" },      { WIRE_READ, "884", "d" },
	{ WIRE_WRITE, "881d", "4" },        { WIRE_FSYNC, "81", "" },
	{ WIRE_SETATTR, "p844448TT", "a" }, { WIRE_GETATTR, "p8", "a" },
	{ WIRE_MKDIR, "p4O", "a" },         { WIRE_MKNOD, "p44O", "a" },
	{ WIRE_SYMLINK, "ptO", "a" },       { WIRE_LINK, "p8P", "a" },
	{ WIRE_UNLINK, "p", "" },           { WIRE_RMDIR, "p", "" },
	{ WIRE_RENAME, "pP4", "" },         { WIRE_STATFS, "p8", "8888844" },
	{ WIRE_GETXATTR, "p8t4", "d" },     { WIRE_SETXATTR, "p8td4", "" },
	{ WIRE_LISTXATTR, "p84", "d" },     { WIRE_REMOVEXATTR, "p8t", "" },
	{ WIRE_FALLOCATE, "8488", "" },     { WIRE_SEEK, "884", "8" },
	{ WIRE_COPY, "88888", "8" },        { WIRE_SETLK, "884881", "" },
	{ WIRE_GETLK, "88488", "4884" },    { WIRE_FLOCK, "841", "" },
	{ WIRE_UNLOCK_OWNER, "88", "" },    { WIRE_PING, "", "" },
};

enum { N_SHAPES = sizeof(shapes) / sizeof(shapes[0]) };

static const struct guest_call full_call = {
	.path = "some/path",
	.new_path = "other/path",
	.handle = 101,
	.other = 102,
	.offset = 103,
	.length = 104,
	.to_offset = 105,
	.owner = 106,
	.watch = 107,
	.flags = 108,
	.size = 109,
	.mode = 110,
	.rdev = 111,
	.type = 112,
	.flag = true,
	.uid = 113,
	.gid = 114,
	.umask = 115,
	.text = "text",
	.data = "data",
	.len = 4,
	.set = 116,
	.set_uid = 117,
	.set_gid = 118,
	.set_size = 119,
	.atime = { 120, 121 },
	.mtime = { 122, 123 },
};

/* Take a field apart. */
static void check_field(struct wire_in *in, char kind)
{
	char text[64];
	size_t len;
	struct wire_time t;

	switch (kind) {
	case 'p':
		wire_get_text(in, text, sizeof(text));
		assert_string_equal(text, "some/path");
		return;
	case 'P':
		wire_get_text(in, text, sizeof(text));
		assert_string_equal(text, "other/path");
		return;
	case 't':
		wire_get_text(in, text, sizeof(text));
		assert_string_equal(text, "text");
		return;
	case 'd':
		assert_memory_equal(wire_get_data(in, 64, &len), "data", 4);
		assert_int_equal(len, 4);
		return;
	case '1':
		assert_int_equal(wire_get_u8(in), 1);
		return;
	case '4':
		assert_in_range(wire_get_u32(in), 101, 123);
		return;
	case '8':
		assert_in_range(wire_get_u64(in), 101, 123);
		return;
	case 'O':
		assert_int_equal(wire_get_u32(in), 113);
		assert_int_equal(wire_get_u32(in), 114);
		assert_int_equal(wire_get_u32(in), 115);
		return;
	default:
		wire_get_time(in, &t);
		assert_int_equal(t.nsec, t.sec + 1);
	}
}

static void wait_held(struct fixture *f, unsigned n)
{
	for (int i = 0; i < 1000 && fake_guest_n_waiting(f->g) < n; i++)
		loop_run_for(f->loop, 1);
	assert_int_equal(fake_guest_n_waiting(f->g), n);
}

static void guest_asks_as_the_protocol_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_SHAPES; i++) {
		struct fixture f;
		struct asker a = { .f = &f };
		struct guest_call call = full_call;
		struct wire_in in;

		begin(&f);
		f.g->hold = -1;
		call.op = shapes[i].op;
		ask(&a, &call);
		wait_held(&f, 1);
		assert_int_equal(f.g->waiting->h.op, shapes[i].op);
		in = (struct wire_in){ .data = f.g->waiting->body,
			               .len = f.g->waiting->h.size };
		for (const char *k = shapes[i].asked; *k; k++)
			check_field(&in, *k);
		if (!wire_end(&in))
			fail_msg("operation %d", shapes[i].op);
		end(&f);
		assert_int_equal(a.n_done, 1);
		assert_int_equal(a.err, -EIO);
	}
}

static void put_answer(struct wire_out *out, const char *kinds)
{
	static const struct wire_attr attr = { .ino = 7, .mtime = { 1, 2 } };

	for (; *kinds; kinds++)
		switch (*kinds) {
		case 'a':
			wire_put_attr(out, &attr);
			break;
		case 't':
			wire_put_text(out, "text");
			break;
		case 'd':
			wire_put_data(out, "data", 4);
			break;
		case '1':
			wire_put_u8(out, 1);
			break;
		case '4':
			wire_put_u32(out, 0);
			break;
		default:
			wire_put_u64(out, 9);
		}
}

/* The answer to a call that waits, so much of it. */
static void give(struct fixture *f, uint16_t op, uint32_t id, const void *data,
                 size_t len)
{
	struct wire_header h = {
		.op = op, .id = id, .flags = WIRE_REPLY, .size = (uint32_t)len
	};

	fake_guest_say(f->g, &h, data);
}

static void guest_takes_whole_answers_and_no_others(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	assert_int_equal(call_it(&f, &stat_f), 0);
	f.g->hold = -1;
	for (size_t i = 0; i < N_SHAPES; i++) {
		unsigned char data[512] = { 0 };
		struct wire_out out = { .data = data, .size = sizeof(data) };
		struct guest_call call = full_call;

		call.op = shapes[i].op;
		put_answer(&out, shapes[i].answered);
		/* Cut at every byte, and with one too many. */
		for (size_t len = 0; len <= out.len + 1; len++) {
			struct asker a = { .f = &f };

			ask(&a, &call);
			give(&f, (uint16_t)call.op, a.id, data, len);
			wait_for(&a);
			if (a.err != (len == out.len ? 0 : -EPROTO))
				fail_msg("operation %d, %zu bytes: %d", call.op,
				         len, a.err);
		}
	}
	assert_int_equal(guest_epoch(f.guest), 1);
	end(&f);
}

static void guest_refuses_what_is_out_of_bounds(void **state)
{
	struct fixture f;
	struct wire_attr attr = { .mtime = { 0, 1000000000 } };
	unsigned char data[512];
	struct wire_out out = { .data = data, .size = sizeof(data) };
	struct guest_call call = { .op = WIRE_GETATTR };
	struct asker a = { .f = &f };

	(void)state;
	begin(&f);
	assert_int_equal(call_it(&f, &stat_f), 0);
	f.g->hold = -1;
	wire_put_attr(&out, &attr);
	ask(&a, &call);
	give(&f, WIRE_GETATTR, a.id, data, out.len);
	assert_int_equal(wait_for(&a), -EPROTO);
	/* A text that claims to be longer than the message; one with a NUL. */
	for (uint32_t len = 3; len < 5; len++) {
		a = (struct asker){ .f = &f };
		call.op = WIRE_READLINK;
		out.len = 0;
		wire_put_text(&out, "ab");
		wire_put_text(&out, "cd");
		data[0] = (unsigned char)(len == 3 ? 200 : 2);
		data[4] = len == 3 ? 'a' : '\0';
		ask(&a, &call);
		give(&f, WIRE_READLINK, a.id, data, out.len);
		assert_int_equal(wait_for(&a), -EPROTO);
	}
	/* More entries than there are. */
	a = (struct asker){ .f = &f };
	call.op = WIRE_LIST;
	memset(data, 0xff, sizeof(data));
	ask(&a, &call);
	give(&f, WIRE_LIST, a.id, data, 200);
	assert_int_equal(wait_for(&a), -EPROTO);
	/* More of what comes in one part. */
	a = (struct asker){ .f = &f };
	call.op = WIRE_PING;
	ask(&a, &call);
	fake_guest_say(f.g,
	               &(struct wire_header){ .op = WIRE_PING,
	                                      .id = a.id,
	                                      .flags = WIRE_REPLY | WIRE_MORE },
	               NULL);
	give(&f, WIRE_PING, a.id, NULL, 0);
	assert_int_equal(wait_for(&a), -EPROTO);
	assert_int_equal(a.n_parts, 1);
	end(&f);
}

static void guest_lists_in_parts(void **state)
{
	struct fixture f;
	struct asker a = { .f = &f };
	char name[16];

	(void)state;
	begin(&f);
	for (int i = 0; i < 99; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		fake_guest_file(f.g, name, "");
	}
	f.g->list_part = 30;
	ask(&a, &(struct guest_call){ .op = WIRE_LIST, .size = 1000 });
	assert_int_equal(wait_for(&a), 0);
	assert_int_equal(a.n_entries, 100);
	assert_int_equal(a.n_parts, 4);
	end(&f);
}

static void guest_refuses_names_that_lead_elsewhere(void **state)
{
	static const char *const names[] = { "..", ".", "", "a/b", "/" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct guest_reply r = { .n_entries = 1 };
		struct guest_entry entry;
		unsigned char data[512];
		struct wire_out out = { .data = data, .size = sizeof(data) };

		wire_put_text(&out, names[i]);
		wire_put_attr(&out, &(struct wire_attr){ .ino = 1 });
		wire_put_text(&out, "");
		r.entries = (struct wire_in){ .data = data, .len = out.len };
		assert_false(guest_next_entry(&r, &entry));
	}
}

/* ---- life ---------------------------------------------------------------- */

static void guest_has_an_agent_when_one_is_needed(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	assert_false(guest_is_up(f.guest));
	guest_tell(f.guest, &(struct guest_call){ .op = WIRE_UNWATCH });
	guest_cancel(f.guest, 1);
	assert_false(guest_is_up(f.guest));
	assert_int_equal(guest_epoch(f.guest), 0);
	assert_int_equal(call_it(&f, &stat_f), 0);
	assert_true(guest_is_up(f.guest));
	assert_int_equal(guest_epoch(f.guest), 1);
	hands_turn(f.hands, GUEST_IDLE_MS - 1);
	assert_int_equal(call_it(&f, &stat_f), 0);
	hands_turn(f.hands, GUEST_IDLE_MS - 1);
	assert_true(guest_is_up(f.guest));
	guest_hold(f.guest);
	hands_turn(f.hands, 10 * GUEST_IDLE_MS);
	assert_true(guest_is_up(f.guest));
	guest_let_go(f.guest);
	assert_int_equal(f.n_lost, 0);
	hands_turn(f.hands, GUEST_IDLE_MS);
	assert_false(guest_is_up(f.guest));
	assert_int_equal(f.n_lost, 1);
	assert_int_equal(call_it(&f, &stat_f), 0);
	assert_int_equal(guest_epoch(f.guest), 2);
	end(&f);
}

static void guest_starts_another_when_its_agent_has_died(void **state)
{
	struct fixture f;
	struct asker a = { .f = &f };

	(void)state;
	begin(&f);
	f.g->hold = -1;
	ask(&a, &stat_f);
	wait_held(&f, 1);
	fake_guest_die(f.g);
	assert_int_equal(wait_for(&a), -EIO);
	assert_true(a.had_why); /* who asked finds the reason */
	assert_true(*guest_why(f.guest));
	assert_int_equal(f.n_lost, 1);
	f.g->hold = 0;
	assert_int_equal(call_it(&f, &stat_f), 0);
	assert_int_equal(guest_epoch(f.guest), 2);
	assert_string_equal(guest_why(f.guest), "");
	end(&f);
}

static void guest_of_a_renamed_machine_keeps_its_agent(void **state)
{
	struct fixture f;
	struct asker a = { .f = &f };

	(void)state;
	begin(&f);
	assert_int_equal(call_it(&f, &stat_f), 0);
	guest_forget_machine(f.guest);
	assert_int_equal(call_it(&f, &stat_f), 0);
	assert_int_equal(guest_epoch(f.guest), 1);
	/* The next one is not sent for by the old name. */
	guest_hang_up(f.guest);
	assert_int_equal(call_it(&f, &stat_f), -ENODEV);
	assert_int_equal(guest_set_machine(f.guest, "web", NULL), 0);
	ask(&a, &stat_f);
	guest_forget_machine(f.guest);
	assert_int_equal(wait_for(&a), -EIO);
	assert_false(guest_is_up(f.guest));
	end(&f);
}

static void guest_may_go_in_its_own_answer(void **state)
{
	(void)state;
	for (int how = 0; how < 4; how++) {
		struct fixture f;
		struct asker a[2] = { 0 };

		begin(&f);
		for (int i = 0; i < 2; i++) {
			a[i].f = &f;
			a[i].frees = i == how;
			a[i].hangs_up = i + 2 == how;
			ask(&a[i], &stat_f);
		}
		wait_for(&a[0]);
		wait_for(&a[1]);
		assert_int_equal(a[0].err, 0);
		assert_int_equal(a[1].err, how % 2 ? 0 : -EIO);
		end(&f);
	}
}

static void guest_without_an_agent_for_the_machine_says_so(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	assert_int_equal(guest_set_machine(f.guest, "web", "riscv64"), 0);
	assert_int_equal(call_it(&f, &stat_f), -EOPNOTSUPP);
	assert_non_null(strstr(guest_why(f.guest), "riscv64"));
	assert_int_equal(guest_set_machine(f.guest, "web", NULL), 0);
	puppet_refuse(f.engine, -ENODEV);
	assert_int_equal(call_it(&f, &stat_f), -ENODEV);
	puppet_refuse(f.engine, 0);
	assert_int_equal(call_it(&f, &stat_f), 0);
	end(&f);
}

static void guest_tells_what_the_agent_tells(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	assert_int_equal(call_it(&f, &stat_f), 0);
	fake_guest_changed(f.g, 1, WIRE_CHANGED_NAME, "x");
	assert_int_equal(call_it(&f, &stat_f), 0);
	assert_int_equal(f.n_changed, 1);
	fake_guest_moved(f.g, 1, "x", 2, "y");
	assert_int_equal(call_it(&f, &stat_f), 0);
	assert_int_equal(f.n_moved, 1);
	fake_guest_say(f.g, &(struct wire_header){ .op = WIRE_LOST }, NULL);
	f.g->fault = FAKE_BAD_EVENT;
	assert_int_equal(call_it(&f, &stat_f), 0);
	assert_int_equal(f.n_changed, 1);
	assert_int_equal(f.n_lost, 2); /* nobody knows what it meant */
	f.g->fault = FAKE_NONE;
	fake_guest_moved(f.g, 1, "x", 2, "../y");
	assert_int_equal(call_it(&f, &stat_f), 0);
	assert_int_equal(f.n_moved, 1);
	assert_int_equal(f.n_lost, 3);
	end(&f);
}

static void guest_waits_for_a_lock_but_not_for_its_end(void **state)
{
	struct fixture f;
	struct guest_call call = { .op = WIRE_SETLK,
		                   .handle = 1,
		                   .flag = true };
	struct asker locks[2] = { { .f = &f }, { .f = &f } };

	(void)state;
	begin(&f);
	f.g->locked = true;
	ask(&locks[0], &call);
	call.type = 2;
	ask(&locks[1], &call);
	wait_held(&f, 2);
	hands_turn(f.hands, 29999);
	assert_int_equal(call_it(&f, &stat_f), 0);
	hands_turn(f.hands, 1);
	assert_int_equal(locks[1].err, -ETIMEDOUT);
	assert_int_equal(locks[0].n_done, 0);
	guest_cancel(f.guest, locks[0].id);
	assert_int_equal(wait_for(&locks[0]), -EINTR);
	end(&f);
}

static void guest_does_without_memory(void **state)
{
	unsigned n = 0;

	(void)state;
	while (fail_alloc_next(&n)) {
		struct fixture f;
		struct asker a = { .f = &f };
		bool up;

		begin(&f);
		if (f.guest) {
			ask(&a, &stat_f);
			for (int i = 0; i < 100 && !a.n_done; i++)
				uv_run(f.loop, UV_RUN_NOWAIT);
			up = guest_is_up(f.guest);
			assert_true(up || a.n_done);
		}
		end(&f);
		if (a.id)
			assert_int_equal(a.n_done, 1);
	}
	assert_true(n > 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(guest_asks_as_the_protocol_says),
		cmocka_unit_test(guest_takes_whole_answers_and_no_others),
		cmocka_unit_test(guest_refuses_what_is_out_of_bounds),
		cmocka_unit_test(guest_lists_in_parts),
		cmocka_unit_test(guest_refuses_names_that_lead_elsewhere),
		cmocka_unit_test(guest_has_an_agent_when_one_is_needed),
		cmocka_unit_test(guest_starts_another_when_its_agent_has_died),
		cmocka_unit_test(guest_of_a_renamed_machine_keeps_its_agent),
		cmocka_unit_test(guest_may_go_in_its_own_answer),
		cmocka_unit_test(
			guest_without_an_agent_for_the_machine_says_so),
		cmocka_unit_test(guest_tells_what_the_agent_tells),
		cmocka_unit_test(guest_waits_for_a_lock_but_not_for_its_end),
		cmocka_unit_test(guest_does_without_memory),
	};

	signal(SIGPIPE, SIG_IGN); /* as in the daemon */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
