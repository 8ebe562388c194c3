/* SPDX-License-Identifier: MIT */
/*
 * sandbox_inherit.c - what the creator has taken from itself its children have not either; and a
 * child that cannot be confined as its request says does not run.
 */
#include "group.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox_util.h"
#include "sys/sys.h"

/* ---- J09, J10 ---- */

static int creator_filters(struct sm_cell *c)
{
	int err = sm_box_filter();

	return err ? sm_broken(c, "the filter: %s", strerror(-err)) : sm_holds(c, "filtered");
}

static int child_is_filtered(struct sm_cell *c)
{
	return sm_judge(
		c, sm_box_filtered() == -SM_BOX_ERR && sm_status_of(getpid(), "Seccomp", 10) == 2,
		"the call that the creator's filter answers: %s, mode %lld",
		strerror(-sm_box_filtered()), (long long)sm_status_of(getpid(), "Seccomp", 10));
}

static int server_is_filtered(struct sm_cell *c)
{
	int err = sm_cell_start(c);

	if (err)
		return sm_trouble(c, err, "start");
	return sm_judge(c, sm_status_of(c->server, "Seccomp", 10) == 2,
			"before the first request the server's mode is %lld",
			(long long)sm_status_of(c->server, "Seccomp", 10));
}

/* ---- J11 ---- */

static int creator_gives_up(struct sm_cell *c)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return sm_broken(c, "PR_SET_NO_NEW_PRIVS: %s", strerror(errno));
	return sm_holds(c, "given up");
}

static int child_has_given_up(struct sm_cell *c)
{
	return sm_judge(c, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1, "no_new_privs is %d",
			prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
}

/* ---- J12 ---- */

static int creator_drops(struct sm_cell *c)
{
	if (prctl(PR_CAPBSET_DROP, CAP_SYS_BOOT, 0, 0, 0) < 0)
		return sm_broken(c, "PR_CAPBSET_DROP: %s", strerror(errno));
	return sm_holds(c, "dropped");
}

static int child_has_dropped(struct sm_cell *c)
{
	int boot = prctl(PR_CAPBSET_READ, CAP_SYS_BOOT, 0, 0, 0);
	int other = prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0);

	return sm_judge(c, boot == 0 && other == 1,
			"in the bounding set: CAP_SYS_BOOT, which the creator dropped, %d; "
			"CAP_SYS_ADMIN %d",
			boot, other);
}

/* ---- J16 ---- */

static int creator_locks(struct sm_cell *c)
{
	int err = sm_box_landlock();

	return err ? sm_broken(c, "the domain: %s", strerror(-err)) : sm_holds(c, "locked");
}

static int child_is_locked(struct sm_cell *c)
{
	int err = sm_box_symlink();

	return sm_judge(c, err == -EACCES, "symlink(), which the creator's domain forbids: %s",
			strerror(-err));
}

/* ---- J07, J06: namespaces of the creator ---- */

static const char *const kinds[] = { "uts", "ipc", "net", "cgroup" };
#define KINDS 4

static int creator_moves(struct sm_cell *c)
{
	for (int i = 0; i < KINDS; i++)
		c->board->n[KINDS + i] = sm_box_ns(getpid(), kinds[i]);
	if (unshare(CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP) < 0)
		return sm_broken(c, "unshare: %s", strerror(errno));
	for (int i = 0; i < KINDS; i++)
		c->board->n[i] = sm_box_ns(getpid(), kinds[i]);
	return sm_holds(c, "moved");
}

static int child_has_moved(struct sm_cell *c)
{
	const struct sm_board *board = sm_board(c);
	int same = 0, left = 0;

	if (!board)
		return sm_broken(c, "no board");
	for (int i = 0; i < KINDS; i++) {
		int64_t own = sm_box_ns(getpid(), kinds[i]);

		same += own == board->n[i];
		left += own != board->n[KINDS + i];
	}
	return sm_judge(c, same == KINDS && left == KINDS,
			"of uts, ipc, net and cgroup namespace %d are those that the creator "
			"unshared, %d are not its old ones",
			same, left);
}

/* ---- J20 ---- */

/* Leaves a trace: the file of its argument. */
static int child_leaves_trace(struct sm_cell *c)
{
	int fd = open(c->arg, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
	return sm_holds(c, "ran");
}

struct confine {
	const char *what;
	uint32_t fields;
	const char *cwd;
	int stage;
};

static const struct confine confines[] = {
	{ "a control group that is none", SM_REQ_CGROUP, NULL, SM_STAGE_ATTR },
	{ "a limit beyond the kernel's", SM_REQ_LIMITS, NULL, SM_STAGE_ATTR },
	{ "a limit that is none", SM_REQ_LIMITS | SM_REQ_UMASK, NULL, SM_STAGE_ATTR },
	{ "a directory that is not there", SM_REQ_UMASK, "/nowhere/at/all", SM_STAGE_CHDIR },
	{ "groups beyond the kernel's", SM_REQ_GROUPS, NULL, SM_STAGE_ATTR },
};

/* How the spawn or its child fails; -errno. 0: it ran. */
static int try_confine(struct sm_cell *c, const struct confine *how, int dir, const char *trace)
{
	const struct sm_req_limit beyond = { RLIMIT_NOFILE, 0, 1024, UINT64_MAX };
	const struct sm_req_limit none = { 9999, 0, 1, 1 };
	struct sm_req req = sm_cell_req(c, trace);
	struct sm_answer a;
	struct sm_kid kid;
	int err;

	req.fields = how->fields;
	req.umask = 077;
	req.cgroup_fd = dir;
	req.limits = how->fields & SM_REQ_UMASK ? &none : &beyond;
	req.nlimits = 1;
	req.cwd = how->cwd;
	if (how->fields & SM_REQ_GROUPS) {
		static const uint32_t groups[1] = { UINT32_MAX };

		req.groups = groups;
		req.ngroups = 1;
	}
	err = sm_kid_spawn(c, &kid, &req);
	if (!err) {
		err = sm_kid_answer(c, &kid, &a);
		sm_kid_wait(c, &kid);
	}
	sm_kid_kill(c, &kid);
	return err;
}

static int unconfined_never_runs(struct sm_cell *c)
{
	int dir = open(sm_box_tmp(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), n = 0;
	char trace[256];
	struct stat st;

	if (dir < 0)
		return sm_broken(c, "%s: %s", sm_box_tmp(), strerror(errno));
	snprintf(trace, sizeof(trace), "%s/sandbox-trace-%d", sm_box_tmp(), getpid());
	for (size_t i = 0; i < sizeof(confines) / sizeof(confines[0]); i++) {
		const struct confine *how = &confines[i];
		int err = try_confine(c, how, dir, trace);
		bool ran = stat(trace, &st) == 0;

		unlink(trace);
		if (err == -EOPNOTSUPP) {
			close(dir);
			return sm_trouble(c, err, how->what);
		}
		if (ran || !err || c->fault.stage != how->stage) {
			close(dir);
			return sm_fails(c, "%s: %s, stage %s; the payload %s", how->what,
					err ? strerror(-err) : "spawned",
					sm_stage_name(c->fault.stage), ran ? "ran" : "did not run");
		}
		n++;
	}
	close(dir);
	return sm_holds(c, "%d requests whose confinement fails: told with its stage, none ran", n);
}

static const struct sm_check checks[] = {
	{
		.id = "sandbox.seccomp.inherited",
		.row = "J09",
		.claim = "a filter of the creator binds its children",
		.source = "seccomp(2); linux:kernel/fork.c:copy_seccomp",
		.level = SM_SHOULD,
		.needs = SM_NEED(SM_F_SECCOMP_FILTER),
		.in_creator = creator_filters,
		.in_child = child_is_filtered,
	},
	{
		.id = "sandbox.seccomp.server",
		.row = "J10",
		.claim = "a filter of the server is there before it reads the first request",
		.source = "seccomp(2); a server parses what others have written",
		.level = SM_SHOULD,
		.needs = SM_NEED(SM_F_SECCOMP_FILTER),
		.only = SM_OWN_SERVER,
		.in_parent = server_is_filtered,
		.in_creator = creator_filters,
	},
	{
		.id = "sandbox.no-new-privs.inherited",
		.row = "J11",
		.claim = "no_new_privs of the creator is its children's",
		.source = "prctl(2) PR_SET_NO_NEW_PRIVS",
		.level = SM_SHOULD,
		.needs = SM_NEED(SM_F_NO_NEW_PRIVS),
		.in_creator = creator_gives_up,
		.in_child = child_has_given_up,
	},
	{
		.id = "sandbox.caps.inherited",
		.row = "J12",
		.claim =
			"a capability that the creator dropped from its bounding set is not in its "
			"children's",
		.source = "capabilities(7)",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_ROOT),
		.in_creator = creator_drops,
		.in_child = child_has_dropped,
	},
	{
		.id = "sandbox.landlock.inherited",
		.row = "J16",
		.claim = "a Landlock domain of the creator binds its children",
		.source = "landlock(7)",
		.level = SM_SHOULD,
		.needs = SM_NEED(SM_F_LANDLOCK),
		.in_creator = creator_locks,
		.in_child = child_is_locked,
	},
	{
		.id = "sandbox.namespaces.inherited",
		.row = "J07",
		.claim = "children are in the uts, ipc, net and cgroup namespaces of their creator",
		.source = "namespaces(7); linux:kernel/nsproxy.c:copy_namespaces",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_ROOT) | SM_NEED(SM_F_UTS_NS) | SM_NEED(SM_F_IPC_NS) |
			 SM_NEED(SM_F_NET_NS) | SM_NEED(SM_F_CGROUP_NS),
		.in_creator = creator_moves,
		.in_child = child_has_moved,
	},
	{
		.id = "sandbox.order.failure",
		.row = "J20",
		.claim = "a child that cannot be confined as its request says does not run",
		.source =
			"libuv setuid_fails; bubblewrap die_with_error; spawnmark.h: struct sm_req",
		.level = SM_MUST,
		.in_parent = unconfined_never_runs,
		.in_child = child_leaves_trace,
	},
};

SM_GROUP_AS(sandbox_inherit, "sandbox", "Namespaces and sandbox", checks);
