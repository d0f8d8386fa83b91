/*
 * slow: requests that may take long, carried out beside the others.
 *
 * A fixed table of jobs under one lock. Threads are made when a job finds none
 * idle, up to SLOW_THREADS, and stay: they take the oldest job that shares no
 * open file with an older one, work without the lock and mark it done. They
 * touch nothing of the agent but their job and its descriptors, which the
 * references on the handles keep open.
 *
 * Where no thread can be made the job is done at once, by the main thread.
 *
 * What these change in a watched directory is reported like anybody's change:
 * its events come at a time of their own.
 */
#include "ops/agent/slow.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ops/agent/agent.h"

enum {
	SLOW_STACK = 128 << 10,
	SLOW_PIECE = 32 << 10, /* of a copy by hand, on the stack */
};

int slow_init(struct slow *slow)
{
	memset(slow, 0, sizeof(*slow));
	slow->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (slow->event < 0)
		return -errno;
	slow->ready = pthread_mutex_init(&slow->lock, NULL) == 0 &&
	              pthread_cond_init(&slow->wake, NULL) == 0;
	return slow->ready ? 0 : -ENOMEM;
}

bool slow_full(const struct slow *slow)
{
	return slow->in_flight == SLOW_JOBS;
}

/* ---- the work ---- */

static int result(int returned)
{
	return returned < 0 ? -errno : 0;
}

/* Where the kernel cannot copy between these two. What was copied before an
 * error counts. */
static int copy_by_hand(struct slow_job *job)
{
	char piece[SLOW_PIECE];

	while (job->copied < job->length) {
		uint64_t left = job->length - job->copied;
		ssize_t n = pread(job->fd[0], piece,
		                  left < sizeof(piece) ? left : sizeof(piece),
		                  (off_t)(job->offset[0] + job->copied));

		if (n > 0)
			n = pwrite(job->fd[1], piece, (size_t)n,
			           (off_t)(job->offset[1] + job->copied));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && job->copied == 0)
			return -errno;
		if (n <= 0)
			break;
		job->copied += (uint64_t)n;
	}
	return 0;
}

static int copy(struct slow_job *job)
{
	off_t from = (off_t)job->offset[0];
	off_t to = (off_t)job->offset[1];

	while (job->copied < job->length) {
		ssize_t n = copy_file_range(job->fd[0], &from, job->fd[1], &to,
		                            job->length - job->copied, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && job->copied == 0 &&
		    (errno == EXDEV || errno == ENOSYS || errno == EOPNOTSUPP))
			return copy_by_hand(job);
		if (n < 0 && job->copied == 0)
			return -errno;
		/* Files made up while they are read copy as nothing. */
		if (n == 0 && job->copied == 0)
			return copy_by_hand(job);
		if (n <= 0)
			break;
		job->copied += (uint64_t)n;
	}
	return 0;
}

static void carry_out(struct slow_job *job)
{
	if (job->op == WIRE_COPY)
		job->err = copy(job);
	else if (job->op == WIRE_FALLOCATE)
		job->err = result(fallocate(job->fd[0], (int)job->mode,
		                            (off_t)job->offset[0],
		                            (off_t)job->length));
	else
		job->err = result(job->mode ? fdatasync(job->fd[0])
		                            : fsync(job->fd[0]));
}

/* ---- the threads ---- */

static bool shares_file(const struct slow_job *a, const struct slow_job *b)
{
	for (int i = 0; i < 2; i++)
		for (int j = 0; j < 2; j++)
			if (a->handle[i] == b->handle[j])
				return true;
	return false;
}

static bool has_to_wait(const struct slow *slow, const struct slow_job *job)
{
	for (size_t i = 0; i < SLOW_JOBS; i++) {
		const struct slow_job *other = &slow->jobs[i];

		if ((other->state == SLOW_QUEUED ||
		     other->state == SLOW_RUNNING) &&
		    other->order < job->order && shares_file(other, job))
			return true;
	}
	return false;
}

static struct slow_job *next_job(struct slow *slow)
{
	struct slow_job *first = NULL;

	for (size_t i = 0; i < SLOW_JOBS; i++) {
		struct slow_job *job = &slow->jobs[i];

		if (job->state == SLOW_QUEUED &&
		    (!first || job->order < first->order) &&
		    !has_to_wait(slow, job))
			first = job;
	}
	return first;
}

static void mark_done(struct slow *slow, struct slow_job *job)
{
	uint64_t one = 1;

	job->state = SLOW_DONE;
	/* It cannot be full: 2^64 - 2 jobs do not fit the table. */
	(void)!write(slow->event, &one, sizeof(one));
}

static void *work(void *arg)
{
	struct slow *slow = arg;

	(void)pthread_mutex_lock(&slow->lock);
	for (;;) {
		struct slow_job *job = next_job(slow);

		if (!job) {
			slow->idle++;
			(void)pthread_cond_wait(&slow->wake, &slow->lock);
			slow->idle--;
			continue;
		}
		job->state = SLOW_RUNNING;
		(void)pthread_mutex_unlock(&slow->lock);
		carry_out(job);
		(void)pthread_mutex_lock(&slow->lock);
		mark_done(slow, job);
		/* One that had to wait for this file may go on. */
		(void)pthread_cond_broadcast(&slow->wake);
	}
	return NULL;
}

/* Called with the lock held. */
static void start_thread(struct slow *slow)
{
	pthread_attr_t attr;
	pthread_t thread;

	if (pthread_attr_init(&attr))
		return;
	(void)pthread_attr_setstacksize(&attr, SLOW_STACK);
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&thread, &attr, work, slow) == 0)
		slow->threads++;
	(void)pthread_attr_destroy(&attr);
}

/* ---- requests ---- */

static void queue(struct agent *agent, const struct slow_job *like)
{
	struct slow *slow = &agent->slow;
	struct slow_job *job = slow->jobs;
	bool alone;

	(void)pthread_mutex_lock(&slow->lock);
	while (job->state != SLOW_FREE)
		job++; /* there is one: it is not full */
	*job = *like;
	job->state = SLOW_QUEUED;
	job->order = slow->arrived++;
	slow->in_flight++;
	if (slow->idle == 0 && slow->threads < SLOW_THREADS)
		start_thread(slow);
	alone = slow->threads == 0;
	if (alone) {
		carry_out(job);
		mark_done(slow, job);
	}
	(void)pthread_cond_signal(&slow->wake);
	(void)pthread_mutex_unlock(&slow->lock);
}

/* A job on one handle, or between two. */
static int queue_on(struct agent *agent, const struct request *rq,
                    struct slow_job *job, const uint64_t handle[2])
{
	struct handle *h[2];

	for (int i = 0; i < 2; i++) {
		h[i] = handles_find(&agent->handles, handle[i]);
		if (!h[i])
			return -EBADF;
	}
	for (int i = 0; i < 2; i++) {
		job->fd[i] = h[i]->fd;
		job->handle[i] = handles_ref(&agent->handles, h[i]);
	}
	job->id = rq->id;
	job->op = rq->op;
	queue(agent, job);
	return REQUEST_LATER;
}

int slow_fsync(struct agent *agent, struct request *rq)
{
	struct slow_job job = { 0 };
	uint64_t handle = wire_get_u64(&rq->in);

	job.mode = wire_get_u8(&rq->in);
	if (!wire_end(&rq->in))
		return -EBADMSG;
	return queue_on(agent, rq, &job, (uint64_t[]){ handle, handle });
}

int slow_fallocate(struct agent *agent, struct request *rq)
{
	struct slow_job job = { 0 };
	uint64_t handle = wire_get_u64(&rq->in);

	job.mode = wire_get_u32(&rq->in);
	job.offset[0] = wire_get_u64(&rq->in);
	job.length = wire_get_u64(&rq->in);
	if (!wire_end(&rq->in))
		return -EBADMSG;
	if (job.offset[0] > INT64_MAX || job.length > INT64_MAX ||
	    job.mode > INT_MAX)
		return -EINVAL;
	return queue_on(agent, rq, &job, (uint64_t[]){ handle, handle });
}

int slow_copy(struct agent *agent, struct request *rq)
{
	struct slow_job job = { 0 };
	uint64_t handle[2];

	for (int i = 0; i < 2; i++) {
		handle[i] = wire_get_u64(&rq->in);
		job.offset[i] = wire_get_u64(&rq->in);
	}
	job.length = wire_get_u64(&rq->in);
	if (!wire_end(&rq->in))
		return -EBADMSG;
	if (job.length > SLOW_COPY_MAX)
		job.length = SLOW_COPY_MAX;
	if (job.offset[0] > INT64_MAX - SLOW_COPY_MAX ||
	    job.offset[1] > INT64_MAX - SLOW_COPY_MAX)
		return -EINVAL;
	return queue_on(agent, rq, &job, handle);
}

static bool take_done(struct slow *slow, size_t i, struct slow_job *job)
{
	bool done;

	(void)pthread_mutex_lock(&slow->lock);
	done = slow->jobs[i].state == SLOW_DONE;
	if (done) {
		*job = slow->jobs[i];
		slow->jobs[i].state = SLOW_FREE;
	}
	(void)pthread_mutex_unlock(&slow->lock);
	return done;
}

void slow_finish(struct agent *agent)
{
	struct slow *slow = &agent->slow;
	uint64_t n;

	(void)!read(slow->event, &n, sizeof(n));
	for (size_t i = 0; i < SLOW_JOBS && slow->in_flight > 0; i++) {
		struct slow_job job;

		if (!take_done(slow, i, &job))
			continue;
		slow->in_flight--;
		handles_unref(&agent->handles, job.handle[0]);
		handles_unref(&agent->handles, job.handle[1]);
		request_answer(agent, job.id, job.op, job.err,
		               job.op == WIRE_COPY ? &job.copied : NULL);
	}
}
