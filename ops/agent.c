/*
 * agent: the guest agents this executable carries.
 *
 * Owns nothing but the search; the table is made by ops/agent/images while
 * orbfs is built. Engines say amd64 and arm64, and so does the table; what
 * the kernel calls them is taken, too, since machines may be asked themselves.
 */
#include "ops/agent.h"

#include <string.h>

static const char *const aliases[][2] = {
	{ "x86_64", "amd64" },
	{ "aarch64", "arm64" },
};

const struct agent_image *agent_image_find(const char *arch)
{
	for (size_t i = 0; i < sizeof(aliases) / sizeof(*aliases); i++)
		if (!strcmp(arch, aliases[i][0]))
			arch = aliases[i][1];
	for (const struct agent_image *a = agent_images; a->arch; a++)
		if (!strcmp(a->arch, arch))
			return a;
	return NULL;
}
