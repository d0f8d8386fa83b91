/*
 * list: a directory with the attributes of all that is in it, in one request.
 *
 * The directory is opened once and is the working directory meanwhile, so that
 * each entry costs no walk. Entries that vanish while they are looked at are
 * left out. The watch is set before the first entry is read: whatever changes
 * after that is reported, and reported behind the answer.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ops/agent/attr.h"
#include "ops/agent/watch.h"

enum {
	LIST_PART = 65536, /* of an answer, from which on it is sent */
};

/* What getdents64 writes. */
struct entry {
	uint64_t ino;
	int64_t next;
	uint16_t size;
	uint8_t type;
	char name[];
};

struct listing {
	struct agent *agent;
	struct request *rq;
	struct place place; /* .dir is the directory, .name the entry */
	uint32_t most;
	uint32_t n; /* in the part under construction */
	bool complete;
};

/* Each part begins with the number of its entries, known at its end. */
static void begin_part(struct listing *l)
{
	l->n = 0;
	wire_put_u32(&l->rq->out, 0);
}

static void end_part(struct listing *l)
{
	struct wire_out count = { .data = l->rq->out.data, .size = 4 };

	wire_put_u32(&count, l->n);
}

static void put_entry(struct listing *l, const char *name)
{
	char target[WIRE_LINK_MAX];
	struct wire_attr attr;
	ssize_t len = 0;

	l->place.name = name;
	if (attr_here(l->agent, &l->place, &attr))
		return;
	if (S_ISLNK(attr.mode))
		len = readlinkat(l->place.dir, name, target, sizeof(target));
	if (len < 0)
		return;
	wire_put_text(&l->rq->out, name);
	wire_put_attr(&l->rq->out, &attr);
	wire_put_data(&l->rq->out, target, (size_t)len);
	l->n++;
	if (l->rq->out.len < LIST_PART)
		return;
	end_part(l);
	request_more(l->agent, l->rq);
	begin_part(l);
}

/* The entries of one getdents64. false: that is enough. */
static bool put_entries(struct listing *l, long len)
{
	long at = 0;

	while (at < len) {
		const struct entry *e = (const void *)(l->agent->scratch + at);

		at += e->size;
		if (!strcmp(e->name, ".") || !strcmp(e->name, ".."))
			continue;
		if (l->most == 0)
			return false;
		l->most--;
		put_entry(l, e->name);
	}
	return true;
}

static int put_all(struct listing *l)
{
	for (;;) {
		long len = syscall(SYS_getdents64, l->place.dir,
		                   l->agent->scratch,
		                   sizeof(l->agent->scratch));

		if (len < 0)
			return -errno;
		l->complete = len == 0;
		if (l->complete || !put_entries(l, len))
			return 0;
	}
}

static int list_open(struct agent *agent, struct request *rq, int dir,
                     uint64_t watch, uint32_t most)
{
	struct listing l = { .agent = agent, .rq = rq, .most = most };
	struct wire_attr attr = { 0 };
	bool watched;
	int err;

	l.place = (struct place){ .dir = dir, .name = "" };
	err = attr_enter(&l.place);
	if (err)
		return err;
	watched = watch && watch_here(agent, dir, watch);
	err = attr_here(agent, &l.place, &attr);
	begin_part(&l);
	if (!err)
		err = put_all(&l);
	attr_leave(agent);
	end_part(&l);
	wire_put_attr(&rq->out, &attr);
	wire_put_u8(&rq->out, l.complete);
	wire_put_u8(&rq->out, watched);
	return err;
}

int list_directory(struct agent *agent, struct request *rq)
{
	int err = path_get(&rq->in, agent->path[0]);
	uint64_t watch = wire_get_u64(&rq->in);
	uint32_t most = wire_get_u32(&rq->in);
	int dir;

	if (!wire_end(&rq->in))
		return -EBADMSG;
	if (err)
		return err;
	dir = path_open(agent, agent->path[0], O_RDONLY | O_DIRECTORY);
	if (dir < 0)
		return dir;
	err = list_open(agent, rq, dir, watch, most);
	close(dir);
	return err;
}
