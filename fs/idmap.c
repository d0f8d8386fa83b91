/*
 * idmap: find the numbers of a machine's default user, and exchange them.
 *
 * Owns the wait for them: one question to the engine (for the name) and one to
 * the guest (for the numbers), for all who come meanwhile. When either fails,
 * who waits fails, and the next one asks again: numbers that are shown as they
 * are where others were asked for would give files to the wrong user.
 */
#include "fs/idmap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/files.h"
#include "fs/fs.h"

enum { LINE_MOST = 1024 };

bool idmap_is_ready(const struct files *files)
{
	return !files->fs->spec.map_user || files->idmap.known;
}

static uint32_t exchange(uint32_t id, uint32_t guests, uint32_t ours)
{
	if (id == guests)
		return ours;
	return id == ours ? guests : id;
}

uint32_t idmap_uid(const struct files *files, uint32_t uid)
{
	const struct idmap *map = &files->idmap;

	return map->known ? exchange(uid, map->uid, files->fs->spec.uid) : uid;
}

uint32_t idmap_gid(const struct files *files, uint32_t gid)
{
	const struct idmap *map = &files->idmap;

	return map->known ? exchange(gid, map->gid, files->fs->spec.gid) : gid;
}

/* ---- the guest's passwd ---- */

/* Is this line that user's? Then take the numbers. */
static bool take_line(const char *line, const char *user, uint32_t *uid,
                      uint32_t *gid)
{
	size_t len = strlen(user);
	unsigned u;
	unsigned g;
	char end = '\0';

	if (strncmp(line, user, len) != 0 || line[len] != ':')
		return false;
	if (sscanf(line + len, ":%*[^:]:%10u:%10u%c", &u, &g, &end) != 3 &&
	    sscanf(line + len, "::%10u:%10u%c", &u, &g, &end) != 3)
		return false;
	if (end != ':')
		return false;
	*uid = u;
	*gid = g;
	return true;
}

bool idmap_find(const char *text, size_t len, const char *user, uint32_t *uid,
                uint32_t *gid)
{
	while (len) {
		const char *end = memchr(text, '\n', len);
		size_t n = end ? (size_t)(end - text) : len;
		char line[LINE_MOST];

		snprintf(line, sizeof(line), "%.*s",
		         (int)(n < sizeof(line) ? n : sizeof(line) - 1), text);
		if (take_line(line, user, uid, gid))
			return true;
		n += end != NULL;
		text += n;
		len -= n;
	}
	return false;
}

/* ---- asking ---- */

static void wake(struct files *files, int err)
{
	struct request *waiting = files->idmap.waiting;

	files->idmap.waiting = NULL;
	files->idmap.asked = false;
	while (waiting) {
		struct request *rq = waiting;

		waiting = rq->next_waiting;
		if (err || request_is_answered(rq))
			request_fail(rq, err ? err : -EINTR);
		else
			rq->go(rq);
	}
}

static void on_passwd(void *arg, int err, const struct guest_reply *reply,
                      bool more)
{
	struct files *files = arg;
	struct idmap *map = &files->idmap;
	struct file *root = tree_root(files->tree);
	struct member *m = files->m;

	(void)more;
	if (!err)
		guest_tell(files->guest,
		           &(struct guest_call){ .op = WIRE_CLOSE,
		                                 .handle = reply->handle });
	if (!err && !(m->info && m->info->user &&
	              idmap_find(reply->data, reply->len, m->info->user,
	                         &map->uid, &map->gid)))
		err = -EOPNOTSUPP;
	map->known = !err;
	if (err)
		member_set_error(m,
		                 "files: idmap=user: the numbers of the "
		                 "default user are not to be had: %s",
		                 strerror(-err));
	wake(files, err);
	file_unref(root);
}

static void on_info(void *arg, int err)
{
	struct files *files = arg;

	if (err) {
		struct file *root = tree_root(files->tree);

		wake(files, err);
		file_unref(root);
		return;
	}
	guest_ask(files->guest,
	          &(struct guest_call){ .op = WIRE_OPEN,
	                                .path = "etc/passwd",
	                                .flags = WIRE_O_READ,
	                                .size = WIRE_DATA_MAX },
	          on_passwd, files);
}

void idmap_begin(struct files *files, struct request *rq)
{
	rq->next_waiting = files->idmap.waiting;
	files->idmap.waiting = rq;
	if (files->idmap.asked)
		return;
	files->idmap.asked = true;
	file_ref(tree_root(files->tree)); /* keeps files, too */
	member_get(files->m, MEMBER_DETAILS, on_info, files);
}
