/* SPDX-License-Identifier: MIT */
/* doctor_cpu.c - the processor: its clock, its sleep, who shares it; see doctor.h. */
#include "doctor.h"

#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "../host/host.h"
#include "virtual.h"

#define CPU_DIR "/sys/devices/system/cpu/"
/* Waking from a state that takes longer is seen in a spawn of a few ten microseconds. */
#define IDLE_MOST_US 20

enum sm_seen sm_look_governor(const struct sm_patient *p, struct sm_sign *sign)
{
	char one[64], odd[64] = "";
	int n = 0, all = 0;

	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!sm_patient_cpu_line(p, cpu, "cpufreq/scaling_governor", one, sizeof(one)))
			continue;
		all++;
		if (strcmp(one, "performance") == 0)
			continue;
		n++;
		snprintf(odd, sizeof(odd), "%s", one);
	}
	snprintf(sign->evidence, sizeof(sign->evidence), "governor %s on %d of %d CPUs", odd, n,
		 all);
	return !all ? SM_SEEN_UNKNOWN : n ? SM_SEEN : SM_SEEN_NOT;
}

enum sm_seen sm_look_turbo(const struct sm_patient *p, struct sm_sign *sign)
{
	static const char *const files[] = { CPU_DIR "intel_pstate/no_turbo",
					     CPU_DIR "cpufreq/boost" };
	static const int on[] = { 0, 1 };
	enum sm_seen seen = SM_SEEN_UNKNOWN;

	for (int i = 0; i < 2 && seen != SM_SEEN; i++) {
		int64_t v = sm_patient_number(p, files[i]);

		if (v < 0)
			continue;
		seen = v == on[i] ? SM_SEEN : SM_SEEN_NOT;
		snprintf(sign->evidence, sizeof(sign->evidence), "%s is %d", files[i], (int)v);
		snprintf(sign->help, sizeof(sign->help), "echo %d > %s", !on[i], files[i]);
	}
	return seen;
}

enum sm_seen sm_look_idle(const struct sm_patient *p, struct sm_sign *sign)
{
	int64_t deepest = -1;
	char name[64] = "", path[80];

	for (int i = 0; i < 16; i++) {
		int64_t us, off;

		snprintf(path, sizeof(path), "cpuidle/state%d/latency", i);
		us = sm_patient_cpu_number(p, p->cpu, path);
		snprintf(path, sizeof(path), "cpuidle/state%d/disable", i);
		off = sm_patient_cpu_number(p, p->cpu, path);
		if (us <= deepest || off > 0)
			continue;
		deepest = us;
		snprintf(path, sizeof(path), "cpuidle/state%d/name", i);
		sm_patient_cpu_line(p, p->cpu, path, name, sizeof(name));
	}
	snprintf(sign->evidence, sizeof(sign->evidence), "%s takes CPU %d %lld us to leave", name,
		 p->cpu, (long long)deepest);
	snprintf(sign->help, sizeof(sign->help), "cpupower -c %d idle-set -D %d", p->cpu,
		 IDLE_MOST_US + 1);
	return deepest < 0 ? SM_SEEN_UNKNOWN : deepest > IDLE_MOST_US ? SM_SEEN : SM_SEEN_NOT;
}

enum sm_seen sm_look_thermal(const struct sm_patient *p, struct sm_sign *sign)
{
	int64_t n = sm_patient_cpu_number(p, p->cpu, "thermal_throttle/core_throttle_count");

	snprintf(sign->evidence, sizeof(sign->evidence), "CPU %d was slowed down %lld times",
		 p->cpu, (long long)n);
	return n < 0 ? SM_SEEN_UNKNOWN : n ? SM_SEEN : SM_SEEN_NOT;
}

enum sm_seen sm_look_smt(const struct sm_patient *p, struct sm_sign *sign)
{
	int64_t active = sm_patient_number(p, CPU_DIR "smt/active");
	char list[256];

	if (!sm_patient_cpu_line(p, p->cpu, "topology/thread_siblings_list", list, sizeof(list)))
		return SM_SEEN_UNKNOWN;
	for (int cpu = 0; cpu < CPU_SETSIZE && active != 0; cpu++) {
		if (cpu == p->cpu || !sm_cpulist_has(list, cpu))
			continue;
		snprintf(sign->evidence, sizeof(sign->evidence),
			 "CPU %d, which measures, shares its core with CPU %d", p->cpu, cpu);
		snprintf(sign->help, sizeof(sign->help), "echo 0 > " CPU_DIR "cpu%d/online", cpu);
		return SM_SEEN;
	}
	return SM_SEEN_NOT;
}

enum sm_seen sm_look_isolation(const struct sm_patient *p, struct sm_sign *sign)
{
	char isolated[256], tickless[256];
	bool alone, quiet;

	sm_patient_line(p, CPU_DIR "isolated", isolated, sizeof(isolated));
	sm_patient_line(p, CPU_DIR "nohz_full", tickless, sizeof(tickless));
	alone = sm_cpulist_has(isolated, p->cpu);
	quiet = sm_cpulist_has(tickless, p->cpu);
	snprintf(sign->evidence, sizeof(sign->evidence), "CPU %d is %s%s%s", p->cpu,
		 alone ? "" : "not isolated", alone || quiet ? "" : ", ",
		 quiet ? "" : "not in nohz_full");
	snprintf(sign->help, sizeof(sign->help),
		 "kernel parameters isolcpus=domain,managed_irq,%d nohz_full=%d rcu_nocbs=%d, and "
		 "then: taskset -c 0,%d build/spawnmark run ...",
		 p->cpu, p->cpu, p->cpu, p->cpu);
	return alone && quiet ? SM_SEEN_NOT : SM_SEEN;
}

enum sm_seen sm_look_one_cpu(const struct sm_patient *p, struct sm_sign *sign)
{
	snprintf(sign->evidence, sizeof(sign->evidence), "%d CPU", p->ncpus);
	return !p->ncpus ? SM_SEEN_UNKNOWN : p->ncpus == 1 ? SM_SEEN : SM_SEEN_NOT;
}

enum sm_seen sm_look_clocksource(const struct sm_patient *p, struct sm_sign *sign)
{
	static const char dir[] = "/sys/devices/system/clocksource/clocksource0/";
	char now[64], all[128], path[128];

	snprintf(path, sizeof(path), "%savailable_clocksource", dir);
	sm_patient_line(p, path, all, sizeof(all));
	snprintf(path, sizeof(path), "%scurrent_clocksource", dir);
	if (!sm_patient_line(p, path, now, sizeof(now)))
		return SM_SEEN_UNKNOWN;
	snprintf(sign->evidence, sizeof(sign->evidence), "clocksource %s; there are: %s", now, all);
	if (strstr(all, "tsc"))
		snprintf(sign->help, sizeof(sign->help), "echo tsc > %s", path);
	/* The second is arm64's own counter, as good. */
	return strcmp(now, "tsc") && strcmp(now, "arch_sys_counter") ? SM_SEEN : SM_SEEN_NOT;
}

enum sm_seen sm_look_virtual(const struct sm_patient *p, struct sm_sign *sign)
{
	double ns = p->root[0] ? -1 : sm_cpuid_ns();
	int is = sm_virtual(p->root);

	if (is <= 0)
		return is < 0 ? SM_SEEN_UNKNOWN : SM_SEEN_NOT;
	snprintf(sign->evidence, sizeof(sign->evidence), "a virtual machine");
	if (ns > 0)
		snprintf(sign->evidence, sizeof(sign->evidence),
			 "a virtual machine; one CPUID takes %.3g us", ns / 1000);
	return SM_SEEN;
}

enum sm_seen sm_look_mitigations(const struct sm_patient *p, struct sm_sign *sign)
{
	char path[PATH_MAX], line[512];
	int n = 0, all = 0;
	bool pti = false;
	struct dirent *e;
	DIR *dir;

	snprintf(path, sizeof(path), "%s" CPU_DIR "vulnerabilities", p->root);
	dir = opendir(path);
	while (dir && (e = readdir(dir))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), CPU_DIR "vulnerabilities/%s", e->d_name);
		sm_patient_line(p, path, line, sizeof(line));
		all++;
		n += strncmp(line, "Mitigation", 10) == 0;
		pti = pti || strstr(line, "PTI");
	}
	if (dir)
		closedir(dir);
	snprintf(sign->evidence, sizeof(sign->evidence), "%d of %d vulnerabilities mitigated%s", n,
		 all, pti ? ", page table isolation (PTI) among them" : "");
	return !all ? SM_SEEN_UNKNOWN : n ? SM_SEEN : SM_SEEN_NOT;
}
