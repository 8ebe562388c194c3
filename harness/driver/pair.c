/* SPDX-License-Identifier: MIT */
/*
 * pair.c - two plans of the same scenarios become one, whose cases are pairs; see plan.h.
 *
 * Two runs, one after the other, differ by what the machine did meanwhile. Here base and new are
 * neighbours in every block, so that it falls on both alike.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "planner.h"
#include "suggest.h"

static const struct sm_case *find(const struct sm_plan *base, int ordinal)
{
	for (int i = 0; i < base->ncases; i++)
		if (base->cases[i].ordinal == ordinal)
			return &base->cases[i];
	return NULL;
}

/* What makes two cases the same question; what they are made of may differ. */
static int check_partners(const struct sm_case *c, const struct sm_case *b, struct sm_error *error)
{
	if (!b || b->iscenario != c->iscenario || b->is_floor != c->is_floor ||
	    strcmp(b->section, c->section) != 0)
		return sm_refuse(
			error, -EINVAL,
			"--baseline: %s has no partner: sweeps must have as many values on "
			"both sides",
			c->name);
	if (c->kind == SM_KIND_ISOLATION)
		return sm_refuse(
			error, -EINVAL,
			"--baseline: %s: kind = isolation has no pairs: it asks yes or no, and "
			"answers in a run of its own",
			c->name);
	if (b->kind != c->kind)
		return sm_refuse(error, -EINVAL,
				 "--baseline: %s is of another kind on the base side", c->name);
	if (b->blocks != c->blocks)
		return sm_refuse(
			error, -EINVAL,
			"--baseline: %s has %d blocks, and %d on the base side; a pair has as "
			"many on both",
			c->name, c->blocks, b->blocks);
	return 0;
}

static int add_partner(struct sm_plan *plan, int i, const struct sm_case *b)
{
	struct sm_case *c = &plan->cases[i], *to = &plan->cases[i + plan->ncases];

	*to = *b;
	to->name = sm_arena_printf(plan->arena, "%s@base", c->name);
	to->seed = c->seed;
	to->side = SM_SIDE_BASE;
	to->partner = i;
	to->floor = c->floor < 0 ? -1 : c->floor + plan->ncases;
	c->side = SM_SIDE_NEW;
	c->partner = i + plan->ncases;
	return to->name ? 0 : -ENOMEM;
}

static int join(struct sm_plan *plan, const struct sm_plan *base, struct sm_error *error)
{
	struct sm_case *both = sm_arena_alloc(plan->arena, 2 * (size_t)plan->ncases, sizeof(*both));
	int err = both ? 0 : -ENOMEM;

	if (!err && base->ncases != plan->nall)
		return sm_refuse(error, -EINVAL,
				 "--baseline: the base side has %d cases, and the other %d: sweeps "
				 "must have as many values on both sides",
				 base->ncases, plan->nall);
	if (!err) {
		memcpy(both, plan->cases, (size_t)plan->ncases * sizeof(*both));
		plan->cases = both;
	}
	for (int i = 0; !err && i < plan->ncases; i++) {
		const struct sm_case *b = find(base, plan->cases[i].ordinal);

		err = check_partners(&plan->cases[i], b, error);
		if (!err)
			err = add_partner(plan, i, b);
	}
	plan->ncases *= 2;
	return err ? err : sm_order_make(plan);
}

static int fail(struct sm_plan *plan, int err, struct sm_error *error)
{
	if (!error->text[0])
		snprintf(error->text, sizeof(error->text), "cannot plan: %s", strerror(-err));
	sm_plan_free(plan);
	return err;
}

int sm_plan_make_pair(struct sm_plan **out, const struct sm_plan_options *opt,
		      const struct sm_plan_options *base, const struct sm_baseline *baseline,
		      struct sm_error *error)
{
	struct sm_plan_options other = *base;
	struct sm_plan *plan = NULL;
	struct sm_error why;
	int err = sm_plan_make(&plan, opt, error);

	*out = NULL;
	if (err)
		return err;
	other.names = opt->names;
	other.only = NULL; /* its names may differ: the other side has chosen */
	other.quick = opt->quick;
	other.clock = opt->clock;
	other.seed = plan->seed;
	err = sm_plan_make(&plan->base, &other, &why);
	if (err) {
		snprintf(error->text, sizeof(error->text), "base side: %.480s", why.text);
		return fail(plan, err, error);
	}
	plan->baseline = baseline;
	err = join(plan, plan->base, error);
	if (err)
		return fail(plan, err, error);
	*out = plan;
	return 0;
}
