/* SPDX-License-Identifier: MIT */
/*
 * recycle.c - one warm process serves request after request: fast, and unsafe by design.
 *
 * The other negative control: what one request leaves behind in the worker's memory and state, the
 * next one finds. Isolation and conformance must be seen to catch it.
 *
 * The worker is exec'd once with its end of a socket pair and preloads. A request is one message
 * with the child's ends of three pipes, its end one message with status and usage. In between the
 * "child" is the worker, which takes descriptors 0, 1 and 2, environment, directory, umask and
 * signal mask, and afterwards gives those back. What could not be given back (a session, a user,
 * limits) is refused, and so is a second request while one runs. A worker that ends in a request
 * has ended as that child would have; the next spawn starts another.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../wire/frame.h"
#include "common.h"
#include "recycle.h"
#include "request.h"
#include "server.h"

/* What is given back after a request. */
#define OFFERED ((uint32_t)(SM_REQ_UMASK | SM_REQ_SIGMASK))

struct recycle {
	struct sm_setup setup; /* what its pointers point to stays the caller's */
	struct sm_server server;
	int sock;                /* -1: there is no worker */
	int busy;                /* its request has not been waited for */
	struct sm_places places; /* never used: no request has descriptors of its own */
	char buf[SM_REQUEST_BYTES_MAX] SM_REQUEST_ALIGNED;
};

static void drop_sock(struct recycle *r)
{
	if (r->sock >= 0)
		close(r->sock);
	r->sock = -1;
	r->busy = 0;
}

static int await_ready(struct recycle *r, struct sm_fault *fault)
{
	struct sm_frame frame;
	int err = sm_frame_recv(r->sock, &frame, NULL, 0, sm_server_patience_ms(&r->server));

	if (!err && (frame.type != SM_RECYCLE_READY || frame.nfds))
		err = -EPROTO;
	if (!err)
		return 0;
	err = sm_server_failed(&r->server, err, fault);
	drop_sock(r);
	return err;
}

/* Starts a worker and waits until it has loaded. 0, or -errno and there is none. */
static int launch(struct recycle *r, struct sm_fault *fault)
{
	struct sm_server_spec spec = { .strategy = "recycle", .where = "3", .npass = 1 };
	int pair[2], err;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return sm_fail(fault, SM_STAGE_PIPE, errno, "no socket pair for the worker");
	spec.pass = &pair[1];
	err = sm_server_start(&r->server, &r->setup, &spec, fault);
	close(pair[1]); /* so that the worker's death is an end of file */
	r->sock = pair[0];
	if (err)
		drop_sock(r);
	return err ? err : await_ready(r, fault);
}

static int recycle_start(void **self, const struct sm_setup *setup, struct sm_fault *fault)
{
	struct recycle *r;
	int err = sm_check_setup(setup, fault);

	if (err)
		return err;
	r = calloc(1, sizeof(*r));
	if (!r)
		return sm_fail(fault, SM_STAGE_ARGUMENT, ENOMEM, NULL);
	sm_setup_keep(&r->setup, setup);
	r->sock = -1;
	err = launch(r, fault);
	if (err)
		free(r);
	else
		*self = r;
	return err;
}

/* Sends the request; a worker that has died at rest is replaced. 0 or -errno. */
static int send_request(struct recycle *r, const struct sm_stdio *io, int bytes,
			struct sm_fault *fault)
{
	int err = 0;

	for (int again = 0; again < 2; again++) {
		if (r->sock < 0)
			err = launch(r, fault);
		if (err)
			return err;
		err = sm_frame_send(r->sock, SM_RECYCLE_SPAWN, r->buf, (uint32_t)bytes, io->child,
				    3);
		if (err != -EPIPE)
			break;
		sm_server_kill(&r->server);
		drop_sock(r);
		err = 0;
	}
	return err ? sm_fail(fault, SM_STAGE_SEND, -err, "the worker takes no request") : 0;
}

static int check(struct recycle *r, const struct sm_req *req, struct sm_fault *fault)
{
	if (req->fields & ~OFFERED)
		return sm_fail_field(fault, (int)(req->fields & ~OFFERED), EOPNOTSUPP,
				     "the worker could not give it back");
	if (r->busy)
		return sm_fail(fault, SM_STAGE_ARGUMENT, EBUSY,
			       "one process serves all: a request runs, or was not waited for");
	return 0;
}

static int recycle_spawn(void *self, const struct sm_req *req, struct sm_child *child,
			 struct sm_fault *fault)
{
	struct recycle *r = self;
	struct sm_stdio io;
	struct sm_req own;
	int err = sm_check_spawn(&req, &own, &r->places, child, fault), bytes;

	if (!err)
		err = check(r, req, fault);
	if (err)
		return err;
	bytes = sm_request_pack(r->buf, sizeof(r->buf), req);
	if (bytes < 0)
		return sm_fail(fault, SM_STAGE_ARGUMENT, -bytes, "the request is too large");
	err = sm_stdio_open(&io);
	if (err)
		return sm_fail(fault, SM_STAGE_PIPE, -err, "no pipes for the child's stdio");
	err = send_request(r, &io, bytes, fault);
	sm_stdio_close_child(&io);
	if (err) {
		sm_stdio_close_parent(&io);
		return err;
	}
	r->busy = 1;
	sm_give_stdio(child, r->server.pid, &io);
	return 0;
}

/* The worker has ended in the request, or is about to. */
static int wait_end(struct recycle *r, int timeout_ms, struct sm_exit *exit)
{
	struct sm_exit end = { .size = sizeof(end) };
	int err = sm_wait_child(r->server.pid, timeout_ms, &end);

	if (err == -ETIMEDOUT)
		return err;
	r->server.pid = 0;
	drop_sock(r);
	if (err || !exit)
		return err;
	/* Its usage is that of all its requests together. */
	exit->status = end.status;
	exit->utime_ns = exit->stime_ns = -1;
	exit->minflt = exit->majflt = exit->nvcsw = exit->nivcsw = -1;
	return 0;
}

static int recycle_wait(void *self, struct sm_child *child, int timeout_ms, struct sm_exit *exit)
{
	struct recycle *r = self;
	struct sm_recycle_end end;
	struct sm_frame frame;
	int err;

	if (exit && exit->size < sizeof(*exit))
		return -EINVAL;
	if (!r->busy || child->pid != r->server.pid)
		return -ECHILD;
	err = sm_frame_recv(r->sock, &frame, &end, sizeof(end), timeout_ms);
	if (err == -ETIMEDOUT)
		return err;
	if (err || frame.type != SM_RECYCLE_END || frame.bytes != sizeof(end) || frame.nfds)
		return wait_end(r, timeout_ms, exit);
	r->busy = 0;
	if (!exit)
		return 0;
	exit->status = W_EXITCODE(end.status & 0xff, 0);
	exit->utime_ns = end.utime_ns;
	exit->stime_ns = end.stime_ns;
	exit->minflt = end.minflt;
	exit->majflt = end.majflt;
	exit->nvcsw = end.nvcsw;
	exit->nivcsw = end.nivcsw;
	return 0;
}

static void recycle_stop(void *self)
{
	struct recycle *r = self;

	drop_sock(r); /* end of file: the worker returns, once it has done what it does */
	sm_server_stop(&r->server);
	free(r);
}

static pid_t recycle_server(void *self)
{
	return ((struct recycle *)self)->server.pid;
}

const struct sm_ops sm_recycle_ops = {
	.size = sizeof(sm_recycle_ops),
	.name = "recycle",
	.summary = "one warm process serves every request: unsafe, a negative control",
	.traits = SM_CHILD_OF_PARENT | SM_OWN_SERVER | SM_NEGATIVE_CONTROL | SM_REUSES_PROCESS,
	.start = recycle_start,
	.spawn = recycle_spawn,
	.wait = recycle_wait,
	.stop = recycle_stop,
	.server = recycle_server,
	.serve = sm_recycle_serve,
};
