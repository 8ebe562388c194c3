/* SPDX-License-Identifier: MIT */
/*
 * identity.c - who the child is, and whose.
 */
#include "group.h"

#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Field of /proc/PID/stat: what is sent to the parent at the end. */
#define STAT_EXIT_SIGNAL 38

static int child_ids(struct sm_cell *c)
{
	c->answer.n[0] = getpid();
	c->answer.n[1] = getppid();
	return sm_holds(c, "the child says: pid %d, ppid %d", getpid(), getppid());
}

/* A01 */
static int ppid_is_parent(struct sm_cell *c)
{
	struct sm_answer a;
	int err = sm_kid_ask(c, NULL, &a, NULL);

	if (err)
		return sm_trouble(c, err, "a child");
	return sm_judge(c, a.n[1] == getpid(), "getppid() in the child is %lld, the parent is %d",
			(long long)a.n[1], getpid());
}

/* A02 */
static int pid_is_told(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_answer a;
	struct sm_kid kid;
	int err = sm_kid_spawn(c, &kid, &req);

	if (!err)
		err = sm_kid_answer(c, &kid, &a);
	if (!err)
		err = sm_kid_wait(c, &kid);
	if (err)
		return sm_trouble(c, err, "a child");
	return sm_judge(c, a.n[0] == kid.child.pid, "the parent was told %d, the child is %lld",
			kid.child.pid, (long long)a.n[0]);
}

static int child_waits(struct sm_cell *c)
{
	c->answer.n[0] = getpid();
	c->answer.n[1] = getpgrp();
	c->answer.n[2] = getsid(0);
	sm_child_tell(c, "the child says: pid %d, group %d, session %d", getpid(), getpgrp(),
		      getsid(0));
	sm_child_await();
	return sm_holds(c, "let go");
}

/* Of a process that is none of the kids: does its group or session bear a kid's number? */
static bool bears(pid_t pid, const struct sm_kid *kid, int n)
{
	int64_t group = sm_stat_of(pid, 5), session = sm_stat_of(pid, 6);
	bool own = false, borne = false;

	for (int i = 0; i < n; i++) {
		own = own || pid == kid[i].child.pid;
		borne = borne || group == kid[i].child.pid || session == kid[i].child.pid;
	}
	return borne && !own;
}

static int count_bearers(const struct sm_kid *kid, int n)
{
	DIR *proc = opendir("/proc");
	int found = 0;

	if (!proc)
		return -1;
	for (const struct dirent *e; (e = readdir(proc));) {
		pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);

		found += pid > 0 && bears(pid, kid, n);
	}
	closedir(proc);
	return found;
}

/* A04 */
static int pids_are_new(struct sm_cell *c)
{
	enum { KIDS = 4 };
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_kid kid[KIDS];
	struct sm_answer a;
	int err = 0, n = 0, alike = 0, borne;

	while (n < KIDS && !(err = sm_kid_up(c, &kid[n], &req, &a))) {
		pid_t pid = kid[n].child.pid;

		alike += pid == getpid() || pid == getppid() || pid == c->server;
		for (int i = 0; i < n; i++)
			alike += pid == kid[i].child.pid;
		n++;
	}
	borne = count_bearers(kid, n);
	for (int i = 0; i < n; i++)
		sm_kid_kill(c, &kid[i]);
	if (err)
		return sm_trouble(c, err, "four children at a time");
	return sm_judge(c, !alike && !borne,
			"%d live children: %d pids are somebody's already, %d others have one as "
			"group or session",
			n, alike, borne);
}

/* A08 */
static int child_counts_tasks(struct sm_cell *c)
{
	int64_t tasks = sm_status_of(getpid(), "Threads", 10);

	return sm_judge(c, tasks == 1, "%lld tasks in the child when it enters", (long long)tasks);
}

/* A09 */
static int image_is_payload(struct sm_cell *c)
{
	char path[64], exe[PATH_MAX] = "", payload[PATH_MAX] = "";
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_answer a;
	struct sm_kid kid;
	ssize_t n;
	int err = sm_kid_up(c, &kid, &req, &a);

	if (err)
		return sm_trouble(c, err, "a child");
	snprintf(path, sizeof(path), "/proc/%d/exe", kid.child.pid);
	n = readlink(path, exe, sizeof(exe) - 1);
	if (!realpath(c->argv[0], payload))
		payload[0] = '\0';
	sm_kid_kill(c, &kid);
	return sm_judge(c, n > 0 && !strcmp(exe, payload), "the child is %s, the payload %s",
			n > 0 ? exe : "not to be seen", payload);
}

/* A10 */
static int command_line_tells(struct sm_cell *c)
{
	const char *const args[] = { "spawnmark-tells-its-task", NULL };
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_answer a;
	struct sm_kid kid;
	char path[64], line[4096];
	size_t have = 0;
	FILE *file;
	bool told;
	int err;

	req.args = args;
	err = sm_kid_up(c, &kid, &req, &a);
	if (err)
		return sm_trouble(c, err, "a child with an argument");
	snprintf(path, sizeof(path), "/proc/%d/cmdline", kid.child.pid);
	file = fopen(path, "re");
	if (file) {
		have = fread(line, 1, sizeof(line), file);
		fclose(file);
	}
	sm_kid_kill(c, &kid);
	told = memmem(line, have, args[0], strlen(args[0]));
	return sm_judge(c, told, "the command line has %zu bytes, with the argument: %s", have,
			told ? "yes" : "no");
}

/* A11 */
static int parent_throughout(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_answer a;
	struct sm_kid kid;
	int64_t seen[4];
	int err = sm_kid_spawn(c, &kid, &req);

	if (err)
		return sm_trouble(c, err, "a child");
	seen[0] = sm_status_of(kid.child.pid, "PPid", 10); /* it cannot end: nobody has said so */
	err = sm_kid_answer(c, &kid, &a);
	if (err) {
		sm_kid_kill(c, &kid);
		return sm_trouble(c, err, "its answer");
	}
	seen[1] = sm_status_of(kid.child.pid, "PPid", 10);
	if (c->server > 0) {
		kill(c->server, SIGKILL);
		sm_await_end(c->server, SM_STEP_MS);
	}
	seen[2] = sm_status_of(kid.child.pid, "PPid", 10);
	sm_kid_close_in(&kid);
	sm_await_end(kid.child.pid, SM_STEP_MS);
	seen[3] = sm_status_of(kid.child.pid, "PPid", 10);
	sm_kid_kill(c, &kid);
	return sm_judge(c,
			seen[0] == getpid() && seen[1] == getpid() && seen[2] == getpid() &&
				seen[3] == getpid(),
			"the parent is %d; PPid at birth %lld, at work %lld, %s %lld, as a zombie "
			"%lld",
			getpid(), (long long)seen[0], (long long)seen[1],
			c->server > 0 ? "when the server was dead" : "later", (long long)seen[2],
			(long long)seen[3]);
}

/* A14, of the real server */
static int signal_is_servers(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);
	int64_t server = SIGCHLD, child;
	struct sm_answer a;
	struct sm_kid kid;
	int err = sm_kid_up(c, &kid, &req, &a);

	if (err)
		return sm_trouble(c, err, "a child");
	child = sm_stat_of(kid.child.pid, STAT_EXIT_SIGNAL);
	if (c->server > 0)
		server = sm_stat_of(c->server, STAT_EXIT_SIGNAL);
	sm_kid_kill(c, &kid);
	return sm_judge(c, child == SIGCHLD && server == SIGCHLD,
			"the child's exit signal is %lld, its creator's %lld (SIGCHLD is %d)",
			(long long)child, (long long)server, SIGCHLD);
}

static const struct sm_check checks[] = {
	{
		.id = "identity.ppid.parent",
		.row = "A01",
		.claim = "getppid() in the child is the parent",
		.source = "clone(2) CLONE_PARENT; linux:kernel/fork.c:copy_process; LTP clone08",
		.level = SM_MUST,
		.fails_lacking = SM_CHILD_OF_PARENT,
		.why = "the server forks it, so it is the server's child",
		.in_parent = ppid_is_parent,
		.in_child = child_ids,
	},
	{
		.id = "identity.pid.told",
		.row = "A02",
		.claim = "the pid that the parent is told is the child's getpid()",
		.source = "fork(2); LTP clone03, fork01",
		.level = SM_MUST,
		.in_parent = pid_is_told,
		.in_child = child_ids,
	},
	{
		.id = "identity.pid.new",
		.row = "A04",
		.claim = "a child's pid is no other live process's pid, group or session",
		.source = "POSIX fork(), assertion 3; setpgid(2)",
		.level = SM_MUST,
		.in_parent = pids_are_new,
		.in_child = child_waits,
	},
	{
		.id = "identity.tasks.one",
		.row = "A08",
		.claim = "a child enters with one task",
		.source = "POSIX fork(), assertion 21; fork(2)",
		.level = SM_MUST,
		.in_child = child_counts_tasks,
	},
	{
		.id = "identity.image.payload",
		.row = "A09",
		.claim = "/proc/PID/exe of the child is the payload",
		.source = "proc(5)",
		.level = SM_SHOULD,
		.in_parent = image_is_payload,
		.in_child = child_waits,
	},
	{
		.id = "identity.cmdline.arguments",
		.row = "A10",
		.claim = "the child's command line shows the arguments of its request",
		.source = "proc(5)",
		.level = SM_SHOULD,
		.fails_lacking = SM_FRESH_IMAGE,
		.why = "a clone keeps its creator's command line",
		.in_parent = command_line_tells,
		.in_child = child_waits,
	},
	{
		.id = "identity.ppid.throughout",
		.row = "A11",
		.claim = "/proc names the parent as the child's from birth to zombie, also when "
			 "the server has died",
		.source = "clone(2) CLONE_PARENT; proc(5) PPid",
		.level = SM_MUST,
		.fails_lacking = SM_CHILD_OF_PARENT,
		.why = "the server forks it, so it is the server's child",
		.in_parent = parent_throughout,
		.in_child = child_waits,
	},
	{
		.id = "identity.exit-signal.child",
		.row = "A14",
		.claim = "the child's exit signal is SIGCHLD, as its creator's is",
		.source = "linux:kernel/fork.c:copy_process; proc(5) stat exit_signal",
		.level = SM_MUST,
		.in_parent = signal_is_servers,
		.in_child = child_waits,
	},
};

SM_GROUP(identity, "Identity and parentage", checks);
