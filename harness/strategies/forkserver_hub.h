/* SPDX-License-Identifier: MIT */
/*
 * forkserver_hub.h - the fork server itself, and what it becomes in a child.
 */
#ifndef SM_STRATEGIES_FORKSERVER_HUB_H
#define SM_STRATEGIES_FORKSERVER_HUB_H

#include <signal.h>

#include "../child/child.h"
#include "../wire/frame.h"
#include "request.h"

/* A child that has not ended, and where its status goes. */
struct sm_forkserver_kid {
	pid_t pid;
	int status;
};

struct sm_forkserver_hub {
	const struct sm_payload *payload;
	const struct sm_sandbox *sandbox; /* NULL: none */
	int listener, alive;
	int wake, wake_writer; /* the pipe that SIGCHLD writes to */
	int reserve; /* given up for a moment when the table is full, so that one can be told */
	struct sm_forkserver_kid *kids;
	size_t nkids, room;
	struct sigaction old_chld, old_int, old_pipe;
	sigset_t handled;          /* by the payload, before this server's own */
	struct sm_request request; /* untouched in the server: filled in each child */
	struct sm_places places;   /* these as well */
	sigset_t mask;
	char buf[SM_REQUEST_BYTES_MAX] SM_REQUEST_ALIGNED;
};

/*
 * The child's path until it is as any other; frame brought its request and its descriptors, conn is
 * its client's. Waits only for its own client, or its end. To be called with all signals blocked.
 */
_Noreturn void sm_forkserver_child(struct sm_forkserver_hub *h, struct sm_birth *birth,
				   const struct sm_frame *frame, int conn);

#endif
