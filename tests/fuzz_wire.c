/*
 * Whatever bytes come, reading them stays within them.
 *
 * The input's first bytes choose what is read next, one by one, from what
 * follows; a header and a path are tried on all of it.
 */
#include <assert.h>
#include <string.h>

#include "ops/wire.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void try_header(const unsigned char *data, size_t size)
{
	unsigned char again[WIRE_HEADER];
	struct wire_header h;

	if (size < WIRE_HEADER || !wire_get_header(data, &h))
		return;
	assert(h.size <= WIRE_BODY_MAX && h.op < WIRE_N_OPS && h.err < 4096);
	wire_put_header(&h, again);
	assert(!memcmp(again, data, WIRE_HEADER));
}

static void try_path(const unsigned char *data, size_t size)
{
	static char path[4096];
	size_t len = size < sizeof(path) - 1 ? size : sizeof(path) - 1;

	memcpy(path, data, len);
	path[len] = '\0';
	if (!wire_path_ok(path))
		return;
	assert(path[0] != '/' && !strstr(path, "//") && !strstr(path, "/../"));
	assert(strcmp(path, "..") != 0 && strncmp(path, "../", 3) != 0);
}

/* Read one thing and, if it was there, put it back: it must be the same. */
static void try_one(struct wire_in *in, unsigned char what)
{
	unsigned char back[WIRE_ATTR];
	struct wire_out out = { .data = back, .size = sizeof(back) };
	const unsigned char *at = in->data;
	struct wire_attr attr;
	char text[64];
	size_t len;

	switch (what % 6) {
	case 0:
		wire_put_u8(&out, wire_get_u8(in));
		break;
	case 1:
		wire_put_u32(&out, wire_get_u32(in));
		break;
	case 2:
		wire_put_u64(&out, wire_get_u64(in));
		break;
	case 3:
		wire_get_attr(in, &attr);
		wire_put_attr(&out, &attr);
		break;
	case 4:
		len = wire_get_text(in, text, sizeof(text));
		assert(len < sizeof(text) && strlen(text) == len);
		wire_put_text(&out, text);
		break;
	default:
		at = wire_get_data(in, 64, &len);
		assert(len <= 64 && (at || len == 0));
		return;
	}
	if (!in->bad)
		assert(!out.over && !memcmp(back, at, out.len));
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	size_t n = size < 16 ? size : 16;
	struct wire_in in = { .data = data + n, .len = size - n };

	try_header(data, size);
	try_path(data, size);
	for (size_t i = 0; i < n; i++)
		try_one(&in, data[i]);
	(void)wire_end(&in);
	return 0;
}
