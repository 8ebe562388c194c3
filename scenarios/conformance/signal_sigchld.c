/* SPDX-License-Identifier: MIT */
/*
 * signal_sigchld.c - how a parent hears of its children's ends.
 */
#include "group.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "env_util.h"
#include "sys/sys.h"

#define KIDS 16

/* Ends with the status that it is told. */
static int wait_child(struct sm_cell *c)
{
	sm_child_tell(c, "up");
	sm_child_await();
	_exit(atoi(c->arg));
}

static int spawn_all(struct sm_cell *c, struct sm_kid kids[KIDS], int *n)
{
	int err = 0;

	for (*n = 0; *n < KIDS && !err; (*n)++) {
		char status[16];
		struct sm_req req;
		struct sm_answer a;

		snprintf(status, sizeof(status), "%d", *n);
		req = sm_cell_req(c, status);
		err = sm_kid_spawn(c, &kids[*n], &req);
		if (!err)
			err = sm_kid_answer(c, &kids[*n], &a);
	}
	return err;
}

/*
 * All end, and nobody reaps. waitid() looks under the lock that the end is told under, so that the
 * signals have been sent when it returns; a foreign child can only be looked at.
 */
static int end_all(struct sm_cell *c, struct sm_kid kids[KIDS])
{
	int err = 0;

	for (int i = 0; i < KIDS && !err; i++) {
		siginfo_t info;

		sm_kid_say(&kids[i], 'x');
		if (c->ops->traits & SM_CHILD_OF_PARENT)
			err = waitid(P_PID, (id_t)kids[i].child.pid, &info, WEXITED | WNOWAIT)
				      ? -errno
				      : 0;
		else
			err = sm_await_end(kids[i].child.pid, SM_STEP_MS);
	}
	return err;
}

/* Waits for all, until one is lost. How many came through with their own status. */
static int reap_all(struct sm_cell *c, struct sm_kid kids[KIDS], int *err)
{
	int good = 0;

	for (int i = KIDS - 1; i >= 0 && !*err; i--) { /* not in the order of their ends */
		*err = sm_kid_wait(c, &kids[i]);
		good += !*err && kids[i].exit.status == i << 8;
	}
	return good;
}

static int take_sigchld(siginfo_t *info)
{
	const struct timespec now = { 0, 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	return sigtimedwait(&set, info, &now) == SIGCHLD;
}

static void block_sigchld(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

/* C01 */
static int many_ends(struct sm_cell *c)
{
	struct sm_kid kids[KIDS];
	int n, signals = 0, good;
	siginfo_t info;
	int err;

	block_sigchld();
	err = spawn_all(c, kids, &n);
	if (err) {
		while (n--)
			sm_kid_kill(c, &kids[n]);
		return sm_trouble(c, err, "spawn");
	}
	err = end_all(c, kids);
	while (take_sigchld(&info))
		signals++;
	good = reap_all(c, kids, &err);
	if (err)
		return sm_trouble(c, err, "the children's ends");
	return sm_judge(
		c, signals == 1 && good == KIDS,
		"%d children ended while SIGCHLD was blocked: %d signal, %d of %d statuses right",
		KIDS, signals, good, KIDS);
}

static int many_ends_of_server(struct sm_cell *c)
{
	struct sm_kid kids[KIDS];
	int64_t pending = 0;
	int n, good, err = spawn_all(c, kids, &n);

	if (err) {
		while (n--)
			sm_kid_kill(c, &kids[n]);
		return sm_trouble(c, err, "spawn");
	}
	if (c->server <= 0) /* else it would be kill(0) */
		return sm_broken(c, "no server is known");
	kill(c->server, SIGSTOP);
	err = sm_await_state(c->server, 'T', SM_STEP_MS);
	if (!err)
		err = end_all(c, kids);
	pending = sm_status_of(c->server, "ShdPnd", 16);
	kill(c->server, SIGCONT);
	good = reap_all(c, kids, &err);
	if (err)
		return sm_trouble(c, err, "the children's ends");
	return sm_judge(
		c, good == KIDS,
		"%d children ended while the server was stopped, which is told by one signal "
		"(pending: %#llx): %d of %d statuses right",
		KIDS, (long long)pending, good, KIDS);
}

/* C02 */
static int sender(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);
	siginfo_t info;
	struct sm_kid kid;
	int err, came;

	err = sm_cell_start(c);
	if (err)
		return sm_trouble(c, err, "start");
	block_sigchld();
	memset(&info, 0, sizeof(info));
	err = sm_kid_spawn(c, &kid, &req);
	if (err)
		return sm_trouble(c, err, "spawn");
	pid_t pid = kid.child.pid;
	sm_kid_say(&kid, 'x');
	err = sm_kid_wait(c, &kid);
	sm_kid_kill(c, &kid);
	if (err)
		return sm_trouble(c, err, "wait");
	came = take_sigchld(&info); /* sent before the end could be collected */
	return sm_judge(c,
			came && info.si_pid == pid && info.si_uid == getuid() &&
				info.si_code == CLD_EXITED && info.si_status == 0,
			"%s: si_pid is %s, si_uid %d (own: %d), si_code %d, si_status %d",
			came ? "SIGCHLD came" : "no SIGCHLD came",
			info.si_pid == pid ? "the child's" : "not the child's", (int)info.si_uid,
			(int)getuid(), info.si_code, info.si_status);
}

static const struct sm_check checks[] = {
	{
		.id = "signal.sigchld.coalesce",
		.row = "C01",
		.claim = "many ends may be told by one SIGCHLD, and every one is collected",
		.source = "signal(7): standard signals do not queue; sigaction(2)",
		.level = SM_MUST,
		.only = SM_CHILD_OF_PARENT,
		.in_parent = many_ends,
		.in_child = wait_child,
	},
	{
		.id = "signal.sigchld.coalesce.server",
		.row = "C01",
		.claim = "many ends that the server is told of by one SIGCHLD are all passed on",
		.source = "signal(7): standard signals do not queue; bpo-30643",
		.level = SM_MUST,
		.only = SM_OWN_SERVER,
		.without = SM_CHILD_OF_PARENT,
		.in_parent = many_ends_of_server,
		.in_child = wait_child,
	},
	{
		.id = "signal.sigchld.sender",
		.row = "C02",
		.claim = "the parent gets SIGCHLD with the child's pid, user, code and status",
		.source = "sigaction(2); linux:kernel/signal.c:do_notify_parent",
		.level = SM_MUST,
		.fails_lacking = SM_CHILD_OF_PARENT,
		.why = "the server is the one that is told",
		.in_parent = sender,
		.in_child = wait_child,
	},
};

SM_GROUP_AS(signal_sigchld, "signal", "Signals", checks);
