/* SPDX-License-Identifier: MIT */
/*
 * common.c - see common.h.
 */
#include "common.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>

int sm_check_setup(const struct sm_setup *setup, struct sm_fault *fault)
{
	if (!setup || setup->size < sizeof(*setup))
		return sm_fail(
			fault, SM_STAGE_ARGUMENT, EINVAL,
			"struct sm_setup is smaller than this library's: rebuild the caller");
	if (!setup->argv || !setup->argv[0] || !setup->envp)
		return sm_fail(fault, SM_STAGE_ARGUMENT, EINVAL,
			       "struct sm_setup needs argv (with the payload's path) and envp");
	return 0;
}

int sm_check_spawn(const struct sm_req *req, const struct sm_child *child, struct sm_fault *fault)
{
	if (!req || req->size < sizeof(*req) || !child || child->size < sizeof(*child))
		return sm_fail(fault, SM_STAGE_ARGUMENT, EINVAL,
			       "struct sm_req or sm_child is smaller than this library's: rebuild "
			       "the caller");
	if (!req->envp)
		return sm_fail(fault, SM_STAGE_ARGUMENT, EINVAL, "struct sm_req needs envp");
	return 0;
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
	for (int i = 0; i < 3; i++)
		io->parent[i] = -1;
}

int sm_wait_direct(void *self, struct sm_child *child, int timeout_ms, struct sm_exit *exit)
{
	(void)self;
	return sm_wait_child(child->pid, timeout_ms, exit);
}
