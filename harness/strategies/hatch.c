/* SPDX-License-Identifier: MIT */
/*
 * hatch.c - see hatch.h.
 */
#include "hatch.h"

#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "../sys/sys.h"

int sm_hatchery_open(struct sm_hatchery *h, const struct sm_payload *payload, const char *options)
{
	(void)options;
	memset(h, 0, sizeof(*h));
	h->payload = payload;
	h->tasks = -1;
	sm_signals_handled(&h->handled);
	return 0;
}

void sm_hatchery_close(struct sm_hatchery *h)
{
	if (h->tasks >= 0)
		close(h->tasks);
	h->tasks = -1;
}

pid_t sm_hatch(struct sm_hatchery *h, struct sm_birth *birth, int cgroup_fd,
	       void (*born)(void *arg), void *arg, int *pidfd, struct sm_fault *fault)
{
	struct clone_args args = {
		.flags = CLONE_PARENT | CLONE_PIDFD | (cgroup_fd >= 0 ? CLONE_INTO_CGROUP : 0),
		.pidfd = (uint64_t)(uintptr_t)pidfd,
		.cgroup = cgroup_fd >= 0 ? (uint64_t)cgroup_fd : 0,
	};
	sigset_t old;
	pid_t pid;

	if (!birth->sigmask)
		birth->sigmask = &old;
	birth->handled = &h->handled;
	sm_signals_block(&old);
	birth->cloning_ns = sm_now_ns();
	pid = sm_raw_clone3(&args, sizeof(args));
	if (pid == 0) {
		if (born)
			born(arg);
		else
			sm_child_born(h->payload, birth);
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (birth->sigmask == &old)
		birth->sigmask = NULL;
	return pid < 0 ? sm_fail(fault, SM_STAGE_CLONE, -pid, NULL) : pid;
}
