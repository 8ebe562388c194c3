/* SPDX-License-Identifier: MIT */
/*
 * life_pid.c - lifecycle and robustness: pids that are used again, two clients of one server.
 */
#include "group.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "life_util.h"
#include "sys/sys.h"

/* ---- L12: somebody else gets the pid of a child or server that has ended ---- */

struct bystander {
	pid_t pid;
	int life; /* it answers here; its end of file is its end */
	int hold; /* it is asked here; closed: it ends */
};

/*
 * Lives with the pid it was given, as nobody's child that could be waited for. Holds nothing of the
 * parent's: the ends of a server's pipes, say, would keep that server alive.
 */
static void live_as(pid_t pid, int tell, int hold)
{
	pid_t tids[1] = { pid };
	struct clone_args args = { .exit_signal = SIGCHLD,
				   .set_tid = (uint64_t)(uintptr_t)tids,
				   .set_tid_size = 1 };
	pid_t got;
	char byte;

	if (dup2(hold, STDIN_FILENO) < 0 || dup2(tell, STDOUT_FILENO) < 0)
		_exit(1);
	sm_close_from(STDERR_FILENO + 1, -1);
	got = sm_raw_clone3(&args, sizeof(args));
	if (got) {
		sm_write_all(STDOUT_FILENO, &got, sizeof(got));
		_exit(0);
	}
	while (!sm_read_all(STDIN_FILENO, &byte, 1, -1)) /* asked whether it lives */
		sm_write_all(STDOUT_FILENO, &byte, 1);
	_exit(0);
}

/* 0 or -errno; -EEXIST: somebody has the pid already. */
static int make_bystander(struct bystander *b, pid_t pid)
{
	int tell[2], hold[2], got = -EPIPE;
	pid_t between;

	if (pipe2(tell, O_CLOEXEC) < 0)
		return -errno;
	if (pipe2(hold, O_CLOEXEC) < 0) {
		got = -errno;
		goto out;
	}
	between = fork();
	if (between == 0)
		live_as(pid, tell[1], hold[0]);
	close(tell[1]);
	tell[1] = -1;
	close(hold[0]);
	waitpid(between, NULL, 0);
	sm_read_all(tell[0], &got, sizeof(got), SM_STEP_MS);
	if (got > 0) {
		*b = (struct bystander){ .pid = got, .life = tell[0], .hold = hold[1] };
		return 0;
	}
	close(hold[1]);
out:
	close(tell[0]);
	if (tell[1] >= 0)
		close(tell[1]);
	return got;
}

/* It answers: a signal that is on its way has come before. */
static bool lives(const struct bystander *b)
{
	char byte = 'x';

	return !sm_write_quietly(b->hold, &byte, 1) && !sm_read_all(b->life, &byte, 1, SM_STEP_MS);
}

static void end_bystander(struct bystander *b)
{
	struct pollfd p = { .fd = b->life, .events = POLLIN };

	if (!b->pid)
		return;
	close(b->hold);
	poll(&p, 1, SM_STEP_MS);
	close(b->life);
	waitpid(b->pid, NULL, 0); /* a parent that adopts has it for a child after all */
	b->pid = 0;
}

/* A child that has ended, and somebody who has its pid now. */
static int replace_child(struct sm_cell *c, struct sm_kid *kid, struct bystander *b)
{
	int err = -EEXIST;

	for (int i = 0; i < 5 && err == -EEXIST; i++) {
		err = sm_life_spawn(c, kid, "0");
		if (!err)
			err = sm_kid_wait(c, kid);
		if (!err)
			err = make_bystander(b, kid->child.pid);
	}
	return err;
}

/* Somebody else in the parent has waited for the server, and its pid is used again. */
static int replace_server(struct sm_cell *c, struct bystander *b)
{
	int err = sm_life_kill_server(c);

	if (!err && waitpid(c->server, NULL, 0) < 0)
		err = -errno;
	return err ? err : make_bystander(b, c->server);
}

static int reused_pids(struct sm_cell *c)
{
	struct bystander child = { 0 }, server = { 0 };
	struct sm_exit end = { .size = sizeof(end) };
	struct sm_answer a;
	struct sm_kid kid;
	int err = replace_child(c, &kid, &child), again = 0;
	bool live = true;

	if (!err) {
		again = c->ops->wait(c->self, &kid.child, 0, &end);
		for (int i = 0; i < 3 && !err; i++)
			err = sm_kid_ask(c, "0", &a, NULL);
	}
	if (!err && c->server)
		err = replace_server(c, &server);
	if (!err) {
		sm_cell_stop(c);
		live = lives(&child) && (!server.pid || lives(&server));
	}
	end_bystander(&server);
	end_bystander(&child);
	if (err)
		return err == -EEXIST ? sm_broken(c, "no pid could be had again")
				      : sm_trouble(c, err, "a process with an old pid");
	return sm_judge(
		c, live && again == -ECHILD,
		"pid %d of an ended child%s used again: a second wait says %s; after spawns "
		"and stop() %s",
		kid.child.pid, c->server ? " and the server's were" : " was",
		again ? strerror(-again) : "a status", live ? "they live" : "one was killed");
}

/* ---- L13 ---- */

#define TWINS 4

/* Spawns a row of children, whose statuses are first, first + 1 … */
static int spawn_row(struct sm_cell *c, struct sm_kid *kids, int first)
{
	char arg[8];
	int err = 0;

	for (int i = 0; i < TWINS; i++)
		kids[i].reaped = true;
	for (int i = 0; i < TWINS && !err; i++) {
		snprintf(arg, sizeof(arg), "%d", first + i);
		err = sm_life_spawn(c, &kids[i], arg);
	}
	return err;
}

/* How many of them end as they should. */
static int end_row(struct sm_cell *c, struct sm_kid *kids, int first)
{
	int right = 0;

	for (int i = 0; i < TWINS; i++) {
		int err;

		sm_life_quit(&kids[i]);
		err = kids[i].reaped ? -ECHILD : sm_kid_wait(c, &kids[i]);
		if (err == -ECHILD && kids[i].child.pid > 0) /* whoever's it is finds it ended */
			sm_await_end(kids[i].child.pid, SM_STEP_MS);
		right += !err && kids[i].exit.status == (first + i) << 8;
	}
	return right;
}

static int second_client(void *arg)
{
	struct sm_kid kids[TWINS];
	struct sm_cell *c = arg;
	int err = spawn_row(c, kids, 20);

	return err ? 100 : end_row(c, kids, 20);
}

static int two_clients(struct sm_cell *c)
{
	struct sm_kid kids[TWINS];
	int err = spawn_row(c, kids, 10), second, first;

	if (err) {
		sm_life_end(c, kids, TWINS);
		return sm_trouble(c, err, "children");
	}
	second = sm_in_fork(second_client, c, SM_STEP_MS);
	first = end_row(c, kids, 10);
	return sm_judge(c, first == TWINS && second == TWINS,
			"two processes with %d children each of one server: right statuses %d and "
			"%d",
			TWINS, first, second);
}

static const struct sm_check checks[] = {
	{
		.id = "life.pid-reused",
		.row = "L12",
		.claim = "who gets the pid of an ended child or server is not harmed",
		.source = "clone(2) set_tid; pidfd_open(2); LTP fork13",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_CLONE_SET_TID),
		.in_parent = reused_pids,
		.in_child = sm_life_talks,
	},
	{
		.id = "life.two-clients",
		.row = "L13",
		.claim = "two processes that share a server get the statuses of their own children",
		.source = "CPython multiprocessing.forkserver: children are clients as well",
		.level = SM_MUST,
		.only = SM_OWN_SERVER,
		.fails_with = SM_CHILD_OF_PARENT,
		.why = "all are children of the process that started the server; no other can wait",
		.in_parent = two_clients,
		.in_child = sm_life_talks,
	},
};

SM_GROUP_AS(life_pid, "life", "Lifecycle and robustness", checks);
