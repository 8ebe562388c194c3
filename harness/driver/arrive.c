/* SPDX-License-Identifier: MIT */
/*
 * arrive.c - the open loop: children arrive at a host at one rate (kind = open), or at one rate
 * after another until the highest is found that it carries (kind = capacity).
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../sys/sys.h"
#include "collect.h"
#include "json.h"
#include "search.h"
#include "visit.h"

/* Time for the command to reach the host before the first arrival. */
#define LEAD_NS 5000000

struct gathered {
	struct sm_stay *stay;
	struct sm_block *block; /* NULL: samples are not kept */
	int err;
};

static void gather(void *arg, int from, uint16_t type, const void *data, uint32_t bytes)
{
	struct gathered *g = arg;
	int err;

	(void)from;
	if (type != SM_MSG_SAMPLES || bytes % sizeof(struct sm_sample)) {
		sm_stay_note(g->stay, type, data, bytes);
	} else if (g->block) {
		err = sm_collect_samples(&g->block->samples, &g->block->nsamples, data,
					 (int)(bytes / sizeof(struct sm_sample)));
		g->err = err ? err : g->err;
	}
}

/* A schedule without arrivals: what the warm-up used up is made again before the account begins. */
static int settle(struct sm_stay *stay, struct sm_hostproc *host)
{
	const struct sm_case *c = stay->c;
	struct sm_cmd_arrive cmd = {
		.rate = 1, .burst = 1, .limit = 1, .timeout_ms = (uint32_t)c->timeout_ms
	};
	struct sm_msg_done done;

	return sm_hostproc_do(stay->rig, host, SM_CMD_ARRIVE, &cmd, sizeof(cmd),
			      sm_silence_ms(c, c->warmup), &done, &stay->fault);
}

/* Nobody's samples: they come one at a time, and not by the schedule. */
static int warm_up(struct sm_stay *stay, struct sm_hostproc *host)
{
	const struct sm_case *c = stay->c;
	struct sm_cmd_latency cmd = { .warmup = (uint32_t)c->warmup,
				      .timeout_ms = (uint32_t)c->timeout_ms };
	struct gathered g = { .stay = stay };
	struct sm_msg_done done;
	int err = sm_hostproc_send(host, SM_CMD_LATENCY, &cmd, sizeof(cmd), &stay->fault);

	if (!err)
		err = sm_hostproc_await(stay->rig, host, 1, sm_silence_ms(c, c->warmup), gather, &g,
					&done, &stay->fault);
	return err ? err : settle(stay, host);
}

/* Every strategy gets the same arrivals in the same block. */
static uint64_t seed_of(const struct sm_case *c, int block, double rate, int try)
{
	uint64_t state = c->seed;

	state = sm_random_next(&state) ^ (uint64_t)block;
	state = sm_random_next(&state) ^ (uint64_t)llround(rate * 10);
	state = sm_random_next(&state) ^ (uint64_t)try;
	return sm_random_next(&state);
}

/* From the first arrival to the last end, no less than the schedule. */
static int64_t wall_of(const struct sm_block *b, int64_t began_ns, int64_t duration_ms)
{
	int64_t end_ns = began_ns + duration_ms * 1000000;

	for (int i = 0; i < b->nsamples; i++)
		if (b->samples[i].reaped_ns > end_ns)
			end_ns = b->samples[i].reaped_ns;
	return end_ns - began_ns;
}

/* One schedule. Fills what a block says of its samples. */
static int arrive(struct sm_stay *stay, struct sm_hostproc *host, double rate, int64_t duration_ms,
		  int try, struct sm_block *b)
{
	const struct sm_case *c = stay->c;
	struct sm_cmd_arrive cmd = { .seed = seed_of(c, stay->block, rate, try),
				     .rate = rate,
				     .arrivals = (uint32_t)c->arrivals,
				     .burst = (uint32_t)c->burst,
				     .duration_ms = (uint32_t)duration_ms,
				     .limit = (uint32_t)c->limit,
				     .give_up_ms = (uint32_t)c->patience_ms,
				     .timeout_ms = (uint32_t)c->timeout_ms };
	struct gathered g = { .stay = stay, .block = b };
	struct sm_tally before, after;
	struct sm_msg_done done;
	struct sm_cpuset set;
	int64_t rusage_ns;
	int err;

	sm_cpus_for(&stay->rig->cpus, c->pin, &set);
	sm_tally_take(&before, host, 1, &set);
	b->at_ns = sm_now_ns();
	cmd.start_at_ns = b->at_ns + LEAD_NS;
	err = sm_hostproc_send(host, SM_CMD_ARRIVE, &cmd, sizeof(cmd), &stay->fault);
	if (!err)
		err = sm_hostproc_await(stay->rig, host, 1,
					duration_ms + c->patience_ms + sm_silence_ms(c, c->limit),
					gather, &g, &done, &stay->fault);
	if (err)
		return err;
	sm_tally_take(&after, host, 1, &set);
	sm_tally_between(&before, &after, &done, 1, b->samples, b->nsamples, stay->r->accounting,
			 &b->cpu, &rusage_ns);
	sm_block_finish(b, &before, &after, &done);
	b->offered = done.offered;
	b->missed = done.missed;
	b->wall_ns = wall_of(b, done.began_ns, duration_ms);
	return g.err;
}

static int start(struct sm_stay *stay, struct sm_hostproc *host)
{
	struct sm_cpuset set;
	int err;

	sm_cpus_for(&stay->rig->cpus, stay->c->pin, &set);
	err = sm_stay_host(stay, host, &set);
	stay->r->blocks[stay->r->nblocks - 1].instance = host->server;
	return err ? err : warm_up(stay, host);
}

int sm_visit_open(struct sm_stay *stay)
{
	struct sm_block *b = &stay->r->blocks[stay->r->nblocks - 1];
	struct sm_hostproc host;
	int err = start(stay, &host);

	if (!err)
		err = arrive(stay, &host, (double)stay->c->rate, stay->c->duration_ms, 0, b);
	sm_hostproc_end(stay->rig, &host, 1, !err);
	return err;
}

/* From the request to ready; of nobody: 0. */
static double fastest(const struct sm_block *b)
{
	double least = 0;

	for (int i = 0; i < b->nsamples; i++) {
		const struct sm_sample *s = &b->samples[i];
		double ns = (double)(s->ready_ns - s->request_ns);

		if (!(s->flags & SM_SAMPLE_FAILED) && s->ready_ns && (least <= 0 || ns < least))
			least = ns;
	}
	return least;
}

static enum sm_rate_verdict judge(const struct sm_case *c, const struct sm_block *b)
{
	double *v = malloc(((size_t)b->nsamples + 1) * sizeof(*v));
	enum sm_rate_verdict verdict = SM_RATE_UNKNOWN;
	size_t n;

	if (!v)
		return verdict;
	n = sm_metric_values(sm_metric("ready"), b->samples, b->nsamples, v);
	sm_sort(v, n);
	verdict =
		sm_search_judge(v, n, fastest(b), b->failed, b->missed, (double)c->bound_ms * 1e6);
	free(v);
	return verdict;
}

static int try_rate(struct sm_stay *stay, struct sm_hostproc *host, struct sm_search *s,
		    double rate)
{
	const struct sm_case *c = stay->c;
	struct sm_result *r = stay->r;
	struct sm_point *p = sm_collect_one(&r->points, r->npoints, sizeof(*p));
	int64_t ms = sm_search_duration_ms(rate, c->duration_ms, c->longest_ms);
	int err;

	if (!p)
		return -ENOMEM;
	p->rate = rate;
	p->point = s->n;
	p->got.index = stay->block;
	p->got.order = stay->order;
	p->got.instance = host->server;
	err = arrive(stay, host, rate, ms, s->n, &p->got);
	if (err) {
		free(p->got.samples);
		return err;
	}
	r->npoints++;
	sm_noise_merge(&r->blocks[r->nblocks - 1].noise, &p->got.noise);
	p->verdict = judge(c, &p->got);
	sm_search_add(s, rate, p->verdict);
	return 0;
}

int sm_visit_capacity(struct sm_stay *stay)
{
	int had = stay->r->npoints, err;
	struct sm_hostproc host;
	struct sm_search search;
	double rate;

	err = start(stay, &host);
	sm_search_begin(&search, &stay->c->rates, stay->c->points);
	while (!err && sm_search_next(&search, &rate))
		err = try_rate(stay, &host, &search, rate);
	sm_hostproc_end(stay->rig, &host, 1, !err);
	/* Half a search says nothing of its end. */
	while (err && stay->r->npoints > had)
		free(stay->r->points[--stay->r->npoints].got.samples);
	return err;
}
