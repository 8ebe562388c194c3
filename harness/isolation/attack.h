/* SPDX-License-Identifier: MIT */
/*
 * attack.h - what the order `attack` reads from its stdin and answers on its stdout.
 *
 * The host runs three children by it: an earlier one that leaves something behind, a sibling that
 * holds still, and the attacker. Host and child are the same build: structs travel as they are.
 */
#ifndef SM_ISOLATION_ATTACK_H
#define SM_ISOLATION_ATTACK_H

#include "isolation.h"

enum sm_attack_role {
	SM_ROLE_EARLIER = 1, /* plants `own` in heap and taint -> DONE */
	SM_ROLE_SIBLING, /* plants `own`, `file` -> DATA struct sm_sibling; until a byte or end of stdin */
	SM_ROLE_ATTACKER, /* -> DATA struct sm_msg_finding[] */
};

enum sm_victim { SM_VICTIM_PARENT, SM_VICTIM_SERVER, SM_VICTIM_SIBLING, SM_VICTIMS };

/* Whom to attack, and what proves that an attack went through. */
struct sm_victim_plan {
	int32_t pid;      /* 0: there is none */
	uint32_t has_env; /* env is filled */
	uint32_t alive;   /* the host vouches for it: who does not find it is kept from seeing it */
	int32_t fd;       /* descriptor whose file begins with `file`; -1: none */
	uint64_t addr;    /* where `memory` is; 0: the host may not look either */
	struct sm_masked memory; /* canary at addr */
	struct sm_masked env;    /* canary in its environment */
	char env_of[16]; /* whose environment it has: "its own"; a cloned image's is its origin's */
	struct sm_masked file;
};

/* A canary to look for in the attacker itself. */
struct sm_sought {
	char name[24];
	uint32_t in_descriptor;
	struct sm_masked masked;
};

#define SM_SOUGHT_MAX (SM_SECRETS + SM_SECRETS_EXTRA)
#define SM_STAY_UID   0xffffffffu

struct sm_attack {
	uint32_t size;
	uint32_t role;       /* enum sm_attack_role */
	uint32_t uid;        /* become it; SM_STAY_UID: stay */
	uint32_t undumpable; /* sibling: PR_SET_DUMPABLE 0 */
	uint32_t timeout_ms; /* bound on everything that the child does */
	uint32_t nsought;
	struct sm_masked mask;
	struct sm_masked own; /* earlier, sibling: what to plant; attacker: the taint to look for */
	struct sm_masked file; /* sibling: what its memfd gets */
	struct sm_victim_plan victim[SM_VICTIMS];
	struct sm_sought sought[SM_SOUGHT_MAX];
};

/* What the sibling tells. */
struct sm_sibling {
	uint64_t addr; /* of `own` */
	int32_t fd;    /* of the memfd */
	int32_t pid;
};

#define SM_FINDINGS_MAX (SM_SOUGHT_MAX + 8 * SM_VICTIMS)

/* Appends one row while there is room. */
struct sm_findings {
	uint32_t n;
	struct sm_msg_finding row[SM_FINDINGS_MAX];
};

/* "EPERM", or "error 123" in buf. */
const char *sm_errno_name(int err, char buf[24]);

/* One line; NULL when the table is full. */
struct sm_msg_finding *sm_findings_add(struct sm_findings *f, const char *secret,
				       const char *attack, const char *target);

#define SM_CONTROL_WHY 96

/*
 * The control, in the process where everything that is sought was planted: the attacker's own
 * scans. why[i] says why sought[i] was not found, or "". 0, or -errno when there was no memory.
 */
int sm_control(const struct sm_attack *a, char why[][SM_CONTROL_WHY]);

/* The attacks from outside: reach.c. Buffers belong to the caller and are wiped. */
void sm_reach_all(const struct sm_attack *a, struct sm_findings *f);

/* Taint: whether an earlier child's mark is still in this image; leaving one. */
void sm_taint_leave(const struct sm_masked *masked, const struct sm_masked *mask);
int sm_taint_seen(const struct sm_masked *masked, const struct sm_masked *mask);

#endif
