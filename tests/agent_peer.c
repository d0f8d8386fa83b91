/*
 * agent_peer: the daemon's side of a guest agent, by hand.
 *
 * The pipes block; poll before each read bounds it. A frame is read exactly, so
 * what follows it stays in the pipe.
 */
#include "tests/agent_peer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { PEER_WORDS = 8 };

#ifndef SYS_openat2
#define SYS_openat2 437
#endif

/* ---- the process ---- */

/* The command, in memory of the caller's. */
static void command(char text[4096], char *words[PEER_WORDS], const char *arg)
{
	const char *given = getenv("ORBFS_AGENT");
	size_t n = 0;
	char *rest;
	char *slash;
	ssize_t len;

	if (given) {
		(void)snprintf(text, 4096, "%s", given);
	} else {
		len = readlink("/proc/self/exe", text, 4000);
		assert_true(len > 0);
		text[len] = '\0';
		slash = strrchr(text, '/');
		(void)strcpy(slash, "/agent");
	}
	for (char *w = strtok_r(text, " ", &rest); w && n < PEER_WORDS - 2;
	     w = strtok_r(NULL, " ", &rest))
		words[n++] = w;
	if (arg)
		words[n++] = (char *)arg;
	words[n] = NULL;
}

bool peer_is_shipped(void)
{
	const char *given = getenv("ORBFS_AGENT");

	return given && !strchr(given, ' ') && !strstr(given, "san");
}

/* As before Linux 5.6. It lasts over the exec. */
static bool lose_openat2(void)
{
	struct sock_filter steps[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		         offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog filter = { .len = 4, .filter = steps };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

static void become_agent(int in, int out, int errors, const char *arg, bool old)
{
	char text[4096];
	char *words[PEER_WORDS];

	command(text, words, arg);
	if (old && !lose_openat2())
		_exit(126);
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(errors, 2) < 0)
		_exit(126);
	for (int fd = 3; fd < 64; fd++)
		close(fd);
	execvp(words[0], words);
	_exit(127);
}

static struct peer *start(const char *arg, bool old)
{
	struct peer *p = calloc(1, sizeof(*p));
	char name[] = "/tmp/orbfs-agent-errors-XXXXXX";
	int in[2];
	int out[2];

	assert_non_null(p);
	(void)strcpy(p->dir, "/tmp/orbfs-agent-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	assert_int_equal(chmod(p->dir, 0755), 0);
	p->errors = mkstemp(name);
	assert_true(p->errors >= 0);
	unlink(name);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	(void)signal(SIGPIPE, SIG_IGN);
	p->pid = fork();
	assert_true(p->pid >= 0);
	if (p->pid == 0)
		become_agent(in[0], out[1], p->errors, arg, old);
	close(in[0]);
	close(out[1]);
	p->to = in[1];
	p->from = out[0];
	assert_true(peer_receive(p));
	assert_int_equal(p->h.op, WIRE_HELLO);
	return p;
}

struct peer *peer_start_with(const char *arg)
{
	return start(arg, false);
}

struct peer *peer_start(void)
{
	return start(NULL, false);
}

struct peer *peer_start_old(void)
{
	return start(NULL, true);
}

static void remove_tree(const char *dir)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		execlp("rm", "rm", "-rf", dir, (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* Its exit status, or a failed test. */
static int ended(struct peer *p)
{
	int status;

	for (int ms = 0; ms < PEER_MS; ms += 5) {
		pid_t pid = waitpid(p->pid, &status, WNOHANG);

		assert_true(pid >= 0);
		if (pid == p->pid) {
			assert_true(WIFEXITED(status));
			return WEXITSTATUS(status);
		}
		(void)poll(NULL, 0, 5);
	}
	kill(p->pid, SIGKILL);
	(void)waitpid(p->pid, &status, 0);
	fail_msg("the agent did not end");
	return -1;
}

void peer_end_with(struct peer *p, int status)
{
	char text[4096];
	int left;

	close(p->to);
	left = ended(p);
	if (left != status) {
		ssize_t n = pread(p->errors, text, sizeof(text) - 1, 0);

		text[n > 0 ? n : 0] = '\0';
		fail_msg("the agent ended with %d: %s", left, text);
	}
	close(p->from);
	close(p->errors);
	remove_tree(p->dir);
	free(p);
}

void peer_end(struct peer *p)
{
	peer_end_with(p, 0);
}

const char *peer_path(struct peer *p, const char *name)
{
	static char text[4][WIRE_PATH_MAX];
	static unsigned next;
	char *to = text[next++ % 4];

	(void)snprintf(to, sizeof(text[0]), *name ? "%s/%s" : "%s", p->dir,
	               name);
	return to;
}

/* ---- sending ---- */

static void put_part(struct peer *p, struct wire_out *out, char part,
                     va_list *args)
{
	const void *data;

	switch (part) {
	case 'p':
	case 'n':
		wire_put_text(out,
		              peer_path(p, va_arg(*args, const char *)) + 1);
		if (part == 'n')
			wire_put_u64(out, va_arg(*args, uint64_t));
		break;
	case 'a':
	case 't':
		wire_put_text(out, va_arg(*args, const char *));
		break;
	case 'd':
		data = va_arg(*args, const void *);
		wire_put_data(out, data, va_arg(*args, size_t));
		break;
	case '1':
		wire_put_u8(out, (uint8_t)va_arg(*args, unsigned));
		break;
	case '4':
		wire_put_u32(out, va_arg(*args, unsigned));
		break;
	case '8':
		wire_put_u64(out, va_arg(*args, uint64_t));
		break;
	case 'o':
		for (int i = 0; i < 3; i++)
			wire_put_u32(out, va_arg(*args, unsigned));
		break;
	default:
		fail_msg("no part is called %c", part);
	}
}

static uint32_t send_frame(struct peer *p, enum wire_op op, const char *format,
                           va_list *args)
{
	static unsigned char frame[WIRE_HEADER + WIRE_BODY_MAX];
	struct wire_out out = { .data = frame + WIRE_HEADER,
		                .size = WIRE_BODY_MAX };
	struct wire_header h = { .op = (uint16_t)op, .id = ++p->last_id };
	size_t len;

	for (; *format; format++)
		put_part(p, &out, *format, args);
	assert_false(out.over);
	h.size = (uint32_t)out.len;
	wire_put_header(&h, frame);
	len = WIRE_HEADER + out.len;
	for (size_t at = 0; at < len;) {
		ssize_t n = write(p->to, frame + at, len - at);

		assert_true(n > 0);
		at += (size_t)n;
	}
	return h.id;
}

uint32_t peer_send(struct peer *p, enum wire_op op, const char *format, ...)
{
	va_list args;
	uint32_t id;

	va_start(args, format);
	id = send_frame(p, op, format, &args);
	va_end(args);
	return id;
}

/* ---- receiving ---- */

static bool read_all(struct peer *p, unsigned char *to, size_t len)
{
	while (len > 0) {
		struct pollfd in = { .fd = p->from, .events = POLLIN };
		ssize_t n;

		if (poll(&in, 1, PEER_MS) != 1)
			fail_msg("the agent says nothing");
		n = read(p->from, to, len);
		assert_true(n >= 0);
		if (n == 0)
			return false;
		to += n;
		len -= (size_t)n;
	}
	return true;
}

static void keep_event(struct peer *p)
{
	struct peer_event *e = &p->events[p->n_events];

	if (p->drop_changes && p->h.op == WIRE_CHANGED)
		return;
	assert_true(p->n_events < PEER_EVENTS);
	*e = (struct peer_event){ .op = p->h.op };
	if (p->h.op == WIRE_CHANGED) {
		e->watch = wire_get_u64(&p->body);
		e->change = wire_get_u32(&p->body);
		wire_get_text(&p->body, e->name, sizeof(e->name));
	} else if (p->h.op == WIRE_MOVED) {
		e->watch = wire_get_u64(&p->body);
		wire_get_text(&p->body, e->name, sizeof(e->name));
		e->new_watch = wire_get_u64(&p->body);
		wire_get_text(&p->body, e->new_name, sizeof(e->new_name));
	}
	assert_true(wire_end(&p->body));
	p->n_events++;
}

bool peer_receive(struct peer *p)
{
	for (;;) {
		if (!read_all(p, p->frame, WIRE_HEADER))
			return false;
		assert_true(wire_get_header(p->frame, &p->h));
		if (!read_all(p, p->frame + WIRE_HEADER, p->h.size))
			return false;
		p->body = (struct wire_in){ .data = p->frame + WIRE_HEADER,
			                    .len = p->h.size };
		if (p->h.op < WIRE_CHANGED || p->h.op > WIRE_MOVED)
			return true;
		assert_int_equal(p->h.id, 0);
		keep_event(p);
	}
}

int peer_ask(struct peer *p, enum wire_op op, const char *format, ...)
{
	va_list args;
	uint32_t id;

	va_start(args, format);
	id = send_frame(p, op, format, &args);
	va_end(args);
	assert_true(peer_receive(p));
	assert_int_equal(p->h.id, id);
	assert_int_equal(p->h.op, op);
	assert_true(p->h.flags & WIRE_REPLY);
	if (p->h.err)
		assert_int_equal(p->h.size, 0);
	return (int)p->h.err;
}

uint64_t peer_open(struct peer *p, const char *name, unsigned flags)
{
	assert_int_equal(
		peer_ask(p, WIRE_OPEN, "n44", name, UINT64_C(0), flags, 0), 0);
	return wire_get_u64(&p->body);
}

uint64_t peer_create(struct peer *p, const char *name, unsigned flags)
{
	assert_int_equal(peer_ask(p, WIRE_CREATE, "p44o", name, flags, 0644,
	                          WIRE_OWNER_PARENT, 0, 022),
	                 0);
	return wire_get_u64(&p->body);
}

/* ---- events ---- */

static bool is_event(const struct peer_event *e, const struct peer_event *want)
{
	return e->op == want->op && e->watch == want->watch &&
	       e->change == want->change && strcmp(e->name, want->name) == 0 &&
	       e->new_watch == want->new_watch &&
	       strcmp(e->new_name, want->new_name) == 0;
}

static bool take_event(struct peer *p, const struct peer_event *want)
{
	for (unsigned i = 0; i < p->n_events; i++) {
		struct peer_event *e = &p->events[i];

		if (!is_event(e, want))
			continue;
		p->n_events--;
		memmove(e, e + 1, (p->n_events - i) * sizeof(*e));
		return true;
	}
	return false;
}

static void expect_event(struct peer *p, const struct peer_event *want)
{
	for (int i = 0; i < 1000; i++) {
		if (take_event(p, want)) {
			while (take_event(p, want))
				;
			return;
		}
		/* The answer comes behind what was there before. */
		assert_int_equal(peer_ask(p, WIRE_PING, ""), 0);
		(void)poll(NULL, 0, 1);
	}
	fail_msg("no event %u (%u) of %s came", want->op, want->change,
	         want->name);
}

void peer_expect_event(struct peer *p, uint64_t watch, uint32_t change,
                       const char *name)
{
	struct peer_event want = { .op = WIRE_CHANGED,
		                   .watch = watch,
		                   .change = change };

	strcpy(want.name, name);
	expect_event(p, &want);
}

void peer_expect_moved(struct peer *p, uint64_t watch, const char *name,
                       uint64_t new_watch, const char *new_name)
{
	struct peer_event want = { .op = WIRE_MOVED,
		                   .watch = watch,
		                   .new_watch = new_watch };

	strcpy(want.name, name);
	strcpy(want.new_name, new_name);
	expect_event(p, &want);
}

void peer_expect_lost(struct peer *p)
{
	for (int i = 0; i < 1000; i++) {
		for (unsigned j = 0; j < p->n_events; j++)
			if (p->events[j].op == WIRE_LOST)
				return;
		assert_int_equal(peer_ask(p, WIRE_PING, ""), 0);
		(void)poll(NULL, 0, 1);
	}
	fail_msg("nothing was lost");
}

void peer_expect_silence(struct peer *p)
{
	/* Events are taken before what comes with them is carried out. */
	for (int i = 0; i < 2; i++)
		assert_int_equal(peer_ask(p, WIRE_PING, ""), 0);
	if (p->n_events > 0)
		fail_msg("an event came: %u of '%s'", p->events[0].change,
		         p->events[0].name);
}
