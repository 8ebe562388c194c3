/* SPDX-License-Identifier: MIT */
/* test_doctor.c - each symptom is seen in a machine that has it, and in no other. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../driver/doctor.h"
#include "host_util.h"
#include "tree_util.h"

#define CPU1    "/sys/devices/system/cpu/cpu1/"
#define CPUS    "/sys/devices/system/cpu/"
#define CLOCK   "/sys/devices/system/clocksource/clocksource0/"
#define TASK(t) "(sm test) S 1 2 3 4 5 6 7 8 9 10 " t " 0 0\n"
#define FILES   4

struct file {
	const char *path, *text;
};

/* In a machine without anything else: where the symptom is told, and what is said of it. */
static const struct look {
	const char *name;
	struct file before[FILES], after[FILES]; /* after: a second later */
	const char *where, *evidence, *command;
} looks[] = {
	{ "governor",
	  { { CPU1 "cpufreq/scaling_governor", "powersave\n" } },
	  { { 0 } },
	  "findings",
	  "powersave on 1 of 1",
	  "cpupower frequency-set -g performance" },
	{ "governor",
	  { { CPU1 "cpufreq/scaling_governor", "performance\n" } },
	  { { 0 } },
	  "quiet",
	  NULL,
	  NULL },
	{ "governor", { { 0 } }, { { 0 } }, "unknown", NULL, NULL },
	{ "turbo",
	  { { CPUS "intel_pstate/no_turbo", "0\n" } },
	  { { 0 } },
	  "findings",
	  "is 0",
	  "echo 1 > " CPUS "intel_pstate/no_turbo" },
	{ "turbo", { { CPUS "intel_pstate/no_turbo", "1\n" } }, { { 0 } }, "quiet", NULL, NULL },
	{ "turbo",
	  { { CPUS "cpufreq/boost", "1\n" } },
	  { { 0 } },
	  "findings",
	  "is 1",
	  "echo 0 > " CPUS "cpufreq/boost" },
	{ "idle",
	  { { CPU1 "cpuidle/state2/latency", "133\n" },
	    { CPU1 "cpuidle/state2/name", "C6\n" },
	    { CPU1 "cpuidle/state2/disable", "0\n" },
	    { CPU1 "cpuidle/state1/latency", "2\n" } },
	  { { 0 } },
	  "findings",
	  "C6 takes CPU 1 133 us",
	  "cpupower -c 1 idle-set -D 21" },
	{ "idle",
	  { { CPU1 "cpuidle/state2/latency", "133\n" },
	    { CPU1 "cpuidle/state2/disable", "1\n" },
	    { CPU1 "cpuidle/state1/latency", "2\n" } },
	  { { 0 } },
	  "quiet",
	  NULL,
	  NULL },
	{ "thermal",
	  { { CPU1 "thermal_throttle/core_throttle_count", "7\n" } },
	  { { 0 } },
	  "findings",
	  "7 times",
	  NULL },
	{ "thermal",
	  { { CPU1 "thermal_throttle/core_throttle_count", "0\n" } },
	  { { 0 } },
	  "quiet",
	  NULL,
	  NULL },
	{ "smt",
	  { { CPUS "smt/active", "1\n" }, { CPU1 "topology/thread_siblings_list", "1,5\n" } },
	  { { 0 } },
	  "findings",
	  "with CPU 5",
	  "echo 0 > " CPUS "cpu5/online" },
	{ "smt",
	  { { CPU1 "topology/thread_siblings_list", "1\n" } },
	  { { 0 } },
	  "quiet",
	  NULL,
	  NULL },
	{ "isolation",
	  { { CPUS "isolated", "1\n" } },
	  { { 0 } },
	  "notes",
	  "CPU 1 is not in nohz_full",
	  "nohz_full=1" },
	{ "isolation",
	  { { CPUS "nohz_full", "1\n" } },
	  { { 0 } },
	  "notes",
	  "CPU 1 is not isolated",
	  "nohz_full=1" },
	{ "isolation",
	  { { CPUS "isolated", "0,2-3\n" } },
	  { { 0 } },
	  "notes",
	  "not isolated, not in nohz_full",
	  "isolcpus=domain,managed_irq,1 nohz_full=1" },
	{ "isolation",
	  { { CPUS "isolated", "1-3\n" }, { CPUS "nohz_full", "1\n" } },
	  { { 0 } },
	  "quiet",
	  NULL,
	  NULL },
	{ "cpus",
	  { { "/proc/stat", "cpu  1 1 1 1 0 0 0 0\ncpu0 1 1 1 1 0 0 0 0\n" } },
	  { { 0 } },
	  "findings",
	  "1 CPU",
	  NULL },
	{ "clocksource",
	  { { CLOCK "current_clocksource", "hpet\n" },
	    { CLOCK "available_clocksource", "tsc hpet acpi_pm \n" } },
	  { { 0 } },
	  "findings",
	  "clocksource hpet",
	  "echo tsc > " CLOCK "current_clocksource" },
	{ "clocksource",
	  { { CLOCK "current_clocksource", "kvm-clock\n" },
	    { CLOCK "available_clocksource", "kvm-clock\n" } },
	  { { 0 } },
	  "findings",
	  "kvm-clock",
	  "tsc=reliable" },
	{ "clocksource",
	  { { CLOCK "current_clocksource", "tsc\n" } },
	  { { 0 } },
	  "quiet",
	  NULL,
	  NULL },
	{ "virtual",
	  { { "/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu hypervisor lahf_lm\n" } },
	  { { 0 } },
	  "notes",
	  "virtual machine",
	  NULL },
	{ "virtual",
	  { { "/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu lahf_lm\n" } },
	  { { 0 } },
	  "quiet",
	  NULL,
	  NULL },
	{ "virtual",
	  { { "/proc/cpuinfo", "CPU part\t: 0xd0b\n" } },
	  { { 0 } },
	  "unknown",
	  NULL,
	  NULL },
	{ "virtual",
	  { { "/proc/cpuinfo", "CPU part\t: 0xd0b\n" },
	    { "/proc/device-tree/compatible", "linux,dummy-virt" } },
	  { { 0 } },
	  "notes",
	  "virtual machine",
	  NULL },
	{ "virtual",
	  { { "/proc/device-tree/compatible", "raspberrypi,4-model-b" } },
	  { { 0 } },
	  "unknown",
	  NULL,
	  NULL },
	{ "virtual",
	  { { "/proc/device-tree/hypervisor/compatible", "xen,xen" } },
	  { { 0 } },
	  "notes",
	  "virtual machine",
	  NULL },
	/* Its 20th byte, with bit 4 and without; the second is its length. */
	{ "virtual",
	  { { "/sys/firmware/dmi/entries/0-0/raw", "1234567890123456789P4" } },
	  { { 0 } },
	  "notes",
	  "virtual machine",
	  NULL },
	{ "virtual",
	  { { "/sys/firmware/dmi/entries/0-0/raw", "1234567890123456789@4" } },
	  { { 0 } },
	  "quiet",
	  NULL,
	  NULL },
	{ "virtual",
	  { { "/sys/firmware/dmi/entries/0-0/raw", "1234567890123456789" } },
	  { { 0 } },
	  "unknown",
	  NULL,
	  NULL },
	{ "mitigations",
	  { { CPUS "vulnerabilities/meltdown", "Mitigation: PTI\n" },
	    { CPUS "vulnerabilities/mds", "Not affected\n" } },
	  { { 0 } },
	  "notes",
	  "1 of 2 vulnerabilities mitigated, page table isolation (PTI)",
	  "mitigations=off" },
	{ "mitigations",
	  { { CPUS "vulnerabilities/mds", "Not affected\n" } },
	  { { 0 } },
	  "quiet",
	  NULL,
	  NULL },
	/* 20 of 200 ticks in between, 20 of 400 ever. */
	{ "steal",
	  { { "/proc/stat", "cpu  0 0 0 200 0 0 0 0\n" } },
	  { { "/proc/stat", "cpu  0 0 0 380 0 0 0 20\ncpu0 0 0 0 380 0 0 0 20\n" } },
	  "findings",
	  "10.0 % of CPU time in the last second, 5.0 %",
	  "virsh vcpupin" },
	{ "steal",
	  { { "/proc/stat", "cpu  5 0 0 200 0 0 0 0\n" } },
	  { { 0 } },
	  "quiet",
	  NULL,
	  NULL },
	{ "pressure",
	  { { "/proc/pressure/cpu", "some avg10=0.00 avg60=1.00 avg300=0.00 total=1000\n" } },
	  { { "/proc/pressure/cpu", "some avg10=0.00 avg60=1.00 avg300=0.00 total=251000\n" } },
	  "findings",
	  "25.0 % of the last second",
	  "ps -eo" },
	{ "pressure",
	  { { "/proc/pressure/cpu", "some avg10=0.00 avg60=1.00 avg300=9.00 total=1000\n" } },
	  { { 0 } },
	  "quiet",
	  NULL,
	  NULL },
	{ "load",
	  { { "/proc/loadavg", "1.50 0.1 0.1 1/90 8\n" },
	    { "/proc/stat", "cpu  1 1 1 1\ncpu0 1 1 1 1\ncpu1 1 1 1 1\n" } },
	  { { 0 } },
	  "findings",
	  "load 1.50 over the last minute, on 2 CPUs",
	  "uptime" },
	{ "load",
	  { { "/proc/loadavg", "0.50 9.1 9.1 1/90 8\n" },
	    { "/proc/stat", "cpu  1 1 1 1\ncpu0 1 1 1 1\ncpu1 1 1 1 1\n" } },
	  { { 0 } },
	  "quiet",
	  NULL,
	  NULL },
	/* Four were busy, one of them new; three are named, the busiest first. */
	{ "tasks",
	  { { "/proc/70/stat", "70 " TASK("100 5") },
	    { "/proc/71/stat", "71 " TASK("9000 9000") },
	    { "/proc/72/stat", "72 " TASK("0 0") } },
	  { { "/proc/70/stat", "70 " TASK("110 15") },
	    { "/proc/73/stat", "73 " TASK("40 10") },
	    { "/proc/72/stat", "72 " TASK("5 0") },
	    { "/proc/74/stat", "74 " TASK("3 0") } },
	  "findings",
	  "sm test (73) 50 %, sm test (70) 20 %, sm test (72) 5 %",
	  "kill -STOP 73 70 72 (and kill -CONT afterwards)" },
	{ "tasks",
	  { { "/proc/71/stat", "71 " TASK("9000 9000") } },
	  { { "/proc/71/stat", "71 " TASK("9001 9000") } },
	  "quiet",
	  NULL,
	  NULL },
	{ "tasks", { { 0 } }, { { 0 } }, "unknown", NULL, NULL },
	{ "irqbalance",
	  { { "/proc/9/stat", "9 (irqbalance) S 1 2 3 4 5 6 7 8 9 10 0 0\n" } },
	  { { 0 } },
	  "findings",
	  "pid 9",
	  "systemctl stop irqbalance" },
	{ "irqbalance", { { "/proc/9/stat", "9 " TASK("0 0") } }, { { 0 } }, "quiet", NULL, NULL },
	{ "throttle",
	  { { "/proc/self/cgroup", "0::/a.slice/b\n" },
	    { "/sys/fs/cgroup/a.slice/b/cpu.max", "max 100000\n" },
	    { "/sys/fs/cgroup/a.slice/cpu.max", "50000 100000\n" },
	    { "/sys/fs/cgroup/a.slice/cpu.stat", "usage_usec 1\nnr_throttled 12\n" } },
	  { { 0 } },
	  "findings",
	  "a.slice has the quota \"50000 100000\", and was stopped by it 12",
	  "echo max > /sys/fs/cgroup/a.slice/cpu.max" },
	{ "throttle",
	  { { "/proc/self/cgroup", "3:cpuset:/\n2:cpu,cpuacct:/x\n" },
	    { "/sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us", "20000\n" } },
	  { { 0 } },
	  "findings",
	  "20000",
	  "echo -1 > /sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us" },
	{ "throttle",
	  { { "/proc/self/cgroup", "2:cpu:/x\n0::/x\n" },
	    { "/sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "-1\n" },
	    { "/sys/fs/cgroup/x/cpu.max", "max 100000\n" } },
	  { { 0 } },
	  "quiet",
	  NULL,
	  NULL },
	{ "swap",
	  { { "/proc/swaps", "Filename Type Size Used Priority\n/swap file 9999 2048 -2\n" } },
	  { { 0 } },
	  "findings",
	  "2.0 MiB",
	  "swapoff -a" },
	{ "swap",
	  { { "/proc/swaps", "Filename Type Size Used Priority\n/swap file 9999 0 -2\n" } },
	  { { 0 } },
	  "quiet",
	  NULL,
	  NULL },
	{ "thp",
	  { { "/sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never\n" } },
	  { { 0 } },
	  "findings",
	  "[always]",
	  "echo madvise" },
	{ "thp",
	  { { "/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n" } },
	  { { 0 } },
	  "quiet",
	  NULL,
	  NULL },
	{ "ksm", { { "/sys/kernel/mm/ksm/run", "1\n" } }, { { 0 } }, "findings", "is 1", "echo 0" },
	{ "ksm", { { "/sys/kernel/mm/ksm/run", "2\n" } }, { { 0 } }, "quiet", NULL, NULL },
	{ "numa",
	  { { "/proc/sys/kernel/numa_balancing", "1\n" } },
	  { { 0 } },
	  "findings",
	  "is 1",
	  "sysctl -w kernel.numa_balancing=0" },
	{ "numa",
	  { { "/proc/sys/kernel/numa_balancing", "0\n" } },
	  { { 0 } },
	  "quiet",
	  NULL,
	  NULL },
	{ "watchdog",
	  { { "/proc/sys/kernel/nmi_watchdog", "1\n" } },
	  { { 0 } },
	  "notes",
	  "is 1",
	  "sysctl -w kernel.nmi_watchdog=0" },
	{ "aslr",
	  { { "/proc/sys/kernel/randomize_va_space", "2\n" } },
	  { { 0 } },
	  "notes",
	  "is 2",
	  NULL },
	{ "limits",
	  { { "/proc/self/limits", "Max processes             300        300       processes\n"
				   "Max open files            1024       4096      files\n" } },
	  { { 0 } },
	  "notes",
	  "1024 open files, 300 processes",
	  "ulimit -n 65536; ulimit -u 65536" },
	{ "limits",
	  { { "/proc/self/limits", "Max processes             unlimited  unlimited processes\n"
				   "Max open files            4096       4096      files\n" } },
	  { { 0 } },
	  "quiet",
	  NULL,
	  NULL },
};

static void put_all(const struct tree *t, const struct file *files)
{
	for (int i = 0; i < FILES && files[i].path; i++)
		tree_put(t, files[i].path, files[i].text);
}

/* What the doctor says of a machine that has these files, and later those. */
static json_t *told_of(const struct file *before, const struct file *after)
{
	struct sm_patient p;
	struct tree t = { "" };
	json_t *told;

	tree_make(&t);
	tree_put(&t, "/proc/version", "Linux\n");
	put_all(&t, before);
	assert_int_equal(sm_patient_begin(&p, t.root, 1), 0);
	put_all(&t, after);
	assert_int_equal(sm_patient_end(&p), 0);
	p.before.at_ns = 5000000000;
	p.after.at_ns = 6000000000;
	told = sm_doctor_json(&p);
	assert_non_null(told);
	sm_patient_free(&p);
	tree_free(&t);
	return told;
}

/* The row of that name in one of the lists; NULL: it is not there. */
static json_t *row_of(json_t *told, const char *where, const char *name)
{
	json_t *row;
	size_t i;

	json_array_foreach(json_object_get(told, where), i, row)
	{
		const char *is = json_is_string(row)
					 ? json_string_value(row)
					 : json_string_value(json_object_get(row, "name"));

		if (!strcmp(is, name))
			return row;
	}
	return NULL;
}

static const char *text_of(json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));

	return text ? text : "";
}

static void test_symptoms(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(looks) / sizeof(*looks); i++) {
		const struct look *l = &looks[i];
		json_t *told = told_of(l->before, l->after), *row = row_of(told, l->where, l->name);

		if (!row)
			fail_msg("row %zu: %s is not in %s", i, l->name, l->where);
		if (l->evidence && !strstr(text_of(row, "evidence"), l->evidence))
			fail_msg("row %zu: %s: evidence '%s'", i, l->name,
				 text_of(row, "evidence"));
		if (l->command && !strstr(text_of(row, "command"), l->command))
			fail_msg("row %zu: %s: command '%s'", i, l->name, text_of(row, "command"));
		if (l->evidence && !l->command && !json_is_null(json_object_get(row, "command")))
			fail_msg("row %zu: %s: a command", i, l->name);
		json_decref(told);
	}
}

/* Every symptom is in exactly one list, whatever there is, and each is tried above. */
static void test_all_are_told(void **state)
{
	static const char *const lists[] = { "findings", "notes", "quiet", "unknown" };
	const struct file none[FILES] = { { 0 } };
	json_t *told = told_of(none, none), *row;
	size_t n = 0, i;

	(void)state;
	for (size_t k = 0; k < 4; k++)
		n += json_array_size(json_object_get(told, lists[k]));
	assert_int_equal(n, 23);
	assert_int_equal(json_array_size(json_object_get(told, "findings")), 0);
	json_array_foreach(json_object_get(told, "unknown"), i, row)
	{
		bool tried = false;

		for (size_t k = 0; k < sizeof(looks) / sizeof(*looks); k++)
			tried = tried || !strcmp(looks[k].name, json_string_value(row));
		assert_true(tried);
	}
	json_decref(told);
}

static void test_cpulist(void **state)
{
	(void)state;
	assert_true(sm_cpulist_has("0-3,8,10-11\n", 8));
	assert_true(sm_cpulist_has("0-3,8,10-11\n", 0));
	assert_true(sm_cpulist_has("0-3,8,10-11\n", 11));
	assert_false(sm_cpulist_has("0-3,8,10-11\n", 9));
	assert_false(sm_cpulist_has("\n", 0));
	assert_false(sm_cpulist_has("(null)", 0));
}

/* Runs the command; its stdout goes to text. Returns its exit status. */
static int doctor(char *const *argv, char *text, size_t size)
{
	int ends[2], status = -1;
	size_t n = 0;
	ssize_t got;
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		dup2(ends[1], 1);
		execv(built("spawnmark"), argv);
		_exit(127);
	}
	close(ends[1]);
	while ((got = read(ends[0], text + n, size - 1 - n)) > 0)
		n += (size_t)got;
	text[n] = '\0';
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_command(void **state)
{
	char *plain[] = { "spawnmark", "doctor", "--root", NULL, NULL };
	char *strict[] = { "spawnmark", "doctor", "--strict", "--json", "--root", NULL, NULL };
	char text[20000];
	json_t *told;
	struct tree t = { "" };

	(void)state;
	tree_make(&t);
	plain[3] = strict[5] = t.root;
	assert_int_equal(doctor(plain, text, sizeof(text)), 2); /* that is no machine */
	tree_put(&t, "/proc/version", "Linux\n");
	assert_int_equal(doctor(strict, text, sizeof(text)), 0); /* nothing is found */
	tree_put(&t, "/sys/kernel/mm/ksm/run", "1\n");
	assert_int_equal(doctor(strict, text, sizeof(text)), 1);
	told = json_loads(text, 0, NULL);
	assert_non_null(told);
	assert_string_equal(text_of(told, "schema"), "spawnmark-doctor/1");
	assert_non_null(row_of(told, "findings", "ksm"));
	json_decref(told);
	assert_int_equal(doctor(plain, text, sizeof(text)), 0);
	assert_non_null(strstr(text, "1 finding, 1 note; nothing has been changed\n"));
	assert_non_null(strstr(text, "\nksm: equal pages are merged\n"));
	assert_non_null(strstr(text, "\n    help  echo 0 > /sys/kernel/mm/ksm/run\n"));
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		assert_true(strlen(line) <= 100 || strstr(line, "    help  ") == line);
	tree_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_symptoms),
		cmocka_unit_test(test_all_are_told),
		cmocka_unit_test(test_cpulist),
		cmocka_unit_test(test_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
