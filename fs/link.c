/*
 * link: from what a guest wrote into a link to what the host may follow.
 *
 * What is shown begins with at most `depth` times "..", and has no ".." behind
 * that: wherever the link's directory is, that many steps up end at files/.
 */
#include "fs/link.h"

#include <stdbool.h>
#include <string.h>

#include "ops/wire.h"

/* The next component of a path, and its length; NULL at the end. */
static const char *next(const char *path, size_t *len)
{
	path += strspn(path, "/");
	*len = strcspn(path, "/");
	return *len ? path : NULL;
}

static bool is_up(const char *name, size_t len)
{
	return len == 2 && name[0] == '.' && name[1] == '.';
}

static bool is_here(const char *name, size_t len)
{
	return len == 1 && name[0] == '.';
}

/* Count the ".." it begins with; *rest is what follows. */
static int leading_ups(const char *target, const char **rest)
{
	int ups = 0;
	size_t len;
	const char *name;

	*rest = target;
	while ((name = next(*rest, &len)) &&
	       (is_up(name, len) || is_here(name, len))) {
		ups += is_up(name, len);
		*rest = name + len;
	}
	return ups;
}

static bool has_up(const char *path)
{
	size_t len;

	for (const char *p = path; (p = next(p, &len)); p += len)
		if (is_up(p, len))
			return true;
	return false;
}

/* How far above its start a path climbs. */
static int climbs(const char *path)
{
	int ups = 0;
	int names = 0;
	size_t len;

	for (const char *p = path; (p = next(p, &len)); p += len) {
		if (is_here(p, len))
			continue;
		if (!is_up(p, len))
			names++;
		else if (names)
			names--;
		else
			ups++;
	}
	return ups;
}

/* Append a path's names behind `start` of b, each ".." taking one away. */
static void add_names(struct buf *b, size_t start, const char *path)
{
	size_t len;

	for (const char *p = path; (p = next(p, &len)); p += len) {
		if (is_here(p, len))
			continue;
		if (!is_up(p, len)) {
			if (b->len > start)
				buf_add(b, "/", 1);
			buf_add(b, p, len);
			continue;
		}
		while (b->len > start && b->data[b->len - 1] != '/')
			b->len--;
		if (b->len > start)
			b->len--;
		if (b->data)
			b->data[b->len] = '\0';
	}
}

int link_show(const char *target, const char *resolved, int depth,
              struct buf *b)
{
	const char *rest;
	bool absolute = target[0] == '/';
	int ups = leading_ups(target, &rest);
	size_t names;

	/* Most links are fine as they are. */
	if (!absolute && ups <= depth && !has_up(rest))
		return buf_adds(b, target);
	if (has_up(rest) && *resolved) {
		absolute = true;
		rest = resolved;
	}
	ups += climbs(rest);
	if (absolute)
		ups = depth;
	if (ups > depth)
		ups = depth;
	for (int i = 0; i < ups; i++)
		buf_adds(b, i ? "/.." : "..");
	if (ups)
		buf_add(b, "/", 1);
	names = b->len;
	add_names(b, names, rest);
	/* "../" leads there as well, but nobody writes it so. */
	if (b->len == names && ups && !b->err)
		b->data[--b->len] = '\0';
	if (b->len == 0)
		buf_add(b, ".", 1);
	return b->err;
}

size_t link_shown_len(const char *target, int depth)
{
	struct buf b = BUF_INIT(WIRE_LINK_MAX);
	const char *rest;
	size_t len = WIRE_LINK_MAX - 1;

	(void)leading_ups(target, &rest);
	if (!has_up(rest) && link_show(target, "", depth, &b) == 0)
		len = b.len;
	buf_free(&b);
	return len;
}
