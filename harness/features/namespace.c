/* SPDX-License-Identifier: MIT */
/*
 * namespace.c - probes: namespaces, each alone, as this user can make them. What takes a user
 * namespace beside it is missing here: a check that makes one needs that feature too.
 */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "../sys/sys.h"

struct kind {
	const char *link; /* below /proc/self/ns */
	const char *name;
	unsigned long flag;
};

/* In a child of its own kind: is it really another one? */
static int is_another(const struct kind *kind, const char *path, const char *before)
{
	char link[64] = "";

	if (kind->flag == CLONE_NEWPID && getpid() != 1)
		return 1;
	/* Without /proc, the system call is believed. */
	return *before && readlink(path, link, sizeof(link) - 1) > 0 && !strcmp(link, before);
}

static void make(struct sm_probe_result *r, const struct kind *kind)
{
	char path[40], before[64] = "";
	pid_t pid;

	snprintf(path, sizeof(path), "/proc/self/ns/%s", kind->link);
	if (readlink(path, before, sizeof(before) - 1) < 0)
		before[0] = '\0';
	pid = sm_raw_clone(kind->flag | SIGCHLD);
	if (pid == 0)
		_exit(is_another(kind, path, before));
	if (pid < 0)
		sm_probe_no(r, -pid, "clone(%s)", kind->name);
	else if (sm_probe_wait(pid))
		sm_probe_no(r, 0, "clone(%s) made no new one", kind->name);
	else
		sm_probe_yes(r, "clone(%s) made a child in one of its own", kind->name);
}

void sm_probe_f_pid_ns(struct sm_probe_result *r)
{
	make(r, &(struct kind){ "pid", "CLONE_NEWPID", CLONE_NEWPID });
}

void sm_probe_f_mount_ns(struct sm_probe_result *r)
{
	make(r, &(struct kind){ "mnt", "CLONE_NEWNS", CLONE_NEWNS });
}

void sm_probe_f_net_ns(struct sm_probe_result *r)
{
	make(r, &(struct kind){ "net", "CLONE_NEWNET", CLONE_NEWNET });
}

void sm_probe_f_ipc_ns(struct sm_probe_result *r)
{
	make(r, &(struct kind){ "ipc", "CLONE_NEWIPC", CLONE_NEWIPC });
}

void sm_probe_f_uts_ns(struct sm_probe_result *r)
{
	make(r, &(struct kind){ "uts", "CLONE_NEWUTS", CLONE_NEWUTS });
}

void sm_probe_f_cgroup_ns(struct sm_probe_result *r)
{
	make(r, &(struct kind){ "cgroup", "CLONE_NEWCGROUP", CLONE_NEWCGROUP });
}

/*
 * Becomes root of a user namespace of its own, and uses it: some distributions let anybody make
 * one and then give no capability in it. Status: 0 or the errno.
 */
static int user_ns(void *unused)
{
	unsigned int uid = geteuid();
	char map[40];
	int err;

	(void)unused;
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* as after an exec: else /proc/self is root's */
	if (unshare(CLONE_NEWUSER) < 0)
		return errno & 127;
	snprintf(map, sizeof(map), "0 %u 1", uid);
	err = sm_probe_put("/proc/self", "uid_map", map);
	if (err)
		return -err & 127;
	if (geteuid() != 0)
		return EXDEV;
	return unshare(CLONE_NEWUTS) < 0 || sethostname("probe", 5) < 0 ? errno & 127 : 0;
}

static int user_ns_as_nobody(void *unused)
{
	const unsigned int nobody = 65534;

	if (setgroups(0, NULL) < 0 || setresgid(nobody, nobody, nobody) < 0 ||
	    setresuid(nobody, nobody, nobody) < 0)
		return errno & 127;
	return user_ns(unused);
}

void sm_probe_f_user_ns(struct sm_probe_result *r)
{
	int err = sm_probe_try(user_ns, NULL), other;

	if (err) {
		sm_probe_no(r, err > 0 ? err : 0, "a user namespace of uid %d's own",
			    (int)geteuid());
		return;
	}
	if (geteuid() != 0) {
		sm_probe_yes(r, "uid %d became root of one", (int)geteuid());
		return;
	}
	other = sm_probe_try(user_ns_as_nobody, NULL);
	sm_probe_yes(r, "uid 0 became root of one; uid 65534 too: %s",
		     other ? sm_probe_errno(other) : "yes");
}
