/* SPDX-License-Identifier: MIT */
/*
 * load.c - throughput: k hosts on k CPUs of their own, each with C children in flight, from a
 * common instant on; every (k, C) of the case in one visit, on the same fresh hosts.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../sys/sys.h"
#include "collect.h"
#include "visit.h"

/* Time for the command to reach every host before all begin. */
#define LEAD_NS 20000000
/* After the load, for kernel workers that end what the children left: the third meter waits. */
#define DRAIN_MS 50
/* How long an idle machine is watched for the third meter's baseline. */
#define IDLE_MS 200

struct gathered {
	struct sm_stay *stay;
	struct sm_load *load;
	int err;
};

static void gather(void *arg, int from, uint16_t type, const void *data, uint32_t bytes)
{
	struct gathered *g = arg;

	(void)from;
	if (type == SM_MSG_SAMPLES && bytes % sizeof(struct sm_sample) == 0) {
		int err = sm_collect_samples(&g->load->samples, &g->load->nsamples, data,
					     (int)(bytes / sizeof(struct sm_sample)));

		g->err = err ? err : g->err;
	} else {
		sm_stay_note(g->stay, type, data, bytes);
	}
}

static void rest(int ms)
{
	poll(NULL, 0, ms);
}

/* Others that use more of a CPU than this make the third meter a guess. */
#define IDLE_MOST 0.1

/* Busy ns of the whole machine per ns of time while nothing of ours runs; < 0: not known. */
static double idle_rate(void)
{
	struct sm_machine_time a, b;
	int64_t from = sm_now_ns();
	double rate;

	sm_machine_time(NULL, &a);
	rest(IDLE_MS);
	sm_machine_time(NULL, &b);
	if (a.busy_ns < 0 || b.busy_ns < 0)
		return -1;
	rate = (double)(b.busy_ns - a.busy_ns) / (double)(sm_now_ns() - from);
	return rate > IDLE_MOST ? -1 : rate;
}

static void finish_load(struct sm_load *l, const struct sm_msg_done *done, int n)
{
	int64_t began = INT64_MAX, ended = 0;

	for (int i = 0; i < n; i++) {
		l->children += done[i].children;
		l->failed += done[i].failed;
		began = done[i].began_ns < began ? done[i].began_ns : began;
		ended = done[i].ended_ns > ended ? done[i].ended_ns : ended;
	}
	l->at_ns = began;
	l->wall_ns = ended - began;
}

/* The CPUs of its hosts. */
static void load_cpus(const struct sm_stay *stay, const struct sm_load *l, struct sm_cpuset *set)
{
	CPU_ZERO(&set->bits);
	for (int i = 0; i < l->cpus; i++) {
		struct sm_cpuset one;

		sm_cpus_nth(&stay->rig->cpus, i, &one);
		CPU_OR(&set->bits, &set->bits, &one.bits);
	}
}

/* What disturbed one point is a part of what disturbed the block. */
static void meter(struct sm_stay *stay, const struct sm_load *l, const struct sm_noise_at *before)
{
	struct sm_block *b = &stay->r->blocks[stay->r->nblocks - 1];
	struct sm_noise_at after;
	struct sm_cpuset set;

	load_cpus(stay, l, &set);
	sm_noise_take("", &set, &after);
	sm_noise_add(&b->noise, before, &after, l->cpu.total_ns);
	b->steal_ns = b->noise.steal_ns;
}

static int measure(struct sm_stay *stay, struct sm_hostproc *hosts, struct sm_load *l, double idle,
		   struct sm_msg_done *done)
{
	const struct sm_case *c = stay->c;
	struct sm_cmd_load cmd = { .duration_ms = (uint32_t)c->duration_ms,
				   .in_flight = (uint32_t)l->in_flight,
				   .timeout_ms = (uint32_t)c->timeout_ms };
	struct gathered g = { .stay = stay, .load = l };
	struct sm_machine_time drained;
	struct sm_tally before, after;
	struct sm_noise_at quiet;
	struct sm_cpuset set;
	int64_t from = sm_now_ns();
	int err = 0;

	load_cpus(stay, l, &set);
	sm_noise_take("", &set, &quiet);
	sm_tally_take(&before, hosts, l->cpus, NULL);
	cmd.start_at_ns = from + LEAD_NS;
	for (int i = 0; i < l->cpus && !err; i++)
		err = sm_hostproc_send(&hosts[i], SM_CMD_LOAD, &cmd, sizeof(cmd), &stay->fault);
	if (!err)
		err = sm_hostproc_await(stay->rig, hosts, l->cpus,
					c->duration_ms + sm_silence_ms(c, l->in_flight), gather, &g,
					done, &stay->fault);
	if (err)
		return err;
	sm_tally_take(&after, hosts, l->cpus, NULL);
	sm_tally_between(&before, &after, done, l->cpus, l->samples, l->nsamples,
			 stay->r->accounting, &l->cpu, &l->rusage_ns);
	meter(stay, l, &quiet);
	finish_load(l, done, l->cpus);
	rest(DRAIN_MS);
	sm_machine_time(NULL, &drained);
	l->busy_ns = -1;
	if (idle >= 0 && drained.busy_ns >= 0) {
		double ours = (double)(drained.busy_ns - before.machine.busy_ns) -
			      idle * (double)(sm_now_ns() - from);

		l->busy_ns = ours > 0 ? (int64_t)ours : 0;
	}
	return g.err;
}

static int point(struct sm_stay *stay, struct sm_hostproc *hosts, int index, int cpus,
		 int in_flight, double idle)
{
	struct sm_result *r = stay->r;
	struct sm_load *l = sm_collect_one(&r->loads, r->nloads, sizeof(*l));
	struct sm_msg_done *done = calloc((size_t)cpus, sizeof(*done));
	int err = -ENOMEM;

	if (l && done) {
		*l = (struct sm_load){ .block = stay->block,
				       .order = stay->order,
				       .point = index,
				       .cpus = cpus,
				       .in_flight = in_flight };
		err = measure(stay, hosts, l, idle, done);
		if (err)
			free(l->samples);
		else
			r->nloads++;
	}
	free(done);
	return err;
}

static int most(const struct sm_list *list, int limit)
{
	int max = 0;

	for (int i = 0; i < list->n; i++)
		if (list->v[i] > max && list->v[i] <= limit)
			max = (int)list->v[i];
	return max;
}

static void too_many(struct sm_stay *stay, int64_t cpus)
{
	char text[120];

	snprintf(text, sizeof(text), "cpus = %lld: this run may use %d", (long long)cpus,
		 stay->rig->cpus.n);
	sm_fail(&stay->fault, SM_STAGE_ARGUMENT, EINVAL, text);
	sm_collect_error(stay->r, stay->block, &stay->fault, 1);
}

static int points(struct sm_stay *stay, struct sm_hostproc *hosts, double idle)
{
	const struct sm_case *c = stay->c;
	int err = 0;

	for (int i = 0; i < c->cpus.n && !err; i++) {
		if (c->cpus.v[i] > stay->rig->cpus.n) {
			too_many(stay, c->cpus.v[i]);
			continue;
		}
		for (int k = 0; k < c->in_flight.n && !err; k++) {
			if (c->in_flight.v[k] > 1 && c->ops->traits & SM_REUSES_PROCESS)
				continue; /* one at a time: a point without samples is null */
			err = point(stay, hosts, i * c->in_flight.n + k, (int)c->cpus.v[i],
				    (int)c->in_flight.v[k], idle);
		}
	}
	return err;
}

int sm_visit_throughput(struct sm_stay *stay)
{
	int n = most(&stay->c->cpus, stay->rig->cpus.n), started = 0, err = 0;
	struct sm_hostproc *hosts = calloc((size_t)(n ? n : 1), sizeof(*hosts));
	int had = stay->r->nloads;
	double idle;

	if (!hosts)
		return -ENOMEM;
	idle = idle_rate();
	for (; started < n && !err; started++) {
		struct sm_cpuset set;

		sm_cpus_nth(&stay->rig->cpus, started, &set);
		err = sm_stay_host(stay, &hosts[started], &set);
	}
	if (!err)
		err = points(stay, hosts, idle);
	sm_hostproc_end(stay->rig, hosts, started, !err);
	free(hosts);
	/* Whole blocks only: a block with some of its points would weigh them unequally. */
	while (err && stay->r->nloads > had)
		free(stay->r->loads[--stay->r->nloads].samples);
	return err;
}
