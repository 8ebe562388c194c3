/* SPDX-License-Identifier: MIT */
/* test_noise.c - what disturbed a block is seen, judged, and measured again within its limits. */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "../driver/collect.h"
#include "../driver/json.h"
#include "../driver/noise.h"
#include "../driver/rerun.h"
#include "run_util.h"
#include "tree_util.h"

#define CPUFREQ "/sys/devices/system/cpu/cpu1/cpufreq/"

static const char *const zygote[] = { "zygote", NULL };
static const char *const both[] = { "popen", "zygote", NULL };

static struct sm_cpuset only(int cpu)
{
	struct sm_cpuset set;

	CPU_ZERO(&set.bits);
	CPU_SET(cpu, &set.bits);
	return set;
}

/* CPU 1 has used 5 ticks, and lost 3, between the two; CPU 0 much more. */
static void take_two(const struct tree *t, struct sm_noise_at *a, struct sm_noise_at *b)
{
	struct sm_cpuset set = only(1);

	tree_put(t, "/proc/stat",
		 "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 0 0 0 0 0 0 0 0 0 0\n"
		 "cpu1 100 0 50 900 0 1 2 7 0 0\nintr 1 2 3\n");
	sm_noise_take(t->root, &set, a);
	tree_put(t, "/proc/stat",
		 "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 70 0 0 0 0 0 0 70 0 0\n"
		 "cpu1 103 0 51 902 0 1 3 10 0 0\nintr 1 2 3\n");
	if (a->psi_some_ns >= 0)
		tree_put(t, "/proc/pressure/cpu",
			 "some avg10=12.50 avg60=1.00 avg300=0.10 total=4500\n"
			 "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
	if (a->khz_n)
		tree_put(t, CPUFREQ "scaling_cur_freq", "3000000\n");
	sm_noise_take(t->root, &set, b);
	a->at_ns = 1000000000;
	b->at_ns = 1100000000;
}

static void test_meters(void **state)
{
	struct sm_noise n = { 0 };
	struct sm_noise_at a, b;
	struct tree t = { "" };

	(void)state;
	tree_make(&t);
	tree_put(&t, "/proc/pressure/cpu", "some avg10=1.00 avg60=1.00 avg300=0.10 total=500\n");
	tree_put(&t, "/proc/loadavg", "1.25 0.18 0.12 3/80 11206\n");
	tree_put(&t, CPUFREQ "scaling_cur_freq", "2000000\n");
	tree_put(&t, CPUFREQ "cpuinfo_max_freq", "4000000\n");
	take_two(&t, &a, &b);
	sm_noise_add(&n, &a, &b, 20000000);
	assert_int_equal(n.parts, 1);
	assert_int_equal(n.cpus, 1);
	assert_int_equal(n.wall_ns, 100000000);
	assert_int_equal(n.cpu_ns, 100000000);
	assert_int_equal(n.steal_ns, 30000000);
	assert_int_equal(n.others_ns, 30000000); /* 5 ticks, 2 of them ours */
	assert_int_equal(n.psi_some_ns, 4000000);
	assert_float_equal(n.psi_avg10, 12.5, 1e-9);
	assert_float_equal(n.load1, 1.25, 1e-9);
	assert_int_equal(n.runnable, 3);
	assert_int_equal(n.khz_min, 2000000);
	assert_int_equal(n.khz_max, 3000000);
	assert_int_equal(n.khz_sum / n.khz_n, 2500000);
	assert_int_equal(n.khz_top, 4000000);
	tree_free(&t);
}

/* A VM without clocks, a kernel without pressure: not known, never 0. */
static void test_absent(void **state)
{
	struct sm_noise n = { 0 };
	struct sm_noise_at a, b;
	struct sm_case c = { .noise_psi = 1, .noise_clock = 1, .noise_others = 1 };
	char text[160];
	struct tree t = { "" };

	(void)state;
	tree_make(&t);
	take_two(&t, &a, &b);
	sm_noise_add(&n, &a, &b, -1);
	assert_int_equal(n.psi_some_ns, -1);
	assert_true(n.psi_avg10 < 0 && n.load1 < 0);
	assert_int_equal(n.runnable, -1);
	assert_int_equal(n.khz_n, 0);
	assert_int_equal(n.others_ns, -1); /* nobody knows what was ours */
	assert_int_equal(sm_noise_judge(&c, &n, text, sizeof(text)), 0);
	tree_put(&t, "/proc/stat", NULL);
	memset(&n, 0, sizeof(n));
	sm_noise_take(t.root, &(struct sm_cpuset){ 0 }, &a);
	sm_noise_add(&n, &a, &a, 0);
	assert_int_equal(n.steal_ns, -1);
	/* What is not known stays so, whatever is added. */
	n = (struct sm_noise){ .parts = 1, .steal_ns = -1 };
	sm_noise_merge(&n, &(struct sm_noise){ .parts = 1, .steal_ns = 5, .wall_ns = 7 });
	assert_int_equal(n.steal_ns, -1);
	assert_int_equal(n.wall_ns, 7);
	tree_free(&t);
}

/* Another process on the CPU is others' time, whatever else this machine does. */
static void test_sees_others(void **state)
{
	struct sm_noise n = { 0 };
	struct sm_noise_at a, b;
	struct sm_cpus cpus;
	struct sm_cpuset set;
	pid_t pid;

	(void)state;
	assert_int_equal(sm_cpus_open(&cpus), 0);
	sm_cpus_for(&cpus, SM_PIN_SAME, &set);
	sm_noise_take("", &set, &a);
	pid = fork();
	if (pid == 0) {
		struct timespec ts = { 0 };

		if (sched_setaffinity(0, sizeof(set.bits), &set.bits))
			_exit(1);
		while (ts.tv_sec == 0 && ts.tv_nsec < 200000000)
			clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	sm_noise_take("", &set, &b);
	sm_noise_add(&n, &a, &b, 0);
	assert_true(n.others_ns > 100000000);
	assert_true(n.others_ns + n.steal_ns < n.wall_ns + 40000000);
}

static struct sm_noise noise_of(int64_t steal_ms, int64_t others_ms)
{
	return (struct sm_noise){ .parts = 1,
				  .cpus = 1,
				  .wall_ns = 1000000000,
				  .cpu_ns = 1000000000,
				  .steal_ns = steal_ms * 1000000,
				  .others_ns = others_ms * 1000000,
				  .psi_some_ns = 500000000,
				  .khz_n = 2,
				  .khz_sum = 5000000,
				  .khz_top = 4000000 };
}

static void test_judge(void **state)
{
	struct sm_case c = { .noise_steal = 10, .noise_others = 25 };
	struct sm_noise n = noise_of(110, 0);
	char text[160];

	(void)state;
	/* 11 % less the tick that it may owe to its own steps is 10 %: not over. */
	assert_int_equal(sm_noise_judge(&c, &n, text, sizeof(text)), 0);
	assert_string_equal(text, "");
	n = noise_of(150, 0);
	assert_int_equal(sm_noise_judge(&c, &n, text, sizeof(text)), 1u << SM_BOUND_STEAL);
	assert_string_equal(text, "steal 14 % > 10 %");
	n = noise_of(150, 420);
	assert_int_equal(sm_noise_judge(&c, &n, text, sizeof(text)),
			 1u << SM_BOUND_STEAL | 1u << SM_BOUND_OTHERS);
	assert_string_equal(text, "steal 14 % > 10 %; others' CPU time 40 % > 25 %");
	/* One tick in a block of 5 ms is no evidence. */
	n = (struct sm_noise){ .parts = 1, .cpus = 1, .cpu_ns = 5000000, .steal_ns = 10000000 };
	assert_int_equal(sm_noise_judge(&c, &n, text, sizeof(text)), 0);
	/* Without a bound nothing is too much; with one, what is recorded counts. */
	n = noise_of(990, 990);
	c = (struct sm_case){ 0 };
	assert_int_equal(sm_noise_judge(&c, &n, text, sizeof(text)), 0);
	c.noise_psi = 49;
	c.noise_clock = 37;
	assert_int_equal(sm_noise_judge(&c, &n, text, sizeof(text)),
			 1u << SM_BOUND_PSI | 1u << SM_BOUND_CLOCK);
	assert_string_equal(text,
			    "CPU pressure 50 % > 49 %; clock below its highest by 37.5 % > 37 %");
	n.parts = 0; /* an empty block */
	assert_int_equal(sm_noise_judge(&c, &n, text, sizeof(text)), 0);
}

/* Two cases of ten blocks, all of them noisy. */
static struct sm_plan plan_of(struct sm_case cases[2], int share)
{
	for (int i = 0; i < 2; i++)
		cases[i] = (struct sm_case){ .kind = SM_KIND_LATENCY,
					     .reruns = 2,
					     .rerun_share = share };
	return (struct sm_plan){ .cases = cases, .ncases = 2, .nvisits = 20 };
}

/* Notes every visit of the plan, each of which takes ns; returns how often it is done again. */
static int all_noisy(const struct sm_plan *plan, int64_t ns, int by_case[2])
{
	struct sm_block b = { .over = 1 };
	struct sm_reruns q;
	int64_t elapsed = 0;
	int n = 0, icase, order;

	by_case[0] = by_case[1] = 0;
	assert_int_equal(sm_reruns_open(&q, plan), 0);
	for (int i = 0; i < plan->nvisits; i++) {
		elapsed += ns;
		sm_reruns_note(&q, i % 2, &b, ns, elapsed, i + 1);
		while (sm_reruns_next(&q, &icase, &order)) {
			struct sm_block quiet = { .rerun = 1 };

			assert_int_equal(order, plan->nvisits + n);
			elapsed += ns;
			sm_reruns_note(&q, icase, &quiet, ns, elapsed, i + 1);
			by_case[icase]++;
			n++;
		}
	}
	sm_reruns_close(&q);
	return n;
}

static void test_limits(void **state)
{
	struct sm_case cases[2];
	struct sm_plan plan = plan_of(cases, 100);
	int by[2];

	(void)state;
	assert_int_equal(all_noisy(&plan, 1000, by), 4); /* two of each case */
	assert_int_equal(by[0], 2);
	plan = plan_of(cases, 10);
	assert_int_equal(sm_reruns_most(&plan), 2);
	assert_int_equal(all_noisy(&plan, 1000, by), 2); /* a tenth of 20 */
	cases[0].reruns = cases[1].reruns = 0;
	assert_int_equal(all_noisy(&plan, 1000, by), 0);
	plan = plan_of(cases, 0);
	assert_int_equal(all_noisy(&plan, 1000, by), 0);
	/* No more time than there is. */
	plan = plan_of(cases, 100);
	plan.budget_ms = 1;
	assert_int_equal(all_noisy(&plan, 2000000, by), 0);
	/* Not what stands for nothing by itself. */
	plan = plan_of(cases, 100);
	cases[0].kind = SM_KIND_CAPACITY;
	cases[1].audit = 100;
	assert_int_equal(all_noisy(&plan, 1000, by), 0);
	cases[0].kind = SM_KIND_MEMORY;
	assert_int_equal(all_noisy(&plan, 1000, by), 0);
}

/* A tenth of the time as well. */
static void test_time_is_limited(void **state)
{
	struct sm_case cases[2];
	struct sm_plan plan = plan_of(cases, 10);
	struct sm_block b = { .over = 1 };
	struct sm_reruns q;
	int icase, order;

	(void)state;
	assert_int_equal(sm_reruns_open(&q, &plan), 0);
	sm_reruns_note(&q, 0, &b, 12000, 13000, 2);
	assert_int_equal(q.nwanted, 1);
	sm_reruns_note(&q, 1, &b, 1000, 14000,
		       4); /* as long as the run seems now, it is too much */
	assert_int_equal(q.nwanted, 1);
	/* It took less than was feared. */
	assert_true(sm_reruns_next(&q, &icase, &order));
	b = (struct sm_block){ .rerun = 1 };
	sm_reruns_note(&q, 0, &b, 100, 14100, 4);
	assert_int_equal(q.spent_ns, 100);
	assert_int_equal(q.nwanted, 0);
	b = (struct sm_block){ .over = 1 };
	sm_reruns_note(&q, 1, &b, 1000, 15100, 5);
	assert_int_equal(q.nwanted, 1);
	sm_reruns_close(&q);
}

/* Both sides of a pair go again, as they were visited, and count as two. */
static void test_pairs(void **state)
{
	struct sm_visit visits[20] = { { 0, 1 }, { 0, 0 }, { 1, 0 }, { 1, 1 } };
	struct sm_block b = { .over = 1, .order = 1 };
	struct sm_case cases[2];
	struct sm_plan plan = plan_of(cases, 25);
	struct sm_reruns q;
	int icase, order;

	(void)state;
	plan.visits = visits;
	for (int i = 0; i < 2; i++) {
		cases[i].side = i ? SM_SIDE_BASE : SM_SIDE_NEW;
		cases[i].partner = !i;
		cases[i].reruns = 9;
	}
	assert_int_equal(sm_reruns_open(&q, &plan), 0);
	assert_int_equal(q.most, 5);
	sm_reruns_note(&q, 0, &b, 1000, 2000, 2); /* the second of the two */
	b.order = 0;
	sm_reruns_note(&q, 1, &b, 1000, 2000, 2); /* waits already */
	assert_true(sm_reruns_next(&q, &icase, &order));
	assert_int_equal(icase, 1);
	assert_true(sm_reruns_next(&q, &icase, &order));
	assert_int_equal(icase, 0);
	assert_false(sm_reruns_next(&q, &icase, &order));
	b.order = 2;
	sm_reruns_note(&q, 0, &b, 1, 1000000, 3);
	assert_true(sm_reruns_next(&q, &icase, &order));
	assert_int_equal(icase, 0);
	assert_true(sm_reruns_next(&q, &icase, &order));
	/* One is left, and half a pair is none. */
	sm_reruns_note(&q, 0, &b, 1, 1000000, 3);
	assert_false(sm_reruns_next(&q, &icase, &order));
	sm_reruns_close(&q);
}

static void test_supersede(void **state)
{
	struct sm_result r = { 0 };

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct sm_block *b = sm_collect_one(&r.blocks, r.nblocks++, sizeof(*b));

		b->index = i < 2 ? i : 1;
		b->order = 10 + i;
		for (int k = 0; k < 2; k++) {
			struct sm_load *l = sm_collect_one(&r.loads, r.nloads++, sizeof(*l));

			l->order = b->order;
			l->children = 100 * i + k;
		}
	}
	assert_int_equal(sm_rerun_supersede(&r), 0);
	assert_int_equal(r.nblocks, 2);
	assert_int_equal(r.blocks[1].order, 12);
	assert_int_equal(r.blocks[1].rerun_of, 11);
	assert_int_equal(r.blocks[1].rerun, 1);
	assert_int_equal(r.nsuperseded, 1);
	assert_int_equal(r.superseded[0].order, 11);
	assert_int_equal(r.nloads, 4);
	assert_int_equal(r.loads[2].children, 200);
	assert_int_equal(r.nsuperseded_loads, 2);
	assert_int_equal(r.superseded_loads[1].children, 101);
	sm_result_free(&r);
}

/* Visit 1 was stolen from, and the first that takes its place; all is quiet otherwise. */
static void stolen(int order, struct sm_noise *n)
{
	*n = noise_of(order == 1 || order == 6 ? 500 : 0, 0);
}

static void always(int order, struct sm_noise *n)
{
	(void)order;
	*n = noise_of(500, 0);
}

/* Three blocks of two cases, or of one. */
static json_t *run_with(struct tiny *t, const char *const *strategies, enum sm_kind kind,
			void (*meter)(int order, struct sm_noise *n))
{
	char *argv[] = { (char *)"test", NULL };
	struct sm_run_options opt = { .root = "/nonexistent", .argv = argv, .meter = meter };
	struct sm_error error;

	tiny_make(t, strategies, 3);
	for (int i = 0; i < t->plan.ncases; i++) {
		t->cases[i].kind = kind;
		t->cases[i].cpus = t->cases[i].in_flight = (struct sm_list){ 1, { 1 } };
		t->cases[i].rates = (struct sm_list){ 1, { 100 } };
		t->cases[i].rate = 100;
		t->cases[i].limit = 8;
		t->cases[i].points = 2;
		t->cases[i].burst = 1;
		t->cases[i].patience_ms = t->cases[i].longest_ms = 200;
		t->cases[i].bound_ms = 1000;
		t->cases[i].noise_steal = 10;
		t->cases[i].reruns = 2;
		t->cases[i].rerun_share = 1000; /* a loaded machine makes some blocks long */
	}
	opt.out_dir = t->dir;
	if (sm_run_all(&t->plan, &opt, &error))
		fail_msg("%s", error.text);
	assert_valid(t->dir);
	return tiny_results(t);
}

static json_int_t whole(json_t *o, const char *key)
{
	json_t *v = json_object_get(o, key);

	assert_true(json_is_integer(v));
	return json_integer_value(v);
}

static json_t *list(json_t *o, const char *key, size_t n)
{
	json_t *v = json_object_get(o, key);

	assert_true(json_is_array(v));
	assert_int_equal(json_array_size(v), n);
	return v;
}

static json_t *reruns_of(json_t *top)
{
	json_t *mark = json_object_get(json_object_get(top, "context"), "spawnmark");

	return json_object_get(mark, "noise");
}

/* Rows of samples.bin.gz that are flagged as superseded; *all: of all of them. */
static int superseded_rows(const struct tiny *t, int *all)
{
	char path[128], line[4096];
	unsigned char row[144];
	int n = 0;
	gzFile gz;

	snprintf(path, sizeof(path), "%s/samples.bin.gz", t->dir);
	gz = gzopen(path, "rb");
	assert_non_null(gz);
	assert_non_null(gzgets(gz, line, sizeof(line)));
	for (*all = 0; gzread(gz, row, sizeof(row)) == (int)sizeof(row); ++*all)
		n += (row[sizeof(row) - 8] & SM_SAMPLE_SUPERSEDED) != 0; /* flags, stage, err */
	gzclose(gz);
	return n;
}

static void test_run_again(void **state)
{
	json_t *top, *c, *blocks, *old, *one;
	struct tiny t;
	int all;

	(void)state;
	top = run_with(&t, both, SM_KIND_LATENCY, stolen);
	c = tiny_case(top, 0);
	list(c, "superseded", 0);
	c = tiny_case(top, 1);
	blocks = list(c, "blocks", 3);
	old = list(c, "superseded", 2);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(whole(json_array_get(blocks, i), "index"), i);
	/* The first took visit 1's place, the second its. */
	assert_int_equal(whole(json_array_get(old, 0), "order"), 1);
	assert_int_equal(whole(json_array_get(old, 1), "order"), 6);
	assert_int_equal(whole(json_array_get(old, 1), "rerun_of"), 1);
	one = json_array_get(blocks, 0);
	assert_int_equal(whole(one, "order"), 7);
	assert_int_equal(whole(one, "rerun_of"), 6);
	assert_true(json_is_null(json_object_get(one, "noisy")));
	one = json_array_get(old, 0);
	assert_true(json_is_true(json_object_get(one, "superseded")));
	assert_string_equal(json_string_value(json_object_get(one, "noisy")), "steal 49 % > 10 %");
	assert_int_equal(whole(one, "n"), 3);
	assert_true(json_is_number(json_object_get(json_object_get(one, "medians"), "ready")));
	/* In no figure: 3 blocks of 3 samples. */
	one = json_object_get(json_object_get(c, "metrics"), "ready");
	assert_int_equal(whole(one, "n"), 9);
	list(one, "blocks", 3);
	assert_int_equal(whole(json_object_get(c, "cpu"), "children"), 12); /* warm-ups too */
	one = reruns_of(top);
	assert_int_equal(whole(one, "blocks"), 6);
	assert_int_equal(whole(one, "rerun"), 2);
	assert_int_equal(whole(one, "noisy_used"), 0);
	assert_int_equal(whole(json_object_get(json_object_get(one, "reasons"), "steal"), "rerun"),
			 2);
	/* Kept, all the same. */
	assert_int_equal(superseded_rows(&t, &all), 2 * 4);
	assert_int_equal(all, 8 * 4);
	json_decref(top);
	tiny_free(&t);
	assert_no_child();
}

/* Where it never ends, the last ones are used, and flagged. */
static void test_run_exhausted(void **state)
{
	json_t *top, *c, *blocks;
	struct tiny t;

	(void)state;
	top = run_with(&t, zygote, SM_KIND_LATENCY, always);
	c = tiny_case(top, 0);
	blocks = list(c, "blocks", 3);
	list(c, "superseded", 2);
	for (size_t i = 0; i < 3; i++)
		assert_true(json_is_string(json_object_get(json_array_get(blocks, i), "noisy")));
	assert_int_equal(whole(reruns_of(top), "noisy_used"), 3);
	assert_int_equal(whole(json_object_get(json_object_get(c, "metrics"), "ready"), "n"), 9);
	json_decref(top);
	tiny_free(&t);
}

static void test_run_of_loads(void **state)
{
	json_t *top, *c, *old, *point;
	struct tiny t;

	(void)state;
	top = run_with(&t, zygote, SM_KIND_THROUGHPUT, stolen);
	c = tiny_case(top, 0);
	list(c, "blocks", 3);
	old = list(c, "superseded", 1); /* visits 0, 1, 2 and, for 1, 3 */
	point = json_array_get(list(c, "throughput", 1), 0);
	list(point, "blocks", 3);
	assert_true(whole(json_array_get(list(json_array_get(old, 0), "loads", 1), 0), "children") >
		    0);
	json_decref(top);
	tiny_free(&t);
}

/* The real meters, whatever they say here: each kind that lasts is metered all the while. */
static void test_run_is_metered(void **state)
{
	static const enum sm_kind kinds[] = { SM_KIND_LATENCY, SM_KIND_THROUGHPUT, SM_KIND_OPEN,
					      SM_KIND_CAPACITY };

	(void)state;
	for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++) {
		struct tiny t;
		json_t *top = run_with(&t, zygote, kinds[k], NULL), *b, *n;

		b = json_array_get(list(tiny_case(top, 0), "blocks", 3), 1);
		n = json_object_get(b, "noise");
		assert_true(whole(n, "wall_ns") > (kinds[k] == SM_KIND_LATENCY ? 0 : 50000000));
		assert_int_equal(whole(n, "cpus"), 1);
		assert_true(json_is_number(json_object_get(n, "steal_share")));
		assert_true(whole(n, "runnable_tasks") > 0);
		assert_true(whole(n, "others_ns") >= 0);
		json_decref(top);
		tiny_free(&t);
	}
}

static void test_summary(void **state)
{
	struct sm_block blocks[3] = { { .over = 1u << SM_BOUND_OTHERS } };
	struct sm_block old = { .over = 1u << SM_BOUND_OTHERS | 1u << SM_BOUND_STEAL };
	struct sm_result r = { .blocks = blocks, .nblocks = 3 };
	struct sm_plan plan = { .ncases = 1 };
	struct sm_run run = { .plan = &plan, .results = &r };
	char text[200];

	(void)state;
	assert_true(sm_noise_summary(&run, text, sizeof(text)));
	assert_string_equal(text, "1 of 3 noisy, but used: others 1");
	r.superseded = &old;
	r.nsuperseded = 1;
	assert_true(sm_noise_summary(&run, text, sizeof(text)));
	assert_string_equal(text, "1 of 3 blocks re-run: steal 1, others 1; "
				  "1 of 3 noisy, but used: others 1");
	r.nsuperseded = 0;
	blocks[0].over = 0;
	assert_false(sm_noise_summary(&run, text, sizeof(text)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_meters),       cmocka_unit_test(test_absent),
		cmocka_unit_test(test_sees_others),  cmocka_unit_test(test_judge),
		cmocka_unit_test(test_limits),       cmocka_unit_test(test_time_is_limited),
		cmocka_unit_test(test_supersede),    cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_run_again),    cmocka_unit_test(test_run_exhausted),
		cmocka_unit_test(test_run_of_loads), cmocka_unit_test(test_run_is_metered),
		cmocka_unit_test(test_summary),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
