/* SPDX-License-Identifier: MIT */
/*
 * zygote3_serve.c - the server's half of zygote3: one request at a time, each a child.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../sandbox/sandbox.h"
#include "../wire/packet.h"
#include "common.h"
#include "hatch.h"
#include "option.h"
#include "request.h"
#include "server.h"
#include "zygote3.h"

/*
 * Pages of its own. After each clone the first write to a page copies it, so what every request
 * writes stands together: the request's head on the first page; its tail, what was received and
 * the beginning of the buffer on the third.
 */
struct nest {
	struct sm_request request;
	sigset_t mask; /* of the request in hand */
	struct sm_packet packet;
	char buf[SM_REQUEST_BYTES_MAX] SM_REQUEST_ALIGNED;
	struct sm_places places; /* of the request in hand, where it has any */
	struct sm_hatchery hatchery;
	int sock;
};

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
static int take(struct nest *nest)
{
	const struct sm_packet *p = &nest->packet;
	int err = sm_request_unpack(&nest->request, nest->buf, p->bytes);

	return err ? err : sm_request_adopt(&nest->request, p->fds, p->nfds, &nest->places);
}

/* The descriptors are in the packet already. */
static int send_reply(struct nest *nest, struct sm_zygote3_reply *reply)
{
	nest->packet.data = reply;
	nest->packet.bytes = reply->err ? sizeof(*reply) : SM_ZYGOTE3_REPLY_SHORT;
	return sm_packet_send(nest->sock, &nest->packet);
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
	nest->packet.nfds = 0;
	return send_reply(nest, reply);
}

/* Answers one request. 0, or -errno when there is nobody to answer. */
static int answer(struct nest *nest, int err, int64_t received_ns)
{
	struct sm_stdio io = { .child = { -1, -1, -1 }, .parent = { -1, -1, -1 } };
	struct sm_zygote3_reply reply = { .stage = SM_STAGE_ARGUMENT };
	struct sm_packet *p = &nest->packet;
	int pidfd = -1;

	if (!err)
		err = take(nest);
	reply.err = -err;
	if (!err)
		hatch(nest, received_ns, &io, &pidfd, &reply);
	sm_packet_close_fds(p); /* the child has its own, a refused request none */
	for (int i = 0; i < 3 && reply.pid > 0; i++) {
		if (io.parent[i] >= 0)
			p->fds[p->nfds++] = io.parent[i];
	}
	reply.pidfd = pidfd >= 0;
	if (pidfd >= 0)
		p->fds[p->nfds++] = pidfd;
	err = send_reply(nest, &reply);
	p->nfds = 0;
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
	struct sm_packet *p = &nest->packet;
	struct sm_zygote3_reply ready = { 0 };
	int err = send_reply(nest, &ready);

	while (!err) {
		uint32_t bytes;

		p->data = nest->buf;
		p->bytes = sizeof(nest->buf);
		err = sm_packet_recv(nest->sock, p, -1);
		if (err && err != -EMSGSIZE && err != -EMFILE)
			break;
		bytes = p->bytes;
		err = answer(nest, err, sm_now_ns());
		forget(nest, bytes);
	}
	return err == -EPIPE ? 0 : err;
}

int sm_zygote3_serve(const char *where, const struct sm_payload *payload)
{
	struct nest *nest = mmap(NULL, sizeof(*nest), PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char options[SM_OPTIONS_BYTES];
	int err;

	if (nest == MAP_FAILED)
		return -errno;
	err = sm_signals_spare_interrupt();
	if (!err)
		err = sm_hatchery_open(&nest->hatchery, payload, sm_options_take(options), where,
				       &nest->sock);
	if (!err) {
		err = serve(nest);
		sm_hatchery_close(&nest->hatchery);
	}
	munmap(nest, sizeof(*nest));
	return err;
}
