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
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "ops/agent/path.h"

enum {
	MAIN_SPARE_FDS = 64, /* descriptors that are not for open files */
};

static void complain(const char *what)
{
	(void)fprintf(stderr, "orbfs agent: %s\n", what);
}

/* As many descriptors as we may have; returns how many open files that is. */
static size_t raise_limits(void)
{
	struct rlimit limit = { .rlim_cur = 256 };

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
		(void)getrlimit(RLIMIT_NOFILE, &limit);
	}
	if (limit.rlim_cur > HANDLES_MAX + MAIN_SPARE_FDS)
		return HANDLES_MAX;
	if (limit.rlim_cur < 2 * MAIN_SPARE_FDS)
		return MAIN_SPARE_FDS / 2;
	return (size_t)limit.rlim_cur - MAIN_SPARE_FDS;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
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

/* Carry out everything that has come in full, and send the answers, as long as
 * somebody takes them. -EBADMSG: what came is no message. */
static int carry_out_all(struct agent *agent)
{
	struct stream *s = &agent->stream;
	struct wire_header h;
	struct wire_in body;
	int got = 1;

	while (got > 0 && stream_pending(s) < STREAM_STUCK) {
		got = stream_next(s, &h, &body);
		if (got > 0 && !request_carry_out(agent, &h, &body))
			return -EBADMSG;
		if (got == 0 || stream_pending(s) >= STREAM_STUCK)
			stream_flush(s);
	}
	return got < 0 ? got : 0;
}

static int serve(struct agent *agent)
{
	struct stream *s = &agent->stream;
	struct pollfd fds[] = {
		{ .fd = s->in, .events = POLLIN },
		{ .fd = s->out },
	};

	while (!s->broken) {
		bool stuck = stream_pending(s) >= STREAM_STUCK;
		int err = 0;

		fds[0].fd = stuck ? -1 : s->in;
		fds[1].events = stream_pending(s) ? POLLOUT : 0;
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return -errno;
		agent->kinds.now_ms = now_ms();
		if (fds[0].revents && !stuck)
			err = stream_fill(s);
		if (err == -EPIPE)
			return 0;
		err = carry_out_all(agent);
		if (err) {
			complain("the input is no message");
			return err;
		}
	}
	return 0;
}

int agent_init(struct agent *agent)
{
	memset(agent, 0, sizeof(*agent));
	handles_init(&agent->handles, raise_limits());
	identity_init(&agent->identity);
	agent->has_openat2 = path_has_openat2();
	agent->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return agent->root < 0 || chdir("/") < 0 ? -errno : 0;
}

void agent_free(struct agent *agent)
{
	handles_free(&agent->handles);
	if (agent->root >= 0)
		close(agent->root);
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
	say_hello(&agent);
	err = serve(&agent);
	stream_close(&agent.stream);
	agent_free(&agent);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
