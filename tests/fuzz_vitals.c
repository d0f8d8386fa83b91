/*
 * Fuzz target: what a guest prints of its own load.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "ops/vitals.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf b = BUF_INIT(4096);
	struct vitals v;
	int err = vitals_parse((const char *)data, size, &v);

	assert(v.memory_used >= -1 && v.memory_limit >= -1);
	assert(v.disk_used >= -1 && v.net_sent >= -1 && v.processes >= -1);
	/* A dozen short lines, whatever the guest says. */
	assert(vitals_render(&v, &b) == 0);
	assert(!err || b.len == 0);
	buf_free(&b);
	return 0;
}
