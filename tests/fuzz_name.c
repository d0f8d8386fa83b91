/*
 * fuzz_name: no name reaches an argument list that could be taken for
 * something else, whatever the kernel, the engine or a user calls a machine.
 */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ops/engine.h"
#include "ops/machine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is about the engine itself and not about a machine. */
static bool is_general(enum engine_op op)
{
	return op == ENGINE_LIST || op == ENGINE_CONFIG_SHOW ||
	       op == ENGINE_CONFIG_SET || op == ENGINE_VERSION ||
	       op == ENGINE_STATUS || op == ENGINE_IMAGES;
}

static void check_args(const char *name, enum engine_op op)
{
	struct engine_call call = {
		.op = op,
		.name = name,
		.new_name = name,
		.image = "debian:bookworm",
		.key = MACHINE_KEY_USER,
		.path = "/spool/a.tar.zst",
		.setting = name,
		.value = "dev",
		.token = "0123456789abcdef",
		.signal = 15,
	};
	struct engine_args args;
	int err = engine_orbctl.args(&call, &args);
	bool strict = op == ENGINE_CREATE || op == ENGINE_RENAME ||
	              op == ENGINE_CLONE || op == ENGINE_IMPORT;
	bool good = strict ? machine_name_check(name) == 0
	                   : machine_name_listed(name);
	bool named = false;

	if (op == ENGINE_CONFIG_SET)
		assert(err || (name[0] != '-' && !strpbrk(name, " =\n") &&
		               strncmp(name, "machine.", 8) != 0));
	if (is_general(op))
		return;
	assert(err == (good ? 0 : -EINVAL));
	for (size_t i = 0; !err && i < args.n; i++) {
		assert(strcmp(args.v[i], "--") != 0);
		named = named || strstr(args.v[i], name);
	}
	assert(err || named);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *name = malloc(size + 1);

	assert(name);
	memcpy(name, data, size);
	name[size] = '\0';
	if (machine_name_check(name) == 0) {
		assert(machine_name_listed(name));
		assert(strlen(name) <= MACHINE_NAME_MAX);
		assert(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") ==
		       strlen(name));
	}
	if (machine_name_listed(name))
		assert(name[0] != '-' && name[0] != '.' && name[0] &&
		       !strpbrk(name, "/\n\r\t\x1b\x7f"));
	assert(machine_born_ms(name) >= -1);
	assert(machine_born_ms(name) < INT64_C(1) << 48);
	assert(machine_state_of(name) < MACHINE_N_STATES);
	for (int op = 0; op < ENGINE_N_OPS; op++)
		check_args(name, (enum engine_op)op);
	free(name);
	return 0;
}
