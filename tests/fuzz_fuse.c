/*
 * fuzz_fuse: sequences of requests as a kernel sends them, to the whole of fs
 * and cache, over an engine that answers when and as it likes.
 *
 * Each byte of the input chooses: a request and what it is about, an answer of
 * the engine, some time that passes, an interrupt, a forget. What the kernel
 * itself guarantees is kept: file handles are those that were given, reads and
 * writes name the inode that was opened. Everything else may be odd: inodes
 * that nobody knows, names of any bytes, flags, sizes and offsets.
 *
 * After each act every interrupted request must have its answer; at the end
 * either everything is answered and each request must have had exactly one
 * reply, or the connection is aborted with all that waits. Both times it must
 * come down without a request, an alarm, a handle or a byte left.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tests/puppet.h"
#include "tests/world.h"

enum { NODES_MAX = 64, FILES_MAX = 16, WAITING_MAX = 64, ACTS_MAX = 200 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct waiting {
	uint64_t id;
	uint32_t opcode;
	uint64_t node;
};

struct fuzz_file {
	uint64_t node;
	uint64_t fh;
	bool is_dir;
};

struct fuzz {
	struct world w;
	const uint8_t *data;
	size_t left;
	struct {
		uint64_t node;
		uint64_t lookups;
	} nodes[NODES_MAX];
	size_t n_nodes;
	struct fuzz_file files[FILES_MAX];
	size_t n_files;
	struct waiting waiting[WAITING_MAX];
	size_t n_waiting;
};

static unsigned next(struct fuzz *f)
{
	if (!f->left)
		return 0;
	f->left--;
	return *f->data++;
}

/* ---- what is known ------------------------------------------------------- */

static void looked_up(struct fuzz *f, uint64_t node)
{
	for (size_t i = 0; i < f->n_nodes; i++)
		if (f->nodes[i].node == node) {
			f->nodes[i].lookups++;
			return;
		}
	if (f->n_nodes == NODES_MAX) {
		kernel_send_forget(f->w.kernel, node, 1);
		return;
	}
	f->nodes[f->n_nodes].node = node;
	f->nodes[f->n_nodes++].lookups = 1;
}

static void opened(struct fuzz *f, const struct waiting *what, uint64_t fh)
{
	struct fuzz_file file = { .node = what->node,
		                  .fh = fh,
		                  .is_dir = what->opcode == FUSE_OPENDIR };

	f->files[f->n_files++] = file;
}

static void listed(struct fuzz *f, const char *data, size_t len)
{
	const struct fuse_direntplus *d;

	for (size_t at = 0; at < len; at += FUSE_DIRENTPLUS_SIZE(d)) {
		d = (const void *)(data + at);
		if (d->entry_out.nodeid)
			looked_up(f, d->entry_out.nodeid);
	}
}

/* A file that is kept in memory. */
static void created(struct fuzz *f, struct waiting *what, const void *data)
{
	const struct fuse_entry_out *entry = data;
	const struct fuse_open_out *open = (const void *)(entry + 1);

	looked_up(f, entry->nodeid);
	what->node = entry->nodeid;
	opened(f, what, open->fh);
}

/* Take the answers that have come. */
static void collect(struct fuzz *f)
{
	world_settle(&f->w);
	for (size_t i = 0; i < f->n_waiting;) {
		struct waiting what = f->waiting[i];
		const void *data;
		size_t len;

		if (!kernel_answered(f->w.kernel, what.id)) {
			i++;
			continue;
		}
		f->waiting[i] = f->waiting[--f->n_waiting];
		if (kernel_wait(f->w.kernel, what.id, &data, &len, KERNEL_MS))
			continue;
		if (what.opcode == FUSE_LOOKUP || what.opcode == FUSE_MKDIR)
			looked_up(
				f,
				((const struct fuse_entry_out *)data)->nodeid);
		else if (what.opcode == FUSE_OPEN ||
		         what.opcode == FUSE_OPENDIR)
			opened(f, &what,
			       ((const struct fuse_open_out *)data)->fh);
		else if (what.opcode == FUSE_CREATE)
			created(f, &what, data);
		else if (what.opcode == FUSE_READDIRPLUS)
			listed(f, data, len);
	}
}

/* ---- choices ------------------------------------------------------------- */

/* Mostly one that is known. */
static uint64_t any_node(struct fuzz *f)
{
	unsigned n = next(f);

	if (n < 40)
		return KERNEL_ROOT;
	if (n < 48 || !f->n_nodes)
		return next(f);
	return f->nodes[n % f->n_nodes].node;
}

static const char *any_name(struct fuzz *f, char name[300])
{
	static const char *const names[] = {
		"up",        "off",    "web",
		"shop",      ".orbfs", "state",
		"ip",        "config", "exec",
		"error",     "log",    "run",
		"last",      "cmd",    "out",
		"err",       "status", "version",
		"stats",     "ctl",    "files",
		"up",        "web",    "state",
		"exec",      "job",    "in",
		"wait",      "env",    "signal",
		".DS_Store", "._web",  "untitled folder",
	};
	unsigned n = next(f);
	size_t len;

	if (n < 232)
		return names[n % (sizeof(names) / sizeof(names[0]))];
	len = n < 240 ? 250 + n % 16 : n % 16 + 1;
	for (size_t i = 0; i < len; i++) {
		name[i] = (char)next(f);
		if (!name[i] || name[i] == '/')
			name[i] = 'x';
	}
	name[len] = '\0';
	return name;
}

/* What is written: something that means something, or any bytes. */
static size_t any_text(struct fuzz *f, char *text, size_t max)
{
	static const char *const texts[] = {
		"start\n",
		"stop\n",
		"kill",
		"restart\n",
		"true\n",
		"echo a",
		"b\n",
		"\n",
		"cpus 2\n",
		"{\"cpus\":",
		"3}",
		"user joe\n",
		"refresh\n",
		"forget up",
		"log-level 0",
		"some output\n",
		"memory 1G\nid 3\n",
		"{",
		"}\n",
		"pause\n",
		"A=1\n",
		"TERM\n",
	};
	unsigned n = next(f);
	size_t len;

	if (n < 200) {
		const char *chosen =
			texts[n % (sizeof(texts) / sizeof(texts[0]))];

		len = strlen(chosen);
		memcpy(text, chosen, len);
		return len;
	}
	if (n < 210) {
		len = max - n % 8;
		memset(text, n % 2 ? ' ' : '{', len);
		return len;
	}
	len = n % 32;
	for (size_t i = 0; i < len; i++)
		text[i] = (char)next(f);
	return len;
}

static void sent(struct fuzz *f, uint64_t id, uint32_t opcode, uint64_t node)
{
	f->waiting[f->n_waiting++] =
		(struct waiting){ .id = id, .opcode = opcode, .node = node };
}

/* ---- requests ------------------------------------------------------------ */

static void ask_about_a_name(struct fuzz *f)
{
	struct kernel *k = f->w.kernel;
	uint64_t node = any_node(f);
	char text[300], other[300];
	const char *name = any_name(f, text);

	switch (next(f) % 9) {
	case 0:
	case 1:
		sent(f, kernel_send_lookup(k, node, name), FUSE_LOOKUP, node);
		return;
	case 2:
		sent(f, kernel_send_mkdir(k, node, name, 0755), FUSE_MKDIR,
		     node);
		return;
	case 3:
		sent(f, kernel_send_rmdir(k, node, name), FUSE_RMDIR, node);
		return;
	case 4:
		sent(f, kernel_send_unlink(k, node, name), FUSE_UNLINK, node);
		return;
	case 5:
		sent(f,
		     kernel_send_rename(k, node, name, any_node(f),
		                        any_name(f, other), next(f) % 4),
		     FUSE_RENAME2, node);
		return;
	case 6:
		if (f->n_files + f->n_waiting >= FILES_MAX)
			return;
		sent(f, kernel_send_create(k, node, name, 0644, O_RDWR),
		     FUSE_CREATE, node);
		return;
	case 7:
		sent(f, kernel_send_mknod(k, node, name, S_IFREG, 0),
		     FUSE_MKNOD, node);
		return;
	default:
		sent(f, kernel_send_symlink(k, node, name, name), FUSE_SYMLINK,
		     node);
	}
}

static void ask_about_a_node(struct fuzz *f)
{
	static const int flags[] = {
		O_RDONLY,           O_WRONLY,          O_RDWR,
		O_WRONLY | O_TRUNC, O_RDWR | O_APPEND, O_ACCMODE
	};
	struct kernel *k = f->w.kernel;
	uint64_t node = any_node(f);
	struct fuse_setattr_in set = { .valid = next(f) % 64 };

	if (f->n_files + f->n_waiting >= FILES_MAX)
		return;
	switch (next(f) % 8) {
	case 0:
	case 1:
	case 2:
	case 3:
		sent(f, kernel_send_open(k, node, flags[next(f) % 6]),
		     FUSE_OPEN, node);
		return;
	case 4:
		sent(f, kernel_send_opendir(k, node), FUSE_OPENDIR, node);
		return;
	case 5:
		sent(f, kernel_send_getattr(k, node), FUSE_GETATTR, node);
		return;
	case 6:
		sent(f, kernel_send_setattr(k, node, &set), FUSE_SETATTR, node);
		return;
	default:
		sent(f, kernel_send_access(k, node, next(f) % 8), FUSE_ACCESS,
		     node);
	}
}

static void release(struct fuzz *f, size_t i)
{
	struct fuzz_file file = f->files[i];
	struct kernel *k = f->w.kernel;

	f->files[i] = f->files[--f->n_files];
	if (file.is_dir)
		kernel_send_releasedir(k, file.node, file.fh);
	else
		kernel_send_release(k, file.node, file.fh, O_RDWR);
}

static void ask_about_a_file(struct fuzz *f)
{
	struct kernel *k = f->w.kernel;
	size_t i = f->n_files ? next(f) % f->n_files : 0;
	struct fuzz_file *file = &f->files[i];
	uint32_t size = next(f) * 32;
	static char text[MACHINE_CONFIG_MAX + 8];

	if (!f->n_files)
		return;
	if (next(f) % 8 == 0) {
		release(f, i);
	} else if (file->is_dir && next(f) % 2) {
		sent(f,
		     kernel_send_readdirplus(k, file->node, file->fh,
		                             next(f) * 9, size),
		     FUSE_READDIRPLUS, file->node);
	} else if (file->is_dir) {
		sent(f,
		     kernel_send_readdir(k, file->node, file->fh, next(f) * 9,
		                         size),
		     FUSE_READDIR, file->node);
	} else if (next(f) % 4 == 0) {
		sent(f, kernel_send_flush(k, file->node, file->fh), FUSE_FLUSH,
		     file->node);
	} else if (next(f) % 3 == 0) {
		sent(f,
		     kernel_send_read(k, file->node, file->fh, next(f), size),
		     FUSE_READ, file->node);
	} else {
		size_t len = any_text(f, text, sizeof(text));

		sent(f,
		     kernel_send_write(k, file->node, file->fh, 0, text, len),
		     FUSE_WRITE, file->node);
	}
}

static void forget(struct fuzz *f)
{
	size_t i = f->n_nodes ? next(f) % f->n_nodes : 0;
	uint64_t n;

	if (next(f) % 8 == 0) {
		/* Of a node that is nobody's, and of the root. */
		kernel_send_forget(f->w.kernel, next(f) + 100000, next(f));
		kernel_send_forget(f->w.kernel, KERNEL_ROOT, next(f));
	}
	if (!f->n_nodes)
		return;
	n = next(f) % 2 ? 1 : f->nodes[i].lookups;
	kernel_send_forget(f->w.kernel, f->nodes[i].node, n);
	f->nodes[i].lookups -= n;
	if (!f->nodes[i].lookups)
		f->nodes[i] = f->nodes[--f->n_nodes];
}

static void interrupt(struct fuzz *f)
{
	struct waiting *what = &f->waiting[next(f) % WAITING_MAX];

	if (what >= f->waiting + f->n_waiting)
		what = f->waiting;
	if (!f->n_waiting)
		return;
	kernel_send_interrupt(f->w.kernel, what->id);
	world_settle(&f->w);
	/* Whatever it waits for. */
	assert_true(kernel_answered(f->w.kernel, what->id));
}

/* ---- the world ----------------------------------------------------------- */

static void answer_some(struct fuzz *f)
{
	static const int errors[] = { 0,       0,       0,          0,
		                      -EIO,    -ENODEV, -ENOENT,    -ETIMEDOUT,
		                      -ENOMEM, -EBUSY,  -ECANCELED, -EPROTO };
	struct engine *engine = f->w.engine;
	struct puppet_ask *ask = engine->asks;
	int err = errors[next(f) % 12];

	for (unsigned n = next(f) % 4; n && ask && ask->next; n--)
		ask = ask->next;
	if (ask)
		puppet_give(engine, ask, err);
}

static void run_some(struct fuzz *f)
{
	struct engine *engine = f->w.engine;
	unsigned n = puppet_n_scripts(engine);
	struct job *job;

	if (!n)
		return;
	job = puppet_script(engine, next(f) % n);
	if (job->writing && next(f) % 4) {
		puppet_take(job, next(f) % 8 ? 0 : -EPIPE);
		return;
	}
	switch (next(f) % 4) {
	case 0:
		puppet_end_script(job, (int)(next(f) % 3), 0);
		return;
	case 1:
		puppet_end_script(job, 0, next(f) % 2 ? -EIO : -ETIMEDOUT);
		return;
	default:
		puppet_print(job, next(f) % 2,
		             next(f) % 2 ? "some output\n" : "\037 x\037");
	}
}

static void happen_elsewhere(struct fuzz *f)
{
	static const char *const names[] = { "up", "off", "web", "shop" };
	struct engine *engine = f->w.engine;
	const char *name = names[next(f) % 4];
	struct machine **at = puppet_find(engine, name);
	char id[16];

	switch (next(f) % 5) {
	case 0:
		snprintf(id, sizeof(id), "e%u", next(f) % 8);
		/* Names and ids may come twice. */
		if (engine->n < 12)
			puppet_add(engine, name, id, MACHINE_STOPPED);
		return;
	case 1:
		puppet_remove(engine, name);
		return;
	case 2:
		puppet_state(engine, name,
		             (enum machine_state)(next(f) % MACHINE_N_STATES));
		return;
	case 3:
		if (at)
			puppet_word(&(*at)->name, names[next(f) % 4]);
		return;
	default:
		puppet_refuse(engine, next(f) % 2 ? -ENODEV : 0);
	}
}

static void act(struct fuzz *f)
{
	static void (*const acts[])(struct fuzz * f) = {
		ask_about_a_name, ask_about_a_name, ask_about_a_node,
		ask_about_a_node, ask_about_a_file, ask_about_a_file,
		ask_about_a_file, answer_some,      answer_some,
		answer_some,      run_some,         happen_elsewhere,
		forget,           interrupt,
	};
	unsigned n = next(f);

	/* There is always room for a few more requests. */
	if (f->n_waiting > WAITING_MAX - 4)
		fs_fail_all(f->w.fs, -EIO);
	else if (n < 224)
		acts[n % (sizeof(acts) / sizeof(acts[0]))](f);
	else if (n < 248)
		hands_turn(f->w.hands, next(f) * (n - 223));
	else
		puppet_at_once(f->w.engine, n % 2);
}

/* Answer everything, close everything, and come down. */
static void finish(struct fuzz *f)
{
	struct engine *engine = f->w.engine;

	puppet_refuse(engine, 0);
	puppet_at_once(engine, true);
	do {
		while (engine->asks)
			puppet_give(engine, engine->asks, 0);
		while (engine->jobs)
			puppet_end_script(engine->jobs, 0, 0);
		collect(f);
	} while (engine->asks || engine->jobs ||
	         hands_turn_to_next(f->w.hands));
	/* For jobs that were never started. */
	for (size_t i = 0; i < f->n_waiting; i++)
		if (f->waiting[i].opcode == FUSE_READ)
			kernel_send_interrupt(f->w.kernel, f->waiting[i].id);
	collect(f);
	assert_int_equal(f->n_waiting, 0);
	assert_null(f->w.fs->requests);
	while (f->n_files)
		release(f, 0);
	collect(f);
	assert_null(f->w.fs->handles);
	world_end(&f->w, puppet_stop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz *f = calloc(1, sizeof(*f));
	struct world_spec spec = { .engine = puppet_new() };
	unsigned how;

	assert_non_null(f);
	f->data = data;
	f->left = size;
	how = next(f);
	spec.patience_ms = how & 1 ? 5000 : 0;
	spec.finder = how & 8;
	spec.shared_opens = how & 8;
	world_begin(&f->w, &spec);
	puppet_add(spec.engine, "up", "1", MACHINE_RUNNING);
	puppet_add(spec.engine, "off", "2", MACHINE_STOPPED);
	puppet_at_once(spec.engine, how & 2);
	for (int i = 0; i < ACTS_MAX && f->left; i++) {
		act(f);
		collect(f);
	}
	if (how & 4)
		world_abort(&f->w, puppet_stop);
	else
		finish(f);
	puppet_free(spec.engine);
	free(f);
	return 0;
}
