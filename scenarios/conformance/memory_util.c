/* SPDX-License-Identifier: MIT */
/*
 * memory_util.c - see memory_util.h.
 */
#include "memory_util.h"

#include <errno.h>
#include <sys/uio.h>

int sm_read_word(pid_t pid, uint64_t addr, int64_t *word)
{
	struct iovec local = { word, sizeof(*word) };
	struct iovec remote = { (void *)(uintptr_t)addr, sizeof(*word) };
	ssize_t n = process_vm_readv(pid, &local, 1, &remote, 1, 0);

	return n < 0 ? -errno : n == (ssize_t)sizeof(*word) ? 0 : -EFAULT;
}
