/* SPDX-License-Identifier: MIT */
/* test_conform_use.c - what the command line of a conformance run may say, and what it is told. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../driver/options.h"
#include "conform_util.h"
#include "fake_host.h"

static void test_command_line(void **state)
{
	static const struct {
		const char *argv[6];
		const char *message;
	} bad[] = {
		{ { "spawnmark", "conform", "x" }, "conform: unexpected 'x'" },
		{ { "spawnmark", "conform", "--onyl", "x" }, "did you mean '--only'?" },
		{ { "spawnmark", "conform", "--quick" }, "unknown option '--quick'" },
		{ { "spawnmark", "conform", "--repeat", "0" }, "--repeat '0' is not valid" },
		{ { "spawnmark", "conform", "--repeat", "2x" }, "--repeat '2x' is not valid" },
		{ { "spawnmark", "conform", "--host" }, "--host NAME=COMMAND" },
		{ { "spawnmark", "run", "x", "--level", "must" }, "unknown option '--level'" },
	};
	char *ok[] = { "spawnmark", "conform", "--strategy", "a,b",    "--only=x", "--level",
		       "must",      "--group", "t",          "--json", "f",        "--list",
		       "--repeat",  "3",       "--long",     "--seed", "9",        "--host",
		       "a=b c",     "--host",  "d=e",        NULL };
	char *list[] = { "spawnmark", "conform", "--json", "--list", NULL };
	struct sm_options o;
	struct sm_error error;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		int n = 0;

		while (n < 6 && bad[i].argv[n])
			n++;
		assert_int_equal(sm_options_parse(&o, n, (char **)bad[i].argv, &error), -EINVAL);
		has(error.text, bad[i].message);
	}
	assert_int_equal(sm_options_parse(&o, 21, ok, &error), 0);
	assert_int_equal(o.command, SM_COMMAND_CONFORM);
	assert_true(o.list && o.thorough && o.repeat == 3 && o.seed == 9 && !o.features);
	assert_string_equal(o.strategies, "a,b");
	assert_string_equal(o.only, "x");
	assert_string_equal(o.level, "must");
	assert_string_equal(o.group[0], "t");
	assert_string_equal(o.json_file, "f");
	assert_string_equal(o.host[1], "d=e");
	assert_int_equal(sm_options_parse(&o, 4, list, &error), 0);
	assert_string_equal(o.json_file, "-");
	assert_true(o.list);
}

static void refuses(struct trial *t, const char *part)
{
	assert_int_equal(trial_run(t), SM_EXIT_USAGE);
	assert_null(strchr(t->error.text, '\n'));
	has(t->error.text, part);
	trial_free(t);
}

static void test_usage(void **state)
{
	const char *const group[] = { "second", NULL };
	struct trial t;

	(void)state;
	trial_make(&t);
	trial_host(&t, "one", "good", 0);
	t.opt.only = "zz+y";
	refuses(&t, "--only 'zz+y' matches none of 6 checks; ids look like t.must, u.record");
	trial_make(&t);
	trial_host(&t, "one", "good", 0);
	t.opt.only = "(";
	refuses(&t, "--only '(' is no extended regular expression");
	trial_make(&t);
	trial_host(&t, "zygote", "good", 0);
	t.opt.strategies = "zygot";
	refuses(&t, "no strategy 'zygot'; did you mean 'zygote'?");
	trial_make(&t);
	trial_host(&t, "one", "good", 0);
	t.opt.level = "shold";
	refuses(&t, "did you mean 'should'?");
	trial_make(&t);
	trial_host(&t, "one", "good", 0);
	t.opt.groups = group;
	refuses(&t, "no group 'second'; expected one of t, u");
	trial_make(&t);
	trial_host(&t, "one", "good", 0);
	t.opt.json = "/proc/nowhere/x.json";
	refuses(&t, "cannot write /proc/nowhere/x.json");
	trial_make(&t);
	trial_host(&t, "one", "good", 0);
	t.opt.json = "-";
	refuses(&t, "--json needs a FILE");
}

static void test_bad_foreigners(void **state)
{
	static const char *const table[][2] = {
		{ "nothing", "NAME=COMMAND" },
		{ "a/b=true", "NAME=COMMAND" },
		{ "a=no-such-program", "PATH" },
		{ "a=/nonexistent/x", "cannot be executed" },
		{ "a=x | y", "quote" },
		{ "a=$(true)", "quote" },
		{ "a=sh -c 'exit 9'", "status 9" },
		{ "a= ", "no command" },
	};
	struct trial t;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		trial_make(&t);
		t.hosts[0] = table[i][0];
		refuses(&t, table[i][1]);
	}
	trial_make(&t);
	t.hosts[0] = "a=true x";
	t.hosts[1] = "a=true y";
	refuses(&t, "'a' is the name of another");
}

static void test_list(void **state)
{
	struct trial t;
	json_t *list;

	(void)state;
	trial_make(&t);
	trial_host(&t, "one", "good", 0);
	t.opt.level = "should";
	t.opt.only = "^t\\.";
	t.opt.list = true;
	t.opt.json = NULL;
	assert_int_equal(trial_run(&t), SM_EXIT_GOOD);
	has(t.told, "T01  MUST   it does\n");
	has(t.told, "T02  SHOULD the kernel does\n");
	trial_free(&t);

	trial_make(&t);
	trial_host(&t, "one", "good", 0);
	t.opt.list = true;
	t.opt.level = "must";
	t.opt.json = "-";
	assert_int_equal(trial_run(&t), SM_EXIT_GOOD);
	list = json_loads(t.told, 0, NULL);
	assert_int_equal(json_array_size(list), 4);
	assert_string_equal(text_of(json_array_get(list, 1), "id"), "u.needs");
	json_decref(list);
	trial_free(&t);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_command_line),
		cmocka_unit_test(test_usage),
		cmocka_unit_test(test_bad_foreigners),
		cmocka_unit_test(test_list),
	};

	fake_host_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
