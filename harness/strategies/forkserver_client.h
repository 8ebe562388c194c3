/* SPDX-License-Identifier: MIT */
/*
 * forkserver_client.h - the client's half of the fork server: what starting and spawning share.
 */
#ifndef SM_STRATEGIES_FORKSERVER_CLIENT_H
#define SM_STRATEGIES_FORKSERVER_CLIENT_H

#include <sys/un.h>

#include "../spawnmark.h"
#include "../sys/attr.h"
#include "request.h"
#include "server.h"

struct sm_forkserver {
	struct sm_server server;
	struct sm_setup
		setup; /* for a server after the first; its pointers are valid until stop() */
	struct sockaddr_un address;
	char dir[sizeof(((struct sockaddr_un *)0)->sun_path)];
	int alive;               /* write end; -1: no server */
	struct sm_places places; /* of the request in hand; untouched by those without */
	char buf[sizeof(uint32_t) + SM_REQUEST_BYTES_MAX]; /* length and request */
};

/* A new socket and a server that is ready. 0, or -errno with the fault filled and neither. */
int sm_forkserver_begin(struct sm_forkserver *f, struct sm_fault *fault);
/* Ends the server, reaps it, removes the socket. Idempotent. */
void sm_forkserver_end(struct sm_forkserver *f);

/* Closes n descriptors, -1 among them or not, and forgets them. */
void sm_forkserver_close(int *fds, int n);

#endif
