/* SPDX-License-Identifier: MIT */
/*
 * layer_rights.c - layers of a sandbox: what a child may do. Limits, users, capabilities, the filter.
 */
#include "group.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "layer_util.h"
#include "sandbox_util.h"

/* ---- limits ---- */

static const __rlimit_resource_t limited[] = { RLIMIT_CORE, RLIMIT_CPU, RLIMIT_FSIZE,
					       RLIMIT_NOFILE };
#define LIMITED 4
/* What the sandbox allows at most: harness/driver/sandbox.c. */
static const int64_t most[LIMITED] = { 0, 60, 64 << 20, 256 };

static void hard_limits(int64_t *n)
{
	for (int i = 0; i < LIMITED; i++) {
		struct rlimit r = { RLIM_INFINITY, RLIM_INFINITY };

		getrlimit(limited[i], &r);
		n[i] = r.rlim_max == RLIM_INFINITY ? INT64_MAX : (int64_t)r.rlim_max;
	}
}

static int child_tells_limits(struct sm_cell *c)
{
	hard_limits(c->answer.n);
	return sm_layer_tell(c, "told");
}

static int has_limits(struct sm_cell *c)
{
	int64_t was[LIMITED], now[LIMITED];
	struct sm_answer a;
	int above = 0, same = 1;

	hard_limits(was);
	if (sm_layer_watch(c, NULL, &a, NULL, NULL))
		return c->observed;
	hard_limits(now);
	for (int i = 0; i < LIMITED; i++) {
		above += a.n[i] > most[i] || a.n[i] > was[i];
		same &= was[i] == now[i];
	}
	return sm_judge(
		c, !above && same,
		"%d of %d hard limits are above the sandbox's or the parent's, whose are %s; "
		"the child's: core %lld, CPU %lld s, files %lld",
		above, LIMITED, same ? "what they were" : "changed", (long long)a.n[0],
		(long long)a.n[1], (long long)a.n[3]);
}

/* ---- user ---- */

struct outside {
	int64_t uid, gid;
	bool apart;
	char map[64];
};

static void look_at_ids(const struct sm_kid *kid, void *data)
{
	struct outside *o = data;
	char path[40];
	FILE *file;

	o->uid = sm_status_of(kid->child.pid, "Uid", 10);
	o->gid = sm_status_of(kid->child.pid, "Gid", 10);
	o->apart = sm_layer_apart(kid->child.pid, "user");
	snprintf(path, sizeof(path), "/proc/%d/uid_map", kid->child.pid);
	file = fopen(path, "re");
	if (file && fgets(o->map, sizeof(o->map), file))
		o->map[strcspn(o->map, "\n")] = '\0';
	if (file)
		fclose(file);
}

/* arg: a directory that everybody may write to */
static int child_is_inner_root(struct sm_cell *c)
{
	char path[200];
	struct stat st = { .st_uid = 77 };
	int fd, err;

	snprintf(path, sizeof(path), "%s/layer-%d", sm_box_tmp(), getpid());
	fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	err = fd < 0 ? errno : fstat(fd, &st);
	if (fd >= 0) {
		close(fd);
		unlink(path);
	}
	c->answer.n[0] = getuid();
	c->answer.n[1] = getgroups(0, NULL);
	c->answer.n[2] = err;
	c->answer.n[3] = st.st_uid;
	c->answer.n[4] = setgroups(0, NULL) < 0 ? errno : 0;
	return sm_layer_tell(c, "told");
}

static int is_mapped(struct sm_cell *c)
{
	struct outside o = { .uid = -1 };
	struct sm_answer a;

	if (sm_layer_watch(c, NULL, &a, look_at_ids, &o))
		return c->observed;
	return sm_judge(
		c,
		a.n[0] == 0 && a.n[1] == 0 && a.n[4] == EPERM && o.apart &&
			o.uid >= SM_LAYER_HOST_ID && o.gid >= SM_LAYER_HOST_ID,
		"inside it is user %lld with %lld groups more (setgroups: %s), outside user "
		"%lld, group %lld; map \"%s\"",
		(long long)a.n[0], (long long)a.n[1], strerror((int)a.n[4]), (long long)o.uid,
		(long long)o.gid, o.map);
}

static int makes_files(struct sm_cell *c)
{
	struct sm_answer a;

	if (sm_layer_watch(c, NULL, &a, NULL, NULL))
		return c->observed;
	return sm_judge(c, !a.n[2] && a.n[3] == 0,
			"a new file of the child: %s, owner %lld to its own eyes",
			strerror((int)a.n[2]), (long long)a.n[3]);
}

/* Its namespaces are its creator's: not even root inside has a say in them. */
static int child_has_no_power(struct sm_cell *c)
{
	struct ifreq lo = { .ifr_flags = IFF_UP };
	int sock, up, name, mnt;

	if (!sm_layer_left_both(c, "mnt", "uts"))
		return sm_fails(c, "it is in a namespace of its parent's");
	sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	memcpy(lo.ifr_name, "lo", 3);
	up = ioctl(sock, SIOCSIFFLAGS, &lo) < 0 ? errno : 0;
	close(sock);
	name = sethostname("x", 1) < 0 ? errno : 0;
	mnt = mount("x", sm_box_tmp(), "tmpfs", 0, NULL) < 0 ? errno : 0;
	return sm_judge(c, up == EPERM && name == EPERM && mnt == EPERM && getuid() == 0,
			"user %u inside; loopback up: %s; sethostname: %s; mount: %s", getuid(),
			strerror(up), strerror(name), strerror(mnt));
}

static int tells_own(struct sm_cell *c)
{
	struct sm_req req;
	char arg[48];

	sm_layer_tell_own(arg, sizeof(arg), "mnt", "uts");
	req = sm_cell_req(c, arg);
	return sm_kid_verdict(c, &req);
}

/* ---- ids, caps, nnp ---- */

static int child_is_nobody(struct sm_cell *c)
{
	const uid_t expected =
		(strstr(c->check->sandbox, "user") ? 0 : SM_LAYER_HOST_ID) + SM_LAYER_USER_ID;
	uid_t r, e, s;
	gid_t gr, ge, gs;
	int back, groups = getgroups(0, NULL);

	getresuid(&r, &e, &s);
	getresgid(&gr, &ge, &gs);
	back = syscall(SYS_setresuid, 0, 0, 0) < 0 ? errno : 0;
	return sm_judge(c,
			r == expected && e == r && s == r && gr == expected && ge == gr &&
				gs == gr && !groups && back == EPERM,
			"users %u %u %u, groups %u %u %u and %d more; back to 0: %s", r, e, s, gr,
			ge, gs, groups, strerror(back));
}

static int child_has_no_caps(struct sm_cell *c)
{
	static const char *const sets[] = { "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb" };
	int64_t any = 0;
	int root = chroot("/") < 0 ? errno : 0;

	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		any |= sm_layer_status(sets[i], 16);
	return sm_judge(c, any == 0 && root == EPERM && getuid() == 0,
			"user %u; all capability sets together: %llx; chroot: %s", getuid(),
			(unsigned long long)any, strerror(root));
}

static int child_gets_no_more(struct sm_cell *c)
{
	int set = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);

	return sm_judge(c, set == 1, "no_new_privs is %d", set);
}

/* ---- seccomp ---- */

static int try_trace(void *arg)
{
	(void)arg;
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 ? errno & 127 : 0;
}

static int child_is_filtered(struct sm_cell *c)
{
	char byte = 0, to = 0;
	struct iovec local = { &to, 1 }, remote = { &byte, 1 };
	int64_t mode = sm_layer_status("Seccomp", 10);
	int vm = syscall(SYS_process_vm_readv, getpid(), &local, 1, &remote, 1, 0) < 0 ? errno : 0;
	int ns = unshare(CLONE_NEWUTS) < 0 ? errno : 0;
	int keys = syscall(SYS_add_key, "user", "x", "x", 1, -1) < 0 ? errno : 0;
	int trace = sm_in_fork(try_trace, NULL, SM_STEP_MS);

	return sm_judge(
		c, mode == 2 && vm == EPERM && ns == EPERM && keys == EPERM && trace == EPERM,
		"mode %lld; process_vm_readv of itself: %s; unshare: %s; add_key: %s; ptrace "
		"in a child of its own: %s",
		(long long)mode, strerror(vm), strerror(ns), strerror(keys),
		strerror(trace < 0 ? -trace : trace));
}

#define ROOT SM_NEED(SM_F_ROOT)

static const struct sm_check checks[] = {
	{
		.id = "layer.limits.lower",
		.row = "N11",
		.claim =
			"a child in layer limits has hard limits that its parent has not, which keeps "
			"its own",
		.source = "getrlimit(2)",
		.level = SM_MUST,
		.only = SM_SANDBOXES,
		.sandbox = "limits",
		.in_parent = has_limits,
		.in_child = child_tells_limits,
	},
	{
		.id = "layer.user.mapped",
		.row = "N12",
		.claim = "a child in layer user is root inside and an unprivileged user outside, "
			 "without groups",
		.source = "user_namespaces(7)",
		.level = SM_MUST,
		.needs = ROOT | SM_NEED(SM_F_USER_NS),
		.only = SM_SANDBOXES,
		.sandbox = "user",
		.in_parent = is_mapped,
		.in_child = child_is_inner_root,
	},
	{
		.id = "layer.user.files",
		.row = "N13",
		.claim = "a child in layer user is somebody there before any code of it runs: it "
			 "can make files",
		.source = "user_namespaces(7); linux:fs/namei.c:may_create, EOVERFLOW",
		.level = SM_MUST,
		.needs = ROOT | SM_NEED(SM_F_USER_NS),
		.only = SM_SANDBOXES,
		.sandbox = "user",
		.in_parent = makes_files,
		.in_child = child_is_inner_root,
	},
	{
		.id = "layer.user.last",
		.row = "N14",
		.claim = "root of a child's user namespace has no power over its other namespaces: "
			 "they are older",
		.source = "user_namespaces(7), interaction with other namespaces",
		.level = SM_MUST,
		.needs = ROOT | SM_NEED(SM_F_USER_NS) | SM_NEED(SM_F_NET_NS) |
			 SM_NEED(SM_F_UTS_NS) | SM_NEED(SM_F_MOUNT_NS),
		.only = SM_SANDBOXES,
		.sandbox = "user+net+uts+mount",
		.in_parent = tells_own,
		.in_child = child_has_no_power,
	},
	{
		.id = "layer.ids.nobody",
		.row = "N15",
		.claim = "a child in layer ids is an unprivileged user without groups, for good",
		.source = "setresuid(2), setgroups(2)",
		.level = SM_MUST,
		.needs = ROOT,
		.only = SM_SANDBOXES,
		.sandbox = "ids",
		.in_child = child_is_nobody,
	},
	{
		.id = "layer.ids.inside",
		.row = "N16",
		.claim = "with layer user its unprivileged ids are those of its namespace",
		.source = "setresuid(2); user_namespaces(7)",
		.level = SM_MUST,
		.needs = ROOT | SM_NEED(SM_F_USER_NS),
		.only = SM_SANDBOXES,
		.sandbox = "user+ids",
		.in_child = child_is_nobody,
	},
	{
		.id = "layer.caps.empty",
		.row = "N17",
		.claim = "a child in layer caps has no capability in any set, though it is root",
		.source = "capabilities(7)",
		.level = SM_MUST,
		.needs = ROOT,
		.only = SM_SANDBOXES,
		.sandbox = "caps",
		.in_child = child_has_no_caps,
	},
	{
		.id = "layer.nnp.set",
		.row = "N18",
		.claim = "a child in layer nnp gains no privileges by exec",
		.source = "PR_SET_NO_NEW_PRIVS(2const)",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_NO_NEW_PRIVS),
		.only = SM_SANDBOXES,
		.sandbox = "nnp",
		.in_child = child_gets_no_more,
	},
	{
		.id = "layer.seccomp.refuses",
		.row = "N19",
		.claim = "a child in layer seccomp can neither trace nor read processes, nor make "
			 "namespaces or keys",
		.source = "seccomp(2)",
		.level = SM_MUST,
		.needs = ROOT | SM_NEED(SM_F_SECCOMP_FILTER),
		.only = SM_SANDBOXES,
		.sandbox = "seccomp",
		.in_child = child_is_filtered,
	},
};

SM_GROUP_AS(layer_rights, "layer", "Layers of a sandbox", checks);
