/*
 * lock: ask the guest for locks of what is open.
 *
 * Owns nothing: the guest has the locks. Under a lock the kernel reads anew, as
 * others may have written before.
 */
#include "fs/lock.h"

#include <errno.h>
#include <fcntl.h>

#include "fs/call.h"
#include "fs/files.h"
#include "fs/open.h"

static void on_lock_interrupt(struct request *rq)
{
	guest_cancel(files_of(rq->node)->guest, rq->asked);
}

/* What was read before is from a time when others might write. */
static void on_locked(void *arg, int err, const struct guest_reply *reply,
                      bool more)
{
	struct request *rq = arg;

	(void)reply;
	(void)more;
	if (err) {
		call_fail(rq, err);
		return;
	}
	if (rq->call.type == LOCK_NONE) {
		request_reply_done(rq);
		return;
	}
	file_spoil(rq->node->file);
	request_reply_told(rq);
}

static void lock_now(struct request *rq)
{
	int err = open_handle(rq->open, &rq->call.handle);
	uint32_t id;

	/* Nobody would let go of a lock that nobody waits for. */
	if (!err && request_is_answered(rq))
		err = -EINTR;
	if (err) {
		call_fail(rq, err);
		return;
	}
	rq->node->file->locked = true;
	/* One that waits for nobody goes on, and is granted or is not. */
	if (rq->call.flag && rq->call.type != LOCK_NONE)
		request_on_interrupt(rq, on_lock_interrupt);
	id = guest_ask(files_of(rq->node)->guest, &rq->call, on_locked, rq);
	if (id) /* else it has been answered, and is gone */
		rq->asked = id;
}

void lock_setlk(struct request *rq)
{
	rq->call.op = WIRE_SETLK;
	open_begin(rq, lock_now);
}

void lock_flock(struct request *rq)
{
	rq->call.op = WIRE_FLOCK;
	open_begin(rq, lock_now);
}

static void on_lock_told(void *arg, int err, const struct guest_reply *reply,
                         bool more)
{
	static const short types[] = {
		[LOCK_SHARED] = F_RDLCK,
		[LOCK_EXCLUSIVE] = F_WRLCK,
		[LOCK_NONE] = F_UNLCK,
	};
	struct request *rq = arg;
	struct flock lock = { .l_whence = SEEK_SET };

	(void)more;
	if (!err && reply->lock_type > LOCK_NONE)
		err = -EPROTO;
	if (err) {
		call_fail(rq, err);
		return;
	}
	lock.l_type = types[reply->lock_type];
	lock.l_start = (off_t)reply->lock_start;
	lock.l_len = reply->lock_end >= INT64_MAX
	                     ? 0
	                     : (off_t)(reply->lock_end - reply->lock_start + 1);
	lock.l_pid = (pid_t)reply->lock_pid;
	request_reply_lock(rq, &lock);
}

static void getlk_now(struct request *rq)
{
	open_ask(rq, WIRE_GETLK, on_lock_told);
}

void lock_getlk(struct request *rq)
{
	open_begin(rq, getlk_now);
}
