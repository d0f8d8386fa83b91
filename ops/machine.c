/*
 * machine: the record of one machine, from and to JSON.
 *
 * The only file that knows cJSON. It owns the shape of orbctl's answers
 * (versions 2.0 and 2.2: fields that one of them lacks are "unsaid"), the text
 * of the file config, and the rules for names. A list is parsed record by
 * record, so that ten thousand machines cost the memory of one JSON tree.
 */
#include "ops/machine.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { WORD_MAX = 255, ULID_LEN = 26, ULID_TIME_LEN = 10, QUOTE_MAX = 60 };

static const char *const state_words[] = {
	[MACHINE_CREATING] = "creating", [MACHINE_STARTING] = "starting",
	[MACHINE_RUNNING] = "running",   [MACHINE_PAUSING] = "pausing",
	[MACHINE_PAUSED] = "paused",     [MACHINE_STOPPING] = "stopping",
	[MACHINE_STOPPED] = "stopped",   [MACHINE_DELETING] = "deleting",
	[MACHINE_FAILED] = "failed",     [MACHINE_UNKNOWN] = "unknown",
};

const char *machine_state_word(enum machine_state state)
{
	return state_words[state];
}

enum machine_state machine_state_of(const char *word)
{
	static const struct {
		const char *word;
		enum machine_state state;
	} others[] = {
		{ "provisioning", MACHINE_CREATING },
		{ "error", MACHINE_FAILED },
	};

	for (int i = 0; i < MACHINE_N_STATES; i++)
		if (strcasecmp(word, state_words[i]) == 0)
			return (enum machine_state)i;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strcasecmp(word, others[i].word) == 0)
			return others[i].state;
	return MACHINE_UNKNOWN;
}

void machine_free(struct machine *m)
{
	if (!m)
		return;
	free(m->name);
	free(m->id);
	free(m->distro);
	free(m->version);
	free(m->arch);
	free(m->variant);
	free(m->user);
	free(m->ip4);
	free(m->ip6);
	free(m);
}

static struct machine *machine_blank(void)
{
	struct machine *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->state = MACHINE_UNKNOWN;
	m->isolated = MAYBE_UNSAID;
	m->isolate_network = MAYBE_UNSAID;
	m->forward_ssh_agent = MAYBE_UNSAID;
	m->cpus = -1;
	m->memory = -1;
	m->disk = -1;
	m->disk_used = -1;
	return m;
}

struct machine *machine_new(const char *name, enum machine_state state)
{
	struct machine *m = machine_blank();

	if (!m)
		return NULL;
	m->name = strdup(name);
	m->id = strdup("?");
	m->state = state;
	if (m->name && m->id)
		return m;
	machine_free(m);
	return NULL;
}

/* Copy a string that may be NULL; false: no memory. */
static bool copy_word(char **to, const char *from)
{
	*to = from ? strdup(from) : NULL;
	return *to || !from;
}

struct machine *machine_copy(const struct machine *m)
{
	struct machine *c = malloc(sizeof(*c));

	if (!c)
		return NULL;
	*c = *m;
	c->name = c->id = c->distro = c->version = c->arch = NULL;
	c->variant = c->user = c->ip4 = c->ip6 = NULL;
	if (copy_word(&c->name, m->name) && copy_word(&c->id, m->id) &&
	    copy_word(&c->distro, m->distro) &&
	    copy_word(&c->version, m->version) &&
	    copy_word(&c->arch, m->arch) &&
	    copy_word(&c->variant, m->variant) &&
	    copy_word(&c->user, m->user) && copy_word(&c->ip4, m->ip4) &&
	    copy_word(&c->ip6, m->ip6))
		return c;
	machine_free(c);
	return NULL;
}

/* Words that orbctl takes for a built-in machine, for all machines or for a
 * command. */
static const char *const reserved_names[] = {
	"add",      "all",    "config",  "console", "create",  "debug",
	"default",  "delete", "docker",  "doctor",  "exec",    "export",
	"help",     "import", "info",    "k8s",     "list",    "log",
	"login",    "logout", "logs",    "mac",     "migrate", "new",
	"none",     "orb",    "orbctl",  "pull",    "push",    "rename",
	"report",   "reset",  "restart", "run",     "serial",  "shell",
	"shutdown", "ssh",    "start",   "status",  "stop",    "top",
	"update",   "usb",    "version",
};

int machine_name_check(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || name[0] == '-')
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		char c = name[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') &&
		    c != '-')
			return -EINVAL;
	}
	if (name[len - 1] == '-')
		return -EINVAL;
	if (len > MACHINE_NAME_MAX)
		return -ENAMETOOLONG;
	for (size_t i = 0; i < sizeof(reserved_names) / sizeof(char *); i++)
		if (strcmp(name, reserved_names[i]) == 0)
			return -EINVAL;
	return 0;
}

bool machine_name_listed(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > MACHINE_LISTED_MAX)
		return false;
	if (name[0] == '-' || name[0] == '.')
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)name[i];

		if (c < ' ' || c == 0x7f || c == '/')
			return false;
	}
	return true;
}

/* ---- reading ---- */

/* A member's text, or NULL when it is absent, no text, or too long. */
static const char *text_of(const cJSON *object, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	if (!cJSON_IsString(item) || !item->valuestring[0] ||
	    strlen(item->valuestring) > WORD_MAX)
		return NULL;
	return item->valuestring;
}

static enum maybe truth_of(const cJSON *object, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	if (!cJSON_IsBool(item))
		return MAYBE_UNSAID;
	return cJSON_IsTrue(item) ? MAYBE_YES : MAYBE_NO;
}

/* A member's number, times unit; -1 when it is absent or makes no sense. */
static double number_of(const cJSON *object, const char *key, double unit)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	if (!cJSON_IsNumber(item) || !isfinite(item->valuedouble) ||
	    item->valuedouble < 0 || item->valuedouble * unit > 9e18)
		return -1;
	return item->valuedouble * unit;
}

/* A limit of zero is none. */
static double limit_of(const cJSON *object, const char *key, double unit)
{
	double n = number_of(object, key, unit);

	return n > 0 ? n : -1;
}

/* 0 and *out (NULL when the record makes no sense or is built in); -ENOMEM. */
static int machine_of(const cJSON *record, struct machine **out)
{
	const cJSON *image = cJSON_GetObjectItemCaseSensitive(record, "image");
	const cJSON *config =
		cJSON_GetObjectItemCaseSensitive(record, "config");
	const char *name = text_of(record, "name");
	const char *id = text_of(record, "id");
	const char *state = text_of(record, "state");
	struct machine *m;

	*out = NULL;
	if (!name || !machine_name_listed(name) || !state ||
	    truth_of(record, "builtin") == MAYBE_YES)
		return 0;
	m = machine_blank();
	if (!m)
		return -ENOMEM;
	m->state = machine_state_of(state);
	m->isolated = truth_of(config, "isolated");
	m->isolate_network = truth_of(config, "isolate_network");
	m->forward_ssh_agent = truth_of(config, "forward_ssh_agent");
	m->cpus = limit_of(config, "cpu_limit", 1);
	m->memory = (int64_t)limit_of(config, "memory_limit_mib", 1 << 20);
	m->disk = (int64_t)limit_of(config, "disk_limit_bytes", 1);
	if (copy_word(&m->name, name) && copy_word(&m->id, id ? id : "?") &&
	    copy_word(&m->distro, text_of(image, "distro")) &&
	    copy_word(&m->version, text_of(image, "version")) &&
	    copy_word(&m->arch, text_of(image, "arch")) &&
	    copy_word(&m->variant, text_of(image, "variant")) &&
	    copy_word(&m->user, text_of(config, "default_username"))) {
		*out = m;
		return 0;
	}
	machine_free(m);
	return -ENOMEM;
}

static const char *skip_blanks(const char *p, const char *end)
{
	while (p < end && isspace((unsigned char)*p))
		p++;
	return p;
}

/* The first line that begins like a JSON value of that kind; NULL if none. An
 * engine may print a notice before its answer. */
static const char *find_json(const char *text, size_t len, char opening)
{
	const char *end = text + len;

	for (const char *p = text; p < end;) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		const char *first = skip_blanks(p, newline ? newline : end);

		if (first < end && *first == opening)
			return first;
		if (!newline)
			return NULL;
		p = newline + 1;
	}
	return NULL;
}

/* Is there nothing, or nothing but "null", in front of which notices stand? */
static bool says_nothing(const char *text, size_t len)
{
	const char *end = text + len;
	const char *p = skip_blanks(text, end);

	if (p == end)
		return true;
	while (end > p && isspace((unsigned char)end[-1]))
		end--;
	return end - p >= 4 && memcmp(end - 4, "null", 4) == 0 &&
	       (end - p == 4 || end[-5] == '\n');
}

static int list_add(struct machine_list *list, size_t *cap, struct machine *m)
{
	if (list->n == *cap) {
		size_t larger = *cap ? *cap * 2 : 16;
		struct machine **v =
			realloc(list->v, larger * sizeof(list->v[0]));

		if (!v)
			return -ENOMEM;
		list->v = v;
		*cap = larger;
	}
	list->v[list->n++] = m;
	return 0;
}

/* Parse one record at *p and move behind it. */
static int parse_record(const char **p, const char *end,
                        struct machine_list *list, size_t *cap)
{
	const char *rest = NULL;
	cJSON *record =
		cJSON_ParseWithLengthOpts(*p, (size_t)(end - *p), &rest, 0);
	struct machine *m = NULL;
	int err;

	/* cJSON does not tell bad text from no memory. */
	if (!record || rest <= *p) {
		cJSON_Delete(record);
		return -EPROTO;
	}
	err = machine_of(record, &m);
	cJSON_Delete(record);
	if (err)
		return err;
	*p = rest;
	if (!m) {
		list->n_skipped++;
		return 0;
	}
	err = list_add(list, cap, m);
	if (err)
		machine_free(m);
	return err;
}

int machine_parse_list(const char *text, size_t len, struct machine_list *list)
{
	const char *end = text + len;
	const char *p = find_json(text, len, '[');
	size_t cap = 0;
	int err = 0;

	*list = (struct machine_list){ 0 };
	if (!p)
		return says_nothing(text, len) ? 0 : -EPROTO;
	p = skip_blanks(p + 1, end);
	if (p < end && *p == ']')
		return 0;
	while (p < end) {
		err = parse_record(&p, end, list, &cap);
		if (err)
			break;
		p = skip_blanks(p, end);
		if (p < end && *p == ']')
			return 0;
		if (p == end || *p != ',')
			break;
		p++;
	}
	machine_list_free(list);
	return err ? err : -EPROTO;
}

void machine_list_free(struct machine_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		machine_free(list->v[i]);
	free(list->v);
	*list = (struct machine_list){ 0 };
}

int machine_parse_info(const char *text, size_t len, struct machine **out)
{
	const char *p = find_json(text, len, '{');
	cJSON *info;
	struct machine *m = NULL;
	int err;

	*out = NULL;
	if (!p)
		return -EPROTO;
	info = cJSON_ParseWithLengthOpts(p, len - (size_t)(p - text), NULL, 0);
	if (!info)
		return -EPROTO;
	err = machine_of(cJSON_GetObjectItemCaseSensitive(info, "record"), &m);
	if (!err && !m)
		err = -EPROTO;
	if (!err) {
		m->disk_used = (int64_t)number_of(info, "disk_size", 1);
		if (!copy_word(&m->ip4, text_of(info, "ip4")) ||
		    !copy_word(&m->ip6, text_of(info, "ip6")))
			err = -ENOMEM;
	}
	cJSON_Delete(info);
	if (err) {
		machine_free(m);
		return err;
	}
	*out = m;
	return 0;
}

int64_t machine_born_ms(const char *id)
{
	static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	int64_t ms = 0;

	if (strlen(id) != ULID_LEN)
		return -1;
	for (int i = 0; i < ULID_TIME_LEN; i++) {
		const char *d = strchr(digits, toupper((unsigned char)id[i]));

		if (!d || !*d)
			return -1;
		ms = ms * 32 + (d - digits);
	}
	/* 48 bits of time; the first digit of 50 is at most 7. */
	return ms < (INT64_C(1) << 48) ? ms : -1;
}

/* ---- config ---- */

enum config_kind {
	CONFIG_TEXT,
	CONFIG_TRUTH,
	CONFIG_COUNT, /* a number of processors */
	CONFIG_SIZE,  /* bytes */
	CONFIG_FIXED, /* shown, not to be written */
};

static const struct {
	const char *word;
	enum config_kind kind;
	enum machine_key key; /* unless fixed */
} config_keys[] = {
	{ "name", CONFIG_FIXED, 0 },
	{ "id", CONFIG_FIXED, 0 },
	{ "image", CONFIG_FIXED, 0 },
	{ "user", CONFIG_TEXT, MACHINE_KEY_USER },
	{ "cpus", CONFIG_COUNT, MACHINE_KEY_CPUS },
	{ "memory", CONFIG_SIZE, MACHINE_KEY_MEMORY },
	{ "disk", CONFIG_SIZE, MACHINE_KEY_DISK },
	{ "isolated", CONFIG_TRUTH, MACHINE_KEY_ISOLATED },
	{ "isolate_network", CONFIG_TRUTH, MACHINE_KEY_ISOLATE_NETWORK },
	{ "forward_ssh_agent", CONFIG_TRUTH, MACHINE_KEY_FORWARD_SSH_AGENT },
	{ "disk_used", CONFIG_FIXED, 0 },
	{ "created", CONFIG_FIXED, 0 },
};

enum { CONFIG_N_KEYS = sizeof(config_keys) / sizeof(config_keys[0]) };

const char *machine_key_word(enum machine_key key)
{
	for (int i = 0; i < CONFIG_N_KEYS; i++)
		if (config_keys[i].kind != CONFIG_FIXED &&
		    config_keys[i].key == key)
			return config_keys[i].word;
	return "?";
}

/* Each adds one member when it is said; false: no memory. */
static bool put_text(cJSON *o, const char *key, const char *text)
{
	return !text || cJSON_AddStringToObject(o, key, text);
}

static bool put_truth(cJSON *o, const char *key, enum maybe truth)
{
	return truth == MAYBE_UNSAID ||
	       cJSON_AddBoolToObject(o, key, truth == MAYBE_YES);
}

static bool put_number(cJSON *o, const char *key, double n)
{
	return n < 0 || cJSON_AddNumberToObject(o, key, n);
}

static bool put_image(cJSON *o, const struct machine *m)
{
	cJSON *image;

	if (!m->distro && !m->version && !m->arch && !m->variant)
		return true;
	image = cJSON_AddObjectToObject(o, "image");
	return image && put_text(image, "distro", m->distro) &&
	       put_text(image, "version", m->version) &&
	       put_text(image, "arch", m->arch) &&
	       put_text(image, "variant", m->variant);
}

static bool put_created(cJSON *o, const struct machine *m)
{
	int64_t ms = machine_born_ms(m->id);
	time_t seconds = (time_t)(ms / 1000);
	char text[32];
	struct tm tm;

	if (ms < 0 || !gmtime_r(&seconds, &tm))
		return true;
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return put_text(o, "created", text);
}

/* The object that config shows, or NULL: no memory. */
static cJSON *config_object(const struct machine *m)
{
	cJSON *o = cJSON_CreateObject();

	if (o && put_text(o, "name", m->name) && put_text(o, "id", m->id) &&
	    put_image(o, m) && put_text(o, "user", m->user) &&
	    put_number(o, "cpus", m->cpus) &&
	    put_number(o, "memory", (double)m->memory) &&
	    put_number(o, "disk", (double)m->disk) &&
	    put_truth(o, "isolated", m->isolated) &&
	    put_truth(o, "isolate_network", m->isolate_network) &&
	    put_truth(o, "forward_ssh_agent", m->forward_ssh_agent) &&
	    put_number(o, "disk_used", (double)m->disk_used) &&
	    put_created(o, m))
		return o;
	cJSON_Delete(o);
	return NULL;
}

int machine_render_config(const struct machine *m, struct buf *b)
{
	cJSON *o = config_object(m);
	char *text = o ? cJSON_Print(o) : NULL;

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

void machine_changes_free(struct machine_changes *changes)
{
	for (int i = 0; i < MACHINE_N_KEYS; i++)
		free(changes->value[i]);
	*changes = (struct machine_changes){ 0 };
}

/* "4G", "512M", "1.5GiB", "1073741824" in bytes; -1 when it is no size. */
static double size_of(const char *text)
{
	static const char units[] = "KMGT";
	char *end;
	double n = strtod(text, &end);
	const char *unit;

	if (end == text || !isdigit((unsigned char)text[0]) || !isfinite(n))
		return -1;
	if (*end == '\0' || strcasecmp(end, "B") == 0)
		return n;
	unit = strchr(units, toupper((unsigned char)*end));
	if (!unit || (end[1] && strcasecmp(end + 1, "B") != 0 &&
	              strcasecmp(end + 1, "iB") != 0))
		return -1;
	for (const char *u = units; u <= unit; u++)
		n *= 1024;
	return n;
}

static bool is_user_name(const char *s)
{
	size_t len = strlen(s);

	if (len == 0 || len > 32 ||
	    !(islower((unsigned char)s[0]) || s[0] == '_'))
		return false;
	for (size_t i = 1; i < len; i++)
		if (!islower((unsigned char)s[i]) &&
		    !isdigit((unsigned char)s[i]) && s[i] != '_' &&
		    s[i] != '-' && s[i] != '.')
			return false;
	return true;
}

/* The value in the form that changes use. 0, -EINVAL, -ENOMEM. */
static int normalise(enum config_kind kind, const char *text, char **out)
{
	char number[40];
	const char *value = text;
	double n;
	char *end;

	switch (kind) {
	case CONFIG_TEXT:
		if (!is_user_name(text))
			return -EINVAL;
		break;
	case CONFIG_TRUTH:
		if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
			return -EINVAL;
		break;
	case CONFIG_COUNT:
		n = strtod(text, &end);
		if (end == text || *end || !isdigit((unsigned char)text[0]) ||
		    !(n <= 4096))
			return -EINVAL;
		snprintf(number, sizeof(number), "%.10g", n);
		value = number;
		break;
	case CONFIG_SIZE:
		n = size_of(text);
		if (!(n >= 0 && n < 9e18))
			return -EINVAL;
		snprintf(number, sizeof(number), "%.0f", floor(n));
		value = number;
		break;
	case CONFIG_FIXED:
		break;
	}
	*out = strdup(value);
	return *out ? 0 : -ENOMEM;
}

int machine_setting(enum machine_key key, const char *text, char **out)
{
	int k = 0;

	while (config_keys[k].kind == CONFIG_FIXED || config_keys[k].key != key)
		k++;
	return normalise(config_keys[k].kind, text, out);
}

/* The text of a JSON scalar as a line "key value" would have it; NULL: no
 * memory. */
static char *scalar_text(const cJSON *item)
{
	if (cJSON_IsString(item))
		return strdup(item->valuestring);
	return cJSON_PrintUnformatted(item);
}

static int find_key(const char *word)
{
	for (int i = 0; i < CONFIG_N_KEYS; i++)
		if (strcmp(word, config_keys[i].word) == 0)
			return i;
	return -1;
}

/* What is now, in the form that changes use: 0 stands for no limit. */
static int current_value(const cJSON *now, int k, char **out)
{
	const cJSON *item =
		cJSON_GetObjectItemCaseSensitive(now, config_keys[k].word);
	enum config_kind kind = config_keys[k].kind;
	char *text;
	int err;

	*out = NULL;
	if (!item)
		text = strdup(kind == CONFIG_COUNT || kind == CONFIG_SIZE ? "0"
		                                                          : "");
	else
		text = scalar_text(item);
	if (!text)
		return -ENOMEM;
	err = item ? normalise(kind, text, out) : 0;
	if (!item) {
		*out = text;
		return 0;
	}
	/* An engine may say what we would refuse: that stands as it is. */
	if (err == -EINVAL) {
		*out = text;
		return 0;
	}
	free(text);
	return err;
}

/* Quote what somebody wrote, in one line and not too much of it. */
static void quote(struct buf *why, const char *text)
{
	buf_adds(why, "'");
	for (size_t i = 0; text[i] && i < QUOTE_MAX; i++)
		buf_add(why, iscntrl((unsigned char)text[i]) ? "?" : &text[i],
		        1);
	buf_adds(why, "'");
}

/* One wanted setting, given as text. */
static int want(const cJSON *now, int k, const char *text,
                struct machine_changes *changes, struct buf *why)
{
	const char *word = config_keys[k].word;
	char **slot = &changes->value[config_keys[k].key];
	char *value = NULL;
	char *current = NULL;
	int err = current_value(now, k, &current);

	if (!err)
		err = normalise(config_keys[k].kind, text, &value);
	if (err == -EINVAL && *text && strcmp(text, current) == 0) {
		err = 0; /* what is shown may be written back */
	} else if (err == -EINVAL) {
		buf_printf(why, "config: %s: bad value ", word);
		quote(why, text);
	}
	if (!err) {
		free(*slot);
		*slot = NULL;
		if (value && strcmp(value, current) != 0) {
			*slot = value;
			value = NULL;
		}
	}
	free(value);
	free(current);
	return err;
}

static int refuse_unknown(const char *word, struct buf *why)
{
	buf_adds(why, "config: unknown key ");
	quote(why, word);
	buf_adds(why, "; keys are");
	for (int i = 0; i < CONFIG_N_KEYS; i++)
		if (config_keys[i].kind != CONFIG_FIXED)
			buf_printf(why, " %s", config_keys[i].word);
	return -EINVAL;
}

static int refuse_fixed(const char *word, struct buf *why)
{
	buf_printf(why, "config: %s cannot be changed", word);
	return -EPERM;
}

static int want_item(const cJSON *now, const cJSON *item,
                     struct machine_changes *changes, struct buf *why)
{
	int k = find_key(item->string);
	const cJSON *is;
	char *text;
	int err;

	if (k < 0)
		return refuse_unknown(item->string, why);
	if (config_keys[k].kind == CONFIG_FIXED) {
		is = cJSON_GetObjectItemCaseSensitive(now, item->string);
		/* What is measured moves by itself between read and write. */
		if (strcmp(item->string, "disk_used") == 0 ||
		    (is && cJSON_Compare(is, item, 1)))
			return 0;
		return refuse_fixed(item->string, why);
	}
	if (cJSON_IsObject(item) || cJSON_IsArray(item)) {
		buf_printf(why, "config: %s: bad value", item->string);
		return -EINVAL;
	}
	text = scalar_text(item);
	if (!text)
		return -ENOMEM;
	err = want(now, k, text, changes, why);
	free(text);
	return err;
}

bool machine_changes_complete(const char *text, size_t len)
{
	const char *first = skip_blanks(text, text + len);
	int depth = 0;
	bool quoted = false;

	if (first == text + len || *first != '{')
		return true;
	for (size_t i = (size_t)(first - text); i < len; i++) {
		char c = text[i];

		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == '{' || c == '['))
			depth++;
		else if (!quoted && (c == '}' || c == ']') && --depth <= 0)
			return true;
	}
	return false;
}

static int want_object(const cJSON *now, const char *text, size_t len,
                       struct machine_changes *changes, struct buf *why)
{
	const char *rest = NULL;
	cJSON *object;
	int err = 0;

	object = cJSON_ParseWithLengthOpts(text, len, &rest, 0);
	if (!cJSON_IsObject(object) ||
	    skip_blanks(rest, text + len) != text + len) {
		buf_adds(why, "config: not a JSON object");
		cJSON_Delete(object);
		return -EINVAL;
	}
	for (const cJSON *i = object->child; i && !err; i = i->next)
		err = want_item(now, i, changes, why);
	cJSON_Delete(object);
	return err;
}

/* One line, without its newline and NUL-terminated; it is cut up. */
static int want_line(const cJSON *now, char *line,
                     struct machine_changes *changes, struct buf *why)
{
	char *word = line + strspn(line, " \t\r");
	char *value;
	char *end;
	int k;

	if (!*word || *word == '#')
		return 0;
	value = word + strcspn(word, " \t\r");
	if (*value)
		*value++ = '\0';
	value += strspn(value, " \t\r");
	end = value + strlen(value);
	while (end > value && strchr(" \t\r", end[-1]))
		*--end = '\0';
	k = find_key(word);
	if (k < 0)
		return refuse_unknown(word, why);
	if (config_keys[k].kind == CONFIG_FIXED) {
		const cJSON *is = cJSON_GetObjectItemCaseSensitive(now, word);

		if (cJSON_IsString(is) && strcmp(is->valuestring, value) == 0)
			return 0;
		return refuse_fixed(word, why);
	}
	return want(now, k, value, changes, why);
}

static int want_lines(const cJSON *now, const char *text, size_t len,
                      struct machine_changes *changes, struct buf *why)
{
	char *copy = strndup(text, len);
	char *rest = copy;
	char *line;
	int err = 0;

	if (!copy)
		return -ENOMEM;
	while (!err && (line = strsep(&rest, "\n")))
		err = want_line(now, line, changes, why);
	free(copy);
	return err;
}

int machine_parse_changes(const struct machine *m, const char *text, size_t len,
                          struct machine_changes *changes, struct buf *why)
{
	const char *first = skip_blanks(text, text + len);
	cJSON *now;
	int err;

	*changes = (struct machine_changes){ 0 };
	if (len > MACHINE_CONFIG_MAX || memchr(text, '\0', len)) {
		buf_adds(why, "config: not a text of at most 64 KiB");
		return -EINVAL;
	}
	now = config_object(m);
	if (!now)
		return -ENOMEM;
	if (first < text + len && *first == '{')
		err = want_object(now, first, len - (size_t)(first - text),
		                  changes, why);
	else
		err = want_lines(now, text, len, changes, why);
	cJSON_Delete(now);
	if (err)
		machine_changes_free(changes);
	return err;
}
