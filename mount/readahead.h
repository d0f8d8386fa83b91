/*
 * readahead: let the kernel read further ahead on our mount.
 *
 * Its default of 128 KiB makes eight requests of what the connection carries
 * in one. Linux lets root say otherwise, mount by mount; elsewhere, and for
 * others, the default stays, which costs speed and nothing else.
 */
#ifndef ORBFS_MOUNT_READAHEAD_H
#define ORBFS_MOUNT_READAHEAD_H

#include <stddef.h>

/* Ask for `kib` on what is mounted at that absolute path. Does not look at the
 * mount itself. */
void readahead_set(const char *mountpoint, unsigned kib);

/* The "major:minor" that a line of /proc/self/mountinfo gives for a mount on
 * that path. 0 or -ENOENT: the line is of another mount. */
int readahead_device(const char *line, const char *mountpoint, char *device,
                     size_t size);

#endif
