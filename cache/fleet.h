/*
 * fleet: the machines as orbfs knows them.
 *
 * What the engine says (its last list) with our own changes laid over it: a
 * machine that we create, delete, rename, start or stop shows so at once, and
 * the engine's next list confirms it. A member is one machine for as long as
 * anybody here refers to it, whatever its name becomes; the machine record in
 * it is replaced with every list.
 *
 * Who changes members: cache/fleet.c (lists) and cache/lifecycle.c (what users
 * ask for). Everybody else reads, after a fleet_get.
 */
#ifndef ORBFS_CACHE_FLEET_H
#define ORBFS_CACHE_FLEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "cache/slot.h"
#include "ops/buf.h"
#include "ops/clock.h"
#include "ops/create.h"
#include "ops/engine.h"
#include "ops/log.h"
#include "ops/machine.h"
#include "ops/run.h"
#include "ops/vitals.h"

struct act;
struct audience;
struct fleet;
struct member;
struct waiter;

/* The texts of a machine whose times and lengths are remembered. */
enum member_text {
	MEMBER_STATE,
	MEMBER_IP,
	MEMBER_CONFIG,
	MEMBER_EXEC,
	MEMBER_ERROR,
	MEMBER_LOG,
	MEMBER_STATS,
	MEMBER_SNAPSHOTS, /* which there are */
	MEMBER_N_TEXTS
};

struct member_key {
	const char *text;
	struct member *member;
};

struct member {
	struct fleet *fleet;
	unsigned refs;
	uint64_t cookie; /* its place in the directory; grows, never reused */
	char *name;
	struct machine *machine; /* never NULL */
	bool known;  /* the engine has told of it, so its id is right */
	bool listed; /* false once it is gone: only references are left */
	bool hidden; /* being deleted: not shown, but its name is taken */
	/* The machine that it is a snapshot of (cache/snapshots.h), or NULL.
	 * Borrowed. */
	struct member *of;
	struct buf error; /* why the last operation failed, one line or none */

	struct {
		size_t len; /* of its last rendering */
		struct timespec changed;
	} texts[MEMBER_N_TEXTS];
	struct timespec changed; /* any of them, or its name */

	/* What info said last, NULL before; see member_get. */
	struct machine *info;
	struct slot info_slot;
	/* What it uses, NULL when that is not known; see member_get. */
	struct vitals *vitals;
	struct slot vitals_slot;

	struct run *last;     /* the script started last, or NULL */
	struct run *finished; /* the script that ended last, or NULL */

	/* Private to cache/. */
	struct member_key by_name;
	struct member_key by_id;
	struct member *next_snap; /* of those with the name of a snapshot */
	struct timespec seen_at;  /* when it came to be known here */
	enum machine_state told;  /* the state that the news told last */
	uint64_t touched;         /* the generation of our last change to it */
	uint64_t seen;            /* the list that named it last */
	struct act *acts;         /* life-cycle calls, the first is running */
	unsigned changing;        /* how many of them may change it */
	enum machine_state passing; /* its state meanwhile, or _UNKNOWN */
	struct waiter *waits;       /* for the acts to be over */
};

/* What the world is told. All may be NULL. A snapshot that comes or goes is a
 * change of its machine's, and no machine that comes or goes. */
struct fleet_events {
	void (*came)(void *arg, struct member *m);
	/* name is the one it was shown under. */
	void (*gone)(void *arg, struct member *m, const char *name);
	/* It is about to stop or to be deleted. */
	void (*before)(void *arg, struct member *m);
	/* One of its texts is another now. */
	void (*changed)(void *arg, struct member *m, enum member_text text);
};

struct fleet_spec {
	struct engine *engine;
	struct clock *clock;
	struct log *log;
	unsigned ttl_ms; /* how long a list serves everybody */
	/* For creations: NULL leaves it to the engine. Borrowed. */
	const char *image;
	const char *arch;
	const char *user;
};

enum {
	FLEET_PATIENCE_MS = 250,        /* of who wants a fresh list */
	FLEET_FIRST_PATIENCE_MS = 2000, /* when there has been none yet */
};

/* NULL: no memory. */
struct fleet *fleet_new(const struct fleet_spec *spec);
void fleet_set_events(struct fleet *fleet, const struct fleet_events *events,
                      void *arg);
/* Tell everybody who waits -ECANCELED and start nothing any more. */
void fleet_end(struct fleet *fleet);
/* No call may be pending and no member referred to. NULL is allowed. */
void fleet_free(struct fleet *fleet);
const struct fleet_spec *fleet_spec(const struct fleet *fleet);
/* What new machines are to be like; "" and {} take it back. 0, -ENOMEM, or
 * -EINVAL and the fleet's error: then nothing changes. */
int fleet_set_defaults(struct fleet *fleet, const char *text, size_t len);
const struct create *fleet_defaults(const struct fleet *fleet);

/*
 * Make the list as fresh as it can be had within a moment: at once when it is
 * younger than ttl_ms, else after the engine's answer or the patience above,
 * which for a stale list is that of all who wait for one answer together.
 * err is 0 when there is a list, be it stale; else why there never was one.
 */
void fleet_get(struct fleet *fleet, slot_fn *done, void *arg);
/* Has there ever been a list? */
bool fleet_is_known(const struct fleet *fleet);
/* The next fleet_get asks the engine. */
void fleet_spoil(struct fleet *fleet);

/* The machine shown under that name, or NULL. Borrowed. Snapshots of machines
 * are not shown among them, see cache/snapshots.h. */
struct member *fleet_find(struct fleet *fleet, const char *name);
/* The first machine shown behind that cookie (0: of all), or NULL. Borrowed. */
struct member *fleet_next(struct fleet *fleet, uint64_t cookie);
/* How many are shown. */
size_t fleet_count(const struct fleet *fleet);
/* When a machine came or went last. */
struct timespec fleet_changed(const struct fleet *fleet);
/* How often a list, or what is known of a member, was fresh when somebody asked
 * for it. */
uint64_t *fleet_hits(struct fleet *fleet);
/* When one did, or its state or its configuration changed. */
struct timespec fleet_stirred(const struct fleet *fleet);
/* Why an operation on no machine failed last, "" for none. */
const char *fleet_error(const struct fleet *fleet);
void fleet_set_error(struct fleet *fleet, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

struct member *member_ref(struct member *m);
/* NULL is allowed. */
void member_unref(struct member *m);
/* When it was created: its id tells, else it is when it was seen first. */
struct timespec member_born(const struct member *m);
/* Its state: what we are doing to it, else what the engine says. */
enum machine_state member_state(const struct member *m);
/* An empty text clears it. */
void member_set_error(struct member *m, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
const char *member_error(const struct member *m);
/* One of its texts is another now. */
void member_touch(struct member *m, enum member_text text);
/* The script has started, or ended: it becomes the last, or the finished. */
void member_set_last(struct member *m, struct run *run);
void member_set_finished(struct member *m, struct run *run);
/* What somebody wants to know of a machine, beside what a list says. */
enum member_detail {
	MEMBER_ADDRESS, /* kept for as long as the machine runs */
	MEMBER_DETAILS, /* all of m->info, fresh */
	MEMBER_VITALS,  /* m->vitals, asked for once a second at most */
};

/*
 * Get a fresh list, and then m->info or m->vitals if they are to be had. err is
 * 0 also when there is nothing to ask for: an address or the vitals of a
 * machine that does not run, the details of one that the engine does not know
 * yet. -ENOENT: it is gone; else the engine's errno, the reason being in the
 * machine's error then.
 */
void member_get(struct member *m, enum member_detail detail, slot_fn *done,
                void *arg);
/* Forget what is remembered about it beside what the engine says. */
void member_forget(struct member *m);

/* ---- for cache/ ---- */

/* May a machine be made under that name, of a snapshot's form or not? 0; else
 * the fleet's error says why not: -EINVAL, -ENAMETOOLONG, -EEXIST, -EBUSY. */
int fleet_check_name(struct fleet *fleet, const char *name, bool is_snapshot);

/* A machine that is not in any list yet. Not shown before fleet_show. */
struct member *fleet_add(struct fleet *fleet, const char *name, int *err);
/* It is gone: out of the tables, its list reference dropped. */
void fleet_drop(struct member *m);
/* Show it under another name, which is free. 0 or -ENOMEM. */
int fleet_rename(struct member *m, const char *name);
/* Tell who uses it that it is about to stop, to be renamed or deleted. */
void fleet_tell_before(struct member *m);
/* Hide it while it is being deleted, or show it again. */
void fleet_hide(struct member *m, bool hidden);
/* It is a snapshot of that machine now, or of none. */
void fleet_belong(struct member *m, struct member *of);
/* The list of all that have the name of a snapshot, by next_snap. */
struct member **fleet_snapshots(struct fleet *fleet);
/* Those who listen to what happens (cache/news.h). */
struct audience *fleet_audience(struct fleet *fleet);
/* We have deleted the machine of that id: lists asked for before are no proof
 * of its being there. */
void fleet_bury(struct fleet *fleet, const char *id);
/* Any holder of that name, shown or hidden. Borrowed. */
struct member *fleet_holder(struct fleet *fleet, const char *name);
/* We have changed it: lists asked for before do not touch it. */
void fleet_overtake(struct member *m);
/* Take over what the engine says of it; machine is taken. */
void fleet_take(struct member *m, struct machine *machine);
/* It has started or stopped: another boot, another address. */
void fleet_reboot(struct member *m);
bool fleet_is_ending(const struct fleet *fleet);
/* How long the kernel has had the root locked for us (see lifecycle.c). */
struct root_lock {
	uint64_t since_ms;
	uint64_t until_ms;
	uint64_t used_ms;
};
struct root_lock *fleet_root_lock(struct fleet *fleet);
/* The waits that sleep until their next look (see lifecycle.c). */
struct waiter **fleet_sleepers(struct fleet *fleet);

#endif
