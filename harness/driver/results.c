/* SPDX-License-Identifier: MIT */
/* results.c - see results.h. */
#include "results.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

/* What can be attached: google-benchmark's and hyperfine's own files. */
static const char *const places[] = { "e2e", "micro" };

static bool has_place(const char *name, size_t n)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		if (strlen(places[i]) == n && !strncmp(places[i], name, n))
			return true;
	return false;
}

int sm_attached_read(json_t **attached, const char *const *attach, struct sm_error *error)
{
	json_t *o = json_object();

	for (; attach && *attach; attach++) {
		const char *file = strchr(*attach, '=');
		json_error_t why;
		char name[16];
		json_t *one;

		if (!file || !has_place(*attach, (size_t)(file - *attach))) {
			snprintf(error->text, sizeof(error->text),
				 "--attach %.200s: expected micro=FILE.json or e2e=FILE.json",
				 *attach);
			json_decref(o);
			return -EINVAL;
		}
		snprintf(name, sizeof(name), "%.*s", (int)(file - *attach), *attach);
		one = json_load_file(file + 1, 0, &why);
		if (!json_is_object(one)) {
			snprintf(error->text, sizeof(error->text), "--attach: %.200s:%d: %.200s",
				 file + 1, one ? 1 : why.line,
				 one ? "expected a JSON object" : why.text);
			json_decref(one);
			json_decref(o);
			return -EINVAL;
		}
		json_object_set_new(o, name, one);
	}
	*attached = o;
	return 0;
}

/* A block of the run is done when every visit of it is. */
static json_t *incomplete(const struct sm_run *run)
{
	int planned = 0, done = 0;

	if (!run->incomplete)
		return json_null();
	for (int i = 0; i < run->plan->nvisits; i++) {
		planned += sm_plan_begins_block(run->plan, i);
		if (run->visits_done > i &&
		    (i + 1 == run->plan->nvisits || sm_plan_begins_block(run->plan, i + 1)))
			done++;
	}
	return json_pack("{s:s,s:i,s:i}", "reason", run->incomplete, "blocks_done", done,
			 "blocks_planned", planned);
}

json_t *sm_results_make(const struct sm_run *run, const struct sm_run_options *opt,
			json_t *attached)
{
	json_t *top = json_object(), *benchmarks = json_array(), *cases = json_array();
	json_t *isolation = json_array();
	int family = 0;

	for (int i = 0; i < run->plan->ncases; i++) {
		sm_json_benchmarks(benchmarks, run, i, &family);
		json_array_append_new(cases, sm_json_case(run, i));
		sm_json_isolation(isolation, run, i);
	}
	json_object_set_new(top, "context", sm_json_context(run, opt));
	json_object_set_new(top, "benchmarks", benchmarks);
	json_object_set_new(top, "cases", cases);
	json_object_set_new(top, "isolation", isolation);
	json_object_set_new(top, "shared_bits", sm_json_shared_bits(run));
	json_object_set_new(top, "attached", attached ? json_incref(attached) : json_object());
	json_object_set_new(top, "incomplete", incomplete(run));
	return top;
}

int sm_results_write(const struct sm_run *run, const struct sm_run_options *opt, json_t *attached,
		     const struct sm_folder *folder)
{
	json_t *top = sm_results_make(run, opt, attached);
	struct sm_draft d = { .fd = -1 };
	int err;

	if (!top)
		return -ENOMEM;
	err = sm_draft_open(&d, folder, "run.json");
	if (!err && json_dumpfd(top, d.fd, JSON_INDENT(1) | JSON_REAL_PRECISION(15)) < 0) {
		err = errno ? -errno : -EIO;
		sm_draft_drop(&d);
	} else if (!err) {
		err = sm_draft_keep(&d);
	}
	json_decref(top);
	return err;
}
