/* SPDX-License-Identifier: MIT */
/*
 * canary.h - making canaries and recognising them without ever holding a copy.
 */
#ifndef SM_ISOLATION_CANARY_H
#define SM_ISOLATION_CANARY_H

#include "isolation.h"

/* Fills n bytes from getrandom(2). 0 or -errno. */
int sm_random_bytes(void *data, size_t n);

/*
 * Makes a canary in place: 16 characters of 64, 96 random bits. Text, so that it passes through
 * argv and environments of every runtime unchanged. 0 or -errno.
 */
int sm_canary_make(void *at);

/* A canary in its masked form alone, for its finder to plant. 0 or -errno. */
int sm_canary_new(struct sm_masked *masked, const struct sm_masked *mask);

/* XORs from into out; the same call masks and unmasks. They may be the same place. */
void sm_canary_mask(void *out, const void *from, const struct sm_masked *mask);

/* Whether the 16 bytes at data are the canary; compares under the mask. */
int sm_canary_is(const void *data, const struct sm_masked *masked, const struct sm_masked *mask);

/* Offset of the canary within n bytes, or -1. For short stretches: scan.h is for long ones. */
ssize_t sm_canary_find(const void *data, size_t n, const struct sm_masked *masked,
		       const struct sm_masked *mask);

/* Where it is in the environment of pid; 0: it is not there, or this process may not look. */
uint64_t sm_environ_find(pid_t pid, const struct sm_masked *canary, const struct sm_masked *mask);

#endif
