/*
 * fuzz_create: whatever is written to create, it is refused with a reason of
 * one line, or it can be handed to the engine, and is rendered so that it is
 * read again as the same.
 */
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "ops/create.h"
#include "ops/engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_args(const struct create *create)
{
	struct engine_call call = {
		.op = ENGINE_CREATE,
		.name = "web",
		.image = create->value[CREATE_IMAGE],
		.arch = create->value[CREATE_ARCH],
		.user = create->value[CREATE_USER],
	};
	struct engine_args args;

	if (!call.image)
		call.image = "debian:bookworm";
	assert(engine_orbctl.args(&call, &args) == 0);
}

static void check_again(const struct create *create)
{
	struct buf text = BUF_INIT(16 * CREATE_TEXT_MAX);
	struct buf why = BUF_INIT(1024);
	struct create again;

	assert(create_render(create, &text) == 0);
	/* Escapes may make it longer than what may be written. */
	if (text.len > CREATE_TEXT_MAX) {
		buf_free(&text);
		return;
	}
	assert(create_parse(text.data, text.len, &again, &why) == 0);
	for (int i = 0; i < CREATE_N_KEYS; i++) {
		const char *a = create->value[i];
		const char *b = again.value[i];

		assert(!a == !b && (!a || strcmp(a, b) == 0));
	}
	create_free(&again);
	buf_free(&text);
	buf_free(&why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf why = BUF_INIT(1024);
	struct create create;
	int err = create_parse((const char *)data, size, &create, &why);

	assert(err == 0 || err == -EINVAL);
	assert(!err == (why.len == 0));
	for (size_t i = 0; i < why.len; i++)
		assert(why.data[i] != '\n');
	for (int i = 0; i < CREATE_N_KEYS; i++)
		assert(!err || !create.value[i]);
	if (!err) {
		check_args(&create);
		check_again(&create);
	}
	create_free(&create);
	buf_free(&why);
	return 0;
}
