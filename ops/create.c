/*
 * create: the file of defaults for new machines.
 *
 * Owns the keys of that file and what may stand behind them. Those that are
 * settings of a machine, too, are checked as settings are (ops/machine.c).
 */
#include "ops/create.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/machine.h"

enum { IMAGE_MAX = 120, QUOTE_MAX = 60 };

/* The key has a check of its own. */
#define NO_SETTING MACHINE_N_KEYS

static const struct {
	const char *word;
	enum machine_key setting; /* whose check it is, or NO_SETTING */
} keys[CREATE_N_KEYS] = {
	[CREATE_IMAGE] = { "image", NO_SETTING },
	[CREATE_ARCH] = { "arch", NO_SETTING },
	[CREATE_USER] = { "user", MACHINE_KEY_USER },
	[CREATE_CPUS] = { "cpus", MACHINE_KEY_CPUS },
	[CREATE_MEMORY] = { "memory", MACHINE_KEY_MEMORY },
	[CREATE_DISK] = { "disk", MACHINE_KEY_DISK },
	[CREATE_ISOLATED] = { "isolated", MACHINE_KEY_ISOLATED },
	[CREATE_ISOLATE_NETWORK] = { "isolate_network",
	                             MACHINE_KEY_ISOLATE_NETWORK },
	[CREATE_USER_DATA] = { "user_data", NO_SETTING },
};

void create_free(struct create *create)
{
	for (int i = 0; i < CREATE_N_KEYS; i++)
		free(create->value[i]);
	*create = (struct create){ 0 };
}

/* "debian:bookworm" or "ubuntu": a word, and a second one behind a colon. */
static bool is_image(const char *s)
{
	size_t len = strlen(s);
	bool coloned = false;

	if (len > IMAGE_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c == ':' && !coloned && i > 0 && i + 1 < len)
			coloned = true;
		else if (!isalnum(c) && !(i > 0 && strchr("._-", c)))
			return false;
	}
	return len > 0;
}

static bool is_arch(const char *s)
{
	return strcmp(s, "arm64") == 0 || strcmp(s, "amd64") == 0;
}

/* The value in the form of struct create. 0, -EINVAL, -ENOMEM. */
static int normalise(enum create_key key, const char *text, char **out)
{
	if (keys[key].setting != NO_SETTING)
		return machine_setting(keys[key].setting, text, out);
	if ((key == CREATE_IMAGE && !is_image(text)) ||
	    (key == CREATE_ARCH && !is_arch(text)))
		return -EINVAL;
	*out = strdup(text);
	return *out ? 0 : -ENOMEM;
}

/* The word is quoted in one line, and not too much of it. */
static int refuse_unknown(const char *word, struct buf *why)
{
	buf_adds(why, "create: unknown key '");
	for (size_t i = 0; word[i] && i < QUOTE_MAX; i++)
		buf_add(why, iscntrl((unsigned char)word[i]) ? "?" : &word[i],
		        1);
	buf_adds(why, "'; keys are");
	for (int i = 0; i < CREATE_N_KEYS; i++)
		buf_printf(why, " %s", keys[i].word);
	return -EINVAL;
}

/* One member of the object. A key of null is one that is not there. */
static int take(const cJSON *item, struct create *create, struct buf *why)
{
	int key = 0;
	char *printed = NULL;
	char **value;
	int err = -EINVAL;

	while (key < CREATE_N_KEYS && strcmp(keys[key].word, item->string) != 0)
		key++;
	if (key == CREATE_N_KEYS)
		return refuse_unknown(item->string, why);
	value = &create->value[key];
	free(*value);
	*value = NULL;
	if (cJSON_IsNull(item))
		return 0;
	if (keys[key].setting != NO_SETTING &&
	    (cJSON_IsNumber(item) || cJSON_IsBool(item))) {
		printed = cJSON_PrintUnformatted(item);
		if (!printed)
			return -ENOMEM;
		err = normalise((enum create_key)key, printed, value);
	} else if (cJSON_IsString(item)) {
		err = normalise((enum create_key)key, item->valuestring, value);
	}
	cJSON_free(printed);
	if (err == -EINVAL)
		buf_printf(why, "create: %s: bad value", item->string);
	return err;
}

static bool is_blank(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!isspace((unsigned char)text[i]))
			return false;
	return true;
}

int create_parse(const char *text, size_t len, struct create *create,
                 struct buf *why)
{
	const char *rest = NULL;
	cJSON *object;
	int err = 0;

	*create = (struct create){ 0 };
	if (is_blank(text, len))
		return 0;
	object = len > CREATE_TEXT_MAX || memchr(text, '\0', len)
	                 ? NULL
	                 : cJSON_ParseWithLengthOpts(text, len, &rest, 0);
	if (!cJSON_IsObject(object) ||
	    !is_blank(rest, len - (size_t)(rest - text))) {
		buf_adds(why, "create: not a JSON object of at most 64 KiB");
		cJSON_Delete(object);
		return -EINVAL;
	}
	for (const cJSON *i = object->child; i && !err; i = i->next)
		err = take(i, create, why);
	cJSON_Delete(object);
	if (err)
		create_free(create);
	return err;
}

/* A size in the largest unit that it is a whole number of. */
static bool put_size(cJSON *o, const char *word, const char *bytes)
{
	static const char units[] = "KMGT";
	unsigned long long n = strtoull(bytes, NULL, 10);
	char text[40];
	int unit = -1;

	while (n && n % 1024 == 0 && unit + 1 < (int)sizeof(units) - 1) {
		n /= 1024;
		unit++;
	}
	if (unit < 0)
		return cJSON_AddNumberToObject(o, word, (double)n);
	snprintf(text, sizeof(text), "%llu%c", n, units[unit]);
	return cJSON_AddStringToObject(o, word, text);
}

static bool put(cJSON *o, enum create_key key, const char *value)
{
	const char *word = keys[key].word;

	switch (key) {
	case CREATE_CPUS:
		return cJSON_AddNumberToObject(o, word, strtod(value, NULL));
	case CREATE_MEMORY:
	case CREATE_DISK:
		return put_size(o, word, value);
	case CREATE_ISOLATED:
	case CREATE_ISOLATE_NETWORK:
		return cJSON_AddBoolToObject(o, word,
		                             strcmp(value, "true") == 0);
	default:
		return cJSON_AddStringToObject(o, word, value);
	}
}

int create_render(const struct create *create, struct buf *b)
{
	cJSON *o = cJSON_CreateObject();
	bool whole = o != NULL;
	char *text;

	for (int i = 0; i < CREATE_N_KEYS && whole; i++)
		if (create->value[i])
			whole = put(o, (enum create_key)i, create->value[i]);
	text = whole ? cJSON_Print(o) : NULL;
	if (!text && !b->err)
		b->err = -ENOMEM;
	if (text) {
		buf_adds(b, text);
		buf_adds(b, "\n");
	}
	cJSON_free(text);
	cJSON_Delete(o);
	return b->err;
}
