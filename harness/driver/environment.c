/* SPDX-License-Identifier: MIT */
/* environment.c - see environment.h. */
#include "environment.h"

#include <dirent.h>
#include <gnu/libc-version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bundle.h"
#include "json.h"
#include "meter.h"
#include "virtual.h"

#define ORDINARY_PAGE 4096

/* The stable part: another value is another machine, kernel or setting. */
static const char *const stable[] = {
	"aslr",        "clocksource",    "cpu_model",  "governor", "hypervisor",
	"kernel",      "kernel_version", "libc",       "machine",  "microcode",
	"mitigations", "overcommit",     "page_bytes", "programs", "thp",
};

/* The file's first line, or null. */
static json_t *line_of(const char *path)
{
	char text[4096];

	if (sm_slurp(path, text, sizeof(text)) <= 0)
		return json_null();
	text[strcspn(text, "\n")] = 0;
	return sm_json_text(text);
}

static json_t *number_of(const char *path)
{
	return sm_json_count(sm_slurp_number(path));
}

bool sm_cpuinfo(const char *key, char *value, size_t size)
{
	char text[16384], *line, *save = NULL;

	if (sm_slurp("/proc/cpuinfo", text, sizeof(text)) <= 0)
		return false;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *colon = strchr(line, ':');
		size_t n = strlen(key);

		if (!colon || strncmp(line, key, n) ||
		    strspn(line + n, " \t") != (size_t)(colon - line) - n)
			continue;
		snprintf(value, size, "%s", colon + 1 + strspn(colon + 1, " \t"));
		return true;
	}
	return false;
}

static json_t *cpuinfo(const char *key)
{
	char value[512];

	return sm_cpuinfo(key, value, sizeof(value)) ? sm_json_text(value) : json_null();
}

/* arm64 has numbers instead of a name, each in a line of its own: Documentation/arch/arm64. */
static json_t *cpu_model(void)
{
	static const char *const keys[] = { "implementer", "variant", "part", "revision" };
	char text[256] = "", key[32], value[64];
	json_t *name = cpuinfo("model name");

	if (!json_is_null(name))
		return name;
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		size_t n = strlen(text);

		snprintf(key, sizeof(key), "CPU %s", keys[i]);
		if (sm_cpuinfo(key, value, sizeof(value)))
			snprintf(text + n, sizeof(text) - n, "%s%s %s", n ? ", " : "", keys[i],
				 value);
	}
	return *text ? json_string(text) : name;
}

static json_t *hypervisor(void)
{
	int is = sm_virtual("");

	return is < 0 ? json_null() : json_boolean(is);
}

static json_t *mitigations(void)
{
	const char *dir = "/sys/devices/system/cpu/vulnerabilities";
	json_t *o = json_object();
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		char path[512];
		json_t *line;

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		line = line_of(path);
		if (json_is_string(line))
			json_object_set(o, e->d_name, line);
		json_decref(line);
	}
	if (d)
		closedir(d);
	return o;
}

/* The bracketed choice of a sysfs list: "always [madvise] never". */
static json_t *chosen(const char *path)
{
	char text[256], *open, *close;

	if (sm_slurp(path, text, sizeof(text)) <= 0)
		return json_null();
	open = strchr(text, '[');
	close = open ? strchr(open, ']') : NULL;
	if (!close)
		return json_null();
	*close = 0;
	return sm_json_text(open + 1);
}

static json_t *cgroup(const char *accounting)
{
	bool v2 = access("/sys/fs/cgroup/cgroup.controllers", R_OK) == 0;
	bool hybrid = access("/sys/fs/cgroup/unified/cgroup.controllers", R_OK) == 0;
	char text[64];

	snprintf(text, sizeof(text), "%s%s%s%s",
		 v2 ? "v2"
		    : (hybrid ? "v1-hybrid"
			      : (access("/sys/fs/cgroup/cpuacct", R_OK) == 0 ? "v1" : "none")),
		 accounting ? " (" : "", accounting ? accounting : "", accounting ? ")" : "");
	return json_string(text);
}

static json_t *python_of(const char *root)
{
	char path[600], text[2048], *at, *end;

	snprintf(path, sizeof(path), "%s/.venv/pyvenv.cfg", root);
	if (sm_slurp(path, text, sizeof(text)) <= 0)
		return json_null();
	at = strstr(text, "\nversion = ");
	if (!at)
		return json_null();
	at += strlen("\nversion = ");
	end = at + strcspn(at, "\n");
	*end = 0;
	return sm_json_text(at);
}

static json_t *pressure(void)
{
	char text[512], *at;

	if (sm_slurp("/proc/pressure/cpu", text, sizeof(text)) <= 0)
		return json_null();
	at = strstr(text, "avg10=");
	return at ? sm_json_real(atof(at + 6)) : json_null();
}

static json_t *uptime(void)
{
	char text[64];

	return sm_slurp("/proc/uptime", text, sizeof(text)) > 0 ? sm_json_real(atof(text))
								: json_null();
}

static json_t *meminfo(const char *key)
{
	char text[4096];
	int64_t v = -1;

	if (sm_slurp("/proc/meminfo", text, sizeof(text)) > 0)
		v = sm_field(text, key);
	return sm_json_count(v < 0 ? -1 : v * 1024);
}

static void put_kernel(json_t *o)
{
	struct utsname u = { .release = "" };
	char libc[64];

	uname(&u);
	snprintf(libc, sizeof(libc), "glibc %s", gnu_get_libc_version());
	json_object_set_new(o, "kernel", sm_json_text(u.release));
	json_object_set_new(o, "kernel_version", sm_json_text(u.version));
	json_object_set_new(o, "machine", sm_json_text(u.machine));
	json_object_set_new(o, "cmdline", line_of("/proc/cmdline"));
	json_object_set_new(o, "libc", json_string(libc));
	json_object_set_new(o, "compiler", json_string(__VERSION__));
	/* Not a word of the ordinary ones, whose fingerprint is older than this. */
	if (sm_bundle_here())
		json_object_set_new(o, "programs", json_string("static"));
	if (sysconf(_SC_PAGESIZE) != ORDINARY_PAGE)
		json_object_set_new(o, "page_bytes", json_integer(sysconf(_SC_PAGESIZE)));
}

/* What is said to be around us: nothing that is not said can be seen from here. */
static json_t *container(void)
{
	json_t *said = line_of("/run/systemd/container");

	if (json_is_string(said))
		return said;
	json_decref(said);
	if (access("/run/.containerenv", F_OK) == 0)
		return json_string("podman");
	return access("/.dockerenv", F_OK) == 0 ? json_string("docker") : json_null();
}

/* The capabilities in force, 16 digits. */
static json_t *capabilities(const char *status)
{
	const char *at = strstr(status, "\nCapEff:");

	return at ? json_stringn(at + 8 + strspn(at + 8, " \t"), 16) : json_null();
}

/* What the caller was born with, and its children will be. */
static void put_caller(json_t *o)
{
	char status[4096] = "";

	sm_slurp("/proc/self/status", status, sizeof(status));
	json_object_set_new(o, "uid", json_integer(geteuid()));
	json_object_set_new(o, "capabilities", capabilities(status));
	json_object_set_new(o, "no_new_privs", sm_json_count(sm_field(status, "NoNewPrivs:")));
	json_object_set_new(o, "seccomp", sm_json_count(sm_field(status, "Seccomp:")));
	json_object_set_new(o, "dumpable", sm_json_count(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0)));
	json_object_set_new(o, "container", container());
}

json_t *sm_environment(const char *root, const char *accounting)
{
	const char *cpu0 = "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor";
	const char *clock = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
	struct sm_machine_time machine;
	json_t *o = json_object();

	put_kernel(o);
	sm_machine_time(NULL, &machine);
	json_object_set_new(o, "cpus", json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
	json_object_set_new(o, "cpu_model", cpu_model());
	json_object_set_new(o, "microcode", cpuinfo("microcode"));
	json_object_set_new(o, "hypervisor", hypervisor());
	json_object_set_new(o, "mitigations", mitigations());
	json_object_set_new(o, "thp", chosen("/sys/kernel/mm/transparent_hugepage/enabled"));
	json_object_set_new(o, "clocksource", line_of(clock));
	json_object_set_new(o, "governor", line_of(cpu0));
	json_object_set_new(o, "aslr", number_of("/proc/sys/kernel/randomize_va_space"));
	json_object_set_new(o, "cgroup", cgroup(accounting));
	json_object_set_new(o, "mem_total_bytes", meminfo("MemTotal:"));
	json_object_set_new(o, "swap_bytes", meminfo("SwapTotal:"));
	json_object_set_new(o, "yama", number_of("/proc/sys/kernel/yama/ptrace_scope"));
	json_object_set_new(o, "core_pattern", line_of("/proc/sys/kernel/core_pattern"));
	put_caller(o);
	json_object_set_new(o, "overcommit", number_of("/proc/sys/vm/overcommit_memory"));
	json_object_set_new(o, "python", python_of(root));
	json_object_set_new(o, "psi_cpu_some_avg10", pressure());
	json_object_set_new(o, "steal_ns", sm_json_count(machine.steal_ns));
	json_object_set_new(o, "uptime_s", uptime());
	return o;
}

uint64_t sm_fingerprint(const json_t *environment, long ncpus)
{
	json_t *part = json_object();
	uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a: offset basis and prime of 64 bits */
	char *text;

	for (size_t i = 0; i < sizeof(stable) / sizeof(*stable); i++)
		json_object_set(part, stable[i], json_object_get(environment, stable[i]));
	json_object_set_new(part, "cpus", json_integer(ncpus));
	text = json_dumps(part, JSON_SORT_KEYS | JSON_COMPACT);
	for (const char *c = text; c && *c; c++)
		hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
	free(text);
	json_decref(part);
	return hash;
}

static json_t *cache(int index)
{
	char path[128], size[32], type[32], level[16];
	const char *base = "/sys/devices/system/cpu/cpu0/cache/index";

	snprintf(path, sizeof(path), "%s%d/size", base, index);
	if (sm_slurp(path, size, sizeof(size)) <= 0)
		return NULL;
	snprintf(path, sizeof(path), "%s%d/type", base, index);
	if (sm_slurp(path, type, sizeof(type)) <= 0)
		return NULL;
	snprintf(path, sizeof(path), "%s%d/level", base, index);
	if (sm_slurp(path, level, sizeof(level)) <= 0)
		return NULL;
	type[strcspn(type, "\n")] = 0;
	return json_pack("{s:s,s:i,s:I}", "type", type, "level", atoi(level), "size",
			 (json_int_t)atoll(size) * (strchr(size, 'M') ? 1048576 : 1024));
}

json_t *sm_caches(void)
{
	json_t *list = json_array(), *one;

	for (int i = 0; (one = cache(i)); i++)
		json_array_append_new(list, one);
	return list;
}

static bool packed_ref(const char *root, const char *ref, char *line, size_t size)
{
	char path[700], one[512];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "%s/.git/packed-refs", root);
	f = fopen(path, "re");
	while (f && !found && fgets(one, sizeof(one), f)) {
		one[strcspn(one, "\n")] = 0;
		found = strlen(one) > 41 && !strcmp(one + 41, ref);
	}
	if (f)
		fclose(f);
	if (found)
		snprintf(line, size, "%.40s", one);
	return found;
}

bool sm_commit(const char *root, char *commit, size_t size)
{
	char path[1200], line[512], id[64];

	snprintf(path, sizeof(path), "%s/.git/HEAD", root);
	if (sm_slurp(path, line, sizeof(line)) <= 0)
		return false;
	line[strcspn(line, "\n")] = 0;
	if (!strncmp(line, "ref: ", 5)) {
		snprintf(path, sizeof(path), "%s/.git/%s", root, line + 5);
		if (sm_slurp(path, id, sizeof(id)) <= 0 &&
		    !packed_ref(root, line + 5, id, sizeof(id)))
			return false;
	} else {
		snprintf(id, sizeof(id), "%.40s", line);
	}
	if (strspn(id, "0123456789abcdef") < 40)
		return false;
	snprintf(commit, size, "%.12s", id);
	return true;
}
