/* SPDX-License-Identifier: MIT */
/* json_load.c - cases[].throughput: every (cpus, in_flight) over its blocks; see json.h. */
#include "json.h"

#include <stdio.h>
#include <stdlib.h>

#include "cgroup.h"

struct sums {
	int64_t children, failed, user, system, busy, rusage; /* -1: not known in some block */
	size_t nsamples;
};

static void add(int64_t *sum, int64_t v)
{
	*sum = *sum < 0 || v < 0 ? -1 : *sum + v;
}

static struct sums sum_up(const struct sm_result *r, int point)
{
	struct sums s = { 0 };

	for (int i = 0; i < r->nloads; i++) {
		const struct sm_load *l = &r->loads[i];

		if (l->point != point)
			continue;
		s.children += l->children;
		s.failed += l->failed;
		add(&s.user, l->cpu.user_ns);
		add(&s.system, l->cpu.system_ns);
		add(&s.busy, l->busy_ns);
		add(&s.rusage, l->rusage_ns);
		s.nsamples += (size_t)l->nsamples;
	}
	return s;
}

/* Children per second of what (wall or CPU) in each block; returns the median with its interval. */
static struct sm_estimate rate(const struct sm_result *r, int point, bool of_cpu)
{
	double *v = malloc(((size_t)r->nloads + 1) * sizeof(*v));
	struct sm_estimate e = { 0 };
	size_t n = 0;

	for (int i = 0; v && i < r->nloads; i++) {
		const struct sm_load *l = &r->loads[i];
		int64_t ns = of_cpu ? l->cpu.total_ns : l->wall_ns;

		if (l->point == point && ns > 0)
			v[n++] = (double)l->children * 1e9 / (double)ns;
	}
	if (v) {
		sm_sort(v, n);
		e = sm_estimate_median(v, n);
	}
	free(v);
	return e;
}

/* What pairs this point with another case's in the same block. */
static json_t *by_block(const struct sm_result *r, int point)
{
	json_t *list = json_array();

	for (int i = 0; i < r->nloads; i++) {
		const struct sm_load *l = &r->loads[i];

		if (l->point != point)
			continue;
		json_array_append_new(
			list,
			json_pack("{s:i,s:o}", "index", l->block, "children_per_cpu_s",
				  l->cpu.total_ns > 0 ? sm_json_real((double)l->children * 1e9 /
								     (double)l->cpu.total_ns)
						      : json_null()));
	}
	return list;
}

static void put_quantiles(json_t *row, const struct sm_result *r, int point, size_t room)
{
	const struct sm_metric *ready = sm_metric("ready");
	double *v = malloc((room + 1) * sizeof(*v));
	struct sm_number p50 = { 0 }, p99 = { 0 };
	size_t n = 0;

	for (int i = 0; v && i < r->nloads; i++)
		if (r->loads[i].point == point)
			n += sm_metric_values(ready, r->loads[i].samples, r->loads[i].nsamples,
					      v + n);
	if (v) {
		sm_sort(v, n);
		p50 = sm_median(v, n);
		p99 = sm_quantile(v, n, 0.99);
	}
	free(v);
	json_object_set_new(row, "p50", sm_json_number(p50));
	json_object_set_new(row, "p99", sm_json_number(p99));
}

static void put_rate(json_t *row, const char *name, const struct sm_estimate *e)
{
	char interval[64];

	snprintf(interval, sizeof(interval), "%s_ci", name);
	json_object_set_new(row, name, e->known ? sm_json_real(e->value) : json_null());
	json_object_set_new(row, interval, sm_json_interval(e));
}

static json_t *one_point(const struct sm_result *r, int point, int64_t cpus, int64_t in_flight,
			 const char *accounting)
{
	struct sums s = sum_up(r, point);
	struct sm_estimate wall = rate(r, point, false), cpu = rate(r, point, true);
	json_t *row = json_object();

	json_object_set_new(row, "cpus", json_integer((json_int_t)cpus));
	json_object_set_new(row, "in_flight", json_integer((json_int_t)in_flight));
	json_object_set_new(row, "children", json_integer((json_int_t)s.children));
	json_object_set_new(row, "failed", json_integer((json_int_t)s.failed));
	put_rate(row, "children_per_s", &wall);
	put_rate(row, "children_per_cpu_s", &cpu);
	json_object_set_new(row, "blocks", by_block(r, point));
	json_object_set_new(row, "user_ns", sm_json_mean(s.user, s.children));
	json_object_set_new(row, "system_ns", sm_json_mean(s.system, s.children));
	json_object_set_new(row, "busy_ns", sm_json_mean(s.busy, s.children));
	json_object_set_new(row, "rusage_ns", sm_json_mean(s.rusage, s.children));
	json_object_set_new(row, "accounting", sm_json_text(accounting));
	put_quantiles(row, r, point, s.nsamples);
	return row;
}

static bool measured(const struct sm_result *r, int point)
{
	for (int i = 0; i < r->nloads; i++)
		if (r->loads[i].point == point)
			return true;
	return false;
}

json_t *sm_json_throughput(const struct sm_case *c, const struct sm_result *r)
{
	json_t *rows = json_array();

	for (int i = 0; i < c->cpus.n; i++) {
		for (int k = 0; k < c->in_flight.n; k++) {
			int point = i * c->in_flight.n + k;

			if (measured(r, point))
				json_array_append_new(
					rows, one_point(r, point, c->cpus.v[i], c->in_flight.v[k],
							sm_accounting_name(r->accounting)));
		}
	}
	return rows;
}
