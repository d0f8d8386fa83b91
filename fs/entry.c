/*
 * entry: the table of control files and the functions that render them.
 *
 * The order of the rows is the order of a listing. In a machine the control
 * files come before everything that leads deeper: a recursive removal then
 * meets one that cannot be removed before it can do harm (fs/guard.c).
 */
#include "fs/entry.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cache/settings.h"
#include "fs/node.h"
#include "fs/task.h"
#include "ops/create.h"
#include "ops/machine.h"
#include "ops/vitals.h"

static void render_state(const struct view *v, struct buf *b)
{
	buf_printf(b, "%s\n", machine_state_word(member_state(v->m)));
}

/* Empty unless it runs: an address of another boot may be another's by now. */
static void render_ip(const struct view *v, struct buf *b)
{
	const struct machine *info = v->m->info;

	if (!info || member_state(v->m) != MACHINE_RUNNING)
		return;
	if (info->ip4)
		buf_printf(b, "%s\n", info->ip4);
	if (info->ip6)
		buf_printf(b, "%s\n", info->ip6);
}

/* What info says, with the name that we show. */
static void render_config(const struct view *v, struct buf *b)
{
	const struct machine *from = v->m->info ? v->m->info : v->m->machine;
	struct machine shown = *from;

	shown.name = v->m->name;
	machine_render_config(&shown, b);
}

static void render_error(const struct view *v, struct buf *b)
{
	const char *error = v->m ? member_error(v->m) : fleet_error(v->fleet);

	if (*error)
		buf_printf(b, "%s\n", error);
}

static void render_log(const struct view *v, struct buf *b)
{
	buf_add(b, v->text, v->len);
}

static void render_cmd(const struct view *v, struct buf *b)
{
	size_t len;
	const char *script;

	if (!v->run)
		return;
	script = run_script(v->run, &len);
	buf_add(b, script, len);
}

static void render_status(const struct view *v, struct buf *b)
{
	if (v->run)
		buf_printf(b, "%s\n", run_status(v->run));
}

/* From a directory that is as deep as its label has parts, and one more. */
static void render_link(const struct view *v, struct buf *b)
{
	for (const char *part = v->label->name; part;
	     part = strchr(part + 1, '/'))
		buf_adds(b, "../");
	buf_printf(b, "../%s", v->m->name);
}

static void render_vitals(const struct view *v, struct buf *b)
{
	struct vitals vitals;

	if (!v->m->vitals)
		return;
	vitals = *v->m->vitals;
	/* A machine that does not see its own limit has it all the same. */
	if (vitals.memory_limit < 0 && v->m->machine->memory > 0)
		vitals.memory_limit = v->m->machine->memory;
	vitals_render(&vitals, b);
}

static void render_setting(const struct view *v, struct buf *b)
{
	const struct setting *s = settings_find(v->settings, v->label->name);

	if (s)
		buf_printf(b, "%s\n", s->value);
}

static void render_create(const struct view *v, struct buf *b)
{
	create_render(fleet_defaults(v->fleet), b);
}

static void render_version(const struct view *v, struct buf *b)
{
	buf_printf(b, "orbfs %s\n", v->daemon->version);
}

static void render_daemon_config(const struct view *v, struct buf *b)
{
	buf_adds(b, v->daemon->config);
}

static void render_stats(const struct view *v, struct buf *b)
{
	v->daemon->stats(v->daemon->arg, b);
}

#define READ_ONLY (S_IFREG | 0400)
#define READ_WRITE (S_IFREG | 0600)
#define WRITE_ONLY (S_IFREG | 0200)
#define DIRECTORY (S_IFDIR | 0500)
#define DIR_WRITE (S_IFDIR | 0700)

/* clang-format off */
static const struct entry entries[] = {
	{DIR_NONE, NULL, S_IFREG | 0600, .accept = ACCEPT_LITTER},

	{DIR_ROOT, ".by", DIRECTORY, .dir = DIR_BY},
	{DIR_ROOT, ".images", DIRECTORY, .dir = DIR_IMAGES},
	{DIR_ROOT, ".orbfs", DIRECTORY, .dir = DIR_DAEMON},
	{DIR_ROOT, NULL, S_IFREG | 0200, .accept = ACCEPT_ARCHIVE},
	{DIR_ROOT, NULL, S_IFDIR | 0700, .dir = DIR_DRAFT},

	{DIR_BY, "state", DIRECTORY, .dir = DIR_GROUPS},
	{DIR_BY, "distro", DIRECTORY, .dir = DIR_GROUPS},
	{DIR_BY, "arch", DIRECTORY, .dir = DIR_GROUPS},
	{DIR_GROUPS, NULL, DIRECTORY, .dir = DIR_GROUP},
	{DIR_GROUP, NULL, S_IFLNK | 0777, .render = render_link},

	{DIR_IMAGES, "machines", DIRECTORY, .dir = DIR_SOURCES},
	{DIR_IMAGES, NULL, DIR_WRITE, .dir = DIR_DISTRO},
	{DIR_DISTRO, NULL, DIR_WRITE, .dir = DIR_IMAGE},
	{DIR_DISTRO, NULL, S_IFLNK | 0777, .render = render_link},
	{DIR_IMAGE, NULL, DIRECTORY, .dir = DIR_SNAPSHOT},
	{DIR_IMAGE, NULL, S_IFLNK | 0777, .render = render_link},
	{DIR_SOURCES, NULL, DIR_WRITE, .dir = DIR_SOURCE},
	{DIR_SOURCE, NULL, DIRECTORY, .dir = DIR_SNAPSHOT},

	{DIR_DAEMON, "version", READ_ONLY, .render = render_version},
	{DIR_DAEMON, "stats", READ_ONLY, .render = render_stats},
	{DIR_DAEMON, "error", READ_ONLY, .render = render_error},
	{DIR_DAEMON, "config", READ_ONLY, .render = render_daemon_config},
	{DIR_DAEMON, "ctl", READ_WRITE, .accept = ACCEPT_CTL},
	{DIR_DAEMON, "create", READ_WRITE, .accept = ACCEPT_CREATE,
	 .render = render_create},
	{DIR_DAEMON, "events", READ_ONLY, .need = NEED_EVENTS},
	{DIR_DAEMON, "engine", DIRECTORY, .dir = DIR_ENGINE},
	{DIR_ENGINE, NULL, READ_WRITE, .need = NEED_SETTINGS,
	 .accept = ACCEPT_SETTING, .flags = ENTRY_OWN_INODE,
	 .render = render_setting},

	{DIR_MACHINE, "state", READ_WRITE, .need = NEED_LIST,
	 .accept = ACCEPT_STATE, .text = MEMBER_STATE,
	 .flags = ENTRY_OWN_INODE, .render = render_state},
	{DIR_MACHINE, "ip", READ_ONLY, .need = NEED_ADDRESS,
	 .text = MEMBER_IP, .render = render_ip},
	{DIR_MACHINE, "config", READ_WRITE, .need = NEED_INFO,
	 .accept = ACCEPT_CONFIG, .text = MEMBER_CONFIG,
	 .flags = ENTRY_OWN_INODE, .render = render_config},
	{DIR_MACHINE, "exec", READ_WRITE, .need = NEED_RUN,
	 .accept = ACCEPT_EXEC, .text = MEMBER_EXEC, .stream = RUN_ALL,
	 .flags = ENTRY_OWN_INODE},
	{DIR_MACHINE, "error", READ_ONLY, .text = MEMBER_ERROR,
	 .render = render_error},
	{DIR_MACHINE, "log", READ_ONLY, .need = NEED_LOG,
	 .text = MEMBER_LOG, .render = render_log},
	{DIR_MACHINE, "stats", READ_ONLY, .need = NEED_VITALS,
	 .text = MEMBER_STATS, .render = render_vitals},
	{DIR_MACHINE, "archive.tar.zst", READ_ONLY, .need = NEED_ARCHIVE},
	{DIR_MACHINE, "run", S_IFDIR | 0700, .dir = DIR_RUN,
	 .text = MEMBER_EXEC},

	{DIR_MACHINE, "snapshots", DIR_WRITE, .dir = DIR_SNAPSHOTS,
	 .text = MEMBER_SNAPSHOTS},
	{DIR_SNAPSHOTS, NULL, DIRECTORY, .dir = DIR_SNAPSHOT},

	{DIR_MACHINE, "files", S_IFDIR | 0755, .dir = DIR_FILES},

	{DIR_RUN, "last", DIRECTORY, .dir = DIR_LAST, .text = MEMBER_EXEC},

	{DIR_LAST, "cmd", READ_ONLY, .text = MEMBER_EXEC,
	 .render = render_cmd},
	{DIR_LAST, "out", READ_ONLY, .need = NEED_RUN, .text = MEMBER_EXEC,
	 .stream = RUN_OUT},
	{DIR_LAST, "err", READ_ONLY, .need = NEED_RUN, .text = MEMBER_EXEC,
	 .stream = RUN_ERR},
	{DIR_LAST, "status", READ_ONLY, .text = MEMBER_EXEC,
	 .render = render_status},

	{DIR_RUN, NULL, S_IFDIR | 0700, .dir = DIR_JOB, .text = MEMBER_EXEC},
	{DIR_JOB, "in", WRITE_ONLY, .accept = ACCEPT_JOB_IN,
	 .text = MEMBER_EXEC, .flags = ENTRY_OWN_INODE | ENTRY_MAY_GO},
	{DIR_JOB, "cmd", READ_WRITE, .accept = ACCEPT_JOB_CMD,
	 .text = MEMBER_EXEC, .flags = ENTRY_OWN_INODE | ENTRY_MAY_GO,
	 .render = task_render_cmd},
	{DIR_JOB, "out", READ_ONLY, .need = NEED_JOB, .text = MEMBER_EXEC,
	 .stream = RUN_OUT, .flags = ENTRY_MAY_GO},
	{DIR_JOB, "err", READ_ONLY, .need = NEED_JOB, .text = MEMBER_EXEC,
	 .stream = RUN_ERR, .flags = ENTRY_MAY_GO},
	{DIR_JOB, "status", READ_ONLY, .text = MEMBER_EXEC,
	 .flags = ENTRY_MAY_GO, .render = task_render_status},
	{DIR_JOB, "wait", READ_ONLY, .need = NEED_JOB, .text = MEMBER_EXEC,
	 .flags = ENTRY_MAY_GO, .render = task_render_status},
	{DIR_JOB, "signal", WRITE_ONLY, .accept = ACCEPT_JOB_SIGNAL,
	 .text = MEMBER_EXEC, .flags = ENTRY_OWN_INODE | ENTRY_MAY_GO},
	{DIR_JOB, "env", READ_WRITE, .accept = ACCEPT_JOB_ENV,
	 .text = MEMBER_EXEC, .flags = ENTRY_OWN_INODE | ENTRY_MAY_GO,
	 .render = task_render_env},
	{DIR_JOB, "dir", READ_WRITE, .accept = ACCEPT_JOB_DIR,
	 .text = MEMBER_EXEC, .flags = ENTRY_OWN_INODE | ENTRY_MAY_GO,
	 .render = task_render_dir},
};
/* clang-format on */

enum { N_ENTRIES = sizeof(entries) / sizeof(entries[0]) };

const struct entry *entry_find(enum entry_dir in, const char *name)
{
	for (const struct entry *e = NULL; (e = entry_next(in, e));)
		if (e->name && strcmp(e->name, name) == 0)
			return e;
	return NULL;
}

const struct entry *entry_any(enum entry_dir in, mode_t type)
{
	for (const struct entry *e = NULL; (e = entry_next(in, e));)
		if (!e->name && (e->mode & S_IFMT) == type)
			return e;
	return NULL;
}

const struct entry *entry_next(enum entry_dir in, const struct entry *after)
{
	const struct entry *e = after ? after + 1 : entries;

	for (; e < entries + N_ENTRIES; e++)
		if (e->in == in)
			return e;
	return NULL;
}

unsigned entry_index(const struct entry *entry)
{
	return entry ? (unsigned)(entry - entries) + 1 : 0;
}

/* The run whose output an entry shows: exec has the last that ended, run/last
 * the one that was started last. */
static struct run *run_shown(const struct entry *entry, const struct member *m)
{
	return entry->in == DIR_MACHINE ? m->finished : m->last;
}

static size_t stream_len(const struct entry *entry, const struct member *m)
{
	struct run *run = run_shown(entry, m);
	struct spool *spool = run ? run_spool(run, entry->stream) : NULL;

	return spool ? spool_end(spool) - spool_start(spool) : 0;
}

/* Of a job, all that was ever printed counts. */
static size_t job_len(const struct entry *entry, struct run *run)
{
	return run ? spool_end(run_spool(run, entry->stream)) : 0;
}

size_t entry_len(const struct entry *entry, const struct view *view)
{
	struct buf b = BUF_INIT(ENTRY_TEXT_MAX);
	size_t len;

	if (entry->need == NEED_JOB && entry->stream != RUN_ALL)
		return job_len(entry, (struct run *)view->run);
	if (entry->need == NEED_RUN)
		return stream_len(entry, view->m);
	if (!entry->render)
		return 0;
	/* Known only when the engine was asked: that of the last rendering. */
	if (entry->need > NEED_LIST && entry->need != NEED_JOB && view->m)
		return view->m->texts[entry->text].len;
	entry->render(view, &b);
	len = b.len;
	buf_free(&b);
	return len;
}
