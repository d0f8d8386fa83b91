/*
 * slow: requests that may take long, carried out beside the others.
 *
 * A slow request starts after everything before it was carried out, since the
 * others are carried out at once; slow ones on the same open file keep their
 * order. Their answers are sent by the main thread, when they are done.
 */
#ifndef ORBFS_OPS_AGENT_SLOW_H
#define ORBFS_OPS_AGENT_SLOW_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct agent;
struct handle;

enum {
	SLOW_JOBS = 128,
	SLOW_THREADS = 4,
	SLOW_COPY_MAX =
		64 << 20, /* of one request, so that others get a turn */
};

enum slow_state { SLOW_FREE, SLOW_QUEUED, SLOW_RUNNING, SLOW_DONE };

struct slow_job {
	enum slow_state state;
	uint64_t order; /* of arrival */
	uint32_t id;    /* of the request */
	uint16_t op;
	int fd[2];
	uint32_t handle[2]; /* references; the second only for a copy */
	uint32_t mode;
	uint64_t offset[2];
	uint64_t length;
	int err;
	uint64_t copied;
};

struct slow {
	pthread_mutex_t lock; /* of all below but the last two */
	pthread_cond_t wake;
	struct slow_job jobs[SLOW_JOBS];
	unsigned idle; /* threads that wait for a job */
	unsigned threads;
	bool ready;
	/* Of the main thread alone. */
	int event; /* readable when a job is done */
	unsigned in_flight;
	uint64_t arrived;
};

/* 0 or a negative errno. */
int slow_init(struct slow *slow);
/* No further one is taken; the main loop waits for one that is done. */
bool slow_full(const struct slow *slow);
/* Answer what is done. */
void slow_finish(struct agent *agent);

#endif
