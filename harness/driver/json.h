/* SPDX-License-Identifier: MIT */
/*
 * json.h - the parts of run.json; its shape is run.schema.json beside this file.
 *
 * Every function returns a new reference. What is not known is null: no NaN, no -1.
 */
#ifndef SM_JSON_H
#define SM_JSON_H

#include <jansson.h>

#include "driver.h"
#include "run.h"
#include "stats.h"

/* Null unless known and finite; null when negative; null for NULL. */
json_t *sm_json_number(struct sm_number v);
json_t *sm_json_real(double v);
json_t *sm_json_count(int64_t v);
json_t *sm_json_text(const char *text);
/* Names of enum sm_trait. */
json_t *sm_json_traits(uint64_t bits);
/* [lo, hi] or null. */
json_t *sm_json_interval(const struct sm_estimate *e);
/* sum / n, null unless both are known. */
json_t *sm_json_mean(int64_t sum, int64_t n);

/* Spans of a sample, by the name of the metric. */
struct sm_metric {
	const char *name;
	size_t from, to; /* offsets in struct sm_sample */
};
extern const struct sm_metric sm_metrics[];
extern const size_t sm_metric_count;
#define SM_METRIC_NONE (-1.0)

/* The span in ns, SM_METRIC_NONE where an instant was not taken, in a warm-up, after a failure. */
double sm_metric_span(const struct sm_metric *m, const struct sm_sample *s);
const struct sm_metric *sm_metric(const char *name);
/* Values of one metric over samples, unsorted; out has room for n. Returns how many. */
size_t sm_metric_values(const struct sm_metric *m, const struct sm_sample *samples, int n,
			double *out);
/* Median of one block's values. */
struct sm_number sm_metric_block(const struct sm_metric *m, const struct sm_block *b);
/* Median of the block medians of a latency case. */
struct sm_number sm_metric_p50(const struct sm_metric *m, const struct sm_result *r);

/* cases[].metrics, .ecdf, .timeline of a latency case. */
json_t *sm_json_metrics(const struct sm_result *r);
json_t *sm_json_ecdf(const struct sm_result *r);
json_t *sm_json_timeline(const struct sm_result *r);
/* Counted samples: neither warm-ups nor failures; a failed warm-up is both. */
int sm_json_counted(const struct sm_block *b);
/* cases[].open, .capacity of the kinds of these names. */
json_t *sm_json_open(const struct sm_case *c, const struct sm_result *r);
json_t *sm_json_capacity(const struct sm_case *c, const struct sm_result *r);
json_t *sm_json_throughput(const struct sm_case *c, const struct sm_result *r);
/* Fills in what a block says of noise; of one that is not used, what it found as well. */
void sm_json_block_noise(json_t *o, const struct sm_block *b);
void sm_json_superseded(json_t *o, const struct sm_result *r, const struct sm_block *b);
/* cases[].bounds, and context.spawnmark.noise. */
json_t *sm_json_bounds(const struct sm_case *c);
json_t *sm_json_noise(const struct sm_run *run);
/* "2 of 180 blocks re-run: steal; 1 noisy block used"; false, and "": there was none. */
bool sm_noise_summary(const struct sm_run *run, char *text, size_t size);
json_t *sm_json_case(const struct sm_run *run, int icase);
/* Appends the google-benchmark rows of a case; *family counts on. */
void sm_json_benchmarks(json_t *rows, const struct sm_run *run, int icase, int *family);
void sm_json_isolation(json_t *rows, const struct sm_run *run, int icase);
json_t *sm_json_shared_bits(const struct sm_run *run);
/* The whole context; read anew at each call (load, pressure). */
json_t *sm_json_context(const struct sm_run *run, const struct sm_run_options *opt);

/* Did nothing grow between the first and the last audit? Unknown with fewer than two. */
enum sm_flat { SM_FLAT_UNKNOWN, SM_FLAT_NO, SM_FLAT_YES };
enum sm_flat sm_soak_flat(const struct sm_result *r);

/* "ok", "partial" or "failed". */
const char *sm_case_status(const struct sm_case *c, const struct sm_result *r);

#endif
