/* SPDX-License-Identifier: MIT */
/*
 * baseline.h - the base side of a run of pairs: --baseline, --baseline-set, -env and -host.
 */
#ifndef SM_BASELINE_H
#define SM_BASELINE_H

#include "arena.h"
#include "options.h"

struct sm_base_side {
	struct sm_baseline record;
	struct sm_plan_options plan; /* of this side alone */
	const char *host;            /* its sm-host */
};

/* Has the command line a base side? */
bool sm_baseline_wanted(const struct sm_options *o);

/*
 * Finds the program, asks it for its version, meets the hosts that this side alone has. opt: of the
 * new side, complete; what is not told otherwise is the same here. Strings are the arena's or
 * the command line's. An enum sm_exit_code; one line in error unless it is SM_EXIT_GOOD.
 */
int sm_baseline_find(struct sm_base_side *side, const struct sm_options *o,
		     const struct sm_plan_options *opt, struct sm_arena *arena,
		     struct sm_error *error);

/*
 * Does its sm-host speak our protocol, and has it the strategies of the plan? To be asked before the
 * plan is run: what two builds do not understand of each other must not look like a slow build.
 */
int sm_baseline_meet(const struct sm_base_side *side, const struct sm_plan *plan,
		     struct sm_arena *arena, struct sm_error *error);

#endif
