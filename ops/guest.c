/*
 * guest: from typed calls to messages, and from messages to typed answers.
 *
 * Owns the channel to one machine's agent, and when there is one. The table
 * `shapes` is the protocol's other half: one row for each operation, a letter
 * for each field in the order of the wire. A new operation is a row.
 */
#include "ops/guest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "ops/agent.h"
#include "ops/channel.h"

enum { BODY_SIZE = 2 * WIRE_PATH_MAX + WIRE_XATTR_MAX + 4096, WHY_MAX = 400 };

/*
 * Asked: p path, P new_path, h handle, H other, o offset, O to_offset, l
 * length, L owner of a lock, w watch, f flags, s size, m mode, r rdev, t type,
 * b flag, U owner of a new file, T text, V data, D data at the message's end,
 * S what setattr sets.
 * Answered: a attr, t text, R resolved, h handle, d data, n a u32 number, N a
 * u64 number, x data or, if no size was asked for, a number, s statfs, k lock,
 * e entries.
 */
static const struct {
	const char *asked;
	const char *answered;
} shapes[WIRE_N_OPS] = {
	[WIRE_STAT] = { "p", "at" },        [WIRE_LIST] = { "pws", "e" },
	[WIRE_READLINK] = { "p", "tR" },    [WIRE_OPEN] = { "phfs", "had" },
	[WIRE_CREATE] = { "pfmU", "ha" },   [WIRE_CLOSE] = { "h", "" },
	[WIRE_READ] = { "hos", "d" },       [WIRE_WRITE] = { "hobD", "n" },
	[WIRE_FSYNC] = { "hb", "" },        [WIRE_SETATTR] = { "phS", "a" },
	[WIRE_GETATTR] = { "ph", "a" },     [WIRE_MKDIR] = { "pmU", "a" },
	[WIRE_MKNOD] = { "pmrU", "a" },     [WIRE_SYMLINK] = { "pTU", "a" },
	[WIRE_LINK] = { "phP", "a" },       [WIRE_UNLINK] = { "p", "" },
	[WIRE_RMDIR] = { "p", "" },         [WIRE_RENAME] = { "pPf", "" },
	[WIRE_STATFS] = { "ph", "s" },      [WIRE_GETXATTR] = { "phTs", "x" },
	[WIRE_SETXATTR] = { "phTVf", "" },  [WIRE_LISTXATTR] = { "phs", "x" },
	[WIRE_REMOVEXATTR] = { "phT", "" }, [WIRE_FALLOCATE] = { "hmol", "" },
	[WIRE_SEEK] = { "hof", "N" },       [WIRE_COPY] = { "hoHOl", "N" },
	[WIRE_SETLK] = { "hLtolb", "" },    [WIRE_GETLK] = { "hLtol", "k" },
	[WIRE_FLOCK] = { "htb", "" },       [WIRE_UNLOCK_OWNER] = { "hL", "" },
	[WIRE_UNWATCH] = { "w", "" },       [WIRE_PING] = { "", "" },
};

/* Room that a guest needs as soon as anything is asked of it: too much for all
 * those that somebody only looked at. */
struct scratch {
	struct guest_reply reply; /* for the callback that runs */
	unsigned char body[BODY_SIZE];
};

struct guest {
	struct guest_spec spec;
	struct channel *channel; /* NULL: no agent */
	uint64_t epoch;
	unsigned n_held; /* things open in it, and calls under way */
	struct alarm *idle;
	char *machine;
	char *arch;
	char why[WHY_MAX];
	struct scratch *scratch; /* NULL before the first agent */
};

/* A call under way. */
struct pending {
	struct guest *guest;
	enum wire_op op;
	bool sized; /* an xattr's data were asked for, not its size */
	int err;    /* of a part of the answer */
	guest_fn *done;
	void *arg;
};

/* ---- messages ---- */

static void put_field(struct wire_out *out, char field,
                      const struct guest_call *c)
{
	switch (field) {
	case 'p':
		wire_put_text(out, c->path ? c->path : "");
		return;
	case 'P':
		wire_put_text(out, c->new_path);
		return;
	case 'h':
		wire_put_u64(out, c->handle);
		return;
	case 'H':
		wire_put_u64(out, c->other);
		return;
	case 'o':
		wire_put_u64(out, c->offset);
		return;
	case 'O':
		wire_put_u64(out, c->to_offset);
		return;
	case 'l':
		wire_put_u64(out, c->length);
		return;
	case 'L':
		wire_put_u64(out, c->owner);
		return;
	case 'w':
		wire_put_u64(out, c->watch);
		return;
	case 'f':
		wire_put_u32(out, c->flags);
		return;
	case 's':
		wire_put_u32(out, c->size);
		return;
	case 'm':
		wire_put_u32(out, c->mode);
		return;
	case 'r':
		wire_put_u32(out, c->rdev);
		return;
	case 't':
		wire_put_u32(out, c->type);
		return;
	case 'b':
		wire_put_u8(out, c->flag);
		return;
	case 'U':
		wire_put_u32(out, c->uid);
		wire_put_u32(out, c->gid);
		wire_put_u32(out, c->umask);
		return;
	case 'T':
		wire_put_text(out, c->text);
		return;
	case 'V':
		wire_put_data(out, c->data, c->len);
		return;
	case 'D':
		wire_put_u32(out, (uint32_t)c->len);
		return;
	case 'S':
		wire_put_u32(out, c->set);
		wire_put_u32(out, c->mode);
		wire_put_u32(out, c->set_uid);
		wire_put_u32(out, c->set_gid);
		wire_put_u64(out, c->set_size);
		wire_put_time(out, &c->atime);
		wire_put_time(out, &c->mtime);
		return;
	}
}

/* The body of a call, in the guest's scratch memory. */
static struct wire_out body_of(struct guest *guest,
                               const struct guest_call *call)
{
	struct wire_out out = {
		.data = guest->scratch->body,
		.size = BODY_SIZE,
	};

	for (const char *f = shapes[call->op].asked; *f; f++)
		put_field(&out, *f, call);
	return out;
}

static void get_field(struct wire_in *in, char field, bool sized,
                      struct guest_reply *r)
{
	switch (field) {
	case 'a':
		wire_get_attr(in, &r->attr);
		return;
	case 't':
		wire_get_text(in, r->text, sizeof(r->text));
		return;
	case 'R':
		wire_get_text(in, r->resolved, sizeof(r->resolved));
		return;
	case 'h':
		r->handle = wire_get_u64(in);
		return;
	case 'd':
		r->data = wire_get_data(in, WIRE_DATA_MAX, &r->len);
		return;
	case 'n':
		r->number = wire_get_u32(in);
		return;
	case 'N':
		r->number = wire_get_u64(in);
		return;
	case 'x':
		if (sized)
			r->data = wire_get_data(in, WIRE_XATTR_MAX, &r->len);
		else
			r->number = wire_get_u32(in);
		return;
	case 's':
		r->fs.blocks = wire_get_u64(in);
		r->fs.bfree = wire_get_u64(in);
		r->fs.bavail = wire_get_u64(in);
		r->fs.files = wire_get_u64(in);
		r->fs.ffree = wire_get_u64(in);
		r->fs.bsize = wire_get_u32(in);
		r->fs.namelen = wire_get_u32(in);
		return;
	case 'k':
		r->lock_type = wire_get_u32(in);
		r->lock_start = wire_get_u64(in);
		r->lock_end = wire_get_u64(in);
		r->lock_pid = wire_get_u32(in);
		return;
	}
}

bool guest_next_entry(struct guest_reply *reply, struct guest_entry *entry)
{
	struct wire_in *in = &reply->entries;
	size_t len = wire_get_text(in, entry->name, sizeof(entry->name));

	wire_get_attr(in, &entry->attr);
	wire_get_text(in, entry->target, sizeof(entry->target));
	return !in->bad && wire_name_ok(entry->name, len);
}

/* A LIST's reply: entries, and in the last one what holds for all. The entries
 * are left in place, so they are passed over here to find the end. */
static bool get_entries(struct wire_in *in, bool more, struct guest_reply *r)
{
	size_t len;

	r->n_entries = wire_get_u32(in);
	r->entries = *in;
	for (uint32_t i = 0; i < r->n_entries && !in->bad; i++) {
		(void)wire_get_data(in, WIRE_NAME_MAX, &len);
		if (in->len < WIRE_ATTR)
			return false;
		in->data += WIRE_ATTR;
		in->len -= WIRE_ATTR;
		(void)wire_get_data(in, WIRE_LINK_MAX, &len);
	}
	if (!more) {
		wire_get_attr(in, &r->attr);
		r->complete = wire_get_u8(in) != 0;
		r->watched = wire_get_u8(in) != 0;
	}
	return wire_end(in);
}

static bool get_reply(const struct pending *p, struct wire_in *in, bool more,
                      struct guest_reply *r)
{
	r->data = NULL;
	r->len = 0;
	if (p->op == WIRE_LIST)
		return get_entries(in, more, r);
	if (more)
		return false;
	for (const char *f = shapes[p->op].answered; *f; f++)
		get_field(in, *f, p->sized, r);
	return wire_end(in);
}

/* ---- the agent's life ---- */

static void on_idle(void *arg)
{
	struct guest *guest = arg;

	guest->idle = NULL; /* it fired */
	guest_hang_up(guest);
}

/* Watch for idleness as long as nothing needs the agent. */
static void mind_idle(struct guest *guest)
{
	struct clock *clock = guest->spec.clock;

	clock->cancel(clock, guest->idle);
	guest->idle = NULL;
	if (guest->channel && guest->n_held == 0)
		guest->idle = clock->set(clock, GUEST_IDLE_MS, on_idle, guest);
}

void guest_hold(struct guest *guest)
{
	if (guest->n_held++ == 0)
		mind_idle(guest);
}

void guest_let_go(struct guest *guest)
{
	if (--guest->n_held == 0)
		mind_idle(guest);
}

static bool on_changed(const struct guest_spec *spec, struct wire_in *body)
{
	char name[WIRE_NAME_MAX + 1];
	uint64_t watch = wire_get_u64(body);
	uint32_t change = wire_get_u32(body);

	wire_get_text(body, name, sizeof(name));
	if (!wire_end(body))
		return false;
	spec->events.changed(spec->arg, watch, change, name);
	return true;
}

static bool on_moved(const struct guest_spec *spec, struct wire_in *body)
{
	char name[WIRE_NAME_MAX + 1];
	char new_name[WIRE_NAME_MAX + 1];
	uint64_t watch, new_watch;

	watch = wire_get_u64(body);
	wire_get_text(body, name, sizeof(name));
	new_watch = wire_get_u64(body);
	wire_get_text(body, new_name, sizeof(new_name));
	if (!wire_end(body) || !wire_name_ok(new_name, strlen(new_name)))
		return false;
	spec->events.moved(spec->arg, watch, name, new_watch, new_name);
	return true;
}

static void on_event(void *arg, enum wire_op op, struct wire_in *body)
{
	const struct guest *guest = arg;
	const struct guest_spec *spec = &guest->spec;

	/* When nobody knows what it meant, it may have meant anything. */
	if (!(op == WIRE_CHANGED && on_changed(spec, body)) &&
	    !(op == WIRE_MOVED && on_moved(spec, body)))
		spec->events.lost(spec->arg);
}

static void on_broken(void *arg, int err, const char *why)
{
	struct guest *guest = arg;

	(void)err; /* each call was told */
	snprintf(guest->why, sizeof(guest->why), "%s", why);
	guest_hang_up(guest);
}

static const struct agent_image *image_for(const struct guest *guest)
{
	struct utsname host;
	const char *arch = guest->arch;

	if (!arch && uname(&host) == 0)
		arch = strcmp(host.machine, "x86_64") == 0 ? "amd64" : "arm64";
	return arch ? agent_image_find(arch) : NULL;
}

/* See that there is a channel. 0 or a negative errno. */
static int bring_up(struct guest *guest)
{
	const struct agent_image *image;
	struct channel_spec spec = {
		.loop = guest->spec.loop,
		.engine = guest->spec.engine,
		.clock = guest->spec.clock,
		.log = guest->spec.log,
		.machine = guest->machine,
		.on_event = on_event,
		.on_broken = on_broken,
		.arg = guest,
	};
	int err = 0;

	if (guest->channel)
		return 0;
	if (!guest->machine)
		return -ENODEV;
	image = image_for(guest);
	if (!image) {
		snprintf(guest->why, sizeof(guest->why),
		         "this orbfs carries no agent for %s",
		         guest->arch ? guest->arch : "this machine");
		return -EOPNOTSUPP;
	}
	if (!guest->scratch)
		guest->scratch = calloc(1, sizeof(*guest->scratch));
	if (!guest->scratch)
		return -ENOMEM;
	spec.image = image->data;
	spec.image_len = image->len;
	guest->channel = channel_open(&spec, &err);
	if (guest->channel && guest->spec.n_agents)
		++*guest->spec.n_agents;
	if (!guest->channel)
		return err;
	guest->epoch++;
	mind_idle(guest);
	return 0;
}

struct guest *guest_new(const struct guest_spec *spec)
{
	struct guest *guest = calloc(1, sizeof(*guest));

	if (guest)
		guest->spec = *spec;
	return guest;
}

int guest_set_machine(struct guest *guest, const char *name, const char *arch)
{
	char *n = strdup(name);
	char *a = arch ? strdup(arch) : NULL;

	if (!n || (arch && !a)) {
		free(n);
		free(a);
		return -ENOMEM;
	}
	free(guest->machine);
	free(guest->arch);
	guest->machine = n;
	guest->arch = a;
	return 0;
}

/* Take the channel away, so that whoever is called back meets none. */
static void drop_channel(struct guest *guest)
{
	struct channel *channel = guest->channel;

	guest->channel = NULL;
	if (channel && guest->spec.n_agents)
		--*guest->spec.n_agents;
	guest->spec.clock->cancel(guest->spec.clock, guest->idle);
	guest->idle = NULL;
	channel_close(channel);
}

void guest_hang_up(struct guest *guest)
{
	if (!guest->channel)
		return;
	if (!*channel_why(guest->channel))
		snprintf(guest->why, sizeof(guest->why), "the agent was ended");
	drop_channel(guest);
	guest->spec.events.lost(guest->spec.arg);
}

void guest_forget_machine(struct guest *guest)
{
	free(guest->machine);
	guest->machine = NULL;
	if (guest->channel && !channel_is_ready(guest->channel))
		guest_hang_up(guest);
}

void guest_free(struct guest *guest)
{
	if (!guest)
		return;
	drop_channel(guest);
	free(guest->machine);
	free(guest->arch);
	free(guest->scratch);
	free(guest);
}

bool guest_is_up(const struct guest *guest)
{
	return guest->channel != NULL;
}

uint64_t guest_epoch(const struct guest *guest)
{
	return guest->epoch;
}

const char *guest_why(const struct guest *guest)
{
	return guest->channel ? channel_why(guest->channel) : guest->why;
}

/* ---- calls ---- */

static void on_reply(void *arg, int err, struct wire_in *body, bool more)
{
	struct pending *p = arg;
	struct guest *guest = p->guest;
	struct guest_reply *reply = &guest->scratch->reply;
	guest_fn *done = p->done;
	void *done_arg = p->arg;

	if (err == -ECANCELED)
		err = -EIO; /* hung up on */
	if (!err && !get_reply(p, body, more, reply))
		err = -EPROTO;
	if (more) {
		/* A part that makes no sense is not the last word: the call
		 * ends with the agent's own, and fails then. */
		if (err)
			p->err = err;
		else
			done(done_arg, 0, reply, true);
		return;
	}
	if (!err)
		err = p->err;
	free(p);
	guest_let_go(guest);
	done(done_arg, err, err ? NULL : reply, false);
}

uint32_t guest_ask(struct guest *guest, const struct guest_call *call,
                   guest_fn *done, void *arg)
{
	struct pending *p = malloc(sizeof(*p));
	int err = p ? bring_up(guest) : -ENOMEM;
	struct wire_out body;
	bool has_data;

	if (err) {
		free(p);
		done(arg, err, NULL, false);
		return 0;
	}
	*p = (struct pending){ .guest = guest,
		               .op = call->op,
		               .sized = call->size > 0,
		               .done = done,
		               .arg = arg };
	guest_hold(guest);
	body = body_of(guest, call);
	has_data = strchr(shapes[call->op].asked, 'D') != NULL;
	/* Letting go of a lock waits for nobody. */
	if (call->flag && call->type != 2 &&
	    (call->op == WIRE_SETLK || call->op == WIRE_FLOCK))
		channel_no_deadline(guest->channel);
	return channel_ask(guest->channel, call->op, &body,
	                   has_data ? call->data : NULL,
	                   has_data ? call->len : 0, on_reply, p);
}

void guest_tell(struct guest *guest, const struct guest_call *call)
{
	struct wire_out body;

	if (!guest->channel)
		return;
	body = body_of(guest, call);
	channel_tell(guest->channel, call->op, &body);
}

void guest_cancel(struct guest *guest, uint32_t id)
{
	unsigned char data[4];
	struct wire_out body = { .data = data, .size = sizeof(data) };

	if (!guest->channel || !id)
		return;
	wire_put_u32(&body, id);
	channel_tell(guest->channel, WIRE_CANCEL, &body);
}
