/* SPDX-License-Identifier: MIT */
/*
 * main.c - sm_host_main(): a host program of one strategy, from its job to its exit status.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "../spawnmark.h"

/* FD of "host/NAME/FD"; -1: another job, or no open descriptor. */
static int job_fd(const char *job)
{
	const char *slash = job ? strrchr(job, '/') : NULL;
	char *end;
	long fd;

	if (!slash || strncmp(job, "host/", 5) || slash < job + 5)
		return -1;
	errno = 0;
	fd = strtol(slash + 1, &end, 10);
	if (errno || end == slash + 1 || *end || fd < 0 || fd > INT_MAX)
		return -1;
	return fcntl((int)fd, F_GETFD) < 0 ? -1 : (int)fd;
}

int sm_host_main(const struct sm_ops *ops, const struct sm_payload *payload)
{
	int fd = job_fd(getenv("SM_JOB"));

	if (fd < 0)
		return 2;
	unsetenv("SM_JOB"); /* it was for this process alone */
	return sm_host(ops, fd, payload) ? 1 : 0;
}
