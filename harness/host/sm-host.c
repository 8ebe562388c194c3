/* SPDX-License-Identifier: MIT */
/*
 * sm-host.c - the host for strategies that do not clone the parent: nothing but the library, so
 * that the parent's image is as small as it can be. The others use the payload as their host.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../spawnmark.h"

/* Exit codes as every program of the suite has them. */
enum { GOOD = 0, FAILED = 1, USAGE = 2 };

static int usage(const char *what, const char *job)
{
	fprintf(stderr, "sm-host: %s: %s; expected SM_JOB=host/STRATEGY/FD\n", what,
		job ? job : "(not set)");
	return USAGE;
}

int main(void)
{
	const char *job = getenv("SM_JOB");
	const struct sm_ops *ops;
	char name[64];
	int fd, end = 0, err;

	if (!job || sscanf(job, "host/%63[^/]/%d%n", name, &fd, &end) != 2 || job[end])
		return usage("bad job", job);
	ops = sm_strategy(name);
	if (!ops)
		return usage("no such strategy", job);
	if (fcntl(fd, F_GETFD) < 0)
		return usage("not an open descriptor", job);
	unsetenv("SM_JOB"); /* it was for this process alone */
	err = sm_host(ops, fd, NULL);
	if (err)
		fprintf(stderr, "sm-host: %s: %s\n", name, strerror(-err));
	return err ? FAILED : GOOD;
}
