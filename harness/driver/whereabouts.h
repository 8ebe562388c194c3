/* SPDX-License-Identifier: MIT */
/*
 * whereabouts.h - where a spawnmark program has what belongs to it.
 */
#ifndef SM_WHEREABOUTS_H
#define SM_WHEREABOUTS_H

#include <limits.h>
#include <stdbool.h>

struct sm_whereabouts {
	char build[PATH_MAX]; /* where sm-host, checks.so and the payloads are */
	char root[PATH_MAX];  /* where scenarios/ and harness/ are */
	bool installed;       /* by `make install`: then there is no checkout */
};

/*
 * Of the program in the directory bin: those of a checkout above it, or of PREFIX where bin is
 * PREFIX/bin, or else of a checkout in the directory here, because `make B=` builds anywhere. 0, or
 * -ENOENT: none of these; then build is bin.
 */
int sm_whereabouts(struct sm_whereabouts *w, const char *bin, const char *here);

#endif
