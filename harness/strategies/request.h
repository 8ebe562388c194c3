/* SPDX-License-Identifier: MIT */
/*
 * request.h - a request (arguments, environment, directory, fields) as it travels to whoever serves
 * it. Descriptors go beside it, in the order of req->fds, that of the control group last.
 */
#ifndef SM_STRATEGIES_REQUEST_H
#define SM_STRATEGIES_REQUEST_H

#include "../spawnmark.h"
#include "../sys/attr.h"

/*
 * What a request may hold. The bytes fit a socket's default send buffer (net.core.wmem_default),
 * so that sending one never waits for a server that has stopped reading.
 */
#define SM_REQUEST_BYTES_MAX (128u << 10)
#define SM_REQUEST_ARGS_MAX  256
#define SM_REQUEST_ENV_MAX   1024

/* A request as read: pointers into the buffer that it came in. */
struct sm_request {
	const char *args[SM_REQUEST_ARGS_MAX];
	const char *envp[SM_REQUEST_ENV_MAX];
	const char *cwd[2]; /* empty, or one */
	struct sm_req attr; /* its fields alone: arrays in the buffer too */
};

/* The buffer holds arrays of numbers: where they lie has to suit them. */
#define SM_REQUEST_ALIGNED __attribute__((aligned(8)))

/* Returns the bytes used in buf, or -E2BIG. */
int sm_request_pack(char *buf, size_t size, const struct sm_req *req);
/* Returns 0, -E2BIG or -EPROTO. The buffer (SM_REQUEST_ALIGNED) may come from anybody. */
int sm_request_unpack(struct sm_request *request, char *buf, size_t bytes);

/* The descriptors that go beside a request: how many are in fds, of room; or -EMSGSIZE. */
int sm_request_fds(const struct sm_req *req, int *fds, unsigned int room);
/*
 * What was received beside it: enters them, and builds places of those for the child (0, 1, 2:
 * src -1 where not given). 0 or -errno. They stay the caller's.
 */
int sm_request_adopt(struct sm_request *request, const int *fds, unsigned int n,
		     struct sm_places *places);

#endif
