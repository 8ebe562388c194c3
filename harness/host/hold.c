/* SPDX-License-Identifier: MIT */
/*
 * hold.c - children that stand still at ready, and after their work, so that a meter can look at
 * them. What they obey is the order "hold" of child/orders.h.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "host.h"
#include "../sys/sys.h"

pid_t sm_host_program(const struct sm_host_state *st, const struct sm_child *child,
		      const struct sm_record *rec)
{
	bool between = (st->ops.traits & SM_FRESH_IMAGE) &&
		       !(st->ops.traits & (SM_CHILD_OF_PARENT | SM_OWN_SERVER));

	return between && rec->pid > 0 ? rec->pid : child->pid;
}

static int blame(struct sm_host_state *st, struct sm_held *h, int stage, int err, const char *text)
{
	struct sm_tail tail = { .have = 0 };

	sm_fail(&st->fault, stage, err > 0 ? err : EIO, text);
	if (h->child.err >= 0 && (sm_tail_drain(&tail, h->child.err), tail.have)) {
		strncat(st->fault.text,
			"; its stderr ends: ", sizeof(st->fault.text) - strlen(st->fault.text) - 1);
		sm_tail_text(&tail, st->fault.text, sizeof(st->fault.text));
	}
	return st->fault.err ? -st->fault.err : -EIO;
}

/* The next record of a held child, which must be of this kind. 0, or -errno with the fault. */
static int expect(struct sm_host_state *st, struct sm_held *h, uint32_t kind, uint32_t timeout_ms)
{
	struct sm_record rec;
	int err = sm_reader_wait(&h->out, h->child.out, &rec, timeout_ms, st->sock);

	if (err == -ETIMEDOUT)
		return blame(st, h, SM_STAGE_TIMEOUT, ETIMEDOUT, "a held child gave no record");
	if (err)
		return blame(st, h, SM_STAGE_RECORD, err == -EPIPE ? 0 : -err,
			     "a held child ended without its record");
	if (rec.kind == SM_RECORD_FAULT)
		return blame(st, h, rec.stage, rec.err, "a held child reports that it failed");
	if (rec.kind != kind)
		return blame(st, h, SM_STAGE_RECORD, EPROTO, "a held child sent another record");
	h->program = sm_host_program(st, &h->child, &rec);
	return 0;
}

static void kill_one(struct sm_host_state *st, struct sm_held *h)
{
	struct sm_exit end = { .size = sizeof(end) };

	sm_child_kill(&h->child);
	st->ops.wait(st->self, &h->child, SM_REAP_MS, &end);
	sm_child_close(&h->child);
}

void sm_held_kill(struct sm_host_state *st)
{
	struct sm_scratch *x = st->scratch;

	while (x->nheld)
		kill_one(st, &x->held[--x->nheld]);
}

/* Spawns one more, without waiting for it to be ready: so those that exec start side by side. */
static int hold_one(struct sm_host_state *st, const struct sm_req *req)
{
	struct sm_held *h = &st->scratch->held[st->scratch->nheld];
	struct sm_child child = {
		.size = sizeof(child), .in = -1, .out = -1, .err = -1, .pidfd = -1
	};
	int err = st->ops.spawn(st->self, req, &child, &st->fault);

	if (err)
		return err;
	h->child = child;
	h->out.have = 0;
	if (child.in < 0 || child.out < 0) {
		kill_one(st, h);
		return sm_fail(&st->fault, SM_STAGE_ARGUMENT, EOPNOTSUPP,
			       "children of this strategy cannot hold: they have no stdio");
	}
	st->scratch->nheld++;
	return 0;
}

/* Waits for all from first on to be ready; those that fail are ended. The first error, or 0. */
static int await_ready(struct sm_host_state *st, uint32_t first, uint32_t timeout_ms)
{
	struct sm_scratch *x = st->scratch;
	uint32_t kept = first;
	int first_err = 0;

	for (uint32_t i = first; i < x->nheld; i++) {
		int err = first_err ? first_err
				    : expect(st, &x->held[i], SM_RECORD_READY, timeout_ms);

		if (err) {
			kill_one(st, &x->held[i]);
			first_err = err;
			continue;
		}
		if (kept != i)
			x->held[kept] = x->held[i];
		kept++;
	}
	x->nheld = kept;
	st->done.children += kept - first;
	return first_err;
}

int sm_host_hold(struct sm_host_state *st, const void *data, uint32_t bytes)
{
	const struct sm_cmd_hold *cmd = data;
	struct sm_scratch *x = st->scratch;
	uint32_t first = x->nheld;
	int32_t pids[SM_IN_FLIGHT_MAX];
	struct sm_req req;
	int err = 0, ready_err;

	if (bytes != sizeof(*cmd) || cmd->timeout_ms == 0 || cmd->n > SM_IN_FLIGHT_MAX - first)
		return sm_fail(&st->fault, SM_STAGE_ARGUMENT, EINVAL,
			       "hold: expected a timeout and at most 256 children in all");
	err = sm_descriptors_reserve(SM_FDS_PER_CHILD * (first + cmd->n) + st->ballast.nfds);
	if (err)
		return sm_fail(&st->fault, SM_STAGE_PIPE, -err,
			       "hold: too many descriptors; see ulimit -Hn");
	x->held_timeout_ms = cmd->timeout_ms;
	req = sm_host_req(st, st->hold_envp, cmd->timeout_ms);
	for (uint32_t i = 0; i < cmd->n && !err; i++)
		err = hold_one(st, &req);
	ready_err = await_ready(st, first, cmd->timeout_ms);
	if (!err)
		err = ready_err;
	for (uint32_t i = first; i < x->nheld; i++)
		pids[i - first] = x->held[i].program;
	if (x->nheld > first && !st->driver_gone)
		sm_host_send(st, SM_MSG_PIDS, pids, (x->nheld - first) * sizeof(pids[0]));
	return err;
}

int sm_host_spares(struct sm_host_state *st, const void *data, uint32_t bytes)
{
	int32_t pids[SM_IN_FLIGHT_MAX];
	int n;

	(void)data;
	if (bytes || !st->ops.spares)
		return sm_fail(&st->fault, SM_STAGE_ARGUMENT, bytes ? EINVAL : EOPNOTSUPP,
			       "spares: no argument, and a strategy that makes children ahead");
	if (st->ops.idle)
		st->ops.idle(st->self);
	n = st->ops.spares(st->self, pids, SM_IN_FLIGHT_MAX);
	if (n < 0)
		return sm_fail(&st->fault, SM_STAGE_REPLY, -n, "spares");
	if (n > SM_IN_FLIGHT_MAX)
		n = SM_IN_FLIGHT_MAX;
	st->done.children += (uint32_t)n;
	return n ? sm_host_send(st, SM_MSG_PIDS, pids, (size_t)n * sizeof(pids[0])) : 0;
}

/* Writes one byte to a pipe whose reader may have gone; no SIGPIPE, no changed disposition. */
static int nudge(int fd)
{
	const struct timespec now = { 0, 0 };
	sigset_t pipe_only, old;
	int err = 0;

	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	sigprocmask(SIG_BLOCK, &pipe_only, &old);
	if (write(fd, "\n", 1) != 1) {
		err = -errno;
		if (err == -EPIPE && !sigismember(&old, SIGPIPE))
			sigtimedwait(&pipe_only, NULL, &now);
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	return err;
}

int sm_host_work(struct sm_host_state *st, const void *data, uint32_t bytes)
{
	struct sm_scratch *x = st->scratch;
	int err = 0;

	(void)data;
	if (bytes)
		return sm_fail(&st->fault, SM_STAGE_ARGUMENT, EINVAL, "work: takes no argument");
	for (uint32_t i = 0; i < x->nheld && !err; i++) {
		err = nudge(x->held[i].child.in);
		if (err)
			err = blame(st, &x->held[i], SM_STAGE_SEND, -err,
				    "a held child has gone before its work");
		else
			err = expect(st, &x->held[i], SM_RECORD_DONE, x->held_timeout_ms);
		st->done.children += !err;
	}
	return err;
}

/*
 * Ends one child as its order says: by end of file on its stdin. A copy of the parent has a copy
 * of the parent's ends as well, its own stdin's among them: there no end of file comes, and the
 * child is killed. 0, or -errno with the fault filled.
 */
static int release_one(struct sm_host_state *st, struct sm_held *h)
{
	const bool copy = (st->ops.traits & SM_PARENT_LOADS) != 0;
	struct sm_exit end = { .size = sizeof(end) };
	int err;

	close(h->child.in);
	h->child.in = -1;
	if (copy)
		sm_child_kill(&h->child);
	err = st->ops.wait(st->self, &h->child, SM_REAP_MS, &end);
	if (err) {
		kill_one(st, h);
		return sm_fail(&st->fault, SM_STAGE_WAIT, -err, "a held child did not end");
	}
	if (end.status && !(copy && end.status == SIGKILL))
		err = blame(st, h, SM_STAGE_WAIT, 0, "a held child ended with another status");
	sm_child_close(&h->child);
	return err;
}

int sm_host_release(struct sm_host_state *st, const void *data, uint32_t bytes)
{
	struct sm_scratch *x = st->scratch;
	int first = 0;

	(void)data;
	if (bytes)
		return sm_fail(&st->fault, SM_STAGE_ARGUMENT, EINVAL, "release: takes no argument");
	while (x->nheld) {
		int err = release_one(st, &x->held[--x->nheld]);

		st->done.children += !err;
		if (err && !first)
			first = err;
	}
	return first;
}
