/*
 * fuzz_config: whatever is written to config, it is refused with a reason of
 * one line, or every value that comes of it can be handed to the engine.
 */
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "ops/engine.h"
#include "ops/machine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char info[] =
	"{\"record\": {\"id\": \"01K2G8TY5GM9C3CN95KCB4ZG8B\", \"name\": "
	"\"web\", \"image\": {\"distro\": \"ubuntu\", \"arch\": \"arm64\"}, "
	"\"config\": {\"isolated\": false, \"isolate_network\": true, "
	"\"cpu_limit\": 1.5, \"memory_limit_mib\": 2048, "
	"\"default_username\": \"dev\"}, \"state\": \"running\"}, "
	"\"disk_size\": 962924544}";

static void check_value(enum machine_key key, const char *value)
{
	struct engine_call call = {
		.op = ENGINE_SET,
		.name = "web",
		.key = key,
		.value = value,
	};
	struct engine_args args;

	assert(value[0] && value[0] != '-' && strlen(value) < 64);
	for (const char *p = value; *p; p++)
		assert(isgraph((unsigned char)*p));
	assert(engine_orbctl.args(&call, &args) == 0);
	assert(args.n == 4 && !args.v[4]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct buf why = BUF_INIT(1024);
	struct machine_changes changes;
	struct machine *m = NULL;
	int err;

	assert(machine_parse_info(info, strlen(info), &m) == 0);
	(void)machine_changes_complete(text, size);
	err = machine_parse_changes(m, text, size, &changes, &why);
	assert(err == 0 || err == -EINVAL || err == -EPERM);
	assert(!err == (why.len == 0));
	for (size_t i = 0; i < why.len; i++)
		assert(!iscntrl((unsigned char)why.data[i]));
	for (int i = 0; i < MACHINE_N_KEYS; i++) {
		assert(!err || !changes.value[i]);
		if (changes.value[i])
			check_value((enum machine_key)i, changes.value[i]);
	}
	machine_changes_free(&changes);
	buf_free(&why);
	machine_free(m);
	return 0;
}
