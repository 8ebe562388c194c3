/* SPDX-License-Identifier: MIT */
/* conform_judge.c - what an answer means; see conform.h. */
#include <string.h>

#include "conform.h"
#include "traits.h"

/* clang-format off */
static const char *const verdicts[SM_VERDICT_COUNT] = {
	"NONE", "PASS", "FAIL", "XFAIL", "XPASS", "SKIP", "BROKEN", "TIMEOUT", "NA",
};
/* clang-format on */

const char *sm_verdict_name(enum sm_verdict verdict)
{
	return verdicts[verdict];
}

bool sm_verdict_bad(enum sm_verdict verdict)
{
	return verdict == SM_VERDICT_FAIL || verdict == SM_VERDICT_XPASS ||
	       verdict == SM_VERDICT_BROKEN || verdict == SM_VERDICT_TIMEOUT;
}

const char *sm_observed_name(int observed)
{
	static const char *const names[] = { "none", "holds", "fails", "skip", "broken" };

	return observed == SM_TIMED_OUT ? "timeout" : names[observed];
}

const char *sm_expected_name(enum sm_expected expected)
{
	static const char *const names[] = { "holds", "fails", "record" };

	return names[expected];
}

const char *sm_level_name(enum sm_level level)
{
	static const char *const names[] = { "MUST", "SHOULD", "RECORD" };

	return names[level];
}

struct sm_expectation sm_conform_expect(const struct sm_suite *suite, const struct sm_check *check,
					const struct sm_target *target)
{
	enum sm_expected fails = SM_EXPECT_FAILS, holds = SM_EXPECT_HOLDS;

	if (check->level == SM_RECORD)
		fails = holds = SM_EXPECT_RECORD;
	for (unsigned int i = 0; i < suite->nexpects; i++) {
		const struct sm_expect *e = &suite->expects[i];

		if (strcmp(e->check, check->id) || strcmp(e->strategy, target->name))
			continue;
		if (e->holds == true)
			return (struct sm_expectation){ .expected = holds };
		return (struct sm_expectation){ fails, e->why, .better = e->holds == SM_MAY_FAIL,
						.leaves = e->holds == SM_FAILS_LEAVING };
	}
	if ((target->traits & check->fails_with) || (~target->traits & check->fails_lacking))
		return (struct sm_expectation){ fails, check->why, .better = target->command };
	return (struct sm_expectation){ .expected = holds };
}

enum sm_verdict sm_conform_judge(const struct sm_expectation *e, int observed)
{
	const enum sm_expected expected = e->expected;

	switch (observed) {
	case SM_HOLDS:
		return expected == SM_EXPECT_FAILS && !e->better ? SM_VERDICT_XPASS
								 : SM_VERDICT_PASS;
	case SM_FAILS:
		if (expected == SM_EXPECT_RECORD)
			return SM_VERDICT_PASS;
		return expected == SM_EXPECT_FAILS ? SM_VERDICT_XFAIL : SM_VERDICT_FAIL;
	case SM_SKIPS:
		return SM_VERDICT_SKIP;
	case SM_TIMED_OUT: /* a hang can be the documented difference */
		return expected == SM_EXPECT_FAILS ? SM_VERDICT_XFAIL : SM_VERDICT_TIMEOUT;
	default:
		return SM_VERDICT_BROKEN;
	}
}

static bool applies(const struct sm_check *check, const struct sm_target *target)
{
	return (target->traits & check->only) == check->only && !(target->traits & check->without);
}

static const char *why_not(const struct sm_conform_run *run, const struct sm_check *check,
			   const struct sm_target *target)
{
	uint64_t lacks = check->only & ~target->traits;
	char text[160];

	sm_traits_text(text, sizeof(text), lacks ? lacks : check->without & target->traits);
	return sm_arena_printf(run->arena, lacks ? "n/a: only for %s" : "n/a: not for %s", text);
}

/* Who is asked what the kernel or libc would answer to all alike. */
static const struct sm_target *spokesman(const struct sm_conform_run *run,
					 const struct sm_check *check)
{
	for (int i = 0; i < run->ntargets; i++)
		if (applies(check, &run->targets[i]))
			return &run->targets[i];
	return NULL;
}

/* What a check finds by itself has no probe, is not known, and never stops it from being asked. */
static int first_missing(const struct sm_conform_run *run, uint64_t needs)
{
	for (int f = 1; f < SM_F_COUNT; f++)
		if ((needs & SM_NEED(f)) && run->features[f].presence != SM_PRESENT &&
		    (run->suite->features[f].probe || run->features[f].presence == SM_MISSING))
			return f;
	return SM_F_NONE;
}

static bool settle(struct sm_conform_cell *cell, enum sm_verdict verdict, int observed,
		   const char *reason)
{
	cell->verdict = verdict;
	cell->observed = observed;
	cell->reason = reason ? reason : "no memory";
	cell->evidence = "";
	return true;
}

bool sm_conform_decide(const struct sm_conform_run *run, int target, int row,
		       struct sm_conform_cell *cell)
{
	const struct sm_check *check = run->rows[row].check;
	const struct sm_target *t = &run->targets[target];
	const char *text;

	cell->expectation = sm_conform_expect(run->suite, check, t);
	if (!applies(check, t))
		return settle(cell, SM_VERDICT_NA, SM_OBSERVED_NONE, why_not(run, check, t));
	if ((check->flags & SM_CHECK_ALONE) && spokesman(run, check) != t)
		return settle(cell, SM_VERDICT_NA, SM_OBSERVED_NONE,
			      sm_arena_printf(run->arena, "n/a: asks the kernel: see %s",
					      spokesman(run, check)->name));
	cell->feature = first_missing(run, check->needs);
	if (cell->feature == SM_F_NONE)
		return false;
	text = run->features[cell->feature].text;
	return settle(cell, SM_VERDICT_SKIP, SM_SKIPS,
		      sm_arena_printf(run->arena, "%s%s%s",
				      sm_suite_feature(run->suite, cell->feature),
				      *text ? ": " : "", text));
}
