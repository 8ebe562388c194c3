/* SPDX-License-Identifier: MIT */
/*
 * minimal.c - your own spawner on the meter: a whole host program around one spawn call.
 *
 *   cc -o minimal minimal.c $(pkg-config --cflags --libs spawnmark)
 *   spawnmark conform --host minimal=./minimal --strategy minimal
 *   spawnmark run startup --host minimal=./minimal --set strategy=popen,minimal
 *
 * Here the spawner is posix_spawn(3). Put your own call into spawn(), and tell in traits what it
 * promises: conformance holds it to that. Everything else stays.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <spawnmark.h>

static int failed(struct sm_fault *fault, int stage, int err)
{
	fault->stage = stage;
	fault->err = err;
	return -err;
}

/* Once: setup holds the payload's command. A server would be started here. */
static int start(void **self, const struct sm_setup *setup, struct sm_fault *fault)
{
	(void)fault;
	*self = (void *)setup->argv;
	return 0;
}

/* The payload's command, and the request's arguments behind a lone "--". NULL: no memory. */
static char **command(const char *const *argv, const char *const *args)
{
	size_t n = 0, m = 0;
	char **all;

	while (argv[n])
		n++;
	while (args && args[m])
		m++;
	all = calloc(n + m + 2, sizeof(*all));
	if (!all)
		return NULL;
	memcpy(all, argv, n * sizeof(*all));
	if (m) {
		all[n] = "--";
		memcpy(all + n + 1, args, m * sizeof(*all));
	}
	return all;
}

/* One child, its three pipes, or an error that leaves nothing behind. */
static int spawn(void *self, const struct sm_req *req, struct sm_child *child,
		 struct sm_fault *fault)
{
	int pipes[3][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 } };
	posix_spawn_file_actions_t actions;
	char **argv = command(self, req->args);
	int err = argv ? 0 : ENOMEM, stage = SM_STAGE_PIPE;

	posix_spawn_file_actions_init(&actions);
	if (req->fields || req->cwd) { /* say so, rather than to ignore it */
		stage = SM_STAGE_ATTR;
		err = EOPNOTSUPP;
	}
	for (int i = 0; i < 3 && !err; i++) {
		err = pipe2(pipes[i], O_CLOEXEC) ? errno : 0;
		if (!err) /* the child reads from 0 and writes to 1 and 2 */
			err = posix_spawn_file_actions_adddup2(&actions, pipes[i][i != 0], i);
	}
	if (!err) {
		stage = SM_STAGE_EXEC;
		err = posix_spawn(&child->pid, argv[0], &actions, NULL, argv, (char **)req->envp);
	}
	for (int i = 0; i < 3; i++) {
		close(pipes[i][i != 0]);
		if (err)
			close(pipes[i][i == 0]);
	}
	posix_spawn_file_actions_destroy(&actions);
	free(argv);
	child->in = pipes[0][1];
	child->out = pipes[1][0];
	child->err = pipes[2][0];
	return err ? failed(fault, stage, err) : 0;
}

/* Its exit status; timeout_ms < 0 waits for ever. */
static int wait_for(void *self, struct sm_child *child, int timeout_ms, struct sm_exit *exit)
{
	struct pollfd p = { .events = POLLIN };
	int n = 1;

	(void)self;
	if (timeout_ms >= 0) {
		p.fd = (int)syscall(SYS_pidfd_open, child->pid, 0);
		n = poll(&p, 1, timeout_ms);
		close(p.fd);
	}
	if (n == 0)
		return -ETIMEDOUT;
	exit->utime_ns = exit->stime_ns = -1; /* not told */
	exit->minflt = exit->majflt = exit->nvcsw = exit->nivcsw = -1;
	return waitpid(child->pid, &exit->status, 0) < 0 ? -errno : 0;
}

static void stop(void *self)
{
	(void)self;
}

int main(void)
{
	const struct sm_ops ops = {
		.size = sizeof(ops),
		.name = "minimal",
		.summary = "posix_spawn(3), as an example of a spawner of one's own",
		.traits = SM_CHILD_OF_PARENT | SM_FRESH_IMAGE,
		.start = start,
		.spawn = spawn,
		.wait = wait_for,
		.stop = stop,
	};

	int status = sm_host_main(&ops, NULL);

	if (status == 2)
		fputs("usage: spawnmark conform --host minimal=./minimal\n", stderr);
	return status;
}
