/*
 * watch: what changes in the directories the daemon has asked about.
 *
 * Translates what inotify says. File systems that change behind this kernel's
 * back, or are made up while they are read, are not watched: their events
 * would not come. IN_CLOSE_WRITE stands for what was written through memory,
 * of which inotify says nothing else.
 */
#include "ops/agent/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	WATCH_NAME = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO,
	WATCH_FILE = IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE,
	WATCH_GONE = IN_DELETE_SELF | IN_UNMOUNT | IN_IGNORED,
	WATCH_MASK = WATCH_NAME | WATCH_FILE | IN_DELETE_SELF | IN_MOVE_SELF |
	             IN_ONLYDIR | IN_EXCL_UNLINK,
	WATCH_ROUNDS = 16, /* of one drain, so that it ends */
	WATCH_PAIR = 16,   /* events in which both halves of a move come */
};

void watch_init(struct watches *watches)
{
	memset(watches, 0, sizeof(*watches));
	watches->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
}

/* The daemon forgets its watches when it is told that events were lost, and asks
 * for them again one by one; what is kept for an old number would only cost. A
 * new queue is empty, too. */
static void watch_restart(struct watches *watches)
{
	watch_free(watches);
	watch_init(watches);
}

void watch_free(struct watches *watches)
{
	if (watches->fd >= 0)
		close(watches->fd);
	free(watches->all);
	memset(watches, 0, sizeof(*watches));
	watches->fd = -1;
}

bool watch_here(struct agent *agent, int dir, uint64_t id)
{
	struct watches *w = &agent->watches;
	struct watch new = { .id = id };
	struct watch *old;
	struct stat st;

	if (w->fd < 0 || fstat(dir, &st) < 0 ||
	    kinds_get(&agent->kinds, st.st_dev, dir, ""))
		return false;
	new.dev = st.st_dev;
	new.ino = st.st_ino;
	new.wd = inotify_add_watch(w->fd, ".", WATCH_MASK);
	if (new.wd < 0)
		return false;
	/* The number may have stood for another directory, and this one may
	 * have had another number. */
	old = watches_by_wd(w, new.wd);
	if (old)
		watches_remove(w, old);
	old = watches_by_id(w, id);
	if (old) {
		(void)inotify_rm_watch(w->fd, old->wd);
		watches_remove(w, old);
	}
	if (watches_add(w, &new))
		return true;
	(void)inotify_rm_watch(w->fd, new.wd);
	return false;
}

int watch_stop(struct agent *agent, struct request *rq)
{
	struct watch *watch =
		watches_by_id(&agent->watches, wire_get_u64(&rq->in));

	if (watch && wire_end(&rq->in)) {
		(void)inotify_rm_watch(agent->watches.fd, watch->wd);
		watches_remove(&agent->watches, watch);
	}
	return REQUEST_LATER;
}

/* ---- what is our own ---- */

/* FNV-1a: enough to tell names apart, and cheap to keep. */
static uint64_t hash(const char *name)
{
	uint64_t h = 0xcbf29ce484222325u;

	while (*name)
		h = (h ^ (unsigned char)*name++) * 0x100000001b3u;
	return h;
}

static void own_add(struct watches *w, const struct watch *watch, uint64_t name,
                    unsigned names)
{
	if (watch && w->n_own < WATCHES_OWN)
		w->own[w->n_own++] = (struct own){ .wd = watch->wd,
			                           .name = name,
			                           .names = names };
}

void own_names(struct agent *agent, int dir, const char *name, unsigned n)
{
	struct watches *w = &agent->watches;
	struct stat st;

	if (w->count && fstat(dir, &st) == 0)
		own_add(w, watches_by_inode(w, st.st_dev, st.st_ino),
		        hash(name), n);
}

void own_name(struct agent *agent, int dir, const char *name)
{
	own_names(agent, dir, name, 1);
}

void own_attrs(struct agent *agent, const struct place *place)
{
	struct watches *w = &agent->watches;
	struct stat st;

	own_names(agent, place->dir, place->name, 0);
	if (w->count &&
	    fstatat(place->dir, place->name, &st,
	            AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) == 0 &&
	    S_ISDIR(st.st_mode))
		own_add(w, watches_by_inode(w, st.st_dev, st.st_ino), hash(""),
		        0);
}

void own_file(struct agent *agent, const struct handle *h)
{
	struct watches *w = &agent->watches;

	if (w->count)
		own_add(w, watches_by_inode(w, h->dir_dev, h->dir_ino), h->name,
		        0);
}

void own_opened(struct agent *agent, struct handle *h,
                const struct place *place)
{
	struct stat st;

	(void)agent;
	if (fstat(place->dir, &st) < 0)
		return;
	h->dir_dev = st.st_dev;
	h->dir_ino = st.st_ino;
	h->name = hash(place->name);
}

static bool is_own(struct watches *w, const struct inotify_event *e,
                   const char *name)
{
	uint64_t hashed = hash(name);

	for (unsigned i = 0; i < w->n_own; i++) {
		struct own *own = &w->own[i];

		if (own->wd != e->wd || own->name != hashed)
			continue;
		if (!(e->mask & WATCH_NAME))
			return true;
		if (own->names > 0) {
			own->names--;
			return true;
		}
	}
	return false;
}

/* ---- telling ---- */

enum { EVENT_MAX = WIRE_HEADER + 2 * (16 + WIRE_NAME_MAX) };

/* Begin an event's body in the stream's room, and send it with its header. */
static struct wire_out event_begin(struct agent *agent)
{
	unsigned char *room = stream_room(&agent->stream, EVENT_MAX);

	return (struct wire_out){ .data = room + WIRE_HEADER,
		                  .size = EVENT_MAX - WIRE_HEADER };
}

static void event_send(struct agent *agent, enum wire_op op,
                       const struct wire_out *out)
{
	struct wire_header h = { .op = (uint16_t)op,
		                 .size = (uint32_t)out->len };

	wire_put_header(&h, out->data - WIRE_HEADER);
	stream_commit(&agent->stream, WIRE_HEADER + out->len);
}

static void tell_changed(struct agent *agent, const struct watch *watch,
                         uint32_t change, const char *name)
{
	struct wire_out out = event_begin(agent);

	wire_put_u64(&out, watch->id);
	wire_put_u32(&out, change);
	wire_put_text(&out, name);
	event_send(agent, WIRE_CHANGED, &out);
}

static void tell_moved(struct agent *agent, const struct watch *watch,
                       const char *name, const struct watch *new_watch,
                       const char *new_name)
{
	struct wire_out out = event_begin(agent);

	wire_put_u64(&out, watch->id);
	wire_put_text(&out, name);
	wire_put_u64(&out, new_watch->id);
	wire_put_text(&out, new_name);
	event_send(agent, WIRE_MOVED, &out);
}

static uint32_t change_of(uint32_t mask, const char *name)
{
	if (mask & WATCH_NAME)
		return WIRE_CHANGED_NAME;
	if (mask & IN_MOVE_SELF)
		return WIRE_CHANGED_PLACE;
	return *name ? WIRE_CHANGED_FILE : WIRE_CHANGED_SELF;
}

void watch_lose(struct agent *agent)
{
	struct wire_out out = event_begin(agent);

	watch_restart(&agent->watches);
	event_send(agent, WIRE_LOST, &out);
}

/* The event at a place of those that were read, or NULL at their end. */
static struct inotify_event *event_at(struct agent *agent, size_t at,
                                      size_t len)
{
	return at < len ? (void *)(agent->scratch + at) : NULL;
}

static size_t event_size(const struct inotify_event *e)
{
	return sizeof(*e) + e->len;
}

/* Where it went, if that is watched, too, and was told soon after; that event
 * is done with then. The new name is found behind it. */
static const struct watch *moved_to(struct agent *agent,
                                    const struct inotify_event *from,
                                    size_t behind, size_t len,
                                    const char **new_name)
{
	struct watches *w = &agent->watches;
	struct inotify_event *e = event_at(agent, behind, len);

	if (!(from->mask & IN_MOVED_FROM))
		return NULL;
	for (int i = 0; e && i < WATCH_PAIR; i++) {
		if ((e->mask & IN_MOVED_TO) && e->cookie == from->cookie) {
			bool own = is_own(w, e, e->name);

			e->mask = 0;
			*new_name = e->name;
			return own ? NULL : watches_by_wd(w, e->wd);
		}
		behind += event_size(e);
		e = event_at(agent, behind, len);
	}
	return NULL;
}

/* behind: where the next event is. */
static void translate(struct agent *agent, const struct inotify_event *e,
                      size_t behind, size_t len)
{
	struct watches *w = &agent->watches;
	const char *name = e->len ? e->name : "";
	struct watch *watch = watches_by_wd(w, e->wd);
	const struct watch *new_watch;
	const char *new_name;

	if (e->mask & IN_Q_OVERFLOW) {
		watch_lose(agent);
	} else if (!watch) {
		return; /* not watched any more */
	} else if (e->mask & WATCH_GONE) {
		tell_changed(agent, watch, WIRE_CHANGED_GONE, "");
		(void)inotify_rm_watch(w->fd, watch->wd);
		watches_remove(w, watch);
	} else if (!is_own(w, e, name)) {
		new_watch = moved_to(agent, e, behind, len, &new_name);
		if (new_watch)
			tell_moved(agent, watch, name, new_watch, new_name);
		else
			tell_changed(agent, watch, change_of(e->mask, name),
			             name);
	}
}

/* Somebody who writes in small pieces makes the same event again and again. */
static bool repeats(const struct inotify_event *e,
                    const struct inotify_event *last)
{
	return last && e->wd == last->wd && e->len == last->len && e->len > 0 &&
	       (e->mask & WATCH_FILE) && (last->mask & WATCH_FILE) &&
	       !strcmp(e->name, last->name);
}

static void translate_all(struct agent *agent, size_t len)
{
	const struct inotify_event *last = NULL;
	const struct inotify_event *e;
	size_t at = 0;

	while ((e = event_at(agent, at, len))) {
		at += event_size(e);
		if (e->mask && !repeats(e, last))
			translate(agent, e, at, len);
		last = e;
	}
}

void watch_drain(struct agent *agent, bool swallow)
{
	struct watches *w = &agent->watches;

	if (!swallow)
		w->n_own = 0;
	for (int i = 0; i < WATCH_ROUNDS && w->fd >= 0; i++) {
		ssize_t n = read(w->fd, agent->scratch, sizeof(agent->scratch));

		if (n <= 0)
			break;
		translate_all(agent, (size_t)n);
	}
	w->n_own = 0;
}
