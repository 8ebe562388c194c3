/* SPDX-License-Identifier: MIT */
/*
 * stats.h - order statistics: medians, quantiles and their distribution-free intervals.
 *
 * No assumption about the shape of a distribution: an interval is a pair of order statistics whose
 * coverage is a binomial probability, computed exactly. What n values cannot carry is not known
 * (`known` false), which the results write as null; nothing here returns NaN.
 */
#ifndef SM_STATS_H
#define SM_STATS_H

#include <stdbool.h>
#include <stddef.h>

#define SM_CONFIDENCE 0.95

struct sm_number {
	bool known;
	double v;
};

/* A point and its interval; each may be unknown by itself. */
struct sm_estimate {
	bool known; /* value */
	double value;
	bool bounded; /* lo, hi and level */
	double lo, hi;
	double level; /* the coverage reached, >= the one asked for */
};

/* Ascending, in place. */
void sm_sort(double *v, size_t n);

/* Middle value, or the mean of the middle two. Unknown for n = 0. sorted: ascending. */
struct sm_number sm_median(const double *sorted, size_t n);

/*
 * Quantile q (0 < q < 1) by linear interpolation between order statistics, as numpy.quantile does
 * by default. Unknown where less than one value is expected beyond it: n * (1 - q) < 1.
 */
struct sm_number sm_quantile(const double *sorted, size_t n, double q);

/*
 * Ranks (1-based) lo <= hi such that [x(lo), x(hi)] covers quantile q with at least the given
 * confidence: the narrowest pair that leaves at most (1 - confidence) / 2 on either side. *level
 * is the coverage reached. Returns false where a rank would fall outside 1..n.
 */
bool sm_order_ranks(size_t n, double q, double confidence, size_t *lo, size_t *hi, double *level);

/* The median and the quantile, each with its interval at SM_CONFIDENCE. */
struct sm_estimate sm_estimate_median(const double *sorted, size_t n);
struct sm_estimate sm_estimate_quantile(const double *sorted, size_t n, double q);

struct sm_number sm_mean(const double *v, size_t n);

/* Median absolute deviation from the median, unscaled. scratch: room for n values. */
struct sm_number sm_mad(const double *sorted, size_t n, double *scratch);

/*
 * Autocorrelation at lag 1 of values in the order of time. Unknown for n < 3, or when all values
 * are equal.
 */
struct sm_number sm_lag1(const double *v, size_t n);

#endif
