/*
 * jobs: run/, the list of the jobs of each machine.
 *
 * Owns the list of all, in the order in which they were made.
 */
#include "fs/jobs.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/dir.h"
#include "fs/fs.h"
#include "fs/task.h"

static struct task *find(const struct fs *fs, const struct member *m,
                         const char *name)
{
	struct task *task = fs->tasks;

	while (task && (task->m != m || strcmp(task->name, name) != 0))
		task = task->next;
	return task;
}

static unsigned count(const struct fs *fs, const struct member *m)
{
	unsigned n = 0;

	for (const struct task *task = fs->tasks; task; task = task->next)
		n += task->m == m;
	return n;
}

/* At the end, so that a listing finds them in the order of their serials. */
static void append(struct fs *fs, struct task *task)
{
	struct task **at = &fs->tasks;

	while (*at)
		at = &(*at)->next;
	*at = task;
}

void jobs_lookup(struct request *rq)
{
	struct member *m = rq->node->m;
	struct task *task = find(rq->fs, m, rq->text);

	if (task)
		dir_reply(rq, S_IFDIR, m, &task->label);
	else
		request_fail(rq, -ENOENT);
}

bool jobs_next(struct fs *fs, const struct node *dir, struct dir_name *name)
{
	struct task *task = fs->tasks;

	while (task &&
	       (task->m != dir->m || task->label.serial <= name->cookie))
		task = task->next;
	if (!task)
		return false;
	name->cookie = task->label.serial;
	name->name = task->name;
	name->entry = entry_any(DIR_RUN, S_IFDIR);
	name->m = task->m;
	name->label = &task->label;
	return true;
}

static bool is_name(const char *name)
{
	for (const char *c = name; *c; c++)
		if (iscntrl((unsigned char)*c))
			return false;
	return name[0] != '.';
}

void jobs_mkdir(struct request *rq)
{
	struct member *m = rq->node->m;
	struct task *task;

	if (!m->listed) {
		request_fail(rq, -ENOENT);
	} else if (rq->len > TASK_NAME_MAX) {
		request_refuse(rq, -ENAMETOOLONG,
		               "run/%.80s: a job's name has at most %d bytes",
		               rq->text, TASK_NAME_MAX);
	} else if (!is_name(rq->text)) {
		request_refuse(rq, -EINVAL,
		               "run/%.80s: a job's name begins with no dot and "
		               "has no control characters",
		               rq->text);
	} else if (find(rq->fs, m, rq->text)) {
		request_fail(rq, -EEXIST);
	} else if (count(rq->fs, m) >= JOBS_MAX) {
		request_refuse(rq, -ENOSPC,
		               "run/%.80s: %d jobs are there already; rmdir "
		               "some",
		               rq->text, JOBS_MAX);
	} else if (!(task = task_new(rq->fs, m, rq->text))) {
		request_fail(rq, -ENOMEM);
	} else {
		append(rq->fs, task);
		member_set_error(m, "%s", "");
		dir_reply(rq, S_IFDIR, m, &task->label);
	}
}

/* ---- removing ---- */

/* Out of the list, and a script that runs is ended. */
static void forget(struct task *task)
{
	struct task **at = &task->fs->tasks;

	while (*at != task)
		at = &(*at)->next;
	*at = task->next;
	task_remove(task);
}

static bool guard_refuses(struct request *rq)
{
	struct member *m = rq->node->m;

	if (guard_allows(rq->fs->guard, m, (pid_t)rq->size))
		return false;
	member_set_error(m,
	                 "run: this process tried to remove %s with all that "
	                 "is in it; a plain rmdir ends a job",
	                 m->name);
	request_fail(rq, -EPERM);
	return true;
}

void jobs_rmdir(struct request *rq)
{
	struct member *m = rq->node->m;
	struct task *task = find(rq->fs, m, rq->text);

	if (!task) {
		request_fail(rq, -ENOENT);
		return;
	}
	if (guard_refuses(rq))
		return;
	forget(task);
	member_set_error(m, "%s", "");
	request_reply_done(rq);
}

void jobs_unlink(struct request *rq)
{
	if (!entry_find(DIR_JOB, rq->text))
		request_fail(rq, -ENOENT);
	else if (!guard_refuses(rq))
		request_reply_done(rq);
}

void jobs_renamed(struct fs *fs, const struct member *m)
{
	for (struct task *task = fs->tasks; task; task = task->next)
		if (task->m == m)
			task_renamed(task);
}

void jobs_gone(struct fs *fs, const struct member *m)
{
	struct task *next;

	for (struct task *task = fs->tasks; task; task = next) {
		next = task->next;
		if (task->m == m)
			forget(task);
	}
}

void jobs_end(struct fs *fs)
{
	for (struct task *task = fs->tasks; task; task = task->next)
		if (!task_is_running(task))
			task_tell_waiters(task);
}

void jobs_forget(struct fs *fs)
{
	while (fs->tasks)
		forget(fs->tasks);
}
