/*
 * litter: pieces in a tree by what they are, and in a row by their last use.
 *
 * Owns one reference to each piece that can be found. A piece that an open file
 * still refers to when it goes keeps its bytes until that is closed; only
 * pieces that can be found count against the bounds.
 */
#include "fs/litter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache/index.h"

struct litter {
	struct clock *clock;
	struct index pieces;
	struct piece *oldest;
	struct piece *newest;
	size_t n;
	size_t len; /* of all of them */
	uint64_t last_serial;
};

static int compare_pieces(const void *a, const void *b)
{
	const struct piece *x = a;
	const struct piece *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->of != y->of)
		return x->of < y->of ? -1 : 1;
	return strcmp(x->label.name, y->label.name);
}

struct litter *litter_new(struct clock *clock)
{
	struct litter *litter = calloc(1, sizeof(*litter));

	if (!litter)
		return NULL;
	litter->clock = clock;
	litter->pieces.compare = compare_pieces;
	return litter;
}

void litter_free(struct litter *litter)
{
	while (litter && litter->oldest)
		litter_remove(litter->oldest);
	free(litter);
}

/* ---- the row ---- */

static void put_last(struct litter *litter, struct piece *piece)
{
	piece->newer = NULL;
	piece->older = litter->newest;
	if (piece->older)
		piece->older->newer = piece;
	else
		litter->oldest = piece;
	litter->newest = piece;
}

static void take_out(struct litter *litter, struct piece *piece)
{
	if (piece->older)
		piece->older->newer = piece->newer;
	else
		litter->oldest = piece->newer;
	if (piece->newer)
		piece->newer->older = piece->older;
	else
		litter->newest = piece->older;
}

static void touch(struct piece *piece)
{
	take_out(piece->litter, piece);
	put_last(piece->litter, piece);
}

/* The newest one is in use and stays. */
static void keep_bounds(struct litter *litter)
{
	while ((litter->n > LITTER_N_MAX || litter->len > LITTER_MAX) &&
	       litter->oldest != litter->newest)
		litter_remove(litter->oldest);
}

/* ---- pieces ---- */

struct piece *litter_find(struct litter *litter, enum litter_kind kind,
                          uint64_t of, const char *name)
{
	struct piece like = { .label.name = name, .kind = kind, .of = of };
	struct piece *piece = index_find(&litter->pieces, &like);

	if (piece)
		touch(piece);
	return piece;
}

static void free_piece(struct label *label)
{
	struct piece *piece = (struct piece *)label;

	buf_free(&piece->data);
	free(piece);
}

struct piece *litter_add(struct litter *litter, enum litter_kind kind,
                         uint64_t of, const char *name)
{
	size_t size = strlen(name) + 1;
	struct piece *piece = calloc(1, sizeof(*piece) + size);

	if (!piece)
		return NULL;
	piece->label.refs = 1;
	piece->label.serial = ++litter->last_serial;
	piece->label.name = memcpy(piece + 1, name, size);
	piece->label.free = free_piece;
	piece->kind = kind;
	piece->of = of;
	piece->data.max = kind == LITTER_XATTR ? LITTER_XATTR_MAX
	                                       : LITTER_FILE_MAX;
	piece->changed = litter->clock->wall(litter->clock);
	if (index_add(&litter->pieces, piece)) {
		free(piece);
		return NULL;
	}
	piece->litter = litter;
	put_last(litter, piece);
	litter->n++;
	keep_bounds(litter);
	return piece;
}

void litter_remove(struct piece *piece)
{
	struct litter *litter = piece->litter;

	if (!litter)
		return;
	index_remove(&litter->pieces, piece);
	take_out(litter, piece);
	litter->n--;
	litter->len -= piece->data.len;
	piece->litter = NULL;
	label_unref(&piece->label);
}

int litter_resize(struct piece *piece, uint64_t size)
{
	struct buf *data = &piece->data;
	size_t before = data->len;
	char *room;

	if (size > data->max)
		return -EFBIG;
	if (size > data->len) {
		room = buf_room(data, (size_t)size - data->len);
		if (!room) {
			data->err = 0; /* what is there is whole */
			return -ENOMEM;
		}
		memset(room, 0, (size_t)size - data->len);
	}
	data->len = (size_t)size;
	if (!piece->litter)
		return 0;
	piece->changed = piece->litter->clock->wall(piece->litter->clock);
	piece->litter->len += data->len;
	piece->litter->len -= before;
	touch(piece);
	keep_bounds(piece->litter);
	return 0;
}

int litter_write(struct piece *piece, const void *data, size_t len,
                 uint64_t offset)
{
	uint64_t end = offset + len;
	int err;

	if (end < offset)
		return -EFBIG;
	err = litter_resize(piece,
	                    end > piece->data.len ? end : piece->data.len);
	if (!err && len)
		memcpy(piece->data.data + offset, data, len);
	return err;
}

void litter_forget(struct litter *litter, uint64_t of)
{
	struct piece *piece = litter->oldest;

	while (piece) {
		struct piece *next = piece->newer;

		if (piece->of == of)
			litter_remove(piece);
		piece = next;
	}
}

void litter_list(struct litter *litter, uint64_t of, struct buf *names)
{
	for (struct piece *p = litter->oldest; p; p = p->newer)
		if (p->kind == LITTER_XATTR && p->of == of)
			buf_add(names, p->label.name,
			        strlen(p->label.name) + 1);
}
