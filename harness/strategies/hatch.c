/* SPDX-License-Identifier: MIT */
/*
 * hatch.c - see hatch.h.
 */
#include "hatch.h"

#include <errno.h>
#include <linux/futex.h>
#include <linux/magic.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../atfork/atfork.h"
#include "../sys/sys.h"
#include "warm.h"

/* Where libc keeps the number of this thread: clone clears it there when the thread ends. */
static int *find_tid(void)
{
	int *tid = NULL;

	if (prctl(PR_GET_TID_ADDRESS, &tid, 0, 0, 0) < 0 || !tid)
		return NULL; /* without CONFIG_CHECKPOINT_RESTORE */
	return *tid == gettid() ? tid : NULL;
}

int sm_hatchery_open(struct sm_hatchery *h, const struct sm_payload *payload, const char *options)
{
	struct robust_list_head *head = NULL;
	size_t bytes = 0;
	struct sm_warm warm;
	int err = sm_warm_read(&warm, options, NULL);

	if (err)
		return err;
	memset(h, 0, sizeof(*h));
	h->payload = payload;
	h->atfork = sm_atfork_find();
	sm_warm_server(&warm, payload);
	err = sm_threads_open(&h->threads);
	if (err)
		return err;
	h->tid = find_tid();
	if (!syscall(SYS_get_robust_list, 0, &head, &bytes) && bytes == sizeof(*head)) {
		h->robust = head;
		h->robust_bytes = bytes;
	}
	sm_signals_handled(&h->handled);
	return 0;
}

void sm_hatchery_close(struct sm_hatchery *h)
{
	sm_threads_close(&h->threads);
}

/* 0, or -EDEADLK: the child would miss threads that somebody waits for. */
static int refuse_threads(struct sm_hatchery *h, struct sm_fault *fault)
{
	char names[160], text[240];
	int n = sm_threads_missed(&h->threads, !!h->atfork, names, sizeof(names));

	if (!n)
		return 0;
	snprintf(text, sizeof(text), "the server has %d threads, a child would have one: %s", n,
		 names);
	return sm_fail(fault, SM_STAGE_THREADS, EDEADLK, text);
}

static void before(const struct sm_hatchery *h)
{
	if (h->payload->before_fork)
		h->payload->before_fork();
	if (h->atfork)
		h->atfork->prepare();
}

static void after(const struct sm_hatchery *h)
{
	if (h->atfork)
		h->atfork->parent();
	if (h->payload->after_fork_parent)
		h->payload->after_fork_parent();
}

/* Child: what libc's fork() would have done. The kernel has written the number of the thread. */
static void repair(const struct sm_hatchery *h)
{
	struct robust_list_head *head = h->robust;

	if (!head)
		return;
	head->list.next = &head->list;
	head->list_op_pending = NULL;
	syscall(SYS_set_robust_list, head, h->robust_bytes);
}

static void live(const struct sm_hatchery *h, struct sm_birth *birth, int in_cgroup,
		 void (*born)(void *arg), void *arg)
{
	struct sm_req attr;

	birth->entered_ns = sm_now_ns();
	repair(h);
	if (in_cgroup) { /* where it was to go */
		attr = *birth->attr;
		attr.fields &= ~(uint32_t)SM_REQ_CGROUP;
		birth->attr = &attr;
	}
	if (h->atfork)
		h->atfork->child();
	if (h->payload->after_fork_child)
		h->payload->after_fork_child();
	if (born)
		born(arg);
	else
		sm_child_born(h->payload, birth);
}

static pid_t clone_old(const struct sm_hatchery *h, uint64_t flags, int *pidfd)
{
	/* The exit signal is the server's own, whatever is asked (kernel/fork.c:copy_process). */
	return sm_raw_clone_pidfd((unsigned long)flags | SIGCHLD, pidfd, h->tid);
}

/* By the newest way that kernel and policy allow. *cgroup_fd: -1 when it is not born there. */
static pid_t clone_child(struct sm_hatchery *h, int *cgroup_fd, int *pidfd)
{
	struct clone_args args = {
		.flags = CLONE_PARENT | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)pidfd,
		.child_tid = (uint64_t)(uintptr_t)h->tid,
	};
	pid_t pid;

	if (h->tid)
		args.flags |= CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
	if (h->old_clone)
		*cgroup_fd = -1;
	if (*cgroup_fd >= 0) {
		struct clone_args into = args;

		into.flags |= CLONE_INTO_CGROUP;
		into.cgroup = (uint64_t)*cgroup_fd;
		pid = sm_raw_clone3(&into, CLONE_ARGS_SIZE_VER2);
		if (pid >= 0 || pid == -EAGAIN || pid == -ENOMEM)
			return pid;
		*cgroup_fd = -1; /* too old a kernel, a group with threads: it moves by itself */
	}
	pid = h->old_clone ? -ENOSYS : sm_raw_clone3(&args, CLONE_ARGS_SIZE_VER0);
	if (pid == -ENOSYS || pid == -EPERM) { /* a filter that cannot look into clone3's struct */
		h->old_clone |= pid == -ENOSYS;
		*pidfd = -1;
		pid = clone_old(h, args.flags, pidfd);
	}
	return pid;
}

/* A group of the version 1 hierarchies cannot be born into. */
static int born_where(int cgroup_fd)
{
	struct statfs fs;

	if (cgroup_fd < 0 || fstatfs(cgroup_fd, &fs) < 0 || fs.f_type != CGROUP2_SUPER_MAGIC)
		return -1;
	return cgroup_fd;
}

pid_t sm_hatch(struct sm_hatchery *h, struct sm_birth *birth, int cgroup_fd,
	       void (*born)(void *arg), void *arg, int *pidfd, struct sm_fault *fault)
{
	sigset_t old;
	pid_t pid;
	int err;

	*pidfd = -1;
	cgroup_fd = born_where(cgroup_fd);
	before(h);
	err = refuse_threads(h, fault);
	if (err) {
		after(h);
		return err;
	}
	birth->handled = &h->handled;
	sm_signals_block(&old);
	if (!birth->sigmask)
		birth->sigmask = &old;
	birth->cloning_ns = sm_now_ns();
	pid = clone_child(h, &cgroup_fd, pidfd);
	if (pid == 0)
		live(h, birth, cgroup_fd >= 0, born, arg);
	sigprocmask(SIG_SETMASK, &old, NULL);
	after(h);
	if (birth->sigmask == &old)
		birth->sigmask = NULL;
	if (pid > 0)
		return pid;
	*pidfd = -1; /* the kernel may have written a number before it failed: of nothing */
	return sm_fail(fault, SM_STAGE_CLONE, -pid, NULL);
}
