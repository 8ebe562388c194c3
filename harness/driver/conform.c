/* SPDX-License-Identifier: MIT */
/* conform.c - one conformance run from the options to the exit status; see conform.h. */
#include "conform.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../sys/sys.h"
#include "conform_cell.h"
#include "driver.h"
#include "probe.h"
#include "progress.h"

/* A killed run loses no more than this, and never a whole file. */
#define CHECKPOINT_NS 15000000000
/* For pools of idle children, and for descriptors that are far from each other. */
#define DESCRIPTORS 256

struct state {
	struct sm_conform_run run;
	struct sm_asker asker;
	struct sm_progress progress;
	FILE *out;
	bool out_is_terminal; /* which the progress line shares */
	int asked, done;      /* cells: of hosts, and altogether */
	int64_t asking_since_ns, saved_ns;
};

static int list(const struct state *s)
{
	json_t *checks = json_array();
	int err = 0;

	for (int i = 0; i < s->run.nrows; i++) {
		const struct sm_check *c = s->run.rows[i].check;

		if (s->run.opt->json)
			json_array_append_new(checks, sm_json_check(s->run.suite, &s->run.rows[i]));
		else
			fprintf(s->out, "%-36s %-4s %-6s %s\n", c->id, c->row,
				sm_level_name(c->level), c->claim);
	}
	if (s->run.opt->json)
		err = json_dumpf(checks, s->out, JSON_INDENT(1)) || fputc('\n', s->out) == EOF;
	json_decref(checks);
	return err || fflush(s->out) ? SM_EXIT_USAGE : SM_EXIT_GOOD;
}

static int save(struct state *s, const char *incomplete, struct sm_error *error)
{
	int err;

	s->run.incomplete = incomplete;
	s->saved_ns = sm_now_ns();
	err = sm_conform_save(&s->run);
	if (err)
		snprintf(error->text, sizeof(error->text), "cannot write %.300s: %s",
			 s->run.opt->json, strerror(-err));
	return err;
}

static void show(struct state *s, const char *what, const char *of)
{
	int total = s->run.rounds * s->run.ntargets * s->run.nrows;
	int64_t spent = sm_now_ns() - s->asking_since_ns;
	double left = s->done ? (double)spent / 1e9 / s->done * (total - s->done) : -1;
	char name[160];

	if (!s->progress.terminal) /* a pipe gets the results themselves */
		return;
	snprintf(name, sizeof(name), "%s%s%s", what, *of ? " " : "", of);
	sm_progress_line(&s->progress, s->done, total, left, name);
}

/* As long as nobody has looked: a killed run must not tell what it does not know. */
static void know_nothing(struct sm_conform_run *run)
{
	for (int f = 1; f < SM_F_COUNT; f++) {
		run->features[f].presence = SM_UNKNOWN;
		snprintf(run->features[f].text, sizeof(run->features[f].text), "%s",
			 run->suite->features[f].probe ? "not probed yet"
						       : "found by each check itself");
	}
}

static int probe(struct state *s)
{
	const struct sm_suite *suite = s->run.suite;

	for (int f = 1; f < SM_F_COUNT; f++) {
		if (!suite->features[f].probe)
			continue;
		if (sm_rig_interrupted(&s->asker.rig))
			return -EINTR;
		show(s, "probing", sm_suite_feature(suite, f));
		suite->probe((enum sm_feature)f, &s->run.features[f]);
	}
	show(s, "probing", sm_suite_feature(suite, SM_F_NUMPY));
	sm_probe_numpy(s->run.opt->root, &s->run.features[SM_F_NUMPY]);
	return 0;
}

static int one_cell(struct state *s, int round, int target, int row, struct sm_error *error)
{
	struct sm_conform_cell *cell = sm_conform_at(&s->run, round, target, row);
	int err = 0;

	if (sm_rig_interrupted(&s->asker.rig))
		return -EINTR;
	if (!sm_conform_decide(&s->run, target, row, cell)) {
		show(s, s->run.targets[target].name, s->run.rows[row].check->id);
		err = sm_conform_ask(&s->asker, target, row, cell);
		s->asked++;
	}
	if (err)
		return err;
	s->done++;
	if (s->out_is_terminal)
		sm_progress_clear(&s->progress);
	sm_ktap_cell(s->out, &s->run, round, target, row);
	if (ferror(s->out))
		return -EPIPE;
	if (sm_now_ns() - s->saved_ns >= CHECKPOINT_NS)
		err = save(s, "the run was killed, or is still going on", error);
	return err;
}

static int rounds(struct state *s, struct sm_error *error)
{
	int err = 0;

	s->asking_since_ns = sm_now_ns();
	sm_ktap_begin(s->out, &s->run);
	for (int round = 0; round < s->run.rounds; round++) {
		for (int t = 0; t < s->run.ntargets; t++) {
			sm_ktap_target(s->out, &s->run);
			for (int row = 0; !err && row < s->run.nrows; row++)
				err = one_cell(s, round, t, row, error);
			if (err)
				return err;
			sm_ktap_result(s->out, &s->run, round, t);
		}
	}
	return 0;
}

/* Do all rounds say the same? Names the cells that do not. */
static int differing(const struct state *s)
{
	int n = 0;

	for (int t = 0; t < s->run.ntargets; t++) {
		for (int row = 0; row < s->run.nrows; row++) {
			const struct sm_conform_cell *a = sm_conform_at(&s->run, 0, t, row), *b;
			int round = 1;

			for (b = a; round < s->run.rounds; round++) {
				b = sm_conform_at(&s->run, round, t, row);
				if (a->verdict != b->verdict || a->observed != b->observed)
					break;
			}
			if (round >= s->run.rounds)
				continue;
			n++;
			fprintf(s->out, "# differs: %s %s: %s (%s) in round 1, %s (%s) in %d\n",
				s->run.targets[t].name, s->run.rows[row].check->id,
				sm_verdict_name(a->verdict), sm_observed_name(a->observed),
				sm_verdict_name(b->verdict), sm_observed_name(b->observed),
				round + 1);
		}
	}
	return n;
}

static int count_bad(const struct sm_conform_run *run)
{
	int n = 0;

	for (int i = 0; i < run->rounds * run->ntargets * run->nrows; i++)
		n += sm_verdict_bad(run->cells[i].verdict);
	return n;
}

static bool any_but_na(const struct sm_conform_run *run)
{
	for (int i = 0; i < run->rounds * run->ntargets * run->nrows; i++)
		if (run->cells[i].verdict != SM_VERDICT_NA)
			return true;
	return false;
}

static int verdict(struct state *s, int err, struct sm_error *error)
{
	int differ;

	if (err == -EINTR) {
		snprintf(error->text, sizeof(error->text),
			 "interrupted: the cells so far are told%s",
			 s->run.opt->json ? " and written" : "");
		return SM_EXIT_INCONCLUSIVE;
	}
	if (err) {
		if (!error->text[0])
			snprintf(error->text, sizeof(error->text), "the run ended early: %s",
				 strerror(-err));
		return err == -EPIPE ? SM_EXIT_USAGE : SM_EXIT_UNABLE;
	}
	differ = s->run.rounds > 1 ? differing(s) : 0;
	if (differ)
		fprintf(s->out, "# %d cells differ between rounds\n", differ);
	else if (s->run.rounds > 1)
		fprintf(s->out, "# all %d rounds agree\n", s->run.rounds);
	if (!any_but_na(&s->run)) {
		snprintf(error->text, sizeof(error->text),
			 "none of these checks applies to these strategies");
		return SM_EXIT_UNABLE;
	}
	return count_bad(&s->run) || differ ? SM_EXIT_FAILED : SM_EXIT_GOOD;
}

/* What no check can do without, and has from whoever started us. 0 or -errno with error. */
static int need_place(struct sm_error *error)
{
	struct rlimit limit;
	char here[PATH_MAX];

	/* Programs complain of it on a stderr that is looked at; a check comes back to where it was. */
	if (!getcwd(here, sizeof(here)) && errno == ENOENT) {
		snprintf(error->text, sizeof(error->text),
			 "the current directory has been removed; go to one that is there");
		return -ENOENT;
	}
	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= DESCRIPTORS)
		return 0;
	limit.rlim_cur = limit.rlim_max < DESCRIPTORS ? limit.rlim_max : DESCRIPTORS;
	if (limit.rlim_cur == DESCRIPTORS && !setrlimit(RLIMIT_NOFILE, &limit))
		return 0;
	snprintf(error->text, sizeof(error->text),
		 "checks need %d descriptors, and RLIMIT_NOFILE is %llu: raise it (ulimit -Hn)",
		 DESCRIPTORS, (unsigned long long)limit.rlim_max);
	return -EMFILE;
}

/* What hosts are started from must be there. 0 or -ENOENT with error. */
static int need_built(struct state *s, char checks[512], struct sm_error *error)
{
	static const char *const files[] = { "sm-host", "payloads/none", "checks.so" };
	const struct sm_conform_options *opt = s->run.opt;
	const int n = opt->linked ? 2 : 3;

	for (int i = 0; i < n; i++) {
		snprintf(checks, 512, "%s/%s", opt->build, files[i]);
		if (access(checks, R_OK) == 0)
			continue;
		snprintf(error->text, sizeof(error->text), "%.400s is missing; run `make`", checks);
		return -ENOENT;
	}
	return 0;
}

static int hello(struct state *s, struct sm_error *error)
{
	int err = 0;

	for (int i = 0; !err && i < s->run.ntargets; i++)
		if (s->run.targets[i].command)
			err = sm_conform_hello(&s->asker, &s->run.targets[i], error);
	return err;
}

static int in_rig(struct state *s, struct sm_error *error)
{
	char checks[512];
	int err = need_place(error), code;

	if (!err)
		err = need_built(s, checks, error);
	if (err)
		return SM_EXIT_UNABLE;
	err = sm_leftover_open(&s->asker.left);
	if (!err && !s->run.opt->linked)
		err = sm_rig_setenv(&s->asker.rig, "SM_CHECKS", checks);
	if (err) {
		snprintf(
			error->text, sizeof(error->text),
			"cannot make a temporary folder: %s; name a writable one in TMPDIR, of at most "
			"40 characters",
			strerror(-err));
		code = SM_EXIT_UNABLE;
	} else if (save(s, "the run was killed, or is still going on", error)) {
		code = SM_EXIT_USAGE;
	} else {
		err = hello(s, error);
		code = err && err != -EINTR ? SM_EXIT_USAGE : SM_EXIT_GOOD;
		if (!err)
			err = probe(s);
		if (!err)
			err = rounds(s, error);
		sm_progress_close(&s->progress);
		if (code == SM_EXIT_GOOD) {
			code = verdict(s, err, error);
			if (save(s, err == -EINTR ? "interrupted" : (err ? error->text : NULL),
				 error))
				code = SM_EXIT_USAGE;
			sm_ktap_summary(s->out, &s->run);
		}
	}
	sm_leftover_close(&s->asker.left);
	return code;
}

/*
 * `conform | head`: to write is to fail, not to die before hosts and files are gone. The mask of
 * the user comes back with the signals; not an ignored signal, which hosts would inherit.
 */
static int take_signals(struct sm_rig *rig)
{
	sigset_t pipes;
	int err = sm_rig_take_signals(rig);

	sigemptyset(&pipes);
	sigaddset(&pipes, SIGPIPE);
	if (!err)
		sigprocmask(SIG_BLOCK, &pipes, NULL);
	return err;
}

static int with_rig(struct state *s, struct sm_error *error)
{
	struct sm_rig *rig = &s->asker.rig;
	int err = sm_rig_open(rig), code;

	if (!err) {
		err = take_signals(rig);
		if (err)
			sm_rig_close(rig);
	}
	if (err) {
		snprintf(error->text, sizeof(error->text), "cannot prepare to start processes: %s",
			 strerror(-err));
		return SM_EXIT_UNABLE;
	}
	s->asker.run = &s->run;
	know_nothing(&s->run);
	sm_progress_begin(&s->progress, "cells");
	code = in_rig(s, error);
	sm_rig_close(rig);
	sm_rig_leave_signals(rig);
	return code;
}

int sm_conform(const struct sm_suite *suite, const struct sm_conform_options *opt,
	       struct sm_error *error)
{
	struct state s = { .run = { .suite = suite, .opt = opt, .began_ns = sm_now_ns() },
			   .out = opt->out ? opt->out : stdout };
	int code, err;

	s.out_is_terminal = isatty(fileno(s.out));
	error->text[0] = 0;
	err = sm_conform_select(&s.run, error);
	if (!err && !opt->list && opt->json && !strcmp(opt->json, "-")) {
		snprintf(error->text, sizeof(error->text),
			 "--json needs a FILE: stdout has the results as KTAP");
		err = -EINVAL;
	}
	if (err && !error->text[0])
		snprintf(error->text, sizeof(error->text), "%s", strerror(-err));
	if (err)
		code = SM_EXIT_USAGE;
	else if (opt->list)
		code = list(&s);
	else
		code = with_rig(&s, error);
	sm_arena_free(s.run.arena);
	return code;
}
