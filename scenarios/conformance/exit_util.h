/* SPDX-License-Identifier: MIT */
/*
 * exit_util.h - a child that ends as it is told.
 */
#ifndef SM_EXIT_UTIL_H
#define SM_EXIT_UTIL_H

#include "check/check.h"

/*
 * Halves of a child. Its argument is the status with which it exits, or minus the signal by which
 * it dies. The second tells that it is there, and waits for a byte or the end of its stdin first.
 */
int sm_exit_at_once(struct sm_cell *c);
int sm_exit_when_told(struct sm_cell *c);

/* One that waits, and has said so. On error there is none. */
int sm_exit_spawn(struct sm_cell *c, struct sm_kid *kid, const char *arg);
/* Lets it end, and waits until it has, without collecting it. 0 or -ETIMEDOUT. */
int sm_exit_let_go(struct sm_kid *kid);
/* Closes its descriptors, where the check itself has collected it. */
void sm_exit_forget(struct sm_kid *kid);

/* A wait status for a person. */
const char *sm_exit_text(int status, char *buf, size_t size);

#endif
