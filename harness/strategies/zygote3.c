/* SPDX-License-Identifier: MIT */
/*
 * zygote3.c - what zygote should be today: the same server, without its flaws.
 *
 * A child comes from clone3 (hatch.h): born in its control group, its pidfd in the parent's hands,
 * libc in order in it, and fork handlers run, so that a payload may have threads (OpenBLAS stops
 * its own around the clone). A static payload is cloned without the handlers of libraries.
 *
 * Every answer is waited for as long as the request says. A server that does not answer in time is
 * killed, since a late answer would be taken for the next one's; and whenever there is none the
 * next spawn starts one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../wire/packet.h"
#include "common.h"
#include "hatch.h"
#include "ledger.h"
#include "option.h"
#include "request.h"
#include "server.h"
#include "warm.h"
#include "zygote3.h"

struct zygote3 {
	struct sm_setup setup; /* what its pointers point to stays the caller's */
	struct sm_server server;
	struct sm_ledger ledger; /* the server's; none where there is no room for one */
	int sock;                /* -1: there is no server */
	int loading;             /* it has not said yet that it is ready */
	int patience_ms;         /* how long its socket is waited for */
	struct sm_places places; /* of the request in hand; untouched by those without */
	char buf[SM_REQUEST_BYTES_MAX] SM_REQUEST_ALIGNED;
};

/* What a spawn works with. */
struct turn {
	const struct sm_req *req;
	struct sm_fault *fault;
	struct sm_zygote3_reply reply;
	struct sm_packet packet;
};

/* Receives a reply; timeout_ms as for sm_packet_recv(). */
static int receive_reply(struct zygote3 *z, struct turn *t, int timeout_ms)
{
	int err = 0;

	if (timeout_ms && timeout_ms != z->patience_ms) {
		err = sm_packet_patience(z->sock, timeout_ms);
		z->patience_ms = timeout_ms;
	}
	t->reply.pid = t->reply.err = t->reply.pidfd = 0;
	t->packet.data = &t->reply;
	t->packet.bytes = sizeof(t->reply);
	return err ? err : sm_packet_recv(z->sock, &t->packet, timeout_ms);
}

/* Starts a server, which then loads. 0, or -errno and there is none. */
static int launch(struct zygote3 *z, struct sm_fault *fault)
{
	int err = sm_hatch_launch(&z->server, &z->ledger, &z->setup, "zygote3", SOCK_SEQPACKET,
				  &z->sock, fault);

	if (err)
		return err;
	z->loading = 1;
	z->patience_ms = -1;
	return 0;
}

static void drop_sock(struct zygote3 *z)
{
	close(z->sock);
	z->sock = -1;
	sm_ledger_close(&z->ledger);
}

/*
 * Waits until it has loaded, timeout_ms at most and no longer than the setup allows. 0; or -errno:
 * it is gone, unless the time that is over is only the request's.
 */
static int await_ready(struct zygote3 *z, int timeout_ms, struct sm_fault *fault)
{
	int patience_ms = sm_server_patience_ms(&z->server), err;
	struct turn t;

	err = receive_reply(z, &t, timeout_ms < patience_ms ? timeout_ms : patience_ms);
	if (!err && (t.packet.bytes != SM_ZYGOTE3_REPLY_SHORT || t.reply.pid || t.packet.nfds)) {
		sm_packet_close_fds(&t.packet);
		err = -EPROTO;
	}
	z->loading = 0;
	if (!err)
		return 0;
	if (err == -ETIMEDOUT && timeout_ms < patience_ms) {
		z->loading = 1;
		return sm_fail(fault, SM_STAGE_TIMEOUT, ETIMEDOUT,
			       "the server that takes the place of the last one still loads");
	}
	err = sm_server_failed(&z->server, err, fault);
	drop_sock(z);
	return err;
}

static int zygote3_start(void **self, const struct sm_setup *setup, struct sm_fault *fault)
{
	struct sm_warm warm;
	struct zygote3 *z;
	int err = sm_check_setup_sandboxed(setup, fault);

	if (!err)
		err = sm_options_check(sm_setup_options(setup), sm_zygote3_ops.options, fault);
	if (!err)
		err = sm_warm_read(&warm, sm_setup_options(setup), fault);
	if (err)
		return err;
	z = calloc(1, sizeof(*z));
	if (!z)
		return sm_fail(fault, SM_STAGE_ARGUMENT, ENOMEM, NULL);
	sm_setup_keep(&z->setup, setup);
	z->sock = -1;
	err = launch(z, fault);
	if (!err)
		err = await_ready(z, sm_server_patience_ms(&z->server), fault);
	if (err)
		free(z);
	else
		*self = z;
	return err;
}

/* Gives up the server. A child that it had made already, told of or not, is ours to reap. */
static void give_up(struct zygote3 *z, struct turn *t)
{
	pid_t orphan;

	sm_server_kill(&z->server);
	if (!receive_reply(z, t, 0))
		sm_packet_close_fds(&t->packet);
	if (t->reply.pid > 0)
		sm_kill_child(t->reply.pid);
	orphan = sm_ledger_orphan(&z->ledger);
	if (orphan && orphan != t->reply.pid)
		sm_kill_child(orphan);
	drop_sock(z);
}

/* Sends the request and what goes beside it. -EPIPE: there is no server any more. */
static int send_once(struct zygote3 *z, struct turn *t, uint32_t bytes)
{
	int n = t->req->fields ? sm_request_fds(t->req, t->packet.fds, SM_FRAME_FDS_MAX) : 0;

	if (n < 0)
		return sm_fail_field(t->fault, SM_REQ_FDS, -n, "more than one message can carry");
	t->packet.data = z->buf;
	t->packet.bytes = bytes;
	t->packet.nfds = (uint32_t)n;
	n = sm_packet_send(z->sock, &t->packet);
	return n ? sm_fail(t->fault, SM_STAGE_SEND, -n, "the server takes no request") : 0;
}

/* A server that can be sent to: the one that there is, or another in its place. */
static int have_server(struct zygote3 *z, struct turn *t)
{
	int err = 0;

	if (z->sock < 0)
		err = launch(z, t->fault);
	if (!err && z->loading)
		err = await_ready(z, sm_poll_ms(t->req->timeout_ms), t->fault);
	return err;
}

static int send_request(struct zygote3 *z, struct turn *t)
{
	int bytes = sm_request_pack(z->buf, sizeof(z->buf), t->req), err;

	if (bytes < 0)
		return sm_fail(t->fault, SM_STAGE_ARGUMENT, -bytes, "the request is too large");
	err = have_server(z, t);
	if (!err)
		err = send_once(z, t, (uint32_t)bytes);
	if (err != -EPIPE || z->sock < 0)
		return err;
	/* It died since: nothing of this request has gone anywhere, so another may have it. */
	sm_server_kill(&z->server);
	drop_sock(z);
	err = have_server(z, t);
	return err ? err : send_once(z, t, (uint32_t)bytes);
}

static int is_reply(const struct zygote3 *z, const struct turn *t)
{
	const struct sm_zygote3_reply *r = &t->reply;
	unsigned int more = r->pidfd ? 1 : 0;

	if (r->err)
		return r->err > 0 && t->packet.bytes == sizeof(*r) && !t->packet.nfds;
	return r->pid > 0 && t->packet.bytes == SM_ZYGOTE3_REPLY_SHORT &&
	       t->packet.nfds == sm_pipes_due(t->req, &z->places) + more;
}

/* Receives the answer. 0: a child. *in_step: the next request can be answered in its turn. */
static int receive(struct zygote3 *z, struct turn *t, int *in_step)
{
	struct sm_zygote3_reply *r = &t->reply;
	int err = receive_reply(z, t, sm_poll_ms(t->req->timeout_ms));

	*in_step = err == -EMFILE;
	if (err)
		return sm_fail_answer(t->fault, err, r->pid);
	if (!is_reply(z, t)) {
		sm_packet_close_fds(&t->packet);
		return sm_fail(t->fault, SM_STAGE_REPLY, EPROTO, "the server talks nonsense");
	}
	*in_step = 1;
	if (r->pid > 0)
		z->ledger.told = r->pid;
	if (!r->err)
		return 0;
	if (r->pid > 0)
		sm_kill_child(r->pid);
	r->text[sizeof(r->text) - 1] = '\0';
	err = sm_fail(t->fault, (enum sm_stage)r->stage, r->err, r->text);
	if (t->fault && t->fault->size >= sizeof(*t->fault))
		t->fault->detail = r->detail;
	return err;
}

static int zygote3_spawn(void *self, const struct sm_req *req, struct sm_child *child,
			 struct sm_fault *fault)
{
	struct zygote3 *z = self;
	struct turn t;
	struct sm_req own;
	int err = sm_check_spawn(&req, &own, &z->places, child, fault), in_step;

	if (err)
		return err;
	t.req = req;
	t.fault = fault;
	memset(t.packet.fds, -1, 4 * sizeof(t.packet.fds[0])); /* all that a child comes with */
	err = send_request(z, &t);
	if (err) {
		/* Unless nothing has been sent, the stream is out of step. */
		if (z->sock >= 0 && !z->loading && err != -EMSGSIZE && err != -ETOOMANYREFS &&
		    err != -E2BIG)
			give_up(z, &t);
		return err;
	}
	err = receive(z, &t, &in_step);
	if (!err)
		sm_give_received(child, t.reply.pid, req, &z->places, t.packet.fds, t.reply.pidfd);
	else if (!in_step)
		give_up(z, &t);
	return err;
}

static void zygote3_stop(void *self)
{
	struct zygote3 *z = self;

	if (z->loading)
		sm_server_kill(&z->server);
	if (z->sock >= 0)
		drop_sock(z); /* end of file: the server returns */
	sm_server_stop(&z->server);
	free(z);
}

static pid_t zygote3_server(void *self)
{
	return ((struct zygote3 *)self)->server.pid;
}

static const char *const options[] = { SM_WARM_OPTIONS, NULL };

const struct sm_ops sm_zygote3_ops = {
	.size = sizeof(sm_zygote3_ops),
	.name = "zygote3",
	.summary = "a warm exec'd server makes the parent's children by clone3, fork handlers run",
	.traits =
		SM_CHILD_OF_PARENT | SM_RUNS_ATFORK | SM_OWN_SERVER | SM_SANDBOXES | SM_GIVES_PIDFD,
	.start = zygote3_start,
	.spawn = zygote3_spawn,
	.wait = sm_wait_direct,
	.stop = zygote3_stop,
	.server = zygote3_server,
	.serve = sm_zygote3_serve,
	.options = options,
};
