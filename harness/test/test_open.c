/* SPDX-License-Identifier: MIT */
/*
 * test_open.c - the open loop in the driver: the search of a capacity alone, on made-up machines,
 * what run.json says of it, and runs of both kinds on real hosts.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../driver/collect.h"
#include "../driver/json.h"
#include "../driver/results.h"
#include "../driver/search.h"
#include "run_util.h"

#define BOUND 10e6

static const struct sm_list ladder = { .n = 5, .v = { 800, 100, 200, 400, 1600 } };

/* A machine that carries this rate; every stall'th try of a rate below fails all the same. */
struct machine {
	double carries;
	double blind_below; /* too few arrivals to say anything */
	int stall, tries;
	int bad_start; /* so many tries fail, whatever the rate */
};

static enum sm_rate_verdict ask(struct machine *m, double rate)
{
	m->tries++;
	if (rate < m->blind_below)
		return SM_RATE_UNKNOWN;
	if (rate > m->carries || (m->stall && m->tries % m->stall == 0) || m->tries <= m->bad_start)
		return SM_RATE_FAILS;
	return SM_RATE_HOLDS;
}

static struct sm_found search(struct machine *m, int most)
{
	struct sm_search s;
	double rate;

	sm_search_begin(&s, &ladder, most);
	while (sm_search_next(&s, &rate)) {
		assert_true(rate > 0 && s.n < most);
		sm_search_add(&s, rate, ask(m, rate));
	}
	assert_int_equal(s.n, m->tries);
	return sm_search_found(&s);
}

static void test_search_closes_in(void **state)
{
	(void)state;
	for (int i = 0; i < 40; i++) {
		double carries = 100 * pow(1.07, i);
		struct machine m = { .carries = carries };
		struct sm_found f = search(&m, 64);

		assert_true(f.holds <= carries && carries < f.fails);
		assert_true(f.fails / f.holds <= SM_SEARCH_STEP + 0.01);
		assert_true(m.tries <= 18);
	}
}

static void test_search_survives_stalls(void **state)
{
	(void)state;
	for (int stall = 2; stall < 7; stall++) {
		struct machine m = { .carries = 500, .stall = stall };
		struct sm_found f = search(&m, 64);

		assert_true(f.holds <= 500 && f.fails > 500 && f.fails / f.holds < 1.12);
	}
}

/* What failed twice at the lowest rate is a limit only when the next one fails too. */
static void test_search_survives_a_bad_start(void **state)
{
	struct machine m = { .carries = 500, .bad_start = 2 };
	struct sm_found f = search(&m, 64);

	(void)state;
	assert_true(f.holds <= 500 && f.fails > 500 && f.fails / f.holds < 1.12);
}

static void test_search_tells_where_it_ended(void **state)
{
	struct machine strong = { .carries = 1e9 }, weak = { .carries = 1 };
	struct machine blind = { .carries = 500, .blind_below = 300 };
	struct machine mute = { .carries = 1e9, .blind_below = 1e9 };
	struct machine few = { .carries = 500 };
	struct sm_found f = search(&strong, 64);

	(void)state;
	assert_true(f.holds == 1600 && f.fails == 0); /* at least */
	assert_int_equal(strong.tries, 5);
	f = search(&weak, 64);
	assert_true(f.holds == 0 && f.fails == 100 && !f.hopeless); /* at most */
	assert_int_equal(weak.tries, 3);                            /* 100 twice, 200 */
	f = search(&blind, 64);
	assert_true(f.holds <= 500 && f.fails > 500); /* what it cannot tell it passes by */
	f = search(&mute, 64);
	assert_true(f.holds == 0 && f.fails == 0);
	assert_int_equal(mute.tries, 5);
	f = search(&few, 6); /* 100, 200, 400, 800 twice, 1600 */
	assert_int_equal(few.tries, 6);
	assert_true(f.holds == 400 && f.fails == 800);
}

static void test_search_stops_at_what_is_hopeless(void **state)
{
	struct sm_search s;
	struct sm_found f;
	double rate;

	(void)state;
	sm_search_begin(&s, &ladder, 64);
	assert_true(sm_search_next(&s, &rate) && rate == 100);
	sm_search_add(&s, 100, SM_RATE_HOPELESS);
	assert_false(sm_search_next(&s, &rate));
	f = sm_search_found(&s);
	assert_true(f.hopeless && f.holds == 0 && f.fails == 100);
}

/* n values of which `over` are at twice the bound. */
static enum sm_rate_verdict judge(size_t n, size_t over, int64_t failed, int64_t missed)
{
	static double v[1000];

	for (size_t i = 0; i < n; i++)
		v[i] = i < n - over ? BOUND / 2 : BOUND * 2;
	return sm_search_judge(v, n, n > over ? BOUND / 2 : BOUND * 2, failed, missed, BOUND);
}

static void test_judge(void **state)
{
	(void)state;
	assert_int_equal(judge(1000, 9, 0, 0), SM_RATE_HOLDS);
	assert_int_equal(judge(1000, 11, 0, 0), SM_RATE_FAILS);
	assert_int_equal(judge(1000, 0, 1, 0), SM_RATE_FAILS);
	assert_int_equal(judge(1000, 0, 0, 1), SM_RATE_FAILS);
	assert_int_equal(judge(1000, 1000, 0, 0), SM_RATE_HOPELESS);
	assert_int_equal(judge(100, 0, 0, 0), SM_RATE_HOLDS);
	/* All late, but not one that was slow: a queue. */
	assert_int_equal(sm_search_judge((double[]){ 3 * BOUND, 4 * BOUND, 5 * BOUND }, 3,
					 BOUND / 2, 0, 0, BOUND),
			 SM_RATE_FAILS);
	/* 99 cannot carry a p99: only that most of them are over it says enough. */
	assert_int_equal(judge(99, 0, 0, 0), SM_RATE_UNKNOWN);
	assert_int_equal(judge(99, 40, 0, 0), SM_RATE_UNKNOWN);
	assert_int_equal(judge(99, 60, 0, 0), SM_RATE_FAILS);
	assert_int_equal(judge(2, 2, 0, 0), SM_RATE_UNKNOWN);
	assert_int_equal(judge(3, 3, 0, 0), SM_RATE_HOPELESS);
	assert_int_equal(judge(0, 0, 0, 0), SM_RATE_UNKNOWN);
	assert_int_equal(judge(0, 0, 0, 9), SM_RATE_FAILS);
}

static void test_duration_grows_at_low_rates(void **state)
{
	(void)state;
	assert_int_equal(sm_search_duration_ms(1000, 300, 3000), 300);
	assert_int_equal(sm_search_duration_ms(100, 300, 3000), 1300);
	assert_int_equal(sm_search_duration_ms(2, 300, 3000), 3000);
}

static const char *const one[] = { "zygote", NULL };

struct made {
	struct tiny t;
	struct sm_run run;
	struct sm_result result;
};

static void make(struct made *m, int blocks)
{
	struct sm_case *c;

	memset(m, 0, sizeof(*m));
	c = &m->t.cases[0];
	tiny_make(&m->t, one, blocks);
	c->kind = SM_KIND_CAPACITY;
	c->rates = ladder;
	c->points = 64;
	c->bound_ms = 10;
	c->longest_ms = 3000;
	for (int i = 0; i < blocks; i++) {
		struct sm_block *b = sm_collect_one(&m->result.blocks, i, sizeof(*b));

		b->index = i;
		b->cpu.total_ns = -1;
		m->result.nblocks++;
	}
}

/* A try whose spawns are all ready `late_ms` after their arrival, asked for half of it later. */
static void add_point(struct made *m, int block, double rate, enum sm_rate_verdict verdict,
		      int64_t late_ms)
{
	struct sm_point *p = sm_collect_one(&m->result.points, m->result.npoints++, sizeof(*p));

	p->rate = rate;
	p->verdict = verdict;
	p->got = (struct sm_block){ .index = block,
				    .cpu = { .total_ns = 30000000 },
				    .offered = 10,
				    .missed = late_ms > 100 ? 7 : 0,
				    .wall_ns = 1000000000 };
	for (int i = 0; i < 3; i++) {
		int64_t at = (i + 1) * INT64_C(1000000000), late = late_ms * 1000000;
		struct sm_sample s = { .intended_ns = at,
				       .request_ns = at + late / 2,
				       .ready_ns = at + late };

		assert_int_equal(sm_collect_samples(&p->got.samples, &p->got.nsamples, &s, 1), 0);
	}
}

static json_t *told(struct made *m)
{
	static char *argv[] = { (char *)"spawnmark", NULL };
	struct sm_run_options opt = { .root = "/nonexistent", .argv = argv };
	struct sm_folder folder = { 0 };
	json_t *top;

	m->run = (struct sm_run){ .plan = &m->t.plan, .results = &m->result };
	snprintf(m->run.started, sizeof(m->run.started), "2026-01-02T03:04:05Z");
	snprintf(folder.path, sizeof(folder.path), "%s", m->t.dir);
	assert_int_equal(sm_results_write(&m->run, &opt, NULL, &folder), 0);
	assert_valid(m->t.dir);
	top = tiny_results(&m->t);
	sm_result_free(&m->result);
	tiny_free(&m->t);
	return top;
}

static void assert_capacity(json_t *top, const char *relation, double rate, double lo, double hi)
{
	json_t *k = json_object_get(tiny_case(top, 0), "capacity");
	json_t *ends = json_object_get(k, "interval");

	assert_string_equal(json_string_value(json_object_get(k, "relation")), relation);
	assert_float_equal(json_number_value(json_object_get(k, "rate_per_cpu")), rate, 1e-9);
	assert_float_equal(json_number_value(json_array_get(ends, 0)), lo, 1e-9);
	assert_float_equal(json_number_value(json_array_get(ends, 1)), hi, 1e-9); /* null: 0 */
}

static void test_capacity_of_blocks(void **state)
{
	static const double holds[] = { 100, 200, 400 };
	struct made m;
	json_t *top, *point;

	(void)state;
	make(&m, 3);
	for (int b = 0; b < 3; b++) {
		add_point(&m, b, holds[b], SM_RATE_HOLDS, 4);
		add_point(&m, b, 800, SM_RATE_FAILS, 300);
		add_point(&m, b, 800, SM_RATE_FAILS, 300);
	}
	top = told(&m);
	assert_capacity(top, "about", 200, 100, 800);
	point = json_object_get(json_object_get(tiny_case(top, 0), "capacity"), "points");
	assert_int_equal(json_array_size(point), 4);
	point = json_array_get(point, 3);
	assert_int_equal(json_integer_value(json_object_get(point, "tries")), 6);
	assert_int_equal(json_integer_value(json_object_get(point, "n")), 18);
	assert_int_equal(json_integer_value(json_object_get(point, "missed")), 42);
	assert_true(json_is_true(json_object_get(point, "overloaded")));
	/* From the intended start: 300 ms, of which 150 in the parent's queue. */
	assert_float_equal(json_number_value(json_object_get(point, "p50")), 300e6, 1);
	assert_float_equal(json_number_value(json_object_get(point, "lag_p50")), 150e6, 1);
	assert_true(json_is_null(json_object_get(point, "p99"))); /* 18 cannot carry it */
	assert_float_equal(json_number_value(json_object_get(point, "achieved")), 3, 1e-9);
	assert_float_equal(json_number_value(json_object_get(point, "cpu_per_child_ns")), 1e7, 1);
	json_decref(top);
}

static void test_capacity_beyond_the_sweep(void **state)
{
	struct made m;
	json_t *top;

	(void)state;
	make(&m, 2);
	add_point(&m, 0, 1600, SM_RATE_HOLDS, 4);
	add_point(&m, 1, 1600, SM_RATE_HOLDS, 4);
	top = told(&m);
	assert_capacity(top, "at least", 1600, 1600, 0);
	json_decref(top);

	make(&m, 1);
	add_point(&m, 0, 100, SM_RATE_FAILS, 11);
	add_point(&m, 0, 100, SM_RATE_FAILS, 11);
	top = told(&m);
	assert_capacity(top, "at most", 100, 0, 100);
	json_decref(top);

	make(&m, 1);
	add_point(&m, 0, 100, SM_RATE_HOPELESS, 500);
	top = told(&m);
	assert_capacity(top, "none", 0, 0, 100);
	json_decref(top);

	make(&m, 1); /* too few arrivals at every rate */
	add_point(&m, 0, 100, SM_RATE_UNKNOWN, 1);
	top = told(&m);
	assert_true(json_is_null(
		json_object_get(json_object_get(tiny_case(top, 0), "capacity"), "rate_per_cpu")));
	json_decref(top);
}

static void schedule_of(struct sm_case *c, enum sm_kind kind)
{
	c->kind = kind;
	c->arrivals = SM_ARRIVALS_POISSON;
	c->burst = 1;
	c->limit = 32;
	c->patience_ms = 1000;
	c->seed = 7;
	c->warmup = 2;
}

/* The same seed: the same arrivals for both strategies, and samples, CPU and metrics of each. */
static void test_run_open(void **state)
{
	static const char *const two[] = { "popen", "zygote", NULL };
	struct sm_error error;
	json_t *top, *offered[2];
	struct tiny t;

	(void)state;
	tiny_make(&t, two, 2);
	for (int i = 0; i < 2; i++) {
		schedule_of(&t.cases[i], SM_KIND_OPEN);
		t.cases[i].rate = 100;
		t.cases[i].duration_ms = 200;
	}
	assert_int_equal(tiny_run(&t, &error), 0);
	assert_valid(t.dir);
	top = tiny_results(&t);
	for (int i = 0; i < 2; i++) {
		json_t *c = tiny_case(top, i), *o = json_object_get(c, "open");
		json_t *ready = json_object_get(json_object_get(c, "metrics"), "ready");
		json_t *cpu = json_object_get(c, "cpu");
		json_int_t n = json_integer_value(json_object_get(o, "n"));

		assert_string_equal(json_string_value(json_object_get(c, "kind")), "open");
		assert_in_range(n, 15, 70); /* 40 on average */
		assert_int_equal(json_integer_value(json_object_get(ready, "n")), n);
		assert_int_equal(json_integer_value(json_object_get(cpu, "children")), n);
		assert_true(json_number_value(json_object_get(ready, "p50")) >
			    json_number_value(json_object_get(o, "lag_p50")));
		assert_true(json_is_false(json_object_get(o, "overloaded")));
		offered[i] = json_object_get(o, "offered");
	}
	assert_true(json_equal(offered[0], offered[1]));
	json_decref(top);
	tiny_free(&t);
}

static void test_run_capacity(void **state)
{
	struct sm_error error;
	json_t *top, *k;
	struct tiny t;

	(void)state;
	tiny_make(&t, one, 1);
	schedule_of(&t.cases[0], SM_KIND_CAPACITY);
	t.cases[0].rates = (struct sm_list){ .n = 2, .v = { 50, 500000 } };
	t.cases[0].duration_ms = t.cases[0].longest_ms = 100;
	t.cases[0].patience_ms = 20;
	t.cases[0].bound_ms = 2000;
	t.cases[0].points = 3;
	assert_int_equal(tiny_run(&t, &error), 0);
	assert_valid(t.dir);
	top = tiny_results(&t);
	k = json_object_get(tiny_case(top, 0), "capacity");
	assert_int_equal(json_array_size(json_object_get(k, "points")), 2);
	k = json_array_get(json_object_get(k, "points"), 1);
	assert_int_equal(json_integer_value(json_object_get(k, "tries")), 2); /* asked again */
	assert_int_equal(json_integer_value(json_object_get(k, "held")), 0);
	assert_true(json_is_true(json_object_get(k, "overloaded")));
	assert_true(json_number_value(json_object_get(k, "achieved")) < 50000);
	json_decref(top);
	tiny_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_search_closes_in),
		cmocka_unit_test(test_search_survives_stalls),
		cmocka_unit_test(test_search_survives_a_bad_start),
		cmocka_unit_test(test_search_tells_where_it_ended),
		cmocka_unit_test(test_search_stops_at_what_is_hopeless),
		cmocka_unit_test(test_judge),
		cmocka_unit_test(test_duration_grows_at_low_rates),
		cmocka_unit_test(test_capacity_of_blocks),
		cmocka_unit_test(test_capacity_beyond_the_sweep),
		cmocka_unit_test(test_run_open),
		cmocka_unit_test(test_run_capacity),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
