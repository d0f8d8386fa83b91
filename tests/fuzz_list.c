/*
 * fuzz_list: whatever an engine prints as its list, the machines that come of
 * it are whole and safe to name in an argument list.
 */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "ops/machine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct machine_list list;
	int err = machine_parse_list((const char *)data, size, &list);

	assert(err == 0 || err == -EPROTO || err == -ENOMEM);
	assert(!err || (!list.v && list.n == 0));
	for (size_t i = 0; i < list.n; i++) {
		const struct machine *m = list.v[i];
		struct machine *copy = machine_copy(m);

		assert(machine_name_listed(m->name));
		assert(m->id[0] && strlen(m->id) <= 255);
		assert(m->state >= 0 && m->state < MACHINE_N_STATES);
		assert(machine_born_ms(m->id) >= -1);
		assert(m->cpus == -1 || m->cpus > 0);
		assert(m->memory >= -1 && m->disk >= -1);
		assert(m->disk_used == -1 && !m->ip4 && !m->ip6);
		assert(copy && strcmp(copy->name, m->name) == 0);
		machine_free(copy);
	}
	machine_list_free(&list);
	return 0;
}
