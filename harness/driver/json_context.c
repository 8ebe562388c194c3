/* SPDX-License-Identifier: MIT */
/* json_context.c - run.json's context: google-benchmark's keys and ours; see json.h. */
#include "json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cgroup.h"
#include "environment.h"
#include "folder.h"
#include "meter.h"

#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__)
#define BUILD_TYPE "release"
#else
#define BUILD_TYPE "debug"
#endif

static json_t *scenarios(const struct sm_plan *plan)
{
	json_t *list = json_array();

	for (int i = 0; i < plan->nscenarios; i++) {
		const struct sm_scenario *s = &plan->scenarios[i];

		json_array_append_new(list,
				      json_pack("{s:o,s:o,s:o}", "name", sm_json_text(s->name),
						"file", sm_json_text(s->file), "text",
						sm_json_text(s->text ? s->text : "")));
	}
	return list;
}

static json_t *order(const struct sm_run *run)
{
	json_t *list = json_array();

	for (int i = 0; i < run->plan->nvisits; i++) {
		const struct sm_visit *v = &run->plan->visits[i];
		int64_t at = run->visit_at_ns ? run->visit_at_ns[i] : 0;

		json_array_append_new(list, json_pack("{s:i,s:o,s:o}", "block", v->block, "case",
						      sm_json_text(run->plan->cases[v->icase].name),
						      "at_ns", sm_json_count(at ? at : -1)));
	}
	return list;
}

static json_t *texts(const char *const *list)
{
	json_t *o = json_array();

	for (; list && *list; list++)
		json_array_append_new(o, sm_json_text(*list));
	return o;
}

static json_t *plan(const struct sm_run *run)
{
	const struct sm_baseline *b = run->plan->baseline;
	json_t *o = json_pack("{s:o,s:o}", "scenarios", scenarios(run->plan), "order", order(run));

	if (b)
		json_object_set_new(o, "baseline",
				    json_pack("{s:o,s:o,s:o,s:o,s:o}", "command",
					      sm_json_text(b->command), "version",
					      sm_json_text(b->version), "set", texts(b->set), "env",
					      texts(b->env), "hosts", texts(b->hosts)));
	return o;
}

/* What a reader must know before any number; scripts/units.py has its words. */
static json_t *clock_of(const struct sm_plan *plan)
{
	if (plan->clock == SM_CLOCK_ICOUNT)
		return json_pack("{s:s,s:s}", "kind", "instructions", "note", SM_ICOUNT_NOTE);
	return json_pack("{s:s,s:s}", "kind", "time", "note", "CLOCK_MONOTONIC");
}

/* An emulator's CPUID is an instruction as any other: what it costs in a VM cannot be told. */
static bool is_told(const struct sm_run *run, const struct sm_msg_value *v)
{
	return run->plan->clock == SM_CLOCK_TIME || strcmp(v->name, "cpuid_ns");
}

static json_t *calibration(const struct sm_run *run)
{
	json_t *list = json_array();

	for (int i = 0; i < run->ncalibration; i++) {
		const struct sm_msg_value *v = &run->calibration[i];

		if (!is_told(run, v))
			continue;
		json_array_append_new(
			list, json_pack("{s:o,s:o,s:o,s:o,s:I}", "name", sm_json_text(v->name),
					"p50", sm_json_real(v->p50), "lo", sm_json_real(v->lo),
					"hi", sm_json_real(v->hi), "n", (json_int_t)v->n));
	}
	return list;
}

static json_t *words(char *const *argv)
{
	json_t *list = json_array();

	for (; argv && *argv; argv++)
		json_array_append_new(list, sm_json_text(*argv));
	if (!json_array_size(list))
		json_array_append_new(list, json_string("spawnmark"));
	return list;
}

static json_t *ours(const struct sm_run *run, const struct sm_run_options *opt)
{
	enum sm_accounting accounting = SM_ACCT_NONE;
	json_t *o = json_object(), *env;
	char id[32], commit[64];

	for (int i = 0; i < run->plan->ncases && accounting == SM_ACCT_NONE; i++)
		accounting = run->results[i].accounting;
	env = sm_environment(opt->root, sm_accounting_name(accounting));
	snprintf(id, sizeof(id), "%016llx",
		 (unsigned long long)sm_fingerprint(env, sysconf(_SC_NPROCESSORS_ONLN)));
	json_object_set_new(o, "schema", json_string("spawnmark/1"));
	json_object_set_new(o, "version", json_string(SM_VERSION));
	/* JSON's integers end at 2^63 in jansson. */
	json_object_set_new(o, "seed", json_integer((json_int_t)(run->plan->seed & INT64_MAX)));
	json_object_set_new(o, "started", json_string(run->started));
	json_object_set_new(o, "finished", sm_json_text(run->finished[0] ? run->finished : NULL));
	json_object_set_new(o, "argv", words(opt->argv));
	json_object_set_new(o, "quick", json_boolean(run->plan->quick));
	json_object_set_new(o, "commit",
			    sm_commit(opt->root, commit, sizeof(commit)) ? json_string(commit)
									 : json_null());
	json_object_set_new(o, "clock", clock_of(run->plan));
	json_object_set_new(o, "plan", plan(run));
	json_object_set_new(o, "environment", env);
	json_object_set_new(o, "fingerprint", json_string(id));
	json_object_set_new(o, "calibration", calibration(run));
	json_object_set_new(o, "noise", sm_json_noise(run));
	return o;
}

static json_t *load(void)
{
	json_t *list = json_array();
	double v[3];
	int n = getloadavg(v, 3);

	for (int i = 0; i < n; i++)
		json_array_append_new(list, sm_json_real(v[i]));
	return list;
}

/* google-benchmark's own: does the frequency of a CPU change while it measures? */
static bool scaling(void)
{
	char governor[64];
	const char *path = "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor";

	return sm_slurp(path, governor, sizeof(governor)) > 0 &&
	       strncmp(governor, "performance", 11) != 0;
}

/* What it runs at now, or at most where /proc/cpuinfo has no such line (arm64). */
static json_t *megahertz(void)
{
	const char *most = "/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq";
	char mhz[64];

	if (sm_cpuinfo("cpu MHz", mhz, sizeof(mhz)))
		return json_integer((json_int_t)(atof(mhz) + 0.5));
	return json_integer(sm_slurp_number(most) > 0 ? sm_slurp_number(most) / 1000 : 0);
}

json_t *sm_json_context(const struct sm_run *run, const struct sm_run_options *opt)
{
	char host[128], date[64];
	time_t now = time(NULL);
	json_t *o = json_object();
	struct tm tm;

	sm_host_name(opt, host, sizeof(host));
	gmtime_r(&now, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S+00:00", &tm);
	json_object_set_new(o, "date", json_string(date));
	json_object_set_new(o, "host_name", sm_json_text(host));
	json_object_set_new(o, "executable",
			    sm_json_text(opt->argv && opt->argv[0] ? opt->argv[0] : "spawnmark"));
	json_object_set_new(o, "num_cpus", json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
	json_object_set_new(o, "mhz_per_cpu", megahertz());
	json_object_set_new(o, "cpu_scaling_enabled", json_boolean(scaling()));
	json_object_set_new(o, "aslr_enabled",
			    json_boolean(sm_slurp_number("/proc/sys/kernel/randomize_va_space") >
					 0));
	json_object_set_new(o, "caches", sm_caches());
	json_object_set_new(o, "load_avg", load());
	json_object_set_new(o, "library_version", json_string(SM_VERSION));
	json_object_set_new(o, "library_build_type", json_string(BUILD_TYPE));
	json_object_set_new(o, "json_schema_version", json_integer(1));
	json_object_set_new(o, "spawnmark", ours(run, opt));
	return o;
}
