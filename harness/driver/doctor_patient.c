/* SPDX-License-Identifier: MIT */
/* doctor_patient.c - reads what the doctor looks at; see doctor.h. Formats: proc(5). */
#include "doctor.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../sys/sys.h"
#include "collect.h"

int sm_patient_text(const struct sm_patient *p, const char *path, char *text, size_t size)
{
	char full[PATH_MAX];
	int n;

	snprintf(full, sizeof(full), "%s%s", p->root, path);
	n = sm_slurp(full, text, size);
	return n < 0 ? 0 : n;
}

int sm_patient_line(const struct sm_patient *p, const char *path, char *line, size_t size)
{
	sm_patient_text(p, path, line, size);
	line[strcspn(line, "\n")] = '\0';
	return (int)strlen(line);
}

int64_t sm_patient_number(const struct sm_patient *p, const char *path)
{
	char full[PATH_MAX];

	snprintf(full, sizeof(full), "%s%s", p->root, path);
	return sm_slurp_number(full);
}

static void of_cpu(char *full, size_t size, int cpu, const char *path)
{
	snprintf(full, size, "/sys/devices/system/cpu/cpu%d/%s", cpu, path);
}

int sm_patient_cpu_line(const struct sm_patient *p, int cpu, const char *path, char *line,
			size_t size)
{
	char full[PATH_MAX];

	of_cpu(full, sizeof(full), cpu, path);
	return sm_patient_line(p, full, line, size);
}

int64_t sm_patient_cpu_number(const struct sm_patient *p, int cpu, const char *path)
{
	char full[PATH_MAX];

	of_cpu(full, sizeof(full), cpu, path);
	return sm_patient_number(p, full);
}

bool sm_cpulist_has(const char *list, int cpu)
{
	while (isdigit((unsigned char)*list)) {
		char *end;
		long from = strtol(list, &end, 10), to = from;

		if (*end == '-')
			to = strtol(end + 1, &end, 10);
		if (cpu >= from && cpu <= to)
			return true;
		list = *end == ',' ? end + 1 : end;
	}
	return false;
}

/* All of a CPU's time, idle too: the line "cpu " is the sum of all; guest time is in user's. */
static void take_machine(const struct sm_patient *p, struct sm_vitals *v, int *ncpus)
{
	int64_t tick = 1000000000 / sysconf(_SC_CLK_TCK);
	char text[32768];
	long long f[8] = { 0 };

	v->cpu_ns = v->machine.busy_ns = v->machine.steal_ns = -1;
	*ncpus = 0;
	if (!sm_patient_text(p, "/proc/stat", text, sizeof(text)))
		return;
	for (const char *at = strstr(text, "\ncpu"); at; at = strstr(at + 1, "\ncpu"))
		++*ncpus;
	if (sscanf(text, "cpu %lld %lld %lld %lld %lld %lld %lld %lld", &f[0], &f[1], &f[2], &f[3],
		   &f[4], &f[5], &f[6], &f[7]) >= 4) {
		v->cpu_ns = 0;
		for (int i = 0; i < 8; i++)
			v->cpu_ns += f[i] * tick;
	}
	sm_machine_time_parse(text, NULL, &v->machine);
}

static void take_pressure(const struct sm_patient *p, struct sm_vitals *v)
{
	char line[256];
	double avg60;
	long long us;

	v->psi_some_ns = -1;
	v->psi_avg60 = -1;
	sm_patient_line(p, "/proc/pressure/cpu", line, sizeof(line));
	if (sscanf(line, "some avg10=%*f avg60=%lf avg300=%*f total=%lld", &avg60, &us) == 2) {
		v->psi_avg60 = avg60;
		v->psi_some_ns = us * 1000;
	}
}

/* "pid (name) state ppid …": the name may hold blanks and parentheses; 14 and 15 are CPU time. */
static bool parse_task(char *text, struct sm_task *task)
{
	char *open = strchr(text, '('), *close = strrchr(text, ')');
	long long user, system;

	if (!open || !close || close < open ||
	    sscanf(close + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lld %lld", &user,
		   &system) != 2)
		return false;
	*close = '\0';
	task->pid = atoi(text);
	snprintf(task->name, sizeof(task->name), "%s", open + 1);
	task->ticks = user + system;
	return true;
}

static int take_tasks(const struct sm_patient *p, struct sm_vitals *v)
{
	char path[PATH_MAX], text[1024];
	struct dirent *e;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/proc", p->root);
	dir = opendir(path);
	while (dir && (e = readdir(dir))) {
		struct sm_task task, *to;

		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%.20s/stat", e->d_name);
		if (!sm_patient_text(p, path, text, sizeof(text)) || !parse_task(text, &task))
			continue;
		to = sm_collect_one(&v->tasks, v->ntasks, sizeof(*to));
		if (!to) {
			closedir(dir);
			return -ENOMEM;
		}
		*to = task;
		v->ntasks++;
	}
	if (dir)
		closedir(dir);
	return 0;
}

static int take(struct sm_patient *p, struct sm_vitals *v)
{
	int err = take_tasks(p, v);

	take_pressure(p, v);
	take_machine(p, v, &p->ncpus);
	v->at_ns = sm_now_ns();
	return err;
}

int sm_patient_begin(struct sm_patient *p, const char *root, int cpu)
{
	*p = (struct sm_patient){ .root = root, .cpu = cpu };
	return take(p, &p->before);
}

int sm_patient_end(struct sm_patient *p)
{
	return take(p, &p->after);
}

void sm_patient_free(struct sm_patient *p)
{
	free(p->before.tasks);
	free(p->after.tasks);
}
