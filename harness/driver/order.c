/* SPDX-License-Identifier: MIT */
/*
 * order.c - in which order the cases are visited.
 *
 * Scenarios follow one another. Within one, every block is a fresh permutation of its cases, so
 * that slow drift of the machine falls on all of them alike and neighbours change. The two sides of
 * a pair stay together, and take turns in coming first: base new, new base. That is ABBA, in which
 * a drift that is steady over two blocks cancels, as does what a visit does to the one after it.
 */
#include <errno.h>

#include "arena.h"
#include "planner.h"
#include "../sys/sys.h"

/*
 * Is block `block` of `of` one of the case's? Fewer blocks are spread evenly, in the middle of
 * equal stretches: 2 of 8 are 2 and 6.
 */
static bool visits_block(const struct sm_case *c, int block, int of)
{
	for (int j = 0; j < c->blocks; j++) {
		if ((2 * (int64_t)j + 1) * of / (2 * (int64_t)c->blocks) == block)
			return true;
	}
	return false;
}

static int scenario_blocks(const struct sm_plan *plan, int iscenario)
{
	int most = 0;

	for (int i = 0; i < plan->ncases; i++) {
		if (plan->cases[i].iscenario == iscenario && plan->cases[i].blocks > most)
			most = plan->cases[i].blocks;
	}
	return most;
}

/* Puts each one's partner beside it; there is room behind. */
static void pair_up(const struct sm_plan *plan, struct sm_visit *first, int n, bool *base_first)
{
	for (int i = n - 1; i >= 0; i--) {
		struct sm_visit new = first[i],
				base = { new.block, plan->cases[new.icase].partner };

		first[2 * i] = base_first[new.icase] ? base : new;
		first[2 * i + 1] = base_first[new.icase] ? new : base;
		base_first[new.icase] = !base_first[new.icase];
	}
}

/* base_first: of each case, which side its next pair begins with. */
static void add_block(struct sm_plan *plan, int iscenario, int block, int of, uint64_t *state,
		      bool *base_first)
{
	struct sm_visit *first = plan->visits + plan->nvisits;
	int n = 0;

	for (int i = 0; i < plan->ncases; i++) {
		const struct sm_case *c = &plan->cases[i];

		if (c->iscenario == iscenario && c->side != SM_SIDE_BASE &&
		    visits_block(c, block, of))
			first[n++] = (struct sm_visit){ .block = block, .icase = i };
	}
	for (int i = n - 1; i > 0; i--) { /* Fisher and Yates */
		uint32_t j = sm_random_below(state, (uint32_t)i + 1);
		struct sm_visit moved = first[i];

		first[i] = first[j];
		first[j] = moved;
	}
	if (plan->base)
		pair_up(plan, first, n, base_first);
	plan->nvisits += plan->base ? 2 * n : n;
}

/* Which side is first in the very first block is the seed's to say, case by case. */
static bool *draw_first(struct sm_plan *plan)
{
	bool *base_first = sm_arena_alloc(plan->arena, (size_t)plan->ncases + 1, sizeof(bool));
	uint64_t state = ~plan->seed;

	for (int i = 0; base_first && i < plan->ncases; i++)
		base_first[i] = sm_random_below(&state, 2);
	return base_first;
}

int sm_order_make(struct sm_plan *plan)
{
	uint64_t state = plan->seed;
	bool *base_first = draw_first(plan);
	size_t total = 0;

	for (int i = 0; i < plan->ncases; i++)
		total += (size_t)plan->cases[i].blocks;
	plan->visits = sm_arena_alloc(plan->arena, total, sizeof(*plan->visits));
	if (!plan->visits || !base_first)
		return -ENOMEM;
	plan->nvisits = 0;
	for (int s = 0; s < plan->nscenarios; s++) {
		int blocks = scenario_blocks(plan, s);

		for (int b = 0; b < blocks; b++)
			add_block(plan, s, b, blocks, &state, base_first);
	}
	return 0;
}

bool sm_plan_begins_block(const struct sm_plan *plan, int visit)
{
	const struct sm_visit *v = &plan->visits[visit];

	return visit == 0 || v->block != v[-1].block ||
	       plan->cases[v->icase].iscenario != plan->cases[v[-1].icase].iscenario;
}

bool sm_plan_enough(const struct sm_plan *plan, int visit, int64_t elapsed_ns)
{
	int64_t budget = plan->budget_ms * 1000000;
	int done;

	if (budget <= 0 || visit <= 0 || visit >= plan->nvisits)
		return false;
	done = plan->visits[visit].block;
	if (done == plan->visits[visit - 1].block)
		return false; /* never in the middle of a block */
	if (done < SM_BUDGET_BLOCKS)
		return elapsed_ns >= budget;
	return elapsed_ns + elapsed_ns / done > budget;
}
