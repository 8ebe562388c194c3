/* SPDX-License-Identifier: MIT */
/*
 * request.h - a request (arguments, environment, directory) as it travels to whoever serves it.
 */
#ifndef SM_STRATEGIES_REQUEST_H
#define SM_STRATEGIES_REQUEST_H

#include "../spawnmark.h"

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
};

/* Returns the bytes used in buf, or -E2BIG. */
int sm_request_pack(char *buf, size_t size, const struct sm_req *req);
/* Returns 0, -E2BIG or -EPROTO. The buffer may come from anybody. */
int sm_request_unpack(struct sm_request *request, char *buf, size_t bytes);

#endif
