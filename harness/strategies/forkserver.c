/* SPDX-License-Identifier: MIT */
/*
 * forkserver.c - the client's half of a fork server, after Python's multiprocessing.forkserver.
 *
 * A named socket (mode 0600, in a directory of mode 0700) that listens before the server is
 * exec'd; an alive pipe, by whose end of file the server knows that its last client has gone; one
 * connection per spawn. The child is the server's: its pid and its status are relayed. The server
 * half is forkserver_serve.c; what starts it is in forkserver_start.c.
 *
 * A server that has died is replaced at the next spawn, as CPython's ensure_running() does
 * (bpo-31308). Nothing looks for it before: that connecting is refused says it, and then nothing
 * has been sent. A request under way gets its error, and the statuses of the old one's children
 * are lost with it.
 *
 * CPython hands the alive pipe's write end to every child too, so that children count as clients.
 * Ours close all but 0, 1, 2 at birth, hence it is not sent.
 */
#include "forkserver.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../sandbox/sandbox.h"
#include "../wire/frame.h"
#include "common.h"
#include "forkserver_client.h"

/* pipe(7): a write of up to PIPE_BUF bytes does not block when poll(2) says POLLOUT. */
#define PIPE_CHUNK 4096

static int forkserver_start(void **self, const struct sm_setup *setup, struct sm_fault *fault)
{
	struct sm_forkserver *f;
	int err = sm_check_setup_sandboxed(setup, fault);

	if (err)
		return err;
	f = calloc(1, sizeof(*f));
	if (!f)
		return sm_fail(fault, SM_STAGE_ARGUMENT, ENOMEM, NULL);
	sm_setup_keep(&f->setup, setup);
	f->alive = -1;
	err = sm_forkserver_begin(f, fault);
	if (err)
		free(f);
	else
		*self = f;
	return err;
}

/* The ends of one spawn: the server's and child's go, the parent's two stay. */
struct ends {
	struct sm_stdio io;
	int send[SM_FORKSERVER_FDS];
	int request; /* parent writes the request */
	int status;  /* parent reads pid and status */
	int conn;
};

static int open_ends(struct ends *e, struct sm_places *places)
{
	int request[2], status[2];
	int err = sm_stdio_open_for(&e->io, places);

	if (err)
		return err;
	if (pipe2(request, O_CLOEXEC) < 0)
		return -errno;
	e->send[SM_FORKSERVER_REQUEST] = request[0];
	e->request = request[1];
	if (pipe2(status, O_CLOEXEC) < 0)
		return -errno;
	e->send[SM_FORKSERVER_STATUS] = status[1];
	e->status = status[0];
	for (int i = 0; i < 3; i++)
		e->send[SM_FORKSERVER_IN + i] = places ? places->at[i].src : e->io.child[i];
	return 0;
}

/* A socket that is connected, or -errno: -ECONNREFUSED when nobody listens any more. */
static int try_connect(const struct sm_forkserver *f)
{
	int err = -ECONNREFUSED;
	int sock;

	if (f->alive < 0) /* one was to take the place of another, and failed */
		return err;
	/* Non-blocking: a full backlog, of a server that has stopped, is EAGAIN (connect(2)). */
	sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (sock < 0)
		return -errno;
	if (connect(sock, (const struct sockaddr *)&f->address, sizeof(f->address)) == 0)
		return sock;
	if (errno != ENOENT) /* a server that ends in order takes its socket's name along */
		err = -errno;
	close(sock);
	return err;
}

static int connect_to(struct sm_forkserver *f, struct ends *e, struct sm_fault *fault)
{
	int err = 0;

	e->conn = try_connect(f);
	if (e->conn == -ECONNREFUSED) { /* once: another that dies is an error */
		sm_forkserver_end(f);
		err = sm_forkserver_begin(f, fault);
		if (!err)
			e->conn = try_connect(f);
	}
	if (!err && e->conn < 0)
		err = sm_fail(fault, SM_STAGE_CONNECT, e->conn == -ECONNREFUSED ? EPIPE : -e->conn,
			      "the fork server takes no connection");
	return err;
}

/*
 * Writes in chunks that cannot block; only for the second and later ones is there somebody to
 * wait for. The caller still holds the reading end, so that no SIGPIPE can be raised.
 */
static int write_bounded(int fd, const char *at, size_t left, int timeout_ms)
{
	int first = 1;

	while (left) {
		size_t n = left < PIPE_CHUNK ? left : PIPE_CHUNK;
		struct pollfd p = { .fd = fd, .events = POLLOUT };
		ssize_t put;

		if (!first) {
			int ready = poll(&p, 1, timeout_ms);

			if (ready < 0 && errno == EINTR)
				continue;
			if (ready <= 0)
				return ready ? -errno : -ETIMEDOUT;
		}
		put = write(fd, at, n);
		if (put < 0 && errno != EINTR)
			return -errno;
		if (put > 0) {
			at += put;
			left -= (size_t)put;
			first = 0;
		}
	}
	return 0;
}

/* The connection or the status pipe has ended without a pid: the server has refused, or died. */
static int refused(struct ends *e, int timeout_ms, struct sm_fault *fault)
{
	struct sm_forkserver_refusal no = { 0 };
	struct sm_frame frame;
	int err = sm_frame_recv(e->conn, &frame, &no, sizeof(no), timeout_ms);

	if (!err)
		sm_forkserver_close(frame.fds, frame.nfds);
	if (!err && frame.type == SM_FORKSERVER_REFUSED && frame.bytes == sizeof(no))
		return sm_fail(fault, (enum sm_stage)no.stage, no.err, "in the fork server");
	return sm_fail(fault, SM_STAGE_RECEIVE, EPIPE, "the fork server has died");
}

/* The five of every request, and what goes beside this one. */
static int send_fds(struct ends *e, const struct sm_req *req)
{
	int all[SM_FRAME_FDS_MAX], n;

	if (!req->fields)
		return sm_frame_send(e->conn, SM_FORKSERVER_FORK, NULL, 0, e->send,
				     SM_FORKSERVER_FDS);
	memcpy(all, e->send, sizeof(e->send));
	n = sm_request_fds(req, all + SM_FORKSERVER_FDS, SM_FRAME_FDS_MAX - SM_FORKSERVER_FDS);
	if (n < 0)
		return n;
	return sm_frame_send(e->conn, SM_FORKSERVER_FORK, NULL, 0, all,
			     SM_FORKSERVER_FDS + (unsigned int)n);
}

/* Sends the descriptors and writes the request; then closes what is the server's and the child's. */
static int hand_over(struct sm_forkserver *f, struct ends *e, const struct sm_req *req,
		     size_t bytes, int timeout_ms, struct sm_fault *fault)
{
	int err = send_fds(e, req);

	if (err == -EMSGSIZE)
		return sm_fail_field(fault, SM_REQ_FDS, EMSGSIZE,
				     "more than one message can carry");
	if (err == -EPIPE)
		return refused(e, timeout_ms, fault);
	if (err)
		return sm_fail(fault, SM_STAGE_SEND, -err, "the fork server takes no request");
	err = write_bounded(e->request, f->buf, bytes, timeout_ms);
	if (err == -ETIMEDOUT)
		return sm_fail(fault, SM_STAGE_TIMEOUT, ETIMEDOUT, "nobody reads the request");
	if (err)
		return sm_fail(fault, SM_STAGE_SEND, -err, "the pipe for the request");
	/* From here on the server's death is an end of file. */
	sm_forkserver_close(e->send, SM_FORKSERVER_IN);
	sm_stdio_close_child(&e->io);
	return 0;
}

static int read_pid(struct ends *e, int timeout_ms, pid_t *pid, struct sm_fault *fault)
{
	int64_t word;
	int err = sm_read_all(e->status, &word, sizeof(word), timeout_ms);

	if (err == -ETIMEDOUT)
		return sm_fail(fault, SM_STAGE_TIMEOUT, ETIMEDOUT,
			       "the fork server did not answer");
	if (err == -EPIPE)
		return refused(e, timeout_ms, fault);
	if (err)
		return sm_fail(fault, SM_STAGE_RECEIVE, -err, "the fork server's status pipe");
	if (word < 0 && sm_forkserver_failed_layer(word) >= 0)
		return sm_fail_layer(fault, sm_forkserver_failed_layer(word),
				     sm_forkserver_failed_err(word));
	if (word <= 0 || word > INT32_MAX)
		return sm_fail(fault, SM_STAGE_CLONE, (int)-word, "fork in the fork server");
	*pid = (pid_t)word;
	return 0;
}

static int forkserver_spawn(void *self, const struct sm_req *req, struct sm_child *child,
			    struct sm_fault *fault)
{
	struct sm_forkserver *f = self;
	struct ends e = { .send = { -1, -1, -1, -1, -1 }, .request = -1, .status = -1, .conn = -1 };
	int timeout_ms, bytes;
	uint32_t length;
	struct sm_req own;
	pid_t pid = 0;
	int err = sm_check_spawn(&req, &own, &f->places, child, fault);

	if (err)
		return err;
	timeout_ms = sm_poll_ms(req->timeout_ms);
	bytes = sm_request_pack(f->buf + sizeof(length), SM_REQUEST_BYTES_MAX, req);
	if (bytes < 0)
		return sm_fail(fault, SM_STAGE_ARGUMENT, -bytes, "the request is too large");
	length = (uint32_t)bytes;
	memcpy(f->buf, &length, sizeof(length));
	err = open_ends(&e, sm_places_of(req, &f->places));
	if (err)
		err = sm_fail(fault, SM_STAGE_PIPE, -err, "no pipes for the child");
	if (!err)
		err = connect_to(f, &e, fault);
	if (!err)
		err = hand_over(f, &e, req, sizeof(length) + length, timeout_ms, fault);
	if (!err)
		err = read_pid(&e, timeout_ms, &pid, fault);
	if (!err) {
		sm_give_stdio(child, pid, &e.io);
		child->priv = e.status;
		e.status = -1;
	}
	sm_forkserver_close(e.send, SM_FORKSERVER_IN);
	sm_stdio_close_child(&e.io);
	sm_stdio_close_parent(&e.io);
	sm_forkserver_close(&e.request, 1);
	sm_forkserver_close(&e.status, 1);
	sm_forkserver_close(&e.conn, 1);
	return err;
}

/* The status comes through the server: no more than the status is known. */
static int forkserver_wait(void *self, struct sm_child *child, int timeout_ms, struct sm_exit *exit)
{
	int status = (int)child->priv;
	int64_t word;
	int err;

	(void)self;
	if (exit && exit->size < sizeof(*exit))
		return -EINVAL;
	if (status < 0)
		return -ECHILD;
	err = sm_read_all(status, &word, sizeof(word), timeout_ms);
	if (err == -ETIMEDOUT)
		return err;
	close(status);
	child->priv = -1;
	if (!err && exit)
		*exit = (struct sm_exit){ sizeof(*exit), (int32_t)word, -1, -1, -1, -1, -1, -1 };
	return err;
}

static void forkserver_stop(void *self)
{
	sm_forkserver_end(self);
	free(self);
}

static pid_t forkserver_server(void *self)
{
	return ((struct sm_forkserver *)self)->server.pid;
}

const struct sm_ops sm_forkserver_ops = {
	.size = sizeof(sm_forkserver_ops),
	.name = "forkserver",
	.summary = "as Python's multiprocessing.forkserver: a warm exec'd server forks, and reaps",
	.traits = SM_OWN_SERVER | SM_RUNS_ATFORK | SM_SANDBOXES,
	.start = forkserver_start,
	.spawn = forkserver_spawn,
	.wait = forkserver_wait,
	.stop = forkserver_stop,
	.server = forkserver_server,
	.serve = sm_forkserver_serve,
};
