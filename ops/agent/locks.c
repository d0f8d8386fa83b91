/*
 * locks: advisory locks in the guest, seen by the processes there.
 *
 * All of the daemon's lock owners are one process here, so the kernel's POSIX
 * locks cannot tell them apart. Locks of open file descriptions can: each
 * (file, owner) has a description of its own, made through /proc, and the
 * locks go with it. They conflict with POSIX locks of other processes like any
 * other. flock belongs to a description anyway: the handle's.
 *
 * The descriptions are opened for reading and writing where that is possible,
 * whatever the handle was opened for, since the same owner may lock through
 * another handle next; that the handle allows it is checked here. Two things
 * differ from locks of a process's own. An owner whose first lock came when the
 * file could not be opened to write (a program that ran, a read-only mount) is
 * refused a write lock (ENOLCK) until it has let go of all. And a close that the
 * daemon's kernel does not tell of, that of a handle opened for reading before
 * anybody had locked the file, lets go of what was locked through that handle
 * last, but not of what the same owner has locked through another one since.
 */
#include "ops/agent/locks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "ops/agent/watch.h"

enum { TYPE_READ, TYPE_WRITE, TYPE_NONE, TYPES };

static struct lock_owner *owner_find(struct locks *locks,
                                     const struct handle *h, uint64_t owner)
{
	for (size_t i = 0; i < locks->n_owners; i++) {
		struct lock_owner *o = &locks->owners[i];

		if (o->owner == owner && o->dev == h->dev && o->ino == h->ino)
			return o;
	}
	return NULL;
}

static void owner_forget(struct locks *locks, struct lock_owner *o)
{
	close(o->fd);
	*o = locks->owners[--locks->n_owners];
	locks->next_ms = 0; /* somebody may have waited for this */
}

/* NULL with errno set: there are too many, or no description is to be had. */
static struct lock_owner *owner_get(struct agent *agent, const struct handle *h,
                                    uint64_t owner)
{
	struct locks *locks = &agent->locks;
	struct lock_owner *o = owner_find(locks, h, owner);
	char name[32];

	if (o) {
		o->handle = h->id;
		return o;
	}
	errno = ENOLCK;
	if (locks->n_owners == LOCKS_OWNERS)
		return NULL;
	o = &locks->owners[locks->n_owners];
	*o = (struct lock_owner){
		.owner = owner,
		.dev = h->dev,
		.ino = h->ino,
		.handle = h->id,
	};
	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", h->fd);
	o->fd = open(name, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (o->fd < 0)
		o->fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (o->fd < 0) {
		errno = ENOLCK;
		return NULL;
	}
	locks->n_owners++;
	return o;
}

/* The kernel's form of a range. */
static struct flock range_of(const struct lock *lock)
{
	static const short types[] = { F_RDLCK, F_WRLCK, F_UNLCK };
	bool to_end = lock->end >= INT64_MAX;

	return (struct flock){
		.l_type = types[lock->type],
		.l_whence = SEEK_SET,
		.l_start = (off_t)lock->start,
		.l_len = to_end ? 0 : (off_t)(lock->end - lock->start + 1),
	};
}

static int try_range(struct agent *agent, const struct handle *h,
                     const struct lock *lock)
{
	struct flock range = range_of(lock);
	struct lock_owner *o;

	if (lock->type == TYPE_READ && !(h->flags & WIRE_O_READ))
		return -EBADF;
	if (lock->type == TYPE_WRITE && !(h->flags & WIRE_O_WRITE))
		return -EBADF;
	if (lock->type == TYPE_NONE &&
	    !owner_find(&agent->locks, h, lock->owner))
		return 0;
	o = owner_get(agent, h, lock->owner);
	if (!o)
		return -errno;
	if (lock->type == TYPE_NONE)
		agent->locks.next_ms = 0;
	if (fcntl(o->fd, F_OFD_SETLK, &range) == 0)
		return 0;
	if (errno == EBADF)
		return -ENOLCK; /* the description is older than the handle */
	return errno == EACCES ? -EAGAIN : -errno;
}

static int try_whole(struct agent *agent, const struct handle *h,
                     const struct lock *lock)
{
	static const int types[] = { LOCK_SH, LOCK_EX, LOCK_UN };

	if (lock->type == TYPE_NONE)
		agent->locks.next_ms = 0;
	return flock(h->fd, types[lock->type] | LOCK_NB) < 0 ? -errno : 0;
}

static int try_lock(struct agent *agent, uint16_t op, const struct lock *lock)
{
	struct handle *h = handles_find(&agent->handles, lock->handle);

	if (!h)
		return -EBADF;
	return op == WIRE_FLOCK ? try_whole(agent, h, lock)
	                        : try_range(agent, h, lock);
}

/* ---- who waits for each other ---- */

/* Who of us holds what is in the way. NULL: another process, or several who
 * share it. The kernel does not tell; but where everybody else sees a lock,
 * who has it sees none. */
static const struct lock_owner *holder_of(struct agent *agent,
                                          const struct lock *lock)
{
	struct locks *locks = &agent->locks;
	const struct handle *h = handles_find(&agent->handles, lock->handle);
	const struct lock_owner *me = h ? owner_find(locks, h, lock->owner)
	                                : NULL;
	struct flock range = range_of(lock);

	if (!me || fcntl(me->fd, F_OFD_GETLK, &range) < 0 ||
	    range.l_type == F_UNLCK)
		return NULL;
	for (size_t i = 0; i < locks->n_owners; i++) {
		const struct lock_owner *o = &locks->owners[i];
		struct flock probe = { .l_type = F_WRLCK,
			               .l_whence = SEEK_SET,
			               .l_start = range.l_start,
			               .l_len = 1 };

		if (o != me && o->dev == me->dev && o->ino == me->ino &&
		    fcntl(o->fd, F_OFD_GETLK, &probe) == 0 &&
		    probe.l_type == F_UNLCK)
			return o;
	}
	return NULL;
}

/* Does whoever is in the way of that lock wait for the owner, in the end? */
static bool waits_for(struct agent *agent, const struct lock *lock,
                      uint64_t owner, unsigned most)
{
	const struct locks *locks = &agent->locks;
	const struct lock_owner *o = most ? holder_of(agent, lock) : NULL;

	if (!o || o->owner == owner)
		return o != NULL;
	for (size_t i = 0; i < locks->n_waiting; i++) {
		const struct lock_wait *w = &locks->waiting[i];

		if (w->op == WIRE_SETLK && w->lock.owner == o->owner &&
		    waits_for(agent, &w->lock, owner, most - 1))
			return true;
	}
	return false;
}

/* ---- waiting ---- */

static int wait_for(struct agent *agent, const struct request *rq,
                    const struct lock *lock)
{
	struct locks *locks = &agent->locks;

	if (locks->n_waiting == LOCKS_WAITING)
		return -ENOLCK;
	locks->waiting[locks->n_waiting++] =
		(struct lock_wait){ .id = rq->id, .op = rq->op, .lock = *lock };
	locks->delay_ms = LOCKS_SOON_MS;
	locks->next_ms = agent->kinds.now_ms + LOCKS_SOON_MS;
	return REQUEST_LATER;
}

/* Answer what waits at index i and close the gap, keeping the order. */
static void wait_end(struct agent *agent, size_t i, int err)
{
	struct locks *locks = &agent->locks;
	struct lock_wait w = locks->waiting[i];

	locks->n_waiting--;
	memmove(&locks->waiting[i], &locks->waiting[i + 1],
	        (locks->n_waiting - i) * sizeof(w));
	request_answer(agent, w.id, w.op, err, NULL);
}

int locks_timeout_ms(const struct agent *agent, int64_t now_ms)
{
	const struct locks *locks = &agent->locks;

	if (locks->n_waiting == 0)
		return -1;
	return locks->next_ms > now_ms ? (int)(locks->next_ms - now_ms) : 0;
}

void locks_retry(struct agent *agent, int64_t now_ms)
{
	struct locks *locks = &agent->locks;
	size_t i = 0;

	if (locks->n_waiting == 0 || now_ms < locks->next_ms)
		return;
	/* 0 was set by one that went: then the pace starts anew. */
	locks->delay_ms = locks->next_ms == 0 ? LOCKS_SOON_MS
	                                      : locks->delay_ms * 3 / 2;
	if (locks->delay_ms > LOCKS_LATE_MS)
		locks->delay_ms = LOCKS_LATE_MS;
	locks->next_ms = now_ms + locks->delay_ms;
	while (i < locks->n_waiting) {
		struct lock_wait *w = &locks->waiting[i];
		int err = try_lock(agent, w->op, &w->lock);

		if (err == -EAGAIN)
			i++;
		else
			wait_end(agent, i, err);
	}
}

void locks_close(struct agent *agent, uint64_t handle)
{
	struct locks *locks = &agent->locks;
	size_t i = 0;

	while (i < locks->n_owners)
		if (locks->owners[i].handle == handle)
			owner_forget(locks, &locks->owners[i]);
		else
			i++;
	locks->next_ms = 0; /* it may have held a flock */
	for (i = 0; i < locks->n_waiting;)
		if (locks->waiting[i].lock.handle == handle)
			wait_end(agent, i, -EBADF);
		else
			i++;
}

/* ---- requests ---- */

static int get_range(struct wire_in *in, struct lock *lock)
{
	lock->handle = wire_get_u64(in);
	lock->owner = wire_get_u64(in);
	lock->type = wire_get_u32(in);
	lock->start = wire_get_u64(in);
	lock->end = wire_get_u64(in);
	if (lock->type >= TYPES || lock->start > INT64_MAX ||
	    lock->end < lock->start)
		return -EINVAL;
	return 0;
}

/* Have the lock, wait for it, or say why not. */
static int lock_or_wait(struct agent *agent, const struct request *rq,
                        const struct lock *lock, bool wait)
{
	int err = try_lock(agent, rq->op, lock);

	if (err == -EAGAIN && wait && rq->op == WIRE_SETLK &&
	    waits_for(agent, lock, lock->owner, LOCKS_CHAIN))
		return -EDEADLK;
	if (err == -EAGAIN && wait)
		return wait_for(agent, rq, lock);
	return err;
}

int locks_set(struct agent *agent, struct request *rq)
{
	struct lock lock;
	int err = get_range(&rq->in, &lock);
	bool wait = wire_get_u8(&rq->in);

	if (!wire_end(&rq->in))
		return -EBADMSG;
	return err ? err : lock_or_wait(agent, rq, &lock, wait);
}

int locks_flock(struct agent *agent, struct request *rq)
{
	struct lock lock = { .handle = wire_get_u64(&rq->in) };
	bool wait;

	lock.type = wire_get_u32(&rq->in);
	wait = wire_get_u8(&rq->in);
	if (!wire_end(&rq->in))
		return -EBADMSG;
	if (lock.type >= TYPES)
		return -EINVAL;
	return lock_or_wait(agent, rq, &lock, wait);
}

int locks_get(struct agent *agent, struct request *rq)
{
	struct flock range;
	struct lock_owner *o;
	struct handle *h;
	struct lock lock;
	int err = get_range(&rq->in, &lock);

	if (!wire_end(&rq->in))
		return -EBADMSG;
	if (err || lock.type == TYPE_NONE)
		return -EINVAL;
	h = handles_find(&agent->handles, lock.handle);
	if (!h)
		return -EBADF;
	range = range_of(&lock);
	/* Who holds nothing asks through the handle, which holds nothing. */
	o = owner_find(&agent->locks, h, lock.owner);
	if (fcntl(o ? o->fd : h->fd, F_OFD_GETLK, &range) < 0)
		return -errno;
	if (range.l_type != F_UNLCK) {
		lock.type = range.l_type == F_RDLCK ? TYPE_READ : TYPE_WRITE;
		lock.start = (uint64_t)range.l_start;
		lock.end = range.l_len ? lock.start + (uint64_t)range.l_len - 1
		                       : INT64_MAX;
	} else {
		lock.type = TYPE_NONE;
	}
	wire_put_u32(&rq->out, lock.type);
	wire_put_u64(&rq->out, lock.start);
	wire_put_u64(&rq->out, lock.end);
	wire_put_u32(&rq->out,
	             lock.type == TYPE_NONE ? 0 : (uint32_t)range.l_pid);
	return 0;
}

int locks_unlock_owner(struct agent *agent, struct request *rq)
{
	struct handle *h = handles_find(&agent->handles, wire_get_u64(&rq->in));
	uint64_t owner = wire_get_u64(&rq->in);
	struct lock_owner *o;

	if (!wire_end(&rq->in))
		return -EBADMSG;
	if (!h)
		return -EBADF;
	o = owner_find(&agent->locks, h, owner);
	if (o) {
		own_file(agent, h);
		owner_forget(&agent->locks, o);
	}
	return 0;
}

int locks_cancel(struct agent *agent, struct request *rq)
{
	uint32_t id = wire_get_u32(&rq->in);

	if (!wire_end(&rq->in))
		return REQUEST_LATER;
	for (size_t i = 0; i < agent->locks.n_waiting; i++)
		if (agent->locks.waiting[i].id == id) {
			wait_end(agent, i, -EINTR);
			break;
		}
	return REQUEST_LATER;
}
