/* SPDX-License-Identifier: MIT */
/*
 * search.h - which rate to try next, and what the tries say: the logic of a capacity search alone.
 *
 * First the ladder, from its lowest rate until one fails and the next one too; then the gap between
 * the highest rate that held and the lowest above it that failed is halved (by ratio), until it is
 * narrow or the tries are used up. A failure is believed when it comes twice and no higher rate
 * holds: a stall of the machine is not a limit.
 */
#ifndef SM_SEARCH_H
#define SM_SEARCH_H

#include "run.h"

#define SM_SEARCH_MAX 64

/* A gap of less than this ratio is not worth another try. */
#define SM_SEARCH_STEP 1.1

struct sm_search {
	double ladder[SM_LIST_MAX]; /* ascending */
	int nladder;
	int most; /* tries */
	double rates[SM_SEARCH_MAX];
	enum sm_rate_verdict verdicts[SM_SEARCH_MAX];
	int n; /* tries so far */
};

void sm_search_begin(struct sm_search *s, const struct sm_list *ladder, int most);
/* The next rate to try; false: the search has ended. */
bool sm_search_next(const struct sm_search *s, double *rate);
void sm_search_add(struct sm_search *s, double rate, enum sm_rate_verdict verdict);

/* The end of a search, also of one that was cut short. */
struct sm_found {
	double holds;  /* the highest rate that held; 0: none */
	double fails;  /* the lowest above it that failed; 0: none */
	bool hopeless; /* at that rate even the fastest child was too slow */
};
struct sm_found sm_search_found(const struct sm_search *s);

/*
 * What one point says. ready: sorted, from the intended start. fastest_ns: of all, from the request,
 * so that no queue is in it. Where n is too small for a p99, more than half of at least three over
 * the bound are a failure all the same.
 */
enum sm_rate_verdict sm_search_judge(const double *ready, size_t n, double fastest_ns,
				     int64_t failed, int64_t missed, double bound_ns);

/* How long a point of this rate lasts, so that its arrivals carry a p99. */
int64_t sm_search_duration_ms(double rate, int64_t least_ms, int64_t most_ms);

#endif
