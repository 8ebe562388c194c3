/* SPDX-License-Identifier: MIT */
/*
 * process.c - the kernel's and libc's ways to a process, from the call to the collected exit.
 */
#include "micro.h"

#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/host.h"
#include "sys/sys.h"

/* Does nothing and is on every system. */
#define PROGRAM "/bin/true"

static char *const program[] = { (char *)(uintptr_t)PROGRAM, NULL };
static char *const nothing[] = { NULL };

int bench_parent_setup(void **state, int64_t arg)
{
	const struct sm_cmd_open image = { .ballast_mib = (uint32_t)arg };
	struct sm_fault fault = { .size = sizeof(fault) };
	struct sm_ballast *b = calloc(1, sizeof(*b));
	int err;

	if (!b)
		return -ENOMEM;
	err = sm_ballast_build(b, &image, &fault);
	if (err) {
		sm_ballast_free(b);
		free(b);
		return err;
	}
	*state = b;
	return 0;
}

void bench_parent_teardown(void *state)
{
	sm_ballast_free(state);
	free(state);
}

/* Collects a child that began at t. What it returned must be 0. */
static int64_t collect(pid_t pid, int64_t t)
{
	int status;

	if (pid < 0)
		return pid;
	if (waitpid(pid, &status, 0) != pid)
		return -errno;
	t = sm_now_ns() - t;
	return status ? -ECHILD : t;
}

int64_t bench_fork(void *state)
{
	int64_t t = sm_now_ns();
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(0);
	return collect(pid < 0 ? -errno : pid, t);
}

int64_t bench_vfork(void *state)
{
	int64_t t = sm_now_ns();
	pid_t pid = vfork();

	(void)state;
	if (pid == 0)
		_exit(0);
	return collect(pid < 0 ? -errno : pid, t);
}

int64_t bench_vfork_exec(void *state)
{
	int64_t t = sm_now_ns();
	pid_t pid = vfork();

	(void)state;
	if (pid == 0) {
		execve(PROGRAM, program, nothing);
		_exit(127);
	}
	return collect(pid < 0 ? -errno : pid, t);
}

int64_t bench_posix_spawn(void *state)
{
	int64_t t = sm_now_ns();
	pid_t pid;
	int err = posix_spawn(&pid, PROGRAM, NULL, NULL, program, nothing);

	(void)state;
	return collect(err ? -err : pid, t);
}

int64_t bench_clone(void *state)
{
	int64_t t = sm_now_ns();
	pid_t pid = sm_raw_clone(SIGCHLD);

	(void)state;
	if (pid == 0)
		_exit(0);
	return collect(pid, t);
}

static pid_t clone3_plain(void)
{
	struct clone_args args = { .exit_signal = SIGCHLD };
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	return pid < 0 ? -errno : (pid_t)pid;
}

int64_t bench_clone3(void *state)
{
	int64_t t = sm_now_ns();
	pid_t pid = clone3_plain();

	(void)state;
	if (pid == 0)
		_exit(0);
	return collect(pid, t);
}

/* Since Linux 5.3; some container filters refuse it (clone(2)). */
int bench_clone3_available(void)
{
	return bench_clone3(NULL) > 0;
}
