/* SPDX-License-Identifier: MIT */
/*
 * bad.c - a checks.so for test_check.c: checks that misbehave, and a few that do not.
 */
#include "check/check.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int good(struct sm_cell *c)
{
	return sm_holds(c, "arg is '%s'\nand this is\tone line\x80\x1b", c->arg);
}

static int silent(struct sm_cell *c)
{
	(void)c;
	return SM_OBSERVED_NONE;
}

static int leaves_fd(struct sm_cell *c)
{
	if (dup(0) < 0)
		return sm_broken(c, "dup");
	return sm_holds(c, "a descriptor stays");
}

static int leaves_child(struct sm_cell *c)
{
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	return sm_holds(c, "child %d stays", pid);
}

static int leaves_zombie(struct sm_cell *c)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return sm_await_end(pid, SM_STEP_MS) ? sm_broken(c, "no end") : sm_holds(c, "a zombie");
}

static void *wait_for_ever(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static int leaves_thread(struct sm_cell *c)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, wait_for_ever, NULL))
		return sm_broken(c, "pthread_create");
	return sm_holds(c, "a thread stays");
}

static int leaves_kid(struct sm_cell *c)
{
	static struct sm_kid kid;
	struct sm_req req = sm_cell_req(c, NULL);
	int err = sm_kid_spawn(c, &kid, &req);

	return err ? sm_trouble(c, err, "spawn")
		   : sm_holds(c, "%d is not waited for", kid.child.pid);
}

static int no_such_program(struct sm_cell *c)
{
	static const char *const nothing[] = { "/no/such/program", NULL };
	struct sm_answer a;

	c->argv = nothing;
	return sm_trouble(c, sm_kid_ask(c, NULL, &a, NULL), "a child");
}

static int tells_twice(struct sm_cell *c)
{
	int byte;

	c->answer.n[0] = 1;
	sm_child_tell(c, "first");
	byte = sm_child_await();
	c->answer.n[0] = 2;
	return sm_judge(c, byte == 'x', "got %d", byte);
}

static int hears_twice(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, "an argument");
	struct sm_answer a, b;
	struct sm_kid kid;
	int err = sm_kid_spawn(c, &kid, &req);

	if (!err)
		err = sm_kid_answer(c, &kid, &a);
	if (!err)
		err = sm_kid_say(&kid, 'x');
	if (!err)
		err = sm_kid_answer(c, &kid, &b);
	if (!err)
		err = sm_kid_wait(c, &kid);
	if (err)
		return sm_trouble(c, err, "talking");
	return sm_judge(c, a.n[0] == 1 && b.n[0] == 2 && b.observed == SM_HOLDS, "%lld %lld",
			(long long)a.n[0], (long long)b.n[0]);
}

static int creator_tells(struct sm_cell *c)
{
	c->board->n[0] = getpid();
	return sm_holds(c, "prepared");
}

static int creator_skips(struct sm_cell *c)
{
	return sm_skips(c, SM_F_CLONE3, "not here");
}

static int creator_was_heard(struct sm_cell *c)
{
	int err = sm_cell_start(c);

	if (err)
		return sm_trouble(c, err, "start");
	return sm_judge(c,
			c->board->n[0] == (c->server ? c->server : getpid()) &&
				c->board->creator_pid == c->board->n[0],
			"creator %lld", (long long)c->board->n[0]);
}

static int child_sees_board(struct sm_cell *c)
{
	const struct sm_board *board = sm_board(c);

	return board ? sm_judge(c, board->n[0] > 1, "creator %lld", (long long)board->n[0])
		     : sm_fails(c, "no board");
}

static int seven(void *arg)
{
	return *(int *)arg;
}

static int killed(void *arg)
{
	(void)arg;
	raise(SIGKILL);
	return 0;
}

static int hangs(void *arg)
{
	(void)arg;
	wait_for_ever(NULL);
	return 0;
}

static int forks_tell(struct sm_cell *c)
{
	int n = 7, a = sm_in_fork(seven, &n, SM_STEP_MS), b = sm_in_fork(killed, NULL, SM_STEP_MS);
	int d = sm_in_fork(hangs, NULL, 50);

	return sm_judge(c, a == 7 && b == -ECHILD && d == -ETIMEDOUT, "%d %d %d", a, b, d);
}

/* As --long asks for 10^5 children: what a request holds must not grow with their number. */
static int many_requests(struct sm_cell *c)
{
	const char *const more[] = { "A=b", NULL };
	struct sm_req first = sm_cell_req(c, "one"), other = sm_cell_req(c, "two");
	struct sm_req extra = sm_cell_req_env(c, "one", more);
	bool same = true;

	for (int i = 0; i < 20000; i++)
		same = same && sm_cell_req(c, "one").envp == first.envp;
	return sm_judge(c,
			first.envp && same && other.envp != first.envp && extra.envp != first.envp,
			"20000 requests alike: %s", same ? "one environment" : "another one");
}

static int crash(struct sm_cell *c)
{
	(void)c;
	abort();
}

static const struct sm_check checks[] = {
	{ .id = "good", .in_child = good },
	{ .id = "no-verdict", .in_parent = silent },
	{ .id = "no-child-verdict", .in_child = silent },
	{ .id = "leaves.fd", .in_parent = leaves_fd },
	{ .id = "leaves.child", .in_parent = leaves_child },
	{ .id = "leaves.zombie", .in_parent = leaves_zombie },
	{ .id = "leaves.thread", .in_parent = leaves_thread },
	{ .id = "leaves.kid", .in_parent = leaves_kid },
	{ .id = "allowed.fd", .in_parent = leaves_fd, .flags = SM_CHECK_NO_AUDIT },
	{ .id = "no-program", .in_parent = no_such_program },
	{ .id = "twice", .in_parent = hears_twice, .in_child = tells_twice },
	{ .id = "board", .in_parent = creator_was_heard, .in_creator = creator_tells },
	{ .id = "board.child", .in_creator = creator_tells, .in_child = child_sees_board },
	{ .id = "creator.skips", .in_creator = creator_skips, .in_child = good },
	{ .id = "forks", .in_parent = forks_tell },
	{ .id = "requests", .in_parent = many_requests },
	{ .id = "crash.child", .in_child = crash },
};

static const struct sm_check_group group = {
	.name = "bad",
	.title = "Bad checks",
	.checks = checks,
	.count = sizeof(checks) / sizeof(checks[0]),
};

const struct sm_check_group *const sm_check_groups[] = { &group };
const unsigned int sm_check_group_count = 1;
