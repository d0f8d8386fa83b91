/*
 * orbfs: virtual machines as directories.
 *
 * kernel       session.c               loop thread
 * open(ip) --> receive, hand over --> fs.c -> control_open          first half
 *                                      rq = request_new(...)
 *                                      member_get(m, on_needed, rq)     tail
 *                                        fleet_get -> slot_get
 *                                          fresh?  on_needed(rq, 0)      now
 *                                          else the first waiter starts
 *                                            engine_list -> job_run
 *              (serves the next request meanwhile; all readers share a child)
 *                                      exit and both EOFs -> parse -> slot_fill
 *                                      on_needed(rq, err)           second half
 * <-----------------------------------  request_fail, request_reply_open
 * read(ip) --> ......................  a slice of the text: no wait at all
 *
 * This file builds the parts in order, runs the loop, and takes the parts down
 * in reverse. There is one way down: the connection to the kernel ends. A
 * signal only asks for an unmount, and the rest follows from that; a second
 * signal does not wait for whoever still uses the mount.
 */
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "cache/fleet.h"
#include "fs/fs.h"
#include "mount/background.h"
#include "mount/doctor.h"
#include "mount/notify.h"
#include "mount/options.h"
#include "mount/readahead.h"
#include "mount/session.h"
#include "mount/system.h"
#include "ops/clock.h"
#include "ops/engine.h"
#include "ops/job.h"
#include "ops/log.h"
#include "ops/program.h"

enum {
	N_SIGNALS = 3,
	LOOKS_AT_ONCE = 8,
	ACTS_AT_ONCE = 8,
	READ_AHEAD_KIB = 1024
};

static const int signals[N_SIGNALS] = { SIGTERM, SIGINT, SIGHUP };

struct daemon {
	const struct options *options;
	char mountpoint[PATH_MAX];
	char self[PATH_MAX];
	char *config; /* the text of .orbfs/config */
	struct program_spec program;
	uv_loop_t loop;
	struct log *log;
	struct clock *clock;
	struct jobs *jobs;
	struct engine *engine;
	struct fleet *fleet;
	struct fs *fs;
	struct session *session;
	struct notify *notify;
	struct alarm *greeted;
	uv_signal_t signals[N_SIGNALS];
	unsigned n_asked; /* signals that asked us to go */
	bool unmounting;
	unsigned n_bad; /* of the doctor's findings */
};

/* ---- the way down ---- */

static void on_session_closed(void *arg)
{
	struct daemon *d = arg;

	d->session = NULL;
}

static void on_jobs_stopped(void *arg)
{
	struct daemon *d = arg;

	notify_free(d->notify);
	d->notify = NULL;
	session_close(d->session, on_session_closed, d);
}

/* The kernel has ended the connection. */
static void on_end(void *arg)
{
	struct daemon *d = arg;

	/* It is going; whoever insists is not to have it leave children. */
	for (int i = 0; i < N_SIGNALS; i++) {
		uv_close((uv_handle_t *)&d->signals[i], NULL);
		signal(signals[i], SIG_IGN);
	}
	d->clock->cancel(d->clock, d->greeted);
	fs_set_notify(d->fs, &(struct fs_notify){ 0 }, NULL);
	fs_fail_all(d->fs, -ENODEV);
	fs_end(d->fs);
	fleet_end(d->fleet);
	engine_stop(d->engine);
	jobs_stop(d->jobs, on_jobs_stopped, d);
}

static void on_unmounted(void *arg, int err, const struct job_result *res)
{
	struct daemon *d = arg;

	d->unmounting = false;
	if (err == -ECANCELED)
		return; /* it is going already */
	if (err)
		log_error(d->log, "%s: unmount: %s", d->mountpoint,
		          strerror(-err));
	else if (res->status || res->signal)
		log_warn(d->log, "%s: still in use, not unmounted: %s",
		         d->mountpoint, res->err);
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct daemon *d = handle->data;
	const char *argv[5];
	struct job_spec spec = {
		.class = JOB_RUN,
		.argv = argv,
		.out_max = 4096,
		.deadline_ms = 10000,
	};
	bool insist = d->n_asked++ > 0;

	log_info(d->log, "%s: signal %d: unmounting", d->mountpoint, number);
	if (insist)
		fs_fail_all(d->fs, -EIO);
	else
		fs_let_readers_go(d->fs);
	if (d->unmounting && !insist)
		return;
	d->unmounting = true;
	session_unmount_argv(d->session, insist, argv);
	job_run(d->jobs, &spec, on_unmounted, d);
}

/* ---- the way up ---- */

/* An absolute path that does not need the mount point itself, which may be
 * dead. 0 or a negative errno. */
static int resolve(const char *path, char out[PATH_MAX])
{
	char dir[PATH_MAX];
	char base[PATH_MAX];
	char *parent;
	const char *name;
	int n;

	if (strlen(path) >= PATH_MAX)
		return -ENAMETOOLONG;
	strcpy(dir, path);
	strcpy(base, path);
	name = basename(base);
	parent = realpath(dirname(dir), NULL);
	if (!parent)
		return -errno;
	n = snprintf(out, PATH_MAX, "%s/%s", strcmp(parent, "/") ? parent : "",
	             name);
	free(parent);
	if (n >= PATH_MAX)
		return -ENAMETOOLONG;
	session_unhang(out);
	/* Where it can be looked at, links are followed and dots resolved. */
	if (realpath(path, dir))
		strcpy(out, dir);
	else if (errno != ENOTCONN && errno != ENXIO && errno != EIO &&
	         errno != EACCES &&
	         !(errno == ENOENT && system_makes(system_here, out)))
		return -errno;
	return 0;
}

static char *find_program(void *arg)
{
	return program_find(arg);
}

/* Which engine? What was asked for; else orbctl when it is there. */
static const struct engine_table *choose_engine(struct daemon *d)
{
	const struct options *o = d->options;
	char *found = NULL;

	d->program.path = o->orbctl;
	d->program.avoid = d->mountpoint;
	d->program.self = d->self;
	d->program.kind = PROGRAM_ORBCTL;
	if (system_here->has_local && o->engine == OPTIONS_AUTO && !o->orbctl) {
		found = program_find(&d->program);
		if (!found)
			d->program.kind = PROGRAM_LOCAL;
	}
	free(found);
	if (o->engine == OPTIONS_LOCAL)
		d->program.kind = PROGRAM_LOCAL;
	return d->program.kind == PROGRAM_LOCAL ? &engine_local
	                                        : &engine_orbctl;
}

static const char *yes_no(bool yes)
{
	return yes ? "yes" : "no";
}

static char *render_config(struct daemon *d, const struct engine_table *table)
{
	const struct options *o = d->options;
	char *text = NULL;

	if (asprintf(&text,
	             "mountpoint %s\nengine %s\nprogram %s\nttl %g\nimage %s\n"
	             "arch %s\nuser %s\nspool %llu\nsymlinks %s\n"
	             "idmap %s\ndrafts %s\nfinder %s\nfuse %s\n",
	             d->mountpoint, table->name, o->orbctl ? o->orbctl : "auto",
	             o->ttl_ms / 1000.0,
	             o->image ? o->image : table->default_image,
	             o->arch ? o->arch : "auto", o->user ? o->user : "auto",
	             (unsigned long long)o->spool,
	             o->raw_links ? "raw" : "inside",
	             o->map_user ? "user" : "none",
	             yes_no(o->drafts || o->finder), yes_no(o->finder),
	             o->fuse ? o->fuse : "none") < 0)
		return NULL;
	return text;
}

static struct jobs *make_jobs(struct daemon *d)
{
	static const unsigned limits[JOB_N_CLASSES] = {
		[JOB_LOOK] = LOOKS_AT_ONCE,
		[JOB_ACT] = ACTS_AT_ONCE,
	};
	char **env = program_env();
	struct jobs *jobs = NULL;

	if (env)
		jobs = jobs_new(&d->loop, d->log, (const char *const *)env,
		                limits);
	program_env_free(env);
	return jobs;
}

/* The mount stands. That it would, nobody knew before on macOS, where mounting
 * only begins when the session receives. */
static void on_greeted(void *arg)
{
	struct daemon *d = arg;

	d->greeted = NULL; /* it fired */
	readahead_set(d->mountpoint, READ_AHEAD_KIB);
	if (d->options->ready_fd >= 0)
		log_to_syslog(d->log);
	log_info(d->log, "%s: mounted", d->mountpoint);
	if (d->options->ready_fd >= 0)
		background_ready(d->options->ready_fd);
}

/* The kernel's first request is being answered; with the answer it takes a
 * read-ahead of its own, so ours is set behind that. */
static void on_hello(void *arg)
{
	struct daemon *d = arg;

	d->greeted = d->clock->set(d->clock, 0, on_greeted, d);
	if (!d->greeted)
		on_greeted(d);
}

/* The engine and what it needs. 0 or -ENOMEM, as below. */
static int make_engine(struct daemon *d, const struct engine_table *table)
{
	struct engine_spec spec = {
		.table = table,
		.find = find_program,
		.find_arg = &d->program,
		.log = d->log,
	};

	spec.clock = d->clock = clock_new(&d->loop);
	spec.jobs = d->jobs = make_jobs(d);
	if (d->clock && d->jobs)
		d->engine = engine_new(&spec);
	return d->engine ? 0 : -ENOMEM;
}

/* All the parts but the session. 0 or -ENOMEM; what was made is for
 * free_parts. */
static int make_parts(struct daemon *d)
{
	const struct options *o = d->options;
	const struct engine_table *table = choose_engine(d);
	struct fleet_spec fleet = { .log = d->log,
		                    .ttl_ms = o->ttl_ms,
		                    .image = o->image,
		                    .arch = o->arch,
		                    .user = o->user };
	struct fs_spec fs = {
		.log = d->log,
		.version = ORBFS_VERSION,
		.timeout = o->ttl_ms / 1000.0,
		.spool_max = o->spool,
		.patience_ms = system_patience_ms(
			o->finder ? &system_macos : system_here, o->fuse),
		.on_hello = on_hello,
		.arg = d,
		.loop = &d->loop,
		.shared = o->shared,
		.shared_opens = o->finder || system_here->shared_opens,
		.raw_links = o->raw_links,
		.map_user = o->map_user,
		.drafts = o->drafts,
		.finder = o->finder,
		.uid = getuid(),
		.gid = getgid()
	};

	if (make_engine(d, table))
		return -ENOMEM;
	d->config = render_config(d, table);
	if (!d->config)
		return -ENOMEM;
	fs.jobs = d->jobs;
	fleet.clock = fs.clock = d->clock;
	fleet.engine = fs.engine = d->engine;
	d->fleet = fleet_new(&fleet);
	if (!d->fleet)
		return -ENOMEM;
	fs.fleet = d->fleet;
	fs.config = d->config;
	d->fs = fs_new(&fs);
	return d->fs ? 0 : -ENOMEM;
}

static void free_parts(struct daemon *d)
{
	fs_free(d->fs);
	fleet_free(d->fleet);
	engine_free(d->engine);
	jobs_free(d->jobs);
	clock_free(d->clock);
	free(d->config);
}

/* The kernel is told through the thread that only sends. */
static void tell_inode(void *arg, uint64_t ino)
{
	notify_inode(arg, ino);
}

static void tell_entry(void *arg, uint64_t parent, const char *name)
{
	notify_entry(arg, parent, name);
}

static void tell_gone(void *arg, uint64_t parent, uint64_t child,
                      const char *name)
{
	notify_delete(arg, parent, child, name);
}

static void tell_inode_first(void *arg, uint64_t ino, notify_told_fn *told,
                             void *told_arg)
{
	notify_inode_first(arg, ino, told, told_arg);
}

static int open_session(struct daemon *d)
{
	static const struct fs_notify notify = {
		.inode = tell_inode,
		.entry = tell_entry,
		.gone = tell_gone,
		.inode_first = tell_inode_first,
	};
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct session_spec spec = {
		.loop = &d->loop,
		.log = d->log,
		.args = &args,
		.ops = &fs_ops,
		.userdata = d->fs,
		.mountpoint = d->mountpoint,
		.fd = -1,
		.on_end = on_end,
		.arg = d,
	};
	char *options = system_options(system_here, d->options->fuse,
	                               d->options->shared);
	int err = -ENOMEM;

	if (options && fuse_opt_add_arg(&args, "orbfs") == 0 &&
	    fuse_opt_add_arg(&args, "-o") == 0 &&
	    fuse_opt_add_arg(&args, options) == 0 &&
	    (!d->options->trace || fuse_opt_add_arg(&args, "-d") == 0))
		err = session_open(&d->session, &spec);
	free(options);
	fuse_opt_free_args(&args);
	if (err)
		return err;
	d->notify = notify_new(session_fuse(d->session));
	if (d->notify)
		fs_set_notify(d->fs, &notify, d->notify);
	else
		log_warn(d->log,
		         "no thread for notifications: changes show "
		         "after %g s",
		         d->options->ttl_ms / 1000.0);
	return 0;
}

static void watch_signals(struct daemon *d)
{
	for (int i = 0; i < N_SIGNALS; i++) {
		uv_signal_init(&d->loop, &d->signals[i]);
		d->signals[i].data = d;
		uv_signal_start(&d->signals[i], on_signal, signals[i]);
	}
}

static void on_start_failed(void *arg)
{
	(void)arg; /* the loop ends by itself */
}

static int serve(struct daemon *d)
{
	int err = session_clear(d->mountpoint, d->log);

	if (!err)
		err = make_parts(d);
	if (!err)
		err = open_session(d);
	if (err) {
		log_error(d->log, "%s: not mounted: %s", d->mountpoint,
		          strerror(-err));
		if (d->jobs)
			jobs_stop(d->jobs, on_start_failed, d);
	} else {
		watch_signals(d);
	}
	uv_run(&d->loop, UV_RUN_DEFAULT);
	free_parts(d);
	return err;
}

/* The engine may come later, so this is no error. */
static void warn_of_program(const struct daemon *d, const struct options *o)
{
	struct program_spec spec = {
		.path = o->orbctl,
		.avoid = d->mountpoint,
		.self = d->self,
	};
	char *found = o->orbctl ? program_find(&spec) : NULL;

	if (o->orbctl && !found)
		fprintf(stderr,
		        "orbfs: %s: no such program yet, or none that may be "
		        "run; there are no machines until it is there\n",
		        o->orbctl);
	free(found);
}

static void on_looked_over(void *arg, unsigned n_bad)
{
	struct daemon *d = arg;

	d->n_bad = n_bad;
	jobs_stop(d->jobs, on_start_failed, d);
}

/* Nothing is mounted. 0, or 1 when something is missing. */
static int look_over(struct daemon *d)
{
	struct doctor_spec spec = doctor_usual();

	if (make_engine(d, choose_engine(d)) == 0) {
		spec.engine = d->engine;
		spec.out = stdout;
		doctor_look(&spec, on_looked_over, d);
	}
	uv_run(&d->loop, UV_RUN_DEFAULT);
	if (!d->engine)
		fprintf(stderr, "orbfs: no memory\n");
	d->n_bad += !d->engine;
	free_parts(d);
	return d->n_bad ? -EIO : 0;
}

/* What holds for the whole process. */
static void settle(struct daemon *d)
{
	struct rlimit files;
	sigset_t none;

	/* Who started us may have blocked the ends of children, or TERM. */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* Never on our own mount, and in nobody's way. */
	if (chdir("/") != 0)
		log_warn(d->log, "chdir /: %s", strerror(errno));
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a full spool is an error, not our end */
	/* Outputs of scripts are open files. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	if (d->options->ready_fd >= 0) {
		(void)fcntl(d->options->ready_fd, F_SETFD, FD_CLOEXEC);
		setsid();
	}
}

static int run(const struct options *options, struct daemon *d,
               int (*work)(struct daemon *d))
{
	enum log_level level = options->trace ? LOG_LEVEL_DEBUG
	                                      : LOG_LEVEL_INFO;
	int err;

	d->options = options;
	d->log = log_new(level, false);
	if (!d->log)
		return -ENOMEM;
	settle(d);
	err = uv_loop_init(&d->loop);
	if (!err) {
		err = work(d);
		if (uv_loop_close(&d->loop) != 0)
			log_error(d->log, "the loop still holds something");
	}
	log_free(d->log);
	return err;
}

/* A relative path is meant from where it was said. 0 or -errno. */
static int make_absolute(char **path)
{
	char *here, *there;
	int err = 0;

	if (!*path || **path == '/' || !strchr(*path, '/'))
		return 0;
	here = realpath(".", NULL);
	if (!here)
		return -errno;
	if (asprintf(&there, "%s/%s", here, *path) < 0) {
		err = -ENOMEM;
	} else {
		free(*path);
		*path = there;
	}
	free(here);
	return err;
}

/* Were one of the first three closed, something of ours would be opened as it,
 * and take what is meant for a terminal. */
static void fill_standard_files(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

int main(int argc, char *argv[])
{
	struct daemon d = { 0 };
	struct options options;
	char why[256] = "no memory";
	int err;

	fill_standard_files();
	err = options_parse(&options, argc, argv, getenv("ORBFS_ORBCTL"), why,
	                    sizeof(why));
	if (!err) {
		err = make_absolute(&options.orbctl);
		if (err)
			snprintf(why, sizeof(why), "%s: %s", options.orbctl,
			         strerror(-err));
	}
	if (err) {
		fprintf(stderr, "orbfs: %s\n", why);
		options_free(&options);
		return 2;
	}
	if (options.act == OPTIONS_HELP)
		fputs(options_help(), stdout);
	if (options.act == OPTIONS_VERSION)
		printf("orbfs %s\nlibfuse %s\n", ORBFS_VERSION,
		       fuse_pkgversion());
	if (options.act == OPTIONS_DOCTOR) {
		err = background_self(d.self);
		if (!err)
			err = run(&options, &d, look_over);
	}
	if (options.act != OPTIONS_MOUNT) {
		options_free(&options);
		return err ? 1 : 0;
	}
	err = resolve(options.mountpoint, d.mountpoint);
	if (!err)
		err = background_self(d.self);
	/* Said once, by the process that the user started. */
	if (!err && options.ready_fd < 0)
		warn_of_program(&d, &options);
	if (err)
		fprintf(stderr, "orbfs: %s: %s%s\n", options.mountpoint,
		        strerror(-err),
		        err == -ENOENT ? "; make the directory first: mkdir -p"
		                       : "");
	else if (options.foreground)
		err = run(&options, &d, serve);
	else
		err = background_start(d.self, argc, argv);
	if (!err && !options.foreground)
		session_await(d.mountpoint);
	options_free(&options);
	return err ? 1 : 0;
}
