/*
 * vitals: what a machine says of its own load.
 *
 * vitals_script is for `sh -c`, as root, in any guest: the shell's own commands,
 * cat and df, each of which may be missing. It prints files of /proc and /sys as
 * they are; vitals_parse makes numbers of them. Pure. The text comes from a guest
 * and is not trusted: what makes no sense counts as not said.
 *
 * A machine may be a container that sees numbers of the whole computer. So the
 * time that it is up is the age of its process 1, its memory and CPU time are
 * those of its own control group where it sees that, and the sums over its
 * processes where it sees none (then the memory is what they do not share, and
 * the time of commands that somebody outside has waited for is not in it). Load,
 * total memory and disk are what any program in the machine is told.
 */
#ifndef ORBFS_OPS_VITALS_H
#define ORBFS_OPS_VITALS_H

#include <stddef.h>
#include <stdint.h>

#include "ops/buf.h"

enum { VITALS_MAX = 4 << 20 }; /* bytes that are read of an answer */

extern const char vitals_script[];

/* -1 is unknown. */
struct vitals {
	double uptime;   /* seconds */
	double cpu_time; /* seconds */
	double load[3];  /* of 1, 5 and 15 minutes */
	/* Bytes. */
	int64_t memory_used;
	int64_t memory_total;
	int64_t memory_limit;
	int64_t disk_used;
	int64_t disk_total;
	int64_t net_received; /* all interfaces but the loopback */
	int64_t net_sent;
	int64_t processes; /* without those of the question itself */
};

/* Read what the script has printed. 0; -EPROTO: it breaks off, or is something
 * else; v then knows nothing. */
int vitals_parse(const char *text, size_t len, struct vitals *v);
/* Append a line `key value` for all that is known. Returns b->err. */
int vitals_render(const struct vitals *v, struct buf *b);

#endif
