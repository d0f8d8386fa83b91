/*
 * jobs: run/NAME, scripts that run in a machine by themselves.
 *
 *	mkdir run/build			a job
 *	tar c . >run/build/in		what its script will find on stdin
 *	echo make >run/build/cmd	starts it, and returns
 *	cat run/build/wait		blocks until the end: "exited 0"
 *	rmdir run/build			ends and forgets it
 *
 * `rm -r run/build` works, too: the files of a job may be unlinked, which does
 * nothing, and is refused to who tried to remove the whole machine.
 */
#ifndef ORBFS_FS_JOBS_H
#define ORBFS_FS_JOBS_H

#include <stdbool.h>

struct dir_name;
struct fs;
struct member;
struct node;
struct request;

enum { JOBS_MAX = 1024 }; /* of one machine */

/* See struct dir_kind. In run: */
void jobs_lookup(struct request *rq);
bool jobs_next(struct fs *fs, const struct node *dir, struct dir_name *name);
void jobs_mkdir(struct request *rq);
void jobs_rmdir(struct request *rq);
/* In a job, where names of the table may be unlinked: */
void jobs_unlink(struct request *rq);

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
