/*
 * attr: attributes of a guest's files, as the kernel sees and sets them.
 *
 * What the guest has said holds for as long as it watches, and the kernel may
 * keep it as long. Those of files/ itself are shown whatever the guest does,
 * since who looks at a machine's directory asks for them.
 */
#ifndef ORBFS_FS_ATTR_H
#define ORBFS_FS_ATTR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

struct alarm;
struct file;
struct files;
struct node;
struct request;
struct wire_attr;

enum { ATTR_SURE_S = 60 }; /* as long as the kernel keeps what is watched */

/* In struct files: those of files/ itself, asked for once for all who come
 * meanwhile. All zero at first. */
struct attr_root {
	bool asked;
	bool late; /* those who waited were told what was known */
	struct request *waiting;
	struct alarm *alarm;
};

/* One number for a device and an inode of a machine. Large, so that it never
 * meets those of control files. */
uint64_t attr_ino(const struct files *files, uint64_t dev, uint64_t ino);
/* What the kernel is told of a guest's file, and for how many seconds. */
void attr_stat(const struct node *node, struct stat *st);
void attr_timeouts(const struct node *node, double *entry_s, double *attr_s);
/* Is the answer about another file, that has got the name? */
bool attr_is_of_other(const struct file *file, const struct wire_attr *attr);

void attr_getattr(struct request *rq);
/* rq->call has what is to be set; pid is who asks. */
void attr_setattr(struct request *rq, pid_t pid);

/* Does the guest answer for files/ itself, as far as is known? */
bool attr_root_answers(const struct files *files);
/* rq->node is files/ itself: go on when the guest has said what it is like, or
 * soon with what is known. Starts no guest. */
void attr_ask_root(struct request *rq, void (*go)(struct request *rq));

#endif
