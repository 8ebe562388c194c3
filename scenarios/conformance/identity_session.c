/* SPDX-License-Identifier: MIT */
/*
 * identity_session.c - process groups and sessions: the creator's, or those asked for.
 */
#include "group.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

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

/* A05, A06: the creator leaves its parent's group, and its session with it. */
static int lead_group(struct sm_cell *c)
{
	return setpgid(0, 0) < 0 ? sm_broken(c, "setpgid: %s", strerror(errno))
				 : sm_holds(c, "group %d", getpgrp());
}

static int lead_session(struct sm_cell *c)
{
	return setsid() < 0 ? sm_broken(c, "setsid: %s", strerror(errno))
			    : sm_holds(c, "session %d", getsid(0));
}

static int group_is_servers(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_answer a;
	struct sm_kid kid;
	int err = sm_kid_up(c, &kid, &req, &a);

	if (err)
		return sm_trouble(c, err, "a child");
	sm_kid_kill(c, &kid);
	return sm_judge(c, a.n[1] == c->server && a.n[1] != getpgrp(),
			"the child's group is %lld, the server's %d, the parent's %d",
			(long long)a.n[1], getpgid(c->server), getpgrp());
}

static int session_is_servers(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_answer a;
	struct sm_kid kid;
	int err = sm_kid_up(c, &kid, &req, &a);

	if (err)
		return sm_trouble(c, err, "a child");
	sm_kid_kill(c, &kid);
	return sm_judge(c, a.n[2] == c->server && a.n[2] != getsid(0),
			"the child's session is %lld, the server's %d, the parent's %d",
			(long long)a.n[2], getsid(c->server), getsid(0));
}

/* A07 */
static int session_of_its_own(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_answer a;
	struct sm_kid kid;
	int err;

	req.fields = SM_REQ_SETSID;
	err = sm_kid_up(c, &kid, &req, &a);
	if (err)
		return sm_trouble(c, err, "a child with a session of its own");
	sm_kid_kill(c, &kid);
	return sm_judge(c, a.n[2] == a.n[0] && a.n[1] == a.n[0],
			"the child's pid is %lld, its session %lld, its group %lld",
			(long long)a.n[0], (long long)a.n[2], (long long)a.n[1]);
}

static int group_of_its_own(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_kid first, second;
	struct sm_answer a, b;
	int err;

	req.fields = SM_REQ_PGID;
	req.pgid = 0;
	err = sm_kid_up(c, &first, &req, &a);
	if (err)
		return sm_trouble(c, err, "a child with a group of its own");
	req.pgid = first.child.pid;
	err = sm_kid_up(c, &second, &req, &b);
	sm_kid_kill(c, &first);
	if (err)
		return sm_trouble(c, err, "a child for the group of another");
	sm_kid_kill(c, &second);
	return sm_judge(c, a.n[1] == a.n[0] && b.n[1] == a.n[0],
			"the first child's pid is %lld and its group %lld; the second's, which "
			"was to join it, %lld",
			(long long)a.n[0], (long long)a.n[1], (long long)b.n[1]);
}

static const struct sm_check checks[] = {
	{
		.id = "identity.group.creator",
		.row = "A05",
		.claim = "the child's process group is its server's, not its parent's",
		.source = "linux:kernel/fork.c:copy_process; setpgid(2)",
		.level = SM_MUST,
		.only = SM_OWN_SERVER,
		.in_parent = group_is_servers,
		.in_creator = lead_group,
		.in_child = child_waits,
	},
	{
		.id = "identity.session.creator",
		.row = "A06",
		.claim = "the child's session is its server's, not its parent's",
		.source = "linux:kernel/fork.c:copy_process; setsid(2)",
		.level = SM_MUST,
		.only = SM_OWN_SERVER,
		.in_parent = session_is_servers,
		.in_creator = lead_session,
		.in_child = child_waits,
	},
	{
		.id = "identity.session.requested",
		.row = "A07",
		.claim = "a child that was asked for a session of its own leads one",
		.source = "setsid(2); CPython test_subprocess test_start_new_session; "
			  "glibc tst-posix_spawn-setsid",
		.level = SM_MUST,
		.in_parent = session_of_its_own,
		.in_child = child_waits,
	},
	{
		.id = "identity.group.requested",
		.row = "A07",
		.claim = "a child leads the process group, or joins it, that its request names",
		.source = "setpgid(2); CPython test_subprocess test_process_group_0",
		.level = SM_MUST,
		.in_parent = group_of_its_own,
		.in_child = child_waits,
	},
};

SM_GROUP_AS(identity_session, "identity", "Identity and parentage", checks);
