/* SPDX-License-Identifier: MIT */
/*
 * forkserver.h - what the two halves of the fork server say to each other.
 *
 * One connection per spawn on the named socket: a MSG_FORK frame with FORK_FDS descriptors
 * and, behind them, what goes beside the request (request.h). Pid
 * and, later, wait status come back as 8-byte words on the child's own status pipe; a negative
 * first word is an errno of the fork
 * or of the child's sandbox (below). What the server refuses before that, it says on the
 * connection: MSG_REFUSED. The request itself goes through a pipe that only the child reads, as
 * a 4-byte length and the bytes: so one child's request is never in the server's memory.
 */
#ifndef SM_STRATEGIES_FORKSERVER_H
#define SM_STRATEGIES_FORKSERVER_H

#include <stdint.h>

enum sm_forkserver_msg { SM_FORKSERVER_FORK = 1, SM_FORKSERVER_REFUSED };

/*
 * The first descriptors of MSG_FORK, in this order. Where the request replaces a pipe, its own
 * source stands in for it, so that there are never fewer.
 */
enum sm_forkserver_fd {
	SM_FORKSERVER_REQUEST, /* the child reads its request from it */
	SM_FORKSERVER_STATUS,  /* the server writes pid and status to it */
	SM_FORKSERVER_IN,
	SM_FORKSERVER_OUT,
	SM_FORKSERVER_ERR,
	SM_FORKSERVER_FDS,
};

struct sm_forkserver_refusal {
	int32_t stage, err;
};

/* The first word of a child that there is none of. layer: enum sm_layer, -1: fork itself. */
static inline int64_t sm_forkserver_failure(int err, int layer)
{
	return -((int64_t)(layer + 1) << 32 | err);
}

static inline int sm_forkserver_failed_layer(int64_t word)
{
	return (int)(-word >> 32) - 1;
}

static inline int sm_forkserver_failed_err(int64_t word)
{
	return (int)(-word & INT32_MAX);
}

#endif
