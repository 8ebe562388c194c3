/* SPDX-License-Identifier: MIT */
/*
 * life_clone.c - a server that is killed when its child is there already, and nobody knows of it.
 */
#include "group.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "life_util.h"

/* What board->n is used for here. */
enum { ARMED, DEATHS };

/* The creator's own: a fork handler has no argument. */
static struct sm_board *board;

/* As a fork handler of the parent's side: the clone has succeeded, nothing has been said. */
static void die_once(void)
{
	if (!__atomic_exchange_n(&board->n[ARMED], 0, __ATOMIC_SEQ_CST))
		return;
	__atomic_add_fetch(&board->n[DEATHS], 1, __ATOMIC_SEQ_CST);
	kill(getpid(), SIGKILL);
}

static int arm(struct sm_cell *c)
{
	board = c->board;
	if (pthread_atfork(NULL, die_once, NULL))
		return sm_broken(c, "pthread_atfork");
	return sm_holds(c, "ready to die");
}

/* Until nobody of the old ones is left: some end by themselves, when they see that they are alone. */
static int children_left(struct sm_cell *c)
{
	pid_t spares[256];
	int known, all;

	sm_cell_rest(c);
	known = c->ops->spares ? c->ops->spares(c->self, spares, 256) : 0;
	known += c->ops->server && c->ops->server(c->self) > 0;
	all = sm_count_children(getpid(), NULL);
	return all - known;
}

static int leaves_no_child(struct sm_cell *c)
{
	int err = sm_cell_start(c), failed = 0, left, zombies = 0;
	struct sm_answer a;

	if (err)
		return sm_trouble(c, err, "the start");
	sm_cell_rest(c);
	__atomic_store_n(&c->board->n[ARMED], 1, __ATOMIC_SEQ_CST);
	/* Of children made ahead the first still serve: it dies when it makes the next ones. */
	for (int i = 0; i < 4 && !c->board->n[DEATHS]; i++) {
		failed += sm_kid_ask(c, "0", &a, NULL) != 0;
		sm_cell_rest(c);
	}
	err = sm_kid_ask(c, "0", &a, NULL);
	if (err)
		err = sm_cell_restart(c) ? err : sm_kid_ask(c, "0", &a, NULL);
	left = children_left(c);
	sm_count_children(getpid(), &zombies);
	return sm_judge(
		c, c->board->n[DEATHS] == 1 && !left && !zombies && !err,
		"the server died %lld times between a clone and its word; %d requests failed, the "
		"next one %s; %d children beyond those that are known, %d zombies",
		(long long)c->board->n[DEATHS], failed, err ? "too" : "is served", left, zombies);
}

static int child_ran(struct sm_cell *c)
{
	return sm_holds(c, "ran");
}

/* clang-format off */
static const struct sm_check checks[] = {
	{
		.id = "life.server-killed.cloning",
		.row = "L06",
		.claim = "a server that dies between the clone and its word leaves its parent no child",
		.source = "clone(2) CLONE_PARENT, CLONE_PARENT_SETTID; linux:kernel/fork.c:kernel_clone",
		.level = SM_MUST,
		.only = SM_OWN_SERVER | SM_RUNS_ATFORK,
		.in_parent = leaves_no_child,
		.in_creator = arm,
		.in_child = child_ran,
	},
};
/* clang-format on */

SM_GROUP_AS(life_clone, "life", "Lifecycle and robustness", checks);
