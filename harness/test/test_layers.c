/* SPDX-License-Identifier: MIT */
/*
 * test_layers.c - sandboxes as scenarios and results name them: sets of layers, cases, floors, list.
 *
 * Works in a directory of its own with empty programs, so that nothing needs to be built.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "driver/layers.h"
#include "driver/list.h"
#include "driver/planner.h"
#include "plan_util.h"
#include "sandbox/sandbox.h"

static char *words[] = { (char *)"host", NULL };

/* Two hosts of one's own: one heeds a sandbox. */
static const struct sm_foreign hosts[] = {
	{ .ops = { .size = sizeof(struct sm_ops), .name = "boxed", .traits = SM_SANDBOXES },
	  .argv = words,
	  .path = "host" },
	{ .ops = { .size = sizeof(struct sm_ops), .name = "bare" }, .argv = words, .path = "host" },
};

static struct sm_plan *make(const char *text, const char *const *set, int nhosts,
			    struct sm_error *error)
{
	return pu_make(text, set, hosts, nhosts, error);
}

static const struct sm_case *find(const struct sm_plan *plan, const char *name)
{
	for (int i = 0; i < plan->ncases; i++)
		if (strcmp(plan->cases[i].name, name) == 0)
			return &plan->cases[i];
	return NULL;
}

static const char *name_of(const char *text)
{
	static char name[SM_LAYERS_NAME];
	uint32_t layers = 0;

	assert_int_equal(sm_sandbox_parse(text, &layers), 0);
	return sm_layers_name(layers, name, sizeof(name));
}

/* One set, one name, however it is written; and the name means the set. */
static void test_names(void **state)
{
	char name[SM_LAYERS_NAME], again[SM_LAYERS_NAME];

	(void)state;
	assert_string_equal(name_of("none"), "none");
	assert_string_equal(name_of("full"), "full");
	assert_string_equal(name_of("net+pid"), "pid+net");
	assert_string_equal(name_of("net+none+net"), "net");
	assert_string_equal(name_of("root"), "root");
	assert_string_equal(name_of("mount+root"), "root");
	assert_string_equal(name_of("mount"), "mount");
	assert_string_equal(name_of("ns+full"), "full");
	assert_string_equal(name_of("user+root+mount+cgroupns+net+uts+ipc+pid"), "ns");
	for (uint32_t set = 0; set < 1u << SM_LAYER_COUNT; set++) {
		uint32_t back = 0;

		sm_layers_name(set, name, sizeof(name));
		assert_true(strlen(name) < sizeof(name) - 1);
		assert_int_equal(sm_sandbox_parse(name, &back), 0);
		assert_true((back & set) == set); /* what is implied comes with it */
		if (back == set)
			assert_string_equal(sm_layers_name(back, again, sizeof(again)), name);
	}
}

static void test_cases(void **state)
{
	struct sm_error error;
	struct sm_plan *plan = make("[s]\nstrategy = boxed\nsandbox = none, net+pid, full\n"
				    "floor = yes\n[o]\nstrategy = boxed\nsandbox = ipc\n"
				    "kind = throughput\n[n]\nstrategy = noop\n",
				    NULL, 1, &error);
	const struct sm_case *c;

	(void)state;
	if (!plan) {
		fail_msg("%s", error.text);
		return;
	}
	c = find(plan, "x/boxed/none/sandbox=pid+net");
	assert_non_null(c);
	assert_string_equal(c->sandbox, "pid+net");
	assert_int_equal(c->layers, 1u << SM_LAYER_PID | 1u << SM_LAYER_NET);
	c = find(plan, "x/boxed/none/sandbox=none");
	assert_string_equal(c->sandbox, "none");
	assert_int_equal(c->layers, 0);
	/* Not swept, and in the name all the same: it is another way to get a child. */
	c = find(plan, "x/boxed/none/sandbox=ipc");
	assert_int_equal(c->kind, SM_KIND_THROUGHPUT);
	assert_string_equal(c->sandbox, "ipc");
	assert_int_equal(c->layers, 1u << SM_LAYER_IPC);
	assert_string_equal(find(plan, "x/noop/none")->sandbox, "none");
	sm_plan_free(plan);
}

/* The floor is the image's: the same for every sandbox, and in none. */
static void test_floor(void **state)
{
	struct sm_error error;
	struct sm_plan *plan = make("[s]\nstrategy = boxed\nsandbox = none, pid, full\n"
				    "floor = yes\n",
				    NULL, 1, &error);
	const struct sm_case *floor = plan ? find(plan, "x/raw/none") : NULL;

	(void)state;
	if (!plan) {
		fail_msg("%s", error.text);
		return;
	}
	assert_int_equal(plan->ncases, 4);
	assert_non_null(floor);
	assert_string_equal(floor->sandbox, "none");
	assert_int_equal(floor->layers, 0);
	for (int i = 0; i < plan->ncases; i++)
		if (!plan->cases[i].is_floor)
			assert_ptr_equal(&plan->cases[plan->cases[i].floor], floor);
	sm_plan_free(plan);
}

/* Who cannot be in one must not look as if it were. */
static void test_unable(void **state)
{
	static const char *const full[] = { "sandbox=full", NULL };
	struct sm_error error;
	struct sm_plan *plan;

	(void)state;
	assert_null(make("[a]\nstrategy = fork\n\nsandbox = none, pid\n", NULL, 1, &error));
	assert_non_null(strstr(error.text, "x.ini:4: sandbox 'pid' needs a strategy whose children"
					   " enter one ("));
	assert_non_null(strstr(error.text, "boxed"));
	assert_non_null(strstr(error.text, "not 'fork'"));
	assert_null(strstr(error.text, "bare"));
	assert_null(make("[a]\nstrategy = fork, boxed\n", full, 1, &error));
	assert_non_null(strstr(error.text, "sandbox 'full' needs"));
	/* Hosts join a section of sandboxes if they can, any other in any case. */
	plan = make("[a]\nstrategy = boxed\nsandbox = none, pid\n[b]\nstrategy = fork\n"
		    "kind = throughput\n",
		    NULL, 2, &error);
	if (!plan) {
		fail_msg("%s", error.text);
		return;
	}
	assert_int_equal(plan->ncases, 2 + 3);
	assert_null(find(plan, "x/bare/none/sandbox=pid"));
	assert_non_null(find(plan, "x/bare/none"));
	sm_plan_free(plan);
}

static void test_list(void **state)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	struct sm_error error;
	json_t *list;

	(void)state;
	assert_non_null(out);
	assert_int_equal(sm_list_write(out, "sandboxes", true, pu_root(), &error), 0);
	assert_int_equal(fclose(out), 0);
	list = json_loads(text, 0, NULL);
	free(text);
	assert_int_equal(json_array_size(list), sm_sandbox_preset_count + SM_LAYER_COUNT);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *row = json_array_get(list, i);
		const char *name = json_string_value(json_object_get(row, "name"));
		bool preset = i < sm_sandbox_preset_count;
		uint32_t layers = 0;

		assert_int_equal(sm_sandbox_parse(name, &layers), 0);
		assert_true(json_string_length(json_object_get(row, "summary")) > 4);
		assert_string_equal(json_string_value(json_object_get(row, "kind")),
				    preset ? "preset" : "layer");
		if (preset)
			assert_int_equal(json_array_size(json_object_get(row, "layers")),
					 __builtin_popcount(layers));
	}
	json_decref(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names), cmocka_unit_test(test_cases),
		cmocka_unit_test(test_floor), cmocka_unit_test(test_unable),
		cmocka_unit_test(test_list),
	};

	return cmocka_run_group_tests(tests, pu_set_up, pu_tear_down);
}
