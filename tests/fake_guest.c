/*
 * fake_guest: a tree in memory, and the protocol around it.
 *
 * Requests are taken apart from the bytes that come, answered at once or, when
 * they are held, later; each answer goes through send_reply, where the faults
 * are. Output that the pipe does not take waits in memory without a bound: the
 * tests are the ones that make it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fake_guest.h"

enum {
	IN_SIZE = WIRE_HEADER + WIRE_BODY_MAX,
	N_FLOOD = 10000,
	ODD_ID = 0x7fff1234,
	FIRST_INO = 100,
};

static void *need(void *memory)
{
	if (!memory)
		abort(); /* nobody makes these allocations fail */
	return memory;
}

/* ---- the tree ---- */

static int find_name(const struct fake_guest *g, int dir, const char *name,
                     size_t len)
{
	for (size_t i = 0; i < g->n_names; i++)
		if (g->names[i].dir == dir && strlen(g->names[i].name) == len &&
		    memcmp(g->names[i].name, name, len) == 0)
			return (int)i;
	return -1;
}

int fake_guest_find(const struct fake_guest *g, const char *path)
{
	int node = FAKE_ROOT;

	while (*path && node >= 0) {
		size_t len = strcspn(path, "/");
		int name = find_name(g, node, path, len);

		node = name < 0 ? -1 : g->names[name].node;
		path += len;
		path += *path == '/';
	}
	return node;
}

/* The directory that a path's last name is in; *name is that. */
static int find_parent(const struct fake_guest *g, const char *path,
                       const char **name)
{
	const char *slash = strrchr(path, '/');
	char dir[WIRE_PATH_MAX];

	*name = slash ? slash + 1 : path;
	if (!slash)
		return FAKE_ROOT;
	snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
	return fake_guest_find(g, dir);
}

static void touch(struct fake_guest *g, int node)
{
	g->nodes[node].changed = ++g->now;
}

static void add_name(struct fake_guest *g, int dir, const char *name, int node)
{
	g->names =
		need(realloc(g->names, (g->n_names + 1) * sizeof(g->names[0])));
	g->names[g->n_names++] = (struct fake_name){
		.dir = dir, .node = node, .name = need(strdup(name))
	};
	g->nodes[node].nlink++;
	touch(g, node);
	touch(g, dir);
}

static bool is_open(const struct fake_guest *g, int node)
{
	for (int i = 0; i < FAKE_HANDLES; i++)
		if (g->handles[i].handle && g->handles[i].node == node)
			return true;
	return false;
}

static void drop_node(struct fake_guest *g, int node)
{
	if (g->nodes[node].nlink || is_open(g, node))
		return;
	free(g->nodes[node].data);
	g->nodes[node] = (struct fake_node){ 0 };
}

static void drop_name(struct fake_guest *g, int i)
{
	int node = g->names[i].node;

	touch(g, g->names[i].dir);
	touch(g, node);
	free(g->names[i].name);
	g->names[i] = g->names[--g->n_names];
	g->nodes[node].nlink--;
	drop_node(g, node);
}

static int new_node(struct fake_guest *g, uint32_t mode)
{
	int i = 0;

	while (i < FAKE_NODES && g->nodes[i].ino)
		i++;
	if (i == FAKE_NODES)
		abort();
	g->nodes[i].ino = g->reuse_ino ? g->reuse_ino : ++g->last_ino;
	g->reuse_ino = 0;
	g->nodes[i].mode = mode;
	g->nodes[i].uid = g->nodes[i].gid = FAKE_UID;
	return i;
}

static void set_data(struct fake_guest *g, int node, const void *data,
                     size_t len)
{
	struct fake_node *n = &g->nodes[node];

	free(n->data);
	n->data = need(malloc(len + 1));
	memcpy(n->data, data, len);
	n->data[len] = '\0';
	n->size = len;
	touch(g, node);
}

static int make(struct fake_guest *g, const char *path, uint32_t mode,
                const char *text)
{
	const char *name;
	char dir[WIRE_PATH_MAX];
	int parent;
	int node;

	if (strrchr(path, '/')) {
		snprintf(dir, sizeof(dir), "%.*s",
		         (int)(strrchr(path, '/') - path), path);
		if (fake_guest_find(g, dir) < 0)
			make(g, dir, S_IFDIR | 0755, NULL);
	}
	parent = find_parent(g, path, &name);
	node = new_node(g, mode);
	if (text)
		set_data(g, node, text, strlen(text));
	add_name(g, parent, name, node);
	return node;
}

int fake_guest_dir(struct fake_guest *g, const char *path)
{
	return make(g, path, S_IFDIR | 0755, NULL);
}

int fake_guest_file(struct fake_guest *g, const char *path, const char *text)
{
	return make(g, path, S_IFREG | 0644, text);
}

int fake_guest_symlink(struct fake_guest *g, const char *path,
                       const char *target)
{
	return make(g, path, S_IFLNK | 0777, target);
}

int fake_guest_hard_link(struct fake_guest *g, const char *path,
                         const char *other)
{
	int node = fake_guest_find(g, other);
	const char *name;
	int dir = find_parent(g, path, &name);

	add_name(g, dir, name, node);
	return node;
}

static void tell_parent(struct fake_guest *g, const char *path, uint32_t change)
{
	const char *name;
	int dir = find_parent(g, path, &name);

	if (dir >= 0 && g->nodes[dir].watch)
		fake_guest_changed(g, g->nodes[dir].watch, change, name);
}

void fake_guest_write(struct fake_guest *g, const char *path, const char *text)
{
	int node = fake_guest_find(g, path);
	uint32_t change = node < 0 ? WIRE_CHANGED_NAME : WIRE_CHANGED_FILE;

	if (node < 0)
		fake_guest_file(g, path, text);
	else
		set_data(g, node, text, strlen(text));
	tell_parent(g, path, change);
}

void fake_guest_remove(struct fake_guest *g, const char *path)
{
	const char *name;
	int dir = find_parent(g, path, &name);

	drop_name(g, find_name(g, dir, name, strlen(name)));
	tell_parent(g, path, WIRE_CHANGED_NAME);
}

void fake_guest_move(struct fake_guest *g, const char *path, const char *other)
{
	const char *name, *new_name;
	int dir = find_parent(g, path, &name);
	int new_dir = find_parent(g, other, &new_name);
	int at = find_name(g, dir, name, strlen(name));
	int node = g->names[at].node;

	g->nodes[node].nlink++; /* stays over the move */
	drop_name(g, at);
	at = find_name(g, new_dir, new_name, strlen(new_name));
	if (at >= 0)
		drop_name(g, at);
	add_name(g, new_dir, new_name, node);
	g->nodes[node].nlink--;
	if (g->nodes[dir].watch && g->nodes[new_dir].watch) {
		fake_guest_moved(g, g->nodes[dir].watch, name,
		                 g->nodes[new_dir].watch, new_name);
		return;
	}
	tell_parent(g, path, WIRE_CHANGED_NAME);
	tell_parent(g, other, WIRE_CHANGED_NAME);
}

/* ---- output ---- */

static void flush(struct fake_guest *g);

void fake_guest_spit(struct fake_guest *g, const void *bytes, size_t len)
{
	if (g->out_len + len > g->out_cap) {
		g->out_cap = (g->out_len + len) * 2;
		g->out = need(realloc(g->out, g->out_cap));
	}
	if (len)
		memcpy(g->out + g->out_len, bytes, len);
	g->out_len += len;
	flush(g);
}

void fake_guest_say(struct fake_guest *g, const struct wire_header *h,
                    const void *body)
{
	unsigned char *all = need(malloc(WIRE_HEADER + h->size));

	wire_put_header(h, all);
	if (h->size)
		memcpy(all + WIRE_HEADER, body, h->size);
	fake_guest_spit(g, all, WIRE_HEADER + h->size);
	free(all);
}

void fake_guest_changed(struct fake_guest *g, uint64_t watch, uint32_t change,
                        const char *name)
{
	unsigned char body[64 + WIRE_NAME_MAX];
	struct wire_out out = { .data = body, .size = sizeof(body) };

	wire_put_u64(&out, watch);
	wire_put_u32(&out, change);
	wire_put_text(&out, name);
	fake_guest_say(g,
	               &(struct wire_header){ .op = WIRE_CHANGED,
	                                      .size = (uint32_t)out.len },
	               body);
}

void fake_guest_moved(struct fake_guest *g, uint64_t watch, const char *name,
                      uint64_t new_watch, const char *new_name)
{
	unsigned char body[64 + 2 * WIRE_NAME_MAX];
	struct wire_out out = { .data = body, .size = sizeof(body) };

	wire_put_u64(&out, watch);
	wire_put_text(&out, name);
	wire_put_u64(&out, new_watch);
	wire_put_text(&out, new_name);
	fake_guest_say(g,
	               &(struct wire_header){ .op = WIRE_MOVED,
	                                      .size = (uint32_t)out.len },
	               body);
}

static void hello(struct fake_guest *g)
{
	unsigned char body[64];
	struct wire_out out = { .data = body, .size = sizeof(body) };
	bool old = g->fault == FAKE_OLD_HELLO;

	if (g->fault == FAKE_NO_HELLO)
		return;
	wire_put_u32(&out, old ? WIRE_VERSION + 1 : WIRE_VERSION);
	wire_put_u32(&out, 0);
	wire_put_text(&out, "boot");
	for (int i = 0; i < (g->fault == FAKE_TWO_HELLOS ? 2 : 1); i++)
		fake_guest_say(
			g,
			&(struct wire_header){ .op = WIRE_HELLO,
		                               .size = (uint32_t)out.len },
			body);
}

/* Keep a reply for later. */
static void keep(struct fake_guest *g, const struct wire_header *h,
                 const void *body, bool for_next)
{
	size_t len = WIRE_HEADER + h->size;

	g->kept = need(realloc(g->kept, g->kept_len + len));
	wire_put_header(h, g->kept + g->kept_len);
	if (h->size)
		memcpy(g->kept + g->kept_len + WIRE_HEADER, body, h->size);
	g->kept_len += len;
	g->kept_for_next = for_next;
}

void fake_guest_release(struct fake_guest *g)
{
	unsigned char *kept = g->kept;
	size_t len = g->kept_len;

	g->kept = NULL;
	g->kept_len = 0;
	g->kept_for_next = false;
	fake_guest_spit(g, kept, len);
	free(kept);
}

/* Send a reply with what is wrong with it. */
static void send_wrong(struct fake_guest *g, struct wire_header *h,
                       unsigned char *body)
{
	struct wire_header odd = { .op = WIRE_PING,
		                   .id = ODD_ID,
		                   .flags = WIRE_REPLY };
	unsigned char garbage[WIRE_HEADER];

	switch (g->fault) {
	case FAKE_LATE:
	case FAKE_REORDER:
		keep(g, h, body, g->fault == FAKE_REORDER);
		return;
	case FAKE_DUPLICATE:
		fake_guest_say(g, h, body);
		break;
	case FAKE_UNKNOWN_ID:
		fake_guest_say(g, &odd, NULL);
		break;
	case FAKE_WRONG_OP:
		h->op = h->op == WIRE_PING ? WIRE_STAT : WIRE_PING;
		break;
	case FAKE_GARBAGE:
		memset(garbage, 0xff, sizeof(garbage));
		fake_guest_spit(g, garbage, sizeof(garbage));
		return;
	case FAKE_OVERSIZE:
		h->size = WIRE_BODY_MAX + 1;
		wire_put_header(h, garbage);
		fake_guest_spit(g, garbage, sizeof(garbage));
		return;
	case FAKE_CUT:
		h->size -= h->size > 0;
		break;
	case FAKE_LONG:
		body[h->size++] = 0;
		break;
	case FAKE_MORE:
		h->flags |= WIRE_MORE;
		break;
	case FAKE_EVENT:
		fake_guest_changed(g, 1 << 30, WIRE_CHANGED_NAME, "x");
		break;
	case FAKE_FLOOD:
		for (int i = 0; i < N_FLOOD; i++)
			fake_guest_changed(g, (uint64_t)i, 15, "x");
		break;
	case FAKE_BAD_EVENT:
		odd = (struct wire_header){ .op = WIRE_CHANGED, .size = 1 };
		fake_guest_say(g, &odd, "x");
		break;
	case FAKE_REQUEST:
		odd.flags = 0;
		fake_guest_say(g, &odd, NULL);
		break;
	case FAKE_DIE:
		fake_guest_die(g);
		return;
	case FAKE_DIE_HALF:
		wire_put_header(h, garbage);
		fake_guest_spit(g, garbage, WIRE_HEADER / 2);
		fake_guest_die(g);
		return;
	case FAKE_HANG:
		g->hung = true;
		return;
	default:
		break;
	}
	fake_guest_say(g, h, body);
}

/* Send a reply whose body is in g->body. */
static void send_reply(struct fake_guest *g, const struct wire_header *asked,
                       int err, size_t len, bool more)
{
	struct wire_header h = {
		.size = err ? 0 : (uint32_t)len,
		.id = asked->id,
		.op = asked->op,
		.flags = WIRE_REPLY | (more ? WIRE_MORE : 0),
		.err = (uint32_t)err,
	};

	if (g->dead || g->hung)
		return;
	g->n_replies++;
	if (g->fault == FAKE_NONE || g->fault_after > 0) {
		g->fault_after -= g->fault_after > 0;
		fake_guest_say(g, &h, g->body);
		if (g->kept_for_next)
			fake_guest_release(g);
		return;
	}
	send_wrong(g, &h, g->body);
	if (g->fault_once)
		g->fault = FAKE_NONE;
}

/* ---- what is asked ---- */

static void put_attr(const struct fake_guest *g, struct wire_out *out, int node)
{
	const struct fake_node *n = &g->nodes[node];
	struct wire_attr attr = {
		.dev = 1,
		.ino = n->ino,
		.size = n->size,
		.blocks = (n->size + 511) / 512,
		.mode = n->mode,
		.nlink = n->nlink,
		.uid = n->uid,
		.gid = n->gid,
		.rdev = n->rdev,
		.blksize = 4096,
		.flags = n->flags | (*n->xattr ? WIRE_ATTR_XATTRS : 0),
		.atime = { .sec = 1 },
		.mtime = { .sec = 1700000000, .nsec = (uint32_t)n->changed },
		.ctime = { .sec = 1700000000, .nsec = (uint32_t)n->changed },
	};

	wire_put_attr(out, &attr);
}

static void put_target(const struct fake_guest *g, struct wire_out *out,
                       int node)
{
	const struct fake_node *n = &g->nodes[node];

	wire_put_text(out, S_ISLNK(n->mode) && n->data ? n->data : "");
}

/* A request being answered. */
struct job_of {
	struct fake_guest *g;
	const struct wire_header *h;
	struct wire_in in;
	struct wire_out out;
	char path[WIRE_PATH_MAX];
	char text[WIRE_PATH_MAX];
	int node;
};

static int handle_node(const struct fake_guest *g, uint64_t handle)
{
	for (int i = 0; handle && i < FAKE_HANDLES; i++)
		if (g->handles[i].handle == handle)
			return g->handles[i].node;
	return -1;
}

static uint64_t new_handle(struct fake_guest *g, int node)
{
	for (int i = 0; i < FAKE_HANDLES; i++)
		if (!g->handles[i].handle) {
			g->handles[i].handle = ++g->last_handle;
			g->handles[i].node = node;
			return g->last_handle;
		}
	abort();
}

static void close_handle(struct fake_guest *g, uint64_t handle)
{
	for (int i = 0; i < FAKE_HANDLES; i++)
		if (handle && g->handles[i].handle == handle) {
			g->handles[i].handle = 0;
			drop_node(g, g->handles[i].node);
		}
}

/* A path; 0 and j->node, or ENOENT. */
static int get_path(struct job_of *j)
{
	wire_get_text(&j->in, j->path, sizeof(j->path));
	if (!wire_path_ok(j->path))
		return EINVAL;
	j->node = fake_guest_find(j->g, j->path);
	return j->node < 0 ? ENOENT : 0;
}

/* A path and a handle. */
static int get_node(struct job_of *j)
{
	int err = get_path(j);
	uint64_t handle = wire_get_u64(&j->in);

	if (!handle)
		return err;
	j->node = handle_node(j->g, handle);
	return j->node < 0 ? EBADF : 0;
}

static int get_handle(struct job_of *j)
{
	j->node = handle_node(j->g, wire_get_u64(&j->in));
	return j->node < 0 ? EBADF : 0;
}

static void on_list_request(struct job_of *j)
{
	struct fake_guest *g = j->g;
	uint64_t watch = wire_get_u64(&j->in);
	uint32_t most = wire_get_u32(&j->in);
	uint32_t n = 0;
	uint32_t total = 0;
	unsigned char count[4];
	struct wire_out c = { .data = count, .size = 4 };
	bool complete = true;

	if (watch && !g->not_watched)
		g->nodes[j->node].watch = watch;
	j->out.len = 4;
	for (size_t i = 0; i < g->n_names; i++) {
		if (g->names[i].dir != j->node)
			continue;
		if (total++ == most) {
			complete = false;
			break;
		}
		if (n == g->list_part) {
			wire_put_u32(&c, n);
			memcpy(j->out.data, count, 4);
			send_reply(g, j->h, 0, j->out.len, true);
			j->out.len = 4;
			c.len = 0;
			n = 0;
		}
		wire_put_text(&j->out, g->names[i].name);
		put_attr(g, &j->out, g->names[i].node);
		put_target(g, &j->out, g->names[i].node);
		n++;
	}
	wire_put_u32(&c, n);
	memcpy(j->out.data, count, 4);
	put_attr(g, &j->out, j->node);
	wire_put_u8(&j->out, complete);
	wire_put_u8(&j->out, watch && !g->not_watched);
}

static int do_open(struct job_of *j)
{
	struct fake_node *n = &j->g->nodes[j->node];
	uint32_t flags = wire_get_u32(&j->in);
	uint32_t want = wire_get_u32(&j->in);

	j->g->last_flags = flags;
	if (!S_ISREG(n->mode))
		return S_ISDIR(n->mode) ? EISDIR : ELOOP;
	if (flags & WIRE_O_TRUNC)
		set_data(j->g, j->node, "", 0);
	wire_put_u64(&j->out, new_handle(j->g, j->node));
	put_attr(j->g, &j->out, j->node);
	wire_put_data(&j->out, n->data ? n->data : "",
	              n->size <= want ? n->size : 0);
	return 0;
}

static int do_make(struct job_of *j, uint32_t type)
{
	struct fake_guest *g = j->g;
	const char *name;
	uint32_t mode;
	uint32_t uid;

	if (j->node >= 0)
		return EEXIST;
	j->node = find_parent(g, j->path, &name);
	if (j->node < 0)
		return ENOENT;
	if (j->h->op == WIRE_CREATE)
		(void)wire_get_u32(&j->in);
	if (j->h->op == WIRE_SYMLINK)
		wire_get_text(&j->in, j->text, sizeof(j->text));
	mode = j->h->op == WIRE_SYMLINK ? 0777 : wire_get_u32(&j->in);
	if (j->h->op == WIRE_MKNOD)
		(void)wire_get_u32(&j->in);
	uid = wire_get_u32(&j->in);
	(void)wire_get_u32(&j->in);
	(void)wire_get_u32(&j->in);
	j->node = make(g, j->path, type | mode,
	               j->h->op == WIRE_SYMLINK ? j->text : NULL);
	if (uid != WIRE_OWNER_PARENT)
		g->nodes[j->node].uid = uid;
	if (j->h->op == WIRE_CREATE)
		wire_put_u64(&j->out, new_handle(g, j->node));
	put_attr(g, &j->out, j->node);
	return 0;
}

static int do_write(struct job_of *j)
{
	struct fake_node *n = &j->g->nodes[j->node];
	uint64_t offset = wire_get_u64(&j->in);
	uint8_t exact = wire_get_u8(&j->in);
	size_t len;
	const void *data = wire_get_data(&j->in, WIRE_DATA_MAX, &len);

	(void)exact; /* no handle appends here */
	if (j->g->most_written && len > j->g->most_written)
		len = j->g->most_written;
	if (offset + len > n->size) {
		n->data = need(realloc(n->data, offset + len + 1));
		memset(n->data + n->size, 0, offset + len + 1 - n->size);
		n->size = offset + len;
	}
	if (len)
		memcpy(n->data + offset, data, len);
	touch(j->g, j->node);
	wire_put_u32(&j->out, (uint32_t)len);
	return 0;
}

static int do_read(struct job_of *j)
{
	const struct fake_node *n = &j->g->nodes[j->node];
	uint64_t offset = wire_get_u64(&j->in);
	size_t size = wire_get_u32(&j->in);

	if (offset > n->size)
		offset = n->size;
	if (size > n->size - offset)
		size = n->size - offset;
	wire_put_data(&j->out, n->data ? n->data + offset : "", size);
	return 0;
}

static int do_setattr(struct job_of *j)
{
	struct fake_node *n = &j->g->nodes[j->node];
	uint32_t set = wire_get_u32(&j->in);
	uint32_t mode = wire_get_u32(&j->in);
	uint32_t uid = wire_get_u32(&j->in);
	uint32_t gid = wire_get_u32(&j->in);
	uint64_t size = wire_get_u64(&j->in);

	if (set & WIRE_SET_MODE)
		n->mode = (n->mode & S_IFMT) | mode;
	/* Nobody's number leaves the owner as he is. */
	if (set & WIRE_SET_UID && uid != (uint32_t)-1)
		n->uid = uid;
	if (set & WIRE_SET_GID && gid != (uint32_t)-1)
		n->gid = gid;
	if (set & WIRE_SET_SIZE) {
		n->data = need(realloc(n->data, size + 1));
		if (size > n->size)
			memset(n->data + n->size, 0, size - n->size);
		n->size = size;
	}
	touch(j->g, j->node);
	put_attr(j->g, &j->out, j->node);
	return 0;
}

static int do_remove(struct job_of *j)
{
	const char *name;
	int dir = find_parent(j->g, j->path, &name);
	bool is_dir = S_ISDIR(j->g->nodes[j->node].mode);

	if (is_dir != (j->h->op == WIRE_RMDIR))
		return is_dir ? EISDIR : ENOTDIR;
	for (size_t i = 0; is_dir && i < j->g->n_names; i++)
		if (j->g->names[i].dir == j->node)
			return ENOTEMPTY;
	drop_name(j->g, find_name(j->g, dir, name, strlen(name)));
	return 0;
}

static int do_rename(struct job_of *j)
{
	struct fake_guest *g = j->g;
	const char *name;
	const char *new_name;
	uint32_t flags;
	int dir = find_parent(g, j->path, &name);
	int new_dir;
	int at;

	wire_get_text(&j->in, j->text, sizeof(j->text));
	flags = wire_get_u32(&j->in);
	new_dir = find_parent(g, j->text, &new_name);
	if (new_dir < 0)
		return ENOENT;
	at = find_name(g, new_dir, new_name, strlen(new_name));
	if (flags & WIRE_RENAME_NOREPLACE && at >= 0)
		return EEXIST;
	if (flags & WIRE_RENAME_EXCHANGE) {
		if (at < 0)
			return ENOENT;
		dir = find_name(g, dir, name, strlen(name));
		g->names[dir].node = g->names[at].node;
		g->names[at].node = j->node;
		return 0;
	}
	if (at >= 0 && g->names[at].node == j->node)
		return 0;
	g->nodes[j->node].nlink++;
	if (at >= 0)
		drop_name(g, at);
	drop_name(g, find_name(g, dir, name, strlen(name)));
	add_name(g, new_dir, new_name, j->node);
	g->nodes[j->node].nlink--;
	return 0;
}

static int do_link(struct job_of *j)
{
	const char *name;
	int dir;

	wire_get_text(&j->in, j->text, sizeof(j->text));
	if (fake_guest_find(j->g, j->text) >= 0)
		return EEXIST;
	dir = find_parent(j->g, j->text, &name);
	if (dir < 0)
		return ENOENT;
	add_name(j->g, dir, name, j->node);
	put_attr(j->g, &j->out, j->node);
	return 0;
}

static int do_xattr(struct job_of *j)
{
	struct fake_node *n = &j->g->nodes[j->node];
	uint32_t op = j->h->op;
	const void *value;
	uint32_t size;
	size_t len;

	if (op != WIRE_LISTXATTR)
		wire_get_text(&j->in, j->text, sizeof(j->text));
	if (op == WIRE_REMOVEXATTR) {
		*n->xattr = '\0';
		return 0;
	}
	if (op == WIRE_SETXATTR) {
		value = wire_get_data(&j->in, sizeof(n->xattr) - 1, &len);
		snprintf(n->xattr, sizeof(n->xattr), "%.*s", (int)len,
		         value ? (const char *)value : "");
		return 0;
	}
	size = wire_get_u32(&j->in);
	if (op == WIRE_GETXATTR && !*n->xattr)
		return ENODATA;
	len = op == WIRE_GETXATTR ? strlen(n->xattr) : *n->xattr ? 7 : 0;
	if (!size)
		wire_put_u32(&j->out, (uint32_t)len);
	else if (size < len)
		return ERANGE;
	else
		wire_put_data(&j->out,
		              op == WIRE_GETXATTR ? n->xattr : "user.a", len);
	return 0;
}

static int do_copy(struct job_of *j)
{
	uint64_t offset = wire_get_u64(&j->in);
	int to = handle_node(j->g, wire_get_u64(&j->in));
	uint64_t to_offset = wire_get_u64(&j->in);
	uint64_t len = wire_get_u64(&j->in);
	const struct fake_node *n = &j->g->nodes[j->node];

	if (to < 0 || to_offset)
		return EBADF;
	len = offset >= n->size ? 0 : len;
	if (len > n->size - offset)
		len = n->size - offset;
	if (len)
		set_data(j->g, to, n->data + offset, (size_t)len);
	wire_put_u64(&j->out, len);
	return 0;
}

/* Those with a handle. */
static int do_handled(struct job_of *j)
{
	int err = get_handle(j);

	if (err)
		return err;
	switch (j->h->op) {
	case WIRE_READ:
		return do_read(j);
	case WIRE_WRITE:
		return do_write(j);
	case WIRE_SEEK:
		wire_put_u64(&j->out, wire_get_u64(&j->in));
		return 0;
	case WIRE_COPY:
		return do_copy(j);
	case WIRE_GETLK:
		wire_put_u32(&j->out, j->g->lock.type);
		wire_put_u64(&j->out, j->g->lock.start);
		wire_put_u64(&j->out, j->g->lock.end);
		wire_put_u32(&j->out, j->g->lock.pid);
		return 0;
	default:
		return 0;
	}
}

static bool is_pathed(uint16_t op)
{
	return op == WIRE_STAT || op == WIRE_LIST || op == WIRE_READLINK ||
	       op == WIRE_UNLINK || op == WIRE_RMDIR || op == WIRE_RENAME;
}

/* Those that need a path. */
static int do_pathed(struct job_of *j)
{
	switch (j->h->op) {
	case WIRE_STAT:
		put_attr(j->g, &j->out, j->node);
		put_target(j->g, &j->out, j->node);
		return 0;
	case WIRE_LIST:
		if (!S_ISDIR(j->g->nodes[j->node].mode))
			return ENOTDIR;
		on_list_request(j);
		return 0;
	case WIRE_READLINK:
		put_target(j->g, &j->out, j->node);
		wire_put_text(&j->out, j->g->resolved ? j->g->resolved : "");
		return 0;
	case WIRE_UNLINK:
	case WIRE_RMDIR:
		return do_remove(j);
	case WIRE_RENAME:
		return do_rename(j);
	default:
		return EOPNOTSUPP;
	}
}

/* Those with a path and a handle. */
static int do_noded(struct job_of *j)
{
	switch (j->h->op) {
	case WIRE_GETATTR:
		put_attr(j->g, &j->out, j->node);
		return 0;
	case WIRE_SETATTR:
		return do_setattr(j);
	case WIRE_OPEN:
		return do_open(j);
	case WIRE_STATFS:
		for (int i = 0; i < 5; i++)
			wire_put_u64(&j->out, 1000);
		wire_put_u32(&j->out, 4096);
		wire_put_u32(&j->out, 255);
		return 0;
	case WIRE_LINK:
		return do_link(j);
	default:
		return do_xattr(j);
	}
}

static int carry_out(struct job_of *j)
{
	int err;

	switch (j->h->op) {
	case WIRE_CREATE:
		(void)get_path(j);
		return do_make(j, S_IFREG);
	case WIRE_MKNOD:
		(void)get_path(j);
		return do_make(j, 0);
	case WIRE_MKDIR:
		(void)get_path(j);
		return do_make(j, S_IFDIR);
	case WIRE_SYMLINK:
		(void)get_path(j);
		return do_make(j, S_IFLNK);
	case WIRE_PING:
		return 0;
	case WIRE_OPEN:
	case WIRE_GETATTR:
	case WIRE_SETATTR:
	case WIRE_LINK:
	case WIRE_STATFS:
	case WIRE_GETXATTR:
	case WIRE_SETXATTR:
	case WIRE_LISTXATTR:
	case WIRE_REMOVEXATTR:
		err = get_node(j);
		return err ? err : do_noded(j);
	default:
		break;
	}
	if (!is_pathed(j->h->op))
		return do_handled(j);
	err = get_path(j);
	return err ? err : do_pathed(j);
}

static void answer(struct fake_guest *g, const struct fake_request *r)
{
	static struct job_of j; /* large */
	int err = g->err[r->h.op];

	j.g = g;
	j.h = &r->h;
	j.in = (struct wire_in){ .data = r->body, .len = r->h.size };
	j.out = (struct wire_out){ .data = g->body, .size = WIRE_BODY_MAX };
	if (!err)
		err = carry_out(&j);
	if (j.out.over)
		abort();
	send_reply(g, &r->h, err, j.out.len, false);
}

static void request_done(struct fake_request *r)
{
	free(r->body);
	free(r);
}

/* The lock that waits under that id gives up. */
static void cancel(struct fake_guest *g, uint32_t id)
{
	struct fake_request **at = &g->waiting;

	g->n_cancelled++;
	while (*at && (*at)->h.id != id)
		at = &(*at)->next;
	if (*at) {
		struct fake_request *r = *at;

		*at = r->next;
		send_reply(g, &r->h, EINTR, 0, false);
		request_done(r);
	}
}

static bool has_to_wait(const struct fake_guest *g, const struct wire_header *h)
{
	bool lock = h->op == WIRE_SETLK || h->op == WIRE_FLOCK;

	return g->hold == -1 || g->hold == h->op || (g->locked && lock);
}

static void on_request(struct fake_guest *g, const struct wire_header *h,
                       const unsigned char *body)
{
	struct wire_in in = { .data = body, .len = h->size };
	struct fake_request **at = &g->waiting;
	struct fake_request *r;

	g->n_seen[h->op]++;
	if (h->op == WIRE_CLOSE)
		close_handle(g, wire_get_u64(&in));
	if (h->op == WIRE_CANCEL)
		cancel(g, wire_get_u32(&in));
	if (h->op == WIRE_CLOSE || h->op == WIRE_CANCEL ||
	    h->op == WIRE_UNWATCH)
		return;
	r = need(calloc(1, sizeof(*r)));
	r->h = *h;
	r->body = need(malloc(h->size + 1));
	memcpy(r->body, body, h->size);
	if (!has_to_wait(g, h)) {
		answer(g, r);
		request_done(r);
		return;
	}
	while (*at)
		at = &(*at)->next;
	*at = r;
}

unsigned fake_guest_n_waiting(const struct fake_guest *g)
{
	unsigned n = 0;

	for (const struct fake_request *r = g->waiting; r; r = r->next)
		n++;
	return n;
}

void fake_guest_answer(struct fake_guest *g, unsigned i)
{
	struct fake_request **at = &g->waiting;
	struct fake_request *r;

	while (*at && i-- > 0)
		at = &(*at)->next;
	r = *at;
	if (!r)
		fail_msg("no such request waits in the guest");
	*at = r->next;
	answer(g, r);
	request_done(r);
}

void fake_guest_answer_all(struct fake_guest *g)
{
	while (g->waiting)
		fake_guest_answer(g, 0);
}

/* ---- input ---- */

static void take_messages(struct fake_guest *g)
{
	size_t at = 0;
	struct wire_header h;

	while (!g->dead && g->in_len - at >= WIRE_HEADER) {
		if (!wire_get_header(g->in + at, &h) || !h.id ||
		    h.flags & WIRE_REPLY)
			abort(); /* the daemon never sends that */
		if (g->in_len - at - WIRE_HEADER < h.size)
			break;
		on_request(g, &h, g->in + at + WIRE_HEADER);
		at += WIRE_HEADER + h.size;
	}
	if (g->dead)
		return; /* it died of one */
	g->in_len -= at;
	memmove(g->in, g->in + at, g->in_len);
}

/* Read what there is. false: the end. */
static bool read_some(struct fake_guest *g)
{
	size_t room = g->image_left && g->image_left < IN_SIZE ? g->image_left
	                                                       : IN_SIZE;
	ssize_t n = read(g->in_fd, g->in + g->in_len,
	                 g->image_left ? room : IN_SIZE - g->in_len);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0)
		return false;
	if (g->image_left) {
		g->image_left -= (size_t)n;
		if (!g->image_left)
			hello(g);
		return true;
	}
	g->in_len += (size_t)n;
	take_messages(g);
	return true;
}

/* ---- on a loop ---- */

static void on_poll_closed(uv_handle_t *handle)
{
	free(handle);
}

static void end(struct fake_guest *g)
{
	void (*on_end)(void *arg) = g->on_end;
	struct fake_request *r;

	g->dead = true;
	g->on_end = NULL;
	for (int i = 0; i < 2; i++)
		if (g->polls[i])
			uv_close((uv_handle_t *)g->polls[i], on_poll_closed);
	g->polls[0] = g->polls[1] = NULL;
	if (g->in_fd >= 0)
		close(g->in_fd);
	if (g->out_fd >= 0)
		close(g->out_fd);
	g->in_fd = g->out_fd = -1;
	while ((r = g->waiting)) {
		g->waiting = r->next;
		request_done(r);
	}
	for (int i = 0; i < FAKE_HANDLES; i++)
		close_handle(g, g->handles[i].handle);
	g->in_len = g->out_len = g->kept_len = 0;
	if (on_end)
		on_end(g->arg);
}

void fake_guest_die(struct fake_guest *g)
{
	if (!g->dead)
		end(g);
}

static void on_out(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	flush(poll->data);
}

static void flush(struct fake_guest *g)
{
	size_t at = 0;

	while (g->out_fd >= 0 && at < g->out_len) {
		ssize_t n = write(g->out_fd, g->out + at, g->out_len - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			at = g->out_len; /* nobody listens */
			break;
		}
		at += (size_t)n;
	}
	g->out_len -= at;
	memmove(g->out, g->out + at, g->out_len);
	if (g->polls[1] && g->out_len)
		uv_poll_start(g->polls[1], UV_WRITABLE, on_out);
	else if (g->polls[1])
		uv_poll_stop(g->polls[1]);
}

static void on_in(uv_poll_t *poll, int status, int events)
{
	struct fake_guest *g = poll->data;

	(void)status;
	(void)events;
	if (g->deaf)
		uv_poll_stop(poll);
	else if (!read_some(g))
		fake_guest_die(g);
}

static uv_poll_t *new_poll(struct fake_guest *g, uv_loop_t *loop, int fd)
{
	uv_poll_t *poll = need(calloc(1, sizeof(*poll)));

	assert_int_equal(uv_poll_init(loop, poll, fd), 0);
	poll->data = g;
	return poll;
}

static int copy_of(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	assert_true(copy >= 0);
	assert_int_equal(fcntl(copy, F_SETFL, O_NONBLOCK), 0);
	return copy;
}

void fake_guest_serve(struct fake_guest *g, uv_loop_t *loop, int in_fd,
                      int out_fd, size_t image_len, void (*on_end)(void *arg),
                      void *arg)
{
	assert_true(g->dead);
	g->dead = g->hung = false;
	g->in_fd = copy_of(in_fd);
	g->out_fd = copy_of(out_fd);
	g->image_left = image_len;
	g->on_end = on_end;
	g->arg = arg;
	g->polls[0] = new_poll(g, loop, g->in_fd);
	g->polls[1] = new_poll(g, loop, g->out_fd);
	fake_guest_listen(g, loop);
	for (int i = 0; i < FAKE_NODES; i++)
		g->nodes[i].watch = 0;
}

void fake_guest_listen(struct fake_guest *g, uv_loop_t *loop)
{
	(void)loop;
	g->deaf = false;
	assert_int_equal(uv_poll_start(g->polls[0], UV_READABLE, on_in), 0);
}

/* ---- life ---- */

struct fake_guest *fake_guest_new(void)
{
	struct fake_guest *g = need(calloc(1, sizeof(*g)));

	g->dead = true;
	g->in_fd = g->out_fd = -1;
	g->list_part = 64;
	g->lock.type = 2;
	g->lock.end = INT64_MAX;
	g->last_ino = FIRST_INO;
	g->in = need(malloc(IN_SIZE));
	g->body = need(malloc(WIRE_BODY_MAX + 1));
	g->nodes[new_node(g, S_IFDIR | 0755)].nlink = 2;
	return g;
}

void fake_guest_free(struct fake_guest *g)
{
	fake_guest_die(g);
	for (size_t i = 0; i < g->n_names; i++)
		free(g->names[i].name);
	for (int i = 0; i < FAKE_NODES; i++)
		free(g->nodes[i].data);
	free(g->names);
	free(g->in);
	free(g->out);
	free(g->kept);
	free(g->body);
	free(g);
}

/* ---- as a process ---- */

int fake_guest_main(int argc, char **argv)
{
	struct fake_guest *g = fake_guest_new();

	if (argc < 2)
		return 2;
	g->image_left = strtoul(argv[0], NULL, 10);
	g->fault = (enum fake_fault)strtoul(argv[1], NULL, 10);
	g->fault_after = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
	fake_guest_file(g, "etc/hosts", "127.0.0.1 localhost\n");
	g->dead = false;
	g->in_fd = STDIN_FILENO;
	g->out_fd = STDOUT_FILENO;
	while (!g->dead && read_some(g))
		;
	fake_guest_free(g);
	return 0;
}
