/* SPDX-License-Identifier: MIT */
/*
 * pool_spare.c - the idle children that the parent knows of; see pool.h.
 */
#include "pool.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../sandbox/sandbox.h"
#include "../sys/sys.h"

/* What an idle child may take to see that its parent has closed its socket. */
#define END_WAIT_MS 2000
#define REAP_MS     5

void sm_pool_spare_add(struct sm_pool_spares *s, pid_t pid, const int *fds, unsigned int n)
{
	struct sm_pool_spare *spare = &s->at[s->n++];

	s->fresh = 1;
	spare->pid = pid;
	spare->waits = 0;
	for (unsigned int i = 0; i < SM_POOL_FDS; i++)
		spare->fds[i] = i < n ? fds[i] : -1;
}

static struct sm_pool_spare take_out(struct sm_pool_spares *s, uint32_t i)
{
	struct sm_pool_spare spare = s->at[i];

	s->n--;
	memmove(&s->at[i], &s->at[i + 1], (s->n - i) * sizeof(s->at[0]));
	return spare;
}

static uint32_t choose(const struct sm_pool_spares *s)
{
	return s->fresh && s->at[s->n - 1].waits ? s->n - 1 : 0;
}

int sm_pool_spare_take(struct sm_pool_spares *s, struct sm_pool_spare *spare)
{
	if (!s->n)
		return -ENOENT;
	*spare = take_out(s, choose(s));
	s->fresh = 0;
	return 0;
}

void sm_pool_spare_give_back(struct sm_pool_spares *s, const struct sm_pool_spare *spare)
{
	s->at[s->n++] = *spare;
}

/* Until it has said something, or has ended. */
static int await_word(const struct sm_pool_spare *spare, int64_t end_ns)
{
	for (;;) {
		struct pollfd p[2] = { { .fd = spare->fds[SM_POOL_CONTROL], .events = POLLIN },
				       { .fd = spare->fds[SM_POOL_PIDFD], .events = POLLIN } };
		int64_t left = end_ns - sm_now_ns();
		struct timespec ts = { left > 0 ? left / 1000000000 : 0,
				       left > 0 ? left % 1000000000 : 0 };
		int n = ppoll(p, 2, &ts, NULL);

		if (n > 0)
			return p[0].revents ? 0 : -EPIPE;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return -ETIMEDOUT;
	}
}

static void await_end(const struct sm_pool_grave *g, int timeout_ms)
{
	struct pollfd p = { .fd = g->pidfd, .events = POLLIN };

	poll(&p, 1, timeout_ms);
}

static int tell_why(const struct sm_pool_hello *hello, struct sm_fault *fault)
{
	int worked = hello->stage == SM_STAGE_WORK || hello->stage == SM_STAGE_CHECK;

	if (hello->stage == SM_STAGE_SANDBOX)
		return sm_fail_layer(fault, hello->detail, hello->err);
	return sm_fail(fault, (enum sm_stage)hello->stage, hello->err ? hello->err : EIO,
		       worked ? "the warm-up of an idle child failed"
			      : "an idle child could not get ready");
}

int sm_pool_spare_hear(struct sm_pool_spare *spare, int64_t end_ns, struct sm_fault *fault)
{
	struct sm_pool_hello hello;
	ssize_t got;
	int err;

	if (spare->waits)
		return 0;
	err = end_ns ? await_word(spare, end_ns) : 0;
	if (err)
		return err;
	do {
		got = recv(spare->fds[SM_POOL_CONTROL], &hello, sizeof(hello), MSG_DONTWAIT);
	} while (got < 0 && errno == EINTR);
	if (got < 0 && errno == EAGAIN)
		return 0; /* not yet; a request can lie there until it is */
	if (got != (ssize_t)sizeof(hello))
		return -EPIPE;
	if (hello.stage == SM_STAGE_NONE) {
		spare->waits = 1;
		return 0;
	}
	err = tell_why(&hello, fault);
	return err == -EPIPE ? -EPROTO : err;
}

int sm_pool_spare_fit(const struct sm_pool_spare *spare)
{
	siginfo_t info = { .si_pid = 0 };

	/* Nobody is reaped by a look. -ECHILD: the parent ignores SIGCHLD and it is gone. */
	return waitid(P_PID, (id_t)spare->pid, &info,
		      WEXITED | WSTOPPED | WNOHANG | WNOWAIT | __WALL) == 0 &&
	       info.si_pid == 0;
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* By its pidfd: where the parent ignores SIGCHLD the pid may be anybody's by now. */
static void shoot(const struct sm_pool_grave *g)
{
	if (g->pidfd >= 0)
		syscall(SYS_pidfd_send_signal, g->pidfd, SIGKILL, NULL, 0);
	else
		kill(g->pid, SIGKILL);
}

/* Closes all that the parent has of it, so that it ends by itself; it is reaped later. */
static void let_go(struct sm_pool_spares *s, struct sm_pool_spare *spare)
{
	struct sm_pool_grave *g;

	if (s->graves == SM_POOL_GRAVES) /* none of them could be reaped yet */
		sm_pool_spares_reap(s, END_WAIT_MS);
	for (int i = 0; i < SM_POOL_PIDFD; i++)
		close_one(&spare->fds[i]);
	if (s->graves == SM_POOL_GRAVES) {
		close_one(&spare->fds[SM_POOL_PIDFD]);
		sm_kill_child(spare->pid);
		return;
	}
	g = &s->grave[s->graves++];
	g->pid = spare->pid;
	g->pidfd = spare->fds[SM_POOL_PIDFD];
}

void sm_pool_spares_bury(struct sm_pool_spares *s, pid_t pid)
{
	struct sm_pool_spare spare = { .pid = pid };

	for (int i = 0; i < SM_POOL_FDS; i++)
		spare.fds[i] = -1;
	sm_pool_spare_kill(s, &spare);
}

void sm_pool_spare_kill(struct sm_pool_spares *s, struct sm_pool_spare *spare)
{
	const struct sm_pool_grave g = { spare->pid, spare->fds[SM_POOL_PIDFD] };

	shoot(&g);
	let_go(s, spare);
}

/* One look at each, the last ones first. */
static void reap_once(struct sm_pool_spares *s)
{
	for (uint32_t i = s->graves; i-- > 0;) {
		if (sm_wait_child(s->grave[i].pid, 0, NULL) == -ETIMEDOUT)
			continue;
		close_one(&s->grave[i].pidfd);
		s->grave[i] = s->grave[--s->graves];
	}
}

void sm_pool_spares_reap(struct sm_pool_spares *s, int timeout_ms)
{
	int64_t end = sm_now_ns() + (int64_t)timeout_ms * 1000000;

	for (;;) {
		uint32_t had = s->graves;

		reap_once(s);
		if (!s->graves || sm_now_ns() >= end)
			return;
		/* An init ends when the others of its namespace have been reaped, so not for long. */
		if (s->graves == had)
			await_end(&s->grave[had - 1], REAP_MS);
	}
}

void sm_pool_spares_drop(struct sm_pool_spares *s, uint32_t i)
{
	struct sm_pool_spare spare = take_out(s, i);

	sm_pool_spare_kill(s, &spare);
}

void sm_pool_spares_sift(struct sm_pool_spares *s)
{
	for (uint32_t i = s->n; i-- > 0;) {
		if (!sm_pool_spare_fit(&s->at[i]))
			sm_pool_spares_drop(s, i);
	}
	reap_once(s);
}

void sm_pool_spares_end(struct sm_pool_spares *s)
{
	struct sm_pool_spare spare;

	while (!sm_pool_spare_take(s, &spare))
		let_go(s, &spare);
	sm_pool_spares_reap(s, END_WAIT_MS);
	for (uint32_t i = 0; i < s->graves; i++) /* stopped, or still at its warm-up */
		shoot(&s->grave[i]);
	sm_pool_spares_reap(s, END_WAIT_MS);
}
