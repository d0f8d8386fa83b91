/*
 * images: what machines can be made of, as distributions and their versions.
 *
 * What the engine says serves for a minute.
 */
#ifndef ORBFS_CACHE_IMAGES_H
#define ORBFS_CACHE_IMAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "cache/slot.h"
#include "ops/engine.h"

struct images;

/* Both are borrowed. NULL: no memory. */
struct images *images_new(struct engine *engine, struct clock *clock);
/* Tell everybody who waits -ECANCELED. */
void images_end(struct images *images);
/* No call may be pending. NULL is allowed. */
void images_free(struct images *images);

/* err is 0 when there are some, be they stale; else why there are none, and
 * images_error says it in one line. */
void images_get(struct images *images, slot_fn *done, void *arg);
const char *images_error(const struct images *images);
/* When what there is was another than before. */
struct timespec images_changed(const struct images *images);

/*
 * The i-th distribution, or NULL; and its i-th version, or NULL. Both in the
 * order of the engine, good file names, valid until the next call of
 * images_get has ended. A distribution without versions is an image itself.
 */
const char *images_distro(const struct images *images, size_t i);
const char *images_version(const struct images *images, const char *distro,
                           size_t i);
/* Is there such a distribution, or, if version is not NULL, such an image? */
bool images_have(const struct images *images, const char *distro,
                 const char *version);

#endif
