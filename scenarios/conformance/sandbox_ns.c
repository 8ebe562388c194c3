/* SPDX-License-Identifier: MIT */
/*
 * sandbox_ns.c - a child makes the other namespaces for itself: network, uts, ipc, cgroup, time;
 * and lets its parent in.
 */
#include "group.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox_util.h"
#include "sys/sys.h"

#define NAME     "spawnmark-inside"
#define SHIFT_S  5000
#define SHIFT_NS ((int64_t)SHIFT_S * 1000000000)

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

/* Unshares and says how it went: 0, or the verdict. */
static int unshare_or_fail(struct sm_cell *c, int flag, const char *what)
{
	return unshare(flag) < 0 ? sm_fails(c, "unshare(%s): %s", what, strerror(errno)) : 0;
}

/* J06. How many interfaces are up; -errno. */
static int count_up(int *lo, int *all)
{
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), up = 0;
	struct if_nameindex *list = if_nameindex();

	if (!list || sock < 0) {
		up = -errno;
		goto out;
	}
	for (const struct if_nameindex *at = list; at->if_index; at++) {
		struct ifreq req = { 0 };

		memcpy(req.ifr_name, at->if_name, strnlen(at->if_name, IFNAMSIZ - 1));
		*lo += !strcmp(at->if_name, "lo");
		*all += 1;
		up += ioctl(sock, SIOCGIFFLAGS, &req) < 0 || (req.ifr_flags & IFF_UP);
	}
out:
	if (list)
		if_freenameindex(list);
	if (sock >= 0)
		close(sock);
	return up;
}

static int child_has_no_net(struct sm_cell *c)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
	int lo = 0, all = 0, up, sock, err;

	if (unshare_or_fail(c, CLONE_NEWNET, "CLONE_NEWNET"))
		return c->observed;
	up = count_up(&lo, &all);
	sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	err = connect(sock, (struct sockaddr *)&to, sizeof(to)) < 0 ? errno : 0;
	if (sock >= 0)
		close(sock);
	return sm_judge(c, lo == 1 && up == 0 && err == ENETUNREACH,
			"interfaces: %d, lo among them: %d, up: %d; to 127.0.0.1: %s", all, lo, up,
			strerror(err));
}

/* J07 */
static int child_renames(struct sm_cell *c)
{
	if (unshare_or_fail(c, CLONE_NEWUTS, "CLONE_NEWUTS"))
		return c->observed;
	if (sethostname(NAME, sizeof(NAME) - 1) < 0)
		return sm_fails(c, "sethostname: %s", strerror(errno));
	sm_child_tell(c, "renamed");
	sm_child_await();
	return sm_holds(c, "let go");
}

/* In a fork of the parent: enters the child's namespace by its pidfd and looks. */
static int look_by_pidfd(void *arg)
{
	int pidfd = (int)syscall(SYS_pidfd_open, *(pid_t *)arg, 0);
	char name[65] = "";

	if (pidfd < 0 || setns(pidfd, CLONE_NEWUTS) < 0)
		return errno & 127;
	return gethostname(name, sizeof(name)) == 0 && !strcmp(name, NAME) ? 0 : 120;
}

struct renamed {
	char was[65], now[65];
	int64_t inode;
	int entered; /* 0, a positive errno, or 120: another name there */
};

/* 0 or -errno */
static int rename_inside(struct sm_cell *c, struct renamed *r)
{
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_answer a;
	struct sm_kid kid;
	int err;

	gethostname(r->was, sizeof(r->was));
	err = sm_kid_spawn(c, &kid, &req);
	if (!err)
		err = sm_kid_answer(c, &kid, &a);
	if (!err && a.observed != SM_HOLDS) {
		sm_fails(c, "%.200s", a.text);
		err = -ECANCELED;
	}
	if (!err) {
		gethostname(r->now, sizeof(r->now));
		r->inode = sm_box_ns(kid.child.pid, "uts");
		r->entered = sm_in_fork(look_by_pidfd, &kid.child.pid, SM_STEP_MS);
		sm_kid_close_in(&kid);
		err = sm_kid_wait(c, &kid);
	}
	sm_kid_kill(c, &kid);
	return err;
}

static int name_stays_inside(struct sm_cell *c)
{
	struct renamed r = { .inode = 0 };
	int err = rename_inside(c, &r);

	if (err)
		return sm_trouble(c, err, "a child with another hostname");
	return sm_judge(c,
			!strcmp(r.was, r.now) && strcmp(r.now, NAME) != 0 &&
				r.inode != sm_box_ns(getpid(), "uts"),
			"the child has set its hostname; the parent's was %s and is %s", r.was,
			r.now);
}

/* J15 */
static int parent_enters(struct sm_cell *c)
{
	struct renamed r = { .inode = 0 };
	int err = rename_inside(c, &r);

	if (err)
		return sm_trouble(c, err, "a child with another hostname");
	if (r.entered == EINVAL)
		return sm_skips(c, SM_F_PIDFD_OPEN, "setns() takes no pidfd: before Linux 5.8");
	return sm_judge(c, r.entered == 0, "setns(pidfd, CLONE_NEWUTS): %s",
			r.entered == 0     ? "the child's hostname is seen there"
			: r.entered == 120 ? "another hostname is seen there"
					   : strerror(r.entered < 0 ? -r.entered : r.entered));
}

static int stat_segment(int id)
{
	struct shmid_ds ds;

	return shmctl(id, IPC_STAT, &ds) < 0 ? errno : 0;
}

static int child_leaves_ipc(struct sm_cell *c)
{
	int id = atoi(c->arg), before = stat_segment(id), after;

	if (unshare_or_fail(c, CLONE_NEWIPC, "CLONE_NEWIPC"))
		return c->observed;
	after = stat_segment(id);
	return sm_judge(c, before == 0 && after == EINVAL,
			"the parent's shared memory, before unshare(): %s; after: %s",
			strerror(before), strerror(after));
}

static int ipc_is_left(struct sm_cell *c)
{
	int id = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
	struct sm_req req;
	char arg[16];

	if (id < 0)
		return sm_broken(c, "shmget: %s", strerror(errno));
	snprintf(arg, sizeof(arg), "%d", id);
	req = sm_cell_req(c, arg);
	sm_kid_verdict(c, &req);
	shmctl(id, IPC_RMID, NULL);
	return c->observed;
}

/* Every line of /proc/self/cgroup ends in ":/". */
static int lines_at_root(int *lines)
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	char line[1024];
	int n = 0;

	while (file && fgets(line, sizeof(line), file)) {
		size_t end = strcspn(line, "\n");

		*lines += 1;
		n += end > 1 && line[end - 1] == '/' && line[end - 2] == ':';
	}
	if (file)
		fclose(file);
	return n;
}

static int child_hides_cgroup(struct sm_cell *c)
{
	int64_t was = sm_box_ns(getpid(), "cgroup");
	int lines = 0, root;

	if (unshare_or_fail(c, CLONE_NEWCGROUP, "CLONE_NEWCGROUP"))
		return c->observed;
	root = lines_at_root(&lines);
	return sm_judge(c, lines > 0 && root == lines && sm_box_ns(getpid(), "cgroup") != was,
			"%d of %d hierarchies show the child at their root", root, lines);
}

/* J08 */
static int look_at_clock(void *arg)
{
	return sm_now_ns() - *(int64_t *)arg >= SHIFT_NS;
}

static int child_shifts_time(struct sm_cell *c)
{
	int64_t was = sm_now_ns(), now;
	char text[64];
	int err, inside;

	if (unshare_or_fail(c, CLONE_NEWTIME, "CLONE_NEWTIME"))
		return c->observed;
	snprintf(text, sizeof(text), "monotonic %d 0\n", SHIFT_S);
	err = sm_box_put("/proc/self/timens_offsets", text);
	now = sm_now_ns();
	inside = sm_in_fork(look_at_clock, &was, SM_STEP_MS);
	if (err)
		return sm_fails(c, "timens_offsets: %s", strerror(-err));
	return sm_judge(c, now >= was && now - was < SHIFT_NS && inside == 1,
			"an offset of %d s: the child's own clock is %s, its child's is %s",
			SHIFT_S, now - was < SHIFT_NS ? "as before" : "shifted",
			inside == 1 ? "shifted" : "as before");
}

static const struct sm_check checks[] = {
	{
		.id = "sandbox.net-ns.empty",
		.row = "J06",
		.claim = "in a child's network namespace all interfaces are down, lo as well",
		.source = "network_namespaces(7); LTP netns_sysfs",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_NET_NS),
		.in_child = child_has_no_net,
	},
	{
		.id = "sandbox.uts-ns.private",
		.row = "J07",
		.claim = "a hostname set in a child's own namespace is not the parent's",
		.source = "uts_namespaces(7); LTP utsname02",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_UTS_NS),
		.in_parent = name_stays_inside,
		.in_child = child_renames,
	},
	{
		.id = "sandbox.ipc-ns.private",
		.row = "J07",
		.claim = "in a child's ipc namespace the parent's shared memory is not there",
		.source = "ipc_namespaces(7); LTP shmnstest",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_IPC_NS),
		.in_parent = ipc_is_left,
		.in_child = child_leaves_ipc,
	},
	{
		.id = "sandbox.cgroup-ns.root",
		.row = "J07",
		.claim = "in a child's cgroup namespace its group is the root",
		.source = "cgroup_namespaces(7)",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_CGROUP_NS),
		.in_child = child_hides_cgroup,
	},
	{
		.id = "sandbox.time-ns.children",
		.row = "J08",
		.claim = "a child's time namespace shifts the clocks of its children, not its own",
		.source = "time_namespaces(7); LTP timens01",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_TIME_NS),
		.in_child = child_shifts_time,
	},
	{
		.id = "sandbox.setns.pidfd",
		.row = "J15",
		.claim = "the parent can enter a child's namespace by its pidfd",
		.source = "setns(2); selftests pidfd_setns_test",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_PIDFD_OPEN) | SM_NEED(SM_F_UTS_NS),
		.in_parent = parent_enters,
		.in_child = child_renames,
	},
};

SM_GROUP_AS(sandbox_ns, "sandbox", "Namespaces and sandbox", checks);
