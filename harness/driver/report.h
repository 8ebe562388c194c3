/* SPDX-License-Identifier: MIT */
/*
 * report.h - hands a finished folder to the report script.
 */
#ifndef SM_REPORT_H
#define SM_REPORT_H

#include "folder.h"

/*
 * Runs ROOT/scripts/report.py on the folder with the checkout's interpreter; its summary goes to
 * our stdout. Where it is not wanted, missing or fails, prints the folder and the command that
 * would report it. A run whose report cannot be drawn is still a good run.
 */
void sm_report(const struct sm_folder *folder, const struct sm_run_options *opt);

#endif
