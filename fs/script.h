/*
 * script: what a job runs: a text, and the directory and the environment that it
 * runs with.
 *
 *	script_init(&s);
 *	script_set_dir(&s, "/srv", 4);
 *	script_set_env(&s, &lines, bad);
 *	buf_add(&s.text, ...);
 *	script_make(&s, &b);
 *	script_free(&s);
 */
#ifndef ORBFS_FS_SCRIPT_H
#define ORBFS_FS_SCRIPT_H

#include <stddef.h>

#include "ops/buf.h"

enum {
	SCRIPT_MAX = 1 << 20,      /* bytes of the text */
	SCRIPT_ENV_MAX = 64 << 10, /* bytes of all variables */
	SCRIPT_DIR_MAX = 4096,     /* bytes of a path */
	SCRIPT_BAD_MAX = 40,
};

struct script {
	struct buf text;
	struct buf env; /* lines NAME=value, each NAME once */
	struct buf dir; /* empty: the user's home */
};

void script_init(struct script *s);
void script_free(struct script *s);

/*
 * Set the variables of some lines NAME=value, all of them or none; empty lines
 * do not count. 0; -EINVAL: the line that begins with bad is none; -EFBIG,
 * -ENOMEM.
 */
int script_set_env(struct script *s, const struct buf *lines,
                   char bad[SCRIPT_BAD_MAX]);
/* -EINVAL: no path from / on, or more than one line; -EFBIG; -ENOMEM. An empty
 * one takes back what was set. */
int script_set_dir(struct script *s, const char *dir, size_t len);
/*
 * Append what a shell is to run: the text, behind its directory and
 * environment. All in one line, so that the shell's complaints name the text's
 * own lines; a newline at the end, since its input follows. The text is not
 * empty. Returns b->err.
 */
int script_make(const struct script *s, struct buf *b);

#endif
