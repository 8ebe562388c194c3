/* SPDX-License-Identifier: MIT */
/*
 * cell.c - one check on one strategy, from the parent's side: environments, start and stop.
 */
#include "inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../sys/sys.h"

void sm_cell_init(struct sm_cell *c, struct sm_cell_inside *inside, const struct sm_check *check,
		  const struct sm_check_call *call)
{
	memset(inside, 0, sizeof(*inside));
	inside->call = call;
	inside->server_fds = -1;
	*c = (struct sm_cell){
		.check = check,
		.ops = call->ops,
		.argv = call->argv,
		.envp = call->envp,
		.payload = call->payload,
		.thorough = call->flags & SM_CALL_THOROUGH,
		.seed = call->seed,
		.plan_fd = call->plan_fd,
		.fault = { .size = sizeof(c->fault) },
		.arg = "",
		.inside = inside,
	};
}

void sm_cell_fini(struct sm_cell *c)
{
	struct sm_cell_inside *in = c->inside;

	sm_board_drop(c);
	while (in->nvectors)
		free(in->vectors[--in->nvectors]);
	free(in->vectors);
	in->vectors = NULL;
}

void *sm_cell_keep(struct sm_cell *c, size_t bytes)
{
	struct sm_cell_inside *in = c->inside;
	void *memory;

	if (!in->vectors)
		in->vectors = calloc(SM_INSIDE_VECTORS, sizeof(*in->vectors));
	if (!in->vectors || in->nvectors == SM_INSIDE_VECTORS)
		return NULL;
	memory = calloc(1, bytes);
	if (memory)
		in->vectors[in->nvectors++] = memory;
	return memory;
}

static const char *keep_pair(struct sm_cell *c, const char *name, const char *value)
{
	size_t n = strlen(name) + strlen(value) + 2;
	char *text = sm_cell_keep(c, n);

	if (text)
		snprintf(text, n, "%s=%s", name, value);
	return text;
}

static size_t count(const char *const *vec)
{
	size_t n = 0;

	while (vec && vec[n])
		n++;
	return n;
}

static bool same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static const char *const *known_env(const struct sm_cell *c, const char *job, const char *arg)
{
	const struct sm_cell_inside *in = c->inside;

	for (unsigned int i = 0; i < in->nknown; i++) {
		const struct sm_known_env *k = &in->known[i];

		if (k->base == c->envp && same(k->job, job) && same(k->arg, arg))
			return k->env;
	}
	return NULL;
}

const char *const *sm_cell_env(struct sm_cell *c, const char *job, const char *arg,
			       const char *const *more)
{
	size_t base = count(c->envp), extra = count(more), at = 0;
	struct sm_known_env new = { .base = c->envp, .env = more ? NULL : known_env(c, job, arg) };
	const char **env;

	if (new.env)
		return new.env;
	env = sm_cell_keep(c, (base + extra + 4) * sizeof(*env));
	if (!env)
		return NULL;
	for (size_t i = 0; i < base; i++)
		env[at++] = c->envp[i];
	for (size_t i = 0; i < extra; i++)
		env[at++] = more[i];
	if (job && !(new.job = env[at++] = keep_pair(c, "SM_JOB", job)))
		return NULL;
	if (arg && !(new.arg = env[at++] = keep_pair(c, "SM_ARG", arg)))
		return NULL;
	if (c->inside->board_env[0])
		env[at++] = c->inside->board_env;
	new.job += job ? sizeof("SM_JOB") : 0;
	new.arg += arg ? sizeof("SM_ARG") : 0;
	new.env = env;
	if (!more && c->inside->nknown < SM_INSIDE_ENVS)
		c->inside->known[c->inside->nknown++] = new;
	return env;
}

struct sm_req sm_cell_req_env(struct sm_cell *c, const char *arg, const char *const *more)
{
	char job[160];

	snprintf(job, sizeof(job), "child/probe=%s", c->check->id);
	return (struct sm_req){
		.size = sizeof(struct sm_req),
		.timeout_ms = SM_STEP_MS,
		.envp = sm_cell_env(c, job, arg, more),
		.cgroup_fd = -1,
	};
}

struct sm_req sm_cell_req(struct sm_cell *c, const char *arg)
{
	return sm_cell_req_env(c, arg, NULL);
}

/* Without a server the parent is the creator, and prepares itself. */
static void creator_here(struct sm_cell *c)
{
	struct sm_cell creator = *c;

	sm_board_creator(&creator);
}

/* What in_creator has said: 0, or -ECANCELED with the cell's verdict. */
static int heed_creator(struct sm_cell *c)
{
	const struct sm_board *board = c->board;

	if (!board)
		return 0;
	if (!__atomic_load_n(&board->creator_pid, __ATOMIC_ACQUIRE)) {
		sm_skips(c, SM_F_SERVER_ROLE, "the server does not take its half of a check");
		return -ECANCELED;
	}
	if (board->observed == SM_HOLDS)
		return 0;
	c->observed = board->observed;
	c->feature = board->feature;
	memcpy(c->text, board->text, sizeof(board->text));
	return -ECANCELED;
}

static const char *const *server_env(struct sm_cell *c, const char *const *more)
{
	size_t n = count(more);
	const char **all = sm_cell_keep(c, (n + 2) * sizeof(*all));

	if (!all)
		return NULL;
	if (more)
		memcpy(all, more, n * sizeof(*all));
	if (c->board && !(all[n] = keep_pair(c, "SM_PROBE", c->check->id)))
		return NULL;
	return sm_cell_env(c, NULL, NULL, all);
}

int sm_cell_start_env(struct sm_cell *c, const char *const *more)
{
	struct sm_setup setup = { .size = sizeof(setup), .argv = c->argv, .plan_fd = c->plan_fd };
	int err;

	if (c->started)
		return -EALREADY;
	if (c->board) /* of an earlier start */
		__atomic_store_n(&c->board->creator_pid, 0, __ATOMIC_RELEASE);
	if (c->board && !(c->ops->traits & SM_OWN_SERVER))
		creator_here(c);
	setup.timeout_ms = c->check->timeout_ms ? c->check->timeout_ms : SM_CHECK_MS;
	setup.envp = server_env(c, more);
	if (!setup.envp)
		return -ENOMEM;
	setup.payload = c->ops->traits & SM_PARENT_LOADS ? c->payload : NULL;
	err = c->ops->start(&c->self, &setup, &c->fault);
	if (err)
		return err;
	c->started = true;
	c->server = c->ops->server ? c->ops->server(c->self) : 0;
	if ((c->ops->traits & SM_OWN_SERVER) && c->server <= 0) /* kill(0) would be this session */
		return sm_fail(&c->fault, SM_STAGE_PRELOAD, ESRCH,
			       "it has the trait OWN_SERVER, but server() tells no pid");
	if (c->server > 0) { /* it may have more to do after it has said that it is ready */
		sm_await_state(c->server, 'S', SM_STEP_MS);
		c->inside->server_fds = sm_count_fds(c->server);
	}
	return heed_creator(c);
}

int sm_cell_start(struct sm_cell *c)
{
	return sm_cell_start_env(c, NULL);
}

void sm_cell_rest(const struct sm_cell *c)
{
	if (c->started && c->ops->traits & SM_AHEAD && c->ops->idle)
		c->ops->idle(c->self);
}

void sm_cell_stop(struct sm_cell *c)
{
	if (c->started)
		c->ops->stop(c->self);
	c->started = false;
	c->self = NULL;
	c->server = 0;
	c->inside->server_fds = -1;
}

int sm_cell_restart(struct sm_cell *c)
{
	sm_cell_stop(c);
	return sm_cell_start(c);
}
