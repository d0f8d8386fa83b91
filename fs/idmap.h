/*
 * idmap: with -o idmap=user, a machine's default user is shown as who mounted.
 *
 * The two numbers change places, and so do those of the two users' groups: what
 * is the default user's is shown as the mounting user's, and the other way
 * round, so that no two users of a guest look like one. What the kernel asks to
 * set goes the same way back. All other numbers stay, and so do those in ACLs.
 *
 * Who the default user is, the engine says; that user's numbers are read from
 * the guest's /etc/passwd, once, by whoever looks into files/ first.
 */
#ifndef ORBFS_FS_IDMAP_H
#define ORBFS_FS_IDMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct files;
struct request;

struct idmap {
	bool known;
	bool asked;
	uint32_t uid; /* the guest's, when known */
	uint32_t gid;
	struct request *waiting;
};

/* Go on as soon as the numbers are known; or fail the request. The machine is
 * set in files->guest. */
void idmap_begin(struct files *files, struct request *rq);
/* May requests go on without idmap_begin? */
bool idmap_is_ready(const struct files *files);
/* From the guest's numbers to those that are shown, and back. */
uint32_t idmap_uid(const struct files *files, uint32_t uid);
uint32_t idmap_gid(const struct files *files, uint32_t gid);
/* The numbers of a user in the text of a passwd file; false: not in there. */
bool idmap_find(const char *text, size_t len, const char *user, uint32_t *uid,
                uint32_t *gid);

#endif
