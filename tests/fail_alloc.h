/*
 * fail_alloc: make the n-th allocation fail.
 *
 *	unsigned n = 0;
 *	while (fail_alloc_next(&n))
 *		scenario();	may fail, must not crash, leak or hang
 *
 * The test builds of the daemon's sources are compiled with -DFAIL_ALLOC
 * -include tests/fail_alloc.h, which sends their allocations through the
 * counting functions below. Tests, their support files and the libraries
 * allocate as ever, so that n counts the daemon's own allocations alone. A
 * library that lets itself be given an allocator (cJSON_InitHooks) can be
 * given fail_alloc_malloc.
 *
 * The counters may be used from any thread.
 */
#ifndef ORBFS_TESTS_FAIL_ALLOC_H
#define ORBFS_TESTS_FAIL_ALLOC_H

/* All headers that declare what is replaced come first. */
#ifdef __linux__
#include <malloc.h>
#endif
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

enum {
	FAIL_ALLOC_SWEEP_MAX = 10000, /* a sweep beyond this never ends */
};

/* Fail the n-th allocation from now, counted from 1, and only that one. */
void fail_alloc_at(unsigned n);
/* Fail none. What fail_alloc_reached says stays as it is. */
void fail_alloc_off(void);
/* Has the allocation of the last fail_alloc_at failed? */
bool fail_alloc_reached(void);
/*
 * The head of a sweep: *n is 0 at first. Arms the next allocation and returns
 * true, until a round has passed without reaching its allocation; then *n is
 * one more than the number of allocations and none fails any longer.
 */
bool fail_alloc_next(unsigned *n);

void *fail_alloc_malloc(size_t size);
void *fail_alloc_calloc(size_t n, size_t size);
void *fail_alloc_realloc(void *old, size_t size);
void *fail_alloc_reallocarray(void *old, size_t n, size_t size);
char *fail_alloc_strdup(const char *s);
char *fail_alloc_strndup(const char *s, size_t len);
int fail_alloc_asprintf(char **out, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
int fail_alloc_vasprintf(char **out, const char *fmt, va_list args)
	__attribute__((format(printf, 2, 0)));
ssize_t fail_alloc_getdelim(char **line, size_t *cap, int delim, FILE *file);

#ifdef FAIL_ALLOC
/* With arguments, so that attributes and members of these names survive. */
#define malloc(size) fail_alloc_malloc(size)
#define calloc(n, size) fail_alloc_calloc(n, size)
#define realloc(old, size) fail_alloc_realloc(old, size)
#define reallocarray(old, n, size) fail_alloc_reallocarray(old, n, size)
#define strdup(s) fail_alloc_strdup(s)
#define strndup(s, len) fail_alloc_strndup(s, len)
#define asprintf(...) fail_alloc_asprintf(__VA_ARGS__)
#define vasprintf(out, fmt, args) fail_alloc_vasprintf(out, fmt, args)
#define getdelim(line, cap, delim, file)                                       \
	fail_alloc_getdelim(line, cap, delim, file)
#define getline(line, cap, file) fail_alloc_getdelim(line, cap, '\n', file)
#endif

#endif
