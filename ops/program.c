/*
 * program: find an executable, and make an environment for children.
 *
 * Owns the places where OrbStack puts orbctl: a program that was started from
 * a desktop has no shell's PATH.
 */
#include "ops/program.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* "~" stands for the home directory, "." for that of this executable. */
static const char *const orbctl_places[] = {
	"~/.orbstack/bin/orbctl",
	"/opt/homebrew/bin/orbctl",
	"/usr/local/bin/orbctl",
	"/Applications/OrbStack.app/Contents/MacOS/bin/orbctl",
	NULL,
};

static const char *const local_places[] = {
	"./../libexec/orbfs/orbctl-local",
	NULL,
};

static const char default_path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:"
				   "/usr/bin:/sbin:/bin";

/* What children get of our environment. ORBENV names further variables that
 * the user wants in guests; the last two say where engines of ours keep their
 * machines. */
static const char *const env_names[] = {
	"USER",
	"LOGNAME",
	"SHELL",
	"TMPDIR",
	"LANG",
	"LC_ALL",
	"TZ",
	"XDG_DATA_HOME",
	"XDG_RUNTIME_DIR",
	"ORBENV",
	"ORBCTL_LOCAL_HOME",
	"FAKE_ORBCTL",
	NULL,
};

static const char *home(void)
{
	const char *dir = getenv("HOME");
	const struct passwd *user;

	if (dir && dir[0] == '/')
		return dir;
	user = getpwuid(getuid());
	return user && user->pw_dir[0] == '/' ? user->pw_dir : "/";
}

static bool is_below(const char *path, const char *dir)
{
	size_t len = dir ? strlen(dir) : 0;

	return len > 0 && strncmp(path, dir, len) == 0 &&
	       (path[len] == '/' || path[len] == '\0');
}

static bool is_program(const char *path, const char *avoid)
{
	struct stat st;

	return path[0] == '/' && !is_below(path, avoid) &&
	       stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	       access(path, X_OK) == 0;
}

/* Join and check; an owned path, or NULL. */
static char *try_path(const char *dir, size_t dir_len, const char *rest,
                      const char *avoid)
{
	char *path = NULL;

	if (asprintf(&path, "%.*s/%s", (int)dir_len, dir, rest) < 0)
		return NULL;
	if (is_program(path, avoid))
		return path;
	free(path);
	return NULL;
}

static char *find_on_path(const char *name, const char *avoid)
{
	const char *path = getenv("PATH");
	char *found = NULL;

	if (!path)
		path = default_path;
	while (*path && !found) {
		size_t len = strcspn(path, ":");

		/* A relative directory would be relative to "/". */
		if (path[0] == '/')
			found = try_path(path, len, name, avoid);
		path += len;
		path += *path == ':';
	}
	return found;
}

static char *find_in(const char *const *places, const struct program_spec *spec)
{
	const char *self = spec->self ? spec->self : "";
	const char *slash = strrchr(self, '/');
	char *found = NULL;

	for (; *places && !found; places++) {
		const char *place = *places;

		if (place[0] == '~')
			found = try_path(home(), strlen(home()), place + 2,
			                 spec->avoid);
		else if (place[0] == '.' && slash)
			found = try_path(self, (size_t)(slash - self),
			                 place + 2, spec->avoid);
		else if (place[0] == '/')
			found = try_path("", 0, place + 1, spec->avoid);
	}
	return found;
}

char *program_find(const struct program_spec *spec)
{
	char *found = NULL;

	if (spec->path && strchr(spec->path, '/'))
		return is_program(spec->path, spec->avoid) ? strdup(spec->path)
		                                           : NULL;
	if (spec->path)
		return find_on_path(spec->path, spec->avoid);
	if (spec->kind == PROGRAM_LOCAL)
		found = find_in(local_places, spec);
	if (!found)
		found = find_on_path(
			spec->kind == PROGRAM_LOCAL ? "orbctl-local" : "orbctl",
			spec->avoid);
	if (!found && spec->kind == PROGRAM_ORBCTL)
		found = find_in(orbctl_places, spec);
	return found;
}

/* Add one "NAME=value"; false: no memory. */
static bool put(char **env, size_t *n, const char *name, const char *value)
{
	if (asprintf(&env[*n], "%s=%s", name, value) < 0) {
		env[*n] = NULL;
		return false;
	}
	(*n)++;
	return true;
}

char **program_env(void)
{
	enum { MOST = 2 + sizeof(env_names) / sizeof(env_names[0]) };
	char **env = calloc(MOST + 1, sizeof(env[0]));
	const char *path = getenv("PATH");
	size_t n = 0;

	if (!env)
		return NULL;
	if (!put(env, &n, "HOME", home()) ||
	    !put(env, &n, "PATH", path && *path ? path : default_path))
		goto fail;
	for (const char *const *name = env_names; *name; name++) {
		const char *value = getenv(*name);

		if (value && !put(env, &n, *name, value))
			goto fail;
	}
	return env;
fail:
	program_env_free(env);
	return NULL;
}

void program_env_free(char **env)
{
	for (char **e = env; e && *e; e++)
		free(*e);
	free(env);
}
