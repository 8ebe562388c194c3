/* SPDX-License-Identifier: MIT */
/*
 * cgroup.h - one control group per host, so that all CPU time spent on its behalf can be read
 * and all that it leaves behind can be found and killed.
 *
 * Version 2 first (cpu.stat needs no controller), also where it is mounted beside version 1;
 * then version 1's cpuacct. Where neither can be had the base says SM_ACCT_RUSAGE and groups are
 * empty shells whose functions do nothing.
 */
#ifndef SM_CGROUP_H
#define SM_CGROUP_H

#include <stdbool.h>
#include <sys/types.h>

#include "run.h"

/* The group that holds this run's groups. */
struct sm_cgroup_base {
	enum sm_accounting accounting;
	char dir[512]; /* "" where accounting is SM_ACCT_RUSAGE */
	int next;      /* number of the next group */
	int lock;      /* on dir, as long as the run lives; -1: none */
};

struct sm_cgroup {
	enum sm_accounting accounting;
	char dir[544];
};

/*
 * Makes the base group below the caller's own and proves that it counts: the file system is what
 * it should be (statfs), a member reads itself back. Never fails: falls back to rusage. Removes
 * groups that runs have left behind which were killed: those that nobody has locked.
 */
void sm_cgroup_base_open(struct sm_cgroup_base *base);
void sm_cgroup_base_close(struct sm_cgroup_base *base);

int sm_cgroup_make(struct sm_cgroup_base *base, struct sm_cgroup *cg); /* 0 or -errno */
/* Moves the caller in. Async-signal-safe: for a child before its exec. 0 or -errno. */
int sm_cgroup_enter(const struct sm_cgroup *cg);
/* CPU time of all members, dead or alive; all -1 without a group. 0 or -errno. */
int sm_cgroup_cpu(const struct sm_cgroup *cg, struct sm_cpu *cpu);
/* SIGKILL to every member, and again to those that were born meanwhile; bounded. */
void sm_cgroup_kill(const struct sm_cgroup *cg);
/* True when no live member is left. */
bool sm_cgroup_empty(const struct sm_cgroup *cg);
/* Removes the group; its members must have been reaped. 0 or -errno. */
int sm_cgroup_remove(struct sm_cgroup *cg);

/* "cgroup-v2", "cgroup-v1", "rusage"; NULL for SM_ACCT_NONE. */
const char *sm_accounting_name(enum sm_accounting accounting);

#endif
