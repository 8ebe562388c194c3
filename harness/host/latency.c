/* SPDX-License-Identifier: MIT */
/*
 * latency.c - one spawn at a time: the closed loop behind every latency number.
 *
 * Between request and reaped it does nothing but spawn, read the record and wait. Descriptors are
 * closed, samples sent and the driver looked for between two spans.
 */
#include <errno.h>
#include <string.h>

#include "host.h"
#include "../sys/sys.h"

/* So many spawns that time out in a row end a block: the rest would only cost the same time. */
#define TIMEOUTS_MAX 3

/* How often the driver is looked for between spawns. */
#define LOOK_NS 50000000

static int one(const struct sm_span *span, struct sm_sample *s, struct sm_fault *fault)
{
	struct sm_child child;
	struct sm_record rec;
	struct sm_reader out;
	struct sm_tail tail;
	int err = sm_span_start(span, s, &child, fault);

	if (err)
		return err;
	if (child.out < 0)
		return sm_span_silent(span, s, &child, fault);
	out.have = 0;
	tail.have = tail.lost = 0;
	err = sm_reader_wait(&out, child.out, &rec, span->req->timeout_ms, span->watch);
	s->recorded_ns = sm_now_ns();
	if (err)
		return sm_span_give_up(span, s, &child, err, &tail, fault);
	return sm_span_end(span, s, &child, &rec, &tail, fault);
}

int sm_latency_one(const struct sm_ops *ops, void *self, const struct sm_req *req,
		   struct sm_sample *out, struct sm_fault *fault)
{
	struct sm_span span = { .ops = ops, .self = self, .req = req, .watch = -1 };

	return one(&span, out, fault);
}

/* A spawn that was not even tried: the block has been given up. */
static void untried(struct sm_sample *s, struct sm_fault *fault)
{
	memset(s, 0, sizeof(*s));
	s->flags = SM_SAMPLE_FAILED;
	s->status = -1;
	s->stage = SM_STAGE_TIMEOUT;
	s->err = ECANCELED;
	fault->size = sizeof(*fault);
	sm_fail(fault, SM_STAGE_TIMEOUT, ECANCELED,
		"not tried: the spawns before it timed out one after another");
}

static bool gone(struct sm_host_state *st, int64_t now_ns, int64_t *looked_ns)
{
	if (now_ns - *looked_ns >= LOOK_NS) {
		*looked_ns = now_ns;
		st->driver_gone = st->driver_gone || sm_hung_up(st->sock);
	}
	return st->driver_gone;
}

int sm_host_latency(struct sm_host_state *st, const void *data, uint32_t bytes)
{
	const struct sm_cmd_latency *cmd = data;
	struct sm_span span = { .ops = &st->ops, .self = st->self, .watch = st->sock };
	struct sm_req req;
	int64_t looked_ns = 0;
	uint32_t timeouts = 0;

	if (bytes != sizeof(*cmd) || cmd->timeout_ms == 0)
		return sm_fail(&st->fault, SM_STAGE_ARGUMENT, EINVAL,
			       "latency: expected a struct sm_cmd_latency with a timeout");
	req = sm_host_req(st, st->child_envp, cmd->timeout_ms);
	span.req = &req;
	for (uint64_t i = 0; i < (uint64_t)cmd->warmup + cmd->n; i++) {
		struct sm_sample *s = sm_outbox_sample(st);
		struct sm_fault fault;
		int err = 0;

		if (gone(st, sm_now_ns(), &looked_ns))
			return -EPIPE;
		if (timeouts < TIMEOUTS_MAX && st->ops.idle)
			st->ops.idle(st->self);
		if (timeouts < TIMEOUTS_MAX)
			err = one(&span, s, &fault);
		else
			untried(s, &fault);
		if (timeouts < TIMEOUTS_MAX)
			timeouts = err == -ETIMEDOUT ? timeouts + 1 : 0;
		if (!(s->flags & SM_SAMPLE_FAILED)) {
			st->done.children++;
		} else {
			st->done.failed++;
			sm_outbox_note(st, &fault);
		}
		if (i < cmd->warmup)
			s->flags |= SM_SAMPLE_WARMUP;
	}
	return sm_outbox_flush(st);
}
