/*
 * news: what happens to machines, told to whoever wants to hear.
 *
 *	struct listener l = { .hear = on_news, .arg = me };
 *	news_listen(fleet, &l);
 *	...				on_news for each change
 *	news_leave(fleet, &l);
 *
 * Changes of our own are told when they show, those made elsewhere with the
 * list that brings them; what the first list says is no news. Snapshots make
 * none, so long as they are with their machine.
 */
#ifndef ORBFS_CACHE_NEWS_H
#define ORBFS_CACHE_NEWS_H

#include <time.h>

#include "cache/fleet.h"

enum news_kind {
	NEWS_CREATED, /* it is there */
	NEWS_STATE,   /* from -> to */
	NEWS_RENAMED, /* old_name -> name */
	NEWS_DELETED, /* it is gone */
	NEWS_FAILED,  /* something that was asked of it has, and that is why */
	NEWS_N_KINDS
};

/* All of it is valid during the call only. */
struct news {
	enum news_kind kind;
	struct timespec when;
	struct member *m;
	const char *name;
	const char *old_name;    /* RENAMED */
	enum machine_state from; /* STATE */
	enum machine_state to;   /* STATE, CREATED */
	const char *why;         /* FAILED: one line */
};

/* It may leave from its call, but change nothing else. */
struct listener {
	void (*hear)(void *arg, const struct news *news);
	void *arg;
	/* Private to news.c. */
	struct listener *next;
};

/* The listener is borrowed until news_leave, or the fleet's end. */
void news_listen(struct fleet *fleet, struct listener *listener);
/* One that does not listen is left alone. */
void news_leave(struct fleet *fleet, struct listener *listener);

/* Append the news as a line of JSON:
 * {"time":"2026-01-31T12:00:00.123Z","event":"state","machine":"web",
 *  "from":"stopped","to":"running"}
 * Returns b->err. */
int news_render(const struct news *news, struct buf *b);

/* ---- for cache/fleet.c ---- */

struct audience {
	struct listener *first;
	struct listener *next; /* to be told, while news is told */
};

void news_created(struct member *m);
void news_deleted(struct member *m);
void news_renamed(struct member *m, const char *old_name);
void news_failed(struct member *m, const char *why);
/* Its state may be another than was told. */
void news_state(struct member *m);

#endif
