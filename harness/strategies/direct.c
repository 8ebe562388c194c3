/* SPDX-License-Identifier: MIT */
/*
 * direct.c - the parent's half of a warm server; see direct.h.
 */
#include "direct.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../sandbox/sandbox.h"
#include "../wire/frame.h"
#include "common.h"

/* What a spawn works with. */
struct turn {
	const struct sm_req *req;
	struct sm_frame frame;
	struct sm_direct_reply reply;
	struct sm_fault *fault;
};

static void close_fds(struct sm_frame *frame)
{
	for (unsigned int i = 0; i < frame->nfds; i++)
		close(frame->fds[i]);
	frame->nfds = 0;
}

/* The server is no more; what it was about to make is taken care of. */
static void bury(struct sm_direct *w)
{
	if (w->gone)
		w->gone(w);
	close(w->sock);
	w->sock = -1;
}

static int await_ready(struct sm_direct *w, struct sm_fault *fault)
{
	struct sm_frame frame;
	int err = sm_frame_recv(w->sock, &frame, NULL, 0, sm_server_patience_ms(&w->server));

	if (!err && (frame.type != SM_DIRECT_READY || frame.nfds)) {
		close_fds(&frame);
		err = -EPROTO;
	}
	if (!err)
		return 0;
	err = sm_server_failed(&w->server, err, fault);
	bury(w);
	return err;
}

/* Starts a server and waits until it has loaded. 0, or -errno and there is none. */
static int launch(struct sm_direct *w, struct sm_fault *fault)
{
	struct sm_server_spec spec = { .strategy = w->strategy, .where = "3", .npass = 1 };
	int pair[2], pass[2], err;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return sm_fail(fault, SM_STAGE_PIPE, errno, "no socket pair for the server");
	pass[0] = pair[1];
	pass[1] = w->more;
	spec.pass = pass;
	if (w->more >= 0) {
		spec.where = "3,4";
		spec.npass = 2;
	}
	err = sm_server_start(&w->server, &w->setup, &spec, fault);
	close(pair[1]); /* so that the server's death is an end of file */
	if (err) {
		close(pair[0]);
		return err;
	}
	w->sock = pair[0];
	return await_ready(w, fault);
}

int sm_direct_start(struct sm_direct *w, const struct sm_setup *setup, struct sm_fault *fault)
{
	w->sock = -1;
	sm_setup_keep(&w->setup, setup);
	return launch(w, fault);
}

/*
 * Gives up the server. A child that it had made already, and told of in time, must not be left:
 * it is ours to reap.
 */
static void give_up(struct sm_direct *w, struct turn *t)
{
	t->reply.pid = 0;
	sm_server_kill(&w->server);
	if (!sm_frame_recv(w->sock, &t->frame, &t->reply, sizeof(t->reply), 0))
		close_fds(&t->frame);
	if (t->reply.pid > 0)
		sm_kill_child(t->reply.pid);
	bury(w);
}

static int send_once(struct sm_direct *w, const struct turn *t, uint32_t bytes)
{
	int fds[SM_FRAME_FDS_MAX];
	int n = t->req->fields ? sm_request_fds(t->req, fds, SM_FRAME_FDS_MAX) : 0;

	if (n < 0)
		return sm_fail_field(t->fault, SM_REQ_FDS, -n, "more than one message can carry");
	n = sm_frame_send(w->sock, SM_DIRECT_SPAWN, w->buf, bytes, fds, (unsigned int)n);
	return n ? sm_fail(t->fault, SM_STAGE_SEND, -n, "the server takes no request") : 0;
}

static int send_request(struct sm_direct *w, const struct turn *t)
{
	int bytes = sm_request_pack(w->buf, sizeof(w->buf), t->req), err = 0;

	if (bytes < 0)
		return sm_fail(t->fault, SM_STAGE_ARGUMENT, -bytes, "the request is too large");
	if (w->sock < 0)
		err = launch(w, t->fault);
	if (!err)
		err = send_once(w, t, (uint32_t)bytes);
	if (err != -EPIPE || w->sock < 0)
		return err;
	/* It died since: nothing of this request has gone anywhere, so another may have it. */
	sm_server_kill(&w->server);
	bury(w);
	err = launch(w, t->fault);
	return err ? err : send_once(w, t, (uint32_t)bytes);
}

static int is_reply(const struct sm_direct *w, const struct turn *t)
{
	const struct sm_direct_reply *r = &t->reply;
	unsigned int more = r->pidfd ? 1 : 0;

	if (t->frame.type != SM_DIRECT_REPLY || t->frame.bytes != sizeof(*r))
		return 0;
	if (r->err)
		return r->err > 0 && !t->frame.nfds;
	return r->pid > 0 && t->frame.nfds == sm_pipes_due(t->req, &w->places) + more;
}

/* Receives the answer. 0: a child. *in_step: the next request can be answered in its turn. */
static int receive(struct sm_direct *w, struct turn *t, int *in_step)
{
	struct sm_direct_reply *r = &t->reply;
	int err = sm_frame_recv(w->sock, &t->frame, r, sizeof(*r), sm_poll_ms(t->req->timeout_ms));

	*in_step = err == -EMFILE;
	if (err)
		return sm_fail_answer(t->fault, err, r->pid);
	if (!is_reply(w, t)) {
		close_fds(&t->frame);
		return sm_fail(t->fault, SM_STAGE_REPLY, EPROTO, "the server talks nonsense");
	}
	*in_step = 1;
	if (!r->err)
		return 0;
	if (r->pid > 0)
		sm_kill_child(r->pid);
	r->text[sizeof(r->text) - 1] = '\0';
	if (r->stage == SM_STAGE_SANDBOX)
		return sm_fail_layer(t->fault, r->detail, r->err);
	return sm_fail(t->fault, (enum sm_stage)r->stage, r->err, r->text);
}

int sm_direct_spawn(struct sm_direct *w, const struct sm_req *req, struct sm_child *child,
		    struct sm_fault *fault)
{
	struct turn t = { .fault = fault };
	struct sm_req own;
	int err = sm_check_spawn(&req, &own, &w->places, child, fault), in_step = 0;

	if (err)
		return err;
	t.req = req;
	err = send_request(w, &t);
	if (err) /* of these alone it is certain that nothing has been sent */
		in_step = err == -EMSGSIZE || err == -ETOOMANYREFS || err == -E2BIG;
	else
		err = receive(w, &t, &in_step);
	if (!err)
		sm_give_received(child, t.reply.pid, req, &w->places, t.frame.fds, t.reply.pidfd);
	else if (!in_step && w->sock >= 0)
		give_up(w, &t);
	return err;
}

void sm_direct_stop(struct sm_direct *w)
{
	if (w->sock >= 0)
		shutdown(w->sock, SHUT_WR); /* end of file: the server returns */
	sm_server_stop(&w->server);
	if (w->sock >= 0)
		bury(w);
}
