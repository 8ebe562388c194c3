/* SPDX-License-Identifier: MIT */
/*
 * pidfd.c - probes: descriptors of processes.
 */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "uapi.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static int open_pidfd(pid_t pid, unsigned int flags)
{
	return (int)syscall(SYS_pidfd_open, pid, flags);
}

static int signal_pidfd(int fd, int sig)
{
	return (int)syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0);
}

/* A child and its pidfd; without one, r has the answer. */
static pid_t subject(struct sm_probe_result *r, int *fd)
{
	pid_t pid = sm_probe_idle(fd);

	if (pid < 0)
		sm_probe_dunno(r, -pid, "fork");
	else if (*fd < 0)
		sm_probe_no(r, errno, "there is no pidfd to ask with");
	return *fd < 0 ? -1 : pid;
}

void sm_probe_f_pidfd_send_signal(struct sm_probe_result *r)
{
	char path[32];
	int fd, status;
	pid_t pid = sm_probe_idle(&fd);

	if (pid < 0) {
		sm_probe_dunno(r, -pid, "fork");
		return;
	}
	if (fd < 0) { /* Linux 5.1 had the call, and these for it */
		snprintf(path, sizeof(path), "/proc/%d", (int)pid);
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (signal_pidfd(fd, SIGTERM) < 0) {
		sm_probe_no(r, errno, "pidfd_send_signal");
		return;
	}
	status = sm_probe_wait(pid);
	if (status == 128 + SIGTERM)
		sm_probe_yes(r, "SIGTERM ended a child");
	else
		sm_probe_no(r, 0, "SIGTERM was sent, the child's status is %d", status);
}

void sm_probe_f_pidfd_open(struct sm_probe_result *r)
{
	int unused, fd;
	pid_t pid = sm_probe_idle(&unused);
	struct pollfd end = { .events = POLLIN };

	if (pid < 0) {
		sm_probe_dunno(r, -pid, "fork");
		return;
	}
	fd = open_pidfd(pid, 0);
	if (fd < 0) {
		sm_probe_no(r, errno, "pidfd_open");
		return;
	}
	end.fd = fd;
	if (poll(&end, 1, 0) != 0)
		sm_probe_no(r, 0, "readable while the child lives");
	else if (kill(pid, SIGKILL) < 0 || poll(&end, 1, 2000) != 1)
		sm_probe_no(r, 0, "not readable after the child's end");
	else
		sm_probe_yes(r, "readable when the child has ended");
}

void sm_probe_f_pidfd_nonblock(struct sm_probe_result *r)
{
	int unused, fd;
	pid_t pid = sm_probe_idle(&unused);
	siginfo_t info;

	if (pid < 0) {
		sm_probe_dunno(r, -pid, "fork");
		return;
	}
	fd = open_pidfd(pid, O_NONBLOCK);
	if (fd < 0)
		sm_probe_no(r, errno, "pidfd_open(PIDFD_NONBLOCK)");
	else if (waitid((idtype_t)P_PIDFD, (id_t)fd, &info, WEXITED) == 0)
		sm_probe_no(r, 0, "waitid reaped a child that lives");
	else if (errno != EAGAIN)
		sm_probe_no(r, errno, "waitid of a non-blocking pidfd");
	else
		sm_probe_yes(r, "waitid says EAGAIN while the child lives");
}

void sm_probe_f_waitid_pidfd(struct sm_probe_result *r)
{
	siginfo_t info = { .si_pid = 0 };
	int fd;
	pid_t pid = subject(r, &fd);

	if (pid < 0)
		return;
	kill(pid, SIGKILL);
	if (waitid((idtype_t)P_PIDFD, (id_t)fd, &info, WEXITED) < 0)
		sm_probe_no(r, errno, "waitid(P_PIDFD)");
	else if (info.si_pid != pid || info.si_status != SIGKILL)
		sm_probe_no(r, 0, "waitid(P_PIDFD) told of pid %d, status %d", (int)info.si_pid,
			    info.si_status);
	else
		sm_probe_yes(r, "reaped a child");
}

/* The child alone holds the write end: what comes out of the pipe went in by the copy. */
void sm_probe_f_pidfd_getfd(struct sm_probe_result *r)
{
	int ends[2], fd, copy;
	char byte = 0;
	pid_t pid;

	if (pipe(ends) < 0) {
		sm_probe_dunno(r, errno, "pipe");
		return;
	}
	pid = subject(r, &fd);
	if (pid < 0)
		return;
	close(ends[1]);
	copy = (int)syscall(SYS_pidfd_getfd, fd, ends[1], 0);
	if (copy < 0)
		sm_probe_no(r, errno, "pidfd_getfd");
	else if (write(copy, "x", 1) != 1 || read(ends[0], &byte, 1) != 1 || byte != 'x')
		sm_probe_no(r, errno, "pidfd_getfd gave another descriptor");
	else
		sm_probe_yes(r, "got a child's pipe");
}

void sm_probe_f_pidfd_thread(struct sm_probe_result *r)
{
	int fd = open_pidfd(getpid(), SM_PIDFD_THREAD);

	if (fd < 0)
		sm_probe_no(r, errno, "pidfd_open(PIDFD_THREAD)");
	else if (signal_pidfd(fd, 0) < 0)
		sm_probe_no(r, errno, "pidfd_send_signal to a thread");
	else
		sm_probe_yes(r, "opened a thread, and it can be signalled");
}

void sm_probe_f_pidfd_info(struct sm_probe_result *r)
{
	struct sm_pidfd_info info = { .mask = SM_PIDFD_INFO_PID };
	int fd;
	pid_t pid = subject(r, &fd);

	if (pid < 0)
		return;
	if (ioctl(fd, SM_PIDFD_GET_INFO, &info) < 0)
		sm_probe_no(r, errno, "ioctl(PIDFD_GET_INFO)");
	else if ((pid_t)info.pid != pid || (pid_t)info.ppid != getpid())
		sm_probe_no(r, 0, "told pid %u, parent %u", info.pid, info.ppid);
	else
		sm_probe_yes(r, "told pid and parent of a child");
}
