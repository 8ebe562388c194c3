/* SPDX-License-Identifier: MIT */
/*
 * identity_kernel.c - the exit signal of a CLONE_PARENT child, and who may wait: the kernel's side
 * of a zygote, asked in vitro (identity_lab.h). copy_process() takes three fields from elsewhere
 * than a fork does: real_parent, parent_exec_id and exit_signal.
 */
#include "group.h"
#include "identity_lab.h"

#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "sys/sys.h"

/* Field of /proc/PID/stat. */
#define STAT_EXIT_SIGNAL 38

static pid_t clone3_with(int exit_signal)
{
	struct clone_args args = { .flags = CLONE_PARENT, .exit_signal = (uint64_t)exit_signal };

	return sm_raw_clone3(&args, sizeof(args));
}

static pid_t as_usr2(struct sm_lab *lab)
{
	(void)lab;
	return sm_raw_clone(CLONE_PARENT | SIGUSR2);
}

static pid_t as_clone3(struct sm_lab *lab)
{
	(void)lab;
	return clone3_with(0);
}

/* Two refusals, then one that must not be refused: else the refusals say nothing. */
static pid_t as_clone3_signals(struct sm_lab *lab)
{
	lab->n[0] = clone3_with(SIGCHLD);
	if (lab->n[0] == 0)
		_exit(0);
	lab->n[1] = clone3_with(SIGUSR1);
	if (lab->n[1] == 0)
		_exit(0);
	return clone3_with(0);
}

/* The family's child sends signal, and plain waitpid() sees it (0) or does not (-ECHILD). */
static int expect_signal(struct sm_cell *c, struct sm_lab *lab, int signal, int plain)
{
	bool holds;

	if (!lab || sm_lab_run(lab, sm_lab_parent))
		goto out;
	holds = sm_lab_ended_well(lab) && lab->signal == signal && lab->plain == plain &&
		(!signal || lab->sender == lab->kid);
	sm_judge(c, holds, "%s", sm_lab_seen(lab));
out:
	sm_lab_free(lab);
	return c->observed;
}

/* A12 */
static int clone3_refuses(struct sm_cell *c)
{
	struct sm_lab *lab = sm_lab_new(c, SIGCHLD, as_clone3_signals);

	if (!lab || sm_lab_run(lab, sm_lab_parent))
		goto out;
	sm_judge(c, lab->n[0] == -EINVAL && lab->n[1] == -EINVAL && sm_lab_ended_well(lab),
		 "exit_signal SIGCHLD: %lld, SIGUSR1: %lld (EINVAL is %d); 0: %s",
		 (long long)lab->n[0], (long long)lab->n[1], -EINVAL,
		 lab->kid > 0 ? "a child" : strerror((int)-lab->kid));
out:
	sm_lab_free(lab);
	return c->observed;
}

static int clone3_inherits(struct sm_cell *c)
{
	return expect_signal(c, sm_lab_new(c, SIGCHLD, as_clone3), SIGCHLD, 0);
}

/* A13 */
static int low_byte_ignored(struct sm_cell *c)
{
	return expect_signal(c, sm_lab_new(c, SIGCHLD, as_usr2), SIGCHLD, 0);
}

/* A14 */
static int signal_usr1(struct sm_cell *c)
{
	return expect_signal(c, sm_lab_new(c, SIGUSR1, sm_lab_sibling), SIGUSR1, -ECHILD);
}

/* A14, B21 */
static int signal_none(struct sm_cell *c)
{
	return expect_signal(c, sm_lab_new(c, 0, sm_lab_sibling), 0, -ECHILD);
}

/* A15: the zygote has no exit signal, becomes another program, and clones then. */
static void note_and_exec(struct sm_lab *lab)
{
	lab->n[0] = sm_stat_of(getpid(), STAT_EXIT_SIGNAL);
	sm_lab_exec(lab);
}

static int exec_resets(struct sm_cell *c)
{
	struct sm_lab *lab = sm_lab_new(c, 0, sm_lab_sibling);

	if (!lab)
		return c->observed;
	lab->zygote = note_and_exec;
	if (!sm_lab_run(lab, sm_lab_parent))
		sm_judge(c,
			 lab->n[0] == 0 && sm_lab_ended_well(lab) && lab->signal == SIGCHLD &&
				 lab->plain == 0,
			 "the zygote's signal was %lld; when it had exec'd, %s",
			 (long long)lab->n[0], sm_lab_seen(lab));
	sm_lab_free(lab);
	return c->observed;
}

static int after_exec(struct sm_cell *c)
{
	struct sm_lab *lab = sm_lab_attach();

	if (!lab)
		return sm_broken(c, "the family's page is lost");
	lab->clone = sm_lab_sibling;
	sm_lab_zygote(lab);
}

/* A25: the parent becomes another program while the child lives. */
static int begin_and_exec(void *arg)
{
	struct sm_lab *lab = arg;
	int wrong = sm_lab_begin(lab);

	if (wrong)
		return wrong;
	sm_lab_exec(lab);
}

static int parent_execs(struct sm_cell *c)
{
	struct sm_lab *lab = sm_lab_new(c, SIGUSR1, sm_lab_sibling);

	if (!lab || sm_lab_run(lab, begin_and_exec))
		goto out;
	sm_judge(c,
		 sm_lab_ended_well(lab) && lab->signal == SIGCHLD && lab->sender == lab->kid &&
			 lab->plain == -ECHILD,
		 "after exec of the parent, %s", sm_lab_seen(lab));
out:
	sm_lab_free(lab);
	return c->observed;
}

static int parent_execd(struct sm_cell *c)
{
	struct sm_lab *lab = sm_lab_attach();

	if (!lab)
		return sm_broken(c, "the family's page is lost");
	return sm_lab_collect(lab) ? sm_broken(c, "%s", lab->text) : sm_holds(c, "collected");
}

static const struct sm_check checks[] = {
	{
		.id = "identity.clone3.exit-signal",
		.row = "A12",
		.claim = "clone3 refuses CLONE_PARENT beside an exit signal with EINVAL",
		.source = "clone(2); linux:kernel/fork.c:clone3_args_valid",
		.level = SM_MUST,
		.flags = SM_CHECK_ALONE,
		.needs = SM_NEED(SM_F_CLONE3),
		.only = SM_LAB_ONLY,
		.in_parent = clone3_refuses,
	},
	{
		.id = "identity.clone3.inherits",
		.row = "A12",
		.claim = "exit_signal 0 of clone3 with CLONE_PARENT means the zygote's own signal, "
			 "not none",
		.source = "linux:kernel/fork.c:copy_process",
		.level = SM_MUST,
		.flags = SM_CHECK_ALONE,
		.needs = SM_NEED(SM_F_CLONE3),
		.only = SM_LAB_ONLY,
		.in_parent = clone3_inherits,
	},
	{
		.id = "identity.exit-signal.ignored",
		.row = "A13",
		.claim = "the signal that clone(2) is given beside CLONE_PARENT is ignored",
		.source = "linux:kernel/fork.c:copy_process",
		.level = SM_MUST,
		.flags = SM_CHECK_ALONE,
		.only = SM_LAB_ONLY,
		.in_parent = low_byte_ignored,
	},
	{
		.id = "identity.exit-signal.usr1",
		.row = "A14",
		.claim = "children of a zygote made with SIGUSR1 send SIGUSR1, and plain waitpid() "
			 "does not see them",
		.source = "linux:kernel/fork.c:copy_process; linux:kernel/exit.c:eligible_child; "
			  "wait(2) __WCLONE",
		.level = SM_MUST,
		.flags = SM_CHECK_ALONE,
		.only = SM_LAB_ONLY,
		.in_parent = signal_usr1,
	},
	{
		.id = "identity.exit-signal.none",
		.row = "A14",
		.claim = "children of a zygote made without exit signal end in silence, and only "
			 "__WALL or __WCLONE see them",
		.source = "linux:kernel/fork.c:copy_process; linux:kernel/exit.c:eligible_child; "
			  "wait(2) __WALL",
		.level = SM_MUST,
		.flags = SM_CHECK_ALONE,
		.only = SM_LAB_ONLY,
		.in_parent = signal_none,
	},
	{
		.id = "identity.exit-signal.exec",
		.row = "A15",
		.claim = "execve(2) of a zygote made without exit signal gives its children "
			 "SIGCHLD again",
		.source = "linux:fs/exec.c:de_thread",
		.level = SM_MUST,
		.flags = SM_CHECK_ALONE,
		.only = SM_LAB_ONLY,
		.in_parent = exec_resets,
		.in_child = after_exec,
	},
	{
		.id = "identity.parent.exec",
		.row = "A25",
		.claim = "after execve(2) of the parent a child with exit signal SIGUSR1 sends "
			 "SIGCHLD, yet waitpid() needs __WALL",
		.source = "linux:kernel/signal.c:do_notify_parent; "
			  "linux:kernel/exit.c:eligible_child",
		.level = SM_MUST,
		.flags = SM_CHECK_ALONE,
		.only = SM_LAB_ONLY,
		.in_parent = parent_execs,
		.in_child = parent_execd,
	},
};

SM_GROUP_AS(identity_kernel, "identity", "Identity and parentage", checks);
