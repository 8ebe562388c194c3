/* SPDX-License-Identifier: MIT */
/*
 * common.c - see common.h.
 */
#include "common.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "../sandbox/sandbox.h"

/* The shortest setup and child: as they were before options, sandboxes and pidfds. */
#define SETUP_SIZE_MIN offsetof(struct sm_setup, options)
#define CHILD_SIZE_MIN offsetof(struct sm_child, pidfd)

const char *sm_setup_options(const struct sm_setup *setup)
{
	return setup->size >= sizeof(*setup) ? setup->options : NULL;
}

int sm_setup_plan(const struct sm_setup *setup)
{
	return setup->size >= sizeof(*setup) ? setup->plan_fd : 0;
}

void sm_setup_keep(struct sm_setup *own, const struct sm_setup *setup)
{
	memset(own, 0, sizeof(*own));
	memcpy(own, setup, setup->size < sizeof(*own) ? setup->size : sizeof(*own));
	own->size = sizeof(*own);
}

void sm_give_pidfd(struct sm_child *child, int pidfd)
{
	if (child->size >= sizeof(*child))
		child->pidfd = pidfd;
	else if (pidfd >= 0)
		close(pidfd);
}

int sm_check_setup_sandboxed(const struct sm_setup *setup, struct sm_fault *fault)
{
	if (!setup || setup->size < SETUP_SIZE_MIN)
		return sm_fail(
			fault, SM_STAGE_ARGUMENT, EINVAL,
			"struct sm_setup is smaller than this library's: rebuild the caller");
	if (!setup->argv || !setup->argv[0] || !setup->envp)
		return sm_fail(fault, SM_STAGE_ARGUMENT, EINVAL,
			       "struct sm_setup needs argv (with the payload's path) and envp");
	if (sm_sandbox_check(sm_setup_plan(setup)))
		return sm_fail_layer(fault, -1, EINVAL);
	return 0;
}

int sm_check_setup(const struct sm_setup *setup, struct sm_fault *fault)
{
	int err = sm_check_setup_sandboxed(setup, fault);

	if (!err && sm_setup_plan(setup)) /* never in silence without */
		err = sm_fail(fault, SM_STAGE_SANDBOX, EOPNOTSUPP,
			      "this strategy puts its children into no sandbox");
	return err;
}

static int check_fields(const struct sm_req *req, struct sm_places *places, struct sm_fault *fault)
{
	int field = 0;
	int err = sm_attr_check(req, places, &field);

	return err ? sm_fail_field(fault, field, -err, sm_attr_name(field)) : 0;
}

/* The shortest request: as it was before it had fields. */
#define REQ_SIZE_MIN offsetof(struct sm_req, fields)

int sm_check_spawn(const struct sm_req **req, struct sm_req *own, struct sm_places *places,
		   const struct sm_child *child, struct sm_fault *fault)
{
	const struct sm_req *given = *req;

	if (!given || given->size < REQ_SIZE_MIN || !child || child->size < CHILD_SIZE_MIN)
		return sm_fail(fault, SM_STAGE_ARGUMENT, EINVAL,
			       "struct sm_req or sm_child is smaller than this library's: rebuild "
			       "the caller");
	if (given->size < sizeof(*own)) {
		memset(own, 0, sizeof(*own));
		memcpy(own, given, given->size);
		*req = given = own;
	}
	if (!given->envp)
		return sm_fail(fault, SM_STAGE_ARGUMENT, EINVAL, "struct sm_req needs envp");
	return given->fields ? check_fields(given, places, fault) : 0;
}

int sm_refuse_fields(const struct sm_req *req, struct sm_fault *fault)
{
	if (!req || req->size < sizeof(*req) || !req->fields)
		return 0;
	return sm_fail_field(fault, (int)req->fields, EOPNOTSUPP,
			     "a meter makes no child that could have fields");
}

int sm_poll_ms(uint32_t timeout_ms)
{
	return timeout_ms > INT_MAX ? INT_MAX : (int)timeout_ms;
}

void sm_give_stdio(struct sm_child *child, pid_t pid, struct sm_stdio *io)
{
	child->pid = pid;
	child->in = io->parent[0];
	child->out = io->parent[1];
	child->err = io->parent[2];
	child->priv = -1;
	sm_give_pidfd(child, -1);
	for (int i = 0; i < 3; i++)
		io->parent[i] = -1;
}

unsigned int sm_pipes_due(const struct sm_req *req, const struct sm_places *places)
{
	unsigned int n = 3;

	for (int i = 0; i < 3 && req->fields & SM_REQ_FDS; i++)
		n -= places->at[i].src >= 0;
	return n;
}

void sm_give_received(struct sm_child *child, pid_t pid, const struct sm_req *req,
		      const struct sm_places *places, const int *fds, int has_pidfd)
{
	int *ends[3] = { &child->in, &child->out, &child->err };
	int n = 0;

	for (int i = 0; i < 3; i++) {
		int given = req->fields & SM_REQ_FDS && places->at[i].src >= 0;

		*ends[i] = given ? -1 : fds[n++];
	}
	child->pid = pid;
	child->priv = -1;
	sm_give_pidfd(child, has_pidfd ? fds[n] : -1);
}

int sm_fail_answer(struct sm_fault *fault, int err, pid_t pid)
{
	if (err == -ETIMEDOUT)
		return sm_fail(fault, SM_STAGE_TIMEOUT, ETIMEDOUT, "the server did not answer");
	if (err == -EPIPE)
		return sm_fail(fault, SM_STAGE_RECEIVE, EPIPE,
			       "the server died with this request in flight");
	if (err == -EMFILE && pid > 0) { /* whole but for its descriptors */
		sm_kill_child(pid);
		return sm_fail(fault, SM_STAGE_RECEIVE, EMFILE,
			       "no room for the child's pipes and pidfd: raise RLIMIT_NOFILE");
	}
	return sm_fail(fault, SM_STAGE_RECEIVE, -err, "the server talks nonsense");
}

int sm_wait_direct(void *self, struct sm_child *child, int timeout_ms, struct sm_exit *exit)
{
	(void)self;
	return sm_wait_child(child->pid, timeout_ms, exit);
}
