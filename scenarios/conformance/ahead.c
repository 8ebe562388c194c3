/* SPDX-License-Identifier: MIT */
/*
 * ahead.c - children that are made before they are asked for: that they wait, that each serves one
 * request, and what becomes of the request when those that wait are not well.
 */
#include "group.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "life_util.h"

#define SPARES 256
#define ALIVE  24 /* more than wait by default */

/* Those that wait once all is at rest. */
struct waiting {
	pid_t pid[SPARES];
	int n;
};

static void look(const struct sm_cell *c, struct waiting *w)
{
	sm_cell_rest(c);
	w->n = c->ops->spares ? c->ops->spares(c->self, w->pid, SPARES) : 0;
}

static bool has(const struct waiting *w, pid_t pid)
{
	for (int i = 0; i < w->n; i++) {
		if (w->pid[i] == pid)
			return true;
	}
	return false;
}

/* One request, served. Its child, 0 on error. */
static pid_t serve_one(struct sm_cell *c, int *err)
{
	struct sm_kid kid;
	pid_t pid = 0;

	*err = sm_life_spawn(c, &kid, "0");
	if (*err)
		return 0;
	pid = kid.child.pid;
	sm_life_quit(&kid);
	*err = sm_kid_wait(c, &kid);
	sm_kid_kill(c, &kid);
	return pid;
}

static int waits(struct sm_cell *c)
{
	struct waiting w;
	int err = sm_cell_start(c), zombies = 0, children;
	pid_t pid;

	if (err)
		return sm_trouble(c, err, "the start");
	look(c, &w);
	children = sm_count_children(getpid(), &zombies);
	pid = serve_one(c, &err);
	if (err)
		return sm_trouble(c, err, "a child");
	return sm_judge(c, w.n > 0 && has(&w, pid) && children >= w.n && !zombies,
			"%d of %d children wait before the first request, which was served by %s",
			w.n, children, has(&w, pid) ? "one of them" : "another");
}

/* More alive at a time than wait: the last ones are asked for while the pool is empty. */
static int once_each(struct sm_cell *c)
{
	static struct sm_kid kids[ALIVE];
	int n = 0, err = 0, twice = 0, answered = 0;

	while (n < ALIVE && !err) {
		err = sm_life_spawn(c, &kids[n], "0");
		n += !err;
	}
	for (int i = 0; i < n; i++) {
		for (int k = 0; k < i; k++)
			twice += kids[i].child.pid == kids[k].child.pid;
		answered += sm_life_ask(c, &kids[i]) == 0;
	}
	sm_life_end(c, kids, n);
	if (err)
		return sm_trouble(c, err, "children that live at a time");
	return sm_judge(
		c, !twice && answered == n,
		"%d children alive: %d of their pids had been handed out already, %d answered "
		"by their own pid",
		n, twice, answered);
}

static int is_refilled(struct sm_cell *c)
{
	struct waiting before, after;
	int err = sm_cell_start(c), same = 0;

	if (err)
		return sm_trouble(c, err, "the start");
	look(c, &before);
	for (int i = 0; i < 2 * before.n && !err; i++)
		serve_one(c, &err);
	if (err)
		return sm_trouble(c, err, "children one after the other");
	look(c, &after);
	for (int i = 0; i < after.n; i++)
		same += has(&before, after.pid[i]);
	return sm_judge(
		c, after.n == before.n && !same,
		"%d waited; after twice as many requests %d do, %d of which are of the first",
		before.n, after.n, same);
}

/* Every one that waits gets the signal, and has felt it. 0 or -errno. */
static int strike(const struct waiting *w, int sig)
{
	int err = 0;

	for (int i = 0; i < w->n && !err; i++)
		err = kill(w->pid[i], sig) < 0 ? -errno : 0;
	for (int i = 0; i < w->n && !err; i++)
		err = sig == SIGKILL ? sm_await_end(w->pid[i], SM_STEP_MS)
				     : sm_await_state(w->pid[i], 'T', SM_STEP_MS);
	return err;
}

static int survives(struct sm_cell *c, int sig, const char *done)
{
	struct waiting before, after;
	int err = sm_cell_start(c), zombies = 0, same = 0;
	pid_t pid;

	if (err)
		return sm_trouble(c, err, "the start");
	look(c, &before);
	err = strike(&before, sig);
	if (err)
		return sm_broken(c, "those that wait were not %s: %s", done, strerror(-err));
	pid = serve_one(c, &err);
	if (err)
		return sm_trouble(c, err, "the next child");
	look(c, &after);
	sm_count_children(getpid(), &zombies);
	for (int i = 0; i < after.n; i++)
		same += has(&before, after.pid[i]);
	return sm_judge(
		c, before.n > 0 && !has(&before, pid) && after.n == before.n && !same && !zombies,
		"all %d that waited were %s: the next request is served by %s; then %d wait, %d "
		"of the old ones among them, %d zombies",
		before.n, done, has(&before, pid) ? "one of those" : "a new one", after.n, same,
		zombies);
}

static int survives_their_death(struct sm_cell *c)
{
	return survives(c, SIGKILL, "killed");
}

static int survives_their_stop(struct sm_cell *c)
{
	return survives(c, SIGSTOP, "stopped");
}

static int outlives_server(struct sm_cell *c)
{
	struct waiting before, after;
	int err = sm_cell_start(c), same = 0;
	pid_t pid;

	if (err)
		return sm_trouble(c, err, "the start");
	look(c, &before);
	err = sm_life_kill_server(c);
	if (err)
		return sm_broken(c, "the server: %s", strerror(-err));
	look(c, &after);
	for (int i = 0; i < after.n; i++)
		same += has(&before, after.pid[i]);
	pid = serve_one(c, &err);
	if (err)
		return sm_trouble(c, err, "a child after the server's death");
	return sm_judge(
		c, same == before.n && has(&before, pid),
		"the server was killed while %d waited; %d of them wait on; the next request is "
		"served by %s",
		before.n, same, has(&before, pid) ? "one of them" : "another");
}

/* clang-format off */
static const struct sm_check checks[] = {
	{
		.id = "ahead.waits",
		.row = "N36",
		.claim = "a request is served by a child that the parent had before it asked",
		.source = "harness/spawnmark.h SM_AHEAD, sm_ops.spares",
		.level = SM_MUST,
		.only = SM_AHEAD,
		.in_parent = waits,
		.in_child = sm_life_talks,
	},
	{
		.id = "ahead.once",
		.row = "N37",
		.claim = "no child is handed out twice, however many are asked for at a time",
		.source = "harness/spawnmark.h SM_AHEAD",
		.level = SM_MUST,
		.only = SM_AHEAD,
		.in_parent = once_each,
		.in_child = sm_life_talks,
	},
	{
		.id = "ahead.refilled",
		.row = "N38",
		.claim = "at rest as many wait as did at the start, all of them unused",
		.source = "harness/spawnmark.h sm_ops.idle",
		.level = SM_MUST,
		.only = SM_AHEAD,
		.in_parent = is_refilled,
		.in_child = sm_life_talks,
	},
	{
		.id = "ahead.killed",
		.row = "N39",
		.claim = "who dies while it waits gets no request, is reaped and replaced",
		.source = "harness/spawnmark.h SM_AHEAD",
		.level = SM_MUST,
		.only = SM_AHEAD,
		.in_parent = survives_their_death,
		.in_child = sm_life_talks,
	},
	{
		.id = "ahead.stopped",
		.row = "N40",
		.claim = "who is stopped while it waits gets no request, and is replaced",
		.source = "harness/spawnmark.h SM_AHEAD; waitid(2) WSTOPPED",
		.level = SM_MUST,
		.only = SM_AHEAD,
		.in_parent = survives_their_stop,
		.in_child = sm_life_talks,
	},
	{
		.id = "ahead.server-killed",
		.row = "N41",
		.claim = "those that wait serve on when their creator has died",
		.source = "harness/spawnmark.h SM_AHEAD",
		.level = SM_MUST,
		.only = SM_AHEAD | SM_OWN_SERVER,
		.in_parent = outlives_server,
		.in_child = sm_life_talks,
	},
};
/* clang-format on */

SM_GROUP(ahead, "Children made ahead", checks);
