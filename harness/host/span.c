/* SPDX-License-Identifier: MIT */
/*
 * span.c - the steps of one spawn, from the request to the child's exit: shared by the latency
 * and the load command, so that both measure alike and fail alike.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"
#include "../sys/sys.h"

/* A pipe's default capacity (pipe(7)): a child that wrote this much to stderr is stuck in it. */
#define PIPE_CAPACITY 65536

static void reset(struct sm_sample *s)
{
	memset(s, 0, sizeof(*s));
	s->utime_ns = s->stime_ns = -1;
	s->minflt = s->majflt = s->nvcsw = s->nivcsw = -1;
	s->status = -1;
}

static int failed(struct sm_sample *s, const struct sm_fault *fault)
{
	s->flags |= SM_SAMPLE_FAILED;
	s->stage = (int16_t)fault->stage;
	s->err = (int16_t)fault->err;
	return fault->err > 0 ? -fault->err : -EIO;
}

static void blame(struct sm_fault *fault, int stage, int err, int detail, const char *text)
{
	fault->size = sizeof(*fault);
	fault->stage = stage;
	fault->err = err;
	fault->detail = detail;
	snprintf(fault->text, sizeof(fault->text), "%s", text);
}

static void blame_stderr(struct sm_fault *fault, const struct sm_tail *err)
{
	size_t used = strlen(fault->text);

	if (err->have == 0)
		return;
	snprintf(fault->text + used, sizeof(fault->text) - used, "%s",
		 used ? "; its stderr ends: " : "stderr ends: ");
	sm_tail_text(err, fault->text, sizeof(fault->text));
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void sm_child_close(struct sm_child *child)
{
	close_one(&child->in);
	close_one(&child->out);
	close_one(&child->err);
	close_one(&child->pidfd);
}

void sm_child_kill(const struct sm_child *child)
{
	if (child->pid > 0) /* noop's is 0: to kill(2) that is the whole process group */
		kill(child->pid, SIGKILL);
}

static void take_exit(struct sm_sample *s, const struct sm_exit *end)
{
	s->status = end->status;
	s->utime_ns = end->utime_ns;
	s->stime_ns = end->stime_ns;
}

static void take_record(struct sm_sample *s, const struct sm_record *rec)
{
	s->received_ns = rec->received_ns;
	s->cloning_ns = rec->cloning_ns;
	s->entered_ns = rec->entered_ns;
	s->ready_ns = rec->ready_ns;
	s->worked_ns = rec->worked_ns;
	s->minflt = (int32_t)rec->minflt;
	s->majflt = (int32_t)rec->majflt;
	s->nvcsw = (int32_t)rec->nvcsw;
	s->nivcsw = (int32_t)rec->nivcsw;
	if (rec->flags & SM_RECORD_RAW_CLOCK)
		s->flags |= SM_SAMPLE_RAW_CLOCK;
}

/* What a whole record and a collected exit say together. 0, or -errno with the fault filled. */
static int judge(struct sm_sample *s, const struct sm_record *rec, struct sm_fault *fault)
{
	if (rec->kind == SM_RECORD_FAULT)
		blame(fault, rec->stage, rec->err, s->status, "the child reports that it failed");
	else if (rec->kind != SM_RECORD_DONE)
		blame(fault, SM_STAGE_RECORD, EPROTO, s->status, "not the record of a done child");
	else if (s->status != 0)
		blame(fault, SM_STAGE_WAIT, 0, s->status,
		      WIFSIGNALED(s->status) ? "the child was killed after its record"
					     : "the child's exit status is not 0");
	else
		return 0;
	return failed(s, fault);
}

int sm_span_start(const struct sm_span *span, struct sm_sample *s, struct sm_child *child,
		  struct sm_fault *fault)
{
	int err;

	reset(s);
	*child = (struct sm_child){
		.size = sizeof(*child), .in = -1, .out = -1, .err = -1, .pidfd = -1
	};
	blame(fault, SM_STAGE_NONE, 0, 0, "");

	s->request_ns = sm_now_ns();
	err = span->ops->spawn(span->self, span->req, child, fault);
	s->created_ns = sm_now_ns();
	if (!err) {
		s->pid = child->pid;
		return 0;
	}
	s->created_ns = 0;
	child->pid = 0;
	if (fault->stage == SM_STAGE_NONE) /* a strategy that does not say: keep what it returned */
		blame(fault, SM_STAGE_CLONE, -err, 0, "");
	return failed(s, fault);
}

int sm_span_end(const struct sm_span *span, struct sm_sample *s, struct sm_child *child,
		const struct sm_record *rec, struct sm_tail *tail, struct sm_fault *fault)
{
	struct sm_exit end = { .size = sizeof(end) };
	int err = span->ops->wait(span->self, child, -1, &end);

	s->reaped_ns = sm_now_ns();
	take_record(s, rec);
	if (!err) {
		take_exit(s, &end);
		err = judge(s, rec, fault);
	} else {
		s->reaped_ns = 0;
		blame(fault, SM_STAGE_WAIT, -err, 0, "the child's exit could not be collected");
		err = failed(s, fault);
	}
	if (err && child->err >= 0) {
		sm_tail_drain(tail, child->err);
		blame_stderr(fault, tail);
	}
	sm_child_close(child);
	return err;
}

int sm_span_give_up(const struct sm_span *span, struct sm_sample *s, struct sm_child *child,
		    int why, struct sm_tail *tail, struct sm_fault *fault)
{
	struct sm_exit end = { .size = sizeof(end), .status = -1 };
	int err = -ETIMEDOUT;

	if (why == -EPIPE) /* stdout closed: it has most likely ended by itself */
		err = span->ops->wait(span->self, child, SM_REAP_MS, &end);
	if (err == -ETIMEDOUT || err == -EPIPE) {
		sm_child_kill(child);
		err = span->ops->wait(span->self, child, SM_REAP_MS, &end);
	}
	if (!err)
		take_exit(s, &end);
	if (child->err >= 0)
		sm_tail_drain(tail, child->err);

	if (why == -ETIMEDOUT)
		blame(fault, SM_STAGE_TIMEOUT, ETIMEDOUT, end.status,
		      tail->lost + tail->have >= PIPE_CAPACITY
			      ? "no record in time: the child filled its stderr"
			      : "no record in time: the child was killed");
	else if (why == -EPIPE)
		blame(fault, SM_STAGE_RECORD, 0, end.status,
		      WIFSIGNALED(end.status) && !err ? "the child was killed before its record"
						      : "the child ended without a record");
	else
		blame(fault, SM_STAGE_RECORD, -why, end.status, "the record could not be read");
	blame_stderr(fault, tail);
	s->recorded_ns = 0;
	sm_child_close(child);
	failed(s, fault);
	return why == -EPIPE ? -EIO : why;
}

int sm_span_silent(const struct sm_span *span, struct sm_sample *s, struct sm_child *child,
		   struct sm_fault *fault)
{
	struct sm_record rec = { .magic = 0 };
	struct sm_exit end = { .size = sizeof(end) };
	int err = span->ops->wait(span->self, child, -1, &end);

	s->reaped_ns = sm_now_ns();
	if (err) {
		s->reaped_ns = 0;
		blame(fault, SM_STAGE_WAIT, -err, 0, "the child's exit could not be collected");
	} else {
		take_exit(s, &end);
		err = span->ops->record ? span->ops->record(span->self, child, &rec) : -ENOSYS;
		if (err)
			blame(fault, SM_STAGE_RECORD, -err, s->status,
			      "a child without stdout, and no record from its strategy");
	}
	sm_child_close(child);
	if (err)
		return failed(s, fault);
	s->recorded_ns = s->reaped_ns;
	take_record(s, &rec);
	return judge(s, &rec, fault);
}
