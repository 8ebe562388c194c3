/* SPDX-License-Identifier: MIT */
/*
 * check.c - SM_CMD_CHECK: one check in a host of its own; and SM_CMD_HELLO. What a check does is
 * none of the library's business: see check/call.h.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "host.h"
#include "../check/call.h"
#include "../sys/sys.h"

static int no_checks(struct sm_host_state *st, int err)
{
	return sm_fail(&st->fault, SM_STAGE_ARGUMENT, -err,
		       err == -ENOENT ? "check: $SM_CHECKS does not name checks.so"
				      : "check: $SM_CHECKS cannot be loaded");
}

static int run_check(struct sm_host_state *st, const struct sm_cmd_check *cmd)
{
	struct sm_check_call call = {
		.size = sizeof(call),
		.half = SM_HALF_PARENT,
		.id = st->args[0],
		.ops = &st->ops,
		.payload = st->ops.traits & SM_PARENT_LOADS ? st->payload : NULL,
		.argv = st->argv,
		.envp = st->base_envp,
		.seed = cmd->seed,
		.flags = cmd->flags,
		.sock = st->sock,
		.plan_fd = st->plan_fd,
	};
	sm_check_main_fn *run;
	int64_t began = sm_now_ns();
	int err;

	run = sm_check_load(&err);
	if (!run)
		return no_checks(st, err);
	err = run(&call);
	if (err)
		return sm_fail(&st->fault, SM_STAGE_ARGUMENT, -err, "check: no such check");
	call.verdict.took_ns = sm_now_ns() - began;
	return sm_host_send(st, SM_MSG_VERDICT, &call.verdict, sizeof(call.verdict));
}

int sm_host_check(struct sm_host_state *st, const void *data, uint32_t bytes)
{
	struct sm_cmd_check cmd;
	int err;

	if (st->started || st->strings)
		return sm_fail(&st->fault, SM_STAGE_ARGUMENT, EALREADY,
			       "check: wants a host of its own");
	if (bytes <= sizeof(cmd))
		return sm_fail(&st->fault, SM_STAGE_ARGUMENT, EINVAL,
			       "check: expected a struct sm_cmd_check and three packed vectors");
	memcpy(&cmd, data, sizeof(cmd));
	err = sm_host_unpack(st, (const char *)data + sizeof(cmd), bytes - (uint32_t)sizeof(cmd));
	if (err || !st->argv[0] || !st->args[0])
		err = sm_fail(&st->fault, SM_STAGE_ARGUMENT, err ? -err : EINVAL,
			      "check: expected argv, envp and an id as packed vectors");
	else
		err = run_check(st, &cmd);
	sm_host_shut(st);
	return err;
}

/* Names with blanks between them; what does not fit is left out. */
static void join_names(char *text, size_t size, const char *const *names)
{
	size_t n = 0;

	for (; names && *names && n + 1 + strlen(*names) < size; names++)
		n += (size_t)snprintf(text + n, size - n, "%s%s", n ? " " : "", *names);
}

int sm_host_hello(struct sm_host_state *st, const void *data, uint32_t bytes)
{
	struct sm_msg_traits msg = { .traits = st->ops.traits, .protocol = SM_PROTOCOL };

	(void)data;
	(void)bytes;
	strncpy(msg.name, st->ops.name, sizeof(msg.name) - 1);
	if (st->ops.summary)
		strncpy(msg.summary, st->ops.summary, sizeof(msg.summary) - 1);
	join_names(msg.options, sizeof(msg.options), st->ops.options);
	return sm_host_send(st, SM_MSG_TRAITS, &msg, sizeof(msg));
}
