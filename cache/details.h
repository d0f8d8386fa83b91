/*
 * details: what is known of one machine beside what a list says: m->info and
 * m->vitals. Asked for by member_get (cache/fleet.h).
 *
 * For cache/fleet.c, which owns the members.
 */
#ifndef ORBFS_CACHE_DETAILS_H
#define ORBFS_CACHE_DETAILS_H

#include <stdbool.h>

#include "cache/fleet.h"

void details_init(struct member *m);
/* It has started or stopped: what it used is over, and so is its address. */
void details_spoil(struct member *m);
/* Tell those who wait -ECANCELED. false: nobody did. */
bool details_end(struct member *m);

#endif
