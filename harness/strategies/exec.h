/* SPDX-License-Identifier: MIT */
/*
 * exec.h - what the strategies share that exec the payload's command for every child.
 */
#ifndef SM_STRATEGIES_EXEC_H
#define SM_STRATEGIES_EXEC_H

#include <signal.h>

#include "../spawnmark.h"
#include "../sys/attr.h"
#include "launch.h"

struct sm_sandbox;

struct sm_exec {
	sigset_t handled; /* by the host when the strategy started: it changes none afterwards */
	struct sm_places places;          /* of the request in hand; untouched by those without */
	const struct sm_sandbox *sandbox; /* NULL: none */
	size_t nargv;
	const char *argv[]; /* the payload's, then room for "--", a request's and NULL */
};

/* struct sm_ops.start: *self is a struct sm_exec, to be freed. */
int sm_exec_start(void **self, const struct sm_setup *setup, struct sm_fault *fault);

/* Checks a request, as sm_check_spawn(), and completes x->argv with its arguments. */
int sm_exec_check(struct sm_exec *x, const struct sm_req **req, struct sm_req *own,
		  const struct sm_child *child, struct sm_fault *fault);

/* Pipes and a child that has exec'd argv. The request has been checked. */
int sm_exec_spawn(struct sm_exec *x, const char *const *argv, const struct sm_req *req,
		  sm_launch_clone *clone, struct sm_child *child, struct sm_fault *fault);

#endif
