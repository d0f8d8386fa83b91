/*
 * task: one job: run/NAME and the files in it. What users call a job is called
 * a task here, since a job is a child process elsewhere.
 *
 * A task runs one script. Its stdin is like a FIFO: it waits for the first who
 * opens `in` to write, be it before the start, and ends when nobody has it open
 * any more. At most fs_spec.spool_max bytes wait in there: who writes more
 * before the start is refused, who does it later waits. `out` and `err` are
 * files that grow; their size and offsets count all that was ever printed, and
 * what was dropped of it to stay below spool_max is skipped by reading.
 *
 * A label below is always that of a task: of a node whose entry is in DIR_JOB,
 * or holds one.
 */
#ifndef ORBFS_FS_TASK_H
#define ORBFS_FS_TASK_H

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#include "fs/node.h"
#include "fs/script.h"

struct buf;
struct fs;
struct member;
struct request;
struct run;
struct spool;
struct view;

enum { TASK_NAME_MAX = 64 }; /* bytes */

/* The name, the machine and the place in the list are for others to read. */
struct task {
	struct label label; /* first: the label is the task */
	struct fs *fs;
	struct member *m; /* referred to */
	struct task *next;
	bool removed;
	bool starting;    /* a cmd waits for the machine */
	struct run *run;  /* referred to; NULL: not started yet */
	struct spool *in; /* NULL: the run has ended */
	unsigned n_writers;
	bool had_writer;
	struct request *waiters; /* reads of `wait`, by next_waiting */
	struct script script;
	pid_t reader; /* of the script, the last */
	struct timespec born;
	char name[TASK_NAME_MAX + 1];
};

/* A task that nobody has started, with one reference, the list's. NULL: no
 * memory. */
struct task *task_new(struct fs *fs, struct member *m, const char *name);
/* It is out of the list: end a script that runs, and give the reference back. */
void task_remove(struct task *task);
bool task_is_running(const struct task *task);
/* The machine has another name now. */
void task_renamed(struct task *task);
/* Answer those who wait for the end of what does not run. */
void task_tell_waiters(struct task *task);

/* What was started; NULL: nothing yet. Borrowed. */
struct run *task_run(const struct label *label);
/* It was removed: only old open files and lookups lead to it. */
bool task_is_gone(const struct label *label);
/* When anything of it changed last. */
struct timespec task_changed(const struct label *label);
/* Texts, as in struct entry. */
void task_render_cmd(const struct view *view, struct buf *b);
void task_render_status(const struct view *view, struct buf *b);
void task_render_env(const struct view *view, struct buf *b);
void task_render_dir(const struct view *view, struct buf *b);

/* cmd is being read: who does that and writes the same to another is making a
 * copy, by cp -r, which is not to run anything. */
void task_cmd_read(const struct request *rq);
/* A read of out, err or wait. */
void task_read(struct request *rq);
/* rq->text was written to one of its files, as control_write has it. */
void task_write(struct request *rq);
/* A close: what is held is complete now. */
void task_flush(struct request *rq);
/* Somebody has opened `in`, and closed it. */
void task_input_opened(struct label *label);
void task_input_closed(struct label *label);

#endif
