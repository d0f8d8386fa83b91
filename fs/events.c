/*
 * events: .orbfs/events, a line of JSON for each thing that happens.
 *
 * Owns a spool of all lines and the reads that wait for the next. Positions are
 * those of the spool, which count from the first line ever; a reader who starts
 * below the oldest byte that is left is put there, and handle->cursor remembers
 * how far it was moved, since the kernel counts on from where it began.
 */
#include "fs/events.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "cache/news.h"
#include "fs/fs.h"
#include "ops/spool.h"

enum { LINE_MAX_LEN = 64 << 10, READ_MAX = 64 << 10 };

struct events {
	struct fs *fs;
	struct listener listener;
	struct spool *spool;
	struct request *waiting; /* by next_waiting */
	bool ended;
};

/* ---- reading ---- */

static uint64_t place_of(struct request *rq, struct spool *spool)
{
	uint64_t place = rq->offset + rq->handle->cursor;

	if (place < spool_start(spool)) {
		rq->handle->cursor += spool_start(spool) - place;
		place = spool_start(spool);
	}
	return place;
}

/* Answer from what is there; nothing is the end. */
static void give(struct events *ev, struct request *rq)
{
	size_t size = rq->size < READ_MAX ? rq->size : READ_MAX;
	char *data = malloc(size ? size : 1);
	ssize_t n = data ? spool_read(ev->spool, place_of(rq, ev->spool), data,
	                              size)
	                 : -ENOMEM;

	if (n < 0)
		request_fail(rq, (int)n);
	else
		request_reply_data(rq, data, (size_t)n);
	free(data);
}

static void on_interrupt(struct request *rq)
{
	struct request **at = &rq->fs->events->waiting;

	while (*at != rq)
		at = &(*at)->next_waiting;
	*at = rq->next_waiting;
	request_fail(rq, -EINTR);
}

void events_read(struct request *rq)
{
	struct events *ev = rq->fs->events;

	if (ev->ended || place_of(rq, ev->spool) < spool_end(ev->spool)) {
		give(ev, rq);
		return;
	}
	rq->next_waiting = ev->waiting;
	ev->waiting = rq;
	request_on_interrupt(rq, on_interrupt);
}

static void serve(struct events *ev)
{
	struct request *rq = ev->waiting;

	ev->waiting = NULL;
	while (rq) {
		struct request *next = rq->next_waiting;

		events_read(rq);
		rq = next;
	}
}

uint64_t events_size(const struct events *events)
{
	return spool_end(events->spool);
}

/* ---- what happens ---- */

static void on_news(void *arg, const struct news *news)
{
	struct events *ev = arg;
	struct buf line = BUF_INIT(LINE_MAX_LEN);

	/* Without memory or room the line is lost; the state is not. */
	if (news_render(news, &line) == 0 &&
	    spool_add(ev->spool, line.data, line.len) == 0)
		serve(ev);
	buf_free(&line);
}

/* A file of length 0 would not be followed by tail. */
static int add_first_line(struct events *ev)
{
	struct timespec now = ev->fs->spec.clock->wall(ev->fs->spec.clock);
	struct buf line = BUF_INIT(LINE_MAX_LEN);
	char when[32];
	struct tm tm;
	int err;

	gmtime_r(&now.tv_sec, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	buf_printf(&line, "{\"time\":\"%s.%03ldZ\",\"event\":\"mounted\"}\n",
	           when, now.tv_nsec / 1000000);
	err = line.err ? line.err : spool_add(ev->spool, line.data, line.len);
	buf_free(&line);
	return err;
}

struct events *events_new(struct fs *fs)
{
	struct events *ev = calloc(1, sizeof(*ev));

	if (!ev)
		return NULL;
	ev->fs = fs;
	ev->listener = (struct listener){ .hear = on_news, .arg = ev };
	ev->spool = spool_new(EVENTS_MAX);
	if (!ev->spool || add_first_line(ev) == -ENOMEM) {
		spool_unref(ev->spool);
		free(ev);
		return NULL;
	}
	news_listen(fs->spec.fleet, &ev->listener);
	return ev;
}

void events_let_go(struct events *ev)
{
	struct request *rq = ev->waiting;

	ev->waiting = NULL;
	while (rq) {
		struct request *next = rq->next_waiting;

		give(ev, rq);
		rq = next;
	}
}

void events_end(struct events *ev)
{
	ev->ended = true;
	serve(ev);
}

void events_free(struct events *ev)
{
	if (!ev)
		return;
	news_leave(ev->fs->spec.fleet, &ev->listener);
	spool_unref(ev->spool);
	free(ev);
}
