/* SPDX-License-Identifier: MIT */
/*
 * identity_pidfd.c - a pidfd that comes with the child, made by the clone: no pid was looked up.
 */
#include "group.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exit_util.h"

/* Whose pidfd it is, as the caller's namespace counts; -1: of nobody any more, or no pidfd. */
static int pid_behind(int fd)
{
	char path[64], line[128];
	int pid = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Pid: %d", &pid) == 1)
			break;
	}
	if (f)
		fclose(f);
	return pid;
}

static int is_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static int comes_with_child(struct sm_cell *c)
{
	int whose[2], flags[2], before, after, err;
	struct sm_kid kid, other;

	err = sm_exit_spawn(c, &kid, "7");
	if (err)
		return sm_trouble(c, err, "a child");
	err = sm_exit_spawn(c, &other, "0");
	if (err) {
		sm_kid_kill(c, &kid);
		return sm_trouble(c, err, "a second child");
	}
	whose[0] = pid_behind(kid.child.pidfd);
	whose[1] = pid_behind(other.child.pidfd);
	flags[0] = fcntl(kid.child.pidfd, F_GETFD);
	flags[1] = fcntl(other.child.pidfd, F_GETFD);
	before = is_readable(kid.child.pidfd);
	sm_exit_let_go(&kid);
	after = is_readable(kid.child.pidfd) && !is_readable(other.child.pidfd);
	sm_kid_kill(c, &other);
	err = sm_kid_wait(c, &kid);
	sm_kid_kill(c, &kid);
	if (err)
		return sm_trouble(c, err, "its end");
	return sm_judge(
		c,
		whose[0] == kid.child.pid && whose[1] == other.child.pid &&
			flags[0] == FD_CLOEXEC && flags[1] == FD_CLOEXEC && !before && after,
		"children %d and %d came with pidfds of %d and %d, close-on-exec %d and %d; "
		"at the first one's end %s alone is readable",
		kid.child.pid, other.child.pid, whose[0], whose[1], flags[0], flags[1],
		!before && after ? "its own" : "not its own");
}

static const struct sm_check checks[] = {
	{
		.id = "identity.pidfd.given",
		.row = "B12",
		.claim = "each child comes with a pidfd of its own, close-on-exec",
		.source = "clone(2) CLONE_PIDFD; unix(7) SCM_RIGHTS; spawnmark.h: sm_child.pidfd",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_CLONE_PIDFD),
		.only = SM_GIVES_PIDFD,
		.in_parent = comes_with_child,
		.in_child = sm_exit_when_told,
	},
};

SM_GROUP_AS(identity_pidfd, "identity", "Identity and parentage", checks);
