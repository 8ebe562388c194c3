/* SPDX-License-Identifier: MIT */
/*
 * prctl.c - probes: what a process can set for itself, and calls beside it.
 */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../sys/sys.h"

/* Leaves an orphan behind and tells its pid. */
static int leave_orphan(void *arg)
{
	pid_t pid = fork();

	if (!pid)
		_exit(9);
	return pid < 0 || write(*(int *)arg, &pid, sizeof(pid)) != (ssize_t)sizeof(pid);
}

void sm_probe_f_subreaper(struct sm_probe_result *r)
{
	int ends[2], status;
	pid_t orphan = 0;

	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0) {
		sm_probe_no(r, errno, "prctl(PR_SET_CHILD_SUBREAPER)");
		return;
	}
	if (pipe(ends) < 0 || sm_probe_try(leave_orphan, &ends[1]) ||
	    read(ends[0], &orphan, sizeof(orphan)) != (ssize_t)sizeof(orphan)) {
		sm_probe_dunno(r, errno, "no orphan to wait for");
		return;
	}
	status = sm_probe_wait(orphan);
	if (status < 0)
		sm_probe_no(r, -status, "wait for an orphan");
	else
		sm_probe_yes(r, "adopted and reaped an orphan, status %d", status);
}

void sm_probe_f_no_new_privs(struct sm_probe_result *r)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		sm_probe_no(r, errno, "prctl(PR_SET_NO_NEW_PRIVS)");
	else if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		sm_probe_no(r, errno, "set, but not told back");
	else
		sm_probe_yes(r, "set, and told back");
}

/* Its child holds the pipe open until it dies, and its child alone. */
static void parent_of_doomed(int out)
{
	pid_t self = getpid(), pid = fork();

	if (!pid) {
		int err = prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ? errno : 0;

		if (getppid() != self || write(out, &err, sizeof(err)) != (ssize_t)sizeof(err))
			_exit(1);
	} else {
		close(out);
	}
	for (;;)
		pause();
}

void sm_probe_f_pdeathsig(struct sm_probe_result *r)
{
	int ends[2], err = 0;
	char byte;
	pid_t pid;

	if (pipe(ends) < 0 || (pid = fork()) < 0) {
		sm_probe_dunno(r, errno, "no child to ask");
		return;
	}
	if (!pid)
		parent_of_doomed(ends[1]);
	close(ends[1]);
	if (sm_read_all(ends[0], &err, sizeof(err), -1)) {
		sm_probe_dunno(r, 0, "a child did not answer");
		return;
	}
	sm_kill_child(pid);
	if (err)
		sm_probe_no(r, err, "prctl(PR_SET_PDEATHSIG)");
	else if (sm_read_all(ends[0], &byte, 1, 2000) != -EPIPE)
		sm_probe_no(r, 0, "a child outlived its parent");
	else
		sm_probe_yes(r, "a child died with its parent");
}

void sm_probe_f_tid_address(struct sm_probe_result *r)
{
	int *at = NULL;

	if (prctl(PR_GET_TID_ADDRESS, &at, 0, 0, 0) < 0)
		sm_probe_no(r, errno, "prctl(PR_GET_TID_ADDRESS)");
	else if (!at)
		sm_probe_no(r, 0, "libc has set none");
	else
		sm_probe_yes(r, "libc's, which holds %s", *at == getpid() ? "the tid" : "another");
}

static int compare(int a, int b)
{
	pid_t self = getpid();

	return (int)syscall(SYS_kcmp, self, self, KCMP_FILE, a, b);
}

void sm_probe_f_kcmp(struct sm_probe_result *r)
{
	int ends[2], copy, same;

	if (pipe(ends) < 0 || (copy = dup(ends[0])) < 0) {
		sm_probe_dunno(r, errno, "pipe");
		return;
	}
	same = compare(ends[0], copy);
	if (same < 0)
		sm_probe_no(r, errno, "kcmp");
	else if (same || compare(ends[0], ends[1]) <= 0)
		sm_probe_no(r, 0, "cannot tell files apart");
	else
		sm_probe_yes(r, "tells a copy of a descriptor from another one");
}

void sm_probe_f_process_mrelease(struct sm_probe_result *r)
{
	int fd;
	pid_t pid = sm_probe_idle(&fd);

	if (pid < 0 || fd < 0) {
		sm_probe_no(r, errno, "there is no pidfd to ask with");
		return;
	}
	/* Only what dies may be asked for: EINVAL is the right answer for what lives. */
	if (syscall(SYS_process_mrelease, fd, 0) == 0 || errno != EINVAL) {
		sm_probe_no(r, errno, "process_mrelease of a child that lives");
		return;
	}
	kill(pid, SIGKILL);
	if (syscall(SYS_process_mrelease, fd, 0) < 0 && errno != ESRCH)
		sm_probe_no(r, errno, "process_mrelease of a child that was killed");
	else
		sm_probe_yes(r, "EINVAL while the child lives, good when it was killed");
}
