/* SPDX-License-Identifier: MIT */
/* json_case.c - one case of run.json and its google-benchmark rows; see json.h. */
#include "json.h"

#include <stdlib.h>
#include <string.h>

#include "../sys/sys.h"
#include "cgroup.h"

static const char *const kinds[] = { "latency",   "throughput", "memory",
				     "isolation", "open",       "capacity" };
static const char *const pins[] = { "same", "sibling", "free" };

static int warmups(const struct sm_block *b)
{
	int n = 0;

	for (int i = 0; i < b->nsamples; i++)
		n += (b->samples[i].flags & SM_SAMPLE_WARMUP) != 0;
	return n;
}

int sm_json_counted(const struct sm_block *b)
{
	int n = 0;

	for (int i = 0; i < b->nsamples; i++)
		n += !(b->samples[i].flags & (SM_SAMPLE_WARMUP | SM_SAMPLE_FAILED));
	return n;
}

static bool has_data(const struct sm_result *r)
{
	for (int i = 0; i < r->nblocks; i++)
		if (sm_json_counted(&r->blocks[i]))
			return true;
	for (int i = 0; i < r->nloads; i++)
		if (r->loads[i].children)
			return true;
	for (int i = 0; i < r->npoints; i++)
		if (sm_json_counted(&r->points[i].got))
			return true;
	for (int i = 0; i < r->nmemory; i++)
		if (r->memory[i].pss >= 0)
			return true;
	return r->nfindings > 0;
}

const char *sm_case_status(const struct sm_case *c, const struct sm_result *r)
{
	(void)c;
	if (!has_data(r))
		return r->unavailable ? "unavailable" : "failed";
	return r->nerrors ? "partial" : "ok";
}

static json_t *errors(const struct sm_run *run, const struct sm_result *r)
{
	json_t *list = json_array();

	for (int i = 0; i < r->nerrors; i++) {
		const struct sm_case_error *e = &r->errors[i];

		json_array_append_new(list, json_pack("{s:i,s:s,s:i,s:o,s:i}", "block", e->block,
						      "stage", sm_stage_name(e->stage), "errno",
						      e->err > 0 ? e->err : 0, "text",
						      sm_json_text(e->text), "count",
						      e->count > 0 ? e->count : 1));
	}
	if (!r->nblocks && !r->nerrors)
		json_array_append_new(list,
				      json_pack("{s:n,s:s,s:i,s:s,s:i}", "block", "stage", "none",
						"errno", 0, "text",
						run->incomplete ? "not visited before the run ended"
								: "not visited yet",
						"count", 1));
	return list;
}

static json_t *image(const struct sm_image *i)
{
	if (!i->who)
		return json_null();
	return json_pack("{s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "who", i->who, "rss_bytes",
			 sm_json_count(i->rss_bytes), "vmas", sm_json_count(i->vmas), "fds",
			 sm_json_count(i->fds), "threads", sm_json_count(i->threads),
			 "copied_bytes", sm_json_count(i->copied_bytes), "copied_tables",
			 sm_json_count(i->copied_tables), "anon_vmas", sm_json_count(i->anon_vmas));
}

static json_t *floor_of(const struct sm_run *run, const struct sm_case *c)
{
	const struct sm_result *r;

	if (c->floor < 0)
		return json_null();
	r = &run->results[c->floor];
	return json_pack("{s:o,s:o,s:o}", "case", sm_json_text(run->plan->cases[c->floor].name),
			 "entered_ns", sm_json_number(sm_metric_p50(sm_metric("entered"), r)),
			 "reaped_ns", sm_json_number(sm_metric_p50(sm_metric("reaped"), r)));
}

static void add(int64_t *sum, int64_t v)
{
	*sum = *sum < 0 || v < 0 ? -1 : *sum + v;
}

/* Warm-ups and failures cost CPU like the others: the divisor is every spawn of the blocks. */
static json_t *cpu(const struct sm_case *c, const struct sm_result *r)
{
	int64_t total = 0, user = 0, system = 0, n = 0;

	for (int i = 0; i < r->nblocks; i++) {
		if (!r->blocks[i].nsamples)
			continue;
		n += r->blocks[i].nsamples;
		add(&total, r->blocks[i].cpu.total_ns);
		add(&user, r->blocks[i].cpu.user_ns);
		add(&system, r->blocks[i].cpu.system_ns);
	}
	if ((c->kind != SM_KIND_LATENCY && c->kind != SM_KIND_OPEN) || !n)
		return json_null();
	return json_pack("{s:o,s:o,s:o,s:o,s:I}", "accounting",
			 sm_json_text(sm_accounting_name(r->accounting)), "per_child_ns",
			 sm_json_mean(total, n), "user_ns", sm_json_mean(user, n), "system_ns",
			 sm_json_mean(system, n), "children", (json_int_t)n);
}

static json_t *block(const struct sm_result *r, const struct sm_block *b)
{
	int64_t n = sm_json_counted(b), failed = b->failed;
	json_t *o;

	for (int i = 0; i < r->nloads; i++) {
		if (r->loads[i].block == b->index) {
			n += r->loads[i].children;
			failed += r->loads[i].failed;
		}
	}
	for (int i = 0; i < r->npoints; i++) {
		if (r->points[i].got.index == b->index) {
			n += sm_json_counted(&r->points[i].got);
			failed += r->points[i].got.failed;
		}
	}
	o = json_pack("{s:i,s:i,s:I,s:o,s:I,s:I,s:i,s:o,s:o,s:o,s:o}", "index", b->index, "order",
		      b->order, "at_ns", (json_int_t)b->at_ns, "instance",
		      b->instance > 0 ? json_integer(b->instance) : json_null(), "n", (json_int_t)n,
		      "failed", (json_int_t)failed, "warmup", warmups(b), "steal_ns",
		      sm_json_count(b->steal_ns), "nivcsw", sm_json_count(b->nivcsw), "majflt",
		      sm_json_count(b->majflt), "cpu_ns", sm_json_count(b->cpu.total_ns));
	sm_json_block_noise(o, b);
	return o;
}

static json_t *blocks(const struct sm_result *r)
{
	json_t *list = json_array();

	for (int i = 0; i < r->nblocks; i++)
		json_array_append_new(list, block(r, &r->blocks[i]));
	return list;
}

static json_t *superseded(const struct sm_result *r)
{
	json_t *list = json_array();

	for (int i = 0; i < r->nsuperseded; i++) {
		json_t *o = block(r, &r->superseded[i]);

		sm_json_superseded(o, r, &r->superseded[i]);
		json_array_append_new(list, o);
	}
	return list;
}

/* Lag-1 correlation of `ready` in the order of time; samples with a named cause of delay. */
static json_t *noise(const struct sm_result *r)
{
	const struct sm_metric *ready = sm_metric("ready");
	int64_t steal = 0, nivcsw = 0, majflt = 0, flagged = 0;
	size_t room = 1, n = 0;
	json_t *lag;
	double *v;

	for (int i = 0; i < r->nblocks; i++)
		room += (size_t)r->blocks[i].nsamples;
	if (room == 1)
		return json_null();
	v = malloc(room * sizeof(*v));
	for (int i = 0; i < r->nblocks; i++) {
		const struct sm_block *b = &r->blocks[i];

		if (!b->nsamples)
			continue;
		add(&steal, b->steal_ns);
		add(&nivcsw, b->nivcsw);
		add(&majflt, b->majflt);
		for (int k = 0; k < b->nsamples; k++)
			flagged += b->samples[k].nivcsw > 0 || b->samples[k].majflt > 0;
		if (v)
			n += sm_metric_values(ready, b->samples, b->nsamples, v + n);
	}
	lag = v ? sm_json_number(sm_lag1(v, n)) : json_null();
	free(v);
	return json_pack("{s:o,s:o,s:o,s:I,s:o}", "steal_ns", sm_json_count(steal), "nivcsw",
			 sm_json_count(nivcsw), "majflt", sm_json_count(majflt), "flagged",
			 (json_int_t)flagged, "lag1", lag);
}

static int by_count(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return (x > y) - (x < y);
}

/* Page faults of a child until its work is done; of one made ahead, since it was handed over. */
static json_t *faults(const struct sm_result *r)
{
	int32_t *v = NULL;
	json_t *o = json_null();
	int n = 0, room = 0, none = 0;

	for (int i = 0; i < r->nblocks; i++)
		room += r->blocks[i].nsamples;
	v = malloc(((size_t)room + 1) * sizeof(*v));
	for (int i = 0; v && i < r->nblocks; i++) {
		for (int k = 0; k < r->blocks[i].nsamples; k++) {
			const struct sm_sample *s = &r->blocks[i].samples[k];

			if ((s->flags & (SM_SAMPLE_WARMUP | SM_SAMPLE_FAILED)) || s->minflt < 0 ||
			    s->majflt < 0)
				continue;
			none += s->minflt + s->majflt == 0;
			v[n++] = s->minflt + s->majflt;
		}
	}
	if (n) {
		qsort(v, (size_t)n, sizeof(*v), by_count);
		o = json_pack("{s:i,s:i,s:i,s:i}", "n", n, "none", none, "p50", v[(n - 1) / 2],
			      "max", v[n - 1]);
	}
	free(v);
	return o;
}

static json_t *memory(const struct sm_result *r)
{
	static const char *const places[] = { "idle", "ready", "worked" };
	json_t *list = json_array();

	for (int i = 0; i < r->nmemory; i++) {
		const struct sm_memory *m = &r->memory[i];

		json_array_append_new(
			list,
			json_pack("{s:i,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "alive",
				  m->alive, "at", places[m->at], "reason",
				  m->reason[0] ? json_string(m->reason) : json_null(), "pss_bytes",
				  sm_json_count(m->pss), "uss_bytes", sm_json_count(m->uss),
				  "rss_bytes", sm_json_count(m->rss), "private_dirty_bytes",
				  sm_json_count(m->private_dirty), "page_tables_bytes",
				  sm_json_count(m->page_tables), "minflt", sm_json_count(m->minflt),
				  "server_pss_bytes", sm_json_count(m->server_pss),
				  "total_pss_bytes", sm_json_count(m->total_pss)));
	}
	return list;
}

/* The kernel's RSS counters are approximate: per-CPU batches (mm/ uses percpu_counter). */
#define SOAK_RSS_SLACK (512 * 1024)

static bool grew(int64_t first, int64_t last, int64_t slack)
{
	return last > first + slack;
}

enum sm_flat sm_soak_flat(const struct sm_result *r)
{
	const struct sm_soak *a = r->soak, *z;
	bool server;

	if (r->nsoak < 2)
		return SM_FLAT_UNKNOWN;
	z = a + (r->nsoak - 1);
	server = a->server_fds >= 0 || a->server_rss_bytes >= 0;
	if (grew(a->parent_fds, z->parent_fds, 0) || grew(a->server_fds, z->server_fds, 0) ||
	    grew(a->zombies, z->zombies, 0) || z->zombies > 1 ||
	    grew(a->parent_rss_bytes, z->parent_rss_bytes, SOAK_RSS_SLACK) ||
	    grew(a->server_rss_bytes, z->server_rss_bytes, SOAK_RSS_SLACK))
		return SM_FLAT_NO;
	if (a->parent_fds < 0 || z->parent_fds < 0 || z->zombies < 0 || z->parent_rss_bytes < 0 ||
	    (server && (z->server_fds < 0 || z->server_rss_bytes < 0)))
		return SM_FLAT_UNKNOWN;
	return SM_FLAT_YES;
}

static void put_soak(json_t *o, const struct sm_result *r)
{
	json_t *list;

	if (!r->nsoak)
		return;
	list = json_array();
	for (int i = 0; i < r->nsoak; i++) {
		const struct sm_soak *s = &r->soak[i];

		json_array_append_new(list, json_pack("{s:I,s:o,s:o,s:o,s:o,s:o}", "spawns",
						      (json_int_t)s->spawns, "parent_fds",
						      sm_json_count(s->parent_fds), "server_fds",
						      sm_json_count(s->server_fds), "zombies",
						      sm_json_count(s->zombies), "parent_rss_bytes",
						      sm_json_count(s->parent_rss_bytes),
						      "server_rss_bytes",
						      sm_json_count(s->server_rss_bytes)));
	}
	json_object_set_new(o, "soak", list);
	json_object_set_new(o, "soak_flat",
			    sm_soak_flat(r) == SM_FLAT_UNKNOWN
				    ? json_null()
				    : json_boolean(sm_soak_flat(r) == SM_FLAT_YES));
}

static json_t *params(const struct sm_case *c)
{
	json_t *o = json_object();

	for (int i = 0; i < c->nparams; i++)
		json_object_set_new(o, c->params[i].key, sm_json_text(c->params[i].value));
	return o;
}

json_t *sm_json_case(const struct sm_run *run, int icase)
{
	const struct sm_case *c = &run->plan->cases[icase];
	const struct sm_result *r = &run->results[icase];
	bool samples = c->kind == SM_KIND_LATENCY || c->kind == SM_KIND_OPEN;
	json_t *o = json_object();

	json_object_set_new(o, "name", sm_json_text(c->name));
	if (c->side != SM_SIDE_NONE)
		json_object_set_new(o, "side",
				    json_string(c->side == SM_SIDE_BASE ? "base" : "new"));
	json_object_set_new(o, "scenario", sm_json_text(c->scenario));
	json_object_set_new(o, "section", sm_json_text(c->section));
	json_object_set_new(o, "kind", json_string(kinds[c->kind]));
	json_object_set_new(o, "label", sm_json_text(c->label));
	json_object_set_new(o, "strategy", sm_json_text(c->ops->name));
	json_object_set_new(o, "summary", sm_json_text(c->ops->summary));
	json_object_set_new(o, "traits", sm_json_traits(c->ops->traits));
	json_object_set_new(o, "payload", sm_json_text(c->payload));
	json_object_set_new(o, "target", sm_json_text(c->target));
	json_object_set_new(o, "sandbox", sm_json_text(c->sandbox));
	json_object_set_new(o, "pin", json_string(pins[c->pin]));
	json_object_set_new(o, "params", params(c));
	json_object_set_new(o, "image", image(&r->image));
	json_object_set_new(o, "status", json_string(sm_case_status(c, r)));
	json_object_set_new(o, "errors", errors(run, r));
	json_object_set_new(o, "floor", floor_of(run, c));
	json_object_set_new(o, "metrics", sm_json_metrics(r));
	json_object_set_new(o, "ecdf", samples ? sm_json_ecdf(r) : json_null());
	json_object_set_new(o, "timeline", sm_json_timeline(r));
	json_object_set_new(o, "cpu", cpu(c, r));
	json_object_set_new(o, "blocks", blocks(r));
	json_object_set_new(o, "superseded", superseded(r));
	json_object_set_new(o, "bounds", sm_json_bounds(c));
	json_object_set_new(o, "noise", noise(r));
	json_object_set_new(o, "faults", faults(r));
	json_object_set_new(o, "throughput", sm_json_throughput(c, r));
	json_object_set_new(o, "memory", memory(r));
	put_soak(o, r);
	if (c->kind == SM_KIND_OPEN)
		json_object_set_new(o, "open", sm_json_open(c, r));
	if (c->kind == SM_KIND_CAPACITY)
		json_object_set_new(o, "capacity", sm_json_capacity(c, r));
	return o;
}
