/*
 * watch: keep the list of machines fresh while somebody waits for changes.
 *
 * What changes elsewhere is only seen in a list, and nobody asks for one who
 * sleeps in poll(2) or reads .orbfs/events. As long as anybody does, the list is
 * asked for as often as it grows old; when nobody does, not at all.
 */
#ifndef ORBFS_FS_WATCH_H
#define ORBFS_FS_WATCH_H

#include <stdbool.h>

struct alarm;
struct fs;

/* In struct fs; all zero at first. */
struct watch {
	unsigned n; /* who wait for changes */
	struct alarm *alarm;
	bool asking; /* for a list; the alarm is set when it is there */
};

/* One more waits, and one less. */
void watch_begin(struct fs *fs);
void watch_end(struct fs *fs);
/* Nobody is told of anything any more. */
void watch_stop(struct fs *fs);

#endif
