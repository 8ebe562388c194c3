/* SPDX-License-Identifier: MIT */
/*
 * zygote3_serve.c - the server's half of zygote3: one request at a time, each a child.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../wire/frame.h"
#include "common.h"
#include "hatch.h"
#include "option.h"
#include "request.h"
#include "server.h"
#include "zygote3.h"

struct nest {
	struct sm_hatchery hatchery;
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

static void tell(struct sm_zygote3_reply *reply, const struct sm_fault *fault)
{
	reply->stage = fault->stage;
	reply->err = fault->err;
	reply->detail = fault->detail;
	memcpy(reply->text, fault->text, sizeof(reply->text));
}

/* Clones a child for the request in nest. Fills reply; io's parent ends go with it. */
static void hatch(struct nest *nest, int64_t received_ns, struct sm_stdio *io, int *pidfd,
		  struct sm_zygote3_reply *reply)
{
	struct sm_birth birth = { .received_ns = received_ns };
	struct sm_fault fault = { .size = sizeof(fault) };
	const struct sm_req *attr = &nest->request.attr;
	int err = sm_stdio_open_for(io, sm_places_of(attr, &nest->places));
	pid_t pid;

	if (err) {
		sm_fail(&fault, SM_STAGE_PIPE, -err, "in the server");
		tell(reply, &fault);
		return;
	}
	birth.in = io->child[0];
	birth.out = io->child[1];
	birth.err = io->child[2];
	birth.args = nest->request.args;
	birth.envp = nest->request.envp;
	birth.cwd = nest->request.cwd[0];
	if (attr->fields)
		sm_birth_fields(&birth, attr, &nest->places, &nest->mask);
	/* In the child nothing of ours stays open but 0, 1, 2 and what was asked for. */
	pid = sm_hatch(&nest->hatchery, &birth, attr->fields & SM_REQ_CGROUP ? attr->cgroup_fd : -1,
		       NULL, NULL, pidfd, &fault);
	sm_stdio_close_child(io);
	if (pid > 0) {
		reply->pid = pid;
		return;
	}
	sm_stdio_close_parent(io);
	tell(reply, &fault);
}

/* Takes what was received. 0 or -errno. */
static int take(struct nest *nest, const struct sm_frame *frame)
{
	int err = frame->type == SM_ZYGOTE3_SPAWN
			  ? sm_request_unpack(&nest->request, nest->buf, frame->bytes)
			  : -EPROTO;

	return err ? err : sm_request_adopt(&nest->request, frame->fds, frame->nfds, &nest->places);
}

static int send_reply(struct nest *nest, const struct sm_zygote3_reply *reply, const int *fds,
		      unsigned int n)
{
	return sm_frame_send(nest->sock, SM_ZYGOTE3_REPLY, reply,
			     reply->err ? sizeof(*reply) : SM_ZYGOTE3_REPLY_SHORT, fds, n);
}

/*
 * The child's descriptors cannot be sent: too many of this user are on their way (unix(7)).
 * Without them the child is of no use; its pid is told, for it is the parent's to reap.
 */
static int tell_lost(struct nest *nest, struct sm_zygote3_reply *reply, int err)
{
	kill(reply->pid, SIGKILL);
	reply->stage = SM_STAGE_SEND;
	reply->err = -err;
	return send_reply(nest, reply, NULL, 0);
}

/* Answers one request. 0, or -errno when there is nobody to answer. */
static int answer(struct nest *nest, const struct sm_frame *frame, int err, int64_t received_ns)
{
	struct sm_stdio io = { .child = { -1, -1, -1 }, .parent = { -1, -1, -1 } };
	struct sm_zygote3_reply reply = { .stage = SM_STAGE_ARGUMENT };
	int fds[4], pidfd = -1;
	unsigned int n = 0;

	if (!err)
		err = take(nest, frame);
	reply.err = -err;
	if (!err)
		hatch(nest, received_ns, &io, &pidfd, &reply);
	for (int i = 0; i < 3 && reply.pid > 0; i++) {
		if (io.parent[i] >= 0)
			fds[n++] = io.parent[i];
	}
	reply.pidfd = pidfd >= 0;
	if (pidfd >= 0)
		fds[n++] = pidfd;
	err = send_reply(nest, &reply, fds, n);
	if (err == -ETOOMANYREFS && reply.pid > 0)
		err = tell_lost(nest, &reply, err);
	sm_stdio_close_parent(&io);
	if (pidfd >= 0)
		close(pidfd);
	return err;
}

/* The next child inherits this memory: nothing of this request may be in it. */
static void forget(struct nest *nest, size_t bytes)
{
	explicit_bzero(nest->buf, bytes);
	if (!nest->request.attr.fields)
		return;
	explicit_bzero(&nest->request.attr, sizeof(nest->request.attr));
	explicit_bzero(&nest->places, sizeof(nest->places));
	explicit_bzero(&nest->mask, sizeof(nest->mask));
}

/* Until the parent has gone. */
static int serve(struct nest *nest)
{
	struct sm_frame frame = { .bytes = 0 };
	int err = sm_frame_send(nest->sock, SM_ZYGOTE3_READY, NULL, 0, NULL, 0);

	while (!err) {
		err = sm_frame_recv(nest->sock, &frame, nest->buf, sizeof(nest->buf), -1);
		if (err && err != -EMSGSIZE && err != -EMFILE)
			break;
		err = answer(nest, &frame, err, sm_now_ns());
		close_fds(&frame); /* the child has its own, a refused request none */
		forget(nest, frame.bytes);
	}
	return err == -EPIPE ? 0 : err;
}

int sm_zygote3_serve(const char *where, const struct sm_payload *payload)
{
	struct nest *nest = calloc(1, sizeof(*nest));
	char options[SM_OPTIONS_BYTES];
	int err;

	if (!nest)
		return -ENOMEM;
	err = sm_server_take_fds(where, &nest->sock, 1);
	if (!err)
		err = sm_hatchery_open(&nest->hatchery, payload, sm_options_take(options));
	if (!err) {
		err = serve(nest);
		sm_hatchery_close(&nest->hatchery);
	}
	free(nest);
	return err;
}
