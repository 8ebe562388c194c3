/* SPDX-License-Identifier: MIT */
/*
 * results.h - run.json, whole: run.schema.json describes it.
 */
#ifndef SM_RESULTS_H
#define SM_RESULTS_H

#include <jansson.h>

#include "driver.h"
#include "folder.h"
#include "run.h"

/*
 * Reads what --attach named: {NAME: content, …}. 0 or -EINVAL with one line in error (which also
 * tells NAMEs that run.json has no place for).
 */
int sm_attached_read(json_t **attached, const char *const *attach, struct sm_error *error);

/* The document; attached is borrowed, may be NULL. NULL: no memory. */
json_t *sm_results_make(const struct sm_run *run, const struct sm_run_options *opt,
			json_t *attached);

/* Writes run.json under a temporary name and renames it. 0 or -errno. */
int sm_results_write(const struct sm_run *run, const struct sm_run_options *opt, json_t *attached,
		     const struct sm_folder *folder);

#endif
