/* SPDX-License-Identifier: MIT */
/*
 * env_request.c - what a request asks of the child beyond arguments and directory.
 */
#include "group.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "env_util.h"

#define USER  54321
#define GROUP 54322

/* F07, F08 */
static int attr_child(struct sm_cell *c)
{
	struct rlimit core = { 0, 0 }, files = { 0, 0 };

	getrlimit(RLIMIT_CORE, &core);
	getrlimit(RLIMIT_NOFILE, &files);
	c->answer.n[0] = (int64_t)sm_umask();
	c->answer.n[1] = (int64_t)core.rlim_cur;
	c->answer.n[2] = (int64_t)core.rlim_max;
	c->answer.n[3] = (int64_t)files.rlim_cur;
	c->answer.n[4] = (int64_t)files.rlim_max;
	return sm_holds(c, "umask %03o, core %lld %lld, nofile %lld %lld",
			(unsigned int)c->answer.n[0], (long long)c->answer.n[1],
			(long long)c->answer.n[2], (long long)c->answer.n[3],
			(long long)c->answer.n[4]);
}

static int umask_request(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, "ask");
	struct sm_answer a[2];
	mode_t own = sm_umask();
	int err;

	req.fields = SM_REQ_UMASK;
	req.umask = 0134;
	err = sm_ask_two(c, &req, a);
	if (err)
		return sm_trouble(c, err, "a child with a umask of its own");
	return sm_judge(
		c, a[0].n[0] == 0134 && a[1].n[0] != 0134 && sm_umask() == own,
		"asked for 134, is %03llo; the next child, which asks for none: %03llo; the "
		"parent before and after: %03o, %03o",
		(unsigned long long)a[0].n[0], (unsigned long long)a[1].n[0], own, sm_umask());
}

static const struct sm_req_limit some_limits[] = {
	{ .resource = RLIMIT_CORE, .soft = 1000, .hard = 3000 },
	{ .resource = RLIMIT_NOFILE, .soft = 77, .hard = 99 },
};

/* So that what is asked for is below what is there, and needs no privilege. */
static int limit_creator(struct sm_cell *c)
{
	struct rlimit core;

	if (getrlimit(RLIMIT_CORE, &core) || core.rlim_max < 3000)
		return sm_skips(c, SM_F_CORE_DUMP, "RLIMIT_CORE is below 3000 for good");
	return sm_holds(c, "limits are above");
}

static int limit_request(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, "ask");
	struct sm_answer a[2];
	int err;

	req.fields = SM_REQ_LIMITS;
	req.limits = some_limits;
	req.nlimits = 2;
	err = sm_ask_two(c, &req, a);
	if (err)
		return sm_trouble(c, err, "a child with limits of its own");
	if (a[1].n[1] == 1000 || a[1].n[3] == 77)
		return sm_fails(c, "the next child, which asks for none, has them too: %s",
				a[1].text);
	return sm_judge(
		c, a[0].n[1] == 1000 && a[0].n[2] == 3000 && a[0].n[3] == 77 && a[0].n[4] == 99,
		"asked for core 1000 3000, nofile 77 99: %s", a[0].text);
}

static int judge_refused(struct sm_cell *c, const struct sm_req *req, int expected,
			 const char *what)
{
	struct sm_req good = sm_cell_req(c, NULL);
	struct sm_fault fault;
	struct sm_answer a;
	int err = sm_ask_refused(c, req, &fault);

	if (err)
		return sm_trouble(c, err, what);
	if (fault.stage != SM_STAGE_ATTR || fault.err != expected)
		return sm_fails(c, "%s: told were stage %d and %s", what, fault.stage,
				strerror(fault.err));
	err = sm_ask_one(c, &good, &a);
	if (err)
		return sm_trouble(c, err, "the request after it");
	return sm_holds(c, "%s: stage attr, %s; the next request is served", what,
			strerror(fault.err));
}

static int limit_refused(struct sm_cell *c)
{
	static const struct sm_req_limit upside_down = { .resource = RLIMIT_CORE,
							 .soft = 2,
							 .hard = 1 };
	struct sm_req req = sm_cell_req(c, NULL);

	req.fields = SM_REQ_LIMITS;
	req.limits = &upside_down;
	req.nlimits = 1;
	return judge_refused(c, &req, EINVAL, "a soft limit above the hard one");
}

/* F11 */
static int user_child(struct sm_cell *c)
{
	gid_t groups[32];
	uid_t r, e, s;
	gid_t rg, eg, sg;
	int n = getgroups(32, groups);

	if (getresuid(&r, &e, &s) || getresgid(&rg, &eg, &sg) || n < 0)
		return sm_broken(c, "getresuid: %s", strerror(errno));
	c->answer.n[0] = r == e && e == s ? (int64_t)r : -1;
	c->answer.n[1] = rg == eg && eg == sg ? (int64_t)rg : -1;
	c->answer.n[2] = n;
	for (int i = 0; i < n && i < 8; i++)
		c->answer.n[3 + i] = (int64_t)groups[i];
	c->answer.n[16] = sm_status_of(getpid(), "CapEff", 16);
	c->answer.n[17] = sm_status_of(getpid(), "CapPrm", 16);
	return sm_holds(c, "uid %d %d %d, gid %d %d %d, %d groups, effective capabilities %#llx", r,
			e, s, rg, eg, sg, n, (long long)c->answer.n[16]);
}

static int user_request(struct sm_cell *c)
{
	static const uint32_t groups[] = { 7, 70000 };
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_answer a;
	int err;

	req.fields = SM_REQ_UID | SM_REQ_GID | SM_REQ_GROUPS;
	req.uid = USER;
	req.gid = GROUP;
	req.groups = groups;
	req.ngroups = 2;
	err = sm_ask_one(c, &req, &a);
	if (err)
		return sm_trouble(c, err, "a child of another user");
	return sm_judge(c,
			a.n[0] == USER && a.n[1] == GROUP && a.n[2] == 2 && a.n[3] == 7 &&
				a.n[4] == 70000,
			"asked for uid 54321, gid 54322, groups 7 70000: %s", a.text);
}

static int groups_creator(struct sm_cell *c)
{
	static const gid_t groups[] = { 11, 12, 13 };

	return setgroups(3, groups) ? sm_broken(c, "setgroups: %s", strerror(errno))
				    : sm_holds(c, "groups 11 12 13");
}

static int groups_none(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_answer a;
	int err;

	req.fields = SM_REQ_GROUPS;
	err = sm_ask_one(c, &req, &a);
	if (err)
		return sm_trouble(c, err, "a child without groups");
	return sm_judge(c, a.n[2] == 0, "the creator has groups 11 12 13, none were asked for: %s",
			a.text);
}

static int groups_inherited(struct sm_cell *c)
{
	struct sm_answer a;
	int err = sm_kid_ask(c, NULL, &a, NULL);

	if (err)
		return sm_trouble(c, err, "a child");
	return sm_judge(c, a.n[2] == 3 && a.n[3] == 11 && a.n[4] == 12 && a.n[5] == 13,
			"the creator has groups 11 12 13, nothing was asked for: %s", a.text);
}

/* F12 */
static int user_capabilities(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_answer a;
	int err;

	req.fields = SM_REQ_UID;
	req.uid = USER;
	err = sm_ask_one(c, &req, &a);
	if (err)
		return sm_trouble(c, err, "a child of another user");
	return sm_judge(c, a.n[0] == USER && !a.n[16] && !a.n[17], "asked for uid 54321: %s",
			a.text);
}

/* F11: the creator may not, and everybody else is left as he was. */
static int powerless_creator(struct sm_cell *c)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const uint32_t change = 1u << CAP_SETUID | 1u << CAP_SETGID;
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data))
		return sm_broken(c, "capget: %s", strerror(errno));
	data[0].effective &= ~change;
	data[0].permitted &= ~change;
	data[0].inheritable &= ~change;
	if (syscall(SYS_capset, &head, data))
		return sm_broken(c, "capset: %s", strerror(errno));
	return sm_holds(c, "without CAP_SETUID and CAP_SETGID");
}

static int uid_refused(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);

	req.fields = SM_REQ_UID;
	req.uid = USER;
	return judge_refused(c, &req, EPERM, "a user that the creator may not become");
}

static int gid_refused(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);

	req.fields = SM_REQ_GID;
	req.gid = GROUP;
	return judge_refused(c, &req, EPERM, "a group that the creator may not become");
}

static int groups_refused(struct sm_cell *c)
{
	static const uint32_t groups[] = { 7 };
	struct sm_req req = sm_cell_req(c, NULL);

	req.fields = SM_REQ_GROUPS;
	req.groups = groups;
	req.ngroups = 1;
	return judge_refused(c, &req, EPERM, "supplementary groups that the creator may not have");
}

#define REFUSED(field_, half)                                                                     \
	.id = "env." field_ ".refused", .row = "F11",                                             \
	.claim = "a " field_ " that may not be had: stage attr and EPERM are told",               \
	.source = "CPython test_user; libuv spawn_setuid_fails; CVE-2023-6507", .level = SM_MUST, \
	.needs = SM_NEED(SM_F_ROOT), .in_parent = (half), .in_creator = powerless_creator

static const struct sm_check checks[] = {
	{
		.id = "env.umask.request",
		.row = "F07",
		.claim = "the child has the umask of its request, nobody else has",
		.source = "CPython test_umask; umask(2)",
		.level = SM_MUST,
		.in_parent = umask_request,
		.in_child = attr_child,
	},
	{
		.id = "env.limit.request",
		.row = "F08",
		.claim = "the child has the resource limits of its request, the next child has not",
		.source = "setrlimit(2); spawnmark.h: SM_REQ_LIMITS",
		.level = SM_MUST,
		.in_parent = limit_request,
		.in_creator = limit_creator,
		.in_child = attr_child,
	},
	{
		.id = "env.limit.refused",
		.row = "F08",
		.claim = "a resource limit that cannot be: stage attr and EINVAL are told",
		.source = "setrlimit(2): soft above hard",
		.level = SM_MUST,
		.in_parent = limit_refused,
	},
	{
		.id = "env.user.request",
		.row = "F11",
		.claim = "the child has the user, group and supplementary groups of its request",
		.source = "CPython test_user, test_group, test_extra_groups",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_ROOT),
		.in_parent = user_request,
		.in_child = user_child,
	},
	{
		.id = "env.groups.none",
		.row = "F11",
		.claim = "no supplementary groups can be asked for",
		.source = "CVE-2023-6507: extra_groups=[] left the parent's",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_ROOT),
		.in_parent = groups_none,
		.in_creator = groups_creator,
		.in_child = user_child,
	},
	{
		.id = "env.groups.inherited",
		.row = "F11",
		.claim = "without a word, the child has its creator's supplementary groups",
		.source = "setgroups(2), credentials(7)",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_ROOT),
		.in_parent = groups_inherited,
		.in_creator = groups_creator,
		.in_child = user_child,
	},
	{
		.id = "env.caps.user",
		.row = "F12",
		.claim = "a child of another user than root has no capabilities left",
		.source = "capabilities(7): effect of user ID changes on capabilities",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_ROOT),
		.in_parent = user_capabilities,
		.in_child = user_child,
	},
	{ REFUSED("uid", uid_refused) },
	{ REFUSED("gid", gid_refused) },
	{ REFUSED("groups", groups_refused) },
};

SM_GROUP_AS(env_request, "env", "Arguments, environment, limits, credentials", checks);
