/* SPDX-License-Identifier: MIT */
/*
 * recycle.h - what parent and worker say to each other.
 *
 * Frames over a socket pair that has no name: READY once, then one END to each SPAWN. SPAWN holds
 * a packed request (request.h) and the child's ends of three pipes.
 */
#ifndef SM_STRATEGIES_RECYCLE_H
#define SM_STRATEGIES_RECYCLE_H

#include <stdint.h>

enum sm_recycle_msg { SM_RECYCLE_READY = 1, SM_RECYCLE_SPAWN, SM_RECYCLE_END };

/* Of the request alone, whatever the worker has done before. */
struct sm_recycle_end {
	int64_t utime_ns, stime_ns, minflt, majflt, nvcsw, nivcsw;
	int32_t status; /* what a child would have exited with */
	int32_t zero;
};

#endif
