/* SPDX-License-Identifier: MIT */
/*
 * meter.h - what /proc and /sys tell: files as numbers, the machine's CPUs, one process's image.
 *
 * -1 is "cannot be known" everywhere.
 */
#ifndef SM_METER_H
#define SM_METER_H

#include <stddef.h>

#include "cpu.h"
#include "run.h"

/* Reads a small file, NUL-terminated, cut at size - 1. Returns its length or -errno. */
int sm_slurp(const char *path, char *text, size_t size);
/* Writes a string to an existing file. 0 or -errno. */
int sm_spit(const char *path, const char *text);
/* The number behind key at the start of a line of text, or -1. */
int64_t sm_field(const char *text, const char *key);
/* The number that the file holds, or -1. */
int64_t sm_slurp_number(const char *path);

/* Busy and stolen time of the CPUs in set (NULL: of all), since boot, in ns. */
struct sm_machine_time {
	int64_t busy_ns, steal_ns;
};
void sm_machine_time(const struct sm_cpuset *set, struct sm_machine_time *t);
/* The same from the text of /proc/stat, which is cut into pieces. */
void sm_machine_time_parse(char *text, const struct sm_cpuset *set, struct sm_machine_time *t);

/* State letter of a process, 0 when there is none. */
int sm_proc_state(pid_t pid);
pid_t sm_proc_ppid(pid_t pid); /* -1: none */
bool sm_proc_dying(pid_t pid); /* ending, or killed and not yet so far */
/* CPU time of one process from schedstat; of its reaped children from stat (10 ms ticks). */
int64_t sm_proc_cpu_ns(pid_t pid);
int64_t sm_proc_children_cpu_ns(pid_t pid);
int64_t sm_proc_minflt(pid_t pid);
int64_t sm_proc_fds(pid_t pid);
int64_t sm_proc_rss(pid_t pid);
void sm_proc_image(pid_t pid, struct sm_image *image);

/* One process's memory in bytes, from smaps_rollup and status. */
struct sm_proc_memory {
	int64_t pss, uss, rss, private_dirty, page_tables, minflt;
};
int sm_proc_memory(pid_t pid, struct sm_proc_memory *m); /* 0 or -errno */
int64_t sm_mem_available(void);                          /* bytes */

#endif
