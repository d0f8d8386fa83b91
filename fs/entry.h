/*
 * entry: the table of control files: their names, modes and texts.
 *
 * A new file is a row here and a function that renders it. Pure: rendering
 * takes what is at hand and never waits; fs/control.c sees to it that what a
 * row needs is at hand before.
 *
 * A row without a name stands for all the names of a directory that come and
 * go: the groups in .by, say. Those are found by the directory's own functions
 * (fs/dir.h) and told apart by a label (fs/node.h).
 */
#ifndef ORBFS_FS_ENTRY_H
#define ORBFS_FS_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "cache/fleet.h"
#include "ops/buf.h"
#include "ops/run.h"

/* The kinds of directory. */
enum entry_dir {
	DIR_NONE,
	DIR_ROOT,
	DIR_DRAFT,     /* made in the root, and no machine yet */
	DIR_DAEMON,    /* .orbfs */
	DIR_MACHINE,   /* a machine */
	DIR_RUN,       /* run */
	DIR_LAST,      /* run/last */
	DIR_JOB,       /* run/NAME: a job of the user's */
	DIR_FILES,     /* files: the machine's own root directory */
	DIR_SNAPSHOTS, /* snapshots */
	DIR_SNAPSHOT,  /* one of them */
	DIR_BY,        /* .by: the machines in groups */
	DIR_GROUPS,    /* .by/state and the like: the groups of one kind */
	DIR_GROUP,     /* .by/state/running: links to machines */
	DIR_IMAGES,    /* .images */
	DIR_DISTRO,    /* .images/debian */
	DIR_IMAGE,     /* .images/debian/bookworm */
	DIR_SOURCES,   /* .images/machines */
	DIR_SOURCE,    /* .images/machines/web: what is made here is a clone */
	DIR_ENGINE,    /* .orbfs/engine */
	DIR_N_KINDS
};

/* What must be at hand before a text can be rendered. */
enum entry_need {
	NEED_NOTHING,
	NEED_LIST,     /* a fresh list */
	NEED_ADDRESS,  /* a list, and an info of this boot if it runs */
	NEED_INFO,     /* a list, and a fresh info */
	NEED_VITALS,   /* a list, and vitals of this second if it runs */
	NEED_SETTINGS, /* those of the engine */
	NEED_LOG,      /* the machine's log */
	NEED_EVENTS,   /* nothing: see fs/events.h */
	NEED_ARCHIVE,  /* nothing: see fs/export.h */
	NEED_RUN, /* nothing, but the text is a run's output, read piecewise */
	NEED_JOB, /* the same of a job's, or its end: see fs/jobs.h */
};

/* What a write to it means. */
enum entry_accept {
	ACCEPT_NOTHING,
	ACCEPT_STATE,
	ACCEPT_CONFIG,
	ACCEPT_EXEC,
	ACCEPT_CTL,
	ACCEPT_CREATE,
	ACCEPT_SETTING,
	ACCEPT_ARCHIVE, /* to import: see fs/import.h */
	ACCEPT_LITTER,  /* a file in memory: see fs/finder.h */
	/* See fs/jobs.h. */
	ACCEPT_JOB_IN,
	ACCEPT_JOB_CMD,
	ACCEPT_JOB_SIGNAL,
	ACCEPT_JOB_ENV,
	ACCEPT_JOB_DIR,
};

/* What the daemon says of itself, for the files in .orbfs. */
struct entry_daemon {
	const char *version;
	const char *config; /* lines "key value" */
	void (*stats)(void *arg, struct buf *b);
	void *arg;
};

/* All that a text is made from. */
struct view {
	const struct member *m;    /* NULL where there is no machine */
	const struct label *label; /* NULL where there is none */
	const struct run *run;     /* whose record it is; NULL: none yet */
	const struct fleet *fleet;
	const struct settings *settings;
	const struct entry_daemon *daemon;
	const char *text; /* NEED_LOG: the log */
	size_t len;
};

enum {
	ENTRY_OWN_INODE = 1, /* see fs/node.h */
	ENTRY_MAY_GO = 2,    /* its directory's unlink is asked, too */
};

struct label;

struct entry {
	enum entry_dir in;
	const char *name; /* NULL: one for all that come and go */
	mode_t mode;
	enum entry_dir dir; /* what it holds, for a directory */
	enum entry_need need;
	enum entry_accept accept;
	enum member_text text;  /* where its length and times are kept */
	enum run_stream stream; /* NEED_RUN, _JOB */
	unsigned flags;
	/* Append the text, a link's target; a failure is in b->err. */
	void (*render)(const struct view *view, struct buf *b);
};

enum { ENTRY_TEXT_MAX = 16 << 20 }; /* bytes of any rendered text */

/* The entry of that name in that kind of directory, or NULL. */
const struct entry *entry_find(enum entry_dir in, const char *name);
/* The row for the names of that kind of directory that come and go and are of
 * that type (S_IFDIR, ...), or NULL. */
const struct entry *entry_any(enum entry_dir in, mode_t type);
/* The next entry of that kind of directory after one (NULL: the first), be it
 * one with a name or not. */
const struct entry *entry_next(enum entry_dir in, const struct entry *after);
/* A small number that names a row, from 1 on; 0 for NULL. */
unsigned entry_index(const struct entry *entry);
/* The length that stat shows, as far as it is known without asking. */
size_t entry_len(const struct entry *entry, const struct view *view);

#endif
