/* SPDX-License-Identifier: MIT */
/* rerun.c - see rerun.h. */
#include "rerun.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect.h"

static int share_of(const struct sm_plan *plan)
{
	int most = 0;

	for (int i = 0; i < plan->ncases; i++)
		if (plan->cases[i].rerun_share > most)
			most = plan->cases[i].rerun_share;
	return most;
}

int sm_reruns_most(const struct sm_plan *plan)
{
	return (int)(((int64_t)plan->nvisits * share_of(plan) + 99) / 100);
}

int sm_reruns_open(struct sm_reruns *q, const struct sm_plan *plan)
{
	size_t n = (size_t)plan->ncases + 1;

	*q = (struct sm_reruns){ .plan = plan, .most = sm_reruns_most(plan) };
	q->by_case = calloc(n, sizeof(*q->by_case));
	q->waiting = calloc(n, sizeof(*q->waiting));
	q->wanted = calloc(2 * n, sizeof(*q->wanted)); /* the second of a pair, and both again */
	q->ns = calloc(n, sizeof(*q->ns));
	return q->by_case && q->waiting && q->wanted && q->ns ? 0 : -ENOMEM;
}

void sm_reruns_close(struct sm_reruns *q)
{
	free(q->by_case);
	free(q->waiting);
	free(q->wanted);
	free(q->ns);
}

/*
 * The kinds whose blocks stand for themselves. A search of a capacity lasts too long and chooses its
 * own points, a soak is one long block; memory and secrets are not a matter of time.
 */
static bool can_be(const struct sm_case *c)
{
	return (c->kind == SM_KIND_LATENCY && !c->audit) || c->kind == SM_KIND_THROUGHPUT ||
	       c->kind == SM_KIND_OPEN;
}

/* Is a part of their part of the run's time left? The run is as long as its visits so far tell. */
static bool has_time(const struct sm_reruns *q, int64_t elapsed_ns, int visits)
{
	double whole = (double)(elapsed_ns - q->spent_ns) * q->plan->nvisits / visits;

	if (q->plan->budget_ms && elapsed_ns >= q->plan->budget_ms * 1000000)
		return false;
	return (double)(q->spent_ns + q->promised_ns) < whole * share_of(q->plan) / 100;
}

/* Who was visited first, of the two sides of a pair? A pair that is made again changes its turns. */
static int first_of(const struct sm_plan *plan, int icase, int partner, const struct sm_block *b)
{
	return !b->rerun && b->order > 0 && plan->visits[b->order - 1].icase == partner ? partner
											: icase;
}

static void want(struct sm_reruns *q, int icase, int64_t ns)
{
	q->wanted[q->nwanted++] = icase;
	if (!q->waiting[icase])
		q->ns[icase] = ns;
	q->promised_ns += q->ns[icase];
	q->waiting[icase]++;
	q->by_case[icase]++;
	q->done++;
}

void sm_reruns_note(struct sm_reruns *q, int icase, const struct sm_block *b, int64_t ns,
		    int64_t elapsed_ns, int visits)
{
	const struct sm_case *c = &q->plan->cases[icase];
	int partner = c->side == SM_SIDE_NONE ? icase : c->partner;
	int n = partner == icase ? 1 : 2, first;

	q->spent_ns += b->rerun ? ns : 0;
	if (!b->over || !can_be(c) || q->waiting[icase] || q->by_case[icase] >= c->reruns ||
	    q->done + n > q->most || visits <= 0 || !has_time(q, elapsed_ns, visits))
		return;
	first = first_of(q->plan, icase, partner, b);
	want(q, first, ns);
	if (n == 2)
		want(q, first == icase ? partner : icase, ns);
}

bool sm_reruns_next(struct sm_reruns *q, int *icase, int *order)
{
	if (!q->nwanted)
		return false;
	*order = q->plan->nvisits + q->begun++;
	*icase = q->wanted[0];
	q->waiting[*icase]--;
	q->promised_ns -= q->ns[*icase];
	q->nwanted--;
	memmove(q->wanted, q->wanted + 1, (size_t)q->nwanted * sizeof(*q->wanted));
	return true;
}

/* The loads of the visit `order` go to the others that are not used any more. */
static int move_loads(struct sm_result *r, int order)
{
	int kept = 0, i;

	for (i = 0; i < r->nloads; i++) {
		struct sm_load *to = &r->loads[kept];

		if (r->loads[i].order == order) {
			to = sm_collect_one(&r->superseded_loads, r->nsuperseded_loads,
					    sizeof(*to));
			if (!to)
				break;
			r->nsuperseded_loads++;
		} else {
			kept++;
		}
		*to = r->loads[i];
	}
	if (i > kept)
		memmove(r->loads + kept, r->loads + i, (size_t)(r->nloads - i) * sizeof(*r->loads));
	kept += r->nloads - i;
	i = i < r->nloads ? -ENOMEM : 0;
	r->nloads = kept;
	return i;
}

int sm_rerun_supersede(struct sm_result *r)
{
	struct sm_block *old = &r->blocks[r->nblocks - 2], *new = old + 1, *to;

	to = sm_collect_one(&r->superseded, r->nsuperseded, sizeof(*to));
	if (!to)
		return -ENOMEM;
	new->rerun = old->rerun + 1;
	new->rerun_of = old->order;
	*to = *old;
	r->nsuperseded++;
	*old = *new;
	r->nblocks--;
	return move_loads(r, to->order);
}
