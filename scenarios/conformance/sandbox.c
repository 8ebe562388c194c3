/* SPDX-License-Identifier: MIT */
/*
 * sandbox.c - namespaces and sandbox: a child makes user, pid and mount namespaces for itself.
 *
 * Part of the group; the others are sandbox_ns.c (the other namespaces), sandbox_policy.c
 * and sandbox_reach.c (filters, domains, rights, others), sandbox_inherit.c (what the creator has) and sandbox_kernel.c.
 */
#include "group.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox_util.h"
#include "sys/sys.h"

/* ---- J01, J02 ---- */

static int make_user_ns(void *arg)
{
	int err = sm_box_become();

	(void)arg;
	if (!err && unshare(CLONE_NEWUSER) < 0)
		err = -errno;
	return -err & 127;
}

/* Can this user's processes at all? Asked of a fork that has nothing to do with a strategy. */
static int or_skip(struct sm_cell *c)
{
	int err = sm_in_fork(make_user_ns, NULL, SM_STEP_MS);
	struct sm_req req = sm_cell_req(c, NULL);

	if (err)
		return sm_skips(c, SM_F_USER_NS, "an ordinary user gets none: %s",
				strerror(err < 0 ? -err : err));
	return sm_kid_verdict(c, &req);
}

static int child_makes_user_ns(struct sm_cell *c)
{
	int64_t was = sm_box_ns(getpid(), "user");
	int err = make_user_ns(NULL);
	int64_t now = sm_box_ns(getpid(), "user");

	return sm_judge(c, !err && now > 0 && now != was,
			"unshare(CLONE_NEWUSER) as user %u: %s; namespace %lld, then %lld",
			getuid(), strerror(err), (long long)was, (long long)now);
}

static int child_maps_itself(struct sm_cell *c)
{
	char users[32], groups[32];
	int err = sm_box_become(), no;

	snprintf(users, sizeof(users), "0 %u 1\n", geteuid());
	snprintf(groups, sizeof(groups), "0 %u 1\n", getegid());
	if (!err && unshare(CLONE_NEWUSER) < 0)
		err = -errno;
	if (err)
		return sm_fails(c, "no user namespace: %s", strerror(-err));
	no = sm_box_put("/proc/self/gid_map", groups);
	err = sm_box_put("/proc/self/setgroups", "deny");
	if (!err)
		err = sm_box_put("/proc/self/uid_map", users);
	if (!err)
		err = sm_box_put("/proc/self/gid_map", groups);
	if (err)
		return sm_fails(c, "the maps: %s", strerror(-err));
	err = setgroups(0, NULL) < 0 ? errno : 0;
	return sm_judge(c, getuid() == 0 && getgid() == 0 && err == EPERM && no == -EPERM,
			"inside it is user %u, group %u; gid_map before \"deny\": %s; setgroups() "
			"after it: %s",
			getuid(), getgid(), strerror(-no), strerror(err));
}

/* ---- J03 ---- */

struct inside {
	int pid, ppid, mount_err, seen, others;
};

static int count_processes(const char *dir, int *others)
{
	DIR *proc = opendir(dir);
	int n = 0;

	for (const struct dirent *e; proc && (e = readdir(proc));) {
		int pid = atoi(e->d_name);

		n += pid > 0;
		*others += pid > 1;
	}
	if (proc)
		closedir(proc);
	return n;
}

/* Pid 1 inside: a proc of its own, where nobody sees it. Its answer goes through a pipe. */
static void tell_inside(int fd)
{
	struct inside in = { .pid = getpid(), .ppid = getppid() };

	in.mount_err = sm_box_private_mounts();
	if (!in.mount_err && mount("proc", sm_box_tmp(), "proc", 0, NULL) < 0)
		in.mount_err = -errno;
	if (!in.mount_err)
		in.seen = count_processes(sm_box_tmp(), &in.others);
	sm_write_all(fd, &in, sizeof(in));
	_exit(0);
}

static int child_makes_pid_ns(struct sm_cell *c)
{
	struct inside in = { 0 };
	int ends[2], err, own = getpid();
	pid_t pid;

	if (unshare(CLONE_NEWPID) < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return sm_fails(c, "unshare(CLONE_NEWPID): %s", strerror(errno));
	pid = fork();
	if (pid == 0)
		tell_inside(ends[1]);
	close(ends[1]);
	err = sm_read_all(ends[0], &in, sizeof(in), SM_STEP_MS);
	close(ends[0]);
	sm_kill_child(pid);
	if (err || in.mount_err)
		return sm_fails(c, "inside: %s", strerror(err ? -err : -in.mount_err));
	return sm_judge(
		c, in.pid == 1 && in.ppid == 0 && in.seen == 1 && !in.others && getpid() == own,
		"the first inside says pid %d, ppid %d; its own proc shows %d processes; "
		"its maker is %d outside",
		in.pid, in.ppid, in.seen, own);
}

/* ---- J04 ---- */

static void say_and_stay(int fd)
{
	sm_write_all(fd, "x", 1);
	poll(NULL, 0, SM_STEP_MS * 2); /* ends by itself where it is not killed */
	_exit(0);
}

/* Pid 1 inside and two more, one of them in a session of its own; each holds fd. */
static void populate(int fd)
{
	if (fork() == 0)
		say_and_stay(fd);
	if (fork() == 0) {
		setsid();
		if (fork() == 0)
			say_and_stay(fd);
		_exit(0);
	}
	say_and_stay(fd);
}

static int child_kills_init(struct sm_cell *c)
{
	int ends[2], err, end;
	char said[3], more;
	pid_t pid;

	if (unshare(CLONE_NEWPID) < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return sm_fails(c, "unshare(CLONE_NEWPID): %s", strerror(errno));
	pid = fork();
	if (pid == 0)
		populate(ends[1]);
	close(ends[1]);
	err = sm_read_all(ends[0], said, sizeof(said), SM_STEP_MS);
	sm_kill_child(pid);
	end = sm_read_all(ends[0], &more, 1, SM_STEP_MS);
	close(ends[0]);
	if (err)
		return sm_fails(c, "three inside: %s", strerror(-err));
	return sm_judge(c, end == -EPIPE,
			"pid 1 of the namespace was killed; the pipe that all three held: %s",
			end == -EPIPE ? "end of file" : strerror(-end));
}

/* ---- J05 ---- */

static int child_mounts(struct sm_cell *c)
{
	int err = sm_box_private_mounts();

	if (!err && mount(c->arg, sm_box_tmp(), "tmpfs", 0, "size=64k") < 0)
		err = -errno;
	c->answer.n[0] = err;
	c->answer.n[1] = sm_box_sees_mount(getpid(), c->arg);
	sm_child_tell(c, "mounted: %s", strerror(-err));
	sm_child_await();
	return sm_holds(c, "let go");
}

static int mounts_stay_inside(struct sm_cell *c)
{
	bool here = true, server = false, next = true;
	struct sm_answer a = { .n = { 0 } }, last;
	struct sm_req req;
	struct sm_kid kid;
	char name[40];
	int err;

	snprintf(name, sizeof(name), "spawnmark-mount-%d", getpid());
	req = sm_cell_req(c, name);
	err = sm_kid_spawn(c, &kid, &req);
	if (!err)
		err = sm_kid_answer(c, &kid, &a);
	if (!err) {
		here = sm_box_sees_mount(getpid(), name);
		server = c->server && sm_box_sees_mount(c->server, name);
		next = !sm_box_sees_mount(kid.child.pid, name);
		sm_kid_close_in(&kid);
		err = sm_kid_answer(c, &kid, &last);
	}
	if (!err)
		err = sm_kid_wait(c, &kid);
	sm_kid_kill(c, &kid);
	if (err)
		return sm_trouble(c, err, "a child that mounts");
	if (a.n[0])
		return sm_fails(c, "the child cannot mount in its own namespace: %s",
				strerror((int)-a.n[0]));
	return sm_judge(c, a.n[1] && !here && !server && !next,
			"the child %s its mount, the parent %s, the server %s",
			a.n[1] && !next ? "sees" : "does not see", here ? "too" : "does not",
			server      ? "too"
			: c->server ? "does not"
				    : "is none");
}

static const struct sm_check checks[] = {
	{
		.id = "sandbox.user-ns.create",
		.row = "J01",
		.claim = "a child of an ordinary user can make a user namespace",
		.source = "user_namespaces(7); LTP userns01",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_USER_NS),
		.in_parent = or_skip,
		.in_child = child_makes_user_ns,
	},
	{
		.id = "sandbox.user-ns.map",
		.row = "J02",
		.claim = "a child maps itself to root of its namespace, once setgroups is denied",
		.source = "user_namespaces(7); LTP userns02; runtime-tools linux_uid_mappings",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_USER_NS),
		.in_parent = or_skip,
		.in_child = child_maps_itself,
	},
	{
		.id = "sandbox.pid-ns.first",
		.row = "J03",
		.claim = "in a child's pid namespace its first child is pid 1 and sees nobody else",
		.source = "pid_namespaces(7); LTP pidns01",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_PID_NS) | SM_NEED(SM_F_MOUNT_NS),
		.in_child = child_makes_pid_ns,
	},
	{
		.id = "sandbox.pid-ns.kill",
		.row = "J04",
		.claim = "the death of pid 1 of a child's pid namespace ends all in it",
		.source = "pid_namespaces(7); linux:kernel/pid_namespace.c:zap_pid_ns_processes",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_PID_NS),
		.in_child = child_kills_init,
	},
	{
		.id = "sandbox.mount-ns.private",
		.row = "J05",
		.claim = "a mount in a child's own namespace is seen neither by parent nor server",
		.source = "mount_namespaces(7); LTP mountns01-04",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_MOUNT_NS),
		.in_parent = mounts_stay_inside,
		.in_child = child_mounts,
	},
};

SM_GROUP(sandbox, "Namespaces and sandbox", checks);
