/*
 * options: the command line as a plain record.
 *
 * Pure: it reads argv and two variables of the environment and touches nothing
 * else. What is not ours among the -o options is left for libfuse.
 */
#ifndef ORBFS_MOUNT_OPTIONS_H
#define ORBFS_MOUNT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum options_act {
	OPTIONS_MOUNT,
	OPTIONS_DOCTOR,
	OPTIONS_HELP,
	OPTIONS_VERSION
};

enum options_engine { OPTIONS_AUTO, OPTIONS_ORBCTL, OPTIONS_LOCAL };

struct options {
	enum options_act act;
	char *mountpoint; /* as given, or the system's usual; NULL for DOCTOR */
	bool foreground;
	bool trace; /* -d: every request and every child is logged */
	enum options_engine engine;
	char *orbctl; /* path or name, or NULL */
	unsigned ttl_ms;
	uint64_t spool; /* bytes kept of each output of a script */
	/* For creations; NULL leaves it to the engine. */
	char *image;
	char *arch;
	char *user;
	bool shared;    /* -o allow_other */
	bool raw_links; /* -o symlinks=raw */
	bool map_user;  /* -o idmap=user */
	bool drafts;    /* -o drafts */
	bool finder;    /* -o finder; where Finder is, without being said */
	char *fuse;     /* "-o" options that are libfuse's, joined by commas */
	int ready_fd;   /* tell this descriptor when mounted, or -1 */
};

/*
 * Read the command line. 0, or a negative errno after one line about it in
 * `why` (why_len bytes). options is to be freed in either case. orbctl_env is
 * the value of ORBFS_ORBCTL, or NULL.
 */
int options_parse(struct options *options, int argc, char *const argv[],
                  const char *orbctl_env, char *why, unsigned long why_len);
void options_free(struct options *options);
/* The text of --help. */
const char *options_help(void);

#endif
