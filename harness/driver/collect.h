/* SPDX-License-Identifier: MIT */
/*
 * collect.h - growing what a run measured. On -ENOMEM the old contents stay.
 */
#ifndef SM_COLLECT_H
#define SM_COLLECT_H

#include "run.h"

/* Room for one more of size bytes in *array of n, zeroed; NULL: no memory. Does not count it. */
void *sm_collect_one(void *array, int n, size_t size);

/* Appends n samples. 0 or -ENOMEM. */
int sm_collect_samples(struct sm_sample **samples, int *have, const struct sm_sample *more, int n);

/* Counts a fault of a block; those that are alike share one entry, named after its first block. */
void sm_collect_error(struct sm_result *r, int block, const struct sm_fault *fault, int count);

void sm_result_free(struct sm_result *r);

#endif
