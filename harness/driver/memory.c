/* SPDX-License-Identifier: MIT */
/*
 * memory.c - what a child costs in memory: n of them hold still at ready, are looked at, work,
 * are looked at again, and go. As many as half of MemAvailable holds, going by the smaller count.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../sys/sys.h"
#include "collect.h"
#include "visit.h"

struct held {
	pid_t pids[SM_IN_FLIGHT_MAX];
	int n;
};

static void gather_pids(void *arg, int from, uint16_t type, const void *data, uint32_t bytes)
{
	struct held *h = arg;
	int n = (int)(bytes / sizeof(int32_t));

	(void)from;
	if (type != SM_MSG_PIDS || h->n + n > SM_IN_FLIGHT_MAX)
		return;
	memcpy(h->pids + h->n, data, (size_t)n * sizeof(int32_t));
	h->n += n;
}

static int64_t pss_of(pid_t pid)
{
	struct sm_proc_memory m;

	return pid && sm_proc_memory(pid, &m) == 0 ? m.pss : -1;
}

static void unknown(struct sm_memory *row)
{
	row->pss = row->uss = row->rss = row->private_dirty = -1;
	row->page_tables = row->minflt = row->server_pss = row->total_pss = -1;
}

/* Means per child; the total is of parent, server and all children. */
static void look(const struct sm_hostproc *host, const struct held *held, struct sm_memory *row)
{
	struct sm_proc_memory sum = { 0 }, m;
	int64_t host_pss = pss_of(host->pid);

	for (int i = 0; i < held->n; i++) {
		if (sm_proc_memory(held->pids[i], &m)) {
			unknown(row);
			snprintf(row->reason, sizeof(row->reason),
				 "/proc/%d/smaps_rollup cannot be read", (int)held->pids[i]);
			return;
		}
		sum.pss += m.pss;
		sum.uss += m.uss;
		sum.rss += m.rss;
		sum.private_dirty += m.private_dirty;
		sum.page_tables += m.page_tables;
		sum.minflt += m.minflt;
	}
	row->pss = sum.pss / held->n;
	row->uss = sum.uss / held->n;
	row->rss = sum.rss / held->n;
	row->private_dirty = sum.private_dirty / held->n;
	row->page_tables = sum.page_tables / held->n;
	row->minflt = sum.minflt / held->n;
	row->server_pss = pss_of(host->server);
	row->total_pss = host_pss < 0 ? -1 : sum.pss + host_pss;
	if (host->server)
		row->total_pss = row->server_pss < 0 || row->total_pss < 0
					 ? -1
					 : row->total_pss + row->server_pss;
}

static struct sm_memory *row_of(struct sm_stay *stay, int alive, enum sm_memory_at at)
{
	struct sm_result *r = stay->r;
	struct sm_memory *row = sm_collect_one(&r->memory, r->nmemory, sizeof(*row));

	if (!row)
		return NULL;
	r->nmemory++;
	row->alive = alive;
	row->at = at;
	unknown(row);
	return row;
}

/* Both rows of a count that is not measured. */
static int skip(struct sm_stay *stay, int alive, const char *reason)
{
	for (int at = SM_AT_READY; at <= SM_AT_WORKED; at++) {
		struct sm_memory *row = row_of(stay, alive, (enum sm_memory_at)at);

		if (!row)
			return -ENOMEM;
		snprintf(row->reason, sizeof(row->reason), "%s", reason);
	}
	return 0;
}

static int measure(struct sm_stay *stay, struct sm_hostproc *host, int alive)
{
	const struct sm_case *c = stay->c;
	struct sm_cmd_hold cmd = { .n = (uint32_t)alive, .timeout_ms = (uint32_t)c->timeout_ms };
	int64_t silence = sm_silence_ms(c, alive) + alive * c->timeout_ms / 4;
	struct sm_memory *row;
	struct held held = { .n = 0 };
	struct sm_msg_done done;
	int err = sm_hostproc_send(host, SM_CMD_HOLD, &cmd, sizeof(cmd), &stay->fault);

	if (!err)
		err = sm_hostproc_await(stay->rig, host, 1, silence, gather_pids, &held, &done,
					&stay->fault);
	if (err)
		return err;
	if (held.n != alive)
		return sm_fail(&stay->fault, SM_STAGE_REPLY, EPROTO,
			       "the host holds another number of children than was asked for");
	row = row_of(stay, alive, SM_AT_READY);
	if (!row)
		return -ENOMEM;
	look(host, &held, row);
	err = sm_hostproc_do(stay->rig, host, SM_CMD_WORK, NULL, 0, silence, &done, &stay->fault);
	if (err)
		return err;
	row = row_of(stay, alive, SM_AT_WORKED);
	if (!row)
		return -ENOMEM;
	look(host, &held, row);
	return sm_hostproc_do(stay->rig, host, SM_CMD_RELEASE, NULL, 0, silence, &done,
			      &stay->fault);
}

/* What being there already costs: children made ahead, before anybody asks for one. */
static int idle(struct sm_stay *stay, struct sm_hostproc *host)
{
	struct held held = { .n = 0 };
	struct sm_memory *row;
	struct sm_msg_done done;
	int err = sm_hostproc_send(host, SM_CMD_SPARES, NULL, 0, &stay->fault);

	if (!err)
		err = sm_hostproc_await(stay->rig, host, 1, sm_silence_ms(stay->c, 1), gather_pids,
					&held, &done, &stay->fault);
	if (err || !held.n)
		return err;
	row = row_of(stay, held.n, SM_AT_IDLE);
	if (!row)
		return -ENOMEM;
	look(host, &held, row);
	return 0;
}

/* What one more child needs, by the newest row that was measured; 0: not known yet. */
static int64_t estimate(const struct sm_result *r)
{
	for (int i = r->nmemory - 1; i >= 0; i--)
		if (r->memory[i].uss >= 0 && r->memory[i].page_tables >= 0)
			return r->memory[i].uss + r->memory[i].page_tables;
	return 0;
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int counts(struct sm_stay *stay, struct sm_hostproc *host)
{
	struct sm_list list = stay->c->alive;
	int err = 0;

	qsort(list.v, (size_t)list.n, sizeof(*list.v), by_size);
	for (int i = 0; i < list.n && !err; i++) {
		int64_t need = estimate(stay->r) * list.v[i], half = sm_mem_available() / 2;
		char reason[120];

		if (list.v[i] > 1 && stay->c->ops->traits & SM_REUSES_PROCESS) {
			err = skip(stay, (int)list.v[i],
				   "n/a: one process serves all requests: one at a time");
		} else if (list.v[i] > SM_IN_FLIGHT_MAX) {
			snprintf(reason, sizeof(reason), "at most %d children can be held",
				 SM_IN_FLIGHT_MAX);
			err = skip(stay, (int)list.v[i], reason);
		} else if (need > half) {
			snprintf(reason, sizeof(reason),
				 "would need about %lld MiB; half of MemAvailable is %lld MiB",
				 (long long)(need >> 20), (long long)(half >> 20));
			err = skip(stay, (int)list.v[i], reason);
		} else {
			err = measure(stay, host, (int)list.v[i]);
		}
	}
	return err;
}

int sm_visit_memory(struct sm_stay *stay)
{
	struct sm_hostproc host;
	struct sm_cpuset set;
	int err;

	for (int i = 0; i < stay->r->nmemory; i++)
		if (!stay->r->memory[i].reason[0])
			return 0; /* once per run, not per block */
	stay->r->nmemory = 0;
	sm_cpus_for(&stay->rig->cpus, stay->c->pin, &set);
	err = sm_stay_host(stay, &host, &set);
	if (!err && (stay->c->ops->traits & SM_AHEAD))
		err = idle(stay, &host);
	if (!err)
		err = counts(stay, &host);
	sm_hostproc_end(stay->rig, &host, 1, !err);
	if (err && stay->r->nmemory && stay->r->memory[stay->r->nmemory - 1].at == SM_AT_READY)
		stay->r->nmemory--; /* a count without its second look */
	return err;
}
