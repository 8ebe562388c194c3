/* SPDX-License-Identifier: MIT */
/*
 * act.c - one child of the isolation run after another: spawn it, give it its orders, take its
 * answer, see it end. Whatever fails, no child is left.
 */
#include "act.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "../isolation/layout.h"
#include "../sys/sys.h"

static int blame(struct sm_acting *acting, const struct sm_act *act, int stage, int err,
		 const char *what)
{
	struct sm_fault *fault = &acting->st->fault;
	struct sm_tail tail = { .have = 0 };

	sm_fail(fault, stage, err > 0 ? err : EIO, "");
	if (act->child.err >= 0)
		sm_tail_drain(&tail, act->child.err);
	snprintf(fault->text, sizeof(fault->text), "isolate: the %s %s%s", act->who, what,
		 tail.have ? "; its stderr ends: " : "");
	if (tail.have)
		sm_tail_text(&tail, fault->text, sizeof(fault->text));
	return -fault->err;
}

void sm_act_kill(struct sm_acting *acting, struct sm_act *act)
{
	struct sm_exit end = { .size = sizeof(end) };

	if (act->child.pid > 0) {
		kill(act->child.pid, SIGKILL);
		acting->st->ops.wait(acting->st->self, &act->child, SM_REAP_MS, &end);
		sm_child_close(&act->child);
	}
	act->child.pid = 0;
}

int sm_act_start(struct sm_acting *acting, struct sm_act *act, const char *who,
		 const char *const *envp, const char *const *args, const struct sm_attack *orders)
{
	struct sm_host_state *st = acting->st;
	struct sm_req req = sm_host_req(st, envp, acting->timeout_ms);
	int err;

	if (args)
		req.args = args;
	*act = (struct sm_act){
		.who = who,
		.child = { .size = sizeof(act->child),
			   .in = -1,
			   .out = -1,
			   .err = -1,
			   .pidfd = -1 },
	};
	err = st->ops.spawn(st->self, &req, &act->child, &st->fault);
	if (err) {
		act->child.pid = 0;
		return err;
	}
	if (act->child.in < 0 || act->child.out < 0)
		err = blame(acting, act, SM_STAGE_ARGUMENT, EOPNOTSUPP,
			    "has no stdio: nothing can be asked of it");
	else if (orders && sm_write_quietly(act->child.in, orders, sizeof(*orders)))
		err = blame(acting, act, SM_STAGE_SEND, EPIPE, "ended before its orders");
	if (err)
		sm_act_kill(acting, act);
	return err;
}

int sm_act_record(struct sm_acting *acting, struct sm_act *act, uint32_t kind,
		  struct sm_record *rec)
{
	int err = sm_reader_wait(&act->out, act->child.out, rec, acting->timeout_ms,
				 acting->st->sock);

	if (err == -ETIMEDOUT)
		err = blame(acting, act, SM_STAGE_TIMEOUT, ETIMEDOUT, "gave no answer in time");
	else if (err)
		err = blame(acting, act, SM_STAGE_RECORD, err == -EPIPE ? 0 : -err,
			    "ended without an answer");
	else if (rec->kind == SM_RECORD_FAULT)
		err = blame(acting, act, rec->stage, rec->err, "reports that it failed");
	else if (rec->kind != kind)
		err = blame(acting, act, SM_STAGE_RECORD, EPROTO, "sent another record");
	if (err)
		sm_act_kill(acting, act);
	return err;
}

int sm_act_data(struct sm_acting *acting, struct sm_act *act, void *data, size_t unit, size_t max,
		uint32_t *n)
{
	struct sm_record rec;
	size_t early;
	int err = sm_act_record(acting, act, SM_RECORD_DATA, &rec);

	if (err)
		return err;
	act->program = sm_host_program(acting->st, &act->child, &rec);
	if (rec.data_bytes > max || rec.data_bytes % unit) {
		err = -EPROTO;
	} else { /* the reader may have taken the first bytes along with the record */
		early = act->out.have < rec.data_bytes ? act->out.have : rec.data_bytes;
		memcpy(data, act->out.buf, early);
		act->out.have = 0;
		err = sm_read_all(act->child.out, (char *)data + early, rec.data_bytes - early,
				  (int)acting->timeout_ms);
	}
	if (err) {
		blame(acting, act, SM_STAGE_RECORD, -err, "sent an answer that is not whole");
		sm_act_kill(acting, act);
		return err;
	}
	*n = (uint32_t)(rec.data_bytes / unit);
	return 0;
}

int sm_act_end(struct sm_acting *acting, struct sm_act *act)
{
	struct sm_exit end = { .size = sizeof(end) };
	int err =
		acting->st->ops.wait(acting->st->self, &act->child, (int)acting->timeout_ms, &end);

	if (err) {
		blame(acting, act, SM_STAGE_WAIT, -err, "did not end");
		sm_act_kill(acting, act);
		return err;
	}
	if (end.status) {
		err = blame(acting, act, SM_STAGE_WAIT, 0, "ended with another status than 0");
		acting->st->fault.detail = end.status;
	}
	sm_child_close(&act->child);
	act->child.pid = 0;
	acting->st->done.children += !err;
	return err;
}

void sm_act_let_go(struct sm_act *act)
{
	sm_write_quietly(act->child.in, "\n", 1); /* one that has gone is told by its status */
}

int sm_act_layout(struct sm_acting *acting, const char *const *envp, uint32_t sibling)
{
	struct sm_msg_layout rows[SM_LAYOUT_ROWS];
	struct sm_act act;
	uint32_t n = 0;
	int err = sm_act_start(acting, &act, "sibling", envp, NULL, NULL);

	if (!err)
		err = sm_act_data(acting, &act, rows, sizeof(rows[0]), sizeof(rows), &n);
	if (!err)
		err = sm_act_end(acting, &act);
	for (uint32_t i = 0; i < n && !err; i++) {
		rows[i].sibling = sibling;
		err = sm_host_send(acting->st, SM_MSG_LAYOUT, &rows[i], sizeof(rows[i]));
	}
	return err;
}
