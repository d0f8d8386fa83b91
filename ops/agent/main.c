/*
 * The guest agent: carries out in a Linux machine what the daemon asks for.
 *
 *	agent [PATH]	PATH is its own executable, which it removes first
 *
 * It speaks the protocol of ops/wire.h on its standard input and output and
 * ends with its input. PROTOCOL tells the whole story.
 *
 *	  stdin -> stream -> requests: table -> files, list, open, ...
 *	                                            |
 *	  stdout <- stream <------------------------+
 *
 * The loop waits in poll for input, for room in the output, for changes in
 * watched directories and for slow requests that are done, handles all the
 * input that has come, and sends all the answers in one piece.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ops/agent/watch.h"

enum {
	CLOSE_NS = 200000, /* between two requests that are close */
	ALONE = 2,         /* one, and the end of the one before: a close */
};

static void complain(const char *what)
{
	(void)fprintf(stderr, "orbfs agent: %s\n", what);
}

static int64_t now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void say_hello(struct agent *agent)
{
	unsigned char *room = stream_room(&agent->stream, 256);
	struct wire_out out = { .data = room + WIRE_HEADER, .size = 200 };
	struct wire_header h = { .op = WIRE_HELLO };
	char boot[64] = "";
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		ssize_t n = read(fd, boot, sizeof(boot) - 1);

		boot[n > 0 ? n : 0] = '\0';
		boot[strcspn(boot, "\n")] = '\0';
		close(fd);
	}
	wire_put_u32(&out, WIRE_VERSION);
	wire_put_u32(&out, 0);
	wire_put_text(&out, boot);
	h.size = (uint32_t)out.len;
	wire_put_header(&h, room);
	stream_commit(&agent->stream, WIRE_HEADER + out.len);
	stream_flush(&agent->stream);
}

/* No further request is taken up: the answers are not taken, or there are too
 * many slow ones. */
static bool is_busy(const struct agent *agent)
{
	return stream_pending(&agent->stream) >= STREAM_STUCK ||
	       slow_full(&agent->slow);
}

/* Carry out what has come in full and send the answers, until there is no more
 * or it has to be held back. -EBADMSG: what came is no message. */
static int carry_out_all(struct agent *agent)
{
	struct stream *s = &agent->stream;
	struct wire_header h;
	struct wire_in body;
	int got;

	agent->n_taken = 0;
	for (;;) {
		if (is_busy(agent))
			stream_flush(s);
		agent->held_back = is_busy(agent);
		if (agent->held_back)
			return 0;
		got = stream_next(s, &h, &body);
		if (got <= 0)
			return got;
		if (!request_carry_out(agent, &h, &body))
			return -EBADMSG;
		agent->n_taken++;
	}
}

/* What is waited for, in the order of the descriptors. */
enum { WAIT_IN, WAIT_OUT, WAIT_CHANGES, WAIT_SLOW, WAIT_MOUNTS, WAIT_N };

/*
 * Who does one thing after the other asks again at once, and waking a processor
 * that sleeps takes longer than most answers. So when requests come close upon
 * each other and one by one, look for the next one for a moment without
 * sleeping; whoever else has something to do goes first. What poll gave.
 */
static int poll_awake(const struct agent *agent, struct pollfd *fds)
{
	int n = 0;

	if (!agent->close || agent->n_taken == 0 || agent->n_taken > ALONE)
		return 0;
	do {
		sched_yield();
		n = poll(fds, WAIT_N, 0);
	} while (n == 0 && now_ns() - agent->heard_ns < CLOSE_NS);
	return n;
}

static void note_heard(struct agent *agent, const struct pollfd *fds)
{
	int64_t now = now_ns();

	agent->kinds.now_ms = now / 1000000;
	if (!fds[WAIT_IN].revents)
		return;
	agent->close = now - agent->heard_ns < CLOSE_NS;
	agent->heard_ns = now;
}

static int wait_for_something(struct agent *agent, struct pollfd *fds)
{
	struct stream *s = &agent->stream;
	bool stuck = stream_pending(s) >= STREAM_STUCK;
	bool ready = !is_busy(agent);
	int timeout = locks_timeout_ms(agent, now_ns() / 1000000);

	/* What was held back may go on without anything happening. */
	if (agent->held_back && ready)
		timeout = 0;
	fds[WAIT_IN] = (struct pollfd){ ready && !agent->held_back ? s->in : -1,
		                        POLLIN, 0 };
	fds[WAIT_OUT] =
		(struct pollfd){ s->out, stream_pending(s) ? POLLOUT : 0, 0 };
	fds[WAIT_CHANGES] =
		(struct pollfd){ stuck ? -1 : agent->watches.fd, POLLIN, 0 };
	fds[WAIT_SLOW] = (struct pollfd){ agent->slow.event, POLLIN, 0 };
	fds[WAIT_MOUNTS] =
		(struct pollfd){ stuck ? -1 : agent->mounts, POLLPRI, 0 };
	if (poll_awake(agent, fds) == 0 && poll(fds, WAIT_N, timeout) < 0 &&
	    errno != EINTR)
		return -errno;
	note_heard(agent, fds);
	return 0;
}

static int serve(struct agent *agent)
{
	struct stream *s = &agent->stream;
	struct pollfd fds[WAIT_N];

	while (!s->broken) {
		int err = wait_for_something(agent, fds);

		if (err)
			return err;
		/* Said even when nothing is to be sent: nobody listens. */
		if (fds[WAIT_OUT].revents & ~POLLOUT)
			return 0;
		if (fds[WAIT_CHANGES].revents)
			watch_drain(agent, false);
		/* A directory that is mounted over is another one, of which
		 * its watch says nothing. */
		if (fds[WAIT_MOUNTS].revents)
			watch_lose(agent);
		if (fds[WAIT_SLOW].revents)
			slow_finish(agent);
		if (fds[WAIT_IN].revents && stream_fill(s) == -EPIPE)
			return 0;
		err = carry_out_all(agent);
		if (err) {
			complain("the input is no message");
			return err;
		}
		locks_retry(agent, agent->kinds.now_ms);
		stream_flush(s);
	}
	return 0;
}

int main(int argc, char **argv)
{
	static struct agent agent;
	int err;

	if (argc > 1)
		(void)unlink(argv[1]);
	(void)signal(SIGPIPE, SIG_IGN);
	err = agent_init(&agent);
	if (!err)
		err = stream_open(&agent.stream, STDIN_FILENO, STDOUT_FILENO);
	if (err) {
		complain(strerror(-err));
		return EXIT_FAILURE;
	}
	agent.mounts = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	say_hello(&agent);
	/* The kernel takes back what is left: a slow request may be under way,
	 * and is not waited for. */
	err = serve(&agent);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
