/*
 * engine: what can be asked of the program that makes and runs machines.
 *
 * An engine is a table (struct engine_table): operation -> argument list,
 * failure text -> errno, deadlines, retries. The functions below spawn what
 * the table says, through ops/job, and do what every engine needs: they check
 * the id before a deletion, look at what is after a failure whose outcome is
 * not known, and try again where that is harmless.
 *
 * All of them call done exactly once, possibly before they return, and making
 * the call is the last thing a function does. Every wait ends by the deadline
 * in the table. Where there is a `why`, it is one readable line without a
 * newline, "" on success, valid during the call only.
 *
 * Errors: -ENODEV the engine is not installed or does not run, -ENOENT no such
 * machine, -EEXIST the name is taken, -EBUSY, -ENOSPC, -EPERM, -EOPNOTSUPP,
 * -ETIMEDOUT, -EPROTO its answer makes no sense, -EIO anything else.
 */
#ifndef ORBFS_OPS_ENGINE_H
#define ORBFS_OPS_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ops/clock.h"
#include "ops/job.h"
#include "ops/log.h"
#include "ops/machine.h"

struct engine;

enum engine_op {
	ENGINE_LIST,
	ENGINE_INFO,
	ENGINE_CREATE,
	ENGINE_START,
	ENGINE_STOP,
	ENGINE_KILL, /* stop without mercy */
	ENGINE_RESTART,
	ENGINE_DELETE,
	ENGINE_RENAME,
	ENGINE_SET, /* one setting of one machine */
	ENGINE_LOGS,
	ENGINE_RUN,    /* a script in a machine */
	ENGINE_SIGNAL, /* to all of such a script */
	ENGINE_AGENT,  /* the guest agent, delivered over its own stdin */
	ENGINE_CLONE,
	ENGINE_EXPORT,      /* see ops/archive.h */
	ENGINE_IMPORT,      /* likewise */
	ENGINE_CONFIG_SHOW, /* all settings */
	ENGINE_CONFIG_SET,  /* one setting of the engine itself */
	ENGINE_VERSION,
	ENGINE_STATUS, /* of the engine itself */
	ENGINE_IMAGES, /* what machines can be made of */
	ENGINE_VITALS, /* see ops/vitals.h */
	ENGINE_N_OPS
};

/* What an operation is about; members that do not belong to it are unused. */
struct engine_call {
	enum engine_op op;
	/* Of the machine; all but LIST and what is about the engine itself. */
	const char *name;
	const char *new_name; /* RENAME, CLONE */
	const char *image;    /* CREATE: "debian:bookworm", NULL: the default */
	const char *arch;     /* CREATE, or NULL */
	const char *user;     /* CREATE, or NULL */
	const char *user_data; /* CREATE: path of a file, or NULL */
	double cpus;           /* CREATE: 0 is no limit, here and below */
	int64_t memory;        /* CREATE: bytes */
	int64_t disk;          /* CREATE: bytes */
	bool isolated;         /* CREATE */
	bool isolate_network;  /* CREATE */
	const char *path;      /* EXPORT, IMPORT: of the archive, absolute */
	enum machine_key key;  /* SET */
	const char *setting;   /* CONFIG_SET: its name */
	/* SET: as in struct machine_changes; CONFIG_SET: one line. */
	const char *value;
	const char *token; /* RUN, SIGNAL, AGENT: 16 hex digits of a name */
	int signal;        /* SIGNAL */
	size_t len; /* AGENT: bytes of its executable; RUN: the script's */
	bool input; /* RUN: stdin goes on behind the script */
	bool line;  /* RUN: the script is one short line; set by engine_run */
};

enum { ENGINE_MAX_ARGS = 24, ENGINE_TEXT_MAX = 400 };

/* An argument list under construction: words that outlive the call, and some
 * made on the way. */
struct engine_args {
	const char *v[ENGINE_MAX_ARGS + 1]; /* NULL-terminated */
	size_t n;
	char text[3][ENGINE_TEXT_MAX];
};

/* What becomes of a failure. */
enum engine_retry {
	ENGINE_FINAL,     /* trying again changes nothing */
	ENGINE_TRANSIENT, /* a look at the machines failed for a moment */
	ENGINE_NO_IP,     /* of a creation: once more, if it left nothing */
	ENGINE_IMAGE,     /* of a creation: the download; twice more */
};

struct engine_failure {
	int err;
	enum engine_retry retry;
	const char *advice; /* what to do about it, or NULL */
};

struct engine_row {
	enum job_class class;
	unsigned deadline_ms;
	size_t out_max;
	/* The state that it leads to; MACHINE_UNKNOWN: none. If the machine is
	 * there, a failure was none. */
	enum machine_state goal;
};

struct engine_table {
	const char *name;
	const char *default_image; /* "distro:version", or NULL */
	/* The answer to IMAGES where the program cannot be asked, or NULL. */
	const char *images;
	/* An export is written from its beginning to its end, so that it can
	 * be read while it is made. */
	bool streams_exports;
	struct engine_row row[ENGINE_N_OPS];
	/* Build the words behind the program's name. 0; -EINVAL: a name that
	 * must not reach an argument list; -EOPNOTSUPP. */
	int (*args)(const struct engine_call *call, struct engine_args *args);
	/* What an exit with that status, signal and stderr means. */
	struct engine_failure (*failure)(enum engine_op op,
	                                 const struct job_result *res);
	/* Append the one line of stderr that says why. */
	void (*reason)(const struct job_result *res, struct buf *why);
};

/* OrbStack's orbctl, or any program with its contract, and the one of ours for
 * Linux: the same words, another default image (both in ops/orbctl.c). */
extern const struct engine_table engine_orbctl;
extern const struct engine_table engine_local;

struct engine_spec {
	const struct engine_table *table;
	/* Where the program is: an owned absolute path, or NULL. Asked at the
	 * first call and again whenever the program is not there (any more). */
	char *(*find)(void *arg);
	void *find_arg;
	struct jobs *jobs;
	struct clock *clock;
	struct log *log;
};

/* Everything in spec is borrowed until engine_free. NULL: no memory. */
struct engine *engine_new(const struct engine_spec *spec);
/* No more tries from now on: calls that wait for one end with -ECANCELED. The
 * running ones end when their jobs do (jobs_stop). */
void engine_stop(struct engine *engine);
/* No call may be pending. NULL is allowed. */
void engine_free(struct engine *engine);
/* "orbctl", and the path that is used ("" until it was found). */
const char *engine_name(const struct engine *engine);
const char *engine_program(const struct engine *engine);
bool engine_streams_exports(const struct engine *engine);

struct engine_stats {
	uint64_t calls[ENGINE_N_OPS];
	uint64_t failed[ENGINE_N_OPS];
	/* Spent on these, waiting for a place included; not for RUN and AGENT,
	 * which take as long as their users like. */
	uint64_t ms[ENGINE_N_OPS];
};

const struct engine_stats *engine_stats(const struct engine *engine);
const char *engine_op_word(enum engine_op op);

/* list is NULL on failure; else its machines may be taken out by setting their
 * places to NULL, the rest is freed after the call. */
typedef void engine_list_fn(void *arg, int err, struct machine_list *list,
                            const char *why);
void engine_list(struct engine *engine, engine_list_fn *done, void *arg);

/* m is the callback's to free; NULL on failure. */
typedef void engine_info_fn(void *arg, int err, struct machine *m,
                            const char *why);
void engine_info(struct engine *engine, const char *name, engine_info_fn *done,
                 void *arg);

/* text is valid during the call only. */
typedef void engine_text_fn(void *arg, int err, const char *text, size_t len,
                            const char *why);
/*
 * Ask for a text. What it is depends on call->op:
 *
 * LOGS		the machine's boot and console log
 * VITALS	what vitals_parse reads. To be asked of a machine that runs, and
 *		of no other: asking a stopped one would start it.
 * CONFIG_SHOW	a line `key: value` for each setting of the engine, and some
 *		that begin with "machine." for each of a machine
 * CONFIG_SET	sets call->setting to call->value. The text is "", or the line
 *		in which the engine says that it has to be restarted.
 * VERSION	lines; the first says the number
 * STATUS	the first word, in any case of letters, is "running", or the
 *		engine as a whole does not run. Asking does not start it.
 * IMAGES	a line `distro version` for each image; an image without
 *		versions has none behind it
 */
void engine_text(struct engine *engine, const struct engine_call *call,
                 engine_text_fn *done, void *arg);
/* engine_text of LOGS. */
void engine_logs(struct engine *engine, const char *name, engine_text_fn *done,
                 void *arg);

/*
 * Change something: CREATE CLONE START STOP KILL RESTART DELETE RENAME SET. All
 * of the call is copied. A machine that is already where the operation would
 * take it is a success. id is the machine's (NULL for CREATE): DELETE is refused
 * with -ESTALE when the name now belongs to another id, and with -EBUSY when
 * the machine is not stopped.
 */
typedef void engine_act_fn(void *arg, int err, const char *why);
void engine_act(struct engine *engine, const struct engine_call *call,
                const char *id, engine_act_fn *done, void *arg);

/*
 * Run a script in a machine, as its default user, in that user's home, with an
 * empty stdin, or with what job_write sends (call->input). The stream of stderr ends in a trailer that tells the script's
 * own exit status (see engine_trailer). NULL and *err: no memory, or -EINVAL.
 * The job is the caller's, see ops/job.h.
 */
struct job *engine_run(struct engine *engine, const struct engine_call *call,
                       const void *script, size_t len,
                       const struct job_events *events, void *arg, int *err);

/*
 * Start the agent in a machine, as root: its executable of call->len bytes is
 * read from in_fd first, and replaced by the agent, which goes on with the
 * same stdin and with out_fd as its stdout. NULL and *err as above.
 */
struct job *engine_agent(struct engine *engine, const struct engine_call *call,
                         int in_fd, int out_fd, const struct job_events *events,
                         void *arg, int *err);

/*
 * Start what a call says, as a job that the caller watches and may cancel. 0 is
 * no deadline. NULL and *err as above. engine_judge tells what its end means.
 */
struct job *engine_job(struct engine *engine, const struct engine_call *call,
                       unsigned deadline_ms, const struct job_events *events,
                       void *arg, int *err);
/* What the end of a child means that did what op says: 0 or an errno; res has
 * its stderr, which why gets a line of. */
int engine_judge(struct engine *engine, enum engine_op op, int err,
                 const struct job_result *res, struct buf *why);

/* No trailer is longer than this. */
enum { ENGINE_TRAILER_MAX = 32 };
/* Look for the trailer of that token in what came on stderr. Its length, with
 * its place and the script's exit status; or 0. */
size_t engine_trailer(const char *token, const char *data, size_t len,
                      size_t *at, int *status);
/* What the end of a run without a trailer means; why gets a line. 0 when the
 * exit status is the script's all the same (the script ended its own shell). */
int engine_run_failure(struct engine *engine, const struct job_result *res,
                       struct buf *why);
/* Send a signal to every process of a script's session, from a second run in
 * the machine as root. */
void engine_signal(struct engine *engine, const struct engine_call *call,
                   engine_act_fn *done, void *arg);

#endif
