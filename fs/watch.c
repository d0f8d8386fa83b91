/*
 * watch: keep the list of machines fresh while somebody waits for changes.
 *
 * Either the alarm is set or a list is being asked for, as long as anybody
 * waits; what changed is told by the fleet's own events.
 */
#include "fs/watch.h"

#include <errno.h>

#include "fs/fs.h"

enum { PERIOD_MIN_MS = 250 }; /* between an answer and the next question */

static void on_alarm(void *arg);

static void set_alarm(struct fs *fs)
{
	struct clock *clock = fs->spec.clock;
	unsigned ms = fleet_spec(fs->spec.fleet)->ttl_ms;

	if (fs->watch.n && !fs->watch.alarm && !fs->watch.asking)
		fs->watch.alarm = clock->set(
			clock, ms < PERIOD_MIN_MS ? PERIOD_MIN_MS : ms,
			on_alarm, fs);
}

/* An engine that does not answer now may do so later. */
static void on_fresh(void *arg, int err)
{
	struct fs *fs = arg;

	fs->watch.asking = false;
	if (err != -ECANCELED)
		set_alarm(fs);
}

static void on_alarm(void *arg)
{
	struct fs *fs = arg;

	fs->watch.alarm = NULL;
	fs->watch.asking = true;
	fleet_get(fs->spec.fleet, on_fresh, fs);
}

void watch_begin(struct fs *fs)
{
	fs->watch.n++;
	set_alarm(fs);
}

void watch_end(struct fs *fs)
{
	if (--fs->watch.n == 0)
		watch_stop(fs);
}

void watch_stop(struct fs *fs)
{
	fs->spec.clock->cancel(fs->spec.clock, fs->watch.alarm);
	fs->watch.alarm = NULL;
}
