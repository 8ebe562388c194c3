/* SPDX-License-Identifier: MIT */
/*
 * leftover.h - what a host leaves behind: processes, control groups, files, mounts. The driver is
 * the subreaper of all that a host starts, gives it a $TMPDIR of its own, and looks from outside.
 */
#ifndef SM_LEFTOVER_H
#define SM_LEFTOVER_H

#include "hostproc.h"
#include "mounts.h"

/* The most processes that are named. */
#define SM_LEFTOVER_SEEN 8

/* Hierarchies in which checks make groups. */
#define SM_LEFTOVER_HOMES 3

/* The places of a run. */
struct sm_leftover {
	int lock;     /* held on dir for as long as the run lives */
	char dir[72]; /* below it each host has its $TMPDIR */
	char tmp[96]; /* of the host at hand */
	char homes[SM_LEFTOVER_HOMES]
		  [512]; /* of the groups that checks make: of pids, memory, version 2 */
	pid_t host;      /* the one at hand; to be set when it has started */
	int next;        /* number of the next one */
	struct sm_mounts mounts;
	bool mounted;                 /* and that has changed since the host at hand was begun */
	pid_t seen[SM_LEFTOVER_SEEN]; /* processes that have been told; 0: none */
	int found;                    /* things that the host at hand left */
	char text[600];               /* which ones: "a process 12 (sleep), a file x" */
};

/*
 * Makes the folder of the run below $TMPDIR, else /tmp, and removes those of runs that were killed:
 * nobody holds their locks. 0 or -errno.
 */
int sm_leftover_open(struct sm_leftover *l);
/* Removes it with all that is in it. */
void sm_leftover_close(struct sm_leftover *l);

/* Makes the $TMPDIR of the next host and sets it for the rig's hosts. 0 or -errno. */
int sm_leftover_next(struct sm_leftover *l, struct sm_rig *rig);

/* While the host still lives and has done its command: what children has it not reaped? */
void sm_leftover_children(struct sm_leftover *l, const struct sm_hostproc *host);
/*
 * After the host was reaped, before anything is swept: adds what is left to found and text. Gives
 * processes that are just ending a moment to do so.
 */
void sm_leftover_look(struct sm_leftover *l, struct sm_rig *rig, const struct sm_hostproc *host);
/* After the sweep: removes the $TMPDIR, what is mounted in it, and the groups of the check. */
void sm_leftover_remove(struct sm_leftover *l);

#endif
