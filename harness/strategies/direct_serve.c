/* SPDX-License-Identifier: MIT */
/*
 * direct_serve.c - the server's half of a warm server; see direct.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../sandbox/sandbox.h"
#include "../wire/frame.h"
#include "common.h"
#include "direct.h"

static void close_fds(struct sm_frame *frame)
{
	for (unsigned int i = 0; i < frame->nfds; i++)
		close(frame->fds[i]);
	frame->nfds = 0;
}

struct sm_nest *sm_nest_open(const char *where, int nfds, const struct sm_payload *payload,
			     int *err)
{
	struct sm_nest *nest = calloc(1, sizeof(*nest));

	*err = nest ? sm_server_take_fds(where, nest->fds, nfds) : -ENOMEM;
	if (!*err)
		*err = sm_server_take_sandbox(&nest->sandbox, where, nfds);
	if (!*err) {
		nest->payload = payload;
		sm_signals_handled(&nest->handled);
		return nest;
	}
	free(nest);
	return NULL;
}

void sm_nest_close(struct sm_nest *nest)
{
	sm_sandbox_unload(nest->sandbox);
	free(nest);
}

/* Takes what was received, or tells in reply why not. */
static int take(struct sm_nest *nest, const struct sm_frame *frame, struct sm_direct_reply *reply)
{
	int err = sm_request_unpack(&nest->request, nest->buf, frame->bytes);

	if (!err)
		err = sm_request_adopt(&nest->request, frame->fds, frame->nfds, &nest->places);
	reply->err = -err;
	return err;
}

/* What a hatch works with, and what it leaves. */
struct brood {
	sm_direct_hatch *hatch;
	void *arg;
	struct sm_stdio io;
	int pidfd;
	struct sm_direct_reply reply;
};

static void make(struct sm_nest *nest, int64_t received_ns, struct brood *b)
{
	struct sm_birth birth = { .received_ns = received_ns, .handled = &nest->handled };
	const struct sm_req *attr = &nest->request.attr;
	int err = sm_stdio_open_for(&b->io, sm_places_of(attr, &nest->places));

	if (err) {
		b->reply.stage = SM_STAGE_PIPE;
		b->reply.err = -err;
		return;
	}
	birth.in = b->io.child[0];
	birth.out = b->io.child[1];
	birth.err = b->io.child[2];
	birth.args = nest->request.args;
	birth.envp = nest->request.envp;
	birth.cwd = nest->request.cwd[0];
	if (attr->fields)
		sm_birth_fields(&birth, attr, &nest->places, &nest->mask);
	b->pidfd = b->hatch(nest, &birth, &b->reply, b->arg);
	b->reply.pidfd = b->pidfd >= 0;
	sm_stdio_close_child(&b->io);
}

/* Sends the answer: with a child, the other ends of its pipes and its pidfd. 0 or -errno. */
static int tell(struct sm_nest *nest, struct brood *b)
{
	int fds[4], err;
	unsigned int n = 0;

	for (int i = 0; i < 3 && b->reply.pid > 0; i++) {
		if (b->io.parent[i] >= 0)
			fds[n++] = b->io.parent[i];
	}
	if (b->pidfd >= 0)
		fds[n++] = b->pidfd;
	err = sm_frame_send(nest->fds[0], SM_DIRECT_REPLY, &b->reply, sizeof(b->reply), fds, n);
	if (err != -ETOOMANYREFS || b->reply.pid <= 0)
		return err;
	/*
	 * Too many descriptors of this user are on their way (unix(7)). Without them the child is
	 * of no use; its pid is told, for it is the parent's to reap.
	 */
	kill(b->reply.pid, SIGKILL);
	b->reply.stage = SM_STAGE_SEND;
	b->reply.err = -err;
	b->reply.pidfd = 0;
	return sm_frame_send(nest->fds[0], SM_DIRECT_REPLY, &b->reply, sizeof(b->reply), NULL, 0);
}

/* Answers one request; recv_err is what became of it on its way. */
static int answer(struct sm_nest *nest, const struct sm_frame *frame, int recv_err, struct brood *b)
{
	int64_t received_ns = sm_now_ns();
	int err;

	b->pidfd = -1;
	b->io = (struct sm_stdio){ .child = { -1, -1, -1 }, .parent = { -1, -1, -1 } };
	b->reply = (struct sm_direct_reply){ .stage = SM_STAGE_ARGUMENT, .err = -recv_err };
	if (!recv_err && frame->type != SM_DIRECT_SPAWN)
		b->reply.err = EPROTO;
	else if (!recv_err && !take(nest, frame, &b->reply))
		make(nest, received_ns, b);
	err = tell(nest, b);
	sm_stdio_close_parent(&b->io);
	if (b->pidfd >= 0)
		close(b->pidfd);
	return err;
}

/* The next child inherits this memory: nothing of this request may be in it. */
static void forget(struct sm_nest *nest, size_t bytes)
{
	explicit_bzero(nest->buf, bytes);
	if (!nest->request.attr.fields)
		return;
	explicit_bzero(&nest->request.attr, sizeof(nest->request.attr));
	explicit_bzero(&nest->places, sizeof(nest->places));
	explicit_bzero(&nest->mask, sizeof(nest->mask));
}

int sm_nest_serve(struct sm_nest *nest, sm_direct_hatch *hatch, void *arg)
{
	struct brood brood = { .hatch = hatch, .arg = arg };
	struct sm_frame frame = { .bytes = 0 };
	int err = sm_frame_send(nest->fds[0], SM_DIRECT_READY, NULL, 0, NULL, 0);

	while (!err) {
		err = sm_frame_recv(nest->fds[0], &frame, nest->buf, sizeof(nest->buf), -1);
		if (err && err != -EMSGSIZE && err != -EMFILE)
			break;
		err = answer(nest, &frame, err, &brood);
		close_fds(&frame); /* the child has its own, a refused request none */
		forget(nest, frame.bytes);
	}
	return err == -EPIPE ? 0 : err;
}
