/* SPDX-License-Identifier: MIT */
/*
 * order.c - in which order the cases are visited.
 *
 * Scenarios follow one another. Within one, every block is a fresh permutation of its cases, so
 * that slow drift of the machine falls on all of them alike and neighbours change.
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

static void add_block(struct sm_plan *plan, int iscenario, int block, int of, uint64_t *state)
{
	struct sm_visit *first = plan->visits + plan->nvisits;
	int n = 0;

	for (int i = 0; i < plan->ncases; i++) {
		const struct sm_case *c = &plan->cases[i];

		if (c->iscenario == iscenario && visits_block(c, block, of))
			first[n++] = (struct sm_visit){ .block = block, .icase = i };
	}
	for (int i = n - 1; i > 0; i--) { /* Fisher and Yates */
		uint32_t j = sm_random_below(state, (uint32_t)i + 1);
		struct sm_visit moved = first[i];

		first[i] = first[j];
		first[j] = moved;
	}
	plan->nvisits += n;
}

int sm_order_make(struct sm_plan *plan)
{
	uint64_t state = plan->seed;
	size_t total = 0;

	for (int i = 0; i < plan->ncases; i++)
		total += (size_t)plan->cases[i].blocks;
	plan->visits = sm_arena_alloc(plan->arena, total, sizeof(*plan->visits));
	if (!plan->visits)
		return -ENOMEM;
	plan->nvisits = 0;
	for (int s = 0; s < plan->nscenarios; s++) {
		int blocks = scenario_blocks(plan, s);

		for (int b = 0; b < blocks; b++)
			add_block(plan, s, b, blocks, &state);
	}
	return 0;
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
