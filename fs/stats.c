/*
 * stats: .orbfs/stats, what the daemon has done and what it holds.
 *
 * Owns nothing: each number is counted where the thing happens.
 */
#include "fs/stats.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "fs/control.h"
#include "fs/node.h"
#include "fs/open.h"

static void put(struct buf *b, const char *key, uint64_t value)
{
	buf_printf(b, "%s %llu\n", key, (unsigned long long)value);
}

static uint64_t handles_count(const struct fs *fs)
{
	uint64_t n = opens_count(fs);

	for (const struct handle *h = fs->handles; h; h = h->next)
		n++;
	return n;
}

/* Bytes of memory that are in use, where the system says so in /proc. */
static void put_memory(struct buf *b)
{
	FILE *f = fopen("/proc/self/statm", "re");
	unsigned long long pages;

	if (f && fscanf(f, "%*u %llu", &pages) == 1)
		put(b, "memory", pages * (uint64_t)sysconf(_SC_PAGESIZE));
	if (f)
		fclose(f);
}

/* What never happened has no times and no failures. */
static void put_calls(struct buf *b, const struct engine_stats *stats)
{
	char key[64];

	for (int op = 0; op < ENGINE_N_OPS; op++) {
		const char *word = engine_op_word((enum engine_op)op);

		snprintf(key, sizeof(key), "engine_%s", word);
		put(b, key, stats->calls[op]);
		snprintf(key, sizeof(key), "engine_%s_failed", word);
		if (stats->calls[op] || stats->failed[op])
			put(b, key, stats->failed[op]);
		snprintf(key, sizeof(key), "engine_%s_ms", word);
		if (stats->ms[op])
			put(b, key, stats->ms[op]);
	}
}

void stats_render(const struct fs *fs, struct buf *b)
{
	struct timespec now = fs->spec.clock->wall(fs->spec.clock);
	struct job_stats jobs;

	jobs_stats(fs->spec.jobs, &jobs);
	put(b, "uptime", (uint64_t)(now.tv_sec - fs->born.tv_sec));
	put_memory(b);
	put(b, "machines", fleet_count(fs->spec.fleet));
	put(b, "guests", fs->n_agents);
	put(b, "requests", fs->n_requests);
	put(b, "cache_hits", *fleet_hits(fs->spec.fleet));
	put(b, "nodes", nodes_count(fs->nodes));
	put(b, "handles", handles_count(fs));
	put(b, "children_started", jobs.started);
	put(b, "children_timed_out", jobs.timed_out);
	put(b, "children_running", jobs.running);
	put(b, "children_queued", jobs.queued);
	put_calls(b, engine_stats(fs->spec.engine));
}
