/* SPDX-License-Identifier: MIT */
/*
 * driver.h - runs a plan: the one entry between the command line and everything that measures.
 */
#ifndef SM_DRIVER_H
#define SM_DRIVER_H

#include <stdbool.h>

#include "plan.h"

/* One table of exit codes for every program of the project. */
enum sm_exit_code {
	SM_EXIT_GOOD = 0,
	SM_EXIT_FAILED = 1,       /* a case gave no sample, or a soak was not flat */
	SM_EXIT_USAGE = 2,        /* bad usage or bad input; also: results cannot be written */
	SM_EXIT_UNABLE = 3,       /* this machine cannot do it */
	SM_EXIT_INCONCLUSIVE = 4, /* interrupted: finished blocks were kept */
};

struct sm_noise;

struct sm_run_options {
	const char *root;               /* directory that holds scripts/ and .venv/ */
	const char *results;            /* directory that holds results/; NULL: root */
	const char *out_dir;            /* -o: the results folder itself; NULL: a new one */
	const char *host_name;          /* --name; NULL: gethostname() */
	char **argv;                    /* the command line, for the record; NULL-terminated */
	const char *const *attach;      /* "NAME=FILE.json", NULL-terminated; or NULL */
	const char *const *report_args; /* more arguments for the report script; or NULL */
	bool report;                    /* draw the report when the run is written */
	/* NULL, or (in tests) what a visit's noise is changed to before it is judged. */
	void (*meter)(int order, struct sm_noise *n);
};

/*
 * Measures the plan and writes a results folder. Progress and warnings go to stderr; the report
 * script's summary to stdout. Takes SIGINT and SIGTERM for its duration: the first ends the run
 * after killing what runs (finished blocks are kept, the file is marked incomplete), the second
 * at once; both leave no process behind. Makes the caller a child subreaper.
 *
 * Returns an enum sm_exit_code (>= 0). What is not SM_EXIT_GOOD has its one line in error, or
 * error->text is "" where lines on stderr have told it already. Never a negative number.
 */
int sm_run_all(const struct sm_plan *plan, const struct sm_run_options *opt,
	       struct sm_error *error);

#endif
