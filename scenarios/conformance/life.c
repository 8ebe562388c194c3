/* SPDX-License-Identifier: MIT */
/*
 * life.c - lifecycle and robustness: a server that is killed.
 *
 * Part of the group; the others are life_*.c.
 */
#include "group.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "life_util.h"
#include "sys/sys.h"

static int spawn_two(struct sm_cell *c, struct sm_kid kids[2])
{
	int err = sm_life_spawn(c, &kids[0], "3");

	kids[1].reaped = true;
	if (!err)
		err = sm_life_spawn(c, &kids[1], "4");
	if (err)
		sm_life_end(c, kids, kids[0].reaped ? 0 : 1);
	return err;
}

/* L01 */
static int children_go_on(struct sm_cell *c)
{
	struct sm_kid kids[2];
	int err = spawn_two(c, kids), killed, answered = 0;

	if (err)
		return sm_trouble(c, err, "two children");
	killed = sm_life_kill_server(c);
	for (int i = 0; i < 2; i++)
		answered += !sm_life_ask(c, &kids[i]);
	sm_life_end(c, kids, 2);
	if (killed)
		return sm_broken(c, "the server cannot be killed: %s", strerror(-killed));
	return sm_judge(c, answered == 2, "of two children %d answer after the server's death",
			answered);
}

/* L04: each in its way; and that the wait comes to an end at all. */
static void wait_after_death(struct sm_cell *c, int errs[2], int statuses[2])
{
	struct sm_kid kids[2];
	int err = spawn_two(c, kids);

	errs[0] = errs[1] = err;
	if (err)
		return;
	sm_life_kill_server(c);
	kill(kids[1].child.pid, SIGTERM);
	sm_life_quit(&kids[0]);
	for (int i = 0; i < 2; i++) {
		errs[i] = sm_kid_wait(c, &kids[i]);
		statuses[i] = kids[i].exit.status;
	}
	sm_life_end(c, kids, 2);
}

static int statuses_survive(struct sm_cell *c)
{
	int errs[2], statuses[2] = { 0, 0 };

	wait_after_death(c, errs, statuses);
	return sm_judge(c, !errs[0] && !errs[1] && statuses[0] == 3 << 8 && statuses[1] == SIGTERM,
			"after the server's death: %s (%#x) of the child that exits with 3, %s "
			"(%#x) of one that gets SIGTERM",
			strerror(-errs[0]), (unsigned int)statuses[0], strerror(-errs[1]),
			(unsigned int)statuses[1]);
}

static int wait_ends(struct sm_cell *c)
{
	static const int want[2] = { 3 << 8, SIGTERM };
	int errs[2], statuses[2] = { 0, 0 }, right = 0;

	wait_after_death(c, errs, statuses);
	for (int i = 0; i < 2; i++)
		right += errs[i] ? errs[i] == -EPIPE : statuses[i] == want[i];
	return sm_judge(c, right == 2,
			"waits for two children after the server's death: %s (%#x), %s (%#x)",
			strerror(-errs[0]), (unsigned int)statuses[0], strerror(-errs[1]),
			(unsigned int)statuses[1]);
}

/* L02, L03: a spawn when the server has died. */
static int spawn_after_death(struct sm_cell *c, pid_t *server, int *served)
{
	struct sm_exit end = { .size = sizeof(end) };
	struct sm_answer a;
	int err = sm_kid_ask(c, "0", &a, NULL);

	*server = c->server;
	sm_cell_rest(c); /* a child in the making would hold the dead server's socket */
	if (!err)
		err = sm_life_kill_server(c);
	if (err)
		return err;
	*served = sm_kid_ask(c, "0", &a, &end);
	*server = c->ops->server(c->self);
	return 0;
}

static int next_is_served(struct sm_cell *c)
{
	int served = 0, err;
	pid_t server;

	err = spawn_after_death(c, &server, &served);
	if (err)
		return sm_trouble(c, err, "a child, and the server's death");
	return sm_judge(c, !served && server > 0 && server != c->server,
			"server %d was killed; the next spawn: %s, server %d", c->server,
			served ? strerror(-served) : "served", server);
}

static int death_is_told(struct sm_cell *c)
{
	int64_t began = sm_now_ns();
	int served = 0, err;
	pid_t server;

	err = spawn_after_death(c, &server, &served);
	if (err)
		return sm_trouble(c, err, "a child, and the server's death");
	return sm_judge(c, !served || (served == -EPIPE && c->fault.stage != SM_STAGE_NONE),
			"the spawn after the server's death: %s%s%s, within %lld s",
			served ? strerror(-served) : "served by another", served ? ", stage " : "",
			served ? sm_stage_name(c->fault.stage) : "",
			(long long)(sm_now_ns() - began) / 1000000000 + 1);
}

/* L02: and then again, by the caller. */
static int restart_serves(struct sm_cell *c)
{
	struct sm_answer a;
	int err = sm_kid_ask(c, "0", &a, NULL);
	pid_t first = c->server;

	for (int i = 0; i < 2 && !err; i++) {
		err = sm_life_kill_server(c);
		if (!err)
			err = sm_cell_restart(c);
		if (!err)
			err = sm_kid_ask(c, "0", &a, NULL);
	}
	if (err)
		return sm_trouble(c, err, "a start after the server's death");
	return sm_holds(c, "server %d was killed, and the next; %d serves", first, c->server);
}

/* Kills the server as soon as the parent waits for its answer. */
static pid_t killer(pid_t server)
{
	pid_t parent = getpid(), pid = fork();

	if (pid == 0) {
		sm_await_state(parent, 'S', SM_STEP_MS);
		_exit(kill(server, SIGKILL) < 0);
	}
	return pid;
}

/* L03 */
static int request_in_flight(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, "0");
	struct sm_kid kid;
	int err = sm_cell_start(c), got;
	pid_t pid;

	if (!err)
		err = sm_life_stop_server(c);
	if (err)
		return sm_trouble(c, err, "a server that is stopped");
	pid = killer(c->server);
	got = sm_kid_spawn(c, &kid, &req);
	waitpid(pid, NULL, 0);
	sm_kid_kill(c, &kid);
	return sm_judge(c, got == -EPIPE && c->fault.stage == SM_STAGE_RECEIVE,
			"the server was killed before it took the request: %s, stage %s",
			strerror(-got), sm_stage_name(c->fault.stage));
}

static const struct sm_check checks[] = {
	{
		.id = "life.server-killed.children",
		.row = "L01",
		.claim = "children of a server that is killed go on",
		.source = "kill(2); a child has its own descriptors",
		.level = SM_MUST,
		.only = SM_OWN_SERVER,
		.in_parent = children_go_on,
		.in_child = sm_life_talks,
	},
	{
		.id = "life.server-killed.next",
		.row = "L02",
		.claim = "the spawn after the server was killed starts another by itself",
		.source = "CPython bpo-31308; test_multiprocessing test_forkserver_sigkill",
		.level = SM_MUST,
		.only = SM_OWN_SERVER,
		.in_parent = next_is_served,
		.in_child = sm_life_talks,
	},
	{
		.id = "life.server-killed.restart",
		.row = "L02",
		.claim = "stop and start after the server was killed give one that serves",
		.source = "spawnmark.h: struct sm_ops",
		.level = SM_MUST,
		.only = SM_OWN_SERVER,
		.in_parent = restart_serves,
		.in_child = sm_life_talks,
	},
	{
		.id = "life.server-killed.told",
		.row = "L03",
		.claim = "the spawn after the server was killed is served by another, or EPIPE",
		.source = "unix(7) EPIPE; connect(2) ECONNREFUSED",
		.level = SM_MUST,
		.only = SM_OWN_SERVER,
		.in_parent = death_is_told,
		.in_child = sm_life_talks,
	},
	{
		.id = "life.server-killed.request",
		.row = "L03",
		.claim = "a request whose server is killed before it answers is EPIPE at once",
		.source = "unix(7): end of file when the last peer has closed",
		.level = SM_MUST,
		.only = SM_OWN_SERVER,
		.in_parent = request_in_flight,
		.in_child = sm_life_talks,
	},
	{
		.id = "life.server-killed.status",
		.row = "L04",
		.claim = "exits of children whose server was killed are waited for as ever",
		.source = "wait(2); CPython multiprocessing.forkserver",
		.level = SM_MUST,
		.only = SM_OWN_SERVER,
		.fails_lacking = SM_CHILD_OF_PARENT,
		.why = "the server alone would know: they are its children, and then init's",
		.in_parent = statuses_survive,
		.in_child = sm_life_talks,
	},
	{
		.id = "life.server-killed.wait",
		.row = "L04",
		.claim =
			"a wait for a child whose server was killed has the right status, or is EPIPE",
		.source = "spawnmark.h: sm_ops.wait",
		.level = SM_MUST,
		.only = SM_OWN_SERVER,
		.in_parent = wait_ends,
		.in_child = sm_life_talks,
	},
};

SM_GROUP(life, "Lifecycle and robustness", checks);
