/* SPDX-License-Identifier: MIT */
/*
 * sandbox_kernel.c - what the kernel says to combinations of clone flags, and to namespaces that
 * are nested too deep.
 */
#include "group.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "identity_lab.h"
#include "sandbox_util.h"
#include "sys/sys.h"

/* linux:kernel/user_namespace.c:create_user_ns */
#define DEEPEST 33

/* What a clone says: 0 it was made (and is gone again), or -errno. */
static int try_clone(unsigned long flags)
{
	pid_t pid = sm_raw_clone(flags);

	if (pid == 0)
		syscall(SYS_exit, 0); /* alone, should it be a thread after all */
	if (pid < 0)
		return pid;
	if (!(flags & CLONE_THREAD))
		waitpid(pid, NULL, __WALL);
	return 0;
}

/* In a fork, for a thread that should not be would share its stack. */
struct tries {
	const unsigned long *flags;
	int n;
	int64_t *errs;
};

static int try_all(void *arg)
{
	const struct tries *t = arg;

	for (int i = 0; i < t->n; i++)
		t->errs[i] = try_clone(t->flags[i]);
	return 0;
}

#define THREAD (CLONE_THREAD | CLONE_SIGHAND | CLONE_VM)

/* The last of them is to succeed, all others are EINVAL. */
static int only_last_succeeds(struct sm_cell *c, const unsigned long *flags, int n)
{
	struct sm_lab *lab = sm_lab_new(c, 0, NULL); /* for its page */
	struct tries t = { .flags = flags, .n = n };
	int rc, refused = 0;

	if (!lab)
		return c->observed;
	t.errs = lab->n;
	rc = sm_in_fork(try_all, &t, SM_STEP_MS);
	for (int i = 0; i < n - 1; i++)
		refused += lab->n[i] == -EINVAL;
	sm_judge(c, rc == 0 && refused == n - 1 && lab->n[n - 1] == 0,
		 "%d of %d clones are refused with EINVAL; with neither it is %s", refused, n - 1,
		 lab->n[n - 1] ? strerror((int)-lab->n[n - 1]) : "made");
	sm_lab_free(lab);
	return c->observed;
}

/* J13 */
static int shared_fs_is_refused(struct sm_cell *c)
{
	static const unsigned long flags[] = {
		CLONE_FS | CLONE_NEWNS | SIGCHLD,
		CLONE_FS | CLONE_NEWUSER | SIGCHLD,
		CLONE_NEWNS | CLONE_NEWUSER | SIGCHLD,
	};

	return only_last_succeeds(c, flags, 3);
}

/* J14 */
static int thread_is_refused(struct sm_cell *c)
{
	static const unsigned long flags[] = {
		THREAD | CLONE_NEWPID,
		THREAD | CLONE_NEWUSER,
		CLONE_NEWPID | CLONE_NEWUSER | SIGCHLD,
	};

	return only_last_succeeds(c, flags, 3);
}

/* J21: each level maps itself and goes one deeper. */
static void map_root(void)
{
	sm_box_put("/proc/self/setgroups", "deny");
	sm_box_put("/proc/self/uid_map", "0 0 1\n");
	sm_box_put("/proc/self/gid_map", "0 0 1\n");
}

static int dive(void *arg)
{
	struct sm_lab *lab = arg;

	for (;;) {
		pid_t pid = sm_raw_clone(CLONE_NEWUSER | SIGCHLD);

		if (pid < 0) {
			lab->n[1] = pid;
			_exit(0);
		}
		if (pid > 0) {
			waitpid(pid, NULL, 0);
			_exit(0);
		}
		if (++lab->n[0] > 2 * DEEPEST)
			_exit(0);
		map_root();
	}
}

static int depth_is_bounded(struct sm_cell *c)
{
	struct sm_lab *lab = sm_lab_new(c, 0, NULL);

	if (!lab)
		return c->observed;
	sm_in_fork(dive, lab, SM_STEP_MS);
	sm_judge(c, lab->n[1] == -ENOSPC && lab->n[0] > 1 && lab->n[0] <= DEEPEST,
		 "user namespaces in one another: %lld, then %s", (long long)lab->n[0],
		 lab->n[1] ? strerror((int)-lab->n[1]) : "no end");
	sm_lab_free(lab);
	return c->observed;
}

static const struct sm_check checks[] = {
	{
		.id = "sandbox.clone.fs",
		.row = "J13",
		.claim = "CLONE_FS beside CLONE_NEWNS or CLONE_NEWUSER is EINVAL",
		.source = "clone(2) EINVAL; linux:kernel/fork.c:copy_process; LTP clone302",
		.level = SM_MUST,
		.flags = SM_CHECK_ALONE,
		.needs = SM_NEED(SM_F_USER_NS),
		.only = SM_LAB_ONLY,
		.in_parent = shared_fs_is_refused,
	},
	{
		.id = "sandbox.clone.thread",
		.row = "J14",
		.claim = "CLONE_THREAD beside CLONE_NEWPID or CLONE_NEWUSER is EINVAL",
		.source = "clone(2) EINVAL; linux:kernel/fork.c:copy_process",
		.level = SM_MUST,
		.flags = SM_CHECK_ALONE,
		.needs = SM_NEED(SM_F_USER_NS),
		.only = SM_LAB_ONLY,
		.in_parent = thread_is_refused,
	},
	{
		.id = "sandbox.user-ns.depth",
		.row = "J21",
		.claim = "user namespaces in one another end with ENOSPC",
		.source = "clone(2) ENOSPC; linux:kernel/user_namespace.c:create_user_ns",
		.level = SM_MUST,
		.flags = SM_CHECK_ALONE,
		.needs = SM_NEED(SM_F_ROOT) | SM_NEED(SM_F_USER_NS),
		.only = SM_LAB_ONLY,
		.in_parent = depth_is_bounded,
	},
};

SM_GROUP_AS(sandbox_kernel, "sandbox", "Namespaces and sandbox", checks);
