/* SPDX-License-Identifier: MIT */
/*
 * conform_cell.h - one cell: a fresh host, one question, and a look at what is left.
 */
#ifndef SM_CONFORM_CELL_H
#define SM_CONFORM_CELL_H

#include "conform.h"
#include "hostproc.h"
#include "leftover.h"

/* What the cells of a run share. */
struct sm_asker {
	const struct sm_conform_run *run;
	struct sm_rig rig;
	struct sm_leftover left;
};

/*
 * Asks it; the cell has been decided on (sm_conform_decide()). Failures of the host are the cell's.
 * Returns 0; -EINTR when the user wants to stop (the cell stays as it was), -ENOMEM.
 */
int sm_conform_ask(struct sm_asker *a, int target, int row, struct sm_conform_cell *cell);

/* Asks a foreign host for its traits. 0 or -errno, with one line in error. */
int sm_conform_hello(struct sm_asker *a, struct sm_target *target, struct sm_error *error);

#endif
