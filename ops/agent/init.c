/*
 * init: the parts of an agent, put together.
 *
 * Apart from main.c so that a test can have an agent without a process.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "ops/agent/watch.h"

enum {
	INIT_SPARE_FDS = 64, /* descriptors that are not for open files */
};

/* As many descriptors as we may have; returns how many open files that is. */
static size_t raise_limits(void)
{
	struct rlimit limit = { .rlim_cur = 256 };

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
		(void)getrlimit(RLIMIT_NOFILE, &limit);
	}
	if (limit.rlim_cur > HANDLES_MAX + INIT_SPARE_FDS)
		return HANDLES_MAX;
	if (limit.rlim_cur < 2 * INIT_SPARE_FDS)
		return INIT_SPARE_FDS / 2;
	return (size_t)limit.rlim_cur - INIT_SPARE_FDS;
}

int agent_init(struct agent *agent)
{
	int err;

	memset(agent, 0, sizeof(*agent));
	handles_init(&agent->handles, raise_limits());
	identity_init(&agent->identity);
	watch_init(&agent->watches);
	err = slow_init(&agent->slow);
	agent->has_openat2 = path_has_openat2();
	agent->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (agent->root < 0 || chdir("/") < 0)
		err = -errno;
	return err;
}
