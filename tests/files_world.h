/*
 * files_world: a world in which machines have files.
 *
 *	#include "tests/files_world.h"	in one .c of a program, and in no other
 *
 *	struct files_world f;
 *	files_begin_world(&f);		files of "web" in f.g
 *	ino = look(&f, "etc/hosts");
 *	files_end_world(&f);
 *
 * Like tests/world.h, with the engine of tests/puppet.h and for its agent the
 * guest of tests/fake_guest.h, on the same loop: f.g of "web", and f.two of
 * "two", once files_second was called.
 */
#ifndef ORBFS_TESTS_FILES_WORLD_H
#define ORBFS_TESTS_FILES_WORLD_H

#include "tests/fake_guest.h"
#include "tests/loop.h"
#include "tests/puppet.h"
#include "tests/world.h"

struct agent_of {
	struct fake_guest *g;
	uv_loop_t *loop;
	struct job *job;        /* NULL: it does not run */
	struct agent_of *other; /* of the machine "two"; NULL: there is none */
};

struct files_world {
	struct world w;
	struct kernel *k;
	struct fake_guest *g;
	struct fake_guest *two;
	struct agent_of agent;
	struct agent_of other;
	struct engine *engine;
	unsigned n_inodes; /* told to the kernel */
	unsigned n_entries;
	char last_entry[256];
	unsigned n_firsts;
	bool hold_first; /* until the test calls told(told_arg, 0) */
	void (*told)(void *told_arg, int err);
	void *told_arg;
};

static inline void agent_ended(void *arg)
{
	struct agent_of *a = arg;
	struct job *job = a->job;

	a->job = NULL;
	puppet_end_script(job, 1, 0);
}

static inline void agent_starts(void *arg, struct job *job, int in_fd,
                                int out_fd, size_t len)
{
	struct agent_of *a = arg;

	if (a->other && strcmp(job->name, "two") == 0)
		a = a->other;
	/* The one before has lost its input, and has not seen that yet. */
	fake_guest_die(a->g);
	a->job = job;
	fake_guest_serve(a->g, a->loop, in_fd, out_fd, len, agent_ended, a);
}

static inline void told_inode(void *arg, uint64_t ino)
{
	(void)ino;
	((struct files_world *)arg)->n_inodes++;
}

static inline void told_entry(void *arg, uint64_t parent, const char *name)
{
	struct files_world *f = arg;

	(void)parent;
	f->n_entries++;
	snprintf(f->last_entry, sizeof(f->last_entry), "%s", name);
}

static inline void told_inode_first(void *arg, uint64_t ino,
                                    void (*told)(void *told_arg, int err),
                                    void *told_arg)
{
	struct files_world *f = arg;

	(void)ino;
	f->n_firsts++;
	f->told = told;
	f->told_arg = told_arg;
	if (!f->hold_first)
		told(told_arg, 0);
}

static inline void stop_all(struct engine *engine)
{
	struct agent_of *a = engine->agent_arg;

	fake_guest_die(a->g);
	if (a->other)
		fake_guest_die(a->other->g);
	puppet_stop(engine);
}

/* In a world that differs from the usual one as the spec says. */
static inline void files_begin_world_with(struct files_world *f,
                                          struct world_spec spec)
{
	static const struct fs_notify notify = {
		.inode = told_inode,
		.entry = told_entry,
		.inode_first = told_inode_first,
	};

	*f = (struct files_world){ .g = fake_guest_new(),
		                   .engine = puppet_new() };
	puppet_add(f->engine, "web", "1", MACHINE_RUNNING);
	puppet_add(f->engine, "off", "2", MACHINE_STOPPED);
	puppet_add(f->engine, "two", "3", MACHINE_RUNNING);
	puppet_at_once(f->engine, true);
	f->engine->agent = agent_starts;
	f->engine->agent_arg = &f->agent;
	spec.engine = f->engine;
	spec.notify = &notify;
	spec.notify_arg = f;
	world_begin(&f->w, &spec);
	f->agent.g = f->g;
	f->agent.loop = f->w.loop;
	f->k = f->w.kernel;
}

static inline void files_begin_world_as(struct files_world *f, bool finder)
{
	files_begin_world_with(f,
	                       (struct world_spec){ .finder = finder,
	                                            .shared_opens = finder });
}

static inline void files_begin_world(struct files_world *f)
{
	files_begin_world_as(f, false);
}

/* With a few files, as most tests have them. */
static inline void files_begin_stocked(struct files_world *f)
{
	files_begin_world(f);
	fake_guest_file(f->g, "etc/hosts", "127.0.0.1 localhost\n");
	fake_guest_file(f->g, "etc/fstab", "none\n");
	fake_guest_symlink(f->g, "etc/localtime", "/usr/share/zone");
	fake_guest_dir(f->g, "home/me");
}

/* With two to open. */
static inline void files_begin_small(struct files_world *f)
{
	files_begin_world(f);
	fake_guest_file(f->g, "d/small", "content");
	fake_guest_file(f->g, "d/other", "other");
}

/* Whatever waits in the guest has come there. */
static inline void files_settle(struct files_world *f)
{
	world_settle(&f->w);
	loop_run_for(f->w.loop, 20);
}

static inline void files_second(struct files_world *f)
{
	f->two = fake_guest_new();
	f->other = (struct agent_of){ .g = f->two, .loop = f->w.loop };
	f->agent.other = &f->other;
}

static inline void files_end_world(struct files_world *f)
{
	world_end(&f->w, stop_all);
	fake_guest_free(f->g);
	if (f->two)
		fake_guest_free(f->two);
	puppet_free(f->engine);
}

/* Look a path of the guest up; 0 and the entry, or a negative errno. */
static inline int look_at(struct files_world *f, const char *path,
                          struct fuse_entry_out *e)
{
	char all[4096];

	snprintf(all, sizeof(all), "web/files%s%s", *path ? "/" : "", path);
	return kernel_walk(f->k, all, e);
}

/* Its inode; it must be there. */
static inline uint64_t look(struct files_world *f, const char *path)
{
	struct fuse_entry_out e;

	assert_int_equal(look_at(f, path, &e), 0);
	return e.nodeid;
}

/* Wait until so many requests of that kind have reached the guest. */
struct seen {
	struct files_world *f;
	enum wire_op op;
	unsigned n;
};

static inline bool has_seen(void *arg)
{
	const struct seen *s = arg;

	return s->f->g->n_seen[s->op] >= s->n;
}

static inline void wait_seen(struct files_world *f, enum wire_op op, unsigned n)
{
	struct seen s = { .f = f, .op = op, .n = n };

	loop_run_until_true(f->w.loop, has_seen, &s, KERNEL_MS);
}

/* List a directory, so that the guest watches it. */
static inline void list_dir(struct files_world *f, const char *path)
{
	char *text;

	assert_int_equal(kernel_ls(f->k, look(f, path), &text), 0);
	free(text);
}

static inline uint64_t open_it(struct files_world *f, const char *path,
                               int flags)
{
	struct fuse_open_out open;

	assert_int_equal(kernel_open(f->k, look(f, path), flags, &open), 0);
	return open.fh;
}

/* Read what is open, and compare. */
static inline void reads(struct files_world *f, uint64_t node, uint64_t fh,
                         uint64_t off, const char *text)
{
	char data[8192];
	ssize_t n = kernel_read(f->k, node, fh, off, data, sizeof(data));

	assert_int_equal(n, strlen(text));
	assert_memory_equal(data, text, strlen(text));
}

/* What a symbolic link shows; it must be one. */
static inline char *read_link(struct files_world *f, uint64_t node)
{
	static char text[8192];
	const void *data;
	size_t len;

	assert_int_equal(kernel_wait(f->k, kernel_send_readlink(f->k, node),
	                             &data, &len, KERNEL_MS),
	                 0);
	snprintf(text, sizeof(text), "%.*s", (int)len, (const char *)data);
	return text;
}

/* Another name for a file; an errno. */
static inline int link_it(struct files_world *f, uint64_t old, uint64_t dir,
                          const char *name)
{
	struct fuse_link_in in = { .oldnodeid = old };
	char all[sizeof(in) + 256];

	memcpy(all, &in, sizeof(in));
	snprintf(all + sizeof(in), sizeof(all) - sizeof(in), "%s", name);
	return kernel_wait(f->k,
	                   kernel_send(f->k, FUSE_LINK, dir, all,
	                               sizeof(in) + strlen(name) + 1),
	                   NULL, NULL, KERNEL_MS);
}

/* As older kernels send it, whose request is shorter. */
static inline int set_xattr(struct files_world *f, uint64_t node,
                            const char *name, const void *value, size_t len,
                            uint32_t flags)
{
	struct fuse_setxattr_in in = { .size = (uint32_t)len, .flags = flags };
	size_t at = FUSE_COMPAT_SETXATTR_IN_SIZE;
	size_t name_len = strlen(name) + 1;
	char *all = malloc(at + name_len + len);
	int err;

	assert_non_null(all);
	memcpy(all, &in, at);
	memcpy(all + at, name, name_len);
	memcpy(all + at + name_len, value, len);
	err = kernel_wait_done(f->k, kernel_send(f->k, FUSE_SETXATTR, node, all,
	                                         at + name_len + len));
	free(all);
	return err;
}

/* The bytes of an attribute, or of the list of them (no name); an errno. */
static inline ssize_t get_xattr(struct files_world *f, uint64_t node,
                                const char *name, void *to, size_t size)
{
	struct fuse_getxattr_in in = { .size = (uint32_t)size };
	char all[300];
	const void *data;
	size_t len = sizeof(in);
	int err;

	memcpy(all, &in, sizeof(in));
	if (name)
		len += (size_t)snprintf(all + len, sizeof(all) - len, "%s",
		                        name) +
		       1;
	err = kernel_wait(f->k,
	                  kernel_send(f->k,
	                              name ? FUSE_GETXATTR : FUSE_LISTXATTR,
	                              node, all, len),
	                  &data, &len, KERNEL_MS);
	if (err)
		return err;
	if (size == 0)
		return ((const struct fuse_getxattr_out *)data)->size;
	assert_true(len <= size);
	memcpy(to, data, len);
	return (ssize_t)len;
}

static inline int remove_xattr(struct files_world *f, uint64_t node,
                               const char *name)
{
	return kernel_wait_done(f->k, kernel_send(f->k, FUSE_REMOVEXATTR, node,
	                                          name, strlen(name) + 1));
}

/* Ask for a lock of the first 100 bytes. */
static inline uint64_t send_lock(struct files_world *f, uint64_t node,
                                 uint64_t fh, uint32_t op, uint32_t type)
{
	struct fuse_lk_in in = {
		.fh = fh,
		.owner = 5,
		.lk = { .start = 0, .end = 99, .type = type },
	};

	return kernel_send(f->k, op, node, &in, sizeof(in));
}

#endif
