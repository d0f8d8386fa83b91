/*
 * tell: tell the kernel what it remembers wrongly, when it can hear that.
 *
 * Owns what waits to be said, oldest first. The sending itself is up to whoever
 * set fs->notify. Notes of an inode take no directory's lock and never wait.
 */
#include "fs/tell.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fs/fs.h"

struct note {
	struct note *next;
	uint64_t parent;
	uint64_t child; /* 0: only the name is old */
	char name[];
};

static void say(struct fs *fs, uint64_t parent, uint64_t child,
                const char *name)
{
	if (child && fs->notify.gone)
		fs->notify.gone(fs->notify_arg, parent, child, name);
	else if (fs->notify.entry)
		fs->notify.entry(fs->notify_arg, parent, name);
}

static bool is_directory_of(const struct request *rq, uint64_t ino)
{
	return (rq->node && rq->node->ino == ino) ||
	       (rq->other && rq->other->ino == ino);
}

/* Does the kernel hold that directory locked until this is answered? */
static bool locks(const struct request *rq, uint64_t ino)
{
	return rq->changes_names && !request_is_answered(rq) &&
	       is_directory_of(rq, ino);
}

static bool is_locked(const struct fs *fs, uint64_t ino)
{
	const struct request *rq = fs->requests;

	while (rq && !locks(rq, ino))
		rq = rq->next;
	return rq != NULL;
}

/* Does the kernel learn from its success what became of that name? Below files/
 * the guest may have changed it since. */
static bool settles(const struct request *rq, const struct note *note)
{
	const char *second = request_second(rq);

	return is_directory_of(rq, note->parent) && !rq->node->file &&
	       (strcmp(rq->text, note->name) == 0 ||
	        (second && strcmp(second, note->name) == 0));
}

/* Without memory the kernel finds out when its timeout is over. */
static void keep(struct fs *fs, uint64_t parent, uint64_t child,
                 const char *name)
{
	size_t size = strlen(name) + 1;
	struct note *note = malloc(sizeof(*note) + size);
	struct note **at = &fs->notes;
	size_t n = 0;

	if (!note)
		return;
	note->next = NULL;
	note->parent = parent;
	note->child = child;
	memcpy(note->name, name, size);
	for (; *at; at = &(*at)->next)
		n++;
	*at = note;
	if (n < TELL_MAX)
		return;
	note = fs->notes;
	fs->notes = note->next;
	free(note);
}

void tell_inode(struct fs *fs, uint64_t ino)
{
	if (fs->notify.inode)
		fs->notify.inode(fs->notify_arg, ino);
}

void tell_file(struct fs *fs, const struct file *file)
{
	const struct node *node = file->node;

	if (node)
		tell_inode(fs, node->ino);
}

void tell_gone(struct fs *fs, uint64_t parent, uint64_t child, const char *name)
{
	if (is_locked(fs, parent))
		keep(fs, parent, child, name);
	else
		say(fs, parent, child, name);
}

void tell_entry(struct fs *fs, uint64_t parent, const char *name)
{
	tell_gone(fs, parent, 0, name);
}

void tell_answered(struct request *rq, int err)
{
	struct fs *fs = rq->fs;
	struct note **at = &fs->notes;

	while (*at) {
		struct note *note = *at;
		bool settled = !err && settles(rq, note);

		if (!settled && is_locked(fs, note->parent)) {
			at = &note->next;
			continue;
		}
		*at = note->next;
		if (!settled)
			say(fs, note->parent, note->child, note->name);
		free(note);
	}
}

void tell_nothing(struct fs *fs)
{
	while (fs->notes) {
		struct note *note = fs->notes;

		fs->notes = note->next;
		free(note);
	}
}
