/* SPDX-License-Identifier: MIT */
/*
 * exit_parent.c - what a child's end adds to the parent's accounts, and what else the parent does
 * that gets in the way of its waiting.
 */
#include "group.h"
#include "exit_util.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sys/sys.h"

/* What a child burns where CPU time is asked for: enough to be told from a start. */
#define BURN_NS (5 * 1000000)
/* How much more than it knew of itself a child may have used when it is gone. */
#define EXIT_SLACK_NS (200 * 1000000)

static int64_t cpu_ns(const struct rusage *ru)
{
	return ((int64_t)ru->ru_utime.tv_sec + ru->ru_stime.tv_sec) * 1000000000 +
	       ((int64_t)ru->ru_utime.tv_usec + ru->ru_stime.tv_usec) * 1000;
}

/* Burns, and tells what it knows of itself at last. */
static int child_burns(struct sm_cell *c)
{
	struct timespec now;
	struct rusage ru;

	do {
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	} while (now.tv_sec == 0 && now.tv_nsec < 2 * BURN_NS);
	getrusage(RUSAGE_SELF, &ru);
	c->answer.n[0] = cpu_ns(&ru);
	c->answer.n[1] = ru.ru_minflt;
	return sm_holds(c, "the child used %lld us", (long long)c->answer.n[0] / 1000);
}

/* B10 */
static int usage_accrues(struct sm_cell *c)
{
	struct rusage before, after;
	struct sm_answer a;
	int64_t more;
	int err = sm_cell_start(c);

	getrusage(RUSAGE_CHILDREN, &before);
	if (!err)
		err = sm_kid_ask(c, NULL, &a, NULL);
	if (err)
		return sm_trouble(c, err, "a child that burns");
	getrusage(RUSAGE_CHILDREN, &after);
	more = cpu_ns(&after) - cpu_ns(&before);
	return sm_judge(c, more >= BURN_NS,
			"the child says it used %lld us; RUSAGE_CHILDREN grew by %lld us",
			(long long)a.n[0] / 1000, (long long)more / 1000);
}

/* B11 */
static int usage_is_its_own(struct sm_cell *c)
{
	struct sm_exit end = { .size = sizeof(end) };
	struct sm_answer a;
	int err = sm_kid_ask(c, NULL, &a, &end);
	int64_t told;

	if (err)
		return sm_trouble(c, err, "a child that burns");
	told = end.utime_ns + end.stime_ns;
	return sm_judge(c,
			end.utime_ns >= 0 && told >= a.n[0] && told <= a.n[0] + EXIT_SLACK_NS &&
				end.minflt >= a.n[1],
			"the child says %lld us and %lld faults; its exit says %lld us and %lld",
			(long long)a.n[0] / 1000, (long long)a.n[1],
			(long long)(told < 0 ? -1 : told / 1000), (long long)end.minflt);
}

/* Ends a child while the parent ignores SIGCHLD. status: of the strategy's wait, or its -errno. */
static int end_ignored(struct sm_cell *c, int *zombies, int *status)
{
	struct sm_exit end = { .size = sizeof(end) };
	struct sm_kid kid;
	int err = sm_exit_spawn(c, &kid, "7"), wait;

	*zombies = 0;
	if (err) {
		sm_trouble(c, err, "a child");
		return err;
	}
	signal(SIGCHLD, SIG_IGN);
	err = sm_exit_let_go(&kid);
	sm_count_children(getpid(), zombies);
	wait = c->ops->wait(c->self, &kid.child, SM_STEP_MS, &end);
	signal(SIGCHLD, SIG_DFL);
	sm_exit_forget(&kid);
	*status = wait ? wait : end.status;
	if (err)
		sm_trouble(c, err, "the child's end");
	return err;
}

/* B16 */
static int ignored_leaves_none(struct sm_cell *c)
{
	int zombies, status;

	if (end_ignored(c, &zombies, &status))
		return c->observed;
	return sm_judge(c, !zombies, "%d zombies of the parent", zombies);
}

static int ignored_loses_status(struct sm_cell *c)
{
	int zombies, status;

	if (end_ignored(c, &zombies, &status))
		return c->observed;
	return sm_judge(c, status == -ECHILD, "the wait says: %s",
			status < 0 ? strerror(-status) : "a status");
}

/* B19 */
static int anybody_takes_it(struct sm_cell *c)
{
	struct sm_exit end = { .size = sizeof(end) };
	struct sm_kid kid;
	int err = sm_exit_spawn(c, &kid, "7"), wait;
	pid_t thief;

	if (err)
		return sm_trouble(c, err, "a child");
	sm_exit_let_go(&kid);
	thief = waitpid(-1, NULL, WNOHANG);
	wait = c->ops->wait(c->self, &kid.child, SM_STEP_MS, &end);
	sm_judge(c, thief == kid.child.pid && wait == -ECHILD,
		 "waitpid(-1) gets %s; the strategy's wait then: %s",
		 thief == kid.child.pid ? "the child" : "nothing",
		 wait ? strerror(-wait) : "a status");
	sm_exit_forget(&kid);
	return c->observed;
}

/* B21 */
static int silent_needs_wclone(struct sm_cell *c)
{
	pid_t pid = sm_raw_clone(0), got;
	int plain, status = 0;

	if (pid == 0)
		_exit(7);
	if (pid < 0)
		return sm_broken(c, "clone: %s", strerror(-pid));
	plain = waitpid(pid, NULL, 0) < 0 ? errno : 0;
	got = waitpid(pid, &status, __WCLONE);
	return sm_judge(c, plain == ECHILD && got == pid && status == 7 << 8,
			"waitpid(): %s; with __WCLONE: %s, status %#x", strerror(plain),
			got == pid ? "collected" : strerror(errno), (unsigned int)status);
}

static int run_pclose(void)
{
	FILE *pipe = popen("exit 4", "re"); /* NOLINT(cert-env33-c): it is asked about */

	return pipe ? pclose(pipe) : -1;
}

/* B24: one child lives through both calls, another has ended before them. */
static int libc_minds_its_own(struct sm_cell *c)
{
	struct sm_kid live, ended;
	int err = sm_exit_spawn(c, &live, "7"), shell, closed;

	if (err)
		return sm_trouble(c, err, "a child");
	err = sm_exit_spawn(c, &ended, "8");
	if (err) {
		sm_kid_kill(c, &live);
		return sm_trouble(c, err, "another");
	}
	sm_exit_let_go(&ended);
	shell = system("exit 3"); /* NOLINT(cert-env33-c): likewise */
	closed = run_pclose();
	err = sm_kid_wait(c, &ended);
	if (!err)
		err = sm_kid_wait(c, &live);
	sm_kid_kill(c, &ended);
	sm_kid_kill(c, &live);
	if (err)
		return sm_trouble(c, err, "the ends of the children");
	return sm_judge(c,
			shell == 3 << 8 && closed == 4 << 8 && live.exit.status == 7 << 8 &&
				ended.exit.status == 8 << 8,
			"system(): %#x, pclose(): %#x; children: %#x and %#x", (unsigned int)shell,
			(unsigned int)closed, (unsigned int)ended.exit.status,
			(unsigned int)live.exit.status);
}

static const struct sm_check checks[] = {
	{
		.id = "exit.usage.accrues",
		.row = "B10",
		.claim = "the child's CPU time is added to the parent's RUSAGE_CHILDREN",
		.source = "getrusage(2); linux:kernel/exit.c:wait_task_zombie",
		.level = SM_MUST,
		.fails_lacking = SM_CHILD_OF_PARENT,
		.why = "waited for by the server, so that it is added to the server's",
		.in_parent = usage_accrues,
		.in_child = child_burns,
	},
	{
		.id = "exit.usage.own",
		.row = "B11",
		.claim =
			"CPU time and faults that come with the exit are what the child knew of itself, and little more",
		.source = "wait4(2); LTP wait401; glibc tst-wait4",
		.level = SM_MUST,
		.fails_lacking = SM_CHILD_OF_PARENT,
		.why = "the server passes on the status alone",
		.in_parent = usage_is_its_own,
		.in_child = child_burns,
	},
	{
		.id = "exit.ignored.zombies",
		.row = "B16",
		.claim = "with SIGCHLD ignored in the parent an ended child leaves no zombie",
		.source = "sigaction(2) SIGCHLD; linux:kernel/signal.c:do_notify_parent",
		.level = SM_MUST,
		.in_parent = ignored_leaves_none,
		.in_child = sm_exit_when_told,
	},
	{
		.id = "exit.ignored.status",
		.row = "B16",
		.claim = "with SIGCHLD ignored in the parent its wait is ECHILD",
		.source = "wait(2) NOTES; CPython test_subprocess test_wait_when_sigchild_ignored",
		.level = SM_MUST,
		.fails_lacking = SM_CHILD_OF_PARENT,
		.why = "waited for by the server, which does not ignore SIGCHLD",
		.in_parent = ignored_loses_status,
		.in_child = sm_exit_when_told,
	},
	{
		.id = "exit.wait.anybody",
		.row = "B19",
		.claim = "waitpid(-1) elsewhere in the parent takes the child's status away",
		.source = "wait(2)",
		.level = SM_RECORD,
		.in_parent = anybody_takes_it,
		.in_child = sm_exit_when_told,
	},
	{
		.id = "exit.signal.none",
		.row = "B21",
		.claim =
			"a child without exit signal can be waited for only with __WCLONE or __WALL",
		.source = "wait(2) __WCLONE; linux:kernel/exit.c:eligible_child",
		.level = SM_MUST,
		.flags = SM_CHECK_ALONE,
		.only = SM_CHILD_OF_PARENT | SM_OWN_SERVER,
		.in_parent = silent_needs_wclone,
	},
	{
		.id = "exit.libc",
		.row = "B24",
		.claim = "system() and pclose() in the parent neither take nor lose a status",
		.source = "POSIX system(), pclose()",
		.level = SM_MUST,
		.in_parent = libc_minds_its_own,
		.in_child = sm_exit_when_told,
	},
};

SM_GROUP_AS(exit_parent, "exit", "Exit status and waiting", checks);
