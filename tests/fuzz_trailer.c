/*
 * fuzz_trailer: the trailer of a script is found where it is, however the
 * bytes around it look, and a longer look never changes what a shorter found.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ops/engine.h"

#define TOKEN "0123456789abcdef"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Look, and check what is said about it. */
static size_t look(const char *data, size_t len, size_t *at, int *status)
{
	size_t n = engine_trailer(TOKEN, data, len, at, status);

	if (n == 0) {
		assert(*at == len);
		return 0;
	}
	assert(n >= strlen(TOKEN) + 4 && n <= ENGINE_TRAILER_MAX);
	assert(*at + n <= len);
	assert(data[*at] == '\037' && data[*at + n - 1] == '\037');
	assert(memcmp(data + *at + 1, TOKEN, strlen(TOKEN)) == 0);
	assert(*status >= 0 && *status <= 999);
	return n;
}

/* The same in memory that ends where the text does. */
static size_t look_at_start(const char *data, size_t len, size_t *at,
                            int *status)
{
	char *copy = malloc(len ? len : 1);
	size_t n;

	assert(copy);
	memcpy(copy, data, len);
	n = look(copy, len, at, status);
	free(copy);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char trailer[] = "\037" TOKEN " 42\037";
	const char *text = (const char *)data;
	size_t at, first_at, n, first_n;
	int status = -1, first_status = -1;
	char *joined;

	if (size > 4096)
		return 0;
	first_n = look(text, size, &first_at, &first_status);
	for (size_t cut = 0; cut < size; cut++) {
		n = look_at_start(text, cut, &at, &status);
		/* Whole before the cut, or not there yet. */
		assert(!!n == (first_n && cut >= first_at + first_n));
		assert(!n || (at == first_at && status == first_status));
	}
	/* One behind it is found, unless there is one before. */
	joined = malloc(size + sizeof(trailer));
	assert(joined);
	memcpy(joined, data, size);
	memcpy(joined + size, trailer, sizeof(trailer));
	n = look(joined, size + strlen(trailer), &at, &status);
	assert(n && (first_n ? at == first_at : at <= size));
	free(joined);
	return 0;
}
