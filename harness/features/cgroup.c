/* SPDX-License-Identifier: MIT */
/*
 * cgroup.c - probes: control groups that this user can make below its own. No controller is
 * switched on for that: it would change the group of others.
 */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../sys/sys.h"

struct group {
	const char *controller;
	char dir[512];
};

static int join(void *arg)
{
	const struct group *g = arg;
	char seen[512];
	int err = sm_probe_enter(g->dir);

	if (!err)
		err = sm_cgroup_own(g->controller, seen, sizeof(seen));
	if (!err && strcmp(seen, g->dir) != 0)
		err = -EXDEV;
	return -err & 127;
}

/* Makes a group which a child can join. 0 or -errno. */
static int usable(struct group *g, const char *controller)
{
	int err;

	g->controller = controller;
	err = sm_probe_group(controller, g->dir, sizeof(g->dir));
	return err ? err : -sm_probe_try(join, g);
}

void sm_probe_f_cgroup(struct sm_probe_result *r)
{
	static const char *const controllers[] = { "", "pids", "memory", "freezer", "cpuacct" };
	struct group g;
	int err = 0;

	for (size_t i = 0; i < sizeof(controllers) / sizeof(*controllers); i++) {
		int one = usable(&g, controllers[i]);

		if (!one) {
			sm_probe_yes(r, "made and joined one of version %d%s%s",
				     *controllers[i] ? 1 : 2, *controllers[i] ? ", " : "",
				     controllers[i]);
			return;
		}
		/* The most telling reason: of a hierarchy that is there. */
		if (!err || err == -ENOENT)
			err = one;
	}
	sm_probe_no(r, -err, "no group could be made and joined");
}

void sm_probe_f_cgroup2(struct sm_probe_result *r)
{
	struct group g;
	char list[200] = "";
	int err = usable(&g, "");

	if (err) {
		sm_probe_no(r, -err, "no group of version 2 could be made and joined");
		return;
	}
	sm_probe_get(g.dir, "cgroup.controllers", list, sizeof(list));
	sm_probe_yes(r, "made and joined one, with %.100s", *list ? list : "no controllers");
}

/* A group that has the file of a controller, of either version. NULL: r has the answer. */
static const char *limited(struct sm_probe_result *r, struct group *g, const char *controller,
			   const char *file1, const char *file2)
{
	char path[600];
	int err = usable(g, controller), err2;

	if (!err)
		return file1;
	err2 = usable(g, "");
	if (!err2) {
		snprintf(path, sizeof(path), "%s/%s", g->dir, file2);
		if (access(path, W_OK) == 0)
			return file2;
		err2 = -errno;
	}
	sm_probe_no(r, err == -ENOENT ? -err2 : -err, "no group that limits %s", controller);
	return NULL;
}

static int join_and_fork(void *arg)
{
	int err = join(arg);
	pid_t pid;

	if (err)
		return err;
	pid = fork();
	if (!pid)
		_exit(0);
	return pid < 0 ? errno & 127 : 0;
}

void sm_probe_f_cgroup_pids(struct sm_probe_result *r)
{
	struct group g;
	const char *file = limited(r, &g, "pids", "pids.max", "pids.max");
	int err;

	if (!file)
		return;
	err = sm_probe_put(g.dir, file, "1");
	if (err) {
		sm_probe_no(r, -err, "%s", file);
		return;
	}
	err = sm_probe_try(join_and_fork, &g);
	if (err == EAGAIN)
		sm_probe_yes(r, "fork says EAGAIN where %s is 1 (version %d)", file,
			     *g.controller ? 1 : 2);
	else
		sm_probe_no(r, err > 0 ? err : 0, "fork where %s is 1 did not say EAGAIN", file);
}

/* Not tried out: the kernel's log would tell of a killed process. */
void sm_probe_f_cgroup_memory(struct sm_probe_result *r)
{
	const char *want = "16777216";
	char got[32] = "";
	struct group g;
	const char *file = limited(r, &g, "memory", "memory.limit_in_bytes", "memory.max");
	int err;

	if (!file)
		return;
	err = sm_probe_put(g.dir, file, want);
	if (!err)
		err = sm_probe_get(g.dir, file, got, sizeof(got));
	if (err || strcmp(got, want) != 0)
		sm_probe_no(r, -err, "%s is %s", file, got);
	else
		sm_probe_yes(r, "%s is kept (version %d)", file, *g.controller ? 1 : 2);
}

void sm_probe_f_cgroup_kill(struct sm_probe_result *r)
{
	struct group g;
	int err = usable(&g, ""), ends[2], status;
	char byte;
	pid_t pid;

	if (err || pipe(ends) < 0) {
		sm_probe_no(r, err ? -err : errno,
			    "no group of version 2 could be made and joined");
		return;
	}
	pid = fork();
	if (!pid) {
		if (join(&g) || write(ends[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ends[1]);
	if (pid < 0 || sm_read_all(ends[0], &byte, 1, -1)) {
		sm_probe_dunno(r, 0, "no member to kill");
		return;
	}
	err = sm_probe_put(g.dir, "cgroup.kill", "1");
	if (err) {
		sm_probe_no(r, -err, "cgroup.kill");
		return;
	}
	status = sm_probe_wait(pid);
	if (status == 128 + SIGKILL)
		sm_probe_yes(r, "killed a member");
	else
		sm_probe_no(r, 0, "a member's status is %d", status);
}
