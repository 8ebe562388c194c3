/* SPDX-License-Identifier: MIT */
/*
 * launch.c - see launch.h.
 *
 * The child's path is one function that does not return and calls only what is async-signal-safe:
 * under vfork it runs on the parent's stack and in the parent's memory (vfork(2)).
 */
#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "../sys/sys.h"

/* What comes through the error pipe; less than PIPE_BUF, hence whole or not at all (pipe(7)). */
struct report {
	int32_t stage, err;
};

_Noreturn static void die(int fd, enum sm_stage stage, int err)
{
	struct report report = { .stage = (int32_t)stage, .err = err };

	sm_write_all(fd, &report, sizeof(report));
	_exit(127);
}

static int lift_one(int fd, int above)
{
	int to = fd >= above ? fd : fcntl(fd, F_DUPFD_CLOEXEC, above);

	return to < 0 ? -errno : to;
}

/*
 * Moves the error pipe and the passed descriptors above every place that something has to go to.
 * pass and *report get the new numbers. 0 or -errno.
 */
static int lift(const struct sm_launch *launch, int pass[], int *report)
{
	int above = SM_PASS_FIRST + launch->npass;
	int fd = lift_one(*report, above);

	if (fd >= 0)
		*report = fd;
	for (int i = 0; i < launch->npass && fd >= 0; i++)
		fd = pass[i] = lift_one(launch->pass[i], above);
	return fd < 0 ? fd : 0;
}

static int place_passed(const struct sm_launch *launch, const int pass[])
{
	for (int i = 0; i < launch->npass; i++) {
		if (dup2(pass[i], SM_PASS_FIRST + i) < 0)
			return -errno;
	}
	return 0;
}

_Noreturn static void become(const struct sm_launch *launch)
{
	int report = launch->report_child;
	int pass[SM_PASS_MAX] = { -1, -1, -1, -1 };
	int err;

	/* First of all: no handler of the parent may run here, the less so after vfork. */
	sm_signals_restore(&launch->mask, launch->handled);
	err = lift(launch, pass, &report);
	if (!err)
		err = sm_stdio_install(launch->stdio);
	if (!err)
		err = place_passed(launch, pass);
	if (err)
		die(report, SM_STAGE_STDIO, -err);
	if (launch->cwd && chdir(launch->cwd) < 0)
		die(report, SM_STAGE_CHDIR, errno);
	err = sm_close_from(SM_PASS_FIRST + launch->npass, report);
	if (err)
		die(report, SM_STAGE_CLOSE, -err);
	execve(launch->argv[0], (char *const *)launch->argv, (char *const *)launch->envp);
	die(report, SM_STAGE_EXEC, errno);
}

pid_t sm_launch_fork(const struct sm_launch *launch)
{
	pid_t pid = fork();

	if (pid == 0)
		become(launch);
	return pid < 0 ? -errno : pid;
}

pid_t sm_launch_vfork(const struct sm_launch *launch)
{
	pid_t pid = vfork();

	if (pid == 0)
		become(launch);
	return pid < 0 ? -errno : pid;
}

void sm_launch_keep_mask(struct sm_launch *launch)
{
	sigprocmask(SIG_BLOCK, NULL, &launch->mask);
}

int sm_launch_begin(struct sm_launch *launch, sm_launch_clone *clone, struct sm_fault *fault)
{
	sigset_t old;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return sm_fail(fault, SM_STAGE_PIPE, errno, "no pipe for the child's errors");
	launch->report = ends[0];
	launch->report_child = ends[1];
	sm_signals_block(&old);
	launch->pid = clone(launch);
	sigprocmask(SIG_SETMASK, &old, NULL);
	close(ends[1]);
	if (launch->pid < 0) {
		close(ends[0]);
		return sm_fail(fault, SM_STAGE_CLONE, -launch->pid, "the child cannot be made");
	}
	return 0;
}

int sm_launch_confirm(struct sm_launch *launch, int timeout_ms, struct sm_fault *fault)
{
	struct report report;
	int err = sm_read_all(launch->report, &report, sizeof(report), timeout_ms);

	close(launch->report);
	if (err == -EPIPE) /* end of file: exec has closed the pipe */
		return 0;
	sm_kill_child(launch->pid);
	if (err == -ETIMEDOUT)
		return sm_fail(fault, SM_STAGE_TIMEOUT, ETIMEDOUT,
			       "the child did not exec in time");
	if (err)
		return sm_fail(fault, SM_STAGE_RECEIVE, -err, "the child's error pipe");
	return sm_fail(fault, (enum sm_stage)report.stage, report.err,
		       report.stage == SM_STAGE_EXEC    ? launch->argv[0]
		       : report.stage == SM_STAGE_CHDIR ? launch->cwd
							: "between fork and exec");
}
