/* SPDX-License-Identifier: MIT */
/*
 * run_util.h - small plans made by hand, runs of them, and what they left behind.
 */
#ifndef SM_RUN_UTIL_H
#define SM_RUN_UTIL_H

#include <jansson.h>

#include "../driver/driver.h"

#define RUN_CASES_MAX 4

/* A plan whose parts live in one struct. */
struct tiny {
	struct sm_plan plan;
	struct sm_scenario scenario;
	struct sm_case cases[RUN_CASES_MAX];
	struct sm_visit visits[RUN_CASES_MAX * 64];
	char names[RUN_CASES_MAX][64];
	char host[RUN_CASES_MAX][512], payload[512];
	char *host_argv[RUN_CASES_MAX][4], *argv[4];
	char dir[64]; /* of its own, below /tmp */
};

/* Latency cases of payload none for these strategies (NULL-terminated), `blocks` visits each. */
void tiny_make(struct tiny *t, const char *const *strategies, int blocks);
void remove_tree(const char *dir);
void tiny_free(struct tiny *t); /* removes the folder too */

/* Runs it into t->dir; returns the exit code. */
int tiny_run(struct tiny *t, struct sm_error *error);
/* The run.json in t->dir, which must be there and free of NaN; the caller drops it. */
json_t *tiny_results(const struct tiny *t);
json_t *tiny_case(json_t *results, int i);

/* Asserts that this process has no child, dead or alive, beyond pid (0: none at all). */
void assert_no_child(void);

/* Asserts that the schema accepts the file, where the checkout's interpreter is there. */
void assert_valid_as(const char *path, const char *schema_path);
/* Asserts that run.schema.json accepts the file, where the checkout's interpreter is there. */
void assert_valid(const char *dir);

#endif
