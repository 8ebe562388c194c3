/* SPDX-License-Identifier: MIT */
/*
 * zygote.c - a warm server that clones itself for the parent, with CLONE_PARENT.
 *
 * The model is the pyspawner of the article that this project starts from. The server is exec'd
 * once with its end of a socket pair, preloads, says that it is ready and serves one request at
 * a time. A child comes from a raw clone(CLONE_PARENT): it is the parent's own child, which waits
 * for it without the server, and no fork handlers run. Each gets three fresh pipes, whose other
 * ends travel to the parent by SCM_RIGHTS. OPENBLAS_NUM_THREADS=1 keeps OpenBLAS from threads
 * that the clone would lose. The server ignores the children.
 *
 * After a timeout a late answer could be taken for the next one's. So the server is killed then,
 * and every later request is refused.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../child/child.h"
#include "../sandbox/sandbox.h"
#include "../wire/frame.h"
#include "common.h"
#include "request.h"
#include "server.h"
#include "zygote.h"

/* The parent's half. */
struct zygote {
	struct sm_server server;
	int sock;                /* -1: broken, for good */
	struct sm_places places; /* of the request in hand; untouched by those without */
	char buf[SM_REQUEST_BYTES_MAX] SM_REQUEST_ALIGNED;
};

/* The server's half. */
struct nest {
	const struct sm_payload *payload;
	const struct sm_sandbox *sandbox; /* NULL: none */
	sigset_t handled;                 /* signals for which the payload has handlers */
	int sock;
	struct sm_request request;
	struct sm_places places; /* of the request in hand, where it has any */
	sigset_t mask;           /* the same */
	char buf[SM_REQUEST_BYTES_MAX] SM_REQUEST_ALIGNED;
};

static void close_fds(struct sm_frame *frame)
{
	for (unsigned int i = 0; i < frame->nfds; i++)
		close(frame->fds[i]);
	frame->nfds = 0;
}

/* Clones a child for the request in nest. Fills reply; io's parent ends go with it. */
static void hatch(struct nest *nest, int64_t received_ns, struct sm_stdio *io,
		  struct sm_zygote_reply *reply)
{
	struct sm_birth birth = { .received_ns = received_ns };
	const struct sm_req *attr = &nest->request.attr;
	pid_t pid;
	int layer = -1;
	int err = sm_stdio_open_for(io, sm_places_of(attr, &nest->places));

	if (err) {
		reply->stage = SM_STAGE_PIPE;
		reply->err = -err;
		return;
	}
	birth.in = io->child[0];
	birth.out = io->child[1];
	birth.err = io->child[2];
	birth.args = nest->request.args;
	birth.envp = nest->request.envp;
	birth.cwd = nest->request.cwd[0];
	birth.handled = &nest->handled;
	if (attr->fields)
		sm_birth_fields(&birth, attr, &nest->places, &nest->mask);
	/* The exit signal is the server's own, whatever is asked (kernel/fork.c:copy_process). */
	pid = sm_child_clone(nest->payload, &birth, nest->sandbox, CLONE_PARENT | SIGCHLD, &layer);
	sm_stdio_close_child(io);
	if (pid > 0) {
		reply->pid = pid;
		return;
	}
	sm_stdio_close_parent(io);
	reply->stage = layer < 0 ? SM_STAGE_CLONE : SM_STAGE_SANDBOX;
	reply->detail = layer;
	reply->err = -pid;
}

/* Takes what was received, or tells in reply why not. */
static int take(struct nest *nest, const struct sm_frame *frame, struct sm_zygote_reply *reply)
{
	int err = sm_request_unpack(&nest->request, nest->buf, frame->bytes);

	reply->stage = SM_STAGE_ARGUMENT;
	if (!err)
		err = sm_request_adopt(&nest->request, frame->fds, frame->nfds, &nest->places);
	reply->err = -err;
	return err;
}

/*
 * The child's pipes cannot be sent: too many descriptors of this user are on their way (unix(7)).
 * Without them the child is of no use; its pid is told, for it is the parent's to reap.
 */
static int tell_lost(struct nest *nest, struct sm_zygote_reply *reply, int err)
{
	kill(reply->pid, SIGKILL);
	reply->stage = SM_STAGE_SEND;
	reply->err = -err;
	return sm_frame_send(nest->sock, SM_ZYGOTE_REPLY, reply, sizeof(*reply), NULL, 0);
}

/* Answers one request. 0, or -errno when there is nobody to answer. */
static int answer(struct nest *nest, const struct sm_frame *frame, int err, int64_t received_ns)
{
	struct sm_stdio io = { .child = { -1, -1, -1 }, .parent = { -1, -1, -1 } };
	struct sm_zygote_reply reply = { .stage = SM_STAGE_ARGUMENT, .err = -err };
	int fds[3];
	unsigned int n = 0;

	if (!err && frame->type != SM_ZYGOTE_SPAWN)
		reply.err = EPROTO;
	else if (!err && !take(nest, frame, &reply))
		hatch(nest, received_ns, &io, &reply);
	for (int i = 0; i < 3 && reply.pid > 0; i++) {
		if (io.parent[i] >= 0)
			fds[n++] = io.parent[i];
	}
	err = sm_frame_send(nest->sock, SM_ZYGOTE_REPLY, &reply, sizeof(reply), fds, n);
	if (err == -ETOOMANYREFS && reply.pid > 0)
		err = tell_lost(nest, &reply, err);
	sm_stdio_close_parent(&io);
	return err;
}

static void forget_fields(struct nest *nest)
{
	explicit_bzero(&nest->request.attr, sizeof(nest->request.attr));
	explicit_bzero(&nest->places, sizeof(nest->places));
	explicit_bzero(&nest->mask, sizeof(nest->mask));
}

static int zygote_serve(const char *where, const struct sm_payload *payload)
{
	struct nest *nest = calloc(1, sizeof(*nest));
	struct sm_frame frame = { .bytes = 0 };
	int err;

	if (!nest)
		return -ENOMEM;
	nest->payload = payload;
	sm_signals_handled(&nest->handled);
	err = sm_server_take_fds(where, &nest->sock, 1);
	if (!err)
		err = sm_server_take_sandbox(&nest->sandbox, where, 1);
	if (!err)
		err = sm_frame_send(nest->sock, SM_ZYGOTE_READY, NULL, 0, NULL, 0);
	while (!err) {
		err = sm_frame_recv(nest->sock, &frame, nest->buf, sizeof(nest->buf), -1);
		if (err && err != -EMSGSIZE && err != -EMFILE)
			break;
		err = answer(nest, &frame, err, sm_now_ns());
		close_fds(&frame); /* the child has its own, a refused request none */
		/* The next child inherits this memory: nothing of this request may be in it. */
		explicit_bzero(nest->buf, frame.bytes);
		if (nest->request.attr.fields)
			forget_fields(nest);
	}
	sm_sandbox_unload(nest->sandbox);
	free(nest);
	return err == -EPIPE ? 0 : err;
}

/* Waits for the server to be ready; on error it is gone. */
static int await_ready(struct zygote *z, struct sm_fault *fault)
{
	struct sm_frame frame;
	int err = sm_frame_recv(z->sock, &frame, NULL, 0, sm_server_patience_ms(&z->server));

	if (!err && (frame.type != SM_ZYGOTE_READY || frame.nfds)) {
		close_fds(&frame);
		err = -EPROTO;
	}
	return err ? sm_server_failed(&z->server, err, fault) : 0;
}

static int zygote_start(void **self, const struct sm_setup *setup, struct sm_fault *fault)
{
	struct sm_server_spec spec = { .strategy = "zygote", .where = "3" };
	struct zygote *z;
	int pair[2] = { -1, -1 };
	int err = sm_check_setup_sandboxed(setup, fault);

	if (err)
		return err;
	z = calloc(1, sizeof(*z));
	if (!z)
		return sm_fail(fault, SM_STAGE_ARGUMENT, ENOMEM, NULL);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		err = sm_fail(fault, SM_STAGE_PIPE, errno, "no socket pair for the server");
		goto out;
	}
	z->sock = pair[0];
	spec.env[0] = "OPENBLAS_NUM_THREADS=1";
	spec.pass = &pair[1];
	spec.npass = 1;
	err = sm_server_start(&z->server, setup, &spec, fault);
	close(pair[1]); /* so that the server's death is an end of file */
	if (!err)
		err = await_ready(z, fault);
	if (err)
		close(pair[0]);
out:
	if (err)
		free(z);
	else
		*self = z;
	return err;
}

/*
 * Gives up the server. A child that it had made already, and told of in time, must not be left:
 * it is ours to reap.
 */
static void give_up(struct zygote *z)
{
	struct sm_frame frame;
	struct sm_zygote_reply late = { 0 };
	int err;

	sm_server_kill(&z->server);
	err = sm_frame_recv(z->sock, &frame, &late, sizeof(late), 0);
	if (!err)
		close_fds(&frame);
	if (late.pid > 0)
		sm_kill_child(late.pid);
	close(z->sock);
	z->sock = -1;
}

/* Sends the request and what goes beside it. */
static int send_request(struct zygote *z, const struct sm_req *req, int bytes,
			struct sm_fault *fault)
{
	int fds[SM_FRAME_FDS_MAX];
	int n = req->fields ? sm_request_fds(req, fds, SM_FRAME_FDS_MAX) : 0;
	int err;

	if (n < 0)
		return sm_fail_field(fault, SM_REQ_FDS, -n, "more than one message can carry");
	err = sm_frame_send(z->sock, SM_ZYGOTE_SPAWN, z->buf, (uint32_t)bytes, fds,
			    (unsigned int)n);
	return err ? sm_fail(fault, SM_STAGE_SEND, -err, "the zygote takes no request") : 0;
}

/* Receives the answer. On error the stream may be out of step. */
static int receive(struct zygote *z, const struct sm_req *req, struct sm_frame *frame,
		   struct sm_zygote_reply *reply, struct sm_fault *fault)
{
	int err = sm_frame_recv(z->sock, frame, reply, sizeof(*reply), sm_poll_ms(req->timeout_ms));

	if (err == -ETIMEDOUT)
		return sm_fail(fault, SM_STAGE_TIMEOUT, ETIMEDOUT, "the zygote did not answer");
	if (err == -EMFILE && reply->pid > 0) { /* the answer is whole but for its descriptors */
		sm_kill_child(reply->pid);
		return sm_fail(fault, SM_STAGE_RECEIVE, EMFILE,
			       "no room for the child's pipes: raise RLIMIT_NOFILE");
	}
	if (err)
		return sm_fail(fault, SM_STAGE_RECEIVE, -err, "the zygote died or talks nonsense");
	if (frame->type == SM_ZYGOTE_REPLY && frame->bytes == sizeof(*reply) && !frame->nfds &&
	    reply->pid > 0 && reply->err > 0) {
		sm_kill_child(reply->pid);
		return sm_fail(fault, (enum sm_stage)reply->stage, reply->err, "in the zygote");
	}
	if (frame->type != SM_ZYGOTE_REPLY || frame->bytes != sizeof(*reply) ||
	    (reply->pid > 0 ? frame->nfds != sm_pipes_due(req, &z->places)
			    : frame->nfds || reply->err <= 0)) {
		close_fds(frame);
		return sm_fail(fault, SM_STAGE_REPLY, EPROTO, "the zygote talks nonsense");
	}
	return 0;
}

/* Can the next request still be answered in its turn? */
static int in_step(int err)
{
	/* Nothing was sent; or all that was answered has been read. */
	return err == -EMSGSIZE || err == -ETOOMANYREFS || err == -EMFILE;
}

static int zygote_spawn(void *self, const struct sm_req *req, struct sm_child *child,
			struct sm_fault *fault)
{
	struct zygote *z = self;
	struct sm_frame frame;
	struct sm_zygote_reply reply = { 0 };
	struct sm_req own;
	int err = sm_check_spawn(&req, &own, &z->places, child, fault);
	int bytes;

	if (err)
		return err;
	if (z->sock < 0)
		return sm_fail(fault, SM_STAGE_SEND, EPIPE,
			       "the zygote is gone, or was given up after a timeout: start anew");
	bytes = sm_request_pack(z->buf, sizeof(z->buf), req);
	if (bytes < 0)
		return sm_fail(fault, SM_STAGE_ARGUMENT, -bytes, "the request is too large");
	err = send_request(z, req, bytes, fault);
	if (!err)
		err = receive(z, req, &frame, &reply, fault);
	if (err) {
		if (!in_step(err))
			give_up(z);
		return err;
	}
	if (reply.pid <= 0 && reply.stage == SM_STAGE_SANDBOX)
		return sm_fail_layer(fault, reply.detail, reply.err);
	if (reply.pid <= 0)
		return sm_fail(fault, (enum sm_stage)reply.stage, reply.err, "in the zygote");
	sm_give_received(child, reply.pid, req, &z->places, frame.fds, 0);
	return 0;
}

static void zygote_stop(void *self)
{
	struct zygote *z = self;

	if (z->sock >= 0)
		close(z->sock); /* end of file: the server returns */
	sm_server_stop(&z->server);
	free(z);
}

static pid_t zygote_server(void *self)
{
	return ((struct zygote *)self)->server.pid;
}

const struct sm_ops sm_zygote_ops = {
	.size = sizeof(sm_zygote_ops),
	.name = "zygote",
	.summary =
		"a warm exec'd server clones itself with CLONE_PARENT: the child is the parent's",
	.traits = SM_CHILD_OF_PARENT | SM_OWN_SERVER | SM_SANDBOXES,
	.start = zygote_start,
	.spawn = zygote_spawn,
	.wait = sm_wait_direct,
	.stop = zygote_stop,
	.server = zygote_server,
	.serve = zygote_serve,
};
