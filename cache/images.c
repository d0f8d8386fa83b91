/*
 * images: one list of names, fetched when it is looked at.
 *
 * The engine's lines are kept as they came, one struct each; a distribution is
 * what its first line names. The engine is not trusted: names become names of
 * files, so what cannot be one is left out, and there is an end to them.
 */
#include "cache/images.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { TTL_MS = 60000, WORD_MAX = 64, IMAGES_MAX = 4096, ERROR_MAX = 1200 };

struct image {
	char distro[WORD_MAX];
	char version[WORD_MAX]; /* "" when it has none */
	bool is_first;          /* of its distribution */
};

struct images {
	struct engine *engine;
	struct clock *clock;
	struct timespec changed;
	bool known; /* the engine has told of them */
	struct slot slot;
	struct image *v;
	size_t n;
	struct buf error;
	bool ending;
};

static void fetch(void *arg);

struct images *images_new(struct engine *engine, struct clock *clock)
{
	struct images *images = calloc(1, sizeof(*images));

	if (!images)
		return NULL;
	images->engine = engine;
	images->clock = clock;
	images->changed = clock->wall(clock);
	images->error = (struct buf)BUF_INIT(ERROR_MAX);
	slot_init(&images->slot, clock, fetch, images);
	return images;
}

void images_end(struct images *images)
{
	images->ending = true;
	slot_end(&images->slot);
}

void images_free(struct images *images)
{
	if (!images)
		return;
	free(images->v);
	buf_free(&images->error);
	free(images);
}

const char *images_error(const struct images *images)
{
	return images->error.data ? images->error.data : "";
}

/* The first word of *line, which is moved behind it; "" when it cannot name a
 * file. false: it is too long to be one. */
static void take_word(const char **line, const char *end, char word[WORD_MAX])
{
	const char *p = *line;
	size_t len = 0;
	bool good = true;

	while (p < end && isblank((unsigned char)*p))
		p++;
	for (; p < end && !isblank((unsigned char)*p); p++) {
		good = good && len < WORD_MAX - 1 &&
		       (isalnum((unsigned char)*p) ||
		        (len && strchr("._-", *p)));
		if (good)
			word[len++] = *p;
	}
	word[good ? len : 0] = '\0';
	*line = p;
}

/* One line; false: it names no image that is not there yet. */
static bool parse_line(const char *line, const char *end, struct images *into,
                       struct image *image)
{
	const char *p = line;

	take_word(&p, end, image->distro);
	take_word(&p, end, image->version);
	image->is_first = true;
	for (size_t i = 0; i < into->n; i++) {
		if (strcmp(into->v[i].distro, image->distro) != 0)
			continue;
		image->is_first = false;
		if (strcmp(into->v[i].version, image->version) == 0)
			return false;
	}
	return image->distro[0] != '\0';
}

static int parse(struct images *into, const char *text, size_t len)
{
	const char *end = text + len;

	for (const char *p = text; p < end && into->n < IMAGES_MAX;) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		const char *stop = newline ? newline : end;
		struct image *v;

		if (!(into->n & (into->n - 1))) {
			v = realloc(into->v,
			            (into->n ? 2 * into->n : 1) * sizeof(*v));
			if (!v)
				return -ENOMEM;
			into->v = v;
		}
		into->n += parse_line(p, stop, into, &into->v[into->n]);
		p = newline ? newline + 1 : end;
	}
	return 0;
}

static bool is_same(const struct images *a, const struct images *b)
{
	for (size_t i = 0; i < a->n && i < b->n; i++)
		if (strcmp(a->v[i].distro, b->v[i].distro) != 0 ||
		    strcmp(a->v[i].version, b->v[i].version) != 0)
			return false;
	return a->n == b->n;
}

static void on_text(void *arg, int err, const char *text, size_t len,
                    const char *why)
{
	struct images *images = arg;
	struct images fresh = { 0 };

	if (!err)
		err = parse(&fresh, text, len);
	buf_reset(&images->error);
	if (err) {
		buf_adds(&images->error, *why ? why : strerror(-err));
		free(fresh.v);
	} else {
		/* What was there from the beginning is no change. */
		if (images->known && !is_same(images, &fresh))
			images->changed = images->clock->wall(images->clock);
		free(images->v);
		images->known = true;
		images->v = fresh.v;
		images->n = fresh.n;
	}
	slot_fill(&images->slot, err);
}

static void fetch(void *arg)
{
	struct images *images = arg;
	struct engine_call call = { .op = ENGINE_IMAGES };

	engine_text(images->engine, &call, on_text, images);
}

void images_get(struct images *images, slot_fn *done, void *arg)
{
	if (images->ending)
		done(arg, -ECANCELED);
	else
		slot_get(&images->slot, TTL_MS, 0, done, arg);
}

struct timespec images_changed(const struct images *images)
{
	return images->changed;
}

const char *images_distro(const struct images *images, size_t i)
{
	for (size_t k = 0; k < images->n; k++)
		if (images->v[k].is_first && i-- == 0)
			return images->v[k].distro;
	return NULL;
}

const char *images_version(const struct images *images, const char *distro,
                           size_t i)
{
	for (size_t k = 0; k < images->n; k++)
		if (strcmp(images->v[k].distro, distro) == 0 &&
		    images->v[k].version[0] && i-- == 0)
			return images->v[k].version;
	return NULL;
}

bool images_have(const struct images *images, const char *distro,
                 const char *version)
{
	for (size_t k = 0; k < images->n; k++)
		if (strcmp(images->v[k].distro, distro) == 0 &&
		    (!version || strcmp(images->v[k].version, version) == 0))
			return true;
	return false;
}
