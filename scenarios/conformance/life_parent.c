/* SPDX-License-Identifier: MIT */
/*
 * life_parent.c - what a parent that is killed leaves behind.
 *
 * The host cannot be killed: the parent is a fork of it, and that fork's own parent a subreaper,
 * to which all comes that outlives the parent.
 */
#include "group.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "identity_lab.h"
#include "life_util.h"
#include "sys/sys.h"

/* What lab->n is used for here. */
enum { START, SERVER, FIRST, SECOND, GONE, LEFT, ALIVE };

/* How long everything may take to end. */
#define END_MS (SM_STEP_MS / 2)

/* The parent: starts, makes two children, says so. */
static int begin(struct sm_lab *lab, struct sm_kid kids[2])
{
	struct sm_cell *c = lab->cell;

	lab->n[START] = sm_cell_start(c);
	lab->n[SERVER] = c->server;
	for (int i = 0; i < 2 && !lab->n[START]; i++) {
		lab->n[START] = sm_life_spawn(c, &kids[i], "0");
		lab->n[FIRST + i] = kids[i].child.pid;
	}
	return (int)lab->n[START];
}

_Noreturn static void live_until_killed(struct sm_lab *lab)
{
	struct sm_kid kids[2];

	begin(lab, kids);
	sm_board_post(&lab->word);
	for (;;)
		pause();
}

/* Has a request on its way to a stopped server when it is killed. */
_Noreturn static void ask_until_killed(struct sm_lab *lab)
{
	struct sm_cell *c = lab->cell;
	struct sm_kid kids[2], late;
	struct sm_req req = sm_cell_req(c, "0");
	int err = begin(lab, kids);

	if (!err)
		err = sm_life_stop_server(c);
	lab->n[START] = err;
	sm_board_post(&lab->word);
	sm_kid_spawn(c, &late, &req);
	for (;;)
		pause();
}

/* Reaps all that comes until none is left. 0 or -ETIMEDOUT. */
static int until_none(void)
{
	const struct timespec shortly = { 0, 500000 };
	int64_t end = sm_now_ns() + (int64_t)END_MS * 1000000;

	for (;;) {
		pid_t pid = waitpid(-1, NULL, WNOHANG | __WALL);

		if (pid < 0)
			return 0;
		if (pid > 0)
			continue;
		if (sm_now_ns() > end)
			return -ETIMEDOUT;
		nanosleep(&shortly, NULL);
	}
}

/* The parent's parent, up to where the parent is dead. 0, or 1 with the text. */
static int kill_parent(struct sm_lab *lab, void (*parent)(struct sm_lab *lab), bool in_flight)
{
	pid_t pid;
	int err;

	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return sm_lab_wrong(lab, errno, "PR_SET_CHILD_SUBREAPER");
	pid = fork();
	if (pid == 0)
		parent(lab);
	if (pid < 0)
		return sm_lab_wrong(lab, errno, "fork");
	err = sm_board_wait(&lab->word, 0, SM_STEP_MS);
	if (!err)
		err = (int)lab->n[START];
	if (!err && in_flight)
		err = sm_await_state(pid, 'S', SM_STEP_MS);
	kill(pid, SIGKILL);
	if (waitpid(pid, NULL, 0) < 0 || err)
		return sm_lab_wrong(lab, err ? err : errno, "a parent with two children");
	return 0;
}

static int outlive(void *arg)
{
	struct sm_lab *lab = arg;
	int wrong = kill_parent(lab, live_until_killed, false);

	if (wrong)
		return wrong;
	lab->n[GONE] = until_none();
	lab->n[LEFT] = lab->n[GONE] ? sm_count_children(getpid(), NULL) : 0;
	return 0;
}

static int outlive_request(void *arg)
{
	struct sm_lab *lab = arg;
	int wrong = kill_parent(lab, ask_until_killed, true);

	if (wrong)
		return wrong;
	kill((pid_t)lab->n[SERVER], SIGCONT);
	lab->n[GONE] = until_none();
	lab->n[LEFT] = lab->n[GONE] ? sm_count_children(getpid(), NULL) : 0;
	return 0;
}

/* Runs it; c has the verdict where something went wrong. NULL then. */
static struct sm_lab *run(struct sm_cell *c, int (*grandparent)(void *lab))
{
	struct sm_lab *lab = sm_lab_new(c, SIGCHLD, NULL);

	if (lab && sm_lab_run(lab, grandparent)) {
		sm_lab_free(lab);
		return NULL;
	}
	return lab;
}

/* L05, L06 */
static int all_end(struct sm_cell *c, int (*grandparent)(void *lab), const char *what)
{
	struct sm_lab *lab = run(c, grandparent);

	if (!lab)
		return c->observed;
	sm_judge(c, lab->n[GONE] == 0, "the parent was killed %s: %s%lld, and two children: %s%s",
		 what, lab->n[SERVER] ? "server " : "server: none, ", (long long)lab->n[SERVER],
		 lab->n[GONE] ? "not all ended" : "all ended", lab->n[LEFT] > 1 ? ", several" : "");
	sm_lab_free(lab);
	return c->observed;
}

static int all_end_idle(struct sm_cell *c)
{
	return all_end(c, outlive, "at rest");
}

static int all_end_asked(struct sm_cell *c)
{
	return all_end(c, outlive_request, "while the server had its request");
}

_Noreturn static void wait_for_death(void)
{
	for (;;)
		pause();
}

/* Does not look at its stdin: nothing but the signal ends it. */
static int child_bound(struct sm_cell *c)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sm_child_tell(c, "bound to its parent");
	wait_for_death();
}

static int child_deaf(struct sm_cell *c)
{
	sm_child_tell(c, "deaf");
	wait_for_death();
}

static int outlive_deaf(void *arg)
{
	struct sm_lab *lab = arg;
	int wrong = kill_parent(lab, live_until_killed, false);

	if (wrong)
		return wrong;
	if (lab->n[SERVER])
		sm_wait_child((pid_t)lab->n[SERVER], END_MS, NULL);
	for (int i = FIRST; i <= SECOND; i++) {
		int64_t state = sm_stat_of((pid_t)lab->n[i], 3);

		lab->n[ALIVE] += state > 0 && state != 'Z';
		kill((pid_t)lab->n[i], SIGKILL);
	}
	lab->n[GONE] = until_none();
	return 0;
}

static int deaf_outlives(struct sm_cell *c)
{
	struct sm_lab *lab = run(c, outlive_deaf);

	if (!lab)
		return c->observed;
	sm_judge(c, lab->n[ALIVE] == 0,
		 "%lld of two children that look at nothing outlive their parent",
		 (long long)lab->n[ALIVE]);
	sm_lab_free(lab);
	return c->observed;
}

/* L06: its socket has a name, in a directory of its own. */
static int names_are_removed(struct sm_cell *c)
{
	const char *was = getenv("TMPDIR");
	struct sm_lab *lab;
	char dir[160];
	int err = sm_life_dir(dir, sizeof(dir));

	if (err)
		return sm_broken(c, "a directory: %s", strerror(-err));
	setenv("TMPDIR", dir, 1);
	lab = run(c, outlive);
	if (was)
		setenv("TMPDIR", was, 1);
	else
		unsetenv("TMPDIR");
	err = rmdir(dir) < 0 ? errno : 0;
	if (!lab)
		return c->observed;
	sm_judge(c, !err && lab->n[GONE] == 0, "when all have ended the directory for names is %s",
		 err ? strerror(err) : "empty");
	sm_lab_free(lab);
	return c->observed;
}

static const struct sm_check checks[] = {
	{
		.id = "life.parent-killed.all",
		.row = "L05",
		.claim = "when the parent is killed, its server and children that read stdin end",
		.source = "pipe(7) end of file; CPython multiprocessing.forkserver alive pipe",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_SUBREAPER),
		.in_parent = all_end_idle,
		.in_child = sm_life_talks,
	},
	{
		.id = "life.parent-killed.pdeathsig",
		.row = "L05",
		.claim = "when the parent is killed, children with PR_SET_PDEATHSIG end",
		.source = "prctl(2) PR_SET_PDEATHSIG",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_SUBREAPER) | SM_NEED(SM_F_PDEATHSIG),
		.in_parent = all_end_idle,
		.in_child = child_bound,
	},
	{
		.id = "life.parent-killed.deaf",
		.row = "L05",
		.claim =
			"when the parent is killed, children end that look neither at stdin nor for "
			"a signal",
		.source = "kernel/exit.c:forget_original_parent: children are reparented",
		.level = SM_RECORD,
		.needs = SM_NEED(SM_F_SUBREAPER),
		.in_parent = deaf_outlives,
		.in_child = child_deaf,
	},
	{
		.id = "life.parent-killed.request",
		.row = "L06",
		.claim = "a server ends whose parent was killed with a request on its way",
		.source = "unix(7) end of file, EPIPE",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_SUBREAPER),
		.only = SM_OWN_SERVER,
		.in_parent = all_end_asked,
		.in_child = sm_life_talks,
	},
	{
		.id = "life.parent-killed.names",
		.row = "L06",
		.claim = "a server whose parent was killed removes its socket's name and directory",
		.source = "unix(7): a name stays until it is unlinked; CPython bpo-28053 leftovers",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_SUBREAPER),
		.only = SM_OWN_SERVER,
		.without = SM_CHILD_OF_PARENT,
		.in_parent = names_are_removed,
		.in_child = sm_life_talks,
	},
};

SM_GROUP_AS(life_parent, "life", "Lifecycle and robustness", checks);
