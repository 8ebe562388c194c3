/* SPDX-License-Identifier: MIT */
/*
 * proc.h - what /proc tells of a process. Not async-signal-safe.
 */
#ifndef SM_PROC_H
#define SM_PROC_H

#include <stdint.h>
#include <sys/types.h>

/* Field n (as proc(5) counts, > 2; 3 is a letter) of /proc/PID/stat; -1: gone. */
int64_t sm_proc_stat(pid_t pid, int n);

/*
 * The children of a process that have not been reaped, in *list, which the caller frees. How many,
 * or -errno. In no order; of one that is not there: none.
 */
int sm_children(pid_t pid, pid_t **list);
/* The same by a look at each process of the machine, as for a kernel without PROC_CHILDREN. */
int sm_children_scan(pid_t pid, pid_t **list);

#endif
