/* SPDX-License-Identifier: MIT */
/*
 * orders.c - the orders, and the one place where the payload's work is called and timed.
 */
#include "orders.h"

#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../sys/sys.h"
#include "child.h"
#include "spin.h"

void sm_counters_take(struct sm_counters *counters)
{
	struct rusage ru = { .ru_minflt = 0 };

	getrusage(RUSAGE_SELF, &ru);
	counters->minflt = ru.ru_minflt;
	counters->majflt = ru.ru_majflt;
	counters->nvcsw = ru.ru_nvcsw;
	counters->nivcsw = ru.ru_nivcsw;
}

static void take_counters(struct sm_order_ctx *ctx)
{
	const struct sm_counters none = { .minflt = 0 }, *since = ctx->since ? ctx->since : &none;
	struct sm_counters now;

	sm_counters_take(&now);
	ctx->rec->minflt = now.minflt - since->minflt;
	ctx->rec->majflt = now.majflt - since->majflt;
	ctx->rec->nvcsw = now.nvcsw - since->nvcsw;
	ctx->rec->nivcsw = now.nivcsw - since->nivcsw;
}

int sm_order_work(struct sm_order_ctx *ctx)
{
	const struct sm_payload *payload = ctx->payload;

	if (payload->work(payload->arg))
		return SM_STAGE_WORK;
	ctx->rec->worked_ns = sm_now_ns();
	take_counters(ctx); /* before the check, whose own faults are no part of the work */
	if (payload->check && payload->check(payload->arg))
		return SM_STAGE_CHECK;
	return SM_STAGE_NONE;
}

/* Works and tells how it went. Returns the exit status. */
static int work_and_tell(struct sm_order_ctx *ctx)
{
	int stage = sm_order_work(ctx);

	if (stage) {
		sm_record_fault(ctx->rec, STDOUT_FILENO, (enum sm_stage)stage, 0);
		return 1;
	}
	ctx->rec->kind = SM_RECORD_DONE;
	return sm_record_write(ctx->rec) ? 1 : 0;
}

static int order_run(struct sm_order_ctx *ctx)
{
	ctx->rec->ready_ns = sm_now_ns();
	return work_and_tell(ctx);
}

/* What the order's detail says: a whole number, or -EINVAL. */
static int64_t number(const char *detail)
{
	int64_t n = 0;

	for (const char *at = detail && *detail ? detail : "-"; *at; at++) {
		if (*at < '0' || *at > '9' || n > INT64_MAX / 20)
			return -EINVAL;
		n = n * 10 + (*at - '0');
	}
	return n;
}

/* Its own reading of the number is part of the delay, so that nothing else is added. */
static int order_delay(struct sm_order_ctx *ctx)
{
	const int64_t from = sm_now_ns();
	int64_t delay_ns = number(ctx->detail);

	if (delay_ns < 0)
		return -EINVAL;
	while (sm_now_ns() - from < delay_ns)
		;
	return order_run(ctx);
}

static int order_spin(struct sm_order_ctx *ctx)
{
	int64_t instructions = number(ctx->detail);
	int err = instructions < 0 ? -EINVAL : sm_spin((uint64_t)instructions);

	return err ? err : order_run(ctx);
}

static int order_hold(struct sm_order_ctx *ctx)
{
	int status;
	char byte;

	ctx->rec->ready_ns = sm_now_ns();
	take_counters(ctx);
	ctx->rec->kind = SM_RECORD_READY;
	if (sm_record_write(ctx->rec))
		return 1;
	if (sm_read_all(STDIN_FILENO, &byte, 1, -1))
		return 0; /* let go without work */
	status = work_and_tell(ctx);
	while (!sm_read_all(STDIN_FILENO, &byte, 1, -1))
		;
	return status;
}

/* clang-format off */
const struct sm_order sm_orders[] = {
	{ "attack", sm_order_attack },
	{ "delay", order_delay },
	{ "hold", order_hold },
	{ "layout", sm_order_layout },
	{ "probe", sm_order_probe },
	{ "run", order_run },
	{ "spin", order_spin },
	{ NULL, NULL },
};
/* clang-format on */

const struct sm_order *sm_order(const char *word, const char **detail)
{
	for (const struct sm_order *o = sm_orders; o->name; o++) {
		const char *rest = sm_after(word, o->name);

		if (!rest || (*rest && *rest != '='))
			continue;
		*detail = *rest ? rest + 1 : NULL;
		return o;
	}
	return NULL;
}

int sm_order_run(const char *job, const struct sm_payload *payload, struct sm_record *rec,
		 const struct sm_counters *since)
{
	struct sm_order_ctx ctx = { .payload = payload, .rec = rec, .since = since };
	const struct sm_order *order = NULL;
	const char *rest = sm_after(job, "child");

	if (rest && !*rest)
		order = sm_order("run", &ctx.detail);
	else if (rest && *rest == '/')
		order = sm_order(rest + 1, &ctx.detail);
	return order ? order->run(&ctx) : -EINVAL;
}
