/* SPDX-License-Identifier: MIT */
/* test_schedule.c - the arrivals of an open loop: their law, their mean, and that a seed repeats. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../driver/stats.h"
#include "../host/schedule.h"

#define N 100000

static double values[N + N / 10];

static struct sm_cmd_arrive order(enum sm_arrivals arrivals, double rate, uint32_t duration_ms)
{
	return (struct sm_cmd_arrive){ .seed = 42,
				       .rate = rate,
				       .arrivals = arrivals,
				       .burst = 8,
				       .duration_ms = duration_ms };
}

/* All offsets in ns. */
static size_t play(const struct sm_cmd_arrive *cmd)
{
	struct sm_schedule s;
	int64_t at, last = 0;
	size_t n = 0;

	assert_int_equal(sm_schedule_begin(&s, cmd), 0);
	while (sm_schedule_next(&s, &at)) {
		assert_true(n < sizeof(values) / sizeof(*values));
		assert_true(at >= last && at < (int64_t)cmd->duration_ms * 1000000);
		values[n++] = (double)at;
		last = at;
	}
	assert_false(sm_schedule_next(&s, &at)); /* and stays at its end */
	return n;
}

/* Largest distance between the empirical distribution of sorted values and 1 - exp(-x). */
static double distance(const double *sorted, size_t n)
{
	double worst = 0;

	for (size_t i = 0; i < n; i++) {
		double law = -expm1(-sorted[i]);

		worst = fmax(worst, fabs(law - (double)i / (double)n));
		worst = fmax(worst, fabs(law - (double)(i + 1) / (double)n));
	}
	return worst;
}

/* Kolmogorov: a distance above 1.95 / sqrt(n) has probability 0.001 under the law. */
static void test_exponential_law(void **state)
{
	uint64_t seed = 7;
	double sum = 0;

	(void)state;
	for (size_t i = 0; i < N; i++) {
		values[i] = sm_random_exponential(&seed);
		sum += values[i];
	}
	assert_float_equal(sum / N, 1, 4 / sqrt(N));
	sm_sort(values, N);
	assert_true(distance(values, N) < 1.95 / sqrt(N));
	assert_true(values[N - 1] > 8 && values[N - 1] < 25); /* has a tail, and an end */
}

static void test_poisson_counts(void **state)
{
	struct sm_cmd_arrive cmd = order(SM_ARRIVALS_POISSON, 1000, 100000);
	size_t n = play(&cmd);
	double squares = 0;

	(void)state;
	assert_float_equal(n, N, 4 * sqrt(N));
	/* Of a Poisson process the count in a second has its mean as its variance. */
	for (size_t second = 0, i = 0; second < 100; second++) {
		double count = 0;

		for (; i < n && values[i] < (double)(second + 1) * 1e9; i++)
			count++;
		squares += (count - 1000) * (count - 1000) / 100;
	}
	assert_true(squares > 500 && squares < 1700);
}

static void test_a_seed_repeats(void **state)
{
	struct sm_cmd_arrive cmd = order(SM_ARRIVALS_POISSON, 500, 1000);
	size_t n = play(&cmd);
	double first = values[0], last = values[n - 1];

	(void)state;
	assert_int_equal(play(&cmd), n);
	assert_true(values[0] == first && values[n - 1] == last);
	cmd.seed++;
	play(&cmd);
	assert_true(values[0] != first);
}

static void test_steady_and_burst_have_the_same_mean(void **state)
{
	struct sm_cmd_arrive steady = order(SM_ARRIVALS_STEADY, 300, 2000);
	struct sm_cmd_arrive burst = order(SM_ARRIVALS_BURST, 300, 2000);

	(void)state;
	assert_int_equal(play(&steady), 600);
	for (int i = 0; i < 600; i++)
		assert_float_equal(values[i], i * 1e9 / 300, 1);
	assert_int_equal(play(&burst), 600);
	for (int i = 0; i < 600; i++)
		assert_float_equal(values[i], (i - i % 8) * (1e9 / 300), 1);
}

static void test_rest_is_what_is_left(void **state)
{
	struct sm_cmd_arrive cmd = order(SM_ARRIVALS_POISSON, 1000, 1000);
	size_t n = play(&cmd);
	struct sm_schedule s;
	int64_t at;

	(void)state;
	assert_int_equal(sm_schedule_begin(&s, &cmd), 0);
	for (int i = 0; i < 10; i++)
		assert_true(sm_schedule_next(&s, &at));
	assert_int_equal(sm_schedule_rest(&s), n - 10);
	assert_int_equal(sm_schedule_rest(&s), 0);
}

static void test_what_cannot_be_is_refused(void **state)
{
	static const double rates[] = { 0, -1, NAN, INFINITY };
	struct sm_cmd_arrive cmd;
	struct sm_schedule s;

	(void)state;
	for (size_t i = 0; i < sizeof(rates) / sizeof(*rates); i++) {
		cmd = order(SM_ARRIVALS_STEADY, rates[i], 10);
		assert_int_equal(sm_schedule_begin(&s, &cmd), -EINVAL);
	}
	cmd = order(SM_ARRIVALS_BURST, 10, 10);
	cmd.burst = 0;
	assert_int_equal(sm_schedule_begin(&s, &cmd), -EINVAL);
	cmd = order(3, 10, 10);
	assert_int_equal(sm_schedule_begin(&s, &cmd), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exponential_law),
		cmocka_unit_test(test_poisson_counts),
		cmocka_unit_test(test_a_seed_repeats),
		cmocka_unit_test(test_steady_and_burst_have_the_same_mean),
		cmocka_unit_test(test_rest_is_what_is_left),
		cmocka_unit_test(test_what_cannot_be_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
