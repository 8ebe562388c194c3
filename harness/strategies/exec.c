/* SPDX-License-Identifier: MIT */
/*
 * exec.c - popen and vfork: a fresh image for every child, as Python's subprocess does it.
 *
 * Three pipes, one more for errors, fork or vfork, exec. spawn() returns when exec has succeeded.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../sandbox/sandbox.h"
#include "common.h"
#include "exec.h"
#include "request.h"

/* The setup has been checked. */
static int exec_begin(void **self, const struct sm_setup *setup, struct sm_fault *fault)
{
	const struct sm_sandbox *sandbox;
	int err = sm_sandbox_load(&sandbox, sm_setup_plan(setup));
	struct sm_exec *x;
	size_t n = 0;

	if (err)
		return sm_fail(fault, SM_STAGE_SANDBOX, -err, "the plan of the sandbox");
	while (setup->argv[n])
		n++;
	x = malloc(sizeof(*x) + (n + 1 + SM_REQUEST_ARGS_MAX) * sizeof(x->argv[0]));
	if (!x) {
		sm_sandbox_unload(sandbox);
		return sm_fail(fault, SM_STAGE_ARGUMENT, ENOMEM, NULL);
	}
	sm_signals_handled(&x->handled);
	x->sandbox = sandbox;
	x->nargv = n;
	memcpy(x->argv, setup->argv, n * sizeof(x->argv[0]));
	*self = x;
	return 0;
}

static int popen_start(void **self, const struct sm_setup *setup, struct sm_fault *fault)
{
	int err = sm_check_setup_sandboxed(setup, fault);

	return err ? err : exec_begin(self, setup, fault);
}

/* No sandbox: its creator would have to work while it waits for the child to exec. */
int sm_exec_start(void **self, const struct sm_setup *setup, struct sm_fault *fault)
{
	int err = sm_check_setup(setup, fault);

	return err ? err : exec_begin(self, setup, fault);
}

static void exec_stop(void *self)
{
	sm_sandbox_unload(((struct sm_exec *)self)->sandbox);
	free(self);
}

/* The request's arguments stand behind a lone "--", which is there only when they are. */
static int exec_argv(struct sm_exec *x, const char *const *args)
{
	size_t at = x->nargv, n = 0;

	if (args && args[0]) {
		x->argv[at++] = "--";
		for (; args[n]; n++) {
			if (n == SM_REQUEST_ARGS_MAX - 1)
				return -E2BIG;
			x->argv[at++] = args[n];
		}
	}
	x->argv[at] = NULL;
	return 0;
}

int sm_exec_check(struct sm_exec *x, const struct sm_req **req, struct sm_req *own,
		  const struct sm_child *child, struct sm_fault *fault)
{
	int err = sm_check_spawn(req, own, &x->places, child, fault);

	if (!err && exec_argv(x, (*req)->args))
		err = sm_fail(fault, SM_STAGE_ARGUMENT, E2BIG, "too many arguments");
	return err;
}

/* Makes the child, whose pipes are in io, and waits until it has exec'd. */
static int exec_launch(struct sm_exec *x, const char *const *argv, const struct sm_req *req,
		       struct sm_stdio *io, sm_launch_clone *clone, struct sm_child *child,
		       struct sm_fault *fault)
{
	struct sm_launch launch;
	struct sm_berth berth;
	int layer, err = sm_berth_open(&berth, x->sandbox, &layer);

	if (err) {
		sm_stdio_close_child(io);
		sm_stdio_close_parent(io);
		return sm_fail_layer(fault, layer, -err);
	}
	launch.berth = x->sandbox ? &berth : NULL;
	launch.argv = argv;
	launch.envp = req->envp;
	launch.cwd = req->cwd;
	launch.npass = 0;
	launch.attr = req->fields ? req : NULL;
	launch.places = sm_places_of(req, &x->places);
	launch.handled = &x->handled;
	memcpy(launch.stdio, io->child, sizeof(launch.stdio));
	if (req->fields & SM_REQ_SIGMASK)
		sm_attr_mask(req, &launch.mask);
	else
		sm_launch_keep_mask(&launch);
	err = sm_launch_begin(&launch, clone, fault);
	sm_berth_close(&berth);
	sm_stdio_close_child(io);
	if (!err)
		err = sm_launch_confirm(&launch, sm_poll_ms(req->timeout_ms), fault);
	if (!err)
		sm_give_stdio(child, launch.pid, io);
	else
		sm_stdio_close_parent(io);
	return err;
}

int sm_exec_spawn(struct sm_exec *x, const char *const *argv, const struct sm_req *req,
		  sm_launch_clone *clone, struct sm_child *child, struct sm_fault *fault)
{
	struct sm_stdio io;
	int err = sm_stdio_open_for(&io, sm_places_of(req, &x->places));

	if (err)
		return sm_fail(fault, SM_STAGE_PIPE, -err, "no pipes for the child's stdio");
	return exec_launch(x, argv, req, &io, clone, child, fault);
}

static int exec_spawn(struct sm_exec *x, const struct sm_req *req, struct sm_child *child,
		      sm_launch_clone *clone, struct sm_fault *fault)
{
	struct sm_req own;
	int err = sm_exec_check(x, &req, &own, child, fault);

	return err ? err : sm_exec_spawn(x, x->argv, req, clone, child, fault);
}

static int popen_spawn(void *self, const struct sm_req *req, struct sm_child *child,
		       struct sm_fault *fault)
{
	return exec_spawn(self, req, child, sm_launch_fork, fault);
}

static int vfork_spawn(void *self, const struct sm_req *req, struct sm_child *child,
		       struct sm_fault *fault)
{
	return exec_spawn(self, req, child, sm_launch_vfork, fault);
}

const struct sm_ops sm_popen_ops = {
	.size = sizeof(sm_popen_ops),
	.name = "popen",
	.summary = "fork and exec for every child, with three pipes and an error pipe",
	.traits = SM_CHILD_OF_PARENT | SM_FRESH_IMAGE | SM_SANDBOXES,
	.start = popen_start,
	.spawn = popen_spawn,
	.wait = sm_wait_direct,
	.stop = exec_stop,
};

const struct sm_ops sm_vfork_ops = {
	.size = sizeof(sm_vfork_ops),
	.name = "vfork",
	.summary = "as popen, with vfork: what Python's subprocess does when it can",
	.traits = SM_CHILD_OF_PARENT | SM_FRESH_IMAGE,
	.start = sm_exec_start,
	.spawn = vfork_spawn,
	.wait = sm_wait_direct,
	.stop = exec_stop,
};
