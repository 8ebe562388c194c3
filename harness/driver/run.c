/* SPDX-License-Identifier: MIT */
/* run.c - one run from the empty folder to the report; see driver.h. */
#include "driver.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../sys/sys.h"
#include "collect.h"
#include "json.h"
#include "prepare.h"
#include "progress.h"
#include "report.h"
#include "rerun.h"
#include "results.h"
#include "samples.h"
#include "visit.h"

/* A killed run loses no more than this, and never a whole file. */
#define CHECKPOINT_NS 15000000000

struct state {
	const struct sm_plan *plan;
	const struct sm_run_options *opt;
	struct sm_rig rig;
	struct sm_run run;
	struct sm_folder folder;
	struct sm_progress progress;
	struct sm_reruns reruns;
	json_t *attached;
	int64_t saved_ns;
};

static void utc(char text[32])
{
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static int save(struct state *s, const char *incomplete)
{
	s->run.incomplete = incomplete;
	s->saved_ns = sm_now_ns();
	return sm_results_write(&s->run, s->opt, s->attached, &s->folder);
}

static void checkpoint(struct state *s, int next)
{
	const struct sm_visit *v = s->plan->visits;
	char text[160];
	int err;

	if (sm_now_ns() - s->saved_ns < CHECKPOINT_NS || next >= s->plan->nvisits ||
	    v[next].block == v[next - 1].block)
		return;
	err = save(s, "the run was killed, or is still going on");
	if (!err)
		return;
	snprintf(text, sizeof(text), "warning: results cannot be saved: %s", strerror(-err));
	sm_progress_say(&s->progress, text);
}

/* A case's first failure. */
static const char *why_not(const struct sm_result *r)
{
	if (!r->nerrors)
		return "not visited";
	return r->errors[0].text[0] ? r->errors[0].text : strerror(r->errors[0].err);
}

/* Tells a case's first failure as it happens: nobody should wait for the end to learn of it. */
static void tell(struct state *s, const struct sm_case *c, const struct sm_result *r, int known)
{
	char text[600];

	if (known || !r->nerrors)
		return;
	snprintf(text, sizeof(text), "%s: %s: %s", c->name, sm_stage_name(r->errors[0].stage),
		 why_not(r));
	sm_progress_say(&s->progress, text);
}

/* Notes the block that was measured last, from `at` on, if it is to be measured again. */
static void note(struct state *s, int icase, int64_t at, int64_t began)
{
	const struct sm_result *r = &s->run.results[icase];
	int64_t now = sm_now_ns();

	sm_reruns_note(&s->reruns, icase, &r->blocks[r->nblocks - 1], now - at, now - began,
		       s->run.visits_done);
}

/* When a block of the run is done: what was noisy in it, again. */
static int again(struct state *s, int next, int64_t began)
{
	int icase, order, err = 0;

	if (next < s->plan->nvisits && !sm_plan_begins_block(s->plan, next))
		return 0;
	while (!err && sm_reruns_next(&s->reruns, &icase, &order)) {
		const struct sm_case *c = &s->plan->cases[icase];
		struct sm_result *r = &s->run.results[icase];
		int64_t at = sm_now_ns();
		int known = r->nerrors;

		if (sm_rig_interrupted(&s->rig))
			return -EINTR;
		err = sm_visit(&s->rig, c, r, r->blocks[r->nblocks - 1].index, order);
		if (!err)
			err = sm_rerun_supersede(r);
		if (err)
			break;
		tell(s, c, r, known);
		note(s, icase, at, began);
	}
	return err;
}

static int visits(struct state *s)
{
	int64_t began = sm_now_ns();
	int err = 0;

	for (int i = 0; i < s->plan->nvisits && !err; i++) {
		const struct sm_visit *v = &s->plan->visits[i];
		struct sm_result *r = &s->run.results[v->icase];
		int64_t at = sm_now_ns();
		int known = r->nerrors;

		if (sm_plan_enough(s->plan, i, at - began))
			break;
		if (sm_rig_interrupted(&s->rig))
			return -EINTR;
		sm_progress_visit(&s->progress, i);
		s->run.visit_at_ns[i] = at;
		err = sm_visit(&s->rig, &s->plan->cases[v->icase], r, v->block, i);
		if (err)
			break;
		tell(s, &s->plan->cases[v->icase], r, known);
		sm_progress_spent(&s->progress, i, sm_now_ns() - at);
		s->run.visits_done = i + 1;
		note(s, v->icase, at, began);
		err = again(s, i + 1, began);
		if (!err)
			checkpoint(s, i + 1);
	}
	return err;
}

static int measure(struct state *s)
{
	struct sm_fault fault = { .size = sizeof(fault) };
	char text[400];
	int err;

	if (s->plan->clock == SM_CLOCK_ICOUNT)
		sm_progress_say(&s->progress, "clock: " SM_ICOUNT_NOTE);
	if (s->rig.base.accounting == SM_ACCT_RUSAGE)
		sm_progress_say(&s->progress,
				"no control group can be made (root can): CPU times are rusage's, "
				"marked as such");
	err = sm_prepare_payloads(&s->rig, s->plan);
	if (!err)
		err = sm_prepare_calibration(&s->rig, &s->run, &fault);
	if (s->rig.interrupted)
		return -EINTR;
	if (err) {
		snprintf(text, sizeof(text), "warning: no calibration: %s", fault.text);
		sm_progress_say(&s->progress, text);
	}
	return visits(s);
}

static void tell_noise(struct state *s)
{
	char text[200];

	if (sm_noise_summary(&s->run, text, sizeof(text)))
		sm_progress_say(&s->progress, text);
}

static int write_results(struct state *s, int err, struct sm_error *error)
{
	int wrong;

	utc(s->run.finished);
	wrong = save(s, err == -EINTR ? "interrupted" : (err ? strerror(-err) : NULL));
	if (!wrong)
		wrong = sm_samples_write(&s->run, &s->folder);
	if (!wrong)
		wrong = sm_folder_latest(&s->folder);
	if (wrong)
		snprintf(error->text, sizeof(error->text), "cannot write results to %.300s: %s",
			 s->folder.path, strerror(-wrong));
	return wrong;
}

/* How many failed, which is the first, and why: the line that is read when all else scrolled by. */
static int count_failed(const struct state *s, struct sm_error *error)
{
	int failed = 0, first = 0;

	for (int i = s->plan->ncases - 1; i >= 0; i--)
		if (!strcmp(sm_case_status(&s->plan->cases[i], &s->run.results[i]), "failed")) {
			failed++;
			first = i;
		}
	if (failed) {
		const struct sm_result *r = &s->run.results[first];

		snprintf(error->text, sizeof(error->text), "%d of %d cases failed%s %.120s: %.200s",
			 failed, s->plan->ncases, failed == 1 ? ":" : ", the first is",
			 s->plan->cases[first].name, why_not(r));
	}
	return failed;
}

static int verdict(const struct state *s, int err, struct sm_error *error)
{
	int grew = 0;

	if (err == -EINTR) {
		snprintf(error->text, sizeof(error->text),
			 "interrupted: finished blocks are kept in %.300s/run.json",
			 s->folder.path);
		return SM_EXIT_INCONCLUSIVE;
	}
	if (err) {
		snprintf(error->text, sizeof(error->text), "the run ended early: %s",
			 strerror(-err));
		return SM_EXIT_UNABLE;
	}
	if (count_failed(s, error))
		return SM_EXIT_FAILED;
	for (int i = 0; i < s->plan->ncases; i++)
		grew += sm_soak_flat(&s->run.results[i]) == SM_FLAT_NO;
	if (!grew)
		return SM_EXIT_GOOD;
	snprintf(
		error->text, sizeof(error->text),
		"descriptors, zombies or memory grew in %d of %d cases: see soak in %.300s/run.json",
		grew, s->plan->ncases, s->folder.path);
	return SM_EXIT_FAILED;
}

static int run_in(struct state *s, struct sm_error *error)
{
	int err = sm_rig_open(&s->rig), code;

	if (!err) {
		err = sm_rig_take_signals(&s->rig);
		if (err)
			sm_rig_close(&s->rig);
	}
	if (err) {
		snprintf(error->text, sizeof(error->text), "cannot prepare to start processes: %s",
			 strerror(-err));
		return SM_EXIT_UNABLE;
	}
	s->rig.meter = s->opt->meter;
	err = sm_reruns_open(&s->reruns, s->plan);
	if (!err)
		err = sm_progress_open(&s->progress, s->plan);
	if (!err) {
		err = measure(s);
		tell_noise(s);
		sm_progress_close(&s->progress);
	}
	sm_reruns_close(&s->reruns);
	sm_rig_close(&s->rig);
	code = write_results(s, err, error) ? SM_EXIT_USAGE : verdict(s, err, error);
	/* Nothing runs now that must be killed: from here on a second signal ends the program. */
	sm_rig_leave_signals(&s->rig);
	if (code == SM_EXIT_GOOD || code == SM_EXIT_FAILED)
		sm_report(&s->folder, s->opt);
	sm_folder_hand_over(&s->folder);
	return code;
}

static int make_room(struct state *s)
{
	s->run.results = calloc((size_t)s->plan->ncases + 1, sizeof(*s->run.results));
	s->run.visit_at_ns = calloc((size_t)s->plan->nvisits + 1, sizeof(*s->run.visit_at_ns));
	return s->run.results && s->run.visit_at_ns ? 0 : -ENOMEM;
}

int sm_run_all(const struct sm_plan *plan, const struct sm_run_options *opt, struct sm_error *error)
{
	struct state *s = calloc(1, sizeof(*s));
	int code = SM_EXIT_UNABLE;

	error->text[0] = 0;
	if (!s) {
		snprintf(error->text, sizeof(error->text), "out of memory");
		return code;
	}
	s->plan = s->run.plan = plan;
	s->opt = opt;
	s->saved_ns = sm_now_ns();
	utc(s->run.started);
	if (make_room(s))
		snprintf(error->text, sizeof(error->text), "out of memory");
	else if (sm_attached_read(&s->attached, opt->attach, error) ||
		 sm_folder_make(&s->folder, opt, error))
		code = SM_EXIT_USAGE;
	else
		code = run_in(s, error);
	for (int i = 0; s->run.results && i < plan->ncases; i++)
		sm_result_free(&s->run.results[i]);
	json_decref(s->attached);
	free(s->run.calibration);
	free(s->run.visit_at_ns);
	free(s->run.results);
	free(s);
	return code;
}
