/* SPDX-License-Identifier: MIT */
/*
 * wait.c - collecting a direct child, with and without a deadline.
 */
#include "sys.h"

#include <errno.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Ends a child that got SIGKILL: longer than any exit of a healthy kernel, short of for ever. */
#define KILL_WAIT_MS 10000

static int64_t timeval_ns(const struct timeval *tv)
{
	return (int64_t)tv->tv_sec * 1000000000 + (int64_t)tv->tv_usec * 1000;
}

/* 1: collected, 0: still runs (WNOHANG), or -errno. */
static int collect(pid_t pid, int options, struct sm_exit *exit)
{
	struct rusage ru;
	int status;
	pid_t got;

	do { /* __WALL: the exit signal of a raw clone need not be SIGCHLD */
		got = wait4(pid, &status, options | __WALL, &ru);
	} while (got < 0 && errno == EINTR);
	if (got <= 0)
		return got < 0 ? -errno : 0;
	if (exit) {
		exit->status = status;
		exit->utime_ns = timeval_ns(&ru.ru_utime);
		exit->stime_ns = timeval_ns(&ru.ru_stime);
		exit->minflt = ru.ru_minflt;
		exit->majflt = ru.ru_majflt;
		exit->nvcsw = ru.ru_nvcsw;
		exit->nivcsw = ru.ru_nivcsw;
	}
	return 1;
}

/* Sleeps until the child may have ended, at most ns. pidfd < 0: a kernel before 5.3 looks often. */
static void pause_for(int pidfd, int64_t ns)
{
	const int64_t nap = 1000000;
	struct timespec ts;

	if (pidfd < 0 && ns > nap)
		ns = nap;
	ts.tv_sec = ns / 1000000000;
	ts.tv_nsec = ns % 1000000000;
	if (pidfd < 0) {
		nanosleep(&ts, NULL);
	} else {
		struct pollfd p = { .fd = pidfd, .events = POLLIN };

		ppoll(&p, 1, &ts, NULL);
	}
}

int sm_wait_child(pid_t pid, int timeout_ms, struct sm_exit *exit)
{
	int64_t end;
	int pidfd, got;

	if (pid <= 0 || (exit && exit->size < sizeof(*exit)))
		return -EINVAL;
	if (timeout_ms < 0) {
		got = collect(pid, 0, exit);
		return got < 0 ? got : 0;
	}
	got = collect(pid, WNOHANG, exit);
	if (got)
		return got < 0 ? got : 0;

	end = sm_now_ns() + (int64_t)timeout_ms * 1000000;
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0); /* close-on-exec by itself */
	for (;;) {
		int64_t left = end - sm_now_ns();

		if (left > 0)
			pause_for(pidfd, left);
		got = collect(pid, WNOHANG, exit);
		if (got || left <= 0)
			break;
	}
	if (pidfd >= 0)
		close(pidfd);
	if (!got)
		return -ETIMEDOUT;
	return got < 0 ? got : 0;
}

void sm_kill_child(pid_t pid)
{
	if (pid <= 0) /* 0 and -1 would be a whole group, and everybody */
		return;
	kill(pid, SIGKILL);
	sm_wait_child(pid, KILL_WAIT_MS, NULL);
}
