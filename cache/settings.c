/*
 * settings: what `config show` says, line by line.
 *
 * Owns the values, in the order in which they came to be known; one that the
 * engine no longer names goes. Keys become names of files and, when they are
 * set, words of an argument list: what is not made of letters, digits, dots and
 * underscores is left out, and there is an end to them.
 */
#include "cache/settings.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { TTL_MS = 1000, KEY_MAX = 100, SETTINGS_MAX = 1024, ERROR_MAX = 1200 };

static const char of_machines[] = "machine.";

struct settings {
	struct engine *engine;
	struct clock *clock;
	struct slot slot;
	struct setting **v;
	size_t n;
	uint64_t last_cookie;
	struct timespec changed;
	bool known; /* the engine has told of them */
	struct buf error;
	bool ending;
};

/* Somebody who sets. */
struct change {
	struct settings *settings;
	settings_fn *done;
	void *arg;
};

static void fetch(void *arg);

static struct timespec now(const struct settings *s)
{
	return s->clock->wall(s->clock);
}

struct settings *settings_new(struct engine *engine, struct clock *clock)
{
	struct settings *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->engine = engine;
	s->clock = clock;
	s->error = (struct buf)BUF_INIT(ERROR_MAX);
	s->changed = now(s);
	slot_init(&s->slot, clock, fetch, s);
	return s;
}

void settings_end(struct settings *s)
{
	s->ending = true;
	slot_end(&s->slot);
}

static void setting_free(struct setting *setting)
{
	if (!setting)
		return;
	free(setting->key);
	free(setting->value);
	free(setting);
}

static void free_all(struct setting **v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		setting_free(v[i]);
	free(v);
}

void settings_free(struct settings *s)
{
	if (!s)
		return;
	free_all(s->v, s->n);
	buf_free(&s->error);
	free(s);
}

const char *settings_error(const struct settings *s)
{
	return s->error.data ? s->error.data : "";
}

const struct setting *settings_find(const struct settings *s, const char *key)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->v[i]->key, key) == 0)
			return s->v[i];
	return NULL;
}

const struct setting *settings_next(const struct settings *s, uint64_t cookie)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i]->cookie > cookie)
			return s->v[i];
	return NULL;
}

size_t settings_count(const struct settings *s)
{
	return s->n;
}

struct timespec settings_changed(const struct settings *s)
{
	return s->changed;
}

/* ---- what the engine says ---- */

static bool is_key(const char *key, size_t len)
{
	if (len == 0 || len > KEY_MAX || key[0] == '.' ||
	    (len >= sizeof(of_machines) - 1 &&
	     memcmp(key, of_machines, sizeof(of_machines) - 1) == 0))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!islower((unsigned char)key[i]) &&
		    !isdigit((unsigned char)key[i]) && key[i] != '.' &&
		    key[i] != '_')
			return false;
	return true;
}

static bool is_value(const char *value, size_t len)
{
	if (len > SETTINGS_VALUE_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (iscntrl((unsigned char)value[i]))
			return false;
	return true;
}

/* "key: value". 0 and *out, which is NULL when the line is none; -ENOMEM. */
static int parse_line(const char *line, size_t len, struct setting **out)
{
	const char *colon = memchr(line, ':', len);
	const char *value = colon ? colon + 1 : line;
	const char *end = line + len;
	struct setting *setting;

	*out = NULL;
	while (value < end && isblank((unsigned char)*value))
		value++;
	while (end > value && isspace((unsigned char)end[-1]))
		end--;
	if (!colon || !is_key(line, (size_t)(colon - line)) ||
	    !is_value(value, (size_t)(end - value)))
		return 0;
	setting = calloc(1, sizeof(*setting));
	if (!setting)
		return -ENOMEM;
	setting->key = strndup(line, (size_t)(colon - line));
	setting->value = strndup(value, (size_t)(end - value));
	if (setting->key && setting->value) {
		*out = setting;
		return 0;
	}
	setting_free(setting);
	return -ENOMEM;
}

/* All lines that are settings; the first of one name counts. */
static int parse(struct settings *into, const char *text, size_t len)
{
	const char *end = text + len;

	into->v = calloc(SETTINGS_MAX, sizeof(struct setting *));
	if (!into->v)
		return -ENOMEM;
	for (const char *p = text; p < end && into->n < SETTINGS_MAX;) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		const char *stop = newline ? newline : end;
		struct setting *setting;
		int err = parse_line(p, (size_t)(stop - p), &setting);

		if (err)
			return err;
		if (setting && settings_find(into, setting->key))
			setting_free(setting);
		else if (setting)
			into->v[into->n++] = setting;
		p = newline ? newline + 1 : end;
	}
	return 0;
}

static int compare_cookies(const void *a, const void *b)
{
	const struct setting *const *x = a;
	const struct setting *const *y = b;

	return ((*x)->cookie > (*y)->cookie) - ((*x)->cookie < (*y)->cookie);
}

/* Take what is there over into the fresh ones, by name: the places of those
 * that stay, and the times of those whose values do. Then the old ones in
 * front keep their order, and new ones come behind them. */
static void replace(struct settings *s, struct settings *fresh)
{
	size_t n_kept = 0;
	bool changed = false;

	for (size_t i = 0; i < fresh->n; i++) {
		struct setting *setting = fresh->v[i];
		const struct setting *old = settings_find(s, setting->key);

		n_kept += old != NULL;
		setting->cookie = old ? old->cookie : ++s->last_cookie;
		setting->changed = now(s);
		if (old && strcmp(old->value, setting->value) == 0)
			setting->changed = old->changed;
		else
			changed = true;
	}
	/* What was there from the beginning is no change. */
	if (s->known && (changed || n_kept != s->n))
		s->changed = now(s);
	s->known = true;
	free_all(s->v, s->n);
	s->v = fresh->v;
	s->n = fresh->n;
	if (s->n)
		qsort(s->v, s->n, sizeof(s->v[0]), compare_cookies);
}

static void on_shown(void *arg, int err, const char *text, size_t len,
                     const char *why)
{
	struct settings *s = arg;
	struct settings fresh = { 0 };

	if (!err)
		err = parse(&fresh, text, len);
	buf_reset(&s->error);
	if (err) {
		buf_adds(&s->error, *why ? why : strerror(-err));
		free_all(fresh.v, fresh.n);
	} else {
		replace(s, &fresh);
	}
	slot_fill(&s->slot, err);
}

static void fetch(void *arg)
{
	struct settings *s = arg;
	struct engine_call call = { .op = ENGINE_CONFIG_SHOW };

	engine_text(s->engine, &call, on_shown, s);
}

void settings_get(struct settings *s, slot_fn *done, void *arg)
{
	if (s->ending)
		done(arg, -ECANCELED);
	else
		slot_get(&s->slot, TTL_MS, 0, done, arg);
}

/* ---- changes ---- */

static void on_set(void *arg, int err, const char *text, size_t len,
                   const char *why)
{
	struct change *change = arg;
	struct settings *s = change->settings;
	settings_fn *done = change->done;
	void *done_arg = change->arg;

	free(change);
	slot_spoil(&s->slot);
	buf_reset(&s->error);
	if (err)
		buf_adds(&s->error, why);
	(void)len;
	done(done_arg, err, err ? why : text);
}

void settings_set(struct settings *s, const char *key, const char *value,
                  settings_fn *done, void *arg)
{
	struct engine_call call = {
		.op = ENGINE_CONFIG_SET,
		.setting = key,
		.value = value,
	};
	struct change *change;

	if (!is_key(key, strlen(key)) || !settings_find(s, key)) {
		done(arg, -ENOENT, "there is no such setting");
		return;
	}
	if (!is_value(value, strlen(value)) || value[0] == '-') {
		done(arg, -EINVAL, "not one line of text, or an option");
		return;
	}
	change = calloc(1, sizeof(*change));
	if (!change) {
		done(arg, -ENOMEM, "no memory");
		return;
	}
	change->settings = s;
	change->done = done;
	change->arg = arg;
	engine_text(s->engine, &call, on_set, change);
}
