/* SPDX-License-Identifier: MIT */
/*
 * signal_util.h - what the files of the group signal share.
 *
 * A parent that may die is a fork of the host, in a group of its own, which starts the strategy:
 * what happens to its server and child when it is killed can be watched from outside.
 */
#ifndef SM_CONFORMANCE_SIGNAL_UTIL_H
#define SM_CONFORMANCE_SIGNAL_UTIL_H

#include "check/check.h"

struct sm_stand_in {
	pid_t pid;      /* the parent that stands in for the host */
	pid_t server;   /* 0: none */
	pid_t child;    /* of the strategy, up and waiting on its stdin */
	pid_t ppid;     /* of the child */
	char path[128]; /* a file for what the child has to say when nobody reads its stdout */
	int fd;
};

/*
 * Starts it; spawns one child with SM_ARG = its path, whose first answer has arrived (n[0] its
 * parent's pid). 0, or what sm_trouble() takes.
 */
int sm_stand_in_start(struct sm_cell *c, struct sm_stand_in *s);
/* SIGKILL to the parent, and its reaping. Idempotent. */
void sm_stand_in_kill(struct sm_stand_in *s);
/* Ends all that is left: parent, server, child. Whether they were gone already does not matter. */
void sm_stand_in_end(struct sm_stand_in *s);

/*
 * Runs half in a fork of the host that leads a session with a terminal of its own, whose master is
 * given. The verdict is the cell's own. Its strategy is stopped when half returns.
 */
int sm_in_session(struct sm_cell *c, int (*half)(struct sm_cell *c, int master));

/* Waits until no process of the group is left but zombies. 0 or -ETIMEDOUT. */
int sm_await_no_group(pid_t group, int timeout_ms);

/* As /proc spells sets of signals; glibc keeps two for itself. */
#define SM_BIT(sig) (UINT64_C(1) << ((sig)-1))
#define SM_LIBC_OWN (SM_BIT(32) | SM_BIT(33))

/* "SigBlk" and the like of a process, by the kernel. */
uint64_t sm_signals_of(pid_t pid, const char *key);

/* In a child: n gets what it blocks, catches, ignores and has pending, but for glibc's own. */
int sm_signal_child(struct sm_cell *c);

#endif
