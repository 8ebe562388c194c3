/* SPDX-License-Identifier: MIT */
/*
 * floor.c - the floors: a raw clone of the very image that a case clones.
 *
 * Servers clone the payload's image, fork the payload's with the parent's ballast, popen and vfork
 * the parent's, which has loaded no payload but carries its ballast. An image also has an age: its
 * first clones cost more than later ones. So a floor makes exactly as many spawns as its case, as
 * often, in the same blocks, where it is compared; cases that agree in all of that share one.
 */
#include <errno.h>
#include <string.h>

#include "planner.h"

static bool same_argv(char *const *a, char *const *b)
{
	while (*a && *b && strcmp(*a, *b) == 0) {
		a++;
		b++;
	}
	return !*a && !*b;
}

static bool same_floor(const struct sm_case *a, const struct sm_case *b)
{
	return a->iscenario == b->iscenario && a->kind == b->kind && a->ops == b->ops &&
	       a->pin == b->pin && a->blocks == b->blocks && a->samples == b->samples &&
	       a->warmup == b->warmup && a->ballast_mb == b->ballast_mb &&
	       a->ballast_vmas == b->ballast_vmas && a->ballast_fds == b->ballast_fds &&
	       a->ballast_threads == b->ballast_threads && same_argv(a->argv, b->argv);
}

/* Keeps the parameters that the floor's image depends on. */
static void keep_params(struct sm_case *floor, bool parent, bool server)
{
	int n = 0;

	for (int i = 0; i < floor->nparams; i++) {
		const char *key = floor->params[i].key;
		const struct sm_key *row = &sm_keys[sm_key_find(key)];

		if (strcmp(key, "target") == 0 || strcmp(key, "sandbox") == 0 ||
		    (row->flags & SM_KEY_PLANT) || row->option ||
		    (parent && strncmp(key, "heap_", 5) == 0) ||
		    (server && strncmp(key, "ballast_", 8) == 0))
			continue;
		floor->params[n++] = floor->params[i];
	}
	floor->nparams = n;
}

static int describe(struct sm_planner *p, const struct sm_case *c, struct sm_case *floor)
{
	bool parent = c->ops->traits & SM_FRESH_IMAGE;
	bool server = c->ops->traits & SM_OWN_SERVER;

	*floor = *c;
	floor->ops = sm_strategy("raw");
	floor->want_floor = false;
	floor->is_floor = true;
	floor->target = NULL;
	floor->sandbox = "none"; /* what the layers cost is not the image's */
	floor->layers = 0;
	floor->options = NULL;
	floor->audit = 0;
	floor->delay_ns = floor->spin = 0;
	keep_params(floor, parent, server);
	if (server) /* the floor's host stands for the server, which has none of the parent's */
		floor->ballast_mb = floor->ballast_vmas = floor->ballast_fds =
			floor->ballast_threads = 0;
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
	return 0;
}

/* No clone is in a span of these. */
#define WITHOUT (SM_METER | SM_AHEAD | SM_REUSES_PROCESS)

int sm_floors_add(struct sm_planner *p)
{
	struct sm_plan *plan = p->plan;
	int n = plan->ncases;

	for (int i = 0; i < n; i++) {
		struct sm_case floor, *new;
		int j = 0;

		if (!plan->cases[i].want_floor || (plan->cases[i].ops->traits & WITHOUT))
			continue;
		if (describe(p, &plan->cases[i], &floor))
			return -ENOMEM;
		while (j < plan->ncases && !same_floor(&plan->cases[j], &floor))
			j++;
		if (j == plan->ncases) {
			new = sm_planner_add(p);
			if (!new)
				return -ENOMEM;
			*new = floor;
		}
		plan->cases[i].floor = j;
	}
	return 0;
}
