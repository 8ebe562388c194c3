/* SPDX-License-Identifier: MIT */
/*
 * fd.c - probes: descriptors by the range, programs by descriptor.
 */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Three descriptors in a row, the first of which is returned; -1. */
static int three(void)
{
	int first = fcntl(STDIN_FILENO, F_DUPFD, 100);

	for (int i = 1; first >= 0 && i < 3; i++) {
		if (dup2(STDIN_FILENO, first + i) < 0)
			return -1;
	}
	return first;
}

static int close_span(int first, int last, unsigned int flags)
{
	return (int)syscall(SYS_close_range, first, last, flags);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

void sm_probe_f_close_range(struct sm_probe_result *r)
{
	int first = three();

	if (first < 0)
		sm_probe_dunno(r, errno, "dup");
	else if (close_span(first, first + 1, 0) < 0)
		sm_probe_no(r, errno, "close_range");
	else if (is_open(first) || is_open(first + 1) || !is_open(first + 2))
		sm_probe_no(r, 0, "close_range closed others");
	else
		sm_probe_yes(r, "closed two of three");
}

void sm_probe_f_close_range_cloexec(struct sm_probe_result *r)
{
	int first = three();

	if (first < 0)
		sm_probe_dunno(r, errno, "dup");
	else if (close_span(first, first + 1, CLOSE_RANGE_CLOEXEC) < 0)
		sm_probe_no(r, errno, "close_range(CLOSE_RANGE_CLOEXEC)");
	else if (fcntl(first, F_GETFD) != FD_CLOEXEC || fcntl(first + 1, F_GETFD) != FD_CLOEXEC ||
		 fcntl(first + 2, F_GETFD) != 0)
		sm_probe_no(r, 0, "close_range marked others");
	else
		sm_probe_yes(r, "marked two of three");
}

static int exec_fd(void *arg)
{
	char name[] = "true", *argv[] = { name, NULL }, *envp[] = { NULL };

	syscall(SYS_execveat, *(int *)arg, "", argv, envp, AT_EMPTY_PATH);
	return errno & 127;
}

void sm_probe_f_execveat(struct sm_probe_result *r)
{
	int fd = open("/bin/true", O_PATH | O_CLOEXEC), status;

	if (fd >= 0) {
		status = sm_probe_try(exec_fd, &fd);
		if (!status)
			sm_probe_yes(r, "ran /bin/true by its descriptor");
		else
			sm_probe_no(r, status < 128 ? status : 0, "execveat(AT_EMPTY_PATH)");
		return;
	}
	/* A file without any format is what the call says when it got that far. */
	fd = (int)syscall(SYS_memfd_create, "empty", 0);
	if (fd < 0) {
		sm_probe_dunno(r, errno, "no /bin/true; memfd_create");
		return;
	}
	status = sm_probe_try(exec_fd, &fd);
	if (status == ENOEXEC)
		sm_probe_yes(r, "got as far as the format of an empty file");
	else
		sm_probe_no(r, status < 128 ? status : 0, "execveat(AT_EMPTY_PATH)");
}
