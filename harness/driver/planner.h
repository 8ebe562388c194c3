/* SPDX-License-Identifier: MIT */
/*
 * planner.h - what the planner's own files share: expand.c, command.c, floor.c, order.c.
 */
#ifndef SM_PLANNER_H
#define SM_PLANNER_H

#include "scenario.h"

struct sm_planner {
	struct sm_plan *plan;
	const struct sm_plan_options *opt;
	const char *build;    /* absolute; of the programs */
	const char *root;     /* absolute */
	const char *payloads; /* absolute: what harness/payloads/ is below */
	struct sm_error *error;
	struct sm_known known;
	int capacity;                 /* of plan->cases */
	bool meaningful[SM_KEYS_MAX]; /* the key meant something to some section */
};

/* Appends a zeroed case; NULL: no memory. Earlier pointers to cases become stale. */
struct sm_case *sm_planner_add(struct sm_planner *p);

/*
 * Expands one section of plan->scenarios[iscenario] into cases. written: as in the file; section:
 * the values in force. 0 or -errno.
 */
int sm_expand_section(struct sm_planner *p, const struct sm_scenario_file *file, int iscenario,
		      const struct sm_section *written, const struct sm_section *section);

/* Has one of the section's strategies this option? */
bool sm_options_heard(const struct sm_section *section, const struct sm_key *key);
/* -EINVAL: none of them has it; the error names those that do. */
int sm_options_refuse(struct sm_planner *p, const struct sm_key *key, const struct sm_value *value);
/* Fills c->options with those that its strategy has. at: as for add_point(). 0 or -errno. */
int sm_options_add(struct sm_planner *p, const struct sm_section *section, const int *at,
		   struct sm_case *c);

/* Fills argv and host_argv. values: for the origins of paths. 0, -EINVAL or -ENOMEM. */
int sm_command_build(struct sm_planner *p, const struct sm_scenario_file *file,
		     const struct sm_value *values, struct sm_case *c);
/* The program of payload none. NULL: no memory. */
char **sm_command_none(struct sm_planner *p, const char *target);

/* What the payload python is to run; "" for nothing. */
struct sm_python_code {
	const char *imports, *preamble, *work, *check;
};
/* The command of payload python; interpreter NULL: the checkout's. NULL: no memory. */
char **sm_command_python(struct sm_arena *arena, const char *root, const char *build,
			 const char *interpreter, const struct sm_python_code *code);
/* Looks a plain name up in $PATH. NULL: not there (or no memory). */
const char *sm_on_path(struct sm_arena *arena, const char *name);

/* Adds the floor of each case that wants one, once each, and links them. 0 or -ENOMEM. */
int sm_floors_add(struct sm_planner *p);

/* Makes names, tells cases of different sections apart. 0, -EINVAL or -ENOMEM. */
int sm_names_make(struct sm_planner *p);

/* Keeps the cases that the regex selects, and their floors. 0, -EINVAL or -ENOMEM. */
int sm_cases_select(struct sm_planner *p);

/* Fills plan->visits from plan->seed. 0 or -ENOMEM. */
int sm_order_make(struct sm_plan *plan);

#endif
