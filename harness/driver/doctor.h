/* SPDX-License-Identifier: MIT */
/*
 * doctor.h - what makes this machine noisy, and the command that would help: `spawnmark doctor`.
 *
 * It looks, and changes nothing. A symptom is one row of a table and one function, which sees a
 * patient: the files below a root, and the same files again a second later.
 */
#ifndef SM_DOCTOR_H
#define SM_DOCTOR_H

#include <stdio.h>

#include <jansson.h>

#include "meter.h"

struct sm_task {
	int pid;
	char name[32];
	int64_t ticks; /* of CPU time */
};

/* What changes while one looks. */
struct sm_vitals {
	int64_t at_ns;
	struct sm_machine_time machine;         /* of all CPUs */
	int64_t cpu_ns, psi_some_ns, throttled; /* -1: not known; cpu: idle time as well */
	double psi_avg60;                       /* percent */
	struct sm_task *tasks;
	int ntasks;
};

struct sm_patient {
	const char *root; /* "" or the directory of another /proc and /sys */
	int cpu;          /* the one that measures */
	int ncpus;
	struct sm_vitals before, after;
};

/* Opens nothing but memory. Fills `before`. 0 or -errno. */
int sm_patient_begin(struct sm_patient *p, const char *root, int cpu);
int sm_patient_end(struct sm_patient *p); /* fills `after` */
void sm_patient_free(struct sm_patient *p);

/* The first line of a file of the patient's. Its length, 0 when there is none. */
int sm_patient_line(const struct sm_patient *p, const char *path, char *line, size_t size);
/* All of it, cut at size - 1. Its length, 0 when there is none. */
int sm_patient_text(const struct sm_patient *p, const char *path, char *text, size_t size);
int64_t sm_patient_number(const struct sm_patient *p, const char *path); /* -1: none */
/* Of one CPU: "/sys/devices/system/cpu/cpuN/" before path. */
int sm_patient_cpu_line(const struct sm_patient *p, int cpu, const char *path, char *line,
			size_t size);
int64_t sm_patient_cpu_number(const struct sm_patient *p, int cpu, const char *path);
/* Is the CPU in "0-3,8"? */
bool sm_cpulist_has(const char *list, int cpu);

enum sm_seen { SM_SEEN_NOT, SM_SEEN, SM_SEEN_UNKNOWN /* what tells it is not there */ };

/* What a look fills in. */
struct sm_sign {
	char evidence[320];
	char help[320]; /* "": as the table says */
};

typedef enum sm_seen sm_look(const struct sm_patient *p, struct sm_sign *sign);

sm_look sm_look_governor, sm_look_turbo, sm_look_idle, sm_look_thermal, sm_look_smt,
	sm_look_isolation, sm_look_one_cpu, sm_look_clocksource, sm_look_virtual,
	sm_look_mitigations;
sm_look sm_look_steal, sm_look_pressure, sm_look_load, sm_look_tasks, sm_look_irqbalance,
	sm_look_throttle, sm_look_swap;
sm_look sm_look_thp, sm_look_ksm, sm_look_numa, sm_look_watchdog, sm_look_aslr, sm_look_limits;

/*
 * {"findings": […], "notes": […], "quiet": [names], "unknown": [names]}; a finding makes noise, a
 * note is worth knowing. NULL: no memory.
 */
json_t *sm_doctor_json(const struct sm_patient *p);
void sm_doctor_print(FILE *out, const json_t *told);

/*
 * Looks for a second, and writes what it has seen. root: NULL is this machine. Returns how many
 * findings there are, or -errno (-ENOENT: root has no /proc).
 */
int sm_doctor_write(FILE *out, bool json, const char *root);

#endif
