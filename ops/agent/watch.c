#include "ops/agent/watch.h"

void own_name(struct agent *agent, int dir, const char *name)
{
	(void)agent;
	(void)dir;
	(void)name;
}

void own_file(struct agent *agent, const struct handle *h)
{
	(void)agent;
	(void)h;
}

void own_opened(struct agent *agent, struct handle *h,
                const struct place *place)
{
	(void)agent;
	(void)h;
	(void)place;
}

bool watch_here(struct agent *agent, int dir, uint64_t id)
{
	(void)agent;
	(void)dir;
	(void)id;
	return false;
}
