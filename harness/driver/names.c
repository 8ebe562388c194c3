/* SPDX-License-Identifier: MIT */
/*
 * names.c - names of cases, and the choice among them by --only.
 */
#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>

#include "planner.h"

#define NAME_MAX_LEN 400

static int make_name(struct sm_planner *p, struct sm_case *c)
{
	const char *slash = strrchr(c->payload, '/');
	char text[NAME_MAX_LEN];
	int n = snprintf(text, sizeof(text), "%s/%s/%s", c->scenario, c->ops->name,
			 slash ? slash + 1 : c->payload);

	for (int i = 0; i < c->nparams && n > 0 && (size_t)n < sizeof(text); i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "/%s=%s", c->params[i].key,
			      c->params[i].value);
	c->name = sm_arena_copy(p->plan->arena, text);
	return c->name ? 0 : -ENOMEM;
}

static int add_param(struct sm_planner *p, struct sm_case *c, const char *key, const char *value)
{
	struct sm_param *param = &c->params[c->nparams];

	if (c->nparams == SM_PARAMS_MAX) {
		snprintf(p->error->text, sizeof(p->error->text),
			 "sections of scenario '%s' both make the case '%s'", c->scenario, c->name);
		return -EINVAL;
	}
	param->key = key;
	snprintf(param->value, sizeof(param->value), "%s", value);
	c->nparams++;
	return make_name(p, c);
}

/* All cases of a section are named alike: with its name, when one of them needs it. */
static void spread(const struct sm_plan *plan, bool *twin)
{
	for (int i = 0; i < plan->ncases; i++) {
		for (int j = 0; twin[i] && j < plan->ncases; j++) {
			const struct sm_case *a = &plan->cases[i];
			const struct sm_case *b = &plan->cases[j];

			if (!a->is_floor && !b->is_floor && a->iscenario == b->iscenario &&
			    strcmp(a->section, b->section) == 0)
				twin[j] = true;
		}
	}
}

/* Marks cases whose names are another's too; of a floor and a written case, the floor alone. */
static bool find_twins(const struct sm_plan *plan, bool *twin)
{
	bool any = false;

	for (int i = 0; i < plan->ncases; i++) {
		const struct sm_case *a = &plan->cases[i];

		twin[i] = false;
		for (int j = 0; j < plan->ncases; j++) {
			const struct sm_case *b = &plan->cases[j];

			if (j != i && (a->is_floor || !b->is_floor) && !strcmp(a->name, b->name))
				twin[i] = any = true;
		}
	}
	return any;
}

/*
 * Sections tell twins apart. Floors of one section may remain, of strategies that exec and of
 * others: those differ in their counts.
 */
static int tell_apart(struct sm_planner *p, bool *twin)
{
	static const char *const by[] = { "section", "samples", "warmup" };
	struct sm_plan *plan = p->plan;
	char count[24];
	int err = 0;

	for (size_t k = 0; k < sizeof(by) / sizeof(*by) && find_twins(plan, twin); k++) {
		spread(plan, twin);
		for (int i = 0; !err && i < plan->ncases; i++) {
			struct sm_case *c = &plan->cases[i];

			snprintf(count, sizeof(count), "%d", k == 1 ? c->samples : c->warmup);
			if (twin[i])
				err = add_param(p, c, by[k], k ? count : c->section);
		}
	}
	return err;
}

int sm_names_make(struct sm_planner *p)
{
	struct sm_plan *plan = p->plan;
	bool *twin = sm_arena_alloc(plan->arena, (size_t)plan->ncases, sizeof(*twin));
	int err = twin ? 0 : -ENOMEM;

	for (int i = 0; !err && i < plan->ncases; i++)
		err = make_name(p, &plan->cases[i]);
	return err ? err : tell_apart(p, twin);
}

static const char *case_words(const void *set, int i)
{
	const struct sm_plan *plan = set;

	/* Some names say how names look; the rest is for `list`. */
	return i < plan->ncases && i < 4 ? plan->cases[i].name : NULL;
}

static int nothing_matches(struct sm_planner *p)
{
	char names[300];

	snprintf(p->error->text, sizeof(p->error->text),
		 "--only '%s' matches none of %d cases; their names look like %s", p->opt->only,
		 p->plan->ncases, sm_join(names, sizeof(names), case_words, p->plan));
	return -EINVAL;
}

/* Moves the cases that are kept together and renumbers the links to floors. */
static void compact(struct sm_plan *plan, const bool *keep, int *moved)
{
	int n = 0;

	for (int i = 0; i < plan->ncases; i++) {
		moved[i] = n;
		if (keep[i])
			plan->cases[n++] = plan->cases[i];
	}
	plan->ncases = n;
	for (int i = 0; i < n; i++) {
		if (plan->cases[i].floor >= 0)
			plan->cases[i].floor = moved[plan->cases[i].floor];
	}
}

int sm_cases_select(struct sm_planner *p)
{
	struct sm_plan *plan = p->plan;
	size_t n = (size_t)plan->ncases;
	bool *keep = sm_arena_alloc(plan->arena, n, sizeof(*keep));
	int *moved = sm_arena_alloc(plan->arena, n, sizeof(*moved));
	bool any = false;
	regex_t regex;
	char why[120];
	int err;

	if (!p->opt->only)
		return 0;
	if (!keep || !moved)
		return -ENOMEM;
	err = regcomp(&regex, p->opt->only, REG_EXTENDED | REG_NOSUB);
	if (err) {
		regerror(err, &regex, why, sizeof(why));
		snprintf(p->error->text, sizeof(p->error->text),
			 "--only '%s' is no extended regular expression: %s", p->opt->only, why);
		return -EINVAL;
	}
	for (int i = 0; i < plan->ncases; i++) {
		if (regexec(&regex, plan->cases[i].name, 0, NULL, 0))
			continue;
		keep[i] = any = true;
		if (plan->cases[i].floor >= 0)
			keep[plan->cases[i].floor] = true;
	}
	regfree(&regex);
	if (!any)
		return nothing_matches(p);
	compact(plan, keep, moved);
	return 0;
}
