/* SPDX-License-Identifier: MIT */
/* test_pair.c - the plan of a run of pairs (--baseline), and the delay that is planted in one side. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plan_util.h"

static const char two[] =
	"[a]\nstrategy = popen, zygote3\npayload = none\nblocks = 8\nfloor = yes\n";

static const struct sm_case *named(const struct sm_plan *plan, const char *name)
{
	for (int i = 0; i < plan->ncases; i++)
		if (!strcmp(plan->cases[i].name, name))
			return &plan->cases[i];
	fail_msg("no case %s", name);
	return NULL;
}

static struct sm_plan *pair(const char *text, const char *only, const char *const *set,
			    const char *const *base_set)
{
	struct sm_error error;
	struct sm_plan *plan = pu_make_pair(text, only, set, base_set, &error);

	if (!plan)
		fail_msg("%s", error.text);
	return plan;
}

static void test_partners(void **state)
{
	static const char *const base_set[] = { "collapse=no", NULL };
	struct sm_plan *plan = pair(two, NULL, NULL, base_set);
	const struct sm_case *base = named(plan, "x/zygote3/none@base");
	const struct sm_case *new = named(plan, "x/zygote3/none");

	(void)state;
	assert_int_equal(plan->ncases, 6); /* two cases and their one floor, both sides */
	assert_string_equal(plan->baseline->command, "/base");
	assert_int_equal(base->side, SM_SIDE_BASE);
	assert_int_equal(new->side, SM_SIDE_NEW);
	assert_ptr_equal(&plan->cases[new->partner], base);
	assert_ptr_equal(&plan->cases[base->partner], new);
	assert_string_equal(base->options, "collapse=no");
	assert_null(new->options);
	assert_int_equal(base->nparams, 1); /* what it was, it tells; its name is its partner's */
	for (int i = 0; i < plan->ncases; i++) {
		const struct sm_case *c = &plan->cases[i], *p = &plan->cases[c->partner];

		assert_int_equal(c->floor < 0, p->floor < 0);
		if (c->floor >= 0) {
			assert_int_equal(plan->cases[c->floor].partner, p->floor);
			assert_int_equal(plan->cases[c->floor].side, c->side);
		}
	}
	sm_plan_free(plan);
}

/* Every pair is two neighbours of one block, and swaps its order from block to block. */
static void test_abba(void **state)
{
	struct sm_plan *plan =
		pair("[a]\nstrategy = popen, vfork, shell, zygote, zygote3, forkserver, "
		     "subreaper, posix_spawn\nblocks = 8\n",
		     NULL, NULL, NULL);
	int first[16] = { 0 }, pairs[16] = { 0 };
	bool differs = false;

	(void)state;
	assert_int_equal(plan->nvisits, 8 * 16);
	for (int i = 0; i < plan->nvisits; i += 2) {
		const struct sm_visit *v = &plan->visits[i];
		const struct sm_case *c = &plan->cases[v->icase];
		int new = c->side == SM_SIDE_NEW ? v->icase : c->partner;

		assert_int_equal(v[1].icase, c->partner);
		assert_int_equal(v[1].block, v->block);
		assert_int_equal(v->block, pairs[new]);
		if (pairs[new]++)
			assert_int_not_equal(first[new], c->side);
		first[new] = (int)c->side;
	}
	for (int i = 0; i < plan->ncases; i++) {
		assert_int_equal(pairs[i], plan->cases[i].side == SM_SIDE_NEW ? 8 : 0);
		differs |= plan->cases[i].side == SM_SIDE_NEW && first[i] != first[0];
	}
	assert_true(differs); /* which one starts is drawn for each */
	sm_plan_free(plan);
}

/* A run without a base side keeps the order that its seed has always had. */
static void test_ordinary_order_stays(void **state)
{
	struct sm_error error;
	struct sm_plan *alone = pu_make(two, NULL, NULL, 0, &error);
	struct sm_plan *plan = pair(two, NULL, NULL, NULL);

	(void)state;
	assert_null(alone->baseline);
	for (int i = 0; i < alone->nvisits; i++) {
		const struct sm_visit *v = &plan->visits[2 * i];
		const struct sm_case *c = &plan->cases[v->icase];

		assert_int_equal(alone->visits[i].block, v->block);
		assert_int_equal(alone->visits[i].icase,
				 c->side == SM_SIDE_NEW ? v->icase : c->partner);
		assert_int_equal(alone->cases[alone->visits[i].icase].side, SM_SIDE_NONE);
	}
	sm_plan_free(alone);
	sm_plan_free(plan);
}

/* --only knows the names of the new side; the other follows, though its cases are called otherwise. */
static void test_only(void **state)
{
	static const char *const base_set[] = { "collapse=no", NULL };
	struct sm_plan *plan = pair(two, "zygote3/none$", NULL, base_set);

	(void)state;
	assert_int_equal(plan->ncases, 4);
	assert_string_equal(plan->cases[0].name, "x/zygote3/none");
	assert_string_equal(plan->cases[2].name, "x/zygote3/none@base");
	assert_string_equal(plan->cases[2].options, "collapse=no");
	sm_plan_free(plan);
}

static void test_refusals(void **state)
{
	static const struct {
		const char *text, *base_set, *message;
	} bad[] = {
		{ two, "blocks=3", "x/popen/none has 8 blocks, and 3 on the base side" },
		{ two, "ballast_mb=0,1", "the base side has 6 cases, and the other 3" },
		{ two, "strategy=popen", "as many values on both sides" },
		{ "[a]\nstrategy = popen\n", "kind=memory", "x/popen/none is of another kind" },
		{ two, "nope=3", "base side: --set: unknown key 'nope'" },
		{ "[a]\nstrategy = popen\nkind = isolation\n", "siblings=2", "has no pairs" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		const char *const base_set[] = { bad[i].base_set, NULL };
		struct sm_error error;

		if (pu_make_pair(bad[i].text, NULL, NULL, base_set, &error))
			fail_msg("'%s' was taken", bad[i].base_set);
		if (!strstr(error.text, bad[i].message))
			fail_msg("'%s' is not in '%s'", bad[i].message, error.text);
	}
}

/* A delay, or instructions. It is part of a name, always; meters, floors and the target without libc have none. */
static void test_delay(void **state)
{
	static const char *const set[] = { "delay=7500ns", NULL };
	struct sm_error error;
	struct sm_plan *plan =
		pu_make("[a]\nstrategy = zygote, noop\ndelay = 0, 6us\nfloor = yes\n", NULL, NULL,
			0, &error);

	(void)state;
	assert_non_null(plan);
	assert_int_equal(plan->ncases, 4);
	assert_int_equal(named(plan, "x/zygote/none/delay=0")->delay_ns, 0);
	assert_int_equal(named(plan, "x/zygote/none/delay=6us")->delay_ns, 6000);
	assert_int_equal(named(plan, "x/noop/none")->delay_ns, 0);
	assert_int_equal(named(plan, "x/raw/none")->delay_ns, 0);
	sm_plan_free(plan);

	plan = pair(two, NULL, set, NULL);
	assert_int_equal(named(plan, "x/popen/none/delay=7500ns")->delay_ns, 7500);
	assert_int_equal(named(plan, "x/popen/none/delay=7500ns@base")->delay_ns, 0);
	sm_plan_free(plan);
}

static void test_spin(void **state)
{
	struct sm_error error;
	struct sm_plan *plan =
		pu_make("[a]\nstrategy = zygote, noop\nspin = 0, 6001\nfloor = yes\n", NULL, NULL,
			0, &error);

	(void)state;
	assert_non_null(plan);
	assert_int_equal(plan->ncases, 4);
	assert_int_equal(named(plan, "x/zygote/none/spin=0")->spin, 0);
	assert_int_equal(named(plan, "x/zygote/none/spin=6001")->spin, 6001);
	assert_int_equal(named(plan, "x/zygote/none/spin=6001")->delay_ns, 0);
	assert_int_equal(named(plan, "x/noop/none")->spin, 0);
	assert_int_equal(named(plan, "x/raw/none")->spin, 0);
	sm_plan_free(plan);

	assert_null(pu_make("[a]\nstrategy = zygote\nspin = 1, 2\ndelay = 1us\n", NULL, NULL, 0,
			    &error));
	assert_non_null(strstr(error.text, "x.ini:3: keys 'delay' and 'spin' exclude each other"));
	assert_null(pu_make("[a]\nstrategy = zygote\nspin = 1us\n", NULL, NULL, 0, &error));
	assert_non_null(strstr(error.text, "x.ini:3: key 'spin': '1us' is not valid"));
}

static void test_delay_mistakes(void **state)
{
	static const char *const bad[] = { "7", "us", "-1us", "2s", "1 hour", "" };
	struct sm_error error;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		char text[80];

		snprintf(text, sizeof(text), "[a]\nstrategy = popen\ndelay = %s\n", bad[i]);
		if (pu_make(text, NULL, NULL, 0, &error))
			fail_msg("'%s' was taken", bad[i]);
		if (!strstr(error.text, "x.ini:3: key 'delay': "))
			fail_msg("%s", error.text);
	}
	assert_null(pu_make("[a]\nkind = memory\ndelay = 1us\n", NULL, NULL, 0, &error));
	assert_non_null(strstr(error.text, "key 'delay' means nothing for kind = memory"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_partners),
		cmocka_unit_test(test_abba),
		cmocka_unit_test(test_ordinary_order_stays),
		cmocka_unit_test(test_only),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_delay),
		cmocka_unit_test(test_spin),
		cmocka_unit_test(test_delay_mistakes),
	};

	return cmocka_run_group_tests(tests, pu_set_up, pu_tear_down);
}
