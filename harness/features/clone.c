/* SPDX-License-Identifier: MIT */
/*
 * clone.c - probes: clone3(2) and the flags of both calls.
 */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../sys/sys.h"
#include "uapi.h"

#define NO_FD 0x7ffffff0

/* How many bytes of struct clone_args the kernel knows: beyond, it wants zeros. Clones nothing. */
static size_t known_bytes(void)
{
	union {
		struct clone_args args;
		uint64_t words[64];
	} u;
	size_t known = 0;

	for (size_t n = CLONE_ARGS_SIZE_VER0 / 8; n <= 64; n++) {
		memset(&u, 0, sizeof(u));
		u.args.exit_signal = UINT64_MAX; /* EINVAL, in any case */
		u.words[n - 1] = 1;
		syscall(SYS_clone3, &u, n * 8);
		if (errno == E2BIG)
			break;
		known = n * 8;
	}
	return known;
}

void sm_probe_f_clone3(struct sm_probe_result *r)
{
	struct clone_args args = { .exit_signal = SIGCHLD };
	pid_t pid = sm_probe_clone3(&args, CLONE_ARGS_SIZE_VER0);

	if (pid == 0)
		_exit(7);
	if (pid < 0)
		sm_probe_no(r, -pid, "clone3");
	else if (sm_probe_wait(pid) != 7)
		sm_probe_no(r, 0, "clone3 gave pid %d, which is no child", (int)pid);
	else
		sm_probe_yes(r, "a child; %zu bytes of struct clone_args known", known_bytes());
}

void sm_probe_f_clone_pidfd(struct sm_probe_result *r)
{
	int fd = -1, status;
	long pid = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &fd, 0, 0);

	if (pid == 0)
		_exit(0);
	if (pid < 0) {
		sm_probe_no(r, errno, "clone(CLONE_PIDFD)");
		return;
	}
	status = sm_probe_wait((pid_t)pid);
	if (fd < 0 || status)
		sm_probe_no(r, 0, "clone(CLONE_PIDFD) passed over the flag");
	else if (!(fcntl(fd, F_GETFD) & FD_CLOEXEC))
		sm_probe_no(r, errno, "clone(CLONE_PIDFD) gave %d, no close-on-exec one", fd);
	else
		sm_probe_yes(r, "clone gave a close-on-exec pidfd");
}

void sm_probe_f_set_tid(struct sm_probe_result *r)
{
	int err = EEXIST;

	/* The number of a child that was reaped is free, until somebody else gets it. */
	for (int i = 0; i < 20 && err == EEXIST; i++) {
		pid_t tid = fork(), pid;
		struct clone_args args = { .exit_signal = SIGCHLD,
					   .set_tid = (uintptr_t)&tid,
					   .set_tid_size = 1 };

		if (tid == 0)
			_exit(0);
		if (tid < 0 || sm_probe_wait(tid)) {
			sm_probe_dunno(r, errno, "fork");
			return;
		}
		pid = sm_probe_clone3(&args, CLONE_ARGS_SIZE_VER1);
		if (pid == 0)
			_exit(0);
		if (pid == tid) {
			sm_probe_yes(r, "a child got the pid that was chosen");
			return;
		}
		err = pid < 0 ? -pid : 0;
	}
	sm_probe_no(r, err, "clone3(set_tid)");
}

static void do_nothing(int sig)
{
	(void)sig;
}

void sm_probe_f_clear_sighand(struct sm_probe_result *r)
{
	const struct sigaction handled = { .sa_handler = do_nothing };
	struct clone_args args = { .flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD };
	pid_t pid;
	int status;

	sigaction(SIGUSR1, &handled, NULL);
	pid = sm_probe_clone3(&args, CLONE_ARGS_SIZE_VER0);
	if (pid == 0) {
		struct sigaction seen;

		_exit(sigaction(SIGUSR1, NULL, &seen) || seen.sa_handler != SIG_DFL);
	}
	if (pid < 0) {
		sm_probe_no(r, -pid, "clone3(CLONE_CLEAR_SIGHAND)");
		return;
	}
	status = sm_probe_wait(pid);
	if (status)
		sm_probe_no(r, 0, "the child still has the handler");
	else
		sm_probe_yes(r, "the child's handler was back at its default");
}

/* No group can be made: a kernel that knows the flag looks at the descriptor. */
static void ask_for_cgroup_flag(struct sm_probe_result *r, int why)
{
	struct clone_args args = { .flags = CLONE_INTO_CGROUP,
				   .exit_signal = SIGCHLD,
				   .cgroup = NO_FD };
	pid_t pid = sm_probe_clone3(&args, CLONE_ARGS_SIZE_VER2);

	if (pid == 0)
		_exit(1);
	if (pid == -EBADF)
		sm_probe_yes(r, "EBADF for a bad descriptor; no group of version 2 to try: %s",
			     sm_probe_errno(why));
	else
		sm_probe_no(r, pid < 0 ? -pid : 0, "clone3(CLONE_INTO_CGROUP)");
}

void sm_probe_f_into_cgroup(struct sm_probe_result *r)
{
	struct clone_args args = { .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD };
	char dir[512], seen[512];
	int err = sm_probe_group("", dir, sizeof(dir)), fd, status;
	pid_t pid;

	if (err) {
		ask_for_cgroup_flag(r, -err);
		return;
	}
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		sm_probe_dunno(r, errno, "open %s", dir);
		return;
	}
	args.cgroup = (uint64_t)fd;
	pid = sm_probe_clone3(&args, CLONE_ARGS_SIZE_VER2);
	if (pid == 0)
		_exit(sm_cgroup_own("", seen, sizeof(seen)) || strcmp(seen, dir) != 0);
	status = pid < 0 ? pid : sm_probe_wait(pid);
	if (pid < 0)
		sm_probe_no(r, -pid, "clone3(CLONE_INTO_CGROUP)");
	else if (status)
		sm_probe_no(r, 0, "the child was born elsewhere");
	else
		sm_probe_yes(r, "a child was born in a group of version 2");
	close(fd);
}

/* Is the caller in another time namespace than `before` says? */
static int elsewhere(const char *before)
{
	char link[64] = "";

	return readlink("/proc/self/ns/time", link, sizeof(link) - 1) < 0 || !strcmp(link, before);
}

static int time_by_unshare(void *before)
{
	pid_t pid;

	if (unshare(CLONE_NEWTIME) < 0)
		return errno & 127;
	pid = fork(); /* the caller itself stays */
	if (!pid)
		_exit(elsewhere(before));
	return pid < 0 ? errno & 127 : (sm_probe_wait(pid) ? 127 : 0);
}

void sm_probe_f_time_ns(struct sm_probe_result *r)
{
	struct clone_args args = { .flags = CLONE_NEWTIME, .exit_signal = SIGCHLD };
	char before[64] = "";
	pid_t pid;
	int err;

	if (readlink("/proc/self/ns/time", before, sizeof(before) - 1) < 0) {
		sm_probe_no(r, errno, "/proc/self/ns/time");
		return;
	}
	pid = sm_probe_clone3(&args, CLONE_ARGS_SIZE_VER0);
	if (pid == 0)
		_exit(elsewhere(before));
	if (pid > 0 && sm_probe_wait(pid) == 0) {
		sm_probe_yes(r, "clone3 made a child in one of its own");
		return;
	}
	err = sm_probe_try(time_by_unshare, before);
	if (err)
		sm_probe_no(r, err > 0 && err < 127 ? err : 0, "unshare(CLONE_NEWTIME)");
	else
		sm_probe_yes(r, "unshare and fork; not clone3: %s",
			     sm_probe_errno(pid < 0 ? -pid : 0));
}

/* Clones for its parent. Status: the errno, 0 for a child that the parent will find. */
static int clone_for_parent(void *arg)
{
	pid_t pid = sm_raw_clone(CLONE_PARENT | *(const unsigned long *)arg | SIGCHLD);

	if (pid == 0)
		_exit(getpid() == 1 ? 11 : 12);
	return pid < 0 ? -pid & 127 : 0;
}

void sm_probe_f_parent_newpid(struct sm_probe_result *r)
{
	unsigned long flags = CLONE_NEWPID;
	int err = sm_probe_try(clone_for_parent, &flags), status;

	if (err == EPERM) { /* comes after the flags were found good, and still proves nothing */
		flags |= CLONE_NEWUSER;
		err = sm_probe_try(clone_for_parent, &flags);
	}
	if (err) {
		sm_probe_no(r, err > 0 ? err : 0, "clone(CLONE_PARENT | CLONE_NEWPID)");
		return;
	}
	status = sm_probe_wait(-1);
	if (status == 11)
		sm_probe_yes(r, "a sibling is pid 1 of its own namespace%s",
			     flags & CLONE_NEWUSER ? ", with CLONE_NEWUSER" : "");
	else
		sm_probe_no(r, 0, "no such sibling: status %d", status);
}

/* The flags that came with it, which need it. */
static const char *taken(uint64_t flags)
{
	int fd = -1;
	struct clone_args args = { .flags = CLONE_PIDFD | flags, .pidfd = (uintptr_t)&fd };
	pid_t pid = sm_probe_clone3(&args, CLONE_ARGS_SIZE_VER0);

	if (pid == 0)
		_exit(0);
	return pid < 0 ? sm_probe_errno(-pid) : "taken";
}

void sm_probe_f_autoreap(struct sm_probe_result *r)
{
	int fd = -1;
	struct clone_args args = { .flags = SM_CLONE_AUTOREAP | CLONE_PIDFD,
				   .pidfd = (uintptr_t)&fd };
	struct pollfd end = { .events = POLLIN };
	pid_t pid = sm_probe_clone3(&args, CLONE_ARGS_SIZE_VER0);

	if (pid == 0)
		_exit(0);
	if (pid < 0) {
		sm_probe_no(r, -pid, "clone3(CLONE_AUTOREAP)");
		return;
	}
	end.fd = fd;
	if (poll(&end, 1, 1000) != 1)
		sm_probe_no(r, 0, "the child's pidfd does not tell its end");
	else if (waitpid(pid, NULL, __WALL) != -1 || errno != ECHILD)
		sm_probe_no(r, 0, "the child was left to be reaped");
	else
		sm_probe_yes(r, "reaped by itself; CLONE_NNP %s, CLONE_PIDFD_AUTOKILL %s",
			     taken(SM_CLONE_NNP),
			     taken(SM_CLONE_AUTOREAP | SM_CLONE_NNP | SM_CLONE_PIDFD_AUTOKILL));
}
