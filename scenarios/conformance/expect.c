/* SPDX-License-Identifier: MIT */
/*
 * expect.c - what is expected where a strategy's traits do not tell. Every row says why.
 */
#include <stddef.h>

#include "check/check.h"

/* What libc's fork(3) does for a child of a threaded creator, and a raw clone does not. */
#define NO_REPAIR "a raw clone: fork(3) would make the lock anew, whose holder the child has not"
#define NO_TID    "a raw clone: libc goes on with the thread id of the server in its cache"

const struct sm_expect sm_expects[] = {
	{ "signal.tty.interrupt", "zygote", false,
	  "its model's server leaves SIGINT at the default, so ^C ends it" },
	{ "thread.lock.malloc", "zygote", false, NO_REPAIR },
	{ "thread.lock.stdio", "zygote", false, NO_REPAIR },
	{ "thread.lock.loader", "zygote", false, NO_REPAIR },
	{ "thread.openblas.two", "zygote", false,
	  "a raw clone: OpenBLAS gives work to threads that the child has not; its fork handler, "
	  "which would stop them first, does not run" },
	{ "thread.tid.lock", "zygote", false, NO_TID },
	{ "thread.tid.unlock", "zygote", false, NO_TID },
	{ "thread.self.affinity", "zygote", false, NO_TID },
	{ "thread.self.policy", "zygote", false, NO_TID },
	{ "thread.mutex.robust", "zygote", false,
	  "a raw clone: the kernel is not told of the child's list of robust mutexes" },
	{ "thread.timer.again", "zygote", false,
	  "a raw clone: libc believes in its timer thread, which the child has not" },
	{ "random.python.module", "zygote", false,
	  "a raw clone runs no fork handlers: the module's state is the server's" },
	{ "memory.cost.parent", "popen", false,
	  "it forks before it execs, and fork copies the parent's page tables" },
	{ NULL, NULL, false, NULL },
};
const unsigned int sm_expect_count = sizeof(sm_expects) / sizeof(sm_expects[0]) - 1;
