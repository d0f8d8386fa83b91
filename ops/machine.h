/*
 * machine: what an engine says about one machine, from and to JSON.
 *
 * A struct machine is a plain record: made by parsing, then only read, and
 * replaced as a whole when the engine says something new. Nothing here waits.
 * The JSON comes from other programs and is not trusted: lengths are bounded,
 * what has the wrong type counts as not said, what makes no sense is skipped.
 */
#ifndef ORBFS_OPS_MACHINE_H
#define ORBFS_OPS_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ops/buf.h"

enum {
	MACHINE_NAME_MAX = 63,      /* of a name we create: one DNS label */
	MACHINE_LISTED_MAX = 255,   /* of a name an engine may show us */
	MACHINE_CONFIG_MAX = 65536, /* bytes of a config file or write */
	MACHINE_LIST_MAX = 64 << 20 /* bytes of a list */
};

enum machine_state {
	MACHINE_UNKNOWN, /* a word we do not know: treated as busy */
	MACHINE_CREATING,
	MACHINE_STARTING,
	MACHINE_RUNNING,
	MACHINE_PAUSING,
	MACHINE_PAUSED,
	MACHINE_STOPPING,
	MACHINE_STOPPED,
	MACHINE_DELETING,
	MACHINE_FAILED,
	MACHINE_N_STATES
};

/* The word that the file state shows. */
const char *machine_state_word(enum machine_state state);
/* The state that an engine's word stands for. */
enum machine_state machine_state_of(const char *word);

/* Something the engine may say yes or no to, or nothing at all. */
enum maybe { MAYBE_NO, MAYBE_YES, MAYBE_UNSAID };

struct machine {
	/* Never NULL; name and id are never empty. */
	char *name;
	char *id;
	enum machine_state state;
	/* NULL when unsaid. */
	char *distro;
	char *version;
	char *arch;
	char *variant;
	char *user;
	enum maybe isolated;
	enum maybe isolate_network;
	enum maybe forward_ssh_agent;
	/* -1 when unsaid or without limit. */
	double cpus;
	int64_t memory; /* bytes */
	int64_t disk;   /* bytes */
	/* From info only: unsaid in a list. */
	int64_t disk_used; /* bytes, or -1 */
	char *ip4;         /* NULL when it has none */
	char *ip6;
};

/* NULL is allowed. */
void machine_free(struct machine *m);
/* A copy, or NULL: no memory. */
struct machine *machine_copy(const struct machine *m);
/* A record of a machine that no engine has told of yet. NULL: no memory. */
struct machine *machine_new(const char *name, enum machine_state state);

/*
 * May a machine be given this name? 0, -EINVAL, or -ENAMETOOLONG. Lower case
 * letters, digits and hyphens, neither first nor last; no word that orbctl
 * would take for something else.
 */
int machine_name_check(const char *name);
/* May a machine of this name be shown and named in an argument list? What an
 * engine lists beside that is left out: it could be taken for an option, a
 * path or a file of ours. */
bool machine_name_listed(const char *name);

struct machine_list {
	struct machine **v;
	size_t n;
	size_t n_skipped; /* records that made no sense */
};

/*
 * Parse the answer to `list -f json`. Text around the array is passed over, and
 * "null" or nothing at all is an empty list. 0, -ENOMEM, or -EPROTO: no array,
 * or one that breaks off. The list is the caller's. The engine's built-in
 * machines are left out. Two records may have one name; the fleet decides.
 */
int machine_parse_list(const char *text, size_t len, struct machine_list *list);
void machine_list_free(struct machine_list *list);

/* Parse the answer to `info NAME -f json`. The machine is the caller's.
 * 0, -ENOMEM, -EPROTO. */
int machine_parse_info(const char *text, size_t len, struct machine **m);

/* The time of creation that an id tells (a ULID begins with it), in
 * milliseconds of the epoch; -1 when the id is of another kind. */
int64_t machine_born_ms(const char *id);

/* Append the text of the file config: a JSON object, pretty-printed. Returns
 * b->err. */
int machine_render_config(const struct machine *m, struct buf *b);

/* The settings that can be written, as the engines know them. */
enum machine_key {
	MACHINE_KEY_USER,
	MACHINE_KEY_CPUS,
	MACHINE_KEY_MEMORY,
	MACHINE_KEY_DISK,
	MACHINE_KEY_ISOLATED,
	MACHINE_KEY_ISOLATE_NETWORK,
	MACHINE_KEY_FORWARD_SSH_AGENT,
	MACHINE_N_KEYS
};

/* Check what somebody wants a setting to be, and bring it into the form of
 * struct machine_changes: *out is the caller's. 0, -EINVAL, -ENOMEM. */
int machine_setting(enum machine_key key, const char *text, char **out);

/* The name of a setting in config. */
const char *machine_key_word(enum machine_key key);

/* What a write to config asks for: text that differs from what is, for each
 * key; NULL where nothing changes. Sizes are in bytes, truth is "true" or
 * "false". */
struct machine_changes {
	char *value[MACHINE_N_KEYS];
};

void machine_changes_free(struct machine_changes *changes);

/* Is this all of a write to config, so far as one can tell from its brackets?
 * Lines always are. */
bool machine_changes_complete(const char *text, size_t len);

/*
 * Read a write to config: a JSON object, or lines of "key value". Everything
 * is checked before anything is returned. 0; -EINVAL: an unknown key or a bad
 * value, or an object that breaks off; -EPERM: another value for a key that
 * cannot be written; -ENOMEM. For the first two, why says it in one line that
 * names the key.
 */
int machine_parse_changes(const struct machine *m, const char *text, size_t len,
                          struct machine_changes *changes, struct buf *why);

#endif
