/* SPDX-License-Identifier: MIT */
/*
 * test_tuning.c - keys that are options of strategies: who gets them, how cases are named, and what
 * is refused.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "driver/planner.h"
#include "plan_util.h"

static char *words[] = { (char *)"host", NULL };
static const char *const warm_and_size[] = { "warm", "size", NULL };
static const char *const trim[] = { "trim", NULL };

/* Hosts of one's own, of which two have options. */
static const struct sm_foreign hosts[] = {
	{ .ops = { .size = sizeof(struct sm_ops), .name = "many", .options = warm_and_size },
	  .argv = words,
	  .path = "host" },
	{ .ops = { .size = sizeof(struct sm_ops),
		   .name = "one",
		   .traits = SM_AHEAD,
		   .options = trim },
	  .argv = words,
	  .path = "host" },
	{ .ops = { .size = sizeof(struct sm_ops), .name = "plain" },
	  .argv = words,
	  .path = "host" },
};

static struct sm_plan *make(const char *text, const char *const *set, int nhosts,
			    struct sm_error *error)
{
	return pu_make(text, set, hosts, nhosts, error);
}

static struct sm_plan *good(const char *text, const char *const *set, int nhosts)
{
	struct sm_error error = { "" };
	struct sm_plan *plan = make(text, set, nhosts, &error);

	if (!plan)
		fail_msg("%s", error.text);
	return plan;
}

static const struct sm_case *find(const struct sm_plan *plan, const char *name)
{
	for (int i = 0; i < plan->ncases; i++)
		if (strcmp(plan->cases[i].name, name) == 0)
			return &plan->cases[i];
	fail_msg("no case '%s'", name);
	return NULL;
}

static void check_options(const struct sm_plan *plan, const char *name, const char *options)
{
	const char *have = find(plan, name)->options;

	if (options)
		assert_string_equal(have ? have : "(none)", options);
	else
		assert_null(have);
}

/* Each strategy multiplies by the options that it has, and by no other. */
static void test_sweep(void **state)
{
	struct sm_plan *plan = good("[a]\nstrategy = many, one, plain\nwarm = no, yes\n"
				    "trim = default, yes\npool_size = 3\n",
				    NULL, 3);

	(void)state;
	assert_int_equal(plan->ncases, 5);
	check_options(plan, "x/many/none/warm=no/pool_size=3", "warm=no size=3");
	check_options(plan, "x/many/none/warm=yes/pool_size=3", "warm=yes size=3");
	check_options(plan, "x/one/none/trim=default", NULL);
	check_options(plan, "x/one/none/trim=yes", "trim=yes");
	check_options(plan, "x/plain/none", NULL);
	sm_plan_free(plan);
}

/* A value that is set is told, swept or not; a default is the strategy's own and says nothing. */
static void test_single_values(void **state)
{
	struct sm_plan *plan = good("[global]\nstrategy = many, plain\n[a]\nwarm = yes\n", NULL, 3);

	(void)state;
	assert_int_equal(plan->ncases, 3); /* 'one' joins as any --host */
	check_options(plan, "x/many/none/warm=yes", "warm=yes");
	check_options(plan, "x/plain/none", NULL);
	sm_plan_free(plan);
	plan = good("[a]\nstrategy = many\nwarm = default\n", NULL, 1);
	check_options(plan, "x/many/none", NULL);
	sm_plan_free(plan);
}

/* One floor serves all the variants of an image, and it has no option itself. */
static void test_floor(void **state)
{
	struct sm_plan *plan = good(
		"[a]\nstrategy = many, popen, plain, one\nwarm = no, yes\nfloor = yes\n", NULL, 3);

	(void)state;
	for (int i = 0; i < plan->ncases; i++) {
		const struct sm_case *c = &plan->cases[i];

		if (!c->is_floor)
			continue;
		assert_null(c->options);
		assert_int_equal(c->nparams, 0);
	}
	assert_int_equal(find(plan, "x/one/none")->floor, -1); /* no clone is in its span */
	assert_int_equal(find(plan, "x/many/none/warm=no")->floor,
			 find(plan, "x/many/none/warm=yes")->floor);
	sm_plan_free(plan);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *set, *message;
		int nhosts;
	} bad[] = {
		/* Named by file and line, with those that would have it. */
		{ "[a]\nstrategy = popen, vfork\nblocks = 2\nwarm = yes\n", NULL,
		  "scenarios/x.ini:4: key 'warm'", 0 },
		{ "[a]\nstrategy = noop\nwarm = no\n[b]\nstrategy = many, one, plain\n", NULL,
		  "scenarios/x.ini:3: key 'warm' is an option of pool, many", 3 },
		{ "[a]\nstrategy = many\nwarm = maybe\n", NULL,
		  "'maybe' is not valid; expected one of default, no, yes", 1 },
		{ "[a]\nstrategy = many\npool_size = 0\n", NULL,
		  "expected default, or a whole number in 1..256", 1 },
		{ "[a]\nstrategy = many\nwarm = yes, yes\n", NULL, "listed twice", 1 },
		{ "[a]\nstrategy = popen\n", "trim=yes", "--set: key 'trim'", 0 },
	};
	struct sm_error error;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		const char *set[] = { bad[i].set, NULL };

		memset(&error, 0, sizeof(error));
		assert_null(make(bad[i].text, set, bad[i].nhosts, &error));
		if (!strstr(error.text, bad[i].message))
			fail_msg("'%s' lacks '%s'", error.text, bad[i].message);
	}
}

/* What a file says to its own strategies does not stand in the way of --set strategy=... */
static void test_strategy_of_set(void **state)
{
	static const char *const set[] = { "strategy=popen", NULL };
	struct sm_plan *plan = good("[a]\nstrategy = zygote\nwarm = no, yes\n", set, 0);

	(void)state;
	assert_int_equal(plan->ncases, 1);
	check_options(plan, "x/popen/none", NULL);
	sm_plan_free(plan);
}

/* Rows hold together: an option has a default, and 0 stands for it. */
static void test_rows(void **state)
{
	int n = 0;

	(void)state;
	for (int k = 0; k < sm_key_count; k++) {
		const struct sm_key *key = &sm_keys[k];

		assert_int_equal(key->type == SM_KEY_OPTION, key->option != NULL);
		if (!key->option)
			continue;
		n++;
		assert_string_equal(key->fallback, "default");
		assert_true(key->words ? !strcmp(key->words[0], "default") : key->min >= 1);
		assert_true(key->flags & SM_KEY_SWEEP);
	}
	assert_int_equal(n, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),          cmocka_unit_test(test_sweep),
		cmocka_unit_test(test_single_values), cmocka_unit_test(test_floor),
		cmocka_unit_test(test_refused),       cmocka_unit_test(test_strategy_of_set),
	};

	return cmocka_run_group_tests(tests, pu_set_up, pu_tear_down);
}
