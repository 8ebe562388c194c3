/* SPDX-License-Identifier: MIT */
/*
 * floor.c - the floors: a raw clone of the very image that a case clones.
 *
 * Servers and fork clone the payload's image, popen and vfork the parent's, which has loaded no
 * payload but carries its ballast. Cases with the same image share one floor.
 */
#include <errno.h>
#include <string.h>

#include "planner.h"

/* A raw clone is cheap: take enough of them, however few samples its neighbours can afford. */
#define FLOOR_SAMPLES 10
#define FLOOR_WARMUP  1

static bool same_argv(char *const *a, char *const *b)
{
	while (*a && *b && strcmp(*a, *b) == 0) {
		a++;
		b++;
	}
	return !*a && !*b;
}

static bool same_image(const struct sm_case *a, const struct sm_case *b)
{
	return a->iscenario == b->iscenario && a->kind == b->kind && a->ops == b->ops &&
	       a->pin == b->pin && a->ballast_mb == b->ballast_mb &&
	       a->ballast_vmas == b->ballast_vmas && a->ballast_fds == b->ballast_fds &&
	       same_argv(a->argv, b->argv);
}

/* Keeps the parameters that the floor's image depends on. */
static void keep_params(struct sm_case *floor, bool parent)
{
	int n = 0;

	for (int i = 0; i < floor->nparams; i++) {
		const char *key = floor->params[i].key;

		if (strcmp(key, "target") == 0 || (parent && strncmp(key, "heap_", 5) == 0))
			continue;
		floor->params[n++] = floor->params[i];
	}
	floor->nparams = n;
}

static int describe(struct sm_planner *p, const struct sm_case *c, struct sm_case *floor)
{
	bool parent = c->ops->traits & SM_FRESH_IMAGE;

	*floor = *c;
	floor->ops = sm_strategy("raw");
	floor->want_floor = false;
	floor->target = NULL;
	floor->audit = 0;
	keep_params(floor, parent);
	if (parent) {
		floor->payload = "none";
		floor->label = "none";
		floor->imports = floor->preamble = floor->work = floor->check = "";
		floor->interpreter = "";
		floor->argv = sm_command_none(p, NULL);
		if (!floor->argv)
			return -ENOMEM;
	}
	floor->host_argv = floor->argv;
	if (floor->samples < FLOOR_SAMPLES)
		floor->samples = FLOOR_SAMPLES;
	if (floor->warmup < FLOOR_WARMUP)
		floor->warmup = FLOOR_WARMUP;
	return 0;
}

static void at_least(int *v, int least)
{
	if (*v < least)
		*v = least;
}

int sm_floors_add(struct sm_planner *p)
{
	struct sm_plan *plan = p->plan;
	int n = plan->ncases;

	for (int i = 0; i < n; i++) {
		struct sm_case floor, *new;
		int j = 0;

		if (!plan->cases[i].want_floor || (plan->cases[i].ops->traits & SM_METER))
			continue;
		if (describe(p, &plan->cases[i], &floor))
			return -ENOMEM;
		while (j < plan->ncases && !same_image(&plan->cases[j], &floor))
			j++;
		if (j == plan->ncases) {
			new = sm_planner_add(p);
			if (!new)
				return -ENOMEM;
			*new = floor;
		}
		at_least(&plan->cases[j].blocks, floor.blocks);
		at_least(&plan->cases[j].samples, floor.samples);
		at_least(&plan->cases[j].warmup, floor.warmup);
		plan->cases[i].floor = j;
	}
	return 0;
}
