/*
 * control: open, read, write and close a control file.
 *
 * Owns the open files (struct handle). An open gets what its row in the
 * table needs, renders, and answers; everything after that is at hand. Writes
 * go to what the row accepts. Errors come from write, never from close alone:
 * shells ignore what close says, and send a flush before their first write.
 */
#include "fs/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "cache/lifecycle.h"
#include "cache/settings.h"
#include "cache/snapshots.h"
#include "fs/enginedir.h"
#include "fs/events.h"
#include "fs/exec.h"
#include "fs/export.h"
#include "fs/finder.h"
#include "fs/fs.h"
#include "fs/import.h"
#include "fs/measure.h"
#include "fs/poll.h"
#include "fs/task.h"
#include "fs/view.h"

/* ---- handles ---- */

struct handle *handle_new(struct fs *fs, struct node *node)
{
	struct handle *handle = calloc(1, sizeof(*handle));

	if (!handle)
		return NULL;
	handle->fs = fs;
	handle->refs = 1;
	handle->node = node_ref(node);
	handle->held = (struct buf)BUF_INIT(HANDLE_HELD_MAX);
	handle->at = &fs->handles;
	if (node->entry->need == NEED_EVENTS)
		watch_begin(fs);
	handle->next = fs->handles;
	if (handle->next)
		handle->next->at = &handle->next;
	fs->handles = handle;
	if (node->entry->accept == ACCEPT_ARCHIVE)
		import_opened(node->label);
	if (node->entry->accept == ACCEPT_JOB_IN)
		task_input_opened(node->label);
	return handle;
}

struct handle *handle_ref(struct handle *handle)
{
	handle->refs++;
	return handle;
}

void handle_unref(struct handle *handle)
{
	if (!handle || --handle->refs > 0)
		return;
	poll_end(handle);
	if (handle->node->entry->need == NEED_EVENTS)
		watch_end(handle->fs);
	export_close(handle->export);
	if (handle->node->entry->accept == ACCEPT_ARCHIVE)
		import_close(handle);
	if (handle->node->entry->accept == ACCEPT_JOB_IN)
		task_input_closed(handle->node->label);
	*handle->at = handle->next;
	if (handle->next)
		handle->next->at = handle->at;
	for (unsigned i = 0; i < handle->n_runs; i++)
		run_unref(handle->runs[i]);
	run_unref(handle->shown);
	buf_free(&handle->held);
	free(handle->text);
	node_unref(handle->node);
	free(handle);
}

void handles_free(struct fs *fs)
{
	while (fs->handles) {
		fs->handles->refs = 1;
		handle_unref(fs->handles);
	}
}

/* ---- open ---- */

static struct run *shown_run(const struct node *node)
{
	struct run *run = node->entry->in == DIR_MACHINE ? node->m->finished
	                                                 : node->m->last;

	return run ? run_ref(run) : NULL;
}

/* What is needed is at hand: render, and answer. text is a log's. */
static void open_rendered(struct request *rq, const char *text, size_t len)
{
	const struct entry *entry = rq->node->entry;
	struct view view = view_of(rq->fs, rq->node);
	struct handle *handle = handle_new(rq->fs, rq->node);
	struct buf b = BUF_INIT(ENTRY_TEXT_MAX);

	if (!handle) {
		request_fail(rq, -ENOMEM);
		return;
	}
	view.text = text;
	view.len = len;
	handle->stream = rq->stream;
	if (entry->need == NEED_RUN) {
		/* Who may run something here reads what that gives. */
		if ((rq->fi.flags & O_ACCMODE) == O_RDONLY)
			handle->shown = shown_run(rq->node);
	} else if (entry->render && entry->need != NEED_JOB) {
		entry->render(&view, &b);
		handle->text = buf_detach(&b, &handle->len);
		buf_free(&b);
		if (!handle->text) {
			handle_unref(handle);
			request_fail(rq, -ENOMEM);
			return;
		}
		if (rq->node->m)
			rq->node->m->texts[entry->text].len = handle->len;
	}
	request_reply_open(rq, handle);
}

/* The machine of an open file may go meanwhile, and so may a job. */
static bool is_gone(const struct request *rq)
{
	const struct node *node = rq->node;

	return (node->m && !node->m->listed) ||
	       (node->entry->in == DIR_JOB && task_is_gone(node->label));
}

static void on_needed(void *arg, int err)
{
	struct request *rq = arg;

	if (err || is_gone(rq))
		request_fail(rq, err ? err : -ENOENT);
	else
		open_rendered(rq, "", 0);
}

static void on_log(void *arg, int err, const char *text, size_t len,
                   const char *why)
{
	struct request *rq = arg;

	if (err) {
		member_set_error(rq->node->m, "%s", why);
		request_fail(rq, err);
		return;
	}
	open_rendered(rq, text, len);
}

void control_open(struct request *rq, const struct fuse_file_info *fi)
{
	const struct entry *entry = rq->node->entry;
	struct member *m = rq->node->m;
	bool reads = (fi->flags & O_ACCMODE) != O_WRONLY;
	bool writes = (fi->flags & O_ACCMODE) != O_RDONLY;

	if (is_gone(rq)) {
		request_fail(rq, -ENOENT);
		return;
	}
	/* The owner may be root, whom the kernel's own check lets pass. */
	if ((writes && entry->accept == ACCEPT_NOTHING) ||
	    (reads && !(entry->mode & 0400))) {
		request_refuse(rq, -EACCES, "%s: it is only to be %s",
		               entry->name ? entry->name : "what is here",
		               entry->mode & 0400 ? "read" : "written");
		return;
	}
	if (entry->accept == ACCEPT_LITTER) {
		finder_open(rq);
		return;
	}
	/* Without it programs can map what they read, if its size is right;
	 * what is written has to come as it is. */
	rq->fi.direct_io = !rq->fs->spec.finder || writes ||
	                   !measure_can(entry);
	/* With a position, the kernel would let a read of this open file wait
	 * for a write to it, not interruptibly, until the script has ended. */
	rq->stream = entry->accept == ACCEPT_EXEC && reads && writes;
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 11)
	rq->fi.noflush = !writes;
#endif
	if (!reads) {
		struct handle *handle = handle_new(rq->fs, rq->node);

		if (handle)
			request_reply_open(rq, handle);
		else
			request_fail(rq, -ENOMEM);
		return;
	}
	switch (entry->need) {
	case NEED_NOTHING:
	case NEED_RUN:
	case NEED_EVENTS:
	case NEED_ARCHIVE:
	case NEED_JOB:
		open_rendered(rq, "", 0);
		return;
	case NEED_LIST:
		fleet_get(rq->fs->spec.fleet, on_needed, rq);
		return;
	case NEED_ADDRESS:
		member_get(m, MEMBER_ADDRESS, on_needed, rq);
		return;
	case NEED_INFO:
		member_get(m, MEMBER_DETAILS, on_needed, rq);
		return;
	case NEED_VITALS:
		member_get(m, MEMBER_VITALS, on_needed, rq);
		return;
	case NEED_SETTINGS:
		settings_get(rq->fs->settings, on_needed, rq);
		return;
	case NEED_LOG:
		engine_logs(rq->fs->spec.engine, m->name, on_log, rq);
		return;
	}
}

/* ---- read ---- */

/* Who was told of a change reads on from the beginning. Without memory the old
 * text stays, and news. */
static void render_anew(struct handle *handle)
{
	struct view view = view_of(handle->fs, handle->node);
	struct buf b = BUF_INIT(ENTRY_TEXT_MAX);
	size_t len;
	char *text;

	handle->node->entry->render(&view, &b);
	text = buf_detach(&b, &len);
	buf_free(&b);
	if (!text)
		return;
	free(handle->text);
	handle->text = text;
	handle->len = len;
	handle->changed = false;
}

static void give_slice(struct request *rq)
{
	struct handle *handle = rq->handle;
	size_t left;

	if (rq->offset >= handle->len) {
		request_reply_data(rq, NULL, 0);
		return;
	}
	left = handle->len - (size_t)rq->offset;
	if (left > rq->size)
		left = rq->size;
	if (rq->node->entry->accept == ACCEPT_JOB_CMD)
		task_cmd_read(rq);
	request_reply_data(rq, handle->text + rq->offset, left);
}

/* Without what it needs, the old text is as good as any. */
static void on_needed_anew(void *arg, int err)
{
	struct request *rq = arg;

	if (!err)
		render_anew(rq->handle);
	give_slice(rq);
}

/* Somebody begins to read, who may have come after the kernel's open. */
static void read_anew(struct request *rq)
{
	const struct entry *entry = rq->node->entry;
	struct member *m = rq->node->m;

	if (!entry->render) {
		give_slice(rq);
		return;
	}
	switch (entry->need) {
	case NEED_LIST:
		fleet_get(rq->fs->spec.fleet, on_needed_anew, rq);
		return;
	case NEED_ADDRESS:
		member_get(m, MEMBER_ADDRESS, on_needed_anew, rq);
		return;
	case NEED_INFO:
		member_get(m, MEMBER_DETAILS, on_needed_anew, rq);
		return;
	case NEED_NOTHING:
		on_needed_anew(rq, 0);
		return;
	default:
		give_slice(rq);
		return;
	}
}

static void read_run(struct request *rq, bool begins)
{
	struct handle *handle = rq->handle;

	if (begins && !handle->stream) {
		run_unref(handle->shown);
		handle->shown = shown_run(rq->node);
	}
	exec_read(rq);
}

void control_read(struct request *rq)
{
	struct handle *handle = rq->handle;
	bool begins = rq->offset == 0 && rq->fs->spec.shared_opens;

	if (rq->node->entry->accept == ACCEPT_LITTER) {
		finder_read(rq);
		return;
	}
	if (rq->node->entry->need == NEED_RUN) {
		read_run(rq, begins);
		return;
	}
	if (rq->node->entry->need == NEED_ARCHIVE) {
		export_read(rq);
		return;
	}
	if (rq->node->entry->need == NEED_JOB) {
		task_read(rq);
		return;
	}
	if (rq->node->entry->need == NEED_EVENTS) {
		events_read(rq);
		return;
	}
	if (rq->offset == 0 && poll_is_news(handle))
		render_anew(handle);
	if (begins)
		read_anew(rq);
	else
		give_slice(rq);
}

/* ---- write ---- */

static void on_written(void *arg, int err, struct member *m)
{
	struct request *rq = arg;

	(void)m;
	if (err)
		request_fail(rq, err);
	else
		request_reply_write(rq, rq->size);
}

/* Cut blanks off both ends of rq->text and return the rest. A NUL is no end:
 * a verb with something behind it is no verb. */
static char *trimmed(struct request *rq)
{
	char *start;
	char *end;

	for (char *nul; (nul = memchr(rq->text, '\0', rq->len));)
		*nul = '?';
	start = rq->text + strspn(rq->text, " \t\r\n");
	end = start + strlen(start);

	while (end > start && strchr(" \t\r\n", end[-1]))
		*--end = '\0';
	return start;
}

static const struct {
	const char *word;
	enum engine_op op; /* ENGINE_N_OPS: no engine has it yet */
} verbs[] = {
	{ "start", ENGINE_START },     { "running", ENGINE_START },
	{ "stop", ENGINE_STOP },       { "stopped", ENGINE_STOP },
	{ "restart", ENGINE_RESTART }, { "kill", ENGINE_KILL },
	{ "pause", ENGINE_N_OPS },     { "resume", ENGINE_N_OPS },
};

static void restore(struct request *rq, const char *word)
{
	struct member *m = rq->node->m;
	struct member *s = snapshot_find(m, word);

	if (s) {
		lifecycle_restore(m, s, on_written, rq);
		return;
	}
	member_set_error(m,
	                 "restore: there is no snapshot '%.80s'; ls "
	                 "snapshots/ shows those there are",
	                 word);
	request_fail(rq, -ENOENT);
}

static void write_state(struct request *rq)
{
	struct member *m = rq->node->m;
	const char *word = trimmed(rq);

	if (!*word) {
		request_reply_write(rq, rq->size);
		return;
	}
	if (strncmp(word, "restore", 7) == 0 &&
	    word[7 + strspn(word + 7, " \t")] && strchr(" \t", word[7])) {
		restore(rq, word + 7 + strspn(word + 7, " \t"));
		return;
	}
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(word, verbs[i].word) != 0)
			continue;
		if (verbs[i].op != ENGINE_N_OPS) {
			lifecycle_turn(m, verbs[i].op, on_written, rq);
			return;
		}
		member_set_error(m, "state: %s cannot %s machines",
		                 engine_name(rq->fs->spec.engine), word);
		request_fail(rq, -EOPNOTSUPP);
		return;
	}
	member_set_error(m,
	                 "state: '%.40s' is no verb; start, stop, restart, "
	                 "kill and restore SNAPSHOT are",
	                 word);
	request_fail(rq, -EINVAL);
}

static void write_config(struct request *rq)
{
	struct buf *held = &rq->handle->held;

	if (buf_add(held, rq->text, rq->len) ||
	    held->len > MACHINE_CONFIG_MAX) {
		buf_reset(held);
		member_set_error(rq->node->m, "config: more than %d bytes",
		                 MACHINE_CONFIG_MAX);
		request_fail(rq, -EFBIG);
		return;
	}
	if (!machine_changes_complete(held->data, held->len)) {
		request_reply_write(rq, rq->size);
		return;
	}
	free(rq->text);
	rq->text = buf_detach(held, &rq->len);
	if (!rq->text)
		request_fail(rq, -ENOMEM);
	else
		lifecycle_configure(rq->node->m, rq->text, rq->len, on_written,
		                    rq);
}

/* ---- .orbfs/create ---- */

static void write_create(struct request *rq)
{
	struct fleet *fleet = rq->fs->spec.fleet;
	struct buf *held = &rq->handle->held;
	int err = 0;

	if (buf_add(held, rq->text, rq->len) || held->len > CREATE_TEXT_MAX) {
		buf_reset(held);
		fleet_set_error(fleet, "create: more than %d bytes",
		                CREATE_TEXT_MAX);
		request_fail(rq, -EFBIG);
		return;
	}
	if (machine_changes_complete(held->data, held->len)) {
		err = fleet_set_defaults(fleet, held->data, held->len);
		buf_reset(held);
	}
	if (err)
		request_fail(rq, err);
	else
		request_reply_write(rq, rq->size);
}

/* ---- .orbfs/ctl ---- */

static int ctl_refresh(struct fs *fs, const char *word)
{
	(void)word;
	fleet_spoil(fs->spec.fleet);
	return 0;
}

static int ctl_forget(struct fs *fs, const char *word)
{
	struct member *m = fleet_find(fs->spec.fleet, word);

	if (!m) {
		fleet_set_error(fs->spec.fleet,
		                "ctl: forget: no machine '%.80s'", word);
		return -ENOENT;
	}
	member_forget(m);
	return 0;
}

static int ctl_log_level(struct fs *fs, const char *word)
{
	if (word[0] < '0' + LOG_LEVEL_ERROR ||
	    word[0] > '0' + LOG_LEVEL_DEBUG || word[1]) {
		fleet_set_error(fs->spec.fleet,
		                "ctl: log-level: 0 (errors) to "
		                "3 (everything), not '%.40s'",
		                word);
		return -EINVAL;
	}
	log_set_level(fs->spec.log, (enum log_level)(word[0] - '0'));
	return 0;
}

static const struct {
	const char *word;
	bool has_argument;
	int (*run)(struct fs *fs, const char *word);
} commands[] = {
	{ "refresh", false, ctl_refresh },
	{ "forget", true, ctl_forget },
	{ "log-level", true, ctl_log_level },
};

static int run_command(struct fs *fs, char *line)
{
	char *argument = line + strcspn(line, " \t");

	if (*argument)
		*argument++ = '\0';
	argument += strspn(argument, " \t");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(line, commands[i].word) == 0 &&
		    commands[i].has_argument == (*argument != '\0'))
			return commands[i].run(fs, argument);
	fleet_set_error(fs->spec.fleet,
	                "ctl: '%.40s' is no command; refresh, "
	                "forget NAME and log-level N are",
	                line);
	return -EINVAL;
}

static void write_ctl(struct request *rq)
{
	char *line = trimmed(rq);
	int err = *line ? run_command(rq->fs, line) : 0;

	if (err) {
		request_fail(rq, err);
		return;
	}
	fleet_set_error(rq->fs->spec.fleet, "%s", "");
	request_reply_write(rq, rq->size);
}

void control_write(struct request *rq)
{
	rq->size = rq->len;
	switch (rq->node->entry->accept) {
	case ACCEPT_STATE:
		write_state(rq);
		return;
	case ACCEPT_CONFIG:
		write_config(rq);
		return;
	case ACCEPT_EXEC:
		exec_write(rq);
		return;
	case ACCEPT_CTL:
		write_ctl(rq);
		return;
	case ACCEPT_CREATE:
		write_create(rq);
		return;
	case ACCEPT_SETTING:
		enginedir_set(rq, trimmed(rq));
		return;
	case ACCEPT_ARCHIVE:
		import_write(rq);
		return;
	case ACCEPT_LITTER:
		finder_write(rq);
		return;
	case ACCEPT_JOB_IN:
	case ACCEPT_JOB_CMD:
	case ACCEPT_JOB_SIGNAL:
	case ACCEPT_JOB_ENV:
	case ACCEPT_JOB_DIR:
		task_write(rq);
		return;
	case ACCEPT_NOTHING:
		request_fail(rq, -EACCES);
		return;
	}
}

#define BROKEN "%s: the JSON object breaks off; nothing was applied"

void control_flush(struct request *rq)
{
	struct buf *held = &rq->handle->held;

	if (rq->node->entry->accept == ACCEPT_ARCHIVE) {
		import_flush(rq);
		return;
	}
	if (held->len == 0) {
		request_reply_done(rq);
		return;
	}
	if (rq->node->entry->accept == ACCEPT_EXEC) {
		exec_flush(rq);
		return;
	}
	if (rq->node->entry->in == DIR_JOB) {
		task_flush(rq);
		return;
	}
	buf_reset(held);
	if (rq->node->m)
		member_set_error(rq->node->m, BROKEN, "config");
	else
		fleet_set_error(rq->fs->spec.fleet, BROKEN, "create");
	request_fail(rq, -EINVAL);
}
