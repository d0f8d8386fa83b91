/*
 * notify: tell the kernel to forget what it remembers.
 *
 * Owns the queue and the one thread that empties it. The thread knows nothing
 * but this queue and the libfuse session, whose sending is safe from any
 * thread. It may be stuck in the kernel for as long as a request is pending
 * that holds the lock it needs; that is why it is there. The loop thread only
 * ever holds the queue's lock for a moment.
 *
 * Somebody may wait for an inode to be told of: those are a list of their own,
 * the first to be sent, from which nothing is dropped.
 *
 * The other waiting entries are in a list, oldest first, and in a hash table
 * that finds the one which says the same. An entry leaves both before it is
 * sent: what changes while it is on its way is told again.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <fuse_lowlevel.h>
#include <uv.h>

#include "mount/notify.h"

enum {
	QUEUE_MAX = 1024,
	BUCKETS = 512,
	NAME_LEN_MAX = 1024, /* the kernel takes none longer */
};

enum kind {
	KIND_INODE,
	KIND_ENTRY,
	KIND_DELETE,
};

struct item {
	struct item *next;      /* in the queue */
	struct item *neighbour; /* in its bucket */
	enum kind kind;
	uint64_t ino;         /* the inode, or the parent of the name */
	uint64_t child;       /* of KIND_DELETE */
	notify_told_fn *told; /* or NULL */
	void *arg;
	unsigned bucket;
	size_t len;
	char name[];
};

struct notify {
	struct fuse_session *session;
	uv_thread_t thread;
	uv_mutex_t lock; /* guards all below */
	uv_cond_t work;  /* there is an item, or stop is set */
	uv_cond_t idle;  /* the thread has sent one, or has left */
	struct item *head, **tail;
	struct item *first, **first_tail; /* those that somebody waits for */
	struct item *buckets[BUCKETS];
	unsigned n;
	uint64_t queued; /* so many were put in since the start */
	uint64_t gone;   /* and so many of them are sent or dropped */
	bool stop;
	bool left; /* the thread is past its last use of all this */
};

/* ---- the queue; the lock is held ----------------------------------------- */

/* FNV-1a. */
static unsigned hash(const struct item *item)
{
	uint64_t h = 14695981039346656037u;
	uint64_t keys[] = { item->kind, item->ino, item->child };
	const unsigned char *bytes = (const unsigned char *)keys;
	size_t i;

	for (i = 0; i < sizeof(keys); i++)
		h = (h ^ bytes[i]) * 1099511628211u;
	for (i = 0; i < item->len; i++)
		h = (h ^ (unsigned char)item->name[i]) * 1099511628211u;
	return (unsigned)(h >> 32) % BUCKETS;
}

static bool same(const struct item *a, const struct item *b)
{
	return a->kind == b->kind && a->ino == b->ino && a->child == b->child &&
	       a->len == b->len && !memcmp(a->name, b->name, a->len);
}

static bool is_queued(const struct notify *notify, const struct item *item)
{
	const struct item *other = notify->buckets[item->bucket];

	while (other && !same(other, item))
		other = other->neighbour;
	return other != NULL;
}

/* The oldest that somebody waits for, or NULL. */
static struct item *pop_first(struct notify *notify)
{
	struct item *item = notify->first;

	if (!item)
		return NULL;
	notify->first = item->next;
	if (!notify->first)
		notify->first_tail = &notify->first;
	return item;
}

/* The oldest, out of the list and the table; NULL when there is none. */
static struct item *pop(struct notify *notify)
{
	struct item *item = notify->head, **at;

	if (!item)
		return NULL;
	notify->head = item->next;
	if (!notify->head)
		notify->tail = &notify->head;
	at = &notify->buckets[item->bucket];
	while (*at != item)
		at = &(*at)->neighbour;
	*at = item->neighbour;
	notify->n--;
	return item;
}

static void drop_oldest(struct notify *notify)
{
	free(pop(notify));
	notify->gone++;
}

/* It was sent, or nothing is any more. */
static void finish(struct item *item)
{
	if (item->told)
		item->told(item->arg, 0);
	free(item);
}

static void push(struct notify *notify, struct item *item)
{
	if (notify->n == QUEUE_MAX)
		drop_oldest(notify);
	item->neighbour = notify->buckets[item->bucket];
	notify->buckets[item->bucket] = item;
	*notify->tail = item;
	notify->tail = &item->next;
	notify->n++;
	notify->queued++;
}

/* ---- the thread ---------------------------------------------------------- */

static void send_item(struct fuse_session *session, const struct item *item)
{
	switch (item->kind) {
	case KIND_INODE:
		fuse_lowlevel_notify_inval_inode(session, item->ino, 0, 0);
		return;
	case KIND_ENTRY:
		fuse_lowlevel_notify_inval_entry(session, item->ino, item->name,
		                                 item->len);
		return;
	case KIND_DELETE:
		/* Of a directory that is in use only the name goes, with an
		 * error that says so. */
		fuse_lowlevel_notify_delete(session, item->ino, item->child,
		                            item->name, item->len);
		return;
	}
}

static void notifier(void *arg)
{
	struct notify *notify = arg;
	struct item *item;

	uv_mutex_lock(&notify->lock);
	while (!notify->stop) {
		item = pop_first(notify);
		if (!item)
			item = pop(notify);
		if (!item) {
			uv_cond_wait(&notify->work, &notify->lock);
			continue;
		}
		uv_mutex_unlock(&notify->lock);
		send_item(notify->session, item);
		finish(item);
		uv_mutex_lock(&notify->lock);
		notify->gone++;
		uv_cond_broadcast(&notify->idle);
	}
	notify->left = true;
	uv_cond_broadcast(&notify->idle);
	uv_mutex_unlock(&notify->lock);
}

/* Signals are for the loop thread. */
static int start(struct notify *notify)
{
	sigset_t all, old;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = uv_thread_create(&notify->thread, notifier, notify);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return err;
}

/* ---- the loop thread's side ---------------------------------------------- */

struct notify *notify_new(struct fuse_session *session)
{
	struct notify *notify = calloc(1, sizeof(*notify));

	if (!notify)
		return NULL;
	notify->session = session;
	notify->tail = &notify->head;
	notify->first_tail = &notify->first;
	if (uv_mutex_init(&notify->lock))
		goto fail;
	if (uv_cond_init(&notify->work))
		goto fail_lock;
	if (uv_cond_init(&notify->idle))
		goto fail_work;
	if (start(notify))
		goto fail_idle;
	return notify;
fail_idle:
	uv_cond_destroy(&notify->idle);
fail_work:
	uv_cond_destroy(&notify->work);
fail_lock:
	uv_mutex_destroy(&notify->lock);
fail:
	free(notify);
	return NULL;
}

bool notify_stop(struct notify *notify)
{
	struct item *item;
	bool left;

	uv_mutex_lock(&notify->lock);
	notify->stop = true;
	while (notify->head)
		drop_oldest(notify);
	while ((item = pop_first(notify))) {
		finish(item);
		notify->gone++;
	}
	left = notify->left;
	uv_cond_broadcast(&notify->work);
	uv_cond_broadcast(&notify->idle);
	uv_mutex_unlock(&notify->lock);
	return left;
}

void notify_free(struct notify *notify)
{
	if (!notify)
		return;
	notify_stop(notify);
	uv_thread_join(&notify->thread);
	uv_cond_destroy(&notify->idle);
	uv_cond_destroy(&notify->work);
	uv_mutex_destroy(&notify->lock);
	free(notify);
}

static void add(struct notify *notify, enum kind kind, uint64_t ino,
                uint64_t child, const char *name)
{
	size_t len = strlen(name);
	struct item *item;

	if (len > NAME_LEN_MAX)
		return;
	item = calloc(1, sizeof(*item) + len + 1);
	if (!item)
		return; /* the kernel finds out when its timeout is over */
	item->kind = kind;
	item->ino = ino;
	item->child = child;
	item->len = len;
	memcpy(item->name, name, len);
	item->bucket = hash(item);
	uv_mutex_lock(&notify->lock);
	if (!notify->stop && !is_queued(notify, item)) {
		push(notify, item);
		item = NULL;
		uv_cond_signal(&notify->work);
	}
	uv_mutex_unlock(&notify->lock);
	free(item);
}

void notify_inode(struct notify *notify, uint64_t ino)
{
	add(notify, KIND_INODE, ino, 0, "");
}

void notify_entry(struct notify *notify, uint64_t parent, const char *name)
{
	add(notify, KIND_ENTRY, parent, 0, name);
}

void notify_delete(struct notify *notify, uint64_t parent, uint64_t child,
                   const char *name)
{
	add(notify, KIND_DELETE, parent, child, name);
}

void notify_inode_first(struct notify *notify, uint64_t ino,
                        notify_told_fn *told, void *arg)
{
	struct item *item = calloc(1, sizeof(*item) + 1);
	bool stop;

	if (!item) {
		told(arg, -ENOMEM);
		return;
	}
	item->kind = KIND_INODE;
	item->ino = ino;
	item->told = told;
	item->arg = arg;
	uv_mutex_lock(&notify->lock);
	stop = notify->stop;
	if (!stop) {
		*notify->first_tail = item;
		notify->first_tail = &item->next;
		notify->queued++;
		uv_cond_signal(&notify->work);
	}
	uv_mutex_unlock(&notify->lock);
	if (stop)
		finish(item);
}

void notify_flush(struct notify *notify)
{
	uint64_t until;

	uv_mutex_lock(&notify->lock);
	until = notify->queued;
	while (notify->gone < until && !notify->left)
		uv_cond_wait(&notify->idle, &notify->lock);
	uv_mutex_unlock(&notify->lock);
}
