/* SPDX-License-Identifier: MIT */
/* doctor_kernel.c - settings of the kernel and of this process; see doctor.h. */
#include "doctor.h"

#include <stdlib.h>
#include <string.h>

/* A swept scenario opens more, and keeps more alive, than an ordinary program. */
#define LIMIT_LEAST 4096

enum sm_seen sm_look_thp(const struct sm_patient *p, struct sm_sign *sign)
{
	char line[128];

	if (!sm_patient_line(p, "/sys/kernel/mm/transparent_hugepage/enabled", line, sizeof(line)))
		return SM_SEEN_UNKNOWN;
	snprintf(sign->evidence, sizeof(sign->evidence), "enabled: %s", line);
	return strstr(line, "[always]") ? SM_SEEN : SM_SEEN_NOT;
}

/* A switch of one file: seen where it is on. */
static enum sm_seen is_on(const struct sm_patient *p, const char *path, struct sm_sign *sign)
{
	int64_t v = sm_patient_number(p, path);

	snprintf(sign->evidence, sizeof(sign->evidence), "%s is %lld", path, (long long)v);
	return v < 0 ? SM_SEEN_UNKNOWN : v > 0 ? SM_SEEN : SM_SEEN_NOT;
}

enum sm_seen sm_look_ksm(const struct sm_patient *p, struct sm_sign *sign)
{
	enum sm_seen seen = is_on(p, "/sys/kernel/mm/ksm/run", sign);

	return sm_patient_number(p, "/sys/kernel/mm/ksm/run") == 2 ? SM_SEEN_NOT : seen;
}

enum sm_seen sm_look_numa(const struct sm_patient *p, struct sm_sign *sign)
{
	return is_on(p, "/proc/sys/kernel/numa_balancing", sign);
}

enum sm_seen sm_look_watchdog(const struct sm_patient *p, struct sm_sign *sign)
{
	return is_on(p, "/proc/sys/kernel/nmi_watchdog", sign);
}

enum sm_seen sm_look_aslr(const struct sm_patient *p, struct sm_sign *sign)
{
	return is_on(p, "/proc/sys/kernel/randomize_va_space", sign);
}

/* The soft limit of a line of /proc/self/limits; -1: unlimited, or not told. */
static int64_t limit(const char *text, const char *name)
{
	const char *at = strstr(text, name);
	char *end;
	long long v;

	if (!at)
		return -1;
	at += strlen(name);
	v = strtoll(at, &end, 10);
	return end == at ? -1 : v;
}

enum sm_seen sm_look_limits(const struct sm_patient *p, struct sm_sign *sign)
{
	char text[4096];
	int64_t files, processes;
	bool few, fewer;

	if (!sm_patient_text(p, "/proc/self/limits", text, sizeof(text)))
		return SM_SEEN_UNKNOWN;
	files = limit(text, "Max open files");
	processes = limit(text, "Max processes");
	few = files >= 0 && files < LIMIT_LEAST;
	fewer = processes >= 0 && processes < LIMIT_LEAST;
	if (few)
		snprintf(sign->evidence, sizeof(sign->evidence), "%lld open files",
			 (long long)files);
	if (fewer)
		snprintf(sign->evidence + strlen(sign->evidence),
			 sizeof(sign->evidence) - strlen(sign->evidence), "%s%lld processes",
			 few ? ", " : "", (long long)processes);
	snprintf(sign->help, sizeof(sign->help), "%s%s%s", few ? "ulimit -n 65536" : "",
		 few && fewer ? "; " : "", fewer ? "ulimit -u 65536" : "");
	return few || fewer ? SM_SEEN : SM_SEEN_NOT;
}
