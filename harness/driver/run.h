/* SPDX-License-Identifier: MIT */
/*
 * run.h - what a run measured. run.c fills it, results.c writes it as run.json.
 */
#ifndef SM_RUN_H
#define SM_RUN_H

#include "../host/proto.h"
#include "plan.h"

/* Said wherever a figure of such a run is shown. */
#define SM_ICOUNT_NOTE "instructions under QEMU -icount, no cache misses, no time"

enum sm_accounting { SM_ACCT_NONE, SM_ACCT_CGROUP2, SM_ACCT_CGROUP1, SM_ACCT_RUSAGE };

/* CPU time in ns. */
struct sm_cpu {
	int64_t user_ns, system_ns, total_ns; /* -1: not known */
};

/* What disturbed a block while it was measured; see noise.h. -1: not known. */
struct sm_noise {
	int parts, cpus;         /* stretches that were metered (0: none), CPUs of the largest */
	int64_t wall_ns, cpu_ns; /* their length; and times the CPUs */
	int64_t steal_ns, others_ns, psi_some_ns;
	double psi_avg10, load1; /* percent at the end; at the beginning */
	int runnable;            /* tasks at the beginning, the driver too */
	int64_t khz_min, khz_sum, khz_max, khz_top;
	int khz_n;
};

/* One visit to a case, as it went. */
struct sm_block {
	int index, order;          /* block, and position of the visit within the run */
	int64_t at_ns;             /* CLOCK_MONOTONIC when it began */
	int instance;              /* pid of the server, 0: none */
	struct sm_sample *samples; /* warm-ups included, flagged */
	int nsamples, failed;      /* failed samples are among them, flagged */
	struct sm_cpu cpu;         /* parent, server and children over the measured command */
	int64_t steal_ns, nivcsw, majflt;
	struct sm_noise noise;
	unsigned int over; /* bounds that the noise exceeds: bits 1 << enum sm_bound */
	char noisy[160];   /* which, by how much */
	int rerun;         /* so often had the block been visited before */
	int rerun_of;      /* and the order of the last time */
	int64_t offered, missed,
		wall_ns; /* open loop: arrivals, those not tried; to the last end */
};

/* What the samples of one point say of a bound. */
enum sm_rate_verdict {
	SM_RATE_UNKNOWN,  /* too few to carry a p99, and the median is under the bound */
	SM_RATE_HOLDS,    /* ready p99 <= bound */
	SM_RATE_FAILS,    /* ready p99 > bound, overloaded, or spawns failed */
	SM_RATE_HOPELESS, /* even the fastest child is slower than the bound */
};

/* One rate that a capacity search tried. */
struct sm_point {
	double rate; /* children per second */
	int point;   /* the try's place in its block's search */
	enum sm_rate_verdict verdict;
	struct sm_block got; /* its samples, CPU … */
};

/* One throughput point of one block. */
struct sm_load {
	int block, order, point, cpus, in_flight; /* point: which pair of the case's lists */
	int64_t children, failed, wall_ns;
	struct sm_cpu cpu;
	int64_t rusage_ns, busy_ns; /* second and third meter; -1: not known */
	int64_t at_ns;
	struct sm_sample *samples; /* of all its hosts */
	int nsamples;
};

/* One look during a soak; -1: there is none, or it cannot be seen. */
struct sm_soak {
	int64_t spawns;
	int64_t parent_fds, server_fds, zombies, parent_rss_bytes, server_rss_bytes;
};

enum sm_memory_at { SM_AT_IDLE, SM_AT_READY, SM_AT_WORKED }; /* idle: made ahead, and waiting */

struct sm_memory {
	int alive;
	enum sm_memory_at at;
	char reason[120]; /* why it was not measured, "" when it was */
	int64_t pss, uss, rss, private_dirty, page_tables, minflt; /* bytes per child, means */
	int64_t server_pss, total_pss;
};

struct sm_case_error {
	int block, stage, err, count;
	char text[240];
};

struct sm_image {
	const char *who; /* "server", "parent" */
	int64_t rss_bytes, vmas, fds, threads;
	/* What a clone copies of page tables; see meter.c. */
	int64_t copied_bytes, copied_tables, anon_vmas;
};

struct sm_result {
	struct sm_block *blocks;
	int nblocks;
	struct sm_block *superseded; /* noisy ones that were visited again: kept, and not used */
	int nsuperseded;
	struct sm_load *superseded_loads; /* theirs */
	int nsuperseded_loads;
	struct sm_load *loads;
	int nloads;
	struct sm_point *points;
	int npoints;
	struct sm_memory *memory;
	int nmemory;
	struct sm_soak *soak;
	int nsoak;
	struct sm_msg_finding *findings;
	int nfindings;
	struct sm_msg_layout *layouts;
	int nlayouts;
	struct sm_case_error *errors;
	int nerrors;
	struct sm_image image;
	enum sm_accounting accounting;
	bool unavailable; /* it needs what this user or machine does not have; errors say what */
};

struct sm_run {
	const struct sm_plan *plan;
	struct sm_result *results; /* one per case */
	struct sm_msg_value *calibration;
	int ncalibration;
	int visits_done;
	int64_t *visit_at_ns;           /* when each visit began, CLOCK_MONOTONIC; 0: it did not */
	const char *incomplete;         /* NULL, or the reason */
	char started[32], finished[32]; /* UTC, ISO 8601 */
};

#endif
