/*
 * told: what a scenario says of each operation that it does.
 *
 * A scenario runs in a directory of its own, once below files/ and once in a
 * local directory, and prints a line for each result. The lines of both runs
 * have to be the same, so nothing is printed that may differ: no number of an
 * inode, no moment in time, only how they relate to one another.
 */
#ifndef ORBFS_TESTS_FILES_TOLD_H
#define ORBFS_TESTS_FILES_TOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct stat;

/* Who has to run it: root alone in a mount where other users get in, too. */
enum scenario_for { ANYONE, ROOT, USERS };

struct scenario {
	const char *name;
	void (*run)(void);
	enum scenario_for needs;
};

/* Tables, each ending with a row without a name. */
extern const struct scenario name_scenarios[];
extern const struct scenario data_scenarios[];
extern const struct scenario attr_scenarios[];
extern const struct scenario dir_scenarios[];
extern const struct scenario lock_scenarios[];
extern const struct scenario path_scenarios[];
extern const struct scenario rights_scenarios[];

/* "what: 42", or "what: EEXIST" for -1 with errno. Returns the result. */
long told(const char *what, long result);
/* The same for a descriptor, whose number says nothing: "what: open". */
int told_fd(const char *what, int fd);
/* A line as it is. */
void told_text(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Type, mode, links, owner, size, device. No times. */
void told_stat(const char *what, const char *path);
void told_fstat(const char *what, int fd);
/* Which of the times have changed since `before`, which is set anew. */
void told_times(const char *what, const char *path, struct stat *before);
/* The exact times of access and modification. */
void told_exact_times(const char *what, const char *path);
/* Do two names mean one file? */
void told_same(const char *what, const char *a, const char *b);
/* The length and a sum of a file's bytes. */
void told_content(const char *what, const char *path);
/* The same of some bytes. */
void told_bytes(const char *what, const void *data, size_t len);
/* The names of a directory, sorted, with the types that it gives, and whether
 * its inode numbers are those that stat gives. */
void told_dir(const char *what, const char *path);

/* A file with that content, which is told if it fails. */
void make_file(const char *path, const char *content);
void make_dir(const char *path);
/* All that is in the current directory; what stays is told. */
void remove_all(void);
/* Let the clock move, so that the next change shows in the times. */
void let_time_pass(void);

#endif
