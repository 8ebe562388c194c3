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
	int64_t *spent_ns; /* per case, over its visits so far */
	int *visits;
};

int sm_progress_open(struct sm_progress *p, const struct sm_plan *plan); /* 0 or -ENOMEM */
/* Before visit i. */
void sm_progress_visit(struct sm_progress *p, int i);
void sm_progress_spent(struct sm_progress *p, int i, int64_t ns);
/* A line of its own, the progress line out of its way. */
void sm_progress_say(struct sm_progress *p, const char *text);
void sm_progress_close(struct sm_progress *p);

#endif
