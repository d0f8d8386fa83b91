/*
 * link: how a guest's symbolic link is shown, so that it never leads out.
 *
 * The kernel follows a link on the host. An absolute one would lead to the
 * host's own file, and one with too many ".." out of the machine. So a link is
 * shown as a relative one that stays below files/. Pure.
 */
#ifndef ORBFS_FS_LINK_H
#define ORBFS_FS_LINK_H

#include "ops/buf.h"

/*
 * Append what the kernel is shown for a link to `target` that lies `depth`
 * directories below files/. resolved: where the guest says that it leads, as a
 * path from its root without links in it, or "" when it does not say.
 *
 * A target in which ".." comes after a name is replaced by where it leads (or,
 * when that is not known, by what it comes to if no name in it is a link):
 * what a name before ".." leads to is the guest's to choose, and it could
 * choose a place above which there is less than the ".." climb.
 * Returns b->err.
 */
int link_show(const char *target, const char *resolved, int depth,
              struct buf *b);
/* How long is that? Programs make so much room for it. Where the guest has to
 * say where it leads, as long as a link can be. */
size_t link_shown_len(const char *target, int depth);

#endif
