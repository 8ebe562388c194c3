/* SPDX-License-Identifier: MIT */
/*
 * minimal.c - your own spawner on the meter: a whole host program around one spawn call.
 *
 *   cc -o minimal minimal.c $(pkg-config --cflags --libs spawnmark)
 *   spawnmark conform --host minimal=./minimal --strategy minimal
 *   spawnmark run startup --host minimal=./minimal
 *
 * The spawner is posix_spawn(3): put your own call in its place. Conformance holds it to its traits.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <spawnmark.h>

#define WORDS_MAX 4096

/* Once: setup has the payload's command. A server would be started here. */
static int start(void **self, const struct sm_setup *setup, struct sm_fault *fault)
{
	(void)fault;
	*self = (void *)setup->argv;
	return 0;
}

/* Appends the strings of `from`; returns the new count, at most WORDS_MAX. */
static int add(char **words, int n, const char *const *from)
{
	while (from && *from && n < WORDS_MAX)
		words[n++] = (char *)*from++;
	words[n] = NULL;
	return n;
}

/* One child, its three pipes, or an error that leaves nothing behind. */
static int spawn(void *self, const struct sm_req *req, struct sm_child *child,
		 struct sm_fault *fault)
{
	int pipes[3][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 } };
	posix_spawn_file_actions_t actions;
	const char *const *program = self;
	char *argv[WORDS_MAX + 1];
	int n = add(argv, 0, program), err = 0;

	posix_spawn_file_actions_init(&actions);
	if (req->args && req->args[0]) /* behind the payload's own words, and a lone "--" */
		n = add(argv, add(argv, n, (const char *[]){ "--", NULL }), req->args);
	fault->stage = SM_STAGE_ATTR;
	if (req->fields || req->cwd) /* to refuse is right, to ignore would not be */
		err = EOPNOTSUPP;
	else if (n == WORDS_MAX)
		err = E2BIG;
	for (int i = 0; i < 3 && !err; i++) {
		fault->stage = SM_STAGE_PIPE;
		err = pipe2(pipes[i], O_CLOEXEC) ? errno : 0;
		if (!err) /* the child reads from 0 and writes to 1 and 2 */
			err = posix_spawn_file_actions_adddup2(&actions, pipes[i][i != 0], i);
	}
	if (!err && !(err = posix_spawn_file_actions_addclosefrom_np(&actions, 3))) {
		err = posix_spawn(&child->pid, program[0], &actions, NULL, argv,
				  (char **)req->envp);
		/* It does not tell which it was; without attributes these are the clone's. */
		fault->stage = err == EAGAIN || err == ENOMEM ? SM_STAGE_CLONE : SM_STAGE_EXEC;
	}
	for (int i = 0; i < 3; i++) {
		close(pipes[i][i != 0]);
		if (err)
			close(pipes[i][i == 0]);
	}
	posix_spawn_file_actions_destroy(&actions);
	child->in = pipes[0][1], child->out = pipes[1][0], child->err = pipes[2][0];
	fault->err = err;
	return -err;
}

/* Its exit status; timeout_ms < 0 waits for ever. */
static int wait_for(void *self, struct sm_child *child, int timeout_ms, struct sm_exit *exit)
{
	struct pollfd p = { .fd = -1, .events = POLLIN };
	int n = 1;
	struct rusage u;
	pid_t got;

	(void)self;
	if (timeout_ms >= 0) {
		if (waitid(P_PID, (id_t)child->pid, NULL, WEXITED | WNOHANG | WNOWAIT) < 0 ||
		    (p.fd = (int)syscall(SYS_pidfd_open, child->pid, 0)) < 0)
			return -errno; /* ECHILD: not ours, or waited for already */
	}
	while (p.fd >= 0 && (n = poll(&p, 1, timeout_ms)) < 0 && errno == EINTR)
		;
	close(p.fd);
	if (!n)
		return -ETIMEDOUT;
	while ((got = wait4(child->pid, &exit->status, 0, &u)) < 0 && errno == EINTR)
		;
	if (got < 0)
		return -errno;
	exit->utime_ns = u.ru_utime.tv_sec * 1000000000LL + u.ru_utime.tv_usec * 1000;
	exit->stime_ns = u.ru_stime.tv_sec * 1000000000LL + u.ru_stime.tv_usec * 1000;
	exit->minflt = u.ru_minflt;
	exit->majflt = exit->nvcsw = exit->nivcsw = -1; /* not told */
	return 0;
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
	return sm_host_main(&ops, NULL);
}
