/* SPDX-License-Identifier: MIT */
/*
 * identity_watch.c - who else sees a CLONE_PARENT child: a tracer, and the holder of a pidfd.
 */
#include "group.h"
#include "identity_lab.h"

#include <errno.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/sys.h"
#include "wire/frame.h"

#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x00001000
#endif

/* A24: the zygote clones twice, once by each call, when its tracer is there. */
static pid_t both_calls(struct sm_lab *lab)
{
	struct clone_args args = { .flags = CLONE_PARENT };
	pid_t pid;

	sm_board_wait(&lab->word, 0, SM_STEP_MS);
	pid = sm_raw_clone3(&args, sizeof(args));
	if (pid == 0)
		_exit(0);
	lab->n[0] = pid;
	pid = sm_raw_clone(CLONE_PARENT | SIGCHLD);
	if (pid == 0)
		_exit(0);
	lab->n[1] = pid;
	_exit(0);
}

static int trace_all(struct sm_lab *lab, pid_t zygote)
{
	int status, seen = 0;
	pid_t pid;

	while ((pid = waitpid(-1, &status, __WALL)) > 0) {
		int event = status >> 16, sig;

		if (!WIFSTOPPED(status))
			continue;
		if (pid == zygote && (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_CLONE) &&
		    seen < 2)
			lab->n[2 + seen++] = event;
		sig = event ? 0 : WSTOPSIG(status);
		ptrace(PTRACE_CONT, pid, NULL, (void *)(long)sig);
	}
	return errno == ECHILD ? 0 : sm_lab_wrong(lab, errno, "waiting for the traced");
}

static int trace_zygote(void *arg)
{
	const long options = PTRACE_O_TRACEFORK | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL;
	struct sm_lab *lab = arg;
	pid_t pid = sm_raw_clone(SIGCHLD);

	if (pid == 0)
		both_calls(lab);
	if (pid < 0)
		return sm_lab_wrong(lab, pid, "the zygote cannot be cloned");
	if (ptrace(PTRACE_SEIZE, pid, NULL, (void *)options) < 0)
		return sm_lab_wrong(lab, errno, "the zygote cannot be traced");
	sm_board_post(&lab->word);
	return trace_all(lab, pid);
}

static int trace_events(struct sm_cell *c)
{
	struct sm_lab *lab = sm_lab_new(c, SIGCHLD, NULL);

	if (!lab || sm_lab_run(lab, trace_zygote))
		goto out;
	sm_judge(c,
		 lab->n[0] > 0 && lab->n[1] > 0 && lab->n[2] == PTRACE_EVENT_CLONE &&
			 lab->n[3] == PTRACE_EVENT_FORK,
		 "clone3(CLONE_PARENT) is event %lld, clone(CLONE_PARENT | SIGCHLD) is event %lld "
		 "(FORK is %d, CLONE is %d)",
		 (long long)lab->n[2], (long long)lab->n[3], PTRACE_EVENT_FORK, PTRACE_EVENT_CLONE);
out:
	sm_lab_free(lab);
	return c->observed;
}

/* The zygote gets a pidfd with its child, cannot wait by it, and passes it on. */
static pid_t with_pidfd(struct sm_lab *lab)
{
	int sock = (int)lab->n[0], pidfd = -1;
	struct clone_args args = { .flags = CLONE_PARENT | CLONE_PIDFD,
				   .pidfd = (uint64_t)(uintptr_t)&pidfd };
	struct pollfd p;
	siginfo_t info;
	pid_t pid = sm_raw_clone3(&args, sizeof(args));

	if (pid <= 0)
		return pid;
	p = (struct pollfd){ .fd = pidfd, .events = POLLIN };
	lab->n[2] =
		waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG | __WALL) < 0 ? -errno : 0;
	lab->n[3] = sm_frame_send(sock, 1, NULL, 0, &pidfd, 1);
	lab->n[4] = poll(&p, 1, 0);
	return pid;
}

static int wait_by_pidfd(void *arg)
{
	struct sm_lab *lab = arg;
	struct sm_frame frame;
	siginfo_t info = { 0 };
	int wrong = sm_lab_begin(lab), err;

	if (wrong || lab->kid <= 0)
		return wrong ? wrong : sm_lab_wrong(lab, (int)lab->kid, "clone3 with a pidfd");
	err = sm_frame_recv((int)lab->n[1], &frame, NULL, 0, SM_STEP_MS);
	if (err || frame.nfds != 1)
		return sm_lab_wrong(lab, err ? err : EPROTO, "the pidfd did not arrive");
	sm_board_post(&lab->go);
	if (waitid(P_PIDFD, (id_t)frame.fds[0], &info, WEXITED) < 0)
		return sm_lab_wrong(lab, errno, "the parent's waitid() by the pidfd");
	lab->n[5] = info.si_pid;
	lab->n[6] = info.si_status;
	sm_board_post(&lab->end);
	return waitpid((pid_t)lab->zygote_pid, NULL, 0) < 0
		       ? sm_lab_wrong(lab, errno, "the zygote cannot be waited for")
		       : 0;
}

static int pidfd_travels(struct sm_cell *c)
{
	struct sm_lab *lab = sm_lab_new(c, SIGCHLD, with_pidfd);
	int pair[2] = { -1, -1 };

	if (!lab || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		sm_broken(c, "no socket pair");
		goto out;
	}
	lab->n[0] = pair[0];
	lab->n[1] = pair[1];
	if (sm_lab_run(lab, wait_by_pidfd))
		goto out;
	sm_judge(c,
		 lab->n[2] == -ECHILD && lab->n[3] == 0 && lab->n[4] == 0 &&
			 lab->n[5] == lab->kid && lab->n[6] == SM_LAB_STATUS,
		 "waitid() in the zygote: %s; poll() there while it runs: %lld; in the parent: pid "
		 "%lld of %lld, status %lld",
		 strerror((int)-lab->n[2]), (long long)lab->n[4], (long long)lab->n[5],
		 (long long)lab->kid, (long long)lab->n[6]);
out:
	for (int i = 0; i < 2; i++)
		if (pair[i] >= 0)
			close(pair[i]);
	sm_lab_free(lab);
	return c->observed;
}

static const struct sm_check checks[] = {
	{
		.id = "identity.ptrace.event",
		.row = "A24",
		.claim = "a tracer sees clone3(CLONE_PARENT) as a clone, and "
			 "clone(CLONE_PARENT | SIGCHLD) as a fork",
		.source = "ptrace(2); linux:kernel/fork.c:kernel_clone",
		.level = SM_MUST,
		.flags = SM_CHECK_ALONE,
		.needs = SM_NEED(SM_F_CLONE3) | SM_NEED(SM_F_PTRACE),
		.only = SM_LAB_ONLY,
		.in_parent = trace_events,
	},
	{
		.id = "identity.pidfd.passed",
		.row = "B13",
		.claim = "a zygote's pidfd of a CLONE_PARENT child is of no use for its own "
			 "waitid(), and serves the parent's when it was passed on",
		.source = "waitid(2) P_PIDFD; linux:kernel/exit.c:do_wait_pid; unix(7) SCM_RIGHTS",
		.level = SM_MUST,
		.flags = SM_CHECK_ALONE,
		.needs = SM_NEED(SM_F_CLONE3) | SM_NEED(SM_F_CLONE_PIDFD) |
			 SM_NEED(SM_F_WAITID_PIDFD),
		.only = SM_LAB_ONLY,
		.in_parent = pidfd_travels,
	},
};

SM_GROUP_AS(identity_watch, "identity", "Identity and parentage", checks);
