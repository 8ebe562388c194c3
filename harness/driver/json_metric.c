/* SPDX-License-Identifier: MIT */
/* json_metric.c - spans of samples as numbers and as JSON; see json.h. */
#include "json.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define ECDF_POINTS 200

#define SPAN(name, from, to)                                                           \
	{                                                                              \
		name, offsetof(struct sm_sample, from), offsetof(struct sm_sample, to) \
	}

const struct sm_metric sm_metrics[] = {
	SPAN("created", request_ns, created_ns), SPAN("entered", request_ns, entered_ns),
	SPAN("ready", request_ns, ready_ns),     SPAN("worked", request_ns, worked_ns),
	SPAN("reaped", request_ns, reaped_ns),   SPAN("teardown", recorded_ns, reaped_ns),
};
const size_t sm_metric_count = sizeof(sm_metrics) / sizeof(*sm_metrics);

json_t *sm_json_real(double v)
{
	return isfinite(v) ? json_real(v) : json_null();
}

json_t *sm_json_number(struct sm_number v)
{
	return v.known ? sm_json_real(v.v) : json_null();
}

json_t *sm_json_count(int64_t v)
{
	return v < 0 ? json_null() : json_integer((json_int_t)v);
}

json_t *sm_json_text(const char *text)
{
	json_t *t = text ? json_string(text) : NULL;

	/* Not UTF-8 (a path, a traceback): keep what is ASCII. */
	if (text && !t) {
		char *copy = strdup(text);

		for (char *c = copy; c && *c; c++)
			if ((unsigned char)*c > 126)
				*c = '?';
		t = copy ? json_string(copy) : NULL;
		free(copy);
	}
	return t ? t : json_null();
}

json_t *sm_json_interval(const struct sm_estimate *e)
{
	return e->bounded && isfinite(e->lo) && isfinite(e->hi) ? json_pack("[f,f]", e->lo, e->hi)
								: json_null();
}

json_t *sm_json_mean(int64_t sum, int64_t n)
{
	return sum < 0 || n <= 0 ? json_null() : sm_json_real((double)sum / (double)n);
}

static int64_t instant(const struct sm_sample *s, size_t at)
{
	int64_t v;

	memcpy(&v, (const char *)s + at, sizeof(v));
	return v;
}

double sm_metric_span(const struct sm_metric *m, const struct sm_sample *s)
{
	int64_t from = instant(s, m->from), to = instant(s, m->to);

	/* Of an open loop: from its place in the schedule, or what it waited for would be hidden. */
	if (m->from == offsetof(struct sm_sample, request_ns) && s->intended_ns)
		from = s->intended_ns;
	if (s->flags & (SM_SAMPLE_WARMUP | SM_SAMPLE_FAILED) || !from || !to)
		return SM_METRIC_NONE;
	return to < from ? 0 : (double)(to - from);
}

const struct sm_metric *sm_metric(const char *name)
{
	for (size_t i = 0; i < sm_metric_count; i++)
		if (!strcmp(sm_metrics[i].name, name))
			return &sm_metrics[i];
	return NULL;
}

size_t sm_metric_values(const struct sm_metric *m, const struct sm_sample *samples, int n,
			double *out)
{
	size_t have = 0;

	for (int i = 0; i < n; i++) {
		double v = sm_metric_span(m, &samples[i]);

		if (v >= 0)
			out[have++] = v;
	}
	return have;
}

struct sm_number sm_metric_block(const struct sm_metric *m, const struct sm_block *b)
{
	double *v = malloc(((size_t)b->nsamples + 1) * sizeof(*v));
	struct sm_number median = { 0 };
	size_t n;

	if (!v)
		return median;
	n = sm_metric_values(m, b->samples, b->nsamples, v);
	sm_sort(v, n);
	median = sm_median(v, n);
	free(v);
	return median;
}

/* Every value of a case, in the order of time; the caller frees. */
static double *pool(const struct sm_metric *m, const struct sm_result *r, size_t *n)
{
	size_t room = 1;
	double *v;

	*n = 0;
	for (int i = 0; i < r->nblocks; i++)
		room += (size_t)r->blocks[i].nsamples;
	v = malloc(room * sizeof(*v));
	for (int i = 0; v && i < r->nblocks; i++)
		*n += sm_metric_values(m, r->blocks[i].samples, r->blocks[i].nsamples, v + *n);
	return v;
}

/* Known block medians, ascending; also all of them as JSON, null where a block has none. */
static double *medians(const struct sm_metric *m, const struct sm_result *r, size_t *n,
		       json_t *list)
{
	double *v = malloc(((size_t)r->nblocks + 1) * sizeof(*v));

	*n = 0;
	for (int i = 0; v && i < r->nblocks; i++) {
		struct sm_number one = sm_metric_block(m, &r->blocks[i]);

		if (one.known)
			v[(*n)++] = one.v;
		if (list)
			json_array_append_new(list, sm_json_number(one));
	}
	if (v)
		sm_sort(v, *n);
	return v;
}

struct sm_number sm_metric_p50(const struct sm_metric *m, const struct sm_result *r)
{
	size_t n;
	double *v = medians(m, r, &n, NULL);
	struct sm_number p50 = { 0 };

	if (v)
		p50 = sm_median(v, n);
	free(v);
	return p50;
}

static json_t *value_of(const struct sm_estimate *e)
{
	return e->known ? sm_json_real(e->value) : json_null();
}

/*
 * High quantiles of the pooled samples. They have no interval: samples of one block are not
 * independent (same process, same minute), and there are too few blocks for a quantile of theirs.
 */
static void put_quantiles(json_t *o, const double *sorted, size_t n)
{
	static const struct {
		const char *name, *interval;
		double q;
	} rows[] = { { "p90", "p90_ci", 0.9 },
		     { "p99", "p99_ci", 0.99 },
		     { "p999", "p999_ci", 0.999 } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct sm_estimate e = sm_estimate_quantile(sorted, n, rows[i].q);

		json_object_set_new(o, rows[i].name, value_of(&e));
		json_object_set_new(o, rows[i].interval, json_null());
	}
}

static json_t *one_metric(const struct sm_metric *m, const struct sm_result *r)
{
	json_t *o = json_object(), *blocks = json_array();
	size_t n, nmedians;
	double *v = pool(m, r, &n), *med = medians(m, r, &nmedians, blocks);
	double *scratch = malloc((n + 1) * sizeof(*scratch));

	if (v && med && scratch && n) {
		struct sm_estimate p50 = sm_estimate_median(med, nmedians);

		sm_sort(v, n);
		json_object_set_new(o, "unit", json_string("ns"));
		json_object_set_new(o, "n", json_integer((json_int_t)n));
		json_object_set_new(o, "p50", value_of(&p50));
		json_object_set_new(o, "p50_ci", sm_json_interval(&p50));
		json_object_set_new(o, "p50_ci_level",
				    p50.bounded ? sm_json_real(p50.level) : json_null());
		put_quantiles(o, v, n);
		json_object_set_new(o, "min", sm_json_real(v[0]));
		json_object_set_new(o, "max", sm_json_real(v[n - 1]));
		json_object_set_new(o, "mean", sm_json_number(sm_mean(v, n)));
		json_object_set_new(o, "mad", sm_json_number(sm_mad(v, n, scratch)));
		json_object_set(o, "blocks", blocks);
	} else {
		json_decref(o);
		o = json_null();
	}
	json_decref(blocks);
	free(v);
	free(med);
	free(scratch);
	return o;
}

json_t *sm_json_metrics(const struct sm_result *r)
{
	json_t *o = json_object();

	for (size_t i = 0; i < sm_metric_count; i++)
		json_object_set_new(o, sm_metrics[i].name, one_metric(&sm_metrics[i], r));
	return o;
}

static json_t *one_ecdf(const char *name, const struct sm_result *r)
{
	json_t *list = json_array();
	size_t n, points;
	double *v = pool(sm_metric(name), r, &n);

	if (v)
		sm_sort(v, n);
	points = n < ECDF_POINTS ? n : ECDF_POINTS;
	for (size_t i = 0; v && i < points; i++)
		json_array_append_new(list,
				      sm_json_real(v[points > 1 ? i * (n - 1) / (points - 1) : 0]));
	free(v);
	return list;
}

json_t *sm_json_ecdf(const struct sm_result *r)
{
	return json_pack("{s:o,s:o}", "ready", one_ecdf("ready", r), "worked",
			 one_ecdf("worked", r));
}

/* The one real sample whose `worked` is nearest to the median of all. */
static const struct sm_sample *typical(const struct sm_result *r)
{
	const struct sm_metric *m = sm_metric("worked");
	const struct sm_sample *best = NULL;
	struct sm_number median = { 0 };
	size_t n;
	double *v = pool(m, r, &n), off = INFINITY;

	if (v) {
		sm_sort(v, n);
		median = sm_median(v, n);
	}
	free(v);
	for (int i = 0; median.known && i < r->nblocks; i++) {
		for (int k = 0; k < r->blocks[i].nsamples; k++) {
			const struct sm_sample *s = &r->blocks[i].samples[k];
			double span = sm_metric_span(m, s);

			if (span >= 0 && fabs(span - median.v) < off) {
				off = fabs(span - median.v);
				best = s;
			}
		}
	}
	return best;
}

json_t *sm_json_timeline(const struct sm_result *r)
{
	static const struct {
		const char *name;
		size_t at;
	} lanes[] = {
		{ "received", offsetof(struct sm_sample, received_ns) },
		{ "cloning", offsetof(struct sm_sample, cloning_ns) },
		{ "created", offsetof(struct sm_sample, created_ns) },
		{ "entered", offsetof(struct sm_sample, entered_ns) },
		{ "ready", offsetof(struct sm_sample, ready_ns) },
		{ "worked", offsetof(struct sm_sample, worked_ns) },
		{ "recorded", offsetof(struct sm_sample, recorded_ns) },
		{ "reaped", offsetof(struct sm_sample, reaped_ns) },
	};
	const struct sm_sample *s = typical(r);
	json_t *o;

	if (!s)
		return json_null();
	o = json_object();
	for (size_t i = 0; i < sizeof(lanes) / sizeof(*lanes); i++) {
		int64_t at = instant(s, lanes[i].at);

		json_object_set_new(o, lanes[i].name, sm_json_count(at ? at - s->request_ns : -1));
	}
	return o;
}
