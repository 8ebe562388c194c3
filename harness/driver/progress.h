/* SPDX-License-Identifier: MIT */
/*
 * progress.h - how far a run is, on stderr: one line rewritten on a terminal, else a plain line
 * every ten seconds. Printed between visits alone, so that nothing is drawn while it measures.
 */
#ifndef SM_PROGRESS_H
#define SM_PROGRESS_H

#include "run.h"

struct sm_progress {
	const struct sm_plan *plan;
	bool terminal, color;
	int64_t began_ns, said_ns;
	const char *unit;  /* of the steps: "visits" */
	int64_t *spent_ns; /* per case, over its visits so far */
	int *visits;
};

int sm_progress_open(struct sm_progress *p, const struct sm_plan *plan); /* 0 or -ENOMEM */
/* Before visit i. */
void sm_progress_visit(struct sm_progress *p, int i);
void sm_progress_spent(struct sm_progress *p, int i, int64_t ns);
/*
 * For what has no plan: zero the struct, open, then a line before each step. left_s < 0: not known.
 */
void sm_progress_begin(struct sm_progress *p, const char *unit);
void sm_progress_line(struct sm_progress *p, int done, int total, double left_s, const char *name);
/* Takes the line away, before something else is printed. */
void sm_progress_clear(struct sm_progress *p);
/* A line of its own, the progress line out of its way. */
void sm_progress_say(struct sm_progress *p, const char *text);
void sm_progress_close(struct sm_progress *p);

#endif
