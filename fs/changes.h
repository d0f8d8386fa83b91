/*
 * changes: what a guest tells of its files unasked.
 *
 * The guest watches the directories that were listed. A change in one takes the
 * name or the attributes out of the tree and out of the kernel, so both may
 * keep what they know for long. It does not tell of our own changes: who makes
 * one enters it into the tree.
 */
#ifndef ORBFS_FS_CHANGES_H
#define ORBFS_FS_CHANGES_H

#include "ops/guest.h"

/* For guest_new; their arg is the struct files. */
extern const struct guest_events changes_events;

#endif
