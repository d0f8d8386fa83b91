/*
 * fuzz_info: whatever an engine prints about a machine, its config can be
 * shown, and what is shown can be written back without changing anything.
 */
#include <assert.h>
#include <errno.h>
#include <stdint.h>

#include "ops/machine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_back(const struct machine *m, const struct buf *text)
{
	struct machine_changes changes;
	struct buf why = BUF_INIT(1024);
	int err;

	assert(machine_changes_complete(text->data, text->len));
	err = machine_parse_changes(m, text->data, text->len, &changes, &why);
	assert(err == 0 && why.len == 0);
	for (int i = 0; i < MACHINE_N_KEYS; i++)
		assert(!changes.value[i]);
	machine_changes_free(&changes);
	buf_free(&why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf text = BUF_INIT(MACHINE_CONFIG_MAX);
	struct machine *m = NULL;
	int err = machine_parse_info((const char *)data, size, &m);

	assert(err == 0 || err == -EPROTO || err == -ENOMEM);
	assert(!err == !!m);
	if (!m)
		return 0;
	assert(machine_name_listed(m->name));
	assert(m->disk_used >= -1);
	assert(machine_render_config(m, &text) == 0);
	write_back(m, &text);
	buf_free(&text);
	machine_free(m);
	return 0;
}
