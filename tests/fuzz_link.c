/*
 * fuzz_link: whatever a guest writes into a link, what is shown of it leads
 * where it leads in the guest, and never out of files/.
 *
 * The input is a byte for how deep the link lies, its target, a NUL, and where
 * the guest says that it leads. What is shown is walked name by name from the
 * link's directory, as the host does, and has to come to the same names as
 * what was meant, walked as the guest does.
 */
#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fs/link.h"
#include "ops/wire.h"

enum { DEPTH_FEW = 8, DEPTH_STEP = 32, MOST_NAMES = WIRE_PATH_MAX };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct name {
	const char *at; /* not ended; NULL: a directory above the link */
	size_t len;
};

struct walk {
	struct name names[MOST_NAMES];
	int n;
	bool left;   /* it went up from the root, where a guest stays */
	bool turned; /* it went up behind a name, whose link may be anything */
};

static bool is(const struct name *name, const char *what)
{
	return name->len == strlen(what) &&
	       memcmp(name->at, what, name->len) == 0;
}

static void walk(struct walk *w, const char *path, int depth)
{
	bool named = false;

	memset(w->names, 0, (size_t)depth * sizeof(w->names[0]));
	w->n = *path == '/' ? 0 : depth;
	w->left = w->turned = false;
	for (; *path; path += *path == '/') {
		struct name name = { path, strcspn(path, "/") };

		path += name.len;
		if (!name.len || is(&name, "."))
			continue;
		if (!is(&name, "..")) {
			assert(w->n < MOST_NAMES);
			w->names[w->n++] = name;
			named = true;
			continue;
		}
		w->turned = w->turned || named;
		w->left = w->left || w->n == 0;
		w->n -= w->n > 0;
	}
}

static void check_same(const struct walk *a, const struct walk *b)
{
	assert(a->n == b->n);
	for (int i = 0; i < a->n; i++) {
		const struct name *x = &a->names[i];
		const struct name *y = &b->names[i];

		assert(!x->at == !y->at && x->len == y->len);
		assert(!x->at || memcmp(x->at, y->at, x->len) == 0);
	}
}

static void try_link(const char *target, const char *resolved, int depth)
{
	static struct walk meant; /* large */
	static struct walk shown;
	struct buf b = BUF_INIT(WIRE_LINK_MAX);
	int err = link_show(target, resolved, depth, &b);
	const char *text = b.data ? b.data : "";

	walk(&meant, target, depth);
	if (meant.turned && *resolved) {
		walk(&meant, resolved, 0);
		target = resolved;
	}
	assert(err == 0 || err == -EFBIG);
	assert(b.len <= WIRE_LINK_MAX && strlen(text) == b.len);
	if (err) {
		assert(3 * (size_t)depth + strlen(target) > WIRE_LINK_MAX);
	} else {
		walk(&shown, text, depth);
		assert(*text != '/' && !shown.left && !shown.turned);
		check_same(&shown, &meant);
	}
	buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len;
	char *target;
	char *resolved;

	if (size == 0 || size > WIRE_PATH_MAX)
		return 0;
	/* Each in memory of its own, which ends where the text does. */
	len = strnlen((const char *)data + 1, size - 1);
	target = strndup((const char *)data + 1, len);
	len += len < size - 1;
	resolved = strndup((const char *)data + 1 + len, size - 1 - len);
	assert(target && resolved);
	try_link(target, resolved,
	         data[0] < 128 ? data[0] % DEPTH_FEW : data[0] * DEPTH_STEP);
	free(target);
	free(resolved);
	return 0;
}
