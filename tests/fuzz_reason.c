/*
 * fuzz_reason: whatever a failed call leaves on stderr, there is an errno and
 * one readable line.
 */
#include <assert.h>
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ops/engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_line(const struct buf *why)
{
	assert(why->len > 0 && !why->err);
	assert(why->len < 2 * ENGINE_TEXT_MAX);
	for (size_t i = 0; i < why->len; i++)
		assert(!iscntrl((unsigned char)why->data[i]));
}

static void check(const struct job_result *res)
{
	struct engine_spec spec = { .table = &engine_orbctl };
	struct engine *engine = engine_new(&spec);
	struct buf why = BUF_INIT(4096);
	int err;

	assert(engine);
	for (int op = 0; op < ENGINE_N_OPS; op++) {
		struct engine_failure failure =
			engine_orbctl.failure((enum engine_op)op, res);

		assert(failure.err < 0 && failure.err > -4096);
		assert(failure.retry >= ENGINE_FINAL &&
		       failure.retry <= ENGINE_IMAGE);
	}
	engine_orbctl.reason(res, &why);
	check_line(&why);
	buf_reset(&why);
	err = engine_run_failure(engine, res, &why);
	if (err)
		check_line(&why);
	else
		assert(res->status > 128 && why.len == 0);
	buf_free(&why);
	engine_free(engine);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct job_result res = { .out = "" };
	char *text;

	if (size < 1)
		return 0;
	/* What comes before is the way in which the child ended. */
	res.status = data[0];
	res.signal = data[0] == 9 ? 9 : 0;
	text = malloc(size);
	assert(text);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	res.err = text;
	res.err_len = size - 1;
	check(&res);
	free(text);
	return 0;
}
