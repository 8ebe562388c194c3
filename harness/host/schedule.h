/* SPDX-License-Identifier: MIT */
/*
 * schedule.h - when the children of an open loop are asked for: a sequence of instants that a seed
 * repeats, on any machine, whatever becomes of the children.
 */
#ifndef SM_HOST_SCHEDULE_H
#define SM_HOST_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto.h"

struct sm_schedule {
	enum sm_arrivals arrivals;
	uint32_t burst;
	double gap_ns;       /* mean, between two arrivals */
	double end_ns;       /* no arrival from here on */
	double at_ns;        /* of the last one */
	uint64_t made, seed; /* arrivals so far; state of the generator */
};

/* The schedule of cmd. 0; -EINVAL: a rate, burst or kind that cannot be. */
int sm_schedule_begin(struct sm_schedule *s, const struct sm_cmd_arrive *cmd);
/* The next arrival in ns after the beginning, ascending; false: there are no more. */
bool sm_schedule_next(struct sm_schedule *s, int64_t *offset_ns);
/* How many are left. Uses them up. */
uint32_t sm_schedule_rest(struct sm_schedule *s);

/* Exponentially distributed with mean 1. */
double sm_random_exponential(uint64_t *state);

#endif
