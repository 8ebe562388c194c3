/* SPDX-License-Identifier: MIT */
/*
 * exit_util.c - see exit_util.h.
 */
#include "exit_util.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

_Noreturn static void end_by(int how)
{
	const struct rlimit none = { 0, 0 };
	sigset_t all;

	if (how >= 0)
		_exit(how);
	/* No core: a pattern that is a pipe gets one despite the limit, but not of the undumpable. */
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
	signal(-how, SIG_DFL);
	sigfillset(&all);
	sigprocmask(SIG_UNBLOCK, &all, NULL);
	kill(getpid(), -how);
	poll(NULL, 0, SM_STEP_MS); /* a signal may come a moment later, to another thread never */
	_exit(99);
}

int sm_exit_at_once(struct sm_cell *c)
{
	end_by((int)strtol(c->arg, NULL, 10));
}

int sm_exit_when_told(struct sm_cell *c)
{
	sm_child_tell(c, "pid %d waits", getpid());
	sm_child_await();
	end_by((int)strtol(c->arg, NULL, 10));
}

int sm_exit_spawn(struct sm_cell *c, struct sm_kid *kid, const char *arg)
{
	struct sm_req req = sm_cell_req(c, arg);
	struct sm_answer a;

	return sm_kid_up(c, kid, &req, &a);
}

int sm_exit_let_go(struct sm_kid *kid)
{
	sm_kid_close_in(kid);
	return sm_await_end(kid->child.pid, SM_STEP_MS);
}

void sm_exit_forget(struct sm_kid *kid)
{
	int *fds[] = { &kid->child.in, &kid->child.out, &kid->child.err, &kid->child.pidfd };

	for (int i = 0; i < 4; i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
	kid->reaped = true;
}

const char *sm_exit_text(int status, char *buf, size_t size)
{
	if (WIFEXITED(status))
		snprintf(buf, size, "exit %d", WEXITSTATUS(status));
	else if (WIFSIGNALED(status))
		snprintf(buf, size, "signal %d%s", WTERMSIG(status),
			 WCOREDUMP(status) ? " with core" : "");
	else
		snprintf(buf, size, "wait status %#x", (unsigned int)status);
	return buf;
}
