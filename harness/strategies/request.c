/* SPDX-License-Identifier: MIT */
/*
 * request.c - see request.h.
 *
 * In the buffer: struct head; with fields, struct numbers and three arrays (limits, descriptors,
 * groups); three string vectors (arguments, environment, directory). The sizes of all that stands
 * before an array are multiples of its alignment.
 */
#include "request.h"

#include <errno.h>
#include <string.h>

#include "../wire/pack.h"

struct head {
	uint32_t fields, zero;
};

struct numbers {
	uint64_t sigmask;
	uint32_t umask;
	int32_t pgid;
	uint32_t uid, gid;
	uint32_t nlimits, nfds, ngroups, zero;
};
_Static_assert(sizeof(struct head) % 8 == 0 && sizeof(struct numbers) % 8 == 0 &&
		       sizeof(struct sm_req_limit) % 8 == 0 && sizeof(struct sm_req_fd) % 4 == 0,
	       "what follows is aligned");

/* A count goes only with its field. */
static uint32_t counted(const struct sm_req *req, uint32_t field, uint32_t n)
{
	return req->fields & field ? n : 0;
}

static void pack_fields(struct sm_pack *p, const struct sm_req *req)
{
	const struct numbers n = {
		.sigmask = req->sigmask,
		.umask = req->umask,
		.pgid = req->pgid,
		.uid = req->uid,
		.gid = req->gid,
		.nlimits = counted(req, SM_REQ_LIMITS, req->nlimits),
		.nfds = counted(req, SM_REQ_FDS, req->nfds),
		.ngroups = counted(req, SM_REQ_GROUPS, req->ngroups),
	};

	sm_pack_bytes(p, &n, sizeof(n));
	sm_pack_bytes(p, req->limits, n.nlimits * sizeof(req->limits[0]));
	sm_pack_bytes(p, req->fds, n.nfds * sizeof(req->fds[0]));
	sm_pack_bytes(p, req->groups, n.ngroups * sizeof(req->groups[0]));
}

static void unpack_fields(struct sm_pack *p, struct sm_req *attr, uint32_t fields)
{
	struct numbers n = { 0 };

	sm_unpack_bytes(p, &n, sizeof(n));
	memset(attr, 0, sizeof(*attr));
	attr->fields = fields;
	if ((fields & ~SM_REQ_ALL) || n.nlimits != counted(attr, SM_REQ_LIMITS, n.nlimits) ||
	    n.nfds != counted(attr, SM_REQ_FDS, n.nfds) ||
	    n.ngroups != counted(attr, SM_REQ_GROUPS, n.ngroups))
		p->err = -EPROTO;
	attr->sigmask = n.sigmask;
	attr->umask = n.umask;
	attr->pgid = n.pgid;
	attr->uid = n.uid;
	attr->gid = n.gid;
	attr->cgroup_fd = -1;
	attr->nlimits = n.nlimits;
	attr->nfds = n.nfds;
	attr->ngroups = n.ngroups;
	attr->limits = sm_unpack_place(p, n.nlimits * sizeof(attr->limits[0]));
	attr->fds = sm_unpack_place(p, n.nfds * sizeof(attr->fds[0]));
	attr->groups = sm_unpack_place(p, n.ngroups * sizeof(attr->groups[0]));
}

int sm_request_fds(const struct sm_req *req, int *fds, unsigned int room)
{
	uint32_t nfds = counted(req, SM_REQ_FDS, req->nfds);
	uint32_t more = req->fields & SM_REQ_CGROUP ? 1 : 0;

	if (nfds > room || more > room - nfds)
		return -EMSGSIZE;
	for (uint32_t i = 0; i < nfds; i++)
		fds[i] = req->fds[i].src;
	if (more)
		fds[nfds] = req->cgroup_fd;
	return (int)(nfds + more);
}

int sm_request_adopt(struct sm_request *request, const int *fds, unsigned int n,
		     struct sm_places *places)
{
	struct sm_req *attr = &request->attr;
	struct sm_req_fd *table = (struct sm_req_fd *)attr->fds; /* in our own buffer */
	uint32_t more = attr->fields & SM_REQ_CGROUP ? 1 : 0;

	if (n < more || n - more != attr->nfds)
		return -EPROTO;
	for (uint32_t i = 0; i < attr->nfds; i++)
		table[i].src = fds[i];
	if (more)
		attr->cgroup_fd = fds[attr->nfds];
	return attr->fields & SM_REQ_FDS ? sm_places_build(places, attr) : 0;
}

int sm_request_pack(char *buf, size_t size, const struct sm_req *req)
{
	struct sm_pack p = { .at = buf, .left = size };
	const char *cwd[2] = { req->cwd, NULL };
	const struct head head = { .fields = req->fields };

	sm_pack_bytes(&p, &head, sizeof(head));
	if (head.fields)
		pack_fields(&p, req);
	sm_pack_vec(&p, req->args);
	sm_pack_vec(&p, req->envp);
	sm_pack_vec(&p, cwd);
	return p.err ? -E2BIG : (int)(size - p.left);
}

int sm_request_unpack(struct sm_request *request, char *buf, size_t bytes)
{
	struct sm_pack p = { .at = buf, .left = bytes };
	struct head head = { 0 };

	sm_unpack_bytes(&p, &head, sizeof(head));
	if (head.zero)
		p.err = -EPROTO;
	request->attr.fields = request->attr.nfds = 0;
	if (head.fields)
		unpack_fields(&p, &request->attr, head.fields);
	sm_unpack_vec(&p, request->args, SM_REQUEST_ARGS_MAX);
	sm_unpack_vec(&p, request->envp, SM_REQUEST_ENV_MAX);
	sm_unpack_vec(&p, request->cwd, 2);
	if (p.err == -EMSGSIZE)
		return -E2BIG;
	return p.err || p.left ? -EPROTO : 0;
}
