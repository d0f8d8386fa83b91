/*
 * What ops/agent.h promises: the agents that were made are carried whole, each
 * under the name of its architecture.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/utsname.h>

#include <cmocka.h>

#include "ops/agent.h"

static void the_machines_own_agent_is_carried(void **state)
{
	struct utsname name;

	(void)state;
	assert_int_equal(uname(&name), 0);
	assert_non_null(agent_image_find(name.machine));
}

static void every_agent_is_a_program_for_its_architecture(void **state)
{
	static const struct {
		const char *arch;
		unsigned char machine; /* e_machine of an ELF header */
	} table[] = { { "amd64", 62 }, { "arm64", 183 } };
	unsigned n = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		const struct agent_image *a = agent_image_find(table[i].arch);

		if (!a)
			continue;
		n++;
		assert_string_equal(a->arch, table[i].arch);
		assert_true(a->len > 10000);
		assert_memory_equal(a->data, "\177ELF\2\1", 6);
		assert_int_equal(a->data[18], table[i].machine);
	}
	assert_true(n > 0);
}

static void an_unknown_architecture_has_none(void **state)
{
	(void)state;
	assert_null(agent_image_find("riscv64"));
	assert_null(agent_image_find(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_machines_own_agent_is_carried),
		cmocka_unit_test(every_agent_is_a_program_for_its_architecture),
		cmocka_unit_test(an_unknown_architecture_has_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
