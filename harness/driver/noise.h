/* SPDX-License-Identifier: MIT */
/*
 * noise.h - what disturbed a block, by meters outside of what is measured, and when it was too much.
 *
 * A bound never looks at a sample: a block is not judged by what it found. Involuntary switches are
 * recorded but have no bound, since a parent and a child on one CPU make their own.
 */
#ifndef SM_NOISE_H
#define SM_NOISE_H

#include "meter.h"

/* The meters at one instant. */
struct sm_noise_at {
	int64_t at_ns;
	int cpus; /* those in the set */
	struct sm_machine_time machine;
	int64_t psi_some_ns;     /* -1: no /proc/pressure/cpu */
	double psi_avg10, load1; /* < 0: not known; the first in percent */
	int runnable;            /* tasks of the whole machine, the reader too; -1: not known */
	int64_t khz_min, khz_sum, khz_max,
		khz_top; /* of the set's clocks; top: the highest there is */
	int khz_n;       /* clocks read; 0 in most VMs */
};

/* root: "" or the directory of another /proc and /sys. set: the CPUs of the block. */
void sm_noise_take(const char *root, const struct sm_cpuset *set, struct sm_noise_at *at);

/*
 * Adds the time between two instants to a block's noise. ours_ns: CPU time of parent, server and
 * children in between, -1: not known.
 */
void sm_noise_add(struct sm_noise *n, const struct sm_noise_at *a, const struct sm_noise_at *b,
		  int64_t ours_ns);
/* Adds what was metered for a part of the block. */
void sm_noise_merge(struct sm_noise *n, const struct sm_noise *part);

/* The bounds, in the order in which a block's reasons are told. */
enum sm_bound { SM_BOUND_STEAL, SM_BOUND_OTHERS, SM_BOUND_PSI, SM_BOUND_CLOCK, SM_BOUND_COUNT };

/* "steal", … */
const char *sm_bound_name(enum sm_bound bound);
/* In percent; 0: none. */
int sm_bound_of(const struct sm_case *c, enum sm_bound bound);

/*
 * Which bounds of the case the noise exceeds: bits 1 << enum sm_bound. text: "steal 14 % > 10 %; …",
 * or "" when there is none.
 */
unsigned int sm_noise_judge(const struct sm_case *c, const struct sm_noise *n, char *text,
			    size_t size);

#endif
