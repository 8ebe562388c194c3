/* SPDX-License-Identifier: MIT */
/*
 * env_kernel.c - root, terminal, memory policies, System V semaphores.
 */
#include "group.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "env_util.h"
#include "signal_util.h"

/* F16: in a mount namespace of its own the whole tree once more, and that is the new root. */
static int64_t root_mount(void)
{
	struct statx stx;

	return statx(AT_FDCWD, "/", 0, STATX_MNT_ID, &stx) || !(stx.stx_mask & STATX_MNT_ID)
		       ? -1
		       : (int64_t)stx.stx_mnt_id;
}

static int root_creator(struct sm_cell *c)
{
	const char *tmp = sm_temp_dir();
	int64_t was = root_mount();

	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("/", tmp, NULL, MS_BIND | MS_REC, NULL) || chroot(tmp) || chdir("/"))
		return sm_broken(c, "a new root: %s", strerror(errno));
	c->board->n[0] = root_mount();
	return sm_creator_is(c, 1, c->board->n[0] >= 0 && c->board->n[0] != was, "root directory");
}

static int root_child(struct sm_cell *c)
{
	c->answer.n[0] = root_mount();
	return sm_holds(c, "its root is %s mount", c->answer.n[0] < 0 ? "an unknown" : "the same");
}

/* F18 */
static int terminal_child(struct sm_cell *c)
{
	c->answer.n[0] = sm_stat_of(getpid(), 7);
	return sm_holds(c, "seen");
}

static int terminal(struct sm_cell *c, int master)
{
	int64_t own = sm_stat_of(getpid(), 7);
	struct sm_answer a;
	int err = sm_kid_ask(c, NULL, &a, NULL);

	(void)master;
	if (err)
		return sm_trouble(c, err, "a child in a session with a terminal");
	return sm_judge(c, own > 0 && a.n[0] == own, "the parent has a terminal, the child %s",
			a.n[0] == own ? "the same"
			: a.n[0]      ? "another"
				      : "none");
}

static int terminal_inherited(struct sm_cell *c)
{
	return sm_in_session(c, terminal);
}

/* F19 */
#ifndef PR_SET_THP_DISABLE
#define PR_SET_THP_DISABLE 41
#define PR_GET_THP_DISABLE 42
#endif
#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_GET_MDWE 66
#endif
#define MDWE_REFUSE_EXEC_GAIN 1
#define MEMPOLICY_PREFERRED   1

static int thp_creator(struct sm_cell *c)
{
	bool done = prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0;

	c->board->n[0] = prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0);
	return sm_creator_is(c, 1, done, "huge pages (1: disabled)");
}

static int thp_child(struct sm_cell *c)
{
	c->answer.n[0] = prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0);
	return sm_child_is(c, 1, "PR_GET_THP_DISABLE");
}

static int mdwe_creator(struct sm_cell *c)
{
	bool done = prctl(PR_SET_MDWE, MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) == 0;

	if (!done && errno == EINVAL) /* before Linux 6.3: then there is nothing to inherit */
		return sm_holds(c, "no PR_SET_MDWE");
	c->board->n[0] = prctl(PR_GET_MDWE, 0, 0, 0, 0);
	return sm_creator_is(c, 1, done, "PR_SET_MDWE");
}

static int mdwe_child(struct sm_cell *c)
{
	c->answer.n[0] = prctl(PR_GET_MDWE, 0, 0, 0, 0);
	return sm_child_is(c, 1, "PR_GET_MDWE");
}

static int64_t memory_policy(void)
{
	int mode = -1;

	return syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, 0) ? -errno : mode;
}

static int policy_creator(struct sm_cell *c)
{
	unsigned long node = 1;
	long got = syscall(SYS_set_mempolicy, MEMPOLICY_PREFERRED, &node, 8 * sizeof(node));

	if (got && (errno == ENOSYS || errno == EPERM)) /* no NUMA, or a filter */
		return sm_holds(c, "no set_mempolicy");
	c->board->n[0] = memory_policy();
	return sm_creator_is(c, 1, got == 0, "memory policy");
}

static int policy_child(struct sm_cell *c)
{
	c->answer.n[0] = memory_policy();
	return sm_child_is(c, 1, "memory policy (1: preferred)");
}

/* F21: the sum of what this process would undo at its exit is its own alone. */
static int semaphore_child(struct sm_cell *c)
{
	struct sembuf up = { .sem_op = 2, .sem_flg = SEM_UNDO };
	const struct sm_board *board = sm_board(c);

	if (!board || semop((int)board->n[0], &up, 1))
		return sm_broken(c, "semop: %s", strerror(errno));
	return sm_holds(c, "added 2, to be undone");
}

/* In the creator: it adds 1, which its own end alone may undo. */
static int semaphore_creator(struct sm_cell *c)
{
	struct sembuf up = { .sem_op = 1, .sem_flg = SEM_UNDO };

	c->board->n[0] = semget(IPC_PRIVATE, 1, 0600);
	if (c->board->n[0] < 0 || semop((int)c->board->n[0], &up, 1))
		return sm_broken(c, "semget: %s", strerror(errno));
	return sm_holds(c, "added 1, to be undone");
}

static int semaphore(struct sm_cell *c)
{
	struct sm_answer a;
	int err = sm_cell_start(c), value = -1;

	if (!err)
		err = sm_kid_ask(c, NULL, &a, NULL);
	if (c->board) {
		value = semctl((int)c->board->n[0], 0, GETVAL);
		semctl((int)c->board->n[0], 0, IPC_RMID);
	}
	if (err)
		return sm_trouble(c, err, "a child");
	if (a.observed != SM_HOLDS)
		return sm_broken(c, "%s", a.text);
	return sm_judge(
		c, value == 1,
		"the creator added 1, the child 2; after the child's end the semaphore is %d, "
		"expected 1",
		value);
}

static const struct sm_check checks[] = {
	{
		.id = "env.root.inherited",
		.row = "F16",
		.claim = "the child has its creator's root directory",
		.source = "path_resolution(7); chroot(2): inherited by fork, kept by execve",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_ROOT) | SM_NEED(SM_F_MOUNT_NS),
		.in_parent = sm_like_creator,
		.in_creator = root_creator,
		.in_child = root_child,
	},
	{
		.id = "env.terminal.inherited",
		.row = "F18",
		.claim = "the child has the terminal of its parent's session",
		.source = "setsid(2), fork(2); linux:kernel/fork.c:copy_signal",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_TTY),
		.in_parent = terminal_inherited,
		.in_child = terminal_child,
	},
	{
		.id = "env.thp.inherited",
		.row = "F19",
		.claim = "PR_SET_THP_DISABLE of the creator holds for the child",
		.source = "prctl(2): inherited by fork and preserved across execve",
		.level = SM_RECORD,
		.in_parent = sm_like_creator,
		.in_creator = thp_creator,
		.in_child = thp_child,
	},
	{
		.id = "env.mdwe.inherited",
		.row = "F19",
		.claim = "PR_SET_MDWE of the creator holds for the child",
		.source = "PR_SET_MDWE(2const): inherited by fork, preserved across execve",
		.level = SM_RECORD,
		.in_parent = sm_like_creator,
		.in_creator = mdwe_creator,
		.in_child = mdwe_child,
	},
	{
		.id = "env.mempolicy.inherited",
		.row = "F19",
		.claim = "the creator's memory policy holds for the child",
		.source = "set_mempolicy(2): inherited by fork, preserved across execve",
		.level = SM_RECORD,
		.in_parent = sm_like_creator,
		.in_creator = policy_creator,
		.in_child = policy_child,
	},
	{
		.id = "env.semadj.own",
		.row = "F21",
		.claim =
			"a child's end undoes its own semaphore operations, and none of its creator's",
		.source = "semop(2) SEM_UNDO, POSIX fork 10; clone(2) CLONE_SYSVSEM",
		.level = SM_MUST,
		.in_parent = semaphore,
		.in_creator = semaphore_creator,
		.in_child = semaphore_child,
	},
};

SM_GROUP_AS(env_kernel, "env", "Arguments, environment, limits, credentials", checks);
