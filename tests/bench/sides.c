/*
 * sides: time several things side by side.
 *
 *	sides [-p MS] ROUNDS TIMES ACT WORD... [-- ACT WORD...]...
 *
 * Each side is an act. In every round each side in turn does its act TIMES
 * times, so that whatever else the computer has to do meets them all alike.
 * For each side one line is printed: the median, the 99th percentile and the
 * longest of the times that its acts took, in microseconds. With -p acts begin
 * at least MS apart.
 *
 * An act that fails ends the program: what went wrong fast was not fast.
 * Nothing is started but what `run` names, so that no shell's fork is in the
 * time of one side only.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum {
	SIDES_MAX = 8,
	READ_SIZE = 128 << 10,
	SCRIPT_MAX = 4096,
	FILES_MAX = 1024
};

struct side {
	char **words; /* the act, its words, NULL */
	bool (*act)(char **words);
	double *took; /* us, each time */
	size_t n;
};

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void pause_until_us(double until)
{
	double left = until - now_us();
	struct timespec t;

	if (left <= 0)
		return;
	t.tv_sec = (time_t)(left / 1e6);
	t.tv_nsec = (long)((left - (double)t.tv_sec * 1e6) * 1e3);
	while (nanosleep(&t, &t) && errno == EINTR)
		continue;
}

/* ---- acts: true when it was done ---- */

/* What we were given beside the three streams stays with us. */
static void keep_files(void)
{
	for (int fd = STDERR_FILENO + 1; fd < FILES_MAX; fd++)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC); /* most are not open */
}

/* run PROGRAM [ARG]...: start it, without any output, and wait for its end. It
 * finds what the daemon gives to its children: a session of its own, by which
 * the kernel shares its time out, and no further file. */
static bool act_run(char **words)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	int status = -1;
	pid_t pid;
	int err;

	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID);
	err = posix_spawnp(&pid, words[0], &files, &attr, words, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	if (err) {
		errno = err;
		return false;
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	errno = 0;
	return status == 0;
}

/* read FILE: open, read to the end, close. */
static bool act_read(char **words)
{
	static char data[READ_SIZE];
	int fd = open(words[0], O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	do {
		n = read(fd, data, sizeof(data));
	} while (n > 0);
	return close(fd) == 0 && n == 0;
}

/* write FILE LINE: open, write the line in one piece, close. */
static bool act_write(char **words)
{
	char line[SCRIPT_MAX];
	int len = snprintf(line, sizeof(line), "%s\n", words[1]);
	int fd = open(words[0], O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0 || len >= SCRIPT_MAX)
		return false;
	n = write(fd, line, (size_t)len);
	return close(fd) == 0 && n == len;
}

/* list DIR: read its names. */
static bool act_list(char **words)
{
	DIR *dir = opendir(words[0]);

	if (!dir)
		return false;
	errno = 0;
	while (readdir(dir))
		continue;
	return errno == 0 && closedir(dir) == 0;
}

static const struct {
	const char *word;
	int n_words; /* at least */
	bool (*act)(char **words);
} acts[] = {
	{ "run", 1, act_run },
	{ "read", 1, act_read },
	{ "write", 2, act_write },
	{ "list", 1, act_list },
};

/* ---- measuring ---- */

static bool do_round(struct side *side, unsigned times, double pace_us)
{
	for (unsigned i = 0; i < times; i++) {
		double start = now_us();

		if (!side->act(side->words + 1)) {
			fprintf(stderr, "sides: %s %s: %s\n", side->words[0],
			        side->words[1],
			        errno ? strerror(errno) : "it failed");
			return false;
		}
		side->took[side->n++] = now_us() - start;
		pause_until_us(start + pace_us);
	}
	return true;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

static void report(struct side *side)
{
	size_t last = side->n - 1;

	qsort(side->took, side->n, sizeof(double), compare);
	printf("%.1f %.1f %.1f\n", side->took[last / 2],
	       side->took[last * 99 / 100], side->took[last]);
}

/* ---- the command line ---- */

/* One side from the words up to the next "--". The number of words used up, 0
 * when they make no sense. */
static int take_side(struct side *side, char **words, size_t rounds,
                     size_t times)
{
	int n = 0;

	while (words[n] && strcmp(words[n], "--") != 0)
		n++;
	side->words = words;
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
		if (n > acts[i].n_words && !strcmp(words[0], acts[i].word))
			side->act = acts[i].act;
	side->took = calloc(rounds * times, sizeof(double));
	if (!side->act || !side->took)
		return 0;
	if (!words[n])
		return n;
	words[n] = NULL; /* what is run takes its words up to here */
	return n + 1;
}

int main(int argc, char *argv[])
{
	struct side sides[SIDES_MAX] = { 0 };
	double pace_us = 0;
	unsigned rounds, times, n = 0;
	int i = 1;

	if (argc > 2 && strcmp(argv[1], "-p") == 0) {
		pace_us = strtod(argv[2], NULL) * 1000;
		i = 3;
	}
	if (argc < i + 4)
		goto usage;
	rounds = (unsigned)strtoul(argv[i], NULL, 10);
	times = (unsigned)strtoul(argv[i + 1], NULL, 10);
	if (!rounds || !times || rounds > 100000 || times > 100000)
		goto usage;
	for (i += 2; i < argc; n++) {
		int used = n < SIDES_MAX ? take_side(&sides[n], argv + i,
		                                     rounds, times)
		                         : 0;

		if (!used)
			goto usage;
		i += used;
	}
	keep_files();
	for (unsigned r = 0; r < rounds; r++)
		for (unsigned s = 0; s < n; s++)
			if (!do_round(&sides[s], times, pace_us))
				return 1;
	for (unsigned s = 0; s < n; s++)
		report(&sides[s]);
	return 0;
usage:
	fprintf(stderr, "usage: sides [-p MS] ROUNDS TIMES "
	                "ACT WORD... [-- ACT WORD...]...\n");
	return 2;
}
