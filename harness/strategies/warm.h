/* SPDX-License-Identifier: MIT */
/*
 * warm.h - what a server can do with its memory before its first child, so that a clone copies
 * less and a child faults less. Each is an option of its own (option.h), yes or no.
 *
 * What helps is the default: with NumPy, pandas and Arrow loaded, collapse takes a quarter off the
 * clone (1.41 to 1.06 ms) and a tenth off the child's whole CPU, trim and freeze a few per cent.
 *
 * prefault is not: a page costs 1.6 us when it is populated, and as much by its fault, for it is
 * the copy that takes the time. It helps who is cloned ahead of its request.
 */
#ifndef SM_STRATEGIES_WARM_H
#define SM_STRATEGIES_WARM_H

#include <sys/uio.h>

#include "../spawnmark.h"

struct sm_warm {
	int freeze;        /* the runtime's own: payload->before_serve */
	int trim;          /* malloc_trim: free memory is not copied */
	int collapse;      /* huge pages for what is loaded: a clone copies one entry for 512 */
	int prefault;      /* the child has its own copy of all that is loaded before it is ready */
	size_t huge_bytes; /* a huge page; 0: not asked, or there are none */
	struct iovec *heap; /* what that is; NULL: nothing */
	size_t nheap;
};

/* The names, as sm_ops.options has them. */
#define SM_WARM_OPTIONS "collapse", "freeze", "prefault", "trim"

/* Reads them, with what is good in general where none is given. 0 or -EINVAL with the fault. */
int sm_warm_read(struct sm_warm *warm, const char *options, struct sm_fault *fault);

/* Does them. What the kernel does not offer is left out: nothing depends on it. */
void sm_warm_server(struct sm_warm *warm, const struct sm_payload *payload);
void sm_warm_end(struct sm_warm *warm);

/* Child: what is left to it. Async-signal-safe. */
void sm_warm_child(const struct sm_warm *warm);

#endif
