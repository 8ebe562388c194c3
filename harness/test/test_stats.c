/* SPDX-License-Identifier: MIT */
/*
 * test_stats.c - order statistics against published and independently computed values.
 */
#include <math.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "driver/stats.h"

#define NEAR(a, b, eps) assert_true(fabs((a) - (b)) <= (eps))

/* Median intervals at 95 % as the published tables of the sign test give them. */
static void test_median_ranks(void **state)
{
	static const struct {
		size_t n, lo, hi;
		double level;
	} known[] = {
		{ 6, 1, 6, 0.96875 },   { 7, 1, 7, 0.984375 }, { 8, 1, 8, 0.9921875 },
		{ 9, 2, 8, 0.9609 },    { 10, 2, 9, 0.9785 },  { 12, 3, 10, 0.9614 },
		{ 15, 4, 12, 0.9648 },  { 20, 6, 15, 0.9586 }, { 25, 8, 18, 0.9567 },
		{ 50, 18, 33, 0.9672 },
	};
	size_t lo, hi;
	double level;

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		assert_true(sm_order_ranks(known[i].n, 0.5, 0.95, &lo, &hi, &level));
		assert_int_equal(lo, known[i].lo);
		assert_int_equal(hi, known[i].hi);
		NEAR(level, known[i].level, 6e-5);
	}
	for (size_t n = 0; n < 6; n++)
		assert_false(sm_order_ranks(n, 0.5, 0.95, &lo, &hi, &level));
}

/* The same sums done the slow way, term by term over Pascal's triangle. */
static void test_ranks_against_triangle(void **state)
{
	static const double qs[] = { 0.5, 0.9, 0.99 };
	double *row = calloc(402, sizeof(*row));

	(void)state;
	assert_non_null(row);
	for (size_t j = 0; j < 3; j++) {
		double q = qs[j];

		for (size_t i = 0; i < 402; i++)
			row[i] = i == 0;
		for (size_t n = 1; n <= 400; n++) {
			size_t lo, hi;
			double level, sum = 0;
			double below = 0;

			for (size_t k = n; k > 0; k--)
				row[k] = row[k] * (1 - q) + row[k - 1] * q;
			row[0] *= 1 - q;
			if (!sm_order_ranks(n, q, 0.95, &lo, &hi, &level))
				continue;
			for (size_t k = lo; k < hi; k++)
				sum += row[k];
			NEAR(sum, level, 1e-9);
			assert_true(level >= 0.95);
			for (size_t k = 0; k < lo; k++)
				below += row[k];
			assert_true(below <= 0.025 + 1e-12);
			assert_true(below + row[lo] >
				    0.025); /* the next rank would leave too much */
		}
	}
	free(row);
}

static void test_large_n(void **state)
{
	size_t lo, hi;
	double level;

	(void)state;
	/* Normal approximation: 500000 -/+ 1.96 * 500. */
	assert_true(sm_order_ranks(1000000, 0.5, 0.95, &lo, &hi, &level));
	assert_in_range(lo, 499018, 499022);
	assert_int_equal(lo + hi, 1000001);
	NEAR(level, 0.95, 2e-4);
	assert_true(sm_order_ranks(1000000, 0.999, 0.95, &lo, &hi, &level));
	assert_in_range(lo, 998930, 998945);
	assert_in_range(hi, 999055, 999070);
}

static void test_quantile_null_rules(void **state)
{
	double v[1000];

	(void)state;
	for (size_t i = 0; i < 1000; i++)
		v[i] = (double)i;
	assert_false(sm_median(v, 0).known);
	assert_false(sm_quantile(v, 9, 0.9).known);
	assert_true(sm_quantile(v, 10, 0.9).known);
	assert_false(sm_quantile(v, 99, 0.99).known);
	assert_true(sm_quantile(v, 100, 0.99).known);
	assert_false(sm_quantile(v, 999, 0.999).known);
	assert_true(sm_quantile(v, 1000, 0.999).known);
	/* The point may be known while its interval is not: ranks outside 1..n. */
	assert_true(sm_estimate_quantile(v, 10, 0.9).known);
	assert_false(sm_estimate_quantile(v, 10, 0.9).bounded);
	assert_true(sm_estimate_quantile(v, 100, 0.9).bounded);
	assert_false(sm_estimate_quantile(v, 200, 0.99).bounded);
	assert_true(sm_estimate_quantile(v, 1000, 0.99).bounded);
	assert_false(sm_estimate_median(v, 5).bounded);
	assert_true(sm_estimate_median(v, 5).known);
}

static void test_values(void **state)
{
	double v[] = { 9, 1, 4, 4, 7, 2, 6, 5, 3, 8, 10, 12 };
	double scratch[12];
	struct sm_estimate e;

	(void)state;
	sm_sort(v, 12);
	NEAR(sm_median(v, 12).v, 5.5, 1e-12);
	NEAR(sm_median(v, 11).v, 5, 1e-12);
	NEAR(sm_mean(v, 12).v, 71.0 / 12, 1e-12);
	/* numpy.quantile(v, 0.9) */
	NEAR(sm_quantile(v, 12, 0.9).v, 9.9, 1e-9);
	e = sm_estimate_median(v, 12);
	assert_true(e.bounded);
	NEAR(e.lo, 3, 0);
	NEAR(e.hi, 9, 0);
	NEAR(e.level, 0.9614, 1e-4);
	/* |v - 5.5| sorted: .5 .5 1.5 1.5 1.5 2.5 2.5 3.5 3.5 4.5 4.5 6.5 */
	NEAR(sm_mad(v, 12, scratch).v, 2.5, 1e-12);
}

static void test_lag1(void **state)
{
	const double alternating[] = { 1, -1, 1, -1, 1, -1 };
	const double rising[] = { 1, 2, 3, 4, 5 };
	const double flat[] = { 3, 3, 3, 3 };

	(void)state;
	NEAR(sm_lag1(alternating, 6).v, -5.0 / 6, 1e-12);
	NEAR(sm_lag1(rising, 5).v, 0.4, 1e-12);
	assert_false(sm_lag1(flat, 4).known);
	assert_false(sm_lag1(rising, 2).known);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_median_ranks), cmocka_unit_test(test_ranks_against_triangle),
		cmocka_unit_test(test_large_n),      cmocka_unit_test(test_quantile_null_rules),
		cmocka_unit_test(test_values),       cmocka_unit_test(test_lag1),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
