/* SPDX-License-Identifier: MIT */
/*
 * audit.c - what a check leaves behind, of its parent and of the server. A strategy that leaks is
 * caught here by every check, whatever it asks.
 */
#include "inside.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../sys/proc.h"
#include "../sys/sys.h"

/* A server may close and reap a moment after it has answered. */
#define SETTLE_MS 2000

static void look(struct sm_look *l)
{
	l->fds = sm_count_fds(getpid());
	l->children = sm_count_children(getpid(), &l->zombies);
	l->tasks = (int)sm_status_of(getpid(), "Threads", 10);
}

void sm_audit_before(struct sm_cell *c)
{
	look(&c->inside->before);
}

static bool excused(const struct sm_cell *c)
{
	return c->observed != SM_HOLDS || (c->check->flags & SM_CHECK_NO_AUDIT);
}

void sm_audit_server(struct sm_cell *c)
{
	int64_t end = sm_now_ns() + (int64_t)SETTLE_MS * 1000000;
	int was = c->inside->server_fds, fds, children;

	if (excused(c) || c->server <= 0 || was < 0)
		return;
	sm_cell_rest(c);
	if (!c->ops->server || c->ops->server(c->self) != c->server)
		return; /* it was replaced: another server, another count */
	for (;;) {
		if (sm_stat_of(c->server, 3) == 'Z')
			return; /* it has ended: as root one can see that it has no descriptors */
		fds = sm_count_fds(c->server);
		children = fds == was ? sm_count_children(c->server, NULL) : 0;
		if (fds < 0 || (fds == was && !children))
			return;
		if (sm_now_ns() > end)
			break;
		usleep(500);
	}
	if (fds != was)
		sm_fails(c,
			 "left behind: the server has %d descriptors, and had %d when it started",
			 fds, was);
	else
		sm_fails(c, "left behind: the server has %d children", children);
}

void sm_audit_after(struct sm_cell *c)
{
	const struct sm_look *was = &c->inside->before;
	int64_t end = sm_now_ns() + (int64_t)SETTLE_MS * 1000000;
	struct sm_look now;

	if (excused(c))
		return;
	look(&now);
	/* pthread_join(3) returns when the thread's id is cleared, a moment before it is gone. */
	while (now.tasks > was->tasks && sm_now_ns() < end) {
		usleep(500);
		look(&now);
	}
	if (now.fds != was->fds)
		sm_fails(c, "left behind: the parent has %d descriptors, and had %d", now.fds,
			 was->fds);
	else if (now.children != was->children)
		sm_fails(c, "left behind: the parent has %d children (%d zombies), and had %d",
			 now.children, now.zombies, was->children);
	else if (now.tasks != was->tasks)
		sm_fails(c, "left behind: the parent has %d threads, and had %d", now.tasks,
			 was->tasks);
}

static void kill_of(pid_t parent, pid_t spare)
{
	pid_t *pids;
	int n = sm_children(parent, &pids);

	for (int i = 0; i < n; i++)
		if (pids[i] > 1 && pids[i] != spare)
			kill(pids[i], SIGKILL);
	if (n >= 0)
		free(pids);
}

void sm_kill_children(struct sm_cell *c)
{
	/* Only while it is still ours: its pid may be anybody's afterwards. */
	if (c->server > 0 && sm_stat_of(c->server, 4) == getpid())
		kill_of(c->server, 0);
	kill_of(getpid(), c->server);
	/* A strategy's wait would find them gone; nobody asks for these any more. */
	for (int status; waitpid(-1, &status, WNOHANG | __WALL) > 0;)
		;
}
