/* SPDX-License-Identifier: MIT */
/* doctor_load.c - who else uses the machine, and who takes it away; see doctor.h. */
#include "doctor.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Below this part of a second nobody would notice. */
#define STEAL_PERCENT 1.0
#define PSI_PERCENT   5.0
#define TASK_PERCENT  2.0
#define TOP           3

static double percent(int64_t a, int64_t b, int64_t of)
{
	return a < 0 || b < a || of <= 0 ? 0 : 100 * (double)(b - a) / (double)of;
}

enum sm_seen sm_look_steal(const struct sm_patient *p, struct sm_sign *sign)
{
	const struct sm_vitals *a = &p->before, *b = &p->after;
	double now = percent(a->machine.steal_ns, b->machine.steal_ns, b->cpu_ns - a->cpu_ns);
	double ever = percent(0, b->machine.steal_ns, b->cpu_ns);

	if (b->machine.steal_ns < 0 || b->cpu_ns <= 0)
		return SM_SEEN_UNKNOWN;
	snprintf(sign->evidence, sizeof(sign->evidence),
		 "%.1f %% of CPU time in the last second, %.1f %% since boot", now, ever);
	return now >= STEAL_PERCENT || ever >= STEAL_PERCENT ? SM_SEEN : SM_SEEN_NOT;
}

enum sm_seen sm_look_pressure(const struct sm_patient *p, struct sm_sign *sign)
{
	const struct sm_vitals *a = &p->before, *b = &p->after;
	double now = percent(a->psi_some_ns, b->psi_some_ns, b->at_ns - a->at_ns);

	if (b->psi_some_ns < 0)
		return SM_SEEN_UNKNOWN;
	snprintf(sign->evidence, sizeof(sign->evidence),
		 "something waited for a CPU in %.1f %% of the last second, %.1f %% of the last "
		 "minute",
		 now, b->psi_avg60);
	return now >= PSI_PERCENT || b->psi_avg60 >= PSI_PERCENT ? SM_SEEN : SM_SEEN_NOT;
}

enum sm_seen sm_look_load(const struct sm_patient *p, struct sm_sign *sign)
{
	char line[128];
	double load;

	if (!sm_patient_line(p, "/proc/loadavg", line, sizeof(line)) ||
	    sscanf(line, "%lf", &load) != 1 || !p->ncpus)
		return SM_SEEN_UNKNOWN;
	snprintf(sign->evidence, sizeof(sign->evidence),
		 "load %.2f over the last minute, on %d CPU%s", load, p->ncpus,
		 p->ncpus == 1 ? "" : "s");
	return load >= p->ncpus / 2.0 ? SM_SEEN : SM_SEEN_NOT;
}

static int64_t ticks_before(const struct sm_vitals *v, int pid)
{
	for (int i = 0; i < v->ntasks; i++)
		if (v->tasks[i].pid == pid)
			return v->tasks[i].ticks;
	return 0; /* it began in between */
}

/* The busiest tasks in between, not ourselves; ticks is what each has used. */
static int busiest(const struct sm_patient *p, struct sm_task top[TOP])
{
	int n = 0;

	for (int i = 0; i < p->after.ntasks; i++) {
		struct sm_task one = p->after.tasks[i];
		int at = n;

		if (!p->root[0] && one.pid == getpid())
			continue;
		one.ticks -= ticks_before(&p->before, one.pid);
		while (at > 0 && top[at - 1].ticks < one.ticks)
			at--;
		if (at == TOP)
			continue;
		n += n < TOP;
		memmove(top + at + 1, top + at, (size_t)(n - at - 1) * sizeof(*top));
		top[at] = one;
	}
	return n;
}

enum sm_seen sm_look_tasks(const struct sm_patient *p, struct sm_sign *sign)
{
	double tick_ns = 1e9 / (double)sysconf(_SC_CLK_TCK);
	double wall_ns = (double)(p->after.at_ns - p->before.at_ns);
	size_t told = 0, help = 0;
	struct sm_task top[TOP];
	int n = busiest(p, top);

	if (!p->after.ntasks || wall_ns <= 0)
		return SM_SEEN_UNKNOWN;
	for (int i = 0; i < n; i++) {
		double share = 100 * (double)top[i].ticks * tick_ns / wall_ns;

		if (share < TASK_PERCENT)
			break;
		told += (size_t)snprintf(sign->evidence + told, sizeof(sign->evidence) - told,
					 "%s%s (%d) %.0f %%", told ? ", " : "", top[i].name,
					 top[i].pid, share);
		help += (size_t)snprintf(sign->help + help, sizeof(sign->help) - help, "%s %d",
					 help ? "" : "kill -STOP", top[i].pid);
	}
	if (help)
		snprintf(sign->help + help, sizeof(sign->help) - help,
			 " (and kill -CONT afterwards)");
	return told ? SM_SEEN : SM_SEEN_NOT;
}

enum sm_seen sm_look_irqbalance(const struct sm_patient *p, struct sm_sign *sign)
{
	for (int i = 0; i < p->after.ntasks; i++) {
		const struct sm_task *t = &p->after.tasks[i];

		if (strcmp(t->name, "irqbalance"))
			continue;
		snprintf(sign->evidence, sizeof(sign->evidence), "irqbalance runs, pid %d", t->pid);
		return SM_SEEN;
	}
	return p->after.ntasks ? SM_SEEN_NOT : SM_SEEN_UNKNOWN;
}

/* A line "N:controllers:/path" of /proc/self/cgroup: where is that group of the CPU controller? */
static bool cpu_group(const char *line, char *dir, size_t size, bool *v2)
{
	const char *controllers = strchr(line, ':'), *path;
	size_t n;

	path = controllers ? strchr(controllers + 1, ':') : NULL;
	if (!path)
		return false;
	controllers++;
	n = (size_t)(path - controllers);
	*v2 = n == 0;
	if (*v2)
		snprintf(dir, size, "/sys/fs/cgroup%s", path + 1);
	else if (n >= 3 && !strncmp(controllers, "cpu", 3) && (n == 3 || controllers[3] == ','))
		snprintf(dir, size, "/sys/fs/cgroup/%.*s%s", (int)n, controllers, path + 1);
	else
		return false;
	return true;
}

/* Has this group a quota? */
static bool has_quota(const struct sm_patient *p, const char *dir, bool v2, struct sm_sign *sign)
{
	char path[PATH_MAX], line[64], stat[1024];
	int64_t quota, times;

	snprintf(path, sizeof(path), "%.3000s/%s", dir, v2 ? "cpu.max" : "cpu.cfs_quota_us");
	if (!sm_patient_line(p, path, line, sizeof(line)))
		return false;
	quota = atoll(line); /* "max 100000" is 0, -1 is none */
	if (quota <= 0)
		return false;
	snprintf(sign->help, sizeof(sign->help), "echo %s > %.200s", v2 ? "max" : "-1", path);
	snprintf(path, sizeof(path), "%.3000s/cpu.stat", dir);
	sm_patient_text(p, path, stat, sizeof(stat));
	times = sm_field(stat, "nr_throttled ");
	snprintf(sign->evidence, sizeof(sign->evidence),
		 "%.160s has the quota \"%s\", and was stopped by it %lld times", dir, line,
		 (long long)(times < 0 ? 0 : times));
	return true;
}

enum sm_seen sm_look_throttle(const struct sm_patient *p, struct sm_sign *sign)
{
	char text[4096], dir[3072], *line, *save = NULL;
	const size_t top = strlen("/sys/fs/cgroup");
	bool v2;

	if (!sm_patient_text(p, "/proc/self/cgroup", text, sizeof(text)))
		return SM_SEEN_UNKNOWN;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (!cpu_group(line, dir, sizeof(dir), &v2))
			continue;
		while (strlen(dir) > top) { /* its own, and all above */
			if (has_quota(p, dir, v2, sign))
				return SM_SEEN;
			*strrchr(dir, '/') = '\0';
		}
	}
	return SM_SEEN_NOT;
}

enum sm_seen sm_look_swap(const struct sm_patient *p, struct sm_sign *sign)
{
	char text[4096], *line, *save = NULL;
	long long used, sum = 0;

	if (!sm_patient_text(p, "/proc/swaps", text, sizeof(text)))
		return SM_SEEN_UNKNOWN;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (sscanf(line, "%*s %*s %*d %lld", &used) == 1)
			sum += used;
	snprintf(sign->evidence, sizeof(sign->evidence), "%.1f MiB of memory are in swap",
		 (double)sum / 1024);
	return sum > 0 ? SM_SEEN : SM_SEEN_NOT;
}
