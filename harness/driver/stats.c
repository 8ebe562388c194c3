/* SPDX-License-Identifier: MIT */
/*
 * stats.c - order statistics with exact binomial coverage; see stats.h.
 *
 * Of n independent values the number X below the true quantile q is binomial(n, q), whatever the
 * distribution is. [x(lo), x(hi)] therefore covers q with probability P(lo <= X <= hi - 1).
 */
#include <math.h>
#include <stdlib.h>

#include "stats.h"

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

void sm_sort(double *v, size_t n)
{
	if (n > 1)
		qsort(v, n, sizeof(*v), compare);
}

static struct sm_number number(double v)
{
	return (struct sm_number){ .known = true, .v = v };
}

struct sm_number sm_median(const double *sorted, size_t n)
{
	if (n == 0)
		return (struct sm_number){ 0 };
	return number(n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2);
}

struct sm_number sm_quantile(const double *sorted, size_t n, double q)
{
	double at, below;
	size_t i;

	/* 10 * (1 - 0.9) is a little less than 1 in binary; ten values do carry a p90. */
	if (n == 0 || (double)n * (1 - q) < 1 - 1e-9)
		return (struct sm_number){ 0 };
	at = (double)(n - 1) * q;
	below = floor(at);
	i = (size_t)below;
	if (i + 1 >= n)
		return number(sorted[n - 1]);
	return number(sorted[i] + (at - below) * (sorted[i + 1] - sorted[i]));
}

/* P(X = k) for X ~ binomial(n, q); lgamma_r because lgamma writes a global. */
static double binomial_pmf(double n, double k, double q)
{
	int sign;
	double ln = lgamma_r(n + 1, &sign) - lgamma_r(k + 1, &sign) - lgamma_r(n - k + 1, &sign);

	return exp(ln + k * log(q) + (n - k) * log1p(-q));
}

/*
 * P(X <= k), summed from the side that does not hold the mean, so that the terms fall from the
 * first on and a few thousand of them suffice for n = 1e6.
 */
static double binomial_cdf(double n, double k, double q)
{
	bool low = k < n * q;
	double i = low ? k : k + 1;
	double term, sum = 0;

	if (k < 0)
		return 0;
	if (k >= n)
		return 1;
	for (term = binomial_pmf(n, i, q); i >= 0 && i <= n && term > sum * 1e-17;) {
		sum += term;
		if (low) {
			term *= i / (n - i + 1) * (1 - q) / q;
			i--;
		} else {
			term *= (n - i) / (i + 1) * q / (1 - q);
			i++;
		}
	}
	return low ? sum : 1 - sum;
}

/* The smallest k in 0..n with P(X <= k) > p, by bisection: the function is monotone. */
static size_t first_above(size_t n, double q, double p)
{
	size_t lo = 0;
	size_t hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (binomial_cdf((double)n, (double)mid, q) > p)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

bool sm_order_ranks(size_t n, double q, double confidence, size_t *lo, size_t *hi, double *level)
{
	double tail = (1 - confidence) / 2;

	if (n == 0)
		return false;
	/* P(X <= lo - 1) <= tail: lo counts the k from 0 on that stay at or below it. */
	*lo = first_above(n, q, tail);
	/* P(X >= hi) <= tail. By the mirrored variable n - X, which is binomial(n, 1 - q). */
	*hi = n + 1 - first_above(n, 1 - q, tail);
	if (*lo < 1 || *hi > n)
		return false;
	*level = binomial_cdf((double)n, (double)*hi - 1, q) -
		 binomial_cdf((double)n, (double)*lo - 1, q);
	return true;
}

static struct sm_estimate bounded(struct sm_number value, const double *sorted, size_t n, double q)
{
	struct sm_estimate e = { .known = value.known, .value = value.v };
	size_t lo, hi;

	if (e.known && sm_order_ranks(n, q, SM_CONFIDENCE, &lo, &hi, &e.level)) {
		e.bounded = true;
		e.lo = sorted[lo - 1];
		e.hi = sorted[hi - 1];
	}
	return e;
}

struct sm_estimate sm_estimate_median(const double *sorted, size_t n)
{
	return bounded(sm_median(sorted, n), sorted, n, 0.5);
}

struct sm_estimate sm_estimate_quantile(const double *sorted, size_t n, double q)
{
	return bounded(sm_quantile(sorted, n, q), sorted, n, q);
}

struct sm_number sm_mean(const double *v, size_t n)
{
	double sum = 0;

	if (n == 0)
		return (struct sm_number){ 0 };
	for (size_t i = 0; i < n; i++)
		sum += v[i];
	return number(sum / (double)n);
}

struct sm_number sm_mad(const double *sorted, size_t n, double *scratch)
{
	struct sm_number middle = sm_median(sorted, n);

	if (!middle.known)
		return middle;
	for (size_t i = 0; i < n; i++)
		scratch[i] = fabs(sorted[i] - middle.v);
	sm_sort(scratch, n);
	return sm_median(scratch, n);
}

struct sm_number sm_lag1(const double *v, size_t n)
{
	struct sm_number mean = sm_mean(v, n);
	double products = 0;
	double squares = 0;

	if (n < 3)
		return (struct sm_number){ 0 };
	for (size_t i = 0; i < n; i++) {
		squares += (v[i] - mean.v) * (v[i] - mean.v);
		if (i > 0)
			products += (v[i] - mean.v) * (v[i - 1] - mean.v);
	}
	return squares > 0 ? number(products / squares) : (struct sm_number){ 0 };
}
