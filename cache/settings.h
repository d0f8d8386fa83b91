/*
 * settings: those of the engine itself, as names and values.
 *
 * What the engine says serves for a second; a change of ours is asked for anew.
 * Settings of single machines are not among them: they are in their config.
 */
#ifndef ORBFS_CACHE_SETTINGS_H
#define ORBFS_CACHE_SETTINGS_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "cache/slot.h"
#include "ops/engine.h"

struct settings;

struct setting {
	uint64_t cookie; /* its place in the directory; grows, never reused */
	char *key;       /* "memory_mib": a good file name */
	char *value;     /* one line, maybe empty */
	struct timespec changed;
};

/* Both are borrowed. NULL: no memory. */
struct settings *settings_new(struct engine *engine, struct clock *clock);
/* Tell everybody who waits -ECANCELED. */
void settings_end(struct settings *s);
/* No call may be pending. NULL is allowed. */
void settings_free(struct settings *s);

/* Get them as fresh as they can be had. err is 0 when there are some, be they
 * stale; else why there are none, and settings_error says it in one line. */
void settings_get(struct settings *s, slot_fn *done, void *arg);
const char *settings_error(const struct settings *s);

/* The setting of that name, or NULL; valid until the next call of
 * settings_get has ended. */
const struct setting *settings_find(const struct settings *s, const char *key);
/* The first one behind that cookie (0: of all), or NULL. Likewise. */
const struct setting *settings_next(const struct settings *s, uint64_t cookie);
size_t settings_count(const struct settings *s);
/* When one of them came, went or changed last. */
struct timespec settings_changed(const struct settings *s);

/* text is why it failed, or what has to be done for it to take effect (a
 * restart of the engine); else "". Valid during the call only. */
typedef void settings_fn(void *arg, int err, const char *text);
/* -ENOENT: there is no such setting; -EINVAL: not one line of text of at most
 * SETTINGS_VALUE_MAX bytes, or the engine does not take it. Both are copied. */
enum { SETTINGS_VALUE_MAX = 1024 };
void settings_set(struct settings *s, const char *key, const char *value,
                  settings_fn *done, void *arg);

#endif
