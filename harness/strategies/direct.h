/* SPDX-License-Identifier: MIT */
/*
 * direct.h - a warm server that makes the parent's own children, one request at a time: what its two
 * halves share, whatever it does to make them. A server that is gone is replaced at the next spawn.
 *
 * Frames over a socket pair that has no name: READY once, then one REPLY to each SPAWN, in order.
 * SPAWN holds a packed request (request.h) and what goes beside it. REPLY with a pid brings the
 * other ends of the child's pipes, then its pidfd where the kernel has one. With an errno as
 * well it tells of a child that was killed because they could not be sent: the parent reaps it.
 */
#ifndef SM_STRATEGIES_DIRECT_H
#define SM_STRATEGIES_DIRECT_H

#include <stdint.h>

#include "../child/child.h"
#include "../spawnmark.h"
#include "../sys/sys.h"
#include "request.h"
#include "server.h"

enum sm_direct_msg { SM_DIRECT_READY = 1, SM_DIRECT_SPAWN, SM_DIRECT_REPLY };

struct sm_direct_reply {
	int32_t pid, stage, err, detail;
	int32_t pidfd; /* 1: the last descriptor is one */
	char text[80]; /* may be empty */
};

/* ---- the parent's half ---- */

struct sm_direct {
	struct sm_setup setup; /* what its pointers point to stays the caller's */
	const char *strategy;
	int more; /* one more descriptor for the server; -1: none */
	void (*gone)(
		struct sm_direct *direct); /* the server has been killed; NULL: nothing to do */
	struct sm_server server;
	int sock;                /* -1: there is no server */
	struct sm_places places; /* of the request in hand; untouched by those without */
	char buf[SM_REQUEST_BYTES_MAX] SM_REQUEST_ALIGNED;
};

/* Starts the server; strategy, more and gone have been set. On error nothing is left behind. */
int sm_direct_start(struct sm_direct *w, const struct sm_setup *setup, struct sm_fault *fault);
int sm_direct_spawn(struct sm_direct *w, const struct sm_req *req, struct sm_child *child,
		    struct sm_fault *fault);
void sm_direct_stop(struct sm_direct *w);

/* ---- the server's half ---- */

struct sm_nest {
	const struct sm_payload *payload;
	const struct sm_sandbox *sandbox; /* NULL: none */
	sigset_t handled;                 /* signals for which the payload has handlers */
	int fds[2];                       /* the socket, and the one more */
	struct sm_request request;
	struct sm_places places; /* of the request in hand, where it has any */
	sigset_t mask;           /* the same */
	char buf[SM_REQUEST_BYTES_MAX] SM_REQUEST_ALIGNED;
};

/*
 * Makes the child of birth, of which sigmask, cloning_ns, entered_ns and run_after_fork are not
 * filled, in a berth of nest->sandbox, with the parent as its parent. Fills the reply: pid, or
 * stage, errno, detail and text. Returns a
 * pidfd of it, or -1.
 */
typedef int sm_direct_hatch(struct sm_nest *nest, struct sm_birth *birth,
			    struct sm_direct_reply *reply, void *arg);

/* The payload has loaded; where names nfds descriptors, and perhaps a plan. NULL: see err. */
struct sm_nest *sm_nest_open(const char *where, int nfds, const struct sm_payload *payload,
			     int *err);
void sm_nest_close(struct sm_nest *nest);
/* struct sm_ops.serve from there on. */
int sm_nest_serve(struct sm_nest *nest, sm_direct_hatch *hatch, void *arg);

#endif
