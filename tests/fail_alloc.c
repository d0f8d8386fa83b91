/*
 * fail_alloc: the counters behind tests/fail_alloc.h.
 *
 * One number says how many allocations are still to come until one fails; 0
 * is "none". It only ever goes down by compare and exchange, so that of many
 * threads exactly one meets the failure. This file belongs to the tests but
 * knows nothing of cmocka: instrumented daemons are linked with it too.
 */
#include <errno.h>
#include <stdatomic.h>

#include "tests/fail_alloc.h"

static atomic_uint left;
static atomic_bool reached;

void fail_alloc_at(unsigned n)
{
	atomic_store(&reached, false);
	atomic_store(&left, n);
}

void fail_alloc_off(void)
{
	atomic_store(&left, 0);
}

bool fail_alloc_reached(void)
{
	return atomic_load(&reached);
}

bool fail_alloc_next(unsigned *n)
{
	if (*n && !fail_alloc_reached()) {
		fail_alloc_off();
		return false;
	}
	if (++*n > FAIL_ALLOC_SWEEP_MAX) {
		fprintf(stderr, "fail_alloc: the sweep does not end\n");
		abort();
	}
	fail_alloc_at(*n);
	return true;
}

/* Is this the allocation that fails? */
static bool fails(void)
{
	unsigned n = atomic_load(&left);

	do {
		if (!n)
			return false;
	} while (!atomic_compare_exchange_weak(&left, &n, n - 1));
	if (n > 1)
		return false;
	atomic_store(&reached, true);
	errno = ENOMEM;
	return true;
}

void *fail_alloc_malloc(size_t size)
{
	return fails() ? NULL : malloc(size);
}

void *fail_alloc_calloc(size_t n, size_t size)
{
	return fails() ? NULL : calloc(n, size);
}

void *fail_alloc_realloc(void *old, size_t size)
{
	return fails() ? NULL : realloc(old, size);
}

void *fail_alloc_reallocarray(void *old, size_t n, size_t size)
{
	return fails() ? NULL : reallocarray(old, n, size);
}

char *fail_alloc_strdup(const char *s)
{
	return fails() ? NULL : strdup(s);
}

char *fail_alloc_strndup(const char *s, size_t len)
{
	return fails() ? NULL : strndup(s, len);
}

int fail_alloc_asprintf(char **out, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = fail_alloc_vasprintf(out, fmt, args);
	va_end(args);
	return n;
}

int fail_alloc_vasprintf(char **out, const char *fmt, va_list args)
{
	if (fails()) {
		*out = NULL;
		return -1;
	}
	return vasprintf(out, fmt, args);
}

ssize_t fail_alloc_getdelim(char **line, size_t *cap, int delim, FILE *file)
{
	return fails() ? -1 : getdelim(line, cap, delim, file);
}
