/*
 * compare: do the same in two directories, and see whether the same happens.
 *
 *	compare [-u UID | -m] [-k] DIRECTORY DIRECTORY [SCENARIO...]
 *
 * Each scenario runs in each directory, in a child and a new directory of its
 * own, and tells on stdout what came of each operation (see told.h). Where two
 * stories differ the scenario has failed, and the first lines that differ are
 * shown with those before them. -u: as that user, -m: those of many users, which
 * are left out else, -k: keep what was made. Without root's rights scenarios
 * that need them are left out.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/files/told.h"

enum { SHOWN = 12, BEFORE = 2, LINE = 600, DEADLINE_S = 600 };

struct options {
	uid_t user;
	bool many; /* users */
	bool keep;
	const char *side[2];
	char **wanted; /* ends with NULL */
};

/* In the child: go there, become somebody, do it. */
static void run_in(const struct scenario *s, const char *side, uid_t user,
                   int out)
{
	if (chdir(side) < 0 || mkdir(s->name, 0700) < 0 ||
	    (user && chown(s->name, user, user) < 0) || chdir(s->name) < 0 ||
	    dup2(out, STDOUT_FILENO) < 0) {
		fprintf(stderr, "compare: %s/%s: %s\n", side, s->name,
		        strerror(errno));
		_exit(2);
	}
	if (user && (setresgid(user, user, user) < 0 ||
	             setresuid(user, user, user) < 0))
		_exit(2);
	/* What waits for ever is ended, and has not told its story. */
	alarm(DEADLINE_S);
	umask(022);
	s->run();
	fflush(stdout);
	_exit(0);
}

/* The story, as one text that the caller frees. */
static char *story_of(const struct scenario *s, const char *side, uid_t user)
{
	int out = memfd_create("story", MFD_CLOEXEC);
	int status = -1;
	pid_t child;
	off_t len;
	char *text;

	fflush(NULL);
	child = fork();
	if (child == 0)
		run_in(s, side, user, out);
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (status != 0)
		dprintf(out, "*** ended with %s %d in %s\n",
		        WIFSIGNALED(status) ? "signal" : "status",
		        WIFSIGNALED(status) ? WTERMSIG(status)
		                            : WEXITSTATUS(status),
		        side);
	len = lseek(out, 0, SEEK_END);
	text = calloc(1, (size_t)len + 1);
	if (!text || pread(out, text, (size_t)len, 0) != len)
		abort();
	close(out);
	return text;
}

static size_t line_len(const char *text)
{
	return strcspn(text, "\n");
}

static const char *after(const char *text)
{
	text += line_len(text);
	return *text ? text + 1 : text;
}

static void put_line(const char *mark, const char *line)
{
	size_t len = line_len(line);

	printf("%s%.*s\n", mark, (int)(len < LINE ? len : LINE), line);
}

/* Show where two stories part, and the lines before. */
static void show(const char *name, const char *a, const char *b)
{
	const char *same[BEFORE] = { "", "" };
	int shown = 0;

	printf("not ok - %s\n", name);
	for (; (*a || *b) && shown < SHOWN; a = after(a), b = after(b)) {
		size_t n = line_len(a);
		size_t m = line_len(b);

		if (n == m && !memcmp(a, b, n)) {
			same[0] = same[1];
			same[1] = a;
			continue;
		}
		for (int i = 0; i < BEFORE; i++) {
			if (*same[i])
				put_line("      ", same[i]);
			same[i] = "";
		}
		put_line("    < ", a);
		put_line("    > ", b);
		shown++;
	}
}

static bool is_wanted(const struct scenario *s, const struct options *o)
{
	char **wanted = o->wanted;

	if ((s->needs == USERS) != o->many || (s->needs && o->user))
		return false;
	if (!*wanted)
		return true;
	for (; *wanted; wanted++)
		if (!strcmp(*wanted, s->name))
			return true;
	return false;
}

static void remove_scenario(const char *side, const char *name)
{
	pid_t child = fork();

	if (child == 0) {
		if (chdir(side) == 0)
			execlp("rm", "rm", "-rf", "--", name, (char *)NULL);
		_exit(1);
	}
	while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* 1 if it has failed. */
static int compare(const struct scenario *s, const struct options *o)
{
	char *story[2];
	long ms[2];
	int failed;

	for (int i = 0; i < 2; i++) {
		ms[i] = now_ms();
		story[i] = story_of(s, o->side[i], o->user);
		ms[i] = now_ms() - ms[i];
	}
	failed = strcmp(story[0], story[1]) != 0 || strstr(story[0], "***");
	if (failed)
		show(s->name, story[0], story[1]);
	else
		printf("ok - %s (%ld ms, %ld ms)\n", s->name, ms[0], ms[1]);
	for (int i = 0; i < 2; i++) {
		if (!o->keep)
			remove_scenario(o->side[i], s->name);
		free(story[i]);
	}
	return failed;
}

static int compare_all(const struct options *o)
{
	static const struct scenario *const tables[] = {
		name_scenarios, data_scenarios, attr_scenarios,   dir_scenarios,
		lock_scenarios, path_scenarios, rights_scenarios,
	};
	int failed = 0;
	int n = 0;

	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
		for (const struct scenario *s = tables[t]; s->name; s++) {
			if (!is_wanted(s, o))
				continue;
			failed += compare(s, o);
			n++;
		}
	printf("%d scenarios, %d failed\n", n, failed);
	return failed || !n;
}

int main(int argc, char **argv)
{
	struct options o = { 0 };
	int option;

	while ((option = getopt(argc, argv, "u:mk")) != -1) {
		if (option == 'u')
			o.user = (uid_t)strtoul(optarg, NULL, 10);
		else if (option == 'm')
			o.many = true;
		else if (option == 'k')
			o.keep = true;
		else
			return 2;
	}
	if (argc - optind < 2) {
		fprintf(stderr, "usage: compare [-u UID | -m] [-k] DIRECTORY "
		                "DIRECTORY [SCENARIO...]\n");
		return 2;
	}
	o.side[0] = argv[optind];
	o.side[1] = argv[optind + 1];
	o.wanted = argv + optind + 2;
	return compare_all(&o);
}
