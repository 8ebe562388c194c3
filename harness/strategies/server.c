/* SPDX-License-Identifier: MIT */
/*
 * server.c - see server.h.
 */
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../sandbox/sandbox.h"
#include "../sys/sys.h"
#include "common.h"
#include "launch.h"

/* How long a server that was told to end, or that seems dead, may take to be gone. */
#define END_WAIT_MS 2000

static int same_name(const char *a, const char *b)
{
	size_t n = strcspn(b, "=") + 1;

	return strncmp(a, b, n) == 0;
}

/* base with the n entries of more in place of those of their names. To be freed; NULL: ENOMEM. */
static const char **extend_env(const char *const *base, const char *const *more, size_t n)
{
	size_t count = 0, at = 0;
	const char **env;

	while (base[count])
		count++;
	env = malloc((count + n + 1) * sizeof(*env));
	if (!env)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		size_t j = 0;

		while (j < n && !same_name(base[i], more[j]))
			j++;
		if (j == n)
			env[at++] = base[i];
	}
	for (size_t j = 0; j < n; j++)
		env[at++] = more[j];
	env[at] = NULL;
	return env;
}

static int launch_server(struct sm_launch *launch, int timeout_ms, struct sm_fault *fault)
{
	int err = sm_launch_begin(launch, sm_launch_vfork, fault);

	return err ? err : sm_launch_confirm(launch, timeout_ms, fault);
}

static int milliseconds_left(int64_t end)
{
	int64_t ms = (end - sm_now_ns()) / 1000000;

	return ms < 0 ? 0 : ms > INT_MAX ? INT_MAX : (int)ms;
}

int sm_server_start(struct sm_server *server, const struct sm_setup *setup,
		    const struct sm_server_spec *spec, struct sm_fault *fault)
{
	struct sm_launch launch = { .argv = setup->argv, .npass = spec->npass };
	const char *more[1 + SM_SERVER_ENV] = { NULL };
	const char **env = NULL;
	int plan = sm_setup_plan(setup);
	char job[128], number[16] = "";
	int null, flags, err;
	size_t n = 1;

	server->pid = 0;
	server->end = sm_now_ns() + (int64_t)setup->timeout_ms * 1000000;
	if (plan && spec->npass == SM_PASS_MAX)
		return sm_fail(fault, SM_STAGE_ARGUMENT, E2BIG, "no place for the sandbox's plan");
	if (plan)
		snprintf(number, sizeof(number), ",%d", SM_PASS_FIRST + spec->npass);
	snprintf(job, sizeof(job), "SM_JOB=serve/%s/%s%s", spec->strategy, spec->where, number);
	more[0] = job;
	for (int i = 0; i < SM_SERVER_ENV && spec->env[i]; i++)
		more[n++] = spec->env[i];
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return sm_fail(fault, SM_STAGE_STDIO, errno, "/dev/null for the server");
	env = extend_env(setup->envp, more, n);
	if (!env) {
		err = sm_fail(fault, SM_STAGE_ARGUMENT, ENOMEM, NULL);
		goto out;
	}
	launch.envp = env;
	launch.stdio[0] = launch.stdio[1] = null;
	/* Without a stderr 2 may be anything of ours, even the channel whose end stops the server. */
	flags = fcntl(2, F_GETFD);
	launch.stdio[2] = flags < 0 || (flags & FD_CLOEXEC) ? null : 2;
	memcpy(launch.pass, spec->pass, (size_t)spec->npass * sizeof(launch.pass[0]));
	if (plan)
		launch.pass[launch.npass++] = plan;
	sigemptyset(&launch.mask); /* whatever the parent blocks, a server needs its SIGCHLD */
	err = launch_server(&launch, milliseconds_left(server->end), fault);
	if (!err)
		server->pid = launch.pid;
out:
	free(env);
	close(null);
	return err;
}

int sm_server_patience_ms(const struct sm_server *server)
{
	return milliseconds_left(server->end);
}

int sm_server_failed(struct sm_server *server, int err, struct sm_fault *fault)
{
	struct sm_exit end = { .size = sizeof(end) };
	int gone = err != -ETIMEDOUT && sm_wait_child(server->pid, END_WAIT_MS, &end) == 0;
	char text[160];

	if (!gone) {
		sm_server_kill(server);
		snprintf(text, sizeof(text), "the server did not get ready%s",
			 err == -ETIMEDOUT ? " in time" : "");
	} else if (WIFSIGNALED(end.status)) {
		snprintf(text, sizeof(text),
			 "the server was killed by signal %d while it loaded the payload",
			 WTERMSIG(end.status));
	} else {
		snprintf(text, sizeof(text),
			 "the server ended with status %d while it loaded the payload; "
			 "its stderr says why",
			 WEXITSTATUS(end.status));
	}
	server->pid = 0;
	err = sm_fail(fault, SM_STAGE_PRELOAD, gone ? EPIPE : -err, text);
	if (gone && fault && fault->size >= sizeof(*fault))
		fault->detail = end.status;
	return err;
}

void sm_server_stop(struct sm_server *server)
{
	if (server->pid > 0 && sm_wait_child(server->pid, END_WAIT_MS, NULL) == -ETIMEDOUT)
		sm_kill_child(server->pid);
	server->pid = 0;
}

void sm_server_kill(struct sm_server *server)
{
	sm_kill_child(server->pid);
	server->pid = 0;
}

int sm_server_take_fds(const char *where, int *fds, int n)
{
	for (int i = 0; i < n; i++) {
		char *end;
		long fd;

		errno = 0;
		fd = strtol(where, &end, 10);
		if (errno || end == where || fd < 0 || fd > INT_MAX ||
		    (*end != ',' && (i + 1 < n || *end)))
			return -EINVAL;
		where = end + 1;
		fds[i] = (int)fd;
		if (fcntl(fds[i], F_SETFD, FD_CLOEXEC) < 0)
			return -errno;
	}
	return 0;
}

int sm_server_take_sandbox(const struct sm_sandbox **sandbox, const char *where, int n)
{
	int plan, err;

	*sandbox = NULL;
	for (int commas = 0; commas < n; commas++) {
		where = strchr(where, ',');
		if (!where) /* no plan has come */
			return 0;
		where++;
	}
	err = sm_server_take_fds(where, &plan, 1);
	if (err)
		return err;
	err = sm_sandbox_load(sandbox, plan);
	close(plan);
	return err;
}
