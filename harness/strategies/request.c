/* SPDX-License-Identifier: MIT */
/*
 * request.c - see request.h. Three string vectors: arguments, environment, directory.
 */
#include "request.h"

#include <errno.h>

#include "../wire/pack.h"

int sm_request_pack(char *buf, size_t size, const struct sm_req *req)
{
	struct sm_pack p = { .at = buf, .left = size };
	const char *cwd[2] = { req->cwd, NULL };

	sm_pack_vec(&p, req->args);
	sm_pack_vec(&p, req->envp);
	sm_pack_vec(&p, cwd);
	return p.err ? -E2BIG : (int)(size - p.left);
}

int sm_request_unpack(struct sm_request *request, char *buf, size_t bytes)
{
	struct sm_pack p = { .at = buf, .left = bytes };

	sm_unpack_vec(&p, request->args, SM_REQUEST_ARGS_MAX);
	sm_unpack_vec(&p, request->envp, SM_REQUEST_ENV_MAX);
	sm_unpack_vec(&p, request->cwd, 2);
	if (p.err == -EMSGSIZE)
		return -E2BIG;
	return p.err || p.left ? -EPROTO : 0;
}
