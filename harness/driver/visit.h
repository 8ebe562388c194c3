/* SPDX-License-Identifier: MIT */
/*
 * visit.h - one visit to a case: fresh hosts, one block of its measurement, nothing left behind.
 */
#ifndef SM_VISIT_H
#define SM_VISIT_H

#include "hostproc.h"
#include "meter.h"
#include "noise.h"

/* What the functions of one visit share. */
struct sm_stay {
	struct sm_rig *rig;
	const struct sm_case *c;
	struct sm_result *r;
	int block, order;
	struct sm_fault fault;
};

/*
 * Measures one block of one case into its result. Failures of case and host are its errors, not
 * this function's: returns 0, -EINTR when the user wants to stop (nothing of the block is kept)
 * or -ENOMEM.
 */
int sm_visit(struct sm_rig *rig, const struct sm_case *c, struct sm_result *r, int block,
	     int order);

/* By kind; 0, 1 or -errno with stay->fault filled, as sm_hostproc_await(). */
int sm_visit_latency(struct sm_stay *stay);
int sm_visit_throughput(struct sm_stay *stay);
int sm_visit_memory(struct sm_stay *stay);
int sm_visit_isolation(struct sm_stay *stay);
int sm_visit_open(struct sm_stay *stay);
int sm_visit_capacity(struct sm_stay *stay);

/* Looks at parent and server after so many spawns of the block; see struct sm_soak. */
int sm_audit(struct sm_stay *stay, const struct sm_hostproc *host, int64_t spawns);

/* Steps that kinds share: a host on these CPUs, its strategy started, its image read. */
int sm_stay_host(struct sm_stay *stay, struct sm_hostproc *host, const struct sm_cpuset *cpus);
/* The same with a spec of the caller's; its job is filled in. */
int sm_stay_host_as(struct sm_stay *stay, struct sm_hostproc *host, struct sm_hostspec *spec,
		    bool plant_secrets);

/* If the message is a note, makes it an error of the case. Returns how many failures it counts. */
int sm_stay_note(struct sm_stay *stay, uint16_t type, const void *data, uint32_t bytes);

/* The CPU time of n hosts between two moments, by every meter there is. */
struct sm_tally {
	struct sm_cpu cgroup;
	int64_t server_ns, server_children_ns;
	struct sm_machine_time machine; /* of the CPUs in set; NULL: all */
	struct sm_noise_at noise;       /* not without a set */
};
void sm_tally_take(struct sm_tally *t, const struct sm_hostproc *hosts, int n,
		   const struct sm_cpuset *set);

/*
 * From two tallies and what the hosts and their samples say: cpu as the case's accounting has it,
 * *rusage_ns by the second meter (-1: not known).
 */
void sm_tally_between(const struct sm_tally *a, const struct sm_tally *b,
		      const struct sm_msg_done *done, int n, const struct sm_sample *samples,
		      int nsamples, enum sm_accounting accounting, struct sm_cpu *cpu,
		      int64_t *rusage_ns);

/* The block's noise, and its failures, from its samples and what happened between the tallies. */
void sm_block_finish(struct sm_block *b, const struct sm_tally *before,
		     const struct sm_tally *after, const struct sm_msg_done *done);

/* A host may be silent for so long while it does n spawns. */
int64_t sm_silence_ms(const struct sm_case *c, int n);

#endif
