/* SPDX-License-Identifier: MIT */
/*
 * prepare.h - once per run, before the first block: warm files and bytecode, calibrate.
 */
#ifndef SM_PREPARE_H
#define SM_PREPARE_H

#include "hostproc.h"

/*
 * Runs every payload of the plan once as a plain program, so that the page cache is warm and
 * Python has written its bytecode before anything is measured; it never happens inside a sample.
 * A payload that fails is no error here: its case will say so. 0 or -EINTR.
 */
int sm_prepare_payloads(struct sm_rig *rig, const struct sm_plan *plan);

/*
 * Calibrates the machine in a host on the measured CPU, into run->calibration. 0, -EINTR, or
 * -errno with fault filled: the run can go on without.
 */
int sm_prepare_calibration(struct sm_rig *rig, struct sm_run *run, struct sm_fault *fault);

#endif
