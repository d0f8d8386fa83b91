/*
 * platform: what Linux and macOS call by different names, or one of them by
 * none.
 *
 * The numbers differ as well: what the kernel sends is compared by name, and
 * what goes to a guest, which is Linux, is a number of the wire's own.
 */
#ifndef ORBFS_FS_PLATFORM_H
#define ORBFS_FS_PLATFORM_H

#include <errno.h>
#include <stdio.h> /* RENAME_* */
#include <sys/stat.h>
#ifdef __linux__
#include <sys/sysmacros.h> /* makedev and its reverse */
#include <sys/xattr.h>
#endif

/* There is no such extended attribute. macOS has an ENODATA as well, which says
 * something else. */
#ifndef ENOATTR
#define ENOATTR ENODATA
#endif

#ifdef __APPLE__
#define st_atim st_atimespec
#define st_mtim st_mtimespec
#define st_ctim st_ctimespec
#ifndef RENAME_NOREPLACE /* macFUSE has it */
#define RENAME_NOREPLACE RENAME_EXCL
#endif
#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE RENAME_SWAP
#endif
#ifndef XATTR_CREATE
#define XATTR_CREATE 2
#define XATTR_REPLACE 4
#endif
#endif

#endif
