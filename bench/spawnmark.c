/* SPDX-License-Identifier: MIT */
/*
 * spawnmark.c - the command: run, try, conform, list, probe, doctor. All that it does is in harness/driver; here are
 * only the steps, and where messages go (stderr, one line, with the exit status of design's table
 * in driver.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "driver/arena.h"
#include "driver/baseline.h"
#include "driver/bundle.h"
#include "driver/conform.h"
#include "driver/doctor.h"
#include "driver/driver.h"
#include "driver/foreign.h"
#include "driver/list.h"
#include "driver/options.h"
#include "driver/probe.h"
#include "driver/suggest.h"
#include "driver/whereabouts.h"
#include "driver/without.h"

struct places {
	struct sm_whereabouts at;
	struct sm_unpacked unpacked; /* of a program of one file */
	char results[PATH_MAX];      /* where results/ is, or will be */
};

static int unpack(struct places *p, struct sm_error *error)
{
	int err = sm_bundle_unpack(&p->unpacked, error);

	snprintf(p->at.root, sizeof(p->at.root), "%s", p->unpacked.dir);
	snprintf(p->at.build, sizeof(p->at.build), "%s", p->unpacked.dir);
	p->at.installed = true;
	return err;
}

/* Results go to the checkout's, those of an installed program to where we are. */
static int find_places(struct places *p, struct sm_error *error)
{
	char bin[PATH_MAX], *slash;
	ssize_t n = readlink("/proc/self/exe", bin, sizeof(bin) - 1);

	bin[n > 0 ? n : 0] = '\0';
	slash = strrchr(bin, '/');
	if (slash)
		*slash = '\0';
	if (!getcwd(p->results, sizeof(p->results)))
		snprintf(p->results, sizeof(p->results), ".");
	if (sm_bundle_here())
		return unpack(p, error);
	if (sm_whereabouts(&p->at, bin, p->results) == 0) {
		if (!p->at.installed)
			snprintf(p->results, sizeof(p->results), "%s", p->at.root);
		return 0;
	}
	snprintf(error->text, sizeof(error->text),
		 "harness/payloads/python.py is neither beside %.200s nor here, nor is %.200s/.. a "
		 "place that `make install` filled",
		 bin, bin);
	return -ENOENT;
}

/*
 * What an IDE, a make or a CI opened and left to us must not reach hosts: it would be part of the
 * parent's image and of what a child inherits. close_range(2) has the flag since Linux 5.11.
 */
static void keep_descriptors_to_ourselves(void)
{
	const int first = 3;

	if (close_range(first, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
		return;
	for (int fd = first; fd < (int)sysconf(_SC_OPEN_MAX) && fd < 65536; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* An ignored SIGCHLD survives exec, and would reap what we wait for (wait(2)). */
static void keep_children_to_ourselves(void)
{
	signal(SIGCHLD, SIG_DFL);
}

static int cpu_count(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);
}

/* With a base side, every case becomes a pair. An enum sm_exit_code. */
static int make_plan(struct sm_plan **plan, const struct sm_options *o,
		     const struct sm_plan_options *opt, struct sm_base_side *base,
		     struct sm_arena *arena, struct sm_error *error)
{
	int code;

	if (!sm_baseline_wanted(o))
		return sm_plan_make(plan, opt, error) ? SM_EXIT_USAGE : SM_EXIT_GOOD;
	code = sm_baseline_find(base, o, opt, arena, error);
	if (code != SM_EXIT_GOOD)
		return code;
	if (sm_plan_make_pair(plan, opt, &base->plan, &base->record, error))
		return SM_EXIT_USAGE;
	return sm_baseline_meet(base, *plan, arena, error);
}

/* `run --list`, floors among them. */
static int tell_cases(const struct sm_plan *plan, struct sm_error *error)
{
	for (int i = 0; i < plan->ncases; i++)
		puts(plan->cases[i].name);
	if (!fflush(stdout) && !ferror(stdout))
		return SM_EXIT_GOOD;
	return sm_refuse(error, SM_EXIT_USAGE, "cannot write: %s", strerror(errno));
}

static int measure(const struct sm_options *o, char **argv, const struct places *places,
		   const char *const *names, const char *const *set, struct sm_error *error)
{
	struct sm_plan_options plan_options = {
		.names = names,
		.set = set,
		.only = o->only,
		.root = places->at.root,
		.build = places->at.build,
		.seed = o->seed,
		.quick = o->quick,
		.clock = o->clock,
		.ncpus = cpu_count(),
	};
	const struct sm_run_options run_options = {
		.root = places->at.root,
		.results = places->results,
		.out_dir = o->out_dir,
		.host_name = o->host_name,
		.argv = argv,
		.attach = o->attach,
		.report = o->report,
	};
	struct sm_arena *arena = sm_arena_new();
	struct sm_base_side base;
	struct sm_foreign *foreign;
	struct sm_plan *plan = NULL;
	int code = arena ? sm_foreign_meet(&foreign, &plan_options.nforeign, arena, o->host, error)
			 : SM_EXIT_UNABLE;

	if (code == SM_EXIT_GOOD) {
		plan_options.foreign = foreign;
		code = make_plan(&plan, o, &plan_options, &base, arena, error);
	}
	if (code == SM_EXIT_GOOD)
		code = o->list ? tell_cases(plan, error) : sm_run_all(plan, &run_options, error);
	sm_plan_free(plan);
	sm_arena_free(arena);
	return code;
}

/* `try` is the scenario try.ini with the user's code as settings; --set comes last and wins. */
static int try_code(const struct sm_options *o, char **argv, const struct places *places,
		    struct sm_error *error)
{
	const struct {
		const char *key, *value;
	} given[] = {
		{ "preamble", o->args[0] }, { "label", o->args[0] },      { "work", o->work },
		{ "check", o->check },      { "interpreter", o->python },
	};
	static const char *const names[] = { "try", NULL };
	const char *set[SM_OPTION_LIST_MAX + 8] = { NULL };
	struct sm_arena *arena = sm_arena_new();
	int code = SM_EXIT_USAGE;
	int n = 0;

	if (sm_without_python() && (sm_bundle_here() || !o->python))
		return sm_refuse(error, SM_EXIT_UNABLE, "try: %s", sm_without_python());
	for (size_t i = 0; arena && i < sizeof(given) / sizeof(*given); i++) {
		if (given[i].value)
			set[n++] = sm_arena_printf(arena, "%s=%s", given[i].key, given[i].value);
	}
	for (int i = 0; i < o->nset; i++)
		set[n++] = o->set[i];
	if (arena)
		code = measure(o, argv, places, names, set, error);
	sm_arena_free(arena);
	return code;
}

/* `list` and `probe`: what goes to stdout, whole or not at all good. */
static int tell(const struct sm_options *o, const struct places *places, struct sm_error *error)
{
	int err = o->command == SM_COMMAND_PROBE
			  ? sm_probe_write(stdout, o->json, places->at.root)
			  : sm_list_write(stdout, o->args[0], o->json, places->at.root, error);

	if (!err && fflush(stdout))
		err = -errno;
	if (err && !error->text[0])
		snprintf(error->text, sizeof(error->text), "cannot write: %s", strerror(-err));
	return err ? SM_EXIT_USAGE : SM_EXIT_GOOD;
}

static int doctor(const struct sm_options *o, struct sm_error *error)
{
	int found = sm_doctor_write(stdout, o->json, o->root);

	if (found >= 0 && fflush(stdout))
		found = -errno;
	if (found == -ENOENT)
		snprintf(error->text, sizeof(error->text), "--root %.300s: there is no /proc in it",
			 o->root ? o->root : "/");
	else if (found < 0)
		snprintf(error->text, sizeof(error->text), "cannot write: %s", strerror(-found));
	if (found < 0)
		return SM_EXIT_USAGE;
	return found && o->strict ? SM_EXIT_FAILED : SM_EXIT_GOOD;
}

static int conform(const struct sm_options *o, char **argv, const struct places *places,
		   struct sm_error *error)
{
	char build[PATH_MAX];
	struct sm_conform_options options = {
		.root = places->at.root,
		.build = places->at.build,
		.argv = argv,
		.strategies = o->strategies,
		.only = o->only,
		.level = o->level,
		.groups = o->group,
		.hosts = o->host,
		.json = o->json_file,
		.seed = o->seed,
		.repeat = o->repeat,
		.thorough = o->thorough,
		.list = o->list,
		.features = o->features,
	};
	struct sm_suite suite;
	int err = 0;

	if (sm_bundle_here()) {
		snprintf(build, sizeof(build), "%.4000s/conform", places->at.build);
		options.build = build;
		options.linked = true;
		err = o->list ? 0 : sm_bundle_conform(&places->unpacked);
	}
	if (err)
		return sm_refuse(error, SM_EXIT_UNABLE, "cannot copy this program to %.300s: %s",
				 build, strerror(-err));
	sm_suite_builtin(&suite);
	return sm_conform(&suite, &options, error);
}

int main(int argc, char **argv)
{
	struct sm_error error = { "" };
	struct sm_options o;
	struct places places = { .unpacked = { .lock = -1 } };
	int code = SM_EXIT_USAGE;

	keep_descriptors_to_ourselves();
	keep_children_to_ourselves();
	if (sm_options_parse(&o, argc, argv, &error))
		fprintf(stderr, "spawnmark: %s\n", error.text);
	else if (o.version)
		return puts("spawnmark " SM_VERSION) < 0 ? SM_EXIT_USAGE : SM_EXIT_GOOD;
	else if (o.help)
		return fputs(sm_options_help(o.command), stdout) < 0 ? SM_EXIT_USAGE : SM_EXIT_GOOD;
	else {
		if (o.command == SM_COMMAND_DOCTOR)
			code = doctor(&o, &error);
		else if (find_places(&places, &error))
			code = SM_EXIT_UNABLE;
		else if (o.command == SM_COMMAND_LIST || o.command == SM_COMMAND_PROBE)
			code = tell(&o, &places, &error);
		else if (o.command == SM_COMMAND_TRY)
			code = try_code(&o, argv, &places, &error);
		else if (o.command == SM_COMMAND_CONFORM)
			code = conform(&o, argv, &places, &error);
		else
			code = measure(&o, argv, &places, o.args, o.set, &error);
		sm_bundle_remove(&places.unpacked);
		if (error.text[0])
			fprintf(stderr, "spawnmark: %s\n", error.text);
	}
	return code;
}
