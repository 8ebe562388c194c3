/* SPDX-License-Identifier: MIT */
/*
 * launch.h - fork or vfork, then exec: for the strategies popen and vfork, and for servers.
 *
 * A close-on-exec pipe carries {stage, errno, detail} of a step that failed between the two: so a
 * failed exec is an errno for the caller, never a child that exits with 127.
 */
#ifndef SM_STRATEGIES_LAUNCH_H
#define SM_STRATEGIES_LAUNCH_H

#include <signal.h>

#include "../spawnmark.h"

struct sm_berth;
struct sm_places;

#define SM_PASS_MAX   4
#define SM_PASS_FIRST 3 /* pass[i] is descriptor SM_PASS_FIRST + i of the new program */

/* What the child shall become. Everything stays the caller's. */
struct sm_launch {
	const char *const *argv; /* argv[0] is the path */
	const char *const *envp;
	const char *cwd; /* NULL: leave it */
	int stdio[3];    /* become 0, 1, 2 */
	int pass[SM_PASS_MAX];
	int npass;
	const struct sm_req *attr; /* whose fields apply; NULL: none */
	struct sm_places *places;  /* NULL: stdio alone, and pass. Spent by the child */
	struct sm_berth *berth;    /* its sandbox, open; NULL: none. Not with vfork */
	sigset_t mask;             /* of the new program */
	const sigset_t *handled; /* signals that have handlers; NULL: the child looks for itself */

	pid_t pid;  /* set by sm_launch_begin() */
	int report; /* both ends of the error pipe belong to the functions below */
	int report_child;
};

/* How the child comes into being: returns its pid or -errno; the child runs the launch. */
typedef pid_t sm_launch_clone(const struct sm_launch *launch);
sm_launch_clone sm_launch_fork;
sm_launch_clone sm_launch_vfork;

/* The caller's own signal mask, for launch->mask. */
void sm_launch_keep_mask(struct sm_launch *launch);

/* Makes the child. 0, or -errno with the fault filled and nothing left behind. */
int sm_launch_begin(struct sm_launch *launch, sm_launch_clone *clone, struct sm_fault *fault);

/*
 * Waits until the exec has succeeded. 0, or -errno with the fault filled; then the child has been
 * reaped. To be called once after a successful begin.
 */
int sm_launch_confirm(struct sm_launch *launch, int timeout_ms, struct sm_fault *fault);

#endif
