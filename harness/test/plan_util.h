/* SPDX-License-Identifier: MIT */
/*
 * plan_util.h - a checkout in small for tests of the planner: a directory of its own with empty
 * programs, and scenarios/x.ini, which each test writes. One to a test program.
 */
#ifndef SM_TEST_PLAN_UTIL_H
#define SM_TEST_PLAN_UTIL_H

#include "driver/foreign.h"
#include "driver/planner.h"

/* cmocka's group fixtures. */
int pu_set_up(void **state);
int pu_tear_down(void **state);

const char *pu_root(void);

/* The plan of x.ini with this text, with n hosts of one's own. NULL: refused, see error. */
struct sm_plan *pu_make(const char *text, const char *const *set, const struct sm_foreign *hosts,
			int n, struct sm_error *error);

/* The same with a base side of its own settings; only: NULL, or of --only. */
struct sm_plan *pu_make_pair(const char *text, const char *only, const char *const *set,
			     const char *const *base_set, struct sm_error *error);

#endif
