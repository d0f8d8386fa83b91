/*
 * session_thread: the FUSE connection, received by a thread (macOS).
 *
 * There the descriptor cannot be polled. So a thread blocks in the receive and
 * hands each message to the loop thread, which alone serves it. Messages come
 * from a pool of fixed size and go back to it after they were served: an
 * empty pool, or too many bytes in the queue, makes the thread wait and thus
 * the kernel.
 *
 * What macFUSE asks for: a received fuse_buf is given to libfuse again exactly
 * once, the same struct; its memory may be borrowed and is not freed in
 * between. Unmounting asks the file system, so that a session which is closed
 * alive is served until the kernel lets go. Linux has no such condition; there
 * the thread is cancelled in its receive, the only place where it can be.
 *
 * The thread owns nothing. Whichever way it leaves, it says so last, and the
 * loop thread joins it before anything is freed.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fuse_lowlevel.h>
#include <uv.h>

#include "mount/mountpoint.h"
#include "mount/session.h"

enum {
	BATCH = 64,            /* served before the loop has its turn */
	MESSAGES = 65,         /* 64 in the queue, one being received */
	QUEUE_BYTES = 4 << 20, /* one message may go beyond */
	SPARES = 4,            /* idle messages that keep their memory */
};

struct message {
	struct message *next; /* in the queue or in the pool */
	struct fuse_buf buf;
	/* Memory that libfuse made for this message and that is ours: kept
	 * beside buf, in which macFUSE may put borrowed memory instead. */
	void *memory;
};

struct session {
	struct mountpoint mountpoint;
	struct log *log;
	uv_async_t wake;
	uv_thread_t thread;
	uv_mutex_t lock;
	uv_cond_t room; /* the pool has a message, or stop is set */

	/* Guarded by lock. */
	struct message *head, **tail; /* received, not yet served */
	struct message *pool;
	unsigned n_spares; /* messages in the pool that have memory */
	size_t bytes;      /* in the queue */
	bool awaited;      /* there is a handle to wake the loop with */
	bool stop;         /* the thread shall leave */
	bool left;         /* the thread uses nothing any more */
	int err;           /* why it left; 0: the kernel ended it */

	/* Of the loop thread. */
	bool serving; /* a handler is running */
	bool closing;
	bool ended; /* the thread is joined */
	void (*on_end)(void *arg);
	void *arg;
	void (*done)(void *arg); /* of session_close */
	void *done_arg;

	struct message messages[MESSAGES];
};

/* ---- pool and queue; the lock is held ------------------------------------ */

static void give_back(struct session *s, struct message *m)
{
	memset(&m->buf, 0, sizeof(m->buf));
	if (m->memory && s->n_spares == SPARES) {
		free(m->memory);
		m->memory = NULL;
	}
	if (m->memory) {
		s->n_spares++;
		m->next = s->pool;
		s->pool = m;
		return;
	}
	/* Those without memory wait behind those that have some. */
	struct message **at = &s->pool;

	while (*at && (*at)->memory)
		at = &(*at)->next;
	m->next = *at;
	*at = m;
}

static struct message *take(struct session *s)
{
	struct message *m = s->pool;

	s->pool = m->next;
	m->next = NULL;
	if (m->memory)
		s->n_spares--;
	m->buf.mem = m->memory;
	return m;
}

static void enqueue(struct session *s, struct message *m)
{
	*s->tail = m;
	s->tail = &m->next;
	s->bytes += m->buf.size;
}

static struct message *dequeue(struct session *s)
{
	struct message *m = s->head;

	if (!m)
		return NULL;
	s->head = m->next;
	if (!s->head)
		s->tail = &s->head;
	m->next = NULL;
	s->bytes -= m->buf.size;
	return m;
}

/* ---- the thread ---------------------------------------------------------- */

/* A spliced message lies in a pipe that the next receive uses again: fetch
 * it. Returns its size or a negative errno. */
static int unsplice(struct message *m)
{
	struct fuse_bufvec from = FUSE_BUFVEC_INIT(m->buf.size);
	struct fuse_bufvec to = FUSE_BUFVEC_INIT(m->buf.size);
	ssize_t n;

	from.buf[0] = m->buf;
	m->buf.flags = 0; /* its memory is plain, if it has some */
	to.buf[0].mem = malloc(m->buf.size);
	if (!to.buf[0].mem)
		return -ENOMEM;
	n = fuse_buf_copy(&to, &from, 0);
	if (n != (ssize_t)m->buf.size) {
		free(to.buf[0].mem);
		return n < 0 ? (int)n : -EIO;
	}
	free(m->buf.mem);
	m->buf = to.buf[0];
	return (int)n;
}

/* Plain memory can be used again. Other was borrowed for the message and goes
 * with it; what libfuse leaves in buf after that is not looked at. */
static void keep_memory(struct message *m)
{
	if (!m->buf.flags)
		m->memory = m->buf.mem;
}

/* One message: its size, 0 at the end, or a negative errno. */
static int receive(struct session *s, struct message *m)
{
	struct fuse_session *fuse = s->mountpoint.fuse;
	int n, old;

	do {
		pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
		n = fuse_session_receive_buf(fuse, &m->buf);
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	} while ((n == -EINTR || n == -EAGAIN) && !fuse_session_exited(fuse));
	if (n > 0 && m->buf.flags & FUSE_BUF_IS_FD)
		n = unsplice(m);
	keep_memory(m);
	return n;
}

/* The last act of the thread, also when it was cancelled. */
static void on_leave(void *arg)
{
	struct session *s = arg;

	uv_mutex_lock(&s->lock);
	s->left = true;
	/* Under the lock: the loop thread closes the handle when it has seen
	 * left, so that it cannot be closed yet. */
	uv_async_send(&s->wake);
	uv_mutex_unlock(&s->lock);
}

/* Wait for a message to receive into; NULL: leave. */
static struct message *wait_for_room(struct session *s)
{
	struct message *m = NULL;

	uv_mutex_lock(&s->lock);
	while (!s->stop && (!s->pool || s->bytes >= QUEUE_BYTES))
		uv_cond_wait(&s->room, &s->lock);
	if (!s->stop)
		m = take(s);
	uv_mutex_unlock(&s->lock);
	return m;
}

static void receive_all(struct session *s)
{
	struct message *m;
	int n = 1;

	while (n > 0 && (m = wait_for_room(s))) {
		n = receive(s, m);
		uv_mutex_lock(&s->lock);
		if (n > 0)
			enqueue(s, m);
		else
			give_back(s, m);
		s->err = n < 0 ? n : 0;
		uv_mutex_unlock(&s->lock);
		if (n > 0)
			uv_async_send(&s->wake);
	}
}

static void receiver(void *arg)
{
	struct session *s = arg;
	int old;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	/* session_open holds the lock until there is a handle to send to, or
	 * will never be one. */
	uv_mutex_lock(&s->lock);
	bool awaited = s->awaited;

	uv_mutex_unlock(&s->lock);
	if (!awaited)
		return;
	pthread_cleanup_push(on_leave, s);
	receive_all(s);
	pthread_cleanup_pop(1);
}

/* Signals are for the loop thread. */
static int start_thread(struct session *s)
{
	sigset_t all, old;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = uv_thread_create(&s->thread, receiver, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return err;
}

/* ---- the loop thread ----------------------------------------------------- */

static void on_closed(uv_handle_t *handle)
{
	struct session *s = handle->data;
	void (*done)(void *arg) = s->done;
	void *arg = s->done_arg;
	size_t i;

	mountpoint_close(&s->mountpoint);
	/* A message that the thread was cancelled in is in neither list. */
	for (i = 0; i < MESSAGES; i++)
		free(s->messages[i].buf.mem ? s->messages[i].buf.mem
		                            : s->messages[i].memory);
	uv_cond_destroy(&s->room);
	uv_mutex_destroy(&s->lock);
	free(s);
	done(arg);
}

/* Is this message to be served, and not thrown away? */
static bool is_wanted(const struct session *s, const struct message *m)
{
#ifdef __APPLE__
	(void)m;
	(void)s;
	return true; /* the unmounting waits for it */
#else
	(void)m;
	return !s->closing;
#endif
}

/* Serve what has come, within bounds. True when there is more. */
static bool serve(struct session *s)
{
	struct fuse_session *fuse = s->mountpoint.fuse;
	struct message *m;
	int i;

	uv_mutex_lock(&s->lock);
	for (i = 0; i < BATCH && (m = dequeue(s)); i++) {
		uv_mutex_unlock(&s->lock);
		if (is_wanted(s, m)) {
			s->serving = true;
			fuse_session_process_buf(fuse, &m->buf);
			s->serving = false;
		}
		uv_mutex_lock(&s->lock);
		give_back(s, m);
		uv_cond_signal(&s->room);
	}
	bool more = s->head;

	uv_mutex_unlock(&s->lock);
	return more;
}

static void on_wake(uv_async_t *wake)
{
	struct session *s = wake->data;
	bool left;

	if (s->ended)
		return;
	if (serve(s)) {
		uv_async_send(&s->wake);
		return;
	}
	uv_mutex_lock(&s->lock);
	/* What came since the queue was found empty came with a wake-up. */
	left = s->left && !s->head;
	uv_mutex_unlock(&s->lock);
	if (!left)
		return;
	uv_thread_join(&s->thread);
	s->ended = true;
	if (s->closing) {
		uv_close((uv_handle_t *)&s->wake, on_closed);
		return;
	}
	if (s->err)
		log_error(s->log, "session: receive: %s", strerror(-s->err));
	s->on_end(s->arg);
}

/* Make the thread and the handle that it wakes, both or none. */
static int start(struct session *s, struct uv_loop_s *loop)
{
	int err;

	uv_mutex_lock(&s->lock);
	err = start_thread(s);
	if (err) {
		uv_mutex_unlock(&s->lock);
		return err;
	}
	err = uv_async_init(loop, &s->wake, on_wake);
	s->wake.data = s;
	s->awaited = !err;
	uv_mutex_unlock(&s->lock);
	if (err)
		uv_thread_join(&s->thread);
	return err;
}

static struct session *session_new(const struct session_spec *spec)
{
	struct session *s = calloc(1, sizeof(*s));
	size_t i;

	if (!s)
		return NULL;
	s->log = spec->log;
	s->on_end = spec->on_end;
	s->arg = spec->arg;
	s->tail = &s->head;
	for (i = 0; i < MESSAGES; i++)
		give_back(s, &s->messages[i]);
	if (uv_mutex_init(&s->lock)) {
		free(s);
		return NULL;
	}
	if (uv_cond_init(&s->room)) {
		uv_mutex_destroy(&s->lock);
		free(s);
		return NULL;
	}
	return s;
}

static void session_free(struct session *s)
{
	uv_cond_destroy(&s->room);
	uv_mutex_destroy(&s->lock);
	free(s);
}

int session_open(struct session **session, const struct session_spec *spec)
{
	struct session *s = session_new(spec);
	int err, flags;

	if (!s) {
		log_error(spec->log, "session: %s", strerror(ENOMEM));
		if (spec->fd >= 0)
			close(spec->fd);
		return -ENOMEM;
	}
	if (spec->fd >= 0) {
		flags = fcntl(spec->fd, F_GETFL);
		if (flags >= 0)
			fcntl(spec->fd, F_SETFL, flags & ~O_NONBLOCK);
	}
	err = mountpoint_open(&s->mountpoint, spec);
	if (err) {
		session_free(s);
		return err;
	}
	err = start(s, spec->loop);
	if (err) {
		log_error(s->log, "session: thread: %s", uv_strerror(err));
		mountpoint_close(&s->mountpoint);
		session_free(s);
		return err;
	}
	*session = s;
	return 0;
}

struct fuse_session *session_fuse(struct session *session)
{
	return session->mountpoint.fuse;
}

void session_unmount_argv(const struct session *session, bool lazy,
                          const char *argv[5])
{
	mountpoint_argv(session->mountpoint.path, lazy, argv);
}

/* Get the thread out of its receive. */
static void interrupt(struct session *s)
{
#ifdef __APPLE__
	/* It comes out by itself when the kernel has let go. */
	if (s->mountpoint.fd < 0) {
		mountpoint_detach(&s->mountpoint);
		return;
	}
#endif
	uv_mutex_lock(&s->lock);
	s->stop = true;
	uv_cond_signal(&s->room);
	uv_mutex_unlock(&s->lock);
	if (s->mountpoint.fd >= 0)
		shutdown(s->mountpoint.fd, SHUT_RD);
	else
		pthread_cancel(s->thread);
}

void session_close(struct session *session, void (*done)(void *arg), void *arg)
{
	assert(!session->serving);
	session->done = done;
	session->done_arg = arg;
	session->closing = true;
	if (session->ended)
		uv_close((uv_handle_t *)&session->wake, on_closed);
	else
		interrupt(session);
}
