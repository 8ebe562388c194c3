/* SPDX-License-Identifier: MIT */
/* conform_select.c - which checks are asked of whom, by the command line; see conform.h. */
#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conform.h"
#include "foreign.h"
#include "suggest.h"

static const char *const levels[] = { "must", "should", "record", NULL };

/* ---- targets ---- */

static const char *target_words(const void *set, int i)
{
	const struct sm_conform_run *run = set;

	return i < run->ntargets ? run->targets[i].name : NULL;
}

static struct sm_target *find_target(const struct sm_conform_run *run, const char *name, size_t n)
{
	for (int i = 0; i < run->ntargets; i++)
		if (!strncmp(run->targets[i].name, name, n) && !run->targets[i].name[n])
			return &run->targets[i];
	return NULL;
}

static int add_host(struct sm_conform_run *run, const char *text, struct sm_error *error)
{
	struct sm_foreign *f = sm_arena_alloc(run->arena, 1, sizeof(*f));
	int err = f ? sm_foreign_parse(f, run->arena, text, error) : -ENOMEM;

	if (err)
		return err;
	if (find_target(run, f->ops.name, strlen(f->ops.name)))
		return sm_refuse(error, -EINVAL, "--host '%s' is the name of another strategy",
				 f->ops.name);
	run->targets[run->ntargets++] = (struct sm_target){
		.name = f->ops.name, .summary = f->ops.summary, .command = f->command, .foreign = f
	};
	return 0;
}

static int keep_named(struct sm_conform_run *run, bool *keep, struct sm_error *error)
{
	const char *at = run->opt->strategies;

	while (at && *at) {
		size_t n = strcspn(at, ",");
		struct sm_target *t = find_target(run, at, n);
		char word[64], hint[400];

		snprintf(word, sizeof(word), "%.*s", (int)n, at);
		if (n && !t)
			return sm_refuse(error, -EINVAL, "no strategy '%s'%s", word,
					 sm_hint(hint, sizeof(hint), word, target_words, run));
		if (t)
			keep[t - run->targets] = true;
		at += n + (at[n] == ',');
	}
	return 0;
}

static int select_targets(struct sm_conform_run *run, struct sm_error *error)
{
	const struct sm_suite *suite = run->suite;
	size_t room = suite->nstrategies + 1;
	int err = 0, n = 0;
	bool *keep;

	for (const char *const *h = run->opt->hosts; h && *h; h++)
		room++;
	run->targets = sm_arena_alloc(run->arena, room, sizeof(*run->targets));
	keep = sm_arena_alloc(run->arena, room, sizeof(*keep));
	if (!run->targets || !keep)
		return -ENOMEM;
	for (unsigned int i = 0; i < suite->nstrategies; i++)
		run->targets[run->ntargets++] =
			(struct sm_target){ .name = suite->strategies[i]->name,
					    .summary = suite->strategies[i]->summary,
					    .traits = suite->strategies[i]->traits };
	for (const char *const *h = run->opt->hosts; !err && h && *h; h++)
		err = add_host(run, *h, error);
	if (!err)
		err = keep_named(run, keep, error);
	for (int i = 0; i < run->ntargets; i++)
		if (run->opt->strategies ? keep[i] : !(run->targets[i].traits & SM_METER))
			run->targets[n++] = run->targets[i];
	run->ntargets = n;
	if (!err && !n)
		return sm_refuse(error, -EINVAL, "--strategy '%s' names none",
				 run->opt->strategies);
	return err;
}

/* ---- rows ---- */

static const char *group_words(const void *set, int i)
{
	const struct sm_suite *suite = set;

	return i < (int)suite->ngroups ? suite->groups[i]->name : NULL;
}

static int check_groups(const struct sm_conform_run *run, struct sm_error *error)
{
	char hint[400];

	for (const char *const *g = run->opt->groups; g && *g; g++) {
		unsigned int i = 0;

		while (i < run->suite->ngroups && strcmp(run->suite->groups[i]->name, *g) != 0)
			i++;
		if (i == run->suite->ngroups)
			return sm_refuse(error, -EINVAL, "no group '%.60s'%s", *g,
					 sm_hint(hint, sizeof(hint), *g, group_words, run->suite));
	}
	return 0;
}

static int weakest_level(const struct sm_conform_run *run, int *level, struct sm_error *error)
{
	char hint[120];

	*level = SM_RECORD;
	if (!run->opt->level)
		return 0;
	for (*level = 0; levels[*level]; ++*level)
		if (!strcasecmp(levels[*level], run->opt->level))
			return 0;
	return sm_refuse(error, -EINVAL, "no level '%.60s'%s", run->opt->level,
			 sm_hint(hint, sizeof(hint), run->opt->level, sm_words_array, levels));
}

static bool in_groups(const struct sm_conform_run *run, const char *name)
{
	const char *const *g = run->opt->groups;

	if (!g || !*g)
		return true;
	while (*g && strcmp(*g, name) != 0)
		g++;
	return *g;
}

static const char *id_words(const void *set, int i)
{
	const struct sm_suite *suite = set;

	/* Some ids say how ids look; `list checks` has the rest. */
	return i < 4 && i < (int)suite->ngroups && suite->groups[i]->count
		       ? suite->groups[i]->checks[0].id
		       : NULL;
}

static int nothing_left(const struct sm_conform_run *run, unsigned int total,
			struct sm_error *error)
{
	char ids[300];

	if (run->opt->only)
		return sm_refuse(error, -EINVAL,
				 "--only '%.100s' matches none of %u checks%s; ids look like %s",
				 run->opt->only, total,
				 run->opt->level || run->opt->groups ? " of that level and group"
								     : "",
				 sm_join(ids, sizeof(ids), id_words, run->suite));
	return sm_refuse(error, -EINVAL, "no check is of that level and group");
}

static void select_group(struct sm_conform_run *run, const struct sm_check_group *group,
			 const regex_t *only, int level)
{
	for (unsigned int i = 0; i < group->count; i++) {
		const struct sm_check *check = &group->checks[i];

		if ((int)check->level > level)
			continue;
		if (only && regexec(only, check->id, 0, NULL, 0) &&
		    regexec(only, check->row, 0, NULL, 0))
			continue;
		run->rows[run->nrows++] = (struct sm_row){ check, group };
	}
}

static int select_rows(struct sm_conform_run *run, struct sm_error *error)
{
	const struct sm_suite *suite = run->suite;
	const char *only = run->opt->only;
	unsigned int total = 0;
	int level, err;
	regex_t regex;
	char why[120];

	err = weakest_level(run, &level, error);
	if (!err)
		err = check_groups(run, error);
	if (err)
		return err;
	for (unsigned int i = 0; i < suite->ngroups; i++)
		total += suite->groups[i]->count;
	run->rows = sm_arena_alloc(run->arena, total + 1, sizeof(*run->rows));
	if (!run->rows)
		return -ENOMEM;
	err = only ? regcomp(&regex, only, REG_EXTENDED | REG_NOSUB) : 0;
	if (err) {
		regerror(err, &regex, why, sizeof(why));
		return sm_refuse(error, -EINVAL,
				 "--only '%.100s' is no extended regular expression: %s", only,
				 why);
	}
	for (unsigned int i = 0; i < suite->ngroups; i++)
		if (in_groups(run, suite->groups[i]->name))
			select_group(run, suite->groups[i], only ? &regex : NULL, level);
	if (only)
		regfree(&regex);
	return run->nrows ? 0 : nothing_left(run, total, error);
}

int sm_conform_select(struct sm_conform_run *run, struct sm_error *error)
{
	int err;

	run->rounds = run->opt->repeat > 0 ? run->opt->repeat : 1;
	run->arena = sm_arena_new();
	if (!run->arena)
		return -ENOMEM;
	err = select_targets(run, error);
	if (!err)
		err = select_rows(run, error);
	if (err)
		return err;
	run->cells =
		sm_arena_alloc(run->arena,
			       (size_t)run->rounds * (size_t)run->ntargets * (size_t)run->nrows,
			       sizeof(*run->cells));
	return run->cells ? 0 : -ENOMEM;
}

struct sm_conform_cell *sm_conform_at(const struct sm_conform_run *run, int round, int target,
				      int row)
{
	return &run->cells[((size_t)round * (size_t)run->ntargets + (size_t)target) *
				   (size_t)run->nrows +
			   (size_t)row];
}
