/* SPDX-License-Identifier: MIT */
/*
 * atfork.h - the fork handlers of every library, for a server that clones without libc's fork().
 *
 * libc keeps them to itself. So sm-atfork.so, preloaded into the server alone, sees each of them on
 * its way to libc (pthread_atfork(3) ends in __register_atfork, libc's in any case) and keeps what
 * it saw. A static program takes no preload: it is cloned without them, unless it has the same code
 * linked in.
 */
#ifndef SM_ATFORK_H
#define SM_ATFORK_H

#include <stddef.h>
#include <stdint.h>

/* To be called around a clone, in this order; child in the child alone, parent when it failed too. */
struct sm_atfork {
	uint32_t size;
	const size_t *count;   /* of registrations; 0: nothing is to be called */
	void (*prepare)(void); /* the last one registered first */
	void (*parent)(void);  /* in the order of registration; so is: */
	void (*child)(void);
};

/* The preloaded object's one symbol of ours. */
#define SM_ATFORK_SYMBOL "sm_atfork_calls"

extern const struct sm_atfork sm_atfork_calls;

typedef void sm_atfork_handler(void);
typedef int sm_atfork_register(sm_atfork_handler *prepare, sm_atfork_handler *parent,
			       sm_atfork_handler *child, void *dso);
/* libc's, which ours goes on to; NULL: it has none. */
sm_atfork_register *sm_atfork_next(void);

/* NULL: not preloaded. Not async-signal-safe. */
const struct sm_atfork *sm_atfork_find(void);

#endif
