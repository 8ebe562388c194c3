/* SPDX-License-Identifier: MIT */
/*
 * layer_full.c - all layers of a sandbox at once; what several of them share, and what is left.
 */
#include "group.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "layer_util.h"
#include "sandbox_util.h"
#include "sys/sys.h"

static const char *const spaces[] = { "pid", "ipc", "uts", "net", "cgroup", "mnt", "user" };
#define SPACES 7

/* ---- everything in one child ---- */

struct seen {
	int apart, groups;
	int64_t uid, gid;
};

static void look_outside(const struct sm_kid *kid, void *data)
{
	struct seen *s = data;

	for (int i = 0; i < SPACES; i++)
		s->apart += sm_layer_apart(kid->child.pid, spaces[i]);
	s->groups = sm_layer_groups_below(kid->child.pid);
	s->uid = sm_status_of(kid->child.pid, "Uid", 10);
	s->gid = sm_status_of(kid->child.pid, "Gid", 10);
}

static int interfaces(void)
{
	struct if_nameindex *list = if_nameindex();
	int n = 0;

	while (list && list[n].if_index)
		n++;
	if_freenameindex(list);
	return n;
}

/* The first thing that is not as it should be; NULL: nothing. */
static const char *wrong_inside(void)
{
	struct rlimit core;

	if (getpid() != 1 || getppid() != 0 || sm_layer_processes("/proc") != 1)
		return "it is not alone";
	if (getuid() != SM_LAYER_USER_ID || getgid() != SM_LAYER_USER_ID || getgroups(0, NULL))
		return "its ids are others";
	if (sm_layer_status("CapPrm", 16) || sm_layer_status("CapEff", 16) ||
	    sm_layer_status("CapBnd", 16) || sm_layer_status("CapAmb", 16))
		return "it has capabilities";
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || sm_layer_status("Seccomp", 10) != 2)
		return "it may gain privileges, or has no filter";
	if (getrlimit(RLIMIT_CORE, &core) < 0 || core.rlim_max != 0)
		return "it has no limits";
	if (interfaces() != 1 || sm_layer_groups_seen())
		return "it sees interfaces or control groups";
	if (sm_layer_open("/etc/passwd", O_RDONLY) != ENOENT ||
	    sm_layer_open("/usr/x", O_CREAT | O_RDWR) != EROFS)
		return "its root is the host's, or can be written to";
	if (sm_layer_open("/tmp/x", O_CREAT | O_RDWR) || sm_layer_open("/dev/null", O_RDWR))
		return "it cannot work";
	return NULL;
}

static int child_in_full(struct sm_cell *c)
{
	const char *wrong = wrong_inside();

	if (wrong)
		return sm_fails(c, "%s", wrong);
	return sm_layer_tell(c, "all is as it should be");
}

static int has_all(struct sm_cell *c)
{
	struct seen s = { .groups = -1 };
	struct sm_answer a;

	if (sm_layer_watch(c, NULL, &a, look_outside, &s))
		return c->observed;
	return sm_judge(
		c,
		s.apart == SPACES && s.groups > 0 && s.uid == SM_LAYER_HOST_ID + SM_LAYER_USER_ID &&
			s.gid == s.uid,
		"inside: %s; outside: %d of %d namespaces are others, %d control groups, user "
		"%lld, group %lld",
		a.text, s.apart, SPACES, s.groups, (long long)s.uid, (long long)s.gid);
}

static int child_counts(struct sm_cell *c)
{
	int more = sm_layer_descriptors(), stdio = 0;

	for (int fd = 0; fd < 3; fd++)
		stdio += fcntl(fd, F_GETFD) >= 0;
	return sm_judge(c, more == 0 && stdio == 3, "%d of 3 descriptors for stdio, %d beyond them",
			stdio, more);
}

/* ---- siblings ---- */

static int child_waits(struct sm_cell *c)
{
	return sm_layer_tell(c, "here");
}

#define KIDS 4

/* Of each child its namespaces, and its control groups. */
static int up_all(struct sm_cell *c, struct sm_kid *kids, int64_t inode[KIDS][SPACES + 1])
{
	const struct sm_req req = sm_cell_req(c, NULL);
	struct sm_answer a;

	for (int k = 0; k < KIDS; k++) {
		int err = sm_kid_up(c, &kids[k], &req, &a);

		if (err)
			return err;
		for (int i = 0; i < SPACES; i++)
			inode[k][i] = sm_box_ns(kids[k].child.pid, spaces[i]);
		inode[k][SPACES] = sm_layer_groups_of(kids[k].child.pid);
	}
	return 0;
}

static int share_nothing(struct sm_cell *c)
{
	struct sm_kid kids[KIDS] = {
		{ .reaped = true }, { .reaped = true }, { .reaped = true }, { .reaped = true }
	};
	int64_t inode[KIDS][SPACES + 1];
	int same = 0, err = up_all(c, kids, inode);

	for (int k = 0; k < KIDS; k++) {
		sm_kid_close_in(&kids[k]);
		if (!err)
			err = sm_kid_wait(c, &kids[k]);
		sm_kid_kill(c, &kids[k]);
	}
	if (err)
		return sm_trouble(c, err, "children in the sandbox");
	for (int k = 1; k < KIDS; k++)
		for (int j = 0; j < k; j++)
			for (int i = 0; i <= SPACES; i++)
				same += inode[k][i] <= 0 || inode[k][i] == inode[j][i];
	return sm_judge(c, !same,
			"%d children at a time, each with %d namespaces and its control groups: "
			"shared by two: %d",
			KIDS, SPACES, same);
}

/* ---- what is left ---- */

struct host {
	int64_t inode[SPACES], server[SPACES];
	int mounts, groups;
};

static int count_lines(const char *path)
{
	FILE *file = fopen(path, "re");
	int n = 0;

	for (int ch; file && (ch = fgetc(file)) != EOF;)
		n += ch == '\n';
	if (file)
		fclose(file);
	return file ? n : -1;
}

/*
 * Groups of children of this process or its server, in all hierarchies where they could have one
 * (sandbox/groups.c names them). Of the others there, some belong to whoever runs beside.
 */
static int count_groups(pid_t server)
{
	static const char *const controllers[] = { "", "pids", "cpuacct" };
	char own[512], names[2][32];
	int n = 0;

	snprintf(names[0], sizeof(names[0]), "sandbox-%d", (int)getpid());
	snprintf(names[1], sizeof(names[1]), "sandbox-%d", (int)server);

	for (int i = 0; i < 3; i++) {
		DIR *dir = sm_cgroup_own(controllers[i], own, sizeof(own)) ? NULL : opendir(own);

		for (const struct dirent *e; dir && (e = readdir(dir));)
			n += !strcmp(e->d_name, names[0]) || !strcmp(e->d_name, names[1]);
		if (dir)
			closedir(dir);
	}
	return n;
}

/* server: 0 before it is started; afterwards it may have ended. */
static void look_at_host(struct sm_cell *c, pid_t server, struct host *h)
{
	for (int i = 0; i < SPACES; i++) {
		h->inode[i] = sm_box_ns(getpid(), spaces[i]);
		h->server[i] = c->server ? sm_box_ns(c->server, spaces[i]) : h->inode[i];
	}
	h->mounts = count_lines("/proc/self/mountinfo");
	h->groups = count_groups(server);
}

static int leaves_nothing(struct sm_cell *c)
{
	struct host before, meanwhile, after;
	int n = 12, bad = 0, err = 0;
	struct sm_exit end = { .status = -1 };
	struct sm_answer a;
	pid_t server;

	look_at_host(c, 0, &before);
	for (int i = 0; i < n && !err; i++)
		err = sm_kid_ask(c, NULL, &a, &end) || end.status ? -EIO : 0;
	if (err)
		return sm_trouble(c, err, "a child in the sandbox");
	server = c->server;
	look_at_host(c, server, &meanwhile);
	sm_cell_stop(c);
	look_at_host(c, server, &after);
	for (int i = 0; i < SPACES; i++)
		bad += after.inode[i] != before.inode[i] || meanwhile.server[i] != before.inode[i];
	return sm_judge(c,
			!bad && before.mounts == after.mounts && meanwhile.groups && !after.groups,
			"after %d children: namespaces of parent and server that changed: %d; "
			"mounts: %d, then %d; control groups: %d, %d meanwhile, then %d",
			n, bad, before.mounts, after.mounts, before.groups, meanwhile.groups,
			after.groups);
}

/* ---- of the kernel ---- */

/*
 * Inside of a user namespace, in a file system that belongs to it: makes a file, becomes root there,
 * makes one again.
 */
static int try_files(int ready, int go)
{
	char path[200], byte = 0;
	int before, after;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) || write(ready, &byte, 1) != 1 ||
	    read(go, &byte, 1) != 1 || mount("x", sm_box_tmp(), "tmpfs", 0, "mode=1777"))
		return 99;
	snprintf(path, sizeof(path), "%s/layer-%d", sm_box_tmp(), getpid());
	before = sm_layer_open(path, O_CREAT | O_RDWR);
	if (syscall(SYS_setresgid, 0, 0, 0) || syscall(SYS_setresuid, 0, 0, 0))
		return 98;
	after = sm_layer_open(path, O_CREAT | O_RDWR);
	return before == EOVERFLOW && !after ? 0 : 97;
}

static int map_and_try(void *arg)
{
	int ready[2], go[2], status = 0;
	char byte = 0, path[48];
	pid_t pid;

	(void)arg;
	if (pipe2(ready, O_CLOEXEC) || pipe2(go, O_CLOEXEC))
		return 96;
	pid = fork();
	if (pid == 0)
		_exit(try_files(ready[1], go[0]));
	if (pid < 0 || read(ready[0], &byte, 1) != 1)
		return 95;
	snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
	status = sm_box_put(path, "0 1000000 1\n");
	snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	status |= sm_box_put(path, "0 1000000 1\n");
	if (status || write(go[1], &byte, 1) != 1)
		return 94;
	return waitpid(pid, &status, 0) == pid ? WEXITSTATUS(status) : 93;
}

static int nobody_makes_no_file(struct sm_cell *c)
{
	int rc = sm_in_fork(map_and_try, NULL, SM_STEP_MS);

	return sm_judge(c, rc == 0,
			"a file before and after becoming somebody who is mapped: %s (%d)",
			rc ? "not EOVERFLOW, then none" : "EOVERFLOW, then it is there", rc);
}

#define NEEDS                                                                                      \
	(SM_NEED(SM_F_ROOT) | SM_NEED(SM_F_CGROUP) | SM_NEED(SM_F_PID_NS) | SM_NEED(SM_F_IPC_NS) | \
	 SM_NEED(SM_F_UTS_NS) | SM_NEED(SM_F_NET_NS) | SM_NEED(SM_F_CGROUP_NS) |                   \
	 SM_NEED(SM_F_MOUNT_NS) | SM_NEED(SM_F_USER_NS) | SM_NEED(SM_F_SECCOMP_FILTER))

static const struct sm_check checks[] = {
	{
		.id = "layer.full.all",
		.row = "N31",
		.claim = "a child in full has every layer at once, and can work",
		.source = "namespaces(7); capabilities(7); seccomp(2)",
		.level = SM_MUST,
		.needs = NEEDS,
		.only = SM_SANDBOXES,
		.sandbox = "full",
		.in_parent = has_all,
		.in_child = child_in_full,
	},
	{
		.id = "layer.full.descriptors",
		.row = "N32",
		.claim = "no descriptor of the sandbox is left in a child",
		.source = "harness/sandbox/sandbox.h",
		.level = SM_MUST,
		.needs = NEEDS,
		.only = SM_SANDBOXES,
		.sandbox = "full",
		.in_child = child_counts,
	},
	{
		.id = "layer.full.siblings",
		.row = "N33",
		.claim = "children at the same time share neither namespace nor control group",
		.source = "namespaces(7)",
		.level = SM_MUST,
		.needs = NEEDS,
		.only = SM_SANDBOXES,
		.sandbox = "full",
		.in_parent = share_nothing,
		.in_child = child_waits,
	},
	{
		.id = "layer.full.leaves",
		.row = "N34",
		.claim =
			"parent and server stay in their namespaces, and neither mount nor control "
			"group is left",
		.source = "mount_namespaces(7); cgroups(7)",
		.level = SM_MUST,
		.needs = NEEDS,
		.only = SM_SANDBOXES,
		.sandbox = "full",
		.in_parent = leaves_nothing,
	},
	{
		.id = "layer.user.overflow",
		.row = "N35",
		.claim = "who is not mapped in a user namespace can make no file in what is "
			 "mounted there: EOVERFLOW",
		.source = "user_namespaces(7); linux:fs/namei.c:may_o_create",
		.level = SM_SHOULD,
		.flags = SM_CHECK_ALONE,
		.needs = SM_NEED(SM_F_ROOT) | SM_NEED(SM_F_USER_NS),
		.in_parent = nobody_makes_no_file,
	},
};

SM_GROUP_AS(layer_full, "layer", "Layers of a sandbox", checks);
