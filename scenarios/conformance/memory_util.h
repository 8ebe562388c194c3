/* SPDX-License-Identifier: MIT */
/*
 * memory_util.h - looking into a process's memory from outside.
 */
#ifndef SM_CONFORMANCE_MEMORY_UTIL_H
#define SM_CONFORMANCE_MEMORY_UTIL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* By process_vm_readv(2); one's own included. 0 or -errno; -EFAULT: nothing is mapped there. */
int sm_read_word(pid_t pid, uint64_t addr, int64_t *word);

#endif
