/* SPDX-License-Identifier: MIT */
/*
 * ktap.c - a conformance run as KTAP: one test per strategy, with its cells nested in it; see
 * conform.h. Plain TAP readers see the strategies alone, because cells are indented.
 */
#include <inttypes.h>
#include <string.h>

#include "../sys/sys.h"
#include "conform.h"

void sm_ktap_begin(FILE *out, const struct sm_conform_run *run)
{
	fprintf(out, "KTAP version 1\n1..%d\n", run->ntargets * run->rounds);
	for (int f = 1; run->opt->features && f < SM_F_COUNT; f++) {
		static const char *const words[] = { "present", "missing", "unknown" };
		const struct sm_probe_result *r = &run->features[f];

		if (run->suite->features[f].probe)
			fprintf(out, "# feature %s: %s%s%s\n", sm_suite_feature(run->suite, f),
				words[r->presence], r->text[0] ? ", " : "", r->text);
	}
	fflush(out);
}

void sm_ktap_target(FILE *out, const struct sm_conform_run *run)
{
	fprintf(out, "  KTAP version 1\n  1..%d\n", run->nrows);
	fflush(out);
}

static void diagnose(FILE *out, const struct sm_conform_run *run, int target, int row,
		     const struct sm_conform_cell *cell)
{
	const struct sm_check *check = run->rows[row].check;

	if (cell->verdict == SM_VERDICT_XPASS)
		fprintf(out, "  # XPASS: a documented difference has vanished: %s\n",
			cell->expectation.why ? cell->expectation.why : "");
	fprintf(out, "  # claim: %s (%s, %s)\n", check->claim, check->row,
		sm_level_name(check->level));
	fprintf(out, "  # seen: %s\n", cell->evidence);
	fprintf(out, "  # source: %s\n", check->source);
	fprintf(out, "  # repeat: %s\n", sm_conform_repeat(run, &run->targets[target], check));
}

void sm_ktap_cell(FILE *out, const struct sm_conform_run *run, int round, int target, int row)
{
	const struct sm_conform_cell *cell = sm_conform_at(run, round, target, row);
	const struct sm_check *check = run->rows[row].check;
	const char *reason = cell->reason ? cell->reason : "";

	fprintf(out, "  %sok %d %s", sm_verdict_bad(cell->verdict) ? "not " : "", row + 1,
		check->id);
	switch (cell->verdict) {
	case SM_VERDICT_NA:
	case SM_VERDICT_SKIP:
		fprintf(out, " # SKIP %s", reason);
		break;
	case SM_VERDICT_XFAIL:
		fprintf(out, " # XFAIL differs by design: %s", reason);
		break;
	case SM_VERDICT_BROKEN:
		fprintf(out, " # ERROR %s", reason);
		break;
	case SM_VERDICT_TIMEOUT:
		fprintf(out, " # TIMEOUT %g s",
			(check->timeout_ms ? check->timeout_ms : SM_CHECK_MS) / 1000.0);
		break;
	default:
		break;
	}
	fputc('\n', out);
	if (sm_verdict_bad(cell->verdict))
		diagnose(out, run, target, row, cell);
	else if (cell->verdict == SM_VERDICT_PASS && check->level == SM_RECORD)
		fprintf(out, "  # %s\n", cell->evidence);
	fflush(out);
}

static int count(const struct sm_conform_run *run, int round, int target, enum sm_verdict verdict)
{
	int n = 0;

	for (int row = 0; row < run->nrows; row++)
		n += sm_conform_at(run, round, target, row)->verdict == verdict;
	return n;
}

void sm_ktap_result(FILE *out, const struct sm_conform_run *run, int round, int target)
{
	int n = round * run->ntargets + target + 1, bad = 0, asked = 0;
	char name[64];

	for (int v = SM_VERDICT_PASS; v < SM_VERDICT_COUNT; v++) {
		int k = count(run, round, target, (enum sm_verdict)v);

		bad += sm_verdict_bad((enum sm_verdict)v) ? k : 0;
		asked += v == SM_VERDICT_NA || v == SM_VERDICT_SKIP ? 0 : k;
	}
	snprintf(name, sizeof(name), "%s", run->targets[target].name);
	if (run->rounds > 1)
		snprintf(name, sizeof(name), "%s, round %d", run->targets[target].name, round + 1);
	fprintf(out, "%sok %d %s%s\n", bad ? "not " : "", n, name,
		asked ? "" : " # SKIP no check could be asked");
	fflush(out);
}

void sm_ktap_summary(FILE *out, const struct sm_conform_run *run)
{
	int cells = 0;

	for (int t = 0; t < run->ntargets; t++) {
		fprintf(out, "# %s:", run->targets[t].name);
		for (int v = SM_VERDICT_PASS; v < SM_VERDICT_COUNT; v++) {
			int n = 0;

			for (int round = 0; round < run->rounds; round++)
				n += count(run, round, t, (enum sm_verdict)v);
			if (n)
				fprintf(out, " %d %s", n, sm_verdict_name((enum sm_verdict)v));
			cells += n;
		}
		fputc('\n', out);
	}
	fprintf(out, "# %d cells in %.1f s\n", cells, (double)(sm_now_ns() - run->began_ns) / 1e9);
	if (run->incomplete)
		fprintf(out, "Bail out! %s\n", run->incomplete);
	fflush(out);
}
