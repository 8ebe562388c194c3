/* SPDX-License-Identifier: MIT */
/*
 * test_plan.c - from scenario to plan: cases, commands, names, floors, choice and order.
 *
 * Works in a directory of its own with empty programs, so that nothing needs to be built.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "driver/options.h"
#include "driver/planner.h"
#include "sys/sys.h"

static char root[] = "/tmp/sm-test-plan-XXXXXX";

static const char *at(const char *name)
{
	static char path[300];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	return path;
}

static void write_file(const char *name, const char *text, mode_t mode)
{
	FILE *f = fopen(at(name), "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(at(name), mode), 0);
}

static const char *const dirs[] = { "build",     "build/payloads", "harness",   "harness/payloads",
				    "scenarios", ".venv",          ".venv/bin", "own" };
static const char *const programs[] = {
	"build/sm-host",
	"build/payloads/none",
	"build/payloads/none-static",
	"build/payloads/none-nolibc",
	"build/payloads/heap",
	"build/libspawnmark.so",
	"harness/payloads/python.py",
	".venv/bin/python",
	"own/prog",
};

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(root))
		return -1;
	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
		if (mkdir(at(dirs[i]), 0755))
			return -1;
	}
	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++)
		write_file(programs[i], "", 0755);
	return 0;
}

static int tear_down(void **state)
{
	static const char *const made[] = { "scenarios/x.ini", "scenarios/y.ini", "own/z.ini" };

	(void)state;
	for (size_t i = 0; i < sizeof(made) / sizeof(*made); i++)
		unlink(at(made[i]));
	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++)
		unlink(at(programs[i]));
	for (size_t i = sizeof(dirs) / sizeof(*dirs); i > 0; i--)
		rmdir(at(dirs[i - 1]));
	return rmdir(root);
}

static const char *const x_only[] = { "x", NULL };

/* Plans scenario x with this text; other options as given. */
static struct sm_plan *make(const char *text, struct sm_plan_options opt, struct sm_error *error)
{
	struct sm_plan *plan;
	int err;

	if (text)
		write_file("scenarios/x.ini", text, 0644);
	opt.root = root;
	opt.names = opt.names ? opt.names : x_only;
	opt.ncpus = 2;
	opt.seed = opt.seed ? opt.seed : 1;
	err = sm_plan_make(&plan, &opt, error);
	assert_true(err == 0 ? plan != NULL : plan == NULL && error->text[0]);
	return plan;
}

static const struct sm_plan_options plain;

static struct sm_plan *good(const char *text)
{
	struct sm_error error;
	struct sm_plan *plan = make(text, plain, &error);

	if (!plan)
		fail_msg("%s", error.text);
	return plan;
}

static const struct sm_case *find(const struct sm_plan *plan, const char *name)
{
	for (int i = 0; i < plan->ncases; i++) {
		if (strcmp(plan->cases[i].name, name) == 0)
			return &plan->cases[i];
	}
	fail_msg("no case '%s'; the first is '%s'", name, plan->cases[0].name);
	return NULL;
}

static void has_argv(char *const *argv, const char *expected)
{
	char text[2000] = "";

	for (; *argv; argv++) {
		size_t n = strlen(text);
		const char *word = *argv;

		if (strncmp(word, root, strlen(root)) == 0)
			word += strlen(root) + 1;
		snprintf(text + n, sizeof(text) - n, "%s%s", n ? "|" : "", word);
	}
	assert_string_equal(text, expected);
}

static void names_are_unique(const struct sm_plan *plan)
{
	for (int i = 0; i < plan->ncases; i++) {
		for (int j = 0; j < i; j++)
			assert_string_not_equal(plan->cases[i].name, plan->cases[j].name);
	}
}

static void test_sweeps(void **state)
{
	struct sm_plan *plan = good("[h]\nstrategy = zygote, fork\npayload = heap\n"
				    "heap_mb = 0, 64\nheap_pages = 4k, thp\npin = same, free\n"
				    "[t]\nkind = throughput\nstrategy = zygote, popen\n"
				    "cpus = 1, all\nin_flight = 1, 4\n"
				    "[m]\nkind = memory\nstrategy = vfork\nalive = 1, 16\n"
				    "[i]\nkind = isolation\nstrategy = zygote\npayload = heap\n");
	const struct sm_case *c;

	(void)state;
	assert_int_equal(plan->ncases, 16 + 2 + 1 + 4);
	names_are_unique(plan);
	c = find(plan, "x/zygote/heap/heap_mb=64/heap_pages=thp/pin=free");
	has_argv(c->argv,
		 "build/payloads/heap|--mb|64|--vmas|0|--maps|0|--tables|0|--fds|0|--pages|thp|"
		 "--write-percent|0");
	has_argv(c->host_argv, "build/sm-host");
	assert_int_equal(c->pin, SM_PIN_FREE);
	assert_int_equal(c->nparams, 3);
	c = find(plan, "x/fork/heap/heap_mb=0/heap_pages=4k/pin=same");
	assert_ptr_equal(c->host_argv, c->argv);
	c = find(plan, "x/popen/none");
	assert_int_equal(c->kind, SM_KIND_THROUGHPUT);
	assert_int_equal(c->cpus.n, 2);
	assert_int_equal(c->in_flight.v[1], 4);
	assert_int_equal(find(plan, "x/vfork/none")->alive.v[1], 16);
	assert_int_equal(find(plan, "x/zygote/heap/attacker=other")->attacker, SM_ATTACKER_OTHER);
	sm_plan_free(plan);
}

static void test_exec_counts(void **state)
{
	struct sm_plan *plan =
		good("[a]\nkind = latency\nstrategy = popen, zygote\n"
		     "samples = 4\nwarmup = 2\nexec_samples = 1\nexec_warmup = 0\n"
		     "[b]\nkind = latency\nstrategy = vfork\nsamples = 7\nwarmup = 3\n");

	(void)state;
	assert_int_equal(find(plan, "x/popen/none")->samples, 1);
	assert_int_equal(find(plan, "x/popen/none")->warmup, 0);
	assert_int_equal(find(plan, "x/zygote/none")->samples, 4);
	assert_int_equal(find(plan, "x/zygote/none")->warmup, 2);
	assert_int_equal(find(plan, "x/vfork/none")->samples, 7);
	assert_int_equal(find(plan, "x/vfork/none")->warmup, 3);
	sm_plan_free(plan);
}

static void test_python_command(void **state)
{
	struct sm_plan *plan = good("[p]\nstrategy = popen, fork\npayload = python\n"
				    "imports = numpy  pandas\nwork = f(1, 2)\ncheck = _ == 3\n"
				    "preamble = import os\n[q]\nstrategy = zygote\n"
				    "payload = python\nlabel = mine\ninterpreter = sh\n");
	const struct sm_case *c = find(plan, "x/popen/python");

	(void)state;
	has_argv(c->argv, ".venv/bin/python|harness/payloads/python.py|--lib|"
			  "build/libspawnmark.so|--imports|numpy  pandas|--preamble|import os|"
			  "--work|f(1, 2)|--check|_ == 3");
	assert_string_equal(c->label, "python (numpy, pandas)");
	assert_null(c->target);
	assert_ptr_equal(find(plan, "x/fork/python")->host_argv, find(plan, "x/fork/python")->argv);
	c = find(plan, "x/zygote/python");
	assert_string_equal(c->label, "mine");
	assert_int_equal(c->argv[0][0], '/'); /* found on PATH */
	assert_string_equal(strrchr(c->argv[0], '/'), "/sh");
	sm_plan_free(plan);
}

/* What [global] says of CPUs is not for throughput, whose hosts have one each. */
static void test_throughput_is_pinned(void **state)
{
	struct sm_plan *plan = good("[global]\npin = free\n[a]\nkind = throughput\n"
				    "strategy = zygote\n[b]\nstrategy = popen\n");

	(void)state;
	assert_int_equal(find(plan, "x/zygote/none")->pin, SM_PIN_SAME);
	assert_int_equal(find(plan, "x/popen/none")->pin, SM_PIN_FREE);
	sm_plan_free(plan);
}

/* Python code keeps its semicolons; a number has a comment behind it. */
static void test_semicolons(void **state)
{
	struct sm_plan *plan = good("[p]  ; why\nstrategy = zygote ; one\npayload = python\n"
				    "blocks = 3 ; few\npreamble = import os ; x = 1\n"
				    "work = f(x) ;g\n");

	(void)state;
	assert_int_equal(plan->cases[0].blocks, 3);
	assert_string_equal(plan->cases[0].preamble, "import os ; x = 1");
	assert_string_equal(plan->cases[0].work, "f(x) ;g");
	sm_plan_free(plan);
}

static void test_targets_and_paths(void **state)
{
	char path[300];
	const char *const file[] = { path, NULL };
	struct sm_plan_options opt = { .names = file };
	struct sm_error error;
	struct sm_plan *plan = good("[t]\nstrategy = vfork\ntarget = dynamic, static, nolibc\n");

	(void)state;
	snprintf(path, sizeof(path), "%s", at("own/z.ini"));
	has_argv(find(plan, "x/vfork/none/target=nolibc")->argv, "build/payloads/none-nolibc");
	has_argv(find(plan, "x/vfork/none/target=static")->argv, "build/payloads/none-static");
	has_argv(find(plan, "x/vfork/none/target=dynamic")->argv, "build/payloads/none");
	sm_plan_free(plan);
	/* A relative path in a file starts from the file. */
	write_file("own/z.ini",
		   "[a]\nstrategy = zygote\npayload = ./prog\npayload_args = -x  two\n", 0644);
	plan = make(NULL, opt, &error);
	assert_non_null(plan);
	assert_string_equal(plan->cases[0].name, "z/zygote/prog");
	has_argv(plan->cases[0].argv, "own/./prog|-x|two");
	sm_plan_free(plan);
}

static void test_twins_are_told_apart(void **state)
{
	struct sm_plan *plan = good("[a]\nstrategy = zygote\npayload = heap\nheap_mb = 16\n"
				    "floor = yes\n[b]\nstrategy = zygote\npayload = heap\n"
				    "heap_mb = 64\nfloor = yes\n"
				    "[c]\nstrategy = popen\npayload = heap\nfloor = no\n");

	(void)state;
	names_are_unique(plan);
	assert_int_equal(plan->ncases, 5);
	assert_string_equal(find(plan, "x/popen/heap")->section, "c");
	assert_int_equal(find(plan, "x/zygote/heap/section=b")->heap_mb, 64);
	assert_int_equal(find(plan, "x/raw/heap/section=b")->heap_mb, 64);
	sm_plan_free(plan);
}

static const struct sm_case *floor_of(const struct sm_plan *plan, const char *name)
{
	int floor = find(plan, name)->floor;

	assert_in_range(floor, 0, plan->ncases - 1);
	return &plan->cases[floor];
}

/* A case and its floor spawn as often, at the same age of the image, in the same blocks. */
static void floors_are_comparable(const struct sm_plan *plan)
{
	for (int i = 0; i < plan->ncases; i++) {
		const struct sm_case *c = &plan->cases[i], *floor;
		bool visited[2][1000] = { 0 };

		if (c->floor < 0)
			continue;
		floor = &plan->cases[c->floor];
		assert_int_equal(floor->samples, c->samples);
		assert_int_equal(floor->warmup, c->warmup);
		for (int v = 0; v < plan->nvisits; v++) {
			if (plan->visits[v].icase == i)
				visited[0][plan->visits[v].block] = true;
			if (plan->visits[v].icase == c->floor)
				visited[1][plan->visits[v].block] = true;
		}
		assert_memory_equal(visited[0], visited[1], sizeof(visited[0]));
	}
}

static void test_floors(void **state)
{
	struct sm_plan *plan = good(
		"[global]\nfloor = yes\n"
		"[none]\nstrategy = popen, vfork, fork, zygote, noop\nblocks = 12\nsamples = 20\n"
		"[py]\nstrategy = popen, fork, zygote\npayload = python\nblocks = 18\nsamples = 4\n"
		"warmup = 2\nexec_samples = 2\nexec_warmup = 0\n"
		"[big]\nstrategy = popen\nballast_mb = 0, 64\nblocks = 12\nsamples = 20\n");
	const struct sm_case *raw = find(plan, "x/raw/none/section=none");
	const struct sm_case *parent = find(plan, "x/raw/none/section=py");
	const struct sm_case *python = find(plan, "x/raw/python");

	(void)state;
	names_are_unique(plan);
	floors_are_comparable(plan);
	/* none, none as often as popen with python, python, and none with 64 MiB of ballast. */
	assert_int_equal(plan->ncases, 5 + 3 + 2 + 4);
	assert_int_equal(find(plan, "x/noop/none")->floor, -1);
	assert_int_equal(raw->floor, -1);
	assert_ptr_equal(floor_of(plan, "x/zygote/none"), raw);
	assert_ptr_equal(floor_of(plan, "x/popen/none"), raw);
	assert_ptr_equal(floor_of(plan, "x/popen/python"), parent);
	assert_ptr_equal(floor_of(plan, "x/fork/python"), python);
	assert_ptr_equal(floor_of(plan, "x/zygote/python"), python);
	assert_ptr_equal(floor_of(plan, "x/popen/none/ballast_mb=0"), raw);
	assert_ptr_equal(floor_of(plan, "x/popen/none/ballast_mb=64"),
			 find(plan, "x/raw/none/ballast_mb=64"));
	assert_int_equal(python->samples, 4);
	assert_int_equal(python->warmup, 2);
	assert_int_equal(parent->samples, 2);
	assert_int_equal(parent->warmup, 0);
	assert_ptr_equal(python->host_argv, python->argv);
	sm_plan_free(plan);
}

/* Floors of one section that differ in their counts alone; a written case keeps its name. */
static void test_floors_of_one_section(void **state)
{
	struct sm_plan *plan = good("[a]\nstrategy = popen, zygote\nfloor = yes\nblocks = 4\n"
				    "samples = 9\nexec_samples = 3\n"
				    "[b]\nstrategy = raw\nsamples = 5\nblocks = 2\n");

	(void)state;
	names_are_unique(plan);
	floors_are_comparable(plan);
	assert_int_equal(find(plan, "x/raw/none")->samples, 5);
	assert_string_equal(floor_of(plan, "x/popen/none")->name, "x/raw/none/section=a/samples=3");
	assert_string_equal(floor_of(plan, "x/zygote/none")->name,
			    "x/raw/none/section=a/samples=9");
	sm_plan_free(plan);
}

/* A server is not the parent: it has none of its ballast. What fork clones has it. */
static void test_floors_and_ballast(void **state)
{
	struct sm_plan *plan = good("[a]\nstrategy = fork, zygote\nfloor = yes\n"
				    "ballast_mb = 0, 64\npayload = heap\n");

	(void)state;
	names_are_unique(plan);
	assert_int_equal(plan->ncases, 4 + 2); /* without ballast they have the same image */
	assert_int_equal(floor_of(plan, "x/fork/heap/ballast_mb=64")->ballast_mb, 64);
	assert_int_equal(floor_of(plan, "x/zygote/heap/ballast_mb=64")->ballast_mb, 0);
	sm_plan_free(plan);
}

static void test_only(void **state)
{
	static const char text[] = "[a]\nstrategy = popen, zygote\nfloor = yes\n"
				   "[h]\nstrategy = zygote\npayload = heap\nheap_mb = 0, 64\n"
				   "floor = yes\n";
	struct sm_plan_options opt = { .only = "zygote/heap.*64$" };
	struct sm_error error;
	struct sm_plan *plan = make(text, opt, &error);

	(void)state;
	assert_non_null(plan);
	assert_int_equal(plan->ncases, 2); /* and its floor */
	assert_string_equal(plan->cases[0].name, "x/zygote/heap/heap_mb=64");
	assert_int_equal(plan->cases[0].floor, 1);
	assert_string_equal(plan->cases[1].name, "x/raw/heap/heap_mb=64");
	sm_plan_free(plan);
	opt.only = "popen|raw/none";
	plan = make(text, opt, &error);
	assert_int_equal(plan->ncases, 2);
	sm_plan_free(plan);
	opt.only = "nothing";
	assert_null(make(text, opt, &error));
	assert_string_equal(error.text,
			    "--only 'nothing' matches none of 7 cases; their names look "
			    "like x/popen/none, x/zygote/none, x/zygote/heap/heap_mb=0, "
			    "x/zygote/heap/heap_mb=64");
	opt.only = "(";
	assert_null(make(text, opt, &error));
	assert_non_null(strstr(error.text, "--only '(' is no extended regular expression"));
}

/* Every block of a scenario visits each of its cases once; scenarios follow one another. */
static void test_order(void **state)
{
	static const char text[] = "[a]\nstrategy = popen, vfork, fork, forkserver, zygote\n"
				   "blocks = 8\n[h]\nstrategy = zygote\npayload = heap\n"
				   "heap_mb = 1, 2, 3\nblocks = 2\n";
	static const char *const both[] = { "x", "y", NULL };
	struct sm_plan_options opt = { .names = both, .seed = 7 };
	struct sm_error error;
	struct sm_plan *plan;
	int seen[2][8][16] = { 0 };
	int last = 0;

	(void)state;
	write_file("scenarios/y.ini", "[a]\nstrategy = popen, zygote\nblocks = 3\n", 0644);
	plan = make(text, opt, &error);
	assert_non_null(plan);
	assert_int_equal(plan->nvisits, 5 * 8 + 3 * 2 + 2 * 3);
	for (int i = 0; i < plan->nvisits; i++) {
		const struct sm_visit *v = &plan->visits[i];
		int s = plan->cases[v->icase].iscenario;

		assert_true(s * 8 + v->block >= last);
		last = s * 8 + v->block;
		seen[s][v->block][v->icase]++;
	}
	for (int b = 0; b < 8; b++) {
		for (int c = 0; c < 5; c++)
			assert_int_equal(seen[0][b][c], 1);
		for (int c = 5; c < 8; c++) /* 2 of 8 blocks, spread */
			assert_int_equal(seen[0][b][c], b == 2 || b == 6);
		for (int c = 8; c < 10; c++)
			assert_int_equal(seen[1][b][c], b < 3);
	}
	sm_plan_free(plan);
}

static bool same_order(const struct sm_plan *a, const struct sm_plan *b)
{
	return a->nvisits == b->nvisits &&
	       !memcmp(a->visits, b->visits, (size_t)a->nvisits * sizeof(*a->visits));
}

static void test_seeds(void **state)
{
	static const char text[] = "[a]\nstrategy = popen, vfork, fork, zygote\nblocks = 6\n";
	struct sm_plan_options one = { .seed = 1 }, two = { .seed = 2 };
	struct sm_error error;
	struct sm_plan *a = make(text, one, &error), *b = make(text, one, &error);
	struct sm_plan *c = make(text, two, &error);
	bool differs = false;

	(void)state;
	assert_true(same_order(a, b));
	assert_false(same_order(a, c));
	for (int i = 4; i < a->nvisits; i++) /* blocks differ from one another as well */
		differs |= a->visits[i].icase != a->visits[i - 4].icase;
	assert_true(differs);
	assert_int_equal(c->seed, 2);
	sm_plan_free(a);
	sm_plan_free(b);
	sm_plan_free(c);
}

/* The published first outputs of splitmix64 for the seed 1234567. */
static void test_generator(void **state)
{
	uint64_t s = 1234567;
	int counts[3] = { 0 };

	(void)state;
	assert_true(sm_random_next(&s) == 6457827717110365317ULL);
	assert_true(sm_random_next(&s) == 3203168211198807973ULL);
	for (int i = 0; i < 30000; i++)
		counts[sm_random_below(&s, 3)]++;
	for (int i = 0; i < 3; i++)
		assert_in_range(counts[i], 9500, 10500);
}

static void test_budget(void **state)
{
	static const char text[] = "[a]\nstrategy = popen, vfork\nblocks = 20\nbudget = 10s\n";
	struct sm_error error;
	static const char *const both[] = { "x", "y", NULL };
	struct sm_plan_options two = { .names = both };
	struct sm_plan *plan = good(text);
	const int64_t s = 1000000000;

	(void)state;
	assert_int_equal(plan->budget_ms, 10000);
	assert_false(sm_plan_enough(plan, 0, 99 * s));
	assert_false(sm_plan_enough(plan, 1, 99 * s)); /* in the middle of a block */
	assert_true(sm_plan_enough(plan, 2, 11 * s));  /* one block took all the time */
	assert_false(sm_plan_enough(plan, 10, 9 * s)); /* five blocks: one more will be late */
	assert_true(sm_plan_enough(plan, 10, 10 * s));
	assert_false(sm_plan_enough(plan, 12, 6 * s));
	assert_true(sm_plan_enough(plan, 12, 9 * s)); /* six: the next would end at 10.5 s */
	assert_false(sm_plan_enough(plan, 40, 99 * s));
	plan->budget_ms = 0;
	assert_false(sm_plan_enough(plan, 12, 99 * s));
	sm_plan_free(plan);
	assert_null(make(text, two, &error));
	assert_non_null(strstr(error.text, "'budget' must run alone"));
}

/* Mistakes that only the planner can see. */
static const struct {
	const char *text, *set, *message;
} mistakes[] = {
	{ "[a]\nstrategy = zygote\ntarget = static\n", NULL,
	  "x.ini:3: target 'static' needs a strategy that execs every child (popen, vfork), not "
	  "'zygote'" },
	{ "[a]\npayload = heap\ntarget = nolibc\n", NULL,
	  "x.ini:3: key 'target' means nothing for payload = heap; expected none" },
	{ "[a]\nheap_mb = 3\n", NULL,
	  "x.ini:2: key 'heap_mb' means nothing for payload = none; expected heap" },
	{ "[a]\nalive = 3\n", NULL,
	  "x.ini:2: key 'alive' means nothing for kind = latency; expected kind = memory" },
	{ "[a]\nkind = throughput\npin = free\n", NULL, "x.ini:3: key 'pin' means nothing" },
	{ "[a]\nblocks = 2\naudit = 10\n", NULL,
	  "x.ini:3: key 'audit' watches one host over one block; expected blocks = 1, not 2" },
	{ "[a]\nkind = memory\nfloor = yes\n", NULL,
	  "x.ini:3: key 'floor' means nothing for kind = memory; expected kind = latency" },
	{ "[a]\nrate = 3\n", NULL,
	  "x.ini:2: key 'rate' means nothing for kind = latency; expected kind = open" },
	{ "[a]\nkind = open\nrates = 3\n", NULL,
	  "x.ini:3: key 'rates' means nothing for kind = open; expected kind = capacity" },
	{ "[a]\nkind = capacity\npin = free\n", NULL, "x.ini:3: key 'pin' means nothing" },
	{ "[a]\npayload = ./nowhere\n", NULL, "x.ini:2: payload './nowhere' does not exist" },
	{ "[a]\npayload = python\ninterpreter = /no/python\n", NULL,
	  "x.ini:3: interpreter '/no/python' does not exist" },
	{ "[a]\npayload = python\ninterpreter = nopython9\n", NULL,
	  "x.ini:3: interpreter 'nopython9' does not exist" },
	{ "[a]\n", "heap_mb=64", "--set: key 'heap_mb' means nothing in any section" },
	{ "[a]\n", "strategy=popn", "--set: unknown strategy 'popn'; did you mean 'popen'?" },
	{ "[a]\n", "payload=./no", "--set: payload './no' does not exist" },
};

static void test_mistakes(void **state)
{
	struct sm_error error;

	(void)state;
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++) {
		const char *const set[] = { mistakes[i].set, NULL };
		struct sm_plan_options opt = { .set = set };

		if (make(mistakes[i].text, opt, &error))
			fail_msg("accepted: %s", mistakes[i].text);
		if (!strstr(error.text, mistakes[i].message))
			fail_msg("gave '%s'\n not '%s'", error.text, mistakes[i].message);
	}
}

static void test_missing_files(void **state)
{
	static const char *const wrong[] = { "z", NULL }, *const file[] = { "./nofile.ini", NULL };
	static const char *const twice[] = { "x", "x", NULL };
	struct sm_plan_options opt = { .names = wrong };
	struct sm_error error;

	(void)state;
	assert_null(make("[a]\n", opt, &error));
	assert_non_null(strstr(error.text, "no scenario 'z'"));
	assert_non_null(strstr(error.text, "known: x, y"));
	opt.names = file;
	assert_null(make(NULL, opt, &error));
	assert_non_null(strstr(error.text, "no scenario './nofile.ini'"));
	opt.names = twice;
	assert_null(make(NULL, opt, &error));
	assert_non_null(strstr(error.text, "is named twice"));
	assert_int_equal(unlink(at("build/payloads/heap")), 0);
	assert_null(make("[a]\nstrategy = zygote\npayload = heap\n", plain, &error));
	assert_non_null(strstr(error.text, "build/payloads/heap is missing"));
	assert_non_null(strstr(error.text, "run `make`"));
	write_file("build/payloads/heap", "", 0755);
}

/* The command line: what is understood, and what each mistake is told. */
static void test_options(void **state)
{
	static const struct {
		const char *argv[6];
		const char *message;
	} bad[] = {
		{ { "spawnmark" },
		  "no command; expected run, try, conform, list, probe or doctor" },
		{ { "spawnmark", "doctor", "x" }, "doctor: unexpected 'x'" },
		{ { "spawnmark", "rnu" }, "unknown command 'rnu'; did you mean 'run'?" },
		{ { "spawnmark", "run" }, "run: no scenario" },
		{ { "spawnmark", "run", "x", "--onyl", "a" },
		  "unknown option '--onyl'; did you mean '--only'?" },
		{ { "spawnmark", "list", "keys", "--quick" }, "unknown option '--quick'" },
		{ { "spawnmark", "run", "x", "--only" }, "option '--only' needs a value" },
		{ { "spawnmark", "run", "x", "--seed", "0" }, "--seed '0' is not valid" },
		{ { "spawnmark", "run", "x", "--quick=1" }, "option without value: '--quick'" },
		{ { "spawnmark", "run", "x", "--clock", "tsc" },
		  "--clock 'tsc' is not valid; expected time or icount" },
		{ { "spawnmark", "run", "x", "--attach", "a" }, "--attach 'a' is not valid" },
		{ { "spawnmark", "try", "import", "pandas" }, "put the code into quotes" },
	};
	char *ok[] = { "spawnmark", "run", "x",  "y.ini", "--set", "a=1", "--set=b=2", "--quick",
		       "--seed",    "9",   "-o", "out",   "--",    "-z",  NULL };
	char *icount[] = { "spawnmark", "run", "x", "--clock", "icount", NULL };
	struct sm_options o;
	struct sm_error error;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		int n = 0;

		while (n < 6 && bad[i].argv[n])
			n++;
		assert_int_equal(sm_options_parse(&o, n, (char **)bad[i].argv, &error), -EINVAL);
		if (!strstr(error.text, bad[i].message))
			fail_msg("gave '%s', not '%s'", error.text, bad[i].message);
	}
	assert_int_equal(sm_options_parse(&o, 14, ok, &error), 0);
	assert_int_equal(o.command, SM_COMMAND_RUN);
	assert_int_equal(o.nargs, 3);
	assert_string_equal(o.args[2], "-z");
	assert_string_equal(o.set[1], "b=2");
	assert_true(o.quick && o.report && o.seed == 9 && !strcmp(o.out_dir, "out"));
	assert_int_equal(o.clock, SM_CLOCK_TIME);
	assert_int_equal(sm_options_parse(&o, 5, icount, &error), 0);
	assert_int_equal(o.clock, SM_CLOCK_ICOUNT);
}

/* Where the clock counts instructions, no meter of noise says anything. */
static void test_clock(void **state)
{
	const char *const text = "[a]\nstrategy = zygote\nnoise_psi = 5%\nreruns = 3\n";
	struct sm_plan_options opt = plain;
	struct sm_error error;
	struct sm_plan *plan;

	(void)state;
	for (int clock = SM_CLOCK_TIME; clock <= SM_CLOCK_ICOUNT; clock++) {
		bool time = clock == SM_CLOCK_TIME;

		opt.clock = (enum sm_clock)clock;
		plan = make(text, opt, &error);
		assert_non_null(plan);
		assert_int_equal(plan->clock, clock);
		assert_int_equal(plan->cases[0].noise_psi, time ? 5 : 0);
		assert_int_equal(plan->cases[0].noise_steal, time ? 10 : 0);
		assert_int_equal(plan->cases[0].reruns, time ? 3 : 0);
		sm_plan_free(plan);
	}
	assert_null(make("[a]\nstrategy = zygote\nkind = open\n", opt, &error));
	assert_non_null(strstr(error.text, "scenarios/x.ini:3: kind = open is about time"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sweeps),
		cmocka_unit_test(test_exec_counts),
		cmocka_unit_test(test_python_command),
		cmocka_unit_test(test_targets_and_paths),
		cmocka_unit_test(test_twins_are_told_apart),
		cmocka_unit_test(test_throughput_is_pinned),
		cmocka_unit_test(test_semicolons),
		cmocka_unit_test(test_floors),
		cmocka_unit_test(test_floors_of_one_section),
		cmocka_unit_test(test_floors_and_ballast),
		cmocka_unit_test(test_only),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_seeds),
		cmocka_unit_test(test_generator),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_missing_files),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_clock),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
