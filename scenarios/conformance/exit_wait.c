/* SPDX-License-Identifier: MIT */
/*
 * exit_wait.c - the strategy's wait, and the parent's own wait calls.
 */
#include "group.h"
#include "exit_util.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* B04 */
static int parent_waits(struct sm_cell *c)
{
	struct sm_kid kid;
	int status = 0, err = sm_exit_spawn(c, &kid, "7");
	pid_t got;

	if (err)
		return sm_trouble(c, err, "a child");
	sm_kid_close_in(&kid);
	got = waitpid(kid.child.pid, &status, 0);
	sm_judge(c, got == kid.child.pid && status == 7 << 8, "waitpid(%d): %s, status %#x",
		 kid.child.pid, got < 0 ? strerror(errno) : "collected", (unsigned int)status);
	if (got > 0)
		sm_exit_forget(&kid);
	sm_kid_kill(c, &kid);
	return c->observed;
}

/* B05 */
static int waits_once(struct sm_cell *c)
{
	struct sm_exit again = { .size = sizeof(again) };
	struct sm_kid kid;
	int err = sm_exit_spawn(c, &kid, "7"), second, own = 0;
	pid_t pid;

	if (err)
		return sm_trouble(c, err, "a child");
	pid = kid.child.pid;
	err = sm_kid_wait(c, &kid);
	if (err)
		return sm_trouble(c, err, "its end");
	second = c->ops->wait(c->self, &kid.child, 0, &again);
	if (waitpid(pid, NULL, WNOHANG) < 0)
		own = errno;
	return sm_judge(c, second == -ECHILD && own == ECHILD,
			"a second wait: %s; the parent's waitpid(): %s", strerror(-second),
			strerror(own));
}

/* B06 */
static int looks_without_waiting(struct sm_cell *c)
{
	struct sm_exit early = { .size = sizeof(early) };
	struct sm_kid kid;
	char buf[48];
	int err = sm_exit_spawn(c, &kid, "7"), look;

	if (err)
		return sm_trouble(c, err, "a child");
	look = c->ops->wait(c->self, &kid.child, 0, &early);
	if (look == -ETIMEDOUT)
		err = sm_kid_wait(c, &kid);
	sm_kid_kill(c, &kid);
	if (err)
		return sm_trouble(c, err, "its end");
	return sm_judge(c, look == -ETIMEDOUT && kid.exit.status == 7 << 8,
			"a wait of 0 ms while it runs: %s; at its end: %s", strerror(-look),
			sm_exit_text(kid.exit.status, buf, sizeof(buf)));
}

/* What waitid() says of a child that ends as arg says; it stays to be waited for. 0 or -errno. */
static int ask_waitid(struct sm_cell *c, const char *arg, siginfo_t *info)
{
	struct sm_kid kid;
	int err = sm_exit_spawn(c, &kid, arg);

	memset(info, 0, sizeof(*info));
	if (err)
		return err;
	sm_kid_close_in(&kid);
	c->fault.stage = SM_STAGE_NONE;
	if (waitid(P_PID, (id_t)kid.child.pid, info, WEXITED | WNOWAIT) < 0)
		err = -errno;
	if (!err && info->si_pid != kid.child.pid)
		err = -ESRCH;
	if (!err)
		err = sm_kid_wait(c, &kid);
	sm_kid_kill(c, &kid);
	return err;
}

/* B07 */
static int siginfo_tells(struct sm_cell *c)
{
	siginfo_t quit, killed;
	int err = ask_waitid(c, "7", &quit);

	if (!err)
		err = ask_waitid(c, "-15", &killed);
	if (err)
		return sm_trouble(c, err, "waitid() for a child");
	return sm_judge(c,
			quit.si_code == CLD_EXITED && quit.si_status == 7 &&
				killed.si_code == CLD_KILLED && killed.si_status == SIGTERM &&
				quit.si_uid == getuid() && quit.si_signo == SIGCHLD,
			"after exit 7: si_code %d, si_status %d, si_uid %u; after signal 15: "
			"si_code %d, si_status %d",
			quit.si_code, quit.si_status, quit.si_uid, killed.si_code,
			killed.si_status);
}

/* B08 */
static int stays_waitable(struct sm_cell *c)
{
	siginfo_t info = { 0 };
	struct sm_kid kid;
	char buf[48];
	int err = sm_exit_spawn(c, &kid, "7"), looks = 0, fault = 0;

	if (err)
		return sm_trouble(c, err, "a child");
	sm_kid_close_in(&kid);
	while (looks < 3 && !fault) {
		fault = waitid(P_PID, (id_t)kid.child.pid, &info, WEXITED | WNOWAIT) ? errno : 0;
		looks += !fault;
	}
	err = sm_kid_wait(c, &kid);
	sm_kid_kill(c, &kid);
	return sm_judge(c, looks == 3 && !err && kid.exit.status == 7 << 8,
			"three looks with WNOWAIT: %s; then the wait: %s",
			fault ? strerror(fault) : "a status each",
			err ? strerror(-err) : sm_exit_text(kid.exit.status, buf, sizeof(buf)));
}

/* B09: each call blocks until the state is there. */
static int stop_is_seen(struct sm_cell *c)
{
	siginfo_t stopped = { 0 }, continued = { 0 };
	struct sm_kid kid;
	int err = sm_exit_spawn(c, &kid, "0"), fault = 0;
	id_t pid;

	if (err)
		return sm_trouble(c, err, "a child");
	pid = (id_t)kid.child.pid;
	kill(kid.child.pid, SIGSTOP);
	if (waitid(P_PID, pid, &stopped, WSTOPPED) < 0)
		fault = errno;
	kill(kid.child.pid, SIGCONT);
	if (!fault && waitid(P_PID, pid, &continued, WCONTINUED) < 0)
		fault = errno;
	err = sm_kid_wait(c, &kid);
	sm_kid_kill(c, &kid);
	if (err)
		return sm_trouble(c, err, "its end");
	return sm_judge(c, stopped.si_code == CLD_STOPPED && continued.si_code == CLD_CONTINUED,
			"SIGSTOP: si_code %d (%d), SIGCONT: si_code %d (%d)%s%s", stopped.si_code,
			CLD_STOPPED, continued.si_code, CLD_CONTINUED, fault ? "; waitid: " : "",
			fault ? strerror(fault) : "");
}

static const struct sm_check checks[] = {
	{
		.id = "exit.wait.parent",
		.row = "B04",
		.claim = "the parent can wait for the child by itself",
		.source = "wait(2)",
		.level = SM_MUST,
		.fails_lacking = SM_CHILD_OF_PARENT,
		.why = "the server's child, so that the parent cannot wait for it",
		.in_parent = parent_waits,
		.in_child = sm_exit_when_told,
	},
	{
		.id = "exit.wait.once",
		.row = "B05",
		.claim = "a status is given once: a second wait is ECHILD",
		.source = "wait(2) ECHILD; LTP waitpid03",
		.level = SM_MUST,
		.in_parent = waits_once,
		.in_child = sm_exit_when_told,
	},
	{
		.id = "exit.wait.look",
		.row = "B06",
		.claim = "a wait of no time does not find a child that runs, and takes nothing",
		.source = "wait(2) WNOHANG; LTP waitpid09",
		.level = SM_MUST,
		.in_parent = looks_without_waiting,
		.in_child = sm_exit_when_told,
	},
	{
		.id = "exit.wait.siginfo",
		.row = "B07",
		.claim = "waitid() tells pid, uid, and whether the child left or was killed",
		.source = "waitid(2); LTP waitid01, waitid10, waitid11",
		.level = SM_MUST,
		.fails_lacking = SM_CHILD_OF_PARENT,
		.why = "the server's child, so that the parent cannot wait for it",
		.in_parent = siginfo_tells,
		.in_child = sm_exit_when_told,
	},
	{
		.id = "exit.wait.nowait",
		.row = "B08",
		.claim = "WNOWAIT leaves a child to be waited for",
		.source = "waitid(2) WNOWAIT",
		.level = SM_MUST,
		.fails_lacking = SM_CHILD_OF_PARENT,
		.why = "the server's child, so that the parent cannot wait for it",
		.in_parent = stays_waitable,
		.in_child = sm_exit_when_told,
	},
	{
		.id = "exit.wait.stopped",
		.row = "B09",
		.claim = "the parent sees the child stop and continue",
		.source = "waitid(2) WSTOPPED, WCONTINUED; LTP waitid07, waitid08; CPython test_os",
		.level = SM_MUST,
		.fails_lacking = SM_CHILD_OF_PARENT,
		.why = "the server's child, so that the parent cannot wait for it",
		.in_parent = stop_is_seen,
		.in_child = sm_exit_when_told,
	},
};

SM_GROUP_AS(exit_wait, "exit", "Exit status and waiting", checks);
