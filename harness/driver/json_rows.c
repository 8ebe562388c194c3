/* SPDX-License-Identifier: MIT */
/* json_rows.c - the flat lists of run.json: benchmarks, isolation, shared_bits; see json.h. */
#include "json.h"

#include <stdio.h>
#include <string.h>

static const char *const attackers[] = { "root", "same", "undumpable", "other" };
static const char *const outcomes[] = { "leaked", "blocked", "absent", "n/a" };

static int good(const struct sm_block *b)
{
	int n = 0;

	for (int i = 0; i < b->nsamples; i++)
		n += !(b->samples[i].flags & (SM_SAMPLE_WARMUP | SM_SAMPLE_FAILED));
	return n;
}

static json_t *benchmark(const char *name, int family, int repetitions, int index,
			 const struct sm_block *b, double real)
{
	double cpu = b->cpu.total_ns > 0 ? (double)b->cpu.total_ns / b->nsamples : 0;

	return json_pack("{s:o,s:o,s:i,s:i,s:s,s:i,s:i,s:i,s:i,s:f,s:f,s:s}", "name",
			 sm_json_text(name), "run_name", sm_json_text(name), "family_index", family,
			 "per_family_instance_index", 0, "run_type", "iteration", "repetitions",
			 repetitions, "repetition_index", index, "threads", 1, "iterations",
			 good(b), "real_time", real, "cpu_time", cpu, "time_unit", "ns");
}

/*
 * How many rows a metric has. None where a block's median is 0 ns, as a meter's teardown is: the
 * tools that read them divide by them, and one 0 makes the geometric mean of the whole run 0.
 */
static int rows_of(const struct sm_metric *m, const struct sm_result *r)
{
	int n = 0;

	for (int i = 0; i < r->nblocks; i++) {
		struct sm_number v = sm_metric_block(m, &r->blocks[i]);

		if (v.known && v.v <= 0)
			return 0;
		n += v.known;
	}
	return n;
}

void sm_json_benchmarks(json_t *rows, const struct sm_run *run, int icase, int *family)
{
	const struct sm_result *r = &run->results[icase];

	for (size_t m = 0; m < sm_metric_count; m++) {
		char name[600];
		int n = rows_of(&sm_metrics[m], r), index = 0;

		snprintf(name, sizeof(name), "%s/%s", run->plan->cases[icase].name,
			 sm_metrics[m].name);
		for (int i = 0; n && i < r->nblocks; i++) {
			struct sm_number v = sm_metric_block(&sm_metrics[m], &r->blocks[i]);

			if (v.known)
				json_array_append_new(rows, benchmark(name, *family, n, index++,
								      &r->blocks[i], v.v));
		}
		*family += n > 0;
	}
}

void sm_json_isolation(json_t *rows, const struct sm_run *run, int icase)
{
	const struct sm_case *c = &run->plan->cases[icase];
	const struct sm_result *r = &run->results[icase];

	for (int i = 0; i < r->nfindings; i++) {
		const struct sm_msg_finding *f = &r->findings[i];
		const char *err = f->outcome == SM_BLOCKED ? strerrorname_np(f->err) : NULL;

		if (f->outcome < SM_LEAKED || f->outcome > SM_NOT_APPLICABLE)
			continue;
		json_array_append_new(
			rows,
			json_pack("{s:s,s:o,s:s,s:o,s:o,s:o,s:o,s:s,s:s,s:o,s:o}", "strategy",
				  c->ops->name, "payload", sm_json_text(c->payload), "attacker",
				  attackers[c->attacker], "sandbox", sm_json_text(c->sandbox),
				  "secret", sm_json_text(f->secret), "attack",
				  sm_json_text(f->attack), "target", sm_json_text(f->target),
				  "kind", f->inherited ? "inherited" : "reachable", "outcome",
				  outcomes[f->outcome], "errno", sm_json_text(err), "evidence",
				  sm_json_text(f->evidence[0] ? f->evidence : NULL)));
	}
}

static uint64_t low_bits(unsigned int n)
{
	return n >= 64 ? ~0ULL : (1ULL << n) - 1;
}

/* Bit positions that are equal in all siblings. */
static json_t *bits_of(const struct sm_case *c, const struct sm_result *r, const char *what)
{
	const struct sm_msg_layout *first = NULL;
	uint64_t differ[2] = { 0, 0 };
	unsigned int width = 128, shared = 0;
	int n = 0;

	for (int i = 0; i < r->nlayouts; i++) {
		const struct sm_msg_layout *l = &r->layouts[i];

		if (strcmp(l->what, what))
			continue;
		first = first ? first : l;
		differ[0] |= l->value[0] ^ first->value[0];
		differ[1] |= l->value[1] ^ first->value[1];
		width = l->width_bits < width ? l->width_bits : width;
		n++;
	}
	shared += (unsigned int)__builtin_popcountll(~differ[0] & low_bits(width));
	if (width > 64)
		shared += (unsigned int)__builtin_popcountll(~differ[1] & low_bits(width - 64));
	/* One sibling shares everything with itself, and an unseen value nothing that is known. */
	return json_pack("{s:s,s:o,s:o,s:i,s:o,s:i}", "strategy", c->ops->name, "payload",
			 sm_json_text(c->payload), "what", sm_json_text(what), "width_bits",
			 (int)width, "shared_bits",
			 n > 1 && width ? json_integer(shared) : json_null(), "siblings", n);
}

static bool told_before(const struct sm_run *run, int icase)
{
	const struct sm_case *c = &run->plan->cases[icase];

	for (int i = 0; i < icase; i++)
		if (run->results[i].nlayouts && run->plan->cases[i].ops == c->ops &&
		    !strcmp(run->plan->cases[i].payload, c->payload))
			return true;
	return false;
}

/* A layout does not depend on the attacker: the first case of strategy and payload tells it. */
json_t *sm_json_shared_bits(const struct sm_run *run)
{
	json_t *rows = json_array();

	for (int i = 0; i < run->plan->ncases; i++) {
		const struct sm_result *r = &run->results[i];

		for (int k = 0; k < r->nlayouts && !told_before(run, i); k++) {
			bool seen = false;

			for (int j = 0; j < k && !seen; j++)
				seen = !strcmp(r->layouts[j].what, r->layouts[k].what);
			if (!seen)
				json_array_append_new(rows, bits_of(&run->plan->cases[i], r,
								    r->layouts[k].what));
		}
	}
	return rows;
}
