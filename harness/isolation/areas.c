/* SPDX-License-Identifier: MIT */
/*
 * areas.c - a canary in the environment of another process.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "canary.h"
#include "maps.h"

/* More than any environment that execve(2) takes by default needs: where a canary is sought. */
#define ENV_BYTES_MAX (256u * 1024)

uint64_t sm_environ_find(pid_t pid, const struct sm_masked *canary, const struct sm_masked *mask)
{
	struct sm_areas areas;
	struct iovec local, remote;
	ssize_t got, at = -1;
	void *buf;

	if (sm_areas_read(pid, &areas) || areas.env_end - areas.env_start > ENV_BYTES_MAX)
		return 0;
	buf = malloc(ENV_BYTES_MAX);
	if (!buf)
		return 0;
	local = (struct iovec){ buf, ENV_BYTES_MAX };
	remote = (struct iovec){ (void *)(uintptr_t)areas.env_start,
				 areas.env_end - areas.env_start };
	got = (ssize_t)syscall(SYS_process_vm_readv, pid, &local, 1, &remote, 1, 0);
	if (got > 0) {
		at = sm_canary_find(buf, (size_t)got, canary, mask);
		explicit_bzero(buf, (size_t)got);
	}
	free(buf);
	return at < 0 ? 0 : areas.env_start + (uint64_t)at;
}
