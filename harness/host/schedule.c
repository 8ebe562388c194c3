/* SPDX-License-Identifier: MIT */
/* schedule.c - see schedule.h. Without libm: a host links libc alone. */
#include "schedule.h"

#include <errno.h>

#include "../sys/sys.h"

/* Uniform in [0, 1): the 53 bits that a double holds. */
static double uniform(uint64_t *state)
{
	return (double)(sm_random_next(state) >> 11) * 0x1p-53;
}

/*
 * By comparisons alone (J. von Neumann, Various techniques used in connection with random digits,
 * 1951): of a first uniform number u, a run of ever smaller ones follows. P(u <= x, and the run,
 * u included, has an odd length) is 1 - exp(-x) for x in [0, 1), up to a factor; each run of even
 * length stands for a whole unit that has passed.
 */
double sm_random_exponential(uint64_t *state)
{
	for (int whole = 0;; whole++) {
		double first = uniform(state), last = first, next = uniform(state);
		bool odd = true;

		while (next < last) {
			odd = !odd;
			last = next;
			next = uniform(state);
		}
		if (odd)
			return whole + first;
	}
}

int sm_schedule_begin(struct sm_schedule *s, const struct sm_cmd_arrive *cmd)
{
	if (!(cmd->rate > 0 && cmd->rate <= 1e9) || cmd->burst < 1 ||
	    cmd->arrivals > SM_ARRIVALS_BURST)
		return -EINVAL;
	*s = (struct sm_schedule){ .arrivals = (enum sm_arrivals)cmd->arrivals,
				   .burst = cmd->burst,
				   .gap_ns = 1e9 / cmd->rate,
				   .end_ns = cmd->duration_ms * 1e6,
				   .seed = cmd->seed };
	return 0;
}

bool sm_schedule_next(struct sm_schedule *s, int64_t *offset_ns)
{
	double at = s->at_ns;

	if (s->arrivals == SM_ARRIVALS_POISSON)
		at += s->gap_ns * sm_random_exponential(&s->seed);
	else if (s->arrivals == SM_ARRIVALS_STEADY)
		at = (double)s->made * s->gap_ns;
	else
		at = (double)(s->made - s->made % s->burst) * s->gap_ns;
	if (at >= s->end_ns) {
		s->end_ns = 0; /* another draw could fall short of it */
		return false;
	}
	s->made++;
	s->at_ns = at;
	*offset_ns = (int64_t)at;
	return true;
}

uint32_t sm_schedule_rest(struct sm_schedule *s)
{
	int64_t ignored;
	uint32_t n = 0;

	while (sm_schedule_next(s, &ignored))
		n++;
	return n;
}
