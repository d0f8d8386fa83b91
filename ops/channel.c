/*
 * channel: framed requests and replies over one child's stdin and stdout.
 *
 * Owns the two pipes, their poll handles, the job that is the agent's near end,
 * the requests without an answer, and the bytes that did not fit into the pipe
 * yet. States go one way: starting (the executable is on its way, no hello
 * yet), ready, broken, closed. Its memory goes when the job has ended and all
 * handles are closed, whoever still waits for that.
 *
 * Replies may come in any order; one whose id nobody waits for is a late answer
 * to a request that was given up, and is dropped. While a large message is
 * under way just that much is read, so that the next one starts at the front of
 * the buffer and nothing has to be moved.
 *
 * Invariants: ids are a place in `slots` and a count that grows each time the
 * place is used, so a late answer never meets another request. Requests with a
 * deadline stand in `waiting` in the order of their deadlines, since all have
 * the same time; one alarm is set, for the first of them.
 */
#include "ops/channel.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/random.h>
#include <sys/uio.h>
#include <unistd.h>

#include <uv.h>

#include "ops/buf.h"

enum {
	SLOT_BITS = 16, /* most requests at once */
	PIPE_SIZE = 1 << 20,
	LARGE = 64 << 10,
	IN_SIZE = WIRE_HEADER + WIRE_BODY_MAX + LARGE,
	OUT_MAX = 256 << 20, /* of bytes that wait for room in the pipe */
	END_MS = 2000,       /* for an agent to end by itself */
	WHY_MAX = 600,
	TOKEN_LEN = 16,
};

/* The id of what has no reply; 0 is for events. */
#define TOLD UINT32_MAX

enum channel_state {
	CHANNEL_STARTING, /* the agent has not said hello */
	CHANNEL_READY,
	CHANNEL_BROKEN, /* waits for its owner to close it */
	CHANNEL_CLOSED, /* waits for its job and handles to end */
};

TAILQ_HEAD(ask_list, ask);

/* A request without an answer. */
struct ask {
	TAILQ_ENTRY(ask) link; /* in waiting, if it has a deadline */
	uint32_t id;
	uint64_t born_ms;
	uint64_t deadline_ms; /* 0: none */
	channel_fn *done;
	void *arg;
};

struct slot_of_ask {
	struct ask *ask; /* NULL: free */
	uint16_t uses;
	uint32_t next_free;
};

struct channel {
	struct channel_spec spec;
	enum channel_state state;
	struct job *job; /* NULL: ended */
	char *machine;
	int fd_in;  /* the agent's stdin, ours to write; -1: closed */
	int fd_out; /* its stdout */
	uv_poll_t poll_in;
	uv_poll_t poll_out;
	uv_prepare_t sender; /* runs before the loop waits */
	unsigned n_handles;
	bool writes_watched;
	struct slot_of_ask *slots;
	uint32_t n_slots;
	uint32_t first_free;
	struct ask_list waiting;
	struct alarm *alarm;
	uint64_t heard_ms; /* when the agent said something last */
	bool next_without_deadline;
	size_t n_pending;
	struct buf out; /* not written yet, from out_at on */
	size_t out_at;
	struct buf held; /* requests until the agent is ready */
	unsigned char *in;
	size_t in_len;
	struct buf said; /* the child's stderr, its first words */
	const char *why; /* it breaks now: of channel_break; else NULL */
	bool busy;       /* in a callback: do not free */
};

static void channel_break(struct channel *ch, int err, const char *why);

/* ---- the end ---- */

static void channel_free(struct channel *ch)
{
	if (ch->state != CHANNEL_CLOSED || ch->job || ch->n_handles || ch->busy)
		return;
	buf_free(&ch->out);
	buf_free(&ch->held);
	buf_free(&ch->said);
	free(ch->slots);
	free(ch->machine);
	free(ch->in);
	free(ch);
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct channel *ch = handle->data;

	ch->n_handles--;
	channel_free(ch);
}

static void close_end(int *fd, uv_poll_t *poll)
{
	if (*fd < 0)
		return;
	uv_close((uv_handle_t *)poll, on_handle_closed);
	close(*fd);
	*fd = -1;
}

/* Both pipes: the agent ends when its stdin does. */
static void close_pipes(struct channel *ch)
{
	close_end(&ch->fd_in, &ch->poll_in);
	close_end(&ch->fd_out, &ch->poll_out);
	if (ch->sender.data && !uv_is_closing((uv_handle_t *)&ch->sender))
		uv_close((uv_handle_t *)&ch->sender, on_handle_closed);
	buf_free(&ch->out);
	ch->out_at = 0;
	buf_free(&ch->held);
}

/* ---- requests without an answer ---- */

static int more_slots(struct channel *ch)
{
	uint32_t n = ch->n_slots ? ch->n_slots * 2 : 64;
	struct slot_of_ask *slots;

	if (n > 1u << SLOT_BITS)
		return -EBUSY;
	slots = realloc(ch->slots, n * sizeof(slots[0]));
	if (!slots)
		return -ENOMEM;
	for (uint32_t i = ch->n_slots; i < n; i++)
		slots[i] = (struct slot_of_ask){ .next_free = i + 1 };
	ch->slots = slots;
	ch->first_free = ch->n_slots;
	ch->n_slots = n;
	return 0;
}

static void set_alarm(struct channel *ch);

static int ask_new(struct channel *ch, channel_fn *done, void *arg,
                   struct ask **out)
{
	struct ask *ask = calloc(1, sizeof(*ask));
	uint32_t place;
	int err = 0;

	if (!ask)
		return -ENOMEM;
	if (ch->first_free == ch->n_slots)
		err = more_slots(ch);
	if (err) {
		free(ask);
		return err;
	}
	place = ch->first_free;
	ch->first_free = ch->slots[place].next_free;
	ch->slots[place].ask = ask;
	ask->id = (uint32_t)++ch->slots[place].uses << SLOT_BITS | place;
	if (ask->id == 0) /* is not an id */
		ask->id = (uint32_t)++ch->slots[place].uses << SLOT_BITS;
	ask->done = done;
	ask->arg = arg;
	ask->born_ms = ch->spec.clock->now_ms(ch->spec.clock);
	ch->n_pending++;
	if (!ch->next_without_deadline) {
		ask->deadline_ms = ask->born_ms + CHANNEL_DEADLINE_MS;
		TAILQ_INSERT_TAIL(&ch->waiting, ask, link);
		set_alarm(ch);
	}
	ch->next_without_deadline = false;
	*out = ask;
	return 0;
}

static struct ask *ask_find(struct channel *ch, uint32_t id)
{
	uint32_t place = id & ((1u << SLOT_BITS) - 1);
	struct ask *ask = place < ch->n_slots ? ch->slots[place].ask : NULL;

	return ask && ask->id == id ? ask : NULL;
}

/* Take it out of everything; it is the caller's. */
static void ask_take(struct channel *ch, struct ask *ask)
{
	uint32_t place = ask->id & ((1u << SLOT_BITS) - 1);

	ch->slots[place].ask = NULL;
	ch->slots[place].next_free = ch->first_free;
	ch->first_free = place;
	if (ask->deadline_ms)
		TAILQ_REMOVE(&ch->waiting, ask, link);
	ch->n_pending--;
}

static void ask_fail(struct channel *ch, struct ask *ask, int err)
{
	ask_take(ch, ask);
	ask->done(ask->arg, err, NULL, false);
	free(ask);
}

static void fail_all(struct channel *ch, int err)
{
	for (uint32_t i = 0; i < ch->n_slots; i++)
		if (ch->slots[i].ask)
			ask_fail(ch, ch->slots[i].ask, err);
}

static void on_alarm(void *arg)
{
	struct channel *ch = arg;
	uint64_t now = ch->spec.clock->now_ms(ch->spec.clock);
	struct ask *ask;

	ch->alarm = NULL; /* it fired */
	/* An agent that answers others is alive; one that has said nothing for
	 * so long is not, and the next access starts another. */
	if (now - ch->heard_ms >= CHANNEL_DEADLINE_MS &&
	    (ask = TAILQ_FIRST(&ch->waiting)) && ask->deadline_ms <= now) {
		channel_break(ch, -ETIMEDOUT, "the agent does not answer");
		return;
	}
	ch->busy = true;
	while ((ask = TAILQ_FIRST(&ch->waiting)) && ask->deadline_ms <= now)
		ask_fail(ch, ask, -ETIMEDOUT);
	ch->busy = false;
	set_alarm(ch);
	channel_free(ch);
}

static void set_alarm(struct channel *ch)
{
	struct ask *first = TAILQ_FIRST(&ch->waiting);
	uint64_t now = ch->spec.clock->now_ms(ch->spec.clock);
	uint64_t at = first ? first->deadline_ms : 0;

	if (ch->alarm || !first || ch->state == CHANNEL_CLOSED)
		return;
	/* It is not moved when the first is answered: it fires early then, and
	 * is set anew. Without memory the next request tries again. */
	ch->alarm = ch->spec.clock->set(ch->spec.clock,
	                                at > now ? (unsigned)(at - now) : 0,
	                                on_alarm, ch);
}

/* ---- sending ---- */

static void on_writable(uv_poll_t *poll, int status, int events);

static void watch_writes(struct channel *ch, bool watch)
{
	if (ch->writes_watched == watch || ch->fd_in < 0)
		return;
	ch->writes_watched = watch;
	if (watch)
		uv_poll_start(&ch->poll_in, UV_WRITABLE, on_writable);
	else
		uv_poll_stop(&ch->poll_in);
}

/* Write what waits. false: the agent is gone. */
static bool flush_out(struct channel *ch)
{
	while (ch->out_at < ch->out.len) {
		ssize_t n = write(ch->fd_in, ch->out.data + ch->out_at,
		                  ch->out.len - ch->out_at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			return false;
		ch->out_at += (size_t)n;
	}
	if (ch->out_at == ch->out.len) {
		buf_reset(&ch->out);
		ch->out_at = 0;
	}
	watch_writes(ch, ch->out.len > 0);
	return true;
}

static void on_writable(uv_poll_t *poll, int status, int events)
{
	struct channel *ch = poll->data;

	(void)events;
	if (status < 0 || !flush_out(ch))
		channel_break(ch, -EIO, "the agent does not listen any more");
}

/* The loop has served what there was. */
static void on_served(uv_prepare_t *sender)
{
	struct channel *ch = sender->data;

	uv_prepare_stop(sender);
	if (!flush_out(ch))
		channel_break(ch, -EIO, "the agent does not listen any more");
}

/* Write as much of a message as the pipe takes, behind what waits. Returns the
 * size of that, or -EIO. */
static ssize_t send_now(struct channel *ch, const struct iovec *parts, int n)
{
	ssize_t sent;

	if (!flush_out(ch))
		return -EIO;
	if (ch->out.len > 0)
		return 0;
	sent = writev(ch->fd_in, parts, n);
	if (sent < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -EIO;
	return sent;
}

/* Send the parts of one message. Those of a turn of the loop go in one piece at
 * its end, since each piece wakes the agent; but a large one is not copied for
 * that. What the pipe does not take waits. */
static int send_parts(struct channel *ch, struct iovec *parts, int n)
{
	struct buf *queue = ch->state == CHANNEL_READY ? &ch->out : &ch->held;
	size_t size = 0;
	ssize_t sent = 0;
	size_t len;

	for (int i = 0; i < n; i++)
		size += parts[i].iov_len;
	if (ch->state == CHANNEL_READY && size >= LARGE)
		sent = send_now(ch, parts, n);
	if (sent < 0)
		return (int)sent;
	len = queue->len;
	for (int i = 0; i < n; i++) {
		size_t skip = (size_t)sent < parts[i].iov_len
		                      ? (size_t)sent
		                      : parts[i].iov_len;

		sent -= (ssize_t)skip;
		if (buf_add(queue, (char *)parts[i].iov_base + skip,
		            parts[i].iov_len - skip)) {
			queue->len = len; /* no half of a message */
			return queue->err;
		}
	}
	/* Cannot fail for a handle that was initialised. */
	if (queue == &ch->out && ch->out.len > 0 && !ch->writes_watched)
		uv_prepare_start(&ch->sender, on_served);
	return 0;
}

static int send_message(struct channel *ch, uint32_t id, enum wire_op op,
                        const struct wire_out *body, const void *data,
                        size_t len)
{
	unsigned char header[WIRE_HEADER];
	struct wire_header h = { .id = id, .op = (uint16_t)op };
	struct iovec parts[3] = {
		{ .iov_base = header, .iov_len = WIRE_HEADER },
	};
	int n = 1;

	if (body && body->over)
		return -ENAMETOOLONG;
	h.size = (uint32_t)((body ? body->len : 0) + len);
	wire_put_header(&h, header);
	if (body && body->len)
		parts[n++] = (struct iovec){ body->data, body->len };
	if (len)
		parts[n++] = (struct iovec){ (void *)data, len };
	return send_parts(ch, parts, n);
}

uint32_t channel_ask(struct channel *ch, enum wire_op op,
                     const struct wire_out *body, const void *data, size_t len,
                     channel_fn *done, void *arg)
{
	struct ask *ask;
	int err = -EIO;

	if (ch->state <= CHANNEL_READY)
		err = ask_new(ch, done, arg, &ask);
	ch->next_without_deadline = false;
	if (err) {
		done(arg, err, NULL, false);
		return 0;
	}
	err = send_message(ch, ask->id, op, body, data, len);
	if (!err)
		return ask->id;
	/* A message cut in two would spoil the stream: nothing behind it can
	 * be understood. */
	ask_fail(ch, ask, err);
	if (err != -ENAMETOOLONG)
		channel_break(ch, err, "a request could not be sent");
	return 0;
}

void channel_tell(struct channel *ch, enum wire_op op,
                  const struct wire_out *body)
{
	if (ch->state <= CHANNEL_READY)
		(void)send_message(ch, TOLD, op, body, NULL, 0);
}

void channel_no_deadline(struct channel *ch)
{
	ch->next_without_deadline = true;
}

const char *channel_why(const struct channel *ch)
{
	return ch->why ? ch->why : "";
}

bool channel_is_ready(const struct channel *ch)
{
	return ch->state == CHANNEL_READY;
}

size_t channel_pending(const struct channel *ch)
{
	return ch->n_pending;
}

/* ---- receiving ---- */

/* The agent's first words. 0, or why it is of no use. */
static int on_hello(struct channel *ch, struct wire_in *body)
{
	uint32_t version = wire_get_u32(body);

	if (body->bad || version != WIRE_VERSION ||
	    ch->state != CHANNEL_STARTING)
		return -EPROTO;
	ch->state = CHANNEL_READY;
	/* What was asked meanwhile goes now. */
	if (buf_add(&ch->out, ch->held.data, ch->held.len))
		return -ENOMEM;
	buf_free(&ch->held);
	return flush_out(ch) ? 0 : -EIO;
}

static int on_reply(struct channel *ch, const struct wire_header *h,
                    struct wire_in *body)
{
	struct ask *ask = ask_find(ch, h->id);
	bool more = (h->flags & WIRE_MORE) && !h->err;

	if (!ask)
		return 0; /* late, or never asked */
	if (more && ch->heard_ms - ask->born_ms >= CHANNEL_PARTS_MS) {
		ask_fail(ch, ask, -ETIMEDOUT); /* it has no end */
		return 0;
	}
	if (more) {
		/* It goes on: so does its time. */
		if (ask->deadline_ms) {
			TAILQ_REMOVE(&ch->waiting, ask, link);
			ask->deadline_ms = ch->heard_ms + CHANNEL_DEADLINE_MS;
			TAILQ_INSERT_TAIL(&ch->waiting, ask, link);
		}
		ask->done(ask->arg, 0, body, true);
		return 0;
	}
	ask_take(ch, ask);
	ask->done(ask->arg, -wire_errno(h->err), h->err ? NULL : body, false);
	free(ask);
	return 0;
}

static int on_message(struct channel *ch, const struct wire_header *h,
                      const unsigned char *data)
{
	struct wire_in body = { .data = data, .len = h->size };

	if (h->op == WIRE_HELLO)
		return on_hello(ch, &body);
	if (ch->state != CHANNEL_READY)
		return -EPROTO;
	if (h->flags & WIRE_REPLY)
		return on_reply(ch, h, &body);
	if (h->op >= WIRE_CHANGED && h->op <= WIRE_MOVED) {
		ch->spec.on_event(ch->spec.arg, (enum wire_op)h->op, &body);
		return 0;
	}
	return -EPROTO;
}

/* Handle all whole messages that are in. 0, or why the rest is of no use. */
static int handle_messages(struct channel *ch)
{
	size_t at = 0;
	int err = 0;

	while (!err && ch->state <= CHANNEL_READY &&
	       ch->in_len - at >= WIRE_HEADER) {
		struct wire_header h;

		if (!wire_get_header(ch->in + at, &h))
			return -EPROTO;
		if (ch->in_len - at - WIRE_HEADER < h.size)
			break;
		err = on_message(ch, &h, ch->in + at + WIRE_HEADER);
		at += WIRE_HEADER + h.size;
	}
	ch->in_len -= at;
	if (at && ch->in_len)
		memmove(ch->in, ch->in + at, ch->in_len);
	return err;
}

/* How much to read: the rest of a large message, else what there is room for.
 */
static size_t wanted(const struct channel *ch)
{
	struct wire_header h;
	size_t whole;

	if (ch->in_len < WIRE_HEADER || !wire_get_header(ch->in, &h))
		return LARGE;
	whole = WIRE_HEADER + h.size;
	return whole > ch->in_len + LARGE ? whole - ch->in_len : LARGE;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct channel *ch = poll->data;
	int err = 0;

	(void)status; /* an error shows in the read, too */
	(void)events;
	ch->busy = true;
	for (int i = 0; i < 16 && !err && ch->fd_out >= 0; i++) {
		size_t want = wanted(ch);
		ssize_t n = read(ch->fd_out, ch->in + ch->in_len, want);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0) {
			/* The end of the child follows, and tells why. */
			uv_poll_stop(&ch->poll_out);
			break;
		}
		ch->in_len += (size_t)n;
		ch->heard_ms = ch->spec.clock->now_ms(ch->spec.clock);
		err = handle_messages(ch);
		/* A short read has emptied the pipe. */
		if ((size_t)n < want)
			break;
	}
	ch->busy = false;
	if (err && ch->state <= CHANNEL_READY)
		channel_break(ch, err,
		              err == -EPROTO ? "the agent's words make no sense"
		                             : strerror(-err));
	channel_free(ch);
}

/* ---- the child ---- */

/* Its first words on stderr tell why it could not become the agent. */
static void on_output(void *arg, bool is_stderr, const char *data, size_t len)
{
	struct channel *ch = arg;
	size_t left = ch->said.max - ch->said.len;

	(void)is_stderr;
	(void)buf_add(&ch->said, data, len < left ? len : left);
}

static void on_job_end(void *arg, int err, const struct job_result *res)
{
	struct channel *ch = arg;
	struct buf why = BUF_INIT(WHY_MAX);
	struct job_result seen = { 0 };

	ch->job = NULL;
	if (ch->state == CHANNEL_CLOSED) {
		ch->spec.clock->cancel(ch->spec.clock, ch->alarm);
		ch->alarm = NULL;
	}
	if (ch->state <= CHANNEL_READY) {
		if (res)
			seen = *res;
		seen.err = ch->said.data ? ch->said.data : "";
		seen.err_len = ch->said.len;
		if (!err)
			err = engine_run_failure(ch->spec.engine, &seen, &why);
		if (!why.len)
			buf_printf(&why,
			           "the agent has ended: status %d, signal %d",
			           seen.status, seen.signal);
		channel_break(ch, err ? err : -EIO, why.data ? why.data : "");
	}
	buf_free(&why);
	channel_free(ch);
}

/* ---- opening and closing ---- */

/* A pipe whose one end is the child's. */
static int make_pipe(int *ours, int *childs, bool we_write)
{
	int ends[2];

	if (pipe(ends) != 0)
		return -errno;
	for (int i = 0; i < 2; i++)
		(void)fcntl(ends[i], F_SETFD, FD_CLOEXEC);
	*ours = ends[we_write];
	*childs = ends[!we_write];
	(void)fcntl(*ours, F_SETFL, O_NONBLOCK | (we_write ? O_WRONLY : 0));
#ifdef F_SETPIPE_SZ
	/* Fewer switches between the two ends; smaller ones work as well. */
	(void)fcntl(*ours, F_SETPIPE_SZ, PIPE_SIZE);
#endif
	return 0;
}

static int start_polls(struct channel *ch)
{
	int err = uv_poll_init(ch->spec.loop, &ch->poll_in, ch->fd_in);

	if (err)
		return err;
	ch->poll_in.data = ch;
	ch->n_handles++;
	err = uv_poll_init(ch->spec.loop, &ch->poll_out, ch->fd_out);
	if (err)
		return err;
	ch->poll_out.data = ch;
	ch->n_handles++;
	uv_prepare_init(ch->spec.loop, &ch->sender);
	ch->sender.data = ch;
	ch->n_handles++;
	return uv_poll_start(&ch->poll_out, UV_READABLE, on_readable);
}

/* Start the child with its ends of the pipes. */
static int start_job(struct channel *ch, int child_in, int child_out)
{
	static const struct job_events events = {
		.on_output = on_output,
		.on_end = on_job_end,
	};
	struct engine_call call = {
		.op = ENGINE_AGENT,
		.name = ch->machine,
		.len = ch->spec.image_len,
	};
	unsigned char random[TOKEN_LEN / 2];
	char token[TOKEN_LEN + 1];
	int err = 0;

	if (getentropy(random, sizeof(random)) != 0)
		return -errno;
	for (size_t i = 0; i < sizeof(random); i++)
		snprintf(token + 2 * i, 3, "%02x", random[i]);
	call.token = token;
	ch->job = engine_agent(ch->spec.engine, &call, child_in, child_out,
	                       &events, ch, &err);
	return err;
}

static struct channel *channel_new(const struct channel_spec *spec)
{
	struct channel *ch = calloc(1, sizeof(*ch));

	if (!ch)
		return NULL;
	ch->spec = *spec;
	ch->fd_in = ch->fd_out = -1;
	ch->out = (struct buf)BUF_INIT(OUT_MAX);
	ch->held = (struct buf)BUF_INIT(OUT_MAX);
	ch->said = (struct buf)BUF_INIT(WHY_MAX);
	TAILQ_INIT(&ch->waiting);
	ch->heard_ms = spec->clock->now_ms(spec->clock);
	ch->machine = strdup(spec->machine);
	ch->in = malloc(IN_SIZE);
	if (ch->machine && ch->in)
		return ch;
	ch->state = CHANNEL_CLOSED;
	channel_free(ch);
	return NULL;
}

struct channel *channel_open(const struct channel_spec *spec, int *err)
{
	struct channel *ch = channel_new(spec);
	int child_in = -1;
	int child_out = -1;

	*err = -ENOMEM;
	if (!ch)
		return NULL;
	*err = make_pipe(&ch->fd_in, &child_in, true);
	if (!*err)
		*err = make_pipe(&ch->fd_out, &child_out, false);
	if (!*err)
		*err = start_polls(ch);
	if (!*err)
		*err = start_job(ch, child_in, child_out);
	if (child_in >= 0)
		close(child_in);
	if (child_out >= 0)
		close(child_out);
	/* The executable goes first, before any message. */
	if (!*err)
		*err = buf_add(&ch->out, spec->image, spec->image_len);
	if (*err) {
		channel_close(ch);
		return NULL;
	}
	(void)flush_out(ch); /* a dead child is told of by its end */
	return ch;
}

static void channel_break(struct channel *ch, int err, const char *why)
{
	bool was_busy = ch->busy;

	if (ch->state >= CHANNEL_BROKEN)
		return;
	ch->state = CHANNEL_BROKEN;
	/* What ends with everything else is nobody's trouble. */
	if (err != -ECANCELED)
		log_warn(ch->spec.log, "machine %s: files: %s", ch->machine,
		         why);
	ch->busy = true;
	ch->why = why;
	close_pipes(ch);
	fail_all(ch, err == -ETIMEDOUT ? err : -EIO);
	ch->spec.on_broken(ch->spec.arg, err, why);
	ch->why = NULL;
	ch->busy = was_busy;
	channel_free(ch);
}

static void on_end_over(void *arg)
{
	struct channel *ch = arg;

	ch->alarm = NULL; /* it fired */
	if (ch->job)
		job_cancel(ch->job);
}

void channel_close(struct channel *ch)
{
	struct clock *clock;

	if (!ch)
		return;
	clock = ch->spec.clock;
	/* What was sent is carried out, though nobody will hear of it. */
	if (ch->state == CHANNEL_READY)
		(void)flush_out(ch);
	ch->state = CHANNEL_CLOSED;
	ch->busy = true;
	/* A handle that was never initialised has no end to close. */
	if (ch->fd_in >= 0 && !ch->poll_in.data)
		ch->fd_in = (close(ch->fd_in), -1);
	if (ch->fd_out >= 0 && !ch->poll_out.data)
		ch->fd_out = (close(ch->fd_out), -1);
	close_pipes(ch);
	fail_all(ch, -ECANCELED);
	clock->cancel(clock, ch->alarm);
	ch->alarm = NULL;
	/* An agent ends when its stdin does; one that hangs is made to. */
	if (ch->job)
		ch->alarm = clock->set(clock, END_MS, on_end_over, ch);
	if (ch->job && !ch->alarm)
		job_cancel(ch->job);
	ch->busy = false;
	channel_free(ch);
}
