/* SPDX-License-Identifier: MIT */
/*
 * folder.h - the results folder of a run: results/HOST-KERNEL-STAMP, or one that the user names.
 */
#ifndef SM_FOLDER_H
#define SM_FOLDER_H

#include <stdbool.h>
#include <sys/types.h>

#include "driver.h"

/* What a report adds: summary.md, report.html, plots. */
#define SM_REPORT_PARTS 3

struct sm_folder {
	char path[512];
	char results[512]; /* its parent with the link `latest`; "" where the user named it */
	bool created;      /* by this run */
	ino_t had[SM_REPORT_PARTS]; /* parts of a report that were there before; 0: none */
};

/*
 * Makes the folder and proves that it can be written. 0 or -errno with one line in error.
 * Under sudo all that is made belongs to the calling user.
 */
int sm_folder_make(struct sm_folder *folder, const struct sm_run_options *opt,
		   struct sm_error *error);

/* Points `latest` at the folder, atomically. 0 or -errno. */
int sm_folder_latest(const struct sm_folder *folder);

/*
 * Gives the folder and all in it to the user who called sudo, or what this run has made in one that
 * was there before; nothing without sudo.
 */
void sm_folder_hand_over(const struct sm_folder *folder);

/* A file below the folder, written under a temporary name: open, then keep or drop. */
struct sm_draft {
	char name[600], temporary[640];
	int fd;
};
int sm_draft_open(struct sm_draft *d, const struct sm_folder *folder, const char *name);
int sm_draft_keep(struct sm_draft *d); /* fsync, rename; 0 or -errno */
void sm_draft_drop(struct sm_draft *d);

/* The name for this machine: opt's, or gethostname(), made safe for a path. */
void sm_host_name(const struct sm_run_options *opt, char *name, size_t size);

#endif
