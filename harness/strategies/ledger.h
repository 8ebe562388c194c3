/* SPDX-License-Identifier: MIT */
/*
 * ledger.h - a page that a parent and its server share, in which the kernel itself notes each child.
 *
 * A server that is killed between its clone and its word to the parent leaves a child of the parent
 * of which the parent knows nothing, and which it would never reap. CLONE_PARENT_SETTID writes the
 * pid before the clone returns, and before the child runs (linux:kernel/fork.c kernel_clone); so
 * what stands there and was not told of is that child. Children have no such page: MADV_DONTFORK.
 */
#ifndef SM_STRATEGIES_LEDGER_H
#define SM_STRATEGIES_LEDGER_H

#include <sys/types.h>

/* The parent's; all zero: there is none. */
struct sm_ledger {
	const volatile pid_t *newest;
	pid_t told; /* the last that the server has told of */
};

/* Parent: *fd is to be passed to the server, then closed. 0, or -errno and there is none. */
int sm_ledger_open(struct sm_ledger *l, int *fd);
void sm_ledger_close(struct sm_ledger *l);
/*
 * Parent: the server has ended, and all that it has said was heard. The one child of which it could
 * not tell, to be killed and reaped; 0: none.
 */
pid_t sm_ledger_orphan(const struct sm_ledger *l);

/* Server: where a clone is to note its child. Closes fd. NULL on error: then nothing is noted. */
pid_t *sm_ledger_take(int fd);

#endif
