/* SPDX-License-Identifier: MIT */
/*
 * child_util.h - the parent's side for tests of children: reading what they tell. Everything is
 * bounded by CU_WAIT_MS and asserts with cmocka.
 */
#ifndef SM_TEST_CHILD_UTIL_H
#define SM_TEST_CHILD_UTIL_H

#include <stddef.h>
#include <stdint.h>

#include "sys/sys.h"

#define CU_WAIT_MS 30000

struct cu_child {
	struct sm_stdio io;
	pid_t pid;
	int64_t born_ns; /* an instant before its birth */
	char text[4096]; /* what came on stdout and was no record */
	size_t ntext;
};

/* The next record on stdout; 0, or -errno. Text before it is kept. */
int cu_record(struct cu_child *c, struct sm_record *rec);
/* Closes what is left of its stdio and collects its wait status. */
int cu_finish(struct cu_child *c);

/* Whether a record of this kind is whole, and its instants are in order. */
void cu_expect_done(const struct cu_child *c, const struct sm_record *rec);
void cu_expect_fault(const struct cu_child *c, const struct sm_record *rec, int stage, int err);
/* The order hold, from READY to its end. */
void cu_expect_hold(struct cu_child *c);

#endif
