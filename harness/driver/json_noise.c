/* SPDX-License-Identifier: MIT */
/* json_noise.c - what run.json says of noise and of blocks that were measured again; see json.h. */
#include "json.h"

#include <stdio.h>
#include <string.h>

#include "noise.h"
#include "rerun.h"

static json_t *clocks(const struct sm_noise *n)
{
	if (!n->khz_n)
		return json_null();
	return json_pack("{s:I,s:f,s:I}", "min", (json_int_t)n->khz_min, "mean",
			 (double)n->khz_sum / n->khz_n, "max", (json_int_t)n->khz_max);
}

static json_t *known(double v)
{
	return v < 0 ? json_null() : sm_json_real(v);
}

static json_t *metered(const struct sm_noise *n)
{
	double share =
		n->steal_ns < 0 || n->cpu_ns <= 0 ? -1 : (double)n->steal_ns / (double)n->cpu_ns;

	if (!n->parts)
		return json_null();
	return json_pack("{s:I,s:i,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "wall_ns", (json_int_t)n->wall_ns,
			 "cpus", n->cpus, "steal_share", known(share), "others_ns",
			 sm_json_count(n->others_ns), "psi_some_ns", sm_json_count(n->psi_some_ns),
			 "psi_some_avg10_percent", known(n->psi_avg10), "clock_khz", clocks(n),
			 "load1", known(n->load1), "runnable_tasks", sm_json_count(n->runnable));
}

void sm_json_block_noise(json_t *o, const struct sm_block *b)
{
	json_object_set_new(o, "noise", metered(&b->noise));
	json_object_set_new(o, "noisy", sm_json_text(b->noisy[0] ? b->noisy : NULL));
	json_object_set_new(o, "rerun_of", b->rerun ? json_integer(b->rerun_of) : json_null());
}

static json_t *medians(const struct sm_block *b)
{
	json_t *o = json_object();

	for (size_t i = 0; i < sm_metric_count; i++)
		json_object_set_new(o, sm_metrics[i].name,
				    sm_json_number(sm_metric_block(&sm_metrics[i], b)));
	return o;
}

static json_t *load(const struct sm_load *l)
{
	double rate =
		l->cpu.total_ns > 0 ? (double)l->children * 1e9 / (double)l->cpu.total_ns : -1;

	return json_pack("{s:i,s:i,s:I,s:I,s:I,s:o}", "cpus", l->cpus, "in_flight", l->in_flight,
			 "children", (json_int_t)l->children, "failed", (json_int_t)l->failed,
			 "wall_ns", (json_int_t)l->wall_ns, "children_per_cpu_s", known(rate));
}

void sm_json_superseded(json_t *o, const struct sm_result *r, const struct sm_block *b)
{
	int64_t n = sm_json_counted(b), failed = b->failed;
	json_t *loads = json_array();

	for (int i = 0; i < r->nsuperseded_loads; i++) {
		const struct sm_load *l = &r->superseded_loads[i];

		if (l->order != b->order)
			continue;
		n += l->children;
		failed += l->failed;
		json_array_append_new(loads, load(l));
	}
	json_object_set_new(o, "n", json_integer((json_int_t)n));
	json_object_set_new(o, "failed", json_integer((json_int_t)failed));
	json_object_set_new(o, "superseded", json_true());
	json_object_set_new(o, "medians", medians(b));
	json_object_set_new(o, "loads", loads);
}

json_t *sm_json_bounds(const struct sm_case *c)
{
	json_t *o = json_object();

	for (int i = 0; i < SM_BOUND_COUNT; i++) {
		int percent = sm_bound_of(c, (enum sm_bound)i);
		char name[32];

		snprintf(name, sizeof(name), "%s_percent", sm_bound_name((enum sm_bound)i));
		json_object_set_new(o, name, percent ? json_integer(percent) : json_null());
	}
	json_object_set_new(o, "reruns", json_integer(c->reruns));
	return o;
}

/* Over all cases. By bound: a block may exceed several. */
struct counted {
	int blocks, rerun, used;
	int rerun_by[SM_BOUND_COUNT], used_by[SM_BOUND_COUNT];
};

static void count_by(int by[SM_BOUND_COUNT], unsigned int over)
{
	for (int i = 0; i < SM_BOUND_COUNT; i++)
		by[i] += (over & 1u << i) != 0;
}

static struct counted count(const struct sm_run *run)
{
	struct counted k = { 0 };

	for (int c = 0; c < run->plan->ncases; c++) {
		const struct sm_result *r = &run->results[c];

		k.blocks += r->nblocks;
		k.rerun += r->nsuperseded;
		for (int i = 0; i < r->nsuperseded; i++)
			count_by(k.rerun_by, r->superseded[i].over);
		for (int i = 0; i < r->nblocks; i++) {
			k.used += r->blocks[i].over != 0;
			count_by(k.used_by, r->blocks[i].over);
		}
	}
	return k;
}

json_t *sm_json_noise(const struct sm_run *run)
{
	struct counted k = count(run);
	json_t *reasons = json_object();

	for (int i = 0; i < SM_BOUND_COUNT; i++)
		if (k.rerun_by[i] || k.used_by[i])
			json_object_set_new(reasons, sm_bound_name((enum sm_bound)i),
					    json_pack("{s:i,s:i}", "rerun", k.rerun_by[i], "used",
						      k.used_by[i]));
	return json_pack("{s:i,s:i,s:i,s:i,s:o}", "blocks", k.blocks, "rerun", k.rerun,
			 "rerun_most", sm_reruns_most(run->plan), "noisy_used", k.used, "reasons",
			 reasons);
}

/* "steal 2, others 1" */
static void say(char *text, size_t size, const int by[SM_BOUND_COUNT])
{
	size_t used = 0;

	text[0] = 0;
	for (int i = 0; i < SM_BOUND_COUNT; i++)
		if (by[i] && used < size)
			used += (size_t)snprintf(text + used, size - used, "%s%s %d",
						 used ? ", " : "", sm_bound_name((enum sm_bound)i),
						 by[i]);
}

bool sm_noise_summary(const struct sm_run *run, char *text, size_t size)
{
	struct counted k = count(run);
	char rerun[80], used[80];

	text[0] = 0;
	say(rerun, sizeof(rerun), k.rerun_by);
	say(used, sizeof(used), k.used_by);
	if (k.rerun)
		snprintf(text, size, "%d of %d blocks re-run: %s", k.rerun, k.blocks, rerun);
	if (k.used)
		snprintf(text + strlen(text), size - strlen(text), "%s%d of %d noisy, but used: %s",
			 k.rerun ? "; " : "", k.used, k.blocks, used);
	return k.rerun || k.used;
}
