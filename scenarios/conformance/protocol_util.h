/* SPDX-License-Identifier: MIT */
/*
 * protocol_util.h - to a server as a client that means harm, or is slow: by the same socket as the
 * strategy's own half, without it.
 */
#ifndef SM_CONFORMANCE_PROTOCOL_UTIL_H
#define SM_CONFORMANCE_PROTOCOL_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>

struct sm_cell;

/* The first bytes of a frame, as wire/frame.c has them. */
struct sm_foe_header {
	uint32_t magic;
	uint16_t type, nfds;
	uint32_t bytes, zero;
};
#define SM_FOE_MAGIC 0x31666d73u

struct sm_foe {
	bool named;                 /* forkserver: a connection for every message */
	struct sockaddr_un address; /* of the named one */
	int sock;                   /* zygote: a duplicate of the parent's end */
	uint16_t request;           /* the type of a request's frame */
	int server_fds;             /* of the server, at rest */
};

/* What a server answers on the socket. */
struct sm_foe_word {
	int err; /* 0; -EPIPE: it has closed without a word; -ETIMEDOUT, -EPROTO */
	pid_t pid;
	int stage, no; /* of a refusal */
};

/* Starts the strategy and finds its socket. 0, or not: then c has the verdict. */
int sm_foe_begin(struct sm_cell *c, struct sm_foe *foe);
void sm_foe_end(struct sm_foe *foe);
/* A connection for one message: to be closed. Or -errno. */
int sm_foe_connect(const struct sm_foe *foe);
/* One sendmsg of n bytes with descriptors. Bytes sent or -errno. */
ssize_t sm_foe_send(int sock, const void *bytes, size_t n, const int *fds, unsigned int nfds);
/* A whole frame of the request's type with this many copies of fd. 0 or -errno. */
int sm_foe_request(const struct sm_foe *foe, int sock, const void *bytes, uint32_t n, int fd,
		   unsigned int copies);
/* The next answer; what came with it is closed. */
struct sm_foe_word sm_foe_hear(const struct sm_foe *foe, int sock);

/* The server's descriptors are as many as at rest, within two seconds. */
bool sm_foe_at_rest(const struct sm_cell *c, const struct sm_foe *foe, int *now);
/* The server runs, is at rest, and serves: else c has the verdict. Then 0. */
int sm_foe_unharmed(struct sm_cell *c, const struct sm_foe *foe, const char *what);

/* The server runs still: it has not ended. */
bool sm_foe_alive(const struct sm_cell *c);

#endif
