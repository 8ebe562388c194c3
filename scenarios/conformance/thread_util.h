/* SPDX-License-Identifier: MIT */
/*
 * thread_util.h - a thread of the creator that holds something while a child is made, and a child
 * that may be stuck for ever.
 */
#ifndef SM_CONFORMANCE_THREAD_UTIL_H
#define SM_CONFORMANCE_THREAD_UTIL_H

#include "check/check.h"

/*
 * A child's next answer, or the proof that there will be none: -EDEADLK, and why. Proof is that it
 * sleeps on a private futex though it has no other thread that could wake it; or that it has used
 * far more CPU time than its work takes. Neither depends on how busy the machine is. Without proof
 * it is -EDEADLK after SM_STEP_MS, and `why` says that alone.
 */
int sm_answer_or_stuck(struct sm_cell *c, struct sm_kid *kid, struct sm_answer *answer, char *why,
		       size_t size);

/*
 * Spawns one child and judges: it answers, with its own verdict, or is stuck and fails. `while_`
 * says what it was that it may be stuck for: "while a thread of the creator is in malloc".
 */
int sm_verdict_or_stuck(struct sm_cell *c, const struct sm_req *req, const char *while_);

/*
 * The holder: a thread of the creator that sleeps until the parent says go, takes what it is to
 * hold, says so, and gives it back when it is told to. Uses words 0 to 2 and number 0 of the board.
 */
int sm_holder_start(struct sm_cell *c, void *(*run)(void *board)); /* in_creator; 0 or -errno */
int sm_holder_await(struct sm_board *board);                       /* in the thread: go */
void sm_holder_hold(struct sm_board *board); /* in the thread: has it; until let go */
int sm_holder_go(struct sm_cell *c);         /* in_parent: until it has it */
void sm_holder_let_go(struct sm_board *board);
/* in_parent: let go, and joined where the parent is the creator. */
void sm_holder_end(struct sm_cell *c);

/*
 * The whole of a parent's half: a child before the thread holds anything, which must answer; then
 * one while it does.
 */
int sm_while_held(struct sm_cell *c, const char *while_);

#endif
