/* SPDX-License-Identifier: MIT */
/* search.c - see search.h. */
#include "search.h"

#include <math.h>

#include "stats.h"

/* A p99 needs 100 samples; a Poisson count with this mean falls short of it 3 times in 1000. */
#define ARRIVALS_MIN 130

/* The state of one rate, of all its tries. */
struct state {
	int holds, fails, hopeless, unknown;
};

static struct state state_of(const struct sm_search *s, double rate)
{
	struct state st = { 0 };

	for (int i = 0; i < s->n; i++) {
		if (s->rates[i] != rate)
			continue;
		st.holds += s->verdicts[i] == SM_RATE_HOLDS;
		st.fails += s->verdicts[i] == SM_RATE_FAILS;
		st.hopeless += s->verdicts[i] == SM_RATE_HOPELESS;
		st.unknown += s->verdicts[i] == SM_RATE_UNKNOWN;
	}
	return st;
}

static bool has_failed(const struct state *st)
{
	return !st->holds && (st->hopeless || st->fails > 1);
}

void sm_search_begin(struct sm_search *s, const struct sm_list *ladder, int most)
{
	*s = (struct sm_search){ .nladder = ladder->n,
				 .most = most < SM_SEARCH_MAX ? most : SM_SEARCH_MAX };
	for (int i = 0; i < ladder->n; i++)
		s->ladder[i] = (double)ladder->v[i];
	sm_sort(s->ladder, (size_t)s->nladder);
}

void sm_search_add(struct sm_search *s, double rate, enum sm_rate_verdict verdict)
{
	if (s->n == SM_SEARCH_MAX)
		return;
	s->rates[s->n] = rate;
	s->verdicts[s->n++] = verdict;
}

struct sm_found sm_search_found(const struct sm_search *s)
{
	struct sm_found found = { 0 };

	for (int i = 0; i < s->n; i++)
		if (s->verdicts[i] == SM_RATE_HOLDS && s->rates[i] > found.holds)
			found.holds = s->rates[i];
	for (int i = 0; i < s->n; i++) {
		struct state st = state_of(s, s->rates[i]);

		if (!has_failed(&st) || s->rates[i] <= found.holds ||
		    (found.fails > 0 && s->rates[i] >= found.fails))
			continue;
		found.fails = s->rates[i];
		found.hopeless = st.hopeless;
	}
	return found;
}

static bool tried(const struct sm_search *s, double rate)
{
	for (int i = 0; i < s->n; i++)
		if (s->rates[i] == rate)
			return true;
	return false;
}

/* Between the two by ratio, as a number that a person would write; equal in every block. */
static double middle(const struct sm_found *found)
{
	double mid = sqrt(found->holds * found->fails);

	return mid >= 20 ? round(mid) : round(mid * 10) / 10;
}

static double highest(const struct sm_search *s)
{
	double rate = 0;

	for (int i = 0; i < s->n; i++)
		rate = s->rates[i] > rate ? s->rates[i] : rate;
	return rate;
}

/* Was the last try the first failure of its rate, and no lower one has failed for good? */
static bool doubtful(const struct sm_search *s, const struct sm_found *found)
{
	double rate = s->n ? s->rates[s->n - 1] : 0;
	struct state st = state_of(s, rate);

	return st.fails == 1 && !st.holds && !st.hopeless &&
	       (found->fails <= 0 || rate < found->fails);
}

bool sm_search_next(const struct sm_search *s, double *rate)
{
	struct sm_found found = sm_search_found(s);
	double top = highest(s);

	if (s->n >= s->most)
		return false;
	if (doubtful(s, &found)) {
		*rate = s->rates[s->n - 1];
		return true;
	}
	/* Nothing has failed for good yet, or nothing above it has been tried. */
	for (int i = 0; i < s->nladder && !found.hopeless; i++) {
		*rate = s->ladder[i];
		if (*rate > top && (found.fails <= 0 || found.fails >= top))
			return true;
	}
	if (found.fails <= 0 || found.holds <= 0 || found.fails / found.holds <= SM_SEARCH_STEP)
		return false;
	*rate = middle(&found);
	return *rate > found.holds && *rate < found.fails && !tried(s, *rate);
}

enum sm_rate_verdict sm_search_judge(const double *ready, size_t n, double fastest_ns,
				     int64_t failed, int64_t missed, double bound_ns)
{
	struct sm_number p99 = sm_quantile(ready, n, 0.99), p50 = sm_median(ready, n);

	if (n >= 3 && fastest_ns > bound_ns)
		return SM_RATE_HOPELESS;
	if (failed || missed)
		return SM_RATE_FAILS;
	if (p99.known)
		return p99.v <= bound_ns ? SM_RATE_HOLDS : SM_RATE_FAILS;
	return n >= 3 && p50.v > bound_ns ? SM_RATE_FAILS : SM_RATE_UNKNOWN;
}

int64_t sm_search_duration_ms(double rate, int64_t least_ms, int64_t most_ms)
{
	double ms = ceil(ARRIVALS_MIN * 1e3 / rate);

	if (ms <= (double)least_ms)
		return least_ms;
	return ms < (double)most_ms ? (int64_t)ms : most_ms;
}
