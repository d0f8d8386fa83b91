/*
 * fs: the file system: the table of operations that libfuse calls, and what
 * the handlers in this folder share.
 *
 * Each operation finds the node, makes a request and goes on to the folder's
 * other files: the root is machines.c and dir.c, control files are control.c
 * and exec.c; those for what is below files/ are named in files.h. All of it
 * runs on the loop thread.
 */
#ifndef ORBFS_FS_FS_H
#define ORBFS_FS_FS_H

#include "cache/fleet.h"
#include "cache/index.h"
#include "fs/entry.h"
#include "fs/exec.h"
#include "fs/guard.h"
#include "fs/node.h"
#include "fs/request.h"
#include "fs/watch.h"
#include "ops/clock.h"
#include "ops/engine.h"
#include "ops/job.h"
#include "ops/log.h"

struct events;
struct images;
struct note;
struct settings;
struct task;
struct upload;

/* How the kernel is told that it remembers something old. Called from the
 * loop; must not wait for the kernel. All may be NULL. */
struct fs_notify {
	void (*inode)(void *arg, uint64_t ino);
	void (*entry)(void *arg, uint64_t parent, const char *name);
	void (*gone)(void *arg, uint64_t parent, uint64_t child,
	             const char *name);
	/* Tell of the inode before all else, and call told once: when the
	 * kernel has heard it, or -ENOMEM. From any thread. */
	void (*inode_first)(void *arg, uint64_t ino,
	                    void (*told)(void *told_arg, int err),
	                    void *told_arg);
};

struct fs_spec {
	struct fleet *fleet;
	struct engine *engine;
	struct jobs *jobs; /* for their numbers only */
	struct clock *clock;
	struct log *log;
	const char *version;
	const char *config;   /* lines "key value" for .orbfs/config */
	double timeout;       /* s that the kernel may remember names */
	uint64_t spool_max;   /* bytes kept of each output of a script */
	unsigned patience_ms; /* of the kernel with each request; 0: no end */
	/* The kernel has said hello; its answer follows. May be NULL. */
	void (*on_hello)(void *arg);
	void *arg;
	struct uv_loop_s *loop; /* for guests */
	bool shared;            /* others may use it: new files are theirs */
	/* One open file may stand for several opens, and does on macOS: its text
	 * is of the moment at which reading begins. */
	bool shared_opens;
	bool raw_links; /* show symbolic links as the guest has them */
	bool map_user;  /* a machine's default user is shown as uid and gid */
	uid_t uid;      /* the owner of everything */
	gid_t gid;
	bool drafts; /* names of no machine make drafts */
	/* Drafts, and all else that Finder expects: litter (fs/finder.h), exact
	 * sizes, and a guard that does not go by processes. */
	bool finder;
};

/* Private to this folder. */
struct fs {
	struct fs_spec spec;
	struct fs_notify notify;
	void *notify_arg;
	struct nodes *nodes;
	struct guard *guard;
	struct drafts *drafts; /* NULL: there are none to be */
	struct litter *litter; /* NULL: there is none to be */
	struct exec *exec;
	struct index files; /* of struct files, by machine */
	bool no_opendir; /* the kernel need not be told of open directories */
	struct open_file *opens; /* all that are open below files/ */
	struct entry_daemon daemon;
	struct images *images;
	struct settings *settings;
	struct events *events;
	struct upload *uploads;   /* archives that are being written */
	uint64_t last_serial;     /* of a label */
	struct task *tasks;       /* jobs; see fs/jobs.h */
	struct watch watch;       /* for changes */
	struct note *notes;       /* see fs/tell.h */
	struct request *requests; /* all that live */
	struct alarm *patience;   /* with the oldest of them */
	struct handle *handles;   /* all that are open */
	struct timespec born;
	uint64_t n_requests;
	unsigned n_agents; /* that run in machines */
};

/* The operations; the session's userdata is the struct fs. */
extern const struct fuse_lowlevel_ops fs_ops;

/* Everything in spec is borrowed until fs_free. NULL: no memory. */
struct fs *fs_new(const struct fs_spec *spec);
void fs_set_notify(struct fs *fs, const struct fs_notify *notify, void *arg);
/* Nothing is asked of the engine any more; who waits for what is cached here is
 * told -ECANCELED. With fleet_end. */
void fs_end(struct fs *fs);
/* Whoever follows .orbfs/events gets the end of it, once: who only copies what
 * comes then closes it, and a mount that is to go is not busy with it. */
void fs_let_readers_go(struct fs *fs);
/* Answer all waiting requests with that errno. They end when what they wait
 * for does: after fleet_end and jobs_stop, none is left. */
void fs_fail_all(struct fs *fs, int err);
/* No request may live. NULL is allowed. */
void fs_free(struct fs *fs);

#endif
