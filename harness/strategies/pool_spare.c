/* SPDX-License-Identifier: MIT */
/*
 * pool_spare.c - the idle children that the parent knows of; see pool.h.
 */
#include "pool.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../sandbox/sandbox.h"
#include "../sys/sys.h"

/* What an idle child may take to see that its parent has closed its socket. */
#define END_WAIT_MS 2000

struct sm_pool_spare *sm_pool_spare(struct sm_pool_spares *s, uint32_t i)
{
	return &s->at[(s->first + i) % SM_POOL_SIZE_MAX];
}

void sm_pool_spare_add(struct sm_pool_spares *s, pid_t pid, const int *fds, unsigned int n)
{
	struct sm_pool_spare *spare = sm_pool_spare(s, s->n++);

	spare->pid = pid;
	spare->waits = 0;
	for (unsigned int i = 0; i < SM_POOL_FDS; i++)
		spare->fds[i] = i < n ? fds[i] : -1;
}

int sm_pool_spare_pop(struct sm_pool_spares *s, struct sm_pool_spare *spare)
{
	if (!s->n)
		return -ENOENT;
	*spare = s->at[s->first];
	s->first = (s->first + 1) % SM_POOL_SIZE_MAX;
	s->n--;
	return 0;
}

void sm_pool_spare_unpop(struct sm_pool_spares *s, const struct sm_pool_spare *spare)
{
	s->first = (s->first + SM_POOL_SIZE_MAX - 1) % SM_POOL_SIZE_MAX;
	s->at[s->first] = *spare;
	s->n++;
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

void sm_pool_spare_close(struct sm_pool_spare *spare)
{
	for (int i = 0; i < SM_POOL_FDS; i++) {
		if (spare->fds[i] >= 0)
			close(spare->fds[i]);
		spare->fds[i] = -1;
	}
}

void sm_pool_spare_kill(struct sm_pool_spare *spare)
{
	/* By its pidfd: where the parent ignores SIGCHLD the pid may be anybody's by now. */
	if (spare->fds[SM_POOL_PIDFD] >= 0)
		syscall(SYS_pidfd_send_signal, spare->fds[SM_POOL_PIDFD], SIGKILL, NULL, 0);
	else
		kill(spare->pid, SIGKILL);
	sm_wait_child(spare->pid, END_WAIT_MS, NULL);
	sm_pool_spare_close(spare);
}

void sm_pool_spares_sift(struct sm_pool_spares *s)
{
	uint32_t kept = 0;

	struct sm_pool_spare *spare;

	for (uint32_t i = s->n; i-- > 0;) {
		spare = sm_pool_spare(s, i);
		if (!sm_pool_spare_fit(spare)) {
			sm_pool_spare_kill(spare);
			spare->pid = 0;
		}
	}
	for (uint32_t i = 0; i < s->n; i++) {
		spare = sm_pool_spare(s, i);
		if (spare->pid)
			*sm_pool_spare(s, kept++) = *spare;
	}
	s->n = kept;
}

void sm_pool_spares_end(struct sm_pool_spares *s)
{
	struct sm_pool_spare *spare;

	/* All see their end of file before the first is waited for. */
	for (uint32_t i = 0; i < s->n; i++) {
		spare = sm_pool_spare(s, i);
		close(spare->fds[SM_POOL_CONTROL]);
		spare->fds[SM_POOL_CONTROL] = -1;
	}
	/* The last first: were the first one the init of a namespace, it would wait for them. */
	for (uint32_t i = s->n; i-- > 0;) {
		spare = sm_pool_spare(s, i);
		if (sm_wait_child(spare->pid, END_WAIT_MS, NULL) == -ETIMEDOUT)
			sm_pool_spare_kill(spare); /* stopped, or still at its warm-up */
		sm_pool_spare_close(spare);
	}
	s->n = 0;
}
