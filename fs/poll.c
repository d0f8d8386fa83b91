/*
 * poll: wake who waits in poll(2) for a control file to change.
 *
 * Each open file knows whether its text has changed (handle->changed), and one
 * pollhandle of the kernel's, which stands for everybody who polls it. Waking
 * is a notification, but one that takes no inode's lock in the kernel, so it
 * may be sent from the loop thread.
 */
#include "fs/poll.h"

#include <poll.h>

#include "fs/fs.h"

/* Is there anything to wait for? */
static bool can_change(const struct handle *handle)
{
	const struct entry *entry = handle->node->entry;

	return handle->node->m && handle->text && entry->need <= NEED_LIST;
}

bool poll_is_news(const struct handle *handle)
{
	return handle->polled && handle->changed && can_change(handle);
}

void poll_end(struct handle *handle)
{
	if (!handle->poll)
		return;
	fuse_pollhandle_destroy(handle->poll);
	handle->poll = NULL;
	watch_end(handle->fs);
}

void poll_ask(struct request *rq, struct fuse_pollhandle *ph)
{
	struct handle *handle = rq->handle;
	unsigned events = POLLIN | POLLOUT;

	handle->polled = true;
	if (poll_is_news(handle))
		events |= POLLPRI | POLLERR;
	if (ph && can_change(handle)) {
		poll_end(handle);
		handle->poll = ph;
		watch_begin(rq->fs);
	} else if (ph) {
		fuse_pollhandle_destroy(ph);
	}
	request_reply_poll(rq, events);
}

void poll_tell(struct fs *fs, const struct member *m, enum member_text text)
{
	for (struct handle *h = fs->handles; h; h = h->next) {
		if (h->node->m != m || !can_change(h) ||
		    h->node->entry->text != text)
			continue;
		h->changed = true;
		if (h->poll)
			fuse_lowlevel_notify_poll(h->poll);
		poll_end(h);
	}
}
