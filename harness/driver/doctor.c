/* SPDX-License-Identifier: MIT */
/* doctor.c - the table of symptoms, and what is told of them; see doctor.h. */
#include "doctor.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "json.h"

#define LOOK_MS 1000
#define WIDTH   90

/* One row a symptom; a note makes no noise by itself. help NULL: the look tells it, or nobody can. */
static const struct symptom {
	const char *name, *finding;
	sm_look *look;
	const char *why, *help;
	bool note;
} symptoms[] = {
	{ "steal", "the hypervisor takes CPU time away", sm_look_steal,
	  "a spawn that is stopped in its middle is as long as the stop; no program in here can "
	  "prevent it",
	  "on the host: virsh vcpupin DOMAIN VCPU CPU; or a machine with CPUs of its own", false },
	{ "tasks", "other processes use the CPUs", sm_look_tasks,
	  "they run in between, and leave caches and clocks changed", NULL, false },
	{ "pressure", "processes wait for a CPU", sm_look_pressure,
	  "what waits in a queue is measured as if spawning were slow",
	  "ps -eo pid,psr,pcpu,comm --sort=-pcpu | head", false },
	{ "load", "the machine is at work", sm_look_load,
	  "as long as others are runnable, CPUs are shared with them",
	  "uptime; systemctl list-units --state=running", false },
	{ "throttle", "a control group limits our CPU time", sm_look_throttle,
	  "once its quota is used up, everything in it stands still until the period ends", NULL,
	  false },
	{ "governor", "the clock follows the load", sm_look_governor,
	  "a spawn after an idle moment runs at a lower clock than one in a row of them",
	  "cpupower frequency-set -g performance", false },
	{ "turbo", "the clock may rise above its nominal rate", sm_look_turbo,
	  "how far depends on heat, and on what the other cores do", NULL, false },
	{ "idle", "the CPU sleeps deeply", sm_look_idle,
	  "waking takes longer than a small spawn; whether it slept is chance", NULL, false },
	{ "thermal", "the CPU has been too hot", sm_look_thermal,
	  "it is slowed down for a while, in the middle of a run", NULL, false },
	{ "smt", "a core is shared", sm_look_smt,
	  "what runs on the other thread takes execution units and caches away", NULL, false },
	{ "cpus", "there is one CPU", sm_look_one_cpu,
	  "the driver cannot keep off the CPU that measures", NULL, false },
	{ "irqbalance", "interrupts are moved about", sm_look_irqbalance,
	  "they may land on the CPU that measures, in some blocks and not in others",
	  "systemctl stop irqbalance", false },
	{ "clocksource", "reading the clock is slow", sm_look_clocksource,
	  "each of the instants of a spawn may then cost a system call and microseconds",
	  "kernel parameter tsc=reliable", false },
	{ "thp", "huge pages come by themselves", sm_look_thp,
	  "a fork copies one entry or 512, and khugepaged changes which in mid-run",
	  "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled", false },
	{ "ksm", "equal pages are merged", sm_look_ksm,
	  "merging takes CPU time, changes PSS, and adds copy-on-write faults",
	  "echo 0 > /sys/kernel/mm/ksm/run", false },
	{ "numa", "pages are moved between nodes", sm_look_numa,
	  "it takes page faults of its own, at times of its own",
	  "sysctl -w kernel.numa_balancing=0", false },
	{ "swap", "memory is in swap", sm_look_swap,
	  "a page that must be read from a disk takes milliseconds", "swapoff -a", false },
	{ "isolation", "the CPU that measures is everybody's", sm_look_isolation,
	  "timer ticks, kernel threads and whatever is woken there run in between", NULL, true },
	{ "watchdog", "the NMI watchdog is on", sm_look_watchdog,
	  "it interrupts each CPU now and then, and holds a counter that perf could use",
	  "sysctl -w kernel.nmi_watchdog=0", true },
	{ "limits", "limits of this shell are low", sm_look_limits,
	  "sweeps over descriptors and many children fail where others succeed", NULL, true },
	{ "virtual", "this is a virtual machine", sm_look_virtual,
	  "every exec of a glibc program runs CPUID dozens of times, each an exit to the "
	  "hypervisor: a part of what is measured, and different on other hosts",
	  NULL, true },
	{ "mitigations", "mitigations are in force", sm_look_mitigations,
	  "they make each entry to the kernel and each switch dearer: a part of what is measured, "
	  "so keep them alike on both sides of a comparison",
	  "kernel parameter mitigations=off, for an experiment alone", true },
	{ "aslr", "addresses are random", sm_look_aslr,
	  "leave it on: each block has fresh processes, so that its effect is averaged and not "
	  "frozen into one layout",
	  NULL, true },
};

static void tell(json_t *told, const struct symptom *s, const struct sm_patient *p)
{
	struct sm_sign sign = { "", "" };
	const char *help;

	switch (s->look(p, &sign)) {
	case SM_SEEN_NOT:
		json_array_append_new(json_object_get(told, "quiet"), json_string(s->name));
		return;
	case SM_SEEN_UNKNOWN:
		json_array_append_new(json_object_get(told, "unknown"), json_string(s->name));
		return;
	default:
		help = sign.help[0] ? sign.help : s->help;
		json_array_append_new(json_object_get(told, s->note ? "notes" : "findings"),
				      json_pack("{s:s,s:s,s:o,s:s,s:o}", "name", s->name, "finding",
						s->finding, "evidence", sm_json_text(sign.evidence),
						"why", s->why, "command", sm_json_text(help)));
	}
}

json_t *sm_doctor_json(const struct sm_patient *p)
{
	json_t *told = json_pack("{s:s,s:[],s:[],s:[],s:[]}", "schema", "spawnmark-doctor/1",
				 "findings", "notes", "quiet", "unknown");

	for (size_t i = 0; told && i < sizeof(symptoms) / sizeof(*symptoms); i++)
		tell(told, &symptoms[i], p);
	return told;
}

/* Words behind a heading, on as many lines as they need. */
static void put(FILE *out, const char *heading, const char *text)
{
	int room = WIDTH;

	fprintf(out, "    %-5s", heading);
	while (*(text += strspn(text, " "))) {
		int n = (int)strcspn(text, " ");

		if (room < WIDTH && n + 1 > room) {
			fprintf(out, "\n%9s", "");
			room = WIDTH;
		}
		fprintf(out, " %.*s", n, text);
		room -= n + 1;
		text += n;
	}
	fputc('\n', out);
}

static const char *text_of(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static void put_all(FILE *out, const json_t *list)
{
	size_t i;
	json_t *o;

	json_array_foreach(list, i, o)
	{
		fprintf(out, "\n%s: %s\n", text_of(o, "name"), text_of(o, "finding"));
		put(out, "seen", text_of(o, "evidence"));
		put(out, "why", text_of(o, "why"));
		if (text_of(o, "command")) /* on one line, to be copied */
			fprintf(out, "    help  %s\n", text_of(o, "command"));
	}
}

static void put_names(FILE *out, const char *heading, const json_t *names)
{
	int column = (int)strlen(heading) + 1;
	size_t i;
	json_t *name;

	if (!json_array_size(names))
		return;
	fprintf(out, "%s:", heading);
	json_array_foreach(names, i, name)
	{
		int n = (int)json_string_length(name) + 2;

		if (column + n > WIDTH) {
			fputs("\n ", out);
			column = 1;
		}
		fprintf(out, " %s%s", json_string_value(name),
			i + 1 < json_array_size(names) ? "," : "");
		column += n;
	}
	fputc('\n', out);
}

void sm_doctor_print(FILE *out, const json_t *told)
{
	const json_t *findings = json_object_get(told, "findings");
	const json_t *notes = json_object_get(told, "notes");

	fprintf(out, "%zu finding%s, %zu note%s; nothing has been changed\n",
		json_array_size(findings), json_array_size(findings) == 1 ? "" : "s",
		json_array_size(notes), json_array_size(notes) == 1 ? "" : "s");
	put_all(out, findings);
	if (json_array_size(notes))
		fprintf(out, "\nWorth knowing, no noise by itself:\n");
	put_all(out, notes);
	fputc('\n', out);
	put_names(out, "quiet", json_object_get(told, "quiet"));
	put_names(out, "not told by this machine", json_object_get(told, "unknown"));
}

/* The CPU that a run would measure on. */
static int measured_cpu(void)
{
	struct sm_cpus cpus;

	return sm_cpus_open(&cpus) || !cpus.n ? 0 : cpus.list[cpus.n - 1];
}

static bool is_patient(const char *root)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/proc", root);
	return access(path, X_OK) == 0;
}

int sm_doctor_write(FILE *out, bool json, const char *root)
{
	struct sm_patient p = { .root = root ? root : "" };
	json_t *told = NULL;
	int err = is_patient(p.root) ? sm_patient_begin(&p, p.root, measured_cpu()) : -ENOENT;

	if (!err) {
		poll(NULL, 0, LOOK_MS);
		err = sm_patient_end(&p);
	}
	if (!err) {
		told = sm_doctor_json(&p);
		err = told ? (int)json_array_size(json_object_get(told, "findings")) : -ENOMEM;
	}
	if (told && !json)
		sm_doctor_print(out, told);
	else if (told && (json_dumpf(told, out, JSON_INDENT(2)) || fputc('\n', out) == EOF))
		err = -EIO;
	json_decref(told);
	sm_patient_free(&p);
	return err;
}
