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

#include "../sandbox/sandbox.h"
#include "../sys/attr.h"
#include "../sys/sys.h"

/* What comes through the error pipe; less than PIPE_BUF, hence whole or not at all (pipe(7)). */
struct report {
	int32_t stage, err, detail;
};

_Noreturn static void die(int fd, enum sm_stage stage, int err, int detail)
{
	struct report report = { .stage = (int32_t)stage, .err = err, .detail = detail };

	sm_write_all(fd, &report, sizeof(report));
	_exit(127);
}

static int lift_one(int fd, int above)
{
	int to = fd >= above ? fd : fcntl(fd, F_DUPFD_CLOEXEC, above);

	return to < 0 ? -errno : to;
}

/* What the child holds for itself until exec; -1: none. */
struct own {
	int report, cgroup;
};

/* Moves them and the passed ones above every place that something has to go to. 0 or -errno. */
static int lift(const struct sm_launch *launch, int pass[], struct own *own)
{
	int above = SM_PASS_FIRST + launch->npass;
	int fd = lift_one(own->report, above);

	if (fd >= 0)
		own->report = fd;
	if (fd >= 0 && own->cgroup >= 0)
		fd = own->cgroup = lift_one(own->cgroup, above);
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

static void place_stdio(const struct sm_launch *launch, struct own *own)
{
	int pass[SM_PASS_MAX] = { -1, -1, -1, -1 };
	int err = lift(launch, pass, own);

	if (!err)
		err = sm_stdio_install(launch->stdio);
	if (!err)
		err = place_passed(launch, pass);
	if (err)
		die(own->report, SM_STAGE_STDIO, -err, 0);
}

static void place_all(const struct sm_launch *launch, struct own *own)
{
	int fd = sm_places_avoid(launch->places, own->report);
	int err = fd < 0 ? fd : 0;

	if (!err)
		own->report = fd;
	if (!err && own->cgroup >= 0) {
		fd = own->cgroup = sm_places_avoid(launch->places, own->cgroup);
		err = fd < 0 ? fd : 0;
	}
	if (!err)
		err = sm_places_install(launch->places);
	if (err)
		die(own->report, SM_STAGE_ATTR, -err, SM_REQ_FDS);
}

static int close_others(const struct sm_launch *launch, const struct own *own)
{
	const struct sm_fd_keep keep = { NULL, 0, { own->report, own->cgroup } };

	if (launch->places)
		return sm_places_close_others(launch->places, own->report, own->cgroup);
	return sm_close_but(SM_PASS_FIRST + launch->npass, &keep);
}

static void take_fields(const struct sm_req *attr, const struct own *own)
{
	int field = 0;
	int err = sm_attr_apply(attr, own->cgroup, &field);

	if (err)
		die(own->report, SM_STAGE_ATTR, -err, field);
	if (own->cgroup >= 0)
		close(own->cgroup); /* the caller's, hence perhaps not close-on-exec */
}

static void change_directory(const struct sm_launch *launch, const struct own *own)
{
	if (launch->cwd && chdir(launch->cwd) < 0)
		die(own->report, SM_STAGE_CHDIR, errno, 0);
}

static void close_or_die(const struct sm_launch *launch, const struct own *own)
{
	int err = close_others(launch, own);

	if (err)
		die(own->report, SM_STAGE_CLOSE, -err, 0);
}

/* The berth's own descriptors are needed until then, so that the others are closed behind it. */
static void enter_sandbox(const struct sm_launch *launch, struct own *own)
{
	int layer = 0;
	int err = sm_berth_enter(launch->berth, &layer);

	if (err)
		die(own->report, SM_STAGE_SANDBOX, -err, layer);
	if (sm_berth_has_root(launch->berth))
		change_directory(launch, own);
	own->cgroup = -1;
	close_or_die(launch, own);
}

_Noreturn static void become(const struct sm_launch *launch)
{
	const struct sm_req *attr = launch->attr;
	struct own own = { launch->report_child, -1 };
	int err;

	if (attr && attr->fields & SM_REQ_CGROUP) {
		own.cgroup = attr->cgroup_fd;
		sm_berth_has_group(launch->berth);
	}
	/* First of all: no handler of the parent may run here, the less so after vfork. */
	sm_signals_restore(&launch->mask, launch->handled);
	err = sm_berth_stand_aside(launch->berth, launch->places);
	if (err)
		die(own.report, SM_STAGE_STDIO, -err, 0);
	if (launch->places)
		place_all(launch, &own);
	else
		place_stdio(launch, &own);
	if (!sm_berth_has_root(launch->berth))
		change_directory(launch, &own);
	if (!launch->berth)
		close_or_die(launch, &own);
	if (attr)
		take_fields(attr, &own);
	if (launch->berth)
		enter_sandbox(launch, &own);
	execve(launch->argv[0], (char *const *)launch->argv, (char *const *)launch->envp);
	die(own.report, SM_STAGE_EXEC, errno, 0);
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

/* The clone, in a pid namespace where the sandbox has one. The pid or -errno. */
static pid_t clone_into(const struct sm_launch *launch, sm_launch_clone *clone, int *layer)
{
	int err = sm_berth_before_fork(launch->berth, layer);
	pid_t pid;

	if (err)
		return err;
	pid = clone(launch);
	err = sm_berth_after_fork(launch->berth);
	if (!err) {
		*layer = -1;
		return pid;
	}
	if (pid > 0)
		sm_kill_child(pid);
	return err;
}

int sm_launch_begin(struct sm_launch *launch, sm_launch_clone *clone, struct sm_fault *fault)
{
	int layer = -1;
	sigset_t old;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return sm_fail(fault, SM_STAGE_PIPE, errno, "no pipe for the child's errors");
	launch->report = ends[0];
	launch->report_child = ends[1];
	sm_signals_block(&old);
	launch->pid = launch->berth ? clone_into(launch, clone, &layer) : clone(launch);
	sigprocmask(SIG_SETMASK, &old, NULL);
	close(ends[1]);
	if (launch->pid < 0) {
		close(ends[0]);
		if (layer >= 0)
			return sm_fail_layer(fault, layer, -launch->pid);
		return sm_fail(fault, SM_STAGE_CLONE, -launch->pid, "the child cannot be made");
	}
	sm_berth_admit(launch->berth, launch->pid, SM_ADMIT_MS);
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
	if (report.stage == SM_STAGE_ATTR)
		return sm_fail_field(fault, report.detail, report.err, sm_attr_name(report.detail));
	if (report.stage == SM_STAGE_SANDBOX)
		return sm_fail_layer(fault, report.detail, report.err);
	return sm_fail(fault, (enum sm_stage)report.stage, report.err,
		       report.stage == SM_STAGE_EXEC    ? launch->argv[0]
		       : report.stage == SM_STAGE_CHDIR ? launch->cwd
							: "between fork and exec");
}
