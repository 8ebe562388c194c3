/* SPDX-License-Identifier: MIT */
/*
 * identity.c - who the child is, and whose.
 */
#include "group.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static int child_ids(struct sm_cell *c)
{
	c->answer.n[0] = getpid();
	c->answer.n[1] = getppid();
	return sm_holds(c, "the child says: pid %d, ppid %d", getpid(), getppid());
}

/* A01 */
static int ppid_is_parent(struct sm_cell *c)
{
	struct sm_answer a;
	int err = sm_kid_ask(c, NULL, &a, NULL);

	if (err)
		return sm_trouble(c, err, "a child");
	return sm_judge(c, a.n[1] == getpid(), "getppid() in the child is %lld, the parent is %d",
			(long long)a.n[1], getpid());
}

/* A02 */
static int pid_is_told(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_answer a;
	struct sm_kid kid;
	int err = sm_kid_spawn(c, &kid, &req);

	if (!err)
		err = sm_kid_answer(c, &kid, &a);
	if (!err)
		err = sm_kid_wait(c, &kid);
	if (err)
		return sm_trouble(c, err, "a child");
	return sm_judge(c, a.n[0] == kid.child.pid, "the parent was told %d, the child is %lld",
			kid.child.pid, (long long)a.n[0]);
}

static const struct sm_check checks[] = {
	{
		.id = "identity.ppid.parent",
		.row = "A01",
		.claim = "getppid() in the child is the parent",
		.source = "clone(2) CLONE_PARENT; linux:kernel/fork.c:copy_process; LTP clone08",
		.level = SM_MUST,
		.fails_lacking = SM_CHILD_OF_PARENT,
		.why = "the server forks it, so it is the server's child",
		.in_parent = ppid_is_parent,
		.in_child = child_ids,
	},
	{
		.id = "identity.pid.told",
		.row = "A02",
		.claim = "the pid that the parent is told is the child's getpid()",
		.source = "fork(2); LTP clone03, fork01",
		.level = SM_MUST,
		.in_parent = pid_is_told,
		.in_child = child_ids,
	},
};

SM_GROUP(identity, "Identity and parentage", checks);
