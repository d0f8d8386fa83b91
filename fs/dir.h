/*
 * dir: what the kinds of directory hold, and their listings.
 *
 * What a directory always holds is in the table of fs/entry.c. What comes and
 * goes in it, and what may be made or removed there, is up to functions of that
 * kind of directory: a struct dir_kind, one for each in dir.c. A new kind is
 * its rows, its functions and a line in that table.
 *
 * A listing gives the rows of the table, then the names that come and go, each
 * with a cookie; so it goes on rightly whatever came and went since the part
 * before.
 */
#ifndef ORBFS_FS_DIR_H
#define ORBFS_FS_DIR_H

#include <limits.h>

#include "fs/request.h"

/* A name that came, for a listing. */
struct dir_name {
	uint64_t cookie;           /* grows; never 0 */
	const char *name;          /* valid until the next call */
	const struct entry *entry; /* NULL: a machine's directory */
	struct member *m;
	const struct label *label; /* of what it leads to; NULL: it has none */
	/* Room for a label that is not at hand. */
	struct label made;
	char text[NAME_MAX + 32];
};

/* All may be NULL: there is no such name, and none may be made or removed. In
 * all of them rq->node is the directory and rq->text the name, which is not one
 * of the table's; rq is taken. */
struct dir_kind {
	void (*lookup)(struct request *rq);
	/* Before the first part of a listing: get what is to be listed. */
	void (*ready)(struct request *rq, slot_fn *done);
	/* When what comes and goes did last, as far as is known. NULL: the
	 * text of the directory's entry tells. */
	struct timespec (*changed)(struct fs *fs);
	/* The first name behind name->cookie, 0 for the very first. false:
	 * there is none. */
	bool (*next)(struct fs *fs, const struct node *dir,
	             struct dir_name *name);
	void (*mkdir)(struct request *rq);
	/* rq->size is the pid of who asks. Also for names of the table. */
	void (*rmdir)(struct request *rq);
	void (*unlink)(struct request *rq);
	/* To new_name in the directory rq->other; flags are RENAME_*. */
	void (*rename)(struct request *rq, const char *new_name,
	               unsigned flags);
	/* Make a file and open it, with rq->fi; reply_create answers. */
	void (*create)(struct request *rq);
};

/* How the directory behaves; never NULL. */
const struct dir_kind *dir_kind(const struct node *dir);

/* A listing may have to be got ready first. */
void dir_open(struct request *rq);
/* The kernel asks for the attributes before it gives a listing that it has
 * kept, which holds as long as the directory's time: so that is made as fresh
 * as the listing would be, unless there cannot have been any. */
void dir_getattr(struct request *rq);
/* rq->size and rq->offset say which part. plus: with attributes. */
void dir_read(struct request *rq, bool plus);

/* Answer a lookup with the node of a name that came: of the row for such names
 * of that type, told apart by label, which may be NULL and is borrowed. */
void dir_reply(struct request *rq, mode_t type, struct member *m,
               struct label *label);

#endif
