/* SPDX-License-Identifier: MIT */
/*
 * conform.h - asks every check of every strategy, each in a fresh host; `spawnmark conform`.
 *
 * A run is a box of cells: rounds x targets x rows. A target is a strategy, or a foreign host of
 * --host; a row is a check. conform_select.c makes the box, conform_cell.c asks one cell,
 * conform_judge.c says what an answer means, ktap.c and json_conform.c tell it.
 */
#ifndef SM_CONFORM_H
#define SM_CONFORM_H

#include <jansson.h>
#include <stdio.h>

#include "../check/check.h"
#include "arena.h"
#include "plan.h"

/* What there is to be asked, and of whom: tables, so that tests can have their own. */
struct sm_suite {
	const struct sm_check_group *const *groups;
	unsigned int ngroups;
	const struct sm_expect *expects;
	unsigned int nexpects;
	const struct sm_ops *const *strategies;
	unsigned int nstrategies;
	const struct sm_feature_row *features; /* SM_F_COUNT rows */
	void (*probe)(enum sm_feature feature, struct sm_probe_result *result);
};

/* The tables of this build. */
void sm_suite_builtin(struct sm_suite *suite);
const char *sm_suite_feature(const struct sm_suite *suite, int feature);

struct sm_conform_options {
	const char *root, *build;      /* the checkout, and where its programs are */
	bool linked;                   /* the programs have the checks inside: no checks.so */
	char **argv;                   /* the command line, for the record; NULL-terminated */
	const char *strategies;        /* "popen,zygote"; NULL: all but meters */
	const char *only;              /* extended regex on id or row; NULL: all */
	const char *level;             /* "must", "should", "record"; NULL: all */
	const char *const *groups;     /* names, NULL-terminated; or NULL: all */
	const char *const *hosts;      /* "NAME=COMMAND", NULL-terminated; or NULL */
	const char *json;              /* the file to write; "-": stdout, with list; NULL: none */
	uint64_t seed;                 /* of every cell; 0: 1 */
	int repeat;                    /* rounds; 0: 1 */
	bool thorough, list, features; /* features: tell every probe before the results */
	FILE *out;                     /* NULL: stdout */
};

/*
 * The whole command: KTAP to opt->out, progress to a terminal's stderr. Signals as sm_run_all().
 * Returns an enum sm_exit_code; what is neither good nor told by the results has its one line in
 * error.
 */
int sm_conform(const struct sm_suite *suite, const struct sm_conform_options *opt,
	       struct sm_error *error);

/* ---- the box of cells ---- */

struct sm_foreign;

struct sm_target {
	const char *name, *summary;
	uint64_t traits;
	const char *command;        /* of a foreign host; NULL: built in */
	struct sm_foreign *foreign; /* the same, understood */
};

struct sm_row {
	const struct sm_check *check;
	const struct sm_check_group *group;
};

enum sm_verdict {
	SM_VERDICT_NONE, /* not asked yet */
	SM_VERDICT_PASS,
	SM_VERDICT_FAIL,
	SM_VERDICT_XFAIL, /* a documented difference */
	SM_VERDICT_XPASS, /* ... that has vanished: an error */
	SM_VERDICT_SKIP,
	SM_VERDICT_BROKEN,
	SM_VERDICT_TIMEOUT,
	SM_VERDICT_NA,
	SM_VERDICT_COUNT
};

/* Beside enum sm_observed: no answer in time. */
#define SM_TIMED_OUT (SM_BROKEN + 1)

enum sm_expected { SM_EXPECT_HOLDS, SM_EXPECT_FAILS, SM_EXPECT_RECORD };

struct sm_expectation {
	enum sm_expected expected;
	const char *why; /* of SM_EXPECT_FAILS; else NULL */
	bool leaves;     /* ... and to leave something behind is no other failure */
	bool better;     /* ... and to hold is none: a foreign spawner may do better than ours */
};

/* What became of one cell. Strings are the run's. */
struct sm_conform_cell {
	enum sm_verdict verdict;
	struct sm_expectation expectation;
	int observed, feature; /* enum sm_observed or SM_TIMED_OUT; enum sm_feature */
	const char *reason;    /* of XFAIL, SKIP, NA, BROKEN; else NULL */
	const char *evidence;  /* never NULL once asked */
	int64_t took_ns;
};

struct sm_conform_run {
	const struct sm_suite *suite;
	const struct sm_conform_options *opt;
	struct sm_arena *arena;
	struct sm_target *targets;
	struct sm_row *rows;
	int ntargets, nrows, rounds;
	struct sm_conform_cell *cells; /* by sm_conform_at() */
	struct sm_probe_result features[SM_F_COUNT];
	const char *incomplete; /* why; NULL: whole */
	int64_t began_ns;
};

struct sm_conform_cell *sm_conform_at(const struct sm_conform_run *run, int round, int target,
				      int row);

/* Fills arena, targets (hosts' traits are not known yet), rows and cells. 0 or -errno. */
int sm_conform_select(struct sm_conform_run *run, struct sm_error *error);

/* ---- judgement: no process, no clock ---- */

struct sm_expectation sm_conform_expect(const struct sm_suite *suite, const struct sm_check *check,
					const struct sm_target *target);
enum sm_verdict sm_conform_judge(const struct sm_expectation *e, int observed);
/* An error for the exit status? */
bool sm_verdict_bad(enum sm_verdict verdict);
const char *sm_verdict_name(enum sm_verdict verdict);
const char *sm_observed_name(int observed);
const char *sm_expected_name(enum sm_expected expected);
const char *sm_level_name(enum sm_level level);

/*
 * Does the cell not apply, or lack a feature? Then fills it and returns true: nobody is asked. Else
 * fills its expectation alone.
 */
bool sm_conform_decide(const struct sm_conform_run *run, int target, int row,
		       struct sm_conform_cell *cell);

/* ---- telling ---- */

/* The command that repeats one cell; of the run's arena. */
const char *sm_conform_repeat(const struct sm_conform_run *run, const struct sm_target *target,
			      const struct sm_check *check);
/* One of `checks`. A new reference. */
json_t *sm_json_check(const struct sm_suite *suite, const struct sm_row *row);
/* The whole document; conformance.schema.json describes it. NULL: no memory. */
json_t *sm_json_conformance(const struct sm_conform_run *run);
/* Writes it to opt->json under a temporary name and renames it. 0 or -errno; no file: 0. */
int sm_conform_save(const struct sm_conform_run *run);

void sm_ktap_begin(FILE *out, const struct sm_conform_run *run);
void sm_ktap_target(FILE *out, const struct sm_conform_run *run);
void sm_ktap_cell(FILE *out, const struct sm_conform_run *run, int round, int target, int row);
/* The line of the whole strategy, after its cells. */
void sm_ktap_result(FILE *out, const struct sm_conform_run *run, int round, int target);
void sm_ktap_summary(FILE *out, const struct sm_conform_run *run);

#endif
