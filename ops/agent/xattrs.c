/*
 * xattrs: extended attributes, ACLs among them.
 *
 * By handle through the descriptor, by path from the directory the name is in,
 * without following a link. Values pass through the agent's scratch.
 */
#include <errno.h>
#include <sys/xattr.h>

#include "ops/agent/attr.h"
#include "ops/agent/watch.h"

/* One call, by both ways. */
struct xattr_call {
	struct node node;
	char name[WIRE_NAME_MAX + 1];
	const void *value;
	size_t size;
	int flags;
};
typedef ssize_t xattr_by_fd(struct agent *agent, const struct xattr_call *c);
typedef ssize_t xattr_by_name(struct agent *agent, const struct xattr_call *c,
                              const char *name);

/* What the call returned or a negative errno. */
static ssize_t call(struct agent *agent, const struct xattr_call *c,
                    bool changes, xattr_by_fd *by_fd, xattr_by_name *by_name)
{
	struct place place;
	ssize_t n;

	if (c->node.handle) {
		if (changes)
			own_file(agent, c->node.handle);
		n = by_fd(agent, c);
		return n < 0 ? -errno : n;
	}
	n = place_find(agent, c->node.path, &place);
	if (n)
		return n;
	if (changes)
		own_attrs(agent, &place);
	n = attr_enter(&place);
	if (!n) {
		n = by_name(agent, c, *place.name ? place.name : ".");
		n = n < 0 ? -errno : n;
		attr_leave(agent);
	}
	place_leave(&place);
	return n;
}

/* The answer of what was asked with a size: data, or how much there is. */
static int put_value(struct agent *agent, struct request *rq, size_t size,
                     ssize_t n)
{
	if (n < 0)
		return (int)n;
	if (size == 0)
		wire_put_u32(&rq->out, (uint32_t)n);
	else
		wire_put_data(&rq->out, agent->scratch, (size_t)n);
	return 0;
}

static void get_size(struct wire_in *in, struct xattr_call *c)
{
	c->size = wire_get_u32(in);
	if (c->size > WIRE_XATTR_MAX)
		c->size = WIRE_XATTR_MAX;
}

static ssize_t get_by_fd(struct agent *agent, const struct xattr_call *c)
{
	return fgetxattr(c->node.handle->fd, c->name, agent->scratch, c->size);
}

static ssize_t get_by_name(struct agent *agent, const struct xattr_call *c,
                           const char *name)
{
	return lgetxattr(name, c->name, agent->scratch, c->size);
}

int xattrs_get(struct agent *agent, struct request *rq)
{
	struct xattr_call c;
	int err = node_get(agent, &rq->in, &c.node);

	wire_get_text(&rq->in, c.name, sizeof(c.name));
	get_size(&rq->in, &c);
	if (!wire_end(&rq->in))
		return -EBADMSG;
	if (err)
		return err;
	return put_value(agent, rq, c.size,
	                 call(agent, &c, false, get_by_fd, get_by_name));
}

static ssize_t list_by_fd(struct agent *agent, const struct xattr_call *c)
{
	return flistxattr(c->node.handle->fd, agent->scratch, c->size);
}

static ssize_t list_by_name(struct agent *agent, const struct xattr_call *c,
                            const char *name)
{
	return llistxattr(name, agent->scratch, c->size);
}

int xattrs_list(struct agent *agent, struct request *rq)
{
	struct xattr_call c;
	int err = node_get(agent, &rq->in, &c.node);

	get_size(&rq->in, &c);
	if (!wire_end(&rq->in))
		return -EBADMSG;
	if (err)
		return err;
	return put_value(agent, rq, c.size,
	                 call(agent, &c, false, list_by_fd, list_by_name));
}

static ssize_t set_by_fd(struct agent *agent, const struct xattr_call *c)
{
	(void)agent;
	return fsetxattr(c->node.handle->fd, c->name, c->value, c->size,
	                 c->flags);
}

static ssize_t set_by_name(struct agent *agent, const struct xattr_call *c,
                           const char *name)
{
	(void)agent;
	return lsetxattr(name, c->name, c->value, c->size, c->flags);
}

int xattrs_set(struct agent *agent, struct request *rq)
{
	struct xattr_call c;
	int err = node_get(agent, &rq->in, &c.node);

	wire_get_text(&rq->in, c.name, sizeof(c.name));
	c.value = wire_get_data(&rq->in, WIRE_XATTR_MAX, &c.size);
	c.flags = (int)(wire_get_u32(&rq->in) & INT32_MAX);
	if (!wire_end(&rq->in))
		return -EBADMSG;
	return err ? err : (int)call(agent, &c, true, set_by_fd, set_by_name);
}

static ssize_t remove_by_fd(struct agent *agent, const struct xattr_call *c)
{
	(void)agent;
	return fremovexattr(c->node.handle->fd, c->name);
}

static ssize_t remove_by_name(struct agent *agent, const struct xattr_call *c,
                              const char *name)
{
	(void)agent;
	return lremovexattr(name, c->name);
}

int xattrs_remove(struct agent *agent, struct request *rq)
{
	struct xattr_call c;
	int err = node_get(agent, &rq->in, &c.node);

	wire_get_text(&rq->in, c.name, sizeof(c.name));
	if (!wire_end(&rq->in))
		return -EBADMSG;
	return err ? err
	           : (int)call(agent, &c, true, remove_by_fd, remove_by_name);
}
