/*
 * call: what a request asks of the guest, and how that is put.
 *
 *	call_begin(rq, go);		see that the guest can be asked
 * in go:
 *	rq->call.op = WIRE_STAT;
 *	if (call_path(rq, rq->text))
 *		call_send(rq, done);	the tail
 * in done:
 *	if (call_again(rq, err))
 *		return;
 *	call_fail(rq, err);		or an answer
 *
 * rq->call is the question; its path is in rq->path, which is the request's.
 * What returns false, or true for call_again, has taken the request.
 */
#ifndef ORBFS_FS_CALL_H
#define ORBFS_FS_CALL_H

#include "fs/request.h"

/* May this process (0: nobody says which) destroy something of the machine's?
 * See fs/guard.h. false: the request has failed. */
bool call_may_destroy(struct request *rq, pid_t pid);
/* Wait for the machine, if there is no agent yet, and for its users' numbers;
 * then go. Or fail the request. */
void call_begin(struct request *rq, void (*go)(struct request *rq));

/* Put the path of rq->node, or of a name in it, into rq->call. false: the
 * request has failed. */
bool call_path(struct request *rq, const char *name);
/* The path of rq->node; or a handle of it, if it has no name any more. The
 * same; -ESTALE has the kernel look its name up anew. */
bool call_node_path(struct request *rq);
/* A handle of rq->node, whose name may be another one's by now; or its path, if
 * it is not open. The same. */
bool call_node(struct request *rq);
/* Was it removed, and does nothing that is open reach it? Then no more is known
 * of it than that. */
bool call_cannot_reach(const struct file *file);

/* Ask rq->node's guest for rq->call; done gets the request. */
void call_send(struct request *rq, guest_fn *done);

/* The guest has not found what it was asked about (-ENOENT), or another file
 * (-ESTALE): if a directory was moved meanwhile, ask again (rq->go) where it is
 * now. */
bool call_again(struct request *rq, int err);
/* Fail with what the guest said, and leave a line in the machine's error when
 * it was not an everyday answer like ENOENT. */
void call_fail(struct request *rq, int err);
/* The same for what was asked about rq->node: if that is not there any more,
 * the kernel looks its name up anew, and may find another file. */
void call_fail_node(struct request *rq, int err);

#endif
