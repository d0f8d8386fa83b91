/*
 * session: the FUSE connection, polled by the loop (Linux).
 *
 * The descriptor is non-blocking and in the loop like any other, so that a
 * request costs no change of threads. Each time it is readable a bounded
 * number of requests is served, and then the timers and children have their
 * turn; what is left makes it readable again.
 *
 * Who asks much, one request after the other, asks again at once, and waking a
 * processor that sleeps takes longer than most answers, above all where the
 * processor is virtual. So while requests come close upon each other the loop
 * does not sleep between them; whoever else has something to do goes first.
 *
 * The end shows as an error of the descriptor. What it means is known only to
 * a receive, which then gives 0. The handles are closed before libfuse closes
 * the descriptor, as libuv wants it.
 */
#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <fuse_lowlevel.h>
#include <uv.h>

#include "mount/mountpoint.h"
#include "mount/session.h"

enum {
	BATCH = 64,        /* requests served before the loop has its turn */
	CLOSE_NS = 200000, /* between two requests that are close */
};

struct session {
	struct mountpoint mountpoint;
	struct log *log;
	uv_poll_t poll;
	uv_idle_t awake;    /* runs while the loop is not to sleep */
	uint64_t served_ns; /* when a request came last */
	unsigned n_handles;
	struct fuse_buf buf; /* its memory is libfuse's to make, ours to free */
	bool serving;        /* a handler is running */
	void (*on_end)(void *arg);
	void *arg;
	void (*done)(void *arg); /* of session_close */
	void *done_arg;
};

/* One request into s->buf: its size, 0 at the end, or a negative errno. */
static int receive(struct session *s)
{
	struct fuse_session *fuse = s->mountpoint.fuse;
	int n;

	do {
		s->buf.flags = 0;
		n = fuse_session_receive_buf(fuse, &s->buf);
	} while (n == -EINTR && !fuse_session_exited(fuse));
	return n;
}

static void on_awake(uv_idle_t *awake)
{
	struct session *s = awake->data;

	if (uv_hrtime() - s->served_ns > CLOSE_NS)
		uv_idle_stop(awake);
	else
		sched_yield();
}

static void stay_awake(struct session *s)
{
	uint64_t now = uv_hrtime();

	/* Cannot fail for a handle that was initialised. */
	if (now - s->served_ns < CLOSE_NS)
		uv_idle_start(&s->awake, on_awake);
	s->served_ns = now;
}

static void serve(struct session *s)
{
	stay_awake(s);
	s->serving = true;
	fuse_session_process_buf(s->mountpoint.fuse, &s->buf);
	s->serving = false;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct session *s = poll->data;
	struct fuse_session *fuse = s->mountpoint.fuse;
	int i, n = 1;

	(void)events;
	for (i = 0; i < BATCH && n > 0 && !fuse_session_exited(fuse); i++) {
		n = receive(s);
		if (n > 0)
			serve(s);
	}
	/* After an error libuv has stopped polling, so that there is no next
	 * time to wait for. */
	if (!status && (n > 0 || n == -EAGAIN) && !fuse_session_exited(fuse))
		return;
	if (n < 0 && n != -EAGAIN)
		log_error(s->log, "session: receive: %s", strerror(-n));
	uv_poll_stop(&s->poll);
	s->on_end(s->arg);
}

int session_open(struct session **session, const struct session_spec *spec)
{
	struct session *s = calloc(1, sizeof(*s));
	int err;

	if (!s) {
		log_error(spec->log, "session: %s", strerror(ENOMEM));
		if (spec->fd >= 0)
			close(spec->fd);
		return -ENOMEM;
	}
	s->log = spec->log;
	s->on_end = spec->on_end;
	s->arg = spec->arg;
	err = mountpoint_open(&s->mountpoint, spec);
	if (err)
		goto fail;
	err = uv_poll_init(spec->loop, &s->poll,
	                   fuse_session_fd(s->mountpoint.fuse));
	if (err) {
		log_error(s->log, "session: poll: %s", uv_strerror(err));
		mountpoint_close(&s->mountpoint);
		goto fail;
	}
	uv_idle_init(spec->loop, &s->awake); /* cannot fail */
	s->n_handles = 2;
	s->poll.data = s;
	s->awake.data = s;
	/* Cannot fail for a handle that was initialised. */
	uv_poll_start(&s->poll, UV_READABLE, on_readable);
	*session = s;
	return 0;
fail:
	free(s);
	return err;
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

static void on_closed(uv_handle_t *handle)
{
	struct session *s = handle->data;
	void (*done)(void *arg) = s->done;
	void *arg = s->done_arg;

	if (--s->n_handles > 0)
		return;
	mountpoint_close(&s->mountpoint);
	free(s->buf.mem);
	free(s);
	done(arg);
}

void session_close(struct session *session, void (*done)(void *arg), void *arg)
{
	assert(!session->serving);
	session->done = done;
	session->done_arg = arg;
	uv_close((uv_handle_t *)&session->awake, on_closed);
	uv_close((uv_handle_t *)&session->poll, on_closed);
}
