/* SPDX-License-Identifier: MIT */
/* conform_suite.c - the tables of this build, and the command that repeats a cell of them. */
#include <string.h>

#include "conform.h"

void sm_suite_builtin(struct sm_suite *suite)
{
	*suite = (struct sm_suite){
		.groups = sm_check_groups,
		.ngroups = sm_check_group_count,
		.expects = sm_expects,
		.nexpects = sm_expect_count,
		.strategies = sm_strategies,
		.nstrategies = sm_strategy_count,
		.features = sm_features,
		.probe = sm_feature_probe,
	};
}

const char *sm_suite_feature(const struct sm_suite *suite, int feature)
{
	const char *name =
		feature > SM_F_NONE && feature < SM_F_COUNT ? suite->features[feature].name : NULL;

	if (feature == SM_F_NONE) /* what a check finds missing by itself has its reason in words */
		return "machine";
	return name ? name : "unknown";
}

/* A word for a shell, as it is where that is enough. */
static const char *quoted(struct sm_arena *arena, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789%+,-./:=@_";
	size_t n = 3;
	char *text, *to;

	if (*word && strspn(word, plain) == strlen(word))
		return word;
	for (const char *c = word; *c; c++)
		n += *c == '\'' ? 4 : 1;
	text = to = sm_arena_alloc(arena, n, 1);
	if (!text)
		return NULL;
	*to++ = '\'';
	for (const char *c = word; *c; c++) {
		if (*c == '\'')
			to = stpcpy(to, "'\\''");
		else
			*to++ = *c;
	}
	*to++ = '\'';
	return text;
}

/* "^identity\\.ppid\\.parent$" */
static const char *pattern(struct sm_arena *arena, const char *id)
{
	char *text = sm_arena_alloc(arena, 2 * strlen(id) + 3, 1), *to = text;

	if (!text)
		return NULL;
	*to++ = '^';
	for (; *id; id++) {
		if (strchr("\\.[]{}()*+?^$|", *id))
			*to++ = '\\';
		*to++ = *id;
	}
	*to++ = '$';
	return text;
}

const char *sm_conform_repeat(const struct sm_conform_run *run, const struct sm_target *target,
			      const struct sm_check *check)
{
	const struct sm_conform_options *opt = run->opt;
	struct sm_arena *a = run->arena;
	const char *program = opt->argv && opt->argv[0] ? opt->argv[0] : "build/spawnmark";
	const char *only = pattern(a, check->id), *host = "", *seed = "", *text;

	if (target->command)
		host = sm_arena_printf(a, "%s=%s", target->name, target->command);
	if (target->command && host)
		host = quoted(a, host);
	if (target->command && host)
		host = sm_arena_printf(a, " --host %s", host);
	if (opt->seed)
		seed = sm_arena_printf(a, " --seed %llu", (unsigned long long)opt->seed);
	program = quoted(a, program);
	if (!only || !host || !seed || !program)
		return "";
	text = sm_arena_printf(a, "%s conform%s --strategy %s --only '%s'%s%s", program, host,
			       target->name, only, seed, opt->thorough ? " --long" : "");
	return text ? text : "";
}
