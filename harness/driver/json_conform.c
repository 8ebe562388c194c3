/* SPDX-License-Identifier: MIT */
/* json_conform.c - a conformance run as JSON: conformance.schema.json is its shape; see conform.h. */
#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "conform.h"
#include "environment.h"
#include "folder.h"
#include "json.h"
#include "probe.h"

static json_t *words(char *const *argv)
{
	json_t *list = json_array();

	for (; argv && *argv; argv++)
		json_array_append_new(list, sm_json_text(*argv));
	return list;
}

static json_t *context(const struct sm_conform_run *run)
{
	const struct sm_run_options no_name = { .host_name = NULL };
	const struct sm_conform_options *opt = run->opt;
	char host[128], date[64];
	time_t now = time(NULL);
	struct tm tm;
	json_t *ours;

	sm_host_name(&no_name, host, sizeof(host));
	gmtime_r(&now, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S+00:00", &tm);
	ours = json_pack("{s:s,s:s,s:I,s:o,s:b,s:I,s:o}", "schema", "conformance-1", "version",
			 SM_VERSION, "seed", (json_int_t)((opt->seed ? opt->seed : 1) & INT64_MAX),
			 "command", words(opt->argv), "thorough", opt->thorough, "uid",
			 (json_int_t)geteuid(), "environment", sm_environment(opt->root, NULL));
	return json_pack("{s:s,s:o,s:o}", "date", date, "host_name", sm_json_text(host),
			 "spawnmark", ours);
}

static json_t *features(const struct sm_conform_run *run)
{
	json_t *list = json_array();

	for (int f = 1; f < SM_F_COUNT; f++)
		if (run->suite->features[f].name)
			json_array_append_new(list, sm_probe_json(&run->suite->features[f],
								  &run->features[f]));
	return list;
}

/* Those of which a check is in the run. */
static json_t *groups(const struct sm_conform_run *run)
{
	json_t *list = json_array();

	for (int i = 0; i < run->nrows; i++) {
		const struct sm_check_group *g = run->rows[i].group;

		if (i == 0 || g != run->rows[i - 1].group)
			json_array_append_new(list, json_pack("{s:s,s:s}", "name", g->name, "title",
							      g->title));
	}
	return list;
}

json_t *sm_json_check(const struct sm_suite *suite, const struct sm_row *row)
{
	const struct sm_check *c = row->check;
	json_t *needs = json_array();

	for (int f = 1; f < SM_F_COUNT; f++)
		if (c->needs & SM_NEED(f))
			json_array_append_new(needs, json_string(sm_suite_feature(suite, f)));
	return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:o,s:o,s:b,s:b}", "id", c->id, "row", c->row,
			 "group", row->group->name, "claim", c->claim, "level",
			 sm_level_name(c->level), "source", c->source, "needs", needs, "why",
			 sm_json_text(c->why), "alone", (c->flags & SM_CHECK_ALONE) != 0, "slow",
			 (c->flags & SM_CHECK_SLOW) || c->payload);
}

static json_t *strategies(const struct sm_conform_run *run)
{
	json_t *list = json_array();

	for (int i = 0; i < run->ntargets; i++) {
		const struct sm_target *t = &run->targets[i];

		json_array_append_new(list, json_pack("{s:s,s:o,s:o,s:b}", "name", t->name,
						      "summary", sm_json_text(t->summary), "traits",
						      sm_json_traits(t->traits), "foreign",
						      t->command != NULL));
	}
	return list;
}

static json_t *one_cell(const struct sm_conform_run *run, int round, int target, int row)
{
	const struct sm_conform_cell *cell = sm_conform_at(run, round, target, row);
	const struct sm_check *check = run->rows[row].check;
	const struct sm_target *t = &run->targets[target];
	const char *feature = cell->feature ? sm_suite_feature(run->suite, cell->feature) : NULL;

	return json_pack("{s:s,s:s,s:i,s:s,s:s,s:s,s:o,s:o,s:o,s:I,s:o}", "check", check->id,
			 "strategy", t->name, "round", round, "expected",
			 sm_expected_name(cell->expectation.expected), "observed",
			 sm_observed_name(cell->observed), "verdict",
			 sm_verdict_name(cell->verdict), "feature", sm_json_text(feature), "reason",
			 sm_json_text(cell->reason), "evidence", sm_json_text(cell->evidence),
			 "took_ns", (json_int_t)cell->took_ns, "repeat",
			 sm_json_text(sm_conform_repeat(run, t, check)));
}

/* Cells that were not reached are not there. */
static json_t *cells(const struct sm_conform_run *run, json_t *counts)
{
	json_t *list = json_array();

	for (int t = 0; t < run->ntargets; t++) {
		int n[SM_VERDICT_COUNT] = { 0 };
		json_t *sums = json_object();

		for (int round = 0; round < run->rounds; round++) {
			for (int row = 0; row < run->nrows; row++) {
				enum sm_verdict v = sm_conform_at(run, round, t, row)->verdict;

				n[v]++;
				if (v != SM_VERDICT_NONE)
					json_array_append_new(list, one_cell(run, round, t, row));
			}
		}
		for (int v = SM_VERDICT_PASS; v < SM_VERDICT_COUNT; v++)
			json_object_set_new(sums, sm_verdict_name((enum sm_verdict)v),
					    json_integer(n[v]));
		json_object_set_new(counts, run->targets[t].name, sums);
	}
	return list;
}

json_t *sm_json_conformance(const struct sm_conform_run *run)
{
	json_t *top = json_object(), *checks = json_array(), *counts = json_object();

	for (int i = 0; i < run->nrows; i++)
		json_array_append_new(checks, sm_json_check(run->suite, &run->rows[i]));
	json_object_set_new(top, "context", context(run));
	json_object_set_new(top, "features", features(run));
	json_object_set_new(top, "groups", groups(run));
	json_object_set_new(top, "checks", checks);
	json_object_set_new(top, "strategies", strategies(run));
	json_object_set_new(top, "conformance", cells(run, counts));
	json_object_set_new(top, "counts", counts);
	json_object_set_new(top, "incomplete", sm_json_text(run->incomplete));
	return top;
}

int sm_conform_save(const struct sm_conform_run *run)
{
	struct sm_folder folder = { .created = false };
	char dir[sizeof(folder.path)], base[sizeof(folder.path)];
	struct sm_draft d = { .fd = -1 };
	json_t *top;
	int err;

	if (!run->opt->json || run->opt->list)
		return 0;
	if (strlen(run->opt->json) >= sizeof(dir))
		return -ENAMETOOLONG;
	strcpy(dir, run->opt->json);
	strcpy(base, run->opt->json);
	snprintf(folder.path, sizeof(folder.path), "%s", dirname(dir));
	err = sm_draft_open(&d, &folder, basename(base));
	if (err)
		return err;
	top = sm_json_conformance(run);
	if (!top || json_dumpfd(top, d.fd, JSON_INDENT(1)) < 0) {
		err = errno ? -errno : -EIO;
		sm_draft_drop(&d);
	} else {
		err = sm_draft_keep(&d);
	}
	json_decref(top);
	return err;
}
