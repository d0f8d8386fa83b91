/*
 * system: what Linux and macOS each want of a mount.
 *
 * Pure, and each is there on both, so that both are tested on one.
 */
#ifndef ORBFS_MOUNT_SYSTEM_H
#define ORBFS_MOUNT_SYSTEM_H

#include <stdbool.h>

/* What libfuse is told after -o, unless the user says the same word. */
struct system_option {
	const char *text;
	enum {
		SYSTEM_ALWAYS,
		SYSTEM_SHARED, /* others may use the mount */
		SYSTEM_OWN,    /* they may not */
	} when;
	bool anywhere; /* the file system backend of macOS knows it, too */
};

struct system {
	bool shared_opens;      /* see fs_spec */
	bool has_local;         /* machines of its own: the engine "local" */
	const char *mountpoint; /* when none is named, or NULL */
	const struct system_option *options; /* up to one without a text */
	const char *makes_in; /* where it makes mount points itself, or NULL */
	unsigned timeout_s;   /* when the kernel gives up a mount; 0: never */
	bool finder;          /* Finder is there */
};

extern const struct system system_linux;
extern const struct system system_macos;
/* The one this was compiled for. */
extern const struct system *const system_here;

/*
 * All that follows -o. said is what the user said, options joined by commas;
 * it comes last and as it is. Owned; NULL: no memory.
 */
char *system_options(const struct system *system, const char *said,
                     bool shared);
/* May the mount point be missing, since the system makes it? */
bool system_makes(const struct system *system, const char *mountpoint);
/* A request is answered within so many ms; 0: there is no end. */
unsigned system_patience_ms(const struct system *system, const char *said);

#endif
