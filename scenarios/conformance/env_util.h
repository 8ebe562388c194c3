/* SPDX-License-Identifier: MIT */
/*
 * env_util.h - what the checks of the groups env and signal share.
 */
#ifndef SM_CONFORMANCE_ENV_UTIL_H
#define SM_CONFORMANCE_ENV_UTIL_H

#include <sys/types.h>

#include "check/check.h"

/*
 * For what a child inherits. in_creator puts n numbers of itself into board->n and returns
 * sm_creator_is(); in_child puts the same ones of its own into answer.n; the parent compares.
 */
int sm_creator_is(struct sm_cell *c, unsigned int n, bool changed, const char *what);
int sm_child_is(struct sm_cell *c, unsigned int n, const char *what);
int sm_like_creator(struct sm_cell *c);

/* The number of strings and a hash of all their bytes, in their order. */
void sm_digest(const char *const *strings, int64_t n[2]);

/*
 * Asks two children, one after the other: the first with `first` (which is told to change
 * something of its own), the second with the argument "look". 0 or -errno; answers of both.
 */
int sm_ask_two(struct sm_cell *c, const struct sm_req *first, struct sm_answer answers[2]);

/* One answer of a child with this request, whose exit has to be 0. 0 or -errno, with a fault. */
int sm_ask_one(struct sm_cell *c, const struct sm_req *req, struct sm_answer *answer);

/*
 * A request that must not come through: 0 and the fault when spawn() refused it or the child told
 * a setup failure and did not end with 0; -EPROTO when the child ran all the same.
 */
int sm_ask_refused(struct sm_cell *c, const struct sm_req *req, struct sm_fault *fault);

/* The caller's; for an instant it is 0. */
mode_t sm_umask(void);

/* A new file in $TMPDIR that the caller unlinks; path has room for 128. A descriptor or -errno. */
int sm_temp_path(char path[128]);

#endif
