/* SPDX-License-Identifier: MIT */
/*
 * signal.c - dispositions and pending signals of a child.
 */
#include "group.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "env_util.h"
#include "signal_util.h"
#include "sys/sys.h"

/* C04, C21 */
static void on_nothing(int sig)
{
	(void)sig;
}

static int catch_all(int first, int last)
{
	int caught = 0;

	for (int sig = first; sig <= last; sig++) {
		struct sigaction sa = { .sa_handler = on_nothing, .sa_flags = SA_RESTART };

		if (sig % 2)
			sa.sa_flags |= SA_ONSTACK | SA_NODEFER;
		caught += sigaction(sig, &sa, NULL) == 0;
	}
	return caught;
}

static int handler_creator(struct sm_cell *c)
{
	int n = catch_all(1, 31);

	return n == 29 ? sm_holds(c, "the creator catches %d signals", n)
		       : sm_broken(c, "the creator can catch %d signals of 29", n);
}

static int handler_creator_rt(struct sm_cell *c)
{
	int n = catch_all(SIGRTMIN, SIGRTMAX);

	return n == 31 ? sm_holds(c, "the creator catches %d signals", n)
		       : sm_broken(c, "the creator can catch %d signals of 31", n);
}

static int handler_none(struct sm_cell *c)
{
	sm_signal_child(c);
	return sm_judge(c, !c->answer.n[1],
			"the creator catches all it can; the child catches %#llx",
			(unsigned long long)c->answer.n[1]);
}

/* C05 */
static int ignored_creator(struct sm_cell *c)
{
	return signal(SIGUSR2, SIG_IGN) == SIG_ERR || signal(SIGHUP, SIG_IGN) == SIG_ERR
		       ? sm_broken(c, "signal: %s", strerror(errno))
		       : sm_holds(c, "the creator ignores SIGUSR2 and SIGHUP");
}

static int ignored_child(struct sm_cell *c)
{
	const uint64_t both = SM_BIT(SIGUSR2) | SM_BIT(SIGHUP);

	sm_signal_child(c);
	return sm_judge(c, ((uint64_t)c->answer.n[2] & both) == both,
			"the creator ignores SIGUSR2 and SIGHUP: the child ignores %s",
			((uint64_t)c->answer.n[2] & both) == both ? "both" : "not both");
}

/* C17, without a terminal: what the server does for itself stays its own */
static int ignored_server(struct sm_cell *c)
{
	uint64_t own = sm_signals_of(getpid(), "SigIgn") & ~SM_LIBC_OWN;
	struct sm_answer a;
	int err = sm_kid_ask(c, NULL, &a, NULL);

	if (err)
		return sm_trouble(c, err, "a child");
	return sm_judge(c, (uint64_t)a.n[2] == own,
			"the parent ignores %#llx, the server %#llx, the child %#llx",
			(unsigned long long)own,
			(unsigned long long)sm_signals_of(c->server, "SigIgn"),
			(unsigned long long)a.n[2]);
}

/* C06. A server may not be able to serve with a signal pending, so fork itself raises some too. */
static void raise_some(void)
{
	kill(getpid(), SIGUSR1);
	raise(SIGUSR1);
	raise(SIGRTMIN + 2);
}

static int pending_creator(struct sm_cell *c)
{
	sigset_t set;

	if (catch_all(SIGUSR1, SIGUSR1) + catch_all(SIGRTMIN + 2, SIGRTMIN + 2) != 2)
		return sm_broken(c, "no handlers");
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN + 2);
	sigaddset(&set, SIGURG); /* for one that the child would have got since */
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise_some();
	if (pthread_atfork(raise_some, NULL, NULL))
		return sm_broken(c, "pthread_atfork");
	return sm_holds(c, "SIGUSR1 and SIGRTMIN+2 are pending");
}

static int pending_none(struct sm_cell *c)
{
	sm_signal_child(c);
	return sm_judge(c, !c->answer.n[3],
			"SIGUSR1 and SIGRTMIN+2 are pending in the creator; in the child: %#llx",
			(unsigned long long)c->answer.n[3]);
}

/* C18 */
#define STORM_SPAWNS 30

static struct sm_board *handler_board; /* a handler has no argument */
static pid_t handler_owner;

static void on_urgent(int sig)
{
	(void)sig;
	if (getpid() != handler_owner)
		__atomic_add_fetch(&handler_board->n[0], 1, __ATOMIC_RELAXED);
	else
		__atomic_add_fetch(&handler_board->n[1], 1, __ATOMIC_RELAXED);
}

/* In the child, inside of fork(): it stays pending until the strategy opens the mask. */
static void raise_urgent(void)
{
	raise(SIGURG);
}

static int storm_creator(struct sm_cell *c)
{
	const struct sigaction sa = { .sa_handler = on_urgent };

	handler_board = c->board;
	handler_owner = getpid();
	if (setpgid(0, 0) && getpgrp() != getpid())
		return sm_broken(c, "setpgid: %s", strerror(errno));
	if (sigaction(SIGURG, &sa, NULL) || pthread_atfork(NULL, NULL, raise_urgent))
		return sm_broken(c, "no handler: %s", strerror(errno));
	return sm_holds(c, "the creator catches SIGURG, in a group of its own");
}

/*
 * Signals to the creator's group, hence to its children from their first moment on. A raw clone: it
 * is not one of the children that are asked, and runs no fork handler.
 */
static pid_t start_storm(pid_t group)
{
	sigset_t old;
	pid_t pid;

	sm_signals_block(&old);
	pid = sm_raw_clone(SIGCHLD);
	if (pid) {
		sigprocmask(SIG_SETMASK, &old, NULL);
		return pid;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) { /* it is of the group perhaps, and deaf */
		const struct timespec shortly = { 0, 20000 };

		kill(-group, SIGURG);
		nanosleep(&shortly, NULL);
	}
}

static int storm(struct sm_cell *c)
{
	struct sm_answer a;
	struct sm_exit end = { .size = sizeof(end) };
	int err = sm_cell_start(c), n = 0;
	pid_t pid;

	if (err)
		return sm_trouble(c, err, "start");
	pid = start_storm(c->server > 0 ? c->server : getpid());
	if (pid < 0)
		return sm_broken(c, "fork: %s", strerror(errno));
	while (n < STORM_SPAWNS && !err && !end.status && !c->board->n[0]) {
		err = sm_kid_ask(c, NULL, &a, &end);
		n += !err;
	}
	sm_kill_child(pid);
	if (err)
		return sm_trouble(c, err, "a child under a storm of SIGURG");
	return sm_judge(c, !c->board->n[0] && !end.status,
			"%d children under a storm of SIGURG: %lld ran their creator's handler, "
			"wait status of the last %#x",
			n, (long long)c->board->n[0], end.status);
}

static const struct sm_check checks[] = {
	{
		.id = "signal.handler.reset",
		.row = "C04",
		.claim =
			"a signal that the creator catches has its default disposition in the child",
		.source = "execve(2); glibc tst-spawn7; libuv process.c:uv__process_child_init",
		.level = SM_MUST,
		.in_creator = handler_creator,
		.in_child = handler_none,
	},
	{
		.id = "signal.handler.reset.realtime",
		.row = "C21",
		.claim = "so have the real-time signals, SIGRTMIN to SIGRTMAX",
		.source = "execve(2); libuv process.c:uv__process_child_init",
		.level = SM_MUST,
		.in_creator = handler_creator_rt,
		.in_child = handler_none,
	},
	{
		.id = "signal.handler.during",
		.row = "C18",
		.claim = "a signal that arrives while a child is made runs no handler in the child",
		.source = "libuv process.c:uv__fork; musl src/process/posix_spawn.c",
		.level = SM_MUST,
		.in_parent = storm,
		.in_creator = storm_creator,
	},
	{
		.id = "signal.ignored.inherited",
		.row = "C05",
		.claim = "a signal that the creator ignores is ignored in the child",
		.source = "execve(2), signal(7); CPython test_restore_signals",
		.level = SM_RECORD,
		.in_creator = ignored_creator,
		.in_child = ignored_child,
	},
	{
		.id = "signal.ignored.server",
		.row = "C17",
		.claim =
			"what the server ignores for its own sake, SIGINT and SIGPIPE, the child does not",
		.source = "CPython multiprocessing/forkserver.py:main, test_forkserver_sigint",
		.level = SM_MUST,
		.only = SM_OWN_SERVER,
		.in_parent = ignored_server,
		.in_child = sm_signal_child,
	},
	{
		.id = "signal.pending.none",
		.row = "C06",
		.claim = "signals that are pending in the creator are not pending in the child",
		.source = "fork(2), POSIX fork 12; LTP vfork02; linux:kernel/fork.c:copy_process",
		.level = SM_MUST,
		.in_creator = pending_creator,
		.in_child = pending_none,
	},
};

SM_GROUP(signal, "Signals", checks);
