/* SPDX-License-Identifier: MIT */
/*
 * exit.c - what a child's end tells, and whether it is told whole.
 */
#include "group.h"
#include "exit_util.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <pthread.h>
#include <unistd.h>

/* Children alive at a time, where a check wants many. */
#define BATCH 8

/*
 * Spawns one child per end (as sm_exit_at_once() takes it), several at a time, and compares. The
 * first difference is in text. Returns how many were right, or -errno.
 */
static int compare_ends(struct sm_cell *c, const int *ends, int n, char *text, size_t size)
{
	struct sm_kid kid[BATCH];
	int err = 0, right = 0;

	for (int at = 0; at < n && !err; at += BATCH) {
		int live = 0;

		for (int i = at; i < n && i < at + BATCH && !err; i++) {
			struct sm_req req;
			char arg[16];

			snprintf(arg, sizeof(arg), "%d", ends[i]);
			req = sm_cell_req(c, arg);
			err = sm_kid_spawn(c, &kid[live], &req);
			live += !err;
		}
		for (int i = 0; i < live; i++) {
			int want = ends[at + i] < 0 ? -ends[at + i] : ends[at + i] << 8, got;
			char buf[2][48];

			err = err ? err : sm_kid_wait(c, &kid[i]);
			sm_kid_kill(c, &kid[i]);
			got = kid[i].exit.status;
			right += !err && got == want;
			if (!err && got != want && !*text)
				snprintf(text, size, "; %s came as %s",
					 sm_exit_text(want, buf[0], sizeof(buf[0])),
					 sm_exit_text(got, buf[1], sizeof(buf[1])));
		}
	}
	return err ? err : right;
}

static int judge_ends(struct sm_cell *c, const int *ends, int n, const char *what)
{
	char text[128] = "";
	int right = compare_ends(c, ends, n, text, sizeof(text));

	if (right < 0)
		return sm_trouble(c, right, what);
	return sm_judge(c, right == n, "%d of %d %s came as they were%s", right, n, what, text);
}

/* B01: every value when there is time, else those at which something is known to bend. */
static int codes_arrive(struct sm_cell *c)
{
	static const int some[] = { 0,   1,   2,   63,  64,  77,  99,  125,
				    126, 127, 128, 129, 137, 143, 254, 255 };
	int all[256];

	for (int i = 0; i < 256; i++)
		all[i] = i;
	return c->thorough ? judge_ends(c, all, 256, "exit codes")
			   : judge_ends(c, some, sizeof(some) / sizeof(some[0]), "exit codes");
}

/* Signals that end a process which does nothing about them. */
static bool is_deadly(int sig)
{
	switch (sig) {
	case SIGCHLD:
	case SIGCONT:
	case SIGSTOP:
	case SIGTSTP:
	case SIGTTIN:
	case SIGTTOU:
	case SIGURG:
	case SIGWINCH:
		return false;
	}
	return sig < 32 || sig >= SIGRTMIN; /* between are the libc's own */
}

/* B02 */
static int signals_arrive(struct sm_cell *c)
{
	static const int some[] = { -SIGHUP,  -SIGINT,  -SIGQUIT, -SIGILL,  -SIGTRAP, -SIGABRT,
				    -SIGBUS,  -SIGFPE,  -SIGKILL, -SIGUSR1, -SIGSEGV, -SIGPIPE,
				    -SIGALRM, -SIGTERM, -SIGXCPU, -SIGSYS };
	int all[64], n = 0;

	for (int sig = 1; sig <= SIGRTMAX && n < 64; sig++)
		if (is_deadly(sig))
			all[n++] = -sig;
	return c->thorough
		       ? judge_ends(c, all, n, "deaths by signal")
		       : judge_ends(c, some, sizeof(some) / sizeof(some[0]), "deaths by signal");
}

/* B18 */
static int killed_at_once(struct sm_cell *c)
{
	enum { TIMES = 16 };
	struct sm_req req = sm_cell_req(c, "0");
	int err = 0, right = 0;
	struct sm_kid kid;
	char buf[48] = "";

	for (int i = 0; i < TIMES && !err; i++) {
		err = sm_kid_spawn(c, &kid, &req);
		if (err)
			break;
		kill(kid.child.pid, SIGKILL);
		err = sm_kid_wait(c, &kid);
		sm_kid_kill(c, &kid);
		right += !err && kid.exit.status == SIGKILL;
		if (!err && kid.exit.status != SIGKILL)
			sm_exit_text(kid.exit.status, buf, sizeof(buf));
	}
	if (err)
		return sm_trouble(c, err, "a child that is killed at once");
	return sm_judge(c, right == TIMES, "%d of %d yield status \"signal 9\"%s%s", right, TIMES,
			*buf ? ", one " : "", buf);
}

static void *survivor(void *arg)
{
	(void)arg;
	sm_child_await();
	_exit(5);
}

/* Goes, but for a thread that stays until it is told: without libc, whose exit would wait. */
static int leader_leaves(struct sm_cell *c)
{
	pthread_t thread;

	sm_child_tell(c, "pid %d has two threads", getpid());
	if (pthread_create(&thread, NULL, survivor, NULL))
		return sm_broken(c, "no thread");
	syscall(SYS_exit, 0);
	return sm_broken(c, "the leader stays");
}

/* B20 */
static int last_thread_counts(struct sm_cell *c)
{
	struct sm_exit early = { .size = sizeof(early) };
	struct sm_kid kid;
	char buf[48];
	int err = sm_exit_spawn(c, &kid, NULL), while_running;

	if (!err)
		err = sm_await_state(kid.child.pid, 'Z', SM_STEP_MS);
	if (err) {
		sm_kid_kill(c, &kid);
		return sm_trouble(c, err, "a child whose leader leaves");
	}
	while_running = c->ops->wait(c->self, &kid.child, 0, &early);
	if (while_running == -ETIMEDOUT)
		err = sm_kid_wait(c, &kid);
	sm_kid_kill(c, &kid);
	if (err)
		return sm_trouble(c, err, "its end");
	return sm_judge(c, while_running == -ETIMEDOUT && kid.exit.status == 5 << 8,
			"while a thread remains: %s; then: %s", strerror(-while_running),
			sm_exit_text(kid.exit.status, buf, sizeof(buf)));
}

/* B17 */
static int outlives_server(struct sm_cell *c)
{
	struct sm_kid kid;
	char buf[48];
	int err = sm_exit_spawn(c, &kid, "7");

	if (err)
		return sm_trouble(c, err, "a child");
	if (c->server > 0) { /* 0 would be this group */
		kill(c->server, SIGKILL);
		sm_await_end(c->server, SM_STEP_MS);
	}
	err = sm_kid_wait(c, &kid);
	if (err)
		kill(kid.child.pid, SIGKILL); /* nobody's child now: init has it */
	sm_kid_kill(c, &kid);
	return sm_judge(c, !err && kid.exit.status == 7 << 8,
			"the server was killed; wait for its child, which ends with 7: %s",
			err ? strerror(-err) : sm_exit_text(kid.exit.status, buf, sizeof(buf)));
}

/* Spawns and waits for BATCH children at a time. How many did not end with 0, or -errno. */
static int spawn_and_wait(struct sm_cell *c, const struct sm_req *req)
{
	struct sm_kid kid[BATCH];
	int err = 0, live = 0, wrong = 0;

	while (live < BATCH && !(err = sm_kid_spawn(c, &kid[live], req)))
		live++;
	for (int i = 0; i < live; i++) {
		err = err ? err : sm_kid_wait(c, &kid[i]);
		sm_kid_kill(c, &kid[i]);
		wrong += !err && kid[i].exit.status;
	}
	return err ? err : wrong;
}

/* B22 */
static int none_left(struct sm_cell *c)
{
	const int rounds = c->thorough ? 10000 / BATCH : 4;
	struct sm_req req = sm_cell_req(c, "0");
	int zombies = 0, of_server = 0, wrong = 0;

	for (int i = 0; i < rounds; i++) {
		int one = spawn_and_wait(c, &req);

		if (one < 0)
			return sm_trouble(c, one, "many children");
		wrong += one;
	}
	sm_count_children(getpid(), &zombies);
	if (c->server > 0)
		sm_count_children(c->server, &of_server);
	return sm_judge(c, !zombies && !of_server && !wrong,
			"after %d children: %d zombies of the parent, %d of the server; %d ended "
			"otherwise than with 0",
			rounds * BATCH, zombies, of_server, wrong);
}

static const struct sm_check checks[] = {
	{
		.id = "exit.code",
		.row = "B01",
		.claim = "the status with which a child exits arrives as it was, 0 to 255",
		.source = "exit(3); LTP waitpid03; libuv spawn_exit_code",
		.level = SM_MUST,
		.timeout_ms = 30000,
		.in_parent = codes_arrive,
		.in_child = sm_exit_at_once,
	},
	{
		.id = "exit.signal",
		.row = "B02",
		.claim = "a child's death by a signal arrives as that signal, not as an exit",
		.source = "wait(2) WTERMSIG; LTP waitpid01; CPython test_subprocess test_run_abort",
		.level = SM_MUST,
		.in_parent = signals_arrive,
		.in_child = sm_exit_at_once,
	},
	{
		.id = "exit.killed-at-once",
		.row = "B18",
		.claim = "a child that is killed as soon as it is known still yields its status",
		.source = "wait(2)",
		.level = SM_MUST,
		.in_parent = killed_at_once,
		.in_child = sm_exit_when_told,
	},
	{
		.id = "exit.last-thread",
		.row = "B20",
		.claim = "a child whose first thread has left ends with its last one",
		.source = "linux:kernel/exit.c:delay_group_leader; pthread_exit(3)",
		.level = SM_MUST,
		.in_parent = last_thread_counts,
		.in_child = leader_leaves,
	},
	{
		.id = "exit.server-death",
		.row = "B17",
		.claim = "a child's status survives the death of the server that made it",
		.source = "design of CLONE_PARENT; CPython multiprocessing.popen_forkserver: 255",
		.level = SM_MUST,
		.only = SM_OWN_SERVER,
		.fails_lacking = SM_CHILD_OF_PARENT,
		.why = "only the server could wait for it",
		.in_parent = outlives_server,
		.in_child = sm_exit_when_told,
	},
	{
		.id = "exit.no-zombies",
		.row = "B22",
		.claim = "children that were waited for leave no zombie, of parent or server",
		.source = "wait(2) NOTES; CPython test_subprocess test_zombie_fast_process_del",
		.level = SM_MUST,
		.timeout_ms = 120000,
		.in_parent = none_left,
		.in_child = sm_exit_at_once,
	},
};

SM_GROUP(exit, "Exit status and waiting", checks);
