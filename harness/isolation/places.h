/* SPDX-License-Identifier: MIT */
/*
 * places.h - the kinds of place where a parent keeps a secret. Inside of the isolation suite.
 */
#ifndef SM_ISOLATION_PLACES_H
#define SM_ISOLATION_PLACES_H

#include "canary.h"

#define SM_PLACE_KINDS 12

/* What planting one secret came to. */
struct sm_place {
	void *at;        /* the canary in memory; NULL: none */
	int fd;          /* the descriptor that has it; -1: none */
	int is_masked;   /* masked is filled: nothing is left in memory to mask */
	char reason[72]; /* not planted, because */
	struct sm_masked masked;
};

/* What the places hold on to. */
struct sm_places {
	const struct sm_masked *mask;
	struct sm_secrets_room *room;
	unsigned char *heap[2];
	void *thread[2], *anon[2], *wipe[2], *dont[2];
	unsigned char *env_pad, *arg_pad;
	int memfd[2], pipe[2][2];
};

struct sm_place_kind {
	const char *name;
	int in_descriptor;
	/* Plants one. 0 also when *p got a reason instead; -errno is a reason too. */
	int (*plant)(struct sm_places *all, struct sm_place *p, enum sm_when when);
};

extern const struct sm_place_kind sm_place_kinds[SM_PLACE_KINDS];

/* mask and room stay the caller's. */
void sm_places_init(struct sm_places *all, const struct sm_masked *mask,
		    struct sm_secrets_room *room);
void sm_places_free(struct sm_places *all);

#endif
