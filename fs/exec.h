/*
 * exec: scripts written to exec, and the outputs of scripts.
 *
 * One write that ends in a newline is one script; what does not is held until
 * the next write or the close. The write is answered when the script has
 * ended. Reading through the same open file gives what it ran, as it comes;
 * other opens give the output of the run that ended last.
 */
#ifndef ORBFS_FS_EXEC_H
#define ORBFS_FS_EXEC_H

#include "fs/control.h"

struct exec;

/* What exec remembers beside its runs; NULL: no memory. */
struct exec *exec_new(void);
void exec_free(struct exec *exec);

/* rq->text was written. */
void exec_write(struct request *rq);
/* Run what is held, or answer at once when nothing is. */
void exec_flush(struct request *rq);
/* For exec and for run/last/out and err. */
void exec_read(struct request *rq);

#endif
