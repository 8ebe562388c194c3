/* SPDX-License-Identifier: MIT */
/*
 * rerun.h - which noisy blocks are measured again, and how many at most.
 *
 * A block over a bound of its case is visited again when its block of the run is done, near its
 * neighbours and yet later than what disturbed it. Whatever the second visit brings takes its place,
 * a failure too: nobody chooses. The first is kept, flagged, and used for no figure. Of a pair both
 * sides are visited again, whichever was noisy: they are compared because they are neighbours.
 */
#ifndef SM_RERUN_H
#define SM_RERUN_H

#include "run.h"

struct sm_reruns {
	const struct sm_plan *plan;
	int most, done, begun; /* of the run; done: promised as well */
	int *by_case;          /* done */
	int *waiting;          /* by case, how often it is in wanted */
	int *wanted, nwanted;  /* cases whose block is to be visited again */
	int64_t *ns;           /* by case, how long the last visit that was noisy took */
	int64_t spent_ns, promised_ns;
};

/* 0 or -ENOMEM. Close it in any case. */
int sm_reruns_open(struct sm_reruns *q, const struct sm_plan *plan);
void sm_reruns_close(struct sm_reruns *q);

/*
 * Notes a visit that took ns; its block may be to be measured again. elapsed_ns: since the first
 * visit began; visits: done in it.
 */
void sm_reruns_note(struct sm_reruns *q, int icase, const struct sm_block *b, int64_t ns,
		    int64_t elapsed_ns, int visits);
/* The next one to visit again; orders go on behind the plan's. False: there is none. */
bool sm_reruns_next(struct sm_reruns *q, int *icase, int *order);

/* The case's last block takes the place of the one before. 0 or -ENOMEM. */
int sm_rerun_supersede(struct sm_result *r);

/* The most blocks of the plan that may be visited again. */
int sm_reruns_most(const struct sm_plan *plan);

#endif
