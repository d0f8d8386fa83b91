/*
 * readahead: find our mount's device in mountinfo, and write to its bdi.
 *
 * A stat of the mount would tell the device as well, but the loop that would
 * have to answer it is the one that runs this.
 */
#include "mount/readahead.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { LINE_MAX_LEN = 8192, DEVICE_LEN = 32 };

/* mountinfo writes blanks, tabs, newlines and backslashes as three octal
 * digits. Does `text`, up to its end or a blank, say the path? */
static int same_path(const char *text, const char *path)
{
	for (; *text && *text != ' '; path++) {
		unsigned char c = (unsigned char)*text;
		unsigned int octal;

		if (c == '\\' && sscanf(text + 1, "%3o", &octal) == 1) {
			c = (unsigned char)octal;
			text += 4;
		} else {
			text++;
		}
		if (c != (unsigned char)*path)
			return 0;
	}
	return *path == '\0';
}

int readahead_device(const char *line, const char *mountpoint, char *device,
                     size_t size)
{
	const char *fields[5];
	size_t len;
	int n = 0;

	/* id, parent, major:minor, root, mount point */
	for (const char *p = line; n < 5 && *p; n++) {
		fields[n] = p;
		p += strcspn(p, " ");
		p += *p == ' ';
	}
	if (n < 5 || !same_path(fields[4], mountpoint))
		return -ENOENT;
	len = strcspn(fields[2], " ");
	if (len >= size || strspn(fields[2], "0123456789:") < len)
		return -ENOENT;
	memcpy(device, fields[2], len);
	device[len] = '\0';
	return 0;
}

void readahead_set(const char *mountpoint, unsigned kib)
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	char line[LINE_MAX_LEN];
	char device[DEVICE_LEN] = "";
	char path[64];
	FILE *file;

	if (!mounts)
		return;
	/* Of several mounts on one place, the last is on top. */
	while (fgets(line, sizeof(line), mounts))
		(void)readahead_device(line, mountpoint, device,
		                       sizeof(device));
	fclose(mounts);
	if (!*device)
		return;
	snprintf(path, sizeof(path), "/sys/class/bdi/%s/read_ahead_kb", device);
	file = fopen(path, "we");
	if (!file)
		return;
	fprintf(file, "%u\n", kib);
	fclose(file); /* refused or not: see the header */
}
