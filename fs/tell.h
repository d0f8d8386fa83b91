/*
 * tell: tell the kernel what it remembers wrongly, when it can hear that.
 *
 * While a request that makes, moves or removes a name is with us, the kernel
 * holds its directory locked, and so does the thread that tells it something
 * about a name in there have to wait for our answer. That would be no harm but
 * for one case: a process with a thread that waits so cannot be killed, and as
 * long as it lives nobody is told that the mount is dead. So what is to be said
 * of the names in a directory waits here until no such request is left. Of the
 * very names that a request is about nothing is said when it succeeds: the
 * kernel learns from the answer what became of them.
 */
#ifndef ORBFS_FS_TELL_H
#define ORBFS_FS_TELL_H

#include <stdint.h>

struct file;
struct fs;
struct request;

enum { TELL_MAX = 1024 /* that wait; the oldest is dropped for a new one */ };

/* Attributes of an inode, and its pages, are old. */
void tell_inode(struct fs *fs, uint64_t ino);
/* The same of a guest's file, if the kernel knows it. */
void tell_file(struct fs *fs, const struct file *file);
/* What that name leads to is another, or nothing. name is copied. */
void tell_entry(struct fs *fs, uint64_t parent, const char *name);
/* The same, and what it named is gone. */
void tell_gone(struct fs *fs, uint64_t parent, uint64_t child,
               const char *name);
/* A request that changes names was answered, with that errno: say what had to
 * wait for that. */
void tell_answered(struct request *rq, int err);
/* Forget all that waits. */
void tell_nothing(struct fs *fs);

#endif
