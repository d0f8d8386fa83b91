/*
 * jobs: run/NAME, scripts that run in a machine by themselves.
 *
 *	mkdir run/build			a job
 *	tar c . >run/build/in		what its script will find on stdin
 *	echo make >run/build/cmd	starts it, and returns
 *	cat run/build/wait		blocks until the end: "exited 0"
 *	rmdir run/build			ends and forgets it
 *
 * A job runs one script. Its stdin is like a FIFO: it waits for the first who
 * opens `in` to write, be it before the start, and ends when nobody has it open
 * any more. At most fs_spec.spool_max bytes wait in there: who writes more
 * before the start is refused, who does it later waits. `out` and `err` are
 * files that grow; their size and offsets count all that was ever printed, and
 * what was dropped of it to stay below spool_max is skipped by reading.
 *
 * `rm -r run/build` works, too: the files of a job may be unlinked, which does
 * nothing, and is refused to who tried to remove the whole machine.
 */
#ifndef ORBFS_FS_JOBS_H
#define ORBFS_FS_JOBS_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

struct buf;
struct dir_name;
struct fs;
struct label;
struct member;
struct node;
struct request;
struct run;
struct view;

enum {
	JOBS_MAX = 1024,           /* of one machine */
	JOBS_NAME_MAX = 64,        /* bytes */
	JOBS_ENV_MAX = 64 << 10,   /* bytes of the file env */
	JOBS_DIR_MAX = 4096,       /* bytes of a path */
	JOBS_SCRIPT_MAX = 1 << 20, /* bytes */
};

/* See struct dir_kind. In run: */
void jobs_lookup(struct request *rq);
bool jobs_next(struct fs *fs, const struct node *dir, struct dir_name *name);
void jobs_mkdir(struct request *rq);
void jobs_rmdir(struct request *rq);
/* In a job, where names of the table may be unlinked: */
void jobs_unlink(struct request *rq);

/* A label below is always that of a job: of a node whose entry is in DIR_JOB,
 * or holds one. */

/* What was started; NULL: nothing yet. Borrowed. */
struct run *jobs_run(const struct label *label);
/* It was removed: only old open files and lookups lead to it. */
bool jobs_is_gone(const struct label *label);
/* When anything of it changed last. */
struct timespec jobs_changed(const struct label *label);
/* Texts, as in struct entry. */
void jobs_render_cmd(const struct view *view, struct buf *b);
void jobs_render_status(const struct view *view, struct buf *b);
void jobs_render_env(const struct view *view, struct buf *b);
void jobs_render_dir(const struct view *view, struct buf *b);

/* cmd is being read: who does that and writes the same to another is making a
 * copy, by cp -r, which is not to run anything. */
void jobs_cmd_read(const struct request *rq);
/* A read of out, err or wait. */
void jobs_read(struct request *rq);
/* rq->text was written to one of its files, as control_write has it. */
void jobs_write(struct request *rq);
/* A close: what is held is complete now. */
void jobs_flush(struct request *rq);
/* Somebody has opened `in`, and closed it. */
void jobs_input_opened(struct label *label);
void jobs_input_closed(struct label *label);

/* The machine has another name now. */
void jobs_renamed(struct fs *fs, const struct member *m);
/* The machine is gone, and its jobs with it. */
void jobs_gone(struct fs *fs, const struct member *m);
/* Nobody waits any more, for the end of everything; running scripts are ended
 * by jobs_stop. */
void jobs_end(struct fs *fs);
/* Forget all of them; no script may run. */
void jobs_forget(struct fs *fs);

#endif
