/*
 * program: where the engine's program is, and in which environment it runs.
 *
 * Looking for it touches the file system, so never below our own mount: the
 * loop that looks would have to answer itself.
 */
#ifndef ORBFS_OPS_PROGRAM_H
#define ORBFS_OPS_PROGRAM_H

#include <stdbool.h>

enum program_kind {
	PROGRAM_ORBCTL, /* OrbStack's, on PATH or where OrbStack puts it */
	PROGRAM_LOCAL,  /* ours, beside this executable */
};

struct program_spec {
	enum program_kind kind;
	const char *path;  /* what the user named, or NULL; a bare name is
	                      looked for on PATH */
	const char *avoid; /* the mount point: nothing below it is looked at */
	const char *self;  /* absolute path of this executable, or NULL */
};

/* An owned absolute path, or NULL: it is not there (or no memory). */
char *program_find(const struct program_spec *spec);

/*
 * The environment for children: what they need of ours and nothing else.
 * Proxy variables would leak into guests; HOME is always set, since orbctl
 * panics without it. NULL-terminated and owned, to be freed with
 * program_env_free; NULL: no memory.
 */
char **program_env(void);
void program_env_free(char **env);

#endif
