/* SPDX-License-Identifier: MIT */
/*
 * pool.c - children made ahead, unused, each for one request; see pool.h.
 *
 * The children are made as zygote3 makes them, and are the parent's own. A request is one message
 * to the next of them: no clone, and no server, stands between request and child. Who was handed
 * out is replaced in the way that the option `refill` says.
 */
#include "pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../sys/sys.h"
#include "../wire/frame.h"
#include "common.h"

/* How long a bounded wait goes without a look at the idle children. */
#define LOOK_MS 100

/* How long who was killed is waited for between requests; mostly there is nobody. */
#define REAP_MS 500

/* A request as it travels. */
struct letter {
	struct iovec iov;
	int n; /* descriptors beside it */
	union {
		char buf[CMSG_SPACE(sizeof(int) * SM_FRAME_FDS_MAX)];
		struct cmsghdr align;
	} control;
};

static int pool_start(void **self, const struct sm_setup *setup, struct sm_fault *fault)
{
	struct sm_pool *p;
	int err = sm_check_setup_sandboxed(setup, fault);

	if (!err)
		err = sm_options_check(sm_setup_options(setup), sm_pool_option_names, fault);
	if (err)
		return err;
	p = calloc(1, sizeof(*p));
	if (!p)
		return sm_fail(fault, SM_STAGE_ARGUMENT, ENOMEM, NULL);
	sm_setup_keep(&p->setup, setup);
	p->sock = p->last[0] = p->last[1] = -1;
	p->owner = getpid();
	err = sm_pool_options(&p->options, sm_setup_options(setup), fault);
	if (!err)
		err = sm_pool_open(p, fault);
	if (!err)
		err = sm_pool_fill(p, p->server.end, fault);
	if (err) {
		sm_pool_close(p);
		free(p);
	} else {
		p->spares.fresh = 0; /* whoever starts a strategy asks some time later */
		*self = p;
	}
	return err;
}

/* Closes the control socket of the last child; not its own spawn, whose time it would take. */
static void forget_last(struct sm_pool *p, int near, int far)
{
	if (p->last[0] >= 0) {
		close(p->last[0]);
		close(p->last[1]);
	}
	p->last[0] = near;
	p->last[1] = far;
}

static void pool_stop(void *self)
{
	forget_last(self, -1, -1);
	sm_pool_close(self);
	free(self);
}

static int write_letter(struct sm_pool *p, const struct sm_req *req, struct letter *l,
			struct sm_fault *fault)
{
	int fds[SM_FRAME_FDS_MAX];
	int bytes = sm_request_pack(p->buf, sizeof(p->buf), req);
	struct cmsghdr *cmsg = &l->control.align;

	l->n = 0;
	if (bytes < 0)
		return sm_fail(fault, SM_STAGE_ARGUMENT, -bytes, "the request is too large");
	l->iov = (struct iovec){ .iov_base = p->buf, .iov_len = (size_t)bytes };
	if (req->fields)
		l->n = sm_request_fds(req, fds, SM_FRAME_FDS_MAX);
	if (l->n < 0)
		return sm_fail_field(fault, SM_REQ_FDS, -l->n, "more than one message can carry");
	if (!l->n)
		return 0;
	memset(&l->control, 0, CMSG_SPACE(sizeof(int) * (size_t)l->n));
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)l->n);
	memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * (size_t)l->n);
	return 0;
}

/* 0; -EPIPE: it is dead or stopped; another -errno with the fault filled: it says why it cannot. */
static int can_serve(struct sm_pool_spare *spare, struct sm_fault *fault)
{
	int err = sm_pool_spare_hear(spare, 0, fault);

	return err || sm_pool_spare_fit(spare) ? err : -EPIPE;
}

/* 0; -EPIPE: it has ended; another -errno: the letter is at fault. */
static int hand_over(const struct sm_pool_spare *spare, struct letter *l)
{
	struct msghdr msg = { .msg_iov = &l->iov, .msg_iovlen = 1 };
	ssize_t put;

	if (l->n) {
		msg.msg_control = l->control.buf;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)l->n);
	}
	do { /* its queue is empty: there is room, or never will be */
		put = sendmsg(spare->fds[SM_POOL_CONTROL], &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (put < 0 && errno == EINTR);
	if (put >= 0)
		return 0;
	return errno == ECONNRESET ? -EPIPE : -errno;
}

static void give(const struct sm_pool *p, const struct sm_req *req, struct sm_pool_spare *spare,
		 struct sm_child *child)
{
	int *ends[3] = { &child->in, &child->out, &child->err };

	for (int i = 0; i < 3; i++) {
		int *fd = &spare->fds[SM_POOL_IN + i];

		*ends[i] = *fd;
		if (req->fields & SM_REQ_FDS && p->places.at[i].src >= 0) {
			close(*fd); /* its place was taken */
			*ends[i] = -1;
		}
	}
	child->pid = spare->pid;
	child->priv = -1;
	sm_give_pidfd(child, spare->fds[SM_POOL_PIDFD]);
}

/* Hands the letter to the first that can serve. 0 and *spare, or -errno with the fault filled. */
static int find(struct sm_pool *p, struct letter *l, int64_t end_ns, struct sm_pool_spare *spare,
		struct sm_fault *fault)
{
	int err;

	for (;;) {
		if (sm_pool_spare_take(&p->spares, spare)) {
			err = sm_pool_await(p, end_ns, fault);
			if (err)
				return err;
			continue;
		}
		err = can_serve(spare, fault);
		if (err == -EPIPE && getpid() != p->owner) { /* a fork: no other one is its child */
			sm_pool_spare_give_back(&p->spares, spare);
			return sm_fail(fault, SM_STAGE_WAIT, ECHILD,
				       "idle children belong to the process that started the pool");
		}
		if (err && err != -EPIPE) { /* nor would the next one */
			sm_pool_spare_kill(&p->spares, spare);
			return err;
		}
		if (!err)
			err = hand_over(spare, l);
		if (!err)
			return 0;
		if (err != -EPIPE) {
			sm_pool_spare_give_back(&p->spares, spare);
			return sm_fail(fault, SM_STAGE_SEND, -err, "to an idle child");
		}
		sm_pool_spare_kill(&p->spares, spare);
	}
}

static int pool_spawn(void *self, const struct sm_req *req, struct sm_child *child,
		      struct sm_fault *fault)
{
	struct sm_pool *p = self;
	struct sm_pool_spare spare;
	struct letter letter;
	struct sm_req own;
	int err = sm_check_spawn(&req, &own, &p->places, child, fault);

	if (!err)
		err = write_letter(p, req, &letter, fault);
	if (!err)
		err = find(p, &letter, sm_now_ns() + (int64_t)req->timeout_ms * 1000000, &spare,
			   fault);
	if (err)
		return err;
	give(p, req, &spare, child);
	forget_last(p, spare.fds[SM_POOL_CONTROL], spare.fds[SM_POOL_FAR_END]);
	if (p->options.refill == SM_POOL_EAGER ||
	    (p->options.refill == SM_POOL_PACED && p->spares.n < p->options.size / 2))
		sm_pool_ask(p);
	return 0;
}

/*
 * The measured path waits for ever. Another looks after a while whether idle children have died as
 * well: where all are in one pid namespace, its init does not end before those are reaped.
 */
static int pool_wait(void *self, struct sm_child *child, int timeout_ms, struct sm_exit *exit)
{
	struct sm_pool *p = self;
	int err;

	if (p->options.refill == SM_POOL_PACED)
		sm_pool_ask(p);
	for (;;) {
		err = sm_wait_child(child->pid, timeout_ms > LOOK_MS ? LOOK_MS : timeout_ms, exit);
		if (err != -ETIMEDOUT || timeout_ms <= LOOK_MS)
			return err;
		timeout_ms -= LOOK_MS;
		sm_pool_look(p);
	}
}

static void pool_idle(void *self)
{
	struct sm_pool *p = self;
	int64_t end_ns = sm_now_ns() + (int64_t)p->setup.timeout_ms * 1000000;

	forget_last(p, -1, -1);
	sm_pool_look(p);
	if (sm_pool_fill(p, end_ns, NULL)) /* one that failed is gone: once more */
		sm_pool_fill(p, end_ns, NULL);
	sm_pool_spares_reap(&p->spares, REAP_MS);
}

static int pool_spares(void *self, pid_t *pids, int room)
{
	struct sm_pool *p = self;
	int n = 0;

	while (n < room && (uint32_t)n < p->spares.n) {
		pids[n] = p->spares.at[n].pid;
		n++;
	}
	return n;
}

static pid_t pool_server(void *self)
{
	return ((struct sm_pool *)self)->server.pid;
}

const struct sm_ops sm_pool_ops = {
	.size = sizeof(sm_pool_ops),
	.name = "pool",
	.summary = "unused clones of a warm server wait for a request each: one message, no clone",
	.traits = SM_CHILD_OF_PARENT | SM_RUNS_ATFORK | SM_OWN_SERVER | SM_AHEAD | SM_SANDBOXES |
		  SM_GIVES_PIDFD,
	.start = pool_start,
	.spawn = pool_spawn,
	.wait = pool_wait,
	.stop = pool_stop,
	.server = pool_server,
	.serve = sm_pool_serve,
	.idle = pool_idle,
	.spares = pool_spares,
	.options = sm_pool_option_names,
};
