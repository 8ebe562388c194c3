/* SPDX-License-Identifier: MIT */
/*
 * layer.c - layers of a sandbox: each is there in the child, and only there. Control groups, pids,
 * ipc and host name.
 *
 * Part of the group; the others are layer_net.c (network, mounts, the root), layer_rights.c (what a
 * child may do), layer_full.c (all at once, and what is left) and layer_fail.c.
 */
#include "group.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <unistd.h>

#include "layer_util.h"

#define WORD "spawnmark-layer"

/* ---- cgroup, cgroupns ---- */

struct groups {
	int below;  /* hierarchies in which the child is elsewhere, below this process */
	bool apart; /* in another cgroup namespace */
};

static void look_at_groups(const struct sm_kid *kid, void *data)
{
	struct groups *g = data;

	g->below = sm_layer_groups_below(kid->child.pid);
	g->apart = sm_layer_apart(kid->child.pid, "cgroup");
}

static int child_sees_groups(struct sm_cell *c)
{
	c->answer.n[0] = sm_layer_groups_seen();
	return sm_layer_tell(c, "%lld groups beside the root are seen", (long long)c->answer.n[0]);
}

static int has_group(struct sm_cell *c)
{
	struct groups g = { .below = -1 };
	struct sm_answer a;

	if (sm_layer_watch(c, NULL, &a, look_at_groups, &g))
		return c->observed;
	return sm_judge(c, g.below > 0,
			"the child's control groups differ from the parent's in %d hierarchies, "
			"and are below it (-1: elsewhere)",
			g.below);
}

static int has_group_root(struct sm_cell *c)
{
	struct groups g = { .below = -1 };
	struct sm_answer a;

	if (sm_layer_watch(c, NULL, &a, look_at_groups, &g))
		return c->observed;
	return sm_judge(c, a.n[0] == 0 && g.apart,
			"the child sees %lld control groups beside \"/\", its namespace is %s",
			(long long)a.n[0], g.apart ? "another" : "the parent's");
}

/* ---- pid ---- */

static int child_looks_for_parent(struct sm_cell *c)
{
	c->answer.n[0] = getpid();
	c->answer.n[1] = getppid();
	c->answer.n[2] = kill(atoi(c->arg), 0) < 0 ? errno : 0;
	return sm_layer_tell(c, "looked");
}

static void look_at_pid(const struct sm_kid *kid, void *data)
{
	*(bool *)data = sm_layer_apart(kid->child.pid, "pid");
}

static int is_first(struct sm_cell *c)
{
	struct sm_answer a;
	bool apart = false;
	char arg[16];

	snprintf(arg, sizeof(arg), "%d", getpid());
	if (sm_layer_watch(c, arg, &a, look_at_pid, &apart))
		return c->observed;
	return sm_judge(c, a.n[0] == 1 && a.n[1] == 0 && a.n[2] == ESRCH && apart,
			"the child is pid %lld of parent %lld there; a signal to the parent's "
			"number: %s; the namespace is %s",
			(long long)a.n[0], (long long)a.n[1], strerror((int)a.n[2]),
			apart ? "another" : "the parent's");
}

static int child_sees_itself(struct sm_cell *c)
{
	int n = sm_layer_processes("/proc");

	return sm_judge(c, n == 1, "%d processes in its /proc, it is pid %d", n, getpid());
}

/* Leaves somebody behind who keeps its stdout open. */
static int child_leaves_one(struct sm_cell *c)
{
	pid_t pid = fork();

	if (pid < 0)
		return sm_fails(c, "fork: %s", strerror(errno));
	if (pid == 0) {
		for (;;)
			pause();
	}
	return sm_holds(c, "pid %d stays behind", pid);
}

/* Until everybody has closed it. 0, -ETIMEDOUT or -errno. */
static int await_eof(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char buf[256];
	ssize_t n = 1;

	while (n > 0) {
		int ready = poll(&p, 1, SM_STEP_MS / 2);

		if (ready == 0)
			return -ETIMEDOUT;
		n = ready < 0 ? -1 : read(fd, buf, sizeof(buf));
		if (n < 0 && errno == EINTR)
			n = 1;
	}
	return n < 0 ? -errno : 0;
}

static int ends_all(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_answer a;
	struct sm_kid kid;
	int end, err = sm_kid_up(c, &kid, &req, &a);

	if (err)
		return sm_trouble(c, err, "a child in the sandbox");
	end = await_eof(kid.child.out);
	err = sm_kid_wait(c, &kid);
	sm_kid_kill(c, &kid);
	if (err || a.observed != SM_HOLDS)
		return err ? sm_trouble(c, err, "its end") : sm_fails(c, "%.200s", a.text);
	return sm_judge(c, !end, "the child's own child, which holds the pipe: %s",
			end ? "lives on" : "has gone with it");
}

/* ---- ipc ---- */

static int child_looks_for_segment(struct sm_cell *c)
{
	int id = shmget((key_t)strtol(c->arg, NULL, 10), 0, 0), err = id < 0 ? errno : 0;

	return sm_judge(c, err == ENOENT, "the parent's segment: %s",
			err ? strerror(err) : "it is there");
}

static int hides_segment(struct sm_cell *c)
{
	key_t key = (key_t)(0x5b000000 | getpid());
	int id = shmget(key, 4096, IPC_CREAT | IPC_EXCL | 0666);
	struct sm_req req;
	char arg[16];

	if (id < 0)
		return sm_broken(c, "shmget: %s", strerror(errno));
	snprintf(arg, sizeof(arg), "%d", key);
	req = sm_cell_req(c, arg);
	sm_kid_verdict(c, &req);
	shmctl(id, IPC_RMID, NULL);
	return c->observed;
}

/* ---- uts ---- */

static int child_renames_host(struct sm_cell *c)
{
	char name[65] = "";
	int err;

	if (!sm_layer_left_both(c, "uts", "uts"))
		return sm_fails(c, "it is in its parent's namespace");
	gethostname(name, sizeof(name) - 1);
	err = sethostname(WORD, sizeof(WORD) - 1) < 0 ? errno : 0;
	c->answer.n[0] = err;
	return sm_layer_tell(c, "%s", name);
}

static void look_at_name(const struct sm_kid *kid, void *data)
{
	(void)kid;
	gethostname(data, 64);
}

static int has_name(struct sm_cell *c)
{
	char was[65] = "", now[65] = "", arg[48];
	struct sm_answer a;

	gethostname(was, sizeof(was) - 1);
	sm_layer_tell_own(arg, sizeof(arg), "uts", "uts");
	if (sm_layer_watch(c, arg, &a, look_at_name, now))
		return c->observed;
	return sm_judge(c, !a.n[0] && strcmp(a.text, was) != 0 && !strcmp(was, now),
			"the child is on host %.64s and sets another name (%s); the parent's was "
			"%s and is %s",
			a.text, strerror((int)a.n[0]), was, now);
}

#define NEEDS(f) (SM_NEED(SM_F_ROOT) | SM_NEED(f))

static const struct sm_check checks[] = {
	{
		.id = "layer.cgroup.own",
		.row = "N01",
		.claim = "a child in layer cgroup is in a control group below its parent's",
		.source = "cgroups(7); clone(2) CLONE_INTO_CGROUP",
		.level = SM_MUST,
		.needs = NEEDS(SM_F_CGROUP),
		.only = SM_SANDBOXES,
		.sandbox = "cgroup",
		.in_parent = has_group,
		.in_child = child_sees_groups,
	},
	{
		.id = "layer.pid.first",
		.row = "N02",
		.claim = "a child in layer pid is the first of its pid namespace, and its parent "
			 "has no number there",
		.source = "pid_namespaces(7)",
		.level = SM_MUST,
		.needs = NEEDS(SM_F_PID_NS),
		.only = SM_SANDBOXES,
		.sandbox = "pid",
		.in_parent = is_first,
		.in_child = child_looks_for_parent,
	},
	{
		.id = "layer.pid.proc",
		.row = "N03",
		.claim = "with layers pid and mount its /proc shows the child alone",
		.source = "pid_namespaces(7), /proc and PID namespaces",
		.level = SM_MUST,
		.needs = NEEDS(SM_F_PID_NS) | SM_NEED(SM_F_MOUNT_NS),
		.only = SM_SANDBOXES,
		.sandbox = "pid+mount",
		.in_child = child_sees_itself,
	},
	{
		.id = "layer.pid.ends-all",
		.row = "N04",
		.claim = "what a child in layer pid has started ends with it",
		.source = "pid_namespaces(7), the init process; "
			  "linux:kernel/pid_namespace.c:zap_pid_ns_processes",
		.level = SM_MUST,
		.needs = NEEDS(SM_F_PID_NS),
		.only = SM_SANDBOXES,
		.sandbox = "pid",
		.in_parent = ends_all,
		.in_child = child_leaves_one,
	},
	{
		.id = "layer.ipc.empty",
		.row = "N05",
		.claim = "a child in layer ipc does not find its parent's shared memory",
		.source = "ipc_namespaces(7)",
		.level = SM_MUST,
		.needs = NEEDS(SM_F_IPC_NS),
		.only = SM_SANDBOXES,
		.sandbox = "ipc",
		.in_parent = hides_segment,
		.in_child = child_looks_for_segment,
	},
	{
		.id = "layer.uts.own",
		.row = "N06",
		.claim = "a child in layer uts has a host name of its own, whatever it sets",
		.source = "uts_namespaces(7)",
		.level = SM_MUST,
		.needs = NEEDS(SM_F_UTS_NS),
		.only = SM_SANDBOXES,
		.sandbox = "uts",
		.in_parent = has_name,
		.in_child = child_renames_host,
	},
	{
		.id = "layer.cgroupns.root",
		.row = "N08",
		.claim = "a child in layer cgroupns does not see where its control group is",
		.source = "cgroup_namespaces(7)",
		.level = SM_MUST,
		.needs = NEEDS(SM_F_CGROUP_NS),
		.only = SM_SANDBOXES,
		.sandbox = "cgroupns",
		.in_parent = has_group_root,
		.in_child = child_sees_groups,
	},
};

SM_GROUP(layer, "Layers of a sandbox", checks);
