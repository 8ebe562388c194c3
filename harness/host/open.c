/* SPDX-License-Identifier: MIT */
/*
 * open.c - SM_CMD_OPEN: unpacks it, builds the parent's image, starts the strategy; and undoes it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "host.h"
#include "../sys/sys.h"
#include "../wire/pack.h"

/* What the job and the driver's own switches are called in an environment. */
#define JOB        "SM_JOB="
#define UNDUMPABLE "SM_UNDUMPABLE="

#define VEC_MAX 4096

static bool ours(const char *entry)
{
	return !strncmp(entry, JOB, sizeof(JOB) - 1) ||
	       !strncmp(entry, UNDUMPABLE, sizeof(UNDUMPABLE) - 1);
}

const char **sm_host_env(const char *const *base, const char *extra)
{
	const char **env;
	size_t n = 0, kept = 0;

	while (base[n])
		n++;
	env = malloc((n + 2) * sizeof(*env));
	if (!env)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (!ours(base[i]))
			env[kept++] = base[i];
	if (extra)
		env[kept++] = extra;
	env[kept] = NULL;
	return env;
}

struct sm_req sm_host_req(const struct sm_host_state *st, const char *const *envp,
			  uint32_t timeout_ms)
{
	return (struct sm_req){
		.size = sizeof(struct sm_req),
		.timeout_ms = timeout_ms,
		.args = st->args,
		.envp = envp,
	};
}

static const char **vector(struct sm_pack *p)
{
	const char **vec = calloc(VEC_MAX, sizeof(*vec)), **fit;
	size_t n = 0;

	if (!vec)
		return NULL;
	sm_unpack_vec(p, vec, VEC_MAX);
	if (p->err) {
		free(vec);
		return NULL;
	}
	while (vec[n])
		n++;
	fit = realloc(vec, (n + 1) * sizeof(*vec)); /* the parent's image stays small */
	return fit ? fit : vec;
}

/*
 * The driver may have an order of its own for the children that are measured; any other job in its
 * environment is nobody's.
 */
static const char *child_job(const char *const *envp)
{
	static const char order[] = JOB "child/";

	for (size_t i = 0; envp[i]; i++)
		if (!strncmp(envp[i], order, sizeof(order) - 1))
			return envp[i];
	return JOB "child";
}

int sm_host_unpack(struct sm_host_state *st, const char *data, uint32_t bytes)
{
	struct sm_pack p;

	st->strings = malloc(bytes);
	if (!st->strings)
		return -ENOMEM;
	memcpy(st->strings, data, bytes);
	p = (struct sm_pack){ .at = st->strings, .left = bytes };
	st->argv = vector(&p);
	st->base_envp = vector(&p);
	st->args = vector(&p);
	if (p.left) /* a check has none */
		st->options = vector(&p);
	if (p.err)
		return p.err;
	if (!st->argv || !st->base_envp || !st->args)
		return -ENOMEM;
	st->child_envp = sm_host_env(st->base_envp, child_job(st->base_envp));
	st->hold_envp = sm_host_env(st->base_envp, JOB "child/hold");
	return st->child_envp && st->hold_envp ? 0 : -ENOMEM;
}

/* The server's environment: the child's, and what is meant for the server alone. 0 or -errno. */
static int server_env(struct sm_host_state *st, bool undumpable)
{
	const char **plain =
		sm_host_env(st->base_envp, st->secrets ? sm_secrets_server_env(st->secrets) : NULL);

	if (plain)
		st->server_envp = sm_host_env(plain, undumpable ? UNDUMPABLE "1" : NULL);
	free(plain);
	return st->server_envp ? 0 : -ENOMEM;
}

static int plant(struct sm_host_state *st, enum sm_when when)
{
	int err = 0;

	if (when == SM_BEFORE)
		err = sm_secrets_new(&st->secrets, st->room);
	if (!err)
		err = sm_secrets_plant(st->secrets, when);
	return err ? sm_fail(&st->fault, SM_STAGE_IMAGE, -err, "secrets could not be planted") : 0;
}

static int start(struct sm_host_state *st, const struct sm_cmd_open *cmd)
{
	struct sm_setup setup = {
		.size = sizeof(setup),
		.timeout_ms = cmd->start_timeout_ms,
		.argv = st->argv,
		.envp = st->server_envp,
		.payload = st->ops.traits & SM_PARENT_LOADS ? st->payload : NULL,
		.options = st->options ? st->options[0] : NULL,
		.plan_fd = st->plan_fd,
	};
	int err = st->ops.start(&st->self, &setup, &st->fault);

	if (err) {
		if (st->fault.stage == SM_STAGE_NONE)
			sm_fail(&st->fault, SM_STAGE_PRELOAD, -err, "the strategy did not start");
		return err;
	}
	st->started = true;
	return 0;
}

static int open_all(struct sm_host_state *st, const struct sm_cmd_open *cmd, const char *strings,
		    uint32_t bytes)
{
	int err = sm_host_unpack(st, strings, bytes);

	if (err)
		return sm_fail(&st->fault, SM_STAGE_ARGUMENT, -err,
			       "open: expected argv, envp and args as packed vectors");
	if (!st->argv[0])
		return sm_fail(&st->fault, SM_STAGE_ARGUMENT, EINVAL, "open: argv is empty");
	if (cmd->undumpable && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return sm_fail(&st->fault, SM_STAGE_IMAGE, errno, "PR_SET_DUMPABLE");
	err = sm_ballast_build(&st->ballast, cmd, &st->fault);
	if (!err && cmd->plant_secrets)
		err = plant(st, SM_BEFORE);
	if (!err && server_env(st, cmd->undumpable))
		err = sm_fail(&st->fault, SM_STAGE_ARGUMENT, ENOMEM, "open: the environment");
	if (!err)
		err = start(st, cmd);
	if (!err && cmd->plant_secrets)
		err = plant(st, SM_AFTER);
	return err;
}

int sm_host_open(struct sm_host_state *st, const void *data, uint32_t bytes)
{
	struct sm_cmd_open cmd;
	int err;

	if (st->started)
		return sm_fail(&st->fault, SM_STAGE_ARGUMENT, EALREADY, "open: already open");
	if (bytes <= sizeof(cmd))
		return sm_fail(&st->fault, SM_STAGE_ARGUMENT, EINVAL,
			       "open: expected a struct sm_cmd_open and three packed vectors");
	memcpy(&cmd, data, sizeof(cmd));
	err = open_all(st, &cmd, (const char *)data + sizeof(cmd), bytes - (uint32_t)sizeof(cmd));
	if (err)
		sm_host_shut(st);
	return err;
}

static void drop(const char ***vec)
{
	free(*vec);
	*vec = NULL;
}

void sm_host_shut(struct sm_host_state *st)
{
	if (st->scratch)
		sm_held_kill(st);
	if (st->started)
		st->ops.stop(st->self);
	st->started = false;
	st->self = NULL;
	if (st->plan_fd)
		close(st->plan_fd);
	st->plan_fd = 0;
	sm_secrets_free(st->secrets);
	st->secrets = NULL;
	sm_ballast_free(&st->ballast);
	drop(&st->hold_envp);
	drop(&st->child_envp);
	drop(&st->server_envp);
	drop(&st->base_envp);
	drop(&st->options);
	drop(&st->args);
	drop(&st->argv);
	free(st->strings);
	st->strings = NULL;
}
