/*
 * fuzz_guest: bytes of a hostile agent, as channel and guest understand them.
 *
 * Some calls of every kind are asked, then the input comes in pieces instead
 * of answers: each piece is a byte that says how long it is and whether it is
 * made a reply to one of the calls. Each call must have its one answer, what
 * it gives must be within its bounds, and nothing may be left at the end.
 */
#include <assert.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ops/guest.h"
#include "tests/files_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { N_CALLS = WIRE_N_OPS };

struct call_of {
	uint32_t id;
	enum wire_op op;
	unsigned n_done;
};

static void on_answer(void *arg, int err, const struct guest_reply *reply,
                      bool more)
{
	struct call_of *c = arg;
	struct guest_entry entry;
	struct guest_reply r;

	assert(c->n_done == 0);
	assert(!reply == (err != 0));
	if (reply && c->op == WIRE_LIST) {
		r.entries = reply->entries;
		for (uint32_t i = 0; i < reply->n_entries; i++)
			if (!guest_next_entry(&r, &entry))
				break;
	} else if (reply) {
		assert(reply->len <= WIRE_DATA_MAX);
		assert(!more);
	}
	if (!more)
		c->n_done++;
}

static void on_changed(void *arg, uint64_t watch, uint32_t change,
                       const char *name)
{
	(void)arg;
	(void)watch;
	(void)change;
	assert(strlen(name) <= WIRE_NAME_MAX);
}

static void on_moved(void *arg, uint64_t watch, const char *name,
                     uint64_t new_watch, const char *new_name)
{
	on_changed(arg, watch, 0, name);
	on_changed(arg, new_watch, 0, new_name);
	assert(*new_name && !strchr(new_name, '/'));
}

static void on_lost(void *arg)
{
	(void)arg;
}

static void ask_all(struct guest *guest, struct call_of *calls)
{
	for (int op = WIRE_STAT; op < WIRE_N_OPS; op++) {
		struct guest_call call = {
			.op = (enum wire_op)op,
			.path = "a",
			.new_path = "b",
			.text = "t",
			.data = "d",
			.len = 1,
			.size = (uint32_t)op & 1,
		};

		if (op == WIRE_CLOSE || op == WIRE_CANCEL || op == WIRE_UNWATCH)
			continue;
		calls[op].op = call.op;
		calls[op].id = guest_ask(guest, &call, on_answer, &calls[op]);
	}
}

/* One piece of the input, as it is or as an answer. */
static size_t say(struct fake_guest *g, const struct call_of *calls,
                  const uint8_t *data, size_t size)
{
	size_t len = data[0] & 0x7f;
	unsigned op = size > 1 ? data[1] % N_CALLS : 0;
	struct wire_header h = { .op = (uint16_t)op,
		                 .id = calls[op].id,
		                 .flags = WIRE_REPLY };

	if (len > size - 1)
		len = size - 1;
	if (!(data[0] & 0x80) || !h.id || len < 2) {
		fake_guest_spit(g, data + 1, len);
		return len + 1;
	}
	h.flags |= data[2] & WIRE_MORE;
	h.size = (uint32_t)len - 2;
	fake_guest_say(g, &h, data + 3);
	return len + 1;
}

static void settle(uv_loop_t *loop)
{
	for (int i = 0; i < 3; i++)
		uv_run(loop, UV_RUN_NOWAIT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hands *hands = hands_new();
	struct agent_of agent = { .g = fake_guest_new(), .loop = loop_start() };
	struct engine *engine = puppet_new();
	struct log *log = log_new(LOG_LEVEL_ERROR, false);
	struct call_of calls[N_CALLS] = { 0 };
	struct guest *guest = guest_new(&(struct guest_spec){
		.loop = agent.loop,
		.engine = engine,
		.clock = hands_clock(hands),
		.log = log,
		.events = { .changed = on_changed,
	                    .moved = on_moved,
	                    .lost = on_lost },
	});

	signal(SIGPIPE, SIG_IGN);
	engine->agent = agent_starts;
	engine->agent_arg = &agent;
	agent.g->hold = -1;
	assert(guest && guest_set_machine(guest, "web", NULL) == 0);
	ask_all(guest, calls);
	while (agent.g->image_left)
		uv_run(agent.loop, UV_RUN_ONCE);
	settle(agent.loop);
	while (size && agent.job) {
		size_t n = say(agent.g, calls, data, size);

		settle(agent.loop);
		data += n;
		size -= n;
	}
	/* Whatever it said: what it did not answer ends by itself. */
	while (hands_turn_to_next(hands))
		settle(agent.loop);
	for (int op = 0; op < N_CALLS; op++)
		assert(!calls[op].op || calls[op].n_done == 1);
	guest_free(guest);
	stop_all(engine);
	loop_finish(agent.loop);
	fake_guest_free(agent.g);
	puppet_free(engine);
	log_free(log);
	hands_free(hands);
	return 0;
}
