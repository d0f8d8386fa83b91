/*
 * open: files that are open, from open to close.
 *
 * Reads go from the file straight into the output buffer, writes from the
 * input buffer straight into the file. A read goes on until it has all or the
 * file says it ends, since files made up while they are read hand out pieces.
 *
 * O_DIRECT is asked for when a file is opened, so that a file system without
 * it says so, and given up then: the data comes over a stream, and its place
 * in our memory is not aligned to anything.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ops/agent/attr.h"
#include "ops/agent/watch.h"

enum {
	OPEN_ALL = WIRE_O_READ | WIRE_O_WRITE | WIRE_O_APPEND | WIRE_O_TRUNC |
	           WIRE_O_EXCL | WIRE_O_SYNC | WIRE_O_DIRECT | WIRE_O_NOATIME |
	           WIRE_O_KILL_SUID,
	OPEN_RACES = 16, /* a file that comes and goes this often is refused */
};

/* The kernel's flags for the protocol's; -EINVAL for none or unknown ones. */
static int open_flags(uint32_t flags)
{
	static const struct {
		uint32_t wire;
		int kernel;
	} table[] = {
		{ WIRE_O_APPEND, O_APPEND },   { WIRE_O_TRUNC, O_TRUNC },
		{ WIRE_O_SYNC, O_SYNC },       { WIRE_O_DIRECT, O_DIRECT },
		{ WIRE_O_NOATIME, O_NOATIME },
	};
	static const int access[] = { -EINVAL, O_RDONLY, O_WRONLY, O_RDWR };
	int kernel = access[flags & (WIRE_O_READ | WIRE_O_WRITE)];

	if (kernel < 0 || flags & ~(uint32_t)OPEN_ALL)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (flags & table[i].wire)
			kernel |= table[i].kernel;
	return kernel;
}

static int kill_suid(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!attr_set_ids(&st))
		return 0;
	return fchmod(fd, st.st_mode & 07777 & ~attr_set_ids(&st)) < 0 ? -errno
	                                                               : 0;
}

/* Remember an open file and put the answer's beginning. The descriptor is
 * taken over, whatever comes of it. */
static int put_open(struct agent *agent, struct request *rq, int fd,
                    uint32_t flags, struct handle **opened)
{
	struct wire_attr attr;
	int err = flags & WIRE_O_KILL_SUID ? kill_suid(fd) : 0;

	if (!err)
		err = attr_of_open(agent, fd, &attr);
	*opened = err ? NULL : handles_add(&agent->handles, fd, flags);
	if (!*opened) {
		close(fd);
		return err ? err : -ENFILE;
	}
	if (flags & WIRE_O_DIRECT)
		(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_DIRECT);
	(*opened)->volatile_file = attr.flags & WIRE_ATTR_VOLATILE;
	(*opened)->size = attr.size;
	(*opened)->dev = attr.dev;
	(*opened)->ino = attr.ino;
	wire_put_u64(&rq->out, (*opened)->id);
	wire_put_attr(&rq->out, &attr);
	return 0;
}

/* As many bytes as there are, at most size. A file that has told its size ends
 * there, which saves asking once more. Less than size means the end to the
 * daemon, so an error that strikes later counts, except in what is made up
 * while it is read: there it is how such files end. */
static ssize_t read_at(const struct handle *h, void *to, size_t size,
                       uint64_t offset, uint64_t end)
{
	size_t got = 0;

	if (offset > INT64_MAX)
		return -EINVAL;
	while (got < size && (got == 0 || offset + got != end)) {
		ssize_t n = pread(h->fd, (char *)to + got, size - got,
		                  (off_t)(offset + got));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && !(h->volatile_file && got > 0))
			return -errno;
		if (n <= 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

/* Put the file's bytes as data, read to where they will be sent from. */
static int put_data(struct request *rq, const struct handle *h, uint32_t size,
                    uint64_t offset, uint64_t end)
{
	size_t at = rq->out.len;
	struct wire_out len = { .data = rq->out.data + at, .size = 4 };
	ssize_t n;

	if (size > WIRE_DATA_MAX)
		size = WIRE_DATA_MAX;
	n = read_at(h, rq->out.data + at + 4, size, offset, end);
	if (n < 0)
		return (int)n;
	wire_put_u32(&len, (uint32_t)n);
	rq->out.len += 4 + (size_t)n;
	return 0;
}

/* A file that cannot be read is opened all the same: whoever opened it is told
 * when it reads. What is made up while it is read may be gone then, or may do
 * something: an open does not read it. */
static void put_beginning(struct request *rq, const struct handle *h,
                          uint32_t want)
{
	if (!(h->flags & WIRE_O_READ) || h->volatile_file || want == 0 ||
	    h->size == 0 || put_data(rq, h, want, 0, h->size))
		wire_put_data(&rq->out, NULL, 0);
}

static int open_by_path(struct agent *agent, struct request *rq, char *path,
                        uint32_t flags, struct handle **h)
{
	struct place place;
	int err = place_find(agent, path, &place);
	int fd;

	if (err)
		return err;
	if (flags & WIRE_O_TRUNC)
		own_name(agent, place.dir, place.name);
	fd = place_open(&place, open_flags(flags));
	err = fd < 0 ? fd : put_open(agent, rq, fd, flags, h);
	if (!err && flags & WIRE_O_WRITE)
		own_opened(agent, *h, &place);
	place_leave(&place);
	return err;
}

/* Once more what is open: it may have no name any more. */
static int open_again(struct agent *agent, struct request *rq,
                      const struct handle *old, uint32_t flags,
                      struct handle **h)
{
	char name[32];
	int fd;

	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", old->fd);
	fd = open(name, open_flags(flags) | O_CLOEXEC | O_NONBLOCK);
	return fd < 0 ? -errno : put_open(agent, rq, fd, flags, h);
}

int open_existing(struct agent *agent, struct request *rq)
{
	struct node node;
	int err = node_get(agent, &rq->in, &node);
	uint32_t flags = wire_get_u32(&rq->in);
	uint32_t want = wire_get_u32(&rq->in);
	struct handle *h;

	if (!wire_end(&rq->in))
		return -EBADMSG;
	if (!err && open_flags(flags) < 0)
		err = -EINVAL;
	if (!err && node.handle)
		err = open_again(agent, rq, node.handle, flags, &h);
	else if (!err)
		err = open_by_path(agent, rq, node.path, flags, &h);
	if (!err)
		put_beginning(rq, h, want);
	return err;
}

/* A file is made if it can be, else the one there is opened unless it must not
 * be there; each may be overtaken by somebody else, a few times. */
static int create_at(struct agent *agent, const struct place *place,
                     uint32_t flags, mode_t mode, const struct owner *owner)
{
	int kernel = open_flags(flags);

	for (int i = 0; i < OPEN_RACES; i++) {
		int fd = identity_take(&agent->identity, owner, place->dir);

		if (fd < 0)
			return fd;
		fd = openat(place->dir, place->name,
		            kernel | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC |
		                    O_NONBLOCK,
		            mode);
		identity_drop(&agent->identity);
		if (fd >= 0)
			return fd;
		if (errno != EEXIST || flags & WIRE_O_EXCL)
			return -errno;
		fd = place_open(place, kernel);
		if (fd != -ENOENT)
			return fd;
	}
	return -EBUSY;
}

int open_create(struct agent *agent, struct request *rq)
{
	int err = path_get(&rq->in, agent->path[0]);
	uint32_t flags = wire_get_u32(&rq->in);
	uint32_t mode = wire_get_u32(&rq->in);
	struct handle *h;
	struct owner owner;
	struct place place;
	int fd;

	identity_get(&rq->in, &owner);
	if (!wire_end(&rq->in))
		return -EBADMSG;
	if (err || open_flags(flags) < 0)
		return -EINVAL;
	err = place_find(agent, agent->path[0], &place);
	if (err)
		return err;
	own_name(agent, place.dir, place.name);
	fd = *place.name ? create_at(agent, &place, flags, mode & 07777, &owner)
	                 : -EISDIR;
	err = fd < 0 ? fd : put_open(agent, rq, fd, flags, &h);
	if (!err && flags & WIRE_O_WRITE)
		own_opened(agent, h, &place);
	place_leave(&place);
	return err;
}

int open_close(struct agent *agent, struct request *rq)
{
	struct handle *h = handles_find(&agent->handles, wire_get_u64(&rq->in));

	if (wire_end(&rq->in) && h) {
		if (h->flags & WIRE_O_WRITE)
			own_file(agent, h);
		locks_close(agent, h->id);
		handles_close(&agent->handles, h);
	}
	return REQUEST_LATER;
}

int open_read(struct agent *agent, struct request *rq)
{
	struct handle *h = handles_find(&agent->handles, wire_get_u64(&rq->in));
	uint64_t offset = wire_get_u64(&rq->in);
	uint32_t size = wire_get_u32(&rq->in);
	ssize_t n;

	if (!wire_end(&rq->in))
		return -EBADMSG;
	if (!h)
		return -EBADF;
	n = h->volatile_file ? -EINVAL
	                     : stream_take(&agent->stream, h->fd, offset, size);
	if (n < 0)
		return put_data(rq, h, size, offset, UINT64_MAX);
	request_pass(agent, rq, (size_t)n);
	return REQUEST_LATER;
}

/* All of it, or what could be written before it failed. */
static ssize_t write_at(int fd, const char *from, size_t size, uint64_t offset)
{
	size_t put = 0;

	if (offset > INT64_MAX)
		return -EINVAL;
	while (put < size) {
		ssize_t n = pwrite(fd, from + put, size - put,
		                   (off_t)(offset + put));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && put == 0)
			return -errno;
		if (n <= 0)
			break;
		put += (size_t)n;
	}
	return (ssize_t)put;
}

/* What was written through memory has its place, whatever the handle that the
 * writer's system found for it. Nobody else uses the descriptor meanwhile. */
static ssize_t write_exactly(const struct handle *h, const char *data,
                             size_t len, uint64_t offset)
{
	int flags = fcntl(h->fd, F_GETFL);
	ssize_t n;

	if (flags < 0 || fcntl(h->fd, F_SETFL, flags & ~O_APPEND) < 0)
		return -errno;
	n = write_at(h->fd, data, len, offset);
	(void)fcntl(h->fd, F_SETFL, flags);
	return n;
}

int open_write(struct agent *agent, struct request *rq)
{
	struct handle *h = handles_find(&agent->handles, wire_get_u64(&rq->in));
	uint64_t offset = wire_get_u64(&rq->in);
	bool exact = wire_get_u8(&rq->in) != 0;
	size_t len;
	const char *data = wire_get_data(&rq->in, WIRE_DATA_MAX, &len);
	ssize_t n;

	if (!wire_end(&rq->in))
		return -EBADMSG;
	if (!h)
		return -EBADF;
	own_file(agent, h);
	n = exact && h->flags & WIRE_O_APPEND
	            ? write_exactly(h, data, len, offset)
	            : write_at(h->fd, data, len, offset);
	if (n < 0)
		return (int)n;
	wire_put_u32(&rq->out, (uint32_t)n);
	return 0;
}

int open_seek(struct agent *agent, struct request *rq)
{
	struct handle *h = handles_find(&agent->handles, wire_get_u64(&rq->in));
	uint64_t offset = wire_get_u64(&rq->in);
	uint32_t whence = wire_get_u32(&rq->in);
	off_t at;

	if (!wire_end(&rq->in))
		return -EBADMSG;
	if (!h)
		return -EBADF;
	if (whence != SEEK_DATA && whence != SEEK_HOLE)
		return -EINVAL;
	if (offset > INT64_MAX)
		return -ENXIO;
	/* Nothing else uses the descriptor's position. */
	at = lseek(h->fd, (off_t)offset, (int)whence);
	if (at < 0)
		return -errno;
	wire_put_u64(&rq->out, (uint64_t)at);
	return 0;
}
