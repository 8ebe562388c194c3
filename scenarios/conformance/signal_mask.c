/* SPDX-License-Identifier: MIT */
/*
 * signal_mask.c - which signals a child blocks.
 */
#include "group.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "env_util.h"
#include "signal_util.h"

/* C03 */
static void block_some(sigset_t *old)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGRTMIN + 3);
	sigprocmask(SIG_BLOCK, &set, old);
}

/* The child's mask, of a parent that blocks some. */
static int mask_of_child(struct sm_cell *c, struct sm_req *req, uint64_t *mask)
{
	struct sm_answer a = { .n = { -1 } };
	sigset_t old;
	int err;

	block_some(&old);
	err = sm_ask_one(c, req, &a);
	sigprocmask(SIG_SETMASK, &old, NULL);
	*mask = (uint64_t)a.n[0];
	return err;
}

static int judge_mask(struct sm_cell *c, struct sm_req *req, uint64_t expected, const char *whose)
{
	uint64_t mask;
	int err = mask_of_child(c, req, &mask);

	if (err)
		return sm_trouble(c, err, "a child");
	return sm_judge(c, mask == expected,
			"the parent blocks signals 10, 15 and 37; the child %#llx; %s is %#llx",
			(unsigned long long)mask, whose, (unsigned long long)expected);
}

static int mask_parent(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);
	uint64_t own = sm_signals_of(getpid(), "SigBlk") & ~SM_LIBC_OWN;

	return judge_mask(c, &req, own | SM_BIT(SIGUSR1) | SM_BIT(SIGTERM) | SM_BIT(SIGRTMIN + 3),
			  "the parent's");
}

static int mask_server(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);

	return judge_mask(c, &req, 0, "the server's");
}

static int mask_requested(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);

	req.fields = SM_REQ_SIGMASK;
	req.sigmask = SM_BIT(SIGINT) | SM_BIT(SIGRTMIN + 1);
	return judge_mask(c, &req, req.sigmask, "requested");
}

static int mask_requested_empty(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);

	req.fields = SM_REQ_SIGMASK;
	return judge_mask(c, &req, 0, "requested");
}

static int mask_creator(struct sm_cell *c)
{
	uint64_t before[2], after[2];
	pid_t server;
	int err = sm_cell_start(c);

	if (err)
		return sm_trouble(c, err, "start");
	server = c->server > 0 ? c->server : getpid();
	before[0] = sm_signals_of(getpid(), "SigBlk");
	before[1] = sm_signals_of(server, "SigBlk");
	err = sm_kid_ask(c, NULL, &(struct sm_answer){ 0 }, NULL);
	if (err)
		return sm_trouble(c, err, "a child");
	after[0] = sm_signals_of(getpid(), "SigBlk");
	after[1] = sm_signals_of(server, "SigBlk");
	return sm_judge(c, !memcmp(before, after, sizeof(before)),
			"blocked before and after: parent %#llx, %#llx; creator %#llx, %#llx",
			(unsigned long long)before[0], (unsigned long long)after[0],
			(unsigned long long)before[1], (unsigned long long)after[1]);
}

static const struct sm_check checks[] = {
	{
		.id = "signal.mask.parent",
		.row = "C03",
		.claim = "without a requested mask the child has its parent's",
		.source = "execve(2), fork(2): the signal mask is kept; glibc tst-spawn",
		.level = SM_MUST,
		.without = SM_OWN_SERVER,
		.in_parent = mask_parent,
		.in_child = sm_signal_child,
	},
	{
		.id = "signal.mask.server",
		.row = "C03",
		.claim =
			"without a requested mask a server's child blocks nothing, whatever the parent "
			"blocked when it started the server",
		.source = "fork(2); CPython issue 25027: inherited masks",
		.level = SM_MUST,
		.only = SM_OWN_SERVER,
		.in_parent = mask_server,
		.in_child = sm_signal_child,
	},
	{
		.id = "signal.mask.requested",
		.row = "C03",
		.claim = "the child enters with the signal mask of its request",
		.source = "posix_spawnattr_setsigmask(3); glibc tst-spawn",
		.level = SM_MUST,
		.in_parent = mask_requested,
		.in_child = sm_signal_child,
	},
	{
		.id = "signal.mask.requested.empty",
		.row = "C03",
		.claim = "a requested mask may be empty: the child blocks nothing",
		.source = "posix_spawnattr_setsigmask(3); glibc tst-spawn",
		.level = SM_MUST,
		.in_parent = mask_requested_empty,
		.in_child = sm_signal_child,
	},
	{
		.id = "signal.mask.creator",
		.row = "C03",
		.claim = "a spawn leaves the signal masks of parent and server as they were",
		.source = "libuv process.c:uv_spawn; glibc spawni.c: the mask is restored",
		.level = SM_MUST,
		.in_parent = mask_creator,
	},
};

SM_GROUP_AS(signal_mask, "signal", "Signals", checks);
