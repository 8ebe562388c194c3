/* SPDX-License-Identifier: MIT */
/*
 * kid.c - one child of a check, as its parent handles it.
 */
#include "inside.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "../sys/sys.h"

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void close_all(struct sm_kid *kid)
{
	close_fd(&kid->child.in);
	close_fd(&kid->child.out);
	close_fd(&kid->child.err);
	close_fd(&kid->child.pidfd);
}

int sm_kid_spawn(struct sm_cell *c, struct sm_kid *kid, const struct sm_req *req)
{
	int err = 0;

	kid->child = (struct sm_child){
		.size = sizeof(kid->child), .in = -1, .out = -1, .err = -1, .pidfd = -1
	};
	kid->exit = (struct sm_exit){ .size = sizeof(kid->exit) };
	kid->have = 0;
	kid->reaped = true; /* until there is one */
	if (!c->started)
		err = sm_cell_start(c);
	if (err)
		return err;
	if (!req->envp)
		return -ENOMEM;
	c->fault.stage = SM_STAGE_NONE;
	err = c->ops->spawn(c->self, req, &kid->child, &c->fault);
	kid->reaped = err != 0;
	if (err)
		kid->child.pid = 0;
	return err;
}

/* One record and what follows it, when the buffer holds it whole. 1, 0, or -errno. */
static int take(struct sm_cell *c, struct sm_kid *kid, struct sm_answer *answer)
{
	const uint64_t magic = SM_RECORD_MAGIC;
	const char *at = memmem(kid->buf, kid->have, &magic, sizeof(magic));
	struct sm_record rec;
	size_t left, need = sizeof(rec);

	if (!at)
		return 0;
	left = kid->have - (size_t)(at - kid->buf);
	if (left < need)
		return 0;
	memcpy(&rec, at, sizeof(rec));
	if (rec.kind == SM_RECORD_FAULT) {
		kid->have = 0;
		sm_fail(&c->fault, (enum sm_stage)rec.stage, rec.err, "told by the child");
		c->fault.detail = rec.detail;
		return -EIO;
	}
	if (rec.kind != SM_RECORD_DATA || rec.data_bytes != sizeof(*answer))
		return -EPROTO;
	need += rec.data_bytes;
	if (left < need)
		return 0;
	memcpy(answer, at + sizeof(rec), sizeof(*answer));
	answer->text[sizeof(answer->text) - 1] = '\0';
	kid->have = (uint32_t)(left - need);
	memmove(kid->buf, at + need, kid->have);
	return 1;
}

/* Text without a record fills the buffer: its first half goes. */
static void make_room(struct sm_kid *kid)
{
	const uint32_t half = sizeof(kid->buf) / 2;

	if (kid->have < sizeof(kid->buf))
		return;
	memmove(kid->buf, kid->buf + half, kid->have - half);
	kid->have -= half;
}

int sm_kid_answer(struct sm_cell *c, struct sm_kid *kid, struct sm_answer *answer)
{
	int64_t end = sm_now_ns() + (int64_t)SM_STEP_MS * 1000000;
	int got;

	c->fault.stage = SM_STAGE_NONE;
	if (kid->child.out < 0)
		return -EBADF;
	while ((got = take(c, kid, answer)) == 0) {
		struct pollfd p = { .fd = kid->child.out, .events = POLLIN };
		int64_t left = (end - sm_now_ns()) / 1000000;
		ssize_t n;
		int ready = left < 0 ? 0 : poll(&p, 1, (int)left + 1);

		if (ready == 0)
			return -ETIMEDOUT;
		if (ready < 0 && errno == EINTR) /* read() would wait without a bound */
			continue;
		make_room(kid);
		n = read(kid->child.out, kid->buf + kid->have, sizeof(kid->buf) - kid->have);
		if (n == 0)
			return -EPIPE;
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return -errno;
		kid->have += n > 0 ? (uint32_t)n : 0;
	}
	return got < 0 ? got : 0;
}

int sm_kid_say(struct sm_kid *kid, char byte)
{
	return sm_write_quietly(kid->child.in, &byte, 1);
}

void sm_kid_close_in(struct sm_kid *kid)
{
	close_fd(&kid->child.in);
}

int sm_kid_wait(struct sm_cell *c, struct sm_kid *kid)
{
	int err;

	if (kid->reaped)
		return -ECHILD;
	close_fd(&kid->child.in);
	err = c->ops->wait(c->self, &kid->child, SM_STEP_MS, &kid->exit);
	if (err == -ETIMEDOUT) {
		sm_fail(&c->fault, SM_STAGE_TIMEOUT, ETIMEDOUT, "the child does not end");
		return err;
	}
	kid->reaped = true;
	close_all(kid);
	if (err)
		sm_fail(&c->fault, SM_STAGE_WAIT, -err, "");
	return err;
}

void sm_kid_kill(struct sm_cell *c, struct sm_kid *kid)
{
	if (!kid->reaped && kid->child.pid > 0) {
		kill(kid->child.pid, SIGKILL);
		if (c->started)
			c->ops->wait(c->self, &kid->child, SM_STEP_MS, &kid->exit);
	}
	kid->reaped = true;
	close_all(kid);
}

int sm_kid_up(struct sm_cell *c, struct sm_kid *kid, const struct sm_req *req,
	      struct sm_answer *answer)
{
	int err = sm_kid_spawn(c, kid, req);

	if (!err)
		err = sm_kid_answer(c, kid, answer);
	if (err)
		sm_kid_kill(c, kid);
	return err;
}

int sm_kid_try(struct sm_cell *c, const struct sm_req *req)
{
	struct sm_kid kid;
	int err = sm_kid_spawn(c, &kid, req);

	sm_kid_kill(c, &kid);
	return err;
}

int sm_kid_ask_req(struct sm_cell *c, const struct sm_req *req, struct sm_answer *answer,
		   struct sm_exit *exit)
{
	struct sm_kid kid;
	int err = sm_kid_up(c, &kid, req, answer);

	if (err)
		return err;
	err = sm_kid_wait(c, &kid);
	if (!err && exit)
		*exit = kid.exit;
	sm_kid_kill(c, &kid);
	return err;
}

int sm_kid_ask(struct sm_cell *c, const char *arg, struct sm_answer *answer, struct sm_exit *exit)
{
	const struct sm_req req = sm_cell_req(c, arg);

	return sm_kid_ask_req(c, &req, answer, exit);
}

int sm_kid_verdict(struct sm_cell *c, const struct sm_req *req)
{
	struct sm_answer answer = { .observed = SM_OBSERVED_NONE };
	struct sm_kid kid = { .reaped = true };
	int err = sm_kid_spawn(c, &kid, req);

	if (err)
		return sm_trouble(c, err, "spawn");
	err = sm_kid_answer(c, &kid, &answer);
	if (!err)
		err = sm_kid_wait(c, &kid);
	sm_kid_kill(c, &kid);
	if (err)
		return sm_trouble(c, err, "the child's answer");
	if (kid.exit.status)
		return sm_fails(c, "the child ended with wait status %d", kid.exit.status);
	c->observed = answer.observed;
	c->feature = answer.feature;
	memcpy(c->text, answer.text, sizeof(c->text));
	return c->observed;
}
