/*
 * random: read or write a file here and there, several at a time.
 *
 *	random read|write FILE COUNT
 *
 * COUNT pieces of 4 KiB, at places that are the same in every run, are read
 * from FILE or written over what it has. As many threads as IN_FLIGHT share
 * them, each with one piece under way. Exits with 1 when a piece fails.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 4096, IN_FLIGHT = 16, COUNT_MAX = 10000000 };

struct worker {
	pthread_t thread;
	uint64_t state;  /* of its random numbers */
	uint64_t pieces; /* that the file has */
	unsigned count;
	int fd;
	bool writes;
	int err; /* errno of the piece that failed */
};

/* xorshift64: good enough to jump about. */
static uint64_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void *work(void *arg)
{
	char data[PIECE] = { 0 };
	struct worker *w = arg;

	for (unsigned i = 0; i < w->count; i++) {
		off_t at = (off_t)(next(&w->state) % w->pieces) * PIECE;
		ssize_t n = w->writes ? pwrite(w->fd, data, PIECE, at)
		                      : pread(w->fd, data, PIECE, at);

		if (n != PIECE) {
			w->err = n < 0 ? errno : EIO;
			break;
		}
	}
	return NULL;
}

/* 0, or the first error of any of them. */
static int work_together(int fd, uint64_t pieces, bool writes, unsigned count)
{
	struct worker workers[IN_FLIGHT] = { 0 };
	unsigned n = 0;
	int err = 0;

	for (; n < IN_FLIGHT && !err; n++) {
		struct worker *w = &workers[n];

		w->state = 0x9e3779b97f4a7c15u * (n + 1);
		w->pieces = pieces;
		w->count = count / IN_FLIGHT;
		w->fd = fd;
		w->writes = writes;
		err = pthread_create(&w->thread, NULL, work, w);
		if (err)
			break;
	}
	for (unsigned i = 0; i < n; i++) {
		pthread_join(workers[i].thread, NULL);
		if (!err)
			err = workers[i].err;
	}
	return err;
}

int main(int argc, char *argv[])
{
	bool writes = argc > 1 && strcmp(argv[1], "write") == 0;
	unsigned long count = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
	struct stat st;
	int fd, err;

	if (argc != 4 || (!writes && strcmp(argv[1], "read") != 0) || !count ||
	    count > COUNT_MAX) {
		fprintf(stderr, "usage: random read|write FILE COUNT\n");
		return 2;
	}
	fd = open(argv[2], (writes ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st)) {
		perror(argv[2]);
		return 1;
	}
	if (st.st_size < PIECE) {
		fprintf(stderr, "random: %s: too short\n", argv[2]);
		return 1;
	}
	err = work_together(fd, (uint64_t)st.st_size / PIECE, writes,
	                    (unsigned)count);
	/* A write that was answered early is told of at the close. */
	if (close(fd) && !err)
		err = errno;
	if (err)
		fprintf(stderr, "random: %s: %s\n", argv[2], strerror(err));
	return err != 0;
}
