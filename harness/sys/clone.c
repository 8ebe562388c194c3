/* SPDX-License-Identifier: MIT */
/*
 * clone.c - the bare clone(2), for servers that must choose flags which fork(3) does not offer.
 */
#include "sys.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

pid_t sm_raw_clone(unsigned long flags)
{
	/*
	 * clone(2) lists the order of the last two arguments as {tid, tls} on x86-64 and
	 * {tls, tid} on arm64. Both are zero here, as is the stack (the child goes on with a copy
	 * of the caller's), so one call serves both.
	 */
	long pid = syscall(SYS_clone, flags, 0, 0, 0, 0);

	return pid < 0 ? -errno : (pid_t)pid;
}

pid_t sm_raw_clone_tids(unsigned long flags, int *parent_tid, int *child_tid)
{
	/* child_tid in both places: without CLONE_SETTLS nobody reads tls. */
	long pid = syscall(SYS_clone, flags, 0, parent_tid, child_tid, child_tid);

	return pid < 0 ? -errno : (pid_t)pid;
}

pid_t sm_raw_clone3(const void *args, size_t size)
{
	long pid = syscall(SYS_clone3, args, size);

	return pid < 0 ? -errno : (pid_t)pid;
}
