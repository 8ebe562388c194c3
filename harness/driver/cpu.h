/* SPDX-License-Identifier: MIT */
/*
 * cpu.h - which CPU measures and which one the driver keeps to.
 *
 *   same     parent, server and children on one CPU: the measured one, the last that we may use
 *   sibling  on two: the measured CPU and the other thread of its core, or, where a core has one
 *            thread (or hides it, as many VMs do), the next CPU
 *   free     on every CPU that we may use
 *
 * The driver keeps off the measured CPU where it has another one.
 */
#ifndef SM_CPU_H
#define SM_CPU_H

#include <sched.h>
#include <stdbool.h>

#include "plan.h"

struct sm_cpuset {
	cpu_set_t bits; /* up to CPU_SETSIZE (1024) CPUs */
};

struct sm_cpus {
	int list[CPU_SETSIZE]; /* those we may use, ascending */
	int n;
	struct sm_cpuset before; /* the caller's own, to be restored */
};

int sm_cpus_open(struct sm_cpus *cpus); /* 0 or -errno */
/* Keeps the calling process off the measured CPU; returns false where there is only one. */
bool sm_cpus_stand_aside(const struct sm_cpus *cpus);
void sm_cpus_restore(const struct sm_cpus *cpus);

void sm_cpus_for(const struct sm_cpus *cpus, enum sm_pin pin, struct sm_cpuset *set);
/* The CPU of host i of a throughput point: 0 is the measured one. */
void sm_cpus_nth(const struct sm_cpus *cpus, int i, struct sm_cpuset *set);

bool sm_cpuset_has(const struct sm_cpuset *set, int cpu);

#endif
