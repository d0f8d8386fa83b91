/*
 * act: what is done to machines, one thing after another.
 *
 * Each machine has a queue of acts; its head is the one that runs. An act is a
 * struct of its maker's with a struct act at its beginning:
 *
 *	struct turn *turn = act_new(sizeof(*turn), &turn_kind, m, done, arg);
 *	act_enqueue(&turn->act);	turn_kind.begin is called in its turn
 *	act_end(&turn->act, err, m);	done is called, the next one begins
 *
 * The caller is answered once: at the end, or when its patience is over; `done`
 * is NULL from then on. An act belongs to the queue from act_enqueue on and is
 * freed by act_end.
 *
 * For the parts of cache/lifecycle.h, and nobody else.
 */
#ifndef ORBFS_CACHE_ACT_H
#define ORBFS_CACHE_ACT_H

#include <stdbool.h>
#include <stddef.h>

#include "cache/fleet.h"
#include "cache/lifecycle.h"
#include "cache/snapshots.h"

struct act_kind {
	/* It is the head of its queue now. Not called when the machine went
	 * while it waited: that ends it with -ENOENT. NULL: it is begun and
	 * ended by another act. */
	void (*begin)(struct act *act);
	/* Let go what it holds beside the struct act. NULL: nothing. */
	void (*clear)(struct act *act);
	/* It changes nothing: lists go on to tell of the machine, and nobody
	 * needs to wait for its end. */
	bool reads;
};

struct act {
	const struct act_kind *kind;
	struct member *member;
	struct act *next;
	lifecycle_fn *done; /* NULL: answered */
	void *arg;
	struct alarm *patience;
	bool is_patient; /* it was, to begin with */
};

/* size bytes, all but the struct act zero. NULL: no memory. */
void *act_new(size_t size, const struct act_kind *kind, struct member *m,
              lifecycle_fn *done, void *arg);
/* Of an act that is in no queue. NULL is allowed. */
void act_free(struct act *act);
/* Its caller waits a moment at most. Just before act_enqueue. */
void act_be_patient(struct act *act);
/* Put it at the end of its machine's queue; a first one begins. */
void act_enqueue(struct act *act);
/* Answer its caller, unless that was done. */
void act_answer(struct act *act, int err, struct member *m);
/* The head of the queue is over: whatever it did to the fleet stands. told is
 * what its caller gets, if it was not answered. */
void act_end(struct act *act, int err, struct member *told);
/* Take one that has not begun out of its queue, and answer its caller. */
void act_withdraw(struct act *act, int err);

/* An act that borrows m (see lifecycle_lend), to be put into its queue. NULL:
 * no memory. */
struct act *act_loan(struct member *m, lifecycle_fn *lent, void *arg);

/* What the machine shows while acts run: MACHINE_UNKNOWN is what it is. */
void act_show(struct member *m, enum machine_state passing);
/* The engine's record, but in that state: it says so itself soon. */
void act_set_state(struct member *m, enum machine_state state);
/* What keeps it from being changed otherwise: "starting", "being copied". */
const char *act_word(const struct member *m);
/* Put a line into the machine's error; that of a snapshot is its machine's,
 * too, where it is looked for. */
void act_complain(struct member *m, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* May a snapshot of m be called so? Then name is all of its name; else the
 * errors of the fleet and of m say why not. */
int act_check_snapshot(struct member *m, const char *word,
                       char name[SNAPSHOT_NAME_MAX]);
struct engine *act_engine(const struct act *act);
/* Its id, for the engine, or NULL as long as that is not known. */
const char *act_id(const struct member *m);
/* It never came into being; its error says why, and is to be kept. */
bool act_is_stillborn(const struct member *m);
/* Call those who wait for a machine that nothing changes any more. */
void lifecycle_wake(struct member *m);

#endif
