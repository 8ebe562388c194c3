/* SPDX-License-Identifier: MIT */
/*
 * life_odd.c - children that spawn, hide, multiply or will not end.
 */
#include "group.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "life_util.h"
#include "sys/sys.h"

/* ---- L17 ---- */

static int child_ignores(struct sm_cell *c)
{
	signal(SIGTERM, SIG_IGN);
	return sm_life_talks(c);
}

static int pidfd_signal(int pidfd, int sig)
{
	return syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0) < 0 ? -errno : 0;
}

static int killed_by_pidfd(struct sm_cell *c)
{
	struct sm_kid kid;
	struct pollfd p = { .fd = -1, .events = POLLIN };
	int err = sm_life_spawn(c, &kid, "0"), term, asked, ended = 0;

	if (err)
		return sm_trouble(c, err, "a child that ignores SIGTERM");
	p.fd = (int)syscall(SYS_pidfd_open, kid.child.pid, 0);
	term = p.fd < 0 ? -errno : pidfd_signal(p.fd, SIGTERM);
	asked = sm_life_ask(c, &kid); /* it lives on */
	if (!term && !asked) {
		err = pidfd_signal(p.fd, SIGKILL);
		ended = poll(&p, 1, SM_STEP_MS);
	}
	if (!err)
		err = sm_kid_wait(c, &kid);
	sm_kid_kill(c, &kid);
	if (p.fd >= 0)
		close(p.fd);
	if (term || err)
		return sm_trouble(c, term ? term : err, "signals by pidfd");
	return sm_judge(c, !asked && ended == 1 && kid.exit.status == SIGKILL,
			"after SIGTERM it %s; after SIGKILL the pidfd %s, wait status %#x",
			asked ? strerror(-asked) : "answers", ended ? "is readable" : "is silent",
			(unsigned int)kid.exit.status);
}

/* ---- L18 ---- */

/* Leaves a daemon behind, in a session of its own, and tells its pid. */
static int child_daemonises(struct sm_cell *c)
{
	int ends[2];
	pid_t pid = -1, first;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return sm_broken(c, "pipe: %s", strerror(errno));
	first = fork();
	if (first == 0) {
		setsid();
		pid = fork();
		if (pid) {
			sm_write_all(ends[1], &pid, sizeof(pid));
			_exit(0);
		}
		poll(NULL, 0, SM_STEP_MS * 2); /* ends by itself if nobody finds it */
		_exit(0);
	}
	sm_read_all(ends[0], &pid, sizeof(pid), SM_STEP_MS);
	waitpid(first, NULL, 0);
	c->answer.n[0] = pid;
	return sm_judge(c, pid > 0, "the daemon is %d", pid);
}

static int daemon_is_found(struct sm_cell *c)
{
	struct sm_life_group group;
	int err = sm_life_group_make(&group, ""), killed = -1, ended = -1;
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_answer a = { .n = { 0 } };
	struct sm_kid kid;
	bool listed = false;

	if (err)
		return sm_broken(c, "a group: %s", strerror(-err));
	req.fields = SM_REQ_CGROUP;
	req.cgroup_fd = group.fd;
	err = sm_kid_spawn(c, &kid, &req);
	if (!err)
		err = sm_kid_answer(c, &kid, &a);
	if (!err)
		err = sm_kid_wait(c, &kid);
	sm_kid_kill(c, &kid);
	if (!err && a.n[0] > 0) {
		listed = sm_life_group_has(&group, (pid_t)a.n[0]);
		killed = sm_life_group_put(&group, "cgroup.kill", "1");
		if (!listed)
			kill((pid_t)a.n[0], SIGKILL);
		ended = sm_await_end((pid_t)a.n[0], SM_STEP_MS);
	}
	sm_life_group_drop(&group);
	if (err)
		return sm_trouble(c, err, "a child in a control group");
	return sm_judge(c, listed && !killed && !ended,
			"daemon %lld is %s the request's group; cgroup.kill: %s, it has %s",
			(long long)a.n[0], listed ? "in" : "not in", strerror(-killed),
			ended ? "not ended" : "ended");
}

/* ---- L09 ---- */

#define BOMB_MAX  48
#define BOMB_ROOM "6"

/* Multiplies until it cannot; waits; takes all back. */
static int child_multiplies(struct sm_cell *c)
{
	pid_t pids[BOMB_MAX];
	int n = 0, err = 0;

	if (*c->arg)
		return sm_holds(c, "one alone");
	while (n < BOMB_MAX && !err) {
		pids[n] = fork();
		if (pids[n] == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL); /* where it is killed too early */
			poll(NULL, 0, SM_STEP_MS * 2);
			_exit(0);
		}
		if (pids[n] < 0)
			err = errno;
		else
			n++;
	}
	c->answer.n[0] = n;
	c->answer.n[1] = err;
	sm_child_tell(c, "%d", n);
	sm_child_await();
	for (int i = 0; i < n; i++)
		kill(pids[i], SIGKILL);
	for (int i = 0; i < n; i++)
		waitpid(pids[i], NULL, 0);
	return sm_holds(c, "%d", n);
}

static int make_pids_group(struct sm_life_group *group)
{
	int err = sm_life_group_make(group, "pids");

	if (err == -ENOENT)
		err = sm_life_group_make(group, "");
	if (err)
		return err;
	err = sm_life_group_put(group, "pids.max", BOMB_ROOM);
	if (err)
		sm_life_group_drop(group);
	return err;
}

static int bomb_is_bounded(struct sm_cell *c)
{
	struct sm_life_group group;
	int err = make_pids_group(&group), other = 0;
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_answer a = { .n = { 0 } }, next;
	struct sm_kid kid;

	if (err == -ENOENT) /* version 2, and the controller is off where hosts are */
		return sm_skips(c, SM_F_CGROUP_PIDS, "a group with pids.max: %s", strerror(-err));
	if (err)
		return sm_broken(c, "a group with pids.max: %s", strerror(-err));
	req.fields = SM_REQ_CGROUP;
	req.cgroup_fd = group.fd;
	err = sm_kid_spawn(c, &kid, &req);
	if (!err)
		err = sm_kid_answer(c, &kid, &a);
	if (!err) {
		other = sm_kid_ask(c, "alone", &next, NULL);
		err = sm_kid_wait(c, &kid);
	}
	sm_life_group_put(&group, "cgroup.kill", "1"); /* version 2 */
	sm_kid_kill(c, &kid);
	sm_life_group_drop(&group);
	if (err)
		return sm_trouble(c, err, "a child in a control group");
	return sm_judge(c, a.n[0] == atoi(BOMB_ROOM) - 1 && a.n[1] == EAGAIN && !other,
			"with pids.max " BOMB_ROOM " it made %lld, then %s; the next spawn: %s",
			(long long)a.n[0], strerror((int)a.n[1]),
			other ? strerror(-other) : "served");
}

/* ---- L20 ---- */

/* The child's half: with what is left of SM_ARG's depth it is a parent itself. */
static int child_spawns(struct sm_cell *c)
{
	static const char *argv[2];
	char name[32], path[400], deeper[512];
	struct sm_answer a;
	int depth = 0, err;

	if (sscanf(c->arg, "%d %31s %399s", &depth, name, path) != 3)
		return sm_broken(c, "no argument");
	if (!depth)
		return sm_holds(c, "the innermost");
	snprintf(deeper, sizeof(deeper), "%d %s %s", depth - 1, name, path);
	unsetenv("SM_JOB"); /* they are this child's own */
	unsetenv("SM_ARG");
	argv[0] = path;
	c->ops = sm_strategy(name);
	c->argv = argv;
	c->envp = (const char *const *)environ;
	err = c->ops ? sm_kid_ask(c, deeper, &a, NULL) : -ENOENT;
	sm_cell_stop(c);
	if (err)
		return sm_trouble(c, err, "a spawn inside a child");
	c->answer.n[0] = a.n[0] + 1;
	return sm_judge(c, a.observed == SM_HOLDS, "%lld deep", (long long)a.n[0] + 1);
}

static int nested(struct sm_cell *c)
{
	struct sm_exit end = { .size = sizeof(end) };
	struct sm_answer a;
	char arg[512];
	int err;

	if (!sm_strategy(c->ops->name))
		return sm_skips(c, SM_F_CHILD_ROLE, "a foreign strategy cannot be started inside");
	snprintf(arg, sizeof(arg), "2 %s %s", c->ops->name, c->argv[0]);
	err = sm_kid_ask(c, arg, &a, &end);
	if (err)
		return sm_trouble(c, err, "a child that spawns");
	return sm_judge(c, a.observed == SM_HOLDS && a.n[0] == 2 && end.status == 0,
			"strategies in children of one another: %lld deep; %.200s",
			(long long)a.n[0], a.text);
}

static const struct sm_check checks[] = {
	{
		.id = "life.kill-by-pidfd",
		.row = "L17",
		.claim = "a child that ignores SIGTERM is ended by SIGKILL, both sent by pidfd",
		.source = "pidfd_send_signal(2); pidfd_open(2)",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_PIDFD_OPEN) | SM_NEED(SM_F_PIDFD_SEND_SIGNAL),
		.in_parent = killed_by_pidfd,
		.in_child = child_ignores,
	},
	{
		.id = "life.daemon",
		.row = "L18",
		.claim = "a child's daemon is found in the request's control group, and ends with "
			 "it",
		.source = "cgroup-v2 cgroup.kill; LTP prctl03 for the other way",
		.level = SM_SHOULD,
		.needs = SM_NEED(SM_F_CGROUP_KILL),
		.in_parent = daemon_is_found,
		.in_child = child_daemonises,
	},
	{
		.id = "life.fork-bomb",
		.row = "L09",
		.claim = "a child that multiplies is bounded by pids.max of the request's group, "
			 "others are not",
		.source = "cgroup-v1 pids; fork(2) EAGAIN",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_CGROUP_PIDS),
		.in_parent = bomb_is_bounded,
		.in_child = child_multiplies,
	},
	{
		.id = "life.nested",
		.row = "L20",
		.claim = "a child can start the strategy itself, and its child again",
		.source = "row L20; CPython bpo-28053",
		.level = SM_MUST,
		.in_parent = nested,
		.in_child = child_spawns,
	},
};

SM_GROUP_AS(life_odd, "life", "Lifecycle and robustness", checks);
