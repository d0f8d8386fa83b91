/*
 * archive: a machine written to a file, or made of one.
 *
 *	call = { .name = "web", .path = "/tmp/spool/web.tar.zst" };
 *	archive_export(&spec, &m->archive, on_exported, m);
 *	...
 *	archive_cancel(m->archive);	somebody lost interest
 *
 * Both end by calling done exactly once, possibly before they return. Until
 * then *handle is what archive_cancel takes; it is NULL again before done is
 * called. err as in ops/engine.h; -ECANCELED after archive_cancel; why is one
 * line, "" on success.
 *
 * An export has no fixed time: it may take hours. It is ended with -ETIMEDOUT
 * when its file has not grown for ARCHIVE_STILL_MS. An import has
 * ARCHIVE_IMPORT_MS and a second more for every ARCHIVE_IMPORT_RATE bytes of the
 * archive, since nothing shows how far it has got.
 */
#ifndef ORBFS_OPS_ARCHIVE_H
#define ORBFS_OPS_ARCHIVE_H

#include "ops/clock.h"
#include "ops/engine.h"

struct archive;

enum {
	ARCHIVE_STILL_MS = 120000,
	ARCHIVE_IMPORT_MS = 240000,
	ARCHIVE_IMPORT_RATE = 4 << 20,
};

struct archive_spec {
	struct engine *engine;
	struct clock *clock;
	const char *name; /* of the machine; copied */
	const char *path; /* of the file, absolute; copied */
};

/*
 * Write the machine to the file, which the engine makes. Whatever the end, the
 * file is the caller's to remove. Whether it may be read while it grows says
 * engine_streams_exports. A cancelled export ends by TERM, then KILL.
 */
void archive_export(const struct archive_spec *spec, struct archive **handle,
                    engine_act_fn *done, void *arg);

/*
 * Make a machine of that name of the file, which has to be whole. -EEXIST: the
 * name is taken. A failed or cancelled import leaves no machine: what came of it
 * is deleted by its id, unless it runs; then why says so. A machine that was
 * there before is never touched.
 */
void archive_import(const struct archive_spec *spec, struct archive **handle,
                    engine_act_fn *done, void *arg);

/* Ask for the end; done follows. NULL is allowed, and so is calling it again. */
void archive_cancel(struct archive *archive);

#endif
