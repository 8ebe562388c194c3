/* SPDX-License-Identifier: MIT */
/*
 * isolation_util.h - a host that plants secrets and runs the isolation command, for tests. Every
 * wait is bounded; what goes wrong fails the test that called.
 */
#ifndef SM_TEST_ISOLATION_UTIL_H
#define SM_TEST_ISOLATION_UTIL_H

#include "../isolation/layout.h"

/* Bounds on what goes wrong, far beyond what a loaded machine needs: one step, all of them. */
#define STEP_MS  60000
#define WAIT_MS  150000
#define ROWS_MAX 128
#define SIBLINGS 4
#define PAD      "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" /* two make a padding */

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1 /* terabytes of shadow are left out of a scan, and "absent" becomes n/a */
#else
#define SANITIZED 0
#endif

/* A host under test and what its isolation command told. */
struct run {
	pid_t pid;
	int sock;
	uint16_t end;
	struct sm_fault fault;
	struct sm_msg_done done;
	struct sm_msg_finding row[ROWS_MAX];
	int rows;
	struct sm_msg_layout layout[SIBLINGS * SM_LAYOUT_ROWS];
	int layouts;
};

struct attacker {
	const char *name;
	uint32_t host_uid; /* 0: stays root */
	uint32_t attacker_uid;
	uint32_t undumpable;
};

extern const struct attacker iso_root, iso_same, iso_undumpable, iso_other;

/* Skips the test that called, unless this is root. */
void iso_need_root(void);

/* A file that was built beside the tests. Static storage, one call at a time. */
const char *iso_built(const char *name);

enum padding { BARE, PADDED };

/* Starts the host of a strategy, as this uid when it is not 0: skips where that cannot reach it. */
void iso_start(struct run *r, const char *strategy, uint32_t uid, enum padding padding);
/* OPEN with secrets; argv NULL: the payload none. */
void iso_open(struct run *r, const char *const *argv, const struct attacker *who);
/* Any command, to the end of its answer. */
void iso_say(struct run *r, uint16_t cmd, const void *data, size_t bytes);
void iso_command(struct run *r, const struct attacker *who, uint32_t timeout_ms);
/* CLOSE; the host ends well. */
void iso_close(struct run *r);

/* All of these. Nothing of it is left when it returns. Static storage: one run at a time. */
struct run *iso_run(const char *strategy, const struct attacker *who);

/* The one row of this name; fails without it. */
const struct sm_msg_finding *iso_find(const struct run *r, const char *secret, const char *attack,
				      const char *target);
/* Its outcome, with evidence. */
void iso_expect(const struct sm_msg_finding *f, int outcome);

#endif
