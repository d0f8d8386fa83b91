/*
 * fake: the directory of a scripted orbctl, and questions to it.
 *
 * Its own subcommand `fake` is run to its end here, which takes some hundredths
 * of a second, and never through the code under test.
 */
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fake.h"

enum { MAX_WORDS = 16 };

struct fake {
	char dir[64];
	char program[128];
	char answer[256];
};

/* Run argv to its end, its standard output into text. Returns its exit
 * status. */
static int run(const char *const *argv, char *text, size_t size)
{
	size_t len = 0;
	int status = -1;
	int fds[2];
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(fds[1], STDOUT_FILENO);
		dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
		execv(argv[0], (char *const *)argv);
		_exit(127);
	}
	close(fds[1]);
	while (len < size - 1 &&
	       (n = read(fds[0], text + len, size - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

struct fake *fake_new(void)
{
	struct fake *fake = calloc(1, sizeof(*fake));
	char path[PATH_MAX];

	assert_non_null(fake);
	snprintf(fake->dir, sizeof(fake->dir), "/tmp/orbfs-fake.XXXXXX");
	assert_non_null(mkdtemp(fake->dir));
	snprintf(fake->program, sizeof(fake->program), "%s/orbctl", fake->dir);
	if (!realpath("tests/fake_orbctl", path))
		fail_msg("tests run at the top of the sources");
	assert_int_equal(symlink(path, fake->program), 0);
	return fake;
}

void fake_free(struct fake *fake)
{
	const char *argv[] = { "/bin/rm", "-rf", fake->dir, NULL };
	char text[8];

	assert_int_equal(run(argv, text, sizeof(text)), 0);
	free(fake);
}

const char *fake_program(const struct fake *fake)
{
	return fake->program;
}

const char *fake_dir(const struct fake *fake)
{
	return fake->dir;
}

void fake_script(struct fake *fake, const char *text)
{
	char path[sizeof(fake->program) + 4];
	int fd;

	/* Made under another name: a file that is open to be written cannot
	 * be run, and a child of somebody's may have it open, too. */
	snprintf(path, sizeof(path), "%s.new", fake->program);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	assert_int_equal(rename(path, fake->program), 0);
}

void fake_do(struct fake *fake, const char *word, ...)
{
	const char *argv[MAX_WORDS + 3] = { fake->program, "fake" };
	char text[256];
	size_t n = 2;
	va_list ap;

	va_start(ap, word);
	for (; word; word = va_arg(ap, const char *)) {
		assert_true(n < MAX_WORDS + 2);
		argv[n++] = word;
	}
	va_end(ap);
	assert_int_equal(run(argv, text, sizeof(text)), 0);
}

const char *fake_get(struct fake *fake, const char *name, const char *column)
{
	const char *argv[] = {
		fake->program, "fake", "get", name, column, NULL
	};

	if (run(argv, fake->answer, sizeof(fake->answer)) != 0)
		return "";
	fake->answer[strcspn(fake->answer, "\n")] = '\0';
	return fake->answer;
}

/* Does a line of calls, time and pid cut off, begin with those words? */
static int begins(char *line, const char *words)
{
	size_t len = strlen(words);

	for (char *p = line; *p; p++)
		if (*p == '\t' || *p == '\n')
			*p = ' ';
	return strncmp(line, words, len) == 0 &&
	       (len == 0 || line[len] == ' ' || line[len] == '\0');
}

unsigned fake_calls(struct fake *fake, const char *words)
{
	char path[sizeof(fake->dir) + 8];
	char *line = NULL;
	size_t cap = 0;
	unsigned n = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/calls", fake->dir);
	file = fopen(path, "re");
	while (file && getline(&line, &cap, file) > 0) {
		char *tab = strchr(line, '\t');

		tab = tab ? strchr(tab + 1, '\t') : NULL;
		assert_non_null(tab);
		n += begins(tab + 1, words) != 0;
	}
	free(line);
	if (file)
		fclose(file);
	return n;
}
