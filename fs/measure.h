/*
 * measure: sizes of control files, told before anybody opens them.
 *
 * A size is that of the text that was rendered last. Programs that map a file,
 * or pack it, believe it; for them, what the text is made from is asked for
 * first. A machine that hangs keeps nobody from looking: after a moment the old
 * size has to do.
 */
#ifndef ORBFS_FS_MEASURE_H
#define ORBFS_FS_MEASURE_H

#include "fs/request.h"

enum { MEASURE_MS = 500 };

/* Has it a size that can be told at all? That of a machine's vitals is not
 * worth a command in there. */
bool measure_can(const struct entry *entry);
/* See that the size of a node, which is no directory, is right; then go. */
void measure_node(struct request *rq, struct node *node,
                  void (*go)(struct request *rq));

#endif
