/* SPDX-License-Identifier: MIT */
/*
 * plan.c - from scenario names to a complete plan; see plan.h.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "planner.h"

struct sm_case *sm_planner_add(struct sm_planner *p)
{
	struct sm_plan *plan = p->plan;

	if (plan->ncases == p->capacity) {
		int capacity = p->capacity ? 2 * p->capacity : 64;
		struct sm_case *cases =
			sm_arena_alloc(plan->arena, (size_t)capacity, sizeof(*cases));

		if (!cases)
			return NULL;
		if (plan->ncases)
			memcpy(cases, plan->cases, (size_t)plan->ncases * sizeof(*cases));
		plan->cases = cases;
		p->capacity = capacity;
	}
	return &plan->cases[plan->ncases++];
}

static int refuse_twin(struct sm_planner *p, int i)
{
	struct sm_scenario *scenarios = p->plan->scenarios;

	for (int j = 0; j < i; j++) {
		if (strcmp(scenarios[i].name, scenarios[j].name))
			continue;
		snprintf(p->error->text, sizeof(p->error->text),
			 "scenario '%s' is named twice (%s, %s)", scenarios[i].name,
			 scenarios[j].file, scenarios[i].file);
		return -EINVAL;
	}
	return 0;
}

/*
 * Strategies of --host join what a section compares, unless --set says what that is. A section of
 * meters compares none; one of targets is about execs alone, one of sandboxes about those that heed
 * them.
 */
static int join(struct sm_planner *p, struct sm_section *section)
{
	struct sm_value *value = &section->values[sm_key_find("strategy")];
	const struct sm_value *target = &section->values[sm_key_find("target")];
	const struct sm_value *sandbox = &section->values[sm_key_find("sandbox")];
	bool ways = false, targets = target->list.n > 1, sandboxed = false;

	for (int i = 0; i < value->list.n; i++)
		ways = ways || !(sm_value_strategy(value, i)->traits & SM_METER);
	for (int i = 0; i < sandbox->list.n; i++)
		sandboxed = sandboxed || sandbox->list.v[i];
	for (int i = 0; ways && i < p->known.nforeign; i++) {
		const struct sm_ops *ops = &p->known.foreign[i].ops;

		if ((targets && !(ops->traits & SM_FRESH_IMAGE)) ||
		    (sandboxed && !(ops->traits & SM_SANDBOXES)))
			continue;
		if (sm_value_add_strategy(value, ops))
			return sm_bad(p->error, value->at, "more than %d strategies with --host",
				      SM_LIST_MAX);
	}
	return 0;
}

/* A host that no case would use is a mistake as well. */
static int check_hosts(const struct sm_planner *p)
{
	for (int i = 0; i < p->known.nforeign; i++) {
		const struct sm_ops *ops = &p->known.foreign[i].ops;
		int k = 0;

		while (k < p->plan->ncases && p->plan->cases[k].ops != ops)
			k++;
		if (k < p->plan->ncases)
			continue;
		snprintf(
			p->error->text, sizeof(p->error->text),
			"--host %s: no case of this run is of it; name it in --set strategy=..., or "
			"leave that out",
			ops->name);
		return -EINVAL;
	}
	return 0;
}

static int add_scenario(struct sm_planner *p, const struct sm_section *settings, int i)
{
	const struct sm_plan_options *opt = p->opt;
	struct sm_scenario_file *file;
	int err = sm_scenario_load(&file, p->plan->arena, p->root, opt->names[i], &p->known,
				   p->error);

	if (err)
		return err;
	p->plan->scenarios[i] = (struct sm_scenario){ .name = (char *)file->name,
						      .file = (char *)file->file,
						      .text = (char *)file->text };
	err = refuse_twin(p, i);
	for (int s = 0; !err && s < file->nsections; s++) {
		/* The plan's cases point into it. */
		struct sm_section *section = sm_arena_alloc(p->plan->arena, 1, sizeof(*section));

		if (!section)
			return -ENOMEM;
		if (!sm_section_is_family(file->sections[s]))
			continue;
		err = sm_section_resolve(section, file, file->sections[s], settings, opt->quick,
					 &p->known, p->error);
		if (!err && !settings->values[sm_key_find("strategy")].given)
			err = join(p, section);
		if (!err)
			err = sm_expand_section(p, file, i, file->sections[s], section);
	}
	return err;
}

/* A setting that changes nothing is a mistake. */
static int check_settings(struct sm_planner *p, const struct sm_section *settings)
{
	for (int k = 0; k < sm_key_count; k++) {
		if (!settings->values[k].given || p->meaningful[k])
			continue;
		if (sm_keys[k].option)
			return sm_options_refuse(p, &sm_keys[k], &settings->values[k]);
		return sm_bad(p->error, settings->at,
			      "key '%s' means nothing in any section of this run: it is "
			      "for another kind or payload",
			      sm_keys[k].name);
	}
	return 0;
}

static int set_seed_and_budget(struct sm_planner *p)
{
	struct sm_plan *plan = p->plan;
	uint32_t fresh = 0;

	plan->seed = p->opt->seed;
	for (int i = 0; i < plan->ncases; i++) {
		if (!plan->seed)
			plan->seed = (uint64_t)plan->cases[i].own_seed;
		if (plan->cases[i].budget_ms > plan->budget_ms)
			plan->budget_ms = plan->cases[i].budget_ms;
	}
	if (plan->budget_ms && plan->nscenarios > 1) {
		snprintf(p->error->text, sizeof(p->error->text),
			 "a scenario with the key 'budget' must run alone");
		return -EINVAL;
	}
	if (!plan->seed) {
		/* Short enough to be typed again; never the 0 that means "a fresh one". */
		if (getrandom(&fresh, sizeof(fresh), 0) != sizeof(fresh))
			return -errno;
		plan->seed = fresh % 1000000 + 1;
	}
	for (int i = 0; i < plan->ncases; i++)
		plan->cases[i].seed = plan->seed;
	return 0;
}

/* The meters of noise read a clock that stands still while the host is busy. */
static void never_noisy(struct sm_case *c)
{
	c->noise_steal = c->noise_others = c->noise_psi = c->noise_clock = 0;
	c->reruns = c->rerun_share = 0;
}

static int fill(struct sm_planner *p)
{
	struct sm_section settings;
	int err = sm_settings_parse(&settings, p->plan->arena, p->opt->set, &p->known, p->error);

	for (int i = 0; !err && i < p->plan->nscenarios; i++)
		err = add_scenario(p, &settings, i);
	if (!err)
		err = check_settings(p, &settings);
	if (!err)
		err = check_hosts(p);
	if (!err)
		err = sm_floors_add(p);
	p->plan->nall = p->plan->ncases;
	for (int i = 0; i < p->plan->ncases; i++) {
		p->plan->cases[i].ordinal = i;
		p->plan->cases[i].env = p->opt->env;
		if (p->plan->clock == SM_CLOCK_ICOUNT)
			never_noisy(&p->plan->cases[i]);
	}
	if (!err)
		err = sm_names_make(p);
	if (!err)
		err = sm_cases_select(p);
	if (!err)
		err = set_seed_and_budget(p);
	return err ? err : sm_order_make(p->plan);
}

static int prepare(struct sm_planner *p)
{
	const struct sm_plan_options *opt = p->opt;
	struct sm_plan *plan = p->plan;
	char real[PATH_MAX];

	plan->quick = opt->quick;
	plan->clock = opt->clock;
	p->known = (struct sm_known){ opt->ncpus, opt->foreign, opt->nforeign };
	while (opt->names && opt->names[plan->nscenarios])
		plan->nscenarios++;
	if (!plan->nscenarios) {
		snprintf(p->error->text, sizeof(p->error->text), "no scenario is named");
		return -EINVAL;
	}
	plan->scenarios =
		sm_arena_alloc(plan->arena, (size_t)plan->nscenarios, sizeof(*plan->scenarios));
	p->root = sm_arena_copy(plan->arena, realpath(opt->root, real) ? real : opt->root);
	p->payloads = opt->payloads && realpath(opt->payloads, real)
			      ? sm_arena_copy(plan->arena, real)
			      : p->root;
	if (!plan->scenarios || !p->root || !p->payloads)
		return -ENOMEM;
	p->build = opt->build && realpath(opt->build, real)
			   ? sm_arena_copy(plan->arena, real)
			   : sm_arena_printf(plan->arena, "%s/build", p->root);
	return p->build ? 0 : -ENOMEM;
}

int sm_plan_make(struct sm_plan **out, const struct sm_plan_options *opt, struct sm_error *error)
{
	struct sm_arena *arena = sm_arena_new();
	struct sm_planner p = { .opt = opt, .error = error };
	int err = -ENOMEM;

	*out = NULL;
	error->text[0] = '\0';
	p.plan = arena ? sm_arena_alloc(arena, 1, sizeof(*p.plan)) : NULL;
	if (p.plan) {
		p.plan->arena = arena;
		err = prepare(&p);
	}
	if (!err)
		err = fill(&p);
	if (err) {
		if (!error->text[0])
			snprintf(error->text, sizeof(error->text), "cannot plan: %s",
				 strerror(-err));
		sm_arena_free(arena);
		return err;
	}
	*out = p.plan;
	return 0;
}

void sm_plan_free(struct sm_plan *plan)
{
	if (!plan)
		return;
	sm_plan_free(plan->base);
	sm_arena_free(plan->arena);
}
