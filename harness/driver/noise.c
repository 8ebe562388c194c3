/* SPDX-License-Identifier: MIT */
/* noise.c - see noise.h; formats: proc(5), Documentation/accounting/psi.rst, admin-guide/pm/cpufreq.rst. */
#include "noise.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../sys/sys.h"

/* Reading a clock may interrupt its CPU: of a large set the first ones stand for all. */
#define CLOCKS_MAX 8

static int slurp(const char *root, const char *name, char *text, size_t size)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s%s", root, name);
	return sm_slurp(path, text, size);
}

static void take_machine(const char *root, const struct sm_cpuset *set, struct sm_noise_at *at)
{
	char text[32768];

	at->machine.busy_ns = at->machine.steal_ns = -1;
	if (slurp(root, "/proc/stat", text, sizeof(text)) > 0)
		sm_machine_time_parse(text, set, &at->machine);
}

static void take_pressure(const char *root, struct sm_noise_at *at)
{
	char text[512], *avg, *total;

	at->psi_some_ns = -1;
	at->psi_avg10 = -1;
	if (slurp(root, "/proc/pressure/cpu", text, sizeof(text)) <= 0 || strncmp(text, "some ", 5))
		return;
	text[strcspn(text, "\n")] = 0;
	avg = strstr(text, " avg10=");
	total = strstr(text, " total=");
	if (avg)
		at->psi_avg10 = atof(avg + strlen(" avg10="));
	if (total)
		at->psi_some_ns = strtoll(total + strlen(" total="), NULL, 10) * 1000;
}

/* "0.20 0.18 0.12 3/80 11206": load over 1, 5 and 15 minutes, runnable of all tasks, the last pid */
static void take_load(const char *root, struct sm_noise_at *at)
{
	char text[128] = "";

	if (slurp(root, "/proc/loadavg", text, sizeof(text)) <= 0 ||
	    sscanf(text, "%lf %*f %*f %d/", &at->load1, &at->runnable) != 2) {
		at->load1 = -1;
		at->runnable = -1;
	}
}

static int64_t khz_of(const char *root, int cpu, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/sys/devices/system/cpu/cpu%d/cpufreq/%s", root, cpu, name);
	return sm_slurp_number(path);
}

static void take_clocks(const char *root, const struct sm_cpuset *set, struct sm_noise_at *at)
{
	at->khz_min = at->khz_sum = at->khz_max = at->khz_top = 0;
	at->khz_n = 0;
	for (int cpu = 0, seen = 0; cpu < CPU_SETSIZE && seen < CLOCKS_MAX; cpu++) {
		int64_t khz, top;

		if (!sm_cpuset_has(set, cpu))
			continue;
		seen++;
		khz = khz_of(root, cpu, "scaling_cur_freq");
		top = khz_of(root, cpu, "cpuinfo_max_freq");
		if (khz <= 0)
			continue;
		at->khz_min = at->khz_n && at->khz_min < khz ? at->khz_min : khz;
		at->khz_max = at->khz_max > khz ? at->khz_max : khz;
		at->khz_top = at->khz_top > top ? at->khz_top : top;
		at->khz_sum += khz;
		at->khz_n++;
	}
}

void sm_noise_take(const char *root, const struct sm_cpuset *set, struct sm_noise_at *at)
{
	at->cpus = CPU_COUNT(&set->bits);
	take_pressure(root, at);
	take_load(root, at);
	take_clocks(root, set, at);
	take_machine(root, set, at);
	at->at_ns = sm_now_ns();
}

static void add_clocks(struct sm_noise *n, const struct sm_noise_at *at)
{
	if (!at->khz_n)
		return;
	n->khz_min = n->khz_n && n->khz_min < at->khz_min ? n->khz_min : at->khz_min;
	n->khz_max = n->khz_max > at->khz_max ? n->khz_max : at->khz_max;
	n->khz_top = n->khz_top > at->khz_top ? n->khz_top : at->khz_top;
	n->khz_sum += at->khz_sum;
	n->khz_n += at->khz_n;
}

static int64_t between(int64_t a, int64_t b)
{
	return a < 0 || b < a ? -1 : b - a;
}

static void add(int64_t *sum, int64_t v)
{
	*sum = *sum < 0 || v < 0 ? -1 : *sum + v;
}

void sm_noise_add(struct sm_noise *n, const struct sm_noise_at *a, const struct sm_noise_at *b,
		  int64_t ours_ns)
{
	int64_t busy = between(a->machine.busy_ns, b->machine.busy_ns);
	struct sm_noise one = {
		.wall_ns = b->at_ns - a->at_ns,
		.cpu_ns = (b->at_ns - a->at_ns) * b->cpus,
		.steal_ns = between(a->machine.steal_ns, b->machine.steal_ns),
		.psi_some_ns = between(a->psi_some_ns, b->psi_some_ns),
		.others_ns = busy < 0 || ours_ns < 0 ? -1 : (busy > ours_ns ? busy - ours_ns : 0),
		.psi_avg10 = b->psi_avg10,
		.load1 = a->load1,
		.runnable = a->runnable,
		.cpus = b->cpus,
		.parts = 1,
	};

	add_clocks(&one, a);
	add_clocks(&one, b);
	sm_noise_merge(n, &one);
}

void sm_noise_merge(struct sm_noise *n, const struct sm_noise *part)
{
	const struct sm_noise_at clocks = { .khz_min = part->khz_min,
					    .khz_max = part->khz_max,
					    .khz_sum = part->khz_sum,
					    .khz_top = part->khz_top,
					    .khz_n = part->khz_n };

	n->wall_ns += part->wall_ns;
	n->cpu_ns += part->cpu_ns;
	add(&n->steal_ns, part->steal_ns);
	add(&n->others_ns, part->others_ns);
	add(&n->psi_some_ns, part->psi_some_ns);
	n->psi_avg10 = part->psi_avg10;
	if (!n->parts) { /* before anything of ours ran */
		n->load1 = part->load1;
		n->runnable = part->runnable;
	}
	n->cpus = n->cpus > part->cpus ? n->cpus : part->cpus;
	n->parts += part->parts;
	add_clocks(n, &clocks);
}

/* Ticks that the counter may owe to its own steps, of each part and CPU: so much is no evidence. */
static int64_t doubt_ns(const struct sm_noise *n, int ticks)
{
	return ticks * n->parts * n->cpus * (1000000000 / sysconf(_SC_CLK_TCK));
}

static double share(int64_t ns, int64_t doubt, int64_t of_ns)
{
	if (ns < 0 || of_ns <= 0)
		return -1;
	return ns > doubt ? 100 * (double)(ns - doubt) / (double)of_ns : 0;
}

/* Steal is counted to the ns and told in whole ticks. */
static double steal(const struct sm_noise *n)
{
	return share(n->steal_ns, doubt_ns(n, 1), n->cpu_ns);
}

/* Busy time is often no more than who was met at the ticks. */
static double others(const struct sm_noise *n)
{
	return share(n->others_ns, doubt_ns(n, 2), n->cpu_ns);
}

static double pressure(const struct sm_noise *n)
{
	return share(n->psi_some_ns, 0, n->wall_ns);
}

/* How far the clocks were below the highest. */
static double clock_loss(const struct sm_noise *n)
{
	if (!n->khz_n || n->khz_top <= 0)
		return -1;
	return 100 - 100 * (double)n->khz_sum / n->khz_n / (double)n->khz_top;
}

static const struct {
	const char *name, *what;
	size_t percent;                            /* field of struct sm_case */
	double (*share)(const struct sm_noise *n); /* in percent, at least; < 0: not known */
} bounds[SM_BOUND_COUNT] = {
	[SM_BOUND_STEAL] = { "steal", "steal", offsetof(struct sm_case, noise_steal), steal },
	[SM_BOUND_OTHERS] = { "others", "others' CPU time", offsetof(struct sm_case, noise_others),
			      others },
	[SM_BOUND_PSI] = { "psi", "CPU pressure", offsetof(struct sm_case, noise_psi), pressure },
	[SM_BOUND_CLOCK] = { "clock", "clock below its highest by",
			     offsetof(struct sm_case, noise_clock), clock_loss },
};

const char *sm_bound_name(enum sm_bound bound)
{
	return bounds[bound].name;
}

int sm_bound_of(const struct sm_case *c, enum sm_bound bound)
{
	return *(const int *)((const char *)c + bounds[bound].percent);
}

unsigned int sm_noise_judge(const struct sm_case *c, const struct sm_noise *n, char *text,
			    size_t size)
{
	unsigned int found = 0;
	size_t used = 0;

	text[0] = 0;
	for (int i = 0; n->parts && i < SM_BOUND_COUNT; i++) {
		int most = sm_bound_of(c, (enum sm_bound)i);
		double is = bounds[i].share(n);

		if (!most || is <= most)
			continue;
		found |= 1u << i;
		if (used < size)
			used += (size_t)snprintf(text + used, size - used, "%s%s %.3g %% > %d %%",
						 used ? "; " : "", bounds[i].what, is, most);
	}
	return found;
}
