/* SPDX-License-Identifier: MIT */
/*
 * fork.c - fork() of the parent itself: fast, and unsafe by design.
 *
 * The negative control: the parent has loaded the payload, the child is its copy, and so holds
 * its secrets and its descriptors. Isolation and conformance must be seen to catch it.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "../child/child.h"
#include "common.h"

struct copier {
	const struct sm_payload *payload; /* the host's own, valid until stop() */
	sigset_t handled;                 /* signals for which host and payload have handlers */
	struct sm_places places;          /* of the request in hand */
	sigset_t old;                     /* the host's own, while it forks */
	sigset_t mask;                    /* of the request in hand */
};

static int fork_start(void **self, const struct sm_setup *setup, struct sm_fault *fault)
{
	struct copier *c;
	int err = sm_check_setup(setup, fault);

	if (err)
		return err;
	if (!setup->payload || setup->payload->size < sizeof(*setup->payload))
		return sm_fail(fault, SM_STAGE_ARGUMENT, EINVAL,
			       "fork copies its host: the host has to be the payload program");
	c = malloc(sizeof(*c));
	if (!c)
		return sm_fail(fault, SM_STAGE_ARGUMENT, ENOMEM, NULL);
	c->payload = setup->payload;
	sm_signals_handled(&c->handled);
	*self = c;
	return 0;
}

/* Closes the parent's ends of its own pipes: else it would wait for its own stdin to end. */
_Noreturn static void fork_child(const struct sm_payload *payload, struct sm_birth *birth,
				 struct sm_stdio *io)
{
	birth->entered_ns = sm_now_ns();
	sm_stdio_close_parent(io);
	sm_child_born(payload, birth);
}

/* The pid or -errno. */
static pid_t fork_one(struct copier *c, struct sm_birth *birth, struct sm_stdio *io)
{
	const struct sm_payload *payload = c->payload;
	pid_t pid;

	if (payload->before_fork)
		payload->before_fork();
	sm_signals_block(&c->old);
	birth->cloning_ns = sm_now_ns();
	pid = fork();
	if (pid == 0)
		fork_child(payload, birth, io);
	if (pid < 0)
		pid = -errno;
	sigprocmask(SIG_SETMASK, &c->old, NULL);
	if (payload->after_fork_parent)
		payload->after_fork_parent();
	return pid;
}

static int fork_spawn(void *self, const struct sm_req *req, struct sm_child *child,
		      struct sm_fault *fault)
{
	struct copier *c = self;
	struct sm_birth birth = { .keep_other_fds = 1, .run_after_fork = 1 };
	struct sm_stdio io;
	struct sm_req own;
	pid_t pid;
	int err = sm_check_spawn(&req, &own, &c->places, child, fault);

	if (err)
		return err;
	err = sm_stdio_open_for(&io, sm_places_of(req, &c->places));
	if (err)
		return sm_fail(fault, SM_STAGE_PIPE, -err, "no pipes for the child's stdio");
	birth.in = io.child[0];
	birth.out = io.child[1];
	birth.err = io.child[2];
	birth.args = req->args;
	birth.envp = req->envp;
	birth.cwd = req->cwd;
	birth.sigmask = &c->old;
	birth.handled = &c->handled;
	if (req->fields)
		sm_birth_fields(&birth, req, &c->places, &c->mask);
	pid = fork_one(c, &birth, &io);
	sm_stdio_close_child(&io);
	if (pid < 0) {
		sm_stdio_close_parent(&io);
		return sm_fail(fault, SM_STAGE_CLONE, -pid, "fork");
	}
	sm_give_stdio(child, pid, &io);
	return 0;
}

const struct sm_ops sm_fork_ops = {
	.size = sizeof(sm_fork_ops),
	.name = "fork",
	.summary = "fork of the parent, which has loaded the payload: unsafe, the negative control",
	.traits = SM_CHILD_OF_PARENT | SM_RUNS_ATFORK | SM_PARENT_LOADS | SM_NEGATIVE_CONTROL,
	.start = fork_start,
	.spawn = fork_spawn,
	.wait = sm_wait_direct,
	.stop = free,
};
