/* SPDX-License-Identifier: MIT */
/* cpu.c - see cpu.h. */
#include "cpu.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "meter.h"

int sm_cpus_open(struct sm_cpus *cpus)
{
	cpus->n = 0;
	if (sched_getaffinity(0, sizeof(cpus->before.bits), &cpus->before.bits) < 0)
		return -errno;
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &cpus->before.bits))
			cpus->list[cpus->n++] = i;
	return 0;
}

bool sm_cpuset_has(const struct sm_cpuset *set, int cpu)
{
	return cpu >= 0 && cpu < CPU_SETSIZE && CPU_ISSET(cpu, &set->bits);
}

static void only(struct sm_cpuset *set, int cpu)
{
	CPU_ZERO(&set->bits);
	CPU_SET(cpu, &set->bits);
}

bool sm_cpus_stand_aside(const struct sm_cpus *cpus)
{
	struct sm_cpuset set = cpus->before;

	if (cpus->n < 2)
		return false;
	CPU_CLR(cpus->list[cpus->n - 1], &set.bits);
	return sched_setaffinity(0, sizeof(set.bits), &set.bits) == 0;
}

void sm_cpus_restore(const struct sm_cpus *cpus)
{
	sched_setaffinity(0, sizeof(cpus->before.bits), &cpus->before.bits);
}

/* The usable CPU nearest to the measured one: its core's other thread, else its neighbour. */
static int sibling_of(const struct sm_cpus *cpus, int cpu)
{
	char path[96], text[256], *save = NULL;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list",
		 cpu);
	if (sm_slurp(path, text, sizeof(text)) > 0) {
		for (char *at = strtok_r(text, ",-\n", &save); at;
		     at = strtok_r(NULL, ",-\n", &save)) {
			int other = atoi(at);

			if (other != cpu && sm_cpuset_has(&cpus->before, other))
				return other;
		}
	}
	return cpus->n > 1 ? cpus->list[cpus->n - 2] : cpu;
}

void sm_cpus_for(const struct sm_cpus *cpus, enum sm_pin pin, struct sm_cpuset *set)
{
	int measured = cpus->list[cpus->n - 1];

	only(set, measured);
	if (pin == SM_PIN_FREE)
		*set = cpus->before;
	else if (pin == SM_PIN_SIBLING)
		CPU_SET(sibling_of(cpus, measured), &set->bits);
}

void sm_cpus_nth(const struct sm_cpus *cpus, int i, struct sm_cpuset *set)
{
	only(set, cpus->list[cpus->n - 1 - i % cpus->n]);
}
