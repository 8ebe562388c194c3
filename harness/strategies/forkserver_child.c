/* SPDX-License-Identifier: MIT */
/*
 * forkserver_child.c - a child of the fork server, from the fork until it is as any other.
 */
#include "forkserver_hub.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "../sandbox/sandbox.h"
#include "../sys/sys.h"
#include "forkserver.h"

static void release_signals(const struct sm_forkserver_hub *h)
{
	sigaction(SIGCHLD, &h->old_chld, NULL);
	sigaction(SIGINT, &h->old_int, NULL);
	sigaction(SIGPIPE, &h->old_pipe, NULL);
}

/* In the child: what is the server's own, and the siblings' status pipes (CPython bpo-26732). */
static void close_own(const struct sm_forkserver_hub *h)
{
	close(h->listener);
	close(h->alive);
	close(h->wake);
	close(h->wake_writer);
	if (h->reserve >= 0)
		close(h->reserve);
	for (size_t i = 0; i < h->nkids; i++)
		close(h->kids[i].status);
}

/* Reads the request and takes what came beside it. */
static int read_request(struct sm_forkserver_hub *h, const struct sm_frame *frame)
{
	int fd = frame->fds[SM_FORKSERVER_REQUEST];
	uint32_t bytes;
	int err = sm_read_all(fd, &bytes, sizeof(bytes), -1);

	if (!err && bytes > sizeof(h->buf))
		err = -E2BIG;
	if (!err)
		err = sm_read_all(fd, h->buf, bytes, -1);
	if (!err)
		err = sm_request_unpack(&h->request, h->buf, bytes);
	return err ? err
		   : sm_request_adopt(&h->request, frame->fds + SM_FORKSERVER_FDS,
				      frame->nfds - SM_FORKSERVER_FDS, &h->places);
}

static void take_fields(struct sm_forkserver_hub *h, struct sm_birth *birth)
{
	const int fds[3] = { birth->in, birth->out, birth->err };

	for (int i = 0; i < 3; i++) {
		if (h->request.attr.fields & SM_REQ_FDS && h->places.at[i].src < 0)
			h->places.at[i].src = fds[i];
	}
	sm_birth_fields(birth, &h->request.attr, &h->places, &h->mask);
}

_Noreturn void sm_forkserver_child(struct sm_forkserver_hub *h, struct sm_birth *birth,
				   const struct sm_frame *frame, int conn)
{
	const int *fds = frame->fds;
	int err;

	birth->entered_ns = sm_now_ns();
	close_own(h);
	close(conn);
	close(fds[SM_FORKSERVER_STATUS]);
	release_signals(h);
	err = read_request(h, frame);
	if (err) /* its client has gone, or talks nonsense: there is nobody to tell but by status */
		_exit(1);
	birth->in = fds[SM_FORKSERVER_IN];
	birth->out = fds[SM_FORKSERVER_OUT];
	birth->err = fds[SM_FORKSERVER_ERR];
	birth->args = h->request.args;
	birth->envp = h->request.envp;
	birth->cwd = h->request.cwd[0];
	if (h->request.attr.fields)
		take_fields(h, birth);
	if (h->request.attr.fields & SM_REQ_CGROUP)
		sm_berth_has_group(birth->berth);
	sm_child_born(h->payload, birth);
}
