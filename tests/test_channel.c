/*
 * What channel.h promises: each request has one answer, whatever the agent
 * says, and in whatever order; and every wait ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

#include "ops/channel.h"
#include "tests/fail_alloc.h"
#include "tests/files_world.h"

enum { MOST = 65536, LARGE_DATA = WIRE_DATA_MAX, WAIT_MS = 30000 };

struct fixture {
	uv_loop_t *loop;
	struct hands *hands;
	struct log *log;
	struct engine *engine;
	struct fake_guest *g;
	struct agent_of agent;
	struct channel *ch;
	unsigned n_events;
	unsigned n_broken;
	int broken_err;
	bool closes; /* on_broken closes it, as guest does */
};

static const unsigned char image[100000];

static void on_event(void *arg, enum wire_op op, struct wire_in *body)
{
	(void)op;
	(void)body;
	((struct fixture *)arg)->n_events++;
}

static void on_broken(void *arg, int err, const char *why)
{
	struct fixture *f = arg;

	assert_true(*why);
	assert_int_equal(channel_pending(f->ch), 0);
	f->n_broken++;
	f->broken_err = err;
	if (f->closes) {
		channel_close(f->ch);
		f->ch = NULL;
	}
}

static int open_channel(struct fixture *f)
{
	struct channel_spec spec = {
		.loop = f->loop,
		.engine = f->engine,
		.clock = hands_clock(f->hands),
		.log = f->log,
		.machine = "web",
		.image = image,
		.image_len = sizeof(image),
		.on_event = on_event,
		.on_broken = on_broken,
		.arg = f,
	};
	int err = 0;

	f->ch = channel_open(&spec, &err);
	assert_int_equal(!f->ch, err != 0);
	return err;
}

static void prepare(struct fixture *f)
{
	*f = (struct fixture){ .loop = loop_start(), .hands = hands_new() };
	f->log = log_new(LOG_LEVEL_ERROR, false);
	f->engine = puppet_new();
	f->g = fake_guest_new();
	fake_guest_file(f->g, "f", "text");
	f->agent = (struct agent_of){ .g = f->g, .loop = f->loop };
	f->engine->agent = agent_starts;
	f->engine->agent_arg = &f->agent;
}

static void begin(struct fixture *f)
{
	prepare(f);
	assert_int_equal(open_channel(f), 0);
}

static void end(struct fixture *f)
{
	channel_close(f->ch);
	loop_run_for(f->loop, 1);
	stop_all(f->engine);
	loop_finish(f->loop);
	fake_guest_free(f->g);
	puppet_free(f->engine);
	log_free(f->log);
	hands_free(f->hands);
}

/* Somebody who asks, and what was heard. */
struct asker {
	struct fixture *f;
	unsigned n_done;
	unsigned n_more;
	int err;
	size_t len;
	uint32_t id;
	bool closes; /* the channel, from its callback */
	unsigned again;
	unsigned order;
	unsigned *count;
};

static void ask(struct asker *a, enum wire_op op, const char *path);

static void on_answer(void *arg, int err, struct wire_in *body, bool more)
{
	struct asker *a = arg;

	assert_int_equal(a->n_done, 0);
	assert_int_equal(!body, err != 0);
	a->len = body ? body->len : 0;
	if (more) {
		a->n_more++;
		return;
	}
	a->err = err;
	if (a->count)
		a->order = ++*a->count;
	if (a->again) {
		a->again--;
		ask(a, WIRE_PING, NULL);
		return;
	}
	a->n_done++;
	if (a->closes) {
		struct channel *ch = a->f->ch;

		a->f->ch = NULL;
		channel_close(ch);
	}
}

static void ask(struct asker *a, enum wire_op op, const char *path)
{
	unsigned char data[256];
	struct wire_out body = { .data = data, .size = sizeof(data) };

	if (path)
		wire_put_text(&body, path);
	a->id = channel_ask(a->f->ch, op, path ? &body : NULL, NULL, 0,
	                    on_answer, a);
}

struct expected {
	const struct asker *a;
	unsigned n;
};

static bool is_answered(void *arg)
{
	const struct expected *e = arg;

	for (unsigned i = 0; i < e->n; i++)
		if (!e->a[i].n_done)
			return false;
	return true;
}

static void wait_all(struct fixture *f, const struct asker *a, unsigned n)
{
	struct expected e = { .a = a, .n = n };

	loop_run_until_true(f->loop, is_answered, &e, WAIT_MS);
}

static bool all_waits(void *arg)
{
	const struct expected *e = arg;

	return fake_guest_n_waiting(e->a->f->g) >= e->n;
}

static void wait_held(struct asker *a, unsigned n)
{
	struct expected e = { .a = a, .n = n };

	loop_run_until_true(a->f->loop, all_waits, &e, WAIT_MS);
}

/* ---- asking -------------------------------------------------------------- */

static void channel_sends_what_was_asked_before_the_agent_was_there(void **state)
{
	struct fixture f;
	struct asker a[10] = { 0 };

	(void)state;
	begin(&f);
	assert_false(channel_is_ready(f.ch));
	for (int i = 0; i < 10; i++) {
		a[i].f = &f;
		ask(&a[i], WIRE_STAT, "f");
	}
	assert_int_equal(channel_pending(f.ch), 10);
	wait_all(&f, a, 10);
	assert_true(channel_is_ready(f.ch));
	for (int i = 0; i < 10; i++)
		assert_int_equal(a[i].err, 0);
	assert_int_equal(f.g->n_seen[WIRE_STAT], 10);
	end(&f);
}

static void channel_takes_answers_in_any_order(void **state)
{
	struct fixture f;
	struct asker a[5] = { 0 };
	unsigned count = 0;

	(void)state;
	begin(&f);
	f.g->hold = -1;
	for (int i = 0; i < 5; i++) {
		a[i].f = &f;
		a[i].count = &count;
		ask(&a[i], WIRE_STAT, i % 2 ? "f" : "none");
	}
	wait_held(a, 5);
	for (unsigned i = 5; i-- > 0;)
		fake_guest_answer(f.g, i);
	wait_all(&f, a, 5);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(a[i].order, 5 - i);
		assert_int_equal(a[i].err, i % 2 ? 0 : -ENOENT);
	}
	end(&f);
}

static void channel_understands_messages_cut_anywhere(void **state)
{
	struct wire_header event = { .op = WIRE_CHANGED, .size = 20 };
	unsigned char bytes[2 * (WIRE_HEADER + 20)] = { 0 };
	struct fixture f;
	struct asker a = { .f = &f };

	(void)state;
	begin(&f);
	ask(&a, WIRE_PING, NULL);
	wait_all(&f, &a, 1);
	wire_put_header(&event, bytes);
	wire_put_header(&event, bytes + WIRE_HEADER + 20);
	for (size_t cut = 1; cut < sizeof(bytes); cut++) {
		f.n_events = 0;
		fake_guest_spit(f.g, bytes, cut);
		uv_run(f.loop, UV_RUN_NOWAIT);
		fake_guest_spit(f.g, bytes + cut, sizeof(bytes) - cut);
		a.n_done = 0;
		ask(&a, WIRE_PING, NULL);
		wait_all(&f, &a, 1);
		assert_int_equal(f.n_events, 2);
	}
	end(&f);
}

static void channel_carries_the_largest_messages_both_ways(void **state)
{
	struct fixture f;
	struct asker a[40] = { 0 };
	char *data = calloc(1, LARGE_DATA);
	unsigned char head[64];

	(void)state;
	assert_non_null(data);
	begin(&f);
	for (uint64_t i = 0; i < 20; i++) {
		struct wire_out body = { .data = head, .size = sizeof(head) };

		a[i].f = a[20 + i].f = &f;
		/* Handle 0 is none: it is read, and refused. */
		wire_put_u64(&body, 0);
		wire_put_u64(&body, i * LARGE_DATA);
		wire_put_u32(&body, LARGE_DATA);
		a[i].id = channel_ask(f.ch, WIRE_WRITE, &body, data, LARGE_DATA,
		                      on_answer, &a[i]);
	}
	wait_all(&f, a, 20);
	for (int i = 0; i < 20; i++)
		assert_int_equal(a[i].err, -EBADF);
	f.g->nodes[fake_guest_find(f.g, "f")].size = 0;
	free(f.g->nodes[fake_guest_find(f.g, "f")].data);
	f.g->nodes[fake_guest_find(f.g, "f")].data = data;
	f.g->nodes[fake_guest_find(f.g, "f")].size = LARGE_DATA - 1;
	for (int i = 20; i < 40; i++) {
		struct wire_out body = { .data = head, .size = sizeof(head) };

		wire_put_text(&body, "f");
		wire_put_u64(&body, 0);
		wire_put_u32(&body, WIRE_O_READ);
		wire_put_u32(&body, LARGE_DATA);
		a[i].id = channel_ask(f.ch, WIRE_OPEN, &body, NULL, 0,
		                      on_answer, &a[i]);
	}
	wait_all(&f, a + 20, 20);
	for (int i = 20; i < 40; i++)
		assert_int_equal(a[i].len, 8 + WIRE_ATTR + 4 + LARGE_DATA - 1);
	end(&f);
}

/* Bytes that the agent could read. */
static int n_sent(const struct fixture *f)
{
	int n = -1;

	assert_int_equal(ioctl(f->g->in_fd, FIONREAD, &n), 0);
	return n;
}

static void channel_sends_small_messages_of_a_turn_together(void **state)
{
	struct fixture f;
	struct asker a[11] = { 0 };
	unsigned count = 0;

	(void)state;
	begin(&f);
	a[10].f = &f;
	ask(&a[10], WIRE_PING, NULL);
	wait_all(&f, &a[10], 1);
	for (int i = 0; i < 10; i++) {
		a[i].f = &f;
		a[i].count = &count;
		ask(&a[i], WIRE_PING, NULL);
		assert_int_equal(n_sent(&f), 0);
	}
	wait_all(&f, a, 10);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(a[i].order, i + 1);
	end(&f);
}

static void channel_sends_a_large_message_at_once_and_in_order(void **state)
{
	struct fixture f;
	struct asker a[3] = { 0 };
	char *data = calloc(1, LARGE_DATA);
	unsigned char head[64];
	struct wire_out body = { .data = head, .size = sizeof(head) };
	unsigned count = 0;

	(void)state;
	assert_non_null(data);
	begin(&f);
	for (int i = 0; i < 3; i++)
		a[i] = (struct asker){ .f = &f };
	ask(&a[2], WIRE_PING, NULL);
	wait_all(&f, &a[2], 1);
	a[0].count = a[1].count = &count;
	ask(&a[0], WIRE_PING, NULL);
	wire_put_u64(&body, 0);
	wire_put_u64(&body, 0);
	wire_put_u32(&body, LARGE_DATA);
	channel_ask(f.ch, WIRE_WRITE, &body, data, LARGE_DATA, on_answer,
	            &a[1]);
	assert_true(n_sent(&f) > WIRE_HEADER);
	wait_all(&f, a, 2);
	assert_int_equal(a[0].order, 1);
	assert_int_equal(a[1].order, 2);
	free(data);
	end(&f);
}

static void channel_waits_for_an_agent_that_does_not_read(void **state)
{
	struct fixture f;
	struct asker a[16] = { 0 };
	char *data = calloc(1, LARGE_DATA);
	unsigned char head[64];

	(void)state;
	begin(&f);
	a[0].f = &f;
	ask(&a[0], WIRE_PING, NULL);
	wait_all(&f, a, 1);
	f.g->deaf = true;
	for (int i = 0; i < 16; i++) {
		struct wire_out body = { .data = head, .size = sizeof(head) };

		a[i] = (struct asker){ .f = &f };
		wire_put_u64(&body, 0);
		wire_put_u64(&body, 0);
		wire_put_u32(&body, LARGE_DATA);
		channel_ask(f.ch, WIRE_WRITE, &body, data, LARGE_DATA,
		            on_answer, &a[i]);
	}
	loop_run_for(f.loop, 20);
	assert_int_equal(channel_pending(f.ch), 16);
	fake_guest_listen(f.g, f.loop);
	wait_all(&f, a, 16);
	free(data);
	end(&f);
}

static void channel_has_as_many_requests_as_it_has_ids(void **state)
{
	struct fixture f;
	struct asker *a = calloc(MOST + 1, sizeof(a[0]));

	(void)state;
	assert_non_null(a);
	begin(&f);
	/* The agent is not there yet. */
	for (unsigned i = 0; i <= MOST; i++) {
		a[i].f = &f;
		ask(&a[i], WIRE_PING, NULL);
	}
	assert_int_equal(channel_pending(f.ch), MOST);
	assert_int_equal(a[MOST].err, -EBUSY);
	wait_all(&f, a, MOST);
	for (unsigned i = 0; i < MOST; i++)
		assert_int_equal(a[i].err, 0);
	free(a);
	end(&f);
}

static void channel_never_takes_a_late_answer_for_another(void **state)
{
	struct fixture f;
	struct asker late = { .f = &f };
	struct asker a = { .f = &f };
	struct wire_header h = { .op = WIRE_PING, .flags = WIRE_REPLY };

	(void)state;
	begin(&f);
	ask(&a, WIRE_PING, NULL);
	wait_all(&f, &a, 1);
	f.g->hold = WIRE_STAT;
	ask(&late, WIRE_STAT, "f");
	wait_held(&late, 1);
	/* The agent lives, so only this one times out. */
	hands_turn(f.hands, CHANNEL_DEADLINE_MS - 1);
	a.n_done = 0;
	ask(&a, WIRE_PING, NULL);
	wait_all(&f, &a, 1);
	hands_turn(f.hands, 1);
	assert_int_equal(late.n_done, 1);
	assert_int_equal(late.err, -ETIMEDOUT);
	assert_int_equal(f.n_broken, 0);
	for (int i = 0; i < 1000; i++) {
		a = (struct asker){ .f = &f };
		f.g->hold = WIRE_PING;
		ask(&a, WIRE_PING, NULL);
		assert_int_not_equal(a.id, late.id);
		h.id = late.id;
		fake_guest_say(f.g, &h, NULL);
		uv_run(f.loop, UV_RUN_NOWAIT);
		assert_int_equal(a.n_done, 0);
		while (fake_guest_n_waiting(f.g) < 2)
			uv_run(f.loop, UV_RUN_ONCE);
		fake_guest_answer(f.g, 1);
		wait_all(&f, &a, 1);
	}
	end(&f);
}

static void channel_may_be_asked_from_an_answer(void **state)
{
	struct fixture f;
	struct asker a = { .f = &f, .again = 100 };

	(void)state;
	begin(&f);
	ask(&a, WIRE_PING, NULL);
	wait_all(&f, &a, 1);
	assert_int_equal(f.g->n_seen[WIRE_PING], 101);
	end(&f);
}

static void channel_may_be_closed_from_an_answer(void **state)
{
	(void)state;
	for (int first = 0; first < 3; first++) {
		struct fixture f;
		struct asker a[3] = { 0 };

		begin(&f);
		for (int i = 0; i < 3; i++) {
			a[i].f = &f;
			a[i].closes = i == first;
			ask(&a[i], WIRE_STAT, "f");
		}
		wait_all(&f, a, 3);
		for (int i = 0; i < 3; i++)
			assert_int_equal(a[i].err, i <= first ? 0 : -ECANCELED);
		assert_int_equal(f.n_broken, 0);
		end(&f);
	}
}

static void channel_tells_events_before_answers(void **state)
{
	struct fixture f;
	struct asker a = { .f = &f };

	(void)state;
	begin(&f);
	f.g->fault = FAKE_FLOOD;
	ask(&a, WIRE_PING, NULL);
	wait_all(&f, &a, 1);
	assert_int_equal(f.n_events, 10000);
	end(&f);
}

/* ---- what ends it -------------------------------------------------------- */

static void channel_breaks_when_nothing_is_heard(void **state)
{
	struct fixture f;
	struct asker a[2] = { { .f = &f }, { .f = &f } };

	(void)state;
	begin(&f);
	f.closes = true;
	f.g->fault = FAKE_HANG;
	ask(&a[0], WIRE_PING, NULL);
	loop_run_for(f.loop, 20);
	hands_turn(f.hands, CHANNEL_DEADLINE_MS / 2);
	ask(&a[1], WIRE_PING, NULL);
	hands_turn(f.hands, CHANNEL_DEADLINE_MS / 2 - 1);
	assert_int_equal(f.n_broken, 0);
	hands_turn(f.hands, 1);
	assert_int_equal(f.n_broken, 1);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(a[i].n_done, 1);
		assert_int_equal(a[i].err, -ETIMEDOUT);
	}
	end(&f);
}

/* It closes its input and lives on. */
static void stop_listening(struct fixture *f)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	uv_poll_stop(f->g->polls[0]);
	assert_true(null >= 0 && dup2(null, f->g->in_fd) >= 0);
	close(null);
}

static void ask_to_write(struct asker *a, const char *data, size_t len)
{
	unsigned char head[64];
	struct wire_out body = { .data = head, .size = sizeof(head) };

	wire_put_u64(&body, 0);
	wire_put_u64(&body, 0);
	wire_put_u32(&body, (uint32_t)len);
	channel_ask(a->f->ch, WIRE_WRITE, &body, data, len, on_answer, a);
}

static void channel_breaks_when_nobody_listens(void **state)
{
	enum { SMALL, LARGE_ONE, CLOSING, WAITING, N_WAYS };
	char *data = calloc(1, LARGE_DATA);

	(void)state;
	for (int way = 0; way < N_WAYS; way++) {
		struct fixture f;
		struct asker a[3] = { { .f = &f }, { .f = &f }, { .f = &f } };

		begin(&f);
		ask(&a[0], WIRE_PING, NULL);
		wait_all(&f, a, 1);
		f.closes = true;
		if (way == WAITING) {
			/* More than the pipe takes. */
			f.g->deaf = true;
			ask_to_write(&a[1], data, LARGE_DATA);
			loop_run_for(f.loop, 20);
			assert_int_equal(a[1].n_done, 0);
		}
		stop_listening(&f);
		if (way == SMALL)
			ask(&a[1], WIRE_PING, NULL);
		a[1].closes = way == CLOSING;
		if (way == LARGE_ONE || way == CLOSING)
			ask_to_write(&a[1], data, LARGE_DATA);
		wait_all(&f, &a[1], 1);
		assert_int_equal(a[1].err, -EIO);
		loop_run_for(f.loop, 20);
		assert_int_equal(f.n_broken, way != CLOSING);
		end(&f);
	}
	free(data);
}

static void channel_breaks_when_there_is_no_hello(void **state)
{
	static const struct {
		enum fake_fault fault;
		int err;
	} rows[] = {
		{ FAKE_NO_HELLO, -ETIMEDOUT },
		{ FAKE_OLD_HELLO, -EIO },
		{ FAKE_TWO_HELLOS, -EIO },
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct fixture f;
		struct asker a = { .f = &f };

		prepare(&f);
		f.g->fault = rows[i].fault;
		f.closes = true;
		assert_int_equal(open_channel(&f), 0);
		ask(&a, WIRE_STAT, "f");
		loop_run_for(f.loop, 30);
		hands_turn(f.hands, CHANNEL_DEADLINE_MS);
		assert_int_equal(f.n_broken, 1);
		assert_int_equal(a.n_done, 1);
		if (a.err) /* the second hello may come behind the answer */
			assert_int_equal(a.err, rows[i].err);
		end(&f);
	}
}

static void channel_breaks_at_what_makes_no_sense(void **state)
{
	static const enum fake_fault faults[] = { FAKE_GARBAGE, FAKE_OVERSIZE,
		                                  FAKE_REQUEST, FAKE_DIE,
		                                  FAKE_DIE_HALF };

	(void)state;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		struct fixture f;
		struct asker a[3] = { 0 };

		begin(&f);
		f.closes = true;
		f.g->hold = -1;
		for (int j = 0; j < 3; j++) {
			a[j].f = &f;
			ask(&a[j], WIRE_STAT, "f");
		}
		wait_held(a, 3);
		f.g->fault = faults[i];
		fake_guest_answer(f.g, 1);
		wait_all(&f, a, 3);
		for (int j = 0; j < 3; j++)
			assert_int_equal(a[j].err, -EIO);
		assert_int_equal(f.n_broken, 1);
		assert_null(f.ch);
		end(&f);
	}
}

static void channel_drops_what_nobody_asked_for(void **state)
{
	static const enum fake_fault faults[] = { FAKE_DUPLICATE,
		                                  FAKE_UNKNOWN_ID,
		                                  FAKE_WRONG_OP, FAKE_EVENT };

	(void)state;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		struct fixture f;
		struct asker a[3] = { 0 };

		begin(&f);
		f.g->fault = faults[i];
		for (int j = 0; j < 3; j++) {
			a[j].f = &f;
			ask(&a[j], WIRE_STAT, "f");
		}
		wait_all(&f, a, 3);
		for (int j = 0; j < 3; j++)
			assert_int_equal(a[j].err, 0);
		assert_int_equal(f.n_broken, 0);
		end(&f);
	}
}

static void channel_ends_an_answer_that_goes_on_for_ever(void **state)
{
	struct fixture f;
	struct asker a = { .f = &f };
	struct wire_header h = { .op = WIRE_LIST,
		                 .flags = WIRE_REPLY | WIRE_MORE };
	unsigned n = 0;

	(void)state;
	begin(&f);
	f.g->hold = -1;
	ask(&a, WIRE_LIST, "");
	wait_held(&a, 1);
	h.id = a.id;
	while (!a.n_done && ++n < 100) {
		hands_turn(f.hands, CHANNEL_DEADLINE_MS / 2);
		fake_guest_say(f.g, &h, NULL);
		loop_run_for(f.loop, 2);
	}
	assert_int_equal(a.err, -ETIMEDOUT);
	assert_int_equal(n, 2 * CHANNEL_PARTS_MS / CHANNEL_DEADLINE_MS);
	assert_int_equal(a.n_more, n - 1);
	assert_int_equal(f.n_broken, 0);
	end(&f);
}

static void channel_waits_for_a_lock_as_long_as_it_takes(void **state)
{
	struct fixture f;
	struct asker lock = { .f = &f };
	struct asker a = { .f = &f };

	(void)state;
	begin(&f);
	f.g->hold = WIRE_STAT;
	channel_no_deadline(f.ch);
	ask(&lock, WIRE_STAT, "f");
	ask(&a, WIRE_PING, NULL);
	wait_all(&f, &a, 1);
	hands_turn(f.hands, 100 * CHANNEL_DEADLINE_MS);
	assert_int_equal(lock.n_done, 0);
	wait_held(&lock, 1);
	fake_guest_answer_all(f.g);
	wait_all(&f, &lock, 1);
	assert_int_equal(lock.err, 0);
	end(&f);
}

static void channel_fails_what_waits_when_it_is_closed(void **state)
{
	struct fixture f;
	struct asker a[3] = { 0 };
	struct channel *ch;

	(void)state;
	begin(&f);
	for (int i = 0; i < 3; i++) {
		a[i].f = &f;
		ask(&a[i], WIRE_PING, NULL);
	}
	ch = f.ch;
	f.ch = NULL;
	channel_close(ch);
	for (int i = 0; i < 3; i++)
		assert_int_equal(a[i].err, -ECANCELED);
	end(&f);
}

static void channel_sends_its_last_words_before_it_closes(void **state)
{
	struct fixture f;
	struct asker a = { .f = &f };
	struct channel *ch;

	(void)state;
	begin(&f);
	ask(&a, WIRE_PING, NULL);
	wait_all(&f, &a, 1);
	channel_tell(f.ch, WIRE_UNWATCH, NULL);
	assert_int_equal(n_sent(&f), 0);
	ch = f.ch;
	f.ch = NULL;
	channel_close(ch);
	assert_int_equal(n_sent(&f), WIRE_HEADER);
	end(&f);
}

static void channel_makes_an_agent_end_that_does_not(void **state)
{
	struct fixture f;
	struct job *job;

	(void)state;
	begin(&f);
	job = f.agent.job;
	f.g->deaf = true; /* it does not see that its input ends */
	loop_run_for(f.loop, 10);
	channel_close(f.ch);
	f.ch = NULL;
	loop_run_for(f.loop, 10);
	assert_false(job->cancelled);
	hands_turn(f.hands, 2000);
	assert_true(job->cancelled);
	end(&f);
}

static void channel_that_cannot_start_is_none(void **state)
{
	struct fixture f;

	(void)state;
	prepare(&f);
	puppet_refuse(f.engine, -ENODEV);
	assert_int_equal(open_channel(&f), -ENODEV);
	end(&f);
}

static void use_channel(struct fixture *f)
{
	struct asker a[3] = { 0 };

	f->closes = true;
	if (open_channel(f))
		return;
	for (int i = 0; i < 3; i++) {
		a[i].f = f;
		if (f->ch)
			ask(&a[i], WIRE_STAT, "f");
		else
			a[i].n_done = 1;
	}
	for (int i = 0; i < 200 && f->ch && channel_pending(f->ch); i++)
		uv_run(f->loop, UV_RUN_NOWAIT);
	/* Without memory for an alarm there is none, until the next asks. */
	channel_close(f->ch);
	f->ch = NULL;
	for (int i = 0; i < 3; i++)
		assert_int_equal(a[i].n_done, 1);
}

static void channel_does_without_memory(void **state)
{
	unsigned n = 0;

	(void)state;
	for (;;) {
		struct fixture f;
		bool more;

		prepare(&f);
		more = fail_alloc_next(&n);
		use_channel(&f);
		more = more && fail_alloc_reached();
		fail_alloc_off();
		end(&f);
		if (!more)
			break;
	}
	assert_true(n > 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			channel_sends_what_was_asked_before_the_agent_was_there),
		cmocka_unit_test(channel_takes_answers_in_any_order),
		cmocka_unit_test(channel_understands_messages_cut_anywhere),
		cmocka_unit_test(
			channel_carries_the_largest_messages_both_ways),
		cmocka_unit_test(
			channel_sends_small_messages_of_a_turn_together),
		cmocka_unit_test(
			channel_sends_a_large_message_at_once_and_in_order),
		cmocka_unit_test(channel_waits_for_an_agent_that_does_not_read),
		cmocka_unit_test(channel_has_as_many_requests_as_it_has_ids),
		cmocka_unit_test(channel_never_takes_a_late_answer_for_another),
		cmocka_unit_test(channel_may_be_asked_from_an_answer),
		cmocka_unit_test(channel_may_be_closed_from_an_answer),
		cmocka_unit_test(channel_tells_events_before_answers),
		cmocka_unit_test(channel_breaks_when_nothing_is_heard),
		cmocka_unit_test(channel_breaks_when_nobody_listens),
		cmocka_unit_test(channel_breaks_when_there_is_no_hello),
		cmocka_unit_test(channel_breaks_at_what_makes_no_sense),
		cmocka_unit_test(channel_drops_what_nobody_asked_for),
		cmocka_unit_test(channel_ends_an_answer_that_goes_on_for_ever),
		cmocka_unit_test(channel_waits_for_a_lock_as_long_as_it_takes),
		cmocka_unit_test(channel_fails_what_waits_when_it_is_closed),
		cmocka_unit_test(channel_sends_its_last_words_before_it_closes),
		cmocka_unit_test(channel_makes_an_agent_end_that_does_not),
		cmocka_unit_test(channel_that_cannot_start_is_none),
		cmocka_unit_test(channel_does_without_memory),
	};

	signal(SIGPIPE, SIG_IGN); /* as in the daemon */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
