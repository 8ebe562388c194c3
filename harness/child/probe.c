/* SPDX-License-Identifier: MIT */
/*
 * probe.c - the order probe=ID: the child's half of a check.
 */
#include "orders.h"

#include <errno.h>
#include <unistd.h>

#include "child.h"
#include "../check/call.h"
#include "../sys/sys.h"

int sm_order_probe(struct sm_order_ctx *ctx)
{
	struct sm_check_call call = {
		.size = sizeof(call),
		.half = SM_HALF_CHILD,
		.id = ctx->detail ? ctx->detail : "",
		.payload = ctx->payload,
		.args = sm_child_args(),
		.rec = ctx->rec,
	};
	sm_check_main_fn *run;
	int status;

	ctx->rec->ready_ns = sm_now_ns();
	run = sm_check_load(&status);
	if (run)
		status = run(&call);
	if (status >= 0)
		return status;
	sm_record_fault(ctx->rec, STDOUT_FILENO, SM_STAGE_ARGUMENT, -status);
	return 1;
}
