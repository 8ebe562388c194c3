/* SPDX-License-Identifier: MIT */
/*
 * test_scenario.c - scenario files: what is read, and what each mistake is told.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "driver/scenario.h"

static const struct sm_known one_cpu = { .ncpus = 1 }, two_cpus = { .ncpus = 2 };

static struct sm_scenario_file *parse(struct sm_arena *arena, const char *text, int *err,
				      struct sm_error *error)
{
	struct sm_scenario_file *file;

	error->text[0] = '\0';
	*err = sm_scenario_parse(&file, arena, "x", "x.ini", text, &two_cpus, error);
	return file;
}

/* Every kind of mistake: the text of the file, and what the message must hold. */
static const struct {
	const char *text, *message, *hint;
} mistakes[] = {
	{ "[a]\nbloks = 3\n", "x.ini:2: unknown key 'bloks'", "did you mean 'blocks'?" },
	{ "[a]\n\n# c\nsampels = 3\n", "x.ini:4: unknown key 'sampels'",
	  "did you mean 'samples'?" },
	{ "[a]\nqqqqqqqq = 3\n", "x.ini:2: unknown key 'qqqqqqqq'", "expected one of strategy," },
	{ "[a]\nblocks = 3\nblocks = 4\n", "x.ini:3: key 'blocks' is set already", "in line 2" },
	{ "[a]\n[b]\n[a]\n", "x.ini:3: section [a] is there already", "in line 1" },
	{ "blocks = 3\n", "x.ini:1: key 'blocks' is before the first section", "[global]" },
	{ "[a]\nblocks 3\n", "x.ini:2: expected [section], key = value", "#" },
	{ "[a\nblocks = 3\n", "x.ini:1: expected [section]", "" },
	{ "[a]\n[b]\n\n[c]\nfoo\n", "x.ini:5: expected [section]", "" },
	{ "[a]\n  blocks = 3\n", "x.ini:2: an indented line continues a value", "" },
	{ "[a b]\n", "x.ini:1: section [a b]", "letters" },
	{ "[a:slow]\n", "x.ini:1: section [a:slow]", "':quick' may follow" },
	{ "[global]\nblocks = 1\n", "x.ini: no section but [global]", "expected one for each" },
	{ "", "x.ini: no section", "" },
	{ "[py]\n[pi:quick]\n", "x.ini:2: no section [pi]", "did you mean 'py'?" },
	{ "[a]\nstrategy = popen, zygot\n", "x.ini:2: unknown strategy 'zygot'",
	  "did you mean 'zygote'?" },
	{ "[a]\nstrategy = popen, popen\n", "x.ini:2: key 'strategy': 'popen' is listed twice",
	  "" },
	{ "[a]\npayload = pyhton\n", "x.ini:2: unknown payload 'pyhton'",
	  "did you mean 'python'?" },
	{ "[a]\nkind = latencies\n", "x.ini:2: key 'kind': 'latencies'",
	  "expected one of latency, throughput, memory, isolation" },
	{ "[a]\narrivals = random\n", "x.ini:2: key 'arrivals': 'random'",
	  "expected one of poisson, steady, burst" },
	{ "[a]\nrate = 0\n", "x.ini:2: key 'rate': '0'", "a whole number in 1..1000000" },
	{ "[a]\nlimit = 257\n", "x.ini:2: key 'limit': '257'", "in 1..256" },
	{ "[a]\nbound = 10\n", "x.ini:2: key 'bound': '10'", "a time with its unit" },
	{ "[a]\nrates = 50, 50\n", "x.ini:2: key 'rates': '50' is listed twice", "" },
	{ "[a]\ntarget = musl\n", "x.ini:2: key 'target'", "dynamic, static, nolibc" },
	{ "[a]\nsandbox = nett\n", "x.ini:2: key 'sandbox': no preset or layer 'nett'",
	  "did you mean 'net'?" },
	{ "[a]\nsandbox = pid+jail\n", "x.ini:2: key 'sandbox': no preset or layer 'jail'",
	  "expected one of none, ns, full, cgroup, pid, ipc, uts, net, cgroupns, mount, root, "
	  "limits, user, ids, caps, nnp, seccomp" },
	{ "[a]\nsandbox = pid+\n", "x.ini:2: key 'sandbox': no preset or layer ''", "none, ns" },
	{ "[a]\nsandbox = pid+net, net+pid\n", "x.ini:2: key 'sandbox': 'net+pid' is listed twice",
	  "" },
	{ "[a]\npin = here\n", "x.ini:2: key 'pin'", "same, sibling, free" },
	{ "[a]\nblocks = many\n", "x.ini:2: key 'blocks': 'many'", "whole number in 1..1000" },
	{ "[a]\nblocks = 0\n", "x.ini:2: key 'blocks': '0'", "1..1000" },
	{ "[a]\nblocks = 3 x\n", "x.ini:2: key 'blocks': '3 x'", "whole number" },
	{ "[a]\nblocks =\n", "x.ini:2: key 'blocks': ''", "whole number" },
	{ "[a]\nblocks = 1, 2\n", "x.ini:2: key 'blocks' takes one value", "cannot be swept" },
	{ "[a]\nheap_mb = 16MB\n", "x.ini:2: key 'heap_mb': '16MB'", "whole number" },
	{ "[a]\nheap_mb = 99999999999999999999\n", "x.ini:2: key 'heap_mb'", "whole number" },
	{ "[a]\nheap_mb = 1,,2\n", "x.ini:2: key 'heap_mb': ''", "whole number" },
	{ "[a]\nduration = 5\n", "x.ini:2: key 'duration': '5'", "500ms or 2s" },
	{ "[a]\nduration = 5min\n", "x.ini:2: key 'duration': '5min'", "500ms or 2s" },
	{ "[a]\nduration = -5s\n", "x.ini:2: key 'duration': '-5s'", "500ms or 2s" },
	{ "[a]\nduration = nans\n", "x.ini:2: key 'duration': 'nans'", "500ms or 2s" },
	{ "[a]\nfloor = maybe\n", "x.ini:2: key 'floor': 'maybe'", "one of no, yes" },
	{ "[a]\nnoise_steal = 10\n", "x.ini:2: key 'noise_steal': '10'", "off, or 1%..100%" },
	{ "[a]\nnoise_steal = 0%\n", "x.ini:2: key 'noise_steal': '0%'", "off, or 1%..100%" },
	{ "[a]\nnoise_steal = 5%x\n", "x.ini:2: key 'noise_steal': '5%x'", "off, or" },
	{ "[a]\nnoise_steal = %\n", "x.ini:2: key 'noise_steal': '%'", "off, or" },
	{ "[a]\nnoise_steal = 00000005%\n", "x.ini:2: key 'noise_steal': '00", "off, or" },
	{ "[a]\ncpus = 3\n", "x.ini:2: key 'cpus'", "only 2 CPUs" },
	{ "[a]\ncpus = some\n", "x.ini:2: key 'cpus': 'some'", "'all'" },
	{ "[a]\nimports = numpy, pandas\n", "x.ini:2: key 'imports'", "with spaces" },
	/* A mistake in a section that is not in force is still a mistake. */
	{ "[a]\n[quick]\nblocks = x\n", "x.ini:3: key 'blocks': 'x'", "whole number" },
	{ "[a]\nx:quick = 1\n", "x.ini:2: unknown key 'x'", "" },
};

static void test_mistakes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++) {
		struct sm_arena *arena = sm_arena_new();
		struct sm_error error;
		int err;

		assert_null(parse(arena, mistakes[i].text, &err, &error));
		assert_int_equal(err, -EINVAL);
		if (strncmp(error.text, mistakes[i].message, strlen(mistakes[i].message)) ||
		    !strstr(error.text, mistakes[i].hint) || strchr(error.text, '\n'))
			fail_msg("text '%s'\n gave '%s'\n not '%s … %s'", mistakes[i].text,
				 error.text, mistakes[i].message, mistakes[i].hint);
		sm_arena_free(arena);
	}
}

static void test_too_long_and_too_many(void **state)
{
	struct sm_arena *arena = sm_arena_new();
	char text[400] = "[a]\nwork = ";
	struct sm_error error;
	int err;

	(void)state;
	memset(text + strlen(text), 'x', 300);
	assert_null(parse(arena, text, &err, &error));
	assert_string_equal(error.text,
			    "x.ini:2: line is too long; continue the value on an indented line");
	assert_null(parse(arena,
			  "[a]\nheap_mb = 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,"
			  "17,18,19,20,21,22,23,24,25\n",
			  &err, &error));
	assert_string_equal(error.text, "x.ini:2: key 'heap_mb': more than 24 values");
	sm_arena_free(arena);
}

static const struct sm_value *value(const struct sm_section *section, const char *key)
{
	assert_true(sm_key_find(key) >= 0);
	return &section->values[sm_key_find(key)];
}

static const char good[] = "# comment\n"
			   "[global]\n"
			   "blocks = 7\n"
			   "samples = 3\n"
			   "\n"
			   "[one]\n"
			   "strategy = zygote, popen ; inline\n"
			   "samples = 4\n"
			   "heap_mb = 0, 16,64\n"
			   "timeout = 1.5s\n"
			   "noise_psi = 40%\n"
			   "noise_steal = off\n"
			   "work = {\"a\": 1,\n"
			   "  \"b\": 2 == 3}\n"
			   "check=_\n"
			   "[two]\n"
			   "[quick]\n"
			   "blocks = 2\n"
			   "samples = 1\n"
			   "[one:quick]\n"
			   "samples = 9\n";

static void test_values_and_inheritance(void **state)
{
	static const char *const set[] = { "blocks=5", "work=a = b, c", "blocks=6", NULL };
	struct sm_arena *arena = sm_arena_new();
	struct sm_section one, two, settings;
	struct sm_scenario_file *file;
	struct sm_error error;
	int err;

	(void)state;
	file = parse(arena, good, &err, &error);
	assert_non_null(file);
	assert_int_equal(file->nsections, 5);
	assert_int_equal(sm_settings_parse(&settings, arena, NULL, &two_cpus, &error), 0);
	sm_section_resolve(&one, file, file->sections[1], &settings, false, &two_cpus, &error);
	sm_section_resolve(&two, file, file->sections[2], &settings, false, &two_cpus, &error);
	assert_int_equal(value(&one, "blocks")->list.v[0], 7);
	assert_int_equal(value(&one, "samples")->list.v[0], 4);
	assert_int_equal(value(&two, "samples")->list.v[0], 3);
	assert_int_equal(value(&one, "heap_mb")->list.n, 3);
	assert_int_equal(value(&one, "heap_mb")->list.v[2], 64);
	assert_int_equal(value(&one, "timeout")->list.v[0], 1500);
	assert_int_equal(value(&one, "noise_psi")->list.v[0], 40);
	assert_int_equal(value(&one, "noise_steal")->list.v[0], 0);
	assert_int_equal(value(&one, "noise_others")->list.v[0], 25);
	assert_int_equal(value(&one, "strategy")->list.n, 2);
	assert_int_equal(value(&two, "strategy")->list.n, 5);
	assert_string_equal(value(&one, "work")->text, "{\"a\": 1, \"b\": 2 == 3}");
	assert_string_equal(value(&one, "check")->text, "_");

	sm_section_resolve(&one, file, file->sections[1], &settings, true, &two_cpus, &error);
	sm_section_resolve(&two, file, file->sections[2], &settings, true, &two_cpus, &error);
	assert_int_equal(value(&one, "blocks")->list.v[0], 2);
	assert_int_equal(value(&one, "samples")->list.v[0], 9);
	assert_int_equal(value(&two, "samples")->list.v[0], 1);

	assert_int_equal(sm_settings_parse(&settings, arena, set, &two_cpus, &error), 0);
	sm_section_resolve(&one, file, file->sections[1], &settings, true, &two_cpus, &error);
	assert_int_equal(value(&one, "blocks")->list.v[0], 6);
	assert_string_equal(value(&one, "work")->text, "a = b, c");
	sm_arena_free(arena);
}

static void test_settings(void **state)
{
	static const struct {
		const char *set, *message;
	} bad[] = {
		{ "bloks=3", "--set: unknown key 'bloks'; did you mean 'blocks'?" },
		{ "blocks", "--set: 'blocks' is not valid; expected key=value" },
		{ "=3", "--set: '=3' is not valid; expected key=value" },
		{ "blocks=x",
		  "--set: key 'blocks': 'x' is not valid; expected a whole number in 1..1000" },
	};
	struct sm_arena *arena = sm_arena_new();
	struct sm_section settings;
	struct sm_error error;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		const char *const set[] = { bad[i].set, NULL };

		assert_int_equal(sm_settings_parse(&settings, arena, set, &two_cpus, &error),
				 -EINVAL);
		assert_string_equal(error.text, bad[i].message);
	}
	sm_arena_free(arena);
}

/* `1, 2, 8, all` suits a machine of any size. */
static void test_cpus(void **state)
{
	struct sm_arena *arena = sm_arena_new();
	struct sm_error error;
	struct sm_scenario_file *file;
	const struct sm_list *list;
	int err;

	(void)state;
	file = parse(arena, "[a]\ncpus = 1, 2, 8, all\n", &err, &error);
	assert_non_null(file);
	list = &value(file->sections[0], "cpus")->list;
	assert_int_equal(list->n, 2);
	assert_int_equal(list->v[0], 1);
	assert_int_equal(list->v[1], 2);
	sm_arena_free(arena);
}

/* Each row of the table of keys must be sound by itself. */
static void test_keys(void **state)
{
	struct sm_error error;

	(void)state;
	for (int k = 0; k < sm_key_count; k++) {
		const struct sm_key *key = &sm_keys[k];
		struct sm_value v = { .text = key->fallback ? key->fallback : "" };

		assert_int_equal(sm_key_find(key->name), k);
		assert_true(strlen(key->help) > 10 && key->kinds != 0);
		if (sm_value_parse(key, &v, &one_cpu, &error))
			fail_msg("the default of '%s': %s", key->name, error.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_too_long_and_too_many),
		cmocka_unit_test(test_values_and_inheritance),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_cpus),
		cmocka_unit_test(test_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
