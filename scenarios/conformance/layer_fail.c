/* SPDX-License-Identifier: MIT */
/*
 * layer_fail.c - layers of a sandbox that fail: the child is told to become somebody who may not
 * take them. Then none of its code runs, and its parent hears which layer it was, and why. One that
 * is made ahead takes them before it is told anything: there the server has no rights to give.
 */
#include "group.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>

#include "layer_util.h"
#include "sandbox/sandbox.h"

#define NOBODY 65534u

/* Born in its group by CLONE_INTO_CGROUP it never had to go there. */
static int ran_all_the_same(struct sm_cell *c, struct sm_kid *kid)
{
	bool born =
		!strcmp(c->check->sandbox, "cgroup") && sm_layer_groups_below(kid->child.pid) > 0;

	sm_kid_kill(c, kid);
	return born ? sm_holds(c, "the child was born in its group: there was no step to fail")
		    : sm_fails(c, "the payload runs without the layer");
}

/* Root by name alone is who is exec'd from here on. This process keeps what it has. */
static void leave_no_rights(void)
{
	for (unsigned long cap = 0; prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0; cap++)
		;
}

/* A child that may not take its layers. */
static int try_child(struct sm_cell *c, struct sm_kid *kid)
{
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_answer a;

	if (c->ops->traits & SM_AHEAD) {
		leave_no_rights();
	} else {
		req.fields = SM_REQ_UID;
		req.uid = NOBODY;
	}
	return sm_kid_up(c, kid, &req, &a);
}

static int tells_layer(struct sm_cell *c)
{
	const char *name = "none";
	struct sm_kid kid;
	int err;

	if (!strcmp(c->check->sandbox, "seccomp") && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		return sm_skips(c, SM_F_NONE, "has no_new_privs, with which anybody may filter");
	err = try_child(c, &kid);
	if (!err)
		return ran_all_the_same(c, &kid);
	if (err == -EOPNOTSUPP && c->fault.stage == SM_STAGE_ATTR)
		return sm_trouble(c, err, "a child with a user of its own");
	if (c->fault.stage == SM_STAGE_SANDBOX && c->fault.detail >= 0 &&
	    c->fault.detail < SM_LAYER_COUNT)
		name = sm_layers[c->fault.detail].name;
	return sm_judge(c,
			!strcmp(name, c->check->sandbox) &&
				(c->fault.err == EPERM || c->fault.err == EACCES),
			"stage %d, layer %s: %s", c->fault.stage, name, strerror(c->fault.err));
}

static int child_ran(struct sm_cell *c)
{
	return sm_layer_tell(c, "the child ran");
}

/* clang-format off */
#define FAILS(layer, row_, need)                                                                 \
	{                                                                                        \
		.id = "layer.fail." layer,                                                       \
		.row = (row_),                                                                   \
		.claim = "where layer " layer " fails no payload runs, and the parent is told "  \
			 "layer and errno",                                                      \
		.source = "harness/spawnmark.h SM_STAGE_SANDBOX",                                \
		.level = SM_MUST,                                                                \
		.needs = SM_NEED(SM_F_ROOT) | (need),                                            \
		.only = SM_SANDBOXES,                                                            \
		.sandbox = (layer),                                                              \
		.in_parent = tells_layer,                                                        \
		.in_child = child_ran,                                                           \
	}

/* Not pid, which is the clone's; limits can only be lowered, and anybody may want nnp. */
static const struct sm_check checks[] = {
	FAILS("cgroup", "N20", SM_NEED(SM_F_CGROUP)),
	FAILS("ipc", "N21", SM_NEED(SM_F_IPC_NS)),
	FAILS("uts", "N22", SM_NEED(SM_F_UTS_NS)),
	FAILS("net", "N23", SM_NEED(SM_F_NET_NS)),
	FAILS("cgroupns", "N24", SM_NEED(SM_F_CGROUP_NS)),
	FAILS("mount", "N25", SM_NEED(SM_F_MOUNT_NS)),
	FAILS("root", "N26", SM_NEED(SM_F_MOUNT_NS)),
	FAILS("user", "N27", SM_NEED(SM_F_USER_NS)),
	FAILS("ids", "N28", 0),
	FAILS("caps", "N29", 0),
	FAILS("seccomp", "N30", SM_NEED(SM_F_SECCOMP_FILTER)),
};
/* clang-format on */

SM_GROUP_AS(layer_fail, "layer", "Layers of a sandbox", checks);
