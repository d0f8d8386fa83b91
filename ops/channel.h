/*
 * channel: one agent in one machine: send requests, get each one's answer.
 *
 *	ch = channel_open(&spec, &err);
 *	channel_ask(ch, WIRE_STAT, &body, NULL, 0, on_stat, arg);
 *	...
 *	channel_close(ch);
 *
 * Opening starts the agent through the engine and hands it its executable;
 * what is asked meanwhile waits inside. Requests are pipelined: any number may
 * be under way. The agent's death, a message that makes no sense, or silence
 * for longer than a request may take break the channel: everything that waits
 * fails, and on_broken is called. A broken channel is closed by its owner; who
 * needs the guest again opens another.
 */
#ifndef ORBFS_OPS_CHANNEL_H
#define ORBFS_OPS_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ops/clock.h"
#include "ops/engine.h"
#include "ops/log.h"
#include "ops/wire.h"

struct uv_loop_s;
struct channel;

enum {
	CHANNEL_DEADLINE_MS = 30000, /* of a request, and of the start */
	/* Of one that is answered in parts, from the first to the last. */
	CHANNEL_PARTS_MS = 10 * CHANNEL_DEADLINE_MS,
};

struct channel_spec {
	struct uv_loop_s *loop;
	struct engine *engine;
	struct clock *clock;
	struct log *log;
	const char *machine; /* its name; copied */
	const void *image;   /* the agent's executable; borrowed for ever */
	size_t image_len;
	/* WIRE_CHANGED, WIRE_LOST, WIRE_MOVED; body is valid during the
	 * call. */
	void (*on_event)(void *arg, enum wire_op op, struct wire_in *body);
	/* Once, unless it was closed before; nothing is pending any more. why
	 * is one line. Not before channel_open has returned. */
	void (*on_broken)(void *arg, int err, const char *why);
	void *arg;
};

/* NULL and *err: the agent could not be started. */
struct channel *channel_open(const struct channel_spec *spec, int *err);

/*
 * One reply. err is 0, or the negative errno that the agent told, or
 *	-EIO		the channel broke
 *	-ETIMEDOUT	no answer in time
 *	-ECANCELED	the channel was closed
 * body is valid during the call; NULL unless err is 0. more: another reply
 * follows, unless the call fails then. What the body says is not checked here.
 */
typedef void channel_fn(void *arg, int err, struct wire_in *body, bool more);

/*
 * Ask. body (may be NULL) and data are copied or sent before this returns; data
 * follows the body, as the end of its last field. done is called once without
 * `more`, maybe before this returns. Returns an id for channel_cancel, 0 when
 * done has been called already.
 */
uint32_t channel_ask(struct channel *ch, enum wire_op op,
                     const struct wire_out *body, const void *data, size_t len,
                     channel_fn *done, void *arg);
/* The same without a reply. What cannot be sent is dropped. */
void channel_tell(struct channel *ch, enum wire_op op,
                  const struct wire_out *body);
/* The request that is asked next may take as long as it likes: a lock. */
void channel_no_deadline(struct channel *ch);

bool channel_is_ready(const struct channel *ch);
/* Why it is broken, while it tells so: to those who asked, and by on_broken.
 * Else "". */
const char *channel_why(const struct channel *ch);
/* Requests without an answer. */
size_t channel_pending(const struct channel *ch);

/* End the agent. What waits fails with -ECANCELED before this returns; no
 * callback after it. */
void channel_close(struct channel *ch);

#endif
