/* SPDX-License-Identifier: MIT */
/* json_open.c - cases[].open and cases[].capacity; see json.h and run.schema.json. */
#include "json.h"

#include <stdlib.h>

#include "search.h"

/* Indexed by enum sm_arrivals. */
static const char *const arrivals[] = { "poisson", "steady", "burst" };

/* How late the parent asked. */
static const struct sm_metric lag = { "lag", offsetof(struct sm_sample, intended_ns),
				      offsetof(struct sm_sample, request_ns) };

/* Blocks of one schedule each, as one. */
struct sums {
	const struct sm_block **blocks;
	int n;
	int64_t good, failed, offered, missed, wall_ns, cpu_ns; /* -1: not known */
	size_t nsamples;
};

static void add(struct sums *s, const struct sm_block *b)
{
	if (!b->wall_ns)
		return; /* an empty block */
	s->blocks[s->n++] = b;
	s->good += sm_json_counted(b);
	s->failed += b->failed;
	s->offered += b->offered;
	s->missed += b->missed;
	s->wall_ns += b->wall_ns;
	s->cpu_ns = s->cpu_ns < 0 || b->cpu.total_ns < 0 ? -1 : s->cpu_ns + b->cpu.total_ns;
	s->nsamples += (size_t)b->nsamples;
}

static json_t *per_second(int64_t count, int64_t ns)
{
	return ns > 0 ? sm_json_real((double)count * 1e9 / (double)ns) : json_null();
}

/* "NAME_p50" and "NAME_p99" over all samples; without a name p50 and p99. */
static void put_quantiles(json_t *o, const struct sums *s, const struct sm_metric *m,
			  const char *p50, const char *p99)
{
	double *v = malloc((s->nsamples + 1) * sizeof(*v));
	struct sm_number half = { 0 }, tail = { 0 };
	size_t n = 0;

	for (int i = 0; v && i < s->n; i++)
		n += sm_metric_values(m, s->blocks[i]->samples, s->blocks[i]->nsamples, v + n);
	if (v) {
		sm_sort(v, n);
		half = sm_median(v, n);
		tail = sm_quantile(v, n, 0.99);
	}
	free(v);
	json_object_set_new(o, p50, sm_json_number(half));
	json_object_set_new(o, p99, sm_json_number(tail));
}

/* What open and every point of a capacity have in common. */
static json_t *told(const struct sums *s, double rate, int64_t schedule_ms)
{
	json_t *o = json_pack("{s:f,s:I,s:I,s:I,s:b,s:o,s:o,s:o}", "rate", rate, "n",
			      (json_int_t)s->good, "failed", (json_int_t)s->failed, "missed",
			      (json_int_t)s->missed, "overloaded", s->missed > 0, "offered",
			      per_second(s->offered, s->n * schedule_ms * 1000000), "achieved",
			      per_second(s->good, s->wall_ns), "cpu_per_child_ns",
			      sm_json_mean(s->cpu_ns, s->good + s->failed));

	put_quantiles(o, s, sm_metric("ready"), "p50", "p99");
	put_quantiles(o, s, &lag, "lag_p50", "lag_p99");
	return o;
}

static struct sums room_for(int n)
{
	return (struct sums){ .blocks = calloc((size_t)n + 1, sizeof(void *)) };
}

json_t *sm_json_open(const struct sm_case *c, const struct sm_result *r)
{
	struct sums s = room_for(r->nblocks);
	json_t *o = json_null();

	for (int i = 0; s.blocks && i < r->nblocks; i++)
		add(&s, &r->blocks[i]);
	if (s.n) {
		o = told(&s, (double)c->rate, c->duration_ms);
		json_object_set_new(o, "arrivals", json_string(arrivals[c->arrivals]));
		json_object_set_new(o, "burst",
				    c->arrivals == SM_ARRIVALS_BURST ? json_integer(c->burst)
								     : json_null());
		json_object_set_new(o, "limit", json_integer(c->limit));
	}
	free(s.blocks);
	return o;
}

static json_t *point(const struct sm_case *c, const struct sm_result *r, double rate)
{
	struct sums s = room_for(r->npoints);
	int held = 0, tries = 0;
	json_t *o = NULL;

	for (int i = 0; s.blocks && i < r->npoints; i++) {
		if (r->points[i].rate != rate)
			continue;
		add(&s, &r->points[i].got);
		tries++;
		held += r->points[i].verdict == SM_RATE_HOLDS;
	}
	if (s.blocks) {
		o = told(&s, rate, sm_search_duration_ms(rate, c->duration_ms, c->longest_ms));
		json_object_set_new(o, "tries", json_integer(tries));
		json_object_set_new(o, "held", json_integer(held));
	}
	free(s.blocks);
	return o;
}

/* One row for each rate, ascending, of all blocks that tried it. */
static json_t *points(const struct sm_case *c, const struct sm_result *r)
{
	json_t *list = json_array();
	double last = 0;

	for (;;) {
		double next = 0;

		for (int i = 0; i < r->npoints; i++) {
			double rate = r->points[i].rate;

			if (rate > last && (next <= 0 || rate < next))
				next = rate;
		}
		if (next <= 0)
			return list;
		json_array_append_new(list, point(c, r, next));
		last = next;
	}
}

/* The search of one block, played again. False: it has no point. */
static bool search_of(const struct sm_case *c, const struct sm_result *r, int block,
		      struct sm_found *found)
{
	struct sm_search s;

	sm_search_begin(&s, &c->rates, c->points);
	for (int i = 0; i < r->npoints; i++)
		if (r->points[i].got.index == block)
			sm_search_add(&s, r->points[i].rate, r->points[i].verdict);
	*found = sm_search_found(&s);
	return s.n > 0;
}

static json_t *rate_or_null(double rate)
{
	return rate > 0 ? json_real(rate) : json_null();
}

/* What the blocks' searches say together. */
struct answer {
	double *holds, *fails; /* by block; 0: none */
	int n, nholds, nfails, nhopeless;
};

static void hear(struct answer *a, const struct sm_found *found)
{
	if (found->holds <= 0 && found->fails <= 0)
		return; /* too few arrivals all the way: it knows nothing */
	a->holds[a->n] = found->holds;
	a->nholds += found->holds > 0;
	a->nhopeless += found->holds <= 0 && found->hopeless;
	if (found->fails > 0)
		a->fails[a->nfails++] = found->fails;
	a->n++;
}

/* The median of the blocks' ends, and from the least that held to the most that failed. */
static void put_answer(json_t *o, struct answer *a)
{
	const char *relation = NULL;
	double rate = 0, lo = 0, hi = 0;

	sm_sort(a->holds, (size_t)a->n);
	sm_sort(a->fails, (size_t)a->nfails);
	if (a->n) {
		rate = sm_median(a->holds, (size_t)a->n).v;
		lo = a->holds[0];
		relation = "at least";
	}
	if (a->n && a->nfails == a->n) {
		hi = a->fails[a->nfails - 1];
		relation = "about";
	}
	if (a->n && a->nhopeless == a->n) {
		relation = "none";
	} else if (a->n && rate <= 0) {
		rate = sm_median(a->fails, (size_t)a->nfails).v;
		relation = "at most";
	}
	json_object_set_new(o, "rate_per_cpu", relation ? json_real(rate) : json_null());
	json_object_set_new(o, "relation", sm_json_text(relation));
	json_object_set_new(o, "interval",
			    json_pack("[o,o]", relation ? json_real(lo) : json_null(),
				      rate_or_null(hi)));
}

json_t *sm_json_capacity(const struct sm_case *c, const struct sm_result *r)
{
	struct answer a = { .holds = calloc((size_t)r->nblocks + 1, sizeof(double)),
			    .fails = calloc((size_t)r->nblocks + 1, sizeof(double)) };
	json_t *o = json_pack("{s:s,s:f,s:f,s:s}", "metric", "ready", "quantile", 0.99, "bound_ns",
			      (double)c->bound_ms * 1e6, "arrivals", arrivals[c->arrivals]);
	json_t *blocks = json_array();

	for (int i = 0; a.holds && a.fails && i < r->nblocks; i++) {
		struct sm_found found;

		if (!search_of(c, r, r->blocks[i].index, &found))
			continue;
		json_array_append_new(blocks,
				      json_pack("{s:i,s:o,s:o}", "index", r->blocks[i].index,
						"holds", rate_or_null(found.holds), "fails",
						rate_or_null(found.fails)));
		hear(&a, &found);
	}
	put_answer(o, &a);
	json_object_set_new(o, "blocks", blocks);
	json_object_set_new(o, "points", points(c, r));
	free(a.holds);
	free(a.fails);
	return o;
}
